/* Keras models: .h5, .keras, folders, and weights in several files.
 *
 * An .h5 file is HDF5 with its architecture in @model_config, or none; a .keras file a zip archive of
 * metadata.json, config.json and model.weights.h5, which saved with zipped=False are three files of a
 * folder; weights in several files have a JSON file that says what is where. In the tree, each member
 * or file is a group of its name; of JSON, @text.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/keras.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/zip.h"
#include "format/arch.h"
#include "format/hdf5.h"
#include "format/keras_export.h"

/* To try one shape: a unit a byte of the architecture, and so many an object of the file. */
#define OBJECT_WORK ((size_t)64)
#define WORK_MAX    ((size_t)1 << 25) /* for all shapes that are tried: about a second */

#define MEMBER_MAX ((size_t)1 << 32)

/* ---- the process that reads ---- */

static inv_status send_h5(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                          const inv_sink *to)
{
    return inv_hdf5_send(name, "", bytes, size, array_max, to);
}

static inv_status send_member(const char *name, inv_zip *zip, const char *member,
                              uint64_t array_max, const inv_sink *to)
{
    char path[64];
    unsigned char *bytes = NULL;
    size_t at = 0, size = 0;
    if (!inv_zip_find(zip, member, &at))
        return INV_OK;
    inv_status status = inv_zip_read(zip, at, MEMBER_MAX, &bytes, &size);
    snprintf(path, sizeof path, "/%s", member);
    if (status == INV_OK)
        status = strstr(member, ".json") ? inv_text_send(path, "text", bytes, size, to)
                                         : inv_hdf5_send(name, path, bytes, size, array_max, to);
    free(bytes);
    return status;
}

static inv_status send_zip(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                           const inv_sink *to)
{
    static const char *const members[] = {"metadata.json", "config.json", "model.weights.h5"};
    inv_zip *zip = NULL;
    inv_status status = inv_zip_open_bytes(name, bytes, size, &zip);
    for (size_t i = 0; status == INV_OK && i < sizeof members / sizeof *members; i++)
        status = send_member(name, zip, members[i], array_max, to);
    inv_zip_close(zip);
    return status;
}

static bool is_json(const unsigned char *first, size_t size)
{
    size_t i = 0;
    while (i < size && isspace(first[i]))
        i++;
    return i < size && first[i] == '{';
}

static inv_status send_json(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                            const inv_sink *to)
{
    (void)name, (void)array_max;
    return inv_text_send("/", "text", bytes, size, to);
}

/* ---- JSON texts ---- */

/* The JSON in @text of a group; *out is NULL where there is none. */
static inv_status read_json(const inv_tree *tree, const char *path, const char *attribute,
                            json_t **out)
{
    char *text = NULL;
    json_error_t error;
    *out = NULL;
    inv_status status = inv_tree_text(tree, path, attribute, 0, &text);
    if (status != INV_OK || !text)
        return status;
    *out = json_loads(text, 0, &error);
    free(text);
    if (*out)
        return INV_OK;
    const bool is_file = strcmp(attribute, "text") == 0; /* else an attribute of HDF5 */
    const char *name = !is_file ? attribute : path + 1;
    return INV_ERROR(INV_EFORMAT, "%s: %s%snot JSON: line %d, column %d: %s", inv_tree_name(tree),
                     name, *name ? " is " : "", error.line, error.column, error.text);
}

/* The i-th file of a map of weights, each once, in the order of the map. */
static const char *shard_name(json_t *map, size_t number)
{
    const char *key;
    json_t *value, *seen = json_object();
    const char *found = NULL;
    json_object_foreach(map, key, value)
    {
        const size_t count = json_is_array(value) ? json_array_size(value) : 1;
        for (size_t i = 0; i < count && !found; i++) {
            const char *name =
                json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
            if (!name || json_object_get(seen, name))
                continue;
            if (json_object_size(seen) == number)
                found = name;
            json_object_set_new(seen, name, json_true());
        }
    }
    json_decref(seen);
    return found;
}

static inv_status beside_json(const inv_tree *tree, size_t i, char name[INV_TEXT_MAX], bool *found)
{
    static const char *const folder[] = {"metadata.json", "model.weights.h5"};
    json_t *root = NULL;
    inv_status status = read_json(tree, "/", "text", &root);
    json_t *map = json_object_get(root, "weight_map");
    const char *file = NULL;
    if (map)
        file = shard_name(map, i);
    else if (json_object_get(root, "class_name") && i < 2)
        file = folder[i];
    *found = file != NULL;
    if (file)
        snprintf(name, INV_TEXT_MAX, "%s", file);
    json_decref(root);
    return status;
}

