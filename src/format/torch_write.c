/* A net as a module of PyTorch: its parameters, and the Python that makes it of them (torch.h).
 *
 * Images are channels x height x width there. A layer that torch.nn has a module for becomes that, of the
 * layer's name; one that is a formula stands in forward; what is left is a class of a few lines that
 * the text brings along. The text begins with the lines that --arch takes, for the parameters may be
 * saved again by a program that leaves out the metadata.
 * Source of each module's arithmetic: PyTorch 2.15, torch.nn.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/formula.h"
#include "format/torch.h"

typedef struct helper {
    const char *name, *text;
    bool is_used;
} helper;

struct writer {
    inv_named_net *net;
    inv_exporting *e;
    FILE *arch, *init, *forward; /* the three parts of the text */
    char *texts[3];
    size_t sizes[3];
    char (*names)[INV_NAME_MAX]; /* of each layer's module */
    const inv_layer *layer;
    size_t number;
    const char *from; /* what the line for --arch has between name and colon, " <- a, b" */
    helper *helpers;
};

/* Classes that torch.nn does not have. */
static const helper all_helpers[] = {
    {"InverseDense",
     "class InverseDense(nn.Module):\n"
     "    def __init__(self, inputs, outputs):\n"
     "        super().__init__()\n"
     "        self.weight = nn.Parameter(torch.zeros(outputs, inputs))\n"
     "        self.register_buffer('bias', torch.zeros(inputs))\n\n"
     "    def forward(self, x):\n"
     "        return F.linear(x - self.bias, self.weight)\n",
     false},
    {"InverseBatchNorm",
     "class InverseBatchNorm(nn.Module):\n"
     "    def __init__(self, shape, eps, weight, bias):\n"
     "        super().__init__()\n"
     "        self.eps = eps\n"
     "        names = ['running_mean', 'running_var'] + weight * ['weight'] + bias * ['bias']\n"
     "        for name in names:\n"
     "            self.register_buffer(name, torch.ones(shape[0]))\n"
     "        self.shape = shape\n\n"
     "    def forward(self, x):\n"
     "        factor = torch.sqrt(self.running_var + self.eps)\n"
     "        if hasattr(self, 'weight'):\n"
     "            factor = torch.where(self.weight.abs() < 1e-6, 0.0, factor / self.weight)\n"
     "        if hasattr(self, 'bias'):\n"
     "            x = x - self.bias.reshape(self.shape)\n"
     "        return x * factor.reshape(self.shape) + self.running_mean.reshape(self.shape)\n",
     false},
    {"InverseScale",
     "class InverseScale(nn.Module):\n"
     "    def __init__(self, size):\n"
     "        super().__init__()\n"
     "        self.register_buffer('weight', torch.ones(size))\n\n"
     "    def forward(self, x):\n"
     "        return torch.where(self.weight.abs() < 1e-6, 0.0, x / self.weight)\n",
     false},
    {"Local",
     "class Local(nn.Module):\n"
     "    def __init__(self, weight, size, stride, pad, shape, bias):\n"
     "        super().__init__()\n"
     "        self.size, self.stride, self.pad, self.shape = size, stride, pad, shape\n"
     "        self.weight = nn.Parameter(torch.zeros(weight))\n"
     "        self.bias = nn.Parameter(torch.zeros(bias)) if bias else None\n\n"
     "    def forward(self, x):\n"
     "        x = F.unfold(F.pad(x, self.pad), self.size, stride=self.stride)\n"
     "        x = torch.einsum('bvp,pvo->bop', x, self.weight).reshape(-1, *self.shape)\n"
     "        return x if self.bias is None else x + self.bias.reshape(self.shape)\n",
     false},
    {"MeanPool", /* without what lies around the image */
     "class MeanPool(nn.Module):\n"
     "    def __init__(self, size, stride, pad):\n"
     "        super().__init__()\n"
     "        self.size, self.stride, self.pad = size, stride, pad\n\n"
     "    def forward(self, x):\n"
     "        def mean(x):\n"
     "            return F.avg_pool2d(F.pad(x, self.pad), self.size, self.stride)\n"
     "        return mean(x) / mean(torch.ones_like(x[:1]))\n",
     false},
    {"Norm",
     "class Norm(nn.Module):\n"
     "    def __init__(self, axes, shape, eps, subtract_mean, weight, bias):\n"
     "        super().__init__()\n"
     "        self.axes, self.shape, self.eps, self.subtract = axes, shape, eps, subtract_mean\n"
     "        self.weight = nn.Parameter(torch.ones(weight)) if weight else None\n"
     "        self.bias = nn.Parameter(torch.zeros(bias)) if bias else None\n\n"
     "    def forward(self, x):\n"
     "        if self.subtract:\n"
     "            x = x - x.mean(self.axes, keepdim=True)\n"
     "        x = x / torch.sqrt(x.square().mean(self.axes, keepdim=True) + self.eps)\n"
     "        x = x if self.weight is None else x * self.weight.reshape(self.shape)\n"
     "        return x if self.bias is None else x + self.bias.reshape(self.shape)\n",
     false},
    {"Slope",
     "class Slope(nn.Module):\n"
     "    def __init__(self, size):\n"
     "        super().__init__()\n"
     "        self.weight = nn.Parameter(torch.zeros(size))\n\n"
     "    def forward(self, x):\n"
     "        return torch.where(x > 0, x, self.weight * x)\n",
     false},
    {"Scale",
     "class Scale(nn.Module):\n"
     "    def __init__(self, size):\n"
     "        super().__init__()\n"
     "        self.weight = nn.Parameter(torch.ones(size))\n\n"
     "    def forward(self, x):\n"
     "        return self.weight * x\n",
     false},
    {"Affine",
     "class Affine(nn.Module):\n"
     "    def __init__(self, size, shape):\n"
     "        super().__init__()\n"
     "        self.shape = shape\n"
     "        self.register_buffer('scale', torch.ones(size))\n"
     "        self.register_buffer('offset', torch.zeros(size))\n\n"
     "    def forward(self, x):\n"
     "        return self.scale.reshape(self.shape) * x + self.offset.reshape(self.shape)\n",
     false}};

