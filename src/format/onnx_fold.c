/* Arithmetic of tensors that are known when a net is imported: mostly what exporters write around the
 * sizes of images, which have to be found before the layers can be.
 * Source: the ONNX specification's operators, opset 28.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"

#define WHOLE_MAX 2147483647.0 /* that every type for sizes holds */

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
        if (__builtin_mul_overflow(count, dims[i], &count) || count > ONNX_FOLDED_MAX)
            return INV_ERROR(INV_EFORMAT, "a constant of more than %zu values", ONNX_FOLDED_MAX);
    INV_TRY(inv_sketch_spend(sketch, count));
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

inv_status onnx_unfit(const onnx_folding *f)
{
    return inv_onnx_wrong(f->graph, f->node, "its inputs do not fit");
}

/* A list of whole numbers: input i, or the attribute of that name; *count is SIZE_MAX where there is
 * neither. */
inv_status onnx_whole_list(const onnx_folding *f, size_t i, const char *name,
                           int64_t out[INV_ONNX_RANK_MAX], size_t *count)
{
    const json_t *list = inv_onnx_attribute(f->node, name);
    double *values = NULL;
    *count = SIZE_MAX;
    if (i < f->count && f->in[i].array) {
        const size_t n = inv_onnx_count(&f->in[i]);
        if (n > INV_ONNX_RANK_MAX)
            return onnx_unfit(f);
        inv_status status = inv_onnx_values(&f->in[i], &values);
        for (size_t k = 0; status == INV_OK && k < n; k++)
            out[k] = (int64_t)fmin(fmax(values[k], -1e15), 1e15);
        free(values);
        *count = n;
        return status;
    }
    if (json_is_array(list)) {
        *count = json_array_size(list);
        for (size_t k = 0; k < *count && k < INV_ONNX_RANK_MAX; k++)
            out[k] = json_integer_value(json_array_get(list, k));
    }
    return *count == SIZE_MAX || *count <= INV_ONNX_RANK_MAX ? INV_OK : onnx_unfit(f);
}

void onnx_strides_of(const inv_onnx_tensor *t, ptrdiff_t *strides)
{
    ptrdiff_t step = 1;
    for (size_t i = t->rank; i-- > 0;) {
        strides[i] = step;
        step *= (ptrdiff_t)t->dims[i];
    }
}

/* ---- what values are ---- */

static inv_status fold_filled(const onnx_folding *f)
{
    int64_t sizes[INV_ONNX_RANK_MAX] = {0};
    size_t count = 0, dims[INV_ONNX_RANK_MAX];
    const json_t *number = json_object_get(inv_onnx_attribute(f->node, "value"), "tensor");
    inv_onnx_tensor value = {0};
    double *to = NULL, *from = NULL;
    inv_status status = INV_OK;
    INV_TRY(onnx_whole_list(f, 0, "", sizes, &count));
    for (size_t i = 0; i < count; i++) {
        if (sizes[i] < 0)
            INV_RAISE(onnx_unfit(f));
        dims[i] = (size_t)sizes[i];
    }
    if (number) {
        INV_TRY(
            inv_onnx_tensor_at(f->graph, f->sketch, (size_t)json_integer_value(number), &value));
        if (inv_onnx_count(&value) != 1)
            INV_RAISE(onnx_unfit(f));
        INV_TRY(inv_onnx_values(&value, &from));
    }
    INV_TRY(inv_onnx_make(f->sketch, dims, count, number && value.is_whole, &to, f->out));
    for (size_t i = 0; i < inv_onnx_count(f->out); i++)
        to[i] = from ? from[0] : 0.0;
done:
    free(from);
    return status;
}

