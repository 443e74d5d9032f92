/* Each layer as nodes of an ONNX graph (onnx_writer.h).
 * Source of each operator: the ONNX specification, opset 20.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "format/formula.h"
#include "format/onnx_writer.h"

#define TINY 1e-6 /* of src/net/layers/inverse_scale.c */

/* ---- layers that weigh ---- */

static inv_spot write_dense(writer *w, inv_spot in)
{
    const inv_spot row = onnx_row(w, in, w->layer->in, true);
    const char *weight = onnx_parameter_of(w, "kernel", row.order, false);
    const char *bias = onnx_parameter(w, "bias");
    OnnxFile__Node *node = onnx_node(w, "Gemm", (const char *const[]){row.text, weight, bias}, 3);
    onnx_set_whole(w, node, "transB", 1);
    return (inv_spot){.text = onnx_output(node)};
}

static inv_spot write_inverse_dense(writer *w, inv_spot in)
{
    const inv_spot row = onnx_row(w, in, w->layer->in, false);
    const char *weight = onnx_parameter(w, "kernel"), *bias = onnx_parameter(w, "bias");
    const char *centred = onnx_apply2(w, "Sub", row.text, bias);
    OnnxFile__Node *node = onnx_node(w, "Gemm", (const char *const[]){centred, weight}, 2);
    onnx_set_whole(w, node, "transB", 1);
    return (inv_spot){.text = onnx_output(node)};
}

static void set_windows(writer *w, OnnxFile__Node *node, const inv_laid *l, const size_t pads[4])
{
    onnx_set_list(w, node, "kernel_shape", (const size_t[]){l->w.height, l->w.width}, 2);
    onnx_set_list(w, node, "strides", (const size_t[]){l->w.stride_y, l->w.stride_x}, 2);
    onnx_set_list(w, node, "pads", pads, 4);
}

static void set_dilations(writer *w, OnnxFile__Node *node, const inv_laid *l)
{
    if (l->w.dilation_y > 1 || l->w.dilation_x > 1)
        onnx_set_list(w, node, "dilations", (const size_t[]){l->w.dilation_y, l->w.dilation_x}, 2);
}

/* conv2d, depthwise_conv2d, conv2d_transpose */
static inv_spot write_conv(writer *w, inv_spot in)
{
    const bool is_depthwise = inv_exporting_is(w->layer, "depthwise_conv2d");
    const bool is_transpose = inv_exporting_is(w->layer, "conv2d_transpose");
    const inv_laid l = inv_exporting_windows(w->layer);
    size_t pads[4] = {l.top, l.left, l.bottom, l.right}, more[2] = {0};
    const size_t groups =
        is_depthwise ? w->layer->in.channels : inv_exporting_size(w->layer, "groups");
    const inv_spot image = onnx_image(w, in, w->layer->in);
    const char *weight = onnx_parameter(w, "kernel"), *bias = onnx_parameter(w, "bias");
    OnnxFile__Node *node = onnx_node(w, is_transpose ? "ConvTranspose" : "Conv",
                                     (const char *const[]){image.text, weight, bias}, bias ? 3 : 2);
    if (is_transpose)
        inv_exporting_transposed(w->layer, &l, pads, more);
    set_windows(w, node, &l, pads);
    set_dilations(w, node, &l);
    if (groups > 1)
        onnx_set_whole(w, node, "group", (int64_t)groups);
    if (more[0] || more[1])
        onnx_set_list(w, node, "output_padding", more, 2);
    return (inv_spot){.text = onnx_output(node), .is_image = true};
}

/* A convolution of kernels with one 1 each lays out the values of every window; then each place has
 * weights of its own. */
