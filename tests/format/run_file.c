/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run_file.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

char *run_folder;
char *run_path; /* of a run file in it */

void run_prepare(void)
{
    run_folder = support_folder();
    run_path = strdup(support_at(run_folder, "run.h5"));
}

void run_tidy(void)
{
    free(run_path);
    support_remove(run_folder);
}

inv_run *run_new(void)
{
    inv_run *run = NULL;
    ck_assert_status(inv_run_create(&run), INV_OK);
    return run;
}

inv_run *run_open(void)
{
    inv_run *run = NULL;
    ck_assert_status(inv_run_open(run_path, &run), INV_OK);
    return run;
}

void run_save(inv_run *run)
{
    ck_assert_status(inv_run_save(run, run_path), INV_OK);
}

void run_put(inv_run *run, const char *at, inv_type type, size_t count, const void *values)
{
    ck_assert_status(inv_run_put(run, at, type, 1, &count, values, INV_RUN_PLAIN), INV_OK);
}

/* That the run at `path` is refused, with the path and `why`. */
void assert_run_refused(const char *why)
{
    inv_run *run = (inv_run *)run_folder;
    ck_assert_status(inv_run_open(run_path, &run), INV_EFORMAT);
    ck_assert_ptr_null(run);
    ck_assert_message_has(run_path);
    ck_assert_message_has(why);
}

/* ---- files that other programs could have made ---- */

void run_write_sealed(const unsigned char *image, size_t size)
{
    unsigned char *bytes = malloc(size + SUPPORT_SEAL);
    memcpy(bytes, image, size);
    support_seal(image, size, (char *)bytes + size);
    support_write(run_path, bytes, size + SUPPORT_SEAL);
    free(bytes);
}

/* A plain HDF5 file in memory, from `image` unless NULL. */
hid_t hdf5_in_memory(void *image, size_t size)
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
void run_seal(hid_t file)
{
    ck_assert_int_ge(H5Fflush(file, H5F_SCOPE_GLOBAL), 0);
    const ssize_t size = H5Fget_file_image(file, NULL, 0);
    ck_assert_int_gt(size, 0);
    unsigned char *image = malloc((size_t)size);
    ck_assert_int_eq(H5Fget_file_image(file, image, (size_t)size), size);
    run_write_sealed(image, (size_t)size);
    free(image);
    H5Fclose(file);
}

/* The HDF5 part of the run at `path`, to be changed as any program could, then given to seal. */
hid_t run_unseal(void)
{
    size_t size = 0;
    unsigned char *bytes = support_read(run_path, &size);
    hid_t file = hdf5_in_memory(bytes, size - SUPPORT_SEAL);
    free(bytes);
    return file;
}

/* An array in such a file; `properties` may be H5P_DEFAULT. */
void hdf5_add_array(hid_t file, const char *at, hid_t type, int rank, const hsize_t *dims,
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

const inv_type samples_types[SAMPLES_TYPES] = {INV_FLOAT32, INV_FLOAT64, INV_UINT8, INV_UINT32,
                                               INV_UINT64};

samples samples_make(void)
{
    samples s = {.f32 = {FLT_MAX, -FLT_MIN, -0.0f, INFINITY, 1e-42f},
                 .f64 = {DBL_MAX, -DBL_MIN, -0.0, -INFINITY, 5e-324},
                 .u8 = {255, 0, 128},
                 .u32 = {UINT32_MAX, 0, 1u << 31},
                 .u64 = {UINT64_MAX, 0, (uint64_t)1 << 63}};
    for (int i = 5; i < SAMPLES; i++) {
        s.f32[i] = (float)sin(1.7 * i) * 37.0f;
        s.f64[i] = cos(2.3 * i) * 1e100;
        s.u8[i] = (uint8_t)(i * 37 + 11);
        s.u32[i] = (uint32_t)i * 2654435761u;
        s.u64[i] = (uint64_t)i * 11400714819323198485u;
    }
    return s;
}

void *samples_of(samples *s, inv_type type)
{
    void *const all[] = {s->f32, s->f64, s->u8, s->u32, s->u64};
    return all[type];
}

void assert_run_array(const inv_run *run, const char *at, inv_type type, size_t rank,
                      const size_t *dims, const void *want)
{
    size_t got_rank = 99, got_dims[INV_RUN_RANK_MAX], count = 1;
    unsigned char got[SAMPLES * 8];
    ck_assert_status(inv_run_dims(run, at, &got_rank, got_dims), INV_OK);
    ck_assert_uint_eq(got_rank, rank);
    for (size_t i = 0; i < rank; i++) {
        ck_assert_uint_eq(got_dims[i], dims[i]);
        count *= dims[i];
    }
    ck_assert_status(inv_run_get(run, at, type, count, got), INV_OK);
    ck_assert_mem_eq(got, want, count * inv_type_size(type));
}

unsigned char *run_save_sample(size_t *size)
{
    samples s = samples_make();
    inv_run *run = run_new();
    run_put(run, "/a/b", INV_FLOAT32, SAMPLES, s.f32);
    ck_assert_status(inv_run_set_text(run, "/", "experiment", "seed = 3;"), INV_OK);
    run_save(run);
    inv_run_free(run);
    return support_read(run_path, size);
}

void assert_run_text(const inv_run *run, const char *at, const char *name, const char *want)
{
    char *text = NULL;
    ck_assert_status(inv_run_text(run, at, name, &text), INV_OK);
    ck_assert_str_eq(text, want);
    free(text);
}
