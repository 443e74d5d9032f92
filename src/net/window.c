/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/window.h"

#include <string.h>

#include "net/layers.h"

const inv_choice inv_window_paddings[] = {
    {"valid", "nothing: windows lie inside the image"},
    {"same", "zeros, so many that there is a window for each pixel, or each stride-th"},
    {"explicit", "zeros, as many rows and columns as top, bottom, left and right say"},
    {0}};

/* What lies around n values along an axis. */
typedef struct padding {
    size_t before, after;
} padding;

/* How many windows of `size` there are along n values with that around them. */
static size_t places(size_t n, size_t size, size_t stride, padding p)
{
    const size_t all = p.before + n + p.after;
    return all < size ? 0 : (all - size) / stride + 1;
}

/* So much that there are ceil(n / stride) windows. */
static padding same_padding(size_t n, size_t size, size_t stride)
{
    const size_t count = (n + stride - 1) / stride, reach = (count - 1) * stride + size;
    const size_t all = reach > n ? reach - n : 0;
    return (padding){all / 2, all - all / 2};
}

static size_t first_of(size_t a, size_t b, size_t c)
{
    return a ? a : b ? b : c;
}

inv_window inv_window_over(inv_shape in, const inv_window_spec *spec)
{
    inv_window w = {.in = in, .padded = in, .height = spec->height, .width = spec->width};
    padding y = {0}, x = {0};
    w.stride_y = first_of(spec->stride_height, spec->stride, spec->height);
    w.stride_x = first_of(spec->stride_width, spec->stride, spec->width);
    w.dilation_y = first_of(spec->dilation_height, spec->dilation, 1);
    w.dilation_x = first_of(spec->dilation_width, spec->dilation, 1);
    const size_t height = (w.height - 1) * w.dilation_y + 1;
    const size_t width = (w.width - 1) * w.dilation_x + 1;
    if (strcmp(spec->padding, "same") == 0) {
        y = same_padding(in.height, height, w.stride_y);
        x = same_padding(in.width, width, w.stride_x);
    } else if (strcmp(spec->padding, "explicit") == 0) {
        y = (padding){spec->top, spec->bottom};
        x = (padding){spec->left, spec->right};
    }
    w.out_height = places(in.height, height, w.stride_y, y);
    w.out_width = places(in.width, width, w.stride_x, x);
    w.padded.height += y.before + y.after;
    w.padded.width += x.before + x.after;
    w.top = y.before;
    w.left = x.before;
    return w;
}

inv_status inv_window_fill(const inv_layer *layer, inv_window_spec *spec)
{
    spec->height = spec->height ? spec->height : spec->size;
    spec->width = spec->width ? spec->width : spec->size;
    if (spec->height == 0 || spec->width == 0)
        return INV_ERROR(INV_ECONFIG,
                         "%s: a window of no size; give it a size, or height and width",
                         layer->name);
    if (strcmp(spec->padding, "explicit") != 0 &&
        spec->top + spec->bottom + spec->left + spec->right > 0)
        return INV_ERROR(INV_ECONFIG,
                         "%s: top, bottom, left and right are for padding = \"explicit\"",
                         layer->name);
    return INV_OK;
}

inv_status inv_window_shape(const inv_layer *layer, inv_window_spec *spec, inv_window *out)
{
    const inv_shape in = layer->in;
    inv_status status = inv_window_fill(layer, spec);
    if (status != INV_OK)
        return status;
    *out = inv_window_over(in, spec);
    if (out->out_height == 0 || out->out_width == 0)
        return INV_ERROR(
            INV_ECONFIG,
            "%s: a window of %zu x %zu does not fit into an image of %zu x %zu; take a "
            "smaller one, or padding = \"same\"",
            layer->name, spec->height, spec->width, in.height, in.width);
    return INV_OK;
}

inv_status inv_window_shape_inside(const inv_layer *layer, inv_window_spec *spec, inv_window *out)
{
    inv_status status = inv_window_shape(layer, spec, out);
    const inv_window *w = out;
    if (status != INV_OK)
        return status;
    bool inside = true;
    for (size_t i = 0; i < w->out_height && inside; i++)
        inside = inv_window_rows(w, i).end > 0;
    for (size_t j = 0; j < w->out_width && inside; j++)
        inside = inv_window_columns(w, j).end > 0;
    if (!inside)
        return INV_ERROR(INV_ECONFIG,
                         "%s: a window would lie outside the image altogether; take a larger one, "
                         "or less padding",
                         layer->name);
    return INV_OK;
}

const inv_field inv_pool_fields[] = {INV_WINDOW_FIELDS(0), INV_DILATION_FIELDS(0), {0}};
const inv_window_spec inv_pool_defaults = {.size = 2, .padding = "valid"};

inv_status inv_pool_shape(inv_layer *layer, size_t classes)
{
    inv_window w;
    inv_status status = inv_window_shape_inside(layer, layer->spec, &w);
    (void)classes;
    if (status != INV_OK)
        return status;
    return inv_layer_gives(layer, (inv_shape){w.out_height, w.out_width, layer->in.channels});
}

/* Of a window that starts there: the first of its values that is one of the n behind `before`. */
static inv_span span(size_t start, size_t size, size_t dilation, size_t before, size_t n)
{
    const size_t end = start + (size - 1) * dilation + 1;
    const size_t skipped = start < before ? (before - start + dilation - 1) / dilation : 0;
    const size_t first = start + skipped * dilation - before;
    if (end <= before || first >= n)
        return (inv_span){0, 0};
    return (inv_span){first, end - before < n ? end - before : n};
}

inv_span inv_window_rows(const inv_window *w, size_t i)
{
    return span(i * w->stride_y, w->height, w->dilation_y, w->top, w->in.height);
}

inv_span inv_window_columns(const inv_window *w, size_t j)
{
    return span(j * w->stride_x, w->width, w->dilation_x, w->left, w->in.width);
}

void inv_window_pad(const inv_window *w, const float *image, float *padded)
{
    const size_t row = w->in.width * w->in.channels, pitch = inv_window_pitch(w);
    memset(padded, 0, w->padded.height * pitch * sizeof *padded);
    padded += w->top * pitch + w->left * w->in.channels;
    for (size_t i = 0; i < w->in.height; i++)
        memcpy(padded + i * pitch, image + i * row, row * sizeof *image);
}

void inv_window_crop(const inv_window *w, const float *padded, float *image)
{
    const size_t row = w->in.width * w->in.channels, pitch = inv_window_pitch(w);
    padded += w->top * pitch + w->left * w->in.channels;
    for (size_t i = 0; i < w->in.height; i++)
        memcpy(image + i * row, padded + i * pitch, row * sizeof *image);
}

void inv_window_add(const inv_window *w, size_t i, size_t j, const float *values, float *padded)
{
    const inv_kernels *kernels = inv_kernels_best();
    const size_t run = inv_window_run(w), pitch = inv_window_pitch(w);
    padded += i * w->stride_y * pitch + j * w->stride_x * w->in.channels;
    for (size_t r = 0; r < w->height; r++)
        kernels->add(run, values + r * run, padded + r * pitch);
}

void inv_window_transpose(const float *from, size_t rows, size_t cols, float *to)
{
    const size_t whole = inv_whole_vectors(rows);
    inv_kernels_best()->transpose(rows, cols, from, cols, to, whole);
    for (size_t j = 0; rows < whole && j < cols; j++)
        memset(to + j * whole + rows, 0, (whole - rows) * sizeof *to);
}
