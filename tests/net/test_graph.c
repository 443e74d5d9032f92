/* Nets that branch: what they may look like, their values and gradients, and where passes can start.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/inverse.h"
#include "small.h"

Suite *graph_suite(void);

#define CONV(name, filters)                                                                        \
    "{name = \"" name "\"; type = \"conv2d\"; size = 3; padding = \"same\"; filters = " filters
#define END(inputs)                                                                                \
    "{name = \"flat\"; type = \"flatten\"; " inputs "},"                                           \
    "{name = \"output\"; type = \"dense\"; units = 3; activation = \"softmax\";}"

/* What is joined, and by what; images of 5 x 4 x 2. */
static const struct {
    const char *name, *layers;
    bool cut; /* whether "cut" is a point that all paths lead through */
} nets[] = {
    {"residual", /* one path is the identity; a bias before it keeps relu from its corner */
     CONV("a", "4") ";}, {name = \"n\"; type = \"batch_norm\"; activation = \"tanh\";}," CONV(
         "b", "4") ";}, {name = \"cut\"; type = \"add\"; inputs = (\"b\", \"n\"); activation = "
                   "\"softplus\";},"
                   "{name = \"p\"; type = \"max_pool\";}," END(""),
     true},
    {"residual with a projection",
     CONV("a", "3") "; activation = \"elu\";}," CONV(
         "b", "4") ";},"
                   "{name = \"c\"; type = \"conv2d\"; size = 1; filters = 4; inputs = (\"a\");},"
                   "{name = \"cut\"; type = \"add\"; inputs = (\"b\", \"c\");}," END(""),
     true},
    {"inception",
     "{name = \"a\"; type = \"conv2d\"; size = 1; filters = 2; activation = \"sigmoid\";}," CONV(
         "b", "3") "; inputs = (\"input\");},"
                   "{name = \"p\"; type = \"max_pool\"; size = 3; stride = 1; padding = \"same\"; "
                   "inputs = (\"input\");},"
                   "{name = \"c\"; type = \"conv2d\"; size = 1; filters = 2; inputs = (\"p\");},"
                   "{name = \"cut\"; type = \"concat\"; inputs = (\"a\", \"b\", \"c\");}," END(""),
     true},
    {"dense connections",
     CONV("a", "2") "; activation = \"tanh\";},"
                    "{name = \"c1\"; type = \"concat\"; inputs = (\"a\", \"input\");}," CONV(
                        "b", "3") ";},"
                                  "{name = \"c2\"; type = \"concat\"; inputs = (\"b\", \"c1\", "
                                  "\"input\");}," END(""),
     false},
    {"concat of rows and columns",
     "{name = \"a\"; type = \"crop\"; top = 2;}, {name = \"t\"; type = \"tanh\"; inputs = "
     "(\"input\");},"
     "{name = \"h\"; type = \"concat\"; axis = \"height\"; inputs = (\"t\", \"a\");},"
     "{name = \"s\"; type = \"sigmoid\"; inputs = (\"h\");},"
     "{name = \"cut\"; type = \"concat\"; axis = \"width\"; inputs = (\"h\", \"s\");}," END(""),
     true},
    {"arithmetic", /* the same point twice, and one that several layers read */
     "{name = \"a\"; type = \"sigmoid\";}, {name = \"b\"; type = \"exponential\"; inputs = "
     "(\"input\");},"
     "{name = \"m\"; type = \"multiply\"; inputs = (\"a\", \"input\", \"b\");},"
     "{name = \"d\"; type = \"divide\"; inputs = (\"m\", \"b\");},"
     "{name = \"s\"; type = \"subtract\"; inputs = (\"d\", \"input\", \"a\");},"
     "{name = \"q\"; type = \"multiply\"; inputs = (\"s\", \"s\");},"
     "{name = \"v\"; type = \"average\"; inputs = (\"q\", \"a\", \"m\");}," END(""),
     false},
    {"largest and smallest",
     "{name = \"a\"; type = \"sigmoid\";}, {name = \"b\"; type = \"tanh\"; inputs = (\"input\");},"
     "{name = \"x\"; type = \"maximum\"; inputs = (\"a\", \"b\", \"input\");},"
     "{name = \"n\"; type = \"minimum\"; inputs = (\"a\", \"b\", \"input\");},"
     "{name = \"v\"; type = \"add\"; inputs = (\"x\", \"n\", \"x\");}," END(""),
     false},
    {"squeeze and excite", /* one number a channel counts for all its pixels */
     CONV("a", "4") "; activation = \"tanh\";}, {name = \"g\"; type = \"global_avg_pool\";},"
                    "{name = \"e\"; type = \"dense\"; units = 4; activation = \"sigmoid\";},"
                    "{name = \"cut\"; type = \"multiply\"; inputs = (\"a\", \"e\");}," END(""),
     true},
    {"broadcasting by each axis",
     "{name = \"r\"; type = \"crop\"; top = 4;}, {name = \"c\"; type = \"crop\"; left = 3; inputs "
     "= (\"input\");},"
     "{name = \"a\"; type = \"add\"; inputs = (\"r\", \"c\");},"
     "{name = \"e\"; type = \"exponential\"; inputs = (\"input\");},"
     "{name = \"cut\"; type = \"divide\"; inputs = (\"a\", \"e\");}," END(""),
     true},
    {"nothing learns in one branch",
     "{name = \"a\"; type = \"sigmoid\";}, " CONV(
         "b", "2") "; inputs = (\"input\");},"
                   "{name = \"cut\"; type = \"add\"; inputs = (\"a\", \"b\");}," END(""),
     true},
};
enum { NETS = sizeof nets / sizeof *nets, ROWS = 5, SIZE = 5 * 4 * 2 };

