/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "generator/latent.h"

#include <math.h>

#include "invproj/mat.h"
#include "kernels/kernels.h"

/* ---- the numbers ---- */

void inv_latent_sample(const gsl_matrix_float *code, const gsl_matrix_float *noise,
                       gsl_matrix_float *z)
{
    const size_t numbers = noise->size2;
    for (size_t i = 0; i < code->size1; i++) {
        const float *m = code->data + i * code->tda, *v = m + numbers;
        const float *e = noise->data + i * noise->tda;
        for (size_t j = 0; j < numbers; j++)
            z->data[i * z->tda + j] = m[j] + expf(0.5f * v[j]) * e[j];
    }
}

double inv_latent_divergence(const gsl_matrix_float *code)
{
    const size_t numbers = code->size2 / 2;
    double sum = 0.0;
    for (size_t i = 0; i < code->size1; i++) {
        const float *m = code->data + i * code->tda, *v = m + numbers;
        for (size_t j = 0; j < numbers; j++)
            sum += 0.5 * (exp((double)v[j]) + (double)m[j] * m[j] - 1.0 - (double)v[j]);
    }
    return sum;
}

void inv_latent_gradient(const gsl_matrix_float *code, const gsl_matrix_float *noise,
                         const gsl_matrix_float *dz, float weight, gsl_matrix_float *dcode)
{
    const size_t numbers = noise->size2;
    for (size_t i = 0; i < code->size1; i++) {
        const float *m = code->data + i * code->tda, *v = m + numbers;
        const float *e = noise->data + i * noise->tda, *d = dz->data + i * dz->tda;
        float *dm = dcode->data + i * dcode->tda, *dv = dm + numbers;
        for (size_t j = 0; j < numbers; j++) {
            const float deviation = expf(0.5f * v[j]);
            dm[j] = d[j] + weight * m[j];
            dv[j] = 0.5f * (d[j] * deviation * e[j] + weight * (deviation * deviation - 1.0f));
        }
    }
}

/* ---- the image ---- */

#define SUMS 16 /* partial sums: the order in which is added is written, and the same everywhere */

static double bernoulli_row(const inv_kernels *kernels, size_t n, const float *restrict y,
                            float weight, float *restrict work, float *restrict dy)
{
    float sum[SUMS] = {0.0f};
    double total = 0.0;
    kernels->softplus(n, y, work);
    for (size_t j = 0; j < n; j += SUMS)
        for (size_t s = 0; s < SUMS && j + s < n; s++)
            sum[s] += work[j + s] - dy[j + s] * y[j + s];
    kernels->sigmoid(n, y, work);
    for (size_t j = 0; j < n; j++)
        dy[j] = weight * (work[j] - dy[j]);
    for (size_t s = 0; s < SUMS; s++)
        total += sum[s];
    return total;
}

double inv_latent_bernoulli(const gsl_matrix_float *y, float weight, double *row_loss,
                            gsl_matrix_float *work, gsl_matrix_float *dy)
{
    const inv_kernels *kernels = inv_kernels_best();
    double total = 0.0;
#pragma omp parallel for schedule(static) if (y->size1 * y->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < y->size1; i++)
        row_loss[i] = bernoulli_row(kernels, y->size2, y->data + i * y->tda, weight,
                                    work->data + i * work->tda, dy->data + i * dy->tda);
    for (size_t i = 0; i < y->size1; i++)
        total += row_loss[i];
    return total;
}
