/* relu: y = max(x, 0);  dx = dy where x > 0, else 0 (at 0 too, as in Keras and PyTorch)
 *
 * with Keras's keys, where they are given:
 *
 *     y = max_value                       where x >= max_value
 *         x                               where threshold <= x < max_value
 *         negative_slope (x - threshold)  below
 *
 * NaN stays NaN, so that a training run that diverges shows it.
 *
 * An inverse takes the estimate of y for x as it is. Where y > 0 that is what x was; where y is 0,
 * x may have been any value down from 0, and an estimate a little below is as good as 0. Bringing
 * such estimates up to 0 has been tried: units that lie below 0 for every image then have no
 * gradient and never come back (on MNIST, all images came out alike).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>

#include <jansson.h>

#include "kernels/kernels.h"
#include "net/layers.h"

typedef struct relu_spec {
    double max_value; /* 0: none */
    double negative_slope, threshold;
} relu_spec;

static const relu_spec defaults = {0.0, 0.0, 0.0};

static const inv_field fields[] = {
    {"max_value", INV_FIELD_REAL, offsetof(relu_spec, max_value), 0.0, 1e30, .quiet = true,
     .help = "no value is above this (6: relu6); 0: no limit"},
    {"negative_slope", INV_FIELD_REAL, offsetof(relu_spec, negative_slope), 0.0, 1e6, .quiet = true,
     .help = "slope below the threshold"},
    {"threshold", INV_FIELD_REAL, offsetof(relu_spec, threshold), -1e30, 1e30, .quiet = true,
     .help = "values above this stay as they are"},
    {0}};

static bool is_usual(const relu_spec *s)
{
    return s->max_value <= 0.0 && s->negative_slope <= 0.0 && s->threshold >= 0.0 &&
           s->threshold <= 0.0;
}

static void bent(const relu_spec *s, size_t n, const float *restrict x, float *restrict y)
{
    const float slope = (float)s->negative_slope, threshold = (float)s->threshold;
    const float most = s->max_value > 0.0 ? (float)s->max_value : INFINITY;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] >= most ? most : x[i] >= threshold ? x[i] : slope * (x[i] - threshold);
}

static void bent_gradient(const relu_spec *s, size_t n, const float *restrict x,
                          const float *restrict dy, float *restrict dx)
{
    const float slope = (float)s->negative_slope, threshold = (float)s->threshold;
    const float most = s->max_value > 0.0 ? (float)s->max_value : INFINITY;
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (x[i] >= most ? 0.0f : x[i] > threshold ? 1.0f : slope);
}

static void relu(const inv_layer *layer, size_t n, const float *restrict x, float *restrict y)
{
    if (is_usual(layer->spec))
        inv_kernels_best()->relu(n, x, y);
    else
        bent(layer->spec, n, x, y);
}

static void relu_gradient(const inv_layer *layer, size_t n, const float *restrict x,
                          const float *restrict y, const float *restrict dy, float *restrict dx)
{
    if (is_usual(layer->spec))
        inv_kernels_best()->relu_gradient(n, y, dy, dx);
    else
        bent_gradient(layer->spec, n, x, dy, dx);
}

/* With a slope and a corner at 0 it is a leaky_relu, which has an inverse below 0 too. */
static inv_status relu_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                              json_t *layers)
{
    const relu_spec *s = layer->spec;
    if (s->negative_slope < 1e-6 || s->threshold < 0.0 || s->threshold > 0.0)
        return inv_mirror_nothing(layer, how, last, layers);
    return inv_mirror_add(
        layers, layer, ".undo",
        json_pack("{ss sf}", "type", "leaky_relu", "alpha", 1.0 / s->negative_slope));
}

const inv_layer_type inv_layer_relu = {
    .name = "relu",
    .spec_size = sizeof(relu_spec),
    .spec_default = &defaults,
    .fields = fields,
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = relu,
    .gradient = relu_gradient,
    .mirror = relu_mirror,
};
