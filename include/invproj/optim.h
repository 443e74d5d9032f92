/* optim.h - optimisers: each steps a flat vector of values down a gradient.
 *
 *     inv_optim *optim = NULL;
 *     inv_optim_spec spec = {.type = "adagrad", .rate = 0.01, .accumulator = 0.1};
 *     if (inv_optim_alloc(&spec, n, &optim) == INV_OK)
 *         inv_optim_step(optim, values, gradient);
 *     inv_optim_free(optim);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_OPTIM_H
#define INVPROJ_OPTIM_H

#include "invproj/config.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_optim_spec {
    char type[INV_NAME_MAX]; /* adagrad or gradient_descent */
    double rate;
    double accumulator; /* adagrad: what the sums of squares start at, > 0 */
} inv_optim_spec;

extern const char *const inv_optim_types[];          /* NULL-terminated */
const inv_field *inv_optim_fields(const char *type); /* the keys that go with a type */

typedef struct inv_optim inv_optim;

/* For n values. INV_EINVAL for a type that does not exist. The caller frees. */
INV_MUST_CHECK inv_status inv_optim_alloc(const inv_optim_spec *spec, size_t n, inv_optim **out);
void inv_optim_free(inv_optim *optim);

/* One step: values[i] moves by gradient[i], for i < n.
 *
 * gradient_descent:  v -= rate g
 * adagrad:           a += g^2;  v -= rate g / sqrt(a)
 *     as TensorFlow 1's AdagradOptimizer (Duchi, Hazan, Singer 2011): a starts at `accumulator`, no
 * epsilon */
void inv_optim_step(inv_optim *optim, float *values, const float *gradient);

/* What an optimiser carries from step to step: `*count` floats (its slots, one after the other),
 * and the names of the slots (NULL-terminated), each of n floats. */
float *inv_optim_state(inv_optim *optim, size_t *count);
const char *const *inv_optim_slots(const inv_optim *optim);

#ifdef __cplusplus
}
#endif
#endif
