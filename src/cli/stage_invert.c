/* The stage that learns an inverse.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "cause.h"
#include "invproj/inverse.h"
#include "learning.h"
#include "quality.h"
#include "stage.h"

/* It was begun with a seed, and goes on with that one. Older run files have only the run's. */
static inv_status check_seed(cli_file *file, const char *path)
{
    uint64_t seed = file->seed;
    inv_status status = INV_OK;
    if (inv_run_has_attribute(file->run, path, "seed"))
        status = inv_run_size(file->run, path, "seed", &seed);
    if (status == INV_OK && file->options->has_seed && seed != file->seed)
        status =
            INV_ERROR(INV_EINVAL, "%s: --resume: %s was begun with seed %" PRIu64 ", not %" PRIu64,
                      file->path, path, seed, file->seed);
    file->seed = seed;
    return status;
}

static inv_status check_earlier(cli_file *file, const inv_inverse_spec *spec, const char *path)
{
    /* where an epsilon of 0 is added makes no difference, and older files do not say it */
    const char *const nowhere = spec->optimiser.epsilon == 0.0 ? "optimiser.epsilon_inside" : NULL;
    const char *const may_differ[] = {"steps", nowhere, NULL};
    char *kept = NULL, *now = NULL, key[INV_TEXT_MAX];
    uint64_t steps = 0;
    inv_config *before = NULL, *after = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_run_text(file->run, path, "settings", &kept));
    if (inv_run_has_attribute(file->run, path, "step")) /* else it was found at one go */
        INV_TRY(inv_run_size(file->run, path, "step", &steps));
    INV_TRY(cli_settings(inv_inverse_fields, spec, &now));
    INV_TRY(inv_config_read_json(file->path, kept, &before));
    INV_TRY(cli_former_kind(before, "kind"));
    INV_TRY(cli_former_optimiser(before, "optimiser")); /* which has all keys that there were */
    INV_TRY(inv_config_read_json("the settings", now, &after));
    if (inv_config_differs(before, after, may_differ, key))
        INV_FAIL(INV_EINVAL, "%s: --resume: %s was made with another inverse.%s", file->path, path,
                 key);
    if (spec->steps < steps)
        INV_FAIL(INV_EINVAL, "%s: --resume: %s has %zu steps already, inverse.steps is %zu",
                 file->path, path, (size_t)steps, spec->steps);
    INV_TRY(check_seed(file, path));
done:
    inv_config_free(before);
    inv_config_free(after);
    free(kept);
    free(now);
    return status;
}

/* An inverse of that name may be there: then it goes on, or goes, or the command is refused. */
static inv_status describe_inverse(cli_session *session, const inv_inverse_spec *spec,
                                   const char *path, size_t point)
{
    const cli_options *options = session->file.options;
    const char *stale = cli_cause_stale(session->file.run, path);
    char *settings = NULL;
    inv_status status = INV_OK;
    if (session->file.starts && stale) { /* of a run that was shorter */
        cli_note(&session->progress, "inverse   '%s' was %s: learning it again", spec->name, stale);
        INV_TRY(inv_run_remove(session->file.run, path));
    } else if (inv_run_has(session->file.run, path)) {
        if (!options->resume && !options->force)
            return INV_ERROR(INV_EINVAL,
                             "%s: already holds an inverse '%s'; --resume continues it, --force "
                             "overwrites it, --name NAME makes another",
                             session->file.path, spec->name);
        if (!options->force && stale)
            return INV_ERROR(INV_EDATA,
                             "%s: --resume: the inverse '%s' was %s; --force learns it again",
                             session->file.path, spec->name, stale);
        INV_TRY(options->force ? inv_run_remove(session->file.run, path)
                               : check_earlier(&session->file, spec, path));
    }
    INV_TRY(cli_settings(inv_inverse_fields, spec, &settings));
    INV_TRY(inv_run_set_text(session->file.run, path, "settings", settings));
    INV_TRY(inv_run_set_size(session->file.run, path, "seed", session->file.seed));
    INV_TRY(cli_cause_put(session->file.run, path, CLI_CAUSE_NETWORK, NULL));
    INV_TRY(inv_run_set_text(session->file.run, path, "kind", spec->kind));
    INV_TRY(inv_run_set_text(session->file.run, path, "at",
                             inv_net_point_name(session->materials.net, point)));
done:
    free(settings);
    return status;
}

