/* winograd.h - convolutions with kernels of 3 x 3 or 5 x 5 values and a stride of 1 by Winograd's
 * method: 2.25 to 2.8 multiplications where there are 9 or 25.
 *
 * A tile of 6 x 6 pixels d gives 4 x 4 or 2 x 2 results y of a kernel g:
 *
 *     y = A^T [ sum over channels of (G g G^T) * (B^T d B) ] A
 *
 * where * is value by value (Lavin, Gray 2015, equation 8; the matrices are kernels_winograd.h's). For
 * all tiles and channels the sums are 36 products of matrices. The gradient to the input is such a
 * convolution itself, with the kernel turned by 180 degrees; that to the kernel is
 *
 *     dg = G^T [ sum over tiles of (B^T d B) * (A dy A^T) ] G
 *
 * Values are rounded about three times as coarsely as by the formula of net/convolve.h, whose arguments
 * these are. An image gives the same bits whichever others are beside it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_WINOGRAD_H
#define INVPROJ_WINOGRAD_H

#include "net/convolve.h"

/* Where it can be done and takes less time: for y and dx, and for the gradient to the kernel too. */
bool inv_winograd_suits(const inv_convolution *c);
bool inv_winograd_suits_gradient(const inv_convolution *c);

/* Floats of `state`, which starts at a whole vector: the kernel transformed, and what each block of a
 * batch works with (net/window.h). */
size_t inv_winograd_state(const inv_convolution *c, size_t rows);

/* The kernel as the next two need it, forward, or back for gradients to the input. */
void inv_winograd_kernel(const inv_convolution *c, bool back, const float *kernel, float *state);

/* Images `rows`, all of one block: of y from x, or where it goes back, of dx from dy. */
void inv_winograd_rows(const inv_convolution *c, bool back, const float *bias, float *state,
                       size_t block, inv_span rows, const gsl_matrix_float *from,
                       gsl_matrix_float *to);

/* dkernel = the gradient to the kernel from images `rows`, all of one block; needs no kernel in the
 * state. */
void inv_winograd_gradient(const inv_convolution *c, float *state, size_t block, inv_span rows,
                           const gsl_matrix_float *x, const gsl_matrix_float *dy, float *dkernel);

#endif
