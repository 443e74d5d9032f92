/* The table of a sweep's settings on the terminal.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "gather.h"

/* ---- printing: columns of texts ---- */

typedef struct text_column {
    char heading[4 * INV_NAME_MAX];
    char (*texts)[INV_TABLE_TEXT + 2];
    int width;
} text_column;

static inv_status begin_column(const cli_gather_settings *s, const char *heading, text_column *out)
{
    void *memory = NULL;
    inv_status status = inv_calloc(s->count, sizeof *out->texts, "gather", &memory);
    out->texts = memory;
    snprintf(out->heading, sizeof out->heading, "%s", heading);
    return status;
}

static void end_column(const cli_gather_settings *s, text_column *c)
{
    c->width = inv_text_width(c->heading);
    for (size_t i = 0; i < s->count; i++)
        if (inv_text_width(c->texts[i]) > c->width)
            c->width = inv_text_width(c->texts[i]);
}

static inv_status key_column(const cli_gather *all, const cli_gather_settings *s, size_t key,
                             text_column *out)
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

static inv_status run_column(const cli_gather_settings *s, text_column *out)
{
    inv_status status = begin_column(s, "runs", out);
    for (size_t i = 0; i < s->count && status == INV_OK; i++)
        snprintf(out->texts[i], sizeof *out->texts, "%zu", s->list[i].done);
    if (status == INV_OK)
        end_column(s, out);
    return status;
}

static inv_status figure_column(const cli_gather *all, const cli_gather_settings *s, size_t column,
                                text_column *out)
{
    char heading[4 * INV_NAME_MAX];
    inv_table *table = NULL;
    size_t row = 0;
    inv_status status = INV_OK;
    cli_gather_heading(&all->columns[column], heading);
    INV_TRY(begin_column(s, heading, out));
    INV_TRY(cli_gather_table(all, s, column, &table, &row));
    for (size_t i = 0; i < s->count; i++) {
        char text[INV_TABLE_TEXT];
        inv_table_text(table, row, i, text);
        snprintf(out->texts[i], sizeof *out->texts, "%s%s",
                 table->columns[i].cells[row].best ? "*" : "", text);
    }
    end_column(s, out);
done:
    inv_table_free(table);
    return status;
}

static void print_columns(const cli_gather_settings *s, const text_column *columns, size_t count)
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
    cli_gather_settings s = {0};
    void *memory = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    INV_TRY(cli_gather_settings_find(all, &s));
    if (s.count > CLI_GATHER_SETTINGS) {
        printf("%zu settings: too many for a table; -o FILE.csv writes a line for each run\n",
               s.count);
        goto done;
    }
    INV_TRY(inv_calloc(keys + 1 + all->column_count, sizeof(text_column), "gather", &memory));
    text_column *columns = memory;
    for (size_t k = 0; k < keys; k++)
        if (!cli_gather_is_seed(inv_sweep_key(all->sweep->items, k)))
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
    cli_gather_settings_free(&s);
    return status;
}
