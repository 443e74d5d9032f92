/* Each layer as a module of PyTorch, or a line of forward (torch_writer.h).
 * Source of each module's arithmetic: PyTorch 2.15, torch.nn.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "format/formula.h"
#include "format/torch_writer.h"

/* ---- layers that weigh ---- */

static inv_spot write_dense(writer *w, inv_spot in)
{
    const inv_spot row = torch_row(w, in, w->layer->in, true);
    const inv_block *kernel = inv_exporting_block(w->layer, "kernel");
    torch_blocks(w, row.order);
    return (inv_spot){
        .text = torch_module(w, TEXT("nn.Linear(%zu, %zu)", kernel->dims[0], kernel->dims[1]),
                             row.text)};
}

static inv_spot write_inverse_dense(writer *w, inv_spot in)
{
    const inv_spot row = torch_row(w, in, w->layer->in, false);
    const inv_block *kernel = inv_exporting_block(w->layer, "kernel");
    torch_blocks(w, (inv_shape){0});
    return (inv_spot){
        .text = torch_module(w, TEXT("InverseDense(%zu, %zu)", kernel->dims[0], kernel->dims[1]),
                             row.text)};
}

static bool is_even(const inv_laid *l)
{
    return l->top == l->bottom && l->left == l->right;
}

/* The image with rows and columns around it. */
static const char *padded(writer *w, const char *x, const inv_laid *l, const char *value)
{
    const char *arch = TEXT("ConstantPad2d((%zu, %zu, %zu, %zu), %s)", l->left, l->right, l->top,
                            l->bottom, value);
    return torch_before(w, "pad", arch,
                        TEXT("F.pad(%s, (%zu, %zu, %zu, %zu), value=%s)", x, l->left, l->right,
                             l->top, l->bottom, strcmp(value, "0") == 0 ? "0" : "float('-inf')"));
}

static inv_spot write_conv(writer *w, inv_spot in)
{
    const bool is_depthwise = inv_exporting_is(w->layer, "depthwise_conv2d");
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape s = w->layer->in;
    const size_t groups = is_depthwise ? s.channels : inv_exporting_size(w->layer, "groups");
    const char *x = torch_image(w, in, s).text;
    const bool even = is_even(&l);
    if (!even)
        x = padded(w, x, &l, "0");
    torch_blocks(w, (inv_shape){0});
    const char *text =
        TEXT("nn.Conv2d(%zu, %zu, %s, stride=%s, padding=%s, dilation=%s, "
             "groups=%zu, bias=%s)",
             s.channels, w->layer->out.channels, torch_pair(w, l.w.height, l.w.width),
             torch_pair(w, l.w.stride_y, l.w.stride_x), even ? torch_pair(w, l.top, l.left) : "0",
             torch_pair(w, l.w.dilation_y, l.w.dilation_x), groups,
             inv_exporting_block(w->layer, "bias") ? "True" : "False");
    return (inv_spot){.text = torch_module(w, text, x), .is_image = true};
}

/* PyTorch cuts off as much before as behind, less its output_padding. */
static inv_spot write_conv_transpose(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape s = w->layer->in;
    size_t cut[4], more[2];
    const char *x = torch_image(w, in, s).text;
    inv_exporting_transposed(w->layer, &l, cut, more);
    const size_t most[2] = {l.w.stride_y > l.w.dilation_y ? l.w.stride_y : l.w.dilation_y,
                            l.w.stride_x > l.w.dilation_x ? l.w.stride_x : l.w.dilation_x};
    bool even = true;
    for (size_t i = 0; i < 2; i++)
        even = even && cut[i] + more[i] >= cut[2 + i] && cut[i] + more[i] - cut[2 + i] < most[i];
    torch_blocks(w, (inv_shape){0});
    const char *text =
        TEXT("nn.ConvTranspose2d(%zu, %zu, %s, stride=%s, padding=%s, output_padding=%s, "
             "groups=%zu, bias=%s, dilation=%s)",
             s.channels, w->layer->out.channels, torch_pair(w, l.w.height, l.w.width),
             torch_pair(w, l.w.stride_y, l.w.stride_x), even ? torch_pair(w, cut[0], cut[1]) : "0",
             even ? torch_pair(w, cut[0] + more[0] - cut[2], cut[1] + more[1] - cut[3])
                  : torch_pair(w, more[0], more[1]),
             inv_exporting_size(w->layer, "groups"),
             inv_exporting_block(w->layer, "bias") ? "True" : "False",
             torch_pair(w, l.w.dilation_y, l.w.dilation_x));
    x = torch_module(w, text, x);
    if (!even)
        x = torch_before(
            w, "cut", TEXT("ZeroPad2d((-%zu, -%zu, -%zu, -%zu))", cut[1], cut[3], cut[0], cut[2]),
            TEXT("F.pad(%s, (-%zu, -%zu, -%zu, -%zu))", x, cut[1], cut[3], cut[0], cut[2]));
    return (inv_spot){.text = x, .is_image = true};
}

