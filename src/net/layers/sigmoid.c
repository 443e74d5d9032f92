/* sigmoid: y = 1 / (1 + exp(-x));  dx = dy y (1 - y)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>

#include "kernels/kernels.h"
#include "net/layers.h"

static void sigmoid(const inv_layer *layer, size_t n, const float *x, float *y)
{
    (void)layer;
    inv_kernels_best()->sigmoid(n, x, y);
}

static void sigmoid_gradient(const inv_layer *layer, size_t n, const float *x, const float *y,
                             const float *dy, float *dx)
{
    (void)layer, (void)x;
    inv_kernels_best()->sigmoid_gradient(n, y, dy, dx);
}

/* An estimate of y may lie outside (0, 1): squash brings each row into it, logit leads back to x.
 */
static inv_status sigmoid_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                                 json_t *layers)
{
    (void)last;
    inv_status status = inv_mirror_squash(layers, layer, how, 0.0, 1.0);
    return status == INV_OK
               ? inv_mirror_add(layers, layer, ".logit", json_pack("{ss}", "type", "logit"))
               : status;
}

const inv_layer_type inv_layer_sigmoid = {
    .name = "sigmoid",
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = sigmoid,
    .gradient = sigmoid_gradient,
    .mirror = sigmoid_mirror,
    .one_to_one = true,
};
