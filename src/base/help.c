/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/help.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define VALUE_COLUMN 30 /* where it is told what a key takes */
#define HELP_COLUMN  6

size_t inv_wrap(const char *text, size_t indent, size_t column, FILE *out)
{
    bool first = true; /* of its line */
    while (*(text += strspn(text, " "))) {
        const size_t length = strcspn(text, " ");
        if (!first && column + 1 + length > INV_HELP_COLUMNS) {
            fputc('\n', out);
            column = 0;
            first = true;
        }
        if (column < indent)
            column += (size_t)fprintf(out, "%*s", (int)(indent - column), "");
        column += (size_t)fprintf(out, "%s%.*s", first ? "" : " ", (int)length, text);
        text += length;
        first = false;
    }
    return column;
}

/* ---- what a key takes ---- */

/* Large powers of ten as 1e9, small ones as 1e-9 and not as 1e-09. */
static const char *number_text(double value, char text[32])
{
    const double size = fabs(value), power = size > 0.0 ? round(log10(size)) : 0.0;
    if ((power >= 6.0 || power <= -5.0) && fabs(size / pow(10.0, power) - 1.0) < 1e-12)
        snprintf(text, 32, "%s1e%.0f", value < 0.0 ? "-" : "", power);
    else
        snprintf(text, 32, value == floor(value) && size < 1e16 ? "%.0f" : "%.10g", value);
    return text;
}

static void print_range(const inv_field *field, const char *what, FILE *out)
{
    char low[32], high[32];
    fprintf(out, "%s, %s to %s", what, number_text(field->low, low),
            number_text(field->high, high));
}

static void print_choices(const inv_choice *choices, FILE *out)
{
    for (size_t i = 0; choices[i].name; i++)
        fprintf(out, "%s%s", i ? ", " : choices[1].name ? "one of " : "", choices[i].name);
}

static void print_type(const inv_field *field, FILE *out)
{
    char number[32];
    switch (field->type) {
    case INV_FIELD_SIZE:
        print_range(field, "whole number", out);
        break;
    case INV_FIELD_REAL:
        print_range(field, "number", out);
        break;
    case INV_FIELD_SIZES:
        print_range(field, "list of whole numbers", out);
        break;
    case INV_FIELD_REALS:
        print_range(field, "list of numbers", out);
        break;
    case INV_FIELD_RANGE:
        print_range(field, "number or [low, high]", out);
        break;
    case INV_FIELD_BOOL:
        fputs("true or false", out);
        break;
    case INV_FIELD_NAME:
        if (field->choices)
            print_choices(field->choices, out);
        else
            fputs("name", out);
        break;
    case INV_FIELD_TEXT:
        fputs("text", out);
        break;
    case INV_FIELD_JSON:
        fputs("list of groups", out);
        break;
    case INV_FIELD_GROUP:
    case INV_FIELD_LIST:
    case INV_FIELD_PART:
    case INV_FIELD_OTHER:
        if (field->high > 0.0)
            fprintf(out, "list of at most %s groups", number_text(field->high, number));
        else
            fputs("group", out);
        break;
    }
}

/* Whether there is a default to tell: none of a range may be high < low, of a list or name empty. */
static bool has_default(const inv_field *field, const void *holder)
{
    const void *at = (const char *)holder + field->offset;
    const inv_range *range = at;
    switch (field->type) {
    case INV_FIELD_GROUP:
    case INV_FIELD_LIST:
    case INV_FIELD_PART:
    case INV_FIELD_OTHER:
        return false;
    case INV_FIELD_RANGE:
        return range->low <= range->high;
    case INV_FIELD_SIZES:
        return ((const inv_sizes *)at)->count > 0;
    case INV_FIELD_REALS:
        return ((const inv_reals *)at)->count > 0;
    case INV_FIELD_NAME:
    case INV_FIELD_TEXT:
    case INV_FIELD_JSON:
        return *(const char *)at != 0;
    default:
        return true;
    }
}

/* As it would be written in the file. */
static void print_default(const inv_field *field, const void *holder, FILE *out)
{
    const inv_field alone[] = {*field, {0}};
    json_t *object = json_object();
    if (object && inv_fields_write(alone, holder, object) == INV_OK) {
        char *text = json_dumps(json_object_get(object, field->key),
                                JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
        if (text)
            fprintf(out, " (default %s)", text);
        free(text);
    }
    json_decref(object);
}

static void print_takes(const inv_key *key, FILE *out)
{
    print_type(key->field, out);
    if (key->field->required)
        fputs(" (required)", out);
    else if (key->holder && has_default(key->field, key->holder))
        print_default(key->field, key->holder, out);
}

/* ---- what it means ---- */

static void print_meaning(const inv_key *key, FILE *out)
{
    if (key->types)
        fprintf(out, "with %s %s: ", key->by, key->types);
    fputs(key->field->help ? key->field->help : "", out);
    if (key->field->topic)
        fprintf(out, "; see invproj help %s", key->field->topic);
}

void inv_choices_help(const inv_choice *choices, size_t indent, FILE *out)
{
    size_t longest = 0;
    for (const inv_choice *c = choices; c->name; c++)
        longest = strlen(c->name) > longest ? strlen(c->name) : longest;
    for (const inv_choice *c = choices; c->name && c->help; c++) {
        const size_t column = (size_t)fprintf(out, "%*s%s", (int)indent, "", c->name);
        inv_wrap(c->help, indent + longest + 2, column, out);
        fputc('\n', out);
    }
}

/* Wraps what `print` prints. */
static void wrap_printed(const inv_key *key, void (*print)(const inv_key *key, FILE *out),
                         size_t indent, size_t column, FILE *out)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    print(key, memory);
    if (fclose(memory) == 0)
        inv_wrap(text, indent, column, out);
    free(text);
    fputc('\n', out);
}

