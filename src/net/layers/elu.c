/* elu: y = x where x > 0, else alpha (exp(x) - 1);  dx = dy where x > 0, else dy alpha exp(x)
 *
 * and alpha exp(x) is y + alpha. Source: Clevert, Unterthiner, Hochreiter 2016; alpha is 1 unless
 * given, as in Keras and PyTorch.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>

#include "kernels/kernels.h"
#include "net/layers.h"

typedef struct elu_spec {
    double alpha;
} elu_spec;

static const elu_spec defaults = {1.0};

static const inv_field fields[] = {{"alpha", INV_FIELD_REAL, offsetof(elu_spec, alpha), 1e-6, 1e6,
                                    .help = "how far below 0 values get"},
                                   {0}};

static void elu(const inv_layer *layer, size_t n, const float *x, float *y)
{
    const float alpha = (float)((const elu_spec *)layer->spec)->alpha;
    inv_kernels_best()->elu(n, alpha, x, y);
}

static void elu_gradient(const inv_layer *layer, size_t n, const float *restrict x,
                         const float *restrict y, const float *restrict dy, float *restrict dx)
{
    const float alpha = (float)((const elu_spec *)layer->spec)->alpha;
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] > 0.0f ? dy[i] : dy[i] * (y[i] + alpha);
}

static inv_status elu_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                             json_t *layers)
{
    const elu_spec *spec = layer->spec;
    (void)how, (void)last;
    return inv_mirror_add(layers, layer, ".undo",
                          json_pack("{ss sf}", "type", "inverse_elu", "alpha", spec->alpha));
}

const inv_layer_type inv_layer_elu = {
    .name = "elu",
    .spec_size = sizeof(elu_spec),
    .spec_default = &defaults,
    .fields = fields,
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = elu,
    .gradient = elu_gradient,
    .mirror = elu_mirror,
    .one_to_one = true,
};