enum { HELPERS = sizeof all_helpers / sizeof *all_helpers };

/* ---- texts ---- */

#define TEXT(...) text_of(w, inv_exporting_text(w->e, __VA_ARGS__))

static const char *text_of(const writer *w, const char *text)
{
    (void)w;
    return text ? text : "";
}

/* A number as short as it can be said. */
static const char *real(writer *w, double value)
{
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) >= value && strtod(text, NULL) <= value)
            break;
    }
    return TEXT("%s", text);
}

/* (3, 5), or 3 where both are. */
static const char *pair(writer *w, size_t a, size_t b)
{
    return a == b ? TEXT("%zu", a) : TEXT("(%zu, %zu)", a, b);
}

/* ---- modules ---- */

/* "NAME: Type(arguments)" for --arch. */
static void say_arch(writer *w, const char *name, const char *module)
{
    if (strncmp(module, "nn.", 3) == 0)
        module += 3;
    fprintf(w->arch, "%s%s: %s\n", name, w->from, module);
    w->from = "";
}

static void use_helper(writer *w, const char *module)
{
    for (size_t i = 0; i < HELPERS; i++) {
        const size_t length = strlen(w->helpers[i].name);
        if (strncmp(module, w->helpers[i].name, length) == 0 && module[length] == '(')
            w->helpers[i].is_used = true;
    }
}

/* Makes the layer's module, and calls it. */
static const char *module(writer *w, const char *text, const char *x)
{
    const char *name = w->names[w->number];
    say_arch(w, name, text);
    use_helper(w, text);
    fprintf(w->init, "        self.%s = %s\n", name, text);
    return TEXT("self.%s(%s)", name, x);
}

/* What a layer needs before it, in forward alone: `arch` is its module for --arch. */
static const char *before(writer *w, const char *what, const char *arch, const char *text)
{
    const char *name = TEXT("%s_%s", w->names[w->number], what);
    say_arch(w, name, arch);
    return text;
}

/* Something that --arch has no module for. */
static void not_in_arch(writer *w, const char *what)
{
    say_arch(w, w->names[w->number], TEXT("%s()", what));
}

/* ---- arrays ---- */

static void add_array(writer *w, const char *what, const inv_param *p, const float *values)
{
    inv_named_net *n = w->net;
    if (n->count == n->room) {
        const size_t room = 2 * n->room + 16;
        inv_named *more = reallocarray(n->list, room, sizeof *more);
        if (!more) {
            if (w->e->status == INV_OK)
                w->e->status = INV_ERROR(INV_ENOMEM, "%s: no memory", w->e->what->file);
            return;
        }
        n->list = more;
        n->room = room;
    }
    inv_named *a = &n->list[n->count];
    *a = (inv_named){.name = inv_exporting_text(w->e, "%s.%s", w->names[w->number], what),
                     .rank = p->rank,
                     .values = values};
    memcpy(a->dims, p->dims, sizeof a->dims);
    n->count += a->name && values;
}

/* All of the layer's blocks. */
static void put_blocks(writer *w, inv_shape order)
{
    const char *what = NULL;
    inv_param p;
    for (size_t i = 0; inv_torch_param(w->layer, order, i, &what, &p); i++) {
        const char *path = TEXT("/%s.%s", w->names[w->number], what);
        const float *values = inv_exporting_put(w->e, &p, path);
        if (values)
            add_array(w, what, &p, values);
    }
}

