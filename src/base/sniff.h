/* sniff.h - what a file is, by its first bytes, for messages where another kind was wanted.
 *
 *     const inv_kind *kind = inv_sniff(bytes, size);
 *     if (kind)
 *         return INV_ERROR(INV_EFORMAT, "%s: not an IDX file but %s; %s", path, kind->what,
 *                          kind->remedy);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SNIFF_H
#define INVPROJ_SNIFF_H

#include <stddef.h>

typedef struct inv_kind {
    const char *what;   /* "a ZIP archive" */
    const char *remedy; /* what its owner can do, where data or text were wanted */
} inv_kind;

/* Bytes from which every kind is known that is known at all. */
#define INV_SNIFF_BYTES 512

/* NULL where the `size` first bytes are those of no kind that is known here; an IDX file, a run file
 * and plain text are none. */
const inv_kind *inv_sniff(const unsigned char *bytes, size_t size);

/* Bytes of the UTF-8 byte order mark that a text begins with: 3, or 0 where it has none. */
size_t inv_text_mark(const unsigned char *text, size_t size);

#endif
