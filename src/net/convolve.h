/* convolve.h - convolutions of any kind, by plain loops: windows with gaps, channels in groups, a
 * channel each (depthwise), and transposed ones.
 *
 * With p = a place (i, j), v = (r, c) a value of the window there, and x[p, v] the pixel
 * (i stride + r dilation, j stride + c dilation) of x with zeros around it; filter `out` belongs to
 * the group g = out groups / filters, and k counts the channels of a group:
 *
 *     y[p, out] = bias[out] + sum over v, k of x[p, v, g in / groups + k] kernel[v, k, out]
 *
 * A depthwise kernel [v, in, multiplier] is one of so many groups as channels, [v, 1, in multiplier].
 * A transposed convolution from x to y is what carries gradients from y to x in one from y to x:
 * inv_convolve_back, with the axes of x and y changed over.
 *
 *     const inv_convolution c = {inv_window_over(layer->in, &spec->window), filters, groups};
 *     inv_convolve(&c, kernel, bias, x, y);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CONVOLVE_H
#define INVPROJ_CONVOLVE_H

#include "net/window.h"

typedef struct inv_convolution {
    inv_window w;
    size_t out, groups; /* both filters and channels are multiples of groups */
} inv_convolution;

/* y as above; bias may be NULL. */
void inv_convolve(const inv_convolution *c, const float *kernel, const float *bias,
                  const gsl_matrix_float *x, gsl_matrix_float *y);

/* dx[p, v, k] = bias[k] + the sum of dy[p, out] kernel[v, k, out] over all p, v that meet there; bias
 * may be NULL. */
void inv_convolve_back(const inv_convolution *c, const float *kernel, const float *bias,
                       const gsl_matrix_float *dy, gsl_matrix_float *dx);

/* dkernel[v, k, out] += sum over images and p of x[p, v, k] dy[p, out], its `size` values; `state` is
 * of inv_convolve_state_size bytes. */
size_t inv_convolve_state_size(const inv_block *kernel, size_t rows);
void inv_convolve_gradient(const inv_convolution *c, size_t size, const gsl_matrix_float *x,
                           const gsl_matrix_float *dy, float *state, float *dkernel);

/* dbias[k] += sum of dy over images and places, of so many channels. */
void inv_convolve_bias(const gsl_matrix_float *dy, size_t channels, float *dbias);

#endif
