/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/config.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <libconfig.h>

#include "base/sniff.h"
#include "invproj/file.h"

#define CONFIG_BYTES_MAX ((size_t)1 << 20) /* an experiment file is a page of text */
#define CHOICES_MAX      64
#define DEPTH_MAX        32 /* nesting; a deeper file is a mistake or an attack */

/* All reading goes through `root`; `lines` is kept only to turn a path back into a line number. */
struct inv_config {
    char *name;
    char *text;
    json_t *root;
    config_t lines;
    bool has_lines;
    json_t *sets; /* what was set: PATH to "PATH=VALUE"; NULL: nothing */
};

/* ---- libconfig -> JSON ---- */

static json_t *json_from_setting(const config_setting_t *setting, int depth);

static json_t *json_from_group(const config_setting_t *setting, int depth)
{
    json_t *object = json_object();
    for (int i = 0; object && i < config_setting_length(setting); i++) {
        const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        if (json_object_set_new(object, config_setting_name(member),
                                json_from_setting(member, depth + 1))) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *json_from_list(const config_setting_t *setting, int depth)
{
    json_t *array = json_array();
    for (int i = 0; array && i < config_setting_length(setting); i++) {
        const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        if (json_array_append_new(array, json_from_setting(member, depth + 1))) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* NULL for text that is not UTF-8, nesting that is too deep, or no memory. */
static json_t *json_from_setting(const config_setting_t *setting, int depth)
{
    if (depth > DEPTH_MAX)
        return NULL;
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_GROUP:
        return json_from_group(setting, depth);
    case CONFIG_TYPE_ARRAY:
    case CONFIG_TYPE_LIST:
        return json_from_list(setting, depth);
    case CONFIG_TYPE_INT:
        return json_integer(config_setting_get_int(setting));
    case CONFIG_TYPE_INT64:
        return json_integer(config_setting_get_int64(setting));
    case CONFIG_TYPE_FLOAT:
        return json_real(config_setting_get_float(setting));
    case CONFIG_TYPE_BOOL:
        return json_boolean(config_setting_get_bool(setting));
    default:
        return json_string(config_setting_get_string(setting));
    }
}

/* An @include would make the text depend on files that the run file does not hold. */
static bool has_include(const char *text)
{
    for (;;) {
        text += strspn(text, " \t\r\n");
        if (strncmp(text, "@include", 8) == 0)
            return true;
        text = strchr(text, '\n');
        if (!text)
            return false;
    }
}

/* The end of the string, comment or word that starts at `at`, at least one character on. */
static const char *skip_token(const char *at)
{
    if (*at == '"') {
        for (at++; *at && *at != '"'; at++)
            at += *at == '\\' && at[1];
        return at + (*at == '"');
    }
    if (*at == '#' || strncmp(at, "//", 2) == 0)
        return at + strcspn(at, "\n");
    if (strncmp(at, "/*", 2) == 0) {
        const char *end = strstr(at + 2, "*/");
        return end ? end + 2 : at + strlen(at);
    }
    size_t word = strspn(at, "0123456789_.*+-"
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return at + (word ? word : 1);
}

/* Which type holds the text up to `end`, if it is a whole number. */
typedef enum width { NO_INTEGER, FITS_32, FITS_64, TOO_WIDE } width;

static width width_of(const char *text, const char *end)
{
    char *number = NULL;
    if (*text <= ' ') /* blanks, which strtoll would skip */
        return NO_INTEGER;
    errno = 0;
    long long value = strtoll(text, &number, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
    const size_t suffix = number == text ? 0 : strspn(number, "lL"); /* libconfig's own, for 64 */
    if (number == text || number + suffix != end)
        return NO_INTEGER;
    if (errno == ERANGE)
        return TOO_WIDE;
    return suffix || (value <= INT32_MAX && value >= INT32_MIN) ? FITS_32 : FITS_64;
}

/* libconfig 1.5 cuts a whole number that does not end in L to 32 bits: one that needs more gets its
 * L. No version says so of one that 64 bits do not hold. Nor does 1.5 take a comment that ends with
 * the file. */
static inv_status mend_text(const char *name, const char *text, char **out)
{
    char *to = *out = malloc(2 * strlen(text) + 2);
    size_t line = 1;
    if (!to)
        return INV_ERROR(INV_ENOMEM, "%s: no memory to read it", name);
    for (const char *end = text; *text; text = end) {
        end = skip_token(text);
        const width bits = width_of(text, end);
        if (bits == TOO_WIDE)
            return INV_ERROR(INV_ECONFIG, "%s:%zu: %.*s: whole numbers have at most 64 bits", name,
                             line, (int)(end - text < 40 ? end - text : 40), text);
        to = mempcpy(to, text, (size_t)(end - text));
        if (bits == FITS_64)
            *to++ = 'L';
        for (const char *at = text; at < end; at++)
            line += *at == '\n';
    }
    strcpy(to, "\n");
    return INV_OK;
}

static inv_status parse_libconfig(const char *name, const char *text, config_t *lines,
                                  json_t **root)
{
    if (has_include(text))
        return INV_ERROR(INV_ECONFIG, "%s: @include is not supported: a run keeps its whole text",
                         name);
    char *mended = NULL;
    inv_status status = mend_text(name, text, &mended);
    int parsed = status == INV_OK ? config_read_string(lines, mended) : CONFIG_FALSE;
    free(mended);
    if (status != INV_OK)
        return status;
    if (parsed != CONFIG_TRUE)
        return INV_ERROR(INV_ECONFIG, "%s:%d: %s", name, config_error_line(lines),
                         config_error_text(lines));
    errno = 0;
    *root = json_from_setting(config_root_setting(lines), 0);
    if (!*root && errno == ENOMEM) /* all else that jansson refuses is the text's fault */
        return INV_ERROR(INV_ENOMEM, "%s: no memory to read it", name);
    if (!*root)
        return INV_ERROR(INV_ECONFIG,
                         "%s: text that is not UTF-8, a number that is not finite, or nested "
                         "over %d deep",
                         name, DEPTH_MAX);
    return INV_OK;
}

static inv_status config_alloc(const char *name, const char *text, inv_config **out)
{
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof(inv_config), "configuration", &memory);
    if (status != INV_OK)
        return status;
    inv_config *config = memory;
    config->name = strdup(name);
    config->text = strdup(text);
    *out = config;
    if (!config->name || !config->text)
        return INV_ERROR(INV_ENOMEM, "%s: no memory to read it", name);
    return INV_OK;
}

inv_status inv_config_read_text(const char *name, const char *text, inv_config **out)
{
    inv_config *config = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(config_alloc(name, text, &config));
    config_init(&config->lines);
    config->has_lines = true;
    INV_TRY(parse_libconfig(name, text, &config->lines, &config->root));
    *out = config;
    return INV_OK;
done:
    inv_config_free(config);
    return status;
}

inv_status inv_config_read_json(const char *name, const char *text, inv_config **out)
{
    inv_config *config = NULL;
    inv_status status = INV_OK;
    json_error_t error;
    *out = NULL;
    INV_TRY(config_alloc(name, text, &config));
    errno = 0;
    config->root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!config->root && errno == ENOMEM)
        INV_FAIL(INV_ENOMEM, "%s: no memory to read it", name);
    if (!config->root)
        INV_FAIL(INV_EFORMAT, "%s: not JSON: %s", name, error.text);
    *out = config;
    return INV_OK;
done:
    inv_config_free(config);
    return status;
}

inv_status inv_config_read_file(const char *path, inv_config **out)
{
    unsigned char *text = NULL;
    size_t size = 0;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_file_read(path, CONFIG_BYTES_MAX, &text, &size));
    const inv_kind *kind = inv_sniff(text, size);
    if (kind)
        INV_FAIL(INV_ECONFIG, "%s: not an experiment file but %s; %s", path, kind->what,
                 kind->remedy);
    if (memchr(text, 0, size))
        INV_FAIL(INV_ECONFIG, "%s: not an experiment file: it holds a zero byte", path);
    INV_TRY(inv_config_read_text(path, (const char *)text + inv_text_mark(text, size), out));
done:
    free(text);
    return status;
}

void inv_config_free(inv_config *config)
{
    if (!config)
        return;
    if (config->has_lines)
        config_destroy(&config->lines);
    json_decref(config->root);
    json_decref(config->sets);
    free(config->text);
    free(config->name);
    free(config);
}

/* ---- paths ---- */

/* Whether a step of a path is the number of an element: digits and no more. */
static bool is_index(const char *step, size_t *index)
{
    char *end = NULL;
    *index = strtoul(step, &end, 10);
    return isdigit((unsigned char)*step) && *end == 0;
}

static json_t *child_of(json_t *node, const char *key, size_t length)
{
    char name[INV_TEXT_MAX];
    if (length == 0 || length >= sizeof name)
        return NULL;
    memcpy(name, key, length);
    name[length] = 0;
    if (json_is_object(node))
        return json_object_get(node, name);
    size_t index = 0;
    return is_index(name, &index) ? json_array_get(node, index) : NULL;
}

static json_t *node_at(const inv_config *config, const char *path)
{
    json_t *node = config->root;
    while (node && *path) {
        size_t length = strcspn(path, ".");
        node = child_of(node, path, length);
        path += length + (path[length] == '.');
    }
    return node;
}

bool inv_config_has(const inv_config *config, const char *path)
{
    return node_at(config, path) != NULL;
}

size_t inv_config_length(const inv_config *config, const char *path)
{
    return json_array_size(node_at(config, path));
}

const char *inv_config_text_at(const inv_config *config, const char *path)
{
    return json_string_value(node_at(config, path));
}

static int line_of(const inv_config *config, const char *path)
{
    const config_setting_t *node = config->has_lines ? config_root_setting(&config->lines) : NULL;
    int line = 0;
    while (node && *path) {
        char name[INV_TEXT_MAX] = "";
        size_t length = strcspn(path, ".");
        if (length < sizeof name)
            memcpy(name, path, length);
        node = isdigit((unsigned char)name[0])
                   ? config_setting_get_elem(node, (unsigned)strtoul(name, NULL, 10))
               : config_setting_is_group(node) ? config_setting_get_member(node, name)
                                               : NULL;
        if (node)
            line = (int)config_setting_source_line(node);
        path += length + (path[length] == '.');
    }
    return line;
}

/* The newest setting of what stands at `path` or above it, or NULL. */
static const char *set_of(const inv_config *config, const char *path)
{
    const char *key = NULL, *found = NULL;
    json_t *value = NULL;
    json_object_foreach(config->sets, key, value)
    {
        const size_t length = strlen(key);
        if (strncmp(path, key, length) == 0 && (path[length] == 0 || path[length] == '.'))
            found = json_string_value(value);
    }
    return found;
}

inv_status inv_config_error(const inv_config *config, const char *path, const char *format, ...)
{
    char why[INV_MESSAGE_MAX], where[32] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    const char *set = set_of(config, path);
    if (set)
        return INV_ERROR(INV_ECONFIG, "--set %s: %s: %s", set, path, why);
    int line = line_of(config, path);
    if (line > 0)
        snprintf(where, sizeof where, ":%d", line);
    return INV_ERROR(INV_ECONFIG, "%s%s: %s%s%s", config->name, where, path, *path ? ": " : "",
                     why);
}

/* ---- setting, and text of what holds now ---- */

/* VALUE as JSON: libconfig syntax, or the bare word itself. The caller gives up *out's reference.
 */
static inv_status parse_value(const char *value, json_t **out)
{
    char *text = NULL;
    config_t parsed;
    json_t *root = NULL;
    inv_status status = INV_ENOMEM;
    *out = NULL;
    config_init(&parsed);
    if (asprintf(&text, "v = %s;", value) < 0)
        text = NULL;
    if (text)
        status = parse_libconfig("value", text, &parsed, &root);
    if (status == INV_OK && json_object_size(root) == 1)
        *out = json_incref(json_object_get(root, "v"));
    else if (status != INV_ENOMEM)
        *out = json_string(value);
    json_decref(root);
    config_destroy(&parsed);
    free(text);
    return *out ? INV_OK : INV_ECONFIG;
}

/* A group that the file leaves to its defaults, where that which it belongs to, or the root, is. */
static json_t *make_group(inv_config *config, const char *path)
{
    char above[INV_TEXT_MAX] = "";
    const char *dot = strrchr(path, '.');
    if (dot)
        snprintf(above, sizeof above, "%.*s", (int)(dot - path), path);
    json_t *parent = dot ? node_at(config, above) : config->root;
    json_t *group = json_is_object(parent) ? json_object() : NULL;
    if (!group || json_object_set_new(parent, dot ? dot + 1 : path, group))
        return NULL;
    return group;
}

/* Puts it where `path`, which is cut up, says; NULL stands for no value. */
static bool put_value(inv_config *config, char *path, json_t *value)
{
    size_t index = 0;
    char *dot = strrchr(path, '.'), *key = dot ? dot + 1 : path;
    if (dot)
        *dot = 0;
    json_t *parent = dot ? node_at(config, path) : config->root;
    if (!parent && *key)
        parent = make_group(config, path);
    if (json_is_object(parent) && *key)
        return json_object_set_new(parent, key, value) == 0;
    if (json_is_array(parent) && is_index(key, &index))
        return json_array_set_new(parent, index, value) == 0;
    json_decref(value);
    return false;
}

/* Kept for messages, the newest last. */
static bool note_set(inv_config *config, const char *path, const char *assignment)
{
    if (!config->sets)
        config->sets = json_object();
    (void)json_object_del(config->sets, path);
    return json_object_set_new(config->sets, path, json_string(assignment)) == 0;
}

inv_status inv_config_set(inv_config *config, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    char path[INV_TEXT_MAX], whole[INV_TEXT_MAX];
    json_t *value = NULL;
    if (!equals || equals == assignment || (size_t)(equals - assignment) >= sizeof path)
        return INV_ERROR(INV_ECONFIG, "--set %s: must be PATH=VALUE, as in training.steps=100",
                         assignment);
    memcpy(path, assignment, (size_t)(equals - assignment));
    path[equals - assignment] = 0;
    strcpy(whole, path);
    errno = 0;
    const bool parsed = parse_value(equals + 1, &value) == INV_OK;
    if (parsed && put_value(config, path, value) && note_set(config, whole, assignment))
        return INV_OK;
    if (errno == ENOMEM)
        return INV_ERROR(INV_ENOMEM, "--set %s: no memory for it", assignment);
    if (!parsed)
        return INV_ERROR(INV_ECONFIG, "--set %s: text that is not UTF-8", path);
    return INV_ERROR(INV_ECONFIG, "--set %s: %s has no group '%s'", assignment, config->name, path);
}

static void write_text(const json_t *node, FILE *out, int indent);

static void write_string(const char *s, FILE *out)
{
    fputc('"', out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fputc('\\', out);
        if (*s == '\n')
            fputs("\\n", out);
        else
            fputc(*s, out);
    }
    fputc('"', out);
}

static void write_members(const json_t *object, FILE *out, int indent)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value)
    {
        fprintf(out, "%*s%s = ", indent, "", key);
        write_text(value, out, indent);
        fputs(";\n", out);
    }
}

