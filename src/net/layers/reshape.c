/* reshape: the same values in their order, as an image of another shape; y = x, dx = dy
 *
 * Row-major, channels last, as Keras's Reshape: what is channels first is permuted before and after.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>

#include "net/layers.h"

typedef struct reshape_spec {
    size_t height, width, channels;
} reshape_spec;

static const reshape_spec defaults = {1, 1, 0};

static const inv_field fields[] = {
    {"height", INV_FIELD_SIZE, offsetof(reshape_spec, height), 1, 1 << 24, .help = "rows"},
    {"width", INV_FIELD_SIZE, offsetof(reshape_spec, width), 1, 1 << 24, .help = "columns"},
    {"channels", INV_FIELD_SIZE, offsetof(reshape_spec, channels), 0, 1 << 24,
     .help = "channels; 0: what is left"},
    {0}};

static inv_status reshape_shape(inv_layer *layer, size_t classes)
{
    reshape_spec *spec = layer->spec;
    const size_t pixels = spec->height * spec->width, size = inv_shape_size(layer->in);
    (void)classes;
    if (spec->channels == 0)
        spec->channels = size / pixels;
    if (spec->channels == 0 || size % pixels || size / pixels != spec->channels)
        return INV_ERROR(INV_ECONFIG, "%s: %zu values do not make %zu x %zu x %zu", layer->name,
                         size, spec->height, spec->width, spec->channels);
    return inv_layer_gives(layer, (inv_shape){spec->height, spec->width, spec->channels});
}

const inv_layer_type inv_layer_reshape = {
    .name = "reshape",
    .spec_size = sizeof(reshape_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = reshape_shape,
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = inv_identity_map,
    .gradient = inv_identity_gradient,
    .mirror = inv_mirror_nothing,
};
