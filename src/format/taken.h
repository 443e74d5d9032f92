/* taken.h - which arrays of a file the net has taken so far, so that what is left can be told.
 *
 *     inv_taken taken = {0};
 *     INV_TRY(inv_taken_add(&taken, array));
 *     if (!inv_taken_has(&taken, other)) ...
 *     inv_taken_free(&taken);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_TAKEN_H
#define INVPROJ_FORMAT_TAKEN_H

#include <stdbool.h>

#include "invproj/tree.h"

/* All zero: none. The arrays are the tree's. */
typedef struct inv_taken {
    const inv_tree_array **list;
    size_t count, room;
} inv_taken;

bool inv_taken_has(const inv_taken *taken, const inv_tree_array *array);
/* INV_ENOMEM */
INV_MUST_CHECK inv_status inv_taken_add(inv_taken *taken, const inv_tree_array *array);
void inv_taken_free(inv_taken *taken);

#endif