static void write_text(const json_t *node, FILE *out, int indent)
{
    if (json_is_object(node)) {
        fputs("{\n", out);
        write_members(node, out, indent + 4);
        fprintf(out, "%*s}", indent, "");
    } else if (json_is_array(node)) {
        fputs("( ", out);
        for (size_t i = 0; i < json_array_size(node); i++) {
            fputs(i ? ", " : "", out);
            write_text(json_array_get(node, i), out, indent);
        }
        fputs(" )", out);
    } else if (json_is_integer(node)) {
        long long value = (long long)json_integer_value(node);
        fprintf(out, "%lld%s", value, value > 2147483647 || value < -2147483648LL ? "L" : "");
    } else if (json_is_real(node)) {
        char number[64];
        snprintf(number, sizeof number, "%.17g", json_real_value(node));
        fprintf(out, "%s%s", number, strpbrk(number, ".e") ? "" : ".0");
    } else if (json_is_boolean(node)) {
        fputs(json_is_true(node) ? "true" : "false", out);
    } else {
        const char *text = json_string_value(node);
        write_string(text ? text : "", out); /* JSON's null has no other way to be written */
    }
}

inv_status inv_config_text(const inv_config *config, char **out)
{
    *out = NULL;
    if (!config->sets) {
        *out = strdup(config->text);
    } else {
        size_t size = 0;
        FILE *memory = open_memstream(out, &size);
        if (memory) {
            write_members(config->root, memory, 0);
            if (fclose(memory) != 0) {
                free(*out);
                *out = NULL;
            }
        }
    }
    return *out ? INV_OK : INV_ERROR(INV_ENOMEM, "%s: no memory for its text", config->name);
}

