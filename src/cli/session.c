/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cause.h"
#include "cli.h"
#include "invproj/file.h"
#include "invproj/inverse.h"
#include "invproj/version.h"

/* ---- opening ---- */

/* --checkpoint 500 or --checkpoint 30s, in place of the experiment's. */
static inv_status read_checkpoint(cli_session *session)
{
    const char *every = session->options->checkpoint;
    char *end = NULL;
    session->checkpoint = session->experiment->checkpoint;
    if (!every)
        return INV_OK;
    const double value = strtod(every, &end);
    const bool seconds = strcmp(end, "s") == 0;
    if (end == every || (!seconds && (*end || value != rint(value))) ||
        !(value >= 0.0 && value <= 1e9))
        return INV_ERROR(INV_EINVAL,
                         "--checkpoint: '%s' is neither steps, as in 500, nor seconds, "
                         "as in 30s",
                         every);
    session->checkpoint.steps = seconds ? 0 : (size_t)value;
    if (seconds)
        session->checkpoint.seconds = value;
    return INV_OK;
}

static inv_status read_experiment(cli_session *session)
{
    inv_status status = INV_OK;
    for (size_t i = 0; i < session->options->set_count && status == INV_OK; i++)
        status = inv_config_set(session->config, session->options->sets[i]);
    if (status == INV_OK && session->options->classes)
        status = cli_set_classes(session);
    if (status == INV_OK)
        status = inv_experiment_read(session->config, &session->experiment);
    return status == INV_OK ? read_checkpoint(session) : status;
}

/* The network takes images of the data's shape, and tells their classes apart. A file may name data
 * by their checksums and hold a network of others: what is then read would lie beyond them. */
static inv_status check_shape(const cli_session *session, inv_shape b, size_t classes)
{
    const inv_shape a = inv_net_shape(session->net, 0);
    const size_t outputs = inv_net_units(session->net, inv_net_depth(session->net));
    if (a.height == b.height && a.width == b.width && a.channels == b.channels &&
        outputs == classes)
        return INV_OK;
    return INV_ERROR(INV_EFORMAT,
                     "%s: /network: of images of %zu x %zu x %zu and %zu classes; the data that it "
                     "was made from have %zu x %zu x %zu and %zu",
                     session->path, a.height, a.width, a.channels, outputs, b.height, b.width,
                     b.channels, classes);
}

/* Against the data where they are open, and what the run file says of them, where it does. */
static inv_status check_fit(const cli_session *session)
{
    uint64_t sizes[4];
    static const char *const names[4] = {"height", "width", "channels", "classes"};
    if (!session->net)
        return INV_OK;
    if (session->data)
        return check_shape(session, session->data->shape, session->data->classes);
    for (int i = 0; i < 4; i++) {
        if (!inv_run_has_attribute(session->run, "/data", names[i]))
            return INV_OK;
        inv_status status = inv_run_size(session->run, "/data", names[i], &sizes[i]);
        if (status != INV_OK)
            return status;
    }
    return check_shape(session, (inv_shape){sizes[0], sizes[1], sizes[2]}, sizes[3]);
}

static inv_status begin(const cli_options *options, const char *path, cli_session *session)
{
    *session = (cli_session){.options = options, .saved = cli_seconds()};
    cli_progress_open(&session->progress, options->quiet);
    session->path = strdup(path);
    if (!session->path)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", path);
    cli_signals_open();
    inv_status status = cli_lock_take(path, &session->lock);
    if (status == INV_OK && cli_lock_holds(session->lock))
        inv_file_sweep(path); /* what killed ones left */
    return status;
}

/* Of an experiment that says nothing of class images. */
#define RECOMMENDED "generate={preset=\"recommended\";}"

/* The experiment that the run file keeps. Where no setting changes it, a fault in it is the file's.
 */
static inv_status read_kept(cli_session *session, const char *text)
{
    inv_status status = inv_config_read_text(session->path, text, &session->config);
    if (status == INV_OK && !inv_config_has(session->config, "generate"))
        status = inv_config_set(session->config, RECOMMENDED);
    const bool sound =
        status == INV_OK && (session->options->set_count > 0 || session->options->classes);
    if (status == INV_OK)
        status = read_experiment(session);
    return status == INV_ECONFIG && !sound ? INV_EFORMAT : status;
}

