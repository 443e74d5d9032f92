/* The kind of inverse that is the net's own layers undone, without learning: the pseudo-inverse of
 * each dense kernel, and the inverse of each activation, in whose range estimates are cut off first.
 *
 * Of a kernel W [in, out], of rank r, with the eigenvectors q_k of the smaller of W'W and WW' and
 * their eigenvalues s_k^2, all in double,
 *
 *     W+ = sum_k q_k q_k' / s_k^2 W'   of W'W,   or   W' sum_k q_k q_k' / s_k^2   of WW'
 *
 * over the s_k above max(in, out) FLT_EPSILON max_k s_k, as NumPy and LAPACK's users have it.
 *
 * Source: Penrose 1955; Golub, Van Loan 2013, Matrix Computations, 5.5.2.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "inverse/kind.h"
#include "inverse/parts.h"
#include "kernels/eigen.h"

#define SIDE_MOST 4096 /* of the smaller side of a kernel */

static const inv_field fields[] = {
    {"squash", INV_FIELD_REAL, offsetof(inv_inverse_spec, squash), 1e-6, 0.999999,
     .help = "fraction of an activation's range at whose ends estimates of its values are cut off"},
    {0}};

/* ---- building ---- */

static json_t *rescale(const char *owner, const char *ending, double scale, double offset)
{
    char name[2 * INV_NAME_MAX];
    snprintf(name, sizeof name, "%s%s", owner, ending);
    return json_pack("{ss ss sf sf}", "name", name, "type", "rescale", "scale", scale, "offset",
                     offset);
}

/* In place of a squash layer, what cuts values off where it would bring them in: to the range 0 to
 * 1, by hard_sigmoid, which is x / 6 + 1/2 between, and back to that of the activation, narrowed. */
static inv_status cut_off(const json_t *squash, json_t *list)
{
    const char *name = json_string_value(json_object_get(squash, "name"));
    const double low = json_number_value(json_object_get(squash, "low"));
    const double range = json_number_value(json_object_get(squash, "high")) - low;
    const double width = json_number_value(json_object_get(squash, "width"));
    const double middle = low + 0.5 * range, start = middle - 0.5 * width * range;
    char owner[INV_NAME_MAX], clip[2 * INV_NAME_MAX];
    inv_status status = INV_OK;
    inv_layer_owner(name, owner);
    snprintf(clip, sizeof clip, "%s.clip", owner);
    const double scale = 6.0 / (width * range);
    INV_TRY(inv_parts_add(list, rescale(owner, ".unit", scale, -scale * start - 3.0)));
    INV_TRY(inv_parts_add(list, json_pack("{ss ss}", "name", clip, "type", "hard_sigmoid")));
    INV_TRY(inv_parts_add(list, rescale(owner, ".range", width * range, start)));
done:
    return status;
}

static inv_status build(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                        inv_net **out)
{
    const inv_mirror how = {{"zeros", 0.0, 0.0}, spec->squash, 0.0};
    json_t *mirror = json_array(), *list = json_array(), *step = NULL;
    size_t i = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_parts_mirror(&how, net, point, mirror));
    json_array_foreach(mirror, i, step)
    {
        const char *type = json_string_value(json_object_get(step, "type"));
        INV_TRY(strcmp(type, "squash") == 0 ? cut_off(step, list)
                                            : inv_parts_add(list, json_incref(step)));
    }
    INV_TRY(inv_parts_end(list));
    INV_TRY(inv_parts_build(list, (inv_shape){1, 1, inv_net_units(net, point)}, "inverse", out));
    inv_parts_copy_frozen(net, *out);
done:
    json_decref(mirror);
    json_decref(list);
    return status;
}

/* ---- fitting ---- */

