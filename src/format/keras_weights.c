/* Where the weights of a Keras layer are.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/keras.h"

/* ---- lists of names, which a long one splits: NAME, or NAME0, NAME1, ... ---- */

static inv_status no_memory(const keras *k)
{
    return INV_ERROR(INV_ENOMEM, "%s: no memory", k->file);
}

static inv_status add_names(const keras *k, const char *path, const char *name, json_t *list)
{
    const inv_tree_array *a = inv_tree_attribute(k->tree, path, name);
    for (size_t i = 0; a && i < a->count; i++) {
        char *text = NULL;
        inv_status status = inv_tree_text(k->tree, path, name, i, &text);
        if (status != INV_OK)
            return status;
        if (!text)
            return INV_OK; /* an empty list is one of numbers */
        json_t *value = json_string(text);
        free(text);
        if (!value)
            return INV_ERROR(INV_EFORMAT, "%s: %s: @%s: a name that is not UTF-8", k->file, path,
                             name);
        if (json_array_append_new(list, value) != 0)
            return no_memory(k);
    }
    return INV_OK;
}

static inv_status read_names(const keras *k, const char *path, const char *name, json_t **out)
{
    char part[64];
    inv_status status = INV_OK;
    *out = json_array();
    if (!*out)
        return no_memory(k);
    if (inv_tree_attribute(k->tree, path, name))
        return add_names(k, path, name, *out);
    for (size_t i = 0; status == INV_OK; i++) {
        snprintf(part, sizeof part, "%s%zu", name, i);
        if (!inv_tree_attribute(k->tree, path, part))
            break;
        status = add_names(k, path, part, *out);
    }
    return status;
}

/* ---- the kind of file ---- */

static bool has_names(const keras *k, const char *path)
{
    return inv_tree_attribute(k->tree, path, "layer_names") ||
           inv_tree_attribute(k->tree, path, "layer_names0");
}

