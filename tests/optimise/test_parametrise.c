/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "gradient.h"
#include "invproj/parametrise.h"
#include "suites.h"

enum { ROWS = 5, UNITS = 12, CLASSES = 2, COMPONENTS = 4 };

static inv_gaussians *gaussians;
static const inv_gaussian *of[ROWS];
static gsl_matrix_float *images;

static void prepare(void)
{
    ck_assert_status(inv_gaussians_alloc(UNITS, COMPONENTS, CLASSES, &gaussians), INV_OK);
    for (size_t c = 0; c <= CLASSES; c++) {
        inv_gaussian *g = c < CLASSES ? &gaussians->of[c] : &gaussians->all;
        gradient_fill(g->mean, UNITS, -0.5, 0.5, 10 + c);
        gradient_fill(g->axes, COMPONENTS * UNITS, -0.5, 0.5, 20 + c);
        gradient_fill(g->deviation, COMPONENTS, 0.1, 2.0, 30 + c);
    }
    for (size_t i = 0; i < ROWS; i++)
        of[i] = i < 2 ? &gaussians->of[0] : i < 4 ? &gaussians->of[1] : &gaussians->all;
    ck_assert_status(inv_mat_alloc(ROWS, UNITS, "images", &images), INV_OK);
    gradient_fill(images->data, ROWS * UNITS, -1.0, 1.0, 4);
}

static void tidy(void)
{
    inv_gaussians_free(gaussians);
    inv_mat_free(images);
}

static const inv_parametrisation_spec specs[] = {
    {"direct", "all", 0, 0},   {"sigmoid", "all", 0, 0}, {"whitened", "all", 0, 0},
    {"whitened", "all", 3, 0}, {"fourier", "all", 0, 0}, {"mask", "all", 0, 0}};
#define SPECS (sizeof specs / sizeof *specs)

static inv_parametrisation *open_spec(size_t k)
{
    const inv_writing writing = {{-0.25, 1.5}, of, images};
    inv_parametrisation *p = NULL;
    ck_assert_status(inv_parametrisation_alloc(&specs[k], UNITS, ROWS, &writing, &p), INV_OK);
    return p;
}

static double naive(size_t kind, size_t i, size_t j, const double *v, size_t n)
{
    double x = of[i]->mean[j];
    if (kind == 0)
        return v[i * n + j];
    if (kind == 1)
        return -0.25 + 1.75 / (1.0 + exp(-v[i * n + j]));
    if (kind == 5)
        return v[i * n + j] * gsl_matrix_float_get(images, i, j);
    for (size_t k = 0; k < n; k++)
        x += v[i * n + k] * of[i]->deviation[k] * of[i]->axes[k * UNITS + j];
    return x;
}

START_TEST(values_and_gradients_are_those_of_the_formula)
{
    inv_parametrisation *p = open_spec(_i);
    const size_t n = inv_parametrisation_variables(p);
    const double step = 1e-6;
    ck_assert_uint_eq(n, _i == 3 ? 3 : _i == 2 || _i == 4 ? COMPONENTS : UNITS);
    frame v = frame_filled(ROWS, n, -1.5, 1.5, 5), x = frame_alloc(ROWS, UNITS);
    frame dx = frame_filled(ROWS, UNITS, -1.0, 1.0, 6), dv = frame_alloc(ROWS, n);
    double *at = frame_doubles(&v), *down = frame_doubles(&dx);
    double expected[ROWS * UNITS], gradients[ROWS * UNITS] = {0.0};
    inv_parametrisation_values(p, &v.m, &x.m);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < UNITS; j++)
            expected[i * UNITS + j] = naive((size_t)_i, i, j, at, n);
    frame_assert_near(&x, expected, 1e-6, specs[_i].type);
    inv_parametrisation_gradients(p, &v.m, &x.m, &dx.m, &dv.m);
    for (size_t k = 0; k < ROWS * n; k++) {
        const double middle = at[k];
        for (size_t j = 0; j < UNITS; j++) {
            at[k] = middle + step;
            const double above = naive((size_t)_i, k / n, j, at, n);
            at[k] = middle - step;
            gradients[k] +=
                down[k / n * UNITS + j] * (above - naive((size_t)_i, k / n, j, at, n)) / (2 * step);
        }
        at[k] = middle;
    }
    frame_assert_near(&dv, gradients, 1e-5, specs[_i].type);
    frame_free(&v), frame_free(&x), frame_free(&dx), frame_free(&dv);
    free(at), free(down);
    inv_parametrisation_free(p);
}
END_TEST

