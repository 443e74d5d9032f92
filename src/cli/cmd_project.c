/* project: images, or those of the test set, there and back.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "stage.h"

static const cli_option own_options[] = {
    {0, "count", "N", "number of images", CLI_KEY_NUMBER, .key = "images"},
    {.shared = CLI_IMAGES},
    {.shared = CLI_INVERT},
    {.shared = CLI_CENTRE},
    {.shared = CLI_SKIP_BROKEN},
    {.shared = CLI_INVERSE},
    {.shared = CLI_NAME},
    {.shared = CLI_SINGLE},
    CLI_RUN_FILE_OPTIONS,
    {0}};

static inv_status run(const cli_options *options)
{
    return cli_stage_on_run_file(&cli_stage_project, !options->images, options);
}

const cli_command cli_command_project = {
    .name = "project",
    .operands = "RUN.h5 [--images IMAGE...]",
    .summary = "carry images through the net and back",
    .notes = CLI_IMAGE_NOTES CLI_FITTING_NOTES,
    .group = "project",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
