/* Figures of images, held to scikit-image's and to naive twins in double.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>

#include "invproj/likeness.h"
#include "invproj/mat.h"
#include "small.h"
#include "suites.h"

/* Irregular images that anyone can make again: of row i, column j, channel k
 *     x = ((7 i + 13 j + 3 k) mod 17) / 16,  y = (x + ((5 i + 11 j + i j + k) mod 19) / 18) / 2
 * in float32. The figures are those of scikit-image 0.26.0:
 *     structural_similarity(x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
 *                           data_range=1.0)    (channel_axis=2 of several)
 *     peak_signal_noise_ratio(x, y, data_range=1.0) */
static const struct reference {
    inv_shape shape;
    double ssim, psnr;
} references[] = {{{28, 28, 1}, 0.656223232, 13.245783878},
                  {{11, 17, 1}, 0.674618839, 12.914322637},
                  {{16, 13, 3}, 0.646357591, 13.206283345}};

static void fill(inv_shape s, float *x, float *y)
{
    for (size_t i = 0; i < s.height; i++)
        for (size_t j = 0; j < s.width; j++)
            for (size_t k = 0; k < s.channels; k++) {
                const double a = (double)((7 * i + 13 * j + 3 * k) % 17) / 16.0;
                const double b = (double)((5 * i + 11 * j + i * j + k) % 19) / 18.0;
                *x++ = (float)a;
                *y++ = (float)(((double)(float)a + b) / 2.0);
            }
}

static inv_likeness_row figures_of(inv_shape s, double black, double white, const float *x,
                                   const float *y)
{
    const gsl_matrix_float a = inv_mat_over(x, 1, inv_shape_size(s));
    const gsl_matrix_float b = inv_mat_over(y, 1, inv_shape_size(s));
    inv_likeness *l = NULL;
    inv_likeness_row row;
    ck_assert_status(inv_likeness_alloc(s, black, white, 3, &l), INV_OK);
    inv_likeness_rows(l, &a, &b, &row);
    inv_likeness_free(l);
    return row;
}

START_TEST(they_are_scikit_images)
{
    const struct reference *r = &references[_i];
    float *x = calloc(inv_shape_size(r->shape), sizeof *x);
    float *y = calloc(inv_shape_size(r->shape), sizeof *y);
    fill(r->shape, x, y);
    inv_likeness_row row = figures_of(r->shape, 0.0, 1.0, x, y);
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_SSIM], r->ssim, 1e-5);
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_PSNR], r->psnr, 1e-5);
    for (size_t i = 0; i < inv_shape_size(r->shape); i++) { /* from -1 to 1 they are the same */
        x[i] = 2.0f * x[i] - 1.0f;
        y[i] = 2.0f * y[i] - 1.0f;
    }
    row = figures_of(r->shape, -1.0, 1.0, x, y);
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_PSNR], r->psnr, 1e-4);
    free(x), free(y);
}
END_TEST

/* ---- naive twins ---- */

static double naive_deviation(inv_shape s, const float *y, bool border)
{
    double mean = 0.0, square = 0.0, n = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < s.height; i++)
            for (size_t j = 0; j < s.width; j++) {
                if (border && i > 1 && j > 1 && i + 2 < s.height && j + 2 < s.width)
                    continue;
                for (size_t k = 0; k < s.channels; k++) {
                    const double v = y[(i * s.width + j) * s.channels + k];
                    mean += pass ? 0.0 : v;
                    n += pass ? 0.0 : 1.0;
                    square += pass ? (v - mean / n) * (v - mean / n) : 0.0;
                }
            }
    return sqrt(square / n);
}

/* By Fourier's sums, term by term. */
static double naive_high(inv_shape s, const float *y)
{
    double high = 0.0, all = 0.0;
    for (size_t k = 0; k < s.channels; k++)
        for (size_t u = 0; u < s.height; u++)
            for (size_t v = 0; v < s.width; v++) {
                double re = 0.0, im = 0.0;
                for (size_t i = 0; i < s.height; i++)
                    for (size_t j = 0; j < s.width; j++) {
                        const double a = 2.0 * 3.14159265358979323846 *
                                         ((double)(u * i) / (double)s.height +
                                          (double)(v * j) / (double)s.width);
                        re += cos(a) * (double)y[(i * s.width + j) * s.channels + k];
                        im += sin(a) * (double)y[(i * s.width + j) * s.channels + k];
                    }
                const double p = 2.0 * fmin((double)u, (double)(s.height - u)) / (double)s.height;
                const double q = 2.0 * fmin((double)v, (double)(s.width - v)) / (double)s.width;
                const double power = u || v ? re * re + im * im : 0.0;
                all += power;
                high += p * p + q * q > 0.25 ? power : 0.0;
            }
    return high / all;
}

