/* ONNX graphs as nets (onnx.h). Nodes are taken as the output needs them, whatever order they stand in.
 *
 * A value of the graph has sizes there, [1, 6, 12, 12], in row-major order, and is an image here,
 * 12 x 12 x 6, channels last. Of each value the order is kept in which the graph has the image's axes:
 * "chw" after a convolution, "hwc" after a Transpose of what came out of one. So a Transpose is but
 * another order, a Reshape other sizes, and kernels, the first dense layer behind a Flatten, and
 * constants are turned as they are read. Only where an operator wants the axes in other places is a
 * permute layer put before it. What batch there is counts as 1.
 * Source of each operator's arithmetic: the ONNX specification, opsets 7 to 28.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"

/* The analyser does not see across files that INV_OK means memory, and that a window has two sides. */
/* NOLINTBEGIN(clang-analyzer-core.*) */

#define INPUTS_MAX 64 /* of a node */
#define RANK       INV_ONNX_RANK_MAX

static const char axes_here[] = "hwc";

typedef struct value {
    bool is_there;
    bool is_known; /* a tensor; else an image */
    inv_onnx_tensor known;
    inv_place place;
    size_t rank, dims[RANK]; /* in the graph */
    char order[4];           /* the graph's order of the image's axes */
    float *bias; /* of the layer that it comes from, to which more may be added, since nothing else
                    sees the value; NULL: there is none */
} value;

typedef struct importing {
    inv_onnx_graph graph;
    inv_model *model;
    inv_sketch *sketch;
    const char *input; /* its name */
    value image;       /* what that is */
    size_t batch;      /* as the file has it */
    value *values;     /* of each node */
    char *states;      /* of each node: 0, OPEN, DONE */
} importing;

enum { OPEN = 1, DONE };

typedef struct operator_type {
    const char *op;
    inv_status (*add)(importing *im, const json_t *node, const value *in, size_t count, value *out);
} operator_type;

#define WRONG(...) inv_onnx_wrong(&im->graph, node, __VA_ARGS__)

/* ---- names ---- */

/* "conv1" of "conv1.weight", where the weights say it; else the node's own name, else its output's. */
static void name_of(const json_t *node, const char *weight, char name[INV_NAME_MAX])
{
    const char *own = json_string_value(json_object_get(node, "name"));
    const char *dot = strrchr(weight, '.');
    if (dot && dot > weight && strcmp(dot, ".weight") == 0) {
        snprintf(name, INV_NAME_MAX, "%.*s", (int)(dot - weight < 40 ? dot - weight : 40), weight);
        return;
    }
    if (!own || !*own)
        own = inv_onnx_output(node, 0);
    while (*own == '/')
        own++;
    snprintf(name, INV_NAME_MAX, "%.*s", 40, own);
}

static inv_status add_layer(importing *im, const json_t *node, const char *ending, json_t *settings,
                            const value *in, value *out)
{
    char name[INV_NAME_MAX];
    const value from = *in;
    name_of(node, inv_onnx_input_count(node) > 1 ? inv_onnx_input(node, 1) : "", name);
    *out = from;
    out->bias = NULL;
    return inv_sketch_add(im->sketch, name, ending, settings, &from.place, 1, &out->place);
}

/* ---- axes ---- */

static size_t axis_size(inv_shape shape, char axis)
{
    return axis == 'h' ? shape.height : axis == 'w' ? shape.width : shape.channels;
}

/* The axes of `order` that are longer than 1, in that order. */
static size_t long_axes(inv_shape shape, const char *order, char out[4])
{
    size_t count = 0;
    for (const char *a = order; *a; a++)
        if (axis_size(shape, *a) > 1)
            out[count++] = *a;
    out[count] = 0;
    return count;
}

static bool same_order(inv_shape shape, const char *a, const char *b)
{
    char first[4], second[4];
    long_axes(shape, a, first);
    long_axes(shape, b, second);
    return strcmp(first, second) == 0;
}

static bool same_shape(inv_shape a, inv_shape b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

/* Whether the graph's axes behind the batch are these of the image, and the image has no other. */
static bool is_laid(const value *v, const char *axes)
{
    size_t left = inv_shape_size(v->place.shape);
    if (v->rank != strlen(axes) + 1 || v->dims[0] != 1)
        return false;
    for (size_t i = 0; axes[i]; i++) {
        if (axis_size(v->place.shape, axes[i]) != v->dims[i + 1])
            return false;
        left /= v->dims[i + 1];
    }
    return left == 1 && same_order(v->place.shape, v->order, strlen(axes) == 3 ? axes : v->order) &&
           (strlen(axes) == 3 ||
            same_order(v->place.shape, v->order, strlen(axes) == 2 ? axes : "hwc"));
}

/* The image with other axes: the same values in the graph. */
static inv_status rearrange(importing *im, const json_t *node, inv_shape shape, const char *order,
                            value *v)
{
    char turned[4] = {0};
    inv_shape now = v->place.shape;
    inv_status status = INV_OK;
    if (same_shape(now, shape) && same_order(now, v->order, order)) {
        memcpy(v->order, order, sizeof v->order);
        return INV_OK;
    }
    if (!same_order(now, v->order, axes_here))
        INV_TRY(add_layer(im, node, ".turn",
                          json_pack("{ss ss}", "type", "permute", "order", v->order), v, v));
    memcpy(v->order, axes_here, sizeof v->order);
    const bool is_straight = same_order(shape, order, axes_here);
    now = is_straight ? shape
                      : (inv_shape){axis_size(shape, order[0]), axis_size(shape, order[1]),
                                    axis_size(shape, order[2])};
    if (!same_shape(v->place.shape, now))
        INV_TRY(add_layer(im, node, ".shape",
                          now.height == 1 && now.width == 1
                              ? json_pack("{ss}", "type", "flatten")
                              : json_pack("{ss sI sI sI}", "type", "reshape", "height",
                                          (json_int_t)now.height, "width", (json_int_t)now.width,
                                          "channels", (json_int_t)now.channels),
                          v, v));
    for (size_t i = 0; i < 3; i++)
        turned[i] = axes_here[strchr(order, axes_here[i]) - order];
    if (!is_straight)
        INV_TRY(add_layer(im, node, ".chw",
                          json_pack("{ss ss}", "type", "permute", "order", turned), v, v));
    memcpy(v->order, order, sizeof v->order);
done:
    return status;
}

static inv_status as_vector(importing *im, const json_t *node, value *v)
{
    return rearrange(im, node, (inv_shape){1, 1, inv_shape_size(v->place.shape)}, axes_here, v);
}

/* As an image that the graph has as [1, channels, height, width], or [1, channels, width]. */
static inv_status as_image(importing *im, const json_t *node, value *v)
{
    if ((v->rank != 4 && v->rank != 3) || v->dims[0] != 1)
        return WRONG("takes images, as batch x channels x height x width");
    const inv_shape shape = {v->rank == 4 ? v->dims[2] : 1, v->dims[v->rank - 1], v->dims[1]};
    return rearrange(im, node, shape, "chw", v);
}

/* Of each axis of the graph, the image's axes that make it up: first[i] up to first[i + 1] of `axes`,
 * the image's long ones. False where one of those is split over several of the graph's. */
static bool split_axes(const value *v, char axes[4], size_t first[RANK + 1])
{
    const size_t count = long_axes(v->place.shape, v->order, axes);
    size_t at = 0;
    for (size_t i = 0; i < v->rank; i++) {
        size_t size = 1;
        first[i] = at;
        while (size < v->dims[i] && at < count)
            size *= axis_size(v->place.shape, axes[at++]);
        if (size != v->dims[i])
            return false;
    }
    first[v->rank] = at;
    return at == count;
}

static const char *const layouts[] = {"chw", "hwc", "c", "hw", "wc"};

/* The image's axis that each axis of the graph is, 0 where it is none (and of size 1). */
static bool find_letters(const value *v, char letters[RANK])
{
    char axes[4];
    size_t first[RANK + 1];
    memset(letters, 0, RANK);
    for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++)
        if (is_laid(v, layouts[k])) {
            memcpy(letters + 1, layouts[k], strlen(layouts[k]));
            return true;
        }
    if (!split_axes(v, axes, first))
        return false;
    for (size_t i = 0; i < v->rank; i++) {
        if (first[i + 1] - first[i] > 1)
            return false;
        letters[i] = first[i + 1] > first[i] ? axes[first[i]] : 0;
    }
    return true;
}

/* ---- parameters ---- */

/* Values to be put down in another order of axes (out's axis i is the array's axis `axes[i]`), times a
 * number. */
typedef struct turn {
    size_t dims[4], axes[4];
    float factor;
} turn;

