/* A run file or another HDF5 file, as a stream: what runs where it may come to harm. HDF5 may crash on what it reads
 * here; what must not be is that it believes sizes that no file of that length can hold, or follows
 * links and names of files out of it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "format/hdf5.h"
#include "format/memory.h"
#include "format/record.h"
#include "format/seal.h"
#include "format/values.h"

#define BLOCK_BYTES      ((uint64_t)1 << 20) /* of an array that are sent at once; or one row */
#define UNPACKED_MOST    ((uint64_t)1 << 29) /* bytes of one array, however well it packs */
#define EXPANSION_MOST   1032                /* deflate's best: what a file of some size can hold */
#define SUPERBLOCK_BYTES 48                  /* the shortest there is: no file is shorter */
#define STREAM_MORE      ((uint64_t)1 << 30)
#define STREAM_TIMES     4
#define TIMES            "/history/seconds" /* arrays that come with attributes */

uint64_t inv_stream_max(uint64_t size)
{
    uint64_t maximum = 0;
    if (__builtin_mul_overflow(size, STREAM_TIMES, &maximum) ||
        __builtin_add_overflow(maximum, STREAM_MORE, &maximum))
        return UINT64_MAX;
    return maximum;
}

typedef struct sending {
    const char *name;   /* of the file */
    const char *path;   /* of the group or array whose turn it is */
    const char *prefix; /* before each path in the stream */
    bool is_model;      /* a model file, of which nothing may be elsewhere */
    hid_t file;
    uint64_t size, array_max;
    const inv_sink *to;
    haddr_t *shared; /* the groups and arrays of several names that were met */
    size_t shared_count;
    inv_record record;
    inv_status status; /* of what a visit called */
} sending;

/* Where memory is short, that may be the file's doing or not. */
static inv_status unreadable(const sending *s)
{
    if (errno == ENOMEM)
        return INV_ERROR(INV_ENOMEM, "%s: no memory for what it asks for: %s", s->name, s->path);
    return INV_ERROR(INV_EFORMAT, "%s: damaged: HDF5 cannot read all of it: %s", s->name, s->path);
}

/* An attribute of what stands at the path or, with "", all of that. */
static inv_status leave_out(sending *s, const char *attribute, const char *why)
{
    inv_record *r = &s->record;
    r->kind = INV_RECORD_LEFT_OUT;
    snprintf(r->text, sizeof r->text, "%s%s%s%s", s->prefix, s->path, *attribute ? " @" : "",
             attribute);
    snprintf(r->why, sizeof r->why, "%s", why);
    return inv_record_put(s->to, r);
}

static void set_text(sending *s, const char *text)
{
    const size_t length = strnlen(text, sizeof s->record.text - 1);
    memcpy(s->record.text, text, length);
    s->record.text[length] = 0;
}

/* The path as the stream says it: the root of a file with a prefix is the prefix. */
static void set_path(sending *s)
{
    snprintf(s->record.text, sizeof s->record.text, "%s%s", s->prefix,
             *s->prefix && s->path[1] == 0 ? "" : s->path);
}

/* Values or links that lead out of the file: a run file goes on without, a model is not whole. */
static inv_status leads_out(sending *s, const char *why)
{
    if (!s->is_model)
        return leave_out(s, "", strstr(why, "link") ? "a link" : why);
    return INV_ERROR(INV_EFORMAT, "%s: %s: %s; only what is in the file itself is read", s->name,
                     s->path, why);
}

/* ---- sizes ---- */

/* Whether so many bytes are no more than the file can hold. */
static bool is_justified(const sending *s, uint64_t bytes)
{
    return bytes <= s->size || (bytes <= UNPACKED_MOST && bytes / EXPANSION_MOST <= s->size);
}

