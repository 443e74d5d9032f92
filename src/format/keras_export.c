/* Nets as Functional models of Keras 3 (keras_export.h). Images have channels last there as here, so that
 * parameters are written as they are. What no layer of Keras does becomes operators, where the file can
 * hold them, else is refused; local layers are windows laid out by a depthwise convolution of ones and
 * an EinsumDense. Averages at a border are written so that every backend gives the same.
 * Source of each layer's arithmetic: Keras 3.15.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/keras_export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/formula.h"

#define TINY 1e-6 /* of src/net/layers/inverse_scale.c */

struct writer {
    keras_model *model;
    inv_exporting *e;
    bool operators;
    const inv_layer *layer;
    const char *name; /* of its main node */
    size_t number;
    size_t steps;  /* operators of its own so far */
    bool has_next; /* its activation is part of it, and the next layer done with it */
};

#define TEXT(...) text_of(inv_exporting_text(w->e, __VA_ARGS__))

static const char *text_of(const char *text)
{
    return text ? text : "";
}

static json_t *whole(size_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *pair(size_t a, size_t b)
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

static void set_shape(keras_node *node, inv_shape s, bool is_image)
{
    node->rank = is_image ? 3 : 1;
    node->dims[0] = is_image ? s.height : inv_shape_size(s);
    node->dims[1] = s.width;
    node->dims[2] = s.channels;
}

/* A layer of that class after `count` others; its config is taken over. What comes out is of shape
 * `out`. */
static inv_spot add_layer(writer *w, const char *class, const char *name, json_t *config,
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
    set_shape(node, out, is_image);
    return (inv_spot){.node = w->model->count - 1, .is_image = is_image};
}

/* The same after one. */
static inv_spot add(writer *w, const char *class, const char *name, json_t *config, inv_spot from,
                    inv_shape out, bool is_image)
{
    return add_layer(w, class, name, config, &from, 1, out, is_image);
}

static keras_node *node_of(writer *w, inv_spot s)
{
    return &w->model->nodes[s.node];
}

static inv_term term_of(writer *w, inv_spot s)
{
    return (inv_term){.text = w->e->status == INV_OK ? node_of(w, s)->name : ""};
}

static size_t find_node(const writer *w, const char *name)
{
    size_t i = 0;
    while (i + 1 < w->model->count && strcmp(w->model->nodes[i].name, name) != 0)
        i++;
    return i;
}

/* An operator of numbers and of what comes out of other nodes. */
static inv_term add_operator(writer *w, const char *module, const char *class, json_t *config,
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
        const size_t at = find_node(w, of[i].text);
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
static void put_weight(writer *w, inv_spot s, const char *name, const char *block, size_t rank,
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
    keras_node *node = node_of(w, s);
    if (!values)
        return;
    keras_stored *k = &node->weights[node->weight_count++];
    *k =
        (keras_stored){.name = name, .rank = rank, .values = values, .param = w->e->out->count - 1};
    memcpy(k->dims, dims, rank * sizeof *dims);
}

/* As the block has them. */
static void put_block(writer *w, inv_spot s, const char *name, const char *block)
{
    const inv_block *b = inv_exporting_block(w->layer, block);
    if (b)
        put_weight(w, s, name, block, b->rank, b->dims);
}

/* One long axis. */
static void put_vector(writer *w, inv_spot s, const char *name, const char *block)
{
    const inv_block *b = inv_exporting_block(w->layer, block);
    if (b)
        put_weight(w, s, name, block, 1, &b->size);
}

static void put_constant(writer *w, inv_spot s, const char *name, size_t rank, const size_t *dims,
                         const float *values)
{
    if (w->e->status != INV_OK || !values)
        return;
    keras_node *node = node_of(w, s);
    keras_stored *k = &node->weights[node->weight_count++];
    *k = (keras_stored){.name = name, .rank = rank, .values = values, .param = SIZE_MAX};
    memcpy(k->dims, dims, rank * sizeof *dims);
}

/* A block that the file has in a layer's JSON alone: as it is in the metadata too. */
static const float *tell_block(writer *w, const char *block)
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
static json_t *list_of(const float *values, size_t rank, const size_t *dims)
{
    size_t step = 1;
    json_t *list = json_array();
    for (size_t i = 1; i < rank; i++)
        step *= dims[i];
    for (size_t i = 0; values && i < dims[0]; i++)
        json_array_append_new(list, rank > 1 ? list_of(values + i * step, rank - 1, dims + 1)
                                             : single(values[i]));
    return list;
}

/* ---- from images to rows and back ---- */

static inv_spot as_row(writer *w, inv_spot s, inv_shape shape)
{
    if (!s.is_image)
        return s;
    return add(w, "Flatten", TEXT("%s_flat", w->name), json_object(), s, shape, false);
}

static inv_spot reshape(writer *w, const char *name, inv_spot s, inv_shape out, bool is_image)
{
    json_t *target = is_image ? json_pack("[III]", (json_int_t)out.height, (json_int_t)out.width,
                                          (json_int_t)out.channels)
                              : json_pack("[I]", (json_int_t)inv_shape_size(out));
    return add(w, "Reshape", name, json_pack("{so}", "target_shape", target), s, out, is_image);
}

static inv_spot as_image(writer *w, inv_spot s, inv_shape shape)
{
    return s.is_image ? s : reshape(w, TEXT("%s_image", w->name), s, shape, true);
}

/* ---- activations ---- */

static const struct {
    const char *type, *name;
    struct {
        const char *key;
        double value;
    } needs[3];
} activations[] = {
    {"linear", "linear", {{0}}},
    {"relu", "relu", {{"max_value", 0.0}, {"negative_slope", 0.0}, {"threshold", 0.0}}},
    {"relu", "relu6", {{"max_value", 6.0}, {"negative_slope", 0.0}, {"threshold", 0.0}}},
    {"sigmoid", "sigmoid", {{0}}},
    {"tanh", "tanh", {{0}}},
    {"softmax", "softmax", {{0}}},
    {"log_softmax", "log_softmax", {{0}}},
    {"leaky_relu", "leaky_relu", {{"alpha", 0.2}}},
    {"elu", "elu", {{"alpha", 1.0}}},
    {"celu", "celu", {{"alpha", 1.0}}},
    {"selu", "selu", {{"alpha", 1.6732632423543772}, {"scale", 1.0507009873554805}}},
    {"softplus", "softplus", {{"beta", 1.0}, {"threshold", 0.0}}},
    {"softsign", "softsign", {{0}}},
    {"squareplus", "squareplus", {{"b", 4.0}}},
    {"soft_shrink", "soft_shrink", {{"lambda", 0.5}}},
    {"hard_shrink", "hard_shrink", {{"lambda", 0.5}}},
    {"sparse_plus", "sparse_plus", {{0}}},
    {"sparse_sigmoid", "sparse_sigmoid", {{0}}},
    {"silu", "silu", {{"beta", 1.0}}},
    {"gelu", "gelu", {{"approximate", 0.0}}},
    {"tanh_shrink", "tanh_shrink", {{0}}},
    {"exponential", "exponential", {{0}}},
    {"hard_sigmoid", "hard_sigmoid", {{"slope", 1.0 / 6.0}, {"offset", 0.5}}},
    {"hard_silu", "hard_silu", {{0}}},
    {"hard_tanh", "hard_tanh", {{"low", -1.0}, {"high", 1.0}}},
    {"mish", "mish", {{0}}},
    {"log_sigmoid", "log_sigmoid", {{0}}},
};

/* What Keras calls a layer's function, as it is set; NULL where it has no name. */
static const char *activation_of(const inv_layer *layer)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        bool good = inv_exporting_is(layer, activations[i].type);
        for (size_t k = 0; good && k < 3 && activations[i].needs[k].key; k++)
            good = inv_exporting_has(layer, activations[i].needs[k].key,
                                     activations[i].needs[k].value);
        if (good)
            return activations[i].name;
    }
    return NULL;
}

