/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/frechet.h"
#include "invproj/inverse.h"
#include "invproj/measure.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;
static inv_net *net, *inverse;
static size_t at;

static void prepare(void)
{
    inv_inverse_spec spec = inv_inverse_defaults;
    inv_learner *inverter = NULL;
    inv_inverse_report report;
    data = small_data();
    net = small_net(SMALL_FOUR);
    small_train(net, data, 60);
    strcpy(spec.at, "hidden2");
    spec.optimiser.rate = 0.03;
    ck_assert_status(inv_inverse_point(net, spec.kind, spec.at, &at), INV_OK);
    ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_OK);
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 5, &inverter), INV_OK);
    ck_assert_status(inv_learner_step(inverter, &report), INV_OK); /* it is bad yet */
    inv_learner_free(inverter);
}

static void tidy(void)
{
    inv_net_free(inverse);
    inv_net_free(net);
    inv_dataset_free(data);
}

/* ---- naive twins ---- */

static size_t class_of(const double *pixels)
{
    double y[SMALL_WIDEST];
    small_values(net, 0, inv_net_depth(net), 0.0, pixels, y);
    return small_top(y, SMALL_CLASSES);
}

static double naive_accuracy(const inv_part *part)
{
    size_t right = 0;
    for (size_t i = 0; i < part->count; i++) {
        double x[SMALL_WIDEST];
        small_pixels(part, i, x);
        right += class_of(x) == part->labels[i];
    }
    return (double)right / (double)part->count;
}

static inv_inverse_quality naive_quality(const inv_part *part)
{
    inv_inverse_quality q = {0.0, 0.0, 0.0};
    size_t lit = 0;
    for (size_t i = 0; i < part->count; i++) {
        double x[SMALL_WIDEST], code[SMALL_WIDEST], y[SMALL_WIDEST], far = 0.0, norm = 0.0;
        small_pixels(part, i, x);
        small_values(net, 0, at, 0.0, x, code);
        small_values(inverse, 0, inv_net_depth(inverse), 0.99, code, y);
        for (size_t j = 0; j < part->pixels; j++) {
            q.l1_per_pixel += fabs(x[j] - y[j]);
            far += (x[j] - y[j]) * (x[j] - y[j]);
            norm += x[j] * x[j];
        }
        q.relative_l2 += norm > 0.0 ? sqrt(far) / sqrt(norm) : 0.0;
        lit += norm > 0.0;
        q.same_class += class_of(x) == class_of(y);
    }
    q.l1_per_pixel /= (double)(part->count * part->pixels);
    q.relative_l2 /= lit ? (double)lit : 1.0;
    q.same_class /= (double)part->count;
    return q;
}

static void assert_quality(const inv_part *part)
{
    inv_inverse_quality q = {-1.0, -1.0, -1.0};
    const inv_inverse_quality want = naive_quality(part);
    ck_assert_status(inv_measure_inverse(net, inverse, at, part, &q), INV_OK);
    ck_assert_double_eq_tol(q.l1_per_pixel, want.l1_per_pixel, 1e-5);
    ck_assert_double_eq_tol(q.relative_l2, want.relative_l2, 1e-5);
    ck_assert_double_eq_tol(q.same_class, want.same_class, 1e-12);
}

