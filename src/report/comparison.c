/* Several runs beside each other: settings that differ, and figures, where runs that differ only by the seed are
 * one column with mean and spread.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "comparison.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "invproj/config.h"
#include "invproj/table.h"
#include "taken.h"

/* What is compared: the runs' experiments, flat, and which column each run is in. */
typedef struct comparison {
    const report_input *inputs;
    size_t count, columns;
    json_t **settings; /* [count]: "training.steps" to "2000" */
    size_t *column;    /* [count] */
    inv_status status;
} comparison;

static void check_memory(comparison *c, bool there)
{
    if (!there)
        c->status = INV_ERROR(INV_ENOMEM, "report: no memory for a comparison");
}

/* ---- settings ---- */

/* Leaves of `from` as "path.key": "value" in `to`. */
static void flatten(comparison *c, json_t *from, const char *path, json_t *to)
{
    char full[INV_TEXT_MAX];
    const char *key = NULL;
    json_t *value = NULL;
    size_t i = 0;
    json_object_foreach(from, key, value)
    {
        snprintf(full, sizeof full, "%s%s%s", path, *path ? "." : "", key);
        flatten(c, value, full, to);
    }
    json_array_foreach(from, i, value)
    {
        snprintf(full, sizeof full, "%s.%zu", path, i);
        flatten(c, value, full, to);
    }
    if (json_is_object(from) || json_is_array(from))
        return;
    char *text = json_dumps(from, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    check_memory(c, text && json_object_set_new(to, path, json_string(text)) == 0);
    free(text);
}

/* What does not decide what a run makes. */
static bool does_not_count(const char *key)
{
    static const char *const groups[] = {"title", "seed", "checkpoint", "reference", NULL};
    for (const char *const *group = groups; *group; group++) {
        const size_t length = strlen(*group);
        if (strncmp(key, *group, length) == 0 && (!key[length] || key[length] == '.'))
            return true;
    }
    return false;
}

/* "mnist.keras, d87deb7f": two models may have one name. */
static void take_model(comparison *c, const inv_run *run, json_t *to)
{
    char *file = NULL, *sha256 = NULL, text[INV_TEXT_MAX];
    if (inv_run_text(run, "/source", "file", &file) == INV_OK &&
        inv_run_text(run, "/source", "sha256", &sha256) == INV_OK) {
        snprintf(text, sizeof text, "%s, %.8s", file, sha256);
        check_memory(c, json_object_set_new(to, "model", inv_json_text(text)) == 0);
    }
    free(file);
    free(sha256);
}

/* The experiment that the run keeps, flat, and the name of its data; nothing of one that keeps none. That of
 * an imported model is none that anyone wrote: there the model is what differs. */
static json_t *read_settings(comparison *c, const inv_run *run)
{
    const bool is_imported = inv_run_has(run, "/source");
    char *text = NULL, *json = NULL;
    inv_config *config = NULL;
    json_t *flat = json_object(), *root = NULL, *value = NULL;
    const char *key = NULL;
    void *next = NULL;
    check_memory(c, flat);
    if (!is_imported && inv_run_has_attribute(run, "/", "experiment") &&
        inv_run_text(run, "/", "experiment", &text) == INV_OK &&
        inv_config_read_text("experiment", text, &config) == INV_OK &&
        inv_config_print(config, "", &json) == INV_OK)
        root = json_loads(json, 0, NULL);
    if (root)
        flatten(c, root, "", flat);
    json_object_foreach_safe(flat, next, key, value)
    {
        if (does_not_count(key))
            json_object_del(flat, key);
    }
    free(text);
    text = NULL;
    if (inv_run_has_attribute(run, "/", "dataset") &&
        inv_run_text(run, "/", "dataset", &text) == INV_OK)
        check_memory(c, json_object_set_new(flat, "dataset", inv_json_text(text)) == 0);
    if (is_imported)
        take_model(c, run, flat);
    json_decref(root);
    inv_config_free(config);
    free(json);
    free(text);
    return flat;
}

/* Runs of the same settings are one column, at the place of the first of them. */
static void find_columns(comparison *c)
{
    for (size_t i = 0; i < c->count && c->status == INV_OK; i++) {
        c->settings[i] = read_settings(c, c->inputs[i].run);
        c->column[i] = c->columns;
        for (size_t k = 0; k < i && c->column[i] == c->columns; k++)
            if (json_object_size(c->settings[i]) > 0 && json_equal(c->settings[i], c->settings[k]))
                c->column[i] = c->column[k];
        c->columns += c->column[i] == c->columns;
    }
}

static size_t first_of(const comparison *c, size_t column)
{
    size_t i = 0;
    while (c->column[i] != column)
        i++;
    return i;
}

static json_t *list_columns(comparison *c)
{
    json_t *list = json_array();
    for (size_t column = 0; column < c->columns; column++) {
        json_t *runs = json_array(), *seeds = json_array();
        for (size_t i = 0; i < c->count; i++) {
            uint64_t seed = 0;
            if (c->column[i] != column)
                continue;
            check_memory(c, json_array_append_new(runs, json_integer((json_int_t)i)) == 0);
            if (inv_run_has_attribute(c->inputs[i].run, "/", "seed") &&
                inv_run_size(c->inputs[i].run, "/", "seed", &seed) == INV_OK)
                check_memory(c, json_array_append_new(seeds, inv_json_count(seed)) == 0);
        }
        json_t *one =
            json_pack("{so so so}", "name", inv_json_text(c->inputs[first_of(c, column)].file),
                      "runs", runs, "seeds", seeds);
        check_memory(c, one && json_array_append_new(list, one) == 0);
    }
    return list;
}

static json_t *list_files(comparison *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->count; i++)
        check_memory(c, json_array_append_new(list, inv_json_text(c->inputs[i].file)) == 0);
    return list;
}