/* Over all values of an image, which Keras's softmax is not. */
static bool is_over_image(const inv_layer *layer)
{
    return strcmp(inv_exporting_word(layer, "over"), "row") == 0 &&
           !inv_exporting_is_row(layer->in);
}

static size_t uses_of(const inv_net *net, size_t point)
{
    size_t uses = 0;
    for (size_t i = 0; i < inv_net_depth(net); i++)
        for (size_t k = 0; k < inv_net_layer(net, i)->input_count; k++)
            uses += inv_net_layer(net, i)->inputs[k].point == point;
    return uses;
}

/* The next layer's function, where that belongs to this layer and nothing else reads this layer's
 * values: one layer of Keras is both. */
static const char *own_activation(writer *w)
{
    char owner[INV_NAME_MAX], next_owner[INV_NAME_MAX];
    if (w->number + 1 >= inv_net_depth(w->e->net))
        return NULL;
    const inv_layer *next = inv_net_layer(w->e->net, w->number + 1);
    inv_layer_owner(w->layer->name, owner);
    inv_layer_owner(next->name, next_owner);
    if (strcmp(owner, next_owner) != 0 || next->input_count != 1 || next->block_count > 0 ||
        next->inputs[0].point != w->number + 1 || uses_of(w->e->net, w->number + 1) != 1 ||
        is_over_image(next))
        return NULL;
    return activation_of(next);
}

/* Adds "activation" to a layer's config, where it has one. */
static json_t *with_activation(writer *w, json_t *config)
{
    const char *name = own_activation(w);
    if (name && config) {
        json_object_set_new(config, "activation", json_string(name));
        w->has_next = true;
    }
    return config;
}

/* ---- layers that weigh ---- */

static json_t *flag(bool value)
{
    return json_boolean(value);
}

static inv_spot write_dense(writer *w, inv_spot in)
{
    const inv_shape out = w->layer->out;
    const inv_spot row = as_row(w, in, w->layer->in);
    json_t *config = json_pack("{so}", "units", whole(out.channels));
    const inv_spot s = add(w, "Dense", w->name, with_activation(w, config), row, out, false);
    put_block(w, s, "kernel", "kernel");
    put_block(w, s, "bias", "bias");
    return s;
}

/* Normalization by given numbers takes the bias away, and is exact with a variance of 1. */
static inv_spot write_inverse_dense(writer *w, inv_spot in)
{
    const inv_shape out = w->layer->out;
    const size_t n = inv_shape_size(w->layer->in);
    const inv_spot row = as_row(w, in, w->layer->in);
    const float *bias = tell_block(w, "bias");
    float *ones = inv_exporting_keep(w->e, n, sizeof *ones);
    for (size_t i = 0; ones && i < n; i++)
        ones[i] = 1.0f;
    const inv_spot centred = add(w, "Normalization", TEXT("%s_bias", w->name),
                                 json_pack("{si so so}", "axis", -1, "mean", list_of(bias, 1, &n),
                                           "variance", list_of(ones, 1, &n)),
                                 row, w->layer->in, false);
    json_t *config = json_pack("{so so}", "units", whole(out.channels), "use_bias", flag(false));
    const inv_spot s = add(w, "Dense", w->name, config, centred, out, false);
    put_block(w, s, "kernel", "kernel");
    return s;
}

/* How much "same" puts around n values: before, and in all. */
static size_t same_padding(size_t n, size_t reach, size_t stride)
{
    const size_t all = ((n + stride - 1) / stride - 1) * stride + reach;
    return all > n ? all - n : 0;
}

