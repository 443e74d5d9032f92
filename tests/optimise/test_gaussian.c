/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/gaussian.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;
static inv_net *net;

static void prepare(void)
{
    data = small_data();
    net = small_net(SMALL_TWO);
}

static void tidy(void)
{
    inv_net_free(net);
    inv_dataset_free(data);
}

/* The values of image i at the point. */
static void values_of(size_t i, size_t at, double *y)
{
    double x[SMALL_PIXELS];
    small_pixels(&data->train, i, x);
    small_values(net, 0, at, 0.0, x, y);
}

/* Mean and covariance of the images of a class (SMALL_CLASSES: of all), plainly. */
static void naive_covariance(size_t at, size_t class, double *mean, double *covariance)
{
    const size_t n = inv_net_units(net, at);
    double y[SMALL_WIDEST], count = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < data->train.count; i++) {
            if (class < SMALL_CLASSES && data->train.labels[i] != class)
                continue;
            values_of(i, at, y);
            count += pass == 0;
            for (size_t j = 0; j < n; j++) {
                if (pass == 0)
                    mean[j] += y[j];
                for (size_t k = 0; pass == 1 && k < n; k++)
                    covariance[j * n + k] +=
                        (y[j] - mean[j] / count) * (y[k] - mean[k] / count) / count;
            }
        }
    for (size_t j = 0; j < n; j++)
        mean[j] /= count;
}

static void assert_orthonormal(const inv_gaussian *g)
{
    for (size_t a = 0; a < g->components; a++)
        for (size_t b = 0; b <= a; b++) {
            double inner = 0.0;
            for (size_t j = 0; j < g->units; j++)
                inner += (double)g->axes[a * g->units + j] * g->axes[b * g->units + j];
            ck_assert_double_eq_tol(inner, a == b, 1e-5);
        }
}

/* With all components, sum deviation^2 axis axis' is the covariance. */
static void assert_gaussian(const inv_gaussian *g, size_t at, size_t class)
{
    const size_t n = g->units;
    double mean[SMALL_WIDEST] = {0.0}, *covariance = calloc(n * n, sizeof *covariance);
    float *made = calloc(n * n, sizeof *made);
    naive_covariance(at, class, mean, covariance);
    gradient_assert_near(g->mean, mean, n, 1e-5, "mean");
    for (size_t k = 0; k < g->components; k++) {
        const double variance = (double)g->deviation[k] * g->deviation[k];
        ck_assert(k == 0 || g->deviation[k] <= g->deviation[k - 1]);
        for (size_t i = 0; i < n * n; i++)
            made[i] += (float)(variance * g->axes[k * n + i / n] * g->axes[k * n + i % n]);
    }
    gradient_assert_near(made, covariance, n * n, 2e-5, "covariance");
    assert_orthonormal(g);
    free(covariance);
    free(made);
}

START_TEST(is_that_of_the_data)
{
    static const size_t points[] = {0, 1, 2};
    inv_gaussians *g = NULL;
    ck_assert_status(inv_gaussians_fit(net, &data->train, points[_i], SMALL_CLASSES, 0, &g),
                     INV_OK);
    ck_assert_uint_eq(g->classes, SMALL_CLASSES);
    assert_gaussian(&g->all, points[_i], SMALL_CLASSES);
    for (size_t c = 0; c < SMALL_CLASSES; c++)
        assert_gaussian(&g->of[c], points[_i], c);
    inv_gaussians_free(g);
}
END_TEST

static size_t images_of(size_t class)
{
    size_t count = 0;
    for (size_t i = 0; i < data->train.count; i++)
        count += data->train.labels[i] == class;
    return count;
}

/* Fewer images than values: their inner products tell as much as the covariance, of which the
 * directions that the images leave out have no axis and no variance. */
