/* The kind of inverse that is one linear map, found at one go: ridge regression with an intercept.
 *
 * With X [n, d] the values at the point, each brought to mean 0 and variance 1 by the training images,
 * and Y [n, p] those images less their mean,
 *
 *     W = (X'X / n + penalty I)^-1 X'Y / n                  where images are no fewer than values,
 *     W = X' (X X' / n + penalty I)^-1 Y / n                else: the same, as a smaller system
 *
 * The penalty is the one of a row of them that leaves the least squared error on the validation
 * images; where there are none, the least generalised cross-validation,
 *
 *     V = |Y - X W|^2 / n / (1 - (t + 1) / n)^2,   t = tr(X (X'X / n + penalty I)^-1 X') / n
 *
 * Source: Hoerl, Kennard 1970; Golub, Heath, Wahba 1979; Hastie, Tibshirani, Friedman 2009, 3.4 and
 * 18.3.5 (the dual).
 *
 * What lies beyond the range of pixels then ends at its ends, which can only bring it nearer to an image.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "inverse/kind.h"
#include "inverse/parts.h"
#include "inverse/values.h"
#include "kernels/cholesky.h"

#define SYSTEM_MOST 8192 /* equations: the memory of a square of them is half a gigabyte */
#define POWER_LEAST (-9) /* of the penalties, powers of ten */
#define POWER_MOST  0

static const inv_field fields[] = {
    {"penalty", INV_FIELD_REAL, offsetof(inv_inverse_spec, penalty), 0.0, 1e12,
     .help = "what is added to the variances, which are 1; 0: the one of several that is best on "
             "images set aside"},
    {0}};

static inv_status build(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                        inv_net **out)
{
    const inv_shape values = {1, 1, inv_net_units(net, point)};
    json_t *list = json_array();
    inv_status status = INV_OK;
    (void)spec;
    INV_TRY(inv_parts_add(list, json_pack("{ss ss sI}", "name", "pixels", "type", "dense", "units",
                                          (json_int_t)inv_net_units(net, 0))));
    INV_TRY(inv_parts_end(list));
    INV_TRY(inv_parts_build(list, values, "inverse", out));
done:
    json_decref(list);
    return status;
}

/* ---- what is solved ---- */

typedef struct ridge {
    const inv_net *net;
    size_t point;
    const inv_part *part;
    size_t n, d, p, size; /* size: equations, d or n */
    bool dual;
    double *mean, *deviation, *image_mean; /* [d], [d], [p] */
    double *system;                        /* [size, size], over n */
    double *right;                         /* [size, p], over n */
    double *factors, *solution;            /* of one penalty: [size, size], [size, p] */
    gsl_matrix_float *x, *y; /* [n, d], [n, p] standardised and centred: of the dual */
} ridge;

static void close_ridge(ridge *r)
{
    free(r->mean);
    free(r->system);
    free(r->right);
    free(r->factors);
    free(r->solution);
    inv_mat_free(r->x);
    inv_mat_free(r->y);
}

static inv_status doubles(size_t rows, size_t cols, double **out)
{
    void *memory = NULL;
    inv_status status =
        rows > SIZE_MAX / sizeof(double) / cols
            ? INV_ERROR(INV_ENOMEM, "inverse: %zu x %zu are too many", rows, cols)
            : inv_calloc(rows, cols * sizeof(double), "a ridge regression", &memory);
    *out = memory;
    return status;
}

static inv_status open_ridge(ridge *r, const inv_net *net, size_t point, const inv_part *part)
{
    inv_status status = INV_OK;
    *r = (ridge){.net = net,
                 .point = point,
                 .part = part,
                 .n = part->count,
                 .d = inv_net_units(net, point),
                 .p = part->pixels};
    r->dual = r->d > r->n;
    r->size = r->dual ? r->n : r->d;
    if (r->size > SYSTEM_MOST)
        return INV_ERROR(INV_ECONFIG,
                         "inverse.at: %s has %zu values; a ridge regression takes at most %d, or "
                         "images; take another point, or kind = \"decoder\"",
                         inv_net_point_name(net, point), r->d, SYSTEM_MOST);
    INV_TRY(doubles(1, 2 * r->d + r->p, &r->mean));
    r->deviation = r->mean + r->d;
    r->image_mean = r->deviation + r->d;
    INV_TRY(doubles(r->size, r->size, &r->system));
    INV_TRY(doubles(r->size, r->p, &r->right));
    INV_TRY(doubles(r->size, r->size, &r->factors));
    INV_TRY(doubles(r->size, r->p, &r->solution));
    INV_TRY(inv_values_moments(net, part, point, r->mean, r->deviation));
done:
    return status;
}

/* x = (x - mean) / deviation, y -= mean, of the rows of a chunk. */
static void standardise(const ridge *r, gsl_matrix_float *x, gsl_matrix_float *y)
{
    for (size_t i = 0; i < x->size1; i++) {
        float *values = x->data + i * x->tda, *pixels = y->data + i * y->tda;
        for (size_t j = 0; j < r->d; j++)
            values[j] = r->deviation[j] > 0.0
                            ? (float)(((double)values[j] - r->mean[j]) / r->deviation[j])
                            : 0.0f;
        for (size_t j = 0; j < r->p; j++)
            pixels[j] = (float)((double)pixels[j] - r->image_mean[j]);
    }
}

