/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cause.h"
#include "cli.h"
#include "invproj/file.h"
#include "invproj/inverse.h"
#include "invproj/version.h"
#include "model.h"

/* ---- opening ---- */

/* --checkpoint 500 or --checkpoint 30s, in place of the experiment's. */
static inv_status read_checkpoint(cli_file *file)
{
    const char *every = file->options->checkpoint;
    char *end = NULL;
    file->checkpoint = file->experiment->checkpoint;
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
    file->checkpoint.steps = seconds ? 0 : (size_t)value;
    if (seconds)
        file->checkpoint.seconds = value;
    return INV_OK;
}

/* What --name gives the inverse, "" where it is not given. */
static void name_given(const cli_options *options, char out[INV_NAME_MAX])
{
    static const char key[] = "inverse.name=\"";
    *out = 0;
    for (size_t i = 0; i < options->set_count; i++)
        if (strncmp(options->sets[i], key, strlen(key)) == 0)
            snprintf(out, INV_NAME_MAX, "%.*s", (int)strcspn(options->sets[i] + strlen(key), "\""),
                     options->sets[i] + strlen(key));
}

/* What is said of it, or what goes without saying. */
static bool is_named(const inv_config *config, size_t i, const char *name)
{
    char path[INV_NAME_MAX];
    inv_inverse_spec spec = inv_inverse_defaults;
    snprintf(path, sizeof path, "inverses.%zu.kind", i);
    const char *kind = inv_config_text_at(config, path);
    if (kind)
        inv_inverse_start(kind, &spec);
    snprintf(path, sizeof path, "inverses.%zu.name", i);
    const char *said = inv_config_text_at(config, path);
    return strcmp(said ? said : spec.name, name) == 0;
}

static bool is_of_kind(const inv_config *config, size_t i, const char *kind)
{
    char path[INV_NAME_MAX];
    snprintf(path, sizeof path, "inverses.%zu.kind", i);
    const char *said = inv_config_text_at(config, path);
    return strcmp(said ? said : inv_inverse_defaults.kind, kind) == 0;
}

/* Of several inverses a command works on one: that of --name, else the first of --kind, else the
 * first. */
static inv_status choose_inverse(cli_file *file)
{
    const size_t count = inv_config_length(file->config, "inverses");
    char name[INV_NAME_MAX], path[INV_NAME_MAX];
    size_t chosen = count;
    if (count == 0)
        return INV_OK;
    name_given(file->options, name);
    for (size_t i = 0; i < count && chosen == count; i++)
        if (is_named(file->config, i, name))
            chosen = i;
    for (size_t i = 0; file->options->kind && i < count && chosen == count; i++)
        if (is_of_kind(file->config, i, file->options->kind))
            chosen = i;
    snprintf(path, sizeof path, "inverses.%zu", chosen < count ? chosen : 0);
    inv_status status = inv_config_copy(file->config, path, "inverse");
    inv_config_remove(file->config, "inverses");
    return status;
}

/* --kind: what the experiment says of an inverse of another kind is not for this one, but for where it
 * starts. */
static inv_status change_kind(const cli_file *file)
{
    const char *kind = file->options->kind, *at = inv_config_text_at(file->config, "inverse.at");
    const char *before = inv_config_text_at(file->config, "inverse.kind");
    char *text = NULL;
    if (!kind || strcmp(kind, inv_inverse_kind_now(before ? before : "r2rt")) == 0)
        return INV_OK;
    if (asprintf(&text, "inverse={kind=\"%s\";%s%s%s}", kind, at ? "at=\"" : "", at ? at : "",
                 at ? "\";" : "") < 0)
        return INV_ERROR(INV_ENOMEM, "--kind: no memory");
    inv_status status = inv_config_set(file->config, text);
    free(text);
    return status;
}

/* Nobody named the inverse that an imported model's experiment would use: where it is not there, stages that
 * name none use the only one there is. */
static inv_status use_only_inverse(const cli_file *file)
{
    char(*names)[INV_NAME_MAX] = NULL;
    size_t count = 0;
    if (!cli_is_imported(file->run) || !inv_run_has(file->run, "/inverse") ||
        inv_config_has(file->config, "inverse.name"))
        return INV_OK;
    inv_status status = cli_group_names(file->run, "/inverse", &names, &count);
    if (status == INV_OK && count == 1)
        inv_experiment_use_inverse(file->config, names[0], file->experiment);
    free(names);
    return status;
}

static inv_status read_experiment(cli_file *file)
{
    inv_status status = change_kind(file);
    for (size_t i = 0; i < file->options->set_count && status == INV_OK; i++)
        status = inv_config_set(file->config, file->options->sets[i]);
    if (status == INV_OK && file->options->classes)
        status = cli_set_classes(file);
    if (status == INV_OK)
        status = inv_experiment_read(file->config, &file->experiment);
    if (status == INV_OK)
        status = use_only_inverse(file);
    return status == INV_OK ? read_checkpoint(file) : status;
}

