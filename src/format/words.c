/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/words.h"

#include <stdint.h>
#include <string.h>

size_t inv_word_place(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (size_t place = 0; list && *list; place++) {
        const size_t own = strcspn(list, " ");
        if (own == length && memcmp(list, word, length) == 0)
            return place;
        list += own + strspn(list + own, " ");
    }
    return SIZE_MAX;
}

size_t inv_word_count(const char *list)
{
    size_t count = 0;
    for (; list && *list; count++) {
        list += strcspn(list, " ");
        list += strspn(list, " ");
    }
    return count;
}

const char *inv_word_at(const char *list, size_t place)
{
    for (; place > 0; place--) {
        list += strcspn(list, " ");
        list += strspn(list, " ");
    }
    return list;
}

size_t inv_word_length(const char *list, size_t place)
{
    return strcspn(inv_word_at(list, place), " ");
}