#define GAUSSIAN_MOST 512 /* units: of more, covariances would take longer than the learning */

/* The Gaussian of what the training images have at the inverse's point, with the mean of each class: what one
 * can start from there. Values that do not vary have none. */
static inv_status keep_gaussian(cli_session *session, size_t point)
{
    if (inv_net_units(session->materials.net, point) > GAUSSIAN_MOST)
        return INV_OK;
    inv_status status = cli_load_gaussians(&session->file, &session->materials, point);
    return status == INV_EDATA ? INV_OK : status;
}

static inv_status measure_inverse(cli_session *session, const char *path, size_t point)
{
    inv_quality quality;
    inv_status status = INV_OK;
    if (session->materials.data->test.count == 0) {
        cli_note(&session->progress,
                 "          there are no test images, and so there is no figure");
        return cli_file_save(&session->file);
    }
    INV_TRY(cli_quality_measure(session, path, point, &(cli_judge){0}, &quality));
    INV_TRY(cli_file_save(&session->file));
    cli_note(&session->progress, "          L1 %.4f per pixel, %.4f classified like the original",
             quality.mean[INV_QUALITY_L1], quality.mean[INV_QUALITY_SAME]);
done:
    return status;
}

/* The inverse, untrained, as the session's. */
static inv_status make_inverse(cli_session *session, const inv_inverse_spec *spec)
{
    inv_net_free(session->materials.inverse);
    session->materials.inverse = NULL;
    snprintf(session->materials.inverse_name, sizeof session->materials.inverse_name, "%s",
             spec->name);
    return inv_inverse_build(spec, session->materials.net, &session->materials.inverse);
}

/* Which of several inverses a message is about. */
static inv_status in_element(const cli_session *session, size_t i, inv_status status)
{
    const inv_experiment *e = session->file.experiment;
    if (status == INV_OK || status == CLI_STOPPED || e->inverse_count < 2)
        return status;
    return INV_ERROR(status, "inverses.%zu, '%s': %s", i, e->inverses[i].name, inv_error_message());
}

static inv_status check_one(const cli_session *session, const inv_inverse_spec *spec,
                            const inv_net *untrained)
{
    const size_t images = session->materials.data->train.count;
    inv_net *inverse = NULL;
    size_t point = 0;
    inv_status status = inv_inverse_is_net(spec->kind)
                            ? inv_inverse_build(spec, untrained, &inverse)
                            : inv_inverse_point(untrained, spec->kind, spec->at, &point);
    inv_net_free(inverse);
    if (status == INV_OK && inv_inverse_learns(spec->kind) && spec->batch > images)
        status = INV_ERROR(INV_ECONFIG,
                           "inverse.batch: %zu, but there %s %zu %s to train on; make it "
                           "smaller, as with --set inverse.batch=%zu",
                           spec->batch, inv_plural(images, "is", "are"), images,
                           inv_plural(images, "image", "images"), images);
    return status;
}

static inv_status check_invert(const cli_session *session, inv_net *untrained)
{
    const inv_experiment *e = session->file.experiment;
    inv_status status = INV_OK;
    for (size_t i = 0; i < e->inverse_count && status == INV_OK; i++)
        status = in_element(session, i, check_one(session, &e->inverses[i], untrained));
    return status;
}

