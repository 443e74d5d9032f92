/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "invproj/figure.h"
#include "invproj/inverse.h"

#define ERROR_ENDING "_error"

/* ---- measuring ---- */

inv_status cli_judge_load(const cli_progress *progress, const char *path, cli_judge *judge)
{
    char *name = strdup(path);
    cli_file other = {.path = name};
    cli_materials materials = {0};
    inv_status status = INV_OK;
    *judge = (cli_judge){.path = path};
    if (!name)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", path);
    INV_TRY(cli_open_run(NULL, progress, path, CLI_READ, &other.run));
    INV_TRY(cli_data_pixels(other.run, &judge->pixels));
    INV_TRY(cli_load_net(&other, &materials));
    judge->net = materials.net;
done:
    inv_run_free(other.run);
    free(name);
    return status;
}

/* A figure that there is not, is not there. */
static inv_status put(inv_run *run, const char *path, const char *name, double value)
{
    return isnan(value) ? inv_run_unset(run, path, name) : inv_run_set_real(run, path, name, value);
}

static inv_status put_quality(inv_run *run, const char *path, const inv_quality *quality)
{
    char name[INV_NAME_MAX];
    inv_status status = INV_OK;
    for (size_t k = 0; k < INV_QUALITIES && status == INV_OK; k++) {
        snprintf(name, sizeof name, "%s%s", inv_quality_names[k], ERROR_ENDING);
        status = put(run, path, inv_quality_names[k], quality->mean[k]);
        if (status == INV_OK)
            status = put(run, path, name, quality->error[k]);
    }
    return status;
}

inv_status cli_quality_measure(cli_session *session, const char *path, size_t point,
                               const cli_judge *judge, inv_quality *quality)
{
    const cli_materials *m = &session->materials;
    inv_measuring what = {.net = m->net,
                          .inverse = m->inverse,
                          .at = point,
                          .pixels = m->data->pixels,
                          .classes = m->data->classes};
    inv_status status = INV_OK;
    if (judge) {
        what.judge = judge->net;
        what.judge_pixels = judge->pixels;
    }
    INV_TRY(inv_measure_quality(&what, &m->data->test, quality));
    INV_TRY(put_quality(session->file.run, path, quality));
    INV_TRY(judge ? inv_run_set_text(session->file.run, path, "judge", judge->path)
                  : inv_run_unset(session->file.run, path, "judge"));
done:
    return status;
}

/* ---- reading ---- */

static double read_real(const inv_run *run, const char *path, const char *name)
{
    double value = 0.0;
    if (!inv_run_has_attribute(run, path, name) || inv_run_real(run, path, name, &value) != INV_OK)
        return NAN;
    return value;
}

static void read_text(const inv_run *run, const char *path, const char *name,
                      char out[INV_NAME_MAX])
{
    char *text = NULL;
    *out = 0;
    if (inv_run_has_attribute(run, path, name) && inv_run_text(run, path, name, &text) == INV_OK)
        snprintf(out, INV_NAME_MAX, "%s", text);
    free(text);
}

/* How long it took to learn: the last of its history's times. */
static inv_status read_seconds(const inv_run *run, const char *path, double *seconds)
{
    char full[2 * CLI_PATH_BYTES];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *values = NULL;
    inv_status status = INV_OK;
    *seconds = NAN;
    snprintf(full, sizeof full, "%s/history/seconds", path);
    if (!inv_run_has(run, full))
        return INV_OK;
    INV_TRY(inv_run_dims(run, full, &rank, dims));
    if (rank != 1 || dims[0] == 0)
        return INV_OK;
    INV_TRY(inv_calloc(dims[0], sizeof(float), full, &values));
    INV_TRY(inv_run_get(run, full, INV_FLOAT32, dims[0], values));
    *seconds = ((const float *)values)[dims[0] - 1];
done:
    free(values);
    return status;
}

inv_status cli_column_read(const inv_run *run, const char *name, cli_column *column)
{
    char path[CLI_PATH_BYTES], error[INV_NAME_MAX];
    *column = (cli_column){0};
    snprintf(path, sizeof path, "/inverse/%s", name);
    snprintf(column->name, sizeof column->name, "%s", name);
    read_text(run, path, "kind", column->kind);
    memmove(column->kind, inv_inverse_kind_now(column->kind),
            strlen(inv_inverse_kind_now(column->kind)) + 1);
    read_text(run, path, "at", column->at);
    for (size_t k = 0; k < INV_QUALITIES; k++) {
        snprintf(error, sizeof error, "%s%s", inv_quality_names[k], ERROR_ENDING);
        column->quality.mean[k] = read_real(run, path, inv_quality_names[k]);
        column->quality.error[k] = read_real(run, path, error);
    }
    return read_seconds(run, path, &column->seconds);
}

