/* Layers that join several inputs x_0, x_1, ... into one, value by value:
 *
 *     add        y = x_0 + x_1 + ...              dx_k = dy
 *     subtract   y = x_0 - x_1 - ...              dx_0 = dy, dx_k = -dy
 *     multiply   y = x_0 x_1 ...                  dx_k = dy times the product of the others
 *     divide     y = x_0 / x_1 / ...              dx_0 = dy / x_1 / ..., dx_k = -dy y / x_k
 *     average    y = (x_0 + x_1 + ...) / count    dx_k = dy / count
 *     maximum    y = the largest                  dx_k = dy at the first of the largest, else 0
 *     minimum    y = the smallest                 dx_k = dy at the first of the smallest, else 0
 *
 * and concat, which puts them side by side. An input whose height, width or channels are 1 counts
 * for all of those of the others, as in NumPy; its dx is then the sum over them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "net/layers.h"

typedef enum operation { ADD, SUBTRACT, MULTIPLY, DIVIDE, AVERAGE, MAXIMUM, MINIMUM } operation;

/* From one value to the next along each axis of an input: 0 where it counts for all. */
typedef struct steps {
    size_t row, column, channel;
} steps;

static steps steps_of(inv_shape in)
{
    return (steps){in.height > 1 ? in.width * in.channels : 0, in.width > 1 ? in.channels : 0,
                   in.channels > 1 ? 1 : 0};
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static bool fits(size_t n, size_t of)
{
    return n == of || n == 1;
}

static inv_status merge_shape(inv_layer *layer, size_t classes)
{
    inv_shape out = layer->in;
    (void)classes;
    for (size_t k = 1; k < layer->input_count; k++) {
        const inv_shape in = layer->inputs[k].shape;
        out.height = larger(out.height, in.height);
        out.width = larger(out.width, in.width);
        out.channels = larger(out.channels, in.channels);
    }
    for (size_t k = 0; k < layer->input_count; k++) {
        const inv_shape in = layer->inputs[k].shape;
        if (!fits(in.height, out.height) || !fits(in.width, out.width) ||
            !fits(in.channels, out.channels))
            return INV_ERROR(
                INV_ECONFIG, "%s: %s of %zu x %zu x %zu and %zu x %zu x %zu, which differ",
                layer->name, layer->type->name, layer->in.height, layer->in.width,
                layer->in.channels, layer->inputs[k ? k : 1].shape.height,
                layer->inputs[k ? k : 1].shape.width, layer->inputs[k ? k : 1].shape.channels);
    }
    return inv_layer_gives(layer, out);
}

/* y_i = y_i op x_i, for n values; x is one value for all where step is 0. NaN on either side stays. */
static void combine(operation op, size_t n, size_t step, const float *restrict x, float *restrict y)
{
    switch (op) {
    case ADD:
    case AVERAGE:
        for (size_t i = 0; i < n; i++)
            y[i] += x[i * step];
        break;
    case SUBTRACT:
        for (size_t i = 0; i < n; i++)
            y[i] -= x[i * step];
        break;
    case MULTIPLY:
        for (size_t i = 0; i < n; i++)
            y[i] *= x[i * step];
        break;
    case DIVIDE:
        for (size_t i = 0; i < n; i++)
            y[i] /= x[i * step];
        break;
    case MAXIMUM:
        for (size_t i = 0; i < n; i++)
            y[i] = x[i * step] > y[i] || isnan(x[i * step]) ? x[i * step] : y[i];
        break;
    case MINIMUM:
        for (size_t i = 0; i < n; i++)
            y[i] = x[i * step] < y[i] || isnan(x[i * step]) ? x[i * step] : y[i];
        break;
    }
}

/* One image: its first input, then the others, a pixel at a time. */
static void join_image(const inv_layer *layer, operation op, size_t image,
                       const gsl_matrix_float *const *x, float *y)
{
    const inv_shape out = layer->out;
    for (size_t k = 0; k < layer->input_count; k++) {
        const float *from = x[k]->data + image * x[k]->tda;
        const steps step = steps_of(layer->inputs[k].shape);
        for (size_t i = 0; i < out.height; i++)
            for (size_t j = 0; j < out.width; j++) {
                float *to = y + (i * out.width + j) * out.channels;
                const float *pixel = from + i * step.row + j * step.column;
                if (k > 0)
                    combine(op, out.channels, step.channel, pixel, to);
                else
                    for (size_t c = 0; c < out.channels; c++)
                        to[c] = pixel[c * step.channel];
            }
    }
    const float part = 1.0f / (float)layer->input_count;
    for (size_t i = 0; op == AVERAGE && i < inv_shape_size(out); i++)
        y[i] *= part;
}

static void join(const inv_layer *layer, operation op, const gsl_matrix_float *const *x,
                 gsl_matrix_float *y)
{
#pragma omp parallel for schedule(static) if (y->size1 * y->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < y->size1; n++)
        join_image(layer, op, n, x, y->data + n * y->tda);
}

/* Where the value of input k stands that meets value (i, j, c) of y. */
static const float *value_at(const inv_layer *layer, const gsl_matrix_float *const *x, size_t k,
                             const size_t at[4])
{
    const steps step = steps_of(layer->inputs[k].shape);
    return x[k]->data + at[0] * x[k]->tda + at[1] * step.row + at[2] * step.column +
           at[3] * step.channel;
}

/* d y / d x_which, at one value */
static float slope(const inv_layer *layer, operation op, size_t which,
                   const gsl_matrix_float *const *x, float y, const size_t at[4])
{
    float product = 1.0f;
    size_t first = 0;
    switch (op) {
    case ADD:
        return 1.0f;
    case SUBTRACT:
        return which ? -1.0f : 1.0f;
    case AVERAGE:
        return 1.0f / (float)layer->input_count;
    case DIVIDE:
        if (which)
            return -y / *value_at(layer, x, which, at);
        for (size_t k = 1; k < layer->input_count; k++)
            product /= *value_at(layer, x, k, at);
        return product;
    case MULTIPLY:
        for (size_t k = 0; k < layer->input_count; k++)
            if (k != which)
                product *= *value_at(layer, x, k, at);
        return product;
    case MAXIMUM:
    case MINIMUM: /* NaN equals nothing: dx is then that of the last */
        while (first + 1 < layer->input_count && *value_at(layer, x, first, at) != y)
            first++;
        return first == which ? 1.0f : 0.0f;
    }
    return 0.0f;
}

/* One image's dx of input `which`. */
static void part_image(const inv_layer *layer, operation op, size_t which, size_t image,
                       const gsl_matrix_float *const *x, const float *y, const float *dy, float *dx)
{
    const inv_shape in = layer->inputs[which].shape, out = layer->out;
    const steps step = steps_of(in);
    memset(dx, 0, inv_shape_size(in) * sizeof *dx);
    for (size_t i = 0; i < out.height; i++)
        for (size_t j = 0; j < out.width; j++)
            for (size_t c = 0; c < out.channels; c++, y++, dy++)
                dx[i * step.row + j * step.column + c * step.channel] +=
                    *dy * slope(layer, op, which, x, *y, (const size_t[4]){image, i, j, c});
}

static void part(const inv_layer *layer, operation op, size_t which,
                 const gsl_matrix_float *const *x, const gsl_matrix_float *y,
                 const gsl_matrix_float *dy, gsl_matrix_float *dx)
{
#pragma omp parallel for schedule(static) if (y->size1 * y->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < y->size1; n++)
        part_image(layer, op, which, n, x, y->data + n * y->tda, dy->data + n * dy->tda,
                   dx->data + n * dx->tda);
}

#define MERGE(type, op)                                                                            \
    static void type##_join(const inv_layer *layer, const gsl_matrix_float *const *x,              \
                            gsl_matrix_float *y)                                                   \
    {                                                                                              \
        join(layer, op, x, y);                                                                     \
    }                                                                                              \
    static void type##_part(const inv_layer *layer, size_t which,                                  \
                            const gsl_matrix_float *const *x, const gsl_matrix_float *y,           \
                            const gsl_matrix_float *dy, gsl_matrix_float *dx)                      \
    {                                                                                              \
        part(layer, op, which, x, y, dy, dx);                                                      \
    }                                                                                              \
    const inv_layer_type inv_layer_##type = {.name = #type,                                        \
                                             .shape = merge_shape,                                 \
                                             .forward = inv_join_forward,                          \
                                             .backward = inv_join_backward,                        \
                                             .join = type##_join,                                  \
                                             .part = type##_part}