static const inv_shape shape = {5, 4, 2};

static inv_net *build(int which)
{
    char *text = NULL;
    ck_assert_int_gt(asprintf(&text, "layers = (%s);", nets[which].layers), 0);
    inv_net *net = gradient_net(text, shape, 3);
    free(text);
    return net;
}

static size_t point(const inv_net *net, const char *name)
{
    size_t p = 0;
    ck_assert_status(inv_net_point(net, name, &p), INV_OK);
    return p;
}

static inv_pass *make_pass(const inv_net *net, size_t first, size_t last, size_t rows)
{
    inv_pass *pass = NULL;
    ck_assert_status(inv_pass_alloc(net, first, last, rows, INV_PASS_BOTH, &pass), INV_OK);
    return pass;
}

/* ---- values and gradients ---- */

/* In inference mode and in training, by turns. */
START_TEST(values_and_gradients_are_the_twins)
{
    inv_net *net = build(_i / 2);
    const size_t depth = inv_net_depth(net);
    const inv_mode mode = {.training = _i % 2, .key = 7};
    frame x = frame_filled(ROWS, SIZE, -1.5, 1.0, 301), dx = frame_alloc(ROWS, SIZE);
    frame dy = frame_filled(ROWS, 3, -3.0, 3.0, 302);
    inv_pass *pass = make_pass(net, 0, depth, ROWS + 2);
    twin *t = twin_alloc(net, 0, depth, &x.m, &dy.m);
    float *dparams = calloc(inv_net_size(net), sizeof *dparams);
    ck_assert_ptr_nonnull(dparams);
    t->mode = mode;
    const gsl_matrix_float *y = inv_net_forward_in(net, pass, &x.m, &mode);
    (void)twin_objective(t);
    frame_assert_near(&(frame){.m = *y}, t->y, 2e-6, nets[_i / 2].name);
    inv_net_backward(net, pass, &dy.m, dparams, &dx.m);
    frame_assert_intact(&dx, "dx");
    float *packed = frame_packed(&dx);
    twin_check_each(t, t->x, ROWS * SIZE, packed, "dx");
    twin_check_each(t, t->params, inv_net_size(net), dparams, "dparams");
    free(packed);
    free(dparams);
    twin_free(t);
    inv_pass_free(pass);
    inv_net_free(net);
    frame_free(&x);
    frame_free(&dx);
    frame_free(&dy);
}
END_TEST

