/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/early.h"

#include <stdlib.h>
#include <string.h>

#include "invproj/mat.h"

inv_status inv_early_open(inv_early *early, const inv_stop_spec *spec, size_t size)
{
    void *best = NULL;
    inv_status status = INV_OK;
    early->spec = *spec;
    early->size = size;
    if (spec->patience > 0)
        status = inv_calloc(size, sizeof(float), "the best parameters", &best);
    early->best = best;
    return status;
}

void inv_early_close(inv_early *early)
{
    free(early->best);
}

void inv_early_note(inv_early *early, uint64_t step, double loss, double accuracy,
                    const float *params)
{
    const bool by_accuracy = strcmp(early->spec.by, "accuracy") == 0;
    const double value = by_accuracy ? accuracy : loss;
    const double gain = by_accuracy ? value - early->best_value : early->best_value - value;
    if (!early->best)
        return;
    if (early->best_step > 0 && !(gain > early->spec.least_gain)) {
        early->waited++;
        return;
    }
    early->best_value = value;
    early->best_step = step;
    early->waited = 0;
    memcpy(early->best, params, early->size * sizeof *params);
}

bool inv_early_over(const inv_early *early)
{
    return early->best && early->waited >= early->spec.patience;
}

void inv_early_swap(inv_early *early, float *params)
{
    if (!early->best || early->best_step == 0)
        return;
    for (size_t i = 0; i < early->size; i++) {
        const float kept = early->best[i];
        early->best[i] = params[i];
        params[i] = kept;
    }
    early->swapped = !early->swapped;
}

size_t inv_early_state(inv_early *early, inv_array state[INV_ARRAYS_MAX], size_t count)
{
    if (!early->best)
        return count;
    state[count++] = (inv_array){"best", INV_FLOAT32, early->best, early->size};
    state[count++] = (inv_array){"best_value", INV_FLOAT64, &early->best_value, 1};
    state[count++] = (inv_array){"best_step", INV_UINT64, &early->best_step, 1};
    state[count++] = (inv_array){"waited", INV_UINT64, &early->waited, 1};
    state[count++] = (inv_array){"swapped", INV_UINT64, &early->swapped, 1};
    return count;
}

bool inv_early_valid(const inv_early *early, uint64_t step)
{
    return !early->best || (early->best_step <= step && early->waited <= step &&
                            early->swapped <= 1 && inv_all_finite(early->best, early->size));
}