static inv_spot write_local(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape s = w->layer->in, out = w->layer->out;
    const size_t n = l.w.height * l.w.width, size = n * s.channels;
    const size_t places = out.height * out.width;
    const size_t dims[4] = {size, 1, l.w.height, l.w.width};
    const inv_spot image = onnx_image(w, in, s);
    float *ones = inv_exporting_keep(&w->e, size * n, sizeof *ones);
    const char *name = onnx_own_name(w);
    for (size_t i = 0; ones && i < size; i++)
        ones[i * n + i % n] = 1.0f;
    (void)onnx_tensor(w, name, ONNX_FLOAT, dims, 4, ones, size * n * sizeof *ones);
    OnnxFile__Node *node = onnx_node(w, "Conv", (const char *const[]){image.text, name}, 2);
    set_windows(w, node, &l, (const size_t[]){l.top, l.left, l.bottom, l.right});
    if (s.channels > 1)
        onnx_set_whole(w, node, "group", (int64_t)s.channels);
    const char *y =
        onnx_reshape(w, onnx_output(node), (const int64_t[]){(int64_t)size, (int64_t)places}, 2);
    y = onnx_transpose(w, y, (const size_t[]){2, 0, 1}, 3);
    y = onnx_apply2(w, "MatMul", y, onnx_parameter(w, "kernel"));
    y = onnx_transpose(w, y, (const size_t[]){1, 2, 0}, 3);
    y = onnx_reshape(
        w, y, (const int64_t[]){(int64_t)out.channels, (int64_t)out.height, (int64_t)out.width}, 3);
    const char *bias = onnx_parameter_of(w, "bias", (inv_shape){0}, true);
    return (inv_spot){.text = bias ? onnx_apply2(w, "Add", y, bias) : y, .is_image = true};
}

/* ---- pools, and the same values in another order ---- */

static inv_spot write_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "max_pool");
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_spot image = onnx_image(w, in, w->layer->in);
    OnnxFile__Node *node = onnx_node(w, is_max ? "MaxPool" : "AveragePool", &image.text, 1);
    set_windows(w, node, &l, (const size_t[]){l.top, l.left, l.bottom, l.right});
    set_dilations(w, node, &l);
    if (!is_max && inv_exporting_size(w->layer, "count_padding"))
        onnx_set_whole(w, node, "count_include_pad", 1);
    return (inv_spot){.text = onnx_output(node), .is_image = true};
}

static inv_spot write_global_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "global_max_pool");
    const inv_spot image = onnx_image(w, in, w->layer->in);
    return (inv_spot){
        .text = onnx_apply1(w, is_max ? "GlobalMaxPool" : "GlobalAveragePool", image.text),
        .is_image = true};
}

static inv_spot write_reshape(writer *w, inv_spot in)
{
    const inv_spot row = onnx_row(w, in, w->layer->in, false);
    return inv_exporting_is_row(w->layer->out) ? row : onnx_image(w, row, w->layer->out);
}

/* Rows stay in the order of channels first until something has to know. */
static inv_spot write_flatten(writer *w, inv_spot in)
{
    return onnx_row(w, in, w->layer->in, true);
}

static inv_spot write_permute(writer *w, inv_spot in)
{
    const char *order = inv_exporting_word(w->layer, "order"), *axes = "chw";
    const char from[3] = {order[2], order[0], order[1]};
    const inv_spot image = onnx_image(w, in, w->layer->in);
    size_t perm[4] = {0};
    for (size_t i = 0; i < 3; i++)
        perm[i + 1] = (size_t)(strchr(axes, from[i]) - axes) + 1;
    return (inv_spot){.text = onnx_transpose(w, image.text, perm, 4), .is_image = true};
}

/* ---- norms ---- */

/* A block, or so many numbers where the layer has none. */
static const char *parameter_or(writer *w, const char *block, size_t count, double value)
{
    const char *name = onnx_parameter(w, block);
    return name ? name : onnx_say_constant(w, &count, 1, value);
}

static inv_spot write_batch_norm(writer *w, inv_spot in)
{
    const size_t n = w->layer->in.channels;
    inv_spot s = onnx_as_is(w, in);
    const char *of[5] = {s.text, parameter_or(w, "gamma", n, 1.0), parameter_or(w, "beta", n, 0.0),
                         onnx_parameter(w, "mean"), onnx_parameter(w, "variance")};
    OnnxFile__Node *node = onnx_node(w, "BatchNormalization", of, 5);
    onnx_set_real(w, node, "epsilon", inv_exporting_real(w->layer, "epsilon"));
    s.text = onnx_output(node);
    return s;
}

