/* ONNX: parts of an axis, and axes repeated (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COPIES_MAX ONNX_INPUTS_MAX

/* The image's axis that an axis of the graph is: 'h', 'w' or 'c'. Where it is none by itself, the image
 * is laid so that it is the columns: what is before it the rows, what is behind it the channels. */
static inv_status letter_of(onnx_importing *im, const json_t *node, onnx_value *v, size_t axis,
                            char *out)
{
    char letters[ONNX_RANK_MAX];
    inv_shape shape = {1, v->dims[axis], 1};
    if (onnx_find_letters(v, letters) && letters[axis]) {
        *out = letters[axis];
        return INV_OK;
    }
    for (size_t i = 0; i < v->rank; i++) {
        shape.height *= i < axis ? v->dims[i] : 1;
        shape.channels *= i > axis ? v->dims[i] : 1;
    }
    *out = 'w';
    if (shape.height == 1 && shape.channels == 1) {
        shape = (inv_shape){1, 1, shape.width};
        *out = 'c';
    }
    return onnx_rearrange(im, node, shape, onnx_axes_here, v);
}

static const char *axis_name(char letter)
{
    return letter == 'h' ? "height" : letter == 'w' ? "width" : "channels";
}

/* `count` of an axis, from `first` on, by `step`, which may lead back. */
static inv_status take(onnx_importing *im, const json_t *node, onnx_value *v, size_t axis,
                       size_t first, size_t count, int64_t step)
{
    const size_t n = v->dims[axis];
    const bool backwards = step < 0;
    char letter = 0;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    if (count == 0 || first >= n)
        return WRONG("takes nothing");
    INV_TRY(onnx_check_axis(im, node, v, axis));
    if (first == 0 && count == n && (step == 1 || n == 1))
        return INV_OK;
    INV_TRY(letter_of(im, node, v, axis, &letter));
    if (step == 1 && letter != 'c')
        settings = json_pack("{ss sI sI}", "type", "crop", letter == 'h' ? "top" : "left",
                             (json_int_t)first, letter == 'h' ? "bottom" : "right",
                             (json_int_t)(n - first - count));
    else
        settings = json_pack("{ss ss sI sI sI sb}", "type", "slice", "axis", axis_name(letter),
                             "first", (json_int_t)first, "count", (json_int_t)count, "step",
                             (json_int_t)(backwards ? -step : step), "backwards", backwards);
    INV_TRY(onnx_add_layer(im, node, "", settings, v, v));
    v->dims[axis] = count;
done:
    return status;
}

/* Whether a Slice takes all images, whatever their number. */
static bool takes_batch(const onnx_importing *im, int64_t start, int64_t end, int64_t step)
{
    const int64_t all = im->batch > 1 ? (int64_t)im->batch : (int64_t)1 << 24;
    return start == 0 && step == 1 && end >= all;
}

static inv_status add_slice(onnx_importing *im, const json_t *node, const onnx_value *in,
                            size_t count, onnx_value *out)
{
    int64_t starts[2 * ONNX_RANK_MAX], ends[2 * ONNX_RANK_MAX], axes[2 * ONNX_RANK_MAX];
    int64_t steps[2 * ONNX_RANK_MAX];
    size_t n = 0, others[3] = {0}, axis = 0, first = 0, taken = 0;
    inv_status status = INV_OK;
    *out = in[0];
    INV_TRY(onnx_whole_numbers(im, node, in, count, 1, "starts", starts, &n));
    INV_TRY(onnx_whole_numbers(im, node, in, count, 2, "ends", ends, &others[0]));
    INV_TRY(onnx_whole_numbers(im, node, in, count, 3, "axes", axes, &others[1]));
    INV_TRY(onnx_whole_numbers(im, node, in, count, 4, "steps", steps, &others[2]));
    for (size_t k = 0; k < 3; k++)
        if (n == SIZE_MAX || (others[k] != n && (k == 0 || others[k] != SIZE_MAX)))
            INV_RAISE(WRONG("its inputs do not fit"));
    if (others[1] != SIZE_MAX && onnx_lists_twice(axes, n, out->rank))
        INV_RAISE(WRONG("names an axis twice"));
    for (size_t i = 0; i < n; i++) {
        const int64_t step = others[2] == SIZE_MAX ? 1 : steps[i];
        if (!inv_onnx_axis(others[1] == SIZE_MAX ? (int64_t)i : axes[i], out->rank, &axis) ||
            !inv_onnx_slice(out->dims[axis], starts[i], ends[i], step, &first, &taken))
            INV_RAISE(WRONG("its inputs do not fit"));
        if (axis == out->batch && takes_batch(im, starts[i], ends[i], step))
            continue;
        INV_TRY(take(im, node, out, axis, first, taken, step));
    }
done:
    return status;
}

