/* The nodes and tensors of an ONNX graph that is written (onnx_writer.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "format/onnx_writer.h"

/* ---- pieces of a message ---- */

bool onnx_good(const writer *w)
{
    return w->e.status == INV_OK;
}

/* Room for one more pointer in a list. */
static bool grow(writer *w, void ***list, size_t count, size_t *room)
{
    if (count < *room)
        return true;
    const size_t more = 2 * *room + 64;
    void **new = inv_exporting_keep(&w->e, more, sizeof *new);
    if (!new)
        return false;
    if (count > 0)
        memcpy(new, *list, count * sizeof *new);
    *list = new;
    *room = more;
    return true;
}

/* "hidden1/3" */
const char *onnx_own_name(writer *w)
{
    return inv_exporting_text(&w->e, "%s/%zu", w->stem, ++w->steps);
}

OnnxFile__Node *onnx_node(writer *w, const char *op, const char *const *in, size_t count)
{
    OnnxFile__Node *node = inv_exporting_keep(&w->e, 1, sizeof *node);
    char **names = inv_exporting_keep(&w->e, count + 1, sizeof *names);
    void **list = (void **)w->graph.node;
    if (!node || !names || !grow(w, &list, w->graph.n_node, &w->node_room))
        return NULL;
    onnx_file__node__init(node);
    w->graph.node = (OnnxFile__Node **)list;
    w->graph.node[w->graph.n_node++] = node;
    memcpy(names, in, count * sizeof *names);
    names[count] = (char *)onnx_own_name(w);
    node->input = names;
    node->n_input = count;
    node->output = names + count;
    node->n_output = 1;
    node->name = names[count];
    node->op_type = (char *)op;
    return node;
}

const char *onnx_output(const OnnxFile__Node *node)
{
    return node ? node->output[0] : "";
}

static OnnxFile__Attribute *add_attribute(writer *w, OnnxFile__Node *node, const char *name,
                                          int type)
{
    OnnxFile__Attribute *a = inv_exporting_keep(&w->e, 1, sizeof *a);
    OnnxFile__Attribute **list =
        inv_exporting_keep(&w->e, node ? node->n_attribute + 1 : 1, sizeof *list);
    if (!a || !list || !node)
        return NULL;
    if (node->n_attribute > 0)
        memcpy(list, node->attribute, node->n_attribute * sizeof *list);
    onnx_file__attribute__init(a);
    a->name = (char *)name;
    a->type = type;
    a->has_type = 1;
    list[node->n_attribute++] = a;
    node->attribute = list;
    return a;
}

enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_STRING = 3, TYPE_INTS = 7 };

void onnx_set_real(writer *w, OnnxFile__Node *node, const char *name, double value)
{
    OnnxFile__Attribute *a = add_attribute(w, node, name, TYPE_FLOAT);
    if (!a)
        return;
    a->f = (float)value;
    a->has_f = 1;
}

void onnx_set_whole(writer *w, OnnxFile__Node *node, const char *name, int64_t value)
{
    OnnxFile__Attribute *a = add_attribute(w, node, name, TYPE_INT);
    if (!a)
        return;
    a->i = value;
    a->has_i = 1;
}

void onnx_set_text(writer *w, OnnxFile__Node *node, const char *name, const char *text)
{
    OnnxFile__Attribute *a = add_attribute(w, node, name, TYPE_STRING);
    if (!a)
        return;
    a->s = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    a->has_s = 1;
}

void onnx_set_list(writer *w, OnnxFile__Node *node, const char *name, const size_t *values,
                   size_t count)
{
    OnnxFile__Attribute *a = add_attribute(w, node, name, TYPE_INTS);
    int64_t *list = inv_exporting_keep(&w->e, count, sizeof *list);
    if (!a || !list)
        return;
    for (size_t i = 0; i < count; i++)
        list[i] = (int64_t)values[i];
    a->ints = list;
    a->n_ints = count;
}

/* ---- tensors ---- */

OnnxFile__Tensor *onnx_tensor(writer *w, const char *name, int type, const size_t *dims,
                              size_t rank, const void *values, size_t bytes)
{
    OnnxFile__Tensor *t = inv_exporting_keep(&w->e, 1, sizeof *t);
    int64_t *sizes = inv_exporting_keep(&w->e, rank, sizeof *sizes);
    void **list = (void **)w->graph.initializer;
    if (!t || !sizes || !grow(w, &list, w->graph.n_initializer, &w->tensor_room))
        return NULL;
    w->graph.initializer = (OnnxFile__Tensor **)list;
    w->graph.initializer[w->graph.n_initializer++] = t;
    onnx_file__tensor__init(t);
    for (size_t i = 0; i < rank; i++)
        sizes[i] = (int64_t)dims[i];
    t->name = (char *)name;
    t->dims = sizes;
    t->n_dims = rank;
    t->data_type = type;
    t->has_data_type = 1;
    t->raw_data = (ProtobufCBinaryData){bytes, (uint8_t *)values};
    t->has_raw_data = 1;
    return t;
}

/* A constant of this layer's own: as many numbers as the sizes say, all of them `value`. */
const char *onnx_say_constant(writer *w, const size_t *dims, size_t rank, double value)
{
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= dims[i];
    float *values = inv_exporting_keep(&w->e, count, sizeof *values);
    const char *name = onnx_own_name(w);
    for (size_t i = 0; values && i < count; i++)
        values[i] = (float)value;
    (void)onnx_tensor(w, name, ONNX_FLOAT, dims, rank, values, count * sizeof *values);
    return name;
}

