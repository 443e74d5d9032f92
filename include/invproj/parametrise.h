/* parametrise.h - how the values that are optimised are written: as variables, row by row, of which
 * the values are a function.
 *
 *     inv_parametrisation *p = NULL;
 *     status = inv_parametrisation_alloc(&spec, units, rows, &(inv_writing){.of = gaussians}, &p);
 *     inv_parametrisation_values(p, variables, values);
 *     inv_parametrisation_gradients(p, variables, values, dvalues, dvariables);
 *     inv_parametrisation_free(p);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_PARAMETRISE_H
#define INVPROJ_PARAMETRISE_H

#include "invproj/gaussian.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_parametrisation_spec {
    char type[INV_NAME_MAX]; /* one of inv_parametrisation_types */
    char of[INV_NAME_MAX];   /* whitened: the Gaussian of all images, or of those of the class */
    size_t components;       /* whitened: how many; 0: all */
    double penalty;          /* whitened, fourier: weight of |c|^2 / (2 components) */
} inv_parametrisation_spec;

extern const inv_choice inv_parametrisation_types[];
const inv_field *inv_parametrisation_fields(const char *type);

/* What the writing needs beside the spec; the caller's, and kept. */
typedef struct inv_writing {
    inv_range bounds;               /* sigmoid: what the values lie between */
    const inv_gaussian *const *of;  /* [rows]: whitened, fourier: each row's axes */
    const gsl_matrix_float *images; /* [rows, units]: mask: what is scaled */
} inv_writing;

typedef struct inv_parametrisation inv_parametrisation;

/* INV_EINVAL: a spec that inv_fields_check refuses, nothing to write, or something that it needs is
 * not there or of another size. The caller frees. */
INV_MUST_CHECK inv_status inv_parametrisation_alloc(const inv_parametrisation_spec *spec,
                                                    size_t units, size_t rows,
                                                    const inv_writing *writing,
                                                    inv_parametrisation **out);
void inv_parametrisation_free(inv_parametrisation *p);

/* How many variables a row has. */
size_t inv_parametrisation_variables(const inv_parametrisation *p);

/* x [rows, units] from v [rows, variables]:
 *
 * direct     x = v
 * sigmoid    x = low + (high - low) / (1 + exp(-v))
 * whitened   x = mean + sum over k of v_k deviation_k axes_k
 * fourier    the same, the axes waves, the deviations those of the training images
 * waves      the same, of inv_gaussians_plain_waves
 * mask       x = v * image, value by value */
void inv_parametrisation_values(inv_parametrisation *p, const gsl_matrix_float *v,
                                gsl_matrix_float *x);
/* dv = dx (dx/dv) */
void inv_parametrisation_gradients(inv_parametrisation *p, const gsl_matrix_float *v,
                                   const gsl_matrix_float *x, const gsl_matrix_float *dx,
                                   gsl_matrix_float *dv);
/* The variables whose values come nearest to x. */
void inv_parametrisation_nearest(inv_parametrisation *p, const gsl_matrix_float *x,
                                 gsl_matrix_float *v);

#ifdef __cplusplus
}
#endif
#endif
