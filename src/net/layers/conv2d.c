/* conv2d: y[i, j, out] = bias[out] + sum over rows r, columns c of the window, inputs k, of
 *                        x[i stride + r, j stride + c, k] kernel[r, c, k, out]
 *         (x with zeros around it where padding is "same")
 *         dkernel[r, c, k, out] = sum over images, i, j of x[i stride + r, j stride + c, k]
 *         dy[i, j, out];  dbias[out] = sum of dy;
 *         dx[i stride + r, j stride + c, k] += sum over out of dy[i, j, out] kernel[r, c, k, out]
 *
 * The kernel's axes are Keras's. A row of a window stands in one piece in an image, so that windows
 * are read where they are, without a copy of each. With a dilation d the window's values are d
 * pixels apart; with G groups, channels and filters are in G parts, each filter reading the channels
 * of its own part (kernel [r, c, in / G, out]). Those take the plain loops of net/convolve.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "net/convolve.h"
#include "net/layers.h"
#include "net/window.h"

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

/* What a pass keeps room for: the kernel as the products read it, and for each block of images one
 * padded image, one image's dy in whole vectors, the columns of one row of windows, and the block's
 * part of the gradient. */
typedef struct workspace {
    inv_window w;
    size_t out, places, size; /* channels, windows of an image, values of a window */
    size_t transposed, image, output_gradients, columns, gradient, block; /* floats of each */
    float *kernel, *blocks;
} workspace;

/* Windows with gaps, or groups. */
static bool is_plain(const inv_layer *layer)
{
    const conv_spec *spec = layer->spec;
    const inv_window w = inv_window_over(layer->in, &spec->window);
    return spec->groups > 1 || w.dilation_y > 1 || w.dilation_x > 1;
}

static inv_convolution plain(const inv_layer *layer)
{
    const conv_spec *spec = layer->spec;
    return (inv_convolution){inv_window_over(layer->in, &spec->window), layer->out.channels,
                             spec->groups};
}

/* Its sizes alone. */
static workspace measure(const inv_layer *layer)
{
    const conv_spec *spec = layer->spec;
    workspace r = {.w = inv_window_over(layer->in, &spec->window), .out = layer->out.channels};
    r.places = r.w.out_height * r.w.out_width;
    r.size = inv_window_size(&r.w);
    r.transposed = inv_whole_vectors(r.size) * inv_whole_vectors(r.out);
    r.image = inv_whole_vectors(inv_shape_size(r.w.padded));
    r.output_gradients = r.places * inv_whole_vectors(r.out);
    r.columns = r.w.out_width * inv_whole_vectors(r.size);
    r.gradient = inv_whole_vectors(r.size * r.out) + inv_whole_vectors(r.out);
    r.block = r.image + r.output_gradients + r.columns + r.gradient;
    return r;
}

static workspace workspace_of(const inv_layer *layer, void *state)
{
    workspace r = measure(layer);
    r.kernel = inv_vector_start(state);
    r.blocks = r.kernel + r.transposed;
    return r;
}

static float *image_of(const workspace *r, size_t block)
{
    return r->blocks + block * r->block;
}

static float *output_gradients_of(const workspace *r, size_t block)
{
    return image_of(r, block) + r->image;
}

static float *columns_of(const workspace *r, size_t block)
{
    return output_gradients_of(r, block) + r->output_gradients;
}

static float *gradient_of(const workspace *r, size_t block)
{
    return columns_of(r, block) + r->columns;
}

static size_t conv_state_size(const inv_layer *layer, size_t rows)
{
    if (is_plain(layer))
        return inv_convolve_state_size(&layer->blocks[KERNEL], rows);
    const workspace r = measure(layer);
    const size_t floats = r.transposed + inv_window_blocks(rows) * r.block;
    return (floats + INV_LANES_MAX) * sizeof(float);
}

/* Whether other threads are worth waking. */
static bool is_large(const workspace *r, size_t rows)
{
    return rows * r->places * r->size * r->out / 8 > INV_PARALLEL_MIN;
}

static const float *padded(const workspace *r, const gsl_matrix_float *x, size_t i, float *to)
{
    const float *image = x->data + i * x->tda;
    if (!inv_window_pads(&r->w))
        return image;
    inv_window_pad(&r->w, image, to);
    return to;
}

/* One image, a row of windows at a time: each window is so many runs, one below the other. */
static void forward_image(const workspace *r, const float *image, const float *bias, float *y)
{
    const inv_window *w = &r->w;
    const size_t run = inv_window_run(w), whole = inv_whole_vectors(r->out);
    inv_window_product p = {.rows = w->out_width,
                            .cols = r->out,
                            .segments = w->height,
                            .depth = run,
                            .a_segment = inv_window_pitch(w),
                            .a_row = w->stride_x * w->in.channels,
                            .a_step = 1,
                            .b = r->kernel,
                            .b_segment = run * whole,
                            .b_step = whole,
                            .start = bias,
                            .c_row = r->out};
    for (size_t i = 0; i < w->out_height; i++) {
        p.a = image + i * w->stride_y * inv_window_pitch(w);
        p.c = y + i * w->out_width * r->out;
        inv_kernels_best()->window_product(&p);
    }
}

static void conv_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const conv_spec *spec = layer->spec;
    const float *bias = spec->use_bias ? params + layer->blocks[BIAS].offset : NULL;
    (void)mode;
    if (is_plain(layer)) {
        const inv_convolution c = plain(layer);
        inv_convolve(&c, params + layer->blocks[KERNEL].offset, bias, x, y);
        return;
    }
    const workspace r = workspace_of(layer, state);
    inv_kernels_best()->pad(r.size, r.out, params + layer->blocks[KERNEL].offset, r.out, r.kernel,
                            inv_whole_vectors(r.out));