/* Of all figures those with a twin: what the net has at the point, classes, a judge, diversity. */
static void assert_all_figures(const inv_part *part, const inv_net *judge)
{
    inv_quality q;
    const inv_inverse_quality want = naive_quality(part);
    const inv_measuring what = {.net = net,
                                .inverse = inverse,
                                .at = at,
                                .pixels = {0.0, 1.0, 0.0},
                                .classes = SMALL_CLASSES,
                                .judge = judge,
                                .judge_pixels = {0.0, 1.0, 0.0}};
    double far = 0.0, mean[SMALL_WIDEST] = {0.0}, variance = 0.0, sure = 0.0, right = 0.0;
    double l1 = 0.0, l1_square = 0.0;
    const size_t n = part->count, units = inv_net_units(net, at);
    ck_assert_status(inv_measure_quality(&what, part, &q), INV_OK);
    ck_assert_double_eq_tol(q.mean[INV_QUALITY_L1], want.l1_per_pixel, 1e-5);
    ck_assert_double_eq_tol(q.mean[INV_QUALITY_RELATIVE], want.relative_l2, 1e-5);
    ck_assert_double_eq_tol(q.mean[INV_QUALITY_SAME], want.same_class, 1e-12);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n; i++) {
            double x[SMALL_WIDEST], v[SMALL_WIDEST], y[SMALL_WIDEST], w[SMALL_WIDEST], d = 0.0;
            double p[SMALL_WIDEST], each = 0.0;
            small_pixels(part, i, x);
            small_values(net, 0, at, 0.0, x, v);
            small_values(inverse, 0, inv_net_depth(inverse), 0.99, v, y);
            small_values(net, 0, at, 0.0, y, w);
            for (size_t j = 0; j < units; j++) {
                mean[j] += pass ? 0.0 : v[j] / (double)n;
                variance += pass ? (v[j] - mean[j]) * (v[j] - mean[j]) / (double)n : 0.0;
                d += (v[j] - w[j]) * (v[j] - w[j]);
            }
            for (size_t j = 0; j < part->pixels; j++)
                each += fabs(x[j] - y[j]) / (double)part->pixels;
            if (pass)
                continue;
            small_values(judge, 0, inv_net_depth(judge), 0.0, y, p);
            far += sqrt(d) / (double)n;
            sure += p[part->labels[i]] / (double)n;
            right += (double)(small_top(p, SMALL_CLASSES) == part->labels[i]) / (double)n;
            l1 += each;
            l1_square += each * each;
        }
    ck_assert_double_eq_tol(q.mean[INV_QUALITY_POINT], far / sqrt(2.0 * variance), 1e-4);
    ck_assert_double_eq_tol(q.mean[INV_QUALITY_RECOGNISED], right, 1e-12);
    ck_assert_double_eq_tol(q.mean[INV_QUALITY_CONFIDENCE], sure, 1e-5);
    const double spread = l1_square / (double)n - l1 / (double)n * (l1 / (double)n);
    ck_assert_double_eq_tol(q.error[INV_QUALITY_L1], sqrt(spread / (double)(n - 1)), 1e-5);
    ck_assert(isnan(q.error[INV_QUALITY_DIVERSITY]) && q.mean[INV_QUALITY_DIVERSITY] > 0.0);
    ck_assert(isnan(q.mean[INV_QUALITY_SSIM])); /* images are too small */
}

START_TEST(all_figures_equal_the_naive_twins)
{
    inv_net *judge = small_net(SMALL_TWO), *narrow = NULL;
    inv_quality q;
    small_train(judge, data, 40);
    assert_all_figures(&data->test, judge);
    narrow = small_net_for(SMALL_TWO, (inv_shape){8, 8, 1}, SMALL_CLASSES);
    inv_measuring what = {.net = net,
                          .inverse = inverse,
                          .at = at,
                          .pixels = {0.0, 1.0, 0.0},
                          .classes = SMALL_CLASSES,
                          .judge = narrow};
    ck_assert_status(inv_measure_quality(&what, &data->test, &q), INV_EDATA);
    ck_assert_message_has("a net of images of 8 x 8 x 1 cannot judge those of 9 x 7 x 1");
    what.judge = NULL;
    ck_assert_status(inv_measure_quality(&what, &data->test, &q), INV_OK);
    ck_assert(isnan(q.mean[INV_QUALITY_RECOGNISED]));
    inv_net_free(judge), inv_net_free(narrow);
}
END_TEST