/* "valid" or "same" where the windows are laid so; else NULL. */
static const char *padding_of(const writer *w, const inv_laid *l)
{
    const size_t rows =
        same_padding(w->layer->in.height, (l->w.height - 1) * l->w.dilation_y + 1, l->w.stride_y);
    const size_t columns =
        same_padding(w->layer->in.width, (l->w.width - 1) * l->w.dilation_x + 1, l->w.stride_x);
    if (l->top + l->bottom + l->left + l->right == 0)
        return "valid";
    return l->top == rows / 2 && l->top + l->bottom == rows && l->left == columns / 2 &&
                   l->left + l->right == columns
               ? "same"
               : NULL;
}

/* The image with zeros around it. */
static inv_spot pad_zeros(writer *w, const char *name, inv_spot s, inv_shape in, size_t top,
                          size_t bottom, size_t left, size_t right)
{
    const inv_shape out = {in.height + top + bottom, in.width + left + right, in.channels};
    if (top + bottom + left + right == 0)
        return s;
    return add(w, "ZeroPadding2D", name,
               json_pack("{s[oo]}", "padding", pair(top, bottom), pair(left, right)), s, out, true);
}

static inv_shape padded(const writer *w, const inv_laid *l)
{
    const inv_shape in = w->layer->in;
    return (inv_shape){in.height + l->top + l->bottom, in.width + l->left + l->right, in.channels};
}

static json_t *window_config(const char *size_key, const inv_laid *l, const char *padding)
{
    return json_pack("{so so ss}", size_key, pair(l->w.height, l->w.width), "strides",
                     pair(l->w.stride_y, l->w.stride_x), "padding", padding);
}

static inv_spot write_conv(writer *w, inv_spot in)
{
    const bool is_depthwise = inv_exporting_is(w->layer, "depthwise_conv2d");
    const inv_laid l = inv_exporting_windows(w->layer);
    const char *padding = padding_of(w, &l);
    inv_spot image = as_image(w, in, w->layer->in);
    if (!padding)
        image = pad_zeros(w, TEXT("%s_pad", w->name), image, w->layer->in, l.top, l.bottom, l.left,
                          l.right);
    json_t *config = window_config("kernel_size", &l, padding ? padding : "valid");
    if (l.w.dilation_y > 1 || l.w.dilation_x > 1) {
        json_object_set_new(config, "dilation_rate", pair(l.w.dilation_y, l.w.dilation_x));
        if (l.w.stride_y > 1 || l.w.stride_x > 1)
            inv_exporting_refuse(w->e, w->layer,
                                 "Keras takes no convolution with both strides and dilations");
    }
    if (is_depthwise)
        json_object_set_new(config, "depth_multiplier",
                            whole(inv_exporting_size(w->layer, "multiplier")));
    else {
        json_object_set_new(config, "filters", whole(w->layer->out.channels));
        json_object_set_new(config, "groups", whole(inv_exporting_size(w->layer, "groups")));
    }
    json_object_set_new(config, "use_bias", flag(inv_exporting_block(w->layer, "bias")));
    const inv_spot s = add(w, is_depthwise ? "DepthwiseConv2D" : "Conv2D", w->name,
                           with_activation(w, config), image, w->layer->out, true);
    put_block(w, s, "kernel", "kernel");
    put_block(w, s, "bias", "bias");
    return s;
}

/* Keras's without padding, and then cut. */
static inv_spot write_conv_transpose(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    size_t cut[4], more[2];
    inv_shape made = w->layer->out;
    inv_exporting_transposed(w->layer, &l, cut, more);
    made.height += cut[0] + cut[2];
    made.width += cut[1] + cut[3];
    const bool is_cut = cut[0] + cut[1] + cut[2] + cut[3] > 0;
    const inv_spot image = as_image(w, in, w->layer->in);
    if (inv_exporting_size(w->layer, "groups") > 1)
        inv_exporting_refuse(w->e, w->layer, "Keras takes no transposed convolution in groups");
    if ((l.w.stride_y > 1 && l.w.dilation_y > 1) || (l.w.stride_x > 1 && l.w.dilation_x > 1))
        inv_exporting_refuse(w->e, w->layer,
                             "Keras takes no convolution with both strides and dilations");
    json_t *config = window_config("kernel_size", &l, "valid");
    json_object_set_new(config, "filters", whole(w->layer->out.channels));
    json_object_set_new(config, "use_bias", flag(inv_exporting_block(w->layer, "bias")));
    if (l.w.dilation_y > 1 || l.w.dilation_x > 1)
        json_object_set_new(config, "dilation_rate", pair(l.w.dilation_y, l.w.dilation_x));
    /* said, though it may be 0: what Keras adds by itself is for strides longer than windows */
    json_object_set_new(config, "output_padding", pair(more[0], more[1]));
    inv_spot s = add(w, "Conv2DTranspose", w->name, is_cut ? config : with_activation(w, config),
                     image, made, true);
    put_block(w, s, "kernel", "kernel");
    put_block(w, s, "bias", "bias");
    if (is_cut)
        s = add(w, "Cropping2D", TEXT("%s_cut", w->name),
                json_pack("{s[oo]}", "cropping", pair(cut[0], cut[2]), pair(cut[1], cut[3])), s,
                w->layer->out, true);
    return s;
}

/* Each value of each window as a channel of its own. */
static inv_spot lay_windows(writer *w, inv_spot image, const inv_laid *l)
{
    const size_t n = l->w.height * l->w.width, channels = w->layer->in.channels;
    const size_t dims[4] = {l->w.height, l->w.width, channels, n};
    float *ones = inv_exporting_keep(w->e, n * channels * n, sizeof *ones);
    for (size_t v = 0; ones && v < n; v++)
        for (size_t c = 0; c < channels; c++)
            ones[(v * channels + c) * n + v] = 1.0f;
    json_t *config = window_config("kernel_size", l, "valid");
    json_object_set_new(config, "depth_multiplier", whole(n));
    json_object_set_new(config, "use_bias", flag(false));
    json_object_set_new(config, "trainable", flag(false));
    const inv_shape out = {w->layer->out.height, w->layer->out.width, n * channels};
    const inv_spot s =
        add(w, "DepthwiseConv2D", TEXT("%s_windows", w->name), config, image, out, true);
    put_constant(w, s, "kernel", 4, dims, ones);
    return s;
}

