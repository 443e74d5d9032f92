/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_randist.h>

#include "fields.h"
#include "invproj/encode.h"
#include "invproj/inverse.h"
#include "small.h"
#include "suites.h"

#define WIDTH 0.97 /* not the default */

static inv_dataset *data;
static inv_net *net; /* of four dense layers, trained */

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

static inv_inverse_spec spec_at(const char *point)
{
    inv_inverse_spec spec = inv_inverse_defaults;
    strcpy(spec.at, point);
    spec.steps = 60;
    spec.batch = 70;
    spec.confidence = 0.6;
    spec.squash = WIDTH;
    spec.range_penalty = 0.75;
    spec.optimiser.rate = 0.03;
    return spec;
}

static inv_net *build(const inv_inverse_spec *spec)
{
    inv_net *inverse = NULL;
    ck_assert_status(inv_inverse_build(spec, net, &inverse), INV_OK);
    return inverse;
}

static inv_learner *inverter_for(const inv_inverse_spec *spec, inv_net *inverse, uint64_t seed)
{
    inv_learner *inverter = NULL;
    ck_assert_status(inv_inverter_alloc(spec, net, inverse, data, seed, &inverter), INV_OK);
    ck_assert_uint_eq(inv_learner_count(inverter), 0);
    return inverter;
}

static inv_inverse_report take_steps(inv_learner *inverter, size_t steps)
{
    inv_inverse_report report = {0};
    for (size_t i = 0; i < steps; i++) {
        ck_assert_status(inv_learner_step(inverter, &report), INV_OK);
        ck_assert_uint_eq(report.step, inv_learner_count(inverter));
    }
    return report;
}

static inv_net *trained(const inv_inverse_spec *spec, uint64_t seed)
{
    inv_net *inverse = build(spec);
    inv_learner *inverter = inverter_for(spec, inverse, seed);
    take_steps(inverter, spec->steps);
    inv_learner_free(inverter);
    return inverse;
}

/* ---- points and building ---- */

static const struct {
    const char *name;
    size_t point, dense; /* where the inverse starts, and how many kernels it has */
} points[] = {{"hidden1.pre", 1, 1}, {"hidden1", 1, 1}, {"hidden2.pre", 3, 2}, {"hidden2", 3, 2},
              {"hidden3.pre", 5, 3}, {"hidden3", 5, 3}, {"output.pre", 7, 4}};

#define POINT_COUNT (sizeof points / sizeof *points)

START_TEST(points_before_the_activation)
{
    size_t point = 99;
    for (size_t i = 0; i < POINT_COUNT; i++) {
        ck_assert_status(inv_inverse_point(net, "r2rt", points[i].name, &point), INV_OK);
        ck_assert_uint_eq(point, points[i].point);
    }
    ck_assert_status(inv_inverse_point(net, "r2rt", "input", &point), INV_ECONFIG);
    ck_assert_message_has("input: cannot be inverted; points from hidden1.pre to output.pre can");
    ck_assert_status(inv_inverse_point(net, "r2rt", "output", &point), INV_ECONFIG);
    ck_assert_message_has("output: cannot be inverted");
    ck_assert_status(inv_inverse_point(net, "r2rt", "hidden4", &point), INV_ECONFIG);
    ck_assert_message_has("hidden4: the net has no such point; it has input, hidden1.pre, hidden1");
}
END_TEST

static void assert_layer(const inv_net *inverse, size_t i, const char *name, const char *type,
                         size_t units)
{
    ck_assert_str_eq(inv_net_layer(inverse, i)->name, name);
    ck_assert_str_eq(inv_net_layer(inverse, i)->type->name, type);
    ck_assert_uint_eq(inv_net_units(inverse, i + 1), units);
}

/* From `point` down: a kernel for each dense layer, squash and logit between. */
START_TEST(mirrors_the_layers_below)
{
    static const char *const owners[] = {"hidden1", "hidden2", "hidden3", "output"};
    for (size_t i = 0; i < POINT_COUNT; i++) {
        const inv_inverse_spec spec = spec_at(points[i].name);
        inv_net *inverse = build(&spec);
        const size_t dense = points[i].dense;
        char name[INV_NAME_MAX];
        ck_assert_uint_eq(inv_net_units(inverse, 0), inv_net_units(net, points[i].point));
        ck_assert_uint_eq(inv_net_depth(inverse), 3 * dense - 2);
        for (size_t d = 0; d < dense; d++) {
            const size_t below = dense - 1 - d, units = inv_net_units(net, 2 * below);
            assert_layer(inverse, 3 * d, owners[below], "inverse_dense", units);
            if (below == 0)
                continue;
            snprintf(name, sizeof name, "%s.squash", owners[below - 1]);
            assert_layer(inverse, 3 * d + 1, name, "squash", units);
            snprintf(name, sizeof name, "%s.logit", owners[below - 1]);
            assert_layer(inverse, 3 * d + 2, name, "logit", units);
        }
        inv_net_free(inverse);
    }
}
END_TEST

