/* batch_norm: y = gamma (x - mean) / sqrt(variance + epsilon) + beta, for each channel (the last
 * axis; of a dense layer: for each unit) over the n values that a batch has of it
 *
 * In training, mean and variance are the batch's own, the variance biased (over n), and both depend
 * on x: with s = 1 / sqrt(variance + epsilon) and h = (x - mean) s,
 *
 *     dbeta = sum dy;  dgamma = sum dy h;  dx = gamma s (dy - dbeta / n - h dgamma / n)
 *
 * At rest they are the running ones, kept in blocks that no gradient moves, and dx = gamma s dy.
 * After each step in training, as in Keras:
 *
 *     running = momentum running + (1 - momentum) batch's      momentum 0.99, epsilon 0.001
 *
 * PyTorch writes running = (1 - momentum) running + momentum batch's, momentum 0.1, epsilon 1e-5,
 * and there the batch's variance is over n - 1 (so it is in TensorFlow's kernel for images). A
 * frozen layer is always in inference mode, as in Keras. Without use_gamma gamma is 1, without
 * use_beta beta is 0, and neither is a block. Over rows or columns it is a permute before and one
 * after. Source: Ioffe, Szegedy 2015.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include <jansson.h>

#include "net/layers.h"

typedef struct norm_spec {
    double epsilon, momentum;
    bool use_gamma, use_beta;
} norm_spec;

static const norm_spec defaults = {0.001, 0.99, true, true};

static const inv_field fields[] = {
    {"epsilon", INV_FIELD_REAL, offsetof(norm_spec, epsilon), 1e-12, 1.0,
     .help = "number that is added to the variance"},
    {"momentum", INV_FIELD_REAL, offsetof(norm_spec, momentum), 0.0, 1.0,
     .help = "part of the running mean and variance that each step keeps"},
    {"use_gamma", INV_FIELD_BOOL, offsetof(norm_spec, use_gamma), .quiet = true,
     .help = "whether it scales by a learned gamma"},
    {"use_beta", INV_FIELD_BOOL, offsetof(norm_spec, use_beta), .quiet = true,
     .help = "whether it shifts by a learned beta"},
    {0}};

enum { GAMMA, BETA, MEAN, VARIANCE };

static const char *const names[] = {
    [GAMMA] = "gamma", [BETA] = "beta", [MEAN] = "mean", [VARIANCE] = "variance"};

static bool has(const inv_layer *layer, int which)
{
    const norm_spec *spec = layer->spec;
    return which == GAMMA ? spec->use_gamma : which == BETA ? spec->use_beta : true;
}

/* Where that block stands in the net's vector; it must be there. */
static size_t offset_of(const inv_layer *layer, int which)
{
    size_t b = 0;
    for (int earlier = 0; earlier < which; earlier++)
        b += has(layer, earlier);
    return layer->blocks[b].offset;
}

/* The block, or NULL. */
static const float *block_of(const inv_layer *layer, const float *params, int which)
{
    return has(layer, which) ? params + offset_of(layer, which) : NULL;
}

static inv_status norm_shape(inv_layer *layer, size_t classes)
{
    const size_t n = layer->in.channels;
    (void)classes;
    for (int which = GAMMA; which <= VARIANCE; which++)
        if (has(layer, which))
            layer->blocks[layer->block_count++] =
                (inv_block){names[which], 1, {n}, .size = n, .frozen = which >= MEAN};
    return INV_OK;
}

static void norm_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    static const float start[] = {[GAMMA] = 1.0f, [BETA] = 0.0f, [MEAN] = 0.0f, [VARIANCE] = 1.0f};
    (void)rng;
    for (int which = GAMMA; which <= VARIANCE; which++)
        for (size_t c = 0; has(layer, which) && c < layer->in.channels; c++)
            params[offset_of(layer, which) + c] = start[which];
}

/* ---- state ---- */

/* Rows whose sums are added up together: the same for any number of threads. */
#define ROWS 8

/* A row a channel each. A, B, C are of one pass, forward or backward. */
enum { CENTRE, SPREAD, INVERSE, A, B, C, NONE, CHANNEL_ROWS }; /* SPREAD: the variance */

typedef struct norm_state {
    bool training;
    double workspace[]; /* the sums of each block of rows, two a channel; then the rows above */
} norm_state;

