/* Nets as Functional models of Keras 3 (keras_export.h). Images have channels last there as here, so that
 * parameters are written as they are. What no layer of Keras does becomes operators, where the file can
 * hold them, else is refused; local layers are windows laid out by a depthwise convolution of ones and
 * an EinsumDense. Averages at a border are written so that every backend gives the same.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/keras_writer.h"

static void enter(writer *w, size_t i)
{
    w->layer = inv_net_layer(w->e->net, i);
    w->number = i;
    w->name = w->e->names[i];
    w->steps = 0;
    w->has_next = false;
}

static size_t leave(writer *w, size_t i, inv_spot *out)
{
    (void)i, (void)out;
    return w->has_next ? 2 : 1;
}

/* ---- Keras's order ---- */

/* How far each node is from the end, at most: a node stands behind all that it takes. */
static void find_depths(const keras_model *m, size_t *depths)
{
    for (size_t i = m->count; i-- > 0;)
        for (size_t k = 0; k < m->nodes[i].from_count; k++) {
            size_t *depth = &depths[m->nodes[i].from[k]];
            if (*depth < depths[i] + 1)
                *depth = depths[i] + 1;
        }
}

/* When each is met on the way from the end, the first of what a node takes first. */
static bool find_turns(writer *w, size_t *turns)
{
    const keras_model *m = w->model;
    size_t room = 1, depth = 0, next = 1;
    for (size_t i = 0; i < m->count; i++)
        room += m->nodes[i].from_count;
    size_t *stack = inv_exporting_keep(w->e, room, sizeof *stack);
    if (!stack)
        return false;
    stack[depth++] = m->last;
    while (depth > 0) {
        const size_t at = stack[--depth];
        if (turns[at])
            continue;
        turns[at] = next++;
        for (size_t k = m->nodes[at].from_count; k-- > 0;)
            stack[depth++] = m->nodes[at].from[k];
    }
    return true;
}

static void sort(writer *w)
{
    keras_model *m = w->model;
    size_t *depths = inv_exporting_keep(w->e, m->count, sizeof *depths);
    size_t *turns = inv_exporting_keep(w->e, m->count, sizeof *turns);
    m->order = inv_exporting_keep(w->e, m->count, sizeof *m->order);
    if (!depths || !turns || !m->order || !find_turns(w, turns))
        return;
    find_depths(m, depths);
    for (size_t i = 0; i < m->count; i++) {
        size_t at = i;
        for (; at > 0; at--) {
            const size_t other = m->order[at - 1];
            if (depths[other] > depths[i] ||
                (depths[other] == depths[i] && turns[other] < turns[i]))
                break;
            m->order[at] = other;
        }
        m->order[at] = i;
    }
}

/* "MaxPooling2D" is max_pooling2d, "PReLU" p_re_lu, as Keras has it: a capital begins a word where a
 * small letter or digit stands before it, or behind it a small letter. */
static void snake(const char *class, char out[40])
{
    size_t n = 0;
    for (size_t i = 0; class[i] && n + 2 < 40; i++) {
        const bool is_capital = class[i] >= 'A' && class[i] <= 'Z';
        const bool after_small = i > 0 && !(class[i - 1] >= 'A' && class[i - 1] <= 'Z');
        const bool before_small = i > 0 && class[i + 1] >= 'a' && class[i + 1] <= 'z';
        if (is_capital && i > 0 && (after_small || before_small) &&
            !(class[i - 1] >= '0' && class[i - 1] <= '9'))
            out[n++] = '_';
        out[n++] = is_capital ? (char)(class[i] + ('a' - 'A')) : class[i];
    }
    out[n] = 0;
}

/* Layers of a class are numbered in their order. */
static void name_groups(keras_model *m)
{
    for (size_t i = 0; m->order && i < m->count; i++) {
        keras_node *node = &m->nodes[m->order[i]];
        char stem[40];
        size_t before = 0;
        for (size_t k = 0; k < i; k++)
            before += m->nodes[m->order[k]].is_layer &&
                      strcmp(m->nodes[m->order[k]].class, node->class) == 0;
        snake(node->class, stem);
        if (before > 0)
            snprintf(node->group, sizeof node->group, "%s_%zu", stem, before);
        else
            snprintf(node->group, sizeof node->group, "%s", stem);
    }
}

/* ---- the whole ---- */

