/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "gradient.h"
#include "invproj/optim.h"

Suite *optim_suite(void);

enum { N = 3 * 8192 + 1237, STEPS = 6 }; /* several chunks, and a part of one */

/* ---- naive twins, one value at a time in double, in the form of the papers ---- */

typedef void twin_step(const inv_optim_spec *spec, double *value, double slot[2], double gradient,
                       int step);

static double root(const inv_optim_spec *spec, double squares)
{
    return spec->epsilon_inside ? sqrt(squares + spec->epsilon) : sqrt(squares) + spec->epsilon;
}

static void twin_adagrad(const inv_optim_spec *spec, double *value, double slot[2], double gradient,
                         int step)
{
    (void)step;
    slot[0] += gradient * gradient;
    *value -= spec->rate * gradient / root(spec, slot[0]);
}

/* epsilon hat is epsilon times the root of v's correction */
static void twin_adam(const inv_optim_spec *spec, double *value, double slot[2], double gradient,
                      int step)
{
    const double m_part = 1.0 - pow(spec->beta1, step), v_part = 1.0 - pow(spec->beta2, step);
    slot[0] = spec->beta1 * slot[0] + (1.0 - spec->beta1) * gradient;
    slot[1] = spec->beta2 * slot[1] + (1.0 - spec->beta2) * gradient * gradient;
    *value -=
        spec->rate * (slot[0] / m_part) / (sqrt(slot[1] / v_part) + spec->epsilon / sqrt(v_part));
}

static void twin_adamw(const inv_optim_spec *spec, double *value, double slot[2], double gradient,
                       int step)
{
    *value -= spec->rate * spec->decay * *value;
    twin_adam(spec, value, slot, gradient, step);
}

static void twin_descent(const inv_optim_spec *spec, double *value, double slot[2], double gradient,
                         int step)
{
    (void)slot, (void)step;
    *value -= spec->rate * gradient;
}

static void twin_rmsprop(const inv_optim_spec *spec, double *value, double slot[2], double gradient,
                         int step)
{
    (void)step;
    slot[0] = spec->rho * slot[0] + (1.0 - spec->rho) * gradient * gradient;
    slot[1] = spec->momentum * slot[1] + spec->rate * gradient / root(spec, slot[0]);
    *value -= slot[1];
}

static void twin_sgd(const inv_optim_spec *spec, double *value, double slot[2], double gradient,
                     int step)
{
    (void)step;
    slot[0] = spec->momentum * slot[0] - spec->rate * gradient;
    *value += spec->nesterov ? spec->momentum * slot[0] - spec->rate * gradient : slot[0];
}

static const struct {
    const char *type;
    twin_step *step;
    const char *state[4];
} twins[] = {{"adagrad", twin_adagrad, {"accumulator"}},
             {"adam", twin_adam, {"mean", "mean_square", "updates"}},
             {"adamw", twin_adamw, {"mean", "mean_square", "updates"}},
             {"gradient_descent", twin_descent, {NULL}},
             {"rmsprop", twin_rmsprop, {"mean_square", "momentum"}},
             {"sgd", twin_sgd, {"momentum"}}};

static size_t find(const char *type)
{
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++)
        if (strcmp(twins[i].type, type) == 0)
            return i;
    ck_abort_msg("tests/net/test_optim.c has no twin of %s", type);
    return 0;
}

/* Irregular settings of every key. */
static inv_optim_spec irregular(const char *type)
{
    inv_optim_spec spec;
    inv_optim_start(type, &spec);
    ck_assert_str_eq(spec.type, type);
    spec.rate = 0.37, spec.accumulator = 0.23, spec.momentum = 0.71, spec.nesterov = true;
    spec.rho = 0.83, spec.beta1 = 0.77, spec.beta2 = 0.93, spec.epsilon = 0.013, spec.decay = 0.11;
    return spec;
}

static inv_optim *make(const inv_optim_spec *spec, size_t n)
{
    inv_optim *optim = NULL;
    ck_assert_status(inv_optim_alloc(spec, n, &optim), INV_OK);
    return optim;
}

/* Gradients of every size down to `least` and of both signs, some of them 0. */
static void make_gradient(float *gradient, double minimum, int step)
{
    gradient_fill(gradient, N, -1.0, 1.0, 500 + (unsigned long)step);
    for (size_t i = 0; i < N; i++) {
        gradient[i] *= (float)pow(minimum, (double)(i % 97) / 96);
        if (i % 89 == 3)
            gradient[i] = 0.0f;
    }
}

