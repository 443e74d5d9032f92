/* The stage that learns a generator, and draws from it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "generator.h"
#include "invproj/variational.h"
#include "learning.h"
#include "stage.h"

/* What the generator is beside its layers, so that images can be drawn from the run file alone. */
static inv_status describe(cli_session *session, const char *path)
{
    const inv_variational_spec *spec = &session->file.experiment->generator;
    inv_run *run = session->file.run;
    char *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(cli_settings(inv_variational_fields, spec, &settings));
    INV_TRY(inv_run_set_text(run, path, "settings", settings));
    INV_TRY(inv_run_set_size(run, path, "seed", session->file.seed));
    INV_TRY(inv_run_set_size(run, path, "latent", spec->latent));
    INV_TRY(inv_run_set_size(run, path, "classes", session->materials.data->classes));
    INV_TRY(inv_run_set_real(run, path, "spread", spec->spread));
done:
    free(settings);
    return status;
}

static inv_status learn(cli_session *session)
{
    const inv_variational_spec *spec = &session->file.experiment->generator;
    const inv_dataset *data = session->materials.data;
    cli_learning l = {.file = &session->file,
                      .progress = &session->progress,
                      .stage = "generator",
                      .epoch = (data->train.count + spec->batch - 1) / spec->batch};
    inv_net *net = NULL;
    inv_status status = INV_OK;
    snprintf(l.path, sizeof l.path, "/generator/%s", spec->name);
    memcpy(l.net_path, l.path, sizeof l.path);
    INV_TRY(inv_variational_build(spec, data, &net));
    INV_TRY(describe(session, l.path));
    INV_TRY(inv_variational_alloc(spec, net, data, session->file.seed, &l.learner));
    l.net = net;
    INV_TRY(cli_learn(&l));
done:
    inv_learner_free(l.learner);
    inv_net_free(net);
    return status;
}

static cli_draws draws_of(const inv_experiment *e)
{
    cli_draws draws = {.count = e->generator.count, .spread = e->generator.spread};
    memcpy(draws.name, e->generator.name, sizeof draws.name);
    return draws;
}

/* Some images of each class, under the generator's name. */
static inv_status draw(cli_session *session)
{
    const inv_experiment *e = session->file.experiment;
    const inv_net *net = session->materials.net;
    cli_generator generator = {0};
    cli_draws draws = draws_of(e);
    inv_status status = INV_OK;
    INV_TRY(inv_run_sign(session->file.run));
    INV_TRY(cli_generator_load(session->file.run, session->file.path, net, &generator));
    generator.own = true;
    INV_TRY(cli_leave_out_empty(session->file.run, net, "generator", &draws.classes));
    INV_TRY(cli_generator_draw(session, &generator, &draws, "generator", &e->generator_sheet));
done:
    cli_generator_free(&generator);
    return status;
}

static inv_status run_generator(cli_session *session)
{
    inv_status status = cli_load_net(&session->file, &session->materials);
    if (status == INV_OK)
        status = learn(session);
    return status == INV_OK ? draw(session) : status;
}

static inv_status check_generator(const cli_session *session, inv_net *untrained)
{
    const inv_experiment *e = session->file.experiment;
    const inv_dataset *data = session->materials.data;
    inv_net *net = NULL;
    inv_learner *learner = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_variational_build(&e->generator, data, &net));
    INV_TRY(inv_variational_alloc(&e->generator, net, data, session->file.seed, &learner));
    INV_TRY(cli_picture_check(&session->file, inv_net_shape(untrained, 0), e->generator.name,
                              "generator", &e->generator_sheet,
                              e->generator.count * data->classes));
done:
    inv_learner_free(learner);
    inv_net_free(net);
    return status;
}

const cli_stage cli_stage_generator = {
    .name = "generator",
    .group = "/generator",
    .learns = true,
    .has = offsetof(inv_experiment, has_generator),
    .check = check_generator,
    .run = run_generator,
};
