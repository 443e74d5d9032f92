/* What happens to a run file that other programs, or older ones of ours, have written to.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>
#include <nettle/sha2.h>

#include "invproj/run.h"
#include "small.h"
#include "suites.h"

#define BLOCK_1 512 /* format 1's user block */

static char *folder;
static char *path; /* of a run file in it */

static void prepare(void)
{
    folder = support_folder();
    path = strdup(support_at(folder, "run.h5"));
}

static void tidy(void)
{
    free(path);
    support_remove(folder);
}

static inv_run *open_run(void)
{
    inv_run *run = NULL;
    ck_assert_status(inv_run_open(path, &run), INV_OK);
    return run;
}

static void save_and_free(inv_run *run)
{
    ck_assert_status(inv_run_save(run, path), INV_OK);
    inv_run_free(run);
}

static void assert_refused(const char *why)
{
    inv_run *run = NULL;
    ck_assert_status(inv_run_open(path, &run), INV_EFORMAT);
    ck_assert_ptr_null(run);
    ck_assert_message_has(why);
}

/* A run with a network, an inverse with its history, and pictures. */
static const float pixels[24] = {-0.75f, 0.5f, 0.25f, 2.5f, 1.0f, 0.125f, INFINITY, NAN};

static void save_sample(void)
{
    inv_run *run = NULL;
    inv_net *net = small_net(SMALL_TWO);
    const float loss[3] = {3.5f, 2.25f, 1.125f};
    ck_assert_status(inv_run_create(&run), INV_OK);
    ck_assert_status(inv_run_put_net(run, "/network", net), INV_OK);
    ck_assert_status(inv_run_put_net(run, "/inverse/r2rt", net), INV_OK);
    ck_assert_status(inv_run_append(run, "/inverse/r2rt/history/loss", INV_FLOAT32, 3, loss),
                     INV_OK);
    ck_assert_status(inv_run_put(run, "/projections/r2rt/image", INV_FLOAT32, 3,
                                 (size_t[]){2, 3, 4}, pixels, INV_RUN_IMAGES),
                     INV_OK);
    ck_assert_status(inv_run_put(run, "/projections/colour/image", INV_FLOAT32, 4,
                                 (size_t[]){2, 2, 2, 3}, pixels, INV_RUN_IMAGES),
                     INV_OK);
    ck_assert_status(inv_run_put(run, "/projections/two/image", INV_FLOAT32, 4,
                                 (size_t[]){2, 2, 3, 2}, pixels, INV_RUN_IMAGES),
                     INV_OK);
    save_and_free(run);
    inv_net_free(net);
}

static hid_t open_to_write(void)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    return file;
}

static void write_values(hid_t file, const char *at, const float *values)
{
    hid_t array = H5Dopen2(file, at, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(array);
}

/* ---- unsealed ---- */

START_TEST(opened_for_writing_it_is_unsealed)
{
    size_t before = 0, after = 0, again = 0;
    save_sample();
    unsigned char *sealed = support_read(path, &before);
    H5Fclose(open_to_write());
    unsigned char *unsealed = support_read(path, &after);
    ck_assert_uint_eq(after, before - SUPPORT_SEAL);
    ck_assert_mem_eq(unsealed, sealed, after);
    inv_run *run = open_run();
    ck_assert(!inv_run_is_sealed(run));
    ck_assert_status(inv_run_save(run, path), INV_OK);
    ck_assert(inv_run_is_sealed(run));
    inv_run_free(run);
    unsigned char *resealed = support_read(path, &again);
    ck_assert_uint_eq(again, before);
    ck_assert_mem_eq(resealed, sealed, again);
    free(sealed);
    free(unsealed);
    free(resealed);
}
END_TEST

/* A program that was killed while it wrote has left the seal, or part of what it wrote behind it. */
START_TEST(killed_while_writing_it_is_damaged)
{
    size_t size = 0;
    save_sample();
    unsigned char *bytes = support_read(path, &size);
    bytes[size / 2] ^= 1;
    support_write(path, bytes, size);
    assert_refused("damaged: its checksum does not match; go back to a copy");
    bytes[size / 2] ^= 1;
    memset(bytes + size - SUPPORT_SEAL, 0, 24); /* the beginning of what it would have added */
    support_write(path, bytes, size);
    assert_refused("damaged: what follows its end is not a seal; go back to a copy");
    free(bytes);
}
END_TEST

/* ---- format 1 ---- */

/* A text of fixed length in place of any that is there. */
static void mark(hid_t file, const char *at, const char *name, const char *text)
{
    hid_t array = H5Dopen2(file, at, H5P_DEFAULT);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text) + 1);
    if (H5Aexists(array, name) > 0)
        H5Adelete(array, name);
    hid_t attribute = H5Acreate2(array, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(attribute, type, text), 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(array);
}

