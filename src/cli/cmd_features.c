/* features: images of what units stand for.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "stage.h"

static const cli_option own_options[] = {
    {.shared = CLI_AT},
    {.shared = CLI_LAYER},
    {.shared = CLI_UNITS},
    {.shared = CLI_STEPS},
    {.shared = CLI_FRAMES},
    {.shared = CLI_SINGLE},
    {.shared = CLI_INVERSE},
    {0, "along", "WAY", "which values the inverse is given", CLI_KEY, .key = "along"},
    {.shared = CLI_NAME},
    {.shared = CLI_SEED},
    CLI_RUN_FILE_OPTIONS,
    {0}};

static inv_status run(const cli_options *options)
{
    return cli_stage_on_run_file(&cli_stage_features, false, options);
}

const cli_command cli_command_features = {
    .name = "features",
    .operands = "RUN.h5",
    .summary = "make an image for each unit or channel",
    .group = "features",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
