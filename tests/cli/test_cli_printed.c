/* What the program prints of texts and numbers that others wrote: nothing that a terminal obeys,
 * and JSON that is whole.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <hdf5.h>
#include <jansson.h>

#include "cli_short.h"
#include "invproj/text.h"
#include "program.h"
#include "suites.h"
#include "support.h"

/* An escape, a C1 escape, one that turns the direction of writing, one that is no UTF-8, one in two lines. */
static const char *const odd_names[CLASSES] = {"a\033[2J",
                                               ("b\xc2\x9b"
                                                "31m"),
                                               "c\u202e\u2066x", "d\xff\xc3",
                                               "e\ninvproj: all is well"};
static const char *const odd_shown[CLASSES] = {"a?[2J", "b\\u009b31m", "c\\u202e\\u2066x",
                                               "d\xef\xbf\xbd\xef\xbf\xbd",
                                               "e?invproj: all is well"};

/* `place`/data, and `file`: a run with such names and with numbers that JSON has not. */
static char *place, *data, *file;

static void put(hid_t at, const char *name, hid_t type, hsize_t count, const void *value)
{
    hid_t space = count ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    if (H5Aexists(at, name) > 0)
        ck_assert_int_ge(H5Adelete(at, name), 0);
    hid_t made = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(made, 0);
    ck_assert_int_ge(H5Awrite(made, type, value), 0);
    H5Aclose(made);
    H5Sclose(space);
}

static void put_texts(hid_t root)
{
    const char *dataset = "data\033]0;title\a\x7f\r", *stale = "said\u2067to be";
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    put(root, "class_names", type, CLASSES, odd_names);
    put(root, "dataset", type, 0, &dataset);
    hid_t group = H5Gopen2(root, "/features/r2rt", H5P_DEFAULT);
    put(group, "stale", type, 0, &stale);
    H5Gclose(group);
    H5Tclose(type);
}

static void put_numbers(hid_t root)
{
    const uint64_t large = UINT64_MAX - 7;
    const double none = NAN;
    float confidence[4] = {0.5f, NAN, 0.25f, INFINITY};
    hid_t network = H5Gopen2(root, "/network", H5P_DEFAULT);
    hid_t array = H5Dopen2(root, "/generated/r2rt/confidence", H5P_DEFAULT);
    put(root, "seed", H5T_NATIVE_UINT64, 0, &large);
    put(network, "accuracy", H5T_NATIVE_DOUBLE, 0, &none);
    ck_assert_int_ge(H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, confidence),
                     0);
    H5Dclose(array);
    H5Gclose(network);
}

static void open_place(void)
{
    place = support_folder();
    ck_assert_int_gt(asprintf(&data, "%s/data", place), 0);
    ck_assert_int_gt(asprintf(&file, "%s/run/run.h5", place), 0);
    short_data(data);
    program_must_work(program_run(NULL, "run " SHORT " -q --data %s -o %s/run --set %s", data,
                                  place, "title=\"line one\\nline\033[1m two\""));
    hid_t root = H5Fopen(file, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(root, 0);
    put_texts(root);
    put_numbers(root);
    ck_assert_int_ge(
        H5Lmove(root, "/features/r2rt", root, "/features/f\033\xfe", H5P_DEFAULT, H5P_DEFAULT), 0);
    ck_assert_int_ge(
        H5Ocopy(root, "/features/f\033\xfe", root, "/features/f\033\xfd", H5P_DEFAULT, H5P_DEFAULT),
        0);
    ck_assert_int_ge(H5Fclose(root), 0);
}

static void close_place(void)
{
    support_remove(place);
    free(data);
    free(file);
}

/* That there is UTF-8 alone, and in it none of what a terminal obeys. */
static void must_be_harmless(const char *text)
{
    ck_assert_uint_gt(strlen(text), 0);
    for (size_t at = 0, left = strlen(text), length = 0; left > 0; at += length, left -= length) {
        uint32_t c = 0;
        length = inv_utf8(text + at, left, &c);
        ck_assert_msg(length > 0, "no UTF-8: %.40s", text + at);
        ck_assert_msg(c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f) || c > 0x9f,
                      "character %x in %.60s", (unsigned)c, text);
        ck_assert_msg(c != 0x200e && c != 0x200f && !(c >= 0x202a && c <= 0x202e) &&
                          !(c >= 0x2066 && c <= 0x2069),
                      "character %x in %.60s", (unsigned)c, text);
    }
}

static void must_say(const char *text, const char *what)
{
    ck_assert_msg(strstr(text, what) != NULL, "no '%s' in\n%s", what, text);
}

START_TEST(info_shows_no_escapes)
{
    program *p = program_run(NULL, "info %s", file);
    ck_assert_program(p, 0);
    must_be_harmless(p->out);
    for (int c = 0; c < CLASSES; c++)
        must_say(p->out, odd_shown[c]);
    must_say(p->out, "\nexperiment  line one?line?[1m two\n");
    must_say(p->out, "\ndata        data?]0;title???\n");
    must_say(p->out, "\nfeatures    f?\xef\xbf\xbd, by inverse r2rt; STALE: said\\u2067to be\n");
    must_say(p->out, ", seed 18446744073709551616\n"); /* the double that is nearest */
    must_say(p->out, "confidence at least nan\n");
    must_say(p->out, "nan\n");
    program_free(p);
}
END_TEST

