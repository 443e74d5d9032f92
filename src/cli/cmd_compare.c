/* compare: the inverses of run files side by side, in figures and in pictures.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/inverse.h"
#include "invproj/png.h"
#include "quality.h"

#define COUNT_DEFAULT 10
#define TILE_LEAST    112 /* screen pixels of a tile's width; more where a caption needs them */
#define GAP           2
#define CAPTION_MAX   96

typedef struct own {
    const char *inverse, *out;
    uint64_t count; /* 0: not given */
} own;

static const cli_option own_options[] = {
    {'o', "out", "SHEET.png", "picture to draw: test images, and below them each inverse's",
     CLI_TEXT, .offset = offsetof(own, out)},
    {0, "count", "N", "number of test images in it, starting with the first (10)", CLI_NUMBER,
     .offset = offsetof(own, count)},
    {0, "inverse", "NAME", "the inverse to compare (default: all that are there)", CLI_TEXT,
     .offset = offsetof(own, inverse)},
    {.shared = CLI_JSON},
    {.shared = CLI_DATA},
    {.shared = CLI_THREADS},
    {.shared = CLI_QUIET},
    {.shared = CLI_HELP},
    {0}};

/* ---- the sheet ---- */

/* A row each inverse below that of the originals. */
typedef struct sheet {
    inv_shape shape;
    inv_pixels pixels;
    size_t n, rows;                /* images of a row, and rows that are filled */
    gsl_matrix_float *x;           /* the originals */
    float *images;                 /* [rows, n, pixels] */
    char (*captions)[CAPTION_MAX]; /* [rows, n] */
} sheet;

static void sheet_close(sheet *s)
{
    inv_mat_free(s->x);
    free(s->images);
    free(s->captions);
}

