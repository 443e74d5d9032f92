/* The products of kernels_amx.c: on the processor's tiles, or where it has none, in software.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cblas.h>

#include "gradient.h"
#include "kernels/kernels.h"
#include "suites.h"
#include "support.h"
#include "tiles.h"

#if defined(__x86_64__)
#include "kernels/kernels_amx.h"

extern const inv_kernels inv_kernels_avx512;

static bool in_software;

static void setup(void)
{
    if (in_software)
        tiles_emulate();
}

/* ---- problems ---- */

/* A depth and a number of columns from which on tiles are taken. */
enum { DEEP = 128, WIDE = 128 };

enum { A_TRANSPOSED = 1, B_TRANSPOSED = 2, ADD = 4, WITH_BIAS = 8, KINDS = 16 };

/* c [m, n], a block of a wider product, in a frame whose edge must stay; of a and b every row is longer than it need be. */
typedef struct problem {
    inv_product p;
    unsigned kind;
    size_t c_size;
    float *a, *b, *bias, *before, *c;
} problem;

static float *drawn(size_t n, double low, double high, unsigned long seed)
{
    float *values = malloc((n + 1) * sizeof *values);
    ck_assert_ptr_nonnull(values);
    gradient_fill(values, n, low, high, seed);
    return values;
}

static problem problem_of(size_t m, size_t n, size_t k, unsigned kind)
{
    const size_t a_wide = (kind & A_TRANSPOSED ? m : k) + 3,
                 b_wide = (kind & B_TRANSPOSED ? k : n) + 1;
    problem q = {.kind = kind, .c_size = m * (n + 2)};
    q.a = drawn((kind & A_TRANSPOSED ? k : m) * a_wide, -1.3, 0.9, 10 + kind);
    q.b = drawn((kind & B_TRANSPOSED ? n : k) * b_wide, -0.7, 1.1, 30 + kind);
    q.bias = drawn(n, -3.0, 3.0, 50);
    q.before = drawn(q.c_size, -2.0, 2.0, 51);
    q.c = malloc(q.c_size * sizeof *q.c);
    ck_assert_ptr_nonnull(q.c);
    q.p = (inv_product){.m = m,
                        .n = n,
                        .whole_n = WIDE,
                        .k = k,
                        .a = q.a,
                        .a_row = kind & A_TRANSPOSED ? 1 : a_wide,
                        .a_col = kind & A_TRANSPOSED ? a_wide : 1,
                        .b = q.b,
                        .b_row = kind & B_TRANSPOSED ? 1 : b_wide,
                        .b_col = kind & B_TRANSPOSED ? b_wide : 1,
                        .bias = kind & WITH_BIAS ? q.bias : NULL,
                        .add = kind & ADD,
                        .c = q.c,
                        .c_row = n + 2};
    return q;
}

static void problem_free(problem *q)
{
    free(q->a), free(q->b), free(q->bias), free(q->before), free(q->c);
}

static float *a_at(const problem *q, size_t i, size_t k)
{
    return q->a + i * q->p.a_row + k * q->p.a_col;
}

static float *b_at(const problem *q, size_t k, size_t j)
{
    return q->b + k * q->p.b_row + j * q->p.b_col;
}

static float start_at(const problem *q, size_t i, size_t j)
{
    if (q->p.add)
        return q->before[i * q->p.c_row + j];
    return q->p.bias ? q->bias[j] : 0.0f;
}

static void solve(problem *q, void (*product)(const inv_product *))
{
    memcpy(q->c, q->before, q->c_size * sizeof *q->c);
    product(&q->p);
    for (size_t i = 0; i < q->p.m; i++)
        for (size_t j = q->p.n; j < q->p.c_row; j++)
            GRADIENT_HOLD(q->c[i * q->p.c_row + j] == q->before[i * q->p.c_row + j],
                          "column %zu behind the last has changed", j);
}

