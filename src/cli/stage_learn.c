/* The stages that learn: the classifier and its inverse. Both are one loop of step, perhaps checkpoint, perhaps
 * progress. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "invproj/inverse.h"
#include "invproj/measure.h"
#include "invproj/rng.h"
#include "invproj/train.h"

#define HISTORY_ROWS 1024 /* kept before they go to the run file */

/* One row of a stage's history. */
typedef struct row {
    uint64_t step, kept;
    float loss, accuracy, seconds;
} row;

typedef struct loop {
    cli_session *session;
    const char *stage;
    char path[2 * INV_NAME_MAX];     /* where @step, @done, history and state stand */
    char net_path[2 * INV_NAME_MAX]; /* where the parameters stand */
    const inv_net *net;
    size_t steps;
    void *method;
    inv_status (*step)(void *method, row *row);
    size_t (*count)(const void *method);
    size_t (*state)(void *method, inv_array state[INV_ARRAYS_MAX]);
    bool has_accuracy, has_kept;
    double before; /* seconds of the history that earlier starts have written */
    size_t rows;
    row history[HISTORY_ROWS];
} loop;

/* ---- history ---- */

static inv_status flush_column(loop *l, const char *name, inv_type type, const void *values)
{
    char path[4 * INV_NAME_MAX];
    snprintf(path, sizeof path, "%s/history/%s", l->path, name);
    return inv_run_append(l->session->run, path, type, l->rows, values);
}

static inv_status flush_history(loop *l)
{
    uint64_t steps[HISTORY_ROWS], kept[HISTORY_ROWS];
    float loss[HISTORY_ROWS], accuracy[HISTORY_ROWS], seconds[HISTORY_ROWS];
    inv_status status = INV_OK;
    for (size_t i = 0; i < l->rows; i++) {
        const row *r = &l->history[i];
        steps[i] = r->step, kept[i] = r->kept;
        loss[i] = r->loss, accuracy[i] = r->accuracy, seconds[i] = r->seconds;
    }
    INV_TRY(flush_column(l, "step", INV_UINT64, steps));
    INV_TRY(flush_column(l, "loss", INV_FLOAT32, loss));
    if (l->has_accuracy)
        INV_TRY(flush_column(l, "accuracy", INV_FLOAT32, accuracy));
    if (l->has_kept)
        INV_TRY(flush_column(l, "kept", INV_UINT64, kept));
    INV_TRY(flush_column(l, "seconds", INV_FLOAT32, seconds));
    l->rows = 0;
fail:
    return status;
}

/* ---- checkpoints ---- */

static void state_path(const loop *l, char out[4 * INV_NAME_MAX])
{
    snprintf(out, 4 * INV_NAME_MAX, "%s/state", l->path);
}

static inv_status checkpoint(loop *l)
{
    inv_run *run = l->session->run;
    inv_array state[INV_ARRAYS_MAX];
    const size_t arrays = l->state(l->method, state), step = l->count(l->method);
    char path[4 * INV_NAME_MAX];
    inv_status status = INV_OK;
    state_path(l, path);
    INV_TRY(flush_history(l));
    INV_TRY(inv_run_put_net(run, l->net_path, l->net));
    INV_TRY(inv_run_put_state(run, path, state, arrays));
    INV_TRY(inv_run_set_size(run, l->path, "step", step));
    INV_TRY(inv_run_set_size(run, l->path, "done", step >= l->steps));
    INV_TRY(cli_session_save(l->session));
fail:
    return status;
}

static inv_status stop(loop *l)
{
    inv_status status = checkpoint(l);
    if (status != INV_OK)
        return status;
    cli_note(&l->session->progress, "%s: stopped after step %zu of %zu; %s keeps it: go on with --resume",
             l->stage, l->count(l->method), l->steps, l->session->path);
    return CLI_STOPPED;
}

/* ---- the loop ---- */

static inv_status run_loop(loop *l)
{
    cli_progress *progress = &l->session->progress;
    const double start = cli_seconds();
    cli_progress_start(progress, l->stage, l->steps, l->count(l->method));
    while (l->count(l->method) < l->steps) {
        row *r = &l->history[l->rows++];
        inv_status status = l->step(l->method, r);
        r->seconds = (float)(l->before + cli_seconds() - start);
        if (status == INV_OK && cli_signal())
            return stop(l);
        if (status == INV_OK && cli_session_due(l->session, l->count(l->method)))
            status = checkpoint(l);
        if (status == INV_OK && l->rows == HISTORY_ROWS)
            status = flush_history(l);
        if (status != INV_OK)
            return status;
        cli_progress_step(progress, l->count(l->method));
    }
    cli_progress_end(progress, l->steps);
    return checkpoint(l);
}

/* ---- the classifier ---- */

static inv_status step_trainer(void *method, row *r)
{
    inv_train_report report;
    inv_status status = inv_trainer_step(method, &report);
    *r = (row){.step = report.step, .loss = (float)report.loss, .accuracy = (float)report.accuracy};
    return status;
}

static size_t count_trainer(const void *method)
{
    return inv_trainer_step_count(method);
}

static size_t state_trainer(void *method, inv_array state[INV_ARRAYS_MAX])
{
    return inv_trainer_state(method, state);
}

