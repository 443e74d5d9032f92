/* linear: y = x;  dx = dy
 *
 * As a layer's `activation` it adds no layer; as a layer it is a point with a name of its own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/layers.h"

const inv_layer_type inv_layer_linear = {
    .name = "linear",
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = inv_identity_map,
    .gradient = inv_identity_gradient,
    .mirror = inv_mirror_nothing,
    .one_to_one = true,
};
