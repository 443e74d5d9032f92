/* train.h - training a classifier: batches, forward, loss, backward, step.
 *
 * The caller owns the loop:
 *
 *     inv_learner *trainer = NULL;
 *     inv_train_report report;
 *     status = inv_trainer_alloc(&spec, net, data, seed, &trainer);
 *     while (status == INV_OK && !inv_learner_done(trainer))
 *         status = inv_learner_step(trainer, &report);
 *     inv_learner_free(trainer);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TRAIN_H
#define INVPROJ_TRAIN_H

#include "invproj/dataset.h"
#include "invproj/learner.h"
#include "invproj/net.h"
#include "invproj/optim.h"
#include "invproj/schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Early stopping, by what the validation images give. */
typedef struct inv_stop_spec {
    size_t patience;       /* measurements without a gain, then it stops; 0: it does not */
    char by[INV_NAME_MAX]; /* loss or accuracy */
    double least_gain;     /* a gain is more than this */
} inv_stop_spec;

/* An epoch is one pass over the training images, ceil(images / batch) steps: the last batch of each
 * is what is left, and it is trained on as any other, as Keras does. `schedule` and `validate`
 * count epochs where `epochs` is given, else steps. */
typedef struct inv_train_spec {
    size_t steps, epochs, batch;  /* epochs 0: `steps` decides */
    char loss[INV_NAME_MAX];      /* cross_entropy, from the logits; l1 or l2 from the last layer's
                                     values to the one-hot class */
    char reduction[INV_NAME_MAX]; /* sum; or mean, over the batch, and for l1 and l2 over the
                                     outputs too, as Keras's mean absolute and squared error */
    double weight_decay; /* L2: this times w is added to the gradient of each w of a kernel that is
                            not frozen, which is that of weight_decay / 2 sum w^2 (PyTorch's
                            weight_decay; Keras's l2 is half of it). The loss reported is without */
    inv_optim_spec optimiser;
    inv_schedule schedule;
    size_t validate; /* from one measurement on the validation images to the next; 0: an epoch,
                        where `epochs` or `stop` is given and there are such images, else never */
    inv_stop_spec stop;
} inv_train_spec;

extern const inv_train_spec inv_train_defaults;
extern const inv_field inv_train_fields[];

typedef struct inv_train_report {
    size_t step;            /* 1 after the first */
    double loss;            /* the objective on this step's batch, before the step */
    double accuracy;        /* part of the batch classified as labelled, before the step */
    bool validated;         /* whether, after the step, the validation images were measured: */
    double validation_loss; /* with reduction mean, */
    double validation_accuracy;
    double rate; /* the optimiser's, in this step */
} inv_train_report;

/* `net` (changed by each step) and `data` stay the caller's and must outlive the trainer. Batches
 * come from the training part, in the order of the stream "training" of `seed`. INV_EINVAL: a spec that
 * inv_fields_check refuses; INV_ECONFIG: batch
 * larger than the data, or the net's outputs are not the data's classes, or there are no validation
 * images to stop by. It reports by inv_train_report, and is done when all steps are taken or the
 * patience of `stop` is over; the step that ended it left the best parameters in the net, where
 * `stop` keeps them. The caller frees with inv_learner_free. */
INV_MUST_CHECK inv_status inv_trainer_alloc(const inv_train_spec *spec, inv_net *net,
                                            const inv_dataset *data, uint64_t seed,
                                            inv_learner **out);

size_t inv_trainer_epoch(const inv_learner *learner); /* steps of an epoch */
/* The best step so far, where `stop` keeps it and the images were measured; else 0. */
size_t inv_trainer_best(const inv_learner *learner);

#ifdef __cplusplus
}
#endif
#endif
