/* storage.h - how the arrays of a run file are stored: HDF5's property lists for them. Nothing
 * tells the time, so that the same content has the same bytes.
 *
 *     hid_t properties = inv_storage_packed(sizeof(float), rank, dims);
 *     hid_t array = H5Dcreate2(file, path, type, space, links, properties, H5P_DEFAULT);
 *     H5Pclose(properties);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_STORAGE_H
#define INVPROJ_STORAGE_H

#include <hdf5.h>

/* Contiguous. */
hid_t inv_storage_plain(void);

/* Shuffled and deflated, in chunks of whole rows of about 256 KiB; contiguous where there is
 * nothing to pack, or one row is more than a chunk should be. */
hid_t inv_storage_packed(size_t value_size, size_t rank, const hsize_t *dims);

/* Of rank 1, shuffled and deflated, for arrays that grow. */
hid_t inv_storage_growing(void);

#endif
