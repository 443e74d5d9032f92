/* scale: y = kernel x, value by value;  dkernel = sum over the batch of dy x;  dx = kernel dy
 *
 * One weight for each value of a row, height x width x channels, and no bias: a mask over the image
 * that can be learnt. On one channel it is Keras's LocallyConnected2D with a 1 x 1 kernel, one
 * filter and no bias; with several, each channel of a pixel has a weight of its own and none are
 * mixed.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <string.h>

#include <jansson.h>

#include "net/layers.h"

typedef struct scale_spec {
    inv_init kernel;
} scale_spec;

static const scale_spec defaults = {.kernel = {"constant", 0.1, 1.0}};

static const inv_field fields[] = {
    INV_INIT_FIELD("kernel", offsetof(scale_spec, kernel), "initial values of the weights"), {0}};

static inv_status scale_shape(inv_layer *layer, size_t classes)
{
    const inv_shape in = layer->in;
    (void)classes;
    layer->block_count = 1;
    layer->blocks[0] =
        (inv_block){"kernel", 3, {in.height, in.width, in.channels}, .size = inv_shape_size(in)};
    return INV_OK;
}

static void scale_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    const scale_spec *spec = layer->spec;
    const inv_block *kernel = &layer->blocks[0];
    inv_init_fill(&spec->kernel, (inv_fans){1, 1}, params + kernel->offset, kernel->size, rng);
}

/* y = kernel x, row by row */
static void multiply(const float *restrict kernel, const gsl_matrix_float *x, gsl_matrix_float *y)
{
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++) {
        const float *restrict in = x->data + i * x->tda;
        float *restrict out = y->data + i * y->tda;
        for (size_t j = 0; j < x->size2; j++)
            out[j] = kernel[j] * in[j];
    }
}

static void scale_forward(const inv_layer *layer, const float *params, void *state,
                          const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)state, (void)mode;
    multiply(params + layer->blocks[0].offset, x, y);
}

/* Columns that one thread adds up, over all rows in their order. */
#define COLUMNS 128

static void add_products(const gsl_matrix_float *x, const gsl_matrix_float *dy, size_t first,
                         size_t n, float *dkernel)
{
    double sum[COLUMNS] = {0};
    for (size_t i = 0; i < x->size1; i++) {
        const float *restrict in = x->data + i * x->tda + first;
        const float *restrict gradient = dy->data + i * dy->tda + first;
        for (size_t j = 0; j < n; j++)
            sum[j] += (double)in[j] * (double)gradient[j];
    }
    for (size_t j = 0; j < n; j++)
        dkernel[first + j] += (float)sum[j];
}

static void scale_backward(const inv_layer *layer, const float *params, void *state,
                           const gsl_matrix_float *x, const gsl_matrix_float *y,
                           const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const size_t offset = layer->blocks[0].offset, n = x->size2;
    (void)state, (void)y;
    if (dparams) {
#pragma omp parallel for schedule(static) if (x->size1 * n > INV_PARALLEL_MIN)
        for (size_t first = 0; first < n; first += COLUMNS)
            add_products(x, dy, first, n - first < COLUMNS ? n - first : COLUMNS, dparams + offset);
    }
    if (dx)
        multiply(params + offset, dy, dx);
}

static inv_status scale_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                               json_t *layers)
{
    (void)how, (void)last;
    return inv_mirror_add(layers, layer, "", json_pack("{ss}", "type", "inverse_scale"));
}

const inv_layer_type inv_layer_scale = {
    .name = "scale",
    .spec_size = sizeof(scale_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = scale_shape,
    .init = scale_init,
    .forward = scale_forward,
    .backward = scale_backward,
    .mirror = scale_mirror,
};