static void assert_mark(hid_t file, const char *at, const char *name, const char *want)
{
    char text[32] = "";
    hid_t attribute = H5Aopen_by_name(file, at, name, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute);
    ck_assert_uint_lt(H5Tget_size(type), sizeof text);
    ck_assert_int_ge(H5Aread(attribute, type, text), 0);
    ck_assert_str_eq(text, want);
    H5Tclose(type);
    H5Aclose(attribute);
}

/* Turns the run file at `path` into one of format 1, as version 0.1.0 wrote it. */
static void make_format_1(void)
{
    inv_run *run = open_run();
    ck_assert_status(inv_run_set_size(run, "/", "format_version", 7), INV_OK); /* is not upgraded */
    save_and_free(run);
    hid_t file = open_to_write();
    const uint64_t one = 1;
    hid_t version = H5Aopen(file, "format_version", H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(version, H5T_NATIVE_UINT64, &one), 0);
    H5Aclose(version);
    static const char *const groups[] = {"/network", "/inverse/r2rt", "/projections/r2rt"};
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_ge(H5Adelete_by_name(file, groups[i], "sha256", H5P_DEFAULT), 0);
    H5Adelete_by_name(file, "/projections/r2rt/image", "IMAGE_MINMAXRANGE", H5P_DEFAULT);
    mark(file, "/projections/colour/image", "IMAGE_SUBCLASS", "IMAGE_GRAYSCALE");
    H5Adelete_by_name(file, "/projections/colour/image", "INTERLACE_MODE", H5P_DEFAULT);
    mark(file, "/projections/two/image", "CLASS", "IMAGE");
    H5Fclose(file);
    size_t size = 0;
    unsigned char *body = support_read(path, &size), *bytes = calloc(1, BLOCK_1 + size);
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, size, body);
    sha256_digest(&context, sizeof digest, digest);
    int used = snprintf((char *)bytes, BLOCK_1,
                        "invproj-run 1\nHDF5 from byte 512 on, %zu bytes, SHA-256\n", size);
    for (size_t i = 0; i < sizeof digest; i++)
        used += snprintf((char *)bytes + used, (size_t)(BLOCK_1 - used), "%02x", digest[i]);
    bytes[used] = '\n';
    memcpy(bytes + BLOCK_1, body, size);
    support_write(path, bytes, BLOCK_1 + size);
    free(body);
    free(bytes);
}

START_TEST(format_1_becomes_format_2)
{
    float got[24], range[2] = {0.0f};
    uint64_t version = 0;
    inv_run_section section;
    save_sample();
    make_format_1();
    inv_run *run = open_run();
    ck_assert(inv_run_is_sealed(run));
    ck_assert_status(inv_run_check(run, "/network", &section), INV_OK);
    ck_assert_int_eq(section, INV_RUN_UNSIGNED);
    save_and_free(run);
    run = open_run();
    ck_assert_status(inv_run_size(run, "/", "format_version", &version), INV_OK);
    ck_assert_uint_eq(version, 2);
    ck_assert_status(inv_run_get(run, "/projections/r2rt/image", INV_FLOAT32, 24, got), INV_OK);
    ck_assert_mem_eq(got, pixels, sizeof got);
    ck_assert_status(inv_run_check(run, "/network", &section), INV_OK);
    ck_assert_int_eq(section, INV_RUN_AS_WRITTEN);
    inv_run_free(run);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT); /* no user block is in the way */
    hid_t told = H5Aopen_by_name(file, "/projections/r2rt/image", "IMAGE_MINMAXRANGE", H5P_DEFAULT,
                                 H5P_DEFAULT);
    ck_assert_int_ge(H5Aread(told, H5T_NATIVE_FLOAT, range), 0);
    ck_assert(range[0] == -0.75f && range[1] == 2.5f);
    H5Aclose(told);
    assert_mark(file, "/projections/colour/image", "IMAGE_SUBCLASS", "IMAGE_TRUECOLOR");
    assert_mark(file, "/projections/colour/image", "INTERLACE_MODE", "INTERLACE_PIXEL");
    ck_assert_int_eq(H5Aexists_by_name(file, "/projections/two/image", "CLASS", H5P_DEFAULT), 0);
    H5Fclose(file);
}
END_TEST

