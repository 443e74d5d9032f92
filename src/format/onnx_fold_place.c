/* Where the values of known tensors go (onnx_fold.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"

/* The same values with other sizes. */
static inv_status resized(const onnx_folding *f, const size_t *dims, size_t rank)
{
    if (rank > INV_ONNX_RANK_MAX)
        return onnx_unfit(f);
    inv_onnx_tensor t = {.rank = rank, .is_whole = f->in[0].is_whole, .array = f->in[0].array};
    memcpy(t.dims, dims, rank * sizeof *dims);
    if (inv_onnx_count(&t) != inv_onnx_count(&f->in[0]))
        return onnx_unfit(f);
    *f->out = t;
    return INV_OK;
}

/* ---- where values go ---- */

static inv_status fold_same(const onnx_folding *f)
{
    *f->out = f->in[0];
    return INV_OK;
}

/* Whether a number is one of a type of `size` bytes. */
static bool holds(uint8_t kind, uint32_t size, double x)
{
    const double half = ldexp(1.0, 8 * (int)size - 1);
    return kind == INV_VALUE_SIGNED ? x >= -half && x < half : x >= 0.0 && x < 2.0 * half;
}

/* To whole numbers: towards zero; to truth: whether it is not 0. What a type does not hold, one program
 * wraps and another cuts. */
static inv_status fold_cast(const onnx_folding *f)
{
    const int64_t to = inv_onnx_whole(f->node, "to", 1);
    double *from = NULL, *values = NULL;
    uint8_t kind = 0;
    uint32_t size = 0;
    inv_status status = INV_OK;
    if (!inv_onnx_type(to, &kind, &size))
        return inv_onnx_wrong(f->graph, f->node, "to numbers of a kind that is not known");
    const bool whole = kind == INV_VALUE_SIGNED || kind == INV_VALUE_UNSIGNED;
    const bool is_truth = to == 9; /* BOOL */
    if (whole == f->in[0].is_whole && (!whole || size == 8))
        return fold_same(f);
    INV_TRY(inv_onnx_values(&f->in[0], &from));
    INV_TRY(inv_onnx_make(f->sketch, f->in[0].dims, f->in[0].rank, whole, &values, f->out));
    for (size_t i = 0; i < inv_onnx_count(f->out); i++) {
        values[i] = is_truth ? (double)(from[i] < 0.0 || from[i] > 0.0) : from[i];
        values[i] = whole ? trunc(values[i]) : values[i];
        if (whole && !holds(kind, size, values[i]))
            INV_RAISE(inv_onnx_wrong(f->graph, f->node, "to numbers that do not hold %g", from[i]));
    }
done:
    free(from);
    return status;
}

inv_status inv_onnx_reshaped(const inv_onnx_graph *graph, const json_t *node, const size_t *from,
                             size_t from_rank, const double *target, size_t rank, size_t *dims)
{
    size_t all = 1, known = 1, open = SIZE_MAX;
    const bool zeros = inv_onnx_whole(node, "allowzero", 0) != 0;
    for (size_t i = 0; i < from_rank; i++)
        all *= from[i];
    for (size_t i = 0; i < rank; i++) {
        if (target[i] < -1.0 || target[i] > 1e9 || (target[i] < 0.0 && open != SIZE_MAX))
            return inv_onnx_wrong(graph, node, "sizes that cannot be");
        if (target[i] < 0.0)
            open = i;
        dims[i] = target[i] < 0.0 ? 1 : (size_t)target[i];
        if (dims[i] == 0 && !zeros && i < from_rank)
            dims[i] = from[i];
        known *= dims[i] ? dims[i] : 1;
        if (known > ONNX_FOLDED_MAX)
            return inv_onnx_wrong(graph, node, "sizes that cannot be");
    }
    if (open != SIZE_MAX)
        dims[open] = all / known;
    known = 1;
    for (size_t i = 0; i < rank; i++)
        known *= dims[i];
    return known == all ? INV_OK
                        : inv_onnx_wrong(graph, node, "%zu values do not take these sizes", all);
}

static inv_status fold_reshape(const onnx_folding *f)
{
    size_t dims[INV_ONNX_RANK_MAX], count = 0;
    int64_t sizes[INV_ONNX_RANK_MAX];
    double target[INV_ONNX_RANK_MAX];
    inv_status status = onnx_whole_list(f, 1, "shape", sizes, &count);
    if (status != INV_OK || count == SIZE_MAX)
        return status == INV_OK ? onnx_unfit(f) : status;
    for (size_t i = 0; i < count; i++)
        target[i] = (double)sizes[i];
    status =
        inv_onnx_reshaped(f->graph, f->node, f->in[0].dims, f->in[0].rank, target, count, dims);
    return status == INV_OK ? resized(f, dims, count) : status;
}

