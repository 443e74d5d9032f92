/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "invproj/generate.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;
static inv_net *net;

static void prepare(void)
{
    data = small_data();
    net = small_net(SMALL_FOUR);
    small_train(net, data, 150);
}

static void tidy(void)
{
    inv_net_free(net);
    inv_dataset_free(data);
}

static inv_generate_spec spec_at(const char *point)
{
    inv_generate_spec spec = inv_generate_defaults;
    strcpy(spec.at, point);
    spec.optimise.steps = 1000;
    return spec;
}

static inv_generator *generator_for(const inv_generate_spec *spec)
{
    inv_generator *generator = NULL;
    ck_assert_status(inv_generator_alloc(spec, net, &(inv_material){.seed = 1}, &generator),
                     INV_OK);
    return generator;
}

static double take_steps(inv_generator *generator, size_t steps)
{
    inv_optimise_report report = {.value = NAN};
    for (size_t i = 0; i < steps; i++)
        ck_assert_status(inv_generator_step(generator, &report), INV_OK);
    return report.value;
}

/* Values at each point but the last become sure of each class; the net stays as it is. */
START_TEST(becomes_sure_of_each_class)
{
    static const char *const at[] = {"input",   "hidden1.pre", "hidden1", "hidden2.pre",
                                     "hidden2", "hidden3.pre", "hidden3", "output.pre"};
    float *params = malloc(inv_net_size(net) * sizeof(float));
    memcpy(params, inv_net_params(net), inv_net_size(net) * sizeof(float));
    for (size_t p = 0; p < 8; p++) {
        const inv_generate_spec spec = spec_at(at[p]);
        inv_generator *generator = generator_for(&spec);
        const gsl_matrix_float *values = inv_generator_values(generator);
        float before[SMALL_CLASSES], after[SMALL_CLASSES];
        ck_assert_uint_eq(values->size1, SMALL_CLASSES); /* no list: all */
        ck_assert_uint_eq(values->size2, inv_net_units(net, p));
        inv_generator_confidence(generator, before);
        const double first = take_steps(generator, 1);
        const double last = take_steps(generator, spec.optimise.steps - 1);
        ck_assert_double_lt(last, 0.05 * first);
        inv_generator_confidence(generator, after);
        for (size_t c = 0; c < SMALL_CLASSES; c++) {
            double row[SMALL_WIDEST] = {0.0}, y[SMALL_WIDEST];
            small_values(net, p, inv_net_depth(net), 0.0, row, y); /* all values start at 0 */
            ck_assert_double_eq_tol(before[c], y[c], 1e-5);
            ck_assert_float_gt(after[c], 0.95f);
            ck_assert_float_lt(before[c], 0.9f);
            for (size_t j = 0; j < values->size2; j++)
                row[j] = gsl_matrix_float_get(values, c, j);
            small_values(net, p, inv_net_depth(net), 0.0, row, y);
            ck_assert_uint_eq(small_top(y, SMALL_CLASSES), c);
            ck_assert_double_eq_tol(after[c], y[c], 1e-5);
        }
        inv_generator_free(generator);
    }
    ck_assert_mem_eq(params, inv_net_params(net), inv_net_size(net) * sizeof(float));
    free(params);
}
END_TEST

START_TEST(a_row_for_each_class_asked_for)
{
    inv_generate_spec spec = spec_at("hidden2.pre"), all = spec;
    spec.classes = (inv_sizes){5, {3, 1, 1, 0, 3}};
    inv_generator *some = generator_for(&spec), *each = generator_for(&all);
    const gsl_matrix_float *rows = inv_generator_values(some), *every = inv_generator_values(each);
    float confidence[5];
    ck_assert_uint_eq(rows->size1, 5);
    take_steps(some, 300);
    take_steps(each, 300);
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < rows->size2; j++)
            ck_assert_float_eq_tol(gsl_matrix_float_get(rows, i, j),
                                   gsl_matrix_float_get(every, spec.classes.values[i], j), 1e-4f);
    inv_generator_confidence(some, confidence);
    ck_assert_float_gt(confidence[0], 0.9f);
    ck_assert_float_eq_tol(confidence[0], confidence[4], 1e-4f);
    ck_assert_float_eq_tol(confidence[1], confidence[2], 1e-4f);
    inv_generator_free(some);
    inv_generator_free(each);
}
END_TEST

/* sum |one_hot(class) - softmax| of one row at `point` */
static double naive_objective(size_t point, const double *row, size_t class)
{
    double y[SMALL_WIDEST], sum = 0.0;
    small_values(net, point, inv_net_depth(net), 0.0, row, y);
    for (size_t j = 0; j < SMALL_CLASSES; j++)
        sum += fabs(y[j] - (j == class));
    return sum;
}

