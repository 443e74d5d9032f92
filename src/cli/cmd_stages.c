/* invert, project, generate, features, exemplars: one stage on a run file. SPDX-License-Identifier:
 * GPL-3.0-or-later */
#include "stage.h"

static inv_status on_run_file(const cli_options *options, bool data, const cli_stage *stage)
{
    cli_session session = {.lock = -1};
    inv_status status = cli_session_open(options, options->operands[0], data, &session);
    if (status == INV_OK)
        status = stage->run(&session);
    if (status == INV_OK)
        status = cli_print_figures(&session);
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
