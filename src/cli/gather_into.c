/* One HDF5 file of a whole sweep: links to its run files, and a table of them as a compound array.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "gather.h"
#include "invproj/file.h"

/* What a column of the array is made of. */
typedef enum kind { WHOLE, REAL, TEXT } kind;

typedef struct field {
    char name[INV_TEXT_MAX];
    kind kind;
    size_t offset, size; /* in a record */
} field;

typedef struct layout {
    size_t count, keys, columns; /* fields: "run", the keys, "status", the columns, the texts */
    field *fields;
    size_t bytes; /* of a record */
} layout;

static inv_status failed(const char *path, const char *what)
{
    return INV_ERROR(INV_EIO, "%s: HDF5 cannot make %s", path, what);
}

/* ---- what a record looks like ---- */

static const char *text_at(const cli_gather *all, const layout *l, size_t f, size_t r,
                           char buffer[INV_TEXT_MAX])
{
    const cli_gather_row *row = &all->rows[r];
    if (f >= 1 && f <= l->keys) {
        cli_gather_key(all, row, f - 1, buffer);
        return buffer;
    }
    if (f == l->keys + 1)
        return cli_gather_state(row);
    const char *text = row->texts[f - l->keys - 2 - l->columns];
    return text ? text : "";
}

/* Whether all that the key is are whole numbers, numbers, or not. */
static kind kind_of_key(const cli_gather *all, size_t key)
{
    kind so_far = WHOLE;
    for (size_t r = 0; r < all->row_count && so_far != TEXT; r++) {
        char value[INV_TEXT_MAX], *end = NULL;
        cli_gather_key(all, &all->rows[r], key, value);
        (void)strtod(value, &end);
        if (end == value || *end)
            so_far = TEXT;
        else if (value[strspn(value, "-0123456789")])
            so_far = REAL;
    }
    return so_far;
}

static void add_field(layout *l, const char *name, kind of, size_t size)
{
    field *f = &l->fields[l->count++];
    snprintf(f->name, sizeof f->name, "%s", name);
    f->kind = of;
    f->size = of == TEXT ? size : 8;
    f->offset = l->bytes;
    l->bytes += f->size;
}

/* The longest text decides how long the field is in every record. */
static size_t longest(const cli_gather *all, const layout *l, size_t f)
{
    size_t most = 1;
    for (size_t r = 0; r < all->row_count; r++) {
        char buffer[INV_TEXT_MAX];
        const size_t length = strlen(text_at(all, l, f, r, buffer));
        most = length > most ? length : most;
    }
    return most;
}

static inv_status lay_out(const cli_gather *all, layout *l)
{
    void *memory = NULL;
    char name[2 * INV_NAME_MAX];
    l->keys = inv_sweep_keys(all->sweep->items);
    l->columns = all->column_count;
    inv_status status = inv_calloc(l->keys + l->columns + CLI_GATHER_TEXTS + 2, sizeof *l->fields,
                                   "gather", &memory);
    l->fields = memory;
    if (status != INV_OK)
        return status;
    add_field(l, "run", WHOLE, 0);
    for (size_t k = 0; k < l->keys; k++)
        add_field(l, inv_sweep_key(all->sweep->items, k), kind_of_key(all, k),
                  longest(all, l, k + 1));
    add_field(l, "status", TEXT, longest(all, l, l->keys + 1));
    for (size_t c = 0; c < l->columns; c++) {
        cli_gather_name(&all->columns[c], name);
        add_field(l, name, REAL, 0);
    }
    for (size_t i = 0; i < CLI_GATHER_TEXTS; i++)
        add_field(l, cli_gather_texts[i], TEXT, longest(all, l, l->keys + 2 + l->columns + i));
    return INV_OK;
}

/* ---- records ---- */

static void fill_field(const cli_gather *all, const layout *l, size_t f, size_t r,
                       unsigned char *record)
{
    const field *to = &l->fields[f];
    char buffer[INV_TEXT_MAX];
    const bool is_figure = f > l->keys + 1 && f < l->keys + 2 + l->columns;
    if (f == 0) {
        const int64_t number = (int64_t)all->rows[r].item;
        memcpy(record + to->offset, &number, sizeof number);
    } else if (is_figure) {
        const double value = cli_gather_value(&all->rows[r], f - l->keys - 2);
        memcpy(record + to->offset, &value, sizeof value);
    } else if (to->kind == TEXT) {
        const char *text = text_at(all, l, f, r, buffer);
        memcpy(record + to->offset, text, strlen(text));
    } else {
        const char *text = text_at(all, l, f, r, buffer);
        const int64_t whole = strtoll(text, NULL, 10);
        const double real = strtod(text, NULL);
        memcpy(record + to->offset, to->kind == WHOLE ? (const void *)&whole : &real, 8);
    }
}

/* Of the layout, as it is in memory or, little-endian, in the file; negative: it cannot be made. */
static hid_t make_type(const layout *l, bool in_file)
{
    const hid_t type = H5Tcreate(H5T_COMPOUND, l->bytes);
    bool good = type >= 0;
    for (size_t f = 0; good && f < l->count; f++) {
        const field *from = &l->fields[f];
        const hid_t number = from->kind == WHOLE ? in_file ? H5T_STD_I64LE : H5T_NATIVE_INT64
                             : in_file           ? H5T_IEEE_F64LE
                                                 : H5T_NATIVE_DOUBLE;
        const hid_t member = H5Tcopy(from->kind == TEXT ? H5T_C_S1 : number);
        good = member >= 0;
        if (good && from->kind == TEXT)
            good = H5Tset_size(member, from->size) >= 0 &&
                   H5Tset_strpad(member, H5T_STR_NULLPAD) >= 0 &&
                   H5Tset_cset(member, H5T_CSET_UTF8) >= 0;
        good = good && H5Tinsert(type, from->name, from->offset, member) >= 0;
        if (member >= 0)
            H5Tclose(member);
    }
    if (good || type < 0)
        return type;
    H5Tclose(type);
    return -1;
}

