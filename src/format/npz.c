/* NumPy archives of parameters, as a stream.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/npy.h"
#include "data/zip.h"
#include "format/format.h"
#include "format/named.h"
#include "format/own.h"
#include "format/torch.h"

#define ENDING ".npy"

/* "fc1.weight" of "fc1.weight.npy"; "" of what is no array, or cannot be named. */
static void name_of(const char *member, char name[2 * INV_NAME_MAX])
{
    const size_t length = strlen(member), ending = strlen(ENDING);
    name[0] = 0;
    if (length <= ending || strcmp(member + length - ending, ENDING) != 0 ||
        length - ending >= 2 * INV_NAME_MAX)
        return;
    memcpy(name, member, length - ending);
    name[length - ending] = 0;
    for (char *c = name; *c; c++)
        if (*c == '/') /* Chainer's "l1/W" */
            *c = '.';
}

static char kind_of(inv_idx_type type)
{
    if (type == INV_IDX_FLOAT || type == INV_IDX_DOUBLE)
        return INV_VALUE_FLOAT;
    return type == INV_IDX_UBYTE ? INV_VALUE_UNSIGNED : INV_VALUE_SIGNED;
}

static inv_status send_member(const char *file, inv_zip *zip, size_t member, const char *name,
                              uint64_t array_max, const inv_sink *to)
{
    char path[INV_RECORD_PATH_MAX];
    unsigned char *bytes = NULL;
    size_t size = 0;
    inv_idx *idx = NULL;
    snprintf(path, sizeof path, "/%s", name);
    inv_status status = inv_zip_read(zip, member, SIZE_MAX - 1, &bytes, &size);
    if (status != INV_OK)
        return status;
    status = inv_npy_parse(file, bytes, size, &idx);
    if (status == INV_EFORMAT || status == INV_EDATA) /* a text beside the parameters, or a count */
        return inv_named_left_out(to, path, "no array of numbers");
    if (status != INV_OK)
        return status;
    inv_value_head head = {(uint8_t)kind_of(idx->type), .rank = (uint8_t)idx->rank};
    head.size = (uint32_t)inv_idx_type_size(idx->type);
    for (size_t i = 0; i < idx->rank; i++)
        head.dims[i] = idx->dims[i];
    if (idx->size * head.size <= array_max)
        status = inv_named_array(to, path, &head, idx->data);
    inv_idx_free(idx);
    return status;
}

static inv_status send_all(const char *file, inv_zip *zip, uint64_t array_max, const inv_sink *to)
{
    typedef char name[2 * INV_NAME_MAX];
    const size_t members = inv_zip_count(zip);
    void *memory[2] = {NULL};
    size_t count = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(members + 1, sizeof(name), file, &memory[0]));
    INV_TRY(inv_calloc(members + 1, sizeof(char *), file, &memory[1]));
    name *names = memory[0];
    const char **list = memory[1];
    for (size_t i = 0; i < members; i++) {
        name_of(inv_zip_name(zip, i), names[i]);
        for (size_t k = 0; k < count && *names[i]; k++)
            if (strcmp(list[k], names[i]) == 0)
                INV_FAIL(INV_EFORMAT, "%s: holds two arrays of the name '%s'", file, names[i]);
        if (*names[i])
            list[count++] = names[i];
    }
    INV_TRY(inv_named_group(to, "/", list, count));
    for (size_t i = 0; i < members; i++)
        if (*names[i])
            INV_TRY(send_member(file, zip, i, names[i], array_max, to));
done:
    free(memory[0]);
    free(memory[1]);
    return status;
}

/* What this program says in a file that it wrote, as the archive's comment. */
static inv_status send_metadata(const inv_zip *zip, const inv_sink *to)
{
    size_t length = 0;
    const char *comment = inv_zip_comment(zip, &length);
    if (length == 0 || !memmem(comment, length, INV_OWN_MARK, strlen(INV_OWN_MARK)))
        return INV_OK;
    return inv_own_send_metadata(to, comment, length);
}

static inv_status send(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                       const inv_sink *to)
{
    inv_zip *zip = NULL;
    inv_status status = inv_zip_open_bytes(name, bytes, size, &zip);
    if (status == INV_OK)
        status = send_all(name, zip, array_max, to);
    if (status == INV_OK)
        status = send_metadata(zip, to);
    inv_zip_close(zip);
    return status;
}

const inv_format inv_format_npz = {.name = "npz",
                                   .what = "NumPy",
                                   .endings = ".npz",
                                   .probe = inv_zip_is,
                                   .member = "*" ENDING,
                                   .send = send,
                                   .import = inv_torch_import,
                                   .export = inv_npz_export};
