/* softplus: y = log(1 + exp(x));  dx = dy / (1 + exp(-x))
 *
 * worked as max(x, 0) + log(1 + exp(-|x|)), which neither overflows nor loses small values.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>

#include "kernels/kernels.h"
#include "net/layers.h"

static void softplus(const inv_layer *layer, size_t n, const float *x, float *y)
{
    (void)layer;
    inv_kernels_best()->softplus(n, x, y);
}

static void softplus_gradient(const inv_layer *layer, size_t n, const float *x, const float *y,
                              const float *dy, float *dx)
{
    (void)layer, (void)y;
    inv_kernels_best()->softplus_gradient(n, x, dy, dx);
}

static inv_status softplus_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                                  json_t *layers)
{
    (void)how, (void)last;
    return inv_mirror_add(layers, layer, ".undo", json_pack("{ss}", "type", "inverse_softplus"));
}

const inv_layer_type inv_layer_softplus = {
    .name = "softplus",
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = softplus,
    .gradient = softplus_gradient,
    .mirror = softplus_mirror,
    .one_to_one = true,
};