/* Biases are the net's and never move; kernels start at 0 and are drawn by the inverter. */
static void assert_biases(const inv_net *inverse)
{
    for (size_t i = 0; i < inv_net_depth(inverse); i++) {
        const inv_layer *layer = inv_net_layer(inverse, i);
        if (layer->block_count == 0)
            continue;
        const inv_block *own = inv_net_block(inverse, layer->name, "bias");
        const inv_block *nets = inv_net_block(net, layer->name, "bias");
        ck_assert(own && nets && own->frozen && own->size == nets->size && own->size > 0);
        ck_assert_mem_eq(inv_net_params(inverse) + own->offset, inv_net_params(net) + nets->offset,
                         own->size * sizeof(float));
    }
}

static double kernel_size(const inv_net *inverse, const char *owner)
{
    const inv_block *kernel = inv_net_block(inverse, owner, "kernel");
    double sum = 0.0;
    ck_assert(kernel && !kernel->frozen);
    for (size_t i = 0; i < kernel->size; i++)
        sum += fabs((double)inv_net_params(inverse)[kernel->offset + i]);
    return sum / (double)kernel->size;
}

START_TEST(biases_are_those_of_the_net)
{
    const inv_inverse_spec spec = spec_at("hidden3");
    inv_net *inverse = build(&spec);
    assert_biases(inverse);
    ck_assert_double_eq(kernel_size(inverse, "hidden2"), 0.0);
    inv_learner *inverter = inverter_for(&spec, inverse, 5);
    assert_biases(inverse);
    /* the mean of |x| of a normal cut at two deviations: 0.7249 of its deviation */
    ck_assert_double_eq_tol(kernel_size(inverse, "hidden1"), 0.07249, 0.005);
    ck_assert_double_eq_tol(kernel_size(inverse, "hidden2"), 0.07249, 0.01);
    take_steps(inverter, 10);
    assert_biases(inverse);
    ck_assert_double_ne(kernel_size(inverse, "hidden1"), 0.0);
    inv_learner_free(inverter);
    inv_net_free(inverse);
}
END_TEST

/* A kernel that starts otherwise, as the spec says. */
START_TEST(kernels_start_as_told)
{
    inv_inverse_spec spec = spec_at("hidden2.pre");
    spec.kernel = (inv_init){"constant", 0.0, -0.375};
    inv_net *inverse = build(&spec);
    inv_learner *inverter = inverter_for(&spec, inverse, 5);
    const inv_block *kernel = inv_net_block(inverse, "hidden2", "kernel");
    for (size_t i = 0; i < kernel->size; i++)
        ck_assert_float_eq(inv_net_params(inverse)[kernel->offset + i], -0.375f);
    inv_learner_free(inverter);
    inv_net_free(inverse);
}
END_TEST

START_TEST(refuses_what_cannot_be_mirrored)
{
    static const char layers[] = "{ name = \"first\"; type = \"dense\"; units = 9; activation = "
                                 "\"softmax\"; }," SMALL_ONE;
    inv_net *odd = small_net(layers), *inverse = net;
    inv_inverse_spec spec = spec_at("output.pre");
    ck_assert_status(inv_inverse_build(&spec, odd, &inverse), INV_ECONFIG);
    ck_assert_ptr_null(inverse);
    ck_assert_message_has("inverse.at: first is a softmax layer, which has no inverse by weights");
    spec = spec_at("first.pre");
    ck_assert_status(inv_inverse_build(&spec, odd, &inverse), INV_OK);
    ck_assert_uint_eq(inv_net_depth(inverse), 1);
    inv_net_free(inverse);
    spec = spec_at("nowhere");
    ck_assert_status(inv_inverse_build(&spec, odd, &inverse), INV_ECONFIG);
    ck_assert_ptr_null(inverse);
    inv_net_free(odd);
}
END_TEST

/* ---- training ---- */

