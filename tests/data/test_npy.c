/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "invproj/npy.h"

Suite *npy_suite(void);

static char *folder;

static void make_folder(void)
{
    folder = support_folder();
}

static void remove_folder(void)
{
    support_remove(folder);
}

/* What numpy.save of NumPy 2.4.6 wrote of np.asfortranarray([[[1, 2, 3], [4, 5, 6]]], dtype '>i2'),
 * and the SHA-256 that `sha256sum` gives for it. */
static const unsigned char of_numpy[] =
    "\x93NUMPY\x01\x00v\x00{'descr': '>i2', 'fortran_order': True, 'shape': (1, 2, 3), }"
    "                                                        \n"
    "\x00\x01\x00\x04\x00\x02\x00\x05\x00\x03\x00\x06";
#define OF_NUMPY "5ef92a332471480f5562224cdaf8afbdfdfb960817f15107a853f92e512cad67"

static const char *write_npy(const char *dictionary, const void *data, size_t data_size)
{
    size_t size = 0;
    const char *path = support_at(folder, "a.npy");
    unsigned char *bytes = support_npy(dictionary, data, data_size, &size);
    support_write(path, bytes, size);
    free(bytes);
    return path;
}

static inv_idx *read_good(const char *path)
{
    inv_idx *idx = NULL;
    ck_assert_status(inv_npy_read(path, &idx), INV_OK);
    ck_assert_ptr_nonnull(idx);
    return idx;
}

static void assert_refused(const char *path, inv_status expected, const char *why)
{
    inv_idx *idx = (inv_idx *)folder;
    ck_assert_status(inv_npy_read(path, &idx), expected);
    ck_assert_ptr_null(idx);
    ck_assert_message_has(path);
    ck_assert_message_has(why);
}

START_TEST(reads_what_numpy_writes)
{
    const int16_t expected[] = {1, 2, 3, 4, 5, 6};
    const char *path = support_at(folder, "a.npy");
    support_write(path, of_numpy, sizeof of_numpy - 1);
    inv_idx *idx = read_good(path);
    ck_assert_uint_eq(idx->type, INV_IDX_SHORT);
    ck_assert_uint_eq(idx->rank, 3);
    ck_assert_uint_eq(idx->dims[0], 1);
    ck_assert_uint_eq(idx->dims[1], 2);
    ck_assert_uint_eq(idx->dims[2], 3);
    ck_assert_uint_eq(idx->size, 6);
    ck_assert_mem_eq(idx->data, expected, sizeof expected);
    ck_assert_str_eq(idx->sha256, OF_NUMPY);
    inv_idx_free(idx);
}
END_TEST

/* ---- every type ---- */

/* Element i of 3, as the type has it, in the order of the processor. */
static size_t put_element(const char *type, size_t i, unsigned char *to)
{
    static const double values[] = {0, 1, 77};
    const double v = values[i];
    const uint16_t halves[] = {0x0000, 0x3c00, 0x54d0}; /* 0, 1, 77 as binary16 */
    switch (type[0] << 8 | type[1]) {
    case 'b' << 8 | '1':
        *to = v != 0;
        return 1;
    case 'u' << 8 | '1':
    case 'i' << 8 | '1':
        *to = (unsigned char)v;
        return 1;
    case 'u' << 8 | '2':
    case 'i' << 8 | '2':
        return memcpy(to, &(uint16_t){(uint16_t)v}, 2), 2;
    case 'u' << 8 | '4':
    case 'i' << 8 | '4':
        return memcpy(to, &(uint32_t){(uint32_t)v}, 4), 4;
    case 'u' << 8 | '8':
    case 'i' << 8 | '8':
        return memcpy(to, &(uint64_t){(uint64_t)v}, 8), 8;
    case 'f' << 8 | '2':
        return memcpy(to, &halves[i], 2), 2;
    case 'f' << 8 | '4':
        return memcpy(to, &(float){(float)v}, 4), 4;
    default:
        return memcpy(to, &v, 8), 8;
    }
}