MERGE(add, ADD);
MERGE(subtract, SUBTRACT);
MERGE(multiply, MULTIPLY);
MERGE(divide, DIVIDE);
MERGE(average, AVERAGE);
MERGE(maximum, MAXIMUM);
MERGE(minimum, MINIMUM);

/* ---- concat ---- */

typedef struct concat_spec {
    char axis[INV_NAME_MAX];
} concat_spec;

static const concat_spec concat_defaults = {"channels"};

static const inv_choice axes[] = {{"height", "one below the other"},
                                  {"width", "one beside the other"},
                                  {"channels", "the channels of each pixel in turn"},
                                  {0}};

static const inv_field concat_fields[] = {{"axis", INV_FIELD_NAME, offsetof(concat_spec, axis),
                                           .choices = axes,
                                           .help = "along which images are put together"},
                                          {0}};

/* The axis along which it joins: its length in a shape. */
static size_t *along(const inv_layer *layer, inv_shape *shape)
{
    const char *axis = ((const concat_spec *)layer->spec)->axis;
    return strcmp(axis, "height") == 0  ? &shape->height
           : strcmp(axis, "width") == 0 ? &shape->width
                                        : &shape->channels;
}

static inv_status concat_shape(inv_layer *layer, size_t classes)
{
    inv_shape out = layer->in;
    size_t sum = 0;
    (void)classes;
    for (size_t k = 0; k < layer->input_count; k++) {
        inv_shape in = layer->inputs[k].shape;
        sum += *along(layer, &in);
        *along(layer, &in) = *along(layer, &out);
        if (memcmp(&in, &out, sizeof in) != 0)
            return INV_ERROR(INV_ECONFIG, "%s: concat of images that differ in more than their %s",
                             layer->name, ((const concat_spec *)layer->spec)->axis);
    }
    *along(layer, &out) = sum;
    return inv_layer_gives(layer, out);
}

