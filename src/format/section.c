/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "invproj/idx.h"

#define ATTRIBUTE  "sha256"
#define PATH_BYTES (4 * INV_NAME_MAX)
#define LINE_BYTES (PATH_BYTES + 32 * (INV_RUN_RANK_MAX + 1))

/* ---- which groups are sections ---- */

static const struct {
    const char *group;
    bool holds_them; /* each group in it is one; else it is one itself */
} places[] = {{"/network", false},  {"/inverse", true},  {"/projections", true},
              {"/generated", true}, {"/features", true}, {"/gaussian", true},
              {"/exemplars", true}};

/* What of a section its checksum leaves out: how it was learned, not what. */
static bool is_left_out(const char *path)
{
    return strncmp(path, "history/", 8) == 0 || strncmp(path, "state/", 6) == 0;
}

/* The length of the section's path with which `path` begins; 0 where it is in none. */
static size_t section_length(const char *path)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const size_t length = strlen(places[i].group);
        if (strncmp(path, places[i].group, length) != 0)
            continue;
        if (!places[i].holds_them && (path[length] == 0 || path[length] == '/'))
            return length;
        if (places[i].holds_them && path[length] == '/' && path[length + 1])
            return length + 1 + strcspn(path + length + 1, "/");
    }
    return 0;
}

/* Whether a section stands there: a group that a hard link leads to. */
static bool is_section(hid_t file, const char *path)
{
    H5L_info_t link;
    H5O_info_t object;
    return H5Lexists(file, path, H5P_DEFAULT) > 0 &&
           H5Lget_info(file, path, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD &&
           H5Oget_info_by_name(file, path, &object, H5P_DEFAULT) >= 0 &&
           object.type == H5O_TYPE_GROUP;
}

static bool is_signed(hid_t file, const char *path)
{
    return H5Aexists_by_name(file, path, ATTRIBUTE, H5P_DEFAULT) > 0;
}

void inv_section_touch(hid_t file, const char *path)
{
    char section[PATH_BYTES];
    const size_t length = section_length(path);
    if (length == 0 || length >= sizeof section || (path[length] && is_left_out(path + length + 1)))
        return;
    memcpy(section, path, length);
    section[length] = 0;
    if (is_section(file, section) && is_signed(file, section))
        H5Adelete_by_name(file, section, ATTRIBUTE, H5P_DEFAULT);
}

/* ---- the checksum ---- */

/* NumPy's name of a type: "float32"; of another kind of values, which are then left out: "". */
static void name_type(hid_t type, char name[16])
{
    const char *kind = "";
    if (H5Tget_class(type) == H5T_FLOAT)
        kind = "float";
    else if (H5Tget_class(type) == H5T_INTEGER)
        kind = H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int";
    name[0] = 0;
    if (*kind)
        snprintf(name, 16, "%s%zu%s", kind, 8 * H5Tget_size(type),
                 H5Tget_order(type) == H5T_ORDER_BE ? "be" : "");
}

/* A line that says what array it is; `count` is how many values it has, SIZE_MAX at least where
 * they are too many. */
static bool describe(hid_t array, hid_t type, const char *path, char line[LINE_BYTES],
                     size_t *count)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    char kind[16];
    hid_t space = H5Dget_space(array);
    const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    H5Sclose(space);
    name_type(type, kind);
    int used = snprintf(line, LINE_BYTES, "%s %s", path, kind);
    *count = *kind ? 1 : 0;
    for (int i = 0; i < rank && used < LINE_BYTES; i++) {
        used +=
            snprintf(line + used, LINE_BYTES - (size_t)used, " %llu", (unsigned long long)dims[i]);
        if (__builtin_mul_overflow(*count, (size_t)dims[i], count))
            return false;
    }
    if (used + 1 >= LINE_BYTES)
        return false;
    line[used] = '\n';
    line[used + 1] = 0;
    return rank >= 0;
}

typedef struct summing {
    struct sha256_ctx context;
    const char *name, *path; /* of the file, of the section; for messages */
    inv_status status;
} summing;

