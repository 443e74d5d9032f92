/* local: a convolution with a kernel and a bias of its own for each place of the window.
 *        With p = place (i, j), v = a value under the window there, rows of the window first:
 *        y[b, p, out] = bias[p, out] + sum over v of x[b, v] kernel[p, v, out]
 *        dkernel[p, v, out] = sum over b of x[b, v] dy[b, p, out];  dbias[p, out] = sum of dy
 *        dx[b, v] += sum over out of dy[b, p, out] kernel[p, v, out]
 *
 * The parameters' axes are those of Keras 2's LocallyConnected2D, implementation 1 (Keras 3 has none), and
 * so are its fans, by which glorot_ and he_ kernels are drawn: in and out are each multiplied by the
 * number of places, so that kernels start smaller than those of a convolution.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "net/layers.h"
#include "net/window.h"

typedef struct local_spec {
    size_t filters;
    inv_window_spec window;
    bool use_bias;
    inv_init kernel, bias;
} local_spec;

static const local_spec defaults = {.window = {.stride = 1, .padding = "valid"},
                                    .use_bias = true,
                                    .kernel = {"truncated_normal", 0.1, 0.0},
                                    .bias = {"constant", 0.0, 0.0}};

static const inv_field fields[] = {
    {"filters", INV_FIELD_SIZE, offsetof(local_spec, filters), 1, 1 << 20, .required = true,
     .help = "number of channels that come out"},
    INV_WINDOW_FIELDS(offsetof(local_spec, window)),
    {"use_bias", INV_FIELD_BOOL, offsetof(local_spec, use_bias), .help = "whether a bias is added"},
    INV_INIT_FIELD("kernel", offsetof(local_spec, kernel), "initial values of the kernels"),
    INV_INIT_FIELD("bias", offsetof(local_spec, bias), "initial values of the biases"),
    {0}};

enum { KERNEL, BIAS };

static inv_status local_shape(inv_layer *layer, size_t classes)
{
    local_spec *spec = layer->spec;
    const size_t out = spec->filters;
    inv_window w;
    inv_status status = inv_window_shape(layer, &spec->window, &w);
    (void)classes;
    if (status != INV_OK)
        return status;
    const size_t places = w.out_height * w.out_width, size = inv_window_size(&w);
    layer->block_count = spec->use_bias ? 2 : 1;
    layer->blocks[KERNEL] =
        (inv_block){"kernel", 3, {places, size, out}, .size = places * size * out};
    layer->blocks[BIAS] =
        (inv_block){"bias", 3, {w.out_height, w.out_width, out}, .size = places * out};
    return inv_layer_gives(layer, (inv_shape){w.out_height, w.out_width, out});
}

static void local_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    const local_spec *spec = layer->spec;
    inv_block_fill(&layer->blocks[KERNEL], &spec->kernel, params, rng);
    if (spec->use_bias)
        inv_block_fill(&layer->blocks[BIAS], &spec->bias, params, rng);
}

/* What a pass keeps room for: every padded image or its gradient, every place's kernel in whole
 * vectors, for each block of places its dy in whole vectors, for each image a window's gradient. */
typedef struct workspace {
    inv_window w;
    size_t out, places, size;      /* channels, windows of an image, values of a window */
    size_t image, kernel, columns; /* floats of each */
    float *images, *kernels, *output_gradients, *gradients;
} workspace;

/* Its sizes alone. */
static workspace measure(const inv_layer *layer)
{
    const local_spec *spec = layer->spec;
    workspace r = {.w = inv_window_over(layer->in, &spec->window), .out = layer->out.channels};
    r.places = r.w.out_height * r.w.out_width;
    r.size = inv_window_size(&r.w);
    const size_t forward = r.size * inv_whole_vectors(r.out);
    const size_t backward = r.out * inv_whole_vectors(r.size);
    r.image = inv_window_pads(&r.w) ? inv_whole_vectors(inv_shape_size(r.w.padded)) : 0;
    r.kernel = forward > backward ? forward : backward;
    r.columns = inv_whole_vectors(r.size);
    return r;
}

/* Floats of the dy of all blocks. */
static size_t output_gradients_size(const workspace *r, size_t rows)
{
    return inv_window_blocks(r->places) * rows * inv_whole_vectors(r->out);
}

