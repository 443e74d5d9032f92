/* words.h - lists of names as one text, "kernel_size stride padding": the arguments that a module has.
 *
 *     if (inv_word_place("kernel_size stride", "stride") == 1) ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_WORDS_H
#define INVPROJ_FORMAT_WORDS_H

#include <stddef.h>

/* The word's place in the list, from 0; SIZE_MAX where it is not there. The list may be NULL. */
size_t inv_word_place(const char *list, const char *word);
size_t inv_word_count(const char *list);
/* The word at that place, which there is, in the list, and its length. */
const char *inv_word_at(const char *list, size_t place);
size_t inv_word_length(const char *list, size_t place);

#endif