/* ---- reading one field ---- */

static void join_path(const char *path, const char *key, char out[INV_TEXT_MAX])
{
    size_t used = (size_t)snprintf(out, INV_TEXT_MAX, "%s", path);
    if (used > 0 && used < INV_TEXT_MAX)
        used += (size_t)snprintf(out + used, INV_TEXT_MAX - used, ".");
    if (used < INV_TEXT_MAX) /* a path too long to print is cut: it stands only in messages */
        snprintf(out + used, INV_TEXT_MAX - used, "%s", key);
}

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
    size_t count = 0;
    char list[INV_TEXT_MAX] = "";
    const char *names[CHOICES_MAX];
    for (; count < CHOICES_MAX && choices[count].name; count++) {
        names[count] = choices[count].name;
        if (strcmp(names[count], value) == 0)
            return INV_OK;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", names[count]);
    }
    const char *near = inv_nearest(value, names, count);
    if (near)
        return inv_config_error(config, path, "there is no '%s'; did you mean '%s'?", value, near);
    return inv_config_error(config, path, "there is no '%s'; known: %s", value, list);
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
    if (field->choices) {
        inv_status status = check_choice(config, path, field->choices, text);
        if (status != INV_OK)
            return status;
    }
    strcpy(out, text);
    return INV_OK;
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
        join_path(path, "type", type_path);
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
        join_path(path, index, full);
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
    case INV_FIELD_OTHER:
        break;
    }
    return INV_OK;
}

