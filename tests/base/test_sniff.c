/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/sniff.h"

Suite *sniff_suite(void);

static const char *what_is(const void *bytes, size_t size)
{
    /* exactly so long, so that a sanitizer sees whoever reads on */
    unsigned char *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, size);
    const inv_kind *kind = inv_sniff(copy, size);
    free(copy);
    ck_assert(!kind || (*kind->what && *kind->remedy));
    return kind ? kind->what : "nothing known";
}

START_TEST(knows_kinds_by_their_first_bytes)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *what;
    } cases[] = {
        {"PK\3\4", 4, "a ZIP archive"},
        {"PK\5\6\0", 5, "an empty ZIP archive"},
        {"\x1f\x8b\10", 3, "a gzip file"},
        {"\xfd"
         "7zXZ\0",
         6, "an xz file"},
        {"\x93NUMPY\1\0", 8, "a NumPy file"},
        {"\x89HDF\r\n\x1a\n", 8, "an HDF5 file"},
        {"\xff\xd8\xff\xe1", 4, "a JPEG picture"},
        {"RIFF\40\0\0\0WEBPVP8 ", 16, "a WebP picture"},
        {"\0\0\0\30ftypheic", 12, "a HEIC picture"},
        {"\0\0\0\34ftypheix", 12, "a HEIC picture"},
        {"\0\0\0\44ftypmif1", 12, "a HEIC picture"},
        {"\0\0\0\40ftypavif", 12, "an AVIF picture"},
        {"\0\0\0\40ftypisom", 12, "a video"},
        {"\x89PNG\r\n", 6, "a PNG picture"},
        {"\x89PNG\n\x1a\n", 7, "a PNG picture that was spoilt, as if it were text"},
        {"<svg xmlns=", 11, "an SVG drawing"},
        {"\x80\4\x95", 3, "a Python pickle"},
        {"\x1c\0\0\0TFL3", 8, "a TensorFlow Lite model"},
        {"\xff\xfe"
         "a\0",
         4, "UTF-16 text"},
        {"<HTML>", 6, "a web page"},
        {"\xef\xbb\xbf \r\n\t<!doctype html>", 22, "a web page"},
        {"<?xml version=\"1.0\"?>", 21, "a web page"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(what_is(cases[i].bytes, cases[i].size), cases[i].what);
}
END_TEST

START_TEST(knows_a_tar_archive_by_its_middle)
{
    char bytes[INV_SNIFF_BYTES] = "folder/";
    memcpy(bytes + 257, "ustar", 5);
    ck_assert_str_eq(what_is(bytes, sizeof bytes), "a tar archive");
    ck_assert_str_eq(what_is(bytes, 262), "a tar archive");
    ck_assert_str_eq(what_is(bytes, 261), "nothing known");
}
END_TEST

/* What must not be taken for anything else: short starts, data, experiments, run files. */
START_TEST(knows_when_it_does_not_know)
{
    const char *const texts[] = {"", "P", "PK", "\n \t", "<", "<h", "title = \"BZ\";", "1,2,3\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_str_eq(what_is(texts[i], strlen(texts[i])), "nothing known");
    ck_assert_str_eq(what_is("\0\0\x08\3\0\0\0\2", 8), "nothing known");
    ck_assert_str_eq(what_is("\0\0\0\0", 4), "nothing known");
}
END_TEST

START_TEST(finds_the_mark_before_a_text)
{
    ck_assert_uint_eq(inv_text_mark((const unsigned char *)"\xef\xbb\xbfx", 4), 3);
    ck_assert_uint_eq(inv_text_mark((const unsigned char *)"\xef\xbb\xbf", 3), 3);
    ck_assert_uint_eq(inv_text_mark((const unsigned char *)"\xef\xbb\xbf", 2), 0);
    ck_assert_uint_eq(inv_text_mark((const unsigned char *)"x\xef\xbb\xbf", 4), 0);
    ck_assert_uint_eq(inv_text_mark((const unsigned char *)"", 0), 0);
}
END_TEST

Suite *sniff_suite(void)
{
    Suite *suite = suite_create("sniff");
    TCase *tests = tcase_create("sniff");
    tcase_add_test(tests, knows_kinds_by_their_first_bytes);
    tcase_add_test(tests, knows_a_tar_archive_by_its_middle);
    tcase_add_test(tests, knows_when_it_does_not_know);
    tcase_add_test(tests, finds_the_mark_before_a_text);
    suite_add_tcase(suite, tests);
    return suite;
}
