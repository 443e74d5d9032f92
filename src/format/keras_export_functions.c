/* Functions of one value, and of rows of them, as layers and operators of Keras (keras_writer.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "format/formula.h"
#include "format/keras_writer.h"

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
json_t *keras_with_activation(writer *w, json_t *config)
{
    const char *name = own_activation(w);
    if (name && config) {
        json_object_set_new(config, "activation", json_string(name));
        w->has_next = true;
    }
    return config;
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

inv_term keras_say(void *context, const char *op, const inv_term *of, size_t count)
{
    writer *w = context;
    size_t k = 0;
    while (strcmp(operators[k].op, op) != 0)
        k++;
    const bool is_range = strncmp(op, "row", 3) == 0;
    const bool is_image = is_range && of[0].text && w->e->status == INV_OK &&
                          w->model->nodes[keras_node_find(w, of[0].text)].rank == 3;
    json_t *config = !is_range  ? json_object()
                     : is_image ? json_pack("{s[iii] sb}", "axis", 1, 2, 3, "keepdims", 1)
                                : json_pack("{si sb}", "axis", -1, "keepdims", 1);
    const inv_term y = keras_node_operator(w, TEXT("keras.src.ops.%s", operators[k].module),
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
inv_spot keras_write_glu(writer *w, inv_spot in)
{
    const inv_term x = keras_node_term(w, in);
    const inv_term y =
        keras_node_operator(w, "keras.src.ops.nn", "Glu", json_pack("{si}", "axis", -1), &x, 1);
    if (w->e->status != INV_OK)
        return in;
    in.node = keras_node_find(w, y.text);
    keras_node_shape(keras_node_of(w, in), w->layer->out, in.is_image);
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
    *s = keras_node_after(w, class, w->name, config, *s, l->out, s->is_image);
    return true;
}

inv_spot keras_write_formula(writer *w, inv_spot in)
{
    const inv_speaker to = {keras_say, w};
    const char *name = activation_of(w->layer);
    inv_term y = {0};
    if (name)
        return keras_node_after(w, "Activation", w->name, json_pack("{ss}", "activation", name), in,
                                w->layer->out, in.is_image);
    if (write_class(w, &in))
        return in;
    if (!inv_formula_say(w->layer, keras_node_term(w, in), &to, &y))
        inv_exporting_refuse(w->e, w->layer, "Keras has nothing for it");
    if (w->e->status != INV_OK)
        return in;
    in.node = keras_node_find(w, y.text);
    return in;
}

/* softmax and its like: Keras's are over the channels. */
inv_spot keras_write_over(writer *w, inv_spot in)
{
    inv_spot s = is_over_image(w->layer) ? keras_node_row(w, in, w->layer->in) : in;
    s = keras_node_after(w, "Activation", w->name,
                         json_pack("{ss}", "activation", activation_of(w->layer)), s, w->layer->in,
                         s.is_image);
    return in.is_image ? keras_node_image(w, s, w->layer->out) : s;
}

/* Keras 3.15 adds up what it has added up already: findings/keras3-sparsemax.sh. */
inv_spot keras_refuse_sparsemax(writer *w, inv_spot in)
{
    inv_exporting_refuse(w->e, w->layer, "what Keras 3 calls so is another function");
    return in;
}
