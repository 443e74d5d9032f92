/* leaky_relu: y = x where x > 0, else alpha x;  dx = dy where x > 0, else alpha dy
 *
 * Source: Maas, Hannun, Ng 2013. alpha is 0.3 unless given, as in Keras 2's LeakyReLU; TensorFlow's
 * tf.nn.leaky_relu has 0.2, PyTorch 0.01.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>

#include "net/layers.h"

typedef struct leaky_spec {
    double alpha;
} leaky_spec;

static const leaky_spec defaults = {0.3};

static const inv_field fields[] = {
    {"alpha", INV_FIELD_REAL, offsetof(leaky_spec, alpha), 1e-6, 1e6, .help = "slope below 0"},
    {0}};

static void leaky_relu(const inv_layer *layer, size_t n, const float *restrict x, float *restrict y)
{
    const float alpha = (float)((const leaky_spec *)layer->spec)->alpha;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? x[i] : alpha * x[i];
}

static void leaky_relu_gradient(const inv_layer *layer, size_t n, const float *restrict x,
                                const float *restrict y, const float *restrict dy,
                                float *restrict dx)
{
    const float alpha = (float)((const leaky_spec *)layer->spec)->alpha;
    (void)y;
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] > 0.0f ? dy[i] : alpha * dy[i];
}

/* Every value can be y: the inverse is the same layer with 1 / alpha. */
static inv_status leaky_relu_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                                    json_t *layers)
{
    const double alpha = ((const leaky_spec *)layer->spec)->alpha;
    (void)how, (void)last;
    return inv_mirror_add(layers, layer, ".undo",
                          json_pack("{ss sf}", "type", "leaky_relu", "alpha", 1.0 / alpha));
}

const inv_layer_type inv_layer_leaky_relu = {
    .name = "leaky_relu",
    .spec_size = sizeof(leaky_spec),
    .spec_default = &defaults,
    .fields = fields,
    .forward = inv_elementwise_forward,
    .backward = inv_elementwise_backward,
    .map = leaky_relu,
    .gradient = leaky_relu_gradient,
    .mirror = leaky_relu_mirror,
    .one_to_one = true,
};
