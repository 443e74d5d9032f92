/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "generator/smooth.h"

#include <math.h>

#include "kernels/kernels.h"

/* The values p and p + step. */
static float pair(const float *x, size_t p, size_t step, float slope, float *dx)
{
    const float d = x[p + step] - x[p];
    const float pull = d > 0.0f ? slope : d < 0.0f ? -slope : 0.0f;
    dx[p + step] += pull;
    dx[p] -= pull;
    return fabsf(d);
}

static double smooth_row(inv_shape shape, const float *x, float slope, float *dx)
{
    const size_t line = shape.width * shape.channels;
    double sum = 0.0;
    for (size_t r = 0; r < shape.height; r++)
        for (size_t k = 0; k < line; k++) {
            if (k + shape.channels < line)
                sum += (double)pair(x, r * line + k, shape.channels, slope, dx);
            if (r + 1 < shape.height)
                sum += (double)pair(x, r * line + k, line, slope, dx);
        }
    return sum;
}

double inv_smooth(inv_shape shape, const gsl_matrix_float *x, float weight, float white,
                  double *row_loss, gsl_matrix_float *dx)
{
    const size_t pairs =
        shape.channels * ((shape.width - 1) * shape.height + shape.width * (shape.height - 1));
    const double each = pairs > 0 ? 1.0 / ((double)pairs * (double)white) : 0.0;
    double total = 0.0;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        row_loss[i] = each * smooth_row(shape, x->data + i * x->tda, (float)(weight * each),
                                        dx->data + i * dx->tda);
    for (size_t i = 0; i < x->size1; i++)
        total += row_loss[i];
    return total;
}
