/* glu: the first half of the channels, times the sigmoid of the second half: with n channels,
 *      y[k] = x[k] s, s = 1 / (1 + exp(-x[n / 2 + k]));  dx[k] = dy s,
 *      dx[n / 2 + k] = dy x[k] s (1 - s)
 *
 * Source: Dauphin et al. 2016.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "net/layers.h"

static inv_status glu_shape(inv_layer *layer, size_t classes)
{
    const inv_shape in = layer->in;
    (void)classes;
    if (in.channels % 2)
        return INV_ERROR(INV_ECONFIG, "%s: glu halves the channels, but there are %zu", layer->name,
                         in.channels);
    return inv_layer_gives(layer, (inv_shape){in.height, in.width, in.channels / 2});
}

static double gate(float x)
{
    return 1.0 / (1.0 + exp(-(double)x));
}

static void glu_forward(const inv_layer *layer, const float *params, void *state,
                        const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const size_t half = layer->out.channels;
    (void)params, (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < y->size1; i++)
        for (size_t j = 0; j < y->size2; j++) {
            const float *pixel = x->data + i * x->tda + j / half * 2 * half;
            y->data[i * y->tda + j] =
                (float)((double)pixel[j % half] * gate(pixel[half + j % half]));
        }
}

static void glu_backward(const inv_layer *layer, const float *params, void *state,
                         const gsl_matrix_float *x, const gsl_matrix_float *y,
                         const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const size_t half = layer->out.channels;
    (void)params, (void)state, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < y->size1; i++)
        for (size_t j = 0; j < y->size2; j++) {
            const size_t first = j / half * 2 * half + j % half, second = first + half;
            const double s = gate(x->data[i * x->tda + second]);
            const double gradient = (double)dy->data[i * dy->tda + j];
            dx->data[i * dx->tda + first] = (float)(gradient * s);
            dx->data[i * dx->tda + second] =
                (float)(gradient * (double)x->data[i * x->tda + first] * s * (1.0 - s));
        }
}

const inv_layer_type inv_layer_glu = {
    .name = "glu",
    .shape = glu_shape,
    .forward = glu_forward,
    .backward = glu_backward,
    .loses = "it makes one value of two",
};
