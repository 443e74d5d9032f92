/* run: every stage of an experiment file.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "invproj/file.h"
#include "stage.h"

/* Whether each stage can do what it will be asked for. */
static inv_status check_stages(const cli_session *session)
{
    const inv_dataset *data = session->materials.data;
    inv_net *net = NULL;
    inv_status status = INV_OK;
    INV_TRY(
        inv_net_build(session->file.config, "network.layers", data->shape, data->classes, &net));
    for (const cli_stage *const *stage = cli_stages; *stage; stage++)
        if (cli_stage_is_asked(*stage, session->file.experiment))
            INV_TRY((*stage)->check(session, net));
done:
    inv_net_free(net);
    return status;
}

static inv_status run_stages(cli_session *session)
{
    for (const cli_stage *const *stage = cli_stages; *stage; stage++) {
        if (!cli_stage_is_asked(*stage, session->file.experiment))
            continue;
        inv_status status = (*stage)->run(session);
        if (status != INV_OK)
            return status;
        if (cli_signal())
            return cli_file_stop(&session->file, &session->progress, (*stage)->name);
    }
    return INV_OK;
}

static const cli_option own_options[] = {
    {.shared = CLI_OUT}, {.shared = CLI_SINGLE}, CLI_EXPERIMENT_OPTIONS, {0}};

static inv_status run(const cli_options *options)
{
    char *path = NULL;
    cli_session session = {0};
    inv_status status = INV_OK;
    if (!options->out)
        return INV_ERROR(INV_EINVAL, "run: needs -o DIR, the folder to write");
    const bool made = access(options->out, F_OK) != 0;
    INV_TRY(inv_file_make_folder(options->out));
    if (asprintf(&path, "%s/run.h5", options->out) < 0)
        path = NULL;
    if (!path)
        INV_FAIL(INV_ENOMEM, "run: no memory");
    INV_TRY(cli_session_start(options, options->operands[0], path, &session));
    INV_TRY(check_stages(&session));
    INV_TRY(run_stages(&session));
    INV_TRY(cli_print_figures(&session.file));
    printf("%s\n", path);
done:
    cli_session_close(&session);
    if (made && status != INV_OK)
        (void)rmdir(options->out); /* which it is only if nothing is in it */
    free(path);
    return status;
}

const cli_command cli_command_run = {
    .name = "run",
    .operands = "EXPERIMENT.cfg -o DIR",
    .summary = "run every stage of an experiment, into DIR/run.h5 and pictures",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