/* Images that are there already are measured as if the inverse had just made them. */
START_TEST(images_are_measured_like_an_inverse)
{
    const size_t n = data->test.count - 3;
    inv_part first = data->test;
    gsl_matrix_float *x = small_matrix(n, SMALL_PIXELS), *y = small_matrix(n, SMALL_PIXELS);
    inv_quality of_inverse, of_images;
    inv_measuring what = {.net = net,
                          .inverse = inverse,
                          .at = at,
                          .pixels = {0.0, 1.0, 0.0},
                          .classes = SMALL_CLASSES};
    first.count = n;
    ck_assert_status(inv_measure_quality(&what, &first, &of_inverse), INV_OK);
    inv_part_rows(&first, 0, n, x);
    ck_assert_status(inv_inverse_project(net, inverse, at, x, y, NULL, NULL), INV_OK);
    what.inverse = NULL;
    what.images = y;
    ck_assert_status(inv_measure_quality(&what, &data->test, &of_images), INV_OK);
    for (size_t k = 0; k < INV_QUALITIES; k++) {
        ck_assert(of_images.mean[k] == of_inverse.mean[k] || isnan(of_inverse.mean[k]));
        ck_assert(of_images.error[k] == of_inverse.error[k] || isnan(of_inverse.error[k]));
    }
    first.count = n - 1; /* more images than that has */
    ck_assert_status(inv_measure_quality(&what, &first, &of_images), INV_EINVAL);
    ck_assert_message_has("images of 63 pixels from point");
    what.at = 0;
    ck_assert_status(inv_measure_quality(&what, &data->test, &of_images), INV_EINVAL);
    inv_mat_free(x), inv_mat_free(y);
}
END_TEST

/* Of diagonal covariances the distance is a sum over the axes, of (m - m')^2 + (s - s')^2, and it is the same
 * where both are turned alike. */
START_TEST(frechet_is_that_of_the_axes)
{
    enum { N = 5 };
    const double a[N] = {0.5, 2.0, 0.0, 1.25, 3.0}, b[N] = {1.5, 0.25, 0.75, 1.25, 0.0};
    const double m[N] = {0.1, -2.0, 0.0, 4.0, 1.0}, w[N] = {0.3, -1.5, 0.7, 4.0, -1.0};
    double turn[N][N] = {{0.0}}, c[2][N * N] = {{0.0}}, mean[2][N] = {{0.0}};
    double want = 0.0, got = -1.0, length = 0.0;
    const double axis[N] = {0.3, -0.7, 0.2, 0.9, 0.4};
    for (size_t i = 0; i < N; i++) {
        want += (m[i] - w[i]) * (m[i] - w[i]) + (a[i] - b[i]) * (a[i] - b[i]);
        length += axis[i] * axis[i];
    }
    for (size_t i = 0; i < N; i++) /* a reflection */
        for (size_t j = 0; j < N; j++)
            turn[i][j] = (i == j) - 2.0 * axis[i] * axis[j] / length;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            mean[0][i] += turn[i][j] * m[j];
            mean[1][i] += turn[i][j] * w[j];
            for (size_t k = 0; k < N; k++) {
                c[0][i * N + j] += turn[i][k] * a[k] * a[k] * turn[j][k];
                c[1][i * N + j] += turn[i][k] * b[k] * b[k] * turn[j][k];
            }
        }
    ck_assert_status(inv_frechet(N, mean[0], c[0], mean[1], c[1], &got), INV_OK);
    ck_assert_double_eq_tol(got, want, 1e-6);
    ck_assert_status(inv_frechet(N, mean[1], c[1], mean[0], c[0], &got), INV_OK);
    ck_assert_double_eq_tol(got, want, 1e-6);
    ck_assert_status(inv_frechet(N, mean[0], c[0], mean[0], c[0], &got), INV_OK);
    ck_assert_double_eq_tol(got, 0.0, 1e-6);
}
END_TEST

/* At the judge's point the means and covariances are worked out in doubles. */
static double naive_frechet(const inv_net *judge, size_t point, const inv_part *part, size_t n,
                            const inv_net *by)
{
    const size_t d = inv_net_units(judge, point);
    double *v = calloc(2 * n * d, sizeof *v), *mean = calloc(2 * d, sizeof *mean);
    double *c = calloc(2 * d * d, sizeof *c), got = -1.0;
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < n; i++) {
            double x[SMALL_WIDEST], values[SMALL_WIDEST], y[SMALL_WIDEST];
            small_pixels(s ? &data->test : part, i, x);
            if (s == 0 && by) {
                small_values(net, 0, at, 0.0, x, values);
                small_values(by, 0, inv_net_depth(by), 0.99, values, y);
                memcpy(x, y, sizeof x);
            }
            small_values(judge, 0, point, 0.0, x, values);
            memcpy(v + (s * n + i) * d, values, d * sizeof *v);
            for (size_t j = 0; j < d; j++)
                mean[s * d + j] += v[(s * n + i) * d + j] / (double)n;
        }
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < d * d; j++) {
                const double *row = v + (s * n + i) * d, *m = mean + s * d;
                c[s * d * d + j] += (row[j / d] - m[j / d]) * (row[j % d] - m[j % d]) / (double)n;
            }
    ck_assert_status(inv_frechet(d, mean, c, mean + d, c + d * d, &got), INV_OK);
    free(v), free(mean), free(c);
    return got;
}

