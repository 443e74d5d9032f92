/* The axes of images.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "invproj/dataset.h"

Suite *arrange_suite(void);

enum { N = 2, MOST = 2 * 3 * 5 * 7 };

/* An array of the sizes whose elements are their own numbers. */
static inv_idx *numbered(inv_idx_type type, size_t rank, const size_t *dims)
{
    const size_t width = inv_idx_type_size(type);
    inv_idx *idx = calloc(1, sizeof *idx);
    ck_assert_ptr_nonnull(idx);
    *idx = (inv_idx){.type = type, .rank = rank, .size = 1};
    for (size_t i = 0; i < rank; i++) {
        idx->dims[i] = dims[i];
        idx->size *= dims[i];
    }
    ck_assert_uint_le(idx->size, MOST);
    idx->data = calloc(idx->size, width);
    ck_assert_ptr_nonnull(idx->data);
    for (size_t i = 0; i < idx->size; i++) {
        const double real = (double)i;
        const int16_t whole = (int16_t)i;
        memcpy((unsigned char *)idx->data + i * width,
               type == INV_IDX_DOUBLE ? (const void *)&real : &whole, width);
    }
    return idx;
}

static void assert_arranged(inv_idx *idx, const char *axes, bool transpose, const char *expected)
{
    const char *read_as = NULL;
    ck_assert_status(inv_images_arrange("here", axes, transpose, idx, &read_as), INV_OK);
    ck_assert_str_eq(read_as, expected);
}

/* Element (i, y, x, c), channels last. */
static size_t element(const inv_idx *idx, size_t i, size_t y, size_t x, size_t c)
{
    const inv_shape s = inv_images_shape(idx);
    float value = 0.0f;
    inv_idx_floats(idx->type, idx->data, ((i * s.height + y) * s.width + x) * s.channels + c, 1,
                   1.0, &value);
    return (size_t)value;
}

/* The naive twin: what stands at (i, y, x, c) came from (i, c, y, x), or (i, c, x, y) transposed. */
START_TEST(channels_come_last)
{
    enum { C = 3, H = 5, W = 7 };
    const inv_idx_type type = _i / 2 ? INV_IDX_DOUBLE : INV_IDX_SHORT;
    const bool transpose = _i % 2;
    inv_idx *idx = numbered(type, 4, (const size_t[]){N, C, H, W});
    assert_arranged(idx, "", transpose, "nchw");
    const inv_shape s = inv_images_shape(idx);
    ck_assert_uint_eq(s.height, transpose ? W : H);
    ck_assert_uint_eq(s.width, transpose ? H : W);
    ck_assert_uint_eq(s.channels, C);
    for (size_t i = 0; i < N; i++)
        for (size_t c = 0; c < C; c++)
            for (size_t y = 0; y < s.height; y++)
                for (size_t x = 0; x < s.width; x++)
                    ck_assert_uint_eq(element(idx, i, y, x, c),
                                      ((i * C + c) * H + (transpose ? x : y)) * W +
                                          (transpose ? y : x));
    inv_idx_free(idx);
}
END_TEST

/* Two images of [5, 7, channels]: (i, y, x, c) comes from (i, x, y, c). */
START_TEST(rows_and_columns_change_places)
{
    const size_t channels = _i ? 3 : 1, rank = _i ? 4 : 3;
    inv_idx *idx = numbered(INV_IDX_SHORT, rank, (const size_t[]){N, 5, 7, channels});
    assert_arranged(idx, "", true, rank == 4 ? "nhwc" : "");
    ck_assert_uint_eq(idx->dims[1], 7);
    ck_assert_uint_eq(idx->dims[2], 5);
    for (size_t i = 0; i < N; i++)
        for (size_t y = 0; y < 7; y++)
            for (size_t x = 0; x < 5; x++)
                for (size_t c = 0; c < channels; c++)
                    ck_assert_uint_eq(element(idx, i, y, x, c),
                                      ((i * 5 + x) * 7 + y) * channels + c);
    assert_arranged(idx, "", true, rank == 4 ? "nhwc" : ""); /* and back */
    for (size_t i = 0; i < idx->size; i++)
        ck_assert_int_eq(((int16_t *)idx->data)[i], (int16_t)i);
    inv_idx_free(idx);
}
END_TEST

