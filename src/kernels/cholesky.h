/* cholesky.h - systems of equations with a symmetric, positive definite matrix, in double.
 *
 *     if (inv_cholesky(n, a)) {
 *         inv_cholesky_solve(n, a, cols, b);
 *
 * All is plain C in an order that is written: the bits are the same for any number of threads and
 * any BLAS.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CHOLESKY_H
#define INVPROJ_CHOLESKY_H

#include <stdbool.h>
#include <stddef.h>

/* a[n, n], of which the lower half is read, becomes L L' = a, in that half. False where a is not
 * positive definite, as roundings may make it. */
bool inv_cholesky(size_t n, double *a);

/* b[n, cols] becomes x of L L' x = b. */
void inv_cholesky_solve(size_t n, const double *l, size_t cols, double *b);

#endif
