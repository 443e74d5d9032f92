/* sparse.h - products with a batch of which most values are 0, as four pixels of five of MNIST are.
 *
 * The way forward decides for the way back too.
 *
 *     if (!inv_sparse_affine(sparse, x, w, bias, y))
 *         inv_mat_affine(x, w, bias, y);
 *     ...
 *     if (!inv_sparse_add_transposed_times(sparse, x, dy, dw))
 *         inv_mat_add_transposed_times(x, dy, dw);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SPARSE_H
#define INVPROJ_SPARSE_H

#include "invproj/mat.h"

typedef struct inv_sparse inv_sparse;

/* Bytes of memory, for at most `rows` rows and a kernel [in, out]. */
size_t inv_sparse_size(size_t rows, size_t in, size_t out);

/* As inv_mat_affine, if so many values are 0 that this is faster; else does nothing and returns
 * false. There must be a bias. The batch alone decides, some of its rows, so that a run that is
 * resumed decides alike. */
bool inv_sparse_affine(inv_sparse *sparse, const gsl_matrix_float *x, const gsl_matrix_float *w,
                       const float *bias, gsl_matrix_float *y);
/* As inv_mat_add_transposed_times with the x of the newest inv_sparse_affine; false where that
 * was. */
bool inv_sparse_add_transposed_times(inv_sparse *sparse, const gsl_matrix_float *x,
                                     const gsl_matrix_float *dy, gsl_matrix_float *dw);

#endif