/* The layers that have weights, in the order of the file. */
static inv_status list_weighted(keras *k)
{
    json_t *names = NULL, *weights = NULL, *name;
    size_t i;
    inv_status status = INV_OK;
    k->weighted = json_array();
    INV_TRY(read_names(k, *k->root ? k->root : "/", "layer_names", &names));
    json_array_foreach(names, i, name)
    {
        char path[KERAS_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", k->root, json_string_value(name));
        INV_TRY(read_names(k, path, "weight_names", &weights));
        if (json_array_size(weights) > 0 && json_array_append(k->weighted, name) != 0)
            INV_RAISE(no_memory(k));
        json_decref(weights);
        weights = NULL;
    }
done:
    json_decref(weights);
    json_decref(names);
    return status;
}

inv_status keras_weights_open(keras *k)
{
    static const char *const roots[] = {"", "/model.weights.h5"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        const char *root = roots[i], *top = *root ? root : "/";
        snprintf(k->root, sizeof k->root, "%s/model_weights", root);
        if (inv_tree_has(k->tree, k->root)) {
            k->layout = KERAS_NAMED;
            return list_weighted(k);
        }
        snprintf(k->root, sizeof k->root, "%s", root);
        if (has_names(k, top)) {
            k->layout = KERAS_NAMED;
            return list_weighted(k);
        }
        if (inv_tree_attribute(k->tree, top, "nb_layers")) {
            k->layout = KERAS_NUMBERED;
            return INV_OK;
        }
        char vars[INV_TEXT_MAX + 8];
        snprintf(vars, sizeof vars, "%s/vars", root);
        if (inv_tree_has(k->tree, vars) || (*root && inv_tree_has(k->tree, root))) {
            k->layout = KERAS_VARIABLES;
            return INV_OK;
        }
    }
    k->root[0] = 0;
    k->layout = k->shards || inv_tree_has(k->tree, "/layers") ? KERAS_VARIABLES : KERAS_NO_WEIGHTS;
    return INV_OK;
}

/* ---- groups named after classes ---- */

/* A letter before which Keras sets '_': "MaxPooling2D" is max_pooling2d, "ReLU" re_lu. */
static void snake(const char *class, char out[2 * INV_NAME_MAX])
{
    char first[2 * INV_NAME_MAX];
    size_t n = 0;
    for (size_t i = 0; class[i] && n + 3 < sizeof first; i++) {
        if (i > 0 && isupper((unsigned char)class[i]) && islower((unsigned char)class[i + 1]) &&
            first[n - 1] != '_')
            first[n++] = '_';
        first[n++] = class[i];
    }
    first[n] = 0;
    n = 0;
    for (size_t i = 0; first[i] && n + 3 < 2 * (size_t)INV_NAME_MAX; i++) {
        if (i > 0 && isupper((unsigned char)first[i]) && islower((unsigned char)first[i - 1]))
            out[n++] = '_';
        out[n++] = (char)tolower((unsigned char)first[i]);
    }
    out[n] = 0;
}

/* The number that a group's name ends in, where it is `stem` or `stem`_NUMBER; -1: another's. */
static long number_of(const char *name, size_t length, const char *stem)
{
    const size_t stem_length = strlen(stem);
    if (length < stem_length || strncmp(name, stem, stem_length) != 0)
        return -1;
    if (length == stem_length)
        return 0;
    if (name[stem_length] != '_' || length - stem_length > 8)
        return -1;
    for (size_t i = stem_length + 1; i < length; i++)
        if (!isdigit((unsigned char)name[i]))
            return -1;
    return length == stem_length + 1 ? -1 : strtol(name + stem_length + 1, NULL, 10);
}

/* Between a group and the layers in it. */
static const char *const between[] = {"/layers/", "/_layer_checkpoint_dependencies/",
                                      "/_self_tracked_trackables/", "/layers\\",
                                      "/_layer_checkpoint_dependencies\\"};

/* The part of `path` below `base` that names a layer, and its length; NULL. */
static const char *layer_part(const char *path, const char *base, size_t *length)
{
    const size_t base_length = strlen(base);
    if (strncmp(path, base, base_length) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        const size_t n = strlen(between[i]);
        if (strncmp(path + base_length, between[i], n) == 0) {
            const char *part = path + base_length + n;
            *length = strcspn(part, "/\\");
            return *length ? part : NULL;
        }
    }
    return NULL;
}

/* The path of the group whose number is the least that is above `after`, in `out`; -1: none. Numbers
 * may have gaps. */
static long next_group(const inv_tree *tree, const char *base, const char *stem, long after,
                       char out[KERAS_PATH_MAX])
{
    long best = -1;
    for (size_t i = 0; i < inv_tree_count(tree); i++) {
        size_t length = 0;
        const char *path = inv_tree_path(tree, i), *part = layer_part(path, base, &length);
        const long number = part ? number_of(part, length, stem) : -1;
        if (number > after && (best < 0 || number < best)) {
            best = number;
            snprintf(out, KERAS_PATH_MAX, "%.*s", (int)(part + length - path), path);
        }
    }
    return best;
}

long keras_variables(const keras *k, const char *base, const char *class, long after,
                     char out[KERAS_PATH_MAX])
{
    char stem[2 * INV_NAME_MAX];
    out[0] = 0;
    if (k->layout != KERAS_VARIABLES)
        return -1;
    snake(class, stem);
    if (!k->shards)
        return next_group(k->tree, base, stem, after, out);
    if (after < 0) /* of weights in several files, a map says what there is */
        snprintf(out, KERAS_PATH_MAX, "%s/layers/%s", base, stem);
    else
        snprintf(out, KERAS_PATH_MAX, "%s/layers/%s_%ld", base, stem, after + 1);
    return after + 1;
}

/* The variable of that number, in whichever file of several it is. */
static const inv_tree_array *shard_variable(const keras *k, const char *group, size_t number)
{
    char key[KERAS_PATH_MAX + 8], path[2 * KERAS_PATH_MAX];
    json_t *file;
    size_t i;
    snprintf(key, sizeof key, "%s/vars", group);
    json_t *files = json_object_get(k->shards, key);
    if (json_is_string(files)) {
        snprintf(path, sizeof path, "/%s%s/%zu", json_string_value(files), key, number);
        return inv_tree_find(k->tree, path);
    }
    json_array_foreach(files, i, file)
    {
        if (!json_is_string(file))
            continue;
        snprintf(path, sizeof path, "/%s%s/%zu", json_string_value(file), key, number);
        const inv_tree_array *found = inv_tree_find(k->tree, path);
        if (found)
            return found;
    }
    return NULL;
}

static const inv_tree_array *find_variable(const keras *k, const keras_layer *l, size_t number)
{
    char path[KERAS_PATH_MAX + 32];
    if (!*l->variables)
        return NULL;
    if (k->shards)
        return shard_variable(k, l->variables, number);
    snprintf(path, sizeof path, "%s/vars/%zu", l->variables, number);
    if (inv_tree_has(k->tree, path))
        return inv_tree_find(k->tree, path);
    snprintf(path, sizeof path, "%s\\vars/%zu", l->variables, number);
    return inv_tree_find(k->tree, path);
}

/* ---- groups of named weights ---- */

/* The end of a weight's path, without what TensorFlow puts behind: "dense_1/kernel_1:0" is "kernel". */
static size_t bare_length(const char *leaf)
{
    size_t n = strcspn(leaf, ":");
    size_t digits = n;
    while (digits > 0 && isdigit((unsigned char)leaf[digits - 1]))
        digits--;
    return digits > 1 && digits < n && leaf[digits - 1] == '_' ? digits - 1 : n;
}

/* Whether a leaf is called so: "kernel", or as of old "dense_1_W". */
static bool is_called(const char *leaf, const char *name, size_t length)
{
    const size_t n = bare_length(leaf);
    if (n < length || strncmp(leaf + n - length, name, length) != 0)
        return false;
    return n == length || leaf[n - length - 1] == '_';
}

/* Whether it is called by one of the names, exactly or after an '_'. */
static bool is_one_of(const char *leaf, const char *names, bool exactly)
{
    while (*names) {
        const size_t length = strcspn(names, " ");
        if (is_called(leaf, names, length) && (!exactly || bare_length(leaf) == length))
            return true;
        names += length + (names[length] == ' ');
    }
    return false;
}

/* Whether the path is of the layer: its part before the leaf ends in the layer's name, or where not
 * `exactly` perhaps in that with a number that TensorFlow added. */
static bool is_of_layer(const char *path, const char *layer, bool exactly)
{
    const char *leaf = strrchr(path, '/');
    const size_t length = strlen(layer);
    if (!leaf)
        return false;
    for (const char *at = path; at && at < leaf; at = strchr(at, '/'), at = at ? at + 1 : NULL) {
        const size_t rest = (size_t)(leaf - at);
        if (rest < length || strncmp(at, layer, length) != 0)
            continue;
        if (rest == length || (!exactly && at[length] == '_' &&
                               strspn(at + length + 1, "0123456789") == rest - length - 1))
            return true;
    }
    return false;
}

static const char *leaf_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The first of the paths that is called by one of the names and of the layer, or of any; NULL. */
static const char *first_of(const keras_layer *l, json_t *paths, const char *names, bool exactly,
                            bool of_any)
{
    json_t *path;
    size_t i;
    for (int layer_exactly = 1; layer_exactly >= 0; layer_exactly--)
        json_array_foreach(paths, i, path)
        {
            const char *text = json_string_value(path);
            if (is_one_of(leaf_of(text), names, exactly) &&
                (of_any || is_of_layer(text, l->name, layer_exactly)))
                return text;
        }
    return NULL;
}

/* The path among `paths`; NULL. Several of one name: the layer's own. */
static const char *choose(const keras_layer *l, json_t *paths, const char *names, size_t number)
{
    for (int exactly = 1; exactly >= 0; exactly--) {
        const char *found = first_of(l, paths, names, exactly, false);
        if (!found && !l->is_nested)
            found = first_of(l, paths, names, exactly, true);
        if (found)
            return found;
    }
    /* names that say nothing: "Variable_3:0", or no names but numbers */
    if (!l->is_nested && number < json_array_size(paths)) {
        const char *text = json_string_value(json_array_get(paths, number));
        if (strncmp(leaf_of(text), "Variable", 8) == 0 || strncmp(leaf_of(text), "param_", 6) == 0)
            return text;
    }
    return NULL;
}

static inv_status find_named(const keras *k, const keras_layer *l, const char *names, size_t number,
                             const inv_tree_array **out)
{
    char group[KERAS_PATH_MAX], path[2 * KERAS_PATH_MAX];
    json_t *paths = NULL;
    const char *layer = l->top;
    if (k->by_order)
        layer = json_string_value(json_array_get(k->weighted, l->number));
    if (!layer)
        return INV_OK;
    snprintf(group, sizeof group, "%s/%s", k->root, layer);
    inv_status status = read_names(k, group, "weight_names", &paths);
    const char *found = status == INV_OK ? choose(l, paths, names, number) : NULL;
    if (found) {
        snprintf(path, sizeof path, "%s/%s", group, found);
        *out = inv_tree_find(k->tree, path);
    }
    json_decref(paths);
    return status;
}

static const inv_tree_array *find_numbered(const keras *k, const keras_layer *l, size_t number)
{
    char path[64];
    snprintf(path, sizeof path, "/layer_%zu/param_%zu", l->number, number);
    return inv_tree_find(k->tree, path);
}

const inv_tree_array *keras_variable(const keras *k, const keras_layer *l, size_t number)
{
    return k->layout == KERAS_NUMBERED    ? find_numbered(k, l, number)
           : k->layout == KERAS_VARIABLES ? find_variable(k, l, number)
                                          : NULL;
}

inv_status keras_weight_names(const keras *k, const char *group, json_t **out)
{
    return read_names(k, group, "weight_names", out);
}

bool keras_is_called_by(const char *path, const char *names)
{
    return is_one_of(leaf_of(path), names, false);
}

inv_status keras_weight(keras *k, const keras_layer *l, const char *names, size_t number,
                        const inv_tree_array **out)
{
    *out = keras_variable(k, l, number);
    inv_status status = k->layout == KERAS_NAMED ? find_named(k, l, names, number, out) : INV_OK;
    return status == INV_OK && *out ? inv_taken_add(&k->taken, *out) : status;
}

inv_status keras_weight_needed(keras *k, const keras_layer *l, const char *names, size_t number,
                               const inv_tree_array **out)
{
    inv_status status = keras_weight(k, l, names, number, out);
    if (status != INV_OK || *out)
        return status;
    return INV_ERROR(INV_EFORMAT, "%s: layer '%s': its %.*s is not in the file", k->file, l->name,
                     (int)strcspn(names, " "), names);
}