/* 0 where `by` is less than TINY, else what / by */
static const char *divide_safely(writer *w, const char *what, const char *by)
{
    const char *is_tiny =
        onnx_apply2(w, "Less", onnx_apply1(w, "Abs", by), onnx_say_number(w, TINY));
    return onnx_apply3(w, "Where", is_tiny, onnx_say_number(w, 0.0),
                       onnx_apply2(w, "Div", what, by));
}

static inv_spot write_inverse_batch_norm(writer *w, inv_spot in)
{
    inv_spot s = onnx_as_is(w, in);
    const char *gamma = onnx_parameter_of(w, "gamma", (inv_shape){0}, s.is_image);
    const char *beta = onnx_parameter_of(w, "beta", (inv_shape){0}, s.is_image);
    const char *mean = onnx_parameter_of(w, "mean", (inv_shape){0}, s.is_image);
    const char *variance = onnx_parameter_of(w, "variance", (inv_shape){0}, s.is_image);
    if (inv_exporting_block(w->layer, "mean")->size != w->layer->in.channels) {
        inv_exporting_refuse(&w->e, w->layer, "channels in a row of values are not written");
        return s;
    }
    const char *factor =
        onnx_apply1(w, "Sqrt",
                    onnx_apply2(w, "Add", variance,
                                onnx_say_number(w, inv_exporting_real(w->layer, "epsilon"))));
    if (gamma)
        factor = divide_safely(w, factor, gamma);
    s.text = onnx_apply2(w, "Mul", beta ? onnx_apply2(w, "Sub", s.text, beta) : s.text, factor);
    s.text = onnx_apply2(w, "Add", s.text, mean);
    return s;
}

static inv_spot write_inverse_scale(writer *w, inv_spot in)
{
    inv_spot s = onnx_row(w, in, w->layer->in, false);
    s.text = divide_safely(w, s.text, onnx_parameter(w, "kernel"));
    return s;
}

/* By groups of channels as one long channel each; then each channel has its gamma and beta. */
static inv_spot write_group_norm(writer *w, inv_spot in)
{
    const inv_shape s = w->layer->in;
    const size_t given = inv_exporting_size(w->layer, "groups"),
                 groups = given ? given : s.channels;
    const inv_spot image = onnx_image(w, in, s);
    const char *y = onnx_reshape(w, image.text, (const int64_t[]){(int64_t)groups, -1}, 2);
    const char *ones = onnx_say_constant(w, &groups, 1, 1.0),
               *zeros = onnx_say_constant(w, &groups, 1, 0.0);
    OnnxFile__Node *node =
        onnx_node(w, "InstanceNormalization", (const char *const[]){y, ones, zeros}, 3);
    onnx_set_real(w, node, "epsilon", inv_exporting_real(w->layer, "epsilon"));
    y = onnx_reshape(w, onnx_output(node),
                     (const int64_t[]){(int64_t)s.channels, (int64_t)s.height, (int64_t)s.width},
                     3);
    const char *gamma = onnx_parameter_of(w, "gamma", (inv_shape){0}, true);
    const char *beta = onnx_parameter_of(w, "beta", (inv_shape){0}, true);
    y = gamma ? onnx_apply2(w, "Mul", y, gamma) : y;
    return (inv_spot){.text = beta ? onnx_apply2(w, "Add", y, beta) : y, .is_image = true};
}

static const char *mean_over(writer *w, const char *a, const int64_t *axes, size_t count)
{
    return onnx_apply2(w, "ReduceMean", a, onnx_say_whole_numbers(w, axes, count));
}