START_TEST(few_images_are_enough)
{
    static const size_t points[] = {0, 1};
    const size_t at = points[_i], images = 13, units = inv_net_units(net, at);
    inv_gaussians *g = NULL, *some = NULL;
    double rest = 0.0;
    ck_assert_uint_lt(images, units);
    data->train.count = images;
    ck_assert_status(inv_gaussians_fit(net, &data->train, at, SMALL_CLASSES, 0, &g), INV_OK);
    ck_assert_uint_eq(g->all.components, images - 1); /* the mean takes one */
    assert_gaussian(&g->all, at, SMALL_CLASSES);
    for (size_t c = 0; c < SMALL_CLASSES; c++)
        if (images_of(c) > 1)
            assert_gaussian(&g->of[c], at, c);
    ck_assert_double_lt(g->all.rest, 1e-12);
    ck_assert_status(inv_gaussians_fit(net, &data->train, at, SMALL_CLASSES, 5, &some), INV_OK);
    for (size_t k = 5; k < images - 1; k++)
        rest += (double)g->all.deviation[k] * g->all.deviation[k] / (double)(units - 5);
    ck_assert_double_eq_tol(some->all.rest, rest, 1e-6 * rest);
    ck_assert_mem_eq(some->all.axes, g->all.axes, 5 * units * sizeof(float));
    inv_gaussians_free(g);
    inv_gaussians_free(some);
}
END_TEST

START_TEST(fewer_components_leave_a_rest)
{
    inv_gaussians *all = NULL, *some = NULL;
    double rest = 0.0;
    ck_assert_status(inv_gaussians_fit(net, &data->train, 0, SMALL_CLASSES, 0, &all), INV_OK);
    ck_assert_status(inv_gaussians_fit(net, &data->train, 0, SMALL_CLASSES, 10, &some), INV_OK);
    ck_assert_uint_eq(some->all.components, 10);
    for (size_t k = 10; k < all->all.components; k++)
        rest += (double)all->all.deviation[k] * all->all.deviation[k] / (SMALL_PIXELS - 10);
    ck_assert_double_eq_tol(some->all.rest, rest, 1e-5 * rest);
    ck_assert_mem_eq(some->all.deviation, all->all.deviation, 10 * sizeof(float));
    inv_gaussians_free(all);
    inv_gaussians_free(some);
}
END_TEST

START_TEST(waves_are_orthonormal_and_have_the_spectrum)
{
    inv_gaussians *g = NULL;
    double total = 0.0, expected = 0.0, mean[SMALL_WIDEST] = {0.0};
    double *covariance = calloc((size_t)SMALL_PIXELS * SMALL_PIXELS, sizeof *covariance);
    ck_assert_status(inv_gaussians_waves(&data->train, data->shape, &g), INV_OK);
    assert_orthonormal(&g->all);
    naive_covariance(0, SMALL_CLASSES, mean, covariance);
    gradient_assert_near(g->all.mean, mean, SMALL_PIXELS, 1e-5, "mean");
    for (size_t k = 0; k < SMALL_PIXELS; k++) { /* the variance along the axis */
        double sum = 0.0;
        for (size_t i = 0; i < (size_t)SMALL_PIXELS * SMALL_PIXELS; i++)
            sum += covariance[i] * g->all.axes[k * SMALL_PIXELS + i / SMALL_PIXELS] *
                   g->all.axes[k * SMALL_PIXELS + i % SMALL_PIXELS];
        ck_assert_double_eq_tol(g->all.deviation[k], sqrt(sum), 1e-4);
        total += (double)g->all.deviation[k] * g->all.deviation[k];
        expected += covariance[k * SMALL_PIXELS + k];
    }
    ck_assert_double_eq_tol(total, expected, 1e-4 * expected);
    free(covariance);
    inv_gaussians_free(g);
}
END_TEST

/* The deviation of a wave times the waves across it is the same for all, the slowest counting as one;
 * and in all it is as much a pixel as was asked for. */
