/* log_softmax: y_j = x_j - max x - log(sum_k exp(x_k - max x));  dx_j = dy_j - exp(y_j) sum_k dy_k
 *
 * over a row or the channels of each pixel, as softmax.
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
    /* cppcheck-suppress invalidFunctionArg */ /* there is one value at least */
    const double shift = (double)largest + log(sum);
    for (size_t j = 0; j < n; j++)
        out[j] = (float)((double)in[j] - shift);
}

static void log_softmax_dx(const float *restrict out, const float *restrict dout,
                           float *restrict din, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
        sum += (double)dout[j];
    for (size_t j = 0; j < n; j++)
        din[j] = (float)((double)dout[j] - exp((double)out[j]) * sum);
}

static void log_softmax_forward(const inv_layer *layer, const float *params, void *state,
                                const inv_mode *mode, const gsl_matrix_float *x,
                                gsl_matrix_float *y)
{
    (void)mode, (void)params, (void)state;
    inv_over_forward(layer, log_softmax_row, x, y);
}

static void log_softmax_backward(const inv_layer *layer, const float *params, void *state,
                                 const gsl_matrix_float *x, const gsl_matrix_float *y,
                                 const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)x, (void)dparams;
    inv_over_backward(layer, log_softmax_dx, y, dy, dx);
}

const inv_layer_type inv_layer_log_softmax = {
    .name = "log_softmax",
    .spec_size = sizeof(inv_over_spec),
    .spec_default = &inv_over_defaults,
    .fields = inv_over_fields,
    .forward = log_softmax_forward,
    .backward = log_softmax_backward,
    .loses = "it keeps only differences",
};
