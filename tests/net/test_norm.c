/* What batch normalisation keeps of its batches, and what each mode makes of it. Its values and
 * gradients are held to a twin by the suites layer and window.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <string.h>

#include "gradient.h"

Suite *norm_suite(void);

enum { ROWS = 5, UNITS = 3 };

/* Two of one unit's values are far off, so that a sum of plain squares would lose the rest. */
static const float values[ROWS * UNITS] = {1.5f,    -0.25f,     10000.5f,   /**/ 0.5f, 2.25f,
                                           9999.5f, /**/ -1.0f, 0.75f,      10001.0f,  /**/ 2.0f,
                                           -3.5f,   9998.0f,    /**/ 0.25f, 1.5f,      10000.0f};

static inv_net *build(const char *settings)
{
    char text[512];
    snprintf(text, sizeof text, "layers = ({name = \"norm\"; type = \"batch_norm\"; %s});",
             settings);
    return gradient_net(text, (inv_shape){1, 1, UNITS}, 0);
}

static float *block(const inv_net *net, const char *name)
{
    const inv_block *b = inv_net_block(net, "norm", name);
    ck_assert_ptr_nonnull(b);
    ck_assert_uint_eq(b->rank, 1);
    ck_assert_uint_eq(b->size, UNITS);
    return inv_net_params(net) + b->offset;
}

static void start(inv_net *net)
{
    gsl_rng *rng = NULL;
    ck_assert_status(inv_rng_alloc(1, "norm", &rng), INV_OK);
    inv_net_init(net, rng);
    inv_rng_free(rng);
}

/* y of the batch, in training or at rest, and keeps what there is to keep. */
static void run(inv_net *net, bool training, float *y)
{
    inv_pass *pass = NULL;
    const gsl_matrix_float x = inv_mat_over(values, ROWS, UNITS);
    ck_assert_status(inv_pass_alloc(net, 0, 1, ROWS, INV_PASS_FORWARD, &pass), INV_OK);
    const gsl_matrix_float *out =
        training ? inv_net_forward_in(net, pass, &x, &(inv_mode){true, .key = 7})
                 : inv_net_forward(net, pass, &x);
    for (size_t i = 0; i < ROWS; i++)
        memcpy(y + i * UNITS, out->data + i * out->tda, UNITS * sizeof *y);
    if (training)
        inv_net_keep(net, pass);
    inv_pass_free(pass);
}

/* Mean and biased variance of a unit over the batch. */
static double mean_of(size_t c)
{
    double mean = 0.0;
    for (size_t i = 0; i < ROWS; i++)
        mean += (double)values[i * UNITS + c] / ROWS;
    return mean;
}

static double variance_of(size_t c)
{
    double variance = 0.0;
    for (size_t i = 0; i < ROWS; i++)
        variance += pow((double)values[i * UNITS + c] - mean_of(c), 2.0) / ROWS;
    return variance;
}

START_TEST(starts_as_the_identity)
{
    inv_net *net = build("");
    float y[ROWS * UNITS];
    start(net);
    for (size_t c = 0; c < UNITS; c++) {
        ck_assert(block(net, "gamma")[c] == 1.0f && block(net, "beta")[c] == 0.0f);
        ck_assert(block(net, "mean")[c] == 0.0f && block(net, "variance")[c] == 1.0f);
    }
    ck_assert(!inv_net_block(net, "norm", "gamma")->frozen);
    ck_assert(inv_net_block(net, "norm", "mean")->frozen);
    ck_assert(inv_net_block(net, "norm", "variance")->frozen);
    run(net, false, y);
    for (size_t k = 0; k < ROWS * UNITS; k++) /* but for epsilon, 0.001 as in Keras */
        ck_assert_float_eq_tol(y[k], values[k] / sqrtf(1.001f), 1e-6f * fabsf(values[k]));
    inv_net_free(net);
}
END_TEST

/* running = momentum running + (1 - momentum) batch's, with the biased variance. */
START_TEST(keeps_running_statistics)
{
    static const struct {
        const char *settings;
        double momentum;
    } cases[] = {{"", 0.99}, {"momentum = 0.75;", 0.75}, {"momentum = 0.0;", 0.0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        inv_net *net = build(cases[k].settings);
        float y[ROWS * UNITS];
        start(net);
        run(net, true, y);
        run(net, true, y);
        const double left = cases[k].momentum * cases[k].momentum;
        for (size_t c = 0; c < UNITS; c++) {
            const double mean = (1.0 - left) * mean_of(c);
            const double variance = left + (1.0 - left) * variance_of(c);
            ck_assert_double_eq_tol((double)block(net, "mean")[c], mean, 1e-6 * fabs(mean) + 1e-8);
            ck_assert_double_eq_tol((double)block(net, "variance")[c], variance, 1e-5 * variance);
        }
        inv_net_free(net);
    }
}
END_TEST

START_TEST(each_mode_has_its_statistics)
{
    inv_net *net = build("momentum = 0.0;");
    float trained[ROWS * UNITS], rested[ROWS * UNITS], again[ROWS * UNITS];
    start(net);
    run(net, false, rested);
    run(net, true, trained);
    run(net, false, again); /* the running statistics are now the batch's */
    for (size_t k = 0; k < ROWS * UNITS; k++) {
        const size_t c = k % UNITS;
        const double y = ((double)values[k] - mean_of(c)) / sqrt(variance_of(c) + 0.001);
        ck_assert_double_eq_tol((double)trained[k], y, 1e-3);
        ck_assert_double_eq_tol((double)again[k], y, 1e-3);
        ck_assert_double_ge(fabs((double)rested[k] - y), 1e-3);
    }
    inv_net_free(net);
}
END_TEST

START_TEST(frozen_is_at_rest)
{
    inv_net *net = build("frozen = true;");
    float trained[ROWS * UNITS], rested[ROWS * UNITS];
    float before[4 * UNITS];
    memcpy(before, inv_net_params(net), sizeof before);
    run(net, true, trained);
    run(net, false, rested);
    ck_assert(gradient_same_bits(trained, rested, sizeof trained));
    ck_assert(gradient_same_bits(before, inv_net_params(net), sizeof before));
    inv_net_free(net);
}
END_TEST

START_TEST(bad_settings_are_refused)
{
    static const char *const bad[][2] = {{"epsilon = 0.0;", "layers.0.epsilon: "},
                                         {"momentum = 1.5;", "layers.0.momentum: "},
                                         {"axis = 3;", "layers.0.axis: "}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        inv_config *config = NULL;
        inv_net *net = NULL;
        snprintf(text, sizeof text, "layers = ({name = \"norm\"; type = \"batch_norm\"; %s});",
                 bad[i][0]);
        ck_assert_status(inv_config_read_text("test.cfg", text, &config), INV_OK);
        ck_assert_status(inv_net_build(config, "layers", (inv_shape){1, 1, UNITS}, 0, &net),
                         INV_ECONFIG);
        ck_assert_message_has(bad[i][1]);
        inv_config_free(config);
    }
}
END_TEST

Suite *norm_suite(void)
{
    Suite *suite = suite_create("norm");
    TCase *tcase = tcase_create("batch normalisation");
    tcase_add_test(tcase, starts_as_the_identity);
    tcase_add_test(tcase, keeps_running_statistics);
    tcase_add_test(tcase, each_mode_has_its_statistics);
    tcase_add_test(tcase, frozen_is_at_rest);
    tcase_add_test(tcase, bad_settings_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
