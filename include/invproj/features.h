/* features.h - what each unit at a point stands for: its unit vector, enlarged, carried down to an
 * image by an inverse; or an image optimised to drive the unit, or the channel, as far as it goes.
 *
 *     gsl_matrix_float *images = NULL;   ([units, pixels], the caller's)
 *     status = inv_features_images(inverse, 1e8, images);
 *
 *     inv_features_generate(&spec, net, &generate);   (spec.layer = "hidden1")
 *     status = inv_generator_alloc(&generate, net, &material, &generator);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FEATURES_H
#define INVPROJ_FEATURES_H

#include "invproj/gaussian.h"
#include "invproj/generate.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_features_spec {
    char name[INV_NAME_MAX];    /* under which the result stands in the run file */
    char inverse[INV_NAME_MAX]; /* name of the inverse that makes images */
    char at[INV_NAME_MAX];      /* the point; it must be where the inverse starts */
    char along[INV_NAME_MAX]; /* unit: scale where it stands, 0 elsewhere; covariance: see below */
    double scale;
    double deviations;         /* covariance: how far from the mean */
    char layer[INV_NAME_MAX];  /* in place of at: the point whose units are driven */
    char driven[INV_NAME_MAX]; /* the point whose values are optimised to that end */
    inv_sizes units;           /* which; empty: all */
    inv_optimise_spec optimise;
} inv_features_spec;

extern const inv_features_spec inv_features_defaults;
extern const inv_field inv_features_fields[];

/* images[units, pixels] = the inverse of scale * identity(units). Source: r2rt, "Inverting a Neural
 * Net", where scale is 1e8. INV_EINVAL: images of another size, or a scale that is
 * not finite; INV_ENUMERIC when an image is not finite. */
INV_MUST_CHECK inv_status inv_features_images(const inv_net *inverse, double scale,
                                              gsl_matrix_float *images);

/* What images are like on which a unit is high: with the mean m and the covariance C of the values at
 * the point where the inverse starts, as the Gaussian has them,
 *
 *     images[i] = the inverse of m + deviations C[., i] / sqrt(C[i, i])
 *
 * the values to be expected where those of unit i lie so many deviations above their mean (below it,
 * where they are negative): a place where images are, which scale * identity(units) is not. A unit
 * that does not vary has the mean's image. Source: the conditional mean of a normal distribution, such
 * as Bishop 2006, 2.81; Haufe et al. 2014 for reading units by it. Fails as inv_features_images, and
 * with INV_EINVAL for a Gaussian of another size. */
INV_MUST_CHECK inv_status inv_features_expected(const inv_net *inverse, const inv_gaussian *g,
                                                double deviations, gsl_matrix_float *images);

/* What a generator is to do for spec->layer: a row for each unit, or, where the layer's values are
 * an image of several pixels, for each channel. INV_EINVAL: a spec that inv_fields_check
 * refuses; INV_ECONFIG: no such point. */
INV_MUST_CHECK inv_status inv_features_generate(const inv_features_spec *spec, const inv_net *net,
                                                inv_generate_spec *out);

#ifdef __cplusplus
}
#endif
#endif