/* One of its outputs: number `part` of `parts`, as onnx_part_outputs has told. */
static inv_status add_split(onnx_importing *im, const json_t *node, const onnx_value *in,
                            size_t count, onnx_value *out)
{
    const size_t part = (size_t)inv_onnx_whole(node, "part", 0);
    const size_t parts = (size_t)inv_onnx_whole(node, "parts", 1);
    int64_t sizes[2 * ONNX_RANK_MAX];
    size_t n = 0, axis = 0, first = 0;
    *out = in[0];
    inv_status status = onnx_whole_numbers(im, node, in, count, 1, "split", sizes, &n);
    if (status != INV_OK)
        return status;
    if (!inv_onnx_axis(inv_onnx_whole(node, "axis", 0), out->rank, &axis) ||
        (n != SIZE_MAX && n != parts))
        return WRONG("its inputs do not fit");
    if (parts == 1 && axis == out->batch)
        return INV_OK;
    const size_t length = out->dims[axis];
    const size_t each = (length + parts - 1) / parts;
    size_t size = each < length - part * each ? each : length - part * each;
    for (size_t i = 0; n != SIZE_MAX && i <= part; i++) {
        if (sizes[i] < 1 || (uint64_t)sizes[i] > length - first)
            return WRONG("its inputs do not fit");
        size = (size_t)sizes[i];
        first += i < part ? size : 0;
    }
    if (n == SIZE_MAX && part * each >= length)
        return WRONG("its inputs do not fit");
    first = n == SIZE_MAX ? part * each : first;
    return size <= length - first ? take(im, node, out, axis, first, size, 1)
                                  : WRONG("its inputs do not fit");
}

/* Numbers that lead from one to the next by the same step. */
static inv_status add_gather(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, onnx_value *out)
{
    const inv_onnx_tensor *t = &in[count > 1].known;
    double *numbers = NULL;
    size_t axis = 0;
    inv_status status = INV_OK;
    *out = in[0];
    if (count < 2 || !in[1].is_known || t->rank > 1 ||
        !inv_onnx_axis(inv_onnx_whole(node, "axis", 0), out->rank, &axis))
        return WRONG("takes what is not said by a list of numbers");
    const size_t n = inv_onnx_count(t);
    INV_TRY(onnx_take_numbers(im, node, in, count, 1, n, &numbers));
    const double length = (double)out->dims[axis], step = n > 1 ? numbers[1] - numbers[0] : 1.0;
    for (size_t i = 0; i < n; i++)
        if (!(numbers[i] >= -length && numbers[i] < length) ||
            (i > 0 && fabs(numbers[i] - numbers[i - 1] - step) > 0.0) || !(fabs(step) >= 1.0))
            INV_RAISE(WRONG("takes values in an order that is not known"));
    const double first = n == 0 ? 0.0 : numbers[0] < 0.0 ? numbers[0] + length : numbers[0];
    INV_TRY(take(im, node, out, axis, (size_t)first, n, (int64_t)step));
    if (t->rank == 0) {
        out->batch -= out->batch != ONNX_NO_BATCH && out->batch > axis;
        out->rank--;
        memmove(out->dims + axis, out->dims + axis + 1, (out->rank - axis) * sizeof *out->dims);
    }
done:
    free(numbers);
    return status;
}

inv_status onnx_repeat(onnx_importing *im, const json_t *node, onnx_value *v, size_t axis,
                       size_t times)
{
    onnx_value copies[COPIES_MAX];
    char letter = 0;
    if (times == 1)
        return INV_OK;
    if (times == 0 || times > COPIES_MAX)
        return WRONG("repeats an axis %zu times, which is not known", times);
    const size_t n = v->dims[axis];
    inv_status status = onnx_check_axis(im, node, v, axis);
    if (status == INV_OK)
        status = letter_of(im, node, v, axis, &letter);
    for (size_t i = 0; i < times; i++)
        copies[i] = *v;
    if (status == INV_OK)
        status =
            onnx_join(im, node, json_pack("{ss ss}", "type", "concat", "axis", axis_name(letter)),
                      copies, times, v);
    v->dims[axis] = n * times;
    return status;
}

