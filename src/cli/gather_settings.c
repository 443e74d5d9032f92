/* The settings of a sweep: its runs, those together that differ in seeds alone.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gather.h"

#define SETTING_BYTES 1024

bool cli_gather_is_seed(const char *key)
{
    const char *dot = strrchr(key, '.');
    return strcmp(dot ? dot + 1 : key, "seed") == 0;
}

/* The values of all keys but seeds, in one text. */
static void describe(const cli_gather *all, const cli_gather_row *row, char out[SETTING_BYTES])
{
    size_t used = 0;
    out[0] = 0;
    for (size_t k = 0; k < inv_sweep_keys(all->sweep->items) && used < SETTING_BYTES; k++) {
        char value[INV_TEXT_MAX];
        if (cli_gather_is_seed(inv_sweep_key(all->sweep->items, k)))
            continue;
        cli_gather_key(all, row, k, value);
        used += (size_t)snprintf(out + used, SETTING_BYTES - used, "%s\n", value);
    }
}

typedef struct described {
    size_t row;
    char *text;
} described;

static int compare_texts(const void *a, const void *b)
{
    const described *x = a, *y = b;
    const int order = strcmp(x->text, y->text);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int compare_firsts(const void *a, const void *b)
{
    const cli_gather_setting *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Rows of one setting get one number, in the order in which settings first come. */
static void number_settings(const described *list, size_t count, cli_gather_settings *out)
{
    for (size_t i = 0; i < count; i++) /* each begins with its first row */
        if (i == 0 || strcmp(list[i].text, list[i - 1].text) != 0)
            out->list[out->count++] = (cli_gather_setting){list[i].row, 0, 0};
    qsort(out->list, out->count, sizeof *out->list, compare_firsts);
    size_t first = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(list[i].text, list[i - 1].text) != 0)
            first = list[i].row;
        const cli_gather_setting wanted = {first, 0, 0};
        const cli_gather_setting *found =
            bsearch(&wanted, out->list, out->count, sizeof wanted, compare_firsts);
        out->of[list[i].row] = (size_t)(found - out->list);
    }
}

inv_status cli_gather_settings_find(const cli_gather *all, cli_gather_settings *out)
{
    void *list = NULL, *of = NULL, *texts = NULL;
    described *d = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(all->row_count, sizeof *out->list, "gather", &list));
    out->list = list;
    INV_TRY(inv_calloc(all->row_count, sizeof *out->of, "gather", &of));
    out->of = of;
    INV_TRY(inv_calloc(all->row_count, sizeof *d, "gather", &texts));
    d = texts;
    for (size_t r = 0; r < all->row_count; r++) {
        char text[SETTING_BYTES];
        describe(all, &all->rows[r], text);
        d[r] = (described){r, strdup(text)};
        if (!d[r].text)
            INV_FAIL(INV_ENOMEM, "gather: no memory");
    }
    qsort(d, all->row_count, sizeof *d, compare_texts);
    number_settings(d, all->row_count, out);
    for (size_t r = 0; r < all->row_count; r++) {
        out->list[out->of[r]].runs++;
        out->list[out->of[r]].done += cli_gather_is_done(&all->rows[r]);
    }
done:
    for (size_t r = 0; d && r < all->row_count; r++)
        free(d[r].text);
    free(d);
    return status;
}

/* ---- means ---- */

/* mean = sum x / n, deviation = sqrt(sum (x - mean)^2 / (n - 1)), of each setting: NAN where there are
 * too few. `sums` has room for two numbers a setting. */
static void find_means(const cli_gather *all, const cli_gather_settings *s, size_t column,
                       double *sums, inv_table_cell *cells)
{
    double *squares = sums + s->count;
    for (size_t i = 0; i < s->count; i++) {
        sums[i] = squares[i] = 0.0;
        cells[i] = (inv_table_cell){0.0, 0.0, false}; /* mean: n for now */
    }
    for (size_t r = 0; r < all->row_count; r++) {
        const double value = cli_gather_value(&all->rows[r], column);
        if (!isnan(value)) {
            cells[s->of[r]].mean += 1.0;
            sums[s->of[r]] += value;
        }
    }
    for (size_t r = 0; r < all->row_count; r++) {
        const double value = cli_gather_value(&all->rows[r], column), n = cells[s->of[r]].mean;
        if (!isnan(value))
            squares[s->of[r]] += (value - sums[s->of[r]] / n) * (value - sums[s->of[r]] / n);
    }
    for (size_t i = 0; i < s->count; i++) {
        const double n = cells[i].mean;
        cells[i].mean = n > 0.0 ? sums[i] / n : NAN;
        cells[i].error = n > 1.0 ? sqrt(squares[i] / (n - 1.0)) : NAN;
    }
}

/* The row of the figure in a table of its group. */
static size_t row_of(const inv_table *table, const inv_figure *figure)
{
    size_t row = 0;
    while (row < table->row_count && table->rows[row] != figure)
        row++;
    return row;
}

inv_status cli_gather_table(const cli_gather *all, const cli_gather_settings *s, size_t column,
                            inv_table **out, size_t *row)
{
    const cli_gather_column *c = &all->columns[column];
    void *cells = NULL, *sums = NULL;
    inv_table *table = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(s->count, sizeof(inv_table_cell), "gather", &cells));
    INV_TRY(inv_calloc(2 * s->count, sizeof(double), "gather", &sums));
    find_means(all, s, column, sums, cells);
    INV_TRY(inv_table_alloc(c->figure->group, &table));
    *row = row_of(table, c->figure);
    for (size_t i = 0; i < s->count; i++) {
        inv_table_column *added = NULL;
        INV_TRY(inv_table_add(table, c->result, &added));
        added->cells[*row] = ((const inv_table_cell *)cells)[i];
    }
    inv_table_mark(table);
    *out = table;
    table = NULL;
done:
    inv_table_free(table);
    free(cells);
    free(sums);
    return status;
}

void cli_gather_settings_free(cli_gather_settings *s)
{
    free(s->list);
    free(s->of);
}
