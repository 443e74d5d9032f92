/* Every type of layer that inv_layer_types lists is held to its twin in tests/gradient.c and to
 * differences of it. A new layer needs a line in `cases` and a twin.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/layer.h"

Suite *layer_suite(void);

/* Settings as libconfig text, %zu being the outputs, which are the inputs unless any_out, and the range
 * of inputs: its domain, far enough from where a float has no digits left. */
static const struct {
    const char *type, *settings;
    bool any_out; /* else out is in */
    double low, high;
} cases[] = {
    {"dense", "units = %zu;", true, -1.5, 1.0},
    {"inverse_dense", "units = %zu;", true, -1.5, 1.0},
    {"sigmoid", "", false, -6.0, 6.0},
    {"softmax", "", false, -3.0, 4.0},
    {"squash", "width = 0.97; range_penalty = 0.75; low = -1.25; high = 0.5;", false, -1.2, 2.3},
    {"atanh", "", false, -0.96, 0.97},
    {"inverse_elu", "alpha = 0.75;", false, -1.5, 1.0},
    {"inverse_softplus", "", false, -1.5, 3.0},
    {"inverse_scale", "", false, -1.5, 1.0},
    {"inverse_batch_norm", "channels = 1;", false, -1.5, 1.0},
    {"logit", "", false, 0.02, 0.98},
    {"linear", "", false, -1.5, 1.0},
    {"tanh", "", false, -4.0, 4.0},
    {"relu", "", false, -1.5, 1.0},
    {"leaky_relu", "alpha = 0.125;", false, -1.5, 1.0},
    {"elu", "alpha = 0.75;", false, -5.0, 3.0},
    {"softplus", "", false, -6.0, 6.0},
    {"flatten", "", false, -1.5, 1.0},
    {"dropout", "rate = 0.375;", false, -1.5, 1.0},
    {"conv2d", "filters = %zu; size = 3; padding = \"same\";", true, -1.5, 1.0},
    {"max_pool", "padding = \"same\";", false, -1.5, 1.0},
    {"avg_pool", "padding = \"same\";", false, -1.5, 1.0},
    {"local", "filters = %zu; size = 3; padding = \"same\";", true, -1.5, 1.0},
    {"batch_norm", "epsilon = 0.01;", false, -1.5, 1.0},
    {"scale", "", false, -1.5, 1.0},
    {"hard_sigmoid", "slope = 0.375; offset = 0.25;", false, -3.0, 3.0},
    {"hard_tanh", "low = -0.75; high = 0.5;", false, -1.5, 1.0},
    {"hard_silu", "", false, -5.0, 4.0},
    {"silu", "beta = 1.25;", false, -5.0, 3.0},
    {"gelu", "", false, -4.0, 3.0},
    {"selu", "", false, -4.0, 3.0},
    {"celu", "alpha = 0.75;", false, -4.0, 3.0},
    {"mish", "", false, -5.0, 3.0},
    {"softsign", "", false, -5.0, 3.0},
    {"squareplus", "b = 2.5;", false, -5.0, 3.0},
    {"sparse_plus", "", false, -2.0, 2.0},
    {"sparse_sigmoid", "", false, -2.0, 2.0},
    {"tanh_shrink", "", false, -4.0, 3.0},
    {"soft_shrink", "lambda = 0.375;", false, -1.5, 1.0},
    {"hard_shrink", "lambda = 0.375;", false, -1.5, 1.0},
    {"threshold", "threshold = -0.25; value = 1.5;", false, -1.5, 1.0},
    {"log_sigmoid", "", false, -6.0, 6.0},
    {"log_softmax", "", false, -3.0, 4.0},
    {"exponential", "", false, -3.0, 2.0},
    {"log", "", false, 0.25, 4.0},
    {"square", "", false, -1.5, 1.0},
    {"sqrt", "", false, 0.25, 4.0},
    {"abs", "", false, -1.5, 1.0},
    {"erf", "", false, -2.0, 1.5},
    {"sparsemax", "", false, -1.0, 1.0},
    {"glu", "", false, -1.5, 1.0},
    {"prelu", "", false, -1.5, 1.0},
    {"rescale", "scale = -1.75; offset = 0.375;", false, -1.5, 1.0},
    {"layer_norm", "", false, -1.5, 1.0},
    {"group_norm", "epsilon = 0.01;", false, -1.5, 1.0},
    {"lrn", "alpha = 1.75; bias = 0.5;", false, -1.5, 1.0},
    {"depthwise_conv2d", "size = 3; padding = \"same\";", false, -1.5, 1.0},
    {"inverse_conv2d",
     "filters = 1; image_height = 1; image_width = %zu; image_channels = 1; size = 1;", false, -1.5,
     1.0},
    {"conv2d_transpose", "filters = %zu; size = 3; padding = \"same\";", true, -1.5, 1.0},
    {"global_avg_pool", "", false, -1.5, 1.0},
    {"global_max_pool", "", false, -1.5, 1.0},
    {"pad", "", false, -1.5, 1.0},
    {"crop", "", false, -1.5, 1.0},
    {"slice", "", false, -1.5, 1.0},
    {"upsample", "factor = 1;", false, -1.5, 1.0},
    {"adaptive_avg_pool", "", false, -1.5, 1.0},
    {"adaptive_max_pool", "", false, -1.5, 1.0},
    {"depth_to_space", "block = 1;", false, -1.5, 1.0},
    {"space_to_depth", "block = 1;", false, -1.5, 1.0},
    {"reshape", "", false, -1.5, 1.0},
    {"permute", "order = \"whc\";", false, -1.5, 1.0},
    {"add", "", false, -1.5, 1.0},
    {"subtract", "", false, -1.5, 1.0},
    {"multiply", "", false, -1.5, 1.0},
    {"divide", "", false, -1.5, 1.0},
    {"average", "", false, -1.5, 1.0},
    {"maximum", "", false, -1.5, 1.0},
    {"minimum", "", false, -1.5, 1.0},
    {"concat", "", false, -1.5, 1.0},
};
#define CASES (sizeof cases / sizeof *cases)

