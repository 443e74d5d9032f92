/* generate: images of classes.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "stage.h"

#define OPERANDS "RUN.h5"

static const cli_option own_options[] = {
    {.shared = CLI_AT},
    {.shared = CLI_CLASSES},
    {.shared = CLI_COUNT},
    {0, "preset", "NAME", "preset to use instead of the experiment's settings", CLI_PRESET,
     .key = "preset"},
    {0, "objective", "NAME", "objective to optimise", CLI_KEY, .key = "objective"},
    {0, "targets", "LIST", "numbers of the test images to match, such as 0-9", CLI_KEY_LIST,
     .key = "targets"},
    {.shared = CLI_STEPS},
    {.shared = CLI_WITH},
    {.shared = CLI_WALK},
    {.shared = CLI_JUDGE},
    {.shared = CLI_FRAMES},
    {.shared = CLI_SINGLE},
    {.shared = CLI_INVERSE},
    {.shared = CLI_NAME},
    {.shared = CLI_SEED},
    CLI_RUN_FILE_OPTIONS,
    {0}};

static inv_status run(const cli_options *options)
{
    char *operand = (char *)options->with;
    cli_options given = *options;
    if (given.operand_count == 0 && !operand)
        return INV_ERROR(INV_EINVAL, "generate: usage: invproj generate " OPERANDS);
    if (given.operand_count == 0) { /* into the generator's own run file */
        given.operands = &operand;
        given.operand_count = 1;
    }
    return cli_stage_on_run_file(&cli_stage_generate, false, &given);
}

const cli_command cli_command_generate = {
    .name = "generate",
    .operands = OPERANDS,
    .summary = "make images of classes",
    .group = "generate",
    .notes = "With --with OTHER.h5 alone the images go into that file.",
    .minimum = 0,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
