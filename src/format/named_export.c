/* Nets as named parameters: safetensors files, and NumPy archives. What is done with them is told in
 * Python (torch_write.c); the metadata stand in the header, or in the archive's comment.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/zip.h"
#include "format/torch.h"

#define ALIGNMENT 8

static size_t bytes_of(const inv_named *a)
{
    size_t count = 1;
    for (size_t i = 0; i < a->rank; i++)
        count *= a->dims[i];
    return count * sizeof *a->values;
}

/* ---- safetensors ---- */

static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *header_of(const inv_named_net *net)
{
    json_t *header = json_object();
    size_t at = 0;
    bool good = header && json_object_set(header, "__metadata__", net->e.metadata) == 0;
    for (size_t i = 0; good && i < net->count; i++) {
        const inv_named *a = &net->list[i];
        const size_t end = at + bytes_of(a);
        json_t *dims = json_array();
        for (size_t k = 0; good && k < a->rank; k++)
            good = json_array_append_new(dims, json_integer((json_int_t)a->dims[k])) == 0;
        good = good && put(header, a->name,
                           json_pack("{ss so s[II]}", "dtype", "F32", "shape", dims, "data_offsets",
                                     (json_int_t)at, (json_int_t)end));
        at = end;
    }
    if (good)
        return header;
    json_decref(header);
    return NULL;
}

/* The length of the header, the header filled up with blanks, the values. */
static inv_status join(const inv_named_net *net, const char *header, inv_exported *out)
{
    const size_t length = strlen(header), room = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *memory = NULL;
    size_t size = 8 + room;
    for (size_t i = 0; i < net->count; i++)
        size += bytes_of(&net->list[i]);
    inv_status status = inv_calloc(size, 1, net->e.what->file, &memory);
    if (status != INV_OK)
        return status;
    unsigned char *at = memory;
    for (size_t i = 0; i < 8; i++)
        at[i] = (unsigned char)(room >> (8 * i));
    memset(at + 8, ' ', room);
    memcpy(at + 8, header, length);
    at += 8 + room;
    for (size_t i = 0; i < net->count; i++) {
        memcpy(at, net->list[i].values, bytes_of(&net->list[i]));
        at += bytes_of(&net->list[i]);
    }
    out->bytes = memory;
    out->size = size;
    return INV_OK;
}

/* The source is the caller's then. */
static void give_source(inv_named_net *net, inv_exported *out)
{
    out->text = net->source;
    net->source = NULL;
}

inv_status inv_safetensors_export(const inv_export *what, inv_exported *out)
{
    inv_named_net net = {0};
    json_t *header = NULL;
    char *text = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_torch_write(what, out, &net));
    header = header_of(&net);
    text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    if (!text)
        INV_FAIL(INV_ENOMEM, "%s: no memory for a header", what->file);
    INV_TRY(join(&net, text, out));
    give_source(&net, out);
done:
    free(text);
    json_decref(header);
    inv_named_net_free(&net);
    return status;
}

/* ---- NumPy ---- */

#define NPY_START "\x93NUMPY\1"
#define NPY_ALIGN 64

/* The header of format 1.0, which ends in a newline at a multiple of 64 bytes. */
static inv_status make_npy(inv_named_net *net, const inv_named *a, inv_zip_member *out)
{
    char header[256];
    size_t used = (size_t)snprintf(header, sizeof header,
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (size_t i = 0; i < a->rank; i++)
        used += (size_t)snprintf(header + used, sizeof header - used, "%zu%s", a->dims[i],
                                 i + 1 < a->rank ? ", "
                                 : a->rank == 1  ? ","
                                                 : "");
    used += (size_t)snprintf(header + used, sizeof header - used, "), }");
    const size_t start = 10, all = (start + used + NPY_ALIGN) / NPY_ALIGN * NPY_ALIGN;
    unsigned char *bytes = inv_exporting_keep(&net->e, all + bytes_of(a), 1);
    const char *name = inv_exporting_text(&net->e, "%s.npy", a->name);
    if (net->e.status != INV_OK)
        return net->e.status;
    memcpy(bytes, NPY_START, 7);
    bytes[8] = (unsigned char)((all - start) & 0xff);
    bytes[9] = (unsigned char)((all - start) >> 8);
    memset(bytes + start, ' ', all - start);
    memcpy(bytes + start, header, used);
    bytes[all - 1] = '\n';
    memcpy(bytes + all, a->values, bytes_of(a));
    *out = (inv_zip_member){name, bytes, all + bytes_of(a)};
    return INV_OK;
}

inv_status inv_npz_export(const inv_export *what, inv_exported *out)
{
    inv_named_net net = {0};
    void *memory = NULL;
    char *comment = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_torch_write(what, out, &net));
    if (net.count == 0)
        INV_FAIL(INV_EFORMAT, "%s: has no parameters, so there is nothing to write", what->file);
    INV_TRY(inv_calloc(net.count, sizeof(inv_zip_member), what->file, &memory));
    inv_zip_member *members = memory;
    for (size_t i = 0; i < net.count; i++)
        INV_TRY(make_npy(&net, &net.list[i], &members[i]));
    comment = json_dumps(net.e.metadata, JSON_COMPACT);
    if (!comment)
        INV_FAIL(INV_ENOMEM, "%s: no memory for its metadata", what->file);
    /* what is too long for a comment is left out: the file then needs --arch */
    INV_TRY(inv_zip_make(what->file, members, net.count,
                         strlen(comment) <= INV_ZIP_COMMENT_MAX ? comment : NULL, &out->bytes,
                         &out->size));
    give_source(&net, out);
done:
    free(comment);
    free(memory);
    inv_named_net_free(&net);
    return status;
}
