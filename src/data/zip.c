/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/zip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zip.h>

#include "base/sniff.h"
#include "invproj/file.h"

#define DEFLATE_RATIO_MAX 1032 /* no deflate stream grows more: 258 bytes for two bits */
#define MODEL_RATIO_MAX   1000 /* no network's numbers do */

struct inv_zip {
    zip_t *archive;
    char *path;
    size_t file_size, count;
    zip_uint64_t ratio_max; /* of what is deflated */
    const char **sorted;    /* [count]: the names, to find two that are equal */
};

static inv_status damaged(const inv_zip *zip, const char *why)
{
    return INV_ERROR(INV_EFORMAT, "%s: damaged ZIP archive (%s); copy or download it again",
                     zip->path, why);
}

/* libzip takes over *fd. */
static inv_status open_archive(inv_zip *zip, int *fd)
{
    int code = 0;
    unsigned char start[INV_SNIFF_BYTES];
    size_t got = 0;
    inv_status status = inv_file_fill(zip->path, *fd, start, sizeof start, &got);
    if (status != INV_OK)
        return status;
    const inv_kind *kind = inv_sniff(start, got);
    if (got < 2 || memcmp(start, "PK", 2) != 0)
        return INV_ERROR(INV_EFORMAT, "%s: not a ZIP archive%s%s", zip->path, kind ? " but " : "",
                         kind ? kind->what : "");
    zip->archive = zip_fdopen(*fd, 0, &code);
    if (zip->archive) {
        *fd = -1;
        return INV_OK;
    }
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    status = zip_error_code_zip(&error) == ZIP_ER_MEMORY
                 ? INV_ERROR(INV_ENOMEM, "%s: no memory to list the archive", zip->path)
                 : damaged(zip, zip_error_strerror(&error));
    zip_error_fini(&error);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static inv_status list_names(inv_zip *zip)
{
    void *memory = NULL;
    const zip_int64_t count = zip_get_num_entries(zip->archive, 0);
    zip->count = count > 0 ? (size_t)count : 0;
    if (zip->count == 0)
        return INV_ERROR(INV_EFORMAT, "%s: a ZIP archive with nothing in it", zip->path);
    inv_status status = inv_calloc(zip->count, sizeof *zip->sorted, zip->path, &memory);
    if (status != INV_OK)
        return status;
    zip->sorted = memory;
    for (size_t i = 0; i < zip->count; i++) {
        zip->sorted[i] = zip_get_name(zip->archive, i, ZIP_FL_ENC_RAW);
        if (!zip->sorted[i])
            return damaged(zip, "a member without a name");
    }
    qsort(zip->sorted, zip->count, sizeof *zip->sorted, compare_names);
    for (size_t i = 1; i < zip->count; i++)
        if (strcmp(zip->sorted[i - 1], zip->sorted[i]) == 0)
            return INV_ERROR(INV_EFORMAT, "%s: two members are named %.100s; pack it again",
                             zip->path, zip->sorted[i]);
    return INV_OK;
}

inv_status inv_zip_open(const char *path, inv_zip **out)
{
    void *memory = NULL;
    inv_zip *zip = NULL;
    int fd = -1;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_calloc(1, sizeof *zip, path, &memory));
    zip = memory;
    zip->ratio_max = DEFLATE_RATIO_MAX;
    zip->path = strdup(path);
    if (!zip->path)
        INV_FAIL(INV_ENOMEM, "%s: no memory for its name", path);
    INV_TRY(inv_file_open(path, &fd, &zip->file_size));
    INV_TRY(open_archive(zip, &fd));
    INV_TRY(list_names(zip));
    *out = zip;
    zip = NULL;
done:
    inv_zip_close(zip);
    if (fd >= 0)
        close(fd);
    return status;
}

/* Whether a name stays where an archive is unpacked. */
static bool stays(const char *name)
{
    if (name[0] == '/' || name[0] == '\\')
        return false;
    for (const char *at = name; *at;) {
        const size_t length = strcspn(at, "/\\");
        if (length == 2 && at[0] == '.' && at[1] == '.')
            return false;
        at += length + (at[length] != 0);
    }
    return true;
}

