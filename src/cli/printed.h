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

/* From here on stdout and stderr show control characters, but for tabs and newlines, and those that
 * change the direction of writing as \u001b, and bytes that are no UTF-8 as \xff. What is not to go
 * through it (the bar, which moves the cursor) is written to the file itself. False: no memory. */
bool cli_printed_open(void);

/* What is to stand in one line: each control character becomes '?'. NULL is no text. */
void cli_one_line(char *text);

#endif