/* ---- opening ---- */

/* The user's architecture, else the file's own. */
static inv_status read_architecture(const inv_tree *tree, const inv_import *how, json_t **out)
{
    json_error_t error;
    *out = NULL;
    if (how->arch) {
        *out = json_loads(how->arch, 0, &error);
        return *out ? INV_OK
                    : INV_ERROR(INV_ECONFIG,
                                "%s: line %d: %s; the architecture of a Keras model is JSON, as "
                                "model.to_json() gives it",
                                how->arch_name ? how->arch_name : "--arch", error.line, error.text);
    }
    inv_status status = read_json(tree, "/", "model_config", out);
    if (status == INV_OK && !*out)
        status = read_json(tree, "/config.json", "text", out);
    if (status == INV_OK && !*out)
        status = read_json(tree, "/", "text", out);
    if (status != INV_OK || json_object_get(*out, "class_name"))
        return status;
    json_decref(*out);
    *out = NULL;
    return INV_ERROR(
        INV_EFORMAT,
        "%s: holds no architecture, weights at most; give it with --arch FILE, JSON as "
        "model.to_json() gives it",
        inv_tree_name(tree));
}

static inv_status read_version(const inv_tree *tree, json_t *arch, char **out)
{
    json_t *metadata = NULL;
    inv_status status = inv_tree_text(tree, "/", "keras_version", 0, out);
    if (status == INV_OK && !*out)
        status = inv_tree_text(tree, "/model_weights", "keras_version", 0, out);
    if (status == INV_OK && !*out)
        status = read_json(tree, "/metadata.json", "text", &metadata);
    const char *text = json_string_value(json_object_get(metadata, "keras_version"));
    if (!text)
        text = json_string_value(json_object_get(arch, "keras_version"));
    if (status == INV_OK && !*out && text) {
        *out = strdup(text);
        if (!*out)
            status = INV_ERROR(INV_ENOMEM, "%s: no memory", inv_tree_name(tree));
    }
    json_decref(metadata);
    return status;
}

/* What a file that tells no version was written by, by the keys of its architecture. */
static int guess_version(const keras *k, json_t *arch)
{
    static const struct {
        const char *key;
        int version;
    } keys[] = {{"\"nb_filter\"", 1},   {"\"output_dim\"", 1},  {"\"border_mode\"", 1},
                {"\"DTypePolicy\"", 3}, {"\"batch_shape\"", 3}, {"\"kernel_initializer\"", 2},
                {"\"use_bias\"", -1}};
    char *text = json_dumps(arch, JSON_COMPACT);
    int version = -1;
    if (k->layout == KERAS_NUMBERED)
        version = 0;
    for (size_t i = 0; text && version < 0 && i < sizeof keys / sizeof *keys; i++)
        if (strstr(text, keys[i].key)) {
            version = keys[i].version;
            break;
        }
    free(text);
    return version;
}

static inv_status find_version(keras *k, json_t *arch)
{
    char *text = NULL, *backend = NULL;
    inv_status status = INV_OK;
    INV_TRY(read_version(k->tree, arch, &text));
    if (text)
        snprintf(k->model->version, sizeof k->model->version, "%.32s", text);
    k->version = text && isdigit((unsigned char)*text) ? *text - '0' : guess_version(k, arch);
    INV_TRY(inv_tree_text(k->tree, "/", "backend", 0, &backend));
    const char *ran_on = k->how->backend ? k->how->backend : backend ? backend : "";
    k->knows_backend = *ran_on != 0;
    k->is_theano = strcmp(ran_on, "theano") == 0;
    k->is_torch = strcmp(ran_on, "torch") == 0;
done:
    free(text);
    free(backend);
    return status;
}

/* All keys of all layers as they are called today. */
static void update_all(json_t *value)
{
    json_t *item;
    size_t i;
    const char *key;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            update_all(item);
        }
    }
    if (!json_is_object(value))
        return;
    json_object_foreach(value, key, item)
    {
        update_all(item);
    }
    keras_update(value);
}

/* ---- importing ---- */

static bool has_layer(json_t *layers, const char *name)
{
    json_t *entry;
    size_t i;
    json_array_foreach(layers, i, entry)
    {
        const char *own =
            json_string_value(json_object_get(json_object_get(entry, "config"), "name"));
        if (own && strcmp(own, name) == 0)
            return true;
    }
    return false;
}

/* Groups with weights are named as the architecture's layers; where some are not, as when it was made
 * anew, they go by their order, as in Keras. */
