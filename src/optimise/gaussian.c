/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/gaussian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/encode.h"
#include "kernels/eigen.h"

/* Directions of less than this part of the largest variance are roundings. */
#define VARIANCE_LEAST 1e-7

/* ---- one that can be filled ---- */

static size_t floats_of(size_t units, size_t components)
{
    return units + components * units + components;
}

static void place(inv_gaussian *g, size_t units, size_t components, float **at)
{
    *g = (inv_gaussian){.units = units, .components = components};
    g->mean = *at;
    g->axes = g->mean + units;
    g->deviation = g->axes + components * units;
    *at += floats_of(units, components);
}

inv_status inv_gaussians_alloc(size_t units, size_t components, size_t classes, inv_gaussians **out)
{
    void *memory = NULL, *of = NULL, *floats = NULL;
    inv_gaussians *g = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    if (units == 0 || units > INV_GAUSSIAN_UNITS || components == 0 || components > units)
        return INV_ERROR(INV_EINVAL, "gaussian: %zu components of %zu values; at most %d values",
                         components, units, INV_GAUSSIAN_UNITS);
    if (classes > INV_CLASSES_MAX)
        return INV_ERROR(INV_EINVAL, "gaussian: %zu classes; at most %d", classes, INV_CLASSES_MAX);
    INV_TRY(inv_calloc(1, sizeof *g, "gaussian", &memory));
    g = memory;
    INV_TRY(inv_calloc(classes ? classes : 1, sizeof *g->of, "gaussian", &of));
    g->of = of;
    INV_TRY(
        inv_calloc(classes + 1, floats_of(units, components) * sizeof(float), "gaussian", &floats));
    g->memory = floats;
    g->classes = classes;
    float *at = g->memory;
    place(&g->all, units, components, &at);
    for (size_t c = 0; c < classes; c++)
        place(&g->of[c], units, components, &at);
    *out = g;
    return INV_OK;
done:
    inv_gaussians_free(g);
    return status;
}

void inv_gaussians_free(inv_gaussians *g)
{
    if (!g)
        return;
    free(g->of);
    free(g->memory);
    free(g);
}

/* ---- from data ---- */

/* What is read in chunks: the images, and what the net makes of them at the point. */
typedef struct reading {
    const inv_net *net;
    const inv_part *part;
    size_t at, rows;
    inv_pass *pass; /* NULL where the point is the input */
    gsl_matrix_float *images;
} reading;

static void reading_close(reading *r)
{
    inv_pass_free(r->pass);
    inv_mat_free(r->images);
}

static inv_status reading_open(reading *r, const inv_net *net, const inv_part *part, size_t at)
{
    inv_status status = INV_OK;
    const size_t most = at > 0 ? inv_encode_rows(net, part->count) : INV_CHUNK;
    *r = (reading){net, part, at, part->count < most ? part->count : most, NULL, NULL};
    INV_TRY(inv_mat_alloc(r->rows, part->pixels, "images", &r->images));
    if (at > 0)
        INV_TRY(inv_pass_alloc(net, 0, at, r->rows, INV_PASS_FORWARD, &r->pass));
done:
    return status;
}

/* Images first .. , as many as fit. */
static gsl_matrix_float read_chunk(reading *r, size_t first)
{
    const size_t left = r->part->count - first, n = left < r->rows ? left : r->rows;
    const gsl_matrix_float x = inv_mat_head(r->images, n);
    inv_part_rows(r->part, first, n, r->images);
    return r->pass ? inv_mat_head(inv_net_forward(r->net, r->pass, &x), n) : x;
}

static void subtract_mean(gsl_matrix_float *x, const float *mean)
{
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j++)
            x->data[i * x->tda + j] -= mean[j];
}

