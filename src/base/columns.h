/* columns.h - UTF-8 text in columns, whatever the locale.
 *
 *     const int width = inv_text_width("あ");        2: as wide as two letters
 *     inv_text_pad(stdout, "あ", 5);                 and three spaces behind it
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_COLUMNS_H
#define INVPROJ_COLUMNS_H

#include <stdio.h>

/* The columns that a terminal needs for it; a byte that is no UTF-8 counts as one. */
int inv_text_width(const char *text);

/* Prints it with spaces behind, up to `width` columns. */
void inv_text_pad(FILE *out, const char *text, int width);

#endif
