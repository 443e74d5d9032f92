/* What other programs can put into a run file that does not keep to it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "invproj/run.h"
#include "run_file.h"
#include "suites.h"

/* ---- what does not keep to the file ---- */

/* Another HDF5 file, and a plain one, that a hostile run file could lead to. */
typedef struct victims {
    char *hdf5, *raw;
    unsigned char *hdf5_bytes, *raw_bytes;
    size_t hdf5_size, raw_size;
} victims;

static void make_victims(victims *v)
{
    v->hdf5 = strdup(support_at(run_folder, "victim.h5"));
    v->raw = strdup(support_at(run_folder, "victim.raw"));
    const float values[7] = {1.5f, -2.25f, 3.5f, 4.0f, 5.0f, 6.0f, 7.0f};
    hid_t file = H5Fcreate(v->hdf5, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hdf5_add_array(file, "/g/a", H5T_IEEE_F32LE, 1, (hsize_t[]){7}, H5P_DEFAULT, H5T_NATIVE_FLOAT,
                   values);
    H5Fclose(file);
    support_write(v->raw, values, sizeof values);
    v->hdf5_bytes = support_read(v->hdf5, &v->hdf5_size);
    v->raw_bytes = support_read(v->raw, &v->raw_size);
}

static void assert_untouched(victims *v)
{
    size_t size = 0;
    unsigned char *bytes = support_read(v->hdf5, &size);
    ck_assert_uint_eq(size, v->hdf5_size);
    ck_assert_mem_eq(bytes, v->hdf5_bytes, size);
    free(bytes);
    bytes = support_read(v->raw, &size);
    ck_assert_uint_eq(size, v->raw_size);
    ck_assert_mem_eq(bytes, v->raw_bytes, size);
    free(bytes);
    free(v->hdf5);
    free(v->raw);
    free(v->hdf5_bytes);
    free(v->raw_bytes);
}

/* Nothing is read or written through `at`, which is a link to a group or below one. */
static void assert_leads_nowhere(inv_run *run, const char *at)
{
    float values[7] = {0};
    size_t rank = 0, dims[INV_RUN_RANK_MAX], seven = 7;
    char deep[128], names[4][INV_NAME_MAX], *text = NULL;
    snprintf(deep, sizeof deep, "%s/a", at);
    ck_assert(!inv_run_has(run, at) && !inv_run_has(run, deep));
    ck_assert_status(inv_run_dims(run, deep, &rank, dims), INV_EFORMAT);
    ck_assert_status(inv_run_get(run, deep, INV_FLOAT32, 7, values), INV_EFORMAT);
    ck_assert_status(inv_run_append(run, deep, INV_FLOAT32, 7, values), INV_EFORMAT);
    ck_assert_status(inv_run_put(run, deep, INV_FLOAT32, 1, &seven, values, INV_RUN_PLAIN),
                     INV_EFORMAT);
    snprintf(deep, sizeof deep, "%s/new", at);
    ck_assert_status(inv_run_put(run, deep, INV_FLOAT32, 1, &seven, values, INV_RUN_PLAIN),
                     INV_EFORMAT);
    ck_assert_status(inv_run_append(run, deep, INV_FLOAT32, 7, values), INV_EFORMAT);
    ck_assert_status(inv_run_set_real(run, deep, "r", 3.5), INV_EFORMAT);
    ck_assert_status(inv_run_set_real(run, at, "r", 3.5), INV_EFORMAT);
    ck_assert(!inv_run_has_attribute(run, at, "r"));
    ck_assert_status(inv_run_text(run, at, "t", &text), INV_EFORMAT);
    ck_assert_uint_eq(inv_run_groups(run, at, names, 4), 0);
}

START_TEST(links_are_not_followed)
{
    static victims v;
    make_victims(&v);
    free(run_save_sample(&(size_t){0}));
    hid_t file = run_unseal();
    ck_assert_int_ge(H5Lcreate_soft("/a", file, "/soft", H5P_DEFAULT, H5P_DEFAULT), 0);
    ck_assert_int_ge(H5Lcreate_external(v.hdf5, "/g", file, "/away", H5P_DEFAULT, H5P_DEFAULT), 0);
    ck_assert_int_ge(H5Lcreate_external(v.hdf5, "/g", file, "/a/away", H5P_DEFAULT, H5P_DEFAULT),
                     0);
    ck_assert_int_ge(H5Lcreate_soft("/nowhere", file, "/lost", H5P_DEFAULT, H5P_DEFAULT), 0);
    run_seal(file);
    inv_run *run = run_open();
    char names[8][INV_NAME_MAX];
    assert_leads_nowhere(run, "/soft");
    assert_leads_nowhere(run, "/away");
    assert_leads_nowhere(run, "/a/away");
    assert_leads_nowhere(run, "/lost");
    ck_assert_uint_eq(inv_run_groups(run, "/", names, 8), 1);
    ck_assert_str_eq(names[0], "a");
    ck_assert(inv_run_has(run, "/a/b") && !inv_run_has(run, "/a/new"));
    inv_run_free(run);
    assert_untouched(&v);
}
END_TEST

/* Adds to a good run an array with these properties, and expects that it is not read. */
static void assert_array_refused(const char *at, hid_t properties, hid_t type, hid_t space)
{
    float values[7] = {0};
    free(run_save_sample(&(size_t){0}));
    hid_t file = run_unseal();
    hid_t array = H5Dcreate2(file, at, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    ck_assert_int_ge(array, 0);
    H5Dclose(array);
    H5Pclose(properties);
    H5Sclose(space);
    run_seal(file);
    inv_run *run = run_open();
    ck_assert_status(inv_run_get(run, at, INV_FLOAT32, 7, values), INV_EFORMAT);
    ck_assert_message_has("lies outside the file");
    ck_assert_status(inv_run_append(run, at, INV_FLOAT32, 7, values), INV_EFORMAT);
    inv_run_free(run);
}

/* Virtual arrays, and arrays whose values are in another file, one of which could grow. */
START_TEST(arrays_outside_are_refused)
{
    static victims v;
    make_victims(&v);
    const hsize_t seven = 7, maximum = H5S_UNLIMITED;
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &seven, NULL);
    ck_assert_int_ge(H5Pset_virtual(properties, space, v.hdf5, "/g/a", space), 0);
    assert_array_refused("/virtual", properties, H5T_IEEE_F32LE, space);
    properties = H5Pcreate(H5P_DATASET_CREATE);
    ck_assert_int_ge(H5Pset_external(properties, v.raw, 0, 28), 0);
    assert_array_refused("/external", properties, H5T_IEEE_F32LE,
                         H5Screate_simple(1, &seven, NULL));
    properties = H5Pcreate(H5P_DATASET_CREATE);
    ck_assert_int_ge(H5Pset_external(properties, v.raw, 0, H5F_UNLIMITED), 0);
    assert_array_refused("/a/growing", properties, H5T_IEEE_F32LE,
                         H5Screate_simple(1, &seven, &maximum));
    assert_untouched(&v);
}
END_TEST

START_TEST(reads_what_others_write)
{
    const double values[6] = {1.5, -2.25, 1e30, 0.0, -0.125, 7.0};
    float got[6];
    size_t rank = 0, dims[INV_RUN_RANK_MAX];
    char *text = NULL;
    free(run_save_sample(&(size_t){0}));
    hid_t file = run_unseal();
    hdf5_add_array(file, "/big", H5T_IEEE_F32BE, 2, (hsize_t[]){2, 3}, H5P_DEFAULT,
                   H5T_NATIVE_DOUBLE, values);
    hdf5_add_array(file, "/five", H5T_IEEE_F32LE, 5, (hsize_t[]){1, 2, 1, 3, 1}, H5P_DEFAULT,
                   H5T_NATIVE_DOUBLE, values);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, 6);
    hid_t attribute = H5Acreate2(file, "fixed", type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(attribute, type, "fixed"), 0);
    H5Aclose(attribute);
    H5Sclose(space);
    hdf5_add_array(file, "/words", type, 1, (hsize_t[]){2}, H5P_DEFAULT, type, "fixed\0words");
    H5Tclose(type);
    run_seal(file);
    inv_run *run = run_open();
    ck_assert_status(inv_run_get(run, "/big", INV_FLOAT32, 6, got), INV_OK);
    for (int i = 0; i < 6; i++)
        ck_assert_float_eq(got[i], (float)values[i]);
    ck_assert_status(inv_run_dims(run, "/five", &rank, dims), INV_EFORMAT);
    ck_assert_message_has("/five: has too many dimensions");
    ck_assert_status(inv_run_get(run, "/five", INV_FLOAT32, 6, got), INV_EFORMAT);
    ck_assert_status(inv_run_get(run, "/words", INV_FLOAT32, 2, got), INV_EFORMAT);
    ck_assert_message_has("/words: is of another type");
    ck_assert_status(inv_run_text(run, "/", "fixed", &text), INV_OK);
    ck_assert_str_eq(text, "fixed");
    free(text);
    inv_run_free(run);
}
END_TEST

Suite *run_strangers_suite(void)
{
    Suite *suite = suite_create("run_strangers");
    TCase *tests = tcase_create("strangers");
    tcase_add_checked_fixture(tests, run_prepare, run_tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, links_are_not_followed);
    tcase_add_test(tests, arrays_outside_are_refused);
    tcase_add_test(tests, reads_what_others_write);
    suite_add_tcase(suite, tests);
    return suite;
}