/* rows, in, out: one of everything; odd ones; more than one block of rows and of columns */
static const size_t shapes[][3] = {{1, 1, 1},  {1, 7, 5},      {7, 11, 5},
                                   {23, 1, 4}, {129, 37, 131}, {300, 150, 140}};
enum { SHAPES = sizeof shapes / sizeof *shapes, SMALL_SHAPES = 4 };

enum { AT = 1 }; /* the layer under test stands between two others */

static size_t find(const char *type)
{
    for (size_t i = 0; i < CASES; i++)
        if (strcmp(cases[i].type, type) == 0)
            return i;
    ck_abort_msg("tests/net/test_layer.c has no case for %s", type);
    return 0;
}

/* A layer on the bench: a net around it, a batch, and room for its results. */
typedef struct bench {
    inv_net *net;
    const inv_layer *layer;
    void *state;
    frame x, y, dy, dx;
    inv_mode step; /* its key is that of a whole step */
    float *dparams;
    size_t rows, size;
} bench;

static inv_net *build(const char *type, const char *settings, size_t in, size_t out)
{
    char middle[256], text[1024];
    snprintf(middle, sizeof middle, settings, cases[find(type)].any_out ? out : in);
    snprintf(text, sizeof text,
             "layers = ({name = \"front\"; type = \"dense\"; units = %zu;},"
             "{name = \"middle\"; type = \"%s\"; %s},"
             "{name = \"back\"; type = \"dense\"; units = 3;});",
             in, type, middle);
    return gradient_net(text, (inv_shape){1, 1, 2}, 0);
}

/* State as a pass has it for more rows, with something left from before. */
static void *stale_state(const inv_layer *layer, size_t rows)
{
    const size_t size = layer->type->state_size ? layer->type->state_size(layer, rows + 5) : 0;
    void *state = size ? malloc(size) : NULL;
    if (size)
        memset(state, 0xa5, size);
    return state;
}

static const float stays = -3.125e30f;

/* First and last + 1 of the layer's parameters. */
static void own_params(const inv_layer *layer, size_t *from, size_t *to)
{
    *from = *to = 0;
    for (size_t k = 0; k < layer->block_count; k++) {
        const inv_block *block = &layer->blocks[k];
        *from = k == 0 || block->offset < *from ? block->offset : *from;
        *to = block->offset + block->size > *to ? block->offset + block->size : *to;
    }
}

/* The layer's own gradient is 0, to be added to; the rest has to stay. */
static void reset(bench *b)
{
    size_t from = 0, to = 0;
    own_params(b->layer, &from, &to);
    for (size_t i = 0; i < b->size; i++)
        b->dparams[i] = i >= from && i < to ? 0.0f : stays;
}

/* `which` counts the types at rest and in training by turns. */
static bench bench_alloc(int which, const size_t shape[3])
{
    const char *type = inv_layer_types[which / 2].name;
    const size_t c = find(type), out = cases[c].any_out ? shape[2] : shape[1];
    const size_t in = strcmp(type, "glu") == 0 ? 2 * shape[1] : shape[1]; /* it halves them */
    bench b = {.net = build(type, cases[c].settings, in, shape[2]), .rows = shape[0]};
    b.step = (inv_mode){which % 2, .key = 20160405};
    b.layer = inv_net_layer(b.net, AT);
    ck_assert_str_eq(b.layer->type->name, type);
    b.state = stale_state(b.layer, b.rows);
    b.x = frame_filled(b.rows, in, cases[c].low, cases[c].high, 101);
    b.dy = frame_filled(b.rows, out, -1.0, 1.7, 102);
    b.y = frame_alloc(b.rows, out);
    b.dx = frame_alloc(b.rows, in);
    b.size = inv_net_size(b.net);
    b.dparams = malloc(b.size * sizeof(float));
    ck_assert_ptr_nonnull(b.dparams);
    reset(&b);
    return b;
}

static void bench_free(bench *b)
{
    inv_net_free(b->net);
    free(b->state);
    free(b->dparams);
    frame_free(&b->x);
    frame_free(&b->y);
    frame_free(&b->dy);
    frame_free(&b->dx);
}

static void forward(bench *b)
{
    const inv_mode mode = {b->step.training, .key = inv_rng_mix(b->step.key, AT)};
    b->layer->type->forward(b->layer, inv_net_params(b->net), b->state, &mode, &b->x.m, &b->y.m);
}