START_TEST(learns_at_each_point)
{
    for (size_t i = 0; i < POINT_COUNT; i++) {
        const inv_inverse_spec spec = spec_at(points[i].name);
        inv_net *inverse = build(&spec);
        inv_learner *inverter = inverter_for(&spec, inverse, 5);
        const inv_inverse_report first = take_steps(inverter, 1);
        double total = 0.0, kept = 0.0;
        take_steps(inverter, 54);
        for (int last = 0; last < 5; last++) {
            const inv_inverse_report report = take_steps(inverter, 1);
            total += report.loss;
            kept += (double)report.kept;
        }
        ck_assert_uint_gt(first.kept, 50);
        ck_assert_double_lt(total / kept, 0.6 * first.loss / (double)first.kept);
        inv_learner_free(inverter);
        inv_net_free(inverse);
    }
}
END_TEST

/* The naive twin's objective over the whole training part: L1 of the kept images, plus a penalty on
 * the least and the greatest value before each squash. */
static double naive_objective(const inv_net *inverse, size_t at, double confidence, double penalty,
                              size_t *kept)
{
    double l1 = 0.0, low[8], high[8];
    const size_t depth = inv_net_depth(inverse);
    *kept = 0;
    for (size_t p = 0; p < 8; p++)
        low[p] = INFINITY, high[p] = -INFINITY;
    for (size_t i = 0; i < data->train.count; i++) {
        double x[SMALL_WIDEST], code[SMALL_WIDEST], y[SMALL_WIDEST];
        small_pixels(&data->train, i, x);
        small_values(net, 0, inv_net_depth(net), 0.0, x, y);
        if (y[small_top(y, SMALL_CLASSES)] <= confidence)
            continue;
        ++*kept;
        small_values(net, 0, at, 0.0, x, code);
        for (size_t p = 1; p < depth; p += 3) {
            small_values(inverse, 0, p, WIDTH, code, y);
            for (size_t j = 0; j < inv_net_units(inverse, p); j++) {
                low[p / 3] = fmin(low[p / 3], y[j]);
                high[p / 3] = fmax(high[p / 3], y[j]);
            }
        }
        small_values(inverse, 0, depth, WIDTH, code, y);
        for (size_t j = 0; j < SMALL_PIXELS; j++)
            l1 += fabs(y[j] - x[j]);
    }
    for (size_t p = 1; p < depth; p += 3)
        l1 += penalty * (low[p / 3] * low[p / 3] + pow(high[p / 3] - 1.0, 2.0));
    return l1;
}

