/* What a file holds as a stream, and a run built of one: the same again, and never more than a
 * stream may say.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_rng.h>
#include <hdf5.h>

#include "format/record.h"
#include "hdf5_text.h"
#include "invproj/run.h"
#include "invproj/stream.h"
#include "small.h"
#include "suites.h"

static char *folder, *path; /* of a run file in it */

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

/* ---- a stream in memory ---- */

typedef struct bytes {
    unsigned char *data;
    size_t size, room, at;
    size_t maximum; /* of what it takes; 0: all */
} bytes;

static inv_status add_bytes(void *context, const void *from, size_t size)
{
    bytes *b = context;
    if (b->maximum > 0 && b->size + size > b->maximum)
        return INV_ERROR(INV_EIO, "full");
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size);
        b->data = realloc(b->data, b->room);
        ck_assert_ptr_nonnull(b->data);
    }
    memcpy(b->data + b->size, from, size);
    b->size += size;
    return INV_OK;
}

static inv_status take_bytes(void *context, void *to, size_t size)
{
    bytes *b = context;
    if (size > b->size - b->at)
        return INV_ERROR(INV_EIO, "no more");
    memcpy(to, b->data + b->at, size);
    b->at += size;
    return INV_OK;
}

/* The run file at `path`, as a stream; the status of sending it. */
static inv_status send_file(bytes *b, uint64_t array_max)
{
    size_t size = 0;
    const inv_sink sink = {add_bytes, b};
    unsigned char *file = support_read(path, &size);
    inv_status status = inv_stream_send(path, file, size, array_max, &sink);
    free(file);
    return status;
}

/* The run of `size` bytes of stream, or why there is none. */
static inv_status build_of(const unsigned char *data, size_t size, inv_stream_purpose purpose,
                           inv_run **run)
{
    bytes b = {.data = (unsigned char *)(uintptr_t)data, .size = size};
    inv_source source = {take_bytes, &b, size, false};
    return inv_run_from_stream(path, purpose, &source, run);
}

static inv_run *through_stream(uint64_t array_max, inv_stream_purpose purpose)
{
    bytes b = {0};
    inv_run *run = NULL;
    ck_assert_status(send_file(&b, array_max), INV_OK);
    ck_assert_status(build_of(b.data, b.size, purpose, &run), INV_OK);
    free(b.data);
    return run;
}

/* ---- files ---- */

static const float values[24] = {0.5f, -2.25f, 1e-42f, INFINITY, NAN, -0.0f, 3.4e38f, 1.0f / 3.0f};

static inv_run *sample(void)
{
    static const char *const names[] = {"t-shirt", "", "caf\xc3\xa9"};
    const size_t cube[3] = {2, 3, 4};
    uint64_t steps[5000];
    inv_run *run = NULL;
    inv_net *net = small_net(SMALL_TWO);
    for (size_t i = 0; i < 5000; i++)
        steps[i] = i * 11400714819323198485u;
    ck_assert_status(inv_run_create(&run), INV_OK);
    ck_assert_status(inv_run_put_net(run, "/network", net), INV_OK);
    ck_assert_status(inv_run_set_texts(run, "/", "class_names", names, 3), INV_OK);
    ck_assert_status(inv_run_set_text(run, "/", "experiment", "seed = 3;\n"), INV_OK);
    ck_assert_status(inv_run_set_real(run, "/network", "accuracy", 0.9375), INV_OK);
    ck_assert_status(inv_run_set_size(run, "/data/deep", "count", UINT64_MAX), INV_OK);
    ck_assert_status(inv_run_append(run, "/history/step", INV_UINT64, 5000, steps), INV_OK);
    ck_assert_status(inv_run_append(run, "/history/none", INV_UINT32, 0, steps), INV_OK);
    ck_assert_status(inv_run_put(run, "/p/image", INV_FLOAT32, 3, cube, values, INV_RUN_IMAGES),
                     INV_OK);
    ck_assert_status(inv_run_put(run, "/p/packed", INV_FLOAT32, 3, cube, values, INV_RUN_PACKED),
                     INV_OK);
    ck_assert_status(inv_run_put(run, "/p/one", INV_FLOAT32, 0, NULL, values, INV_RUN_PLAIN),
                     INV_OK);
    inv_net_free(net);
    return run;
}

static void save_sample(void)
{
    inv_run *run = sample();
    ck_assert_status(inv_run_save(run, path), INV_OK);
    inv_run_free(run);
}

/* The file at `path`, to be changed as any program could. */
static hid_t open_to_write(void)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    return file;
}

