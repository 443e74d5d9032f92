/* Activations of Keras: functions by name, layers of one function, and layers that are nothing at
 * inference.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "format/keras_layer.h"

/* ---- activations ---- */

typedef struct activation {
    const char *keras, *type, *settings; /* JSON; NULL: none */
} activation;

/* Keras's strings. hard_sigmoid is another function in files of Keras 2 and 3. */
static const activation activations[] = {
    {"linear", "linear", NULL},
    {"relu", "relu", NULL},
    {"sigmoid", "sigmoid", NULL},
    {"tanh", "tanh", NULL},
    {"softmax", "softmax", NULL},
    {"softmax_v2", "softmax", NULL}, /* as TensorFlow's own functions are called in files */
    {"log_softmax_v2", "log_softmax", NULL},
    {"elu", "elu", NULL},
    {"selu", "selu", NULL},
    {"softplus", "softplus", NULL},
    {"softsign", "softsign", NULL},
    {"silu", "silu", NULL},
    {"swish", "silu", NULL},
    {"gelu", "gelu", NULL},
    {"mish", "mish", NULL},
    {"exponential", "exponential", NULL},
    {"leaky_relu", "leaky_relu", "{\"alpha\": 0.2}"},
    {"relu6", "relu", "{\"max_value\": 6.0}"},
    {"hard_silu", "hard_silu", NULL},
    {"hard_swish", "hard_silu", NULL},
    {"log_softmax", "log_softmax", NULL},
    {"celu", "celu", NULL},
    {"hard_tanh", "hard_tanh", NULL},
    {"squareplus", "squareplus", NULL},
    {"log_sigmoid", "log_sigmoid", NULL},
    {"tanh_shrink", "tanh_shrink", NULL},
    {"soft_shrink", "soft_shrink", NULL},
    {"hard_shrink", "hard_shrink", NULL},
    {"sparse_plus", "sparse_plus", NULL},
    {"sparse_sigmoid", "sparse_sigmoid", NULL},
    {0}};

static const activation hard_sigmoid_2 = {"hard_sigmoid", "hard_sigmoid", "{\"slope\": 0.2}"};
static const activation hard_sigmoid_3 = {"hard_sigmoid", "hard_sigmoid", NULL};

static const activation *find_activation(keras *k, const char *name)
{
    if (strcmp(name, "hard_sigmoid") == 0) {
        if (k->version < 0)
            inv_model_note(k->model, "the file does not say which Keras wrote it; hard_sigmoid is "
                                     "taken as Keras 2 has it, clip(0.2 x + 0.5)");
        return k->version == 3 ? &hard_sigmoid_3 : &hard_sigmoid_2;
    }
    for (const activation *a = activations; a->keras; a++)
        if (strcmp(a->keras, name) == 0)
            return a;
    return NULL;
}

/* The name of the function that a key holds; NULL: a layer, or code. */
static const char *activation_name(json_t *value)
{
    json_t *config = json_object_get(value, "config");
    if (json_is_string(value))
        return json_string_value(value);
    return json_is_string(config) ? json_string_value(config) : NULL;
}

static json_t *activation_settings(const activation *a)
{
    json_t *settings = a->settings ? json_loads(a->settings, 0, NULL) : json_object();
    if (settings && json_object_set_new(settings, "type", json_string(a->type)) != 0) {
        json_decref(settings);
        return NULL;
    }
    return settings;
}

/* Softmax of a row goes over all its values. */
static bool is_row(const keras_tensor *t)
{
    return t->rank == 1 || t->dims[t->rank - 1] == inv_shape_size(t->at.shape);
}

static inv_status activate(keras *k, const keras_layer *l, const char *ending, const char *name,
                           keras_tensor *t)
{
    const activation *a = find_activation(k, name);
    if (!a)
        return INV_ERROR(INV_EFORMAT, "%s: layer '%s': the activation '%.60s' is not known",
                         k->file, l->name, name);
    if (strstr(a->type, "softmax") && !is_row(t))
        return keras_refuse(k, l, "softmax over the channels of an image, which is not known");
    if (strcmp(a->type, "linear") == 0)
        return INV_OK;
    return keras_add(k, l, ending, activation_settings(a), &t->at, &t->at);
}

