/* Arithmetic of tensors that are known when a net is imported: mostly what exporters write around the
 * sizes of images, which have to be found before the layers can be.
 * Source: the ONNX specification's operators, opset 28.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"

#define FOLDED_MAX ((size_t)1 << 27) /* values of a result */

typedef struct folding {
    const inv_onnx_graph *graph;
    inv_sketch *sketch;
    const json_t *node;
    const inv_onnx_tensor *in;
    size_t count;
    inv_onnx_tensor *out;
} folding;

typedef struct folder {
    const char *op;
    inv_status (*fold)(const folding *f);
} folder;

/* ---- tensors ---- */

size_t inv_onnx_count(const inv_onnx_tensor *tensor)
{
    size_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    return count;
}

inv_status inv_onnx_make(inv_sketch *sketch, const size_t *dims, size_t rank, bool whole,
                         double **values, inv_onnx_tensor *out)
{
    inv_tree_array *array = NULL;
    void *memory = NULL;
    size_t count = 1;
    inv_status status = INV_OK;
    for (size_t i = 0; i < rank; i++)
        if (__builtin_mul_overflow(count, dims[i], &count) || count > FOLDED_MAX)
            return INV_ERROR(INV_EFORMAT, "a constant of more than %zu values", FOLDED_MAX);
    *out = (inv_onnx_tensor){.rank = rank, .is_whole = whole};
    INV_TRY(inv_sketch_keep(sketch, 1, sizeof *array, &memory));
    array = memory;
    INV_TRY(inv_sketch_keep(sketch, count ? count : 1, sizeof **values, &memory));
    *values = memory;
    *array = (inv_tree_array){.kind = INV_VALUE_FLOAT, .size = sizeof **values, .rank = rank};
    for (size_t i = 0; i < rank; i++)
        array->dims[i] = out->dims[i] = dims[i];
    array->count = count;
    array->values = memory;
    out->array = array;
done:
    return status;
}

static double number_at(const inv_tree_array *a, size_t i)
{
    const unsigned char *at = (const unsigned char *)a->values + i * a->size;
    uint64_t bits = 0;
    float small;
    double large;
    memcpy(&bits, at, a->size < 8 ? a->size : 8);
    if (a->kind == INV_VALUE_FLOAT && a->size == 4) {
        memcpy(&small, at, 4);
        return (double)small;
    }
    if (a->kind == INV_VALUE_FLOAT && a->size == 8) {
        memcpy(&large, at, 8);
        return large;
    }
    if (a->kind == INV_VALUE_SIGNED) {
        const unsigned unused = 64 - 8 * (unsigned)a->size;
        return (double)((int64_t)(bits << unused) >> unused);
    }
    return (double)bits;
}

inv_status inv_onnx_values(const inv_onnx_tensor *tensor, double **out)
{
    const size_t count = inv_onnx_count(tensor);
    const inv_tree_array *a = tensor->array;
    void *memory = NULL, *floats = NULL;
    inv_status status = inv_calloc(count ? count : 1, sizeof **out, "constants", &memory);
    *out = memory;
    if (status != INV_OK)
        return status;
    if (!a || a->count != count || a->kind == INV_VALUE_TEXT || a->kind == INV_VALUE_TEXTS)
        status = INV_ERROR(INV_EFORMAT, "a constant that holds no numbers");
    else if (a->size == 2 && (a->kind == INV_VALUE_FLOAT || a->kind == INV_VALUE_OPAQUE)) {
        status = inv_calloc(count ? count : 1, sizeof(float), "constants", &floats);
        if (status == INV_OK)
            status = inv_tree_floats(a, floats);
        for (size_t i = 0; status == INV_OK && i < count; i++)
            (*out)[i] = (double)((float *)floats)[i];
        free(floats);
    } else
        for (size_t i = 0; i < count; i++)
            (*out)[i] = number_at(a, i);
    if (status != INV_OK) {
        free(memory);
        *out = NULL;
    }
    return status;
}