static inv_spot write_local(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape s = w->layer->in, out = w->layer->out;
    const inv_block *kernel = inv_exporting_block(w->layer, "kernel");
    const char *x = torch_image(w, in, s).text;
    const char *bias = !inv_exporting_block(w->layer, "bias") ? "()"
                       : inv_exporting_is_row(out)
                           ? TEXT("(%zu,)", out.channels)
                           : TEXT("(%zu, %zu, %zu)", out.channels, out.height, out.width);
    torch_blocks(w, (inv_shape){0});
    const char *text = TEXT("Local((%zu, %zu, %zu), (%zu, %zu), (%zu, %zu), (%zu, %zu, %zu, %zu), "
                            "(%zu, %zu, %zu), %s)",
                            kernel->dims[0], kernel->dims[1], kernel->dims[2], l.w.height,
                            l.w.width, l.w.stride_y, l.w.stride_x, l.left, l.right, l.top, l.bottom,
                            out.channels, out.height, out.width, bias);
    return (inv_spot){.text = torch_module(w, text, x), .is_image = true};
}

/* ---- pools, and the same values in another order ---- */

static inv_spot write_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "max_pool");
    const bool counts = inv_exporting_size(w->layer, "count_padding");
    const inv_laid l = inv_exporting_windows(w->layer);
    const char *x = torch_image(w, in, w->layer->in).text, *text = NULL;
    const bool even = is_even(&l) && 2 * l.top <= l.w.height && 2 * l.left <= l.w.width;
    const char *size = torch_pair(w, l.w.height, l.w.width);
    const char *stride = torch_pair(w, l.w.stride_y, l.w.stride_x);
    const char *padding = even ? torch_pair(w, l.top, l.left) : "0";
    if (!is_max && (l.w.dilation_y > 1 || l.w.dilation_x > 1))
        inv_exporting_refuse(w->e, w->layer, "PyTorch takes no mean over windows with dilations");
    if (!even && (is_max || counts))
        x = padded(w, x, &l, is_max ? "-1e30" : "0");
    if (is_max)
        text = TEXT("nn.MaxPool2d(%s, stride=%s, padding=%s, dilation=%s)", size, stride, padding,
                    torch_pair(w, l.w.dilation_y, l.w.dilation_x));
    else if (even || counts)
        text = TEXT("nn.AvgPool2d(%s, stride=%s, padding=%s, count_include_pad=%s)", size, stride,
                    padding, counts ? "True" : "False");
    else
        text = TEXT("MeanPool(%s, %s, (%zu, %zu, %zu, %zu))", size, stride, l.left, l.right, l.top,
                    l.bottom);
    return (inv_spot){.text = torch_module(w, text, x), .is_image = true};
}

static inv_spot write_global_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "global_max_pool");
    const char *x = torch_image(w, in, w->layer->in).text;
    return (inv_spot){
        .text = torch_module(w, TEXT("nn.Adaptive%sPool2d(1)", is_max ? "Max" : "Avg"), x),
        .is_image = true};
}

static inv_spot write_reshape(writer *w, inv_spot in)
{
    const inv_spot row = torch_row(w, in, w->layer->in, false);
    return inv_exporting_is_row(w->layer->out) ? row : torch_image(w, row, w->layer->out);
}

