/* Products with a matrix of which all values have one size: held to sums in double, for every
 * instruction set that has them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/mat.h"
#include "kernels/kernels.h"
#include "kernels/signs.h"

Suite *signs_suite(void);

#define SIZE 0.75f

/* SIZE or -SIZE without a pattern. */
static frame signs_frame(size_t rows, size_t cols, unsigned long seed)
{
    frame f = frame_filled(rows, cols, -1.0, 1.0, seed);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            float *value = f.m.data + i * f.m.tda + j;
            *value = *value < 0.0f ? -SIZE : SIZE;
        }
    return f;
}

static bool negative(const frame *f, size_t i, size_t j)
{
    return f->m.data[i * f->m.tda + j] < 0.0f;
}

/* Below, at and above a vector and a group; more than one of the blocks that codes are made in. */
static const size_t sides[] = {1, 3, 4, 15, 16, 17, 33, 64, 100};
#define SIDES (int)(sizeof sides / sizeof *sides)

typedef struct codes {
    int32_t *down, *across;
    size_t down_row, across_row;
} codes;

static codes codes_alloc(size_t rows, size_t cols)
{
    const size_t whole_rows = inv_whole_vectors(rows), whole_cols = inv_whole_vectors(cols);
    const size_t count = whole_rows * whole_cols / INV_SIGN_GROUP;
    return (codes){calloc(count, sizeof(int32_t)), calloc(count, sizeof(int32_t)), whole_cols,
                   whole_rows};
}

static void codes_free(codes *c)
{
    free(c->down);
    free(c->across);
}

static float take(const inv_kernels *k, const frame *b, codes *c)
{
    return k->sign_codes(b->m.size1, b->m.size2, b->m.data, b->m.tda, c->down, c->across);
}

/* The kernels that have a good way, into `with`; returns how many. */
static size_t kernels_with_signs(const inv_kernels *with[3])
{
    const inv_kernels *sets[INV_KERNELS_MOST];
    size_t count = 0;
    for (size_t s = 0, all = inv_kernels_all(sets); s < all; s++)
        if (sets[s]->sign_codes)
            with[count++] = sets[s];
    return count;
}

START_TEST(codes_say_the_signs)
{
    const inv_kernels *with[3];
    for (size_t s = 0, count = kernels_with_signs(with); s < count; s++)
        for (int r = 0; r < SIDES; r++) {
            frame b = signs_frame(sides[r], sides[_i], 3);
            codes c = codes_alloc(sides[r], sides[_i]);
            ck_assert(take(with[s], &b, &c) == SIZE);
            for (size_t i = 0; i < sides[r]; i++)
                for (size_t j = 0; j < sides[_i]; j++) {
                    ck_assert((c.down[i / 4 * c.down_row + j] >> i % 4 & 1) == negative(&b, i, j));
                    ck_assert((c.across[j / 4 * c.across_row + i] >> j % 4 & 1) ==
                              negative(&b, i, j));
                }
            codes_free(&c);
            frame_free(&b);
        }
}
END_TEST

START_TEST(one_other_size_is_found)
{
    static const float others[] = {0.0f, -0.0f, 0.7500001f, -0.7499999f, NAN, INFINITY};
    enum { ROWS = 35, COLS = 21 };
    const inv_kernels *with[3];
    for (size_t s = 0, count = kernels_with_signs(with); s < count; s++) {
        frame b = signs_frame(ROWS, COLS, 4);
        codes c = codes_alloc(ROWS, COLS);
        for (size_t i = 0; i < ROWS; i++)
            for (size_t j = 0; j < COLS; j++) {
                float *value = b.m.data + i * b.m.tda + j;
                const float before = *value;
                *value = others[(i + j) % 6];
                ck_assert(take(with[s], &b, &c) == 0.0f);
                *value = before;
            }
        gsl_matrix_float_set_zero(&b.m);
        ck_assert(take(with[s], &b, &c) == 0.0f);
        codes_free(&c);
        frame_free(&b);
    }
}
END_TEST

static void check_product(const inv_kernels *k, size_t m, size_t n, size_t depth, bool add)
{
    frame a = frame_filled(m, depth, -1.0, 1.0, 5), b = signs_frame(depth, n, 6);
    frame c = frame_filled(m, n, -1.0, 1.0, 7);
    double *expected = frame_doubles(&c);
    codes made = codes_alloc(depth, n);
    const inv_product p = {.m = m,
                           .n = n,
                           .k = depth,
                           .a = a.m.data,
                           .a_row = a.m.tda,
                           .a_col = 1,
                           .add = add,
                           .c = c.m.data,
                           .c_row = c.m.tda};
    const inv_signs_factor factor = {take(k, &b, &made), made.down, made.down_row};
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double *sum = expected + i * n + j;
            *sum = add ? *sum : 0.0;
            for (size_t l = 0; l < depth; l++)
                *sum += (double)a.m.data[i * a.m.tda + l] * b.m.data[l * b.m.tda + j];
        }
    k->sign_product(&p, &factor);
    frame_assert_intact(&c, k->name);
    frame_assert_near(&c, expected, 1e-6, k->name);
    free(expected);
    codes_free(&made);
    frame_free(&a), frame_free(&b), frame_free(&c);
}