typedef struct course {
    float values[N], gradient[N];
    double twin[N], slot[N][2];
} course;

static course *course_alloc(const inv_optim_spec *spec)
{
    course *c = calloc(1, sizeof *c);
    ck_assert_ptr_nonnull(c);
    gradient_fill(c->values, N, -2.0, 2.0, 61);
    for (size_t i = 0; i < N; i++) {
        c->twin[i] = c->values[i];
        if (strcmp(spec->type, "adagrad") == 0)
            c->slot[i][0] = (float)spec->accumulator;
    }
    return c;
}

/* One step of an optimiser as its users take it. */
static void take_step(inv_optim *optim, course *c)
{
    inv_optim_decay(optim, c->values, N);
    inv_optim_step(optim, c->values, c->gradient);
}

/* A step's rounding: a few units in the last place of the value and of what it moves by. */
static void assert_near_twin(const course *c, const inv_optim_spec *spec, const float *start)
{
    for (size_t i = 0; i < N; i++) {
        const double room = STEPS * 8 * 0x1p-24 * (2.0 + fabs(c->twin[i] - start[i]) + spec->rate);
        GRADIENT_HOLD(fabs(c->values[i] - c->twin[i]) <= room, "%s: value %zu is %.9g, not %.9g",
                      spec->type, i, (double)c->values[i], c->twin[i]);
    }
}

static void assert_slots_near_twin(inv_optim *optim, const course *c)
{
    inv_array state[INV_ARRAYS_MAX];
    const size_t count = inv_optim_state(optim, state);
    for (size_t s = 0; s < count && state[s].type == INV_FLOAT32; s++)
        for (size_t i = 0; i < N; i++) {
            const double is = ((const float *)state[s].data)[i], must = c->slot[i][s];
            GRADIENT_HOLD(fabs(is - must) <= 8 * STEPS * 0x1p-24 * (fabs(must) + 0.5),
                          "%s %zu is %.9g, not %.9g", state[s].name, i, is, must);
        }
}

static void follow(const inv_optim_spec *spec, double minimum)
{
    course *c = course_alloc(spec);
    inv_optim *optim = make(spec, N);
    twin_step *step_of_twin = twins[find(spec->type)].step;
    float *start = malloc(sizeof c->values);
    ck_assert_ptr_nonnull(start);
    memcpy(start, c->values, sizeof c->values);
    for (int step = 1; step <= STEPS; step++) {
        make_gradient(c->gradient, minimum, step);
        take_step(optim, c);
        for (size_t i = 0; i < N; i++)
            step_of_twin(spec, &c->twin[i], c->slot[i], c->gradient[i], step);
        assert_near_twin(c, spec, start);
        assert_slots_near_twin(optim, c);
    }
    free(start);
    free(c);
    inv_optim_free(optim);
}

START_TEST(steps_are_the_twins)
{
    for (size_t t = 0; inv_optim_types[t].name; t++) {
        inv_optim_spec spec = irregular(inv_optim_types[t].name);
        follow(&spec, 1e-3);
        spec.nesterov = false;
        follow(&spec, 1e-1);
        inv_optim_start(inv_optim_types[t].name, &spec);
        follow(&spec, 1e-3);
    }
}
END_TEST

/* So small that an epsilon of even 1e-8 below the root's line would show. */
START_TEST(adagrad_has_no_epsilon_unless_told)
{
    inv_optim_spec spec;
    inv_optim_start("adagrad", &spec);
    ck_assert_double_eq(spec.epsilon, 0.0);
    spec.accumulator = 1e-12;
    spec.rate = 0.81;
    follow(&spec, 1e-6);
}
END_TEST

