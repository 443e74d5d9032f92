/* look.h - what an image looks like in a few numbers, to tell whether it is like those trained on.
 *
 *     inv_looks range = INV_LOOKS_NONE;
 *     double look[INV_LOOKS];
 *     for (size_t i = 0; i < n; i++)
 *         if (inv_look_at(shape, images + i * size, &pixels, look))
 *             inv_looks_add(&range, look);
 *     if (inv_look_at(shape, mine, &pixels, look) && !inv_looks_hold(&range, look))
 *         puts("unlike the others");
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_LOOK_H
#define INVPROJ_LOOK_H

#include <stdbool.h>

#include "invproj/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Looks at an image: ink is what a pixel differs from the ground, as a part of black to white, the
 * mean of its channels. False where there is no more of it than a hundredth part of a pixel, or the image is one line: `look` is
 * untouched then. */
bool inv_look_at(inv_shape shape, const float *image, const inv_pixels *pixels,
                 double look[INV_LOOKS]);

/* Makes the range hold this look as well. */
void inv_looks_add(inv_looks *range, const double look[INV_LOOKS]);

/* Whether each number lies within the range, or beyond by no more than a tenth of it. True for a
 * range that nothing was added to: nobody knows better. */
bool inv_looks_hold(const inv_looks *range, const double look[INV_LOOKS]);

#ifdef __cplusplus
}
#endif
#endif
