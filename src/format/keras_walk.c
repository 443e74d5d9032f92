/* From layer to layer of a Keras model.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/keras.h"

#define DEPTH_MAX 16   /* models within models, and no more */
#define USES_MAX  4096 /* of all layers: a graph may grow with every layer that is used twice */

/* A model whose layers are gone through. */
typedef struct walk {
    keras *k;
    json_t *layers;
    const char *top; /* of the outermost model: the layer that this model is */
    size_t depth;
    char base[KERAS_PATH_MAX];         /* below which its layers' variables stand */
    char (*variables)[KERAS_PATH_MAX]; /* [layers] */
    size_t *numbers;                   /* [layers]: see keras_layer */
    /* of a Functional: */
    const keras_tensor *input;
    struct use **uses; /* [layers]: what each use of a layer gives */
    size_t *use_counts;
} walk;

typedef enum use_state { USE_NEW, USE_BEGUN, USE_DONE } use_state;

typedef struct use {
    use_state state;
    keras_tensor tensor;
} use;

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static inv_status refuse(const walk *w, const char *what, const char *name)
{
    return INV_ERROR(INV_EFORMAT, "%s: %s '%.100s'", w->k->file, what, name);
}

static const char *class_of(json_t *entry)
{
    const char *class = text_at(entry, "class_name");
    return *class ? class : text_at(entry, "name"); /* Keras 0.3 has both in one */
}

static const char *name_of(json_t *entry)
{
    const char *name = text_at(json_object_get(entry, "config"), "name");
    if (!*name)
        name = text_at(entry, "name");
    return *text_at(entry, "class_name") ? name : text_at(entry, "custom_name");
}

static bool is_model(const char *class)
{
    return strcmp(class, "Sequential") == 0 || strcmp(class, "Functional") == 0 ||
           strcmp(class, "Model") == 0;
}

/* Functions that a Functional model calls are layers without weights and without a group. */
static bool is_operator(json_t *entry)
{
    const char *module = text_at(entry, "module");
    return strstr(module, ".ops.") || strstr(module, ".activations") ||
           strcmp(class_of(entry), "TFOpLambda") == 0 ||
           strcmp(class_of(entry), "SlicingOpLambda") == 0;
}

static json_t *config_of(json_t *entry)
{
    json_t *config = json_object_get(entry, "config");
    return config ? config : entry;
}

/* ---- opening ---- */

/* Where the weights of each layer are, by what stands before it. */
static inv_status place_layers(walk *w)
{
    json_t *entry, *after = json_object();
    size_t i;
    inv_status status = INV_OK;
    size_t weighted = 0;
    json_array_foreach(w->layers, i, entry)
    {
        const char *class = class_of(entry);
        json_t *last = json_object_get(after, class);
        w->numbers[i] = w->k->layout == KERAS_NUMBERED ? i : weighted;
        weighted += keras_has_weights(class) || is_model(class);
        if (is_operator(entry))
            continue;
        const long number = keras_variables(
            w->k, w->base, class, last ? (long)json_integer_value(last) : -1, w->variables[i]);
        if (number >= 0 && json_object_set_new(after, class, json_integer(number)) != 0)
            status = INV_ERROR(INV_ENOMEM, "%s: no memory", w->k->file);
    }
    json_decref(after);
    return status;
}

static inv_status walk_open(walk *w, json_t *layers)
{
    void *variables = NULL, *numbers = NULL, *uses = NULL, *counts = NULL;
    const size_t count = json_array_size(layers);
    inv_status status = INV_OK;
    w->layers = layers;
    if (count == 0 || count > INV_LAYERS_MAX)
        return INV_ERROR(INV_EFORMAT, "%s: a model of %zu layers", w->k->file, count);
    INV_TRY(inv_calloc(count, KERAS_PATH_MAX, w->k->file, &variables));
    w->variables = variables;
    INV_TRY(inv_calloc(count, sizeof(size_t), w->k->file, &numbers));
    w->numbers = numbers;
    INV_TRY(inv_calloc(count, sizeof(use *), w->k->file, &uses));
    w->uses = uses;
    INV_TRY(inv_calloc(count, sizeof(size_t), w->k->file, &counts));
    w->use_counts = counts;
    INV_TRY(place_layers(w));
done:
    return status;
}

