/* The student: what it learns from images alone, and which real images stand beside them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "invproj/student.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;

static void prepare(void)
{
    data = small_data();
}

static void tidy(void)
{
    inv_dataset_free(data);
}

/* All training images, and their classes. */
static gsl_matrix_float *all_images(uint16_t *labels)
{
    gsl_matrix_float *images = small_matrix(data->train.count, data->train.pixels);
    inv_part_rows(&data->train, 0, data->train.count, images);
    memcpy(labels, data->train.labels, data->train.count * sizeof *labels);
    return images;
}

static double measure(const gsl_matrix_float *images, const uint16_t *labels,
                      const inv_pixels *pixels)
{
    double accuracy = -1.0;
    ck_assert_status(inv_student_measure(images, labels, pixels, data, 3, &accuracy), INV_OK);
    return accuracy;
}

/* What it says of an image is what the images that it learned from said. */
START_TEST(student_learns_what_images_say)
{
    uint16_t labels[SMALL_TRAIN];
    gsl_matrix_float *images = all_images(labels);
    const double right = measure(images, labels, &data->pixels);
    ck_assert_double_gt(right, 0.9);
    for (size_t i = 0; i < SMALL_TRAIN; i++)
        labels[i] = (uint16_t)((labels[i] + 1) % SMALL_CLASSES);
    ck_assert_double_lt(measure(images, labels, &data->pixels), 0.1);
    inv_mat_free(images);
}
END_TEST

/* Images whose black is 3 and whose white is -5 say the same. */
START_TEST(black_and_white_are_the_images_own)
{
    const inv_pixels other = {.black = 3.0, .white = -5.0};
    uint16_t labels[SMALL_TRAIN];
    gsl_matrix_float *images = all_images(labels);
    const double before = measure(images, labels, &data->pixels);
    inv_pixels_translate(&data->pixels, &other, images, images);
    ck_assert_double_eq_tol(measure(images, labels, &other), before, 0.03);
    ck_assert_double_gt(before - measure(images, labels, &data->pixels), 0.2);
    inv_mat_free(images);
}
END_TEST

START_TEST(real_images_are_the_first_of_each_class)
{
    enum { MOST = 41, EACH = MOST / SMALL_CLASSES };
    uint16_t labels[MOST];
    size_t n = 0, at = 0, count[SMALL_CLASSES] = {0};
    double x[SMALL_WIDEST];
    gsl_matrix_float *images = small_matrix(MOST, data->train.pixels);
    inv_student_real(data, images, labels, &n);
    ck_assert_uint_eq(n, EACH * SMALL_CLASSES);
    for (size_t i = 0; i < SMALL_TRAIN; i++) {
        const size_t c = data->train.labels[i];
        if (count[c]++ >= EACH)
            continue;
        ck_assert_uint_eq(labels[at], c);
        small_pixels(&data->train, i, x);
        for (size_t j = 0; j < SMALL_PIXELS; j++)
            ck_assert_double_eq_tol((double)gsl_matrix_float_get(images, at, j), x[j], 1e-6);
        at++;
    }
    ck_assert_uint_eq(at, n);
    inv_mat_free(images);
}
END_TEST

START_TEST(what_cannot_be_learned_from_is_refused)
{
    uint16_t labels[SMALL_TRAIN];
    double accuracy = 0.0;
    gsl_matrix_float *images = all_images(labels), *narrow = small_matrix(4, SMALL_PIXELS - 1);
    inv_dataset untested = *data;
    untested.test.count = 0;
    ck_assert_status(inv_student_measure(images, labels, &data->pixels, &untested, 1, &accuracy),
                     INV_EDATA);
    ck_assert_status(inv_student_measure(narrow, labels, &data->pixels, data, 1, &accuracy),
                     INV_EINVAL);
    for (size_t i = 0; i < SMALL_TRAIN; i++)
        labels[i] = labels[i] == 2 ? 1 : labels[i];
    ck_assert_status(inv_student_measure(images, labels, &data->pixels, data, 1, &accuracy),
                     INV_EDATA);
    ck_assert_ptr_nonnull(strstr(inv_error_message(), "images of 3 of 4 classes"));
    labels[7] = SMALL_CLASSES;
    ck_assert_status(inv_student_measure(images, labels, &data->pixels, data, 1, &accuracy),
                     INV_EDATA);
    ck_assert_ptr_nonnull(strstr(inv_error_message(), "class 4 does not exist (0 to 3)"));
    inv_mat_free(images), inv_mat_free(narrow);
}
END_TEST

Suite *student_suite(void)
{
    Suite *suite = suite_create("student");
    TCase *tests = tcase_create("student");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_add_test(tests, student_learns_what_images_say);
    tcase_add_test(tests, black_and_white_are_the_images_own);
    tcase_add_test(tests, real_images_are_the_first_of_each_class);
    tcase_add_test(tests, what_cannot_be_learned_from_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
