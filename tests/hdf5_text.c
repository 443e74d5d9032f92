/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hdf5_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <hdf5.h>
#include <zlib.h>

typedef struct walk {
    FILE *to;
    size_t floats, not_finite;
} walk;

static hid_t open_file(const char *path)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_msg(file >= 0, "%s: HDF5 cannot open it", path);
    return file;
}

static const char *type_name(hid_t type)
{
    static const char *const counts[] = {"", "uint8", "uint16", "", "uint32", "", "", "", "uint64"};
    if (H5Tget_class(type) == H5T_FLOAT)
        return H5Tequal(type, H5T_IEEE_F32LE) > 0   ? "float32"
               : H5Tequal(type, H5T_IEEE_F64LE) > 0 ? "float64"
                                                    : "other float";
    const size_t size = H5Tget_size(type);
    const bool plain = H5Tget_class(type) == H5T_INTEGER && H5Tget_order(type) != H5T_ORDER_BE &&
                       H5Tget_sign(type) == H5T_SGN_NONE;
    return plain && size <= 8 ? counts[size] : "other type";
}

static void count_floats(walk *w, const double *values, size_t n)
{
    w->floats += n;
    for (size_t i = 0; i < n; i++)
        w->not_finite += !isfinite(values[i]);
}

/* ---- arrays ---- */

static size_t write_dims(hid_t space, FILE *to)
{
    hsize_t dims[H5S_MAX_RANK];
    size_t product = 1;
    const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    for (int i = 0; i < rank; i++) {
        fprintf(to, "%s%llu", i ? ", " : "[", (unsigned long long)dims[i]);
        product *= (size_t)dims[i];
    }
    fputs("]", to);
    return product;
}

static void write_array(const char *name, hid_t array, walk *w)
{
    hid_t type = H5Dget_type(array), space = H5Dget_space(array);
    fprintf(w->to, "/%s %s ", name, type_name(type));
    const size_t n = write_dims(space, w->to), size = H5Tget_size(type);
    unsigned char *bytes = calloc(n + 1, size);
    ck_assert(bytes && H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    fprintf(w->to, " crc:%08lx\n", crc32(0, bytes, (uInt)(n * size)));
    if (H5Tget_class(type) == H5T_FLOAT && !strstr(name, "/state/")) {
        double *values = calloc(n + 1, sizeof *values);
        ck_assert(values &&
                  H5Dread(array, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
        count_floats(w, values, n);
        free(values);
    }
    free(bytes);
    H5Sclose(space);
    H5Tclose(type);
}

/* ---- attributes ---- */

/* A text's lines end in "\n", so that each attribute has one line. */
static void write_text(const char *text, FILE *to)
{
    for (; *text; text++)
        fputs(*text == '\n' ? "\\n" : (char[]){*text, 0}, to);
    fputc(' ', to);
}

static void write_texts(hid_t attribute, hid_t type, size_t n, FILE *to)
{
    char **texts = calloc(n, sizeof *texts);
    ck_assert(texts && H5Aread(attribute, type, texts) >= 0);
    for (size_t i = 0; i < n; i++) {
        write_text(texts[i], to);
        H5free_memory(texts[i]);
    }
    free(texts);
}

static herr_t write_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    walk *w = context;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    const size_t n = (size_t)H5Sget_simple_extent_npoints(space), size = H5Tget_size(type);
    char path[1024];
    (void)info;
    ck_assert_int_gt(H5Iget_name(object, path, sizeof path), 0);
    fprintf(w->to, "%s @%s ", path, name);
    if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0) {
        write_texts(attribute, type, n, w->to);
    } else {
        unsigned char *bytes = calloc(n + 1, size);
        ck_assert(bytes && H5Aread(attribute, type, bytes) >= 0);
        fprintf(w->to, "crc:%08lx", crc32(0, bytes, (uInt)(n * size)));
        if (H5Tequal(type, H5T_IEEE_F64LE) > 0)
            count_floats(w, (const double *)(const void *)bytes, n);
        free(bytes);
    }
    fputc('\n', w->to);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return 0;
}

static herr_t write_object(hid_t file, const char *name, const H5O_info_t *info, void *context)
{
    walk *w = context;
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    ck_assert_int_ge(object, 0);
    if (info->type == H5O_TYPE_DATASET)
        write_array(name, object, w);
    H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, write_attribute, w);
    H5Oclose(object);
    return 0;
}

/* ---- the whole file ---- */

static char *walk_file(const char *path, walk *w)
{
    char *text = NULL;
    size_t size = 0;
    hid_t file = open_file(path);
    w->to = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(w->to);
    ck_assert_int_ge(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, write_object, w), 0);
    ck_assert_int_eq(fclose(w->to), 0);
    ck_assert_ptr_nonnull(text);
    H5Fclose(file);
    return text;
}

static bool has_any(const char *line, const char *const *texts)
{
    for (; texts && *texts; texts++)
        if (strstr(line, *texts))
            return true;
    return false;
}

char *hdf5_text(const char *path, const char *const *but)
{
    walk w = {0};
    char *text = walk_file(path, &w), *to = text, *next = NULL;
    for (char *line = text; *line; line = next) {
        next = strchr(line, '\n');
        *next++ = 0;
        if (!has_any(line, but)) {
            const size_t length = strlen(line);
            memmove(to, line, length);
            to += length;
            *to++ = '\n';
        }
    }
    *to = 0;
    return text;
}

size_t hdf5_not_finite(const char *path, size_t *floats)
{
    walk w = {0};
    free(walk_file(path, &w));
    *floats = w.floats;
    return w.not_finite;
}

double *hdf5_values(const char *path, const char *array, size_t dims[4])
{
    hsize_t sizes[H5S_MAX_RANK];
    hid_t file = open_file(path), dataset = H5Dopen2(file, array, H5P_DEFAULT);
    ck_assert_msg(dataset >= 0, "%s: %s is not there", path, array);
    hid_t space = H5Dget_space(dataset);
    const int rank = H5Sget_simple_extent_dims(space, sizes, NULL);
    size_t n = 1;
    ck_assert(rank >= 0 && rank <= 4);
    for (int i = 0; i < 4; i++)
        n *= dims[i] = i < rank ? (size_t)sizes[i] : 1;
    double *values = calloc(n + 1, sizeof *values);
    ck_assert_ptr_nonnull(values);
    ck_assert_int_ge(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    return values;
}

double hdf5_number(const char *path, const char *object, const char *attribute)
{
    double value = NAN;
    hid_t file = open_file(path);
    hid_t found = H5Aopen_by_name(file, object, attribute, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_msg(found >= 0, "%s: %s has no @%s", path, object, attribute);
    ck_assert_int_ge(H5Aread(found, H5T_NATIVE_DOUBLE, &value), 0);
    H5Aclose(found);
    H5Fclose(file);
    return value;
}
