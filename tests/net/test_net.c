/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "gradient.h"
#include "invproj/net.h"

Suite *net_suite(void);

/* Every kind of layer, plain ones first, last and between; images of 3 x 4 x 2. */
static const char deep_text[] =
    "layers = ("
    "{name = \"first\"; type = \"sigmoid\";},"
    "{name = \"a\"; type = \"dense\"; units = 9; activation = \"sigmoid\";},"
    "{name = \"b\"; type = \"dense\"; units = 7; activation = \"linear\";},"
    "{name = \"b.squash\"; type = \"squash\"; width = 0.95;},"
    "{name = \"b.logit\"; type = \"logit\";},"
    "{name = \"c\"; type = \"inverse_dense\"; units = 8;},"
    "{name = \"d\"; type = \"squash\"; range_penalty = 0.375;},"
    "{name = \"output\"; type = \"dense\"; units = 0; activation = \"softmax\";});";
static const char *const deep_points[] = {
    "input", "first", "a.pre", "a", "b", "b.squash", "b.logit", "c", "d", "output.pre", "output"};
enum { DEEP = 10, CLASSES = 5, ROWS = 6 };

static const inv_shape deep_shape = {3, 4, 2};

static inv_net *deep(void)
{
    return gradient_net(deep_text, deep_shape, CLASSES);
}

static inv_pass *make_pass(const inv_net *net, size_t first, size_t last, size_t rows)
{
    inv_pass *pass = NULL;
    ck_assert_status(inv_pass_alloc(net, first, last, rows, INV_PASS_BOTH, &pass), INV_OK);
    return pass;
}

/* ---- building ---- */

START_TEST(points_have_their_names)
{
    inv_net *net = deep();
    size_t point = 99;
    ck_assert_uint_eq(inv_net_depth(net), DEEP);
    for (size_t p = 0; p <= DEEP; p++) {
        ck_assert_str_eq(inv_net_point_name(net, p), deep_points[p]);
        ck_assert_status(inv_net_point(net, deep_points[p], &point), INV_OK);
        ck_assert_uint_eq(point, p);
        if (p > 0)
            ck_assert_str_eq(inv_net_layer(net, p - 1)->name, deep_points[p]);
    }
    ck_assert_status(inv_net_point(net, "b.pre", &point), INV_ECONFIG);
    ck_assert_message_has("b.pre: ");
    for (size_t p = 0; p <= DEEP; p++)
        ck_assert_message_has(deep_points[p]);
    ck_assert_status(inv_net_point(net, "", &point), INV_ECONFIG);
    inv_net_free(net);
}
END_TEST

START_TEST(points_have_their_shapes)
{
    static const size_t units[] = {24, 24, 9, 9, 7, 7, 7, 8, 8, CLASSES, CLASSES};
    inv_net *net = deep();
    for (size_t p = 0; p <= DEEP; p++) {
        const inv_shape shape = inv_net_shape(net, p);
        ck_assert_uint_eq(inv_net_units(net, p), units[p]);
        ck_assert_uint_eq(inv_shape_size(shape), units[p]);
        ck_assert_uint_eq(shape.height, p < 2 ? 3 : 1); /* a sigmoid keeps the image's */
        ck_assert_uint_eq(shape.width, p < 2 ? 4 : 1);
        ck_assert_uint_eq(shape.channels, p < 2 ? 2 : units[p]);
    }
    ck_assert_uint_eq(inv_net_logits(net), DEEP - 1);
    inv_net_free(net);
    net = gradient_net("layers = ({name = \"a\"; type = \"dense\"; units = 4;"
                       "activation = \"sigmoid\";});",
                       deep_shape, 0);
    ck_assert_uint_eq(inv_net_logits(net), 2); /* no softmax: the last */
    inv_net_free(net);
}
END_TEST

