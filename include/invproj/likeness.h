/* likeness.h - how like their originals images are, and how like images at all: figures that anyone
 * can work out again, one value an image.
 *
 *     inv_likeness *likeness = NULL;
 *     status = inv_likeness_alloc(shape, black, white, 1000, &likeness);
 *     inv_likeness_rows(likeness, &originals, &images, rows);      (rows[1000], one an image)
 *     printf("SSIM of the first %.4f\n", rows[0].of[INV_LIKENESS_SSIM]);
 *     inv_likeness_free(likeness);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_LIKENESS_H
#define INVPROJ_LIKENESS_H

#include "invproj/mat.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of an original x and an image y of n values, whose pixels are from black to white, L apart:
 *
 * L1             mean |x - y|
 * SQUARED        mean (x - y)^2
 * RELATIVE       |x - y|2 / |x|2; none where x is all 0
 * PSNR           10 log10(L^2 / mean (x - y)^2) decibels; none where y is x
 * SSIM           mean over windows of
 *                    (2 mx my + C1) (2 sxy + C2) / ((mx^2 + my^2 + C1) (sx^2 + sy^2 + C2))
 *                with means m, variances s^2 and covariance sxy weighted by a Gaussian of deviation
 *                1.5 on 11 x 11 pixels, over their number (not one less), C1 = (0.01 L)^2,
 *                C2 = (0.03 L)^2; windows that lie within the image, each channel by itself; none of
 *                images that have no such window. Source: Wang, Bovik, Sheikh, Simoncelli 2004; the
 *                same as scikit-image's structural_similarity with gaussian_weights and without
 *                use_sample_covariance
 * BORDER         standard deviation of the outermost two rows and columns of y over that of all of
 *                it; none of a y that is all alike
 * HIGH           part of the power of y, the mean of each channel removed, in waves of more than half
 *                the Nyquist frequency: (2 u / height)^2 + (2 v / width)^2 > 1/4; none likewise
 * HIGH_ORIGINAL  the same of x */
enum {
    INV_LIKENESS_L1,
    INV_LIKENESS_SQUARED,
    INV_LIKENESS_RELATIVE,
    INV_LIKENESS_PSNR,
    INV_LIKENESS_SSIM,
    INV_LIKENESS_BORDER,
    INV_LIKENESS_HIGH,
    INV_LIKENESS_HIGH_ORIGINAL,
    INV_LIKENESSES
};

/* What an image has; NAN: none. */
typedef struct inv_likeness_row {
    double of[INV_LIKENESSES];
} inv_likeness_row;

typedef struct inv_likeness inv_likeness;

/* For images of `shape`, at most `rows` at a time. INV_EINVAL where black is not below white. */
INV_MUST_CHECK inv_status inv_likeness_alloc(inv_shape shape, double black, double white,
                                             size_t rows, inv_likeness **out);
void inv_likeness_free(inv_likeness *l);

/* x and y are [rows, pixels]. */
void inv_likeness_rows(inv_likeness *l, const gsl_matrix_float *x, const gsl_matrix_float *y,
                       inv_likeness_row *rows);

#ifdef __cplusplus
}
#endif
#endif
