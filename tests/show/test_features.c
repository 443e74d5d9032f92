/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "invproj/features.h"
#include "invproj/inverse.h"
#include "small.h"
#include "suites.h"

static inv_net *net;

static void prepare(void)
{
    net = small_net(SMALL_FOUR);
}

static void tidy(void)
{
    inv_net_free(net);
}

/* An inverse from `point` whose kernels are drawn but not trained. */
static inv_net *inverse_at(const char *point)
{
    inv_inverse_spec spec = inv_inverse_defaults;
    gsl_rng *rng = NULL;
    inv_net *inverse = NULL;
    strcpy(spec.at, point);
    ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_OK);
    ck_assert_status(inv_rng_alloc(17, "features", &rng), INV_OK);
    inv_net_init(inverse, rng);
    inv_rng_free(rng);
    return inverse;
}

/* images[i] is what the naive inverse makes of `scale` at unit i and 0 elsewhere */
static void assert_features(const inv_net *inverse, double scale, const gsl_matrix_float *images)
{
    const size_t units = inv_net_units(inverse, 0);
    for (size_t i = 0; i < units; i++) {
        double values[SMALL_WIDEST] = {0.0}, y[SMALL_WIDEST], largest = 0.0;
        values[i] = scale;
        small_values(inverse, 0, inv_net_depth(inverse), 0.99, values, y);
        for (size_t j = 0; j < SMALL_PIXELS; j++)
            largest = fmax(largest, fabs(y[j]));
        for (size_t j = 0; j < SMALL_PIXELS; j++)
            ck_assert_double_eq_tol(gsl_matrix_float_get(images, i, j), y[j], 1e-4 * largest);
    }
}

/* m + d C[., i] / sqrt(C[i, i]) of the training images' values, in doubles, through the naive inverse. */
static void assert_expected(const inv_dataset *data, const inv_net *inverse, size_t at, double far,
                            const gsl_matrix_float *images)
{
    const inv_part *part = &data->train;
    const size_t units = inv_net_units(net, at);
    double *c = calloc(units * units, sizeof *c), mean[SMALL_WIDEST] = {0.0};
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < part->count; i++) {
            double x[SMALL_WIDEST], v[SMALL_WIDEST];
            small_pixels(part, i, x);
            small_values(net, 0, at, 0.0, x, v);
            for (size_t j = 0; j < units; j++) {
                mean[j] += pass ? 0.0 : v[j] / (double)part->count;
                for (size_t k = 0; pass && k < units; k++)
                    c[j * units + k] += (v[j] - mean[j]) * (v[k] - mean[k]) / (double)part->count;
            }
        }
    for (size_t i = 0; i < units; i++) {
        double values[SMALL_WIDEST], y[SMALL_WIDEST];
        for (size_t j = 0; j < units; j++)
            values[j] = mean[j] + far * c[j * units + i] / sqrt(c[i * units + i]);
        small_values(inverse, 0, inv_net_depth(inverse), 0.99, values, y);
        for (size_t j = 0; j < SMALL_PIXELS; j++)
            ck_assert_double_eq_tol(gsl_matrix_float_get(images, i, j), y[j], 2e-3);
    }
    free(c);
}

START_TEST(expected_values_are_the_naive_ones)
{
    inv_dataset *data = small_data();
    small_train(net, data, 100);
    inv_net *inverse = inverse_at("hidden2.pre");
    gsl_matrix_float *images = small_matrix(13, SMALL_PIXELS);
    inv_gaussians *g = NULL;
    size_t at = 0;
    ck_assert_status(inv_net_point(net, "hidden2.pre", &at), INV_OK);
    ck_assert_status(inv_gaussians_fit(net, &data->train, at, 0, 0, &g), INV_OK);
    ck_assert_status(inv_features_expected(inverse, &g->all, 2.5, images), INV_OK);
    assert_expected(data, inverse, at, 2.5, images);
    ck_assert_status(inv_features_expected(inverse, &g->all, -1.5, images), INV_OK);
    assert_expected(data, inverse, at, -1.5, images);
    ck_assert_status(inv_features_expected(inverse, &g->all, NAN, images), INV_EINVAL);
    inv_net *other = inverse_at("hidden3.pre");
    ck_assert_status(inv_features_expected(other, &g->all, 1.0, images), INV_EINVAL);
    ck_assert_message_has("of 13 values, of 11");
    inv_gaussians_free(g);
    inv_mat_free(images);
    inv_net_free(inverse), inv_net_free(other);
    inv_dataset_free(data);
}
END_TEST

