/* A run, built of a stream: what stands between a process that may have come to harm and this one.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "format/record.h"
#include "format/run_file.h"
#include "format/storage.h"
#include "format/values.h"

#define OBJECTS_MAX    ((size_t)1 << 16) /* groups and arrays: each takes HDF5 time and memory */
#define ATTRIBUTES_MAX ((size_t)1 << 17)
#define BESIDE_MAX     ((size_t)1 << 12) /* attributes of one object, which HDF5 looks through */
#define FIXED_MAX      64000 /* bytes of an attribute that HDF5's earliest layout holds */

typedef struct building {
    const char *name; /* of the file */
    inv_stream_purpose purpose;
    inv_source *from;
    inv_run *run;
    hid_t object; /* the group or array named last */
    char path[INV_RECORD_PATH_MAX];
    void *values; /* of `room` bytes */
    size_t room, objects, attributes, beside, left_out;
    char first_left_out[4 * INV_RECORD_PATH_MAX];
    inv_record record;
} building;

/* ---- what a stream must not say ---- */

static inv_status nonsense(const building *b, const char *what)
{
    return INV_ERROR(INV_EFORMAT,
                     "%s: damaged or made to do harm: what was read of it makes no sense: %s: %s",
                     b->name, b->path, what);
}

/* INV_EFORMAT comes from the records themselves, whatever else from whoever brings their bytes. */
static inv_status said(const building *b, inv_status status)
{
    char what[INV_MESSAGE_MAX];
    if (status != INV_EFORMAT)
        return status;
    snprintf(what, sizeof what, "%s", inv_error_message());
    return nonsense(b, what);
}

/* As the other side says that it ended. */
static inv_status failure(const building *b)
{
    const inv_record *r = &b->record;
    const size_t length = strlen(b->name);
    const inv_status status =
        r->status == INV_EIO || r->status == INV_ENOMEM ? (inv_status)r->status : INV_EFORMAT;
    if (strncmp(r->text, b->name, length) == 0 && r->text[length] == ':')
        return INV_ERROR(status, "%s", r->text);
    return INV_ERROR(status, "%s: %s", b->name, r->text);
}

static inv_status next_record(building *b)
{
    inv_status status = said(b, inv_record_take(b->from, &b->record));
    return status == INV_OK && b->record.kind == INV_RECORD_FAILED ? failure(b) : status;
}

/* ---- values ---- */

/* So many bytes, into room that is used again. */
static inv_status take_values(building *b, uint64_t bytes)
{
    if (bytes > b->room) {
        free(b->values);
        b->values = NULL;
        b->room = 0;
        inv_status status = inv_calloc(1, (size_t)bytes, b->path, &b->values);
        if (status != INV_OK)
            return status;
        b->room = (size_t)bytes;
    }
    return said(b, inv_record_take_bytes(b->from, b->values, (size_t)bytes));
}