START_TEST(blocks_share_the_vector)
{
    static const struct {
        const char *owner, *block;
        size_t size;
    } blocks[] = {{"a", "kernel", 24 * 9},
                  {"a", "bias", 9},
                  {"b", "kernel", 9 * 7},
                  {"b", "bias", 7},
                  {"c", "kernel", 7 * 8},
                  {"c", "bias", 7},
                  {"output", "kernel", 8 * CLASSES},
                  {"output", "bias", CLASSES}};
    inv_net *net = deep();
    size_t next = 0;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        const inv_block *block = inv_net_block(net, blocks[i].owner, blocks[i].block);
        ck_assert_msg(block != NULL, "%s/%s", blocks[i].owner, blocks[i].block);
        ck_assert_uint_eq(block->offset, next);
        ck_assert_uint_eq(block->size, blocks[i].size);
        next += block->size;
    }
    ck_assert_uint_eq(inv_net_size(net), next);
    ck_assert_ptr_null(inv_net_block(net, "a", "kernels"));
    ck_assert_ptr_null(inv_net_block(net, "first", "kernel"));
    ck_assert_ptr_null(inv_net_block(net, "a.pre", "kernel")); /* its owner is a */
    ck_assert_ptr_null(inv_net_block(net, "e", "kernel"));
    inv_net_free(net);
}
END_TEST

START_TEST(parameters_are_0_until_drawn)
{
    inv_config *config = NULL;
    inv_net *net = NULL, *same = NULL;
    gsl_rng *rng = NULL, *again = NULL;
    ck_assert_status(inv_config_read_text("deep.cfg", deep_text, &config), INV_OK);
    ck_assert_status(inv_net_build(config, "layers", deep_shape, CLASSES, &net), INV_OK);
    ck_assert_status(inv_net_build(config, "layers", deep_shape, CLASSES, &same), INV_OK);
    ck_assert_status(inv_rng_alloc(3, "network", &rng), INV_OK);
    ck_assert_status(inv_rng_alloc(3, "network", &again), INV_OK);
    for (size_t i = 0; i < inv_net_size(net); i++)
        GRADIENT_HOLD(inv_net_params(net)[i] == 0.0f, "parameter %zu", i);
    inv_net_init(net, rng);
    inv_net_init(same, again);
    ck_assert(gradient_same_bits(inv_net_params(net), inv_net_params(same),
                                 inv_net_size(net) * sizeof(float)));
    const char *const kernels[] = {"a", "b", "c", "output"};
    for (size_t i = 0; i < 4; i++) {
        const inv_block *kernel = inv_net_block(net, kernels[i], "kernel");
        const float *values = inv_net_params(net) + kernel->offset;
        for (size_t k = 1; k < kernel->size; k++)
            GRADIENT_HOLD(values[k] != 0.0f && values[k] != values[0] && fabsf(values[k]) <= 0.2f,
                          "%s: %g", kernels[i], (double)values[k]);
    }
    inv_rng_free(rng);
    inv_rng_free(again);
    inv_config_free(config);
    inv_net_free(net);
    inv_net_free(same);
    inv_net_free(NULL);
}
END_TEST

/* What a net says of itself builds the same net, whatever the classes, and says the same again. */
START_TEST(description_builds_the_net_again)
{
    inv_net *net = deep(), *again = NULL;
    inv_config *config = NULL;
    frame x = frame_filled(ROWS, 24, -1.0, 1.0, 201);
    ck_assert_ptr_nonnull(strstr(inv_net_describe(net), "\"units\":5")); /* where 0 was asked */
    ck_assert_ptr_null(strstr(inv_net_describe(net), "linear"));
    ck_assert_status(inv_config_read_json("net", inv_net_describe(net), &config), INV_OK);
    ck_assert_status(inv_net_build(config, "", deep_shape, 1234, &again), INV_OK);
    ck_assert_str_eq(inv_net_describe(again), inv_net_describe(net));
    ck_assert_uint_eq(inv_net_size(again), inv_net_size(net));
    for (size_t p = 0; p <= DEEP; p++)
        ck_assert_str_eq(inv_net_point_name(again, p), deep_points[p]);
    memcpy(inv_net_params(again), inv_net_params(net), inv_net_size(net) * sizeof(float));
    inv_pass *pass = make_pass(net, 0, DEEP, ROWS), *other = make_pass(again, 0, DEEP, ROWS);
    const gsl_matrix_float *y = inv_net_forward(net, pass, &x.m);
    const gsl_matrix_float *z = inv_net_forward(again, other, &x.m);
    ck_assert(gsl_matrix_float_equal(y, z));
    ck_assert(inv_pass_penalty(net, pass) > 0.0);
    ck_assert(inv_pass_penalty(net, pass) == inv_pass_penalty(again, other));
    inv_pass_free(pass);
    inv_pass_free(other);
    inv_config_free(config);
    inv_net_free(net);
    inv_net_free(again);
    frame_free(&x);
}
END_TEST

