/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/idx.h"

#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>
#include <zlib.h>

#include "base/sniff.h"
#include "invproj/file.h"

#define HEADER_MAX        (4 + 4 * INV_IDX_RANK_MAX)
#define CHUNK             ((size_t)1 << 18) /* so that the hash finds the bytes still in the cache */
#define DEFLATE_RATIO_MAX 1032 /* no deflate stream grows more: 258 bytes for two bits */
#define DIMS_TEXT         64

/* ---- element types ---- */

/* For elements of the C type T: what inv_idx_floats does, and the least and the largest of one or
 * more. */
#define ELEMENT_FUNCTIONS(name, T)                                                                 \
    static void name##_floats(const void *data, size_t first, size_t count, double scale,          \
                              float *restrict out)                                                 \
    {                                                                                              \
        const T *from = (const T *)data + first;                                                   \
        for (size_t i = 0; i < count; i++)                                                         \
            out[i] = (float)(from[i] / scale);                                                     \
    }                                                                                              \
    static void name##_range(const void *data, size_t count, double *low, double *high)            \
    {                                                                                              \
        const T *from = data;                                                                      \
        T minimum = from[0], maximum = from[0];                                                    \
        for (size_t i = 1; i < count; i++) {                                                       \
            minimum = from[i] < minimum ? from[i] : minimum;                                       \
            maximum = from[i] > maximum ? from[i] : maximum;                                       \
        }                                                                                          \
        *low = (double)minimum;                                                                    \
        *high = (double)maximum;                                                                   \
    }

ELEMENT_FUNCTIONS(ubyte, unsigned char)
ELEMENT_FUNCTIONS(byte, signed char)
ELEMENT_FUNCTIONS(short, int16_t)
ELEMENT_FUNCTIONS(int, int32_t)
ELEMENT_FUNCTIONS(float, float)
ELEMENT_FUNCTIONS(double, double)

static const struct element_type {
    inv_idx_type type;
    size_t width; /* bytes */
    const char *name;
    void (*floats)(const void *data, size_t first, size_t count, double scale, float *out);
    void (*range)(const void *data, size_t count, double *low, double *high);
} element_types[] = {
    {INV_IDX_UBYTE, 1, "unsigned byte", ubyte_floats, ubyte_range},
    {INV_IDX_BYTE, 1, "signed byte", byte_floats, byte_range},
    {INV_IDX_SHORT, 2, "16-bit integer", short_floats, short_range},
    {INV_IDX_INT, 4, "32-bit integer", int_floats, int_range},
    {INV_IDX_FLOAT, 4, "float", float_floats, float_range},
    {INV_IDX_DOUBLE, 8, "double", double_floats, double_range},
};

#define ELEMENT_TYPES (sizeof element_types / sizeof *element_types)

/* NULL for a byte that stands for no type. */
static const struct element_type *find_type(unsigned byte)
{
    for (size_t i = 0; i < ELEMENT_TYPES; i++)
        if (element_types[i].type == byte)
            return &element_types[i];
    return NULL;
}

size_t inv_idx_type_size(inv_idx_type type)
{
    const struct element_type *found = find_type(type);
    return found ? found->width : 0;
}

const char *inv_idx_type_name(inv_idx_type type)
{
    const struct element_type *found = find_type(type);
    return found ? found->name : "unknown";
}

static void swap_two(unsigned char *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    v = htobe16(v);
    memcpy(at, &v, sizeof v);
}

static void swap_four(unsigned char *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    v = htobe32(v);
    memcpy(at, &v, sizeof v);
}

static void swap_eight(unsigned char *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    v = htobe64(v);
    memcpy(at, &v, sizeof v);
}

/* Turns the processor's byte order into the file's, or back; `data` need not be aligned. */
static void swap_elements(unsigned char *data, size_t width, size_t count)
{
    for (size_t i = 0; width == 2 && i < count; i++)
        swap_two(data + 2 * i);
    for (size_t i = 0; width == 4 && i < count; i++)
        swap_four(data + 4 * i);
    for (size_t i = 0; width == 8 && i < count; i++)
        swap_eight(data + 8 * i);
}

void inv_idx_floats(inv_idx_type type, const void *data, size_t first, size_t count, double scale,
                    float *out)
{
    const struct element_type *found = find_type(type);
    if (found)
        found->floats(data, first, count, scale, out);
}

/* The index of the first element that is not finite, or `count`. */
static size_t find_not_finite(inv_idx_type type, const void *data, size_t count)
{
    const float *floats = data;
    const double *doubles = data;
    size_t i = 0;
    if (type == INV_IDX_FLOAT)
        while (i < count && isfinite(floats[i]))
            i++;
    else if (type == INV_IDX_DOUBLE)
        while (i < count && isfinite(doubles[i]))
            i++;
    else
        i = count;
    return i;
}