static const struct {
    const char *type;
    inv_idx_type becomes;
} every_type[] = {
    {"b1", INV_IDX_FLOAT}, {"u1", INV_IDX_UBYTE}, {"i1", INV_IDX_BYTE},  {"u2", INV_IDX_INT},
    {"i2", INV_IDX_SHORT}, {"u4", INV_IDX_INT},   {"i4", INV_IDX_INT},   {"u8", INV_IDX_INT},
    {"i8", INV_IDX_INT},   {"f2", INV_IDX_FLOAT}, {"f4", INV_IDX_FLOAT}, {"f8", INV_IDX_DOUBLE},
};
#define EVERY_TYPE (sizeof every_type / sizeof *every_type)

/* 0, 1 and 77 (1 of bools) in both byte orders. */
START_TEST(reads_every_type_in_both_orders)
{
    const char *type = every_type[_i / 2].type;
    const int big = _i % 2;
    unsigned char data[24];
    char dictionary[96];
    float values[3] = {-1, -1, -1};
    size_t width = 0;
    for (size_t i = 0; i < 3; i++) {
        unsigned char element[8];
        width = put_element(type, i, element);
        for (size_t b = 0; b < width; b++)
            data[i * width + b] = element[big ? width - 1 - b : b];
    }
    snprintf(dictionary, sizeof dictionary,
             "{'descr': '%c%s', 'fortran_order': False, 'shape': (3,), }", big ? '>' : '<', type);
    inv_idx *idx = read_good(write_npy(dictionary, data, 3 * width));
    ck_assert_uint_eq(idx->type, every_type[_i / 2].becomes);
    inv_idx_floats(idx->type, idx->data, 0, 3, 1.0, values);
    ck_assert_float_eq(values[0], 0.0f);
    ck_assert_float_eq(values[1], 1.0f);
    ck_assert_float_eq(values[2], type[0] == 'b' ? 1.0f : 77.0f);
    inv_idx_free(idx);
}
END_TEST

/* binary16 by its definition: values of the standard's examples. */
START_TEST(half_floats_are_exact)
{
    const uint16_t halves[] = {0x0001, 0x03ff, 0x0400, 0x3555, 0x7bff, 0xc000, 0x8000};
    const float expected[] = {0x1p-24f, 0x1.ff8p-15f, 0x1p-14f, 0x1.554p-2f,
                              65504.0f, -2.0f,        -0.0f};
    inv_idx *idx = read_good(write_npy("{'descr': '<f2', 'fortran_order': False, 'shape': (7,)}",
                                       halves, sizeof halves));
    ck_assert_mem_eq(idx->data, expected, sizeof expected);
    inv_idx_free(idx);
    const uint16_t others[] = {0x7c00, 0xfc00, 0x7e00};
    idx = read_good(write_npy("{'descr': '<f2', 'fortran_order': False, 'shape': (3,)}", others,
                              sizeof others));
    const float *values = idx->data;
    ck_assert(isinf(values[0]) && values[0] > 0 && isinf(values[1]) && values[1] < 0);
    ck_assert(isnan(values[2]));
    inv_idx_free(idx);
}
END_TEST

START_TEST(wide_integers_must_fit)
{
    const int64_t longs[] = {-5, INT32_MAX, INT32_MIN};
    const int64_t over[] = {3, (int64_t)INT32_MAX + 1};
    const uint32_t words[] = {0xffffffffu};
    const uint64_t unsigned_longs[] = {1, (uint64_t)1 << 63};
    inv_idx *idx = read_good(
        write_npy("{'descr': '<i8', 'fortran_order': False, 'shape': (3,)}", longs, sizeof longs));
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(((int32_t *)idx->data)[i], longs[i]);
    inv_idx_free(idx);
    assert_refused(
        write_npy("{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}", over, sizeof over),
        INV_EDATA, "element 1 is beyond 32 bits");
    assert_refused(
        write_npy("{'descr': '<u4', 'fortran_order': False, 'shape': (1,)}", words, sizeof words),
        INV_EDATA, "element 0 is beyond 32 bits");
    assert_refused(write_npy("{'descr': '<u8', 'fortran_order': False, 'shape': (2,)}",
                             unsigned_longs, sizeof unsigned_longs),
                   INV_EDATA, "element 1 is beyond 32 bits");
}
END_TEST

