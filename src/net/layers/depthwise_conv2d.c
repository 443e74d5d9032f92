/* depthwise_conv2d: each channel has kernels of its own, `multiplier` of them, and no channels are
 *                   mixed. With out = k multiplier + m:
 *                   y[i, j, out] = bias[out] + sum over rows r, columns c of the window of
 *                                  x[i stride + r dilation, j stride + c dilation, k] kernel[r, c, k, m]
 *
 * which is conv2d with as many groups as channels; gradients as there. Axes and the order of what
 * comes out are Keras's.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/convolve.h"
#include "net/layers.h"

typedef struct depthwise_spec {
    size_t multiplier;
    inv_window_spec window;
    bool use_bias;
    inv_init kernel, bias;
} depthwise_spec;

static const depthwise_spec defaults = {.multiplier = 1,
                                        .window = {.stride = 1, .padding = "valid", .dilation = 1},
                                        .use_bias = true,
                                        .kernel = {"truncated_normal", 0.1, 0.0},
                                        .bias = {"constant", 0.0, 0.0}};

static const inv_field fields[] = {
    {"multiplier", INV_FIELD_SIZE, offsetof(depthwise_spec, multiplier), 1, 1 << 20,
     .help = "channels that come out for each that goes in"},
    INV_WINDOW_FIELDS(offsetof(depthwise_spec, window)),
    INV_DILATION_FIELDS(offsetof(depthwise_spec, window)),
    {"use_bias", INV_FIELD_BOOL, offsetof(depthwise_spec, use_bias),
     .help = "whether a bias is added"},
    INV_INIT_FIELD("kernel", offsetof(depthwise_spec, kernel), "initial values of the kernels"),
    INV_INIT_FIELD("bias", offsetof(depthwise_spec, bias), "initial values of the biases"),
    {0}};

enum { KERNEL, BIAS };

static inv_status depthwise_shape(inv_layer *layer, size_t classes)
{
    depthwise_spec *spec = layer->spec;
    const size_t in = layer->in.channels, each = spec->multiplier;
    inv_window w;
    inv_status status = inv_window_shape(layer, &spec->window, &w);
    (void)classes;
    if (status == INV_OK) /* first, so that in * each is known to fit */
        status = inv_layer_gives(layer, (inv_shape){w.out_height, w.out_width, in * each});
    if (status != INV_OK)
        return status;
    layer->block_count = spec->use_bias ? 2 : 1;
    layer->blocks[KERNEL] = (inv_block){
        "kernel", 4, {w.height, w.width, in, each}, .size = w.height * w.width * in * each};
    layer->blocks[BIAS] = (inv_block){"bias", 1, {in * each}, .size = in * each};
    return INV_OK;
}

static void depthwise_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    const depthwise_spec *spec = layer->spec;
    inv_block_fill(&layer->blocks[KERNEL], &spec->kernel, params, rng);
    if (spec->use_bias)
        inv_block_fill(&layer->blocks[BIAS], &spec->bias, params, rng);
}

static inv_convolution convolution(const inv_layer *layer)
{
    const depthwise_spec *spec = layer->spec;
    return (inv_convolution){inv_window_over(layer->in, &spec->window), layer->out.channels,
                             layer->in.channels};
}

static size_t depthwise_state_size(const inv_layer *layer, size_t rows)
{
    const inv_convolution c = convolution(layer);
    return inv_convolve_state_size(&c, rows);
}

static void depthwise_forward(const inv_layer *layer, const float *params, void *state,
                              const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const depthwise_spec *spec = layer->spec;
    const inv_convolution c = convolution(layer);
    const float *bias = spec->use_bias ? params + layer->blocks[BIAS].offset : NULL;
    (void)mode;
    inv_convolve(&c, params + layer->blocks[KERNEL].offset, bias, state, x, y);
}

static void depthwise_backward(const inv_layer *layer, const float *params, void *state,
                               const gsl_matrix_float *x, const gsl_matrix_float *y,
                               const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const depthwise_spec *spec = layer->spec;
    const inv_convolution c = convolution(layer);
    const inv_block *kernel = &layer->blocks[KERNEL];
    (void)y;
    if (dparams)
        inv_convolve_gradient(&c, x, dy, state, dparams + kernel->offset);
    if (dparams && spec->use_bias)
        inv_convolve_bias(dy, c.out, state, dparams + layer->blocks[BIAS].offset);
    if (dx)
        inv_convolve_back(&c, params + kernel->offset, NULL, state, dy, dx);
}

const inv_layer_type inv_layer_depthwise_conv2d = {
    .name = "depthwise_conv2d",
    .spec_size = sizeof(depthwise_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = depthwise_shape,
    .init = depthwise_init,
    .state_size = depthwise_state_size,
    .forward = depthwise_forward,
    .backward = depthwise_backward,
    .loses = "it mixes the pixels of windows that overlap",
};
