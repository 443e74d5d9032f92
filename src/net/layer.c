/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/layer.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "net/layers.h"

#define POINTER_TO(name, help) &inv_layer_##name,
#define CHOICE(name, help)     {#name, help},
#define NOTHING(name, help)

static const inv_layer_type *const types[] = {INV_LAYERS(POINTER_TO, POINTER_TO)};

const inv_choice inv_layer_types[] = {INV_LAYERS(CHOICE, CHOICE){0}};
const inv_choice inv_activations[] = {INV_LAYERS(NOTHING, CHOICE){0}};

const inv_layer_type *inv_layer_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

const inv_field *inv_layer_fields(const char *type)
{
    const inv_layer_type *found = inv_layer_type_find(type);
    return found ? found->fields : NULL;
}

void inv_layer_start(const char *type, void *spec)
{
    const inv_layer_type *found = inv_layer_type_find(type);
    if (found && found->spec_size > 0)
        memcpy(spec, found->spec_default, found->spec_size);
}

void inv_layer_owner(const char *name, char owner[INV_NAME_MAX])
{
    snprintf(owner, INV_NAME_MAX, "%.*s", (int)strcspn(name, "."), name);
}

void inv_block_fill(const inv_block *block, const inv_init *init, float *params, gsl_rng *rng)
{
    const size_t last = block->rank - 1;
    inv_fans fans = {block->dims[last ? last - 1 : 0], block->dims[last]};
    for (size_t d = 0; d + 2 < block->rank; d++) {
        fans.in *= block->dims[d];
        fans.out *= block->dims[d];
    }
    inv_init_fill(init, fans, params + block->offset, block->size, rng);
}

void inv_elementwise_forward(const inv_layer *layer, const float *params, void *state,
                             const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)params, (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        layer->type->map(layer, x->size2, x->data + i * x->tda, y->data + i * y->tda);
}

void inv_elementwise_backward(const inv_layer *layer, const float *params, void *state,
                              const gsl_matrix_float *x, const gsl_matrix_float *y,
                              const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        layer->type->gradient(layer, x->size2, x->data + i * x->tda, y->data + i * y->tda,
                              dy->data + i * dy->tda, dx->data + i * dx->tda);
}

void inv_join_forward(const inv_layer *layer, const float *params, void *state,
                      const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)params, (void)state, (void)mode;
    layer->type->join(layer, &x, y);
}

void inv_join_backward(const inv_layer *layer, const float *params, void *state,
                       const gsl_matrix_float *x, const gsl_matrix_float *y,
                       const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)dparams;
    if (dx)
        layer->type->part(layer, 0, &x, y, dy, dx);
}

inv_status inv_layer_gives(inv_layer *layer, inv_shape out)
{
    size_t room = INT_MAX;
    for (int d = 0; d < 3; d++) {
        const size_t n = (size_t[]){out.height, out.width, out.channels}[d];
        room = n ? room / n : 0;
    }
    if (room == 0)
        return INV_ERROR(INV_ECONFIG, "%s: rows of %zu x %zu x %zu values", layer->name, out.height,
                         out.width, out.channels);
    layer->out = out;
    return INV_OK;
}

void inv_identity_map(const inv_layer *layer, size_t n, const float *x, float *y)
{
    (void)layer;
    memcpy(y, x, n * sizeof *y);
}

void inv_identity_gradient(const inv_layer *layer, size_t n, const float *x, const float *y,
                           const float *dy, float *dx)
{
    (void)layer, (void)x, (void)y;
    memcpy(dx, dy, n * sizeof *dx);
}

/* ---- what is taken together ---- */

static const inv_choice overs[] = {
    {"row", "all values of an image"}, {"channels", "the channels of each pixel"}, {0}};

const inv_over_spec inv_over_defaults = {"row"};
const inv_field inv_over_fields[] = {{"over", INV_FIELD_NAME, offsetof(inv_over_spec, over),
                                      .choices = overs, .quiet = true,
                                      .help = "which values add up to 1"},
                                     {0}};

size_t inv_over(const inv_layer *layer, size_t n)
{
    const inv_over_spec *spec = layer->spec;
    return strcmp(spec->over, "channels") == 0 ? layer->in.channels : n;
}

void inv_over_forward(const inv_layer *layer, void (*map)(const float *x, float *y, size_t n),
                      const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const size_t n = inv_over(layer, x->size2);
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j += n)
            map(x->data + i * x->tda + j, y->data + i * y->tda + j, n);
}

void inv_over_backward(const inv_layer *layer,
                       void (*map)(const float *y, const float *dy, float *dx, size_t n),
                       const gsl_matrix_float *y, const gsl_matrix_float *dy, gsl_matrix_float *dx)
{
    const size_t n = inv_over(layer, y->size2);
    for (size_t i = 0; dx && i < y->size1; i++)
        for (size_t j = 0; j < y->size2; j += n)
            map(y->data + i * y->tda + j, dy->data + i * dy->tda + j, dx->data + i * dx->tda + j,
                n);
}

/* ---- inverses ---- */

inv_status inv_mirror_add(json_t *layers, const inv_layer *layer, const char *ending, json_t *step)
{
    char owner[INV_NAME_MAX], name[2 * INV_NAME_MAX];
    inv_layer_owner(layer->name, owner);
    snprintf(name, sizeof name, "%s%s", owner, ending);
    const bool good = step && json_object_set_new(step, "name", json_string(name)) == 0 &&
                      json_array_append(layers, step) == 0;
    json_decref(step);
    return good ? INV_OK
                : INV_ERROR(INV_ENOMEM, "%s: no memory to describe its inverse", layer->name);
}

inv_status inv_mirror_squash(json_t *layers, const inv_layer *layer, const inv_mirror *how,
                             double low, double high)
{
    return inv_mirror_add(layers, layer, ".squash",
                          json_pack("{ss sf sf sf sf}", "type", "squash", "low", low, "high", high,
                                    "width", how->squash, "range_penalty", how->range_penalty));
}

inv_status inv_mirror_nothing(const inv_layer *layer, const inv_mirror *how, bool last,
                              json_t *layers)
{
    (void)layer, (void)how, (void)last, (void)layers;
    return INV_OK;
}
