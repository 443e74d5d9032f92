/* gaussian.h - the mean and the covariance of what the data have at a point of a net, all of them
 * and class by class, as principal components.
 *
 *     inv_gaussians *g = NULL;
 *     status = inv_gaussians_fit(net, &data->train, 0, data->classes, 100, &g);
 *     x = g->all.mean + sum over k of c[k] g->all.deviation[k] g->all.axes[k]
 *     inv_gaussians_free(g);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_GAUSSIAN_H
#define INVPROJ_GAUSSIAN_H

#include <stdbool.h>

#include "invproj/array.h"
#include "invproj/dataset.h"
#include "invproj/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x = mean + sum over k of c_k deviation_k axes_k, c of mean 0 and covariance the identity; `rest`
 * is the variance in each direction that the axes leave out. */
typedef struct inv_gaussian {
    size_t units, components;
    float *mean;      /* [units] */
    float *axes;      /* [components, units]: orthonormal rows */
    float *deviation; /* [components], > 0, falling */
    double rest;
} inv_gaussian;

typedef struct inv_gaussians {
    inv_gaussian all;
    size_t classes;
    inv_gaussian *of; /* [classes]: of the images of that class, in the span of all's axes; see
                         inv_gaussian_is_there */
    float *memory;
} inv_gaussians;

/* Units at a point for which covariances are worked out, at most. */
#define INV_GAUSSIAN_UNITS 4096

/* Of the values that `net` has at point `at` on the images of `part`. At most `components` of them
 * (0: as many as vary). A class with a single image, or whose images are all alike, has their mean
 * and the pooled covariance of the classes, the mean of theirs by numbers of images. INV_EINVAL: no
 * such point, more than INV_GAUSSIAN_UNITS units or INV_CLASSES_MAX classes; INV_EDATA: images of
 * another size than the net's, or values that do not vary. The caller frees. */
INV_MUST_CHECK inv_status inv_gaussians_fit(const inv_net *net, const inv_part *part, size_t at,
                                            size_t classes, size_t components, inv_gaussians **out);
/* The same for images of `shape`, but with waves for axes, in each channel: cas(2 pi (row u /
 * height
 * + column v / width)), where cas is cos + sin (Hartley 1942), over the root of the pixels. The
 * deviations are the root mean squares of the images' coefficients, their spectrum. No classes. INV_EINVAL: images of another shape. */
INV_MUST_CHECK inv_status inv_gaussians_waves(const inv_part *part, inv_shape shape,
                                              inv_gaussians **out);
/* The same without any images: around `ground`, with the spectrum that images have by and large, a
 * deviation that falls as the number of waves across grows, and `deviation` a pixel in all. */
INV_MUST_CHECK inv_status inv_gaussians_plain_waves(inv_shape shape, double ground,
                                                    double deviation, inv_gaussians **out);
/* One to be filled: see inv_gaussians_state. INV_EINVAL: more than there can be, or no values. */
INV_MUST_CHECK inv_status inv_gaussians_alloc(size_t units, size_t components, size_t classes,
                                              inv_gaussians **out);
void inv_gaussians_free(inv_gaussians *gaussians);

/* Lists its arrays: what a run file keeps. */
size_t inv_gaussians_state(inv_gaussians *gaussians, inv_array state[INV_ARRAYS_MAX]);

/* To be called once those were filled from elsewhere. INV_EFORMAT where they are no Gaussians. */
INV_MUST_CHECK inv_status inv_gaussians_restored(inv_gaussians *gaussians);

/* Whether there is one: not of a class that no image is of, whose mean and deviations are all 0. */
bool inv_gaussian_is_there(const inv_gaussian *g);

/* c[k] = (x - mean) . axes_k / deviation_k */
void inv_gaussian_coordinates(const inv_gaussian *g, const float *x, float *c);

/* Half of (|c|^2 + |what the axes leave of x - mean|^2 / rest); adds `scale` times its gradient to
 * `gradient`, unless NULL. Source: Tipping, Bishop 1999 (probabilistic PCA). Where rest is 0, what the
 * axes leave does not count. */
double inv_gaussian_distance(const inv_gaussian *g, const float *x, double scale, float *gradient);

#ifdef __cplusplus
}
#endif
#endif
