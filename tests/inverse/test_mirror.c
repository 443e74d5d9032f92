/* The steps that an inverse is made of, for every layer that has a mirror, and what is said of
 * those that have none.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/inverse.h"
#include "small.h"

Suite *mirror_suite(void);

static inv_status build_at(const inv_net *net, const char *at, inv_net **inverse)
{
    inv_inverse_spec spec = inv_inverse_defaults;
    snprintf(spec.at, sizeof spec.at, "%s", at);
    return inv_inverse_build(&spec, net, inverse);
}

/* ---- what stands in an inverse ---- */

static const struct {
    const char *activation, *start; /* where the inverse from hidden2 starts */
    const char *steps[3];           /* between the two kernels */
} cases[] = {
    {"linear", "hidden2", {NULL}},
    {"sigmoid", "hidden2.pre", {"squash", "logit", NULL}},
    {"tanh", "hidden2.pre", {"squash", "atanh", NULL}},
    {"relu", "hidden2", {NULL}},
    {"leaky_relu", "hidden2.pre", {"leaky_relu", NULL}},
    {"elu", "hidden2.pre", {"inverse_elu", NULL}},
    {"softplus", "hidden2.pre", {"inverse_softplus", NULL}},
};
enum { CASES = sizeof cases / sizeof *cases };

static inv_net *two_layers(const char *activation)
{
    char layers[1024];
    snprintf(layers, sizeof layers,
             "{ name = \"hidden1\"; type = \"dense\"; units = 23; activation = \"%s\";" SMALL_INIT
             ", { name = \"hidden2\"; type = \"dense\"; units = 17; activation = \"%s\";" SMALL_INIT
             "," SMALL_ONE,
             activation, activation);
    return small_net(layers);
}

START_TEST(each_activation_has_its_steps)
{
    inv_net *net = two_layers(cases[_i].activation), *inverse = NULL;
    size_t point = 0, i = 1;
    ck_assert_status(inv_inverse_point(net, "r2rt", "hidden2", &point), INV_OK);
    ck_assert_str_eq(inv_net_point_name(net, point), cases[_i].start);
    ck_assert_status(build_at(net, "hidden2", &inverse), INV_OK);
    ck_assert_str_eq(inv_net_layer(inverse, 0)->type->name, "inverse_dense");
    for (const char *const *step = cases[_i].steps; *step; step++, i++) {
        char owner[INV_NAME_MAX];
        ck_assert_str_eq(inv_net_layer(inverse, i)->type->name, *step);
        inv_layer_owner(inv_net_layer(inverse, i)->name, owner);
        ck_assert_str_eq(owner, "hidden1");
    }
    ck_assert_str_eq(inv_net_layer(inverse, i)->type->name, "inverse_dense");
    ck_assert_uint_eq(inv_net_depth(inverse), i + 1);
    inv_net_free(inverse);
    inv_net_free(net);
}
END_TEST

/* Every one learns: its loss falls. */
START_TEST(each_activation_can_be_inverted)
{
    inv_dataset *data = small_data();
    inv_net *net = two_layers(cases[_i].activation), *inverse = NULL;
    inv_inverse_spec spec = inv_inverse_defaults;
    inv_learner *inverter = NULL;
    inv_inverse_report first = {0}, report = {0};
    small_train(net, data, 150);
    strcpy(spec.at, "hidden2");
    spec.steps = 80;
    spec.optimiser.rate = 0.03;
    ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_OK);
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 5, &inverter), INV_OK);
    ck_assert_status(inv_learner_step(inverter, &first), INV_OK);
    while (inv_learner_count(inverter) < spec.steps)
        ck_assert_status(inv_learner_step(inverter, &report), INV_OK);
    ck_assert_double_lt(report.loss / (double)report.kept, 0.6 * first.loss / (double)first.kept);
    inv_learner_free(inverter);
    inv_net_free(inverse);
    inv_net_free(net);
    inv_dataset_free(data);
}
END_TEST

/* ---- what undoes what ---- */

/* y: what a layer and one that undoes it make of x. */
static void there_and_back(const char *there, const char *back, const float *x, size_t n, float *y)
{
    char text[512];
    inv_pass *pass = NULL;
    snprintf(text, sizeof text, "layers = ({name = \"a\"; %s}, {name = \"b\"; %s});", there, back);
    inv_net *net = gradient_net(text, (inv_shape){1, 1, n}, 0);
    const gsl_matrix_float in = inv_mat_over(x, 1, n);
    ck_assert_status(inv_pass_alloc(net, 0, 2, 1, INV_PASS_FORWARD, &pass), INV_OK);
    memcpy(y, inv_net_forward(net, pass, &in)->data, n * sizeof *y);
    inv_pass_free(pass);
    inv_net_free(net);
}

