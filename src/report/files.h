/* files.h - the page's parts, as they stand in this folder.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_REPORT_FILES_H
#define INVPROJ_REPORT_FILES_H

/* Each ends with a NUL. */
extern const char report_html[], report_css[];
/* What is made one script, in this order; ends with NULL. */
extern const char *const report_scripts[];

#endif