static void backward(bench *b, float *dparams, gsl_matrix_float *dx)
{
    b->layer->type->backward(b->layer, inv_net_params(b->net), b->state, &b->x.m, &b->y.m, &b->dy.m,
                             dparams, dx);
}

static twin *twin_of(const bench *b)
{
    twin *t = twin_alloc(b->net, AT, AT + 1, &b->x.m, &b->dy.m);
    t->mode = b->step;
    return t;
}

/* ---- the table ---- */

START_TEST(every_type_is_there)
{
    const char *name = inv_layer_types[_i].name;
    ck_assert_ptr_nonnull(inv_layer_type_find(name));
    ck_assert_str_eq(inv_layer_type_find(name)->name, name);
    ck_assert_msg(twin_exists(name), "tests/gradient.c has no twin of %s", name);
    (void)find(name);
    for (int j = 0; j < _i; j++)
        ck_assert_str_ne(inv_layer_types[j].name, name);
}
END_TEST

START_TEST(no_type_of_another_name)
{
    ck_assert_ptr_null(inv_layer_type_find("dens"));
    ck_assert_ptr_null(inv_layer_type_find("denser"));
    ck_assert_ptr_null(inv_layer_type_find("Dense"));
    ck_assert_ptr_null(inv_layer_type_find("lineal"));
    ck_assert_ptr_null(inv_layer_type_find(""));
}
END_TEST

START_TEST(owner_is_up_to_the_dot)
{
    char owner[INV_NAME_MAX];
    inv_layer_owner("hidden1.pre", owner);
    ck_assert_str_eq(owner, "hidden1");
    inv_layer_owner("hidden2", owner);
    ck_assert_str_eq(owner, "hidden2");
    inv_layer_owner("0123456789012345678901234567890123456789012345678901234567890123456789.pre",
                    owner); /* longer than names are */
    ck_assert_uint_eq(strlen(owner), sizeof owner - 1);
    inv_layer_owner("a.b.c", owner);
    ck_assert_str_eq(owner, "a");
    inv_layer_owner("", owner);
    ck_assert_str_eq(owner, "");
}
END_TEST

/* ---- values and gradients ---- */

START_TEST(forward_is_the_twin)
{
    for (int s = 0; s < SHAPES; s++) {
        bench b = bench_alloc(_i, shapes[s]);
        twin *t = twin_of(&b);
        (void)twin_objective(t);
        for (int again = 0; again < 2; again++) { /* nothing is carried from batch to batch */
            frame_clear(&b.y);
            forward(&b);
            frame_assert_near(&b.y, t->y, 2e-6, b.layer->type->name);
            const double penalty =
                b.layer->type->penalty ? b.layer->type->penalty(b.layer, b.state) : 0.0;
            GRADIENT_HOLD(fabs(penalty - t->penalty) <= 1e-6 * t->penalty, "%s: %.9g, not %.9g",
                          b.layer->type->name, penalty, t->penalty);
        }
        frame_assert_intact(&b.x, "x");
        twin_free(t);
        bench_free(&b);
    }
}
END_TEST

START_TEST(backward_is_the_gradient)
{
    const int count = getenv("INVPROJ_SHORT") ? SHAPES - 1 : SHAPES; /* the last takes longest */
    for (int s = 0; s < count; s++) {
        bench b = bench_alloc(_i, shapes[s]);
        twin *t = twin_of(&b);
        size_t from = 0, to = 0;
        void (*check)(twin *, double *, size_t, const float *, const char *) =
            s < SMALL_SHAPES ? twin_check_each : twin_check_directions;
        own_params(b.layer, &from, &to);
        forward(&b);
        backward(&b, b.dparams, &b.dx.m);
        frame_assert_intact(&b.dx, "dx");
        frame_assert_intact(&b.dy, "dy");
        float *dx = frame_packed(&b.dx);
        check(t, t->x, b.rows * b.x.m.size2, dx, "dx");
        for (size_t i = 0; i < b.size; i++)
            if (i < from || i >= to) {
                GRADIENT_HOLD(b.dparams[i] == stays, "dparams[%zu] is another layer's", i);
                b.dparams[i] = 0.0f;
            }
        check(t, t->params, b.size, b.dparams, "dparams");
        free(dx);
        twin_free(t);
        bench_free(&b);
    }
}
END_TEST