START_TEST(waves_without_images_fall_as_they_grow_shorter)
{
    enum { HEIGHT = 6, WIDTH = 5, CHANNELS = 2, UNITS = HEIGHT * WIDTH * CHANNELS };
    inv_gaussians *g = NULL;
    double of_channel[CHANNELS] = {0.0};
    ck_assert_status(inv_gaussians_plain_waves((inv_shape){HEIGHT, WIDTH, CHANNELS}, 0.25, 0.3, &g),
                     INV_OK);
    ck_assert_uint_eq(g->classes, 0);
    ck_assert_uint_eq(g->all.units, UNITS);
    ck_assert_uint_eq(g->all.components, UNITS);
    assert_orthonormal(&g->all);
    const double slowest = (double)g->all.deviation[0];
    for (int k = 0; k < UNITS; k++) {
        const int row = k / CHANNELS / WIDTH, column = k / CHANNELS % WIDTH;
        const double down = fmin(row, HEIGHT - row), across = fmin(column, WIDTH - column);
        const double waves = fmax(1.0, sqrt(down * down + across * across));
        const double deviation = (double)g->all.deviation[k];
        ck_assert_double_eq_tol(deviation * waves, slowest, 1e-6 * slowest);
        ck_assert_float_eq(g->all.mean[k], 0.25f);
        of_channel[k % CHANNELS] += deviation * deviation;
    }
    for (size_t c = 0; c < CHANNELS; c++)
        ck_assert_double_eq_tol(sqrt(of_channel[c] / (HEIGHT * WIDTH)), 0.3, 1e-6);
    inv_gaussians_free(g);
}
END_TEST

START_TEST(coordinates_lead_back)
{
    inv_gaussians *g = NULL;
    float x[SMALL_PIXELS] = {0.0f}, c[SMALL_PIXELS], back[SMALL_PIXELS];
    double expected[SMALL_PIXELS];
    ck_assert_status(inv_gaussians_fit(net, &data->train, 0, SMALL_CLASSES, 0, &g), INV_OK);
    const uint32_t index = 17;
    gsl_matrix_float row = inv_mat_over(x, 1, SMALL_PIXELS);
    inv_part_gather(&data->train, &index, 1, &row);
    inv_gaussian_coordinates(&g->all, x, c);
    for (size_t j = 0; j < SMALL_PIXELS; j++) {
        double sum = g->all.mean[j];
        for (size_t k = 0; k < g->all.components; k++)
            sum += (double)c[k] * g->all.deviation[k] * g->all.axes[k * SMALL_PIXELS + j];
        back[j] = (float)sum;
        expected[j] = x[j];
    }
    gradient_assert_near(back, expected, SMALL_PIXELS, 1e-4, "x");
    inv_gaussians_free(g);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    inv_gaussians *first = NULL;
    data->train.count = _i ? 13 : data->train.count; /* fewer than there are units */
    for (size_t t = 0; t < GRADIENT_THREADS; t++) {
        inv_gaussians *g = NULL;
        inv_array state[INV_ARRAYS_MAX], before[INV_ARRAYS_MAX];
        inv_threads_set(gradient_threads[t]);
        ck_assert_status(inv_gaussians_fit(net, &data->train, 1, SMALL_CLASSES, 9, &g), INV_OK);
        const size_t n = inv_gaussians_state(g, state);
        if (first) {
            ck_assert_uint_eq(n, 2); /* all of them, and the rest */
            ck_assert_uint_eq(inv_gaussians_state(first, before), n);
            for (size_t i = 0; i < n; i++)
                ck_assert_mem_eq(state[i].data, before[i].data,
                                 state[i].count * inv_type_size(state[i].type));
            inv_gaussians_free(g);
        } else {
            first = g;
        }
    }
    inv_threads_set(0);
    inv_gaussians_free(first);
}
END_TEST

START_TEST(what_was_kept_comes_back)
{
    inv_gaussians *g = NULL, *other = NULL;
    inv_array from[INV_ARRAYS_MAX], to[INV_ARRAYS_MAX];
    ck_assert_status(inv_gaussians_fit(net, &data->train, 1, SMALL_CLASSES, 9, &g), INV_OK);
    ck_assert_status(inv_gaussians_alloc(17, 9, SMALL_CLASSES, &other), INV_OK);
    const size_t n = inv_gaussians_state(g, from);
    ck_assert_uint_eq(inv_gaussians_state(other, to), n);
    ck_assert_status(inv_gaussians_restored(other), INV_EFORMAT); /* deviations of 0 */
    for (size_t i = 0; i < n; i++)
        memcpy(to[i].data, from[i].data, to[i].count * inv_type_size(to[i].type));
    ck_assert_status(inv_gaussians_restored(other), INV_OK);
    ck_assert_double_eq(other->of[2].rest, g->of[2].rest);
    memset(other->of[1].deviation, 0, 9 * sizeof(float)); /* of a class without images */
    ck_assert_status(inv_gaussians_restored(other), INV_OK);
    ck_assert(!inv_gaussian_is_there(&other->of[1]) && inv_gaussian_is_there(&other->of[2]));
    other->of[1].deviation[3] = 0.5f;
    ck_assert_status(inv_gaussians_restored(other), INV_EFORMAT);
    other->of[1].deviation[3] = NAN;
    ck_assert_status(inv_gaussians_restored(other), INV_EFORMAT);
    other->of[1].deviation[3] = 0.0f;
    memset(other->all.deviation, 0, 9 * sizeof(float));
    ck_assert_status(inv_gaussians_restored(other), INV_EFORMAT);
    inv_gaussians_free(g);
    inv_gaussians_free(other);
}
END_TEST

