/* config.h - experiment files: libconfig text, and what is set on top of it.
 *
 *     inv_config *config = NULL;
 *     status = inv_config_read_file("experiments/r2rt.cfg", &config);
 *     status = status ? status : inv_config_set(config, "training.steps=100");
 *     status = status ? status : inv_config_group(config, "data", fields, &data);
 *     inv_config_free(config);
 *
 * Which keys a group may have, a table says: fields.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CONFIG_H
#define INVPROJ_CONFIG_H

#include "invproj/fields.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads libconfig text; `name` stands in messages (a path). INV_ECONFIG with the line. */
INV_MUST_CHECK inv_status inv_config_read_text(const char *name, const char *text,
                                               inv_config **out);
/* The same from a file. INV_EIO where it cannot be read. */
INV_MUST_CHECK inv_status inv_config_read_file(const char *path, inv_config **out);
/* Reads JSON text, whose root is then addressed by the path "". */
INV_MUST_CHECK inv_status inv_config_read_json(const char *name, const char *text,
                                               inv_config **out);
void inv_config_free(inv_config *config);

/* Applies "PATH=VALUE", e.g. "training.steps=100" or "network.layers.0.units=30". VALUE is
 * libconfig syntax; a bare word is taken as text. A group at the top that is not there is made.
 * INV_ECONFIG for a path that leads nowhere. Keys are checked when the group is read. */
INV_MUST_CHECK inv_status inv_config_set(inv_config *config, const char *assignment);

/* Puts a copy of what stands at `from` under the key `to` at the top, in place of what was there; takes
 * away the key at the top, if it is there. INV_ECONFIG: there is nothing at `from`. */
INV_MUST_CHECK inv_status inv_config_copy(inv_config *config, const char *from, const char *to);
void inv_config_remove(inv_config *config, const char *key);

/* The text as read, or, once something was set, libconfig text of what holds now. */
INV_MUST_CHECK inv_status inv_config_text(const inv_config *config, char **out);

/* What stands in messages. */
const char *inv_config_name(const inv_config *config);

/* Whether `path` ("a.b.0.c") is there; how long the list at it is (0 if none). */
bool inv_config_has(const inv_config *config, const char *path);
size_t inv_config_length(const inv_config *config, const char *path);
/* The text at `path`, or NULL. */
const char *inv_config_text_at(const inv_config *config, const char *path);

/* Whether the two say different things anywhere but at and below the paths of `except`
 * (NULL-terminated); if so, `path` is the first such place. Layout and comments are not compared.
 */
bool inv_config_differs(const inv_config *a, const inv_config *b, const char *const *except,
                        char path[INV_TEXT_MAX]);
/* What stands at `path`, as JSON text that the caller frees; "nothing" where there is nothing. */
INV_MUST_CHECK inv_status inv_config_print(const inv_config *config, const char *path, char **out);

/* INV_ECONFIG about the key at `path`, with the file's name and the line. */
inv_status inv_config_error(const inv_config *config, const char *path, const char *format, ...)
    INV_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