/* A kernel [places, window, out] whose window has its channels last becomes one with them first, as the
 * windows are laid out. */
static void put_local_kernel(writer *w, inv_spot s)
{
    const inv_block *b = inv_exporting_block(w->layer, "kernel");
    const size_t channels = w->layer->in.channels;
    const inv_param p = {.layer = w->layer,
                         .block = b,
                         .from = {b->dims[0], b->dims[1] / channels, channels, b->dims[2]},
                         .axes = {0, 2, 1, 3},
                         .rank = 3,
                         .dims = {b->dims[0], b->dims[1], b->dims[2]}};
    const float *values = inv_exporting_put(w->e, &p, NULL);
    if (!values)
        return;
    keras_node *node = node_of(w, s);
    node->weights[node->weight_count++] = (keras_stored){.name = "kernel",
                                                         .rank = 3,
                                                         .dims = {p.dims[0], p.dims[1], p.dims[2]},
                                                         .values = values,
                                                         .param = w->e->out->count - 1};
}

static inv_spot write_local(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape out = w->layer->out;
    const size_t places = out.height * out.width,
                 size = l.w.height * l.w.width * w->layer->in.channels;
    const inv_shape flat = {places, 1, size}, done = {places, 1, out.channels};
    const size_t bias_dims[2] = {places, out.channels};
    inv_spot s = as_image(w, in, w->layer->in);
    s = pad_zeros(w, TEXT("%s_pad", w->name), s, w->layer->in, l.top, l.bottom, l.left, l.right);
    s = lay_windows(w, s, &l);
    s = reshape(w, TEXT("%s_places", w->name), s, flat, true);
    const bool bias = inv_exporting_block(w->layer, "bias");
    json_t *config = json_pack("{ss s[III]}", "equation", "bpqv,pqvo->bpqo", "output_shape",
                               (json_int_t)places, (json_int_t)1, (json_int_t)out.channels);
    if (bias)
        json_object_set_new(config, "bias_axes", json_string("po"));
    json_object_set_new(config, "equation", json_string("bpqv,pvo->bpqo"));
    s = add(w, "EinsumDense", w->name, config, s, done, true);
    put_local_kernel(w, s);
    if (bias)
        put_weight(w, s, "bias", "bias", 2, bias_dims);
    return reshape(w, TEXT("%s_image", w->name), s, out, true);
}

/* ---- pools, sizes ---- */

/* Of each window, all its places over those that lie in the image. */
static const float *shares(writer *w, const inv_laid *l)
{
    const inv_window *v = &l->w;
    float *out = inv_exporting_keep(w->e, v->out_height * v->out_width, sizeof *out);
    for (size_t i = 0; out && i < v->out_height; i++)
        for (size_t j = 0; j < v->out_width; j++) {
            const inv_span rows = inv_window_rows(v, i), columns = inv_window_columns(v, j);
            out[i * v->out_width + j] =
                (float)(v->height * v->width) /
                (float)((rows.end - rows.first) * (columns.end - columns.first));
        }
    return out;
}

/* With zeros around, and then as much more as they made it less: what backends do at the border of an
 * image differs. */
static inv_spot write_avg_pool(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape out = w->layer->out;
    const size_t dims[3] = {out.height, out.width, 1};
    const bool any = l.top + l.bottom + l.left + l.right > 0;
    const bool counts = inv_exporting_size(w->layer, "count_padding");
    inv_spot s = as_image(w, in, w->layer->in);
    s = pad_zeros(w, TEXT("%s_pad", w->name), s, w->layer->in, l.top, l.bottom, l.left, l.right);
    s = add(w, "AveragePooling2D", w->name, window_config("pool_size", &l, "valid"), s, out, true);
    if (any && !counts)
        s = add(w, "Rescaling", TEXT("%s_share", w->name),
                json_pack("{so sf}", "scale", list_of(shares(w, &l), 3, dims), "offset", 0.0), s,
                out, true);
    return s;
}

/* numpy.pad; the value may be one that no pixel is. */
static inv_spot pad_by_operator(writer *w, inv_spot s, const size_t pads[4], const char *mode,
                                double value, inv_shape out)
{
    const inv_term of[2] = {term_of(w, s), {.number = value}};
    json_t *config = json_pack("{s[oooo] ss}", "pad_width", pair(0, 0), pair(pads[0], pads[1]),
                               pair(pads[2], pads[3]), pair(0, 0), "mode", mode);
    const bool is_constant = strcmp(mode, "constant") == 0;
    const inv_term y =
        add_operator(w, "keras.src.ops.numpy", "Pad", config, of, is_constant ? 2 : 1);
    inv_spot padded_spot = {.is_image = true};
    if (w->e->status == INV_OK) {
        padded_spot.node = find_node(w, y.text);
        set_shape(node_of(w, padded_spot), out, true);
    }
    return padded_spot;
}

static inv_spot write_max_pool(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const char *padding = padding_of(w, &l);
    inv_spot s = as_image(w, in, w->layer->in);
    if (l.w.dilation_y > 1 || l.w.dilation_x > 1)
        inv_exporting_refuse(w->e, w->layer, "Keras takes no pool with dilations");
    if (!padding)
        s = pad_by_operator(w, s, (const size_t[]){l.top, l.bottom, l.left, l.right}, "constant",
                            -3e38, padded(w, &l));
    return add(w, "MaxPooling2D", w->name,
               window_config("pool_size", &l, padding ? padding : "valid"), s, w->layer->out, true);
}

static inv_spot write_global_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "global_max_pool");
    return add(w, is_max ? "GlobalMaxPooling2D" : "GlobalAveragePooling2D", w->name, json_object(),
               as_image(w, in, w->layer->in), w->layer->out, false);
}

