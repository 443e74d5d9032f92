/* jpeg.h - JPEG files, as cameras and telephones make them.
 *
 *     status = inv_jpeg_decode("photo.jpg", bytes, size, &shape, &values);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_JPEG_H
#define INVPROJ_JPEG_H

#include "invproj/mat.h"
#include "invproj/status.h"

/* Decodes the bytes of a JPEG file as inv_image_read does; the caller frees *values. One of more
 * pixels than are read is decoded at half, a quarter or an eighth of its size. */
INV_MUST_CHECK inv_status inv_jpeg_decode(const char *path, const unsigned char *bytes, size_t size,
                                          inv_shape *shape, float **values);

#endif