static inv_status find_mean(reading *r, float *mean, size_t units)
{
    void *memory = NULL;
    inv_status status = inv_calloc(units, sizeof(double), "means", &memory);
    double *sum = memory;
    if (status != INV_OK)
        return status;
    for (size_t first = 0; first < r->part->count; first += r->rows) {
        const gsl_matrix_float x = read_chunk(r, first);
        for (size_t i = 0; i < x.size1; i++)
            for (size_t j = 0; j < units; j++)
                sum[j] += x.data[i * x.tda + j];
    }
    for (size_t j = 0; j < units; j++)
        mean[j] = (float)(sum[j] / (double)r->part->count);
    free(sum);
    return INV_OK;
}

/* The covariance, [units, units]; products of a chunk in float, their sum in double. */
static inv_status find_covariance(reading *r, const float *mean, size_t units, double *covariance)
{
    gsl_matrix_float *product = NULL;
    inv_status status = inv_mat_alloc(units, units, "covariance", &product);
    if (status != INV_OK)
        return status;
    for (size_t first = 0; first < r->part->count; first += r->rows) {
        gsl_matrix_float x = read_chunk(r, first);
        subtract_mean(&x, mean);
        gsl_matrix_float_set_zero(product);
        inv_mat_add_transposed_times(&x, &x, product);
        for (size_t i = 0; i < units * units; i++)
            covariance[i] += product->data[i] / (double)r->part->count;
    }
    inv_mat_free(product);
    return INV_OK;
}

/* How many of the n variances, which fall, are worth an axis; `wanted` (0: all) at most. */
static size_t count_components(const double *variances, size_t n, size_t wanted)
{
    const double minimum = VARIANCE_LEAST * variances[0];
    size_t count = 0;
    while (count < n && (wanted == 0 || count < wanted) && variances[count] > minimum)
        count++;
    return variances[0] > 0.0 ? count : 0;
}

/* The principal axes of what is read: eigenvectors of its covariance, by falling variance. */
typedef struct principal {
    size_t n;          /* directions looked at; beyond them nothing varies */
    size_t k;          /* of them that are worth an axis */
    double *variances; /* [n] */
    double *axes;      /* [at least k, units] */
} principal;

static void principal_free(principal *p)
{
    free(p->variances);
    free(p->axes);
}

static inv_status axes_of_covariance(reading *r, const float *mean, size_t units, size_t wanted,
                                     principal *p)
{
    void *axes = NULL;
    inv_status status = inv_calloc(units * units, sizeof(double), "covariance", &axes);
    p->axes = axes;
    if (status == INV_OK)
        status = find_covariance(r, mean, units, p->axes);
    if (status == INV_OK)
        status = inv_eigen_symmetric(units, p->axes, p->variances);
    if (status == INV_OK)
        p->k = count_components(p->variances, units, wanted);
    return status;
}

/* All images less their mean, [count, units]. */
static void read_all(reading *r, const float *mean, gsl_matrix_float *all)
{
    for (size_t first = 0; first < r->part->count; first += r->rows) {
        gsl_matrix_float x = read_chunk(r, first);
        subtract_mean(&x, mean);
        for (size_t i = 0; i < x.size1; i++)
            memcpy(all->data + (first + i) * all->tda, x.data + i * x.tda,
                   x.size2 * sizeof *x.data);
    }
}

#define SUMS 8 /* of an inner product: which one a value is added to is written here */

static double inner(size_t n, const float *x, const float *y)
{
    double sum[SUMS] = {0.0}, all = 0.0;
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (size_t s = 0; s < SUMS; s++)
            sum[s] += (double)x[i + s] * y[i + s];
    for (; i < n; i++)
        sum[i % SUMS] += (double)x[i] * y[i];
    for (size_t s = 0; s < SUMS; s++)
        all += sum[s];
    return all;
}

/* products = x x' / n, the lower triangle. */
static void find_inner_products(const gsl_matrix_float *x, double *products)
{
    const size_t n = x->size1;
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            products[i * n + j] =
                inner(x->size2, x->data + i * x->tda, x->data + j * x->tda) / (double)n;
}