/* Worked by hand: g = 1/2, then -1/4, from w = 1, at the rate 1/8. */
START_TEST(two_steps_by_hand)
{
    static const struct {
        inv_optim_spec spec;
        double first, second;
    } cases[] = {
        /* 1 - 1/16; + 1/32 */
        {{.type = "gradient_descent", .rate = 0.125}, 0.9375, 0.96875},
        /* m = -1/16; m = -1/32 + 1/32 = 0 */
        {{.type = "sgd", .rate = 0.125, .momentum = 0.5}, 0.9375, 0.9375},
        /* m = -1/16, w - 1/32 - 1/16; m = 0, w + 1/32 */
        {{.type = "sgd", .rate = 0.125, .momentum = 0.5, .nesterov = true}, 0.90625, 0.9375},
        /* a = 1/4, w - 1/16 / (1/2); a = 5/16, w + 1/32 / sqrt(5/16) */
        {{.type = "adagrad", .rate = 0.125, .accumulator = 1e-12}, 0.875, 0.9309016994},
        /* the same over 1/2 + 1/2, and sqrt(5/16) + 1/2 */
        {{.type = "adagrad", .rate = 0.125, .accumulator = 1e-12, .epsilon = 0.5},
         0.9375,
         0.9670084972},
        /* v = 1/8, w - 1/16 / sqrt(1/8); v = 3/32, w + 1/32 / sqrt(3/32) */
        {{.type = "rmsprop", .rate = 0.125, .rho = 0.5, .epsilon = 1e-12},
         0.8232233047,
         0.9252853758},
        /* the same over sqrt(1/8 + 1/8) and sqrt(3/32 + 1/8) */
        {{.type = "rmsprop", .rate = 0.125, .rho = 0.5, .epsilon = 0.125, .epsilon_inside = true},
         0.875,
         0.9418153104},
        /* over sqrt(1/4 + 1/2) and sqrt(5/16 + 1/2) */
        {{.type = "adagrad",
          .rate = 0.125,
          .accumulator = 1e-12,
          .epsilon = 0.5,
          .epsilon_inside = true},
         0.9278312163,
         0.9624999786},
        /* whatever beta, the first step is the rate; then m = 1/8 - 1/8 = 0 */
        {{.type = "adam", .rate = 0.125, .beta1 = 0.5, .beta2 = 0.5, .epsilon = 1e-12},
         0.875,
         0.875},
        /* 1 - 1/8 1/4 = 31/32 before the first, w (31/32) before the second */
        {{.type = "adamw",
          .rate = 0.125,
          .beta1 = 0.5,
          .beta2 = 0.5,
          .epsilon = 1e-12,
          .decay = 0.25},
         0.84375,
         0.8173828125},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float w = 1.0f;
        inv_optim *optim = make(&cases[i].spec, 1);
        inv_optim_decay(optim, &w, 1);
        inv_optim_step(optim, &w, (const float[]){0.5f});
        GRADIENT_HOLD(fabs(w - cases[i].first) < 1e-6, "case %zu: first %.9g", i, (double)w);
        inv_optim_decay(optim, &w, 1);
        inv_optim_step(optim, &w, (const float[]){-0.25f});
        GRADIENT_HOLD(fabs(w - cases[i].second) < 1e-6, "case %zu: second %.9g", i, (double)w);
        inv_optim_free(optim);
    }
}
END_TEST

START_TEST(the_rate_can_change)
{
    inv_optim_spec spec = irregular("gradient_descent");
    float w = 1.0f;
    inv_optim *optim = make(&spec, 1);
    inv_optim_set_rate(optim, 0.75);
    inv_optim_step(optim, &w, (const float[]){0.5f});
    ck_assert(w == 0.625f);
    inv_optim_free(optim);
    spec = irregular("adamw");
    optim = make(&spec, 1);
    inv_optim_set_rate(optim, 0.0);
    inv_optim_decay(optim, &w, 1);
    inv_optim_step(optim, &w, (const float[]){0.5f});
    ck_assert(w == 0.625f);
    inv_optim_free(optim);
}
END_TEST

START_TEST(steps_do_not_depend_on_threads)
{
    for (size_t t = 0; inv_optim_types[t].name; t++) {
        inv_optim_spec spec = irregular(inv_optim_types[t].name);
        float *first = malloc(N * sizeof *first);
        ck_assert_ptr_nonnull(first);
        for (int k = 0; k < GRADIENT_THREADS; k++) {
            course *c = course_alloc(&spec);
            inv_optim *optim = make(&spec, N);
            inv_threads_set(gradient_threads[k]);
            for (int step = 0; step < STEPS; step++) {
                make_gradient(c->gradient, 1e-3, step);
                take_step(optim, c);
            }
            if (k == 0)
                memcpy(first, c->values, sizeof c->values);
            ck_assert(gradient_same_bits(first, c->values, sizeof c->values));
            inv_optim_free(optim);
            free(c);
        }
        free(first);
    }
}
END_TEST

