/* features.h - what each unit at a point stands for: its unit vector, enlarged, carried down to an
 * image.
 *
 *     gsl_matrix_float *images = NULL;   ([units, pixels], the caller's)
 *     status = inv_features_images(inverse, 1e8, images);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FEATURES_H
#define INVPROJ_FEATURES_H

#include "invproj/net.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_features_spec {
    char name[INV_NAME_MAX];    /* under which the result stands in the run file */
    char inverse[INV_NAME_MAX]; /* name of the inverse that makes images */
    char at[INV_NAME_MAX];      /* the point; it must be where the inverse starts */
    double scale;
} inv_features_spec;

extern const inv_features_spec inv_features_defaults;
extern const inv_field inv_features_fields[];

/* images[units, pixels] = the inverse of scale * identity(units). Source: r2rt, "Inverting a Neural
 * Net", where scale is 1e8. INV_ENUMERIC when an image is not finite. */
INV_MUST_CHECK inv_status inv_features_images(const inv_net *inverse, double scale,
                                              gsl_matrix_float *images);

#ifdef __cplusplus
}
#endif
#endif
