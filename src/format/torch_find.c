/* PyTorch: a module's parameters (torch_import.h). By name, behind a prefix that all share; else stem by
 * stem in the file's order; else, where names have no stems, array by array, by their sizes.
 * What weight_norm, spectral_norm and pruning keep in place of a weight is worked out here.
 * Source: torch/nn/utils of PyTorch 2.15.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What other programs call a parameter, after PyTorch's own name. */
static const struct {
    const char *name, *others[4];
} aliases[] = {{"weight", {"W", "w", "kernel", "gamma"}},
               {"bias", {"b", "beta"}},
               {"running_mean", {"avg_mean", "moving_mean", "mean"}},
               {"running_var", {"avg_var", "moving_variance", "variance", "var"}}};

/* ---- names ---- */

static const inv_tree_array *find_named(const torch_importing *im, const char *stem,
                                        const char *what)
{
    char path[4 * INV_ARCH_NAME_MAX];
    snprintf(path, sizeof path, "%s/%s.%s", im->group, stem, what);
    return inv_tree_find(im->tree, path);
}

static const inv_tree_array *find(const torch_importing *im, const char *stem, const char *what)
{
    const inv_tree_array *array = find_named(im, stem, what);
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases && !array; i++)
        for (size_t k = 0; strcmp(aliases[i].name, what) == 0 && k < 4 && !array; k++)
            if (aliases[i].others[k])
                array = find_named(im, stem, aliases[i].others[k]);
    return array;
}

/* ---- parameters that are kept as something else ---- */

typedef enum made_of { NOTHING, NORM, SPECTRUM, MASK } made_of;

/* Before and behind the parameter's name. */
typedef struct around {
    const char *before, *behind;
} around;

static const struct {
    made_of kind;
    around parts[3];
} forms[] = {{NORM, {{"", "_g"}, {"", "_v"}}},
             {NORM, {{"parametrizations.", ".original0"}, {"parametrizations.", ".original1"}}},
             {SPECTRUM, {{"", "_orig"}, {"", "_u"}, {"", "_v"}}},
             {SPECTRUM,
              {{"parametrizations.", ".original"},
               {"parametrizations.", ".0._u"},
               {"parametrizations.", ".0._v"}}},
             {MASK, {{"", "_orig"}, {"", "_mask"}}}};

static made_of find_form(const torch_importing *im, const char *stem, const char *what,
                         const inv_tree_array *parts[3])
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        bool all = true;
        for (size_t k = 0; k < 3; k++) {
            char name[64];
            const around *a = &forms[i].parts[k];
            snprintf(name, sizeof name, "%s%s%s", a->before ? a->before : "", what,
                     a->behind ? a->behind : "");
            parts[k] = a->behind ? find_named(im, stem, name) : NULL;
            all = all && (parts[k] || !a->behind);
        }
        if (all)
            return forms[i].kind;
    }
    return NOTHING;
}

/* weight = g v / |v|, the norm over all axes along which g is 1. */
static bool undo_norm(const inv_tree_array *g, const inv_tree_array *v, const float *length,
                      float *values)
{
    size_t inner = 1, axis = 0;
    while (axis < g->rank && g->dims[axis] == 1)
        axis++;
    const bool is_one = axis == g->rank;
    if (!is_one && (g->rank != v->rank || g->count != v->dims[axis] || g->dims[axis] != g->count))
        return false;
    for (size_t i = axis + 1; i < v->rank; i++)
        inner *= v->dims[i];
    for (size_t k = 0; k < g->count; k++) {
        double squares = 0.0;
        for (size_t i = 0; i < v->count; i++)
            if (is_one || i / inner % g->count == k)
                squares += (double)values[i] * (double)values[i];
        const double factor = squares > 0.0 ? (double)length[k] / sqrt(squares) : 0.0;
        for (size_t i = 0; i < v->count; i++)
            if (is_one || i / inner % g->count == k)
                values[i] = (float)((double)values[i] * factor);
    }
    return true;
}

/* weight = w / (u . W v), W the weight as a matrix whose rows are its first axis, or its second, as of
 * transposed convolutions. */
