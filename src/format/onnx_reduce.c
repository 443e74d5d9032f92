/* ONNX: sums, means and extremes over axes, made of pooling (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <string.h>

/* What is done to each value first, what is then pooled, and what is done to that. */
static const struct reduction {
    const char *op, *before, *behind;
    bool is_max, is_sum;
} reductions[] = {
    {"ReduceMean", NULL, NULL, false, false},
    {"ReduceSum", NULL, NULL, false, true},
    {"ReduceMax", NULL, NULL, true, false},
    {"ReduceMin", "negative", "negative", true, false},
    {"ReduceL1", "abs", NULL, false, true},
    {"ReduceL2", "square", "sqrt", false, true},
    {"ReduceSumSquare", "square", NULL, false, true},
    {"ReduceLogSum", NULL, "log", false, true},
    {"ReduceLogSumExp", "exponential", "log", false, true},
    {"LpNormalization", "square", "sqrt", false, true},
};

static const struct reduction *reduction_of(const json_t *node)
{
    const struct reduction *r = reductions;
    while (strcmp(r->op, inv_onnx_op(node)) != 0)
        r++;
    return r;
}

static inv_status add_each(onnx_importing *im, const json_t *node, const char *what, onnx_value *v)
{
    if (!what)
        return INV_OK;
    return onnx_add_layer(im, node, ".each",
                          strcmp(what, "negative") == 0
                              ? json_pack("{ss sf}", "type", "rescale", "scale", -1.0)
                              : json_pack("{ss}", "type", what),
                          v, v);
}

/* Whether the axes that go are rows and columns of the image, whole, and which. */
static bool are_rows(const onnx_value *v, const bool *gone, bool *high, bool *wide)
{
    char axes[4];
    size_t first[ONNX_RANK_MAX + 1];
    *high = *wide = false;
    if (!onnx_split_axes(v, axes, first))
        return false;
    for (size_t i = 0; i < v->rank; i++)
        for (size_t k = first[i]; gone[i] && k < first[i + 1]; k++) {
            *high = *high || axes[k] == 'h';
            *wide = *wide || axes[k] == 'w';
            if (axes[k] == 'c')
                return false;
        }
    return true;
}

/* Any axes: those that go become the image's rows, the others its channels. */
static inv_status to_rows(onnx_importing *im, const json_t *node, const bool *gone, onnx_value *v)
{
    size_t from[ONNX_RANK_MAX], at = 0, rows = 1;
    for (size_t i = 0; i < v->rank; i++)
        if (gone[i]) {
            rows *= v->dims[i];
            from[at++] = i;
        }
    for (size_t i = 0; i < v->rank; i++)
        if (!gone[i])
            from[at++] = i;
    inv_status status = onnx_move_axes(im, node, from, v);
    const size_t size = inv_shape_size(v->place.shape);
    return status == INV_OK
               ? onnx_rearrange(im, node, (inv_shape){rows, 1, size / rows}, onnx_axes_here, v)
               : status;
}

/* The axes that go are of size 1 then. */
static inv_status pool_axes(onnx_importing *im, const json_t *node, const bool *gone, bool is_max,
                            onnx_value *v)
{
    const size_t batch = v->batch;
    bool high = false, wide = false;
    size_t dims[ONNX_RANK_MAX];
    inv_status status = INV_OK;
    for (size_t i = 0; i < v->rank; i++)
        dims[i] = gone[i] ? 1 : v->dims[i];
    if (!are_rows(v, gone, &high, &wide)) {
        INV_TRY(to_rows(im, node, gone, v));
        high = true;
    }
    const inv_shape s = v->place.shape;
    const size_t height = high ? s.height : 1, width = wide ? s.width : 1;
    if (height == s.height && width == s.width)
        INV_TRY(onnx_add_layer(
            im, node, "", json_pack("{ss}", "type", is_max ? "global_max_pool" : "global_avg_pool"),
            v, v));
    else
        INV_TRY(onnx_add_layer(im, node, "",
                               json_pack("{ss sI sI si}", "type", is_max ? "max_pool" : "avg_pool",
                                         "height", (json_int_t)height, "width", (json_int_t)width,
                                         "stride", 1),
                               v, v));
    memcpy(v->dims, dims, sizeof dims);
    v->batch = batch;
done:
    return status;
}

