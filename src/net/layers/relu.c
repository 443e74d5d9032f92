/* relu: y = max(x, 0);  dx = dy where x > 0, else 0 (at 0 too, as in Keras and PyTorch)
 *
 * NaN stays NaN, so that a training run that diverges shows it.
 *
 * An inverse takes the estimate of y for x as it is. Where y > 0 that is what x was; where y is 0,
 * x may have been any value down from 0, and an estimate a little below is as good as 0. Bringing
 * such estimates up to 0 has been tried: units that lie below 0 for every image then have no
 * gradient and never come back (on MNIST, all images came out alike).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/layers.h"

static void relu(const inv_layer *layer, size_t n, const float *restrict x, float *restrict y)
{
    (void)layer;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

static void relu_gradient(const inv_layer *layer, size_t n, const float *restrict x,
                          const float *restrict y, const float *restrict dy, float *restrict dx)
{
    (void)layer, (void)x;
    for (size_t i = 0; i < n; i++) {
        const float gradient =
            dy[i]; /* read in any case, or the loop has a branch and no vectors */
        dx[i] = y[i] > 0.0f ? gradient : 0.0f;
    }
}

const inv_layer_type inv_layer_relu = {
    .name = "relu",
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = relu,
    .gradient = relu_gradient,
    .mirror = inv_mirror_nothing,
};
