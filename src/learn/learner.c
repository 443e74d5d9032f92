/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/learner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/mat.h"
#include "invproj/rng.h"

inv_status inv_learner_open(inv_learner *learner, const inv_learner_type *type, size_t steps,
                            const char *stream, uint64_t seed, size_t count, size_t batch,
                            const inv_optim_spec *optim, size_t size)
{
    void *gradient = NULL;
    inv_status status = INV_OK;
    learner->type = type;
    learner->steps = steps;
    INV_TRY(inv_rng_alloc(seed, stream, &learner->rng));
    INV_TRY(inv_batches_alloc(count, batch, learner->rng, &learner->batches));
    INV_TRY(inv_optim_alloc(optim, size, &learner->optim));
    INV_TRY(inv_calloc(size, sizeof(float), "gradient", &gradient));
    learner->gradient = gradient;
done:
    return status;
}

void inv_learner_free(inv_learner *learner)
{
    if (!learner)
        return;
    if (learner->type->close)
        learner->type->close(learner);
    inv_optim_free(learner->optim);
    inv_batches_free(learner->batches);
    inv_rng_free(learner->rng);
    free(learner->gradient);
    free(learner);
}

/* ---- stepping ---- */

/* g += weight_decay w, of kernels; and what the optimiser itself lets decay */
static void decay_block(const inv_optim *optim, double weight_decay, const inv_block *block,
                        float *all, float *params)
{
    float *gradient = all + block->offset, *w = params + block->offset;
    const float decay = (float)weight_decay;
    const bool kernel = strcmp(block->name, "kernel") == 0;
    for (size_t i = 0; kernel && decay > 0.0f && i < block->size; i++)
        gradient[i] += decay * w[i];
    if (kernel || inv_optim_decays_all(optim))
        inv_optim_decay(optim, w, block->size);
}

void inv_learner_move(inv_optim *optim, double weight_decay, float *gradient, inv_net *net)
{
    float *params = inv_net_params(net);
    for (size_t p = 0; p < inv_net_depth(net); p++) {
        const inv_layer *layer = inv_net_layer(net, p);
        for (size_t b = 0; b < layer->block_count; b++)
            if (!layer->blocks[b].frozen)
                decay_block(optim, weight_decay, &layer->blocks[b], gradient, params);
    }
    inv_optim_step(optim, params, gradient);
}

inv_status inv_learner_descend(inv_learner *learner, double loss, inv_net *net)
{
    const char *stage = learner->type->name;
    const size_t step = learner->step + 1;
    if (!isfinite(loss))
        return INV_ERROR(INV_ENUMERIC,
                         "%s: step %zu: the loss is no longer finite; lower %s.optimiser.rate",
                         stage, step, stage);
    inv_learner_move(learner->optim, learner->weight_decay, learner->gradient, net);
    learner->step = step;
    if (step == learner->steps && !inv_all_finite(inv_net_params(net), inv_net_size(net)))
        return INV_ERROR(INV_ENUMERIC,
                         "%s: step %zu: a parameter is no longer finite; lower %s.optimiser.rate",
                         stage, step, stage);
    return INV_OK;
}

inv_status inv_learner_step(inv_learner *learner, void *report)
{
    return learner->type->step(learner, report);
}

size_t inv_learner_count(const inv_learner *learner)
{
    return learner->step;
}

size_t inv_learner_steps(const inv_learner *learner)
{
    return learner->steps;
}

bool inv_learner_done(const inv_learner *learner)
{
    return learner->step >= learner->steps || (learner->type->over && learner->type->over(learner));
}

/* ---- reports ---- */

const inv_column *inv_learner_columns(const inv_learner *learner)
{
    return learner->type->columns;
}

bool inv_learner_validated(const inv_learner *learner, const void *report)
{
    const size_t offset = learner->type->validated;
    return offset != SIZE_MAX && *(const bool *)((const char *)report + offset);
}

/* ---- state ---- */

inv_status inv_learner_bad_state(const inv_learner *learner)
{
    return INV_ERROR(INV_EFORMAT, "%s: the saved state does not fit, so it cannot be continued",
                     learner->type->name);
}

inv_status inv_learner_restored(inv_learner *learner)
{
    const inv_batches *batches = learner->batches;
    bool good = batches->position <= batches->count && inv_rng_is_valid(learner->rng);
    for (size_t i = 0; good && i < batches->count; i++)
        good = batches->order[i] < batches->count;
    if (!good)
        return inv_learner_bad_state(learner);
    return learner->type->restored ? learner->type->restored(learner) : INV_OK;
}

size_t inv_learner_state(inv_learner *learner, inv_array state[INV_ARRAYS_MAX])
{
    size_t n = inv_optim_state(learner->optim, state);
    inv_batches *batches = learner->batches;
    state[n++] = (inv_array){"order", INV_UINT32, batches->order, batches->count};
    state[n++] = (inv_array){"position", INV_UINT64, &batches->position, 1};
    state[n++] = (inv_array){"generator", INV_UINT32, gsl_rng_state(learner->rng), INV_RNG_WORDS};
    state[n++] = (inv_array){"step", INV_UINT64, &learner->step, 1};
    return learner->type->state ? learner->type->state(learner, state, n) : n;
}
