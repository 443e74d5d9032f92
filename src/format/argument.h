/* argument.h - what an argument of a layer may be. PyTorch's modules and Keras's configurations say the same
 * things by other names: each importer has a table of its arguments (torch_arguments.c, keras_arguments.c),
 * and both are checked here, before anything is made of them.
 *
 *     static const inv_argument rules[] = {
 *         {"kernel_size stride", NULL, INV_WHOLE(1, 1024), .counts = INV_COUNTS(1) | INV_COUNTS(2)},
 *         {.names = NULL}};
 *     const inv_argument *rule = inv_argument_find(rules, "Conv2d", "stride");
 *     if (rule && !inv_argument_takes(rule, value))
 *         inv_argument_say(rule, text, sizeof text); // "a whole number from 1 to 1024, or 2 of them"
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_ARGUMENT_H
#define INVPROJ_FORMAT_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum inv_argument_kind {
    INV_ARGUMENT_WHOLE,  /* whole numbers */
    INV_ARGUMENT_NUMBER, /* finite numbers */
    INV_ARGUMENT_YES_NO, /* true or false, which are 1 and 0 */
    INV_ARGUMENT_WORD    /* one of `words` */
} inv_argument_kind;

/* Of `n` numbers, 0 to INV_COUNTS_MAX; several may be possible. */
#define INV_COUNTS(n)        (1U << (n))
#define INV_COUNTS_MAX       6
#define INV_COUNTS_ANY       (~0U)
#define INV_ARGUMENT_ALL     ((double)(1 << 24)) /* the most values that an image may have */
#define INV_ARGUMENT_LARGEST 3.4e38              /* a float's */

typedef struct inv_argument {
    const char *names; /* separated by blanks */
    const char *of;    /* part of the names of the types that it is of; NULL: of all */
    inv_argument_kind kind;
    double low, high;  /* of numbers; of yes or no, `high` 0 is no alone */
    unsigned counts;   /* how many numbers; 0: one */
    const char *words; /* what it may be instead of numbers */
    bool or_none;      /* may be None, which is as if it were not given */
    bool is_needed;    /* has no default */
} inv_argument;

/* What rows begin with behind names and types. */
#define INV_WHOLE(from, to)  .kind = INV_ARGUMENT_WHOLE, .low = (from), .high = (to)
#define INV_NUMBER(from, to) .kind = INV_ARGUMENT_NUMBER, .low = (from), .high = (to)
#define INV_YES_NO           .kind = INV_ARGUMENT_YES_NO, .high = 1
#define INV_NO               .kind = INV_ARGUMENT_YES_NO, .high = 0
#define INV_WORDS(list)      .kind = INV_ARGUMENT_WORD, .words = (list)

/* The first row of that name and type; NULL. The table ends in a row without names. */
const inv_argument *inv_argument_find(const inv_argument *rules, const char *type,
                                      const char *name);
bool inv_argument_takes(const inv_argument *rule, double value);
bool inv_argument_takes_count(const inv_argument *rule, size_t count);
bool inv_argument_takes_word(const inv_argument *rule, const char *word);
/* What is possible, as text. */
void inv_argument_say(const inv_argument *rule, char *text, size_t size);

#endif