static size_t block_count(size_t rows)
{
    return (rows + ROWS - 1) / ROWS;
}

static size_t norm_state_size(const inv_layer *layer, size_t rows)
{
    const size_t n = layer->in.channels;
    return sizeof(norm_state) + n * CHANNEL_ROWS * sizeof(double) +
           block_count(rows) * 2 * n * sizeof(double);
}

static float *channels(const inv_layer *layer, const norm_state *state, int which)
{
    return (float *)(void *)state->workspace + (size_t)which * layer->in.channels;
}

static double *sums_of(const inv_layer *layer, norm_state *state, size_t block)
{
    return state->workspace + (CHANNEL_ROWS + 2 * block) * layer->in.channels;
}

/* Of rows first to last - 1: sum[c] = sum of u - u0[c], sum[n + c] = that of (u - u0[c]) (v -
 * v0[c]). */
static void add_rows(size_t n, size_t first, size_t last, const gsl_matrix_float *u,
                     const float *restrict u0, const gsl_matrix_float *v, const float *restrict v0,
                     double *restrict sum)
{
    memset(sum, 0, 2 * n * sizeof *sum);
    for (size_t i = first; i < last; i++)
        for (size_t j = 0; j < u->size2; j += n) {
            const float *restrict a = u->data + i * u->tda + j;
            const float *restrict b = v->data + i * v->tda + j;
            for (size_t c = 0; c < n; c++) {
                const double d = (double)a[c] - (double)u0[c];
                sum[c] += d;
                sum[n + c] += d * ((double)b[c] - (double)v0[c]);
            }
        }
}

/* The same of all rows; blocks are added in their order. */
static const double *add_all(const inv_layer *layer, norm_state *state, const gsl_matrix_float *u,
                             int u0, const gsl_matrix_float *v, int v0)
{
    const size_t n = layer->in.channels, rows = u->size1, blocks = block_count(rows);
#pragma omp parallel for schedule(static) if (rows * u->size2 > INV_PARALLEL_MIN)
    for (size_t b = 0; b < blocks; b++)
        add_rows(n, b * ROWS, b + 1 < blocks ? (b + 1) * ROWS : rows, u, channels(layer, state, u0),
                 v, channels(layer, state, v0), sums_of(layer, state, b));
    double *total = sums_of(layer, state, 0);
    for (size_t k = 2 * n; k < blocks * 2 * n; k++)
        total[k % (2 * n)] += total[k];
    return total;
}

/* ---- passes ---- */

/* mean = K + sum(x - K) / n; variance = (sum(x - K)^2 - sum(x - K)^2 / n) / n, in double, with K a
 * value of the batch, so that little cancels. */
static void find_statistics(const inv_layer *layer, norm_state *state, const gsl_matrix_float *x)
{
    const size_t n = layer->in.channels;
    float *centre = channels(layer, state, CENTRE), *spread = channels(layer, state, SPREAD);
    const double count = (double)x->size1 * (double)(x->size2 / n);
    memcpy(centre, x->data, n * sizeof *centre);
    const double *sum = add_all(layer, state, x, CENTRE, x, CENTRE);
    for (size_t c = 0; c < n; c++) {
        const double off = sum[c] / count, variance = sum[n + c] / count - off * off;
        centre[c] = (float)((double)centre[c] + off);
        spread[c] = variance > 0.0 ? (float)variance : 0.0f;
    }
}

static void take_running(const inv_layer *layer, norm_state *state, const float *params)
{
    const size_t size = layer->in.channels * sizeof(float);
    memcpy(channels(layer, state, CENTRE), block_of(layer, params, MEAN), size);
    memcpy(channels(layer, state, SPREAD), block_of(layer, params, VARIANCE), size);
}

static void norm_forward(const inv_layer *layer, const float *params, void *memory,
                         const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const norm_spec *spec = layer->spec;
    const size_t n = layer->in.channels;
    const float *gamma = block_of(layer, params, GAMMA), *beta = block_of(layer, params, BETA);
    norm_state *state = memory;
    state->training = mode->training && !layer->frozen;
    memset(channels(layer, state, NONE), 0, n * sizeof(float));
    if (!beta)
        beta = channels(layer, state, NONE);
    if (state->training)
        find_statistics(layer, state, x);
    else
        take_running(layer, state, params);
    const float *centre = channels(layer, state, CENTRE), *spread = channels(layer, state, SPREAD);
    float *inverse = channels(layer, state, INVERSE), *factor = channels(layer, state, A);
    for (size_t c = 0; c < n; c++) {
        inverse[c] = (float)(1.0 / sqrt((double)spread[c] + spec->epsilon));
        factor[c] = gamma ? gamma[c] * inverse[c] : inverse[c];
    }
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j += n) {
            const float *restrict in = x->data + i * x->tda + j;
            float *restrict out = y->data + i * y->tda + j;
            for (size_t c = 0; c < n; c++)
                out[c] = (in[c] - centre[c]) * factor[c] + beta[c];
        }
}

