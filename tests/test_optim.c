/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/optim.h"

Suite *optim_suite(void);

enum { N = 3 * 8192 + 1237, STEPS = 6 }; /* several chunks, and a part of one */

/* ---- naive twins, one value at a time in double ---- */

typedef void twin_step(const inv_optim_spec *spec, double *value, double *slot, double gradient);

static void twin_adagrad(const inv_optim_spec *spec, double *value, double *slot, double gradient)
{
    *slot += gradient * gradient;
    *value -= spec->rate * gradient / sqrt(*slot);
}

static void twin_descent(const inv_optim_spec *spec, double *value, double *slot, double gradient)
{
    (void)slot;
    *value -= spec->rate * gradient;
}

static const struct {
    const char *type;
    twin_step *step;
    const char *slots[2];
} twins[] = {{"adagrad", twin_adagrad, {"accumulator"}},
             {"gradient_descent", twin_descent, {NULL}}};

static size_t find(const char *type)
{
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++)
        if (strcmp(twins[i].type, type) == 0)
            return i;
    ck_abort_msg("tests/test_optim.c has no twin of %s", type);
    return 0;
}

static inv_optim *make(const inv_optim_spec *spec, size_t n)
{
    inv_optim *optim = NULL;
    ck_assert_status(inv_optim_alloc(spec, n, &optim), INV_OK);
    return optim;
}

/* Gradients of every size down to `least` and of both signs, some of them 0. */
static void make_gradient(float *gradient, double least, int step)
{
    gradient_fill(gradient, N, -1.0, 1.0, 500 + (unsigned long)step);
    for (size_t i = 0; i < N; i++) {
        gradient[i] *= (float)pow(least, (double)(i % 97) / 96);
        if (i % 89 == 3)
            gradient[i] = 0.0f;
    }
}

typedef struct course {
    float values[N], gradient[N];
    double twin[N], slot[N];
} course;

static course *course_alloc(const inv_optim_spec *spec)
{
    course *c = malloc(sizeof *c);
    ck_assert_ptr_nonnull(c);
    gradient_fill(c->values, N, -2.0, 2.0, 61);
    for (size_t i = 0; i < N; i++) {
        c->twin[i] = c->values[i];
        c->slot[i] = (float)spec->accumulator;
    }
    return c;
}

/* A step's rounding: a few units in the last place of the value and of what it moves by. */
static void assert_near_twin(const course *c, const inv_optim_spec *spec, const float *start)
{
    for (size_t i = 0; i < N; i++) {
        const double room = STEPS * 4 * 0x1p-24 * (2.0 + fabs(c->twin[i] - start[i]) + spec->rate);
        GRADIENT_HOLD(fabs(c->values[i] - c->twin[i]) <= room, "value %zu is %.9g, not %.9g", i,
                      (double)c->values[i], c->twin[i]);
    }
}

static void assert_slots_near_twin(inv_optim *optim, const course *c)
{
    size_t count = 0;
    const float *state = inv_optim_state(optim, &count);
    for (size_t i = 0; i < count; i++)
        GRADIENT_HOLD(fabs(state[i] - c->slot[i]) <= 2 * STEPS * 0x1p-24 * c->slot[i],
                      "slot value %zu is %.9g, not %.9g", i, (double)state[i], c->slot[i]);
}

static void follow(const char *type, double rate, double accumulator, double least)
{
    inv_optim_spec spec = {.rate = rate, .accumulator = accumulator};
    strcpy(spec.type, type);
    course *c = course_alloc(&spec);
    inv_optim *optim = make(&spec, N);
    twin_step *step_of_twin = twins[find(type)].step;
    float *start = malloc(sizeof c->values);
    ck_assert_ptr_nonnull(start);
    memcpy(start, c->values, sizeof c->values);
    for (int step = 0; step < STEPS; step++) {
        make_gradient(c->gradient, least, step);
        inv_optim_step(optim, c->values, c->gradient);
        for (size_t i = 0; i < N; i++)
            step_of_twin(&spec, &c->twin[i], &c->slot[i], c->gradient[i]);
        assert_near_twin(c, &spec, start);
        assert_slots_near_twin(optim, c);
    }
    free(start);
    free(c);
    inv_optim_free(optim);
}