static const json_t *at(const json_t *all, const char *a, const char *b, const char *c)
{
    const json_t *value = json_object_get(all, a);
    value = b ? json_object_get(value, b) : value;
    value = c ? json_object_get(value, c) : value;
    ck_assert_msg(value != NULL, "no %s %s %s", a, b ? b : "", c ? c : "");
    return value;
}

/* Names keep their places and their characters; what is no number is null. */
START_TEST(json_is_whole)
{
    program *p = program_run(NULL, "info --json %s", file);
    ck_assert_program(p, 0);
    must_be_harmless(p->out);
    json_error_t error;
    json_t *all = json_loads(p->out, 0, &error);
    ck_assert_msg(all != NULL, "%s", error.text);
    const json_t *names = at(all, "data", "class_names", NULL);
    ck_assert_uint_eq(json_array_size(names), CLASSES);
    for (size_t c = 0; c < CLASSES; c++)
        ck_assert_str_eq(json_string_value(json_array_get(names, c)),
                         c == 3 ? odd_shown[3] : odd_names[c]);
    ck_assert_str_eq(json_string_value(at(all, "title", NULL, NULL)), "line one\nline\033[1m two");
    ck_assert_str_eq(json_string_value(at(all, "features", "f\033\xef\xbf\xbd", "stale")),
                     "said\u2067to be");
    /* two names that are the same without the bytes that are no UTF-8 */
    ck_assert_str_eq(json_string_value(at(all, "features", "f\033\xef\xbf\xbd (2)", "stale")),
                     "said\u2067to be");
    ck_assert_uint_eq(json_object_size(at(all, "features", NULL, NULL)), 2);
    ck_assert(json_is_null(at(all, "network", "accuracy", NULL)));
    ck_assert_double_eq_tol(json_number_value(at(all, "seed", NULL, NULL)), 0x1p64, 0x1p37);
    const json_t *sure = at(all, "generated", "r2rt", "confidence");
    ck_assert_uint_eq(json_array_size(sure), 4);
    ck_assert_double_eq_tol(json_number_value(json_array_get(sure, 0)), 0.5, 1e-9);
    ck_assert(json_is_null(json_array_get(sure, 1)));
    ck_assert_double_eq_tol(json_number_value(json_array_get(sure, 2)), 0.25, 1e-9);
    ck_assert(json_is_null(json_array_get(sure, 3)));
    json_decref(all);
    program_free(p);
}
END_TEST

START_TEST(predict_shows_no_escapes)
{
    char *image = NULL;
    ck_assert_int_gt(asprintf(&image, "%s/i\033\xc2\x85\n\xff.idx", place), 0);
    short_copy(support_at(data, "t10k-images-idx3-ubyte"), image);
    program *p = program_run(NULL, "predict %s %s --top 5", file, image);
    ck_assert_program(p, 0);
    must_be_harmless(p->out);
    must_say(p->out, "/i?\\u0085?\\xff.idx:0 ");
    ck_assert_uint_eq(program_lines(p->out), TEST + 1);
    program_free(p);
    p = program_run(NULL, "predict %s %s --top 5 --json", file, image);
    ck_assert_program(p, 0);
    must_be_harmless(p->out);
    json_t *all = json_loads(p->out, 0, NULL);
    const json_t *images = json_object_get(all, "images");
    ck_assert_uint_eq(json_array_size(images), TEST);
    const char *name = json_string_value(json_object_get(json_array_get(images, 0), "file"));
    ck_assert_str_eq(name + strlen(place), "/i\033\xc2\x85\n\xef\xbf\xbd.idx");
    json_decref(all);
    program_free(p);
    free(image);
}
END_TEST

/* What is not there is named in one line, and so is what is in the way; -q or not. */
START_TEST(messages_show_no_escapes)
{
    char *none = NULL;
    ck_assert_int_gt(asprintf(&none, "%s/\033[2Ja\xc2\x9b\u202eb\nc\xe2\x82.h5", place), 0);
    program *p = program_run(NULL, "info %s", none);
    ck_assert_fails(p, 1, "/?[2Ja\\u009b\\u202eb?c\\xe2\\x82.h5: No such file");
    must_be_harmless(p->err);
    program_free(p);
    short_copy(file, none);
    p = program_run(NULL, "exemplars %s --data %s --threads 1", none, data);
    ck_assert_program(p, 0);
    must_be_harmless(p->err);
    must_be_harmless(p->out);
    must_say(p->err, "/?[2Ja\\u009b\\u202eb?c\\xe2\\x82.h5: unsealed");
    program_free(p);
    free(none);
}
END_TEST

Suite *cli_printed_suite(void)
{
    Suite *suite = suite_create("cli_printed");
    TCase *tests = tcase_create("texts of others");
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, info_shows_no_escapes);
    tcase_add_test(tests, json_is_whole);
    tcase_add_test(tests, predict_shows_no_escapes);
    tcase_add_test(tests, messages_show_no_escapes);
    suite_add_tcase(suite, tests);
    return suite;
}
