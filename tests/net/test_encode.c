/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/encode.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;
static inv_net *net;

static void prepare(void)
{
    data = small_data();
    net = small_net(SMALL_FOUR);
    small_train(net, data, 40);
}

static void tidy(void)
{
    inv_net_free(net);
    inv_dataset_free(data);
}

/* What a forward of all rows at once gives, `step` rows at a time. */
static void in_steps(const inv_part *part, size_t step, size_t at, gsl_matrix_float *values,
                     float *confidence, unsigned *predicted)
{
    inv_pass *pass = NULL;
    ck_assert_status(inv_pass_alloc(net, 0, inv_net_logits(net), step, INV_PASS_FORWARD, &pass),
                     INV_OK);
    gsl_matrix_float *x = small_matrix(step, part->pixels);
    for (size_t first = 0; first < part->count; first += step) {
        const size_t n = part->count - first < step ? part->count - first : step;
        const gsl_matrix_float rows = inv_mat_head(x, n);
        inv_part_rows(part, first, n, x);
        inv_encode_classes(inv_net_forward(net, pass, &rows), confidence + first,
                           predicted + first);
        for (size_t i = 0; i < n; i++)
            memcpy(values->data + (first + i) * values->tda,
                   inv_pass_at(pass, at)->data + i * inv_pass_at(pass, at)->tda,
                   inv_net_units(net, at) * sizeof(float));
    }
    gsl_matrix_float_free(x);
    inv_pass_free(pass);
}

/* A pass keeps to what the caches hold: the wider the net, the fewer images, from 16 to INV_CHUNK. */
START_TEST(fewer_images_go_through_a_wider_net_at_a_time)
{
    static const struct {
        size_t units, count, rows;
    } cases[] = {{4, 5000, INV_CHUNK}, {4, 7, 7}, {1 << 13, 5000, 128}, {1 << 20, 5000, 16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[120];
        inv_config *config = NULL;
        inv_net *wide = NULL;
        snprintf(text, sizeof text,
                 "layers = ({name = \"a\"; type = \"dense\"; units = %zu;}, "
                 "{name = \"b\"; type = \"dense\"; units = 1;});",
                 cases[i].units);
        ck_assert_status(inv_config_read_text("wide", text, &config), INV_OK);
        ck_assert_status(inv_net_build(config, "layers", (inv_shape){1, 1, 1}, 1, &wide), INV_OK);
        ck_assert_uint_eq(inv_encode_rows(wide, cases[i].count), cases[i].rows);
        inv_net_free(wide);
        inv_config_free(config);
    }
}
END_TEST

typedef struct encoded {
    gsl_matrix_float *values;
    float *confidence;
    unsigned *predicted;
} encoded;

static encoded encoded_alloc(size_t count, size_t at)
{
    encoded e = {small_matrix(count, inv_net_units(net, at)), calloc(count, sizeof(float)),
                 calloc(count, sizeof(unsigned))};
    ck_assert(e.confidence && e.predicted);
    return e;
}

static void encoded_free(encoded *e)
{
    gsl_matrix_float_free(e->values);
    free(e->confidence);
    free(e->predicted);
}

/* Counts below, at and above INV_CHUNK, and no multiple of it. */
START_TEST(chunks_equal_one_pass)
{
    static const size_t counts[] = {1, 2, 997, INV_CHUNK, INV_CHUNK + 1, 2 * INV_CHUNK, 2357};
    const size_t at = 3;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        const size_t n = counts[c];
        inv_part part = small_repeat(&data->test, n);
        encoded got = encoded_alloc(n, at), same = encoded_alloc(n, at), all = encoded_alloc(n, at);
        ck_assert_status(inv_encode(net, &part, at, got.values, got.confidence, got.predicted),
                         INV_OK);
        in_steps(&part, INV_CHUNK, at, same.values, same.confidence, same.predicted);
        ck_assert_mem_eq(got.values->data, same.values->data, n * got.values->tda * sizeof(float));
        ck_assert_mem_eq(got.confidence, same.confidence, n * sizeof(float));
        ck_assert_mem_eq(got.predicted, same.predicted, n * sizeof(unsigned));
        in_steps(&part, n, at, all.values, all.confidence, all.predicted);
        for (size_t i = 0; i < n * got.values->tda; i++)
            ck_assert_float_eq_tol(got.values->data[i], all.values->data[i], 1e-5f);
        ck_assert_mem_eq(got.predicted, all.predicted, n * sizeof(unsigned));
        encoded_free(&got);
        encoded_free(&same);
        encoded_free(&all);
        free((void *)(uintptr_t)part.images);
        free((void *)(uintptr_t)part.labels);
    }
}
END_TEST

