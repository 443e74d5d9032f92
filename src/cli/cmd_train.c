/* train: the first stage of an experiment file.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "stage.h"

static const cli_option own_options[] = {{.shared = CLI_OUT}, CLI_EXPERIMENT_OPTIONS, {0}};

static inv_status run(const cli_options *options)
{
    cli_session session = {0};
    inv_status status = INV_OK;
    if (!options->out)
        return INV_ERROR(INV_EINVAL, "train: needs -o RUN.h5, the file to write");
    INV_TRY(cli_session_start(options, options->operands[0], options->out, &session));
    INV_TRY(cli_stage_train.run(&session));
    INV_TRY(cli_print_figures(&session.file));
done:
    cli_session_close(&session);
    return status;
}

const cli_command cli_command_train = {
    .name = "train",
    .operands = "EXPERIMENT.cfg -o RUN.h5",
    .summary = "train the classifier alone",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