static inv_status fold_unsqueeze(const onnx_folding *f)
{
    int64_t axes[INV_ONNX_RANK_MAX];
    size_t count = 0, dims[2 * INV_ONNX_RANK_MAX] = {0}, from = 0, axis = 0;
    inv_status status = onnx_whole_list(f, 1, "axes", axes, &count);
    const size_t rank = f->in[0].rank + count;
    if (status != INV_OK || count == SIZE_MAX || rank > INV_ONNX_RANK_MAX)
        return status == INV_OK ? onnx_unfit(f) : status;
    for (size_t i = 0; i < count; i++) {
        if (!inv_onnx_axis(axes[i], rank, &axis) || dims[axis])
            return onnx_unfit(f);
        dims[axis] = SIZE_MAX;
    }
    for (size_t i = 0; i < rank; i++)
        dims[i] = dims[i] ? 1 : f->in[0].dims[from++];
    return resized(f, dims, rank);
}

static inv_status fold_squeeze(const onnx_folding *f)
{
    int64_t axes[INV_ONNX_RANK_MAX];
    size_t count = 0, dims[INV_ONNX_RANK_MAX], rank = 0, axis = 0;
    bool gone[INV_ONNX_RANK_MAX] = {false};
    inv_status status = onnx_whole_list(f, 1, "axes", axes, &count);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; i < f->in[0].rank && count == SIZE_MAX; i++)
        gone[i] = f->in[0].dims[i] == 1;
    for (size_t i = 0; count != SIZE_MAX && i < count; i++) {
        if (!inv_onnx_axis(axes[i], f->in[0].rank, &axis))
            return onnx_unfit(f);
        gone[axis] = true;
    }
    for (size_t i = 0; i < f->in[0].rank; i++)
        if (!gone[i])
            dims[rank++] = f->in[0].dims[i];
    return resized(f, dims, rank);
}

/* out[index] = in[offset + sum of index[i] steps[i]] */
static inv_status pick(const onnx_folding *f, const size_t *dims, size_t rank, ptrdiff_t offset,
                       const ptrdiff_t *steps)
{
    double *from = NULL, *to = NULL;
    size_t index[INV_ONNX_RANK_MAX] = {0};
    inv_status status = inv_onnx_values(&f->in[0], &from);
    if (status == INV_OK)
        status = inv_onnx_make(f->sketch, dims, rank, f->in[0].is_whole, &to, f->out);
    const size_t count = status == INV_OK ? inv_onnx_count(f->out) : 0;
    for (size_t n = 0; n < count; n++) {
        to[n] = from[offset];
        for (size_t i = rank; i-- > 0;) {
            offset += steps[i];
            if (++index[i] < dims[i])
                break;
            offset -= steps[i] * (ptrdiff_t)dims[i];
            index[i] = 0;
        }
    }
    free(from);
    return status;
}

static inv_status fold_transpose(const onnx_folding *f)
{
    const inv_onnx_tensor *t = &f->in[0];
    ptrdiff_t strides[INV_ONNX_RANK_MAX], steps[INV_ONNX_RANK_MAX];
    size_t dims[INV_ONNX_RANK_MAX], axis = 0;
    bool seen[INV_ONNX_RANK_MAX] = {false};
    onnx_strides_of(t, strides);
    for (size_t i = 0; i < t->rank; i++) {
        const int64_t from = inv_onnx_whole_at(f->node, "perm", i, (int64_t)(t->rank - 1 - i));
        if (!inv_onnx_axis(from, t->rank, &axis) || seen[axis])
            return onnx_unfit(f);
        seen[axis] = true;
        dims[i] = t->dims[axis];
        steps[i] = strides[axis];
    }
    return pick(f, dims, t->rank, 0, steps);
}

bool inv_onnx_slice(size_t n, int64_t start, int64_t end, int64_t step, size_t *first,
                    size_t *count)
{
    const int64_t size = (int64_t)n, low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
    if (step == 0)
        return false;
    start += start < 0 ? size : 0;
    end += end < 0 ? size : 0;
    start = start < low ? low : start > high ? high : start;
    end = end < low ? low : end > high ? high : end;
    const int64_t span = step > 0 ? end - start : start - end, each = step > 0 ? step : -step;
    *count = span > 0 ? (size_t)((span + each - 1) / each) : 0;
    *first = start < 0 ? 0 : (size_t)start;
    return true;
}

