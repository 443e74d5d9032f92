/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "invproj/idx.h"

Suite *idx_suite(void);

static char *folder;

static void make_folder(void)
{
    folder = support_folder();
}

static void remove_folder(void)
{
    support_remove(folder);
}

/* A [3, 2, 5] array and the SHA-256 that `sha256sum` gives for it. */
static const unsigned char good[] = {0,   0,  8,   3,   0,  0,   0,  3,   0,  0,   0,  2,
                                     0,   0,  0,   5,   17, 201, 3,  44,  0,  255, 91, 12,
                                     130, 77, 8,   99,  61, 250, 33, 7,   18, 146, 2,  219,
                                     58,  5,  173, 211, 80, 29,  64, 111, 9,  187};
static const char good_sha256[] =
    "a1d5b81418e3de1903eedd761d4909275845c35bcad8347306d0833917e82484";

static void assert_rejected(const char *path, inv_status expected, const char *why)
{
    inv_idx *idx = (inv_idx *)folder;
    ck_assert_status(inv_idx_read(path, &idx), expected);
    ck_assert_ptr_null(idx);
    ck_assert_message_has(path);
    ck_assert_message_has(why);
}

/* The same bytes, as they are and gzipped under a name that does not say so. */
static void assert_bytes_rejected(const void *bytes, size_t size, const char *why)
{
    const char *raw = support_at(folder, "raw"), *packed = support_at(folder, "packed");
    size_t gzipped = 0;
    unsigned char *gz = support_gzip(bytes, size, &gzipped);
    support_write(raw, bytes, size);
    support_write(packed, gz, gzipped);
    free(gz);
    assert_rejected(raw, INV_EFORMAT, why);
    assert_rejected(packed, INV_EFORMAT, why);
}

static void assert_good(const char *path)
{
    inv_idx *idx = NULL;
    ck_assert_status(inv_idx_read(path, &idx), INV_OK);
    ck_assert_uint_eq(idx->rank, 3);
    ck_assert_uint_eq(idx->dims[0], 3);
    ck_assert_uint_eq(idx->dims[1], 2);
    ck_assert_uint_eq(idx->dims[2], 5);
    ck_assert_uint_eq(idx->size, 30);
    ck_assert_mem_eq(idx->data, good + 16, 30);
    ck_assert_str_eq(idx->sha256, good_sha256);
    inv_idx_free(idx);
}

START_TEST(reads_raw_and_gzipped_alike)
{
    const char *raw = support_at(folder, "raw"), *packed = support_at(folder, "packed.gz");
    size_t gzipped = 0, half = 0;
    unsigned char *gz = support_gzip(good, sizeof good, &gzipped);
    support_write(raw, good, sizeof good);
    support_write(packed, gz, gzipped);
    assert_good(raw);
    assert_good(packed);
    free(gz);
    /* two gzip streams one after the other are one file, to gzip and so to us */
    gz = support_gzip(good, 21, &half);
    unsigned char *rest = support_gzip(good + 21, sizeof good - 21, &gzipped);
    unsigned char *both = malloc(half + gzipped);
    ck_assert_ptr_nonnull(both);
    memcpy(both, gz, half);
    memcpy(both + half, rest, gzipped);
    support_write(packed, both, half + gzipped);
    assert_good(packed);
    free(gz);
    free(rest);
    free(both);
}
END_TEST

START_TEST(refuses_what_is_no_file)
{
    const char *fifo = support_at(folder, "fifo");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    assert_rejected(support_at(folder, "none"), INV_EIO, "No such file");
    assert_rejected(folder, INV_EIO, "is a folder");
    assert_rejected(fifo, INV_EIO, "is not a regular file");
    inv_idx_free(NULL);
}
END_TEST

/* `good` with one byte another. */
static void assert_byte_rejected(size_t at, unsigned char value, const char *why)
{
    unsigned char bytes[sizeof good];
    memcpy(bytes, good, sizeof good);
    bytes[at] = value;
    assert_bytes_rejected(bytes, sizeof bytes, why);
}

