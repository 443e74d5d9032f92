/* global_avg_pool: y[k] = the mean of x[i, j, k] over all pixels (i, j);  dx[i, j, k] = dy[k] / pixels
 * global_max_pool: y[k] = the largest of them;  dx = dy at the first of the largest, else 0
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "net/layers.h"

static inv_status pool_shape(inv_layer *layer, size_t classes)
{
    (void)classes;
    return inv_layer_gives(layer, (inv_shape){1, 1, layer->in.channels});
}

static void mean_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const size_t channels = layer->in.channels, pixels = x->size2 / channels;
    (void)params, (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++) {
        const float *restrict from = x->data + n * x->tda;
        float *restrict to = y->data + n * y->tda;
        memset(to, 0, channels * sizeof *to);
        for (size_t p = 0; p < pixels; p++)
            for (size_t k = 0; k < channels; k++)
                to[k] += from[p * channels + k];
        for (size_t k = 0; k < channels; k++)
            to[k] /= (float)pixels;
    }
}

static void mean_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const size_t channels = layer->in.channels, pixels = x->size2 / channels;
    (void)params, (void)state, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t k = 0; k < channels; k++)
                dx->data[n * dx->tda + p * channels + k] =
                    dy->data[n * dy->tda + k] / (float)pixels;
}

const inv_layer_type inv_layer_global_avg_pool = {
    .name = "global_avg_pool",
    .shape = pool_shape,
    .forward = mean_forward,
    .backward = mean_backward,
    .loses = "it keeps only the mean of each channel",
};

/* The first pixel with the largest value of a channel; one that is NaN counts as the largest. */
static size_t find_largest(const float *x, size_t pixels, size_t channels, size_t k)
{
    size_t at = 0;
    for (size_t p = 1; p < pixels && !isnan(x[at * channels + k]); p++)
        if (!(x[p * channels + k] <= x[at * channels + k]))
            at = p;
    return at;
}

static void max_forward(const inv_layer *layer, const float *params, void *state,
                        const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const size_t channels = layer->in.channels, pixels = x->size2 / channels;
    (void)params, (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++) {
        const float *from = x->data + n * x->tda;
        for (size_t k = 0; k < channels; k++)
            y->data[n * y->tda + k] = from[find_largest(from, pixels, channels, k) * channels + k];
    }
}

static void max_backward(const inv_layer *layer, const float *params, void *state,
                         const gsl_matrix_float *x, const gsl_matrix_float *y,
                         const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const size_t channels = layer->in.channels, pixels = x->size2 / channels;
    (void)params, (void)state, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++) {
        const float *from = x->data + n * x->tda;
        float *to = dx->data + n * dx->tda;
        memset(to, 0, dx->size2 * sizeof *to);
        for (size_t k = 0; k < channels; k++)
            to[find_largest(from, pixels, channels, k) * channels + k] = dy->data[n * dy->tda + k];
    }
}

const inv_layer_type inv_layer_global_max_pool = {
    .name = "global_max_pool",
    .shape = pool_shape,
    .forward = max_forward,
    .backward = max_backward,
    .loses = "it keeps only the largest value of each channel",
};
