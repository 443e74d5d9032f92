/* sparsemax: y_j = max(x_j - t, 0), t such that they add up to 1: probabilities, of which many are 0
 *            dx_j = dy_j - the mean of dy over those that are not 0;  0 for the others
 *
 * over the whole row, as softmax. t is found by leaving out, again and again, what does not exceed
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

static void sparsemax_forward(const inv_layer *layer, const float *params, void *state,
                              const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)mode, (void)layer, (void)params, (void)state;
    for (size_t i = 0; i < x->size1; i++) {
        const float *in = x->data + i * x->tda;
        const double threshold = find_threshold(in, x->size2);
        for (size_t j = 0; j < x->size2; j++) {
            const double over = (double)in[j] - threshold;
            y->data[i * y->tda + j] = over < 0.0 ? 0.0f : (float)over;
        }
    }
}

static void sparsemax_backward(const inv_layer *layer, const float *params, void *state,
                               const gsl_matrix_float *x, const gsl_matrix_float *y,
                               const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)layer, (void)params, (void)state, (void)x, (void)dparams;
    for (size_t i = 0; dx && i < y->size1; i++) {
        const float *out = y->data + i * y->tda, *gradient = dy->data + i * dy->tda;
        double sum = 0.0, count = 0.0;
        for (size_t j = 0; j < y->size2; j++)
            if (out[j] != 0.0f) {
                sum += (double)gradient[j];
                count += 1.0;
            }
        for (size_t j = 0; j < y->size2; j++)
            dx->data[i * dx->tda + j] =
                out[j] != 0.0f ? (float)((double)gradient[j] - sum / count) : 0.0f;
    }
}

const inv_layer_type inv_layer_sparsemax = {
    .name = "sparsemax",
    .forward = sparsemax_forward,
    .backward = sparsemax_backward,
    .loses = "it keeps only differences, and not all",
};