static inv_status fill_turned(const void *context, const inv_tree_array *array, float *out,
                              size_t count)
{
    const turn *t = context;
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

static inv_status put_turned(importing *im, const value *at, const inv_tree_array *array, turn how)
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
static inv_status put_numbers(importing *im, const value *at, const char *block,
                              const double *numbers, size_t count, float **kept)
{
    void *memory = NULL;
    inv_status status = inv_sketch_keep(im->sketch, count, sizeof(float), &memory);
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
static inv_status take_numbers(importing *im, const json_t *node, const value *in, size_t inputs,
                               size_t i, size_t count, double **out)
{
    *out = NULL;
    if (i >= inputs || !in[i].is_there || !in[i].is_known)
        return WRONG("its input %zu is no constant", i + 1);
    if (inv_onnx_count(&in[i].known) != count)
        return WRONG("%zu numbers as its input %zu; there must be %zu",
                     inv_onnx_count(&in[i].known), i + 1, count);
    inv_status status = inv_onnx_values(&in[i].known, out);
    return status == INV_OK && !*out ? no_memory() : status;
}

static inv_status put_input(importing *im, const json_t *node, const value *in, size_t inputs,
                            size_t i, size_t count, const value *at, const char *block)
{
    double *numbers = NULL;
    inv_status status = take_numbers(im, node, in, inputs, i, count, &numbers);
    if (status == INV_OK)
        status = put_numbers(im, at, block, numbers, count, NULL);
    free(numbers);
    return status;
}

static bool is_given(const value *in, size_t count, size_t i)
{
    return i < count && in[i].is_there;
}

/* One number: input i, else the attribute. */
static inv_status one_number(importing *im, const json_t *node, const value *in, size_t count,
                             size_t i, const char *name, double usual, double *out)
{
    double *numbers = NULL;
    *out = inv_onnx_number(node, name, usual);
    if (!is_given(in, count, i))
        return INV_OK;
    inv_status status = take_numbers(im, node, in, count, i, 1, &numbers);
    if (status == INV_OK)
        *out = numbers[0];
    free(numbers);
    return status;
}

/* Whole numbers: input i, else the attribute of that name; *count is SIZE_MAX where there are none. */
static inv_status whole_numbers(importing *im, const json_t *node, const value *in, size_t inputs,
                                size_t i, const char *name, int64_t out[2 * RANK], size_t *count)
{
    const json_t *list = inv_onnx_attribute(node, name);
    double *numbers = NULL;
    inv_status status = INV_OK;
    *count = SIZE_MAX;
    if (is_given(in, inputs, i)) {
        *count = inv_onnx_count(&in[i].known);
        if (*count > 2 * RANK)
            return WRONG("too many numbers as its input %zu", i + 1);
        status = take_numbers(im, node, in, inputs, i, *count, &numbers);
        for (size_t k = 0; status == INV_OK && k < *count; k++)
            out[k] = fabs(numbers[k]) < 1e9 ? (int64_t)numbers[k] : INT32_MIN;
        free(numbers);
    } else if (json_is_array(list)) {
        *count = json_array_size(list);
        for (size_t k = 0; k < *count && k < 2 * RANK; k++)
            out[k] = json_integer_value(json_array_get(list, k));
        if (*count > 2 * RANK)
            return WRONG("too many %s", name);
    }
    return status;
}

/* A constant as it meets each value of the image, in the image's order; the caller frees. */
static inv_status spread(importing *im, const json_t *node, const inv_onnx_tensor *t,
                         const value *v, double **out)
{
    const inv_shape s = v->place.shape;
    const size_t size = inv_shape_size(s), own[3] = {s.width * s.channels, s.channels, 1};
    size_t index[RANK] = {0}, steps[RANK] = {0}, at = 0, step = 1;
    void *memory = NULL;
    double *from = NULL;
    *out = NULL;
    for (size_t k = t->rank, i = v->rank; k-- > 0;) {
        if (t->dims[k] != 1 && (i == 0 || t->dims[k] != v->dims[i - 1]))
            return WRONG("a constant whose sizes do not fit the values that it meets");
        if (i > 0)
            steps[--i] = t->dims[k] > 1 ? step : 0;
        step *= t->dims[k];
    }
    inv_status status = inv_calloc(size, sizeof **out, "constants", &memory);
    if (status == INV_OK)
        status = inv_onnx_values(t, &from);
    if (status == INV_OK && !(memory && from))
        status = no_memory();
    double *to = memory;
    for (size_t n = 0; status == INV_OK && n < size; n++) {
        size_t left = n, here = 0;
        for (size_t k = 3; k-- > 0;) { /* the graph's index n, of the image's axes */
            const size_t length = axis_size(s, v->order[k]);
            here += left % length * own[strchr(axes_here, v->order[k]) - axes_here];
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

/* Whether the numbers begin again after each `period` of them. */
static bool repeats(const double *numbers, size_t count, size_t period)
{
    for (size_t i = period; i < count; i++)
        if (numbers[i] < numbers[i - period] || numbers[i] > numbers[i - period])
            return false;
    return true;
}

static bool is_all(const double *numbers, size_t count, double what)
{
    return numbers[0] >= what && numbers[0] <= what && repeats(numbers, count, 1);
}

/* scale x + offset, each as `spread` gives it; what was a bias's is added to that. */
static inv_status add_affine(importing *im, const json_t *node, const double *scale,
                             const double *offset, const value *in, value *out)
{
    const size_t size = inv_shape_size(in->place.shape), channels = in->place.shape.channels;
    const bool one = repeats(scale, size, 1) && repeats(offset, size, 1);
    const bool few = repeats(scale, size, channels) && repeats(offset, size, channels);
    const bool only_adds = is_all(scale, size, 1.0);
    inv_status status = INV_OK;
    *out = *in;
    if (only_adds && is_all(offset, size, 0.0))
        return INV_OK;
    if (only_adds && few && in->bias) {
        for (size_t c = 0; c < channels; c++)
            in->bias[c] += (float)offset[c];
        return INV_OK;
    }
    if (one)
        return add_layer(
            im, node, "",
            json_pack("{ss sf sf}", "type", "rescale", "scale", scale[0], "offset", offset[0]), in,
            out);
    INV_TRY(add_layer(im, node, "",
                      json_pack("{ss ss}", "type", "rescale", "per", few ? "channel" : "value"), in,
                      out));
    INV_TRY(put_numbers(im, out, "scale", scale, few ? channels : size, NULL));
    INV_TRY(put_numbers(im, out, "offset", offset, few ? channels : size, NULL));
done:
    return status;
}

/* ---- dense layers ---- */

/* All values of the image, weighted: weights [units, values], or [values, units]. */
static inv_status add_dense(importing *im, const json_t *node, const inv_onnx_tensor *w,
                            bool units_first, double factor, const value *in, value *out)
{
    const inv_shape s = in->place.shape;
    const size_t size = inv_shape_size(s), units = w->dims[units_first ? 0 : 1], at = units_first;
    turn how = {.factor = (float)factor};
    inv_status status = INV_OK;
    if (w->rank != 2 || w->dims[!units_first ? 0 : 1] != size)
        return WRONG("weights for other than the %zu values that come in", size);
    how.dims[units_first ? 0 : 3] = units;
    how.axes[3] = units_first ? 0 : 3;
    for (size_t i = 0; i < 3; i++) {
        how.dims[at + i] = axis_size(s, in->order[i]);
        how.axes[i] = at + (size_t)(strchr(in->order, axes_here[i]) - in->order);
    }
    INV_TRY(add_layer(im, node, "",
                      json_pack("{ss sI}", "type", "dense", "units", (json_int_t)units), in, out));
    INV_TRY(put_turned(im, out, w->array, how));
    INV_TRY(put_numbers(im, out, "bias", NULL, units, &out->bias));
    memcpy(out->order, axes_here, sizeof out->order);
done:
    return status;
}

/* The same weights at every pixel. */
static inv_status add_pixelwise(importing *im, const json_t *node, const inv_onnx_tensor *w,
                                const value *in, value *out)
{
    inv_status status = INV_OK;
    INV_TRY(add_layer(im, node, "",
                      json_pack("{ss si si sI sb}", "type", "conv2d", "size", 1, "stride", 1,
                                "filters", (json_int_t)w->dims[1], "use_bias", 1),
                      in, out));
    INV_TRY(
        put_turned(im, out, w->array, (turn){{1, 1, w->dims[0], w->dims[1]}, {0, 1, 2, 3}, 1.0f}));
    INV_TRY(put_numbers(im, out, "bias", NULL, w->dims[1], &out->bias));
done:
    return status;
}

static inv_status add_matmul(importing *im, const json_t *node, const value *in, size_t count,
                             value *out)
{
    char axes[4];
    inv_status status = INV_OK;
    if (count < 2 || in[0].is_known == in[1].is_known)
        return WRONG("a product of values by values is not known; one factor must be a constant");
    if (in[0].is_known) { /* weights [units, values] times a column */
        const value *x = &in[1];
        const size_t axis = x->rank > 1 ? x->rank - 2 : 0;
        if (x->rank == 0 || x->dims[axis] != inv_shape_size(x->place.shape) ||
            in[0].known.rank != 2)
            return WRONG("a product of values by values is not known");
        status = add_dense(im, node, &in[0].known, true, 1.0, x, out);
        out->dims[axis] = in[0].known.dims[0];
        return status;
    }
    const value *x = &in[0];
    const inv_onnx_tensor *w = &in[1].known;
    if (w->rank != 2 || x->rank == 0 || x->dims[x->rank - 1] != w->dims[0])
        return WRONG("weights that do not fit what comes in");
    const size_t n = long_axes(x->place.shape, x->order, axes);
    if (inv_shape_size(x->place.shape) == w->dims[0])
        status = add_dense(im, node, w, false, 1.0, x, out);
    else if (n > 0 && axes[n - 1] == 'c' && x->place.shape.channels == w->dims[0])
        status = add_pixelwise(im, node, w, x, out);
    else
        return WRONG("weights over other axes than the channels are not known");
    out->dims[x->rank - 1] = w->dims[1];
    return status;
}

static inv_status add_gemm(importing *im, const json_t *node, const value *in, size_t count,
                           value *out)
{
    const bool trans_a = inv_onnx_whole(node, "transA", 0) != 0;
    const bool trans_b = inv_onnx_whole(node, "transB", 0) != 0;
    const double beta = inv_onnx_number(node, "beta", 1.0);
    double *bias = NULL;
    inv_status status = INV_OK;
    if (count < 2 || in[0].is_known || !in[1].is_known || in[0].rank != 2 ||
        in[0].dims[trans_a ? 1 : 0] != 1)
        return WRONG("takes rows of values and constant weights");
    INV_TRY(add_dense(im, node, &in[1].known, trans_b, inv_onnx_number(node, "alpha", 1.0), &in[0],
                      out));
    out->dims[0] = 1;
    out->dims[1] = out->place.shape.channels;
    if (is_given(in, count, 2)) {
        if (!in[2].is_known)
            INV_RAISE(WRONG("its input 3 is no constant"));
        INV_TRY(spread(im, node, &in[2].known, out, &bias));
        for (size_t i = 0; i < out->dims[1]; i++)
            out->bias[i] += (float)(beta * bias[i]);
    }
done:
    free(bias);
    return status;
}

/* ---- windows ---- */

typedef struct window {
    size_t spatial;                                  /* axes: 1 or 2 */
    size_t size[2], stride[2], dilation[2], pads[4]; /* top, bottom, left, right */
} window;

static size_t positive(int64_t number)
{
    return number > 0 && number <= 1024 ? (size_t)number : 0;
}

/* Of one axis, by auto_pad: so that ceil(n / stride) windows fit, the odd one behind or before. */
static void pad_axis(const char *mode, size_t n, size_t size, size_t stride, size_t pads[2])
{
    const size_t all = ((n + stride - 1) / stride - 1) * stride + size;
    const size_t more = all > n ? all - n : 0;
    pads[0] = strcmp(mode, "SAME_LOWER") == 0 ? more - more / 2 : more / 2;
    pads[1] = more - pads[0];
}

/* The attributes; `size` of a kernel is that of its weights, where those are given. */
static inv_status read_window(importing *im, const json_t *node, const value *v,
                              const inv_onnx_tensor *weights, window *w)
{
    const char *mode = inv_onnx_text(node, "auto_pad", "NOTSET");
    const size_t n[2] = {v->place.shape.height, v->place.shape.width};
    *w = (window){v->rank - 2, {1, 1}, {1, 1}, {1, 1}, {0}};
    for (size_t k = 0; k < w->spatial; k++) {
        const size_t i = 2 - w->spatial + k; /* 0 height, 1 width */
        const int64_t usual = weights ? (int64_t)weights->dims[2 + k] : 0;
        w->size[i] = positive(inv_onnx_whole_at(node, "kernel_shape", k, usual));
        w->stride[i] = positive(inv_onnx_whole_at(node, "strides", k, 1));
        w->dilation[i] = positive(inv_onnx_whole_at(node, "dilations", k, 1));
        const int64_t before = inv_onnx_whole_at(node, "pads", k, 0);
        const int64_t behind = inv_onnx_whole_at(node, "pads", w->spatial + k, 0);
        if (!w->size[i] || !w->stride[i] || !w->dilation[i] || before < 0 || before > 1024 ||
            behind < 0 || behind > 1024 || (weights && w->size[i] != weights->dims[2 + k]))
            return WRONG("windows that are not known");
        w->pads[2 * i] = (size_t)before;
        w->pads[2 * i + 1] = (size_t)behind;
        if (strncmp(mode, "SAME", 4) == 0)
            pad_axis(mode, n[i], (w->size[i] - 1) * w->dilation[i] + 1, w->stride[i],
                     w->pads + 2 * i);
        else if (strcmp(mode, "VALID") == 0)
            w->pads[2 * i] = w->pads[2 * i + 1] = 0;
    }
    return INV_OK;
}

static json_t *window_keys(const char *type, const window *w)
{
    return json_pack("{ss sI sI sI sI ss sI sI sI sI}", "type", type, "height",
                     (json_int_t)w->size[0], "width", (json_int_t)w->size[1], "stride_height",
                     (json_int_t)w->stride[0], "stride_width", (json_int_t)w->stride[1], "padding",
                     "explicit", "top", (json_int_t)w->pads[0], "bottom", (json_int_t)w->pads[1],
                     "left", (json_int_t)w->pads[2], "right", (json_int_t)w->pads[3]);
}

static json_t *conv_keys(const char *type, const window *w, size_t filters, size_t groups)
{
    json_t *keys = window_keys(type, w);
    json_object_set_new(keys, "filters", json_integer((json_int_t)filters));
    json_object_set_new(keys, "groups", json_integer((json_int_t)groups));
    json_object_set_new(keys, "use_bias", json_true());
    json_object_set_new(keys, "dilation_height", json_integer((json_int_t)w->dilation[0]));
    json_object_set_new(keys, "dilation_width", json_integer((json_int_t)w->dilation[1]));
    return keys;
}

/* What comes out of an operator over [1, channels, height, width]. */
static void set_image_dims(value *v)
{
    const inv_shape s = v->place.shape;
    v->dims[1] = s.channels;
    if (v->rank == 4)
        v->dims[2] = s.height;
    v->dims[v->rank - 1] = s.width;
}

/* The image, and its constant weights. */
static inv_status take_conv(importing *im, const json_t *node, const value *in, size_t count,
                            value *v, window *w, size_t *groups)
{
    inv_status status = INV_OK;
    if (count < 2 || in[0].is_known || !in[1].is_known || in[1].known.rank != in[0].rank ||
        inv_onnx_count(&in[1].known) == 0)
        return WRONG("takes images and constant weights");
    *v = in[0];
    *groups = positive(inv_onnx_whole(node, "group", 1));
    INV_TRY(as_image(im, node, v));
    INV_TRY(read_window(im, node, v, &in[1].known, w));
    if (*groups == 0)
        INV_RAISE(WRONG("its group cannot be"));
done:
    return status;
}

static inv_status put_conv(importing *im, const json_t *node, const value *in, size_t count,
                           const window *w, size_t filters, value *out)
{
    const size_t *d = in[1].known.dims;
    double *bias = NULL;
    inv_status status = INV_OK;
    INV_TRY(put_turned(im, out, in[1].known.array,
                       (turn){{d[0], d[1], w->size[0], w->size[1]}, {2, 3, 1, 0}, 1.0f}));
    if (is_given(in, count, 2))
        INV_TRY(take_numbers(im, node, in, count, 2, filters, &bias));
    INV_TRY(put_numbers(im, out, "bias", bias, filters, &out->bias));
    set_image_dims(out);
done:
    free(bias);
    return status;
}

static inv_status add_conv(importing *im, const json_t *node, const value *in, size_t count,
                           value *out)
{
    value v = {0};
    window w = {0};
    size_t groups = 0;
    inv_status status = INV_OK;
    INV_TRY(take_conv(im, node, in, count, &v, &w, &groups));
    const size_t filters = in[1].known.dims[0];
    if (in[1].known.dims[1] * groups != v.place.shape.channels)
        INV_RAISE(WRONG("weights for %zu channels, but %zu come in", in[1].known.dims[1] * groups,
                        v.place.shape.channels));
    INV_TRY(add_layer(im, node, "", conv_keys("conv2d", &w, filters, groups), &v, out));
    INV_TRY(put_conv(im, node, in, count, &w, filters, out));
done:
    return status;
}

/* The padding that output_shape or auto_pad asks for. */
static bool pad_transpose(const json_t *node, const value *v, window *w, const size_t more[2])
{
    const char *mode = inv_onnx_text(node, "auto_pad", "NOTSET");
    const size_t n[2] = {v->place.shape.height, v->place.shape.width};
    const bool same = strncmp(mode, "SAME", 4) == 0;
    if (!same && !inv_onnx_attribute(node, "output_shape"))
        return true;
    for (size_t k = 0; k < w->spatial && k < 2; k++) {
        const size_t i = w->spatial == 1 ? 1 : k;
        const int64_t wanted =
            inv_onnx_whole_at(node, "output_shape", k, (int64_t)(n[i] * w->stride[i]));
        const size_t full =
            w->stride[i] * (n[i] - 1) + more[i] + (w->size[i] - 1) * w->dilation[i] + 1;
        if (wanted < 1 || (size_t)wanted > full)
            return false;
        const size_t all = full - (size_t)wanted;
        w->pads[2 * i] = strcmp(mode, "SAME_UPPER") == 0 ? all / 2 : all - all / 2;
        w->pads[2 * i + 1] = all - w->pads[2 * i];
    }
    return true;
}

static inv_status add_conv_transpose(importing *im, const json_t *node, const value *in,
                                     size_t count, value *out)
{
    value v = {0};
    window w = {0};
    size_t groups = 0, more[2] = {0, 0};
    inv_status status = INV_OK;
    INV_TRY(take_conv(im, node, in, count, &v, &w, &groups));
    for (size_t k = 0; k < w.spatial; k++)
        more[2 - w.spatial + k] = positive(inv_onnx_whole_at(node, "output_padding", k, 0));
    if (in[1].known.dims[0] != v.place.shape.channels || !pad_transpose(node, &v, &w, more))
        INV_RAISE(WRONG("weights or sizes that do not fit"));
    const size_t filters = in[1].known.dims[1] * groups;
    json_t *keys = conv_keys("conv2d_transpose", &w, filters, groups);
    json_object_set_new(keys, "output_padding_height", json_integer((json_int_t)more[0]));
    json_object_set_new(keys, "output_padding_width", json_integer((json_int_t)more[1]));
    INV_TRY(add_layer(im, node, "", keys, &v, out));
    INV_TRY(put_conv(im, node, in, count, &w, filters, out));
done:
    return status;
}

/* How far the last window reaches beyond the padding, where ceil_mode has one more that begins in the
 * image or the padding before it. */
static size_t reach_beyond(size_t n, const window *w, size_t axis)
{
    const size_t before = w->pads[2 * axis], all = n + before + w->pads[2 * axis + 1];
    if (all < w->size[axis])
        return 0;
    size_t count = (all - w->size[axis] + w->stride[axis] - 1) / w->stride[axis] + 1;
    if ((count - 1) * w->stride[axis] >= n + before)
        count--;
    const size_t reach = (count - 1) * w->stride[axis] + w->size[axis];
    return reach > all ? reach - all : 0;
}

static json_t *pad_keys(const char *mode, double what, const size_t pads[4])
{
    return json_pack("{ss ss sf sI sI sI sI}", "type", "pad", "mode", mode, "value", what, "top",
                     (json_int_t)pads[0], "bottom", (json_int_t)pads[1], "left",
                     (json_int_t)pads[2], "right", (json_int_t)pads[3]);
}

static inv_status add_pool(importing *im, const json_t *node, const value *in, size_t count,
                           value *out)
{
    const bool is_max = strcmp(inv_onnx_op(node), "MaxPool") == 0;
    const bool ceil_mode = inv_onnx_whole(node, "ceil_mode", 0) != 0 &&
                           strncmp(inv_onnx_text(node, "auto_pad", ""), "SAME", 4) != 0;
    const bool counts = !is_max && inv_onnx_whole(node, "count_include_pad", 0) != 0;
    value v = in[0];
    window w = {0};
    inv_status status = INV_OK;
    (void)count;
    INV_TRY(as_image(im, node, &v));
    INV_TRY(read_window(im, node, &v, NULL, &w));
    if (w.dilation[0] != 1 || w.dilation[1] != 1)
        INV_RAISE(WRONG("a pool with dilations is not known"));
    const inv_shape s = v.place.shape;
    const size_t more[2] = {ceil_mode ? reach_beyond(s.height, &w, 0) : 0,
                            ceil_mode ? reach_beyond(s.width, &w, 1) : 0};
    if (counts && (w.pads[0] || w.pads[1] || w.pads[2] || w.pads[3])) {
        /* zeros that count; what lies beyond them does not */
        INV_TRY(add_layer(im, node, ".pad", pad_keys("constant", 0.0, w.pads), &v, &v));
        memset(w.pads, 0, sizeof w.pads);
    }
    w.pads[1] += more[0];
    w.pads[3] += more[1];
    INV_TRY(add_layer(im, node, "", window_keys(is_max ? "max_pool" : "avg_pool", &w), &v, out));
    set_image_dims(out);
done:
    return status;
}

static inv_status add_global_pool(importing *im, const json_t *node, const value *in, size_t count,
                                  value *out)
{
    const bool is_max = strcmp(inv_onnx_op(node), "GlobalMaxPool") == 0;
    value v = in[0];
    (void)count;
    inv_status status = as_image(im, node, &v);
    if (status == INV_OK)
        status = add_layer(
            im, node, "", json_pack("{ss}", "type", is_max ? "global_max_pool" : "global_avg_pool"),
            &v, out);
    set_image_dims(out);
    return status;
}

/* Over the rows, the columns, or both. */
static inv_status add_reduce(importing *im, const json_t *node, const value *in, size_t count,
                             value *out)
{
    const bool is_max = strcmp(inv_onnx_op(node), "ReduceMax") == 0;
    const bool keeps = inv_onnx_whole(node, "keepdims", 1) != 0;
    int64_t list[2 * RANK];
    size_t n = 0, axis = 0, rank = 0;
    char letters[RANK];
    bool gone[RANK] = {false}, high = false, wide = false;
    const value *v = &in[0];
    inv_status status = whole_numbers(im, node, in, count, 1, "axes", list, &n);
    if (status != INV_OK)
        return status;
    if (!find_letters(v, letters))
        return WRONG("is over axes that are not those of an image");
    for (size_t i = 0; n == SIZE_MAX && i < v->rank; i++)
        gone[i] = true;
    for (size_t i = 0; n != SIZE_MAX && i < n; i++) {
        if (!inv_onnx_axis(list[i], v->rank, &axis))
            return WRONG("there is no axis %lld", (long long)list[i]);
        gone[axis] = true;
    }
    const inv_shape s = v->place.shape;
    for (size_t i = 0; i < v->rank; i++) {
        if (gone[i] && letters[i] == 'c' && s.channels > 1)
            return WRONG("is over channels, which is not known");
        high = high || (gone[i] && letters[i] == 'h');
        wide = wide || (gone[i] && letters[i] == 'w');
    }
    const window w = {2, {high ? s.height : 1, wide ? s.width : 1}, {1, 1}, {1, 1}, {0}};
    const bool is_global = w.size[0] == s.height && w.size[1] == s.width;
    status = add_layer(
        im, node, "",
        is_global ? json_pack("{ss}", "type", is_max ? "global_max_pool" : "global_avg_pool")
                  : window_keys(is_max ? "max_pool" : "avg_pool", &w),
        v, out);
    for (size_t i = 0; i < v->rank; i++)
        if (keeps || !gone[i])
            out->dims[rank++] = gone[i] ? 1 : v->dims[i];
    out->rank = rank;
    return status;
}

/* ---- padding, sizes ---- */

static inv_status add_pad(importing *im, const json_t *node, const value *in, size_t count,
                          value *out)
{
    const char *mode = inv_onnx_text(node, "mode", "constant");
    int64_t pads[2 * RANK], list[2 * RANK];
    size_t n = 0, axes = 0, axis = 0, around[4] = {0}, cut[4] = {0};
    bool pads_any = false, cuts_any = false;
    char letters[RANK];
    double what = 0.0;
    value v = in[0];
    inv_status status = INV_OK;
    const char *key = inv_onnx_attribute(node, "paddings") ? "paddings" : "pads";
    INV_TRY(whole_numbers(im, node, in, count, 1, key, pads, &n));
    INV_TRY(one_number(im, node, in, count, 2, "value", 0.0, &what));
    INV_TRY(whole_numbers(im, node, in, count, 3, "", list, &axes));
    if (n == SIZE_MAX || n != 2 * (axes == SIZE_MAX ? v.rank : axes))
        INV_RAISE(WRONG("pads for other axes than there are"));
    if (!find_letters(&v, letters))
        INV_TRY(as_image(im, node, &v));
    if (!find_letters(&v, letters))
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
    *out = v;
    if (pads_any)
        INV_TRY(add_layer(im, node, "", pad_keys(mode, what, around), &v, out));
    if (cuts_any)
        INV_TRY(add_layer(im, node, ".cut",
                          json_pack("{ss sI sI sI sI}", "type", "crop", "top", (json_int_t)cut[0],
                                    "bottom", (json_int_t)cut[1], "left", (json_int_t)cut[2],
                                    "right", (json_int_t)cut[3]),
                          out, out));
done:
    return status;
}

/* How many times as long each axis gets. */
static inv_status find_scales(importing *im, const json_t *node, const value *in, size_t count,
                              const value *v, double scales[RANK])
{
    const bool is_resize = strcmp(inv_onnx_op(node), "Resize") == 0;
    const size_t at = is_resize && im->graph.opset > 10 ? 2 : 1;
    const json_t *list = inv_onnx_attribute(node, "scales");
    double *numbers = NULL;
    size_t i = at;
    inv_status status = INV_OK;
    if (is_given(in, count, 3) && is_resize)
        i = 3;
    if (is_given(in, count, i)) {
        INV_TRY(take_numbers(im, node, in, count, i, v->rank, &numbers));
        for (size_t k = 0; k < v->rank; k++)
            scales[k] = i == 3 ? numbers[k] / (double)v->dims[k] : numbers[k];
    } else {
        for (size_t k = 0; k < v->rank; k++)
            scales[k] = json_number_value(json_array_get(list, k));
    }
    for (size_t k = 0; k < v->rank; k++)
        if (!(scales[k] > 0.0 && scales[k] * (double)v->dims[k] < 1e6))
            INV_RAISE(WRONG("sizes that cannot be"));
done:
    free(numbers);
    return status;
}

static inv_status add_resize(importing *im, const json_t *node, const value *in, size_t count,
                             value *out)
{
    const bool is_new = strcmp(inv_onnx_op(node), "Resize") == 0 && im->graph.opset > 10;
    const char *mode = inv_onnx_text(node, "mode", "nearest");
    const char *centres =
        inv_onnx_text(node, "coordinate_transformation_mode", is_new ? "half_pixel" : "asymmetric");
    const char *nearest =
        inv_onnx_text(node, "nearest_mode", is_new ? "round_prefer_floor" : "floor");
    double scales[RANK];
    size_t size[2];
    value v = in[0];
    inv_status status = INV_OK;
    INV_TRY(as_image(im, node, &v));
    if (v.rank != 4)
        INV_RAISE(WRONG("takes images"));
    INV_TRY(find_scales(im, node, in, count, &v, scales));
    const bool whole =
        fabs(scales[2] - round(scales[2])) < 1e-6 && fabs(scales[3] - round(scales[3])) < 1e-6;
    const bool is_linear = strcmp(mode, "linear") == 0;
    const bool corners = strcmp(centres, "align_corners") == 0;
    const bool half = strstr(centres, "half_pixel") && strcmp(centres, "tf_half_pixel_for_nn") != 0;
    const bool floors = strcmp(centres, "asymmetric") == 0 && strcmp(nearest, "floor") == 0;
    if (fabs(scales[0] - 1.0) > 1e-6 || fabs(scales[1] - 1.0) > 1e-6 ||
        !(is_linear ? corners || half
                    : strcmp(mode, "nearest") == 0 && (floors || (half && whole))))
        INV_RAISE(WRONG("mode %.30s with %.40s is not known", mode, centres));
    for (size_t i = 0; i < 2; i++)
        size[i] = (size_t)floor(scales[2 + i] * (double)v.dims[2 + i] + 1e-6);
    INV_TRY(add_layer(im, node, "",
                      json_pack("{ss sI sI ss sb}", "type", "upsample", "height",
                                (json_int_t)size[0], "width", (json_int_t)size[1], "interpolation",
                                is_linear ? "bilinear" : "nearest", "align_corners", corners),
                      &v, out));
    set_image_dims(out);
done:
    return status;
}

/* ---- the same values with other sizes ---- */

static inv_status add_nothing(importing *im, const json_t *node, const value *in, size_t count,
                              value *out)
{
    (void)im, (void)node, (void)count;
    *out = in[0];
    return INV_OK;
}

/* A file that was made for batches of several images may name that number. */
static inv_status without_batch(importing *im, const value *v, inv_onnx_tensor *target)
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

static inv_status add_shape(importing *im, const json_t *node, const value *in, size_t count,
                            value *out)
{
    static const inv_tree_array no_values = {0};
    inv_onnx_tensor tensors[2] = {{0}}, result = {0};
    inv_status status = INV_OK;
    *out = in[0];
    tensors[0].rank = in[0].rank;
    memcpy(tensors[0].dims, in[0].dims, sizeof in[0].dims);
    tensors[0].array = &no_values;
    if (is_given(in, count, 1)) {
        if (!in[1].is_known)
            return WRONG("sizes that are not constant");
        tensors[1] = in[1].known;
        if (strcmp(inv_onnx_op(node), "Reshape") == 0)
            INV_TRY(without_batch(im, &in[0], &tensors[1]));
    }
    INV_TRY(inv_onnx_fold(&im->graph, im->sketch, node, tensors, count > 1 ? 2 : 1, &result));
    out->rank = result.rank;
    memcpy(out->dims, result.dims, sizeof out->dims);
done:
    return status;
}

static inv_status add_flatten(importing *im, const json_t *node, const value *in, size_t count,
                              value *out)
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
    return INV_OK;
}

/* Up to three of the graph's axes as those of the image. */
static inv_status as_axes(importing *im, const json_t *node, value *v)
{
    size_t sizes[3] = {1, 1, 1}, count = 0;
    for (size_t i = 0; i < v->rank; i++) {
        if (v->dims[i] > 1 && count == 3)
            return WRONG("of more than three axes is not known");
        if (v->dims[i] > 1)
            sizes[count++] = v->dims[i];
    }
    return rearrange(im, node, (inv_shape){sizes[0], sizes[1], sizes[2]}, axes_here, v);
}

static inv_status add_transpose(importing *im, const json_t *node, const value *in, size_t count,
                                value *out)
{
    char axes[4] = "", order[4] = {0};
    size_t first[RANK + 1] = {0}, at = 0, from[RANK] = {0};
    bool seen[RANK] = {false};
    inv_status status = INV_OK;
    (void)count;
    *out = in[0];
    for (size_t i = 0; i < out->rank; i++) {
        const int64_t axis = inv_onnx_whole_at(node, "perm", i, (int64_t)(out->rank - 1 - i));
        if (!inv_onnx_axis(axis, out->rank, &from[i]) || seen[from[i]])
            return WRONG("an order of axes that cannot be");
        seen[from[i]] = true;
    }
    if (!split_axes(out, axes, first)) {
        INV_TRY(as_axes(im, node, out));
        if (!split_axes(out, axes, first))
            INV_RAISE(WRONG("of axes that are not those of an image is not known"));
    }
    const value v = *out;
    for (size_t i = 0; i < v.rank; i++) {
        out->dims[i] = v.dims[from[i]];
        for (size_t k = first[from[i]]; k < first[from[i] + 1]; k++)
            order[at++] = axes[k];
    }
    for (const char *a = axes_here; *a; a++)
        if (!strchr(order, *a))
            order[at++] = *a;
    memcpy(out->order, order, sizeof order);
done:
    return status;
}

/* ---- norms ---- */

static inv_status one_output(importing *im, const json_t *node)
{
    for (size_t i = 1; i < json_array_size(json_object_get(node, "out")); i++)
        if (json_object_get(im->graph.uses, inv_onnx_output(node, i)))
            return WRONG("is used for more than its first output, as in training");
    return INV_OK;
}

static inv_status add_batch_norm(importing *im, const json_t *node, const value *in, size_t count,
                                 value *out)
{
    static const char *const blocks[] = {"gamma", "beta", "mean", "variance"};
    const double epsilon = inv_onnx_number(node, "epsilon", 1e-5);
    const size_t n = in[0].rank > 1 ? in[0].dims[1] : 0;
    const value *v = &in[0];
    double *p[4] = {NULL}, *scale = NULL, *offset = NULL;
    inv_onnx_tensor both[2] = {{0}};
    size_t dims[RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    inv_status status = one_output(im, node);
    if (status != INV_OK)
        return status;
    if (inv_onnx_whole(node, "training_mode", 0) != 0)
        return WRONG("is in training mode: export the net in inference mode (eval)");
    if (n == 0 || inv_onnx_whole(node, "spatial", 1) == 0)
        return WRONG("takes batch x channels and more");
    if (is_laid(v, "chw") || is_laid(v, "c")) {
        INV_TRY(add_layer(im, node, "",
                          json_pack("{ss sf}", "type", "batch_norm", "epsilon", epsilon), v, out));
        for (size_t i = 0; i < 4; i++)
            INV_TRY(put_input(im, node, in, count, i + 1, n, out, blocks[i]));
        return INV_OK;
    }
    for (size_t i = 0; i < 4; i++)
        INV_TRY(take_numbers(im, node, in, count, i + 1, n, &p[i]));
    dims[0] = n;
    INV_TRY(inv_onnx_make(im->sketch, dims, v->rank - 1, false, &scale, &both[0]));
    INV_TRY(inv_onnx_make(im->sketch, dims, v->rank - 1, false, &offset, &both[1]));
    for (size_t c = 0; c < n; c++) {
        scale[c] = p[0][c] / sqrt(p[3][c] + epsilon);
        offset[c] = p[1][c] - p[2][c] * scale[c];
    }
    scale = offset = NULL;
    status = spread(im, node, &both[0], v, &scale);
    if (status == INV_OK)
        status = spread(im, node, &both[1], v, &offset);
    if (status == INV_OK)
        status = add_affine(im, node, scale, offset, v, out);
    free(scale);
    free(offset);
done:
    for (size_t i = 0; i < 4; i++)
        free(p[i]);
    return status;
}

/* gamma or beta of groups, one a group or one a channel. */
static inv_status put_groups(importing *im, const json_t *node, const value *in, size_t count,
                             size_t i, size_t groups, const value *at, const char *block)
{
    const size_t channels = at->place.shape.channels;
    const size_t has = is_given(in, count, i) ? inv_onnx_count(&in[i].known) : 0;
    double *numbers = NULL, *all = NULL;
    void *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(take_numbers(im, node, in, count, i, has == channels ? channels : groups, &numbers));
    INV_TRY(inv_calloc(channels, sizeof *all, "parameters", &memory));
    all = memory;
    for (size_t c = 0; c < channels; c++)
        all[c] = has == channels ? numbers[c] : numbers[c / (channels / groups)];
    INV_TRY(put_numbers(im, at, block, all, channels, NULL));
done:
    free(numbers);
    free(memory);
    return status;
}

static inv_status add_groups(importing *im, const json_t *node, const value *in, size_t count,
                             size_t groups, value *out)
{
    inv_status status = INV_OK;
    INV_TRY(add_layer(im, node, "",
                      json_pack("{ss sI sf}", "type", "group_norm", "groups", (json_int_t)groups,
                                "epsilon", inv_onnx_number(node, "epsilon", 1e-5)),
                      &in[0], out));
    INV_TRY(put_groups(im, node, in, count, 1, groups, out, "gamma"));
    INV_TRY(put_groups(im, node, in, count, 2, groups, out, "beta"));
done:
    return status;
}

/* Over each of [1, groups, ...]: images of that many channels, or with their channels in groups, which
 * is how exporters write a group norm. */
static inv_status add_instance_norm(importing *im, const json_t *node, const value *in,
                                    size_t count, value *out)
{
    const value *v = &in[0];
    const inv_shape s = v->place.shape;
    const size_t groups = v->rank > 1 ? v->dims[1] : 0;
    if (groups == 0 || v->dims[0] != 1 || s.channels % groups || !same_order(s, v->order, "chw"))
        return WRONG("is over axes that are not those of an image");
    return add_groups(im, node, in, count, groups, out);
}

static inv_status add_group_norm(importing *im, const json_t *node, const value *in, size_t count,
                                 value *out)
{
    const int64_t groups = inv_onnx_whole(node, "num_groups", 0);
    value all[3];
    if (count < 3 || groups < 1)
        return WRONG("has no groups");
    memcpy(all, in, sizeof all);
    inv_status status = as_image(im, node, &all[0]);
    if (status != INV_OK)
        return status;
    if (all[0].place.shape.channels % (size_t)groups)
        return WRONG("its channels do not divide into %lld groups", (long long)groups);
    return add_groups(im, node, all, 3, (size_t)groups, out);
}

static inv_status put_spread(importing *im, const json_t *node, const value *in, const value *v,
                             size_t count, const value *at, const char *block)
{
    double *numbers = NULL;
    if (!in->is_known)
        return WRONG("its parameters are no constants");
    inv_status status = spread(im, node, &in->known, v, &numbers);
    if (status == INV_OK)
        status = put_numbers(im, at, block, numbers, count, NULL);
    free(numbers);
    return status;
}

/* Over the last axes, from `axis` on: all of the image, or the channels of each pixel. */
static inv_status add_layer_norm(importing *im, const json_t *node, const value *in, size_t count,
                                 value *out)
{
    const value *v = &in[0];
    const bool rms = strcmp(inv_onnx_op(node), "RMSNormalization") == 0;
    const bool beta = is_given(in, count, 2);
    size_t axis = 0, over = 1;
    char axes[4];
    inv_status status = one_output(im, node);
    if (status != INV_OK)
        return status;
    if (!inv_onnx_axis(inv_onnx_whole(node, "axis", -1), v->rank, &axis) || !is_given(in, count, 1))
        return WRONG("has no scale, or is over an axis that is not there");
    for (size_t i = axis; i < v->rank; i++)
        over *= v->dims[i];
    const size_t n = long_axes(v->place.shape, v->order, axes);
    const bool all = over == inv_shape_size(v->place.shape);
    if (!all && !(n > 0 && axes[n - 1] == 'c' && over == v->place.shape.channels))
        return WRONG("is over axes that are not those of an image");
    INV_TRY(add_layer(im, node, "",
                      json_pack("{ss sf sb sb sb sb sb sb}", "type", "layer_norm", "epsilon",
                                inv_onnx_number(node, "epsilon", 1e-5), "over_height", all,
                                "over_width", all, "over_channels", 1, "subtract_mean", !rms,
                                "use_gamma", 1, "use_beta", beta),
                      v, out));
    INV_TRY(put_spread(im, node, &in[1], v, over, out, "gamma"));
    if (beta)
        INV_TRY(put_spread(im, node, &in[2], v, over, out, "beta"));
done:
    return status;
}

/* ---- activations ---- */

/* An operator that is a formula a value: the layer, and up to two of its settings. */
static const struct formula {
    const char *op, *layer;
    struct {
        const char *attribute, *key;
        double usual;
    } settings[2];
} formulas[] = {
    {"Relu", "relu", {{0}}},
    {"Sigmoid", "sigmoid", {{0}}},
    {"Tanh", "tanh", {{0}}},
    {"Softsign", "softsign", {{0}}},
    {"Mish", "mish", {{0}}},
    {"HardSwish", "hard_silu", {{0}}},
    {"Erf", "erf", {{0}}},
    {"Exp", "exponential", {{0}}},
    {"Log", "log", {{0}}},
    {"Sqrt", "sqrt", {{0}}},
    {"Abs", "abs", {{0}}},
    {"LeakyRelu", "leaky_relu", {{"alpha", "alpha", 0.01}}},
    {"Elu", "elu", {{"alpha", "alpha", 1.0}}},
    {"Celu", "celu", {{"alpha", "alpha", 1.0}}},
    {"Selu",
     "selu",
     {{"alpha", "alpha", 1.67326319217681884765625},
      {"gamma", "scale", 1.05070102214813232421875}}},
    {"HardSigmoid", "hard_sigmoid", {{"alpha", "slope", 0.2}, {"beta", "offset", 0.5}}},
    {"Softplus", "softplus", {{"beta", "beta", 1.0}}},
    {"Swish", "silu", {{"alpha", "beta", 1.0}}},
    {"ThresholdedRelu", "threshold", {{"alpha", "threshold", 1.0}}},
};

static inv_status add_formula(importing *im, const json_t *node, const value *in, size_t count,
                              value *out)
{
    const struct formula *f = formulas;
    (void)count;
    while (strcmp(f->op, inv_onnx_op(node)) != 0)
        f++;
    json_t *settings = json_pack("{ss}", "type", f->layer);
    for (size_t i = 0; i < 2; i++) {
        const double usual = f->settings[i].usual;
        if (f->settings[i].key)
            json_object_set_new(settings, f->settings[i].key,
                                json_real(inv_onnx_number(node, f->settings[i].attribute, usual)));
    }
    return add_layer(im, node, "", settings, &in[0], out);
}

static inv_status add_gelu(importing *im, const json_t *node, const value *in, size_t count,
                           value *out)
{
    (void)count;
    return add_layer(im, node, "",
                     json_pack("{ss sb}", "type", "gelu", "approximate",
                               strcmp(inv_onnx_text(node, "approximate", "none"), "tanh") == 0),
                     &in[0], out);
}

/* x between two numbers; a limit that is not there is the largest. */
static inv_status add_limits(importing *im, const json_t *node, double low, double high,
                             const value *in, value *out)
{
    const double most = 3.4028234e38;
    json_t *settings = NULL;
    if (low <= -most && high >= most) {
        *out = *in;
        return INV_OK;
    }
    low = low < -most ? -most : low;
    high = high > most ? most : high;
    if (low >= 0.0 && low <= 0.0 && high >= most)
        settings = json_pack("{ss}", "type", "relu");
    else if (low >= 0.0 && low <= 0.0 && high > 0.0 && high < 1e30)
        settings = json_pack("{ss sf}", "type", "relu", "max_value", high);
    else
        settings = json_pack("{ss sf sf}", "type", "hard_tanh", "low", low, "high", high);
    return add_layer(im, node, "", settings, in, out);
}

static inv_status add_clip(importing *im, const json_t *node, const value *in, size_t count,
                           value *out)
{
    double low = 0.0, high = 0.0;
    inv_status status = one_number(im, node, in, count, 1, "min", -HUGE_VAL, &low);
    if (status == INV_OK)
        status = one_number(im, node, in, count, 2, "max", HUGE_VAL, &high);
    return status == INV_OK ? add_limits(im, node, low, high, &in[0], out) : status;
}

static inv_status add_prelu(importing *im, const json_t *node, const value *in, size_t count,
                            value *out)
{
    const value *v = &in[0];
    const size_t size = inv_shape_size(v->place.shape), channels = v->place.shape.channels;
    double *slopes = NULL;
    inv_status status = INV_OK;
    if (count < 2 || !in[1].is_known)
        return WRONG("its slopes are no constants");
    INV_TRY(spread(im, node, &in[1].known, v, &slopes));
    const bool one = repeats(slopes, size, 1), few = repeats(slopes, size, channels);
    INV_TRY(add_layer(im, node, "",
                      json_pack("{ss sb sb sb}", "type", "prelu", "share_height", few,
                                "share_width", few, "share_channels", one),
                      v, out));
    INV_TRY(put_numbers(im, out, "alpha", slopes, one ? 1 : few ? channels : size, NULL));
done:
    free(slopes);
    return status;
}

static inv_status add_shrink(importing *im, const json_t *node, const value *in, size_t count,
                             value *out)
{
    const double lambda = inv_onnx_number(node, "lambd", 0.5);
    const double bias = inv_onnx_number(node, "bias", 0.0);
    const bool soft = fabs(bias - lambda) < 1e-12;
    (void)count;
    if (!soft && fabs(bias) > 0.0)
        return WRONG("with a bias other than lambd is not known");
    return add_layer(
        im, node, "",
        json_pack("{ss sf}", "type", soft ? "soft_shrink" : "hard_shrink", "lambda", lambda),
        &in[0], out);
}

/* Before opset 13 over all axes from `axis` on, then over that one. */
static inv_status add_softmax(importing *im, const json_t *node, const value *in, size_t count,
                              value *out)
{
    const bool is_old = im->graph.opset < 13;
    const bool is_log = strcmp(inv_onnx_op(node), "LogSoftmax") == 0;
    size_t axis = 0, over = 1;
    value v = in[0];
    (void)count;
    if (!inv_onnx_axis(inv_onnx_whole(node, "axis", is_old ? 1 : -1), v.rank, &axis))
        return WRONG("is over an axis that is not there");
    for (size_t i = axis; i < (is_old ? v.rank : axis + 1); i++)
        over *= v.dims[i];
    if (over != inv_shape_size(v.place.shape))
        return WRONG("of images, or along another axis than the classes, is not known");
    inv_status status = as_vector(im, node, &v);
    return status == INV_OK
               ? add_layer(im, node, "",
                           json_pack("{ss}", "type", is_log ? "log_softmax" : "softmax"), &v, out)
               : status;
}

static inv_status add_dropout(importing *im, const json_t *node, const value *in, size_t count,
                              value *out)
{
    double training = 0.0;
    inv_status status = one_number(im, node, in, count, 2, "training_mode", 0.0, &training);
    if (status != INV_OK)
        return status;
    if (fabs(training) > 0.0)
        return WRONG("drops values at random (training_mode): export the net in inference mode "
                     "(eval)");
    *out = in[0];
    return one_output(im, node);
}

/* ---- arithmetic ---- */

/* A constant with an image. */
static inv_status add_constant(importing *im, const json_t *node, const value *v,
                               const value *constant, bool constant_first, value *out)
{
    const char *op = inv_onnx_op(node);
    const size_t size = inv_shape_size(v->place.shape);
    double *number = NULL, *scale = NULL, *offset = NULL;
    void *memory = NULL, *more = NULL;
    inv_status status = INV_OK;
    value wide = *v; /* a constant of more axes, all of 1 before the image's */
    while (wide.rank < constant->known.rank && wide.rank < RANK) {
        memmove(wide.dims + 1, wide.dims, wide.rank * sizeof *wide.dims);
        wide.dims[0] = 1;
        wide.rank++;
    }
    INV_TRY(spread(im, node, &constant->known, &wide, &number));
    INV_TRY(inv_calloc(size, sizeof *scale, "constants", &memory));
    INV_TRY(inv_calloc(size, sizeof *offset, "constants", &more));
    scale = memory;
    offset = more;
    if (strcmp(op, "Max") == 0 || strcmp(op, "Min") == 0) {
        if (!repeats(number, size, 1))
            INV_RAISE(WRONG("with more than one number is not known"));
        const bool low = op[1] == 'a';
        INV_RAISE(add_limits(im, node, low ? number[0] : -HUGE_VAL, low ? HUGE_VAL : number[0],
                             &wide, out));
    }
    if (strcmp(op, "Pow") == 0) {
        const bool square = is_all(number, size, 2.0), root = is_all(number, size, 0.5);
        if (constant_first || (!square && !root))
            INV_RAISE(WRONG("other than a square or a root is not known"));
        INV_RAISE(add_layer(im, node, "", json_pack("{ss}", "type", square ? "square" : "sqrt"),
                            &wide, out));
    }
    if (strcmp(op, "Div") == 0 && constant_first)
        INV_RAISE(WRONG("of a constant by values is not known"));
    for (size_t i = 0; i < size; i++) {
        scale[i] = op[0] == 'M' ? number[i] : op[0] == 'D' ? 1.0 / number[i] : 1.0;
        offset[i] = op[0] == 'A' || (op[0] == 'S' && op[2] == 'm') ? number[i] : 0.0;
        if (strcmp(op, "Sub") == 0) {
            scale[i] = constant_first ? -1.0 : 1.0;
            offset[i] = constant_first ? number[i] : -number[i];
        }
    }
    INV_TRY(add_affine(im, node, scale, offset, &wide, out));
done:
    free(number);
    free(memory);
    free(more);
    return status;
}

/* Axes alike, so that images can be joined value by value or side by side: as they are, where all are
 * laid alike, else turned. *layout is what they then are. */
static inv_status lay_alike(importing *im, const json_t *node, value *v, size_t count,
                            const char **layout)
{
    for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++) {
        size_t good = 0;
        while (good < count && is_laid(&v[good], layouts[k]))
            good++;
        *layout = layouts[k];
        if (good == count)
            return INV_OK;
    }
    *layout = v[0].rank == 2 ? "c" : "chw";
    for (size_t i = 0; i < count; i++) {
        inv_status status = v[0].rank == 2 ? as_vector(im, node, &v[i]) : as_image(im, node, &v[i]);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

/* The same number of axes, those that are missing before the others, of size 1. */
static bool level(value *v, size_t count)
{
    size_t rank = 0;
    for (size_t i = 0; i < count; i++)
        rank = v[i].rank > rank ? v[i].rank : rank;
    for (size_t i = 0; i < count; i++)
        while (v[i].rank < rank) {
            memmove(v[i].dims + 1, v[i].dims, v[i].rank * sizeof *v[i].dims);
            v[i].dims[0] = 1;
            v[i].rank++;
        }
    return rank > 0;
}

static bool same_dims(const value *a, const value *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

static inv_status join(importing *im, const json_t *node, json_t *settings, const value *v,
                       size_t count, value *out)
{
    inv_place places[INPUTS_MAX];
    char name[INV_NAME_MAX];
    const value first = v[0];
    for (size_t i = 0; i < count; i++)
        places[i] = v[i].place;
    name_of(node, "", name);
    *out = first;
    out->bias = NULL;
    return inv_sketch_add(im->sketch, name, "", settings, places, count, &out->place);
}

static inv_status join_values(importing *im, const json_t *node, const char *type, value *v,
                              size_t count, value *out)
{
    const char *layout = NULL;
    bool alike = level(v, count);
    inv_status status = INV_OK;
    for (size_t i = 1; i < count; i++)
        alike = alike && same_dims(&v[0], &v[i]);
    for (size_t i = 1; alike && i < count; i++)
        INV_TRY(rearrange(im, node, v[0].place.shape, v[0].order, &v[i]));
    if (!alike)
        INV_TRY(lay_alike(im, node, v, count, &layout));
    INV_TRY(join(im, node, json_pack("{ss}", "type", type), v, count, out));
    for (size_t i = 1; i < count; i++)
        for (size_t k = 0; k < out->rank; k++)
            out->dims[k] = v[i].dims[k] > out->dims[k] ? v[i].dims[k] : out->dims[k];
done:
    return status;
}

static const char *const joins[][2] = {
    {"Add", "add"},     {"Sub", "subtract"}, {"Mul", "multiply"}, {"Div", "divide"},
    {"Max", "maximum"}, {"Min", "minimum"},  {"Mean", "average"}, {"Sum", "add"}};

static inv_status add_arithmetic(importing *im, const json_t *node, const value *in, size_t count,
                                 value *out)
{
    const char *op = inv_onnx_op(node), *type = NULL;
    value v[INPUTS_MAX];
    if (count == 1) {
        *out = in[0];
        return INV_OK;
    }
    if (count == 2 && in[0].is_known != in[1].is_known && strcmp(op, "Mean") != 0)
        return add_constant(im, node, &in[!in[1].is_known], &in[in[1].is_known], in[0].is_known,
                            out);
    for (size_t i = 0; i < count; i++) {
        if (!in[i].is_there || in[i].is_known)
            return WRONG("of these inputs is not known");
        v[i] = in[i];
    }
    if (count == 2 && strcmp(inv_onnx_input(node, 0), inv_onnx_input(node, 1)) == 0) {
        if (strcmp(op, "Mul") != 0 && strcmp(op, "Add") != 0)
            return WRONG("of a value with itself is not known");
        return add_layer(im, node, "",
                         op[0] == 'M' ? json_pack("{ss}", "type", "square")
                                      : json_pack("{ss sf}", "type", "rescale", "scale", 2.0),
                         &in[0], out);
    }
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++)
        type = strcmp(joins[i][0], op) == 0 ? joins[i][1] : type;
    return type ? join_values(im, node, type, v, count, out)
                : WRONG("of values by values is not known");
}

static inv_status add_concat(importing *im, const json_t *node, const value *in, size_t count,
                             value *out)
{
    value v[INPUTS_MAX];
    const char *layout = NULL;
    size_t axis = 0, sum = 0;
    inv_status status = INV_OK;
    for (size_t i = 0; i < count; i++) {
        if (!in[i].is_there || in[i].is_known || in[i].rank != in[0].rank)
            return WRONG("of constants with values is not known");
        v[i] = in[i];
    }
    if (!inv_onnx_axis(inv_onnx_whole(node, "axis", 1), in[0].rank, &axis))
        return WRONG("is along an axis that is not there");
    if (count == 1) {
        *out = in[0];
        return INV_OK;
    }
    INV_TRY(lay_alike(im, node, v, count, &layout));
    if (axis == 0)
        INV_RAISE(WRONG("puts images together into a batch, which is not known"));
    const char at = layout[axis - 1];
    INV_TRY(join(im, node,
                 json_pack("{ss ss}", "type", "concat", "axis",
                           at == 'h'   ? "height"
                           : at == 'w' ? "width"
                                       : "channels"),
                 v, count, out));
    for (size_t i = 0; i < count; i++)
        sum += v[i].dims[axis];
    out->dims[axis] = sum;
done:
    return status;
}

static inv_status add_negative(importing *im, const json_t *node, const value *in, size_t count,
                               value *out)
{
    (void)count;
    return add_layer(im, node, "", json_pack("{ss sf}", "type", "rescale", "scale", -1.0), &in[0],
                     out);
}

/* ---- scikit-learn's ---- */

/* A list of numbers in an attribute as a constant. */
static inv_status listed(importing *im, const json_t *node, const char *name, size_t rows,
                         inv_onnx_tensor *out)
{
    const json_t *list = inv_onnx_attribute(node, name);
    const size_t count = json_array_size(list);
    double *numbers = NULL;
    if (count == 0 || rows == 0 || count % rows)
        return WRONG("its %s do not fit", name);
    const size_t dims[2] = {rows, count / rows};
    inv_status status = inv_onnx_make(im->sketch, dims, 2, false, &numbers, out);
    for (size_t i = 0; status == INV_OK && i < count; i++)
        numbers[i] = json_number_value(json_array_get(list, i));
    return status;
}

/* (x - offset) scale */
static inv_status add_scaler(importing *im, const json_t *node, const value *in, size_t count,
                             value *out)
{
    const size_t size = inv_shape_size(in[0].place.shape);
    inv_onnx_tensor tensor = {0};
    double *scale = NULL, *offset = NULL;
    inv_status status = INV_OK;
    (void)count;
    INV_TRY(listed(im, node, "scale", 1, &tensor));
    INV_TRY(spread(im, node, &tensor, &in[0], &scale));
    INV_TRY(listed(im, node, "offset", 1, &tensor));
    INV_TRY(spread(im, node, &tensor, &in[0], &offset));
    for (size_t i = 0; i < size; i++)
        offset[i] *= -scale[i];
    INV_TRY(add_affine(im, node, scale, offset, &in[0], out));
done:
    free(scale);
    free(offset);
    return status;
}

/* The scores, its second output. */
static inv_status add_linear_classifier(importing *im, const json_t *node, const value *in,
                                        size_t count, value *out)
{
    const char *behind = inv_onnx_text(node, "post_transform", "NONE");
    const size_t classes = json_array_size(inv_onnx_attribute(node, "intercepts"));
    inv_onnx_tensor weights = {0}, bias = {0};
    double *numbers = NULL;
    inv_status status = INV_OK;
    (void)count;
    if (classes < 2)
        return WRONG("of two classes with one score is not known");
    INV_TRY(listed(im, node, "coefficients", classes, &weights));
    INV_TRY(listed(im, node, "intercepts", 1, &bias));
    INV_TRY(inv_onnx_values(&bias, &numbers));
    INV_TRY(add_dense(im, node, &weights, true, 1.0, &in[0], out));
    for (size_t i = 0; i < classes; i++)
        out->bias[i] = (float)numbers[i];
    out->rank = 2;
    out->dims[0] = 1;
    out->dims[1] = classes;
    if (strcmp(behind, "SOFTMAX") == 0 || strcmp(behind, "LOGISTIC") == 0)
        INV_TRY(add_layer(im, node, ".act",
                          json_pack("{ss}", "type", behind[0] == 'S' ? "softmax" : "sigmoid"), out,
                          out));
    else if (strcmp(behind, "NONE") != 0)
        INV_RAISE(WRONG("post_transform %.40s is not known", behind));
done:
    free(numbers);
    return status;
}

/* Probabilities over their sum: of positive numbers, which these are. */
static inv_status add_normalizer(importing *im, const json_t *node, const value *in, size_t count,
                                 value *out)
{
    const json_t *maker = inv_onnx_maker(&im->graph, inv_onnx_input(node, 0));
    value both[2] = {in[0], {0}};
    inv_onnx_tensor ones = {0};
    double *numbers = NULL;
    const size_t dims[2] = {inv_shape_size(in[0].place.shape), 1};
    inv_status status = INV_OK;
    (void)count;
    const char *behind = maker ? inv_onnx_text(maker, "post_transform", "") : "";
    *out = in[0];
    if (strcmp(inv_onnx_text(node, "norm", "MAX"), "L1") != 0 ||
        (strcmp(behind, "SOFTMAX") != 0 && strcmp(behind, "LOGISTIC") != 0))
        return WRONG("other than of probabilities, by their sum, is not known");
    if (strcmp(behind, "SOFTMAX") == 0)
        return INV_OK;
    INV_TRY(inv_onnx_make(im->sketch, dims, 2, false, &numbers, &ones));
    for (size_t i = 0; i < dims[0]; i++)
        numbers[i] = 1.0;
    INV_TRY(add_dense(im, node, &ones, false, 1.0, &in[0], &both[1]));
    both[1].dims[both[1].rank - 1] = 1;
    INV_TRY(join_values(im, node, "divide", both, 2, out));
done:
    return status;
}

/* ---- the table ---- */

static const operator_type operators[] = {
    {"Conv", add_conv},
    {"ConvTranspose", add_conv_transpose},
    {"Gemm", add_gemm},
    {"MatMul", add_matmul},
    {"MaxPool", add_pool},
    {"AveragePool", add_pool},
    {"GlobalAveragePool", add_global_pool},
    {"GlobalMaxPool", add_global_pool},
    {"ReduceMean", add_reduce},
    {"ReduceMax", add_reduce},
    {"BatchNormalization", add_batch_norm},
    {"InstanceNormalization", add_instance_norm},
    {"GroupNormalization", add_group_norm},
    {"LayerNormalization", add_layer_norm},
    {"RMSNormalization", add_layer_norm},
    {"Gelu", add_gelu},
    {"Clip", add_clip},
    {"PRelu", add_prelu},
    {"Shrink", add_shrink},
    {"Softmax", add_softmax},
    {"LogSoftmax", add_softmax},
    {"Dropout", add_dropout},
    {"Identity", add_nothing},
    {"Cast", add_nothing},
    {"CastLike", add_nothing},
    {"Reshape", add_shape},
    {"Squeeze", add_shape},
    {"Unsqueeze", add_shape},
    {"Flatten", add_flatten},
    {"Transpose", add_transpose},
    {"Pad", add_pad},
    {"Resize", add_resize},
    {"Upsample", add_resize},
    {"Concat", add_concat},
    {"Neg", add_negative},
    {"Add", add_arithmetic},
    {"Sub", add_arithmetic},
    {"Mul", add_arithmetic},
    {"Div", add_arithmetic},
    {"Pow", add_arithmetic},
    {"Sum", add_arithmetic},
    {"Mean", add_arithmetic},
    {"Max", add_arithmetic},
    {"Min", add_arithmetic},
};

/* Of the domain ai.onnx.ml. */
static const operator_type ml_operators[] = {{"Scaler", add_scaler},
                                             {"LinearClassifier", add_linear_classifier},
                                             {"Normalizer", add_normalizer},
                                             {"ZipMap", add_nothing}};

static bool find_operator(const char *op, bool ml, operator_type *out)
{
    const operator_type *list = ml ? ml_operators : operators;
    const size_t count =
        ml ? sizeof ml_operators / sizeof *ml_operators : sizeof operators / sizeof *operators;
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].op, op) == 0) {
            *out = list[i];
            return true;
        }
    for (size_t i = 0; !ml && i < sizeof formulas / sizeof *formulas; i++)
        if (strcmp(formulas[i].op, op) == 0) {
            *out = (operator_type){op, add_formula};
            return true;
        }
    return false;
}

/* Why an operator is not taken. */
static inv_status unknown(importing *im, const json_t *node)
{
    const char *op = inv_onnx_op(node);
    if (strncmp(op, "QLinear", 7) == 0 || strstr(op, "uantize") || strstr(op, "Integer"))
        return WRONG("a quantised net; export it before it is quantised");
    if (strcmp(op, "If") == 0 || strcmp(op, "Loop") == 0 || strcmp(op, "Scan") == 0)
        return WRONG("graphs within the graph are not known");
    return WRONG(
        "this operator is not known: a net here is of layers as dense, convolution, pooling");
}

/* ---- what nodes take ---- */

/* What is known before any node is looked at: an initializer, or a Constant. */
static inv_status constant_value(importing *im, const char *name, value *out)
{
    const json_t *number = json_object_get(im->graph.known, name);
    *out = (value){0};
    if (!number)
        return INV_OK;
    out->is_there = out->is_known = true;
    return inv_onnx_tensor_at(&im->graph, im->sketch, (size_t)json_integer_value(number),
                              &out->known);
}

/* value, value_float, value_ints ... of a Constant. */
static inv_status read_constant(importing *im, const json_t *node, value *out)
{
    static const char *const keys[] = {"value_float", "value_int", "value_floats", "value_ints"};
    const json_t *number = json_object_get(inv_onnx_attribute(node, "value"), "tensor");
    double *values = NULL;
    out->is_known = true;
    if (number)
        return inv_onnx_tensor_at(&im->graph, im->sketch, (size_t)json_integer_value(number),
                                  &out->known);
    for (size_t i = 0; i < 4; i++) {
        const json_t *found = inv_onnx_attribute(node, keys[i]);
        const size_t count = json_is_array(found) ? json_array_size(found) : 1;
        if (!found)
            continue;
        inv_status status =
            inv_onnx_make(im->sketch, &count, i / 2, i % 2 != 0, &values, &out->known);
        for (size_t k = 0; status == INV_OK && k < count; k++)
            values[k] = json_number_value(json_is_array(found) ? json_array_get(found, k) : found);
        return status;
    }
    return WRONG("of a kind that is not known");
}

/* The number of the node that makes a value; the number of nodes where none does. */
static size_t maker_of(const importing *im, const char *name)
{
    const json_t *number = json_object_get(im->graph.makers, name);
    return number ? (size_t)json_integer_value(number) : json_array_size(im->graph.nodes);
}

/* The output that is of use. */
static size_t main_output(const json_t *node)
{
    return strcmp(inv_onnx_op(node), "LinearClassifier") == 0;
}

static inv_status find_value(importing *im, const json_t *node, const char *name, value *out)
{
    const size_t maker = maker_of(im, name);
    *out = (value){0};
    if (!*name)
        return INV_OK;
    if (strcmp(name, im->input) == 0) {
        *out = im->image;
        return INV_OK;
    }
    if (json_object_get(im->graph.known, name))
        return constant_value(im, name, out);
    if (maker == json_array_size(im->graph.nodes))
        return WRONG("takes '%.100s', which nothing makes", name);
    const json_t *from = json_array_get(im->graph.nodes, maker);
    if (strcmp(inv_onnx_output(from, main_output(from)), name) != 0)
        return inv_onnx_wrong(&im->graph, from, "its other output '%.100s' is not known", name);
    *out = im->values[maker];
    return INV_OK;
}

/* ---- what exporters write in several nodes ---- */

static bool comes_from(const importing *im, const char *name, const char *op, const json_t **node)
{
    *node = inv_onnx_maker(&im->graph, name);
    return *node && strcmp(inv_onnx_op(*node), op) == 0;
}

static void become(json_t *node, const char *op, const char *input)
{
    json_object_set_new(node, "op", json_string(op));
    json_object_set_new(node, "in", json_pack("[s]", input));
}

/* x sigmoid(x) */
static void find_swish(const importing *im, json_t *node)
{
    for (size_t i = 0; i < 2; i++) {
        const char *other = inv_onnx_input(node, !i);
        const json_t *sigmoid = NULL;
        if (comes_from(im, inv_onnx_input(node, i), "Sigmoid", &sigmoid) &&
            strcmp(inv_onnx_input(sigmoid, 0), other) == 0) {
            become(node, "Swish", other);
            return;
        }
    }
}

/* Where(Greater(b x, threshold), x, Softplus(b x) / b): PyTorch's Softplus, which leaves large values
 * as they are; so does the formula, to all digits of a float. */
static inv_status find_softplus(importing *im, json_t *node)
{
    const json_t *greater = NULL, *divide = NULL, *softplus = NULL, *times = NULL;
    const char *x = inv_onnx_input(node, 1);
    value beta;
    double *number = NULL;
    if (!comes_from(im, inv_onnx_input(node, 0), "Greater", &greater) ||
        !comes_from(im, inv_onnx_input(node, 2), "Div", &divide) ||
        !comes_from(im, inv_onnx_input(divide, 0), "Softplus", &softplus) ||
        !comes_from(im, inv_onnx_input(softplus, 0), "Mul", &times) ||
        strcmp(inv_onnx_input(greater, 0), inv_onnx_input(softplus, 0)) != 0 ||
        strcmp(inv_onnx_input(times, 0), x) != 0 ||
        strcmp(inv_onnx_input(times, 1), inv_onnx_input(divide, 1)) != 0)
        return INV_OK;
    inv_status status = constant_value(im, inv_onnx_input(times, 1), &beta);
    if (status != INV_OK || !beta.is_known || inv_onnx_count(&beta.known) != 1)
        return status;
    status = inv_onnx_values(&beta.known, &number);
    if (status == INV_OK) {
        json_object_set_new(node, "attributes", json_pack("{sf}", "beta", number[0]));
        become(node, "Softplus", x);
    }
    free(number);
    return status;
}

static inv_status simplify(importing *im, json_t *node)
{
    if (strcmp(inv_onnx_op(node), "Mul") == 0)
        find_swish(im, node);
    return strcmp(inv_onnx_op(node), "Where") == 0 ? find_softplus(im, node) : INV_OK;
}

/* ---- nodes ---- */

static inv_status add_sizes(importing *im, const json_t *node, const value *in, value *out)
{
    const size_t rank = in->is_known ? in->known.rank : in->rank;
    const size_t *dims = in->is_known ? in->known.dims : in->dims;
    const int64_t from = inv_onnx_whole(node, "start", 0), to = inv_onnx_whole(node, "end", RANK);
    const int64_t n = (int64_t)rank;
    int64_t start = from < 0 ? from + n : from, end = to < 0 ? to + n : to;
    double *values = NULL;
    start = start < 0 ? 0 : start > n ? n : start;
    end = end < start ? start : end > n ? n : end;
    const size_t count = (size_t)(end - start);
    out->is_known = true;
    inv_status status = inv_onnx_make(im->sketch, &count, 1, true, &values, &out->known);
    for (size_t i = 0; status == INV_OK && i < count; i++)
        values[i] = (double)dims[(size_t)start + i];
    return status;
}

static inv_status fold(importing *im, const json_t *node, const value *in, size_t count, value *out)
{
    inv_onnx_tensor tensors[INPUTS_MAX];
    for (size_t i = 0; i < count; i++)
        tensors[i] = in[i].known;
    out->is_known = true;
    return inv_onnx_fold(&im->graph, im->sketch, node, tensors, count, &out->known);
}

static bool has_graph(const json_t *node)
{
    const char *name = NULL;
    json_t *attribute = NULL;
    json_object_foreach(json_object_get(node, "attributes"), name, attribute)
    {
        if (json_object_get(attribute, "graph"))
            return true;
    }
    return false;
}

static inv_status add_known(importing *im, const json_t *node, const value *in, size_t count,
                            value *out, bool *done)
{
    const char *op = inv_onnx_op(node);
    bool all = count > 0;
    *done = true;
    if (strcmp(op, "Constant") == 0)
        return read_constant(im, node, out);
    if (strcmp(op, "Shape") == 0 && count == 1)
        return add_sizes(im, node, &in[0], out);
    for (size_t i = 0; i < count; i++)
        all = all && (in[i].is_known || !in[i].is_there);
    if (all && inv_onnx_folds(op))
        return fold(im, node, in, count, out);
    *done = false;
    return INV_OK;
}

static inv_status add_node(importing *im, size_t number)
{
    const json_t *node = json_array_get(im->graph.nodes, number);
    const char *domain = json_string_value(json_object_get(node, "domain"));
    const bool ml = domain && strcmp(domain, "ai.onnx.ml") == 0;
    const size_t count = inv_onnx_input_count(node);
    value in[INPUTS_MAX], *out = &im->values[number];
    operator_type type;
    bool done = false;
    if (domain && *domain && !ml && strcmp(domain, "ai.onnx") != 0)
        return WRONG("an operator of the domain %.60s is not known", domain);
    if ((ml ? im->graph.ml_opset : im->graph.opset) < 1)
        return WRONG("the file does not say of which opset it is, as if it were cut short");
    if (has_graph(node) || count > INPUTS_MAX)
        return count > INPUTS_MAX ? WRONG("has more than %d inputs", INPUTS_MAX)
                                  : WRONG("graphs within the graph are not known");
    for (size_t i = 0; i < count; i++) {
        inv_status status = find_value(im, node, inv_onnx_input(node, i), &in[i]);
        if (status != INV_OK)
            return status;
    }
    inv_status status = ml ? INV_OK : add_known(im, node, in, count, out, &done);
    out->is_there = true;
    if (status != INV_OK || done)
        return status;
    if (!find_operator(inv_onnx_op(node), ml, &type))
        return unknown(im, node);
    if (count == 0 || !in[0].is_there || (count == 1 && in[0].is_known))
        return WRONG("has no input");
    if (in[0].is_known && type.add != add_arithmetic && type.add != add_matmul)
        return WRONG("of a constant is not known");
    status = type.add(im, node, in, count, out);
    out->is_there = true;
    if (json_integer_value(
            json_object_get(im->graph.uses, inv_onnx_output(node, main_output(node)))) > 1)
        out->bias = NULL;
    return status;
}

/* The next node that must be there before this one; the number of nodes where all are. */
static inv_status find_missing(importing *im, size_t number, size_t *out)
{
    const json_t *node = json_array_get(im->graph.nodes, number);
    const size_t none = json_array_size(im->graph.nodes);
    *out = none;
    for (size_t i = 0; i < inv_onnx_input_count(node); i++) {
        const char *name = inv_onnx_input(node, i);
        const size_t maker = *name ? maker_of(im, name) : none;
        if (maker == none || im->states[maker] == DONE)
            continue;
        if (im->states[maker] == OPEN)
            return WRONG("takes what comes of itself");
        *out = maker;
        return INV_OK;
    }
    return INV_OK;
}

/* All nodes that the last one needs, each behind those that it needs. */
static inv_status add_nodes(importing *im, size_t last)
{
    const size_t none = json_array_size(im->graph.nodes);
    size_t depth = 0, missing = 0, *stack = NULL;
    void *memory = NULL;
    inv_status status = inv_calloc(none, sizeof *stack, "nodes", &memory);
    if (status != INV_OK)
        return status;
    stack = memory;
    stack[depth++] = last;
    while (depth > 0) {
        const size_t number = stack[depth - 1];
        if (im->states[number] == 0)
            INV_TRY(simplify(im, json_array_get(im->graph.nodes, number)));
        im->states[number] = OPEN;
        INV_TRY(find_missing(im, number, &missing));
        if (missing != none) {
            stack[depth++] = missing;
            continue;
        }
        INV_TRY(add_node(im, number));
        im->states[number] = DONE;
        depth--;
    }
done:
    free(memory);
    return status;
}

/* ---- the input ---- */

/* The only one that is no initializer. */
static inv_status find_input(importing *im, const json_t **out)
{
    const char *file = inv_tree_name(im->graph.tree);
    char names[256] = "";
    size_t i = 0, found = 0;
    json_t *input;
    json_array_foreach(json_object_get(im->graph.root, "inputs"), i, input)
    {
        const char *name = json_string_value(json_object_get(input, "name"));
        if (!name || json_object_get(im->graph.known, name))
            continue;
        if (found++ == 0)
            *out = input;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.60s",
                 found > 1 ? ", " : "", name);
    }
    if (found == 1)
        return INV_OK;
    if (found == 0)
        return INV_ERROR(INV_EFORMAT, "%s: its graph has no input", file);
    return INV_ERROR(INV_EFORMAT, "%s: takes %zu inputs (%s); a net here takes one image", file,
                     found, names);
}

static bool is_few(size_t channels)
{
    return channels >= 1 && channels <= 4;
}

/* Whether a node that takes the input says that channels come last: one that turns them to the front. */
static bool is_turned_first(const importing *im)
{
    size_t i = 0;
    json_t *node;
    json_array_foreach(im->graph.nodes, i, node)
    {
        if (strcmp(inv_onnx_op(node), "Transpose") == 0 &&
            strcmp(inv_onnx_input(node, 0), im->input) == 0)
            return inv_onnx_whole_at(node, "perm", 1, 0) == 3;
    }
    return false;
}

static bool channels_are_last(const importing *im, const inv_import *how, const size_t d[3])
{
    if (how->channels_first || is_few(d[0]) != is_few(d[2]))
        return !how->channels_first && !is_few(d[0]);
    return is_turned_first(im);
}

/* The sizes of one image in the file, without the batch. */
static void describe(importing *im, const inv_import *how, const size_t *d, size_t rank)
{
    inv_model *model = im->model;
    value *v = &im->image;
    size_t size = 1;
    for (size_t i = 0; i < rank; i++)
        size *= d[i];
    const size_t side = (size_t)lround(sqrt((double)size));
    memcpy(v->order, axes_here, sizeof v->order);
    if (rank == 3 && !channels_are_last(im, how, d)) {
        v->place.shape = (inv_shape){d[1], d[2], d[0]};
        memcpy(v->order, "chw", sizeof v->order);
        model->channels_first = true;
    } else if (rank == 3)
        v->place.shape = (inv_shape){d[0], d[1], d[2]};
    else if (rank == 2)
        v->place.shape = (inv_shape){d[0], d[1], 1};
    else
        v->place.shape = side * side == size ? (inv_shape){side, side, 1} : (inv_shape){1, 1, size};
    model->input_rank = rank;
    memcpy(model->input_dims, d, rank * sizeof *d);
}

/* Whether the first size is that of the batch: it is, but in files that were made for one image. */
static bool has_batch(const json_t *dims)
{
    const size_t rank = json_array_size(dims);
    const json_int_t first = json_integer_value(json_array_get(dims, 0));
    if (rank == 4 || !json_is_integer(json_array_get(dims, 0)))
        return true;
    if (rank == 2)
        return first != json_integer_value(json_array_get(dims, 1)) || first == 1;
    return rank == 3 && !is_few((size_t)first) &&
           !is_few((size_t)json_integer_value(json_array_get(dims, 2)));
}

static inv_status read_input(importing *im, const inv_import *how)
{
    const char *file = inv_tree_name(im->graph.tree);
    const json_t *input = NULL;
    size_t d[4], rank = 0;
    inv_status status = find_input(im, &input);
    if (status != INV_OK)
        return status;
    const json_t *dims = json_object_get(input, "dims");
    value *v = &im->image;
    im->input = json_string_value(json_object_get(input, "name"));
    v->rank = json_array_size(dims);
    if (v->rank == 0 || v->rank > 4)
        return INV_ERROR(INV_EFORMAT, "%s: its input '%.60s' is no image: %zu sizes", file,
                         im->input, v->rank);
    const bool batch = has_batch(dims);
    for (size_t i = 0; i < v->rank; i++) {
        const json_int_t n = json_integer_value(json_array_get(dims, i));
        if ((n < 1 || n > 1 << 24) && !(i == 0 && batch && n < 1))
            return INV_ERROR(INV_EFORMAT,
                             "%s: size %zu of its input '%.60s' is not fixed, or too large; export "
                             "the net for images of one size",
                             file, i + 1, im->input);
        v->dims[i] = n < 1 ? 1 : (size_t)n;
        if (i > 0 || !batch)
            d[rank++] = v->dims[i];
    }
    im->batch = batch ? v->dims[0] : 1;
    if (batch)
        v->dims[0] = 1;
    if (rank == 0)
        d[rank++] = 1;
    v->is_there = true;
    describe(im, how, d, rank);
    if (inv_shape_size(v->place.shape) > (size_t)1 << 24)
        return INV_ERROR(INV_EFORMAT, "%s: images of more than %d values", file, 1 << 24);
    v->place = inv_sketch_input(im->sketch, v->place.shape);
    return INV_OK;
}

/* ---- the output ---- */

/* A classifier's label: whole numbers or texts. */
static bool is_label(const json_t *output)
{
    const json_int_t type = json_integer_value(json_object_get(output, "type"));
    return type == 6 || type == 7 || type == 8;
}

/* The only output but labels and what others are made of. */
static inv_status find_output(importing *im, size_t *out)
{
    const char *file = inv_tree_name(im->graph.tree);
    char names[256] = "";
    size_t i = 0, found = 0;
    json_t *output;
    json_array_foreach(json_object_get(im->graph.root, "outputs"), i, output)
    {
        const char *name = json_string_value(json_object_get(output, "name"));
        const size_t maker = name ? maker_of(im, name) : json_array_size(im->graph.nodes);
        if (!name || is_label(output) || (found && maker == *out))
            continue;
        if (json_object_get(im->graph.uses, name) &&
            json_array_size(json_object_get(im->graph.root, "outputs")) > 1) {
            const json_t *node = json_array_get(im->graph.nodes, maker);
            bool has_others = false; /* that are no labels and not made of this one */
            size_t k = 0;
            json_t *other;
            json_array_foreach(json_object_get(im->graph.root, "outputs"), k, other) has_others =
                has_others || (other != output && !is_label(other));
            if (node && has_others)
                continue;
        }
        if (maker == json_array_size(im->graph.nodes))
            return INV_ERROR(INV_EFORMAT, "%s: its output '%.60s' is made by no node", file, name);
        *out = maker;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.60s",
                 found++ ? ", " : "", name);
    }
    if (found == 1)
        return INV_OK;
    return found ? INV_ERROR(INV_EFORMAT, "%s: gives %zu outputs (%s); a net here has one", file,
                             found, names)
                 : INV_ERROR(INV_EFORMAT, "%s: its graph has no output of numbers", file);
}

static inv_status check_graph(const importing *im)
{
    const json_t *root = im->graph.root;
    const char *file = inv_tree_name(im->graph.tree);
    if (json_integer_value(json_object_get(root, "functions")) > 0)
        return INV_ERROR(INV_EFORMAT,
                         "%s: holds functions of its own, which are not known; export it with "
                         "them put in place",
                         file);
    if (json_integer_value(json_object_get(root, "sparse")) > 0)
        return INV_ERROR(INV_EFORMAT, "%s: holds sparse tensors, which are not known", file);
    return INV_OK;
}

inv_status inv_onnx_import(const inv_tree *tree, const inv_import *how, inv_model *model,
                           inv_sketch *sketch)
{
    importing im = {.model = model, .sketch = sketch};
    void *values = NULL, *states = NULL;
    size_t last = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_onnx_open(tree, &im.graph));
    const size_t count = json_array_size(im.graph.nodes);
    INV_TRY(check_graph(&im));
    INV_TRY(read_input(&im, how));
    INV_TRY(find_output(&im, &last));
    INV_TRY(inv_calloc(count, sizeof *im.values, "nodes", &values));
    INV_TRY(inv_calloc(count, sizeof *im.states, "nodes", &states));
    im.values = values;
    im.states = states;
    INV_TRY(add_nodes(&im, last));
    value *end = &im.values[last];
    const json_t *node = json_array_get(im.graph.nodes, last);
    if (end->is_known)
        INV_RAISE(inv_onnx_wrong(&im.graph, node, "gives the same whatever the image"));
    INV_TRY(as_vector(&im, node, end));
    const char *producer = json_string_value(json_object_get(im.graph.root, "producer"));
    const char *version = json_string_value(json_object_get(im.graph.root, "version"));
    snprintf(model->version, sizeof model->version, "%.40s%s%.20s", producer ? producer : "",
             version && *version ? " " : "", version ? version : "");
    INV_TRY(inv_sketch_build(sketch, &end->place, &model->net));
done:
    free(values);
    free(states);
    inv_onnx_close(&im.graph);
    return status;
}

/* NOLINTEND(clang-analyzer-core.*) */
