/* The nodes of a Keras model that is written (keras_writer.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/keras_writer.h"

json_t *keras_json_whole(size_t number)
{
    return json_integer((json_int_t)number);
}

json_t *keras_json_flag(bool value)
{
    return json_boolean(value);
}

json_t *keras_json_pair(size_t a, size_t b)
{
    return json_pack("[II]", (json_int_t)a, (json_int_t)b);
}

/* A float as the shortest number that is it. */
static json_t *single(float value)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (!(strtof(text, NULL) < value) && !(strtof(text, NULL) > value))
            break;
    }
    return json_real(strtod(text, NULL));
}

static void no_memory(writer *w)
{
    if (w->e->status == INV_OK)
        w->e->status = INV_ERROR(INV_ENOMEM, "%s: no memory to export it", w->e->what->file);
}

/* ---- nodes ---- */

static keras_node *new_node(writer *w)
{
    keras_model *m = w->model;
    if (w->e->status == INV_OK && m->count == m->room) {
        const size_t room = 2 * m->room + 32;
        keras_node *more = reallocarray(m->nodes, room, sizeof *more);
        if (more) {
            m->nodes = more;
            m->room = room;
        } else {
            no_memory(w);
        }
    }
    if (w->e->status != INV_OK)
        return NULL;
    m->nodes[m->count] = (keras_node){0};
    return &m->nodes[m->count++];
}

/* The name, or it with a number behind where it is taken. */
static const char *free_name(writer *w, const char *name)
{
    const char *out = name;
    for (size_t n = 2, i = 0; i < w->model->count; i++)
        if (w->model->nodes[i].name && strcmp(w->model->nodes[i].name, out) == 0) {
            out = TEXT("%s_%zu", name, n++);
            i = (size_t)-1;
            if (w->e->status != INV_OK)
                break;
        }
    return out;
}

void keras_node_shape(keras_node *node, inv_shape s, bool is_image)
{
    node->rank = is_image ? 3 : 1;
    node->dims[0] = is_image ? s.height : inv_shape_size(s);
    node->dims[1] = s.width;
    node->dims[2] = s.channels;
}

/* A layer of that class after `count` others; its config is taken over. What comes out is of shape
 * `out`. */
inv_spot keras_node_after_all(writer *w, const char *class, const char *name, json_t *config,
                              const inv_spot *from, size_t count, inv_shape out, bool is_image)
{
    size_t *list = inv_exporting_keep(w->e, count + 1, sizeof *list);
    const char *own = free_name(w, name);
    keras_node *node = new_node(w);
    if (!node || !list || !config) {
        no_memory(w);
        json_decref(config);
        return (inv_spot){0};
    }
    json_object_set_new(config, "name", json_string(own));
    *node = (keras_node){.module = "keras.layers",
                         .class = class,
                         .name = own,
                         .is_layer = true,
                         .config = config,
                         .from = list,
                         .from_count = count};
    for (size_t i = 0; i < count; i++)
        list[i] = from[i].node;
    keras_node_shape(node, out, is_image);
    return (inv_spot){.node = w->model->count - 1, .is_image = is_image};
}

/* The same after one. */
inv_spot keras_node_after(writer *w, const char *class, const char *name, json_t *config,
                          inv_spot from, inv_shape out, bool is_image)
{
    return keras_node_after_all(w, class, name, config, &from, 1, out, is_image);
}

keras_node *keras_node_of(writer *w, inv_spot s)
{
    return &w->model->nodes[s.node];
}

inv_term keras_node_term(writer *w, inv_spot s)
{
    return (inv_term){.text = w->e->status == INV_OK ? keras_node_of(w, s)->name : ""};
}

size_t keras_node_find(const writer *w, const char *name)
{
    size_t i = 0;
    while (i + 1 < w->model->count && strcmp(w->model->nodes[i].name, name) != 0)
        i++;
    return i;
}

/* An operator of numbers and of what comes out of other nodes. */
inv_term keras_node_operator(writer *w, const char *module, const char *class, json_t *config,
                             const inv_term *of, size_t count)
{
    size_t *list = inv_exporting_keep(w->e, count + 1, sizeof *list), used = 0, widest = SIZE_MAX;
    json_t *args = json_array();
    if (!w->operators)
        inv_exporting_refuse(w->e, w->layer,
                             "an .h5 file of Keras 3 has no layer for it; .keras has operators");
    for (size_t i = 0; list && i < count; i++) {
        if (!of[i].text) {
            json_array_append_new(args, json_real(of[i].number));
            continue;
        }
        const size_t at = keras_node_find(w, of[i].text);
        json_array_append_new(args, json_pack("{sI}", "node", (json_int_t)at));
        list[used++] = at;
        if (widest == SIZE_MAX || w->model->nodes[at].dims[0] > w->model->nodes[widest].dims[0])
            widest = at;
    }
    const char *name = TEXT("%s_%zu", w->name, ++w->steps);
    name = free_name(w, name);
    keras_node *node = new_node(w);
    if (!node || !list || !config || !args || widest == SIZE_MAX) {
        no_memory(w);
        json_decref(config);
        json_decref(args);
        return (inv_term){.text = ""};
    }
    const keras_node *like = &w->model->nodes[widest];
    json_object_set_new(config, "name", json_string(name));
    *node = (keras_node){.module = module,
                         .class = class,
                         .name = name,
                         .config = config,
                         .args = args,
                         .from = list,
                         .from_count = used,
                         .rank = like->rank,
                         .dims = {like->dims[0], like->dims[1], like->dims[2]}};
    return (inv_term){.text = name};
}

