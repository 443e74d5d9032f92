/* npy.h - what a .npy file holds, from its bytes.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_DATA_NPY_H
#define INVPROJ_DATA_NPY_H

#include "invproj/npy.h"

/* As inv_npy_read, of a file's bytes, which are taken over (malloc's), whatever comes of it. */
INV_MUST_CHECK inv_status inv_npy_parse(const char *name, unsigned char *bytes, size_t size,
                                        inv_idx **out);

#endif
