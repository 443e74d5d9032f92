/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <dlfcn.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_errno.h>
#include <omp.h>

#include "gradient.h"
#include "invproj/mat.h"

Suite *mat_suite(void);

__attribute__((weak)) int openblas_get_num_threads(void);

/* ---- products ---- */

/* rows, in, out: single rows and columns, primes, sizes just below, at and above one block and two,
 * in > out and in < out; a gradient that is written in blocks of rows */
static const size_t shapes[][3] = {
    {1, 1, 1},     {1, 7, 13},    {2, 3, 1},       {13, 1, 7},      {5, 131, 17},  {5, 17, 131},
    {127, 53, 61}, {128, 64, 32}, {129, 31, 257},  {257, 257, 31},  {256, 3, 3},   {389, 3, 2},
    {3, 389, 2},   {2, 3, 389},   {300, 150, 140}, {131, 140, 150}, {9, 653, 431},
};
#define SHAPES (int)(sizeof shapes / sizeof *shapes)

typedef struct factor {
    const gsl_matrix_float *m;
    bool transposed;
} factor;

static double element(factor f, size_t i, size_t j)
{
    return f.transposed ? f.m->data[j * f.m->tda + i] : f.m->data[i * f.m->tda + j];
}

/* Holds c = a b + bias to the sum in double. However it is ordered, a float sum of n products is
 * off by at most about n 2^-24 of the sum of their magnitudes (Higham, Accuracy and Stability of
 * Numerical Algorithms, 3.1). */
static void assert_product(const frame *c, factor a, factor b, const float *bias, const char *what)
{
    const size_t n = a.transposed ? a.m->size1 : a.m->size2;
    frame_assert_intact(c, what);
    for (size_t i = 0; i < c->m.size1; i++)
        for (size_t j = 0; j < c->m.size2; j++) {
            double sum = bias ? bias[j] : 0.0, magnitude = fabs(sum);
            for (size_t k = 0; k < n; k++) {
                sum += element(a, i, k) * element(b, k, j);
                magnitude += fabs(element(a, i, k) * element(b, k, j));
            }
            const double got = c->m.data[i * c->m.tda + j];
            GRADIENT_HOLD(fabs(got - sum) <= (double)(n + 2) * 0x1p-24 * magnitude,
                          "%s: [%zu, %zu] is %.9g, not %.9g", what, i, j, got, sum);
        }
}

typedef struct products {
    frame x, w, dy, y, dx, dw;
    float *bias;
} products;

static products products_alloc(const size_t shape[3])
{
    const size_t rows = shape[0], in = shape[1], out = shape[2];
    products p = {.x = frame_filled(rows, in, -1.3, 0.9, 11),
                  .w = frame_filled(in, out, -0.7, 1.1, 12),
                  .dy = frame_filled(rows, out, -2.1, 1.7, 13),
                  .y = frame_alloc(rows, out),
                  .dx = frame_alloc(rows, in),
                  .dw = frame_alloc(in, out),
                  .bias = malloc(out * sizeof(float))};
    ck_assert_ptr_nonnull(p.bias);
    gradient_fill(p.bias, out, -3.0, 3.0, 14);
    return p;
}

static void products_free(products *p)
{
    frame *const all[] = {&p->x, &p->w, &p->dy, &p->y, &p->dx, &p->dw};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        frame_free(all[i]);
    free(p->bias);
}

START_TEST(products_are_the_naive_sums)
{
    products p = products_alloc(shapes[_i]);
    const factor x = {&p.x.m, false}, xt = {&p.x.m, true}, w = {&p.w.m, false};
    const factor wt = {&p.w.m, true}, dy = {&p.dy.m, false};
    inv_threads_set(2);
    inv_mat_affine(&p.x.m, &p.w.m, p.bias, &p.y.m);
    assert_product(&p.y, x, w, p.bias, "x w + bias");
    frame_clear(&p.y);
    inv_mat_affine(&p.x.m, &p.w.m, NULL, &p.y.m);
    assert_product(&p.y, x, w, NULL, "x w");
    inv_mat_times_transposed(&p.dy.m, &p.w.m, &p.dx.m);
    assert_product(&p.dx, dy, wt, NULL, "dy w'");
    gsl_matrix_float_set_zero(&p.dw.m);
    inv_mat_add_transposed_times(&p.x.m, &p.dy.m, &p.dw.m);
    assert_product(&p.dw, xt, dy, NULL, "x' dy");
    inv_mat_add_transposed_times(&p.x.m, &p.dy.m, &p.dw.m);
    gsl_matrix_float_scale(&p.dw.m, 0.5f);
    assert_product(&p.dw, xt, dy, NULL, "x' dy, twice");
    products_free(&p);
}
END_TEST

