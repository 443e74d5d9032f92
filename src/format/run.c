/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "format/image_marks.h"
#include "format/memory.h"
#include "format/run_file.h"
#include "format/seal.h"
#include "format/section.h"
#include "format/storage.h"
#include "invproj/file.h"
#include "invproj/rng.h"

#define FILE_BYTES_MAX ((size_t)1 << 32) /* of a run file that is opened */
#define PATH_BYTES     (4 * INV_NAME_MAX)
#define TEXT_BYTES_MAX ((size_t)1 << 24) /* of one attribute that is read */

/* ---- open and save ---- */

static inv_status alloc_run(const char *name, inv_run **out)
{
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof(inv_run), "run file", &memory);
    *out = memory;
    if (status != INV_OK)
        return status;
    (*out)->file = H5I_INVALID_HID;
    (*out)->is_sealed = true;
    (*out)->name = strdup(name);
    return (*out)->name ? INV_OK : INV_ERROR(INV_ENOMEM, "%s: no memory", name);
}

inv_status inv_run_make(const char *name, inv_run **out)
{
    inv_status status = alloc_run(name, out);
    if (status == INV_OK) {
        (*out)->file = inv_memory_open(*out, NULL, 0);
        if ((*out)->file < 0)
            status = INV_ERROR(INV_ENOMEM, "%s: HDF5 cannot make one in memory", name);
    }
    if (status != INV_OK) {
        inv_run_free(*out);
        *out = NULL;
    }
    return status;
}

inv_status inv_run_create(inv_run **out)
{
    inv_run *run = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_run_make("run file", &run));
    INV_TRY(inv_run_set_text(run, "/", "format", INV_RUN_FORMAT));
    INV_TRY(inv_run_set_size(run, "/", "format_version", INV_RUN_VERSION));
    *out = run;
    run = NULL;
done:
    inv_run_free(run);
    return status;
}

/* What the file says of itself. */
inv_status inv_run_check_root(const inv_run *run)
{
    char *format = NULL;
    uint64_t version = 0;
    inv_status status = INV_OK;
    if (!inv_run_has_attribute(run, "/", "format"))
        return INV_ERROR(INV_EFORMAT, "%s: not an invproj run file", run->name);
    INV_TRY(inv_run_text(run, "/", "format", &format));
    if (strcmp(format, INV_RUN_FORMAT) != 0)
        INV_FAIL(INV_EFORMAT, "%s: not an invproj run file", run->name);
    INV_TRY(inv_run_size(run, "/", "format_version", &version));
    INV_TRY(inv_seal_check_format(run->name, version));
done:
    free(format);
    return status;
}

inv_status inv_run_open(const char *path, inv_run **out)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    inv_seal seal;
    inv_run *run = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_file_read(path, FILE_BYTES_MAX, &bytes, &size));
    INV_TRY(inv_seal_check(path, bytes, size, &seal));
    INV_TRY(alloc_run(path, &run));
    run->is_sealed = seal.is_right;
    run->file = inv_memory_open(run, seal.body, seal.size);
    if (run->file < 0)
        INV_FAIL(INV_EFORMAT, "%s: damaged: HDF5 cannot open it; go back to a copy", path);
    INV_TRY(inv_run_check_root(run));
    *out = run;
    run = NULL;
done:
    inv_run_free(run);
    free(bytes);
    return status;
}

/* A run that was read from a file of format 1 is written as one of this format. */
static inv_status upgrade(inv_run *run)
{
    uint64_t version = 0;
    inv_status status = inv_run_size(run, "/", "format_version", &version);
    if (status != INV_OK || version >= INV_RUN_VERSION)
        return status;
    if (inv_picture_mark_again(run->file) < 0)
        return INV_ERROR(INV_ENOMEM, "%s: HDF5 cannot mark its pictures", run->name);
    return inv_run_set_size(run, "/", "format_version", INV_RUN_VERSION);
}

