/* filters: the kernels of the first layer.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "stage.h"

static const cli_option own_options[] = {
    {.shared = CLI_NAME}, {.shared = CLI_SINGLE}, CLI_RUN_FILE_OPTIONS, {0}};

static inv_status run(const cli_options *options)
{
    return cli_stage_on_run_file(&cli_stage_filters, false, options);
}

const cli_command cli_command_filters = {
    .name = "filters",
    .operands = "RUN.h5",
    .summary = "draw the kernels of the first layer",
    .group = "filters",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
