/* page.h - the page that `report` makes, for other commands.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_PAGE_H
#define INVPROJ_CLI_PAGE_H

#include <jansson.h>

#include "cli.h"

/* INV_EINVAL where something is there that is no such page: only pages are written over. */
INV_MUST_CHECK inv_status cli_page_check(const char *path);
/* Opens a run file to tell of it; a model of another program is refused. */
INV_MUST_CHECK inv_status cli_page_open(const cli_options *options, const char *path,
                                        cli_session *session);
/* The document (report/report.h) of so many open runs; the caller's to json_decref. */
INV_MUST_CHECK inv_status cli_page_content(const cli_session *sessions, size_t count, bool with_net,
                                           json_t **out);
/* Writes the document as a page, and says so. */
INV_MUST_CHECK inv_status cli_page_save(const json_t *content, const char *path,
                                        const cli_progress *progress);
/* Writes the page of the session's run, and says so. */
INV_MUST_CHECK inv_status cli_page_write(const cli_session *session, const char *path);

#endif
