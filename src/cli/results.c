/* Pictures and figures, from the run file alone. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "invproj/figure.h"
#include "invproj/file.h"
#include "invproj/png.h"

#define PATH_BYTES (4 * INV_NAME_MAX)

/* ---- pictures ---- */

/* A result that the command line names must not replace the picture of another. */
static inv_status picture_path(const cli_session *session, const char *path, const char *stem,
                               char **out)
{
    char name[2 * INV_NAME_MAX];
    const char *result = strrchr(path, '/') + 1;
    if (session->options->named)
        snprintf(name, sizeof name, "%s-%s.png", stem, result);
    else
        snprintf(name, sizeof name, "%s.png", stem);
    return inv_file_beside(session->path, name, out);
}

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

static inv_status read_class_names(const cli_session *session, captions *c)
{
    void *names = NULL;
    if (!session->net)
        return INV_OK;
    c->classes = inv_net_units(session->net, inv_net_depth(session->net));
    inv_status status = inv_calloc(c->classes, sizeof *c->names, "class names", &names);
    c->names = names;
    return status == INV_OK ? cli_class_names(session, c->classes, c->names) : status;
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
fail:
    return status;
}

/* What an image is of: a class, by its name where it has one, or a unit. */
static void write_captions(captions *c, const unsigned *label, const unsigned *unit,
                           const float *confidence, const float *judged, const float *value)
{
    for (size_t i = 0; i < c->n; i++) {
        char *text = c->text[i];
        size_t used = 0;
        if (label && label[i] < c->classes && c->names[label[i]])
            used += (size_t)snprintf(text, CAPTION_MAX, "%.20s", c->names[label[i]]);
        else if (label || unit)
            used += (size_t)snprintf(text, CAPTION_MAX, "%u", label ? label[i] : unit[i]);
        if (confidence)
            used += (size_t)snprintf(text + used, CAPTION_MAX - used, " %.3f", confidence[i]);
        if (judged)
            used += (size_t)snprintf(text + used, CAPTION_MAX - used, " %.2f", judged[i]);
        if (value && !confidence && isnan(value[i]))
            snprintf(text + used, CAPTION_MAX - used, " made");
        else if (value && !confidence)
            snprintf(text + used, CAPTION_MAX - used, " %.3g", value[i]);
        c->lines[i] = text;
    }
}

static inv_status captions_open(const cli_session *session, const char *path, size_t n, captions *c)
{
    const inv_run *run = session->run;
    void *text = NULL, *lines = NULL;
    void *label = NULL, *unit = NULL, *confidence = NULL, *judged = NULL, *value = NULL;
    inv_status status = INV_OK;
    c->n = n;
    INV_TRY(inv_calloc(n, sizeof *c->text, "captions", &text));
    c->text = text;
    INV_TRY(inv_calloc(n, sizeof *c->lines, "captions", &lines));
    c->lines = lines;
    INV_TRY(read_class_names(session, c));
    INV_TRY(read_numbers(run, path, "label", INV_UINT32, n, &label));
    INV_TRY(read_numbers(run, path, "unit", INV_UINT32, n, &unit));
    INV_TRY(read_numbers(run, path, "confidence", INV_FLOAT32, n, &confidence));
    INV_TRY(read_numbers(run, path, "judge_confidence", INV_FLOAT32, n, &judged));
    INV_TRY(read_numbers(run, path, "value", INV_FLOAT32, n, &value));
    write_captions(c, label, unit, confidence, judged, value);
fail:
    free(label);
    free(unit);
    free(confidence);
    free(judged);
    free(value);
    return status;
}

