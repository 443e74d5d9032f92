/* page.h - the page that `report` makes, for other commands.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_PAGE_H
#define INVPROJ_CLI_PAGE_H

#include "cli.h"

/* INV_EINVAL where something is there that is no such page: only pages are written over. */
INV_MUST_CHECK inv_status cli_page_check(const char *path);
/* Writes the page of the session's run, and says so. */
INV_MUST_CHECK inv_status cli_page_write(const cli_session *session, const char *path);

#endif
