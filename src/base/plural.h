/* plural.h - "1 image", but "2 images".
 *
 *     printf("%zu %s left", n, inv_plural(n, "image is", "images are"));
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_PLURAL_H
#define INVPROJ_PLURAL_H

#include <stddef.h>

static inline const char *inv_plural(size_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

#endif
