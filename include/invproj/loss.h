/* loss.h - objectives at a batch of values, and their gradients.
 *
 *     double *rows = ...;   (one for each row)
 *     double loss = inv_loss_cross_entropy(logits, labels, rows, dlogits, &correct);
 *     inv_net_backward(net, pass, dlogits, gradient, NULL);
 *
 * Sums are over the batch, not means. `row_loss` is scratch of one double a row: the rows' parts
 * are added in their order, so that the value does not depend on threads.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_LOSS_H
#define INVPROJ_LOSS_H

#include "invproj/mat.h"

#ifdef __cplusplus
extern "C" {
#endif

/* sum_i -log softmax(x_i)[label_i], from the logits x [rows, classes], label_i < classes.
 * Gradient: softmax(x_i) - one_hot(label_i). *correct is how many rows have their largest logit at
 * the label (the first of equal ones). */
double inv_loss_cross_entropy(const gsl_matrix_float *x, const unsigned *labels, double *row_loss,
                              gsl_matrix_float *dx, size_t *correct);

/* sum_ij |y_ij - target_ij|. Gradient, unless NULL: sign(y - target), 0 where they are equal; dy
 * may be target. */
double inv_loss_l1(const gsl_matrix_float *y, const gsl_matrix_float *target, double *row_loss,
                   gsl_matrix_float *dy);

/* sum_ij (y_ij - target_ij)^2. Gradient, unless NULL: 2 (y - target); dy may be target. */
double inv_loss_l2(const gsl_matrix_float *y, const gsl_matrix_float *target, double *row_loss,
                   gsl_matrix_float *dy);

/* The largest of softmax(logits) over n classes; *top is its class. */
double inv_confidence(const float *logits, size_t n, size_t *top);

/* The index of the largest of n values, the first of equal ones. */
size_t inv_argmax(const float *values, size_t n);

#ifdef __cplusplus
}
#endif
#endif
