/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/storage.h"

#include <string.h>

#define GROWING_CHUNK 4096 /* values */
#define CHUNK_BYTES   ((hsize_t)1 << 18)
#define ROW_MOST      ((hsize_t)1 << 28) /* bytes of a row that is packed */
#define DEFLATE_LEVEL 4

hid_t inv_storage_plain(void)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(properties, 0);
    return properties;
}

static hid_t in_chunks(size_t rank, const hsize_t *chunk)
{
    hid_t properties = inv_storage_plain();
    H5Pset_chunk(properties, (int)rank, chunk);
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, DEFLATE_LEVEL);
    return properties;
}

hid_t inv_storage_packed(size_t value_size, size_t rank, const hsize_t *dims)
{
    hsize_t chunk[H5S_MAX_RANK], row = value_size;
    if (rank == 0 || rank > H5S_MAX_RANK || dims[0] == 0)
        return inv_storage_plain();
    memcpy(chunk, dims, rank * sizeof *dims);
    for (size_t i = 1; i < rank; i++)
        if (dims[i] == 0 || __builtin_mul_overflow(row, dims[i], &row))
            return inv_storage_plain();
    if (row == 0 || row > ROW_MOST)
        return inv_storage_plain();
    chunk[0] = CHUNK_BYTES / row;
    if (chunk[0] > dims[0])
        chunk[0] = dims[0];
    if (chunk[0] == 0)
        chunk[0] = 1;
    return in_chunks(rank, chunk);
}

hid_t inv_storage_growing(void)
{
    const hsize_t chunk = GROWING_CHUNK;
    return in_chunks(1, &chunk);
}
