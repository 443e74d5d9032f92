/* resample.h - layers whose rows and columns are made of the image's: padding, cropping, upsampling.
 *
 * Each row that comes out is a sum of at most two of the image's, and each column: with (a, u), (b, v)
 * the taps of row i and (c, s), (d, t) those of column j,
 *
 *     y[i, j] = u s x[a, c] + u t x[a, d] + v s x[b, c] + v t x[b, d]
 *
 * and `fill` where those of a row or a column count nothing;  dx is dy, by the same parts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_RESAMPLE_H
#define INVPROJ_RESAMPLE_H

#include "invproj/layer.h"

typedef struct inv_taps {
    size_t at[2];
    float part[2];
} inv_taps;

/* Of row i that comes out, or of column i. */
typedef inv_taps inv_taps_function(const inv_layer *layer, bool column, size_t i);

void inv_resample_forward(const inv_layer *layer, inv_taps_function *taps, float fill,
                          const gsl_matrix_float *x, gsl_matrix_float *y);
void inv_resample_backward(const inv_layer *layer, inv_taps_function *taps,
                           const gsl_matrix_float *dy, gsl_matrix_float *dx);

#endif
