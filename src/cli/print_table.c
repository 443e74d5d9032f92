/* Figures of several results side by side, as text and as JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/columns.h"
#include "base/json.h"
#include "quality.h"

/* ---- text ---- */

#define LABEL_WIDTH 24
#define CELL_MAX    256 /* of a run file's name no more is shown */

/* What stands above the figures, in this order. */
enum { HEAD_NAME, HEAD_RUN, HEAD_KIND, HEAD_AT, HEAD_IMAGES, HEAD_SECONDS, HEADS };
static const char *const heads[HEADS] = {[HEAD_NAME] = "",
                                         [HEAD_RUN] = "run",
                                         [HEAD_KIND] = "kind",
                                         [HEAD_AT] = "from",
                                         [HEAD_IMAGES] = "test images",
                                         [HEAD_SECONDS] = "seconds"};

static void head_text(const inv_table_column *column, int head, char out[CELL_MAX])
{
    const char *texts[HEADS] = {
        column->name, column->run ? column->run : "", column->kind, column->at, "", ""};
    snprintf(out, CELL_MAX, "%s", texts[head]);
    if (head == HEAD_IMAGES && !isnan(column->images))
        snprintf(out, CELL_MAX, "%.0f", column->images);
    if (head == HEAD_SECONDS && !isnan(column->seconds))
        snprintf(out, CELL_MAX, "%.1f", column->seconds);
}

static void cell_text(const inv_table *table, size_t row, size_t column, char out[CELL_MAX])
{
    char text[INV_TABLE_TEXT];
    inv_table_text(table, row, column, text);
    snprintf(out, CELL_MAX, "%s%s", table->columns[column].cells[row].best ? "*" : "", text);
}

/* The columns that the widest text of the column needs. */
static int width_of(const inv_table *table, size_t column)
{
    char text[CELL_MAX];
    int widest = 0;
    for (int head = 0; head < HEADS; head++) {
        head_text(&table->columns[column], head, text);
        widest = inv_text_width(text) > widest ? inv_text_width(text) : widest;
    }
    for (size_t row = 0; row < table->row_count; row++) {
        cell_text(table, row, column, text);
        widest = inv_text_width(text) > widest ? inv_text_width(text) : widest;
    }
    return widest;
}

/* To the right of its column. */
static void print_cell(const char *text, int width)
{
    printf("  %*s%s", width - inv_text_width(text), "", text);
}

static bool has_head(const inv_table *table, int head)
{
    char text[CELL_MAX] = "";
    for (size_t c = 0; c < table->column_count && !*text; c++)
        head_text(&table->columns[c], head, text);
    return *text != 0;
}

static void print_heads(const inv_table *table, const char *heading, const int *widths)
{
    char text[CELL_MAX];
    for (int head = 0; head < HEADS; head++) {
        if (!has_head(table, head))
            continue;
        inv_text_pad(stdout, head == HEAD_NAME ? heading : heads[head], LABEL_WIDTH);
        for (size_t c = 0; c < table->column_count; c++) {
            head_text(&table->columns[c], head, text);
            print_cell(text, widths[c]);
        }
        putchar('\n');
    }
}

static void print_row(const inv_table *table, size_t row, const int *widths)
{
    char text[CELL_MAX];
    if (!inv_table_has_row(table, row))
        return;
    inv_text_pad(stdout, table->rows[row]->label, LABEL_WIDTH);
    for (size_t c = 0; c < table->column_count; c++) {
        cell_text(table, row, c, text);
        print_cell(text, widths[c]);
    }
    putchar('\n');
}

static bool has_errors(const inv_table *table)
{
    for (size_t c = 0; c < table->column_count; c++)
        for (size_t row = 0; row < table->row_count; row++)
            if (!isnan(table->columns[c].cells[row].error))
                return true;
    return false;
}

inv_status cli_table_print(const inv_table *table, const char *heading)
{
    void *memory = NULL;
    inv_status status = inv_calloc(table->column_count, sizeof(int), "table of figures", &memory);
    if (status != INV_OK)
        return status;
    int *widths = memory;
    for (size_t c = 0; c < table->column_count; c++)
        widths[c] = width_of(table, c);
    print_heads(table, heading, widths);
    for (size_t row = 0; row < table->row_count; row++)
        print_row(table, row, widths);
    if (has_errors(table))
        printf("Means over the images, with standard errors%s.\n",
               table->column_count > 1 ? "; * is the best by more than both errors" : "");
    free(memory);
    return INV_OK;
}

/* ---- JSON ---- */

static bool add_real(json_t *object, const char *name, double value)
{
    return isnan(value) || json_object_set_new(object, name, json_real(value)) == 0;
}

static bool add_text(json_t *object, const char *name, const char *text)
{
    return !text || !*text || json_object_set_new(object, name, inv_json_text(text)) == 0;
}

static json_t *column_json(const inv_table *table, const inv_table_column *c)
{
    char error[INV_NAME_MAX];
    json_t *one = json_object();
    bool good = one && add_text(one, "run", c->run) && add_text(one, "name", c->name) &&
                add_text(one, "kind", c->kind) && add_text(one, "at", c->at) &&
                (isnan(c->images) ||
                 json_object_set_new(one, "images", json_integer((json_int_t)c->images)) == 0) &&
                add_real(one, "seconds", c->seconds);
    for (size_t r = 0; good && r < table->row_count; r++) {
        const char *name = table->rows[r]->attribute;
        snprintf(error, sizeof error, "%s_error", name);
        good = add_real(one, name, c->cells[r].mean) && add_real(one, error, c->cells[r].error);
    }
    if (good)
        return one;
    json_decref(one);
    return NULL;
}

inv_status cli_table_json(const inv_table *table)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t c = 0; good && c < table->column_count; c++)
        good = json_array_append_new(list, column_json(table, &table->columns[c])) == 0;
    good = good && json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;
    if (good)
        putchar('\n');
    json_decref(list);
    return good ? INV_OK : INV_ERROR(INV_ENOMEM, "figures: no memory to print them");
}