const char *onnx_say_number(writer *w, double value)
{
    return onnx_say_constant(w, NULL, 0, value);
}

const char *onnx_say_numbers(writer *w, const double *list, size_t count)
{
    float *values = inv_exporting_keep(&w->e, count, sizeof *values);
    const char *name = onnx_own_name(w);
    for (size_t i = 0; values && i < count; i++)
        values[i] = (float)list[i];
    (void)onnx_tensor(w, name, ONNX_FLOAT, &count, 1, values, count * sizeof *values);
    return name;
}

const char *onnx_say_whole_numbers(writer *w, const int64_t *numbers, size_t count)
{
    int64_t *values = inv_exporting_keep(&w->e, count, sizeof *values);
    const char *name = onnx_own_name(w);
    if (values)
        memcpy(values, numbers, count * sizeof *values);
    (void)onnx_tensor(w, name, ONNX_INT64, &count, 1, values, count * sizeof *values);
    return name;
}

/* A block of the layer as "hidden1.weight"; NULL where it has none. Of one value a channel, for images:
 * channels x 1 x 1. */
const char *onnx_parameter_of(writer *w, const char *block, inv_shape order, bool for_images)
{
    const char *what = NULL;
    inv_param p;
    for (size_t i = 0; inv_torch_param(w->layer, order, i, &what, &p); i++) {
        if (strcmp(p.block->name, block) != 0)
            continue;
        char path[64];
        const char *name = inv_exporting_text(&w->e, "%s.%s", w->stem, what);
        snprintf(path, sizeof path, "/tensors/%zu", w->graph.n_initializer);
        const float *values = inv_exporting_put(&w->e, &p, path);
        if (for_images && p.rank == 1) {
            p.rank = 3;
            p.dims[1] = p.dims[2] = 1;
        }
        if (values)
            (void)onnx_tensor(w, name, ONNX_FLOAT, p.dims, p.rank, values,
                              p.block->size * sizeof *values);
        return name;
    }
    return NULL;
}

const char *onnx_parameter(writer *w, const char *block)
{
    return onnx_parameter_of(w, block, (inv_shape){0}, false);
}

/* ---- operators ---- */

const char *onnx_apply1(writer *w, const char *op, const char *a)
{
    return onnx_output(onnx_node(w, op, &a, 1));
}

const char *onnx_apply2(writer *w, const char *op, const char *a, const char *b)
{
    return onnx_output(onnx_node(w, op, (const char *const[]){a, b}, 2));
}

const char *onnx_apply3(writer *w, const char *op, const char *a, const char *b, const char *c)
{
    return onnx_output(onnx_node(w, op, (const char *const[]){a, b, c}, 3));
}

const char *onnx_transpose(writer *w, const char *a, const size_t *axes, size_t rank)
{
    OnnxFile__Node *node = onnx_node(w, "Transpose", &a, 1);
    onnx_set_list(w, node, "perm", axes, rank);
    return onnx_output(node);
}

/* Of axes behind the batch; -1: what is left. */
const char *onnx_reshape(writer *w, const char *a, const int64_t *sizes, size_t count)
{
    int64_t all[6] = {0};
    memcpy(all + 1, sizes, count * sizeof *all);
    return onnx_apply2(w, "Reshape", a, onnx_say_whole_numbers(w, all, count + 1));
}

/* ---- from images to rows and back ---- */

static const size_t to_last[4] = {0, 2, 3, 1}, to_first[4] = {0, 3, 1, 2};

static const char *flatten(writer *w, const char *a)
{
    OnnxFile__Node *node = onnx_node(w, "Flatten", &a, 1);
    onnx_set_whole(w, node, "axis", 1);
    return onnx_output(node);
}

/* Rows of values, which may be in the order of channels first where the caller can take them so. */
inv_spot onnx_row(writer *w, inv_spot s, inv_shape shape, bool any_order)
{
    if (s.is_image) {
        const bool ordered = inv_exporting_is_row(shape) || shape.channels == 1;
        s.text = flatten(w, ordered || any_order ? s.text : onnx_transpose(w, s.text, to_last, 4));
        s.is_image = false;
        if (!ordered && any_order)
            s.order = shape;
    } else if (s.order.channels && !any_order) {
        const int64_t sizes[3] = {(int64_t)s.order.channels, (int64_t)s.order.height,
                                  (int64_t)s.order.width};
        s.text = flatten(w, onnx_transpose(w, onnx_reshape(w, s.text, sizes, 3), to_last, 4));
        s.order = (inv_shape){0};
    }
    return s;
}

/* Images of that shape. */
inv_spot onnx_image(writer *w, inv_spot s, inv_shape shape)
{
    if (s.is_image)
        return s;
    s = onnx_row(w, s, shape, false);
    const int64_t sizes[3] = {(int64_t)shape.height, (int64_t)shape.width, (int64_t)shape.channels};
    const int64_t first[3] = {sizes[2], sizes[0], sizes[1]};
    s.text = inv_exporting_is_row(shape) || shape.channels == 1
                 ? onnx_reshape(w, s.text, first, 3)
                 : onnx_transpose(w, onnx_reshape(w, s.text, sizes, 3), to_first, 4);
    s.is_image = true;
    return s;
}

/* What the layer takes, as it needs it: images, or rows in the net's own order, unless it is an image. */
inv_spot onnx_as_is(writer *w, inv_spot in)
{
    return in.is_image ? in : onnx_row(w, in, w->layer->in, false);
}
