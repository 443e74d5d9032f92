/* log_softmax: y_j = x_j - max x - log(sum_k exp(x_k - max x));  dx_j = dy_j - exp(y_j) sum_k dy_k
 *
 * over the whole row, as softmax.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "net/layers.h"

static void log_softmax_row(const float *restrict in, float *restrict out, size_t n)
{
    float largest = in[0];
    double sum = 0.0;
    for (size_t j = 1; j < n; j++)
        largest = in[j] > largest ? in[j] : largest;
    for (size_t j = 0; j < n; j++)
        sum += exp((double)in[j] - (double)largest);
    const double shift = (double)largest + log(sum);
    for (size_t j = 0; j < n; j++)
        out[j] = (float)((double)in[j] - shift);
}

static void log_softmax_forward(const inv_layer *layer, const float *params, void *state,
                                const inv_mode *mode, const gsl_matrix_float *x,
                                gsl_matrix_float *y)
{
    (void)mode, (void)layer, (void)params, (void)state;
    for (size_t i = 0; i < x->size1; i++)
        log_softmax_row(x->data + i * x->tda, y->data + i * y->tda, x->size2);
}

static void log_softmax_backward(const inv_layer *layer, const float *params, void *state,
                                 const gsl_matrix_float *x, const gsl_matrix_float *y,
                                 const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)layer, (void)params, (void)state, (void)x, (void)dparams;
    for (size_t i = 0; dx && i < y->size1; i++) {
        const float *restrict out = y->data + i * y->tda, *restrict dout = dy->data + i * dy->tda;
        float *restrict din = dx->data + i * dx->tda;
        double sum = 0.0;
        for (size_t j = 0; j < y->size2; j++)
            sum += (double)dout[j];
        for (size_t j = 0; j < y->size2; j++)
            din[j] = (float)((double)dout[j] - exp((double)out[j]) * sum);
    }
}

const inv_layer_type inv_layer_log_softmax = {
    .name = "log_softmax",
    .forward = log_softmax_forward,
    .backward = log_softmax_backward,
    .loses = "it keeps only differences",
};