/* ---- what cannot be built ---- */

#define ELEMENT(rest) "layers = ({name = \"a\"; type = \"dense\"; units = 3;},\n{" rest "});"
#define NAMED(name)   "layers = ({name = \"" name "\"; type = \"dense\"; units = 3;});"
#define TEN           "abcdefghij"

static const struct {
    const char *text, *where, *why;
} wrong[] = {
    {ELEMENT("name = \"b\"; type = \"dens\"; units = 3;"),
     "t.cfg:2: layers.1.type: ", "did you mean 'dense'?"},
    {ELEMENT("name = \"b\"; type = \"convolution\";"), "layers.1.type: ", "known: dense, linear"},
    {ELEMENT("name = \"b\"; type = \"convolution\";"), "layers.1.type: ", ", rescale, "},
    {ELEMENT("name = \"b\"; type = \"convolution\";"), "layers.1.type: ", ", ..."},
    {ELEMENT("name = \"b\"; type = \"dens\"; unit = 3;"), "layers.1.unit: ", "mean 'units'?"},
    {ELEMENT("name = \"b\"; units = 3;"), "layers.1: ", "'type' is missing"},
    {ELEMENT("type = \"dense\"; units = 3;"), "layers.1: ", "'name' is missing"},
    {ELEMENT("name = \"b\"; type = 3;"), "layers.1.type: ", "text in quotes"},
    {ELEMENT("name = \"a\"; type = \"dense\"; units = 3;"), "layers.1", "two layers are named 'a'"},
    {ELEMENT("name = \"a\"; type = \"sigmoid\";"), "layers.1", "two layers are named 'a'"},
    {ELEMENT("name = \"b\"; type = \"dense\"; units = 3; activation = \"dense\";"),
     "layers.1.activation: ", "'dense' is a layer, not an activation"},
    {ELEMENT("name = \"b\"; type = \"dense\"; units = 3; activation = \"squash\";"),
     "layers.1.activation: ", "'squash' is a layer, not an activation"},
    {ELEMENT("name = \"b\"; type = \"dense\"; units = 3; activation = \"logit\";"),
     "layers.1.activation: ", "'logit' is a layer, not an activation"},
    {ELEMENT("name = \"b\"; type = \"dense\"; units = 3; activation = \"sigmod\";"),
     "layers.1.activation: ", "did you mean 'sigmoid'?"},
    {ELEMENT("name = \"b\"; type = \"dense\"; units = 3; activation = \"\";"),
     "layers.1.activation: ", "linear"},
    {ELEMENT("name = \"b\"; type = \"dense\"; unit = 3;"),
     "layers.1.unit: ", "did you mean 'units'?"},
    {ELEMENT("name = \"b\"; type = \"sigmoid\"; units = 3;"), "layers.1.units: ", "unknown key"},
    {ELEMENT("name = \"b\"; type = \"dense\"; units = 1048577;"), "layers.1.units: ", "1048576"},
    {ELEMENT("name = \"b\"; type = \"dense\"; units = -3;"), "layers.1.units: ", "-3"},
    {ELEMENT("name = \"b\"; type = \"dense\"; units = 2.5;"), "layers.1.units: ", "whole number"},
    {ELEMENT("name = \"b\"; type = \"dense\"; units = 3; kernel = {type = \"norml\";};"),
     "layers.1.kernel.type: ", "did you mean 'normal'?"},
    {ELEMENT("name = \"b\"; type = \"inverse_dense\";"), "layers.1: ", "'units' is missing"},
    {ELEMENT("name = \"b\"; type = \"inverse_dense\"; units = 0;"), "layers.1.units: ", "from 1"},
    {ELEMENT("name = \"b\"; type = \"squash\"; width = 1.5;"), "layers.1.width: ", "1.5"},
    {ELEMENT("name = \"b\"; type = \"squash\"; range_penalty = -0.5;"),
     "layers.1.range_penalty: ", "-0.5"},
    {NAMED(""), "layers.0", "a layer cannot be named ''"},
    {NAMED("input"), "layers.0", "a layer cannot be named 'input'"},
    {NAMED("history"), "layers.0", "a layer cannot be named 'history'"},
    {NAMED("state"), "layers.0", "a layer cannot be named 'state'"},
    {NAMED("a.b"), "layers.0", "a layer cannot be named 'a.b'"},
    {NAMED("a.pre"), "layers.0", "a layer cannot be named 'a.pre'"},
    {NAMED("a b"), "layers.0.name: ", "may hold only"},
    {NAMED("a/b"), "layers.0.name: ", "may hold only"},
    {ELEMENT("name = \"b.pre\"; type = \"sigmoid\";"), "layers.1", "cannot be named 'b.pre'"},
    {ELEMENT("name = \".b\"; type = \"sigmoid\";"), "layers.1", "cannot be named '.b'"},
    {ELEMENT("name = \"input.b\"; type = \"sigmoid\";"), "layers.1", "cannot be named 'input.b'"},
    {NAMED(TEN TEN TEN TEN TEN TEN), "layers.0", "is too long"},
    {NAMED(TEN TEN TEN TEN TEN TEN TEN), "layers.0.name: ", "longer than"},
    {"layers = ();", "t.cfg:1: layers: ", "a list of 1 to "},
    {"layers = {name = \"a\";};", "layers: ", "a list of 1 to "},
    {"layer = ();", "layers: ", "a list of 1 to "},
    {"layers = (3);", "layers.0: ", "must be a group"},
};

