/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/schedule.h"

#include <math.h>
#include <string.h>

const inv_schedule inv_schedule_defaults = {
    .type = "constant", .warm_up = 0.0, .every = 10.0, .factor = 0.1, .least = 0.0};

const char *const inv_schedule_types[] = {"constant", "cosine", "step", NULL};

#define COMMON_FIELDS                                                                              \
    {"type", INV_FIELD_NAME, offsetof(inv_schedule, type), .help = "of the optimiser's rate",      \
     .choices = inv_schedule_types},                                                               \
    {                                                                                              \
        "warm_up", INV_FIELD_REAL, offsetof(inv_schedule, warm_up), 0.0, 1e9,                      \
            .help = "steps, or epochs, in which the rate rises from 0"                             \
    }

static const inv_field constant_fields[] = {COMMON_FIELDS, {0}};
static const inv_field step_fields[] = {COMMON_FIELDS,
                                        {"every", INV_FIELD_REAL, offsetof(inv_schedule, every),
                                         1e-9, 1e9,
                                         .help = "steps, or epochs, after which the rate falls"},
                                        {"factor", INV_FIELD_REAL, offsetof(inv_schedule, factor),
                                         0.0, 1.0, .help = "that it is multiplied by then"},
                                        {0}};
static const inv_field cosine_fields[] = {COMMON_FIELDS,
                                          {"least", INV_FIELD_REAL, offsetof(inv_schedule, least),
                                           0.0, 1.0,
                                           .help = "part of the rate that is left at the end"},
                                          {0}};

const inv_field *inv_schedule_fields(const char *type)
{
    if (strcmp(type, "step") == 0)
        return step_fields;
    return strcmp(type, "cosine") == 0 ? cosine_fields : constant_fields;
}

double inv_schedule_factor(const inv_schedule *schedule, size_t unit, size_t step, size_t steps)
{
    const double warm_up = round(schedule->warm_up * (double)unit);
    const double every = fmax(1.0, round(schedule->every * (double)unit));
    const double t = (double)step - warm_up, length = (double)steps - warm_up;
    if (t < 0.0)
        return ((double)step + 1.0) / warm_up;
    if (strcmp(schedule->type, "step") == 0)
        return pow(schedule->factor, floor(t / every));
    if (strcmp(schedule->type, "cosine") == 0)
        return schedule->least + (1.0 - schedule->least) * (1.0 + cos(acos(-1.0) * t / length)) / 2;
    return 1.0;
}