START_TEST(backward_does_what_is_asked_for)
{
    bench b = bench_alloc(_i, shapes[4]);
    float *dparams = malloc(b.size * sizeof *dparams);
    ck_assert_ptr_nonnull(dparams);
    forward(&b);
    float *y = frame_packed(&b.y);
    backward(&b, b.dparams, &b.dx.m);
    float *dx = frame_packed(&b.dx);
    memcpy(dparams, b.dparams, b.size * sizeof *dparams);
    reset(&b);
    frame_clear(&b.dx);
    backward(&b, NULL, NULL);
    backward(&b, NULL, &b.dx.m);
    float *alone = frame_packed(&b.dx);
    ck_assert(gradient_same_bits(alone, dx, b.rows * b.x.m.size2 * sizeof *dx));
    for (size_t i = 0; i < b.size; i++)
        GRADIENT_HOLD(b.dparams[i] == stays || b.dparams[i] == 0.0f,
                      "dparams[%zu] was not asked for", i);
    frame_clear(&b.dx);
    backward(&b, b.dparams, NULL);
    ck_assert(gradient_same_bits(b.dparams, dparams, b.size * sizeof *dparams));
    backward(&b, b.dparams, NULL);
    for (size_t i = 0; i < b.size; i++)
        GRADIENT_HOLD(b.dparams[i] == stays || fabs(b.dparams[i] - 2.0 * dparams[i]) <=
                                                   1e-5 * (1.0 + fabs((double)dparams[i])),
                      "dparams[%zu] is %g after %g was added twice", i, (double)b.dparams[i],
                      (double)dparams[i]);
    for (size_t i = 0; i < b.rows; i++)
        for (size_t j = 0; j < b.x.m.size2; j++)
            GRADIENT_HOLD(isnan(b.dx.m.data[i * b.dx.m.tda + j]), "dx was not asked for");
    free(alone);
    alone = frame_packed(&b.y);
    ck_assert(gradient_same_bits(alone, y, b.rows * b.y.m.size2 * sizeof *y)); /* y is left alone */
    free(alone);
    free(y);
    free(dx);
    free(dparams);
    bench_free(&b);
}
END_TEST

START_TEST(results_do_not_depend_on_threads)
{
    float *y = NULL, *dx = NULL, *dparams = NULL;
    for (int k = 0; k < GRADIENT_THREADS; k++) {
        bench b = bench_alloc(_i, shapes[SHAPES - 1]);
        inv_threads_set(gradient_threads[k]);
        forward(&b);
        backward(&b, b.dparams, &b.dx.m);
        float *got_y = frame_packed(&b.y), *got_dx = frame_packed(&b.dx);
        if (k == 0) {
            y = got_y, dx = got_dx, dparams = b.dparams;
            b.dparams = NULL;
        } else {
            ck_assert(gradient_same_bits(got_y, y, b.rows * b.y.m.size2 * sizeof *y));
            ck_assert(gradient_same_bits(got_dx, dx, b.rows * b.x.m.size2 * sizeof *dx));
            ck_assert(gradient_same_bits(b.dparams, dparams, b.size * sizeof *dparams));
            free(got_y);
            free(got_dx);
        }
        bench_free(&b);
    }
    free(y);
    free(dx);
    free(dparams);
}
END_TEST

/* ---- parameters ---- */

static gsl_rng *stream(uint64_t seed)
{
    gsl_rng *rng = NULL;
    ck_assert_status(inv_rng_alloc(seed, "layer", &rng), INV_OK);
    return rng;
}

/* Draws the layer's parameters over what stands there. */
static const float *drawn(const inv_net *net, uint64_t seed)
{
    const inv_layer *layer = inv_net_layer(net, AT);
    gsl_rng *rng = stream(seed);
    layer->type->init(layer, inv_net_params(net), rng);
    inv_rng_free(rng);
    return inv_net_params(net);
}

/* Running statistics are frozen, but have a start. */
static bool running(const inv_block *block)
{
    return strcmp(block->name, "mean") == 0 || strcmp(block->name, "variance") == 0;
}

START_TEST(init_fills_what_is_not_frozen)
{
    bench b = bench_alloc(_i, shapes[4]);
    const float *params = inv_net_params(b.net);
    float *before = malloc(b.size * sizeof *before);
    ck_assert_ptr_nonnull(before);
    memcpy(before, params, b.size * sizeof *before);
    if (b.layer->type->init)
        (void)drawn(b.net, 5);
    for (size_t i = 0; i < b.size; i++) {
        bool own = false;
        for (size_t k = 0; k < b.layer->block_count; k++) {
            const inv_block *block = &b.layer->blocks[k];
            own = own || ((!block->frozen || (b.layer->type->init && running(block))) &&
                          i >= block->offset && i - block->offset < block->size);
        }
        GRADIENT_HOLD((params[i] != before[i]) == own, "parameter %zu: %g before, %g after", i,
                      (double)before[i], (double)params[i]);
    }
    free(before);
    bench_free(&b);
}
END_TEST

START_TEST(init_draws_what_is_asked_for)
{
    static const char *const types[] = {"dense", "inverse_dense"};
    for (int i = 0; i < 2; i++) {
        inv_net *net = build(types[i], "units = %zu; kernel = {stddev = 0.25;};", 61, 67);
        const inv_block *kernel = inv_net_block(net, "middle", "kernel");
        const float *params = drawn(net, 5) + kernel->offset;
        float maximum = 0.0f, sum = 0.0f, squares = 0.0f;
        for (size_t k = 0; k < kernel->size; k++) {
            maximum = fmaxf(maximum, fabsf(params[k]));
            sum += params[k];
            squares += params[k] * params[k];
        }
        ck_assert_float_le(maximum, 0.5f); /* truncated at two standard deviations */
        ck_assert_float_gt(maximum, 0.48f);
        ck_assert_float_lt(fabsf(sum / (float)kernel->size), 0.02f);
        ck_assert_float_eq_tol(sqrtf(squares / (float)kernel->size), 0.25f * 0.8796f, 0.01f);
        inv_net *same = build(types[i], "units = %zu; kernel = {stddev = 0.25;};", 61, 67);
        ck_assert(gradient_same_bits(drawn(same, 5) + kernel->offset, params,
                                     kernel->size * sizeof *params));
        ck_assert(!gradient_same_bits(drawn(same, 6) + kernel->offset, params,
                                      kernel->size * sizeof *params));
        inv_net_free(same);
        inv_net_free(net);
    }
}
END_TEST

