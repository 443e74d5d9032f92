/* Pictures and figures, from the run file alone. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
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

inv_status cli_draw(const cli_session *session, const char *path, const char *array,
                    const char *stem, const inv_sheet *sheet)
{
    char full[PATH_BYTES + INV_NAME_MAX], *picture = NULL;
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *memory = NULL;
    inv_status status = INV_OK;
    snprintf(full, sizeof full, "%s/%s", path, array);
    INV_TRY(inv_run_dims(session->run, full, &rank, dims));
    const inv_shape shape = {dims[1], dims[2], rank > 3 ? dims[3] : 1};
    const size_t count = dims[0] * inv_shape_size(shape);
    INV_TRY(inv_calloc(count, sizeof(float), "pictures", &memory));
    INV_TRY(inv_run_get(session->run, full, INV_FLOAT32, count, memory));
    INV_TRY(picture_path(session, path, stem, &picture));
    const inv_png_text texts[] = {{"Title", session->experiment->title}, {"Source", full}};
    INV_TRY(inv_png_write_sheet(picture, sheet, memory, dims[0], shape, texts, 2));
    cli_note(&session->progress, "picture   %s", picture);
fail:
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

static void print_figure(const char *name, inv_range reference, inv_range here)
{
    printf("%-38s", name);
    print_range(reference);
    print_range(here);
    putchar('\n');
}

static void print_attribute(const cli_session *session, const char *path, const char *attribute,
                            const char *name, inv_range reference)
{
    double value = 0.0;
    if (inv_run_has_attribute(session->run, path, attribute) &&
        inv_run_real(session->run, path, attribute, &value) == INV_OK)
        print_figure(name, reference, (inv_range){value, value});
}

static inv_status print_confidences(const cli_session *session)
{
    const inv_reference *reference = &session->experiment->reference;
    char path[PATH_BYTES];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    float values[INV_LIST_MAX];
    inv_range here = {1.0, 0.0};
    snprintf(path, sizeof path, "/generated/%s/confidence", session->experiment->generate.name);
    if (!inv_run_has(session->run, path))
        return INV_OK;
    inv_status status = inv_run_dims(session->run, path, &rank, dims);
    if (status == INV_OK && (rank != 1 || dims[0] > INV_LIST_MAX))
        return INV_ERROR(INV_EFORMAT, "%s: %s: too long", session->path, path);
    if (status == INV_OK)
        status = inv_run_get(session->run, path, INV_FLOAT32, dims[0], values);
    for (size_t i = 0; status == INV_OK && i < dims[0]; i++) {
        here.low = fmin(here.low, values[i]);
        here.high = fmax(here.high, values[i]);
    }
    if (status == INV_OK)
        print_figure("generated: confidence, least to most", reference->confidence, here);
    return status;
}

inv_status cli_print_figures(const cli_session *session)
{
    const inv_reference *reference = &session->experiment->reference;
    char inverse[PATH_BYTES];
    snprintf(inverse, sizeof inverse, "/inverse/%s", session->experiment->inverse.name);
    printf("%-38s  %-17s  %s\n", "figure (on the test images)", reference->source, "this run");
    print_attribute(session, "/network", "accuracy", "test accuracy", reference->accuracy);
    print_attribute(session, inverse, "l1_per_pixel", "inverse: L1 per pixel",
                    reference->l1_per_pixel);
    print_attribute(session, inverse, "relative_l2", "inverse: relative L2",
                    reference->relative_l2);
    print_attribute(session, inverse, "same_class", "inverse: classified like its original",
                    reference->same_class);
    return print_confidences(session);
}