static inv_status put_runs(const cli_gather *all, const layout *l, hid_t file, const char *path)
{
    const hsize_t rows = all->row_count;
    void *memory = NULL;
    inv_status status = inv_calloc(all->row_count, l->bytes, path, &memory);
    if (status != INV_OK)
        return status;
    for (size_t r = 0; r < all->row_count; r++)
        for (size_t f = 0; f < l->count; f++)
            fill_field(all, l, f, r, (unsigned char *)memory + r * l->bytes);
    const hid_t in_memory = make_type(l, false), in_file = make_type(l, true);
    const hid_t space = H5Screate_simple(1, &rows, NULL);
    const hid_t array =
        in_memory < 0 || in_file < 0 || space < 0
            ? -1
            : H5Dcreate2(file, "runs", in_file, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (array < 0 || H5Dwrite(array, in_memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, memory) < 0)
        status = failed(path, "the array runs");
    if (array >= 0)
        H5Dclose(array);
    if (space >= 0)
        H5Sclose(space);
    if (in_file >= 0)
        H5Tclose(in_file);
    if (in_memory >= 0)
        H5Tclose(in_memory);
    free(memory);
    return status;
}

/* By which the program knows the file as its own. */
static inv_status put_format(hid_t file, const char *path)
{
    static const char format[] = CLI_GATHER_FORMAT;
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    hid_t attribute = -1;
    if (type >= 0 && space >= 0 && H5Tset_size(type, sizeof format - 1) >= 0 &&
        H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0)
        attribute = H5Acreate2(file, "format", type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool good = attribute >= 0 && H5Awrite(attribute, type, format) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return good ? INV_OK : failed(path, "its format");
}

/* ---- links ---- */

/* Whether the file will be in the sweep's folder, whose run files it then names as they are there, so
 * that the folder may be moved. */
static bool is_inside(const char *path, const char *folder)
{
    char *copy = strdup(path), a[PATH_MAX], b[PATH_MAX];
    const bool inside =
        copy && realpath(dirname(copy), a) && realpath(folder, b) && strcmp(a, b) == 0;
    free(copy);
    return inside;
}

static inv_status put_link(const cli_gather *all, size_t r, bool inside, hid_t group,
                           const char *path)
{
    const size_t item = all->rows[r].item;
    char name[32], whole[PATH_MAX], *full = cli_sweep_path(all->sweep, item, ".h5");
    const char *target = inside ? all->rows[r].texts[CLI_GATHER_FILE]
                         : full ? realpath(full, whole)
                                : NULL;
    snprintf(name, sizeof name, "%zu", item);
    const bool good =
        target && H5Lcreate_external(target, "/", group, name, H5P_DEFAULT, H5P_DEFAULT) >= 0;
    free(full);
    return good ? INV_OK : failed(path, "a link to a run");
}

static inv_status put_links(const cli_gather *all, hid_t file, const char *path)
{
    const bool inside = is_inside(path, all->sweep->out);
    const hid_t group = H5Gcreate2(file, "run", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    inv_status status = group < 0 ? failed(path, "the group run") : INV_OK;
    for (size_t r = 0; r < all->row_count && status == INV_OK; r++)
        if (all->rows[r].state == CLI_SWEEP_DONE)
            status = put_link(all, r, inside, group, path);
    if (group >= 0)
        H5Gclose(group);
    return status;
}

/* ---- the file ---- */

/* Made in memory, and written at once. */
static inv_status save(hid_t file, const char *path)
{
    void *memory = NULL;
    const bool flushed = H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0;
    const ssize_t size = flushed ? H5Fget_file_image(file, NULL, 0) : -1;
    if (size <= 0)
        return failed(path, "its bytes");
    inv_status status = inv_calloc((size_t)size, 1, path, &memory);
    if (status == INV_OK && H5Fget_file_image(file, memory, (size_t)size) != size)
        status = failed(path, "its bytes");
    if (status == INV_OK)
        status = inv_file_replace(path, memory, (size_t)size);
    free(memory);
    return status;
}

inv_status cli_gather_into(const cli_gather *all, const char *path)
{
    layout l = {0};
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t file = -1;
    inv_status status = INV_OK;
    if (access < 0 || H5Pset_fapl_core(access, (size_t)1 << 20, 0) < 0)
        INV_RAISE(failed(path, "a file in memory"));
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (file < 0)
        INV_RAISE(failed(path, "a file in memory"));
    INV_TRY(put_format(file, path));
    INV_TRY(lay_out(all, &l));
    INV_TRY(put_runs(all, &l, file, path));
    INV_TRY(put_links(all, file, path));
    INV_TRY(save(file, path));
done:
    if (file >= 0)
        H5Fclose(file);
    if (access >= 0)
        H5Pclose(access);
    free(l.fields);
    return status;
}
