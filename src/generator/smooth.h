/* smooth.h - how much the neighbouring pixels of images differ, and its gradient.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_GENERATOR_SMOOTH_H
#define INVPROJ_SRC_GENERATOR_SMOOTH_H

#include "invproj/mat.h"

/* Returns the sum over the rows of x [rows, pixels of `shape`] of
 *
 *     mean over all pairs (p, q) of pixels side by side or one below the other of |x_p - x_q| / white
 *
 * (0 of an image of one pixel); weight times its gradient is added to dx, 0 where two are equal. white:
 * the distance from black to white. row_loss: a value for each row, which are added in their order.
 * The anisotropic total variation of Rudin, Osher, Fatemi 1992, over its number of terms. */
double inv_smooth(inv_shape shape, const gsl_matrix_float *x, float weight, float white,
                  double *row_loss, gsl_matrix_float *dx);

#endif
