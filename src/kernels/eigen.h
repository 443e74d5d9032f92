/* eigen.h - eigenvalues and eigenvectors of a symmetric matrix, the same bits everywhere.
 *
 * GSL's gsl_eigen_symmv runs on BLAS, whose kernels differ from processor to processor; eigenvectors
 * of eigenvalues that lie close together then differ in every digit. Here each sum has one order, and
 * only +, -, *, / and the square root are used, which IEEE 754 rounds in one way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_EIGEN_H
#define INVPROJ_EIGEN_H

#include "invproj/status.h"

/* Of a, n x n, row-major, of which the lower triangle is read: values[k] falling, and row k of a
 * becomes the eigenvector of values[k], of length 1, its largest component (the first of equal
 * ones) positive. INV_ENUMERIC where a holds values that are not finite; INV_ENOMEM. */
INV_MUST_CHECK inv_status inv_eigen_symmetric(size_t n, double *a, double *values);

#endif