inv_status cli_session_open(const cli_options *options, const char *path, bool data,
                            cli_session *session)
{
    char *text = NULL;
    inv_status status = INV_OK;
    *session = (cli_session){0};
    if (access(path, F_OK) != 0)
        return INV_ERROR(INV_EIO, "%s: %s", path, strerror(errno));
    INV_TRY(begin(options, path, session));
    INV_TRY(cli_open_run(&session->progress, path, CLI_READ_TO_SAVE, &session->run));
    INV_TRY(cli_data_pixels(session->run, &session->pixels));
    INV_TRY(inv_run_text(session->run, "/", "experiment", &text));
    INV_TRY(inv_run_size(session->run, "/", "seed", &session->seed));
    INV_TRY(read_kept(session, text));
    if (data)
        INV_TRY(cli_session_data(session));
done:
    free(text);
    return status;
}

inv_status cli_session_data(cli_session *session)
{
    if (session->data)
        return INV_OK;
    inv_status status = cli_data_open(session);
    if (status == INV_OK)
        status = cli_data_remember(session);
    return status == INV_OK ? check_fit(session) : status;
}

inv_status cli_session_read(const cli_options *options, const char *path, cli_session *session)
{
    char *text = NULL;
    inv_status status = INV_OK;
    *session = (cli_session){.options = options};
    cli_progress_open(&session->progress, options->quiet);
    session->path = strdup(path);
    if (!session->path)
        INV_FAIL(INV_ENOMEM, "%s: no memory", path);
    INV_TRY(cli_open_run(&session->progress, path, CLI_READ, &session->run));
    INV_TRY(cli_data_pixels(session->run, &session->pixels));
    if (inv_run_has_attribute(session->run, "/", "experiment")) {
        INV_TRY(inv_run_text(session->run, "/", "experiment", &text));
        INV_TRY(read_kept(session, text));
    }
done:
    free(text);
    return status;
}

/* What a new run file says of itself. */
static inv_status describe_run(cli_session *session)
{
    inv_run *run = session->run;
    const char *digests[INV_DATA_FILES];
    char created[32], *text = NULL;
    const time_t now = time(NULL);
    struct tm utc;
    inv_status status = INV_OK;
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    for (size_t i = 0; i < INV_DATA_FILES; i++)
        digests[i] = session->data->sha256[i];
    INV_TRY(inv_config_text(session->config, &text));
    INV_TRY(inv_run_set_text(run, "/", "program_version", INV_VERSION));
    INV_TRY(inv_run_set_text(run, "/", "experiment", text));
    INV_TRY(inv_run_set_size(run, "/", "seed", session->seed));
    INV_TRY(inv_run_set_text(run, "/", "created", created));
    INV_TRY(inv_run_set_text(run, "/", "dataset", session->data->name));
    INV_TRY(inv_run_set_texts(run, "/", "dataset_sha256", digests, INV_DATA_FILES));
    INV_TRY(cli_data_describe(run, session->data));
done:
    free(text);
    return status;
}

/* Starts anew. */
static inv_status start_run(cli_session *session)
{
    inv_status status = INV_OK;
    INV_TRY(cli_data_open(session));
    INV_TRY(inv_run_create(&session->run));
    INV_TRY(describe_run(session));
done:
    return status;
}

/* Goes on: the run must be of the same experiment, seed and data. */
static inv_status resume_run(cli_session *session)
{
    inv_status status = INV_OK;
    INV_TRY(cli_open_run(&session->progress, session->path, CLI_READ_TO_SAVE, &session->run));
    INV_TRY(cli_resume_check(session));
    INV_TRY(cli_data_open(session));
done:
    return status;
}

inv_status cli_session_start(const cli_options *options, const char *experiment, const char *path,
                             cli_session *session)
{
    inv_status status = INV_OK;
    INV_TRY(begin(options, path, session));
    session->starts = true;
    const bool there = access(path, F_OK) == 0; /* now that nobody else can make it */
    if (there && !options->resume)
        INV_TRY(cli_check_replaces_run(path));
    if (there && !options->force && !options->resume)
        INV_FAIL(INV_EINVAL,
                 "%s: holds a run already; --resume goes on with it, --force writes over it", path);
    INV_TRY(inv_config_read_file(experiment, &session->config));
    INV_TRY(read_experiment(session));
    session->seed = options->has_seed ? options->seed : session->experiment->seed;
    INV_TRY(there && options->resume ? resume_run(session) : start_run(session));
    INV_TRY(cli_data_pixels(session->run, &session->pixels));
    INV_TRY(cli_describe_environment(session));
    INV_TRY(cli_data_remember(session));
    cli_data_note(session);
done:
    return status;
}

