/* softplus: y = log(1 + exp(x));  dx = dy / (1 + exp(-x))
 *
 * worked as max(x, 0) + log(1 + exp(-|x|)), which neither overflows nor loses small values. With
 * PyTorch's keys, y = log(1 + exp(beta x)) / beta, and x itself where beta x > threshold.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>

#include <jansson.h>

#include "kernels/kernels.h"
#include "net/layers.h"

typedef struct softplus_spec {
    double beta, threshold; /* threshold 0: none */
} softplus_spec;

static const softplus_spec defaults = {1.0, 0.0};

static const inv_field fields[] = {
    {"beta", INV_FIELD_REAL, offsetof(softplus_spec, beta), 1e-6, 1e6, .quiet = true,
     .help = "how sharp the corner is"},
    {"threshold", INV_FIELD_REAL, offsetof(softplus_spec, threshold), 0.0, 1e6, .quiet = true,
     .help = "values that are above this, times beta, stay as they are; 0: none do"},
    {0}};

static bool is_usual(const softplus_spec *s)
{
    return s->beta >= 1.0 && s->beta <= 1.0 && s->threshold <= 0.0;
}

static bool is_above(const softplus_spec *s, double x)
{
    return s->threshold > 0.0 && s->beta * x > s->threshold;
}

static void softplus(const inv_layer *layer, size_t n, const float *x, float *y)
{
    const softplus_spec *s = layer->spec;
    if (is_usual(s)) {
        inv_kernels_best()->softplus(n, x, y);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const double z = s->beta * (double)x[i];
        y[i] = is_above(s, (double)x[i]) ? x[i]
                                         : (float)((fmax(z, 0.0) + log1p(exp(-fabs(z)))) / s->beta);
    }
}

static void softplus_gradient(const inv_layer *layer, size_t n, const float *x, const float *y,
                              const float *dy, float *dx)
{
    const softplus_spec *s = layer->spec;
    (void)y;
    if (is_usual(s)) {
        inv_kernels_best()->softplus_gradient(n, x, dy, dx);
        return;
    }
    for (size_t i = 0; i < n; i++)
        dx[i] = is_above(s, (double)x[i])
                    ? dy[i]
                    : (float)((double)dy[i] / (1.0 + exp(-s->beta * (double)x[i])));
}

/* y beta is the softplus of x beta. */
static inv_status softplus_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                                  json_t *layers)
{
    const softplus_spec *s = layer->spec;
    inv_status status = INV_OK;
    (void)how, (void)last;
    if (!is_usual(s))
        INV_TRY(inv_mirror_add(layers, layer, ".times",
                               json_pack("{ss sf}", "type", "rescale", "scale", s->beta)));
    INV_TRY(inv_mirror_add(layers, layer, ".undo", json_pack("{ss}", "type", "inverse_softplus")));
    if (!is_usual(s))
        INV_TRY(inv_mirror_add(layers, layer, ".over",
                               json_pack("{ss sf}", "type", "rescale", "scale", 1.0 / s->beta)));
done:
    return status;
}

const inv_layer_type inv_layer_softplus = {
    .name = "softplus",
    .spec_size = sizeof(softplus_spec),
    .spec_default = &defaults,
    .fields = fields,
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = softplus,
    .gradient = softplus_gradient,
    .mirror = softplus_mirror,
    .one_to_one = true,
};