START_TEST(equals_the_naive_twin_at_every_point)
{
    const size_t n = data->test.count, logits = inv_net_logits(net);
    ck_assert_uint_eq(logits, 7);
    for (size_t at = 1; at <= logits; at++) {
        encoded got = encoded_alloc(n, at);
        ck_assert_status(
            inv_encode(net, &data->test, at, got.values, got.confidence, got.predicted), INV_OK);
        for (size_t i = 0; i < n; i++) {
            double x[SMALL_WIDEST], y[SMALL_WIDEST];
            small_pixels(&data->test, i, x);
            small_values(net, 0, at, 0.0, x, y);
            for (size_t j = 0; j < inv_net_units(net, at); j++)
                ck_assert_double_eq_tol(gsl_matrix_float_get(got.values, i, j), y[j], 2e-5);
            small_values(net, 0, logits + 1, 0.0, x, y);
            ck_assert_uint_eq(got.predicted[i], small_top(y, SMALL_CLASSES));
            ck_assert_double_eq_tol(got.confidence[i], y[got.predicted[i]], 1e-5);
        }
        encoded_free(&got);
    }
}
END_TEST

/* Each output may be NULL, and leaves the others as they are. */
START_TEST(outputs_may_be_left_out)
{
    const size_t n = data->test.count, at = 2;
    encoded all = encoded_alloc(n, at);
    ck_assert_status(inv_encode(net, &data->test, at, all.values, all.confidence, all.predicted),
                     INV_OK);
    for (int which = 0; which < 8; which++) {
        encoded some = encoded_alloc(n, at);
        ck_assert_status(
            inv_encode(net, &data->test, which & 1 ? at : 0, which & 1 ? some.values : NULL,
                       which & 2 ? some.confidence : NULL, which & 4 ? some.predicted : NULL),
            INV_OK);
        if (which & 1)
            ck_assert_mem_eq(some.values->data, all.values->data,
                             n * all.values->tda * sizeof(float));
        if (which & 2)
            ck_assert_mem_eq(some.confidence, all.confidence, n * sizeof(float));
        if (which & 4)
            ck_assert_mem_eq(some.predicted, all.predicted, n * sizeof(unsigned));
        encoded_free(&some);
    }
    encoded_free(&all);
}
END_TEST

START_TEST(values_may_be_a_view)
{
    const size_t n = data->test.count, at = 5;
    encoded all = encoded_alloc(n, at);
    gsl_matrix_float *wide = small_matrix(n + 2, 19);
    gsl_matrix_float_set_all(wide, 7.5f);
    gsl_matrix_float_view view = gsl_matrix_float_submatrix(wide, 1, 3, n, inv_net_units(net, at));
    ck_assert_status(inv_encode(net, &data->test, at, all.values, NULL, NULL), INV_OK);
    ck_assert_status(inv_encode(net, &data->test, at, &view.matrix, NULL, NULL), INV_OK);
    for (size_t i = 0; i < n + 2; i++)
        for (size_t j = 0; j < 19; j++) {
            const bool inside = i >= 1 && i <= n && j >= 3 && j < 3 + inv_net_units(net, at);
            ck_assert_float_eq(gsl_matrix_float_get(wide, i, j),
                               inside ? gsl_matrix_float_get(all.values, i - 1, j - 3) : 7.5f);
        }
    gsl_matrix_float_free(wide);
    encoded_free(&all);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    static const size_t threads[] = {2, 3, 8};
    const size_t at = 4, n = 1234;
    inv_part part = small_repeat(&data->train, n);
    encoded one = encoded_alloc(n, at);
    inv_threads_set(1);
    ck_assert_status(inv_encode(net, &part, at, one.values, one.confidence, one.predicted), INV_OK);
    for (size_t t = 0; t < 3; t++) {
        encoded more = encoded_alloc(n, at);
        inv_threads_set(threads[t]);
        ck_assert_status(inv_encode(net, &part, at, more.values, more.confidence, more.predicted),
                         INV_OK);
        ck_assert_mem_eq(more.values->data, one.values->data, n * one.values->tda * sizeof(float));
        ck_assert_mem_eq(more.confidence, one.confidence, n * sizeof(float));
        ck_assert_mem_eq(more.predicted, one.predicted, n * sizeof(unsigned));
        encoded_free(&more);
    }
    encoded_free(&one);
    free((void *)(uintptr_t)part.images);
    free((void *)(uintptr_t)part.labels);
}
END_TEST