/* All of it, over the axes that go. */
static inv_status reduce(onnx_importing *im, const json_t *node, const bool *gone, onnx_value *v)
{
    const struct reduction *r = reduction_of(node);
    size_t count = 1;
    inv_status status = INV_OK;
    for (size_t i = 0; i < v->rank; i++) {
        if (gone[i])
            INV_TRY(onnx_check_axis(im, node, v, i));
        count *= gone[i] ? v->dims[i] : 1;
    }
    INV_TRY(add_each(im, node, r->before, v));
    INV_TRY(pool_axes(im, node, gone, r->is_max, v));
    if (r->is_sum && count > 1)
        INV_TRY(onnx_add_layer(im, node, ".sum",
                               json_pack("{ss sf}", "type", "rescale", "scale", (double)count), v,
                               v));
    INV_TRY(add_each(im, node, r->behind, v));
done:
    return status;
}

static inv_status add_reduce(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, onnx_value *out)
{
    const bool keeps = inv_onnx_whole(node, "keepdims", 1) != 0;
    int64_t list[2 * ONNX_RANK_MAX];
    size_t n = 0, axis = 0, rank = 0;
    bool gone[ONNX_RANK_MAX] = {false};
    inv_status status = onnx_whole_numbers(im, node, in, count, 1, "axes", list, &n);
    if (status != INV_OK)
        return status;
    *out = in[0];
    if ((n == SIZE_MAX || n == 0) && inv_onnx_whole(node, "noop_with_empty_axes", 0) != 0) {
        const struct reduction *r = reduction_of(node);
        /* runtimes differ in whether each value is squared, or its logarithm taken */
        const bool is_plain = (!r->before && !r->behind) || strcmp(r->op, "ReduceMin") == 0;
        return is_plain ? INV_OK : WRONG("over no axis (noop_with_empty_axes) is not known");
    }
    for (size_t i = 0; (n == SIZE_MAX || n == 0) && i < out->rank; i++)
        gone[i] = true;
    for (size_t i = 0; n != SIZE_MAX && i < n; i++) {
        if (!inv_onnx_axis(list[i], out->rank, &axis))
            return WRONG("there is no axis %lld", (long long)list[i]);
        gone[axis] = true;
    }
    status = reduce(im, node, gone, out);
    const size_t batch = out->batch;
    for (size_t i = 0; i < out->rank; i++) {
        if (i == batch)
            out->batch = rank;
        if (keeps || !gone[i])
            out->dims[rank++] = out->dims[i];
    }
    out->rank = rank;
    return status;
}

/* x over the square root of the sum of its squares along an axis. */
static inv_status add_lp_norm(onnx_importing *im, const json_t *node, const onnx_value *in,
                              size_t count, onnx_value *out)
{
    onnx_value both[2] = {in[0], in[0]};
    bool gone[ONNX_RANK_MAX] = {false};
    size_t axis = 0;
    (void)count;
    if (inv_onnx_whole(node, "p", 2) != 2)
        return WRONG("other than by the root of squares is not known");
    if (!inv_onnx_axis(inv_onnx_whole(node, "axis", -1), in[0].rank, &axis))
        return WRONG("is along an axis that is not there");
    gone[axis] = true;
    inv_status status = reduce(im, node, gone, &both[1]);
    return status == INV_OK ? onnx_join_values(im, node, "divide", both, 2, out) : status;
}

/* ---- the table ---- */

const onnx_operator onnx_reduce_operators[] = {
    {"ReduceMean", add_reduce, false, "axes keepdims noop_with_empty_axes"},
    {"ReduceSum", add_reduce, false, "axes keepdims noop_with_empty_axes"},
    {"ReduceMax", add_reduce, false, "axes keepdims noop_with_empty_axes"},
    {"ReduceMin", add_reduce, false, "axes keepdims noop_with_empty_axes"},
    {"ReduceL1", add_reduce, false, "axes keepdims noop_with_empty_axes"},
    {"ReduceL2", add_reduce, false, "axes keepdims noop_with_empty_axes"},
    {"ReduceSumSquare", add_reduce, false, "axes keepdims noop_with_empty_axes"},
    {"ReduceLogSum", add_reduce, false, "axes keepdims noop_with_empty_axes"},
    {"ReduceLogSumExp", add_reduce, false, "axes keepdims noop_with_empty_axes"},
    {"LpNormalization", add_lp_norm, false, "axis p"},
    {NULL, NULL, false, NULL},
};
