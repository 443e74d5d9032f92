/* The loop that every learning stage runs: step, perhaps checkpoint, perhaps progress.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "learning.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HISTORY_ROWS 1024 /* kept before they go to the run file */

/* The rows of the history that the run file does not have yet. */
typedef struct history {
    double before; /* seconds that earlier starts have taken */
    size_t rows;
    unsigned char reports[HISTORY_ROWS][INV_REPORT_MAX];
    float seconds[HISTORY_ROWS];
} history;

/* ---- history ---- */

static inv_status append(const cli_learning *l, const char *name, inv_type type, size_t rows,
                         const void *values)
{
    char path[4 * INV_NAME_MAX];
    snprintf(path, sizeof path, "%s/%s", l->path, name);
    return inv_run_append(l->file->run, path, type, rows, values);
}

static inv_status flush_column(const cli_learning *l, const history *h, const inv_column *column)
{
    union {
        uint64_t whole[HISTORY_ROWS];
        float real[HISTORY_ROWS];
    } values;
    size_t rows = 0;
    for (size_t i = 0; i < h->rows; i++) {
        const void *report = h->reports[i], *value = h->reports[i] + column->offset;
        if (column->validation && !inv_learner_validated(l->learner, report))
            continue;
        if (column->type == INV_UINT64)
            values.whole[rows++] = *(const size_t *)value;
        else
            values.real[rows++] = (float)*(const double *)value;
    }
    if (column->validation && rows == 0) /* a run that never validates has no such history */
        return INV_OK;
    return append(l, column->name, column->type, rows, &values);
}

static inv_status flush_history(const cli_learning *l, history *h)
{
    inv_status status = append(l, "history/seconds", INV_FLOAT32, h->rows, h->seconds);
    for (const inv_column *c = inv_learner_columns(l->learner); c->name && status == INV_OK; c++)
        status = flush_column(l, h, c);
    h->rows = 0;
    return status;
}

/* ---- checkpoints ---- */

static void state_path(const cli_learning *l, char out[4 * INV_NAME_MAX])
{
    snprintf(out, 4 * INV_NAME_MAX, "%s/state", l->path);
}

static inv_status checkpoint(const cli_learning *l, history *h)
{
    inv_run *run = l->file->run;
    inv_array state[INV_ARRAYS_MAX];
    const size_t arrays = inv_learner_state(l->learner, state);
    char path[4 * INV_NAME_MAX];
    inv_status status = INV_OK;
    state_path(l, path);
    INV_TRY(flush_history(l, h));
    INV_TRY(inv_run_put_net(run, l->net_path, l->net));
    INV_TRY(inv_run_put_state(run, path, state, arrays));
    INV_TRY(inv_run_set_size(run, l->path, "step", inv_learner_count(l->learner)));
    INV_TRY(inv_run_set_size(run, l->path, "done", inv_learner_done(l->learner)));
    if (l->describe)
        INV_TRY(l->describe(l));
    INV_TRY(cli_file_save(l->file));
done:
    return status;
}

/* ---- going on ---- */

static inv_status damaged(const cli_learning *l, const char *what)
{
    return INV_ERROR(INV_EFORMAT, "%s: %s: %s", l->file->path, l->path, what);
}

/* The parameters, over those that the method was made with. */
static inv_status restore_params(const cli_learning *l)
{
    inv_net *kept = NULL;
    inv_status status = inv_run_get_net(l->file->run, l->net_path, inv_net_shape(l->net, 0), &kept);
    if (status == INV_OK && (inv_net_size(kept) != inv_net_size(l->net) ||
                             strcmp(inv_net_describe(kept), inv_net_describe(l->net)) != 0))
        status = damaged(l, "its layers are not those of the experiment");
    if (status == INV_OK)
        memcpy(inv_net_params(l->net), inv_net_params(kept), inv_net_size(kept) * sizeof(float));
    inv_net_free(kept);
    return status;
}