/* axis = v x / |v x|; v [n], x [n, units] */
static void combine(const gsl_matrix_float *x, const double *v, double *axis)
{
    double square = 0.0;
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j++)
            axis[j] += v[i] * x->data[i * x->tda + j];
    for (size_t j = 0; j < x->size2; j++)
        square += axis[j] * axis[j];
    for (size_t j = 0; j < x->size2; j++)
        axis[j] /= sqrt(square);
}

/* With x [n, units] the images less their mean, x' x / n and x x' / n have the same eigenvalues but
 * for zeros, and where v is an eigenvector of the latter, v x is one of the former: where there are
 * fewer images than values, the smaller matrix does. Source: Sirovich 1987, the method of snapshots. */
static inv_status axes_of_images(reading *r, const float *mean, size_t units, size_t wanted,
                                 principal *p)
{
    const size_t n = p->n;
    gsl_matrix_float *x = NULL;
    void *products = NULL, *axes = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_mat_alloc(n, units, "images", &x));
    INV_TRY(inv_calloc(n * n, sizeof(double), "inner products", &products));
    double *v = products;
    read_all(r, mean, x);
    find_inner_products(x, v);
    INV_TRY(inv_eigen_symmetric(n, v, p->variances));
    p->k = count_components(p->variances, n, wanted);
    if (p->k == 0)
        goto done;
    INV_TRY(inv_calloc(p->k * units, sizeof(double), "axes", &axes));
    p->axes = axes;
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < p->k; k++)
        combine(x, v + k * n, p->axes + k * units);
done:
    inv_mat_free(x);
    free(products);
    return status;
}

static inv_status find_principal(reading *r, const float *mean, size_t units, size_t wanted,
                                 principal *p)
{
    const bool few = r->part->count < units;
    void *variances = NULL;
    *p = (principal){.n = few ? r->part->count : units};
    inv_status status = inv_calloc(p->n, sizeof(double), "variances", &variances);
    p->variances = variances;
    if (status != INV_OK)
        return status;
    return few ? axes_of_images(r, mean, units, wanted, p)
               : axes_of_covariance(r, mean, units, wanted, p);
}

/* z[i] = (x_i - mean) . axes, [rows, components] */
static void to_axes(const inv_gaussian *all, gsl_matrix_float *x, gsl_matrix_float *z)
{
    const gsl_matrix_float axes = inv_mat_over(all->axes, all->components, all->units);
    subtract_mean(x, all->mean);
    inv_mat_times_transposed(x, &axes, z);
}

/* Sums over the images of each class of z and of z z', in the axes of all. */
typedef struct class_sums {
    size_t k, classes;
    double *count, *sum, *square; /* [classes], [classes, k], [classes, k, k] */
} class_sums;

static void add_class_row(class_sums *s, size_t c, const float *z)
{
    double *sum = s->sum + c * s->k, *square = s->square + c * s->k * s->k;
    s->count[c] += 1.0;
    for (size_t i = 0; i < s->k; i++) {
        sum[i] += z[i];
        for (size_t j = 0; j <= i; j++)
            square[i * s->k + j] += (double)z[i] * z[j];
    }
}

static inv_status add_classes(reading *r, const inv_gaussian *all, class_sums *s)
{
    gsl_matrix_float *z = NULL;
    inv_status status = inv_mat_alloc(r->rows, s->k, "components", &z);
    if (status != INV_OK)
        return status;
    for (size_t first = 0; first < r->part->count; first += r->rows) {
        gsl_matrix_float x = read_chunk(r, first);
        gsl_matrix_float to = inv_mat_head(z, x.size1);
        to_axes(all, &x, &to);
/* each class is one thread's, and its images come in their order */
#pragma omp parallel for schedule(dynamic)
        for (size_t c = 0; c < s->classes; c++)
            for (size_t i = 0; i < x.size1; i++)
                if (r->part->labels[first + i] == c)
                    add_class_row(s, c, z->data + i * z->tda);
    }
    inv_mat_free(z);
    return INV_OK;
}