/* Each alone gives what both together give; on any number of threads; in a pass used before. */
START_TEST(gradients_are_the_same_bits)
{
    inv_net *net = build(_i);
    const size_t depth = inv_net_depth(net), bytes = inv_net_size(net) * sizeof(float);
    frame x = frame_filled(ROWS, SIZE, -1.5, 1.0, 311), dx = frame_alloc(ROWS, SIZE);
    frame dy = frame_filled(ROWS, 3, -3.0, 3.0, 312);
    inv_pass *pass = make_pass(net, 0, depth, ROWS);
    float *first = calloc(1, bytes), *again = calloc(1, bytes);
    ck_assert(first && again);
    (void)inv_net_forward(net, pass, &x.m);
    inv_net_backward(net, pass, &dy.m, first, &dx.m);
    float *down = frame_packed(&dx);
    for (int k = 0; k < GRADIENT_THREADS; k++) {
        inv_threads_set(gradient_threads[k]);
        memset(again, 0, bytes);
        (void)inv_net_forward(net, pass, &x.m);
        inv_net_backward(net, pass, &dy.m, again, NULL);
        ck_assert(gradient_same_bits(again, first, bytes));
        frame_clear(&dx);
        inv_net_backward(net, pass, &dy.m, NULL, &dx.m);
        float *packed = frame_packed(&dx);
        ck_assert(gradient_same_bits(packed, down, ROWS * SIZE * sizeof *down));
        free(packed);
        inv_net_backward(net, pass, &dy.m, NULL, NULL);
    }
    free(down);
    free(first);
    free(again);
    inv_pass_free(pass);
    inv_net_free(net);
    frame_free(&x);
    frame_free(&dx);
    frame_free(&dy);
}
END_TEST

/* An objective at each inner point and at the last: its gradient is the sum of those of passes that
 * end at the one and at the other. */
START_TEST(gradients_at_several_points_add_up)
{
    inv_net *net = build(_i);
    const size_t depth = inv_net_depth(net);
    frame x = frame_filled(ROWS, SIZE, -1.5, 1.0, 321), last = frame_filled(ROWS, 3, -3, 3, 322);
    gsl_matrix_float *dx[3] = {small_matrix(ROWS, SIZE), small_matrix(ROWS, SIZE),
                               small_matrix(ROWS, SIZE)};
    const gsl_matrix_float **dy = calloc(depth + 1, sizeof *dy);
    inv_pass *whole = make_pass(net, 0, depth, ROWS);
    ck_assert_ptr_nonnull(dy);
    (void)inv_net_forward(net, whole, &x.m);
    inv_net_backward(net, whole, &last.m, NULL, dx[0]);
    for (size_t p = 1; p < depth; p++) {
        frame own = frame_filled(ROWS, inv_net_units(net, p), -1.0, 2.0, 330 + p);
        inv_pass *part = make_pass(net, 0, p, ROWS);
        const gsl_matrix_float *y = inv_net_forward(net, part, &x.m);
        GRADIENT_HOLD(gsl_matrix_float_equal(y, inv_pass_at(whole, p)), "values at %zu", p);
        inv_net_backward(net, part, &own.m, NULL, dx[1]);
        dy[p] = &own.m;
        dy[depth] = &last.m;
        inv_net_backward_points(net, whole, dy, NULL, dx[2]);
        dy[p] = NULL;
        for (size_t k = 0; k < ROWS * SIZE; k++) {
            const float sum = dx[0]->data[k] + dx[1]->data[k];
            GRADIENT_HOLD(fabsf(dx[2]->data[k] - sum) <= 1e-5f * (1.0f + fabsf(sum)),
                          "%s at %s: %g, not %g", nets[_i].name, inv_net_point_name(net, p),
                          (double)dx[2]->data[k], (double)sum);
        }
        inv_pass_free(part);
        frame_free(&own);
    }
    for (int k = 0; k < 3; k++)
        inv_mat_free(dx[k]);
    free(dy);
    inv_pass_free(whole);
    inv_net_free(net);
    frame_free(&x);
    frame_free(&last);
}
END_TEST

