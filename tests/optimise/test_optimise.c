/* The engine: the gradient down to the values, bounds, rests, starts, BFGS. The twins are
 * small.c's.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "gradient.h"
#include "invproj/optimise.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;
static inv_net *net;
static inv_gaussians *gaussians;
static const inv_gaussian *of[SMALL_CLASSES];
static gsl_matrix_float *mix;
static const inv_objective_spec margin = {"margin", "", 1.0, 0, 1.0};

static void prepare(void)
{
    data = small_data();
    net = small_net(SMALL_FOUR);
    small_train(net, data, 150);
    ck_assert_status(inv_gaussians_fit(net, &data->train, 0, SMALL_CLASSES, 20, &gaussians),
                     INV_OK);
    mix = small_matrix(SMALL_CLASSES, SMALL_CLASSES);
    for (size_t i = 0; i < SMALL_CLASSES; i++) {
        gsl_matrix_float_set(mix, i, i, 1.0f);
        of[i] = &gaussians->all;
    }
}

static void tidy(void)
{
    inv_gaussians_free(gaussians);
    inv_mat_free(mix);
    inv_net_free(net);
    inv_dataset_free(data);
}

static inv_optimise_spec plain(void)
{
    inv_optimise_spec spec = INV_OPTIMISE_DEFAULTS;
    spec.optimiser.rate = 0.25;
    spec.steps = 60;
    return spec;
}

static inv_optimise_task task_at(size_t at)
{
    return (inv_optimise_task){
        .net = net,
        .at = at,
        .objective = &margin,
        .goal = {.rows = SMALL_CLASSES, .mix = mix, .gaussian = &gaussians->all},
        .of = of,
        .seed = 7,
        .stage = "test"};
}

static inv_optimisation *open_at(const inv_optimise_spec *spec, size_t at)
{
    const inv_optimise_task task = task_at(at);
    inv_optimisation *o = NULL;
    ck_assert_status(inv_optimisation_alloc(spec, &task, &o), INV_OK);
    return o;
}

static inv_optimise_report run(inv_optimisation *o, size_t steps)
{
    inv_optimise_report report = {.running = 1};
    while (report.step < steps && report.running > 0)
        ck_assert_status(inv_optimisation_step(o, &report), INV_OK);
    ck_assert_status(inv_optimisation_finish(o, &report), INV_OK);
    return report;
}

/* ---- the gradient ---- */

/* margin of class i + 0.75 unit 3 of hidden1 - 0.5 unit 2 of hidden2.pre + 2 norms of the values */
static double naive(size_t at, size_t i, const double *x)
{
    double y[SMALL_WIDEST], sum = 0.0, value = 0.0;
    const size_t units = inv_net_units(net, at);
    small_values(net, at, inv_net_logits(net), 0.0, x, y);
    for (size_t j = 0; j < SMALL_CLASSES; j++)
        sum += j == i ? 0.0 : exp(y[j]);
    value = log(sum) - y[i];
    small_values(net, at, 2, 0.0, x, y);
    value -= 0.75 * y[3];
    small_values(net, at, 3, 0.0, x, y);
    value += 0.5 * y[2];
    for (size_t j = 0; j < units; j++)
        value += (0.25 * x[j] * x[j] + 0.125 * fabs(x[j])) / (double)units;
    return value;
}

