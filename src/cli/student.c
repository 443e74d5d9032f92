/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "student.h"

#include <stdlib.h>

#include "cause.h"
#include "generator.h"
#include "invproj/maker.h"
#include "invproj/student.h"

typedef struct lesson {
    gsl_matrix_float *images;
    uint16_t *labels;
} lesson;

static void lesson_close(lesson *l)
{
    inv_mat_free(l->images);
    free(l->labels);
}

static inv_status lesson_open(size_t n, size_t pixels, lesson *l)
{
    void *labels = NULL;
    inv_status status = inv_mat_alloc(n, pixels, "images to learn from", &l->images);
    if (status == INV_OK)
        status = inv_calloc(n, sizeof *l->labels, "classes", &labels);
    l->labels = labels;
    return status;
}

/* ---- where images come from ---- */

/* As many of each class as make INV_STUDENT_IMAGES. */
static inv_status draw(const cli_session *session, const cli_generator *g, lesson *l)
{
    const size_t classes = inv_net_units(g->net, 0) - g->latent;
    const size_t n = (INV_STUDENT_IMAGES + classes - 1) / classes * classes;
    void *memory = NULL;
    gsl_matrix_float *latent = NULL;
    inv_status status = INV_OK;
    INV_TRY(lesson_open(n, inv_shape_size(g->shape), l));
    INV_TRY(inv_calloc(n, sizeof(unsigned), "classes", &memory));
    INV_TRY(inv_mat_alloc(n, g->latent, "numbers", &latent));
    unsigned *classes_of = memory;
    for (size_t i = 0; i < n; i++)
        l->labels[i] = (uint16_t)(classes_of[i] = (unsigned)(i % classes));
    INV_TRY(inv_maker_latent(session->file.seed, g->spread, latent));
    INV_TRY(inv_maker_draw(g->net, latent, classes_of, l->images));
done:
    inv_mat_free(latent);
    free(memory);
    return status;
}

static inv_status read_result(const cli_session *session, const char *path, lesson *l)
{
    const inv_run *run = session->file.run;
    char image[CLI_PATH_BYTES + 8], label[CLI_PATH_BYTES + 8];
    const char *why = cli_cause_stale(run, path);
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *labels = NULL;
    inv_status status = INV_OK;
    snprintf(image, sizeof image, "%s/image", path);
    snprintf(label, sizeof label, "%s/label", path);
    if (why)
        INV_FAIL(INV_EDATA, "%s: %s: out of date: %s; make it again", session->file.path, path,
                 why);
    if (!inv_run_has(run, label))
        INV_FAIL(INV_EDATA, "%s: %s: holds no images of classes to learn from", session->file.path,
                 path);
    INV_TRY(inv_run_dims(run, label, &rank, dims));
    INV_TRY(lesson_open(dims[0], inv_net_units(session->materials.net, 0), l));
    INV_TRY(inv_calloc(dims[0], sizeof(uint32_t), label, &labels));
    INV_TRY(inv_run_get(run, label, INV_UINT32, dims[0], labels));
    INV_TRY(inv_run_get(run, image, INV_FLOAT32, dims[0] * l->images->size2, l->images->data));
    for (size_t i = 0; i < dims[0]; i++)
        l->labels[i] = (uint16_t)((uint32_t *)labels)[i];
done:
    free(labels);
    return status;
}

/* Of the generator of that name, else of the result. */
static inv_status find(const cli_session *session, const char *name, char path[CLI_PATH_BYTES],
                       lesson *l)
{
    cli_generator generator = {0};
    inv_status status = INV_OK;
    snprintf(path, CLI_PATH_BYTES, "/generator/%s", name);
    if (inv_run_has(session->file.run, path)) {
        INV_TRY(cli_generator_load(session->file.run, session->file.path, session->materials.net,
                                   &generator));
        INV_TRY(draw(session, &generator, l));
        goto done;
    }
    snprintf(path, CLI_PATH_BYTES, "/generated/%s", name);
    if (!inv_run_has(session->file.run, path))
        INV_FAIL(INV_EDATA, "%s: holds neither a generator nor generated images called '%s'",
                 session->file.path, name);
    INV_TRY(read_result(session, path, l));
done:
    cli_generator_free(&generator);
    return status;
}

/* ---- measuring ---- */

/* Where there are fewer real images than made ones, or classes of few, the student of real images has
 * fewer. */
static inv_status measure_real(const cli_session *session, size_t n, double *accuracy)
{
    const inv_dataset *data = session->materials.data;
    lesson real = {0};
    size_t found = 0;
    inv_status status = INV_OK;
    INV_TRY(lesson_open(n, data->train.pixels, &real));
    inv_student_real(data, real.images, real.labels, &found);
    if (found == 0)
        INV_FAIL(INV_EDATA, "student: %zu images are fewer than there are classes", n);
    if (found < n)
        cli_note(&session->progress, "student: beside %zu images there are %zu real ones", n,
                 found);
    const gsl_matrix_float images = inv_mat_head(real.images, found);
    INV_TRY(inv_student_measure(&images, real.labels, &data->pixels, data, session->file.seed,
                                accuracy));
done:
    lesson_close(&real);
    return status;
}

inv_status cli_student_measure(cli_session *session, const char *name, char path[CLI_PATH_BYTES])
{
    inv_run *run = session->file.run;
    lesson made = {0};
    double accuracy = 0.0, real = 0.0;
    inv_status status = INV_OK;
    INV_TRY(find(session, name, path, &made));
    const size_t n = made.images->size1;
    if (n < INV_STUDENT_IMAGES)
        cli_note(&session->progress,
                 "student: learns from %zu images; for a figure to compare, let there be %zu", n,
                 INV_STUDENT_IMAGES);
    INV_TRY(inv_student_measure(made.images, made.labels, &session->file.pixels,
                                session->materials.data, session->file.seed, &accuracy));
    INV_TRY(measure_real(session, n, &real));
    INV_TRY(inv_run_set_real(run, path, "student", accuracy));
    INV_TRY(inv_run_set_real(run, path, "student_real", real));
    INV_TRY(inv_run_set_size(run, path, "student_images", n));
done:
    lesson_close(&made);
    return status;
}
