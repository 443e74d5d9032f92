/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/argument.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "format/words.h"

const inv_argument *inv_argument_find(const inv_argument *rules, const char *type, const char *name)
{
    for (; rules->names; rules++)
        if ((!rules->of || strstr(type, rules->of)) &&
            inv_word_place(rules->names, name) != SIZE_MAX)
            return rules;
    return NULL;
}

/* NaN is in no range. */
bool inv_argument_takes(const inv_argument *rule, double value)
{
    if (rule->kind == INV_ARGUMENT_WORD || !(value >= rule->low && value <= rule->high))
        return false;
    return rule->kind == INV_ARGUMENT_NUMBER || value == rint(value);
}

bool inv_argument_takes_count(const inv_argument *rule, size_t count)
{
    const unsigned counts = rule->counts ? rule->counts : INV_COUNTS(1);
    return counts == INV_COUNTS_ANY || (count < 8 * sizeof counts && (counts & INV_COUNTS(count)));
}

bool inv_argument_takes_word(const inv_argument *rule, const char *word)
{
    return inv_word_place(rule->words, word) != SIZE_MAX;
}

/* ---- as text ---- */

static void append(char *text, size_t size, const char *more)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", more);
}

/* "'valid', 'same'" */
static void say_words(const char *words, char *text, size_t size)
{
    char one[64];
    for (size_t i = 0; i < inv_word_count(words); i++) {
        snprintf(one, sizeof one, "%s'%.*s'", i ? ", " : "", (int)inv_word_length(words, i),
                 inv_word_at(words, i));
        append(text, size, one);
    }
}

static void say_range(const inv_argument *rule, char *text, size_t size)
{
    const char *what = rule->kind == INV_ARGUMENT_WHOLE ? "a whole number" : "a number";
    char range[64] = "";
    if (rule->high < INV_ARGUMENT_LARGEST)
        snprintf(range, sizeof range, " from %.9g to %.9g", rule->low, rule->high);
    else if (rule->low > -INV_ARGUMENT_LARGEST)
        snprintf(range, sizeof range, " of at least %.9g", rule->low);
    append(text, size, what);
    append(text, size, range);
}

/* ", or 2 or 4 of them" */
static void say_counts(unsigned counts, char *text, size_t size)
{
    char one[32];
    const char *before = counts & INV_COUNTS(1) ? ", or " : ": ";
    if (counts == INV_COUNTS_ANY)
        append(text, size, ", or several");
    for (unsigned n = 2; n <= INV_COUNTS_MAX && counts != INV_COUNTS_ANY; n++)
        if (counts & INV_COUNTS(n)) {
            snprintf(one, sizeof one, "%s%u", before, n);
            append(text, size, one);
            before = " or ";
        }
    if (counts != INV_COUNTS_ANY && counts > INV_COUNTS(2) - 1)
        append(text, size, " of them");
}

void inv_argument_say(const inv_argument *rule, char *text, size_t size)
{
    text[0] = 0;
    if (rule->kind == INV_ARGUMENT_YES_NO)
        append(text, size, rule->high > 0.0 ? "True or False" : "False");
    else if (rule->kind != INV_ARGUMENT_WORD) {
        say_range(rule, text, size);
        say_counts(rule->counts ? rule->counts : INV_COUNTS(1), text, size);
    }
    if (rule->words) {
        append(text, size, *text ? ", or " : "");
        append(text, size, inv_word_count(rule->words) > 1 ? "one of " : "");
        say_words(rule->words, text, size);
    }
    if (rule->or_none)
        append(text, size, ", or None");
}
