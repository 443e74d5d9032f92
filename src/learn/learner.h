/* learner.h - what a learner is made of: shuffled batches, an optimiser, a gradient, a step count,
 * and a type that knows the rest.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_LEARNER_H
#define INVPROJ_SRC_LEARNER_H

#include "invproj/dataset.h"
#include "invproj/learner.h"
#include "invproj/net.h"
#include "invproj/optim.h"

/* A kind of learner. Its struct begins with an inv_learner, so that each points to the other. */
typedef struct inv_learner_type {
    const char *name; /* the experiment's group, for messages */
    const inv_column *columns;
    size_t validated; /* offset in the report of a bool; SIZE_MAX: it never validates */
    inv_status (*step)(inv_learner *learner, void *report);
    /* Each of these may be NULL: it stops before its last step; adds to the `count` arrays of the
     * state; checks, and goes on from, what they were filled with; frees what is its own. */
    bool (*over)(const inv_learner *learner);
    size_t (*state)(inv_learner *learner, inv_array state[INV_ARRAYS_MAX], size_t count);
    inv_status (*restored)(inv_learner *learner);
    void (*close)(inv_learner *learner);
} inv_learner_type;

struct inv_learner {
    const inv_learner_type *type;
    uint64_t step;
    size_t steps; /* in all */
    gsl_rng *rng;
    inv_batches *batches;
    inv_optim *optim;
    double weight_decay; /* 0, or set by the type */
    float *gradient;
};

/* Of `type`, which takes `steps` steps; batches of `batch` of `count` images in the order of the
 * stream `stream` of `seed`; `size` parameters. Freed by inv_learner_free, however far it came. */
INV_MUST_CHECK inv_status inv_learner_open(inv_learner *learner, const inv_learner_type *type,
                                           size_t steps, const char *stream, uint64_t seed,
                                           size_t count, size_t batch, const inv_optim_spec *optim,
                                           size_t size);

/* Moves the net down learner->gradient and counts the step. Weight decay is of kernels that are not
 * frozen. INV_ENUMERIC where `loss` is not finite, or, at the last step, a parameter is not. */
INV_MUST_CHECK inv_status inv_learner_descend(inv_learner *learner, double loss, inv_net *net);

/* The same step of a net by an optimiser and a gradient of its own, for a learner that moves a second
 * net; it is not counted, and nothing is checked. */
void inv_learner_move(inv_optim *optim, double weight_decay, float *gradient, inv_net *net);

/* INV_EFORMAT: what was kept is no state of this learner. */
inv_status inv_learner_bad_state(const inv_learner *learner);

#endif