START_TEST(dense_bias_starts_as_asked_for)
{
    inv_net *net =
        build("dense", "units = %zu; bias = {type = \"constant\"; value = -0.375;};", 5, 7);
    const inv_block *bias = inv_net_block(net, "middle", "bias");
    const float *params = drawn(net, 5);
    ck_assert_uint_eq(bias->size, 7);
    for (size_t j = 0; j < 7; j++)
        ck_assert(params[bias->offset + j] == -0.375f);
    inv_net_free(net);
}
END_TEST

/* Axes as in Keras, and offsets that follow each other. */
START_TEST(blocks_have_their_shapes)
{
    static const struct {
        const char *type;
        size_t bias;
        bool frozen;
    } expected[] = {{"dense", 7, false}, {"inverse_dense", 5, true}};
    for (int i = 0; i < 2; i++) {
        inv_net *net = build(expected[i].type, "units = %zu;", 5, 7);
        const inv_block *kernel = inv_net_block(net, "middle", "kernel");
        const inv_block *bias = inv_net_block(net, "middle", "bias");
        ck_assert_uint_eq(kernel->rank, 2);
        ck_assert_uint_eq(kernel->dims[0], 5);
        ck_assert_uint_eq(kernel->dims[1], 7);
        ck_assert_uint_eq(kernel->size, 35);
        ck_assert_uint_eq(kernel->offset, 2 * 5 + 5); /* after the front layer's */
        ck_assert(!kernel->frozen);
        ck_assert_uint_eq(bias->rank, 1);
        ck_assert_uint_eq(bias->dims[0], expected[i].bias);
        ck_assert_uint_eq(bias->size, expected[i].bias);
        ck_assert_uint_eq(bias->offset, kernel->offset + kernel->size);
        ck_assert_int_eq(bias->frozen, expected[i].frozen);
        ck_assert_uint_eq(inv_net_size(net), bias->offset + bias->size + 7 * 3 + 3);
        inv_net_free(net);
    }
}
END_TEST

/* ---- extremes ---- */

static const inv_mode at_rest = {.training = false};

/* y and dx of one layer that has no state, at a row of values, dy all 1.5 but the first 0.25. */
static void run_row(const char *type, const float *values, size_t n, float *y, float *dx)
{
    inv_net *net = build(type, "", n, n);
    const inv_layer *layer = inv_net_layer(net, AT);
    const gsl_matrix_float x = inv_mat_over(values, 1, n);
    gsl_matrix_float to = inv_mat_over(y, 1, n), down = inv_mat_over(dx, 1, n);
    float gradient[16] = {0.25f};
    for (size_t j = 1; j < n; j++)
        gradient[j] = 1.5f;
    const gsl_matrix_float dy = inv_mat_over(gradient, 1, n);
    layer->type->forward(layer, inv_net_params(net), NULL, &at_rest, &x, &to);
    layer->type->backward(layer, inv_net_params(net), NULL, &x, &to, &dy, NULL, &down);
    inv_net_free(net);
}

START_TEST(sigmoid_saturates_quietly)
{
    const float x[] = {-1e4f, -89.0f, 0.0f, 40.0f, 1e4f};
    const double expected[] = {0.0, 0.0, 0.5, 1.0, 1.0};
    const double gradients[] = {0.0, 0.0, 1.5 / 4, 0.0, 0.0};
    float y[5], dx[5];
    run_row("sigmoid", x, 5, y, dx);
    gradient_assert_near(y, expected, 5, 1e-7, "y");
    gradient_assert_near(dx, gradients, 5, 1e-7, "dx");
}
END_TEST

START_TEST(softmax_saturates_quietly)
{
    const float x[] = {1e4f, -1e4f, 3.5f, 1e4f};
    const double expected[] = {0.5, 0.0, 0.0, 0.5};
    const double gradients[] = {0.5 * (0.25 - 0.875), 0.0, 0.0, 0.5 * (1.5 - 0.875)};
    float y[4], dx[4];
    run_row("softmax", x, 4, y, dx);
    gradient_assert_near(y, expected, 4, 1e-7, "y");
    gradient_assert_near(dx, gradients, 4, 1e-7, "dx");
}
END_TEST

