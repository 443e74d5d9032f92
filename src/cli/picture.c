/* Pictures of what a run file holds: sheets, or with --single an image each. What they may be is
 * looked at before the work, not after it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/plural.h"
#include "cli.h"
#include "invproj/file.h"
#include "invproj/png.h"

#define PATH_BYTES (4 * INV_NAME_MAX)

/* ---- names and places ---- */

/* What stands before the names of a run file's pictures: of "net.h5" "net-", since several files may stand in
 * one folder; of run.h5, which has a folder of its own, nothing. */
static int name_length(const char *name)
{
    const size_t length = strlen(name), ending = strlen(".h5");
    if (strcmp(name, "run.h5") == 0)
        return 0;
    return (int)(length > ending && strcmp(name + length - ending, ".h5") == 0 ? length - ending
                                                                               : length);
}

/* "DIR/STEM.png", or the folder "DIR/STEM" of single images. A result that the command line names
 * must not replace the picture of another. */
static inv_status picture_path(const cli_file *file, const char *result, const char *stem,
                               char **out)
{
    const char *slash = strrchr(file->path, '/'), *own = slash ? slash + 1 : file->path;
    const int length = name_length(own);
    const bool named = file->options->named;
    char *name = NULL;
    if (asprintf(&name, "%.*s%s%s%s%s%s", length, own, length ? "-" : "", stem, named ? "-" : "",
                 named ? result : "", file->options->single ? "" : ".png") < 0)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", file->path);
    inv_status status = inv_file_beside(file->path, name, out);
    free(name);
    return status;
}

static inv_status single_path(const char *folder, size_t i, char **out)
{
    if (asprintf(out, "%s/%05zu.png", folder, i) >= 0)
        return INV_OK;
    *out = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory", folder);
}

inv_status cli_picture_place(const char *path)
{
    char *target = NULL;
    bool is_png = true;
    inv_status status = inv_file_target(path, &target);
    if (status == INV_OK && access(path, F_OK) == 0)
        status = inv_png_is(path, &is_png);
    free(target);
    if (status == INV_OK && !is_png)
        return INV_ERROR(
            INV_EIO,
            "%s: is there already and is not a PNG file, so it is not overwritten; move it away",
            path);
    return status;
}

/* ---- before the work ---- */

/* Each image by itself is a sheet of one, without gap or caption. */
static inv_sheet single_sheet(const inv_sheet *sheet)
{
    inv_sheet single = *sheet;
    single.columns = 1;
    single.gap = 0;
    single.captions = NULL;
    return single;
}

static inv_status check_singles(const char *folder, const inv_sheet *sheet, size_t count,
                                inv_shape shape)
{
    const inv_sheet single = single_sheet(sheet);
    inv_status status = inv_png_check_sheet(folder, &single, 1, shape);
    for (size_t i = 0; i < count && status == INV_OK; i++) {
        char *path = NULL;
        status = single_path(folder, i, &path);
        if (status == INV_OK)
            status = cli_picture_place(path);
        free(path);
    }
    return status;
}

static inv_status check_sheet(const char *path, const inv_sheet *sheet, size_t count,
                              inv_shape shape)
{
    static const char *const some = "";
    inv_sheet drawn = *sheet;
    drawn.captions = sheet->captioned ? &some : NULL; /* whose height counts */
    inv_status status = inv_png_check_sheet(path, &drawn, count, shape);
    if (status == INV_EINVAL)
        return INV_ERROR(status, "%s; --single draws each image by itself", inv_error_message());
    return status == INV_OK ? cli_picture_place(path) : status;
}

inv_status cli_picture_check(const cli_file *file, inv_shape shape, const char *result,
                             const char *stem, const inv_sheet *sheet, size_t count)
{
    char *path = NULL;
    if (file->alone)
        return INV_OK;
    inv_status status = picture_path(file, result, stem, &path);
    if (status == INV_OK)
        status = file->options->single ? check_singles(path, sheet, count, shape)
                                       : check_sheet(path, sheet, count, shape);
    free(path);
    return status;
}

/* ---- captions ---- */

/* What is written under the tiles, a line each, in one piece of memory. */
#define CAPTION_MAX (INV_NAME_MAX + 32)

typedef struct captions {
    size_t n;
    char (*text)[CAPTION_MAX];
    const char **lines;
    char **names; /* [classes]: each NULL where it has none */
    size_t classes;
} captions;

static void captions_close(captions *c)
{
    for (size_t i = 0; c->names && i < c->classes; i++)
        free(c->names[i]);
    free(c->names);
    free(c->text);
    free(c->lines);
}

