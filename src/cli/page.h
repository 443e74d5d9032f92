/* page.h - the page that `report` makes, for other commands.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_PAGE_H
#define INVPROJ_CLI_PAGE_H

#include "cli.h"

/* Writes the page of the session's run over an earlier page; INV_EINVAL where something else is there. */
INV_MUST_CHECK inv_status cli_page_write(const cli_session *session, const char *path);

#endif