/* ---- where passes start ---- */

START_TEST(passes_start_where_no_layer_passes_by)
{
    inv_net *net = build(_i);
    const size_t depth = inv_net_depth(net), flat = point(net, "flat") - 1;
    frame x = frame_filled(ROWS, SIZE, -1.5, 1.0, 341);
    inv_pass *whole = make_pass(net, 0, depth, ROWS), *pass = NULL;
    const gsl_matrix_float *y = inv_net_forward(net, whole, &x.m);
    size_t refused = 0;
    for (size_t p = 1; p < depth; p++) {
        bool passed_by = false;
        for (size_t i = p; i < depth; i++)
            for (size_t k = 0; k < inv_net_layer(net, i)->input_count; k++)
                passed_by = passed_by || inv_net_layer(net, i)->inputs[k].point < p;
        if (passed_by) {
            ck_assert_status(inv_pass_alloc(net, p, depth, ROWS, INV_PASS_BOTH, &pass),
                             INV_ECONFIG);
            ck_assert_message_has("the net branches around this point; take one of input, ");
            ck_assert_message_has(inv_net_point_name(net, flat));
            ck_assert_ptr_null(pass);
            refused++;
        } else {
            pass = make_pass(net, p, depth, ROWS);
            ck_assert(gsl_matrix_float_equal(inv_net_forward(net, pass, inv_pass_at(whole, p)), y));
            inv_pass_free(pass);
        }
        ck_assert_int_eq(inv_net_is_path(net, p, depth), !passed_by);
    }
    ck_assert_uint_ge(refused, 1);
    ck_assert_int_eq(nets[_i].cut, strstr(nets[_i].layers, "\"cut\"") != NULL);
    if (nets[_i].cut)
        ck_assert(inv_net_is_path(net, point(net, "cut"), depth));
    ck_assert(!inv_net_is_chain(net, 0, depth));
    ck_assert(inv_net_is_chain(net, flat, depth));
    inv_pass_free(whole);
    inv_net_free(net);
    frame_free(&x);
}
END_TEST

/* ---- descriptions ---- */

START_TEST(description_builds_the_net_again)
{
    inv_net *net = build(_i), *again = NULL;
    inv_config *config = NULL;
    ck_assert_status(inv_config_read_json("net", inv_net_describe(net), &config), INV_OK);
    ck_assert_status(inv_net_build(config, "", shape, 0, &again), INV_OK);
    ck_assert_str_eq(inv_net_describe(again), inv_net_describe(net));
    ck_assert_uint_eq(inv_net_depth(again), inv_net_depth(net));
    for (size_t i = 0; i < inv_net_depth(net); i++) {
        const inv_layer *a = inv_net_layer(net, i), *b = inv_net_layer(again, i);
        ck_assert_uint_eq(a->input_count, b->input_count);
        for (size_t k = 0; k < a->input_count; k++)
            ck_assert_uint_eq(a->inputs[k].point, b->inputs[k].point);
    }
    inv_config_free(config);
    inv_net_free(net);
    inv_net_free(again);
}
END_TEST