static workspace workspace_of(const inv_layer *layer, void *state, size_t rows)
{
    workspace r = measure(layer);
    r.images = inv_vector_start(state);
    r.kernels = r.images + rows * r.image;
    r.output_gradients = r.kernels + r.places * r.kernel;
    r.gradients = r.output_gradients + output_gradients_size(&r, rows);
    return r;
}

static size_t local_state_size(const inv_layer *layer, size_t rows)
{
    const workspace r = measure(layer);
    const size_t floats =
        rows * r.image + r.places * r.kernel + output_gradients_size(&r, rows) + rows * r.columns;
    return (floats + INV_LANES_MAX) * sizeof(float);
}

static bool is_large(const workspace *r, size_t rows)
{
    return rows * r->places * r->size * r->out / 8 > INV_PARALLEL_MIN;
}

/* The images as the windows see them, one a row. */
static gsl_matrix_float padded(const workspace *r, const gsl_matrix_float *x)
{
    if (!inv_window_pads(&r->w))
        return inv_mat_head(x, x->size1);
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++)
        inv_window_pad(&r->w, x->data + n * x->tda, r->images + n * r->image);
    return inv_mat_over(r->images, x->size1, r->image);
}

/* Where the window at a place starts in an image. */
static size_t start_of(const workspace *r, size_t place)
{
    const inv_window *w = &r->w;
    const size_t i = place / w->out_width, j = place % w->out_width;
    return i * w->stride_y * inv_window_pitch(w) + j * w->stride_x * w->in.channels;
}

static void forward_place(const workspace *r, const gsl_matrix_float *images, size_t place,
                          const float *kernel, const float *bias, gsl_matrix_float *y)
{
    const size_t run = inv_window_run(&r->w), whole = inv_whole_vectors(r->out);
    float *wide = r->kernels + place * r->kernel;
    inv_kernels_best()->pad(r->size, r->out, kernel + place * r->size * r->out, r->out, wide,
                            inv_whole_vectors(r->out));
    inv_kernels_best()->window_product(
        &(inv_window_product){.rows = images->size1,
                              .cols = r->out,
                              .segments = r->w.height,
                              .depth = run,
                              .a = images->data + start_of(r, place),
                              .a_segment = inv_window_pitch(&r->w),
                              .a_row = images->tda,
                              .a_step = 1,
                              .b = wide,
                              .b_segment = run * whole,
                              .b_step = whole,
                              .start = bias ? bias + place * r->out : NULL,
                              .c = y->data + place * r->out,
                              .c_row = y->tda});
}

static void local_forward(const inv_layer *layer, const float *params, void *state,
                          const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const local_spec *spec = layer->spec;
    const workspace r = workspace_of(layer, state, x->size1);
    const float *kernel = params + layer->blocks[KERNEL].offset;
    const float *bias = spec->use_bias ? params + layer->blocks[BIAS].offset : NULL;
    const gsl_matrix_float images = padded(&r, x);
    (void)mode;
#pragma omp parallel for schedule(static) if (is_large(&r, x->size1))
    for (size_t p = 0; p < r.places; p++)
        forward_place(&r, &images, p, kernel, bias, y);
}

/* One place's dy[rows, out] in whole vectors. */
static void copy_output_gradients(const workspace *r, const gsl_matrix_float *dy, size_t place,
                                  float *to)
{
    const size_t whole = inv_whole_vectors(r->out);
    inv_kernels_best()->pad(dy->size1, r->out, dy->data + place * r->out, dy->tda, to, whole);
}

/* The gradient to one place's kernel, and bias unless that is NULL. */
static void place_gradient(const workspace *r, const gsl_matrix_float *images,
                           const float *output_gradients, size_t place, float *dkernel,
                           float *dbias)
{
    const size_t rows = images->size1, run = inv_window_run(&r->w);
    const size_t whole = inv_whole_vectors(r->out);
    for (size_t i = 0; i < r->w.height; i++)
        inv_kernels_best()->window_product(&(inv_window_product){
            .rows = run,
            .cols = r->out,
            .segments = 1,
            .depth = rows,
            .a = images->data + start_of(r, place) + i * inv_window_pitch(&r->w),
            .a_row = 1,
            .a_step = images->tda,
            .b = output_gradients,
            .b_step = whole,
            .start = dkernel + (place * r->size + i * run) * r->out,
            .start_row = r->out,
            .c = dkernel + (place * r->size + i * run) * r->out,
            .c_row = r->out});
    gsl_matrix_float all = inv_mat_over(output_gradients, rows, r->out);
    all.tda = whole;
    if (dbias)
        inv_mat_add_column_sums(&all, dbias + place * r->out);
}