/* mean + the class's mean, and its own axes [k, k], turned back into those of the values. */
static void fill_class(const inv_gaussian *all, const double *mean, const double *variances,
                       const double *axes, inv_gaussian *g)
{
    const double minimum = VARIANCE_LEAST * variances[0];
    for (size_t j = 0; j < g->units; j++) {
        double sum = all->mean[j];
        for (size_t i = 0; i < g->components; i++)
            sum += mean[i] * all->axes[i * g->units + j];
        g->mean[j] = (float)sum;
    }
    for (size_t k = 0; k < g->components; k++) {
        float *axis = g->axes + k * g->units;
        g->deviation[k] = (float)sqrt(fmax(variances[k], minimum));
        for (size_t i = 0; i < g->components; i++) {
            const float part = (float)axes[k * g->components + i];
            for (size_t j = 0; j < g->units; j++)
                axis[j] += part * all->axes[i * g->units + j];
        }
    }
    g->rest = all->rest;
}

/* Each class's sums become its mean and its covariance; `pooled` becomes sum_c n_c S_c / sum_c n_c
 * over those with two images or more. Source: Fisher 1936; Hastie, Tibshirani, Friedman 2009, 4.3. */
static void find_class_covariances(class_sums *s, double *pooled)
{
    const size_t k = s->k;
    double total = 0.0;
    for (size_t c = 0; c < s->classes; c++) {
        const double n = s->count[c];
        double *mean = s->sum + c * k, *square = s->square + c * k * k;
        for (size_t i = 0; n > 0.0 && i < k; i++)
            mean[i] /= n;
        for (size_t i = 0; n > 0.0 && i < k; i++)
            for (size_t j = 0; j <= i; j++) {
                square[i * k + j] = square[i * k + j] / n - mean[i] * mean[j];
                pooled[i * k + j] += n > 1.0 ? n * square[i * k + j] : 0.0;
            }
        total += n > 1.0 ? n : 0.0;
    }
    for (size_t i = 0; total > 0.0 && i < k * k; i++)
        pooled[i] /= total;
}

/* Whether values that vary so much along their first axis vary at all. */
static bool does_vary(const inv_gaussian *all, double variance)
{
    return variance > VARIANCE_LEAST * all->deviation[0] * all->deviation[0];
}

/* The axes of the pooled covariance or, where the images of each class are alike, of all images. */
static inv_status find_pooled_axes(const inv_gaussian *all, double *pooled, double *variances)
{
    const size_t k = all->components;
    inv_status status = inv_eigen_symmetric(k, pooled, variances);
    if (status != INV_OK || does_vary(all, variances[0]))
        return status;
    for (size_t i = 0; i < k; i++) {
        variances[i] = (double)all->deviation[i] * all->deviation[i];
        for (size_t j = 0; j < k; j++)
            pooled[i * k + j] = i == j;
    }
    return INV_OK;
}

/* A class without images has no Gaussian; one whose images do not vary, as a single one does not, the
 * pooled covariance. `variances` is room for one of each component. */
static inv_status fit_class(const inv_gaussian *all, class_sums *s, size_t c,
                            const double *pooled_axes, const double *pooled, double *variances,
                            inv_gaussian *g)
{
    const size_t k = s->k;
    const double *mean = s->sum + c * k;
    double *square = s->square + c * k * k;
    variances[0] = 0.0;
    if (s->count[c] < 1.0)
        return INV_OK;
    inv_status status = s->count[c] > 1.0 ? inv_eigen_symmetric(k, square, variances) : INV_OK;
    if (status == INV_OK && does_vary(all, variances[0]))
        fill_class(all, mean, variances, square, g);
    else if (status == INV_OK)
        fill_class(all, mean, pooled, pooled_axes, g);
    return status;
}

