/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/net.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "net/layers.h"

#define ONE(name, help) +1
#define TYPES           (INV_LAYERS(ONE, ONE))

struct inv_net {
    inv_shape input;
    size_t depth, size, capacity;
    inv_layer *layers;
    float *params;
    char *description;
};

struct inv_pass {
    size_t first, last, rows;
    gsl_matrix_float **values;        /* [last - first + 1]: at each point; [0] stays NULL */
    gsl_matrix_float *heads;          /* the same, only the rows in use; [0] is x itself */
    void **states;                    /* [last - first] */
    gsl_matrix_float *gradients[2];   /* gradients on the way down, by turns */
    const gsl_matrix_float **at_last; /* [last - first + 1]: NULL but for the last */
};

/* ---- building ---- */

/* The keys that every element has. */
typedef struct common_spec {
    char type[INV_NAME_MAX], name[INV_NAME_MAX], activation[INV_NAME_MAX];
    bool frozen;
} common_spec;

static const common_spec common_default = {.activation = "linear"};

const void *const inv_layer_common_default = &common_default;
const inv_field inv_layer_common_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(common_spec, name), .required = true,
     .help = "name of the layer, and of the point where it ends"},
    {"type", INV_FIELD_NAME, offsetof(common_spec, type), .required = true,
     .choices = inv_layer_types, .topic = "layers", .group = inv_layer_fields,
     .start = inv_layer_start, .help = "what the layer does"},
    {"activation", INV_FIELD_NAME, offsetof(common_spec, activation), .choices = inv_activations,
     .topic = "activations", .help = "function that the layer's values go through"},
    {"frozen", INV_FIELD_BOOL, offsetof(common_spec, frozen),
     .help = "whether training leaves its parameters as they are"},
    {0}};

static const inv_field activation_fields[] = {
    {"activation", INV_FIELD_NAME, offsetof(common_spec, activation), .help = "as given"}, {0}};
static const inv_field frozen_fields[] = {
    {"frozen", INV_FIELD_BOOL, offsetof(common_spec, frozen), .help = "as given"}, {0}};

static inv_status grow(inv_net *net)
{
    if (net->depth < net->capacity)
        return INV_OK;
    size_t capacity = net->capacity ? 2 * net->capacity : 8;
    inv_layer *layers = realloc(net->layers, capacity * sizeof *layers);
    if (!layers)
        return INV_ERROR(INV_ENOMEM, "network: no memory for %zu layers", capacity);
    net->layers = layers;
    net->capacity = capacity;
    return INV_OK;
}

static inv_status check_block(const inv_layer *layer, const inv_block *block)
{
    size_t room = SIZE_MAX / sizeof(float);
    for (size_t d = 0; d < block->rank; d++) {
        if (block->dims[d] == 0)
            return INV_ERROR(INV_ECONFIG, "%s: a layer of no units", layer->name);
        room /= block->dims[d];
    }
    return room ? INV_OK : INV_ERROR(INV_ENOMEM, "%s: too many parameters", layer->name);
}

/* Fixes the shape and places the blocks; layer->in, name, type and spec are set. */
static inv_status place_layer(inv_net *net, inv_layer *layer, size_t classes)
{
    layer->out = layer->in;
    inv_status status = layer->type->shape ? layer->type->shape(layer, classes) : INV_OK;
    for (size_t b = 0; status == INV_OK && b < layer->block_count; b++) {
        inv_block *block = &layer->blocks[b];
        status = check_block(layer, block);
        block->offset = net->size;
        if (status == INV_OK && block->size > SIZE_MAX / sizeof(float) - net->size)
            return INV_ERROR(INV_ENOMEM, "%s: too many parameters", layer->name);
        net->size += block->size;
    }
    return status;
}

static inv_status add_layer(inv_net *net, const char *name, const inv_layer_type *type, void *spec,
                            size_t classes)
{
    inv_status status = grow(net);
    if (status != INV_OK) {
        free(spec);
        return status;
    }
    inv_layer *layer = &net->layers[net->depth];
    memset(layer, 0, sizeof *layer);
    snprintf(layer->name, sizeof layer->name, "%s", name);
    layer->type = type;
    layer->spec = spec;
    layer->in = inv_net_shape(net, net->depth);
    net->depth++;
    return place_layer(net, layer, classes);
}