static int more_first(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* A confidence that `least` to 2 * least images pass, where the gap is widest, so that rounding
 * does not decide; *kept is how many do. */
static double threshold_keeping(size_t minimum, size_t *kept)
{
    float *confidence = calloc(SMALL_TRAIN, sizeof(float));
    double widest = 0.0, middle = 0.0;
    ck_assert_status(inv_encode(net, &data->train, 0, NULL, confidence, NULL), INV_OK);
    qsort(confidence, SMALL_TRAIN, sizeof *confidence, more_first);
    for (size_t k = minimum; k <= 2 * minimum; k++) {
        const double above = confidence[k - 1], below = confidence[k];
        if (above - below <= widest)
            continue;
        widest = above - below;
        middle = (above + below) / 2.0;
        *kept = k;
    }
    free(confidence);
    ck_assert_double_gt(widest, 1e-6);
    return middle;
}

/* Moves the kernels, not the frozen biases, by `far` in a random direction. */
static void wander(const inv_net *inverse, gsl_rng *rng, double far, float *params)
{
    for (size_t i = 0; i < inv_net_depth(inverse); i++)
        for (size_t b = 0; b < inv_net_layer(inverse, i)->block_count; b++) {
            const inv_block *block = &inv_net_layer(inverse, i)->blocks[b];
            for (size_t k = 0; k < block->size && !block->frozen; k++)
                params[block->offset + k] += (float)gsl_ran_gaussian(rng, far);
        }
}

/* The naive objective, a little to either side of the kernels of `inverse`, differs as the gradient
 * says: `moved` is what one step of gradient descent at rate 1/100 made of the parameters. */
static void assert_gradient(inv_net *inverse, const inv_net *moved, size_t at,
                            const inv_inverse_spec *spec, gsl_rng *rng)
{
    const size_t n = inv_net_size(inverse);
    float *params = inv_net_params(inverse), *start = malloc(n * sizeof(float));
    float *above = malloc(n * sizeof(float));
    double expected = 0.0, length = 0.0;
    size_t kept = 0;
    memcpy(start, params, n * sizeof(float));
    wander(inverse, rng, 1e-5, params);
    memcpy(above, params, n * sizeof(float));
    const double high = naive_objective(inverse, at, spec->confidence, spec->range_penalty, &kept);
    for (size_t k = 0; k < n; k++)
        params[k] = start[k] - (above[k] - start[k]);
    const double low = naive_objective(inverse, at, spec->confidence, spec->range_penalty, &kept);
    for (size_t k = 0; k < n; k++) {
        const double gradient = 100.0 * ((double)start[k] - (double)inv_net_params(moved)[k]);
        expected += gradient * ((double)above[k] - (double)params[k]);
        length += gradient * gradient;
    }
    ck_assert_double_eq_tol(high - low, expected, 0.01 * 2e-5 * sqrt(length));
    memcpy(params, start, n * sizeof(float));
    free(start);
    free(above);
}

/* With all images in the batch: the first report is the naive objective, and a step of gradient
 * descent goes down its gradient. */
static void assert_first_step(const char *point, size_t minimum, double penalty)
{
    inv_inverse_spec spec = spec_at(point);
    size_t at = 0, keep = 0, kept = 0;
    gsl_rng *rng = NULL;
    spec.optimiser = (inv_optim_spec){.type = "gradient_descent", .rate = 0.01};
    spec.batch = SMALL_TRAIN;
    spec.range_penalty = penalty;
    spec.confidence = threshold_keeping(minimum, &keep);
    inv_net *before = build(&spec), *after = build(&spec);
    inv_learner_free(inverter_for(&spec, before, 5)); /* draws the kernels */
    inv_learner *inverter = inverter_for(&spec, after, 5);
    ck_assert(small_same_params(before, after));
    const inv_inverse_report report = take_steps(inverter, 1);
    ck_assert_status(inv_inverse_point(net, "r2rt", point, &at), INV_OK);
    const double naive = naive_objective(before, at, spec.confidence, penalty, &kept);
    ck_assert_uint_eq(report.kept, kept);
    ck_assert_uint_eq(report.kept, keep);
    ck_assert_double_eq_tol(report.loss, naive, 1e-4 * naive);
    ck_assert_status(inv_rng_alloc(7, "directions", &rng), INV_OK);
    for (int direction = 0; direction < 15; direction++)
        assert_gradient(before, after, at, &spec, rng);
    inv_rng_free(rng);
    inv_learner_free(inverter);
    inv_net_free(before);
    inv_net_free(after);
}

START_TEST(steps_down_the_gradient)
{
    assert_first_step("hidden1.pre", 40, 0.75);
    assert_first_step("hidden2", 33, 0.0);
    assert_first_step("hidden2", 33, 300.0); /* the penalty is most of it */
    assert_first_step("hidden3", 20, 0.75);
    assert_first_step("hidden3", 20, 300.0);
}
END_TEST

START_TEST(a_threshold_too_high_names_both)
{
    inv_inverse_spec spec = spec_at("hidden2.pre");
    inv_net *inverse = build(&spec);
    inv_learner *inverter = (inv_learner *)inverse;
    float confidence[SMALL_TRAIN];
    char highest[64];
    ck_assert_status(inv_encode(net, &data->train, 0, NULL, confidence, NULL), INV_OK);
    qsort(confidence, SMALL_TRAIN, sizeof *confidence, more_first);
    snprintf(highest, sizeof highest, "the highest is %.9g", (double)confidence[0]);
    spec.confidence = 1.0;
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 5, &inverter), INV_EDATA);
    ck_assert_ptr_null(inverter);
    ck_assert_message_has("no image has a top class more probable than 1;");
    ck_assert_message_has(highest);
    inv_net *fresh = small_net(SMALL_FOUR); /* is sure of nothing */
    spec.confidence = 0.9375;
    ck_assert_status(inv_inverter_alloc(&spec, fresh, inverse, data, 5, &inverter), INV_EDATA);
    ck_assert_message_has("more probable than 0.9375;");
    ck_assert_message_has("train longer");
    inv_net_free(fresh);
    inv_net_free(inverse);
}
END_TEST