START_TEST(equal_the_naive_inverse)
{
    static const char *const points[] = {"hidden1.pre", "hidden2", "hidden3.pre", "output.pre"};
    static const size_t units[] = {23, 13, 11, SMALL_CLASSES};
    static const double scales[] = {1e8, 7.25, -3.5, 0.0};
    for (size_t p = 0; p < 4; p++) {
        inv_net *inverse = inverse_at(points[p]);
        ck_assert_uint_eq(inv_net_units(inverse, 0), units[p]);
        gsl_matrix_float *images = small_matrix(units[p], SMALL_PIXELS);
        for (size_t s = 0; s < 4; s++) {
            ck_assert_status(inv_features_images(inverse, scales[s], images), INV_OK);
            assert_features(inverse, scales[s], images);
        }
        gsl_matrix_float_free(images);
        inv_net_free(inverse);
    }
}
END_TEST

START_TEST(images_may_be_a_view)
{
    inv_net *inverse = inverse_at("hidden2");
    gsl_matrix_float *wide = small_matrix(15, SMALL_PIXELS + 6);
    gsl_matrix_float_set_all(wide, NAN); /* what lies around the view is no concern */
    gsl_matrix_float_view view = gsl_matrix_float_submatrix(wide, 1, 2, 13, SMALL_PIXELS);
    ck_assert_status(inv_features_images(inverse, 7.25, &view.matrix), INV_OK);
    assert_features(inverse, 7.25, &view.matrix);
    for (size_t i = 0; i < 15; i++)
        for (size_t j = 0; j < SMALL_PIXELS + 6; j++)
            if (i < 1 || i > 13 || j < 2 || j >= SMALL_PIXELS + 2)
                ck_assert(isnan(gsl_matrix_float_get(wide, i, j)));
    gsl_matrix_float_free(wide);
    inv_net_free(inverse);
}
END_TEST

START_TEST(says_when_numbers_are_not_finite)
{
    inv_net *inverse = inverse_at("hidden2");
    gsl_matrix_float *images = small_matrix(13, SMALL_PIXELS);
    ck_assert_status(inv_features_images(inverse, 1e39, images), INV_ENUMERIC);
    ck_assert_message_has("features: ");
    ck_assert_message_has("not finite; lower features.scale");
    /* only the last pixel of the last image is wrong */
    gsl_matrix_float *wide = small_matrix(13, SMALL_PIXELS + 6);
    gsl_matrix_float_view view = gsl_matrix_float_submatrix(wide, 0, 6, 13, SMALL_PIXELS);
    inv_net *one = inverse_at("hidden1.pre");
    const inv_block *kernel = inv_net_block(one, "hidden1", "kernel");
    gsl_matrix_float *many = small_matrix(23, SMALL_PIXELS + 6);
    gsl_matrix_float_view last = gsl_matrix_float_submatrix(many, 0, 6, 23, SMALL_PIXELS);
    inv_net_params(one)[kernel->offset + kernel->size - 1] = 3e38f;
    ck_assert_status(inv_features_images(one, 1.0, &last.matrix), INV_OK);
    ck_assert_status(inv_features_images(one, 7.25, &last.matrix), INV_ENUMERIC);
    ck_assert_message_has("the image of unit 22 is not finite");
    ck_assert_status(inv_features_images(inverse, 1.0, &view.matrix), INV_OK);
    gsl_matrix_float_free(images);
    gsl_matrix_float_free(wide);
    gsl_matrix_float_free(many);
    inv_net_free(inverse);
    inv_net_free(one);
}
END_TEST

static inv_status use_features(const void *spec)
{
    inv_generate_spec out;
    return inv_features_generate(spec, net, &out);
}

START_TEST(bad_arguments_are_refused)
{
    static const double scales[] = {NAN, INFINITY, -INFINITY};
    inv_features_spec spec = inv_features_defaults;
    inv_net *inverse = inverse_at("hidden2");
    gsl_matrix_float *few = small_matrix(12, SMALL_PIXELS),
                     *narrow = small_matrix(13, SMALL_PIXELS - 1);
    strcpy(spec.layer, "hidden2");
    fields_must_be_checked(inv_features_fields, &spec, sizeof spec, use_features);
    ck_assert_status(inv_features_images(inverse, 1.0, few), INV_EINVAL);
    ck_assert_status(inv_features_images(inverse, 1.0, narrow), INV_EINVAL);
    for (size_t s = 0; s < 3; s++)
        ck_assert_status(inv_features_images(inverse, scales[s], few), INV_EINVAL);
    ck_assert_message_has("features.scale: ");
    inv_mat_free(few);
    inv_mat_free(narrow);
    inv_net_free(inverse);
}
END_TEST

Suite *features_suite(void)
{
    Suite *suite = suite_create("features");
    TCase *tests = tcase_create("features");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_add_test(tests, expected_values_are_the_naive_ones);
    tcase_add_test(tests, equal_the_naive_inverse);
    tcase_add_test(tests, images_may_be_a_view);
    tcase_add_test(tests, says_when_numbers_are_not_finite);
    tcase_add_test(tests, bad_arguments_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
