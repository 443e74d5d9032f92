/* tanh: y = (exp(x) - exp(-x)) / (exp(x) + exp(-x));  dx = dy (1 - y^2)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>

#include "kernels/kernels.h"
#include "net/layers.h"

static void tanh_map(const inv_layer *layer, size_t n, const float *x, float *y)
{
    (void)layer;
    inv_kernels_best()->tanh(n, x, y);
}

static void tanh_gradient(const inv_layer *layer, size_t n, const float *restrict x,
                          const float *restrict y, const float *restrict dy, float *restrict dx)
{
    (void)layer, (void)x;
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

/* An estimate of y may lie outside (-1, 1): as for sigmoid, with another range. */
static inv_status tanh_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                              json_t *layers)
{
    (void)last;
    inv_status status = inv_mirror_squash(layers, layer, how, -1.0, 1.0);
    return status == INV_OK
               ? inv_mirror_add(layers, layer, ".atanh", json_pack("{ss}", "type", "atanh"))
               : status;
}

const inv_layer_type inv_layer_tanh = {
    .name = "tanh",
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = tanh_map,
    .gradient = tanh_gradient,
    .mirror = tanh_mirror,
    .one_to_one = true,
};
