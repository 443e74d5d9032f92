/* Modules, arrays and lines of Python of a net that is written for PyTorch (torch_writer.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/torch_writer.h"

/* Classes that torch.nn does not have. */
static const struct {
    const char *name, *text;
} helpers[] = {
    {"InverseDense", "class InverseDense(nn.Module):\n"
                     "    def __init__(self, inputs, outputs):\n"
                     "        super().__init__()\n"
                     "        self.weight = nn.Parameter(torch.zeros(outputs, inputs))\n"
                     "        self.register_buffer('bias', torch.zeros(inputs))\n\n"
                     "    def forward(self, x):\n"
                     "        return F.linear(x - self.bias, self.weight)\n"},
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
     "        return x * factor.reshape(self.shape) + self.running_mean.reshape(self.shape)\n"},
    {"InverseScale",
     "class InverseScale(nn.Module):\n"
     "    def __init__(self, size):\n"
     "        super().__init__()\n"
     "        self.register_buffer('weight', torch.ones(size))\n\n"
     "    def forward(self, x):\n"
     "        return torch.where(self.weight.abs() < 1e-6, 0.0, x / self.weight)\n"},
    {"Local", "class Local(nn.Module):\n"
              "    def __init__(self, weight, size, stride, pad, shape, bias):\n"
              "        super().__init__()\n"
              "        self.size, self.stride, self.pad, self.shape = size, stride, pad, shape\n"
              "        self.weight = nn.Parameter(torch.zeros(weight))\n"
              "        self.bias = nn.Parameter(torch.zeros(bias)) if bias else None\n\n"
              "    def forward(self, x):\n"
              "        x = F.unfold(F.pad(x, self.pad), self.size, stride=self.stride)\n"
              "        x = torch.einsum('bvp,pvo->bop', x, self.weight).reshape(-1, *self.shape)\n"
              "        return x if self.bias is None else x + self.bias.reshape(self.shape)\n"},
    {"MeanPool", /* without what lies around the image */
     "class MeanPool(nn.Module):\n"
     "    def __init__(self, size, stride, pad):\n"
     "        super().__init__()\n"
     "        self.size, self.stride, self.pad = size, stride, pad\n\n"
     "    def forward(self, x):\n"
     "        def mean(x):\n"
     "            return F.avg_pool2d(F.pad(x, self.pad), self.size, self.stride)\n"
     "        return mean(x) / mean(torch.ones_like(x[:1]))\n"},
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
     "        return x if self.bias is None else x + self.bias.reshape(self.shape)\n"},
    {"Slope", "class Slope(nn.Module):\n"
              "    def __init__(self, size):\n"
              "        super().__init__()\n"
              "        self.weight = nn.Parameter(torch.zeros(size))\n\n"
              "    def forward(self, x):\n"
              "        return torch.where(x > 0, x, self.weight * x)\n"},
    {"Scale", "class Scale(nn.Module):\n"
              "    def __init__(self, size):\n"
              "        super().__init__()\n"
              "        self.weight = nn.Parameter(torch.ones(size))\n\n"
              "    def forward(self, x):\n"
              "        return self.weight * x\n"},
    {"Affine",
     "class Affine(nn.Module):\n"
     "    def __init__(self, size, shape):\n"
     "        super().__init__()\n"
     "        self.shape = shape\n"
     "        self.register_buffer('scale', torch.ones(size))\n"
     "        self.register_buffer('offset', torch.zeros(size))\n\n"
     "    def forward(self, x):\n"
     "        return self.scale.reshape(self.shape) * x + self.offset.reshape(self.shape)\n"}};

enum { HELPERS = sizeof helpers / sizeof *helpers };
_Static_assert(HELPERS <= TORCH_HELPERS_MAX, "one mark for each class");

/* ---- texts ---- */

/* A number as short as it can be said. */
const char *torch_real(writer *w, double value)
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
const char *torch_pair(writer *w, size_t a, size_t b)
{
    return a == b ? TEXT("%zu", a) : TEXT("(%zu, %zu)", a, b);
}