size_t inv_idx_range(inv_idx_type type, const void *data, size_t count, double *low, double *high)
{
    const struct element_type *found = find_type(type);
    const size_t finite = find_not_finite(type, data, count);
    *low = INFINITY;
    *high = -INFINITY;
    if (found && finite > 0)
        found->range(data, finite, low, high);
    return finite;
}

double inv_idx_full_scale(inv_idx_type type, double high)
{
    switch (type) {
    case INV_IDX_UBYTE:
        return UINT8_MAX;
    case INV_IDX_BYTE:
        return INT8_MAX;
    case INV_IDX_SHORT:
        return high <= UINT8_MAX ? UINT8_MAX : INT16_MAX;
    case INV_IDX_INT:
        return high <= UINT8_MAX ? UINT8_MAX : high <= UINT16_MAX ? UINT16_MAX : INT32_MAX;
    default:
        return 1.0;
    }
}

/* ---- a file's bytes, decompressed and hashed on their way ---- */

/* zlib's own gzread is passed over because it takes bytes after a stream for nothing. */
typedef struct source {
    const char *path;
    int fd;
    size_t file_size;
    bool gzip, ended; /* ended: nothing is left of the gzip data */
    bool inflating;   /* stream has to be released */
    z_stream stream;
    struct sha256_ctx hash;
    unsigned char input[CHUNK];
} source;