/* A value of c in double, and the sum of the sizes of what it is added from. */
static double exact(const problem *q, size_t i, size_t j, double *magnitude)
{
    double sum = start_at(q, i, j);
    *magnitude = fabs(sum);
    for (size_t k = 0; k < q->p.k; k++) {
        const double term = (double)*a_at(q, i, k) * *b_at(q, k, j);
        sum += term;
        *magnitude += fabs(term);
    }
    return sum;
}

/* Higham, Accuracy and Stability of Numerical Algorithms, 3.1; the smallest float besides, for each
 * of the numbers that may have been rounded to one. */
static void assert_solved(const problem *q)
{
    const inv_product *p = &q->p;
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            double magnitude;
            const double sum = exact(q, i, j, &magnitude), got = p->c[i * p->c_row + j];
            GRADIENT_HOLD(fabs(got - sum) <= (double)(p->k + 2) * (0x1p-24 * magnitude + 0x1p-149),
                          "%zu x %zu x %zu, kind %u: [%zu, %zu] is %.9g, not %.9g", p->m, p->n,
                          p->k, q->kind, i, j, got, sum);
        }
}

/* From 1 to most. */
static size_t drawn_size(size_t most, unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return 1 + (*seed >> 8) % most;
}

/* ---- the naive sums ---- */

START_TEST(products_are_the_naive_sums)
{
    unsigned seed = 3;
    const size_t before = tiles_emulated();
    for (int turn = 0; turn < 6; turn++)
        for (unsigned kind = 0; kind < KINDS; kind++) {
            problem q = problem_of(drawn_size(70, &seed), drawn_size(90, &seed),
                                   DEEP - 1 + drawn_size(400, &seed), kind);
            solve(&q, inv_amx_product);
            assert_solved(&q);
            problem_free(&q);
        }
    ck_assert(tiles_are_released());
    ck_assert(!in_software || tiles_emulated() > before + 1000);
}
END_TEST

/* More columns than one panel of b holds, at several depths. */
START_TEST(wide_products_are_the_naive_sums)
{
    static const size_t sizes[][3] = {{33, 1090, 128}, {17, 300, 300}, {1, 530, 160}, {65, 1, 270}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        problem q = problem_of(sizes[s][0], sizes[s][1], sizes[s][2], (unsigned)s * 5 % KINDS);
        solve(&q, inv_amx_product);
        assert_solved(&q);
        problem_free(&q);
    }
}
END_TEST

START_TEST(small_products_are_those_of_avx512)
{
    static const size_t sizes[][3] = {{50, WIDE, DEEP - 1}, {50, WIDE - 1, DEEP}, {1, 1, 1}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        problem q = problem_of(sizes[s][0], sizes[s][1], sizes[s][2], WITH_BIAS);
        float *expected = malloc(q.c_size * sizeof *expected);
        ck_assert_ptr_nonnull(expected);
        q.p.whole_n = 0;
        solve(&q, inv_kernels_avx512.product);
        memcpy(expected, q.c, q.c_size * sizeof *expected);
        const size_t before = tiles_emulated();
        solve(&q, inv_amx_product);
        ck_assert(gradient_same_bits(expected, q.c, q.c_size * sizeof *expected));
        ck_assert_uint_eq(tiles_emulated(), before);
        free(expected);
        problem_free(&q);
    }
}
END_TEST

/* ---- the very bits ---- */

typedef struct planes {
    float plane[3];
} planes;