START_TEST(wrong_descriptions_say_why)
{
    inv_config *config = NULL;
    inv_net *net = (inv_net *)&net;
    ck_assert_status(inv_config_read_text("t.cfg", wrong[_i].text, &config), INV_OK);
    ck_assert_status(inv_net_build(config, "layers", (inv_shape){2, 2, 1}, 3, &net), INV_ECONFIG);
    ck_assert_ptr_null(net);
    ck_assert_message_has("t.cfg");
    ck_assert_message_has(wrong[_i].where);
    ck_assert_message_has(wrong[_i].why);
    inv_config_free(config);
}
END_TEST

/* 59 characters leave room for ".pre". */
START_TEST(the_longest_name)
{
    inv_net *net = gradient_net("layers = ({name = \"" TEN TEN TEN TEN TEN "abcdef\";"
                                "type = \"dense\"; units = 3; activation = \"sigmoid\";});",
                                deep_shape, 0);
    ck_assert_str_eq(inv_net_point_name(net, 1), TEN TEN TEN TEN TEN "abcdef.pre");
    ck_assert_str_eq(inv_net_point_name(net, 2), TEN TEN TEN TEN TEN "abcdef");
    inv_net_free(net);
}
END_TEST

static inv_status build(const char *text, inv_shape shape, size_t classes)
{
    inv_config *config = NULL;
    inv_net *net = NULL;
    ck_assert_status(inv_config_read_text("t.cfg", text, &config), INV_OK);
    inv_status status = inv_net_build(config, "layers", shape, classes, &net);
    ck_assert_int_eq(net == NULL, status != INV_OK);
    inv_net_free(net);
    inv_config_free(config);
    return status;
}

START_TEST(more_layers_than_there_may_be)
{
    enum { MOST = 1000, EACH = 48 };
    char *text = calloc(MOST + 2, EACH);
    ck_assert_ptr_nonnull(text);
    for (int count = MOST; count <= MOST + 1; count++) {
        char *at = text + sprintf(text, "layers = (");
        for (int i = 0; i < count; i++)
            at += sprintf(at, "%s{name = \"l%d\"; type = \"sigmoid\";}", i ? "," : "", i);
        strcpy(at, ");");
        ck_assert_status(build(text, (inv_shape){2, 2, 1}, 3),
                         count == MOST ? INV_OK : INV_ECONFIG);
    }
    ck_assert_message_has("1000");
    free(text);
}
END_TEST