/* Over axes that LayerNormalization does not have, and without subtracting the mean. */
static inv_spot write_norm(writer *w, inv_spot s)
{
    static const char *const keys[3] = {"over_channels", "over_height", "over_width"};
    int64_t axes[3];
    size_t count = 0;
    for (size_t i = 0; i < (s.is_image ? 3 : 1); i++)
        if (inv_exporting_size(w->layer, keys[i]))
            axes[count++] = (int64_t)i + 1;
    const char *x = s.text;
    if (count > 0 && inv_exporting_size(w->layer, "subtract_mean"))
        x = onnx_apply2(w, "Sub", x, mean_over(w, x, axes, count));
    const char *square = onnx_apply2(w, "Mul", x, x);
    if (count > 0)
        square = mean_over(w, square, axes, count);
    else if (inv_exporting_size(w->layer, "subtract_mean"))
        inv_exporting_refuse(&w->e, w->layer, "over axes of size 1 is not written");
    x = onnx_apply2(
        w, "Div", x,
        onnx_apply1(w, "Sqrt",
                    onnx_apply2(w, "Add", square,
                                onnx_say_number(w, inv_exporting_real(w->layer, "epsilon")))));
    const char *gamma = onnx_parameter_of(w, "gamma", (inv_shape){0}, s.is_image);
    const char *beta = onnx_parameter_of(w, "beta", (inv_shape){0}, s.is_image);
    x = gamma ? onnx_apply2(w, "Mul", x, gamma) : x;
    s.text = beta ? onnx_apply2(w, "Add", x, beta) : x;
    return s;
}

static inv_spot write_layer_norm(writer *w, inv_spot in)
{
    const inv_shape shape = w->layer->in;
    inv_spot s = onnx_as_is(w, in);
    const bool is_over_pixels =
        inv_exporting_size(w->layer, "over_height") && inv_exporting_size(w->layer, "over_width");
    const bool is_all = inv_exporting_size(w->layer, "over_channels") &&
                        (is_over_pixels || inv_exporting_is_row(shape)) &&
                        (is_over_pixels || !s.is_image);
    if (!is_all || !inv_exporting_size(w->layer, "subtract_mean"))
        return write_norm(w, s);
    const char *gamma = onnx_parameter_of(w, "gamma", (inv_shape){0}, s.is_image);
    const char *beta = onnx_parameter_of(w, "beta", (inv_shape){0}, s.is_image);
    const size_t sizes[3] = {shape.channels, shape.height, shape.width};
    if (!gamma)
        gamma = onnx_say_constant(w, sizes, s.is_image ? 3 : 1, 1.0);
    OnnxFile__Node *node = onnx_node(w, "LayerNormalization",
                                     (const char *const[]){s.text, gamma, beta}, beta ? 3 : 2);
    onnx_set_whole(w, node, "axis", 1);
    onnx_set_real(w, node, "epsilon", inv_exporting_real(w->layer, "epsilon"));
    s.text = onnx_output(node);
    return s;
}

/* ---- value by value ---- */

/* Layers that one operator does, with up to two attributes. */
static const struct operator
{
    const char *type, *op;
    struct {
        const char *attribute, *key;
    } settings[2];
}
operators[] = {
    {"sigmoid", "Sigmoid", {{0}}},
    {"tanh", "Tanh", {{0}}},
    {"leaky_relu", "LeakyRelu", {{"alpha", "alpha"}}},
    {"elu", "Elu", {{"alpha", "alpha"}}},
    {"celu", "Celu", {{"alpha", "alpha"}}},
    {"selu", "Selu", {{"alpha", "alpha"}, {"gamma", "scale"}}},
    {"hard_sigmoid", "HardSigmoid", {{"alpha", "slope"}, {"beta", "offset"}}},
    {"hard_silu", "HardSwish", {{0}}},
    {"hard_shrink", "Shrink", {{"lambd", "lambda"}}},
    {"soft_shrink", "Shrink", {{"lambd", "lambda"}, {"bias", "lambda"}}},
    {"softsign", "Softsign", {{0}}},
    {"mish", "Mish", {{0}}},
    {"exponential", "Exp", {{0}}},
    {"log", "Log", {{0}}},
    {"sqrt", "Sqrt", {{0}}},
    {"abs", "Abs", {{0}}},
    {"erf", "Erf", {{0}}},
};

