/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/fit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_statistics_float.h>

#include "base/plural.h"

/* ---- one axis ---- */

/* How cell `i` of `many` is made of the `few` or more cells that stood there before: `n` of them,
 * from `first` on, weighted; *n weights are left in `weight`, which has room for src / many + 2.
 *
 * Smaller (many < src): cell i covers [i src, (i + 1) src) where each old cell j covers
 * [j many, (j + 1) many), in units of 1/many: the weight is what they share, over src.
 * Larger: the centre of cell i lies at (i + 1/2) src / many - 1/2 between two old centres. */
static void weigh(size_t src, size_t many, size_t i, size_t *first, size_t *n, float *weight)
{
    if (many <= src) {
        const size_t start = i * src, end = start + src;
        *first = start / many;
        *n = 0;
        for (size_t j = *first; j * many < end; j++) {
            const size_t from = j * many > start ? j * many : start;
            const size_t to = (j + 1) * many < end ? (j + 1) * many : end;
            weight[(*n)++] = (float)((double)(to - from) / (double)src);
        }
        return;
    }
    double at = ((double)i + 0.5) * (double)src / (double)many - 0.5;
    at = at < 0.0 ? 0.0 : at > (double)(src - 1) ? (double)(src - 1) : at;
    *first = (size_t)at;
    *n = *first + 1 < src ? 2 : 1;
    weight[0] = *n == 2 ? (float)((double)(*first + 1) - at) : 1.0f;
    weight[1] = 1.0f - weight[0];
}

/* from [outer, src, inner] -> to [outer, many, inner] */
static inv_status resize_axis(const float *from, size_t outer, size_t src, size_t inner,
                              size_t many, float *to)
{
    size_t first = 0, n = 0;
    void *memory = NULL;
    inv_status status = inv_calloc(src / many + 2, sizeof(float), "weights", &memory);
    if (status != INV_OK)
        return status;
    const float *weight = memory;
    for (size_t i = 0; i < many; i++) {
        weigh(src, many, i, &first, &n, memory);
        for (size_t o = 0; o < outer; o++) {
            const float *old = from + (o * src + first) * inner;
            float *cell = to + (o * many + i) * inner;
            for (size_t c = 0; c < inner; c++)
                cell[c] = weight[0] * old[c];
            for (size_t j = 1; j < n; j++)
                for (size_t c = 0; c < inner; c++)
                    cell[c] += weight[j] * old[j * inner + c];
        }
    }
    free(memory);
    return INV_OK;
}

/* ---- the image ---- */

/* The largest size of the same proportions within `wanted`; channels are those given. */
static inv_shape inner_shape(inv_shape given, inv_shape wanted)
{
    const double by_width = (double)wanted.width / (double)given.width;
    const double by_height = (double)wanted.height / (double)given.height;
    inv_shape inner = {wanted.height, wanted.width, given.channels};
    if (by_width < by_height)
        inner.height = (size_t)((double)given.height * by_width + 0.5);
    else
        inner.width = (size_t)((double)given.width * by_height + 0.5);
    inner.height = inner.height > 0 ? inner.height : 1;
    inner.width = inner.width > 0 ? inner.width : 1;
    return inner;
}

static void copy_pixel(const float *pixel, size_t channels, float *to, size_t wanted)
{
    if (channels == 3 && wanted == 1)
        *to = 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
    else
        for (size_t c = 0; c < wanted; c++)
            to[c] = pixel[channels == 1 ? 0 : c];
}

/* Lays the image in the middle of the ground. */
static void lay_in(inv_shape inner, const float *from, inv_shape wanted, float ground, float *to)
{
    const size_t top = (wanted.height - inner.height) / 2, left = (wanted.width - inner.width) / 2;
    for (size_t i = 0; i < inv_shape_size(wanted); i++)
        to[i] = ground;
    for (size_t y = 0; y < inner.height; y++)
        for (size_t x = 0; x < inner.width; x++)
            copy_pixel(from + (y * inner.width + x) * inner.channels, inner.channels,
                       to + ((top + y) * wanted.width + left + x) * wanted.channels,
                       wanted.channels);
}

static bool is_image(inv_shape shape)
{
    size_t room = INT_MAX;
    for (int d = 0; d < 3; d++) {
        const size_t n = (size_t[]){shape.height, shape.width, shape.channels}[d];
        room = n ? room / n : 0;
    }
    return room > 0;
}

inv_status inv_fit_image(inv_shape given, const float *from, inv_shape wanted, float ground,
                         float *to)
{
    if (!is_image(given) || !is_image(wanted))
        return INV_ERROR(INV_EINVAL,
                         "an image of %zu x %zu x %zu cannot be made one of %zu x %zu x "
                         "%zu",
                         given.height, given.width, given.channels, wanted.height, wanted.width,
                         wanted.channels);
    const inv_shape inner = inner_shape(given, wanted);
    const size_t a = given.channels, b = wanted.channels;
    void *narrow = NULL, *small = NULL;
    inv_status status = INV_OK;
    if (a != b && !(a == 1 && b == 3) && !(a == 3 && b == 1))
        return INV_ERROR(INV_EDATA,
                         "images of %zu %s cannot be made to have %zu: only 1 (grey) and 3 "
                         "(RGB) stand for each other",
                         a, inv_plural(a, "channel", "channels"), b);
    INV_TRY(inv_calloc(given.height * inner.width, a * sizeof(float), "an image", &narrow));
    INV_TRY(resize_axis(from, given.height, given.width, a, inner.width, narrow));
    INV_TRY(inv_calloc(inner.height * inner.width, a * sizeof(float), "an image", &small));
    INV_TRY(resize_axis(narrow, 1, given.height, inner.width * a, inner.height, small));
    lay_in(inner, small, wanted, ground, to);
done:
    free(narrow);
    free(small);
    return status;
}

inv_status inv_fit_ground(inv_shape shape, const float *image, float *ground)
{
    const size_t size = inv_shape_size(shape), c = shape.channels;
    size_t used = 0;
    void *memory = NULL;
    inv_status status = inv_calloc(size, sizeof(float), "an image's border", &memory);
    if (status != INV_OK)
        return status;
    float *border = memory;
    for (size_t i = 0; i < size; i++) {
        const size_t row = i / c / shape.width, column = i / c % shape.width;
        if (row == 0 || column == 0 || row == shape.height - 1 || column == shape.width - 1)
            border[used++] = image[i];
    }
    *ground = (float)gsl_stats_float_median(border, 1, used);
    free(memory);
    return INV_OK;
}
