/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/convolve.h"

#include <string.h>

#include "net/convolve_plain.h"
#include "net/winograd.h"

/* Where so small a part of an image's gradients have values at all, the others are left out: images of
 * channels, each driven by itself, have one. */
#define FEW 4

/* What a call has room for: the kernel as the products read it, and for each block of images one
 * padded image, the gradients of one image in whole vectors, the columns of one row of windows, the
 * block's part of the gradient, and the kernels of a few filters. */
typedef struct workspace {
    const inv_convolution *c;
    size_t places, size; /* windows of an image, values of a window */
    size_t kernel_room, image, output_gradients, columns, gradient, few, block; /* floats of each */
    bool winograd;
    float *kernel, *blocks, *squares; /* squares: the state of net/winograd.h, where it is used */
} workspace;

/* Windows with gaps, or groups. */
static bool is_plain(const inv_convolution *c)
{
    return c->groups > 1 || c->w.dilation_y > 1 || c->w.dilation_x > 1;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Its sizes alone. */
static workspace measure(const inv_convolution *c)
{
    workspace r = {.c = c};
    r.places = c->w.out_height * c->w.out_width;
    r.size = inv_window_size(&c->w);
    r.kernel_room = inv_whole_vectors(r.size) * inv_whole_vectors(c->out);
    r.image = inv_whole_vectors(inv_shape_size(c->w.padded));
    r.output_gradients = r.places * inv_whole_vectors(c->out);
    r.columns = c->w.out_width * inv_whole_vectors(r.size);
    r.gradient = inv_whole_vectors(r.size * c->out);
    r.few = c->out / FEW * inv_whole_vectors(r.size);
    r.block = r.image + r.output_gradients + r.columns + r.gradient + r.few;
    return r;
}

static workspace workspace_of(const inv_convolution *c, void *state, size_t rows)
{
    workspace r = measure(c);
    r.kernel = inv_vector_start(state);
    r.blocks = r.kernel + r.kernel_room;
    r.squares = r.blocks + inv_window_blocks(rows) * r.block;
    r.winograd = inv_winograd_suits(c);
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

static float *few_of(const workspace *r, size_t block)
{
    return gradient_of(r, block) + r->gradient;
}

size_t inv_convolve_state_size(const inv_convolution *c, size_t rows)
{
    const size_t blocks = inv_window_blocks(rows), channels = larger(c->out, c->w.in.channels);
    const workspace r = measure(c);
    const size_t floats = is_plain(c)
                              ? blocks * inv_convolve_size(c)
                              : INV_LANES_MAX + r.kernel_room + blocks * r.block +
                                    (inv_winograd_suits(c) ? inv_winograd_state(c, rows) : 0);
    return larger(floats, blocks * channels) * sizeof(float);
}

bool inv_convolve_is_large(const inv_convolution *c, size_t rows)
{
    return rows * c->w.out_height * c->w.out_width * inv_convolve_size(c) / 8 > INV_PARALLEL_MIN;
}

void inv_convolve_start(const float *bias, size_t channels, size_t n, float *to)
{
    if (!bias) {
        memset(to, 0, n * sizeof *to);
        return;
    }
    for (size_t i = 0; i < n; i += channels)
        memcpy(to + i, bias, channels * sizeof *to);
}

static const float *padded(const inv_window *w, const float *image, float *to)
{
    if (!inv_window_pads(w))
        return image;
    inv_window_pad(w, image, to);
    return to;
}

/* One image, a row of windows at a time: each window is so many runs, one below the other. */
static void forward_image(const workspace *r, const float *image, const float *bias, float *y)
{
    const inv_window *w = &r->c->w;
    const size_t run = inv_window_run(w), out = r->c->out, whole = inv_whole_vectors(out);
    inv_window_product p = {.rows = w->out_width,
                            .cols = out,
                            .segments = w->height,
                            .depth = run,
                            .a_segment = inv_window_pitch(w),
                            .a_row = w->stride_x * w->in.channels,
                            .a_step = 1,
                            .b = r->kernel,
                            .b_segment = run * whole,
                            .b_step = whole,
                            .start = bias,
                            .c_row = out};
    for (size_t i = 0; i < w->out_height; i++) {
        p.a = image + i * w->stride_y * inv_window_pitch(w);
        p.c = y + i * w->out_width * out;
        inv_kernels_best()->window_product(&p);
    }
}

void inv_convolve(const inv_convolution *c, const float *kernel, const float *bias, void *state,
                  const gsl_matrix_float *x, gsl_matrix_float *y)
{
    if (is_plain(c)) {
        inv_convolve_plain(c, kernel, bias, x, y);
        return;
    }
    const workspace r = workspace_of(c, state, x->size1);
    if (r.winograd)
        inv_winograd_kernel(c, false, kernel, r.squares);
    else
        inv_kernels_best()->pad(r.size, c->out, kernel, c->out, r.kernel,
                                inv_whole_vectors(c->out));
#pragma omp parallel for schedule(static) if (inv_convolve_is_large(c, x->size1))
    for (size_t b = 0; b < inv_window_blocks(x->size1); b++) {
        const inv_span rows = inv_window_block(x->size1, b);
        if (r.winograd)
            inv_winograd_rows(c, false, bias, r.squares, b, rows, x, y);
        for (size_t i = rows.first; !r.winograd && i < rows.end; i++) {
            const float *image = padded(&c->w, x->data + i * x->tda, image_of(&r, b));
            forward_image(&r, image, bias, y->data + i * y->tda);
        }
    }
}

/* The gradients of the filters that have any, [places, filters], and their transposed kernels. */
typedef struct upper {
    size_t filters;
    const float *dy, *kernel;
} upper;

static bool has_values(const float *dy, size_t places, size_t step)
{
    for (size_t p = 0; p < places; p++)
        if (dy[p * step] != 0.0f)
            return true;
    return false;
}

/* All of them, unless those that have values are few. */
static upper upper_of(const workspace *r, const float *dy, size_t block)
{
    const size_t out = r->c->out, most = out / FEW, whole = inv_whole_vectors(r->size);
    float *kernels = few_of(r, block), *gradients = output_gradients_of(r, block);
    size_t n = 0;
    for (size_t f = 0; f < out && n <= most; f++)
        n += has_values(dy + f, r->places, out);
    if (n > most)
        return (upper){out, dy, r->kernel};
    for (size_t f = 0, k = 0; k < n; f++) {
        if (!has_values(dy + f, r->places, out))
            continue;
        memcpy(kernels + k * whole, r->kernel + f * whole, whole * sizeof *kernels);
        for (size_t p = 0; p < r->places; p++)
            gradients[p * n + k] = dy[p * out + f];
        k++;
    }
    return (upper){n, gradients, kernels};
}

/* dx of one image; r->kernel is the transposed kernel. Into `image` first, where there is padding.
 */
static void backward_image(const workspace *r, upper above, const float *bias, size_t block,
                           float *dx)
{
    const inv_window *w = &r->c->w;
    const size_t whole = inv_whole_vectors(r->size);
    float *columns = columns_of(r, block), *to = inv_window_pads(w) ? image_of(r, block) : dx;
    inv_convolve_start(bias, w->in.channels, inv_shape_size(w->padded), to);
    for (size_t i = 0; i < w->out_height; i++) {
        inv_kernels_best()->window_product(
            &(inv_window_product){.rows = w->out_width,
                                  .cols = r->size,
                                  .segments = 1,
                                  .depth = above.filters,
                                  .a = above.dy + i * w->out_width * above.filters,
                                  .a_row = above.filters,
                                  .a_step = 1,
                                  .b = above.kernel,
                                  .b_step = whole,
                                  .c = columns,
                                  .c_row = whole});
        for (size_t j = 0; j < w->out_width; j++)
            inv_window_add(w, i, j, columns + j * whole, to);
    }
    if (inv_window_pads(w))
        inv_window_crop(w, to, dx);
}

/* The images of one block. Winograd's method takes those together that have all filters' gradients. */
static void backward_block(const workspace *r, const gsl_matrix_float *dy, const float *bias,
                           size_t block, gsl_matrix_float *dx)
{
    inv_span rows = inv_window_block(dy->size1, block), all = {rows.first, rows.first};
    for (; all.end < rows.end; all.end++) {
        const upper above = upper_of(r, dy->data + all.end * dy->tda, block);
        if (r->winograd && above.filters == r->c->out)
            continue;
        if (all.first < all.end)
            inv_winograd_rows(r->c, true, bias, r->squares, block, all, dy, dx);
        backward_image(r, above, bias, block, dx->data + all.end * dx->tda);
        all.first = all.end + 1;
    }
    if (all.first < all.end)
        inv_winograd_rows(r->c, true, bias, r->squares, block, all, dy, dx);
}

void inv_convolve_back(const inv_convolution *c, const float *kernel, const float *bias,
                       void *state, const gsl_matrix_float *dy, gsl_matrix_float *dx)
{
    if (is_plain(c)) {
        inv_convolve_plain_back(c, kernel, bias, dy, dx);
        return;
    }
    const workspace r = workspace_of(c, state, dy->size1);
    inv_window_transpose(kernel, r.size, c->out, r.kernel);
    if (r.winograd)
        inv_winograd_kernel(c, true, kernel, r.squares);
#pragma omp parallel for schedule(static) if (inv_convolve_is_large(c, dy->size1))
    for (size_t b = 0; b < inv_window_blocks(dy->size1); b++)
        backward_block(&r, dy, bias, b, dx);
}

/* Adds one image's part to the gradient, or sets it, for the first. */
static void add_gradient(const workspace *r, const float *image, const float *dy, bool first,
                         size_t block)
{
    const inv_window *w = &r->c->w;
    const size_t run = inv_window_run(w), out = r->c->out, whole = inv_whole_vectors(out);
    float *output_gradients = output_gradients_of(r, block), *gradient = gradient_of(r, block);
    if (whole != out) {
        inv_kernels_best()->pad(r->places, out, dy, out, output_gradients, whole);
        dy = output_gradients;
    }
    for (size_t i = 0; i < w->height; i++) {
        float *to = gradient + i * run * out;
        inv_kernels_best()->window_product(
            &(inv_window_product){.rows = run,
                                  .cols = out,
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
                                  .start_row = out,
                                  .c = to,
                                  .c_row = out});
    }
}

void inv_convolve_gradient(const inv_convolution *c, const gsl_matrix_float *x,
                           const gsl_matrix_float *dy, void *state, float *dkernel)
{
    if (is_plain(c)) {
        inv_convolve_plain_gradient(c, x, dy, state, dkernel);
        return;
    }
    const workspace r = workspace_of(c, state, x->size1);
    const size_t blocks = inv_window_blocks(x->size1);
    const bool winograd = inv_winograd_suits_gradient(c);
#pragma omp parallel for schedule(static) if (inv_convolve_is_large(c, x->size1))
    for (size_t b = 0; b < blocks; b++) {
        const inv_span rows = inv_window_block(x->size1, b);
        if (winograd)
            inv_winograd_gradient(c, r.squares, b, rows, x, dy, gradient_of(&r, b));
        for (size_t i = rows.first; !winograd && i < rows.end; i++) {
            const float *image = padded(&c->w, x->data + i * x->tda, image_of(&r, b));
            add_gradient(&r, image, dy->data + i * dy->tda, i == rows.first, b);
        }
    }
    gsl_matrix_float parts = inv_mat_over(gradient_of(&r, 0), blocks, inv_convolve_size(c));
    parts.tda = r.block;
    inv_mat_add_column_sums(&parts, dkernel);
}

void inv_convolve_bias(const gsl_matrix_float *dy, size_t channels, void *state, float *dbias)
{
    const size_t blocks = inv_window_blocks(dy->size1);
    const gsl_matrix_float parts = inv_mat_over(state, blocks, channels);
#pragma omp parallel for schedule(static) if (dy->size1 * dy->size2 > INV_PARALLEL_MIN)
    for (size_t b = 0; b < blocks; b++) {
        const inv_span rows = inv_window_block(dy->size1, b);
        float *sums = parts.data + b * channels;
        memset(sums, 0, channels * sizeof *sums);
        for (size_t i = rows.first; i < rows.end; i++)
            for (size_t j = 0; j < dy->size2; j += channels)
                inv_kernels_best()->add(channels, dy->data + i * dy->tda + j, sums);
    }
    inv_mat_add_column_sums(&parts, dbias);
}