START_TEST(objectives_at_several_points_come_down_together)
{
    const size_t at = (size_t)_i, units = inv_net_units(net, at); /* input, hidden1.pre, hidden1 */
    const double rate = 0.5, step = 1e-5;
    inv_optimise_spec spec = plain();
    spec.optimiser.rate = rate;
    spec.start = 0.375;
    spec.terms.count = 4;
    spec.terms.items[0] = (inv_objective_spec){"unit", "hidden1", 0.75, 3, 1.0};
    spec.terms.items[1] = (inv_objective_spec){"unit", "hidden2.pre", -0.5, 2, 1.0};
    spec.terms.items[2] = (inv_objective_spec){"norm", "", 0.25, 0, 2.0};
    spec.terms.items[3] = (inv_objective_spec){"norm", "", 0.125, 0, 1.0};
    inv_optimisation *o = open_at(&spec, at);
    inv_optimise_report report;
    double value = 0.0;
    ck_assert_status(inv_optimisation_step(o, &report), INV_OK);
    for (size_t i = 0; i < SMALL_CLASSES; i++) {
        double x[SMALL_WIDEST];
        for (size_t j = 0; j < units; j++)
            x[j] = 0.375;
        value += naive(at, i, x);
        ck_assert_double_eq_tol(inv_optimisation_row_values(o)[i], naive(at, i, x), 1e-5);
        for (size_t j = 0; j < units; j++) {
            x[j] = 0.375 + step;
            const double above = naive(at, i, x);
            x[j] = 0.375 - step;
            const double gradient = (above - naive(at, i, x)) / (2 * step);
            x[j] = 0.375;
            ck_assert_double_eq_tol(
                (0.375 - gsl_matrix_float_get(inv_optimisation_values(o), i, j)) / rate, gradient,
                2e-5);
        }
    }
    ck_assert_double_eq_tol(report.value, value, 1e-4);
    inv_optimisation_free(o);
}
END_TEST

START_TEST(gradients_of_length_one)
{
    inv_optimise_spec spec = plain();
    spec.unit_gradient = true;
    inv_optimisation *o = open_at(&spec, 0);
    inv_optimise_report report;
    ck_assert_status(inv_optimisation_step(o, &report), INV_OK);
    for (size_t i = 0; i < SMALL_CLASSES; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < SMALL_PIXELS; j++)
            sum += pow(gsl_matrix_float_get(inv_optimisation_values(o), i, j), 2.0);
        ck_assert_double_eq_tol(sqrt(sum), 0.25, 1e-5); /* the rate, from 0 */
    }
    inv_optimisation_free(o);
}
END_TEST

/* ---- ways to write values, bounds ---- */

static const char *const written[] = {"direct", "sigmoid", "whitened", "fourier"};

static inv_optimise_spec written_as(const char *type)
{
    inv_optimise_spec spec = plain();
    strcpy(spec.parametrisation.type, type);
    spec.parametrisation.penalty = 0.5;
    spec.bounds = (inv_range){0.125, 0.75};
    strcpy(spec.from, "normal");
    spec.start = 0.25;
    spec.spread = 0.5;
    return spec;
}

START_TEST(bounds_hold_at_every_step)
{
    inv_optimise_spec spec = written_as(written[_i]);
    spec.jitter = 0.75;
    spec.noise = 0.05;
    spec.optimiser.rate = 2.0;
    inv_optimisation *o = open_at(&spec, 0);
    const gsl_matrix_float *x = inv_optimisation_values(o);
    inv_optimise_report report;
    double first = 0.0;
    for (size_t step = 0; step <= 30; step++) {
        size_t inside = 0;
        for (size_t k = 0; k < SMALL_CLASSES * SMALL_PIXELS; k++) {
            ck_assert(x->data[k] >= 0.125f && x->data[k] <= 0.75f);
            inside += x->data[k] > 0.125f && x->data[k] < 0.75f;
        }
        ck_assert(step > 0 || inside > 0);
        ck_assert_status(inv_optimisation_step(o, &report), INV_OK);
        first = step == 0 ? report.value : first;
    }
    ck_assert_double_lt(report.value, first);
    inv_optimisation_free(o);
}
END_TEST

