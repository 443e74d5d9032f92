/* softmax: y_j = exp(x_j - max x) / sum_k exp(x_k - max x);  dx_j = y_j (dy_j - sum_k dy_k y_k)
 *
 * over the values of a row, or, where `over` says so, the channels of each pixel (Keras's axis -1).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/kernels.h"
#include "net/layers.h"

static void softmax_row(const inv_kernels *kernels, const float *in, float *out, size_t n)
{
    float smallest = 0.0f, largest = 0.0f;
    kernels->range(n, in, &smallest, &largest);
    const float sum = kernels->exp_shifted(n, in, largest, out);
    for (size_t j = 0; j < n; j++)
        out[j] /= sum;
}

static void softmax_dx(const float *restrict out, const float *restrict dout, float *restrict din,
                       size_t n)
{
    float dot = 0.0f;
    for (size_t j = 0; j < n; j++)
        dot += dout[j] * out[j];
    for (size_t j = 0; j < n; j++)
        din[j] = out[j] * (dout[j] - dot);
}

static void softmax_forward(const inv_layer *layer, const float *params, void *state,
                            const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const inv_kernels *kernels = inv_kernels_best();
    const size_t n = inv_over(layer, x->size2);
    (void)mode, (void)params, (void)state;
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j += n)
            softmax_row(kernels, x->data + i * x->tda + j, y->data + i * y->tda + j, n);
}

static void softmax_backward(const inv_layer *layer, const float *params, void *state,
                             const gsl_matrix_float *x, const gsl_matrix_float *y,
                             const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)x, (void)dparams;
    inv_over_backward(layer, softmax_dx, y, dy, dx);
}

const inv_layer_type inv_layer_softmax = {
    .name = "softmax",
    .spec_size = sizeof(inv_over_spec),
    .spec_default = &inv_over_defaults,
    .fields = inv_over_fields,
    .forward = softmax_forward,
    .backward = softmax_backward,
    .loses = "it keeps only ratios",
};
