/* Arrays of a run file, and states made of them: what is put comes back, and is stored as said.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "invproj/run.h"
#include "run_file.h"
#include "suites.h"

/* ---- arrays ---- */

static const size_t shapes[][4] = {{0}, {SAMPLES}, {12, 5}, {3, 4, 5}, {2, 5, 2, 3}};

START_TEST(arrays_come_back)
{
    samples s = samples_make();
    inv_run *run = run_new();
    for (int pass = 0; pass < 2; pass++) {
        for (size_t t = 0; t < 5; t++)
            for (size_t rank = 1; rank <= 4; rank++)
                for (int storage = INV_RUN_PLAIN; storage <= INV_RUN_IMAGES; storage++) {
                    char at[64];
                    snprintf(at, sizeof at, "/deep/type%zu/rank%zu/%d", t, rank, storage);
                    if (pass == 0)
                        ck_assert_status(inv_run_put(run, at, samples_types[t], rank, shapes[rank],
                                                     samples_of(&s, samples_types[t]),
                                                     (inv_run_storage)storage),
                                         INV_OK);
                    assert_run_array(run, at, samples_types[t], rank, shapes[rank],
                                     samples_of(&s, samples_types[t]));
                }
        if (pass == 0) {
            run_save(run);
            inv_run_free(run);
            run = run_open();
        }
    }
    inv_run_free(run);
}
END_TEST

START_TEST(a_scalar_is_an_array_of_rank_0)
{
    const double value = -1.0625;
    inv_run *run = run_new();
    ck_assert_status(inv_run_put(run, "/s", INV_FLOAT64, 0, NULL, &value, INV_RUN_PLAIN), INV_OK);
    assert_run_array(run, "/s", INV_FLOAT64, 0, NULL, &value);
    inv_run_free(run);
}
END_TEST

static void assert_stored(hid_t file, const char *at, H5T_class_t class, size_t size,
                          H5D_layout_t layout, int filters)
{
    hid_t array = H5Dopen2(file, at, H5P_DEFAULT);
    ck_assert_int_ge(array, 0);
    hid_t type = H5Dget_type(array), properties = H5Dget_create_plist(array);
    ck_assert_int_eq(H5Tget_class(type), class);
    ck_assert_uint_eq(H5Tget_size(type), size);
    if (size > 1)
        ck_assert_int_eq(H5Tget_order(type), H5T_ORDER_LE);
    if (class == H5T_INTEGER)
        ck_assert_int_eq(H5Tget_sign(type), H5T_SGN_NONE);
    ck_assert_int_eq(H5Pget_layout(properties), layout);
    ck_assert_int_eq(H5Pget_nfilters(properties), filters);
    H5Pclose(properties);
    H5Tclose(type);
    H5Dclose(array);
}

START_TEST(arrays_are_stored_as_said)
{
    static const H5T_class_t classes[] = {H5T_FLOAT, H5T_FLOAT, H5T_INTEGER, H5T_INTEGER,
                                          H5T_INTEGER};
    static const H5D_layout_t layouts[] = {H5D_CONTIGUOUS, H5D_CHUNKED, H5D_CHUNKED};
    samples s = samples_make();
    inv_run *run = run_new();
    char at[64];
    for (size_t t = 0; t < 5; t++)
        for (int storage = 0; storage < 3; storage++) {
            snprintf(at, sizeof at, "/a/%zu-%d", t, storage);
            ck_assert_status(inv_run_put(run, at, samples_types[t], 3, shapes[3],
                                         samples_of(&s, samples_types[t]),
                                         (inv_run_storage)storage),
                             INV_OK);
        }
    ck_assert_status(inv_run_append(run, "/history", INV_UINT32, 3, s.u32), INV_OK);
    run_save(run);
    inv_run_free(run);
    hid_t file = H5Fopen(run_path, H5F_ACC_RDONLY, H5P_DEFAULT); /* from the disk, as others do */
    ck_assert_int_ge(file, 0);
    for (size_t t = 0; t < 5; t++)
        for (int storage = 0; storage < 3; storage++) {
            snprintf(at, sizeof at, "/a/%zu-%d", t, storage);
            assert_stored(file, at, classes[t], inv_type_size(samples_types[t]), layouts[storage],
                          storage ? 2 : 0);
        }
    assert_stored(file, "/history", H5T_INTEGER, 4, H5D_CHUNKED, 2);
    H5Fclose(file);
}
END_TEST