/* The naive twin: element (i, j, k, l) of a column-major array stands at i + I (j + J (k + K l)). */
START_TEST(column_major_becomes_row_major)
{
    enum { I = 2, J = 3, K = 4, L = 5, N = I * J * K * L };
    unsigned char data[N];
    for (size_t i = 0; i < N; i++)
        data[i] = (unsigned char)(i * 7);
    inv_idx *idx = read_good(
        write_npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4, 5)}", data, N));
    const unsigned char *got = idx->data;
    for (size_t i = 0; i < I; i++)
        for (size_t j = 0; j < J; j++)
            for (size_t k = 0; k < K; k++)
                for (size_t l = 0; l < L; l++)
                    ck_assert_uint_eq(got[((i * J + j) * K + k) * L + l],
                                      data[i + I * (j + J * (k + K * l))]);
    inv_idx_free(idx);
}
END_TEST

/* ---- headers ---- */

START_TEST(reads_headers_as_python_may_write_them)
{
    static const char *const good[] = {
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }   \n",
        "{'shape': (2, 3), 'fortran_order': False, 'descr': '|u1'}",
        "{\"descr\":\"|u1\",\"fortran_order\":False,\"shape\":(2,3,)}",
        "{'descr': '<u1', 'fortran_order': False, 'shape': (2L, 3L), }",
        "{'descr': 'u1', 'fortran_order': False, 'shape': (2, 3), }",
        "  { 'descr' : '=u1' , 'fortran_order' : False , 'shape' : ( 2 , 3 ) }\n\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        inv_idx *idx = read_good(write_npy(good[i], "abcdef", 6));
        ck_assert_uint_eq(idx->rank, 2);
        ck_assert_uint_eq(idx->dims[0], 2);
        ck_assert_uint_eq(idx->dims[1], 3);
        ck_assert_mem_eq(idx->data, "abcdef", 6);
        inv_idx_free(idx);
    }
}
END_TEST

START_TEST(reads_all_three_versions)
{
    size_t size = 0;
    const char *text = "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }";
    const char *path = support_at(folder, "a.npy");
    for (unsigned char version = 2; version <= 3; version++) {
        unsigned char bytes[256] = "\x93NUMPY";
        bytes[6] = version;
        bytes[8] = (unsigned char)strlen(text);
        memcpy(bytes + 12, text, strlen(text));
        memcpy(bytes + 12 + strlen(text), "abcdef", 6);
        size = 12 + strlen(text) + 6;
        support_write(path, bytes, size);
        inv_idx *idx = read_good(path);
        ck_assert_mem_eq(idx->data, "abcdef", 6);
        inv_idx_free(idx);
        bytes[11] = 0x7f; /* a header of 2 GB */
        support_write(path, bytes, size);
        assert_refused(path, INV_EFORMAT, "ends within the NumPy header");
        bytes[6] = 4;
        support_write(path, bytes, size);
        assert_refused(path, INV_EFORMAT, "of version 4; 1 to 3 are read");
    }
}
END_TEST

START_TEST(refuses_other_headers)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[1]",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), ",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), } x",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': 6, }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': [6], }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-6,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6.0,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (L,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551622,), }",
        "{'descr': '|u1', 'fortran_order': 0, 'shape': (6,), }",
        "{'descr': '|u1', 'fortran_order': false, 'shape': (6,), }",
        "{'descr': |u1, 'fortran_order': False, 'shape': (6,), }",
        "{'descr': '|u1, 'fortran_order': False, 'shape': (6,), }",
        "{'descr': '\\x75', 'fortran_order': False, 'shape': (6,), }",
        "{'descr': '', 'fortran_order': False, 'shape': (6,), }",
        "{'descr': '|u1', 'shape': (6,), }",
        "{'descr': '|u1', 'fortran_order': False, 'fortran_order': False, 'shape': (6,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), 'more': 1, }",
        "{'descr': '|u1' 'fortran_order': False, 'shape': (6,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6,) 'x'}",
        "{'a_key_that_is_much_too_long': '|u1', 'fortran_order': False, 'shape': (6,), }",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(write_npy(bad[i], "abcdef", 6), INV_EFORMAT,
                       "its NumPy header is not as NumPy writes it");
}
END_TEST