static void free_texts(char **texts, uint64_t count)
{
    for (uint64_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}

/* Texts that take exactly the bytes which the record tells. */
static inv_status take_texts(building *b, uint64_t count, char ***texts)
{
    const uint64_t left = b->from->left;
    void *memory = NULL;
    inv_status status = inv_calloc((size_t)count + 1, sizeof(char *), b->path, &memory);
    *texts = memory;
    for (uint64_t i = 0; status == INV_OK && i < count; i++)
        status = said(b, inv_record_take_text(b->from, &(*texts)[i]));
    if (status == INV_OK && left - b->from->left != b->record.bytes)
        return nonsense(b, "texts of another length");
    return status;
}

/* Whether all steps of the path are names, and begin at the root. */
static bool is_path(const char *path)
{
    if (path[0] != '/')
        return false;
    for (const char *at = path + 1; path[1]; at++) {
        const size_t length = strcspn(at, "/");
        if (length == 0 || (length == 1 && at[0] == '.') ||
            (length == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += length;
        if (*at == 0)
            break;
    }
    return true;
}

static void close_object(building *b)
{
    if (b->object >= 0)
        H5Oclose(b->object);
    b->object = H5I_INVALID_HID;
}

/* A group or array is to stand at the path that the record tells. */
static inv_status next_object(building *b)
{
    close_object(b);
    b->beside = 0;
    snprintf(b->path, sizeof b->path, "%s", b->record.text);
    if (!is_path(b->path))
        return nonsense(b, "no path");
    if (++b->objects > OBJECTS_MAX)
        return nonsense(b, "more groups and arrays than are read");
    return INV_OK;
}

/* ---- what is left out ---- */

static void leave_out(building *b, const char *what, const char *why)
{
    if (b->left_out++ == 0)
        snprintf(b->first_left_out, sizeof b->first_left_out, "%s (%s)", what, why);
}

static inv_status keep_left_out(building *b)
{
    int length = 0;
    if (b->left_out == 1)
        length = asprintf(&b->run->left_out, "%s", b->first_left_out);
    else if (b->left_out > 1)
        length = asprintf(&b->run->left_out, "%s and %zu more", b->first_left_out, b->left_out - 1);
    if (length >= 0)
        return INV_OK;
    b->run->left_out = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory", b->name);
}

const char *inv_run_left_out(const inv_run *run)
{
    return run->left_out;
}

/* ---- groups ---- */

static inv_status build_group(building *b)
{
    inv_status status = next_object(b);
    if (status != INV_OK)
        return status;
    if (b->path[1] == 0)
        b->object = H5Oopen(b->run->file, "/", H5P_DEFAULT);
    else
        b->object = H5Gcreate2(b->run->file, b->path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return b->object >= 0 ? INV_OK : nonsense(b, "no group can be there");
}

/* ---- arrays ---- */

static bool is_packed(const building *b)
{
    return b->purpose == INV_STREAM_TO_SAVE && b->record.storage != INV_RECORD_PLAIN &&
           b->record.head.kind != INV_VALUE_TEXTS;
}

/* Makes the array of the record, with nothing in it yet. */
static hid_t make_array(building *b)
{
    const inv_value_head *head = &b->record.head;
    const bool grows = is_packed(b) && b->record.storage == INV_RECORD_GROWING;
    const hsize_t maximum = H5S_UNLIMITED;
    hsize_t dims[INV_RECORD_RANK_MAX] = {0};
    for (uint8_t i = 0; head->rank != INV_RECORD_NULL && i < head->rank; i++)
        dims[i] = head->dims[i];
    hid_t type = inv_value_type(head);
    hid_t space = head->rank == INV_RECORD_NULL
                      ? H5Screate(H5S_NULL)
                      : H5Screate_simple(head->rank, dims, grows ? &maximum : NULL);
    hid_t properties = grows          ? inv_storage_growing()
                       : is_packed(b) ? inv_storage_packed(head->size, head->rank, dims)
                                      : inv_storage_plain();
    hid_t array =
        H5Dcreate2(b->run->file, b->path, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Pclose(properties);
    H5Sclose(space);
    H5Tclose(type);
    return array;
}

/* The next block of an array of which `most` bytes are to come. */
static inv_status next_block(building *b, uint64_t maximum)
{
    inv_status status = next_record(b);
    if (status != INV_OK)
        return status;
    if (b->record.kind != INV_RECORD_BLOCK)
        return nonsense(b, "an array that has no end");
    if (b->record.bytes == 0 || b->record.bytes > maximum)
        return nonsense(b, "a block of another size than its array");
    return INV_OK;
}

static inv_status fill_rows(building *b, hid_t array)
{
    const inv_value_head *head = &b->record.head;
    const uint64_t rows = inv_value_rows(head), row = inv_value_row_bytes(head);
    uint64_t done = 0;
    inv_status status = INV_OK;
    while (row > 0 && done < rows) {
        INV_TRY(next_block(b, (rows - done) * row));
        if (b->record.bytes % row != 0)
            return nonsense(b, "a block that is not of rows");
        INV_TRY(take_values(b, b->record.bytes));
        if (inv_value_write_rows(array, head, done, b->record.bytes / row, b->values) < 0)
            INV_FAIL(INV_ENOMEM, "%s: no memory for %s", b->name, b->path);
        done += b->record.bytes / row;
    }
done:
    return status;
}

/* One block holds them all. */
static inv_status fill_texts(building *b, hid_t array)
{
    const uint64_t count = inv_value_count(&b->record.head);
    char **texts = NULL;
    inv_status status = count > 0 ? next_block(b, UINT64_MAX) : INV_OK;
    if (status != INV_OK || count == 0)
        return status;
    status = take_texts(b, count, &texts);
    hid_t type = inv_value_type(&b->record.head);
    if (status == INV_OK && H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0)
        status = INV_ERROR(INV_ENOMEM, "%s: no memory for %s", b->name, b->path);
    H5Tclose(type);
    free_texts(texts, count);
    return status;
}

static inv_status build_array(building *b)
{
    inv_status status = next_object(b);
    if (status != INV_OK)
        return status;
    if (b->record.storage > INV_RECORD_GROWING ||
        (b->record.storage == INV_RECORD_GROWING && b->record.head.rank != 1))
        return nonsense(b, "an array of no known storage");
    b->object = make_array(b);
    if (b->object < 0)
        return nonsense(b, "no array can be there");
    return b->record.head.kind == INV_VALUE_TEXTS ? fill_texts(b, b->object)
                                                  : fill_rows(b, b->object);
}

/* ---- attributes ---- */

static inv_status write_attribute(building *b, const void *values)
{
    const inv_value_head *head = &b->record.head;
    hsize_t dims[INV_RECORD_RANK_MAX] = {0};
    for (uint8_t i = 0; head->rank != INV_RECORD_NULL && i < head->rank; i++)
        dims[i] = head->dims[i];
    hid_t type = inv_value_type(head);
    hid_t space = head->rank == INV_RECORD_NULL ? H5Screate(H5S_NULL)
                                                : H5Screate_simple(head->rank, dims, NULL);
    hid_t attribute = H5Acreate2(b->object, b->record.text, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool good =
        attribute >= 0 && (inv_value_count(head) == 0 || H5Awrite(attribute, type, values) >= 0);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return good ? INV_OK : nonsense(b, "an attribute that cannot be there");
}

static inv_status build_texts(building *b)
{
    const uint64_t count = inv_value_count(&b->record.head);
    char **texts = NULL;
    inv_status status = take_texts(b, count, &texts);
    if (status == INV_OK)
        status = write_attribute(b, texts);
    free_texts(texts, count);
    return status;
}

static inv_status build_attribute(building *b)
{
    char what[INV_RECORD_PATH_MAX * 2 + 2];
    if (b->object < 0)
        return nonsense(b, "an attribute of nothing");
    if (++b->attributes > ATTRIBUTES_MAX || ++b->beside > BESIDE_MAX)
        return nonsense(b, "more attributes than are read");
    if (b->record.head.kind == INV_VALUE_TEXTS)
        return build_texts(b);
    inv_status status = take_values(b, b->record.bytes);
    if (status == INV_OK && b->record.bytes <= FIXED_MAX)
        return write_attribute(b, b->values);
    snprintf(what, sizeof what, "%s @%s", b->path, b->record.text);
    leave_out(b, what, "too large an attribute");
    return status;
}

/* ---- all of it ---- */

static inv_status build_next(building *b)
{
    switch (b->record.kind) {
    case INV_RECORD_GROUP:
        return build_group(b);
    case INV_RECORD_ARRAY:
        return build_array(b);
    case INV_RECORD_ATTRIBUTE:
        return build_attribute(b);
    case INV_RECORD_LEFT_OUT:
        leave_out(b, b->record.text, b->record.why);
        return INV_OK;
    default:
        return nonsense(b, "a record that must not stand there");
    }
}

static inv_status build_all(building *b)
{
    inv_status status = INV_OK;
    INV_TRY(next_record(b));
    if (b->record.kind != INV_RECORD_START || b->record.status > 1)
        return nonsense(b, "no start");
    b->run->is_sealed = b->record.status;
    INV_TRY(next_record(b));
    while (b->record.kind != INV_RECORD_END) {
        INV_TRY(build_next(b));
        INV_TRY(next_record(b));
    }
    INV_TRY(keep_left_out(b));
    INV_TRY(inv_run_check_root(b->run));
done:
    return status;
}

inv_status inv_run_from_stream(const char *name, inv_stream_purpose purpose, inv_source *from,
                               inv_run **out)
{
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof(building), name, &memory);
    building *b = memory;
    *out = NULL;
    if (status != INV_OK)
        return status;
    *b = (building){
        .name = name, .purpose = purpose, .from = from, .object = H5I_INVALID_HID, .path = "/"};
    status = inv_run_make(name, &b->run);
    if (status == INV_OK)
        status = build_all(b);
    close_object(b);
    if (status == INV_OK)
        *out = b->run;
    else
        inv_run_free(b->run);
    free(b->values);
    free(b);
    return status;
}