/* The first report is the naive objective, and the first step goes down its gradient. */
START_TEST(steps_down_the_gradient)
{
    const double rate = 0.5, h = 1e-5;
    const size_t point = 3, class = 2, units = inv_net_units(net, point);
    inv_generate_spec spec = spec_at("hidden2.pre");
    double row[SMALL_WIDEST];
    spec.optimise.start = -0.375;
    spec.classes = (inv_sizes){1, {class}};
    spec.optimise.optimiser.rate = rate;
    inv_generator *generator = generator_for(&spec);
    const gsl_matrix_float *values = inv_generator_values(generator);
    for (size_t j = 0; j < units; j++) {
        ck_assert_float_eq(gsl_matrix_float_get(values, 0, j), -0.375f);
        row[j] = -0.375;
    }
    const double objective = take_steps(generator, 1);
    ck_assert_double_eq_tol(objective, naive_objective(point, row, class), 1e-5);
    for (size_t j = 0; j < units; j++) {
        row[j] = -0.375 + h;
        const double above = naive_objective(point, row, class);
        row[j] = -0.375 - h;
        const double gradient = (above - naive_objective(point, row, class)) / (2.0 * h);
        row[j] = -0.375;
        ck_assert_double_eq_tol(-0.375 - (double)gsl_matrix_float_get(values, 0, j),
                                rate * gradient, 1e-4 * fabs(gradient) + 2e-6);
    }
    inv_generator_free(generator);
}
END_TEST

START_TEST(other_optimisers_serve)
{
    inv_generate_spec spec = spec_at("hidden1");
    float confidence[SMALL_CLASSES];
    spec.optimise.optimiser = (inv_optim_spec){.type = "adagrad", .rate = 0.25, .accumulator = 0.1};
    inv_generator *generator = generator_for(&spec);
    take_steps(generator, 200);
    inv_generator_confidence(generator, confidence);
    for (size_t c = 0; c < SMALL_CLASSES; c++)
        ck_assert_float_gt(confidence[c], 0.95f);
    inv_generator_free(generator);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    static const size_t threads[] = {1, 2, 3, 8};
    float *first = NULL;
    inv_generate_spec spec = spec_at("input");
    for (size_t t = 0; t < 4; t++) {
        inv_threads_set(threads[t]);
        inv_generator *generator = generator_for(&spec);
        const gsl_matrix_float *values = inv_generator_values(generator);
        const size_t bytes = values->size1 * values->tda * sizeof(float);
        take_steps(generator, 50);
        if (!first)
            first = memcpy(malloc(bytes), values->data, bytes);
        ck_assert_mem_eq(values->data, first, bytes);
        inv_generator_free(generator);
    }
    free(first);
}
END_TEST

static void assert_refused(const inv_generate_spec *spec, const inv_net *on, inv_status expected,
                           const char *why)
{
    inv_generator *generator = (inv_generator *)net;
    ck_assert_status(inv_generator_alloc(spec, on, &(inv_material){.seed = 1}, &generator),
                     expected);
    ck_assert_ptr_null(generator);
    ck_assert_message_has(why);
}

START_TEST(refuses_what_is_not_there)
{
    static const char linear[] = "{ name = \"output\"; type = \"dense\"; " SMALL_INIT;
    inv_net *plain = small_net(linear);
    inv_generate_spec spec = spec_at("hidden2.pre");
    spec.classes = (inv_sizes){2, {3, 4}};
    assert_refused(&spec, net, INV_ECONFIG, "generate.classes: class 4 does not exist (0 to 3)");
    spec = spec_at("hidden9");
    assert_refused(&spec, net, INV_ECONFIG, "hidden9: the net has no such point");
    spec = spec_at("");
    assert_refused(&spec, net, INV_ECONFIG, "point: none is named; the net has input, hidden1");
    spec = spec_at("output");
    assert_refused(&spec, net, INV_ECONFIG, "generate.at: nothing lies beyond output");
    spec = spec_at("input");
    assert_refused(&spec, plain, INV_ECONFIG, "the net does not end in softmax");
    strcpy(spec.optimise.optimiser.type, "magic");
    assert_refused(&spec, net, INV_EINVAL, "there is no 'magic'");
    inv_generator_free(NULL);
    inv_net_free(plain);
}
END_TEST

