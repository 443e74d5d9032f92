/* ONNX: padding, other sizes, other orders of axes (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- padding ---- */

/* Whether some axis is listed twice: of pads and parts the specification does not say what comes then. */
bool onnx_lists_twice(const int64_t *axes, size_t count, size_t rank)
{
    bool listed[ONNX_RANK_MAX] = {false};
    size_t axis = 0;
    for (size_t i = 0; i < count; i++) {
        if (!inv_onnx_axis(axes[i], rank, &axis))
            continue;
        if (listed[axis])
            return true;
        listed[axis] = true;
    }
    return false;
}

static inv_status add_pad(onnx_importing *im, const json_t *node, const onnx_value *in,
                          size_t count, onnx_value *out)
{
    const char *mode = inv_onnx_text(node, "mode", "constant");
    int64_t pads[2 * ONNX_RANK_MAX], list[2 * ONNX_RANK_MAX];
    size_t n = 0, axes = 0, axis = 0, around[4] = {0}, cut[4] = {0};
    bool pads_any = false, cuts_any = false;
    char letters[ONNX_RANK_MAX];
    double what = 0.0;
    onnx_value v = in[0];
    inv_status status = INV_OK;
    const char *key = inv_onnx_attribute(node, "paddings") ? "paddings" : "pads";
    INV_TRY(onnx_whole_numbers(im, node, in, count, 1, key, pads, &n));
    INV_TRY(onnx_one_number(im, node, in, count, 2, "value", 0.0, &what));
    INV_TRY(onnx_whole_numbers(im, node, in, count, 3, "", list, &axes));
    if (n == SIZE_MAX || n != 2 * (axes == SIZE_MAX ? v.rank : axes))
        INV_RAISE(WRONG("pads for other axes than there are"));
    if (axes != SIZE_MAX && onnx_lists_twice(list, axes, v.rank))
        INV_RAISE(WRONG("names an axis twice"));
    if (!onnx_find_letters(&v, letters))
        INV_TRY(onnx_as_image(im, node, &v));
    if (!onnx_find_letters(&v, letters))
        INV_RAISE(WRONG("is of axes that are not those of an image"));
    for (size_t i = 0; i < n / 2; i++) {
        if (!inv_onnx_axis(axes == SIZE_MAX ? (int64_t)i : list[i], v.rank, &axis))
            INV_RAISE(WRONG("there is no axis %lld", (long long)list[i]));
        for (size_t side = 0; side < 2; side++) {
            const int64_t pad = pads[i + side * n / 2];
            if (pad == 0)
                continue;
            if ((letters[axis] != 'h' && letters[axis] != 'w') || pad > 1024 || pad < -100000)
                INV_RAISE(WRONG("pads other than rows and columns, which is not known"));
            const size_t k = (letters[axis] == 'w' ? 2 : 0) + side;
            around[k] = pad > 0 ? (size_t)pad : 0;
            cut[k] = pad < 0 ? (size_t)-pad : 0;
            pads_any = pads_any || pad > 0;
            cuts_any = cuts_any || pad < 0;
            v.dims[axis] += (size_t)pad;
        }
    }
    if (pads_any && cuts_any && strcmp(mode, "wrap") == 0)
        INV_RAISE(WRONG("wraps around what it also cuts off, which is not known"));
    *out = v;
    if (pads_any)
        INV_TRY(onnx_add_layer(im, node, "", onnx_pad_keys(mode, what, around), &v, out));
    if (cuts_any)
        INV_TRY(onnx_add_layer(im, node, ".cut",
                               json_pack("{ss sI sI sI sI}", "type", "crop", "top",
                                         (json_int_t)cut[0], "bottom", (json_int_t)cut[1], "left",
                                         (json_int_t)cut[2], "right", (json_int_t)cut[3]),
                               out, out));
done:
    return status;
}

/* ---- the same values with other sizes ---- */

static inv_status add_nothing(onnx_importing *im, const json_t *node, const onnx_value *in,
                              size_t count, onnx_value *out)
{
    (void)im, (void)node, (void)count;
    *out = in[0];
    return INV_OK;
}

/* To other numbers of the same value: floats, of whatever size. Whole numbers would lose their fractions. */
static inv_status add_cast(onnx_importing *im, const json_t *node, const onnx_value *in,
                           size_t count, onnx_value *out)
{
    static const int64_t floats[] = {1, 10, 11, 16}; /* FLOAT, FLOAT16, DOUBLE, BFLOAT16 */
    const int64_t to = inv_onnx_whole(node, "to", 0);
    bool is_float = count > 1 && in[1].is_known && !in[1].known.is_whole;
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        is_float = is_float || (count == 1 && to == floats[i]);
    *out = in[0];
    return is_float ? INV_OK : WRONG("to whole numbers is not known, but of sizes");
}

