/* Constants of an ONNX graph as parameters of layers (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- parameters ---- */

static inv_status fill_turned(const void *context, const inv_tree_array *array, float *out,
                              size_t count)
{
    const onnx_turn *t = context;
    size_t strides[4] = {1, 1, 1, 1}, index[4] = {0}, at = 0;
    void *memory = NULL;
    if (array->count != count)
        return INV_ERROR(INV_EFORMAT, "%zu values; there must be %zu", array->count, count);
    inv_status status = inv_calloc(count, sizeof(float), "parameters", &memory);
    const float *from = memory;
    if (status == INV_OK)
        status = inv_tree_floats(array, memory);
    for (size_t i = 3; i-- > 0;)
        strides[i] = strides[i + 1] * t->dims[i + 1];
    for (size_t n = 0; status == INV_OK && n < count; n++) {
        out[n] = t->factor * from[at];
        for (size_t i = 4; i-- > 0;) {
            at += strides[t->axes[i]];
            if (++index[i] < t->dims[t->axes[i]])
                break;
            at -= strides[t->axes[i]] * t->dims[t->axes[i]];
            index[i] = 0;
        }
    }
    free(memory);
    return status;
}

inv_status onnx_put_turned(onnx_importing *im, const onnx_value *at, const inv_tree_array *array,
                           onnx_turn how)
{
    void *memory = NULL;
    inv_status status = inv_sketch_keep(im->sketch, 1, sizeof how, &memory);
    if (status != INV_OK)
        return status;
    memcpy(memory, &how, sizeof how);
    return inv_sketch_block(im->sketch, &at->place, "kernel", array, fill_turned, memory);
}

static inv_status fill_kept(const void *context, const inv_tree_array *array, float *out,
                            size_t count)
{
    (void)array;
    memcpy(out, context, count * sizeof *out);
    return INV_OK;
}

/* Numbers that are kept until the net is built, as a block. */
inv_status onnx_put_numbers(onnx_importing *im, const onnx_value *at, const char *block,
                            const double *numbers, size_t count, float **kept)
{
    void *memory = NULL;
    inv_status status = inv_sketch_spend(im->sketch, count);
    if (status == INV_OK)
        status = inv_sketch_keep(im->sketch, count, sizeof(float), &memory);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; numbers && i < count; i++)
        ((float *)memory)[i] = (float)numbers[i];
    if (kept)
        *kept = memory;
    return inv_sketch_block(im->sketch, &at->place, block, NULL, fill_kept, memory);
}

static inv_status no_memory(void)
{
    return INV_ERROR(INV_ENOMEM, "no memory for an ONNX file's numbers");
}

/* The numbers of input i, of which there must be `count`; the caller frees. */
inv_status onnx_take_numbers(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t inputs, size_t i, size_t count, double **out)
{
    *out = NULL;
    if (i >= inputs || !in[i].is_there || !in[i].is_known)
        return WRONG("its input %zu is no constant", i + 1);
    if (inv_onnx_count(&in[i].known) != count)
        return WRONG("%zu numbers as its input %zu; there must be %zu",
                     inv_onnx_count(&in[i].known), i + 1, count);
    inv_status status = inv_sketch_spend(im->sketch, count);
    if (status == INV_OK)
        status = inv_onnx_values(&in[i].known, out);
    return status == INV_OK && !*out ? no_memory() : status;
}

inv_status onnx_put_input(onnx_importing *im, const json_t *node, const onnx_value *in,
                          size_t inputs, size_t i, size_t count, const onnx_value *at,
                          const char *block)
{
    double *numbers = NULL;
    inv_status status = onnx_take_numbers(im, node, in, inputs, i, count, &numbers);
    if (status == INV_OK)
        status = onnx_put_numbers(im, at, block, numbers, count, NULL);
    free(numbers);
    return status;
}

bool onnx_is_given(const onnx_value *in, size_t count, size_t i)
{
    return i < count && in[i].is_there;
}

/* One number: input i, else the attribute. */
inv_status onnx_one_number(onnx_importing *im, const json_t *node, const onnx_value *in,
                           size_t count, size_t i, const char *name, double usual, double *out)
{
    double *numbers = NULL;
    *out = inv_onnx_number(node, name, usual);
    if (!onnx_is_given(in, count, i))
        return INV_OK;
    inv_status status = onnx_take_numbers(im, node, in, count, i, 1, &numbers);
    if (status == INV_OK && numbers)
        *out = numbers[0];
    free(numbers);
    return status;
}

/* Whole numbers: input i, else the attribute of that name; *count is SIZE_MAX where there are none. */
inv_status onnx_whole_numbers(onnx_importing *im, const json_t *node, const onnx_value *in,
                              size_t inputs, size_t i, const char *name,
                              int64_t out[2 * ONNX_RANK_MAX], size_t *count)
{
    const json_t *list = inv_onnx_attribute(node, name);
    double *numbers = NULL;
    inv_status status = INV_OK;
    *count = SIZE_MAX;
    if (onnx_is_given(in, inputs, i)) {
        *count = inv_onnx_count(&in[i].known);
        if (*count > 2 * ONNX_RANK_MAX)
            return WRONG("too many numbers as its input %zu", i + 1);
        status = onnx_take_numbers(im, node, in, inputs, i, *count, &numbers);
        for (size_t k = 0; status == INV_OK && numbers && k < *count; k++)
            out[k] = (int64_t)fmin(fmax(numbers[k], -1e9), 1e9);
        free(numbers);
    } else if (json_is_array(list)) {
        *count = json_array_size(list);
        for (size_t k = 0; k < *count && k < 2 * ONNX_RANK_MAX; k++)
            out[k] = json_integer_value(json_array_get(list, k));
        if (*count > 2 * ONNX_RANK_MAX)
            return WRONG("too many %s", name);
    }
    return status;
}

