/* Tables of keys: structs read from a configuration by them, checked, and written as JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/fields.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/config.h"

#define CHOICES_MAX 256

/* ---- reading one field ---- */

/* As it is, never as a double, which would round one over 2^53 before it is compared. */
static inv_status read_whole(const inv_config *config, const char *path, const inv_field *field,
                             const json_t *node, size_t *out)
{
    if (!json_is_integer(node)) /* or one of over 64 bits, which --set takes for a word */
        return inv_config_error(config, path, "must be a whole number from %.0f to %.0f",
                                field->low, field->high);
    const long long value = json_integer_value(node);
    if (value < (long long)field->low || value > (long long)field->high)
        return inv_config_error(config, path, "%lld is not from %.0f to %.0f", value, field->low,
                                field->high);
    *out = (size_t)value;
    return INV_OK;
}

static inv_status read_number(const inv_config *config, const char *path, const inv_field *field,
                              const json_t *node, double *out)
{
    if (!json_is_number(node))
        return inv_config_error(config, path, "must be a number");
    double value = json_number_value(node);
    if (!isfinite(value) || value < field->low || value > field->high)
        return inv_config_error(config, path, "%.10g is not from %.10g to %.10g", value, field->low,
                                field->high);
    *out = value;
    return INV_OK;
}

static inv_status check_choice(const inv_config *config, const char *path,
                               const inv_choice *choices, const char *value)
{
    size_t count = 0, used = 0, listed = 0;
    char list[2 * INV_TEXT_MAX] = "";
    const char *names[CHOICES_MAX] = {NULL};
    for (const inv_choice *c = choices; c->name; c++) {
        if (strcmp(c->name, value) == 0)
            return INV_OK;
        if (count < CHOICES_MAX)
            names[count++] = c->name;
    }
    const char *near = inv_nearest(value, names, count);
    if (near)
        return inv_config_error(config, path, "there is no '%s'; did you mean '%s'?", value, near);
    while (listed < count && used + strlen(names[listed]) + 3 < sizeof list) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                                 names[listed]);
        listed++;
    }
    return inv_config_error(config, path, "there is no '%s'; known: %s%s", value, list,
                            listed < count ? ", ..." : "");
}

/* Those two are folders' and groups' own: nothing can be stored under them. */
static bool is_dots(const char *text)
{
    return strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
}

static const char *name_now(const inv_field *field, const char *text)
{
    for (const inv_former *f = field->former; f && f->name; f++)
        if (strcmp(f->name, text) == 0)
            return f->now;
    return text;
}