static inv_status fit_classes(reading *r, inv_gaussians *g)
{
    const size_t k = g->all.components;
    void *count = NULL, *sum = NULL, *square = NULL, *variances = NULL, *pooled = NULL;
    inv_status status = INV_OK;
    if (g->classes == 0)
        return INV_OK;
    INV_TRY(inv_calloc(2 * k, sizeof(double), "classes", &variances));
    INV_TRY(inv_calloc(k, k * sizeof(double), "classes", &pooled));
    INV_TRY(inv_calloc(g->classes, sizeof(double), "classes", &count));
    INV_TRY(inv_calloc(g->classes * k, sizeof(double), "classes", &sum));
    INV_TRY(inv_calloc(g->classes * k, k * sizeof(double), "classes", &square));
    class_sums sums = {k, g->classes, count, sum, square};
    double *of_class = variances, *of_pooled = of_class + k;
    INV_TRY(add_classes(r, &g->all, &sums));
    find_class_covariances(&sums, pooled);
    INV_TRY(find_pooled_axes(&g->all, pooled, of_pooled));
    for (size_t c = 0; c < g->classes; c++)
        INV_TRY(fit_class(&g->all, &sums, c, pooled, of_pooled, of_class, &g->of[c]));
done:
    free(variances);
    free(pooled);
    free(count);
    free(sum);
    free(square);
    return status;
}

static void fill_all(const principal *p, inv_gaussian *all)
{
    const size_t units = all->units, k = all->components;
    double rest = 0.0;
    for (size_t i = 0; i < k; i++)
        all->deviation[i] = (float)sqrt(p->variances[i]);
    for (size_t i = 0; i < k * units; i++)
        all->axes[i] = (float)p->axes[i];
    for (size_t i = k; i < p->n; i++)
        rest += fmax(p->variances[i], 0.0);
    all->rest = k < units ? rest / (double)(units - k) : 0.0;
}

static inv_status check(const inv_net *net, const inv_part *part, size_t at, size_t classes)
{
    const size_t depth = inv_net_depth(net);
    if (at > depth || classes > INV_CLASSES_MAX)
        return INV_ERROR(INV_EINVAL, "gaussian: %zu classes at point %zu; at most %d, at 0 to %zu",
                         classes, at, INV_CLASSES_MAX, depth);
    if (inv_net_units(net, at) > INV_GAUSSIAN_UNITS)
        return INV_ERROR(INV_EINVAL, "gaussian: %zu values at %s; at most %d",
                         inv_net_units(net, at), inv_net_point_name(net, at), INV_GAUSSIAN_UNITS);
    return inv_encode_check(net, part);
}

inv_status inv_gaussians_fit(const inv_net *net, const inv_part *part, size_t at, size_t classes,
                             size_t components, inv_gaussians **out)
{
    size_t units = 0;
    void *mean = NULL;
    reading r = {0};
    principal p = {0};
    inv_gaussians *g = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check(net, part, at, classes));
    units = inv_net_units(net, at);
    INV_TRY(inv_calloc(units, sizeof(float), "means", &mean));
    INV_TRY(reading_open(&r, net, part, at));
    INV_TRY(find_mean(&r, mean, units));
    INV_TRY(find_principal(&r, mean, units, components, &p));
    if (p.k == 0)
        INV_FAIL(INV_EDATA, "gaussian: the values at %s do not vary", inv_net_point_name(net, at));
    INV_TRY(inv_gaussians_alloc(units, p.k, classes, &g));
    memcpy(g->all.mean, mean, units * sizeof(float));
    fill_all(&p, &g->all);
    INV_TRY(fit_classes(&r, g));
    *out = g;
    g = NULL;
done:
    inv_gaussians_free(g);
    reading_close(&r);
    principal_free(&p);
    free(mean);
    return status;
}

/* ---- waves ---- */

