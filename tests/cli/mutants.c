/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mutants.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <gsl/gsl_rng.h>
#include <hdf5.h>

#include "support.h"

enum {
    END_AT = 40 /* the end-of-file address in a superblock */,
    PLACES = 4096,
    NAMES = 256,
    NAME_BYTES = 128
};

typedef struct attribute {
    char owner[NAME_BYTES], name[NAME_BYTES];
} attribute;

struct mutants {
    unsigned char *bytes;               /* HDF5 and, behind it, the seal */
    size_t size;                        /* of HDF5 */
    size_t places[PLACES], place_count; /* where HDF5's own structures begin */
    char objects[NAMES][NAME_BYTES];
    bool is_array[NAMES];
    size_t object_count;
    attribute attributes[NAMES];
    size_t attribute_count;
    gsl_rng *rng;
};

/* ---- what the good file holds ---- */

static herr_t take_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data)
{
    mutants *m = data;
    attribute *a = &m->attributes[m->attribute_count];
    (void)info;
    if (m->attribute_count == NAMES)
        return 0;
    H5Iget_name(object, a->owner, sizeof a->owner);
    snprintf(a->name, sizeof a->name, "%s", name);
    m->attribute_count++;
    return 0;
}

static herr_t take_object(hid_t file, const char *name, const H5O_info_t *info, void *data)
{
    mutants *m = data;
    hsize_t start = 0;
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &start, take_attribute, m);
    H5Oclose(object);
    if (strcmp(name, ".") == 0 || m->object_count == NAMES)
        return 0;
    m->is_array[m->object_count] = info->type == H5O_TYPE_DATASET;
    snprintf(m->objects[m->object_count++], NAME_BYTES, "/%s", name);
    return 0;
}

static void find_places(mutants *m)
{
    static const char *const signatures[] = {"TREE", "HEAP", "SNOD", "GCOL", "\211HDF"};
    for (size_t at = 0; at + 4 < m->size && m->place_count < PLACES; at++)
        for (size_t s = 0; s < sizeof signatures / sizeof *signatures; s++)
            if (memcmp(m->bytes + at, signatures[s], 4) == 0 && m->place_count < PLACES)
                m->places[m->place_count++] = at;
}

mutants *mutants_open(const char *run)
{
    mutants *m = calloc(1, sizeof *m);
    ck_assert_ptr_nonnull(m);
    m->bytes = support_read(run, &m->size);
    m->size -= SUPPORT_SEAL;
    m->rng = gsl_rng_alloc(gsl_rng_mt19937);
    hid_t file = H5Fopen(run, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    ck_assert_int_ge(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, take_object, m), 0);
    H5Fclose(file);
    find_places(m);
    return m;
}

void mutants_close(mutants *m)
{
    if (!m)
        return;
    gsl_rng_free(m->rng);
    free(m->bytes);
    free(m);
}

static size_t below(const mutants *m, size_t n)
{
    return n ? (size_t)(gsl_rng_uniform(m->rng) * (double)n) : 0;
}

/* ---- the seal ---- */

/* The bytes end where their superblock says, as the program would write them, with a right seal
 * behind them; `bytes` has room for it. */
static size_t seal(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < 8 && size > END_AT + 8; i++)
        bytes[END_AT + i] = (unsigned char)((uint64_t)size >> 8 * i);
    support_seal(bytes, size, (char *)bytes + size);
    return size + SUPPORT_SEAL;
}

/* ---- bytes ---- */

/* A byte of one of HDF5's structures, or any. */
static size_t some_place(const mutants *m, size_t size)
{
    if (m->place_count > 0 && gsl_rng_uniform(m->rng) < 0.7) {
        const size_t at = m->places[below(m, m->place_count)] + below(m, 700);
        if (at > 64 && at - 64 < size)
            return at - 64;
    }
    return below(m, size);
}

static const uint64_t evil[] = {0,
                                1,
                                0x7f,
                                0xff,
                                0xffff,
                                0x7fffffff,
                                0xffffffff,
                                0x100000000,
                                0x7fffffffffffffff,
                                UINT64_MAX,
                                UINT64_MAX - 7,
                                1 << 20};

