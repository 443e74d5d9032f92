/* prelu: y = x where x > 0, else alpha x;  dx = dy, or dy alpha;  dalpha = sum of dy x where x <= 0
 *
 * alpha is learned: one for each value of a row, or one for all along the axes that are shared, as in
 * Keras's PReLU with shared_axes; its shape is height x width x channels, 1 where shared. PyTorch's
 * PReLU(channels) shares height and width, PReLU() all three; 0.25 to start with is PyTorch's, Keras's
 * is 0. Source: He et al. 2015.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>

#include "net/layers.h"

typedef struct prelu_spec {
    bool height, width, channels;
    inv_init alpha;
} prelu_spec;

static const prelu_spec defaults = {.alpha = {"constant", 0.1, 0.25}};

static const inv_field fields[] = {
    {"share_height", INV_FIELD_BOOL, offsetof(prelu_spec, height),
     .help = "whether all rows of an image have the same alpha"},
    {"share_width", INV_FIELD_BOOL, offsetof(prelu_spec, width),
     .help = "whether all columns have the same alpha"},
    {"share_channels", INV_FIELD_BOOL, offsetof(prelu_spec, channels),
     .help = "whether all channels have the same alpha"},
    INV_INIT_FIELD("alpha", offsetof(prelu_spec, alpha), "initial slopes below 0"),
    {0}};

static inv_status prelu_shape(inv_layer *layer, size_t classes)
{
    const prelu_spec *spec = layer->spec;
    const inv_shape own = {spec->height ? 1 : layer->in.height, spec->width ? 1 : layer->in.width,
                           spec->channels ? 1 : layer->in.channels};
    (void)classes;
    layer->block_count = 1;
    layer->blocks[0] =
        (inv_block){"alpha", 3, {own.height, own.width, own.channels}, .size = inv_shape_size(own)};
    return INV_OK;
}

static void prelu_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    const prelu_spec *spec = layer->spec;
    inv_init_fill(&spec->alpha, (inv_fans){1, 1}, params + layer->blocks[0].offset,
                  layer->blocks[0].size, rng);
}

/* From one value to the next along each axis, in alpha: 0 where it is shared. */
typedef struct steps {
    size_t row, column, channel;
} steps;

static steps steps_of(const inv_layer *layer)
{
    const prelu_spec *spec = layer->spec;
    const size_t *dims = layer->blocks[0].dims;
    return (steps){spec->height ? 0 : dims[1] * dims[2], spec->width ? 0 : dims[2],
                   spec->channels ? 0 : 1};
}

/* to[values of one image] = x, or alpha x where `by` is not above 0 */
static void one_image(const inv_layer *layer, const float *alpha, const float *by, const float *x,
                      float *to)
{
    const inv_shape in = layer->in;
    const steps step = steps_of(layer);
    for (size_t i = 0, k = 0; i < in.height; i++)
        for (size_t j = 0; j < in.width; j++)
            for (size_t c = 0; c < in.channels; c++, k++) {
                const float a = alpha[i * step.row + j * step.column + c * step.channel];
                to[k] = by[k] > 0.0f ? x[k] : a * x[k];
            }
}

static void prelu_forward(const inv_layer *layer, const float *params, void *state,
                          const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const float *alpha = params + layer->blocks[0].offset;
    (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++) {
        const float *in = x->data + n * x->tda;
        one_image(layer, alpha, in, in, y->data + n * y->tda);
    }
}

/* The part of dalpha that one image's row i has, in the image's order: the same for any threads. */
static void add_row(const inv_layer *layer, size_t i, const float *x, const float *dy, double *sum)
{
    const steps step = steps_of(layer);
    for (size_t j = 0, k = i * layer->in.width * layer->in.channels; j < layer->in.width; j++)
        for (size_t c = 0; c < layer->in.channels; c++, k++)
            if (!(x[k] > 0.0f))
                sum[i * step.row + j * step.column + c * step.channel] +=
                    (double)dy[k] * (double)x[k];
}

/* The state: alpha's sums in double. */
static size_t prelu_state_size(const inv_layer *layer, size_t rows)
{
    (void)rows;
    return layer->blocks[0].size * sizeof(double);
}

static void prelu_backward(const inv_layer *layer, const float *params, void *state,
                           const gsl_matrix_float *x, const gsl_matrix_float *y,
                           const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const inv_block *block = &layer->blocks[0];
    double *sum = state;
    (void)y;
    if (dparams) {
        for (size_t k = 0; k < block->size; k++)
            sum[k] = 0.0;
        for (size_t n = 0; n < x->size1; n++)
            for (size_t i = 0; i < layer->in.height; i++)
                add_row(layer, i, x->data + n * x->tda, dy->data + n * dy->tda, sum);
        for (size_t k = 0; k < block->size; k++)
            dparams[block->offset + k] += (float)sum[k];
    }
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++)
        one_image(layer, params + block->offset, x->data + n * x->tda, dy->data + n * dy->tda,
                  dx->data + n * dx->tda);
}

const inv_layer_type inv_layer_prelu = {
    .name = "prelu",
    .spec_size = sizeof(prelu_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = prelu_shape,
    .init = prelu_init,
    .state_size = prelu_state_size,
    .forward = prelu_forward,
    .backward = prelu_backward,
    .mirror = inv_mirror_nothing, /* as relu's */
};
