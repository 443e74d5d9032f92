/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/convolve_plain.h"

#include <string.h>

/* What one image's loops work on. */
typedef struct work {
    size_t in, out, groups; /* channels of a group, filters of a group */
    const float *x, *kernel, *dy;
    float *to;
} work;

/* What happens where a window's value lies on a pixel: x, k and y are where the pixel's channels, the
 * kernel's values and the place's filters begin. */
typedef void meet_function(const work *w, size_t x, size_t k, size_t y);

static work work_of(const inv_convolution *c)
{
    return (work){c->w.in.channels / c->groups, c->out / c->groups, c->groups, .to = NULL};
}

/* y[out] += sum over k of x[k] kernel[k, out] */
static void meet_forward(const work *w, size_t x, size_t k, size_t y)
{
    const size_t filters = w->out * w->groups;
    const float *restrict pixel = w->x + x, *restrict kernel = w->kernel + k;
    float *restrict to = w->to + y;
    if (w->in == 1 && w->out == 1)
        for (size_t g = 0; g < w->groups; g++)
            to[g] += pixel[g] * kernel[g];
    else
        for (size_t g = 0; g < w->groups; g++)
            for (size_t q = 0; q < w->in; q++) {
                const float value = pixel[g * w->in + q];
                const float *restrict part = kernel + q * filters + g * w->out;
                for (size_t o = 0; o < w->out; o++)
                    to[g * w->out + o] += value * part[o];
            }
}

/* dx[k] += sum over out of dy[out] kernel[k, out] */
static void meet_back(const work *w, size_t x, size_t k, size_t y)
{
    const size_t filters = w->out * w->groups;
    const float *restrict dy = w->dy + y, *restrict kernel = w->kernel + k;
    float *restrict to = w->to + x;
    if (w->in == 1 && w->out == 1)
        for (size_t g = 0; g < w->groups; g++)
            to[g] += dy[g] * kernel[g];
    else
        for (size_t g = 0; g < w->groups; g++)
            for (size_t q = 0; q < w->in; q++) {
                const float *restrict part = kernel + q * filters + g * w->out;
                float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
                for (size_t o = 0; o < w->out; o++)
                    sum += dy[g * w->out + o] * part[o];
                to[g * w->in + q] += sum;
            }
}

/* dkernel[k, out] += x[k] dy[out] */
static void meet_gradient(const work *w, size_t x, size_t k, size_t y)
{
    const size_t filters = w->out * w->groups;
    const float *restrict pixel = w->x + x, *restrict dy = w->dy + y;
    float *restrict to = w->to + k;
    if (w->in == 1 && w->out == 1)
        for (size_t g = 0; g < w->groups; g++)
            to[g] += pixel[g] * dy[g];
    else
        for (size_t g = 0; g < w->groups; g++)
            for (size_t q = 0; q < w->in; q++) {
                const float value = pixel[g * w->in + q];
                float *restrict part = to + q * filters + g * w->out;
                for (size_t o = 0; o < w->out; o++)
                    part[o] += value * dy[g * w->out + o];
            }
}

/* Which values of a window, each `step` pixels from the next, lie on the n pixels of an axis, where
 * the window starts at `start` of the padded image, in which the image starts at `before`. */
static inv_span inside(size_t start, size_t before, size_t step, size_t size, size_t n)
{
    const size_t first = before > start ? (before - start + step - 1) / step : 0;
    const size_t end = before + n > start ? (before + n - start + step - 1) / step : 0;
    return (inv_span){first, end < size ? end : size};
}

/* All places of an image, rows first, and at each the values of the window, rows first. */
static inline void visit(const inv_convolution *c, const work *on, meet_function *meet)
{
    const inv_window *w = &c->w;
    const size_t channels = w->in.channels, kernel = channels / c->groups * c->out;
    for (size_t i = 0; i < w->out_height; i++)
        for (size_t j = 0; j < w->out_width; j++) {
            const size_t y = (i * w->out_width + j) * c->out;
            const inv_span rows =
                inside(i * w->stride_y, w->top, w->dilation_y, w->height, w->in.height);
            const inv_span columns =
                inside(j * w->stride_x, w->left, w->dilation_x, w->width, w->in.width);
            for (size_t r = rows.first; r < rows.end; r++) {
                const size_t row = i * w->stride_y + r * w->dilation_y - w->top;
                for (size_t q = columns.first; q < columns.end; q++) {
                    const size_t column = j * w->stride_x + q * w->dilation_x - w->left;
                    meet(on, (row * w->in.width + column) * channels, (r * w->width + q) * kernel,
                         y);
                }
            }
        }
}

void inv_convolve_plain(const inv_convolution *c, const float *kernel, const float *bias,
                        const gsl_matrix_float *x, gsl_matrix_float *y)
{
#pragma omp parallel for schedule(static) if (inv_convolve_is_large(c, x->size1))
    for (size_t i = 0; i < x->size1; i++) {
        work w = work_of(c);
        w.x = x->data + i * x->tda;
        w.kernel = kernel;
        w.to = y->data + i * y->tda;
        inv_convolve_start(bias, c->out, y->size2, w.to);
        visit(c, &w, meet_forward);
    }
}

void inv_convolve_plain_back(const inv_convolution *c, const float *kernel, const float *bias,
                             const gsl_matrix_float *dy, gsl_matrix_float *dx)
{
#pragma omp parallel for schedule(static) if (inv_convolve_is_large(c, dy->size1))
    for (size_t i = 0; i < dy->size1; i++) {
        work w = work_of(c);
        w.dy = dy->data + i * dy->tda;
        w.kernel = kernel;
        w.to = dx->data + i * dx->tda;
        inv_convolve_start(bias, c->w.in.channels, dx->size2, w.to);
        visit(c, &w, meet_back);
    }
}

void inv_convolve_plain_gradient(const inv_convolution *c, const gsl_matrix_float *x,
                                 const gsl_matrix_float *dy, float *state, float *dkernel)
{
    const size_t blocks = inv_window_blocks(x->size1), size = inv_convolve_size(c);
    const gsl_matrix_float parts = inv_mat_over(state, blocks, size);
#pragma omp parallel for schedule(static) if (inv_convolve_is_large(c, x->size1))
    for (size_t b = 0; b < blocks; b++) {
        const inv_span rows = inv_window_block(x->size1, b);
        work w = work_of(c);
        w.to = state + b * size;
        memset(w.to, 0, size * sizeof *w.to);
        for (size_t i = rows.first; i < rows.end; i++) {
            w.x = x->data + i * x->tda;
            w.dy = dy->data + i * dy->tda;
            visit(c, &w, meet_gradient);
        }
    }
    inv_mat_add_column_sums(&parts, dkernel);
}