/* Few images are kept: in most batches of an epoch nothing is learnt. */
START_TEST(a_batch_without_images_changes_nothing)
{
    inv_inverse_spec spec = spec_at("hidden2.pre");
    size_t keep = 0, kept = 0, empty = 0;
    spec.batch = 10;
    spec.confidence = threshold_keeping(6, &keep);
    inv_net *inverse = build(&spec);
    inv_learner *inverter = inverter_for(&spec, inverse, 5);
    for (size_t step = 1; step <= SMALL_TRAIN / 10; step++) {
        float *before = malloc(inv_net_size(inverse) * sizeof(float));
        memcpy(before, inv_net_params(inverse), inv_net_size(inverse) * sizeof(float));
        const inv_inverse_report report = take_steps(inverter, 1);
        const int same =
            memcmp(before, inv_net_params(inverse), inv_net_size(inverse) * sizeof(float)) == 0;
        ck_assert_uint_eq(report.step, step);
        ck_assert_int_eq(same, report.kept == 0);
        ck_assert_int_eq(report.loss == 0.0, report.kept == 0);
        kept += report.kept;
        empty += report.kept == 0;
        free(before);
    }
    ck_assert_uint_eq(kept, keep);
    ck_assert_uint_gt(empty, 10);
    inv_learner_free(inverter);
    inv_net_free(inverse);
}
END_TEST

/* ---- bits ---- */

START_TEST(same_seed_same_bits)
{
    const inv_inverse_spec spec = spec_at("hidden3");
    float *params = malloc(inv_net_size(net) * sizeof(float));
    memcpy(params, inv_net_params(net), inv_net_size(net) * sizeof(float));
    inv_net *a = trained(&spec, 5), *b = trained(&spec, 5), *c = trained(&spec, 6);
    ck_assert(small_same_params(a, b));
    ck_assert(!small_same_params(a, c));
    ck_assert_mem_eq(params, inv_net_params(net), inv_net_size(net) * sizeof(float));
    free(params);
    inv_net_free(a);
    inv_net_free(b);
    inv_net_free(c);
}
END_TEST

/* The seed draws the kernels, and it draws the batches. */
START_TEST(the_seed_is_used_twice)
{
    inv_inverse_spec spec = spec_at("hidden2");
    inv_net *a = build(&spec), *b = build(&spec);
    inv_learner_free(inverter_for(&spec, a, 5));
    inv_learner_free(inverter_for(&spec, b, 6));
    ck_assert(!small_same_params(a, b));
    inv_net_free(a);
    inv_net_free(b);
    spec.kernel = (inv_init){"constant", 0.0, 0.0625};
    a = build(&spec);
    b = build(&spec);
    inv_learner *first = inverter_for(&spec, a, 5), *second = inverter_for(&spec, b, 6);
    ck_assert(small_same_params(a, b));
    take_steps(first, 1);
    take_steps(second, 1);
    ck_assert(!small_same_params(a, b));
    inv_learner_free(first);
    inv_learner_free(second);
    inv_net_free(a);
    inv_net_free(b);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    static const size_t threads[] = {2, 3, 8};
    inv_inverse_spec spec = spec_at("output.pre");
    spec.batch = 290;
    spec.steps = 20;
    inv_threads_set(1);
    inv_net *one = trained(&spec, 5);
    for (size_t t = 0; t < 3; t++) {
        inv_threads_set(threads[t]);
        inv_net *more = trained(&spec, 5);
        ck_assert(small_same_params(one, more));
        inv_net_free(more);
    }
    inv_net_free(one);
}
END_TEST

static void assert_resumes(const inv_inverse_spec *spec, size_t at)
{
    inv_net *whole = trained(spec, 5), *first = build(spec), *second = build(spec);
    inv_array state[INV_ARRAYS_MAX];
    inv_learner *inverter = inverter_for(spec, first, 5);
    take_steps(inverter, at);
    size_t count = inv_learner_state(inverter, state);
    small_saved saved = small_save(state, count, first);
    take_steps(inverter, 3);
    inv_learner_free(inverter);
    inverter = inverter_for(spec, second, 99);
    take_steps(inverter, 2);
    count = inv_learner_state(inverter, state);
    small_load(&saved, state, count, second);
    ck_assert_status(inv_learner_restored(inverter), INV_OK);
    ck_assert_uint_eq(inv_learner_count(inverter), at);
    take_steps(inverter, spec->steps - at);
    ck_assert_uint_eq(inv_learner_count(inverter), spec->steps);
    ck_assert(small_same_params(whole, second));
    small_saved_free(&saved);
    inv_learner_free(inverter);
    inv_net_free(whole);
    inv_net_free(first);
    inv_net_free(second);
}

START_TEST(resumes_bit_for_bit)
{
    inv_inverse_spec spec = spec_at("hidden3.pre");
    size_t kept = 0;
    assert_resumes(&spec, 1);
    assert_resumes(&spec, 5);
    assert_resumes(&spec, 33);
    spec.confidence = threshold_keeping(20, &kept); /* few are */
    assert_resumes(&spec, 33);
    spec.optimiser = (inv_optim_spec){.type = "gradient_descent", .rate = 1e-4};
    assert_resumes(&spec, 33);
}
END_TEST