static bool undo_spectrum(const inv_tree_array *w, const inv_tree_array *u, const inv_tree_array *v,
                          const float *left, const float *right, float *values)
{
    const size_t first = w->rank ? w->dims[0] : 0, second = w->rank > 1 ? w->dims[1] : 0;
    const bool turned = u->count != first || u->count * v->count != w->count;
    double sigma = 0.0;
    if (w->count == 0 || first == 0 || u->count == 0 || v->count == 0 ||
        u->count * v->count != w->count || (turned && (second == 0 || u->count != second)))
        return false;
    const size_t inner = second ? w->count / first / second : 1;
    for (size_t i = 0; i < w->count; i++) {
        const size_t row = turned ? i / inner % second : i / v->count;
        const size_t column = turned ? i / inner / second * inner + i % inner : i % v->count;
        sigma += (double)left[row] * (double)values[i] * (double)right[column];
    }
    for (size_t i = 0; i < w->count; i++)
        values[i] = (float)((double)values[i] / sigma);
    return fabs(sigma) > 0.0;
}

static bool undo(made_of kind, const inv_tree_array *parts[3], const float *const floats[3],
                 float *values)
{
    if (!parts[0] || !parts[1] || (kind == SPECTRUM && !parts[2]))
        return false;
    if (kind == NORM)
        return undo_norm(parts[0], parts[1], floats[0], values);
    if (kind == SPECTRUM)
        return undo_spectrum(parts[0], parts[1], parts[2], floats[1], floats[2], values);
    for (size_t i = 0; i < parts[0]->count && parts[1]->count == parts[0]->count; i++)
        values[i] *= floats[1][i];
    return parts[1]->count == parts[0]->count;
}

/* The parameter that the module takes, as an array that lives as long as the sketch. */
static inv_status make(torch_importing *im, const inv_arch_module *m, const char *stem,
                       const char *what, const inv_tree_array **out)
{
    const inv_tree_array *parts[3] = {NULL};
    const made_of kind = find_form(im, stem, what, parts);
    void *memory[3] = {NULL}, *kept = NULL, *made = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    if (kind == NOTHING)
        return INV_OK;
    const inv_tree_array *like = parts[kind == NORM];
    if (!like)
        return INV_OK;
    for (size_t i = 0; i < 3; i++)
        if (parts[i]) {
            INV_TRY(inv_calloc(parts[i]->count + 1, sizeof(float), "parameters", &memory[i]));
            INV_TRY(inv_tree_floats(parts[i], memory[i]));
            INV_TRY(inv_taken_add(&im->taken, parts[i]));
        }
    INV_TRY(inv_sketch_keep(im->sketch, like->count + 1, sizeof(float), &kept));
    INV_TRY(inv_sketch_keep(im->sketch, 1, sizeof *like, &made));
    memcpy(kept, memory[kind == NORM], like->count * sizeof(float));
    if (!undo(kind, parts, (const float *const[]){memory[0], memory[1], memory[2]}, kept))
        INV_RAISE(WRONG("the parts that its %s is made of do not fit each other", what));
    inv_tree_array *array = made;
    *array = *like;
    array->kind = 'f';
    array->size = sizeof(float);
    array->values = kept;
    *out = array;
done:
    for (size_t i = 0; i < 3; i++)
        free(memory[i]);
    return status;
}

bool torch_named(const torch_importing *im, const char *stem, const char *what)
{
    const inv_tree_array *parts[3];
    return find(im, stem, what) || find_form(im, stem, what, parts) != NOTHING;
}

/* ---- a module's parameters ---- */

/* The stem of a module's parameters. Where names do not fit they are taken in order. */
static const char *stem_of(const torch_importing *im, const inv_arch_module *m,
                           char stem[2 * INV_ARCH_NAME_MAX])
{
    snprintf(stem, 2 * INV_ARCH_NAME_MAX, "%s%s", im->prefix, m->name);
    if (im->by_order)
        snprintf(stem, 2 * INV_ARCH_NAME_MAX, "%s",
                 im->next_stem < im->stem_count ? im->stems[im->next_stem] : "");
    return stem;
}

static bool fits(const inv_tree_array *array, const size_t *dims, size_t rank)
{
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= dims[i];
    return array->count == count && array->kind != 't' && array->kind != 's' &&
           (array->rank != rank || memcmp(array->dims, dims, rank * sizeof *dims) == 0);
}