static inv_status read_string(const inv_config *config, const char *path, const inv_field *field,
                              const json_t *node, char *out)
{
    size_t size = field->type == INV_FIELD_NAME ? INV_NAME_MAX : INV_TEXT_MAX;
    const char *text = json_string_value(node);
    if (!text)
        return inv_config_error(config, path, "must be text in quotes");
    if (strlen(text) >= size)
        return inv_config_error(config, path, "longer than %zu characters", size - 1);
    for (const char *c = text; field->type == INV_FIELD_NAME && *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_-.", *c))
            return inv_config_error(config, path, "'%s' may hold only letters, digits, _ - and .",
                                    text);
    if (field->type == INV_FIELD_NAME && is_dots(text))
        return inv_config_error(config, path, "'%s' is no name: give it a letter or digit", text);
    text = name_now(field, text);
    if (field->choices) {
        inv_status status = check_choice(config, path, field->choices, text);
        if (status != INV_OK)
            return status;
    }
    strcpy(out, text);
    return INV_OK;
}

static inv_status read_json(const inv_config *config, const char *path, const json_t *node,
                            char *out)
{
    char *text = json_is_array(node) ? json_dumps(node, JSON_COMPACT) : NULL;
    inv_status status = INV_OK;
    if (!json_is_array(node))
        status = inv_config_error(config, path, "must be a list, ( { ... } )");
    else if (!text)
        status = INV_ERROR(INV_ENOMEM, "%s: no memory to read it", path);
    else if (strlen(text) >= INV_JSON_MAX)
        status = inv_config_error(config, path, "longer than %d characters", INV_JSON_MAX - 1);
    else
        strcpy(out, text);
    free(text);
    return status;
}

static inv_status read_sizes(const inv_config *config, const char *path, const inv_field *field,
                             const json_t *node, inv_sizes *out)
{
    if (!json_is_array(node) || json_array_size(node) > INV_LIST_MAX)
        return inv_config_error(config, path, "must be a list of at most %d numbers", INV_LIST_MAX);
    out->count = json_array_size(node);
    for (size_t i = 0; i < out->count; i++) {
        inv_status status =
            read_whole(config, path, field, json_array_get(node, i), &out->values[i]);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

static inv_status read_reals(const inv_config *config, const char *path, const inv_field *field,
                             const json_t *node, inv_reals *out)
{
    if (!json_is_array(node) || json_array_size(node) > INV_LIST_MAX)
        return inv_config_error(config, path, "must be a list of at most %d numbers", INV_LIST_MAX);
    out->count = json_array_size(node);
    for (size_t i = 0; i < out->count; i++) {
        inv_status status =
            read_number(config, path, field, json_array_get(node, i), &out->values[i]);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

static inv_status read_range(const inv_config *config, const char *path, const inv_field *field,
                             const json_t *node, inv_range *out)
{
    bool pair = json_is_array(node) && json_array_size(node) == 2;
    inv_status status =
        read_number(config, path, field, pair ? json_array_get(node, 0) : node, &out->low);
    if (status == INV_OK)
        status =
            read_number(config, path, field, pair ? json_array_get(node, 1) : node, &out->high);
    if (status == INV_OK && out->low > out->high)
        status = inv_config_error(config, path, "the first of the two must be the smaller");
    return status;
}

static inv_status read_group(const inv_config *config, const char *path, const inv_field *field,
                             const json_t *node, void *out)
{
    if (!json_is_object(node))
        return inv_config_error(config, path, "must be a group { ... }");
    const char *type = json_string_value(json_object_get(node, "type"));
    if (type && field->choices) {
        char type_path[INV_TEXT_MAX];
        inv_path_join(path, "type", type_path);
        inv_status status = check_choice(config, type_path, field->choices, type);
        if (status != INV_OK)
            return status;
    }
    if (type && field->start && strcmp(type, out) != 0)
        field->start(type, out);
    /* where no type is given, the default that `out` starts with decides: its first member */
    return inv_config_group(config, path, field->group(type ? type : (const char *)out), out);
}

static inv_status read_list(const inv_config *config, const char *path, const inv_field *field,
                            const json_t *node, void *out)
{
    size_t *count = (size_t *)(void *)((char *)out + field->offset);
    char *items = (char *)out + field->items;
    if (!json_is_array(node) || (double)json_array_size(node) > field->high)
        return inv_config_error(config, path, "must be a list of at most %.0f groups, ( { ... } )",
                                field->high);
    *count = json_array_size(node);
    for (size_t i = 0; i < *count; i++) {
        char index[32], full[INV_TEXT_MAX];
        snprintf(index, sizeof index, "%zu", i);
        inv_path_join(path, index, full);
        memcpy(items + i * field->item_size, field->item_default, field->item_size);
        inv_status status =
            read_group(config, full, field, json_array_get(node, i), items + i * field->item_size);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

static inv_status read_field(const inv_config *config, const char *path, const inv_field *field,
                             const json_t *node, void *out)
{
    void *at = (char *)out + field->offset;
    switch (field->type) {
    case INV_FIELD_SIZE:
        return read_whole(config, path, field, node, at);
    case INV_FIELD_REAL:
        return read_number(config, path, field, node, at);
    case INV_FIELD_BOOL:
        if (!json_is_boolean(node))
            return inv_config_error(config, path, "must be true or false");
        *(bool *)at = json_is_true(node);
        return INV_OK;
    case INV_FIELD_NAME:
    case INV_FIELD_TEXT:
        return read_string(config, path, field, node, at);
    case INV_FIELD_JSON:
        return read_json(config, path, node, at);
    case INV_FIELD_SIZES:
        return read_sizes(config, path, field, node, at);
    case INV_FIELD_REALS:
        return read_reals(config, path, field, node, at);
    case INV_FIELD_RANGE:
        return read_range(config, path, field, node, at);
    case INV_FIELD_GROUP:
        return read_group(config, path, field, node, at);
    case INV_FIELD_LIST:
        return read_list(config, path, field, node, out);
    case INV_FIELD_PART: /* which has no key of its own */
    case INV_FIELD_OTHER:
        break;
    }
    return INV_OK;
}

/* ---- reading a group ---- */

#define KEYS_MAX 128 /* that are listed in a message */

typedef struct keys {
    size_t count;
    const char *of[KEYS_MAX];
} keys;

/* What the group says of the part's type, or NULL. */
static const char *type_given(const inv_field *part, const json_t *object)
{
    return part->by ? json_string_value(json_object_get(object, part->by)) : NULL;
}

/* The table of the type that the group says, or of that which the struct at `at` has: so too where
 * there is no such type, which reading its key will say. */
static const inv_field *part_fields(const inv_field *part, const json_t *object, const void *at)
{
    const char *type = type_given(part, object);
    const inv_field *fields = type ? part->group(type) : NULL;
    return fields ? fields : part->group(at);
}

/* NULL where the keys are asked for alone, and nothing is read. */
static void *place_of(const inv_field *field, const void *out)
{
    return out ? (char *)out + field->offset : NULL;
}

/* All that the table allows, those of its parts among them. */
static void list_keys(const inv_field *fields, const json_t *object, const void *out, keys *k)
{
    for (const inv_field *f = fields; f && f->key; f++) {
        const void *at = place_of(f, out);
        if (f->type == INV_FIELD_PART)
            list_keys(part_fields(f, object, at), object, at, k);
        else if (k->count < KEYS_MAX)
            k->of[k->count++] = f->key;
    }
}

static bool has_key(const inv_field *fields, const json_t *object, const void *out, const char *key)
{
    for (const inv_field *f = fields; f && f->key; f++) {
        const void *at = place_of(f, out);
        if (f->type == INV_FIELD_PART ? has_key(part_fields(f, object, at), object, at, key)
                                      : strcmp(f->key, key) == 0)
            return true;
    }
    return false;
}

static inv_status unknown_key(const inv_config *config, const char *path, const char *key,
                              const json_t *object, const inv_field_set *sets, size_t count)
{
    char full[INV_TEXT_MAX], list[INV_MESSAGE_MAX / 2] = "";
    keys known = {0};
    for (size_t s = 0; s < count; s++)
        list_keys(sets[s].fields, object, sets[s].out, &known);
    for (size_t i = 0; i < known.count; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", known.of[i]);
    }
    const char *near = inv_nearest(key, known.of, known.count);
    inv_path_join(path, key, full);
    if (near)
        return inv_config_error(config, full, "unknown key; did you mean '%s'?", near);
    return inv_config_error(config, full, "unknown key; known here: %s", list);
}

/* Before any key is read: a part whose type is said starts as that type's. */
static void start_parts(const json_t *object, const inv_field_set *set)
{
    for (const inv_field *f = set->fields; f && f->key; f++) {
        void *at = place_of(f, set->out);
        const char *type = f->type == INV_FIELD_PART ? type_given(f, object) : NULL;
        if (at && type && f->start)
            f->start(type, at);
    }
}

static inv_status read_set(const inv_config *config, const char *path, const json_t *object,
                           const inv_field_set *set)
{
    for (const inv_field *field = set->fields; field && field->key; field++) {
        const json_t *node = json_object_get(object, field->key);
        void *at = place_of(field, set->out);
        char full[INV_TEXT_MAX];
        inv_status status = INV_OK;
        inv_path_join(path, field->key, full);
        if (field->type == INV_FIELD_PART)
            status = read_set(config, path, object,
                              &(inv_field_set){part_fields(field, object, at), at});
        else if (!node && field->required)
            return inv_config_error(config, path, "the key '%s' is missing", field->key);
        else if (node && set->out)
            status = read_field(config, full, field, node, set->out);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

inv_status inv_config_sets(const inv_config *config, const char *path, const inv_field_set *sets,
                           size_t count)
{
    json_t *object = inv_config_node(config, path), *value = NULL;
    const char *key = NULL;
    if (!object)
        return inv_config_error(config, path, "missing");
    if (!json_is_object(object))
        return inv_config_error(config, path, "must be a group { ... }");
    json_object_foreach(object, key, value)
    {
        bool known = false;
        for (size_t s = 0; s < count; s++)
            known = known || has_key(sets[s].fields, object, sets[s].out, key);
        if (!known)
            return unknown_key(config, path, key, object, sets, count);
    }
    for (size_t s = 0; s < count; s++)
        start_parts(object, &sets[s]);
    for (size_t s = 0; s < count; s++) {
        inv_status status = read_set(config, path, object, &sets[s]);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

inv_status inv_config_group(const inv_config *config, const char *path, const inv_field *fields,
                            void *out)
{
    const inv_field_set set = {fields, out};
    return inv_config_sets(config, path, &set, 1);
}

/* ---- checking a struct that was filled by hand ---- */

static inv_status bad_value(const char *path, double value, const inv_field *field)
{
    return INV_ERROR(INV_EINVAL, "%s: %.10g is not from %.10g to %.10g", path, value, field->low,
                     field->high);
}

static inv_status check_size(const char *path, const inv_field *field, size_t value)
{
    const bool good = value >= (size_t)field->low && value <= (size_t)field->high;
    return good ? INV_OK : bad_value(path, (double)value, field);
}

static inv_status check_real(const char *path, const inv_field *field, double value)
{
    const bool good = value >= field->low && value <= field->high; /* not where it is NaN */
    return good ? INV_OK : bad_value(path, value, field);
}

static inv_status check_text(const char *path, const char *text, size_t size,
                             const inv_field *field)
{
    if (!memchr(text, 0, size))
        return INV_ERROR(INV_EINVAL, "%s: longer than %zu characters", path, size - 1);
    if (field->type == INV_FIELD_NAME && is_dots(text))
        return INV_ERROR(INV_EINVAL, "%s: '%s' is no name", path, text);
    for (const inv_choice *c = field->choices; c && c->name; c++)
        if (strcmp(c->name, text) == 0)
            return INV_OK;
    if (!field->choices || (!*text && field->optional))
        return INV_OK;
    return *text ? INV_ERROR(INV_EINVAL, "%s: there is no '%s'", path, text)
                 : INV_ERROR(INV_EINVAL, "%s: is not set; '%s' is one", path, field->choices->name);
}

static inv_status check_json(const char *path, const char *text)
{
    if (!memchr(text, 0, INV_JSON_MAX))
        return INV_ERROR(INV_EINVAL, "%s: longer than %d characters", path, INV_JSON_MAX - 1);
    json_t *list = *text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const bool good = !*text || json_is_array(list);
    json_decref(list);
    return good ? INV_OK : INV_ERROR(INV_EINVAL, "%s: not a list in JSON", path);
}

/* A group whose kinds are told apart begins with the name of its own. */
static inv_status check_struct(const char *path, const inv_field *field, const void *in)
{
    char type[INV_TEXT_MAX];
    inv_path_join(path, "type", type);
    inv_status status = field->choices ? check_text(type, in, INV_NAME_MAX, field) : INV_OK;
    return status == INV_OK ? inv_fields_check(field->group(in), in, path) : status;
}

static inv_status check_structs(const char *path, const inv_field *field, const void *in)
{
    const size_t count = *(const size_t *)(const void *)((const char *)in + field->offset);
    char each[INV_TEXT_MAX], index[32];
    if (count > (size_t)field->high)
        return INV_ERROR(INV_EINVAL, "%s: %zu of them; at most %.0f", path, count, field->high);
    for (size_t i = 0; i < count; i++) {
        snprintf(index, sizeof index, "%zu", i);
        inv_path_join(path, index, each);
        const char *item = (const char *)in + field->items + i * field->item_size;
        inv_status status = check_struct(each, field, item);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

/* A list of `count` numbers: sizes, or else reals. */
static inv_status check_list(const char *path, const inv_field *field, size_t count,
                             const size_t *sizes, const double *reals)
{
    if (count > INV_LIST_MAX)
        return INV_ERROR(INV_EINVAL, "%s: %zu numbers; at most %d", path, count, INV_LIST_MAX);
    inv_status status = INV_OK;
    for (size_t i = 0; sizes && i < count && status == INV_OK; i++)
        status = check_size(path, field, sizes[i]);
    for (size_t i = 0; reals && i < count && status == INV_OK; i++)
        status = check_real(path, field, reals[i]);
    return status;
}

static inv_status check_field(const char *path, const inv_field *field, const void *in)
{
    const void *at = (const char *)in + field->offset;
    inv_status status = INV_OK;
    switch (field->type) {
    case INV_FIELD_SIZE:
        return check_size(path, field, *(const size_t *)at);
    case INV_FIELD_REAL:
        return check_real(path, field, *(const double *)at);
    case INV_FIELD_NAME:
        return check_text(path, at, INV_NAME_MAX, field);
    case INV_FIELD_TEXT:
        return check_text(path, at, INV_TEXT_MAX, field);
    case INV_FIELD_JSON:
        return check_json(path, at);
    case INV_FIELD_SIZES:
        return check_list(path, field, ((const inv_sizes *)at)->count,
                          ((const inv_sizes *)at)->values, NULL);
    case INV_FIELD_REALS:
        return check_list(path, field, ((const inv_reals *)at)->count, NULL,
                          ((const inv_reals *)at)->values);
    case INV_FIELD_RANGE: /* the lower may come second: that says that there is none */
        status = check_real(path, field, ((const inv_range *)at)->low);
        return status == INV_OK ? check_real(path, field, ((const inv_range *)at)->high) : status;
    case INV_FIELD_GROUP:
        return check_struct(path, field, at);
    case INV_FIELD_LIST:
        return check_structs(path, field, in);
    case INV_FIELD_BOOL:
    case INV_FIELD_PART: /* its keys are checked */
    case INV_FIELD_OTHER:
        break;
    }
    return INV_OK;
}

inv_status inv_fields_check(const inv_field *fields, const void *in, const char *where)
{
    for (const inv_field *field = fields; field && field->key; field++) {
        char path[INV_TEXT_MAX];
        inv_path_join(where, field->key, path);
        const void *at = (const char *)in + field->offset;
        inv_status status = field->type == INV_FIELD_PART
                                ? inv_fields_check(field->group(at), at, where)
                                : check_field(path, field, in);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

/* ---- writing ---- */

static json_t *struct_to_json(const inv_field *field, const void *at)
{
    json_t *object = json_object();
    if (object && inv_fields_write(field->group(at), at, object) != INV_OK) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *list_to_json(const inv_field *field, const void *in)
{
    const size_t count = *(const size_t *)(const void *)((const char *)in + field->offset);
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if (json_array_append_new(array, struct_to_json(field, (const char *)in + field->items +
                                                                   i * field->item_size))) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static json_t *field_to_json(const inv_field *field, const void *in)
{
    const void *at = (const char *)in + field->offset;
    if (field->type == INV_FIELD_SIZE)
        return json_integer((json_int_t) * (const size_t *)at);
    if (field->type == INV_FIELD_REAL)
        return json_real(*(const double *)at);
    if (field->type == INV_FIELD_BOOL)
        return json_boolean(*(const bool *)at);
    if (field->type == INV_FIELD_NAME || field->type == INV_FIELD_TEXT)
        return json_string(at);
    if (field->type == INV_FIELD_JSON)
        return *(const char *)at ? json_loads(at, 0, NULL) : json_array();
    if (field->type == INV_FIELD_RANGE) {
        const inv_range *range = at;
        return json_pack("[ff]", range->low, range->high);
    }
    if (field->type == INV_FIELD_SIZES) {
        const inv_sizes *sizes = at;
        json_t *array = json_array();
        for (size_t i = 0; array && i < sizes->count; i++)
            if (json_array_append_new(array, json_integer((json_int_t)sizes->values[i]))) {
                json_decref(array);
                array = NULL;
            }
        return array;
    }
    if (field->type == INV_FIELD_REALS) {
        const inv_reals *reals = at;
        json_t *array = json_array();
        for (size_t i = 0; array && i < reals->count; i++)
            if (json_array_append_new(array, json_real(reals->values[i]))) {
                json_decref(array);
                array = NULL;
            }
        return array;
    }
    return field->type == INV_FIELD_LIST ? list_to_json(field, in) : struct_to_json(field, at);
}

inv_status inv_fields_write(const inv_field *fields, const void *in, json_t *object)
{
    for (const inv_field *field = fields; field && field->key; field++) {
        const void *at = (const char *)in + field->offset;
        inv_status status = INV_OK;
        if (field->type == INV_FIELD_PART)
            status = inv_fields_write(field->group(at), at, object);
        else if (field->type != INV_FIELD_OTHER &&
                 json_object_set_new(object, field->key, field_to_json(field, in)))
            status = INV_ERROR(INV_ENOMEM, "%s: no memory to write it", field->key);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}