/* ---- telling ---- */

static const inv_figure *figure_of(const char *attribute)
{
    const inv_figure *f = inv_figures;
    while (f->attribute &&
           (strcmp(f->group, "inverse") != 0 || strcmp(f->attribute, attribute) != 0))
        f++;
    return f;
}

static bool is_better(const inv_figure *f, double a, double b)
{
    return f->better == INV_BETTER_HIGHER ? a > b : f->better == INV_BETTER_LOWER ? a < b : false;
}

/* Which column has the best of figure k; `count` where it is none's. */
static size_t best_of(const inv_figure *f, const cli_column *columns, size_t count, size_t k)
{
    size_t best = count;
    for (size_t c = 0; c < count && f->better != INV_BETTER_NEITHER; c++) {
        const double value = columns[c].quality.mean[k];
        if (!isnan(value) && (best == count || is_better(f, value, columns[best].quality.mean[k])))
            best = c;
    }
    return best;
}

static void print_cell(const char *text)
{
    printf(" %18s", text);
}

static void print_figure_row(const cli_column *columns, size_t count, size_t k)
{
    const inv_figure *f = figure_of(inv_quality_names[k]);
    const size_t best = count > 1 ? best_of(f, columns, count, k) : count;
    bool any = false;
    for (size_t c = 0; c < count; c++)
        any = any || !isnan(columns[c].quality.mean[k]);
    if (!any)
        return;
    printf("%-24s", f->label);
    for (size_t c = 0; c < count; c++) {
        char value[32] = "", error[32] = "", text[80] = "";
        const inv_quality *q = &columns[c].quality;
        if (!isnan(q->mean[k]))
            snprintf(value, sizeof value, f->format, q->mean[k]);
        if (!isnan(q->error[k]))
            snprintf(error, sizeof error, " (%.4f)", q->error[k]);
        snprintf(text, sizeof text, "%s%s%s", c == best ? "*" : "", value, error);
        print_cell(text);
    }
    putchar('\n');
}

void cli_columns_print(const cli_column *columns, size_t count, size_t images)
{
    char heading[64] = "figure";
    if (images > 0)
        snprintf(heading, sizeof heading, "%zu test images", images);
    printf("%-24s", heading);
    for (size_t c = 0; c < count; c++)
        print_cell(columns[c].name);
    printf("\n%-24s", "kind");
    for (size_t c = 0; c < count; c++)
        print_cell(columns[c].kind);
    printf("\n%-24s", "from");
    for (size_t c = 0; c < count; c++)
        print_cell(columns[c].at);
    printf("\n%-24s", "seconds");
    for (size_t c = 0; c < count; c++) {
        char text[32] = "";
        if (!isnan(columns[c].seconds))
            snprintf(text, sizeof text, "%.1f", columns[c].seconds);
        print_cell(text);
    }
    putchar('\n');
    for (size_t k = 0; k < INV_QUALITIES; k++)
        print_figure_row(columns, count, k);
    printf("Means over the images, with their standard errors%s.\n",
           count > 1 ? "; * is the best" : "");
}

static json_t *column_json(const cli_column *c)
{
    char error[INV_NAME_MAX];
    json_t *one = json_pack("{ss ss ss}", "name", c->name, "kind", c->kind, "at", c->at);
    bool good = one != NULL;
    if (good && !isnan(c->seconds))
        good = json_object_set_new(one, "seconds", json_real(c->seconds)) == 0;
    for (size_t k = 0; good && k < INV_QUALITIES; k++) {
        const inv_quality *q = &c->quality;
        snprintf(error, sizeof error, "%s%s", inv_quality_names[k], ERROR_ENDING);
        if (!isnan(q->mean[k]))
            good = json_object_set_new(one, inv_quality_names[k], json_real(q->mean[k])) == 0;
        if (good && !isnan(q->error[k]))
            good = json_object_set_new(one, error, json_real(q->error[k])) == 0;
    }
    if (good)
        return one;
    json_decref(one);
    return NULL;
}

inv_status cli_columns_json(const cli_column *columns, size_t count)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t c = 0; good && c < count; c++)
        good = json_array_append_new(list, column_json(&columns[c])) == 0;
    good = good && json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;
    if (good)
        putchar('\n');
    json_decref(list);
    return good ? INV_OK : INV_ERROR(INV_ENOMEM, "figures: no memory to print them");
}
