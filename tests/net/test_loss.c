/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/loss.h"

Suite *loss_suite(void);

enum { ROWS = 37, CLASSES = 11 };

static size_t twin_argmax(const double *x, size_t n)
{
    size_t best = n - 1;
    for (size_t j = n; j-- > 0;)
        best = x[j] >= x[best] ? j : best;
    return best;
}

static double twin_softmax(const double *x, size_t n, size_t at)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
        sum += exp(x[j] - x[at]);
    return 1.0 / sum;
}

/* The one loss or the other in double; y and target are [rows, n]. */
static double twin_cross_entropy(const double *x, const unsigned *labels, size_t rows, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < rows; i++)
        sum -= log(twin_softmax(x + i * n, n, labels[i]));
    return sum;
}

static double twin_l1(const double *y, const double *target, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += fabs(y[i] - target[i]);
    return sum;
}

static void make_labels(unsigned *labels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        labels[i] = (unsigned)((i * i + 3 * i + 7) % CLASSES);
}

/* ---- cross-entropy ---- */

START_TEST(cross_entropy_is_the_twins)
{
    frame x = frame_filled(ROWS, CLASSES, -4.0, 5.0, 71), dx = frame_alloc(ROWS, CLASSES);
    double *d = frame_doubles(&x), expected[ROWS * CLASSES], rows[ROWS];
    unsigned labels[ROWS];
    size_t correct = 0, twin_correct = 0;
    make_labels(labels, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        if (i % 3 == 0) /* else hardly any would be */
            labels[i] = (unsigned)twin_argmax(d + i * CLASSES, CLASSES);
        twin_correct += twin_argmax(d + i * CLASSES, CLASSES) == labels[i];
        for (size_t j = 0; j < CLASSES; j++)
            expected[i * CLASSES + j] =
                twin_softmax(d + i * CLASSES, CLASSES, j) - (j == labels[i]);
    }
    const double loss = inv_loss_cross_entropy(&x.m, labels, rows, &dx.m, &correct);
    ck_assert_double_eq_tol(loss, twin_cross_entropy(d, labels, ROWS, CLASSES),
                            1e-6 * loss); /* exponentials are floats */
    ck_assert_uint_eq(correct, twin_correct);
    frame_assert_near(&dx, expected, 4 * 0x1p-24, "gradient");
    for (size_t i = 0; i < ROWS; i++)
        ck_assert_double_eq_tol(rows[i], -log(twin_softmax(d + i * CLASSES, CLASSES, labels[i])),
                                1e-6);
    free(d);
    frame_free(&x);
    frame_free(&dx);
}
END_TEST

START_TEST(cross_entropy_has_its_gradient)
{
    const double step = 1e-5;
    frame x = frame_filled(7, CLASSES, -3.0, 3.0, 72), dx = frame_alloc(7, CLASSES);
    double *d = frame_doubles(&x), gradients[7 * CLASSES], rows[7];
    unsigned labels[7];
    size_t correct = 0;
    make_labels(labels, 7);
    (void)inv_loss_cross_entropy(&x.m, labels, rows, &dx.m, &correct);
    for (size_t i = 0; i < 7 * CLASSES; i++) {
        const double middle = d[i];
        d[i] = middle + step;
        gradients[i] = twin_cross_entropy(d, labels, 7, CLASSES);
        d[i] = middle - step;
        gradients[i] = (gradients[i] - twin_cross_entropy(d, labels, 7, CLASSES)) / (2 * step);
        d[i] = middle;
    }
    frame_assert_near(&dx, gradients, 1e-6, "gradient");
    free(d);
    frame_free(&x);
    frame_free(&dx);
}
END_TEST

START_TEST(cross_entropy_of_extreme_logits)
{
    float x[] = {1e4f, -1e4f, 3.5f, /**/ 1e4f, -1e4f, 3.5f, /**/ -1e4f, -1e4f, -1e4f};
    float dx[9];
    const double expected[] = {1, -1, 0, /**/ 0, 0, 0, /**/ 1 / 3., 1 / 3., -2 / 3.};
    const unsigned labels[] = {1, 0, 2};
    double rows[3];
    size_t correct = 0;
    const gsl_matrix_float m = inv_mat_over(x, 3, 3);
    gsl_matrix_float dm = inv_mat_over(dx, 3, 3);
    const double loss = inv_loss_cross_entropy(&m, labels, rows, &dm, &correct);
    ck_assert_double_eq_tol(rows[0], 2e4, 1e-9);
    ck_assert_double_eq_tol(rows[1], 0.0, 1e-12);
    ck_assert_double_eq_tol(rows[2], log(3.0), 1e-12);
    ck_assert_double_eq_tol(loss, 2e4 + log(3.0), 1e-9);
    gradient_assert_near(dx, expected, 9, 1e-7, "gradient");
    ck_assert_uint_eq(correct, 1); /* of equal ones the first is the largest, and it is not 2 */
}
END_TEST