/* An array that the module has, and the layer not: all its values are the same. */
static void put_constant(writer *w, const char *what, size_t rank, const size_t *dims, float value)
{
    inv_param p = {.rank = rank};
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= p.dims[i] = dims[i];
    float *values = inv_exporting_keep(w->e, count, sizeof *values);
    for (size_t i = 0; values && i < count; i++)
        values[i] = value;
    if (values)
        add_array(w, what, &p, values);
}

/* ---- from images to rows and back ---- */

static inv_spot as_row(writer *w, inv_spot s, inv_shape shape, bool any_order)
{
    const bool ordered = inv_exporting_is_row(shape) || shape.channels == 1;
    if (s.is_image) {
        if (ordered || any_order)
            s.text = before(w, "flat", "Flatten()", TEXT("%s.flatten(1)", s.text));
        else
            s.text = before(w, "flat", "FlattenChannelsLast()",
                            TEXT("%s.permute(0, 2, 3, 1).flatten(1)", s.text));
        s.is_image = false;
        if (!ordered && any_order)
            s.order = shape;
    } else if (s.order.channels && !any_order) {
        s.text = before(w, "turned", "ChannelsLast()",
                        TEXT("%s.unflatten(1, (%zu, %zu, %zu)).permute(0, 2, 3, 1).flatten(1)",
                             s.text, s.order.channels, s.order.height, s.order.width));
        s.order = (inv_shape){0};
    }
    return s;
}

static inv_spot as_image(writer *w, inv_spot s, inv_shape shape)
{
    if (s.is_image)
        return s;
    s = as_row(w, s, shape, false);
    if (inv_exporting_is_row(shape) || shape.channels == 1)
        s.text =
            before(w, "image",
                   TEXT("Unflatten(1, (%zu, %zu, %zu))", shape.channels, shape.height, shape.width),
                   TEXT("%s.unflatten(1, (%zu, %zu, %zu))", s.text, shape.channels, shape.height,
                        shape.width));
    else
        s.text = before(w, "image", "UnflattenChannelsLast()",
                        TEXT("%s.unflatten(1, (%zu, %zu, %zu)).permute(0, 3, 1, 2)", s.text,
                             shape.height, shape.width, shape.channels));
    s.is_image = true;
    return s;
}

static inv_spot input_as_is(writer *w, inv_spot in)
{
    return in.is_image ? in : as_row(w, in, w->layer->in, false);
}

/* ---- layers that weigh ---- */

static inv_spot write_dense(writer *w, inv_spot in)
{
    const inv_spot row = as_row(w, in, w->layer->in, true);
    const inv_block *kernel = inv_exporting_block(w->layer, "kernel");
    put_blocks(w, row.order);
    return (inv_spot){
        .text = module(w, TEXT("nn.Linear(%zu, %zu)", kernel->dims[0], kernel->dims[1]), row.text)};
}

static inv_spot write_inverse_dense(writer *w, inv_spot in)
{
    const inv_spot row = as_row(w, in, w->layer->in, false);
    const inv_block *kernel = inv_exporting_block(w->layer, "kernel");
    put_blocks(w, (inv_shape){0});
    return (inv_spot){
        .text =
            module(w, TEXT("InverseDense(%zu, %zu)", kernel->dims[0], kernel->dims[1]), row.text)};
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
    return before(w, "pad", arch,
                  TEXT("F.pad(%s, (%zu, %zu, %zu, %zu), value=%s)", x, l->left, l->right, l->top,
                       l->bottom, strcmp(value, "0") == 0 ? "0" : "float('-inf')"));
}

static inv_spot write_conv(writer *w, inv_spot in)
{
    const bool is_depthwise = inv_exporting_is(w->layer, "depthwise_conv2d");
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape s = w->layer->in;
    const size_t groups = is_depthwise ? s.channels : inv_exporting_size(w->layer, "groups");
    const char *x = as_image(w, in, s).text;
    const bool even = is_even(&l);
    if (!even)
        x = padded(w, x, &l, "0");
    put_blocks(w, (inv_shape){0});
    const char *text =
        TEXT("nn.Conv2d(%zu, %zu, %s, stride=%s, padding=%s, dilation=%s, "
             "groups=%zu, bias=%s)",
             s.channels, w->layer->out.channels, pair(w, l.w.height, l.w.width),
             pair(w, l.w.stride_y, l.w.stride_x), even ? pair(w, l.top, l.left) : "0",
             pair(w, l.w.dilation_y, l.w.dilation_x), groups,
             inv_exporting_block(w->layer, "bias") ? "True" : "False");
    return (inv_spot){.text = module(w, text, x), .is_image = true};
}