START_TEST(frechet_is_measured_at_a_judges_point)
{
    inv_net *judge = small_net(SMALL_TWO);
    inv_frechet_real *real = NULL, *none = NULL;
    inv_frechet_figures f;
    small_train(judge, data, 40);
    inv_measuring what = {.net = net,
                          .inverse = inverse,
                          .at = at,
                          .pixels = {0.0, 1.0, 0.0},
                          .judge = judge,
                          .judge_pixels = {0.0, 1.0, 0.0}};
    ck_assert_status(inv_frechet_real_alloc(&what, 1, data, SMALL_TEST, &real), INV_OK);
    ck_assert_uint_eq(inv_frechet_real_images(real), SMALL_TEST);
    ck_assert_status(inv_measure_frechet(&what, real, data, &f), INV_OK);
    ck_assert_uint_eq(f.images, SMALL_TEST);
    ck_assert_uint_eq(f.training, SMALL_TEST);
    const double made = naive_frechet(judge, 1, &data->test, SMALL_TEST, inverse);
    const double line = naive_frechet(judge, 1, &data->train, SMALL_TEST, NULL);
    ck_assert_double_gt(made, 0.01);
    ck_assert_double_eq_tol(f.distance, made, 1e-3 * made);
    ck_assert_double_eq_tol(f.real, line, 1e-3 * line + 1e-5);
    ck_assert_status(inv_frechet_real_alloc(&what, 0, data, SMALL_TEST, &none), INV_EINVAL);
    ck_assert_status(inv_frechet_real_alloc(&what, 99, data, SMALL_TEST, &none), INV_EINVAL);
    ck_assert_status(inv_frechet_real_alloc(&what, 1, data, SMALL_TEST + 1, &none), INV_EINVAL);
    ck_assert_status(inv_frechet_real_alloc(&what, 1, data, 0, &none), INV_EINVAL);
    ck_assert_ptr_null(none);
    what.judge = net; /* of which it knows no real images */
    ck_assert_status(inv_measure_frechet(&what, real, data, &f), INV_EINVAL);
    inv_frechet_real_free(real);
    inv_net_free(judge);
}
END_TEST

START_TEST(zero_lines_are_real_images_and_means)
{
    const size_t n = SMALL_TEST - 1;
    gsl_matrix_float *images = small_matrix(n, SMALL_PIXELS);
    double x[SMALL_WIDEST], all[SMALL_WIDEST] = {0.0}, of[SMALL_CLASSES][SMALL_WIDEST] = {{0.0}};
    double count[SMALL_CLASSES] = {0.0};
    for (size_t i = 0; i < SMALL_TRAIN; i++) {
        small_pixels(&data->train, i, x);
        count[data->train.labels[i]]++;
        for (size_t j = 0; j < SMALL_PIXELS; j++) {
            all[j] += x[j] / SMALL_TRAIN;
            of[data->train.labels[i]][j] += x[j];
        }
    }
    for (size_t line = 0; line < INV_ZERO_LINES; line++) {
        ck_assert_ptr_nonnull(inv_zero_lines[line].name);
        ck_assert_status(inv_zero_images(data, line, images), INV_OK);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < SMALL_PIXELS; j++) {
                const size_t c = data->test.labels[i];
                small_pixels(&data->test, i, x);
                const double want = line == INV_ZERO_REAL   ? x[j]
                                    : line == INV_ZERO_MEAN ? all[j]
                                                            : of[c][j] / count[c];
                ck_assert_double_eq_tol(gsl_matrix_float_get(images, i, j), want, 1e-6);
            }
    }
    ck_assert_status(inv_zero_images(data, INV_ZERO_LINES, images), INV_EINVAL);
    inv_mat_free(images);
    images = small_matrix(SMALL_TEST + 1, SMALL_PIXELS);
    ck_assert_status(inv_zero_images(data, INV_ZERO_MEAN, images), INV_EINVAL);
    ck_assert_message_has("81 images of 63 pixels; there are 80 of 63");
    inv_mat_free(images);
}
END_TEST