START_TEST(refuses_what_are_no_numbers)
{
    static const struct {
        const char *descr, *why;
    } bad[] = {
        {"'|O'", "an array of Python objects"}, {"'<U5'", "an array of texts"},
        {"'|S3'", "an array of texts"},         {"'<c8'", "an array of complex numbers"},
        {"'|V2'", "an array of records"},       {"[('a', '<f4'), ('b', 'u1')]", "of records"},
        {"'<M8[ns]'", "an array of dates"},     {"'<f16'", "elements of type '<f16'"},
        {"'<u3'", "elements of type '<u3'"},    {"'<f'", "elements of type '<f'"},
        {"'<q8'", "elements of type '<q8'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char dictionary[128];
        snprintf(dictionary, sizeof dictionary,
                 "{'descr': %s, 'fortran_order': False, 'shape': (6,), }", bad[i].descr);
        assert_refused(write_npy(dictionary, "abcdef", 6), INV_EFORMAT, bad[i].why);
        ck_assert_message_has(".astype('float32')");
    }
}
END_TEST

START_TEST(refuses_other_sizes)
{
    static const struct {
        const char *shape, *why;
    } bad[] = {
        {"()", "an array of 0 dimensions"},
        {"(1, 1, 1, 1, 6)", "an array of 5 dimensions; 1 to 4"},
        {"(0,)", "empty: size 1 of 1 is 0"},
        {"(2, 0, 3)", "empty: size 2 of 3 is 0"},
        {"(7,)", "truncated, or its header is wrong"},
        {"(5,)", "goes on after the 5 bytes"},
        {"(4294967296, 4294967296)", "truncated"},    /* a product that wraps to nothing */
        {"(4294967296, 4294967296, 6)", "truncated"}, /* to nothing times 6 */
        {"(18446744073709551615, 2)", "truncated"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char dictionary[128];
        snprintf(dictionary, sizeof dictionary,
                 "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }", bad[i].shape);
        assert_refused(write_npy(dictionary, "abcdef", 6), INV_EFORMAT, bad[i].why);
    }
    /* elements of 8 bytes, whose number wraps as bytes */
    assert_refused(write_npy("{'descr': '<f8', 'fortran_order': False, 'shape': "
                             "(2305843009213693953,), }",
                             "abcdefgh", 8),
                   INV_EFORMAT, "truncated");
}
END_TEST

START_TEST(refuses_every_truncation)
{
    const char *path = support_at(folder, "a.npy");
    for (size_t size = 0; size < sizeof of_numpy - 1; size++) {
        support_write(path, of_numpy, size);
        assert_refused(path, INV_EFORMAT, size < 10 ? "not a NumPy file" : "truncated");
    }
    support_write(path, "\xff\xd8\xff\xe0 JFIF JFIF", 14);
    assert_refused(path, INV_EFORMAT, "not a NumPy file but a JPEG picture");
    assert_refused(support_at(folder, "none.npy"), INV_EIO, "No such file");
}
END_TEST

/* ---- archives ---- */

START_TEST(reads_archives)
{
    size_t size = 0;
    unsigned char *x = support_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }",
                                   "abcdef", 6, &size);
    const support_member members[] = {
        {"x_train.npy", x, size}, {"notes.txt", "hello", 5}, {"deep/y.npy", x, size - 1}};
    const char *path = support_at(folder, "a.npz");
    inv_npz *npz = NULL;
    inv_idx *idx = NULL, *alone = NULL;
    support_write_zip(path, members, 3, _i);
    ck_assert_status(inv_npz_open(path, &npz), INV_OK);
    ck_assert_uint_eq(inv_npz_count(npz), 2);
    ck_assert_str_eq(inv_npz_name(npz, 0), "x_train");
    ck_assert_str_eq(inv_npz_name(npz, 1), "deep/y");
    ck_assert(inv_npz_has(npz, "x_train") && !inv_npz_has(npz, "notes"));
    ck_assert_status(inv_npz_read(npz, "x_train", &idx), INV_OK);
    support_write(support_at(folder, "x.npy"), x, size);
    alone = read_good(support_at(folder, "x.npy"));
    ck_assert_mem_eq(idx->data, "abcdef", 6);
    ck_assert_str_eq(idx->sha256, alone->sha256); /* of the member, unpacked */
    ck_assert_status(inv_npz_read(npz, "deep/y", &alone), INV_EFORMAT);
    ck_assert_ptr_null(alone);
    ck_assert_message_has("a.npz: deep/y: truncated");
    ck_assert_status(inv_npz_read(npz, "z", &alone), INV_EDATA);
    ck_assert_message_has("a.npz: holds no array z");
    inv_idx_free(idx);
    inv_npz_close(npz);
    inv_npz_close(NULL);
    free(x);
}
END_TEST

