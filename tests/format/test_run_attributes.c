/* Attributes of a run file, those among them that mark pictures.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "invproj/run.h"
#include "run_file.h"
#include "suites.h"

/* ---- attributes ---- */

static void assert_numbers(const inv_run *run, const char *at, double real, uint64_t size)
{
    double got_real = 0.0;
    uint64_t got_size = 0;
    ck_assert_status(inv_run_real(run, at, "real", &got_real), INV_OK);
    ck_assert_double_eq(got_real, real);
    ck_assert_status(inv_run_size(run, at, "size", &got_size), INV_OK);
    ck_assert_uint_eq(got_size, size);
}

START_TEST(attributes_come_back)
{
    static const char *const places[] = {"/", "/new/group", "/array"};
    static const char *const many[] = {"t10k", "", "caf\xc3\xa9"};
    char *large = malloc(50001), *got[3];
    samples s = samples_make();
    memset(large, 'x', 50000);
    large[50000] = 0;
    inv_run *run = run_new();
    run_put(run, "/array", INV_FLOAT32, 3, s.f32);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_status(inv_run_set_text(run, places[i], "text", "caf\xc3\xa9\n"), INV_OK);
        ck_assert_status(inv_run_set_text(run, places[i], "empty", ""), INV_OK);
        ck_assert_status(inv_run_set_text(run, places[i], "large", large), INV_OK);
        ck_assert_status(inv_run_set_texts(run, places[i], "many", many, 3), INV_OK);
        ck_assert_status(inv_run_set_real(run, places[i], "real", -1e-300 / 3.0), INV_OK);
        ck_assert_status(inv_run_set_size(run, places[i], "size", UINT64_MAX - 2), INV_OK);
    }
    run_save(run);
    inv_run_free(run);
    run = run_open();
    for (size_t i = 0; i < 3; i++) {
        assert_run_text(run, places[i], "text", "caf\xc3\xa9\n");
        assert_run_text(run, places[i], "empty", "");
        assert_run_text(run, places[i], "large", large);
        ck_assert_status(inv_run_texts(run, places[i], "many", got, 3), INV_OK);
        for (size_t j = 0; j < 3; j++) {
            ck_assert_str_eq(got[j], many[j]);
            free(got[j]);
        }
        assert_numbers(run, places[i], -1e-300 / 3.0, UINT64_MAX - 2);
    }
    assert_run_array(run, "/array", INV_FLOAT32, 1, (size_t[]){3}, s.f32);
    inv_run_free(run);
    free(large);
}
END_TEST

START_TEST(attributes_are_replaced)
{
    inv_run *run = run_new();
    ck_assert(!inv_run_has_attribute(run, "/g", "real"));
    ck_assert_status(inv_run_set_text(run, "/g", "real", "no number yet"), INV_OK);
    ck_assert(inv_run_has_attribute(run, "/g", "real"));
    ck_assert(!inv_run_has_attribute(run, "/g", "size"));
    ck_assert_status(inv_run_set_real(run, "/g", "real", 3.5), INV_OK);
    ck_assert_status(inv_run_set_real(run, "/g", "real", -7.25), INV_OK);
    ck_assert_status(inv_run_set_size(run, "/g", "size", 19), INV_OK);
    assert_numbers(run, "/g", -7.25, 19);
    ck_assert_status(inv_run_unset(run, "/g", "real"), INV_OK);
    ck_assert(!inv_run_has_attribute(run, "/g", "real"));
    ck_assert(inv_run_has_attribute(run, "/g", "size"));
    ck_assert_status(inv_run_unset(run, "/g", "real"), INV_OK);
    ck_assert_status(inv_run_unset(run, "/none", "real"), INV_OK);
    inv_run_free(run);
}
END_TEST

