/* early.h - early stopping: what the best parameters so far are, and how long ago.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_EARLY_H
#define INVPROJ_EARLY_H

#include "invproj/array.h"
#include "invproj/train.h"

typedef struct inv_early {
    inv_stop_spec spec;
    size_t size;
    float *best; /* the parameters of best_step, or, once swapped, the last ones */
    double best_value;
    uint64_t best_step; /* 0: nothing was measured yet */
    uint64_t waited;    /* measurements since then */
    uint64_t swapped;
} inv_early;

/* For `size` parameters. Where spec->patience is 0 all of these do nothing. */
INV_MUST_CHECK inv_status inv_early_open(inv_early *early, const inv_stop_spec *spec, size_t size);
void inv_early_close(inv_early *early);

/* After `step` steps, which led to `params`, the validation images gave these. */
void inv_early_note(inv_early *early, uint64_t step, double loss, double accuracy,
                    const float *params);
/* Whether the patience is over. */
bool inv_early_over(const inv_early *early);

/* Exchanges the parameters with the best ones, and again, back. */
void inv_early_swap(inv_early *early, float *params);

/* Adds to the `count` arrays of a state; returns how many there are then. */
size_t inv_early_state(inv_early *early, inv_array state[INV_ARRAYS_MAX], size_t count);
/* Whether what those were filled with can be so, after `step` steps. */
bool inv_early_valid(const inv_early *early, uint64_t step);

#endif
