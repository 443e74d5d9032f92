/* idx.h - the IDX format of the MNIST files, gzipped or not.
 *
 * Layout (big-endian): two zero bytes, a type byte, a rank byte, `rank` 32-bit sizes, then the
 * elements, row-major. Source: the description on the MNIST database's page (LeCun, Cortes,
 * Burges).
 *
 *     inv_idx *images = NULL;
 *     if (inv_idx_read("train-images-idx3-ubyte.gz", &images) == INV_OK)
 *         printf("%zu images, SHA-256 %s\n", images->dims[0], images->sha256);
 *     inv_idx_free(images);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_IDX_H
#define INVPROJ_IDX_H

#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INV_IDX_RANK_MAX 4
#define INV_SHA256_TEXT  65 /* 64 hexadecimal digits and a NUL */

/* An array of unsigned bytes (type byte 0x08, the only one read so far). */
typedef struct inv_idx {
    size_t rank;
    size_t dims[INV_IDX_RANK_MAX];
    size_t size;                  /* product of dims: bytes in data */
    unsigned char *data;          /* owned */
    char sha256[INV_SHA256_TEXT]; /* of the whole decompressed file, header included */
} inv_idx;

/* Reads `path` into *out, which the caller frees with inv_idx_free. Whether the file is gzipped is
 * told from its first bytes, not from its name. The sizes in the header are checked against the
 * bytes that are there before memory is taken for them. INV_EIO: cannot be opened or read, or not a
 * regular file; INV_EFORMAT: not an IDX file, truncated, corrupt, longer than it says, or empty in
 * some dimension. On failure *out is NULL. */
INV_MUST_CHECK inv_status inv_idx_read(const char *path, inv_idx **out);

/* Writes rank, dims and data of `idx` to `path` (atomically), gzipped when the name ends in ".gz".
 * INV_EINVAL for sizes that do not multiply to idx->size or do not fit the format; INV_EIO. */
INV_MUST_CHECK inv_status inv_idx_write(const char *path, const inv_idx *idx);

void inv_idx_free(inv_idx *idx);

#ifdef __cplusplus
}
#endif
#endif
