/* depth_to_space: channels laid out as blocks of b x b pixels: of c b^2 channels come c,
 *
 *     y[i b + r, j b + s, k] = x[i, j, k b^2 + r b + s]      order "crd": PyTorch's PixelShuffle
 *     y[i b + r, j b + s, k] = x[i, j, (r b + s) c + k]      order "dcr": TensorFlow, ONNX's default
 *
 * space_to_depth: the way back, PixelUnshuffle;  dx is dy, put back
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <string.h>

#include "net/layers.h"

typedef struct block_spec {
    size_t block;
    char order[INV_NAME_MAX];
} block_spec;

static const block_spec defaults = {2, "crd"};

static const inv_choice orders[] = {
    {"crd", "the pixels of a block lie side by side, as in PyTorch"},
    {"dcr", "the channels of a pixel do, as in TensorFlow"},
    {0}};

static const inv_field fields[] = {{"block", INV_FIELD_SIZE, offsetof(block_spec, block), 1, 1024,
                                    .help = "height and width of a block, in pixels"},
                                   {"order", INV_FIELD_NAME, offsetof(block_spec, order),
                                    .choices = orders,
                                    .help = "how the values of a block lie among channels"},
                                   {0}};

static inv_status deep_shape(inv_layer *layer, size_t classes)
{
    const size_t b = ((const block_spec *)layer->spec)->block;
    const inv_shape in = layer->in;
    (void)classes;
    if (in.channels % (b * b))
        return INV_ERROR(INV_ECONFIG, "%s: %zu channels do not make blocks of %zu x %zu",
                         layer->name, in.channels, b, b);
    return inv_layer_gives(layer, (inv_shape){in.height * b, in.width * b, in.channels / (b * b)});
}

static inv_status wide_shape(inv_layer *layer, size_t classes)
{
    const size_t b = ((const block_spec *)layer->spec)->block;
    const inv_shape in = layer->in;
    (void)classes;
    if (in.height % b || in.width % b)
        return INV_ERROR(INV_ECONFIG, "%s: %zu x %zu pixels do not divide into blocks of %zu x %zu",
                         layer->name, in.height, in.width, b, b);
    return inv_layer_gives(layer, (inv_shape){in.height / b, in.width / b, in.channels * b * b});
}

/* One image from `deep` to `wide`, or back; `shape` is that of the deep one. */
static void move(const block_spec *spec, inv_shape shape, float *deep, float *wide, bool back)
{
    const size_t b = spec->block, count = shape.channels / (b * b);
    const bool by_pixel = strcmp(spec->order, "dcr") == 0;
    for (size_t i = 0; i < shape.height * b; i++)
        for (size_t j = 0; j < shape.width * b; j++)
            for (size_t k = 0; k < count; k++, wide++) {
                const size_t place = i % b * b + j % b;
                const size_t channel = by_pixel ? place * count + k : k * b * b + place;
                float *at = deep + (i / b * shape.width + j / b) * shape.channels + channel;
                *(back ? at : wide) = back ? *wide : *at;
            }
}

static void move_all(const inv_layer *layer, inv_shape shape, const gsl_matrix_float *from,
                     gsl_matrix_float *to, bool back)
{
#pragma omp parallel for schedule(static) if (from->size1 * from->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < from->size1; n++) {
        float *a = from->data + n * from->tda, *b = to->data + n * to->tda;
        move(layer->spec, shape, back ? b : a, back ? a : b, back);
    }
}

static void deep_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)params, (void)state, (void)mode;
    move_all(layer, layer->in, x, y, false);
}

static void deep_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)x, (void)y, (void)dparams;
    if (dx)
        move_all(layer, layer->in, dy, dx, true);
}

static void wide_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)params, (void)state, (void)mode;
    move_all(layer, layer->out, x, y, true);
}

static void wide_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)x, (void)y, (void)dparams;
    if (dx)
        move_all(layer, layer->out, dy, dx, false);
}

const inv_layer_type inv_layer_depth_to_space = {
    .name = "depth_to_space",
    .spec_size = sizeof(block_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = deep_shape,
    .forward = deep_forward,
    .backward = deep_backward,
};

const inv_layer_type inv_layer_space_to_depth = {
    .name = "space_to_depth",
    .spec_size = sizeof(block_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = wide_shape,
    .forward = wide_forward,
    .backward = wide_backward,
};