/* dx = A (dy - B (x - mean) - C) */
static void norm_dx(const inv_layer *layer, const norm_state *state, const gsl_matrix_float *x,
                    const gsl_matrix_float *dy, gsl_matrix_float *dx)
{
    const size_t n = layer->in.channels;
    const float *a = channels(layer, state, A), *b = channels(layer, state, B);
    const float *c = channels(layer, state, C), *centre = channels(layer, state, CENTRE);
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j += n) {
            const float *restrict in = x->data + i * x->tda + j;
            const float *restrict gradient = dy->data + i * dy->tda + j;
            float *restrict down = dx->data + i * dx->tda + j;
            for (size_t k = 0; k < n; k++)
                down[k] = a[k] * (gradient[k] - c[k] - b[k] * (in[k] - centre[k]));
        }
}

static void norm_backward(const inv_layer *layer, const float *params, void *memory,
                          const gsl_matrix_float *x, const gsl_matrix_float *y,
                          const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    norm_state *state = memory;
    const size_t n = layer->in.channels;
    const double count = (double)x->size1 * (double)(x->size2 / n);
    const float *gamma = block_of(layer, params, GAMMA);
    const float *inverse = channels(layer, state, INVERSE);
    float *a = channels(layer, state, A), *b = channels(layer, state, B);
    float *c = channels(layer, state, C);
    (void)y;
    memset(channels(layer, state, NONE), 0, n * sizeof(float));
    const double *sum = add_all(layer, state, dy, NONE, x, CENTRE);
    for (size_t k = 0; k < n; k++) {
        const double s = (double)inverse[k];
        a[k] = gamma ? gamma[k] * inverse[k] : inverse[k];
        b[k] = state->training ? (float)(s * s * sum[n + k] / count) : 0.0f;
        c[k] = state->training ? (float)(sum[k] / count) : 0.0f;
        if (dparams && has(layer, GAMMA))
            dparams[offset_of(layer, GAMMA) + k] += (float)(s * sum[n + k]);
        if (dparams && has(layer, BETA))
            dparams[offset_of(layer, BETA) + k] += (float)sum[k];
    }
    if (dx)
        norm_dx(layer, state, x, dy, dx);
}

static void norm_keep(const inv_layer *layer, const void *memory, float *params)
{
    const norm_spec *spec = layer->spec;
    const norm_state *state = memory;
    const float stays = (float)spec->momentum, comes = (float)(1.0 - spec->momentum);
    const float *centre = channels(layer, state, CENTRE), *spread = channels(layer, state, SPREAD);
    float *mean = params + offset_of(layer, MEAN);
    float *variance = params + offset_of(layer, VARIANCE);
    for (size_t c = 0; state->training && c < layer->in.channels; c++) {
        mean[c] = stays * mean[c] + comes * centre[c];
        variance[c] = stays * variance[c] + comes * spread[c];
    }
}

/* At rest it is affine, so its own blocks lead back. */
static inv_status norm_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                              json_t *layers)
{
    const norm_spec *spec = layer->spec;
    (void)how, (void)last;
    return inv_mirror_add(layers, layer, "",
                          json_pack("{ss sI sf sb sb}", "type", "inverse_batch_norm", "channels",
                                    (json_int_t)layer->in.channels, "epsilon", spec->epsilon,
                                    "use_gamma", spec->use_gamma, "use_beta", spec->use_beta));
}

const inv_layer_type inv_layer_batch_norm = {
    .name = "batch_norm",
    .spec_size = sizeof(norm_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = norm_shape,
    .init = norm_init,
    .state_size = norm_state_size,
    .forward = norm_forward,
    .backward = norm_backward,
    .keep = norm_keep,
    .mirror = norm_mirror,
    .whole_batch = true,
};