/* ---- reading a group ---- */

static const inv_field *find_field(const inv_field_set *sets, size_t count, const char *key)
{
    for (size_t s = 0; s < count; s++)
        for (const inv_field *field = sets[s].fields; field && field->key; field++)
            if (strcmp(field->key, key) == 0)
                return field;
    return NULL;
}

static inv_status unknown_key(const inv_config *config, const char *path, const char *key,
                              const inv_field_set *sets, size_t count)
{
    const char *names[128];
    char full[INV_TEXT_MAX], list[INV_MESSAGE_MAX / 2] = "";
    size_t n = 0;
    for (size_t s = 0; s < count; s++)
        for (const inv_field *f = sets[s].fields; f && f->key && n < 128; f++) {
            size_t used = strlen(list);
            snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", f->key);
            names[n++] = f->key;
        }
    const char *near = inv_nearest(key, names, n);
    join_path(path, key, full);
    if (near)
        return inv_config_error(config, full, "unknown key; did you mean '%s'?", near);
    return inv_config_error(config, full, "unknown key; known here: %s", list);
}

static inv_status read_set(const inv_config *config, const char *path, const json_t *object,
                           const inv_field_set *set)
{
    for (const inv_field *field = set->fields; field && field->key; field++) {
        const json_t *node = json_object_get(object, field->key);
        char full[INV_TEXT_MAX];
        join_path(path, field->key, full);
        if (!node && field->required)
            return inv_config_error(config, path, "the key '%s' is missing", field->key);
        inv_status status = node ? read_field(config, full, field, node, set->out) : INV_OK;
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

inv_status inv_config_sets(const inv_config *config, const char *path, const inv_field_set *sets,
                           size_t count)
{
    json_t *object = node_at(config, path), *value = NULL;
    const char *key = NULL;
    if (!object)
        return inv_config_error(config, path, "missing");
    if (!json_is_object(object))
        return inv_config_error(config, path, "must be a group { ... }");
    json_object_foreach(object, key, value)
    {
        if (!find_field(sets, count, key))
            return unknown_key(config, path, key, sets, count);
    }
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

/* ---- comparing ---- */

static bool is_excepted(const char *path, const char *const *except)
{
    for (; *except; except++)
        if (strcmp(path, *except) == 0)
            return true;
    return false;
}

static bool nodes_differ(const json_t *a, const json_t *b, const char *const *except,
                         char path[INV_TEXT_MAX]);

/* Whether the members differ that `a` has; those that only `b` has are found the other way round.
 */
static bool members_differ(const json_t *a, const json_t *b, const char *const *except,
                           char path[INV_TEXT_MAX])
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)a, key, value)
    {
        char full[INV_TEXT_MAX];
        join_path(path, key, full);
        if (nodes_differ(value, json_object_get(b, key), except, full)) {
            memcpy(path, full, sizeof full);
            return true;
        }
    }
    return false;
}

