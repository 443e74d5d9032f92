/* The Frechet distance between images of an inverse and real ones, at a point of another net.
 *
 * With mean m and covariance C (over n, not n - 1) of what that net has at the point,
 *
 *     d^2 = |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)),
 *
 * of which the last trace is that of (S C_b S)^(1/2), S = C_a^(1/2), a symmetric matrix. The figure is d^2,
 * as it is with all who give it.
 *
 * Source: Dowson, Landau 1982; Heusel et al. 2017, equation 6, who take an Inception net, no net of
 * digits.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/frechet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/encode.h"
#include "invproj/inverse.h"
#include "kernels/eigen.h"

#define UNITS_MOST 2048 /* the eigenvalues of more take minutes */

/* ---- two Gaussians ---- */

/* c[n, n] = a b */
static void multiply(size_t n, const double *a, const double *b, double *c)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        double *row = c + i * n;
        memset(row, 0, n * sizeof *row);
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < n; j++)
                row[j] += a[i * n + k] * b[k * n + j];
    }
}

/* a[n, n] becomes the root of it: with eigenvectors v_k as rows, sum of sqrt(value_k) v_k' v_k. What
 * roundings made negative counts as 0. */
static inv_status take_root(size_t n, double *a, double *v, double *values)
{
    memcpy(v, a, n * n * sizeof *v);
    inv_status status = inv_eigen_symmetric(n, v, values);
    if (status != INV_OK)
        return status;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * n;
        memset(row, 0, n * sizeof *row);
        for (size_t k = 0; k < n; k++) {
            const double part = sqrt(fmax(values[k], 0.0)) * v[k * n + i];
            for (size_t j = 0; j < n; j++)
                row[j] += part * v[k * n + j];
        }
    }
    return INV_OK;
}

inv_status inv_frechet(size_t n, const double *mean_a, const double *covariance_a,
                       const double *mean_b, const double *covariance_b, double *distance)
{
    void *memory = NULL;
    inv_status status = inv_calloc(n, (3 * n + 1) * sizeof(double), "covariances", &memory);
    if (status != INV_OK)
        return status;
    double *root = memory, *work = root + n * n, *product = work + n * n, *values = product + n * n,
           sum = 0.0;
    memcpy(root, covariance_a, n * n * sizeof *root);
    INV_TRY(take_root(n, root, work, values));
    multiply(n, root, covariance_b, work);
    multiply(n, work, root, product);
    INV_TRY(inv_eigen_symmetric(n, product, values));
    for (size_t j = 0; j < n; j++) {
        const double d = mean_a[j] - mean_b[j];
        sum += d * d + covariance_a[j * n + j] + covariance_b[j * n + j] -
               2.0 * sqrt(fmax(values[j], 0.0));
    }
    *distance = fmax(sum, 0.0);
done:
    free(memory);
    return status;
}

/* ---- what a net has of images ---- */

/* Sums of values and of their products, around the first row, so that little cancels. */
typedef struct moments {
    size_t units;
    double n, *shift, *mean, *covariance; /* [units], [units], [units, units] */
} moments;

static inv_status moments_open(moments *m, size_t units)
{
    void *memory = NULL;
    inv_status status = inv_calloc(units, (units + 2) * sizeof(double), "covariances", &memory);
    if (status != INV_OK)
        return status;
    double *values = memory;
    *m = (moments){units, 0.0, values, values + units, values + 2 * units};
    return INV_OK;
}

static void moments_add(moments *m, const gsl_matrix_float *v)
{
    const size_t d = m->units;
    for (size_t j = 0; m->n == 0.0 && j < d; j++)
        m->shift[j] = v->data[j];
#pragma omp parallel for schedule(static)
    for (size_t j = 0; j < d; j++)
        for (size_t i = 0; i < v->size1; i++) {
            const float *row = v->data + i * v->tda;
            const double x = row[j] - m->shift[j];
            m->mean[j] += x;
            for (size_t k = 0; k < d; k++)
                m->covariance[j * d + k] += x * (row[k] - m->shift[k]);
        }
    m->n += (double)v->size1;
}

static void moments_finish(moments *m)
{
    const size_t d = m->units;
    for (size_t j = 0; j < d; j++)
        m->mean[j] /= m->n;
    for (size_t j = 0; j < d; j++)
        for (size_t k = 0; k < d; k++)
            m->covariance[j * d + k] = m->covariance[j * d + k] / m->n - m->mean[j] * m->mean[k];
    for (size_t j = 0; j < d; j++)
        m->mean[j] += m->shift[j];
}

/* ---- measuring ---- */

enum { TRAINING, TEST, MADE, SETS };

