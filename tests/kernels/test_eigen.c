/* Eigenvectors of symmetric matrices, held to GSL's and to what they must be.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_eigen.h>

#include "kernels/eigen.h"
#include "suites.h"

/* A matrix to try: n x n, the sum of `rank` products x x', each of another size, down to `least`. */
static const struct matrix {
    size_t n, rank;
    double minimum;
} matrices[] = {{1, 1, 1.0},  {2, 2, 0.1},    {3, 3, 1e-3},  {7, 1, 1.0},     {17, 17, 1e-5},
                {33, 9, 0.1}, {64, 64, 1e-8}, {65, 40, 1.0}, {100, 100, 0.5}, {131, 131, 1e-12}};
#define MATRICES (int)(sizeof matrices / sizeof *matrices)

/* The same numbers everywhere: no function of the C library is in them. */
static double number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / 8388608.0 - 1.0;
}

static double *matrix_of(const struct matrix *m)
{
    double *a = calloc(m->n * m->n, sizeof *a), *x = calloc(m->n, sizeof *x);
    uint32_t state = (uint32_t)(m->n + 7 * m->rank);
    for (size_t r = 0; r < m->rank; r++) {
        const double part = (double)r / (double)m->rank, size = 1.0 - part * (1.0 - m->minimum);
        for (size_t i = 0; i < m->n; i++)
            x[i] = number(&state);
        for (size_t i = 0; i < m->n * m->n; i++)
            a[i] += size * size * x[i / m->n] * x[i % m->n];
    }
    free(x);
    return a;
}

static double *copied(const double *a, size_t n)
{
    double *copy = malloc(n * n * sizeof *copy);
    memcpy(copy, a, n * n * sizeof *copy);
    return copy;
}

/* a x_k = value_k x_k and x_j x_k = (j == k), to roundings; values fall; the largest component is
 * positive. */
static void assert_eigen(size_t n, const double *a, const double *x, const double *values)
{
    double size = DBL_MIN;
    for (size_t i = 0; i < n * n; i++)
        size = fmax(size, fabs(a[i]));
    for (size_t k = 0; k < n; k++) {
        double largest = 0.0;
        ck_assert(k == 0 || values[k] <= values[k - 1]);
        for (size_t i = 0; i < n; i++) {
            double sum = -values[k] * x[k * n + i], inner = 0.0;
            for (size_t j = 0; j < n; j++) {
                sum += a[i * n + j] * x[k * n + j];
                inner += x[i * n + j] * x[k * n + j];
            }
            ck_assert_double_le(fabs(sum) / size, 1e-13 * (double)n);
            ck_assert_double_eq_tol(inner, i == k, 1e-14 * (double)(n + 10));
            if (fabs(x[k * n + i]) > fabs(largest))
                largest = x[k * n + i];
        }
        ck_assert_double_gt(largest, 0.0);
    }
}

START_TEST(are_what_gsl_finds)
{
    const struct matrix *m = &matrices[_i];
    const size_t n = m->n;
    double *a = matrix_of(m), *x = copied(a, n), *values = calloc(n, sizeof *values),
           *gsl = copied(a, n);
    gsl_vector *expected = gsl_vector_alloc(n);
    gsl_matrix *vectors = gsl_matrix_alloc(n, n);
    gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
    gsl_matrix_view view = gsl_matrix_view_array(gsl, n, n);
    ck_assert_int_eq(gsl_eigen_symmv(&view.matrix, expected, vectors, work), 0);
    gsl_eigen_symmv_sort(expected, vectors, GSL_EIGEN_SORT_VAL_DESC);
    ck_assert_status(inv_eigen_symmetric(n, x, values), INV_OK);
    assert_eigen(n, a, x, values);
    for (size_t k = 0; k < n; k++) {
        const double value = gsl_vector_get(expected, k), largest = gsl_vector_get(expected, 0);
        ck_assert_double_eq_tol(values[k], value, 1e-13 * largest);
        if (value > 1e-4 * largest)
            ck_assert_double_eq_tol(values[k] / value, 1.0, 1e-10);
    }
    gsl_eigen_symmv_free(work);
    gsl_matrix_free(vectors);
    gsl_vector_free(expected);
    free(gsl);
    free(values);
    free(x);
    free(a);
}
END_TEST

/* Eigenvalues that are equal, and values that are 0 already: no sweep and no reflection is needed,
 * or a few are. */