START_TEST(large_arrays_are_packed_in_chunks)
{
    const size_t dims[3] = {700, 31, 17};
    float *values = calloc(700 * 31 * 17, sizeof(float)), *got = calloc(700 * 31 * 17, 4);
    size_t packed = 0;
    hsize_t chunk[3] = {0};
    for (size_t i = 0; i < 700 * 31 * 17; i++)
        values[i] = (float)(i / 1000) * 0.37f;
    inv_run *run = run_new();
    ck_assert_status(inv_run_put(run, "/big", INV_FLOAT32, 3, dims, values, INV_RUN_PACKED),
                     INV_OK);
    run_save(run);
    inv_run_free(run);
    free(support_read(run_path, &packed));
    ck_assert_uint_lt(packed, 700 * 31 * 17 * sizeof(float) / 4);
    run = run_open();
    ck_assert_status(inv_run_get(run, "/big", INV_FLOAT32, 700 * 31 * 17, got), INV_OK);
    ck_assert_mem_eq(got, values, 700 * 31 * 17 * sizeof(float));
    inv_run_free(run);
    hid_t file = H5Fopen(run_path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t array = H5Dopen2(file, "/big", H5P_DEFAULT), properties = H5Dget_create_plist(array);
    ck_assert_int_eq(H5Pget_chunk(properties, 3, chunk), 3);
    ck_assert_uint_eq(chunk[0], (1 << 18) / (31 * 17 * 4));
    ck_assert(chunk[1] == 31 && chunk[2] == 17);
    H5Pclose(properties);
    H5Dclose(array);
    H5Fclose(file);
    free(values);
    free(got);
}
END_TEST

START_TEST(puts_over_what_was_there)
{
    samples s = samples_make();
    inv_run *run = run_new();
    run_put(run, "/a/b", INV_FLOAT32, 7, s.f32);
    run_put(run, "/a/b", INV_FLOAT32, 7, s.f32 + 9);
    assert_run_array(run, "/a/b", INV_FLOAT32, 1, (size_t[]){7}, s.f32 + 9);
    ck_assert_status(inv_run_put(run, "/a/b", INV_UINT64, 2, shapes[2], s.u64, INV_RUN_PACKED),
                     INV_OK);
    assert_run_array(run, "/a/b", INV_UINT64, 2, shapes[2], s.u64);
    run_put(run, "/a", INV_UINT8, 5, s.u8); /* over a whole group */
    assert_run_array(run, "/a", INV_UINT8, 1, (size_t[]){5}, s.u8);
    ck_assert(!inv_run_has(run, "/a/b"));
    ck_assert_status(inv_run_put(run, "/a/b", INV_UINT8, 1, (size_t[]){5}, s.u8, INV_RUN_PLAIN),
                     INV_EFORMAT); /* /a is no group any more */
    ck_assert_message_has("/a/b: cannot be written");
    inv_run_free(run);
}
END_TEST

START_TEST(appends)
{
    enum { MANY = 9001 };
    uint64_t *values = calloc(MANY, sizeof *values), *got = calloc(MANY, sizeof *got);
    static const size_t counts[] = {1, 0, 4095, 2, 4903};
    size_t total = 0, rank = 0, dims[INV_RUN_RANK_MAX];
    inv_run *run = run_new();
    for (size_t i = 0; i < MANY; i++)
        values[i] = i * 11400714819323198485u;
    for (size_t i = 0; i < 5; i++) {
        ck_assert_status(inv_run_append(run, "/h/step", INV_UINT64, counts[i], values + total),
                         INV_OK);
        total += counts[i];
        ck_assert_status(inv_run_dims(run, "/h/step", &rank, dims), INV_OK);
        ck_assert_uint_eq(rank, 1);
        ck_assert_uint_eq(dims[0], total);
        run_save(run); /* and goes on where it was */
        inv_run_free(run);
        run = run_open();
    }
    ck_assert_uint_eq(total, MANY);
    ck_assert_status(inv_run_get(run, "/h/step", INV_UINT64, MANY, got), INV_OK);
    ck_assert_mem_eq(got, values, MANY * sizeof *got);
    free(values);
    free(got);
    inv_run_free(run);
}
END_TEST

START_TEST(appends_only_to_what_can_grow)
{
    samples s = samples_make();
    inv_run *run = run_new();
    run_put(run, "/fixed", INV_FLOAT32, 7, s.f32);
    ck_assert_status(inv_run_put(run, "/g/two", INV_FLOAT32, 2, shapes[2], s.f32, INV_RUN_PACKED),
                     INV_OK);
    ck_assert_status(inv_run_append(run, "/h", INV_FLOAT32, 7, s.f32), INV_OK);
    ck_assert_status(inv_run_append(run, "/fixed", INV_FLOAT32, 2, s.f32), INV_EFORMAT);
    ck_assert_message_has("/fixed: cannot be extended");
    ck_assert_status(inv_run_append(run, "/g/two", INV_FLOAT32, 5, s.f32), INV_EFORMAT);
    ck_assert_status(inv_run_append(run, "/g", INV_FLOAT32, 5, s.f32), INV_EFORMAT);
    ck_assert_message_has("/g: is not an array");
    ck_assert_status(inv_run_append(run, "/h", INV_UINT32, 5, s.u32), INV_EFORMAT);
    ck_assert_status(inv_run_append(run, "/h/x", INV_UINT32, 5, s.u32), INV_EFORMAT);
    assert_run_array(run, "/h", INV_FLOAT32, 1, (size_t[]){7}, s.f32);
    assert_run_array(run, "/fixed", INV_FLOAT32, 1, (size_t[]){7}, s.f32);
    inv_run_free(run);
}
END_TEST

START_TEST(gets_exactly_what_is_asked_for)
{
    samples s = samples_make();
    unsigned char room[SAMPLES * 8];
    inv_run *run = run_new();
    run_put(run, "/f32", INV_FLOAT32, 10, s.f32 + 5);
    run_put(run, "/f64", INV_FLOAT64, 10, s.f64 + 5);
    run_put(run, "/u8", INV_UINT8, 10, s.u8);
    run_put(run, "/u64", INV_UINT64, 10, s.u64);
    ck_assert_status(inv_run_set_text(run, "/g", "a", "b"), INV_OK);
    static const struct {
        const char *at;
        inv_type type;
        size_t count;
        const char *why;
    } rows[] = {{"/f32", INV_FLOAT32, 9, "/f32: has 10 values, must have 9"},
                {"/f32", INV_FLOAT32, 11, "/f32: has 10 values, must have 11"},
                {"/f32", INV_UINT32, 10, "/f32: is of another type"},
                {"/u8", INV_FLOAT32, 10, "/u8: is of another type"},
                {"/f64", INV_FLOAT32, 10, "/f64: is of another type"},
                {"/u64", INV_UINT32, 10, "/u64: is of another type"},
                {"/none", INV_FLOAT32, 10, "/none: missing"},
                {"/f32/x", INV_FLOAT32, 10, "/f32/x: missing"},
                {"/g", INV_FLOAT32, 10, "/g: is not an array"},
                {"/", INV_FLOAT32, 10, "/: is not an array"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_status(inv_run_get(run, rows[i].at, rows[i].type, rows[i].count, room),
                         INV_EFORMAT);
        ck_assert_message_has(rows[i].why);
        ck_assert_message_has(inv_run_name(run));
    }
    double wide[10]; /* what loses nothing is taken */
    uint32_t counts[10];
    ck_assert_status(inv_run_get(run, "/f32", INV_FLOAT64, 10, wide), INV_OK);
    ck_assert_status(inv_run_get(run, "/u8", INV_UINT32, 10, counts), INV_OK);
    for (int i = 0; i < 10; i++) {
        ck_assert_double_eq(wide[i], s.f32[5 + i]);
        ck_assert_uint_eq(counts[i], s.u8[i]);
    }
    inv_run_free(run);
}
END_TEST

START_TEST(has_removes_and_lists)
{
    samples s = samples_make();
    char names[8][INV_NAME_MAX];
    inv_run *run = run_new();
    run_put(run, "/inverse/zeta/kernel", INV_FLOAT32, 3, s.f32);
    run_put(run, "/inverse/alpha/kernel", INV_FLOAT32, 3, s.f32);
    run_put(run, "/inverse/array", INV_FLOAT32, 3, s.f32);
    ck_assert_status(inv_run_set_text(run, "/inverse/mid", "kind", "learned"), INV_OK);
    ck_assert(inv_run_has(run, "/inverse/zeta/kernel") && inv_run_has(run, "/inverse/mid"));
    ck_assert(inv_run_has(run, "/"));
    ck_assert(!inv_run_has(run, "/inverse/z") && !inv_run_has(run, "/inverse/array/x"));
    char longest[400] = "/";
    memset(longest + 1, 'x', 350);
    ck_assert(!inv_run_has(run, longest));
    ck_assert_uint_eq(inv_run_groups(run, "/inverse", names, 8), 3);
    ck_assert_str_eq(names[0], "alpha");
    ck_assert_str_eq(names[1], "mid");
    ck_assert_str_eq(names[2], "zeta");
    ck_assert_uint_eq(inv_run_groups(run, "/inverse", names, 2), 2);
    ck_assert_uint_eq(inv_run_groups(run, "/", names, 8), 1);
    ck_assert_str_eq(names[0], "inverse");
    ck_assert_uint_eq(inv_run_groups(run, "/none", names, 8), 0);
    ck_assert_uint_eq(inv_run_groups(run, "/inverse/array", names, 8), 0);
    ck_assert_status(inv_run_remove(run, "/inverse/zeta"), INV_OK);
    ck_assert_status(inv_run_remove(run, "/inverse/zeta"), INV_OK);
    ck_assert_uint_eq(inv_run_groups(run, "/inverse", names, 8), 2);
    ck_assert(!inv_run_has(run, "/inverse/zeta/kernel"));
    ck_assert_status(inv_run_remove(run, "/"), INV_EFORMAT);
    inv_run_free(run);
}
END_TEST

/* ---- states ---- */

START_TEST(states_come_back)
{
    static const char *const names[] = {"accumulator", "rates", "generator", "order", "position"};
    samples s = samples_make(), got;
    inv_array state[5], target[5];
    memset(&got, 0x5a, sizeof got);
    for (size_t i = 0; i < 5; i++) {
        state[i] =
            (inv_array){names[i], samples_types[i], samples_of(&s, samples_types[i]), SAMPLES - i};
        target[i] = (inv_array){names[i], samples_types[i], samples_of(&got, samples_types[i]),
                                SAMPLES - i};
    }
    inv_run *run = run_new();
    ck_assert_status(inv_run_put_state(run, "/training/state", state, 5), INV_OK);
    ck_assert_status(inv_run_put_state(run, "/training/state", state, 5), INV_OK);
    run_save(run);
    inv_run_free(run);
    run = run_open();
    ck_assert_status(inv_run_get_state(run, "/training/state", target, 5), INV_OK);
    for (size_t i = 0; i < 5; i++)
        ck_assert_mem_eq(target[i].data, state[i].data,
                         state[i].count * inv_type_size(state[i].type));
    target[2].count++;
    ck_assert_status(inv_run_get_state(run, "/training/state", target, 5), INV_EFORMAT);
    ck_assert_message_has("/training/state/generator: has 58 values, must have 59");
    target[2].count--;
    target[4].type = INV_FLOAT64;
    ck_assert_status(inv_run_get_state(run, "/training/state", target, 5), INV_EFORMAT);
    ck_assert_message_has("/training/state/position: is of another type");
    target[3].name = "none";
    ck_assert_status(inv_run_get_state(run, "/training/state", target, 5), INV_EFORMAT);
    ck_assert_message_has("/training/state/none: missing");
    inv_run_free(run);
}
END_TEST

/* What 0.1.0 kept of a generator, 5,000 bytes, becomes the words of today. */
START_TEST(a_generator_of_0_1_0_is_read)
{
    unsigned char bytes[INV_RNG_GSL_BYTES];
    uint32_t words[INV_RNG_WORDS];
    const size_t size = sizeof bytes;
    const inv_array state = {"generator", INV_UINT32, words, INV_RNG_WORDS};
    inv_run *run = run_new();
    for (size_t i = 0; i < size; i++)
        bytes[i] = i % 8 < 4 ? (unsigned char)(i * i / 8 + 77) : 0;
    for (int bad = 0; bad < 2; bad++) {
        bytes[8 * 99 + 6] = (unsigned char)bad;
        ck_assert_status(
            inv_run_put(run, "/state/generator", INV_UINT8, 1, &size, bytes, INV_RUN_PLAIN),
            INV_OK);
        ck_assert_status(inv_run_get_state(run, "/state", &state, 1), bad ? INV_EFORMAT : INV_OK);
        for (size_t i = 0; !bad && i < 4 * (size_t)INV_RNG_WORDS; i++)
            ck_assert_uint_eq(words[i / 4] >> (8 * (i % 4)) & 0xff, bytes[i / 4 * 8 + i % 4]);
    }
    ck_assert_message_has("/state/generator: is no state of a generator");
    const size_t fewer = size - 8;
    ck_assert_status(
        inv_run_put(run, "/state/generator", INV_UINT8, 1, &fewer, bytes, INV_RUN_PLAIN), INV_OK);
    ck_assert_status(inv_run_get_state(run, "/state", &state, 1), INV_EFORMAT);
    ck_assert_message_has("/state/generator: has 4992 values, must have 625");
    inv_run_free(run);
}
END_TEST

Suite *run_suite(void)
{
    Suite *suite = suite_create("run");
    TCase *tests = tcase_create("arrays");
    tcase_add_checked_fixture(tests, run_prepare, run_tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, arrays_come_back);
    tcase_add_test(tests, a_scalar_is_an_array_of_rank_0);
    tcase_add_test(tests, arrays_are_stored_as_said);
    tcase_add_test(tests, large_arrays_are_packed_in_chunks);
    tcase_add_test(tests, puts_over_what_was_there);
    tcase_add_test(tests, appends);
    tcase_add_test(tests, appends_only_to_what_can_grow);
    tcase_add_test(tests, gets_exactly_what_is_asked_for);
    tcase_add_test(tests, has_removes_and_lists);
    tcase_add_test(tests, states_come_back);
    tcase_add_test(tests, a_generator_of_0_1_0_is_read);
    suite_add_tcase(suite, tests);
    return suite;
}