static inv_status find_image_mean(ridge *r)
{
    gsl_matrix_float *images = NULL;
    const size_t rows = r->n < 1000 ? r->n : 1000;
    inv_status status = inv_mat_alloc(rows, r->p, "images", &images);
    for (size_t first = 0; status == INV_OK && first < r->n; first += rows) {
        const size_t n = r->n - first < rows ? r->n - first : rows;
        inv_part_rows(r->part, first, n, images);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < r->p; j++)
                r->image_mean[j] += images->data[i * images->tda + j] / (double)r->n;
    }
    inv_mat_free(images);
    return status;
}

/* sum += a' b / n, the product of a chunk in float, its sum in double */
static void add_product(const gsl_matrix_float *a, const gsl_matrix_float *b, size_t n,
                        gsl_matrix_float *product, double *sum)
{
    const size_t cells = product->size1 * product->size2;
    gsl_matrix_float_set_zero(product);
    inv_mat_add_transposed_times(a, b, product);
    for (size_t i = 0; i < cells; i++)
        sum[i] += product->data[i] / (double)n;
}

static inv_status fill_primal(ridge *r)
{
    inv_values v = {0};
    gsl_matrix_float *xx = NULL, *xy = NULL, *x = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_values_open(&v, r->net, r->part, r->point));
    INV_TRY(inv_mat_alloc(r->d, r->d, "products", &xx));
    INV_TRY(inv_mat_alloc(r->d, r->p, "products", &xy));
    INV_TRY(inv_mat_alloc(v.rows, r->d, "values", &x));
    for (size_t first = 0; first < r->n; first += v.rows) {
        const gsl_matrix_float read = inv_values_read(&v, first);
        gsl_matrix_float values = inv_mat_head(x, read.size1);
        gsl_matrix_float images = inv_mat_head(v.images, read.size1);
        gsl_matrix_float_memcpy(&values, &read);
        standardise(r, &values, &images);
        add_product(&values, &values, r->n, xx, r->system);
        add_product(&values, &images, r->n, xy, r->right);
    }
done:
    inv_values_close(&v);
    inv_mat_free(xx);
    inv_mat_free(xy);
    inv_mat_free(x);
    return status;
}

static inv_status fill_dual(ridge *r)
{
    inv_values v = {0};
    gsl_matrix_float *xx = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_values_open(&v, r->net, r->part, r->point));
    INV_TRY(inv_mat_alloc(r->n, r->d, "values", &r->x));
    INV_TRY(inv_mat_alloc(r->n, r->p, "images", &r->y));
    INV_TRY(inv_mat_alloc(r->n, r->n, "products", &xx));
    for (size_t first = 0; first < r->n; first += v.rows) {
        const gsl_matrix_float read = inv_values_read(&v, first);
        memcpy(r->x->data + first * r->d, read.data, read.size1 * r->d * sizeof(float));
        memcpy(r->y->data + first * r->p, v.images->data, read.size1 * r->p * sizeof(float));
    }
    standardise(r, r->x, r->y);
    inv_mat_times_transposed(r->x, r->x, xx);
    for (size_t i = 0; i < r->n * r->n; i++)
        r->system[i] = xx->data[i] / (double)r->n;
    for (size_t i = 0; i < r->n * r->p; i++)
        r->right[i] = r->y->data[i] / (double)r->n;
done:
    inv_values_close(&v);
    inv_mat_free(xx);
    return status;
}

/* ---- one penalty ---- */

static bool factor(ridge *r, double penalty)
{
    memcpy(r->factors, r->system, r->size * r->size * sizeof *r->factors);
    for (size_t i = 0; i < r->size; i++)
        r->factors[i * r->size + i] += penalty;
    return inv_cholesky(r->size, r->factors);
}

/* W[j] of value j, for all pixels; row has room for them. */
static void weights_of(const ridge *r, size_t j, double *row)
{
    if (!r->dual) {
        memcpy(row, r->solution + j * r->p, r->p * sizeof *row);
        return;
    }
    memset(row, 0, r->p * sizeof *row);
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->p; k++)
            row[k] += r->x->data[i * r->d + j] * r->solution[i * r->p + k];
}

/* The layer takes the values as they are: kernel = W / deviation, bias = mean of the images - mean
 * kernel. */