static inv_spot write_pad(writer *w, inv_spot in)
{
    const char *mode = inv_exporting_word(w->layer, "mode");
    const double value = inv_exporting_real(w->layer, "value");
    const size_t pads[4] = {
        inv_exporting_size(w->layer, "top"), inv_exporting_size(w->layer, "bottom"),
        inv_exporting_size(w->layer, "left"), inv_exporting_size(w->layer, "right")};
    const inv_spot s = as_image(w, in, w->layer->in);
    if (strcmp(mode, "constant") == 0 && inv_exporting_has(w->layer, "value", 0.0))
        return pad_zeros(w, w->name, s, w->layer->in, pads[0], pads[1], pads[2], pads[3]);
    return pad_by_operator(w, s, pads, mode, value, w->layer->out);
}

static inv_spot write_crop(writer *w, inv_spot in)
{
    return add(
        w, "Cropping2D", w->name,
        json_pack(
            "{s[oo]}", "cropping",
            pair(inv_exporting_size(w->layer, "top"), inv_exporting_size(w->layer, "bottom")),
            pair(inv_exporting_size(w->layer, "left"), inv_exporting_size(w->layer, "right"))),
        as_image(w, in, w->layer->in), w->layer->out, true);
}

static inv_spot write_upsample(writer *w, inv_spot in)
{
    const inv_shape s = w->layer->in, out = w->layer->out;
    const char *how = inv_exporting_word(w->layer, "interpolation");
    const bool is_linear = strcmp(how, "bilinear") == 0;
    const inv_spot image = as_image(w, in, s);
    if (is_linear && inv_exporting_size(w->layer, "align_corners"))
        inv_exporting_refuse(w->e, w->layer, "Keras does not align corners");
    if (out.height % s.height == 0 && out.width % s.width == 0)
        return add(w, "UpSampling2D", w->name,
                   json_pack("{so ss}", "size", pair(out.height / s.height, out.width / s.width),
                             "interpolation", how),
                   image, out, true);
    if (!is_linear)
        inv_exporting_refuse(w->e, w->layer, "Keras rounds other than to a multiple of the size");
    return add(w, "Resizing", w->name,
               json_pack("{so so ss}", "height", whole(out.height), "width", whole(out.width),
                         "interpolation", how),
               image, out, true);
}

static inv_spot write_reshape(writer *w, inv_spot in)
{
    const inv_shape out = w->layer->out;
    return reshape(w, w->name, in, out, !inv_exporting_is_row(out));
}

static inv_spot write_flatten(writer *w, inv_spot in)
{
    return in.is_image ? add(w, "Flatten", w->name, json_object(), in, w->layer->out, false) : in;
}

static inv_spot write_permute(writer *w, inv_spot in)
{
    const char *order = inv_exporting_word(w->layer, "order"), *axes = "hwc";
    json_t *dims = json_array();
    for (size_t i = 0; i < 3; i++)
        json_array_append_new(dims, whole((size_t)(strchr(axes, order[i]) - axes) + 1));
    return add(w, "Permute", w->name, json_pack("{so}", "dims", dims),
               as_image(w, in, w->layer->in), w->layer->out, true);
}

/* ---- norms ---- */

static inv_spot write_batch_norm(writer *w, inv_spot in)
{
    const inv_spot s = add(w, "BatchNormalization", w->name,
                           json_pack("{si sf sf so so}", "axis", -1, "epsilon",
                                     inv_exporting_real(w->layer, "epsilon"), "momentum",
                                     inv_exporting_real(w->layer, "momentum"), "scale",
                                     flag(inv_exporting_block(w->layer, "gamma")), "center",
                                     flag(inv_exporting_block(w->layer, "beta"))),
                           in, w->layer->out, in.is_image);
    put_vector(w, s, "gamma", "gamma");
    put_vector(w, s, "beta", "beta");
    put_vector(w, s, "moving_mean", "mean");
    put_vector(w, s, "moving_variance", "variance");
    return s;
}

/* scale x + offset, numbers given once for each channel or value. */
static inv_spot rescale(writer *w, inv_spot in, const float *scale, const float *offset,
                        size_t rank, const size_t *dims)
{
    return add(w, "Rescaling", w->name,
               json_pack("{so so}", "scale", list_of(scale, rank, dims), "offset",
                         list_of(offset, rank, dims)),
               in, w->layer->out, in.is_image);
}

/* (x - beta) f + mean, f = sqrt(variance + epsilon) / gamma */
static inv_spot write_inverse_batch_norm(writer *w, inv_spot in)
{
    const float *gamma = tell_block(w, "gamma"), *beta = tell_block(w, "beta");
    const float *mean = tell_block(w, "mean"), *variance = tell_block(w, "variance");
    const size_t n = inv_exporting_block(w->layer, "mean")->size;
    const double epsilon = inv_exporting_real(w->layer, "epsilon");
    float *numbers = inv_exporting_keep(w->e, 2 * n, sizeof *numbers);
    if (n != w->layer->in.channels)
        inv_exporting_refuse(w->e, w->layer, "channels in a row of values are not written");
    for (size_t c = 0; numbers && mean && variance && c < n; c++) {
        const double by = gamma ? (double)gamma[c] : 1.0;
        const double f = fabs(by) < TINY ? 0.0 : sqrt((double)variance[c] + epsilon) / by;
        numbers[c] = (float)f;
        numbers[n + c] = (float)((double)mean[c] - (beta ? (double)beta[c] : 0.0) * f);
    }
    return rescale(w, in, numbers, numbers ? numbers + n : NULL, 1, &n);
}

static inv_spot write_inverse_scale(writer *w, inv_spot in)
{
    const float *kernel = tell_block(w, "kernel");
    const size_t n = inv_exporting_block(w->layer, "kernel")->size;
    float *numbers = inv_exporting_keep(w->e, 2 * n, sizeof *numbers);
    for (size_t i = 0; numbers && kernel && i < n; i++)
        numbers[i] = fabs((double)kernel[i]) < TINY ? 0.0f : 1.0f / kernel[i];
    return rescale(w, as_row(w, in, w->layer->in), numbers, numbers ? numbers + n : NULL, 1, &n);
}

