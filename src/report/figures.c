/* Figures: each with what it means, and what was published.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "invproj/figure.h"
#include "taken.h"

static const char *const better[] = {
    [INV_BETTER_NEITHER] = "neither", [INV_BETTER_HIGHER] = "higher", [INV_BETTER_LOWER] = "lower"};

/* "0.9961 to 0.9976", "0.9521"; "" where there is none. */
static void describe_range(inv_range range, const char *format, char *text, size_t size)
{
    text[0] = 0;
    if (range.low > range.high)
        return;
    int used = snprintf(text, size, format, range.low);
    if (range.low < range.high && used > 0 && (size_t)used + 4 < size) {
        memcpy(text + used, " to ", 5);
        snprintf(text + used + 4, size - (size_t)used - 4, format, range.high);
    }
}

/* What the experiment says was published, where it is about this result. */
static void take_published(report_run *r, const inv_figure *f, const char *result, json_t *to)
{
    const inv_experiment *e = r->in.experiment;
    char text[96];
    if (!e || (strcmp(f->group, "inverse") == 0 && strcmp(result, e->inverse.name) != 0) ||
        (strcmp(f->group, "generated") == 0 && strcmp(result, e->generate.name) != 0))
        return;
    describe_range(inv_reference_find(&e->reference, f->attribute), f->format, text, sizeof text);
    if (*text) {
        report_give_text(r, to, "published", "%s", text);
        report_give_text(r, to, "published_by", "%s", e->reference.source);
    }
}

static json_t *describe(report_run *r, const inv_figure *f, const char *path)
{
    const char *result = strcmp(f->group, "network") == 0 ? "" : strrchr(path, '/') + 1;
    json_t *one = report_object(r);
    report_give_text(r, one, "group", "%s", f->group);
    report_give_text(r, one, "result", "%s", result);
    report_give_text(r, one, "path", "%s", path);
    report_give_text(r, one, "attribute", "%s", f->attribute);
    report_give_text(r, one, "label", "%s", f->label);
    report_give_text(r, one, "unit", "%s", f->unit);
    report_give_text(r, one, "better", "%s", better[f->better]);
    report_give_text(r, one, "meaning", "%s", f->meaning);
    report_give(r, one, "detail", json_boolean(f->detail));
    take_published(r, f, result, one);
    return one;
}

/* Those of the table that stand at `path`. */
static void take_group(report_run *r, const char *group, const char *path, json_t *list)
{
    char name[INV_NAME_MAX + 8], text[64];
    for (const inv_figure *f = inv_figures; f->attribute; f++) {
        double value = 0.0, error = 0.0;
        if (strcmp(f->group, group) != 0 || !report_real(r, path, f->attribute, &value))
            continue;
        json_t *one = describe(r, f, path);
        snprintf(text, sizeof text, f->format, value);
        report_give(r, one, "value", inv_json_real(value));
        report_give_text(r, one, "text", "%s", text);
        snprintf(name, sizeof name, "%s_error", f->attribute);
        if (report_real(r, path, name, &error))
            report_give(r, one, "error", inv_json_real(error));
        report_append(r, list, one);
    }
}

/* The net's own confidence in what was generated, from the lowest to the highest; dead images are none. */
static void take_confidence(report_run *r, const char *path, json_t *list)
{
    static const inv_figure figure = {
        "generated",
        "confidence",
        "confidence, lowest to highest",
        "",
        "%.4f",
        INV_BETTER_HIGHER,
        "probability that the net itself gives to the intended class, over the images",
        false};
    size_t count = 0;
    inv_range range = {1.0, 0.0};
    float *values = report_array(r, path, "confidence", INV_FLOAT32, &count);
    unsigned char *dead = report_array_of(r, path, "dead", INV_UINT8, count);
    char text[96];
    for (size_t i = 0; values && i < count; i++)
        if (!dead || !dead[i]) {
            range.low = fmin(range.low, (double)values[i]);
            range.high = fmax(range.high, (double)values[i]);
        }
    describe_range(range, figure.format, text, sizeof text);
    if (values && *text) {
        json_t *one = describe(r, &figure, path);
        report_give(r, one, "low", inv_json_real(range.low));
        report_give(r, one, "high", inv_json_real(range.high));
        report_give_text(r, one, "text", "%s", text);
        report_append(r, list, one);
    }
    free(values);
    free(dead);
}

static void take_results(report_run *r, const char *group, json_t *list)
{
    char path[REPORT_PATH];
    void *memory = NULL;
    if (!report_got(r, inv_calloc(REPORT_RESULTS, INV_NAME_MAX, group, &memory)))
        return;
    char(*names)[INV_NAME_MAX] = memory;
    const size_t count = inv_run_groups(r->in.run, group, names, REPORT_RESULTS);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", group, names[i]);
        if (inv_run_has_attribute(r->in.run, path, "stale"))
            continue; /* its figures are of what is no longer there */
        if (strcmp(group, "/generated") == 0)
            take_confidence(r, path, list);
        take_group(r, group + 1, path, list);
    }
    free(memory);
}

json_t *report_figures(report_run *r)
{
    json_t *list = report_list(r);
    take_group(r, "network", "/network", list);
    for (const char *const *group = inv_run_results; *group; group++)
        take_results(r, *group, list);
    return report_unless_empty(list);
}