static void add_array(hid_t file, const char *at, hid_t type, hid_t space, hid_t properties,
                      hid_t memory, const void *data)
{
    hid_t array = H5Dcreate2(file, at, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    ck_assert_msg(array >= 0, "%s", at);
    if (data)
        ck_assert_int_ge(H5Dwrite(array, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    H5Dclose(array);
    H5Sclose(space);
}

static void add_attribute(hid_t file, const char *name, hid_t type, hid_t space, hid_t memory,
                          const void *data)
{
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_msg(attribute >= 0, "%s", name);
    if (data)
        ck_assert_int_ge(H5Awrite(attribute, memory, data), 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

static hid_t line(hsize_t size)
{
    return H5Screate_simple(1, &size, NULL);
}

/* ---- there and back ---- */

static H5D_layout_t layout_of(const char *file_name, const char *at, hsize_t *maximum)
{
    hid_t file = H5Fopen(file_name, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t array = H5Dopen2(file, at, H5P_DEFAULT), space = H5Dget_space(array);
    hid_t properties = H5Dget_create_plist(array);
    hsize_t sizes[H5S_MAX_RANK] = {0};
    const H5D_layout_t layout = H5Pget_layout(properties);
    H5Sget_simple_extent_dims(space, NULL, sizes);
    *maximum = sizes[0];
    H5Pclose(properties);
    H5Sclose(space);
    H5Dclose(array);
    H5Fclose(file);
    return layout;
}

START_TEST(a_run_comes_back)
{
    static const char *const none[] = {NULL};
    hsize_t maximum = 0;
    save_sample();
    char *before = hdf5_text(path, none), *again = strdup(support_at(folder, "again.h5"));
    inv_run *run = through_stream(UINT64_MAX, INV_STREAM_TO_SAVE);
    ck_assert(inv_run_is_sealed(run));
    ck_assert_ptr_null(inv_run_left_out(run));
    ck_assert_str_eq(inv_run_name(run), path);
    ck_assert_status(inv_run_save(run, again), INV_OK);
    inv_run_free(run);
    char *after = hdf5_text(again, none);
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(layout_of(again, "/p/image", &maximum), H5D_CHUNKED);
    ck_assert_int_eq(layout_of(again, "/p/packed", &maximum), H5D_CHUNKED);
    ck_assert_int_eq(layout_of(again, "/network/hidden1/kernel", &maximum), H5D_CONTIGUOUS);
    ck_assert_int_eq(layout_of(again, "/history/none", &maximum), H5D_CHUNKED);
    ck_assert(maximum == H5S_UNLIMITED);
    free(before);
    free(after);
    free(again);
}
END_TEST

/* What is only to be read is not packed, but the same. */
START_TEST(a_run_to_read_is_not_packed)
{
    hsize_t maximum = 0;
    float image[24];
    uint64_t steps[5000];
    save_sample();
    inv_run *run = through_stream(UINT64_MAX, INV_STREAM_TO_READ);
    ck_assert_status(inv_run_get(run, "/p/image", INV_FLOAT32, 24, image), INV_OK);
    ck_assert_mem_eq(image, values, sizeof image);
    ck_assert_status(inv_run_get(run, "/history/step", INV_UINT64, 5000, steps), INV_OK);
    ck_assert_uint_eq(steps[4999], 4999 * 11400714819323198485u);
    ck_assert_status(inv_run_save(run, path), INV_OK);
    inv_run_free(run);
    ck_assert_int_eq(layout_of(path, "/p/image", &maximum), H5D_CONTIGUOUS);
}
END_TEST

START_TEST(attributes_alone)
{
    double accuracy = 0.0;
    save_sample();
    inv_run *run = through_stream(0, INV_STREAM_TO_READ);
    ck_assert_status(inv_run_real(run, "/network", "accuracy", &accuracy), INV_OK);
    ck_assert_double_eq(accuracy, 0.9375);
    ck_assert(inv_run_has(run, "/network/hidden1"));
    ck_assert(!inv_run_has(run, "/network/hidden1/bias") && !inv_run_has(run, "/p/one"));
    inv_run_free(run);
    run = through_stream(96, INV_STREAM_TO_READ);
    ck_assert(inv_run_has(run, "/p/image") && !inv_run_has(run, "/history/step"));
    inv_run_free(run);
}
END_TEST

START_TEST(it_stays_unsealed)
{
    save_sample();
    H5Fclose(open_to_write());
    inv_run *run = through_stream(UINT64_MAX, INV_STREAM_TO_SAVE);
    ck_assert(!inv_run_is_sealed(run));
    ck_assert_status(inv_run_save(run, path), INV_OK);
    ck_assert(inv_run_is_sealed(run));
    inv_run_free(run);
}
END_TEST

/* ---- what other programs put there ---- */

static hid_t text_of(size_t size, H5T_str_t padding, H5T_cset_t set)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_strpad(type, padding);
    H5Tset_cset(type, set);
    return type;
}

static hid_t half(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

static void add_plain_things(hid_t file)
{
    const hsize_t dims[6] = {2, 1, 3, 2, 1, 2}, none[2] = {0, 5}, chunk[2] = {3, 5};
    const hsize_t grid[2] = {7, 5}, maximum[2] = {H5S_UNLIMITED, 5};
    const int whole[35] = {-1, 2, -30000, 4, 5};
    const char *texts[3] = {"a", NULL, "b c"};
    char fixed[2][5] = {{'a', 'b', 'c', 'd', 'e'}, {'f'}};
    hid_t packed = H5Pcreate(H5P_DATASET_CREATE), any = text_of(H5T_VARIABLE, 0, H5T_CSET_UTF8);
    hid_t padded = text_of(5, H5T_STR_NULLPAD, H5T_CSET_ASCII), small = half();
    H5Pset_chunk(packed, 2, chunk);
    H5Pset_fletcher32(packed);
    H5Pset_deflate(packed, 9);
    add_array(file, "/x16be", H5T_STD_I16BE, H5Screate_simple(6, dims, NULL), H5P_DEFAULT,
              H5T_NATIVE_INT, whole);
    add_array(file, "/half", small, line(8), H5P_DEFAULT, H5T_NATIVE_FLOAT, values);
    add_array(file, "/doubles", H5T_IEEE_F64BE, line(8), H5P_DEFAULT, H5T_NATIVE_FLOAT, values);
    add_array(file, "/empty", H5T_STD_I8LE, H5Screate_simple(2, none, NULL), H5P_DEFAULT, 0, NULL);
    add_array(file, "/nothing", H5T_STD_I8LE, H5Screate(H5S_NULL), H5P_DEFAULT, 0, NULL);
    add_array(file, "/texts", any, line(3), H5P_DEFAULT, any, texts);
    add_array(file, "/fixed", padded, line(2), H5P_DEFAULT, padded, fixed);
    add_array(file, "/packed", H5T_STD_I64LE, H5Screate_simple(2, grid, maximum), packed,
              H5T_NATIVE_INT, whole);
    add_attribute(file, "whole", H5T_STD_I32BE, H5Screate_simple(6, dims, NULL), H5T_NATIVE_INT,
                  whole);
    add_attribute(file, "fixed", padded, line(2), padded, fixed);
    add_attribute(file, "nothing", H5T_IEEE_F32LE, H5Screate(H5S_NULL), 0, NULL);
    H5Tclose(small);
    H5Tclose(padded);
    H5Tclose(any);
    H5Pclose(packed);
}

/* Reads as HDF5 does from the file itself. */
static void assert_same_ints(hid_t file, const char *at, int rank, const int *want, size_t count)
{
    int got[35] = {0};
    hid_t array = H5Dopen2(file, at, H5P_DEFAULT), space = H5Dget_space(array);
    ck_assert_int_eq(H5Sget_simple_extent_ndims(space), rank);
    ck_assert_int_eq(H5Sget_simple_extent_npoints(space), (hssize_t)count);
    ck_assert_int_ge(H5Dread(array, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, got), 0);
    ck_assert_mem_eq(got, want, count * sizeof *want);
    H5Sclose(space);
    H5Dclose(array);
}

static void assert_type(hid_t file, const char *at, hid_t want)
{
    hid_t array = H5Dopen2(file, at, H5P_DEFAULT), type = H5Dget_type(array);
    ck_assert_msg(H5Tequal(type, want) > 0, "%s", at);
    H5Tclose(type);
    H5Dclose(array);
}

START_TEST(plain_things_of_others_stay)
{
    static const int whole[35] = {-1, 2, -30000, 4, 5};
    float got[8];
    char *texts[3], fixed[2][5];
    save_sample();
    hid_t file = open_to_write();
    add_plain_things(file);
    H5Fclose(file);
    inv_run *run = through_stream(UINT64_MAX, INV_STREAM_TO_SAVE);
    ck_assert_msg(!inv_run_left_out(run), "%s", inv_run_left_out(run));
    ck_assert_status(inv_run_save(run, path), INV_OK);
    inv_run_free(run);
    file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_same_ints(file, "/x16be", 6, whole, 24);
    assert_type(file, "/x16be", H5T_STD_I16LE);
    assert_same_ints(file, "/packed", 2, whole, 35);
    assert_same_ints(file, "/empty", 2, whole, 0);
    assert_type(file, "/doubles", H5T_IEEE_F64LE);
    hid_t array = H5Dopen2(file, "/half", H5P_DEFAULT), small = half();
    assert_type(file, "/half", small);
    ck_assert_int_ge(H5Dread(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, got), 0);
    ck_assert(got[0] == 0.5f && got[1] == -2.25f && isinf(got[3]) && isnan(got[4]));
    H5Dclose(array);
    array = H5Dopen2(file, "/texts", H5P_DEFAULT);
    hid_t any = H5Dget_type(array);
    ck_assert_int_ge(H5Dread(array, any, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts), 0);
    ck_assert_str_eq(texts[0], "a");
    ck_assert_str_eq(texts[1], "");
    ck_assert_str_eq(texts[2], "b c");
    for (int i = 0; i < 3; i++)
        H5free_memory(texts[i]);
    H5Dclose(array);
    hid_t attribute = H5Aopen(file, "fixed", H5P_DEFAULT), padded = H5Aget_type(attribute);
    ck_assert_int_eq(H5Tget_strpad(padded), H5T_STR_NULLPAD);
    ck_assert_int_ge(H5Aread(attribute, padded, fixed), 0);
    ck_assert_mem_eq(fixed, "abcdef\0\0\0\0", 10);
    H5Aclose(attribute);
    H5Tclose(padded);
    H5Tclose(any);
    H5Tclose(small);
    H5Fclose(file);
}
END_TEST

/* ---- what is left out ---- */

typedef void adding(hid_t file);

static void add_compound(hid_t file)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(type, "a", 0, H5T_NATIVE_INT);
    H5Tinsert(type, "b", 4, H5T_NATIVE_FLOAT);
    add_array(file, "/p/table", type, line(3), H5P_DEFAULT, 0, NULL);
    H5Tclose(type);
}

static void add_flag(hid_t file)
{
    hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
    const int8_t no = 0, yes = 1;
    H5Tenum_insert(type, "FALSE", &no);
    H5Tenum_insert(type, "TRUE", &yes);
    add_attribute(file, "flag", type, H5Screate(H5S_SCALAR), type, &yes);
    H5Tclose(type);
}

static void add_reference(hid_t file)
{
    add_array(file, "/refers", H5T_STD_REF_OBJ, line(2), H5P_DEFAULT, 0, NULL);
}

static void add_odd_integer(hid_t file)
{
    hid_t type = H5Tcopy(H5T_STD_I32LE);
    H5Tset_size(type, 3);
    add_array(file, "/three", type, line(2), H5P_DEFAULT, 0, NULL);
    H5Tclose(type);
}

static void add_long_double(hid_t file)
{
    add_array(file, "/long", H5T_NATIVE_LDOUBLE, line(2), H5P_DEFAULT, 0, NULL);
}

static void add_lists(hid_t file)
{
    hid_t type = H5Tvlen_create(H5T_NATIVE_INT);
    add_array(file, "/lists", type, line(2), H5P_DEFAULT, 0, NULL);
    H5Tclose(type);
}

static void add_type(hid_t file)
{
    hid_t type = H5Tcopy(H5T_NATIVE_INT);
    H5Tcommit2(file, "/kind", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(type);
}

static void add_soft_link(hid_t file)
{
    H5Lcreate_soft("/network", file, "/soft", H5P_DEFAULT, H5P_DEFAULT);
}

static void add_outer_link(hid_t file)
{
    H5Lcreate_external("/etc/passwd", "/a", file, "/p/outer", H5P_DEFAULT, H5P_DEFAULT);
}

static void add_second_name(hid_t file)
{
    H5Lcreate_hard(file, "/history/step", file, "/second", H5P_DEFAULT, H5P_DEFAULT);
}

static void add_circle(hid_t file)
{
    H5Lcreate_hard(file, "/", file, "/network/again", H5P_DEFAULT, H5P_DEFAULT);
}

static void add_virtual(hid_t file)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = line(7);
    H5Pset_virtual(properties, space, "/etc/passwd", "/a", space);
    add_array(file, "/virtual", H5T_IEEE_F32LE, space, properties, 0, NULL);
    H5Pclose(properties);
}

static void add_external(hid_t file)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(properties, "/etc/passwd", 0, 28);
    add_array(file, "/external", H5T_IEEE_F32LE, line(7), properties, 0, NULL);
    H5Pclose(properties);
}

static const struct {
    adding *add;
    const char *told;
} others[] = {{add_compound, "/p/table (compound values)"},
              {add_flag, "/ @flag (an enumeration)"},
              {add_reference, "/refers (references)"},
              {add_odd_integer, "/three (integers of odd width)"},
              {add_long_double, "/long (floats of another kind)"},
              {add_lists, "/lists (values of another type)"},
              {add_type, "/kind (a type)"},
              {add_soft_link, "/soft (a link)"},
              {add_outer_link, "/p/outer (a link)"},
              {add_second_name, "/second (another name of what is there)"},
              {add_circle, "/network/again (another name of what is there)"},
              {add_virtual, "/virtual (values in another file)"},
              {add_external, "/external (values in another file)"}};
enum { OTHERS = sizeof others / sizeof *others };

START_TEST(what_cannot_be_said_is_told)
{
    static const char *const none[] = {NULL};
    save_sample();
    char *before = hdf5_text(path, none);
    hid_t file = open_to_write();
    others[_i].add(file);
    H5Fclose(file);
    inv_run *run = through_stream(UINT64_MAX, INV_STREAM_TO_SAVE);
    ck_assert_ptr_nonnull(inv_run_left_out(run));
    ck_assert_str_eq(inv_run_left_out(run), others[_i].told);
    ck_assert_status(inv_run_save(run, path), INV_OK);
    inv_run_free(run);
    char *after = hdf5_text(path, none);
    ck_assert_str_eq(before, after); /* all the rest is there */
    free(before);
    free(after);
}
END_TEST

START_TEST(many_left_out_are_one_line)
{
    save_sample();
    hid_t file = open_to_write();
    add_soft_link(file);
    add_outer_link(file);
    add_flag(file);
    H5Fclose(file);
    inv_run *run = through_stream(UINT64_MAX, INV_STREAM_TO_SAVE);
    ck_assert_str_eq(inv_run_left_out(run), "/ @flag (an enumeration) and 2 more");
    inv_run_free(run);
}
END_TEST

/* Of an attribute of numbers, HDF5's earliest layout takes no more than 64 KiB. */
START_TEST(an_attribute_too_large_is_left_out)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    double *many = calloc(10000, sizeof *many);
    save_sample();
    H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    hid_t group = H5Gcreate2(file, "/new", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    add_attribute(group, "large", H5T_IEEE_F64LE, line(10000), H5T_NATIVE_DOUBLE, many);
    add_attribute(group, "small", H5T_IEEE_F64LE, line(8000), H5T_NATIVE_DOUBLE, many);
    H5Gclose(group);
    H5Fclose(file);
    H5Pclose(access);
    free(many);
    inv_run *run = through_stream(UINT64_MAX, INV_STREAM_TO_SAVE);
    ck_assert_str_eq(inv_run_left_out(run), "/new @large (too large an attribute)");
    ck_assert(inv_run_has_attribute(run, "/new", "small"));
    ck_assert_status(inv_run_save(run, path), INV_OK);
    inv_run_free(run);
}
END_TEST

/* ---- files that are refused ---- */

/* Sending the file at `path` fails, with the path, and the stream so far ends in that failure. */
static void assert_not_sent(const char *why)
{
    bytes b = {0};
    const inv_sink sink = {add_bytes, &b};
    inv_run *run = (inv_run *)folder;
    char told[INV_MESSAGE_MAX];
    inv_status status = send_file(&b, UINT64_MAX);
    ck_assert_msg(status == INV_EFORMAT, "%s", inv_status_name(status));
    ck_assert_message_has(path);
    ck_assert_message_has(why);
    snprintf(told, sizeof told, "%s", inv_error_message());
    ck_assert_status(inv_stream_fail(&sink, status, told), INV_OK);
    ck_assert_status(build_of(b.data, b.size, INV_STREAM_TO_SAVE, &run), INV_EFORMAT);
    ck_assert_ptr_null(run);
    ck_assert_str_eq(inv_error_message(), told);
    free(b.data);
}

static void chunked(hid_t file, const char *at, hid_t space, hsize_t chunk)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, 1, &chunk);
    add_array(file, at, H5T_IEEE_F32LE, space, properties, 0, NULL);
    H5Pclose(properties);
}

static void add_huge(hid_t file)
{
    chunked(file, "/huge", line((hsize_t)1 << 40), 5);
}

static void add_large(hid_t file)
{
    chunked(file, "/p/large", line((hsize_t)1 << 27), 5);
}

static void add_large_chunk(hid_t file)
{
    const hsize_t five = 5, maximum = H5S_UNLIMITED;
    chunked(file, "/chunk", H5Screate_simple(1, &five, &maximum), (hsize_t)1 << 28);
}

static void add_overflow(hid_t file)
{
    const hsize_t dims[3] = {(hsize_t)1 << 31, (hsize_t)1 << 31, 5}, chunk[3] = {1, 1, 1};
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, 3, chunk);
    add_array(file, "/overflow", H5T_IEEE_F32LE, H5Screate_simple(3, dims, NULL), properties, 0,
              NULL);
    H5Pclose(properties);
}

static void add_deep_groups(hid_t file)
{
    char at[2000] = "";
    for (size_t used = 0; used < 1200; used += 100) {
        memset(at + used, 'g', 100);
        at[used] = '/';
        H5Gclose(H5Gcreate2(file, at, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    }
}

static const struct {
    adding *add;
    const char *told;
} liars[] = {{add_huge, "damaged: HDF5 cannot read all of it: /huge"},
             {add_large, "damaged: HDF5 cannot read all of it: /p/large"},
             {add_large_chunk, "damaged: HDF5 cannot read all of it: /chunk"},
             {add_overflow, "damaged: HDF5 cannot read all of it: /overflow"},
             {add_deep_groups, "damaged: HDF5 cannot read all of it: /ggg"}};
enum { LIARS = sizeof liars / sizeof *liars };

START_TEST(sizes_beyond_the_file_are_refused)
{
    save_sample();
    hid_t file = open_to_write();
    liars[_i].add(file);
    H5Fclose(file);
    assert_not_sent(liars[_i].told);
}
END_TEST

/* Zeros may be packed a thousandfold. */
START_TEST(what_packs_well_is_read)
{
    enum { MANY = 4000000 };
    float *zeros = calloc(MANY, sizeof *zeros), *got = calloc(MANY, sizeof *got);
    const size_t many = MANY;
    inv_run *run = sample();
    zeros[MANY - 1] = 0.5f;
    ck_assert_status(inv_run_put(run, "/zeros", INV_FLOAT32, 1, &many, zeros, INV_RUN_PACKED),
                     INV_OK);
    ck_assert_status(inv_run_save(run, path), INV_OK);
    inv_run_free(run);
    run = through_stream(UINT64_MAX, INV_STREAM_TO_SAVE);
    ck_assert_status(inv_run_get(run, "/zeros", INV_FLOAT32, MANY, got), INV_OK);
    ck_assert_mem_eq(got, zeros, MANY * sizeof *got);
    inv_run_free(run);
    free(zeros);
    free(got);
}
END_TEST

START_TEST(other_files_are_refused)
{
    size_t size = 0;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    inv_run *run = NULL;
    bytes b = {0};
    H5Fclose(file);
    ck_assert_status(send_file(&b, UINT64_MAX), INV_OK); /* any HDF5 file can be said */
    ck_assert_status(build_of(b.data, b.size, INV_STREAM_TO_SAVE, &run), INV_EFORMAT);
    ck_assert_message_has("not an invproj run file");
    free(b.data);
    support_write(path, "no HDF5 at all", 14);
    assert_not_sent("not an invproj run file");
    save_sample();
    unsigned char *all = support_read(path, &size);
    all[size / 2] ^= 4;
    support_write(path, all, size);
    assert_not_sent("damaged");
    free(all);
}
END_TEST

START_TEST(a_sink_that_fails_ends_it)
{
    bytes whole = {0};
    save_sample();
    ck_assert_status(send_file(&whole, UINT64_MAX), INV_OK);
    for (size_t maximum = 1; maximum < whole.size; maximum += maximum < 300 ? 7 : 2111) {
        bytes b = {.maximum = maximum};
        ck_assert_status(send_file(&b, UINT64_MAX), INV_EIO);
        ck_assert_str_eq(inv_error_message(), "full");
        free(b.data);
    }
    free(whole.data);
}
END_TEST

/* ---- streams that are cut, or changed ---- */

START_TEST(no_part_of_a_stream_is_taken)
{
    bytes b = {0};
    save_sample();
    ck_assert_status(send_file(&b, UINT64_MAX), INV_OK);
    for (size_t cut = 0; cut < b.size; cut += cut < 3000 || b.size - cut < 400 ? 1 : 509) {
        inv_run *run = (inv_run *)folder;
        bytes part = {.data = b.data, .size = cut};
        inv_source source = {take_bytes, &part, b.size, false};
        ck_assert_status(inv_run_from_stream(path, INV_STREAM_TO_SAVE, &source, &run), INV_EIO);
        ck_assert_ptr_null(run);
        ck_assert(!source.is_at_end);
        ck_assert_status(build_of(b.data, cut, INV_STREAM_TO_SAVE, &run), INV_EFORMAT);
        ck_assert_message_has(path);
    }
    free(b.data);
}
END_TEST

static void save_if_built(inv_status status, inv_run *run)
{
    ck_assert_msg(status == INV_OK || status == INV_EFORMAT || status == INV_ENOMEM ||
                      status == INV_EIO,
                  "%s: %s", inv_status_name(status), inv_error_message());
    ck_assert_int_eq(status == INV_OK, run != NULL);
    if (status == INV_OK)
        (void)!inv_run_save(run, support_at(folder, "changed.h5"));
    inv_run_free(run);
}

START_TEST(changed_bytes_do_no_harm)
{
    bytes b = {0};
    unsigned built = 0;
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, 13);
    save_sample();
    hid_t file = open_to_write();
    add_plain_things(file);
    H5Fclose(file);
    ck_assert_status(send_file(&b, 4000), INV_OK); /* small, so that most of it is structure */
    unsigned char *changed = malloc(b.size);
    for (int i = 0; i < 3000; i++) {
        inv_run *run = NULL;
        memcpy(changed, b.data, b.size);
        for (unsigned long n = 1 + gsl_rng_uniform_int(rng, 3); n > 0; n--)
            changed[gsl_rng_uniform_int(rng, b.size)] =
                (unsigned char)gsl_rng_uniform_int(rng, 256);
        inv_status status = build_of(changed, b.size, (inv_stream_purpose)(i % 2), &run);
        built += status == INV_OK;
        save_if_built(status, run);
    }
    ck_assert_uint_gt(built, 100);
    ck_assert_uint_lt(built, 2900);
    gsl_rng_free(rng);
    free(changed);
    free(b.data);
}
END_TEST

/* ---- what a stream must not say ---- */

static void say(bytes *b, const inv_record *record)
{
    const inv_sink sink = {add_bytes, b};
    ck_assert_status(inv_record_put(&sink, record), INV_OK);
}

static void say_kind(bytes *b, inv_record_kind kind, const char *text)
{
    inv_record r = {.kind = kind, .status = 1};
    snprintf(r.text, sizeof r.text, "%s", text);
    say(b, &r);
}

static void say_text(bytes *b, const char *text, size_t length)
{
    const inv_sink sink = {add_bytes, b};
    ck_assert_status(inv_record_put_text(&sink, text, length), INV_OK);
}

/* An array or attribute of floats in the head's sizes. */
static void say_floats(bytes *b, inv_record_kind kind, const char *text, inv_value_head head,
                       uint64_t size)
{
    inv_record r = {.kind = kind, .head = head, .bytes = size};
    if (r.head.kind == 0) {
        r.head.kind = INV_VALUE_FLOAT;
        r.head.size = 4;
    }
    snprintf(r.text, sizeof r.text, "%s", text);
    say(b, &r);
}

static void say_block(bytes *b, uint64_t size)
{
    say(b, &(inv_record){.kind = INV_RECORD_BLOCK, .bytes = size});
}

static void say_bytes(bytes *b, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ck_assert_status(add_bytes(b, "\0", 1), INV_OK);
}

typedef void saying(bytes *b);

static void end_only(bytes *b)
{
    say_kind(b, INV_RECORD_END, "");
}

static void two_starts(bytes *b)
{
    say_kind(b, INV_RECORD_START, "");
}

static void unknown_kind(bytes *b)
{
    ck_assert_status(add_bytes(b, "Z", 1), INV_OK);
}

static void zero_kind(bytes *b)
{
    say_bytes(b, 1);
}

static void no_root_in_path(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "a");
}

static void empty_step(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a//b");
}

static void trailing_slash(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a/");
}

static void step_up(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a/../b");
}

static void step_nowhere(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/.");
}

static void orphan(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a/b");
}

static void twice(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a");
    say_kind(b, INV_RECORD_GROUP, "/a");
}

static void array_at_root(bytes *b)
{
    say_floats(b, INV_RECORD_ARRAY, "/", (inv_value_head){.rank = INV_RECORD_NULL}, 0);
}

static void group_in_array(bytes *b)
{
    say_floats(b, INV_RECORD_ARRAY, "/a", (inv_value_head){.rank = INV_RECORD_NULL}, 0);
    say_kind(b, INV_RECORD_GROUP, "/a/b");
}

static void attribute_of_nothing(bytes *b)
{
    say_floats(b, INV_RECORD_ATTRIBUTE, "a", (inv_value_head){.rank = 0}, 4);
    say_bytes(b, 4);
}

static void attribute_twice(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a");
    for (int i = 0; i < 2; i++) {
        say_floats(b, INV_RECORD_ATTRIBUTE, "a", (inv_value_head){.rank = 0}, 4);
        say_bytes(b, 4);
    }
}

static void attribute_without_name(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a");
    say_floats(b, INV_RECORD_ATTRIBUTE, "", (inv_value_head){.rank = 0}, 4);
    say_bytes(b, 4);
}

static void attribute_of_other_size(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a");
    say_floats(b, INV_RECORD_ATTRIBUTE, "a", (inv_value_head){.rank = 1, .dims = {3}}, 8);
    say_bytes(b, 100);
}

static void texts_of_other_size(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a");
    say_floats(b, INV_RECORD_ATTRIBUTE, "a", (inv_value_head){.kind = INV_VALUE_TEXTS, .rank = 0},
               9);
    say_text(b, "four", 4);
    say_bytes(b, 100);
}

static void text_with_nul(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a");
    say_floats(b, INV_RECORD_ATTRIBUTE, "a", (inv_value_head){.kind = INV_VALUE_TEXTS, .rank = 0},
               8);
    say_text(b, "fo\0r", 4);
}

static void text_without_end(bytes *b)
{
    static const unsigned char length[4] = {0xff, 0xff, 0xff, 0x7f};
    say_kind(b, INV_RECORD_GROUP, "/a");
    say_floats(b, INV_RECORD_ATTRIBUTE, "a", (inv_value_head){.kind = INV_VALUE_TEXTS, .rank = 0},
               8);
    ck_assert_status(add_bytes(b, length, sizeof length), INV_OK);
    say_bytes(b, 8);
}

static void sizes_overflow(bytes *b)
{
    const inv_value_head head = {.rank = 3, .dims = {(uint64_t)1 << 32, (uint64_t)1 << 32, 1}};
    say_floats(b, INV_RECORD_ARRAY, "/a", head, 0);
}

static void sizes_overflow_beside_zero(bytes *b)
{
    const inv_value_head head = {.rank = 3, .dims = {(uint64_t)1 << 40, 0, (uint64_t)1 << 40}};
    say_floats(b, INV_RECORD_ARRAY, "/a", head, 0);
}

static void bytes_overflow(bytes *b)
{
    const inv_value_head head = {.rank = 1, .dims = {((uint64_t)1 << 62) + 1}};
    say_floats(b, INV_RECORD_ARRAY, "/a", head, 0);
}

static void more_than_can_come(bytes *b)
{
    say_floats(b, INV_RECORD_ARRAY, "/a", (inv_value_head){.rank = 1, .dims = {1000000}}, 0);
}

static void unknown_type(bytes *b)
{
    say_floats(b, INV_RECORD_ARRAY, "/a", (inv_value_head){.kind = 'x', .size = 4}, 0);
}

static void floats_of_three_bytes(bytes *b)
{
    say_floats(b, INV_RECORD_ARRAY, "/a", (inv_value_head){.kind = 'f', .size = 3}, 0);
}

static void texts_of_no_bytes(bytes *b)
{
    say_floats(b, INV_RECORD_ARRAY, "/a", (inv_value_head){.kind = 's', .size = 0}, 0);
}

static void too_many_dimensions(bytes *b)
{
    inv_value_head head = {.rank = 32};
    for (int i = 0; i < 32; i++)
        head.dims[i] = 1;
    head.rank = 33; /* one that is not there, but is read as if it were */
    inv_record r = {.kind = INV_RECORD_ARRAY, .text = "/a"};
    r.head = head;
    r.head.kind = 'f';
    r.head.size = 4;
    r.head.rank = 0;
    say(b, &r);
    b->data[b->size - 1] = 33;
    say_bytes(b, 300);
}

static void growing_of_rank_2(bytes *b)
{
    inv_record r = {.kind = INV_RECORD_ARRAY, .text = "/a", .storage = INV_RECORD_GROWING};
    r.head = (inv_value_head){.kind = 'f', .size = 4, .rank = 2, .dims = {1, 1}};
    say(b, &r);
    say_bytes(b, 100);
}

static void unknown_storage(bytes *b)
{
    inv_record r = {.kind = INV_RECORD_ARRAY, .text = "/a", .storage = 4};
    r.head = (inv_value_head){.kind = 'f', .size = 4, .rank = 1, .dims = {1}};
    say(b, &r);
    say_bytes(b, 100);
}

static void two_floats(bytes *b)
{
    say_floats(b, INV_RECORD_ARRAY, "/a", (inv_value_head){.rank = 1, .dims = {2}}, 0);
}

static void block_too_large(bytes *b)
{
    two_floats(b);
    say_block(b, 12);
    say_bytes(b, 100);
}

static void block_of_part_of_a_row(bytes *b)
{
    two_floats(b);
    say_block(b, 6);
    say_bytes(b, 100);
}

static void block_of_nothing(bytes *b)
{
    two_floats(b);
    say_block(b, 0);
    say_bytes(b, 100);
}

static void array_without_end(bytes *b)
{
    two_floats(b);
    say_block(b, 4);
    say_bytes(b, 4);
    say_kind(b, INV_RECORD_END, "");
    say_bytes(b, 100);
}

static void block_of_no_array(bytes *b)
{
    say_kind(b, INV_RECORD_GROUP, "/a");
    say_block(b, 4);
    say_bytes(b, 4);
}

static void name_without_end(bytes *b)
{
    static const unsigned char group[5] = {'G', 0, 4, 0, 0};
    ck_assert_status(add_bytes(b, group, sizeof group), INV_OK);
    say_bytes(b, 2000);
}

static void name_with_nul(bytes *b)
{
    ck_assert_status(add_bytes(b, "G\3\0\0\0/\0a", 8), INV_OK);
}

static void too_many_groups(bytes *b)
{
    char name[32];
    for (int i = 0; i < 70000; i++) {
        snprintf(name, sizeof name, "/%d", i);
        say_kind(b, INV_RECORD_GROUP, name);
    }
}

static void too_many_attributes(bytes *b)
{
    char name[32];
    say_kind(b, INV_RECORD_GROUP, "/a");
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "%d", i);
        say_floats(b, INV_RECORD_ATTRIBUTE, name, (inv_value_head){.rank = 0}, 4);
        say_bytes(b, 4);
    }
}

