/* named.h - arrays by name, in the order of a file, as part of a stream: what files of parameters
 * hold, whoever wrote them. Where they are imported: torch.h.
 *
 *     status = inv_named_group(to, "/state_dict", names, count);
 *     status = status ? status : inv_named_array(to, "/state_dict/fc.weight", &head, values);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_NAMED_H
#define INVPROJ_FORMAT_NAMED_H

#include "format/record.h"

/* The attribute of a group that has the names of its arrays in the order of the file. */
#define INV_NAMED_ORDER "order"

/* A group, "/" the first, and the order of what will be in it. */
INV_MUST_CHECK inv_status inv_named_group(const inv_sink *to, const char *path,
                                          const char *const *names, size_t count);
/* An array of little-endian values, row-major. */
INV_MUST_CHECK inv_status inv_named_array(const inv_sink *to, const char *path,
                                          const inv_value_head *head, const void *values);
/* Something that the stream cannot say. */
INV_MUST_CHECK inv_status inv_named_left_out(const inv_sink *to, const char *path, const char *why);
/* Whether a stream can name an array so. */
bool inv_named_is_good(const char *name, size_t length);

#endif