static inv_spot write_flatten(writer *w, inv_spot in)
{
    return torch_row(w, in, w->layer->in, true);
}

static inv_spot write_permute(writer *w, inv_spot in)
{
    const char *order = inv_exporting_word(w->layer, "order"), *axes = "chw";
    const char from[3] = {order[2], order[0], order[1]};
    size_t at[3];
    const char *x = torch_image(w, in, w->layer->in).text;
    for (size_t i = 0; i < 3; i++)
        at[i] = (size_t)(strchr(axes, from[i]) - axes) + 1;
    torch_not_in_arch(w, "Permute");
    return (inv_spot){.text = TEXT("%s.permute(0, %zu, %zu, %zu)", x, at[0], at[1], at[2]),
                      .is_image = true};
}

/* ---- norms ---- */

/* PyTorch has scale and centre of each channel both, or neither: tells which, and fills up. */
static bool affine_blocks(writer *w)
{
    const size_t n = w->layer->in.channels;
    const bool gamma = inv_exporting_block(w->layer, "gamma");
    const bool beta = inv_exporting_block(w->layer, "beta");
    if (!gamma && beta)
        torch_constant(w, "weight", 1, &n, 1.0f);
    torch_blocks(w, (inv_shape){0});
    if (gamma && !beta)
        torch_constant(w, "bias", 1, &n, 0.0f);
    return gamma || beta;
}

static inv_spot write_batch_norm(writer *w, inv_spot in)
{
    const size_t n = w->layer->in.channels;
    inv_spot s = torch_as_is(w, in);
    const bool affine = affine_blocks(w);
    s.text = torch_module(w,
                          TEXT("nn.BatchNorm%dd(%zu, eps=%s, affine=%s)", s.is_image ? 2 : 1, n,
                               torch_real(w, inv_exporting_real(w->layer, "epsilon")),
                               affine ? "True" : "False"),
                          s.text);
    return s;
}

/* (channels, 1, 1) of an image, (channels,) of a row */
static const char *channel_shape(writer *w, const inv_spot *s)
{
    return TEXT(s->is_image ? "(%zu, 1, 1)" : "(%zu,)", w->layer->in.channels);
}

static inv_spot write_inverse_batch_norm(writer *w, inv_spot in)
{
    inv_spot s = torch_as_is(w, in);
    if (inv_exporting_block(w->layer, "mean")->size != w->layer->in.channels)
        inv_exporting_refuse(w->e, w->layer, "channels in a row of values are not written");
    torch_blocks(w, (inv_shape){0});
    s.text = torch_module(w,
                          TEXT("InverseBatchNorm(%s, %s, %d, %d)", channel_shape(w, &s),
                               torch_real(w, inv_exporting_real(w->layer, "epsilon")),
                               inv_exporting_block(w->layer, "gamma") ? 1 : 0,
                               inv_exporting_block(w->layer, "beta") ? 1 : 0),
                          s.text);
    return s;
}

static inv_spot write_inverse_scale(writer *w, inv_spot in)
{
    inv_spot s = torch_row(w, in, w->layer->in, false);
    torch_blocks(w, (inv_shape){0});
    s.text = torch_module(w, TEXT("InverseScale(%zu)", inv_shape_size(w->layer->in)), s.text);
    return s;
}

static inv_spot write_group_norm(writer *w, inv_spot in)
{
    const size_t n = w->layer->in.channels, groups = inv_exporting_size(w->layer, "groups");
    inv_spot s = torch_image(w, in, w->layer->in);
    const bool affine = affine_blocks(w);
    s.text = torch_module(w,
                          TEXT("nn.GroupNorm(%zu, %zu, eps=%s, affine=%s)", groups ? groups : n, n,
                               torch_real(w, inv_exporting_real(w->layer, "epsilon")),
                               affine ? "True" : "False"),
                          s.text);
    return s;
}

