/* Of what PyTorch's print(model) gives: modules that hold others, and what those do between them
 * (torch_arch.h).
 * Source of BasicBlock and Bottleneck: torchvision 0.29, models/resnet.py.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/torch_arch.h"

inv_status inv_arch_add(inv_arch *arch, const inv_arch_module *module)
{
    if (arch->count == INV_ARCH_MODULES_MAX)
        return INV_ERROR(INV_ECONFIG, "%s:%zu: too many modules", arch->file, module->line);
    if (arch->count == arch->capacity) {
        const size_t capacity = 2 * arch->capacity + 8;
        inv_arch_module *more = reallocarray(arch->modules, capacity, sizeof *more);
        if (!more)
            return INV_ERROR(INV_ENOMEM, "%s: no memory", arch->file);
        arch->modules = more;
        arch->capacity = capacity;
    }
    arch->modules[arch->count++] = *module;
    return INV_OK;
}

/* ---- blocks that add their input ---- */

/* Its name within the block. */
static const char *name_in(const inv_arch_block *block, const inv_arch_module *m)
{
    return m->name + strlen(block->path) + (*block->path != 0);
}

static bool is_shortcut(const inv_arch_block *block, const inv_arch_module *m)
{
    const char *name = name_in(block, m);
    return strncmp(name, "downsample", 10) == 0 || strncmp(name, "shortcut", 8) == 0 ||
           strncmp(name, "skip", 4) == 0 || strncmp(name, "residual", 8) == 0;
}

static bool has_shortcut(const inv_arch *arch, const inv_arch_block *block)
{
    for (size_t i = block->first; i < arch->count; i++)
        if (is_shortcut(block, &arch->modules[i]))
            return true;
    return false;
}

/* conv1, bn1, conv2, bn2 ..., among them activations, behind them a shortcut: how many convolutions; 0
 * where it is anything else. */
static size_t count_convolutions(const inv_arch *arch, const inv_arch_block *block)
{
    size_t convs = 0, norms = 0;
    bool ends = false;
    for (size_t i = block->first; i < arch->count; i++) {
        const inv_arch_module *m = &arch->modules[i];
        const bool is_conv = strcmp(m->type, "Conv2d") == 0;
        const char *name = name_in(block, m);
        char wanted[32];
        if (is_shortcut(block, m)) {
            ends = true;
            if (!is_conv && strcmp(m->type, "BatchNorm2d") != 0 && strcmp(m->type, "Identity") != 0)
                return 0;
            continue;
        }
        if (strcmp(m->type, "ReLU") == 0)
            continue;
        snprintf(wanted, sizeof wanted, is_conv ? "conv%zu" : "bn%zu", convs + is_conv);
        convs += is_conv;
        norms += !is_conv;
        if (ends || strcmp(name, wanted) != 0 || norms != convs - is_conv)
            return 0;
    }
    return norms == convs ? convs : 0;
}

static inv_status add_own(inv_arch *arch, const inv_arch_block *block, const char *name,
                          const char *type, const char *first, const char *second)
{
    inv_arch_module m = {.line = block->line, .input_count = second ? 2 : 0};
    snprintf(m.type, sizeof m.type, "%s", type);
    if (snprintf(m.name, sizeof m.name, "%s.%s", block->path, name) >= (int)sizeof m.name)
        return INV_ERROR(INV_ECONFIG, "%s:%zu: a name too long", arch->file, block->line);
    snprintf(m.inputs[0], sizeof m.inputs[0], "%s", first ? first : "");
    snprintf(m.inputs[1], sizeof m.inputs[1], "%s", second ? second : "");
    return inv_arch_add(arch, &m);
}

/* relu(shortcut(x) + bn2(conv2(relu(bn1(conv1(x)))))), or with one more of them. */
static inv_status add_residual(inv_arch *arch, const inv_arch_block *block,
                               const inv_arch_module *given, size_t count, size_t convs)
{
    const char *from = block->first ? given[-1].name : "input", *last = "", *shortcut = from;
    size_t norms = 0;
    char name[16];
    inv_status status = INV_OK;
    for (size_t i = 0; i < count && status == INV_OK; i++) {
        const bool is_norm = strncmp(name_in(block, &given[i]), "bn", 2) == 0;
        if (is_shortcut(block, &given[i]) || strcmp(given[i].type, "ReLU") == 0)
            continue;
        status = inv_arch_add(arch, &given[i]);
        last = given[i].name;
        snprintf(name, sizeof name, "relu_%zu", norms += is_norm);
        if (status == INV_OK && is_norm && norms < convs)
            status = add_own(arch, block, name, "ReLU", NULL, NULL);
    }
    for (size_t i = 0; i < count && status == INV_OK; i++) {
        inv_arch_module m = given[i];
        if (!is_shortcut(block, &m))
            continue;
        m.input_count = 1;
        snprintf(m.inputs[0], sizeof m.inputs[0], "%s", shortcut);
        shortcut = given[i].name;
        status = inv_arch_add(arch, &m);
    }
    if (status == INV_OK)
        status = add_own(arch, block, "add", "Add", last, shortcut);
    return status == INV_OK ? add_own(arch, block, "relu_add", "ReLU", NULL, NULL) : status;
}