#pragma omp parallel for schedule(static) if (is_large(&r, x->size1))
    for (size_t b = 0; b < inv_window_blocks(x->size1); b++) {
        const inv_span rows = inv_window_block(x->size1, b);
        for (size_t i = rows.first; i < rows.end; i++)
            forward_image(&r, padded(&r, x, i, image_of(&r, b)), bias, y->data + i * y->tda);
    }
}

/* Adds one image's part to the gradient, or sets it, for the first. */
static void add_gradient(const workspace *r, const float *image, const float *dy, bool first,
                         float *output_gradients, float *gradient)
{
    const inv_window *w = &r->w;
    const size_t run = inv_window_run(w), whole = inv_whole_vectors(r->out);
    float *sums = gradient + inv_whole_vectors(r->size * r->out);
    if (first)
        memset(sums, 0, r->out * sizeof *sums);
    for (size_t p = 0; p < r->places; p++)
        inv_kernels_best()->add(r->out, dy + p * r->out, sums);
    if (whole != r->out) {
        inv_kernels_best()->pad(r->places, r->out, dy, r->out, output_gradients, whole);
        dy = output_gradients;
    }
    for (size_t i = 0; i < w->height; i++) {
        float *to = gradient + i * run * r->out;
        inv_kernels_best()->window_product(
            &(inv_window_product){.rows = run,
                                  .cols = r->out,
                                  .segments = w->out_height,
                                  .depth = w->out_width,
                                  .a = image + i * inv_window_pitch(w),
                                  .a_segment = w->stride_y * inv_window_pitch(w),
                                  .a_row = 1,
                                  .a_step = w->stride_x * w->in.channels,
                                  .b = dy,
                                  .b_segment = w->out_width * whole,
                                  .b_step = whole,
                                  .start = first ? NULL : to,
                                  .start_row = r->out,
                                  .c = to,
                                  .c_row = r->out});
    }
}

/* dx of one image; r->kernel is the transposed kernel. Into `image` first, where there is padding.
 */
static void backward_image(const workspace *r, const float *dy, float *image, float *columns,
                           float *dx)
{
    const inv_window *w = &r->w;
    const size_t whole = inv_whole_vectors(r->size);
    float *to = inv_window_pads(w) ? image : dx;
    memset(to, 0, inv_shape_size(w->padded) * sizeof *to);
    for (size_t i = 0; i < w->out_height; i++) {
        inv_kernels_best()->window_product(
            &(inv_window_product){.rows = w->out_width,
                                  .cols = r->size,
                                  .segments = 1,
                                  .depth = r->out,
                                  .a = dy + i * w->out_width * r->out,
                                  .a_row = r->out,
                                  .a_step = 1,
                                  .b = r->kernel,
                                  .b_step = whole,
                                  .c = columns,
                                  .c_row = whole});
        for (size_t j = 0; j < w->out_width; j++)
            inv_window_add(w, i, j, columns + j * whole, to);
    }
    if (inv_window_pads(w))
        inv_window_crop(w, image, dx);
}

static void add_parts(const inv_layer *layer, const workspace *r, size_t rows, float *dparams)
{
    const conv_spec *spec = layer->spec;
    const inv_block *kernel = &layer->blocks[KERNEL], *bias = &layer->blocks[BIAS];
    const size_t blocks = inv_window_blocks(rows);
    gsl_matrix_float parts = inv_mat_over(gradient_of(r, 0), blocks, kernel->size);
    parts.tda = r->block;
    inv_mat_add_column_sums(&parts, dparams + kernel->offset);
    parts.data += inv_whole_vectors(kernel->size);
    parts.size2 = bias->size;
    if (spec->use_bias)
        inv_mat_add_column_sums(&parts, dparams + bias->offset);
}

static void plain_backward(const inv_layer *layer, const float *params, void *state,
                           const gsl_matrix_float *x, const gsl_matrix_float *dy, float *dparams,
                           gsl_matrix_float *dx)
{
    const conv_spec *spec = layer->spec;
    const inv_convolution c = plain(layer);
    const inv_block *kernel = &layer->blocks[KERNEL];
    if (dparams)
        inv_convolve_gradient(&c, kernel->size, x, dy, state, dparams + kernel->offset);
    if (dparams && spec->use_bias)
        inv_convolve_bias(dy, c.out, dparams + layer->blocks[BIAS].offset);
    if (dx)
        inv_convolve_back(&c, params + kernel->offset, NULL, dy, dx);
}

static void conv_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)y;
    if (is_plain(layer)) {
        plain_backward(layer, params, state, x, dy, dparams, dx);
        return;
    }
    const workspace r = workspace_of(layer, state);
    if (dx)
        inv_window_transpose(params + layer->blocks[KERNEL].offset, r.size, r.out, r.kernel);
#pragma omp parallel for schedule(static) if (is_large(&r, x->size1))
    for (size_t b = 0; b < inv_window_blocks(x->size1); b++) {
        const inv_span rows = inv_window_block(x->size1, b);
        float *image = image_of(&r, b);
        for (size_t i = rows.first; i < rows.end; i++) {
            const float *gradient = dy->data + i * dy->tda;
            if (dparams)
                add_gradient(&r, padded(&r, x, i, image), gradient, i == rows.first,
                             output_gradients_of(&r, b), gradient_of(&r, b));
            if (dx)
                backward_image(&r, gradient, image, columns_of(&r, b), dx->data + i * dx->tda);
        }
    }
    if (dparams)
        add_parts(layer, &r, x->size1, dparams);
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