START_TEST(no_units_at_all)
{
    static const char open_text[] = "layers = ({name = \"a\"; type = \"dense\"; units = 0;});";
    ck_assert_status(build(open_text, (inv_shape){2, 2, 1}, 3), INV_OK);
    ck_assert_status(build(open_text, (inv_shape){2, 2, 1}, 0), INV_ECONFIG);
    ck_assert_message_has("no units");
    ck_assert_status(build(open_text, (inv_shape){2, 0, 1}, 3), INV_EINVAL);
    ck_assert_status(build(open_text, (inv_shape){0, 0, 0}, 3), INV_EINVAL);
}
END_TEST

/* Whether the kernel hands out memory without looking what there is. */
static bool overcommits(void)
{
    FILE *f = fopen("/proc/sys/vm/overcommit_memory", "r");
    const int mode = f ? fgetc(f) : EOF;
    if (f)
        fclose(f);
    return mode == '1';
}

START_TEST(sizes_beyond_all_memory)
{
    const inv_shape small = {2, 2, 1};
    if (overcommits()) {
        support_skipped("net", "4 TiB, because this kernel hands out memory that there is not");
    } else { /* 2^40 floats */
        ck_assert_status(build("layers = ({name = \"a\"; type = \"dense\"; units = 1048576;},"
                               "{name = \"b\"; type = \"dense\"; units = 1048576;});",
                               small, 3),
                         INV_ENOMEM);
        ck_assert_message_has("network parameters");
    }
    /* 2^48 floats: more than there are addresses */
    ck_assert_status(build("layers = ({name = \"a\"; type = \"inverse_dense\"; units = 16777216;},"
                           "{name = \"b\"; type = \"inverse_dense\"; units = 16777216;});",
                           small, 3),
                     INV_ENOMEM);
    /* classes that a file made up: the product wraps round to 0, or the sum does */
    static const char open_text[] = "layers = ({name = \"a\"; type = \"dense\"; units = 0;},"
                                    "{name = \"b\"; type = \"dense\"; units = 0;});";
    ck_assert_status(build(open_text, small, (size_t)1 << 32), INV_ENOMEM);
    ck_assert_message_has("b: too many parameters");
    ck_assert_status(build(open_text, (inv_shape){1, 1, 1}, SIZE_MAX / 8), INV_ENOMEM);
    ck_assert_status(build(open_text, (inv_shape){1 << 16, 1 << 16, 1}, 3), INV_EINVAL);
    ck_assert_status(build(open_text, (inv_shape){SIZE_MAX, 2, SIZE_MAX}, 3), INV_EINVAL);
}
END_TEST

START_TEST(passes_that_cannot_be)
{
    inv_net *net = deep();
    inv_pass *pass = (inv_pass *)net;
    gsl_set_error_handler_off(); /* as the program does */
    ck_assert_status(inv_pass_alloc(net, 3, 3, 4, INV_PASS_BOTH, &pass), INV_EINVAL);
    ck_assert_ptr_null(pass);
    ck_assert_status(inv_pass_alloc(net, 4, 3, 4, INV_PASS_BOTH, &pass), INV_EINVAL);
    ck_assert_status(inv_pass_alloc(net, 0, DEEP + 1, 4, INV_PASS_BOTH, &pass), INV_EINVAL);
    ck_assert_status(inv_pass_alloc(net, 0, DEEP, 0, INV_PASS_FORWARD, &pass), INV_EINVAL);
    ck_assert_status(inv_pass_alloc(net, 0, DEEP, (size_t)INT_MAX + 1, INV_PASS_FORWARD, &pass),
                     INV_ENOMEM);
    ck_assert_status(inv_pass_alloc(net, 0, DEEP, SIZE_MAX / 2, INV_PASS_BOTH, &pass), INV_ENOMEM);
    ck_assert_ptr_null(pass);
    inv_pass_free(NULL);
    inv_net_free(net);
}
END_TEST

/* ---- passes ---- */

/* These are small: waking others would take longer than the work. */
static void on_one_thread(void)
{
    inv_threads_set(1);
}

