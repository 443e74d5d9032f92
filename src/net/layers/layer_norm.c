/* layer_norm: y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over the axes
 *             that are said, of each image by itself; formulas and gradients in net/row_norm.h
 *
 * gamma and beta have the shape of those axes: of Keras's LayerNormalization, over channels unless
 * more are said, epsilon 0.001; of PyTorch's LayerNorm over all three, epsilon 1e-5. Without
 * subtract_mean it is RMSNormalization: y = gamma x / sqrt(mean of x^2 + epsilon).
 * Source: Ba, Kiros, Hinton 2016; Zhang, Sennrich 2019.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>

#include "net/layers.h"
#include "net/row_norm.h"

typedef struct norm_spec {
    double epsilon;
    bool height, width, channels, subtract_mean, use_gamma, use_beta;
} norm_spec;

static const norm_spec defaults = {
    .epsilon = 0.001, .channels = true, .subtract_mean = true, .use_gamma = true, .use_beta = true};

static const inv_field fields[] = {
    {"epsilon", INV_FIELD_REAL, offsetof(norm_spec, epsilon), 0.0, 1.0,
     .help = "number that is added to the variance"},
    {"over_height", INV_FIELD_BOOL, offsetof(norm_spec, height),
     .help = "whether the mean and variance are over all rows of the image"},
    {"over_width", INV_FIELD_BOOL, offsetof(norm_spec, width), .help = "the same of columns"},
    {"over_channels", INV_FIELD_BOOL, offsetof(norm_spec, channels),
     .help = "the same of channels"},
    {"subtract_mean", INV_FIELD_BOOL, offsetof(norm_spec, subtract_mean),
     .help = "whether the mean is subtracted; without, it is RMS normalisation"},
    {"use_gamma", INV_FIELD_BOOL, offsetof(norm_spec, use_gamma),
     .help = "whether it scales by a learned gamma"},
    {"use_beta", INV_FIELD_BOOL, offsetof(norm_spec, use_beta),
     .help = "whether it shifts by a learned beta"},
    {0}};

/* gamma, where there is one; then beta. */
static inv_status norm_shape(inv_layer *layer, size_t classes)
{
    const norm_spec *spec = layer->spec;
    const inv_shape in = layer->in;
    const inv_shape own = {spec->height ? in.height : 1, spec->width ? in.width : 1,
                           spec->channels ? in.channels : 1};
    (void)classes;
    if (!spec->height && !spec->width && !spec->channels)
        return INV_ERROR(INV_ECONFIG,
                         "%s: over nothing; set over_channels, over_height or over_width",
                         layer->name);
    for (int b = 0; b < 2; b++)
        if (b ? spec->use_beta : spec->use_gamma)
            layer->blocks[layer->block_count++] = (inv_block){b ? "beta" : "gamma",
                                                              3,
                                                              {own.height, own.width, own.channels},
                                                              .size = inv_shape_size(own)};
    return INV_OK;
}

static void norm_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    (void)rng;
    for (size_t b = 0; b < layer->block_count; b++)
        for (size_t k = 0; k < layer->blocks[b].size; k++)
            params[layer->blocks[b].offset + k] = layer->blocks[b].name[0] == 'g' ? 1.0f : 0.0f;
}

static inv_row_norm norm_of(const inv_layer *layer)
{
    const norm_spec *spec = layer->spec;
    const inv_shape in = layer->in;
    const size_t rows = spec->height ? 1 : in.height, columns = spec->width ? 1 : in.width;
    const size_t channels = spec->channels ? 1 : in.channels;
    const size_t own_channels = spec->channels ? in.channels : 1;
    const size_t own_columns = spec->width ? in.width : 1;
    return (inv_row_norm){.shape = in,
                          .sets = rows * columns * channels,
                          .per_set = 1,
                          .set = {spec->height ? 0 : columns * channels, spec->width ? 0 : channels,
                                  spec->channels ? 0 : 1},
                          .own = {spec->height ? own_columns * own_channels : 0,
                                  spec->width ? own_channels : 0, spec->channels ? 1 : 0},
                          .own_size = (spec->height ? in.height : 1) * own_columns * own_channels,
                          .epsilon = spec->epsilon,
                          .with_mean = spec->subtract_mean};
}

static size_t norm_state_size(const inv_layer *layer, size_t rows)
{
    const inv_row_norm n = norm_of(layer);
    return inv_row_norm_state_size(&n, rows);
}

/* The block of that name in `of`, parameters or their gradient; NULL where there is none. */
static float *own(const inv_layer *layer, const char *name, const float *of)
{
    for (size_t b = 0; of && b < layer->block_count; b++)
        if (layer->blocks[b].name[0] == name[0])
            return (float *)of + layer->blocks[b].offset;
    return NULL;
}

static void norm_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const inv_row_norm n = norm_of(layer);
    (void)mode;
    inv_row_norm_forward(&n, own(layer, "gamma", params), own(layer, "beta", params), state, x, y);
}

static void norm_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const inv_row_norm n = norm_of(layer);
    (void)y;
    inv_row_norm_backward(&n, own(layer, "gamma", params), state, x, dy,
                          own(layer, "gamma", dparams), own(layer, "beta", dparams), dx);
}

const inv_layer_type inv_layer_layer_norm = {
    .name = "layer_norm",
    .spec_size = sizeof(norm_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = norm_shape,
    .init = norm_init,
    .state_size = norm_state_size,
    .forward = norm_forward,
    .backward = norm_backward,
    .loses = "it keeps neither the mean nor the size of what it normalises",
};