/* gram[n, n] = the products of w's rows, w[rows, cols], or of its columns, whichever are fewer. */
static void find_gram(const float *w, size_t rows, size_t cols, double *gram)
{
    const bool by_rows = rows <= cols;
    const size_t n = by_rows ? rows : cols, depth = by_rows ? cols : rows;
    const size_t step = by_rows ? cols : 1, along = by_rows ? 1 : cols;
#pragma omp parallel for schedule(dynamic, 8) if (n * depth > INV_PARALLEL_MIN)
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < depth; k++)
                sum += (double)w[i * step + k * along] * (double)w[j * step + k * along];
            gram[i * n + j] = sum;
        }
}

/* inverse[n, n] = sum over the k that count of q_k q_k' / s_k^2; q are rows. */
static void invert_gram(const double *q, const double *squares, size_t n, double minimum,
                        double *inverse)
{
#pragma omp parallel for schedule(static) if (n * n > INV_PARALLEL_MIN)
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n && squares[k] > minimum; k++)
            for (size_t j = 0; j < n; j++)
                inverse[i * n + j] += q[k * n + i] / squares[k] * q[k * n + j];
}

/* out[cols, rows] of w[rows, cols] */
static void multiply(const float *w, size_t rows, size_t cols, const double *inverse, float *out)
{
    const bool by_rows = rows <= cols;
    const size_t depth = by_rows ? rows : cols;
#pragma omp parallel for schedule(static) if (rows * cols > INV_PARALLEL_MIN)
    for (size_t i = 0; i < cols; i++)
        for (size_t j = 0; j < rows; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < depth; k++)
                sum += by_rows ? (double)w[k * cols + i] * inverse[k * rows + j]
                               : inverse[i * cols + k] * (double)w[j * cols + k];
            out[i * rows + j] = (float)sum;
        }
}

static inv_status invert_kernel(const char *name, const float *w, size_t rows, size_t cols,
                                float *out)
{
    const size_t n = rows <= cols ? rows : cols;
    const double least = (double)(rows > cols ? rows : cols) * (double)FLT_EPSILON;
    void *gram = NULL, *inverse = NULL, *squares = NULL;
    inv_status status = INV_OK;
    if (n > SIDE_MOST)
        return INV_ERROR(INV_ECONFIG,
                         "inverse.at: the kernel of %s is %zu x %zu; a pseudo-inverse takes at "
                         "most %d on one side; take kind = \"ridge\" or \"decoder\"",
                         name, rows, cols, SIDE_MOST);
    INV_TRY(inv_calloc(n, n * sizeof(double), "a pseudo-inverse", &gram));
    INV_TRY(inv_calloc(n, n * sizeof(double), "a pseudo-inverse", &inverse));
    INV_TRY(inv_calloc(n, sizeof(double), "singular values", &squares));
    const double *of = squares;
    find_gram(w, rows, cols, gram);
    INV_TRY(inv_eigen_symmetric(n, gram, squares));
    invert_gram(gram, squares, n, fmax(of[0] * least * least, DBL_MIN), inverse);
    multiply(w, rows, cols, inverse, out);
done:
    free(gram);
    free(inverse);
    free(squares);
    return status;
}

static inv_status fit(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                      inv_net *inverse, const inv_dataset *data, uint64_t seed)
{
    (void)spec, (void)point, (void)seed;
    inv_parts_set_range(&data->pixels, inverse);
    for (size_t i = 0; i < inv_net_depth(inverse); i++) {
        const inv_layer *layer = inv_net_layer(inverse, i);
        if (strcmp(layer->type->name, "inverse_dense") != 0)
            continue;
        const inv_block *w = inv_net_block(net, layer->name, "kernel");
        const inv_block *to = inv_net_block(inverse, layer->name, "kernel");
        inv_status status = invert_kernel(layer->name, inv_net_params(net) + w->offset, w->dims[0],
                                          w->dims[1], inv_net_params(inverse) + to->offset);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

static const inv_inverse_spec defaults = {.kind = "pinv", .name = "pinv", .squash = 0.999};

const inv_inverse_kind inv_inverse_pinv = {
    .name = "pinv",
    .fields = fields,
    .defaults = &defaults,
    .undoes = true,
    .build = build,
    .fit = fit,
};