/* Axis (u, v, channel), in the order of pixels. */
static void fill_waves(inv_gaussian *g, inv_shape s)
{
    const size_t height = s.height, width = s.width, channels = s.channels;
    const double scale = 1.0 / sqrt((double)(height * width));
    for (size_t u = 0; u < height; u++)
        for (size_t v = 0; v < width; v++)
            for (size_t row = 0; row < height; row++)
                for (size_t column = 0; column < width; column++) {
                    const double turns = (double)(row * u % height) / (double)height +
                                         (double)(column * v % width) / (double)width;
                    const double wave = cos(2.0 * M_PI * turns) + sin(2.0 * M_PI * turns);
                    for (size_t c = 0; c < channels; c++)
                        g->axes[((u * width + v) * channels + c) * g->units +
                                (row * width + column) * channels + c] = (float)(scale * wave);
                }
}

static inv_status fill_spectrum(reading *r, inv_gaussian *g)
{
    void *memory = NULL;
    gsl_matrix_float *z = NULL;
    double maximum = 0.0;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(g->units, sizeof(double), "spectrum", &memory));
    double *sum = memory;
    INV_TRY(inv_mat_alloc(r->rows, g->units, "spectrum", &z));
    for (size_t first = 0; first < r->part->count; first += r->rows) {
        gsl_matrix_float x = read_chunk(r, first), to = inv_mat_head(z, x.size1);
        to_axes(g, &x, &to);
        for (size_t i = 0; i < x.size1; i++)
            for (size_t k = 0; k < g->units; k++)
                sum[k] += (double)z->data[i * z->tda + k] * z->data[i * z->tda + k];
    }
    for (size_t k = 0; k < g->units; k++)
        maximum = fmax(maximum, sum[k]);
    if (!(maximum > 0.0))
        INV_FAIL(INV_EDATA, "gaussian: the images are all alike");
    for (size_t k = 0; k < g->units; k++)
        g->deviation[k] =
            (float)sqrt(fmax(sum[k], VARIANCE_LEAST * maximum) / (double)r->part->count);
done:
    free(memory);
    inv_mat_free(z);
    return status;
}

inv_status inv_gaussians_waves(const inv_part *part, inv_shape shape, inv_gaussians **out)
{
    const size_t units = part->pixels;
    reading r = {0};
    inv_gaussians *g = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    if (part->count == 0 || units > INV_GAUSSIAN_UNITS || shape.height > units ||
        shape.width > units || shape.channels > units || inv_shape_size(shape) != units)
        return INV_ERROR(INV_EINVAL,
                         "gaussian: waves over %zu images of %zu values, as %zu x %zu "
                         "x %zu; at most %d values",
                         part->count, units, shape.height, shape.width, shape.channels,
                         INV_GAUSSIAN_UNITS);
    INV_TRY(inv_gaussians_alloc(units, units, 0, &g));
    INV_TRY(reading_open(&r, NULL, part, 0));
    INV_TRY(find_mean(&r, g->all.mean, units));
    fill_waves(&g->all, shape);
    INV_TRY(fill_spectrum(&r, &g->all));
    *out = g;
    g = NULL;
done:
    inv_gaussians_free(g);
    reading_close(&r);
    return status;
}

/* Waves across an axis of n pixels: number u and number n - u are the same wave. */
static double across(size_t u, size_t n)
{
    return (double)(u <= n / 2 ? u : n - u);
}

/* Deviation k falls as 1 / f, f the waves across (the slowest count as one), as natural images' do
 * (Field 1987). */
static void fill_plain(inv_gaussian *g, inv_shape s, double deviation)
{
    double sum = 0.0;
    for (size_t u = 0; u < s.height; u++)
        for (size_t v = 0; v < s.width; v++) {
            const double f = fmax(hypot(across(u, s.height), across(v, s.width)), 1.0);
            for (size_t c = 0; c < s.channels; c++)
                g->deviation[(u * s.width + v) * s.channels + c] = (float)(1.0 / f);
            sum += 1.0 / (f * f);
        }
    const double scale = deviation * sqrt((double)(s.height * s.width) / sum);
    for (size_t k = 0; k < g->units; k++)
        g->deviation[k] *= (float)scale;
}