static void all_products(products *p)
{
    inv_mat_affine(&p->x.m, &p->w.m, p->bias, &p->y.m);
    inv_mat_times_transposed(&p->dy.m, &p->w.m, &p->dx.m);
    gsl_matrix_float_set_zero(&p->dw.m);
    inv_mat_add_transposed_times(&p->x.m, &p->dy.m, &p->dw.m);
}

static void assert_same_bits(const frame *f, const float *expected, const char *what,
                             size_t threads)
{
    float *got = frame_packed(f);
    ck_assert_msg(gradient_same_bits(got, expected, f->m.size1 * f->m.size2 * sizeof *got),
                  "%s: %zu threads give other bits", what, threads);
    free(got);
}

START_TEST(products_do_not_depend_on_threads)
{
    products p = products_alloc(shapes[_i]);
    float *first[3] = {NULL};
    const frame *results[3] = {&p.y, &p.dx, &p.dw};
    for (int t = 0; t < GRADIENT_THREADS; t++) {
        inv_threads_set(gradient_threads[t]);
        ck_assert_uint_eq(inv_threads(), gradient_threads[t]);
        all_products(&p);
        for (int i = 0; i < 3; i++) {
            if (t == 0)
                first[i] = frame_packed(results[i]);
            assert_same_bits(results[i], first[i], (const char *[]){"y", "dx", "dw"}[i],
                             gradient_threads[t]);
        }
    }
    for (int i = 0; i < 3; i++)
        free(first[i]);
    products_free(&p);
}
END_TEST

/* ---- the rest ---- */

START_TEST(column_sums_are_the_naive_sums)
{
    frame m = frame_filled(shapes[_i][0], shapes[_i][1], -1.0, 2.0, 21);
    const size_t rows = m.m.size1, cols = m.m.size2;
    float *sums = malloc((cols + 1) * sizeof *sums);
    ck_assert_ptr_nonnull(sums);
    gradient_fill(sums, cols + 1, 5.0, 6.0, 22);
    const float after = sums[cols];
    double *start = gradient_doubles(sums, cols);
    inv_mat_add_column_sums(&m.m, sums);
    for (size_t j = 0; j < cols; j++) {
        double sum = start[j], magnitude = fabs(start[j]);
        for (size_t i = 0; i < rows; i++) {
            sum += gsl_matrix_float_get(&m.m, i, j);
            magnitude += fabs((double)gsl_matrix_float_get(&m.m, i, j));
        }
        ck_assert_double_eq_tol(sums[j], sum, (double)rows * 0x1p-24 * magnitude + 1e-300);
    }
    ck_assert(sums[cols] == after);
    free(start);
    free(sums);
    frame_free(&m);
}
END_TEST

START_TEST(gather_takes_the_rows_named)
{
    static const uint32_t index[] = {16, 0, 3, 3, 11, 16, 7};
    enum { TAKEN = sizeof index / sizeof *index };
    frame from = frame_filled(17, 29, -1.0, 1.0, 31), to = frame_alloc(TAKEN + 2, 29);
    inv_mat_gather(&from.m, index, TAKEN, &to.m);
    frame_assert_intact(&to, "gathered");
    for (size_t i = 0; i < TAKEN; i++)
        ck_assert(gradient_same_bits(to.m.data + i * to.m.tda, from.m.data + index[i] * from.m.tda,
                                     29 * sizeof(float)));
    for (size_t i = TAKEN; i < TAKEN + 2; i++)
        for (size_t j = 0; j < 29; j++)
            ck_assert(isnan(gsl_matrix_float_get(&to.m, i, j)));
    inv_mat_gather(&from.m, index, 0, &to.m);
    frame_free(&from);
    frame_free(&to);
}
END_TEST

START_TEST(views_share_their_values)
{
    frame m = frame_filled(7, 5, -1.0, 1.0, 41);
    gsl_matrix_float head = inv_mat_head(&m.m, 3);
    ck_assert_uint_eq(head.size1, 3);
    ck_assert_uint_eq(head.size2, 5);
    ck_assert_uint_eq(head.tda, m.m.tda);
    ck_assert_ptr_eq(head.data, m.m.data);
    ck_assert_int_eq(head.owner, 0);
    float values[6] = {3.25f, -1.5f, 0.75f, 9.0f, 8.5f, -7.25f};
    gsl_matrix_float over = inv_mat_over(values, 2, 3);
    ck_assert_uint_eq(over.size1, 2);
    ck_assert(gsl_matrix_float_get(&over, 1, 0) == 9.0f);
    ck_assert(gsl_matrix_float_get(&over, 1, 2) == -7.25f);
    ck_assert_ptr_eq(over.data, values);
    ck_assert_int_eq(over.owner, 0);
    frame_free(&m);
}
END_TEST