static bool write_operator(writer *w, inv_spot *s)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!inv_exporting_is(w->layer, operators[i].type))
            continue;
        OnnxFile__Node *node = onnx_node(w, operators[i].op, &s->text, 1);
        for (size_t k = 0; k < 2; k++)
            if (operators[i].settings[k].key)
                onnx_set_real(w, node, operators[i].settings[k].attribute,
                              inv_exporting_real(w->layer, operators[i].settings[k].key));
        s->text = onnx_output(node);
        return true;
    }
    return false;
}

static const struct {
    const char *word, *op;
} words[] = {{"add", "Add"},   {"sub", "Sub"},         {"mul", "Mul"},     {"div", "Div"},
             {"neg", "Neg"},   {"max", "Max"},         {"min", "Min"},     {"exp", "Exp"},
             {"log", "Log"},   {"sqrt", "Sqrt"},       {"abs", "Abs"},     {"erf", "Erf"},
             {"tanh", "Tanh"}, {"sigmoid", "Sigmoid"}, {"where", "Where"}, {"greater", "Greater"}};

/* One operator of a formula. */
static inv_term say(void *context, const char *op, const inv_term *of, size_t count)
{
    writer *w = context;
    const char *in[3], *name = op;
    for (size_t i = 0; i < count; i++)
        in[i] = of[i].text ? of[i].text : onnx_say_number(w, of[i].number);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, op) == 0)
            name = words[i].op;
    if (strncmp(op, "row", 3) == 0) { /* over all axes but the batch */
        const int64_t axes[3] = {1, 2, 3};
        const bool is_image = w->e.spots[w->layer->inputs[0].point].is_image;
        in[count++] = onnx_say_whole_numbers(w, axes, is_image ? 3 : 1);
        name = strcmp(op, "rowmin") == 0 ? "ReduceMin" : "ReduceMax";
    }
    return (inv_term){.text = onnx_output(onnx_node(w, name, in, count))};
}

static bool is_zero(double x)
{
    return x >= 0.0 && x <= 0.0;
}

/* relu as Keras has it; the usual ones are an operator each. */
static inv_spot write_relu(writer *w, inv_spot s)
{
    const inv_speaker to = {say, w};
    const double max = inv_exporting_real(w->layer, "max_value");
    inv_term y = {0};
    if (!is_zero(inv_exporting_real(w->layer, "threshold")) ||
        !is_zero(inv_exporting_real(w->layer, "negative_slope"))) {
        (void)inv_formula_say(w->layer, (inv_term){.text = s.text}, &to, &y);
        s.text = y.text;
    } else {
        s.text = max > 0.0 ? onnx_apply3(w, "Clip", s.text, onnx_say_number(w, 0.0),
                                         onnx_say_number(w, max))
                           : onnx_apply1(w, "Relu", s.text);
    }
    return s;
}

static inv_spot write_gelu(writer *w, inv_spot s)
{
    OnnxFile__Node *node = onnx_node(w, "Gelu", &s.text, 1);
    if (inv_exporting_size(w->layer, "approximate"))
        onnx_set_text(w, node, "approximate", "tanh");
    s.text = onnx_output(node);
    return s;
}

static inv_spot write_clip(writer *w, inv_spot s)
{
    s.text = onnx_apply3(w, "Clip", s.text, onnx_say_number(w, inv_exporting_real(w->layer, "low")),
                         onnx_say_number(w, inv_exporting_real(w->layer, "high")));
    return s;
}

static bool is_one(double x)
{
    return x >= 1.0 && x <= 1.0;
}

/* The usual ones are two operators or one. */
static bool write_usual(writer *w, inv_spot *s)
{
    const double beta = inv_exporting_real(w->layer, "beta");
    if (inv_exporting_is(w->layer, "silu") && is_one(beta))
        s->text = onnx_apply2(w, "Mul", s->text, onnx_apply1(w, "Sigmoid", s->text));
    else if (inv_exporting_is(w->layer, "softplus") && is_one(beta) &&
             is_zero(inv_exporting_real(w->layer, "threshold")))
        s->text = onnx_apply1(w, "Softplus", s->text);
    else if (inv_exporting_is(w->layer, "threshold") &&
             is_zero(inv_exporting_real(w->layer, "value")) &&
             inv_exporting_real(w->layer, "threshold") >= 0.0) {
        OnnxFile__Node *node = onnx_node(w, "ThresholdedRelu", &s->text, 1);
        onnx_set_real(w, node, "alpha", inv_exporting_real(w->layer, "threshold"));
        s->text = onnx_output(node);
    } else
        return false;
    return true;
}