bool inv_onnx_axis(int64_t axis, size_t rank, size_t *out)
{
    if (axis < 0)
        axis += (int64_t)rank;
    *out = (size_t)axis;
    return axis >= 0 && (size_t)axis < rank;
}

static inv_status unfit(const folding *f)
{
    return inv_onnx_wrong(f->graph, f->node, "its inputs do not fit");
}

/* A list of whole numbers: input i, or the attribute of that name; *count is SIZE_MAX where there is
 * neither. */
static inv_status whole_list(const folding *f, size_t i, const char *name,
                             int64_t out[INV_ONNX_RANK_MAX], size_t *count)
{
    const json_t *list = inv_onnx_attribute(f->node, name);
    double *values = NULL;
    *count = SIZE_MAX;
    if (i < f->count && f->in[i].array) {
        const size_t n = inv_onnx_count(&f->in[i]);
        if (n > INV_ONNX_RANK_MAX)
            return unfit(f);
        inv_status status = inv_onnx_values(&f->in[i], &values);
        for (size_t k = 0; status == INV_OK && k < n; k++)
            out[k] = values[k] > 1e15    ? (int64_t)1e15
                     : values[k] < -1e15 ? -(int64_t)1e15
                                         : (int64_t)values[k];
        free(values);
        *count = n;
        return status;
    }
    if (json_is_array(list)) {
        *count = json_array_size(list);
        for (size_t k = 0; k < *count && k < INV_ONNX_RANK_MAX; k++)
            out[k] = json_integer_value(json_array_get(list, k));
    }
    return *count == SIZE_MAX || *count <= INV_ONNX_RANK_MAX ? INV_OK : unfit(f);
}

/* The same values with other sizes. */
static inv_status resized(const folding *f, const size_t *dims, size_t rank)
{
    if (rank > INV_ONNX_RANK_MAX)
        return unfit(f);
    inv_onnx_tensor t = {.rank = rank, .is_whole = f->in[0].is_whole, .array = f->in[0].array};
    memcpy(t.dims, dims, rank * sizeof *dims);
    if (inv_onnx_count(&t) != inv_onnx_count(&f->in[0]))
        return unfit(f);
    *f->out = t;
    return INV_OK;
}

/* ---- where values go ---- */

static inv_status fold_same(const folding *f)
{
    *f->out = f->in[0];
    return INV_OK;
}

/* To whole numbers: towards zero. */
static inv_status fold_cast(const folding *f)
{
    const int64_t to = inv_onnx_whole(f->node, "to", 1);
    const bool whole = to != 1 && to != 10 && to != 11 && to != 16;
    double *from = NULL, *values = NULL;
    if (whole == f->in[0].is_whole)
        return fold_same(f);
    inv_status status = inv_onnx_values(&f->in[0], &from);
    if (status == INV_OK)
        status = inv_onnx_make(f->sketch, f->in[0].dims, f->in[0].rank, whole, &values, f->out);
    for (size_t i = 0; status == INV_OK && i < inv_onnx_count(f->out); i++)
        values[i] = whole ? trunc(from[i]) : from[i];
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
        if (known > FOLDED_MAX)
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

static inv_status fold_reshape(const folding *f)
{
    size_t dims[INV_ONNX_RANK_MAX], count = 0;
    int64_t sizes[INV_ONNX_RANK_MAX];
    double target[INV_ONNX_RANK_MAX];
    inv_status status = whole_list(f, 1, "shape", sizes, &count);
    if (status != INV_OK || count == SIZE_MAX)
        return status == INV_OK ? unfit(f) : status;
    for (size_t i = 0; i < count; i++)
        target[i] = (double)sizes[i];
    status =
        inv_onnx_reshaped(f->graph, f->node, f->in[0].dims, f->in[0].rank, target, count, dims);
    return status == INV_OK ? resized(f, dims, count) : status;
}

static inv_status fold_unsqueeze(const folding *f)
{
    int64_t axes[INV_ONNX_RANK_MAX];
    size_t count = 0, dims[2 * INV_ONNX_RANK_MAX] = {0}, from = 0, axis = 0;
    inv_status status = whole_list(f, 1, "axes", axes, &count);
    const size_t rank = f->in[0].rank + count;
    if (status != INV_OK || count == SIZE_MAX || rank > INV_ONNX_RANK_MAX)
        return status == INV_OK ? unfit(f) : status;
    for (size_t i = 0; i < count; i++) {
        if (!inv_onnx_axis(axes[i], rank, &axis) || dims[axis])
            return unfit(f);
        dims[axis] = SIZE_MAX;
    }
    for (size_t i = 0; i < rank; i++)
        dims[i] = dims[i] ? 1 : f->in[0].dims[from++];
    return resized(f, dims, rank);
}

static inv_status fold_squeeze(const folding *f)
{
    int64_t axes[INV_ONNX_RANK_MAX];
    size_t count = 0, dims[INV_ONNX_RANK_MAX], rank = 0, axis = 0;
    bool gone[INV_ONNX_RANK_MAX] = {false};
    inv_status status = whole_list(f, 1, "axes", axes, &count);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; i < f->in[0].rank && count == SIZE_MAX; i++)
        gone[i] = f->in[0].dims[i] == 1;
    for (size_t i = 0; count != SIZE_MAX && i < count; i++) {
        if (!inv_onnx_axis(axes[i], f->in[0].rank, &axis))
            return unfit(f);
        gone[axis] = true;
    }
    for (size_t i = 0; i < f->in[0].rank; i++)
        if (!gone[i])
            dims[rank++] = f->in[0].dims[i];
    return resized(f, dims, rank);
}

