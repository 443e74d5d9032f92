/* json.h - values of others in JSON, which has no bytes that are no UTF-8 and no infinite numbers.
 *
 *     json_object_set_new(object, "title", inv_json_text(title));
 *     json_object_set_new(object, "accuracy", inv_json_real(accuracy));
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_JSON_H
#define INVPROJ_JSON_H

#include <stdint.h>

#include <jansson.h>

/* The text, with U+FFFD in the place of each byte that is no UTF-8. NULL: no memory. */
json_t *inv_json_text(const char *text);

/* The number, or null where it is none (NaN, infinite): JSON has no such numbers. NULL: no memory. */
json_t *inv_json_real(double value);
/* The same of a count; beyond 2^63, which jansson does not hold as a whole number, as a real one. */
json_t *inv_json_count(uint64_t value);

#endif
