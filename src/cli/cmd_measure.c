/* measure: the figures of a run file's inverses, and the student of its images.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "quality.h"
#include "student.h"

#define LINE_BYTES ((size_t)1 << 26) /* images of a zero line, at most */

typedef struct own {
    const char *inverse, *frechet, *student;
    bool lines;
} own;

static const cli_option own_options[] = {{0, "inverse", "NAME",
                                          "the inverse to measure (default: all that are there)",
                                          CLI_TEXT, .offset = offsetof(own, inverse)},
                                         {0, "zero-lines", NULL,
                                          "beside them real images, the mean image and each "
                                          "class's mean",
                                          CLI_FLAG, .offset = offsetof(own, lines)},
                                         {.shared = CLI_JUDGE},
                                         {0, "frechet", "POINT",
                                          "with --judge: the Frechet distance to real images at "
                                          "that point of its net",
                                          CLI_TEXT, .offset = offsetof(own, frechet)},
                                         {0, "student", "NAME",
                                          "instead: how well a net reads the test images that "
                                          "learned from images of the generator, or generated "
                                          "images, of that name alone",
                                          CLI_TEXT, .offset = offsetof(own, student)},
                                         {.shared = CLI_JSON},
                                         {.shared = CLI_DATA},
                                         {.shared = CLI_THREADS},
                                         {.shared = CLI_QUIET},
                                         {.shared = CLI_HELP},
                                         {0}};

static inv_status measure_one(cli_session *session, const char *name, const own *given,
                              const cli_judge *judge, inv_frechet_real **real, inv_table *table)
{
    char path[CLI_PATH_BYTES], *at = NULL;
    inv_quality quality;
    size_t point = 0;
    inv_status status = INV_OK;
    snprintf(path, sizeof path, "/inverse/%s", name);
    INV_TRY(cli_inverse_is_net(session->file.run, path)
                ? cli_load_inverse(&session->file, &session->materials, name)
                : cli_load_net(&session->file, &session->materials));
    INV_TRY(inv_run_text(session->file.run, path, "at", &at));
    INV_TRY(inv_net_point(session->materials.net, at, &point));
    INV_TRY(cli_quality_measure(session, path, point, judge, &quality));
    if (given->frechet)
        INV_TRY(cli_quality_frechet(session, path, point, judge, given->frechet, real));
    INV_TRY(inv_table_read(table, session->file.run, path));
done:
    free(at);
    return status;
}

static inv_status measure_all(cli_session *session, const own *given, const cli_judge *judge,
                              inv_table *table)
{
    const char *only = given->inverse;
    inv_frechet_real *real = NULL;
    char(*names)[INV_NAME_MAX] = NULL;
    size_t all = 0;
    inv_status status = INV_OK;
    if (inv_run_has(session->file.run, "/inverse"))
        INV_TRY(cli_group_names(session->file.run, "/inverse", &names, &all));
    for (size_t i = 0; i < all; i++)
        if (only ? strcmp(names[i], only) == 0 : cli_inverse_is_whole(session->file.run, names[i]))
            INV_TRY(measure_one(session, names[i], given, judge, &real, table));
    INV_TRY(cli_inverse_is_there(&session->file, only, table->column_count));
done:
    inv_frechet_real_free(real);
    free(names);
    return status;
}

/* ---- zero lines ---- */

static inv_status add_line(const cli_session *session, const cli_judge *judge, size_t line,
                           size_t point, gsl_matrix_float *images, inv_table *table)
{
    const cli_materials *m = &session->materials;
    const inv_measuring what = {.net = m->net,
                                .images = images,
                                .at = point,
                                .pixels = m->data->pixels,
                                .classes = m->data->classes,
                                .judge = judge->net,
                                .judge_pixels = judge->pixels};
    inv_table_column *column = NULL;
    inv_quality q;
    inv_status status = INV_OK;
    INV_TRY(inv_zero_images(m->data, line, images));
    INV_TRY(inv_measure_quality(&what, &m->data->test, &q));
    INV_TRY(inv_table_add(table, inv_zero_lines[line].name, &column));
    snprintf(column->kind, sizeof column->kind, "zero line");
    snprintf(column->at, sizeof column->at, "%s", inv_net_point_name(m->net, point));
    column->images = (double)images->size1;
    for (size_t r = 0; r < table->row_count; r++)
        for (size_t k = 0; k < INV_QUALITIES; k++)
            if (strcmp(table->rows[r]->attribute, inv_quality_names[k]) == 0)
                column->cells[r] = (inv_table_cell){q.mean[k], q.error[k], false};
done:
    return status;
}

