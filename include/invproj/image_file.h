/* image_file.h - pictures from files, PNG or JPEG, whichever their first bytes say.
 *
 *     bool is = false;
 *     if (inv_image_is("photo.jpg", &is) == INV_OK && is)
 *         status = inv_image_read("photo.jpg", 0.0f, &shape, &values);
 *     free(values);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_IMAGE_FILE_H
#define INVPROJ_IMAGE_FILE_H

#include <stdbool.h>

#include "invproj/mat.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the name ends as those of such pictures do: .png, .jpg or .jpeg, in any case. */
bool inv_image_named(const char *name);

/* Whether the file begins as one of them; INV_EIO where it cannot be read. */
INV_MUST_CHECK inv_status inv_image_is(const char *path, bool *is);

/* Reads a picture of any kind and size: *shape tells its size and has 1 channel where the file is
 * grey, 3 where it has colours; *values are from 0 to 1, row-major, and the caller's to free. What a
 * PNG's alpha leaves open shows `ground`, 0 (black) to 1 (white): value * alpha + ground * (1 - alpha).
 * A JPEG is turned as its Exif orientation says, which a camera writes that was held on its side.
 * INV_EFORMAT: neither PNG nor JPEG, or damaged or cut anywhere; INV_EDATA: of too many pixels;
 * INV_EIO; INV_ENOMEM. */
INV_MUST_CHECK inv_status inv_image_read(const char *path, float ground, inv_shape *shape,
                                         float **values);

#ifdef __cplusplus
}
#endif
#endif