/* A save replaces the file, for which its mode does not matter to the system; to who took the right to write
 * away, it does. */
static inv_status check_writable(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || (info.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)))
        return INV_OK;
    return INV_ERROR(INV_EIO,
                     "%s: is read-only, so nothing is written to it; allow it (chmod u+w) or work "
                     "on a copy",
                     path);
}

static inv_status begin(const cli_options *options, const char *path, cli_session *session)
{
    *session = (cli_session){.file = {.options = options, .saved = cli_seconds()}};
    cli_progress_open(&session->progress, options->quiet);
    session->file.path = strdup(path);
    if (!session->file.path)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", path);
    if (check_writable(path) != INV_OK)
        return INV_EIO;
    cli_signals_open(options->stop_code);
    cli_signals_end_now(""); /* until there is more than what is on the disk */
    inv_status status = cli_lock_take(path, &session->file.lock);
    if (status == INV_OK && cli_lock_holds(session->file.lock))
        inv_file_sweep(path); /* what killed ones left */
    return status;
}

/* Of an experiment that says nothing of class images. */
#define RECOMMENDED "generate={preset=\"recommended\";}"
/* The same where there are no data. */
#define NO_DATA         "generate={preset=\"no_data\";}"
#define LEARNED_WITHOUT "generator={kind=\"adversarial\";}"

/* The experiment that the run file keeps. Where no setting changes it, a fault in it is the file's.
 */
static inv_status read_kept(cli_file *file, const char *text)
{
    inv_status status = inv_config_read_text(file->path, text, &file->config);
    if (status == INV_OK)
        status = cli_former_keys(file->run, file->config);
    if (status == INV_OK)
        status = choose_inverse(file);
    if (status == INV_OK && !inv_config_has(file->config, "generate"))
        status = inv_config_set(file->config, cli_data_is_known(file) ? RECOMMENDED : NO_DATA);
    if (status == INV_OK && !inv_config_has(file->config, "generator") && !cli_data_is_known(file))
        status = inv_config_set(file->config, LEARNED_WITHOUT);
    const bool sound = status == INV_OK && (file->options->set_count > 0 || file->options->classes);
    if (status == INV_OK)
        status = read_experiment(file);
    return status == INV_ECONFIG && !sound ? INV_EFORMAT : status;
}

inv_status cli_session_open(const cli_options *options, const char *path, bool data,
                            cli_session *session)
{
    char *text = NULL, *place = NULL;
    inv_status status = INV_OK;
    *session = (cli_session){0};
    if (access(path, F_OK) != 0)
        return INV_ERROR(INV_EIO, "%s: %s", path, strerror(errno));
    cli_progress_open(&session->progress, options->quiet);
    INV_TRY(cli_model_place(options, &session->progress, path, &place));
    path = place ? place : path;
    INV_TRY(begin(options, path, session));
    INV_TRY(cli_open_run(NULL, &session->progress, path, CLI_READ_TO_SAVE, &session->file.run));
    INV_TRY(cli_data_pixels(session->file.run, &session->file.pixels));
    INV_TRY(inv_run_text(session->file.run, "/", "experiment", &text));
    INV_TRY(inv_run_size(session->file.run, "/", "seed", &session->file.seed));
    INV_TRY(read_kept(&session->file, text));
    if (data)
        INV_TRY(cli_load_data(&session->file, &session->materials));
done:
    cli_signals_end_now(NULL);
    free(place);
    free(text);
    return status;
}

inv_status cli_session_read(const cli_options *options, const char *path, cli_session *session)
{
    char *text = NULL;
    inv_status status = INV_OK;
    *session = (cli_session){.file = {.options = options}};
    cli_progress_open(&session->progress, options->quiet);
    session->file.path = strdup(path);
    if (!session->file.path)
        INV_FAIL(INV_ENOMEM, "%s: no memory", path);
    INV_TRY(cli_open_run(options, &session->progress, path, CLI_READ, &session->file.run));
    INV_TRY(cli_data_pixels(session->file.run, &session->file.pixels));
    if (inv_run_has_attribute(session->file.run, "/", "experiment")) {
        INV_TRY(inv_run_text(session->file.run, "/", "experiment", &text));
        INV_TRY(read_kept(&session->file, text));
    }
done:
    free(text);
    return status;
}

inv_status cli_session_results(const cli_options *options, const char *path, const char *command,
                               cli_session *session)
{
    bool is_model = false;
    char *place = NULL;
    inv_status status = INV_OK;
    *session = (cli_session){0};
    INV_TRY(cli_model_is(path, &is_model));
    INV_TRY(cli_model_results(path, &place));
    status = cli_session_read(options, place ? place : path, session);
    if (is_model && !place && status != INV_EFORMAT) /* which is damaged: that is told first */
        INV_FAIL(INV_EINVAL,
                 "%s: is a model of another program, and no run file of it is here; make one with: "
                 "invproj %s %s",
                 path, command, path);
done:
    free(place);
    return status;
}

