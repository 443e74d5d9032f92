/* help.h - help on keys, from the tables that describe them.
 *
 *     inv_fields_help(inv_train_fields, &inv_train_defaults, "training", stdout);
 *
 *     training.steps              whole number, 1 to 1e9 (default 1000)
 *         number of steps
 *     ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_HELP_H
#define INVPROJ_HELP_H

#include <stdio.h>

#include "invproj/config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INV_HELP_COLUMNS 79 /* a terminal of 80, of which some keep the last for a new line */

/* A key where it stands. */
typedef struct inv_key {
    const char *path; /* "training.optimiser.rate" */
    const inv_field *field;
    const void *holder; /* the struct that has it, with its defaults; NULL: they are not told */
    const char *by;     /* where not every type of its group has it: the key that names the type, */
    const char *types;  /* and those that have it, "cosine, step"; NULL: all */
} inv_key;

typedef void inv_key_visitor(const inv_key *key, void *context);

/* Visits each key of a table, of the groups in it, and of the elements of its lists, which are "N".
 * Where keys depend on a group's type, those of every type are visited; but where a type has
 * defaults of its own (`start`), those of the type that it has here. A part's keys are visited as
 * the table's own, with the defaults that `defaults` has. `prefix` begins each path. */
void inv_fields_visit(const inv_field *fields, const void *defaults, const char *prefix,
                      inv_key_visitor *visit, void *context);

/* Prints the key, what it takes, its default, and what it means, in lines of INV_HELP_COLUMNS. */
void inv_key_help(const inv_key *key, FILE *out);

/* The same for each key that inv_fields_visit finds. */
void inv_fields_help(const inv_field *fields, const void *defaults, const char *prefix, FILE *out);

/* Prints what each choice means. */
void inv_choices_help(const inv_choice *choices, size_t indent, FILE *out);

/* Prints words, breaking lines at INV_HELP_COLUMNS; each starts at column `indent`, but the first
 * not before `column`, up to where the line is written already. Returns up to where it then is. */
size_t inv_wrap(const char *text, size_t indent, size_t column, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
