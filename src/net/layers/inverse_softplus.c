/* inverse_softplus: y = log(exp(x) - 1), the inverse of softplus;  dx = dy / (1 - exp(-x))
 *
 * worked as x + log(1 - exp(-x)), which does not overflow; and below log 2 straight on, y =
 * 2 (x - log 2), dx = 2 dy: x is an estimate, which may lie below 0, and whose errors the logarithm
 * there would make many times as large.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/kernels.h"
#include "net/layers.h"

static void inverse_softplus(const inv_layer *layer, size_t n, const float *x, float *y)
{
    (void)layer;
    inv_kernels_best()->inverse_softplus(n, x, y);
}

static void inverse_softplus_gradient(const inv_layer *layer, size_t n, const float *x,
                                      const float *y, const float *dy, float *dx)
{
    (void)layer, (void)y;
    inv_kernels_best()->inverse_softplus_gradient(n, x, dy, dx);
}

const inv_layer_type inv_layer_inverse_softplus = {
    .name = "inverse_softplus",
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = inverse_softplus,
    .gradient = inverse_softplus_gradient,
};