/* A value whose gradient always is 0, as that of a frozen parameter is, stays, to the bit. */
START_TEST(no_gradient_no_move)
{
    static const float zeros[7] = {0};
    for (size_t t = 0; inv_optim_types[t].name; t++) {
        inv_optim_spec spec;
        const float before[7] = {1.5f, -2.5f, 3.25f, 4.75e-30f, -5.5f, 6.125e20f, 0.0f};
        float values[7];
        memcpy(values, before, sizeof values);
        inv_optim_start(inv_optim_types[t].name, &spec);
        for (int minimum = 0; minimum < 2; minimum++) {
            inv_optim *optim = make(&spec, 7);
            for (int step = 0; step < STEPS; step++)
                inv_optim_step(optim, values, zeros);
            ck_assert(gradient_same_bits(values, before, sizeof values));
            inv_optim_free(optim);
            for (const inv_field *f = inv_optim_fields(spec.type); f->key; f++)
                if (f->type == INV_FIELD_REAL) /* the least that the keys allow */
                    memcpy((char *)&spec + f->offset, &f->low, sizeof f->low);
        }
    }
}
END_TEST

/* ---- state ---- */

START_TEST(state_is_as_documented)
{
    for (size_t t = 0; inv_optim_types[t].name; t++) {
        const inv_optim_spec spec = irregular(inv_optim_types[t].name);
        const char *const *names = twins[find(spec.type)].state;
        inv_optim *optim = make(&spec, 137);
        inv_array state[INV_ARRAYS_MAX];
        size_t count = inv_optim_state(optim, state);
        for (size_t s = 0; s < count; s++) {
            ck_assert_str_eq(state[s].name, names[s]);
            ck_assert_uint_eq(state[s].count, state[s].type == INV_FLOAT32 ? 137 : 1);
            for (size_t i = 0; i < 137 && state[s].type == INV_FLOAT32; i++)
                ck_assert(((float *)state[s].data)[i] ==
                          (strcmp(names[s], "accumulator") == 0 ? (float)spec.accumulator : 0.0f));
        }
        ck_assert_ptr_null(names[count]);
        inv_optim_free(optim);
    }
}
END_TEST

static void copy_state(inv_optim *from, inv_optim *to)
{
    inv_array a[INV_ARRAYS_MAX], b[INV_ARRAYS_MAX];
    const size_t count = inv_optim_state(from, a);
    ck_assert_uint_eq(inv_optim_state(to, b), count);
    for (size_t s = 0; s < count; s++)
        memcpy(b[s].data, a[s].data, a[s].count * inv_type_size(a[s].type));
}

/* A second optimiser that is given the first one's state goes on as the first would have. */
START_TEST(state_carries_on)
{
    for (size_t t = 0; inv_optim_types[t].name; t++) {
        const inv_optim_spec spec = irregular(inv_optim_types[t].name);
        course *a = course_alloc(&spec), *b = course_alloc(&spec);
        inv_optim *first = make(&spec, N), *second = make(&spec, N);
        for (int step = 0; step < STEPS; step++) {
            make_gradient(a->gradient, 1e-3, step);
            memcpy(b->gradient, a->gradient, sizeof a->gradient);
            take_step(first, a);
            if (step > STEPS / 2)
                take_step(second, b);
            if (step == STEPS / 2) {
                memcpy(b->values, a->values, sizeof a->values);
                copy_state(first, second);
            }
        }
        ck_assert(gradient_same_bits(a->values, b->values, sizeof a->values));
        inv_optim_free(first);
        inv_optim_free(second);
        free(a);
        free(b);
    }
}
END_TEST

START_TEST(a_step_stays_within_its_values)
{
    for (size_t t = 0; inv_optim_types[t].name; t++) {
        float values[7] = {1.5f, -2.5f, 3.25f, 4.75f, -5.5f, 6.125f, 77.5f};
        const float gradient[7] = {0.5f, 1.5f, -2.5f, 0.25f, -0.125f, 3.5f, 8.5f};
        const inv_optim_spec spec = irregular(inv_optim_types[t].name);
        inv_optim *optim = make(&spec, 6);
        inv_optim_step(optim, values, gradient);
        ck_assert(values[0] < 1.5f && values[5] < 6.125f && values[2] > 3.25f);
        ck_assert(values[6] == 77.5f);
        inv_optim_free(optim);
    }
}
END_TEST

/* ---- errors and keys ---- */

static void assert_refused(const char *type, size_t n, inv_status expected)
{
    inv_optim_spec spec = {.rate = 0.5, .accumulator = 0.25};
    inv_optim *optim = (inv_optim *)&spec;
    strcpy(spec.type, type);
    ck_assert_status(inv_optim_alloc(&spec, n, &optim), expected);
    ck_assert_ptr_null(optim);
    ck_assert_message_has("optimiser");
}

