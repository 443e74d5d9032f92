/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/inverse.h"

#define ERROR_ENDING  "_error"
#define COLUMNS_FIRST 8

/* ---- a table ---- */

inv_status inv_table_alloc(const char *group, inv_table **out)
{
    void *memory = NULL, *rows = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    *out = NULL;
    for (const inv_figure *f = inv_figures; f->attribute; f++)
        count += strcmp(f->group, group) == 0;
    if (count == 0)
        return INV_ERROR(INV_EINVAL, "%s: no figure is of this group", group);
    INV_TRY(inv_calloc(1, sizeof **out, "table of figures", &memory));
    inv_table *table = memory;
    INV_TRY(inv_calloc(count, sizeof *table->rows, "table of figures", &rows));
    table->rows = rows;
    for (const inv_figure *f = inv_figures; f->attribute; f++)
        if (strcmp(f->group, group) == 0)
            table->rows[table->row_count++] = f;
    *out = table;
    return INV_OK;
done:
    free(memory);
    return status;
}

void inv_table_free(inv_table *table)
{
    if (!table)
        return;
    for (size_t c = 0; c < table->column_count; c++) {
        free(table->columns[c].run);
        free(table->columns[c].cells);
    }
    free(table->columns);
    free(table->rows);
    free(table);
}

/* Twice as many, so that adding many costs no more than each its share. */
static inv_status make_room(inv_table *table)
{
    const size_t room = table->room ? 2 * table->room : COLUMNS_FIRST;
    void *columns = NULL;
    if (table->column_count < table->room)
        return INV_OK;
    inv_status status = inv_calloc(room, sizeof *table->columns, "table of figures", &columns);
    if (status != INV_OK)
        return status;
    if (table->column_count > 0)
        memcpy(columns, table->columns, table->column_count * sizeof *table->columns);
    free(table->columns);
    table->columns = columns;
    table->room = room;
    return INV_OK;
}

inv_status inv_table_add(inv_table *table, const char *name, inv_table_column **out)
{
    void *cells = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(make_room(table));
    INV_TRY(inv_calloc(table->row_count, sizeof(inv_table_cell), "table of figures", &cells));
    inv_table_column *column = &table->columns[table->column_count++];
    *column = (inv_table_column){.images = NAN, .seconds = NAN, .cells = cells};
    snprintf(column->name, sizeof column->name, "%s", name);
    for (size_t r = 0; r < table->row_count; r++)
        column->cells[r] = (inv_table_cell){NAN, NAN, false};
    *out = column;
done:
    return status;
}

/* ---- reading ---- */

/* What is not there, or is no number, leaves the cell empty. */
static double read_real(const inv_run *run, const char *path, const char *name)
{
    double value = 0.0;
    if (!inv_run_has_attribute(run, path, name) || inv_run_real(run, path, name, &value) != INV_OK)
        return NAN;
    return isfinite(value) ? value : NAN;
}

static double read_count(const inv_run *run, const char *path, const char *name)
{
    uint64_t value = 0;
    if (!inv_run_has_attribute(run, path, name) || inv_run_size(run, path, name, &value) != INV_OK)
        return NAN;
    return (double)value;
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

inv_status inv_table_seconds(const inv_run *run, const char *path, double *seconds)
{
    char full[2 * INV_TEXT_MAX];
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

inv_status inv_table_read(inv_table *table, const inv_run *run, const char *path)
{
    char error[INV_NAME_MAX], kind[INV_NAME_MAX];
    inv_table_column *column = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_table_add(table, strrchr(path, '/') + 1, &column));
    read_text(run, path, "kind", kind);
    snprintf(column->kind, sizeof column->kind, "%s", inv_inverse_kind_now(kind));
    read_text(run, path, "at", column->at);
    column->images = read_count(run, path, "images");
    for (size_t r = 0; r < table->row_count; r++) {
        const char *attribute = table->rows[r]->attribute;
        snprintf(error, sizeof error, "%s%s", attribute, ERROR_ENDING);
        column->cells[r].mean = read_real(run, path, attribute);
        column->cells[r].error = read_real(run, path, error);
    }
    INV_TRY(inv_table_seconds(run, path, &column->seconds));
done:
    return status;
}

/* ---- telling ---- */

bool inv_table_has_row(const inv_table *table, size_t row)
{
    for (size_t c = 0; c < table->column_count; c++)
        if (!isnan(table->columns[c].cells[row].mean))
            return true;
    return false;
}

/* Whether a is better than b by more than both errors; an error that is not known is no small one. */
static bool is_clearly_better(inv_better better, const inv_table_cell *a, const inv_table_cell *b)
{
    const double gain = better == INV_BETTER_HIGHER ? a->mean - b->mean : b->mean - a->mean;
    return gain > a->error + b->error; /* false where one is NAN */
}

static void mark_row(inv_table *table, size_t row)
{
    const inv_better better = table->rows[row]->better;
    for (size_t c = 0; c < table->column_count; c++) {
        inv_table_cell *cell = &table->columns[c].cells[row];
        size_t others = 0, beaten = 0;
        for (size_t k = 0; k < table->column_count; k++) {
            const inv_table_cell *other = &table->columns[k].cells[row];
            const bool counts = k != c && !isnan(other->mean);
            others += counts;
            beaten += counts && is_clearly_better(better, cell, other);
        }
        cell->best = better != INV_BETTER_NEITHER && others > 0 && beaten == others;
    }
}

void inv_table_mark(inv_table *table)
{
    for (size_t r = 0; r < table->row_count; r++)
        mark_row(table, r);
}

void inv_table_text(const inv_table *table, size_t row, size_t column, char out[INV_TABLE_TEXT])
{
    const inv_table_cell *cell = &table->columns[column].cells[row];
    const char *format = table->rows[row]->format;
    char mean[INV_TABLE_TEXT / 2] = "", error[INV_TABLE_TEXT / 4] = "";
    *out = 0;
    if (isnan(cell->mean))
        return;
    snprintf(mean, sizeof mean, format, cell->mean);
    if (!isnan(cell->error))
        snprintf(error, sizeof error, format, cell->error);
    snprintf(out, INV_TABLE_TEXT, *error ? "%s (%s)" : "%s%s", mean, error);
}
