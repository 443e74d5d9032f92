/* printed.h - what reaches stdout and stderr, and texts of others in it.
 *
 * Titles, names and messages come from files of strangers, and a terminal obeys what it is shown:
 * colours, a cleared screen, keys that type themselves. So all that the program prints goes through
 * one filter, whoever prints it:
 *
 *     if (!cli_printed_open())
 *         return 1;
 *     printf("title  %s\n", title);    an escape character in it is shown as \u001b
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_PRINTED_H
#define INVPROJ_CLI_PRINTED_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* From here on stdout and stderr show control characters, but for tabs and newlines, and those that
 * change the direction of writing as \u001b, and bytes that are no UTF-8 as \xff. What is not to go
 * through it (the bar, which moves the cursor) is written to the file itself. False: no memory. */
bool cli_printed_open(void);

/* What is to stand in one line: each control character becomes '?'. NULL is no text. */
void cli_one_line(char *text);

/* The text, with U+FFFD in the place of each byte that is no UTF-8. NULL: no memory. */
json_t *cli_json_text(const char *text);

/* The number, or null where it is none (NaN, infinite): JSON has no such numbers. NULL: no memory. */
json_t *cli_json_real(double value);
/* The same of a count; beyond 2^63, which jansson does not hold as a whole number, as a real one. */
json_t *cli_json_count(uint64_t value);

#endif