/* PyTorch cuts off as much before as behind, less its output_padding. */
static inv_spot write_conv_transpose(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape s = w->layer->in;
    size_t cut[4], more[2];
    const char *x = as_image(w, in, s).text;
    inv_exporting_transposed(w->layer, &l, cut, more);
    const size_t most[2] = {l.w.stride_y > l.w.dilation_y ? l.w.stride_y : l.w.dilation_y,
                            l.w.stride_x > l.w.dilation_x ? l.w.stride_x : l.w.dilation_x};
    bool even = true;
    for (size_t i = 0; i < 2; i++)
        even = even && cut[i] + more[i] >= cut[2 + i] && cut[i] + more[i] - cut[2 + i] < most[i];
    put_blocks(w, (inv_shape){0});
    const char *text =
        TEXT("nn.ConvTranspose2d(%zu, %zu, %s, stride=%s, padding=%s, output_padding=%s, "
             "groups=%zu, bias=%s, dilation=%s)",
             s.channels, w->layer->out.channels, pair(w, l.w.height, l.w.width),
             pair(w, l.w.stride_y, l.w.stride_x), even ? pair(w, cut[0], cut[1]) : "0",
             even ? pair(w, cut[0] + more[0] - cut[2], cut[1] + more[1] - cut[3])
                  : pair(w, more[0], more[1]),
             inv_exporting_size(w->layer, "groups"),
             inv_exporting_block(w->layer, "bias") ? "True" : "False",
             pair(w, l.w.dilation_y, l.w.dilation_x));
    x = module(w, text, x);
    if (!even)
        x = before(w, "cut",
                   TEXT("ZeroPad2d((-%zu, -%zu, -%zu, -%zu))", cut[1], cut[3], cut[0], cut[2]),
                   TEXT("F.pad(%s, (-%zu, -%zu, -%zu, -%zu))", x, cut[1], cut[3], cut[0], cut[2]));
    return (inv_spot){.text = x, .is_image = true};
}

static inv_spot write_local(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape s = w->layer->in, out = w->layer->out;
    const inv_block *kernel = inv_exporting_block(w->layer, "kernel");
    const char *x = as_image(w, in, s).text;
    const char *bias = !inv_exporting_block(w->layer, "bias") ? "()"
                       : inv_exporting_is_row(out)
                           ? TEXT("(%zu,)", out.channels)
                           : TEXT("(%zu, %zu, %zu)", out.channels, out.height, out.width);
    put_blocks(w, (inv_shape){0});
    const char *text = TEXT("Local((%zu, %zu, %zu), (%zu, %zu), (%zu, %zu), (%zu, %zu, %zu, %zu), "
                            "(%zu, %zu, %zu), %s)",
                            kernel->dims[0], kernel->dims[1], kernel->dims[2], l.w.height,
                            l.w.width, l.w.stride_y, l.w.stride_x, l.left, l.right, l.top, l.bottom,
                            out.channels, out.height, out.width, bias);
    return (inv_spot){.text = module(w, text, x), .is_image = true};
}

/* ---- pools, sizes ---- */

static inv_spot write_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "max_pool");
    const bool counts = inv_exporting_size(w->layer, "count_padding");
    const inv_laid l = inv_exporting_windows(w->layer);
    const char *x = as_image(w, in, w->layer->in).text, *text = NULL;
    const bool even = is_even(&l) && 2 * l.top <= l.w.height && 2 * l.left <= l.w.width;
    const char *size = pair(w, l.w.height, l.w.width);
    const char *stride = pair(w, l.w.stride_y, l.w.stride_x);
    const char *padding = even ? pair(w, l.top, l.left) : "0";
    if (!even && (is_max || counts))
        x = padded(w, x, &l, is_max ? "-1e30" : "0");
    if (is_max)
        text = TEXT("nn.MaxPool2d(%s, stride=%s, padding=%s, dilation=%s)", size, stride, padding,
                    pair(w, l.w.dilation_y, l.w.dilation_x));
    else if (even || counts)
        text = TEXT("nn.AvgPool2d(%s, stride=%s, padding=%s, count_include_pad=%s)", size, stride,
                    padding, counts ? "True" : "False");
    else
        text = TEXT("MeanPool(%s, %s, (%zu, %zu, %zu, %zu))", size, stride, l.left, l.right, l.top,
                    l.bottom);
    return (inv_spot){.text = module(w, text, x), .is_image = true};
}

static inv_spot write_global_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "global_max_pool");
    const char *x = as_image(w, in, w->layer->in).text;
    return (inv_spot){.text = module(w, TEXT("nn.Adaptive%sPool2d(1)", is_max ? "Max" : "Avg"), x),
                      .is_image = true};
}