static void another_failure(bytes *b)
{
    inv_record r = {.kind = INV_RECORD_FAILED, .status = 77, .text = "no name\x1b[2J"};
    say(b, &r);
}

static const struct {
    saying *say;
    const char *told;
} nonsense[] = {{end_only, "not an invproj run file"},
                {two_starts, "a record that must not stand there"},
                {unknown_kind, "a record of no known kind"},
                {zero_kind, "a record of no known kind"},
                {no_root_in_path, "no path"},
                {empty_step, "no path"},
                {trailing_slash, "no path"},
                {step_up, "no path"},
                {step_nowhere, "no path"},
                {orphan, "no group can be there"},
                {twice, "no group can be there"},
                {array_at_root, "no array can be there"},
                {group_in_array, "no group can be there"},
                {attribute_of_nothing, "an attribute of nothing"},
                {attribute_twice, "an attribute that cannot be there"},
                {attribute_without_name, "an attribute that cannot be there"},
                {attribute_of_other_size, "an attribute of another size than its values"},
                {texts_of_other_size, "texts of another length"},
                {text_with_nul, "a text with a NUL in it"},
                {text_without_end, "a text that is too long"},
                {sizes_overflow, "more values than there can be"},
                {sizes_overflow_beside_zero, "more values than there can be"},
                {bytes_overflow, "more values than there can be"},
                {more_than_can_come, "more values than there can be"},
                {unknown_type, "values of no known type"},
                {floats_of_three_bytes, "values of no known type"},
                {texts_of_no_bytes, "values of no known type"},
                {too_many_dimensions, "too many dimensions"},
                {growing_of_rank_2, "an array of no known storage"},
                {unknown_storage, "an array of no known storage"},
                {block_too_large, "a block of another size than its array"},
                {block_of_part_of_a_row, "a block that is not of rows"},
                {block_of_nothing, "a block of another size than its array"},
                {array_without_end, "an array that has no end"},
                {block_of_no_array, "a record that must not stand there"},
                {name_without_end, "a name that is too long"},
                {name_with_nul, "a name with a NUL in it"},
                {too_many_groups, "more groups and arrays than are read"},
                {too_many_attributes, "more attributes than are read"},
                {another_failure, ": no name?[2J"}};
