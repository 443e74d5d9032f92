/* generate.h - images of classes: values at a point, optimised until the net is sure of the class.
 *
 *     inv_generator *generator = NULL;
 *     double objective;
 *     status = inv_generator_alloc(&spec, net, &generator);
 *     for (size_t i = 0; status == INV_OK && i < spec.steps; i++)
 *         status = inv_generator_step(generator, &objective);
 *     status = status ? status : inv_inverse_apply(inverse, inv_generator_values(generator),
 * images);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_GENERATE_H
#define INVPROJ_GENERATE_H

#include "invproj/net.h"
#include "invproj/optim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_generate_spec {
    char name[INV_NAME_MAX];      /* under which the result stands in the run file */
    char inverse[INV_NAME_MAX];   /* name of the inverse that makes images of the values */
    char at[INV_NAME_MAX];        /* the point whose values are optimised */
    char objective[INV_NAME_MAX]; /* l1: sum |one_hot - softmax| */
    inv_sizes classes;
    size_t steps;
    double start; /* every value's */
    inv_optim_spec optimiser;
} inv_generate_spec;

extern const inv_generate_spec inv_generate_defaults;
extern const inv_field inv_generate_fields[];

typedef struct inv_generator inv_generator;

/* One row of values for each class of the spec. INV_ECONFIG: a class or a point that is not there,
 * or a net that does not end in softmax. The net stays the caller's and is left as it is. */
INV_MUST_CHECK inv_status inv_generator_alloc(const inv_generate_spec *spec, const inv_net *net,
                                              inv_generator **out);
void inv_generator_free(inv_generator *generator);

/* One step of the optimiser down the objective, whose value before the step is *objective.
 * INV_ENUMERIC, naming the step, once it or a value is not finite. */
INV_MUST_CHECK inv_status inv_generator_step(inv_generator *generator, double *objective);

/* The values as they are: [classes, units at the point]; the generator's. */
const gsl_matrix_float *inv_generator_values(const inv_generator *generator);

/* confidence[i] = the probability that the net gives to the class of row i. */
void inv_generator_confidence(inv_generator *generator, float *confidence);

#ifdef __cplusplus
}
#endif
#endif