START_TEST(bfgs_goes_down_too)
{
    inv_optimise_spec spec = written_as(written[_i]);
    inv_optimise_report report;
    spec.bfgs = true;
    inv_optimisation *o = open_at(&spec, 0);
    ck_assert_status(inv_optimisation_step(o, &report), INV_OK);
    const double first = report.value, last = run(o, 40).value;
    ck_assert_double_lt(last, first - 1.0);
    for (size_t k = 0; k < SMALL_CLASSES * SMALL_PIXELS; k++) {
        const float x = inv_optimisation_values(o)->data[k];
        ck_assert(x >= 0.125f && x <= 0.75f);
    }
    inv_optimisation_free(o);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    float first[SMALL_CLASSES * SMALL_PIXELS];
    for (size_t t = 0; t < GRADIENT_THREADS; t++) {
        inv_optimise_spec spec = written_as(written[_i]);
        spec.jitter = 1.5;
        spec.turn = 10.0;
        spec.zoom = 0.1;
        spec.noise = 0.02;
        spec.patience = 5;
        inv_threads_set(gradient_threads[t]);
        inv_optimisation *o = open_at(&spec, 0);
        run(o, 25);
        if (t == 0)
            memcpy(first, inv_optimisation_values(o)->data, sizeof first);
        ck_assert(gradient_same_bits(first, inv_optimisation_values(o)->data, sizeof first));
        inv_optimisation_free(o);
    }
    inv_threads_set(0);
}
END_TEST

START_TEST(a_blur_is_smoother)
{
    double rough[2] = {0.0};
    for (int blurred = 0; blurred < 2; blurred++) {
        inv_optimise_spec spec = plain();
        spec.blur_every = blurred ? 2 : 0;
        spec.blur = 0.75;
        inv_optimisation *o = open_at(&spec, 0);
        run(o, 20);
        for (size_t k = 0; k + 1 < SMALL_CLASSES * SMALL_PIXELS; k++)
            rough[blurred] += fabs((double)inv_optimisation_values(o)->data[k + 1] -
                                   inv_optimisation_values(o)->data[k]);
        inv_optimisation_free(o);
    }
    ck_assert_double_lt(rough[1], 0.7 * rough[0]);
}
END_TEST

/* ---- rests ---- */

START_TEST(rows_rest_once_they_are_sure)
{
    inv_optimise_spec spec = plain();
    float p[SMALL_CLASSES];
    spec.until = 0.75;
    spec.optimiser.rate = 0.02;
    inv_optimisation *o = open_at(&spec, 0);
    const inv_optimise_report report = run(o, 500);
    ck_assert_uint_lt(report.step, 500);
    ck_assert_uint_eq(report.running, 0);
    inv_optimisation_probability(o, p);
    for (size_t i = 0; i < SMALL_CLASSES; i++) {
        ck_assert(inv_optimisation_settled(o, i));
        ck_assert(p[i] >= 0.75f && p[i] < 0.95f); /* it went no further */
    }
    inv_optimisation_free(o);
    spec.minimum = report.step + 20;
    o = open_at(&spec, 0);
    ck_assert_uint_ge(run(o, 500).step, report.step + 20);
    inv_optimisation_free(o);
    spec.until = 1.0;
    spec.minimum = 0;
    o = open_at(&spec, 0);
    ck_assert_uint_eq(run(o, 3).running, SMALL_CLASSES);
    ck_assert(!inv_optimisation_settled(o, 0));
    inv_optimisation_free(o);
}
END_TEST

/* At too high a rate values get worse again: the best are put back. */
START_TEST(the_best_values_are_kept)
{
    const inv_objective_spec objective = {"norm", "", 1.0, 0, 2.0};
    inv_optimise_spec spec = plain();
    inv_optimise_task task = task_at(0);
    inv_optimisation *o = NULL;
    task.objective = &objective;
    spec.start = 1.0;
    spec.optimiser.rate = 1.2 * SMALL_PIXELS; /* x -> x (1 - 2.4) */
    spec.patience = 4;
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_OK);
    const inv_optimise_report report = run(o, 50);
    ck_assert_uint_eq(report.step, 5);
    ck_assert_uint_eq(report.running, 0);
    ck_assert(inv_optimisation_settled(o, 2));
    for (size_t k = 0; k < SMALL_CLASSES * SMALL_PIXELS; k++)
        ck_assert_float_eq(inv_optimisation_values(o)->data[k], 1.0f);
    ck_assert_double_eq_tol(inv_optimisation_row_values(o)[1], 1.0, 1e-6);
    inv_optimisation_free(o);
}
END_TEST

/* ---- starts ---- */