/* A column that the program which began this did not keep yet: unknown (NaN) up to here. */
static inv_status fill_column(const cli_learning *l, const inv_column *column, size_t step)
{
    char path[4 * INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    float unknown[HISTORY_ROWS];
    inv_status status = INV_OK;
    if (column->validation || column->type != INV_FLOAT32)
        return INV_OK;
    snprintf(path, sizeof path, "%s/%s", l->path, column->name);
    if (inv_run_has(l->file->run, path))
        INV_TRY(inv_run_dims(l->file->run, path, &rank, dims));
    for (size_t i = 0; i < HISTORY_ROWS; i++)
        unknown[i] = NAN;
    for (size_t rows = dims[0], n; rows < step; rows += n) {
        n = step - rows < HISTORY_ROWS ? step - rows : HISTORY_ROWS;
        INV_TRY(append(l, column->name, INV_FLOAT32, n, unknown));
    }
done:
    return status;
}

/* The history must be as long as the steps that were done; its last time is where times go on. */
static inv_status restore_history(const cli_learning *l, history *h, size_t step)
{
    char path[4 * INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *memory = NULL;
    inv_status status = INV_OK;
    snprintf(path, sizeof path, "%s/history/seconds", l->path);
    INV_TRY(inv_run_dims(l->file->run, path, &rank, dims));
    if (rank != 1 || dims[0] != step)
        INV_RAISE(damaged(l, "its history is not as long as its steps"));
    for (const inv_column *c = inv_learner_columns(l->learner); c->name; c++)
        INV_TRY(fill_column(l, c, step));
    if (step > 0) {
        INV_TRY(inv_calloc(step, sizeof(float), path, &memory));
        INV_TRY(inv_run_get(l->file->run, path, INV_FLOAT32, step, memory));
        h->before = ((const float *)memory)[step - 1];
    }
done:
    free(memory);
    return status;
}

/* Goes on where the run file is, if it is anywhere. */
static inv_status restore(const cli_learning *l, history *h)
{
    inv_array state[INV_ARRAYS_MAX];
    char path[4 * INV_NAME_MAX];
    uint64_t step = 0;
    inv_status status = INV_OK;
    state_path(l, path);
    if (!inv_run_has(l->file->run, path))
        return inv_run_has_attribute(l->file->run, l->path, "step")
                   ? damaged(l, "its state is missing")
                   : INV_OK;
    INV_TRY(restore_params(l));
    INV_TRY(inv_run_get_state(l->file->run, path, state, inv_learner_state(l->learner, state)));
    INV_TRY(inv_run_size(l->file->run, l->path, "step", &step));
    if (inv_learner_count(l->learner) != step || step > inv_learner_steps(l->learner))
        INV_RAISE(damaged(l, "its step is not that of its state"));
    INV_TRY(inv_learner_restored(l->learner));
    INV_TRY(restore_history(l, h, step));
done:
    return status;
}

/* ---- the loop ---- */

static inv_status take_step(const cli_learning *l, history *h, double start)
{
    const size_t row = h->rows++;
    inv_status status = inv_learner_step(l->learner, h->reports[row]);
    h->seconds[row] = (float)(h->before + cli_seconds() - start);
    if (status == INV_OK && cli_signal()) {
        status = checkpoint(l, h);
        return status == INV_OK ? cli_file_stop(l->file, l->progress, l->stage) : status;
    }
    if (status == INV_OK && cli_file_due(l->file, inv_learner_count(l->learner)))
        status = checkpoint(l, h);
    if (status == INV_OK && h->rows == HISTORY_ROWS)
        status = flush_history(l, h);
    return status;
}

static inv_status run_loop(const cli_learning *l, history *h)
{
    cli_progress *progress = l->progress;
    const double start = cli_seconds();
    const size_t first = inv_learner_count(l->learner);
    inv_status status = INV_OK;
    if (inv_learner_done(l->learner))
        return INV_OK;
    progress->epoch = l->epoch;
    cli_progress_start(progress, l->stage, inv_learner_steps(l->learner), first);
    /* from the first moment on there is a file; one that --force replaces stays until there is more
     * than nothing */
    if (first == 0 && access(l->file->path, F_OK) != 0)
        INV_TRY(checkpoint(l, h));
    while (!inv_learner_done(l->learner)) {
        INV_TRY(take_step(l, h, start));
        cli_progress_step(progress, inv_learner_count(l->learner));
    }
    cli_progress_end(progress, inv_learner_count(l->learner));
    INV_TRY(checkpoint(l, h));
done:
    return status;
}

inv_status cli_learn(const cli_learning *l)
{
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof(history), l->stage, &memory);
    if (status == INV_OK)
        status = restore(l, memory);
    if (status == INV_OK && l->restored)
        status = l->restored(l);
    if (status == INV_OK)
        status = run_loop(l, memory);
    free(memory);
    return status;
}
