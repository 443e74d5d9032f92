/* layers.h - the table of layer types. A new layer is a file src/net/layers/NAME.c and a line here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_LAYERS_H
#define INVPROJ_LAYERS_H

#include "invproj/layer.h"

/* X(name, what it does), or A where it may be the `activation` of another layer:
 * src/net/layers/NAME.c defines `const inv_layer_type inv_layer_NAME`; activations.c, merge.c,
 * global_pool.c, adaptive_pool.c and depth_to_space.c define several. */
#define INV_LAYERS(X, A)                                                                           \
    X(dense, "a weighted sum of all inputs plus a bias, for each unit")                            \
    A(linear, "leaves values as they are")                                                         \
    A(sigmoid, "1 / (1 + exp(-x))")                                                                \
    A(tanh, "the hyperbolic tangent")                                                              \
    A(relu, "x where it is positive, 0 elsewhere")                                                 \
    A(leaky_relu, "x where it is positive, alpha x elsewhere")                                     \
    A(elu, "x where it is positive, alpha (exp(x) - 1) elsewhere")                                 \
    A(softplus, "log(1 + exp(x))")                                                                 \
    A(softmax, "exp(x), divided by their sum: probabilities of classes")                           \
    A(log_softmax, "the logarithm of softmax")                                                     \
    A(sparsemax, "the nearest probabilities to x, many of them 0")                                 \
    A(log_sigmoid, "-log(1 + exp(-x))")                                                            \
    A(hard_sigmoid, "x / 6 + 1/2, between 0 and 1")                                                \
    A(hard_tanh, "x, between -1 and 1")                                                            \
    A(hard_silu, "x times hard_sigmoid of x, also called hard_swish")                              \
    A(silu, "x / (1 + exp(-x)), also called swish")                                                \
    A(gelu, "x times the part of a normal distribution below x")                                   \
    A(selu, "elu with the scale and alpha that keep mean 0 and variance 1")                        \
    A(celu, "x where it is positive, alpha (exp(x / alpha) - 1) elsewhere")                        \
    A(mish, "x tanh(log(1 + exp(x)))")                                                             \
    A(softsign, "x / (1 + |x|)")                                                                   \
    A(squareplus, "(x + sqrt(x^2 + b)) / 2")                                                       \
    A(sparse_plus, "0 up to -1, (x + 1)^2 / 4, x from 1")                                          \
    A(sparse_sigmoid, "0 up to -1, (x + 1) / 2, 1 from 1")                                         \
    A(tanh_shrink, "x - tanh(x)")                                                                  \
    A(soft_shrink, "x moved towards 0 by lambda, 0 nearer to it")                                  \
    A(hard_shrink, "x, 0 where it is nearer to 0 than lambda")                                     \
    A(threshold, "x where it is above the threshold, else a value")                                \
    A(exponential, "exp(x)")                                                                       \
    A(log, "log(x)")                                                                               \
    A(square, "x^2")                                                                               \
    A(sqrt, "the square root of x")                                                                \
    A(abs, "|x|")                                                                                  \
    A(erf, "the error function of x")                                                              \
    X(prelu, "x where it is positive, a learned alpha times x elsewhere")                          \
    X(flatten, "makes an image one row of values")                                                 \
    X(dropout, "drops values at random while training")                                            \
    X(batch_norm, "brings each channel to mean 0 and variance 1, then scales and shifts it")       \
    X(glu, "half of the channels, times the sigmoid of the other half")                            \
    X(layer_norm, "brings the channels of each pixel, or more, to mean 0 and variance 1")          \
    X(group_norm, "brings groups of channels of each image to mean 0 and variance 1")              \
    X(lrn, "divides values by those of the channels around them")                                  \
    X(scale, "a weight for each value")                                                            \
    X(rescale, "fixed numbers that values are multiplied with and added to")                       \
    X(inverse_dense, "undoes dense: the input less the bias, times a kernel of its own")           \
    X(squash, "brings each row of values between two numbers")                                     \
    X(logit, "log(x / (1 - x)), which undoes sigmoid")                                             \
    X(atanh, "undoes tanh")                                                                        \
    X(inverse_elu, "undoes elu")                                                                   \
    X(inverse_softplus, "undoes softplus")                                                         \
    X(inverse_batch_norm, "undoes batch_norm in inference mode")                                   \
    X(inverse_scale, "undoes scale")                                                               \
    X(inverse_conv2d, "undoes conv2d as nearly as can be: its pseudo-inverse")                     \
    X(conv2d, "convolution: the same kernels at every place of an image")                          \
    X(max_pool, "the largest value of each window")                                                \
    X(avg_pool, "the mean of each window")                                                         \
    X(global_avg_pool, "the mean of each channel")                                                 \
    X(global_max_pool, "the largest value of each channel")                                        \
    X(adaptive_avg_pool, "the mean of each of so many windows")                                    \
    X(adaptive_max_pool, "the largest value of each of so many windows")                           \
    X(depthwise_conv2d, "convolution of each channel by itself")                                   \
    X(conv2d_transpose, "the transpose of a convolution: makes images larger")                     \
    X(local, "kernels of its own for each place of an image")                                      \
    X(pad, "rows and columns around an image")                                                     \
    X(crop, "an image without its outer rows and columns")                                         \
    X(slice, "every so many-th of the rows, columns or channels of an image")                      \
    X(upsample, "an image made larger")                                                            \
    X(depth_to_space, "channels laid out as blocks of pixels")                                     \
    X(space_to_depth, "blocks of pixels as channels")                                              \
    X(reshape, "the same values as an image of another shape")                                     \
    X(permute, "the axes of an image in another order")                                            \
    X(add, "the sum of its inputs")                                                                \
    X(subtract, "its first input less the others")                                                 \
    X(multiply, "the product of its inputs")                                                       \
    X(divide, "its first input over the others")                                                   \
    X(average, "the mean of its inputs")                                                           \
    X(maximum, "the largest of its inputs")                                                        \
    X(minimum, "the smallest of its inputs")                                                       \
    X(concat, "its inputs side by side")

