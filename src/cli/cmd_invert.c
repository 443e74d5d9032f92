/* invert: an inverse of a run file's net.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "stage.h"

static const cli_option own_options[] = {
    {.shared = CLI_AT},
    {0, "kind", "KIND", "how the inverse is found", CLI_KIND, .key = "kind"},
    {.shared = CLI_NAME},
    {.shared = CLI_STEPS},
    {.shared = CLI_SEED},
    {.shared = CLI_CHECKPOINT},
    {.shared = CLI_STOP_CODE},
    {.shared = CLI_RESUME},
    {.shared = CLI_FORCE},
    CLI_RUN_FILE_OPTIONS,
    {0}};

static inv_status run(const cli_options *options)
{
    return cli_stage_on_run_file(&cli_stage_invert, true, options);
}

const cli_command cli_command_invert = {
    .name = "invert",
    .operands = "RUN.h5",
    .summary = "learn an inverse of the classifier",
    .group = "inverse",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
