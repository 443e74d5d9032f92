/* schedule.h - how a learning rate changes over the steps of a training.
 *
 *     inv_schedule schedule = {.type = "cosine", .warm_up = 100};
 *     for (size_t step = 0; step < steps; step++) {
 *         inv_optim_set_rate(optim, rate * inv_schedule_factor(&schedule, 1, step, steps));
 *         inv_optim_step(optim, values, gradient);
 *     }
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SCHEDULE_H
#define INVPROJ_SCHEDULE_H

#include "invproj/config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_schedule {
    char type[INV_NAME_MAX]; /* constant, step or cosine */
    double warm_up;          /* a length, as `every`: in steps, or in another unit */
    double every, factor;    /* step */
    double minimum;          /* cosine */
} inv_schedule;

extern const inv_schedule inv_schedule_defaults; /* constant */
extern const inv_choice inv_schedule_types[];
const inv_field *inv_schedule_fields(const char *type);
/* Whether a longer run would have been another from its first step on. */
bool inv_schedule_needs_length(const char *type);

/* What the rate is multiplied by in the step after `step` others of `steps`. Lengths L stand for
 * round(L unit) steps, but `every` for one at least.
 *
 * warm-up, W steps:  (step + 1) / W for step < W; what follows counts t = step - W from there
 * constant:          1
 * step:              factor^floor(t / every)
 * cosine:            least + (1 - least) (1 + cos(pi t / (steps - W))) / 2
 *     Loshchilov and Hutter 2017, without restarts; Keras's CosineDecay, whose alpha is `least` */
double inv_schedule_factor(const inv_schedule *schedule, size_t unit, size_t step, size_t steps);

#ifdef __cplusplus
}
#endif
#endif
