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
    const gsl_matrix_float **joined;  /* what a layer that joins several inputs reads */
    struct branches *branches;        /* NULL for a chain, and for a pass that only goes forward */
};

/* What the way back through a graph needs: a gradient at each point, since several layers may read
 * it, and one to be added to that of a point that has one already. */
typedef struct branches {
    gsl_matrix_float **at; /* [last - first]: at each inner point; [0] stays NULL */
    gsl_matrix_float *more;
    bool *has;    /* [last - first]: whether the gradient of a point has been begun */
    bool *learns; /* [last - first]: whether anything below the point learns */
} branches;

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
    {"inputs", INV_FIELD_OTHER, .help = "points that it reads; without, the layer before"},
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

/* What a layer is made with: its settings and its inputs, which the net owns from then on. */
typedef struct parts {
    void *spec;
    inv_input *inputs;
    size_t input_count;
} parts;

static void free_parts(parts *p)
{
    free(p->spec);
    free(p->inputs);
    *p = (parts){0};
}

/* Takes what `given` holds, whatever comes of it. */
static inv_status add_layer(inv_net *net, const char *name, const inv_layer_type *type,
                            parts *given, size_t classes)
{
    inv_status status = grow(net);
    if (status != INV_OK) {
        free_parts(given);
        return status;
    }
    inv_layer *layer = &net->layers[net->depth];
    memset(layer, 0, sizeof *layer);
    snprintf(layer->name, sizeof layer->name, "%s", name);
    layer->type = type;
    layer->spec = given->spec;
    layer->inputs = given->inputs;
    layer->input_count = given->input_count;
    layer->in = layer->input_count ? layer->inputs[0].shape : (inv_shape){0};
    *given = (parts){0};
    net->depth++;
    return place_layer(net, layer, classes);
}

/* ---- what a layer reads ---- */

static inv_status alloc_inputs(const inv_net *net, size_t count, parts *p)
{
    void *memory = NULL;
    inv_status status = inv_calloc(count, sizeof(inv_input), "inputs", &memory);
    p->inputs = memory;
    p->input_count = count;
    if (status == INV_OK) /* the layer before, unless something else is said */
        p->inputs[0] = (inv_input){net->depth, inv_net_shape(net, net->depth)};
    return status;
}

static inv_status read_input(const inv_net *net, const inv_config *config, const char *path,
                             inv_input *input)
{
    const char *name = inv_config_text_at(config, path);
    if (!name)
        return inv_config_error(config, path, "must be the name of a layer, in quotes");
    for (size_t p = 0; p <= net->depth; p++)
        if (strcmp(inv_net_point_name(net, p), name) == 0) {
            *input = (inv_input){p, inv_net_shape(net, p)};
            return INV_OK;
        }
    return inv_config_error(config, path, "no layer before this one is named '%s'", name);
}

static inv_status read_inputs(const inv_net *net, const inv_config *config, const char *path,
                              const inv_layer_type *type, parts *p)
{
    char list[INV_TEXT_MAX + 8], element[INV_TEXT_MAX + 40];
    snprintf(list, sizeof list, "%s%sinputs", path, *path ? "." : "");
    const bool given = inv_config_has(config, list);
    const size_t count = given ? inv_config_length(config, list) : 1;
    if (count == 0 || count > INV_INPUTS_MAX)
        return inv_config_error(config, list, "must be a list of 1 to %d names", INV_INPUTS_MAX);
    if (count > 1 && !type->join)
        return inv_config_error(config, list, "%s reads one layer; add and concat read several",
                                type->name);
    inv_status status = alloc_inputs(net, count, p);
    for (size_t k = 0; given && status == INV_OK && k < count; k++) {
        snprintf(element, sizeof element, "%s.%zu", list, k);
        status = read_input(net, config, element, &p->inputs[k]);
    }
    return status;
}

static bool reads_the_one_before(const inv_net *net, size_t i)
{
    const inv_layer *layer = &net->layers[i];
    return layer->input_count == 1 && layer->inputs[0].point == i;
}

/* Each point but the last is read by some layer: what nothing reads is a mistake, or a second
 * output. */
