/* A net as a module of PyTorch: its parameters, and the Python that makes it of them (torch.h).
 *
 * Images are channels x height x width there. A layer that torch.nn has a module for becomes that, of the
 * layer's name; one that is a formula stands in forward; what is left is a class of a few lines that
 * the text brings along. The text begins with the lines that --arch takes, for the parameters may be
 * saved again by a program that leaves out the metadata.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/torch_writer.h"

static void enter(writer *w, size_t i)
{
    w->layer = inv_net_layer(w->e->net, i);
    w->number = i;
    const size_t point = w->layer->inputs[0].point;
    w->from =
        w->layer->input_count == 1 && point != i ? TEXT(" <- %s", torch_arch_name(w, point)) : "";
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
        s = torch_row(w, s, out, false);
    fprintf(w->forward, "        return %s\n", s.text);
}

/* One line of what pixels are. */
static const char *pixels(writer *w)
{
    const inv_export *x = w->e->what;
    if (!(x->scale > 0.0))
        return "";
    return TEXT("Pixels are bytes divided by %s: black is %s, white %s.\n", torch_real(w, x->scale),
                torch_real(w, x->black), torch_real(w, x->white));
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
    torch_say_helpers(w, out);
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
    static const inv_writing how = {torch_rows, enter, leave};
    const size_t depth = inv_net_depth(w->e->net);
    w->names = inv_exporting_keep(w->e, depth, sizeof *w->names);
    const bool opened = open_texts(w);
    const inv_spot input = {.text = "x0",
                            .is_image = !inv_exporting_is_row(inv_net_shape(w->e->net, 0))};
    if (opened && w->names) {
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
