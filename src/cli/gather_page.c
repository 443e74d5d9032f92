/* The page of a sweep: its settings beside each other and, of few runs, curves and pictures.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/json.h"
#include "gather.h"
#include "page.h"

#define RUNS_SHOWN 12   /* with curves and pictures: a page that can be sent */
#define RUNS_MOST  1000 /* in the table of all runs */
#define TOLD_MOST  100  /* runs that are not done */

typedef struct telling {
    const cli_gather *all;
    cli_gather_settings settings;
    bool good; /* there was memory */
} telling;

/* ---- building JSON ---- */

static void give(telling *t, json_t *to, const char *key, json_t *value)
{
    t->good = value && json_object_set_new(to, key, value) == 0 && t->good;
}

static void append(telling *t, json_t *list, json_t *value)
{
    t->good = value && json_array_append_new(list, value) == 0 && t->good;
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

/* ---- settings ---- */

static json_t *tell_keys(telling *t, bool seeds)
{
    const inv_sweep *items = t->all->sweep->items;
    json_t *list = json_array();
    for (size_t k = 0; k < inv_sweep_keys(items); k++)
        if (seeds || !cli_gather_is_seed(inv_sweep_key(items, k)))
            append(t, list, inv_json_text(inv_sweep_key(items, k)));
    return list;
}

static json_t *tell_values(telling *t, size_t row, bool seeds)
{
    const inv_sweep *items = t->all->sweep->items;
    json_t *list = json_array();
    for (size_t k = 0; k < inv_sweep_keys(items); k++) {
        char value[INV_TEXT_MAX];
        if (!seeds && cli_gather_is_seed(inv_sweep_key(items, k)))
            continue;
        cli_gather_key(t->all, &t->all->rows[row], k, value);
        append(t, list, inv_json_text(value));
    }
    return list;
}

static json_t *tell_settings(telling *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < at_most(t->settings.count, CLI_GATHER_SETTINGS); i++) {
        const cli_gather_setting *s = &t->settings.list[i];
        append(t, list,
               json_pack("{so sI sI}", "values", tell_values(t, s->first, false), "runs",
                         (json_int_t)s->runs, "done", (json_int_t)s->done));
    }
    return list;
}

/* ---- figures ---- */

static json_t *tell_cell(const inv_figure *figure, const inv_table_cell *cell)
{
    char text[INV_TABLE_TEXT] = "";
    if (!isnan(cell->mean))
        snprintf(text, sizeof text, figure->format, cell->mean);
    return json_pack("{so so ss sb}", "mean", inv_json_real(cell->mean), "spread",
                     inv_json_real(cell->error), "text", text, "best", cell->best);
}

static inv_status tell_figure(telling *t, size_t column, json_t *list)
{
    const inv_figure *figure = t->all->columns[column].figure;
    char heading[4 * INV_NAME_MAX];
    inv_table *table = NULL;
    size_t row = 0;
    json_t *cells = json_array();
    inv_status status = cli_gather_table(t->all, &t->settings, column, &table, &row);
    for (size_t i = 0; status == INV_OK && i < at_most(t->settings.count, CLI_GATHER_SETTINGS); i++)
        append(t, cells, tell_cell(figure, &table->columns[i].cells[row]));
    inv_table_free(table);
    cli_gather_heading(&t->all->columns[column], heading);
    append(t, list,
           json_pack("{ss ss ss ss so}", "label", heading, "unit", figure->unit, "meaning",
                     figure->meaning, "better",
                     figure->better == INV_BETTER_HIGHER  ? "higher"
                     : figure->better == INV_BETTER_LOWER ? "lower"
                                                          : "neither",
                     "cells", cells));
    return status;
}

static inv_status tell_figures(telling *t, json_t *list)
{
    inv_status status = INV_OK;
    for (size_t c = 0; c < t->all->column_count && status == INV_OK; c++)
        if (!t->all->columns[c].figure->detail)
            status = tell_figure(t, c, list);
    return status;
}

/* ---- runs ---- */

static json_t *tell_counts(telling *t)
{
    json_t *counts = json_object();
    for (size_t r = 0; r < t->all->row_count; r++) {
        const char *state = cli_gather_state(&t->all->rows[r]);
        const json_int_t before = json_integer_value(json_object_get(counts, state));
        give(t, counts, state, json_integer(before + 1));
    }
    return counts;
}

static json_t *tell_missing(telling *t)
{
    json_t *list = json_array();
    for (size_t r = 0; r < t->all->row_count && json_array_size(list) < TOLD_MOST; r++) {
        const cli_gather_row *row = &t->all->rows[r];
        const char *message = row->texts[CLI_GATHER_MESSAGE];
        char what[512];
        if (cli_gather_is_done(row))
            continue;
        cli_sweep_tell(t->all->sweep, row->item, what, sizeof what);
        append(t, list,
               json_pack("{sI ss so so}", "run", (json_int_t)row->item, "status",
                         cli_gather_state(row), "what", inv_json_text(what), "message",
                         inv_json_text(message ? message : "")));
    }
    return list;
}