/* Of a shape, how many values stand in one piece, from the axis on; how many such pieces. */
static size_t piece(const inv_layer *layer, inv_shape shape)
{
    const char *axis = ((const concat_spec *)layer->spec)->axis;
    return strcmp(axis, "height") == 0  ? inv_shape_size(shape)
           : strcmp(axis, "width") == 0 ? shape.width * shape.channels
                                        : shape.channels;
}

/* Where the pieces of input k stand in a piece of y. */
static size_t start_of(const inv_layer *layer, size_t k)
{
    size_t start = 0;
    while (k-- > 0)
        start += piece(layer, layer->inputs[k].shape);
    return start;
}

static void concat_join(const inv_layer *layer, const gsl_matrix_float *const *x,
                        gsl_matrix_float *y)
{
    const size_t whole = piece(layer, layer->out), pieces = y->size2 / whole;
#pragma omp parallel for schedule(static) if (y->size1 * y->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < y->size1; n++) {
        float *to = y->data + n * y->tda;
        for (size_t k = 0; k < layer->input_count; k++) {
            const size_t size = piece(layer, layer->inputs[k].shape);
            for (size_t p = 0; p < pieces; p++)
                memcpy(to + p * whole, x[k]->data + n * x[k]->tda + p * size, size * sizeof *to);
            to += size;
        }
    }
}

static void concat_part(const inv_layer *layer, size_t which, const gsl_matrix_float *const *x,
                        const gsl_matrix_float *y, const gsl_matrix_float *dy, gsl_matrix_float *dx)
{
    const size_t whole = piece(layer, layer->out), pieces = y->size2 / whole;
    const size_t size = piece(layer, layer->inputs[which].shape), start = start_of(layer, which);
    (void)x;
#pragma omp parallel for schedule(static) if (dx->size1 * dx->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < y->size1; n++)
        for (size_t p = 0; p < pieces; p++)
            memcpy(dx->data + n * dx->tda + p * size, dy->data + n * dy->tda + p * whole + start,
                   size * sizeof *dx->data);
}

const inv_layer_type inv_layer_concat = {
    .name = "concat",
    .spec_size = sizeof(concat_spec),
    .spec_default = &concat_defaults,
    .fields = concat_fields,
    .shape = concat_shape,
    .forward = inv_join_forward,
    .backward = inv_join_backward,
    .join = concat_join,
    .part = concat_part,
};