/* The naive twin of the pooled covariance of classes 0 to `last` at the input. */
static void naive_pooled(size_t last, double *pooled)
{
    enum { N = SMALL_PIXELS };
    double total = 0.0;
    for (size_t c = 0; c <= last; c++) {
        double mean[SMALL_WIDEST] = {0.0}, *one = calloc((size_t)N * N, sizeof *one), n = 0.0;
        naive_covariance(0, c, mean, one);
        for (size_t i = 0; i < data->train.count; i++)
            n += data->train.labels[i] == c;
        for (size_t i = 0; i < (size_t)N * N; i++)
            pooled[i] += n * one[i];
        total += n;
        free(one);
    }
    for (size_t i = 0; i < (size_t)N * N; i++)
        pooled[i] /= total;
}

/* Of the images, one of the last class is left, and two classes more have none. */
START_TEST(few_images_borrow_from_the_others)
{
    enum { N = SMALL_PIXELS, LAST = SMALL_CLASSES - 1 };
    inv_gaussians *g = NULL;
    uint16_t *labels = (uint16_t *)(uintptr_t)data->train.labels;
    size_t kept = SIZE_MAX;
    for (size_t i = 0; i < data->train.count; i++) {
        if (labels[i] != LAST)
            continue;
        if (kept == SIZE_MAX)
            kept = i;
        else
            labels[i] = (uint16_t)(i % LAST); /* they count among the others now */
    }
    ck_assert_status(inv_gaussians_fit(net, &data->train, 0, SMALL_CLASSES + 2, 0, &g), INV_OK);
    for (size_t c = 0; c < LAST; c++)
        assert_gaussian(&g->of[c], 0, c);
    ck_assert(!inv_gaussian_is_there(&g->of[SMALL_CLASSES]));
    ck_assert(!inv_gaussian_is_there(&g->of[SMALL_CLASSES + 1]));
    const inv_gaussian *last = &g->of[LAST];
    ck_assert(inv_gaussian_is_there(last));
    double mean[N], *pooled = calloc((size_t)N * N, sizeof *pooled);
    float *made = calloc((size_t)N * N, sizeof *made);
    small_pixels(&data->train, kept, mean);
    gradient_assert_near(last->mean, mean, N, 1e-5, "mean");
    naive_pooled(LAST - 1, pooled);
    for (size_t k = 0; k < last->components; k++)
        for (size_t i = 0; i < (size_t)N * N; i++)
            made[i] += last->deviation[k] * last->deviation[k] * last->axes[k * N + i / N] *
                       last->axes[k * N + i % N];
    gradient_assert_near(made, pooled, (size_t)N * N, 2e-5, "covariance");
    assert_orthonormal(last);
    free(pooled);
    free(made);
    inv_gaussians_free(g);
}
END_TEST