static inv_status open_bytes(inv_zip *zip, const unsigned char *bytes)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, zip->file_size, 0, &error);
    inv_status status = INV_OK;
    if (source)
        zip->archive = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (!zip->archive)
        status = zip_error_code_zip(&error) == ZIP_ER_MEMORY
                     ? INV_ERROR(INV_ENOMEM, "%s: no memory to list the archive", zip->path)
                     : damaged(zip, zip_error_strerror(&error));
    if (!zip->archive && source)
        zip_source_free(source);
    zip_error_fini(&error);
    return status;
}

inv_status inv_zip_open_bytes(const char *name, const unsigned char *bytes, size_t size,
                              inv_zip **out)
{
    void *memory = NULL;
    inv_zip *zip = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_calloc(1, sizeof *zip, name, &memory));
    zip = memory;
    zip->file_size = size;
    zip->ratio_max = MODEL_RATIO_MAX;
    zip->path = strdup(name);
    if (!zip->path)
        INV_FAIL(INV_ENOMEM, "%s: no memory for its name", name);
    INV_TRY(open_bytes(zip, bytes));
    INV_TRY(list_names(zip));
    for (size_t i = 0; i < zip->count; i++)
        if (!stays(zip->sorted[i]))
            INV_FAIL(INV_EFORMAT, "%s: a member is named %.100s, which leads out of the archive",
                     name, zip->sorted[i]);
    *out = zip;
    zip = NULL;
done:
    inv_zip_close(zip);
    return status;
}

void inv_zip_close(inv_zip *zip)
{
    if (!zip)
        return;
    if (zip->archive)
        zip_discard(zip->archive);
    free(zip->sorted);
    free(zip->path);
    free(zip);
}

size_t inv_zip_count(const inv_zip *zip)
{
    return zip->count;
}

const char *inv_zip_name(const inv_zip *zip, size_t member)
{
    return zip_get_name(zip->archive, member, ZIP_FL_ENC_RAW);
}

bool inv_zip_find(const inv_zip *zip, const char *name, size_t *member)
{
    for (*member = 0; *member < zip->count; ++*member)
        if (strcmp(inv_zip_name(zip, *member), name) == 0)
            return true;
    return false;
}

/* What the archive says of the member, held against what can be. */
static inv_status check_member(const inv_zip *zip, size_t member, size_t limit, size_t *size)
{
    zip_stat_t it;
    const zip_uint64_t needed =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    const char *name = inv_zip_name(zip, member);
    if (zip_stat_index(zip->archive, member, 0, &it) != 0 || (it.valid & needed) != needed)
        return damaged(zip, "a member without a size");
    if (it.encryption_method != ZIP_EM_NONE)
        return INV_ERROR(INV_EFORMAT, "%s: %.100s: encrypted; pack it without a password",
                         zip->path, name);
    if (it.comp_method != ZIP_CM_STORE && it.comp_method != ZIP_CM_DEFLATE)
        return INV_ERROR(INV_EFORMAT,
                         "%s: %.100s: packed by method %d; stored and deflated members are read",
                         zip->path, name, it.comp_method);
    const zip_uint64_t ratio = it.comp_method == ZIP_CM_STORE ? 1 : zip->ratio_max;
    if (it.comp_size > zip->file_size || it.size / ratio > it.comp_size)
        return INV_ERROR(INV_EFORMAT,
                         "%s: %.100s: said to unpack to more bytes (%llu) than it can hold; the "
                         "archive is damaged or made up",
                         zip->path, name, (unsigned long long)it.size);
    if (it.size > limit || it.size >= SIZE_MAX)
        return INV_ERROR(INV_EFORMAT, "%s: %.100s: %llu bytes unpacked; at most %zu are read",
                         zip->path, name, (unsigned long long)it.size, limit);
    *size = (size_t)it.size;
    return INV_OK;
}

/* Reads the whole member, and past its end, which is where libzip holds it against its checksum. */
static inv_status read_all(inv_zip *zip, const char *name, zip_file_t *file, unsigned char *bytes,
                           size_t size)
{
    size_t got = 0;
    zip_int64_t part = 1;
    while (part > 0 && got <= size) {
        part = zip_fread(file, bytes + got, size + 1 - got);
        got += part > 0 ? (size_t)part : 0;
    }
    if (part < 0)
        return INV_ERROR(INV_EFORMAT,
                         "%s: %.100s: damaged in the ZIP archive (%s); copy or download it again",
                         zip->path, name, zip_error_strerror(zip_file_get_error(file)));
    if (got != size)
        return INV_ERROR(INV_EFORMAT,
                         "%s: %.100s: unpacks to %s bytes than the ZIP archive says; copy or "
                         "download it again",
                         zip->path, name, got < size ? "fewer" : "more");
    bytes[size] = 0;
    return INV_OK;
}