/* At one go: there is nothing to resume, so the inverse is done once it is there. */
static inv_status fit(cli_session *session, const inv_inverse_spec *spec, const char *path)
{
    inv_run *run = session->file.run;
    inv_net *inverse = session->materials.inverse;
    char seconds[2 * CLI_PATH_BYTES];
    const double start = cli_seconds();
    inv_status status = INV_OK;
    snprintf(seconds, sizeof seconds, "%s/history/seconds", path);
    cli_signals_end_now(session->progress.quiet ? "" : CLI_STOPPED_BETWEEN);
    status = inv_inverse_fit(spec, session->materials.net, inverse, session->materials.data,
                             session->file.seed);
    cli_signals_end_now(NULL);
    if (status != INV_OK)
        goto done;
    const float taken = (float)(cli_seconds() - start);
    INV_TRY(inv_run_put_net(run, path, inverse));
    INV_TRY(inv_run_append(run, seconds, INV_FLOAT32, 1, &taken));
    INV_TRY(inv_run_set_size(run, path, "done", 1));
    INV_TRY(cli_file_save(&session->file));
done:
    return status;
}

/* ---- an inverse that is no net ---- */

#define SEARCHED 100 /* images at a time: what a signal has to wait for */

/* What an earlier start found, in the first rows of `images`. */
static inv_status take_earlier(const cli_session *session, const char *path,
                               gsl_matrix_float *images, size_t *n)
{
    gsl_matrix_float *earlier = NULL;
    inv_status status = INV_OK;
    char found[CLI_PATH_BYTES + INV_NAME_MAX];
    *n = 0;
    snprintf(found, sizeof found, "%s/image", path);
    if (!inv_run_has(session->file.run, found))
        return INV_OK;
    INV_TRY(cli_inverse_images(session->file.run, path, images->size2, &earlier));
    *n = earlier->size1 < images->size1 ? earlier->size1 : images->size1;
    memcpy(images->data, earlier->data, *n * images->size2 * sizeof *images->data);
done:
    inv_mat_free(earlier);
    return status;
}

/* The first n of the images. */
static inv_status keep_found(cli_session *session, const char *path, const gsl_matrix_float *images,
                             size_t n, double start)
{
    const gsl_matrix_float found = inv_mat_over(images->data, n, images->size2);
    const float taken = (float)(cli_seconds() - start);
    char seconds[2 * CLI_PATH_BYTES];
    inv_run *run = session->file.run;
    inv_status status = INV_OK;
    snprintf(seconds, sizeof seconds, "%s/history/seconds", path);
    INV_TRY(cli_put_images(run, path, "image", inv_net_shape(session->materials.net, 0), &found));
    INV_TRY(inv_run_append(run, seconds, INV_FLOAT32, 1, &taken));
    INV_TRY(inv_run_set_size(run, path, "done", n == images->size1));
    INV_TRY(cli_file_save(&session->file));
done:
    return status;
}

static inv_status search_chunk(const cli_session *session, const inv_inverse_spec *spec,
                               const gsl_matrix_float *images, size_t first, size_t n)
{
    const inv_part *test = &session->materials.data->test;
    gsl_matrix_float y = inv_mat_over(images->data + first * images->size2, n, images->size2);
    gsl_matrix_float *x = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_mat_alloc(n, test->pixels, "images", &x));
    inv_part_rows(test, first, n, x);
    INV_TRY(inv_inverse_search(spec, session->materials.net, &session->file.pixels,
                               session->file.seed, x, &y));
done:
    inv_mat_free(x);
    return status;
}

