/* Training curves: what was put down at each step, in at most as many points as a screen can show.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "taken.h"

#define POINTS 500 /* of a curve; of more steps, each is a mean */

static const struct chart {
    const char *title, *name; /* the array in history/ and in validation/ */
    inv_type type;
    const char *meaning;
} charts[] = {
    {"Loss", "loss", INV_FLOAT32,
     "what learning minimises, over each step's batch before the step"},
    {"Accuracy", "accuracy", INV_FLOAT32,
     "part of each step's batch that is classified as labelled, before the step"},
    {"Learning rate", "rate", INV_FLOAT32, "the optimiser's rate at each step"},
    {"Images kept", "kept", INV_UINT64,
     "images of each batch that the net is sure enough of to learn from"},
    {"Reconstruction", "reconstruction", INV_FLOAT32,
     "loss of the images drawn from their own codes, over each step's batch"},
    {"Divergence", "divergence", INV_FLOAT32,
     "how far the codes are from the numbers that are drawn, over each step's batch"},
    {"Student's agreement", "agreement", INV_FLOAT32,
     "part of each step's images that the student takes for what the net does"},
};

/* The value of row i. */
static double value_at(const void *values, inv_type type, size_t i)
{
    return type == INV_UINT64 ? (double)((const uint64_t *)values)[i]
                              : (double)((const float *)values)[i];
}

/* x = the last step of each share of the rows, y = the mean of its values. */
static json_t *points(report_run *r, const char *name, const uint64_t *step, const void *values,
                      inv_type type, size_t count)
{
    const size_t each = (count + POINTS - 1) / POINTS;
    json_t *series = report_object(r), *x = report_list(r), *y = report_list(r);
    for (size_t first = 0; first < count; first += each) {
        const size_t end = first + each < count ? first + each : count;
        double sum = 0.0;
        for (size_t i = first; i < end; i++)
            sum += value_at(values, type, i);
        report_append(r, x, inv_json_count(step[end - 1]));
        report_append(r, y, inv_json_real(sum / (double)(end - first)));
    }
    report_give_text(r, series, "name", "%s", name);
    report_give(r, series, "mean_of", inv_json_count(each));
    report_give(r, series, "x", x);
    report_give(r, series, "y", y);
    return series;
}

/* What stands in the folder `part` of the stage, "history" or "validation". */
static void take_series(report_run *r, const char *path, const char *part, const char *name,
                        const struct chart *chart, json_t *list)
{
    char folder[REPORT_PATH + INV_NAME_MAX];
    size_t count = 0;
    snprintf(folder, sizeof folder, "%s/%s", path, part);
    uint64_t *step = report_array(r, folder, "step", INV_UINT64, &count);
    void *values = step ? report_array_of(r, folder, chart->name, chart->type, count) : NULL;
    if (values)
        report_append(r, list, points(r, name, step, values, chart->type, count));
    free(values);
    free(step);
}

static void take_charts(report_run *r, const char *path, const char *stage, json_t *list)
{
    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        json_t *series = report_list(r);
        take_series(r, path, "history", "training", &charts[i], series);
        take_series(r, path, "validation", "validation", &charts[i], series);
        if (json_array_size(series) == 0) {
            json_decref(series);
            continue;
        }
        json_t *chart = report_object(r);
        report_give_text(r, chart, "title", "%s", charts[i].title);
        report_give_text(r, chart, "stage", "%s", stage);
        report_give_text(r, chart, "path", "%s", path);
        report_give_text(r, chart, "array", "%s", charts[i].name);
        report_give_text(r, chart, "meaning", "%s", charts[i].meaning);
        report_give(r, chart, "series", series);
        report_append(r, list, chart);
    }
}

/* Of a result, "/inverse/NAME": the stage is "inverse NAME". */
static json_t *take_result(report_run *r, const char *path)
{
    char stage[REPORT_PATH];
    json_t *list = report_list(r);
    const char *name = strrchr(path, '/');
    snprintf(stage, sizeof stage, "%.*s %s", (int)(name - path) - 1, path + 1, name + 1);
    take_charts(r, path, stage, list);
    return report_unless_empty(list);
}

json_t *report_curves(report_run *r)
{
    static const char *const groups[] = {"/inverse", "/generator", NULL};
    json_t *list = report_list(r), *one = NULL;
    size_t i = 0;
    take_charts(r, "/training", "training", list);
    for (const char *const *group = groups; *group; group++) {
        json_t *results = report_each(r, *group, take_result);
        json_array_foreach(results, i, one)
        {
            if (json_array_extend(list, one) != 0)
                report_append(r, list, NULL); /* which puts down that memory was short */
        }
        json_decref(results);
    }
    return report_unless_empty(list);
}
