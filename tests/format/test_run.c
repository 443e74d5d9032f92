/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <hdf5.h>

#include "invproj/inverse.h"
#include "invproj/rng.h"
#include "invproj/run.h"
#include "small.h"
#include "suites.h"

#define PYTHON "/usr/bin/python3" /* the one that Debian's python3-h5py serves */

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

static inv_run *create(void)
{
    inv_run *run = NULL;
    ck_assert_status(inv_run_create(&run), INV_OK);
    return run;
}

static inv_run *open_run(void)
{
    inv_run *run = NULL;
    ck_assert_status(inv_run_open(path, &run), INV_OK);
    return run;
}

static void save(inv_run *run)
{
    ck_assert_status(inv_run_save(run, path), INV_OK);
}

static void put(inv_run *run, const char *at, inv_type type, size_t count, const void *values)
{
    ck_assert_status(inv_run_put(run, at, type, 1, &count, values, INV_RUN_PLAIN), INV_OK);
}

/* That the run at `path` is refused, with the path and `why`. */
static void assert_refused(const char *why)
{
    inv_run *run = (inv_run *)folder;
    ck_assert_status(inv_run_open(path, &run), INV_EFORMAT);
    ck_assert_ptr_null(run);
    ck_assert_message_has(path);
    ck_assert_message_has(why);
}

/* ---- files that other programs could have made ---- */

static void write_sealed(const unsigned char *image, size_t size)
{
    unsigned char *bytes = malloc(size + SUPPORT_SEAL);
    memcpy(bytes, image, size);
    support_seal(image, size, (char *)bytes + size);
    support_write(path, bytes, size + SUPPORT_SEAL);
    free(bytes);
}

/* A plain HDF5 file in memory, from `image` unless NULL. */
static hid_t memory_file(void *image, size_t size)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    ck_assert_int_ge(H5Pset_fapl_core(access, 65536, 0), 0);
    if (image)
        ck_assert_int_ge(H5Pset_file_image(access, image, size), 0);
    hid_t file = image ? H5Fopen("/dev/null/test", H5F_ACC_RDWR, access)
                       : H5Fcreate("/dev/null/test", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    ck_assert_int_ge(file, 0);
    return file;
}

/* Writes what `file` holds to `path` with a right seal, and closes it. */
static void seal(hid_t file)
{
    ck_assert_int_ge(H5Fflush(file, H5F_SCOPE_GLOBAL), 0);
    const ssize_t size = H5Fget_file_image(file, NULL, 0);
    ck_assert_int_gt(size, 0);
    unsigned char *image = malloc((size_t)size);
    ck_assert_int_eq(H5Fget_file_image(file, image, (size_t)size), size);
    write_sealed(image, (size_t)size);
    free(image);
    H5Fclose(file);
}

/* The HDF5 part of the run at `path`, to be changed as any program could, then given to seal. */
static hid_t unseal(void)
{
    size_t size = 0;
    unsigned char *bytes = support_read(path, &size);
    hid_t file = memory_file(bytes, size - SUPPORT_SEAL);
    free(bytes);
    return file;
}

