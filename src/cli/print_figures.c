/* Figures, from the run file alone.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/figure.h"
#include "quality.h"

#define PATH_BYTES (4 * INV_NAME_MAX)

static void print_range(inv_range range)
{
    char text[64] = "";
    if (range.low == range.high)
        snprintf(text, sizeof text, "%.4f", range.low);
    else if (range.low < range.high)
        snprintf(text, sizeof text, "%.4f to %.4f", range.low, range.high);
    printf("  %-17s", text);
}

/* No figures: where a command was asked for something else than the experiment that they are about. */
static const inv_reference unpublished = {"", {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}};

static bool changes_figures(const char *set)
{
    const char *key = set + strcspn(set, ".");
    return strncmp(key, ".name=", 6) != 0 && strncmp(key, ".sheet.", 7) != 0;
}

static const inv_reference *published(const cli_file *file)
{
    for (size_t i = 0; i < file->options->set_count; i++)
        if (changes_figures(file->options->sets[i]))
            return &unpublished;
    return &file->experiment->reference;
}

static void print_figure(const inv_reference *reference, const char *name, const char *attribute,
                         inv_range here)
{
    printf("%-40s", name);
    print_range(inv_reference_find(reference, attribute));
    print_range(here);
    putchar('\n');
}

/* Those of the table that stand at `path`, a result of `group`. */
static void print_group(const cli_file *file, const inv_reference *reference, const char *group,
                        const char *path)
{
    char name[64];
    double value = 0.0;
    for (const inv_figure *f = inv_figures; f->attribute; f++) {
        if (f->detail || strcmp(f->group, group) != 0 ||
            !inv_run_has_attribute(file->run, path, f->attribute) ||
            inv_run_real(file->run, path, f->attribute, &value) != INV_OK)
            continue;
        snprintf(name, sizeof name, "%s%s%s", strcmp(group, "network") == 0 ? "" : group,
                 strcmp(group, "network") == 0 ? "" : ": ", f->label);
        print_figure(reference, name, f->attribute, (inv_range){value, value});
    }
}

/* Which of the n images of a result are dead, which makes them none of a figure; the caller frees. */
static inv_status read_dead(const cli_file *file, const char *group, size_t n, unsigned char **dead)
{
    char path[PATH_BYTES + INV_NAME_MAX];
    void *memory = NULL;
    snprintf(path, sizeof path, "%s/dead", group);
    inv_status status = inv_calloc(n, 1, path, &memory);
    if (status == INV_OK && inv_run_has(file->run, path))
        status = inv_run_get(file->run, path, INV_UINT8, n, memory);
    *dead = memory;
    return status;
}

/* Whether the result is of generated images with the net's confidences; projections have those of their
 * originals, which are no figure. */
static bool has_confidences(const cli_file *file, const char *result)
{
    char path[PATH_BYTES + INV_NAME_MAX];
    snprintf(path, sizeof path, "%s/confidence", result);
    return strncmp(result, "/generated/", strlen("/generated/")) == 0 &&
           inv_run_has(file->run, path);
}

static inv_status print_confidences(const cli_file *file, const inv_reference *reference,
                                    const char *group)
{
    char path[PATH_BYTES + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *memory = NULL;
    unsigned char *dead = NULL;
    inv_range here = {1.0, 0.0};
    inv_status status = INV_OK;
    if (!has_confidences(file, group))
        return INV_OK;
    snprintf(path, sizeof path, "%s/confidence", group);
    INV_TRY(inv_run_dims(file->run, path, &rank, dims));
    INV_TRY(inv_calloc(dims[0], sizeof(float), path, &memory));
    INV_TRY(inv_run_get(file->run, path, INV_FLOAT32, dims[0], memory));
    const float *values = memory;
    INV_TRY(read_dead(file, group, dims[0], &dead));
    for (size_t i = 0; i < dims[0]; i++) {
        if (dead[i])
            continue;
        here.low = fmin(here.low, values[i]);
        here.high = fmax(here.high, values[i]);
    }
    print_figure(reference, "generated: confidence, lowest to highest", "confidence", here);
done:
    free(dead);
    free(memory);
    return status;
}

static void print_heading(const inv_reference *reference)
{
    printf("%-40s  %-17s  %s\n", "figure", reference->source, "this run");
}

/* Several inverses, side by side. */
static inv_status print_inverses(const cli_file *file)
{
    const inv_experiment *e = file->experiment;
    inv_table *table = NULL;
    char path[PATH_BYTES];
    inv_status status = INV_OK;
    INV_TRY(inv_table_alloc("inverse", &table));
    for (size_t i = 0; i < e->inverse_count; i++) {
        snprintf(path, sizeof path, "/inverse/%s", e->inverses[i].name);
        INV_TRY(inv_table_read(table, file->run, path));
    }
    inv_table_mark(table);
    INV_TRY(cli_table_print(table, "inverse"));
done:
    inv_table_free(table);
    return status;
}

/* Of images of classes, those of `generate` or of the generator. */
static inv_status print_generated(const cli_file *file, const char *name)
{
    const inv_reference *reference = &file->experiment->reference;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/generated/%s", name);
    inv_status status = print_confidences(file, reference, path);
    print_group(file, reference, "generated", path);
    return status;
}

inv_status cli_print_figures(const cli_file *file)
{
    const inv_experiment *experiment = file->experiment;
    const inv_reference *reference = &experiment->reference;
    char path[PATH_BYTES];
    print_heading(reference);
    print_group(file, reference, "network", "/network");
    snprintf(path, sizeof path, "/inverse/%s", experiment->inverse.name);
    if (experiment->inverse_count < 2)
        print_group(file, reference, "inverse", path);
    inv_status status = print_generated(file, experiment->generate.name);
    if (status == INV_OK && experiment->has_generator)
        status = print_generated(file, experiment->generator.name);
    return status == INV_OK && experiment->inverse_count > 1 ? print_inverses(file) : status;
}

inv_status cli_print_result(const cli_file *file)
{
    const inv_reference *reference = published(file);
    const char *path = file->result;
    char group[INV_NAME_MAX];
    inv_status status = INV_OK;
    snprintf(group, sizeof group, "%.*s", (int)strcspn(path + 1, "/"), path + 1);
    bool has_figures = has_confidences(file, path);
    for (const inv_figure *f = inv_figures; f->attribute && !has_figures; f++)
        has_figures = !f->detail && strcmp(f->group, group) == 0 &&
                      inv_run_has_attribute(file->run, path, f->attribute);
    if (has_figures) {
        print_heading(reference);
        status = print_confidences(file, reference, path);
        print_group(file, reference, group, path);
    }
    printf("%s: %s\n", file->path, path);
    return status;
}