/* A file that was made for batches of several images may name that number. */
static inv_status without_batch(onnx_importing *im, const onnx_value *v, inv_onnx_tensor *target)
{
    double *numbers = NULL, *kept = NULL, product = 1.0;
    const size_t count = inv_onnx_count(target), rank = target->rank;
    if (im->batch < 2 || count == 0 || rank != 1)
        return INV_OK;
    inv_status status = inv_onnx_values(target, &numbers);
    for (size_t i = 0; status == INV_OK && i < count; i++)
        product *= numbers[i];
    if (status == INV_OK && fabs(numbers[0] - (double)im->batch) < 0.5 &&
        fabs(product - (double)inv_shape_size(v->place.shape)) > 0.5) {
        status = inv_onnx_make(im->sketch, &count, rank, true, &kept, target);
        for (size_t i = 0; status == INV_OK && i < count; i++)
            kept[i] = i ? numbers[i] : 1.0;
    }
    free(numbers);
    return status;
}

/* A Squeeze of all axes of size 1, but for the batch, which has more images elsewhere. */
static void squeeze_all(onnx_value *v)
{
    const size_t batch = v->batch;
    size_t rank = 0;
    for (size_t i = 0; i < v->rank; i++) {
        if (i == batch)
            v->batch = rank;
        if (i == batch || v->dims[i] != 1)
            v->dims[rank++] = v->dims[i];
    }
    v->rank = rank;
}

/* Where the batch is behind a Squeeze or an Unsqueeze of `count` axes. A Squeeze that leaves it out takes
 * batches of one image alone. */
static void follow_axes(const onnx_value *old, const int64_t *axes, size_t count, bool adds,
                        onnx_value *v)
{
    bool listed[ONNX_RANK_MAX] = {false};
    size_t axis = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        if (inv_onnx_axis(axes[i], adds ? v->rank : old->rank, &axis))
            listed[axis] = true;
    v->batch = ONNX_NO_BATCH;
    for (size_t i = 0; i < (adds ? v->rank : old->rank); i++) {
        if (!listed[i] && (adds ? at : i) == old->batch)
            v->batch = adds ? i : at;
        at += !listed[i];
    }
}

static inv_status add_shape(onnx_importing *im, const json_t *node, const onnx_value *in,
                            size_t count, onnx_value *out)
{
    static const inv_tree_array no_values = {0};
    const bool reshapes = strcmp(inv_onnx_op(node), "Reshape") == 0;
    const bool adds = strcmp(inv_onnx_op(node), "Unsqueeze") == 0;
    inv_onnx_tensor tensors[2] = {{0}}, result = {0};
    int64_t axes[2 * ONNX_RANK_MAX];
    size_t listed = 0;
    inv_status status = INV_OK;
    *out = in[0];
    if (!reshapes)
        INV_TRY(onnx_whole_numbers(im, node, in, count, 1, "axes", axes, &listed));
    if (listed == SIZE_MAX && !adds) {
        squeeze_all(out);
        return INV_OK;
    }
    tensors[0].rank = in[0].rank;
    memcpy(tensors[0].dims, in[0].dims, sizeof in[0].dims);
    tensors[0].array = &no_values;
    if (onnx_is_given(in, count, 1)) {
        if (!in[1].is_known)
            return WRONG("sizes that are not constant");
        tensors[1] = in[1].known;
        if (reshapes)
            INV_TRY(without_batch(im, &in[0], &tensors[1]));
    }
    INV_TRY(inv_onnx_fold(&im->graph, im->sketch, node, tensors, count > 1 ? 2 : 1, &result));
    out->rank = result.rank;
    memcpy(out->dims, result.dims, sizeof out->dims);
    if (reshapes)
        INV_RAISE(onnx_follow_sizes(im, node, &in[0], out));
    if (listed != SIZE_MAX)
        follow_axes(&in[0], axes, listed, adds, out);
done:
    return status;
}

static inv_status add_flatten(onnx_importing *im, const json_t *node, const onnx_value *in,
                              size_t count, onnx_value *out)
{
    const int64_t given = inv_onnx_whole(node, "axis", 1);
    const int64_t axis = given < 0 ? given + (int64_t)in[0].rank : given;
    (void)count;
    if (axis < 0 || axis > (int64_t)in[0].rank)
        return WRONG("there is no axis %lld", (long long)given);
    *out = in[0];
    out->rank = 2;
    out->dims[0] = out->dims[1] = 1;
    for (size_t i = 0; i < in[0].rank; i++)
        out->dims[(int64_t)i >= axis] *= in[0].dims[i];
    if (in[0].batch == ONNX_NO_BATCH)
        return INV_OK;
    out->batch = axis <= (int64_t)in[0].batch;
    return in[0].batch == 0 || (int64_t)in[0].batch == axis
               ? INV_OK
               : onnx_check_axis(im, node, &in[0], in[0].batch);
}

