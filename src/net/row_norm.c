/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/row_norm.h"

#include <math.h>
#include <string.h>

/* Of one set of one image; the means of g and g h are of the newest backward. */
typedef struct moments {
    double mean, inverse, gradient, along;
} moments;

/* In the state: the moments of each set of each image, then sums for dgamma and dbeta. */
static moments *moments_of(const inv_row_norm *n, void *state, size_t row)
{
    return (moments *)state + row * n->sets;
}

static double *sums_of(const inv_row_norm *n, void *state, size_t rows)
{
    return (double *)(void *)moments_of(n, state, rows);
}

size_t inv_row_norm_state_size(const inv_row_norm *n, size_t rows)
{
    return rows * n->sets * sizeof(moments) + 2 * n->own_size * sizeof(double);
}

static size_t count_of(const inv_row_norm *n)
{
    return inv_shape_size(n->shape) / n->sets;
}

/* Does something for each value k of an image, its set and its own gamma. */
#define EACH_VALUE(n, k, set_index, own_index, ...)                                                \
    for (size_t i_ = 0, k = 0; i_ < (n)->shape.height; i_++)                                       \
        for (size_t j_ = 0; j_ < (n)->shape.width; j_++)                                           \
            for (size_t c_ = 0; c_ < (n)->shape.channels; c_++, k++) {                             \
                const size_t set_index = i_ * (n)->set.row + j_ * (n)->set.column +                \
                                         c_ / (n)->per_set * (n)->set.channel;                     \
                const size_t own_index =                                                           \
                    i_ * (n)->own.row + j_ * (n)->own.column + c_ * (n)->own.channel;              \
                (void)set_index, (void)own_index;                                                  \
                __VA_ARGS__                                                                        \
            }

static void find_moments(const inv_row_norm *n, const float *x, moments *m)
{
    const double count = (double)count_of(n);
    for (size_t s = 0; s < n->sets; s++)
        m[s] = (moments){0.0, 0.0, 0.0, 0.0};
    if (n->with_mean)
        EACH_VALUE(n, k, set, own, m[set].mean += (double)x[k] / count;)
    EACH_VALUE(n, k, set, own, const double d = (double)x[k] - m[set].mean;
               m[set].inverse += d * d / count;)
    for (size_t s = 0; s < n->sets; s++)
        m[s].inverse = 1.0 / sqrt(m[s].inverse + n->epsilon);
}

void inv_row_norm_forward(const inv_row_norm *n, const float *gamma, const float *beta, void *state,
                          const gsl_matrix_float *x, gsl_matrix_float *y)
{
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t row = 0; row < x->size1; row++) {
        const float *in = x->data + row * x->tda;
        float *out = y->data + row * y->tda;
        moments *m = moments_of(n, state, row);
        find_moments(n, in, m);
        EACH_VALUE(n, k, set, own, const double h = ((double)in[k] - m[set].mean) * m[set].inverse;
                   out[k] = (float)(h * (gamma ? (double)gamma[own] : 1.0) +
                                    (beta ? (double)beta[own] : 0.0));)
    }
}

static void one_dx(const inv_row_norm *n, const float *gamma, moments *m, const float *x,
                   const float *dy, float *dx)
{
    const double count = (double)count_of(n);
    for (size_t s = 0; s < n->sets; s++)
        m[s].gradient = m[s].along = 0.0;
    EACH_VALUE(n, k, set, own, const double g = (double)dy[k] * (gamma ? (double)gamma[own] : 1.0);
               m[set].gradient += n->with_mean ? g / count : 0.0;
               m[set].along += g * ((double)x[k] - m[set].mean) * m[set].inverse / count;)
    EACH_VALUE(n, k, set, own, const double g = (double)dy[k] * (gamma ? (double)gamma[own] : 1.0);
               const double h = ((double)x[k] - m[set].mean) * m[set].inverse;
               dx[k] = (float)(m[set].inverse * (g - m[set].gradient - h * m[set].along));)
}

/* The sums over the batch, row by row: the same for any number of threads. */
static void add_parameters(const inv_row_norm *n, void *state, const gsl_matrix_float *x,
                           const gsl_matrix_float *dy, float *dgamma, float *dbeta)
{
    double *along = sums_of(n, state, x->size1), *sum = along + n->own_size;
    memset(along, 0, 2 * n->own_size * sizeof *along);
    for (size_t row = 0; row < x->size1; row++) {
        const float *in = x->data + row * x->tda, *gradient = dy->data + row * dy->tda;
        const moments *m = moments_of(n, state, row);
        EACH_VALUE(n, k, set, own, const double h = ((double)in[k] - m[set].mean) * m[set].inverse;
                   along[own] += (double)gradient[k] * h; sum[own] += (double)gradient[k];)
    }
    for (size_t k = 0; dgamma && k < n->own_size; k++)
        dgamma[k] += (float)along[k];
    for (size_t k = 0; dbeta && k < n->own_size; k++)
        dbeta[k] += (float)sum[k];
}

void inv_row_norm_backward(const inv_row_norm *n, const float *gamma, void *state,
                           const gsl_matrix_float *x, const gsl_matrix_float *dy, float *dgamma,
                           float *dbeta, gsl_matrix_float *dx)
{
    if (dgamma || dbeta)
        add_parameters(n, state, x, dy, dgamma, dbeta);
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t row = 0; row < x->size1; row++)
        one_dx(n, gamma, moments_of(n, state, row), x->data + row * x->tda,
               dy->data + row * dy->tda, dx->data + row * dx->tda);
}
