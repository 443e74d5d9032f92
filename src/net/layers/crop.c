/* crop: an image without its first `top` and last `bottom` rows, its first `left` and last `right`
 * columns (Keras's Cropping2D);  dx is dy, with zeros around it
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>

#include "net/layers.h"
#include "net/resample.h"

typedef struct crop_spec {
    size_t top, bottom, left, right;
} crop_spec;

static const crop_spec defaults = {0, 0, 0, 0};

static const inv_field fields[] = {
    {"top", INV_FIELD_SIZE, offsetof(crop_spec, top), 0, 1 << 24, .help = "rows cut off above"},
    {"bottom", INV_FIELD_SIZE, offsetof(crop_spec, bottom), 0, 1 << 24,
     .help = "rows cut off below"},
    {"left", INV_FIELD_SIZE, offsetof(crop_spec, left), 0, 1 << 24,
     .help = "columns cut off on the left"},
    {"right", INV_FIELD_SIZE, offsetof(crop_spec, right), 0, 1 << 24,
     .help = "columns cut off on the right"},
    {0}};

static inv_status crop_shape(inv_layer *layer, size_t classes)
{
    const crop_spec *spec = layer->spec;
    const inv_shape in = layer->in;
    const size_t rows = spec->top + spec->bottom, columns = spec->left + spec->right;
    (void)classes;
    if (rows >= in.height || columns >= in.width)
        return INV_ERROR(INV_ECONFIG, "%s: nothing is left of an image of %zu x %zu", layer->name,
                         in.height, in.width);
    return inv_layer_gives(layer, (inv_shape){in.height - rows, in.width - columns, in.channels});
}

static inv_taps taps(const inv_layer *layer, bool column, size_t i)
{
    const crop_spec *spec = layer->spec;
    return (inv_taps){{i + (column ? spec->left : spec->top), 0}, {1.0f, 0.0f}};
}

static void crop_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)params, (void)state, (void)mode;
    inv_resample_forward(layer, taps, 0.0f, x, y);
}

static void crop_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)x, (void)y, (void)dparams;
    if (dx)
        inv_resample_backward(layer, taps, dy, dx);
}

const inv_layer_type inv_layer_crop = {
    .name = "crop",
    .spec_size = sizeof(crop_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = crop_shape,
    .forward = crop_forward,
    .backward = crop_backward,
    .loses = "it keeps only a part of the image",
};