/* Of axes longer than 1, those that come out behind the one that they follow already. */
static void find_joined(const onnx_value *v, const size_t *from, bool joined[ONNX_RANK_MAX])
{
    size_t last = SIZE_MAX; /* what came out */
    for (size_t i = 0; i < v->rank; i++) {
        size_t before = from[i];
        joined[from[i]] = false;
        if (v->dims[from[i]] == 1)
            continue;
        while (before > 0 && v->dims[before - 1] == 1)
            before--;
        joined[from[i]] = before > 0 && before - 1 == last;
        last = from[i];
    }
}

/* As images of up to three axes, axes that stay together being one: rows and columns stay so where
 * channels are shuffled. The order that they come out in. */
static inv_status move_groups(onnx_importing *im, const json_t *node, const size_t *from,
                              onnx_value *v, char order[4])
{
    size_t sizes[3] = {1, 1, 1}, group[ONNX_RANK_MAX] = {0}, count = 0, at = 0;
    bool joined[ONNX_RANK_MAX];
    find_joined(v, from, joined);
    for (size_t i = 0; i < v->rank; i++) {
        if (v->dims[i] == 1)
            continue;
        if (!joined[i] && count == 3)
            return WRONG("of more than three axes is not known");
        count += !joined[i];
        group[i] = count - 1;
        sizes[count - 1] *= v->dims[i];
    }
    for (size_t i = 0; i < v->rank; i++)
        if (v->dims[from[i]] > 1 && !joined[from[i]])
            order[at++] = onnx_axes_here[group[from[i]]];
    return onnx_rearrange(im, node, (inv_shape){sizes[0], sizes[1], sizes[2]}, onnx_axes_here, v);
}

inv_status onnx_move_axes(onnx_importing *im, const json_t *node, const size_t *from, onnx_value *v)
{
    char axes[4] = "", order[4] = {0};
    size_t first[ONNX_RANK_MAX + 1] = {0}, at = 0, dims[ONNX_RANK_MAX];
    const bool splits = onnx_split_axes(v, axes, first);
    inv_status status = splits ? INV_OK : move_groups(im, node, from, v, order);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; splits && i < v->rank; i++)
        for (size_t k = first[from[i]]; k < first[from[i] + 1]; k++)
            order[at++] = axes[k];
    at = strlen(order);
    for (const char *a = onnx_axes_here; *a; a++)
        if (!strchr(order, *a))
            order[at++] = *a;
    const size_t batch = v->batch;
    for (size_t i = 0; i < v->rank; i++) {
        dims[i] = v->dims[from[i]];
        v->batch = from[i] == batch ? i : v->batch;
    }
    memcpy(v->dims, dims, v->rank * sizeof *dims);
    memcpy(v->order, order, sizeof order);
    return INV_OK;
}

static inv_status add_transpose(onnx_importing *im, const json_t *node, const onnx_value *in,
                                size_t count, onnx_value *out)
{
    size_t from[ONNX_RANK_MAX] = {0};
    bool seen[ONNX_RANK_MAX] = {false};
    (void)count;
    *out = in[0];
    for (size_t i = 0; i < out->rank; i++) {
        const int64_t axis = inv_onnx_whole_at(node, "perm", i, (int64_t)(out->rank - 1 - i));
        if (!inv_onnx_axis(axis, out->rank, &from[i]) || seen[from[i]])
            return WRONG("an order of axes that cannot be");
        seen[from[i]] = true;
    }
    return onnx_move_axes(im, node, from, out);
}

/* ---- the table ---- */

const onnx_operator onnx_shape_operators[] = {
    {"Identity", add_nothing, false, NULL},
    {"Cast", add_cast, false, "round_mode saturate to"},
    {"CastLike", add_cast, false, "round_mode saturate"},
    {"Reshape", add_shape, false, "allowzero shape"},
    {"Squeeze", add_shape, false, "axes"},
    {"Unsqueeze", add_shape, false, "axes"},
    {"Flatten", add_flatten, false, "axis"},
    {"Transpose", add_transpose, false, "perm"},
    {"Pad", add_pad, false, "mode paddings pads value"},
    {NULL, NULL, false, NULL},
};