START_TEST(alloc_refuses)
{
    assert_refused("adagrab", 10, INV_EINVAL);
    ck_assert_message_has("'adagrab'");
    assert_refused("", 10, INV_EINVAL);
    assert_refused("adagrad", 0, INV_EINVAL);
    assert_refused("adagrad", SIZE_MAX / 2, INV_ENOMEM);
    inv_optim_free(NULL);
}
END_TEST

static bool has_key(const char *type, const char *key)
{
    for (const inv_field *f = inv_optim_fields(type); f->key; f++)
        if (strcmp(f->key, key) == 0)
            return true;
    return false;
}

START_TEST(every_type_has_its_keys)
{
    size_t count = 0;
    for (; inv_optim_types[count].name; count++) {
        ck_assert(has_key(inv_optim_types[count].name, "type"));
        ck_assert(has_key(inv_optim_types[count].name, "rate"));
    }
    ck_assert_uint_eq(count, sizeof twins / sizeof *twins);
    ck_assert(has_key("adagrad", "accumulator"));
    ck_assert(!has_key("gradient_descent", "accumulator"));
    ck_assert(has_key("adagrad", "epsilon") && has_key("sgd", "nesterov"));
    ck_assert(has_key("adamw", "decay") && !has_key("adam", "decay"));
}
END_TEST

/* Keras's, as its documentation gives them. */
START_TEST(defaults_are_the_frameworks)
{
    inv_optim_spec spec = {.rate = 7.0};
    inv_optim_start("magic", &spec);
    ck_assert_double_eq(spec.rate, 7.0);
    inv_optim_start("adamw", &spec);
    ck_assert_double_eq(spec.rate, 0.001);
    ck_assert_double_eq(spec.beta1, 0.9);
    ck_assert_double_eq(spec.beta2, 0.999);
    ck_assert_double_eq(spec.epsilon, 1e-7);
    ck_assert_double_eq(spec.decay, 0.004);
    inv_optim_start("rmsprop", &spec);
    ck_assert_double_eq(spec.rate, 0.001);
    ck_assert_double_eq(spec.rho, 0.9);
    ck_assert_double_eq(spec.momentum, 0.0);
    ck_assert_double_eq(spec.epsilon, 1e-7);
    inv_optim_start("sgd", &spec);
    ck_assert_double_eq(spec.rate, 0.01);
    ck_assert_double_eq(spec.momentum, 0.0);
    ck_assert(!spec.nesterov);
    inv_optim_start("adagrad", &spec);
    ck_assert_double_eq(spec.rate, 0.001);
    ck_assert_double_eq(spec.accumulator, 0.1);
}
END_TEST

static inv_status use_alloc(const void *spec)
{
    inv_optim *optim = NULL;
    const inv_status status = inv_optim_alloc(spec, N, &optim);
    ck_assert_ptr_null(optim);
    return status;
}

START_TEST(bad_settings_are_refused)
{
    inv_optim *optim = NULL;
    for (const inv_choice *type = inv_optim_types; type->name; type++) {
        inv_optim_spec spec;
        inv_optim_start(type->name, &spec);
        fields_must_be_checked(inv_optim_fields(type->name), &spec, sizeof spec, use_alloc);
        ck_assert_status(inv_optim_alloc(&spec, 0, &optim), INV_EINVAL);
        ck_assert_ptr_null(optim);
    }
}
END_TEST

Suite *optim_suite(void)
{
    Suite *suite = suite_create("optim");
    TCase *tests = tcase_create("optim");
    tcase_add_test(tests, steps_are_the_twins);
    tcase_add_test(tests, adagrad_has_no_epsilon_unless_told);
    tcase_add_test(tests, two_steps_by_hand);
    tcase_add_test(tests, the_rate_can_change);
    tcase_add_test(tests, no_gradient_no_move);
    tcase_add_test(tests, steps_do_not_depend_on_threads);
    tcase_add_test(tests, state_is_as_documented);
    tcase_add_test(tests, state_carries_on);
    tcase_add_test(tests, a_step_stays_within_its_values);
    tcase_add_test(tests, alloc_refuses);
    tcase_add_test(tests, every_type_has_its_keys);
    tcase_add_test(tests, defaults_are_the_frameworks);
    tcase_add_test(tests, bad_settings_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
