/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/npy.h"

#include <ctype.h>
#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "base/sniff.h"
#include "data/npy.h"
#include "data/zip.h"
#include "invproj/file.h"

#define PREFIX       10 /* magic, version, and the length of the header in version 1 */
#define DESCR_MAX    16
#define NAME_ENDING  ".npy"
#define ENDING_BYTES 4

/* ---- element types ---- */

static void widen_bool(const unsigned char *from, size_t count, void *out)
{
    for (size_t i = 0; i < count; i++)
        ((float *)out)[i] = from[i] ? 1.0f : 0.0f;
}

/* IEEE 754-2008, binary16: a sign, 5 bits of an exponent with bias 15, 10 of a fraction. */
static float half_value(uint16_t half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const float sign = half & 0x8000 ? -1.0f : 1.0f;
    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexpf((float)fraction, -24);
    return sign * ldexpf((float)(1024 + fraction), exponent - 25);
}

static void widen_half(const unsigned char *from, size_t count, void *out)
{
    for (size_t i = 0; i < count; i++)
        ((float *)out)[i] = half_value(((const uint16_t *)(const void *)from)[i]);
}

static void widen_short(const unsigned char *from, size_t count, void *out)
{
    for (size_t i = 0; i < count; i++)
        ((int32_t *)out)[i] = ((const uint16_t *)(const void *)from)[i];
}

/* Element i of a type that 32 bits may not hold; whether they do. */
static bool narrow_unsigned(const unsigned char *from, size_t i, int32_t *out)
{
    const uint32_t value = ((const uint32_t *)(const void *)from)[i];
    *out = (int32_t)value;
    return value <= INT32_MAX;
}

static bool narrow_long(const unsigned char *from, size_t i, int32_t *out)
{
    const int64_t value = ((const int64_t *)(const void *)from)[i];
    *out = (int32_t)value;
    return value >= INT32_MIN && value <= INT32_MAX;
}

static bool narrow_unsigned_long(const unsigned char *from, size_t i, int32_t *out)
{
    const uint64_t value = ((const uint64_t *)(const void *)from)[i];
    *out = (int32_t)value;
    return value <= INT32_MAX;
}

/* What NumPy calls it, and what it becomes; where neither function is there, what it is. */
static const struct npy_type {
    char kind;
    size_t width;
    inv_idx_type type;
    void (*widen)(const unsigned char *from, size_t count, void *out);
    bool (*narrow)(const unsigned char *from, size_t i, int32_t *out);
} npy_types[] = {
    {'u', 1, INV_IDX_UBYTE, NULL, NULL},
    {'i', 1, INV_IDX_BYTE, NULL, NULL},
    {'b', 1, INV_IDX_FLOAT, widen_bool, NULL},
    {'i', 2, INV_IDX_SHORT, NULL, NULL},
    {'u', 2, INV_IDX_INT, widen_short, NULL},
    {'i', 4, INV_IDX_INT, NULL, NULL},
    {'u', 4, INV_IDX_INT, NULL, narrow_unsigned},
    {'i', 8, INV_IDX_INT, NULL, narrow_long},
    {'u', 8, INV_IDX_INT, NULL, narrow_unsigned_long},
    {'f', 2, INV_IDX_FLOAT, widen_half, NULL},
    {'f', 4, INV_IDX_FLOAT, NULL, NULL},
    {'f', 8, INV_IDX_DOUBLE, NULL, NULL},
};

/* What others are, by their letter. */
static const struct refused_type {
    char kind;
    const char *what;
} refused_types[] = {
    {'O', "Python objects, which a file of data cannot hold safely"},
    {'U', "texts"},
    {'S', "texts"},
    {'c', "complex numbers"},
    {'V', "records"},
    {'M', "dates"},
    {'m', "times"},
};

/* ---- the header ---- */

/* What is still to be read of it. */
typedef struct reader {
    const char *at, *end;
} reader;

static void skip_blanks(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n'))
        r->at++;
}

/* Whether the word is next; takes it then, and blanks before it. */
static bool take(reader *r, const char *word)
{
    const size_t length = strlen(word);
    skip_blanks(r);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0)
        return false;
    r->at += length;
    return true;
}

/* A text in quotes of either kind, without a backslash in it. */
static bool take_text(reader *r, char text[DESCR_MAX])
{
    skip_blanks(r);
    const char quote = r->at < r->end ? *r->at : 0;
    size_t length = 0;
    if (quote != '\'' && quote != '"')
        return false;
    for (r->at++; r->at < r->end && *r->at != quote; r->at++) {
        if (length + 1 == DESCR_MAX || *r->at == '\\')
            return false;
        text[length++] = *r->at;
    }
    text[length] = '\0';
    return take(r, (char[]){quote, 0});
}