static inv_status fold_slice(const onnx_folding *f)
{
    const inv_onnx_tensor *t = &f->in[0];
    int64_t starts[8], ends[8], axes[8], by[8];
    size_t count = 0, n = 0, axis = 0, first = 0, dims[INV_ONNX_RANK_MAX];
    ptrdiff_t strides[INV_ONNX_RANK_MAX], offset = 0;
    inv_status status = INV_OK;
    onnx_strides_of(t, strides);
    memcpy(dims, t->dims, sizeof dims);
    INV_TRY(onnx_whole_list(f, 1, "starts", starts, &count));
    INV_TRY(onnx_whole_list(f, 2, "ends", ends, &n));
    if (count == SIZE_MAX || n != count)
        INV_RAISE(onnx_unfit(f));
    INV_TRY(onnx_whole_list(f, 3, "axes", axes, &n));
    for (size_t i = 0; n == SIZE_MAX && i < count; i++)
        axes[i] = (int64_t)i;
    if (n != SIZE_MAX && n != count)
        INV_RAISE(onnx_unfit(f));
    INV_TRY(onnx_whole_list(f, 4, "steps", by, &n));
    for (size_t i = 0; n == SIZE_MAX && i < count; i++)
        by[i] = 1;
    if (n != SIZE_MAX && n != count)
        INV_RAISE(onnx_unfit(f));
    for (size_t i = 0; i < count; i++) {
        if (!inv_onnx_axis(axes[i], t->rank, &axis) ||
            !inv_onnx_slice(t->dims[axis], starts[i], ends[i], by[i], &first, &dims[axis]))
            INV_RAISE(onnx_unfit(f));
        offset += (ptrdiff_t)first * strides[axis];
        strides[axis] *= (ptrdiff_t)by[i];
    }
    INV_TRY(pick(f, dims, t->rank, offset, strides));
done:
    return status;
}

/* The sizes of the axis's pieces: out[a, indices, b] = in[a, index, b]. */
static inv_status fold_gather(const onnx_folding *f)
{
    const inv_onnx_tensor *t = &f->in[0], *indices = &f->in[1];
    size_t axis = 0, rank = 0, dims[2 * INV_ONNX_RANK_MAX], before = 1, behind = 1;
    double *from = NULL, *which = NULL, *to = NULL;
    inv_status status = INV_OK;
    if (f->count < 2 || !inv_onnx_axis(inv_onnx_whole(f->node, "axis", 0), t->rank, &axis) ||
        t->rank + indices->rank > INV_ONNX_RANK_MAX + 1)
        return onnx_unfit(f);
    for (size_t i = 0; i < t->rank; i++) {
        for (size_t k = 0; i == axis && k < indices->rank; k++)
            dims[rank++] = indices->dims[k];
        if (i != axis)
            dims[rank++] = t->dims[i];
        before *= i < axis ? t->dims[i] : 1;
        behind *= i > axis ? t->dims[i] : 1;
    }
    INV_TRY(inv_onnx_values(t, &from));
    INV_TRY(inv_onnx_values(indices, &which));
    INV_TRY(inv_onnx_make(f->sketch, dims, rank, t->is_whole, &to, f->out));
    for (size_t a = 0; a < before; a++)
        for (size_t i = 0; i < inv_onnx_count(indices); i++) {
            const double at = which[i] < 0.0 ? which[i] + (double)t->dims[axis] : which[i];
            if (!(at >= 0.0 && at < (double)t->dims[axis]))
                INV_RAISE(onnx_unfit(f));
            for (size_t b = 0; b < behind; b++)
                *to++ = from[(a * t->dims[axis] + (size_t)at) * behind + b];
        }
done:
    free(from);
    free(which);
    return status;
}