/* The first array that nothing has taken yet and that fits. */
static const inv_tree_array *next_array(torch_importing *im, const inv_arch_module *m,
                                        const char *what, const size_t *dims, size_t rank,
                                        const size_t *other)
{
    char path[4 * INV_ARCH_NAME_MAX];
    for (size_t i = 0; i < im->order->count; i++) {
        const char *name = ((char *const *)im->order->values)[i];
        snprintf(path, sizeof path, "%s/%s", im->group, name);
        const inv_tree_array *array = inv_tree_find(im->tree, path);
        if (!array || inv_taken_has(&im->taken, array) ||
            (rank > 1 && array->rank != rank) || /* no row of numbers for a matrix of them */
            !(fits(array, dims, rank) || (other && fits(array, other, rank))))
            continue;
        inv_model_note(im->model, "%s.%s: %s", m->name, what, name);
        return array;
    }
    return NULL;
}

static void say_sizes(const size_t *dims, size_t rank, char text[96])
{
    text[0] = 0;
    for (size_t i = 0; i < rank && i < 6; i++)
        snprintf(text + strlen(text), 96 - strlen(text), "%s%zu", i ? " x " : "", dims[i]);
    if (rank == 0)
        snprintf(text, 96, "one value");
}

/* Which of two orders sizes are in that could be either: PyTorch's, where the name is PyTorch's; else
 * that of all the others before it. */
static inv_status choose_order(torch_importing *im, const inv_arch_module *m, const char *stem,
                               bool could_be_other, bool *is_other)
{
    const bool is_torch =
        !im->by_array && (find_named(im, stem, "weight") || find_named(im, stem, "W"));
    if (!could_be_other || is_torch) {
        im->in_torch_order += !*is_other;
        im->in_other_order += *is_other;
        return INV_OK;
    }
    *is_other = im->in_other_order > 0;
    if ((im->in_torch_order > 0) != (im->in_other_order > 0))
        return INV_OK;
    return WRONG("its square matrix may have inputs or outputs first: call it '%s.weight', and "
                 "have outputs first, as PyTorch does",
                 m->name);
}

static inv_status is_missing(const torch_importing *im, const inv_arch_module *m, const char *what,
                             const char *stem)
{
    char path[4 * INV_ARCH_NAME_MAX];
    const char *left_out = inv_tree_left_out(im->tree);
    snprintf(path, sizeof path, ".parametrizations.%s", what);
    for (size_t i = 0; i < im->order->count; i++)
        if (strncmp(((char *const *)im->order->values)[i], stem, strlen(stem)) == 0 &&
            strstr(((char *const *)im->order->values)[i], path))
            return WRONG("its %s is parametrised in a way that is not known; save it after "
                         "torch.nn.utils.parametrize.remove_parametrizations",
                         what);
    return WRONG("%s holds no '%s.%s' and nothing that is left for it in order%s%s",
                 inv_tree_name(im->tree), m->name, what, left_out ? "; not read: " : "",
                 left_out ? left_out : "");
}

inv_status torch_take(torch_importing *im, const inv_arch_module *m, const char *what,
                      const size_t dims[4], size_t rank, const size_t *other, bool *is_other,
                      const inv_tree_array **out)
{
    char stem[2 * INV_ARCH_NAME_MAX], wanted[96], has[96];
    inv_status status = INV_OK;
    stem_of(im, m, stem);
    *out = im->by_array ? next_array(im, m, what, dims, rank, other) : find(im, stem, what);
    if (*out)
        status = inv_taken_add(&im->taken, *out);
    else if (!im->by_array)
        status = make(im, m, stem, what, out);
    if (status != INV_OK)
        return status;
    if (!*out)
        return is_missing(im, m, what, stem);
    const bool is_good = fits(*out, dims, rank);
    const bool is_turned = other && (*out)->rank == rank && fits(*out, other, rank);
    if (other && (is_good || is_turned)) {
        *is_other = !is_good;
        return choose_order(im, m, stem, is_good && is_turned, is_other);
    }
    if (is_good)
        return INV_OK;
    say_sizes((*out)->dims, (*out)->rank, has);
    say_sizes(dims, rank, wanted);
    return WRONG("%s.%s of the file is %s; the architecture makes it %s", stem, what, has, wanted);
}