enum { NONSENSE = sizeof nonsense / sizeof *nonsense };

START_TEST(nonsense_is_refused)
{
    bytes b = {0};
    inv_run *run = (inv_run *)folder;
    say_kind(&b, INV_RECORD_START, "");
    nonsense[_i].say(&b);
    if (nonsense[_i].say != end_only)
        say_kind(&b, INV_RECORD_END, "");
    ck_assert_status(build_of(b.data, b.size, INV_STREAM_TO_SAVE, &run), INV_EFORMAT);
    ck_assert_ptr_null(run);
    ck_assert_message_has(path);
    ck_assert_message_has(nonsense[_i].told);
    free(b.data);
}
END_TEST

START_TEST(it_begins_with_a_start)
{
    static const char *const starts[] = {"", "E", "G\1\0\0\0/", "S\2\1", "S\1\2", "\0", "S"};
    static const size_t sizes[] = {0, 1, 6, 3, 3, 1, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        inv_run *run = (inv_run *)folder;
        inv_status status =
            build_of((const unsigned char *)starts[i], sizes[i], INV_STREAM_TO_READ, &run);
        ck_assert_msg(status == INV_EFORMAT, "%zu: %s", i, inv_status_name(status));
        ck_assert_ptr_null(run);
        ck_assert_message_has(path);
    }
}
END_TEST

