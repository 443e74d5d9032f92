/* layers.h - the table of layer types. A new layer is a file src/net/layers/NAME.c and a line here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_LAYERS_H
#define INVPROJ_LAYERS_H

#include "invproj/layer.h"

/* X(name): src/net/layers/NAME.c defines `const inv_layer_type inv_layer_NAME`. */
#define INV_LAYERS(X)                                                                              \
    X(dense)                                                                                       \
    X(linear)                                                                                      \
    X(sigmoid)                                                                                     \
    X(tanh)                                                                                        \
    X(relu)                                                                                        \
    X(leaky_relu)                                                                                  \
    X(elu)                                                                                         \
    X(softplus)                                                                                    \
    X(softmax)                                                                                     \
    X(flatten)                                                                                     \
    X(dropout)                                                                                     \
    X(batch_norm)                                                                                  \
    X(scale)                                                                                       \
    X(inverse_dense)                                                                               \
    X(squash)                                                                                      \
    X(logit)                                                                                       \
    X(atanh)                                                                                       \
    X(inverse_elu)                                                                                 \
    X(inverse_softplus)                                                                            \
    X(inverse_batch_norm)                                                                          \
    X(inverse_scale)                                                                               \
    X(conv2d)                                                                                      \
    X(max_pool)                                                                                    \
    X(avg_pool)                                                                                    \
    X(local)

#define INV_LAYER_DECLARE(name) extern const inv_layer_type inv_layer_##name;
INV_LAYERS(INV_LAYER_DECLARE)
#undef INV_LAYER_DECLARE

/* forward and backward of a layer that has map and slope: row by row, on all threads. */
void inv_elementwise_forward(const inv_layer *layer, const float *params, void *state,
                             const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y);
void inv_elementwise_backward(const inv_layer *layer, const float *params, void *state,
                              const gsl_matrix_float *x, const gsl_matrix_float *y,
                              const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx);

/* map and slope of a layer that leaves values as they are */
void inv_identity_map(const inv_layer *layer, size_t n, const float *x, float *y);
void inv_identity_slope(const inv_layer *layer, size_t n, const float *x, const float *y,
                        const float *dy, float *dx);

/* Steps of an inverse, for mirror. Each adds a layer named after the owner of `layer`, with
 * `ending` (at most 7 characters, so that names stay short enough). `step` is its type and
 * settings, taken over, even NULL. */
inv_status inv_mirror_add(struct json_t *layers, const inv_layer *layer, const char *ending,
                          struct json_t *step);
/* Brings estimates of what an activation gave into its range: rows into (low, high). */
inv_status inv_mirror_squash(struct json_t *layers, const inv_layer *layer, const inv_mirror *how,
                             double low, double high);
/* The mirror of a layer that has nothing to undo. */
inv_status inv_mirror_nothing(const inv_layer *layer, const inv_mirror *how, bool last,
                              struct json_t *layers);

/* Draws a block's initial values. A kernel's last two dimensions are inputs and outputs (of a
 * channel), those before them a window; a bias counts as its own inputs and outputs, as in Keras.
 */
void inv_block_fill(const inv_block *block, const inv_init *init, float *params, gsl_rng *rng);

#endif