START_TEST(dead_starts_are_drawn_anew)
{
    inv_net *dead = small_net("{ name = \"a\"; type = \"dense\"; units = 9; activation = \"relu\"; "
                              "bias = { type = \"constant\"; value = -0.25; }; }," SMALL_ONE);
    inv_optimise_spec spec = plain();
    inv_optimise_task task = task_at(0);
    inv_optimise_report report;
    inv_optimisation *o = NULL;
    task.net = dead;
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_OK);
    ck_assert_status(inv_optimisation_step(o, &report), INV_OK);
    ck_assert_uint_eq(report.restarted, SMALL_CLASSES);
    const double first = report.value;
    ck_assert_double_lt(run(o, 30).value, first - 0.1);
    inv_optimisation_free(o);
    inv_net_free(dead);
}
END_TEST

/* A prior leads back to the mean, and terms lead elsewhere: neither wakes a unit. */
START_TEST(a_prior_wakes_nothing)
{
    inv_net *dead = small_net("{ name = \"a\"; type = \"dense\"; units = 9; activation = \"relu\"; "
                              "bias = { type = \"constant\"; value = -0.75; }; }," SMALL_ONE);
    inv_optimise_spec spec = plain();
    inv_optimise_task task = task_at(0);
    inv_optimise_report report;
    inv_optimisation *o = NULL;
    task.net = dead;
    strcpy(spec.parametrisation.type, "whitened");
    strcpy(spec.parametrisation.of, "all");
    spec.parametrisation.penalty = 0.5;
    strcpy(spec.from, "normal");
    spec.spread = 0.01;
    spec.terms.count = 1;
    spec.terms.items[0] = (inv_objective_spec){"norm", "input", 0.5, 0, 2.0};
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_OK);
    ck_assert_status(inv_optimisation_step(o, &report), INV_OK);
    ck_assert_uint_eq(report.restarted, SMALL_CLASSES);
    inv_optimisation_free(o);
    inv_net_free(dead);
}
END_TEST

START_TEST(what_nothing_wakes_is_dead)
{
    inv_net *dead = small_net("{ name = \"a\"; type = \"dense\"; units = 9; activation = \"relu\"; "
                              "bias = { type = \"constant\"; value = -9000.0; }; }," SMALL_ONE);
    inv_optimise_spec spec = plain();
    inv_optimise_task task = task_at(0);
    inv_optimisation *o = open_at(&spec, 0);
    (void)run(o, 3);
    ck_assert(!inv_optimisation_dead(o, 1));
    ck_assert(inv_optimisation_settled(o, 1)); /* no rule says when */
    inv_optimisation_free(o);
    task.net = dead;
    spec.patience = 2;
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_OK);
    ck_assert_uint_eq(run(o, 30).running, 0);
    for (size_t i = 0; i < SMALL_CLASSES; i++) {
        ck_assert(inv_optimisation_dead(o, i));
        ck_assert(!inv_optimisation_settled(o, i));
    }
    inv_optimisation_free(o);
    inv_net_free(dead);
}
END_TEST

/* The unit sleeps where the values sum to less than -5000; a prior leads from there to 0, where it is awake. */
START_TEST(who_wakes_later_is_not_dead)
{
    inv_net *asleep =
        small_net("{ name = \"a\"; type = \"dense\"; units = 1; activation = \"relu\"; "
                  "kernel = { type = \"constant\"; value = 1.0; }; "
                  "bias = { type = \"constant\"; value = 5000.0; }; }," SMALL_ONE);
    inv_optimise_spec spec = plain();
    inv_optimise_task task = task_at(0);
    inv_optimise_report report;
    inv_optimisation *o = NULL;
    task.net = asleep;
    spec.start = -100.0;
    spec.terms.count = 1;
    spec.terms.items[0] = (inv_objective_spec){"norm", "input", SMALL_PIXELS, 0, 2.0};
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_OK);
    ck_assert_status(inv_optimisation_step(o, &report), INV_OK);
    ck_assert_uint_eq(report.restarted, SMALL_CLASSES);
    for (size_t i = 0; i < SMALL_CLASSES; i++)
        ck_assert(inv_optimisation_dead(o, i));
    run(o, 10);
    for (size_t i = 0; i < SMALL_CLASSES; i++)
        ck_assert(!inv_optimisation_dead(o, i));
    inv_optimisation_free(o);
    inv_net_free(asleep);
}
END_TEST

