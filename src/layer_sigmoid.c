/* sigmoid: y = 1 / (1 + exp(-x));  dx = dy y (1 - y)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include <jansson.h>

#include "layers.h"

static void sigmoid_forward(const inv_layer *layer, const float *params, void *state,
                            const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)layer, (void)params, (void)state;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < x->size1; i++) {
        const float *restrict in = x->data + i * x->tda;
        float *restrict out = y->data + i * y->tda;
        for (size_t j = 0; j < x->size2; j++)
            out[j] = 1.0f / (1.0f + expf(-in[j]));
    }
}

static void sigmoid_backward(const inv_layer *layer, const float *params, void *state,
                             const gsl_matrix_float *x, const gsl_matrix_float *y,
                             const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)layer, (void)params, (void)state, (void)x, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < y->size1; i++) {
        const float *restrict out = y->data + i * y->tda, *restrict dout = dy->data + i * dy->tda;
        float *restrict din = dx->data + i * dx->tda;
        for (size_t j = 0; j < y->size2; j++)
            din[j] = dout[j] * out[j] * (1.0f - out[j]);
    }
}

/* An estimate of y may lie outside (0, 1): squash brings each row into it, logit leads back to x.
 */
static inv_status sigmoid_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                                 json_t *layers)
{
    char owner[INV_NAME_MAX], squash[2 * INV_NAME_MAX], logit[2 * INV_NAME_MAX];
    (void)last;
    inv_layer_owner(layer->name, owner);
    snprintf(squash, sizeof squash, "%s.squash", owner);
    snprintf(logit, sizeof logit, "%s.logit", owner);
    if (json_array_append_new(layers,
                              json_pack("{ss ss sf sf}", "name", squash, "type", "squash", "width",
                                        how->squash, "range_penalty", how->range_penalty)) ||
        json_array_append_new(layers, json_pack("{ss ss}", "name", logit, "type", "logit")))
        return INV_ERROR(INV_ENOMEM, "%s: no memory to describe its inverse", layer->name);
    return INV_OK;
}

const inv_layer_type inv_layer_sigmoid = {
    .name = "sigmoid",
    .forward = sigmoid_forward,
    .backward = sigmoid_backward,
    .mirror = sigmoid_mirror,
    .activation = true,
};
