/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <string.h>

#include "invproj/schedule.h"
#include "suites.h"

static double factor(const inv_schedule *schedule, size_t step)
{
    return inv_schedule_factor(schedule, 1, step, 100);
}

START_TEST(constant_is_one)
{
    ck_assert_str_eq(inv_schedule_defaults.type, "constant");
    for (size_t step = 0; step < 100; step += 7)
        ck_assert_double_eq(factor(&inv_schedule_defaults, step), 1.0);
}
END_TEST

START_TEST(step_falls_by_a_factor)
{
    const inv_schedule schedule = {.type = "step", .every = 30.0, .factor = 0.25};
    static const double expected[] = {1.0, 0.25, 0.0625, 0.015625};
    for (size_t step = 0; step < 100; step++)
        ck_assert_double_eq(factor(&schedule, step), expected[step / 30]);
}
END_TEST

/* Worked by hand: a quarter of the way, half of it, three quarters. */
START_TEST(cosine_falls_to_the_least)
{
    const inv_schedule schedule = {.type = "cosine", .minimum = 0.2};
    ck_assert_double_eq_tol(factor(&schedule, 0), 1.0, 1e-15);
    ck_assert_double_eq_tol(factor(&schedule, 25), 0.2 + 0.4 * (1 + sqrt(0.5)), 1e-12);
    ck_assert_double_eq_tol(factor(&schedule, 50), 0.6, 1e-12);
    ck_assert_double_eq_tol(factor(&schedule, 75), 0.2 + 0.4 * (1 - sqrt(0.5)), 1e-12);
    ck_assert_double_gt(factor(&schedule, 99), 0.2);
    for (size_t step = 1; step < 100; step++)
        ck_assert_double_lt(factor(&schedule, step), factor(&schedule, step - 1));
}
END_TEST

START_TEST(warm_up_comes_first)
{
    static const char *const types[] = {"constant", "step", "cosine"};
    for (size_t i = 0; i < 3; i++) {
        inv_schedule schedule = {.warm_up = 8.0, .every = 46.0, .factor = 0.25};
        strcpy(schedule.type, types[i]);
        for (size_t step = 0; step < 8; step++)
            ck_assert_double_eq_tol(factor(&schedule, step), (double)(step + 1) / 8, 1e-15);
        ck_assert_double_eq_tol(factor(&schedule, 8), 1.0, 1e-15);
        ck_assert_double_eq_tol(factor(&schedule, 54), i == 0 ? 1.0 : i == 1 ? 0.25 : 0.5, 1e-12);
    }
}
END_TEST

/* Half an epoch of 31 steps is 16 of them; less than a step is one. */
START_TEST(lengths_have_a_unit)
{
    inv_schedule schedule = {.type = "step", .warm_up = 0.5, .every = 2.0, .factor = 0.5};
    ck_assert_double_eq_tol(inv_schedule_factor(&schedule, 31, 14, 900), 15.0 / 16, 1e-15);
    ck_assert_double_eq(inv_schedule_factor(&schedule, 31, 16 + 61, 900), 1.0);
    ck_assert_double_eq(inv_schedule_factor(&schedule, 31, 16 + 62, 900), 0.5);
    schedule = (inv_schedule){.type = "step", .every = 0.001, .factor = 0.5};
    ck_assert_double_eq(inv_schedule_factor(&schedule, 31, 3, 900), 0.125);
}
END_TEST

START_TEST(a_warm_up_can_be_longer_than_all)
{
    const inv_schedule schedule = {.type = "cosine", .warm_up = 400.0};
    for (size_t step = 0; step < 100; step += 9)
        ck_assert_double_eq_tol(factor(&schedule, step), (double)(step + 1) / 400, 1e-15);
}
END_TEST

static bool has_key(const char *type, const char *key)
{
    for (const inv_field *f = inv_schedule_fields(type); f->key; f++)
        if (strcmp(f->key, key) == 0)
            return true;
    return false;
}

START_TEST(every_type_has_its_keys)
{
    size_t i = 0;
    for (; inv_schedule_types[i].name; i++) {
        const char *type = inv_schedule_types[i].name;
        ck_assert(has_key(type, "type") && has_key(type, "warm_up"));
        ck_assert(has_key(type, "every") == (strcmp(type, "step") == 0));
        ck_assert(has_key(type, "factor") == (strcmp(type, "step") == 0));
        ck_assert(has_key(type, "least") == (strcmp(type, "cosine") == 0));
    }
    ck_assert_uint_eq(i, 3);
}
END_TEST

Suite *schedule_suite(void)
{
    Suite *suite = suite_create("schedule");
    TCase *tests = tcase_create("schedule");
    tcase_add_test(tests, constant_is_one);
    tcase_add_test(tests, step_falls_by_a_factor);
    tcase_add_test(tests, cosine_falls_to_the_least);
    tcase_add_test(tests, warm_up_comes_first);
    tcase_add_test(tests, lengths_have_a_unit);
    tcase_add_test(tests, a_warm_up_can_be_longer_than_all);
    tcase_add_test(tests, every_type_has_its_keys);
    suite_add_tcase(suite, tests);
    return suite;
}
