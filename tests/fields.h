/* fields.h - every value that a struct must not hold, by its table of keys, tried on what takes it.
 *
 *     static inv_status make(const void *spec)
 *     {
 *         inv_optim *optim = NULL;
 *         return inv_optim_alloc(spec, 7, &optim);
 *     }
 *     ...
 *     fields_must_be_checked(inv_optim_fields("sgd"), &spec, sizeof spec, make);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_FIELDS_H
#define INVPROJ_TESTS_FIELDS_H

#include "invproj/config.h"

typedef inv_status fields_use(const void *spec);

/* Key by key, those of groups and lists too: what is below and above the range, not finite, not
 * among the choices, too long a text or list. `use` must refuse each with INV_EINVAL and name the
 * key; `good` is a struct that it takes. */
void fields_must_be_checked(const inv_field *fields, const void *good, size_t size,
                            fields_use *use);

#endif