/* Of each run what the short table has: its values, its figures as they are shown, its file. */
static json_t *tell_rows(telling *t)
{
    json_t *list = json_array();
    for (size_t r = 0; r < at_most(t->all->row_count, RUNS_MOST); r++) {
        const cli_gather_row *row = &t->all->rows[r];
        json_t *figures = json_array();
        for (size_t c = 0; c < t->all->column_count; c++) {
            const inv_figure *figure = t->all->columns[c].figure;
            const double value = cli_gather_value(row, c);
            char text[INV_TABLE_TEXT] = "";
            if (!isnan(value))
                snprintf(text, sizeof text, figure->format, value);
            if (!figure->detail)
                append(t, figures, json_string(text));
        }
        append(t, list,
               json_pack("{sI so ss so so}", "run", (json_int_t)row->item, "values",
                         tell_values(t, r, true), "status", cli_gather_state(row), "figures",
                         figures, "file", inv_json_text(row->texts[CLI_GATHER_FILE])));
    }
    return list;
}

static inv_status tell_sweep(telling *t, size_t shown, json_t **out)
{
    char *name = strdup(inv_config_name(t->all->sweep->file));
    json_t *figures = json_array();
    inv_status status = tell_figures(t, figures);
    *out = json_pack("{so sI sI so so so so so so so sI sI}", "name",
                     name ? inv_json_text(basename(name)) : NULL, "runs",
                     (json_int_t)t->all->row_count, "settings_count", (json_int_t)t->settings.count,
                     "keys", tell_keys(t, true), "setting_keys", tell_keys(t, false), "counts",
                     tell_counts(t), "settings", tell_settings(t), "figures", figures, "not_done",
                     tell_missing(t), "rows", tell_rows(t), "shown", (json_int_t)shown,
                     "shown_most", (json_int_t)RUNS_SHOWN);
    free(name);
    if (status == INV_OK && (!*out || !t->good))
        status = INV_ERROR(INV_ENOMEM, "gather: no memory to tell of the sweep");
    return status;
}

/* ---- runs that are shown ---- */

/* All that are done where they are few, else the first of each setting where these are few, else none. */
static size_t choose(const telling *t, size_t rows[RUNS_SHOWN])
{
    const cli_gather *all = t->all;
    size_t done = 0, settings = 0, count = 0;
    for (size_t i = 0; i < t->settings.count; i++) {
        done += t->settings.list[i].done;
        settings += t->settings.list[i].done > 0;
    }
    if (done > RUNS_SHOWN && settings > RUNS_SHOWN)
        return 0;
    for (size_t r = 0; r < all->row_count; r++) {
        bool has_one = false;
        for (size_t i = 0; done > RUNS_SHOWN && i < count; i++)
            has_one = has_one || t->settings.of[rows[i]] == t->settings.of[r];
        if (cli_gather_is_done(&all->rows[r]) && !has_one)
            rows[count++] = r;
    }
    return count;
}

static inv_status open_chosen(const telling *t, const size_t *rows, size_t count, void *sessions)
{
    inv_status status = INV_OK;
    for (size_t i = 0; i < count && status == INV_OK; i++) {
        char *path = cli_sweep_path(t->all->sweep, t->all->rows[rows[i]].item, ".h5");
        status = path ? cli_page_open(t->all->sweep->options, path, (cli_session *)sessions + i)
                      : INV_ERROR(INV_ENOMEM, "gather: no memory");
        free(path);
    }
    return status;
}

inv_status cli_gather_page(const cli_gather *all, const char *path)
{
    telling t = {.all = all, .good = true};
    size_t rows[RUNS_SHOWN] = {0}, count = 0;
    void *sessions = NULL;
    json_t *content = NULL, *sweep = NULL;
    cli_progress progress;
    inv_status status = INV_OK;
    INV_TRY(cli_gather_settings_find(all, &t.settings));
    count = choose(&t, rows);
    INV_TRY(inv_calloc(RUNS_SHOWN, sizeof(cli_session), "runs", &sessions));
    INV_TRY(open_chosen(&t, rows, count, sessions));
    INV_TRY(cli_page_content(sessions, count, false, &content));
    INV_TRY(tell_sweep(&t, count, &sweep));
    if (json_object_set(content, "sweep", sweep) != 0)
        INV_FAIL(INV_ENOMEM, "gather: no memory for a page");
    cli_progress_open(&progress, all->sweep->options->quiet);
    INV_TRY(cli_page_save(content, path, &progress));
done:
    for (size_t i = 0; sessions && i < count; i++)
        cli_session_close((cli_session *)sessions + i);
    json_decref(sweep);
    json_decref(content);
    free(sessions);
    cli_gather_settings_free(&t.settings);
    return status;
}