/* Any layer that is a formula. Most do to values what they do, in whatever order those are. */
static inv_spot write_formula(writer *w, inv_spot in)
{
    const inv_speaker to = {say, w};
    inv_term y = {0};
    if (write_operator(w, &in) || write_usual(w, &in))
        return in;
    if (inv_formula_say(w->layer, (inv_term){.text = in.text}, &to, &y))
        in.text = y.text;
    else
        inv_exporting_refuse(&w->e, w->layer, "ONNX has nothing for it");
    return in;
}

static inv_spot write_softmax(writer *w, inv_spot in)
{
    const bool is_log = inv_exporting_is(w->layer, "log_softmax");
    const bool channels = strcmp(inv_exporting_word(w->layer, "over"), "channels") == 0;
    inv_spot s = channels ? onnx_as_is(w, in) : onnx_row(w, in, w->layer->in, true);
    OnnxFile__Node *node = onnx_node(w, is_log ? "LogSoftmax" : "Softmax", &s.text, 1);
    onnx_set_whole(w, node, "axis", 1);
    s.text = onnx_output(node);
    return in.is_image && !channels ? onnx_image(w, s, w->layer->in) : s;
}

static inv_spot write_prelu(writer *w, inv_spot in)
{
    inv_spot s = onnx_as_is(w, in);
    s.text =
        onnx_apply2(w, "PRelu", s.text, onnx_parameter_of(w, "alpha", (inv_shape){0}, s.is_image));
    return s;
}

static inv_spot write_scale(writer *w, inv_spot in)
{
    inv_spot s =
        inv_exporting_is_row(w->layer->in) ? onnx_as_is(w, in) : onnx_image(w, in, w->layer->in);
    s.text =
        onnx_apply2(w, "Mul", s.text, onnx_parameter_of(w, "kernel", (inv_shape){0}, s.is_image));
    return s;
}

static inv_spot write_rescale(writer *w, inv_spot in)
{
    inv_spot s = onnx_as_is(w, in);
    if (w->layer->block_count > 0) {
        s.text = onnx_apply2(w, "Mul", s.text,
                             onnx_parameter_of(w, "scale", (inv_shape){0}, s.is_image));
        s.text = onnx_apply2(w, "Add", s.text,
                             onnx_parameter_of(w, "offset", (inv_shape){0}, s.is_image));
        return s;
    }
    const double offset = inv_exporting_real(w->layer, "offset");
    s.text =
        onnx_apply2(w, "Mul", s.text, onnx_say_number(w, inv_exporting_real(w->layer, "scale")));
    if (!is_zero(offset))
        s.text = onnx_apply2(w, "Add", s.text, onnx_say_number(w, offset));
    return s;
}

static inv_spot write_glu(writer *w, inv_spot in)
{
    inv_spot s = onnx_as_is(w, in);
    OnnxFile__Node *node = onnx_node(w, "Split", &s.text, 1);
    char **both = inv_exporting_keep(&w->e, 2, sizeof *both);
    onnx_set_whole(w, node, "axis", 1);
    onnx_set_whole(w, node, "num_outputs", 2);
    if (!node || !both)
        return s;
    both[0] = node->output[0];
    both[1] = (char *)onnx_own_name(w);
    node->output = both;
    node->n_output = 2;
    s.text = onnx_apply2(w, "Mul", both[0], onnx_apply1(w, "Sigmoid", both[1]));
    return s;
}

/* ---- where layers meet ---- */

static const struct {
    const char *type, *op;
    bool takes_all; /* however many */
} joins[] = {{"add", "Sum", true},     {"subtract", "Sub", false}, {"multiply", "Mul", false},
             {"divide", "Div", false}, {"average", "Mean", true},  {"maximum", "Max", true},
             {"minimum", "Min", true}};

