/* logit: y = log(x / (1 - x)), the inverse of sigmoid;  dx = dy / (x (1 - x))
 *
 * x lies inside (0, 1), as squash leaves it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/kernels.h"
#include "net/layers.h"

static void logit(const inv_layer *layer, size_t n, const float *x, float *y)
{
    (void)layer;
    inv_kernels_best()->logit(n, x, y);
}

static void logit_gradient(const inv_layer *layer, size_t n, const float *x, const float *y,
                           const float *dy, float *dx)
{
    (void)layer, (void)y;
    inv_kernels_best()->logit_gradient(n, x, dy, dx);
}

const inv_layer_type inv_layer_logit = {
    .name = "logit",
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = logit,
    .gradient = logit_gradient,
};
