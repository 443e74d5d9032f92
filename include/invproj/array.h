/* array.h - a named array somewhere in memory: how methods show what a checkpoint must hold.
 *
 * A method lists its state once, as arrays that point into it; to save is to write them all, to
 * resume is to fill them all.
 *
 *     inv_array state[INV_ARRAYS_MAX];
 *     size_t n = inv_learner_state(trainer, state);
 *     for (size_t i = 0; i < n; i++)
 *         fwrite(state[i].data, inv_type_size(state[i].type), state[i].count, file);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_ARRAY_H
#define INVPROJ_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#define INV_ARRAYS_MAX 16

typedef enum inv_type { INV_FLOAT32, INV_FLOAT64, INV_UINT8, INV_UINT32, INV_UINT64 } inv_type;

typedef struct inv_array {
    const char *name;
    inv_type type;
    void *data; /* belongs to the method that listed it */
    size_t count;
} inv_array;

static inline size_t inv_type_size(inv_type type)
{
    return type == INV_UINT8 ? 1 : type == INV_FLOAT32 || type == INV_UINT32 ? 4 : 8;
}

#endif
