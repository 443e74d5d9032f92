/* logit: y = log(x / (1 - x)), the inverse of sigmoid;  dx = dy / (x (1 - x))
 *
 * x lies inside (0, 1), as squash leaves it. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "layers.h"

static void logit_forward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)layer, (void)params, (void)state;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < x->size1; i++) {
        const float *restrict in = x->data + i * x->tda;
        float *restrict out = y->data + i * y->tda;
        for (size_t j = 0; j < x->size2; j++)
            out[j] = logf(in[j] / (1.0f - in[j]));
    }
}

static void logit_backward(const inv_layer *layer, const float *params, void *state,
                           const gsl_matrix_float *x, const gsl_matrix_float *y,
                           const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)layer, (void)params, (void)state, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < x->size1; i++) {
        const float *restrict in = x->data + i * x->tda, *restrict dout = dy->data + i * dy->tda;
        float *restrict din = dx->data + i * dx->tda;
        for (size_t j = 0; j < x->size2; j++)
            din[j] = dout[j] / (in[j] * (1.0f - in[j]));
    }
}

const inv_layer_type inv_layer_logit = {
    .name = "logit",
    .forward = logit_forward,
    .backward = logit_backward,
};