START_TEST(activations_are_undone)
{
    static const struct {
        const char *there, *back;
        double low,
            high; /* of x; elu and softplus are undone down to where their gradient is 1/2 */
    } pairs[] = {
        {"type = \"sigmoid\";", "type = \"logit\";", -5.0, 5.0},
        {"type = \"tanh\";", "type = \"atanh\";", -2.5, 2.5},
        {"type = \"leaky_relu\"; alpha = 0.25;", "type = \"leaky_relu\"; alpha = 4.0;", -5.0, 5.0},
        {"type = \"elu\"; alpha = 0.75;", "type = \"inverse_elu\"; alpha = 0.75;", -0.69, 5.0},
        {"type = \"softplus\";", "type = \"inverse_softplus\";", 0.001, 5.0}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        float x[53], y[53];
        gradient_fill(x, 53, pairs[i].low, pairs[i].high, 7);
        there_and_back(pairs[i].there, pairs[i].back, x, 53, y);
        for (int j = 0; j < 53; j++)
            ck_assert_msg(fabsf(y[j] - x[j]) <= 2e-5f, "%s: %.9g became %.9g", pairs[i].there,
                          (double)x[j], (double)y[j]);
    }
}
END_TEST

/* Estimates outside what an activation gives are brought to something finite that rises with them.
 */
START_TEST(estimates_may_lie_outside)
{
    static const char *const backs[] = {"inverse_elu", "inverse_softplus"};
    const float x[] = {-100.0f, -3.0f, -1.0f, -0.5f, -0.25f, 0.0f, 0.25f, 0.75f, 3.0f, 100.0f};
    for (size_t i = 0; i < sizeof backs / sizeof *backs; i++) {
        char back[64];
        float y[10];
        snprintf(back, sizeof back, "type = \"%s\";", backs[i]);
        there_and_back("type = \"linear\";", back, x, 10, y);
        for (int j = 0; j < 10; j++)
            ck_assert(isfinite(y[j]) && (j == 0 || y[j] > y[j - 1]));
    }
}
END_TEST

static const char affine[] = "layers = ({name = \"mask\"; type = \"scale\";},"
                             "{name = \"norm\"; type = \"batch_norm\"; epsilon = 0.01;},"
                             "{name = \"drop\"; type = \"dropout\";},"
                             "{name = \"flat\"; type = \"flatten\";},"
                             "{name = \"unit\"; type = \"batch_norm\";});";
enum { ROWS = 5, HEIGHT = 4, WIDTH = 3, CHANNELS = 2, VALUES = HEIGHT * WIDTH * CHANNELS };

/* Images through the affine net at rest and its inverse: [ROWS, VALUES]. */
static void through(const inv_net *net, const gsl_matrix_float *x, gsl_matrix_float *images)
{
    inv_net *inverse = NULL;
    ck_assert_status(build_at(net, "unit", &inverse), INV_OK);
    ck_assert_uint_eq(inv_net_depth(inverse), 3);
    ck_assert_status(inv_inverse_project(net, inverse, 5, x, images, NULL, NULL), INV_OK);
    inv_net_free(inverse);
}

START_TEST(affine_layers_are_undone)
{
    inv_net *net = gradient_net(affine, (inv_shape){HEIGHT, WIDTH, CHANNELS}, 0);
    gsl_matrix_float *x = small_matrix(ROWS, VALUES), *images = small_matrix(ROWS, VALUES);
    const inv_block *kernel = inv_net_block(net, "mask", "kernel");
    float *weights = inv_net_params(net) + kernel->offset;
    for (size_t i = 0; i < ROWS; i++)
        gradient_fill(x->data + i * x->tda, VALUES, 0.0, 1.0, 3 + i);
    for (size_t j = 0; j < VALUES; j++)
        weights[j] += copysignf(0.1f, weights[j]); /* none near 0 */
    through(net, x, images);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < VALUES; j++)
            ck_assert_float_eq_tol(gsl_matrix_float_get(images, i, j),
                                   gsl_matrix_float_get(x, i, j), 1e-4f);
    weights[7] = 0.0f; /* what is lost comes back as 0, not as infinity */
    through(net, x, images);
    for (size_t i = 0; i < ROWS; i++)
        ck_assert(gsl_matrix_float_get(images, i, 7) == 0.0f);
    inv_net_params(net)[inv_net_block(net, "norm", "gamma")->offset] = 0.0f;
    through(net, x, images);
    ck_assert(isfinite(gsl_matrix_float_get(images, 0, 0)));
    ck_assert(gsl_matrix_float_get(images, 0, 0) * weights[0] ==
              gsl_matrix_float_get(images, 1, 0) * weights[0]); /* the mean, for every image */
    gsl_matrix_float_free(x);
    gsl_matrix_float_free(images);
    inv_net_free(net);
}
END_TEST

/* What other programs' nets have between their layers: numbers, and activations with settings, here
 * where none of them loses anything. */
