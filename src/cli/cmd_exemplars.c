/* exemplars: real images that units like best.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "stage.h"

static const cli_option own_options[] = {{0, "objective", "NAME",
                                          "objective by which the best images are chosen", CLI_KEY,
                                          .key = "objective"},
                                         {.shared = CLI_CLASSES},
                                         {.shared = CLI_LAYER},
                                         {.shared = CLI_UNITS},
                                         {.shared = CLI_COUNT},
                                         {.shared = CLI_NAME},
                                         {.shared = CLI_SINGLE},
                                         CLI_RUN_FILE_OPTIONS,
                                         {0}};

static inv_status run(const cli_options *options)
{
    return cli_stage_on_run_file(&cli_stage_exemplars, true, options);
}

const cli_command cli_command_exemplars = {
    .name = "exemplars",
    .operands = "RUN.h5",
    .summary = "find the real images that excite a class, unit or channel most",
    .group = "exemplars",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
