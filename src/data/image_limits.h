/* image_limits.h - how much of a picture is read, of whatever format.
 *
 *     if (height > IMAGE_PIXELS_MAX / width) ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_IMAGE_LIMITS_H
#define INVPROJ_IMAGE_LIMITS_H

#include <stddef.h>

#define IMAGE_PIXELS_MAX ((size_t)1 << 25)  /* which take up to 16 bytes each */
#define IMAGE_BYTES_MAX  ((size_t)64 << 20) /* of a file */

#endif
