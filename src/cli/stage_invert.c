/* The stage that learns an inverse. SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "invproj/inverse.h"
#include "invproj/measure.h"
#include "learning.h"
#include "stage.h"

/* It was begun with a seed, and goes on with that one. Older run files have only the run's. */
static inv_status check_seed(cli_session *session, const char *path)
{
    uint64_t seed = session->seed;
    inv_status status = INV_OK;
    if (inv_run_has_attribute(session->run, path, "seed"))
        status = inv_run_size(session->run, path, "seed", &seed);
    if (status == INV_OK && session->options->has_seed && seed != session->seed)
        status =
            INV_ERROR(INV_EINVAL, "%s: --resume: %s was begun with seed %" PRIu64 ", not %" PRIu64,
                      session->path, path, seed, session->seed);
    session->seed = seed;
    return status;
}

static inv_status check_earlier(cli_session *session, const char *path)
{
    static const char *const may_differ[] = {"steps", NULL};
    const inv_inverse_spec *spec = &session->experiment->inverse;
    char *kept = NULL, *now = NULL, key[INV_TEXT_MAX];
    uint64_t steps = 0;
    inv_config *before = NULL, *after = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_run_text(session->run, path, "settings", &kept));
    INV_TRY(inv_run_size(session->run, path, "step", &steps));
    INV_TRY(cli_settings(inv_inverse_fields, spec, &now));
    INV_TRY(inv_config_read_json(session->path, kept, &before));
    INV_TRY(inv_config_read_json("the settings", now, &after));
    if (inv_config_differs(before, after, may_differ, key))
        INV_FAIL(INV_EINVAL, "%s: --resume: %s was made with another inverse.%s", session->path,
                 path, key);
    if (spec->steps < steps)
        INV_FAIL(INV_EINVAL, "%s: --resume: %s has %zu steps already, inverse.steps is %zu",
                 session->path, path, (size_t)steps, spec->steps);
    INV_TRY(check_seed(session, path));
done:
    inv_config_free(before);
    inv_config_free(after);
    free(kept);
    free(now);
    return status;
}

/* An inverse of that name may be there: then it goes on, or goes, or the command is refused. */
static inv_status describe_inverse(cli_session *session, const char *path, size_t point)
{
    const inv_inverse_spec *spec = &session->experiment->inverse;
    const cli_options *options = session->options;
    const char *stale = cli_cause_stale(session->run, path);
    char *settings = NULL;
    inv_status status = INV_OK;
    if (session->starts && stale) { /* of a run that was shorter */
        cli_note(&session->progress, "inverse   '%s' was %s: learning it anew", spec->name, stale);
        INV_TRY(inv_run_remove(session->run, path));
    } else if (inv_run_has(session->run, path)) {
        if (!options->resume && !options->force)
            return INV_ERROR(
                INV_EINVAL,
                "%s: holds an inverse '%s' already; --name NAME makes another, --resume "
                "goes on with it, --force writes over it",
                session->path, spec->name);
        if (!options->force && stale)
            return INV_ERROR(INV_EDATA,
                             "%s: --resume: the inverse '%s' was %s; --force learns it anew",
                             session->path, spec->name, stale);
        INV_TRY(options->force ? inv_run_remove(session->run, path) : check_earlier(session, path));
    }
    INV_TRY(cli_settings(inv_inverse_fields, spec, &settings));
    INV_TRY(inv_run_set_text(session->run, path, "settings", settings));
    INV_TRY(inv_run_set_size(session->run, path, "seed", session->seed));
    INV_TRY(cli_cause_put(session->run, path, CLI_CAUSE_NETWORK, NULL));
    INV_TRY(inv_run_set_text(session->run, path, "kind", spec->kind));
    INV_TRY(inv_run_set_text(session->run, path, "at", inv_net_point_name(session->net, point)));
done:
    free(settings);
    return status;
}

static inv_status measure_inverse(cli_session *session, const char *path, size_t point)
{
    inv_inverse_quality quality;
    inv_status status = INV_OK;
    INV_TRY(
        inv_measure_inverse(session->net, session->inverse, point, &session->data->test, &quality));
    INV_TRY(inv_run_set_real(session->run, path, "l1_per_pixel", quality.l1_per_pixel));
    INV_TRY(inv_run_set_real(session->run, path, "relative_l2", quality.relative_l2));
    INV_TRY(inv_run_set_real(session->run, path, "same_class", quality.same_class));
    INV_TRY(cli_session_save(session));
    cli_note(&session->progress, "          L1 %.4f a pixel, %.4f classified like the original",
             quality.l1_per_pixel, quality.same_class);
done:
    return status;
}

/* The inverse, untrained, as the session's. */
static inv_status make_inverse(cli_session *session)
{
    const inv_inverse_spec *spec = &session->experiment->inverse;
    inv_net_free(session->inverse);
    session->inverse = NULL;
    snprintf(session->inverse_name, sizeof session->inverse_name, "%s", spec->name);
    return inv_inverse_build(spec, session->net, &session->inverse);
}

static inv_status check_invert(const cli_session *session, inv_net *untrained)
{
    const inv_inverse_spec *spec = &session->experiment->inverse;
    inv_net *inverse = NULL;
    inv_status status = inv_inverse_build(spec, untrained, &inverse);
    inv_net_free(inverse);
    if (status == INV_OK && spec->batch > session->data->train.count)
        status = INV_ERROR(INV_ECONFIG, "inverse.batch: %zu, but there are %zu images to train on",
                           spec->batch, session->data->train.count);
    return status;
}

static inv_status invert(cli_session *session)
{
    const inv_inverse_spec *spec = &session->experiment->inverse;
    cli_learning l = {.session = session, .stage = "inverse"};
    size_t point = 0;
    inv_status status = INV_OK;
    snprintf(l.path, sizeof l.path, "/inverse/%s", spec->name);
    memcpy(session->result, l.path, sizeof l.path);
    memcpy(l.net_path, l.path, sizeof l.path);
    INV_TRY(cli_session_net(session));
    INV_TRY(inv_inverse_point(session->net, spec->at, &point));
    INV_TRY(make_inverse(session));
    INV_TRY(describe_inverse(session, l.path, point));
    INV_TRY(inv_inverter_alloc(spec, session->net, session->inverse, session->data, session->seed,
                               &l.learner));
    l.net = session->inverse;
    INV_TRY(cli_learn(&l));
    INV_TRY(measure_inverse(session, l.path, point));
done:
    inv_learner_free(l.learner);
    return status;
}

const cli_stage cli_stage_invert = {
    .name = "inverse",
    .group = "/inverse",
    .learns = true,
    .has = offsetof(inv_experiment, has_inverse),
    .check = check_invert,
    .run = invert,
};
