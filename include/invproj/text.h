/* text.h - UTF-8, character by character.
 *
 *     for (size_t at = 0; text[at]; at += length ? length : 1) {
 *         length = inv_utf8(text + at, strlen(text + at), &point);
 *         if (!length)
 *             puts("a byte that is no UTF-8");
 *     }
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TEXT_H
#define INVPROJ_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the UTF-8 character that `text` begins with, of which `left` bytes are there; 0: it is
 * none. *point, which may be NULL, becomes its code point. RFC 3629, section 4: a character is
 * neither longer than need be, nor a surrogate, nor beyond U+10FFFF. */
size_t inv_utf8(const char *text, size_t left, uint32_t *point);

/* Whether a character is not shown but turns the direction of writing, of what stands behind it too, or
 * begins a line: U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069. */
bool inv_turns_text(uint32_t point);

#endif