static inv_status fold_range(const onnx_folding *f)
{
    double *start = NULL, *end = NULL, *step = NULL, *to = NULL;
    inv_status status = INV_OK;
    if (f->count != 3)
        return onnx_unfit(f);
    INV_TRY(inv_onnx_values(&f->in[0], &start));
    INV_TRY(inv_onnx_values(&f->in[1], &end));
    INV_TRY(inv_onnx_values(&f->in[2], &step));
    const double count = ceil((*end - *start) / *step);
    if (!(count >= 0.0 && count < 1e6))
        INV_RAISE(onnx_unfit(f));
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

static inv_status fold_unary(const onnx_folding *f)
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
    if (strcmp(op, "Mod") == 0) /* fmod: of numbers that are no whole ones it is needed */
        return whole ? a - b * floor(a / b) : fmod(a, b);
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
    onnx_strides_of(t, strides);
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

static inv_status fold_binary(const onnx_folding *f)
{
    const size_t rank =
        f->count == 2 && f->in[1].rank > f->in[0].rank ? f->in[1].rank : f->in[0].rank;
    size_t dims[INV_ONNX_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1}, index[INV_ONNX_RANK_MAX] = {0};
    ptrdiff_t steps[2][INV_ONNX_RANK_MAX], a = 0, b = 0;
    double *left = NULL, *right = NULL, *to = NULL;
    const bool whole = f->in[0].is_whole;
    const double least = f->in[0].array->kind == INV_VALUE_UNSIGNED ? 0.0 : -WHOLE_MAX;
    inv_status status = INV_OK;
    if (whole && inv_onnx_whole(f->node, "fmod", 0) != 0)
        return onnx_unfit(f);
    if (f->count != 2 || !f->in[1].array || !broadcast(&f->in[0], rank, dims, steps[0]) ||
        !broadcast(&f->in[1], rank, dims, steps[1]))
        return onnx_unfit(f);
    INV_TRY(inv_onnx_values(&f->in[0], &left));
    INV_TRY(inv_onnx_values(&f->in[1], &right));
    INV_TRY(inv_onnx_make(f->sketch, dims, rank, whole, &to, f->out));
    for (size_t n = 0; n < inv_onnx_count(f->out); n++) {
        to[n] = binary(inv_onnx_op(f->node), whole, left[a], right[b]);
        if (whole && !(to[n] >= least && to[n] <= WHOLE_MAX))
            INV_RAISE(inv_onnx_wrong(f->graph, f->node,
                                     "gives %g, which whole numbers may not hold", to[n]));
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

/* Of three inputs: the second where the first is true, else the third. */
static inv_status fold_where(const onnx_folding *f)
{
    size_t rank = 0, dims[INV_ONNX_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    size_t index[INV_ONNX_RANK_MAX] = {0};
    ptrdiff_t steps[3][INV_ONNX_RANK_MAX], at[3] = {0};
    double *from[3] = {NULL}, *to = NULL;
    inv_status status = INV_OK;
    for (size_t k = 0; k < 3 && k < f->count; k++)
        rank = f->in[k].rank > rank ? f->in[k].rank : rank;
    for (size_t k = 0; k < 3; k++)
        if (f->count != 3 || !f->in[k].array || !broadcast(&f->in[k], rank, dims, steps[k]))
            INV_RAISE(onnx_unfit(f));
    for (size_t k = 0; k < 3; k++)
        INV_TRY(inv_onnx_values(&f->in[k], &from[k]));
    INV_TRY(inv_onnx_make(f->sketch, dims, rank, f->in[1].is_whole, &to, f->out));
    for (size_t n = 0; n < inv_onnx_count(f->out); n++) {
        const size_t which = fabs(from[0][at[0]]) > 0.0 ? 1 : 2;
        to[n] = from[which][at[which]];
        for (size_t i = rank; i-- > 0;) {
            const bool goes_on = ++index[i] < dims[i];
            for (size_t k = 0; k < 3; k++)
                at[k] += goes_on ? steps[k][i] : -steps[k][i] * (ptrdiff_t)(dims[i] - 1);
            if (goes_on)
                break;
            index[i] = 0;
        }
    }
done:
    for (size_t k = 0; k < 3; k++)
        free(from[k]);
    return status;
}

/* What comes of `so_far` and the next value, and in the end. */
static double reduced(const char *op, double so_far, double x, bool is_first)
{
    return strcmp(op, "ReduceProd") == 0  ? so_far * x
           : strcmp(op, "ReduceMax") == 0 ? (is_first ? x : fmax(so_far, x))
           : strcmp(op, "ReduceMin") == 0 ? (is_first ? x : fmin(so_far, x))
           : strcmp(op, "ReduceL2") == 0  ? so_far + x * x
                                          : so_far + x;
}

static double reduced_whole(const char *op, bool whole, double value, double count)
{
    const double x = strcmp(op, "ReduceL2") == 0     ? sqrt(value)
                     : strcmp(op, "ReduceMean") == 0 ? value / count
                                                     : value;
    return whole ? trunc(x) : x;
}

/* Which axes are gone: those of the list, or all. */
static inv_status gone_axes(const onnx_folding *f, bool gone[INV_ONNX_RANK_MAX])
{
    int64_t axes[INV_ONNX_RANK_MAX];
    size_t count = 0, axis = 0;
    inv_status status = onnx_whole_list(f, 1, "axes", axes, &count);
    if (status != INV_OK)
        return status;
    const bool is_none = count == SIZE_MAX || count == 0;
    if (is_none && inv_onnx_whole(f->node, "noop_with_empty_axes", 0) != 0)
        return onnx_unfit(f);
    for (size_t i = 0; i < f->in[0].rank; i++)
        gone[i] = is_none;
    for (size_t i = 0; count != SIZE_MAX && i < count; i++) {
        if (!inv_onnx_axis(axes[i], f->in[0].rank, &axis))
            return onnx_unfit(f);
        gone[axis] = true;
    }
    return INV_OK;
}

static inv_status fold_reduce(const onnx_folding *f)
{
    const char *op = inv_onnx_op(f->node);
    const inv_onnx_tensor *t = &f->in[0];
    const bool keeps = inv_onnx_whole(f->node, "keepdims", 1) != 0;
    bool gone[INV_ONNX_RANK_MAX] = {false};
    size_t dims[INV_ONNX_RANK_MAX], rank = 0, over = 1, index[INV_ONNX_RANK_MAX] = {0};
    ptrdiff_t steps[INV_ONNX_RANK_MAX], step = 1;
    double *from = NULL, *to = NULL;
    inv_status status = INV_OK;
    INV_TRY(gone_axes(f, gone));
    for (size_t i = t->rank; i-- > 0;) { /* of what comes out, along each axis of what goes in */
        steps[i] = gone[i] ? 0 : step;
        step *= gone[i] ? 1 : (ptrdiff_t)t->dims[i];
        over *= gone[i] ? t->dims[i] : 1;
    }
    for (size_t i = 0; i < t->rank; i++)
        if (keeps || !gone[i])
            dims[rank++] = gone[i] ? 1 : t->dims[i];
    INV_TRY(inv_onnx_values(t, &from));
    INV_TRY(inv_onnx_make(f->sketch, dims, rank, t->is_whole, &to, f->out));
    for (size_t i = 0; i < inv_onnx_count(f->out); i++)
        to[i] = strcmp(op, "ReduceProd") == 0 ? 1.0 : 0.0;
    ptrdiff_t at = 0;
    for (size_t n = 0; n < inv_onnx_count(t); n++) {
        bool is_first = true; /* of those that come together */
        for (size_t i = 0; i < t->rank; i++)
            is_first = is_first && (!gone[i] || index[i] == 0);
        to[at] = reduced(op, to[at], from[n], is_first);
        for (size_t i = t->rank; i-- > 0;) {
            at += steps[i];
            if (++index[i] < t->dims[i])
                break;
            at -= steps[i] * (ptrdiff_t)t->dims[i];
            index[i] = 0;
        }
    }
    for (size_t i = 0; i < inv_onnx_count(f->out); i++)
        to[i] = reduced_whole(op, t->is_whole, to[i], (double)over);
done:
    free(from);
    return status;
}

/* [rows, inner] times [inner, columns]; a list is a row on the left, a column on the right. */
static inv_status fold_matmul(const onnx_folding *f)
{
    const inv_onnx_tensor *a = &f->in[0], *b = &f->in[1];
    double *left = NULL, *right = NULL, *to = NULL;
    inv_status status = INV_OK;
    if (f->count != 2 || !b->array || a->rank < 1 || a->rank > 2 || b->rank < 1 || b->rank > 2 ||
        a->dims[a->rank - 1] != b->dims[0])
        return onnx_unfit(f);
    const size_t rows = a->rank == 2 ? a->dims[0] : 1, inner = b->dims[0];
    const size_t columns = b->rank == 2 ? b->dims[1] : 1;
    const size_t dims[2] = {a->rank == 2 ? rows : columns, columns};
    size_t work = 0;
    if (__builtin_mul_overflow(rows * columns, inner, &work))
        work = SIZE_MAX;
    INV_TRY(inv_sketch_spend(f->sketch, work));
    INV_TRY(inv_onnx_values(a, &left));
    INV_TRY(inv_onnx_values(b, &right));
    INV_TRY(inv_onnx_make(f->sketch, dims, a->rank + b->rank - 2, a->is_whole, &to, f->out));
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < inner; k++)
            for (size_t j = 0; j < columns; j++)
                to[i * columns + j] += left[i * inner + k] * right[k * columns + j];
done:
    free(left);
    free(right);
    return status;
}

/* Each value between two numbers, which are inputs or attributes. */
static inv_status fold_clip(const onnx_folding *f)
{
    double limits[2] = {inv_onnx_number(f->node, "min", -HUGE_VAL),
                        inv_onnx_number(f->node, "max", HUGE_VAL)};
    double *from = NULL, *to = NULL, *limit = NULL;
    inv_status status = INV_OK;
    for (size_t i = 1; i < f->count && i < 3; i++) {
        if (!f->in[i].array)
            continue;
        if (inv_onnx_count(&f->in[i]) != 1)
            return onnx_unfit(f);
        INV_TRY(inv_onnx_values(&f->in[i], &limit));
        limits[i - 1] = limit[0];
        free(limit);
        limit = NULL;
    }
    INV_TRY(inv_onnx_values(&f->in[0], &from));
    INV_TRY(inv_onnx_make(f->sketch, f->in[0].dims, f->in[0].rank, f->in[0].is_whole, &to, f->out));
    for (size_t i = 0; i < inv_onnx_count(f->out); i++)
        to[i] = fmin(fmax(from[i], limits[0]), limits[1]);
done:
    free(limit);
    free(from);
    return status;
}

/* ---- the tables ---- */

static const onnx_folder value_folders[] = {
    {"ConstantOfShape", fold_filled, "value"},
    {"Range", fold_range, NULL},
    {"Neg", fold_unary, NULL},
    {"Abs", fold_unary, NULL},
    {"Sqrt", fold_unary, NULL},
    {"Exp", fold_unary, NULL},
    {"Log", fold_unary, NULL},
    {"Ceil", fold_unary, NULL},
    {"Floor", fold_unary, NULL},
    {"Not", fold_unary, NULL},
    {"Reciprocal", fold_unary, NULL},
    {"Add", fold_binary, "broadcast"},
    {"Sub", fold_binary, "broadcast"},
    {"Mul", fold_binary, "broadcast"},
    {"Div", fold_binary, "broadcast"},
    {"Mod", fold_binary, "fmod"},
    {"Pow", fold_binary, "broadcast"},
    {"Min", fold_binary, NULL},
    {"Max", fold_binary, NULL},
    {"Equal", fold_binary, "broadcast"},
    {"Greater", fold_binary, "broadcast"},
    {"Less", fold_binary, "broadcast"},
    {"ReduceProd", fold_reduce, "axes keepdims noop_with_empty_axes"},
    {"ReduceSum", fold_reduce, "axes keepdims noop_with_empty_axes"},
    {"ReduceMean", fold_reduce, "axes keepdims noop_with_empty_axes"},
    {"ReduceMax", fold_reduce, "axes keepdims noop_with_empty_axes"},
    {"ReduceMin", fold_reduce, "axes keepdims noop_with_empty_axes"},
    {"ReduceL2", fold_reduce, "axes keepdims noop_with_empty_axes"},
    {"MatMul", fold_matmul, NULL},
    {"Clip", fold_clip, "max min"},
    {"Where", fold_where, NULL},
    {NULL, NULL, NULL},
};

static const onnx_folder *const folders[] = {onnx_place_folders, value_folders, NULL};

static const onnx_folder *find(const char *op)
{
    for (const onnx_folder *const *list = folders; *list; list++)
        for (const onnx_folder *f = *list; f->op; f++)
            if (strcmp(f->op, op) == 0)
                return f;
    return NULL;
}

bool inv_onnx_folds(const char *op)
{
    return find(op);
}

inv_status inv_onnx_fold(const inv_onnx_graph *graph, inv_sketch *sketch, const json_t *node,
                         const inv_onnx_tensor *in, size_t count, inv_onnx_tensor *out)
{
    const onnx_folder *found = find(inv_onnx_op(node));
    const onnx_folding f = {graph, sketch, node, in, count, out};
    inv_status status = INV_OK;
    if (!found || count == 0 || !in[0].array)
        return onnx_unfit(&f);
    INV_TRY(inv_onnx_check_attributes(graph, node, found->attributes));
    for (size_t i = 0; i < count; i++)
        if (in[i].array)
            INV_TRY(inv_sketch_spend(sketch, inv_onnx_count(&in[i])));
    INV_TRY(found->fold(&f));
done:
    return status;
}
