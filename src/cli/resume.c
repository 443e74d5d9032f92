/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"

#define STAGES_MAX 16

/* Whether the run file has something of the stage that goes on being learned: another result of
 * that stage would not be what was asked for. All else is made again in any case. */
static bool has_begun(const cli_stage *stage)
{
    return stage->learns && !stage->group;
}

static bool has_begun_inverse(const cli_file *file, size_t i)
{
    char path[2 * INV_NAME_MAX];
    snprintf(path, sizeof path, "%s/%s", cli_stage_invert.group,
             file->experiment->inverses[i].name);
    return inv_run_has(file->run, path);
}

/* Of that name, or of another, beside which there cannot be a second. */
static bool has_begun_generator(const cli_file *file)
{
    char names[1][INV_NAME_MAX];
    return inv_run_groups(file->run, cli_stage_generator.group, names, 1) > 0;
}

/* Where the experiment says it: in `inverse`, or in an element of `inverses`. */
static void inverse_key(const cli_file *file, size_t i, char out[INV_NAME_MAX])
{
    if (inv_config_has(file->config, "inverses"))
        snprintf(out, INV_NAME_MAX, "inverses.%zu", i);
    else
        snprintf(out, INV_NAME_MAX, "inverse");
}

/* Adds the keys of inverses that have not begun: all, where none has. */
static void list_unbegun(const cli_file *file, char keys[INV_INVERSES_MAX][INV_NAME_MAX],
                         const char **list, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < file->experiment->inverse_count; i++) {
        inverse_key(file, i, keys[i]);
        if (has_begun_inverse(file, i))
            any = true;
        else
            list[count++] = keys[i];
    }
    if (!any) {
        list[count++] = "inverse";
        list[count] = "inverses";
    }
}

/* What the experiments say at the path, of a run that `is` what it is. */
static inv_status tell_difference(const cli_file *file, const inv_config *kept, const char *path,
                                  const char *is, const char *advice)
{
    char *before = NULL, *now = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_config_print(kept, path, &before));
    INV_TRY(inv_config_print(file->config, path, &now));
    INV_FAIL(INV_EINVAL,
             "%s: --resume: the run %s another experiment: %s was %.100s, is now %.100s%s",
             file->path, is, path, before, now, advice);
done:
    free(before);
    free(now);
    return status;
}

static inv_status check_same(const cli_file *file, const inv_config *kept)
{
    const char *besides[STAGES_MAX + INV_INVERSES_MAX + 3] = {"seed"}; /* --seed may replace it */
    char keys[INV_INVERSES_MAX][INV_NAME_MAX];
    size_t count = 1;
    char path[INV_TEXT_MAX];
    for (const cli_stage *const *stage = cli_stages; *stage && count <= STAGES_MAX; stage++)
        if (!has_begun(*stage) && *stage != &cli_stage_invert &&
            !(*stage == &cli_stage_generator && has_begun_generator(file)))
            besides[count++] = (*stage)->name;
    list_unbegun(file, keys, besides, count);
    if (!inv_experiment_differs(kept, file->config, false, besides, path))
        return INV_OK;
    return tell_difference(file, kept, path, "was made with", "");
}

/* Of a run that is done, all that decides a result is to be the same: nothing is made again. */
static inv_status check_all_same(const cli_file *file, const inv_config *kept)
{
    static const char *const besides[] = {"seed", NULL}; /* --seed may replace it */
    char path[INV_TEXT_MAX];
    if (!inv_experiment_differs(kept, file->config, true, besides, path))
        return INV_OK;
    return tell_difference(file, kept, path, "is done, with", "; choose another name");
}

static inv_status check_length(const cli_file *file, const char *key, size_t before, size_t now)
{
    if (now >= before)
        return INV_OK;
    return INV_ERROR(INV_EINVAL,
                     "%s: --resume: a run can only be made longer: %s was %zu, is now %zu",
                     file->path, key, before, now);
}

/* Training gets longer in the unit it was in, unless its rate would have been another all along. */
static inv_status check_training(const cli_file *file, const inv_train_spec *before,
                                 const inv_train_spec *now)
{
    const bool epochs = before->epochs > 0, same_unit = epochs == (now->epochs > 0);
    const size_t was = epochs ? before->epochs : before->steps;
    const size_t is = epochs ? now->epochs : now->steps;
    if (!same_unit)
        return INV_ERROR(INV_EINVAL,
                         "%s: --resume: the run was made with training.%s; keep that unit",
                         file->path, epochs ? "epochs" : "steps");
    if (was != is && inv_schedule_needs_length(now->schedule.type))
        return INV_ERROR(INV_EINVAL,
                         "%s: --resume: training.%s was %zu, is now %zu, but the learning rate "
                         "followed the former length (training.schedule); start a new run",
                         file->path, epochs ? "epochs" : "steps", was, is);
    return check_length(file, epochs ? "training.epochs" : "training.steps", was, is);
}