/* An activation without settings stands with its layer, whose sum is then a point of its own. */
bool keras_fold(keras *k, const keras_layer *l, json_t *settings, bool row)
{
    const char *name = activation_name(keras_get(l, "activation"));
    const activation *a = name ? find_activation(k, name) : NULL;
    if (!a || a->settings || (strstr(a->type, "softmax") && !row) || !settings)
        return false;
    for (const inv_choice *c = inv_activations; c->name; c++)
        if (strcmp(c->name, a->type) == 0)
            return json_object_set_new(settings, "activation", json_string(a->type)) == 0;
    return false;
}

/* The activation of a layer that has one as a key, where it is not folded. */
inv_status keras_finish(keras *k, const keras_layer *l, bool folded, keras_tensor *t)
{
    json_t *value = keras_get(l, "activation");
    const char *name = activation_name(value);
    if (folded || !value)
        return INV_OK;
    if (name)
        return activate(k, l, ".act", name, t);
    keras_layer inner = *l; /* a layer as activation: LeakyReLU(0.07) */
    inner.class = json_string_value(json_object_get(value, "class_name"));
    inner.config = json_object_get(value, "config");
    static const char *const known[] = {"LeakyReLU", "ReLU", "ELU", "Softmax"};
    for (size_t i = 0; inner.class && i < sizeof known / sizeof *known; i++)
        if (strcmp(inner.class, known[i]) == 0) {
            const keras_tensor from = *t;
            return keras_layer_add(k, &inner, &from, 1, t);
        }
    return keras_refuse(k, l, "its activation is a layer or code that is not known");
}

inv_status keras_add_activation(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    const char *name = activation_name(keras_get(l, "activation"));
    *out = *from;
    return name ? activate(k, l, "", name, out) : keras_finish(k, l, false, out);
}

/* A function of Keras that is called like an activation. */
inv_status keras_add_function(keras *k, const keras_layer *l, const char *name,
                              const keras_tensor *from, keras_tensor *out)
{
    *out = *from;
    return activate(k, l, "", name, out);
}

/* "ReLU" of keras.activations is relu, "LogSoftmax" log_softmax. */
const char *keras_function_name(keras *k, const char *class)
{
    char name[INV_NAME_MAX];
    size_t n = 0;
    for (size_t i = 0; class[i] && n + 2 < sizeof name; i++) {
        if (i > 0 && class[i] >= 'A' && class[i] <= 'Z')
            name[n++] = '_';
        name[n++] = class[i] >= 'A' && class[i] <= 'Z' ? (char)(class[i] + 32) : class[i];
    }
    name[n] = 0;
    const activation *a = find_activation(k, strcmp(class, "ReLU") == 0 ? "relu" : name);
    return a ? a->keras : NULL;
}

/* x above threshold, at most max_value; below it, negative_slope (x - threshold). */
inv_status keras_add_relu(keras *k, const keras_layer *l, const keras_tensor *from,
                          keras_tensor *out)
{
    const double slope = keras_real(l, "negative_slope", keras_real(l, "alpha", 0.0));
    const double threshold = keras_real(l, "threshold", keras_real(l, "theta", 0.0));
    json_t *maximum = keras_get(l, "max_value"), *settings = json_pack("{ss}", "type", "relu");
    *out = *from;
    if (slope != 0.0)
        json_object_set_new(settings, "negative_slope", json_real(slope));
    if (threshold != 0.0)
        json_object_set_new(settings, "threshold", json_real(threshold));
    if (json_is_number(maximum))
        json_object_set_new(settings, "max_value", json_real(json_number_value(maximum)));
    if (json_is_number(maximum) && !(json_number_value(maximum) > 0.0)) {
        json_decref(settings);
        return keras_refuse(k, l, "a max_value that is not above 0");
    }
    return keras_add(k, l, "", settings, &out->at, &out->at);
}