static void all_gradients(const inv_layer *layer, const workspace *r,
                          const gsl_matrix_float *images, const gsl_matrix_float *dy,
                          float *dparams)
{
    const local_spec *spec = layer->spec;
    float *dkernel = dparams + layer->blocks[KERNEL].offset;
    float *dbias = spec->use_bias ? dparams + layer->blocks[BIAS].offset : NULL;
#pragma omp parallel for schedule(static) if (is_large(r, dy->size1))
    for (size_t b = 0; b < inv_window_blocks(r->places); b++) {
        const inv_span places = inv_window_block(r->places, b);
        float *output_gradients = r->output_gradients + b * dy->size1 * inv_whole_vectors(r->out);
        for (size_t p = places.first; p < places.end; p++) {
            copy_output_gradients(r, dy, p, output_gradients);
            place_gradient(r, images, output_gradients, p, dkernel, dbias);
        }
    }
}

/* Adds what one place passes down to the images of a block, `to` being image 0. */
static void place_down(const workspace *r, const gsl_matrix_float *dy, inv_span rows, size_t place,
                       float *to, size_t tda)
{
    const inv_window *w = &r->w;
    float *columns = r->gradients + rows.first * r->columns;
    inv_kernels_best()->window_product(
        &(inv_window_product){.rows = rows.end - rows.first,
                              .cols = r->size,
                              .segments = 1,
                              .depth = r->out,
                              .a = dy->data + rows.first * dy->tda + place * r->out,
                              .a_row = dy->tda,
                              .a_step = 1,
                              .b = r->kernels + place * r->kernel,
                              .b_step = r->columns,
                              .c = columns,
                              .c_row = r->columns});
    for (size_t n = rows.first; n < rows.end; n++, columns += r->columns)
        inv_window_add(w, place / w->out_width, place % w->out_width, columns, to + n * tda);
}

static void down(const workspace *r, const gsl_matrix_float *dy, const float *kernel,
                 gsl_matrix_float *dx)
{
    const bool pads = inv_window_pads(&r->w), large = is_large(r, dy->size1);
    const size_t tda = pads ? r->image : dx->tda, size = inv_shape_size(r->w.padded);
    float *to = pads ? r->images : dx->data;
#pragma omp parallel for schedule(static) if (large)
    for (size_t p = 0; p < r->places; p++)
        inv_window_transpose(kernel + p * r->size * r->out, r->size, r->out,
                             r->kernels + p * r->kernel);
#pragma omp parallel for schedule(static) if (large)
    for (size_t b = 0; b < inv_window_blocks(dy->size1); b++) {
        const inv_span rows = inv_window_block(dy->size1, b);
        for (size_t n = rows.first; n < rows.end; n++)
            memset(to + n * tda, 0, size * sizeof *to);
        for (size_t p = 0; p < r->places; p++)
            place_down(r, dy, rows, p, to, tda);
        for (size_t n = rows.first; pads && n < rows.end; n++)
            inv_window_crop(&r->w, to + n * tda, dx->data + n * dx->tda);
    }
}

static void local_backward(const inv_layer *layer, const float *params, void *state,
                           const gsl_matrix_float *x, const gsl_matrix_float *y,
                           const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const workspace r = workspace_of(layer, state, x->size1);
    (void)y;
    if (dparams) {
        const gsl_matrix_float images = padded(&r, x);
        all_gradients(layer, &r, &images, dy, dparams);
    }
    if (dx)
        down(&r, dy, params + layer->blocks[KERNEL].offset, dx);
}

const inv_layer_type inv_layer_local = {
    .name = "local",
    .spec_size = sizeof(local_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = local_shape,
    .init = local_init,
    .state_size = local_state_size,
    .forward = local_forward,
    .backward = local_backward,
    .loses = "it mixes the pixels of windows that overlap",
};