START_TEST(a_chain_stays_a_chain)
{
    inv_net *plain = gradient_net("layers = ({name = \"a\"; type = \"tanh\";},"
                                  "{name = \"b\"; type = \"dense\"; units = 2; activation = "
                                  "\"relu\";});",
                                  shape, 0);
    inv_net *named =
        gradient_net("layers = ({name = \"a\"; type = \"tanh\"; inputs = [\"input\"];},"
                     "{name = \"b\"; type = \"dense\"; units = 2; inputs = [\"a\"];"
                     "activation = \"relu\";});",
                     shape, 0);
    ck_assert_str_eq(inv_net_describe(named), inv_net_describe(plain));
    ck_assert_ptr_null(strstr(inv_net_describe(named), "inputs"));
    ck_assert(inv_net_is_chain(named, 0, inv_net_depth(named)));
    inv_net_free(plain);
    inv_net_free(named);
}
END_TEST

#define A "{name = \"a\"; type = \"tanh\";},"
static const struct {
    const char *layers, *why;
} wrong[] = {
    {A "{name = \"b\"; type = \"add\"; inputs = (\"a\", \"c\");}",
     "layers.1.inputs.1: no layer before this one is named 'c'"},
    {A "{name = \"b\"; type = \"add\"; inputs = (\"a\", \"b\");}", "is named 'b'"},
    {A "{name = \"b\"; type = \"add\"; inputs = ();}",
     "layers.1.inputs: must be a list of 1 to 256"},
    {A "{name = \"b\"; type = \"add\"; inputs = \"a\";}", "layers.1.inputs: must be a list"},
    {A "{name = \"b\"; type = \"add\"; inputs = (\"a\", 3);}",
     "layers.1.inputs.1: must be the name"},
    {A "{name = \"b\"; type = \"tanh\"; inputs = (\"a\", \"input\");}",
     "layers.1.inputs: tanh reads one layer; add and concat read several"},
    {A "{name = \"b\"; type = \"tanh\"; inputs = (\"input\");}",
     "no layer reads a; a net has one output"},
    {A "{name = \"b\"; type = \"tanh\"; input = (\"input\");}", "did you mean 'inputs'?"},
    {A "{name = \"c\"; type = \"crop\"; top = 1;}, {name = \"b\"; type = \"add\"; inputs = (\"a\", "
       "\"c\");}",
     "b: add of 5 x 4 x 2 and 4 x 4 x 2, which differ"},
    {A "{name = \"c\"; type = \"crop\"; top = 1;}, {name = \"b\"; type = \"concat\"; inputs = "
       "(\"a\", \"c\");}",
     "b: concat of images that differ in more than their channels"},
    {A "{name = \"b\"; type = \"concat\"; axis = \"rows\"; inputs = (\"a\", \"input\");}",
     "axis: "},
};

START_TEST(wrong_descriptions_say_why)
{
    char *text = NULL;
    inv_config *config = NULL;
    inv_net *net = NULL;
    ck_assert_int_gt(asprintf(&text, "layers = (%s);", wrong[_i].layers), 0);
    ck_assert_status(inv_config_read_text("t.cfg", text, &config), INV_OK);
    ck_assert_status(inv_net_build(config, "layers", shape, 3, &net), INV_ECONFIG);
    ck_assert_message_has(wrong[_i].why);
    ck_assert_ptr_null(net);
    inv_config_free(config);
    free(text);
}
END_TEST

/* A training run that diverges must show it, in whichever branch. */
START_TEST(nan_is_passed_on)
{
    static const char *const types[] = {"add",     "subtract", "multiply", "divide",
                                        "average", "maximum",  "minimum",  "concat"};
    const float image[2][2] = {{NAN, 0.5f}, {0.5f, NAN}};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int k = 0; k < 2; k++) {
            char text[512];
            snprintf(text, sizeof text,
                     "layers = ({name = \"a\"; type = \"crop\"; left = 1;}, {name = \"b\"; type = "
                     "\"crop\"; right = 1; inputs = (\"input\");},"
                     "{name = \"c\"; type = \"%s\"; inputs = (\"a\", \"b\");});",
                     types[t]);
            inv_net *net = gradient_net(text, (inv_shape){1, 2, 1}, 0);
            inv_pass *pass = make_pass(net, 0, 3, 1);
            const gsl_matrix_float x = inv_mat_over(image[k], 1, 2);
            const gsl_matrix_float *y = inv_net_forward(net, pass, &x);
            ck_assert_msg(isnan(y->data[0]) || isnan(y->data[y->size2 - 1]), "%s", types[t]);
            inv_pass_free(pass);
            inv_net_free(net);
        }
}
END_TEST

