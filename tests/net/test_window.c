/* The layers that move windows over images, or have a weight a channel or a pixel, on images: held
 * to their twins in tests/gradient.c and to differences of those.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"

Suite *window_suite(void);

/* Windows that do not divide the image, leave gaps, hang over the edges; channels that are and are
 * not whole vectors; fewer rows than blocks, and more that do not divide among them. */
static const struct {
    const char *settings;
    inv_shape shape, out;
    size_t rows;
} cases[] = {
    {"type = \"conv2d\"; filters = 3; size = 3;", {6, 5, 2}, {4, 3, 3}, 4},
    {"type = \"conv2d\"; filters = 3; size = 3; padding = \"same\";", {6, 5, 2}, {6, 5, 3}, 3},
    {"type = \"conv2d\"; filters = 2; size = 2; padding = \"same\";", {3, 4, 1}, {3, 4, 2}, 1},
    {"type = \"conv2d\"; filters = 5; size = 3; stride = 2;", {8, 7, 3}, {3, 3, 5}, 11},
    {"type = \"conv2d\"; filters = 2; size = 3; stride = 2; padding = \"same\";",
     {8, 7, 3},
     {4, 4, 2},
     2},
    {"type = \"conv2d\"; filters = 2; size = 2; stride = 3;", {7, 9, 2}, {2, 3, 2}, 2},
    {"type = \"conv2d\"; filters = 2; size = 2; stride = 3; padding = \"same\";",
     {7, 9, 2},
     {3, 3, 2},
     2},
    {"type = \"conv2d\"; filters = 4; size = 2; stride = 0;", {5, 7, 1}, {2, 3, 4}, 9},
    {"type = \"conv2d\"; filters = 7; size = 1;", {3, 2, 4}, {3, 2, 7}, 5},
    {"type = \"conv2d\"; filters = 3; size = 1; stride = 2; use_bias = false;",
     {5, 4, 2},
     {3, 2, 3},
     2},
    {"type = \"conv2d\"; filters = 2; height = 1; width = 4; padding = \"same\";",
     {2, 6, 3},
     {2, 6, 2},
     2},
    {"type = \"conv2d\"; filters = 2; size = 5; height = 2;", {4, 6, 1}, {3, 2, 2}, 2},
    {"type = \"conv2d\"; filters = 2; size = 5; padding = \"same\";", {2, 3, 2}, {2, 3, 2}, 2},
    {"type = \"conv2d\"; filters = 17; size = 2;", {3, 4, 5}, {2, 3, 17}, 3},
    {"type = \"conv2d\"; filters = 3; height = 4; width = 5;", {4, 5, 2}, {1, 1, 3}, 10},
    {"type = \"max_pool\";", {6, 5, 3}, {3, 2, 3}, 4},
    {"type = \"max_pool\"; padding = \"same\";", {7, 5, 2}, {4, 3, 2}, 3},
    {"type = \"max_pool\"; size = 3; stride = 1;", {5, 6, 2}, {3, 4, 2}, 1},
    {"type = \"max_pool\"; size = 3; stride = 2; padding = \"same\";", {6, 5, 17}, {3, 3, 17}, 2},
    {"type = \"max_pool\"; size = 1; stride = 3;", {5, 7, 2}, {2, 3, 2}, 2},
    {"type = \"max_pool\"; height = 3; width = 2;", {7, 5, 1}, {2, 2, 1}, 2},
    {"type = \"avg_pool\";", {6, 5, 3}, {3, 2, 3}, 4},
    {"type = \"avg_pool\"; padding = \"same\";", {7, 5, 2}, {4, 3, 2}, 3},
    {"type = \"avg_pool\"; size = 3; stride = 1; padding = \"same\";", {5, 4, 2}, {5, 4, 2}, 1},
    {"type = \"avg_pool\"; size = 3; stride = 2;", {6, 5, 17}, {2, 2, 17}, 2},
    {"type = \"avg_pool\"; size = 5; padding = \"same\";", {3, 2, 1}, {1, 1, 1}, 2},
    {"type = \"batch_norm\";", {6, 5, 3}, {6, 5, 3}, 4},
    {"type = \"batch_norm\"; epsilon = 0.25;", {1, 2, 17}, {1, 2, 17}, 9},
    {"type = \"scale\";", {6, 5, 3}, {6, 5, 3}, 4},
    {"type = \"local\"; filters = 3; size = 2;", {4, 3, 2}, {3, 2, 3}, 4},
    {"type = \"local\"; filters = 2; size = 3; padding = \"same\";", {4, 3, 2}, {4, 3, 2}, 11},
    {"type = \"local\"; filters = 1; size = 1; use_bias = false;", {3, 5, 1}, {3, 5, 1}, 1},
    {"type = \"local\"; filters = 17; size = 2; stride = 2; padding = \"same\";",
     {3, 5, 1},
     {2, 3, 17},
     3},
    {"type = \"local\"; filters = 2; height = 1; width = 3; stride = 2;", {4, 7, 1}, {2, 3, 2}, 2},
    {"type = \"local\"; filters = 3; size = 2; stride = 3;", {5, 6, 2}, {2, 2, 3}, 9},
    /* windows with gaps, groups, uneven strides, padding of any kind */
    {"type = \"conv2d\"; filters = 3; size = 3; dilation = 2;", {7, 6, 2}, {3, 2, 3}, 4},
    {"type = \"conv2d\"; filters = 2; size = 3; dilation_width = 2; padding = \"same\";",
     {5, 6, 2},
     {5, 6, 2},
     3},
    {"type = \"conv2d\"; filters = 6; size = 2; groups = 3;", {4, 5, 3}, {3, 4, 6}, 10},
    {"type = \"conv2d\"; filters = 4; height = 3; width = 2; groups = 2; dilation = 2; stride = 2;"
     "padding = \"same\"; use_bias = false;",
     {5, 6, 6},
     {3, 3, 4},
     2},
    {"type = \"conv2d\"; filters = 4; size = 1; groups = 4;", {2, 3, 4}, {2, 3, 4}, 2},
    {"type = \"conv2d\"; filters = 3; size = 3; padding = \"explicit\"; top = 2; left = 1;"
     "right = 3; stride_width = 2;",
     {4, 5, 2},
     {4, 4, 3},
     3},
    {"type = \"conv2d\"; filters = 2; size = 2; stride_height = 3; padding = \"explicit\";"
     "bottom = 4;",
     {4, 3, 1},
     {3, 2, 2},
     2},
    {"type = \"max_pool\"; size = 3; stride = 2; padding = \"explicit\"; top = 1; right = 2;",
     {6, 5, 2},
     {3, 3, 2},
     3},
    {"type = \"max_pool\"; height = 2; width = 3; stride_width = 1;", {6, 5, 2}, {3, 3, 2}, 2},
    {"type = \"avg_pool\"; size = 3; stride = 2; padding = \"explicit\"; top = 1; left = 1;"
     "bottom = 1; right = 1; count_padding = true;",
     {7, 5, 2},
     {4, 3, 2},
     3},
    {"type = \"avg_pool\"; size = 2; padding = \"explicit\"; bottom = 1; left = 1;",
     {5, 3, 3},
     {3, 2, 3},
     2},
    {"type = \"global_avg_pool\";", {3, 4, 5}, {1, 1, 5}, 3},
    {"type = \"global_max_pool\";", {3, 4, 5}, {1, 1, 5}, 3},
    {"type = \"depthwise_conv2d\"; size = 3;", {5, 6, 4}, {3, 4, 4}, 9},
    {"type = \"depthwise_conv2d\"; size = 3; multiplier = 3; stride = 2; padding = \"same\";",
     {5, 6, 2},
     {3, 3, 6},
     3},
    {"type = \"depthwise_conv2d\"; size = 2; dilation = 3; use_bias = false;",
     {5, 4, 3},
     {2, 1, 3},
     2},
    {"type = \"conv2d_transpose\"; filters = 3; height = 3; width = 2; stride = 2;",
     {2, 3, 4},
     {5, 6, 3},
     3},
    {"type = \"conv2d_transpose\"; filters = 2; size = 3; stride = 2; padding = \"same\";",
     {3, 2, 3},
     {6, 4, 2},
     9},
    {"type = \"conv2d_transpose\"; filters = 2; size = 2; stride = 3;", {2, 2, 1}, {6, 6, 2}, 2},
    {"type = \"conv2d_transpose\"; filters = 4; size = 3; stride_height = 2; groups = 2;"
     "padding = \"explicit\"; top = 1; bottom = 1; left = 1; right = 1; output_padding_height = 1;"
     "use_bias = false;",
     {3, 4, 6},
     {6, 4, 4},
     2},
    {"type = \"conv2d_transpose\"; filters = 2; size = 2; dilation = 2;", {2, 3, 2}, {4, 5, 2}, 2},
    /* more values than the image has, fewer, and some of it seen by nothing */
    {"type = \"inverse_conv2d\"; filters = 5; image_height = 3; image_width = 2; image_channels = "
     "1;"
     "size = 2; padding = \"same\";",
     {3, 2, 5},
     {3, 2, 1},
     3},
    {"type = \"inverse_conv2d\"; filters = 3; image_height = 5; image_width = 4; image_channels = "
     "2;"
     "size = 2; stride = 2;",
     {1, 1, 12},
     {5, 4, 2},
     9},
    {"type = \"inverse_conv2d\"; filters = 6; image_height = 4; image_width = 3; image_channels = "
     "2;"
     "size = 2; groups = 2; dilation_width = 2; padding = \"explicit\"; top = 1;",
     {4, 1, 6},
     {4, 3, 2},
     2},
    {"type = \"batch_norm\"; use_gamma = false;", {3, 2, 3}, {3, 2, 3}, 4},
    {"type = \"batch_norm\"; use_beta = false;", {3, 2, 3}, {3, 2, 3}, 4},
    {"type = \"batch_norm\"; use_beta = false; use_gamma = false;", {3, 2, 3}, {3, 2, 3}, 4},
    {"type = \"layer_norm\";", {3, 2, 5}, {3, 2, 5}, 4},
    {"type = \"layer_norm\"; over_height = true; over_width = true;", {3, 2, 4}, {3, 2, 4}, 3},
    {"type = \"layer_norm\"; over_height = true; over_width = true; over_channels = false;"
     "use_beta = false;",
     {3, 4, 2},
     {3, 4, 2},
     3},
    {"type = \"layer_norm\"; over_width = true; over_channels = false; use_gamma = false;",
     {3, 4, 2},
     {3, 4, 2},
     3},
    {"type = \"layer_norm\"; subtract_mean = false; use_beta = false;", {2, 3, 4}, {2, 3, 4}, 3},
    {"type = \"group_norm\"; groups = 3; epsilon = 0.01;", {3, 2, 6}, {3, 2, 6}, 4},
    {"type = \"group_norm\"; groups = 0; use_gamma = false; use_beta = false;",
     {3, 2, 4},
     {3, 2, 4},
     3},
    {"type = \"softmax\"; over = \"channels\";", {3, 2, 5}, {3, 2, 5}, 4},
    {"type = \"log_softmax\"; over = \"channels\";", {3, 2, 5}, {3, 2, 5}, 4},
    {"type = \"sparsemax\"; over = \"channels\";", {3, 2, 5}, {3, 2, 5}, 4},
    {"type = \"softmax\";", {3, 2, 5}, {3, 2, 5}, 4},
    {"type = \"glu\";", {3, 2, 6}, {3, 2, 3}, 5},
    {"type = \"prelu\";", {3, 2, 4}, {3, 2, 4}, 5},
    {"type = \"prelu\"; share_height = true;", {3, 2, 4}, {3, 2, 4}, 5},
    {"type = \"prelu\"; share_height = true; share_width = true;", {3, 2, 4}, {3, 2, 4}, 5},
    {"type = \"prelu\"; share_height = true; share_width = true; share_channels = true;",
     {3, 2, 4},
     {3, 2, 4},
     5},
    {"type = \"rescale\"; per = \"channel\";", {3, 2, 4}, {3, 2, 4}, 5},
    {"type = \"rescale\"; per = \"value\";", {3, 2, 4}, {3, 2, 4}, 5},
    {"type = \"pad\"; top = 1; bottom = 2; right = 3; value = -1.25;", {3, 2, 2}, {6, 5, 2}, 3},
    {"type = \"pad\"; top = 2; left = 1; right = 2; mode = \"reflect\";", {3, 4, 2}, {5, 7, 2}, 3},
    {"type = \"pad\"; bottom = 5; left = 1; mode = \"edge\";", {3, 4, 2}, {8, 5, 2}, 3},
    {"type = \"pad\"; top = 3; right = 2; mode = \"wrap\";", {3, 4, 2}, {6, 6, 2}, 3},
    {"type = \"crop\"; top = 1; left = 2; right = 1;", {3, 5, 2}, {2, 2, 2}, 3},
    {"type = \"slice\"; first = 1; step = 2;", {3, 2, 6}, {3, 2, 3}, 3},
    {"type = \"slice\"; axis = \"height\"; first = 1; count = 2;", {4, 3, 2}, {2, 3, 2}, 3},
    {"type = \"slice\"; axis = \"width\"; first = 4; step = 2; backwards = true;",
     {3, 5, 2},
     {3, 3, 2},
     3},
    {"type = \"lrn\"; size = 4; before = 1; alpha = 2.5; beta = 1.25; bias = 1.5;",
     {2, 3, 7},
     {2, 3, 7},
     3},
    {"type = \"lrn\"; size = 3; before = 2; alpha = 1.5;", {3, 2, 2}, {3, 2, 2}, 3},
    {"type = \"upsample\"; factor_width = 3;", {2, 3, 2}, {4, 9, 2}, 3},
    {"type = \"upsample\"; interpolation = \"bilinear\"; factor_height = 3;",
     {2, 3, 2},
     {6, 6, 2},
     3},
    {"type = \"upsample\"; interpolation = \"bilinear\"; height = 7; width = 5; align_corners = "
     "true;",
     {3, 4, 2},
     {7, 5, 2},
     3},
    {"type = \"upsample\"; height = 5; width = 2;", {3, 4, 2}, {5, 2, 2}, 3},
    {"type = \"upsample\"; height = 5; width = 9; step_height = 0.7; step_width = 0.4;",
     {3, 4, 2},
     {5, 9, 2},
     3},
    {"type = \"upsample\"; interpolation = \"nearest_centre\"; height = 5; width = 3;",
     {3, 7, 2},
     {5, 3, 2},
     3},
    {"type = \"upsample\"; interpolation = \"bilinear\"; height = 4; width = 9; step_height = 0.6;",
     {3, 4, 2},
     {4, 9, 2},
     3},
    {"type = \"upsample\"; interpolation = \"bilinear_corner\"; height = 5; width = 3;",
     {3, 7, 2},
     {5, 3, 2},
     3},
    {"type = \"depth_to_space\"; block = 2;", {2, 3, 12}, {4, 6, 3}, 3},
    {"type = \"depth_to_space\"; block = 3; order = \"dcr\";", {1, 2, 18}, {3, 6, 2}, 3},
    {"type = \"space_to_depth\"; block = 3;", {3, 6, 2}, {1, 2, 18}, 3},
    {"type = \"space_to_depth\"; block = 2; order = \"dcr\";", {4, 6, 3}, {2, 3, 12}, 3},
    {"type = \"adaptive_avg_pool\"; height = 4; width = 3;", {7, 5, 2}, {4, 3, 2}, 3},
    {"type = \"adaptive_avg_pool\"; height = 5; width = 2;", {2, 6, 3}, {5, 2, 3}, 2},
    {"type = \"adaptive_max_pool\"; height = 4; width = 3;", {7, 5, 2}, {4, 3, 2}, 3},
    {"type = \"max_pool\"; size = 3; stride = 2; dilation = 2;", {9, 8, 3}, {3, 2, 3}, 3},
    {"type = \"max_pool\"; size = 2; stride = 1; dilation = 3; padding = \"explicit\"; top = 2; "
     "left = 1; right = 2;",
     {5, 6, 17},
     {4, 6, 17},
     2},
    {"type = \"avg_pool\"; size = 3; stride = 1; padding = \"same\"; dilation_width = 2;",
     {5, 6, 2},
     {5, 6, 2},
     2},
    {"type = \"reshape\"; height = 4; width = 3;", {3, 2, 4}, {4, 3, 2}, 3},
    {"type = \"permute\"; order = \"chw\";", {3, 2, 4}, {4, 3, 2}, 3},
    {"type = \"permute\"; order = \"wch\";", {3, 2, 4}, {2, 4, 3}, 3},
    {"type = \"permute\"; order = \"hcw\";", {3, 2, 4}, {3, 4, 2}, 3},
    {"type = \"permute\"; order = \"cwh\";", {3, 2, 4}, {4, 2, 3}, 3},
    {"type = \"relu\"; max_value = 0.75; negative_slope = 0.25; threshold = -0.5;",
     {3, 2, 4},
     {3, 2, 4},
     3},
    {"type = \"relu\"; max_value = 0.75;", {3, 2, 4}, {3, 2, 4}, 3},
    {"type = \"softplus\"; beta = 2.0; threshold = 1.5;", {3, 2, 4}, {3, 2, 4}, 3},
    {"type = \"gelu\"; approximate = true;", {3, 2, 4}, {3, 2, 4}, 3},
    /* large enough for several threads, and too large to change each value by itself */
    {"type = \"conv2d\"; filters = 32; size = 5; padding = \"same\";",
     {14, 15, 3},
     {14, 15, 32},
     21},
    {"type = \"conv2d\"; filters = 21; size = 3; stride = 2;", {17, 14, 16}, {8, 6, 21}, 13},
    {"type = \"local\"; filters = 5; size = 3; padding = \"same\";", {9, 11, 4}, {9, 11, 5}, 37},
    {"type = \"max_pool\"; size = 3; stride = 2;", {17, 15, 8}, {8, 7, 8}, 19},
    {"type = \"avg_pool\"; size = 3; stride = 2;", {17, 15, 8}, {8, 7, 8}, 19},
    {"type = \"batch_norm\";", {17, 15, 8}, {17, 15, 8}, 19},
    {"type = \"scale\";", {17, 15, 8}, {17, 15, 8}, 19},
    {"type = \"conv2d\"; filters = 12; size = 3; dilation = 2; groups = 2;",
     {13, 14, 6},
     {9, 10, 12},
     21},
    {"type = \"depthwise_conv2d\"; size = 3; padding = \"same\";", {13, 14, 18}, {13, 14, 18}, 21},
    {"type = \"conv2d_transpose\"; filters = 9; size = 3; stride = 2;",
     {7, 6, 12},
     {15, 13, 9},
     13},
    {"type = \"layer_norm\";", {9, 11, 8}, {9, 11, 8}, 13},
    {"type = \"upsample\"; interpolation = \"bilinear\";", {9, 11, 8}, {18, 22, 8}, 13},
    /* by Winograd's method: tiles that fit and hang over, channels that are and are not vectors */
    {"type = \"conv2d\"; filters = 32; size = 3; padding = \"same\";", {8, 8, 16}, {8, 8, 32}, 21},
    {"type = \"conv2d\"; filters = 19; size = 3;", {8, 12, 17}, {6, 10, 19}, 13},
    {"type = \"conv2d\"; filters = 16; size = 5; padding = \"same\";", {7, 9, 18}, {7, 9, 16}, 11},
    {"type = \"conv2d\"; filters = 33; size = 5; use_bias = false;", {10, 11, 16}, {6, 7, 33}, 2},
    {"type = \"conv2d\"; filters = 17; size = 3; padding = \"explicit\"; top = 2; right = 1;",
     {7, 6, 16},
     {7, 5, 17},
     9},
    {"type = \"conv2d\"; filters = 16; size = 3; padding = \"explicit\"; top = 3; left = 1;",
     {6, 9, 16},
     {7, 8, 16},
     3},
    {"type = \"conv2d_transpose\"; filters = 18; size = 5;", {6, 7, 16}, {10, 11, 18}, 7},
};
enum { CASES = sizeof cases / sizeof *cases, LARGE = 19 };