/* The value of each column; "" where it says nothing of it. */
static json_t *values_of(comparison *c, const char *key, bool *differ)
{
    json_t *values = json_array();
    const char *before = NULL;
    for (size_t column = 0; column < c->columns; column++) {
        const char *text =
            json_string_value(json_object_get(c->settings[first_of(c, column)], key));
        text = text ? text : "";
        *differ = *differ || (before && strcmp(before, text) != 0);
        before = text;
        check_memory(c, json_array_append_new(values, json_string(text)) == 0);
    }
    return values;
}

/* Those that differ, each once. */
static json_t *list_settings(comparison *c)
{
    json_t *list = json_array(), *seen = json_object(), *value = NULL;
    const char *key = NULL;
    for (size_t i = 0; i < c->count; i++) {
        json_object_foreach(c->settings[i], key, value)
        {
            bool differ = false;
            if (json_object_get(seen, key))
                continue;
            check_memory(c, json_object_set_new(seen, key, json_true()) == 0);
            json_t *values = values_of(c, key, &differ);
            if (differ)
                check_memory(c, json_array_append_new(
                                    list, json_pack("{ss sO}", "key", key, "values", values)) == 0);
            json_decref(values);
        }
    }
    json_decref(seen);
    return list;
}

/* ---- figures ---- */

/* Mean and deviation (of a sample, over the runs of a column) of what stands at `path`; how many have it. */
static size_t summarise(const comparison *c, size_t column, const char *path, const char *attribute,
                        inv_table_cell *cell)
{
    double sum = 0.0, squares = 0.0;
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        const double mean = n ? sum / (double)n : 0.0;
        for (size_t i = 0; i < c->count; i++) {
            double value = 0.0;
            if (c->column[i] != column || inv_run_has_attribute(c->inputs[i].run, path, "stale") ||
                !inv_run_has_attribute(c->inputs[i].run, path, attribute) ||
                inv_run_real(c->inputs[i].run, path, attribute, &value) != INV_OK)
                continue;
            sum += pass == 0 ? value : 0.0;
            n += pass == 0;
            squares += pass == 0 ? 0.0 : (value - mean) * (value - mean);
        }
    }
    cell->mean = n > 0 ? sum / (double)n : NAN;
    cell->error = n > 1 ? sqrt(squares / (double)(n - 1)) : NAN;
    return n;
}