static inv_status fold_concat(const onnx_folding *f)
{
    size_t axis = 0, dims[INV_ONNX_RANK_MAX], before = 1, behind = 1, start = 0;
    double *from = NULL, *to = NULL;
    inv_status status = INV_OK;
    if (!inv_onnx_axis(inv_onnx_whole(f->node, "axis", 1), f->in[0].rank, &axis))
        return onnx_unfit(f);
    memcpy(dims, f->in[0].dims, sizeof dims);
    dims[axis] = 0;
    for (size_t k = 0; k < f->count; k++) {
        if (!f->in[k].array || f->in[k].rank != f->in[0].rank)
            return onnx_unfit(f);
        for (size_t i = 0; i < f->in[0].rank; i++)
            if (i != axis && f->in[k].dims[i] != f->in[0].dims[i])
                return onnx_unfit(f);
        dims[axis] += f->in[k].dims[axis];
    }
    for (size_t i = 0; i < f->in[0].rank; i++) {
        before *= i < axis ? dims[i] : 1;
        behind *= i > axis ? dims[i] : 1;
    }
    INV_TRY(inv_onnx_make(f->sketch, dims, f->in[0].rank, f->in[0].is_whole, &to, f->out));
    for (size_t k = 0; k < f->count; k++) {
        const size_t piece = f->in[k].dims[axis] * behind;
        INV_TRY(inv_onnx_values(&f->in[k], &from));
        for (size_t a = 0; a < before; a++)
            memcpy(to + a * dims[axis] * behind + start, from + a * piece, piece * sizeof *to);
        start += piece;
        free(from);
        from = NULL;
    }
done:
    free(from);
    return status;
}

/* As many more axes before the others as there are sizes; those of 1 get as long as is said. */
static inv_status fold_expand(const onnx_folding *f)
{
    const inv_onnx_tensor *t = &f->in[0];
    int64_t sizes[INV_ONNX_RANK_MAX];
    ptrdiff_t strides[INV_ONNX_RANK_MAX], steps[INV_ONNX_RANK_MAX] = {0};
    size_t count = 0, dims[INV_ONNX_RANK_MAX];
    inv_status status = onnx_whole_list(f, 1, "", sizes, &count);
    if (status != INV_OK)
        return status;
    if (count == SIZE_MAX)
        return onnx_unfit(f);
    onnx_strides_of(t, strides);
    const size_t rank = count > t->rank ? count : t->rank;
    for (size_t i = 0; i < rank; i++) {
        const bool is_own = i + t->rank >= rank, is_said = i + count >= rank;
        const size_t own = is_own ? t->dims[i + t->rank - rank] : 1;
        const int64_t said = is_said ? sizes[i + count - rank] : 1;
        if (said < 0 || (own != 1 && said != 1 && (size_t)said != own))
            return onnx_unfit(f);
        dims[i] = own != 1 ? own : (size_t)said;
        steps[i] = is_own && own != 1 ? strides[i + t->rank - rank] : 0;
    }
    return pick(f, dims, rank, 0, steps);
}

/* As two axes each: how often, and the axis. */
static inv_status fold_tile(const onnx_folding *f)
{
    const inv_onnx_tensor *t = &f->in[0];
    int64_t times[INV_ONNX_RANK_MAX];
    ptrdiff_t strides[INV_ONNX_RANK_MAX], steps[INV_ONNX_RANK_MAX];
    size_t count = 0, dims[INV_ONNX_RANK_MAX];
    inv_status status = onnx_whole_list(f, 1, "", times, &count);
    if (status != INV_OK)
        return status;
    if (count != t->rank || 2 * count > INV_ONNX_RANK_MAX)
        return onnx_unfit(f);
    onnx_strides_of(t, strides);
    for (size_t i = 0; i < count; i++) {
        if (times[i] < 0)
            return onnx_unfit(f);
        dims[2 * i] = (size_t)times[i];
        dims[2 * i + 1] = t->dims[i];
        steps[2 * i] = 0;
        steps[2 * i + 1] = strides[i];
    }
    status = pick(f, dims, 2 * count, 0, steps);
    for (size_t i = 0; status == INV_OK && i < count; i++)
        f->out->dims[i] = dims[2 * i] * dims[2 * i + 1];
    f->out->rank = count;
    return status;
}

/* ---- the table ---- */

const onnx_folder onnx_place_folders[] = {
    {"Identity", fold_same, NULL},
    {"Cast", fold_cast, "round_mode saturate to"},
    {"Reshape", fold_reshape, "allowzero shape"},
    {"Unsqueeze", fold_unsqueeze, "axes"},
    {"Squeeze", fold_squeeze, "axes"},
    {"Transpose", fold_transpose, "perm"},
    {"Slice", fold_slice, "axes ends starts"},
    {"Gather", fold_gather, "axis"},
    {"Concat", fold_concat, "axis"},
    {"Expand", fold_expand, NULL},
    {"Tile", fold_tile, NULL},
    {NULL, NULL, NULL},
};
