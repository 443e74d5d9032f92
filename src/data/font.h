/* font.h - letters of 5 x 8 dots, the last row for what hangs below, for what is written under
 * pictures.
 *
 *     for (size_t row = 0; row < INV_FONT_HEIGHT; row++)
 *         if (inv_font_dot('8', row, column)) ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FONT_H
#define INVPROJ_FONT_H

#include <stdbool.h>
#include <stddef.h>

enum { INV_FONT_WIDTH = 5, INV_FONT_HEIGHT = 8 };

/* Whether the letter has a dot there; a character that is not ASCII is drawn as a question mark. */
bool inv_font_dot(char letter, size_t row, size_t column);

#endif
