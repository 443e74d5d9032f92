/* Text in columns.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/columns.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "suites.h"

static const struct width_case {
    const char *text;
    int width;
} width_cases[] = {
    {"", 0},
    {"Bag", 3},
    {"Stra\xc3\x9f\x65", 6},
    {"\xe3\x81\x82", 2},                 /* hiragana a */
    {"\xe5\xad\x97x", 3},                /* a Han character */
    {"e\xcc\x81t\xc3\xa9", 3},           /* e and a combining acute; e acute in one */
    {"\xe0\xb8\x81\xe0\xb8\xb4", 1},     /* Thai ko kai with sara i above it */
    {"\xf0\x9f\x98\x80", 2},             /* an emoji */
    {"\xff\xe3\x81", 3},                 /* no UTF-8: a column a byte */
    {"a\xe1\xaa\xb0\xe2\x80\x8d", 1},    /* a mark of German dialects above a, and a joiner */
    {"\xe3\x82\x99", 0},                 /* a voiced sound mark that stands on the kana before it */
    {"\xf0\xaa\x9a\xb2\xed\x9e\xa3", 4}, /* an ideograph of plane 2, the last Hangul syllable */
    {"\x07", 1},                         /* no character */
    {"\xef\xbc\xa1\xef\xbd\xa1", 3},     /* a fullwidth A, a halfwidth stop */
};
#define WIDTH_CASES ((int)(sizeof width_cases / sizeof *width_cases))

START_TEST(a_text_takes_so_many_columns)
{
    ck_assert_int_eq(inv_text_width(width_cases[_i].text), width_cases[_i].width);
}
END_TEST

START_TEST(what_is_narrow_is_filled)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    inv_text_pad(out, "\xe3\x81\x82", 5);
    inv_text_pad(out, "long", 2);
    inv_text_pad(out, "b", 3);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(text, "\xe3\x81\x82   longb  ");
    free(text);
}
END_TEST

Suite *columns_suite(void)
{
    Suite *suite = suite_create("columns");
    TCase *tests = tcase_create("columns");
    tcase_add_loop_test(tests, a_text_takes_so_many_columns, 0, WIDTH_CASES);
    tcase_add_test(tests, what_is_narrow_is_filled);
    suite_add_tcase(suite, tests);
    return suite;
}
