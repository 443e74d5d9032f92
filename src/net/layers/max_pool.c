/* max_pool: y[i, j, k] = the largest of x[i stride + r, j stride + c, k] over the window's rows r
 * and columns c, those outside the image left out;  dx = dy at the first of the largest, else 0
 *
 * With a dilation d the window's rows are d apart, and its columns, as in PyTorch.
 * The state is where in its window that was.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "net/layers.h"
#include "net/window.h"

static size_t pool_state_size(const inv_layer *layer, size_t rows)
{
    return rows * inv_shape_size(layer->out) * sizeof(uint32_t);
}

/* Window (i, j); `first` is where its first pixel stands in an image. */
static inv_pool_window pixels(const inv_window *w, size_t i, size_t j, size_t *first)
{
    const size_t channels = w->in.channels, pitch = w->in.width * channels;
    const inv_span rows = inv_window_rows(w, i), columns = inv_window_columns(w, j);
    *first = rows.first * pitch + columns.first * channels;
    return (inv_pool_window){inv_span_count(rows, w->dilation_y),
                             inv_span_count(columns, w->dilation_x), channels,
                             w->dilation_y * pitch, w->dilation_x * channels};
}

static void forward_image(const inv_window *w, const float *x, float *y, uint32_t *at)
{
    const inv_kernels *kernels = inv_kernels_best();
    for (size_t i = 0; i < w->out_height; i++)
        for (size_t j = 0; j < w->out_width; j++, y += w->in.channels, at += w->in.channels) {
            size_t first;
            const inv_pool_window window = pixels(w, i, j, &first);
            kernels->max_pool(&window, x + first, y, at);
        }
}

static void backward_image(const inv_window *w, const float *dy, const uint32_t *at, float *dx)
{
    const inv_kernels *kernels = inv_kernels_best();
    memset(dx, 0, inv_shape_size(w->in) * sizeof *dx);
    for (size_t i = 0; i < w->out_height; i++)
        for (size_t j = 0; j < w->out_width; j++, dy += w->in.channels, at += w->in.channels) {
            size_t first;
            const inv_pool_window window = pixels(w, i, j, &first);
            kernels->max_pool_gradient(&window, dy, at, dx + first);
        }
}

static void pool_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const inv_window w = inv_window_over(layer->in, layer->spec);
    uint32_t *places = state;
    (void)params, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++)
        forward_image(&w, x->data + n * x->tda, y->data + n * y->tda, places + n * y->size2);
}

static void pool_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const inv_window w = inv_window_over(layer->in, layer->spec);
    const uint32_t *places = state;
    (void)params, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++)
        backward_image(&w, dy->data + n * dy->tda, places + n * dy->size2, dx->data + n * dx->tda);
}

const inv_layer_type inv_layer_max_pool = {
    .name = "max_pool",
    .spec_size = sizeof(inv_window_spec),
    .spec_default = &inv_pool_defaults,
    .fields = inv_pool_fields,
    .shape = inv_pool_shape,
    .state_size = pool_state_size,
    .forward = pool_forward,
    .backward = pool_backward,
    .loses = "it keeps only the largest value of each window",
};
