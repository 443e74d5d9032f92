/* Cholesky's factors and solutions, held to what they must give.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/mat.h"
#include "kernels/cholesky.h"
#include "suites.h"

/* The same numbers everywhere. */
static double number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / 8388608.0 - 1.0;
}

/* G G' + least I, of an irregular G. */
static double *definite(size_t n, double least)
{
    double *g = malloc(n * n * sizeof *g), *a = calloc(n * n, sizeof *a);
    uint32_t state = (uint32_t)(5 * n + 1);
    for (size_t i = 0; i < n * n; i++)
        g[i] = number(&state);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            for (size_t k = 0; k < n; k++)
                a[i * n + j] += g[i * n + k] * g[j * n + k];
            a[i * n + j] += i == j ? least : 0.0;
        }
    free(g);
    return a;
}

static const size_t sizes[] = {1, 2, 7, 63, 64, 65, 129, 200};

START_TEST(factors_give_the_matrix)
{
    const size_t n = sizes[_i];
    double *a = definite(n, 0.3), *l = malloc(n * n * sizeof *l);
    memcpy(l, a, n * n * sizeof *l);
    ck_assert(inv_cholesky(n, l));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (size_t k = 0; k <= j; k++)
                sum += l[i * n + k] * l[j * n + k];
            ck_assert_double_eq_tol(sum, a[i * n + j], 1e-12 * (double)n);
        }
    free(a), free(l);
}
END_TEST

START_TEST(solutions_solve)
{
    const size_t n = sizes[_i], cols = 1 + 13 * (size_t)_i;
    double *a = definite(n, 0.5), *l = malloc(n * n * sizeof *l);
    double *x = calloc(n * cols, sizeof *x), *b = calloc(n * cols, sizeof *b);
    uint32_t state = 17;
    for (size_t i = 0; i < n * cols; i++)
        x[i] = number(&state);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            for (size_t c = 0; c < cols; c++)
                b[i * cols + c] += a[i * n + k] * x[k * cols + c];
    memcpy(l, a, n * n * sizeof *l);
    ck_assert(inv_cholesky(n, l));
    inv_cholesky_solve(n, l, cols, b);
    for (size_t i = 0; i < n * cols; i++)
        ck_assert_double_eq_tol(b[i], x[i], 1e-9);
    free(a), free(l), free(x), free(b);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    const size_t n = 200, cols = 130, bytes = n * n * sizeof(double);
    double *one = definite(n, 0.5), *two = definite(n, 0.5);
    double *b = calloc(n * cols, sizeof *b), *c = calloc(n * cols, sizeof *c);
    uint32_t state = 5;
    for (size_t i = 0; i < n * cols; i++)
        b[i] = c[i] = number(&state);
    inv_threads_set(1);
    ck_assert(inv_cholesky(n, one));
    inv_cholesky_solve(n, one, cols, b);
    inv_threads_set(3);
    ck_assert(inv_cholesky(n, two));
    inv_cholesky_solve(n, two, cols, c);
    inv_threads_set(0);
    ck_assert_mem_eq(one, two, bytes);
    ck_assert_mem_eq(b, c, n * cols * sizeof *b);
    free(one), free(two), free(b), free(c);
}
END_TEST

START_TEST(what_is_not_definite_is_told)
{
    double flat[] = {1.0, 0.0, 2.0, 4.0}, below[] = {1.0, 0.0, 3.0, 4.0}, nan[] = {NAN};
    ck_assert(!inv_cholesky(2, flat));
    ck_assert(!inv_cholesky(2, below));
    ck_assert(!inv_cholesky(1, nan));
}
END_TEST

Suite *cholesky_suite(void)
{
    Suite *suite = suite_create("cholesky");
    TCase *tests = tcase_create("cholesky");
    const int n = (int)(sizeof sizes / sizeof *sizes);
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, factors_give_the_matrix, 0, n);
    tcase_add_loop_test(tests, solutions_solve, 0, n);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, what_is_not_definite_is_told);
    suite_add_tcase(suite, tests);
    return suite;
}
