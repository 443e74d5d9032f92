/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/loss.h"

#include <math.h>

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

/* -log softmax(x)[label] = log sum_k exp(x_k - max) - (x_label - max): no exponential overflows. */
static double cross_entropy_row(const float *x, size_t n, size_t label, size_t largest, float *dx)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
        sum += exp((double)x[j] - x[largest]);
    for (size_t j = 0; dx && j < n; j++)
        dx[j] = (float)(exp((double)x[j] - x[largest]) / sum - (j == label));
    return log(sum) - ((double)x[label] - x[largest]);
}

double inv_loss_cross_entropy(const gsl_matrix_float *x, const unsigned *labels, double *row_loss,
                              gsl_matrix_float *dx, size_t *correct)
{
    *correct = 0;
    for (size_t i = 0; i < x->size1; i++) {
        const float *row = x->data + i * x->tda;
        const size_t largest = inv_argmax(row, x->size2);
        row_loss[i] = cross_entropy_row(row, x->size2, labels[i], largest,
                                        dx ? dx->data + i * dx->tda : NULL);
        *correct += largest == labels[i];
    }
    return add_rows(row_loss, x->size1);
}

static double l1_row(const float *restrict y, const float *restrict target, size_t n,
                     float *restrict dy)
{
    float sum = 0.0f;
    for (size_t j = 0; j < n; j++)
        sum += fabsf(y[j] - target[j]);
    for (size_t j = 0; dy && j < n; j++)
        dy[j] = (float)((y[j] > target[j]) - (y[j] < target[j]));
    return sum;
}

double inv_loss_l1(const gsl_matrix_float *y, const gsl_matrix_float *target, double *row_loss,
                   gsl_matrix_float *dy)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < y->size1; i++)
        row_loss[i] = l1_row(y->data + i * y->tda, target->data + i * target->tda, y->size2,
                             dy ? dy->data + i * dy->tda : NULL);
    return add_rows(row_loss, y->size1);
}