static void walk_close(walk *w)
{
    for (size_t i = 0; w->uses && i < json_array_size(w->layers); i++)
        free(w->uses[i]);
    free(w->uses);
    free(w->use_counts);
    free(w->numbers);
    free(w->variables);
}

/* ---- one layer ---- */

static inv_status walk_model(keras *k, json_t *entry, const walk *outer, size_t layer,
                             const keras_tensor *in, keras_tensor *out);

static inv_status add_layer(walk *w, size_t i, const keras_tensor *from, size_t count, json_t *node,
                            keras_tensor *out)
{
    json_t *entry = json_array_get(w->layers, i);
    const char *class = class_of(entry);
    keras_layer l = {.class = class,
                     .name = name_of(entry),
                     .module = text_at(entry, "module"),
                     .config = config_of(entry),
                     .own = node,
                     .is_function = is_operator(entry),
                     .number = w->numbers[i]};
    if (++w->k->uses > USES_MAX)
        return refuse(w, "layers within layers, used too often, at", l.name);
    if (is_model(class)) {
        if (count != 1)
            return refuse(w, "a model within it that takes several inputs:", l.name);
        return walk_model(w->k, entry, w, i, from, out);
    }
    l.top = w->depth == 0 ? l.name : w->top;
    l.is_nested = w->depth > 0;
    memcpy(l.variables, w->variables[i], sizeof l.variables);
    return keras_layer_add(w->k, &l, from, count, out);
}

/* ---- input shapes ---- */

/* What --input says of an axis, in the order that the model has its axes in. */
static size_t given_dim(const keras *k, size_t axis)
{
    const bool turned = k->how->input_rank == 3 && (k->turns_input || k->how->channels_first);
    return k->how->input_dims[turned ? (axis + 2) % 3 : axis];
}

/* The shape that --input says. */
static inv_status take_given(keras *k, keras_tensor *out, bool *found)
{
    size_t dims[KERAS_RANK_MAX] = {0};
    *found = k->how->input_rank > 0;
    for (size_t i = 0; i < k->how->input_rank; i++)
        dims[i] = given_dim(k, i);
    return *found ? keras_input(k, k->how->input_rank, dims, out) : INV_OK;
}

/* Sizes without the batch, from batch_shape and its older names; false where there are none. */
static inv_status read_shape(keras *k, json_t *config, keras_tensor *out, bool *found)
{
    static const char *const keys[] = {"batch_shape", "batch_input_shape", "build_input_shape",
                                       "input_shape"};
    size_t dims[KERAS_RANK_MAX] = {0};
    *found = false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *shape = json_object_get(config, keys[i]);
        /* a layer's input_shape is without the batch, that of a model's build_config with it */
        const size_t first = i < 3 || json_is_null(json_array_get(shape, 0));
        const size_t rank = json_array_size(shape) - first;
        if (!json_is_array(shape) || json_array_size(shape) <= first)
            continue;
        if (rank > KERAS_RANK_MAX - 1)
            return INV_ERROR(INV_EFORMAT, "%s: its input has %zu axes; images have three", k->file,
                             rank);
        for (size_t d = 0; d < rank; d++) {
            json_int_t n = json_integer_value(json_array_get(shape, d + first));
            if (n < 1 && k->how->input_rank == rank)
                n = (json_int_t)given_dim(k, d);
            if (n < 1 || n > 65535)
                return INV_ERROR(
                    INV_EFORMAT,
                    "%s: its input has no fixed size (axis %zu); a net of this program "
                    "takes images of one size: say which with --input, as 28x28x1",
                    k->file, d + 1);
            dims[d] = (size_t)n;
        }
        *found = true;
        return keras_input(k, rank, dims, out);
    }
    return INV_OK;
}

