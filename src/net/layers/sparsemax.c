/* sparsemax: y_j = max(x_j - t, 0), t such that they add up to 1: probabilities, of which many are 0
 *            dx_j = dy_j - the mean of dy over those that are not 0;  0 for the others
 *
 * over a row or the channels of each pixel, as softmax. t is found by leaving out, again and again, what does not exceed
 * (sum of the rest - 1) / how many. Source: Martins, Astudillo 2016; Michelot 1986.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "net/layers.h"

static double find_threshold(const float *x, size_t n)
{
    double threshold = -INFINITY;
    for (size_t kept = n + 1;;) {
        double sum = 0.0;
        size_t count = 0;
        for (size_t j = 0; j < n; j++)
            if (!((double)x[j] <= threshold)) { /* NaN stays, and is passed on */
                sum += (double)x[j];
                count++;
            }
        if (count == 0 || count >= kept)
            return threshold;
        kept = count;
        threshold = (sum - 1.0) / (double)count;
    }
}

static void sparsemax_row(const float *in, float *out, size_t n)
{
    const double threshold = find_threshold(in, n);
    for (size_t j = 0; j < n; j++) {
        const double over = (double)in[j] - threshold;
        out[j] = over < 0.0 ? 0.0f : (float)over;
    }
}

static void sparsemax_dx(const float *out, const float *gradient, float *dx, size_t n)
{
    double sum = 0.0, count = 0.0;
    for (size_t j = 0; j < n; j++)
        if (out[j] != 0.0f) {
            sum += (double)gradient[j];
            count += 1.0;
        }
    for (size_t j = 0; j < n; j++)
        dx[j] = out[j] != 0.0f ? (float)((double)gradient[j] - sum / count) : 0.0f;
}

static void sparsemax_forward(const inv_layer *layer, const float *params, void *state,
                              const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)mode, (void)params, (void)state;
    inv_over_forward(layer, sparsemax_row, x, y);
}

static void sparsemax_backward(const inv_layer *layer, const float *params, void *state,
                               const gsl_matrix_float *x, const gsl_matrix_float *y,
                               const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)x, (void)dparams;
    inv_over_backward(layer, sparsemax_dx, y, dy, dx);
}

const inv_layer_type inv_layer_sparsemax = {
    .name = "sparsemax",
    .spec_size = sizeof(inv_over_spec),
    .spec_default = &inv_over_defaults,
    .fields = inv_over_fields,
    .forward = sparsemax_forward,
    .backward = sparsemax_backward,
    .loses = "it keeps only differences, and not all",
};