static inv_status check_all_read(const inv_net *net, const inv_config *config, const char *path)
{
    for (size_t p = 0; p < net->depth; p++) {
        bool read = false;
        for (size_t i = p; !read && i < net->depth; i++)
            for (size_t k = 0; k < net->layers[i].input_count; k++)
                read = read || net->layers[i].inputs[k].point == p;
        if (!read)
            return inv_config_error(config, path, "no layer reads %s; a net has one output",
                                    inv_net_point_name(net, p));
    }
    return INV_OK;
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

/* Drops quiet keys that say what the type's defaults say. */
static inv_status drop_quiet(const inv_layer_type *type, json_t *object)
{
    json_t *usual = json_object();
    inv_status status = usual ? INV_OK : INV_ENOMEM;
    if (status == INV_OK)
        status = inv_fields_write(type->fields, type->spec_default, usual);
    for (const inv_field *f = type->fields; status == INV_OK && f && f->key; f++)
        if (f->quiet && json_equal(json_object_get(usual, f->key), json_object_get(object, f->key)))
            json_object_del(object, f->key);
    json_decref(usual);
    return status;
}

/* Adds the names of what the layer at `i` reads, where that is not the one before. */
static inv_status describe_inputs(const inv_net *net, size_t i, json_t *object)
{
    const inv_layer *layer = &net->layers[i];
    if (reads_the_one_before(net, i))
        return INV_OK;
    json_t *names = json_array();
    bool good = json_object_set_new(object, "inputs", names) == 0;
    for (size_t k = 0; good && k < layer->input_count; k++) {
        const char *name = inv_net_point_name(net, layer->inputs[k].point);
        good = json_array_append_new(names, json_string(name)) == 0;
    }
    return good ? INV_OK : INV_ENOMEM;
}

/* Adds {name, type, inputs, activation, the type's keys} to the list that describes the net; the
 * layer is its newest. */
static inv_status describe(json_t *list, const common_spec *common, const inv_net *net)
{
    const inv_layer *layer = &net->layers[net->depth - 1];
    const inv_layer_type *type = layer->type;
    json_t *object = json_pack("{ss ss}", "name", common->name, "type", common->type);
    inv_status status = json_array_append_new(list, object) ? INV_ENOMEM : INV_OK;
    if (status == INV_OK)
        status = describe_inputs(net, net->depth - 1, object);
    if (status == INV_OK)
        status = inv_fields_write(type->fields, layer->spec, object);
    if (status == INV_OK)
        status = drop_quiet(type, object);
    if (status == INV_OK && strcmp(common->activation, "linear") != 0)
        status = inv_fields_write(activation_fields, common, object);
    if (status == INV_OK && common->frozen)
        status = inv_fields_write(frozen_fields, common, object);
    return status == INV_OK ? INV_OK : INV_ERROR(INV_ENOMEM, "network: no memory to describe it");
}

static void freeze(inv_layer *layer)
{
    layer->frozen = true;
    for (size_t b = 0; b < layer->block_count; b++)
        layer->blocks[b].frozen = true;
}

static inv_status add_element(inv_net *net, const inv_config *config, const char *path,
                              size_t classes, json_t *list)
{
    common_spec common = common_default;
    parts p = {0};
    inv_status status = INV_OK;
    char pre[2 * INV_NAME_MAX];
    INV_TRY(read_spec(config, path, &common, &p.spec));
    const inv_layer_type *type = inv_layer_type_find(common.type);
    const bool active = strcmp(common.activation, "linear") != 0;
    snprintf(pre, sizeof pre, "%s.pre", common.name);
    INV_TRY(read_inputs(net, config, path, type, &p));
    INV_TRY(add_layer(net, active ? pre : common.name, type, &p, classes));
    INV_TRY(check_name(config, path, net, common.name));
    INV_TRY(describe(list, &common, net)); /* after its shape is known: units are filled in */
    if (common.frozen)
        freeze(&net->layers[net->depth - 1]);
    if (active) {
        type = inv_layer_type_find(common.activation);
        INV_TRY(alloc_spec(type, &p.spec));
        INV_TRY(alloc_inputs(net, 1, &p));
        INV_TRY(add_layer(net, common.name, type, &p, classes));
    }
done:
    free_parts(&p);
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
    INV_TRY(check_all_read(net, config, path));
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
    for (size_t i = 0; i < net->depth; i++) {
        free(net->layers[i].spec);
        free(net->layers[i].inputs);
    }
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
    if (!*name)
        return INV_ERROR(INV_ECONFIG, "point: none is named; the net has %s", list);
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

bool inv_net_is_chain(const inv_net *net, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        if (!reads_the_one_before(net, i))
            return false;
    return true;
}

bool inv_net_is_path(const inv_net *net, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        for (size_t k = 0; k < net->layers[i].input_count; k++)
            if (net->layers[i].inputs[k].point < first)
                return false;
    return true;
}

/* ---- passes ---- */

/* Names the points that a pass to `last` can start at. */
static inv_status check_path(const inv_net *net, size_t first, size_t last)
{
    char list[INV_MESSAGE_MAX / 2] = "";
    if (inv_net_is_path(net, first, last))
        return INV_OK;
    for (size_t p = 0; p < last; p++) {
        const size_t used = strlen(list);
        if (inv_net_is_path(net, p, last))
            snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                     inv_net_point_name(net, p));
    }
    return INV_ERROR(INV_ECONFIG, "%s: the net branches around this point; take one of %s",
                     inv_net_point_name(net, first), list);
}

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

static size_t widest_below(const inv_net *net, size_t first, size_t last)
{
    size_t widest = 1;
    for (size_t p = first; p < last; p++)
        if (inv_net_units(net, p) > widest)
            widest = inv_net_units(net, p);
    return widest;
}

static inv_status alloc_joined(const inv_net *net, inv_pass *pass)
{
    void *memory = NULL;
    size_t most = 1;
    for (size_t i = pass->first; i < pass->last; i++)
        if (net->layers[i].input_count > most)
            most = net->layers[i].input_count;
    inv_status status = inv_calloc(most, sizeof(void *), "pass", &memory);
    pass->joined = memory;
    return status;
}

static bool learns(const inv_layer *layer)
{
    for (size_t b = 0; b < layer->block_count; b++)
        if (!layer->blocks[b].frozen)
            return true;
    return false;
}

/* Whether something learns in the layer that ends at a point, or below it. */
static void find_what_learns(const inv_net *net, const inv_pass *pass, bool *below)
{
    for (size_t p = pass->first + 1; p < pass->last; p++) {
        const inv_layer *layer = &net->layers[p - 1];
        below[p - pass->first] = learns(layer);
        for (size_t k = 0; k < layer->input_count; k++)
            below[p - pass->first] |= below[layer->inputs[k].point - pass->first];
    }
}

static inv_status alloc_branches(const inv_net *net, inv_pass *pass)
{
    const size_t first = pass->first, n = pass->last - first;
    void *memory = NULL, *at = NULL, *has = NULL, *below = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(1, sizeof(branches), "pass", &memory));
    branches *b = pass->branches = memory;
    INV_TRY(inv_calloc(n, sizeof(gsl_matrix_float *), "pass", &at));
    b->at = at;
    INV_TRY(inv_calloc(n, sizeof(bool), "pass", &has));
    b->has = has;
    INV_TRY(inv_calloc(n, sizeof(bool), "pass", &below));
    b->learns = below;
    find_what_learns(net, pass, b->learns);
    for (size_t i = 1; i < n; i++)
        INV_TRY(inv_mat_alloc(pass->rows, inv_net_units(net, first + i), "gradients", &b->at[i]));
    INV_TRY(inv_mat_alloc(pass->rows, widest_below(net, first, pass->last), "gradients", &b->more));
done:
    return status;
}