START_TEST(activations_far_from_0)
{
    static const struct {
        const char *type;
        double y[4], gradient[4]; /* at -1e4, 0, 30 and 1e4 */
    } far[] = {{"linear", {-1e4, 0, 30, 1e4}, {1, 1, 1, 1}},
               {"tanh", {-1, 0, 1, 1}, {0, 1, 0, 0}},
               {"relu", {0, 0, 30, 1e4}, {0, 0, 1, 1}},
               {"leaky_relu", {-3e3, 0, 30, 1e4}, {0.3, 0.3, 1, 1}}, /* Keras 2's alpha */
               {"elu", {-1, 0, 30, 1e4}, {0, 1, 1, 1}},
               {"softplus", {0, 0.69314718056, 30, 1e4}, {0, 0.5, 1, 1}},
               {"hard_sigmoid", {0, 0.5, 1, 1}, {0, 1.0 / 6, 0, 0}}, /* Keras 3's slope */
               {"hard_tanh", {-1, 0, 1, 1}, {0, 1, 0, 0}},
               {"hard_silu", {0, 0, 30, 1e4}, {0, 0.5, 1, 1}},
               {"silu", {0, 0, 30, 1e4}, {0, 0.5, 1, 1}},
               {"gelu", {0, 0, 30, 1e4}, {0, 0.5, 1, 1}},
               {"mish", {0, 0, 30, 1e4}, {0, 0.6, 1, 1}},
               {"selu",
                {-1.75809934, 0, 31.52102961, 10507.009873554805},
                {0, 1.75809934, 1.05070099, 1.05070099}},
               {"celu", {-1, 0, 30, 1e4}, {0, 1, 1, 1}},
               {"softsign", {-0.99990001, 0, 30.0 / 31, 0.99990001}, {0, 1, 1.0 / 961, 0}},
               {"log_sigmoid", {-1e4, -0.69314718056, -9.35762297e-14, 0}, {1, 0.5, 0, 0}},
               {"squareplus", {1e-4, 1, 30.033296378, 10000.0001}, {0, 0.5, 0.998892579, 1}}};
    const float x[] = {-1e4f, 0.0f, 30.0f, 1e4f};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        double gradients[4];
        float y[4], dx[4];
        for (int j = 0; j < 4; j++)
            gradients[j] = far[i].gradient[j] * (j ? 1.5 : 0.25);
        run_row(far[i].type, x, 4, y, dx);
        gradient_assert_near(dx, gradients, 4, 1e-6, far[i].type);
        for (int j = 0; j < 4; j++)
            ck_assert_msg(fabs(y[j] - far[i].y[j]) <= 1e-6 * fabs(far[i].y[j]), "%s: %.9g, not %g",
                          far[i].type, (double)y[j], far[i].y[j]);
        const inv_choice *activation = inv_activations;
        while (activation->name && strcmp(activation->name, far[i].type) != 0)
            activation++;
        ck_assert_ptr_nonnull(activation->name);
    }
}
END_TEST

/* A training run that diverges must show it. */
START_TEST(activations_pass_nan_on)
{
    size_t checked = 0;
    for (const inv_choice *type = inv_layer_types; type->name; type++) {
        const float x[] = {0.5f, NAN, 0.25f};
        float y[3], dx[3];
        const inv_layer_type *found = inv_layer_type_find(type->name);
        if (!found->map || found->state_size)
            continue;
        run_row(type->name, x, 3, y, dx);
        ck_assert_msg(isnan(y[1]) && !isnan(y[0]) && !isnan(y[2]), "%s", type->name);
        checked++;
    }
    ck_assert_uint_ge(checked, 8);
}
END_TEST

/* ---- flatten and dropout ---- */

START_TEST(flatten_makes_units)
{
    inv_net *net =
        gradient_net("layers = ({name = \"flat\"; type = \"flatten\";});", (inv_shape){5, 3, 2}, 0);
    const inv_shape out = inv_net_shape(net, 1);
    ck_assert(out.height == 1 && out.width == 1 && out.channels == 30);
    ck_assert_uint_eq(inv_net_size(net), 0);
    inv_net_free(net);
}
END_TEST

/* y of a row of n ones, in training, of the row that is `row` of its batch. */
static void drop(const char *settings, uint64_t key, size_t row, float *y, size_t n)
{
    inv_net *net = build("dropout", settings, n, n);
    const inv_layer *layer = inv_net_layer(net, AT);
    const inv_mode mode = {true, .key = key};
    void *state = stale_state(layer, row);
    gsl_matrix_float *x = gsl_matrix_float_alloc(row + 1, n),
                     *to = gsl_matrix_float_alloc(row + 1, n);
    gsl_matrix_float_set_all(x, 1.0f);
    layer->type->forward(layer, NULL, state, &mode, x, to);
    memcpy(y, to->data + row * n, n * sizeof *y);
    gsl_matrix_float_free(x);
    gsl_matrix_float_free(to);
    free(state);
    inv_net_free(net);
}

START_TEST(dropout_keeps_the_part_and_the_mean)
{
    enum { N = 20000 };
    static const double rates[] = {0.0, 0.2, 0.5, 0.9};
    static float y[N];
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        char settings[32];
        const float scale = (float)(1.0 / (1.0 - rates[r]));
        size_t kept = 0;
        snprintf(settings, sizeof settings, "rate = %.1f;", rates[r]);
        drop(settings, 5, 1, y, N);
        for (size_t j = 0; j < N; j++) {
            GRADIENT_HOLD(y[j] == 0.0f || y[j] == scale, "%.9g", (double)y[j]);
            kept += y[j] != 0.0f;
        }
        ck_assert_double_eq_tol((double)kept / N, 1.0 - rates[r], 0.015); /* 4 deviations */
    }
}
END_TEST

