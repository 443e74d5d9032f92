/* descent.h - how a kind of inverse that is a plain net learns: batches of the values at a point,
 * the images that they were of, an optimiser, a schedule, early stopping.
 *
 * Its net starts with inv_parts_start and ends with inv_parts_end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_INVERSE_DESCENT_H
#define INVPROJ_SRC_INVERSE_DESCENT_H

#include "invproj/inverse.h"

/* The keys, of an inv_inverse_spec. */
#define INV_DESCENT_FIELDS                                                                         \
    {"steps",                                                                                      \
     INV_FIELD_SIZE,                                                                               \
     offsetof(inv_inverse_spec, steps),                                                            \
     1,                                                                                            \
     1e9,                                                                                          \
     .affects = INV_AFFECTS_LENGTH,                                                                \
     .help = "number of steps"},                                                                   \
        {"batch", INV_FIELD_SIZE,           offsetof(inv_inverse_spec, batch), 1,                  \
         1e6,     .help = "images per step"},                                                      \
        {"loss",                                                                                   \
         INV_FIELD_NAME,                                                                           \
         offsetof(inv_inverse_spec, loss),                                                         \
         .choices = inv_inverse_losses,                                                            \
         .topic = "losses",                                                                        \
         .help = "quantity that learning minimises"},                                              \
        INV_OPTIM_FIELD(offsetof(inv_inverse_spec, optimiser)),                                    \
        {"schedule",                                                                               \
         INV_FIELD_GROUP,                                                                          \
         offsetof(inv_inverse_spec, schedule),                                                     \
         .choices = inv_schedule_types,                                                            \
         .topic = "schedules",                                                                     \
         .group = inv_schedule_fields,                                                             \
         .help = "how the optimiser's rate changes"},                                              \
        {"validate",                                                                               \
         INV_FIELD_SIZE,                                                                           \
         offsetof(inv_inverse_spec, validate),                                                     \
         0,                                                                                        \
         1e9,                                                                                      \
         .help = "steps between measurements on the validation images; 0: once per pass over the " \
                 "training images"},                                                               \
    {                                                                                              \
        "patience", INV_FIELD_SIZE, offsetof(inv_inverse_spec, patience), 0, 1e9,                  \
            .help = "number of measurements without improvement after which learning stops, the "  \
                    "best kept; 0: never"                                                          \
    }

/* As inv_inverter_alloc. */
INV_MUST_CHECK inv_status inv_descent_alloc(const inv_inverse_spec *spec, const inv_net *net,
                                            size_t point, inv_net *inverse, const inv_dataset *data,
                                            uint64_t seed, inv_learner **out);

#endif