/* The sizes of a block as PyTorch has it, () where there is none. */
static const char *block_shape(writer *w, const char *name, bool reshaped)
{
    const char *what = NULL;
    inv_param p;
    for (size_t i = 0; inv_torch_param(w->layer, (inv_shape){0}, i, &what, &p); i++) {
        if (strcmp(p.block->name, name) != 0)
            continue;
        if (p.rank == 3)
            return TEXT("(%zu, %zu, %zu)", p.dims[0], p.dims[1], p.dims[2]);
        return TEXT(reshaped ? "(%zu, 1, 1)" : "(%zu,)", p.dims[0]);
    }
    return "()";
}

static inv_spot write_norm(writer *w, inv_spot s)
{
    static const char *const keys[3] = {"over_channels", "over_height", "over_width"};
    const char *axes = "";
    for (size_t i = 0; i < (s.is_image ? 3 : 1); i++)
        if (inv_exporting_size(w->layer, keys[i]))
            axes = TEXT("%s%zu, ", axes, i + 1);
    if (!*axes)
        inv_exporting_refuse(w->e, w->layer, "over axes of size 1 is not written");
    const char *gamma = block_shape(w, "gamma", false), *beta = block_shape(w, "beta", false);
    const char *shape = block_shape(w, strcmp(gamma, "()") != 0 ? "gamma" : "beta", s.is_image);
    torch_blocks(w, (inv_shape){0});
    s.text = torch_module(w,
                          TEXT("Norm((%s), %s, %s, %s, %s, %s)", axes, shape,
                               torch_real(w, inv_exporting_real(w->layer, "epsilon")),
                               inv_exporting_size(w->layer, "subtract_mean") ? "True" : "False",
                               gamma, beta),
                          s.text);
    return s;
}

/* Over all of an image or row, torch.nn's; its weight may be missing only where its bias is. */
static inv_spot write_layer_norm(writer *w, inv_spot in)
{
    const inv_shape shape = w->layer->in;
    inv_spot s = torch_as_is(w, in);
    const bool pixels =
        inv_exporting_size(w->layer, "over_height") && inv_exporting_size(w->layer, "over_width");
    const bool gamma = inv_exporting_block(w->layer, "gamma");
    const bool beta = inv_exporting_block(w->layer, "beta");
    if (!inv_exporting_size(w->layer, "over_channels") || !(pixels || !s.is_image) ||
        !inv_exporting_size(w->layer, "subtract_mean") || (beta && !gamma) ||
        (s.is_image && inv_exporting_is_row(shape)))
        return write_norm(w, s);
    torch_blocks(w, (inv_shape){0});
    const char *sizes = s.is_image
                            ? TEXT("(%zu, %zu, %zu)", shape.channels, shape.height, shape.width)
                            : TEXT("%zu", shape.channels);
    s.text = torch_module(w,
                          TEXT("nn.LayerNorm(%s, eps=%s, elementwise_affine=%s, bias=%s)", sizes,
                               torch_real(w, inv_exporting_real(w->layer, "epsilon")),
                               gamma ? "True" : "False", beta ? "True" : "False"),
                          s.text);
    return s;
}

/* ---- value by value ---- */

static const struct activation {
    const char *type, *module;
    struct {
        const char *argument, *key;
    } settings[2];
} activations[] = {
    {"sigmoid", "Sigmoid", {{0}}},
    {"tanh", "Tanh", {{0}}},
    {"leaky_relu", "LeakyReLU", {{"negative_slope", "alpha"}}},
    {"elu", "ELU", {{"alpha", "alpha"}}},
    {"celu", "CELU", {{"alpha", "alpha"}}},
    {"mish", "Mish", {{0}}},
    {"softsign", "Softsign", {{0}}},
    {"hard_silu", "Hardswish", {{0}}},
    {"log_sigmoid", "LogSigmoid", {{0}}},
    {"tanh_shrink", "Tanhshrink", {{0}}},
    {"soft_shrink", "Softshrink", {{"lambd", "lambda"}}},
    {"hard_shrink", "Hardshrink", {{"lambd", "lambda"}}},
    {"hard_tanh", "Hardtanh", {{"min_val", "low"}, {"max_val", "high"}}},
    {"threshold", "Threshold", {{"threshold", "threshold"}, {"value", "value"}}},
};