START_TEST(starts_are_as_told)
{
    inv_optimise_spec spec = plain();
    inv_optimise_task task = task_at(0);
    gsl_matrix_float *start = small_matrix(SMALL_CLASSES, SMALL_PIXELS);
    double minimum = 1.0, maximum = 0.0;
    inv_optimisation *o = NULL;
    strcpy(spec.from, "uniform");
    spec.start = 0.5;
    spec.spread = 0.25;
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_OK);
    for (size_t k = 0; k < SMALL_CLASSES * SMALL_PIXELS; k++) {
        minimum = fmin(minimum, inv_optimisation_values(o)->data[k]);
        maximum = fmax(maximum, inv_optimisation_values(o)->data[k]);
    }
    ck_assert(minimum >= 0.25 && minimum < 0.27 && maximum <= 0.75 && maximum > 0.73);
    inv_optimisation_free(o);
    gradient_fill(start->data, SMALL_CLASSES * SMALL_PIXELS, 0.0, 1.0, 2);
    task.start = start;
    spec.spread = 0.0;
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_OK);
    ck_assert(gradient_same_bits(start->data, inv_optimisation_values(o)->data,
                                 SMALL_CLASSES * SMALL_PIXELS * sizeof(float)));
    inv_optimisation_free(o);
    inv_mat_free(start);
}
END_TEST

/* Noise is added to each row's own values: as good as none of it changes as good as nothing. */
START_TEST(a_trace_of_noise_changes_nothing)
{
    inv_optimise_spec spec = plain();
    inv_optimisation *without = open_at(&spec, 0);
    run(without, 10);
    spec.noise = 1e-12;
    inv_optimisation *with = open_at(&spec, 0);
    run(with, 10);
    for (size_t i = 0; i < SMALL_CLASSES * inv_net_units(net, 0); i++)
        ck_assert_float_eq_tol(inv_optimisation_values(with)->data[i],
                               inv_optimisation_values(without)->data[i], 1e-5f);
    inv_optimisation_free(with);
    inv_optimisation_free(without);
}
END_TEST

/* Each way to move images about does so by itself, and by little already. */
START_TEST(each_disturbance_disturbs_alone)
{
    inv_optimise_spec spec = plain();
    double *const alone[] = {&spec.jitter, &spec.turn, &spec.zoom};
    inv_optimisation *still = open_at(&spec, 0);
    run(still, 10);
    *alone[_i] = 0.5 * (_i == 2 ? 0.1 : 1.0);
    inv_optimisation *moved = open_at(&spec, 0);
    run(moved, 10);
    size_t changed = 0;
    for (size_t i = 0; i < SMALL_CLASSES * inv_net_units(net, 0); i++)
        changed +=
            inv_optimisation_values(moved)->data[i] != inv_optimisation_values(still)->data[i];
    ck_assert_uint_gt(changed, SMALL_CLASSES * inv_net_units(net, 0) / 2);
    inv_optimisation_free(moved);
    inv_optimisation_free(still);
}
END_TEST

START_TEST(another_seed_another_start)
{
    inv_optimise_spec spec = written_as("whitened");
    inv_optimise_task task = task_at(0);
    inv_optimisation *o[2] = {NULL};
    for (size_t k = 0; k < 2; k++) {
        task.seed = 7 + k;
        ck_assert_status(inv_optimisation_alloc(&spec, &task, &o[k]), INV_OK);
    }
    ck_assert_float_ne(inv_optimisation_values(o[0])->data[30],
                       inv_optimisation_values(o[1])->data[30]);
    inv_optimisation_free(o[0]);
    inv_optimisation_free(o[1]);
}
END_TEST

/* ---- errors ---- */

