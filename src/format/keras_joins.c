/* Layers of Keras that join several values, and functions that a Functional model calls, which may
 * have numbers among their arguments.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "format/keras_layer.h"

/* ---- layers that join several ---- */

/* All in one order: as the net has them where all are turned alike, else as Keras has them. */
static inv_status bring_together(keras *k, const keras_layer *l, keras_tensor *list, size_t count)
{
    bool alike = true;
    for (size_t i = 0; i < count; i++)
        alike = alike && list[i].turned == list[0].turned && !list[i].is_shuffled &&
                list[i].rank == list[0].rank;
    for (size_t i = 0; i < count; i++) {
        inv_status status = INV_OK;
        if (!alike)
            status = keras_order(k, l, &list[i]);
        if (status == INV_OK && !list[i].turned)
            status = keras_want(k, l, keras_last_axis_shape(&list[i]), &list[i].at);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

static inv_status join(keras *k, const keras_layer *l, json_t *settings, keras_tensor *list,
                       size_t count, keras_tensor *out)
{
    inv_place places[KERAS_INPUTS_MAX];
    for (size_t i = 0; i < count; i++)
        places[i] = list[i].at;
    *out = list[0];
    return inv_sketch_add(k->sketch, l->name, "", settings, places, count, &out->at);
}

/* Keras's sizes of what comes of values that count for whole axes. */
static void widen(keras_tensor *out, const keras_tensor *list, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t d = 0; d < out->rank; d++)
            if (list[i].dims[d] > out->dims[d])
                out->dims[d] = list[i].dims[d];
}

inv_status keras_add_merge(keras *k, const keras_layer *l, const char *type, keras_tensor *list,
                           size_t count, keras_tensor *out)
{
    for (size_t i = 1; i < count; i++)
        if (list[i].rank != list[0].rank)
            return keras_refuse(k, l, "inputs of different numbers of axes");
    inv_status status = bring_together(k, l, list, count);
    if (status == INV_OK)
        status = join(k, l, json_pack("{ss}", "type", type), list, count, out);
    if (status == INV_OK)
        widen(out, list, count);
    return status;
}

inv_status keras_add_concatenate(keras *k, const keras_layer *l, const char *type,
                                 keras_tensor *list, size_t count, keras_tensor *out)
{
    static const char *const axes[] = {"height", "width", "channels"};
    const int axis = keras_axis(l, "axis", list[0].rank, -1);
    size_t sum = 0;
    inv_status status = INV_OK;
    if (axis < 1)
        return keras_refuse(k, l, "joins along an axis that is not known");
    for (size_t i = 0; i < count; i++)
        if (list[i].rank != list[0].rank)
            return keras_refuse(k, l, "inputs of different numbers of axes");
    INV_TRY(bring_together(k, l, list, count));
    const size_t rank = list[0].rank;
    const int ours = rank == 3           ? (list[0].turned ? (axis + 1) % 3 : axis - 1)
                     : axis == (int)rank ? 2
                                         : 0;
    for (size_t i = 0; i < count; i++)
        sum += list[i].dims[axis - 1];
    INV_TRY(join(k, l, json_pack("{ss ss}", "type", type, "axis", axes[ours]), list, count, out));
    out->dims[axis - 1] = sum;
done:
    return status;
}

/* ---- functions with numbers among their arguments ---- */

/* The numbers and tensors of one use, in their order: of Keras 3 in args, of Keras 2 the first in the
 * list and the second in the keywords as y. */
typedef struct arguments {
    size_t count;
    bool is_number[2];
    double number[2];
} arguments;

static bool is_tensor(json_t *value)
{
    return json_is_object(value) ||
           (json_is_array(value) && json_is_string(json_array_get(value, 0)));
}

static bool add_argument(arguments *a, json_t *value)
{
    if (a->count == 2 || (!json_is_number(value) && !is_tensor(value)))
        return false;
    a->is_number[a->count] = json_is_number(value);
    a->number[a->count++] = json_number_value(value);
    return true;
}

/* False where there is something that is not understood. */
static bool read_arguments(json_t *node, arguments *a)
{
    json_t *args = json_object_get(node, "args"), *value;
    size_t i;
    *a = (arguments){0};
    if (args) { /* Keras 3 */
        json_array_foreach(args, i, value) if (!add_argument(a, value)) return false;
        return a->count == 2;
    }
    json_t *first = json_array_get(node, 0); /* ["c0", 0, 0, {"y": 2.0}] */
    json_t *keywords = json_array_get(json_is_array(first) ? first : node, 3);
    json_t *y = json_object_get(keywords, "y");
    return add_argument(a, json_is_array(first) ? first : node) && y && add_argument(a, y);
}

/* scale x + offset of a number and an operator; false where that is no such. */
static bool as_rescale(const char *type, const arguments *a, double *scale, double *offset)
{
    const double c = a->is_number[0] ? a->number[0] : a->number[1];
    *scale = 1.0;
    *offset = 0.0;
    if (strcmp(type, "add") == 0)
        *offset = c;
    else if (strcmp(type, "multiply") == 0)
        *scale = c;
    else if (strcmp(type, "subtract") == 0) {
        *scale = a->is_number[0] ? -1.0 : 1.0;
        *offset = a->is_number[0] ? c : -c;
    } else if (strcmp(type, "divide") == 0 && a->is_number[1] && c != 0.0)
        *scale = 1.0 / c;
    else
        return false;
    return true;
}

static inv_status add_operator(keras *k, const keras_layer *l, const char *type, keras_tensor *list,
                               size_t count, keras_tensor *out)
{
    arguments a;
    double scale = 1.0, offset = 0.0;
    if (!read_arguments(l->own, &a))
        return keras_refuse(k, l, "arguments that are not understood");
    if (!a.is_number[0] && !a.is_number[1])
        return count == 2 ? keras_add_merge(k, l, type, list, count, out)
                          : keras_refuse(k, l, "arguments that are not understood");
    if (count != 1 || !as_rescale(type, &a, &scale, &offset))
        return keras_refuse(k, l, "a number where it is not understood");
    if (strcmp(type, "multiply") == 0 || strcmp(type, "divide") == 0)
        keras_tells_pixels(k, &list[0]);
    *out = list[0];
    return keras_add(k, l, "",
                     json_pack("{ss sf sf}", "type", "rescale", "scale", scale, "offset", offset),
                     &out->at, &out->at);
}

/* ---- functions ---- */

/* Functions of Keras 2 by their TensorFlow names; others have the names of today's classes. */
static const char *function_class(const keras_layer *l)
{
    static const struct {
        const char *function, *class;
    } names[] = {{"math.add", "Add"},
                 {"__operators__.add", "Add"},
                 {"math.multiply", "Multiply"},
                 {"math.subtract", "Subtract"},
                 {"math.truediv", "TrueDivide"},
                 {"math.divide", "TrueDivide"},
                 {"nn.relu", "Relu"},
                 {"nn.softmax", "Softmax"},
                 {"math.sigmoid", "Sigmoid"},
                 {"math.tanh", "Tanh"}};
    const char *function = keras_text(l, "function", "");
    if (strcmp(l->class, "TFOpLambda") != 0)
        return l->class;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].function, function) == 0)
            return names[i].class;
    return l->class;
}

/* A function that a Functional model calls. */
inv_status keras_add_called(keras *k, const keras_layer *l, keras_tensor *list, size_t count,
                            keras_tensor *out)
{
    const char *class = function_class(l), *type = keras_merge_type(class);
    json_t *settings = json_object_get(l->config, "negative_slope");
    if (type)
        return add_operator(k, l, type, list, count, out);
    if (count != 1)
        return keras_refuse(k, l, "a function that is not known");
    if (strcmp(class, "Reshape") == 0)
        return keras_add_reshape(k, l, &list[0], out);
    const char *name = settings ? NULL : keras_function_name(k, class);
    if (!name || (json_object_size(l->config) > 1 && strcmp(l->class, "TFOpLambda") != 0 &&
                  !strstr(name, "softmax")))
        return strcmp(class, "ReLU") == 0 ? keras_add_relu(k, l, &list[0], out)
                                          : keras_refuse(k, l, "a function that is not known");
    return keras_add_function(k, l, name, &list[0], out);
}
