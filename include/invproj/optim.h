/* optim.h - optimisers: each steps a flat vector of values down a gradient.
 *
 *     inv_optim *optim = NULL;
 *     inv_optim_spec spec;
 *     inv_optim_start("adam", &spec);
 *     if (inv_optim_alloc(&spec, n, &optim) == INV_OK)
 *         inv_optim_step(optim, values, gradient);
 *     inv_optim_free(optim);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_OPTIM_H
#define INVPROJ_OPTIM_H

#include <stdbool.h>

#include "invproj/array.h"
#include "invproj/config.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_optim_spec {
    char type[INV_NAME_MAX]; /* one of inv_optim_types */
    double rate;
    double accumulator;  /* adagrad: what the sums of squares start at, > 0 */
    double momentum;     /* sgd, rmsprop */
    bool nesterov;       /* sgd */
    double rho;          /* rmsprop */
    double beta1, beta2; /* adam, adamw */
    double epsilon;      /* all but gradient_descent and sgd */
    bool epsilon_inside; /* adagrad, rmsprop: it is added under the root */
    double decay;        /* adamw, */
    bool decay_all;      /* of every parameter, not of kernels alone */
} inv_optim_spec;

extern const inv_choice inv_optim_types[];
const inv_field *inv_optim_fields(const char *type); /* the keys that go with a type */

/* The key "optimiser", for an inv_optim_spec at `offset` of the struct that a table describes. */
#define INV_OPTIM_FIELD(offset)                                                                    \
    {                                                                                              \
        "optimiser", INV_FIELD_GROUP, offset, .choices = inv_optim_types, .topic = "optimisers",   \
                                              .group = inv_optim_fields, .start = inv_optim_start, \
                                              .help = "how steps are taken down the gradient"      \
    }

/* Sets the inv_optim_spec at `spec` to the type's defaults: Keras 3's, and for adagrad TensorFlow 1's
 * epsilon, which is none. A type that does not exist leaves it. */
void inv_optim_start(const char *type, void *spec);

typedef struct inv_optim inv_optim;

/* For n values. INV_EINVAL: a spec that inv_fields_check refuses, or no values. The caller frees. */
INV_MUST_CHECK inv_status inv_optim_alloc(const inv_optim_spec *spec, size_t n, inv_optim **out);
void inv_optim_free(inv_optim *optim);

/* The rate of the steps to come, in place of the spec's. */
void inv_optim_set_rate(inv_optim *optim, double rate);

/* One step: values[i], w in the formulas, moves by gradient[i], g, for i < n. The slots start at 0.
 *
 * gradient_descent:  w -= rate g
 * sgd:               m = momentum m - rate g;  w += m, or, with nesterov, w += momentum m - rate g
 *     as Keras (Sutskever, Martens, Dahl, Hinton 2013); PyTorch leaves the rate out of m
 * adagrad:           a += g^2;  w -= rate g / sqrt(a + epsilon), or, without epsilon_inside, over
 *                    sqrt(a) + epsilon
 *     Duchi, Hazan, Singer 2011; a starts at `accumulator`. TensorFlow 1's AdagradOptimizer has no
 *     epsilon; Keras 3's is 1e-7, inside; Keras 2 (until 2.10) and PyTorch have it outside
 * rmsprop:           v = rho v + (1 - rho) g^2;  m = momentum m + rate g / sqrt(v + epsilon), or,
 *                    without epsilon_inside, over sqrt(v) + epsilon;  w -= m
 *     Hinton, Coursera 2012, lecture 6e; inside as Keras 3 (and 2.11 on), outside as Keras 2 until
 *     2.10 and PyTorch, which leaves the rate out of m
 * adam:              m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 *                    w -= rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)
 *     Kingma and Ba 2015, at step t, the first being 1; epsilon is the paper's "epsilon hat", as in
 *     Keras, whose default of 1e-7 it has. PyTorch's 1e-8 is added after the correction of v
 * adamw:             w -= rate decay w (inv_optim_decay), then as adam
 *     Loshchilov and Hutter 2019; decay is Keras's 0.004 by default, PyTorch's is 0.01; both
 *     decay every parameter, as decay_all says */
void inv_optim_step(inv_optim *optim, float *values, const float *gradient);

/* Whether inv_optim_decay is for every parameter; else it is for kernels. */
bool inv_optim_decays_all(const inv_optim *optim);

/* adamw's decay of n values, w -= rate decay w, to be called before a step for those values that
 * are to decay; the other types do nothing. */
void inv_optim_decay(const inv_optim *optim, float *values, size_t n);

/* Lists what an optimiser carries from step to step: its slots, each of n floats, and for adam and
 * adamw the number of steps, "updates"; returns how many arrays. */
size_t inv_optim_state(inv_optim *optim, inv_array state[INV_ARRAYS_MAX]);

#ifdef __cplusplus
}
#endif
#endif