static inv_spot write_pad(writer *w, inv_spot in)
{
    static const char *const modes[][2] = {
        {"edge", "Replication"}, {"reflect", "Reflection"}, {"wrap", "Circular"}};
    const char *sign = inv_exporting_is(w->layer, "crop") ? "-" : "", *type = "Constant";
    const char *mode = inv_exporting_word(w->layer, "mode");
    for (size_t i = 0; i < 3; i++)
        type = strcmp(mode, modes[i][0]) == 0 ? modes[i][1] : type;
    const char *value = strcmp(type, "Constant") != 0
                            ? ""
                            : TEXT(", %s", real(w, inv_exporting_real(w->layer, "value")));
    const char *x = as_image(w, in, w->layer->in).text;
    const char *text = TEXT(
        "nn.%sPad2d((%s%zu, %s%zu, %s%zu, %s%zu)%s)", type, sign,
        inv_exporting_size(w->layer, "left"), sign, inv_exporting_size(w->layer, "right"), sign,
        inv_exporting_size(w->layer, "top"), sign, inv_exporting_size(w->layer, "bottom"), value);
    return (inv_spot){.text = module(w, text, x), .is_image = true};
}

static inv_spot write_upsample(writer *w, inv_spot in)
{
    const inv_shape out = w->layer->out;
    const bool is_linear = strcmp(inv_exporting_word(w->layer, "interpolation"), "bilinear") == 0;
    const bool corners = inv_exporting_size(w->layer, "align_corners");
    const char *x = as_image(w, in, w->layer->in).text;
    const char *text = TEXT("nn.Upsample(size=(%zu, %zu), mode='%s'%s)", out.height, out.width,
                            is_linear ? "bilinear" : "nearest",
                            !is_linear ? ""
                            : corners  ? ", align_corners=True"
                                       : ", align_corners=False");
    return (inv_spot){.text = module(w, text, x), .is_image = true};
}

static inv_spot write_reshape(writer *w, inv_spot in)
{
    const inv_spot row = as_row(w, in, w->layer->in, false);
    return inv_exporting_is_row(w->layer->out) ? row : as_image(w, row, w->layer->out);
}

static inv_spot write_flatten(writer *w, inv_spot in)
{
    return as_row(w, in, w->layer->in, true);
}

static inv_spot write_permute(writer *w, inv_spot in)
{
    const char *order = inv_exporting_word(w->layer, "order"), *axes = "chw";
    const char from[3] = {order[2], order[0], order[1]};
    size_t at[3];
    const char *x = as_image(w, in, w->layer->in).text;
    for (size_t i = 0; i < 3; i++)
        at[i] = (size_t)(strchr(axes, from[i]) - axes) + 1;
    not_in_arch(w, "Permute");
    return (inv_spot){.text = TEXT("%s.permute(0, %zu, %zu, %zu)", x, at[0], at[1], at[2]),
                      .is_image = true};
}

/* ---- norms ---- */