/* Chunk by chunk, from where the run file is. */
static inv_status search(cli_session *session, const inv_inverse_spec *spec, const char *path)
{
    const inv_part *test = &session->materials.data->test;
    const size_t count = spec->images < test->count ? spec->images : test->count;
    const double start = cli_seconds();
    gsl_matrix_float *images = NULL;
    size_t found = 0;
    inv_status status = INV_OK;
    if (count == 0)
        INV_FAIL(INV_EDATA, "inverse.kind: %s is of test images, and there are none", spec->kind);
    INV_TRY(inv_mat_alloc(count, test->pixels, "images", &images));
    INV_TRY(take_earlier(session, path, images, &found));
    if (found == count) /* --resume of what is whole */
        goto done;
    cli_progress_start(&session->progress, "inverse", count * spec->steps, found * spec->steps);
    for (size_t n, first = found; first < count; first += n) {
        n = count - first < SEARCHED ? count - first : SEARCHED;
        INV_TRY(search_chunk(session, spec, images, first, n));
        found = first + n;
        cli_progress_step(&session->progress, found * spec->steps);
        if (cli_signal() && found < count) {
            INV_TRY(keep_found(session, path, images, found, start));
            INV_RAISE(cli_file_stop(&session->file, &session->progress, "inverse"));
        }
    }
    cli_progress_end(&session->progress, found * spec->steps);
    INV_TRY(keep_found(session, path, images, found, start));
done:
    inv_mat_free(images);
    return status;
}

/* ---- all kinds ---- */

/* Step by step, from where the run file is. */
static inv_status learn(cli_session *session, const inv_inverse_spec *spec, cli_learning *l)
{
    inv_status status = INV_OK;
    INV_TRY(inv_inverter_alloc(spec, session->materials.net, session->materials.inverse,
                               session->materials.data, session->file.seed, &l->learner));
    l->net = session->materials.inverse;
    INV_TRY(cli_learn(l));
done:
    inv_learner_free(l->learner);
    return status;
}

/* What is learned, and what it takes before the first step: the net makes of each image what it is learned from. */
static void note_beginning(const cli_session *session, const inv_inverse_spec *spec, size_t point)
{
    const bool is_net = inv_inverse_is_net(spec->kind);
    cli_note(&session->progress, "inverse   '%s', of kind %s, from %s%s", spec->name, spec->kind,
             inv_net_point_name(session->materials.net, point),
             is_net ? "; first all training images go through the net" : "");
}

static inv_status invert_one(cli_session *session, const inv_inverse_spec *spec)
{
    cli_learning l = {.file = &session->file, .progress = &session->progress, .stage = "inverse"};
    size_t point = 0;
    inv_status status = INV_OK;
    snprintf(l.path, sizeof l.path, "/inverse/%s", spec->name);
    memcpy(session->file.result, l.path, sizeof l.path);
    memcpy(l.net_path, l.path, sizeof l.path);
    INV_TRY(cli_load_net(&session->file, &session->materials));
    INV_TRY(inv_inverse_point(session->materials.net, spec->kind, spec->at, &point));
    if (inv_inverse_is_net(spec->kind))
        INV_TRY(make_inverse(session, spec));
    INV_TRY(describe_inverse(session, spec, l.path, point));
    note_beginning(session, spec, point);
    if (inv_inverse_learns(spec->kind))
        INV_TRY(learn(session, spec, &l));
    else
        INV_TRY(inv_inverse_is_net(spec->kind) ? fit(session, spec, l.path)
                                               : search(session, spec, l.path));
    cli_progress_text(&session->progress, "inverse   means and figures");
    INV_TRY(keep_gaussian(session, point));
    INV_TRY(measure_inverse(session, l.path, point));
done:
    return status;
}

static inv_status invert(cli_session *session)
{
    const inv_experiment *e = session->file.experiment;
    inv_status status = INV_OK;
    if (!session->file.starts) /* the command, which may be all that asks for one */
        return invert_one(session, &e->inverse);
    for (size_t i = 0; i < e->inverse_count && status == INV_OK; i++) {
        if (i > 0 && cli_signal())
            return cli_file_stop(&session->file, &session->progress, "inverse");
        if (e->inverse_count > 1)
            cli_note(&session->progress, "inverse   '%s', of kind %s", e->inverses[i].name,
                     e->inverses[i].kind);
        status = in_element(session, i, invert_one(session, &e->inverses[i]));
    }
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
