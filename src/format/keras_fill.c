/* Parameters from what Keras stores.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/keras_fill.h"

#include <stdlib.h>
#include <string.h>

static inv_status wrong_count(const inv_tree_array *array, size_t count)
{
    return INV_ERROR(INV_EFORMAT, "%zu values in the file; the layer needs %zu", array->count,
                     count);
}

inv_status keras_fill_zeros(const void *context, const inv_tree_array *array, float *out,
                            size_t count)
{
    (void)context, (void)array;
    memset(out, 0, count * sizeof *out);
    return INV_OK;
}

inv_status keras_fill_copy(const void *context, const inv_tree_array *array, float *out,
                           size_t count)
{
    (void)array;
    memcpy(out, context, count * sizeof *out);
    return INV_OK;
}

/* All values of an array as floats, which the caller frees. */
static inv_status floats_of(const inv_tree_array *array, float **out)
{
    void *memory = NULL;
    inv_status status = inv_calloc(array->count + 1, sizeof(float), "a kernel", &memory);
    *out = memory;
    return status == INV_OK ? inv_tree_floats(array, *out) : status;
}

/* kernel[i, o] += part sum over r of a[i, r] b[r, o] */
static inv_status add_lora(const keras_lora *lora, size_t rows, size_t units, float *kernel)
{
    float *a = NULL, *b = NULL;
    inv_status status = INV_OK;
    if (!lora->a)
        return INV_OK;
    const size_t rank = lora->b->count / (units ? units : 1);
    if (rank == 0 || rank * units != lora->b->count || lora->a->count / rank != rows ||
        lora->a->count % rank != 0)
        return INV_ERROR(INV_EFORMAT, "its LoRA kernels are of other sizes");
    INV_TRY(floats_of(lora->a, &a));
    INV_TRY(floats_of(lora->b, &b));
    for (size_t i = 0; i < rows; i++)
        for (size_t o = 0; o < units; o++) {
            double sum = 0.0;
            for (size_t r = 0; r < rank; r++)
                sum += (double)a[i * rank + r] * (double)b[r * units + o];
            kernel[i * units + o] += (float)(lora->part * sum);
        }
done:
    free(a);
    free(b);
    return status;
}

/* ---- dense ---- */

static inv_status from_int8(const keras_dense *d, const inv_tree_array *array, float *out)
{
    float *scale = NULL;
    inv_status status = floats_of(d->scale, &scale);
    if (status == INV_OK)
        status = inv_tree_floats(array, out);
    for (size_t i = 0; status == INV_OK && i < array->count; i++)
        out[i] /= scale[i % d->units];
    free(scale);
    return status;
}

/* Low half of a byte: column 2 j, high half: 2 j + 1, each from -8 to 7. */
static float half_byte(const unsigned char *row, size_t column)
{
    const int value = row[column / 2] >> (column % 2 ? 4 : 0) & 15;
    return (float)(value < 8 ? value : value - 16);
}

static inv_status from_int4(const keras_dense *d, const inv_tree_array *array, float *out,
                            size_t rows)
{
    const size_t units = d->units, stored = (units + 1) / 2;
    float *scale = NULL, *zero = NULL, *group = NULL;
    inv_status status = INV_OK;
    if (!d->zero || !d->group || array->count != rows * stored || d->group->count != rows ||
        d->zero->count != d->scale->count || d->scale->count % units != 0)
        return INV_ERROR(INV_EFORMAT, "4-bit numbers in an order that is not known; dequantise the "
                                      "model before it is saved");
    INV_TRY(floats_of(d->scale, &scale));
    INV_TRY(floats_of(d->zero, &zero));
    INV_TRY(floats_of(d->group, &group));
    for (size_t i = 0; i < rows; i++) {
        const size_t blocks = d->scale->count / units;
        const size_t g = group[i] >= 0.0f && group[i] < (float)blocks ? (size_t)group[i] : blocks;
        if (g == blocks)
            INV_FAIL(INV_EFORMAT, "a row of no group");
        for (size_t o = 0; o < units; o++)
            out[i * units + o] = (half_byte((const unsigned char *)array->values + i * stored, o) -
                                  zero[g * units + o]) *
                                 scale[g * units + o];
    }
done:
    free(scale);
    free(zero);
    free(group);
    return status;
}