static inv_status read_class_names(const inv_run *run, const inv_net *net, captions *c)
{
    void *names = NULL;
    if (!net)
        return INV_OK;
    c->classes = inv_net_units(net, inv_net_depth(net));
    inv_status status = inv_calloc(c->classes, sizeof *c->names, "class names", &names);
    c->names = names;
    return status == INV_OK ? cli_class_names(run, c->classes, c->names) : status;
}

/* The array `name` of the result, as long as its images are many; NULL where there is none. */
static inv_status read_numbers(const inv_run *run, const char *path, const char *name,
                               inv_type type, size_t n, void **out)
{
    char full[PATH_BYTES + INV_NAME_MAX];
    inv_status status = INV_OK;
    snprintf(full, sizeof full, "%s/%s", path, name);
    *out = NULL;
    if (!inv_run_has(run, full))
        return INV_OK;
    INV_TRY(inv_calloc(n, inv_type_size(type), full, out));
    INV_TRY(inv_run_get(run, full, type, n, *out));
done:
    return status;
}

/* Whether there is a name, and the letters of sheets have all of it. */
static bool can_be_drawn(const char *name)
{
    for (const char *c = name; c && *c; c++)
        if (*c < ' ' || *c > '~')
            return false;
    return name != NULL;
}

/* What an image is of: a class, by its name where it has one that can be drawn, or a unit. */
static void write_captions(captions *c, const unsigned *label, const unsigned *unit,
                           const float *confidence, const float *judged, const float *value,
                           const unsigned char *dead)
{
    for (size_t i = 0; i < c->n; i++) {
        char *text = c->text[i];
        size_t used = 0;
        if (label && label[i] < c->classes && can_be_drawn(c->names[label[i]]))
            used += (size_t)snprintf(text, CAPTION_MAX, "%.20s", c->names[label[i]]);
        else if (label || unit)
            used += (size_t)snprintf(text, CAPTION_MAX, "%u", label ? label[i] : unit[i]);
        c->lines[i] = text;
        if (dead && dead[i]) {
            snprintf(text + used, CAPTION_MAX - used, " dead");
            continue;
        }
        if (confidence)
            used += (size_t)snprintf(text + used, CAPTION_MAX - used, " %.3f", confidence[i]);
        if (judged)
            used += (size_t)snprintf(text + used, CAPTION_MAX - used, " %.2f", judged[i]);
        if (value && !confidence && isnan(value[i]))
            snprintf(text + used, CAPTION_MAX - used, " made");
        else if (value && !confidence)
            snprintf(text + used, CAPTION_MAX - used, " %.3g", value[i]);
    }
}

static inv_status captions_open(const inv_run *run, const inv_net *net, const char *path, size_t n,
                                captions *c)
{
    void *text = NULL, *lines = NULL;
    void *label = NULL, *unit = NULL, *confidence = NULL, *judged = NULL, *value = NULL,
         *dead = NULL;
    inv_status status = INV_OK;
    c->n = n;
    INV_TRY(inv_calloc(n, sizeof *c->text, "captions", &text));
    c->text = text;
    INV_TRY(inv_calloc(n, sizeof *c->lines, "captions", &lines));
    c->lines = lines;
    INV_TRY(read_class_names(run, net, c));
    INV_TRY(read_numbers(run, path, "label", INV_UINT32, n, &label));
    INV_TRY(read_numbers(run, path, "unit", INV_UINT32, n, &unit));
    INV_TRY(read_numbers(run, path, "confidence", INV_FLOAT32, n, &confidence));
    INV_TRY(read_numbers(run, path, "judge_confidence", INV_FLOAT32, n, &judged));
    INV_TRY(read_numbers(run, path, "value", INV_FLOAT32, n, &value));
    INV_TRY(read_numbers(run, path, "dead", INV_UINT8, n, &dead));
    write_captions(c, label, unit, confidence, judged, value, dead);
done:
    free(label);
    free(unit);
    free(confidence);
    free(judged);
    free(value);
    free(dead);
    return status;
}

/* ---- drawing ---- */

/* Images of one result, as the run file holds them, and what is said of each. */
typedef struct drawing {
    char source[PATH_BYTES + INV_NAME_MAX]; /* the array's path */
    size_t n;
    inv_shape shape;
    float *images;
    captions words;
} drawing;

static void drawing_close(drawing *d)
{
    captions_close(&d->words);
    free(d->images);
}

