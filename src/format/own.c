/* Model files that this program wrote (own.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/own.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "format/hdf5.h"
#include "format/record.h"
#include "invproj/config.h"
#include "invproj/dataset.h"
#include "invproj/mat.h"

#define VERSION     "1"
#define SHA256_TEXT (2 * SHA256_DIGEST_SIZE + 1)

/* ---- what is said ---- */

static bool say(json_t *object, const char *key, const char *text)
{
    return json_object_set_new(object, key, json_string(text)) == 0;
}

static bool say_number(json_t *object, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    return say(object, key, text);
}

static bool say_shape(json_t *object, const char *key, inv_shape s)
{
    char text[80];
    snprintf(text, sizeof text, "%zu %zu %zu", s.height, s.width, s.channels);
    return say(object, key, text);
}

static bool say_classes(json_t *object, const inv_export *what)
{
    json_t *list = json_array();
    bool good = list;
    for (size_t i = 0; good && i < what->class_count; i++)
        good = json_array_append_new(list, json_string(what->class_names[i])) == 0;
    char *text = good ? json_dumps(list, JSON_COMPACT) : NULL;
    good = text && say(object, "class_names", text);
    free(text);
    json_decref(list);
    return good;
}

static bool say_pixels(json_t *object, const inv_export *what)
{
    return say_number(object, "pixel_black", what->black) &&
           say_number(object, "pixel_white", what->white) &&
           say_number(object, "pixel_scale", what->scale);
}

inv_status inv_own_describe(const inv_export *what, const char *layout, json_t **out)
{
    json_t *object = json_object();
    bool good = object && say(object, INV_OWN_MARK, VERSION) && say(object, "layout", layout) &&
                say_shape(object, "input", inv_net_shape(what->net, 0));
    if (good && what->inverse_at)
        good =
            say(object, "inverse_of", what->inverse_at) && say_shape(object, "image", what->image);
    if (good && what->scale > 0.0)
        good = say_pixels(object, what);
    if (good && what->class_count > 0)
        good = say_classes(object, what);
    good = good && say(object, "network", inv_net_describe(what->net));
    *out = object;
    if (good)
        return INV_OK;
    json_decref(object);
    *out = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory to describe it", what->file);
}

/* "hidden1/bias" */
static void key_of(const inv_param *p, char key[2 * INV_NAME_MAX])
{
    snprintf(key, 2 * INV_NAME_MAX, "%s/%s", p->layer->name, p->block->name);
}

/* Numbers to nine digits, which is all of a float; and as text, for JSON's would be a double's. */
static char *numbers_of(const inv_param *p)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < p->block->size; i++)
        fprintf(out, "%s%.9g", i ? " " : "", (double)p->values[i]);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

inv_status inv_own_add_parameters(inv_exporting *e)
{
    json_t *object = json_object();
    char key[2 * INV_NAME_MAX], *text = NULL;
    bool good = object;
    for (size_t i = 0; good && i < e->out->count; i++) {
        const inv_param *p = &e->out->params[i];
        if (!p->is_told)
            continue;
        char *numbers = numbers_of(p);
        key_of(p, key);
        good = numbers && say(object, key, numbers);
        free(numbers);
    }
    if (good && json_object_size(object) > 0) {
        text = json_dumps(object, JSON_COMPACT);
        good = text && say(e->metadata, "parameters", text);
    }
    free(text);
    json_decref(object);
    return good ? INV_OK : INV_ERROR(INV_ENOMEM, "%s: no memory to describe it", e->what->file);
}

/* ---- sending ---- */

inv_status inv_own_send_metadata(const inv_sink *to, const char *text, size_t size)
{
    return inv_text_send(INV_OWN_GROUP, "metadata", (const unsigned char *)text, size, to);
}

inv_status inv_own_send_sum(const inv_sink *to, const unsigned char *bytes, size_t size)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char text[SHA256_TEXT];
    struct sha256_ctx hash;
    if (!memmem(bytes, size, INV_OWN_MARK, strlen(INV_OWN_MARK)))
        return INV_OK;
    sha256_init(&hash);
    sha256_update(&hash, size, bytes);
    sha256_digest(&hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return inv_text_send(INV_OWN_GROUP ".sum", "sha256", (const unsigned char *)text, strlen(text),
                         to);
}

/* ---- finding it again ---- */

/* The JSON text of an attribute; NULL where there is none. */
static inv_status read_text(const inv_tree *tree, const char *path, const char *name, json_t **out)
{
    char *text = NULL;
    *out = NULL;
    inv_status status = inv_tree_text(tree, path, name, 0, &text);
    if (status == INV_OK && text)
        *out = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    return status;
}

