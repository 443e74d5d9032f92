/* group_norm: y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over the pixels
 *             and the channels of a group, of each image by itself; formulas and gradients in
 *             net/row_norm.h
 *
 * gamma and beta are one for each channel. Keras's GroupNormalization has epsilon 0.001, PyTorch's
 * GroupNorm 1e-5. As many groups as channels (groups = 0) is instance normalisation.
 * Source: Wu, He 2018.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>

#include "net/layers.h"
#include "net/row_norm.h"

typedef struct norm_spec {
    size_t groups;
    double epsilon;
    bool use_gamma, use_beta;
} norm_spec;

static const norm_spec defaults = {
    .groups = 1, .epsilon = 0.001, .use_gamma = true, .use_beta = true};

static const inv_field fields[] = {
    {"groups", INV_FIELD_SIZE, offsetof(norm_spec, groups), 0, 1 << 24,
     .help = "groups that the channels are in; 0: each is one by itself"},
    {"epsilon", INV_FIELD_REAL, offsetof(norm_spec, epsilon), 0.0, 1.0,
     .help = "number that is added to the variance"},
    {"use_gamma", INV_FIELD_BOOL, offsetof(norm_spec, use_gamma),
     .help = "whether it scales by a learned gamma"},
    {"use_beta", INV_FIELD_BOOL, offsetof(norm_spec, use_beta),
     .help = "whether it shifts by a learned beta"},
    {0}};

static size_t group_count(const inv_layer *layer)
{
    const norm_spec *spec = layer->spec;
    return spec->groups ? spec->groups : layer->in.channels;
}

/* gamma, where there is one; then beta. */
static inv_status norm_shape(inv_layer *layer, size_t classes)
{
    const norm_spec *spec = layer->spec;
    const size_t n = layer->in.channels;
    (void)classes;
    if (n % group_count(layer))
        return INV_ERROR(INV_ECONFIG, "%s: %zu channels are not in %zu groups", layer->name, n,
                         group_count(layer));
    for (int b = 0; b < 2; b++)
        if (b ? spec->use_beta : spec->use_gamma)
            layer->blocks[layer->block_count++] =
                (inv_block){b ? "beta" : "gamma", 1, {n}, .size = n};
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
    return (inv_row_norm){.shape = layer->in,
                          .sets = group_count(layer),
                          .per_set = layer->in.channels / group_count(layer),
                          .set = {0, 0, 1},
                          .own = {0, 0, 1},
                          .own_size = layer->in.channels,
                          .epsilon = ((const norm_spec *)layer->spec)->epsilon,
                          .with_mean = true};
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

const inv_layer_type inv_layer_group_norm = {
    .name = "group_norm",
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
