/* fit.h - images made to another size and another number of channels.
 *
 *     const inv_shape given = {120, 80, 3}, wanted = {28, 28, 1};
 *     status = inv_fit_image(given, photograph, wanted, 0.0f, row);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FIT_H
#define INVPROJ_FIT_H

#include "invproj/mat.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fits the image `from` of shape `given` into `to` of shape `wanted`: as large as it goes in with
 * its proportions kept, in the middle, and `ground` beside it. Where it gets smaller, a pixel is
 * the mean of the area it covers; where larger, it is interpolated linearly. Three channels become
 * one as 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601, as Pillow); one becomes three by
 * repetition. An image of the shape wanted comes out as it is. INV_EINVAL for images of no pixel or
 * of more than INT_MAX values; INV_EDATA for other numbers of channels that differ; INV_ENOMEM. `to`
 * is untouched on failure. */
INV_MUST_CHECK inv_status inv_fit_image(inv_shape given, const float *from, inv_shape wanted,
                                        float ground, float *to);

/* The median of the outermost rows and columns of an image: what its ground is like. INV_ENOMEM. */
INV_MUST_CHECK inv_status inv_fit_ground(inv_shape shape, const float *image, float *ground);

#ifdef __cplusplus
}
#endif
#endif
