/* pinv.h - the net's own layers undone by pseudo-inverses, from one point down to another: all of the
 * kind pinv, and what a decoder may begin with.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_INVERSE_PINV_H
#define INVPROJ_SRC_INVERSE_PINV_H

#include "invproj/inverse.h"

struct json_t;

/* The point down to which spec->undo says that layers are undone, `from` where it says nothing. INV_ECONFIG:
 * it is not between the image and `from`. */
INV_MUST_CHECK inv_status inv_pinv_reach(const inv_inverse_spec *spec, const inv_net *net,
                                         size_t from, size_t *to);

/* Appends what undoes the layers between the points, the uppermost first. INV_ECONFIG: the net
 * branches there, or a layer cannot be undone. */
INV_MUST_CHECK inv_status inv_pinv_undo(const inv_inverse_spec *spec, const inv_net *net,
                                        size_t from, size_t to, struct json_t *list);

/* The kernels of the first `count` layers of the inverse, which undo the net's of their names. */
INV_MUST_CHECK inv_status inv_pinv_fit(const inv_net *net, size_t count, inv_net *inverse);

#endif
