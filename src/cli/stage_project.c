/* The stage that projects images through the net and back.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "invproj/encode.h"
#include "invproj/inverse.h"
#include "stage.h"

#define PATH_BYTES CLI_PATH_BYTES

/* What a projection works on and makes. */
typedef struct projection {
    gsl_matrix_float *originals, *images;
    unsigned *label, *predicted; /* label is NULL where the images come without */
    float *confidence;
} projection;

static void projection_close(projection *p)
{
    inv_mat_free(p->originals);
    inv_mat_free(p->images);
    free(p->label);
    free(p->predicted);
    free(p->confidence);
}

static inv_status projection_open(projection *p, size_t n, size_t pixels)
{
    void *predicted = NULL, *confidence = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_mat_alloc(n, pixels, "images", &p->originals));
    INV_TRY(inv_mat_alloc(n, pixels, "projections", &p->images));
    INV_TRY(inv_calloc(n, sizeof(unsigned), "classes", &predicted));
    p->predicted = predicted;
    INV_TRY(inv_calloc(n, sizeof(float), "confidences", &confidence));
    p->confidence = confidence;
done:
    return status;
}

/* How many test images are projected. */
static size_t test_count(const cli_session *session)
{
    const size_t wanted = session->file.experiment->project.images,
                 all = session->materials.data->test.count;
    return wanted < all ? wanted : all;
}

static inv_status check_test_images(const cli_session *session)
{
    if (session->materials.data->test.count > 0)
        return INV_OK;
    return INV_ERROR(INV_ECONFIG,
                     "project: %s has no test images; invproj project --images IMAGE... projects "
                     "others",
                     session->materials.data->name);
}

static inv_status take_test_images(cli_session *session, projection *p)
{
    const inv_part *test = &session->materials.data->test;
    const size_t n = test_count(session);
    void *label = NULL;
    inv_status status = INV_OK;
    INV_TRY(check_test_images(session));
    INV_TRY(projection_open(p, n, test->pixels));
    INV_TRY(inv_calloc(n, sizeof(unsigned), "labels", &label));
    p->label = label;
    inv_part_rows(test, 0, n, p->originals);
    for (size_t i = 0; i < n; i++)
        p->label[i] = test->labels[i];
done:
    return status;
}

/* Pictures count one each; an IDX file may fill what the count leaves. */
static inv_status take_given_images(cli_session *session, projection *p)
{
    const size_t wanted = session->file.experiment->project.images;
    cli_images images = {0};
    size_t used = 0;
    inv_status status = INV_OK;
    if (session->file.options->operand_count < 2)
        return INV_ERROR(INV_EINVAL, "--images: no image is given; usage: invproj project RUN.h5 "
                                     "--images IMAGE...");
    INV_TRY(cli_images_open(&session->file, session->materials.net, &images));
    const size_t maximum = images.file_count > wanted ? images.file_count : wanted;
    INV_TRY(projection_open(p, maximum, inv_net_units(session->materials.net, 0)));
    INV_TRY(cli_images_next(&images, maximum, p->originals, NULL, &used));
    if (used == 0)
        INV_FAIL(INV_EDATA, "--images: none of the files can be read");
    cli_images_advise(&images);
    p->originals->size1 = p->images->size1 = used;
done:
    cli_images_close(&images);
    return status;
}

static inv_status check_pictures(const cli_file *file, inv_shape shape, size_t n)
{
    const inv_experiment *e = file->experiment;
    inv_status status =
        cli_picture_check(file, shape, e->project.name, "originals", &e->project_sheet, n);
    return status == INV_OK ? cli_picture_check(file, shape, e->project.name, "projections",
                                                &e->project_sheet, n)
                            : status;
}

static inv_status project(cli_session *session)
{
    const inv_experiment *experiment = session->file.experiment;
    const inv_project_spec *spec = &experiment->project;
    char path[PATH_BYTES], *at = NULL, inverse_path[PATH_BYTES];
    projection p = {0};
    size_t point = 0;
    inv_status status = INV_OK;
    INV_TRY(cli_load_inverse(&session->file, &session->materials, spec->inverse));
    snprintf(inverse_path, sizeof inverse_path, "/inverse/%s", spec->inverse);
    INV_TRY(inv_run_text(session->file.run, inverse_path, "at", &at));
    INV_TRY(inv_net_point(session->materials.net, at, &point));
    INV_TRY(session->file.options->images ? take_given_images(session, &p)
                                          : take_test_images(session, &p));
    INV_TRY(check_pictures(&session->file, inv_net_shape(session->materials.net, 0),
                           p.originals->size1));
    INV_TRY(inv_inverse_project(session->materials.net, session->materials.inverse, point,
                                p.originals, p.images, p.confidence, p.predicted));
    const size_t n = p.originals->size1;
    INV_TRY(cli_result_open(&session->file, "projections", spec->name, spec->inverse,
                            inv_project_fields, spec, path));
    INV_TRY(cli_put_images(session->file.run, path, "original",
                           inv_net_shape(session->materials.net, 0), p.originals));
    INV_TRY(cli_put_images(session->file.run, path, "image",
                           inv_net_shape(session->materials.net, 0), p.images));
    if (p.label)
        INV_TRY(cli_put_classes(session->file.run, path, "label", p.label, n));
    INV_TRY(cli_put_classes(session->file.run, path, "predicted", p.predicted, n));
    INV_TRY(cli_put(session->file.run, path, "confidence", INV_FLOAT32, 1, &n, p.confidence,
                    INV_RUN_PLAIN));
    INV_TRY(cli_file_save(&session->file));
    INV_TRY(cli_draw(session, path, "original", "originals", &experiment->project_sheet));
    INV_TRY(cli_draw(session, path, "image", "projections", &experiment->project_sheet));
done:
    projection_close(&p);
    free(at);
    return status;
}

static inv_status check_project(const cli_session *session, inv_net *untrained)
{
    inv_status status = check_test_images(session);
    if (status == INV_OK)
        status = cli_stage_need_inverse(session->file.experiment, "project");
    return status == INV_OK
               ? check_pictures(&session->file, inv_net_shape(untrained, 0), test_count(session))
               : status;
}

const cli_stage cli_stage_project = {
    .name = "project",
    .group = "/projections",
    .has = offsetof(inv_experiment, has_project),
    .check = check_project,
    .run = project,
};
