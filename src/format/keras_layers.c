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
    const char named[4] = {"hwc"[order[0]], "hwc"[order[1]], "hwc"[order[2]], 0};
    return add(k, l, ending, json_pack("{ss ss}", "type", "permute", "order", named), at, at);
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
    inv_status status = inv_model_input(k->how, k->model, k->sketch, shape, &t.at);
    *out = t;
    return status;
}

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
        json_object_set_new(settings, "negative_slope", json_real(slope));
    if (threshold != 0.0)
        json_object_set_new(settings, "threshold", json_real(threshold));
    if (json_is_number(maximum))
        json_object_set_new(settings, "max_value", json_real(json_number_value(maximum)));
    if (json_is_number(maximum) && !(json_number_value(maximum) > 0.0)) {
        json_decref(settings);
        return refuse(k, l, "a max_value that is not above 0");
    }
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
        json_object_set_new(s, "stride_height", json_integer((json_int_t)stride[0]));
        json_object_set_new(s, "stride_width", json_integer((json_int_t)stride[1]));
    }
    if (s && dilation[0] * dilation[1] != 1) {
        json_object_set_new(s, "dilation_height", json_integer((json_int_t)dilation[0]));
        json_object_set_new(s, "dilation_width", json_integer((json_int_t)dilation[1]));
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
    (*conv)->flip = k->is_theano || ((*conv)->out_first && !k->knows_backend);
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

/* What "same" puts around n values: less before than behind, where it is uneven. */
static void same_padding(size_t n, size_t size, size_t stride, size_t around[2])
{
    const size_t places = (n + stride - 1) / stride, all = (places - 1) * stride + size;
    around[0] = all > n ? (all - n) / 2 : 0;
    around[1] = all > n ? all - n - around[0] : 0;
}

/* With the torch backend, where the padding of a side is uneven, the edge is repeated all around and
 * counts; with TensorFlow, and where it is even, what lies outside is left out. */
static inv_status repeat_edge(keras *k, const keras_layer *l, keras_tensor *t, bool *padded)
{
    size_t size[2], stride[2], rows[2], columns[2];
    *padded = false;
    pair_of(l, "pool_size", 2, size);
    memcpy(stride, size, sizeof size);
    if (get(l, "strides"))
        pair_of(l, "strides", 1, stride);
    if (strcmp(text_of(l, "padding", "valid"), "same") != 0 || !stride[0] || !stride[1])
        return INV_OK;
    same_padding(t->at.shape.height, size[0], stride[0], rows);
    same_padding(t->at.shape.width, size[1], stride[1], columns);
    if (rows[0] == rows[1] && columns[0] == columns[1])
        return INV_OK;
    *padded = k->is_torch;
    if (k->version == 3 && !k->knows_backend)
        inv_model_note(
            k->model,
            "layer '%s' averages at the border as TensorFlow does; if Keras ran on torch, "
            "say --backend torch",
            l->name);
    return !k->is_torch ? INV_OK
                        : add(k, l, ".edge",
                              json_pack("{ss ss si si si si}", "type", "pad", "mode", "edge", "top",
                                        (int)rows[0], "bottom", (int)rows[1], "left",
                                        (int)columns[0], "right", (int)columns[1]),
                              &t->at, &t->at);
}

static inv_status add_average_pool(keras *k, const keras_layer *l, const keras_tensor *from,
                                   keras_tensor *out)
{
    const bool first = is_channels_first(l);
    bool padded = false;
    keras_tensor t = *from;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(as_image(k, l, first, &t));
    INV_TRY(repeat_edge(k, l, &t, &padded));
    settings = window_settings(l, "avg_pool", "pool_size");
    if (padded)
        json_object_set_new(settings, "padding", json_string("valid"));
    INV_TRY(add(k, l, "", settings, &t.at, &t.at));
    *out = image_tensor(t.at, first);
done:
    return status;
}

static inv_status add_global_pool(keras *k, const keras_layer *l, const char *type,
                                  const keras_tensor *from, keras_tensor *out)
{
    const bool first = is_channels_first(l);
    *out = *from;
    inv_status status = as_image(k, l, first, out);
    if (status != INV_OK)
        return status;
    status = add(k, l, "", json_pack("{ss}", "type", type), &out->at, &out->at);
    *out = bool_of(l, "keepdims", false) ? image_tensor(out->at, first) : flat_tensor(out->at);
    return status;
}

static inv_status add_global_max(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    return add_global_pool(k, l, "global_max_pool", from, out);
}

static inv_status add_global_average(keras *k, const keras_layer *l, const keras_tensor *from,
                                     keras_tensor *out)
{
    return add_global_pool(k, l, "global_avg_pool", from, out);
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

/* The keys of a layer that normalises: whether it scales and shifts. */
static json_t *norm_settings(const keras_layer *l, const char *type, double epsilon)
{
    json_t *s = json_pack("{ss sf}", "type", type, "epsilon", real_of(l, "epsilon", epsilon));
    if (s && !bool_of(l, "scale", true))
        json_object_set_new(s, "use_gamma", json_false());
    if (s && !bool_of(l, "center", true))
        json_object_set_new(s, "use_beta", json_false());
    return s;
}

static inv_status put_block(keras *k, const keras_layer *l, const inv_place *at, const char *block,
                            const char *names, size_t number)
{
    const inv_tree_array *array = NULL;
    inv_status status = keras_weight_needed(k, l, names, number, &array);
    return status == INV_OK ? inv_sketch_block(k->sketch, at, block, array, NULL, NULL) : status;
}

/* gamma and beta, where there are; *number counts them. */
static inv_status norm_blocks(keras *k, const keras_layer *l, const inv_place *at, size_t *number)
{
    inv_status status = INV_OK;
    if (bool_of(l, "scale", true))
        INV_TRY(put_block(k, l, at, "gamma", "gamma scale", (*number)++));
    if (bool_of(l, "center", true))
        INV_TRY(put_block(k, l, at, "beta", "beta", (*number)++));
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
    size_t number = 0;
    bool moved = false;
    json_t *settings = NULL;
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
    settings = norm_settings(l, "batch_norm", 1e-3);
    json_object_set_new(settings, "momentum", json_real(real_of(l, "momentum", 0.99)));
    INV_TRY(add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(norm_blocks(k, l, &t.at, &number));
    INV_TRY(put_block(k, l, &t.at, "mean", "moving_mean running_mean", number++));
    INV_TRY(put_block(k, l, &t.at, "variance", "moving_variance running_std running_var", number));
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

/* ---- other normalisations ---- */

/* Which of the net's axes a list of Keras's names; false where one is not known. */
static bool axes_of(const keras_layer *l, const char *key, const keras_tensor *t, bool ours[3])
{
    json_t *value = get(l, key);
    const size_t count = json_is_array(value) ? json_array_size(value) : 1;
    memset(ours, 0, 3 * sizeof *ours);
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        int axis = json_is_integer(one) ? (int)json_integer_value(one) : one ? 0 : -1;
        axis += axis < 0 ? (int)t->rank + 1 : 0;
        if (axis < 1 || axis > (int)t->rank)
            return false;
        const int among = t->rank == 3           ? (t->turned ? (axis + 1) % 3 : axis - 1)
                          : axis == (int)t->rank ? 2
                                                 : 0;
        ours[among] = true;
    }
    return true;
}

static inv_status add_layer_norm(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    const bool rms = strcmp(l->class, "RMSNormalization") == 0;
    keras_tensor t = *from;
    bool axes[3];
    size_t number = 0;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(in_order(k, l, &t));
    INV_TRY(want(k, l, last_axis_shape(&t), &t.at));
    if (!axes_of(l, "axis", &t, axes) || bool_of(l, "rms_scaling", false))
        return refuse(k, l, "normalises in a way that is not known");
    settings = norm_settings(l, "layer_norm", rms ? 1e-6 : 1e-3);
    json_object_set_new(settings, "over_height", json_boolean(axes[0]));
    json_object_set_new(settings, "over_width", json_boolean(axes[1]));
    json_object_set_new(settings, "over_channels", json_boolean(axes[2]));
    if (rms) {
        json_object_set_new(settings, "subtract_mean", json_false());
        json_object_set_new(settings, "use_gamma", json_true());
        json_object_set_new(settings, "use_beta", json_false());
    }
    INV_TRY(add(k, l, "", settings, &t.at, &t.at));
    if (rms)
        INV_TRY(put_block(k, l, &t.at, "gamma", "scale gamma", 0));
    else
        INV_TRY(norm_blocks(k, l, &t.at, &number));
    *out = t;
done:
    return status;
}

static inv_status add_group_norm(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    keras_tensor t = *from;
    const int axis = axis_of(l, "axis", t.rank, -1);
    const json_int_t groups = get(l, "groups") ? json_integer_value(get(l, "groups")) : 32;
    size_t number = 0;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    if (axis != (t.turned ? 1 : (int)t.rank))
        return refuse(k, l, "normalises groups of another axis than the channels");
    INV_TRY(unshuffle(k, l, &t));
    if (!t.turned)
        INV_TRY(want(k, l, last_axis_shape(&t), &t.at));
    settings = norm_settings(l, "group_norm", 1e-3);
    json_object_set_new(settings, "groups", json_integer(groups < 0 ? 0 : groups));
    INV_TRY(add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(norm_blocks(k, l, &t.at, &number));
    *out = t;
done:
    return status;
}

/* x / max(|x|, 1e-6) along the last axis, which is RMS normalisation by another factor. */
static inv_status add_unit_norm(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    keras_tensor t = *from;
    inv_status status = INV_OK;
    if (axis_of(l, "axis", t.rank, -1) != (int)t.rank)
        return refuse(k, l, "normalises over another axis than the last");
    INV_TRY(in_order(k, l, &t));
    INV_TRY(want(k, l, last_axis_shape(&t), &t.at));
    INV_TRY(add(k, l, ".rms",
                json_pack("{ss sf sb sb sb}", "type", "layer_norm", "epsilon", 1e-30,
                          "subtract_mean", 0, "use_gamma", 0, "use_beta", 0),
                &t.at, &t.at));
    INV_TRY(add(
        k, l, "",
        json_pack("{ss sf}", "type", "rescale", "scale", 1.0 / sqrt((double)t.dims[t.rank - 1])),
        &t.at, &t.at));
    *out = t;
done:
    return status;
}

/* ---- fixed numbers ---- */

/* The number of values of a key: 1 for a number, 0 where it is not there. */
static size_t numbers_in(json_t *value)
{
    while (json_is_array(value) && json_array_size(value) == 1 &&
           json_is_array(json_array_get(value, 0)))
        value = json_array_get(value, 0); /* lists of one, one for each axis */
    return json_is_array(value) ? json_array_size(value) : json_is_number(value);
}

static double number_in(json_t *value, size_t i, double otherwise)
{
    while (json_is_array(value) && json_array_size(value) == 1)
        value = json_array_get(value, 0);
    if (json_is_array(value))
        value = json_array_get(value, i);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* y = scale x + offset, one of each for every channel. */
static inv_status rescale_channels(keras *k, const keras_layer *l, size_t channels, float *scale,
                                   float *offset, inv_place *at)
{
    void *context[2] = {NULL};
    const float *numbers[2] = {scale, offset};
    inv_status status =
        add(k, l, "", json_pack("{ss ss}", "type", "rescale", "per", "channel"), at, at);
    for (int i = 0; i < 2 && status == INV_OK; i++) {
        status = inv_sketch_keep(k->sketch, channels, sizeof(float), &context[i]);
        if (status != INV_OK)
            return status;
        memcpy(context[i], numbers[i], channels * sizeof(float));
        status = inv_sketch_block(k->sketch, at, i ? "offset" : "scale", NULL, keras_fill_copy,
                                  context[i]);
    }
    return status;
}

/* Of the last axis of the model's input: what pixels are is then in the file. */
static void tells_pixels(keras *k, const keras_tensor *from)
{
    if (*from->at.name)
        return;
    k->model->scale = 1.0;
    k->model->is_prepared = true;
}

static inv_status add_rescaling(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    keras_tensor t = *from;
    json_t *scale = get(l, "scale"), *offset = get(l, "offset");
    const size_t n = t.dims[t.rank - 1];
    void *numbers = NULL;
    inv_status status = INV_OK;
    tells_pixels(k, from);
    if (numbers_in(scale) <= 1 && numbers_in(offset) <= 1) {
        *out = t;
        return add(k, l, "",
                   json_pack("{ss sf sf}", "type", "rescale", "scale", number_in(scale, 0, 1.0),
                             "offset", number_in(offset, 0, 0.0)),
                   &out->at, &out->at);
    }
    if ((numbers_in(scale) > 1 && numbers_in(scale) != n) ||
        (numbers_in(offset) > 1 && numbers_in(offset) != n))
        return refuse(k, l, "scales of another number than there are channels");
    INV_TRY(in_order(k, l, &t));
    INV_TRY(want(k, l, last_axis_shape(&t), &t.at));
    INV_TRY(inv_calloc(2 * n, sizeof(float), k->file, &numbers));
    for (size_t i = 0; i < n; i++) {
        ((float *)numbers)[i] = (float)number_in(scale, i, 1.0);
        ((float *)numbers)[n + i] = (float)number_in(offset, i, 0.0);
    }
    INV_TRY(rescale_channels(k, l, n, numbers, (float *)numbers + n, &t.at));
    *out = t;
done:
    free(numbers);
    return status;
}

/* Mean and variance as the key or, adapted to data, as variables have them; *count values. */
static inv_status read_statistic(keras *k, const keras_layer *l, const char *key, size_t number,
                                 size_t n, float **out, size_t *count)
{
    const inv_tree_array *array = NULL;
    json_t *value = get(l, key);
    void *memory = NULL;
    inv_status status = INV_OK;
    *count = numbers_in(value);
    if (*count == 0) {
        INV_TRY(keras_weight_needed(k, l, key, number, &array));
        *count = array->count;
    }
    if (*count != 1 && *count != n)
        return refuse(k, l, "statistics of another number than there are channels");
    INV_TRY(inv_calloc(n, sizeof(float), k->file, &memory));
    *out = memory;
    if (array)
        INV_TRY(inv_tree_floats(array, *out));
    for (size_t i = 0; !array && i < *count; i++)
        (*out)[i] = (float)number_in(value, i, 0.0);
    for (size_t i = *count; i < n; i++)
        (*out)[i] = (*out)[0];
done:
    return status;
}

/* (x - mean) / max(sqrt(variance), 1e-7), or with `invert` back. */
static inv_status add_normalization(keras *k, const keras_layer *l, const keras_tensor *from,
                                    keras_tensor *out)
{
    keras_tensor t = *from;
    json_t *axis = get(l, "axis");
    const bool all = !axis || (json_is_array(axis) && json_array_size(axis) == 0);
    const size_t n = t.dims[t.rank - 1];
    float *mean = NULL, *variance = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    if (!all && axis_of(l, "axis", t.rank, -1) != (int)t.rank)
        return refuse(k, l, "normalises over other axes than the last");
    tells_pixels(k, from);
    INV_TRY(in_order(k, l, &t));
    INV_TRY(want(k, l, last_axis_shape(&t), &t.at));
    INV_TRY(read_statistic(k, l, "mean", 0, n, &mean, &count));
    INV_TRY(read_statistic(k, l, "variance", 1, n, &variance, &count));
    for (size_t i = 0; i < n; i++) {
        const double deviation = fmax(sqrt((double)variance[i]), 1e-7);
        const bool back = bool_of(l, "invert", false);
        variance[i] = (float)(back ? deviation : 1.0 / deviation);
        mean[i] = (float)(back ? (double)mean[i] : -(double)mean[i] / deviation);
    }
    INV_TRY(rescale_channels(k, l, n, variance, mean, &t.at));
    *out = t;
done:
    free(mean);
    free(variance);
    return status;
}

/* ---- PReLU ---- */

static inv_status add_prelu(keras *k, const keras_layer *l, const keras_tensor *from,
                            keras_tensor *out)
{
    keras_tensor t = *from;
    const inv_tree_array *alpha = NULL;
    inv_status status = INV_OK;
    INV_TRY(in_order(k, l, &t));
    INV_TRY(want(k, l, last_axis_shape(&t), &t.at));
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
        return refuse(k, l, "slopes of other sizes than what comes there");
    INV_TRY(add(k, l, "",
                json_pack("{ss sb sb sb}", "type", "prelu", "share_height",
                          high == 1 && s.height > 1, "share_width", wide == 1 && s.width > 1,
                          "share_channels", deep == 1 && s.channels > 1),
                &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "alpha", alpha, NULL, NULL));
    *out = t;
done:
    return status;
}

/* ---- depthwise and transposed convolutions ---- */

/* A kernel [height, width, in, multiplier] as it is, or turned about. */
static inv_status depthwise_kernel(keras *k, const keras_layer *l, const inv_place *in,
                                   size_t multiplier, const inv_place *at)
{
    const inv_tree_array *kernel = NULL;
    keras_conv *conv = NULL;
    inv_status status = INV_OK;
    INV_TRY(conv_kernel(k, l, in, multiplier, 1, &conv));
    INV_TRY(keras_weight_needed(k, l, "depthwise_kernel kernel", 0, &kernel));
    INV_TRY(inv_sketch_block(k->sketch, at, "kernel", kernel, keras_fill_conv, conv));
done:
    return status;
}

static json_t *depthwise_settings(const keras_layer *l, size_t multiplier, bool has_bias)
{
    json_t *s = window_settings(l, "depthwise_conv2d", "kernel_size");
    json_object_set_new(s, "multiplier", json_integer((json_int_t)multiplier));
    if (!has_bias)
        json_object_set_new(s, "use_bias", json_false());
    return s;
}

static inv_status add_depthwise(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = is_channels_first(l), has_bias = bool_of(l, "use_bias", true);
    const size_t multiplier = count_of(l, "depth_multiplier", 1);
    json_t *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(as_image(k, l, first, &t));
    const inv_place in = t.at;
    settings = depthwise_settings(l, multiplier, has_bias);
    const bool folded = fold(k, l, settings, false);
    INV_TRY(add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(depthwise_kernel(k, l, &in, multiplier, &t.at));
    if (has_bias)
        INV_TRY(bias_block(k, l, &t.at, true, 1));
    t = image_tensor(t.at, first);
    INV_TRY(finish(k, l, folded, &t));
    *out = t;
done:
    return status;
}

/* A depthwise convolution, and one of single pixels. */
static inv_status add_separable(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    char name[2 * INV_NAME_MAX];
    keras_tensor t = *from;
    const bool first = is_channels_first(l), has_bias = bool_of(l, "use_bias", true);
    const size_t multiplier = count_of(l, "depth_multiplier", 1),
                 filters = count_of(l, "filters", 0);
    const inv_tree_array *pointwise = NULL;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(as_image(k, l, first, &t));
    const inv_place in = t.at;
    snprintf(name, sizeof name, "%.48s_depth", l->name);
    INV_TRY(inv_sketch_add(k->sketch, name, "", depthwise_settings(l, multiplier, false), &t.at, 1,
                           &t.at));
    INV_TRY(depthwise_kernel(k, l, &in, multiplier, &t.at));
    INV_TRY(keras_weight_needed(k, l, "pointwise_kernel", 1, &pointwise));
    settings = json_pack("{ss si si ss sb}", "type", "conv2d", "filters", (int)filters, "size", 1,
                         "padding", "valid", "use_bias", has_bias);
    const bool folded = fold(k, l, settings, false);
    INV_TRY(add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "kernel", pointwise, NULL, NULL));
    if (has_bias)
        INV_TRY(bias_block(k, l, &t.at, true, 2));
    t = image_tensor(t.at, first);
    INV_TRY(finish(k, l, folded, &t));
    *out = t;
done:
    return status;
}

/* Where output_padding is given, Keras's "same" is cut otherwise (conv2d_transpose.c says how). */
static inv_status transpose_padding(const keras *k, const keras_layer *l, json_t *settings)
{
    size_t size[2], more[2], dilation[2];
    if (!get(l, "output_padding"))
        return INV_OK;
    pair_of(l, "output_padding", 0, more);
    pair_of(l, "kernel_size", 1, size);
    pair_of(l, "dilation_rate", 1, dilation);
    if (strcmp(text_of(l, "padding", "valid"), "same") != 0) {
        json_object_set_new(settings, "padding", json_string("explicit"));
        json_object_set_new(settings, "output_padding_height", json_integer((json_int_t)more[0]));
        json_object_set_new(settings, "output_padding_width", json_integer((json_int_t)more[1]));
        return INV_OK;
    }
    static const char *const before[] = {"top", "left"}, *const after[] = {"bottom", "right"};
    for (int i = 0; i < 2; i++) {
        const size_t reach = (size[i] - 1) * dilation[i] + 1;
        if (size[i] == 0 || reach / 2 < (more[i] + 1) / 2)
            return refuse(k, l, "more output_padding than half a window");
        json_object_set_new(settings, before[i],
                            json_integer((json_int_t)(reach / 2 - (more[i] + 1) / 2)));
        json_object_set_new(settings, after[i],
                            json_integer((json_int_t)(reach / 2 - more[i] / 2)));
    }
    json_object_set_new(settings, "padding", json_string("explicit"));
    return INV_OK;
}

/* Its kernel is [height, width, out, in]. */
static inv_status add_transpose(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = is_channels_first(l), has_bias = bool_of(l, "use_bias", true);
    const size_t filters = count_of(l, "filters", 0);
    const inv_tree_array *kernel = NULL;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    if (k->is_theano || (k->version >= 0 && k->version < 2))
        return refuse(k, l, "a transposed convolution of a Keras before 2, or of Theano");
    INV_TRY(as_image(k, l, first, &t));
    INV_TRY(keras_weight_needed(k, l, "kernel", 0, &kernel));
    if (kernel->rank == 4 && (kernel->dims[2] != filters || kernel->dims[3] != t.at.shape.channels))
        return refuse(k, l, "a kernel of other sizes");
    settings = window_settings(l, "conv2d_transpose", "kernel_size");
    json_object_set_new(settings, "filters", json_integer((json_int_t)filters));
    if (!has_bias)
        json_object_set_new(settings, "use_bias", json_false());
    status = transpose_padding(k, l, settings);
    if (status != INV_OK) {
        json_decref(settings);
        return status;
    }
    const bool folded = fold(k, l, settings, false);
    INV_TRY(add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "kernel", kernel, NULL, NULL));
    if (has_bias)
        INV_TRY(bias_block(k, l, &t.at, true, 1));
    t = image_tensor(t.at, first);
    INV_TRY(finish(k, l, folded, &t));
    *out = t;
done:
    return status;
}

/* ---- images made larger, smaller, or turned ---- */

/* Rows above and below, columns left and right: a number, one for each axis, or two. */
static bool read_sides(const keras_layer *l, const char *key, size_t otherwise, size_t sides[4])
{
    json_t *value = get(l, key);
    for (size_t i = 0; i < 4; i++) {
        json_t *axis = json_is_array(value) ? json_array_get(value, i / 2) : value;
        if (json_is_array(axis))
            axis = json_array_get(axis, i % 2);
        sides[i] = size_of(axis, value ? SIZE_MAX : otherwise);
        if (sides[i] == SIZE_MAX)
            return false;
    }
    return !json_is_array(value) || json_array_size(value) == 2;
}

static inv_status add_sides(keras *k, const keras_layer *l, const char *type, const size_t sides[4],
                            const keras_tensor *from, keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = is_channels_first(l);
    inv_status status = as_image(k, l, first, &t);
    if (status == INV_OK)
        status = add(k, l, "",
                     json_pack("{ss si si si si}", "type", type, "top", (int)sides[0], "bottom",
                               (int)sides[1], "left", (int)sides[2], "right", (int)sides[3]),
                     &t.at, &t.at);
    *out = image_tensor(t.at, first);
    return status;
}

static inv_status add_padding(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    size_t sides[4];
    if (!read_sides(l, "padding", 1, sides))
        return refuse(k, l, "padding that is not understood");
    return add_sides(k, l, "pad", sides, from, out);
}

static inv_status add_cropping(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    size_t sides[4];
    if (!read_sides(l, "cropping", 0, sides))
        return refuse(k, l, "a cropping that is not understood");
    return add_sides(k, l, "crop", sides, from, out);
}

static inv_status add_center_crop(keras *k, const keras_layer *l, const keras_tensor *from,
                                  keras_tensor *out)
{
    keras_tensor t = *from;
    inv_status status = as_image(k, l, is_channels_first(l), &t);
    const size_t height = count_of(l, "height", 0), width = count_of(l, "width", 0);
    const inv_shape s = t.at.shape;
    if (status != INV_OK)
        return status;
    if (height == 0 || width == 0 || height > s.height || width > s.width)
        return refuse(k, l, "a crop larger than its image, which resizes it");
    const size_t top = (s.height - height) / 2, left = (s.width - width) / 2;
    const size_t sides[4] = {top, s.height - height - top, left, s.width - width - left};
    return add_sides(k, l, "crop", sides, &t, out);
}

/* To the size that there is already: nothing. */
static inv_status add_resizing(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    keras_tensor t = *from;
    inv_status status = as_image(k, l, is_channels_first(l), &t);
    if (status != INV_OK)
        return status;
    if (count_of(l, "height", 0) != t.at.shape.height ||
        count_of(l, "width", 0) != t.at.shape.width)
        return refuse(k, l, "resizes images; give the model images of the size that it resizes to");
    *out = t;
    return INV_OK;
}

static inv_status add_upsampling(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = is_channels_first(l);
    const char *how = text_of(l, "interpolation", "nearest");
    size_t factor[2];
    pair_of(l, "size", 2, factor);
    if (strcmp(how, "nearest") != 0 && strcmp(how, "bilinear") != 0)
        return refuse(k, l, "an interpolation that is not known");
    inv_status status = as_image(k, l, first, &t);
    if (status == INV_OK)
        status = add(k, l, "",
                     json_pack("{ss ss si si}", "type", "upsample", "interpolation", how,
                               "factor_height", (int)factor[0], "factor_width", (int)factor[1]),
                     &t.at, &t.at);
    *out = image_tensor(t.at, first);
    return status;
}

static inv_status add_permute(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    keras_tensor t = *from;
    json_t *dims = get(l, "dims");
    int order[3] = {0, 1, 2};
    bool seen[3] = {false};
    inv_status status = INV_OK;
    if (t.rank > 3 || json_array_size(dims) != t.rank)
        return refuse(k, l, "another number of axes than comes there");
    INV_TRY(in_order(k, l, &t));
    for (size_t i = 0; i < t.rank; i++) {
        const size_t axis = size_of(json_array_get(dims, i), 0);
        if (axis < 1 || axis > t.rank || seen[axis - 1])
            return refuse(k, l, "axes that are not understood");
        seen[axis - 1] = true;
        order[i] = (int)axis - 1;
    }
    /* two axes are rows and columns of one channel */
    INV_TRY(want(k, l, t.rank == 2 ? (inv_shape){t.dims[0], t.dims[1], 1} : last_axis_shape(&t),
                 &t.at));
    if (t.rank > 1)
        INV_TRY(move(k, l, ".axes", order, &t.at));
    const keras_tensor before = t;
    for (size_t i = 0; i < t.rank && i < 3; i++)
        t.dims[i] = before.dims[order[i]];
    *out = t;
done:
    return status;
}

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
            status = in_order(k, l, &list[i]);
        if (status == INV_OK && !list[i].turned)
            status = want(k, l, last_axis_shape(&list[i]), &list[i].at);
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

static inv_status add_merge(keras *k, const keras_layer *l, const char *type, keras_tensor *list,
                            size_t count, keras_tensor *out)
{
    for (size_t i = 1; i < count; i++)
        if (list[i].rank != list[0].rank)
            return refuse(k, l, "inputs of different numbers of axes");
    inv_status status = bring_together(k, l, list, count);
    if (status == INV_OK)
        status = join(k, l, json_pack("{ss}", "type", type), list, count, out);
    if (status == INV_OK)
        widen(out, list, count);
    return status;
}

static inv_status add_concatenate(keras *k, const keras_layer *l, keras_tensor *list, size_t count,
                                  keras_tensor *out)
{
    static const char *const axes[] = {"height", "width", "channels"};
    const int axis = axis_of(l, "axis", list[0].rank, -1);
    size_t sum = 0;
    inv_status status = INV_OK;
    if (axis < 1)
        return refuse(k, l, "joins along an axis that is not known");
    for (size_t i = 0; i < count; i++)
        if (list[i].rank != list[0].rank)
            return refuse(k, l, "inputs of different numbers of axes");
    INV_TRY(bring_together(k, l, list, count));
    const size_t rank = list[0].rank;
    const int ours = rank == 3           ? (list[0].turned ? (axis + 1) % 3 : axis - 1)
                     : axis == (int)rank ? 2
                                         : 0;
    for (size_t i = 0; i < count; i++)
        sum += list[i].dims[axis - 1];
    INV_TRY(
        join(k, l, json_pack("{ss ss}", "type", "concat", "axis", axes[ours]), list, count, out));
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
        return refuse(k, l, "arguments that are not understood");
    if (!a.is_number[0] && !a.is_number[1])
        return count == 2 ? add_merge(k, l, type, list, count, out)
                          : refuse(k, l, "arguments that are not understood");
    if (count != 1 || !as_rescale(type, &a, &scale, &offset))
        return refuse(k, l, "a number where it is not understood");
    if (strcmp(type, "multiply") == 0 || strcmp(type, "divide") == 0)
        tells_pixels(k, &list[0]);
    *out = list[0];
    return add(k, l, "",
               json_pack("{ss sf sf}", "type", "rescale", "scale", scale, "offset", offset),
               &out->at, &out->at);
}

/* ---- wrappers ---- */

/* At inference the kernel is used as it is stored. */
static inv_status add_spectral(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    json_t *entry = get(l, "layer");
    keras_layer inner = *l;
    inner.config = json_object_get(entry, "config");
    inner.class = json_string_value(json_object_get(entry, "class_name"));
    const char *name = json_string_value(json_object_get(inner.config, "name"));
    if (!inner.class || !inner.config || strcmp(inner.class, "SpectralNormalization") == 0)
        return refuse(k, l, "a layer within it that is not understood");
    if (name)
        inner.name = name;
    const size_t used = strlen(inner.variables);
    if (used > 0)
        snprintf(inner.variables + used, sizeof inner.variables - used, "/layer");
    return keras_layer_add(k, &inner, from, 1, out);
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
                                      {"DepthwiseConv2D", add_depthwise, true},
                                      {"SeparableConv2D", add_separable, true},
                                      {"SeparableConvolution2D", add_separable, true},
                                      {"Conv2DTranspose", add_transpose, true},
                                      {"Flatten", add_flatten, false},
                                      {"Permute", add_permute, false},
                                      {"ZeroPadding2D", add_padding, false},
                                      {"Cropping2D", add_cropping, false},
                                      {"CenterCrop", add_center_crop, false},
                                      {"Resizing", add_resizing, false},
                                      {"UpSampling2D", add_upsampling, false},
                                      {"PReLU", add_prelu, true},
                                      {"LayerNormalization", add_layer_norm, true},
                                      {"RMSNormalization", add_layer_norm, true},
                                      {"GroupNormalization", add_group_norm, true},
                                      {"UnitNormalization", add_unit_norm, false},
                                      {"Rescaling", add_rescaling, false},
                                      {"Normalization", add_normalization, true},
                                      {"SpectralNormalization", add_spectral, true},
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

/* Layers of several inputs, and operators, which may have numbers in place of some. */
static const struct {
    const char *class, *type;
} merges[] = {{"Add", "add"},           {"Multiply", "multiply"}, {"Subtract", "subtract"},
              {"Average", "average"},   {"Maximum", "maximum"},   {"Minimum", "minimum"},
              {"TrueDivide", "divide"}, {"Divide", "divide"}};

static const char *merge_type(const char *class)
{
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++)
        if (strcmp(merges[i].class, class) == 0)
            return merges[i].type;
    return NULL;
}

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
    const char *function = text_of(l, "function", "");
    if (strcmp(l->class, "TFOpLambda") != 0)
        return l->class;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].function, function) == 0)
            return names[i].class;
    return l->class;
}