static inv_spot write_rescale(writer *w, inv_spot in)
{
    const inv_block *b = inv_exporting_block(w->layer, "scale");
    if (!b)
        return add(w, "Rescaling", w->name,
                   json_pack("{sf sf}", "scale", inv_exporting_real(w->layer, "scale"), "offset",
                             inv_exporting_real(w->layer, "offset")),
                   in, w->layer->out, in.is_image);
    const float *scale = tell_block(w, "scale"), *offset = tell_block(w, "offset");
    const bool is_flat = b->rank == 1 || !in.is_image;
    return rescale(w, in, scale, offset, is_flat ? 1 : 3, is_flat ? &b->size : b->dims);
}

static inv_spot write_group_norm(writer *w, inv_spot in)
{
    const size_t groups = inv_exporting_size(w->layer, "groups");
    const inv_spot s =
        add(w, "GroupNormalization", w->name,
            json_pack("{so si sf so so}", "groups", whole(groups ? groups : w->layer->in.channels),
                      "axis", -1, "epsilon", inv_exporting_real(w->layer, "epsilon"), "scale",
                      flag(inv_exporting_block(w->layer, "gamma")), "center",
                      flag(inv_exporting_block(w->layer, "beta"))),
            in, w->layer->out, in.is_image);
    put_vector(w, s, "gamma", "gamma");
    put_vector(w, s, "beta", "beta");
    return s;
}

/* Axes behind the batch that keys say yes to, and their sizes. */
static json_t *chosen_axes(const inv_layer *layer, const char *const keys[3], bool is_image,
                           size_t dims[3], size_t *count)
{
    const size_t sizes[3] = {layer->in.height, layer->in.width, layer->in.channels};
    json_t *axes = json_array();
    *count = 0;
    for (size_t i = is_image ? 0 : 2; i < 3; i++)
        if (inv_exporting_size(layer, keys[i])) {
            json_array_append_new(axes, whole(is_image ? i + 1 : 1));
            dims[(*count)++] = sizes[i];
        }
    return axes;
}

/* The axes of an image in the order in which the chosen ones come last; false where they do. */
static bool put_last(const bool chosen[3], size_t order[3])
{
    size_t n = 0;
    for (int last = 0; last < 2; last++)
        for (size_t i = 0; i < 3; i++)
            if (chosen[i] == last)
                order[n++] = i;
    return order[0] != 0 || order[1] != 1;
}

static inv_spot permute(writer *w, const char *name, inv_spot s, const size_t order[3],
                        inv_shape out)
{
    return add(w, "Permute", name,
               json_pack("{s[III]}", "dims", (json_int_t)order[0] + 1, (json_int_t)order[1] + 1,
                         (json_int_t)order[2] + 1),
               s, out, true);
}

/* LayerNormalization and RMSNormalization over the last axis of n places of `size` values. */
static inv_spot norm_last(writer *w, inv_spot in, inv_shape shape, size_t size)
{
    const bool rms = !inv_exporting_size(w->layer, "subtract_mean");
    const bool gamma = inv_exporting_block(w->layer, "gamma");
    if (rms && inv_exporting_block(w->layer, "beta"))
        inv_exporting_refuse(w->e, w->layer, "Keras's RMSNormalization has no beta");
    json_t *config =
        json_pack("{si sf}", "axis", -1, "epsilon", inv_exporting_real(w->layer, "epsilon"));
    if (!rms) {
        json_object_set_new(config, "scale", flag(gamma));
        json_object_set_new(config, "center", flag(inv_exporting_block(w->layer, "beta")));
    }
    const inv_spot s = add(w, rms ? "RMSNormalization" : "LayerNormalization", w->name, config, in,
                           shape, in.is_image);
    float *ones = rms && !gamma ? inv_exporting_keep(w->e, size, sizeof *ones) : NULL;
    for (size_t i = 0; ones && i < size; i++)
        ones[i] = 1.0f;
    put_constant(w, s, "scale", 1, &size, ones);
    put_vector(w, s, rms ? "scale" : "gamma", "gamma");
    put_vector(w, s, "beta", "beta");
    return s;
}

/* Over one axis, the last: others are brought there, and several made one. (Keras 3.15 loses a list of
 * axes in an .h5 file, and on PyTorch takes other axes than the last for it.) */
static inv_spot write_layer_norm(writer *w, inv_spot in)
{
    const inv_shape s = w->layer->in;
    const size_t sizes[3] = {s.height, s.width, s.channels};
    const bool chosen[3] = {inv_exporting_size(w->layer, "over_height") > 0,
                            inv_exporting_size(w->layer, "over_width") > 0,
                            inv_exporting_size(w->layer, "over_channels") > 0};
    size_t order[3], back[3], size = 1;
    if (!in.is_image && !chosen[2])
        inv_exporting_refuse(w->e, w->layer, "over axes of size 1 is not written");
    if (!in.is_image || (chosen[2] && !chosen[0] && !chosen[1]))
        return norm_last(w, in, s, s.channels);
    const bool turns = put_last(chosen, order);
    const inv_shape turned = {sizes[order[0]], sizes[order[1]], sizes[order[2]]};
    for (size_t i = 0; i < 3; i++) {
        size *= chosen[i] ? sizes[i] : 1;
        back[order[i]] = i;
    }
    const inv_shape flat = {1, inv_shape_size(s) / size, size};
    inv_spot y = turns ? permute(w, TEXT("%s_turn", w->name), in, order, turned) : in;
    y = reshape(w, TEXT("%s_flat", w->name), y, flat, true);
    y = norm_last(w, y, flat, size);
    y = reshape(w, TEXT("%s_image", w->name), y, turned, true);
    return turns ? permute(w, TEXT("%s_back", w->name), y, back, s) : y;
}

/* ---- value by value ---- */

