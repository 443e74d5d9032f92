/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli.h"
#include "invproj/stream.h"
#include "model.h"

inv_status cli_open_run(const cli_options *options, const cli_progress *progress, const char *path,
                        cli_reading how, inv_run **out)
{
    bool is_model = false;
    *out = NULL;
    inv_status status = how == CLI_READ_TO_SAVE ? INV_OK : cli_model_is(path, &is_model);
    if (status == INV_OK && is_model)
        return cli_model_run(options, path, out);
    if (status == INV_OK)
        status = cli_read_run(path, how, out);
    if (status != INV_OK || !progress)
        return status;
    if (!inv_run_is_sealed(*out))
        cli_note(progress, "%s: " CLI_UNSEALED, path);
    if (how == CLI_READ_TO_SAVE && inv_run_left_out(*out))
        cli_warn("%s: data that another program added will be lost when it is saved: %s", path,
                 inv_run_left_out(*out));
    return INV_OK;
}