START_TEST(cross_entropy_of_one_class)
{
    float x = 3.5f, dx = 9.0f;
    const unsigned label = 0;
    double row = 9.0;
    size_t correct = 0;
    const gsl_matrix_float m = inv_mat_over(&x, 1, 1);
    gsl_matrix_float dm = inv_mat_over(&dx, 1, 1);
    ck_assert(inv_loss_cross_entropy(&m, &label, &row, &dm, &correct) == 0.0);
    ck_assert(dx == 0.0f);
    ck_assert_uint_eq(correct, 1);
}
END_TEST

/* ---- L1 ---- */

static void assert_l1(size_t rows, size_t cols)
{
    frame y = frame_filled(rows, cols, -1.5, 2.0, 81), dy = frame_alloc(rows, cols);
    frame target = frame_filled(rows, cols, 0.0, 1.0, 82);
    double *parts = malloc(rows * sizeof *parts);
    ck_assert_ptr_nonnull(parts);
    for (size_t i = 0; i < rows; i += 3) /* some equal values */
        gsl_matrix_float_set(&y.m, i, i % cols, gsl_matrix_float_get(&target.m, i, i % cols));
    double *yd = frame_doubles(&y), *td = frame_doubles(&target);
    const double loss = inv_loss_l1(&y.m, &target.m, parts, &dy.m);
    const double expected = twin_l1(yd, td, rows * cols);
    /* float sums along a row */
    GRADIENT_HOLD(fabs(loss - expected) <= ((double)cols + 2) * 0x1p-24 * expected,
                  "%.9g, not %.9g", loss, expected);
    frame_assert_intact(&dy, "gradient");
    for (size_t i = 0; i < rows; i++) {
        const double part = twin_l1(yd + i * cols, td + i * cols, cols);
        GRADIENT_HOLD(fabs(parts[i] - part) <= ((double)cols + 2) * 0x1p-24 * part,
                      "%.9g, not %.9g", parts[i], part);
        for (size_t j = 0; j < cols; j++) {
            const double over = yd[i * cols + j] - td[i * cols + j];
            GRADIENT_HOLD(dy.m.data[i * dy.m.tda + j] == (float)((over > 0) - (over < 0)),
                          "the slope at [%zu, %zu] is %g", i, j, dy.m.data[i * dy.m.tda + j]);
        }
    }
    ck_assert(gsl_matrix_float_get(&dy.m, 0, 0) == 0.0f);
    ck_assert(inv_loss_l1(&y.m, &target.m, parts, NULL) == loss);
    free(yd);
    free(td);
    free(parts);
    frame_free(&y);
    frame_free(&dy);
    frame_free(&target);
}

START_TEST(l1_is_the_twins)
{
    assert_l1(1, 1);
    assert_l1(1, 13);
    assert_l1(ROWS, CLASSES);
    assert_l1(131, 784);
}
END_TEST

/* Away from where y equals its target, the gradient of the twin is the gradient. */
START_TEST(l1_has_its_gradient)
{
    const double step = 1e-7;
    frame y = frame_filled(5, 13, -1.5, 2.0, 83), dy = frame_alloc(5, 13);
    frame target = frame_filled(5, 13, 0.0, 1.0, 84);
    double *yd = frame_doubles(&y), *td = frame_doubles(&target), gradients[5 * 13], rows[5];
    (void)inv_loss_l1(&y.m, &target.m, rows, &dy.m);
    for (size_t i = 0; i < 5 * 13; i++) {
        const double middle = yd[i];
        ck_assert_double_gt(fabs(yd[i] - td[i]), 2 * step);
        yd[i] = middle + step;
        gradients[i] = twin_l1(yd, td, 5 * 13);
        yd[i] = middle - step;
        gradients[i] = (gradients[i] - twin_l1(yd, td, 5 * 13)) / (2 * step);
        yd[i] = middle;
    }
    frame_assert_near(&dy, gradients, 1e-6, "gradient");
    free(yd);
    free(td);
    frame_free(&y);
    frame_free(&dy);
    frame_free(&target);
}
END_TEST

/* ---- L2 ---- */

static double twin_l2(const double *y, const double *target, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (y[i] - target[i]) * (y[i] - target[i]);
    return sum;
}

