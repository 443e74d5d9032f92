/* Functions that a Functional model calls: operators, activations, and what a layer does too.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "format/keras_layer.h"

/* ---- operators, which may have numbers among their arguments ---- */

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
    json_t *x = json_is_array(first) ? first : node, *y = json_object_get(keywords, "y");
    const char *name = json_string_value(json_array_get(x, 0));
    if (name && strcmp(name, KERAS_CONSTANT) == 0) /* [KERAS_CONSTANT, -1, 2.0, {...}] */
        x = json_array_get(x, 2);
    return add_argument(a, x) && y && add_argument(a, y);
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

/* ---- functions that do what a layer does ---- */

/* A setting: of Keras 3 in the configuration, of Keras 2 among the keywords of the call. */
static json_t *setting(const keras_layer *l, const char *key)
{
    json_t *value = keras_get(l, key), *first = json_array_get(l->own, 0);
    json_t *keywords = json_array_get(json_is_array(first) ? first : l->own, 3);
    if (!value)
        value = json_object_get(keywords, key);
    return json_is_null(value) ? NULL : value;
}

/* An axis of a function, counted from 1 behind the batch; 0: none. */
static size_t axis_in(json_t *value, size_t rank)
{
    json_int_t axis = json_is_integer(value) ? json_integer_value(value) : 0;
    if (axis < 0)
        axis += (json_int_t)rank + 1;
    return axis >= 1 && axis <= (json_int_t)rank ? (size_t)axis : 0;
}

/* To numbers that are no whole ones, which is nothing. */
static json_t *cast(const keras_layer *l, const keras_tensor *t)
{
    const char *type = json_string_value(setting(l, "dtype"));
    (void)t;
    return type && strstr(type, "float") ? json_object() : NULL;
}

/* Sizes behind the batch, of which one is left out (size 1) or one more put in. */
static json_t *other_axes(const keras_tensor *t, size_t without, size_t with)
{
    json_t *sizes = json_array();
    for (size_t i = 1; i <= t->rank + (with > 0); i++) {
        if (i == with)
            json_array_append_new(sizes, json_integer(1));
        else if (i != without)
            json_array_append_new(sizes,
                                  json_integer((json_int_t)t->dims[i - 1 - (with && i > with)]));
    }
    return json_pack("{so}", "target_shape", sizes);
}

static json_t *expand(const keras_layer *l, const keras_tensor *t)
{
    const size_t axis = axis_in(setting(l, "axis"), t->rank + 1);
    return axis ? other_axes(t, 0, axis) : NULL;
}

static json_t *squeeze(const keras_layer *l, const keras_tensor *t)
{
    json_t *value = setting(l, "axis");
    const size_t axis = axis_in(json_is_array(value) ? json_array_get(value, 0) : value, t->rank);
    if (!axis || json_array_size(value) > 1 || t->rank < 2 || t->dims[axis - 1] != 1)
        return NULL;
    return other_axes(t, axis, 0);
}

/* Over height and width alone. */
static json_t *over_image(const keras_layer *l, const keras_tensor *t)
{
    json_t *axes = setting(l, "axis");
    const size_t a = axis_in(json_array_get(axes, 0), 3), b = axis_in(json_array_get(axes, 1), 3);
    if (t->rank != 3 || t->turned || json_array_size(axes) != 2 || a + b != 3)
        return NULL;
    return json_pack("{sb}", "keepdims", json_is_true(setting(l, "keepdims")));
}

/* What a list says behind the batch. */
static json_t *behind_batch(json_t *list, const char *key)
{
    json_t *rest = json_array(), *value;
    size_t i;
    if (json_array_size(list) < 2) {
        json_decref(rest);
        return NULL;
    }
    json_array_foreach(list, i, value)
    {
        if (i > 0)
            json_array_append(rest, value);
    }
    return json_pack("{so}", key, rest);
}

static json_t *transpose(const keras_layer *l, const keras_tensor *t)
{
    json_t *axes = setting(l, "axes") ? setting(l, "axes") : setting(l, "perm");
    (void)t;
    if (json_integer_value(json_array_get(axes, 0)) != 0)
        return NULL;
    return behind_batch(axes, "dims");
}

