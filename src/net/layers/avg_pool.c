/* avg_pool: y[i, j, k] = the mean of x[i stride + r, j stride + c, k] over the window's rows r and
 *           columns c, those outside the image left out, as TensorFlow does
 *           dx[i stride + r, j stride + c, k] += dy[i, j, k] / how many there are
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "net/layers.h"
#include "net/window.h"

/* to[channels] += part from[channels] */
static void add_part(size_t channels, float part, const float *restrict from, float *restrict to)
{
    for (size_t k = 0; k < channels; k++)
        to[k] += part * from[k];
}

/* How much each pixel under the window counts. */
static float part_of(inv_span rows, inv_span columns)
{
    return 1.0f / (float)((rows.end - rows.first) * (columns.end - columns.first));
}

static void mean(const inv_window *w, const float *x, size_t i, size_t j, float *y)
{
    const size_t channels = w->in.channels;
    const inv_span rows = inv_window_rows(w, i), columns = inv_window_columns(w, j);
    memset(y, 0, channels * sizeof *y);
    for (size_t r = rows.first; r < rows.end; r++)
        for (size_t c = columns.first; c < columns.end; c++)
            add_part(channels, part_of(rows, columns), x + (r * w->in.width + c) * channels, y);
}

static void spread(const inv_window *w, const float *dy, size_t i, size_t j, float *dx)
{
    const size_t channels = w->in.channels;
    const inv_span rows = inv_window_rows(w, i), columns = inv_window_columns(w, j);
    for (size_t r = rows.first; r < rows.end; r++)
        for (size_t c = columns.first; c < columns.end; c++)
            add_part(channels, part_of(rows, columns), dy, dx + (r * w->in.width + c) * channels);
}

static void pool_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const inv_window w = inv_window_over(layer->in, layer->spec);
    (void)params, (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++)
        for (size_t i = 0; i < w.out_height; i++)
            for (size_t j = 0; j < w.out_width; j++)
                mean(&w, x->data + n * x->tda, i, j,
                     y->data + n * y->tda + (i * w.out_width + j) * w.in.channels);
}

static void pool_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const inv_window w = inv_window_over(layer->in, layer->spec);
    (void)params, (void)state, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++) {
        float *to = dx->data + n * dx->tda;
        memset(to, 0, dx->size2 * sizeof *to);
        for (size_t i = 0; i < w.out_height; i++)
            for (size_t j = 0; j < w.out_width; j++)
                spread(&w, dy->data + n * dy->tda + (i * w.out_width + j) * w.in.channels, i, j,
                       to);
    }
}

const inv_layer_type inv_layer_avg_pool = {
    .name = "avg_pool",
    .spec_size = sizeof(inv_window_spec),
    .spec_default = &inv_pool_defaults,
    .fields = inv_pool_fields,
    .shape = inv_pool_shape,
    .forward = pool_forward,
    .backward = pool_backward,
    .loses = "it keeps only the mean of each window",
};