START_TEST(classes_of_logits)
{
    static float rows[3][5] = {{-1.5f, 2.25f, 0.5f, 2.0f, 99.0f},
                               {3.0f, -4.0f, 3.0f, 1.0f, 99.0f},
                               {-900.0f, 800.0f, 150.0f, 799.0f, 99.0f}};
    gsl_matrix_float_view logits = gsl_matrix_float_view_array_with_tda(&rows[0][0], 3, 4, 5);
    float confidence[3];
    unsigned predicted[3];
    inv_encode_classes(&logits.matrix, confidence, predicted);
    ck_assert_uint_eq(predicted[0], 1);
    ck_assert_uint_eq(predicted[1], 0); /* the first of equal ones */
    ck_assert_uint_eq(predicted[2], 1);
    ck_assert_double_eq_tol(confidence[0], 1.0 / (1.0 + exp(-0.25) + exp(-1.75) + exp(-3.75)),
                            1e-7);
    ck_assert_double_eq_tol(confidence[1], 1.0 / (2.0 + exp(-2.0) + exp(-7.0)), 1e-7);
    ck_assert_double_eq_tol(confidence[2], 1.0 / (1.0 + exp(-1.0)), 1e-7);
    inv_encode_classes(&logits.matrix, NULL, NULL);
}
END_TEST

START_TEST(an_empty_part_is_refused)
{
    ck_assert_uint_eq(data->validation.count, 0);
    ck_assert_status(inv_encode(net, &data->validation, 0, NULL, NULL, NULL), INV_EDATA);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    const size_t logits = inv_net_logits(net), units = inv_net_units(net, logits);
    gsl_matrix_float *values = small_matrix(SMALL_TEST, units), *few = small_matrix(3, units);
    inv_part other = data->test;
    ck_assert_status(inv_encode(net, &data->test, 0, values, NULL, NULL), INV_EINVAL);
    ck_assert_status(inv_encode(net, &data->test, logits + 1, values, NULL, NULL), INV_EINVAL);
    ck_assert_message_has("there are 1 to ");
    ck_assert_status(inv_encode(net, &data->test, 1, values, NULL, NULL), INV_EINVAL);
    ck_assert_status(inv_encode(net, &data->test, logits, few, NULL, NULL), INV_EINVAL);
    ck_assert_message_has("room for 3 x 4 values; at output.pre are 80 x 4");
    ck_assert_status(inv_encode(net, &data->test, logits, values, NULL, NULL), INV_OK);
    other.pixels--;
    ck_assert_status(inv_encode_check(net, &other), INV_EDATA);
    ck_assert_message_has("the images have 62 values each, the network takes 63");
    ck_assert_status(inv_encode(net, &other, logits, values, NULL, NULL), INV_EDATA);
    other.pixels += 2;
    ck_assert_status(inv_encode(net, &other, 0, NULL, NULL, NULL), INV_EDATA);
    inv_mat_free(values);
    inv_mat_free(few);
}
END_TEST

Suite *encode_suite(void)
{
    Suite *suite = suite_create("encode");
    TCase *tests = tcase_create("encode");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, fewer_images_go_through_a_wider_net_at_a_time);
    tcase_add_test(tests, chunks_equal_one_pass);
    tcase_add_test(tests, equals_the_naive_twin_at_every_point);
    tcase_add_test(tests, outputs_may_be_left_out);
    tcase_add_test(tests, values_may_be_a_view);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, classes_of_logits);
    tcase_add_test(tests, an_empty_part_is_refused);
    tcase_add_test(tests, bad_arguments_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
