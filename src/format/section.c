/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/section.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "invproj/idx.h"

#define ATTRIBUTE   "sha256"
#define PATH_BYTES  (4 * INV_NAME_MAX)
#define SLICE_BYTES ((size_t)1 << 18)
#define LINE_BYTES  (PATH_BYTES + 32 * (INV_RUN_RANK_MAX + 1))

/* ---- which groups are sections ---- */

const char *const inv_run_results[] = {"/inverse",  "/generator", "/projections", "/generated",
                                       "/features", "/exemplars", "/filters",     NULL};

/* What follows the group `begin` in `path`, from its slash on; NULL where the path is in another. */
static const char *within(const char *path, const char *begin)
{
    const size_t length = strlen(begin);
    const bool is_there = strncmp(path, begin, length) == 0;
    return is_there && (path[length] == '/' || !path[length]) ? path + length : NULL;
}

/* The length of the section's path with which `path` begins, where each group in `group` is one. */
static size_t member_length(const char *path, const char *group)
{
    const char *rest = within(path, group);
    return rest && *rest && rest[1] ? (size_t)(rest - path) + 1 + strcspn(rest + 1, "/") : 0;
}

/* What of a section its checksum leaves out: how it was learned, and what it does on the test images, not
 * what it is. A layer of such a name has other arrays. */
static bool is_left_out(const char *path)
{
    static const char *const told[] = {"confusion",
                                       "mistakes/image",
                                       "mistakes/label",
                                       "mistakes/predicted",
                                       "mistakes/index",
                                       "mistakes/confidence",
                                       NULL};
    for (const char *const *array = told; *array; array++)
        if (strcmp(path, *array) == 0)
            return true;
    return strncmp(path, "history/", 8) == 0 || strncmp(path, "state/", 6) == 0;
}

/* 0 where it is in none. */
static size_t section_length(const char *path)
{
    const char *rest = within(path, "/network");
    size_t length = rest ? (size_t)(rest - path) : member_length(path, "/gaussian");
    for (const char *const *group = inv_run_results; *group && length == 0; group++)
        length = member_length(path, *group);
    return length;
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

/* What there is to know of an array before its values. */
typedef struct array {
    hid_t id, type;
    const char *path; /* from the section on */
    int rank;
    hsize_t dims[H5S_MAX_RANK];
    size_t count; /* of its values; 0 for those of a kind that is left out */
} array;

/* NumPy's name of a type: "float32". */
static void name_type(hid_t type, char name[16])
{
    const char *kind = "other";
    if (H5Tget_class(type) == H5T_FLOAT)
        kind = "float";
    else if (H5Tget_class(type) == H5T_INTEGER)
        kind = H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int";
    snprintf(name, 16, "%s%zu%s", kind, 8 * H5Tget_size(type),
             H5Tget_order(type) == H5T_ORDER_BE ? "be" : "");
}

/* Opens the array, and says in a line what it is; false where its sizes are not possible. */
static bool open_array(hid_t section, const char *path, array *a, char line[LINE_BYTES])
{
    char kind[16];
    *a = (array){.id = H5Dopen2(section, path, H5P_DEFAULT), .path = path};
    a->type = H5Dget_type(a->id);
    hid_t space = H5Dget_space(a->id);
    a->rank = H5Sget_simple_extent_dims(space, a->dims, NULL);
    H5Sclose(space);
    name_type(a->type, kind);
    int used = snprintf(line, LINE_BYTES, "%s %s", path, kind);
    a->count = strncmp(kind, "other", 5) != 0;
    for (int i = 0; i < a->rank && used < LINE_BYTES; i++) {
        used += snprintf(line + used, LINE_BYTES - (size_t)used, " %llu",
                         (unsigned long long)a->dims[i]);
        if (__builtin_mul_overflow(a->count, (size_t)a->dims[i], &a->count))
            return false;
    }
    if (a->rank < 0 || used + 1 >= LINE_BYTES)
        return false;
    memcpy(line + used, "\n", 2);
    return true;
}

static void close_array(array *a)
{
    H5Tclose(a->type);
    H5Dclose(a->id);
}

typedef struct summing {
    struct sha256_ctx context;
    const char *name, *path; /* of the file, of the section; for messages */
    inv_status status;
} summing;

static inv_status array_failed(const summing *s, const char *path, const char *what)
{
    return INV_ERROR(INV_EFORMAT, "%s: %s/%s: %s", s->name, s->path, path, what);
}

/* Rows `first` to `first + n - 1`, of `row` values each. */
static bool read_rows(const array *a, hsize_t first, hsize_t n, hsize_t row, void *values)
{
    hsize_t start[H5S_MAX_RANK] = {first}, counts[H5S_MAX_RANK];
    const hsize_t total = n * row;
    memcpy(counts, a->dims, sizeof counts);
    counts[0] = n;
    hid_t from = H5Dget_space(a->id), to = H5Screate_simple(1, &total, NULL);
    const bool good = (a->rank == 0 ||
                       H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, counts, NULL) >= 0) &&
                      H5Dread(a->id, a->type, to, from, H5P_DEFAULT, values) >= 0;
    H5Sclose(to);
    H5Sclose(from);
    return good;
}

