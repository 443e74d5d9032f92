/* Each objective against the formula at its name in objective.h, in double, and its gradient
 * against differences of that.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "gradient.h"
#include "invproj/objective.h"
#include "suites.h"

enum { ROWS = 5, HEIGHT = 4, WIDTH = 3, CHANNELS = 2, CLASSES = 6, PIXELS = 24 };

/* Points: input [4, 3, 2], first, norm, a.pre and a (6 values each). */
static inv_net *net;
static gsl_matrix_float *mix, *recorded;
static const unsigned which[ROWS] = {1, 0, 1, 1, 0}, group[ROWS] = {0, 1, 0, 0, 1};
static inv_gaussians *gaussians;

static void prepare(void)
{
    inv_shape shape = {HEIGHT, WIDTH, CHANNELS};
    net = gradient_net("layers = ({name = \"first\"; type = \"dense\"; units = 6;},"
                       "{name = \"norm\"; type = \"batch_norm\";},"
                       "{name = \"a\"; type = \"dense\"; units = 6; activation = \"softmax\";});",
                       shape, CLASSES);
    const inv_block *variance = inv_net_block(net, "norm", "variance");
    gradient_fill(inv_net_params(net) + variance->offset, variance->size, 0.5, 1.5, 8);
    ck_assert_status(inv_mat_alloc(ROWS, CLASSES, "mix", &mix), INV_OK);
    ck_assert_status(inv_mat_alloc(ROWS, PIXELS, "recorded", &recorded), INV_OK);
    gradient_fill(recorded->data, ROWS * PIXELS, -1.0, 1.0, 5);
    for (size_t i = 0; i < ROWS; i++) {
        gsl_matrix_float_set(mix, i, i, 0.625f);
        gsl_matrix_float_set(mix, i, (i + 2) % CLASSES, 0.375f);
    }
    ck_assert_status(inv_gaussians_alloc(PIXELS, 2, 0, &gaussians), INV_OK);
    gradient_fill(gaussians->all.mean, PIXELS, 0.0, 1.0, 6);
    for (size_t j = 0; j < 4; j++) { /* two orthonormal axes */
        gaussians->all.axes[2 * j] = 0.5f;
        gaussians->all.axes[PIXELS + 2 * j + 1] = j % 2 ? 0.5f : -0.5f;
    }
    gaussians->all.deviation[0] = 1.75f;
    gaussians->all.deviation[1] = 0.375f;
    gaussians->all.rest = 0.3;
}

static void tidy(void)
{
    inv_net_free(net);
    inv_mat_free(mix);
    inv_mat_free(recorded);
    inv_gaussians_free(gaussians);
}

/* ---- the formulas ---- */

static double log_sum(const double *y, size_t n, const float *skip)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
        sum += skip && skip[j] > 0.0f ? 0.0 : exp(y[j]);
    ck_assert_double_gt(sum, 0.0);
    return log(sum); // cppcheck-suppress invalidFunctionArg
}

static double of_class(const char *type, size_t i, const double *y)
{
    const float *t = mix->data + i * mix->tda;
    double inner = 0.0, p = 0.0, l1 = 0.0;
    for (size_t j = 0; j < CLASSES; j++) {
        inner += t[j] * y[j];
        p += t[j] * exp(y[j] - log_sum(y, CLASSES, NULL));
        l1 += fabs(t[j] - y[j]);
    }
    if (strcmp(type, "cross_entropy") == 0)
        return log_sum(y, CLASSES, NULL) - inner;
    if (strcmp(type, "probability") == 0)
        return -p;
    if (strcmp(type, "logit") == 0)
        return -inner;
    if (strcmp(type, "margin") == 0)
        return log_sum(y, CLASSES, t) - inner;
    return strcmp(type, "l1") == 0 ? l1 : fabs(1.0 - inner);
}