/* Their error at the point is at that of the first inverse. */
static inv_status add_lines(const cli_session *session, const cli_judge *judge, inv_table *table)
{
    const inv_part *test = &session->materials.data->test;
    const size_t most = LINE_BYTES / sizeof(float) / test->pixels + 1;
    gsl_matrix_float *images = NULL;
    size_t point = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_net_point(session->materials.net, table->columns[0].at, &point));
    INV_TRY(
        inv_mat_alloc(test->count < most ? test->count : most, test->pixels, "images", &images));
    for (size_t line = 0; line < INV_ZERO_LINES; line++)
        INV_TRY(add_line(session, judge, line, point, images, table));
done:
    inv_mat_free(images);
    return status;
}

/* ---- the command ---- */

static inv_status measure_inverses(cli_session *session, const cli_options *options,
                                   inv_table **table)
{
    cli_judge judge = {0};
    inv_status status = INV_OK;
    INV_TRY(cli_judge_load(&session->progress, options->judge, session->materials.net, &judge));
    INV_TRY(inv_table_alloc("inverse", table));
    INV_TRY(measure_all(session, options->own, &judge, *table));
    inv_table_mark(*table); /* before there are lines, of which none is the best */
    if (((const own *)options->own)->lines)
        INV_TRY(add_lines(session, &judge, *table));
done:
    cli_judge_free(&judge);
    return status;
}

static inv_status measure_student(cli_session *session, const char *name, inv_table **table)
{
    char path[CLI_PATH_BYTES], group[INV_NAME_MAX];
    inv_status status = INV_OK;
    INV_TRY(cli_student_measure(session, name, path));
    snprintf(group, sizeof group, "%.*s", (int)strcspn(path + 1, "/"), path + 1);
    INV_TRY(inv_table_alloc(group, table));
    INV_TRY(inv_table_read(*table, session->file.run, path));
done:
    return status;
}

/* What is said of inverses has no meaning beside --student. */
static inv_status check_options(const cli_options *options)
{
    const own *given = options->own;
    const char *beside = given->inverse   ? "--inverse"
                         : given->lines   ? "--zero-lines"
                         : given->frechet ? "--frechet"
                         : options->judge ? "--judge"
                                          : NULL;
    return given->student && beside
               ? INV_ERROR(INV_EINVAL, "%s: measures inverses, --student images; ask for one",
                           beside)
               : INV_OK;
}

static inv_status run(const cli_options *options)
{
    const char *student = ((const own *)options->own)->student;
    cli_session session = {0};
    inv_table *table = NULL;
    inv_status status = INV_OK;
    INV_TRY(check_options(options));
    INV_TRY(cli_session_open(options, options->operands[0], true, &session));
    if (session.materials.data->test.count == 0)
        INV_FAIL(INV_EDATA, "%s: the data have no test images to measure on", session.file.path);
    INV_TRY(cli_load_net(&session.file, &session.materials));
    INV_TRY(student ? measure_student(&session, student, &table)
                    : measure_inverses(&session, options, &table));
    INV_TRY(cli_file_save(&session.file));
    INV_TRY(options->json ? cli_table_json(table)
                          : cli_table_print(table, student ? "made by" : "inverse"));
done:
    inv_table_free(table);
    cli_session_close(&session);
    return status;
}

const cli_command cli_command_measure = {
    .name = "measure",
    .operands = "RUN.h5",
    .summary = "measure how good inverses, or generated images, are",
    .notes =
        "Each figure is kept with its inverse in the run file; experiments/README.md tells what "
        "each means.",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