/* Gradient at every point, of dy at the last, by passes from that point. */
static void gradients_at(const inv_net *net, const inv_pass *whole, const gsl_matrix_float *x,
                         const gsl_matrix_float *dy, gsl_matrix_float *gradients[DEEP + 1])
{
    for (size_t p = 0; p < DEEP; p++) {
        inv_pass *pass = make_pass(net, p, DEEP, x->size1);
        ck_assert_status(inv_mat_alloc(x->size1, inv_net_units(net, p), "slopes", &gradients[p]),
                         INV_OK);
        const gsl_matrix_float *at = p ? inv_pass_at(whole, p) : x;
        ck_assert(gsl_matrix_float_equal(inv_net_forward(net, pass, at), inv_pass_at(whole, DEEP)));
        inv_net_backward(net, pass, dy, NULL, gradients[p]);
        inv_pass_free(pass);
    }
    ck_assert_status(inv_mat_alloc(dy->size1, dy->size2, "slopes", &gradients[DEEP]), INV_OK);
    gsl_matrix_float_memcpy(gradients[DEEP], dy);
}

static const float stays = -3.125e30f;

/* Fills the gradient of layers a to b - 1 with 0, to be added to, the rest with what must stay. */
static void reset(const inv_net *net, size_t a, size_t b, float *dparams)
{
    for (size_t l = 0; l < inv_net_depth(net); l++)
        for (size_t k = 0; k < inv_net_layer(net, l)->block_count; k++) {
            const inv_block *block = &inv_net_layer(net, l)->blocks[k];
            for (size_t i = block->offset; i < block->offset + block->size; i++)
                dparams[i] = l >= a && l < b ? 0.0f : stays;
        }
}

/* The pass from a to b: its values, and the blocks of its layers' gradient, are those of the whole;
 * the other blocks are left. */
static void assert_part(const inv_net *net, const inv_pass *whole, const gsl_matrix_float *x,
                        gsl_matrix_float *const gradients[DEEP + 1], const float *dparams, size_t a,
                        size_t b)
{
    const gsl_matrix_float *from = a ? inv_pass_at(whole, a) : x;
    inv_pass *pass = make_pass(net, a, b, x->size1);
    frame dx = frame_alloc(from->size1, from->size2);
    float *part = malloc(inv_net_size(net) * sizeof *part);
    ck_assert_ptr_nonnull(part);
    reset(net, a, b, part);
    const gsl_matrix_float *y = inv_net_forward(net, pass, from);
    ck_assert_ptr_eq(y, inv_pass_at(pass, b));
    for (size_t p = a + 1; p <= b; p++)
        GRADIENT_HOLD(gsl_matrix_float_equal(inv_pass_at(pass, p), inv_pass_at(whole, p)),
                      "values at %s, from %zu to %zu", deep_points[p], a, b);
    inv_net_backward(net, pass, gradients[b], part, &dx.m);
    GRADIENT_HOLD(gsl_matrix_float_equal(&dx.m, gradients[a]), "dx from %zu to %zu", a, b);
    frame_assert_intact(&dx, "dx");
    for (size_t l = 0; l < DEEP; l++)
        for (size_t k = 0; k < inv_net_layer(net, l)->block_count; k++) {
            const inv_block *block = &inv_net_layer(net, l)->blocks[k];
            for (size_t i = block->offset; i < block->offset + block->size; i++)
                GRADIENT_HOLD(part[i] == (l >= a && l < b ? dparams[i] : stays),
                              "parameter %zu, from %zu to %zu", i, a, b);
        }
    free(part);
    frame_free(&dx);
    inv_pass_free(pass);
}

START_TEST(parts_agree_with_the_whole)
{
    inv_net *net = deep();
    frame x = frame_filled(ROWS, 24, -1.5, 1.0, 211), dy = frame_filled(ROWS, CLASSES, -1, 1, 212);
    gsl_matrix_float *gradients[DEEP + 1] = {NULL};
    inv_pass *whole = make_pass(net, 0, DEEP, ROWS);
    float *dparams = calloc(inv_net_size(net), sizeof *dparams);
    ck_assert_ptr_nonnull(dparams);
    (void)inv_net_forward(net, whole, &x.m);
    inv_net_backward(net, whole, &dy.m, dparams, NULL);
    gradients_at(net, whole, &x.m, &dy.m, gradients);
    for (size_t a = 0; a < DEEP; a++)
        for (size_t b = a + 1; b <= DEEP; b++)
            assert_part(net, whole, &x.m, gradients, dparams, a, b);
    for (size_t p = 0; p <= DEEP; p++)
        inv_mat_free(gradients[p]);
    free(dparams);
    inv_pass_free(whole);
    inv_net_free(net);
    frame_free(&x);
    frame_free(&dy);
}
END_TEST

