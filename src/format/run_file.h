/* run_file.h - what a run is made of, for those parts of src/format that build one.
 *
 *     inv_run *run = NULL;
 *     status = inv_run_make("run.h5", &run);           an empty file in memory, not even @format
 *     hid_t group = H5Gcreate2(run->file, "/a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
 *     status = inv_run_check_root(run);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_RUN_FILE_H
#define INVPROJ_RUN_FILE_H

#include <stdbool.h>

#include <hdf5.h>

#include "invproj/run.h"

struct inv_run {
    char *name;
    hid_t file;
    bool is_sealed;
    unsigned char
        *image;     /* of the file, `room` bytes, for the next save: fresh memory would take */
    size_t room;    /* as long as the copying */
    char *left_out; /* see inv_run_left_out */
};

/* An empty one; the caller frees. */
INV_MUST_CHECK inv_status inv_run_make(const char *name, inv_run **out);

/* INV_EFORMAT where the file does not say that it is a run file, of a format that is known. */
INV_MUST_CHECK inv_status inv_run_check_root(const inv_run *run);

#endif
