/* conv2d: y[i, j, out] = bias[out] + sum over rows r, columns c of the window, inputs k, of
 *                        x[i stride + r, j stride + c, k] kernel[r, c, k, out]
 *         (x with zeros around it where padding is "same")
 *         dkernel[r, c, k, out] = sum over images, i, j of x[i stride + r, j stride + c, k]
 *         dy[i, j, out];  dbias[out] = sum of dy;
 *         dx[i stride + r, j stride + c, k] += sum over out of dy[i, j, out] kernel[r, c, k, out]
 *
 * The kernel's axes are Keras's. With a dilation d the window's values are d pixels apart; with G
 * groups, channels and filters are in G parts, each filter reading the channels of its own part
 * (kernel [r, c, in / G, out]).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/convolve.h"
#include "net/layers.h"

typedef struct conv_spec {
    size_t filters;
    inv_window_spec window;
    size_t groups;
    bool use_bias;
    inv_init kernel, bias;
} conv_spec;

static const conv_spec defaults = {.window = {.stride = 1, .padding = "valid", .dilation = 1},
                                   .groups = 1,
                                   .use_bias = true,
                                   .kernel = {"truncated_normal", 0.1, 0.0},
                                   .bias = {"constant", 0.0, 0.0}};

static const inv_field fields[] = {
    {"filters", INV_FIELD_SIZE, offsetof(conv_spec, filters), 1, 1 << 20, .required = true,
     .help = "number of channels that come out"},
    INV_WINDOW_FIELDS(offsetof(conv_spec, window)),
    INV_DILATION_FIELDS(offsetof(conv_spec, window)),
    {"groups", INV_FIELD_SIZE, offsetof(conv_spec, groups), 1, 1 << 20, .quiet = true,
     .help = "parts that channels and filters are in, each on its own"},
    {"use_bias", INV_FIELD_BOOL, offsetof(conv_spec, use_bias), .help = "whether a bias is added"},
    INV_INIT_FIELD("kernel", offsetof(conv_spec, kernel), "initial values of the kernels"),
    INV_INIT_FIELD("bias", offsetof(conv_spec, bias), "initial values of the biases"),
    {0}};

enum { KERNEL, BIAS };

static inv_status conv_shape(inv_layer *layer, size_t classes)
{
    conv_spec *spec = layer->spec;
    const size_t in = layer->in.channels, out = spec->filters;
    inv_window w;
    inv_status status = inv_window_shape(layer, &spec->window, &w);
    (void)classes;
    if (status != INV_OK)
        return status;
    if (in % spec->groups || out % spec->groups)
        return INV_ERROR(INV_ECONFIG, "%s: %zu channels and %zu filters are not in %zu groups",
                         layer->name, in, out, spec->groups);
    layer->block_count = spec->use_bias ? 2 : 1;
    layer->blocks[KERNEL] = (inv_block){"kernel",
                                        4,
                                        {w.height, w.width, in / spec->groups, out},
                                        .size = inv_window_size(&w) / spec->groups * out};
    layer->blocks[BIAS] = (inv_block){"bias", 1, {out}, .size = out};
    return inv_layer_gives(layer, (inv_shape){w.out_height, w.out_width, out});
}

static void conv_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    const conv_spec *spec = layer->spec;
    inv_block_fill(&layer->blocks[KERNEL], &spec->kernel, params, rng);
    if (spec->use_bias)
        inv_block_fill(&layer->blocks[BIAS], &spec->bias, params, rng);
}

static inv_convolution convolution(const inv_layer *layer)
{
    const conv_spec *spec = layer->spec;
    return (inv_convolution){inv_window_over(layer->in, &spec->window), layer->out.channels,
                             spec->groups};
}

static size_t conv_state_size(const inv_layer *layer, size_t rows)
{
    const inv_convolution c = convolution(layer);
    return inv_convolve_state_size(&c, rows);
}

static void conv_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const conv_spec *spec = layer->spec;
    const inv_convolution c = convolution(layer);
    const float *bias = spec->use_bias ? params + layer->blocks[BIAS].offset : NULL;
    (void)mode;
    inv_convolve(&c, params + layer->blocks[KERNEL].offset, bias, state, x, y);
}

static void conv_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const conv_spec *spec = layer->spec;
    const inv_convolution c = convolution(layer);
    const size_t kernel = layer->blocks[KERNEL].offset;
    (void)y;
    if (dparams)
        inv_convolve_gradient(&c, x, dy, state, dparams + kernel);
    if (dparams && spec->use_bias)
        inv_convolve_bias(dy, c.out, state, dparams + layer->blocks[BIAS].offset);
    if (dx)
        inv_convolve_back(&c, params + kernel, NULL, state, dy, dx);
}

const inv_layer_type inv_layer_conv2d = {
    .name = "conv2d",
    .spec_size = sizeof(conv_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = conv_shape,
    .init = conv_init,
    .state_size = conv_state_size,
    .forward = conv_forward,
    .backward = conv_backward,
    .loses = "it mixes the pixels of windows that overlap",
};