static void set_axis(writer *w, OnnxFile__Node *node)
{
    const char *axis = inv_exporting_word(w->layer, "axis");
    onnx_set_whole(w, node, "axis",
                   strcmp(axis, "height") == 0  ? 2
                   : strcmp(axis, "width") == 0 ? 3
                                                : 1);
}

static inv_spot write_join(writer *w, inv_spot in)
{
    const size_t count = w->layer->input_count;
    const char **names = inv_exporting_keep(&w->e, count, sizeof *names);
    bool any = !inv_exporting_is_row(w->layer->out);
    (void)in;
    for (size_t i = 0; i < count; i++)
        any = any || w->e.spots[w->layer->inputs[i].point].is_image;
    for (size_t i = 0; names && i < count; i++) {
        const inv_input *from = &w->layer->inputs[i];
        names[i] = any ? onnx_image(w, w->e.spots[from->point], from->shape).text
                       : onnx_row(w, w->e.spots[from->point], from->shape, false).text;
    }
    inv_spot s = {.text = names ? names[0] : "", .is_image = any};
    if (names && inv_exporting_is(w->layer, "concat")) {
        OnnxFile__Node *node = onnx_node(w, "Concat", names, count);
        set_axis(w, node);
        s.text = onnx_output(node);
    }
    for (size_t k = 0; names && k < sizeof joins / sizeof *joins; k++) {
        if (!inv_exporting_is(w->layer, joins[k].type))
            continue;
        if (count == 2 && strcmp(joins[k].op, "Sum") == 0)
            s.text = onnx_apply2(w, "Add", names[0], names[1]);
        else if (joins[k].takes_all)
            s.text = onnx_output(onnx_node(w, joins[k].op, names, count));
        for (size_t i = 1; !joins[k].takes_all && i < count; i++)
            s.text = onnx_apply2(w, joins[k].op, s.text, names[i]);
    }
    return s;
}

/* ---- the table ---- */

static inv_spot write_nothing(writer *w, inv_spot in)
{
    (void)w;
    return in;
}

const inv_layer_row onnx_rows[] = {
    {"dense", write_dense},
    {"inverse_dense", write_inverse_dense},
    {"conv2d", write_conv},
    {"depthwise_conv2d", write_conv},
    {"conv2d_transpose", write_conv},
    {"local", write_local},
    {"max_pool", write_pool},
    {"avg_pool", write_pool},
    {"global_avg_pool", write_global_pool},
    {"global_max_pool", write_global_pool},
    {"adaptive_avg_pool", onnx_write_adaptive_mean},
    {"adaptive_max_pool", onnx_refuse_adaptive_max},
    {"pad", onnx_write_pad},
    {"crop", onnx_write_pad},
    {"slice", onnx_write_slice},
    {"upsample", onnx_write_upsample},
    {"depth_to_space", onnx_write_depth_to_space},
    {"space_to_depth", onnx_write_space_to_depth},
    {"lrn", onnx_write_lrn},
    {"reshape", write_reshape},
    {"flatten", write_flatten},
    {"permute", write_permute},
    {"batch_norm", write_batch_norm},
    {"inverse_batch_norm", write_inverse_batch_norm},
    {"inverse_scale", write_inverse_scale},
    {"group_norm", write_group_norm},
    {"layer_norm", write_layer_norm},
    {"relu", write_relu},
    {"gelu", write_gelu},
    {"hard_tanh", write_clip},
    {"softmax", write_softmax},
    {"log_softmax", write_softmax},
    {"prelu", write_prelu},
    {"scale", write_scale},
    {"rescale", write_rescale},
    {"glu", write_glu},
    {"add", write_join},
    {"subtract", write_join},
    {"multiply", write_join},
    {"divide", write_join},
    {"average", write_join},
    {"maximum", write_join},
    {"minimum", write_join},
    {"concat", write_join},
    {"dropout", write_nothing},
    {"linear", write_nothing},
    {NULL, write_formula},
};