#define INV_LAYER_DECLARE(name, help) extern const inv_layer_type inv_layer_##name;
INV_LAYERS(INV_LAYER_DECLARE, INV_LAYER_DECLARE)
#undef INV_LAYER_DECLARE

/* forward and backward of a layer that has map and gradient: row by row, on all threads. */
void inv_elementwise_forward(const inv_layer *layer, const float *params, void *state,
                             const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y);
void inv_elementwise_backward(const inv_layer *layer, const float *params, void *state,
                              const gsl_matrix_float *x, const gsl_matrix_float *y,
                              const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx);

/* forward and backward of a layer that joins several inputs, where it has one. */
void inv_join_forward(const inv_layer *layer, const float *params, void *state,
                      const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y);
void inv_join_backward(const inv_layer *layer, const float *params, void *state,
                       const gsl_matrix_float *x, const gsl_matrix_float *y,
                       const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx);

/* softmax, log_softmax and sparsemax are over a whole row, or the channels of each pixel. */
typedef struct inv_over_spec {
    char over[INV_NAME_MAX];
} inv_over_spec;

extern const inv_over_spec inv_over_defaults;
extern const inv_field inv_over_fields[];
/* How many values of a row of n are taken together. */
size_t inv_over(const inv_layer *layer, size_t n);
/* y of x, or dx (which may be NULL) of y and dy, by a function of n values taken together. */
void inv_over_forward(const inv_layer *layer, void (*map)(const float *x, float *y, size_t n),
                      const gsl_matrix_float *x, gsl_matrix_float *y);
void inv_over_backward(const inv_layer *layer,
                       void (*map)(const float *y, const float *dy, float *dx, size_t n),
                       const gsl_matrix_float *y, const gsl_matrix_float *dy, gsl_matrix_float *dx);

/* Sets the shape that comes out. INV_ECONFIG where it has no values, or more than INT_MAX. */
INV_MUST_CHECK inv_status inv_layer_gives(inv_layer *layer, inv_shape out);

/* map and gradient of a layer that leaves values as they are */
void inv_identity_map(const inv_layer *layer, size_t n, const float *x, float *y);
void inv_identity_gradient(const inv_layer *layer, size_t n, const float *x, const float *y,
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
