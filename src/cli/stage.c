/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "stage.h"

#define ROW(name) &cli_stage_##name,
const cli_stage *const cli_stages[] = {CLI_STAGES(ROW) NULL};

bool cli_stage_is_asked(const cli_stage *stage, const inv_experiment *experiment)
{
    return stage->has == 0 || *(const bool *)((const char *)experiment + stage->has);
}

inv_status cli_stage_need_inverse(const inv_experiment *experiment, const char *stage)
{
    if (experiment->has_inverse)
        return INV_OK;
    return INV_ERROR(INV_ECONFIG, "inverse: missing, and %s needs one", stage);
}

/* ---- one stage alone, on a run file ---- */

/* Data and network are the run file's: a setting of them would be recorded nowhere. */
static inv_status check_sets(const cli_options *options, const cli_stage *stage)
{
    for (size_t i = 0; i < options->set_count; i++) {
        const char *set = options->sets[i];
        const size_t length = strcspn(set, ".=");
        const bool own = length == strlen(stage->name) && strncmp(set, stage->name, length) == 0;
        const bool checkpoint =
            stage->learns && length == 10 && strncmp(set, "checkpoint", 10) == 0;
        if (!own && !checkpoint)
            return INV_ERROR(INV_EINVAL,
                             "--set %s: this command accepts settings of %s%s; everything else "
                             "comes from the run file",
                             set, stage->name, stage->learns ? " and checkpoint" : "");
    }
    return INV_OK;
}

/* A net whose training was stopped can be looked at, by those who know that it was. */
static void warn_of_unfinished(const cli_file *file)
{
    uint64_t done = 1, step = 0;
    if (!inv_run_has_attribute(file->run, "/training", "done") ||
        inv_run_size(file->run, "/training", "done", &done) != INV_OK || done ||
        inv_run_size(file->run, "/training", "step", &step) != INV_OK)
        return;
    cli_warn("note      the training of %s is not done: the net is that of step %zu; train, or "
             "run, with "
             "--resume goes on",
             file->path, (size_t)step);
}

inv_status cli_stage_on_run_file(const cli_stage *stage, bool data, const cli_options *options)
{
    cli_session session = {0};
    inv_status status = INV_OK;
    INV_TRY(check_sets(options, stage));
    INV_TRY(cli_session_open(options, options->operands[0], data, &session));
    warn_of_unfinished(&session.file);
    if (options->has_seed)
        session.file.seed = options->seed;
    if (stage->learns)
        INV_TRY(cli_describe_environment(session.file.run));
    INV_TRY(stage->run(&session));
    INV_TRY(cli_print_result(&session.file));
done:
    cli_session_close(&session);
    return status;
}