/* The gradient of a sum of squares is known: no gradient is needed. */
static void assert_l2(size_t rows, size_t cols)
{
    frame y = frame_filled(rows, cols, -1.5, 2.0, 85), dy = frame_alloc(rows, cols);
    frame target = frame_filled(rows, cols, 0.0, 1.0, 86);
    double *parts = malloc(rows * sizeof *parts),
           *gradients = malloc(rows * cols * sizeof *gradients);
    ck_assert_ptr_nonnull(parts);
    ck_assert_ptr_nonnull(gradients);
    double *yd = frame_doubles(&y), *td = frame_doubles(&target);
    const double loss = inv_loss_l2(&y.m, &target.m, parts, &dy.m);
    const double expected = twin_l2(yd, td, rows * cols);
    GRADIENT_HOLD(fabs(loss - expected) <= ((double)cols + 4) * 0x1p-24 * expected,
                  "%.9g, not %.9g", loss, expected);
    for (size_t i = 0; i < rows * cols; i++)
        gradients[i] = 2 * (yd[i] - td[i]);
    frame_assert_near(&dy, gradients, 2 * 0x1p-24, "gradient");
    frame_assert_intact(&dy, "gradient");
    ck_assert(inv_loss_l2(&y.m, &target.m, parts, NULL) == loss);
    free(yd);
    free(td);
    free(parts);
    free(gradients);
    frame_free(&y);
    frame_free(&dy);
    frame_free(&target);
}

START_TEST(l2_is_the_twins)
{
    assert_l2(1, 1);
    assert_l2(1, 13);
    assert_l2(ROWS, CLASSES);
    assert_l2(131, 784);
}
END_TEST

START_TEST(losses_do_not_depend_on_threads)
{
    enum { MANY = 301, PIXELS = 97 };
    frame y = frame_filled(MANY, PIXELS, -9.0, 9.0, 91), dy = frame_alloc(MANY, PIXELS);
    frame target = frame_filled(MANY, PIXELS, -5.0, 5.0, 92);
    unsigned labels[MANY];
    double rows[MANY], first[3] = {0, 0, 0};
    float *gradients[3] = {NULL, NULL, NULL};
    size_t correct = 0;
    make_labels(labels, MANY);
    for (int t = 0; t < GRADIENT_THREADS; t++) {
        inv_threads_set(gradient_threads[t]);
        for (int which = 0; which < 3; which++) {
            const double loss = which == 0
                                    ? inv_loss_cross_entropy(&y.m, labels, rows, &dy.m, &correct)
                                : which == 1 ? inv_loss_l1(&y.m, &target.m, rows, &dy.m)
                                             : inv_loss_l2(&y.m, &target.m, rows, &dy.m);
            float *gradient = frame_packed(&dy);
            if (t == 0) {
                first[which] = loss;
                gradients[which] = frame_packed(&dy);
            }
            ck_assert(loss == first[which]);
            ck_assert(
                gradient_same_bits(gradient, gradients[which], MANY * PIXELS * sizeof *gradient));
            free(gradient);
        }
    }
    free(gradients[0]);
    free(gradients[1]);
    free(gradients[2]);
    frame_free(&y);
    frame_free(&dy);
    frame_free(&target);
}
END_TEST

/* ---- confidence ---- */

START_TEST(confidence_is_the_largest_softmax)
{
    for (size_t n = 1; n <= 23; n++) {
        float x[23];
        gradient_fill(x, n, -6.0, 6.0, n);
        double *d = gradient_doubles(x, n);
        const size_t best = twin_argmax(d, n);
        size_t top = 99;
        ck_assert_double_eq_tol(inv_confidence(x, n, &top), twin_softmax(d, n, best), 1e-13);
        ck_assert_uint_eq(top, best);
        ck_assert_uint_eq(inv_argmax(x, n), best);
        free(d);
    }
}
END_TEST

START_TEST(confidence_at_the_edges)
{
    const float extreme[] = {-1e4f, 3.5f, 1e4f, -1e4f};
    const float equal[] = {-1e4f, -1e4f, -1e4f, -1e4f, -1e4f};
    const float tie[] = {-2.5f, 7.25f, 0.5f, 7.25f, 7.25f};
    size_t top = 99;
    ck_assert_double_eq_tol(inv_confidence(extreme, 4, &top), 1.0, 1e-15);
    ck_assert_uint_eq(top, 2);
    ck_assert_double_eq_tol(inv_confidence(equal, 5, &top), 0.2, 1e-15);
    ck_assert_uint_eq(top, 0);
    ck_assert_uint_eq(inv_argmax(equal, 5), 0);
    ck_assert_uint_eq(inv_argmax(tie, 5), 1);
    (void)inv_confidence(tie, 5, &top);
    ck_assert_uint_eq(top, 1);
}
END_TEST

Suite *loss_suite(void)
{
    Suite *suite = suite_create("loss");
    TCase *tests = tcase_create("loss");
    tcase_add_test(tests, cross_entropy_is_the_twins);
    tcase_add_test(tests, cross_entropy_has_its_gradient);
    tcase_add_test(tests, cross_entropy_of_extreme_logits);
    tcase_add_test(tests, cross_entropy_of_one_class);
    tcase_add_test(tests, l1_is_the_twins);
    tcase_add_test(tests, l1_has_its_gradient);
    tcase_add_test(tests, l2_is_the_twins);
    tcase_add_test(tests, losses_do_not_depend_on_threads);
    tcase_add_test(tests, confidence_is_the_largest_softmax);
    tcase_add_test(tests, confidence_at_the_edges);
    suite_add_tcase(suite, tests);
    return suite;
}
