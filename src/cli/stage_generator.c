/* The stage that learns a generator, and draws from it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "generator.h"
#include "invproj/maker.h"
#include "invproj/measure.h"
#include "learning.h"
#include "stage.h"

static inv_maker_material material_of(const cli_session *session, const inv_net *net)
{
    const inv_dataset *data = session->materials.data;
    return (inv_maker_material){.data = data,
                                .net = net,
                                .shape = inv_net_shape(net, 0),
                                .classes =
                                    data ? data->classes : inv_net_units(net, inv_net_depth(net)),
                                .pixels = data ? data->pixels : session->file.pixels};
}

/* ---- one that is there ---- */

/* What was begun goes on only as it was begun; longer, where its rate does not follow its length. */
static inv_status check_earlier(const cli_file *file, const char *path)
{
    const inv_maker_spec *spec = &file->experiment->generator;
    const bool fixed = inv_schedule_needs_length(spec->schedule.type);
    const char *const may_differ[] = {"count", "spread", fixed ? NULL : "steps", NULL};
    char *kept = NULL, *now = NULL, key[INV_TEXT_MAX];
    uint64_t seed = 0, steps = 0;
    inv_config *before = NULL, *after = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_run_size(file->run, path, "seed", &seed));
    INV_TRY(inv_run_text(file->run, path, "settings", &kept));
    INV_TRY(cli_settings(inv_maker_fields, spec, &now));
    INV_TRY(inv_config_read_json(file->path, kept, &before));
    INV_TRY(inv_config_read_json("the settings", now, &after));
    INV_TRY(inv_run_size(file->run, path, "step", &steps));
    if (spec->steps < steps)
        INV_FAIL(INV_EINVAL, "%s: --resume: %s has %zu steps already, generator.steps is %zu",
                 file->path, path, (size_t)steps, spec->steps);
    if (seed != file->seed)
        INV_FAIL(INV_EINVAL, "%s: --resume: %s was begun with another seed", file->path, path);
    if (inv_config_differs(before, after, may_differ, key))
        INV_FAIL(INV_EINVAL, "%s: --resume: %s was made with another generator.%s", file->path,
                 path, key);
done:
    inv_config_free(before);
    inv_config_free(after);
    free(kept);
    free(now);
    return status;
}

/* A run file has one generator: it goes on, or goes, or the command is refused. */
static inv_status make_place(cli_session *session, const char *path)
{
    const cli_options *options = session->file.options;
    inv_run *run = session->file.run;
    char found[1][INV_NAME_MAX];
    const bool there = inv_run_groups(run, "/generator", found, 1) > 0;
    const char *stale = cli_cause_stale(run, path);
    if (session->file.starts) { /* what a resumed run has was checked */
        if (!stale)
            return INV_OK;
        cli_note(&session->progress, "generator '%s' was %s: learning it again",
                 session->file.experiment->generator.name, stale);
        return inv_run_remove(run, path);
    }
    if (!there || options->force)
        return there ? inv_run_remove(run, "/generator") : INV_OK;
    if (!options->resume || !inv_run_has(run, path))
        return INV_ERROR(INV_EINVAL,
                         "%s: already holds a generator '%s'; --resume continues it, --force "
                         "overwrites it",
                         session->file.path, found[0]);
    if (stale)
        return INV_ERROR(INV_EDATA,
                         "%s: --resume: the generator '%s' was %s; --force learns it again",
                         session->file.path, found[0], stale);
    return check_earlier(&session->file, path);
}

/* ---- learning ---- */

/* What the generator is beside its layers, so that images can be drawn from the run file alone. */
static inv_status describe(cli_session *session, const inv_maker_material *material,
                           const char *path)
{
    const inv_maker_spec *spec = &session->file.experiment->generator;
    inv_run *run = session->file.run;
    char *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(cli_settings(inv_maker_fields, spec, &settings));
    INV_TRY(inv_run_set_text(run, path, "settings", settings));
    INV_TRY(inv_run_set_size(run, path, "seed", session->file.seed));
    INV_TRY(inv_run_set_size(run, path, "latent", spec->latent));
    INV_TRY(inv_run_set_size(run, path, "classes", material->classes));
    INV_TRY(inv_run_set_real(run, path, "spread", spec->spread));
    INV_TRY(inv_run_set_text(run, path, "kind", spec->kind));
    if (!inv_maker_needs_data(spec->kind)) /* it learns from the net alone */
        INV_TRY(cli_cause_put(run, path, CLI_CAUSE_NETWORK, NULL));
done:
    free(settings);
    return status;
}