static inv_status put(const ridge *r, inv_net *inverse)
{
    const inv_block *kernel = inv_net_block(inverse, "pixels", "kernel");
    const inv_block *bias = inv_net_block(inverse, "pixels", "bias");
    float *weights = inv_net_params(inverse) + kernel->offset;
    double *row = NULL;
    inv_status status = doubles(2, r->p, &row);
    if (status != INV_OK)
        return status;
    double *offset = row + r->p;
    memcpy(offset, r->image_mean, r->p * sizeof *offset);
    for (size_t j = 0; j < r->d; j++) {
        const double factor = r->deviation[j] > 0.0 ? 1.0 / r->deviation[j] : 0.0;
        weights_of(r, j, row);
        for (size_t k = 0; k < r->p; k++) {
            weights[j * r->p + k] = (float)(row[k] * factor);
            offset[k] -= r->mean[j] * (double)weights[j * r->p + k];
        }
    }
    for (size_t k = 0; k < r->p; k++)
        inv_net_params(inverse)[bias->offset + k] = (float)offset[k];
    free(row);
    return INV_OK;
}

/* False where roundings leave the system without a solution. */
static bool solve(ridge *r, double penalty)
{
    if (!factor(r, penalty))
        return false;
    memcpy(r->solution, r->right, r->size * r->p * sizeof *r->solution);
    inv_cholesky_solve(r->size, r->factors, r->p, r->solution);
    return true;
}

/* ---- which penalty ---- */

/* The mean over images and pixels of the squared error, of the linear map alone. */
static inv_status squared_error(const ridge *r, const inv_net *inverse, const inv_part *part,
                                double *error)
{
    inv_values v = {0};
    inv_pass *pass = NULL;
    double sum = 0.0;
    inv_status status = INV_OK;
    INV_TRY(inv_values_open(&v, r->net, part, r->point));
    INV_TRY(inv_pass_alloc(inverse, 0, 1, v.rows, INV_PASS_FORWARD, &pass));
    for (size_t first = 0; first < part->count; first += v.rows) {
        const gsl_matrix_float x = inv_values_read(&v, first);
        const gsl_matrix_float *y = inv_net_forward(inverse, pass, &x);
        for (size_t i = 0; i < x.size1; i++)
            for (size_t k = 0; k < r->p; k++) {
                const double e =
                    (double)y->data[i * y->tda + k] - (double)v.images->data[i * v.images->tda + k];
                sum += e * e;
            }
    }
    *error = sum / (double)part->count / (double)r->p;
done:
    inv_pass_free(pass);
    inv_values_close(&v);
    return status;
}

/* t of the formula above, which is size - penalty tr((system + penalty)^-1). */
static inv_status trace(const ridge *r, double penalty, double *t)
{
    double *inverse = NULL;
    inv_status status = doubles(r->size, r->size, &inverse);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; i < r->size; i++)
        inverse[i * r->size + i] = 1.0;
    inv_cholesky_solve(r->size, r->factors, r->size, inverse);
    *t = (double)r->size;
    for (size_t i = 0; i < r->size; i++)
        *t -= penalty * inverse[i * r->size + i];
    free(inverse);
    return INV_OK;
}

/* INFINITY where there is no solution. */
static inv_status judge(ridge *r, double penalty, const inv_part *validation, inv_net *inverse,
                        double *error)
{
    double t = 0.0;
    inv_status status = INV_OK;
    *error = INFINITY;
    if (!solve(r, penalty))
        return INV_OK;
    INV_TRY(put(r, inverse));
    INV_TRY(squared_error(r, inverse, validation->count ? validation : r->part, error));
    if (validation->count == 0) {
        INV_TRY(trace(r, penalty, &t));
        const double left = 1.0 - (t + 1.0) / (double)r->n;
        *error = left > 0.0 ? *error / (left * left) : INFINITY;
    }
done:
    return status;
}

static inv_status choose(ridge *r, const inv_part *validation, inv_net *inverse, double *best)
{
    double least = INFINITY;
    *best = 0.0;
    for (int power = POWER_LEAST; power <= POWER_MOST; power++) {
        const double penalty = pow(10.0, power);
        double error = 0.0;
        inv_status status = judge(r, penalty, validation, inverse, &error);
        if (status != INV_OK)
            return status;
        if (error < least) {
            least = error;
            *best = penalty;
        }
    }
    return INV_OK;
}

static inv_status fit(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                      inv_net *inverse, const inv_dataset *data, uint64_t seed)
{
    ridge r = {0};
    double penalty = spec->penalty;
    inv_status status = INV_OK;
    (void)seed;
    inv_parts_set_range(&data->pixels, inverse);
    INV_TRY(open_ridge(&r, net, point, &data->train));
    INV_TRY(find_image_mean(&r));
    INV_TRY(r.dual ? fill_dual(&r) : fill_primal(&r));
    if (penalty == 0.0)
        INV_TRY(choose(&r, &data->validation, inverse, &penalty));
    if (!(penalty > 0.0) || !solve(&r, penalty))
        INV_FAIL(INV_ENUMERIC, "inverse.penalty: %g leaves no single solution; raise it", penalty);
    INV_TRY(put(&r, inverse));
done:
    close_ridge(&r);
    return status;
}

static const inv_inverse_spec defaults = {.kind = "ridge", .name = "ridge"};

const inv_inverse_kind inv_inverse_ridge = {
    .name = "ridge",
    .fields = fields,
    .defaults = &defaults,
    .build = build,
    .fit = fit,
};