/* ---- modules ---- */

/* "NAME: Type(arguments)" for --arch. */
void torch_arch_line(writer *w, const char *name, const char *module)
{
    if (strncmp(module, "nn.", 3) == 0)
        module += 3;
    fprintf(w->arch, "%s%s: %s\n", name, w->from, module);
    w->from = "";
}

static void use_helper(writer *w, const char *module)
{
    for (size_t i = 0; i < HELPERS; i++) {
        const size_t length = strlen(helpers[i].name);
        if (strncmp(module, helpers[i].name, length) == 0 && module[length] == '(')
            w->is_used[i] = true;
    }
}

void torch_say_helpers(const writer *w, FILE *out)
{
    for (size_t i = 0; i < HELPERS; i++)
        if (w->is_used[i])
            fprintf(out, "%s\n\n", helpers[i].text);
}

/* Makes the layer's module, and calls it. */
const char *torch_module(writer *w, const char *text, const char *x)
{
    const char *name = w->names[w->number];
    torch_arch_line(w, name, text);
    use_helper(w, text);
    fprintf(w->init, "        self.%s = %s\n", name, text);
    return TEXT("self.%s(%s)", name, x);
}

/* What a layer needs before it, in forward alone: `arch` is its module for --arch. */
const char *torch_before(writer *w, const char *what, const char *arch, const char *text)
{
    const char *name = TEXT("%s_%s", w->names[w->number], what);
    torch_arch_line(w, name, arch);
    return text;
}

/* Something that --arch has no module for. */
void torch_not_in_arch(writer *w, const char *what)
{
    torch_arch_line(w, w->names[w->number], TEXT("%s()", what));
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
    n->count += values != NULL;
}

/* All of the layer's blocks. */
void torch_blocks(writer *w, inv_shape order)
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
void torch_constant(writer *w, const char *what, size_t rank, const size_t *dims, float value)
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

inv_spot torch_row(writer *w, inv_spot s, inv_shape shape, bool any_order)
{
    const bool ordered = inv_exporting_is_row(shape) || shape.channels == 1;
    if (s.is_image) {
        if (ordered || any_order)
            s.text = torch_before(w, "flat", "Flatten()", TEXT("%s.flatten(1)", s.text));
        else
            s.text = torch_before(w, "flat", "FlattenChannelsLast()",
                                  TEXT("%s.permute(0, 2, 3, 1).flatten(1)", s.text));
        s.is_image = false;
        if (!ordered && any_order)
            s.order = shape;
    } else if (s.order.channels && !any_order) {
        s.text =
            torch_before(w, "turned", "ChannelsLast()",
                         TEXT("%s.unflatten(1, (%zu, %zu, %zu)).permute(0, 2, 3, 1).flatten(1)",
                              s.text, s.order.channels, s.order.height, s.order.width));
        s.order = (inv_shape){0};
    }
    return s;
}

inv_spot torch_image(writer *w, inv_spot s, inv_shape shape)
{
    if (s.is_image)
        return s;
    s = torch_row(w, s, shape, false);
    if (inv_exporting_is_row(shape) || shape.channels == 1)
        s.text = torch_before(
            w, "image",
            TEXT("Unflatten(1, (%zu, %zu, %zu))", shape.channels, shape.height, shape.width),
            TEXT("%s.unflatten(1, (%zu, %zu, %zu))", s.text, shape.channels, shape.height,
                 shape.width));
    else
        s.text = torch_before(w, "image", "UnflattenChannelsLast()",
                              TEXT("%s.unflatten(1, (%zu, %zu, %zu)).permute(0, 3, 1, 2)", s.text,
                                   shape.height, shape.width, shape.channels));
    s.is_image = true;
    return s;
}

inv_spot torch_as_is(writer *w, inv_spot in)
{
    return in.is_image ? in : torch_row(w, in, w->layer->in, false);
}
