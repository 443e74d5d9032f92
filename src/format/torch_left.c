/* PyTorch: which of the file's parameters no module has taken (torch_import.h). PyTorch
 * itself refuses what is left ("unexpected key(s) in state_dict").
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX 256 /* of names that are told */

static const char *name_of(const torch_importing *im, size_t i)
{
    return ((char *const *)im->order->values)[i];
}

/* The module whose parameter that would be by its name, and what behind the module's is left of it. */
static const inv_arch_module *find_owner(const torch_importing *im, const char *name,
                                         const char **rest)
{
    char stem[2 * INV_ARCH_NAME_MAX];
    const inv_arch_module *owner = NULL;
    const char *parameter = NULL;
    size_t longest = 0;
    for (size_t i = 0, k = 0; i < im->arch->count && !im->by_array; i++) {
        const inv_arch_module *m = &im->arch->modules[i];
        const bool has_stem = !im->by_order || torch_has_parameters(m, &parameter);
        if (!has_stem || (im->by_order && k == im->stem_count))
            continue;
        snprintf(stem, sizeof stem, "%s%s", im->prefix, m->name);
        const char *own = im->by_order ? im->stems[k++] : stem;
        const size_t length = strlen(own);
        if (length >= longest && strncmp(name, own, length) == 0 && name[length] == '.') {
            owner = m;
            longest = length;
            *rest = name + length + 1;
        }
    }
    return owner;
}

/* A count that PyTorch keeps of its batches, and Chainer. */
static bool is_count(const char *rest)
{
    return strcmp(rest, "num_batches_tracked") == 0 || strcmp(rest, "N") == 0;
}

/* More than one number with a fraction, which is hardly anything but a parameter. */
static bool is_numbers(const inv_tree_array *array)
{
    return array && array->count > 1 && array->kind == 'f';
}

/* A stem once, and where there is no room for more, that there are more. */
static void list_left(const char *name, char list[LIST_MAX])
{
    const char *dot = strrchr(name, '.'), *last = strrchr(list, ' ');
    const size_t used = strlen(list), length = dot ? (size_t)(dot - name) : strlen(name);
    last = last ? last + 1 : list;
    if ((strlen(last) == length && strncmp(last, name, length) == 0) || strcmp(last, "...") == 0)
        return;
    if (used + length + sizeof ", , ..." > LIST_MAX)
        snprintf(list + used, LIST_MAX - used, ", ...");
    else
        snprintf(list + used, LIST_MAX - used, "%s%.*s", used ? ", " : "", (int)length, name);
}

inv_status torch_check_left(torch_importing *im)
{
    char path[4 * INV_ARCH_NAME_MAX], list[LIST_MAX] = "";
    for (size_t i = 0; i < im->order->count; i++) {
        const char *rest = "";
        snprintf(path, sizeof path, "%s/%s", im->group, name_of(im, i));
        const inv_tree_array *array = inv_tree_find(im->tree, path);
        if (array && inv_taken_has(&im->taken, array))
            continue;
        const inv_arch_module *m = find_owner(im, name_of(im, i), &rest);
        if (m && !is_count(rest))
            return WRONG("%s holds '%s', which %s with these arguments does not have: change the "
                         "arguments, or take it out of the file",
                         inv_tree_name(im->tree), name_of(im, i), m->type);
        if (!m && (im->by_order || im->by_array) && is_numbers(array))
            return INV_ERROR(INV_ECONFIG,
                             "%s: no module is left to take '%s' of %s, whose names are others: "
                             "name the modules as the file does, or add what is missing",
                             im->arch->file, name_of(im, i), inv_tree_name(im->tree));
        if (!m)
            list_left(name_of(im, i), list);
    }
    if (*list)
        inv_model_note(im->model, "left out, since %s does not name them: %s", im->arch->file,
                       list);
    return INV_OK;
}