/* Whether a constant is one number, or one for each channel, in their order. */
static bool is_of_channels(const inv_onnx_tensor *t, const onnx_value *v)
{
    char letters[ONNX_RANK_MAX];
    const bool known = onnx_find_letters(v, letters);
    for (size_t k = 0; k < t->rank; k++)
        if (t->dims[k] > 1 && !(known && letters[k + v->rank - t->rank] == 'c'))
            return false;
    return true;
}

/* That of each axis of the value, 0 where the constant has but one. */
static bool find_steps(const inv_onnx_tensor *t, const onnx_value *v, size_t steps[ONNX_RANK_MAX])
{
    size_t step = 1;
    for (size_t k = t->rank, i = v->rank; k-- > 0;) {
        if (t->dims[k] != 1 && (i == 0 || t->dims[k] != v->dims[i - 1]))
            return false;
        if (i > 0)
            steps[--i] = t->dims[k] > 1 ? step : 0;
        step *= t->dims[k];
    }
    return true;
}

/* A constant as it meets each value of the image, in the image's order; the caller frees. */
inv_status onnx_spread(onnx_importing *im, const json_t *node, const inv_onnx_tensor *t,
                       const onnx_value *v, double **out, size_t *period)
{
    const inv_shape s = v->place.shape;
    const size_t size = inv_shape_size(s), own[3] = {s.width * s.channels, s.channels, 1};
    size_t index[ONNX_RANK_MAX] = {0}, steps[ONNX_RANK_MAX] = {0}, at = 0;
    void *memory = NULL;
    double *from = NULL;
    *out = NULL;
    if (!find_steps(t, v, steps))
        return WRONG("a constant whose sizes do not fit the values that it meets");
    const bool is_short = is_of_channels(t, v);
    *period = is_short ? inv_onnx_count(t) : size;
    inv_status status = inv_sketch_spend(im->sketch, *period);
    if (status != INV_OK)
        return status;
    if (is_short)
        return inv_onnx_values(t, out);
    status = inv_calloc(size, sizeof **out, "constants", &memory);
    if (status == INV_OK)
        status = inv_onnx_values(t, &from);
    if (status == INV_OK && !(memory && from))
        status = no_memory();
    double *to = memory;
    for (size_t n = 0; status == INV_OK && n < size; n++) {
        size_t left = n, here = 0;
        for (size_t k = 3; k-- > 0;) { /* the graph's index n, of the image's axes */
            const size_t length = onnx_axis_size(s, v->order[k]);
            here += left % length * own[strchr(onnx_axes_here, v->order[k]) - onnx_axes_here];
            left /= length;
        }
        to[here] = from[at];
        for (size_t i = v->rank; i-- > 0;) {
            at += steps[i];
            if (++index[i] < v->dims[i])
                break;
            at -= steps[i] * v->dims[i];
            index[i] = 0;
        }
    }
    free(from);
    if (status != INV_OK) {
        free(memory);
        memory = NULL;
    }
    *out = memory;
    return status;
}

inv_status onnx_lengthen(onnx_importing *im, double **numbers, size_t period, size_t longer)
{
    inv_status status = inv_sketch_spend(im->sketch, longer);
    if (status != INV_OK || longer <= period)
        return status;
    double *more = reallocarray(*numbers, longer, sizeof *more);
    if (!more)
        return no_memory();
    for (size_t i = period; i < longer; i++)
        more[i] = more[i - period];
    *numbers = more;
    return INV_OK;
}

/* Whether the numbers begin again after each `period` of them. */
bool onnx_repeats(const double *numbers, size_t count, size_t period)
{
    for (size_t i = period; i < count; i++)
        if (numbers[i] < numbers[i - period] || numbers[i] > numbers[i - period])
            return false;
    return true;
}

bool onnx_all_are(const double *numbers, size_t count, double what)
{
    return numbers[0] >= what && numbers[0] <= what && onnx_repeats(numbers, count, 1);
}

/* scale x + offset, each as onnx_spread gives it; what was a bias's is added to that. */
inv_status onnx_add_affine(onnx_importing *im, const json_t *node, const double *scale,
                           const double *offset, size_t period, const onnx_value *in,
                           onnx_value *out)
{
    const size_t size = inv_shape_size(in->place.shape), channels = in->place.shape.channels;
    const bool one = onnx_repeats(scale, period, 1) && onnx_repeats(offset, period, 1);
    const bool few =
        onnx_repeats(scale, period, channels) && onnx_repeats(offset, period, channels);
    const bool only_adds = onnx_all_are(scale, period, 1.0);
    inv_status status = INV_OK;
    *out = *in;
    if (only_adds && onnx_all_are(offset, period, 0.0))
        return INV_OK;
    if (only_adds && few && in->bias) {
        for (size_t c = 0; c < channels; c++)
            in->bias[c] += (float)offset[one ? 0 : c];
        return INV_OK;
    }
    if (one)
        return onnx_add_layer(
            im, node, "",
            json_pack("{ss sf sf}", "type", "rescale", "scale", scale[0], "offset", offset[0]), in,
            out);
    INV_TRY(onnx_add_layer(
        im, node, "", json_pack("{ss ss}", "type", "rescale", "per", few ? "channel" : "value"), in,
        out));
    INV_TRY(onnx_put_numbers(im, out, "scale", scale, few ? channels : size, NULL));
    INV_TRY(onnx_put_numbers(im, out, "offset", offset, few ? channels : size, NULL));
done:
    return status;
}