/* Image i is the training image that unit i likes `place`th best: it is among the top hundredth, of 300
 * images the best three, or not. */
START_TEST(units_are_in_their_top_hundredth)
{
    const size_t units = inv_net_units(net, at);
    gsl_matrix_float *images = small_matrix(units, SMALL_PIXELS);
    for (size_t place = 0; place < 5; place++) {
        double share = -1.0;
        for (size_t j = 0; j < units; j++) {
            double values[SMALL_TRAIN], x[SMALL_WIDEST], v[SMALL_WIDEST];
            for (size_t i = 0; i < SMALL_TRAIN; i++) {
                small_pixels(&data->train, i, x);
                small_values(net, 0, at, 0.0, x, v);
                values[i] = v[j];
            }
            for (size_t taken = 0; taken <= place; taken++) {
                const size_t best = small_top(values, SMALL_TRAIN);
                gsl_matrix_float row =
                    inv_mat_over(images->data + j * images->tda, 1, SMALL_PIXELS);
                inv_part_rows(&data->train, best, 1, &row);
                values[best] = -INFINITY;
            }
        }
        ck_assert_status(inv_measure_units(net, at, &data->train, images, &share), INV_OK);
        const double expected = place < 3 ? 1.0 : 0.0;
        ck_assert_double_eq(share, expected);
    }
    gsl_matrix_float few = inv_mat_head(images, units - 1);
    double share = 0.0, noise = 0.0;
    ck_assert_status(inv_measure_units(net, at, &data->train, &few, &share), INV_EINVAL);
    gsl_matrix_float_set_zero(images);
    ck_assert_status(inv_measure_border((inv_shape){SMALL_HEIGHT, SMALL_WIDTH, 1}, images, &noise),
                     INV_OK);
    ck_assert(isnan(noise));
    gsl_matrix_float_set(images, 0, 0, 1.0f); /* a corner: 48 border pixels of 63 */
    ck_assert_status(inv_measure_border((inv_shape){SMALL_HEIGHT, SMALL_WIDTH, 1}, images, &noise),
                     INV_OK);
    ck_assert_double_eq_tol(
        noise, sqrt(1.0 / 48 * (1 - 1.0 / 48)) / sqrt(1.0 / 63 * (1 - 1.0 / 63)), 1e-6);
    inv_mat_free(images);
}
END_TEST

static void part_free(inv_part *part)
{
    free((void *)(uintptr_t)part->images);
    free((void *)(uintptr_t)part->labels);
}

/* ---- accuracy ---- */

START_TEST(accuracy_equals_the_naive_twin)
{
    static const size_t steps[] = {0, 3, 30};
    static const size_t counts[] = {1, 2, 79, 999, 1000, 1001, 2357};
    for (size_t s = 0; s < 3; s++) {
        inv_net_free(net);
        net = small_net(SMALL_FOUR);
        if (steps[s])
            small_train(net, data, steps[s]);
        for (size_t c = 0; c < 7; c++) {
            inv_part part = small_repeat(&data->test, counts[c]);
            double accuracy = -1.0;
            ck_assert_status(inv_measure_accuracy(net, &part, &accuracy), INV_OK);
            ck_assert_double_eq_tol(accuracy, naive_accuracy(&part), 1e-12);
            part_free(&part);
        }
    }
}
END_TEST

/* Each image is counted once, under its label and what a naive forward takes it for; of the wrong ones those
 * that a full list of them has first are kept. */
