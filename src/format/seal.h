/* seal.h - how the bytes of a run file say that they are whole: the seal, its last line.
 *
 * A run file of format 2 is a plain HDF5 file and, behind the end-of-file address of its
 * superblock, a line of INV_SEAL_BYTES bytes:
 *
 *     "\ninvproj-run 2: the first 123456 bytes have SHA-256 <64 hexadecimal digits>   \n"
 *
 * HDF5's library does not look behind that address; when it opens a file for writing, it cuts the
 * file there, and the seal is gone: the file is unsealed. Format 1 had its seal in front, in a user
 * block of 512 bytes; it is read and no longer written.
 *
 *     inv_seal seal;
 *     status = inv_seal_check(path, bytes, size, &seal);
 *     if (status == INV_OK) ... seal.body is HDF5, seal.is_right tells whether it was sealed
 *
 * A right seal keeps chance away, not harm: anyone can write one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SEAL_H
#define INVPROJ_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "invproj/status.h"

#define INV_SEAL_BYTES 128

typedef struct inv_seal {
    bool is_right;       /* false: unsealed, complete but without a seal */
    int format;          /* of the seal: 1 or 2; where there is none, @format_version has to tell */
    unsigned char *body; /* the HDF5 file, in the bytes given */
    size_t size;         /* of it */
} inv_seal;

/* Looks at all `size` bytes of the file `path`, reading none of HDF5's structures but the
 * superblock. INV_EFORMAT, naming `path`: not a run file, of a newer format, cut short, or sealed
 * and not matching. Any HDF5 file without bytes behind its end passes as unsealed. */
INV_MUST_CHECK inv_status inv_seal_check(const char *path, unsigned char *bytes, size_t size,
                                         inv_seal *out);

/* INV_EFORMAT where the format that a file says it has is newer than this program's. */
INV_MUST_CHECK inv_status inv_seal_check_format(const char *path, unsigned long long format);

/* Whether the end-of-file address in the superblock of an HDF5 file is `size`. */
bool inv_seal_ends_at(const unsigned char *body, size_t size);

/* Whether that address lies beyond them: a part of the file is missing. */
bool inv_seal_is_cut(const unsigned char *body, size_t size);

/* The seal of `size` bytes of HDF5, to stand behind them. */
void inv_seal_write(const unsigned char *body, size_t size, char seal[INV_SEAL_BYTES]);

#endif
