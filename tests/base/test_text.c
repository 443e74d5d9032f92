/* UTF-8, held to the encoding of every code point.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <string.h>

#include <check.h>

#include "invproj/text.h"
#include "suites.h"

/* RFC 3629, section 3, as its table has it. */
static size_t encode(uint32_t point, char out[4])
{
    const uint32_t six = 0x3f;
    if (point < 0x80)
        return out[0] = (char)point, 1;
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & six));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & six));
        out[2] = (char)(0x80 | (point & six));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & six));
    out[2] = (char)(0x80 | (point >> 6 & six));
    out[3] = (char)(0x80 | (point & six));
    return 4;
}

START_TEST(every_character_is_read)
{
    size_t wrong = 0;
    for (uint32_t point = 0; point < 0x120000; point++) {
        char text[8] = "";
        uint32_t got = 1234567;
        const bool exists = point < 0xd800 || (point > 0xdfff && point < 0x110000);
        const size_t length = encode(point, text);
        const size_t said = inv_utf8(text, sizeof text, &got);
        wrong += exists ? said != length || got != point : said != 0 || got != 1234567;
        wrong += inv_utf8(text, length - 1, NULL) != 0; /* cut off */
        wrong += inv_utf8(text, length, NULL) != said;
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

/* Each is one byte or more that no character begins with, or one written longer than need be. */
START_TEST(what_is_no_character_is_told)
{
    static const char *const none[] = {"\x80",
                                       "\xbf",
                                       "\xc0\x80",
                                       "\xc1\xbf",
                                       "\xe0\x9f\xbf",
                                       "\xc3(",
                                       "\xe2\x82z",
                                       "\xe2(\xac",
                                       "\xed\xa0\x80",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "\xff",
                                       "\xf1\x80\x80z"};
    ck_assert_uint_eq(inv_utf8(none[_i], strlen(none[_i]), NULL), 0);
    ck_assert_uint_eq(sizeof none / sizeof *none, 14);
}
END_TEST

Suite *text_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("UTF-8");
    tcase_add_test(tests, every_character_is_read);
    tcase_add_loop_test(tests, what_is_no_character_is_told, 0, 14);
    suite_add_tcase(suite, tests);
    return suite;
}
