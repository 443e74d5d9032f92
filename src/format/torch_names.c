/* PyTorch: which of a checkpoint's sets of parameters, and behind which prefix the architecture's names
 * are in it (torch_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/named.h"

/* ---- which modules have parameters ---- */

static const torch_type *const tables[] = {torch_window_types, torch_pool_types, torch_norm_types,
                                           torch_activation_types, torch_shape_types};

bool torch_find_type(const char *name, torch_type *out)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const torch_type *type = tables[i]; type->name; type++)
            if (strcmp(type->name, name) == 0) {
                *out = *type;
                return true;
            }
    return false;
}

/* Whether one is the other but for capitals and underscores: "max_pool2d" is MaxPool2d. */
static bool is_alike(const char *a, const char *b)
{
    do {
        a += strspn(a, "_");
        b += strspn(b, "_");
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
    } while (*a && *b++ && *++a);
    return !*a && !b[strspn(b, "_")];
}

inv_status torch_refuse_type(const torch_importing *im, const inv_arch_module *m)
{
    const char *dot = strrchr(m->type, '.'), *name = dot ? dot + 1 : m->type;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const torch_type *type = tables[i]; type->name; type++)
            if (is_alike(name, type->name))
                return WRONG("the module %s is not known; %s is", m->type, type->name);
    if (strcasestr(name, "view") || strcasestr(name, "reshape"))
        return WRONG("the module %s is not known; what makes rows of images is 'Flatten()', and "
                     "images of rows 'Unflatten(1, (8, 7, 7))'",
                     m->type);
    return WRONG("the module %s is not known", m->type);
}

/* Norms may be without: "affine=False". */
bool torch_has_parameters(const inv_arch_module *m, const char **parameter)
{
    torch_type type;
    *parameter = torch_find_type(m->type, &type) ? type.parameters : NULL;
    return *parameter && (!strstr(m->type, "Norm") || torch_is_affine(m) || torch_tracks(m));
}

/* ---- prefixes ---- */

/* Whether all modules that have parameters find them behind this prefix. */
static bool prefix_fits(const torch_importing *im, const char *prefix)
{
    char stem[2 * INV_ARCH_NAME_MAX];
    const char *parameter = NULL;
    for (size_t i = 0; i < im->arch->count; i++) {
        const inv_arch_module *m = &im->arch->modules[i];
        if (!torch_has_parameters(m, &parameter))
            continue;
        snprintf(stem, sizeof stem, "%s%s", prefix, m->name);
        if (!torch_named(im, stem, parameter) && !torch_named(im, stem, "bias") &&
            !torch_named(im, stem, "running_mean"))
            return false;
    }
    return true;
}

/* Stems in the file's order, each once: of what is a parameter of something. */
static inv_status list_stems(torch_importing *im)
{
    void *memory = NULL;
    inv_status status = inv_calloc(im->order->count, sizeof *im->stems, "names", &memory);
    im->stems = memory;
    for (size_t i = 0; status == INV_OK && i < im->order->count; i++) {
        const char *name = ((char *const *)im->order->values)[i], *dot = strrchr(name, '.');
        const char *inner = strstr(name, ".parametrizations.");
        const size_t length = inner ? (size_t)(inner - name) : dot ? (size_t)(dot - name) : 0;
        if (!dot || length >= INV_ARCH_NAME_MAX)
            continue;
        char *stem = im->stems[im->stem_count];
        memcpy(stem, name, length);
        stem[length] = 0;
        bool is_new = true;
        for (size_t k = 0; k < im->stem_count && is_new; k++)
            is_new = strcmp(im->stems[k], stem) != 0;
        im->stem_count += is_new;
    }
    return status;
}

