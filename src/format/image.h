/* image.h - HDF5 files that live in memory, and a child process that reads them first, where that
 * can do no harm.
 *
 * HDF5 is not safe on hostile bytes: it may crash, hang, or ask for any memory, long after opening
 * went well. The child reads every attribute and every array, writes the arrays again and saves,
 * all in memory and under limits on time and memory; only what it survived is opened by the program
 * itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_IMAGE_H
#define INVPROJ_IMAGE_H

#include <hdf5.h>

#include "invproj/status.h"

/* Opens `size` bytes as a file in memory, or makes an empty one where `image` is NULL; negative
 * where HDF5 refuses. The bytes are copied. HDF5 takes two open files of one name for the same:
 * `owner`, some address of the caller's, tells them apart. The caller closes it with H5Fclose. */
hid_t inv_image_open(const void *owner, void *image, size_t size);

/* INV_EFORMAT, naming `path`, where the child found the file unreadable, or crashed, or took too
 * long. */
INV_MUST_CHECK inv_status inv_image_probe(const char *path, void *image, size_t size);

#endif
