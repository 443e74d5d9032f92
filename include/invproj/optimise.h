/* optimise.h - values at a point of a net, optimised: rows of variables, written as values, carried
 * up to where the objectives are, and stepped down the sum of their gradients. The net stays as it
 * is.
 *
 *     inv_optimise_task task = {.net = net, .at = 0, .goal = {.rows = 10, .mix = one_hots},
 *                               .objective = &logit, .seed = 1, .stage = "generate"};
 *     status = inv_optimisation_alloc(&spec, &task, &o);
 *     while (status == INV_OK && report.step < spec.steps && report.running > 0)
 *         status = inv_optimisation_step(o, &report);
 *     status = status ? status : inv_optimisation_finish(o, &report);
 *     images = inv_optimisation_values(o);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_OPTIMISE_H
#define INVPROJ_OPTIMISE_H

#include "invproj/dataset.h"
#include "invproj/objective.h"
#include "invproj/optim.h"
#include "invproj/parametrise.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INV_TERMS_MAX 8

typedef struct inv_optimise_spec {
    size_t steps;
    inv_optim_spec optimiser;
    bool bfgs;          /* GSL's vector_bfgs2 in place of the optimiser */
    bool unit_gradient; /* each row's gradient is brought to length 1 */
    inv_parametrisation_spec parametrisation;
    inv_range bounds;          /* of the values, at every step; low > high: none; both 0: those
                                  of pixels, which inv_optimise_set_bounds works out */
    char from[INV_NAME_MAX];   /* constant, uniform, normal, class_mean, image */
    double start, spread;      /* of the variables */
    double jitter, turn, zoom; /* pixels, degrees, part: how far images are moved, at most */
    double noise;              /* deviation of what is added to the values, each step anew */
    size_t blur_every;         /* steps; 0: never */
    double blur;               /* deviation, in pixels */
    size_t minimum;            /* steps before any row rests */
    double until;              /* a row rests once its class is that probable; 0: none does */
    size_t patience;           /* steps without a better value after which a row rests; 0: never */
    double tolerance;          /* what is better: by that part of the value */
    struct {
        size_t count;
        inv_objective_spec items[INV_TERMS_MAX];
    } terms; /* further objectives and priors */
} inv_optimise_spec;

/* Plain: the values themselves, gradient descent at rate 1 from 0, no bounds, all the steps. */
#define INV_OPTIMISE_DEFAULTS                                                                      \
    {                                                                                              \
        .steps = 1000, .optimiser = {.type = "gradient_descent", .rate = 1.0},                     \
        .parametrisation = {.type = "direct", .of = "all"}, .bounds = {1.0, 0.0},                  \
        .from = "constant", .blur = 0.5, .tolerance = 1e-4                                         \
    }
extern const inv_choice inv_optimise_starts[];

/* The keys of an inv_optimise_spec, and the field by which a table has them among its own, of one
 * that is at `offset` of its struct. */
const inv_field *inv_optimise_fields(const char *type);
#define INV_OPTIMISE_PART(offset)                                                                  \
    {                                                                                              \
        "", INV_FIELD_PART, offset, .group = inv_optimise_fields                                   \
    }

/* What is to be done; the caller's, as all that it points at, and kept. */
typedef struct inv_optimise_task {
    const inv_net *net;
    size_t at; /* the point whose values are optimised */
    const inv_objective_spec *objective;
    inv_goal goal;
    const inv_gaussian *const *of;  /* [rows]: for a parametrisation by a Gaussian */
    const gsl_matrix_float *images; /* [rows, units]: for a mask */
    const gsl_matrix_float *start;  /* [rows, units]: values, for class_mean and image */
    uint64_t seed;
    const char *stage; /* the experiment's group, which stands in messages */
    double ground;     /* what comes in where an image is moved away */
} inv_optimise_task;

typedef struct inv_optimise_report {
    size_t step;      /* 1 after the first */
    double value;     /* the sum of all objectives over the rows, before the step */
    size_t running;   /* rows that go on */
    size_t restarted; /* rows whose start had no gradient at all, and that were drawn anew */
} inv_optimise_report;

typedef struct inv_optimisation inv_optimisation;

/* Where spec->bounds are both 0, makes them black and white of `pixels` (NULL: 0 and 1), or, where
 * the values are no images, 0 and 1. Images by sigmoid, which needs bounds, get them too where there are
 * none. */
void inv_optimise_set_bounds(inv_optimise_spec *spec, bool images, const inv_pixels *pixels);

/* Whether the parametrisation or a term is of the data's Gaussian at the point. */
bool inv_optimise_needs_gaussians(const inv_optimise_spec *spec);

/* INV_EINVAL: a spec that inv_fields_check refuses, no rows, or what the task gives is of another
 * size; INV_ECONFIG where a setting does not fit the net or another setting. */
INV_MUST_CHECK inv_status inv_optimisation_alloc(const inv_optimise_spec *spec,
                                                 const inv_optimise_task *task,
                                                 inv_optimisation **out);
void inv_optimisation_free(inv_optimisation *o);

/* One step of the rows that are running. INV_ENUMERIC, naming the step, once a value is not finite.
 */
INV_MUST_CHECK inv_status inv_optimisation_step(inv_optimisation *o, inv_optimise_report *report);
/* To be called after the last step: judges the values it left, and, where rows rest after some
 * patience, puts each row's best back. */
INV_MUST_CHECK inv_status inv_optimisation_finish(inv_optimisation *o, inv_optimise_report *report);

/* The values as they are, within the bounds: [rows, units]. */
const gsl_matrix_float *inv_optimisation_values(const inv_optimisation *o);
/* [rows]: the sum of each row's objectives when it was last worked out. */
const double *inv_optimisation_row_values(const inv_optimisation *o);
/* Whether no start led the row anywhere, as with a unit whose ReLU no image wakes: the gradient of the
 * objective, without terms and prior, was 0 wherever the row was drawn, and is where it ended. */
bool inv_optimisation_dead(const inv_optimisation *o, size_t row);
/* Whether the row came to rest: always, where no rule says when, unless it is dead. */
bool inv_optimisation_settled(const inv_optimisation *o, size_t row);

/* p[i] = sum over classes of mix softmax(logits), of the values as they are. */
void inv_optimisation_probability(inv_optimisation *o, float *p);

#ifdef __cplusplus
}
#endif
#endif
