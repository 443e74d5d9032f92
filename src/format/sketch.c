/* A net while it is described.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/sketch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_ROOM  (INV_NAME_MAX - 16) /* for a number and an ending */
#define VALUES_MAX ((size_t)1 << 24)   /* of one image, at any point */
/* Values read and made on the way to a net: so many, a second and 300 MB at most, and so many for each
 * that the file holds, which is what exporters' arithmetic of weights takes. */
#define WORK_MAX      ((size_t)1 << 25)
#define WORK_OF_VALUE ((size_t)8)

/* Where a block of parameters comes from. */
typedef struct origin {
    size_t layer; /* in the list */
    char block[INV_NAME_MAX];
    const inv_tree_array *array;
    inv_sketch_fill fill;
    const void *context;
} origin;

struct inv_sketch {
    char *file;
    inv_shape input;
    char where[INV_TEXT_MAX]; /* in the user's text; "": nowhere */
    json_t *layers, *called;  /* as the net has them; how the importer calls each */
    json_t *places;           /* of each layer's name, where it is in the list */
    origin *origins;
    size_t origin_count, origin_room;
    void **kept;
    size_t kept_count;
    size_t work_left;
};

static inv_status no_memory(const inv_sketch *s)
{
    return INV_ERROR(INV_ENOMEM, "%s: no memory for its network", s->file);
}

inv_status inv_sketch_alloc(const inv_tree *tree, inv_sketch **out)
{
    const char *file = inv_tree_name(tree);
    const size_t values = inv_tree_values(tree);
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof(inv_sketch), file, &memory);
    *out = memory;
    if (status != INV_OK)
        return status;
    (*out)->file = strdup(file);
    (*out)->layers = json_array();
    (*out)->called = json_array();
    (*out)->places = json_object();
    (*out)->work_left =
        values < SIZE_MAX / WORK_OF_VALUE - WORK_MAX ? WORK_MAX + WORK_OF_VALUE * values : SIZE_MAX;
    if ((*out)->file && (*out)->layers && (*out)->called && (*out)->places)
        return INV_OK;
    inv_sketch_free(*out);
    *out = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory for its network", file);
}

void inv_sketch_free(inv_sketch *sketch)
{
    if (!sketch)
        return;
    for (size_t i = 0; i < sketch->kept_count; i++)
        free(sketch->kept[i]);
    free(sketch->kept);
    free(sketch->origins);
    json_decref(sketch->layers);
    json_decref(sketch->called);
    json_decref(sketch->places);
    free(sketch->file);
    free(sketch);
}

inv_status inv_sketch_keep(inv_sketch *sketch, size_t count, size_t size, void **out)
{
    void **more = reallocarray(sketch->kept, sketch->kept_count + 1, sizeof *more);
    if (!more)
        return no_memory(sketch);
    sketch->kept = more;
    inv_status status = inv_calloc(count, size, sketch->file, out);
    if (status == INV_OK)
        sketch->kept[sketch->kept_count++] = *out;
    return status;
}

inv_status inv_sketch_spend(inv_sketch *sketch, size_t values)
{
    if (values > sketch->work_left)
        return INV_ERROR(INV_EFORMAT,
                         "%s: its constants and shared parameters take more work and memory than a "
                         "model of images needs",
                         sketch->file);
    sketch->work_left -= values;
    return INV_OK;
}

void inv_sketch_at(inv_sketch *sketch, const char *where)
{
    snprintf(sketch->where, sizeof sketch->where, "%s", where);
}

inv_place inv_sketch_input(inv_sketch *sketch, inv_shape shape)
{
    sketch->input = shape;
    return (inv_place){.shape = shape};
}

/* ---- names ---- */

static const char *name_of(const inv_sketch *s, size_t i)
{
    return json_string_value(json_object_get(json_array_get(s->layers, i), "name"));
}

/* As the user knows it. */
static const char *called(const inv_sketch *s, size_t i)
{
    const char *text = json_string_value(json_array_get(s->called, i));
    return text && *text ? text : name_of(s, i);
}

/* The layer of that name, or the number of all layers. */
static size_t find_layer(const inv_sketch *s, const char *name)
{
    const json_t *place = json_object_get(s->places, name);
    return place ? (size_t)json_integer_value(place) : json_array_size(s->layers);
}