START_TEST(refuses_wrong_headers)
{
    assert_byte_rejected(0, 0x50, "not an IDX file: it begins with 50 00");
    assert_byte_rejected(1, 0x4b, "not an IDX file: it begins with 00 4b");
    assert_byte_rejected(2, 0x0a, "type 0x0a");
    assert_byte_rejected(2, 0x0f, "type 0x0f");
    assert_byte_rejected(3, 0, "0 dimensions");
    assert_byte_rejected(3, 5, "5 dimensions");
    assert_byte_rejected(3, 255, "255 dimensions");
    assert_byte_rejected(7, 0, "size 1 of 3 in its header is 0");
    assert_byte_rejected(11, 0, "size 2 of 3");
    assert_byte_rejected(15, 0, "size 3 of 3");
    assert_byte_rejected(7, 4, "truncated"); /* one image more than there is */
    assert_byte_rejected(7, 2,
                         "goes on after the 20 bytes its header says (2 x 2 x 5 unsigned bytes)");
    assert_bytes_rejected("a page of HTML, perhaps", 23, "not an IDX file");
}
END_TEST

/* What people give in place of one, named; a table of what it begins with. */
START_TEST(says_what_is_no_idx_file)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *what;
    } cases[] = {
        {"PK\3\4\24\0\0\0\10\0", 10, "not an IDX file but a ZIP archive; unpack it"},
        {"\n<!DOCTYPE html><html lang=\"en\">", 33, "but a web page; the download failed"},
        {"\xff\xd8\xff\xe0\0\20JFIF\0", 11, "but a JPEG picture; invproj pack"},
        {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, "but a PNG picture"},
        {"\x89HDF\r\n\x1a\n\0\0", 10, "but an HDF5 file"},
        {"version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_bytes_rejected(cases[i].bytes, cases[i].size, cases[i].what);
}
END_TEST

START_TEST(says_that_gzip_is_double)
{
    size_t once = 0, twice = 0;
    unsigned char *gz = support_gzip(good, sizeof good, &once);
    unsigned char *both = support_gzip(gz, once, &twice);
    support_write(support_at(folder, "double.gz"), both, twice);
    assert_rejected(support_at(folder, "double.gz"), INV_EFORMAT,
                    "unpacked, not an IDX file but a gzip file; unpack it with gunzip");
    free(gz);
    free(both);
}
END_TEST

/* Four bytes a word, all turned around, or only those of the sizes. */
START_TEST(says_that_headers_are_little_endian)
{
    unsigned char all[sizeof good], sizes[sizeof good];
    memcpy(all, good, sizeof good);
    memcpy(sizes, good, sizeof good);
    for (size_t i = 0; i < 16; i++) {
        all[i] = good[i / 4 * 4 + 3 - i % 4];
        sizes[i] = i < 4 ? good[i] : all[i];
    }
    assert_bytes_rejected(all, sizeof all, "its header is little-endian");
    ck_assert_message_has("struct.pack('>...')");
    assert_bytes_rejected(sizes, sizeof sizes, "the sizes in its header are little-endian");
}
END_TEST

START_TEST(refuses_sizes_beyond_the_file)
{
    unsigned char images[] = {0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0, 255, 255, 41};
    unsigned char overflow[24] = {0, 0, 8, 4};
    memset(overflow + 4, 0xff, 16);
    assert_bytes_rejected(images, sizeof images, "4294967295 x 65535 x 65535 unsigned bytes");
    assert_bytes_rejected(overflow, sizeof overflow,
                          "4294967295 x 4294967295 x 4294967295 x 4294967295 unsigned bytes");
    for (size_t i = 4; i < sizeof overflow; i++)
        overflow[i] = i % 4 == 1; /* 65536 four times: a product that wraps to nothing */
    assert_bytes_rejected(overflow, sizeof overflow,
                          "65536 x 65536 x 65536 x 65536 unsigned bytes");
    ck_assert_int_eq(strchr(inv_error_message(), '\n') == NULL, 1);
}
END_TEST

START_TEST(refuses_every_truncation)
{
    size_t gzipped = 0;
    unsigned char *gz = support_gzip(good, sizeof good, &gzipped);
    const char *raw = support_at(folder, "raw"), *packed = support_at(folder, "packed.gz");
    for (size_t size = 0; size < sizeof good; size++) {
        support_write(raw, good, size);
        assert_rejected(raw, INV_EFORMAT, "truncated");
    }
    for (size_t size = 0; size < gzipped; size++) {
        support_write(packed, gz, size);
        assert_rejected(packed, INV_EFORMAT, "truncated");
    }
    free(gz);
}
END_TEST

START_TEST(refuses_bytes_after_the_end)
{
    unsigned char longer[sizeof good + 1], *gz = NULL;
    size_t gzipped = 0;
    memcpy(longer, good, sizeof good);
    longer[sizeof good] = 0;
    assert_bytes_rejected(longer, sizeof longer, "goes on after the 30 bytes");
    /* behind the gzip stream, where zlib's gzread would not look */
    const char *packed = support_at(folder, "packed.gz");
    unsigned char *zipped = support_gzip(good, sizeof good, &gzipped);
    gz = malloc(gzipped + 5);
    ck_assert_ptr_nonnull(gz);
    memcpy(gz, zipped, gzipped);
    free(zipped);
    memcpy(gz + gzipped, "extra", 5);
    for (size_t extra = 1; extra <= 5; extra++) {
        support_write(packed, gz, gzipped + extra);
        assert_rejected(packed, INV_EFORMAT, "goes on after its gzip data");
    }
    memcpy(gz + gzipped, "\x1f\x8b!!", 4);
    support_write(packed, gz, gzipped + 4);
    assert_rejected(packed, INV_EFORMAT, "damaged gzip data");
    free(gz);
}
END_TEST

/* Whatever bit flips, the bytes are those that were written, or the file is refused. */
START_TEST(no_flipped_bit_changes_the_data)
{
    size_t gzipped = 0, refused = 0;
    unsigned char *gz = support_gzip(good, sizeof good, &gzipped);
    const char *packed = support_at(folder, "packed.gz");
    for (size_t bit = 0; bit < 8 * gzipped; bit++) {
        inv_idx *idx = NULL;
        gz[bit / 8] ^= (unsigned char)(1 << bit % 8);
        support_write(packed, gz, gzipped);
        gz[bit / 8] ^= (unsigned char)(1 << bit % 8);
        inv_status status = inv_idx_read(packed, &idx);
        if (status == INV_OK)
            ck_assert_str_eq(idx->sha256, good_sha256);
        else
            ck_assert_status(status, INV_EFORMAT);
        refused += status != INV_OK;
        inv_idx_free(idx);
    }
    ck_assert_uint_ge(refused, 8 * (gzipped - 10)); /* only gzip's own header has idle bits */
    free(gz);
}
END_TEST

/* Each type's elements, as they must stand in the file, big-endian, and as numbers. */
static const struct {
    inv_idx_type type;
    size_t width;
    unsigned char bytes[24];
    double values[3];
} typed[] = {
    {INV_IDX_UBYTE, 1, {7, 255, 130}, {7, 255, 130}},
    {INV_IDX_BYTE, 1, {7, 0xff, 0x80}, {7, -1, -128}},
    {INV_IDX_SHORT, 2, {0x12, 0x34, 0xff, 0xfe, 0x80, 0}, {4660, -2, -32768}},
    {INV_IDX_INT,
     4,
     {0, 1, 2, 3, 0xff, 0xff, 0xff, 0x85, 0x7f, 0xff, 0xff, 0xff},
     {66051, -123, 2147483647}},
    {INV_IDX_FLOAT,
     4,
     {0x3f, 0x40, 0, 0, 0xc0, 0x20, 0, 0, 0x42, 0xf6, 0x80, 0},
     {0.75, -2.5, 123.25}},
    {INV_IDX_DOUBLE,
     8,
     {0x3f, 0xe8, 0, 0, 0, 0, 0, 0, 0xc0, 0x04, 0, 0, 0, 0, 0, 0, 0x40, 0x5e, 0xd0, 0, 0, 0, 0, 0},
     {0.75, -2.5, 123.25}},
};

#define TYPED (sizeof typed / sizeof *typed)

START_TEST(reads_and_writes_every_type)
{
    for (size_t t = 0; t < TYPED; t++) {
        unsigned char file[8 + 24] = {0, 0, (unsigned char)typed[t].type, 1, 0, 0, 0, 3};
        const size_t size = 8 + 3 * typed[t].width;
        const char *path = support_at(folder, "typed"), *copy = support_at(folder, "copy");
        float floats[2] = {0, 0};
        double low = 0, high = 0;
        size_t written = 0;
        inv_idx *idx = NULL;
        memcpy(file + 8, typed[t].bytes, 24);
        support_write(path, file, size);
        ck_assert_status(inv_idx_read(path, &idx), INV_OK);
        ck_assert_int_eq(idx->type, typed[t].type);
        ck_assert_uint_eq(inv_idx_type_size(idx->type), typed[t].width);
        ck_assert_uint_eq(idx->size, 3);
        inv_idx_floats(idx->type, idx->data, 1, 2, 0.75, floats);
        for (size_t i = 0; i < 2; i++)
            ck_assert_float_eq(floats[i], (float)(typed[t].values[1 + i] / 0.75));
        ck_assert_uint_eq(inv_idx_range(idx->type, idx->data, 3, &low, &high), 3);
        const double *v = typed[t].values;
        ck_assert_double_eq(low, fmin(v[0], fmin(v[1], v[2])));
        ck_assert_double_eq(high, fmax(v[0], fmax(v[1], v[2])));
        ck_assert_status(inv_idx_write(copy, idx), INV_OK);
        unsigned char *back = support_read(copy, &written);
        ck_assert_uint_eq(written, size);
        ck_assert_mem_eq(back, file, size);
        free(back);
        inv_idx_free(idx);
        support_write(path, file, size - 1);
        assert_rejected(path, INV_EFORMAT, "truncated");
        support_write(path, file, size + (size < sizeof file));
        if (size < sizeof file)
            assert_rejected(path, INV_EFORMAT, "goes on after");
    }
    ck_assert_uint_eq(inv_idx_type_size(0x0a), 0);
    ck_assert_str_eq(inv_idx_type_name(0x0a), "unknown");
}
END_TEST

START_TEST(finds_what_is_not_finite)
{
    const float floats[] = {1.5f, -3.0f, INFINITY, NAN};
    const double doubles[] = {1e300, NAN};
    double low = 0, high = 0;
    ck_assert_uint_eq(inv_idx_range(INV_IDX_FLOAT, floats, 4, &low, &high), 2);
    ck_assert_uint_eq(inv_idx_range(INV_IDX_FLOAT, floats, 2, &low, &high), 2);
    ck_assert_double_eq(low, -3.0);
    ck_assert_uint_eq(inv_idx_range(INV_IDX_DOUBLE, doubles, 2, &low, &high), 1);
}
END_TEST

START_TEST(knows_each_types_white)
{
    ck_assert_double_eq(inv_idx_full_scale(INV_IDX_UBYTE, 3), 255);
    ck_assert_double_eq(inv_idx_full_scale(INV_IDX_BYTE, 3), 127);
    ck_assert_double_eq(inv_idx_full_scale(INV_IDX_SHORT, 255), 255);
    ck_assert_double_eq(inv_idx_full_scale(INV_IDX_SHORT, 256), 32767);
    ck_assert_double_eq(inv_idx_full_scale(INV_IDX_INT, 200), 255);
    ck_assert_double_eq(inv_idx_full_scale(INV_IDX_INT, 65535), 65535);
    ck_assert_double_eq(inv_idx_full_scale(INV_IDX_INT, 65536), 2147483647);
    ck_assert_double_eq(inv_idx_full_scale(INV_IDX_FLOAT, 255), 1);
    ck_assert_double_eq(inv_idx_full_scale(INV_IDX_DOUBLE, 0.1), 1);
}
END_TEST

/* Enough irregular bytes for many input buffers and chunks. */
static inv_idx make_large(void)
{
    inv_idx idx = {.type = INV_IDX_UBYTE, .rank = 2, .dims = {1201, 977}, .size = 1201 * 977};
    unsigned char *data = idx.data = malloc(idx.size);
    ck_assert_ptr_nonnull(data);
    uint32_t state = 12345;
    for (size_t i = 0; i < idx.size; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = i % 7 < 3 ? (unsigned char)(state >> 24) : (unsigned char)(i / 5);
    }
    return idx;
}

START_TEST(writes_what_it_reads)
{
    static const char *const names[] = {"large", "large.gz"};
    char sha256[2][INV_SHA256_TEXT];
    inv_idx large = make_large();
    for (size_t i = 0; i < 2; i++) {
        inv_idx *back = NULL;
        struct stat info;
        const char *path = support_at(folder, names[i]);
        ck_assert_status(inv_idx_write(path, &large), INV_OK);
        ck_assert_int_eq(stat(path, &info), 0);
        ck_assert_int_eq(info.st_size == (off_t)(12 + large.size), i == 0);
        ck_assert_status(inv_idx_read(path, &back), INV_OK);
        ck_assert_uint_eq(back->rank, 2);
        ck_assert_uint_eq(back->dims[0], 1201);
        ck_assert_uint_eq(back->dims[1], 977);
        ck_assert_mem_eq(back->data, large.data, large.size);
        memcpy(sha256[i], back->sha256, INV_SHA256_TEXT);
        inv_idx_free(back);
    }
    ck_assert_str_eq(sha256[0], sha256[1]);
    ck_assert_uint_eq(support_entries(folder), 2);
    free(large.data);
}
END_TEST

START_TEST(refuses_damage_in_a_large_file)
{
    inv_idx large = make_large();
    const char *path = support_at(folder, "large.gz");
    size_t size = 0;
    ck_assert_status(inv_idx_write(path, &large), INV_OK);
    unsigned char *gz = support_read(path, &size);
    for (size_t i = 1; i < 12; i++) {
        size_t at = size * i / 12 + 13 * i;
        gz[at] ^= 0x5a;
        support_write(path, gz, size);
        assert_rejected(path, INV_EFORMAT, "large.gz: ");
        gz[at] ^= 0x5a;
        support_write(path, gz, at);
        assert_rejected(path, INV_EFORMAT, "truncated");
    }
    free(gz);
    free(large.data);
}
END_TEST

START_TEST(refuses_to_write_nonsense)
{
    unsigned char data[30] = {5, 9};
    const char *path = support_at(folder, "out");
    inv_idx idx = {.type = INV_IDX_UBYTE, .rank = 3, .dims = {3, 2, 5}, .size = 30, .data = data};
    idx.rank = 5;
    ck_assert_status(inv_idx_write(path, &idx), INV_EINVAL);
    idx.rank = 0;
    ck_assert_status(inv_idx_write(path, &idx), INV_EINVAL);
    idx.rank = 3;
    idx.size = 29;
    ck_assert_status(inv_idx_write(path, &idx), INV_EINVAL);
    idx = (inv_idx){.type = INV_IDX_UBYTE,
                    .rank = 1,
                    .dims = {(size_t)1 << 32},
                    .size = (size_t)1 << 32,
                    .data = data};
    ck_assert_status(inv_idx_write(path, &idx), INV_EINVAL);
    ck_assert_message_has("4294967296");
    idx = (inv_idx){.type = INV_IDX_UBYTE, .rank = 1, .dims = {0}, .size = 0, .data = data};
    ck_assert_status(inv_idx_write(path, &idx), INV_EINVAL);
    idx = (inv_idx){.type = 0x0a, .rank = 1, .dims = {30}, .size = 30, .data = data};
    ck_assert_status(inv_idx_write(path, &idx), INV_EINVAL);
    ck_assert_message_has("0x0a is no type");
    ck_assert_uint_eq(support_entries(folder), 0);
    idx = (inv_idx){.type = INV_IDX_UBYTE, .rank = 1, .dims = {30}, .size = 30, .data = data};
    ck_assert_status(inv_idx_write(support_at(folder, "none/out.gz"), &idx), INV_EIO);
}
END_TEST

Suite *idx_suite(void)
{
    Suite *suite = suite_create("idx");
    TCase *tests = tcase_create("idx");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, reads_raw_and_gzipped_alike);
    tcase_add_test(tests, refuses_what_is_no_file);
    tcase_add_test(tests, refuses_wrong_headers);
    tcase_add_test(tests, says_what_is_no_idx_file);
    tcase_add_test(tests, says_that_gzip_is_double);
    tcase_add_test(tests, says_that_headers_are_little_endian);
    tcase_add_test(tests, refuses_sizes_beyond_the_file);
    tcase_add_test(tests, refuses_every_truncation);
    tcase_add_test(tests, refuses_bytes_after_the_end);
    tcase_add_test(tests, no_flipped_bit_changes_the_data);
    tcase_add_test(tests, reads_and_writes_every_type);
    tcase_add_test(tests, finds_what_is_not_finite);
    tcase_add_test(tests, knows_each_types_white);
    tcase_add_test(tests, writes_what_it_reads);
    tcase_add_test(tests, refuses_damage_in_a_large_file);
    tcase_add_test(tests, refuses_to_write_nonsense);
    suite_add_tcase(suite, tests);
    return suite;
}
