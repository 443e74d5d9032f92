/* small.h - what the suites of the methods share: a small data set, small nets on it, and naive
 * twins.
 *
 *     inv_dataset *data = small_data();
 *     inv_net *net = small_net(SMALL_TWO);
 *     small_train(net, data, 200);
 *     small_values(net, 0, 4, 0.0, pixels, probabilities);
 *     inv_net_free(net), inv_dataset_free(data);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_SMALL_H
#define INVPROJ_TESTS_SMALL_H

#include "invproj/array.h"
#include "invproj/dataset.h"
#include "invproj/net.h"

enum {
    SMALL_HEIGHT = 9,
    SMALL_WIDTH = 7,
    SMALL_PIXELS = SMALL_HEIGHT * SMALL_WIDTH,
    SMALL_CLASSES = 4,
    SMALL_TRAIN = 300,
    SMALL_TEST = 80,
    SMALL_WIDEST = 64 /* no point of a net here has more units */
};

/* Elements of a list of layers: nets of one, two and four dense layers, all of odd widths. */
#define SMALL_INIT                                                                                 \
    "kernel = { type = \"truncated_normal\"; stddev = 0.3; };"                                     \
    "bias = { type = \"normal\"; stddev = 0.1; }; }"
#define SMALL_HIDDEN(name, units)                                                                  \
    "{ name = \"" name "\"; type = \"dense\"; units = " units                                      \
    "; activation = \"sigmoid\";" SMALL_INIT
#define SMALL_ONE "{ name = \"output\"; type = \"dense\"; activation = \"softmax\";" SMALL_INIT
#define SMALL_TWO SMALL_HIDDEN("hidden1", "17") "," SMALL_ONE
#define SMALL_FOUR                                                                                 \
    SMALL_HIDDEN("hidden1", "23")                                                                  \
    "," SMALL_HIDDEN("hidden2", "13") "," SMALL_HIDDEN("hidden3", "11") "," SMALL_ONE

/* The data set of these sizes; the caller frees. */
inv_dataset *small_data(void);

/* The net of the listed layers for that data, with initial values from a fixed seed. */
inv_net *small_net(const char *layers);
/* The same for rows of another shape and another number of classes. */
inv_net *small_net_for(const char *layers, inv_shape shape, size_t classes);

/* What an inv_train_spec has to say of what a test does not care about. */
#define SMALL_USUAL .schedule = {.type = "constant", .every = 1.0}, .stop = {.by = "loss"}

/* Trains it for so many steps, by Adagrad at rate 0.1 on batches of 60. */
void small_train(inv_net *net, const inv_dataset *data, size_t steps);

/* Whether two nets have the same parameters, to the bit. */
int small_same_params(const inv_net *a, const inv_net *b);

/* What a checkpoint would hold: a method's state and a net's parameters, copied. */
typedef struct small_saved {
    size_t count;
    inv_array state[INV_ARRAYS_MAX];
    float *params;
} small_saved;

small_saved small_save(const inv_array *state, size_t count, const inv_net *net);
/* Puts them back into another of the same kind. */
void small_load(const small_saved *saved, const inv_array *state, size_t count, inv_net *net);
void small_saved_free(small_saved *saved);

/* x[j] = pixel j of image i */
void small_pixels(const inv_part *part, size_t i, double *x);

/* The naive twin of inv_net_forward: one row x from point `first` to point `last`, in doubles.
 * `width` is that of the net's squash layers. y has room for SMALL_WIDEST. */
void small_values(const inv_net *net, size_t first, size_t last, double width, const double *x,
                  double *y);

/* The index of the largest of n values. */
size_t small_top(const double *values, size_t n);

/* A matrix that must not fail. */
gsl_matrix_float *small_matrix(size_t rows, size_t cols);

/* A part of `count` images: those of `part` over and over. The caller frees its images and labels.
 */
inv_part small_repeat(const inv_part *part, size_t count);

#endif
