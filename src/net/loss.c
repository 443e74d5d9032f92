/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/loss.h"

#include <math.h>

#include "kernels/kernels.h"

size_t inv_argmax(const float *values, size_t n)
{
    size_t best = 0;
    for (size_t j = 1; j < n; j++)
        if (values[j] > values[best])
            best = j;
    return best;
}

double inv_confidence(const float *logits, size_t n, size_t *top)
{
    double sum = 0.0;
    *top = inv_argmax(logits, n);
    for (size_t j = 0; j < n; j++)
        sum += exp((double)logits[j] - logits[*top]);
    return 1.0 / sum;
}

static double add_rows(const double *row_loss, size_t rows)
{
    double sum = 0.0;
    for (size_t i = 0; i < rows; i++)
        sum += row_loss[i];
    return sum;
}

/* -log softmax(x)[label] = log sum_k exp(x_k - max) - (x_label - max): no exponential overflows.
 * The exponentials go to dx, whose row is as good a place as any. A probability below LEAST counts
 * as 0: it changes nothing, and further down it would make denormal numbers, which x86-64 works on
 * a hundred times as slowly. */
#define LEAST 1e-30f
static double cross_entropy_row(const inv_kernels *kernels, const float *x, size_t n, size_t label,
                                size_t largest, float *dx)
{
    const float sum = kernels->exp_shifted(n, x, x[largest], dx);
    for (size_t j = 0; j < n; j++)
        dx[j] = dx[j] < LEAST ? 0.0f : dx[j] / sum;
    dx[label] -= 1.0f;
    return log((double)sum) - ((double)x[label] - x[largest]);
}

double inv_loss_cross_entropy(const gsl_matrix_float *x, const unsigned *labels, double *row_loss,
                              gsl_matrix_float *dx, size_t *correct)
{
    const inv_kernels *kernels = inv_kernels_best();
    size_t right = 0;
#pragma omp parallel for schedule(static) reduction(+ : right) if (x->size1 * x->size2 > INV_PARALLEL_MIN / 8)
    for (size_t i = 0; i < x->size1; i++) {
        const float *row = x->data + i * x->tda;
        const size_t largest = inv_argmax(row, x->size2);
        row_loss[i] =
            cross_entropy_row(kernels, row, x->size2, labels[i], largest, dx->data + i * dx->tda);
        right += largest == labels[i];
    }
    *correct = right;
    return add_rows(row_loss, x->size1);
}

typedef float row_kernel(size_t n, const float *y, const float *t, float *dy);

static double compare_rows(row_kernel *kernel, const gsl_matrix_float *y,
                           const gsl_matrix_float *target, double *row_loss, gsl_matrix_float *dy)
{
#pragma omp parallel for schedule(static) if (y->size1 * y->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < y->size1; i++)
        row_loss[i] = kernel(y->size2, y->data + i * y->tda, target->data + i * target->tda,
                             dy ? dy->data + i * dy->tda : NULL);
    return add_rows(row_loss, y->size1);
}

double inv_loss_l1(const gsl_matrix_float *y, const gsl_matrix_float *target, double *row_loss,
                   gsl_matrix_float *dy)
{
    return compare_rows(inv_kernels_best()->l1, y, target, row_loss, dy);
}

double inv_loss_l2(const gsl_matrix_float *y, const gsl_matrix_float *target, double *row_loss,
                   gsl_matrix_float *dy)
{
    return compare_rows(inv_kernels_best()->l2, y, target, row_loss, dy);
}