/* A state out of which an image or a random number would be taken from beyond its array. */
START_TEST(a_state_that_cannot_be_is_refused)
{
    const inv_inverse_spec spec = spec_at("hidden2");
    inv_net *inverse = build(&spec);
    inv_array state[INV_ARRAYS_MAX];
    inv_learner *inverter = inverter_for(&spec, inverse, 5);
    take_steps(inverter, 3);
    ck_assert_uint_eq(inv_learner_state(inverter, state), 5);
    uint32_t *order = state[1].data, kept = order[SMALL_TRAIN - 1];
    uint64_t *position = state[2].data;
    uint32_t *next = (uint32_t *)state[3].data + 624; /* of MT19937 */
    order[SMALL_TRAIN - 1] = SMALL_TRAIN;
    ck_assert_status(inv_learner_restored(inverter), INV_EFORMAT);
    ck_assert_message_has("inverse: the saved state does not fit, so it cannot be continued");
    order[SMALL_TRAIN - 1] = kept;
    *position += SMALL_TRAIN;
    ck_assert_status(inv_learner_restored(inverter), INV_EFORMAT);
    *position -= SMALL_TRAIN;
    *next += 1000;
    ck_assert_status(inv_learner_restored(inverter), INV_EFORMAT);
    *next -= 2000; /* below 0 it is large */
    ck_assert_status(inv_learner_restored(inverter), INV_EFORMAT);
    *next += 1000;
    ck_assert_status(inv_learner_restored(inverter), INV_OK);
    take_steps(inverter, 3);
    inv_learner_free(inverter);
    inv_net_free(inverse);
}
END_TEST

/* ---- failures ---- */

START_TEST(says_when_numbers_are_no_longer_finite)
{
    inv_inverse_spec spec = spec_at("hidden2.pre");
    spec.optimiser = (inv_optim_spec){.type = "gradient_descent", .rate = 1e12};
    spec.range_penalty = 1e12;
    inv_net *inverse = build(&spec);
    inv_learner *inverter = inverter_for(&spec, inverse, 5);
    inv_inverse_report report;
    inv_status status = INV_OK;
    for (size_t i = 0; i < 50 && status == INV_OK; i++)
        status = inv_learner_step(inverter, &report);
    ck_assert_int_eq(status, INV_ENUMERIC);
    ck_assert_message_has("inverse: step ");
    ck_assert_message_has("no longer finite; lower inverse.optimiser.rate");
    inv_learner_free(inverter);
    spec.steps = 1;
    inverter = inverter_for(&spec, inverse, 5);
    for (size_t i = 0; i < inv_net_size(inverse); i++)
        inv_net_params(inverse)[i] *= 1e12f;
    ck_assert_status(inv_learner_step(inverter, &report), INV_ENUMERIC);
    ck_assert_message_has("inverse: step 1: a parameter is no longer finite");
    inv_learner_free(inverter);
    inv_net_free(inverse);
}
END_TEST

START_TEST(refuses_what_does_not_fit)
{
    inv_inverse_spec spec = spec_at("hidden2.pre");
    inv_net *inverse = build(&spec);
    inv_learner *inverter = (inv_learner *)inverse;
    spec.batch = SMALL_TRAIN + 1;
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 5, &inverter), INV_ECONFIG);
    ck_assert_ptr_null(inverter);
    ck_assert_message_has("inverse.batch: 301, but there are 300 images");
    spec.batch = SMALL_TRAIN;
    strcpy(spec.optimiser.type, "magic");
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 5, &inverter), INV_EINVAL);
    ck_assert_ptr_null(inverter);
    spec = spec_at("output");
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 5, &inverter), INV_ECONFIG);
    inv_learner_free(NULL);
    inv_net_free(inverse);
}
END_TEST

/* ---- using ---- */

static void assert_image(const inv_net *inverse, const double *code, const gsl_matrix_float *images,
                         size_t row)
{
    double y[SMALL_WIDEST];
    small_values(inverse, 0, inv_net_depth(inverse), WIDTH, code, y);
    for (size_t j = 0; j < SMALL_PIXELS; j++)
        ck_assert_double_eq_tol(gsl_matrix_float_get(images, row, j), y[j],
                                1e-4 * (1.0 + fabs(y[j])));
}

