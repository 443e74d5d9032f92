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

/* *distance, with the root of covariance a in place of it; memory has room for 2 n^2 + n doubles. */
static inv_status between(size_t n, const double *mean_a, const double *covariance_a,
                          const double *root_a, const double *mean_b, const double *covariance_b,
                          double *memory, double *distance)
{
    double *work = memory, *product = work + n * n, *values = product + n * n, sum = 0.0;
    inv_status status = INV_OK;
    multiply(n, root_a, covariance_b, work);
    multiply(n, work, root_a, product);
    INV_TRY(inv_eigen_symmetric(n, product, values));
    for (size_t j = 0; j < n; j++) {
        const double d = mean_a[j] - mean_b[j];
        sum += d * d + covariance_a[j * n + j] + covariance_b[j * n + j] -
               2.0 * sqrt(fmax(values[j], 0.0));
    }
    *distance = fmax(sum, 0.0);
done:
    return status;
}

inv_status inv_frechet(size_t n, const double *mean_a, const double *covariance_a,
                       const double *mean_b, const double *covariance_b, double *distance)
{
    void *memory = NULL;
    inv_status status = inv_calloc(n, (3 * n + 1) * sizeof(double), "covariances", &memory);
    if (status != INV_OK)
        return status;
    double *root = memory, *rest = root + n * n;
    memcpy(root, covariance_a, n * n * sizeof *root);
    INV_TRY(take_root(n, root, rest, rest + n * n));
    INV_TRY(between(n, mean_a, covariance_a, root, mean_b, covariance_b, rest, distance));
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

/* ---- images ---- */

typedef struct measuring {
    const inv_measuring *what;
    gsl_matrix_float *x;
    inv_pass *up, *down, *judge; /* up and down: of what is made */
} measuring;

static void measuring_close(measuring *m)
{
    inv_mat_free(m->x);
    inv_pass_free(m->up);
    inv_pass_free(m->down);
    inv_pass_free(m->judge);
}

static inv_status measuring_open(measuring *m, const inv_measuring *what, size_t point, bool makes)
{
    inv_status status = INV_OK;
    *m = (measuring){.what = what};
    INV_TRY(inv_mat_alloc(INV_CHUNK, inv_net_units(what->judge, 0), "images", &m->x));
    INV_TRY(inv_pass_alloc(what->judge, 0, point, INV_CHUNK, INV_PASS_FORWARD, &m->judge));
    if (makes && !what->images) {
        INV_TRY(inv_pass_alloc(what->net, 0, what->at, INV_CHUNK, INV_PASS_FORWARD, &m->up));
        INV_TRY(inv_pass_alloc(what->inverse, 0, inv_net_depth(what->inverse), INV_CHUNK,
                               INV_PASS_FORWARD, &m->down));
    }
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

/* Of the first images of a part, or of what is made of them. The judge sees its own black and white in
 * place of the net's. */
static void add_images(measuring *m, const inv_part *part, size_t count, bool makes, moments *to)
{
    for (size_t n, first = 0; first < count; first += n) {
        n = count - first < INV_CHUNK ? count - first : INV_CHUNK;
        gsl_matrix_float x = inv_mat_head(m->x, n);
        inv_part_rows(part, first, n, m->x);
        if (makes)
            make(m, first, &x);
        inv_pixels_translate(&m->what->pixels, &m->what->judge_pixels, &x, &x);
        moments_add(to, inv_net_forward(m->what->judge, m->judge, &x));
    }
    moments_finish(to);
}

/* ---- real ones ---- */

struct inv_frechet_real {
    const inv_net *judge;
    size_t point, images, training;
    moments test;
    double *root, *work; /* of the test images' covariance, and what `between` has room for */
    double distance;
};

void inv_frechet_real_free(inv_frechet_real *real)
{
    if (!real)
        return;
    free(real->test.shift);
    free(real->root);
    free(real);
}

size_t inv_frechet_real_images(const inv_frechet_real *real)
{
    return real->images;
}

static inv_status check(const inv_measuring *what, size_t point, const inv_dataset *data,
                        size_t images)
{
    const inv_net *judge = what->judge;
    if (point == 0 || point > inv_net_depth(judge) ||
        inv_net_units(judge, 0) != data->test.pixels || images == 0 || images > data->test.count ||
        data->train.count == 0)
        return INV_ERROR(INV_EINVAL, "frechet: no such point or images, or images of another size");
    if (inv_net_units(judge, point) > UNITS_MOST)
        return INV_ERROR(INV_EDATA, "frechet: %s has %zu units; at most %d can be told",
                         inv_net_point_name(judge, point), inv_net_units(judge, point), UNITS_MOST);
    return INV_OK;
}

static inv_status distance_to(const inv_frechet_real *real, const moments *other, double *distance)
{
    const moments *test = &real->test;
    return between(test->units, test->mean, test->covariance, real->root, other->mean,
                   other->covariance, real->work, distance);
}

/* What is worked out once: the test images' moments, the root of their covariance, the zero line. */
static inv_status fill(inv_frechet_real *real, const inv_measuring *what, const inv_dataset *data)
{
    const size_t units = inv_net_units(what->judge, real->point);
    measuring m = {0};
    moments training = {0};
    void *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(measuring_open(&m, what, real->point, false));
    INV_TRY(moments_open(&real->test, units));
    INV_TRY(moments_open(&training, units));
    INV_TRY(inv_calloc(units, (3 * units + 1) * sizeof(double), "covariances", &memory));
    real->root = memory;
    real->work = real->root + units * units;
    add_images(&m, &data->test, real->images, false, &real->test);
    add_images(&m, &data->train, real->training, false, &training);
    memcpy(real->root, real->test.covariance, units * units * sizeof *real->root);
    INV_TRY(take_root(units, real->root, real->work, real->work + units * units));
    INV_TRY(distance_to(real, &training, &real->distance));
done:
    measuring_close(&m);
    free(training.shift);
    return status;
}

inv_status inv_frechet_real_alloc(const inv_measuring *what, size_t point, const inv_dataset *data,
                                  size_t images, inv_frechet_real **out)
{
    void *memory = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check(what, point, data, images));
    INV_TRY(inv_calloc(1, sizeof(inv_frechet_real), "a Frechet distance", &memory));
    inv_frechet_real *real = memory;
    *real = (inv_frechet_real){.judge = what->judge, .point = point, .images = images};
    real->training = images < data->train.count ? images : data->train.count;
    INV_TRY(fill(real, what, data));
    *out = real;
    return INV_OK;
done:
    inv_frechet_real_free(memory);
    return status;
}

/* ---- measuring ---- */

static inv_status check_made(const inv_measuring *what, const inv_frechet_real *real,
                             const inv_part *test)
{
    const gsl_matrix_float *images = what->images;
    if (what->judge != real->judge || test->count < real->images ||
        (images && images->size1 != real->images) ||
        test->pixels != inv_net_units(what->judge, 0) || (images && images->size2 != test->pixels))
        return INV_ERROR(INV_EINVAL, "frechet: another net, or other images, than the real ones'");
    return images ? INV_OK : inv_inverse_check(what->net, what->inverse, what->at);
}

inv_status inv_measure_frechet(const inv_measuring *what, const inv_frechet_real *real,
                               const inv_dataset *data, inv_frechet_figures *out)
{
    measuring m = {0};
    moments made = {0};
    inv_status status = INV_OK;
    *out = (inv_frechet_figures){
        .real = real->distance, .images = real->images, .training = real->training};
    INV_TRY(check_made(what, real, &data->test));
    INV_TRY(measuring_open(&m, what, real->point, true));
    INV_TRY(moments_open(&made, real->test.units));
    add_images(&m, &data->test, real->images, true, &made);
    INV_TRY(distance_to(real, &made, &out->distance));
done:
    measuring_close(&m);
    free(made.shift);
    return status;
}
