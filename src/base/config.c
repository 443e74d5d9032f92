/* The text of an experiment: libconfig or JSON, what is set on top of it, and what it says where.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <libconfig.h>

#include "base/config.h"
#include "base/sniff.h"
#include "invproj/file.h"

#define CONFIG_BYTES_MAX ((size_t)1 << 20) /* an experiment file is a page of text */
#define DEPTH_MAX        32                /* nesting; a deeper file is a mistake or an attack */

/* All reading goes through `root`; `lines` is kept only to turn a path back into a line number. */
struct inv_config {
    char *name;
    char *text;
    json_t *root;
    config_t lines;
    bool has_lines;
    json_t *sets; /* what was set: PATH to "PATH=VALUE"; NULL: nothing */
    bool edited;  /* by inv_config_copy and inv_config_remove, so that `text` is the former one */
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

/* Whether the bracket at `text` is closed as it was opened. */
static bool is_array(const char *text)
{
    do
        text = skip_token(text);
    while (*text && !strchr("()[]{}", *text));
    return *text == ']';
}

/* libconfig wants all numbers of an array [...] to be whole, or none; of a list (...) it does not. And
 * libconfig 1.5 cuts a whole number that does not end in L to 32 bits: one that needs more gets its
 * L. No version says so of one that 64 bits do not hold. Nor does 1.5 take a comment that ends with
 * the file. */
static inv_status mend_text(const char *name, const char *text, char **out)
{
    char *to = *out = malloc(2 * strlen(text) + 2);
    size_t line = 1;
    bool in_array = false;
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
        if (*text == '[' && (in_array = is_array(text)))
            to[-1] = '(';
        else if (*text == ']' && in_array)
            to[-1] = ')', in_array = false;
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

void inv_path_join(const char *path, const char *key, char out[INV_TEXT_MAX])
{
    size_t used = (size_t)snprintf(out, INV_TEXT_MAX, "%s", path);
    if (used > 0 && used < INV_TEXT_MAX)
        used += (size_t)snprintf(out + used, INV_TEXT_MAX - used, ".");
    if (used < INV_TEXT_MAX) /* a path too long to print is cut: it stands only in messages */
        snprintf(out + used, INV_TEXT_MAX - used, "%s", key);
}

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

json_t *inv_config_node(const inv_config *config, const char *path)
{
    json_t *node = config->root;
    while (node && *path) {
        size_t length = strcspn(path, ".");
        node = child_of(node, path, length);
        path += length + (path[length] == '.');
    }
    return node;
}

const char *inv_config_name(const inv_config *config)
{
    return config->name;
}

bool inv_config_has(const inv_config *config, const char *path)
{
    return inv_config_node(config, path) != NULL;
}

size_t inv_config_length(const inv_config *config, const char *path)
{
    return json_array_size(inv_config_node(config, path));
}

const char *inv_config_text_at(const inv_config *config, const char *path)
{
    return json_string_value(inv_config_node(config, path));
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

inv_status inv_config_value(const char *value, json_t **out)
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
    json_t *parent = dot ? inv_config_node(config, above) : config->root;
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
    json_t *parent = dot ? inv_config_node(config, path) : config->root;
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
    const bool parsed = inv_config_value(equals + 1, &value) == INV_OK;
    if (parsed && put_value(config, path, value) && note_set(config, whole, assignment))
        return INV_OK;
    if (errno == ENOMEM)
        return INV_ERROR(INV_ENOMEM, "--set %s: no memory for it", assignment);
    if (!parsed)
        return INV_ERROR(INV_ECONFIG, "--set %s: text that is not UTF-8", path);
    return INV_ERROR(INV_ECONFIG, "--set %s: %s has no group '%s'", assignment, config->name, path);
}

inv_status inv_config_copy(inv_config *config, const char *from, const char *to)
{
    const json_t *node = inv_config_node(config, from);
    if (!node)
        return inv_config_error(config, from, "missing");
    json_t *copy = json_deep_copy(node);
    config->edited = true;
    if (!copy || json_object_set_new(config->root, to, copy) != 0)
        return INV_ERROR(INV_ENOMEM, "%s: no memory for %s", config->name, to);
    return INV_OK;
}

void inv_config_remove(inv_config *config, const char *key)
{
    config->edited = json_object_del(config->root, key) == 0 || config->edited;
}

/* The shortest text that is read as the same number, with a dot or an exponent. */
void inv_real_text(double value, char out[INV_REAL_TEXT])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, INV_REAL_TEXT, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    if (!strpbrk(out, ".e"))
        strcat(out, ".0");
}

/* All in one line, which no indentation says: IN_LINE. */
enum { IN_LINE = -1 };
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
        fprintf(out, "%*s%s = ", indent == IN_LINE ? 0 : indent, "", key);
        write_text(value, out, indent);
        fputs(indent == IN_LINE ? "; " : ";\n", out);
    }
}

static void write_text(const json_t *node, FILE *out, int indent)
{
    if (json_is_object(node) && indent == IN_LINE) {
        fputs("{ ", out);
        write_members(node, out, indent);
        fputs("}", out);
    } else if (json_is_object(node)) {
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
        char number[INV_REAL_TEXT];
        inv_real_text(json_real_value(node), number);
        fputs(number, out);
    } else if (json_is_boolean(node)) {
        fputs(json_is_true(node) ? "true" : "false", out);
    } else {
        const char *text = json_string_value(node);
        write_string(text ? text : "", out); /* JSON's null has no other way to be written */
    }
}

inv_status inv_config_literal(const json_t *node, char **out)
{
    size_t size = 0;
    FILE *memory = open_memstream(out, &size);
    if (memory) {
        write_text(node, memory, IN_LINE);
        if (fclose(memory) == 0)
            return INV_OK;
        free(*out);
    }
    *out = NULL;
    return INV_ERROR(INV_ENOMEM, "a value: no memory for its text");
}

inv_status inv_config_text(const inv_config *config, char **out)
{
    *out = NULL;
    if (!config->sets && !config->edited) {
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
        inv_path_join(path, key, full);
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
        inv_path_join(path, index, full);
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
    const json_t *node = inv_config_node(config, path);
    *out = node ? json_dumps(node, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10)) : strdup("nothing");
    return *out ? INV_OK : INV_ERROR(INV_ENOMEM, "%s: no memory", config->name);
}