static inv_status check_inverses(const cli_file *file, const inv_experiment *before)
{
    const inv_experiment *now = file->experiment;
    inv_status status = INV_OK;
    for (size_t i = 0; i < now->inverse_count && i < before->inverse_count && status == INV_OK;
         i++) {
        char key[INV_NAME_MAX], path[2 * INV_NAME_MAX];
        inverse_key(file, i, key);
        snprintf(path, sizeof path, "%s.steps", key);
        if (has_begun_inverse(file, i))
            status = check_length(file, path, before->inverses[i].steps, now->inverses[i].steps);
    }
    return status;
}

/* As training: not where its rate would have been another all along. */
static inv_status check_generator(const cli_file *file, const inv_experiment *before)
{
    const inv_maker_spec *was = &before->generator, *is = &file->experiment->generator;
    if (!has_begun_generator(file) || !file->experiment->has_generator)
        return INV_OK;
    if (was->steps != is->steps && inv_schedule_needs_length(is->schedule.type))
        return INV_ERROR(INV_EINVAL,
                         "%s: --resume: generator.steps was %zu, is now %zu, but the learning rate "
                         "followed the former length (generator.schedule); start a new run",
                         file->path, was->steps, is->steps);
    return check_length(file, "generator.steps", was->steps, is->steps);
}

static inv_status check_seed(const cli_file *file)
{
    uint64_t seed = 0;
    inv_status status = inv_run_size(file->run, "/", "seed", &seed);
    if (status == INV_OK && seed != file->seed)
        return INV_ERROR(INV_EINVAL,
                         "%s: --resume: the run was made with seed %" PRIu64 ", not %" PRIu64,
                         file->path, seed, file->seed);
    return status;
}

/* The experiment that the run file has. */
static inv_status read_kept(const cli_file *file, inv_config **kept)
{
    char *text = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_run_text(file->run, "/", "experiment", &text));
    INV_TRY(inv_config_read_text(file->path, text, kept));
    INV_TRY(cli_former_keys(file->run, *kept));
done:
    free(text);
    return status == INV_ECONFIG ? INV_EFORMAT : status; /* the user did not write that text */
}

/* From now on the run is of this experiment; the text stays where all that it says is the same. */
static inv_status keep_text(const cli_file *file, const inv_config *kept)
{
    static const char *const nothing[] = {NULL};
    char path[INV_TEXT_MAX], *text = NULL;
    inv_status status = INV_OK;
    if (!inv_config_differs(kept, file->config, nothing, path))
        return INV_OK;
    INV_TRY(inv_config_text(file->config, &text));
    INV_TRY(inv_run_set_text(file->run, "/", "experiment", text));
done:
    free(text);
    return status;
}

inv_status cli_resume_check(cli_file *file)
{
    const inv_experiment *now = file->experiment;
    inv_config *kept = NULL;
    inv_experiment *before = NULL;
    inv_status status = INV_OK;
    INV_TRY(read_kept(file, &kept));
    INV_TRY(inv_experiment_read(kept, &before));
    INV_TRY(check_same(file, kept));
    INV_TRY(check_training(file, &before->training, &now->training));
    INV_TRY(check_inverses(file, before));
    INV_TRY(check_generator(file, before));
    INV_TRY(check_seed(file));
    INV_TRY(keep_text(file, kept));
done:
    if (status == INV_ECONFIG) /* the text in the file is at fault, not one the user wrote */
        status = INV_EFORMAT;
    inv_experiment_free(before);
    inv_config_free(kept);
    return status;
}

inv_status cli_resume_check_done(const cli_options *options, const char *path)
{
    cli_file file = {.options = options, .path = (char *)(uintptr_t)path};
    inv_config *kept = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_config_read_file(options->operands[0], &file.config));
    for (size_t i = 0; i < options->set_count; i++)
        INV_TRY(inv_config_set(file.config, options->sets[i]));
    INV_TRY(cli_read_run(path, CLI_READ_ATTRIBUTES, &file.run));
    INV_TRY(cli_former_keys(file.run, file.config));
    INV_TRY(inv_experiment_read(file.config, &file.experiment));
    file.seed = options->has_seed ? options->seed : file.experiment->seed;
    INV_TRY(read_kept(&file, &kept));
    INV_TRY(check_all_same(&file, kept));
    INV_TRY(check_seed(&file));
done:
    inv_config_free(kept);
    inv_experiment_free(file.experiment);
    inv_config_free(file.config);
    inv_run_free(file.run);
    return status;
}