/* ---- Sequential ---- */

/* Whether a layer behind number i flattens what comes: the dense one before it was over the last axis. */
static bool flattens_later(const walk *w, size_t i)
{
    while (++i < json_array_size(w->layers))
        if (strcmp(class_of(json_array_get(w->layers, i)), "Flatten") == 0)
            return true;
    return false;
}

/* Where no layer tells the input's shape, the first dense one's kernel tells its length. */
static inv_status guess_shape(walk *w, keras_tensor *out, bool *found)
{
    json_t *entry;
    size_t i;
    json_array_foreach(w->layers, i, entry)
    {
        const keras_layer l = {.name = name_of(entry), .top = name_of(entry)};
        keras_layer it = l;
        const inv_tree_array *kernel = NULL;
        const char *class = class_of(entry);
        const json_int_t known = json_integer_value(json_object_get(config_of(entry), "input_dim"));
        if (strcmp(class, "Dense") != 0 && strcmp(class, "Flatten") != 0 &&
            strcmp(class, "Dropout") != 0 && strcmp(class, "InputLayer") != 0)
            return INV_OK;
        if (strcmp(class, "Dense") != 0)
            continue;
        if (flattens_later(w, i))
            return INV_OK;
        size_t n = known > 0 && known < 65536 ? (size_t)known : 0;
        it.number = w->numbers[i];
        memcpy(it.variables, w->variables[i], sizeof it.variables);
        inv_status status = keras_weight(w->k, &it, "kernel W", 0, &kernel);
        if (status == INV_OK && n == 0 && kernel && kernel->rank == 2)
            n = kernel->dims[0];
        *found = status == INV_OK && n > 0;
        return *found ? keras_input(w->k, 1, &n, out) : status;
    }
    return INV_OK;
}

static inv_status start_sequence(walk *w, json_t *model, const keras_tensor *in, keras_tensor *at)
{
    bool found = in != NULL;
    inv_status status = INV_OK;
    if (in)
        *at = *in;
    if (!found)
        status = read_shape(w->k, config_of(json_array_get(w->layers, 0)), at, &found);
    if (status == INV_OK && !found)
        status = read_shape(w->k, json_object_get(model, "config"), at, &found);
    if (status == INV_OK && !found)
        status = read_shape(w->k, json_object_get(model, "build_config"), at, &found);
    if (status == INV_OK && !found)
        status = take_given(w->k, at, &found);
    if (status == INV_OK && !found)
        status = guess_shape(w, at, &found);
    if (status != INV_OK || found)
        return status;
    w->k->lacks_shape = true;
    return INV_ERROR(INV_EFORMAT,
                     "%s: it does not say of what shape its input is; say it with --input, as "
                     "28x28x1",
                     w->k->file);
}

static inv_status walk_sequence(walk *w, json_t *model, const keras_tensor *in, keras_tensor *out)
{
    keras_tensor at = {0};
    json_t *entry;
    size_t i;
    inv_status status = start_sequence(w, model, in, &at);
    json_array_foreach(w->layers, i, entry)
    {
        if (status == INV_OK && strcmp(class_of(entry), "InputLayer") != 0)
            status = add_layer(w, i, &at, 1, NULL, &at);
    }
    *out = at;
    return status;
}

/* ---- Functional ---- */

static size_t find_layer(const walk *w, const char *name)
{
    size_t i = 0;
    while (i < json_array_size(w->layers) &&
           strcmp(name_of(json_array_get(w->layers, i)), name) != 0)
        i++;
    return i;
}