static bool nodes_differ(const json_t *a, const json_t *b, const char *const *except,
                         char path[INV_TEXT_MAX])
{
    if (is_excepted(path, except))
        return false;
    if (json_is_object(a) && json_is_object(b))
        return members_differ(a, b, except, path) || members_differ(b, a, except, path);
    if (json_is_integer(a) && json_is_integer(b)) /* as doubles, two seeds over 2^53 may be one */
        return json_integer_value(a) != json_integer_value(b);
    if (json_is_number(a) && json_is_number(b)) /* 1 and 1.0 say the same */
        return json_number_value(a) != json_number_value(b);
    if (!json_is_array(a) || json_array_size(a) != json_array_size(b))
        return !json_equal(a, b);
    for (size_t i = 0; i < json_array_size(a); i++) {
        char full[INV_TEXT_MAX], index[24];
        snprintf(index, sizeof index, "%zu", i);
        join_path(path, index, full);
        if (nodes_differ(json_array_get(a, i), json_array_get(b, i), except, full)) {
            memcpy(path, full, sizeof full);
            return true;
        }
    }
    return false;
}

bool inv_config_differs(const inv_config *a, const inv_config *b, const char *const *except,
                        char path[INV_TEXT_MAX])
{
    path[0] = 0;
    return nodes_differ(a->root, b->root, except, path);
}