/* Fills the head's rank and sizes. */
static bool take_extent(const sending *s, hid_t space, inv_value_head *head)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    const H5S_class_t class = H5Sget_simple_extent_type(space);
    const int rank = class == H5S_NULL ? 0 : H5Sget_simple_extent_dims(space, dims, NULL);
    if (class == H5S_NO_CLASS || rank < 0 || rank > INV_RECORD_RANK_MAX)
        return false;
    head->rank = class == H5S_NULL ? INV_RECORD_NULL : (uint8_t)rank;
    for (int i = 0; i < rank; i++)
        head->dims[i] = dims[i];
    return is_justified(s, inv_value_bytes(head, inv_value_count(head)));
}

/* A chunk is unpacked whole, however little of it is asked for. */
static bool take_storage(sending *s, hid_t array, hid_t properties, uint64_t *chunk_rows)
{
    const inv_value_head *head = &s->record.head;
    hsize_t dims[H5S_MAX_RANK] = {0}, maximum[H5S_MAX_RANK] = {0};
    inv_value_head chunk = *head;
    *chunk_rows = 1;
    s->record.storage = INV_RECORD_PLAIN;
    if (H5Pget_layout(properties) != H5D_CHUNKED)
        return true;
    hid_t space = H5Dget_space(array);
    const bool known = H5Pget_chunk(properties, H5S_MAX_RANK, dims) == head->rank &&
                       H5Sget_simple_extent_dims(space, NULL, maximum) == head->rank;
    H5Sclose(space);
    for (uint8_t i = 0; known && i < head->rank; i++)
        chunk.dims[i] = dims[i];
    *chunk_rows = dims[0];
    s->record.storage =
        head->rank == 1 && maximum[0] == H5S_UNLIMITED ? INV_RECORD_GROWING : INV_RECORD_PACKED;
    return known && head->rank > 0 && dims[0] > 0 &&
           is_justified(s, inv_value_bytes(&chunk, inv_value_count(&chunk)));
}

/* ---- texts of any length ---- */

/* What `count` texts take in the stream; 0 where one is longer than can be. */
static uint64_t texts_bytes(const sending *s, char *const *texts, uint64_t count)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < count; i++) {
        const size_t length = texts[i] ? strnlen(texts[i], INV_RECORD_TEXT_MAX) : 0;
        bytes += sizeof(uint32_t) + length;
        if (length >= INV_RECORD_TEXT_MAX || length > s->size)
            return 0;
    }
    return bytes;
}

static inv_status put_texts(const sending *s, char *const *texts, uint64_t count)
{
    inv_status status = INV_OK;
    for (uint64_t i = 0; i < count && status == INV_OK; i++) {
        const char *text = texts[i] ? texts[i] : "";
        status = inv_record_put_text(s->to, text, strlen(text));
    }
    return status;
}

/* ---- attributes ---- */

/* Puts the record that stands in `s`, and behind it the values. */
static inv_status put_attribute(sending *s, const void *values, uint64_t count)
{
    inv_record *r = &s->record;
    const bool texts = r->head.kind == INV_VALUE_TEXTS;
    r->kind = INV_RECORD_ATTRIBUTE;
    r->bytes = texts ? texts_bytes(s, values, count) : inv_value_bytes(&r->head, count);
    if (count > 0 && r->bytes == 0)
        return unreadable(s);
    inv_status status = inv_record_put(s->to, r);
    if (status != INV_OK)
        return status;
    return texts ? put_texts(s, values, count)
                 : inv_record_put_bytes(s->to, values, (size_t)r->bytes);
}

/* An attribute whose values have a type that can be said. */
static inv_status send_values(sending *s, hid_t attribute)
{
    inv_value_head *head = &s->record.head;
    hid_t space = H5Aget_space(attribute), type = inv_value_type(head);
    const bool good = take_extent(s, space, head), texts = head->kind == INV_VALUE_TEXTS;
    const uint64_t count = good ? inv_value_count(head) : 0;
    inv_status status = good ? INV_OK : unreadable(s);
    void *values = NULL;
    if (status == INV_OK)
        status =
            inv_calloc((size_t)count + 1, texts ? sizeof(char *) : head->size, s->path, &values);
    if (status == INV_OK && count > 0 && H5Aread(attribute, type, values) < 0)
        status = unreadable(s);
    if (status == INV_OK)
        status = put_attribute(s, values, count);
    if (values && texts && count > 0)
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, values);
    free(values);
    H5Tclose(type);
    H5Sclose(space);
    return status;
}

