/* The run file as it lies on the disk: its seal, saving it, and damage.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <hdf5.h>

#include "invproj/run.h"
#include "run_file.h"
#include "suites.h"

/* ---- the file ---- */

START_TEST(is_hdf5_with_a_seal_behind_it)
{
    size_t size = 0;
    char line[SUPPORT_SEAL];
    samples s = samples_make();
    uint64_t version = 0;
    inv_run *run = run_new();
    run_put(run, "/a", INV_FLOAT32, 7, s.f32);
    ck_assert_uint_eq(support_entries(run_folder), 0); /* nothing is written before it is saved */
    run_save(run);
    inv_run_free(run);
    ck_assert_uint_eq(support_entries(run_folder), 1);
    unsigned char *bytes = support_read(run_path, &size);
    ck_assert_uint_gt(size, SUPPORT_SEAL);
    support_seal(bytes, size - SUPPORT_SEAL, line);
    ck_assert_mem_eq(bytes + size - SUPPORT_SEAL, line, SUPPORT_SEAL);
    ck_assert_mem_eq(bytes, "\x89HDF\r\n\x1a\n", 8);
    free(bytes);
    run = run_open();
    assert_run_text(run, "/", "format", "invproj-run");
    ck_assert_status(inv_run_size(run, "/", "format_version", &version), INV_OK);
    ck_assert_uint_eq(version, 2);
    ck_assert_str_eq(inv_run_name(run), run_path);
    ck_assert(inv_run_is_sealed(run));
    inv_run_free(run);
    inv_run_free(NULL);
}
END_TEST

/* The earliest layout, which every reader knows: superblock 0, object headers 1, groups by symbol
 * tables, however many attributes and links there are. */
START_TEST(is_of_the_earliest_layout)
{
    samples s = samples_make();
    inv_run *run = run_new();
    H5F_info2_t info;
    H5O_info_t object;
    H5G_info_t group;
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "/many/array%d", i);
        run_put(run, name, INV_FLOAT32, 7, s.f32);
        snprintf(name, sizeof name, "attribute%d", i);
        ck_assert_status(inv_run_set_text(run, "/many", name, "t"), INV_OK);
        ck_assert_status(inv_run_set_real(run, "/many/array0", name, 1.5), INV_OK);
    }
    run_save(run);
    inv_run_free(run);
    hid_t file = H5Fopen(run_path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_int_ge(H5Fget_info2(file, &info), 0);
    ck_assert_uint_eq(info.super.version, 0);
    static const char *const objects[] = {"/", "/many", "/many/array0", "/many/array39"};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_ge(H5Oget_info_by_name(file, objects[i], &object, H5P_DEFAULT), 0);
        ck_assert_uint_eq(object.hdr.version, 1);
    }
    ck_assert_int_ge(H5Gget_info_by_name(file, "/many", &group, H5P_DEFAULT), 0);
    ck_assert_int_eq(group.storage_type, H5G_STORAGE_TYPE_SYMBOL_TABLE);
    H5Fclose(file);
}
END_TEST

START_TEST(several_are_open_at_once)
{
    samples s = samples_make();
    inv_run *first = run_new(), *second = run_new();
    run_put(first, "/a", INV_FLOAT32, 7, s.f32);
    run_put(second, "/b", INV_FLOAT32, 7, s.f32);
    ck_assert(!inv_run_has(first, "/b") && !inv_run_has(second, "/a"));
    run_save(first);
    inv_run *opened = run_open();
    run_put(opened, "/c", INV_FLOAT32, 7, s.f32);
    inv_run *again = run_open(); /* what is on the disk, not what the other has in mind */
    ck_assert(inv_run_has(again, "/a") && !inv_run_has(again, "/c"));
    inv_run_free(first);
    ck_assert(inv_run_has(opened, "/a"));
    inv_run_free(second);
    inv_run_free(opened);
    inv_run_free(again);
}
END_TEST

START_TEST(saves_again_and_elsewhere)
{
    samples s = samples_make();
    char *other = strdup(support_at(run_folder, "other.h5"));
    inv_run *run = run_new();
    run_put(run, "/a", INV_FLOAT32, 7, s.f32);
    run_save(run);
    run_put(run, "/b", INV_FLOAT32, 7, s.f32 + 7);
    ck_assert_status(inv_run_save(run, other), INV_OK);
    inv_run_free(run);
    run = run_open();
    ck_assert(inv_run_has(run, "/a") && !inv_run_has(run, "/b"));
    inv_run_free(run);
    ck_assert_status(inv_run_open(other, &run), INV_OK);
    assert_run_array(run, "/b", INV_FLOAT32, 1, (size_t[]){7}, s.f32 + 7);
    ck_assert_status(inv_run_save(run, support_at(run_folder, "none/run.h5")), INV_EIO);
    ck_assert_status(inv_run_save(run, run_folder), INV_EIO);
    inv_run_free(run);
    ck_assert_uint_eq(support_entries(run_folder), 2);
    free(other);
}
END_TEST