static void write_net(writer *w)
{
    static const inv_writing how = {keras_rows, enter, leave};
    const size_t depth = inv_net_depth(w->e->net);
    const inv_shape in = inv_net_shape(w->e->net, 0), out = inv_net_shape(w->e->net, depth);
    json_t *shape = inv_exporting_is_row(in)
                        ? json_pack("[nI]", (json_int_t)in.channels)
                        : json_pack("[nIII]", (json_int_t)in.height, (json_int_t)in.width,
                                    (json_int_t)in.channels);
    w->layer = inv_net_layer(w->e->net, 0);
    w->name = "input";
    const inv_spot input = keras_node_after_all(
        w, "InputLayer", "input", json_pack("{so ss}", "batch_shape", shape, "dtype", "float32"),
        NULL, 0, in, !inv_exporting_is_row(in));
    inv_spot last = inv_exporting_layers(w->e, &how, w, input);
    if (w->e->status != INV_OK)
        return;
    if (inv_exporting_is_row(out))
        last = keras_node_row(w, last, out);
    w->model->last = last.node;
    sort(w);
    name_groups(w->model);
}

inv_status keras_model_make(const inv_export *what, bool with_operators, inv_exported *out,
                            keras_model *model)
{
    *model = (keras_model){0};
    writer w = {.model = model, .e = &model->e, .operators = with_operators};
    inv_status status = inv_exporting_open(what, "batch, height, width, channels", out, &model->e);
    if (status == INV_OK)
        write_net(&w);
    return model->e.status;
}

void keras_model_free(keras_model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        json_decref(model->nodes[i].config);
        json_decref(model->nodes[i].args);
    }
    free(model->nodes);
    inv_exporting_close(&model->e);
}

/* ---- as JSON ---- */

static json_t *tensor_of(const keras_node *node)
{
    json_t *shape = json_pack("[n]");
    for (size_t i = 0; i < node->rank; i++)
        json_array_append_new(shape, keras_json_whole(node->dims[i]));
    return json_pack("{ss s{so ss s[sii]}}", "class_name", "__keras_tensor__", "config", "shape",
                     shape, "dtype", node->is_bool ? "bool" : "float32", "keras_history",
                     node->name, 0, 0);
}

/* A layer takes one tensor, or, where it joins several, a list of them. */
static json_t *arguments_of(const keras_model *m, const keras_node *node)
{
    json_t *list = json_array(), *arg;
    size_t i;
    if (!node->args) {
        for (i = 0; i < node->from_count; i++)
            json_array_append_new(list, tensor_of(&m->nodes[node->from[i]]));
        return node->from_count > 1 ? json_pack("[o]", list) : list;
    }
    json_array_foreach(node->args, i, arg)
    {
        const json_t *at = json_object_get(arg, "node");
        if (at)
            json_array_append_new(list, tensor_of(&m->nodes[json_integer_value(at)]));
        else
            json_array_append(list, arg);
    }
    return list;
}

static json_t *entry_of(const keras_model *m, const keras_node *node, bool legacy)
{
    json_t *nodes = json_array(), *entry = json_object();
    if (node->from_count > 0)
        json_array_append_new(nodes,
                              json_pack("{so s{}}", "args", arguments_of(m, node), "kwargs"));
    if (!legacy)
        json_object_set_new(entry, "module", json_string(node->module));
    json_object_set_new(entry, "class_name", json_string(node->class));
    json_object_set(entry, "config", node->config);
    if (!legacy)
        json_object_set_new(entry, "registered_name",
                            node->is_layer ? json_null() : json_string(node->class));
    json_object_set_new(entry, "name", json_string(node->name));
    json_object_set_new(entry, "inbound_nodes", nodes);
    return entry;
}

json_t *keras_model_json(const keras_model *m, bool legacy)
{
    json_t *layers = json_array(), *model = json_object();
    for (size_t i = 0; i < m->count; i++)
        json_array_append_new(layers, entry_of(m, &m->nodes[m->order[i]], legacy));
    json_t *config = json_pack("{ss sb so s[sii] s[sii]}", "name", "net", "trainable", 1, "layers",
                               layers, "input_layers", m->nodes[0].name, 0, 0, "output_layers",
                               m->nodes[m->last].name, 0, 0);
    if (!legacy)
        json_object_set_new(model, "module", json_string("keras.src.models.functional"));
    json_object_set_new(model, "class_name", json_string("Functional"));
    json_object_set_new(model, "config", config);
    if (!legacy)
        json_object_set_new(model, "registered_name", json_string("Functional"));
    return model;
}