/* Makes room for the file's bytes and a seal in run->image. */
static inv_status make_room(inv_run *run, size_t size)
{
    void *memory = NULL;
    if (size + INV_SEAL_BYTES <= run->room)
        return INV_OK;
    free(run->image);
    run->image = NULL;
    run->room = 0;
    const size_t room = size + size / 8 + INV_SEAL_BYTES; /* histories grow */
    inv_status status = inv_calloc(1, room, run->name, &memory);
    if (status == INV_OK)
        run->room = room;
    run->image = memory;
    return status;
}

/* Puts the file's bytes and their seal into run->image. */
static inv_status make_image(inv_run *run, size_t *size)
{
    ssize_t length = -1;
    inv_status status = INV_OK;
    if (H5Fflush(run->file, H5F_SCOPE_GLOBAL) >= 0)
        length = H5Fget_file_image(run->file, NULL, 0);
    if (length > 0)
        INV_TRY(make_room(run, (size_t)length));
    if (length <= 0 || H5Fget_file_image(run->file, run->image, (size_t)length) != length ||
        !inv_seal_ends_at(run->image, (size_t)length))
        INV_FAIL(INV_ENOMEM, "%s: HDF5 cannot give the file's bytes", run->name);
    inv_seal_write(run->image, (size_t)length, (char *)run->image + length);
    *size = (size_t)length + INV_SEAL_BYTES;
done:
    return status;
}

inv_status inv_run_save(inv_run *run, const char *path)
{
    size_t size = 0;
    inv_status status = INV_OK;
    INV_TRY(upgrade(run));
    INV_TRY(inv_run_sign(run));
    INV_TRY(make_image(run, &size));
    INV_TRY(inv_file_replace(path, run->image, size));
    run->is_sealed = true;
done:
    return status;
}

inv_status inv_run_sign(inv_run *run)
{
    return inv_section_sign(run->file, run->name);
}

bool inv_run_is_sealed(const inv_run *run)
{
    return run->is_sealed;
}

inv_status inv_run_check(const inv_run *run, const char *path, inv_run_section *out)
{
    return inv_section_check(run->file, run->name, path, out);
}

void inv_run_free(inv_run *run)
{
    if (!run)
        return;
    if (run->file >= 0)
        H5Fclose(run->file);
    free(run->image);
    free(run->left_out);
    free(run->name);
    free(run);
}

const char *inv_run_name(const inv_run *run)
{
    return run->name;
}

/* ---- paths ---- */

static inv_status failed(const inv_run *run, const char *path, const char *what)
{
    return INV_ERROR(INV_EFORMAT, "%s: %s: %s", run->name, path, what);
}

typedef enum reach { REACH_ALL, REACH_PART, REACH_ASTRAY } reach;

/* How much of the path is there. A soft or external link on it, which may lead into another file,
 * is not followed: it leads astray. The root always is there. */