/* "module." of nn.DataParallel, "_orig_mod." of torch.compile, "net." of a Lightning module. */
static bool find_prefix(torch_importing *im)
{
    if (prefix_fits(im, ""))
        return true;
    for (size_t i = 0; i < im->stem_count; i++)
        for (const char *dot = strchr(im->stems[i], '.'); dot; dot = strchr(dot + 1, '.')) {
            snprintf(im->prefix, sizeof im->prefix, "%.*s", (int)(dot - im->stems[i] + 1),
                     im->stems[i]);
            if (prefix_fits(im, im->prefix))
                return true;
        }
    im->prefix[0] = 0;
    return false;
}

/* ---- sets of parameters ---- */

/* Names of what is in a group; NULL where it holds no parameters. */
static const inv_tree_array *order_of(const inv_tree *tree, const char *group)
{
    const inv_tree_array *order = inv_tree_attribute(tree, *group ? group : "/", INV_NAMED_ORDER);
    return order && order->kind == 't' && order->count > 0 ? order : NULL;
}

/* Takes that group. *fit is whether its names are those of the architecture, behind some prefix. */
static inv_status take_group(torch_importing *im, const char *group, bool *fit)
{
    im->group = group;
    im->order = order_of(im->tree, group);
    free(im->stems);
    im->stems = NULL;
    im->stem_count = 0;
    inv_status status = list_stems(im);
    *fit = status == INV_OK && find_prefix(im);
    return status;
}

/* How usual a name is for what counts, from 1; SIZE_MAX for all others. */
static size_t rank_of(const char *group)
{
    static const char *const usual[] = {"/state_dict",
                                        "/model_state_dict",
                                        "/model_state",
                                        "/model",
                                        "/net_state_dict",
                                        "/net",
                                        "/network",
                                        "/module",
                                        "/params",
                                        "/weights",
                                        ""};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcmp(usual[i], group) == 0)
            return i + 1;
    return SIZE_MAX;
}

/* What is to be chosen from, and what was. */
typedef struct choice {
    const char *group;
    size_t count, rank;
    char list[512];
} choice;

static void consider(choice *c, const char *group)
{
    const size_t rank = rank_of(group), length = strlen(c->list);
    snprintf(c->list + length, sizeof c->list - length, "%s%s", length ? ", " : "",
             *group ? group + 1 : "/");
    if (c->count++ == 0 || rank < c->rank) {
        c->group = group;
        c->rank = rank;
    }
}

/* Goes through the groups: those that fit, and all that hold as many names as there are modules. */
static inv_status list_groups(torch_importing *im, size_t modules, choice *fitting, choice *all)
{
    bool fit = false;
    for (size_t i = 0; i < inv_tree_count(im->tree); i++) {
        const char *path = inv_tree_path(im->tree, i);
        const char *group = strcmp(path, "/") == 0 ? "" : path;
        const inv_tree_array *order = order_of(im->tree, group);
        if (!order)
            continue;
        inv_status status = take_group(im, group, &fit);
        if (status != INV_OK)
            return status;
        if (fit)
            consider(fitting, group);
        if (order->count >= modules)
            consider(all, group);
    }
    return INV_OK;
}

/* The group the user names. */
static inv_status find_wanted(torch_importing *im, const char *wanted, const choice *all,
                              const char **group)
{
    char path[4 * INV_ARCH_NAME_MAX];
    snprintf(path, sizeof path, "/%s", wanted);
    for (size_t i = 0; i < inv_tree_count(im->tree); i++)
        if (strcmp(inv_tree_path(im->tree, i), path) == 0 && order_of(im->tree, path)) {
            *group = inv_tree_path(im->tree, i);
            return INV_OK;
        }
    return INV_ERROR(INV_ECONFIG, "%s: --key: there is no set of parameters '%s'; %s%s",
                     inv_tree_name(im->tree), wanted,
                     strcmp(all->list, "/") != 0 && *all->list
                         ? "there are: "
                         : "the file holds one, and needs no --key",
                     strcmp(all->list, "/") != 0 ? all->list : "");
}