/* out[index] = in[offset + sum of index[i] steps[i]] */
static inv_status pick(const folding *f, const size_t *dims, size_t rank, ptrdiff_t offset,
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

static void strides_of(const inv_onnx_tensor *t, ptrdiff_t *strides)
{
    ptrdiff_t step = 1;
    for (size_t i = t->rank; i-- > 0;) {
        strides[i] = step;
        step *= (ptrdiff_t)t->dims[i];
    }
}

static inv_status fold_transpose(const folding *f)
{
    const inv_onnx_tensor *t = &f->in[0];
    ptrdiff_t strides[INV_ONNX_RANK_MAX], steps[INV_ONNX_RANK_MAX];
    size_t dims[INV_ONNX_RANK_MAX], axis = 0;
    bool seen[INV_ONNX_RANK_MAX] = {false};
    strides_of(t, strides);
    for (size_t i = 0; i < t->rank; i++) {
        const int64_t from = inv_onnx_whole_at(f->node, "perm", i, (int64_t)(t->rank - 1 - i));
        if (!inv_onnx_axis(from, t->rank, &axis) || seen[axis])
            return unfit(f);
        seen[axis] = true;
        dims[i] = t->dims[axis];
        steps[i] = strides[axis];
    }
    return pick(f, dims, t->rank, 0, steps);
}

/* One axis: [start, end) by step, as Python counts. */
static bool slice_axis(size_t n, int64_t start, int64_t end, int64_t step, size_t *first,
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

static inv_status fold_slice(const folding *f)
{
    const inv_onnx_tensor *t = &f->in[0];
    int64_t starts[8], ends[8], axes[8], by[8];
    size_t count = 0, n = 0, axis = 0, first = 0, dims[INV_ONNX_RANK_MAX];
    ptrdiff_t strides[INV_ONNX_RANK_MAX], offset = 0;
    inv_status status = INV_OK;
    strides_of(t, strides);
    memcpy(dims, t->dims, sizeof dims);
    INV_TRY(whole_list(f, 1, "starts", starts, &count));
    INV_TRY(whole_list(f, 2, "ends", ends, &n));
    if (count == SIZE_MAX || n != count)
        INV_RAISE(unfit(f));
    INV_TRY(whole_list(f, 3, "axes", axes, &n));
    for (size_t i = 0; n == SIZE_MAX && i < count; i++)
        axes[i] = (int64_t)i;
    if (n != SIZE_MAX && n != count)
        INV_RAISE(unfit(f));
    INV_TRY(whole_list(f, 4, "steps", by, &n));
    for (size_t i = 0; n == SIZE_MAX && i < count; i++)
        by[i] = 1;
    if (n != SIZE_MAX && n != count)
        INV_RAISE(unfit(f));
    for (size_t i = 0; i < count; i++) {
        if (!inv_onnx_axis(axes[i], t->rank, &axis) ||
            !slice_axis(t->dims[axis], starts[i], ends[i], by[i], &first, &dims[axis]))
            INV_RAISE(unfit(f));
        offset += (ptrdiff_t)first * strides[axis];
        strides[axis] *= (ptrdiff_t)by[i];
    }
    INV_TRY(pick(f, dims, t->rank, offset, strides));
done:
    return status;
}

/* The sizes of the axis's pieces: out[a, indices, b] = in[a, index, b]. */
static inv_status fold_gather(const folding *f)
{
    const inv_onnx_tensor *t = &f->in[0], *indices = &f->in[1];
    size_t axis = 0, rank = 0, dims[2 * INV_ONNX_RANK_MAX], before = 1, behind = 1;
    double *from = NULL, *which = NULL, *to = NULL;
    inv_status status = INV_OK;
    if (f->count < 2 || !inv_onnx_axis(inv_onnx_whole(f->node, "axis", 0), t->rank, &axis) ||
        t->rank + indices->rank > INV_ONNX_RANK_MAX + 1)
        return unfit(f);
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
                INV_RAISE(unfit(f));
            for (size_t b = 0; b < behind; b++)
                *to++ = from[(a * t->dims[axis] + (size_t)at) * behind + b];
        }
done:
    free(from);
    free(which);
    return status;
}

static inv_status fold_concat(const folding *f)
{
    size_t axis = 0, dims[INV_ONNX_RANK_MAX], before = 1, behind = 1, start = 0;
    double *from = NULL, *to = NULL;
    inv_status status = INV_OK;
    if (!inv_onnx_axis(inv_onnx_whole(f->node, "axis", 1), f->in[0].rank, &axis))
        return unfit(f);
    memcpy(dims, f->in[0].dims, sizeof dims);
    dims[axis] = 0;
    for (size_t k = 0; k < f->count; k++) {
        if (!f->in[k].array || f->in[k].rank != f->in[0].rank)
            return unfit(f);
        for (size_t i = 0; i < f->in[0].rank; i++)
            if (i != axis && f->in[k].dims[i] != f->in[0].dims[i])
                return unfit(f);
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

/* ---- what values are ---- */

static inv_status fold_filled(const folding *f)
{
    int64_t sizes[INV_ONNX_RANK_MAX] = {0};
    size_t count = 0, dims[INV_ONNX_RANK_MAX];
    const json_t *number = json_object_get(inv_onnx_attribute(f->node, "value"), "tensor");
    inv_onnx_tensor value = {0};
    double *to = NULL, *from = NULL;
    inv_status status = INV_OK;
    INV_TRY(whole_list(f, 0, "", sizes, &count));
    for (size_t i = 0; i < count; i++) {
        if (sizes[i] < 0)
            INV_RAISE(unfit(f));
        dims[i] = (size_t)sizes[i];
    }
    if (number) {
        INV_TRY(
            inv_onnx_tensor_at(f->graph, f->sketch, (size_t)json_integer_value(number), &value));
        if (inv_onnx_count(&value) != 1)
            INV_RAISE(unfit(f));
        INV_TRY(inv_onnx_values(&value, &from));
    }
    INV_TRY(inv_onnx_make(f->sketch, dims, count, number && value.is_whole, &to, f->out));
    for (size_t i = 0; i < inv_onnx_count(f->out); i++)
        to[i] = from ? from[0] : 0.0;
done:
    free(from);
    return status;
}

static inv_status fold_range(const folding *f)
{
    double *start = NULL, *end = NULL, *step = NULL, *to = NULL;
    inv_status status = INV_OK;
    if (f->count != 3)
        return unfit(f);
    INV_TRY(inv_onnx_values(&f->in[0], &start));
    INV_TRY(inv_onnx_values(&f->in[1], &end));
    INV_TRY(inv_onnx_values(&f->in[2], &step));
    const double count = ceil((*end - *start) / *step);
    if (!(count >= 0.0 && count < 1e6))
        INV_RAISE(unfit(f));
    const size_t n = (size_t)count;
    INV_TRY(inv_onnx_make(f->sketch, &n, 1, f->in[0].is_whole, &to, f->out));
    for (size_t i = 0; i < n; i++)
        to[i] = *start + (double)i * *step;
done:
    free(start);
    free(end);
    free(step);
    return status;
}

static double unary(const char *op, double x)
{
    return strcmp(op, "Neg") == 0          ? -x
           : strcmp(op, "Abs") == 0        ? fabs(x)
           : strcmp(op, "Sqrt") == 0       ? sqrt(x)
           : strcmp(op, "Exp") == 0        ? exp(x)
           : strcmp(op, "Log") == 0        ? log(x)
           : strcmp(op, "Ceil") == 0       ? ceil(x)
           : strcmp(op, "Floor") == 0      ? floor(x)
           : strcmp(op, "Not") == 0        ? (double)!(x > 0.0 || x < 0.0)
           : strcmp(op, "Reciprocal") == 0 ? 1.0 / x
                                           : x;
}

static inv_status fold_unary(const folding *f)
{
    double *from = NULL, *to = NULL;
    inv_status status = inv_onnx_values(&f->in[0], &from);
    if (status == INV_OK)
        status =
            inv_onnx_make(f->sketch, f->in[0].dims, f->in[0].rank, f->in[0].is_whole, &to, f->out);
    for (size_t i = 0; status == INV_OK && i < inv_onnx_count(f->out); i++)
        to[i] = unary(inv_onnx_op(f->node), from[i]);
    free(from);
    return status;
}

static double binary(const char *op, bool whole, double a, double b)
{
    if (strcmp(op, "Div") == 0)
        return whole ? trunc(a / b) : a / b;
    if (strcmp(op, "Mod") == 0)
        return a - b * floor(a / b);
    return strcmp(op, "Add") == 0       ? a + b
           : strcmp(op, "Sub") == 0     ? a - b
           : strcmp(op, "Mul") == 0     ? a * b
           : strcmp(op, "Pow") == 0     ? pow(a, b)
           : strcmp(op, "Min") == 0     ? fmin(a, b)
           : strcmp(op, "Max") == 0     ? fmax(a, b)
           : strcmp(op, "Equal") == 0   ? (double)(a <= b && a >= b)
           : strcmp(op, "Greater") == 0 ? (double)(a > b)
           : strcmp(op, "Less") == 0    ? (double)(a < b)
                                        : 0.0;
}

/* Steps of a tensor along the axes of what comes out; sizes of 1 count for all. */
static bool broadcast(const inv_onnx_tensor *t, size_t rank, size_t *dims, ptrdiff_t *steps)
{
    ptrdiff_t strides[INV_ONNX_RANK_MAX];
    strides_of(t, strides);
    for (size_t i = 0; i < rank; i++) {
        const size_t k = i + t->rank - rank; /* its own axis, where there is one */
        const bool is_own = i + t->rank >= rank;
        steps[i] = is_own && t->dims[k] > 1 ? strides[k] : 0;
        if (is_own && t->dims[k] != 1 && dims[i] != 1 && t->dims[k] != dims[i])
            return false;
        if (is_own && t->dims[k] != 1)
            dims[i] = t->dims[k];
    }
    return true;
}

static inv_status fold_binary(const folding *f)
{
    const size_t rank =
        f->count == 2 && f->in[1].rank > f->in[0].rank ? f->in[1].rank : f->in[0].rank;
    size_t dims[INV_ONNX_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1}, index[INV_ONNX_RANK_MAX] = {0};
    ptrdiff_t steps[2][INV_ONNX_RANK_MAX], a = 0, b = 0;
    double *left = NULL, *right = NULL, *to = NULL;
    const bool whole = f->in[0].is_whole;
    inv_status status = INV_OK;
    if (f->count != 2 || !f->in[1].array || !broadcast(&f->in[0], rank, dims, steps[0]) ||
        !broadcast(&f->in[1], rank, dims, steps[1]))
        return unfit(f);
    INV_TRY(inv_onnx_values(&f->in[0], &left));
    INV_TRY(inv_onnx_values(&f->in[1], &right));
    INV_TRY(inv_onnx_make(f->sketch, dims, rank, whole, &to, f->out));
    for (size_t n = 0; n < inv_onnx_count(f->out); n++) {
        to[n] = binary(inv_onnx_op(f->node), whole, left[a], right[b]);
        for (size_t i = rank; i-- > 0;) {
            a += steps[0][i];
            b += steps[1][i];
            if (++index[i] < dims[i])
                break;
            a -= steps[0][i] * (ptrdiff_t)dims[i];
            b -= steps[1][i] * (ptrdiff_t)dims[i];
            index[i] = 0;
        }
    }
done:
    free(left);
    free(right);
    return status;
}

static inv_status fold_reduce(const folding *f)
{
    double *from = NULL, *to = NULL;
    inv_status status = INV_OK;
    const bool product = strcmp(inv_onnx_op(f->node), "ReduceProd") == 0;
    if (f->in[0].rank != 1)
        return unfit(f);
    const size_t one = 1, rank = inv_onnx_whole(f->node, "keepdims", 1) != 0;
    INV_TRY(inv_onnx_values(&f->in[0], &from));
    INV_TRY(inv_onnx_make(f->sketch, &one, rank, f->in[0].is_whole, &to, f->out));
    *to = product ? 1.0 : 0.0;
    for (size_t i = 0; i < f->in[0].dims[0]; i++)
        *to = product ? *to * from[i] : *to + from[i];
done:
    free(from);
    return status;
}

/* ---- the table ---- */

static const folder folders[] = {{"Identity", fold_same},   {"Cast", fold_cast},
                                 {"Reshape", fold_reshape}, {"Unsqueeze", fold_unsqueeze},
                                 {"Squeeze", fold_squeeze}, {"Transpose", fold_transpose},
                                 {"Slice", fold_slice},     {"Gather", fold_gather},
                                 {"Concat", fold_concat},   {"ConstantOfShape", fold_filled},
                                 {"Range", fold_range},     {"Neg", fold_unary},
                                 {"Abs", fold_unary},       {"Sqrt", fold_unary},
                                 {"Exp", fold_unary},       {"Log", fold_unary},
                                 {"Ceil", fold_unary},      {"Floor", fold_unary},
                                 {"Not", fold_unary},       {"Reciprocal", fold_unary},
                                 {"Add", fold_binary},      {"Sub", fold_binary},
                                 {"Mul", fold_binary},      {"Div", fold_binary},
                                 {"Mod", fold_binary},      {"Pow", fold_binary},
                                 {"Min", fold_binary},      {"Max", fold_binary},
                                 {"Equal", fold_binary},    {"Greater", fold_binary},
                                 {"Less", fold_binary},     {"ReduceProd", fold_reduce},
                                 {"ReduceSum", fold_reduce}};

static const folder *find(const char *op)
{
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (strcmp(folders[i].op, op) == 0)
            return &folders[i];
    return NULL;
}

bool inv_onnx_folds(const char *op)
{
    return find(op);
}

inv_status inv_onnx_fold(const inv_onnx_graph *graph, inv_sketch *sketch, const json_t *node,
                         const inv_onnx_tensor *in, size_t count, inv_onnx_tensor *out)
{
    const folder *found = find(inv_onnx_op(node));
    const folding f = {graph, sketch, node, in, count, out};
    if (!found || count == 0 || !in[0].array)
        return unfit(&f);
    return found->fold(&f);
}