static reach follow(const inv_run *run, const char *path)
{
    char part[PATH_BYTES];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return REACH_ASTRAY;
    for (size_t end = 1; end <= length; end++) {
        H5L_info_t info;
        if ((path[end] != '/' && path[end] != 0) || path[end - 1] == '/')
            continue;
        memcpy(part, path, end);
        part[end] = 0;
        if (H5Lexists(run->file, part, H5P_DEFAULT) <= 0)
            return REACH_PART;
        if (H5Lget_info(run->file, part, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
            return REACH_ASTRAY;
    }
    return REACH_ALL;
}

bool inv_run_has(const inv_run *run, const char *path)
{
    return follow(run, path) == REACH_ALL;
}

/* The object at `path`, which must be of `type`; H5I_BADID: either. */
static inv_status open_object(const inv_run *run, const char *path, H5I_type_t type, hid_t *out)
{
    *out = H5I_INVALID_HID;
    if (!inv_run_has(run, path))
        return failed(run, path, "missing");
    *out = H5Oopen(run->file, path, H5P_DEFAULT);
    if (*out < 0)
        return failed(run, path, "cannot be opened");
    if (type != H5I_BADID && H5Iget_type(*out) != type)
        return failed(run, path, type == H5I_GROUP ? "is not a group" : "is not an array");
    return INV_OK;
}

static void close_object(hid_t object)
{
    if (object >= 0)
        H5Oclose(object);
}

inv_status inv_run_remove(inv_run *run, const char *path)
{
    inv_section_touch(run->file, path);
    if (inv_run_has(run, path) && H5Ldelete(run->file, path, H5P_DEFAULT) < 0)
        return failed(run, path, "cannot be removed");
    return INV_OK;
}

static inv_status make_group(inv_run *run, const char *path)
{
    const reach there = follow(run, path);
    if (there == REACH_ALL)
        return INV_OK;
    if (there == REACH_ASTRAY)
        return failed(run, path, "leads outside the file");
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t group = H5Gcreate2(run->file, path, links, H5P_DEFAULT, H5P_DEFAULT);
    H5Pclose(links);
    if (group < 0)
        return failed(run, path, "cannot be made");
    H5Gclose(group);
    return INV_OK;
}

/* ---- arrays ---- */

static hid_t file_type(inv_type type)
{
    switch (type) {
    case INV_FLOAT32:
        return H5T_IEEE_F32LE;
    case INV_FLOAT64:
        return H5T_IEEE_F64LE;
    case INV_UINT8:
        return H5T_STD_U8LE;
    case INV_UINT32:
        return H5T_STD_U32LE;
    default:
        return H5T_STD_U64LE;
    }
}

static hid_t memory_type(inv_type type)
{
    switch (type) {
    case INV_FLOAT32:
        return H5T_NATIVE_FLOAT;
    case INV_FLOAT64:
        return H5T_NATIVE_DOUBLE;
    case INV_UINT8:
        return H5T_NATIVE_UINT8;
    case INV_UINT32:
        return H5T_NATIVE_UINT32;
    default:
        return H5T_NATIVE_UINT64;
    }
}

static inv_status check_type(const inv_run *run, const char *path, inv_type type)
{
    if ((unsigned)type <= INV_UINT64)
        return INV_OK;
    return INV_ERROR(INV_EINVAL, "%s: %s: %d is no type of values", run->name, path, (int)type);
}

/* A scalar, of no dimension, is plain: there is nothing to cut into chunks. */
static inv_status check_dims(const inv_run *run, const char *path, inv_type type, size_t rank,
                             const size_t *dims, inv_run_storage storage)
{
    const size_t fewest = storage == INV_RUN_PLAIN ? 0 : 1;
    size_t room = SIZE_MAX / inv_type_size(type);
    if ((unsigned)storage > INV_RUN_IMAGES)
        return INV_ERROR(INV_EINVAL, "%s: %s: %d is no storage", run->name, path, (int)storage);
    if (rank < fewest || rank > INV_RUN_RANK_MAX)
        return INV_ERROR(INV_EINVAL, "%s: %s: an array of %zu dimensions; %zu to %d are possible",
                         run->name, path, rank, fewest, INV_RUN_RANK_MAX);
    for (size_t i = 0; i < rank; i++)
        room = dims[i] ? room / dims[i] : 0;
    return room ? INV_OK
                : INV_ERROR(INV_EINVAL,
                            "%s: %s: an array of no values, or of more than memory holds",
                            run->name, path);
}

static hid_t create_array(inv_run *run, const char *path, inv_type type, size_t rank,
                          const hsize_t *dims, const hsize_t *maximum, hid_t properties)
{
    hid_t space = H5Screate_simple((int)rank, dims, maximum);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t array = H5I_INVALID_HID;
    if (follow(run, path) != REACH_ASTRAY)
        array = H5Dcreate2(run->file, path, file_type(type), space, links, properties, H5P_DEFAULT);
    H5Pclose(links);
    H5Pclose(properties);
    H5Sclose(space);
    return array;
}

/* The sizes of an array that keeps its values in this file and is not virtual. */
static inv_status array_dims(const inv_run *run, const char *path, hid_t array, size_t *rank,
                             size_t dims[INV_RUN_RANK_MAX])
{
    hsize_t sizes[INV_RUN_RANK_MAX];
    hid_t space = H5Dget_space(array), properties = H5Dget_create_plist(array);
    const int n = H5Sget_simple_extent_ndims(space);
    const bool own =
        H5Pget_layout(properties) != H5D_VIRTUAL &&
        (H5Pget_layout(properties) != H5D_CONTIGUOUS || H5Pget_external_count(properties) == 0);
    bool good = own && n >= 0 && n <= INV_RUN_RANK_MAX;
    if (good)
        good = H5Sget_simple_extent_dims(space, sizes, NULL) == n;
    H5Pclose(properties);
    H5Sclose(space);
    if (!good)
        return failed(run, path, own ? "has too many dimensions" : "lies outside the file");
    *rank = (size_t)n;
    for (size_t i = 0; i < *rank; i++)
        dims[i] = (size_t)sizes[i];
    return INV_OK;
}

/* Writes into a plain array of this type and these sizes, if that is what stands at `path`. Taking
 * it away and making it again, at every checkpoint, would leave holes in the file. */
static bool write_over(inv_run *run, const char *path, inv_type type, size_t rank,
                       const size_t *dims, const void *data)
{
    hid_t array = H5I_INVALID_HID;
    size_t rank_there = 0, there[INV_RUN_RANK_MAX] = {0};
    bool done = false;
    if (inv_run_has(run, path) && open_object(run, path, H5I_DATASET, &array) == INV_OK &&
        array_dims(run, path, array, &rank_there, there) == INV_OK && rank_there == rank &&
        memcmp(there, dims, rank * sizeof *dims) == 0) {
        hid_t stored = H5Dget_type(array), properties = H5Dget_create_plist(array);
        done = H5Tequal(stored, file_type(type)) > 0 &&
               H5Pget_layout(properties) == H5D_CONTIGUOUS &&
               H5Dwrite(array, memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
        H5Pclose(properties);
        H5Tclose(stored);
    }
    close_object(array);
    return done;
}

inv_status inv_run_put(inv_run *run, const char *path, inv_type type, size_t rank,
                       const size_t *dims, const void *data, inv_run_storage storage)
{
    hsize_t sizes[INV_RUN_RANK_MAX] = {0};
    inv_status status = check_type(run, path, type);
    if (status == INV_OK)
        status = check_dims(run, path, type, rank, dims, storage);
    if (status != INV_OK)
        return status;
    inv_section_touch(run->file, path);
    if (storage == INV_RUN_PLAIN && write_over(run, path, type, rank, dims, data))
        return INV_OK;
    status = inv_run_remove(run, path);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; i < rank; i++)
        sizes[i] = dims[i];
    hid_t array = create_array(run, path, type, rank, sizes, NULL,
                               storage == INV_RUN_PLAIN
                                   ? inv_storage_plain()
                                   : inv_storage_packed(inv_type_size(type), rank, sizes));
    if (array < 0 || H5Dwrite(array, memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        status = failed(run, path, "cannot be written");
    if (status == INV_OK && storage == INV_RUN_IMAGES && type == INV_FLOAT32 &&
        inv_picture_mark(array, rank, dims, data) < 0)
        status = failed(run, path, "cannot be marked as pictures");
    close_object(array);
    return status;
}

static hid_t create_extendible(inv_run *run, const char *path, inv_type type)
{
    const hsize_t none = 0, maximum = H5S_UNLIMITED;
    return create_array(run, path, type, 1, &none, &maximum, inv_storage_growing());
}

inv_status inv_run_dims(const inv_run *run, const char *path, size_t *rank,
                        size_t dims[INV_RUN_RANK_MAX])
{
    hid_t array = H5I_INVALID_HID;
    inv_status status = open_object(run, path, H5I_DATASET, &array);
    if (status == INV_OK)
        status = array_dims(run, path, array, rank, dims);
    close_object(array);
    return status;
}

/* Whether the array's numbers are of the kind asked for: floats are not read as counts. */
static bool same_kind(hid_t array, inv_type type)
{
    hid_t stored = H5Dget_type(array);
    bool same = H5Tget_class(stored) == H5Tget_class(memory_type(type)) &&
                H5Tget_size(stored) <= inv_type_size(type);
    H5Tclose(stored);
    return same;
}

inv_status inv_run_append(inv_run *run, const char *path, inv_type type, size_t count,
                          const void *data)
{
    hid_t array = H5I_INVALID_HID;
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    inv_status status = INV_OK;
    INV_TRY(check_type(run, path, type));
    inv_section_touch(run->file, path);
    if (!inv_run_has(run, path))
        array = create_extendible(run, path, type);
    else
        INV_TRY(open_object(run, path, H5I_DATASET, &array));
    if (array < 0)
        INV_RAISE(failed(run, path, "cannot be made"));
    INV_TRY(array_dims(run, path, array, &rank, dims));
    const hsize_t start = dims[0], added = count, end = start + added;
    if (rank != 1 || !same_kind(array, type) || H5Dset_extent(array, &end) < 0)
        INV_RAISE(failed(run, path, "cannot be extended"));
    if (count > 0) {
        hid_t from = H5Screate_simple(1, &added, NULL), to = H5Dget_space(array);
        if (H5Sselect_hyperslab(to, H5S_SELECT_SET, &start, NULL, &added, NULL) < 0 ||
            H5Dwrite(array, memory_type(type), from, to, H5P_DEFAULT, data) < 0)
            status = failed(run, path, "cannot be written");
        H5Sclose(from);
        H5Sclose(to);
    }
done:
    close_object(array);
    return status;
}

inv_status inv_run_get(const inv_run *run, const char *path, inv_type type, size_t count,
                       void *data)
{
    hid_t array = H5I_INVALID_HID;
    size_t rank = 0, dims[INV_RUN_RANK_MAX], total = 1;
    inv_status status = INV_OK;
    INV_TRY(check_type(run, path, type));
    INV_TRY(open_object(run, path, H5I_DATASET, &array));
    INV_TRY(array_dims(run, path, array, &rank, dims));
    for (size_t i = 0; i < rank; i++)
        if (__builtin_mul_overflow(total, dims[i], &total))
            total = SIZE_MAX;
    if (total != count) {
        status = INV_ERROR(INV_EFORMAT, "%s: %s: has %zu values, must have %zu", run->name, path,
                           total, count);
        goto done;
    }
    if (!same_kind(array, type))
        INV_RAISE(failed(run, path, "is of another type"));
    if (H5Dread(array, memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        INV_RAISE(failed(run, path, "cannot be read"));
done:
    close_object(array);
    return status;
}

/* ---- attributes ---- */

static inv_status attribute_failed(const inv_run *run, const char *path, const char *name,
                                   const char *what)
{
    return INV_ERROR(INV_EFORMAT, "%s: %s: the attribute '%s' %s", run->name, path, name, what);
}

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static inv_status set_attribute(inv_run *run, const char *path, const char *name, hid_t stored,
                                hid_t type, hid_t space, const void *data)
{
    hid_t object = H5I_INVALID_HID, attribute = H5I_INVALID_HID;
    inv_status status = INV_OK;
    INV_TRY(make_group(run, path));
    INV_TRY(open_object(run, path, H5I_BADID, &object));
    if (H5Aexists(object, name) > 0)
        H5Adelete(object, name);
    attribute = H5Acreate2(object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, type, data) < 0)
        INV_RAISE(attribute_failed(run, path, name, "cannot be written"));
done:
    if (attribute >= 0)
        H5Aclose(attribute);
    close_object(object);
    return status;
}

static inv_status set_scalar(inv_run *run, const char *path, const char *name, hid_t stored,
                             hid_t type, const void *data)
{
    hid_t space = H5Screate(H5S_SCALAR);
    inv_status status = set_attribute(run, path, name, stored, type, space, data);
    H5Sclose(space);
    return status;
}

/* Whether that is what it says already. HDF5 1.10 does not use again the room that a text had. */
static bool says(const inv_run *run, const char *path, const char *name, const char *text)
{
    char *there = NULL;
    const bool same = inv_run_has_attribute(run, path, name) &&
                      inv_run_text(run, path, name, &there) == INV_OK && strcmp(there, text) == 0;
    free(there);
    return same;
}

inv_status inv_run_set_text(inv_run *run, const char *path, const char *name, const char *text)
{
    if (says(run, path, name, text))
        return INV_OK;
    if (strcmp(name, "layers") == 0)
        inv_section_touch(run->file, path);
    hid_t type = text_type();
    inv_status status = set_scalar(run, path, name, type, type, &text);
    H5Tclose(type);
    return status;
}

inv_status inv_run_set_texts(inv_run *run, const char *path, const char *name,
                             const char *const *texts, size_t count)
{
    const hsize_t size = count;
    hid_t type = text_type(), space = H5Screate_simple(1, &size, NULL);
    inv_status status = set_attribute(run, path, name, type, type, space, texts);
    H5Sclose(space);
    H5Tclose(type);
    return status;
}

inv_status inv_run_set_real(inv_run *run, const char *path, const char *name, double value)
{
    return set_scalar(run, path, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

inv_status inv_run_set_size(inv_run *run, const char *path, const char *name, uint64_t value)
{
    return set_scalar(run, path, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
}

bool inv_run_has_attribute(const inv_run *run, const char *path, const char *name)
{
    if (!inv_run_has(run, path))
        return false;
    return H5Aexists_by_name(run->file, path, name, H5P_DEFAULT) > 0;
}

inv_status inv_run_unset(inv_run *run, const char *path, const char *name)
{
    if (inv_run_has_attribute(run, path, name) &&
        H5Adelete_by_name(run->file, path, name, H5P_DEFAULT) < 0)
        return failed(run, path, "an attribute cannot be removed");
    return INV_OK;
}

/* Opens an attribute of `class` that holds exactly `count` values. */
static inv_status open_attribute(const inv_run *run, const char *path, const char *name,
                                 H5T_class_t class, size_t count, hid_t *out)
{
    *out = H5I_INVALID_HID;
    if (!inv_run_has_attribute(run, path, name))
        return attribute_failed(run, path, name, "is missing");
    *out = H5Aopen_by_name(run->file, path, name, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(*out), space = H5Aget_space(*out);
    bool good = *out >= 0 && H5Tget_class(type) == class &&
                H5Sget_simple_extent_npoints(space) == (hssize_t)count;
    H5Tclose(type);
    H5Sclose(space);
    if (!good)
        return attribute_failed(run, path, name, "is not what it must be");
    return INV_OK;
}

/* Texts of any length. */
static bool read_texts(hid_t attribute, size_t count, void *memory, char **texts)
{
    hid_t type = text_type();
    char **read = memory;
    bool good = H5Aread(attribute, type, memory) >= 0;
    for (size_t i = 0; i < count && good; i++) {
        texts[i] = strndup(read[i] ? read[i] : "", TEXT_BYTES_MAX);
        H5free_memory(read[i]);
        read[i] = NULL;
    }
    H5Tclose(type);
    return good;
}

/* Texts of one length, padded in one of HDF5's ways: @sha256, and what other programs write. */
static bool read_padded(hid_t attribute, hid_t type, size_t count, void *memory, char **texts)
{
    const size_t size = H5Tget_size(type);
    bool good = H5Aread(attribute, type, memory) >= 0;
    for (size_t i = 0; i < count && good; i++)
        texts[i] = strndup((const char *)memory + i * size, size);
    return good;
}

inv_status inv_run_texts(const inv_run *run, const char *path, const char *name, char **texts,
                         size_t count)
{
    hid_t attribute = H5I_INVALID_HID, type = H5I_INVALID_HID;
    inv_status status = INV_OK;
    void *memory = NULL;
    memset(texts, 0, count * sizeof *texts);
    INV_TRY(open_attribute(run, path, name, H5T_STRING, count, &attribute));
    type = H5Aget_type(attribute);
    const bool any = H5Tis_variable_str(type) > 0;
    if (!any && H5Tget_size(type) > TEXT_BYTES_MAX)
        INV_RAISE(attribute_failed(run, path, name, "is not what it must be"));
    INV_TRY(inv_calloc(count, any ? sizeof(char *) : H5Tget_size(type), name, &memory));
    if (!(any ? read_texts(attribute, count, memory, texts)
              : read_padded(attribute, type, count, memory, texts)))
        INV_RAISE(attribute_failed(run, path, name, "cannot be read"));
    for (size_t i = 0; i < count && status == INV_OK; i++)
        if (!texts[i])
            status = INV_ERROR(INV_ENOMEM, "%s: no memory for @%s", run->name, name);
done:
    for (size_t i = 0; i < count && status != INV_OK; i++) {
        free(texts[i]);
        texts[i] = NULL;
    }
    free(memory);
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    return status;
}

inv_status inv_run_text(const inv_run *run, const char *path, const char *name, char **text)
{
    return inv_run_texts(run, path, name, text, 1);
}

static inv_status get_number(const inv_run *run, const char *path, const char *name,
                             H5T_class_t class, hid_t type, void *value)
{
    hid_t attribute = H5I_INVALID_HID;
    inv_status status = open_attribute(run, path, name, class, 1, &attribute);
    if (status == INV_OK && H5Aread(attribute, type, value) < 0)
        status = attribute_failed(run, path, name, "cannot be read");
    if (attribute >= 0)
        H5Aclose(attribute);
    return status;
}

inv_status inv_run_real(const inv_run *run, const char *path, const char *name, double *value)
{
    return get_number(run, path, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, value);
}

inv_status inv_run_size(const inv_run *run, const char *path, const char *name, uint64_t *value)
{
    return get_number(run, path, name, H5T_INTEGER, H5T_NATIVE_UINT64, value);
}

/* ---- groups, nets, states ---- */

size_t inv_run_groups(const inv_run *run, const char *path, char names[][INV_NAME_MAX], size_t max)
{
    hid_t group = H5I_INVALID_HID;
    H5G_info_t info;
    size_t count = 0;
    if (!inv_run_has(run, path) || open_object(run, path, H5I_GROUP, &group) != INV_OK ||
        H5Gget_info(group, &info) < 0)
        info.nlinks = 0;
    for (hsize_t i = 0; i < info.nlinks && count < max; i++) {
        H5O_info_t object;
        char name[INV_NAME_MAX], full[PATH_BYTES];
        ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                                            sizeof name, H5P_DEFAULT);
        if (length <= 0 || (size_t)length >= sizeof name)
            continue;
        snprintf(full, sizeof full, "%s/%s", path, name);
        if (!inv_run_has(run, full) || H5Oget_info_by_name(group, name, &object, H5P_DEFAULT) < 0 ||
            object.type != H5O_TYPE_GROUP)
            continue;
        memcpy(names[count++], name, sizeof name);
    }
    close_object(group);
    return count;
}

static void block_path(const char *path, const inv_layer *layer, const inv_block *block,
                       char out[PATH_BYTES])
{
    char owner[INV_NAME_MAX];
    inv_layer_owner(layer->name, owner);
    snprintf(out, PATH_BYTES, "%s/%s/%s", path, owner, block->name);
}

inv_status inv_run_put_net(inv_run *run, const char *path, const inv_net *net)
{
    inv_status status = inv_run_set_text(run, path, "layers", inv_net_describe(net));
    for (size_t i = 0; i < inv_net_depth(net); i++) {
        const inv_layer *layer = inv_net_layer(net, i);
        for (size_t b = 0; status == INV_OK && b < layer->block_count; b++) {
            const inv_block *block = &layer->blocks[b];
            char full[PATH_BYTES];
            block_path(path, layer, block, full);
            status = inv_run_put(run, full, INV_FLOAT32, block->rank, block->dims,
                                 inv_net_params(net) + block->offset, INV_RUN_PLAIN);
        }
    }
    return status;
}

static inv_status get_block(const inv_run *run, const char *path, const inv_net *net,
                            const inv_layer *layer, const inv_block *block)
{
    float *values = inv_net_params(net) + block->offset;
    char full[PATH_BYTES];
    size_t rank = 0, dims[INV_RUN_RANK_MAX];
    block_path(path, layer, block, full);
    inv_status status = inv_run_dims(run, full, &rank, dims);
    if (status != INV_OK)
        return status;
    if (rank != block->rank || memcmp(dims, block->dims, rank * sizeof *dims) != 0)
        return failed(run, full, "is of another shape than its layer");
    status = inv_run_get(run, full, INV_FLOAT32, block->size, values);
    if (status == INV_OK && !inv_all_finite(values, block->size))
        status = failed(run, full, "holds a value that is not finite");
    return status;
}

/* No more parameters than that can stand in the file: put_net packs none. */
static size_t max_params(const inv_run *run)
{
    hsize_t size = 0;
    return H5Fget_filesize(run->file, &size) >= 0 ? (size_t)size / sizeof(float) : 0;
}

inv_status inv_run_get_net(const inv_run *run, const char *path, inv_shape input, inv_net **out)
{
    char *layers = NULL;
    inv_config *config = NULL;
    inv_net *net = NULL;
    inv_status status = INV_OK;
    char name[INV_MESSAGE_MAX];
    *out = NULL;
    snprintf(name, sizeof name, "%s: %s: @layers", run->name, path);
    INV_TRY(inv_run_text(run, path, "layers", &layers));
    INV_TRY(inv_config_read_json(name, layers, &config));
    INV_TRY(inv_net_build_within(config, "", input, 0, max_params(run), &net));
    for (size_t i = 0; i < inv_net_depth(net); i++)
        for (size_t b = 0; b < inv_net_layer(net, i)->block_count; b++)
            INV_TRY(get_block(run, path, net, inv_net_layer(net, i),
                              &inv_net_layer(net, i)->blocks[b]));
    *out = net;
    net = NULL;
done:
    if (status == INV_ECONFIG) /* a wrong description in a run file is a wrong file */
        status = INV_EFORMAT;
    inv_net_free(net);
    inv_config_free(config);
    free(layers);
    return status;
}

inv_status inv_run_put_state(inv_run *run, const char *path, const inv_array *state, size_t count)
{
    inv_status status = INV_OK;
    for (size_t i = 0; i < count && status == INV_OK; i++) {
        char full[PATH_BYTES];
        snprintf(full, sizeof full, "%s/%s", path, state[i].name);
        status =
            inv_run_put(run, full, state[i].type, 1, &state[i].count, state[i].data, INV_RUN_PLAIN);
    }
    return status;
}

/* Before 0.2.0 a generator's state was kept as GSL's own struct, byte by byte. */
static inv_status get_generator(const inv_run *run, const char *path, const inv_array *array)
{
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    unsigned char bytes[INV_RNG_GSL_BYTES];
    inv_status status = inv_run_dims(run, path, &rank, dims);
    if (status != INV_OK)
        return status;
    if (rank != 1 || dims[0] != sizeof bytes || array->count != INV_RNG_WORDS)
        return inv_run_get(run, path, array->type, array->count, array->data);
    status = inv_run_get(run, path, INV_UINT8, sizeof bytes, bytes);
    if (status == INV_OK && !inv_rng_from_gsl(bytes, array->data))
        status = failed(run, path, "is no state of a generator");
    return status;
}

inv_status inv_run_get_state(const inv_run *run, const char *path, const inv_array *state,
                             size_t count)
{
    inv_status status = INV_OK;
    for (size_t i = 0; i < count && status == INV_OK; i++) {
        char full[PATH_BYTES];
        snprintf(full, sizeof full, "%s/%s", path, state[i].name);
        status = state[i].type == INV_UINT32 && strcmp(state[i].name, "generator") == 0
                     ? get_generator(run, full, &state[i])
                     : inv_run_get(run, full, state[i].type, state[i].count, state[i].data);
    }
    return status;
}
