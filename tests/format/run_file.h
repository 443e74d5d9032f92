/* run_file.h - what the suites on the run file share: a run file in a folder of its own, which any
 * program could have changed, and values of every type to put in it.
 *
 *     inv_run *run = run_new();
 *     run_put(run, "/things/count", INV_UINT64, 3, counts);
 *     run_save(run);
 *     run_seal(run_unseal());   (changed in between: as another program does)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_RUN_FILE_H
#define INVPROJ_TESTS_RUN_FILE_H

#include <hdf5.h>

#include "invproj/run.h"

extern char *run_folder;
extern char *run_path; /* of a run file in it */

enum { SAMPLES = 60 };

/* Values of every type, extreme ones first. */
typedef struct samples {
    float f32[SAMPLES];
    double f64[SAMPLES];
    uint8_t u8[SAMPLES];
    uint32_t u32[SAMPLES];
    uint64_t u64[SAMPLES];
} samples;

enum { SAMPLES_TYPES = 5 };
extern const inv_type samples_types[SAMPLES_TYPES];

void run_prepare(void);
void run_tidy(void);
inv_run *run_new(void);
inv_run *run_open(void);
void run_save(inv_run *run);
void run_put(inv_run *run, const char *at, inv_type type, size_t count, const void *values);
/* That the run at `path` is refused, with the path and `why`. */
void assert_run_refused(const char *why);
void run_write_sealed(const unsigned char *image, size_t size);
/* A plain HDF5 file in memory, from `image` unless NULL. */
hid_t hdf5_in_memory(void *image, size_t size);
/* Writes what `file` holds to `path` with a right seal, and closes it. */
void run_seal(hid_t file);
/* The HDF5 part of the run at `path`, to be changed as any program could, then given to seal. */
hid_t run_unseal(void);
/* An array in such a file; `properties` may be H5P_DEFAULT. */
void hdf5_add_array(hid_t file, const char *at, hid_t type, int rank, const hsize_t *dims,
                    hid_t properties, hid_t memory_type, const void *values);
samples samples_make(void);
void *samples_of(samples *s, inv_type type);
void assert_run_array(const inv_run *run, const char *at, inv_type type, size_t rank,
                      const size_t *dims, const void *want);
void assert_run_text(const inv_run *run, const char *at, const char *name, const char *want);
unsigned char *run_save_sample(size_t *size);

#endif