static void assert_refused(const inv_optimise_spec *spec, size_t at, const char *says)
{
    const inv_optimise_task task = task_at(at);
    inv_optimisation *o = NULL;
    ck_assert_status(inv_optimisation_alloc(spec, &task, &o), INV_ECONFIG);
    ck_assert_message_has(says);
    ck_assert_ptr_null(o);
}

START_TEST(what_does_not_go_together_is_refused)
{
    inv_optimise_spec spec = plain();
    spec.jitter = 1.0;
    assert_refused(&spec, 2,
                   "test: jitter, turn, zoom and blur apply to images; there are none at hidden1");
    spec.bfgs = true;
    assert_refused(&spec, 0, "test.bfgs: cannot be combined with jitter");
    spec = written_as("sigmoid");
    spec.blur_every = 3;
    assert_refused(&spec, 0, "test.blur_every: needs the parametrisation direct");
    spec = plain();
    spec.bounds = (inv_range){0.5, 0.5};
    assert_refused(&spec, 0, "test.bounds: both are 0.5");
    spec = plain();
    assert_refused(&spec, inv_net_depth(net), "test.at: nothing lies beyond output");
    spec.terms.count = 1;
    spec.terms.items[0] = (inv_objective_spec){"norm", "", -1.0, 0, 2.0};
    assert_refused(&spec, 0, "test.terms.0.weight: -1, but norm is a prior: 0 or more");
}
END_TEST

static inv_status use_alloc(const void *spec)
{
    const inv_optimise_task task = task_at(0);
    inv_optimisation *o = NULL;
    const inv_status status = inv_optimisation_alloc(spec, &task, &o);
    ck_assert_ptr_null(o);
    return status;
}

START_TEST(bad_settings_and_sizes_are_refused)
{
    inv_optimise_spec spec = plain();
    inv_optimise_task task = task_at(0);
    inv_optimisation *o = NULL;
    gsl_matrix_float *start = small_matrix(SMALL_CLASSES, SMALL_PIXELS + 1);
    fields_must_be_checked(inv_optimise_fields(""), &spec, sizeof spec, use_alloc);
    task.start = start;
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_EINVAL);
    ck_assert_message_has("test.from: constant needs 4 starts of 63 values");
    task.start = NULL;
    strcpy(spec.from, "image");
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_EINVAL);
    spec = plain();
    task.goal.rows = 0;
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_EINVAL);
    task = task_at(inv_net_depth(net) + 7);
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_ECONFIG);
    task = task_at(2); /* of the Gaussian of another point */
    spec = written_as("whitened");
    ck_assert_status(inv_optimisation_alloc(&spec, &task, &o), INV_EINVAL);
    ck_assert_ptr_null(o);
    inv_mat_free(start);
}
END_TEST

Suite *optimise_suite(void)
{
    Suite *suite = suite_create("optimise");
    TCase *tests = tcase_create("optimise");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, objectives_at_several_points_come_down_together, 0, 3);
    tcase_add_test(tests, gradients_of_length_one);
    tcase_add_loop_test(tests, bounds_hold_at_every_step, 0, 4);
    tcase_add_loop_test(tests, bfgs_goes_down_too, 0, 4);
    tcase_add_loop_test(tests, threads_do_not_matter, 0, 4);
    tcase_add_test(tests, a_blur_is_smoother);
    tcase_add_test(tests, rows_rest_once_they_are_sure);
    tcase_add_test(tests, the_best_values_are_kept);
    tcase_add_test(tests, dead_starts_are_drawn_anew);
    tcase_add_test(tests, a_prior_wakes_nothing);
    tcase_add_test(tests, what_nothing_wakes_is_dead);
    tcase_add_test(tests, who_wakes_later_is_not_dead);
    tcase_add_test(tests, starts_are_as_told);
    tcase_add_test(tests, a_trace_of_noise_changes_nothing);
    tcase_add_loop_test(tests, each_disturbance_disturbs_alone, 0, 3);
    tcase_add_test(tests, another_seed_another_start);
    tcase_add_test(tests, what_does_not_go_together_is_refused);
    tcase_add_test(tests, bad_settings_and_sizes_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