/* What was measured before it learned on is of another. */
static inv_status forget(inv_run *run, const char *path, uint64_t before)
{
    static const char *const figures[] = {"student", "student_real", "student_images", "taught"};
    uint64_t step = 0;
    inv_status status = inv_run_size(run, path, "step", &step);
    for (size_t i = 0; i < sizeof figures / sizeof *figures && status == INV_OK; i++)
        if (step != before)
            status = inv_run_unset(run, path, figures[i]);
    return status;
}

/* How well the student reads real images, where there are any. */
static inv_status measure_taught(cli_session *session, const inv_net *student, const char *path)
{
    double accuracy = 0.0;
    if (!cli_data_is_known(&session->file))
        return INV_OK;
    inv_status status = cli_load_data(&session->file, &session->materials);
    const inv_dataset *data = session->materials.data;
    if (status == INV_OK && data && data->test.count == 0)
        return INV_OK;
    if (status == INV_OK && data)
        status = inv_measure_accuracy(student, &data->test, &accuracy);
    if (status != INV_OK) {
        cli_warn("generator no figure of its student: %s", inv_error_message());
        return INV_OK;
    }
    cli_note(&session->progress, "generator its student reads %.4f of the test images", accuracy);
    return inv_run_set_real(session->file.run, path, "taught", accuracy);
}

/* Keeps the student that learned beside the generator, if one did. */
static inv_status put_student(cli_session *session, const cli_learning *l)
{
    const inv_net *student = inv_maker_student(l->learner);
    char path[CLI_PATH_BYTES];
    if (!student)
        return INV_OK;
    snprintf(path, sizeof path, "%s/student", l->path);
    inv_status status = inv_run_put_net(session->file.run, path, student);
    return status == INV_OK ? measure_taught(session, student, l->path) : status;
}

static inv_status learn(cli_session *session)
{
    const inv_maker_spec *spec = &session->file.experiment->generator;
    const inv_maker_material material = material_of(session, session->materials.net);
    cli_learning l = {.file = &session->file, .progress = &session->progress, .stage = "generator"};
    inv_net *net = NULL;
    uint64_t before = 0;
    inv_status status = INV_OK;
    if (inv_maker_needs_data(spec->kind))
        l.epoch = (material.data->train.count + spec->batch - 1) / spec->batch;
    snprintf(l.path, sizeof l.path, "/generator/%s", spec->name);
    memcpy(l.net_path, l.path, sizeof l.path);
    INV_TRY(make_place(session, l.path));
    INV_TRY(inv_maker_build(spec, &material, &net));
    INV_TRY(describe(session, &material, l.path));
    INV_TRY(inv_maker_alloc(spec, net, &material, session->file.seed, &l.learner));
    l.net = net;
    if (inv_run_has_attribute(session->file.run, l.path, "step"))
        INV_TRY(inv_run_size(session->file.run, l.path, "step", &before));
    INV_TRY(cli_learn(&l));
    INV_TRY(forget(session->file.run, l.path, before));
    INV_TRY(put_student(session, &l));
done:
    inv_learner_free(l.learner);
    inv_net_free(net);
    return status;
}

/* ---- drawing ---- */

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
    if (status == INV_OK && inv_maker_needs_data(session->file.experiment->generator.kind))
        status = cli_load_data(&session->file, &session->materials);
    if (status == INV_OK)
        status = learn(session);
    return status == INV_OK ? draw(session) : status;
}

static inv_status check_generator(const cli_session *session, inv_net *untrained)
{
    const inv_experiment *e = session->file.experiment;
    const inv_maker_material material = material_of(session, untrained);
    inv_net *net = NULL;
    inv_learner *learner = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_maker_build(&e->generator, &material, &net));
    INV_TRY(inv_maker_alloc(&e->generator, net, &material, session->file.seed, &learner));
    INV_TRY(cli_picture_check(&session->file, inv_net_shape(untrained, 0), e->generator.name,
                              "generator", &e->generator_sheet,
                              e->generator.count * material.classes));
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