typedef struct measuring {
    const inv_measuring *what;
    size_t point;
    gsl_matrix_float *x;
    inv_pass *up, *down, *judge;
    moments of[SETS];
} measuring;

static void measuring_close(measuring *m)
{
    inv_mat_free(m->x);
    inv_pass_free(m->up);
    inv_pass_free(m->down);
    inv_pass_free(m->judge);
    for (size_t s = 0; s < SETS; s++)
        free(m->of[s].shift);
}

static inv_status measuring_open(measuring *m, const inv_measuring *what, size_t point)
{
    const size_t units = inv_net_units(what->judge, point);
    inv_status status = INV_OK;
    *m = (measuring){.what = what, .point = point};
    INV_TRY(inv_mat_alloc(INV_CHUNK, inv_net_units(what->net, 0), "images", &m->x));
    INV_TRY(inv_pass_alloc(what->judge, 0, point, INV_CHUNK, INV_PASS_FORWARD, &m->judge));
    if (!what->images) {
        INV_TRY(inv_pass_alloc(what->net, 0, what->at, INV_CHUNK, INV_PASS_FORWARD, &m->up));
        INV_TRY(inv_pass_alloc(what->inverse, 0, inv_net_depth(what->inverse), INV_CHUNK,
                               INV_PASS_FORWARD, &m->down));
    }
    for (size_t s = 0; s < SETS; s++)
        INV_TRY(moments_open(&m->of[s], units));
done:
    return status;
}

/* The first rows of m->x become what was made of them. */
static void make(measuring *m, size_t first, gsl_matrix_float *x)
{
    const gsl_matrix_float *all = m->what->images, *y = NULL;
    if (!all)
        y = inv_net_forward(m->what->inverse, m->down, inv_net_forward(m->what->net, m->up, x));
    for (size_t i = 0; i < x->size1; i++)
        memcpy(x->data + i * x->tda,
               all ? all->data + (first + i) * all->tda : y->data + i * y->tda,
               x->size2 * sizeof *x->data);
}

/* The judge sees its own black and white in place of the net's. */
static void add_seen(measuring *m, gsl_matrix_float *x, moments *to)
{
    inv_pixels_translate(&m->what->pixels, &m->what->judge_pixels, x, x);
    moments_add(to, inv_net_forward(m->what->judge, m->judge, x));
}

static void add_set(measuring *m, size_t set, const inv_part *part, size_t count)
{
    for (size_t n, first = 0; first < count; first += n) {
        n = count - first < INV_CHUNK ? count - first : INV_CHUNK;
        gsl_matrix_float x = inv_mat_head(m->x, n);
        inv_part_rows(part, first, n, m->x);
        if (set == MADE)
            make(m, first, &x);
        add_seen(m, &x, &m->of[set]);
    }
    moments_finish(&m->of[set]);
}

static inv_status check(const inv_measuring *what, size_t point, const inv_dataset *data)
{
    const size_t pixels = inv_net_units(what->net, 0);
    if (point == 0 || point > inv_net_depth(what->judge) ||
        inv_net_units(what->judge, 0) != pixels || data->test.pixels != pixels ||
        data->test.count == 0 || data->train.count == 0)
        return INV_ERROR(INV_EINVAL, "frechet: no such point, or images of another size");
    if (inv_net_units(what->judge, point) > UNITS_MOST)
        return INV_ERROR(INV_EDATA, "frechet: %s has %zu units; at most %d can be told",
                         inv_net_point_name(what->judge, point), inv_net_units(what->judge, point),
                         UNITS_MOST);
    return what->images ? INV_OK : inv_inverse_check(what->net, what->inverse, what->at);
}

static inv_status between(const moments *a, const moments *b, double *distance)
{
    return inv_frechet(a->units, a->mean, a->covariance, b->mean, b->covariance, distance);
}

inv_status inv_measure_frechet(const inv_measuring *what, size_t point, const inv_dataset *data,
                               inv_frechet_figures *out)
{
    measuring m = {0};
    inv_status status = INV_OK;
    *out = (inv_frechet_figures){0};
    INV_TRY(check(what, point, data));
    INV_TRY(measuring_open(&m, what, point));
    out->images = what->images ? what->images->size1 : data->test.count;
    out->training = out->images < data->train.count ? out->images : data->train.count;
    add_set(&m, TEST, &data->test, out->images);
    add_set(&m, MADE, &data->test, out->images);
    add_set(&m, TRAINING, &data->train, out->training);
    INV_TRY(between(&m.of[MADE], &m.of[TEST], &out->distance));
    INV_TRY(between(&m.of[TRAINING], &m.of[TEST], &out->real));
done:
    measuring_close(&m);
    return status;
}