/* [name, node, tensor], of Keras 3 in a group of its own; NULL where it is none. */
static json_t *history(json_t *value)
{
    if (json_is_object(value))
        value = json_object_get(json_object_get(value, "config"), "keras_history");
    const char *name = json_string_value(json_array_get(value, 0));
    return name && strcmp(name, KERAS_CONSTANT) != 0 && json_is_integer(json_array_get(value, 1))
               ? value
               : NULL;
}

static inv_status find_tensor(walk *w, json_t *from, keras_tensor *out);

/* The tensors among a value, lists within lists. */
static inv_status collect(walk *w, json_t *value, keras_tensor *list, size_t *count)
{
    json_t *item;
    size_t i;
    const char *key;
    json_t *from = history(value);
    inv_status status = INV_OK;
    if (from) {
        if (*count == KERAS_INPUTS_MAX)
            return refuse(w, "more inputs than are read, of", "a layer");
        status = find_tensor(w, from, &list[(*count)++]);
        json_t *keywords = json_is_array(value) ? json_array_get(value, 3) : NULL; /* Keras 2 */
        return status == INV_OK && keywords ? collect(w, keywords, list, count) : status;
    }
    if (json_is_array(value))
        json_array_foreach(value, i, item) if (status == INV_OK) status =
            collect(w, item, list, count);
    if (json_is_object(value) && !json_object_get(value, "class_name"))
        json_object_foreach(value, key, item) if (status == INV_OK) status =
            collect(w, item, list, count);
    return status;
}

/* The inputs of one use of a layer, and the layer after them. */
static inv_status add_use(walk *w, size_t layer, json_t *node, keras_tensor *out)
{
    void *memory = NULL;
    size_t count = 0;
    json_t *entry = json_array_get(w->layers, layer);
    inv_status status = inv_calloc(KERAS_INPUTS_MAX, sizeof(keras_tensor), w->k->file, &memory);
    if (status == INV_OK)
        status = collect(w, node, memory, &count);
    if (status == INV_OK && count == 0)
        status = refuse(w, "nothing leads to layer", name_of(entry));
    if (status == INV_OK)
        status = add_layer(w, layer, memory, count, node, out);
    free(memory);
    return status;
}

static inv_status open_uses(walk *w, size_t layer, size_t count)
{
    void *memory = NULL;
    if (w->uses[layer])
        return INV_OK;
    if (count > USES_MAX)
        return refuse(
            w, "a layer used more often than is read:", name_of(json_array_get(w->layers, layer)));
    inv_status status = inv_calloc(count, sizeof(use), w->k->file, &memory);
    w->uses[layer] = memory;
    w->use_counts[layer] = count;
    return status;
}

/* What comes out of the use `number` of a layer; it may have been worked out already. */
static inv_status find_use(walk *w, size_t layer, size_t number, keras_tensor *out)
{
    json_t *entry = json_array_get(w->layers, layer);
    json_t *nodes = json_object_get(entry, "inbound_nodes");
    const bool is_input = strcmp(class_of(entry), "InputLayer") == 0;
    const size_t count = is_input ? 1 : json_array_size(nodes);
    inv_status status = INV_OK;
    if (number >= count && count == 1) /* models within models count their own first use */
        number = 0;
    if (number >= count)
        return refuse(w, "nothing leads to layer", name_of(entry));
    status = open_uses(w, layer, count);
    if (status != INV_OK)
        return status;
    use *u = &w->uses[layer][number];
    if (u->state == USE_BEGUN)
        return refuse(w, "a circle of layers at", name_of(entry));
    if (u->state == USE_NEW) {
        u->state = USE_BEGUN;
        if (is_input)
            u->tensor = *w->input;
        else
            status = add_use(w, layer, json_array_get(nodes, number), &u->tensor);
        u->state = USE_DONE;
    }
    *out = u->tensor;
    return status;
}

