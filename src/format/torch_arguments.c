/* PyTorch: what the arguments of its modules may be (torch_import.h).
 * Source of what is possible: the checks of torch.nn and torch.nn.functional, PyTorch 2.15.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "format/argument.h"
#include "format/words.h"

#define WINDOW  1024.0 /* the largest height or width of a window, as layers have it */
#define ONE_TWO (INV_COUNTS(1) | INV_COUNTS(2))
#define TO_FOUR (ONE_TWO | INV_COUNTS(3) | INV_COUNTS(4))
#define ANY     INV_ARGUMENT_LARGEST

static const inv_argument rules[] = {
    {"in_features out_features in_channels out_channels num_features num_channels num_groups "
     "upscale_factor downscale_factor",
     NULL, INV_WHOLE(1, INV_ARGUMENT_ALL), .is_needed = true},
    {"groups", "ChannelShuffle", INV_WHOLE(1, INV_ARGUMENT_ALL), .is_needed = true},
    {"groups num_parameters", NULL, INV_WHOLE(1, INV_ARGUMENT_ALL)},
    /* windows */
    {"kernel_size", "1d", INV_WHOLE(1, WINDOW), .is_needed = true},
    {"kernel_size", NULL, INV_WHOLE(1, WINDOW), .counts = ONE_TWO, .is_needed = true},
    {"stride", "Pool1d", INV_WHOLE(1, WINDOW), .or_none = true},
    {"stride", "Pool", INV_WHOLE(1, WINDOW), .counts = ONE_TWO, .or_none = true},
    {"stride dilation", "1d", INV_WHOLE(1, WINDOW)},
    {"stride dilation", NULL, INV_WHOLE(1, WINDOW), .counts = ONE_TWO},
    {"padding", "Pad2d", INV_WHOLE(-WINDOW, WINDOW), .counts = INV_COUNTS(1) | INV_COUNTS(4),
     .is_needed = true},
    {"padding", "Pad3d", INV_WHOLE(0, WINDOW), .counts = INV_COUNTS(1) | INV_COUNTS(6),
     .is_needed = true},
    {"padding", "Conv1d", INV_WHOLE(0, WINDOW), .words = "valid same"},
    {"padding", "Conv2d", INV_WHOLE(0, WINDOW), .counts = ONE_TWO, .words = "valid same"},
    {"padding output_padding", "1d", INV_WHOLE(0, WINDOW)},
    {"padding output_padding", NULL, INV_WHOLE(0, WINDOW), .counts = ONE_TWO},
    {"padding_mode", "Transpose", INV_WORDS("zeros")},
    {"padding_mode", NULL, INV_WORDS("zeros reflect replicate circular")},
    {"divisor_override", NULL, INV_WHOLE(1, INV_ARGUMENT_ALL), .or_none = true},
    {"norm_type", NULL, INV_WHOLE(1, 2), .is_needed = true},
    {"return_indices", NULL, INV_NO},
    /* sizes */
    {"size", "LocalResponseNorm", INV_WHOLE(1, INV_ARGUMENT_ALL), .is_needed = true},
    {"size", NULL, INV_WHOLE(1, INV_ARGUMENT_ALL), .counts = ONE_TWO, .or_none = true},
    {"scale_factor", NULL, INV_NUMBER(1e-6, 1e6), .counts = ONE_TWO, .or_none = true},
    {"output_size", "1d", INV_WHOLE(1, INV_ARGUMENT_ALL), .or_none = true, .is_needed = true},
    {"output_size", NULL, INV_WHOLE(1, INV_ARGUMENT_ALL), .counts = ONE_TWO, .or_none = true,
     .is_needed = true},
    {"normalized_shape", NULL, INV_WHOLE(1, INV_ARGUMENT_ALL), .counts = TO_FOUR,
     .is_needed = true},
    {"unflattened_size", NULL, INV_WHOLE(-1, INV_ARGUMENT_ALL), .counts = TO_FOUR,
     .is_needed = true},
    {"dim", "Unflatten", INV_WHOLE(-4, 3), .is_needed = true},
    {"dim start_dim end_dim", NULL, INV_WHOLE(-4, 3), .or_none = true},
    {"mode", NULL, INV_WORDS("nearest nearest-exact linear bilinear area")},
    {"align_corners recompute_scale_factor", NULL, INV_YES_NO, .or_none = true},
    /* numbers of formulas */
    {"eps", "RMSNorm", INV_NUMBER(0, ANY), .or_none = true},
    {"eps", NULL, INV_NUMBER(0, ANY)},
    {"momentum", NULL, INV_NUMBER(-ANY, ANY), .or_none = true},
    {"p", NULL, INV_NUMBER(0, 1)},
    {"lambd", "Softshrink", INV_NUMBER(0, ANY)},
    {"threshold", "Softplus", INV_NUMBER(-ANY, ANY)},
    {"threshold", NULL, INV_NUMBER(-ANY, ANY), .is_needed = true},
    {"value", NULL, INV_NUMBER(-ANY, ANY), .is_needed = true},
    {"negative_slope alpha beta lambd lower upper min_val max_val init k", NULL,
     INV_NUMBER(-ANY, ANY)},
    {"approximate", NULL, INV_WORDS("none tanh")},
    {"bias affine elementwise_affine track_running_stats ceil_mode count_include_pad inplace", NULL,
     INV_YES_NO},
    {.names = NULL}};