/* With one image a class, or the same one thrice, there is nothing to pool but the whole. */
START_TEST(single_images_have_the_covariance_of_all)
{
    inv_gaussians *g = NULL;
    inv_part first = data->train; /* the first images are one of each class */
    first.count = SMALL_CLASSES;
    inv_part few = small_repeat(&first, _i ? 3 * SMALL_CLASSES : SMALL_CLASSES);
    ck_assert_status(inv_gaussians_fit(net, &few, 0, SMALL_CLASSES, 0, &g), INV_OK);
    for (size_t c = 0; c < SMALL_CLASSES; c++) {
        double mean[SMALL_PIXELS];
        for (size_t i = 0; i < few.count; i++)
            if (few.labels[i] == c)
                small_pixels(&few, i, mean);
        gradient_assert_near(g->of[c].mean, mean, SMALL_PIXELS, 1e-5, "mean");
        for (size_t k = 0; k < g->all.components; k++)
            ck_assert_float_eq_tol(g->of[c].deviation[k], g->all.deviation[k], 1e-6f);
    }
    inv_gaussians_free(g);
    free((void *)(uintptr_t)few.images);
    free((void *)(uintptr_t)few.labels);
}
END_TEST

START_TEST(refuses_what_has_none)
{
    inv_gaussians *g = NULL;
    inv_part one = data->train;
    one.count = 1;
    ck_assert_status(inv_gaussians_fit(net, &one, 0, SMALL_CLASSES, 0, &g), INV_EDATA);
    ck_assert_message_has("the values at input do not vary");
    ck_assert_ptr_null(g);
    ck_assert_status(inv_gaussians_alloc(5000, 3, 2, &g), INV_EINVAL);
    ck_assert_message_has("at most 4096");
    ck_assert_status(inv_gaussians_alloc(5, 6, 2, &g), INV_EINVAL);
    ck_assert_ptr_null(g);
    inv_gaussians_free(NULL);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    static const inv_shape shapes[] = {
        {9, 7, 2}, {9, 0, 1}, {7, 8, 1}, {1, 1, 64}, {(size_t)1 << 63, 126, 1}};
    inv_gaussians *g = NULL;
    inv_part other = data->train, none = data->validation;
    ck_assert_status(inv_gaussians_fit(net, &data->train, inv_net_depth(net) + 1, 2, 3, &g),
                     INV_EINVAL);
    ck_assert_status(inv_gaussians_fit(net, &data->train, 0, SIZE_MAX, 3, &g), INV_EINVAL);
    ck_assert_status(inv_gaussians_fit(net, &data->train, 0, INV_CLASSES_MAX + 1, 3, &g),
                     INV_EINVAL);
    ck_assert_message_has("gaussian: 1001 classes at point 0; at most 1000");
    other.pixels++;
    ck_assert_status(inv_gaussians_fit(net, &other, 0, SMALL_CLASSES, 3, &g), INV_EDATA);
    ck_assert_status(inv_gaussians_fit(net, &none, 0, SMALL_CLASSES, 3, &g), INV_EDATA);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        ck_assert_status(inv_gaussians_waves(&data->train, shapes[s], &g), INV_EINVAL);
    ck_assert_status(inv_gaussians_waves(&none, data->shape, &g), INV_EINVAL);
    ck_assert_status(inv_gaussians_alloc(0, 1, 2, &g), INV_EINVAL);
    ck_assert_status(inv_gaussians_alloc(5, 0, 2, &g), INV_EINVAL);
    ck_assert_status(inv_gaussians_alloc(5, 1, INV_CLASSES_MAX + 1, &g), INV_EINVAL);
    ck_assert_status(inv_gaussians_alloc(5, 1, SIZE_MAX, &g), INV_EINVAL);
    ck_assert_ptr_null(g);
}
END_TEST

Suite *gaussian_suite(void)
{
    Suite *suite = suite_create("gaussian");
    TCase *tests = tcase_create("gaussian");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, is_that_of_the_data, 0, 3);
    tcase_add_loop_test(tests, few_images_are_enough, 0, 2);
    tcase_add_test(tests, fewer_components_leave_a_rest);
    tcase_add_test(tests, waves_are_orthonormal_and_have_the_spectrum);
    tcase_add_test(tests, waves_without_images_fall_as_they_grow_shorter);
    tcase_add_test(tests, coordinates_lead_back);
    tcase_add_loop_test(tests, threads_do_not_matter, 0, 2);
    tcase_add_test(tests, what_was_kept_comes_back);
    tcase_add_test(tests, few_images_borrow_from_the_others);
    tcase_add_loop_test(tests, single_images_have_the_covariance_of_all, 0, 2);
    tcase_add_test(tests, refuses_what_has_none);
    tcase_add_test(tests, bad_arguments_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