/* The module of a layer with the settings that PyTorch's has; NULL: there is none. */
static const char *usual(const writer *w)
{
    const inv_layer *l = w->layer;
    if (inv_exporting_is(l, "relu") && inv_exporting_has(l, "threshold", 0.0) &&
        inv_exporting_has(l, "negative_slope", 0.0))
        return inv_exporting_has(l, "max_value", 0.0)   ? "nn.ReLU()"
               : inv_exporting_has(l, "max_value", 6.0) ? "nn.ReLU6()"
                                                        : NULL;
    if (inv_exporting_is(l, "silu") && inv_exporting_has(l, "beta", 1.0))
        return "nn.SiLU()";
    if (inv_exporting_is(l, "gelu"))
        return inv_exporting_size(l, "approximate") ? "nn.GELU(approximate='tanh')" : "nn.GELU()";
    if (inv_exporting_is(l, "hard_sigmoid") && inv_exporting_has(l, "slope", 1.0 / 6.0) &&
        inv_exporting_has(l, "offset", 0.5))
        return "nn.Hardsigmoid()";
    if (inv_exporting_is(l, "selu") && inv_exporting_has(l, "alpha", 1.6732632423543772) &&
        inv_exporting_has(l, "scale", 1.0507009873554805))
        return "nn.SELU()";
    if (inv_exporting_is(l, "softplus") && inv_exporting_has(l, "beta", 1.0) &&
        inv_exporting_has(l, "threshold", 0.0))
        return "nn.Softplus()";
    if (inv_exporting_is(l, "softplus") && inv_exporting_real(l, "threshold") > 0.0)
        return "nn.Softplus(beta, threshold)";
    return NULL;
}

static const struct {
    const char *op, *text;
} operators[] = {{"add", "(%s + %s)"},
                 {"sub", "(%s - %s)"},
                 {"mul", "(%s * %s)"},
                 {"div", "(%s / %s)"},
                 {"neg", "(-%s)"},
                 {"max", "%s.clamp(min=%s)"},
                 {"min", "%s.clamp(max=%s)"},
                 {"exp", "torch.exp(%s)"},
                 {"log", "torch.log(%s)"},
                 {"sqrt", "torch.sqrt(%s)"},
                 {"abs", "torch.abs(%s)"},
                 {"erf", "torch.erf(%s)"},
                 {"tanh", "torch.tanh(%s)"},
                 {"sigmoid", "torch.sigmoid(%s)"},
                 {"greater", "(%s > %s)"},
                 {"where", "torch.where(%s, %s, %s)"}};

