/* sweep.h - many experiments from one: which keys vary, over what, in which order.
 *
 *     inv_config *file = NULL, *base = NULL;
 *     inv_sweep *sweep = NULL;
 *     char number[INV_SWEEP_NUMBER];
 *     status = inv_config_read_file("experiments/sweep.cfg", &file);
 *     status = status ? status : inv_config_read_file("experiments/r2rt.cfg", &base);
 *     status = status ? status : inv_sweep_read(file, base, NULL, 0, &sweep);
 *     for (size_t i = 0; status == INV_OK && i < inv_sweep_count(sweep); i++)
 *         puts(inv_sweep_value(sweep, i, 0, number));        of the first key that varies
 *     inv_sweep_free(sweep);
 *
 * A sweep is never expanded: item i is worked out when it is asked for. The order is fixed. The first
 * key of `grid` changes slowest, the rows of `zip` faster than all of grid, the draws of `random`
 * fastest; what `exclude` names is left out and does not count.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SWEEP_H
#define INVPROJ_SWEEP_H

#include "invproj/config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INV_SWEEP_MAX    1000000 /* items */
#define INV_SWEEP_NUMBER 32      /* bytes of a number's text, NUL included */
#define INV_SWEEP_NAME   17      /* bytes of an item's name, NUL included */

typedef struct inv_sweep inv_sweep;

/* Reads the sweep file, of the experiment `base` with the settings of the file and then `sets` on top
 * of it. Keys and values are checked as the experiment's own: each that a list names, both ends of
 * ranges, the lowest and the highest that are drawn. INV_ECONFIG with file, line and key. Neither
 * configuration is needed afterwards. */
INV_MUST_CHECK inv_status inv_sweep_read(const inv_config *file, const inv_config *base,
                                         const char *const *sets, size_t set_count,
                                         inv_sweep **out);
void inv_sweep_free(inv_sweep *sweep);

/* How many experiments it is, at least 1. */
size_t inv_sweep_count(const inv_sweep *sweep);

/* What is the same for all: "PATH=VALUE", as inv_config_set takes it. */
size_t inv_sweep_sets(const inv_sweep *sweep);
const char *inv_sweep_set(const inv_sweep *sweep, size_t i);

/* The keys that vary, and what one of them is in an item: text that stands behind "KEY=", in `number`
 * or kept by the sweep. */
size_t inv_sweep_keys(const inv_sweep *sweep);
const char *inv_sweep_key(const inv_sweep *sweep, size_t k);
const char *inv_sweep_value(const inv_sweep *sweep, size_t item, size_t k,
                            char number[INV_SWEEP_NUMBER]);

/* The whole experiment of an item; the caller frees. */
INV_MUST_CHECK inv_status inv_sweep_item(const inv_sweep *sweep, size_t item, inv_config **out);

/* 16 hexadecimal digits that no other experiment, and none on other data, has: the beginning of a
 * SHA-256 of all that the item says and of `data`, a text that tells data apart. Where the data stand
 * (data.folder) is no part of it, unless the key varies. */
void inv_sweep_name(const inv_sweep *sweep, size_t item, const char *data,
                    char name[INV_SWEEP_NAME]);
/* The same for all items together, in their order, as 64 digits. */
void inv_sweep_sha256(const inv_sweep *sweep, const char *data, char sha256[65]);

#ifdef __cplusplus
}
#endif
#endif