static void change_bytes(const mutants *m, unsigned char *bytes, size_t size, char *what)
{
    const size_t at = some_place(m, size), maximum = size - at;
    const size_t run = 1 + below(m, maximum < 64 ? maximum : 64);
    const uint64_t number = evil[below(m, sizeof evil / sizeof *evil)];
    const size_t width = (size_t)1 << below(m, 4);
    switch (below(m, 5)) {
    case 0:
        bytes[at] ^= (unsigned char)(1 << below(m, 8));
        snprintf(what, MUTANT_TEXT, "bit flipped at %zu", at);
        break;
    case 1:
        bytes[at] = (unsigned char)below(m, 256);
        snprintf(what, MUTANT_TEXT, "byte written at %zu", at);
        break;
    case 2:
        memcpy(bytes + at, &number, width < maximum ? width : maximum);
        snprintf(what, MUTANT_TEXT, "number of %zu bytes at %zu", width, at);
        break;
    case 3:
        memset(bytes + at, 0, run);
        snprintf(what, MUTANT_TEXT, "%zu zeros at %zu", run, at);
        break;
    default:
        for (size_t i = 0; i < run; i++)
            bytes[at + i] = (unsigned char)below(m, 256);
        snprintf(what, MUTANT_TEXT, "%zu random bytes at %zu", run, at);
    }
}

/* Cut, longer, a block inserted or doubled; `bytes` has room for twice the size. */
static size_t change_length(const mutants *m, unsigned char *bytes, size_t size, char *what)
{
    const size_t at = some_place(m, size), run = 1 + below(m, size - at < 4096 ? size - at : 4096);
    switch (below(m, 4)) {
    case 0:
        snprintf(what, MUTANT_TEXT, "cut at %zu", at);
        return at;
    case 1:
        memmove(bytes + at + run, bytes + at, size - at);
        snprintf(what, MUTANT_TEXT, "%zu bytes doubled at %zu", run, at);
        return size + run;
    case 2:
        memmove(bytes + at, bytes + at + run, size - at - run);
        snprintf(what, MUTANT_TEXT, "%zu bytes taken out at %zu", run, at);
        return size - run;
    default:
        memmove(bytes + at + run, bytes + at, size - at);
        memset(bytes + at, (int)below(m, 256), run);
        snprintf(what, MUTANT_TEXT, "%zu bytes inserted at %zu", run, at);
        return size + run;
    }
}

static void write_bytes(mutants *m, bool again, const char *path, char *what)
{
    const size_t whole = m->size + SUPPORT_SEAL;
    unsigned char *bytes = calloc(2, whole + 4096);
    char inner[MUTANT_TEXT] = "";
    size_t size = again ? m->size : whole;
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, m->bytes, size);
    if (below(m, 5) == 0)
        size = change_length(m, bytes, size, inner);
    for (size_t i = 0, times = 1 + (below(m, 4) == 0) * below(m, 8); size > 0 && i < times; i++)
        change_bytes(m, bytes, size, inner);
    if (again)
        size = seal(bytes, size);
    support_write(path, bytes, size);
    free(bytes);
    snprintf(what, MUTANT_TEXT, "%.200s%s", inner, again ? ", sealed" : "");
}

/* ---- texts ---- */