START_TEST(finite_or_not)
{
    enum { N = 37 };
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    float values[N];
    gradient_fill(values, N, -4.0, 4.0, 51);
    values[5] = FLT_MAX;
    values[6] = -FLT_MAX;
    values[7] = FLT_MIN / 8;
    ck_assert(inv_all_finite(values, N));
    ck_assert(inv_all_finite(values, 0));
    for (size_t at = 0; at < N; at++) {
        const float kept = values[at];
        for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
            values[at] = bad[b];
            ck_assert_msg(!inv_all_finite(values, N), "%g at %zu", (double)bad[b], at);
            ck_assert(inv_all_finite(values, at)); /* it lies beyond them */
        }
        values[at] = kept;
    }
}
END_TEST

START_TEST(alloc_zeroes)
{
    gsl_matrix_float *m = NULL;
    ck_assert_status(inv_mat_alloc(11, 7, "a matrix", &m), INV_OK);
    ck_assert_uint_eq(m->size1, 11);
    ck_assert_uint_eq(m->size2, 7);
    for (size_t i = 0; i < 11; i++)
        for (size_t j = 0; j < 7; j++)
            ck_assert(gsl_matrix_float_get(m, i, j) == 0.0f);
    inv_mat_free(m);
    inv_mat_free(NULL);
}
END_TEST

static void assert_refused(size_t rows, size_t cols, inv_status expected)
{
    gsl_matrix_float *m = (gsl_matrix_float *)&m;
    ck_assert_status(inv_mat_alloc(rows, cols, "the pictures", &m), expected);
    ck_assert_ptr_null(m);
    ck_assert_message_has("the pictures: ");
}

START_TEST(alloc_refuses_sizes)
{
    gsl_set_error_handler_off(); /* as the program does */
    assert_refused(0, 5, INV_EINVAL);
    assert_refused(5, 0, INV_EINVAL);
    assert_refused(0, 0, INV_EINVAL);
    assert_refused((size_t)INT_MAX + 1, 1, INV_ENOMEM); /* BLAS counts in int */
    assert_refused(1, (size_t)INT_MAX + 1, INV_ENOMEM);
    assert_refused(SIZE_MAX / 2, 8, INV_ENOMEM);
    assert_refused(3, SIZE_MAX, INV_ENOMEM);
    assert_refused(SIZE_MAX, SIZE_MAX, INV_ENOMEM);
    assert_refused(INT_MAX, INT_MAX, INV_ENOMEM); /* allowed, but nobody has that much */
}
END_TEST

/* ---- threads, and which BLAS it is ---- */

START_TEST(threads_are_those_asked_for)
{
    inv_threads_set(3);
    ck_assert_uint_eq(inv_threads(), 3);
    inv_threads_set(0);
    ck_assert_uint_eq(inv_threads(), (size_t)omp_get_num_procs());
    inv_threads_set(SIZE_MAX);
    ck_assert_uint_eq(inv_threads(), (size_t)omp_get_num_procs());
    if (openblas_get_num_threads)
        ck_assert_int_eq(openblas_get_num_threads(), 1);
}
END_TEST

START_TEST(blas_is_not_the_reference)
{
    Dl_info info = {0};
    void *address = NULL;
    void (*call)(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, int, int, int, float,
                 const float *, int, const float *, int, float, float *, int) = cblas_sgemm;
    memcpy(&address, &call, sizeof address);
    ck_assert_int_ne(dladdr(address, &info), 0);
    ck_assert_msg(!strstr(info.dli_fname, "gslcblas"),
                  "cblas_sgemm is that of %s, GSL's reference: link OpenBLAS before it",
                  info.dli_fname);
    ck_assert_ptr_nonnull(strstr(inv_blas_description(),
                                 openblas_get_num_threads ? ", kernels for " : "not OpenBLAS"));
}
END_TEST

Suite *mat_suite(void)
{
    Suite *suite = suite_create("mat");
    TCase *tests = tcase_create("mat");
    tcase_add_loop_test(tests, products_are_the_naive_sums, 0, SHAPES);
    tcase_add_loop_test(tests, products_do_not_depend_on_threads, 0, SHAPES);
    tcase_add_loop_test(tests, column_sums_are_the_naive_sums, 0, SHAPES);
    tcase_add_test(tests, gather_takes_the_rows_named);
    tcase_add_test(tests, views_share_their_values);
    tcase_add_test(tests, finite_or_not);
    tcase_add_test(tests, alloc_zeroes);
    tcase_add_test(tests, alloc_refuses_sizes);
    tcase_add_test(tests, threads_are_those_asked_for);
    tcase_add_test(tests, blas_is_not_the_reference);
    suite_add_tcase(suite, tests);
    return suite;
}