START_TEST(steps_are_the_twins)
{
    for (size_t t = 0; inv_optim_types[t]; t++) {
        follow(inv_optim_types[t], 0.37, 0.23, 1e-3);
        follow(inv_optim_types[t], 0.01, 0.1, 1e-1);
        /* so small that an epsilon of even 1e-8 below the root's line would show */
        follow(inv_optim_types[t], 0.81, 1e-12, 1e-6);
    }
}
END_TEST

START_TEST(steps_do_not_depend_on_threads)
{
    for (size_t t = 0; inv_optim_types[t]; t++) {
        inv_optim_spec spec = {.rate = 0.73, .accumulator = 0.19};
        strcpy(spec.type, inv_optim_types[t]);
        float *first = malloc(N * sizeof *first);
        ck_assert_ptr_nonnull(first);
        for (int k = 0; k < GRADIENT_THREADS; k++) {
            course *c = course_alloc(&spec);
            inv_optim *optim = make(&spec, N);
            inv_threads_set(gradient_threads[k]);
            for (int step = 0; step < STEPS; step++) {
                make_gradient(c->gradient, 1e-3, step);
                inv_optim_step(optim, c->values, c->gradient);
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

/* ---- state ---- */

START_TEST(slots_are_as_documented)
{
    for (size_t t = 0; inv_optim_types[t]; t++) {
        inv_optim_spec spec = {.rate = 0.5, .accumulator = 0.3125};
        strcpy(spec.type, inv_optim_types[t]);
        inv_optim *optim = make(&spec, 137);
        const char *const *slots = inv_optim_slots(optim);
        size_t count = 99, named = 0;
        const float *state = inv_optim_state(optim, &count);
        for (; slots[named]; named++)
            ck_assert_str_eq(slots[named], twins[find(spec.type)].slots[named]);
        ck_assert_ptr_null(twins[find(spec.type)].slots[named]);
        ck_assert_uint_eq(count, 137 * named);
        for (size_t i = 0; i < count; i++)
            ck_assert(state[i] == 0.3125f);
        inv_optim_free(optim);
    }
}
END_TEST

/* A second optimiser that is given the first one's state goes on as the first would have. */
START_TEST(state_carries_on)
{
    for (size_t t = 0; inv_optim_types[t]; t++) {
        inv_optim_spec spec = {.rate = 0.73, .accumulator = 0.19};
        strcpy(spec.type, inv_optim_types[t]);
        course *a = course_alloc(&spec), *b = course_alloc(&spec);
        inv_optim *first = make(&spec, N), *second = make(&spec, N);
        size_t count = 0;
        for (int step = 0; step < STEPS; step++) {
            make_gradient(a->gradient, 1e-3, step);
            inv_optim_step(first, a->values, a->gradient);
            if (step > STEPS / 2)
                inv_optim_step(second, b->values, a->gradient);
            if (step == STEPS / 2) {
                memcpy(b->values, a->values, sizeof a->values);
                const float *from = inv_optim_state(first, &count);
                if (count > 0)
                    memcpy(inv_optim_state(second, &count), from, count * sizeof *from);
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
    for (size_t t = 0; inv_optim_types[t]; t++) {
        float values[7] = {1.5f, -2.5f, 3.25f, 4.75f, -5.5f, 6.125f, 77.5f};
        const float gradient[7] = {0.5f, 1.5f, -2.5f, 0.25f, -0.125f, 3.5f, 8.5f};
        inv_optim_spec spec = {.rate = 0.5, .accumulator = 0.25};
        strcpy(spec.type, inv_optim_types[t]);
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
    for (; inv_optim_types[count]; count++) {
        ck_assert(has_key(inv_optim_types[count], "type"));
        ck_assert(has_key(inv_optim_types[count], "rate"));
    }
    ck_assert_uint_eq(count, sizeof twins / sizeof *twins);
    ck_assert(has_key("adagrad", "accumulator"));
    ck_assert(!has_key("gradient_descent", "accumulator"));
}
END_TEST

Suite *optim_suite(void)
{
    Suite *suite = suite_create("optim");
    TCase *tests = tcase_create("optim");
    tcase_add_test(tests, steps_are_the_twins);
    tcase_add_test(tests, steps_do_not_depend_on_threads);
    tcase_add_test(tests, slots_are_as_documented);
    tcase_add_test(tests, state_carries_on);
    tcase_add_test(tests, a_step_stays_within_its_values);
    tcase_add_test(tests, alloc_refuses);
    tcase_add_test(tests, every_type_has_its_keys);
    suite_add_tcase(suite, tests);
    return suite;
}