inv_status inv_gaussians_plain_waves(inv_shape shape, double ground, double deviation,
                                     inv_gaussians **out)
{
    const size_t units = inv_shape_size(shape);
    inv_gaussians *g = NULL;
    *out = NULL;
    if (shape.height > INV_GAUSSIAN_UNITS || shape.width > INV_GAUSSIAN_UNITS ||
        shape.channels > INV_GAUSSIAN_UNITS || units > INV_GAUSSIAN_UNITS || units == 0)
        return INV_ERROR(INV_EINVAL,
                         "gaussian: waves over images of %zu x %zu x %zu; at most %d values",
                         shape.height, shape.width, shape.channels, INV_GAUSSIAN_UNITS);
    inv_status status = inv_gaussians_alloc(units, units, 0, &g);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; i < units; i++)
        g->all.mean[i] = (float)ground;
    fill_waves(&g->all, shape);
    fill_plain(&g->all, shape, deviation);
    *out = g;
    return INV_OK;
}

/* ---- used ---- */

static double project(const inv_gaussian *g, size_t k, const float *x)
{
    double sum = 0.0;
    const float *axis = g->axes + k * g->units;
    for (size_t j = 0; j < g->units; j++)
        sum += ((double)x[j] - g->mean[j]) * axis[j];
    return sum;
}

void inv_gaussian_coordinates(const inv_gaussian *g, const float *x, float *c)
{
    for (size_t k = 0; k < g->components; k++)
        c[k] = (float)(project(g, k, x) / g->deviation[k]);
}

double inv_gaussian_distance(const inv_gaussian *g, const float *x, double scale, float *gradient)
{
    const double outside = g->rest > 0.0 ? 1.0 / g->rest : 0.0;
    double sum = 0.0, left = 0.0;
    for (size_t j = 0; j < g->units; j++) {
        const double d = (double)x[j] - g->mean[j];
        left += d * d;
        if (gradient)
            gradient[j] += (float)(scale * outside * d);
    }
    for (size_t k = 0; k < g->components; k++) {
        const float *axis = g->axes + k * g->units;
        const double p = project(g, k, x),
                     inside = 1.0 / ((double)g->deviation[k] * g->deviation[k]);
        sum += p * p * inside;
        left -= p * p;
        for (size_t j = 0; gradient && j < g->units; j++)
            gradient[j] += (float)(scale * p * (inside - outside) * axis[j]);
    }
    return 0.5 * (sum + outside * fmax(left, 0.0));
}

size_t inv_gaussians_state(inv_gaussians *g, inv_array state[INV_ARRAYS_MAX])
{
    state[0] = (inv_array){"all", INV_FLOAT32, g->memory,
                           (g->classes + 1) * floats_of(g->all.units, g->all.components)};
    state[1] = (inv_array){"rest", INV_FLOAT64, &g->all.rest, 1};
    return 2;
}

bool inv_gaussian_is_there(const inv_gaussian *g)
{
    return g->deviation[0] > 0.0f;
}

/* Whether its deviations are those of a Gaussian, or all 0, which is none. */
static bool is_sound(const inv_gaussian *g)
{
    const bool there = inv_gaussian_is_there(g);
    for (size_t k = 0; k < g->components; k++)
        if (there ? !(g->deviation[k] > 0.0f) : g->deviation[k] != 0.0f)
            return false;
    return true;
}

inv_status inv_gaussians_restored(inv_gaussians *g)
{
    const size_t n = (g->classes + 1) * floats_of(g->all.units, g->all.components);
    bool good = inv_all_finite(g->memory, n) && isfinite(g->all.rest) && g->all.rest >= 0.0 &&
                inv_gaussian_is_there(&g->all);
    for (size_t c = 0; c <= g->classes; c++) {
        inv_gaussian *one = c < g->classes ? &g->of[c] : &g->all;
        one->rest = g->all.rest;
        good = good && is_sound(one);
    }
    return good ? INV_OK
                : INV_ERROR(INV_EFORMAT, "gaussian: the saved state is not that of a Gaussian");
}
