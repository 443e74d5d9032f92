/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/record.h"

#include <stdlib.h>
#include <string.h>

#define STREAM_VERSION 1
#define FIXED_TEXT_MAX ((uint32_t)1 << 20) /* bytes of one text of fixed length */

static inv_status wrong(const char *what)
{
    return INV_ERROR(INV_EFORMAT, "%s", what);
}

/* ---- what a head tells ---- */

uint64_t inv_value_count(const inv_value_head *head)
{
    uint64_t count = 1;
    if (head->rank == INV_RECORD_NULL)
        return 0;
    for (uint8_t i = 0; i < head->rank; i++) /* a size of 0 does not excuse the others */
        if (head->dims[i] > 0 && __builtin_mul_overflow(count, head->dims[i], &count))
            return UINT64_MAX;
    for (uint8_t i = 0; i < head->rank; i++)
        if (head->dims[i] == 0)
            return 0;
    return count;
}

uint64_t inv_value_bytes(const inv_value_head *head, uint64_t count)
{
    uint64_t bytes = 0;
    const uint64_t each = head->kind == INV_VALUE_TEXTS ? sizeof(uint32_t) : head->size;
    return __builtin_mul_overflow(count, each, &bytes) ? UINT64_MAX : bytes;
}

bool inv_value_is_known(const inv_value_head *head)
{
    const uint32_t size = head->size;
    switch (head->kind) {
    case INV_VALUE_UNSIGNED:
    case INV_VALUE_SIGNED:
        return size == 1 || size == 2 || size == 4 || size == 8;
    case INV_VALUE_FLOAT:
        return size == 2 || size == 4 || size == 8;
    case INV_VALUE_OPAQUE:
        return size == 2;
    case INV_VALUE_TEXT:
        return size > 0 && size <= FIXED_TEXT_MAX;
    case INV_VALUE_TEXTS:
        return size == 0;
    default:
        return false;
    }
}

/* ---- putting ---- */

inv_status inv_record_put_bytes(const inv_sink *to, const void *bytes, size_t size)
{
    return size ? to->write(to->context, bytes, size) : INV_OK;
}

