/* mat.h - float matrices, one sample a row, and the products and sums on them.
 *
 * A matrix is a gsl_matrix_float; a view's tda is honoured everywhere. Work is split into blocks of
 * rows or columns that depend on the shapes alone, each done by one thread, so that the result is
 * the same to the bit for any number of threads.
 *
 *     inv_threads_set(2);
 *     gsl_matrix_float *x = NULL;
 *     if (inv_mat_alloc(1000, 784, "a batch", &x) == INV_OK) ...
 *     inv_mat_free(x);
 *
 * A program that uses the library calls gsl_set_error_handler_off() first: GSL ends the process
 * where memory runs out, until it is told to return.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_MAT_H
#define INVPROJ_MAT_H

#include <stdbool.h>
#include <stdint.h>

#include <gsl/gsl_matrix_float.h>

#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Below this many values, waking other threads costs more than the work. */
#define INV_PARALLEL_MIN ((size_t)1 << 14)

/* What one row holds: an image of height x width x channels, row-major; 1 x 1 x n for n plain
 * units. */
typedef struct inv_shape {
    size_t height, width, channels;
} inv_shape;

static inline size_t inv_shape_size(inv_shape shape)
{
    return shape.height * shape.width * shape.channels;
}

/* Threads that work started from the calling thread may use (OpenMP's setting); BLAS calls are made
 * one thread each, within those. 0 means as many as there are processors. */
void inv_threads_set(size_t threads);
size_t inv_threads(void);

/* The BLAS that runs, e.g. "OpenBLAS 0.3.21 ... SkylakeX". */
const char *inv_blas_description(void);

/* The instruction set of invproj's own loops: "plain", "AVX2", "AVX-512" or "AMX". */
const char *inv_kernels_name(void);

/* A zeroed matrix that the caller frees; INV_ENOMEM also for sizes that overflow, INV_EINVAL for 0.
 */
INV_MUST_CHECK inv_status inv_mat_alloc(size_t rows, size_t cols, const char *what,
                                        gsl_matrix_float **out);
void inv_mat_free(gsl_matrix_float *m);

/* The first `rows` rows of m. */
gsl_matrix_float inv_mat_head(const gsl_matrix_float *m, size_t rows);

/* n consecutive floats as a [rows, cols] matrix, no copy. */
gsl_matrix_float inv_mat_over(const float *values, size_t rows, size_t cols);

/* y[batch, out] = x[batch, in] w[in, out] + bias[out] in each row; bias may be NULL. */
void inv_mat_affine(const gsl_matrix_float *x, const gsl_matrix_float *w, const float *bias,
                    gsl_matrix_float *y);

/* dx[batch, in] = dy[batch, out] transpose(w[in, out]) */
void inv_mat_times_transposed(const gsl_matrix_float *dy, const gsl_matrix_float *w,
                              gsl_matrix_float *dx);

/* dw[in, out] += transpose(x[batch, in]) dy[batch, out] */
void inv_mat_add_transposed_times(const gsl_matrix_float *x, const gsl_matrix_float *dy,
                                  gsl_matrix_float *dw);

/* to[i] = from[index[i]], row by row, for i < n. */
void inv_mat_gather(const gsl_matrix_float *from, const uint32_t *index, size_t n,
                    gsl_matrix_float *to);

/* sum[j] += m[i, j], row by row in their order */
void inv_mat_add_column_sums(const gsl_matrix_float *m, float *sum);

/* Whether all n values are finite. */
bool inv_all_finite(const float *values, size_t n);

#ifdef __cplusplus
}
#endif
#endif