static double of_image(const char *type, size_t i, const double *y, double power)
{
    double sum = 0.0, down = 0.0;
    for (size_t j = 0; j < PIXELS; j++) {
        const size_t column = j / CHANNELS % WIDTH, row = j / CHANNELS / WIDTH;
        const double t = recorded->data[i * recorded->tda + j];
        if (strcmp(type, "norm") == 0)
            sum += pow(fabs(y[j]), power) / PIXELS;
        else if (strcmp(type, "energy") == 0)
            sum -= 0.5 * y[j] * y[j] / PIXELS;
        else if (strcmp(type, "activation") == 0)
            sum += (y[j] - t) * (y[j] - t), down += t * t;
        else if (strcmp(type, "channel") == 0 && j % CHANNELS == which[i])
            sum -= y[j] / (HEIGHT * WIDTH);
        else if (strcmp(type, "unit") == 0 && j == which[i])
            sum -= y[j];
        if (strcmp(type, "total_variation") == 0 && column + 1 < WIDTH)
            sum += pow(fabs(y[j + CHANNELS] - y[j]), power) / PIXELS;
        if (strcmp(type, "total_variation") == 0 && row + 1 < HEIGHT)
            sum += pow(fabs(y[j + CHANNELS * WIDTH] - y[j]), power) / PIXELS;
    }
    return down > 0.0 ? sum / down : sum;
}

static double of_gaussian(const double *y)
{
    const inv_gaussian *g = &gaussians->all;
    double all = 0.0, sum = 0.0;
    for (size_t j = 0; j < PIXELS; j++)
        all += (y[j] - g->mean[j]) * (y[j] - g->mean[j]);
    for (size_t k = 0; k < 2; k++) {
        double p = 0.0;
        for (size_t j = 0; j < PIXELS; j++)
            p += (y[j] - g->mean[j]) * g->axes[k * PIXELS + j];
        sum += p * p / ((double)g->deviation[k] * g->deviation[k]);
        all -= p * p;
    }
    return 0.5 * (sum + all / g->rest) / PIXELS;
}

static double of_group(size_t i, const double *y)
{
    double spread = 0.0, n = 0.0;
    for (size_t j = 0; j < PIXELS; j++) {
        double mean = 0.0, count = 0.0;
        for (size_t k = 0; k < ROWS; k++)
            if (group[k] == group[i])
                mean += y[k * PIXELS + j], count += 1.0;
        for (size_t k = 0; k < ROWS; k++)
            if (group[k] == group[i])
                spread += pow(y[k * PIXELS + j] - mean / count, 2.0);
        n = count;
    }
    return -0.5 * log(1e-6 + spread / n / PIXELS);
}

/* The batch's statistics beside the running ones of the layer after the point, a share a row. */
static double of_batch(const double *y)
{
    const float *m = inv_net_params(net) + inv_net_block(net, "norm", "mean")->offset;
    const float *v = inv_net_params(net) + inv_net_block(net, "norm", "variance")->offset;
    double sum = 0.0;
    for (size_t c = 0; c < CLASSES; c++) {
        double mean = 0.0, variance = 0.0;
        for (size_t i = 0; i < ROWS; i++)
            mean += y[i * CLASSES + c] / ROWS;
        for (size_t i = 0; i < ROWS; i++)
            variance += pow(y[i * CLASSES + c] - mean, 2.0) / ROWS;
        sum += pow(mean - m[c], 2.0) / v[c] + pow((variance - v[c]) / v[c], 2.0);
    }
    return sum / CLASSES / ROWS;
}

static double naive(const inv_objective_spec *spec, size_t i, const double *y, size_t units)
{
    if (strcmp(spec->type, "gaussian") == 0)
        return of_gaussian(y + i * units);
    if (strcmp(spec->type, "diversity") == 0)
        return of_group(i, y);
    if (strcmp(spec->type, "batch_norm") == 0)
        return of_batch(y);
    return units == CLASSES ? of_class(spec->type, i, y + i * units)
                            : of_image(spec->type, i, y + i * units, spec->power);
}

/* ---- the checks ---- */

static const struct kind {
    const char *type, *at;
    double power;
} kinds[] = {
    {"cross_entropy", "", 1},
    {"probability", "", 1},
    {"logit", "", 1},
    {"margin", "", 1},
    {"l1", "", 1},
    {"absolute_error", "", 1},
    {"unit", "input", 1},
    {"channel", "input", 1},
    {"energy", "input", 1},
    {"activation", "input", 1},
    {"norm", "", 1},
    {"norm", "", 2},
    {"norm", "", 3.5},
    {"total_variation", "", 1},
    {"total_variation", "", 2},
    {"total_variation", "", 2.375},
    {"gaussian", "", 1},
    {"diversity", "", 1},
    {"batch_norm", "first", 1},
};