static herr_t send_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data)
{
    sending *s = data;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(attribute);
    (void)info;
    const char *why = attribute >= 0 ? inv_value_classify(type, &s->record.head) : NULL;
    if (strlen(name) >= sizeof s->record.text)
        why = "too long a name";
    set_text(s, name);
    if (attribute < 0 || type < 0)
        s->status = unreadable(s);
    else
        s->status = why ? leave_out(s, name, why) : send_values(s, attribute);
    H5Tclose(type);
    H5Aclose(attribute);
    return s->status == INV_OK ? 0 : -1;
}

static inv_status send_attributes(sending *s, hid_t object)
{
    hsize_t start = 0;
    if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &start, send_attribute, s) < 0 &&
        s->status == INV_OK)
        s->status = unreadable(s);
    return s->status;
}

/* ---- arrays ---- */

static inv_status put_block(sending *s, const void *values, uint64_t bytes)
{
    s->record.kind = INV_RECORD_BLOCK;
    s->record.bytes = bytes;
    inv_status status = inv_record_put(s->to, &s->record);
    return status == INV_OK ? inv_record_put_bytes(s->to, values, (size_t)bytes) : status;
}

/* Rows of whole chunks, so that none is unpacked twice. */
static inv_status send_rows(sending *s, hid_t array, uint64_t chunk_rows)
{
    const inv_value_head *head = &s->record.head;
    const uint64_t rows = inv_value_rows(head), row = inv_value_row_bytes(head);
    uint64_t step = row ? BLOCK_BYTES / row / chunk_rows * chunk_rows : 0;
    void *values = NULL;
    inv_status status = INV_OK;
    if (row == 0)
        return INV_OK;
    if (step == 0)
        step = chunk_rows;
    if (step > rows)
        step = rows;
    INV_TRY(inv_calloc((size_t)step, (size_t)row, s->path, &values));
    for (uint64_t first = 0; first < rows; first += step) {
        const uint64_t now = rows - first < step ? rows - first : step;
        if (inv_value_read_rows(array, head, first, now, values) < 0)
            INV_RAISE(unreadable(s));
        INV_TRY(put_block(s, values, now * row));
    }
done:
    free(values);
    return status;
}

/* All of them at once: they are few. */
static inv_status send_texts(sending *s, hid_t array)
{
    const uint64_t count = inv_value_count(&s->record.head);
    hid_t type = inv_value_type(&s->record.head), space = H5Dget_space(array);
    void *texts = NULL;
    inv_status status = inv_calloc((size_t)count + 1, sizeof(char *), s->path, &texts);
    if (status == INV_OK && H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0)
        status = unreadable(s);
    s->record.kind = INV_RECORD_BLOCK;
    s->record.bytes = status == INV_OK ? texts_bytes(s, texts, count) : 0;
    if (status == INV_OK && s->record.bytes == 0)
        status = unreadable(s);
    if (status == INV_OK)
        status = inv_record_put(s->to, &s->record);
    if (status == INV_OK)
        status = put_texts(s, texts, count);
    if (texts)
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
    free(texts);
    H5Sclose(space);
    H5Tclose(type);
    return status;
}

/* Why an array cannot be said; NULL: it can. Keras stores bfloat16 as two bytes of no meaning. */
static const char *what_array(const sending *s, hid_t array, inv_value_head *head)
{
    hid_t type = H5Dget_type(array);
    const char *why = inv_value_classify(type, head);
    if (why && s->is_model && H5Tget_class(type) == H5T_OPAQUE && head->size == 2) {
        head->kind = INV_VALUE_OPAQUE;
        why = NULL;
    }
    H5Tclose(type);
    return why;
}

