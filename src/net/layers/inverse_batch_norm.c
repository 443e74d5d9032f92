/* inverse_batch_norm: y = (x - beta) sqrt(variance + epsilon) / gamma + mean, for each channel, the
 *                     inverse of batch_norm in inference mode;  dx = dy sqrt(variance + epsilon) / gamma
 *
 * The blocks are those of the batch_norm layer, frozen. A gamma of 0 (less than TINY) lets nothing
 * through: there y is the mean, and dx is 0.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "net/layers.h"

#define TINY 1e-6f

typedef struct inverse_spec {
    size_t channels;
    double epsilon;
    bool use_gamma, use_beta;
} inverse_spec;

static const inverse_spec defaults = {0, 0.001, true, true};

static const inv_field fields[] = {
    {"channels", INV_FIELD_SIZE, offsetof(inverse_spec, channels), 1, 1 << 24, .required = true,
     .help = "channels of the batch_norm that this undoes"},
    {"epsilon", INV_FIELD_REAL, offsetof(inverse_spec, epsilon), 1e-12, 1.0,
     .help = "epsilon of the batch_norm that this undoes"},
    {"use_gamma", INV_FIELD_BOOL, offsetof(inverse_spec, use_gamma), .quiet = true,
     .help = "whether that batch_norm has a gamma"},
    {"use_beta", INV_FIELD_BOOL, offsetof(inverse_spec, use_beta), .quiet = true,
     .help = "whether that batch_norm has a beta"},
    {0}};

/* The block of that name, or NULL. */
static const float *block_of(const inv_layer *layer, const float *params, const char *name)
{
    for (size_t b = 0; b < layer->block_count; b++)
        if (strcmp(layer->blocks[b].name, name) == 0)
            return params + layer->blocks[b].offset;
    return NULL;
}

static inv_status inverse_shape(inv_layer *layer, size_t classes)
{
    static const char *const names[] = {"gamma", "beta", "mean", "variance"};
    const inverse_spec *spec = layer->spec;
    const size_t n = spec->channels;
    (void)classes;
    if (inv_shape_size(layer->in) % n)
        return INV_ERROR(INV_ECONFIG, "%s: %zu values are not of %zu channels", layer->name,
                         inv_shape_size(layer->in), n);
    for (int b = 0; b < 4; b++)
        if ((b != 0 || spec->use_gamma) && (b != 1 || spec->use_beta))
            layer->blocks[layer->block_count++] =
                (inv_block){names[b], 1, {n}, .size = n, .frozen = true};
    return INV_OK;
}

/* The state is one row: what each channel is multiplied with. */
static size_t inverse_state_size(const inv_layer *layer, size_t rows)
{
    (void)rows;
    return layer->blocks[0].size * sizeof(float);
}

static void inverse_forward(const inv_layer *layer, const float *params, void *state,
                            const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const size_t n = layer->blocks[0].size;
    const double epsilon = ((const inverse_spec *)layer->spec)->epsilon;
    const float *gamma = block_of(layer, params, "gamma"), *beta = block_of(layer, params, "beta");
    const float *mean = block_of(layer, params, "mean");
    const float *variance = block_of(layer, params, "variance");
    float *factor = state;
    (void)mode;
    for (size_t c = 0; c < n; c++) {
        const float by = gamma ? gamma[c] : 1.0f;
        factor[c] =
            fabsf(by) < TINY ? 0.0f : (float)(sqrt((double)variance[c] + epsilon) / (double)by);
    }
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j += n)
            for (size_t c = 0; c < n; c++)
                y->data[i * y->tda + j + c] =
                    (x->data[i * x->tda + j + c] - (beta ? beta[c] : 0.0f)) * factor[c] + mean[c];
}

static void inverse_backward(const inv_layer *layer, const float *params, void *state,
                             const gsl_matrix_float *x, const gsl_matrix_float *y,
                             const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const size_t n = layer->blocks[0].size;
    const float *factor = state;
    (void)params, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j += n)
            for (size_t c = 0; c < n; c++)
                dx->data[i * dx->tda + j + c] = dy->data[i * dy->tda + j + c] * factor[c];
}

const inv_layer_type inv_layer_inverse_batch_norm = {
    .name = "inverse_batch_norm",
    .spec_size = sizeof(inverse_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = inverse_shape,
    .state_size = inverse_state_size,
    .forward = inverse_forward,
    .backward = inverse_backward,
};
