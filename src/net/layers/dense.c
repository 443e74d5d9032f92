/* dense: y[rows, out] = x[rows, in] kernel[in, out] + bias[out]
 *        dkernel = transpose(x) dy;  dbias = sums of dy's columns;  dx = dy transpose(kernel)
 *
 * The kernel's axes are in Keras's order.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>

#include "kernels/sparse.h"
#include "net/layers.h"

typedef struct dense_spec {
    size_t units; /* 0: one a class of the data */
    inv_init kernel, bias;
} dense_spec;

static const dense_spec defaults = {.kernel = {"truncated_normal", 0.1, 0.0},
                                    .bias = {"constant", 0.0, 0.0}};

static const inv_field fields[] = {
    {"units", INV_FIELD_SIZE, offsetof(dense_spec, units), 0, 1 << 20,
     .help = "number of units; 0: one for each class of the data"},
    INV_INIT_FIELD("kernel", offsetof(dense_spec, kernel), "initial values of the weights"),
    INV_INIT_FIELD("bias", offsetof(dense_spec, bias), "initial values of the biases"),
    {0}};

enum { KERNEL, BIAS };

static inv_status dense_shape(inv_layer *layer, size_t classes)
{
    dense_spec *spec = layer->spec;
    if (spec->units == 0)
        spec->units = classes;
    const size_t in = inv_shape_size(layer->in), out = spec->units;
    layer->out = (inv_shape){1, 1, out};
    layer->block_count = 2;
    layer->blocks[KERNEL] = (inv_block){"kernel", 2, {in, out}, .size = in * out};
    layer->blocks[BIAS] = (inv_block){"bias", 1, {out}, .size = out};
    return INV_OK;
}

static void dense_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    const dense_spec *spec = layer->spec;
    inv_block_fill(&layer->blocks[KERNEL], &spec->kernel, params, rng);
    inv_block_fill(&layer->blocks[BIAS], &spec->bias, params, rng);
}

static gsl_matrix_float kernel_of(const inv_layer *layer, const float *params)
{
    const inv_block *kernel = &layer->blocks[KERNEL];
    return inv_mat_over(params + kernel->offset, kernel->dims[0], kernel->dims[1]);
}

static size_t dense_state_size(const inv_layer *layer, size_t rows)
{
    const inv_block *kernel = &layer->blocks[KERNEL];
    return inv_sparse_size(rows, kernel->dims[0], kernel->dims[1]);
}

static void dense_forward(const inv_layer *layer, const float *params, void *state,
                          const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const gsl_matrix_float kernel = kernel_of(layer, params);
    const float *bias = params + layer->blocks[BIAS].offset;
    (void)mode;
    if (!inv_sparse_affine(state, x, &kernel, bias, y))
        inv_mat_affine(x, &kernel, bias, y);
}

static void dense_backward(const inv_layer *layer, const float *params, void *state,
                           const gsl_matrix_float *x, const gsl_matrix_float *y,
                           const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)y;
    if (dparams) {
        gsl_matrix_float dkernel = kernel_of(layer, dparams);
        if (!inv_sparse_add_transposed_times(state, x, dy, &dkernel))
            inv_mat_add_transposed_times(x, dy, &dkernel);
        inv_mat_add_column_sums(dy, dparams + layer->blocks[BIAS].offset);
    }
    if (dx) {
        const gsl_matrix_float kernel = kernel_of(layer, params);
        inv_mat_times_transposed(dy, &kernel, dx);
    }
}

/* r2rt's inverse of a dense layer: take the bias off, then a kernel of its own. */
static inv_status dense_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                               json_t *layers)
{
    json_t *init = json_object(), *step = NULL;
    (void)last;
    if (init && inv_fields_write(inv_init_fields(how->init.type), &how->init, init) == INV_OK)
        step = json_pack("{ss sI sO}", "type", "inverse_dense", "units",
                         (json_int_t)inv_shape_size(layer->in), "kernel", init);
    json_decref(init);
    return inv_mirror_add(layers, layer, "", step);
}

const inv_layer_type inv_layer_dense = {
    .name = "dense",
    .spec_size = sizeof(dense_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = dense_shape,
    .init = dense_init,
    .state_size = dense_state_size,
    .forward = dense_forward,
    .backward = dense_backward,
    .mirror = dense_mirror,
};