static inv_status add_values(summing *s, hid_t array, hid_t type, const char *path, size_t count)
{
    void *values = NULL;
    inv_status status = inv_calloc(count, H5Tget_size(type), path, &values);
    if (status == INV_OK && H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        status = INV_ERROR(INV_EFORMAT, "%s: %s/%s: cannot be read", s->name, s->path, path);
    if (status == INV_OK)
        sha256_update(&s->context, count * H5Tget_size(type), values);
    free(values);
    return status;
}

static herr_t add_object(hid_t section, const char *path, const H5O_info_t *info, void *data)
{
    summing *s = data;
    char line[LINE_BYTES];
    size_t count = 0;
    if (info->type != H5O_TYPE_DATASET || is_left_out(path))
        return 0;
    hid_t array = H5Dopen2(section, path, H5P_DEFAULT), type = H5Dget_type(array);
    if (!describe(array, type, path, line, &count))
        s->status = INV_ERROR(INV_EFORMAT, "%s: %s/%s: has sizes that are not possible", s->name,
                              s->path, path);
    if (s->status == INV_OK)
        sha256_update(&s->context, strlen(line), (const uint8_t *)line);
    if (s->status == INV_OK && count > 0)
        s->status = add_values(s, array, type, path, count);
    H5Tclose(type);
    H5Dclose(array);
    return s->status == INV_OK ? 0 : -1;
}

/* @layers, what the arrays of a net mean. */
static void add_layers(summing *s, hid_t section)
{
    char *text = NULL;
    if (H5Aexists(section, "layers") <= 0)
        return;
    hid_t layers = H5Aopen(section, "layers", H5P_DEFAULT), type = H5Aget_type(layers);
    if (H5Tis_variable_str(type) > 0 && H5Aread(layers, type, &text) >= 0 && text) {
        sha256_update(&s->context, 8, (const uint8_t *)"@layers ");
        sha256_update(&s->context, strlen(text), (const uint8_t *)text);
        sha256_update(&s->context, 1, (const uint8_t *)"\n");
        H5free_memory(text);
    }
    H5Tclose(type);
    H5Aclose(layers);
}

static inv_status sum(hid_t file, const char *name, const char *path, char text[INV_SHA256_TEXT])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    summing s = {.name = name, .path = path};
    hid_t section = H5Gopen2(file, path, H5P_DEFAULT);
    sha256_init(&s.context);
    if (section < 0)
        return INV_ERROR(INV_EFORMAT, "%s: %s: cannot be opened", name, path);
    add_layers(&s, section);
    if (H5Ovisit(section, H5_INDEX_NAME, H5_ITER_INC, add_object, &s) < 0 && s.status == INV_OK)
        s.status = INV_ERROR(INV_EFORMAT, "%s: %s: cannot be read", name, path);
    H5Gclose(section);
    sha256_digest(&s.context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return s.status;
}

/* ---- signing and checking ---- */

/* Of one fixed length: a text of any would take new room in the file at every save. */
static hid_t digest_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, INV_SHA256_TEXT);
    return type;
}

static inv_status sign(hid_t file, const char *name, const char *path)
{
    char digest[INV_SHA256_TEXT] = "";
    if (!is_section(file, path) || is_signed(file, path))
        return INV_OK;
    inv_status status = sum(file, name, path, digest);
    if (status != INV_OK)
        return status;
    hid_t type = digest_type(), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate_by_name(file, path, ATTRIBUTE, type, space, H5P_DEFAULT,
                                        H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, type, digest) < 0)
        status = INV_ERROR(INV_ENOMEM, "%s: %s: its checksum cannot be written", name, path);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return status;
}

static inv_status sign_each(hid_t file, const char *name, const char *group)
{
    H5G_info_t info;
    inv_status status = INV_OK;
    if (!is_section(file, group) || H5Gget_info_by_name(file, group, &info, H5P_DEFAULT) < 0)
        return INV_OK;
    for (hsize_t i = 0; i < info.nlinks && status == INV_OK; i++) {
        char path[PATH_BYTES];
        const int begin = snprintf(path, sizeof path, "%s/", group);
        const size_t room = sizeof path - (size_t)begin;
        const ssize_t length = H5Lget_name_by_idx(file, group, H5_INDEX_NAME, H5_ITER_INC, i,
                                                  path + begin, room, H5P_DEFAULT);
        if (length > 0 && (size_t)length < room)
            status = sign(file, name, path);
    }
    return status;
}

inv_status inv_section_sign(hid_t file, const char *name)
{
    inv_status status = INV_OK;
    for (size_t i = 0; i < sizeof places / sizeof *places && status == INV_OK; i++)
        status = places[i].holds_them ? sign_each(file, name, places[i].group)
                                      : sign(file, name, places[i].group);
    return status;
}

inv_status inv_section_check(hid_t file, const char *name, const char *path, inv_run_section *out)
{
    char digest[INV_SHA256_TEXT] = "", kept[INV_SHA256_TEXT] = "";
    *out = INV_RUN_UNSIGNED;
    if (!is_section(file, path) || !is_signed(file, path))
        return INV_OK;
    inv_status status = sum(file, name, path, digest);
    if (status != INV_OK)
        return status;
    hid_t wanted = digest_type();
    hid_t attribute = H5Aopen_by_name(file, path, ATTRIBUTE, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    const bool read = H5Tequal(type, wanted) > 0 && H5Sget_simple_extent_npoints(space) == 1 &&
                      H5Aread(attribute, wanted, kept) >= 0;
    *out = read && strcmp(kept, digest) == 0 ? INV_RUN_AS_WRITTEN : INV_RUN_CHANGED;
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    H5Tclose(wanted);
    return INV_OK;
}
