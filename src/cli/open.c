/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli.h"
#include "invproj/stream.h"

inv_status cli_open_run(const cli_progress *progress, const char *path, cli_reading how,
                        inv_run **out)
{
    inv_status status = cli_read_run(path, how, out);
    if (status != INV_OK || !progress)
        return status;
    if (!inv_run_is_sealed(*out))
        cli_note(progress, "%s: " CLI_UNSEALED, path);
    if (how == CLI_READ_TO_SAVE && inv_run_left_out(*out))
        cli_note(progress, "%s: another program put there what will be lost when it is saved: %s",
                 path, inv_run_left_out(*out));
    return INV_OK;
}
