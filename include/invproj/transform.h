/* transform.h - images shifted, turned, scaled and blurred, and the gradient carried back.
 *
 *     const inv_move move = {.right = 1.5, .down = -0.25, .turn = 0.1, .zoom = 1.05};
 *     inv_move_apply(&move, shape, 0.0f, image, moved);
 *     inv_move_back(&move, shape, dmoved, dimage);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TRANSFORM_H
#define INVPROJ_TRANSFORM_H

#include "invproj/mat.h"

#ifdef __cplusplus
extern "C" {
#endif

/* About the image's middle: zoom times larger, turned by `turn` (radians), moved in pixels. */
typedef struct inv_move {
    double right, down, turn, zoom;
} inv_move;

/* moved[p] = image at where p comes from, between its four pixels (bilinear); `ground` outside.
 */
void inv_move_apply(const inv_move *move, inv_shape shape, float ground, const float *image,
                    float *moved);
/* image = the transpose of that, applied to moved: gradients on their way back. */
void inv_move_back(const inv_move *move, inv_shape shape, const float *moved, float *image);

/* Replaces the image by itself under a Gaussian of deviation `sigma` > 0 pixels, cut at 3 sigma; at
 * the border by what of the Gaussian lies inside. `room` is as large as the image. */
void inv_blur(double sigma, inv_shape shape, float *image, float *room);

#ifdef __cplusplus
}
#endif
#endif
