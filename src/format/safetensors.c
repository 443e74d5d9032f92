/* safetensors files, as a stream: the length of a header, JSON that names each tensor, its type, its
 * sizes and where it lies, then the values. Source: the format's own description, safetensors 0.8.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "format/format.h"
#include "format/named.h"
#include "format/own.h"
#include "format/torch.h"

#define HEADER_MAX 100000000 /* the format's own limit */
#define RANK_MAX   8
#define METADATA   "__metadata__"
#define CANNOT_BE  "its type, sizes or place cannot be"

static const struct {
    const char *name;
    char kind;
    uint8_t size;
} types[] = {
    {"F64", INV_VALUE_FLOAT, 8},    {"F32", INV_VALUE_FLOAT, 4},    {"F16", INV_VALUE_FLOAT, 2},
    {"BF16", INV_VALUE_OPAQUE, 2},  {"I64", INV_VALUE_SIGNED, 8},   {"I32", INV_VALUE_SIGNED, 4},
    {"I16", INV_VALUE_SIGNED, 2},   {"I8", INV_VALUE_SIGNED, 1},    {"U64", INV_VALUE_UNSIGNED, 8},
    {"U32", INV_VALUE_UNSIGNED, 4}, {"U16", INV_VALUE_UNSIGNED, 2}, {"U8", INV_VALUE_UNSIGNED, 1},
    {"BOOL", INV_VALUE_UNSIGNED, 1}};

typedef struct file {
    const char *name;
    const unsigned char *values; /* behind the header */
    uint64_t size;               /* of them */
    uint64_t array_max;
    const inv_sink *to;
} file;

/* The bytes of a tensor, counted from the header's end. */
typedef struct place {
    const char *name;
    uint64_t begin, end;
} place;

static uint64_t header_length(const unsigned char *bytes)
{
    uint64_t length = 0;
    for (size_t i = 0; i < 8; i++)
        length |= (uint64_t)bytes[i] << (8 * i);
    return length;
}

static bool probe(const unsigned char *first, size_t size)
{
    return size > 9 && header_length(first) >= 2 && header_length(first) <= HEADER_MAX &&
           first[8] == '{';
}

static inv_status damaged(const file *f, const char *tensor, const char *why)
{
    return INV_ERROR(INV_EFORMAT, "%s: damaged: %s%s%s", f->name, tensor, *tensor ? ": " : "", why);
}

/* A whole number from 0 on. */
static bool natural(const json_t *value, uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

/* The sizes, and their product. */
static bool read_shape(const json_t *shape, inv_value_head *head, uint64_t *count)
{
    *count = 1;
    if (!json_is_array(shape) || json_array_size(shape) > RANK_MAX)
        return false;
    head->rank = (uint8_t)json_array_size(shape);
    for (size_t i = 0; i < head->rank; i++)
        if (!natural(json_array_get(shape, i), &head->dims[i]) ||
            __builtin_mul_overflow(*count, head->dims[i], count))
            return false;
    return true;
}

static bool read_type(const char *name, inv_value_head *head)
{
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            head->kind = (uint8_t)types[i].kind;
            head->size = types[i].size;
            return true;
        }
    return false;
}

static bool read_place(const json_t *entry, place *out)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    return json_array_size(offsets) == 2 && natural(json_array_get(offsets, 0), &out->begin) &&
           natural(json_array_get(offsets, 1), &out->end) && out->begin <= out->end;
}

static inv_status send_tensor(const file *f, const char *path, const json_t *entry)
{
    inv_value_head head = {0};
    place at = {0};
    uint64_t count = 0, bytes = 0;
    if (!json_is_string(json_object_get(entry, "dtype")) ||
        !read_shape(json_object_get(entry, "shape"), &head, &count) || !read_place(entry, &at))
        return damaged(f, path + 1, CANNOT_BE);
    if (!read_type(json_string_value(json_object_get(entry, "dtype")), &head))
        return inv_named_left_out(f->to, path, "a tensor of a kind that is not known");
    if (__builtin_mul_overflow(count, head.size, &bytes) || bytes != at.end - at.begin)
        return damaged(f, path + 1, "has other bytes than its sizes say");
    return bytes <= f->array_max ? inv_named_array(f->to, path, &head, f->values + at.begin)
                                 : INV_OK;
}

/* ---- where tensors lie ---- */

static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Of tensors in the order of their bytes, each begins where the one before it ends, the first at 0, and
 * the last ends with the file. */
