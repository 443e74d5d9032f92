/* method.h - what the trained methods share: shuffled batches, an optimiser, a gradient, a step
 * count.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_METHOD_H
#define INVPROJ_METHOD_H

#include "invproj/array.h"
#include "invproj/dataset.h"
#include "invproj/net.h"
#include "invproj/optim.h"

typedef struct inv_stepper {
    uint64_t step;
    gsl_rng *rng;
    inv_batches *batches;
    inv_optim *optim;
    double weight_decay; /* 0, or set by the method */
    float *gradient;
} inv_stepper;

/* Batches of `batch` of `count` images in the order of the stream `name` of `seed`; `size`
 * parameters. */
INV_MUST_CHECK inv_status inv_stepper_open(inv_stepper *stepper, const char *name, uint64_t seed,
                                           size_t count, size_t batch, const inv_optim_spec *optim,
                                           size_t size);
void inv_stepper_close(inv_stepper *stepper);

/* Moves the net down stepper->gradient and counts the step. Weight decay is of kernels that are not
 * frozen. INV_ENUMERIC where `loss` is not finite, or, at the last of `steps`, a parameter is not.
 * `stage` is the experiment's group, for the message. */
INV_MUST_CHECK inv_status inv_stepper_step(inv_stepper *stepper, const char *stage, double loss,
                                           inv_net *net, size_t steps);

/* To be called once the arrays of the state were filled from elsewhere. INV_EFORMAT where they are
 * none that a stepper can have had. */
INV_MUST_CHECK inv_status inv_stepper_restored(const inv_stepper *stepper, const char *stage);

size_t inv_stepper_state(inv_stepper *stepper, inv_array state[INV_ARRAYS_MAX]);

#endif