/* A whole number; Python 2 wrote an L after it. */
static bool take_number(reader *r, size_t *value)
{
    skip_blanks(r);
    const char *start = r->at;
    *value = 0;
    for (; r->at < r->end && isdigit((unsigned char)*r->at); r->at++)
        if (__builtin_mul_overflow(*value, (size_t)10, value) ||
            __builtin_add_overflow(*value, (size_t)(*r->at - '0'), value))
            return false;
    if (r->at < r->end && *r->at == 'L')
        r->at++;
    return r->at > start && *start != 'L';
}

/* "(3, 28, 28)", "(7,)" or "()"; *rank counts on past the sizes that are kept. */
static bool take_shape(reader *r, size_t *rank, size_t dims[INV_IDX_RANK_MAX])
{
    size_t size = 0;
    bool comma = true;
    if (!take(r, "("))
        return false;
    for (*rank = 0; comma && take_number(r, &size); ++*rank) {
        if (*rank < INV_IDX_RANK_MAX)
            dims[*rank] = size;
        comma = take(r, ",");
    }
    return take(r, ")") && (comma || *rank > 1); /* "(7)" is a number in brackets, and no shape */
}

typedef struct header {
    char descr[DESCR_MAX]; /* "" where it is of records */
    bool fortran;
    size_t rank, dims[INV_IDX_RANK_MAX];
} header;

/* The list that describes records is not read: it ends the header. */
static bool take_descr(reader *r, header *h)
{
    h->descr[0] = '\0';
    if (!take(r, "["))
        return take_text(r, h->descr) && h->descr[0];
    r->at = r->end;
    return true;
}

/* The three keys, each once, in any order. */
static bool parse_dictionary(reader *r, header *h)
{
    char key[DESCR_MAX];
    unsigned seen = 0;
    bool good = take(r, "{");
    while (good && take_text(r, key)) {
        unsigned bit = 0;
        good = take(r, ":");
        if (strcmp(key, "descr") == 0)
            bit = 1, good = good && take_descr(r, h);
        else if (strcmp(key, "fortran_order") == 0)
            bit = 2, good = good && ((h->fortran = take(r, "True")) || take(r, "False"));
        else if (strcmp(key, "shape") == 0)
            bit = 4, good = good && take_shape(r, &h->rank, h->dims);
        if (good && bit == 1 && !h->descr[0])
            return true;
        good = good && bit && !(seen & bit);
        seen |= bit;
        if (!take(r, ","))
            break;
    }
    good = good && take(r, "}") && seen == 7;
    skip_blanks(r);
    return good && r->at == r->end;
}