START_TEST(says_when_numbers_are_no_longer_finite)
{
    inv_generate_spec spec = spec_at("hidden2.pre");
    inv_optimise_report report;
    spec.optimise.start = 1e6; /* the gradient of the prior is no float there */
    spec.optimise.terms.items[0] = (inv_objective_spec){"norm", "", 1e12, 0, 16.0};
    spec.optimise.terms.count = 1;
    inv_generator *generator = generator_for(&spec);
    ck_assert_status(inv_generator_step(generator, &report), INV_ENUMERIC);
    ck_assert_message_has("generate: step 1: the values are no longer finite; lower "
                          "generate.optimiser.rate");
    inv_generator_free(generator);
    spec = spec_at("hidden2.pre");
    generator = generator_for(&spec);
    take_steps(generator, 4);
    inv_net_params(net)[inv_net_block(net, "output", "bias")->offset] = NAN;
    ck_assert_status(inv_generator_step(generator, &report), INV_ENUMERIC);
    ck_assert_message_has("generate: step 5: ");
    inv_generator_free(generator);
}
END_TEST

/* Test images themselves, or what the net makes of them, where rows of targets start. */
START_TEST(starts_from_the_target_itself)
{
    static const char *const at[] = {"input", "hidden1"};
    const inv_material material = {.data = data, .seed = 1};
    const uint32_t targets[] = {3, 17};
    inv_generator *generator = NULL;
    inv_generate_spec spec;
    for (size_t k = 0; k < 2; k++) {
        double image[SMALL_PIXELS], expected[SMALL_WIDEST];
        spec = spec_at(at[k]);
        strcpy(spec.optimise.from, "target");
        spec.targets = (inv_sizes){2, {targets[0], targets[1]}};
        ck_assert_status(inv_generator_alloc(&spec, net, &material, &generator), INV_OK);
        const gsl_matrix_float *values = inv_generator_values(generator);
        for (size_t i = 0; i < 2; i++) {
            float row[SMALL_PIXELS] = {0};
            gsl_matrix_float one = inv_mat_over(row, 1, SMALL_PIXELS);
            inv_part_gather(&data->test, &targets[i], 1, &one);
            for (size_t j = 0; j < SMALL_PIXELS; j++)
                image[j] = row[j];
            small_values(net, 0, 2 * k, 0.0, image, expected);
            for (size_t j = 0; j < values->size2; j++)
                ck_assert_double_eq_tol(gsl_matrix_float_get(values, i, j),
                                        k ? expected[j] : image[j], 1e-5);
        }
        inv_generator_free(generator);
    }
    spec.targets.count = 0;
    ck_assert_status(inv_generator_alloc(&spec, net, &material, &generator), INV_ECONFIG);
    ck_assert_message_has("generate.targets: from = \"target\" needs images to start from");
}
END_TEST

static inv_status use_alloc(const void *spec)
{
    inv_generator *generator = NULL;
    const inv_status status =
        inv_generator_alloc(spec, net, &(inv_material){.seed = 1}, &generator);
    ck_assert_ptr_null(generator);
    return status;
}

START_TEST(bad_settings_and_material_are_refused)
{
    inv_generate_spec spec = spec_at("hidden2.pre");
    inv_net *fewer = small_net_for(SMALL_FOUR, data->shape, SMALL_CLASSES - 1);
    inv_net *wide = small_net_for(SMALL_FOUR, (inv_shape){8, 8, 1}, SMALL_CLASSES);
    inv_material material = {.data = data, .seed = 1};
    inv_gaussians *g = NULL;
    inv_generator *generator = NULL;
    fields_must_be_checked(inv_generate_fields, &spec, sizeof spec, use_alloc);
    spec.targets = (inv_sizes){1, {3}};
    ck_assert_status(inv_generator_alloc(&spec, fewer, &material, &generator), INV_EINVAL);
    ck_assert_message_has("generate: the network takes 63 values and tells 3 classes apart, the "
                          "images have 63 and are of 4");
    ck_assert_status(inv_generator_alloc(&spec, wide, &material, &generator), INV_EINVAL);
    ck_assert_status(inv_gaussians_alloc(14, 3, SMALL_CLASSES, &g), INV_OK);
    material.gaussians = g;
    ck_assert_status(inv_generator_alloc(&spec, net, &material, &generator), INV_EINVAL);
    ck_assert_message_has("generate: a Gaussian of 14 values; at hidden2.pre are 13");
    ck_assert_ptr_null(generator);
    inv_gaussians_free(g);
    inv_net_free(fewer);
    inv_net_free(wide);
}
END_TEST

Suite *generate_suite(void)
{
    Suite *suite = suite_create("generate");
    TCase *tests = tcase_create("generate");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, becomes_sure_of_each_class);
    tcase_add_test(tests, a_row_for_each_class_asked_for);
    tcase_add_test(tests, steps_down_the_gradient);
    tcase_add_test(tests, other_optimisers_serve);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, starts_from_the_target_itself);
    tcase_add_test(tests, refuses_what_is_not_there);
    tcase_add_test(tests, says_when_numbers_are_no_longer_finite);
    tcase_add_test(tests, bad_settings_and_material_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