inv_status inv_zip_read(inv_zip *zip, size_t member, size_t limit, unsigned char **bytes,
                        size_t *size)
{
    const char *name = inv_zip_name(zip, member);
    void *memory = NULL;
    zip_file_t *file = NULL;
    inv_status status = INV_OK;
    *bytes = NULL;
    *size = 0;
    INV_TRY(check_member(zip, member, limit, size));
    INV_TRY(inv_calloc(*size + 1, 1, name, &memory));
    file = zip_fopen_index(zip->archive, member, 0);
    if (!file)
        INV_FAIL(INV_EFORMAT,
                 "%s: %.100s: damaged in the ZIP archive (%s); copy or download it again",
                 zip->path, name, zip_error_strerror(zip_get_error(zip->archive)));
    INV_TRY(read_all(zip, name, file, memory, *size));
    *bytes = memory;
    memory = NULL;
done:
    if (status != INV_OK)
        *size = 0;
    if (file)
        zip_fclose(file);
    free(memory);
    return status;
}

const char *inv_zip_comment(const inv_zip *zip, size_t *length)
{
    int size = 0;
    const char *comment = zip_get_archive_comment(zip->archive, &size, ZIP_FL_ENC_RAW);
    *length = comment && size > 0 ? (size_t)size : 0;
    return comment;
}

/* ---- making one ---- */

#define FIRST_DAY 0x21 /* 1 January 1980, as MS-DOS counts */

static bool add_member(zip_t *archive, const inv_zip_member *m)
{
    zip_source_t *source = zip_source_buffer(archive, m->bytes, m->size, 0);
    const zip_int64_t at = source ? zip_file_add(archive, m->name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (at < 0) {
        if (source)
            zip_source_free(source);
        return false;
    }
    return zip_set_file_compression(archive, (zip_uint64_t)at, ZIP_CM_STORE, 0) == 0 &&
           zip_file_set_dostime(archive, (zip_uint64_t)at, 0, FIRST_DAY, 0) == 0;
}

/* All that has been written to the source. */
static inv_status read_back(const char *name, zip_source_t *source, unsigned char **bytes,
                            size_t *size)
{
    zip_stat_t it;
    void *memory = NULL;
    if (zip_source_stat(source, &it) != 0 || !(it.valid & ZIP_STAT_SIZE) || it.size == 0 ||
        zip_source_open(source) != 0)
        return INV_ERROR(INV_ENOMEM, "%s: the archive that was made cannot be read", name);
    inv_status status = inv_calloc(it.size, 1, name, &memory);
    if (status == INV_OK && zip_source_read(source, memory, it.size) != (zip_int64_t)it.size)
        status = INV_ERROR(INV_ENOMEM, "%s: the archive that was made cannot be read", name);
    zip_source_close(source);
    if (status != INV_OK) {
        free(memory);
        return status;
    }
    *bytes = memory;
    *size = it.size;
    return INV_OK;
}

inv_status inv_zip_make(const char *name, const inv_zip_member *members, size_t count,
                        const char *comment, unsigned char **bytes, size_t *size)
{
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_TRUNCATE, NULL) : NULL;
    const size_t length = comment ? strlen(comment) : 0;
    inv_status status = INV_OK;
    *bytes = NULL;
    *size = 0;
    if (!archive)
        INV_FAIL(INV_ENOMEM, "%s: no memory for an archive", name);
    zip_source_keep(source); /* closing the archive frees it else */
    bool good = length <= INV_ZIP_COMMENT_MAX;
    for (size_t i = 0; good && i < count; i++)
        good = add_member(archive, &members[i]);
    if (good && length > 0)
        good = zip_set_archive_comment(archive, comment, (zip_uint16_t)length) == 0;
    if (!good || zip_close(archive) != 0)
        INV_FAIL(INV_ENOMEM, "%s: the archive cannot be made: %s", name,
                 length > INV_ZIP_COMMENT_MAX ? "its comment is too long" : zip_strerror(archive));
    archive = NULL;
    status = read_back(name, source, bytes, size);
done:
    if (archive)
        zip_discard(archive);
    if (source)
        zip_source_free(source);
    return status;
}