static inv_term say(void *context, const char *op, const inv_term *of, size_t count)
{
    writer *w = context;
    const char *in[3] = {"", "", ""}, *form = NULL;
    for (size_t i = 0; i < count; i++)
        in[i] = of[i].text ? of[i].text : torch_real(w, of[i].number);
    if (strncmp(op, "row", 3) == 0) {
        const bool is_image = w->e->spots[w->layer->inputs[0].point].is_image;
        return (inv_term){
            .text = TEXT("%s.a%s(%s, keepdim=True)", in[0], op + 3, is_image ? "(1, 2, 3)" : "1")};
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (strcmp(operators[i].op, op) == 0)
            form = operators[i].text;
    const char *out = "";
    for (const char *at = form; at && *at; at++) {
        if (at[0] != '%') {
            out = TEXT("%s%c", out, *at);
            continue;
        }
        at++;
        out = TEXT("%s%s", out, in[0]);
        in[0] = in[1];
        in[1] = in[2];
    }
    return (inv_term){.text = out};
}

static inv_spot write_formula(writer *w, inv_spot in)
{
    const inv_speaker to = {say, w};
    const inv_layer *l = w->layer;
    const char *text = usual(w);
    inv_term y = {0};
    if (text && strstr(text, "(beta"))
        text =
            TEXT("nn.Softplus(beta=%s, threshold=%s)", torch_real(w, inv_exporting_real(l, "beta")),
                 torch_real(w, inv_exporting_real(l, "threshold")));
    for (size_t i = 0; !text && i < sizeof activations / sizeof *activations; i++) {
        const struct activation *a = &activations[i];
        if (!inv_exporting_is(l, a->type))
            continue;
        const char *arguments = "";
        for (size_t k = 0; k < 2 && a->settings[k].key; k++)
            arguments = TEXT("%s%s%s=%s", arguments, k ? ", " : "", a->settings[k].argument,
                             torch_real(w, inv_exporting_real(l, a->settings[k].key)));
        text = TEXT("nn.%s(%s)", a->module, arguments);
    }
    if (text) {
        in.text = torch_module(w, text, in.text);
        return in;
    }
    /* the value is named first: a formula has it many times */
    fprintf(w->forward, "        x = %s\n", in.text);
    if (!inv_formula_say(l, (inv_term){.text = "x"}, &to, &y))
        inv_exporting_refuse(w->e, l, "PyTorch has nothing for it");
    torch_not_in_arch(w, l->type->name);
    in.text = y.text ? y.text : "";
    return in;
}

static inv_spot write_softmax(writer *w, inv_spot in)
{
    const bool is_log = inv_exporting_is(w->layer, "log_softmax");
    const bool channels = strcmp(inv_exporting_word(w->layer, "over"), "channels") == 0;
    inv_spot s = channels ? torch_as_is(w, in) : torch_row(w, in, w->layer->in, true);
    s.text = torch_module(w, is_log ? "nn.LogSoftmax(dim=1)" : "nn.Softmax(dim=1)", s.text);
    return in.is_image && !channels ? torch_image(w, s, w->layer->in) : s;
}

static inv_spot write_prelu(writer *w, inv_spot in)
{
    inv_spot s = torch_as_is(w, in);
    const char *shape = block_shape(w, "alpha", s.is_image);
    torch_blocks(w, (inv_shape){0});
    const inv_block *alpha = inv_exporting_block(w->layer, "alpha");
    s.text = torch_module(w,
                          alpha->dims[0] == 1 && alpha->dims[1] == 1
                              ? TEXT("nn.PReLU(%zu)", alpha->dims[2])
                              : TEXT("Slope(%s)", shape),
                          s.text);
    return s;
}

static inv_spot write_scale(writer *w, inv_spot in)
{
    inv_spot s = inv_exporting_is_row(w->layer->in) ? torch_row(w, in, w->layer->in, false)
                                                    : torch_image(w, in, w->layer->in);
    const char *shape = block_shape(w, "kernel", false);
    torch_blocks(w, (inv_shape){0});
    s.text = torch_module(w, TEXT("Scale(%s)", shape), s.text);
    return s;
}

static inv_spot write_rescale(writer *w, inv_spot in)
{
    inv_spot s = torch_as_is(w, in);
    if (w->layer->block_count > 0) {
        const char *size = block_shape(w, "scale", false);
        const char *shape = block_shape(w, "scale", s.is_image);
        torch_blocks(w, (inv_shape){0});
        s.text = torch_module(w, TEXT("Affine(%s, %s)", size, shape), s.text);
        return s;
    }
    torch_not_in_arch(w, "Rescale");
    s.text = TEXT("(%s * %s + %s)", s.text, torch_real(w, inv_exporting_real(w->layer, "scale")),
                  torch_real(w, inv_exporting_real(w->layer, "offset")));
    return s;
}

static inv_spot write_glu(writer *w, inv_spot in)
{
    inv_spot s = torch_as_is(w, in);
    s.text = torch_module(w, "nn.GLU(dim=1)", s.text);
    return s;
}

static inv_spot write_dropout(writer *w, inv_spot in)
{
    in.text = torch_module(
        w, TEXT("nn.Dropout(%s)", torch_real(w, inv_exporting_real(w->layer, "rate"))), in.text);
    return in;
}

static inv_spot write_linear(writer *w, inv_spot in)
{
    in.text = torch_module(w, "nn.Identity()", in.text);
    return in;
}

/* ---- where layers meet ---- */

static const struct {
    const char *type, *arch, *between; /* between two of them; NULL: a call */
} joins[] = {{"add", "Add()", " + "},    {"subtract", "Sub()", " - "}, {"multiply", "Mul()", " * "},
             {"divide", "Div()", " / "}, {"average", "Mean()", " + "}, {"maximum", "Max()", NULL},
             {"minimum", "Min()", NULL}, {"concat", "Concat()", ", "}};

/* What a point is called for --arch. */
const char *torch_arch_name(const writer *w, size_t point)
{
    return point ? w->names[point - 1] : "input";
}

static inv_spot write_join(writer *w, inv_spot in)
{
    const size_t count = w->layer->input_count;
    bool any = !inv_exporting_is_row(w->layer->out);
    const char *text = "", *from = " <- ";
    size_t k = 0;
    (void)in;
    while (k + 1 < sizeof joins / sizeof *joins && !inv_exporting_is(w->layer, joins[k].type))
        k++;
    for (size_t i = 0; i < count; i++)
        any = any || w->e->spots[w->layer->inputs[i].point].is_image;
    for (size_t i = 0; i < count; i++) {
        const inv_input *input = &w->layer->inputs[i];
        const char *x = any ? torch_image(w, w->e->spots[input->point], input->shape).text
                            : torch_row(w, w->e->spots[input->point], input->shape, false).text;
        from = TEXT("%s%s%s", from, i ? ", " : "", torch_arch_name(w, input->point));
        if (i > 0 && !joins[k].between)
            text = TEXT("torch.%s(%s, %s)", joins[k].type, text, x);
        else
            text = TEXT("%s%s%s", text, i ? joins[k].between : "", x);
    }
    w->from = from;
    torch_arch_line(w, w->names[w->number], joins[k].arch);
    const char *axis = inv_exporting_word(w->layer, "axis");
    if (inv_exporting_is(w->layer, "concat"))
        text = TEXT("torch.cat((%s), dim=%d)", text,
                    strcmp(axis, "height") == 0  ? 2
                    : strcmp(axis, "width") == 0 ? 3
                                                 : 1);
    else if (inv_exporting_is(w->layer, "average"))
        text = TEXT("(%s) / %zu", text, count);
    else if (joins[k].between)
        text = TEXT("(%s)", text);
    return (inv_spot){.text = text, .is_image = any};
}

/* ---- the table ---- */

const inv_layer_row torch_rows[] = {
    {"dense", write_dense},
    {"inverse_dense", write_inverse_dense},
    {"conv2d", write_conv},
    {"depthwise_conv2d", write_conv},
    {"conv2d_transpose", write_conv_transpose},
    {"local", write_local},
    {"max_pool", write_pool},
    {"avg_pool", write_pool},
    {"global_avg_pool", write_global_pool},
    {"global_max_pool", write_global_pool},
    {"adaptive_avg_pool", torch_write_adaptive},
    {"adaptive_max_pool", torch_write_adaptive},
    {"pad", torch_write_pad},
    {"crop", torch_write_pad},
    {"slice", torch_write_slice},
    {"upsample", torch_write_upsample},
    {"depth_to_space", torch_write_blocks},
    {"space_to_depth", torch_write_blocks},
    {"lrn", torch_write_lrn},
    {"reshape", write_reshape},
    {"flatten", write_flatten},
    {"permute", write_permute},
    {"batch_norm", write_batch_norm},
    {"inverse_batch_norm", write_inverse_batch_norm},
    {"inverse_scale", write_inverse_scale},
    {"group_norm", write_group_norm},
    {"layer_norm", write_layer_norm},
    {"softmax", write_softmax},
    {"log_softmax", write_softmax},
    {"prelu", write_prelu},
    {"scale", write_scale},
    {"rescale", write_rescale},
    {"glu", write_glu},
    {"dropout", write_dropout},
    {"linear", write_linear},
    {"add", write_join},
    {"subtract", write_join},
    {"multiply", write_join},
    {"divide", write_join},
    {"average", write_join},
    {"maximum", write_join},
    {"minimum", write_join},
    {"concat", write_join},
    {NULL, write_formula},
};
