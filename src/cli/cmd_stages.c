/* invert, project, generate, features, exemplars: one stage on a run file.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "stage.h"

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
            return INV_ERROR(
                INV_EINVAL,
                "--set %s: this command takes settings of %s%s; all else is as the run "
                "file has it",
                set, stage->name, stage->learns ? " and checkpoint" : "");
    }
    return INV_OK;
}

static inv_status on_run_file(const cli_options *options, bool data, const cli_stage *stage)
{
    cli_session session = {0};
    inv_status status = INV_OK;
    INV_TRY(check_sets(options, stage));
    INV_TRY(cli_session_open(options, options->operands[0], data, &session));
    if (options->has_seed)
        session.seed = options->seed;
    if (stage->learns)
        INV_TRY(cli_describe_environment(&session));
    INV_TRY(stage->run(&session));
    INV_TRY(cli_print_result(&session));
done:
    cli_session_close(&session);
    return status;
}

inv_status cli_invert(const cli_options *options)
{
    return on_run_file(options, true, &cli_stage_invert);
}

inv_status cli_project(const cli_options *options)
{
    return on_run_file(options, !options->images, &cli_stage_project);
}

inv_status cli_generate(const cli_options *options)
{
    return on_run_file(options, false, &cli_stage_generate);
}

inv_status cli_features(const cli_options *options)
{
    return on_run_file(options, false, &cli_stage_features);
}

inv_status cli_exemplars(const cli_options *options)
{
    return on_run_file(options, true, &cli_stage_exemplars);
}