/* A layer that is none is said to be one, which a list of activations would not tell. */
static inv_status check_activation(const inv_config *config, const char *path)
{
    char full[INV_TEXT_MAX + INV_NAME_MAX];
    snprintf(full, sizeof full, "%s%sactivation", path, *path ? "." : "");
    const char *name = inv_config_text_at(config, full);
    if (!name || !inv_layer_type_find(name))
        return INV_OK;
    for (const inv_choice *a = inv_activations; a->name; a++)
        if (strcmp(a->name, name) == 0)
            return INV_OK;
    return inv_config_error(config, full, "'%s' is a layer, not an activation", name);
}

/* The names of other things in a run file are taken. A dot, as in "hidden1.squash", is for a layer
 * without parameters, whose owner's group in a run file stays the owner's; ".pre" is for
 * activations to give. The newest layer of the net is the one to be named. */
static inv_status check_name(const inv_config *config, const char *path, const inv_net *net,
                             const char *name)
{
    const bool has_params = net->layers[net->depth - 1].block_count > 0;
    static const char *const taken[] = {"", "input", "history", "state"};
    char owner[INV_NAME_MAX];
    inv_layer_owner(name, owner);
    const char *ending = name + strlen(owner);
    bool free_name = !*ending || (!has_params && strcmp(ending, ".pre") != 0);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        free_name = free_name && strcmp(owner, taken[i]) != 0;
    if (!free_name)
        return inv_config_error(config, path, "a layer cannot be named '%s'", name);
    if (strlen(owner) + sizeof ".squash" > INV_NAME_MAX) /* the longest ending there is */
        return inv_config_error(config, path, "the name '%s' is too long", name);
    for (size_t p = 1; p < net->depth; p++)
        if (strcmp(inv_net_point_name(net, p), name) == 0)
            return inv_config_error(config, path, "two layers are named '%s'", name);
    return INV_OK;
}

/* For an element whose type is missing or unknown: fails, and says why. The keys of all types may
 * stand beside it. */
static inv_status refuse_type(const inv_config *config, const char *path, common_spec *common)
{
    inv_field_set sets[1 + TYPES] = {{inv_layer_common_fields, common}};
    size_t count = 1;
    for (const inv_choice *type = inv_layer_types; type->name; type++)
        sets[count++].fields = inv_layer_fields(type->name);
    return inv_config_sets(config, path, sets, count);
}

/* The settings that a layer of that type has where nothing else is said; NULL where it has none. */
static inv_status alloc_spec(const inv_layer_type *type, void **spec)
{
    *spec = NULL;
    if (type->spec_size == 0)
        return INV_OK;
    inv_status status = inv_calloc(1, type->spec_size, type->name, spec);
    if (status == INV_OK)
        memcpy(*spec, type->spec_default, type->spec_size);
    return status;
}

static inv_status read_spec(const inv_config *config, const char *path, common_spec *common,
                            void **spec)
{
    const inv_field_set first = {inv_layer_common_fields, common};
    char type_path[INV_TEXT_MAX + 8];
    snprintf(type_path, sizeof type_path, "%s%stype", path, *path ? "." : "");
    const char *name = inv_config_text_at(config, type_path);
    const inv_layer_type *type = name ? inv_layer_type_find(name) : NULL;
    *spec = NULL;
    if (!type)
        return refuse_type(config, path, common);
    inv_status status = check_activation(config, path);
    if (status == INV_OK)
        status = alloc_spec(type, spec);
    if (status != INV_OK)
        return status;
    return inv_config_sets(config, path, (inv_field_set[]){first, {type->fields, *spec}}, 2);
}

/* Adds {name, type, activation, the type's keys} to the list that describes the net. */
static inv_status describe(json_t *list, const common_spec *common, const inv_layer_type *type,
                           const void *spec)
{
    json_t *object = json_pack("{ss ss}", "name", common->name, "type", common->type);
    inv_status status = json_array_append_new(list, object) ? INV_ENOMEM : INV_OK;
    if (status == INV_OK)
        status = inv_fields_write(type->fields, spec, object);
    if (status == INV_OK && strcmp(common->activation, "linear") != 0)
        status = inv_fields_write(activation_fields, common, object);
    if (status == INV_OK && common->frozen)
        status = inv_fields_write(frozen_fields, common, object);
    return status == INV_OK ? INV_OK : INV_ERROR(INV_ENOMEM, "network: no memory to describe it");
}