void cli_session_close(cli_session *session)
{
    cli_lock_free(session->lock);
    inv_gaussians_free(session->gaussians);
    inv_net_free(session->inverse);
    inv_net_free(session->net);
    inv_dataset_free(session->data);
    free(session->data_folder);
    inv_experiment_free(session->experiment);
    inv_config_free(session->config);
    inv_run_free(session->run);
    free(session->path);
}

/* ---- nets ---- */

/* The images' shape is what the network was built for; it stands with the network. */
static inv_status input_shape(const cli_session *session, inv_shape *shape)
{
    uint64_t height = 0, width = 0, channels = 0;
    inv_status status = inv_run_size(session->run, "/network", "height", &height);
    if (status == INV_OK)
        status = inv_run_size(session->run, "/network", "width", &width);
    if (status == INV_OK)
        status = inv_run_size(session->run, "/network", "channels", &channels);
    *shape = (inv_shape){height, width, channels};
    if (status == INV_OK && (height == 0 || width == 0 || channels == 0 || height > 65535 ||
                             width > 65535 || channels > 65535))
        return INV_ERROR(INV_EFORMAT, "%s: /network: images of %zu x %zu x %zu", session->path,
                         shape->height, shape->width, shape->channels);
    return status;
}

inv_status cli_session_net(cli_session *session)
{
    inv_shape shape;
    if (session->net)
        return INV_OK;
    if (!inv_run_has(session->run, "/network"))
        return INV_ERROR(INV_EDATA, "%s: holds no network", session->path);
    inv_status status = input_shape(session, &shape);
    if (status == INV_OK)
        status = inv_run_get_net(session->run, "/network", shape, &session->net);
    if (status != INV_OK)
        return status;
    const size_t outputs = inv_net_units(session->net, inv_net_depth(session->net));
    if (outputs > INV_CLASSES_MAX)
        return INV_ERROR(INV_EFORMAT,
                         "%s: /network: ends in %zu units; there are %d classes at most",
                         session->path, outputs, INV_CLASSES_MAX);
    return check_fit(session);
}

inv_status cli_session_inverse(cli_session *session, const char *name)
{
    char path[2 * INV_NAME_MAX], *at = NULL;
    uint64_t done = 0;
    size_t point = 0;
    inv_status status = INV_OK;
    if (session->inverse && strcmp(session->inverse_name, name) == 0)
        return INV_OK;
    inv_net_free(session->inverse);
    session->inverse = NULL;
    INV_TRY(cli_session_net(session));
    snprintf(path, sizeof path, "/inverse/%s", name);
    if (!inv_run_has(session->run, path))
        INV_FAIL(INV_EDATA, "%s: holds no inverse named '%s'; make one with: invproj invert %s",
                 session->path, name, session->path);
    INV_TRY(inv_run_size(session->run, path, "done", &done));
    if (!done)
        INV_FAIL(INV_EDATA,
                 "%s: the inverse '%s' is not done; invproj invert --resume goes on with it",
                 session->path, name);
    if (cli_cause_stale(session->run, path))
        INV_FAIL(INV_EDATA,
                 "%s: the inverse '%s' is of a network that is no longer there; learn it anew: "
                 "invproj invert %s --force --name %s",
                 session->path, name, session->path, name);
    INV_TRY(inv_run_text(session->run, path, "at", &at));
    INV_TRY(inv_inverse_point(session->net, at, &point));
    INV_TRY(inv_run_get_net(session->run, path,
                            (inv_shape){1, 1, inv_net_units(session->net, point)},
                            &session->inverse));
    if (inv_net_units(session->inverse, inv_net_depth(session->inverse)) !=
        inv_net_units(session->net, 0))
        INV_FAIL(INV_EFORMAT, "%s: %s: does not lead to images of the network's size",
                 session->path, path);
    snprintf(session->inverse_name, sizeof session->inverse_name, "%s", name);
done:
    if (status == INV_ECONFIG) /* all of it comes from the file */
        status = INV_EFORMAT;
    free(at);
    return status;
}

