/* train.h - training a classifier: batches, forward, cross-entropy, backward, step.
 *
 * The caller owns the loop:
 *
 *     inv_trainer *trainer = NULL;
 *     inv_train_report report;
 *     status = inv_trainer_alloc(&spec, net, data, seed, &trainer);
 *     while (status == INV_OK && inv_trainer_step_count(trainer) < spec.steps)
 *         status = inv_trainer_step(trainer, &report);
 *     inv_trainer_free(trainer);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TRAIN_H
#define INVPROJ_TRAIN_H

#include "invproj/array.h"
#include "invproj/dataset.h"
#include "invproj/net.h"
#include "invproj/optim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_train_spec {
    size_t steps, batch;
    char loss[INV_NAME_MAX];      /* cross_entropy */
    char reduction[INV_NAME_MAX]; /* over the batch: sum or mean */
    inv_optim_spec optimiser;
} inv_train_spec;

extern const inv_train_spec inv_train_defaults;
extern const inv_field inv_train_fields[];

typedef struct inv_train_report {
    size_t step;     /* 1 after the first */
    double loss;     /* the objective on this step's batch, before the step */
    double accuracy; /* part of the batch classified as labelled, before the step */
} inv_train_report;

typedef struct inv_trainer inv_trainer;

/* `net` (changed by each step) and `data` stay the caller's and must outlive the trainer. Batches
 * come from the training part, in the order of the stream "training" of `seed`. INV_ECONFIG: batch
 * larger than the data, or the net's outputs are not the data's classes. */
INV_MUST_CHECK inv_status inv_trainer_alloc(const inv_train_spec *spec, inv_net *net,
                                            const inv_dataset *data, uint64_t seed,
                                            inv_trainer **out);
void inv_trainer_free(inv_trainer *trainer);

/* INV_ENUMERIC, naming the step, once the loss or a parameter is not finite. */
INV_MUST_CHECK inv_status inv_trainer_step(inv_trainer *trainer, inv_train_report *report);

size_t inv_trainer_step_count(const inv_trainer *trainer);

/* Lists what a resumed trainer needs besides the net's parameters; returns how many arrays. */
size_t inv_trainer_state(inv_trainer *trainer, inv_array state[INV_ARRAYS_MAX]);
/* To be called once those arrays and the parameters were filled from a checkpoint: goes on from
 * there. INV_EFORMAT where they are no state of such a trainer. */
INV_MUST_CHECK inv_status inv_trainer_restored(const inv_trainer *trainer);

#ifdef __cplusplus
}
#endif
#endif