/* An array in such a file; `properties` may be H5P_DEFAULT. */
static void add_array(hid_t file, const char *at, hid_t type, int rank, const hsize_t *dims,
                      hid_t properties, hid_t memory_type, const void *values)
{
    hid_t space = H5Screate_simple(rank, dims, NULL), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t array = H5Dcreate2(file, at, type, space, links, properties, H5P_DEFAULT);
    ck_assert_int_ge(array, 0);
    if (values)
        ck_assert_int_ge(H5Dwrite(array, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(array);
    H5Pclose(links);
    H5Sclose(space);
}

/* ---- arrays ---- */

enum { VALUES = 60 };

/* Values of every type, extreme ones first. */
typedef struct samples {
    float f32[VALUES];
    double f64[VALUES];
    uint8_t u8[VALUES];
    uint32_t u32[VALUES];
    uint64_t u64[VALUES];
} samples;

static const inv_type types[] = {INV_FLOAT32, INV_FLOAT64, INV_UINT8, INV_UINT32, INV_UINT64};

static samples make_samples(void)
{
    samples s = {.f32 = {FLT_MAX, -FLT_MIN, -0.0f, INFINITY, 1e-42f},
                 .f64 = {DBL_MAX, -DBL_MIN, -0.0, -INFINITY, 5e-324},
                 .u8 = {255, 0, 128},
                 .u32 = {UINT32_MAX, 0, 1u << 31},
                 .u64 = {UINT64_MAX, 0, (uint64_t)1 << 63}};
    for (int i = 5; i < VALUES; i++) {
        s.f32[i] = (float)sin(1.7 * i) * 37.0f;
        s.f64[i] = cos(2.3 * i) * 1e100;
        s.u8[i] = (uint8_t)(i * 37 + 11);
        s.u32[i] = (uint32_t)i * 2654435761u;
        s.u64[i] = (uint64_t)i * 11400714819323198485u;
    }
    return s;
}

static void *samples_of(samples *s, inv_type type)
{
    void *const all[] = {s->f32, s->f64, s->u8, s->u32, s->u64};
    return all[type];
}

static void assert_array(const inv_run *run, const char *at, inv_type type, size_t rank,
                         const size_t *dims, const void *want)
{
    size_t got_rank = 99, got_dims[INV_RUN_RANK_MAX], count = 1;
    unsigned char got[VALUES * 8];
    ck_assert_status(inv_run_dims(run, at, &got_rank, got_dims), INV_OK);
    ck_assert_uint_eq(got_rank, rank);
    for (size_t i = 0; i < rank; i++) {
        ck_assert_uint_eq(got_dims[i], dims[i]);
        count *= dims[i];
    }
    ck_assert_status(inv_run_get(run, at, type, count, got), INV_OK);
    ck_assert_mem_eq(got, want, count * inv_type_size(type));
}

static const size_t shapes[][4] = {{0}, {VALUES}, {12, 5}, {3, 4, 5}, {2, 5, 2, 3}};

START_TEST(arrays_come_back)
{
    samples s = make_samples();
    inv_run *run = create();
    for (int pass = 0; pass < 2; pass++) {
        for (size_t t = 0; t < 5; t++)
            for (size_t rank = 1; rank <= 4; rank++)
                for (int storage = INV_RUN_PLAIN; storage <= INV_RUN_IMAGES; storage++) {
                    char at[64];
                    snprintf(at, sizeof at, "/deep/type%zu/rank%zu/%d", t, rank, storage);
                    if (pass == 0)
                        ck_assert_status(inv_run_put(run, at, types[t], rank, shapes[rank],
                                                     samples_of(&s, types[t]),
                                                     (inv_run_storage)storage),
                                         INV_OK);
                    assert_array(run, at, types[t], rank, shapes[rank], samples_of(&s, types[t]));
                }
        if (pass == 0) {
            save(run);
            inv_run_free(run);
            run = open_run();
        }
    }
    inv_run_free(run);
}
END_TEST

START_TEST(a_scalar_is_an_array_of_rank_0)
{
    const double value = -1.0625;
    inv_run *run = create();
    ck_assert_status(inv_run_put(run, "/s", INV_FLOAT64, 0, NULL, &value, INV_RUN_PLAIN), INV_OK);
    assert_array(run, "/s", INV_FLOAT64, 0, NULL, &value);
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
    samples s = make_samples();
    inv_run *run = create();
    char at[64];
    for (size_t t = 0; t < 5; t++)
        for (int storage = 0; storage < 3; storage++) {
            snprintf(at, sizeof at, "/a/%zu-%d", t, storage);
            ck_assert_status(inv_run_put(run, at, types[t], 3, shapes[3], samples_of(&s, types[t]),
                                         (inv_run_storage)storage),
                             INV_OK);
        }
    ck_assert_status(inv_run_append(run, "/history", INV_UINT32, 3, s.u32), INV_OK);
    save(run);
    inv_run_free(run);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT); /* from the disk, as others do */
    ck_assert_int_ge(file, 0);
    for (size_t t = 0; t < 5; t++)
        for (int storage = 0; storage < 3; storage++) {
            snprintf(at, sizeof at, "/a/%zu-%d", t, storage);
            assert_stored(file, at, classes[t], inv_type_size(types[t]), layouts[storage],
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
    inv_run *run = create();
    ck_assert_status(inv_run_put(run, "/big", INV_FLOAT32, 3, dims, values, INV_RUN_PACKED),
                     INV_OK);
    save(run);
    inv_run_free(run);
    free(support_read(path, &packed));
    ck_assert_uint_lt(packed, 700 * 31 * 17 * sizeof(float) / 4);
    run = open_run();
    ck_assert_status(inv_run_get(run, "/big", INV_FLOAT32, 700 * 31 * 17, got), INV_OK);
    ck_assert_mem_eq(got, values, 700 * 31 * 17 * sizeof(float));
    inv_run_free(run);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
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
    samples s = make_samples();
    inv_run *run = create();
    put(run, "/a/b", INV_FLOAT32, 7, s.f32);
    put(run, "/a/b", INV_FLOAT32, 7, s.f32 + 9);
    assert_array(run, "/a/b", INV_FLOAT32, 1, (size_t[]){7}, s.f32 + 9);
    ck_assert_status(inv_run_put(run, "/a/b", INV_UINT64, 2, shapes[2], s.u64, INV_RUN_PACKED),
                     INV_OK);
    assert_array(run, "/a/b", INV_UINT64, 2, shapes[2], s.u64);
    put(run, "/a", INV_UINT8, 5, s.u8); /* over a whole group */
    assert_array(run, "/a", INV_UINT8, 1, (size_t[]){5}, s.u8);
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
    inv_run *run = create();
    for (size_t i = 0; i < MANY; i++)
        values[i] = i * 11400714819323198485u;
    for (size_t i = 0; i < 5; i++) {
        ck_assert_status(inv_run_append(run, "/h/step", INV_UINT64, counts[i], values + total),
                         INV_OK);
        total += counts[i];
        ck_assert_status(inv_run_dims(run, "/h/step", &rank, dims), INV_OK);
        ck_assert_uint_eq(rank, 1);
        ck_assert_uint_eq(dims[0], total);
        save(run); /* and goes on where it was */
        inv_run_free(run);
        run = open_run();
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
    samples s = make_samples();
    inv_run *run = create();
    put(run, "/fixed", INV_FLOAT32, 7, s.f32);
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
    assert_array(run, "/h", INV_FLOAT32, 1, (size_t[]){7}, s.f32);
    assert_array(run, "/fixed", INV_FLOAT32, 1, (size_t[]){7}, s.f32);
    inv_run_free(run);
}
END_TEST

START_TEST(gets_exactly_what_is_asked_for)
{
    samples s = make_samples();
    unsigned char room[VALUES * 8];
    inv_run *run = create();
    put(run, "/f32", INV_FLOAT32, 10, s.f32 + 5);
    put(run, "/f64", INV_FLOAT64, 10, s.f64 + 5);
    put(run, "/u8", INV_UINT8, 10, s.u8);
    put(run, "/u64", INV_UINT64, 10, s.u64);
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
    samples s = make_samples();
    char names[8][INV_NAME_MAX];
    inv_run *run = create();
    put(run, "/inverse/zeta/kernel", INV_FLOAT32, 3, s.f32);
    put(run, "/inverse/alpha/kernel", INV_FLOAT32, 3, s.f32);
    put(run, "/inverse/array", INV_FLOAT32, 3, s.f32);
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

/* ---- attributes ---- */

static void assert_text(const inv_run *run, const char *at, const char *name, const char *want)
{
    char *text = NULL;
    ck_assert_status(inv_run_text(run, at, name, &text), INV_OK);
    ck_assert_str_eq(text, want);
    free(text);
}

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
    samples s = make_samples();
    memset(large, 'x', 50000);
    large[50000] = 0;
    inv_run *run = create();
    put(run, "/array", INV_FLOAT32, 3, s.f32);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_status(inv_run_set_text(run, places[i], "text", "caf\xc3\xa9\n"), INV_OK);
        ck_assert_status(inv_run_set_text(run, places[i], "empty", ""), INV_OK);
        ck_assert_status(inv_run_set_text(run, places[i], "large", large), INV_OK);
        ck_assert_status(inv_run_set_texts(run, places[i], "many", many, 3), INV_OK);
        ck_assert_status(inv_run_set_real(run, places[i], "real", -1e-300 / 3.0), INV_OK);
        ck_assert_status(inv_run_set_size(run, places[i], "size", UINT64_MAX - 2), INV_OK);
    }
    save(run);
    inv_run_free(run);
    run = open_run();
    for (size_t i = 0; i < 3; i++) {
        assert_text(run, places[i], "text", "caf\xc3\xa9\n");
        assert_text(run, places[i], "empty", "");
        assert_text(run, places[i], "large", large);
        ck_assert_status(inv_run_texts(run, places[i], "many", got, 3), INV_OK);
        for (size_t j = 0; j < 3; j++) {
            ck_assert_str_eq(got[j], many[j]);
            free(got[j]);
        }
        assert_numbers(run, places[i], -1e-300 / 3.0, UINT64_MAX - 2);
    }
    assert_array(run, "/array", INV_FLOAT32, 1, (size_t[]){3}, s.f32);
    inv_run_free(run);
    free(large);
}
END_TEST

START_TEST(attributes_are_replaced)
{
    inv_run *run = create();
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
    char *text = folder, *texts[3] = {folder, folder, folder};
    double real = 0.0;
    uint64_t size = 0;
    inv_run *run = create();
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
    samples s = make_samples();
    char text[32];
    inv_run *run = create();
    for (size_t i = 0; i < 7; i++)
        ck_assert_status(inv_run_put(run, rows[i].at, rows[i].type, rows[i].rank, rows[i].dims,
                                     samples_of(&s, rows[i].type), INV_RUN_IMAGES),
                         INV_OK);
    save(run);
    inv_run_free(run);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
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
        inv_run *run = create();
        ck_assert_status(inv_run_put(run, "/p", INV_FLOAT32, 3, (size_t[]){3, 1, 2}, rows[i].values,
                                     INV_RUN_IMAGES),
                         INV_OK);
        save(run);
        inv_run_free(run);
        hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
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

/* ---- the file ---- */

START_TEST(is_hdf5_with_a_seal_behind_it)
{
    size_t size = 0;
    char line[SUPPORT_SEAL];
    samples s = make_samples();
    uint64_t version = 0;
    inv_run *run = create();
    put(run, "/a", INV_FLOAT32, 7, s.f32);
    ck_assert_uint_eq(support_entries(folder), 0); /* nothing is written before it is saved */
    save(run);
    inv_run_free(run);
    ck_assert_uint_eq(support_entries(folder), 1);
    unsigned char *bytes = support_read(path, &size);
    ck_assert_uint_gt(size, SUPPORT_SEAL);
    support_seal(bytes, size - SUPPORT_SEAL, line);
    ck_assert_mem_eq(bytes + size - SUPPORT_SEAL, line, SUPPORT_SEAL);
    ck_assert_mem_eq(bytes, "\x89HDF\r\n\x1a\n", 8);
    free(bytes);
    run = open_run();
    assert_text(run, "/", "format", "invproj-run");
    ck_assert_status(inv_run_size(run, "/", "format_version", &version), INV_OK);
    ck_assert_uint_eq(version, 2);
    ck_assert_str_eq(inv_run_name(run), path);
    ck_assert(inv_run_is_sealed(run));
    inv_run_free(run);
    inv_run_free(NULL);
}
END_TEST

/* The earliest layout, which every reader knows: superblock 0, object headers 1, groups by symbol
 * tables, however many attributes and links there are. */
START_TEST(is_of_the_earliest_layout)
{
    samples s = make_samples();
    inv_run *run = create();
    H5F_info2_t info;
    H5O_info_t object;
    H5G_info_t group;
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "/many/array%d", i);
        put(run, name, INV_FLOAT32, 7, s.f32);
        snprintf(name, sizeof name, "attribute%d", i);
        ck_assert_status(inv_run_set_text(run, "/many", name, "t"), INV_OK);
        ck_assert_status(inv_run_set_real(run, "/many/array0", name, 1.5), INV_OK);
    }
    save(run);
    inv_run_free(run);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
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
    samples s = make_samples();
    inv_run *first = create(), *second = create();
    put(first, "/a", INV_FLOAT32, 7, s.f32);
    put(second, "/b", INV_FLOAT32, 7, s.f32);
    ck_assert(!inv_run_has(first, "/b") && !inv_run_has(second, "/a"));
    save(first);
    inv_run *opened = open_run();
    put(opened, "/c", INV_FLOAT32, 7, s.f32);
    inv_run *again = open_run(); /* what is on the disk, not what the other has in mind */
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
    samples s = make_samples();
    char *other = strdup(support_at(folder, "other.h5"));
    inv_run *run = create();
    put(run, "/a", INV_FLOAT32, 7, s.f32);
    save(run);
    put(run, "/b", INV_FLOAT32, 7, s.f32 + 7);
    ck_assert_status(inv_run_save(run, other), INV_OK);
    inv_run_free(run);
    run = open_run();
    ck_assert(inv_run_has(run, "/a") && !inv_run_has(run, "/b"));
    inv_run_free(run);
    ck_assert_status(inv_run_open(other, &run), INV_OK);
    assert_array(run, "/b", INV_FLOAT32, 1, (size_t[]){7}, s.f32 + 7);
    ck_assert_status(inv_run_save(run, support_at(folder, "none/run.h5")), INV_EIO);
    ck_assert_status(inv_run_save(run, folder), INV_EIO);
    inv_run_free(run);
    ck_assert_uint_eq(support_entries(folder), 2);
    free(other);
}
END_TEST

/* The same calls give the same bytes: nothing in the file tells the time. */
START_TEST(same_content_same_bytes)
{
    samples s = make_samples();
    unsigned char *bytes[2];
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        inv_run *run = create();
        put(run, "/a/b", INV_FLOAT32, 7, s.f32);
        ck_assert_status(inv_run_append(run, "/h", INV_UINT32, 7, s.u32), INV_OK);
        ck_assert_status(inv_run_set_text(run, "/", "experiment", "e"), INV_OK);
        save(run);
        inv_run_free(run);
        bytes[i] = support_read(path, &sizes[i]);
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
    const inv_status status = inv_run_save(run, path);
    return status == INV_EIO && support_message_has("File too large") ? 0 : 1;
}

START_TEST(a_failed_save_leaves_the_old_file)
{
    enum { MANY = 5000 };
    size_t before = 0, after = 0;
    double *values = calloc(MANY, sizeof *values);
    for (size_t i = 0; i < MANY; i++)
        values[i] = sin((double)i);
    inv_run *run = create();
    put(run, "/a", INV_FLOAT64, 3, values);
    save(run);
    unsigned char *old = support_read(path, &before);
    put(run, "/b", INV_FLOAT64, MANY, values);
    ck_assert_int_eq(support_in_child(save_beyond_limit, run), 0);
    unsigned char *now = support_read(path, &after);
    ck_assert_uint_eq(before, after);
    ck_assert_mem_eq(old, now, before);
    ck_assert_uint_eq(support_entries(folder), 1);
    save(run); /* nothing is lost: it can be saved once there is room */
    inv_run *again = open_run();
    assert_array(again, "/a", INV_FLOAT64, 1, (size_t[]){3}, values);
    ck_assert(inv_run_has(again, "/b"));
    inv_run_free(again);
    inv_run_free(run);
    free(values);
    free(old);
    free(now);
}
END_TEST

/* ---- damage ---- */

static unsigned char *save_sample(size_t *size)
{
    samples s = make_samples();
    inv_run *run = create();
    put(run, "/a/b", INV_FLOAT32, VALUES, s.f32);
    ck_assert_status(inv_run_set_text(run, "/", "experiment", "seed = 3;"), INV_OK);
    save(run);
    inv_run_free(run);
    return support_read(path, size);
}

START_TEST(no_flipped_byte_is_taken)
{
    size_t size = 0;
    unsigned char *bytes = save_sample(&size);
    for (size_t i = 0; i < size; i += i < 96 || i > size - SUPPORT_SEAL ? 1 : 41)
        for (int bit = i < 96 ? 0 : (int)i % 8; bit < 8; bit += i < 96 ? 1 : 8) {
            inv_run *run = NULL;
            bytes[i] ^= (unsigned char)(1 << bit);
            support_write(path, bytes, size);
            inv_status status = inv_run_open(path, &run);
            ck_assert_msg(status == INV_EFORMAT && !run, "bit %d of byte %zu", bit, i);
            ck_assert_message_has(path);
            bytes[i] ^= (unsigned char)(1 << bit);
        }
    bytes[799] ^= 8;
    support_write(path, bytes, size);
    assert_refused("damaged: its checksum does not match; go back to a copy");
    free(bytes);
}
END_TEST

/* Only where the seal is gone whole, as HDF5 leaves it, is the rest taken. */
START_TEST(no_other_length_is_taken)
{
    size_t size = 0;
    unsigned char *bytes = save_sample(&size);
    for (size_t cut = 0; cut < size; cut += cut < 1100 || cut > size - 140 ? 1 : 331) {
        inv_run *run = NULL;
        support_write(path, bytes, cut);
        inv_status status = inv_run_open(path, &run);
        if (cut == size - SUPPORT_SEAL)
            ck_assert_msg(status == INV_OK && !inv_run_is_sealed(run), "cut at %zu", cut);
        else
            ck_assert_msg(status == INV_EFORMAT && !run, "cut at %zu", cut);
        inv_run_free(run);
    }
    support_write(path, bytes, size - 1);
    assert_refused("damaged: what follows its end is not a seal; go back to a copy");
    support_write(path, bytes, size + 1); /* support_read adds a NUL */
    assert_refused("damaged: what follows its end is not a seal");
    support_write(path, bytes, size - SUPPORT_SEAL - 1);
    assert_refused("damaged: cut short; go back to a copy");
    free(bytes);
}
END_TEST

START_TEST(refuses_other_files)
{
    size_t size = 0;
    unsigned char *bytes = save_sample(&size);
    inv_run *run = (inv_run *)folder;
    support_write(path, "", 0);
    assert_refused("not an invproj run file");
    support_write(path, bytes + 1, size / 2);
    assert_refused("not an invproj run file");
    H5Fclose(H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    assert_refused("not an invproj run file");
    ck_assert_status(inv_run_open(support_at(folder, "none"), &run), INV_EIO);
    ck_assert_ptr_null(run);
    ck_assert_status(inv_run_open(folder, &run), INV_EIO);
    free(bytes);
}
END_TEST

START_TEST(newer_formats_are_told)
{
    size_t size = 0;
    unsigned char *bytes = save_sample(&size);
    const size_t at = size - SUPPORT_SEAL + 13;
    ck_assert_int_eq(bytes[at], '2');
    bytes[at] = '3';
    support_write(path, bytes, size);
    assert_refused("made by a newer invproj (format 3; this one reads up to 2)");
    bytes[at] = '1';
    bytes[at + 1] = '7';
    support_write(path, bytes, size);
    assert_refused("made by a newer invproj (format 17; this one reads up to 2)");
    memcpy(bytes + at, "x:", 2);
    support_write(path, bytes, size);
    assert_refused("damaged");
    free(bytes);
    inv_run *run = create(); /* it may be unsealed, and then tells it itself */
    ck_assert_status(inv_run_set_size(run, "/", "format_version", 3), INV_OK);
    save(run);
    inv_run_free(run);
    assert_refused("made by a newer invproj (format 3; this one reads up to 2)");
}
END_TEST

START_TEST(refuses_what_is_no_hdf5_under_a_good_seal)
{
    unsigned char noise[3000];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)(i * i * 37 >> 3);
    write_sealed(noise, sizeof noise);
    assert_refused("damaged: its checksum does not match"); /* it does not end where it says */
    memcpy(noise, "\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08", 16);
    memset(noise + 40, 0, 8);
    noise[40] = sizeof noise & 255, noise[41] = sizeof noise >> 8;
    write_sealed(noise, sizeof noise);
    assert_refused("damaged: HDF5 cannot open it");
    write_sealed(noise, 0);
    assert_refused("not an invproj run file");
    seal(memory_file(NULL, 0));
    assert_refused("not an invproj run file");
    free(save_sample(&(size_t){0}));
    hid_t file = unseal();
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
    seal(file);
    assert_refused("not an invproj run file");
}
END_TEST

/* ---- what does not keep to the file ---- */

/* Another HDF5 file, and a plain one, that a hostile run file could lead to. */
typedef struct victims {
    char *hdf5, *raw;
    unsigned char *hdf5_bytes, *raw_bytes;
    size_t hdf5_size, raw_size;
} victims;

static void make_victims(victims *v)
{
    v->hdf5 = strdup(support_at(folder, "victim.h5"));
    v->raw = strdup(support_at(folder, "victim.raw"));
    const float values[7] = {1.5f, -2.25f, 3.5f, 4.0f, 5.0f, 6.0f, 7.0f};
    hid_t file = H5Fcreate(v->hdf5, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    add_array(file, "/g/a", H5T_IEEE_F32LE, 1, (hsize_t[]){7}, H5P_DEFAULT, H5T_NATIVE_FLOAT,
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
    free(save_sample(&(size_t){0}));
    hid_t file = unseal();
    ck_assert_int_ge(H5Lcreate_soft("/a", file, "/soft", H5P_DEFAULT, H5P_DEFAULT), 0);
    ck_assert_int_ge(H5Lcreate_external(v.hdf5, "/g", file, "/away", H5P_DEFAULT, H5P_DEFAULT), 0);
    ck_assert_int_ge(H5Lcreate_external(v.hdf5, "/g", file, "/a/away", H5P_DEFAULT, H5P_DEFAULT),
                     0);
    ck_assert_int_ge(H5Lcreate_soft("/nowhere", file, "/lost", H5P_DEFAULT, H5P_DEFAULT), 0);
    seal(file);
    inv_run *run = open_run();
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
    free(save_sample(&(size_t){0}));
    hid_t file = unseal();
    hid_t array = H5Dcreate2(file, at, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    ck_assert_int_ge(array, 0);
    H5Dclose(array);
    H5Pclose(properties);
    H5Sclose(space);
    seal(file);
    inv_run *run = open_run();
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
    free(save_sample(&(size_t){0}));
    hid_t file = unseal();
    add_array(file, "/big", H5T_IEEE_F32BE, 2, (hsize_t[]){2, 3}, H5P_DEFAULT, H5T_NATIVE_DOUBLE,
              values);
    add_array(file, "/five", H5T_IEEE_F32LE, 5, (hsize_t[]){1, 2, 1, 3, 1}, H5P_DEFAULT,
              H5T_NATIVE_DOUBLE, values);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, 6);
    hid_t attribute = H5Acreate2(file, "fixed", type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(attribute, type, "fixed"), 0);
    H5Aclose(attribute);
    H5Sclose(space);
    add_array(file, "/words", type, 1, (hsize_t[]){2}, H5P_DEFAULT, type, "fixed\0words");
    H5Tclose(type);
    seal(file);
    inv_run *run = open_run();
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

/* ---- nets ---- */

static const inv_shape shape = {SMALL_HEIGHT, SMALL_WIDTH, 1};

static void save_net(const inv_net *net)
{
    inv_run *run = create();
    ck_assert_status(inv_run_put_net(run, "/network", net), INV_OK);
    save(run);
    inv_run_free(run);
}

START_TEST(nets_come_back_bit_for_bit)
{
    static const char *const layers[] = {SMALL_ONE, SMALL_TWO, SMALL_FOUR};
    for (size_t i = 0; i < 3; i++) {
        inv_net *net = small_net(layers[i]), *got = NULL;
        inv_net_params(net)[3] = -0.0f;
        inv_net_params(net)[4] = 1e-42f;
        save_net(net);
        inv_run *run = open_run();
        ck_assert_status(inv_run_get_net(run, "/network", shape, &got), INV_OK);
        ck_assert_uint_eq(inv_net_depth(got), inv_net_depth(net));
        for (size_t p = 0; p <= inv_net_depth(net); p++) {
            ck_assert_str_eq(inv_net_point_name(got, p), inv_net_point_name(net, p));
            ck_assert_uint_eq(inv_net_units(got, p), inv_net_units(net, p));
        }
        ck_assert_str_eq(inv_net_describe(got), inv_net_describe(net));
        ck_assert(small_same_params(net, got));
        assert_text(run, "/network", "layers", inv_net_describe(net));
        assert_array(run, "/network/output/bias", INV_FLOAT32, 1, (size_t[]){SMALL_CLASSES},
                     inv_net_params(net) + inv_net_block(net, "output", "bias")->offset);
        inv_run_free(run);
        inv_net_free(net);
        inv_net_free(got);
    }
}
END_TEST

/* An inverse is a net too; its layers are named after those that they invert. */
START_TEST(inverses_come_back_bit_for_bit)
{
    inv_inverse_spec spec = inv_inverse_defaults;
    inv_net *net = small_net(SMALL_FOUR), *inverse = NULL, *got = NULL;
    strcpy(spec.at, "hidden3");
    spec.squash = 0.96875;
    ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_OK);
    for (size_t i = 0; i < inv_net_size(inverse); i++)
        inv_net_params(inverse)[i] = sinf(1.7f * (float)i);
    inv_run *run = create();
    ck_assert_status(inv_run_put_net(run, "/inverse/some-name.2", inverse), INV_OK);
    save(run);
    inv_run_free(run);
    run = open_run();
    ck_assert(inv_run_has(run, "/inverse/some-name.2/hidden2/kernel"));
    ck_assert(inv_run_has(run, "/inverse/some-name.2/hidden2/bias"));
    ck_assert_status(inv_run_get_net(run, "/inverse/some-name.2", inv_net_shape(inverse, 0), &got),
                     INV_OK);
    ck_assert_str_eq(inv_net_describe(got), inv_net_describe(inverse));
    ck_assert(small_same_params(inverse, got));
    ck_assert(inv_net_block(got, "hidden1", "bias")->frozen);
    ck_assert(!inv_net_block(got, "hidden1", "kernel")->frozen);
    inv_run_free(run);
    inv_net_free(net);
    inv_net_free(inverse);
    inv_net_free(got);
}
END_TEST

/* The kernel of the second layer is at LAYER/kernel, [in, out], row after row. */
START_TEST(kernels_lie_as_in_keras)
{
    inv_net *net = small_net(SMALL_TWO);
    const inv_block *block = inv_net_block(net, "hidden1", "kernel");
    float got[SMALL_PIXELS * 17];
    size_t rank = 0, dims[INV_RUN_RANK_MAX];
    save_net(net);
    inv_run *run = open_run();
    ck_assert_status(inv_run_dims(run, "/network/hidden1/kernel", &rank, dims), INV_OK);
    ck_assert(rank == 2 && dims[0] == SMALL_PIXELS && dims[1] == 17);
    ck_assert_status(
        inv_run_get(run, "/network/hidden1/kernel", INV_FLOAT32, SMALL_PIXELS * 17, got), INV_OK);
    ck_assert_mem_eq(got, inv_net_params(net) + block->offset, sizeof got);
    inv_run_free(run);
    inv_net_free(net);
}
END_TEST

/* Opens the run, spoils it with one call, and expects inv_run_get_net to say `why`. */
static void assert_net_refused(inv_run *run, const char *why)
{
    inv_net *net = (inv_net *)folder;
    ck_assert_status(inv_run_get_net(run, "/network", shape, &net), INV_EFORMAT);
    ck_assert_ptr_null(net);
    ck_assert_message_has(why);
    ck_assert_message_has(path);
    inv_run_free(run);
}

START_TEST(spoilt_blocks_are_refused)
{
    inv_net *net = small_net(SMALL_TWO);
    const size_t rows[][2] = {{17, 4}, {4, 17}, {68, 1}};
    float values[68] = {0.5f};
    uint32_t whole[68] = {3};
    save_net(net);
    inv_run *run = open_run();
    ck_assert_status(inv_run_remove(run, "/network/hidden1/bias"), INV_OK);
    assert_net_refused(run, "/network/hidden1/bias: missing");
    for (int i = 1; i < 3; i++) {
        run = open_run();
        ck_assert_status(inv_run_put(run, "/network/output/kernel", INV_FLOAT32, 2, rows[i], values,
                                     INV_RUN_PLAIN),
                         INV_OK);
        assert_net_refused(run, "/network/output/kernel: is of another shape than its layer");
    }
    run = open_run();
    put(run, "/network/output/kernel", INV_FLOAT32, 68, values);
    assert_net_refused(run, "/network/output/kernel: is of another shape");
    run = open_run();
    ck_assert_status(
        inv_run_put(run, "/network/output/kernel", INV_UINT32, 2, rows[0], whole, INV_RUN_PLAIN),
        INV_OK);
    assert_net_refused(run, "/network/output/kernel: is of another type");
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        run = open_run();
        values[67] = bad[i];
        ck_assert_status(inv_run_put(run, "/network/output/kernel", INV_FLOAT32, 2, rows[0], values,
                                     INV_RUN_PLAIN),
                         INV_OK);
        assert_net_refused(run, "/network/output/kernel: holds a value that is not finite");
    }
    inv_net_free(net);
}
END_TEST

START_TEST(spoilt_descriptions_are_refused)
{
    static const char *const rows[][2] = {
        {"{", "not JSON"},
        {"{}", "must be a list of 1 to"},
        {"[]", "must be a list of 1 to"},
        {"[{\"name\": \"a\", \"type\": \"magic\"}]", "there is no 'magic'"},
        {"[{\"name\": \"a\", \"type\": \"dense\", \"units\": -3}]", "-3 is not from"},
        {"[{\"name\": \"a\", \"type\": \"dense\", \"units\": 17, \"rate\": 3}]", "unknown key"},
        {"[{\"name\": \"../a\", \"type\": \"dense\", \"units\": 17}]", "may hold only"},
        {"[{\"name\": \"a\", \"type\": \"dense\", \"units\": 17}]", "/network/a/kernel: missing"}};
    inv_net *net = small_net(SMALL_TWO), *got = NULL;
    save_net(net);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        inv_run *run = open_run();
        ck_assert_status(inv_run_set_text(run, "/network", "layers", rows[i][0]), INV_OK);
        assert_net_refused(run, rows[i][1]);
    }
    inv_run *run = open_run();
    ck_assert_status(inv_run_set_size(run, "/network", "layers", 3), INV_OK);
    assert_net_refused(run, "the attribute 'layers' is not what it must be");
    run = open_run();
    ck_assert_status(inv_run_get_net(run, "/network", (inv_shape){8, 8, 1}, &got), INV_EFORMAT);
    ck_assert_message_has("/network/hidden1/kernel: is of another shape");
    ck_assert_status(inv_run_get_net(run, "/elsewhere", shape, &got), INV_EFORMAT);
    ck_assert_message_has("/elsewhere: the attribute 'layers' is missing");
    inv_run_free(run);
    inv_net_free(net);
}
END_TEST

/* ---- states ---- */

START_TEST(states_come_back)
{
    static const char *const names[] = {"accumulator", "rates", "generator", "order", "position"};
    samples s = make_samples(), got;
    inv_array state[5], target[5];
    memset(&got, 0x5a, sizeof got);
    for (size_t i = 0; i < 5; i++) {
        state[i] = (inv_array){names[i], types[i], samples_of(&s, types[i]), VALUES - i};
        target[i] = (inv_array){names[i], types[i], samples_of(&got, types[i]), VALUES - i};
    }
    inv_run *run = create();
    ck_assert_status(inv_run_put_state(run, "/training/state", state, 5), INV_OK);
    ck_assert_status(inv_run_put_state(run, "/training/state", state, 5), INV_OK);
    save(run);
    inv_run_free(run);
    run = open_run();
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
    inv_run *run = create();
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

/* ---- other programs ---- */

static int execute(void *arguments)
{
    char *const *argv = arguments;
    if (!freopen("/dev/null", "w", stdout))
        return 126;
    execvp(argv[0], argv);
    return 127;
}

static const char script[] =
    "import sys, h5py, numpy as np\n"
    "f = h5py.File(sys.argv[1], 'r')\n"
    "assert f.attrs['format'] == 'invproj-run', f.attrs['format']\n"
    "assert int(f.attrs['format_version']) == 2\n"
    "assert f.attrs['experiment'] == 'caf\\u00e9', f.attrs['experiment']\n"
    "assert list(f.attrs['names']) == ['a', 'bc']\n"
    "assert float(f['network'].attrs['accuracy']) == 0.9375\n"
    "assert f.userblock_size == 0\n"
    "k = f['network/hidden1/kernel']\n"
    "assert k.shape == (63, 17) and k.dtype == np.dtype('<f4'), (k.shape, k.dtype)\n"
    "i = f['projections/p/image']\n"
    "assert i.shape == (3, 4, 5) and i.compression == 'gzip' and i.shuffle\n"
    "assert i.attrs['CLASS'] in (b'IMAGE', 'IMAGE')\n"
    "assert i[2, 3, 4] == np.float32(np.sin(1.7 * 59)) * np.float32(37), i[2, 3, 4]\n"
    "h = f['training/history/step']\n"
    "assert h.maxshape == (None,) and list(h[:3]) == [4294967295, 0, 2147483648]\n"
    "assert h.dtype == np.dtype('<u4')\n";

START_TEST(other_programs_read_it)
{
    static const char *const two[] = {"a", "bc"};
    static const char import_h5py[] = "import h5py";
    char *const probe[] = {(char *)PYTHON, (char *)"-c", (char *)(uintptr_t)import_h5py, NULL};
    char *const python[] = {(char *)PYTHON, (char *)"-c", (char *)(uintptr_t)script, path, NULL};
    char *const dump[] = {(char *)"h5dump", path, NULL};
    samples s = make_samples();
    inv_net *net = small_net(SMALL_TWO);
    inv_run *run = create();
    ck_assert_status(inv_run_put_net(run, "/network", net), INV_OK);
    ck_assert_status(inv_run_set_real(run, "/network", "accuracy", 0.9375), INV_OK);
    ck_assert_status(inv_run_set_text(run, "/", "experiment", "caf\xc3\xa9"), INV_OK);
    ck_assert_status(inv_run_set_texts(run, "/", "names", two, 2), INV_OK);
    ck_assert_status(
        inv_run_put(run, "/projections/p/image", INV_FLOAT32, 3, shapes[3], s.f32, INV_RUN_IMAGES),
        INV_OK);
    ck_assert_status(inv_run_append(run, "/training/history/step", INV_UINT32, 3, s.u32), INV_OK);
    save(run);
    inv_run_free(run);
    inv_net_free(net);
    if (support_in_child(execute, (void *)(uintptr_t)probe) == 0)
        ck_assert_int_eq(support_in_child(execute, (void *)(uintptr_t)python), 0);
    else
        support_skipped("run", "reading with h5py, which " PYTHON " does not have");
    const int dumped = support_in_child(execute, (void *)(uintptr_t)dump);
    if (dumped == 127)
        support_skipped("run", "reading with h5dump, which is not installed");
    else
        ck_assert_int_eq(dumped, 0);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    static const size_t dims[] = {2, 3, 1, 1, 1, 1}, none[] = {2, 0, 3},
                        many[] = {SIZE_MAX / 8, 2, 2};
    static const inv_type bad_types[] = {(inv_type)99, (inv_type)5, (inv_type)-1};
    double values[6] = {0.25, 1.0, -3.0, 7.0, 0.5, 2.0};
    inv_run *run = create();
    for (size_t t = 0; t < 3; t++) {
        const inv_array state = {"s", bad_types[t], values, 3};
        ck_assert_status(inv_run_put(run, "/a", bad_types[t], 1, dims, values, INV_RUN_PLAIN),
                         INV_EINVAL);
        ck_assert_status(inv_run_append(run, "/a", bad_types[t], 2, values), INV_EINVAL);
        ck_assert_status(inv_run_get(run, "/a", bad_types[t], 2, values), INV_EINVAL);
        ck_assert_status(inv_run_put_state(run, "/s", &state, 1), INV_EINVAL);
        ck_assert_status(inv_run_get_state(run, "/s", &state, 1), INV_EINVAL);
    }
    ck_assert_message_has("/s/s: -1 is no type of values");
    for (inv_run_storage s = INV_RUN_PLAIN; s <= INV_RUN_IMAGES; s++) {
        if (s != INV_RUN_PLAIN)
            ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 0, dims, values, s), INV_EINVAL);
        ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 5, dims, values, s), INV_EINVAL);
        ck_assert_message_has("/a: an array of 5 dimensions; ");
        ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, SIZE_MAX, dims, values, s),
                         INV_EINVAL);
        ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 3, none, values, s), INV_EINVAL);
        ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 3, many, values, s), INV_EINVAL);
    }
    ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 2, dims, values, (inv_run_storage)99),
                     INV_EINVAL);
    ck_assert(!inv_run_has(run, "/a"));
    inv_run_free(run);
}
END_TEST

Suite *run_suite(void)
{
    Suite *suite = suite_create("run");
    TCase *tests = tcase_create("run");
    tcase_add_checked_fixture(tests, prepare, tidy);
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
    tcase_add_test(tests, attributes_come_back);
    tcase_add_test(tests, attributes_are_replaced);
    tcase_add_test(tests, attributes_are_of_their_kind);
    tcase_add_test(tests, pictures_are_marked);
    tcase_add_test(tests, grey_pictures_tell_their_range);
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
    tcase_add_test(tests, links_are_not_followed);
    tcase_add_test(tests, arrays_outside_are_refused);
    tcase_add_test(tests, reads_what_others_write);
    tcase_add_test(tests, nets_come_back_bit_for_bit);
    tcase_add_test(tests, inverses_come_back_bit_for_bit);
    tcase_add_test(tests, kernels_lie_as_in_keras);
    tcase_add_test(tests, spoilt_blocks_are_refused);
    tcase_add_test(tests, spoilt_descriptions_are_refused);
    tcase_add_test(tests, states_come_back);
    tcase_add_test(tests, a_generator_of_0_1_0_is_read);
    tcase_add_test(tests, other_programs_read_it);
    tcase_add_test(tests, bad_arguments_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