static inv_status send_open_array(sending *s, hid_t array, hid_t properties)
{
    inv_record *r = &s->record;
    uint64_t chunk_rows = 1;
    inv_status status = INV_OK;
    if (H5Pget_layout(properties) == H5D_VIRTUAL || H5Pget_external_count(properties) > 0)
        return leads_out(s, "values in another file");
    const char *why = what_array(s, array, &r->head);
    if (why)
        return leave_out(s, "", why);
    hid_t space = H5Dget_space(array);
    const bool good =
        take_extent(s, space, &r->head) && take_storage(s, array, properties, &chunk_rows);
    H5Sclose(space);
    if (!good)
        return unreadable(s);
    const uint64_t count = inv_value_count(&r->head);
    if (s->array_max > 0 && inv_value_bytes(&r->head, count) > s->array_max)
        return INV_OK;
    r->kind = INV_RECORD_ARRAY;
    set_path(s);
    INV_TRY(inv_record_put(s->to, r));
    if (count > 0)
        INV_TRY(r->head.kind == INV_VALUE_TEXTS ? send_texts(s, array)
                                                : send_rows(s, array, chunk_rows));
    INV_TRY(send_attributes(s, array));
done:
    return status;
}

static bool ends_with(const char *path, const char *ending)
{
    const size_t length = strlen(path), of_ending = strlen(ending);
    return length >= of_ending && strcmp(path + length - of_ending, ending) == 0;
}

static inv_status send_array(sending *s)
{
    if (s->array_max == 0 && !ends_with(s->path, TIMES))
        return INV_OK;
    hid_t array = H5Dopen2(s->file, s->path, H5P_DEFAULT);
    hid_t properties = H5Dget_create_plist(array);
    inv_status status =
        array >= 0 && properties >= 0 ? send_open_array(s, array, properties) : unreadable(s);
    H5Pclose(properties);
    H5Dclose(array);
    return status;
}

/* ---- groups ---- */

static inv_status send_group(sending *s)
{
    hid_t group = H5Gopen2(s->file, s->path, H5P_DEFAULT);
    if (group < 0)
        return unreadable(s);
    s->record.kind = INV_RECORD_GROUP;
    set_path(s);
    inv_status status = inv_record_put(s->to, &s->record);
    if (status == INV_OK)
        status = send_attributes(s, group);
    H5Gclose(group);
    return status;
}

/* Whether the object was met by another name; from now on it is. */
static bool was_met(sending *s, haddr_t address)
{
    for (size_t i = 0; i < s->shared_count; i++)
        if (s->shared[i] == address)
            return true;
    haddr_t *more = reallocarray(s->shared, s->shared_count + 1, sizeof *more);
    if (more) {
        s->shared = more;
        s->shared[s->shared_count++] = address;
    }
    return !more; /* no memory: left out */
}