/* The only group that fits, or the one of them of a usual name; else the same of all. */
static inv_status choose_group(torch_importing *im, const choice *fitting, const choice *all,
                               const char **group)
{
    const choice *c = fitting->count > 0 ? fitting : all;
    *group = c->group;
    if (c->count == 0)
        return INV_ERROR(INV_EFORMAT, "%s: holds no parameters by name, or fewer than %s needs",
                         inv_tree_name(im->tree), im->arch->file);
    if (c->count == 1 || c->rank < SIZE_MAX)
        return INV_OK;
    return INV_ERROR(INV_ECONFIG, "%s: holds several sets of parameters; choose one with --key: %s",
                     inv_tree_name(im->tree), c->list);
}

/* "conv1, conv2, fc1" */
static void list_names(const torch_importing *im, char *list, size_t size)
{
    for (size_t i = 0; i < im->stem_count; i++) {
        const size_t used = strlen(list);
        const bool is_more = used + strlen(im->stems[i]) + strlen(", ...") + 3 > size;
        snprintf(list + used, size - used, "%s%s", used ? ", " : "",
                 is_more ? "..." : im->stems[i]);
        if (is_more)
            return;
    }
}

inv_status torch_ask_for_arch(torch_importing *im)
{
    choice all = {0};
    char list[200] = "";
    for (size_t i = 0; i < inv_tree_count(im->tree); i++) {
        const char *path = inv_tree_path(im->tree, i), *group = strcmp(path, "/") == 0 ? "" : path;
        if (order_of(im->tree, group))
            consider(&all, group);
    }
    if (all.count == 0)
        return INV_ERROR(INV_EFORMAT,
                         "%s: holds no parameters by name; save them with "
                         "torch.save(model.state_dict(), \"net.pt\")",
                         inv_tree_name(im->tree));
    im->group = all.group;
    im->order = order_of(im->tree, all.group);
    inv_status status = list_stems(im);
    if (status != INV_OK)
        return status;
    list_names(im, list, sizeof list);
    return INV_ERROR(INV_ECONFIG,
                     "%s: holds parameters alone%s%s%s; give the architecture with --arch FILE, a "
                     "module on a line, as PyTorch's print(model) does",
                     inv_tree_name(im->tree), *list ? " (" : "", list, *list ? ")" : "");
}

inv_status torch_find_names(torch_importing *im, const char *wanted)
{
    choice fitting = {0}, all = {0};
    const char *parameter = NULL, *group = NULL;
    size_t modules = 0;
    bool fit = false;
    inv_status status = INV_OK;
    for (size_t i = 0; i < im->arch->count; i++)
        modules += torch_has_parameters(&im->arch->modules[i], &parameter);
    INV_TRY(list_groups(im, modules, &fitting, &all));
    INV_TRY(wanted ? find_wanted(im, wanted, &all, &group)
                   : choose_group(im, &fitting, &all, &group));
    INV_TRY(take_group(im, group, &fit));
    const choice *of = fitting.count > 0 ? &fitting : &all;
    if (!wanted && of->count > 1)
        inv_model_note(im->model,
                       "of its sets of parameters (%s), %s was taken: --key takes another",
                       of->list, *group ? group + 1 : "/");
    im->by_order = !fit && im->stem_count >= modules;
    im->by_array = !fit && !im->by_order;
done:
    return status;
}

void torch_note_order(torch_importing *im)
{
    const char *parameter = NULL;
    if (!im->by_order && !im->by_array)
        return;
    inv_model_note(im->model,
                   "the file's names are not those of %s: its parameters were taken in order",
                   im->arch->file);
    for (size_t i = 0, k = 0; im->by_order && i < im->arch->count && k < im->stem_count; i++)
        if (torch_has_parameters(&im->arch->modules[i], &parameter))
            inv_model_note(im->model, "%s: %s", im->arch->modules[i].name, im->stems[k++]);
}
