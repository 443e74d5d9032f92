/* The table of a sweep's settings on the terminal.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "gather.h"
#include "invproj/table.h"

#define SETTING_BYTES 1024
#define SETTINGS_MOST 1000 /* lines of a table that somebody may read */

/* The runs that differ in seeds alone. */
typedef struct setting {
    size_t first, runs; /* a row of it, and how many it has that are done */
} setting;

typedef struct settings {
    size_t count;
    setting *list;
    size_t *of; /* [rows]: each row's setting */
} settings;

static bool is_seed(const char *key)
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
        if (is_seed(inv_sweep_key(all->sweep->items, k)))
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
    const setting *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Rows of one setting get one number, in the order in which settings first come. */
static void number_settings(const described *list, size_t count, settings *out)
{
    for (size_t i = 0; i < count; i++) /* each begins with its first row */
        if (i == 0 || strcmp(list[i].text, list[i - 1].text) != 0)
            out->list[out->count++] = (setting){list[i].row, 0};
    qsort(out->list, out->count, sizeof *out->list, compare_firsts);
    size_t first = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(list[i].text, list[i - 1].text) != 0)
            first = list[i].row;
        const setting wanted = {first, 0};
        const setting *found =
            bsearch(&wanted, out->list, out->count, sizeof wanted, compare_firsts);
        out->of[list[i].row] = (size_t)(found - out->list);
    }
}

static inv_status find_settings(const cli_gather *all, settings *out)
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
    for (size_t r = 0; r < all->row_count; r++)
        out->list[out->of[r]].runs += all->rows[r].state == CLI_SWEEP_DONE;
done:
    for (size_t r = 0; d && r < all->row_count; r++)
        free(d[r].text);
    free(d);
    return status;
}

/* ---- means ---- */

/* mean = sum x / n, deviation = sqrt(sum (x - mean)^2 / (n - 1)), of each setting: NAN where there are
 * too few. `sums` has room for two numbers a setting. */
static void find_means(const cli_gather *all, const settings *s, size_t column, double *sums,
                       inv_table_cell *cells)
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

/* The table of a result's figures, a column each setting. */
static inv_status fill_table(const cli_gather *all, const settings *s, size_t column,
                             inv_table_cell *cells, inv_table **out)
{
    const cli_gather_column *c = &all->columns[column];
    inv_table *table = NULL;
    inv_status status = inv_table_alloc(c->figure->group, &table);
    for (size_t i = 0; i < s->count && status == INV_OK; i++) {
        inv_table_column *added = NULL;
        status = inv_table_add(table, c->result, &added);
        for (size_t row = 0; status == INV_OK && row < table->row_count; row++)
            if (table->rows[row] == c->figure)
                added->cells[row] = cells[i];
    }
    if (status == INV_OK)
        inv_table_mark(table);
    *out = table;
    return status;
}

/* ---- printing: columns of texts ---- */

typedef struct text_column {
    char heading[4 * INV_NAME_MAX];
    char (*texts)[INV_TABLE_TEXT + 2];
    int width;
} text_column;

static inv_status begin_column(const settings *s, const char *heading, text_column *out)
{
    void *memory = NULL;
    inv_status status = inv_calloc(s->count, sizeof *out->texts, "gather", &memory);
    out->texts = memory;
    snprintf(out->heading, sizeof out->heading, "%s", heading);
    return status;
}

static void end_column(const settings *s, text_column *c)
{
    c->width = inv_text_width(c->heading);
    for (size_t i = 0; i < s->count; i++)
        if (inv_text_width(c->texts[i]) > c->width)
            c->width = inv_text_width(c->texts[i]);
}

static inv_status key_column(const cli_gather *all, const settings *s, size_t key, text_column *out)
{
    const char *name = inv_sweep_key(all->sweep->items, key);
    inv_status status = begin_column(s, name, out);
    for (size_t i = 0; i < s->count && status == INV_OK; i++) {
        char value[INV_TEXT_MAX];
        cli_gather_key(all, &all->rows[s->list[i].first], key, value);
        snprintf(out->texts[i], sizeof *out->texts, "%.*s", INV_TABLE_TEXT, value);
    }
    if (status == INV_OK)
        end_column(s, out);
    return status;
}