/* "ReLU" of keras.activations is relu, "LogSoftmax" log_softmax. */
static const activation *function_activation(keras *k, const char *class)
{
    char name[INV_NAME_MAX];
    size_t n = 0;
    if (strcmp(class, "ReLU") == 0 || strcmp(class, "Relu") == 0)
        return find_activation(k, "relu");
    for (size_t i = 0; class[i] && n + 2 < sizeof name; i++) {
        if (i > 0 && class[i] >= 'A' && class[i] <= 'Z')
            name[n++] = '_';
        name[n++] = class[i] >= 'A' && class[i] <= 'Z' ? (char)(class[i] + 32) : class[i];
    }
    name[n] = 0;
    return find_activation(k, name);
}

/* A function that a Functional model calls. */
static inv_status add_called(keras *k, const keras_layer *l, keras_tensor *list, size_t count,
                             keras_tensor *out)
{
    const char *class = function_class(l), *type = merge_type(class);
    json_t *settings = json_object_get(l->config, "negative_slope");
    if (type)
        return add_operator(k, l, type, list, count, out);
    if (count != 1)
        return refuse(k, l, "a function that is not known");
    if (strcmp(class, "Reshape") == 0)
        return add_reshape(k, l, &list[0], out);
    const activation *a = settings ? NULL : function_activation(k, class);
    if (!a || (json_object_size(l->config) > 1 && strcmp(l->class, "TFOpLambda") != 0 &&
               !strstr(a->keras, "softmax")))
        return strcmp(class, "ReLU") == 0 ? add_relu(k, l, &list[0], out)
                                          : refuse(k, l, "a function that is not known");
    return add_function(k, l, a->keras, &list[0], out);
}

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

/* A use of a layer among those of several inputs; the tensors are changed on the way. */
static inv_status add_one(keras *k, const keras_layer *l, keras_tensor *list, size_t count,
                          keras_tensor *out)
{
    const char *type = merge_type(l->class);
    if (l->is_function)
        return add_called(k, l, list, count, out);
    if (type && count > 1)
        return add_merge(k, l, type, list, count, out);
    if (strcmp(l->class, "Concatenate") == 0)
        return add_concatenate(k, l, list, count, out);
    const keras_class *c = find_class(l->class);
    if (!c)
        return refuse(k, l, why_not(l->class));
    if (count != 1)
        return refuse(k, l, "takes several inputs, which is not known");
    return c->add(k, l, &list[0], out);
}

inv_status keras_layer_add(keras *k, const keras_layer *l, const keras_tensor *from, size_t count,
                           keras_tensor *out)
{
    void *list = NULL;
    inv_status status = inv_calloc(count, sizeof *from, k->file, &list);
    if (status != INV_OK)
        return status;
    memcpy(list, from, count * sizeof *from);
    status = add_one(k, l, list, count, out);
    free(list);
    return status;
}
