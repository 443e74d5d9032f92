/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli.h"

inv_status cli_open_run(const cli_progress *progress, const char *path, inv_run **out)
{
    inv_status status = inv_run_open(path, out);
    if (status == INV_OK && progress && !inv_run_is_sealed(*out))
        cli_note(progress, "%s: " CLI_UNSEALED, path);
    return status;
}