static inv_status drawing_open(const inv_run *run, const inv_net *net, const char *path,
                               const char *array, bool captioned, drawing *d)
{
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *memory = NULL;
    inv_status status = INV_OK;
    snprintf(d->source, sizeof d->source, "%s/%s", path, array);
    INV_TRY(inv_run_dims(run, d->source, &rank, dims));
    d->n = dims[0];
    d->shape = (inv_shape){dims[1], dims[2], rank > 3 ? dims[3] : 1};
    const size_t count = d->n * inv_shape_size(d->shape);
    INV_TRY(inv_calloc(count, sizeof(float), "pictures", &memory));
    d->images = memory;
    INV_TRY(inv_run_get(run, d->source, INV_FLOAT32, count, d->images));
    if (captioned)
        INV_TRY(captions_open(run, net, path, d->n, &d->words));
done:
    return status;
}

/* A scale that is the same for all tiles is that of the pixels, unless it is one around 0. */
static inv_sheet scaled(const inv_pixels *pixels, const inv_sheet *sheet)
{
    inv_sheet drawn = *sheet;
    if (sheet->scaling == INV_SCALING_FIXED && !(sheet->low < 0.0)) {
        drawn.low = pixels->black;
        drawn.high = pixels->white;
    }
    return drawn;
}

static inv_status draw_sheet(const cli_session *session, const drawing *d, const inv_sheet *sheet,
                             const char *picture)
{
    const inv_png_text texts[] = {{"Title", session->file.experiment->title},
                                  {"Source", d->source}};
    inv_sheet drawn = scaled(&session->file.pixels, sheet);
    drawn.captions = d->words.lines;
    inv_status status = cli_picture_place(picture);
    if (status == INV_OK)
        status = inv_png_write_sheet(picture, &drawn, d->images, d->n, d->shape, texts, 2);
    if (status == INV_OK)
        cli_note(&session->progress, "picture   %s", picture);
    return status;
}

/* FOLDER/00012.png; its texts say of which array it is the twelfth, from 0, and of what. */
static inv_status draw_single(const cli_file *file, const drawing *d, const inv_sheet *single,
                              const char *folder, size_t i)
{
    char source[sizeof d->source + 32], *path = NULL;
    const inv_sheet drawn = scaled(&file->pixels, single);
    snprintf(source, sizeof source, "%s[%zu]", d->source, i);
    const inv_png_text texts[] = {{"Title", file->experiment->title},
                                  {"Source", source},
                                  {"Description", d->words.lines ? d->words.lines[i] : ""}};
    inv_status status = single_path(folder, i, &path);
    if (status == INV_OK)
        status = cli_picture_place(path);
    if (status == INV_OK)
        status = inv_png_write_sheet(path, &drawn, d->images + i * inv_shape_size(d->shape), 1,
                                     d->shape, texts, d->words.lines ? 3 : 2);
    free(path);
    return status;
}

/* Takes away the images that an earlier, longer result left in the folder. */
static inv_status remove_more(const char *folder, size_t first)
{
    bool more = true;
    inv_status status = INV_OK;
    for (size_t i = first; status == INV_OK && more; i++) {
        char *path = NULL;
        status = single_path(folder, i, &path);
        more = status == INV_OK && access(path, F_OK) == 0 && cli_picture_place(path) == INV_OK &&
               unlink(path) == 0;
        free(path);
    }
    return status;
}

static inv_status draw_singles(const cli_session *session, const drawing *d, const inv_sheet *sheet,
                               const char *folder)
{
    const inv_sheet single = single_sheet(sheet);
    inv_status status = inv_file_make_folder(folder);
    for (size_t i = 0; i < d->n && status == INV_OK; i++) {
        if (cli_signal()) {
            cli_note(&session->progress, "pictures  %s: stopped; %s holds %s", folder,
                     session->file.path, inv_plural(d->n, "the image", "all images"));
            return CLI_STOPPED;
        }
        status = draw_single(&session->file, d, &single, folder, i);
    }
    if (status == INV_OK)
        status = remove_more(folder, d->n);
    if (status == INV_OK)
        cli_note(&session->progress, "pictures  %s: %zu %s", folder, d->n,
                 inv_plural(d->n, "image", "images"));
    return status;
}

inv_status cli_draw(const cli_session *session, const char *path, const char *array,
                    const char *stem, const inv_sheet *sheet)
{
    char *picture = NULL;
    drawing d = {0};
    inv_status status = INV_OK;
    if (session->file.alone)
        return INV_OK;
    INV_TRY(
        drawing_open(session->file.run, session->materials.net, path, array, sheet->captioned, &d));
    INV_TRY(picture_path(&session->file, strrchr(path, '/') + 1, stem, &picture));
    if (session->file.options->single)
        INV_TRY(draw_singles(session, &d, sheet, picture));
    else
        INV_TRY(draw_sheet(session, &d, sheet, picture));
done:
    drawing_close(&d);
    free(picture);
    return status;
}