static size_t tile_width(const sheet *s)
{
    size_t widest = TILE_LEAST;
    for (size_t i = 0; i < s->rows * s->n; i++) {
        const size_t width = inv_png_caption_width(s->captions[i]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

static inv_sheet layout_of(const sheet *s)
{
    return (inv_sheet){.columns = s->n,
                       .zoom = (tile_width(s) + s->shape.width - 1) / s->shape.width,
                       .gap = GAP,
                       .scaling = INV_SCALING_FIXED,
                       .low = s->pixels.black,
                       .high = s->pixels.white};
}

/* Room for one more row, which *images and *captions are then. */
static inv_status add_row(sheet *s, float **images, char (**captions)[CAPTION_MAX])
{
    const size_t each = s->n * s->x->size2, rows = s->rows + 1;
    if (rows > SIZE_MAX / sizeof(float) / each)
        return INV_ERROR(INV_ENOMEM, "compare: a sheet of %zu rows is too large", rows);
    void *more = realloc(s->images, rows * each * sizeof *s->images);
    if (!more)
        return INV_ERROR(INV_ENOMEM, "compare: no memory for a sheet of %zu rows", rows);
    s->images = more;
    more = realloc(s->captions, rows * s->n * sizeof *s->captions);
    if (!more)
        return INV_ERROR(INV_ENOMEM, "compare: no memory for a sheet of %zu rows", rows);
    s->captions = more;
    *images = s->images + s->rows * each;
    *captions = s->captions + s->rows * s->n;
    s->rows = rows;
    return INV_OK;
}

/* The first run's test images are the ones that all are compared on. */
static inv_status start_sheet(sheet *s, const cli_session *session, size_t wanted)
{
    const inv_dataset *data = session->materials.data;
    float *images = NULL;
    char(*captions)[CAPTION_MAX] = NULL;
    inv_status status = INV_OK;
    s->n = wanted < data->test.count ? wanted : data->test.count;
    s->shape = data->shape;
    s->pixels = data->pixels;
    if (s->n == 0)
        INV_FAIL(INV_EDATA, "%s: the data have no test images to draw", session->file.path);
    INV_TRY(inv_mat_alloc(s->n, data->test.pixels, "images", &s->x));
    inv_part_rows(&data->test, 0, s->n, s->x);
    INV_TRY(add_row(s, &images, &captions));
    memcpy(images, s->x->data, s->n * s->x->size2 * sizeof *images);
    for (size_t i = 0; i < s->n; i++)
        snprintf(captions[i], CAPTION_MAX, "%u", data->test.labels[i]);
done:
    return status;
}

static inv_status check_same_images(const sheet *s, const cli_session *session)
{
    const inv_part *test = &session->materials.data->test;
    gsl_matrix_float *x = NULL;
    inv_status status = INV_OK;
    bool same = test->pixels == s->x->size2 && test->count >= s->n;
    if (same) {
        INV_TRY(inv_mat_alloc(s->n, test->pixels, "images", &x));
        inv_part_rows(test, 0, s->n, x);
        same = memcmp(x->data, s->x->data, s->n * test->pixels * sizeof *x->data) == 0;
    }
    if (!same)
        status = INV_ERROR(INV_EDATA,
                           "%s: its test images are others than those of the first run, so one "
                           "sheet cannot show both",
                           session->file.path);
done:
    inv_mat_free(x);
    return status;
}

/* What is written under an image: whose it is, and how far it is off. */
static void write_caption(const char *name, const float *x, const float *y, size_t pixels,
                          char out[CAPTION_MAX])
{
    double sum = 0.0;
    for (size_t j = 0; j < pixels; j++)
        sum += fabs((double)x[j] - (double)y[j]);
    snprintf(out, CAPTION_MAX, "%s %.3f", name, sum / (double)pixels);
}

/* What the inverse makes of the originals. */
static inv_status project(const sheet *s, cli_session *session, const char *path, const char *name,
                          gsl_matrix_float **y)
{
    const cli_materials *m = &session->materials;
    char *at = NULL;
    size_t point = 0;
    inv_status status = INV_OK;
    INV_TRY(cli_load_inverse(&session->file, &session->materials, name));
    INV_TRY(inv_run_text(session->file.run, path, "at", &at));
    INV_TRY(inv_net_point(m->net, at, &point));
    INV_TRY(inv_mat_alloc(s->n, s->x->size2, "images", y));
    INV_TRY(inv_inverse_project(m->net, m->inverse, point, s->x, *y, NULL, NULL));
done:
    free(at);
    return status;
}

/* Those that were searched for, which are of the first test images too. */
static inv_status take_images(const sheet *s, const cli_session *session, const char *path,
                              const char *name, gsl_matrix_float **y)
{
    inv_status status = INV_OK;
    INV_TRY(cli_inverse_images(session->file.run, path, s->x->size2, y));
    if ((*y)->size1 < s->n)
        INV_FAIL(INV_EDATA, "%s: '%s' is of %zu images, fewer than %zu; choose with --count",
                 session->file.path, name, (*y)->size1, s->n);
done:
    return status;
}

static inv_status draw_inverse(sheet *s, cli_session *session, const char *path, const char *name)
{
    gsl_matrix_float *y = NULL;
    float *images = NULL;
    char(*captions)[CAPTION_MAX] = NULL;
    inv_status status = INV_OK;
    INV_TRY(cli_inverse_is_net(session->file.run, path) ? project(s, session, path, name, &y)
                                                        : take_images(s, session, path, name, &y));
    INV_TRY(add_row(s, &images, &captions));
    memcpy(images, y->data, s->n * y->size2 * sizeof *images);
    for (size_t i = 0; i < s->n; i++)
        write_caption(name, s->x->data + i * y->size2, y->data + i * y->size2, y->size2,
                      captions[i]);
done:
    inv_mat_free(y);
    return status;
}

static inv_status write_sheet(const sheet *s, const char *path, const cli_progress *progress)
{
    static const inv_png_text texts[] = {
        {"Title", "inverses compared"},
        {"Description", "The first row are test images, with their classes; each row below is what "
                        "an inverse makes of them, with its name and the L1 per pixel."}};
    inv_sheet drawn = layout_of(s);
    void *memory = NULL;
    inv_status status = inv_calloc(s->rows * s->n, sizeof(char *), "captions", &memory);
    if (status != INV_OK)
        return status;
    const char **lines = memory;
    for (size_t i = 0; i < s->rows * s->n; i++)
        lines[i] = s->captions[i];
    drawn.captions = lines;
    status = inv_png_write_sheet(path, &drawn, s->images, s->rows * s->n, s->shape, texts, 2);
    if (status == INV_OK)
        cli_note(progress, "picture   %s", path);
    free(memory);
    return status;
}

/* ---- the runs ---- */

/* All that is made of the runs, one after the other. */
typedef struct comparison {
    const cli_options *options;
    const own *given;
    inv_table *table;
    sheet sheet;
} comparison;

/* Of a file that an older program measured, or none. */
static void note_unmeasured(const comparison *c, const char *path, const char *name)
{
    const inv_table_column *column = &c->table->columns[c->table->column_count - 1];
    for (size_t r = 0; r < c->table->row_count; r++)
        if (strcmp(c->table->rows[r]->attribute, "squared_error") == 0 &&
            isnan(column->cells[r].mean))
            cli_warn("          '%s' lacks figures, which this adds: invproj measure %s", name,
                     path);
}

static inv_status add_inverse(comparison *c, cli_session *session, const char *name)
{
    char path[CLI_PATH_BYTES];
    inv_status status = INV_OK;
    snprintf(path, sizeof path, "/inverse/%s", name);
    INV_TRY(inv_table_read(c->table, session->file.run, path));
    note_unmeasured(c, session->file.path, name);
    if (c->options->operand_count > 1) {
        inv_table_column *column = &c->table->columns[c->table->column_count - 1];
        column->run = strdup(session->file.path);
        if (!column->run)
            INV_FAIL(INV_ENOMEM, "%s: no memory", session->file.path);
    }
    if (c->given->out)
        INV_TRY(draw_inverse(&c->sheet, session, path, name));
done:
    return status;
}

/* The data of a run, which the sheet needs. */
static inv_status open_images(comparison *c, cli_session *session)
{
    const size_t wanted = c->given->count ? c->given->count : COUNT_DEFAULT;
    inv_status status = INV_OK;
    if (!session->file.experiment)
        INV_FAIL(INV_EDATA, "%s: holds no experiment, which names its data", session->file.path);
    INV_TRY(cli_load_data(&session->file, &session->materials));
    INV_TRY(c->sheet.rows ? check_same_images(&c->sheet, session)
                          : start_sheet(&c->sheet, session, wanted));
done:
    return status;
}

static inv_status add_run(comparison *c, const char *path)
{
    const char *only = c->given->inverse;
    cli_session session = {0};
    char(*names)[INV_NAME_MAX] = NULL;
    size_t all = 0, before = c->table->column_count;
    inv_status status = INV_OK;
    INV_TRY(cli_session_results(c->options, path, "invert", &session));
    if (c->given->out)
        INV_TRY(open_images(c, &session));
    if (inv_run_has(session.file.run, "/inverse"))
        INV_TRY(cli_group_names(session.file.run, "/inverse", &names, &all));
    for (size_t i = 0; i < all; i++)
        if (only ? strcmp(names[i], only) == 0 : cli_inverse_is_whole(session.file.run, names[i]))
            INV_TRY(add_inverse(c, &session, names[i]));
    INV_TRY(cli_inverse_is_there(&session.file, only, c->table->column_count - before));
done:
    free(names);
    cli_session_close(&session);
    return status;
}

static inv_status run(const cli_options *options)
{
    comparison c = {.options = options, .given = options->own};
    inv_status status = INV_OK;
    if (c.given->out)
        INV_TRY(cli_picture_place(c.given->out));
    INV_TRY(inv_table_alloc("inverse", &c.table));
    for (size_t i = 0; i < options->operand_count; i++)
        INV_TRY(add_run(&c, options->operands[i]));
    inv_table_mark(c.table);
    if (c.given->out) {
        cli_progress progress;
        cli_progress_open(&progress, options->quiet);
        INV_TRY(write_sheet(&c.sheet, c.given->out, &progress));
    }
    INV_TRY(options->json ? cli_table_json(c.table) : cli_table_print(c.table, "inverse"));
done:
    sheet_close(&c.sheet);
    inv_table_free(c.table);
    return status;
}

const cli_command cli_command_compare = {
    .name = "compare",
    .operands = "RUN.h5...",
    .summary = "compare inverses of one or several runs",
    .notes = "The figures are those that the run files hold; experiments/README.md tells what each "
             "means. An asterisk marks the best of a row, where it is better than every other by "
             "more than both standard errors.",
    .minimum = 1,
    .maximum = SIZE_MAX,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