inv_status inv_config_print(const inv_config *config, const char *path, char **out)
{
    const json_t *node = node_at(config, path);
    *out = node ? json_dumps(node, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10)) : strdup("nothing");
    return *out ? INV_OK : INV_ERROR(INV_ENOMEM, "%s: no memory", config->name);
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
    for (const inv_choice *c = field->choices; c && c->name; c++)
        if (strcmp(c->name, text) == 0)
            return INV_OK;
    if (!field->choices || (!*text && field->optional))
        return INV_OK;
    return *text ? INV_ERROR(INV_EINVAL, "%s: there is no '%s'", path, text)
                 : INV_ERROR(INV_EINVAL, "%s: is not set; '%s' is one", path, field->choices->name);
}

/* A group whose kinds are told apart begins with the name of its own. */
static inv_status check_struct(const char *path, const inv_field *field, const void *in)
{
    char type[INV_TEXT_MAX];
    join_path(path, "type", type);
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
        join_path(path, index, each);
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
    case INV_FIELD_OTHER:
        break;
    }
    return INV_OK;
}

inv_status inv_fields_check(const inv_field *fields, const void *in, const char *where)
{
    for (const inv_field *field = fields; field && field->key; field++) {
        char path[INV_TEXT_MAX];
        join_path(where, field->key, path);
        inv_status status = check_field(path, field, in);
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
    for (const inv_field *field = fields; field && field->key; field++)
        if (field->type != INV_FIELD_OTHER &&
            json_object_set_new(object, field->key, field_to_json(field, in)))
            return INV_ERROR(INV_ENOMEM, "%s: no memory to write it", field->key);
    return INV_OK;
}