static json_t *reshape(const keras_layer *l, const keras_tensor *t)
{
    (void)t;
    return behind_batch(setting(l, "newshape") ? setting(l, "newshape") : setting(l, "shape"),
                        "target_shape");
}

/* The layer that a function is, and that layer's configuration, owned; NULL: it is none. */
static const struct {
    const char *function, *class;
    json_t *(*config)(const keras_layer *l, const keras_tensor *t);
} rewritten[] = {{"Cast", "Identity", cast},
                 {"ExpandDims", "Reshape", expand},
                 {"Squeeze", "Reshape", squeeze},
                 {"Mean", "GlobalAveragePooling2D", over_image},
                 {"Max", "GlobalMaxPooling2D", over_image},
                 {"Transpose", "Permute", transpose},
                 {"Reshape", "Reshape", reshape}};

enum { REWRITTEN = sizeof rewritten / sizeof *rewritten };

static inv_status add_rewritten(keras *k, const keras_layer *l, size_t i, const keras_tensor *from,
                                keras_tensor *out)
{
    keras_layer inner = *l;
    inner.class = rewritten[i].class;
    inner.config = rewritten[i].config(l, from);
    inner.is_function = false;
    inner.own = NULL;
    if (!inner.config)
        return keras_refuse(k, l, "arguments that are not understood");
    inv_status status = keras_layer_add(k, &inner, from, 1, out);
    json_decref(inner.config);
    return status;
}

/* ---- all functions ---- */

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
                 {"nn.relu6", "Relu6"},
                 {"nn.elu", "Elu"},
                 {"nn.selu", "Selu"},
                 {"nn.softmax", "Softmax"},
                 {"nn.log_softmax", "LogSoftmax"},
                 {"math.softplus", "Softplus"},
                 {"math.sigmoid", "Sigmoid"},
                 {"math.tanh", "Tanh"},
                 {"cast", "Cast"},
                 {"expand_dims", "ExpandDims"},
                 {"squeeze", "Squeeze"},
                 {"reshape", "Reshape"},
                 {"transpose", "Transpose"},
                 {"compat.v1.transpose", "Transpose"},
                 {"math.reduce_mean", "Mean"},
                 {"math.reduce_max", "Max"}};
    const char *function = keras_text(l, "function", "");
    if (strcmp(l->class, "TFOpLambda") != 0)
        return l->class;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].function, function) == 0)
            return names[i].class;
    return l->class;
}

bool keras_is_called(keras *k, const keras_layer *l)
{
    const bool has_args = json_array_size(json_object_get(l->own, "args")) > 0;
    bool is_known = keras_function_name(k, l->class) != NULL;
    for (size_t i = 0; i < REWRITTEN; i++)
        is_known = is_known || strcmp(rewritten[i].function, l->class) == 0;
    return l->is_function || (has_args && is_known);
}

inv_status keras_add_called(keras *k, const keras_layer *l, keras_tensor *list, size_t count,
                            keras_tensor *out)
{
    const char *class = function_class(l), *type = keras_merge_type(class);
    const bool is_keras_2 = strcmp(l->class, "TFOpLambda") == 0;
    if (type)
        return add_operator(k, l, type, list, count, out);
    if (count != 1)
        return keras_refuse(k, l, "a function that is not known");
    for (size_t i = 0; i < REWRITTEN; i++)
        if (strcmp(rewritten[i].function, class) == 0)
            return add_rewritten(k, l, i, &list[0], out);
    const char *name = keras_get(l, "negative_slope") ? NULL : keras_function_name(k, class);
    json_t *axis = setting(l, "axis");
    if (name && axis && axis_in(axis, list[0].rank) != list[0].rank)
        return keras_refuse(k, l, "along another axis than the last, which is not known");
    if (!name || (json_object_size(l->config) > 1 && !is_keras_2 && !strstr(name, "softmax")))
        return strcmp(class, "ReLU") == 0 ? keras_add_relu(k, l, &list[0], out)
                                          : keras_refuse(k, l, "a function that is not known");
    return keras_add_function(k, l, name, &list[0], out);
}
