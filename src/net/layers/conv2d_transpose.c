/* conv2d_transpose: each pixel of x puts a window, weighted, onto y, and windows add up:
 *     y[i stride + r dilation, j stride + c dilation, out] += x[i, j, k] kernel[r, c, out, k],
 *     plus bias[out]; the image is y without its first `top` rows and `left` columns
 *
 * the transpose of a convolution from y to x. With the reach h = (height - 1) dilation + 1 of a
 * window and n rows in, there come out, and are cut off above:
 *
 *     valid      (n - 1) stride + max(h, stride)               0
 *     same       n stride                                      max(h - stride, 0) / 2
 *     explicit   (n - 1) stride + h - top - bottom             top
 *
 * and output_padding more rows below; columns alike. Keras's with no output_padding are valid and
 * same, and its kernel's axes; PyTorch's and ONNX's are explicit. With output_padding p Keras's
 * "same" is explicit here: top = h / 2 - (p + 1) / 2 and bottom = h / 2 - p / 2, both rounded down,
 * with output_padding 0. Groups as in conv2d, kernel [r, c, out / groups, in].
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "net/convolve.h"
#include "net/layers.h"

typedef struct transpose_spec {
    size_t filters;
    inv_window_spec window;
    size_t groups, more_rows, more_columns;
    bool use_bias;
    inv_init kernel, bias;
} transpose_spec;

static const transpose_spec defaults = {.window = {.stride = 1, .padding = "valid", .dilation = 1},
                                        .groups = 1,
                                        .use_bias = true,
                                        .kernel = {"truncated_normal", 0.1, 0.0},
                                        .bias = {"constant", 0.0, 0.0}};

static const inv_field fields[] = {
    {"filters", INV_FIELD_SIZE, offsetof(transpose_spec, filters), 1, 1 << 20, .required = true,
     .help = "number of channels that come out"},
    INV_WINDOW_FIELDS(offsetof(transpose_spec, window)),
    INV_DILATION_FIELDS(offsetof(transpose_spec, window)),
    {"groups", INV_FIELD_SIZE, offsetof(transpose_spec, groups), 1, 1 << 20,
     .help = "parts that channels and filters are in, each on its own"},
    {"output_padding_height", INV_FIELD_SIZE, offsetof(transpose_spec, more_rows), 0,
     INV_WINDOW_MOST, .help = "rows more that come out below"},
    {"output_padding_width", INV_FIELD_SIZE, offsetof(transpose_spec, more_columns), 0,
     INV_WINDOW_MOST, .help = "columns more that come out on the right"},
    {"use_bias", INV_FIELD_BOOL, offsetof(transpose_spec, use_bias),
     .help = "whether a bias is added"},
    INV_INIT_FIELD("kernel", offsetof(transpose_spec, kernel), "initial values of the kernels"),
    INV_INIT_FIELD("bias", offsetof(transpose_spec, bias), "initial values of the biases"),
    {0}};

enum { KERNEL, BIAS };

/* What comes out along an axis of n values, what is cut off before it, and what holds that and all
 * windows. */
typedef struct extent {
    size_t out, before, all;
} extent;

static extent extent_of(const inv_window_spec *spec, size_t n, size_t reach, size_t stride,
                        size_t before, size_t after, size_t more)
{
    const size_t most = reach > stride ? reach : stride, all = (n - 1) * stride + reach;
    extent e = {all + more > before + after ? all + more - before - after : 0, before, 0};
    if (strcmp(spec->padding, "same") == 0)
        e = (extent){n * stride + more, (most - stride) / 2, 0};
    if (strcmp(spec->padding, "valid") == 0)
        e = (extent){(n - 1) * stride + most + more, 0, 0};
    e.all = e.before + e.out > all ? e.before + e.out : all;
    return e;
}

/* The convolution from y to x; its windows are laid over y, which is `in` there. Without bias or
 * filters, it says what comes out of the layer too. */