/* *start is where the elements begin. */
static inv_status parse_header(const char *name, const unsigned char *bytes, size_t size, header *h,
                               size_t *start)
{
    const inv_kind *kind = inv_sniff(bytes, size);
    if (size < PREFIX || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return INV_ERROR(INV_EFORMAT, "%s: not a NumPy file%s%s", name, kind ? " but " : "",
                         kind ? kind->what : "");
    if (bytes[6] < 1 || bytes[6] > 3)
        return INV_ERROR(INV_EFORMAT, "%s: a NumPy file of version %d; 1 to 3 are read", name,
                         bytes[6]);
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    *start = PREFIX;
    if (bytes[6] > 1 && size >= PREFIX + 2) {
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
        *start += 2;
    }
    if (length > size - *start)
        return INV_ERROR(INV_EFORMAT, "%s: truncated: it ends within the NumPy header", name);
    reader r = {(const char *)bytes + *start, (const char *)bytes + *start + length};
    *start += length;
    if (!parse_dictionary(&r, h))
        return INV_ERROR(
            INV_EFORMAT,
            "%s: its NumPy header is not as NumPy writes it; save the array again with "
            "numpy.save or numpy.savez",
            name);
    return INV_OK;
}

/* The row of the type; *swapped tells whether its bytes are in the other order than here. */
static inv_status find_type(const char *name, const header *h, const struct npy_type **out,
                            bool *swapped)
{
    const char *descr = h->descr, *digits = descr;
    *swapped = descr[0] == (__BYTE_ORDER == __LITTLE_ENDIAN ? '>' : '<');
    if (*digits && strchr("<>|=", *digits))
        digits++;
    const char kind = *digits ? *digits++ : 'V'; /* where there is no text, it is of records */
    for (size_t i = 0; i < sizeof npy_types / sizeof *npy_types; i++) {
        const struct npy_type *type = &npy_types[i];
        if (type->kind == kind && strlen(digits) == 1 && (size_t)(*digits - '0') == type->width) {
            *out = type;
            return INV_OK;
        }
    }
    for (size_t i = 0; i < sizeof refused_types / sizeof *refused_types; i++)
        if (refused_types[i].kind == kind)
            return INV_ERROR(INV_EFORMAT,
                             "%s: an array of %s; save numbers, with .astype('float32')", name,
                             refused_types[i].what);
    return INV_ERROR(
        INV_EFORMAT,
        "%s: elements of type '%s', which is not read; convert with .astype('float32')", name,
        descr);
}

/* Holds the shape against the bytes there are. */
static inv_status check_shape(const char *name, const header *h, size_t width, size_t bytes,
                              size_t *count)
{
    size_t product = 1, needed = 0;
    if (h->rank < 1 || h->rank > INV_IDX_RANK_MAX)
        return INV_ERROR(INV_EFORMAT, "%s: an array of %zu dimensions; 1 to %d are read", name,
                         h->rank, INV_IDX_RANK_MAX);
    bool fits = true;
    for (size_t i = 0; i < h->rank; i++) {
        if (h->dims[i] == 0)
            return INV_ERROR(INV_EFORMAT, "%s: empty: size %zu of %zu is 0", name, i + 1, h->rank);
        fits = fits && !__builtin_mul_overflow(product, h->dims[i], &product);
    }
    fits = fits && !__builtin_mul_overflow(product, width, &needed);
    if (!fits || needed > bytes)
        return INV_ERROR(INV_EFORMAT,
                         "%s: truncated, or its header is wrong: its shape says more than the %zu "
                         "bytes that are there; copy or download it again",
                         name, bytes);
    if (needed < bytes)
        return INV_ERROR(INV_EFORMAT, "%s: goes on after the %zu bytes that its shape says", name,
                         needed);
    *count = product;
    return INV_OK;
}

/* ---- the elements ---- */

static void swap_bytes(unsigned char *data, size_t width, size_t count)
{
    for (size_t i = 0; i < count; i++, data += width)
        for (size_t low = 0, high = width - 1; low < high; low++, high--) {
            const unsigned char kept = data[low];
            data[low] = data[high];
            data[high] = kept;
        }
}

/* Element (i, j, ...) of `from`, whose first index runs fastest, goes where the last one does. */
static void to_row_major(const header *h, size_t width, size_t count, const unsigned char *from,
                         unsigned char *to)
{
    size_t index[INV_IDX_RANK_MAX] = {0}, stride[INV_IDX_RANK_MAX] = {0}, at = 0;
    for (size_t k = 0, product = 1; k < h->rank; product *= h->dims[k++])
        stride[k] = product;
    for (size_t i = 0; i < count; i++) {
        memcpy(to + i * width, from + at * width, width);
        for (size_t k = h->rank; k-- > 0;) {
            at += stride[k];
            if (++index[k] < h->dims[k])
                break;
            at -= stride[k] * h->dims[k];
            index[k] = 0;
        }
    }
}

/* *data, which is freed, in another order. */
static inv_status reorder(const char *name, const header *h, size_t width, size_t count,
                          unsigned char **data)
{
    void *memory = NULL;
    inv_status status = inv_calloc(count, width, name, &memory);
    if (status != INV_OK)
        return status;
    to_row_major(h, width, count, *data, memory);
    free(*data);
    *data = memory;
    return INV_OK;
}

/* *data, which is freed, in the type that is kept. */
static inv_status convert(const char *name, const struct npy_type *type, size_t count,
                          unsigned char **data)
{
    void *memory = NULL;
    inv_status status = INV_OK;
    if (!type->widen && !type->narrow)
        return INV_OK;
    INV_TRY(inv_calloc(count, inv_idx_type_size(type->type), name, &memory));
    if (type->widen)
        type->widen(*data, count, memory);
    for (size_t i = 0; type->narrow && i < count; i++)
        if (!type->narrow(*data, i, (int32_t *)memory + i))
            INV_FAIL(INV_EDATA, "%s: element %zu is beyond 32 bits, which is all that is read",
                     name, i);
    free(*data);
    *data = memory;
    memory = NULL;
done:
    free(memory);
    return status;
}

static void digest(const unsigned char *bytes, size_t size, char text[INV_SHA256_TEXT])
{
    struct sha256_ctx context;
    uint8_t sum[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, size, bytes);
    sha256_digest(&context, sizeof sum, sum);
    for (size_t i = 0; i < sizeof sum; i++)
        snprintf(text + 2 * i, 3, "%02x", sum[i]);
}

inv_status inv_npy_parse(const char *name, unsigned char *bytes, size_t size, inv_idx **out)
{
    inv_status status = INV_OK;
    header h = {.rank = 0};
    const struct npy_type *type = NULL;
    inv_idx *idx = NULL;
    void *memory = NULL;
    size_t start = 0, count = 0;
    bool swapped = false;
    INV_TRY(parse_header(name, bytes, size, &h, &start));
    INV_TRY(find_type(name, &h, &type, &swapped));
    INV_TRY(check_shape(name, &h, type->width, size - start, &count));
    INV_TRY(inv_calloc(1, sizeof *idx, name, &memory));
    idx = memory;
    *idx = (inv_idx){.type = type->type, .rank = h.rank, .size = count};
    memcpy(idx->dims, h.dims, sizeof idx->dims);
    digest(bytes, size, idx->sha256);
    memmove(bytes, bytes + start, size - start); /* so that the elements are aligned */
    if (swapped)
        swap_bytes(bytes, type->width, count);
    if (h.fortran && h.rank > 1)
        INV_TRY(reorder(name, &h, type->width, count, &bytes));
    INV_TRY(convert(name, type, count, &bytes));
    idx->data = bytes;
    bytes = NULL;
    *out = idx;
    idx = NULL;
done:
    free(bytes);
    inv_idx_free(idx);
    return status;
}

inv_status inv_npy_read(const char *path, inv_idx **out)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    *out = NULL;
    inv_status status = inv_file_read(path, SIZE_MAX - 1, &bytes, &size);
    return status == INV_OK ? inv_npy_parse(path, bytes, size, out) : status;
}

