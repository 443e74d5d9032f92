/* flatten: rows of height x width x channels become rows of as many units; y = x, dx = dy
 *
 * The order is row-major with channels last, as in Keras.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/layers.h"

static inv_status flatten_shape(inv_layer *layer, size_t classes)
{
    (void)classes;
    layer->out = (inv_shape){1, 1, inv_shape_size(layer->in)};
    return INV_OK;
}

const inv_layer_type inv_layer_flatten = {
    .name = "flatten",
    .shape = flatten_shape,
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = inv_identity_map,
    .gradient = inv_identity_gradient,
    .mirror = inv_mirror_nothing,
};
