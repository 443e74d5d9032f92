/* memory.h - HDF5 files that live in memory.
 *
 *     hid_t file = inv_memory_open(run, bytes, size);
 *     ...
 *     H5Fclose(file);
 *
 * HDF5 takes two open files of one name for the same, so each gets a name of its own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_MEMORY_H
#define INVPROJ_MEMORY_H

#include <hdf5.h>

/* Opens `size` bytes as a file that can be changed, or makes an empty one where `image` is NULL;
 * negative where HDF5 refuses. The bytes are copied. `owner`, some address of the caller's, makes
 * the name. The caller closes it with H5Fclose. */
hid_t inv_memory_open(const void *owner, void *image, size_t size);

/* Opens `size` bytes to be read; they are not copied, and stay the caller's until after H5Fclose. */
hid_t inv_memory_view(void *image, size_t size);

#endif