START_TEST(dropout_depends_on_key_row_and_unit)
{
    float a[200], b[100];
    drop("", 5, 2, a, 200);
    drop("", 5, 2, b, 100); /* however wide the layer */
    ck_assert(gradient_same_bits(a, b, sizeof b));
    drop("", 6, 2, b, 100);
    ck_assert(!gradient_same_bits(a, b, sizeof b));
    drop("", 5, 3, b, 100);
    ck_assert(!gradient_same_bits(a, b, sizeof b));
    ck_assert(!gradient_same_bits(a, a + 100, sizeof b));
}
END_TEST

START_TEST(bad_settings_are_refused)
{
    static const struct {
        const char *layer, *says;
    } bad[] = {{"type = \"dropout\"; rate = 1.0;", "rate: "},
               {"type = \"dropout\"; rate = -0.1;", "rate: "},
               {"type = \"dropout\"; units = 5;", "units: "},
               {"type = \"leaky_relu\"; alpha = 0.0;", "alpha: "},
               {"type = \"elu\"; alpha = -1.0;", "alpha: "},
               {"type = \"relu\"; alpha = 0.1;", "alpha: "},
               {"type = \"flatten\"; activation = \"dropout\";", "not an activation"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        inv_config *config = NULL;
        inv_net *net = NULL;
        snprintf(text, sizeof text, "layers = ({name = \"bad\"; %s});", bad[i].layer);
        ck_assert_status(inv_config_read_text("test.cfg", text, &config), INV_OK);
        ck_assert_status(inv_net_build(config, "layers", (inv_shape){1, 1, 4}, 0, &net),
                         INV_ECONFIG);
        ck_assert_message_has("test.cfg:1: layers.0");
        ck_assert_message_has(bad[i].says);
        inv_config_free(config);
    }
}
END_TEST

START_TEST(logit_undoes_sigmoid)
{
    float x[13], y[13], z[13], dx[13];
    gradient_fill(x, 13, -5.0, 5.0, 7);
    run_row("sigmoid", x, 13, y, dx);
    run_row("logit", y, 13, z, dx);
    for (int j = 0; j < 13; j++)
        ck_assert_float_eq_tol(z[j], x[j], 2e-5f);
}
END_TEST

/* ---- squash ---- */

typedef struct squash {
    inv_net *net;
    const inv_layer *layer;
    void *state;
    float y[12], dx[12];
} squash;

static squash squash_alloc(const char *settings, size_t cols)
{
    squash s = {.net = build("squash", settings, cols, cols)};
    s.layer = inv_net_layer(s.net, AT);
    s.state = stale_state(s.layer, 12);
    return s;
}

static void squash_free(squash *s)
{
    inv_net_free(s->net);
    free(s->state);
}

static double squash_run(squash *s, const float *values, const float *gradients, size_t rows,
                         size_t cols)
{
    const gsl_matrix_float x = inv_mat_over(values, rows, cols),
                           dy = inv_mat_over(gradients, rows, cols);
    gsl_matrix_float y = inv_mat_over(s->y, rows, cols), dx = inv_mat_over(s->dx, rows, cols);
    s->layer->type->forward(s->layer, NULL, s->state, &at_rest, &x, &y);
    s->layer->type->backward(s->layer, NULL, s->state, &x, &y, &dy, NULL, &dx);
    return s->layer->type->penalty(s->layer, s->state);
}

/* The penalty is 0.75 (min^2 + (max - 1)^2) over the batch, whatever the rows' own ranges, and with
 * dy 0 its gradient is all there is. */
START_TEST(squash_adds_its_penalty)
{
    const float x[] = {0.25f, 1.5f, 0.5f, /**/ 0.75f, -0.5f, 1.0f, /**/ 2.25f, 0.125f, -0.25f};
    const float none[9] = {0};
    const double y[] = {0.05, 0.95, 0.23, /**/ 0.8, 0.05, 0.95, /**/ 0.95, 0.185, 0.05};
    const double gradients[] = {0, 0, 0, /**/ 0, 1.5 * -0.5, 0, /**/ 1.5 * 1.25, 0, 0};
    squash s = squash_alloc("width = 0.9; range_penalty = 0.75;", 3);
    ck_assert_double_eq_tol(squash_run(&s, x, none, 3, 3), 0.75 * (0.25 + 1.5625), 1e-12);
    gradient_assert_near(s.y, y, 9, 1e-6, "y");
    gradient_assert_near(s.dx, gradients, 9, 1e-7, "dx");
    /* of a later, smaller batch, that batch's alone */
    ck_assert_double_eq_tol(squash_run(&s, x, none, 1, 3), 0.75 * (0.0625 + 0.25), 1e-12);
    ck_assert(s.dx[0] == 0.375f && s.dx[1] == 0.75f && s.dx[2] == 0.0f);
    squash_free(&s);
    s = squash_alloc("width = 0.9; range_penalty = 0.0;", 3);
    ck_assert(squash_run(&s, x, none, 3, 3) == 0.0);
    for (int i = 0; i < 9; i++)
        ck_assert(s.dx[i] == 0.0f);
    squash_free(&s);
}
END_TEST

START_TEST(squash_has_r2rts_settings)
{
    const float x[] = {3.5f, -1.5f, 0.5f, -1.0f}, none[4] = {0};
    const double y[] = {0.995, 0.005, 0.401, 0.104};
    squash s = squash_alloc("", 4);
    ck_assert_double_eq_tol(squash_run(&s, x, none, 1, 4), 0.5 * (2.25 + 6.25), 1e-12);
    gradient_assert_near(s.y, y, 4, 1e-6, "y");
    squash_free(&s);
}
END_TEST

/* A row of one value becomes 1/2 and passes nothing on; the rows beside it are as ever. */
START_TEST(squash_of_a_constant_row)
{
    const float x[] = {0.375f, 0.375f, 0.375f, /**/ 0.25f, 0.75f, 0.5f};
    const float dy[] = {1.5f, -2.5f, 3.25f, /**/ 1.5f, -2.5f, 3.25f};
    squash s = squash_alloc("width = 0.9; range_penalty = 0.0;", 3);
    (void)squash_run(&s, x, dy, 2, 3);
    ck_assert(s.y[0] == 0.5f && s.y[1] == 0.5f && s.y[2] == 0.5f);
    ck_assert(s.dx[0] == 0.0f && s.dx[1] == 0.0f && s.dx[2] == 0.0f);
    ck_assert_float_eq_tol(s.y[5], 0.5f, 1e-6f);
    const double row[] = {-1.8 * 1.625, -1.8 * 1.625, 1.8 * 3.25};
    gradient_assert_near(s.dx + 3, row, 3, 1e-6, "the other row's dx");
    squash_free(&s);
    s = squash_alloc("width = 0.9; range_penalty = 0.75;", 3);
    const double both[] = {1.5 * 0.375 + 1.5 * (0.375 - 1.0), 0.0, 0.0};
    (void)squash_run(&s, x, dy, 1, 3); /* the penalty is the batch's, so it stays */
    gradient_assert_near(s.dx, both, 3, 1e-6, "dx");
    squash_free(&s);
}
END_TEST

START_TEST(squash_takes_the_first_of_equal_values)
{
    const float x[] = {0.5f, -0.25f, -0.25f, 1.75f, 1.75f}, none[5] = {0};
    const double gradients[] = {0.0, 1.5 * -0.25, 0.0, 1.5 * 0.75, 0.0};
    squash s = squash_alloc("width = 0.9; range_penalty = 0.75;", 5);
    (void)squash_run(&s, x, none, 1, 5);
    gradient_assert_near(s.dx, gradients, 5, 1e-7, "dx");
    squash_free(&s);
}
END_TEST

/* Even of values far apart, all lies inside (0, 1), where logit is finite. */
START_TEST(squash_stays_inside)
{
    const float x[] = {-3e8f, 1e8f, 3.5f, -1e-20f, 7e7f, 3e8f}, dy[6] = {1.0f, 1.0f, -1.0f};
    squash s = squash_alloc("width = 0.999999; range_penalty = 0.0;", 6);
    (void)squash_run(&s, x, dy, 1, 6);
    for (int j = 0; j < 6; j++)
        ck_assert_msg(s.y[j] > 0.0f && s.y[j] < 1.0f && isfinite(s.dx[j]), "%.9g", (double)s.y[j]);
    squash_free(&s);
}
END_TEST

Suite *layer_suite(void)
{
    Suite *suite = suite_create("layer");
    TCase *each = tcase_create("every type"), *tests = tcase_create("some types");
    int types = 0;
    tcase_set_timeout(each, 60);
    while (inv_layer_types[types].name)
        types++;
    tcase_add_loop_test(each, every_type_is_there, 0, types);
    tcase_add_loop_test(each, forward_is_the_twin, 0, 2 * types);
    tcase_add_loop_test(each, backward_is_the_gradient, 0, 2 * types);
    tcase_add_loop_test(each, backward_does_what_is_asked_for, 0, 2 * types);
    tcase_add_loop_test(each, results_do_not_depend_on_threads, 0, 2 * types);
    tcase_add_loop_test(each, init_fills_what_is_not_frozen, 0, 2 * types);
    tcase_add_test(tests, no_type_of_another_name);
    tcase_add_test(tests, owner_is_up_to_the_dot);
    tcase_add_test(tests, init_draws_what_is_asked_for);
    tcase_add_test(tests, dense_bias_starts_as_asked_for);
    tcase_add_test(tests, blocks_have_their_shapes);
    tcase_add_test(tests, sigmoid_saturates_quietly);
    tcase_add_test(tests, softmax_saturates_quietly);
    tcase_add_test(tests, activations_far_from_0);
    tcase_add_test(tests, activations_pass_nan_on);
    tcase_add_test(tests, flatten_makes_units);
    tcase_add_test(tests, dropout_keeps_the_part_and_the_mean);
    tcase_add_test(tests, dropout_depends_on_key_row_and_unit);
    tcase_add_test(tests, bad_settings_are_refused);
    tcase_add_test(tests, logit_undoes_sigmoid);
    tcase_add_test(tests, squash_adds_its_penalty);
    tcase_add_test(tests, squash_has_r2rts_settings);
    tcase_add_test(tests, squash_of_a_constant_row);
    tcase_add_test(tests, squash_takes_the_first_of_equal_values);
    tcase_add_test(tests, squash_stays_inside);
    suite_add_tcase(suite, each);
    suite_add_tcase(suite, tests);
    return suite;
}