START_TEST(format_1_is_checked)
{
    size_t size = 0;
    save_sample();
    make_format_1();
    unsigned char *bytes = support_read(path, &size);
    for (size_t i = 0; i < size; i += i < BLOCK_1 ? 3 : 41) {
        inv_run *run = NULL;
        bytes[i] ^= (unsigned char)(1 << (i % 8));
        support_write(path, bytes, size);
        inv_status status = inv_run_open(path, &run);
        ck_assert_msg(status == INV_EFORMAT && !run, "byte %zu", i);
        bytes[i] ^= (unsigned char)(1 << (i % 8));
    }
    bytes[BLOCK_1 + 99] ^= 8;
    support_write(path, bytes, size);
    assert_refused("damaged, or opened for writing by another program");
    support_write(path, bytes, size - 1);
    assert_refused("damaged");
    support_write(path, bytes, BLOCK_1 - 1);
    assert_refused("damaged: cut short");
    free(bytes);
}
END_TEST

/* ---- sections ---- */

static inv_run_section state_of(const char *at)
{
    inv_run_section section;
    inv_run *run = open_run();
    ck_assert_status(inv_run_check(run, at, &section), INV_OK);
    inv_run_free(run);
    return section;
}

START_TEST(what_another_program_changed_is_told)
{
    float values[68] = {0.5f};
    save_sample();
    hid_t file = open_to_write();
    write_values(file, "/inverse/r2rt/output/kernel", values);
    H5Fclose(file);
    for (int i = 0; i < 2; i++) { /* also after it is sealed again */
        ck_assert_int_eq(state_of("/inverse/r2rt"), INV_RUN_CHANGED);
        ck_assert_int_eq(state_of("/network"), INV_RUN_AS_WRITTEN);
        ck_assert_int_eq(state_of("/projections/r2rt"), INV_RUN_AS_WRITTEN);
        ck_assert_int_eq(state_of("/inverse"), INV_RUN_UNSIGNED);
        ck_assert_int_eq(state_of("/none"), INV_RUN_UNSIGNED);
        save_and_free(open_run());
    }
    inv_run *run = open_run(); /* until it is written anew */
    ck_assert_status(inv_run_put(run, "/inverse/r2rt/output/kernel", INV_FLOAT32, 2,
                                 (size_t[]){17, 4}, values, INV_RUN_PLAIN),
                     INV_OK);
    save_and_free(run);
    ck_assert_int_eq(state_of("/inverse/r2rt"), INV_RUN_AS_WRITTEN);
}
END_TEST

/* Each change to `at` that no value of any array tells. */
static void rename_array(hid_t file)
{
    H5Lmove(file, "/network/output/bias", file, "/network/output/other", H5P_DEFAULT, H5P_DEFAULT);
}

static void remove_array(hid_t file)
{
    H5Ldelete(file, "/network/output/bias", H5P_DEFAULT);
}

