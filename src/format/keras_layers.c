/* Each class of Keras's layers, as layers of this program. Keys and defaults are those of Keras 3.15,
 * older ones brought to them by keras_update.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/keras.h"
#include "format/keras_fill.h"

/* ---- errors ---- */

static inv_status refuse(const keras *k, const keras_layer *l, const char *why)
{
    return INV_ERROR(INV_EFORMAT, "%s: layer '%s' (%.60s): %s", k->file, l->name, l->class, why);
}

/* ---- keys ---- */

static json_t *get(const keras_layer *l, const char *key)
{
    json_t *value = json_object_get(l->config, key);
    return json_is_null(value) ? NULL : value;
}

static const char *text_of(const keras_layer *l, const char *key, const char *otherwise)
{
    const char *text = json_string_value(get(l, key));
    return text ? text : otherwise;
}

static double real_of(const keras_layer *l, const char *key, double otherwise)
{
    json_t *value = get(l, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static bool bool_of(const keras_layer *l, const char *key, bool otherwise)
{
    json_t *value = get(l, key);
    return value ? json_is_true(value) || (json_is_integer(value) && json_integer_value(value))
                 : otherwise;
}

/* A whole number from 0 to a million; `otherwise` where it is none. */
static size_t size_of(json_t *value, size_t otherwise)
{
    const double number = json_number_value(value);
    return json_is_number(value) && number >= 0.0 && number <= 1e6 && number == rint(number)
               ? (size_t)number
               : otherwise;
}

static size_t count_of(const keras_layer *l, const char *key, size_t otherwise)
{
    return size_of(get(l, key), otherwise);
}

/* Two numbers, or one for both. */
static void pair_of(const keras_layer *l, const char *key, size_t otherwise, size_t pair[2])
{
    json_t *value = get(l, key);
    for (size_t i = 0; i < 2; i++)
        pair[i] = json_is_array(value) ? size_of(json_array_get(value, i), otherwise)
                                       : size_of(value, otherwise);
}

static bool is_channels_first(const keras_layer *l)
{
    return strcmp(text_of(l, "data_format", ""), "channels_first") == 0;
}

void keras_update(json_t *config)
{
    static const struct {
        const char *old, *today;
    } names[] = {{"nb_filter", "filters"},       {"border_mode", "padding"},
                 {"subsample", "strides"},       {"output_dim", "units"},
                 {"bias", "use_bias"},           {"p", "rate"},
                 {"dim_ordering", "data_format"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(config, names[i].old);
        if (value && !json_object_get(config, names[i].today))
            json_object_set(config, names[i].today, value);
    }
    const char *order = json_string_value(json_object_get(config, "data_format"));
    if (order && strcmp(order, "th") == 0)
        json_object_set_new(config, "data_format", json_string("channels_first"));
    if (order && strcmp(order, "tf") == 0)
        json_object_set_new(config, "data_format", json_string("channels_last"));
    json_t *rows = json_object_get(config, "nb_row"), *cols = json_object_get(config, "nb_col");
    if (rows && cols && !json_object_get(config, "kernel_size"))
        json_object_set_new(config, "kernel_size", json_pack("[OO]", rows, cols));
}

/* ---- tensors ---- */

static keras_tensor tensor(inv_place at, size_t rank, size_t a, size_t b, size_t c)
{
    return (keras_tensor){.at = at, .rank = rank, .dims = {a, b, c}};
}

/* Of an image, as Keras sees it. */
static keras_tensor image_tensor(inv_place at, bool turned)
{
    keras_tensor t = turned ? tensor(at, 3, at.shape.channels, at.shape.height, at.shape.width)
                            : tensor(at, 3, at.shape.height, at.shape.width, at.shape.channels);
    t.turned = turned;
    return t;
}

static keras_tensor flat_tensor(inv_place at)
{
    return tensor(at, 1, inv_shape_size(at.shape), 0, 0);
}

/* The shape in which Keras's last axis is the channels. */
static inv_shape last_axis_shape(const keras_tensor *t)
{
    if (t->rank == 1)
        return (inv_shape){1, 1, t->dims[0]};
    return t->rank == 2 ? (inv_shape){t->dims[0], 1, t->dims[1]}
                        : (inv_shape){t->dims[0], t->dims[1], t->dims[2]};
}

static bool is_shape(inv_shape a, inv_shape b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

static inv_status add(keras *k, const keras_layer *l, const char *ending, json_t *settings,
                      const inv_place *from, inv_place *out)
{
    return inv_sketch_add(k->sketch, l->name, ending, settings, from, 1, out);
}

/* The same values in another shape. */
static inv_status want(keras *k, const keras_layer *l, inv_shape shape, inv_place *at)
{
    if (is_shape(at->shape, shape))
        return INV_OK;
    if (shape.height == 1 && shape.width == 1)
        return add(k, l, ".flat", json_pack("{ss}", "type", "flatten"), at, at);
    return add(k, l, ".shape",
               json_pack("{ss si si si}", "type", "reshape", "height", (int)shape.height, "width",
                         (int)shape.width, "channels", (int)shape.channels),
               at, at);
}

/* Moves axes: those of the result are `order` of what is there (0 height, 1 width, 2 channels). */
static inv_status move(keras *k, const keras_layer *l, const char *ending, const int order[3],
                       inv_place *at)
{
    const inv_shape s = at->shape;
    const size_t sizes[3] = {s.height, s.width, s.channels};
    size_t left = 0, moved[3] = {0};
    for (int i = 0; i < 3; i++)
        if (sizes[order[i]] > 1)
            moved[left++] = (size_t)order[i];
    bool same = true; /* axes of one value may be anywhere */
    for (size_t i = 1; i < left; i++)
        same = same && moved[i - 1] < moved[i];
    if (same)
        return want(k, l, (inv_shape){sizes[order[0]], sizes[order[1]], sizes[order[2]]}, at);
    return add(k, l, ending,
               json_pack("{ss s[iii]}", "type", "permute", "order", order[0], order[1], order[2]),
               at, at);
}

/* A flat row in Keras's order, where its image was turned: the image back, and moved. */
static inv_status unshuffle(keras *k, const keras_layer *l, keras_tensor *t)
{
    static const int channels_first[3] = {2, 0, 1};
    if (!t->is_shuffled)
        return INV_OK;
    t->is_shuffled = false;
    inv_status status = want(k, l, t->flattened, &t->at);
    if (status == INV_OK)
        status = move(k, l, ".order", channels_first, &t->at);
    return status == INV_OK ? want(k, l, (inv_shape){1, 1, t->dims[0]}, &t->at) : status;
}

/* Values in Keras's order, for a layer that minds it. */
static inv_status in_order(keras *k, const keras_layer *l, keras_tensor *t)
{
    static const int channels_first[3] = {2, 0, 1};
    inv_status status = unshuffle(k, l, t);
    if (status != INV_OK || !t->turned)
        return status;
    t->turned = false;
    return move(k, l, ".turn", channels_first, &t->at);
}

inv_status keras_in_order(keras *k, keras_tensor *t)
{
    const keras_layer last = {.name = "last"};
    return in_order(k, &last, t);
}

/* An image, channels last in the net, from whichever order Keras has. */
static inv_status as_image(keras *k, const keras_layer *l, bool channels_first, keras_tensor *t)
{
    static const int channels_last[3] = {1, 2, 0};
    if (t->rank != 3)
        return refuse(k, l, "takes images, but what comes there has no three axes");
    if (channels_first == t->turned)
        return channels_first ? INV_OK : want(k, l, last_axis_shape(t), &t->at);
    inv_status status = in_order(k, l, t);
    if (status == INV_OK)
        status = want(k, l, last_axis_shape(t), &t->at);
    if (status != INV_OK || !channels_first)
        return status;
    t->turned = true;
    return move(k, l, ".turn", channels_last, &t->at);
}

inv_status keras_input(keras *k, size_t rank, const size_t *dims, keras_tensor *out)
{
    keras_tensor t = {.rank = rank};
    inv_shape shape = {dims[0], rank > 1 ? dims[1] : 1, rank > 2 ? dims[2] : 1};
    memcpy(t.dims, dims, rank * sizeof *dims);
    if (rank == 0)
        return INV_ERROR(INV_EFORMAT, "%s: its input is single numbers, not images", k->file);
    if (rank == 1) { /* a row of values was an image once, if their number is a square */
        const size_t side = (size_t)rint(sqrt((double)dims[0]));
        const bool square = side * side == dims[0] && side > 1;
        shape = square ? (inv_shape){side, side, 1} : (inv_shape){1, dims[0], 1};
        if (square)
            inv_model_note(k->model, "its input is rows of %zu values, shown as %zu x %zu images",
                           dims[0], side, side);
    }
    t.turned = rank == 3 && (k->turns_input || k->how->channels_first);
    if (t.turned)
        shape = (inv_shape){dims[1], dims[2], dims[0]};
    k->model->input_rank = rank;
    memcpy(k->model->input_dims, dims, rank * sizeof *dims);
    k->model->channels_first = t.turned;
    t.at = inv_sketch_input(k->sketch, shape);
    *out = t;
    return INV_OK;
}

/* ---- activations ---- */

typedef struct activation {
    const char *keras, *type, *settings; /* JSON; NULL: none */
} activation;

/* Keras's strings. hard_sigmoid is another function in files of Keras 2 and 3. */
static const activation activations[] = {{"linear", "linear", NULL},
                                         {"relu", "relu", NULL},
                                         {"sigmoid", "sigmoid", NULL},
                                         {"tanh", "tanh", NULL},
                                         {"softmax", "softmax", NULL},
                                         {"elu", "elu", NULL},
                                         {"selu", "selu", NULL},
                                         {"softplus", "softplus", NULL},
                                         {"softsign", "softsign", NULL},
                                         {"silu", "silu", NULL},
                                         {"swish", "silu", NULL},
                                         {"gelu", "gelu", NULL},
                                         {"mish", "mish", NULL},
                                         {"exponential", "exp", NULL},
                                         {"leaky_relu", "leaky_relu", "{\"alpha\": 0.2}"},
                                         {"relu6", "relu", "{\"maximum\": 6.0}"},
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
        return refuse(k, l, "softmax over the channels of an image, which is not known");
    if (strcmp(a->type, "linear") == 0)
        return INV_OK;
    return add(k, l, ending, activation_settings(a), &t->at, &t->at);
}

/* An activation without settings stands with its layer, whose sum is then a point of its own. */
static bool fold(keras *k, const keras_layer *l, json_t *settings, bool row)
{
    const char *name = activation_name(get(l, "activation"));
    const activation *a = name ? find_activation(k, name) : NULL;
    if (!a || a->settings || (strstr(a->type, "softmax") && !row) || !settings)
        return false;
    for (const inv_choice *c = inv_activations; c->name; c++)
        if (strcmp(c->name, a->type) == 0)
            return json_object_set_new(settings, "activation", json_string(a->type)) == 0;
    return false;
}

/* The activation of a layer that has one as a key, where it is not folded. */
static inv_status finish(keras *k, const keras_layer *l, bool folded, keras_tensor *t)
{
    json_t *value = get(l, "activation");
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
    return refuse(k, l, "its activation is a layer or code that is not known");
}

static inv_status add_activation(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    const char *name = activation_name(get(l, "activation"));
    *out = *from;
    return name ? activate(k, l, "", name, out) : finish(k, l, false, out);
}

/* A function of Keras that is called like an activation. */
static inv_status add_function(keras *k, const keras_layer *l, const char *name,
                               const keras_tensor *from, keras_tensor *out)
{
    *out = *from;
    return activate(k, l, "", name, out);
}

/* x above threshold, at most max_value; below it, negative_slope (x - threshold). */
static inv_status add_relu(keras *k, const keras_layer *l, const keras_tensor *from,
                           keras_tensor *out)
{
    const double slope = real_of(l, "negative_slope", real_of(l, "alpha", 0.0));
    const double threshold = real_of(l, "threshold", real_of(l, "theta", 0.0));
    json_t *maximum = get(l, "max_value"), *settings = json_pack("{ss}", "type", "relu");
    *out = *from;
    if (slope != 0.0)
        json_object_set_new(settings, "alpha", json_real(slope));
    if (threshold != 0.0)
        json_object_set_new(settings, "threshold", json_real(threshold));
    if (json_is_number(maximum))
        json_object_set_new(settings, "maximum", json_real(json_number_value(maximum)));
    return add(k, l, "", settings, &out->at, &out->at);
}

static inv_status add_slope(keras *k, const keras_layer *l, const char *type, const char *key,
                            double otherwise, const keras_tensor *from, keras_tensor *out)
{
    const double alpha = real_of(l, key, real_of(l, "alpha", otherwise));
    *out = *from;
    if (alpha == 0.0)
        return add(k, l, "", json_pack("{ss}", "type", "relu"), &out->at, &out->at);
    return add(k, l, "", json_pack("{ss sf}", "type", type, "alpha", alpha), &out->at, &out->at);
}

static inv_status add_leaky_relu(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    return add_slope(k, l, "leaky_relu", "negative_slope", 0.3, from, out);
}

static inv_status add_elu(keras *k, const keras_layer *l, const keras_tensor *from,
                          keras_tensor *out)
{
    return add_slope(k, l, "elu", "alpha", 1.0, from, out);
}

static inv_status add_softmax(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    json_t *axis = get(l, "axis");
    const json_int_t at = json_is_integer(axis) ? json_integer_value(axis) : -1;
    if (at != -1 && at != (json_int_t)from->rank)
        return refuse(k, l, "softmax over another axis than the last");
    return add_function(k, l, "softmax", from, out);
}

static inv_status add_thresholded(keras *k, const keras_layer *l, const keras_tensor *from,
                                  keras_tensor *out)
{
    *out = *from;
    return add(k, l, "",
               json_pack("{ss sf}", "type", "threshold", "threshold", real_of(l, "theta", 1.0)),
               &out->at, &out->at);
}

static inv_status add_nothing(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    (void)k, (void)l;
    *out = *from;
    return INV_OK;
}

static inv_status add_dropout(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    const double rate = real_of(l, "rate", 0.0);
    *out = *from;
    if (!(rate > 0.0 && rate < 0.999))
        return INV_OK;
    return add(k, l, "", json_pack("{ss sf}", "type", "dropout", "rate", rate), &out->at, &out->at);
}

/* ---- dense ---- */

static inv_status bias_block(keras *k, const keras_layer *l, const inv_place *at, bool has_bias,
                             size_t number)
{
    const inv_tree_array *bias = NULL;
    if (!has_bias)
        return inv_sketch_block(k->sketch, at, "bias", NULL, keras_fill_zeros, NULL);
    inv_status status = keras_weight_needed(k, l, "bias b", number, &bias);
    return status == INV_OK ? inv_sketch_block(k->sketch, at, "bias", bias, NULL, NULL) : status;
}

/* What makes a kernel of what is stored: whole numbers with scales, or two kernels (LoRA). */
static inv_status dense_kernel(keras *k, const keras_layer *l, const keras_tensor *from,
                               size_t units, keras_dense *dense, const inv_tree_array **kernel)
{
    const bool has_bias = bool_of(l, "use_bias", true);
    size_t next = has_bias ? 2 : 1;
    inv_status status = INV_OK;
    INV_TRY(keras_weight_needed(k, l, "kernel W", 0, kernel));
    dense->units = units;
    dense->is_shuffled = from->is_shuffled;
    dense->image = from->flattened;
    if ((*kernel)->kind == 'i' || (*kernel)->kind == 'u') {
        INV_TRY(keras_weight_needed(k, l, "kernel_scale", next++, &dense->scale));
        INV_TRY(keras_weight(k, l, "kernel_zero", next++, &dense->zero));
        INV_TRY(keras_weight(k, l, "g_idx", next++, &dense->group));
        inv_model_note(k->model,
                       "layer '%s' is of whole numbers; Keras rounds its inputs too, here they are "
                       "not: outputs may differ by a hundredth",
                       l->name);
    }
    if (k->layout == KERAS_NAMED && count_of(l, "lora_rank", 0) > 0) {
        INV_TRY(keras_weight_needed(k, l, "lora_kernel_a", 9, &dense->a));
        INV_TRY(keras_weight_needed(k, l, "lora_kernel_b", 9, &dense->b));
        dense->part =
            real_of(l, "lora_alpha", real_of(l, "lora_rank", 1.0)) / real_of(l, "lora_rank", 1.0);
    }
done:
    return status;
}

/* On a row of values; on the last axis of more, which is a convolution of one pixel. */
static inv_status add_dense(keras *k, const keras_layer *l, const keras_tensor *from,
                            keras_tensor *out)
{
    keras_tensor t = *from;
    const size_t units = count_of(l, "units", 0);
    const inv_tree_array *kernel = NULL;
    void *dense = NULL;
    inv_status status = INV_OK;
    if (units == 0)
        return refuse(k, l, "does not say how many units it has");
    if (t.rank > 1) {
        INV_TRY(in_order(k, l, &t));
        INV_TRY(want(k, l, last_axis_shape(&t), &t.at));
    }
    INV_TRY(inv_sketch_keep(k->sketch, 1, sizeof(keras_dense), &dense));
    INV_TRY(dense_kernel(k, l, &t, units, dense, &kernel));
    json_t *settings = t.rank == 1 ? json_pack("{ss si}", "type", "dense", "units", (int)units)
                                   : json_pack("{ss si si ss}", "type", "conv2d", "filters",
                                               (int)units, "size", 1, "padding", "valid");
    const bool folded = fold(k, l, settings, t.rank == 1);
    INV_TRY(add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "kernel", kernel, keras_fill_dense, dense));
    INV_TRY(bias_block(k, l, &t.at, bool_of(l, "use_bias", true), 1));
    t.dims[t.rank - 1] = units;
    t.is_shuffled = false;
    INV_TRY(finish(k, l, folded, &t));
    *out = t;
done:
    return status;
}

/* ---- convolutions ---- */

/* The keys of a layer with windows, as this program has them. */
static json_t *window_settings(const keras_layer *l, const char *type, const char *size_key)
{
    size_t size[2], stride[2], dilation[2];
    pair_of(l, size_key, 2, size);
    pair_of(l, "strides", 1, stride);
    pair_of(l, "dilation_rate", 1, dilation);
    if (!get(l, "strides") && strcmp(size_key, "pool_size") == 0)
        memcpy(stride, size, sizeof size);
    json_t *s = json_pack("{ss si si ss}", "type", type, "height", (int)size[0], "width",
                          (int)size[1], "padding", text_of(l, "padding", "valid"));
    if (s && stride[0] == stride[1])
        json_object_set_new(s, "stride", json_integer((json_int_t)stride[0]));
    if (s && stride[0] != stride[1]) {
        json_object_set_new(s, "stride_y", json_integer((json_int_t)stride[0]));
        json_object_set_new(s, "stride_x", json_integer((json_int_t)stride[1]));
    }
    if (s && dilation[0] * dilation[1] != 1) {
        json_object_set_new(s, "dilation_y", json_integer((json_int_t)dilation[0]));
        json_object_set_new(s, "dilation_x", json_integer((json_int_t)dilation[1]));
    }
    return s;
}

/* How the kernel is stored: Keras 0 and 1 have Theano's order, channels out first, with channels
 * first; Theano turns every kernel about. */
static inv_status conv_kernel(keras *k, const keras_layer *l, const inv_place *in, size_t out,
                              size_t groups, keras_conv **conv)
{
    void *memory = NULL;
    size_t size[2];
    inv_status status = inv_sketch_keep(k->sketch, 1, sizeof(keras_conv), &memory);
    pair_of(l, "kernel_size", 1, size);
    *conv = memory;
    if (status != INV_OK)
        return status;
    **conv = (keras_conv){.height = size[0],
                          .width = size[1],
                          .in = in->shape.channels / (groups ? groups : 1),
                          .out = out};
    (*conv)->out_first = k->version >= 0 && k->version < 2 && is_channels_first(l);
    (*conv)->flip = k->is_theano || (*conv)->out_first;
    return INV_OK;
}

static inv_status lora_conv(keras *k, const keras_layer *l, keras_conv *conv)
{
    inv_status status = INV_OK;
    if (k->layout != KERAS_NAMED || count_of(l, "lora_rank", 0) == 0)
        return INV_OK;
    INV_TRY(keras_weight_needed(k, l, "lora_kernel_a", 9, &conv->a));
    INV_TRY(keras_weight_needed(k, l, "lora_kernel_b", 9, &conv->b));
    conv->part =
        real_of(l, "lora_alpha", real_of(l, "lora_rank", 1.0)) / real_of(l, "lora_rank", 1.0);
done:
    return status;
}

static inv_status add_conv2d(keras *k, const keras_layer *l, const keras_tensor *from,
                             keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = is_channels_first(l);
    const size_t filters = count_of(l, "filters", 0), groups = count_of(l, "groups", 1);
    const inv_tree_array *kernel = NULL;
    keras_conv *conv = NULL;
    inv_status status = INV_OK;
    INV_TRY(as_image(k, l, first, &t));
    INV_TRY(conv_kernel(k, l, &t.at, filters, groups, &conv));
    INV_TRY(lora_conv(k, l, conv));
    INV_TRY(keras_weight_needed(k, l, "kernel W", 0, &kernel));
    json_t *settings = window_settings(l, "conv2d", "kernel_size");
    json_object_set_new(settings, "filters", json_integer((json_int_t)filters));
    if (groups != 1)
        json_object_set_new(settings, "groups", json_integer((json_int_t)groups));
    const bool has_bias = bool_of(l, "use_bias", true);
    if (!has_bias)
        json_object_set_new(settings, "use_bias", json_false());
    const bool folded = fold(k, l, settings, false);
    INV_TRY(add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "kernel", kernel, keras_fill_conv, conv));
    if (has_bias)
        INV_TRY(bias_block(k, l, &t.at, true, 1));
    t = image_tensor(t.at, first);
    INV_TRY(finish(k, l, folded, &t));
    *out = t;
done:
    return status;
}

static inv_status add_pool(keras *k, const keras_layer *l, const char *type,
                           const keras_tensor *from, keras_tensor *out)
{
    const bool first = is_channels_first(l);
    *out = *from;
    inv_status status = as_image(k, l, first, out);
    if (status == INV_OK)
        status = add(k, l, "", window_settings(l, type, "pool_size"), &out->at, &out->at);
    if (status == INV_OK)
        *out = image_tensor(out->at, first);
    return status;
}

static inv_status add_max_pool(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    return add_pool(k, l, "max_pool", from, out);
}

static inv_status add_average_pool(keras *k, const keras_layer *l, const keras_tensor *from,
                                   keras_tensor *out)
{
    return add_pool(k, l, "avg_pool", from, out);
}

static inv_status add_global_pool(keras *k, const keras_layer *l, const char *type,
                                  const keras_tensor *from, keras_tensor *out)
{
    const bool first = is_channels_first(l);
    *out = *from;
    inv_status status = as_image(k, l, first, out);
    if (status != INV_OK)
        return status;
    status = add(k, l, "",
                 json_pack("{ss si si si}", "type", type, "height", (int)out->at.shape.height,
                           "width", (int)out->at.shape.width, "stride", 1),
                 &out->at, &out->at);
    *out = bool_of(l, "keepdims", false) ? image_tensor(out->at, first) : flat_tensor(out->at);
    return status;
}

static inv_status add_global_max(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    return add_global_pool(k, l, "max_pool", from, out);
}

static inv_status add_global_average(keras *k, const keras_layer *l, const keras_tensor *from,
                                     keras_tensor *out)
{
    return add_global_pool(k, l, "avg_pool", from, out);
}

/* ---- flatten ---- */

static inv_status add_flatten(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    static const int channels_last[3] = {1, 2, 0};
    keras_tensor t = *from;
    const bool first = is_channels_first(l);
    inv_status status = INV_OK;
    if (t.rank == 1) {
        *out = t;
        return INV_OK;
    }
    if (first && !t.turned) { /* moves its second axis last, whatever that is */
        INV_TRY(want(k, l, last_axis_shape(&t), &t.at));
        if (t.rank == 2)
            INV_TRY(want(k, l, (inv_shape){t.dims[0], t.dims[1], 1}, &t.at));
        INV_TRY(move(k, l, ".order", channels_last, &t.at));
    }
    const inv_shape image = t.at.shape;
    INV_TRY(add(k, l, "", json_pack("{ss}", "type", "flatten"), &t.at, &t.at));
    const bool shuffled =
        t.turned && !first && image.channels > 1 && image.height * image.width > 1;
    t = flat_tensor(t.at);
    t.is_shuffled = shuffled;
    t.flattened = image;
    *out = t;
done:
    return status;
}

/* ---- batch normalisation ---- */

/* Axis `axis` of a key, counted as Keras does, the batch included; -1 where it is not there. */
static int axis_of(const keras_layer *l, const char *key, size_t rank, int otherwise)
{
    json_t *value = get(l, key);
    if (json_is_array(value))
        value = json_array_size(value) == 1 ? json_array_get(value, 0) : NULL;
    int axis = json_is_integer(value) ? (int)json_integer_value(value) : otherwise;
    if (axis < 0)
        axis += (int)rank + 1;
    return axis >= 1 && axis <= (int)rank ? axis : -1;
}

static inv_status norm_block(keras *k, const keras_layer *l, const inv_place *at, const char *block,
                             const char *names, bool is_there, inv_sketch_fill otherwise,
                             size_t *number)
{
    const inv_tree_array *array = NULL;
    if (!is_there)
        return inv_sketch_block(k->sketch, at, block, NULL, otherwise, NULL);
    inv_status status = keras_weight_needed(k, l, names, (*number)++, &array);
    return status == INV_OK ? inv_sketch_block(k->sketch, at, block, array, NULL, NULL) : status;
}

static inv_status norm_blocks(keras *k, const keras_layer *l, const inv_place *at)
{
    size_t number = 0;
    inv_status status = INV_OK;
    INV_TRY(norm_block(k, l, at, "gamma", "gamma", bool_of(l, "scale", true), keras_fill_ones,
                       &number));
    INV_TRY(norm_block(k, l, at, "beta", "beta", bool_of(l, "center", true), keras_fill_zeros,
                       &number));
    INV_TRY(norm_block(k, l, at, "mean", "moving_mean running_mean", true, NULL, &number));
    INV_TRY(norm_block(k, l, at, "variance", "moving_variance running_std running_var", true, NULL,
                       &number));
done:
    return status;
}

/* Of Keras's axis `axis` (0 the first behind the batch), brought last, and back. */
static inv_status to_last(keras *k, const keras_layer *l, keras_tensor *t, int axis, int back[3])
{
    static const int orders[3][3] = {{1, 2, 0}, {0, 2, 1}, {0, 1, 2}};
    static const int backs[3][3] = {{2, 0, 1}, {0, 2, 1}, {0, 1, 2}};
    const int ours = t->turned ? (axis + 2) % 3 : axis; /* channels, height, width: 2, 0, 1 */
    memcpy(back, backs[ours], sizeof backs[ours]);
    if (!t->turned) {
        inv_status status = want(k, l, last_axis_shape(t), &t->at);
        if (status != INV_OK)
            return status;
    }
    return ours == 2 ? INV_OK : move(k, l, ".to", orders[ours], &t->at);
}

static inv_status add_batch_norm(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    keras_tensor t = *from;
    const int axis = axis_of(l, "axis", t.rank, -1);
    int back[3] = {0, 1, 2};
    bool moved = false;
    inv_status status = INV_OK;
    if (axis < 1 || (t.rank == 2 && axis == 1) || count_of(l, "mode", 0) == 1)
        return refuse(k, l, "normalises over axes that are not known");
    INV_TRY(unshuffle(k, l, &t));
    if (t.rank == 3) {
        const inv_place before = t.at;
        INV_TRY(to_last(k, l, &t, axis - 1, back));
        moved = strcmp(before.name, t.at.name) != 0;
    } else {
        INV_TRY(want(k, l, last_axis_shape(&t), &t.at));
    }
    INV_TRY(add(k, l, "",
                json_pack("{ss sf sf}", "type", "batch_norm", "epsilon",
                          real_of(l, "epsilon", 1e-3), "momentum", real_of(l, "momentum", 0.99)),
                &t.at, &t.at));
    INV_TRY(norm_blocks(k, l, &t.at));
    if (moved && (back[0] != 0 || back[1] != 1))
        INV_TRY(move(k, l, ".back", back, &t.at));
    *out = t;
done:
    return status;
}

/* ---- shapes ---- */

/* The sizes of a Reshape, of which one may be -1. */
static inv_status read_target(const keras *k, const keras_layer *l, json_t *target, size_t first,
                              size_t total, size_t *rank, size_t dims[KERAS_RANK_MAX])
{
    size_t known = 1, open = SIZE_MAX;
    *rank = json_array_size(target) - first;
    if (!json_is_array(target) || json_array_size(target) <= first || *rank >= KERAS_RANK_MAX)
        return refuse(k, l, "a shape of no axes, or more than three");
    for (size_t i = 0; i < *rank; i++) {
        const json_int_t n = json_integer_value(json_array_get(target, i + first));
        dims[i] = n > 0 && n <= 65535 ? (size_t)n : 1;
        if (n < 1)
            open = i;
        known *= dims[i];
    }
    if (open < *rank)
        dims[open] = total / known;
    for (size_t i = known = 1; i <= *rank; i++)
        known *= dims[i - 1];
    return known == total ? INV_OK : refuse(k, l, "a shape of another number of values");
}

static inv_status add_reshape(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    keras_tensor t = *from;
    json_t *target = get(l, "target_shape");
    const size_t first = target ? 0 : 1; /* the function's has the batch too */
    inv_status status = INV_OK;
    INV_TRY(in_order(k, l, &t));
    INV_TRY(read_target(k, l, target ? target : get(l, "newshape"), first,
                        inv_shape_size(t.at.shape), &t.rank, t.dims));
    *out = t;
done:
    return status;
}

/* ---- the table ---- */

typedef inv_status adder(keras *k, const keras_layer *l, const keras_tensor *from,
                         keras_tensor *out);

typedef struct keras_class {
    const char *name;
    adder *add;
    bool has_weights;
} keras_class;

static const keras_class classes[] = {{"Dense", add_dense, true},
                                      {"Conv2D", add_conv2d, true},
                                      {"Convolution2D", add_conv2d, true},
                                      {"MaxPooling2D", add_max_pool, false},
                                      {"MaxPool2D", add_max_pool, false},
                                      {"AveragePooling2D", add_average_pool, false},
                                      {"AvgPool2D", add_average_pool, false},
                                      {"GlobalMaxPooling2D", add_global_max, false},
                                      {"GlobalMaxPool2D", add_global_max, false},
                                      {"GlobalAveragePooling2D", add_global_average, false},
                                      {"GlobalAvgPool2D", add_global_average, false},
                                      {"Flatten", add_flatten, false},
                                      {"Reshape", add_reshape, false},
                                      {"Activation", add_activation, false},
                                      {"ReLU", add_relu, false},
                                      {"LeakyReLU", add_leaky_relu, false},
                                      {"ELU", add_elu, false},
                                      {"Softmax", add_softmax, false},
                                      {"ThresholdedReLU", add_thresholded, false},
                                      {"BatchNormalization", add_batch_norm, true},
                                      {"BatchNormalizationV1", add_batch_norm, true},
                                      {"BatchNormalizationV2", add_batch_norm, true},
                                      {"Dropout", add_dropout, false},
                                      {"SpatialDropout2D", add_nothing, false},
                                      {"GaussianNoise", add_nothing, false},
                                      {"GaussianDropout", add_nothing, false},
                                      {"AlphaDropout", add_nothing, false},
                                      {"ActivityRegularization", add_nothing, false},
                                      {"RandomFlip", add_nothing, false},
                                      {"RandomRotation", add_nothing, false},
                                      {"RandomTranslation", add_nothing, false},
                                      {"RandomZoom", add_nothing, false},
                                      {"RandomContrast", add_nothing, false},
                                      {"RandomBrightness", add_nothing, false},
                                      {"InputLayer", add_nothing, false},
                                      {0}};

/* Why a class that is not in the table never will be; NULL: only that it is not known. */
static const char *why_not(const char *class)
{
    static const struct {
        const char *name, *why;
    } reasons[] = {
        {"LSTM", "a recurrent layer; this program knows layers of images"},
        {"GRU", "a recurrent layer; this program knows layers of images"},
        {"SimpleRNN", "a recurrent layer; this program knows layers of images"},
        {"Bidirectional", "a recurrent layer; this program knows layers of images"},
        {"Embedding", "takes indices, not pixels"},
        {"Lambda", "Python code inside the file, which is not run; unknown what it computes"},
        {"Conv1D", "a convolution over one axis; this program knows those of images"},
        {"Conv3D", "a convolution over three axes; this program knows those of images"}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(class, reasons[i].name) == 0)
            return reasons[i].why;
    return "a layer that is not known here";
}

static const keras_class *find_class(const char *name)
{
    for (const keras_class *c = classes; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

bool keras_has_weights(const char *class)
{
    const keras_class *c = find_class(class);
    return c && c->has_weights;
}

bool keras_is_channels_first(json_t *entry)
{
    json_t *item;
    size_t i;
    const char *key;
    if (json_is_array(entry))
        json_array_foreach(entry, i, item) if (keras_is_channels_first(item)) return true;
    if (!json_is_object(entry))
        return false;
    const char *order = json_string_value(json_object_get(entry, "data_format"));
    if (order && strcmp(order, "channels_first") == 0)
        return true;
    json_object_foreach(entry, key, item) if (keras_is_channels_first(item)) return true;
    return false;
}

inv_status keras_layer_add(keras *k, const keras_layer *l, const keras_tensor *from, size_t count,
                           keras_tensor *out)
{
    const keras_class *c = find_class(l->class);
    if (!c)
        return refuse(k, l, why_not(l->class));
    if (count != 1)
        return refuse(k, l, "takes several inputs, which is not known");
    return c->add(k, l, from, out);
}