static inv_window windows(const inv_layer *layer)
{
    const transpose_spec *spec = layer->spec;
    const inv_window_spec *s = &spec->window;
    inv_window w = inv_window_over(layer->in, s); /* for strides and dilations alone */
    const extent y = extent_of(s, layer->in.height, (w.height - 1) * w.dilation_y + 1, w.stride_y,
                               s->top, s->bottom, spec->more_rows);
    const extent x = extent_of(s, layer->in.width, (w.width - 1) * w.dilation_x + 1, w.stride_x,
                               s->left, s->right, spec->more_columns);
    w.in = (inv_shape){y.out, x.out, spec->filters};
    w.top = y.before;
    w.left = x.before;
    w.out_height = layer->in.height;
    w.out_width = layer->in.width;
    w.padded = (inv_shape){y.all, x.all, spec->filters};
    return w;
}

static inv_convolution convolution(const inv_layer *layer)
{
    return (inv_convolution){windows(layer), layer->in.channels,
                             ((const transpose_spec *)layer->spec)->groups};
}

static inv_status transpose_shape(inv_layer *layer, size_t classes)
{
    transpose_spec *spec = layer->spec;
    const size_t in = layer->in.channels, out = spec->filters;
    inv_status status = inv_window_fill(layer, &spec->window);
    (void)classes;
    if (status != INV_OK)
        return status;
    const inv_window w = windows(layer);
    if (in % spec->groups || out % spec->groups)
        return INV_ERROR(INV_ECONFIG, "%s: %zu channels and %zu filters are not in %zu groups",
                         layer->name, in, out, spec->groups);
    layer->block_count = spec->use_bias ? 2 : 1;
    layer->blocks[KERNEL] = (inv_block){"kernel",
                                        4,
                                        {w.height, w.width, out / spec->groups, in},
                                        .size = w.height * w.width * (out / spec->groups) * in};
    layer->blocks[BIAS] = (inv_block){"bias", 1, {out}, .size = out};
    return inv_layer_gives(layer, w.in);
}

static void transpose_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    const transpose_spec *spec = layer->spec;
    inv_block_fill(&layer->blocks[KERNEL], &spec->kernel, params, rng);
    if (spec->use_bias)
        inv_block_fill(&layer->blocks[BIAS], &spec->bias, params, rng);
}

static size_t transpose_state_size(const inv_layer *layer, size_t rows)
{
    const inv_convolution c = convolution(layer);
    return inv_convolve_state_size(&c, rows);
}

static void transpose_forward(const inv_layer *layer, const float *params, void *state,
                              const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const transpose_spec *spec = layer->spec;
    const inv_convolution c = convolution(layer);
    const float *bias = spec->use_bias ? params + layer->blocks[BIAS].offset : NULL;
    (void)mode;
    inv_convolve_back(&c, params + layer->blocks[KERNEL].offset, bias, state, x, y);
}

static void transpose_backward(const inv_layer *layer, const float *params, void *state,
                               const gsl_matrix_float *x, const gsl_matrix_float *y,
                               const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const transpose_spec *spec = layer->spec;
    const inv_convolution c = convolution(layer);
    const inv_block *kernel = &layer->blocks[KERNEL];
    (void)y;
    if (dparams)
        inv_convolve_gradient(&c, dy, x, state, dparams + kernel->offset);
    if (dparams && spec->use_bias)
        inv_convolve_bias(dy, spec->filters, state, dparams + layer->blocks[BIAS].offset);
    if (dx)
        inv_convolve(&c, params + kernel->offset, NULL, state, dy, dx);
}

const inv_layer_type inv_layer_conv2d_transpose = {
    .name = "conv2d_transpose",
    .spec_size = sizeof(transpose_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = transpose_shape,
    .init = transpose_init,
    .state_size = transpose_state_size,
    .forward = transpose_forward,
    .backward = transpose_backward,
    .loses = "it mixes the pixels of windows that overlap",
};
