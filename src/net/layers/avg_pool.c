/* avg_pool: y[i, j, k] = the mean of x[i stride + r, j stride + c, k] over the window's rows r and
 *           columns c, those outside the image left out, as TensorFlow does; with count_padding
 *           they count as zeros, PyTorch's count_include_pad; with a dilation d the window's rows
 *           are d apart, and its columns, as in ONNX
 *           dx[i stride + r, j stride + c, k] += dy[i, j, k] / how many there are
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "net/layers.h"
#include "net/window.h"

typedef struct avg_spec {
    inv_window_spec window; /* first: inv_pool_shape looks at no more */
    bool count_padding;
} avg_spec;

static const avg_spec defaults = {.window = {.size = 2, .padding = "valid"}};

static const inv_field fields[] = {INV_WINDOW_FIELDS(0),
                                   INV_DILATION_FIELDS(0),
                                   {"count_padding", INV_FIELD_BOOL,
                                    offsetof(avg_spec, count_padding), .quiet = true,
                                    .help = "whether what lies around the image counts, as zeros"},
                                   {0}};

static inv_window window_of(const inv_layer *layer)
{
    return inv_window_over(layer->in, &((const avg_spec *)layer->spec)->window);
}

/* to[channels] += part from[channels] */
static void add_part(size_t channels, float part, const float *restrict from, float *restrict to)
{
    for (size_t k = 0; k < channels; k++)
        to[k] += part * from[k];
}

/* How much each pixel under the window counts. */
static float part_of(const inv_layer *layer, const inv_window *w, inv_span rows, inv_span columns)
{
    if (((const avg_spec *)layer->spec)->count_padding)
        return 1.0f / (float)(w->height * w->width);
    return 1.0f /
           (float)(inv_span_count(rows, w->dilation_y) * inv_span_count(columns, w->dilation_x));
}

static void mean(const inv_layer *layer, const inv_window *w, const float *x, size_t i, size_t j,
                 float *y)
{
    const size_t channels = w->in.channels;
    const inv_span rows = inv_window_rows(w, i), columns = inv_window_columns(w, j);
    memset(y, 0, channels * sizeof *y);
    for (size_t r = rows.first; r < rows.end; r += w->dilation_y)
        for (size_t c = columns.first; c < columns.end; c += w->dilation_x)
            add_part(channels, part_of(layer, w, rows, columns),
                     x + (r * w->in.width + c) * channels, y);
}

static void spread(const inv_layer *layer, const inv_window *w, const float *dy, size_t i, size_t j,
                   float *dx)
{
    const size_t channels = w->in.channels;
    const inv_span rows = inv_window_rows(w, i), columns = inv_window_columns(w, j);
    for (size_t r = rows.first; r < rows.end; r += w->dilation_y)
        for (size_t c = columns.first; c < columns.end; c += w->dilation_x)
            add_part(channels, part_of(layer, w, rows, columns), dy,
                     dx + (r * w->in.width + c) * channels);
}

static void pool_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const inv_window w = window_of(layer);
    (void)params, (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++)
        for (size_t i = 0; i < w.out_height; i++)
            for (size_t j = 0; j < w.out_width; j++)
                mean(layer, &w, x->data + n * x->tda, i, j,
                     y->data + n * y->tda + (i * w.out_width + j) * w.in.channels);
}

static void pool_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const inv_window w = window_of(layer);
    (void)params, (void)state, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++) {
        float *to = dx->data + n * dx->tda;
        memset(to, 0, dx->size2 * sizeof *to);
        for (size_t i = 0; i < w.out_height; i++)
            for (size_t j = 0; j < w.out_width; j++)
                spread(layer, &w, dy->data + n * dy->tda + (i * w.out_width + j) * w.in.channels, i,
                       j, to);
    }
}

const inv_layer_type inv_layer_avg_pool = {
    .name = "avg_pool",
    .spec_size = sizeof(avg_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = inv_pool_shape,
    .forward = pool_forward,
    .backward = pool_backward,
    .loses = "it keeps only the mean of each window",
};
