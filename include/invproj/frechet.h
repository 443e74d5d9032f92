/* frechet.h - the Frechet distance between images that were made and real ones, at a point of a net
 * that is named: it means nothing without that net.
 *
 *     inv_frechet_figures f;
 *     const inv_measuring what = {.net = net, .inverse = inverse, .at = at, .pixels = pixels,
 *                                 .judge = other, .judge_pixels = pixels};
 *     status = inv_measure_frechet(&what, point, data, &f);
 *     printf("%g, of real images %g\n", f.distance, f.real);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FRECHET_H
#define INVPROJ_FRECHET_H

#include "invproj/measure.h"

#ifdef __cplusplus
extern "C" {
#endif

/* *distance = |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) of means [n] and covariances [n, n], which are
 * symmetric and have no negative eigenvalues. INV_ENUMERIC where one is not finite. */
INV_MUST_CHECK inv_status inv_frechet(size_t n, const double *mean_a, const double *covariance_a,
                                      const double *mean_b, const double *covariance_b,
                                      double *distance);

typedef struct inv_frechet_figures {
    double distance;         /* of images that were made of test images to those test images */
    double real;             /* of as many training images to the same test images: its zero line */
    size_t images, training; /* how many of each; the fewer, the larger both distances */
} inv_frechet_figures;

/* At `point` of what->judge, which must be there. INV_EINVAL: no such point, or images of another size;
 * INV_EDATA: more than 2,048 units there. */
INV_MUST_CHECK inv_status inv_measure_frechet(const inv_measuring *what, size_t point,
                                              const inv_dataset *data, inv_frechet_figures *out);

#ifdef __cplusplus
}
#endif
#endif
