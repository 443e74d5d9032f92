/* learner.h - whatever learns in steps: a classifier's trainer, an inverse's.
 *
 * A learner is made by a function of its own (inv_trainer_alloc, inv_inverter_alloc); from then on
 * all are alike. The caller owns the loop:
 *
 *     while (status == INV_OK && !inv_learner_done(learner))
 *         status = inv_learner_step(learner, &report);
 *     inv_learner_free(learner);
 *
 * A checkpoint is the arrays of inv_learner_state beside the parameters of the net that it moves.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_LEARNER_H
#define INVPROJ_LEARNER_H

#include <stdbool.h>

#include "invproj/array.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_learner inv_learner;

/* Bytes of the largest report. */
#define INV_REPORT_MAX 64

/* A column of a learner's history: where in its report the value stands, which is a size_t for
 * INV_UINT64 and a double for INV_FLOAT32. */
typedef struct inv_column {
    const char *name; /* "loss", "validation/loss"; a table of columns ends with NULL */
    inv_type type;
    size_t offset;
    bool validation; /* only of the steps after which the validation images were measured */
} inv_column;

/* The columns of its reports, of which each step gives one row. */
const inv_column *inv_learner_columns(const inv_learner *learner);
/* Whether a report is of a step after which the validation images were measured. */
bool inv_learner_validated(const inv_learner *learner, const void *report);

/* One step. `report` is the learner's own: inv_train_report, inv_inverse_report. INV_ENUMERIC,
 * naming the step, once the loss or a parameter is not finite. */
INV_MUST_CHECK inv_status inv_learner_step(inv_learner *learner, void *report);

size_t inv_learner_count(const inv_learner *learner); /* steps taken */
size_t inv_learner_steps(const inv_learner *learner); /* that there are to be, all in all */
/* Whether all steps are taken, or it has stopped by itself. */
bool inv_learner_done(const inv_learner *learner);

/* Lists what a resumed learner needs besides the net's parameters; returns how many arrays. */
size_t inv_learner_state(inv_learner *learner, inv_array state[INV_ARRAYS_MAX]);
/* To be called once those arrays and the parameters were filled from a checkpoint: goes on from
 * there. INV_EFORMAT where they are no state of such a learner. */
INV_MUST_CHECK inv_status inv_learner_restored(inv_learner *learner);

void inv_learner_free(inv_learner *learner);

#ifdef __cplusplus
}
#endif
#endif
