/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/method.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/mat.h"
#include "invproj/rng.h"

inv_status inv_stepper_open(inv_stepper *stepper, const char *name, uint64_t seed, size_t count,
                            size_t batch, const inv_optim_spec *optim, size_t size)
{
    void *gradient = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_rng_alloc(seed, name, &stepper->rng));
    INV_TRY(inv_batches_alloc(count, batch, stepper->rng, &stepper->batches));
    INV_TRY(inv_optim_alloc(optim, size, &stepper->optim));
    INV_TRY(inv_calloc(size, sizeof(float), "gradient", &gradient));
    stepper->gradient = gradient;
fail:
    return status;
}

void inv_stepper_close(inv_stepper *stepper)
{
    inv_optim_free(stepper->optim);
    inv_batches_free(stepper->batches);
    inv_rng_free(stepper->rng);
    free(stepper->gradient);
}

/* g += weight_decay w, and what the optimiser itself lets decay */
static void decay_block(const inv_stepper *stepper, const inv_block *block, float *params)
{
    float *gradient = stepper->gradient + block->offset, *w = params + block->offset;
    const float decay = (float)stepper->weight_decay;
    for (size_t i = 0; decay > 0.0f && i < block->size; i++)
        gradient[i] += decay * w[i];
    inv_optim_decay(stepper->optim, w, block->size);
}

static void decay_layer(const inv_stepper *stepper, const inv_layer *layer, float *params)
{
    for (size_t b = 0; b < layer->block_count; b++) {
        const inv_block *block = &layer->blocks[b];
        if (!block->frozen && strcmp(block->name, "kernel") == 0)
            decay_block(stepper, block, params);
    }
}

inv_status inv_stepper_step(inv_stepper *stepper, const char *stage, double loss, inv_net *net,
                            size_t steps)
{
    const size_t step = stepper->step + 1;
    float *params = inv_net_params(net);
    if (!isfinite(loss))
        return INV_ERROR(INV_ENUMERIC,
                         "%s: step %zu: the loss is no longer finite; lower %s.optimiser.rate",
                         stage, step, stage);
    for (size_t p = 0; p < inv_net_depth(net); p++)
        decay_layer(stepper, inv_net_layer(net, p), params);
    inv_optim_step(stepper->optim, params, stepper->gradient);
    stepper->step = step;
    if (step == steps && !inv_all_finite(params, inv_net_size(net)))
        return INV_ERROR(INV_ENUMERIC,
                         "%s: step %zu: a parameter is no longer finite; lower %s.optimiser.rate",
                         stage, step, stage);
    return INV_OK;
}

inv_status inv_stepper_restored(const inv_stepper *stepper, const char *stage)
{
    const inv_batches *batches = stepper->batches;
    bool good = batches->position <= batches->count && inv_rng_is_valid(stepper->rng);
    for (size_t i = 0; good && i < batches->count; i++)
        good = batches->order[i] < batches->count;
    return good
               ? INV_OK
               : INV_ERROR(INV_EFORMAT, "%s: the state that was kept is none to go on from", stage);
}

size_t inv_stepper_state(inv_stepper *stepper, inv_array state[INV_ARRAYS_MAX])
{
    size_t n = inv_optim_state(stepper->optim, state);
    inv_batches *batches = stepper->batches;
    state[n++] = (inv_array){"order", INV_UINT32, batches->order, batches->count};
    state[n++] = (inv_array){"position", INV_UINT64, &batches->position, 1};
    state[n++] = (inv_array){"generator", INV_UINT8, gsl_rng_state(stepper->rng),
                             gsl_rng_size(stepper->rng)};
    state[n++] = (inv_array){"step", INV_UINT64, &stepper->step, 1};
    return n;
}
