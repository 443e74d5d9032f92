/* inverse_elu: y = x where x > 0, else log(1 + x / alpha), the inverse of elu
 *              dx = dy where x > 0, else dy / (x + alpha)
 *
 * and below -alpha / 2 straight on, y = 1 - log 2 + 2 x / alpha, dx = 2 dy / alpha: x is an
 * estimate, which may lie below -alpha, and whose errors the logarithm there would make many times
 * as large.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>

#include "kernels/kernels.h"
#include "net/layers.h"

typedef struct inverse_spec {
    double alpha;
} inverse_spec;

static const inverse_spec defaults = {1.0};

static const inv_field fields[] = {{"alpha", INV_FIELD_REAL, offsetof(inverse_spec, alpha), 1e-6,
                                    1e6, .help = "alpha of the elu that this undoes"},
                                   {0}};

static void inverse_elu(const inv_layer *layer, size_t n, const float *x, float *y)
{
    const float alpha = (float)((const inverse_spec *)layer->spec)->alpha;
    inv_kernels_best()->inverse_elu(n, alpha, x, y);
}

static void inverse_elu_gradient(const inv_layer *layer, size_t n, const float *restrict x,
                                 const float *restrict y, const float *restrict dy,
                                 float *restrict dx)
{
    const float alpha = (float)((const inverse_spec *)layer->spec)->alpha;
    (void)y;
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] > 0.0f ? dy[i] : dy[i] / (fmaxf(x[i], -0.5f * alpha) + alpha);
}

const inv_layer_type inv_layer_inverse_elu = {
    .name = "inverse_elu",
    .spec_size = sizeof(inverse_spec),
    .spec_default = &defaults,
    .fields = fields,
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = inverse_elu,
    .gradient = inverse_elu_gradient,
};