START_TEST(confusion_equals_the_naive_twin)
{
    enum { MOST = 5 };
    unsigned confusion[SMALL_CLASSES * SMALL_CLASSES], twin[SMALL_CLASSES * SMALL_CLASSES] = {0};
    inv_mistake few[MOST], all[SMALL_TEST];
    size_t count = 0, wrong = 0;
    const inv_part *part = &data->test;
    inv_net_free(net);
    net = small_net(SMALL_FOUR); /* which knows nothing yet */
    ck_assert_status(
        inv_measure_confusion(net, part, SMALL_CLASSES, confusion, all, SMALL_TEST, &wrong),
        INV_OK);
    ck_assert_status(inv_measure_confusion(net, part, SMALL_CLASSES, confusion, few, MOST, &count),
                     INV_OK);
    for (size_t i = 0; i < part->count; i++) {
        double x[SMALL_WIDEST];
        small_pixels(part, i, x);
        twin[part->labels[i] * SMALL_CLASSES + class_of(x)]++;
    }
    for (size_t k = 0; k < SMALL_CLASSES * SMALL_CLASSES; k++) {
        ck_assert_uint_eq(confusion[k], twin[k]);
        wrong -= k / SMALL_CLASSES != k % SMALL_CLASSES ? confusion[k] : 0;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(count, MOST);
    for (size_t i = 0; i < count; i++) {
        double x[SMALL_WIDEST], y[SMALL_WIDEST];
        small_pixels(part, few[i].index, x);
        small_values(net, 0, inv_net_depth(net), 0.0, x, y);
        ck_assert_uint_eq(few[i].label, part->labels[few[i].index]);
        ck_assert_uint_eq(few[i].predicted, small_top(y, SMALL_CLASSES));
        ck_assert_uint_ne(few[i].label, few[i].predicted);
        ck_assert_double_eq_tol((double)few[i].confidence, y[few[i].predicted], 1e-5);
        ck_assert_uint_eq(few[i].index, all[i].index);
        ck_assert(i == 0 || few[i].confidence <= few[i - 1].confidence);
    }
    ck_assert_status(
        inv_measure_confusion(net, part, SMALL_CLASSES - 1, confusion, few, MOST, &count),
        INV_EDATA);
}
END_TEST

START_TEST(accuracy_goes_by_labels)
{
    inv_part part = small_repeat(&data->test, 50);
    uint16_t *labels = (uint16_t *)(uintptr_t)part.labels;
    double accuracy = -1.0;
    for (size_t i = 0; i < 50; i++) {
        double x[SMALL_WIDEST];
        small_pixels(&part, i, x);
        labels[i] = (uint16_t)((class_of(x) + (i % 5 != 3)) % SMALL_CLASSES);
    }
    ck_assert_status(inv_measure_accuracy(net, &part, &accuracy), INV_OK);
    ck_assert_double_eq_tol(accuracy, 0.2, 1e-12);
    part_free(&part);
}
END_TEST

/* ---- inverse ---- */

START_TEST(quality_equals_the_naive_twin)
{
    static const size_t counts[] = {1, 79, 999, 1000, 1001, 2357};
    const inv_inverse_quality all = naive_quality(&data->test);
    /* figures that could show a mistake */
    ck_assert(all.l1_per_pixel > 0.01 && all.relative_l2 > 0.05);
    ck_assert(all.same_class > 0.1 && all.same_class < 0.95);
    for (size_t c = 0; c < 6; c++) {
        inv_part part = small_repeat(&data->test, counts[c]);
        assert_quality(&part);
        part_free(&part);
    }
}
END_TEST

START_TEST(black_images_have_no_relative_error)
{
    inv_part part = small_repeat(&data->test, 40), black = small_repeat(&data->test, 3);
    unsigned char *images = (unsigned char *)(uintptr_t)part.images;
    inv_inverse_quality q = {0.0, -1.0, 0.0};
    memset(images + 7 * part.pixels, 0, part.pixels);
    memset(images + 39 * part.pixels, 0, part.pixels);
    assert_quality(&part);
    memset((void *)(uintptr_t)black.images, 0, 3 * black.pixels);
    assert_quality(&black);
    ck_assert_status(inv_measure_inverse(net, inverse, at, &black, &q), INV_OK);
    ck_assert_double_eq(q.relative_l2, 0.0);
    part_free(&part);
    part_free(&black);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    static const size_t threads[] = {2, 3, 8};
    inv_part part = small_repeat(&data->train, 1500);
    inv_inverse_quality one, more;
    inv_threads_set(1);
    ck_assert_status(inv_measure_inverse(net, inverse, at, &part, &one), INV_OK);
    for (size_t t = 0; t < 3; t++) {
        inv_threads_set(threads[t]);
        ck_assert_status(inv_measure_inverse(net, inverse, at, &part, &more), INV_OK);
        ck_assert(one.l1_per_pixel == more.l1_per_pixel && one.relative_l2 == more.relative_l2 &&
                  one.same_class == more.same_class);
    }
    part_free(&part);
}
END_TEST

START_TEST(says_when_figures_are_not_finite)
{
    inv_inverse_quality q;
    double accuracy = 0.0;
    inv_net_params(inverse)[3] = INFINITY;
    ck_assert_status(inv_measure_inverse(net, inverse, at, &data->test, &q), INV_ENUMERIC);
    ck_assert_message_has("not finite");
    ck_assert_status(inv_measure_inverse(net, inverse, at, &data->validation, &q), INV_EDATA);
    ck_assert_status(inv_measure_accuracy(net, &data->validation, &accuracy), INV_EDATA);
}
END_TEST

/* Every pair of images, one after the other. */
START_TEST(spread_is_that_of_all_pairs)
{
    double spread[SMALL_CLASSES + 1];
    const inv_part *part = &data->train;
    ck_assert_status(inv_measure_spread(part, SMALL_CLASSES + 1, spread), INV_OK);
    for (size_t c = 0; c < SMALL_CLASSES; c++) {
        double sum = 0.0, pairs = 0.0;
        for (size_t i = 0; i < part->count; i++)
            for (size_t j = 0; j < part->count; j++) {
                double x[SMALL_WIDEST], y[SMALL_WIDEST];
                if (part->labels[i] != c || part->labels[j] != c)
                    continue;
                small_pixels(part, i, x), small_pixels(part, j, y);
                for (size_t k = 0; k < part->pixels; k++)
                    sum += (x[k] - y[k]) * (x[k] - y[k]);
                pairs++;
            }
        ck_assert_double_gt(pairs, 1.0);
        ck_assert_double_eq_tol(spread[c], sqrt(sum / pairs), 1e-6 * spread[c]);
    }
    ck_assert_double_eq(spread[SMALL_CLASSES], 0.0); /* no image is of it */
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    const size_t logits = inv_net_logits(net);
    inv_part other = data->test;
    inv_inverse_quality q;
    double accuracy = 0.0;
    other.pixels++;
    ck_assert_status(inv_measure_accuracy(net, &other, &accuracy), INV_EDATA);
    ck_assert_status(inv_measure_inverse(net, inverse, at, &other, &q), INV_EDATA);
    ck_assert_status(inv_measure_inverse(net, inverse, 0, &data->test, &q), INV_EINVAL);
    ck_assert_status(inv_measure_inverse(net, inverse, at - 1, &data->test, &q), INV_EINVAL);
    ck_assert_message_has("inverse: leads from 13 values to 63");
    ck_assert_status(inv_measure_inverse(net, inverse, logits + 1, &data->test, &q), INV_EINVAL);
    ck_assert_status(inv_measure_inverse(net, net, at, &data->test, &q), INV_EINVAL);
}
END_TEST

Suite *measure_suite(void)
{
    Suite *suite = suite_create("measure");
    TCase *tests = tcase_create("measure");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, units_are_in_their_top_hundredth);
    tcase_add_test(tests, all_figures_equal_the_naive_twins);
    tcase_add_test(tests, images_are_measured_like_an_inverse);
    tcase_add_test(tests, zero_lines_are_real_images_and_means);
    tcase_add_test(tests, frechet_is_that_of_the_axes);
    tcase_add_test(tests, frechet_is_measured_at_a_judges_point);
    tcase_add_test(tests, accuracy_equals_the_naive_twin);
    tcase_add_test(tests, accuracy_goes_by_labels);
    tcase_add_test(tests, confusion_equals_the_naive_twin);
    tcase_add_test(tests, quality_equals_the_naive_twin);
    tcase_add_test(tests, black_images_have_no_relative_error);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, says_when_figures_are_not_finite);
    tcase_add_test(tests, spread_is_that_of_all_pairs);
    tcase_add_test(tests, bad_arguments_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
