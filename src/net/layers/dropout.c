/* dropout: in training y = x / (1 - rate) where a value is kept, else 0; dx as y, of dy
 *          in inference mode y = x, dx = dy
 *
 * Source: Srivastava et al. 2014, inverted as in Keras and PyTorch, so that the mean stays. Each
 * value is dropped with probability `rate`. Which ones depends on the step's key, the row and the
 * unit alone: a run that is resumed drops the same, on any number of threads.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/layers.h"

typedef struct dropout_spec {
    double rate;
} dropout_spec;

static const dropout_spec defaults = {0.5};

static const inv_field fields[] = {{"rate", INV_FIELD_REAL, offsetof(dropout_spec, rate), 0.0,
                                    0.999999, .help = "part of the values that are dropped"},
                                   {0}};

typedef struct dropout_state {
    bool training;
    uint8_t kept[]; /* [rows, units] */
} dropout_state;

static size_t dropout_state_size(const inv_layer *layer, size_t rows)
{
    return sizeof(dropout_state) + rows * inv_shape_size(layer->in);
}

/* Each number decides on two units: one by its lower half, one by its upper. */
static void choose(uint64_t key, double rate, uint8_t *kept, size_t n)
{
    const uint64_t limit = (uint64_t)(rate * 0x1p32);
    for (size_t j = 0; j < n; j += 2) {
        const uint64_t bits = inv_rng_mix(key, j / 2);
        kept[j] = (uint32_t)bits >= limit;
        if (j + 1 < n)
            kept[j + 1] = bits >> 32 >= limit;
    }
}

static void keep_scaled(const uint8_t *restrict kept, float scale, const float *restrict x,
                        float *restrict y, size_t n)
{
    for (size_t j = 0; j < n; j++)
        y[j] = kept[j] ? scale * x[j] : 0.0f;
}

static float scale_of(const inv_layer *layer)
{
    return (float)(1.0 / (1.0 - ((const dropout_spec *)layer->spec)->rate));
}

static void dropout_forward(const inv_layer *layer, const float *params, void *memory,
                            const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const dropout_spec *spec = layer->spec;
    dropout_state *state = memory;
    state->training = mode->training;
    if (!state->training) {
        inv_elementwise_forward(layer, params, memory, mode, x, y);
        return;
    }
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++) {
        uint8_t *kept = state->kept + i * x->size2;
        choose(inv_rng_mix(mode->key, mode->first + i), spec->rate, kept, x->size2);
        keep_scaled(kept, scale_of(layer), x->data + i * x->tda, y->data + i * y->tda, x->size2);
    }
}

static void dropout_backward(const inv_layer *layer, const float *params, void *memory,
                             const gsl_matrix_float *x, const gsl_matrix_float *y,
                             const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const dropout_state *state = memory;
    if (!state->training) {
        inv_elementwise_backward(layer, params, memory, x, y, dy, dparams, dx);
        return;
    }
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        keep_scaled(state->kept + i * x->size2, scale_of(layer), dy->data + i * dy->tda,
                    dx->data + i * dx->tda, x->size2);
}

const inv_layer_type inv_layer_dropout = {
    .name = "dropout",
    .spec_size = sizeof(dropout_spec),
    .spec_default = &defaults,
    .fields = fields,
    .state_size = dropout_state_size,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .map = inv_identity_map, /* in inference mode */
    .gradient = inv_identity_gradient,
    .mirror = inv_mirror_nothing, /* an inverse is of the net in inference mode */
};
