/* config.h - what the text of an experiment and the tables of its keys share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_CONFIG_H
#define INVPROJ_SRC_CONFIG_H

#include "invproj/config.h"

/* What stands at `path`, or NULL. */
struct json_t *inv_config_node(const inv_config *config, const char *path);

/* "PATH.KEY", or the key alone where the path is that of the root. One too long to print is cut: it
 * stands only in messages. */
void inv_path_join(const char *path, const char *key, char out[INV_TEXT_MAX]);

/* VALUE of "PATH=VALUE": libconfig syntax, or else the bare text itself. The caller gives up *out's
 * reference. INV_ECONFIG for text that is not UTF-8. */
INV_MUST_CHECK inv_status inv_config_value(const char *value, struct json_t **out);

/* The other way: libconfig text of the value, in one line; the caller frees. */
INV_MUST_CHECK inv_status inv_config_literal(const struct json_t *node, char **out);

/* The shortest text that is read as the same number, and never as a whole one. */
#define INV_REAL_TEXT 32
void inv_real_text(double value, char out[INV_REAL_TEXT]);

#endif