/* ---- archives ---- */

struct inv_npz {
    char *path;
    inv_zip *zip;
    size_t count;
    struct entry {
        char *name; /* without ".npy" */
        size_t member;
    } * arrays;
};

static inv_status list_arrays(inv_npz *npz)
{
    void *memory = NULL;
    const size_t members = inv_zip_count(npz->zip);
    inv_status status = inv_calloc(members, sizeof *npz->arrays, npz->path, &memory);
    if (status != INV_OK)
        return status;
    npz->arrays = memory;
    for (size_t i = 0; i < members; i++) {
        const char *name = inv_zip_name(npz->zip, i);
        const size_t length = strlen(name);
        if (length <= ENDING_BYTES || strcmp(name + length - ENDING_BYTES, NAME_ENDING) != 0)
            continue;
        npz->arrays[npz->count] = (struct entry){strndup(name, length - ENDING_BYTES), i};
        if (!npz->arrays[npz->count++].name)
            return INV_ERROR(INV_ENOMEM, "%s: no memory for the names of arrays", npz->path);
    }
    if (npz->count == 0)
        return INV_ERROR(
            INV_EFORMAT,
            "%s: a ZIP archive without NumPy arrays in it; unpack it and name what was "
            "in it",
            npz->path);
    return INV_OK;
}

inv_status inv_npz_open(const char *path, inv_npz **out)
{
    void *memory = NULL;
    inv_npz *npz = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_calloc(1, sizeof *npz, path, &memory));
    npz = memory;
    npz->path = strdup(path);
    if (!npz->path)
        INV_FAIL(INV_ENOMEM, "%s: no memory for its name", path);
    INV_TRY(inv_zip_open(path, &npz->zip));
    INV_TRY(list_arrays(npz));
    *out = npz;
    npz = NULL;
done:
    inv_npz_close(npz);
    return status;
}

void inv_npz_close(inv_npz *npz)
{
    if (!npz)
        return;
    for (size_t i = 0; i < npz->count; i++)
        free(npz->arrays[i].name);
    free(npz->arrays);
    inv_zip_close(npz->zip);
    free(npz->path);
    free(npz);
}

size_t inv_npz_count(const inv_npz *npz)
{
    return npz->count;
}

const char *inv_npz_name(const inv_npz *npz, size_t index)
{
    return npz->arrays[index].name;
}

/* Its place in the list, or the count. */
static size_t find_array(const inv_npz *npz, const char *name)
{
    size_t i = 0;
    while (i < npz->count && strcmp(npz->arrays[i].name, name) != 0)
        i++;
    return i;
}

bool inv_npz_has(const inv_npz *npz, const char *name)
{
    return find_array(npz, name) < npz->count;
}

inv_status inv_npz_read(inv_npz *npz, const char *name, inv_idx **out)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    char *where = NULL;
    const size_t at = find_array(npz, name);
    inv_status status = INV_OK;
    *out = NULL;
    if (at == npz->count)
        return INV_ERROR(INV_EDATA, "%s: holds no array %s", npz->path, name);
    if (asprintf(&where, "%s: %s", npz->path, name) < 0)
        return INV_ERROR(INV_ENOMEM, "%s: no memory for a name", npz->path);
    INV_TRY(inv_zip_read(npz->zip, npz->arrays[at].member, SIZE_MAX - 1, &bytes, &size));
    INV_TRY(inv_npy_parse(where, bytes, size, out));
done:
    free(where);
    return status;
}