/* That layer below another, a batch, and room for its results. */
typedef struct bench {
    inv_net *net;
    const inv_layer *layer;
    void *state;
    frame x, y, dy, dx;
    float *dparams;
    inv_mode mode;
} bench;

static inv_net *build(const char *settings, inv_shape shape)
{
    char text[512];
    snprintf(text, sizeof text,
             "layers = ({name = \"a\"; %s}, {name = \"b\"; type = \"dense\"; units = 1;});",
             settings);
    return gradient_net(text, shape, 0);
}

/* `which` counts the cases at rest and in training by turns. */
static bench bench_alloc(int which)
{
    const int c = which / 2;
    bench b = {.net = build(cases[c].settings, cases[c].shape),
               .mode = {.training = which % 2, .key = 7}};
    const size_t rows = cases[c].rows, in = inv_net_units(b.net, 0), out = inv_net_units(b.net, 1);
    b.layer = inv_net_layer(b.net, 0);
    const size_t size =
        b.layer->type->state_size ? b.layer->type->state_size(b.layer, rows + 5) : 1;
    b.state = malloc(size);
    b.dparams = calloc(inv_net_size(b.net), sizeof(float));
    ck_assert(b.state && b.dparams);
    memset(b.state, 0xa5, size);
    b.x = frame_filled(rows, in, -1.5, 1.0, 101);
    b.dy = frame_filled(rows, out, -1.0, 1.7, 102);
    b.y = frame_alloc(rows, out);
    b.dx = frame_alloc(rows, in);
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
    b->layer->type->forward(b->layer, inv_net_params(b->net), b->state, &b->mode, &b->x.m, &b->y.m);
}

