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

#endif