static const char *const layer_texts[] = {
    "",
    "null",
    "{}",
    "[]",
    "[[]]",
    "[{}]",
    "[{\"name\":\"a\"}]",
    "[{\"name\":\"a\",\"type\":\"dense\"}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":0}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":-3}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":1000000}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":30000000}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":9223372036854775807}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":1e300}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":\"12\"}]",
    "[{\"name\":\"a\",\"type\":\"dense\"},{\"name\":\"b\",\"type\":\"dense\",\"units\":100000}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":3},{\"name\":\"a\",\"type\":\"sigmoid\"}]",
    "[{\"name\":\"a\",\"name\":\"a\",\"type\":\"sigmoid\"}]",
    "[{\"name\":\"a\",\"type\":\"sigmoid\"}]",
    "[{\"name\":\"a\",\"type\":\"softmax\"}]",
    "[{\"name\":\"a\",\"type\":\"logit\"}]",
    "[{\"name\":\"a\",\"type\":\"squash\"}]",
    "[{\"name\":\"a\",\"type\":\"squash\",\"width\":1e999}]",
    "[{\"name\":\"a\",\"type\":\"inverse_dense\",\"units\":1000000}]",
    "[{\"name\":\"hidden2\",\"type\":\"inverse_dense\",\"units\":63}]",
    "[{\"name\":\"../../x\",\"type\":\"dense\",\"units\":5}]",
    "[{\"name\":\"a/b\",\"type\":\"dense\",\"units\":5}]",
    "[{\"name\":\"history\",\"type\":\"dense\",\"units\":5}]",
    "[{\"name\":\"\",\"type\":\"dense\",\"units\":5}]",
    "[{\"name\":\"a\",\"type\":\"nonsense\"}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":5,\"activation\":\"dense\"}]",
    "[{\"name\":7,\"type\":\"dense\"}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":5,\"kernel\":{\"type\":\"x\",\"stddev\":-1}}]",
    "[{\"name\":\"a\",\"type\":\"dense\",\"units\":5,\"kernel\":[[[[[[1]]]]]]}]",
    "\"\\ud800\"",
    "[1,2,3",
    "\xff\xfe",
};

static const char *const experiment_texts[] = {
    "",
    "x",
    "title = \"a\nb\033[2Jc\";",
    "@include \"/etc/passwd\"",
    "seed = 99999999999999999999999999;",
    "network = { layers = (); };",
    "network = { layers = ( { name = \"a\"; type = \"dense\"; units = 100000000; } ); };",
    "training = { steps = 1000000000; batch = 1000000; };",
    "project = { images = 100000; sheet = { columns = 1000; zoom = 100; gap = 100; }; };",
    "data = { scale = 0.0; };",
    "data = { scale = 1e-300; validation = 4000000000; };",
    "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
    "a = ((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))));",
    "\xff\xfe\xfd",
};

#define LONG_WORD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const other_texts[] = {
    "",     ".",  "/",  "..",     "input",          "output", "hidden1.pre", "nowhere",
    "r2rt", "{}", "[1", "%s%n%n", "a\nb\r\033[31m", "\xff",   LONG_WORD,
};

#define PICK(m, list) ((list)[below(m, sizeof(list) / sizeof *(list))])

