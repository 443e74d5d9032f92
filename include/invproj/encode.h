/* encode.h - what a net makes of every image of a part: values at a point, class, confidence.
 *
 *     float *confidence = ...;   (part->count of each)
 *     unsigned *predicted = ...;
 *     status = inv_encode(net, &data->test, 0, NULL, confidence, predicted);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_ENCODE_H
#define INVPROJ_ENCODE_H

#include "invproj/dataset.h"
#include "invproj/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Images that are worked on at a time, at most. */
#define INV_CHUNK 1000

/* How many of `count` images to give `net` at a time, at most INV_CHUNK: so many that the values at
 * its widest point stay in the caches. */
size_t inv_encode_rows(const inv_net *net, size_t count);

/* Whether `net` takes the images of `part`. INV_EDATA: it does not, or there are none. */
INV_MUST_CHECK inv_status inv_encode_check(const inv_net *net, const inv_part *part);

/* For every image i of `part`: values[i] = what stands at point `at` (1 <= at <= the logits' point;
 * values is [count, units], or NULL), the class with the largest logit and its probability. Each of
 * the outputs may be NULL. INV_EDATA as inv_encode_check; INV_EINVAL: no such point, or values of
 * another size. */
INV_MUST_CHECK inv_status inv_encode(const inv_net *net, const inv_part *part, size_t at,
                                     gsl_matrix_float *values, float *confidence,
                                     unsigned *predicted);

/* The class and the probability of each row of logits; either may be NULL. */
void inv_encode_classes(const gsl_matrix_float *logits, float *confidence, unsigned *predicted);

#ifdef __cplusplus
}
#endif
#endif