static float nearest_bf16(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits = (bits + 0x8000u) & 0xffff0000u;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static planes split(float v)
{
    planes p;
    for (int i = 0; i < 3; i++) {
        p.plane[i] = nearest_bf16(v);
        v -= p.plane[i];
    }
    ck_assert(v == 0.0f);
    return p;
}

/* What TDPBF16PS adds to a value for one step of the depth: number k and number k + 16 are a pair. */
static float tile_sum(const planes *a, const planes *b, int of_a, int of_b)
{
    float first = 0.0f, second = 0.0f;
    for (int k = 0; k < 16; k++) {
        first = fmaf(a[k].plane[of_a], b[k].plane[of_b], first);
        second = fmaf(a[k + 16].plane[of_a], b[k + 16].plane[of_b], second);
    }
    return first + second;
}

static float twin_value(const problem *q, size_t i, size_t j)
{
    static const int order[6][2] = {{2, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 2}, {0, 0}};
    const size_t steps = (q->p.k + 31) / 32, parts = (steps + 7) / 8;
    float c = start_at(q, i, j);
    for (size_t part = 0; part < parts; part++) {
        float sum = 0.0f;
        for (size_t s = part * steps / parts; s < (part + 1) * steps / parts; s++) {
            planes a[32] = {0}, b[32] = {0};
            for (size_t k = s * 32; k < (s + 1) * 32 && k < q->p.k; k++)
                a[k % 32] = split(*a_at(q, i, k)), b[k % 32] = split(*b_at(q, k, j));
            for (int o = 0; o < 6; o++)
                sum += tile_sum(a, b, order[o][0], order[o][1]);
        }
        c += sum;
    }
    return c;
}

START_TEST(bits_are_those_of_the_manual)
{
    unsigned seed = 5;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        problem q = problem_of(drawn_size(40, &seed), drawn_size(50, &seed),
                               DEEP - 1 + drawn_size(530, &seed), kind);
        solve(&q, inv_amx_product);
        for (size_t i = 0; i < q.p.m; i += 3)
            for (size_t j = 0; j < q.p.n; j += 5) {
                const float expected = twin_value(&q, i, j), got = q.c[i * q.p.c_row + j];
                GRADIENT_HOLD(gradient_same_bits(&expected, &got, sizeof got),
                              "%zu x %zu x %zu, kind %u: [%zu, %zu] is %a, not %a", q.p.m, q.p.n,
                              q.p.k, kind, i, j, (double)got, (double)expected);
            }
        problem_free(&q);
    }
}
END_TEST

/* ---- the same bits, however a product is cut ---- */

/* The rows or the columns from `first` to `end` alone. */
static inv_product cut(const inv_product *whole, bool by_rows, size_t first, size_t end)
{
    inv_product p = *whole;
    if (by_rows) {
        p.m = end - first;
        p.a += first * p.a_row;
        p.c += first * p.c_row;
    } else {
        p.n = end - first;
        p.b += first * p.b_col;
        p.bias = p.bias ? p.bias + first : NULL;
        p.c += first;
    }
    return p;
}

static void solve_in_cuts(problem *q, bool by_rows, size_t size)
{
    const size_t side = by_rows ? q->p.m : q->p.n;
    memcpy(q->c, q->before, q->c_size * sizeof *q->c);
#pragma omp parallel for num_threads(3) schedule(static, 1)
    for (size_t first = 0; first < side; first += size) {
        const inv_product p = cut(&q->p, by_rows, first, first + size < side ? first + size : side);
        inv_amx_product(&p);
    }
}

/* Values out of the tiles' reach, here and there. */
static void plant(problem *q, unsigned *seed)
{
    static const float odd[] = {1e-41f, 1e38f, -1e-33f, INFINITY, 1e-30f, -2e25f, NAN, 1e-44f};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        *a_at(q, drawn_size(q->p.m, seed) - 1, drawn_size(q->p.k, seed) - 1) = odd[i];
        *b_at(q, drawn_size(q->p.k, seed) - 1, drawn_size(q->p.n, seed) - 1) = odd[7 - i];
    }
}