static void free_branches(const inv_pass *pass)
{
    branches *b = pass->branches;
    if (!b)
        return;
    for (size_t i = 1; b->at && i < pass->last - pass->first; i++)
        inv_mat_free(b->at[i]);
    inv_mat_free(b->more);
    free(b->at);
    free(b->has);
    free(b->learns);
    free(b);
}

static inv_status alloc_gradients(const inv_net *net, inv_pass *pass)
{
    const size_t widest = widest_below(net, pass->first + 1, pass->last);
    if (!inv_net_is_chain(net, pass->first, pass->last))
        return alloc_branches(net, pass);
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
    INV_TRY(check_path(net, first, last));
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
    INV_TRY(alloc_joined(net, pass));
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
    free_branches(pass);
    inv_mat_free(pass->gradients[0]);
    inv_mat_free(pass->gradients[1]);
    free(pass->values);
    free(pass->heads);
    free(pass->states);
    free(pass->at_last);
    free(pass->joined);
    free(pass);
}

/* The values that a layer reads, the first of them; and all of them, of a layer that joins. */
static const gsl_matrix_float *input_of(const inv_pass *pass, const inv_layer *layer)
{
    return &pass->heads[layer->inputs[0].point - pass->first];
}

static const gsl_matrix_float *const *inputs_of(const inv_pass *pass, const inv_layer *layer)
{
    for (size_t k = 0; k < layer->input_count; k++)
        pass->joined[k] = &pass->heads[layer->inputs[k].point - pass->first];
    return pass->joined;
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
        if (layer->input_count > 1)
            layer->type->join(layer, inputs_of(pass, layer), &pass->heads[i + 1]);
        else
            layer->type->forward(layer, net->params, pass->states[i], &own, input_of(pass, layer),
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

/* ---- back through a graph ---- */

/* The gradient at point first + i: dx at the first. */
static gsl_matrix_float gradient_at(const inv_pass *pass, size_t i, const gsl_matrix_float *dx)
{
    return i || !dx ? inv_mat_head(pass->branches->at[i], pass->heads[0].size1) : *dx;
}

/* What a layer gives to one of its inputs: the first gradient of a point is written there, later
 * ones are added. */
static void give(const inv_net *net, inv_pass *pass, size_t p, size_t k,
                 const gsl_matrix_float *above, float *dparams, gsl_matrix_float *dx)
{
    branches *b = pass->branches;
    const inv_layer *layer = &net->layers[p];
    const size_t i = layer->inputs[k].point - pass->first, rows = above->size1;
    const gsl_matrix_float *y = &pass->heads[p + 1 - pass->first];
    const bool wanted = dx || b->learns[i];
    gsl_matrix_float to = {0},
                     more = inv_mat_over(b->more->data, rows, inv_net_units(net, pass->first + i));
    if (wanted)
        to = gradient_at(pass, i, dx);
    gsl_matrix_float *down = !wanted ? NULL : b->has[i] ? &more : &to;
    if (layer->input_count == 1)
        layer->type->backward(layer, net->params, pass->states[p - pass->first],
                              input_of(pass, layer), y, above, learns(layer) ? dparams : NULL,
                              down);
    else if (down)
        layer->type->part(layer, k, inputs_of(pass, layer), y, above, down);
    if (down == &more)
        add_gradients(&to, &more);
    b->has[i] = b->has[i] || wanted;
}

/* Adds the objective's own gradient at a point to what the layers above gave. */
static void add_own(const inv_pass *pass, size_t i, const gsl_matrix_float *dy,
                    gsl_matrix_float *dx)
{
    bool *has = &pass->branches->has[i];
    if (!dy)
        return;
    gsl_matrix_float to = gradient_at(pass, i, dx);
    if (*has)
        add_gradients(&to, dy);
    else
        gsl_matrix_float_memcpy(&to, dy);
    *has = true;
}

/* Points from the last down; one that no gradient has reached has no part in the objective. */
static void backward_graph(const inv_net *net, inv_pass *pass, const gsl_matrix_float *const *dy,
                           float *dparams, gsl_matrix_float *dx)
{
    const size_t n = pass->last - pass->first;
    memset(pass->branches->has, 0, n * sizeof(bool));
    for (size_t i = n; i > 0; i--) {
        const size_t p = pass->first + i - 1;
        if (i < n && (dx || pass->branches->learns[i]))
            add_own(pass, i, dy[i], dx);
        if (i < n && !pass->branches->has[i])
            continue;
        const gsl_matrix_float above = i < n ? gradient_at(pass, i, dx) : *dy[n];
        for (size_t k = 0; k < net->layers[p].input_count; k++)
            give(net, pass, p, k, &above, dparams, dx);
    }
    if (!dx)
        return;
    add_own(pass, 0, dy[0], dx);
    if (!pass->branches->has[0])
        gsl_matrix_float_set_zero(dx);
}

/* ---- back through a chain ---- */

void inv_net_backward_points(const inv_net *net, inv_pass *pass, const gsl_matrix_float *const *dy,
                             float *dparams, gsl_matrix_float *dx)
{
    if (pass->branches) {
        backward_graph(net, pass, dy, dparams, dx);
        return;
    }
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
