/* inverse_dense: y[rows, out] = (x[rows, in] - bias[in]) kernel[in, out]
 *                dkernel = transpose(x - bias) dy;  dx = dy transpose(kernel);  the bias is frozen
 *
 * Source: r2rt, "Inverting a Neural Net": l1_inv = (logit(l2) - b2) W2inv. The bias is that of the
 * dense layer it inverts, whose output x is an estimate of.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/kernels.h"
#include "kernels/signs.h"
#include "net/layers.h"

typedef struct inverse_spec {
    size_t units;
    inv_init kernel;
} inverse_spec;

static const inverse_spec defaults = {.kernel = {"truncated_normal", 0.1, 0.0}};

static const inv_field fields[] = {
    {"units", INV_FIELD_SIZE, offsetof(inverse_spec, units), 1, 1 << 24, .required = true,
     .help = "inputs of the dense layer that this undoes"},
    INV_INIT_FIELD("kernel", offsetof(inverse_spec, kernel), "initial values of the weights"),
    {0}};

enum { KERNEL, BIAS };

static inv_status inverse_shape(inv_layer *layer, size_t classes)
{
    const inverse_spec *spec = layer->spec;
    const size_t in = inv_shape_size(layer->in), out = spec->units;
    (void)classes;
    layer->out = (inv_shape){1, 1, out};
    layer->block_count = 2;
    layer->blocks[KERNEL] = (inv_block){"kernel", 2, {in, out}, .size = in * out};
    layer->blocks[BIAS] = (inv_block){"bias", 1, {in}, .size = in, .frozen = true};
    return INV_OK;
}

static void inverse_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    const inverse_spec *spec = layer->spec;
    inv_block_fill(&layer->blocks[KERNEL], &spec->kernel, params, rng);
}

static gsl_matrix_float kernel_of(const inv_layer *layer, const float *params)
{
    const inv_block *kernel = &layer->blocks[KERNEL];
    return inv_mat_over(params + kernel->offset, kernel->dims[0], kernel->dims[1]);
}

/* The state is x - bias, which both ways need, and then the signs of dy. */
static size_t centred_size(const inv_layer *layer, size_t rows)
{
    return inv_whole_vectors(rows * inv_shape_size(layer->in));
}

static size_t inverse_state_size(const inv_layer *layer, size_t rows)
{
    return centred_size(layer, rows) * sizeof(float) +
           inv_signs_size(rows, inv_shape_size(layer->in), inv_shape_size(layer->out));
}

static void inverse_forward(const inv_layer *layer, const float *params, void *state,
                            const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const gsl_matrix_float kernel = kernel_of(layer, params);
    const float *bias = params + layer->blocks[BIAS].offset;
    gsl_matrix_float centred = inv_mat_over(state, x->size1, x->size2);
    (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++) {
        const float *restrict in = x->data + i * x->tda;
        float *restrict out = centred.data + i * centred.tda;
        for (size_t j = 0; j < x->size2; j++)
            out[j] = in[j] - bias[j];
    }
    inv_mat_affine(&centred, &kernel, NULL, y);
}

static void inverse_backward(const inv_layer *layer, const float *params, void *state,
                             const gsl_matrix_float *x, const gsl_matrix_float *y,
                             const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const gsl_matrix_float centred = inv_mat_over(state, x->size1, x->size2);
    inv_signs *signs = (void *)((float *)state + centred_size(layer, x->size1));
    const bool all_signs = inv_signs_read(signs, dy);
    (void)y;
    if (dparams) {
        gsl_matrix_float dkernel = kernel_of(layer, dparams);
        if (all_signs)
            inv_signs_add_transposed_times(signs, &centred, &dkernel);
        else
            inv_mat_add_transposed_times(&centred, dy, &dkernel);
    }
    if (dx) {
        const gsl_matrix_float kernel = kernel_of(layer, params);
        if (all_signs)
            inv_signs_times_transposed(signs, &kernel, dx);
        else
            inv_mat_times_transposed(dy, &kernel, dx);
    }
}

const inv_layer_type inv_layer_inverse_dense = {
    .name = "inverse_dense",
    .spec_size = sizeof(inverse_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = inverse_shape,
    .init = inverse_init,
    .state_size = inverse_state_size,
    .forward = inverse_forward,
    .backward = inverse_backward,
};