/* Values that can be written exactly come back; for axes that needs orthonormal ones. */
START_TEST(nearest_variables_write_the_values)
{
    for (size_t c = 0; c <= CLASSES; c++) {
        inv_gaussian *g = c < CLASSES ? &gaussians->of[c] : &gaussians->all;
        memset(g->axes, 0, COMPONENTS * UNITS * sizeof(float));
        for (size_t k = 0; k < COMPONENTS; k++)
            g->axes[k * UNITS + (k * 5 + c) % UNITS] = 1.0f;
    }
    inv_parametrisation *p = open_spec(_i);
    const size_t n = inv_parametrisation_variables(p);
    frame v = frame_filled(ROWS, n, -1.5, 1.5, 5), x = frame_alloc(ROWS, UNITS);
    frame again = frame_alloc(ROWS, n);
    double *expected = frame_doubles(&v);
    inv_parametrisation_values(p, &v.m, &x.m);
    inv_parametrisation_nearest(p, &x.m, &again.m);
    frame_assert_near(&again, expected, 1e-4, specs[_i].type);
    frame_free(&v), frame_free(&x), frame_free(&again);
    free(expected);
    inv_parametrisation_free(p);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    float first[ROWS * UNITS];
    for (size_t t = 0; t < GRADIENT_THREADS; t++) {
        inv_threads_set(gradient_threads[t]);
        inv_parametrisation *p = open_spec(2);
        frame v = frame_filled(ROWS, COMPONENTS, -1.5, 1.5, 5), x = frame_alloc(ROWS, UNITS);
        inv_parametrisation_values(p, &v.m, &x.m);
        float *packed = frame_packed(&x);
        if (t == 0)
            memcpy(first, packed, sizeof first);
        ck_assert(gradient_same_bits(first, packed, sizeof first));
        free(packed);
        frame_free(&v), frame_free(&x);
        inv_parametrisation_free(p);
    }
    inv_threads_set(0);
}
END_TEST

START_TEST(what_it_needs_must_be_there)
{
    const inv_writing nothing = {{1.0, 0.0}, NULL, NULL};
    const struct {
        const char *type, *says;
    } bad[] = {{"magic", "there is no 'magic'"},
               {"sigmoid", "sigmoid needs bounds, the lower first"},
               {"whitened", "whitened needs the data's Gaussian"},
               {"fourier", "fourier needs the data's Gaussian"},
               {"mask", "mask needs images"}};
    inv_parametrisation *p = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        inv_parametrisation_spec spec = {.of = "all"};
        strcpy(spec.type, bad[i].type);
        ck_assert_int_ne(inv_parametrisation_alloc(&spec, UNITS, ROWS, &nothing, &p), INV_OK);
        ck_assert_message_has(bad[i].says);
        ck_assert_ptr_null(p);
    }
    gsl_matrix_float_set_zero(images);
    const inv_writing empty = {{1.0, 0.0}, NULL, images};
    ck_assert_status(inv_parametrisation_alloc(&specs[5], UNITS, ROWS, &empty, &p), INV_ECONFIG);
    ck_assert_message_has("mask: image 0 is all 0: nothing of it can be shown");
    inv_parametrisation_free(NULL);
}
END_TEST

static inv_status use_alloc(const void *spec)
{
    const inv_writing writing = {{-0.25, 1.5}, of, images};
    inv_parametrisation *p = NULL;
    const inv_status status = inv_parametrisation_alloc(spec, UNITS, ROWS, &writing, &p);
    ck_assert_ptr_null(p);
    return status;
}

START_TEST(bad_settings_and_sizes_are_refused)
{
    const inv_writing writing = {{-0.25, 1.5}, of, images};
    inv_parametrisation *p = NULL;
    for (size_t k = 0; k < SPECS; k++) {
        const bool of_size = k >= 2; /* of Gaussians, or of images */
        fields_must_be_checked(inv_parametrisation_fields(specs[k].type), &specs[k], sizeof *specs,
                               use_alloc);
        ck_assert_status(inv_parametrisation_alloc(&specs[k], 0, ROWS, &writing, &p), INV_EINVAL);
        ck_assert_status(inv_parametrisation_alloc(&specs[k], UNITS, 0, &writing, &p), INV_EINVAL);
        ck_assert_ptr_null(p);
        if (of_size)
            ck_assert_status(inv_parametrisation_alloc(&specs[k], UNITS + 1, ROWS, &writing, &p),
                             INV_EINVAL);
    }
    ck_assert_message_has("parametrisation: images of 5 x 12 values, not 5 x 13");
    ck_assert_status(inv_parametrisation_alloc(&specs[5], UNITS, ROWS + 1, &writing, &p),
                     INV_EINVAL);
}
END_TEST

Suite *parametrise_suite(void)
{
    Suite *suite = suite_create("parametrise");
    TCase *tests = tcase_create("parametrise");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_add_loop_test(tests, values_and_gradients_are_those_of_the_formula, 0, SPECS);
    tcase_add_loop_test(tests, nearest_variables_write_the_values, 0, SPECS);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, what_it_needs_must_be_there);
    tcase_add_test(tests, bad_settings_and_sizes_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