START_TEST(settings_are_undone)
{
    static const char text[] =
        "layers = ({name = \"a\"; type = \"rescale\"; scale = 1.5; offset = 0.25;},"
        "{name = \"b\"; type = \"selu\";},"
        "{name = \"c\"; type = \"softplus\"; beta = 2.0;},"
        "{name = \"n\"; type = \"batch_norm\"; use_gamma = false; use_beta = false;},"
        "{name = \"m\"; type = \"batch_norm\"; use_gamma = false;},"
        "{name = \"d\"; type = \"relu\"; negative_slope = 0.25;},"
        "{name = \"e\"; type = \"reshape\"; height = 6; width = 2;},"
        "{name = \"unit\"; type = \"hard_sigmoid\"; slope = 0.01;});";
    inv_net *net = gradient_net(text, (inv_shape){HEIGHT, WIDTH, CHANNELS}, 0), *inverse = NULL;
    gsl_matrix_float *x = small_matrix(ROWS, VALUES), *images = small_matrix(ROWS, VALUES);
    for (size_t i = 0; i < ROWS; i++)
        gradient_fill(x->data + i * x->tda, VALUES, 0.0, 1.0, 3 + i);
    ck_assert_status(build_at(net, "unit", &inverse), INV_OK);
    ck_assert_status(inv_inverse_project(net, inverse, inv_net_depth(net), x, images, NULL, NULL),
                     INV_OK);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < VALUES; j++)
            ck_assert_float_eq_tol(gsl_matrix_float_get(images, i, j),
                                   gsl_matrix_float_get(x, i, j), 1e-4f);
    gsl_matrix_float_free(x);
    gsl_matrix_float_free(images);
    inv_net_free(inverse);
    inv_net_free(net);
}
END_TEST

/* ---- what cannot be ---- */

START_TEST(refusals_say_why_and_what_instead)
{
    static const struct {
        const char *layers, *at, *says;
    } refused[] = {
        {"{ name = \"a\"; type = \"conv2d\"; filters = 2; size = 3; activation = \"relu\"; }", "b",
         "inverse.at: a.pre is a conv2d layer, which has no inverse by weights (it mixes the "
         "pixels of windows that overlap); make one that learns from images, by kind = "
         "\"decoder\" (--kind decoder)"},
        {"{ name = \"a\"; type = \"max_pool\"; }", "b",
         "a is a max_pool layer, which has no inverse by weights (it keeps only the largest value "
         "of each window); make one that learns from images"},
        {"{ name = \"a\"; type = \"avg_pool\"; }", "b", "(it keeps only the mean of each window)"},
        {"{ name = \"a\"; type = \"softmax\"; }", "b", "(it keeps only ratios)"},
        {"{ name = \"a\"; type = \"square\"; }", "b", "(it keeps no signs)"},
        {"{ name = \"a\"; type = \"layer_norm\"; }", "b",
         "(it keeps neither the mean nor the size"},
        {"{ name = \"a\"; type = \"mish\"; }, { name = \"c\"; type = \"celu\"; }", "b",
         "c is a celu layer, which has no inverse by weights; make"},
        {"{ name = \"a\"; type = \"rescale\"; scale = 0.0; }", "b", "a rescales by more than one"},
        {"{ name = \"a\"; type = \"rescale\"; per = \"channel\"; }", "b", "than one number"},
        {"{ name = \"a\"; type = \"squash\"; }", "b",
         "a is a squash layer, which has no inverse by weights; make"},
        {"{ name = \"a\"; type = \"flatten\"; }", "a",
         "inverse.at: up to a nothing changes the image"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char layers[512];
        inv_net *inverse = NULL;
        snprintf(layers, sizeof layers,
                 "%s, { name = \"b\"; type = \"dense\"; units = 5; }," SMALL_ONE,
                 refused[i].layers);
        inv_net *net = small_net(layers);
        ck_assert_status(build_at(net, refused[i].at, &inverse), INV_ECONFIG);
        ck_assert_message_has(refused[i].says);
        ck_assert_ptr_null(inverse);
        inv_net_free(net);
    }
}
END_TEST

START_TEST(bad_settings_are_refused)
{
    static const char *const bad[][2] = {
        {"type = \"squash\"; low = 1.0; high = -1.0;", "bad: low is 1, but high is -1"},
        {"type = \"inverse_batch_norm\"; channels = 4;", "bad: 6 values are not of 4 channels"},
        {"type = \"inverse_batch_norm\";", "channels"},
        {"type = \"inverse_elu\"; alpha = 0.0;", "alpha: "}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        inv_config *config = NULL;
        inv_net *net = NULL;
        snprintf(text, sizeof text, "layers = ({name = \"bad\"; %s});", bad[i][0]);
        ck_assert_status(inv_config_read_text("test.cfg", text, &config), INV_OK);
        ck_assert_status(inv_net_build(config, "layers", (inv_shape){1, 3, 2}, 0, &net),
                         INV_ECONFIG);
        ck_assert_message_has(bad[i][1]);
        inv_config_free(config);
    }
}
END_TEST

Suite *mirror_suite(void)
{
    Suite *suite = suite_create("mirror");
    TCase *tcase = tcase_create("mirror");
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, each_activation_has_its_steps, 0, CASES);
    tcase_add_loop_test(tcase, each_activation_can_be_inverted, 0, CASES);
    tcase_add_test(tcase, activations_are_undone);
    tcase_add_test(tcase, estimates_may_lie_outside);
    tcase_add_test(tcase, affine_layers_are_undone);
    tcase_add_test(tcase, settings_are_undone);
    tcase_add_test(tcase, refusals_say_why_and_what_instead);
    tcase_add_test(tcase, bad_settings_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