/* The same calls give the same bytes: nothing in the file tells the time. */
START_TEST(same_content_same_bytes)
{
    samples s = samples_make();
    unsigned char *bytes[2];
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        inv_run *run = run_new();
        run_put(run, "/a/b", INV_FLOAT32, 7, s.f32);
        ck_assert_status(inv_run_append(run, "/h", INV_UINT32, 7, s.u32), INV_OK);
        ck_assert_status(inv_run_set_text(run, "/", "experiment", "e"), INV_OK);
        run_save(run);
        inv_run_free(run);
        bytes[i] = support_read(run_path, &sizes[i]);
        if (i == 0)
            sleep(1);
    }
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}
END_TEST

static int save_beyond_limit(void *run)
{
    const struct rlimit limit = {3000, 3000};
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    const inv_status status = inv_run_save(run, run_path);
    return status == INV_EIO && support_message_has("File too large") ? 0 : 1;
}

START_TEST(a_failed_save_leaves_the_old_file)
{
    enum { MANY = 5000 };
    size_t before = 0, after = 0;
    double *values = calloc(MANY, sizeof *values);
    for (size_t i = 0; i < MANY; i++)
        values[i] = sin((double)i);
    inv_run *run = run_new();
    run_put(run, "/a", INV_FLOAT64, 3, values);
    run_save(run);
    unsigned char *old = support_read(run_path, &before);
    run_put(run, "/b", INV_FLOAT64, MANY, values);
    ck_assert_int_eq(support_in_child(save_beyond_limit, run), 0);
    unsigned char *now = support_read(run_path, &after);
    ck_assert_uint_eq(before, after);
    ck_assert_mem_eq(old, now, before);
    ck_assert_uint_eq(support_entries(run_folder), 1);
    run_save(run); /* nothing is lost: it can be saved once there is room */
    inv_run *again = run_open();
    assert_run_array(again, "/a", INV_FLOAT64, 1, (size_t[]){3}, values);
    ck_assert(inv_run_has(again, "/b"));
    inv_run_free(again);
    inv_run_free(run);
    free(values);
    free(old);
    free(now);
}
END_TEST

/* ---- damage ---- */

START_TEST(no_flipped_byte_is_taken)
{
    size_t size = 0;
    unsigned char *bytes = run_save_sample(&size);
    for (size_t i = 0; i < size; i += i < 96 || i > size - SUPPORT_SEAL ? 1 : 41)
        for (int bit = i < 96 ? 0 : (int)i % 8; bit < 8; bit += i < 96 ? 1 : 8) {
            inv_run *run = NULL;
            bytes[i] ^= (unsigned char)(1 << bit);
            support_write(run_path, bytes, size);
            inv_status status = inv_run_open(run_path, &run);
            ck_assert_msg(status == INV_EFORMAT && !run, "bit %d of byte %zu", bit, i);
            ck_assert_message_has(run_path);
            bytes[i] ^= (unsigned char)(1 << bit);
        }
    bytes[799] ^= 8;
    support_write(run_path, bytes, size);
    assert_run_refused("damaged: its checksum does not match; go back to a copy");
    free(bytes);
}
END_TEST

/* Only where the seal is gone whole, as HDF5 leaves it, is the rest taken. */
START_TEST(no_other_length_is_taken)
{
    size_t size = 0;
    unsigned char *bytes = run_save_sample(&size);
    for (size_t cut = 0; cut < size; cut += cut < 1100 || cut > size - 140 ? 1 : 331) {
        inv_run *run = NULL;
        support_write(run_path, bytes, cut);
        inv_status status = inv_run_open(run_path, &run);
        if (cut == size - SUPPORT_SEAL)
            ck_assert_msg(status == INV_OK && !inv_run_is_sealed(run), "cut at %zu", cut);
        else
            ck_assert_msg(status == INV_EFORMAT && !run, "cut at %zu", cut);
        inv_run_free(run);
    }
    support_write(run_path, bytes, size - 1);
    assert_run_refused("damaged: what follows its end is not a seal; go back to a copy");
    support_write(run_path, bytes, size + 1); /* support_read adds a NUL */
    assert_run_refused("damaged: what follows its end is not a seal");
    support_write(run_path, bytes, size - SUPPORT_SEAL - 1);
    assert_run_refused("damaged: cut short; go back to a copy");
    free(bytes);
}
END_TEST

