/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/taken.h"

#include <stdlib.h>

bool inv_taken_has(const inv_taken *taken, const inv_tree_array *array)
{
    for (size_t i = 0; i < taken->count; i++)
        if (taken->list[i] == array)
            return true;
    return false;
}

inv_status inv_taken_add(inv_taken *taken, const inv_tree_array *array)
{
    if (taken->count == taken->room) {
        const size_t room = 2 * taken->room + 64;
        const inv_tree_array **more = reallocarray(taken->list, room, sizeof *more);
        if (!more)
            return INV_ERROR(INV_ENOMEM, "import: no memory for the names of what is taken");
        taken->list = more;
        taken->room = room;
    }
    taken->list[taken->count++] = array;
    return INV_OK;
}

void inv_taken_free(inv_taken *taken)
{
    free(taken->list);
}