/* The longest stream that is taken grows with the file, and does not wrap around. */
START_TEST(lengths_have_a_limit)
{
    ck_assert(inv_stream_max(0) == (uint64_t)1 << 30);
    ck_assert(inv_stream_max(100) == ((uint64_t)1 << 30) + 400);
    ck_assert(inv_stream_max(UINT64_MAX / 2) == UINT64_MAX);
    ck_assert(inv_stream_max(UINT64_MAX / 4) == UINT64_MAX);
}
END_TEST

Suite *stream_suite(void)
{
    Suite *suite = suite_create("stream");
    TCase *tests = tcase_create("stream");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_run_comes_back);
    tcase_add_test(tests, a_run_to_read_is_not_packed);
    tcase_add_test(tests, attributes_alone);
    tcase_add_test(tests, it_stays_unsealed);
    tcase_add_test(tests, plain_things_of_others_stay);
    tcase_add_loop_test(tests, what_cannot_be_said_is_told, 0, OTHERS);
    tcase_add_test(tests, many_left_out_are_one_line);
    tcase_add_test(tests, an_attribute_too_large_is_left_out);
    tcase_add_loop_test(tests, sizes_beyond_the_file_are_refused, 0, LIARS);
    tcase_add_test(tests, what_packs_well_is_read);
    tcase_add_test(tests, other_files_are_refused);
    tcase_add_test(tests, a_sink_that_fails_ends_it);
    tcase_add_test(tests, no_part_of_a_stream_is_taken);
    tcase_add_test(tests, changed_bytes_do_no_harm);
    tcase_add_loop_test(tests, nonsense_is_refused, 0, NONSENSE);
    tcase_add_test(tests, it_begins_with_a_start);
    tcase_add_test(tests, lengths_have_a_limit);
    suite_add_tcase(suite, tests);
    return suite;
}