static inv_objective *objective_of(const struct kind *kind, double weight)
{
    inv_objective_spec spec = inv_objective_defaults;
    const inv_goal goal = {ROWS, mix, which, group, recorded, &gaussians->all};
    inv_objective *objective = NULL;
    strcpy(spec.type, kind->type);
    strcpy(spec.at, kind->at);
    spec.power = kind->power;
    spec.weight = weight;
    ck_assert_status(inv_objective_alloc(&spec, net, 0, &goal, "here", &objective), INV_OK);
    return objective;
}

START_TEST(value_and_gradient_are_those_of_the_formula)
{
    const struct kind *kind = &kinds[_i];
    const double weight = 1.375, step = 1e-6;
    inv_objective_spec spec = inv_objective_defaults;
    inv_objective *objective = objective_of(kind, weight);
    const size_t units = inv_net_units(net, inv_objective_point(objective)), n = ROWS * units;
    frame y = frame_filled(ROWS, units, -1.5, 1.5, 77), gradient = frame_alloc(ROWS, units);
    double value[ROWS], *at = frame_doubles(&y), *gradients = calloc(n, sizeof *gradients);
    float *room = calloc(units, sizeof *room);
    strcpy(spec.type, kind->type);
    spec.power = kind->power;
    for (size_t i = 0; i < ROWS; i++)
        value[i] = 10.0 + (double)i; /* what is there already stays */
    gsl_matrix_float_set_all(&gradient.m, 0.0f);
    inv_objective_add(objective, &y.m, value, &gradient.m);
    for (size_t i = 0; i < ROWS; i++) {
        const double expected = naive(&spec, i, at, units);
        ck_assert_double_eq_tol(value[i] - 10.0 - (double)i, weight * expected, 1e-5);
        if (strcmp(kind->type, "diversity") != 0 && strcmp(kind->type, "batch_norm") != 0)
            ck_assert_double_eq_tol(inv_objective_of(objective, i, y.m.data + i * y.m.tda, room),
                                    expected, 1e-5);
    }
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < ROWS; i++) {
            const double middle = at[k];
            at[k] = middle + step;
            const double above = naive(&spec, i, at, units);
            at[k] = middle - step;
            gradients[k] += weight * (above - naive(&spec, i, at, units)) / (2 * step);
            at[k] = middle;
        }
    frame_assert_near(&gradient, gradients, 2e-5, kind->type);
    inv_objective_free(objective);
    frame_free(&y);
    frame_free(&gradient);
    free(at);
    free(gradients);
    free(room);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    const struct kind *kind = &kinds[_i];
    inv_objective *objective = objective_of(kind, 0.75);
    const size_t units = inv_net_units(net, inv_objective_point(objective)), n = ROWS * units;
    float *first = calloc(n, sizeof *first), *y = calloc(n, sizeof *y), *dy = calloc(n, sizeof *dy);
    double before[ROWS];
    gradient_fill(y, n, -1.0, 1.0, 3);
    for (size_t t = 0; t < GRADIENT_THREADS; t++) {
        const gsl_matrix_float x = inv_mat_over(y, ROWS, units);
        gsl_matrix_float gradient = inv_mat_over(dy, ROWS, units);
        double value[ROWS] = {0.0};
        memset(dy, 0, n * sizeof *dy);
        inv_threads_set(gradient_threads[t]);
        inv_objective_add(objective, &x, value, &gradient);
        if (t == 0) {
            memcpy(first, dy, n * sizeof *dy);
            memcpy(before, value, sizeof value);
        }
        ck_assert(gradient_same_bits(first, dy, n * sizeof *dy));
        ck_assert(gradient_same_bits(before, value, sizeof value));
    }
    inv_threads_set(0);
    inv_objective_free(objective);
    free(first);
    free(y);
    free(dy);
}
END_TEST