static inv_status make_net(cli_session *session)
{
    const inv_dataset *data = session->data;
    gsl_rng *rng = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_net_build(session->config, "network.layers", data->shape, data->classes,
                          &session->net));
    INV_TRY(inv_rng_alloc(session->seed, "network", &rng));
    inv_net_init(session->net, rng);
    INV_TRY(inv_run_set_size(session->run, "/network", "height", data->shape.height));
    INV_TRY(inv_run_set_size(session->run, "/network", "width", data->shape.width));
    INV_TRY(inv_run_set_size(session->run, "/network", "channels", data->shape.channels));
fail:
    inv_rng_free(rng);
    return status;
}

static inv_status measure_net(cli_session *session)
{
    double accuracy = 0.0, validation = 0.0;
    inv_status status = INV_OK;
    INV_TRY(inv_measure_accuracy(session->net, &session->data->test, &accuracy));
    INV_TRY(inv_run_set_real(session->run, "/network", "accuracy", accuracy));
    if (session->data->validation.count > 0) {
        INV_TRY(inv_measure_accuracy(session->net, &session->data->validation, &validation));
        INV_TRY(inv_run_set_real(session->run, "/network", "validation_accuracy", validation));
    }
    INV_TRY(cli_session_save(session));
    cli_note(&session->progress, "          accuracy %.4f on the test images", accuracy);
fail:
    return status;
}

static loop *alloc_loop(cli_session *session, const char *stage)
{
    loop *l = calloc(1, sizeof *l);
    if (!l) {
        (void)INV_ERROR(INV_ENOMEM, "%s: no memory", stage);
        return NULL;
    }
    l->session = session;
    l->stage = stage;
    return l;
}

inv_status cli_stage_train(cli_session *session)
{
    const inv_train_spec *spec = &session->experiment->training;
    inv_trainer *trainer = NULL;
    inv_status status = INV_OK;
    loop *l = alloc_loop(session, "training");
    if (!l)
        return INV_ENOMEM;
    INV_TRY(make_net(session));
    INV_TRY(inv_trainer_alloc(spec, session->net, session->data, session->seed, &trainer));
    snprintf(l->path, sizeof l->path, "/training");
    snprintf(l->net_path, sizeof l->net_path, "/network");
    l->net = session->net;
    l->steps = spec->steps;
    l->method = trainer;
    l->step = step_trainer;
    l->count = count_trainer;
    l->state = state_trainer;
    l->has_accuracy = true;
    INV_TRY(run_loop(l));
    INV_TRY(measure_net(session));
fail:
    inv_trainer_free(trainer);
    free(l);
    return status;
}

/* ---- the inverse ---- */

static inv_status step_inverter(void *method, row *r)
{
    inv_inverse_report report;
    inv_status status = inv_inverter_step(method, &report);
    *r = (row){.step = report.step, .loss = (float)report.loss, .kept = report.kept};
    return status;
}

static size_t count_inverter(const void *method)
{
    return inv_inverter_step_count(method);
}

static size_t state_inverter(void *method, inv_array state[INV_ARRAYS_MAX])
{
    return inv_inverter_state(method, state);
}

static inv_status describe_inverse(cli_session *session, const char *path, size_t point)
{
    const inv_inverse_spec *spec = &session->experiment->inverse;
    inv_status status = INV_OK;
    INV_TRY(inv_run_remove(session->run, path));
    INV_TRY(inv_run_set_text(session->run, path, "kind", spec->kind));
    INV_TRY(inv_run_set_text(session->run, path, "at", inv_net_point_name(session->net, point)));
fail:
    return status;
}

static inv_status measure_inverse(cli_session *session, const char *path, size_t point)
{
    inv_inverse_quality quality;
    inv_status status = INV_OK;
    INV_TRY(inv_measure_inverse(session->net, session->inverse, point, &session->data->test,
                                &quality));
    INV_TRY(inv_run_set_real(session->run, path, "l1_per_pixel", quality.l1_per_pixel));
    INV_TRY(inv_run_set_real(session->run, path, "relative_l2", quality.relative_l2));
    INV_TRY(inv_run_set_real(session->run, path, "same_class", quality.same_class));
    INV_TRY(cli_session_save(session));
    cli_note(&session->progress, "          L1 %.4f a pixel, %.4f classified like the original",
             quality.l1_per_pixel, quality.same_class);
fail:
    return status;
}

inv_status cli_stage_invert(cli_session *session)
{
    const inv_inverse_spec *spec = &session->experiment->inverse;
    inv_inverter *inverter = NULL;
    size_t point = 0;
    inv_status status = INV_OK;
    loop *l = alloc_loop(session, "inverse");
    if (!l)
        return INV_ENOMEM;
    INV_TRY(cli_session_net(session));
    INV_TRY(inv_inverse_point(session->net, spec->at, &point));
    inv_net_free(session->inverse);
    session->inverse = NULL;
    INV_TRY(inv_inverse_build(spec, session->net, &session->inverse));
    snprintf(session->inverse_name, sizeof session->inverse_name, "%s", spec->name);
    INV_TRY(inv_inverter_alloc(spec, session->net, session->inverse, session->data, session->seed,
                               &inverter));
    snprintf(l->path, sizeof l->path, "/inverse/%s", spec->name);
    memcpy(l->net_path, l->path, sizeof l->path);
    l->net = session->inverse;
    l->steps = spec->steps;
    l->method = inverter;
    l->step = step_inverter;
    l->count = count_inverter;
    l->state = state_inverter;
    l->has_kept = true;
    INV_TRY(describe_inverse(session, l->path, point));
    INV_TRY(run_loop(l));
    INV_TRY(measure_inverse(session, l->path, point));
fail:
    inv_inverter_free(inverter);
    free(l);
    return status;
}
