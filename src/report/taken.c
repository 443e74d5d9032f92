/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "taken.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>

#include "base/json.h"

/* ---- building JSON ---- */

static void check_memory(report_run *r, bool there)
{
    if (!there)
        r->status = INV_ERROR(INV_ENOMEM, "%s: no memory to tell of it", r->in.file);
}

json_t *report_object(report_run *r)
{
    json_t *object = json_object();
    check_memory(r, object);
    return object;
}

json_t *report_list(report_run *r)
{
    json_t *list = json_array();
    check_memory(r, list);
    return list;
}

void report_give(report_run *r, json_t *to, const char *key, json_t *value)
{
    check_memory(r, value && json_object_set(to, key, value) == 0);
    json_decref(value);
}

void report_append(report_run *r, json_t *list, json_t *value)
{
    check_memory(r, value && json_array_append(list, value) == 0);
    json_decref(value);
}

/* NULL: no memory. */
static json_t *formatted(const char *format, va_list arguments)
{
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        return NULL;
    json_t *value = inv_json_text(text);
    free(text);
    return value;
}

void report_give_text(report_run *r, json_t *to, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_give(r, to, key, formatted(format, arguments));
    va_end(arguments);
}

void report_append_text(report_run *r, json_t *list, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_append(r, list, formatted(format, arguments));
    va_end(arguments);
}

json_t *report_unless_empty(json_t *value)
{
    if (json_array_size(value) + json_object_size(value) > 0)
        return value;
    json_decref(value);
    return NULL;
}

json_t *report_base64(const char *before, const void *bytes, size_t size)
{
    const size_t start = strlen(before), length = BASE64_ENCODE_RAW_LENGTH(size);
    char *text = malloc(start + length + 1);
    if (!text)
        return NULL;
    memcpy(text, before, start);
    base64_encode_raw(text + start, size, bytes);
    text[start + length] = 0;
    json_t *value = json_stringn_nocheck(text, start + length);
    free(text);
    return value;
}

/* ---- from the file ---- */

bool report_got(report_run *r, inv_status status)
{
    if (status == INV_ENOMEM)
        r->status = status;
    return status == INV_OK;
}

char *report_attribute(report_run *r, const char *path, const char *name)
{
    char *text = NULL;
    const bool there = inv_run_has_attribute(r->in.run, path, name) &&
                       report_got(r, inv_run_text(r->in.run, path, name, &text));
    return there ? text : NULL;
}

void report_take_text(report_run *r, const char *path, const char *name, json_t *to)
{
    char *text = report_attribute(r, path, name);
    if (text)
        report_give(r, to, name, inv_json_text(text));
    free(text);
}

bool report_real(report_run *r, const char *path, const char *name, double *value)
{
    return inv_run_has_attribute(r->in.run, path, name) &&
           report_got(r, inv_run_real(r->in.run, path, name, value));
}

bool report_size(report_run *r, const char *path, const char *name, uint64_t *value)
{
    return inv_run_has_attribute(r->in.run, path, name) &&
           report_got(r, inv_run_size(r->in.run, path, name, value));
}

void report_take_size(report_run *r, const char *path, const char *name, json_t *to)
{
    uint64_t value = 0;
    if (report_size(r, path, name, &value))
        report_give(r, to, name, inv_json_count(value));
}

void report_take_real(report_run *r, const char *path, const char *name, json_t *to)
{
    double value = 0.0;
    if (report_real(r, path, name, &value))
        report_give(r, to, name, inv_json_real(value));
}

void *report_array(report_run *r, const char *path, const char *name, inv_type type, size_t *count)
{
    char full[REPORT_PATH + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    snprintf(full, sizeof full, "%s/%s", path, name);
    *count = 0;
    if (!inv_run_has(r->in.run, full) ||
        !report_got(r, inv_run_dims(r->in.run, full, &rank, dims)) || rank != 1)
        return NULL;
    *count = dims[0];
    return report_array_of(r, path, name, type, dims[0]);
}

void *report_array_of(report_run *r, const char *path, const char *name, inv_type type,
                      size_t count)
{
    char full[REPORT_PATH + INV_NAME_MAX];
    void *values = NULL;
    snprintf(full, sizeof full, "%s/%s", path, name);
    if (count == 0 || !inv_run_has(r->in.run, full) ||
        !report_got(r, inv_calloc(count, inv_type_size(type), full, &values)))
        return NULL;
    if (report_got(r, inv_run_get(r->in.run, full, type, count, values)))
        return values;
    free(values);
    return NULL;
}

json_t *report_each(report_run *r, const char *group,
                    json_t *(*take)(report_run *r, const char *path))
{
    char path[REPORT_PATH];
    void *memory = NULL;
    json_t *list = report_list(r);
    if (!report_got(r, inv_calloc(REPORT_RESULTS, INV_NAME_MAX, group, &memory)))
        return report_unless_empty(list);
    char(*names)[INV_NAME_MAX] = memory;
    const size_t count = inv_run_groups(r->in.run, group, names, REPORT_RESULTS);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", group, names[i]);
        json_t *one = take(r, path);
        if (one)
            report_append(r, list, one);
    }
    free(memory);
    return report_unless_empty(list);
}

void report_take_causes(report_run *r, const char *path, json_t *to)
{
    static const char *const texts[] = {"kind", "at", "inverse", "layer", "judge", "stale", NULL};
    report_give_text(r, to, "path", "%s", path);
    report_give_text(r, to, "name", "%s", strrchr(path, '/') + 1);
    for (const char *const *text = texts; *text; text++)
        report_take_text(r, path, *text, to);
    char *settings = report_attribute(r, path, "settings");
    json_t *value = settings ? json_loads(settings, 0, NULL) : NULL;
    if (value)
        report_give(r, to, "settings", value);
    free(settings);
}

const char *report_class(const report_run *r, size_t class, char text[INV_NAME_MAX])
{
    if (class < r->classes && r->names[class])
        return r->names[class];
    snprintf(text, INV_NAME_MAX, "%zu", class);
    return text;
}
