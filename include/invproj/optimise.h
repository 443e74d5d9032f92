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

/* The keys of an inv_optimise_spec that is the member `m` of the struct `S`. */
#define INV_OPTIMISE_KEY(S, m, key, type, ...)                                                     \
    {                                                                                              \
#key, type, offsetof(S, m.key), __VA_ARGS__                                                \
    }
#define INV_OPTIMISE_FIELDS(S, m)                                                                  \
    INV_OPTIMISE_KEY(S, m, steps, INV_FIELD_SIZE, 1, 1e9, .help = "number of steps, at most"),     \
        INV_OPTIM_FIELD(offsetof(S, m.optimiser)),                                                 \
        INV_OPTIMISE_KEY(S, m, bfgs, INV_FIELD_BOOL,                                               \
                         .help = "whether GSL's vector_bfgs2 takes the place of the optimiser"),   \
        INV_OPTIMISE_KEY(S, m, unit_gradient, INV_FIELD_BOOL,                                      \
                         .help = "whether each image's gradient is brought to length 1"),          \
        INV_OPTIMISE_KEY(S, m, parametrisation, INV_FIELD_GROUP,                                   \
                         .choices = inv_parametrisation_types, .topic = "parametrisations",        \
                         .group = inv_parametrisation_fields,                                      \
                         .help = "how values are made of the variables that are optimised"),       \
        INV_OPTIMISE_KEY(                                                                          \
            S, m, bounds, INV_FIELD_RANGE, -1e30, 1e30,                                            \
            .help = "bounds of the values at every step, as in [0, 1]; none where not given"),     \
        INV_OPTIMISE_KEY(S, m, from, INV_FIELD_NAME, .choices = inv_optimise_starts,               \
                         .topic = "starts", .help = "where the variables start"),                  \
        INV_OPTIMISE_KEY(S, m, start, INV_FIELD_REAL, -1e6, 1e6,                                   \
                         .help = "value that variables start at, or around"),                      \
        INV_OPTIMISE_KEY(S, m, spread, INV_FIELD_REAL, 0.0, 1e6,                                   \
                         .help = "how far from there they start, at most or as a deviation"),      \
        INV_OPTIMISE_KEY(S, m, jitter, INV_FIELD_REAL, 0.0, 100.0,                                 \
                         .help = "pixels by which images are shifted at random, at most"),         \
        INV_OPTIMISE_KEY(S, m, turn, INV_FIELD_REAL, 0.0, 180.0,                                   \
                         .help = "degrees by which images are turned at random, at most"),         \
        INV_OPTIMISE_KEY(S, m, zoom, INV_FIELD_REAL, 0.0, 0.9,                                     \
                         .help =                                                                   \
                             "part of their size by which images are zoomed at random, at most"),  \
        INV_OPTIMISE_KEY(S, m, noise, INV_FIELD_REAL, 0.0, 1e6,                                    \
                         .help =                                                                   \
                             "deviation of the noise that is added to the values at each step"),   \
        INV_OPTIMISE_KEY(S, m, blur_every, INV_FIELD_SIZE, 0, 1e9,                                 \
                         .help = "steps between two blurs of the values; 0: no blur"),             \
        INV_OPTIMISE_KEY(S, m, blur, INV_FIELD_REAL, 0.05, 100.0,                                  \
                         .help = "deviation of the blur, in pixels"),                              \
        INV_OPTIMISE_KEY(S, m, minimum, INV_FIELD_SIZE, 0, 1e9,                                    \
                         .help = "steps that every image takes at least"),                         \
        INV_OPTIMISE_KEY(S, m, until, INV_FIELD_REAL, 0.0, 1.0,                                    \
                         .help = "probability of its class at which an image is done; 0: none"),   \
        INV_OPTIMISE_KEY(                                                                          \
            S, m, patience, INV_FIELD_SIZE, 0, 1e9,                                                \
            .help = "steps without a better value after which an image is done; 0: none"),         \
        INV_OPTIMISE_KEY(S, m, tolerance, INV_FIELD_REAL, 0.0, 1.0,                                \
                         .help =                                                                   \
                             "part of the value by which a new one must be smaller to be better"), \
        INV_OPTIMISE_KEY(                                                                          \
            S, m, terms, INV_FIELD_LIST, .high = INV_TERMS_MAX,                                    \
            .items = offsetof(S, m.terms.items), .item_size = sizeof(inv_objective_spec),          \
            .item_default = &inv_objective_defaults, .group = inv_objective_fields,                \
            .choices = inv_objective_types, .topic = "objectives",                                 \
            .help = "further objectives and priors: what is made small is the weighted sum")

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
 * the values are no images, 0 and 1. */
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
