/* loss.h - how far images are from what they should be: what inverses learn by.
 *
 *     const inv_image_loss loss = inv_image_loss_at("mix", step, steps);
 *     inv_part_gather(part, index, n, dy);
 *     total = inv_image_loss_rows(&loss, y, row_loss, dy);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_INVERSE_LOSS_H
#define INVPROJ_SRC_INVERSE_LOSS_H

#include <stdbool.h>
#include <stddef.h>

#include <gsl/gsl_matrix_float.h>

#include "invproj/fields.h"

extern const inv_choice inv_inverse_losses[];

typedef struct inv_image_loss {
    float l1, l2; /* weights */
    bool clips;   /* images end at low and high */
    float low, high;
} inv_image_loss;

/* Of the step after `step` others of `steps`: a mix goes from l2 to l1. */
inv_image_loss inv_image_loss_at(const char *loss, size_t step, size_t steps);

/* Returns the sum over the rows of
 *     row_loss[i] = sum_j l1 |e_j| + l2 e_j^2,   e_j = clip(y_j) - t_j
 * where the targets t come in dy, which becomes l1 sign(e_j) + 2 l2 e_j: its gradient, carried
 * straight through the clip, so that what lies beyond the range finds back where it should. */
double inv_image_loss_rows(const inv_image_loss *loss, const gsl_matrix_float *y, double *row_loss,
                           gsl_matrix_float *dy);

#endif
