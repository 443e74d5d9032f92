/* centre.h - one's own handwriting prepared as the digits of MNIST were.
 *
 *     const inv_pixels pixels = {.black = 0.0, .white = 1.0, .ground = 0.0};
 *     bool found = false;
 *     status = inv_centre_image(given, photograph, wanted, &pixels, row, &found);
 *     if (status == INV_OK && !found)
 *         puts("a blank page");
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CENTRE_H
#define INVPROJ_CENTRE_H

#include <stdbool.h>

#include "invproj/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Finds what is written in the image `from` of shape `given`, and lays it into `to` of shape
 * `wanted`: the ground is taken away, also one of uneven light; what is left is cropped to the ink,
 * fitted so that it fills 20/28 of the height or the width, and moved by whole pixels until its
 * centre of mass is in the middle, as far as all of it stays inside. `to` is in the range of
 * `pixels`, on its ground: ink is white where the ground is nearer to black, else black, and must
 * be so in `from` too, whose values are in the same range. Colours become grey.
 *
 * *found is false where there is nothing written: `to` is all ground then. INV_EINVAL for images of
 * no pixel, for lines (of one row or column, which is no picture), and where black is not below white; INV_EDATA for other
 * numbers of channels than 1 and 3, in either; INV_ENOMEM. `to` is untouched on failure. */
INV_MUST_CHECK inv_status inv_centre_image(inv_shape given, const float *from, inv_shape wanted,
                                           const inv_pixels *pixels, float *to, bool *found);

#ifdef __cplusplus
}
#endif
#endif