static bool is_taken(const inv_sketch *s, const char *name)
{
    static const char *const taken[] = {"", "input", "history", "state", "output", "output.pre"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return true;
    return find_layer(s, name) < json_array_size(s->layers);
}

/* Of letters, digits, '_' and '-', and of no other layer. An ending's owner keeps its name. */
static void make_name(const inv_sketch *s, const char *wanted, const char *ending,
                      char name[INV_NAME_MAX])
{
    char stem[NAME_ROOM];
    snprintf(stem, sizeof stem, "%s", *wanted ? wanted : "layer");
    for (char *c = stem; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-')
            *c = '_';
    snprintf(name, INV_NAME_MAX, "%s%.7s", stem, ending);
    for (size_t n = 2; is_taken(s, name); n++)
        snprintf(name, INV_NAME_MAX, "%s_%zu%.7s", stem, n, ending);
}

/* ---- layers ---- */

/* The shape that a layer makes of another, as a net of it alone has it. */
static inv_status find_shape(const inv_sketch *s, const json_t *settings, inv_shape in,
                             inv_shape *out)
{
    json_t *list = json_pack("[O]", settings);
    char *text = list ? json_dumps(list, JSON_COMPACT) : NULL;
    inv_config *config = NULL;
    inv_net *net = NULL;
    inv_status status = INV_OK;
    if (!text)
        INV_RAISE(no_memory(s));
    INV_TRY(inv_config_read_json("settings", text, &config));
    INV_TRY(inv_net_build(config, "", in, 0, &net));
    *out = inv_net_shape(net, inv_net_depth(net));
done:
    inv_net_free(net);
    inv_config_free(config);
    free(text);
    json_decref(list);
    return status;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Where layers meet, values of size 1 count for all of an axis; concat puts them side by side. */
static inv_shape join_shape(const json_t *settings, const inv_place *from, size_t count)
{
    const char *type = json_string_value(json_object_get(settings, "type"));
    const char *axis = json_string_value(json_object_get(settings, "axis"));
    inv_shape shape = from[0].shape;
    for (size_t i = 1; i < count; i++) {
        const inv_shape s = from[i].shape;
        if (!type || strcmp(type, "concat") != 0)
            shape = (inv_shape){larger(shape.height, s.height), larger(shape.width, s.width),
                                larger(shape.channels, s.channels)};
        else if (axis && strcmp(axis, "height") == 0)
            shape.height += s.height;
        else if (axis && strcmp(axis, "width") == 0)
            shape.width += s.width;
        else
            shape.channels += s.channels;
    }
    return shape;
}

/* Says what comes before, unless that is the layer before. */
static bool say_inputs(const inv_sketch *s, json_t *settings, const inv_place *from, size_t count)
{
    const size_t last = json_array_size(s->layers);
    const char *before = last ? name_of(s, last - 1) : "";
    if (count == 1 && strcmp(from->name, before) == 0)
        return true;
    json_t *inputs = json_array();
    bool good = inputs;
    for (size_t i = 0; good && i < count; i++)
        good =
            json_array_append_new(inputs, json_string(*from[i].name ? from[i].name : "input")) == 0;
    return json_object_set_new(settings, "inputs", inputs) == 0 && good;
}

static const char *behind(const char *text, const char *start)
{
    const size_t length = strlen(start);
    return strncmp(text, start, length) == 0 ? text + length : text;
}

/* What the net's builder says of the settings, a list of one, said of the layer as the user knows it. */
static inv_status unfit(const inv_sketch *s, const char *name, const char *wanted,
                        inv_status status)
{
    char own[INV_NAME_MAX + 2];
    const char *why = behind(behind(inv_error_message(), "settings: "), "0.");
    if (status != INV_ECONFIG && status != INV_EINVAL)
        return status;
    snprintf(own, sizeof own, "%s: ", name);
    why = behind(behind(why, own), "0: ");
    wanted = *wanted ? wanted : name;
    return *s->where ? INV_ERROR(INV_EFORMAT, "%s: %s: %s", s->where, wanted, why)
                     : INV_ERROR(INV_EFORMAT, "%s: layer '%s': %s", s->file, wanted, why);
}

inv_status inv_sketch_add(inv_sketch *s, const char *wanted, const char *ending, json_t *settings,
                          const inv_place *from, size_t count, inv_place *out)
{
    inv_place place = {0};
    inv_status status = INV_OK;
    make_name(s, wanted, ending, place.name);
    if (!settings || json_object_set_new(settings, "name", json_string(place.name)) != 0)
        INV_RAISE(no_memory(s));
    if (json_array_size(s->layers) >= INV_LAYERS_MAX)
        INV_FAIL(INV_EFORMAT, "%s: more than %d layers", s->file, INV_LAYERS_MAX);
    if (count == 1)
        INV_TRY(unfit(s, place.name, wanted, find_shape(s, settings, from->shape, &place.shape)));
    else
        place.shape = join_shape(settings, from, count);
    if (inv_shape_size(place.shape) > VALUES_MAX)
        INV_FAIL(INV_EFORMAT, "%s: layer '%s' gives %zu values for an image; at most %zu are taken",
                 s->file, *wanted ? wanted : place.name, inv_shape_size(place.shape), VALUES_MAX);
    const json_int_t number = (json_int_t)json_array_size(s->layers);
    if (!say_inputs(s, settings, from, count) || json_array_append(s->layers, settings) != 0 ||
        json_array_append_new(s->called, json_string(wanted)) != 0 ||
        json_object_set_new(s->places, place.name, json_integer(number)) != 0)
        INV_RAISE(no_memory(s));
    *out = place;
done:
    json_decref(settings);
    return status;
}

/* ---- parameters ---- */

inv_status inv_sketch_block(inv_sketch *s, const inv_place *at, const char *block,
                            const inv_tree_array *array, inv_sketch_fill fill, const void *context)
{
    inv_status status = inv_sketch_spend(s, array ? array->count : 0);
    if (status != INV_OK)
        return status;
    if (s->origin_count == s->origin_room) {
        const size_t room = 2 * s->origin_room + 16;
        origin *more = reallocarray(s->origins, room, sizeof *more);
        if (!more)
            return no_memory(s);
        s->origins = more;
        s->origin_room = room;
    }
    origin *o = &s->origins[s->origin_count++];
    *o = (origin){find_layer(s, at->name), "", array, fill, context};
    snprintf(o->block, sizeof o->block, "%s", block);
    return INV_OK;
}

/* The running variance of a batch norm, whose root it takes. */
static inv_status check_variance(const inv_sketch *s, const origin *o, const float *values,
                                 size_t count)
{
    const json_t *settings = json_array_get(s->layers, o->layer);
    const char *type = json_string_value(json_object_get(settings, "type"));
    const double epsilon = json_number_value(json_object_get(settings, "epsilon"));
    if (!type || strcmp(type, "batch_norm") != 0 || strcmp(o->block, "variance") != 0)
        return INV_OK;
    for (size_t i = 0; i < count; i++)
        if (!((double)values[i] + epsilon > 0.0))
            return INV_ERROR(INV_EDATA,
                             "%s: %s: variance %zu is %g, of which with epsilon %g there is no "
                             "root; nothing can be made of such a network",
                             s->file, name_of(s, o->layer), i, (double)values[i], epsilon);
    return INV_OK;
}

static inv_status fill_block(const inv_sketch *s, const origin *o, inv_net *net, size_t *filled)
{
    const char *name = called(s, o->layer);
    const inv_block *block = inv_net_block(net, name_of(s, o->layer), o->block);
    if (!block)
        return INV_ERROR(INV_EFORMAT, "%s: layer '%s' has no %s", s->file, name, o->block);
    float *to = inv_net_params(net) + block->offset;
    if (!o->fill && o->array->count != block->size)
        return INV_ERROR(INV_EFORMAT, "%s: %s: %s has %zu values in the file; the layer needs %zu",
                         s->file, name, o->block, o->array->count, block->size);
    inv_status status =
        o->fill ? o->fill(o->context, o->array, to, block->size) : inv_tree_floats(o->array, to);
    if (status != INV_OK)
        return INV_ERROR(status, "%s: %s: %s: %s", s->file, name, o->block, inv_error_message());
    if (!inv_all_finite(to, block->size))
        return INV_ERROR(
            INV_EDATA,
            "%s: %s: %s holds numbers that are not finite; nothing can be made of such "
            "a network",
            s->file, name, o->block);
    *filled += block->size;
    return check_variance(s, o, to, block->size);
}

/* ---- the end ---- */

static bool is_used_once(const inv_sketch *s, size_t layer)
{
    const char *name = name_of(s, layer);
    size_t i = 0, uses = 0, k = 0;
    json_t *element, *input;
    json_array_foreach(s->layers, i, element)
    {
        json_t *inputs = json_object_get(element, "inputs");
        uses += !inputs && i == layer + 1;
        json_array_foreach(inputs, k, input) uses += strcmp(json_string_value(input), name) == 0;
    }
    return uses == 1;
}

static bool is_activation(const json_t *element)
{
    const char *type = json_string_value(json_object_get(element, "type"));
    for (const inv_choice *a = inv_activations; a->name; a++)
        if (type && strcmp(type, a->name) == 0)
            return json_object_size(element) == 2; /* with name and type alone */
    return false;
}

/* An activation at the end becomes that of the layer before, whose point is then the logits: the
 * last two are "output.pre" and "output", as in any net of this program. */
static bool name_output(inv_sketch *s, const inv_place *last)
{
    size_t at = find_layer(s, last->name);
    json_t *element = json_array_get(s->layers, at), *before = NULL;
    if (at > 0 && is_activation(element) && is_used_once(s, at - 1))
        before = json_array_get(s->layers, at - 1);
    if (before && !json_object_get(before, "activation") && !is_activation(before) &&
        !strchr(name_of(s, at - 1), '.')) {
        bool good = json_object_set(before, "activation", json_object_get(element, "type")) == 0 &&
                    json_array_remove(s->layers, at) == 0 && json_array_remove(s->called, at) == 0;
        if (!good)
            return false;
        element = before;
    }
    return json_object_set_new(element, "name", json_string("output")) == 0;
}

static inv_status fill_all(const inv_sketch *s, inv_net *net)
{
    size_t filled = 0;
    for (size_t i = 0; i < s->origin_count; i++) {
        inv_status status = fill_block(s, &s->origins[i], net, &filled);
        if (status != INV_OK)
            return status;
    }
    if (filled != inv_net_size(net))
        return INV_ERROR(INV_EFORMAT, "%s: %zu parameters are in the file; its network has %zu",
                         s->file, filled, inv_net_size(net));
    return INV_OK;
}

/* The net without its parameters' values. */
static inv_status build_bare(inv_sketch *s, const inv_place *last, inv_net **out)
{
    char *text = NULL;
    inv_config *config = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    if (!*last->name)
        INV_FAIL(INV_EFORMAT, "%s: a network of no layers", s->file);
    if (!name_output(s, last))
        INV_RAISE(no_memory(s));
    text = json_dumps(s->layers, JSON_COMPACT);
    if (!text)
        INV_RAISE(no_memory(s));
    INV_TRY(inv_config_read_json(s->file, text, &config));
    INV_TRY(inv_net_build(config, "", s->input, 0, out));
done:
    if (status == INV_ECONFIG || status == INV_EINVAL) {
        const char *message = inv_error_message();
        const bool is_named = behind(message, s->file) != message;
        status = is_named ? INV_EFORMAT : INV_ERROR(INV_EFORMAT, "%s: %s", s->file, message);
    }
    inv_config_free(config);
    free(text);
    return status;
}

inv_status inv_sketch_build(inv_sketch *s, const inv_place *last, inv_net **out)
{
    inv_net *net = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(build_bare(s, last, &net));
    INV_TRY(fill_all(s, net));
    *out = net;
    net = NULL;
done:
    inv_net_free(net);
    return status;
}

inv_status inv_sketch_fits(inv_sketch *s, const inv_place *last)
{
    inv_net *net = NULL;
    inv_status status = build_bare(s, last, &net);
    for (size_t i = 0; status == INV_OK && i < s->origin_count; i++) {
        const origin *o = &s->origins[i];
        const inv_block *block = inv_net_block(net, name_of(s, o->layer), o->block);
        if (!block || (o->array && o->array->count != block->size))
            status = INV_ERROR(INV_EFORMAT, "%s: %s: other than %zu values of %s", s->file,
                               called(s, o->layer), block ? block->size : 0, o->block);
    }
    inv_net_free(net);
    return status;
}
