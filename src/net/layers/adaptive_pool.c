/* adaptive_avg_pool: as many windows as are asked for, of m along n pixels the i-th from floor(i n / m)
 *                    up to before ceil((i + 1) n / m); y = the mean of each;  dx += dy / pixels
 * adaptive_max_pool: y = the largest of each;  dx += dy at the first of the largest
 *
 * Windows overlap where m does not divide n, and repeat pixels where m > n.
 * Source: PyTorch's AdaptiveAvgPool2d and AdaptiveMaxPool2d.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "net/layers.h"
#include "net/window.h"

typedef struct adaptive_spec {
    size_t height, width;
} adaptive_spec;

static const adaptive_spec defaults = {1, 1};

static const inv_field fields[] = {{"height", INV_FIELD_SIZE, offsetof(adaptive_spec, height), 1,
                                    1 << 24, .help = "rows that come out"},
                                   {"width", INV_FIELD_SIZE, offsetof(adaptive_spec, width), 1,
                                    1 << 24, .help = "columns that come out"},
                                   {0}};

static inv_status adaptive_shape(inv_layer *layer, size_t classes)
{
    const adaptive_spec *spec = layer->spec;
    (void)classes;
    return inv_layer_gives(layer, (inv_shape){spec->height, spec->width, layer->in.channels});
}

/* Of n pixels, those of window i of m. */
static inv_span window_of(size_t i, size_t n, size_t m)
{
    return (inv_span){i * n / m, ((i + 1) * n + m - 1) / m};
}

/* What a window takes and gives: the image at x, one pixel at y. */
typedef void window_work(const inv_layer *layer, inv_span rows, inv_span columns, const float *x,
                         float *y);

static void mean_of(const inv_layer *layer, inv_span rows, inv_span columns, const float *x,
                    float *y)
{
    const size_t channels = layer->in.channels, width = layer->in.width;
    const size_t pixels = inv_span_count(rows, 1) * inv_span_count(columns, 1);
    for (size_t k = 0; k < channels; k++) {
        double sum = 0.0;
        for (size_t i = rows.first; i < rows.end; i++)
            for (size_t j = columns.first; j < columns.end; j++)
                sum += (double)x[(i * width + j) * channels + k];
        y[k] = (float)(sum / (double)pixels);
    }
}

/* Where the first of the largest values of channel k is; one that is NaN counts as the largest. */
static size_t find_largest(const inv_layer *layer, inv_span rows, inv_span columns, const float *x,
                           size_t k)
{
    const size_t channels = layer->in.channels, width = layer->in.width;
    size_t at = (rows.first * width + columns.first) * channels + k;
    for (size_t i = rows.first; i < rows.end; i++)
        for (size_t j = columns.first; j < columns.end; j++) {
            const size_t here = (i * width + j) * channels + k;
            if (!isnan(x[at]) && !(x[here] <= x[at]))
                at = here;
        }
    return at;
}

static void largest_of(const inv_layer *layer, inv_span rows, inv_span columns, const float *x,
                       float *y)
{
    for (size_t k = 0; k < layer->in.channels; k++)
        y[k] = x[find_largest(layer, rows, columns, x, k)];
}

static void forward(const inv_layer *layer, window_work *work, const gsl_matrix_float *x,
                    gsl_matrix_float *y)
{
    const inv_shape in = layer->in, out = layer->out;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++)
        for (size_t i = 0; i < out.height; i++)
            for (size_t j = 0; j < out.width; j++)
                work(layer, window_of(i, in.height, out.height), window_of(j, in.width, out.width),
                     x->data + n * x->tda,
                     y->data + n * y->tda + (i * out.width + j) * out.channels);
}

static void mean_forward(const inv_layer *layer, const float *params, void *state,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)params, (void)state, (void)mode;
    forward(layer, mean_of, x, y);
}

static void max_forward(const inv_layer *layer, const float *params, void *state,
                        const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)params, (void)state, (void)mode;
    forward(layer, largest_of, x, y);
}

/* The gradient dy of one window's pixel, to its pixels of dx: all alike, or where the largest was. */
static void spread(const inv_layer *layer, inv_span rows, inv_span columns, const float *x,
                   const float *dy, float *dx)
{
    const size_t channels = layer->in.channels, width = layer->in.width;
    const size_t pixels = inv_span_count(rows, 1) * inv_span_count(columns, 1);
    if (x) {
        for (size_t k = 0; k < channels; k++)
            dx[find_largest(layer, rows, columns, x, k)] += dy[k];
        return;
    }
    for (size_t i = rows.first; i < rows.end; i++)
        for (size_t j = columns.first; j < columns.end; j++)
            for (size_t k = 0; k < channels; k++)
                dx[(i * width + j) * channels + k] += dy[k] / (float)pixels;
}

static void backward(const inv_layer *layer, const gsl_matrix_float *x, const gsl_matrix_float *dy,
                     gsl_matrix_float *dx)
{
    const inv_shape in = layer->in, out = layer->out;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (dx->size1 * dx->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < dx->size1; n++) {
        memset(dx->data + n * dx->tda, 0, dx->size2 * sizeof *dx->data);
        for (size_t i = 0; i < out.height; i++)
            for (size_t j = 0; j < out.width; j++)
                spread(layer, window_of(i, in.height, out.height),
                       window_of(j, in.width, out.width), x ? x->data + n * x->tda : NULL,
                       dy->data + n * dy->tda + (i * out.width + j) * out.channels,
                       dx->data + n * dx->tda);
    }
}

static void mean_backward(const inv_layer *layer, const float *params, void *state,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)x, (void)y, (void)dparams;
    backward(layer, NULL, dy, dx);
}

static void max_backward(const inv_layer *layer, const float *params, void *state,
                         const gsl_matrix_float *x, const gsl_matrix_float *y,
                         const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)y, (void)dparams;
    backward(layer, x, dy, dx);
}

const inv_layer_type inv_layer_adaptive_avg_pool = {
    .name = "adaptive_avg_pool",
    .spec_size = sizeof(adaptive_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = adaptive_shape,
    .forward = mean_forward,
    .backward = mean_backward,
    .loses = "it keeps only the mean of each window",
};

const inv_layer_type inv_layer_adaptive_max_pool = {
    .name = "adaptive_max_pool",
    .spec_size = sizeof(adaptive_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = adaptive_shape,
    .forward = max_forward,
    .backward = max_backward,
    .loses = "it keeps only the largest value of each window",
};