START_TEST(projects_as_the_naive_twin)
{
    enum { ROWS = 19 };
    for (size_t i = 0; i < POINT_COUNT; i++) {
        const inv_inverse_spec spec = spec_at(points[i].name);
        inv_net *inverse = trained(&spec, 5);
        gsl_matrix_float *x = small_matrix(ROWS, SMALL_PIXELS);
        gsl_matrix_float *images = small_matrix(ROWS, SMALL_PIXELS);
        float confidence[ROWS];
        unsigned predicted[ROWS];
        inv_part_rows(&data->test, 7, ROWS, x);
        ck_assert_status(
            inv_inverse_project(net, inverse, points[i].point, x, images, confidence, predicted),
            INV_OK);
        for (size_t r = 0; r < ROWS; r++) {
            double pixels[SMALL_WIDEST], code[SMALL_WIDEST], y[SMALL_WIDEST];
            small_pixels(&data->test, 7 + r, pixels);
            small_values(net, 0, points[i].point, 0.0, pixels, code);
            assert_image(inverse, code, images, r);
            small_values(net, 0, inv_net_depth(net), 0.0, pixels, y);
            ck_assert_uint_eq(predicted[r], small_top(y, SMALL_CLASSES));
            ck_assert_double_eq_tol(confidence[r], y[predicted[r]], 1e-5);
        }
        ck_assert_status(inv_inverse_project(net, inverse, points[i].point, x, images, NULL, NULL),
                         INV_OK);
        gsl_matrix_float_free(x);
        gsl_matrix_float_free(images);
        inv_net_free(inverse);
    }
}
END_TEST

START_TEST(applies_to_any_values)
{
    enum { ROWS = 7 };
    const inv_inverse_spec spec = spec_at("hidden3");
    inv_net *inverse = trained(&spec, 5);
    const size_t units = inv_net_units(inverse, 0);
    gsl_matrix_float *values = small_matrix(ROWS, units);
    gsl_matrix_float *images = small_matrix(ROWS, SMALL_PIXELS);
    for (size_t i = 0; i < ROWS * units; i++)
        values->data[i] = (float)(3.0 * sin(1.7 * (double)i));
    ck_assert_status(inv_inverse_apply(inverse, values, images), INV_OK);
    for (size_t r = 0; r < ROWS; r++) {
        double code[SMALL_WIDEST];
        for (size_t j = 0; j < units; j++)
            code[j] = gsl_matrix_float_get(values, r, j);
        assert_image(inverse, code, images, r);
    }
    gsl_matrix_float_free(values);
    gsl_matrix_float_free(images);
    inv_net_free(inverse);
}
END_TEST

static inv_status use_build(const void *spec)
{
    inv_net *inverse = net;
    const inv_status status = inv_inverse_build(spec, net, &inverse);
    ck_assert_ptr_null(inverse);
    return status;
}

static inv_net *good_inverse;

static inv_status use_alloc(const void *spec)
{
    inv_learner *inverter = (inv_learner *)net;
    const inv_status status = inv_inverter_alloc(spec, net, good_inverse, data, 5, &inverter);
    ck_assert_ptr_null(inverter);
    return status;
}

START_TEST(bad_settings_are_refused)
{
    const inv_inverse_spec spec = spec_at("hidden2.pre");
    good_inverse = build(&spec);
    fields_must_be_checked(inv_inverse_fields, &spec, sizeof spec, use_build);
    fields_must_be_checked(inv_inverse_fields, &spec, sizeof spec, use_alloc);
    inv_net_free(good_inverse);
}
END_TEST