static inv_status send_object(sending *s)
{
    H5O_info_t info;
    if (H5Oget_info_by_name2(s->file, s->path, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return unreadable(s);
    const bool is_root = s->path[1] == 0;
    if (s->is_model && strncmp(s->path, "/optimizer", 10) == 0)
        return INV_OK; /* of the training, as large as the network or twice that */
    if ((is_root || info.rc > 1) && was_met(s, info.addr))
        return leave_out(s, "", "another name of what is there");
    if (info.type == H5O_TYPE_GROUP)
        return send_group(s);
    if (info.type == H5O_TYPE_DATASET)
        return send_array(s);
    return leave_out(s, "", "a type");
}

static herr_t visit_link(hid_t root, const char *name, const H5L_info_t *info, void *data)
{
    sending *s = data;
    char path[INV_RECORD_PATH_MAX];
    (void)root;
    const int length = snprintf(path, sizeof path, "/%s", name);
    s->path = path;
    if (length < 0 || (size_t)length >= sizeof path)
        s->status = unreadable(s); /* groups within groups without an end */
    else
        s->status = info->type == H5L_TYPE_HARD   ? send_object(s)
                    : info->type == H5L_TYPE_SOFT ? leave_out(s, "", "a link")
                                                  : leads_out(s, "a link to another file");
    s->path = "/";
    return s->status == INV_OK ? 0 : -1;
}

static inv_status send_all(sending *s)
{
    inv_status status = send_object(s);
    if (status == INV_OK && H5Lvisit(s->file, H5_INDEX_NAME, H5_ITER_INC, visit_link, s) < 0)
        status = s->status != INV_OK ? s->status : unreadable(s);
    return status;
}

/* All that is in the HDF5 file, which `it` tells of. */
static inv_status send_file(const sending *it, unsigned char *bytes)
{
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof *it, it->name, &memory);
    sending *s = memory;
    if (status != INV_OK)
        return status;
    *s = *it;
    errno = 0;
    s->file = inv_memory_view(bytes, (size_t)s->size);
    status = s->file < 0 ? unreadable(s) : send_all(s);
    H5Fclose(s->file);
    free(s->shared);
    free(s);
    return status;
}

inv_status inv_stream_start(const inv_sink *to, bool is_sealed, const char *format)
{
    inv_record r = {.kind = INV_RECORD_START, .status = is_sealed};
    inv_status status = inv_record_put(to, &r);
    if (status != INV_OK || !format)
        return status;
    r.kind = INV_RECORD_FORMAT;
    snprintf(r.text, sizeof r.text, "%s", format);
    return inv_record_put(to, &r);
}

inv_status inv_stream_end(const inv_sink *to)
{
    const inv_record r = {.kind = INV_RECORD_END};
    return inv_record_put(to, &r);
}

inv_status inv_stream_send(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                           const inv_sink *to)
{
    inv_seal seal;
    inv_status status = INV_OK;
    INV_TRY(inv_seal_check(name, bytes, size, &seal));
    INV_TRY(inv_stream_start(to, seal.is_right, NULL));
    const sending it = {.name = name,
                        .path = "/",
                        .prefix = "",
                        .size = seal.size,
                        .array_max = array_max,
                        .to = to};
    INV_TRY(send_file(&it, seal.body));
    INV_TRY(inv_stream_end(to));
done:
    return status;
}

inv_status inv_hdf5_send(const char *name, const char *prefix, unsigned char *bytes, size_t size,
                         uint64_t array_max, const inv_sink *to)
{
    const sending it = {.name = name,
                        .path = "/",
                        .prefix = prefix,
                        .is_model = true,
                        .size = size,
                        .array_max = array_max,
                        .to = to};
    if (inv_seal_is_cut(bytes, size))
        return INV_ERROR(INV_EFORMAT, "%s: damaged: cut short; copy or download it again", name);
    return send_file(&it, bytes);
}

bool inv_hdf5_is(const unsigned char *first, size_t size)
{
    static const unsigned char mark[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    if (size < SUPERBLOCK_BYTES)
        return false;
    for (size_t at = 0; at + sizeof mark <= size; at = at ? 2 * at : 512) /* behind a user block */
        if (memcmp(first + at, mark, sizeof mark) == 0)
            return true;
    return false;
}

inv_status inv_stream_fail(const inv_sink *to, inv_status why, const char *message)
{
    inv_record r = {.kind = INV_RECORD_FAILED, .status = (uint8_t)why};
    snprintf(r.text, sizeof r.text, "%s", message);
    return inv_record_put(to, &r);
}

inv_status inv_text_send(const char *path, const char *attribute, const unsigned char *text,
                         size_t size, const inv_sink *to)
{
    inv_record r = {.kind = INV_RECORD_GROUP, .bytes = sizeof(uint32_t) + size};
    inv_status status = INV_OK;
    if (size > INV_RECORD_TEXT_MAX || memchr(text, 0, size))
        return INV_ERROR(INV_EFORMAT, "%s: %s", path,
                         size > INV_RECORD_TEXT_MAX ? "too long a text"
                                                    : "a text with a NUL in it");
    snprintf(r.text, sizeof r.text, "%s", path);
    INV_TRY(inv_record_put(to, &r));
    r.kind = INV_RECORD_ATTRIBUTE;
    snprintf(r.text, sizeof r.text, "%s", attribute);
    r.head = (inv_value_head){.kind = INV_VALUE_TEXTS, .flags = INV_VALUE_UTF8};
    INV_TRY(inv_record_put(to, &r));
    INV_TRY(inv_record_put_text(to, (const char *)text, size));
done:
    return status;
}