static inv_status check_order(const file *f, const place *places, size_t count)
{
    char why[160];
    uint64_t end = 0;
    for (size_t i = 0; i < count; end = places[i++].end) {
        const place *at = &places[i];
        if (at->end > f->size)
            return damaged(f, at->name, "lies beyond the end of the file, which is cut short");
        if (at->begin > end)
            snprintf(why, sizeof why, "bytes %llu to %llu before it belong to no tensor",
                     (unsigned long long)end, (unsigned long long)at->begin);
        else if (at->begin < end)
            snprintf(why, sizeof why, "begins within the tensor %.80s", places[i - 1].name);
        if (at->begin != end)
            return damaged(f, at->name, why);
    }
    snprintf(why, sizeof why, "bytes %llu to %llu behind it belong to no tensor",
             (unsigned long long)end, (unsigned long long)f->size);
    return f->size == end ? INV_OK
                          : damaged(f, count > 0 ? places[count - 1].name : "its header", why);
}

/* All bytes behind the header belong to one tensor each: the format allows no other file. */
static inv_status check_places(const file *f, const json_t *header)
{
    void *memory = NULL;
    size_t count = 0;
    const char *name = NULL;
    json_t *entry = NULL;
    inv_status status = inv_calloc(json_object_size(header) + 1, sizeof(place), f->name, &memory);
    if (status != INV_OK)
        return status;
    place *places = memory;
    json_object_foreach((json_t *)header, name, entry)
    {
        if (strcmp(name, METADATA) == 0)
            continue;
        if (!read_place(entry, &places[count]))
            INV_RAISE(damaged(f, name, CANNOT_BE));
        places[count++].name = name;
    }
    qsort(places, count, sizeof *places, compare_places);
    INV_TRY(check_order(f, places, count));
done:
    free(memory);
    return status;
}

/* What has the name `name`: a tensor, or, of tied weights, the one that the metadata say is the
 * same, of which the file keeps only one. */
static const json_t *find_entry(const json_t *header, const char *name)
{
    const json_t *same = json_object_get(json_object_get(header, METADATA), name);
    const json_t *entry = json_object_get(header, name);
    return entry ? entry : json_object_get(header, json_string_value(same));
}

/* All names: those of tensors, then those that are tied to one. */
static size_t list_names(const json_t *header, const char **names)
{
    size_t count = 0;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)header, name, value)
    {
        if (strcmp(name, METADATA) != 0 && inv_named_is_good(name, strlen(name)))
            names[count++] = name;
    }
    json_object_foreach(json_object_get(header, METADATA), name, value)
    {
        const char *same = json_string_value(value);
        if (same && !json_object_get(header, name) && strcmp(same, METADATA) != 0 &&
            json_object_get(header, same) && inv_named_is_good(name, strlen(name)))
            names[count++] = name;
    }
    return count;
}

static inv_status send_all(const file *f, const json_t *header)
{
    const size_t room =
        json_object_size(header) + json_object_size(json_object_get(header, METADATA)) + 1;
    char path[INV_RECORD_PATH_MAX];
    void *memory = NULL;
    inv_status status = inv_calloc(room, sizeof(char *), f->name, &memory);
    if (status != INV_OK)
        return status;
    const char **names = memory;
    const size_t count = list_names(header, names);
    status = inv_named_group(f->to, "/", names, count);
    for (size_t i = 0; i < count && status == INV_OK; i++) {
        snprintf(path, sizeof path, "/%s", names[i]);
        status = send_tensor(f, path, find_entry(header, names[i]));
    }
    free(memory);
    return status;
}

/* What this program says in a file that it wrote. */
static inv_status send_metadata(const file *f, const json_t *header)
{
    const json_t *metadata = json_object_get(header, METADATA);
    if (!json_object_get(metadata, INV_OWN_MARK))
        return INV_OK;
    char *text = json_dumps(metadata, JSON_COMPACT);
    if (!text)
        return INV_ERROR(INV_ENOMEM, "%s: no memory for its metadata", f->name);
    inv_status status = inv_own_send_metadata(f->to, text, strlen(text));
    free(text);
    return status;
}

static inv_status send(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                       const inv_sink *to)
{
    const uint64_t length = header_length(bytes);
    file f = {.name = name, .array_max = array_max, .to = to};
    json_error_t error;
    if (length > size - 8)
        return damaged(&f, "", "it ends within its header");
    f.values = bytes + 8 + length;
    f.size = size - 8 - length;
    json_t *header =
        json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(header)) {
        json_decref(header);
        return damaged(&f, "", "its header is not JSON as safetensors writes it");
    }
    inv_status status = check_places(&f, header);
    if (status == INV_OK)
        status = send_all(&f, header);
    if (status == INV_OK)
        status = send_metadata(&f, header);
    json_decref(header);
    return status;
}

const inv_format inv_format_safetensors = {.name = "safetensors",
                                           .what = "safetensors",
                                           .endings = ".safetensors",
                                           .probe = probe,
                                           .send = send,
                                           .import = inv_torch_import,
                                           .export = inv_safetensors_export};