/* Rows from the order of channels, height, width to that of height, width, channels. */
static inv_status unshuffle(const keras_dense *d, float *kernel, size_t count)
{
    const size_t channels = d->image.channels, places = d->image.height * d->image.width;
    const size_t units = d->units;
    void *memory = NULL;
    if (channels * places * units != count)
        return INV_ERROR(INV_EFORMAT, "a kernel of another size");
    inv_status status = inv_calloc(count, sizeof(float), "a kernel", &memory);
    if (status != INV_OK)
        return status;
    memcpy(memory, kernel, count * sizeof(float));
    for (size_t p = 0; p < places; p++)
        for (size_t c = 0; c < channels; c++)
            memcpy(kernel + (p * channels + c) * units,
                   (const float *)memory + (c * places + p) * units, units * sizeof(float));
    free(memory);
    return INV_OK;
}

inv_status keras_fill_dense(const void *context, const inv_tree_array *array, float *out,
                            size_t count)
{
    const keras_dense *d = context;
    const size_t rows = count / d->units;
    inv_status status = INV_OK;
    const bool is_packed = d->scale && (d->zero || array->count != count);
    if (!is_packed && array->count != count)
        return wrong_count(array, count);
    if (!is_packed && array->rank == 2 && array->dims[0] != rows)
        return INV_ERROR(INV_EFORMAT, "%zu x %zu values in the file; the layer needs %zu x %zu",
                         array->dims[0], array->dims[1], rows, d->units);
    if (d->scale && !is_packed && d->scale->count != d->units)
        return wrong_count(d->scale, d->units);
    if (is_packed)
        INV_TRY(from_int4(d, array, out, rows));
    else
        INV_TRY(d->scale ? from_int8(d, array, out) : inv_tree_floats(array, out));
    INV_TRY(add_lora(&d->lora, rows, d->units, out));
    if (d->is_shuffled)
        INV_TRY(unshuffle(d, out, count));
done:
    return status;
}

/* ---- convolution ---- */

inv_status keras_fill_conv(const void *context, const inv_tree_array *array, float *out,
                           size_t count)
{
    const keras_conv *c = context;
    float *values = NULL;
    inv_status status = INV_OK;
    if (array->count != count || c->height * c->width * c->in * c->out != count)
        return wrong_count(array, count);
    const size_t dims[4] = {c->out_first ? c->out : c->height, c->out_first ? c->in : c->width,
                            c->out_first ? c->height : c->in, c->out_first ? c->width : c->out};
    for (size_t i = 0; array->rank == 4 && i < 4; i++)
        if (array->dims[i] != dims[i])
            return INV_ERROR(
                INV_EFORMAT,
                "%zu x %zu x %zu x %zu values in the file; the layer needs %zu x %zu x "
                "%zu x %zu",
                array->dims[0], array->dims[1], array->dims[2], array->dims[3], dims[0], dims[1],
                dims[2], dims[3]);
    INV_TRY(floats_of(array, &values));
    for (size_t y = 0; y < c->height; y++)
        for (size_t x = 0; x < c->width; x++)
            for (size_t i = 0; i < c->in; i++)
                for (size_t o = 0; o < c->out; o++) {
                    const size_t r = c->flip ? c->height - 1 - y : y;
                    const size_t s = c->flip ? c->width - 1 - x : x;
                    const size_t at = c->out_first
                                          ? ((o * c->in + i) * c->height + r) * c->width + s
                                          : ((r * c->width + s) * c->in + i) * c->out + o;
                    out[((y * c->width + x) * c->in + i) * c->out + o] = values[at];
                }
    INV_TRY(add_lora(&c->lora, c->height * c->width * c->in, c->out, out));
done:
    free(values);
    return status;
}