static inv_status put_number(const inv_sink *to, uint64_t value, size_t width)
{
    unsigned char bytes[sizeof value];
    for (size_t i = 0; i < width; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    return inv_record_put_bytes(to, bytes, width);
}

static inv_status put_head(const inv_sink *to, const inv_value_head *head)
{
    inv_status status = INV_OK;
    INV_TRY(put_number(to, head->kind, 1));
    INV_TRY(put_number(to, head->flags, 1));
    INV_TRY(put_number(to, head->size, 4));
    INV_TRY(put_number(to, head->rank, 1));
    for (uint8_t i = 0; head->rank != INV_RECORD_NULL && i < head->rank; i++)
        INV_TRY(put_number(to, head->dims[i], 8));
done:
    return status;
}

inv_status inv_record_put_text(const inv_sink *to, const char *text, size_t length)
{
    inv_status status = put_number(to, length, 4);
    return status == INV_OK ? inv_record_put_bytes(to, text, length) : status;
}

static bool has_text(uint8_t kind)
{
    return kind != INV_RECORD_START && kind != INV_RECORD_BLOCK && kind != INV_RECORD_END;
}

static bool has_head(uint8_t kind)
{
    return kind == INV_RECORD_ARRAY || kind == INV_RECORD_ATTRIBUTE;
}

static bool has_values(uint8_t kind)
{
    return kind == INV_RECORD_BLOCK || kind == INV_RECORD_ATTRIBUTE;
}

static inv_status put_name(const inv_sink *to, const char *text)
{
    return inv_record_put_text(to, text, strnlen(text, INV_RECORD_PATH_MAX - 1));
}

inv_status inv_record_put(const inv_sink *to, const inv_record *r)
{
    inv_status status = INV_OK;
    INV_TRY(put_number(to, r->kind, 1));
    if (r->kind == INV_RECORD_START)
        INV_TRY(put_number(to, STREAM_VERSION, 1));
    if (r->kind == INV_RECORD_START || r->kind == INV_RECORD_FAILED)
        INV_TRY(put_number(to, r->status, 1));
    if (has_text(r->kind))
        INV_TRY(put_name(to, r->text));
    if (r->kind == INV_RECORD_LEFT_OUT)
        INV_TRY(put_name(to, r->why));
    if (r->kind == INV_RECORD_ARRAY)
        INV_TRY(put_number(to, r->storage, 1));
    if (has_head(r->kind))
        INV_TRY(put_head(to, &r->head));
    if (has_values(r->kind))
        INV_TRY(put_number(to, r->bytes, 8));
done:
    return status;
}

/* ---- taking ---- */

inv_status inv_record_take_bytes(inv_source *from, void *bytes, size_t size)
{
    if (size > from->left)
        return wrong("it is longer than it can be");
    from->left -= size;
    return size ? from->read(from->context, bytes, size) : INV_OK;
}

static inv_status take_number(inv_source *from, size_t width, uint64_t *value)
{
    unsigned char bytes[sizeof *value] = {0};
    inv_status status = inv_record_take_bytes(from, bytes, width);
    *value = 0;
    for (size_t i = 0; i < width; i++)
        *value |= (uint64_t)bytes[i] << 8 * i;
    return status;
}

static inv_status take_byte(inv_source *from, uint8_t *value)
{
    uint64_t number = 0;
    inv_status status = take_number(from, 1, &number);
    *value = (uint8_t)number;
    return status;
}

static inv_status take_name(inv_source *from, char text[INV_RECORD_PATH_MAX])
{
    uint64_t length = 0;
    inv_status status = take_number(from, 4, &length);
    text[0] = 0;
    if (status != INV_OK)
        return status;
    if (length >= INV_RECORD_PATH_MAX)
        return wrong("a name that is too long");
    status = inv_record_take_bytes(from, text, (size_t)length);
    text[length] = 0;
    if (status == INV_OK && strlen(text) != length)
        return wrong("a name with a NUL in it");
    return status;
}

inv_status inv_record_take_text(inv_source *from, char **text)
{
    uint64_t length = 0;
    void *memory = NULL;
    *text = NULL;
    inv_status status = take_number(from, 4, &length);
    if (status == INV_OK && (length > INV_RECORD_TEXT_MAX || length > from->left))
        return wrong("a text that is too long");
    if (status == INV_OK)
        status = inv_calloc(1, (size_t)length + 1, "text", &memory);
    if (status == INV_OK)
        status = inv_record_take_bytes(from, memory, (size_t)length);
    if (status == INV_OK && memchr(memory, 0, (size_t)length))
        status = wrong("a text with a NUL in it");
    if (status == INV_OK)
        *text = memory;
    else
        free(memory);
    return status;
}

static inv_status take_head(inv_source *from, inv_value_head *head)
{
    uint64_t size = 0;
    inv_status status = INV_OK;
    INV_TRY(take_byte(from, &head->kind));
    INV_TRY(take_byte(from, &head->flags));
    INV_TRY(take_number(from, 4, &size));
    INV_TRY(take_byte(from, &head->rank));
    head->size = (uint32_t)size;
    if (!inv_value_is_known(head) || head->flags > 7)
        return wrong("values of no known type");
    if (head->rank > INV_RECORD_RANK_MAX && head->rank != INV_RECORD_NULL)
        return wrong("too many dimensions");
    for (uint8_t i = 0; head->rank != INV_RECORD_NULL && i < head->rank; i++)
        INV_TRY(take_number(from, 8, &head->dims[i]));
    if (inv_value_bytes(head, inv_value_count(head)) > from->left)
        return wrong("more values than there can be");
done:
    return status;
}

/* The values of an attribute, or the rows of an array, that follow. */
static inv_status take_size(inv_source *from, inv_record *r)
{
    inv_status status = take_number(from, 8, &r->bytes);
    if (status == INV_OK && r->bytes > from->left)
        return wrong("more bytes than there can be");
    if (status != INV_OK || r->kind == INV_RECORD_BLOCK)
        return status;
    const uint64_t minimum = inv_value_bytes(&r->head, inv_value_count(&r->head));
    if (r->bytes < minimum || (r->bytes != minimum && r->head.kind != INV_VALUE_TEXTS))
        return wrong("an attribute of another size than its values");
    return INV_OK;
}

inv_status inv_record_take(inv_source *from, inv_record *r)
{
    inv_status status = INV_OK;
    INV_TRY(take_byte(from, &r->kind));
    if (r->kind == 0 || !strchr("SMGDBALEF", r->kind))
        return wrong("a record of no known kind");
    if (r->kind == INV_RECORD_START)
        INV_TRY(take_byte(from, &r->version));
    if (r->kind == INV_RECORD_START && r->version != STREAM_VERSION)
        return wrong("it is of another version");
    if (r->kind == INV_RECORD_START || r->kind == INV_RECORD_FAILED)
        INV_TRY(take_byte(from, &r->status));
    if (has_text(r->kind))
        INV_TRY(take_name(from, r->text));
    if (r->kind == INV_RECORD_LEFT_OUT)
        INV_TRY(take_name(from, r->why));
    if (r->kind == INV_RECORD_ARRAY)
        INV_TRY(take_byte(from, &r->storage));
    if (has_head(r->kind))
        INV_TRY(take_head(from, &r->head));
    if (has_values(r->kind))
        INV_TRY(take_size(from, r));
    from->is_at_end = r->kind == INV_RECORD_END || r->kind == INV_RECORD_FAILED;
done:
    return status;
}
