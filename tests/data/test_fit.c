/* Images made to fit: held to a twin that samples the old image thousands of times a pixel.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "invproj/fit.h"

Suite *fit_suite(void);

static float *irregular(size_t n)
{
    float *values = calloc(n, sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < n; i++)
        values[i] = 0.4f + 0.7f * sinf(7.31f * (float)i + 0.3f);
    return values;
}

static double old_pixel(inv_shape s, const float *from, long y, long x, size_t c)
{
    y = y < 0 ? 0 : y >= (long)s.height ? (long)s.height - 1 : y;
    x = x < 0 ? 0 : x >= (long)s.width ? (long)s.width - 1 : x;
    return from[((size_t)y * s.width + (size_t)x) * s.channels + c];
}

/* The old image at (y, x) in pixels of it, between the centres of four. */
static double between(inv_shape s, const float *from, double y, double x, size_t c)
{
    const double fy = y - floor(y), fx = x - floor(x);
    const long iy = (long)floor(y), ix = (long)floor(x);
    return (1 - fy) *
               ((1 - fx) * old_pixel(s, from, iy, ix, c) + fx * old_pixel(s, from, iy, ix + 1, c)) +
           fy * ((1 - fx) * old_pixel(s, from, iy + 1, ix, c) +
                 fx * old_pixel(s, from, iy + 1, ix + 1, c));
}

/* Pixel (y, x) of the image resized to h x w: the mean of many points of its area where it gets
 * smaller, the value at its centre where it does not. */
static double twin_pixel(inv_shape s, const float *from, size_t h, size_t w, size_t y, size_t x,
                         size_t c)
{
    enum { POINTS = 240 };
    const double ry = (double)s.height / (double)h, rx = (double)s.width / (double)w;
    double sum = 0.0;
    if (ry < 1.0)
        return between(s, from, ((double)y + 0.5) * ry - 0.5, ((double)x + 0.5) * rx - 0.5, c);
    for (int i = 0; i < POINTS; i++)
        for (int j = 0; j < POINTS; j++)
            sum += old_pixel(s, from, (long)(((double)y + (i + 0.5) / POINTS) * ry),
                             (long)(((double)x + (j + 0.5) / POINTS) * rx), c);
    return sum / POINTS / POINTS;
}

/* What is fitted into what, and the height and width it then has. */
static const struct fit_case {
    inv_shape given, wanted;
    size_t height, width;
    double tolerance;
} fit_cases[] = {
    {{20, 30, 1}, {10, 10, 1}, 7, 10, 6e-3}, {{33, 13, 1}, {12, 9, 1}, 12, 5, 6e-3},
    {{6, 4, 1}, {15, 17, 1}, 15, 10, 1e-5},  {{3, 5, 3}, {9, 9, 3}, 5, 9, 1e-5},
    {{16, 16, 3}, {8, 8, 3}, 8, 8, 1e-5},    {{1, 1, 1}, {4, 6, 1}, 4, 4, 1e-6},
    {{1, 90, 1}, {5, 9, 1}, 1, 9, 1e-5},     {{7, 6, 1}, {9, 6, 1}, 7, 6, 1e-6},
    {{14, 14, 5}, {7, 9, 5}, 7, 7, 1e-5},
};
#define FIT_CASES ((int)(sizeof fit_cases / sizeof *fit_cases))

START_TEST(fits_like_its_twin)
{
    const struct fit_case *k = &fit_cases[_i];
    const inv_shape w = k->wanted;
    const size_t top = (w.height - k->height) / 2, left = (w.width - k->width) / 2;
    float *from = irregular(inv_shape_size(k->given)), *to = irregular(inv_shape_size(w));
    ck_assert_status(inv_fit_image(k->given, from, w, 0.37f, to), INV_OK);
    for (size_t y = 0; y < w.height; y++)
        for (size_t x = 0; x < w.width; x++)
            for (size_t c = 0; c < w.channels; c++) {
                const bool inside =
                    y >= top && y < top + k->height && x >= left && x < left + k->width;
                const double twin =
                    inside ? twin_pixel(k->given, from, k->height, k->width, y - top, x - left, c)
                           : (double)0.37f;
                ck_assert_double_eq_tol(to[(y * w.width + x) * w.channels + c], twin, k->tolerance);
            }
    free(from);
    free(to);
}
END_TEST

START_TEST(what_fits_stays_as_it_is)
{
    const inv_shape shape = {28, 28, 1};
    float *from = irregular(784), *to = irregular(784);
    ck_assert_status(inv_fit_image(shape, from, shape, 0.0f, to), INV_OK);
    ck_assert_mem_eq(to, from, 784 * sizeof *to);
    free(from);
    free(to);
}
END_TEST

START_TEST(grey_and_colour_stand_for_each_other)
{
    const inv_shape grey = {3, 4, 1}, colour = {3, 4, 3};
    float *rgb = irregular(36), to[36];
    ck_assert_status(inv_fit_image(colour, rgb, grey, 0.0f, to), INV_OK);
    for (size_t i = 0; i < 12; i++)
        ck_assert_float_eq_tol(
            to[i], 0.299f * rgb[3 * i] + 0.587f * rgb[3 * i + 1] + 0.114f * rgb[3 * i + 2], 1e-6f);
    ck_assert_status(inv_fit_image(grey, rgb, colour, 0.0f, to), INV_OK);
    for (size_t i = 0; i < 36; i++)
        ck_assert_float_eq(to[i], rgb[i / 3]);
    to[0] = -7.25f;
    ck_assert_status(inv_fit_image((inv_shape){3, 4, 2}, rgb, grey, 0.0f, to), INV_EDATA);
    ck_assert_message_has("2 channels cannot be made to have 1");
    ck_assert_status(inv_fit_image(colour, rgb, (inv_shape){3, 4, 4}, 0.0f, to), INV_EDATA);
    ck_assert_float_eq(to[0], -7.25f);
    free(rgb);
}
END_TEST

START_TEST(images_that_cannot_be_are_refused)
{
    static const inv_shape bad[] = {{0, 5, 1},         {5, 0, 1},        {5, 5, 0},
                                    {65536, 65536, 1}, {SIZE_MAX, 2, 1}, {3, 3, SIZE_MAX / 4}};
    const inv_shape good = {5, 4, 1};
    float from[20] = {0.5f}, to[20];
    memset(to, 0x5a, sizeof to);
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
        ck_assert_status(inv_fit_image(bad[b], from, good, 0.0f, to), INV_EINVAL);
        ck_assert_status(inv_fit_image(good, from, bad[b], 0.0f, to), INV_EINVAL);
    }
    ck_assert_message_has("an image of 5 x 4 x 1 cannot be made one of 3 x 3 x ");
    for (size_t i = 0; i < sizeof to; i++)
        ck_assert_uint_eq(((unsigned char *)to)[i], 0x5a);
}
END_TEST

Suite *fit_suite(void)
{
    Suite *suite = suite_create("fit");
    TCase *tests = tcase_create("fit");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, fits_like_its_twin, 0, FIT_CASES);
    tcase_add_test(tests, what_fits_stays_as_it_is);
    tcase_add_test(tests, grey_and_colour_stand_for_each_other);
    tcase_add_test(tests, images_that_cannot_be_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