static inv_status add_slope(keras *k, const keras_layer *l, const char *type, const char *key,
                            double otherwise, const keras_tensor *from, keras_tensor *out)
{
    const double alpha = keras_real(l, key, keras_real(l, "alpha", otherwise));
    *out = *from;
    if (alpha == 0.0)
        return keras_add(k, l, "", json_pack("{ss}", "type", "relu"), &out->at, &out->at);
    return keras_add(k, l, "", json_pack("{ss sf}", "type", type, "alpha", alpha), &out->at,
                     &out->at);
}

inv_status keras_add_leaky_relu(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    return add_slope(k, l, "leaky_relu", "negative_slope", 0.3, from, out);
}

inv_status keras_add_elu(keras *k, const keras_layer *l, const keras_tensor *from,
                         keras_tensor *out)
{
    return add_slope(k, l, "elu", "alpha", 1.0, from, out);
}

inv_status keras_add_softmax(keras *k, const keras_layer *l, const keras_tensor *from,
                             keras_tensor *out)
{
    json_t *axis = keras_get(l, "axis");
    const json_int_t at = json_is_integer(axis) ? json_integer_value(axis) : -1;
    if (at != -1 && at != (json_int_t)from->rank)
        return keras_refuse(k, l, "softmax over another axis than the last");
    return keras_add_function(k, l, "softmax", from, out);
}

inv_status keras_add_thresholded(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    *out = *from;
    return keras_add(
        k, l, "",
        json_pack("{ss sf}", "type", "threshold", "threshold", keras_real(l, "theta", 1.0)),
        &out->at, &out->at);
}

inv_status keras_add_nothing(keras *k, const keras_layer *l, const keras_tensor *from,
                             keras_tensor *out)
{
    (void)k, (void)l;
    *out = *from;
    return INV_OK;
}

inv_status keras_add_dropout(keras *k, const keras_layer *l, const keras_tensor *from,
                             keras_tensor *out)
{
    const double rate = keras_real(l, "rate", 0.0);
    *out = *from;
    if (!(rate > 0.0 && rate < 0.999))
        return INV_OK;
    return keras_add(k, l, "", json_pack("{ss sf}", "type", "dropout", "rate", rate), &out->at,
                     &out->at);
}

/* ---- PReLU ---- */

inv_status keras_add_prelu(keras *k, const keras_layer *l, const keras_tensor *from,
                           keras_tensor *out)
{
    keras_tensor t = *from;
    const inv_tree_array *alpha = NULL;
    inv_status status = INV_OK;
    INV_TRY(keras_order(k, l, &t));
    INV_TRY(keras_want(k, l, keras_last_axis_shape(&t), &t.at));
    INV_TRY(keras_weight_needed(k, l, "alpha alphas", 0, &alpha));
    const inv_shape s = t.at.shape;
    const bool known = alpha->rank == t.rank;
    /* the sizes of alpha tell which axes it is shared along */
    const size_t high = t.rank == 3 && known   ? alpha->dims[0]
                        : t.rank == 2 && known ? alpha->dims[0]
                                               : s.height;
    const size_t wide = t.rank == 3 && known ? alpha->dims[1] : s.width;
    const size_t deep = known ? alpha->dims[t.rank - 1] : s.channels;
    if (high * wide * deep != alpha->count || (high != 1 && high != s.height) ||
        (wide != 1 && wide != s.width) || (deep != 1 && deep != s.channels))
        return keras_refuse(k, l, "slopes of other sizes than what comes there");
    INV_TRY(keras_add(k, l, "",
                      json_pack("{ss sb sb sb}", "type", "prelu", "share_height",
                                high == 1 && s.height > 1, "share_width", wide == 1 && s.width > 1,
                                "share_channels", deep == 1 && s.channels > 1),
                      &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "alpha", alpha, NULL, NULL));
    *out = t;
done:
    return status;
}