static void backward(bench *b, float *dparams, gsl_matrix_float *dx)
{
    b->layer->type->backward(b->layer, inv_net_params(b->net), b->state, &b->x.m, &b->y.m, &b->dy.m,
                             dparams, dx);
}

/* ---- values and gradients ---- */

START_TEST(forward_is_the_twin)
{
    bench b = bench_alloc(_i);
    twin *t = twin_alloc(b.net, 0, 1, &b.x.m, &b.dy.m);
    t->mode = b.mode;
    const inv_shape out = inv_net_shape(b.net, 1), expected = cases[_i / 2].out;
    ck_assert_msg(out.height == expected.height && out.width == expected.width &&
                      out.channels == expected.channels,
                  "%s: %zu x %zu x %zu", cases[_i / 2].settings, out.height, out.width,
                  out.channels);
    (void)twin_objective(t);
    forward(&b);
    frame_assert_near(&b.y, t->y, 2e-6, cases[_i / 2].settings);
    frame_assert_intact(&b.x, "x");
    twin_free(t);
    bench_free(&b);
}
END_TEST

START_TEST(backward_is_the_gradient)
{
    bench b = bench_alloc(_i);
    twin *t = twin_alloc(b.net, 0, 1, &b.x.m, &b.dy.m);
    t->mode = b.mode;
    void (*check)(twin *, double *, size_t, const float *, const char *) =
        _i / 2 < CASES - LARGE ? twin_check_each : twin_check_directions;
    forward(&b);
    backward(&b, b.dparams, &b.dx.m);
    frame_assert_intact(&b.dx, "dx");
    float *dx = frame_packed(&b.dx);
    check(t, t->x, b.x.m.size1 * b.x.m.size2, dx, "dx");
    if (b.layer->block_count)
        check(t, t->params, inv_net_size(b.net), b.dparams, "dparams");
    free(dx);
    twin_free(t);
    bench_free(&b);
}
END_TEST

