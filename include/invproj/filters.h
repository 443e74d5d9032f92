/* filters.h - the kernels of a net's first layer as images: what each of its units or channels multiplies
 * the pixels by.
 *
 *     inv_shape shape;
 *     size_t count = 0;
 *     status = inv_filters_find(net, &shape, &count);
 *     status = inv_mat_alloc(count, inv_shape_size(shape), "filters", &images);
 *     inv_filters_images(net, images);   ([filters, pixels], the caller's)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FILTERS_H
#define INVPROJ_FILTERS_H

#include "invproj/fields.h"
#include "invproj/net.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_filters_spec {
    char name[INV_NAME_MAX]; /* under which the result stands in the run file */
} inv_filters_spec;

extern const inv_filters_spec inv_filters_defaults;
extern const inv_field inv_filters_fields[];

/* How many filters there are, and the shape of each: the image's for a dense layer, the window's for a
 * convolution. INV_ECONFIG: the first layer with a kernel is of another type, or does not read the
 * channels of the image. */
INV_MUST_CHECK inv_status inv_filters_find(const inv_net *net, inv_shape *shape, size_t *count);

/* images[filters, pixels] = the transpose of the kernel, which inv_filters_find has found. */
void inv_filters_images(const inv_net *net, gsl_matrix_float *images);

#ifdef __cplusplus
}
#endif
#endif