static inv_status run_column(const settings *s, text_column *out)
{
    inv_status status = begin_column(s, "runs", out);
    for (size_t i = 0; i < s->count && status == INV_OK; i++)
        snprintf(out->texts[i], sizeof *out->texts, "%zu", s->list[i].runs);
    if (status == INV_OK)
        end_column(s, out);
    return status;
}

static inv_status figure_column(const cli_gather *all, const settings *s, size_t column,
                                text_column *out)
{
    const inv_figure *figure = all->columns[column].figure;
    void *cells = NULL, *sums = NULL;
    inv_table *table = NULL;
    const char *result = all->columns[column].result;
    const bool is_inverse = strcmp(figure->group, "inverse") == 0;
    char heading[4 * INV_NAME_MAX];
    size_t row = 0;
    inv_status status = INV_OK;
    snprintf(heading, sizeof heading, "%s%s%s%s%s", is_inverse || !*result ? "" : figure->group,
             is_inverse || !*result ? "" : " ", result, *result ? ": " : "", figure->label);
    INV_TRY(begin_column(s, heading, out));
    INV_TRY(inv_calloc(s->count, sizeof(inv_table_cell), "gather", &cells));
    INV_TRY(inv_calloc(2 * s->count, sizeof(double), "gather", &sums));
    find_means(all, s, column, sums, cells);
    INV_TRY(fill_table(all, s, column, cells, &table));
    while (table->rows[row] != figure)
        row++;
    for (size_t i = 0; i < s->count; i++) {
        char text[INV_TABLE_TEXT];
        inv_table_text(table, row, i, text);
        snprintf(out->texts[i], sizeof *out->texts, "%s%s",
                 table->columns[i].cells[row].best ? "*" : "", text);
    }
    end_column(s, out);
done:
    inv_table_free(table);
    free(cells);
    free(sums);
    return status;
}

static void print_columns(const settings *s, const text_column *columns, size_t count)
{
    for (size_t c = 0; c < count; c++)
        printf("%s%*s%s", c ? "  " : "", columns[c].width - inv_text_width(columns[c].heading), "",
               columns[c].heading);
    putchar('\n');
    for (size_t i = 0; i < s->count; i++) {
        for (size_t c = 0; c < count; c++)
            printf("%s%*s%s", c ? "  " : "", columns[c].width - inv_text_width(columns[c].texts[i]),
                   "", columns[c].texts[i]);
        putchar('\n');
    }
    printf(
        "Means over the runs of a setting, which differ in seeds, with their standard deviations; "
        "* is the best where it is outside them.\n");
}

inv_status cli_gather_print(const cli_gather *all)
{
    const size_t keys = inv_sweep_keys(all->sweep->items);
    settings s = {0};
    void *memory = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    INV_TRY(find_settings(all, &s));
    if (s.count > SETTINGS_MOST) {
        printf("%zu settings: too many for a table; -o FILE.csv writes a line for each run\n",
               s.count);
        goto done;
    }
    INV_TRY(inv_calloc(keys + 1 + all->column_count, sizeof(text_column), "gather", &memory));
    text_column *columns = memory;
    for (size_t k = 0; k < keys; k++)
        if (!is_seed(inv_sweep_key(all->sweep->items, k)))
            INV_TRY(key_column(all, &s, k, &columns[count++]));
    INV_TRY(run_column(&s, &columns[count++]));
    for (size_t c = 0; c < all->column_count; c++)
        if (!all->columns[c].figure->detail)
            INV_TRY(figure_column(all, &s, c, &columns[count++]));
    print_columns(&s, columns, count);
done:
    for (size_t c = 0; c < count; c++)
        free(((text_column *)memory)[c].texts);
    free(memory);
    free(s.list);
    free(s.of);
    return status;
}
