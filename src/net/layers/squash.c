/* squash: brings each row into (low, high), which is (0, 1) unless given, by the row's own range
 *
 *     s = (x - min x) / (max x - min x);  y = low + (high - low) ((s - 1/2) width + 1/2)
 *
 * and the gradient flows through the minimum and the maximum:
 *
 *     g_j = (high - low) width dy_j / (max x - min x);  dx_j = g_j, and in addition
 *     dx_argmin += sum_j g_j (s_j - 1);    dx_argmax -= sum_j g_j s_j
 *
 * It also carries the range penalty, over the smallest and the largest value of the whole batch:
 *
 *     penalty = range_penalty ((min - low)^2 + (max - high)^2)
 *
 * Source: r2rt, "Inverting a Neural Net", where width is 0.99 and range_penalty 1/2. A row all of
 * one value has no range: it becomes the middle throughout and passes no gradient.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <stddef.h>

#include "kernels/kernels.h"
#include "net/layers.h"

typedef struct squash_spec {
    double low, high, width, range_penalty;
} squash_spec;

static const squash_spec defaults = {0.0, 1.0, 0.99, 0.5};

static const inv_field fields[] = {
    {"low", INV_FIELD_REAL, offsetof(squash_spec, low), -1e6, 1e6,
     .help = "lower end of the range that rows are brought into"},
    {"high", INV_FIELD_REAL, offsetof(squash_spec, high), -1e6, 1e6,
     .help = "upper end of that range"},
    {"width", INV_FIELD_REAL, offsetof(squash_spec, width), 1e-6, 0.999999,
     .help = "part of the range that a row is brought into"},
    {"range_penalty", INV_FIELD_REAL, offsetof(squash_spec, range_penalty), 0.0, 1e12,
     .help = "weight of the penalty on values outside the range"},
    {0}};

typedef struct row_range {
    size_t argmin, argmax;
    float min, max;
} row_range;

typedef struct squash_state {
    size_t argmin, argmax; /* rows that hold the batch's smallest and largest value */
    float min, max;
    row_range rows[];
} squash_state;

static inv_status squash_shape(inv_layer *layer, size_t classes)
{
    const squash_spec *spec = layer->spec;
    (void)classes;
    return spec->low < spec->high ? INV_OK
                                  : INV_ERROR(INV_ECONFIG, "%s: low is %.9g, but high is %.9g",
                                              layer->name, spec->low, spec->high);
}

static size_t squash_state_size(const inv_layer *layer, size_t rows)
{
    (void)layer;
    return sizeof(squash_state) + rows * sizeof(row_range);
}

static row_range find_range(const inv_kernels *kernels, const float *x, size_t n)
{
    row_range r = {0};
    kernels->range(n, x, &r.min, &r.max);
    r.argmin = kernels->position(n, x, r.min);
    r.argmax = kernels->position(n, x, r.max);
    return r;
}

/* Over the rows in their order, so that the result does not depend on threads. */
static void find_batch_range(squash_state *state, size_t rows)
{
    state->argmin = state->argmax = 0;
    for (size_t i = 1; i < rows; i++) {
        if (state->rows[i].min < state->rows[state->argmin].min)
            state->argmin = i;
        if (state->rows[i].max > state->rows[state->argmax].max)
            state->argmax = i;
    }
    state->min = state->rows[state->argmin].min;
    state->max = state->rows[state->argmax].max;
}

/* (high - low) width / (max x - min x); 0 for a row without a range */
static float factor_of(const squash_spec *spec, const row_range *r)
{
    const float range = r->max - r->min;
    return range >= FLT_MIN ? (float)(spec->width * (spec->high - spec->low)) / range : 0.0f;
}

static void squash_forward(const inv_layer *layer, const float *params, void *memory,
                           const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const squash_spec *spec = layer->spec;
    const inv_kernels *kernels = inv_kernels_best();
    const double middle = 0.5 * (spec->low + spec->high);
    const float start = (float)(middle - 0.5 * spec->width * (spec->high - spec->low));
    squash_state *state = memory;
    (void)mode, (void)params;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++) {
        const float *in = x->data + i * x->tda;
        const row_range r = state->rows[i] = find_range(kernels, in, x->size2);
        const float factor = factor_of(spec, &r);
        kernels->rescale(x->size2, in, r.min, factor, factor > 0.0f ? start : (float)middle,
                         y->data + i * y->tda);
    }
    find_batch_range(state, x->size1);
}

static void squash_backward_row(const inv_kernels *kernels, const squash_spec *spec,
                                const row_range *r, const float *x, const float *dy, float *dx,
                                size_t n)
{
    const float range = r->max - r->min;
    float sums[2]; /* of g, and of g s once divided by the range */
    kernels->rescale_gradient(n, x, r->min, factor_of(spec, r), dy, dx, sums);
    if (range < FLT_MIN)
        return;
    dx[r->argmin] += sums[1] / range - sums[0];
    dx[r->argmax] -= sums[1] / range;
}

static void squash_backward(const inv_layer *layer, const float *params, void *memory,
                            const gsl_matrix_float *x, const gsl_matrix_float *y,
                            const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const squash_spec *spec = layer->spec;
    const squash_state *state = memory;
    (void)params, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        squash_backward_row(inv_kernels_best(), spec, &state->rows[i], x->data + i * x->tda,
                            dy->data + i * dy->tda, dx->data + i * dx->tda, x->size2);
    const float weight = 2.0f * (float)spec->range_penalty;
    const size_t low = state->argmin, high = state->argmax;
    dx->data[low * dx->tda + state->rows[low].argmin] += weight * (state->min - (float)spec->low);
    dx->data[high * dx->tda + state->rows[high].argmax] +=
        weight * (state->max - (float)spec->high);
}

static double squash_penalty(const inv_layer *layer, const void *memory)
{
    const squash_spec *spec = layer->spec;
    const squash_state *state = memory;
    const double low = state->min - spec->low, high = state->max - spec->high;
    return spec->range_penalty * (low * low + high * high);
}

const inv_layer_type inv_layer_squash = {
    .name = "squash",
    .spec_size = sizeof(squash_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = squash_shape,
    .state_size = squash_state_size,
    .forward = squash_forward,
    .backward = squash_backward,
    .penalty = squash_penalty,
    .whole_batch = true, /* the penalty is */
};