static void freeze(inv_layer *layer)
{
    for (size_t b = 0; b < layer->block_count; b++)
        layer->blocks[b].frozen = true;
}

static inv_status add_element(inv_net *net, const inv_config *config, const char *path,
                              size_t classes, json_t *list)
{
    common_spec common = common_default;
    void *spec = NULL;
    inv_status status = INV_OK;
    char pre[2 * INV_NAME_MAX];
    INV_TRY(read_spec(config, path, &common, &spec));
    const inv_layer_type *type = inv_layer_type_find(common.type);
    const bool active = strcmp(common.activation, "linear") != 0;
    snprintf(pre, sizeof pre, "%s.pre", common.name);
    void *given = spec;
    spec = NULL; /* the net owns it from here */
    INV_TRY(add_layer(net, active ? pre : common.name, type, given, classes));
    INV_TRY(check_name(config, path, net, common.name));
    INV_TRY(
        describe(list, &common, type, given)); /* after its shape is known: units are filled in */
    if (common.frozen)
        freeze(&net->layers[net->depth - 1]);
    if (active) {
        type = inv_layer_type_find(common.activation);
        INV_TRY(alloc_spec(type, &spec));
        given = spec;
        spec = NULL;
        INV_TRY(add_layer(net, common.name, type, given, classes));
    }
done:
    free(spec);
    return status;
}