/* ---- what the data are like ---- */

#define COMPONENTS 200 /* that are kept: those of MNIST beyond are a 30th of the variance */

static inv_status read_gaussians(cli_session *session, size_t point, const char *path)
{
    inv_array state[INV_ARRAYS_MAX];
    uint64_t components = 0, classes = 0;
    const size_t units = inv_net_units(session->net, point);
    inv_gaussians *g = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_run_size(session->run, path, "components", &components));
    INV_TRY(inv_run_size(session->run, path, "classes", &classes));
    if (components == 0 || components > units || classes > INV_CLASSES_MAX)
        INV_FAIL(INV_EFORMAT, "%s: %s: %zu components, %zu classes", session->path, path,
                 (size_t)components, (size_t)classes);
    INV_TRY(inv_gaussians_alloc(units, components, classes, &g));
    INV_TRY(inv_run_get_state(session->run, path, state, inv_gaussians_state(g, state)));
    INV_TRY(inv_gaussians_restored(g));
    session->gaussians = g;
    g = NULL;
done:
    inv_gaussians_free(g);
    return status;
}

static inv_status fit_gaussians(cli_session *session, size_t point, const char *path)
{
    inv_array state[INV_ARRAYS_MAX];
    inv_status status = INV_OK;
    INV_TRY(cli_session_data(session));
    INV_TRY(inv_gaussians_fit(session->net, &session->data->train, point, session->data->classes,
                              COMPONENTS, &session->gaussians));
    const inv_gaussians *g = session->gaussians;
    INV_TRY(inv_run_put_state(session->run, path, state,
                              inv_gaussians_state(session->gaussians, state)));
    INV_TRY(cli_cause_put(session->run, path, CLI_CAUSE_NETWORK, NULL));
    INV_TRY(inv_run_set_size(session->run, path, "components", g->all.components));
    INV_TRY(inv_run_set_size(session->run, path, "classes", g->classes));
done:
    return status;
}

inv_status cli_session_gaussians(cli_session *session, size_t point)
{
    char path[CLI_PATH_BYTES];
    if (session->gaussians && session->gaussians_point == point)
        return INV_OK;
    inv_gaussians_free(session->gaussians);
    session->gaussians = NULL;
    session->gaussians_point = point;
    snprintf(path, sizeof path, "/gaussian/%s", inv_net_point_name(session->net, point));
    const bool good = inv_run_has(session->run, path) && !cli_cause_stale(session->run, path);
    return good ? read_gaussians(session, point, path) : fit_gaussians(session, point, path);
}

inv_status cli_class_names(const cli_session *session, size_t classes, char **names)
{
    memset(names, 0, classes * sizeof *names);
    if (!inv_run_has_attribute(session->run, "/", "class_names"))
        return INV_OK;
    return inv_run_texts(session->run, "/", "class_names", names, classes);
}

inv_status cli_settings(const inv_field *fields, const void *spec, char **out)
{
    json_t *object = json_object();
    *out = NULL;
    inv_status status = object ? inv_fields_write(fields, spec, object) : INV_ENOMEM;
    if (status == INV_OK)
        *out = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return *out ? INV_OK : INV_ERROR(INV_ENOMEM, "settings: no memory");
}

/* ---- checkpoints ---- */

/* A checkpoint may cost at most this part of the time. */
#define COST_MOST 0.02

inv_status cli_session_save(cli_session *session)
{
    const double start = cli_seconds();
    inv_status status = cli_cause_mark(session->run);
    if (status == INV_OK)
        status = inv_run_save(session->run, session->path);
    session->saved = cli_seconds();
    session->cost = session->saved - start;
    return status;
}

bool cli_session_due(const cli_session *session, size_t step)
{
    const inv_checkpoint_spec *every = &session->checkpoint;
    const double since = cli_seconds() - session->saved;
    if (every->steps > 0 && step % every->steps == 0)
        return true;
    return since >= every->seconds && since >= session->cost / COST_MOST;
}

inv_status cli_session_stop(cli_session *session, const char *stage)
{
    cli_note(&session->progress,
             "%s: stopped; %s has all so far, and the same command with --resume "
             "goes on",
             stage, session->path);
    return CLI_STOPPED;
}