/* The penalties of the layers on the way are part of the gradients too. Ten layers of float: their
 * roundings add up, but stay below those 1e-5 of the largest. */
START_TEST(backward_is_the_gradient)
{
    inv_net *net = deep();
    frame x = frame_filled(ROWS, 24, -1.5, 1.0, 221), dx = frame_alloc(ROWS, 24);
    frame dy = frame_filled(ROWS, CLASSES, -3.0, 3.0, 222);
    inv_pass *pass = make_pass(net, 0, DEEP, ROWS);
    twin *t = twin_alloc(net, 0, DEEP, &x.m, &dy.m);
    float *dparams = calloc(inv_net_size(net), sizeof *dparams);
    ck_assert_ptr_nonnull(dparams);
    const gsl_matrix_float *y = inv_net_forward(net, pass, &x.m);
    (void)twin_objective(t);
    frame_assert_near(&(frame){.m = *y}, t->y, 1e-5, "y");
    ck_assert_double_eq_tol(inv_pass_penalty(net, pass), t->penalty, 1e-5 * t->penalty);
    inv_net_backward(net, pass, &dy.m, dparams, &dx.m);
    float *packed = frame_packed(&dx);
    twin_check_each(t, t->params, inv_net_size(net), dparams, "dparams");
    twin_check_each(t, t->x, ROWS * 24, packed, "dx");
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

START_TEST(backward_does_what_is_asked_for)
{
    inv_net *net = deep();
    const size_t bytes = inv_net_size(net) * sizeof(float);
    frame x = frame_filled(ROWS, 24, -1.5, 1.0, 231), dx = frame_alloc(ROWS, 24);
    frame dy = frame_filled(ROWS, CLASSES, -3.0, 3.0, 232);
    inv_pass *pass = make_pass(net, 0, DEEP, ROWS);
    float *both = calloc(1, bytes), *alone = calloc(1, bytes);
    ck_assert(both && alone);
    (void)inv_net_forward(net, pass, &x.m);
    inv_net_backward(net, pass, &dy.m, both, &dx.m);
    float *down = frame_packed(&dx);
    inv_net_backward(net, pass, &dy.m, alone, NULL);
    ck_assert(gradient_same_bits(both, alone, bytes));
    frame_clear(&dx);
    inv_net_backward(net, pass, &dy.m, NULL, &dx.m);
    float *again = frame_packed(&dx);
    ck_assert(gradient_same_bits(down, again, ROWS * 24 * sizeof *down));
    inv_net_backward(net, pass, &dy.m, NULL, NULL);
    free(down);
    free(again);
    free(both);
    free(alone);
    inv_pass_free(pass);
    inv_net_free(net);
    frame_free(&x);
    frame_free(&dx);
    frame_free(&dy);
}
END_TEST

/* A pass for more rows, used before, does for fewer what one of just so many does. */
START_TEST(fewer_rows_than_allocated)
{
    inv_net *net = deep();
    const size_t bytes = inv_net_size(net) * sizeof(float);
    frame many = frame_filled(ROWS + 9, 24, -1.5, 1.0, 241),
          dy_many = frame_filled(ROWS + 9, CLASSES, -1, 1, 242);
    const gsl_matrix_float x = inv_mat_head(&many.m, ROWS), dy = inv_mat_head(&dy_many.m, ROWS);
    frame dx[2] = {frame_alloc(ROWS, 24), frame_alloc(ROWS, 24)};
    inv_pass *pass[2] = {make_pass(net, 0, DEEP, ROWS), make_pass(net, 0, DEEP, ROWS + 9)};
    float *dparams[2] = {calloc(1, bytes), calloc(1, bytes)};
    ck_assert(dparams[0] && dparams[1]);
    (void)inv_net_forward(net, pass[1], &many.m);
    inv_net_backward(net, pass[1], &dy_many.m, dparams[1], NULL);
    memset(dparams[1], 0, bytes);
    const gsl_matrix_float *y[2];
    for (int i = 0; i < 2; i++) {
        y[i] = inv_net_forward(net, pass[i], &x);
        inv_net_backward(net, pass[i], &dy, dparams[i], &dx[i].m);
        ck_assert_uint_eq(y[i]->size1, ROWS);
        for (size_t p = 1; p <= DEEP; p++)
            ck_assert_uint_eq(inv_pass_at(pass[i], p)->size1, ROWS);
    }
    ck_assert(gsl_matrix_float_equal(y[0], y[1]));
    ck_assert(gsl_matrix_float_equal(&dx[0].m, &dx[1].m));
    ck_assert(gradient_same_bits(dparams[0], dparams[1], bytes));
    ck_assert(inv_pass_penalty(net, pass[0]) == inv_pass_penalty(net, pass[1]));
    for (int i = 0; i < 2; i++) {
        free(dparams[i]);
        frame_free(&dx[i]);
        inv_pass_free(pass[i]);
    }
    inv_net_free(net);
    frame_free(&many);
    frame_free(&dy_many);
}
END_TEST

START_TEST(passes_do_not_depend_on_threads)
{
    enum { MANY = 401 };
    inv_net *net = gradient_net(
        "layers = ({name = \"a\"; type = \"dense\"; units = 71; activation = \"sigmoid\";},"
        "{name = \"b\"; type = \"dense\"; units = 53;}, {name = \"c\"; type = \"squash\";},"
        "{name = \"d\"; type = \"logit\";}, {name = \"e\"; type = \"inverse_dense\"; units = "
        "97;});",
        (inv_shape){11, 13, 1}, 0);
    const size_t bytes = inv_net_size(net) * sizeof(float);
    frame x = frame_filled(MANY, 143, -0.2, 0.3, 251), dy = frame_filled(MANY, 97, -1.0, 1.0, 252);
    inv_pass *pass = make_pass(net, 0, inv_net_depth(net), MANY);
    float *first = malloc(bytes), *dparams = malloc(bytes), *y = NULL;
    ck_assert(first && dparams);
    for (int k = 0; k < GRADIENT_THREADS; k++) {
        inv_threads_set(gradient_threads[k]);
        const gsl_matrix_float *result = inv_net_forward(net, pass, &x.m);
        memset(k ? dparams : first, 0, bytes);
        inv_net_backward(net, pass, &dy.m, k ? dparams : first, NULL);
        float *got = frame_packed(&(frame){.m = *result});
        if (k == 0)
            y = got;
        else {
            ck_assert(gradient_same_bits(got, y, MANY * 97 * sizeof *y));
            ck_assert(gradient_same_bits(dparams, first, bytes));
            free(got);
        }
    }
    free(y);
    free(first);
    free(dparams);
    inv_pass_free(pass);
    inv_net_free(net);
    frame_free(&x);
    frame_free(&dy);
}
END_TEST

Suite *net_suite(void)
{
    Suite *suite = suite_create("net");
    TCase *building = tcase_create("building"), *passes = tcase_create("passes");
    tcase_add_test(building, points_have_their_names);
    tcase_add_test(building, points_have_their_shapes);
    tcase_add_test(building, blocks_share_the_vector);
    tcase_add_test(building, parameters_are_0_until_drawn);
    tcase_add_test(building, description_builds_the_net_again);
    tcase_add_loop_test(building, wrong_descriptions_say_why, 0,
                        (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(building, the_longest_name);
    tcase_add_test(building, more_layers_than_there_may_be);
    tcase_add_test(building, no_units_at_all);
    tcase_add_test(building, sizes_beyond_all_memory);
    tcase_add_checked_fixture(passes, on_one_thread, NULL);
    tcase_add_test(passes, passes_that_cannot_be);
    tcase_add_test(passes, parts_agree_with_the_whole);
    tcase_add_test(passes, backward_is_the_gradient);
    tcase_add_test(passes, backward_does_what_is_asked_for);
    tcase_add_test(passes, fewer_rows_than_allocated);
    tcase_add_test(passes, passes_do_not_depend_on_threads);
    suite_add_tcase(suite, building);
    suite_add_tcase(suite, passes);
    return suite;
}
