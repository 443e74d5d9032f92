/* The kind of inverse that is the net's own layers undone, without learning: the pseudo-inverse of
 * each dense kernel and each convolution, and the inverse of each activation, in whose range estimates are
 * cut off first.
 *
 * Of a kernel W [in, out], of rank r, with the eigenvectors q_k of the smaller of W'W and WW' and
 * their eigenvalues s_k^2, all in double,
 *
 *     W+ = sum_k q_k q_k' / s_k^2 W'   of W'W,   or   W' sum_k q_k q_k' / s_k^2   of WW'
 *
 * over the s_k above max(in, out) FLT_EPSILON max_k s_k, as NumPy and LAPACK's users have it.
 *
 * That of a convolution nobody could form: inverse_conv2d works out what it gives. Where the windows of a
 * pool tile the image, each of its values stands in the whole window, which pooled again is the same: of
 * avg_pool that is the pseudo-inverse, of max_pool one image of many.
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
#include "inverse/pinv.h"
#include "kernels/eigen.h"
#include "net/window.h"

#define SIDE_MOST 4096 /* of the smaller side of a kernel */

static const inv_field fields[] = {
    {"squash", INV_FIELD_REAL, offsetof(inv_inverse_spec, squash), 1e-6, 0.999999,
     .help = "fraction of an activation's range at whose ends estimates of its values are cut off"},
    {"iterations", INV_FIELD_SIZE, offsetof(inv_inverse_spec, iterations), 1, 1e6,
     .help =
         "steps of conjugate gradients, at most, that undo a convolution; fewer leave less noise"},
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

/* The settings of a convolution, which inverse_conv2d shares. */
static const char *const shared[] = {"filters",        "height",  "width",    "stride_height",
                                     "stride_width",   "padding", "top",      "bottom",
                                     "left",           "right",   "dilation", "dilation_height",
                                     "dilation_width", "groups",  "stride"};

static inv_status undo_convolution(const inv_layer *layer, size_t iterations, json_t *list)
{
    const inv_shape in = layer->in;
    json_t *step = inv_parts_named(layer, "", "inverse_conv2d"), *settings = json_object();
    json_t *rest = json_pack("{sI sI sI sI}", "image_height", (json_int_t)in.height, "image_width",
                             (json_int_t)in.width, "image_channels", (json_int_t)in.channels,
                             "iterations", (json_int_t)iterations);
    inv_status status = INV_OK;
    INV_TRY(inv_fields_write(layer->type->fields, layer->spec, settings));
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (json_object_set(rest, shared[i], json_object_get(settings, shared[i])))
            INV_FAIL(INV_ENOMEM, "inverse: no memory to describe it");
    if (!step || json_object_update(step, rest))
        INV_FAIL(INV_ENOMEM, "inverse: no memory to describe it");
    INV_TRY(inv_parts_add(list, json_incref(step)));
done:
    json_decref(step);
    json_decref(rest);
    json_decref(settings);
    return status;
}

/* The image that the pool makes of it is the one that comes in. */
static inv_status undo_pool(const inv_layer *layer, json_t *list)
{
    const inv_window w =
        inv_window_over(layer->in, layer->spec); /* begins with that of its windows */
    inv_status status = INV_OK;
    if (w.stride_y != w.height || w.stride_x != w.width || inv_window_pads(&w) ||
        w.out_height * w.height != w.in.height || w.out_width * w.width != w.in.width)
        return INV_ERROR(INV_ECONFIG,
                         "inverse.at: the windows of %s overlap or leave a part of the image out, "
                         "and no pseudo-inverse is known; take kind = \"decoder\"",
                         layer->name);
    INV_TRY(inv_parts_make_image(layer, layer->out, list));
    INV_TRY(inv_parts_enlarge(layer, list));
done:
    return status;
}

/* By the layer's own mirror, with squash layers changed. */
static inv_status undo_by_mirror(const inv_mirror *how, const inv_layer *layer, bool last,
                                 json_t *list)
{
    json_t *mirror = json_array(), *step = NULL;
    size_t i = 0;
    inv_status status = INV_OK;
    if (!layer->type->mirror)
        INV_RAISE(inv_inverse_refuse(layer));
    INV_TRY(layer->type->mirror(layer, how, last, mirror));
    json_array_foreach(mirror, i, step)
    {
        const char *type = json_string_value(json_object_get(step, "type"));
        INV_TRY(strcmp(type, "squash") == 0 ? cut_off(step, list)
                                            : inv_parts_add(list, json_incref(step)));
    }
done:
    json_decref(mirror);
    return status;
}

static inv_status undo(const inv_inverse_spec *spec, const inv_layer *layer, bool last,
                       json_t *list)
{
    const inv_mirror how = {{"zeros", 0.0, 0.0}, spec->squash, 0.0};
    const char *type = layer->type->name;
    if (strcmp(type, "conv2d") == 0)
        return undo_convolution(layer, spec->iterations, list);
    if (strcmp(type, "max_pool") == 0 || strcmp(type, "avg_pool") == 0)
        return undo_pool(layer, list);
    return undo_by_mirror(&how, layer, last, list);
}

inv_status inv_pinv_reach(const inv_inverse_spec *spec, const inv_net *net, size_t from, size_t *to)
{
    *to = from;
    if (!*spec->undo)
        return INV_OK;
    inv_status status = inv_net_point(net, spec->undo, to);
    if (status == INV_OK && (*to == 0 || *to >= from))
        status = INV_ERROR(INV_ECONFIG,
                           "inverse.undo: %s is not between the image and %s, where the inverse "
                           "starts; leave it out, and nothing is undone",
                           spec->undo, inv_net_point_name(net, from));
    return status;
}

inv_status inv_pinv_undo(const inv_inverse_spec *spec, const inv_net *net, size_t from, size_t to,
                         json_t *list)
{
    inv_status status = inv_parts_check_chain(net, to, from);
    for (size_t p = from; status == INV_OK && p-- > to;)
        status = undo(spec, inv_net_layer(net, p), p == 0, list);
    return status;
}

static inv_status build(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                        inv_net **out)
{
    json_t *list = json_array();
    inv_status status = INV_OK;
    INV_TRY(inv_pinv_undo(spec, net, point, 0, list));
    INV_TRY(inv_parts_check_steps(list, net, point));
    INV_TRY(inv_parts_end(list));
    INV_TRY(inv_parts_build(list, (inv_shape){1, 1, inv_net_units(net, point)}, "inverse", out));
    inv_parts_copy_frozen(net, inv_net_depth(*out), *out);
done:
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

inv_status inv_pinv_fit(const inv_net *net, size_t count, inv_net *inverse)
{
    inv_status status = INV_OK;
    for (size_t i = 0; i < count; i++) {
        const inv_layer *layer = inv_net_layer(inverse, i);
        if (strcmp(layer->type->name, "inverse_dense") != 0)
            continue;
        const inv_block *w = inv_net_block(net, layer->name, "kernel");
        const inv_block *to = inv_net_block(inverse, layer->name, "kernel");
        INV_TRY(invert_kernel(layer->name, inv_net_params(net) + w->offset, w->dims[0], w->dims[1],
                              inv_net_params(inverse) + to->offset));
    }
done:
    return status;
}

static inv_status fit(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                      inv_net *inverse, const inv_dataset *data, uint64_t seed)
{
    (void)spec, (void)seed, (void)point;
    inv_parts_set_range(&data->pixels, inverse);
    return inv_pinv_fit(net, inv_net_depth(inverse), inverse);
}

static const inv_inverse_spec defaults = {
    .kind = "pinv", .name = "pinv", .squash = 0.999, .iterations = 30};

const inv_inverse_kind inv_inverse_pinv = {
    .name = "pinv",
    .fields = fields,
    .defaults = &defaults,
    .undoes = true,
    .build = build,
    .fit = fit,
};