START_TEST(they_are_the_naive_sums)
{
    const inv_shape s = references[_i].shape;
    const size_t n = inv_shape_size(s);
    float *x = calloc(n, sizeof *x), *y = calloc(n, sizeof *y);
    double l1 = 0.0, square = 0.0, norm = 0.0;
    fill(s, x, y);
    for (size_t i = 0; i < n; i++) {
        const double d = (double)x[i] - (double)y[i];
        l1 += fabs(d) / (double)n;
        square += d * d;
        norm += (double)x[i] * (double)x[i];
    }
    const inv_likeness_row row = figures_of(s, 0.0, 1.0, x, y);
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_L1], l1, 1e-9);
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_SQUARED], square / (double)n, 1e-9);
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_RELATIVE], sqrt(square / norm), 1e-9);
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_BORDER],
                            naive_deviation(s, y, true) / naive_deviation(s, y, false), 1e-6);
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_HIGH], naive_high(s, y), 1e-5);
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_HIGH_ORIGINAL], naive_high(s, x), 1e-5);
    free(x), free(y);
}
END_TEST

/* What cannot be said of an image is said of none. */
START_TEST(some_images_have_no_figure)
{
    static const float grey[121] = {0.0f};
    inv_likeness *l = NULL;
    inv_likeness_row row = figures_of((inv_shape){11, 11, 1}, 0.0, 1.0, grey, grey);
    ck_assert(isnan(row.of[INV_LIKENESS_RELATIVE]));
    ck_assert(isnan(row.of[INV_LIKENESS_PSNR]));
    ck_assert(isnan(row.of[INV_LIKENESS_BORDER]));
    ck_assert(isnan(row.of[INV_LIKENESS_HIGH]));
    ck_assert_double_eq_tol(row.of[INV_LIKENESS_SSIM], 1.0, 1e-12);
    row = figures_of((inv_shape){10, 12, 1}, 0.0, 1.0, grey, grey);
    ck_assert(isnan(row.of[INV_LIKENESS_SSIM]));
    row = figures_of((inv_shape){1, 1, 120}, 0.0, 1.0, grey, grey);
    ck_assert_double_eq(row.of[INV_LIKENESS_L1], 0.0);
    ck_assert_status(inv_likeness_alloc((inv_shape){4, 4, 1}, 1.0, 1.0, 3, &l), INV_EINVAL);
    ck_assert_status(inv_likeness_alloc((inv_shape){4, 4, 1}, 0.0, INFINITY, 3, &l), INV_EINVAL);
    ck_assert_ptr_null(l);
}
END_TEST

/* Many at once, by any number of threads, are what they are one by one. */
START_TEST(rows_are_on_their_own)
{
    const inv_shape s = {13, 15, 1};
    const size_t n = inv_shape_size(s), rows = 150;
    gsl_matrix_float *x = small_matrix(rows, n), *y = small_matrix(rows, n);
    inv_likeness_row *one = calloc(rows, sizeof *one), *three = calloc(rows, sizeof *three);
    for (size_t i = 0; i < rows * n; i++) {
        x->data[i] = (float)(i * i % 251) / 250.0f;
        y->data[i] = (float)(i * 31 % 257) / 256.0f;
    }
    for (int threads = 1; threads < 4; threads += 2) {
        inv_likeness *l = NULL;
        inv_threads_set((size_t)threads);
        ck_assert_status(inv_likeness_alloc(s, 0.0, 1.0, rows, &l), INV_OK);
        inv_likeness_rows(l, x, y, threads == 1 ? one : three);
        inv_likeness_free(l);
    }
    inv_threads_set(0);
    ck_assert_mem_eq(one, three, rows * sizeof *one);
    const inv_likeness_row last =
        figures_of(s, 0.0, 1.0, x->data + (rows - 1) * x->tda, y->data + (rows - 1) * y->tda);
    for (size_t k = 0; k < INV_LIKENESSES; k++)
        ck_assert_double_eq_tol(last.of[k], one[rows - 1].of[k], 1e-6);
    free(one), free(three);
    inv_mat_free(x), inv_mat_free(y);
}
END_TEST

Suite *likeness_suite(void)
{
    Suite *suite = suite_create("likeness");
    TCase *tests = tcase_create("likeness");
    const int n = (int)(sizeof references / sizeof *references);
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, they_are_scikit_images, 0, n);
    tcase_add_loop_test(tests, they_are_the_naive_sums, 0, n);
    tcase_add_test(tests, some_images_have_no_figure);
    tcase_add_test(tests, rows_are_on_their_own);
    suite_add_tcase(suite, tests);
    return suite;
}
