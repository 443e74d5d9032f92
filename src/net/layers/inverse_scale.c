/* inverse_scale: y = x / kernel, value by value, the inverse of scale;  dx = dy / kernel
 *
 * The kernel is that of the scale layer, frozen. A weight of 0 (less than TINY) lets nothing
 * through: there y is 0, and dx, too.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "net/layers.h"

#define TINY 1e-6f

static inv_status inverse_shape(inv_layer *layer, size_t classes)
{
    const size_t n = inv_shape_size(layer->in);
    (void)classes;
    layer->block_count = 1;
    layer->blocks[0] = (inv_block){"kernel", 1, {n}, .size = n, .frozen = true};
    return INV_OK;
}

static void divide(const float *restrict kernel, const gsl_matrix_float *x, gsl_matrix_float *y)
{
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++) {
        const float *restrict in = x->data + i * x->tda;
        float *restrict out = y->data + i * y->tda;
        for (size_t j = 0; j < x->size2; j++)
            out[j] = fabsf(kernel[j]) < TINY ? 0.0f : in[j] / kernel[j];
    }
}

static void inverse_forward(const inv_layer *layer, const float *params, void *state,
                            const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)state, (void)mode;
    divide(params + layer->blocks[0].offset, x, y);
}

static void inverse_backward(const inv_layer *layer, const float *params, void *state,
                             const gsl_matrix_float *x, const gsl_matrix_float *y,
                             const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)state, (void)x, (void)y, (void)dparams;
    if (dx)
        divide(params + layer->blocks[0].offset, dy, dx);
}

const inv_layer_type inv_layer_inverse_scale = {
    .name = "inverse_scale",
    .shape = inverse_shape,
    .forward = inverse_forward,
    .backward = inverse_backward,
};