/* Whether all that takes a value has sizes of 1 count for all the others. */
static bool is_only_for_arithmetic(const onnx_importing *im, const char *name)
{
    static const char *const ops[] = {"Add", "Sub", "Mul", "Div", "Max", "Min", "Sum"};
    size_t number = 0;
    json_t *node;
    json_array_foreach(im->graph.nodes, number, node)
    {
        bool takes = false, is_one = false;
        for (size_t i = 0; i < inv_onnx_input_count(node); i++)
            takes = takes || strcmp(inv_onnx_input(node, i), name) == 0;
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
            is_one = is_one || strcmp(inv_onnx_op(node), ops[i]) == 0;
        if (takes && !is_one)
            return false;
    }
    return true;
}

static inv_status add_expand(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, onnx_value *out)
{
    int64_t sizes[2 * ONNX_RANK_MAX];
    size_t n = 0;
    *out = in[0];
    inv_status status = onnx_whole_numbers(im, node, in, count, 1, "", sizes, &n);
    if (status != INV_OK)
        return status;
    if (n == SIZE_MAX || n > ONNX_RANK_MAX)
        return WRONG("its sizes are not known");
    while (out->rank < n)
        onnx_add_axis(out);
    status = inv_sketch_spend(im->sketch, 8 * json_array_size(im->graph.nodes));
    const bool stays = is_only_for_arithmetic(im, inv_onnx_output(node, 0));
    for (size_t i = 0; status == INV_OK && i < n; i++) {
        const size_t axis = out->rank - n + i;
        if (sizes[i] < 1 ||
            (out->dims[axis] != 1 && sizes[i] != 1 && (size_t)sizes[i] != out->dims[axis]))
            return WRONG("its sizes do not fit");
        const bool is_whole = axis == out->batch && (size_t)sizes[i] == im->batch;
        if (!stays && !is_whole && out->dims[axis] == 1)
            status = onnx_repeat(im, node, out, axis, (size_t)sizes[i]);
    }
    return status;
}

static inv_status add_tile(onnx_importing *im, const json_t *node, const onnx_value *in,
                           size_t count, onnx_value *out)
{
    int64_t times[2 * ONNX_RANK_MAX];
    size_t n = 0;
    *out = in[0];
    inv_status status = onnx_whole_numbers(im, node, in, count, 1, "", times, &n);
    if (status == INV_OK && n != out->rank)
        return WRONG("repeats other axes than there are");
    for (size_t i = 0; status == INV_OK && i < n; i++)
        status = onnx_repeat(im, node, out, i, times[i] < 0 ? 0 : (size_t)times[i]);
    return status;
}

/* ---- several outputs ---- */

/* Output `part` of a Split, as a node of its own. */
static bool append_part(onnx_importing *im, json_t *split, size_t part, size_t parts)
{
    json_t *nodes = im->graph.nodes, *own = json_copy(split);
    json_t *attributes = json_copy(json_object_get(split, "attributes"));
    const char *name = inv_onnx_output(split, part);
    bool good = own && attributes &&
                json_object_set_new(attributes, "part", json_integer((json_int_t)part)) == 0 &&
                json_object_set_new(attributes, "parts", json_integer((json_int_t)parts)) == 0 &&
                json_object_set(own, "attributes", attributes) == 0 &&
                json_object_set_new(own, "out", json_pack("[s]", name)) == 0 &&
                json_object_set_new(im->graph.makers, name,
                                    json_integer((json_int_t)json_array_size(nodes))) == 0 &&
                json_array_append(nodes, own) == 0;
    json_decref(attributes);
    json_decref(own);
    return good;
}

inv_status onnx_part_outputs(onnx_importing *im)
{
    const size_t count = json_array_size(im->graph.nodes);
    for (size_t number = 0; number < count; number++) {
        json_t *node = json_array_get(im->graph.nodes, number);
        const size_t parts = json_array_size(json_object_get(node, "out"));
        if (strcmp(inv_onnx_op(node), "Split") != 0 || parts < 2)
            continue;
        for (size_t part = 0; part < parts; part++)
            if (!append_part(im, node, part, parts))
                return INV_ERROR(INV_ENOMEM, "no memory for an ONNX file's nodes");
        const char *from = inv_onnx_input(node, 0);
        const json_int_t uses = json_integer_value(json_object_get(im->graph.uses, from));
        if (json_object_set_new(im->graph.uses, from, json_integer(uses + (json_int_t)parts)) != 0)
            return INV_ERROR(INV_ENOMEM, "no memory for an ONNX file's nodes");
    }
    return INV_OK;
}

/* ---- the table ---- */

const onnx_operator onnx_slice_operators[] = {
    {"Slice", add_slice, false, "axes ends starts"},
    {"Split", add_split, false, "axis num_outputs part parts split"},
    {"Gather", add_gather, false, "axis"},
    {"Expand", add_expand, false, NULL},
    {"Tile", add_tile, false, NULL},
    {NULL, NULL, false, NULL},
};