static void source_close(source *s)
{
    if (!s)
        return;
    if (s->inflating)
        inflateEnd(&s->stream);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

/* An IDX file begins with two zero bytes and so never looks like gzip's 1f 8b. */
static inv_status source_open(const char *path, source **out)
{
    inv_status status = INV_OK;
    unsigned char magic[2] = {0, 0};
    void *memory = NULL;
    source *s = NULL;
    INV_TRY(inv_calloc(1, sizeof *s, path, &memory));
    s = memory;
    s->path = path;
    s->fd = -1;
    INV_TRY(inv_file_open(path, &s->fd, &s->file_size));
    sha256_init(&s->hash);
    s->gzip = pread(s->fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    if (s->gzip) {
        if (inflateInit2(&s->stream, 16 + MAX_WBITS) != Z_OK)
            INV_FAIL(INV_ENOMEM, "%s: no memory to decompress", path);
        s->inflating = true;
    }
    *out = s;
    return INV_OK;
done:
    source_close(s);
    return status;
}

/* Has input ready for the stream; *any is false at the end of the file. */
static inv_status refill(source *s, bool *any)
{
    size_t got = s->stream.avail_in;
    if (got == 0) {
        inv_status status = inv_file_fill(s->path, s->fd, s->input, sizeof s->input, &got);
        if (status != INV_OK)
            return status;
        s->stream.next_in = s->input;
        s->stream.avail_in = (uInt)got;
    }
    *any = got > 0;
    return INV_OK;
}

/* A gzip file is one stream after another, as gzip itself reads it. */
static inv_status next_stream(source *s)
{
    bool any = false;
    inv_status status = refill(s, &any);
    if (status != INV_OK)
        return status;
    s->ended = !any;
    if (any && s->stream.next_in[0] != 0x1f)
        return INV_ERROR(INV_EFORMAT, "%s: goes on after its gzip data", s->path);
    if (any && inflateReset(&s->stream) != Z_OK)
        return INV_ERROR(INV_EFORMAT, "%s: damaged gzip data", s->path);
    return INV_OK;
}

static inv_status inflate_chunk(source *s, unsigned char *data, size_t size, size_t *got)
{
    bool any = false;
    s->stream.next_out = data;
    s->stream.avail_out = (uInt)size;
    while (s->stream.avail_out > 0 && !s->ended) {
        inv_status status = refill(s, &any);
        if (status != INV_OK)
            return status;
        if (!any)
            return INV_ERROR(INV_EFORMAT,
                             "%s: truncated: the gzip data break off; copy or download it again",
                             s->path);
        int rc = inflate(&s->stream, Z_NO_FLUSH);
        if (rc == Z_STREAM_END)
            status = next_stream(s);
        else if (rc == Z_MEM_ERROR)
            status = INV_ERROR(INV_ENOMEM, "%s: no memory to decompress", s->path);
        else if (rc != Z_OK && rc != Z_BUF_ERROR)
            status = INV_ERROR(INV_EFORMAT, "%s: damaged gzip data (%s); copy or download it again",
                               s->path, s->stream.msg ? s->stream.msg : "unknown to zlib");
        if (status != INV_OK)
            return status;
    }
    *got = size - s->stream.avail_out;
    return INV_OK;
}

/* Reads `size` bytes; *got is less only where the file ends. */
static inv_status source_read(source *s, unsigned char *data, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        size_t wanted = size - *got < CHUNK ? size - *got : CHUNK, part = 0;
        inv_status status = s->gzip ? inflate_chunk(s, data + *got, wanted, &part)
                                    : inv_file_fill(s->path, s->fd, data + *got, wanted, &part);
        if (status != INV_OK)
            return status;
        sha256_update(&s->hash, part, data + *got);
        *got += part;
        if (part < wanted)
            break;
    }
    return INV_OK;
}

static void source_digest(source *s, char text[INV_SHA256_TEXT])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&s->hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

/* ---- the header ---- */

static uint32_t load_big_endian(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* "60000 x 28 x 28" */
static void dims_text(const inv_idx *idx, char text[DIMS_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < idx->rank && used < DIMS_TEXT; i++)
        used += (size_t)snprintf(text + used, DIMS_TEXT - used, i ? " x %zu" : "%zu", idx->dims[i]);
}

/* Whether the product of the sizes fits, and as bytes too; they are left in *product and *bytes. */
static bool dims_product(const inv_idx *idx, size_t *product, size_t *bytes)
{
    *product = 1;
    for (size_t i = 0; i < idx->rank; i++)
        if (__builtin_mul_overflow(*product, idx->dims[i], product))
            return false;
    return !__builtin_mul_overflow(*product, inv_idx_type_size(idx->type), bytes);
}

static inv_status unknown_type(const source *s, const unsigned char *magic)
{
    return INV_ERROR(INV_EFORMAT,
                     "%s: IDX elements of type 0x%02x, which the format does not know (0x08 "
                     "unsigned byte, 0x09 signed byte, 0x0b, 0x0c integers, 0x0d float, 0x0e "
                     "double)",
                     s->path, magic[2]);
}

/* Reads on, past the four bytes of `magic`, to say what it is that is no IDX file. */
static inv_status not_idx(source *s, const unsigned char *magic)
{
    unsigned char bytes[INV_SNIFF_BYTES];
    const char *unpacked = s->gzip ? "unpacked, " : "";
    size_t got = 0;
    memcpy(bytes, magic, 4);
    inv_status status = source_read(s, bytes + 4, sizeof bytes - 4, &got);
    if (status != INV_OK)
        return status;
    const inv_kind *kind = inv_sniff(bytes, 4 + got);
    if (kind)
        return INV_ERROR(INV_EFORMAT, "%s: %snot an IDX file but %s; %s", s->path, unpacked,
                         kind->what, kind->remedy);
    if (magic[0] == 0 && magic[1] == 0)
        return unknown_type(s, magic);
    return INV_ERROR(INV_EFORMAT, "%s: %snot an IDX file: it begins with %02x %02x, not 00 00",
                     s->path, unpacked, magic[0], magic[1]);
}

/* Whether it is the first word of a file written in the order of most processors. */
static bool is_reversed(const unsigned char *magic)
{
    return magic[0] >= 1 && magic[0] <= INV_IDX_RANK_MAX && find_type(magic[1]) && magic[2] == 0 &&
           magic[3] == 0;
}

static inv_status check_magic(source *s, const unsigned char *magic)
{
    if (is_reversed(magic))
        return INV_ERROR(INV_EFORMAT,
                         "%s: its header is little-endian; IDX files are big-endian: in Python, "
                         "write it with struct.pack('>...') and the elements as '>i4' or '>f4'",
                         s->path);
    if (magic[0] != 0 || magic[1] != 0 || (magic[2] == 0 && magic[3] != 0)) /* a size, as of HEIC */
        return not_idx(s, magic);
    if (!find_type(magic[2]))
        return unknown_type(s, magic);
    if (magic[3] < 1 || magic[3] > INV_IDX_RANK_MAX)
        return INV_ERROR(INV_EFORMAT, "%s: an IDX array of %d dimensions; 1 to %d are read",
                         s->path, magic[3], INV_IDX_RANK_MAX);
    return INV_OK;
}

/* Reads header bytes, all of which have to be there. */
static inv_status read_header_bytes(source *s, unsigned char *bytes, size_t size)
{
    size_t got = 0;
    inv_status status = source_read(s, bytes, size, &got);
    if (status == INV_OK && s->file_size == 0)
        status =
            INV_ERROR(INV_EFORMAT, "%s: truncated to nothing; copy or download it again", s->path);
    else if (status == INV_OK && got < size)
        status = INV_ERROR(INV_EFORMAT, "%s: truncated: it ends within the IDX header", s->path);
    return status;
}

static inv_status read_header(source *s, inv_idx *idx)
{
    inv_status status = INV_OK;
    unsigned char bytes[HEADER_MAX];
    INV_TRY(read_header_bytes(s, bytes, 4));
    INV_TRY(check_magic(s, bytes));
    idx->type = bytes[2];
    idx->rank = bytes[3];
    INV_TRY(read_header_bytes(s, bytes, 4 * idx->rank));
    for (size_t i = 0; i < idx->rank; i++) {
        idx->dims[i] = load_big_endian(bytes + 4 * i);
        if (idx->dims[i] == 0)
            INV_FAIL(INV_EFORMAT, "%s: empty: size %zu of %zu in its header is 0", s->path, i + 1,
                     idx->rank);
    }
done:
    return status;
}

/* The bytes that may follow the header, at most: exactly so many where the file is not gzipped. */
static size_t payload_max(const source *s, const inv_idx *idx)
{
    const size_t header = 4 + 4 * idx->rank;
    size_t maximum = s->file_size > header ? s->file_size - header : 0;
    if (s->gzip && __builtin_mul_overflow(s->file_size, (size_t)DEFLATE_RATIO_MAX, &maximum))
        maximum = SIZE_MAX;
    return maximum;
}

/* Whether its sizes, read in the other byte order, are what the file holds. */
static bool are_sizes_reversed(const source *s, const inv_idx *idx)
{
    inv_idx other = *idx;
    size_t product = 0, bytes = 0;
    for (size_t i = 0; i < idx->rank; i++)
        other.dims[i] = __builtin_bswap32((uint32_t)idx->dims[i]);
    const size_t maximum = payload_max(s, idx);
    return dims_product(&other, &product, &bytes) && bytes > 0 &&
           (s->gzip ? bytes <= maximum : bytes == maximum);
}

/* Holds the sizes in the header against the bytes there are, before memory is taken for them. */
static inv_status check_size(const source *s, inv_idx *idx, size_t *bytes)
{
    char text[DIMS_TEXT];
    dims_text(idx, text);
    if (dims_product(idx, &idx->size, bytes) && *bytes <= payload_max(s, idx))
        return INV_OK;
    if (are_sizes_reversed(s, idx))
        return INV_ERROR(INV_EFORMAT,
                         "%s: the sizes in its header are little-endian; IDX files are big-endian: "
                         "in Python, write them with struct.pack('>...')",
                         s->path);
    return INV_ERROR(INV_EFORMAT,
                     "%s: truncated, or its header is wrong: that says %s %ss, more than its %zu%s "
                     "bytes can hold; copy or download it again",
                     s->path, text, inv_idx_type_name(idx->type), s->file_size,
                     s->gzip ? " compressed" : "");
}

static inv_status read_payload(source *s, inv_idx *idx, size_t size)
{
    inv_status status = INV_OK;
    void *memory = NULL;
    unsigned char extra;
    char text[DIMS_TEXT];
    size_t got = 0;
    dims_text(idx, text);
    INV_TRY(inv_calloc(size, 1, s->path, &memory));
    idx->data = memory;
    INV_TRY(source_read(s, idx->data, size, &got));
    if (got < size)
        INV_FAIL(INV_EFORMAT,
                 "%s: truncated: %zu of the %zu bytes its header says are there; copy or download "
                 "it again",
                 s->path, got, size);
    source_digest(s, idx->sha256);
    /* this is also what brings a gzip stream to its checksum */
    INV_TRY(source_read(s, &extra, 1, &got));
    if (got > 0)
        INV_FAIL(
            INV_EFORMAT,
            "%s: goes on after the %zu bytes its header says (%s %ss); the header is wrong, or "
            "the file is of two",
            s->path, size, text, inv_idx_type_name(idx->type));
    swap_elements(idx->data, inv_idx_type_size(idx->type), idx->size);
done:
    return status;
}

inv_status inv_idx_read(const char *path, inv_idx **out)
{
    inv_status status = INV_OK;
    source *s = NULL;
    inv_idx *idx = NULL;
    void *memory = NULL;
    size_t bytes = 0;
    *out = NULL;
    INV_TRY(source_open(path, &s));
    INV_TRY(inv_calloc(1, sizeof *idx, path, &memory));
    idx = memory;
    INV_TRY(read_header(s, idx));
    INV_TRY(check_size(s, idx, &bytes));
    INV_TRY(read_payload(s, idx, bytes));
    *out = idx;
    idx = NULL;
done:
    inv_idx_free(idx);
    source_close(s);
    return status;
}

void inv_idx_free(inv_idx *idx)
{
    if (!idx)
        return;
    free(idx->data);
    free(idx);
}

/* ---- writing ---- */

static inv_status check_dims(const char *path, const inv_idx *idx, size_t *bytes)
{
    size_t product = 0;
    if (!find_type(idx->type))
        return INV_ERROR(INV_EINVAL, "%s: 0x%02x is no type of IDX elements", path,
                         (unsigned)idx->type);
    if (idx->rank < 1 || idx->rank > INV_IDX_RANK_MAX)
        return INV_ERROR(INV_EINVAL, "%s: an IDX array of %zu dimensions; 1 to %d are written",
                         path, idx->rank, INV_IDX_RANK_MAX);
    if (!dims_product(idx, &product, bytes) || product != idx->size || product == 0)
        return INV_ERROR(INV_EINVAL, "%s: the sizes do not multiply to the %zu elements to write",
                         path, idx->size);
    for (size_t i = 0; i < idx->rank; i++)
        if (idx->dims[i] > UINT32_MAX)
            return INV_ERROR(INV_EINVAL, "%s: a size of %zu does not fit in the IDX format", path,
                             idx->dims[i]);
    return INV_OK;
}

static void make_header(const inv_idx *idx, unsigned char *header)
{
    const unsigned char magic[4] = {0, 0, (unsigned char)idx->type, (unsigned char)idx->rank};
    memcpy(header, magic, 4);
    for (size_t i = 0; i < idx->rank; i++)
        for (size_t byte = 0; byte < 4; byte++)
            header[4 + 4 * i + byte] = (unsigned char)(idx->dims[i] >> (24 - 8 * byte));
}

/* Header and elements as they stand in a file; the caller frees. */
static inv_status make_file(const char *path, const inv_idx *idx, unsigned char **out, size_t *size)
{
    const size_t header = 4 + 4 * idx->rank;
    size_t bytes = 0;
    void *memory = NULL;
    inv_status status = check_dims(path, idx, &bytes);
    if (status == INV_OK)
        status = inv_calloc(header + bytes, 1, path, &memory);
    if (status != INV_OK)
        return status;
    *out = memory;
    *size = header + bytes;
    make_header(idx, *out);
    memcpy(*out + header, idx->data, bytes);
    swap_elements(*out + header, inv_idx_type_size(idx->type), idx->size);
    return INV_OK;
}

/* Gives all of `data` to the stream, whose avail_in is narrower than a size. */
static int deflate_all(z_stream *stream, unsigned char *data, size_t size, size_t room)
{
    int rc = Z_OK;
    stream->next_in = data;
    do {
        uInt part = size < (1u << 30) ? (uInt)size : 1u << 30;
        size_t left = room - stream->total_out;
        size -= part;
        stream->avail_in = part;
        stream->avail_out = left < (1u << 31) ? (uInt)left : 1u << 31;
        rc = deflate(stream, size == 0 ? Z_FINISH : Z_NO_FLUSH);
    } while (rc == Z_OK && size > 0);
    return rc;
}

/* *bytes gzipped, in place of them. */
static inv_status compress_file(const char *path, unsigned char **bytes, size_t *size)
{
    inv_status status = INV_OK;
    z_stream stream = {0};
    void *memory = NULL;
    size_t room;
    if (deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return INV_ERROR(INV_ENOMEM, "%s: no memory to compress", path);
    room = deflateBound(&stream, *size);
    INV_TRY(inv_calloc(room, 1, path, &memory));
    stream.next_out = memory;
    if (deflate_all(&stream, *bytes, *size, room) != Z_STREAM_END)
        INV_FAIL(INV_ENOMEM, "%s: zlib could not compress it", path);
    free(*bytes);
    *bytes = memory;
    *size = stream.total_out;
    memory = NULL;
done:
    free(memory);
    deflateEnd(&stream);
    return status;
}

inv_status inv_idx_write(const char *path, const inv_idx *idx)
{
    inv_status status = INV_OK;
    unsigned char *bytes = NULL;
    size_t size = 0, length = strlen(path);
    INV_TRY(make_file(path, idx, &bytes, &size));
    if (length >= 3 && strcmp(path + length - 3, ".gz") == 0)
        INV_TRY(compress_file(path, &bytes, &size));
    INV_TRY(inv_file_replace(path, bytes, size));
done:
    free(bytes);
    return status;
}