START_TEST(bits_do_not_depend_on_the_cut)
{
    static const size_t sizes[] = {3, 17, 32};
    unsigned seed = 7;
    for (unsigned kind = 0; kind < KINDS; kind += 3) {
        problem q = problem_of(33 + drawn_size(12, &seed), 33 + drawn_size(12, &seed),
                               DEEP - 1 + drawn_size(300, &seed), kind);
        if (kind % 2)
            plant(&q, &seed);
        solve(&q, inv_amx_product);
        float *whole = malloc(q.c_size * sizeof *whole);
        ck_assert_ptr_nonnull(whole);
        memcpy(whole, q.c, q.c_size * sizeof *whole);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int by_rows = 0; by_rows < 2; by_rows++) {
                solve_in_cuts(&q, by_rows, sizes[s]);
                GRADIENT_HOLD(gradient_same_bits(whole, q.c, q.c_size * sizeof *whole),
                              "kind %u: %s of %zu give other bits", kind,
                              by_rows ? "rows" : "columns", sizes[s]);
            }
        free(whole);
        problem_free(&q);
    }
}
END_TEST

/* ---- numbers that tiles cannot take ---- */

static bool same_kind(float x, float y)
{
    return isnan(x) ? isnan(y) : isinf(x) ? x == y : isfinite(y);
}

/* Infinite and not a number where AVX-512's products are, and all others as near. */
START_TEST(infinities_and_nans_are_those_of_float)
{
    unsigned seed = 11;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        problem q = problem_of(20 + drawn_size(40, &seed), 20 + drawn_size(40, &seed),
                               DEEP - 1 + drawn_size(300, &seed), kind);
        plant(&q, &seed);
        solve(&q, inv_kernels_avx512.product);
        float *expected = malloc(q.c_size * sizeof *expected);
        ck_assert_ptr_nonnull(expected);
        memcpy(expected, q.c, q.c_size * sizeof *expected);
        solve(&q, inv_amx_product);
        for (size_t i = 0; i < q.p.m; i++)
            for (size_t j = 0; j < q.p.n; j++) {
                const float got = q.c[i * q.p.c_row + j], is = expected[i * q.p.c_row + j];
                double magnitude = 0.0;
                const double sum = exact(&q, i, j, &magnitude);
                GRADIENT_HOLD(same_kind(is, got), "kind %u: [%zu, %zu] is %g, not %g", kind, i, j,
                              (double)got, (double)is);
                GRADIENT_HOLD(
                    !isfinite(is) ||
                        fabs(got - sum) <= (double)(q.p.k + 2) * (0x1p-24 * magnitude + 0x1p-149),
                    "kind %u: [%zu, %zu] is %.9g, not %.9g", kind, i, j, (double)got, sum);
            }
        free(expected);
        problem_free(&q);
    }
}
END_TEST

/* Row by row of the range of floats: each row of a is scaled, and each column of b. */
START_TEST(small_and_large_numbers_keep_their_accuracy)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        problem q = problem_of(61, 59, DEEP + 9 * kind, kind);
        for (size_t k = 0; k < q.p.k; k++) {
            for (size_t i = 0; i < q.p.m; i++)
                *a_at(&q, i, k) = ldexpf(*a_at(&q, i, k), 2 * (int)i - 148);
            for (size_t j = 0; j < q.p.n; j++)
                *b_at(&q, k, j) = ldexpf(*b_at(&q, k, j), (int)((j * 7 + k % 2 * kind) % 118) - 70);
        }
        if (q.p.add)
            memset(q.before, 0, q.c_size * sizeof *q.before);
        q.p.bias = NULL;
        solve(&q, inv_amx_product);
        assert_solved(&q);
        problem_free(&q);
    }
}
END_TEST

/* A product that is exact in float comes out exactly: of denormal numbers, of both zeros, and what
 * is added to a denormal number in c. */
