/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inverse/values.h"

#include <math.h>
#include <stdlib.h>

#include "invproj/encode.h"

/* A deviation below this part of the mean is rounding. */
#define DEVIATION_LEAST 1e-6
#define SOME            1000 /* images, among which values nearly always vary, if they do */

inv_status inv_values_open(inv_values *v, const inv_net *net, const inv_part *part, size_t point)
{
    inv_status status = INV_OK;
    *v = (inv_values){net, part, inv_encode_rows(net, part->count), NULL, NULL};
    INV_TRY(inv_mat_alloc(v->rows, part->pixels, "images", &v->images));
    INV_TRY(inv_pass_alloc(net, 0, point, v->rows, INV_PASS_FORWARD, &v->pass));
done:
    return status;
}

void inv_values_close(inv_values *v)
{
    inv_pass_free(v->pass);
    inv_mat_free(v->images);
    *v = (inv_values){0};
}

gsl_matrix_float inv_values_read(inv_values *v, size_t first)
{
    const size_t left = v->part->count - first, n = left < v->rows ? left : v->rows;
    const gsl_matrix_float x = inv_mat_head(v->images, n);
    inv_part_rows(v->part, first, n, v->images);
    return inv_mat_head(inv_net_forward(v->net, v->pass, &x), n);
}

/* Adds up, value by value, (x - shift) and its square. */
static void add_chunk(const gsl_matrix_float *x, const double *shift, double *sum, double *square)
{
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t j = 0; j < x->size2; j++)
        for (size_t i = 0; i < x->size1; i++) {
            const double d = x->data[i * x->tda + j] - shift[j];
            sum[j] += d;
            square[j] += d * d;
        }
}

/* mean = shift + sum / n, variance = square / n - (sum / n)^2, around the first image's values, so
 * that little cancels. Source: Chan, Golub, LeVeque 1983. */
static bool finish(size_t n, size_t units, double *mean, const double *sum, const double *square,
                   double *deviation)
{
    bool varies = false;
    for (size_t j = 0; j < units; j++) {
        const double shift = mean[j], m = sum[j] / (double)n;
        const double variance = square[j] / (double)n - m * m;
        mean[j] = shift + m;
        deviation[j] = sqrt(fmax(variance, 0.0));
        if (!(deviation[j] > DEVIATION_LEAST * fabs(mean[j])))
            deviation[j] = 0.0;
        varies = varies || deviation[j] > 0.0;
    }
    return varies;
}

inv_status inv_values_moments(const inv_net *net, const inv_part *part, size_t point, double *mean,
                              double *deviation)
{
    const size_t units = inv_net_units(net, point);
    inv_values v = {0};
    void *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_values_open(&v, net, part, point));
    INV_TRY(inv_calloc(units, 2 * sizeof(double), "means", &memory));
    double *sum = memory, *square = sum + units;
    for (size_t first = 0; first < part->count; first += v.rows) {
        const gsl_matrix_float x = inv_values_read(&v, first);
        for (size_t j = 0; first == 0 && j < units; j++)
            mean[j] = x.data[j];
        add_chunk(&x, mean, sum, square);
    }
    if (!finish(part->count, units, mean, sum, square, deviation))
        INV_FAIL(INV_EDATA,
                 "inverse.at: the values at %s are the same for all images, so nothing leads back; "
                 "take another "
                 "point, or train the net with a lower rate or lower initial values",
                 inv_net_point_name(net, point));
done:
    free(memory);
    inv_values_close(&v);
    return status;
}

inv_status inv_values_vary(const inv_net *net, const inv_part *part, size_t point)
{
    const size_t units = inv_net_units(net, point);
    void *memory = NULL;
    inv_status status = inv_calloc(units, 2 * sizeof(double), "means", &memory);
    double *mean = memory;
    inv_part some = *part;
    some.count = part->count < SOME ? part->count : SOME;
    if (status == INV_OK)
        status = inv_values_moments(net, &some, point, mean, mean + units);
    if (status == INV_EDATA && some.count < part->count)
        status = inv_values_moments(net, part, point, mean, mean + units);
    free(memory);
    return status;
}
