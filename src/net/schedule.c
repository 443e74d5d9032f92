/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/schedule.h"

#include <math.h>
#include <string.h>

const inv_schedule inv_schedule_defaults = {
    .type = "constant", .warm_up = 0.0, .every = 10.0, .factor = 0.1, .minimum = 0.0};

/* X(name, whether it needs the run's length, what it does): NAME_fields and NAME_factor are below.
 */
#define TYPES(X)                                                                                   \
    X(constant, false, "the rate stays the same")                                                  \
    X(cosine, true, "the rate falls along a cosine until the end (Loshchilov and Hutter 2017)")    \
    X(step, false, "the rate is multiplied by a factor at regular intervals")

#define CHOICE(name, needs_length, help) {#name, help},
const inv_choice inv_schedule_types[] = {TYPES(CHOICE){0}};

#define COMMON_FIELDS                                                                              \
    {"type", INV_FIELD_NAME, offsetof(inv_schedule, type),                                         \
     .help = "how the optimiser's rate changes", .choices = inv_schedule_types},                   \
    {                                                                                              \
        "warm_up", INV_FIELD_REAL, offsetof(inv_schedule, warm_up), 0.0, 1e9,                      \
            .help = "steps in which the rate rises from 0 at the start; epochs where training is " \
                    "in epochs"                                                                    \
    }

static const inv_field constant_fields[] = {COMMON_FIELDS, {0}};
static const inv_field step_fields[] = {
    COMMON_FIELDS,
    {"every", INV_FIELD_REAL, offsetof(inv_schedule, every), 1e-9, 1e9,
     .help = "steps between two decreases of the rate (epochs, where training counts epochs)"},
    {"factor", INV_FIELD_REAL, offsetof(inv_schedule, factor), 0.0, 1.0,
     .help = "factor by which the rate is multiplied at each decrease"},
    {0}};
static const inv_field cosine_fields[] = {COMMON_FIELDS,
                                          {"least", INV_FIELD_REAL, offsetof(inv_schedule, minimum),
                                           0.0, 1.0,
                                           .help = "fraction of the rate that remains at the end"},
                                          {0}};

/* What the rate is multiplied by after t of `length` steps, both counted from the end of the
 * warm-up. */
typedef double factor_at(const inv_schedule *schedule, size_t unit, double t, double length);

static double constant_factor(const inv_schedule *schedule, size_t unit, double t, double length)
{
    (void)schedule, (void)unit, (void)t, (void)length;
    return 1.0;
}

static double step_factor(const inv_schedule *schedule, size_t unit, double t, double length)
{
    const double every = fmax(1.0, round(schedule->every * (double)unit));
    (void)length;
    return pow(schedule->factor, floor(t / every));
}

static double cosine_factor(const inv_schedule *schedule, size_t unit, double t, double length)
{
    (void)unit;
    return schedule->minimum + (1.0 - schedule->minimum) * (1.0 + cos(acos(-1.0) * t / length)) / 2;
}

static const struct type {
    const char *name;
    bool needs_length;
    const inv_field *fields;
    factor_at *factor;
} types[] = {
#define ENTRY(name, needs_length, help) {#name, needs_length, name##_fields, name##_factor},
    TYPES(ENTRY)
#undef ENTRY
};

/* The first, constant, for a name that is none. */
static const struct type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return types;
}

const inv_field *inv_schedule_fields(const char *type)
{
    return find_type(type)->fields;
}

bool inv_schedule_needs_length(const char *type)
{
    return find_type(type)->needs_length;
}

double inv_schedule_factor(const inv_schedule *schedule, size_t unit, size_t step, size_t steps)
{
    const double warm_up = round(schedule->warm_up * (double)unit);
    const double t = (double)step - warm_up, length = (double)steps - warm_up;
    if (t < 0.0)
        return ((double)step + 1.0) / warm_up;
    return find_type(schedule->type)->factor(schedule, unit, t, length);
}