/* ---- weights ---- */

/* A block as a weight of the node, with the sizes that Keras has it in. */
void keras_node_weight(writer *w, inv_spot s, const char *name, const char *block, size_t rank,
                       const size_t *dims)
{
    const inv_block *b = inv_exporting_block(w->layer, block);
    if (!b || w->e->status != INV_OK)
        return;
    inv_param p = {.layer = w->layer,
                   .block = b,
                   .from = {1, 1, 1, b->size},
                   .axes = {0, 1, 2, 3},
                   .rank = rank};
    memcpy(p.dims, dims, rank * sizeof *dims);
    const float *values = inv_exporting_put(w->e, &p, NULL);
    keras_node *node = keras_node_of(w, s);
    if (!values)
        return;
    keras_stored *k = &node->weights[node->weight_count++];
    *k =
        (keras_stored){.name = name, .rank = rank, .values = values, .param = w->e->out->count - 1};
    memcpy(k->dims, dims, rank * sizeof *dims);
}

/* As the block has them. */
void keras_node_block(writer *w, inv_spot s, const char *name, const char *block)
{
    const inv_block *b = inv_exporting_block(w->layer, block);
    if (b)
        keras_node_weight(w, s, name, block, b->rank, b->dims);
}

/* One long axis. */
void keras_node_vector(writer *w, inv_spot s, const char *name, const char *block)
{
    const inv_block *b = inv_exporting_block(w->layer, block);
    if (b)
        keras_node_weight(w, s, name, block, 1, &b->size);
}

void keras_node_constant(writer *w, inv_spot s, const char *name, size_t rank, const size_t *dims,
                         const float *values)
{
    if (w->e->status != INV_OK || !values)
        return;
    keras_node *node = keras_node_of(w, s);
    keras_stored *k = &node->weights[node->weight_count++];
    *k = (keras_stored){.name = name, .rank = rank, .values = values, .param = SIZE_MAX};
    memcpy(k->dims, dims, rank * sizeof *dims);
}

/* A block that the file has in a layer's JSON alone: as it is in the metadata too. */
const float *keras_node_told(writer *w, const char *block)
{
    const inv_block *b = inv_exporting_block(w->layer, block);
    if (!b)
        return NULL;
    const inv_param p = {.layer = w->layer,
                         .block = b,
                         .from = {1, 1, 1, b->size},
                         .axes = {0, 1, 2, 3},
                         .rank = 1,
                         .dims = {b->size},
                         .is_told = true};
    return inv_exporting_put(w->e, &p, NULL);
}

/* Numbers as lists in lists of those sizes. */
json_t *keras_json_list(const float *values, size_t rank, const size_t *dims)
{
    size_t step = 1;
    json_t *list = json_array();
    for (size_t i = 1; i < rank; i++)
        step *= dims[i];
    for (size_t i = 0; values && i < dims[0]; i++)
        json_array_append_new(list, rank > 1
                                        ? keras_json_list(values + i * step, rank - 1, dims + 1)
                                        : single(values[i]));
    return list;
}

/* ---- from images to rows and back ---- */

inv_spot keras_node_row(writer *w, inv_spot s, inv_shape shape)
{
    if (!s.is_image)
        return s;
    return keras_node_after(w, "Flatten", TEXT("%s_flat", w->name), json_object(), s, shape, false);
}

inv_spot keras_node_reshape(writer *w, const char *name, inv_spot s, inv_shape out, bool is_image)
{
    json_t *target = is_image ? json_pack("[III]", (json_int_t)out.height, (json_int_t)out.width,
                                          (json_int_t)out.channels)
                              : json_pack("[I]", (json_int_t)inv_shape_size(out));
    return keras_node_after(w, "Reshape", name, json_pack("{so}", "target_shape", target), s, out,
                            is_image);
}

inv_spot keras_node_image(writer *w, inv_spot s, inv_shape shape)
{
    return s.is_image ? s : keras_node_reshape(w, TEXT("%s_image", w->name), s, shape, true);
}