START_TEST(refuses_archives_without_arrays)
{
    const support_member other = {"train-images-idx3-ubyte", "x", 1};
    inv_npz *npz = (inv_npz *)folder;
    const char *path = support_at(folder, "a.npz");
    support_write_zip(path, &other, 1, 0);
    ck_assert_status(inv_npz_open(path, &npz), INV_EFORMAT);
    ck_assert_ptr_null(npz);
    ck_assert_message_has("a ZIP archive without NumPy arrays in it; unpack it");
    support_write(path, "PK nothing", 10);
    ck_assert_status(inv_npz_open(path, &npz), INV_EFORMAT);
    ck_assert_message_has("damaged ZIP archive");
}
END_TEST

/* What NumPy itself wrote, with zip64 fields and a checksum behind the data. */
START_TEST(reads_archives_of_numpy)
{
    static const char *const files[] = {"24-cnn.npz", "25-cnn-deflated.npz"};
    const char *where = "../shared/models/zoo-torch-onnx";
    if (access(where, R_OK) != 0) {
        puts("skipped: ../shared/models/zoo-torch-onnx is not there");
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        inv_npz *npz = NULL;
        double low = 0.0, high = 0.0;
        ck_assert_status(inv_npz_open(support_at(where, files[i]), &npz), INV_OK);
        ck_assert_uint_gt(inv_npz_count(npz), 5);
        for (size_t j = 0; j < inv_npz_count(npz); j++) {
            inv_idx *idx = NULL;
            ck_assert_status(inv_npz_read(npz, inv_npz_name(npz, j), &idx), INV_OK);
            ck_assert_uint_eq(inv_idx_range(idx->type, idx->data, idx->size, &low, &high),
                              idx->size);
            ck_assert(-100.0 < low && low <= high && high < 100.0); /* weights, not noise */
            inv_idx_free(idx);
        }
        inv_npz_close(npz);
    }
}
END_TEST

Suite *npy_suite(void)
{
    Suite *suite = suite_create("npy");
    TCase *tests = tcase_create("npy");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, reads_what_numpy_writes);
    tcase_add_loop_test(tests, reads_every_type_in_both_orders, 0, 2 * EVERY_TYPE);
    tcase_add_test(tests, half_floats_are_exact);
    tcase_add_test(tests, wide_integers_must_fit);
    tcase_add_test(tests, column_major_becomes_row_major);
    tcase_add_test(tests, reads_headers_as_python_may_write_them);
    tcase_add_test(tests, reads_all_three_versions);
    tcase_add_test(tests, refuses_other_headers);
    tcase_add_test(tests, refuses_what_are_no_numbers);
    tcase_add_test(tests, refuses_other_sizes);
    tcase_add_test(tests, refuses_every_truncation);
    tcase_add_loop_test(tests, reads_archives, 0, 2);
    tcase_add_test(tests, refuses_archives_without_arrays);
    tcase_add_test(tests, reads_archives_of_numpy);
    suite_add_tcase(suite, tests);
    return suite;
}
