/* invent: a generator of images for a run file's net.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "stage.h"

static const cli_option own_options[] = {
    {0, "kind", "KIND", "what the generator is, and learns from", CLI_KEY, .key = "kind"},
    {.shared = CLI_COUNT},
    {.shared = CLI_NAME},
    {.shared = CLI_STEPS},
    {.shared = CLI_JUDGE},
    {.shared = CLI_SEED},
    {.shared = CLI_CHECKPOINT},
    {.shared = CLI_STOP_CODE},
    {.shared = CLI_RESUME},
    {.shared = CLI_FORCE},
    CLI_RUN_FILE_OPTIONS,
    {0}};

static inv_status run(const cli_options *options)
{
    return cli_stage_on_run_file(&cli_stage_generator, false, options);
}

const cli_command cli_command_invent = {
    .name = "invent",
    .operands = "RUN.h5",
    .summary = "learn a generator of images, with data or without",
    .group = "generator",
    .notes = "--kind adversarial learns from the net alone; generate --with RUN.h5 draws from it.",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