/* ---- what is built on nets ---- */

#define SMALL_GRAPH                                                                                \
    "{name = \"a\"; type = \"conv2d\"; filters = 3; size = 3; padding = \"same\"; "                \
    "activation = \"tanh\";},"                                                                     \
    "{name = \"n\"; type = \"batch_norm\";}, {name = \"s\"; type = \"add\"; inputs = (\"n\", "     \
    "\"a\");}, {name = \"f\"; type = \"flatten\";}, " SMALL_ONE

/* Batch normalisation looks at whole batches, and a branch passes by it: pieces start behind. */
START_TEST(they_learn)
{
    inv_dataset *data = small_data();
    inv_net *net[2];
    for (int k = 0; k < 2; k++) {
        inv_threads_set(k ? 3 : 1);
        net[k] = small_net(SMALL_GRAPH);
        small_train(net[k], data, 1);
    }
    ck_assert(small_same_params(net[0], net[1]));
    small_train(net[0], data, 60);
    size_t right = 0;
    inv_pass *pass = make_pass(net[0], 0, inv_net_depth(net[0]), 1);
    for (size_t i = 0; i < data->test.count; i++) {
        double pixels[SMALL_PIXELS], y[SMALL_CLASSES];
        float image[SMALL_PIXELS];
        small_pixels(&data->test, i, pixels);
        for (size_t k = 0; k < SMALL_PIXELS; k++)
            image[k] = (float)pixels[k];
        const gsl_matrix_float x = inv_mat_over(image, 1, SMALL_PIXELS);
        const gsl_matrix_float *out = inv_net_forward(net[0], pass, &x);
        for (size_t k = 0; k < SMALL_CLASSES; k++)
            y[k] = (double)out->data[k];
        right += small_top(y, SMALL_CLASSES) == data->test.labels[i];
    }
    ck_assert_uint_ge(2 * right, data->test.count); /* by chance: a quarter */
    inv_pass_free(pass);
    inv_net_free(net[0]);
    inv_net_free(net[1]);
    inv_dataset_free(data);
}
END_TEST

START_TEST(no_inverse_of_a_net_that_branches)
{
    inv_inverse_spec spec = inv_inverse_defaults;
    inv_net *net = build(9), *inverse = NULL;
    snprintf(spec.at, sizeof spec.at, "output.pre");
    ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_ECONFIG);
    ck_assert_message_has("inverse.at: below output.pre the net branches, and has no inverse by "
                          "weights; make one that learns from images");
    ck_assert_ptr_null(inverse);
    inv_net_free(net);
}
END_TEST

Suite *graph_suite(void)
{
    Suite *suite = suite_create("graph");
    TCase *each = tcase_create("every net"), *tests = tcase_create("nets that branch");
    tcase_set_timeout(each, 60);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(each, values_and_gradients_are_the_twins, 0, 2 * NETS);
    tcase_add_loop_test(each, gradients_are_the_same_bits, 0, NETS);
    tcase_add_loop_test(each, gradients_at_several_points_add_up, 0, NETS);
    tcase_add_loop_test(each, passes_start_where_no_layer_passes_by, 0, NETS);
    tcase_add_loop_test(each, description_builds_the_net_again, 0, NETS);
    tcase_add_test(tests, a_chain_stays_a_chain);
    tcase_add_test(tests, nan_is_passed_on);
    tcase_add_loop_test(tests, wrong_descriptions_say_why, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, they_learn);
    tcase_add_test(tests, no_inverse_of_a_net_that_branches);
    suite_add_tcase(suite, each);
    suite_add_tcase(suite, tests);
    return suite;
}
