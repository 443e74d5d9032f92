/* convolve.h - convolutions: what conv2d, depthwise_conv2d and conv2d_transpose share.
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
 * A row of a window stands in one piece in an image, so that windows are read where they are, without
 * a copy of each. Where their values have gaps between them, or channels are in groups, plain loops
 * (convolve_plain.h) take their place.
 *
 *     const inv_convolution c = {inv_window_over(layer->in, &spec->window), filters, groups};
 *     inv_convolve(&c, kernel, bias, state, x, y);
 *
 * `state` has inv_convolve_state_size(c, rows) bytes, for batches of up to so many rows; nothing is
 * kept there from one call to the next.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CONVOLVE_H
#define INVPROJ_CONVOLVE_H

#include "net/window.h"

typedef struct inv_convolution {
    inv_window w;       /* over x; its padded image holds all windows and all of x */
    size_t out, groups; /* both filters and channels are multiples of groups */
} inv_convolution;

/* Values of the kernel. */
static inline size_t inv_convolve_size(const inv_convolution *c)
{
    return inv_window_size(&c->w) / c->groups * c->out;
}

size_t inv_convolve_state_size(const inv_convolution *c, size_t rows);

/* y as above; bias may be NULL. */
void inv_convolve(const inv_convolution *c, const float *kernel, const float *bias, void *state,
                  const gsl_matrix_float *x, gsl_matrix_float *y);

/* dx[p, v, k] = bias[k] + the sum of dy[p, out] kernel[v, k, out] over all p, v that meet there; bias
 * may be NULL. */
void inv_convolve_back(const inv_convolution *c, const float *kernel, const float *bias,
                       void *state, const gsl_matrix_float *dy, gsl_matrix_float *dx);

/* dkernel[v, k, out] += sum over images and p of x[p, v, k] dy[p, out] */
void inv_convolve_gradient(const inv_convolution *c, const gsl_matrix_float *x,
                           const gsl_matrix_float *dy, void *state, float *dkernel);

/* dbias[k] += sum of dy over images and places, of so many channels, those of x or y. */
void inv_convolve_bias(const gsl_matrix_float *dy, size_t channels, void *state, float *dbias);

/* to[n] = bias, for each place of so many channels, or 0 where bias is NULL. */
void inv_convolve_start(const float *bias, size_t channels, size_t n, float *to);

/* Whether other threads are worth waking for so many images. */
bool inv_convolve_is_large(const inv_convolution *c, size_t rows);

#endif