/* ---- what a class does ---- */

static bool is_one_of(const char *type, const char *const *list, bool anywhere)
{
    for (; *list; list++)
        if (anywhere ? strstr(type, *list) != NULL : strcmp(type, *list) == 0)
            return true;
    return false;
}

inv_status inv_arch_close(inv_arch *arch, const inv_arch_block *block)
{
    static const char *const in_order[] = {
        "Sequential",      "ModuleList",   "ModuleDict", "ParametrizationList",
        "OptimizedModule", "DataParallel", NULL};
    static const char *const residual[] = {"BasicBlock", "Bottleneck", NULL};
    static const char *const other[] = {"Res",     "BasicBlock", "Bottleneck", "Inception",
                                        "Dense",   "Fire",       "Squeeze",    "SEBlock",
                                        "SELayer", "Attention",  "Shuffle",    NULL};
    const size_t count = arch->count - block->first;
    const size_t convs =
        is_one_of(block->type, residual, false) ? count_convolutions(arch, block) : 0;
    void *memory = NULL;
    if (is_one_of(block->type, in_order, false) || count == 0)
        return INV_OK;
    if (!*block->path) { /* the whole net, of whose class nothing is known */
        snprintf(arch->unknown, sizeof arch->unknown, "%s", block->type);
        return INV_OK;
    }
    if (convs > 1) {
        inv_status status = inv_calloc(count + 1, sizeof *arch->modules, arch->file, &memory);
        inv_arch_module *given = memory;
        if (status != INV_OK)
            return status;
        if (block->first > 0)
            given[0] = arch->modules[block->first - 1];
        memcpy(given + 1, arch->modules + block->first, count * sizeof *given);
        arch->count = block->first;
        status = add_residual(arch, block, given + 1, count, convs);
        snprintf(arch->residual, sizeof arch->residual, "%s", block->type);
        free(memory);
        return status;
    }
    if (is_one_of(block->type, other, true) || has_shortcut(arch, block))
        return INV_ERROR(INV_ECONFIG,
                         "%s:%zu: %s: print(model) does not show how a %s joins its modules; write "
                         "its lines one by one, and where values meet 'sum <- NAME, NAME: Add()'",
                         arch->file, block->line, block->path, block->type);
    if (!*arch->unknown && count > 1)
        snprintf(arch->unknown, sizeof arch->unknown, "%s", block->type);
    return INV_OK;
}

/* ---- blocks that come several times ---- */

static inv_status move(const inv_arch *arch, const inv_arch_block *block, const char *next,
                       char name[INV_ARCH_NAME_MAX])
{
    const size_t length = strlen(block->path);
    char moved[2 * INV_ARCH_NAME_MAX];
    if (strncmp(name, block->path, length) != 0 || (name[length] && name[length] != '.'))
        return INV_OK;
    snprintf(moved, sizeof moved, "%s%s", next, name + length);
    if (strlen(moved) >= INV_ARCH_NAME_MAX)
        return INV_ERROR(INV_ECONFIG, "%s:%zu: a name too long", arch->file, block->line);
    memcpy(name, moved, strlen(moved) + 1);
    return INV_OK;
}

inv_status inv_arch_repeat(inv_arch *arch, inv_arch_block *block, const char *next)
{
    const size_t first = block->first, end = arch->count;
    char from[INV_ARCH_NAME_MAX], last[INV_ARCH_NAME_MAX];
    inv_status status = INV_OK;
    if (end == first)
        return INV_OK;
    snprintf(from, sizeof from, "%s", first ? arch->modules[first - 1].name : "input");
    snprintf(last, sizeof last, "%s", arch->modules[end - 1].name);
    for (size_t i = first; i < end && status == INV_OK; i++) {
        inv_arch_module m = arch->modules[i];
        status = move(arch, block, next, m.name);
        for (size_t k = 0; k < m.input_count && status == INV_OK; k++)
            if (strcmp(m.inputs[k], from) == 0)
                snprintf(m.inputs[k], sizeof m.inputs[k], "%s", last);
            else
                status = move(arch, block, next, m.inputs[k]);
        if (status == INV_OK)
            status = inv_arch_add(arch, &m);
    }
    block->first = end;
    snprintf(block->path, sizeof block->path, "%s", next);
    return status;
}