void inv_key_help(const inv_key *key, FILE *out)
{
    const size_t column = (size_t)fprintf(out, "  %s  ", key->path);
    wrap_printed(key, print_takes, VALUE_COLUMN, column, out);
    if (key->field->help || key->types)
        wrap_printed(key, print_meaning, HELP_COLUMN, 0, out);
    if (key->field->type == INV_FIELD_NAME && key->field->choices && !key->field->topic &&
        strcmp(key->field->key, "type") != 0) /* of those, its group's topic tells */
        inv_choices_help(key->field->choices, HELP_COLUMN, out);
}

/* ---- all keys ---- */

static const inv_field *find_key(const inv_field *fields, const char *key)
{
    for (; fields && fields->key; fields++)
        if (strcmp(fields->key, key) == 0)
            return fields;
    return NULL;
}

/* Of the types of `group`, those that have the key: "cosine, step"; "" for all. Returns whether the
 * first of them is `type`. */
static bool list_types(const inv_field *group, const char *key, const char *type,
                       char list[INV_TEXT_MAX])
{
    const char *first = NULL;
    bool all = true;
    size_t used = 0;
    list[0] = 0;
    for (const inv_choice *c = group->choices; c->name; c++) {
        const bool has = find_key(group->group(c->name), key) != NULL;
        all = all && has;
        if (has && used < INV_TEXT_MAX)
            used += (size_t)snprintf(list + used, INV_TEXT_MAX - used, "%s%s", first ? ", " : "",
                                     c->name);
        if (has && !first)
            first = c->name;
    }
    if (all)
        list[0] = 0;
    return first && strcmp(first, type) == 0;
}

static void visit_field(const inv_field *field, const void *holder, const char *prefix,
                        const char *by, const char *types, inv_key_visitor *visit, void *context);

/* Each key once, with the types that have it, and the default that the first of them gives it. */
static void visit_types(const inv_field *group, const void *holder, const char *path,
                        inv_key_visitor *visit, void *context)
{
    union {
        char bytes[INV_PART_MAX];
        max_align_t aligned;
    } own;
    const bool starts = group->start && group->type == INV_FIELD_PART;
    for (const inv_choice *c = group->choices; c->name; c++)
        for (const inv_field *f = group->group(c->name); f && f->key; f++) {
            char types[INV_TEXT_MAX];
            if (starts)
                group->start(c->name, own.bytes);
            if (list_types(group, f->key, c->name, types))
                visit_field(f, starts ? own.bytes : holder, path, group->by ? group->by : "type",
                            *types ? types : NULL, visit, context);
        }
}

static void visit_group(const inv_field *group, const void *holder, const char *path,
                        inv_key_visitor *visit, void *context)
{
    if (group->choices && (!group->start || group->type == INV_FIELD_PART))
        visit_types(group, holder, path, visit, context);
    else
        inv_fields_visit(group->group(holder), holder, path, visit, context);
}

/* A key, and what it has inside; `types` of its group, named by the key `by`, have it. */
static void visit_field(const inv_field *field, const void *holder, const char *prefix,
                        const char *by, const char *types, inv_key_visitor *visit, void *context)
{
    const void *at = holder ? (const char *)holder + field->offset : NULL;
    char path[INV_TEXT_MAX], each[INV_TEXT_MAX + 2];
    if (field->type == INV_FIELD_PART) {
        visit_group(field, at, prefix, visit, context);
        return;
    }
    snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", field->key);
    snprintf(each, sizeof each, "%s.N", path);
    visit(&(inv_key){path, field, holder, by, types}, context);
    if (field->type == INV_FIELD_GROUP)
        visit_group(field, at, path, visit, context);
    if (field->type == INV_FIELD_LIST)
        visit_group(field, field->item_default, each, visit, context);
}

void inv_fields_visit(const inv_field *fields, const void *defaults, const char *prefix,
                      inv_key_visitor *visit, void *context)
{
    for (const inv_field *field = fields; field && field->key; field++)
        visit_field(field, defaults, prefix, NULL, NULL, visit, context);
}

static void help_key(const inv_key *key, void *context)
{
    inv_key_help(key, context);
}

void inv_fields_help(const inv_field *fields, const void *defaults, const char *prefix, FILE *out)
{
    inv_fields_visit(fields, defaults, prefix, help_key, out);
}
