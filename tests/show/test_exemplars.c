/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "invproj/exemplars.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;
static inv_net *net;

static void prepare(void)
{
    data = small_data();
    net = small_net(SMALL_FOUR);
    small_train(net, data, 60);
}

static void tidy(void)
{
    inv_net_free(net);
    inv_dataset_free(data);
}

/* What image i has for the row: a logit's margin, or a unit's value. */
static double naive(size_t i, size_t point, size_t which)
{
    double x[SMALL_PIXELS], y[SMALL_WIDEST], sum = 0.0;
    small_pixels(&data->train, i, x);
    small_values(net, 0, point, 0.0, x, y);
    if (point != inv_net_logits(net))
        return y[which];
    for (size_t j = 0; j < SMALL_CLASSES; j++)
        sum += j == which ? 0.0 : exp(y[j]);
    return y[which] - log(sum);
}

static void assert_best(const inv_exemplars *found, size_t point)
{
    for (size_t r = 0; r < found->rows; r++)
        for (size_t k = 0; k < found->count; k++) {
            const size_t at = r * found->count + k;
            size_t better = 0;
            ck_assert_double_eq_tol(found->value[at],
                                    naive(found->index[at], point, found->which[r]), 1e-4);
            for (size_t i = 0; i < data->train.count; i++)
                better += naive(i, point, found->which[r]) > found->value[at] + 1e-4;
            ck_assert_uint_le(better, k);
            ck_assert(k == 0 || found->value[at] <= found->value[at - 1]);
        }
}

START_TEST(are_the_best_of_all)
{
    inv_exemplars_spec spec = inv_exemplars_defaults;
    inv_exemplars found;
    ck_assert_status(inv_exemplars_find(&spec, net, &data->train, &found), INV_OK);
    ck_assert_uint_eq(found.rows, SMALL_CLASSES);
    ck_assert_uint_eq(found.count, 5);
    assert_best(&found, inv_net_logits(net));
    inv_exemplars_close(&found);
    strcpy(spec.layer, "hidden2");
    spec.units = (inv_sizes){3, {12, 0, 5}};
    spec.count = 7;
    ck_assert_status(inv_exemplars_find(&spec, net, &data->train, &found), INV_OK);
    ck_assert_uint_eq(found.rows, 3);
    ck_assert_uint_eq(found.count, 7);
    ck_assert(found.which[0] == 12 && found.which[1] == 0 && found.which[2] == 5);
    assert_best(&found, 4);
    inv_exemplars_close(&found);
    inv_exemplars_close(&found); /* which is empty now */
}
END_TEST

/* More than there are images of the class: the last of them have margins below 0. */
START_TEST(the_best_may_be_below_nought)
{
    inv_exemplars_spec spec = inv_exemplars_defaults;
    inv_exemplars found;
    spec.classes = (inv_sizes){1, {2}};
    spec.count = SMALL_TRAIN / 2;
    ck_assert_status(inv_exemplars_find(&spec, net, &data->train, &found), INV_OK);
    ck_assert_uint_eq(found.rows, 1);
    assert_best(&found, inv_net_logits(net));
    ck_assert_double_lt(found.value[spec.count - 1], 0.0);
    inv_exemplars_close(&found);
}
END_TEST

START_TEST(refuses_what_is_not_there)
{
    inv_exemplars_spec spec = inv_exemplars_defaults;
    inv_exemplars found;
    spec.classes = (inv_sizes){1, {4}};
    ck_assert_status(inv_exemplars_find(&spec, net, &data->train, &found), INV_ECONFIG);
    ck_assert_message_has("exemplars.classes: 4 does not exist (0 to 3)");
    strcpy(spec.layer, "hidden2");
    spec.units = (inv_sizes){1, {13}};
    ck_assert_status(inv_exemplars_find(&spec, net, &data->train, &found), INV_ECONFIG);
    ck_assert_message_has("exemplars.units: 13 does not exist (0 to 12)");
    strcpy(spec.layer, "input");
    ck_assert_status(inv_exemplars_find(&spec, net, &data->train, &found), INV_ECONFIG);
    ck_assert_message_has("the input has no units");
    strcpy(spec.layer, "nowhere");
    ck_assert_status(inv_exemplars_find(&spec, net, &data->train, &found), INV_ECONFIG);
    spec = inv_exemplars_defaults;
    spec.count = 1000;
    ck_assert_status(inv_exemplars_find(&spec, net, &data->train, &found), INV_EDATA);
    ck_assert_message_has("exemplars.count: 1000, but there are 300 images");
}
END_TEST

static inv_status use_find(const void *spec)
{
    inv_exemplars found = {.rows = 7};
    const inv_status status = inv_exemplars_find(spec, net, &data->train, &found);
    ck_assert_uint_eq(found.rows, 0);
    return status;
}

static inv_status use_rows(const void *spec)
{
    size_t rows = 0;
    return inv_exemplars_rows(spec, net, &rows);
}

START_TEST(bad_settings_and_images_are_refused)
{
    inv_exemplars found;
    inv_part other = data->train;
    fields_must_be_checked(inv_exemplars_fields, &inv_exemplars_defaults,
                           sizeof inv_exemplars_defaults, use_find);
    fields_must_be_checked(inv_exemplars_fields, &inv_exemplars_defaults,
                           sizeof inv_exemplars_defaults, use_rows);
    other.pixels++;
    ck_assert_status(inv_exemplars_find(&inv_exemplars_defaults, net, &other, &found), INV_EDATA);
    ck_assert_message_has("the images have 64 values each, the network takes 63");
}
END_TEST

Suite *exemplars_suite(void)
{
    Suite *suite = suite_create("exemplars");
    TCase *tests = tcase_create("exemplars");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, are_the_best_of_all);
    tcase_add_test(tests, the_best_may_be_below_nought);
    tcase_add_test(tests, refuses_what_is_not_there);
    tcase_add_test(tests, bad_settings_and_images_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
