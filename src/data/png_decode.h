/* png_decode.h - PNG files that are in memory.
 *
 *     status = inv_png_decode("digit.png", bytes, size, 0.0f, &shape, &values);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_PNG_DECODE_H
#define INVPROJ_PNG_DECODE_H

#include "invproj/mat.h"
#include "invproj/status.h"

/* Decodes the bytes of a PNG file as inv_png_read does; the caller frees *values. */
INV_MUST_CHECK inv_status inv_png_decode(const char *path, const unsigned char *bytes, size_t size,
                                         float ground, inv_shape *shape, float **values);

#endif