static void match_names(keras *k, json_t *arch)
{
    json_t *config = json_object_get(arch, "config"), *group;
    json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    size_t i;
    json_array_foreach(k->weighted, i, group)
    {
        k->by_order = k->by_order || !has_layer(layers, json_string_value(group));
    }
}

static inv_status import_architecture(keras *k, json_t *arch)
{
    keras_tensor out = {0};
    inv_status status = INV_OK;
    INV_TRY(keras_weights_open(k));
    INV_TRY(find_version(k, arch));
    update_all(arch);
    k->turns_input = keras_is_channels_first(arch);
    if (k->layout == KERAS_NAMED)
        match_names(k, arch);
    INV_TRY(keras_walk(k, arch, NULL, &out));
    if (k->layout == KERAS_NO_WEIGHTS)
        INV_FAIL(INV_EFORMAT, "%s: holds no weights", k->file);
    INV_TRY(keras_check_named(k));
    INV_TRY(keras_output(k, &out));
    INV_TRY(k->is_tried ? inv_sketch_fits(k->sketch, &out.at)
                        : inv_sketch_build(k->sketch, &out.at, &k->model->net));
done:
    return status;
}

static inv_status import_as(keras *k)
{
    json_t *arch = NULL, *map = NULL;
    inv_status status = INV_OK;
    INV_TRY(read_json(k->tree, "/", "text", &map));
    k->shards = json_object_get(map, "weight_map");
    INV_TRY(read_architecture(k->tree, k->how, &arch));
    INV_TRY(import_architecture(k, arch));
done:
    if (k->lacks_shape)
        k->work = json_dumpb(arch, NULL, 0, JSON_COMPACT) + OBJECT_WORK * inv_tree_count(k->tree);
    json_decref(k->weighted);
    inv_taken_free(&k->taken);
    json_decref(map);
    json_decref(arch);
    return status;
}

/* Whether the layers fit each other and their weights on images of that shape. */
static inv_status try_shape(void *context, inv_shape shape, bool *fits)
{
    const keras *whole = context;
    keras k = {.tree = whole->tree, .file = whole->file, .version = -1};
    inv_import how = *whole->how;
    void *model = NULL;
    inv_status status = INV_OK;
    how.input_rank = 3;
    memcpy(how.input_dims, (size_t[3]){shape.height, shape.width, shape.channels},
           sizeof how.input_dims);
    k.how = &how;
    k.is_tried = true;
    INV_TRY(inv_calloc(1, sizeof(inv_model), k.file, &model));
    INV_TRY(inv_sketch_alloc(k.tree, &k.sketch));
    k.model = model;
    *fits = import_as(&k) == INV_OK;
done:
    inv_sketch_free(k.sketch);
    free(model);
    return status;
}

static inv_status import_keras(const inv_tree *tree, const inv_import *how, inv_model *model,
                               inv_sketch *sketch)
{
    keras k = {.tree = tree,
               .how = how,
               .model = model,
               .sketch = sketch,
               .file = inv_tree_name(tree),
               .version = -1};
    inv_import with_shape = *how;
    inv_shape shape = {0};
    inv_status status = import_as(&k);
    if (!k.lacks_shape)
        return status;
    status = inv_find_shape(k.file, try_shape, &k, WORK_MAX / (k.work + 1), &shape);
    if (status != INV_OK)
        return status;
    inv_note_shape(model, shape);
    with_shape.input_rank = 3;
    memcpy(with_shape.input_dims, (size_t[3]){shape.height, shape.width, shape.channels},
           sizeof with_shape.input_dims);
    k = (keras){.tree = tree,
                .how = &with_shape,
                .model = model,
                .sketch = sketch,
                .file = inv_tree_name(tree),
                .version = -1};
    return import_as(&k);
}

const inv_format inv_format_keras_h5 = {.name = "keras-h5",
                                        .what = "Keras",
                                        .endings = ".h5 .hdf5",
                                        .probe = inv_hdf5_is,
                                        .send = send_h5,
                                        .import = import_keras,
                                        .export = keras_h5_export};

const inv_format inv_format_keras_zip = {.name = "keras",
                                         .what = "Keras",
                                         .endings = ".keras",
                                         .probe = inv_zip_is,
                                         .member = "config.json",
                                         .send = send_zip,
                                         .import = import_keras,
                                         .export = keras_zip_export};

const inv_format inv_format_keras_json = {.name = "keras-json",
                                          .what = "Keras",
                                          .endings = ".weights.json",
                                          .probe = is_json,
                                          .send = send_json,
                                          .beside = beside_json,
                                          .import = import_keras};
