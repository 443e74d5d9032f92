/* convolve_plain.h - convolutions of any kind by plain loops, for windows with gaps and channels in
 * groups; the formulas and arguments are those of net/convolve.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CONVOLVE_PLAIN_H
#define INVPROJ_CONVOLVE_PLAIN_H

#include "net/convolve.h"

void inv_convolve_plain(const inv_convolution *c, const float *kernel, const float *bias,
                        const gsl_matrix_float *x, gsl_matrix_float *y);
void inv_convolve_plain_back(const inv_convolution *c, const float *kernel, const float *bias,
                             const gsl_matrix_float *dy, gsl_matrix_float *dx);
/* `state` has room for the kernel once a block of images. */
void inv_convolve_plain_gradient(const inv_convolution *c, const gsl_matrix_float *x,
                                 const gsl_matrix_float *dy, float *state, float *dkernel);

#endif