/* What a new run file says of itself. */
static inv_status describe_run(cli_file *file, const inv_dataset *data)
{
    inv_run *run = file->run;
    const char *digests[INV_DATA_FILES];
    char created[32], *text = NULL;
    const time_t now = time(NULL);
    struct tm utc;
    inv_status status = INV_OK;
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    for (size_t i = 0; i < INV_DATA_FILES; i++)
        digests[i] = data->sha256[i];
    INV_TRY(inv_config_text(file->config, &text));
    INV_TRY(inv_run_set_text(run, "/", "program_version", INV_VERSION));
    INV_TRY(inv_run_set_text(run, "/", CLI_CONVENTIONS, "Keras 3"));
    INV_TRY(inv_run_set_text(run, "/", "experiment", text));
    INV_TRY(inv_run_set_size(run, "/", "seed", file->seed));
    INV_TRY(inv_run_set_text(run, "/", "created", created));
    INV_TRY(inv_run_set_text(run, "/", "dataset", data->name));
    INV_TRY(inv_run_set_texts(run, "/", "dataset_sha256", digests, INV_DATA_FILES));
    INV_TRY(cli_data_describe(run, data));
done:
    free(text);
    return status;
}

/* Starts anew. */
static inv_status start_run(cli_session *session)
{
    inv_status status = INV_OK;
    INV_TRY(cli_data_open(&session->file, &session->materials));
    INV_TRY(inv_run_create(&session->file.run));
    INV_TRY(describe_run(&session->file, session->materials.data));
done:
    return status;
}

/* Goes on: the run must be of the same experiment, seed and data. */
static inv_status resume_run(cli_session *session)
{
    inv_status status = INV_OK;
    INV_TRY(cli_open_run(NULL, &session->progress, session->file.path, CLI_READ_TO_SAVE,
                         &session->file.run));
    INV_TRY(cli_former_keys(session->file.run, session->file.config));
    inv_experiment_free(session->file.experiment);
    session->file.experiment = NULL;
    INV_TRY(inv_experiment_read(session->file.config, &session->file.experiment));
    INV_TRY(cli_resume_check(&session->file));
    session->file.holds = true;
    INV_TRY(cli_data_open(&session->file, &session->materials));
done:
    return status;
}

inv_status cli_session_start(const cli_options *options, const char *experiment, const char *path,
                             cli_session *session)
{
    inv_status status = INV_OK;
    INV_TRY(begin(options, path, session));
    session->file.starts = true;
    const bool there = access(path, F_OK) == 0; /* now that nobody else can make it */
    if (there && !options->resume)
        INV_TRY(cli_check_replaces_run(path));
    if (there && !options->force && !options->resume)
        INV_FAIL(INV_EINVAL,
                 "%s: already holds a run; --resume continues it, --force overwrites it", path);
    INV_TRY(inv_config_read_file(experiment, &session->file.config));
    INV_TRY(read_experiment(&session->file));
    session->file.seed = options->has_seed ? options->seed : session->file.experiment->seed;
    INV_TRY(there && options->resume ? resume_run(session) : start_run(session));
    INV_TRY(cli_data_pixels(session->file.run, &session->file.pixels));
    INV_TRY(cli_describe_environment(session->file.run));
    INV_TRY(cli_data_remember(&session->file, session->materials.data_folder));
    cli_data_note(session->materials.data, &session->progress);
done:
    cli_signals_end_now(NULL);
    return status;
}

void cli_session_close(cli_session *session)
{
    cli_lock_free(session->file.lock);
    inv_gaussians_free(session->materials.gaussians);
    inv_net_free(session->materials.inverse);
    inv_net_free(session->materials.net);
    inv_dataset_free(session->materials.data);
    free(session->materials.data_folder);
    inv_experiment_free(session->file.experiment);
    inv_config_free(session->file.config);
    inv_run_free(session->file.run);
    free(session->file.path);
}

/* ---- checkpoints ---- */

/* A checkpoint may cost at most this part of the time. */
#define COST_MOST 0.02

inv_status cli_file_save(cli_file *file)
{
    const double start = cli_seconds();
    inv_status status = cli_cause_mark(file->run);
    if (status == INV_OK)
        status = inv_run_save(file->run, file->path);
    file->saved = cli_seconds();
    file->cost = file->saved - start;
    if (status == INV_EIO && file->starts && file->holds)
        return INV_ERROR(status, "%s; the same command with --resume goes on", inv_error_message());
    file->holds = file->holds || status == INV_OK;
    return status;
}

bool cli_file_due(const cli_file *file, size_t step)
{
    const inv_checkpoint_spec *every = &file->checkpoint;
    const double since = cli_seconds() - file->saved;
    if (every->steps > 0 && step % every->steps == 0)
        return true;
    return since >= every->seconds && since >= file->cost / COST_MOST;
}

inv_status cli_file_stop(const cli_file *file, const cli_progress *progress, const char *stage)
{
    cli_note(
        progress,
        "%s: stopped; %s holds the work so far, and the same command with --resume continues it",
        stage, file->path);
    return CLI_STOPPED;
}
