/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/resample.h"

#include <string.h>

/* to[n] += part from[n] */
static void add_part(size_t n, float part, const float *restrict from, float *restrict to)
{
    for (size_t k = 0; k < n; k++)
        to[k] += part * from[k];
}

static bool counts(inv_taps taps)
{
    return taps.part[0] != 0.0f || taps.part[1] != 0.0f;
}

/* Pixel `to` of what comes out is made of the image at x; or, back, its gradient `from` is handed
 * to dx. */
static void make_pixel(const inv_layer *layer, inv_taps row, inv_taps column, const float *x,
                       float *to)
{
    const size_t channels = layer->in.channels;
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 2; c++) {
            const float part = row.part[r] * column.part[c];
            if (part != 0.0f)
                add_part(channels, part,
                         x + (row.at[r] * layer->in.width + column.at[c]) * channels, to);
        }
}

static void hand_down(const inv_layer *layer, inv_taps row, inv_taps column, const float *from,
                      float *dx)
{
    const size_t channels = layer->in.channels;
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 2; c++) {
            const float part = row.part[r] * column.part[c];
            if (part != 0.0f)
                add_part(channels, part, from,
                         dx + (row.at[r] * layer->in.width + column.at[c]) * channels);
        }
}

void inv_resample_forward(const inv_layer *layer, inv_taps_function *taps, float fill,
                          const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const inv_shape out = layer->out;
#pragma omp parallel for schedule(static) if (y->size1 * y->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++) {
        const float *image = x->data + n * x->tda;
        float *to = y->data + n * y->tda;
        for (size_t i = 0; i < out.height; i++) {
            const inv_taps row = taps(layer, false, i);
            for (size_t j = 0; j < out.width; j++, to += out.channels) {
                const inv_taps column = taps(layer, true, j);
                const float start = counts(row) && counts(column) ? 0.0f : fill;
                for (size_t k = 0; k < out.channels; k++)
                    to[k] = start;
                make_pixel(layer, row, column, image, to);
            }
        }
    }
}

void inv_resample_backward(const inv_layer *layer, inv_taps_function *taps,
                           const gsl_matrix_float *dy, gsl_matrix_float *dx)
{
    const inv_shape out = layer->out;
#pragma omp parallel for schedule(static) if (dy->size1 * dy->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < dy->size1; n++) {
        const float *from = dy->data + n * dy->tda;
        float *image = dx->data + n * dx->tda;
        memset(image, 0, dx->size2 * sizeof *image);
        for (size_t i = 0; i < out.height; i++) {
            const inv_taps row = taps(layer, false, i);
            for (size_t j = 0; j < out.width; j++, from += out.channels)
                hand_down(layer, row, taps(layer, true, j), from, image);
        }
    }
}