/* The metadata, wherever a format has them; NULL where the file has none of this program's. */
static inv_status find_metadata(const inv_tree *tree, json_t **out)
{
    json_t *keras = NULL;
    inv_status status = read_text(tree, INV_OWN_GROUP, "metadata", out);
    if (status == INV_OK && !*out)
        status = read_text(tree, "/", INV_OWN_MARK, out);
    if (status == INV_OK && !*out) {
        status = read_text(tree, "/metadata.json", "text", &keras);
        *out = json_incref(json_object_get(keras, INV_OWN_MARK));
        json_decref(keras);
    }
    const char *version = json_string_value(json_object_get(*out, INV_OWN_MARK));
    if (version && strcmp(version, VERSION) == 0)
        return status;
    json_decref(*out);
    *out = NULL;
    return status;
}

static const char *text_of(const json_t *metadata, const char *key)
{
    return json_string_value(json_object_get(metadata, key));
}

static bool read_shape(const json_t *metadata, const char *key, inv_shape *out)
{
    const char *at = text_of(metadata, key);
    size_t *const sizes[3] = {&out->height, &out->width, &out->channels};
    for (size_t i = 0; i < 3; i++) {
        char *end = NULL;
        *sizes[i] = at ? strtoul(at, &end, 10) : 0;
        if (!at || end == at || *sizes[i] == 0)
            return false;
        at = end;
    }
    return *at == 0;
}

static double read_number(const json_t *metadata, const char *key)
{
    const char *text = text_of(metadata, key);
    const double value = text ? strtod(text, NULL) : 0.0;
    return isfinite(value) ? value : 0.0;
}

static inv_status tell_classes(const json_t *metadata, inv_model *model)
{
    const char *text = text_of(metadata, "class_names");
    json_t *list = text ? json_loads(text, 0, NULL) : NULL;
    const size_t count = json_array_size(list);
    void *memory = NULL;
    inv_status status = INV_OK;
    if (count == 0 || count > INV_MODEL_OUTPUTS_MAX)
        goto done;
    INV_TRY(inv_calloc(count, sizeof(char *), "class names", &memory));
    model->class_names = memory;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        model->class_names[i] =
            strdup(name && inv_class_name_good(name, strlen(name)) ? name : "?");
        if (!model->class_names[i])
            INV_FAIL(INV_ENOMEM, "class names: no memory");
        model->class_count++;
    }
done:
    json_decref(list);
    return status;
}

inv_status inv_own_tell(const inv_tree *tree, inv_model *model)
{
    json_t *metadata = NULL;
    inv_status status = find_metadata(tree, &metadata);
    const double scale = read_number(metadata, "pixel_scale");
    const char *at = text_of(metadata, "inverse_of");
    if (at && read_shape(metadata, "image", &model->image))
        snprintf(model->inverse_at, sizeof model->inverse_at, "%s", at);
    if (status == INV_OK)
        status = tell_classes(metadata, model);
    if (status == INV_OK && scale > 0.0) {
        model->scale = scale;
        model->black = read_number(metadata, "pixel_black");
        model->white = read_number(metadata, "pixel_white");
        model->is_prepared = true;
    }
    json_decref(metadata);
    return status;
}

/* ---- the net again ---- */

/* What was exported, as the metadata tell of it; the net is the caller's. */
static void read_export(const json_t *metadata, const char *file, const inv_model *model,
                        inv_export *out)
{
    *out = (inv_export){.file = file,
                        .black = read_number(metadata, "pixel_black"),
                        .white = read_number(metadata, "pixel_white"),
                        .scale = read_number(metadata, "pixel_scale"),
                        .class_count = model->class_count,
                        .class_names = (const char *const *)model->class_names,
                        .inverse_at = *model->inverse_at ? model->inverse_at : NULL,
                        .image = model->image};
}

/* As many values as the file has, or may have in its metadata: its net has no more parameters. */
static size_t values_of(const inv_tree *tree, const json_t *metadata)
{
    const char *told = text_of(metadata, "parameters");
    size_t sum = told ? strlen(told) : 0;
    for (size_t i = 0; i < inv_tree_count(tree); i++) {
        const inv_tree_array *array = inv_tree_find(tree, inv_tree_path(tree, i));
        if (array && __builtin_add_overflow(sum, array->count, &sum))
            return SIZE_MAX;
    }
    return sum;
}

static inv_status build(const inv_tree *tree, const json_t *metadata, inv_net **out)
{
    const char *file = inv_tree_name(tree), *layers = text_of(metadata, "network");
    inv_shape shape;
    inv_config *config = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    if (!layers || !read_shape(metadata, "input", &shape))
        return INV_OK;
    status = inv_config_read_json(file, layers, &config);
    if (status == INV_OK)
        status = inv_net_build_within(config, "", shape, 0, values_of(tree, metadata), out);
    inv_config_free(config);
    return status;
}

