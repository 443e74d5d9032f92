/* objective.h - what values at a point are optimised for: each objective is a number for every row,
 * to be made small, and its gradient at one point of the net.
 *
 * Some ask for something (a class, a unit, a recorded activation), others hold back (norms, total
 * variation): those are called priors, and their weights are not negative. What grows with what is
 * wanted, such as a probability, is counted with a minus.
 *
 *     inv_objective *objective = NULL;
 *     inv_objective_spec spec = inv_objective_defaults;
 *     const inv_goal goal = {.rows = 5, .index = units};
 *     strcpy(spec.type, "unit");
 *     strcpy(spec.at, "hidden1.pre");
 *     status = inv_objective_alloc(&spec, net, 0, &goal, "", &objective);
 *     inv_objective_add(objective, activations, row_values, gradients);
 *     inv_objective_free(objective);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_OBJECTIVE_H
#define INVPROJ_OBJECTIVE_H

#include "invproj/gaussian.h"
#include "invproj/net.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_objective_spec {
    char type[INV_NAME_MAX]; /* one of inv_objective_types */
    char at[INV_NAME_MAX];   /* the point; empty: the type's own */
    double weight;
    size_t unit;  /* of unit and channel, where the goal names none for each row */
    double power; /* of norm and total_variation */
} inv_objective_spec;

extern const inv_choice inv_objective_types[];
extern const inv_objective_spec inv_objective_defaults;
const inv_field *inv_objective_fields(const char *type);

/* What each row is to become; the caller's, and kept until the objective is freed. */
typedef struct inv_goal {
    size_t rows;
    const gsl_matrix_float *mix; /* [rows, classes]: the part of each class, in sum 1 */
    const unsigned *index;       /* [rows]: unit or channel */
    const unsigned *group; /* [rows]: rows of the same group are to differ; NULL: all are one */
    const gsl_matrix_float *recorded; /* [rows, units at the point]: for activation */
    const inv_gaussian *gaussian;     /* of the point's values: for gaussian */
} inv_goal;

typedef struct inv_objective inv_objective;

/* For values at point `first` of the net. `where` begins the message, as in "generate.terms.0".
 * INV_EINVAL: a spec that inv_fields_check refuses, no rows, a goal that lacks what the type needs or
 * has it in another size. INV_ECONFIG: no such point or unit, a point below the values, a prior of
 * negative weight. The caller frees. */
INV_MUST_CHECK inv_status inv_objective_alloc(const inv_objective_spec *spec, const inv_net *net,
                                              size_t first, const inv_goal *goal, const char *where,
                                              inv_objective **out);
void inv_objective_free(inv_objective *objective);

size_t inv_objective_point(const inv_objective *objective);
bool inv_objective_is_prior(const inv_objective *objective);

/* From y [rows, units at the point]: value[i] += weight f(y_i), gradient += its gradient to y. Both
 * must be there. In the formulas t is the goal's row:
 *
 * cross_entropy    -sum t log softmax(y), at the logits
 * probability      -sum t softmax(y), at the logits
 * logit            -sum t y, at the logits
 * margin           log sum over other classes of exp(y) - sum t y: the odds against, at the logits
 * l1               sum |t - y|, at the last point, a softmax (r2rt)
 * absolute_error   |1 - sum t y|, at the last point: mean absolute error of one output to 1
 * unit             -y[unit]
 * channel          -(mean of the channel)
 * energy           -(mean of y^2) / 2: a whole layer's (DeepDream)
 * activation       |y - recorded|^2 / |recorded|^2 (Mahendran, Vedaldi 2015)
 * norm             sum |y|^power / units
 * total_variation  sum |difference|^power / units over all pairs of neighbours, across and down:
 *                  every pixel of the border is in as many pairs as it has neighbours
 * gaussian         half the squared Mahalanobis distance / units (inv_gaussian_distance)
 * diversity        -log(1e-6 + mean over the group of |y - the group's mean|^2 / units) / 2
 * batch_norm       at a point that leads into batch normalisation: how far mean m and variance v of
 *                  each channel over the batch are from the running ones, (m - M)^2 / V +
 *                  (v - V)^2 / V^2, the mean over channels (after Yin et al. 2020, DeepInversion)
 */
void inv_objective_add(inv_objective *objective, const gsl_matrix_float *y, double *value,
                       gsl_matrix_float *gradient);

/* f(y) of the goal's row i alone, for any y [units]; `room` is as large as y. 0 for diversity,
 * which is of all rows. */
double inv_objective_of(const inv_objective *objective, size_t i, const float *y, float *room);

#ifdef __cplusplus
}
#endif
#endif
