/* lrn: each value over a power of the squares of the channels around it, at the same pixel:
 *
 *     s[k] = bias + alpha / size sum_j x[j]^2,   j from k - before to k - before + size - 1, those
 *                                                that are there
 *     y[k] = x[k] s[k]^-beta
 *     dx[j] = dy[j] s[j]^-beta - 2 alpha beta / size x[j] sum_k dy[k] x[k] s[k]^(-beta - 1),
 *                                                the k whose windows hold j
 *
 * Local response normalisation. Source: Krizhevsky et al. 2012, section 3.3; alpha over size as ONNX,
 * Caffe and PyTorch have it. Of windows of even size ONNX's LRN has before = size / 2 - 1, PyTorch
 * size / 2.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>

#include "net/layers.h"

typedef struct lrn_spec {
    size_t size, before;
    double alpha, beta, bias;
} lrn_spec;

static const lrn_spec defaults = {5, 2, 1e-4, 0.75, 1.0};

static const inv_field fields[] = {
    {"size", INV_FIELD_SIZE, offsetof(lrn_spec, size), 1, 1 << 24, .help = "channels of a window"},
    {"before", INV_FIELD_SIZE, offsetof(lrn_spec, before), 0, 1 << 24,
     .help = "channels of it before the value's own"},
    {"alpha", INV_FIELD_REAL, offsetof(lrn_spec, alpha), 0.0, 1e9,
     .help = "how much the mean of their squares counts"},
    {"beta", INV_FIELD_REAL, offsetof(lrn_spec, beta), 0.0, 100.0,
     .help = "the power that values are divided by"},
    {"bias", INV_FIELD_REAL, offsetof(lrn_spec, bias), 1e-9, 1e9, .help = "what is added first"},
    {0}};

static inv_status lrn_shape(inv_layer *layer, size_t classes)
{
    const lrn_spec *spec = layer->spec;
    (void)classes;
    if (spec->before >= spec->size)
        return INV_ERROR(INV_ECONFIG, "%s: a window of %zu with %zu before the value", layer->name,
                         spec->size, spec->before);
    return inv_layer_gives(layer, layer->in);
}

/* s at channel k of a pixel of n. */
static double sum_at(const lrn_spec *spec, const float *pixel, size_t n, size_t k)
{
    const size_t first = k > spec->before ? k - spec->before : 0;
    const size_t end = k + spec->size - spec->before;
    double sum = 0.0;
    for (size_t j = first; j < end && j < n; j++)
        sum += (double)pixel[j] * (double)pixel[j];
    return spec->bias + spec->alpha / (double)spec->size * sum;
}

static void lrn_forward(const inv_layer *layer, const float *params, void *state,
                        const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const lrn_spec *spec = layer->spec;
    const size_t n = layer->in.channels;
    (void)params, (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        for (size_t p = 0; p < x->size2; p += n)
            for (size_t k = 0; k < n; k++) {
                const float *pixel = x->data + i * x->tda + p;
                y->data[i * y->tda + p + k] =
                    (float)((double)pixel[k] * pow(sum_at(spec, pixel, n, k), -spec->beta));
            }
}

/* One pixel: what each window gives to those in it, one window after another. */
static void pixel_backward(const lrn_spec *spec, size_t n, const float *x, const float *dy,
                           float *dx)
{
    for (size_t j = 0; j < n; j++)
        dx[j] = 0.0f;
    for (size_t k = 0; k < n; k++) {
        const double s = sum_at(spec, x, n, k), gradient = (double)dy[k];
        const double part = 2.0 * spec->alpha * spec->beta / (double)spec->size * gradient *
                            (double)x[k] * pow(s, -spec->beta - 1.0);
        const size_t end = k + spec->size - spec->before;
        for (size_t j = k > spec->before ? k - spec->before : 0; j < end && j < n; j++)
            dx[j] -= (float)(part * (double)x[j]);
        dx[k] += (float)(gradient * pow(s, -spec->beta));
    }
}

static void lrn_backward(const inv_layer *layer, const float *params, void *state,
                         const gsl_matrix_float *x, const gsl_matrix_float *y,
                         const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const size_t n = layer->in.channels;
    (void)params, (void)state, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        for (size_t p = 0; p < x->size2; p += n)
            pixel_backward(layer->spec, n, x->data + i * x->tda + p, dy->data + i * dy->tda + p,
                           dx->data + i * dx->tda + p);
}

const inv_layer_type inv_layer_lrn = {
    .name = "lrn",
    .spec_size = sizeof(lrn_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = lrn_shape,
    .forward = lrn_forward,
    .backward = lrn_backward,
};