/* Those that the metadata tell. */
static bool fill_told(const json_t *told, const inv_param *p)
{
    char key[2 * INV_NAME_MAX];
    key_of(p, key);
    const char *at = text_of(told, key);
    size_t n = 0;
    for (char *end = NULL; at && *at && n < p->block->size; n++, at = end) {
        p->values[n] = strtof(at, &end);
        if (end == at)
            return false;
    }
    return n == p->block->size && inv_all_finite(p->values, n);
}

/* The file's values of one array; false where it has no such array. */
static inv_status fill(const inv_tree *tree, const json_t *told, const inv_param *p, bool *good)
{
    const inv_tree_array *array = p->path ? inv_tree_find(tree, p->path) : NULL;
    void *memory = NULL;
    if (p->is_told) {
        *good = fill_told(told, p);
        return INV_OK;
    }
    *good = array && array->kind == INV_VALUE_FLOAT && array->size == sizeof(float) &&
            array->count == p->block->size;
    if (!*good)
        return INV_OK;
    inv_status status = inv_calloc(array->count, sizeof(float), "parameters", &memory);
    if (status == INV_OK)
        status = inv_tree_floats(array, memory);
    if (status == INV_OK)
        inv_param_turn(p, p->values, memory, false);
    *good = status == INV_OK && inv_all_finite(memory, array->count);
    free(memory);
    return status;
}

static inv_status fill_all(const inv_tree *tree, const json_t *told, const inv_exported *plan,
                           size_t size, bool *good)
{
    size_t filled = 0;
    *good = true;
    for (size_t i = 0; *good && i < plan->count; i++) {
        inv_status status = fill(tree, told, &plan->params[i], good);
        if (status != INV_OK)
            return status;
        filled += plan->params[i].block->size;
    }
    *good = *good && filled == size;
    return INV_OK;
}

static bool is_same(const inv_exported *again, const char *sum)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char text[SHA256_TEXT];
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, again->size, again->bytes);
    sha256_digest(&hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return strcmp(text, sum) == 0;
}

/* Writes the net without its parameters, to learn where they stand; then with them. */
static inv_status prove(const inv_tree *tree, const json_t *metadata, const inv_format *format,
                        const inv_export *what, const char *sum, bool *good)
{
    inv_exported plan = {0}, again = {0};
    const char *text = text_of(metadata, "parameters");
    json_t *told = text ? json_loads(text, 0, NULL) : NULL;
    inv_status status = INV_OK;
    INV_TRY(format->export(what, &plan));
    INV_TRY(fill_all(tree, told, &plan, inv_net_size(what->net), good));
    if (*good) {
        INV_TRY(format->export(what, &again));
        *good = is_same(&again, sum);
    }
done:
    json_decref(told);
    inv_exported_free(&plan);
    inv_exported_free(&again);
    return status;
}

/* The sizes of one image in the file. */
static void say_input(const json_t *metadata, inv_model *model)
{
    const inv_shape s = inv_net_shape(model->net, 0);
    const char *layout = text_of(metadata, "layout");
    const bool first = layout && strncmp(layout, "batch, channels", 15) == 0;
    model->input_rank = s.height == 1 && s.width == 1 ? 1 : 3;
    model->channels_first = model->input_rank == 3 && first;
    if (model->input_rank == 1)
        model->input_dims[0] = s.channels;
    else
        memcpy(model->input_dims,
               first ? (size_t[4]){s.channels, s.height, s.width}
                     : (size_t[4]){s.height, s.width, s.channels},
               sizeof model->input_dims);
}

inv_status inv_own_import(const inv_tree *tree, const inv_format *format, inv_model *model,
                          bool *found)
{
    json_t *metadata = NULL;
    char *sum = NULL;
    inv_net *net = NULL;
    inv_export what = {0};
    bool good = false;
    inv_status status = INV_OK;
    *found = false;
    INV_TRY(find_metadata(tree, &metadata));
    INV_TRY(inv_tree_text(tree, INV_OWN_GROUP ".sum", "sha256", 0, &sum));
    if (!format->export || !metadata || !sum)
        goto done;
    status = build(tree, metadata, &net);
    if (status == INV_OK && net) {
        read_export(metadata, inv_tree_name(tree), model, &what);
        what.net = net;
        status = prove(tree, metadata, format, &what, sum, &good);
    }
    if (status != INV_OK && status != INV_ENOMEM) { /* a description of another version */
        status = INV_OK;
        good = false;
    }
    if (good) {
        model->net = net;
        net = NULL;
        say_input(metadata, model);
        *found = true;
    }
done:
    inv_net_free(net);
    free(sum);
    json_decref(metadata);
    return status;
}
