/* frechet.h - the Frechet distance between images that were made and real ones, at a point of a net
 * that is named: it means nothing without that net.
 *
 *     inv_frechet_figures f;
 *     const inv_measuring what = {.net = net, .inverse = inverse, .at = at, .pixels = pixels,
 *                                 .judge = other, .judge_pixels = pixels};
 *     status = inv_frechet_real_alloc(&what, point, data, data->test.count, &real);
 *     status = inv_measure_frechet(&what, real, data, &f);
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

/* What the judge has of real images, which is the same for all inverses: the first test images, and as
 * many training images, where there are so many. */
typedef struct inv_frechet_real inv_frechet_real;

/* At `point` of what->judge, which must outlive it; of `what` it takes the judge and both kinds of
 * pixels. INV_EINVAL: no such point, no images, more than there are, or of another size; INV_EDATA: more
 * than 2,048 units there. The caller frees. */
INV_MUST_CHECK inv_status inv_frechet_real_alloc(const inv_measuring *what, size_t point,
                                                 const inv_dataset *data, size_t images,
                                                 inv_frechet_real **out);
void inv_frechet_real_free(inv_frechet_real *real);
size_t inv_frechet_real_images(const inv_frechet_real *real);

/* Of what->inverse, or of what->images. INV_EINVAL: another judge than the real images', or another
 * number of images. */
INV_MUST_CHECK inv_status inv_measure_frechet(const inv_measuring *what,
                                              const inv_frechet_real *real, const inv_dataset *data,
                                              inv_frechet_figures *out);

#ifdef __cplusplus
}
#endif
#endif