START_TEST(attributes_are_of_their_kind)
{
    static const char *const two[] = {"a", "b"};
    char *text = run_folder, *texts[3] = {run_folder, run_folder, run_folder};
    double real = 0.0;
    uint64_t size = 0;
    inv_run *run = run_new();
    ck_assert_status(inv_run_set_texts(run, "/g", "two", two, 2), INV_OK);
    ck_assert_status(inv_run_set_text(run, "/g", "text", "t"), INV_OK);
    ck_assert_status(inv_run_set_real(run, "/g", "real", 3.5), INV_OK);
    ck_assert_status(inv_run_set_size(run, "/g", "size", 3), INV_OK);
    ck_assert_status(inv_run_text(run, "/g", "none", &text), INV_EFORMAT);
    ck_assert_ptr_null(text);
    ck_assert_message_has("/g: the attribute 'none' is missing");
    ck_assert_status(inv_run_text(run, "/h", "text", &text), INV_EFORMAT);
    ck_assert_status(inv_run_text(run, "/g", "two", &text), INV_EFORMAT);
    ck_assert_message_has("/g: the attribute 'two' is not what it must be");
    ck_assert_status(inv_run_text(run, "/g", "real", &text), INV_EFORMAT);
    ck_assert_status(inv_run_texts(run, "/g", "two", texts, 3), INV_EFORMAT);
    for (size_t i = 0; i < 3; i++)
        ck_assert_ptr_null(texts[i]);
    ck_assert_status(inv_run_real(run, "/g", "size", &real), INV_EFORMAT);
    ck_assert_status(inv_run_real(run, "/g", "text", &real), INV_EFORMAT);
    ck_assert_status(inv_run_real(run, "/g", "none", &real), INV_EFORMAT);
    ck_assert_status(inv_run_size(run, "/g", "real", &size), INV_EFORMAT);
    ck_assert_status(inv_run_size(run, "/g", "text", &size), INV_EFORMAT);
    inv_run_free(run);
}
END_TEST

