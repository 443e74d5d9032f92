/* values.h - what a net has at a point for every image of a part, a chunk at a time, so that memory
 * does not grow with the images.
 *
 *     INV_TRY(inv_values_open(&v, net, part, point));
 *     for (size_t first = 0; first < part->count; first += v.rows)
 *         values = inv_values_read(&v, first);    (and v.images, as many rows)
 *     inv_values_close(&v);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_INVERSE_VALUES_H
#define INVPROJ_SRC_INVERSE_VALUES_H

#include "invproj/dataset.h"
#include "invproj/net.h"

typedef struct inv_values {
    const inv_net *net;
    const inv_part *part;
    size_t rows; /* of a chunk, at most */
    inv_pass *pass;
    gsl_matrix_float *images;
} inv_values;

/* What was opened is to be closed, even where opening failed half-way. */
INV_MUST_CHECK inv_status inv_values_open(inv_values *v, const inv_net *net, const inv_part *part,
                                          size_t point);
void inv_values_close(inv_values *v);

/* The values of images `first` and following; v->images holds the images. Both until the next one. */
gsl_matrix_float inv_values_read(inv_values *v, size_t first);

/* mean[j] and deviation[j] of each value over the images, the deviation 0 of one that does not vary
 * by more than roundings. INV_EDATA where none does. */
INV_MUST_CHECK inv_status inv_values_moments(const inv_net *net, const inv_part *part, size_t point,
                                             double *mean, double *deviation);
/* INV_EDATA where no value does. */
INV_MUST_CHECK inv_status inv_values_vary(const inv_net *net, const inv_part *part, size_t point);

#endif
