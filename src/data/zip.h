/* zip.h - ZIP archives of strangers: what is in them, and one member whole, unpacked into memory.
 *
 *     inv_zip *zip = NULL;
 *     size_t member = 0, size = 0;
 *     unsigned char *bytes = NULL;
 *     status = inv_zip_open("mnist.npz", &zip);
 *     if (status == INV_OK && inv_zip_find(zip, "x_train.npy", &member))
 *         status = inv_zip_read(zip, member, SIZE_MAX, &bytes, &size);
 *     free(bytes);
 *     inv_zip_close(zip);
 *
 * Nothing is ever written under a member's name. An archive that is made is made in memory:
 *
 *     const inv_zip_member members[] = {{"a.npy", array, size}};
 *     status = inv_zip_make("net.npz", members, 1, NULL, &bytes, &size);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_ZIP_H
#define INVPROJ_ZIP_H

#include <stdbool.h>

#include "invproj/status.h"

typedef struct inv_zip inv_zip;

/* Opens the archive and lists it. INV_EIO: cannot be opened or is no regular file; INV_EFORMAT: no
 * ZIP archive, or damaged, or two members of one name, which two programs may read differently. The
 * caller closes. */
INV_MUST_CHECK inv_status inv_zip_open(const char *path, inv_zip **out);
/* The same of an archive in memory, whose bytes must stay until it is closed; no member's name may
 * lead elsewhere ("/a", "../a"). */
INV_MUST_CHECK inv_status inv_zip_open_bytes(const char *name, const unsigned char *bytes,
                                             size_t size, inv_zip **out);
void inv_zip_close(inv_zip *zip);

/* Its members, from 0, and the number of the one of that name. */
size_t inv_zip_count(const inv_zip *zip);
const char *inv_zip_name(const inv_zip *zip, size_t member);
bool inv_zip_find(const inv_zip *zip, const char *name, size_t *member);

/* The bytes of a member, stored or deflated, which the caller frees; one NUL byte follows them. The
 * size it claims is held against the bytes that are there, and against `limit`, before memory is
 * taken. INV_EFORMAT: damaged (its checksum is wrong), encrypted, packed in another way, or too
 * large. */
INV_MUST_CHECK inv_status inv_zip_read(inv_zip *zip, size_t member, size_t limit,
                                       unsigned char **bytes, size_t *size);

/* The archive's own comment; *length is 0 where it has none. It belongs to the archive. */
const char *inv_zip_comment(const inv_zip *zip, size_t *length);

/* ---- making one ---- */

#define INV_ZIP_COMMENT_MAX 65535

typedef struct inv_zip_member {
    const char *name;
    const void *bytes;
    size_t size;
} inv_zip_member;

/* The bytes of an archive of these, stored in their order and dated 1980, so that the same members make
 * the same bytes. `comment`, of at most INV_ZIP_COMMENT_MAX bytes, may be NULL. The caller frees. */
INV_MUST_CHECK inv_status inv_zip_make(const char *name, const inv_zip_member *members,
                                       size_t count, const char *comment, unsigned char **bytes,
                                       size_t *size);

#endif