static json_t *describe_row(comparison *c, const inv_table *table, size_t row, const char *path)
{
    const inv_figure *f = table->rows[row];
    json_t *cells = json_array();
    char text[64];
    for (size_t column = 0; column < table->column_count; column++) {
        const inv_table_cell *cell = &table->columns[column].cells[row];
        text[0] = 0;
        if (!isnan(cell->mean))
            snprintf(text, sizeof text, f->format, cell->mean);
        check_memory(c, json_array_append_new(cells, json_pack("{so so ss sb}", "mean",
                                                               inv_json_real(cell->mean), "spread",
                                                               inv_json_real(cell->error), "text",
                                                               text, "best", cell->best)) == 0);
    }
    return json_pack("{ss ss ss ss ss ss so}", "path", path, "attribute", f->attribute, "label",
                     f->label, "unit", f->unit, "meaning", f->meaning, "better",
                     f->better == INV_BETTER_HIGHER  ? "higher"
                     : f->better == INV_BETTER_LOWER ? "lower"
                                                     : "neither",
                     "cells", cells);
}

/* The figures of the results at `path`, of the table's group. */
static void list_result(comparison *c, const char *group, const char *path, json_t *list)
{
    inv_table *table = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_table_alloc(group, &table));
    for (size_t column = 0; column < c->columns; column++) {
        inv_table_column *added = NULL;
        INV_TRY(inv_table_add(table, "", &added));
        for (size_t row = 0; row < table->row_count; row++)
            (void)summarise(c, column, path, table->rows[row]->attribute, &added->cells[row]);
    }
    inv_table_mark(table);
    for (size_t row = 0; row < table->row_count; row++)
        if (inv_table_has_row(table, row))
            check_memory(c, json_array_append_new(list, describe_row(c, table, row, path)) == 0);
done:
    inv_table_free(table);
    if (status != INV_OK)
        c->status = status;
}

static bool has_figures(const char *group)
{
    const inv_figure *f = inv_figures;
    while (f->attribute && strcmp(f->group, group) != 0)
        f++;
    return f->attribute != NULL;
}

/* Each result that a run has, once. */
static void list_group(comparison *c, const char *group, json_t *list)
{
    char path[REPORT_PATH];
    void *memory = NULL;
    json_t *seen = json_object();
    inv_status status = inv_calloc(REPORT_RESULTS, INV_NAME_MAX, group, &memory);
    char(*names)[INV_NAME_MAX] = memory;
    for (size_t i = 0; i < c->count && status == INV_OK; i++) {
        const size_t count = inv_run_groups(c->inputs[i].run, group, names, REPORT_RESULTS);
        for (size_t k = 0; k < count; k++) {
            snprintf(path, sizeof path, "%s/%s", group, names[k]);
            if (json_object_get(seen, path))
                continue;
            check_memory(c, json_object_set_new(seen, path, json_true()) == 0);
            list_result(c, group + 1, path, list);
        }
    }
    if (status != INV_OK)
        c->status = status;
    json_decref(seen);
    free(memory);
}

static json_t *list_figures(comparison *c)
{
    json_t *list = json_array();
    list_result(c, "network", "/network", list);
    for (const char *const *group = inv_run_results; *group; group++)
        if (has_figures(*group + 1))
            list_group(c, *group, list);
    return list;
}

/* ---- the whole ---- */

inv_status report_comparison(const report_input *inputs, size_t count, json_t **out)
{
    comparison c = {.inputs = inputs, .count = count};
    void *settings = NULL, *column = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_calloc(count, sizeof(json_t *), "settings", &settings));
    INV_TRY(inv_calloc(count, sizeof(size_t), "columns", &column));
    c.settings = settings;
    c.column = column;
    find_columns(&c);
    INV_TRY(c.status);
    *out = json_pack("{so so so so}", "files", list_files(&c), "columns", list_columns(&c),
                     "settings", list_settings(&c), "figures", list_figures(&c));
    check_memory(&c, *out);
    status = c.status;
done:
    for (size_t i = 0; c.settings && i < count; i++)
        json_decref(c.settings[i]);
    free(settings);
    free(column);
    if (status != INV_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}