static void replace(hid_t file, hid_t type, int rank, const hsize_t *dims)
{
    float values[4];
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t old = H5Dopen2(file, "/network/output/bias", H5P_DEFAULT);
    H5Dread(old, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(old);
    remove_array(file);
    hid_t array = H5Dcreate2(file, "/network/output/bias", type, space, H5P_DEFAULT, H5P_DEFAULT,
                             H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(array);
    H5Sclose(space);
}

static void reshape_array(hid_t file)
{
    replace(file, H5T_IEEE_F32LE, 2, (hsize_t[]){2, 2});
}

static void turn_array(hid_t file)
{
    replace(file, H5T_IEEE_F32BE, 1, (hsize_t[]){4});
}

static void add_array(hid_t file)
{
    hid_t space = H5Screate(H5S_SCALAR);
    H5Dclose(H5Dcreate2(file, "/network/new", H5T_STD_I16LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Sclose(space);
}

/* Not by H5Aopen_by_name, with which HDF5 1.10.8 cannot write. */
static void change_attribute(hid_t file, const char *name, size_t size, const void *value)
{
    hid_t network = H5Gopen2(file, "/network", H5P_DEFAULT);
    hid_t attribute = H5Aopen(network, name, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    if (size == H5T_VARIABLE)
        H5Tset_cset(type, H5T_CSET_UTF8);
    ck_assert_int_ge(H5Awrite(attribute, type, value), 0);
    H5Tclose(type);
    H5Aclose(attribute);
    H5Gclose(network);
}

static void change_layers(hid_t file)
{
    const char *text = "[]";
    change_attribute(file, "layers", H5T_VARIABLE, &text);
}

/* Three texts in place of one: as many pointers as a reader of one has no room for. */
static void repeat_layers(hid_t file)
{
    const char *texts[3] = {"[]", "[]", "[]"};
    hid_t network = H5Gopen2(file, "/network", H5P_DEFAULT);
    hid_t space = H5Screate_simple(1, (hsize_t[]){3}, NULL), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    ck_assert_int_ge(H5Adelete(network, "layers"), 0);
    hid_t attribute = H5Acreate2(network, "layers", type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(attribute, type, texts), 0);
    H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
    H5Gclose(network);
}

static void change_checksum(hid_t file)
{
    static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    change_attribute(file, "sha256", strlen(digest), digest);
}

START_TEST(names_shapes_and_types_count)
{
    static void (*const changes[])(hid_t) = {rename_array,  remove_array,   reshape_array,
                                             turn_array,    add_array,      change_layers,
                                             repeat_layers, change_checksum};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        save_sample();
        hid_t file = open_to_write();
        changes[i](file);
        H5Fclose(file);
        ck_assert_msg(state_of("/network") == INV_RUN_CHANGED, "change %zu", i);
        ck_assert_int_eq(state_of("/inverse/r2rt"), INV_RUN_AS_WRITTEN);
    }
}
END_TEST

/* How it was learned is not part of what it is. */
START_TEST(history_and_state_do_not_count)
{
    const float loss[3] = {9.5f, 9.25f, 9.125f};
    save_sample();
    hid_t file = open_to_write();
    write_values(file, "/inverse/r2rt/history/loss", loss);
    H5Fclose(file);
    ck_assert_int_eq(state_of("/inverse/r2rt"), INV_RUN_AS_WRITTEN);
}
END_TEST

/* Saving as often as one likes makes the file no larger. */
START_TEST(checksums_take_no_more_room_each_time)
{
    float values[68];
    size_t size = 0, later = 0;
    save_sample();
    inv_run *run = open_run();
    for (int i = 0; i < 50; i++) {
        for (int j = 0; j < 68; j++)
            values[j] = (float)(i * j);
        ck_assert_status(inv_run_put(run, "/network/output/kernel", INV_FLOAT32, 2,
                                     (size_t[]){17, 4}, values, INV_RUN_PLAIN),
                         INV_OK);
        ck_assert_status(inv_run_save(run, path), INV_OK);
        free(support_read(path, i == 1 ? &size : &later));
    }
    inv_run_free(run);
    ck_assert_uint_eq(later, size);
}
END_TEST

Suite *seal_suite(void)
{
    Suite *suite = suite_create("seal");
    TCase *tests = tcase_create("seal");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, opened_for_writing_it_is_unsealed);
    tcase_add_test(tests, killed_while_writing_it_is_damaged);
    tcase_add_test(tests, format_1_becomes_format_2);
    tcase_add_test(tests, format_1_is_checked);
    tcase_add_test(tests, what_another_program_changed_is_told);
    tcase_add_test(tests, names_shapes_and_types_count);
    tcase_add_test(tests, history_and_state_do_not_count);
    tcase_add_test(tests, checksums_take_no_more_room_each_time);
    suite_add_tcase(suite, tests);
    return suite;
}