START_TEST(denormal_numbers_are_kept)
{
    problem q = problem_of(40, 40, DEEP, ADD);
    memset(q.a, 0, q.p.m * q.p.a_row * sizeof *q.a);
    for (size_t i = 0; i < q.c_size; i++)
        q.before[i] = ldexpf((float)(i % 5) - 2.0f, -149);
    *a_at(&q, 3, 7) = 0x1p-140f;
    *a_at(&q, 20, 9) = -0.0f;
    *b_at(&q, 7, 5) = 0x1p+9f;
    *b_at(&q, 7, 6) = -3.0f;
    *b_at(&q, 9, 6) = 0x1p-149f;
    solve(&q, inv_amx_product);
    for (size_t i = 0; i < q.p.m; i++)
        for (size_t j = 0; j < q.p.n; j++) {
            const float got = q.c[i * q.p.c_row + j];
            const double sum = start_at(&q, i, j) + (double)*a_at(&q, i, 7) * *b_at(&q, 7, j);
            GRADIENT_HOLD(i == 3 && j != 5 && j != 6 ? fabs(got - sum) <= 0x1p-149 : got == sum,
                          "[%zu, %zu] is %a, not %a", i, j, (double)got, sum);
        }
    problem_free(&q);
}
END_TEST

/* The nearest bf16 numbers of these have a product beyond floats. */
START_TEST(a_product_near_the_largest_float_is_finite)
{
    problem q = problem_of(20, 20, DEEP, 0);
    memset(q.a, 0, q.p.m * q.p.a_row * sizeof *q.a);
    *a_at(&q, 3, 7) = *b_at(&q, 7, 5) = 0x1.ffp+63f;
    solve(&q, inv_amx_product);
    ck_assert(q.c[3 * q.p.c_row + 5] == 0x1.fe008p+127f);
    problem_free(&q);
}
END_TEST

/* ---- as accurate as sgemm ---- */

/* The sum of the squares of a result's errors, each as a part of what it was added from. */
static double squares_of(const problem *q)
{
    double squares = 0.0;
    for (size_t i = 0; i < q->p.m; i++)
        for (size_t j = 0; j < q->p.n; j++) {
            double magnitude;
            const double sum = exact(q, i, j, &magnitude);
            squares += pow((q->c[i * q->p.c_row + j] - sum) / magnitude, 2.0);
        }
    return squares;
}

static void by_sgemm(const inv_product *p)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p->m, (int)p->n, (int)p->k, 1.0f,
                p->a, (int)p->a_row, p->b, (int)p->b_row, 0.0f, p->c, (int)p->c_row);
}

/* Values as random as those that a net has, all of one size, from 10^-30 to 10^30. */
static void fill_plain(problem *q, int which)
{
    for (size_t k = 0; k < q->p.k; k++)
        for (size_t i = 0; i < q->p.m; i++)
            *a_at(q, i, k) *= powf(10.0f, 10.0f * (float)(which - 3));
}

/* Each row of a meets each column of b with signs that leave little of the sum. */
static void fill_cancelling(problem *q, int which)
{
    for (size_t k = 1; k < q->p.k; k += 2)
        for (size_t i = 0; i < q->p.m; i++)
            *a_at(q, i, k) =
                -*a_at(q, i, k - 1) * (1.0f + 1e-5f * (float)((which + 1) * (int)(1 + i % 7)));
    for (size_t k = 1; k < q->p.k; k += 2)
        for (size_t j = 0; j < q->p.n; j++)
            *b_at(q, k, j) = *b_at(q, k - 1, j);
}

/* Sizes of all kinds in each row, over so many powers of ten on either side of 1. */
static void fill_wide(problem *q, int which)
{
    float *powers = drawn(q->p.m * q->p.k, -4.3 * (which + 1), 4.3 * (which + 1), 70);
    for (size_t k = 0; k < q->p.k; k++)
        for (size_t i = 0; i < q->p.m; i++)
            *a_at(q, i, k) *= powf(10.0f, powers[i * q->p.k + k]);
    free(powers);
}

static void (*const fills[])(problem *, int) = {fill_plain, fill_cancelling, fill_wide};
#define FILLS (int)(sizeof fills / sizeof *fills)