/* A few rows at a time, which stay in the cache: a checkpoint must not take long. */
static inv_status add_values(summing *s, const array *a)
{
    const size_t rows = a->rank > 0 ? (size_t)a->dims[0] : 1, row = a->count / rows;
    const size_t row_bytes = row * H5Tget_size(a->type);
    size_t step = SLICE_BYTES / row_bytes;
    void *values = NULL;
    if (step == 0 || step > rows)
        step = step ? rows : 1;
    inv_status status = inv_calloc(step, row_bytes, a->path, &values);
    for (size_t i = 0; i < rows && status == INV_OK; i += step) {
        const size_t n = rows - i < step ? rows - i : step;
        if (read_rows(a, i, n, row, values))
            sha256_update(&s->context, n * row_bytes, values);
        else
            status = array_failed(s, a->path, "cannot be read");
    }
    free(values);
    return status;
}

static herr_t add_object(hid_t section, const char *path, const H5O_info_t *info, void *data)
{
    summing *s = data;
    char line[LINE_BYTES];
    array a;
    if (info->type != H5O_TYPE_DATASET || is_left_out(path))
        return 0;
    if (!open_array(section, path, &a, line))
        s->status = array_failed(s, path, "has sizes that are not possible");
    if (s->status == INV_OK)
        sha256_update(&s->context, strlen(line), (const uint8_t *)line);
    if (s->status == INV_OK && a.count > 0)
        s->status = add_values(s, &a);
    close_array(&a);
    return s->status == INV_OK ? 0 : -1;
}

/* @layers, what the arrays of a net mean: one text. Anything else, which a stranger's file may hold
 * (an array of texts would be read past the pointer), is none. */
static void add_layers(summing *s, hid_t section)
{
    char *text = NULL;
    if (H5Aexists(section, "layers") <= 0)
        return;
    hid_t layers = H5Aopen(section, "layers", H5P_DEFAULT), type = H5Aget_type(layers);
    hid_t space = H5Aget_space(layers);
    if (H5Sget_simple_extent_npoints(space) == 1 && H5Tis_variable_str(type) > 0 &&
        H5Aread(layers, type, &text) >= 0 && text) {
        sha256_update(&s->context, 8, (const uint8_t *)"@layers ");
        sha256_update(&s->context, strlen(text), (const uint8_t *)text);
        sha256_update(&s->context, 1, (const uint8_t *)"\n");
        H5free_memory(text);
    }
    H5Sclose(space);
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

/* Of one fixed length: a text of any would take new room in the file at every save. Without a NUL,
 * which some readers take for part of the text. */
static hid_t digest_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, INV_SHA256_TEXT - 1);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
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
    inv_status status = sign(file, name, "/network");
    if (status == INV_OK)
        status = sign_each(file, name, "/gaussian");
    for (const char *const *group = inv_run_results; *group && status == INV_OK; group++)
        status = sign_each(file, name, *group);
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