START_TEST(products)
{
    static const size_t rows[] = {1, 2, 3, 4, 7, 9}, depths[] = {1, 3, 4, 6, 63, 256, 257, 530};
    const inv_kernels *with[3];
    for (size_t s = 0, count = kernels_with_signs(with); s < count; s++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
            for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
                check_product(with[s], rows[r], sides[_i], depths[d], (r + d) % 2);
}
END_TEST

/* Those of a layer: the same bits for any number of threads, near those of mat.h. */
START_TEST(those_of_a_layer)
{
    enum { ROWS = 150, IN = 21, OUT = 131 };
    frame x = frame_filled(ROWS, IN, -1.0, 1.0, 8), w = frame_filled(IN, OUT, -1.0, 1.0, 9);
    frame dy = signs_frame(ROWS, OUT, 10), dw = frame_alloc(IN, OUT), dx = frame_alloc(ROWS, IN);
    inv_signs *signs = calloc(1, inv_signs_size(ROWS, IN, OUT));
    double *expected_dw = NULL, *expected_dx = NULL;
    float *first_dw = NULL, *first_dx = NULL;
    ck_assert_ptr_nonnull(signs);
    gsl_matrix_float_set_all(&dw.m, 0.5f);
    inv_mat_add_transposed_times(&x.m, &dy.m, &dw.m);
    inv_mat_times_transposed(&dy.m, &w.m, &dx.m);
    expected_dw = frame_doubles(&dw);
    expected_dx = frame_doubles(&dx);
    for (size_t threads = 1; threads <= 5 && inv_signs_read(signs, &dy.m); threads++) {
        inv_threads_set(threads);
        gsl_matrix_float_set_all(&dw.m, 0.5f);
        frame_clear(&dx);
        inv_signs_add_transposed_times(signs, &x.m, &dw.m);
        inv_signs_times_transposed(signs, &w.m, &dx.m);
        frame_assert_near(&dw, expected_dw, 1e-6, "dw");
        frame_assert_near(&dx, expected_dx, 1e-6, "dx");
        frame_assert_intact(&dw, "dw");
        frame_assert_intact(&dx, "dx");
        float *got_dw = frame_packed(&dw), *got_dx = frame_packed(&dx);
        if (threads == 1) {
            first_dw = got_dw, first_dx = got_dx;
            continue;
        }
        ck_assert(gradient_same_bits(got_dw, first_dw, IN * OUT * sizeof(float)));
        ck_assert(gradient_same_bits(got_dx, first_dx, ROWS * IN * sizeof(float)));
        free(got_dw), free(got_dx);
    }
    ck_assert((first_dw != NULL) == (inv_kernels_best()->sign_codes != NULL));
    inv_threads_set(2);
    free(first_dw), free(first_dx), free(expected_dw), free(expected_dx), free(signs);
    frame_free(&x), frame_free(&w), frame_free(&dy), frame_free(&dw), frame_free(&dx);
}
END_TEST

/* A side too short, or a value that is none of these: the dense products are asked instead. */
START_TEST(what_is_left_to_dense_products)
{
    frame dy = signs_frame(70, 70, 11);
    inv_signs *signs = calloc(1, inv_signs_size(70, 1, 70));
    gsl_matrix_float few = inv_mat_head(&dy.m, 63);
    ck_assert_ptr_nonnull(signs);
    ck_assert(inv_signs_read(signs, &dy.m) == (inv_kernels_best()->sign_codes != NULL));
    ck_assert(!inv_signs_read(signs, &few));
    dy.m.data[69 * dy.m.tda + 3] = 0.0f;
    ck_assert(!inv_signs_read(signs, &dy.m));
    free(signs);
    frame_free(&dy);
}
END_TEST

Suite *signs_suite(void)
{
    Suite *suite = suite_create("signs");
    TCase *tcase = tcase_create("signs");
    const inv_kernels *with[3];
    if (kernels_with_signs(with) > 0) {
        tcase_add_loop_test(tcase, codes_say_the_signs, 0, SIDES);
        tcase_add_test(tcase, one_other_size_is_found);
        tcase_add_loop_test(tcase, products, 0, SIDES);
    } else {
        support_skipped("signs", "the kernels, of which this processor runs none that knows signs");
    }
    tcase_add_test(tcase, those_of_a_layer);
    tcase_add_test(tcase, what_is_left_to_dense_products);
    suite_add_tcase(suite, tcase);
    return suite;
}