/* Of an image driven by one channel, the others have no gradient, and of one that rests, none has. */
START_TEST(few_channels_may_have_gradients)
{
    bench b = bench_alloc(_i);
    const size_t channels = cases[_i / 2].out.channels;
    for (size_t i = 0; i < b.dy.m.size1; i++)
        for (size_t j = 0; j < b.dy.m.size2; j++)
            if (i % 2 == 0 || j % channels != channels - 1)
                gsl_matrix_float_set(&b.dy.m, i, j, 0.0f);
    twin *t = twin_alloc(b.net, 0, 1, &b.x.m, &b.dy.m);
    t->mode = b.mode;
    forward(&b);
    backward(&b, b.dparams, &b.dx.m);
    float *dx = frame_packed(&b.dx);
    twin_check_directions(t, t->x, b.x.m.size1 * b.x.m.size2, dx, "dx");
    free(dx);
    twin_free(t);
    bench_free(&b);
}
END_TEST

/* Each alone gives what both together give, with any number of threads, to the bit. */
START_TEST(results_do_not_depend_on_threads)
{
    const size_t size = cases[_i / 2].rows * inv_shape_size(cases[_i / 2].shape) * sizeof(float);
    float *y = NULL, *dx = NULL, *dparams = NULL;
    for (int k = 0; k < GRADIENT_THREADS; k++) {
        bench b = bench_alloc(_i);
        const size_t params = inv_net_size(b.net) * sizeof(float);
        inv_threads_set(gradient_threads[k]);
        forward(&b);
        if (k % 2)
            backward(&b, b.dparams, NULL);
        backward(&b, k % 2 ? NULL : b.dparams, &b.dx.m);
        float *got_y = frame_packed(&b.y), *got_dx = frame_packed(&b.dx);
        if (k == 0) {
            y = got_y, dx = got_dx, dparams = b.dparams;
            b.dparams = NULL;
        } else {
            ck_assert(gradient_same_bits(
                got_y, y, cases[_i / 2].rows * inv_shape_size(cases[_i / 2].out) * sizeof *y));
            ck_assert(gradient_same_bits(got_dx, dx, size));
            ck_assert(gradient_same_bits(b.dparams, dparams, params));
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

/* ---- conventions ---- */

/* y, and dx for a dy of all 1, of one image through a layer. */
static void run_image(const char *settings, inv_shape shape, const float *kernel,
                      const float *image, float *y, float *dx)
{
    inv_net *net = build(settings, shape);
    const inv_layer *layer = inv_net_layer(net, 0);
    const size_t in = inv_net_units(net, 0), out = inv_net_units(net, 1);
    void *state = layer->type->state_size ? malloc(layer->type->state_size(layer, 1)) : NULL;
    float ones[16];
    for (size_t j = 0; j < 16; j++)
        ones[j] = 1.0f;
    const gsl_matrix_float x = inv_mat_over(image, 1, in), dy = inv_mat_over(ones, 1, out);
    gsl_matrix_float to = inv_mat_over(y, 1, out), down = inv_mat_over(dx, 1, in);
    const inv_mode at_rest = {.training = false};
    if (kernel)
        memcpy(inv_net_params(net), kernel, 5 * sizeof *kernel);
    layer->type->forward(layer, inv_net_params(net), state, &at_rest, &x, &to);
    layer->type->backward(layer, inv_net_params(net), state, &x, &to, &dy, NULL, &down);
    free(state);
    inv_net_free(net);
}

static const float three[] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f, 9.0f};

/* The window is not turned over, and the odd zero stands below and on the right, as in Keras. */
START_TEST(convolution_is_keras_s)
{
    const float kernel[] = {1.0f, 10.0f, 100.0f, 1000.0f, 0.5f};
    const double expected[] = {5421.5, 6532.5, 603.5, 8754.5, 9865.5, 906.5, 87.5, 98.5, 9.5};
    const double gradients[] = {1, 11, 11, 101, 1111, 1111, 101, 1111, 1111};
    float y[9], dx[9];
    run_image("type = \"conv2d\"; filters = 1; size = 2; padding = \"same\";", (inv_shape){3, 3, 1},
              kernel, three, y, dx);
    gradient_assert_near(y, expected, 9, 1e-7, "y");
    gradient_assert_near(dx, gradients, 9, 1e-7, "dx");
}
END_TEST

START_TEST(the_first_of_the_largest_counts)
{
    const float image[] = {2.0f, 7.0f, -1.0f, 7.0f, 7.0f, 7.0f, 0.0f, 7.0f, 1.0f};
    const double expected[] = {7, 7, 7, 7}, gradients[] = {0, 2, 0, 1, 1, 0, 0, 0, 0};
    float y[4], dx[9];
    run_image("type = \"max_pool\"; stride = 1;", (inv_shape){3, 3, 1}, NULL, image, y, dx);
    gradient_assert_near(y, expected, 4, 1e-7, "y");
    gradient_assert_near(dx, gradients, 9, 1e-7, "dx");
}
END_TEST

/* Negative values stay negative at the edge: no zero is among them. */
START_TEST(pools_leave_out_what_is_outside)
{
    const float image[] = {-1.0f, -2.0f, -3.0f, -4.0f, -5.0f, -6.0f, -7.0f, -8.0f, -9.0f};
    const double largest[] = {-1, -3, -7, -9}, mean[] = {-3, -4.5, -7.5, -9};
    const double gradients[] = {0.25, 0.25, 0.5, 0.25, 0.25, 0.5, 0.5, 0.5, 1};
    float y[4], dx[9];
    run_image("type = \"max_pool\"; padding = \"same\";", (inv_shape){3, 3, 1}, NULL, image, y, dx);
    gradient_assert_near(y, largest, 4, 1e-7, "y");
    run_image("type = \"avg_pool\"; padding = \"same\";", (inv_shape){3, 3, 1}, NULL, image, y, dx);
    gradient_assert_near(y, mean, 4, 1e-7, "y");
    gradient_assert_near(dx, gradients, 9, 1e-7, "dx");
}
END_TEST

START_TEST(blocks_have_their_shapes)
{
    inv_net *net =
        build("type = \"conv2d\"; filters = 7; height = 2; width = 3;", (inv_shape){4, 6, 5});
    const inv_block *kernel = inv_net_block(net, "a", "kernel");
    const inv_block *bias = inv_net_block(net, "a", "bias");
    ck_assert_uint_eq(kernel->rank, 4);
    const size_t dims[] = {2, 3, 5, 7};
    for (int d = 0; d < 4; d++)
        ck_assert_uint_eq(kernel->dims[d], dims[d]);
    ck_assert_uint_eq(bias->rank, 1);
    ck_assert_uint_eq(bias->dims[0], 7);
    inv_net_free(net);
    net =
        build("type = \"conv2d\"; filters = 7; size = 2; use_bias = false;", (inv_shape){4, 6, 5});
    ck_assert_ptr_null(inv_net_block(net, "a", "bias"));
    ck_assert_uint_eq(inv_net_block(net, "b", "kernel")->offset, 2 * 2 * 5 * 7);
    inv_net_free(net);
}
END_TEST

START_TEST(local_blocks_are_keras_s)
{
    inv_net *net =
        build("type = \"local\"; filters = 7; height = 2; width = 3;", (inv_shape){4, 6, 5});
    const inv_block *kernel = inv_net_block(net, "a", "kernel");
    const inv_block *bias = inv_net_block(net, "a", "bias");
    const size_t kernel_dims[] = {3 * 4, 2 * 3 * 5, 7}, bias_dims[] = {3, 4, 7};
    ck_assert_uint_eq(kernel->rank, 3);
    ck_assert_uint_eq(bias->rank, 3);
    for (int d = 0; d < 3; d++) {
        ck_assert_uint_eq(kernel->dims[d], kernel_dims[d]);
        ck_assert_uint_eq(bias->dims[d], bias_dims[d]);
    }
    inv_net_free(net);
}
END_TEST

START_TEST(initial_values_know_the_window)
{
    inv_net *net = build("type = \"conv2d\"; filters = 40; size = 5; kernel = {type = "
                         "\"he_uniform\";}; bias = {type = \"constant\"; value = 0.375;};",
                         (inv_shape){6, 6, 8});
    const inv_block *kernel = inv_net_block(net, "a", "kernel");
    const inv_block *bias = inv_net_block(net, "a", "bias");
    const float limit = sqrtf(6.0f / (5 * 5 * 8));
    float maximum = 0.0f;
    gsl_rng *rng = NULL;
    ck_assert_status(inv_rng_alloc(5, "window", &rng), INV_OK);
    inv_net_init(net, rng);
    for (size_t i = 0; i < kernel->size; i++)
        maximum = fmaxf(maximum, fabsf(inv_net_params(net)[kernel->offset + i]));
    ck_assert_float_le(maximum, limit);
    ck_assert_float_gt(maximum, 0.99f * limit);
    for (size_t i = 0; i < bias->size; i++)
        ck_assert(inv_net_params(net)[bias->offset + i] == 0.375f);
    inv_rng_free(rng);
    inv_net_free(net);
}
END_TEST

/* What comes out of Keras 3.15's Conv2DTranspose, 6 x 9 with a kernel of 3 x 4, strides 2 x 3: with
 * output_padding (1, 2) and "same"; 3 rows with 1 and "valid"; without, "same" and "valid". */
START_TEST(transposed_sizes_are_keras_s)
{
    static const struct {
        const char *settings;
        inv_shape in, out;
    } sizes[] = {
        {"height = 3; width = 4; stride_height = 2; stride_width = 3; padding = \"explicit\";"
         "top = 0; bottom = 1; left = 1; right = 1;",
         {6, 9, 1},
         {12, 26, 2}},
        {"size = 3; stride = 2; output_padding_height = 1;", {3, 3, 1}, {8, 7, 2}},
        {"size = 3; stride = 2; padding = \"same\";", {6, 9, 1}, {12, 18, 2}},
        {"size = 2; stride = 3;", {6, 9, 1}, {18, 27, 2}},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[256];
        snprintf(text, sizeof text, "type = \"conv2d_transpose\"; filters = 2; %s",
                 sizes[i].settings);
        inv_net *net = build(text, sizes[i].in);
        const inv_shape out = inv_net_shape(net, 1);
        ck_assert_uint_eq(out.height, sizes[i].out.height);
        ck_assert_uint_eq(out.width, sizes[i].out.width);
        ck_assert_uint_eq(out.channels, sizes[i].out.channels);
        inv_net_free(net);
    }
}
END_TEST

/* Keras 3.15's UpSampling2D: of 1, 10 come 1, 3.25, 7.75, 10. */
START_TEST(bilinear_has_half_pixel_centres)
{
    const float image[2] = {1.0f, 10.0f};
    float y[4], dx[2];
    run_image(
        "type = \"upsample\"; interpolation = \"bilinear\"; factor_height = 1; factor_width = 2;",
        (inv_shape){1, 2, 1}, NULL, image, y, dx);
    ck_assert(y[0] == 1.0f && y[1] == 3.25f && y[2] == 7.75f && y[3] == 10.0f);
    ck_assert(dx[0] == 2.0f && dx[1] == 2.0f);
}
END_TEST

/* One row of 9 values, windows of 4, stride 3, the last over one value that is not there: left out
 * as TensorFlow does, or a zero as in PyTorch. */
START_TEST(averages_may_count_the_padding)
{
    const float image[9] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f, 9.0f};
    float y[3], dx[9];
    run_image("type = \"avg_pool\"; height = 1; width = 4; stride = 3; padding = \"explicit\"; "
              "right = 1;",
              (inv_shape){1, 9, 1}, NULL, image, y, dx);
    ck_assert(y[0] == 2.5f && y[1] == 5.5f && fabsf(y[2] - 8.0f) < 1e-6f);
    run_image("type = \"avg_pool\"; height = 1; width = 4; stride = 3; padding = \"explicit\"; "
              "right = 1; count_padding = true;",
              (inv_shape){1, 9, 1}, NULL, image, y, dx);
    ck_assert(y[0] == 2.5f && y[1] == 5.5f && fabsf(y[2] - 6.0f) < 1e-6f);
    ck_assert(dx[8] == 0.25f);
}
END_TEST

/* ---- what cannot be built ---- */

static const struct {
    const char *settings, *why;
} wrong[] = {
    {"type = \"conv2d\"; filters = 3; size = 5;",
     "a: a window of 5 x 5 does not fit into an image of 4 x 6; take a smaller one, or padding = "
     "\"same\""},
    {"type = \"conv2d\"; filters = 3; size = 2; width = 7;", "a window of 2 x 7 does not fit"},
    {"type = \"max_pool\"; size = 5;", "a window of 5 x 5 does not fit"},
    {"type = \"local\"; filters = 2; size = 5;", "a window of 5 x 5 does not fit"},
    {"type = \"local\"; size = 2;", "'filters' is missing"},
    {"type = \"avg_pool\"; height = 5;", "a window of 5 x 2 does not fit"},
    {"type = \"conv2d\"; filters = 3;", "a: a window of no size; give it a size, or height and"},
    {"type = \"conv2d\"; filters = 3; width = 2;", "a window of no size"},
    {"type = \"max_pool\"; size = 0;", "a window of no size"},
    {"type = \"conv2d\"; size = 2;", "'filters' is missing"},
    {"type = \"conv2d\"; filters = 0; size = 2;", "filters: "},
    {"type = \"conv2d\"; filters = 3; size = 2; padding = \"sam\";", "did you mean 'same'?"},
    {"type = \"conv2d\"; filters = 3; size = 2; strides = 2;", "did you mean 'stride'?"},
    {"type = \"conv2d\"; filters = 3; size = 1025;", "1024"},
    {"type = \"max_pool\"; filters = 3;", "filters: unknown key"},
    {"type = \"conv2d\"; filters = 4; size = 2; groups = 3;",
     "a: 2 channels and 4 filters are not in 3 groups"},
    {"type = \"conv2d\"; filters = 4; size = 2; groups = 0;", "groups: "},
    {"type = \"conv2d\"; filters = 4; size = 3; dilation = 2;", "a window of 3 x 3 does not fit"},
    {"type = \"conv2d\"; filters = 4; size = 2; top = 1;", "are for padding = \"explicit\""},
    {"type = \"conv2d_transpose\"; filters = 4; size = 2; groups = 3;", "not in 3 groups"},
    {"type = \"conv2d_transpose\"; filters = 4; size = 2; padding = \"explicit\"; top = 9;",
     "a: rows of 0 x 7 x 4 values"},
    {"type = \"conv2d_transpose\"; filters = 1048576; size = 1024; stride = 1024;",
     "a: rows of 4096 x 6144 x 1048576 values"},
    {"type = \"depthwise_conv2d\"; size = 1; multiplier = 1048576; padding = \"explicit\";"
     "top = 1024; left = 1024;",
     "a: rows of 1028 x 1030 x 2097152 values"},
    {"type = \"max_pool\"; size = 2; padding = \"explicit\"; top = 2;", "outside the image"},
    {"type = \"avg_pool\"; size = 2; padding = \"explicit\"; right = 3;", "outside the image"},
    {"type = \"group_norm\"; groups = 3;", "a: 2 channels are not in 3 groups"},
    {"type = \"layer_norm\"; over_channels = false;", "a: over nothing"},
    {"type = \"pad\"; top = 4; mode = \"reflect\";", "a: more padding than there is image, 4 x 6"},
    {"type = \"pad\"; right = 7; mode = \"wrap\";", "to wrap"},
    {"type = \"crop\"; top = 2; bottom = 2;", "a: nothing is left of an image of 4 x 6"},
    {"type = \"slice\"; first = 2;", "a: 1 from number 2 on by 1 are not in channels of 2"},
    {"type = \"slice\"; axis = \"width\"; first = 1; count = 4; step = 2;",
     "a: 4 from number 1 on by 2 are not in width of 6"},
    {"type = \"slice\"; axis = \"height\"; count = 2; backwards = true;",
     "a: 2 from number 0 on by 1 are not in height of 4"},
    {"type = \"lrn\"; size = 2;", "a: a window of 2 with 2 before the value"},
    {"type = \"depth_to_space\"; block = 2;", "do not make blocks of 2 x 2"},
    {"type = \"space_to_depth\"; block = 4;", "do not divide into blocks of 4 x 4"},
    {"type = \"max_pool\"; size = 2; dilation_height = 8; padding = \"explicit\"; top = 5; bottom "
     "= 5;",
     "outside the image"},
    {"type = \"upsample\"; height = 16777216; width = 16777216;",
     "a: rows of 16777216 x 16777216 x 2 values"},
    {"type = \"reshape\"; height = 5;", "a: 48 values do not make 5 x 1 x 9"},
    {"type = \"reshape\"; height = 8; width = 2; channels = 4;", "do not make 8 x 2 x 4"},
    {"type = \"reshape\"; height = 49;", "do not make 49 x 1 x 0"},
    {"type = \"permute\";", "'order' is missing"},
    {"type = \"reshape\"; channels = 3; height = 4; width = 4; activation = \"glu\";",
     "'glu' is a layer, not an activation"},
    {"type = \"permute\"; order = \"hww\";", "order: "},
    {"type = \"rescale\"; per = \"pixel\";", "per: "},
};

START_TEST(wrong_settings_say_why)
{
    char text[512];
    inv_config *config = NULL;
    inv_net *net = NULL;
    snprintf(text, sizeof text, "layers = ({name = \"a\"; %s});", wrong[_i].settings);
    ck_assert_status(inv_config_read_text("t.cfg", text, &config), INV_OK);
    ck_assert_status(inv_net_build(config, "layers", (inv_shape){4, 6, 2}, 3, &net), INV_ECONFIG);
    ck_assert_message_has(wrong[_i].why);
    ck_assert_ptr_null(net);
    inv_config_free(config);
}
END_TEST

/* What a net says of itself builds the same again. */
START_TEST(description_builds_the_net_again)
{
    inv_config *config = NULL;
    inv_net *net = build(cases[_i].settings, cases[_i].shape), *again = NULL;
    ck_assert_status(inv_config_read_json("net", inv_net_describe(net), &config), INV_OK);
    ck_assert_status(inv_net_build(config, "", cases[_i].shape, 0, &again), INV_OK);
    ck_assert_str_eq(inv_net_describe(again), inv_net_describe(net));
    ck_assert_uint_eq(inv_net_size(again), inv_net_size(net));
    ck_assert_uint_eq(inv_net_units(again, 1), inv_net_units(net, 1));
    inv_net_free(net);
    inv_net_free(again);
    inv_config_free(config);
}
END_TEST

Suite *window_suite(void)
{
    Suite *suite = suite_create("window");
    TCase *each = tcase_create("every case"), *tests = tcase_create("conventions");
    tcase_set_timeout(each, 60);
    tcase_add_loop_test(each, forward_is_the_twin, 0, 2 * CASES);
    tcase_add_loop_test(each, backward_is_the_gradient, 0, 2 * CASES);
    tcase_add_loop_test(each, few_channels_may_have_gradients, 0, 2 * CASES);
    tcase_add_loop_test(each, results_do_not_depend_on_threads, 0, 2 * CASES);
    tcase_add_loop_test(each, description_builds_the_net_again, 0, CASES);
    tcase_add_test(tests, convolution_is_keras_s);
    tcase_add_test(tests, the_first_of_the_largest_counts);
    tcase_add_test(tests, pools_leave_out_what_is_outside);
    tcase_add_test(tests, blocks_have_their_shapes);
    tcase_add_test(tests, local_blocks_are_keras_s);
    tcase_add_test(tests, transposed_sizes_are_keras_s);
    tcase_add_test(tests, bilinear_has_half_pixel_centres);
    tcase_add_test(tests, averages_may_count_the_padding);
    tcase_add_test(tests, initial_values_know_the_window);
    tcase_add_loop_test(tests, wrong_settings_say_why, 0, sizeof wrong / sizeof *wrong);
    suite_add_tcase(suite, each);
    suite_add_tcase(suite, tests);
    return suite;
}
