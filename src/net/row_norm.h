/* row_norm.h - normalisation of each image by itself, in sets of its values: what layer_norm and
 * group_norm share.
 *
 *     y = gamma (x - mean) s + beta,  s = 1 / sqrt(variance + epsilon),  over the n values of a set
 *
 * (without mean: y = gamma x s + beta, s = 1 / sqrt(mean of x^2 + epsilon)). With h = (x - mean) s
 * and g = dy gamma:
 *
 *     dx = s (g - mean of g - h mean of g h);  dgamma = sum of dy h;  dbeta = sum of dy
 *
 * Value (i, j, c) of an image is in set i set.row + j set.column + (c / per_set) set.channel, and
 * its gamma and beta are those at i own.row + j own.column + c own.channel.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_ROW_NORM_H
#define INVPROJ_ROW_NORM_H

#include "invproj/layer.h"

typedef struct inv_steps {
    size_t row, column, channel;
} inv_steps;

typedef struct inv_row_norm {
    inv_shape shape;
    size_t sets, per_set; /* of an image; channels side by side that are in one set */
    inv_steps set, own;
    size_t own_size; /* values of gamma, and of beta */
    double epsilon;
    bool with_mean;
} inv_row_norm;

/* Bytes of state for so many rows. */
size_t inv_row_norm_state_size(const inv_row_norm *n, size_t rows);

/* gamma and beta may be NULL: 1 and 0. */
void inv_row_norm_forward(const inv_row_norm *n, const float *gamma, const float *beta, void *state,
                          const gsl_matrix_float *x, gsl_matrix_float *y);
/* dgamma and dbeta are added to; they and dx may be NULL. */
void inv_row_norm_backward(const inv_row_norm *n, const float *gamma, void *state,
                           const gsl_matrix_float *x, const gsl_matrix_float *dy, float *dgamma,
                           float *dbeta, gsl_matrix_float *dx);

#endif