inv_status cli_draw(const cli_session *session, const char *path, const char *array,
                    const char *stem, const inv_sheet *sheet)
{
    char full[PATH_BYTES + INV_NAME_MAX], *picture = NULL;
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *memory = NULL;
    captions words = {0};
    inv_sheet drawn = *sheet;
    inv_status status = INV_OK;
    snprintf(full, sizeof full, "%s/%s", path, array);
    INV_TRY(inv_run_dims(session->run, full, &rank, dims));
    const inv_shape shape = {dims[1], dims[2], rank > 3 ? dims[3] : 1};
    const size_t count = dims[0] * inv_shape_size(shape);
    INV_TRY(inv_calloc(count, sizeof(float), "pictures", &memory));
    INV_TRY(inv_run_get(session->run, full, INV_FLOAT32, count, memory));
    INV_TRY(picture_path(session, path, stem, &picture));
    const inv_png_text texts[] = {{"Title", session->experiment->title}, {"Source", full}};
    if (sheet->captioned)
        INV_TRY(captions_open(session, path, dims[0], &words));
    drawn.captions = words.lines;
    INV_TRY(inv_png_write_sheet(picture, &drawn, memory, dims[0], shape, texts, 2));
    cli_note(&session->progress, "picture   %s", picture);
fail:
    captions_close(&words);
    free(memory);
    free(picture);
    return status;
}

/* ---- figures ---- */

static void print_range(inv_range range)
{
    char text[64] = "";
    if (range.low == range.high)
        snprintf(text, sizeof text, "%.4f", range.low);
    else if (range.low < range.high)
        snprintf(text, sizeof text, "%.4f to %.4f", range.low, range.high);
    printf("  %-17s", text);
}

static void print_figure(const cli_session *session, const char *name, const char *attribute,
                         inv_range here)
{
    printf("%-40s", name);
    print_range(inv_reference_find(&session->experiment->reference, attribute));
    print_range(here);
    putchar('\n');
}

/* Those of the table that stand at `path`, a result of `group`. */
static void print_group(const cli_session *session, const char *group, const char *path)
{
    char name[64];
    double value = 0.0;
    for (const inv_figure *f = inv_figures; f->attribute; f++) {
        if (strcmp(f->group, group) != 0 ||
            !inv_run_has_attribute(session->run, path, f->attribute) ||
            inv_run_real(session->run, path, f->attribute, &value) != INV_OK)
            continue;
        snprintf(name, sizeof name, "%s%s%s", strcmp(group, "network") == 0 ? "" : group,
                 strcmp(group, "network") == 0 ? "" : ": ", f->label);
        print_figure(session, name, f->attribute, (inv_range){value, value});
    }
}

static inv_status print_confidences(const cli_session *session, const char *group)
{
    char path[PATH_BYTES + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *memory = NULL;
    inv_range here = {1.0, 0.0};
    inv_status status = INV_OK;
    snprintf(path, sizeof path, "%s/confidence", group);
    if (!inv_run_has(session->run, path))
        return INV_OK;
    INV_TRY(inv_run_dims(session->run, path, &rank, dims));
    INV_TRY(read_numbers(session->run, group, "confidence", INV_FLOAT32, dims[0], &memory));
    const float *values = memory;
    for (size_t i = 0; values && i < dims[0]; i++) {
        here.low = fmin(here.low, values[i]);
        here.high = fmax(here.high, values[i]);
    }
    print_figure(session, "generated: confidence, lowest to highest", "confidence", here);
fail:
    free(memory);
    return status;
}

static void print_heading(const cli_session *session)
{
    printf("%-40s  %-17s  %s\n", "figure (on the test images)",
           session->experiment->reference.source, "this run");
}

inv_status cli_print_figures(const cli_session *session)
{
    const inv_experiment *experiment = session->experiment;
    char path[PATH_BYTES];
    print_heading(session);
    print_group(session, "network", "/network");
    snprintf(path, sizeof path, "/inverse/%s", experiment->inverse.name);
    print_group(session, "inverse", path);
    snprintf(path, sizeof path, "/generated/%s", experiment->generate.name);
    inv_status status = print_confidences(session, path);
    print_group(session, "generated", path);
    return status;
}

inv_status cli_print_result(const cli_session *session)
{
    const char *path = session->result;
    char group[INV_NAME_MAX];
    inv_status status = INV_OK;
    snprintf(group, sizeof group, "%.*s", (int)strcspn(path + 1, "/"), path + 1);
    bool has_figures = strcmp(group, "generated") == 0;
    for (const inv_figure *f = inv_figures; f->attribute; f++)
        has_figures = has_figures || strcmp(f->group, group) == 0;
    if (has_figures) {
        print_heading(session);
        status = print_confidences(session, path);
        print_group(session, group, path);
    }
    printf("%s: %s\n", session->path, path);
    return status;
}