/* ---- saying one ---- */

/* "stride=(2, 2)", as the user wrote it. */
static void say_argument(const inv_arch_arg *arg, const char *name, char text[160])
{
    size_t used = (size_t)snprintf(text, 160, "%s=%s", name, arg->count > 1 ? "(" : "");
    for (size_t i = 0; i < arg->count; i++) {
        const char *comma = i > 0 ? ", " : "";
        used += (size_t)(isnan(arg->values[i])
                             ? snprintf(text + used, 160 - used, "%sNone", comma)
                             : snprintf(text + used, 160 - used, "%s%.9g", comma, arg->values[i]));
    }
    snprintf(text + used, 160 - used, *arg->text && !arg->is_none ? "'%s'" : "%s",
             arg->count > 1    ? ")"
             : arg->count == 1 ? ""
             : *arg->text      ? arg->text
                               : "()");
}

/* ---- checking one ---- */

static bool is_possible(const inv_argument *rule, const inv_arch_arg *arg)
{
    if (arg->is_none)
        return rule->or_none;
    if (*arg->text)
        return inv_argument_takes_word(rule, arg->text);
    for (size_t i = 0; i < arg->count; i++)
        if (isnan(arg->values[i]) ? !rule->or_none || arg->count < 2
                                  : !inv_argument_takes(rule, arg->values[i]))
            return false;
    return inv_argument_takes_count(rule, arg->count);
}

static inv_status check_value(const torch_importing *im, const inv_arch_module *m,
                              const inv_arch_arg *arg, const char *name)
{
    const inv_argument *rule = inv_argument_find(rules, m->type, name);
    char given[160], possible[256];
    if (!rule || is_possible(rule, arg))
        return INV_OK;
    say_argument(arg, name, given);
    inv_argument_say(rule, possible, sizeof possible);
    return WRONG("%s: must be %s", given, possible);
}

static inv_status check_needed(const torch_importing *im, const inv_arch_module *m,
                               const char *arguments)
{
    char name[48];
    for (size_t i = 0; i < inv_word_count(arguments); i++) {
        snprintf(name, sizeof name, "%.*s", (int)inv_word_length(arguments, i),
                 inv_word_at(arguments, i));
        const inv_argument *rule = inv_argument_find(rules, m->type, name);
        if (rule && rule->is_needed && !inv_arch_find(m, i, name))
            return WRONG("%s needs %s; it takes: %s", m->type, name, arguments);
    }
    return INV_OK;
}

/* ---- all of a module ---- */

/* An argument that is not read, as one that is misspelt, might change what comes out; so might one that is
 * no number, which is read as its default. */
inv_status torch_check_arguments(const torch_importing *im, const inv_arch_module *m,
                                 const char *arguments)
{
    static const char harmless[] = "inplace device dtype";
    const size_t known = inv_word_count(arguments);
    char name[48];
    bool by_name = false;
    for (size_t i = 0; arguments && i < m->arg_count; i++) {
        const inv_arch_arg *arg = &m->args[i];
        if (!*arg->key && by_name)
            return WRONG("an argument without a name stands behind one that has one");
        if (!*arg->key && i >= known)
            return WRONG("%s takes %zu arguments at most: %s", m->type, known,
                         *arguments ? arguments : "none");
        if (*arg->key && inv_word_place(arguments, arg->key) == SIZE_MAX &&
            inv_word_place(harmless, arg->key) == SIZE_MAX)
            return WRONG("%s has no argument '%s'; it has: %s", m->type, arg->key,
                         *arguments ? arguments : "none");
        by_name = by_name || *arg->key;
        snprintf(name, sizeof name, "%.*s",
                 *arg->key ? (int)strlen(arg->key) : (int)inv_word_length(arguments, i),
                 *arg->key ? arg->key : inv_word_at(arguments, i));
        if (inv_arch_find(m, inv_word_place(arguments, name), name) != arg)
            return WRONG("%s is given twice", name);
        inv_status status = check_value(im, m, arg, name);
        if (status != INV_OK)
            return status;
    }
    return check_needed(im, m, arguments);
}