/* What the sizes tell, or the caller where they do not. */
START_TEST(tells_axes_by_their_sizes)
{
    static const struct {
        size_t dims[4];
        const char *told, *axes; /* axes NULL: refused */
        size_t height, width, channels;
    } cases[] = {
        {{1, 1, 6, 4}, "", "nchw", 6, 4, 1},     {{1, 3, 6, 4}, "", "nchw", 6, 4, 3},
        {{1, 6, 4, 1}, "", "nhwc", 6, 4, 1},     {{1, 6, 4, 3}, "", "nhwc", 6, 4, 3},
        {{1, 6, 4, 3}, "nchw", "nchw", 4, 3, 6}, {{1, 3, 6, 4}, "nhwc", "nhwc", 3, 6, 4},
        {{1, 6, 4, 2}, "", NULL, 0, 0, 0},       {{1, 2, 6, 4}, "", NULL, 0, 0, 0},
        {{1, 3, 6, 3}, "", NULL, 0, 0, 0},       {{1, 1, 6, 3}, "", NULL, 0, 0, 0},
        {{1, 6, 4, 2}, "nhwc", "nhwc", 6, 4, 2}, {{1, 2, 6, 4}, "nchw", "nchw", 6, 4, 2},
        {{1, 1, 6, 3}, "nchw", "nchw", 6, 3, 1}, {{1, 1, 6, 3}, "nhwc", "nhwc", 1, 6, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *read_as = NULL;
        inv_idx *idx = numbered(INV_IDX_SHORT, 4, cases[i].dims);
        if (cases[i].axes) {
            assert_arranged(idx, cases[i].told, false, cases[i].axes);
            const inv_shape s = inv_images_shape(idx);
            ck_assert_uint_eq(s.height, cases[i].height);
            ck_assert_uint_eq(s.width, cases[i].width);
            ck_assert_uint_eq(s.channels, cases[i].channels);
        } else {
            ck_assert_status(inv_images_arrange("here", "", false, idx, &read_as), INV_EDATA);
            ck_assert_message_has("here: 1 x ");
            ck_assert_message_has("set data.axes to \"nhwc\" (they are last) or \"nchw\"");
        }
        inv_idx_free(idx);
    }
}
END_TEST

START_TEST(leaves_and_refuses_other_ranks)
{
    const char *read_as = NULL;
    inv_idx *lines = numbered(INV_IDX_SHORT, 2, (const size_t[]){4, 6});
    inv_idx *row = numbered(INV_IDX_SHORT, 1, (const size_t[]){4});
    assert_arranged(lines, "", false, "");
    ck_assert_uint_eq(inv_images_shape(lines).width, 6);
    ck_assert_status(inv_images_arrange("here", "", true, lines, &read_as), INV_EDATA);
    ck_assert_message_has("here: data.transpose: its images are one line each");
    ck_assert_status(inv_images_arrange("here", "", false, row, &read_as), INV_EFORMAT);
    ck_assert_message_has("here: holds an array of 1 dimension,");
    inv_idx_free(lines);
    inv_idx_free(row);
}
END_TEST

START_TEST(an_order_that_is_none_is_refused)
{
    static const size_t dims[] = {N, 3, 5, 7};
    static const char *const bad[] = {"hwcn", "NHWC", "nhw", "nhwcx"};
    for (size_t rank = 3; rank <= 4; rank++)
        for (size_t b = 0; b < 4; b++) {
            inv_idx *idx = numbered(INV_IDX_UBYTE, rank, dims);
            const char *read_as = NULL;
            ck_assert_status(inv_images_arrange("here", bad[b], false, idx, &read_as), INV_EINVAL);
            ck_assert_message_has("is not an order of axes; use nhwc or nchw");
            inv_idx_free(idx);
        }
}
END_TEST

Suite *arrange_suite(void)
{
    Suite *suite = suite_create("arrange");
    TCase *tests = tcase_create("arrange");
    tcase_add_loop_test(tests, channels_come_last, 0, 4);
    tcase_add_loop_test(tests, rows_and_columns_change_places, 0, 2);
    tcase_add_test(tests, tells_axes_by_their_sizes);
    tcase_add_test(tests, leaves_and_refuses_other_ranks);
    tcase_add_test(tests, an_order_that_is_none_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