static inv_spot write_batch_norm(writer *w, inv_spot in)
{
    const size_t n = w->layer->in.channels;
    const bool gamma = inv_exporting_block(w->layer, "gamma");
    const bool beta = inv_exporting_block(w->layer, "beta");
    inv_spot s = input_as_is(w, in);
    if (!gamma && beta)
        put_constant(w, "weight", 1, &n, 1.0f);
    put_blocks(w, (inv_shape){0});
    if (gamma && !beta)
        put_constant(w, "bias", 1, &n, 0.0f);
    s.text = module(w,
                    TEXT("nn.BatchNorm%dd(%zu, eps=%s, affine=%s)", s.is_image ? 2 : 1, n,
                         real(w, inv_exporting_real(w->layer, "epsilon")),
                         gamma || beta ? "True" : "False"),
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
    inv_spot s = input_as_is(w, in);
    if (inv_exporting_block(w->layer, "mean")->size != w->layer->in.channels)
        inv_exporting_refuse(w->e, w->layer, "channels in a row of values are not written");
    put_blocks(w, (inv_shape){0});
    s.text = module(w,
                    TEXT("InverseBatchNorm(%s, %s, %d, %d)", channel_shape(w, &s),
                         real(w, inv_exporting_real(w->layer, "epsilon")),
                         inv_exporting_block(w->layer, "gamma") ? 1 : 0,
                         inv_exporting_block(w->layer, "beta") ? 1 : 0),
                    s.text);
    return s;
}

static inv_spot write_inverse_scale(writer *w, inv_spot in)
{
    inv_spot s = as_row(w, in, w->layer->in, false);
    put_blocks(w, (inv_shape){0});
    s.text = module(w, TEXT("InverseScale(%zu)", inv_shape_size(w->layer->in)), s.text);
    return s;
}

static inv_spot write_group_norm(writer *w, inv_spot in)
{
    const size_t n = w->layer->in.channels, groups = inv_exporting_size(w->layer, "groups");
    const bool gamma = inv_exporting_block(w->layer, "gamma");
    const bool beta = inv_exporting_block(w->layer, "beta");
    inv_spot s = as_image(w, in, w->layer->in);
    if (!gamma && beta)
        put_constant(w, "weight", 1, &n, 1.0f);
    put_blocks(w, (inv_shape){0});
    if (gamma && !beta)
        put_constant(w, "bias", 1, &n, 0.0f);
    s.text = module(w,
                    TEXT("nn.GroupNorm(%zu, %zu, eps=%s, affine=%s)", groups ? groups : n, n,
                         real(w, inv_exporting_real(w->layer, "epsilon")),
                         gamma || beta ? "True" : "False"),
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
    put_blocks(w, (inv_shape){0});
    s.text =
        module(w,
               TEXT("Norm((%s), %s, %s, %s, %s, %s)", axes, shape,
                    real(w, inv_exporting_real(w->layer, "epsilon")),
                    inv_exporting_size(w->layer, "subtract_mean") ? "True" : "False", gamma, beta),
               s.text);
    return s;
}

/* Over all of an image or row, torch.nn's; its weight may be missing only where its bias is. */
static inv_spot write_layer_norm(writer *w, inv_spot in)
{
    const inv_shape shape = w->layer->in;
    inv_spot s = input_as_is(w, in);
    const bool pixels =
        inv_exporting_size(w->layer, "over_height") && inv_exporting_size(w->layer, "over_width");
    const bool gamma = inv_exporting_block(w->layer, "gamma");
    const bool beta = inv_exporting_block(w->layer, "beta");
    if (!inv_exporting_size(w->layer, "over_channels") || !(pixels || !s.is_image) ||
        !inv_exporting_size(w->layer, "subtract_mean") || (beta && !gamma) ||
        (s.is_image && inv_exporting_is_row(shape)))
        return write_norm(w, s);
    put_blocks(w, (inv_shape){0});
    const char *sizes = s.is_image
                            ? TEXT("(%zu, %zu, %zu)", shape.channels, shape.height, shape.width)
                            : TEXT("%zu", shape.channels);
    s.text = module(w,
                    TEXT("nn.LayerNorm(%s, eps=%s, elementwise_affine=%s, bias=%s)", sizes,
                         real(w, inv_exporting_real(w->layer, "epsilon")), gamma ? "True" : "False",
                         beta ? "True" : "False"),
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
        in[i] = of[i].text ? of[i].text : real(w, of[i].number);
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
        text = TEXT("nn.Softplus(beta=%s, threshold=%s)", real(w, inv_exporting_real(l, "beta")),
                    real(w, inv_exporting_real(l, "threshold")));
    for (size_t i = 0; !text && i < sizeof activations / sizeof *activations; i++) {
        const struct activation *a = &activations[i];
        if (!inv_exporting_is(l, a->type))
            continue;
        const char *arguments = "";
        for (size_t k = 0; k < 2 && a->settings[k].key; k++)
            arguments = TEXT("%s%s%s=%s", arguments, k ? ", " : "", a->settings[k].argument,
                             real(w, inv_exporting_real(l, a->settings[k].key)));
        text = TEXT("nn.%s(%s)", a->module, arguments);
    }
    if (text) {
        in.text = module(w, text, in.text);
        return in;
    }
    /* the value is named first: a formula has it many times */
    fprintf(w->forward, "        x = %s\n", in.text);
    if (!inv_formula_say(l, (inv_term){.text = "x"}, &to, &y))
        inv_exporting_refuse(w->e, l, "PyTorch has nothing for it");
    not_in_arch(w, l->type->name);
    in.text = y.text ? y.text : "";
    return in;
}

static inv_spot write_softmax(writer *w, inv_spot in)
{
    const bool is_log = inv_exporting_is(w->layer, "log_softmax");
    const bool channels = strcmp(inv_exporting_word(w->layer, "over"), "channels") == 0;
    inv_spot s = channels ? input_as_is(w, in) : as_row(w, in, w->layer->in, true);
    s.text = module(w, is_log ? "nn.LogSoftmax(dim=1)" : "nn.Softmax(dim=1)", s.text);
    return in.is_image && !channels ? as_image(w, s, w->layer->in) : s;
}

static inv_spot write_prelu(writer *w, inv_spot in)
{
    inv_spot s = input_as_is(w, in);
    const char *shape = block_shape(w, "alpha", s.is_image);
    put_blocks(w, (inv_shape){0});
    const inv_block *alpha = inv_exporting_block(w->layer, "alpha");
    s.text =
        module(w,
               alpha->dims[0] == 1 && alpha->dims[1] == 1 ? TEXT("nn.PReLU(%zu)", alpha->dims[2])
                                                          : TEXT("Slope(%s)", shape),
               s.text);
    return s;
}

static inv_spot write_scale(writer *w, inv_spot in)
{
    inv_spot s = inv_exporting_is_row(w->layer->in) ? as_row(w, in, w->layer->in, false)
                                                    : as_image(w, in, w->layer->in);
    const char *shape = block_shape(w, "kernel", false);
    put_blocks(w, (inv_shape){0});
    s.text = module(w, TEXT("Scale(%s)", shape), s.text);
    return s;
}

static inv_spot write_rescale(writer *w, inv_spot in)
{
    inv_spot s = input_as_is(w, in);
    if (w->layer->block_count > 0) {
        const char *size = block_shape(w, "scale", false);
        const char *shape = block_shape(w, "scale", s.is_image);
        put_blocks(w, (inv_shape){0});
        s.text = module(w, TEXT("Affine(%s, %s)", size, shape), s.text);
        return s;
    }
    not_in_arch(w, "Rescale");
    s.text = TEXT("(%s * %s + %s)", s.text, real(w, inv_exporting_real(w->layer, "scale")),
                  real(w, inv_exporting_real(w->layer, "offset")));
    return s;
}

static inv_spot write_glu(writer *w, inv_spot in)
{
    inv_spot s = input_as_is(w, in);
    s.text = module(w, "nn.GLU(dim=1)", s.text);
    return s;
}

static inv_spot write_dropout(writer *w, inv_spot in)
{
    in.text =
        module(w, TEXT("nn.Dropout(%s)", real(w, inv_exporting_real(w->layer, "rate"))), in.text);
    return in;
}

static inv_spot write_linear(writer *w, inv_spot in)
{
    in.text = module(w, "nn.Identity()", in.text);
    return in;
}

/* ---- where layers meet ---- */

static const struct {
    const char *type, *arch, *between; /* between two of them; NULL: a call */
} joins[] = {{"add", "Add()", " + "},    {"subtract", "Sub()", " - "}, {"multiply", "Mul()", " * "},
             {"divide", "Div()", " / "}, {"average", "Mean()", " + "}, {"maximum", "Max()", NULL},
             {"minimum", "Min()", NULL}, {"concat", "Concat()", ", "}};

/* What a point is called for --arch. */
static const char *arch_name(const writer *w, size_t point)
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
        const char *x = any ? as_image(w, w->e->spots[input->point], input->shape).text
                            : as_row(w, w->e->spots[input->point], input->shape, false).text;
        from = TEXT("%s%s%s", from, i ? ", " : "", arch_name(w, input->point));
        if (i > 0 && !joins[k].between)
            text = TEXT("torch.%s(%s, %s)", joins[k].type, text, x);
        else
            text = TEXT("%s%s%s", text, i ? joins[k].between : "", x);
    }
    w->from = from;
    say_arch(w, w->names[w->number], joins[k].arch);
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

static const inv_layer_row rows[] = {
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
    {"pad", write_pad},
    {"crop", write_pad},
    {"upsample", write_upsample},
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

static void enter(writer *w, size_t i)
{
    w->layer = inv_net_layer(w->e->net, i);
    w->number = i;
    const size_t point = w->layer->inputs[0].point;
    w->from = w->layer->input_count == 1 && point != i ? TEXT(" <- %s", arch_name(w, point)) : "";
}

static size_t leave(writer *w, size_t i, inv_spot *out)
{
    const char *name = TEXT("x%zu", i + 1);
    fprintf(w->forward, "        %s = %s\n", name, out->text);
    out->text = name;
    return 1;
}

/* ---- names ---- */

/* What a module of PyTorch has already, and what Python keeps for itself. */
static bool is_kept(const char *name)
{
    static const char *const kept[] = {
        "and",   "as",       "assert",   "async",   "await",     "break", "class",  "continue",
        "def",   "del",      "elif",     "else",    "except",    "for",   "from",   "global",
        "if",    "import",   "in",       "is",      "lambda",    "not",   "or",     "pass",
        "raise", "return",   "try",      "while",   "with",      "yield", "None",   "True",
        "False", "nonlocal", "finally",  "apply",   "cpu",       "cuda",  "double", "eval",
        "float", "forward",  "half",     "modules", "buffers",   "to",    "train",  "training",
        "type",  "xpu",      "children", "compile", "parameters"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strcmp(kept[i], name) == 0)
            return true;
    return false;
}

static void name_module(writer *w, size_t i)
{
    char stem[INV_NAME_MAX];
    const char *own = w->e->names[i];
    snprintf(stem, sizeof stem, "%s%.50s%s", isdigit((unsigned char)*own) ? "layer" : "", own,
             is_kept(own) ? "_" : "");
    for (char *c = stem; *c; c++)
        *c = isalnum((unsigned char)*c) ? *c : '_';
    snprintf(w->names[i], INV_NAME_MAX, "%s", stem);
    for (size_t n = 2, k = 0; k < i; k++)
        if (strcmp(w->names[k], w->names[i]) == 0) {
            snprintf(w->names[i], INV_NAME_MAX, "%.50s_%zu", stem, n++);
            k = (size_t)-1; /* from the start again */
        }
}

/* ---- the whole ---- */

static void start(writer *w)
{
    const inv_shape s = inv_net_shape(w->e->net, 0);
    if (inv_exporting_is_row(s))
        fprintf(w->arch, "input: %zu\n", s.channels);
    else
        fprintf(w->arch, "input: %zux%zux%zu\n", s.channels, s.height, s.width);
    for (size_t i = 0; i < inv_net_depth(w->e->net); i++)
        name_module(w, i);
}

/* Classes come as rows. */
static void end(writer *w, inv_spot s)
{
    const size_t depth = inv_net_depth(w->e->net);
    const inv_shape out = inv_net_shape(w->e->net, depth);
    if ((inv_exporting_is_row(out) && s.is_image) || s.order.channels)
        s = as_row(w, s, out, false);
    fprintf(w->forward, "        return %s\n", s.text);
}

/* One line of what pixels are. */
static const char *pixels(writer *w)
{
    const inv_export *x = w->e->what;
    if (!(x->scale > 0.0))
        return "";
    return TEXT("Pixels are bytes divided by %s: black is %s, white %s.\n", real(w, x->scale),
                real(w, x->black), real(w, x->white));
}

static char *join(writer *w)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const bool is_image = !inv_exporting_is_row(inv_net_shape(w->e->net, 0));
    if (!out)
        return NULL;
    fprintf(out,
            "\"\"\"A net that invproj exported. Load its parameters with\n\n"
            "    net = Net()\n"
            "    net.load_state_dict(safetensors.torch.load_file('FILE.safetensors'))\n"
            "    net.eval()\n\n"
            "It takes %s.\n%s\nWhat it is, as invproj reads it (--arch):\n\n%s\"\"\"\n\n"
            "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n",
            is_image ? "batch x channels x height x width" : "batch x values", pixels(w),
            w->texts[0]);
    for (size_t i = 0; i < HELPERS; i++)
        if (w->helpers[i].is_used)
            fprintf(out, "%s\n\n", w->helpers[i].text);
    fprintf(out,
            "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n%s\n"
            "    def forward(self, x0):\n%s",
            w->texts[1], w->texts[2]);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static bool open_texts(writer *w)
{
    FILE **files[3] = {&w->arch, &w->init, &w->forward};
    for (size_t i = 0; i < 3; i++)
        if (!(*files[i] = open_memstream(&w->texts[i], &w->sizes[i])))
            return false;
    return true;
}

static bool close_texts(const writer *w)
{
    FILE *const files[3] = {w->arch, w->init, w->forward};
    bool good = true;
    for (size_t i = 0; i < 3; i++)
        good = (!files[i] || fclose(files[i]) == 0) && good;
    return good;
}

static inv_status write_net(writer *w)
{
    static const inv_writing how = {rows, enter, leave};
    const size_t depth = inv_net_depth(w->e->net);
    w->names = inv_exporting_keep(w->e, depth, sizeof *w->names);
    w->helpers = inv_exporting_keep(w->e, 1, sizeof all_helpers);
    const bool opened = open_texts(w);
    const inv_spot input = {.text = "x0",
                            .is_image = !inv_exporting_is_row(inv_net_shape(w->e->net, 0))};
    if (opened && w->names && w->helpers) {
        memcpy(w->helpers, all_helpers, sizeof all_helpers);
        start(w);
        end(w, inv_exporting_layers(w->e, &how, w, input));
    }
    const bool closed = close_texts(w);
    if (w->e->status == INV_OK && opened && closed)
        w->net->source = join(w);
    for (size_t i = 0; i < 3; i++)
        free(w->texts[i]);
    if (w->e->status == INV_OK && !w->net->source)
        return INV_ERROR(INV_ENOMEM, "%s: no memory for its source", w->e->what->file);
    return w->e->status;
}

inv_status inv_torch_write(const inv_export *what, inv_exported *out, inv_named_net *net)
{
    *net = (inv_named_net){0};
    writer w = {.net = net, .e = &net->e, .from = ""};
    inv_status status = inv_exporting_open(what, "batch, channels, height, width", out, &net->e);
    return status == INV_OK ? write_net(&w) : status;
}

void inv_named_net_free(inv_named_net *net)
{
    inv_exporting_close(&net->e);
    free(net->list);
    free(net->source);
}