static const struct {
    const char *op, *module, *class;
} operators[] = {
    {"add", "numpy", "Add"},        {"sub", "numpy", "Subtract"}, {"mul", "numpy", "Multiply"},
    {"div", "numpy", "TrueDivide"}, {"neg", "numpy", "Negative"}, {"max", "numpy", "Maximum"},
    {"min", "numpy", "Minimum"},    {"exp", "numpy", "Exp"},      {"log", "numpy", "Log"},
    {"sqrt", "numpy", "Sqrt"},      {"abs", "numpy", "Absolute"}, {"erf", "math", "Erf"},
    {"tanh", "numpy", "Tanh"},      {"sigmoid", "nn", "Sigmoid"}, {"greater", "numpy", "Greater"},
    {"where", "numpy", "Where"},    {"rowmin", "numpy", "Min"},   {"rowmax", "numpy", "Max"}};

static inv_term say(void *context, const char *op, const inv_term *of, size_t count)
{
    writer *w = context;
    size_t k = 0;
    while (strcmp(operators[k].op, op) != 0)
        k++;
    const bool is_range = strncmp(op, "row", 3) == 0;
    const bool is_image = is_range && of[0].text && w->e->status == INV_OK &&
                          w->model->nodes[find_node(w, of[0].text)].rank == 3;
    json_t *config = !is_range  ? json_object()
                     : is_image ? json_pack("{s[iii] sb}", "axis", 1, 2, 3, "keepdims", 1)
                                : json_pack("{si sb}", "axis", -1, "keepdims", 1);
    const inv_term y = add_operator(w, TEXT("keras.src.ops.%s", operators[k].module),
                                    operators[k].class, config, of, count);
    if (w->e->status != INV_OK)
        return y;
    keras_node *node = &w->model->nodes[w->model->count - 1];
    node->is_bool = strcmp(op, "greater") == 0;
    for (size_t i = 0; is_range && i < 3; i++)
        node->dims[i] = 1;
    return y;
}

/* Half of the channels; a layer of Keras that has it as its activation takes it to give all of them. */
static inv_spot write_glu(writer *w, inv_spot in)
{
    const inv_term x = term_of(w, in);
    const inv_term y =
        add_operator(w, "keras.src.ops.nn", "Glu", json_pack("{si}", "axis", -1), &x, 1);
    if (w->e->status != INV_OK)
        return in;
    in.node = find_node(w, y.text);
    set_shape(node_of(w, in), w->layer->out, in.is_image);
    return in;
}

/* Classes that do one function with settings of its own. */
static bool write_class(writer *w, inv_spot *s)
{
    const inv_layer *l = w->layer;
    json_t *config = NULL;
    const char *class = NULL;
    if (inv_exporting_is(l, "relu")) {
        const double max = inv_exporting_real(l, "max_value");
        class = "ReLU";
        config = json_pack("{so sf sf}", "max_value", max > 0.0 ? json_real(max) : json_null(),
                           "negative_slope", inv_exporting_real(l, "negative_slope"), "threshold",
                           inv_exporting_real(l, "threshold"));
    } else if (inv_exporting_is(l, "leaky_relu")) {
        class = "LeakyReLU";
        config = json_pack("{sf}", "negative_slope", inv_exporting_real(l, "alpha"));
    } else if (inv_exporting_is(l, "elu")) {
        class = "ELU";
        config = json_pack("{sf}", "alpha", inv_exporting_real(l, "alpha"));
    } else {
        return false;
    }
    *s = add(w, class, w->name, config, *s, l->out, s->is_image);
    return true;
}

static inv_spot write_formula(writer *w, inv_spot in)
{
    const inv_speaker to = {say, w};
    const char *name = activation_of(w->layer);
    inv_term y = {0};
    if (name)
        return add(w, "Activation", w->name, json_pack("{ss}", "activation", name), in,
                   w->layer->out, in.is_image);
    if (write_class(w, &in))
        return in;
    if (!inv_formula_say(w->layer, term_of(w, in), &to, &y))
        inv_exporting_refuse(w->e, w->layer, "Keras has nothing for it");
    if (w->e->status != INV_OK)
        return in;
    in.node = find_node(w, y.text);
    return in;
}

/* softmax and its like: Keras's are over the channels. */
static inv_spot write_over(writer *w, inv_spot in)
{
    inv_spot s = is_over_image(w->layer) ? as_row(w, in, w->layer->in) : in;
    s = add(w, "Activation", w->name, json_pack("{ss}", "activation", activation_of(w->layer)), s,
            w->layer->in, s.is_image);
    return in.is_image ? as_image(w, s, w->layer->out) : s;
}

/* Keras 3.15 adds up what it has added up already: findings/keras3-sparsemax.sh. */
static inv_spot refuse_sparsemax(writer *w, inv_spot in)
{
    inv_exporting_refuse(w->e, w->layer, "what Keras 3 calls so is another function");
    return in;
}

static inv_spot write_prelu(writer *w, inv_spot in)
{
    static const char *const keys[3] = {"share_height", "share_width", "share_channels"};
    const inv_block *alpha = inv_exporting_block(w->layer, "alpha");
    size_t dims[3], count = 0;
    json_t *axes = chosen_axes(w->layer, keys, in.is_image, dims, &count);
    if (count == 0) {
        json_decref(axes);
        axes = json_null();
    }
    const inv_spot s = add(w, "PReLU", w->name, json_pack("{so}", "shared_axes", axes), in,
                           w->layer->out, in.is_image);
    if (in.is_image)
        put_weight(w, s, "alpha", "alpha", 3, alpha->dims);
    else
        put_vector(w, s, "alpha", "alpha");
    return s;
}

