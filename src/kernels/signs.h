/* signs.h - products with a matrix of which all values have one size, as those of the gradient of a
 * sum of absolute differences have: |y - t|' is 1 or -1.
 *
 *     if (inv_signs_read(signs, dy)) {
 *         inv_signs_add_transposed_times(signs, x, dw);
 *         inv_signs_times_transposed(signs, w, dx);
 *     }
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SIGNS_H
#define INVPROJ_SIGNS_H

#include "invproj/mat.h"

typedef struct inv_signs inv_signs;

/* Bytes of memory, for a kernel [in, cols] and at most `rows` rows. */
size_t inv_signs_size(size_t rows, size_t in, size_t cols);

/* Takes dy's signs; false where dy is none of these, or a product would not be faster: then nothing
 * else may be called. dy alone decides, and the processor. */
bool inv_signs_read(inv_signs *signs, const gsl_matrix_float *dy);

/* As inv_mat_add_transposed_times and inv_mat_times_transposed with the dy that was read. */
void inv_signs_add_transposed_times(const inv_signs *signs, const gsl_matrix_float *x,
                                    gsl_matrix_float *dw);
void inv_signs_times_transposed(const inv_signs *signs, const gsl_matrix_float *w,
                                gsl_matrix_float *dx);

#endif