/* Nested `depth` deep. */
static char *deep_text(size_t depth)
{
    char *text = calloc(2, depth + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return text;
}

static char *some_text(const mutants *m, const char *name)
{
    if (below(m, 12) == 0)
        return deep_text((size_t)10 << below(m, 14));
    if (strcmp(name, "layers") == 0)
        return strdup(PICK(m, layer_texts));
    if (strcmp(name, "experiment") == 0)
        return strdup(PICK(m, experiment_texts));
    return strdup(PICK(m, other_texts));
}

/* ---- attributes ---- */

static void put_attribute(hid_t object, const char *name, hid_t type, hid_t space,
                          const void *value)
{
    H5Adelete(object, name);
    hid_t made = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (made >= 0) {
        H5Awrite(made, type, value);
        H5Aclose(made);
    }
    H5Sclose(space);
}

static void put_text(const mutants *m, hid_t object, const char *name)
{
    char *text = some_text(m, name);
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    put_attribute(object, name, type, H5Screate(H5S_SCALAR), &text);
    H5Tclose(type);
    free(text);
}

/* Texts of a fixed length, and more or fewer than there should be. */
static void put_wrong_text(const mutants *m, hid_t object, const char *name)
{
    const hsize_t count = below(m, 6);
    const char *texts[6] = {"a", NULL, "c", "", "e", "f"};
    hid_t type = H5Tcopy(H5T_C_S1);
    if (below(m, 2)) {
        H5Tset_size(type, H5T_VARIABLE);
        put_attribute(object, name, type, H5Screate_simple(1, &count, NULL), texts);
    } else {
        char fixed[64] = "without an end, without an end, without an end, without an end,";
        H5Tset_size(type, 1 + below(m, sizeof fixed));
        put_attribute(object, name, type, H5Screate(H5S_SCALAR), fixed);
    }
    H5Tclose(type);
}

static void put_number(const mutants *m, hid_t object, const char *name)
{
    static const double reals[] = {0.0, -1.0, 1e300, 0.5, 3e9, INFINITY, NAN};
    const double real = PICK(m, reals);
    const uint64_t whole = PICK(m, evil);
    const hsize_t many[2] = {3, 1 + below(m, 4)};
    const int64_t values[12] = {-1, INT64_MAX, 7};
    switch (below(m, 5)) {
    case 0:
        put_attribute(object, name, H5T_NATIVE_DOUBLE, H5Screate(H5S_SCALAR), &real);
        break;
    case 1:
        put_attribute(object, name, H5T_NATIVE_INT64, H5Screate_simple(2, many, NULL), values);
        break;
    case 2:
        put_attribute(object, name, H5T_NATIVE_INT64, H5Screate(H5S_SCALAR), values);
        break;
    case 3:
        put_attribute(object, name, H5T_STD_U64BE, H5Screate(H5S_NULL), &whole);
        break;
    default:
        put_attribute(object, name, H5T_NATIVE_UINT64, H5Screate(H5S_SCALAR), &whole);
    }
}

static void change_attribute(const mutants *m, hid_t file, char *what)
{
    const attribute *a = &m->attributes[below(m, m->attribute_count)];
    if (below(m, 4) == 0) /* the texts that say most */
        for (size_t i = below(m, m->attribute_count); i < m->attribute_count; i++)
            if (strcmp(m->attributes[i].name, "layers") == 0)
                a = &m->attributes[i];
    hid_t object = H5Oopen(file, a->owner, H5P_DEFAULT);
    const size_t how = below(m, 8);
    if (how == 0)
        H5Adelete(object, a->name);
    else if (how < 5)
        put_text(m, object, a->name);
    else if (how == 5)
        put_wrong_text(m, object, a->name);
    else
        put_number(m, object, a->name);
    H5Oclose(object);
    snprintf(what, MUTANT_TEXT, "%.100s @%.60s changed (%zu)", a->owner, a->name, how);
}

/* ---- arrays and groups ---- */

/* Another array in its place: of another type, other sizes, stored elsewhere, and full of what. */
static void put_array(const mutants *m, hid_t file, const char *path)
{
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F64BE,    H5T_STD_I8LE, H5T_STD_U64LE,
                           H5T_STD_U32LE,  H5T_NATIVE_OPAQUE, H5T_C_S1,     H5T_STD_U8LE};
    static const hsize_t sizes[] = {0,  1,   2,    5,       11,         13,         63,
                                    90, 345, 5000, 1 << 20, 1ull << 31, 1ull << 40, 1ull << 62};
    hsize_t dims[8], chunk[8];
    const int rank = (int)below(m, 6);
    for (int i = 0; i < rank; i++) {
        dims[i] = PICK(m, sizes);
        chunk[i] = 1 + below(m, 64);
    }
    hid_t space = H5Screate_simple(rank, dims, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
    const float fill = (float[]){NAN, INFINITY, -1e30f, 0.0f}[below(m, 4)];
    H5Pset_fill_value(plist, H5T_NATIVE_FLOAT, &fill);
    switch (below(m, 4)) {
    case 0:
        if (rank > 0)
            H5Pset_chunk(plist, rank, chunk);
        H5Pset_deflate(plist, 9);
        break;
    case 1:
        H5Pset_external(plist, "/etc/passwd", 0, H5F_UNLIMITED);
        break;
    case 2:
        H5Pset_alloc_time(plist, H5D_ALLOC_TIME_LATE);
        break;
    default:
        break;
    }
    hid_t array = H5Dcreate2(file, path, PICK(m, types), space, H5P_DEFAULT, plist, H5P_DEFAULT);
    if (array >= 0)
        H5Dclose(array);
    H5Pclose(plist);
    H5Sclose(space);
}

/* The same sizes and type, other values. */
static void fill_array(const mutants *m, hid_t file, const char *path)
{
    hid_t array = H5Dopen2(file, path, H5P_DEFAULT);
    if (array < 0)
        return;
    hid_t type = H5Dget_type(array), space = H5Dget_space(array);
    const size_t size = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
    unsigned char *values = malloc(size + 1);
    ck_assert_ptr_nonnull(values);
    H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    const size_t at = below(m, size), how = below(m, 4);
    if (how == 0)
        memset(values, 0xff, size); /* NaN, -1 */
    else if (how == 1)
        memset(values, 0, size);
    else if (how == 2)
        memset(values + at / 8 * 8, 0x7f, size - at / 8 * 8 < 8 ? size - at / 8 * 8 : 8);
    else
        values[at] ^= (unsigned char)(1 << below(m, 8));
    H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(array);
}

static void extend_array(const mutants *m, hid_t file, const char *path)
{
    static const hsize_t sizes[] = {0, 1, 3, 1000, 1 << 20, 1ull << 33, 1ull << 60};
    const hsize_t size = PICK(m, sizes);
    hid_t array = H5Dopen2(file, path, H5P_DEFAULT);
    if (array >= 0) {
        H5Dset_extent(array, &size);
        H5Dclose(array);
    }
}

static void put_link(const mutants *m, hid_t file, const char *path)
{
    const char *other = m->objects[below(m, m->object_count)];
    switch (below(m, 5)) {
    case 0:
        H5Lcreate_soft(path, file, path, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 1:
        H5Lcreate_soft(other, file, path, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 2:
        H5Lcreate_external("/dev/zero", "/a", file, path, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 3:
        H5Lcreate_external("elsewhere.h5", path, file, path, H5P_DEFAULT, H5P_DEFAULT);
        break;
    default: /* perhaps a group in itself */
        H5Lcreate_hard(file, other, file, path, H5P_DEFAULT, H5P_DEFAULT);
    }
}

static void add_object(const mutants *m, hid_t file)
{
    char path[2 * NAME_BYTES];
    snprintf(path, sizeof path, "%s/added%zu",
             below(m, 2) ? "" : m->objects[below(m, m->object_count)], below(m, 100));
    if (below(m, 2))
        put_array(m, file, path);
    else
        put_link(m, file, path);
}

static void change_object(const mutants *m, hid_t file, char *what)
{
    const size_t index = below(m, m->object_count), how = below(m, 9);
    const char *path = m->objects[index];
    snprintf(what, MUTANT_TEXT, "%.100s changed (%zu)", path, how);
    if (how < 3 && m->is_array[index]) {
        fill_array(m, file, path);
    } else if (how == 3 && m->is_array[index]) {
        extend_array(m, file, path);
    } else if (how == 8) {
        add_object(m, file);
    } else {
        H5Ldelete(file, path, H5P_DEFAULT);
        if (how == 4 || how == 5)
            put_array(m, file, path);
        else if (how == 6)
            put_link(m, file, path);
        else if (how == 7)
            H5Gclose(H5Gcreate2(file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    }
}

static void write_structure(mutants *m, const char *path, char *what)
{
    support_write(path, m->bytes, m->size + SUPPORT_SEAL);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (below(m, 4) == 0)
        H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    ck_assert_int_ge(file, 0);
    for (size_t i = 0, times = 1 + (below(m, 3) == 0); i < times; i++)
        if (below(m, 2))
            change_attribute(m, file, what);
        else
            change_object(m, file, what);
    H5Fclose(file);
    H5Pclose(access);
    size_t size = 0;
    unsigned char *bytes = support_read(path, &size);
    char line[SUPPORT_SEAL];
    support_seal(bytes, size, line);
    if (below(m, 40) == 0)
        line[13] = (char)('0' + below(m, 10)); /* the version of the format */
    unsigned char *longer = realloc(bytes, size + sizeof line);
    ck_assert_ptr_nonnull(longer);
    bytes = longer;
    memcpy(bytes + size, line, sizeof line);
    support_write(path, bytes, size + (below(m, 4) ? sizeof line : 0)); /* or unsealed */
    free(bytes);
}

void mutants_write(mutants *m, unsigned n, const char *path, char what[MUTANT_TEXT])
{
    gsl_rng_set(m->rng, 1000003ul * n + 17);
    what[0] = 0;
    if (n % 10 < 8)
        write_bytes(m, n % 10 >= 4, path, what);
    else
        write_structure(m, path, what);
}