static const struct refused {
    inv_objective_spec spec;
    size_t first;
    bool no_goal;
    inv_status status;
    const char *says;
} refused[] = {
    {{"magic", "", 1, 0, 1}, 0, false, INV_EINVAL, "here.type: there is no 'magic'"},
    {{"unit", "", 1, 0, 1}, 0, false, INV_ECONFIG, "here.at: unit needs a point"},
    {{"unit", "nowhere", 1, 0, 1},
     0,
     false,
     INV_ECONFIG,
     "no such point; it has input, first, norm, a.pre, a"},
    {{"unit", "a", 1, 6, 1}, 0, true, INV_ECONFIG, "here: unit 6 does not exist at a (0 to 5)"},
    {{"channel", "input", 1, 2, 1},
     0,
     true,
     INV_ECONFIG,
     "channel 2 does not exist at input (0 to 1)"},
    {{"norm", "", -0.5, 0, 1}, 0, false, INV_ECONFIG, "here.weight: -0.5, but norm is a prior"},
    {{"norm", "input", 1, 0, 1}, 1, false, INV_ECONFIG, "here.at: input lies below first"},
    {{"batch_norm", "a.pre", 1, 0, 1},
     0,
     false,
     INV_ECONFIG,
     "no batch normalisation follows a.pre"},
    {{"logit", "", 1, 0, 1}, 0, true, INV_EINVAL, "here: logit needs classes"},
    {{"activation", "input", 1, 0, 1}, 0, true, INV_EINVAL, "activation needs recorded values"},
    {{"gaussian", "input", 1, 0, 1}, 0, true, INV_EINVAL, "gaussian needs the data's Gaussian"},
};

START_TEST(what_cannot_be_is_refused)
{
    const struct refused *r = &refused[_i];
    const inv_goal goal = {ROWS, mix, which, group, recorded, &gaussians->all};
    const inv_goal nothing = {.rows = ROWS};
    inv_objective *objective = NULL;
    ck_assert_status(inv_objective_alloc(&r->spec, net, r->first, r->no_goal ? &nothing : &goal,
                                         "here", &objective),
                     r->status);
    ck_assert_message_has(r->says);
    ck_assert_ptr_null(objective);
    inv_objective_free(NULL);
}
END_TEST

static inv_status use_alloc(const void *spec)
{
    const inv_goal goal = {ROWS, mix, which, group, recorded, &gaussians->all};
    inv_objective *objective = NULL;
    const inv_status status = inv_objective_alloc(spec, net, 0, &goal, "here", &objective);
    ck_assert_ptr_null(objective);
    return status;
}

START_TEST(bad_settings_and_sizes_are_refused)
{
    const inv_goal goal = {ROWS, mix, which, group, recorded, &gaussians->all};
    const gsl_matrix_float short_mix = inv_mat_head(mix, ROWS - 1);
    const inv_goal none = {0}, few = {.rows = ROWS, .mix = &short_mix};
    inv_objective_spec spec = inv_objective_defaults;
    inv_objective *objective = NULL;
    fields_must_be_checked(inv_objective_fields("logit"), &spec, sizeof spec, use_alloc);
    ck_assert_status(inv_objective_alloc(&spec, net, 0, &none, "here", &objective), INV_EINVAL);
    ck_assert_message_has("here: 0 rows at point 0 of a net of ");
    ck_assert_status(inv_objective_alloc(&spec, net, 0, &few, "here", &objective), INV_EINVAL);
    ck_assert_message_has("here: logit needs classes");
    ck_assert_status(
        inv_objective_alloc(&spec, net, inv_net_depth(net) + 1, &goal, "here", &objective),
        INV_EINVAL);
    ck_assert_ptr_null(objective);
}
END_TEST

Suite *objective_suite(void)
{
    Suite *suite = suite_create("objective");
    TCase *tests = tcase_create("objective");
    const int count = sizeof kinds / sizeof *kinds;
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_add_loop_test(tests, value_and_gradient_are_those_of_the_formula, 0, count);
    tcase_add_loop_test(tests, threads_do_not_matter, 0, count);
    tcase_add_loop_test(tests, what_cannot_be_is_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tests, bad_settings_and_sizes_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