START_TEST(refuses_other_files)
{
    size_t size = 0;
    unsigned char *bytes = run_save_sample(&size);
    inv_run *run = (inv_run *)run_folder;
    support_write(run_path, "", 0);
    assert_run_refused("not an invproj run file");
    support_write(run_path, bytes + 1, size / 2);
    assert_run_refused("not an invproj run file");
    H5Fclose(H5Fcreate(run_path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    assert_run_refused("not an invproj run file");
    ck_assert_status(inv_run_open(support_at(run_folder, "none"), &run), INV_EIO);
    ck_assert_ptr_null(run);
    ck_assert_status(inv_run_open(run_folder, &run), INV_EIO);
    free(bytes);
}
END_TEST

START_TEST(newer_formats_are_told)
{
    size_t size = 0;
    unsigned char *bytes = run_save_sample(&size);
    const size_t at = size - SUPPORT_SEAL + 13;
    ck_assert_int_eq(bytes[at], '2');
    bytes[at] = '3';
    support_write(run_path, bytes, size);
    assert_run_refused("made by a newer invproj (format 3; this one reads up to 2)");
    bytes[at] = '1';
    bytes[at + 1] = '7';
    support_write(run_path, bytes, size);
    assert_run_refused("made by a newer invproj (format 17; this one reads up to 2)");
    memcpy(bytes + at, "x:", 2);
    support_write(run_path, bytes, size);
    assert_run_refused("damaged");
    free(bytes);
    inv_run *run = run_new(); /* it may be unsealed, and then tells it itself */
    ck_assert_status(inv_run_set_size(run, "/", "format_version", 3), INV_OK);
    run_save(run);
    inv_run_free(run);
    assert_run_refused("made by a newer invproj (format 3; this one reads up to 2)");
}
END_TEST

START_TEST(refuses_what_is_no_hdf5_under_a_good_seal)
{
    unsigned char noise[3000];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)(i * i * 37 >> 3);
    run_write_sealed(noise, sizeof noise);
    assert_run_refused("damaged: its checksum does not match"); /* it does not end where it says */
    memcpy(noise, "\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08", 16);
    memset(noise + 40, 0, 8);
    noise[40] = sizeof noise & 255, noise[41] = sizeof noise >> 8;
    run_write_sealed(noise, sizeof noise);
    assert_run_refused("damaged: HDF5 cannot open it");
    run_write_sealed(noise, 0);
    assert_run_refused("not an invproj run file");
    run_seal(hdf5_in_memory(NULL, 0));
    assert_run_refused("not an invproj run file");
    free(run_save_sample(&(size_t){0}));
    hid_t file = run_unseal();
    ck_assert_int_ge(H5Adelete(file, "format"), 0);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t format = H5Acreate2(file, "format", type, space, H5P_DEFAULT, H5P_DEFAULT);
    const char *other = "other-run";
    ck_assert_int_ge(H5Awrite(format, type, &other), 0);
    H5Aclose(format);
    H5Sclose(space);
    H5Tclose(type);
    run_seal(file);
    assert_run_refused("not an invproj run file");
}
END_TEST

Suite *run_saved_suite(void)
{
    Suite *suite = suite_create("run_saved");
    TCase *tests = tcase_create("saved");
    tcase_add_checked_fixture(tests, run_prepare, run_tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, is_hdf5_with_a_seal_behind_it);
    tcase_add_test(tests, is_of_the_earliest_layout);
    tcase_add_test(tests, several_are_open_at_once);
    tcase_add_test(tests, saves_again_and_elsewhere);
    tcase_add_test(tests, same_content_same_bytes);
    tcase_add_test(tests, a_failed_save_leaves_the_old_file);
    tcase_add_test(tests, no_flipped_byte_is_taken);
    tcase_add_test(tests, no_other_length_is_taken);
    tcase_add_test(tests, refuses_other_files);
    tcase_add_test(tests, newer_formats_are_told);
    tcase_add_test(tests, refuses_what_is_no_hdf5_under_a_good_seal);
    suite_add_tcase(suite, tests);
    return suite;
}