START_TEST(errors_are_at_most_those_of_sgemm)
{
    enum { TURNS = 7 };
    unsigned seed = 13;
    double own = 0.0, sgemm = 0.0;
    for (int turn = 0; turn < TURNS; turn++) {
        problem q = problem_of(30 + drawn_size(60, &seed), 30 + drawn_size(60, &seed),
                               DEEP - 1 + drawn_size(900, &seed), 0);
        fills[_i](&q, turn);
        solve(&q, by_sgemm);
        sgemm += squares_of(&q);
        solve(&q, inv_amx_product);
        own += squares_of(&q);
        problem_free(&q);
    }
    GRADIENT_HOLD(own <= sgemm, "%d: %.3g, that of sgemm %.3g", _i, sqrt(own), sqrt(sgemm));
}
END_TEST

/* ---- who has tiles ---- */

static int asked;

static bool yes(void)
{
    asked++;
    return true;
}

static bool no(void)
{
    asked++;
    return false;
}

START_TEST(tiles_are_taken_where_all_is_there)
{
    const uint32_t features = 1u << 22 | 1u << 24;
    const uint64_t saved = UINT64_C(3) << 17;
    asked = 0;
    ck_assert(inv_amx_runs((inv_amx_support){features, saved, yes}) == inv_amx_is_built);
    ck_assert(!inv_amx_runs((inv_amx_support){features, saved, no})); /* the kernel refuses */
    ck_assert_int_eq(asked, inv_amx_is_built ? 2 : 0);
    ck_assert(!inv_amx_runs((inv_amx_support){1u << 22, saved, yes}));
    ck_assert(!inv_amx_runs((inv_amx_support){1u << 24, saved, yes}));
    ck_assert(!inv_amx_runs((inv_amx_support){features, UINT64_C(1) << 17, yes}));
    ck_assert(!inv_amx_runs((inv_amx_support){features, UINT64_C(1) << 18, yes}));
    ck_assert(!inv_amx_runs((inv_amx_support){0}));
    ck_assert_int_eq(asked, inv_amx_is_built ? 2 : 0);
}
END_TEST

START_TEST(all_but_products_are_those_of_avx512)
{
    inv_kernels kernels = inv_amx_kernels();
    ck_assert_str_eq(kernels.name, "AMX");
    ck_assert(kernels.product == inv_amx_product);
    kernels.name = inv_kernels_avx512.name;
    kernels.product = inv_kernels_avx512.product;
    ck_assert(memcmp(&kernels, &inv_kernels_avx512, sizeof kernels) == 0);
}
END_TEST

static void add_products(TCase *tcase)
{
    tcase_add_test(tcase, products_are_the_naive_sums);
    tcase_add_test(tcase, wide_products_are_the_naive_sums);
    tcase_add_test(tcase, small_products_are_those_of_avx512);
    tcase_add_test(tcase, bits_are_those_of_the_manual);
    tcase_add_test(tcase, bits_do_not_depend_on_the_cut);
    tcase_add_test(tcase, infinities_and_nans_are_those_of_float);
    tcase_add_test(tcase, small_and_large_numbers_keep_their_accuracy);
    tcase_add_test(tcase, denormal_numbers_are_kept);
    tcase_add_test(tcase, a_product_near_the_largest_float_is_finite);
    tcase_add_loop_test(tcase, errors_are_at_most_those_of_sgemm, 0, FILLS);
}

Suite *amx_suite(void)
{
    Suite *suite = suite_create("amx");
    TCase *tcase = tcase_create("amx");
    in_software = !inv_amx_runs(inv_amx_here());
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, tiles_are_taken_where_all_is_there);
    tcase_add_test(tcase, all_but_products_are_those_of_avx512);
    if (!inv_amx_is_built)
        support_skipped("amx", "the products, because the compiler knows no tiles");
    else if (in_software && !tiles_can_be_emulated())
        support_skipped("amx", "the products, because this processor has no AVX-512");
    else
        add_products(tcase);
    suite_add_tcase(suite, tcase);
    return suite;
}
#else
Suite *amx_suite(void)
{
    support_skipped("amx", "all, because tiles are x86-64's");
    return suite_create("amx");
}
#endif