/* A weight for each value: a product that sums over nothing. */
static inv_spot write_scale(writer *w, inv_spot in)
{
    const inv_shape s = w->layer->in;
    json_t *config =
        in.is_image ? json_pack("{ss s[III]}", "equation", "bhwc,hwc->bhwc", "output_shape",
                                (json_int_t)s.height, (json_int_t)s.width, (json_int_t)s.channels)
                    : json_pack("{ss s[I]}", "equation", "bc,c->bc", "output_shape",
                                (json_int_t)inv_shape_size(s));
    const inv_spot y = add(w, "EinsumDense", w->name, config, in, w->layer->out, in.is_image);
    if (in.is_image)
        put_block(w, y, "kernel", "kernel");
    else
        put_vector(w, y, "kernel", "kernel");
    return y;
}

static inv_spot write_dropout(writer *w, inv_spot in)
{
    return add(w, "Dropout", w->name,
               json_pack("{sf}", "rate", inv_exporting_real(w->layer, "rate")), in, w->layer->out,
               in.is_image);
}

/* ---- where layers meet ---- */

static const struct {
    const char *type, *class;
    size_t most; /* inputs of one layer; 0: any number */
} joins[] = {{"add", "Add", 0},         {"subtract", "Subtract", 2}, {"multiply", "Multiply", 0},
             {"average", "Average", 0}, {"maximum", "Maximum", 0},   {"minimum", "Minimum", 0}};

static inv_spot divide(writer *w, const inv_spot *from, size_t count)
{
    inv_term y = term_of(w, from[0]);
    for (size_t i = 1; i < count; i++)
        y = say(w, "div", (const inv_term[]){y, term_of(w, from[i])}, 2);
    if (w->e->status != INV_OK)
        return from[0];
    const inv_spot s = {.node = find_node(w, y.text), .is_image = from[0].is_image};
    set_shape(node_of(w, s), w->layer->out, s.is_image);
    return s;
}

static inv_spot write_join(writer *w, inv_spot in)
{
    const size_t count = w->layer->input_count;
    const inv_shape out = w->layer->out;
    inv_spot *from = inv_exporting_keep(w->e, count, sizeof *from);
    bool any = !inv_exporting_is_row(out);
    size_t k = 0;
    if (!from)
        return in;
    for (size_t i = 0; i < count; i++)
        any = any || w->e->spots[w->layer->inputs[i].point].is_image;
    for (size_t i = 0; i < count; i++) {
        const inv_input *input = &w->layer->inputs[i];
        from[i] = w->e->spots[input->point];
        from[i] = any ? as_image(w, from[i], input->shape) : as_row(w, from[i], input->shape);
    }
    if (inv_exporting_is(w->layer, "concat")) {
        const char *axis = inv_exporting_word(w->layer, "axis");
        const int at = strcmp(axis, "height") == 0 ? 1 : strcmp(axis, "width") == 0 ? 2 : -1;
        return add_layer(w, "Concatenate", w->name, json_pack("{si}", "axis", at), from, count, out,
                         any);
    }
    if (inv_exporting_is(w->layer, "divide"))
        return divide(w, from, count);
    while (k + 1 < sizeof joins / sizeof *joins && !inv_exporting_is(w->layer, joins[k].type))
        k++;
    if (joins[k].most == 0)
        return add_layer(w, joins[k].class, w->name, json_object(), from, count, out, any);
    inv_spot s = from[0];
    for (size_t i = 1; i < count; i++)
        s = add_layer(w, joins[k].class, i + 1 < count ? TEXT("%s_%zu", w->name, i) : w->name,
                      json_object(), (const inv_spot[]){s, from[i]}, 2, out, any);
    return s;
}

/* ---- the table ---- */

static const inv_layer_row rows[] = {
    {"dense", write_dense},
    {"inverse_dense", write_inverse_dense},
    {"conv2d", write_conv},
    {"depthwise_conv2d", write_conv},
    {"conv2d_transpose", write_conv_transpose},
    {"local", write_local},
    {"max_pool", write_max_pool},
    {"avg_pool", write_avg_pool},
    {"global_avg_pool", write_global_pool},
    {"global_max_pool", write_global_pool},
    {"pad", write_pad},
    {"crop", write_crop},
    {"upsample", write_upsample},
    {"reshape", write_reshape},
    {"flatten", write_flatten},
    {"permute", write_permute},
    {"batch_norm", write_batch_norm},
    {"inverse_batch_norm", write_inverse_batch_norm},
    {"inverse_scale", write_inverse_scale},
    {"group_norm", write_group_norm},
    {"layer_norm", write_layer_norm},
    {"softmax", write_over},
    {"log_softmax", write_over},
    {"sparsemax", refuse_sparsemax},
    {"glu", write_glu},
    {"prelu", write_prelu},
    {"scale", write_scale},
    {"rescale", write_rescale},
    {"dropout", write_dropout},
    {"add", write_join},
    {"subtract", write_join},
    {"multiply", write_join},
    {"divide", write_join},
    {"average", write_join},
    {"maximum", write_join},
    {"minimum", write_join},
    {"concat", write_join},
    {NULL, write_formula},
};

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
    static const inv_writing how = {rows, enter, leave};
    const size_t depth = inv_net_depth(w->e->net);
    const inv_shape in = inv_net_shape(w->e->net, 0), out = inv_net_shape(w->e->net, depth);
    json_t *shape = inv_exporting_is_row(in)
                        ? json_pack("[nI]", (json_int_t)in.channels)
                        : json_pack("[nIII]", (json_int_t)in.height, (json_int_t)in.width,
                                    (json_int_t)in.channels);
    w->layer = inv_net_layer(w->e->net, 0);
    w->name = "input";
    const inv_spot input = add_layer(w, "InputLayer", "input",
                                     json_pack("{so ss}", "batch_shape", shape, "dtype", "float32"),
                                     NULL, 0, in, !inv_exporting_is_row(in));
    inv_spot last = inv_exporting_layers(w->e, &how, w, input);
    if (w->e->status != INV_OK)
        return;
    if (inv_exporting_is_row(out))
        last = as_row(w, last, out);
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
        json_array_append_new(shape, whole(node->dims[i]));
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
