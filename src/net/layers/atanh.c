/* atanh: y = log((1 + x) / (1 - x)) / 2, the inverse of tanh;  dx = dy / (1 - x^2)
 *
 * x lies inside (-1, 1), as squash leaves it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/kernels.h"
#include "net/layers.h"

static void atanh_map(const inv_layer *layer, size_t n, const float *x, float *y)
{
    (void)layer;
    inv_kernels_best()->atanh(n, x, y);
}

static void atanh_gradient(const inv_layer *layer, size_t n, const float *restrict x,
                           const float *restrict y, const float *restrict dy, float *restrict dx)
{
    (void)layer, (void)y;
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] / ((1.0f - x[i]) * (1.0f + x[i]));
}

const inv_layer_type inv_layer_atanh = {
    .name = "atanh",
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = atanh_map,
    .gradient = atanh_gradient,
};