START_TEST(equal_eigenvalues_have_orthonormal_vectors)
{
    enum { N = 12 };
    double a[N * N] = {0.0}, x[N * N], values[N];
    for (size_t i = 0; i < N; i++) /* 7/2, 3/2 and, four times each, 2, 0, -2 */
        a[i * N + i] = i < 4 ? 2.0 : i < 8 ? -2.0 : 0.0;
    a[1 * N + 1] = a[6 * N + 6] = 2.5;
    a[1 * N + 6] = a[6 * N + 1] = 1.0;
    memcpy(x, a, sizeof x);
    ck_assert_status(inv_eigen_symmetric(N, x, values), INV_OK);
    assert_eigen(N, a, x, values);
    static const double expected[N] = {3.5, 2.0, 2.0, 2.0,  1.5,  0.0,
                                       0.0, 0.0, 0.0, -2.0, -2.0, -2.0};
    for (size_t k = 0; k < N; k++)
        ck_assert_double_eq_tol(values[k], expected[k], 1e-14);
}
END_TEST

START_TEST(nothing_has_the_axes)
{
    double x[9] = {0.0}, values[3] = {1.0, 1.0, 1.0};
    ck_assert_status(inv_eigen_symmetric(3, x, values), INV_OK);
    for (size_t i = 0; i < 9; i++)
        ck_assert(x[i] == (i % 4 == 0));
    ck_assert(values[0] == 0.0 && values[1] == 0.0 && values[2] == 0.0);
}
END_TEST

/* Scaled by a power of two, all bits are the same; and the upper triangle is not looked at. */
START_TEST(neither_size_nor_the_upper_triangle_matters)
{
    static const struct matrix m = {29, 29, 1e-3};
    static const int powers[] = {-900, 900};
    double *a = matrix_of(&m), *x = copied(a, m.n), values[29], scaled[29];
    ck_assert_status(inv_eigen_symmetric(m.n, x, values), INV_OK);
    for (size_t p = 0; p < 2; p++) {
        double *y = copied(a, m.n);
        for (size_t i = 0; i < m.n * m.n; i++)
            y[i] = i % m.n > i / m.n ? (double)NAN : ldexp(y[i], powers[p]);
        ck_assert_status(inv_eigen_symmetric(m.n, y, scaled), INV_OK);
        ck_assert_mem_eq(x, y, m.n * m.n * sizeof *x);
        for (size_t k = 0; k < m.n; k++)
            ck_assert_double_eq(scaled[k], ldexp(values[k], powers[p]));
        free(y);
    }
    free(x);
    free(a);
}
END_TEST

/* What this gave when it was written, with gcc and clang, optimised or not. FNV-1a of all bits. */
START_TEST(bits_are_the_same_everywhere)
{
    static const struct matrix m = {65, 60, 1e-4};
    double *x = matrix_of(&m), values[65];
    uint64_t hash = 14695981039346656037u;
    ck_assert_status(inv_eigen_symmetric(m.n, x, values), INV_OK);
    for (size_t i = 0; i < m.n * m.n + m.n; i++) {
        uint64_t bits = 0;
        memcpy(&bits, i < m.n * m.n ? x + i : values + (i - m.n * m.n), sizeof bits);
        for (int b = 0; b < 64; b += 8)
            hash = (hash ^ ((bits >> b) & 0xff)) * 1099511628211u;
    }
    ck_assert_msg(hash == 0x36a94726439c35d9u, "0x%016llxu", (unsigned long long)hash);
    free(x);
}
END_TEST

START_TEST(what_is_not_finite_has_none)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < 3; b++) {
        double a[4] = {1.0, 0.25, bad[b], 2.0}, values[2];
        ck_assert_status(inv_eigen_symmetric(2, a, values), INV_ENUMERIC);
        ck_assert_message_has("not finite");
    }
}
END_TEST

Suite *eigen_suite(void)
{
    Suite *suite = suite_create("eigen");
    TCase *tests = tcase_create("eigen");
    tcase_add_loop_test(tests, are_what_gsl_finds, 0, MATRICES);
    tcase_add_test(tests, equal_eigenvalues_have_orthonormal_vectors);
    tcase_add_test(tests, nothing_has_the_axes);
    tcase_add_test(tests, neither_size_nor_the_upper_triangle_matters);
    tcase_add_test(tests, bits_are_the_same_everywhere);
    tcase_add_test(tests, what_is_not_finite_has_none);
    suite_add_tcase(suite, tests);
    return suite;
}