static inv_status find_tensor(walk *w, json_t *from, keras_tensor *out)
{
    const char *name = json_string_value(json_array_get(from, 0));
    const json_int_t number = json_integer_value(json_array_get(from, 1));
    const size_t layer = find_layer(w, name);
    if (layer == json_array_size(w->layers) || number < 0)
        return refuse(w, "no such layer:", name);
    if (json_integer_value(json_array_get(from, 2)) != 0)
        return refuse(w, "several outputs of layer", name);
    return find_use(w, layer, (size_t)number, out);
}

/* The one of a list of inputs or outputs, which may be that one itself; NULL: none or several. */
static json_t *only(json_t *list)
{
    if (history(list))
        return list;
    if (json_array_size(list) == 1)
        return only(json_array_get(list, 0));
    if (json_object_size(list) == 1) /* by name */
        return only(json_object_iter_value(json_object_iter(list)));
    return NULL;
}

static bool has_nodes(json_t *layers)
{
    json_t *entry;
    size_t i;
    json_array_foreach(layers, i, entry)
    {
        if (json_array_size(json_object_get(entry, "inbound_nodes")) > 0)
            return true;
    }
    return false;
}

static inv_status walk_graph(walk *w, json_t *config, const keras_tensor *in, keras_tensor *out)
{
    json_t *input = only(json_object_get(config, "input_layers"));
    json_t *output = only(json_object_get(config, "output_layers"));
    keras_tensor start = {0};
    bool found = in != NULL;
    inv_status status = INV_OK;
    if (!input || !output)
        return INV_ERROR(INV_EFORMAT,
                         "%s: the model '%.100s' has several %s; a net of this program has one",
                         w->k->file, text_at(config, "name"), input ? "outputs" : "inputs");
    const size_t first = find_layer(w, json_string_value(json_array_get(input, 0)));
    if (in)
        start = *in;
    else
        status = read_shape(w->k, config_of(json_array_get(w->layers, first)), &start, &found);
    if (status == INV_OK && !found)
        return refuse(w, "no shape of the input", json_string_value(json_array_get(input, 0)));
    /* cppcheck-suppress autoVariables */ /* until the next lines */
    w->input = &start;
    if (status == INV_OK)
        status = find_tensor(w, output, out);
    w->input = NULL;
    return status;
}

/* ---- models ---- */

static inv_status walk_model(keras *k, json_t *entry, const walk *outer, size_t layer,
                             const keras_tensor *in, keras_tensor *out)
{
    json_t *config = json_object_get(entry, "config"), *layers = NULL;
    void *memory = NULL;
    const char *class = class_of(entry);
    if (!is_model(class))
        return INV_ERROR(
            INV_EFORMAT,
            "%s: a model of the class '%.100s': what it computes is Python code, not in "
            "the file; save a Sequential or Functional model",
            k->file, class);
    if (outer && outer->depth == DEPTH_MAX)
        return refuse(outer, "too many models within models, at", name_of(entry));
    inv_status status = inv_calloc(1, sizeof(walk), k->file, &memory);
    walk *w = memory;
    if (status != INV_OK)
        return status;
    w->k = k;
    w->depth = outer ? outer->depth + 1 : 0;
    w->top = !outer ? "" : outer->depth == 0 ? name_of(entry) : outer->top;
    snprintf(w->base, sizeof w->base, "%s", outer ? outer->variables[layer] : k->root);
    if (outer && !*w->base) /* it has no weights, and must not find those of others */
        snprintf(w->base, sizeof w->base, "//");
    layers = json_is_array(config) ? config : json_object_get(config, "layers");
    if (!layers)
        layers = json_object_get(entry, "layers"); /* Keras 0.3 */
    INV_TRY(walk_open(w, layers));
    status = strcmp(class, "Sequential") == 0 || !has_nodes(layers)
                 ? walk_sequence(w, entry, in, out)
                 : walk_graph(w, config, in, out);
done:
    walk_close(w);
    free(w);
    return status;
}

inv_status keras_walk(keras *k, json_t *entry, const keras_tensor *in, keras_tensor *out)
{
    return walk_model(k, entry, NULL, 0, in, out);
}