/* The text that a mark of the array is; "" where it has no such mark. */
static void read_mark(hid_t file, const char *at, const char *name, char text[32])
{
    memset(text, 0, 32);
    if (H5Aexists_by_name(file, at, name, H5P_DEFAULT) <= 0)
        return;
    hid_t mark = H5Aopen_by_name(file, at, name, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(mark);
    ck_assert_int_eq(H5Tis_variable_str(type), 0); /* the specification asks for fixed ones */
    ck_assert_uint_lt(H5Tget_size(type), 32);
    ck_assert_int_ge(H5Aread(mark, type, text), 0);
    ck_assert_uint_eq(H5Tget_size(type), strlen(text) + 1);
    H5Tclose(type);
    H5Aclose(mark);
}

START_TEST(pictures_are_marked)
{
    static const struct {
        const char *at;
        inv_type type;
        size_t rank, dims[4];
        const char *subclass, *interlace; /* NULL: it is no picture */
    } rows[] = {{"/p/grey", INV_FLOAT32, 3, {3, 4, 5}, "IMAGE_GRAYSCALE", ""},
                {"/p/colour", INV_FLOAT32, 4, {2, 5, 2, 3}, "IMAGE_TRUECOLOR", "INTERLACE_PIXEL"},
                {"/p/two", INV_FLOAT32, 4, {2, 5, 3, 2}, NULL, NULL},
                {"/p/four", INV_FLOAT32, 4, {1, 3, 5, 4}, NULL, NULL},
                {"/p/one", INV_FLOAT32, 4, {3, 4, 5, 1}, NULL, NULL},
                {"/p/flat", INV_FLOAT32, 2, {12, 5}, NULL, NULL},
                {"/p/counts", INV_UINT8, 3, {3, 4, 5}, NULL, NULL}};
    samples s = samples_make();
    char text[32];
    inv_run *run = run_new();
    for (size_t i = 0; i < 7; i++)
        ck_assert_status(inv_run_put(run, rows[i].at, rows[i].type, rows[i].rank, rows[i].dims,
                                     samples_of(&s, rows[i].type), INV_RUN_IMAGES),
                         INV_OK);
    run_save(run);
    inv_run_free(run);
    hid_t file = H5Fopen(run_path, H5F_ACC_RDONLY, H5P_DEFAULT);
    for (size_t i = 0; i < 7; i++) {
        const bool drawn = rows[i].subclass != NULL;
        read_mark(file, rows[i].at, "CLASS", text);
        ck_assert_str_eq(text, drawn ? "IMAGE" : "");
        read_mark(file, rows[i].at, "IMAGE_VERSION", text);
        ck_assert_str_eq(text, drawn ? "1.2" : "");
        read_mark(file, rows[i].at, "DISPLAY_ORIGIN", text);
        ck_assert_str_eq(text, drawn ? "UL" : "");
        read_mark(file, rows[i].at, "IMAGE_SUBCLASS", text);
        ck_assert_str_eq(text, drawn ? rows[i].subclass : "");
        read_mark(file, rows[i].at, "INTERLACE_MODE", text);
        ck_assert_str_eq(text, drawn ? rows[i].interlace : "");
        ck_assert_int_eq(H5Aexists_by_name(file, rows[i].at, "IMAGE_MINMAXRANGE", H5P_DEFAULT),
                         rows[i].rank == 3 && drawn);
    }
    H5Fclose(file);
}
END_TEST

/* Over all images of the array, not the first, which alone HDFView would look at; of what is
 * finite. */
START_TEST(grey_pictures_tell_their_range)
{
    static const struct {
        float values[6], low, high;
    } rows[] = {{{0.25f, 0.5f, -1.75f, 0.0f, 3.5f, 1.0f}, -1.75f, 3.5f},
                {{0.25f, 0.5f, NAN, -0.125f, INFINITY, -INFINITY}, -0.125f, 0.5f},
                {{-2.5f, -2.5f, -2.5f, -2.5f, -2.5f, -2.5f}, -2.5f, -2.5f},
                {{NAN, NAN, NAN, NAN, NAN, NAN}, 0.0f, 0.0f}};
    for (size_t i = 0; i < 4; i++) {
        float range[2] = {99.0f, 99.0f};
        inv_run *run = run_new();
        ck_assert_status(inv_run_put(run, "/p", INV_FLOAT32, 3, (size_t[]){3, 1, 2}, rows[i].values,
                                     INV_RUN_IMAGES),
                         INV_OK);
        run_save(run);
        inv_run_free(run);
        hid_t file = H5Fopen(run_path, H5F_ACC_RDONLY, H5P_DEFAULT);
        hid_t mark = H5Aopen_by_name(file, "/p", "IMAGE_MINMAXRANGE", H5P_DEFAULT, H5P_DEFAULT);
        hid_t type = H5Aget_type(mark), space = H5Aget_space(mark);
        ck_assert_int_gt(H5Tequal(type, H5T_IEEE_F32LE), 0);
        ck_assert_int_eq(H5Sget_simple_extent_npoints(space), 2);
        ck_assert_int_ge(H5Aread(mark, H5T_NATIVE_FLOAT, range), 0);
        ck_assert_float_eq(range[0], rows[i].low);
        ck_assert_float_eq(range[1], rows[i].high);
        H5Sclose(space);
        H5Tclose(type);
        H5Aclose(mark);
        H5Fclose(file);
    }
}
END_TEST

Suite *run_attributes_suite(void)
{
    Suite *suite = suite_create("run_attributes");
    TCase *tests = tcase_create("attributes");
    tcase_add_checked_fixture(tests, run_prepare, run_tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, attributes_come_back);
    tcase_add_test(tests, attributes_are_replaced);
    tcase_add_test(tests, attributes_are_of_their_kind);
    tcase_add_test(tests, pictures_are_marked);
    tcase_add_test(tests, grey_pictures_tell_their_range);
    suite_add_tcase(suite, tests);
    return suite;
}