START_TEST(other_nets_and_images_are_refused)
{
    const inv_inverse_spec spec = spec_at("hidden2.pre"), above = spec_at("hidden3.pre");
    inv_net *inverse = build(&spec), *other = build(&above);
    inv_net *wide = small_net_for(SMALL_FOUR, (inv_shape){8, 8, 1}, SMALL_CLASSES);
    inv_learner *inverter = NULL;
    gsl_matrix_float *x = small_matrix(5, SMALL_PIXELS), *few = small_matrix(4, SMALL_PIXELS);
    gsl_matrix_float *values = small_matrix(5, 13), *wider = small_matrix(5, SMALL_PIXELS + 1);
    size_t at = 0;
    ck_assert_status(inv_inverse_point(net, spec.kind, spec.at, &at), INV_OK);
    ck_assert_status(inv_inverter_alloc(&spec, net, other, data, 5, &inverter), INV_EINVAL);
    ck_assert_message_has("inverse: leads from 11 values to 63; the network has 13 at hidden2.pre");
    ck_assert_status(inv_inverter_alloc(&spec, wide, inverse, data, 5, &inverter), INV_EINVAL);
    inv_net *its = NULL;
    ck_assert_status(inv_inverse_build(&spec, wide, &its), INV_OK);
    ck_assert_status(inv_inverter_alloc(&spec, wide, its, data, 5, &inverter), INV_EDATA);
    ck_assert_message_has("the images have 63 values each, the network takes 64");
    ck_assert_ptr_null(inverter);
    ck_assert_status(inv_inverse_project(net, other, at, x, x, NULL, NULL), INV_EINVAL);
    ck_assert_status(inv_inverse_project(net, inverse, 0, x, x, NULL, NULL), INV_EINVAL);
    ck_assert_status(inv_inverse_project(net, inverse, at, wider, x, NULL, NULL), INV_EINVAL);
    ck_assert_status(inv_inverse_project(net, inverse, at, x, few, NULL, NULL), INV_EINVAL);
    ck_assert_message_has("inverse: images: 4 x 63 values, not 5 x 63");
    ck_assert_status(inv_inverse_apply(inverse, wider, x), INV_EINVAL);
    ck_assert_status(inv_inverse_apply(inverse, values, few), INV_EINVAL);
    ck_assert_status(inv_inverse_apply(inverse, values, wider), INV_EINVAL);
    ck_assert_status(inv_inverse_apply(inverse, values, x), INV_OK);
    inv_mat_free(x), inv_mat_free(few), inv_mat_free(values), inv_mat_free(wider);
    inv_net_free(inverse), inv_net_free(other), inv_net_free(wide), inv_net_free(its);
}
END_TEST

/* A kind has keys and defaults of its own, and learns in steps or is fitted, never both. */
START_TEST(kinds_have_their_own)
{
    inv_inverse_spec spec = {0};
    size_t kinds = 0;
    for (const inv_choice *kind = inv_inverse_kinds; kind->name; kind++, kinds++) {
        inv_inverse_start(kind->name, &spec);
        ck_assert_str_eq(spec.kind, kind->name);
        ck_assert_ptr_nonnull(inv_inverse_kind_fields(kind->name));
    }
    ck_assert_uint_ge(kinds, 1);
    ck_assert_ptr_null(inv_inverse_kind_fields("magic"));
    inv_inverse_start("magic", &spec);
    ck_assert_str_ne(spec.kind, "magic");
    ck_assert(inv_inverse_learns("learned"));
    ck_assert(!inv_inverse_learns("magic"));
}
END_TEST

START_TEST(what_learns_is_not_fitted)
{
    inv_inverse_spec spec = spec_at("hidden2.pre");
    inv_net *inverse = build(&spec);
    ck_assert_status(inv_inverse_fit(&spec, net, inverse, data, 5), INV_EINVAL);
    ck_assert_message_has("inverse.kind: r2rt learns in steps");
    inv_net_free(inverse);
}
END_TEST

Suite *inverse_suite(void)
{
    Suite *suite = suite_create("inverse");
    TCase *tests = tcase_create("inverse");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, points_before_the_activation);
    tcase_add_test(tests, mirrors_the_layers_below);
    tcase_add_test(tests, biases_are_those_of_the_net);
    tcase_add_test(tests, kernels_start_as_told);
    tcase_add_test(tests, refuses_what_cannot_be_mirrored);
    tcase_add_test(tests, learns_at_each_point);
    tcase_add_test(tests, steps_down_the_gradient);
    tcase_add_test(tests, a_threshold_too_high_names_both);
    tcase_add_test(tests, a_batch_without_images_changes_nothing);
    tcase_add_test(tests, same_seed_same_bits);
    tcase_add_test(tests, the_seed_is_used_twice);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, resumes_bit_for_bit);
    tcase_add_test(tests, a_state_that_cannot_be_is_refused);
    tcase_add_test(tests, says_when_numbers_are_no_longer_finite);
    tcase_add_test(tests, refuses_what_does_not_fit);
    tcase_add_test(tests, projects_as_the_naive_twin);
    tcase_add_test(tests, applies_to_any_values);
    tcase_add_test(tests, bad_settings_are_refused);
    tcase_add_test(tests, other_nets_and_images_are_refused);
    tcase_add_test(tests, kinds_have_their_own);
    tcase_add_test(tests, what_learns_is_not_fitted);
    suite_add_tcase(suite, tests);
    return suite;
}