static inv_status add_elements(inv_net *net, const inv_config *config, const char *path,
                               size_t classes, json_t *list)
{
    const size_t count = inv_config_length(config, path);
    if (count == 0 || count > INV_LAYERS_MAX)
        return inv_config_error(config, path, "must be a list of 1 to %d layers", INV_LAYERS_MAX);
    for (size_t i = 0; i < count; i++) {
        char element[INV_TEXT_MAX];
        snprintf(element, sizeof element, "%s%s%zu", path, *path ? "." : "", i);
        inv_status status = add_element(net, config, element, classes, list);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

/* A row has at least one value, and at most as many as BLAS can count. */
static inv_status check_input(inv_shape input)
{
    size_t room = INT_MAX;
    for (int d = 0; d < 3; d++) {
        const size_t n = (size_t[]){input.height, input.width, input.channels}[d];
        room = n ? room / n : 0;
    }
    return room ? INV_OK
                : INV_ERROR(INV_EINVAL, "network: rows of %zu x %zu x %zu", input.height,
                            input.width, input.channels);
}

inv_status inv_net_build(const inv_config *config, const char *path, inv_shape input,
                         size_t classes, inv_net **out)
{
    return inv_net_build_within(config, path, input, classes, SIZE_MAX, out);
}

inv_status inv_net_build_within(const inv_config *config, const char *path, inv_shape input,
                                size_t classes, size_t maximum, inv_net **out)
{
    void *memory = NULL, *params = NULL;
    inv_net *net = NULL;
    json_t *list = json_array();
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check_input(input));
    INV_TRY(inv_calloc(1, sizeof(inv_net), "network", &memory));
    net = memory;
    net->input = input;
    INV_TRY(add_elements(net, config, path, classes, list));
    if (net->size > maximum)
        INV_RAISE(inv_config_error(
            config, path, "%zu parameters, but there can be no more than %zu", net->size, maximum));
    INV_TRY(inv_calloc(net->size ? net->size : 1, sizeof(float), "network parameters", &params));
    net->params = params;
    net->description = json_dumps(list, JSON_COMPACT);
    if (!net->description)
        INV_FAIL(INV_ENOMEM, "network: no memory to describe it");
    *out = net;
    net = NULL;
done:
    json_decref(list);
    inv_net_free(net);
    return status;
}

void inv_net_free(inv_net *net)
{
    if (!net)
        return;
    for (size_t i = 0; i < net->depth; i++)
        free(net->layers[i].spec);
    free(net->layers);
    free(net->params);
    free(net->description);
    free(net);
}

void inv_net_init(inv_net *net, gsl_rng *rng)
{
    for (size_t i = 0; i < net->depth; i++)
        if (net->layers[i].type->init)
            net->layers[i].type->init(&net->layers[i], net->params, rng);
}

/* ---- looking ---- */

const char *inv_net_describe(const inv_net *net)
{
    return net->description;
}

size_t inv_net_depth(const inv_net *net)
{
    return net->depth;
}

const inv_layer *inv_net_layer(const inv_net *net, size_t i)
{
    return &net->layers[i];
}

float *inv_net_params(const inv_net *net)
{
    return net->params;
}

size_t inv_net_size(const inv_net *net)
{
    return net->size;
}

const inv_block *inv_net_block(const inv_net *net, const char *owner, const char *block)
{
    for (size_t i = 0; i < net->depth; i++) {
        char name[INV_NAME_MAX];
        const inv_layer *layer = &net->layers[i];
        inv_layer_owner(layer->name, name);
        for (size_t b = 0; strcmp(name, owner) == 0 && b < layer->block_count; b++)
            if (strcmp(layer->blocks[b].name, block) == 0)
                return &layer->blocks[b];
    }
    return NULL;
}

const char *inv_net_point_name(const inv_net *net, size_t point)
{
    return point ? net->layers[point - 1].name : "input";
}

inv_status inv_net_point(const inv_net *net, const char *name, size_t *point)
{
    char list[INV_MESSAGE_MAX / 2] = "";
    for (size_t p = 0; p <= net->depth; p++) {
        const char *known = inv_net_point_name(net, p);
        size_t used = strlen(list);
        *point = p;
        if (strcmp(known, name) == 0)
            return INV_OK;
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", known);
    }
    return INV_ERROR(INV_ECONFIG, "%s: the net has no such point; it has %s", name, list);
}

inv_shape inv_net_shape(const inv_net *net, size_t point)
{
    return point ? net->layers[point - 1].out : net->input;
}

size_t inv_net_units(const inv_net *net, size_t point)
{
    return inv_shape_size(inv_net_shape(net, point));
}

size_t inv_net_logits(const inv_net *net)
{
    bool softmax = strcmp(net->layers[net->depth - 1].type->name, "softmax") == 0;
    return softmax ? net->depth - 1 : net->depth;
}

/* ---- passes ---- */

static inv_status alloc_values(const inv_net *net, inv_pass *pass)
{
    for (size_t p = pass->first + 1; p <= pass->last; p++) {
        const inv_layer *layer = &net->layers[p - 1];
        const size_t i = p - pass->first;
        inv_status status =
            inv_mat_alloc(pass->rows, inv_net_units(net, p), layer->name, &pass->values[i]);
        if (status == INV_OK && layer->type->state_size)
            status = inv_calloc(1, layer->type->state_size(layer, pass->rows), layer->name,
                                &pass->states[i - 1]);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

static inv_status alloc_gradients(const inv_net *net, inv_pass *pass)
{
    size_t widest = 1;
    for (size_t p = pass->first + 1; p < pass->last; p++)
        if (inv_net_units(net, p) > widest)
            widest = inv_net_units(net, p);
    for (int i = 0; i < 2; i++) {
        inv_status status = inv_mat_alloc(pass->rows, widest, "gradients", &pass->gradients[i]);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

inv_status inv_pass_alloc(const inv_net *net, size_t first, size_t last, size_t rows,
                          inv_pass_kind kind, inv_pass **out)
{
    void *memory = NULL, *values = NULL, *heads = NULL, *states = NULL, *at_last = NULL;
    inv_pass *pass = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    if (first >= last || last > net->depth)
        return INV_ERROR(INV_EINVAL, "pass: from point %zu to %zu of a net of %zu", first, last,
                         net->depth);
    INV_TRY(inv_calloc(1, sizeof(inv_pass), "pass", &memory));
    pass = memory;
    pass->first = first;
    pass->last = last;
    pass->rows = rows;
    INV_TRY(inv_calloc(last - first + 1, sizeof(gsl_matrix_float *), "pass", &values));
    pass->values = values;
    INV_TRY(inv_calloc(last - first + 1, sizeof(gsl_matrix_float), "pass", &heads));
    pass->heads = heads;
    INV_TRY(inv_calloc(last - first, sizeof(void *), "pass", &states));
    pass->states = states;
    INV_TRY(inv_calloc(last - first + 1, sizeof(void *), "pass", &at_last));
    pass->at_last = at_last;
    INV_TRY(alloc_values(net, pass));
    if (kind == INV_PASS_BOTH)
        INV_TRY(alloc_gradients(net, pass));
    *out = pass;
    return INV_OK;
done:
    inv_pass_free(pass);
    return status;
}

void inv_pass_free(inv_pass *pass)
{
    if (!pass)
        return;
    for (size_t i = 1; pass->values && i <= pass->last - pass->first; i++)
        inv_mat_free(pass->values[i]);
    for (size_t i = 0; pass->states && i < pass->last - pass->first; i++)
        free(pass->states[i]);
    inv_mat_free(pass->gradients[0]);
    inv_mat_free(pass->gradients[1]);
    free(pass->values);
    free(pass->heads);
    free(pass->states);
    free(pass->at_last);
    free(pass);
}

const gsl_matrix_float *inv_net_forward_in(const inv_net *net, inv_pass *pass,
                                           const gsl_matrix_float *x, const inv_mode *mode)
{
    inv_mode own = *mode;
    pass->heads[0] = inv_mat_head(x, x->size1);
    for (size_t p = pass->first; p < pass->last; p++) {
        const inv_layer *layer = &net->layers[p];
        const size_t i = p - pass->first;
        pass->heads[i + 1] = inv_mat_head(pass->values[i + 1], x->size1);
        own.key = inv_rng_mix(mode->key, p);
        layer->type->forward(layer, net->params, pass->states[i], &own, &pass->heads[i],
                             &pass->heads[i + 1]);
    }
    return &pass->heads[pass->last - pass->first];
}

const gsl_matrix_float *inv_net_forward(const inv_net *net, inv_pass *pass,
                                        const gsl_matrix_float *x)
{
    return inv_net_forward_in(net, pass, x, &(inv_mode){0});
}

void inv_net_keep(inv_net *net, const inv_pass *pass)
{
    for (size_t p = pass->first; p < pass->last; p++) {
        const inv_layer *layer = &net->layers[p];
        if (layer->type->keep)
            layer->type->keep(layer, pass->states[p - pass->first], net->params);
    }
}

const gsl_matrix_float *inv_pass_at(const inv_pass *pass, size_t point)
{
    return &pass->heads[point - pass->first];
}

static bool learns(const inv_layer *layer)
{
    for (size_t b = 0; b < layer->block_count; b++)
        if (!layer->blocks[b].frozen)
            return true;
    return false;
}

/* The layer at `p` is the lowest that still has to be visited. */
static size_t lowest_needed(const inv_net *net, const inv_pass *pass, bool dx)
{
    size_t p = pass->first;
    while (!dx && p + 1 < pass->last && !learns(&net->layers[p]))
        p++; /* nothing to learn down here */
    return p;
}

/* to += what, [rows, to->size2] */
static void add_gradients(gsl_matrix_float *to, const gsl_matrix_float *what)
{
    for (size_t i = 0; i < to->size1; i++)
        for (size_t j = 0; j < to->size2; j++)
            to->data[i * to->tda + j] += what->data[i * what->tda + j];
}

void inv_net_backward_points(const inv_net *net, inv_pass *pass, const gsl_matrix_float *const *dy,
                             float *dparams, gsl_matrix_float *dx)
{
    const size_t rows = pass->heads[0].size1, lowest = lowest_needed(net, pass, dx != NULL);
    gsl_matrix_float above = *dy[pass->last - pass->first], below;
    for (size_t p = pass->last; p-- > lowest;) {
        const inv_layer *layer = &net->layers[p];
        const size_t i = p - pass->first;
        const float *data = pass->gradients[p % 2]->data;
        gsl_matrix_float *down = &below;
        below = inv_mat_over(data, rows, inv_net_units(net, p));
        if (p == lowest)
            down = dx;
        layer->type->backward(layer, net->params, pass->states[i], &pass->heads[i],
                              &pass->heads[i + 1], &above, learns(layer) ? dparams : NULL, down);
        if (dy[i] && (p > lowest || dx))
            add_gradients(down, dy[i]);
        above = below;
    }
}

void inv_net_backward(const inv_net *net, inv_pass *pass, const gsl_matrix_float *dy,
                      float *dparams, gsl_matrix_float *dx)
{
    pass->at_last[pass->last - pass->first] = dy;
    inv_net_backward_points(net, pass, pass->at_last, dparams, dx);
}

double inv_pass_penalty(const inv_net *net, const inv_pass *pass)
{
    double sum = 0.0;
    for (size_t p = pass->first; p < pass->last; p++) {
        const inv_layer *layer = &net->layers[p];
        if (layer->type->penalty)
            sum += layer->type->penalty(layer, pass->states[p - pass->first]);
    }
    return sum;
}
