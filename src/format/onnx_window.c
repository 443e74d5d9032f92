/* ONNX: convolutions and pooling (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <stdlib.h>
#include <string.h>

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

/* Whether a list of numbers is as long as the axes need, where there is one. */
static bool is_list_of(const json_t *node, const char *name, size_t count)
{
    const json_t *list = inv_onnx_attribute(node, name);
    return !list || json_array_size(list) == count;
}

/* The attributes; `size` of a kernel is that of its weights, where those are given. */
static inv_status read_window(onnx_importing *im, const json_t *node, const onnx_value *v,
                              const inv_onnx_tensor *weights, window *w)
{
    const char *mode = inv_onnx_text(node, "auto_pad", "NOTSET");
    const size_t n[2] = {v->place.shape.height, v->place.shape.width};
    *w = (window){v->rank - 2, {1, 1}, {1, 1}, {1, 1}, {0}};
    static const char *const lists[] = {"kernel_shape", "strides", "dilations", "output_padding",
                                        "output_shape"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!is_list_of(node, lists[i], w->spatial))
            return WRONG("its %s are not %zu", lists[i], w->spatial);
    if (!is_list_of(node, "pads", 2 * w->spatial))
        return WRONG("its pads are not %zu", 2 * w->spatial);
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

static void dilate(json_t *keys, const window *w)
{
    json_object_set_new(keys, "dilation_height", json_integer((json_int_t)w->dilation[0]));
    json_object_set_new(keys, "dilation_width", json_integer((json_int_t)w->dilation[1]));
}

static json_t *conv_keys(const char *type, const window *w, size_t filters, size_t groups)
{
    json_t *keys = window_keys(type, w);
    json_object_set_new(keys, "filters", json_integer((json_int_t)filters));
    json_object_set_new(keys, "groups", json_integer((json_int_t)groups));
    json_object_set_new(keys, "use_bias", json_true());
    dilate(keys, w);
    return keys;
}

/* The image, and its constant weights. */
static inv_status take_conv(onnx_importing *im, const json_t *node, const onnx_value *in,
                            size_t count, onnx_value *v, window *w, size_t *groups)
{
    inv_status status = INV_OK;
    if (count < 2 || in[0].is_known || !in[1].is_known || in[1].known.rank != in[0].rank ||
        inv_onnx_count(&in[1].known) == 0)
        return WRONG("takes images and constant weights");
    *v = in[0];
    *groups = positive(inv_onnx_whole(node, "group", 1));
    INV_TRY(onnx_as_image(im, node, v));
    INV_TRY(read_window(im, node, v, &in[1].known, w));
    if (*groups == 0)
        INV_RAISE(WRONG("its group cannot be"));
done:
    return status;
}

static inv_status put_conv(onnx_importing *im, const json_t *node, const onnx_value *in,
                           size_t count, const window *w, size_t filters, onnx_value *out)
{
    const size_t *d = in[1].known.dims;
    double *bias = NULL;
    inv_status status = INV_OK;
    INV_TRY(onnx_put_turned(im, out, in[1].known.array,
                            (onnx_turn){{d[0], d[1], w->size[0], w->size[1]}, {2, 3, 1, 0}, 1.0f}));
    if (onnx_is_given(in, count, 2))
        INV_TRY(onnx_take_numbers(im, node, in, count, 2, filters, &bias));
    INV_TRY(onnx_put_numbers(im, out, "bias", bias, filters, &out->bias));
    onnx_set_image_sizes(out);
done:
    free(bias);
    return status;
}

static inv_status add_conv(onnx_importing *im, const json_t *node, const onnx_value *in,
                           size_t count, onnx_value *out)
{
    onnx_value v = {0};
    window w = {0};
    size_t groups = 0;
    inv_status status = INV_OK;
    INV_TRY(take_conv(im, node, in, count, &v, &w, &groups));
    const size_t filters = in[1].known.dims[0];
    if (in[1].known.dims[1] * groups != v.place.shape.channels)
        INV_RAISE(WRONG("weights for %zu channels, but %zu come in", in[1].known.dims[1] * groups,
                        v.place.shape.channels));
    INV_TRY(onnx_add_layer(im, node, "", conv_keys("conv2d", &w, filters, groups), &v, out));
    INV_TRY(put_conv(im, node, in, count, &w, filters, out));
done:
    return status;
}

/* The padding that output_shape or auto_pad asks for. */
static bool pad_transpose(const json_t *node, const onnx_value *v, window *w, const size_t more[2])
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

static inv_status add_conv_transpose(onnx_importing *im, const json_t *node, const onnx_value *in,
                                     size_t count, onnx_value *out)
{
    onnx_value v = {0};
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
    INV_TRY(onnx_add_layer(im, node, "", keys, &v, out));
    INV_TRY(put_conv(im, node, in, count, &w, filters, out));
done:
    return status;
}

/* How far the last window reaches beyond the padding, where ceil_mode has one more that begins in the
 * image or the padding before it. */
static size_t reach_beyond(size_t n, const window *w, size_t axis)
{
    const size_t before = w->pads[2 * axis], all = n + before + w->pads[2 * axis + 1];
    const size_t size = (w->size[axis] - 1) * w->dilation[axis] + 1;
    if (all < size)
        return 0;
    size_t count = (all - size + w->stride[axis] - 1) / w->stride[axis] + 1;
    if ((count - 1) * w->stride[axis] >= n + before)
        count--;
    const size_t reach = (count - 1) * w->stride[axis] + size;
    return reach > all ? reach - all : 0;
}

json_t *onnx_pad_keys(const char *mode, double what, const size_t pads[4])
{
    return json_pack("{ss ss sf sI sI sI sI}", "type", "pad", "mode", mode, "value", what, "top",
                     (json_int_t)pads[0], "bottom", (json_int_t)pads[1], "left",
                     (json_int_t)pads[2], "right", (json_int_t)pads[3]);
}

static inv_status add_pool(onnx_importing *im, const json_t *node, const onnx_value *in,
                           size_t count, onnx_value *out)
{
    const bool is_max = strcmp(inv_onnx_op(node), "MaxPool") == 0;
    const bool ceil_mode = inv_onnx_whole(node, "ceil_mode", 0) != 0 &&
                           strncmp(inv_onnx_text(node, "auto_pad", ""), "SAME", 4) != 0;
    const bool counts = !is_max && inv_onnx_whole(node, "count_include_pad", 0) != 0;
    onnx_value v = in[0];
    window w = {0};
    inv_status status = INV_OK;
    (void)count;
    INV_TRY(onnx_as_image(im, node, &v));
    INV_TRY(read_window(im, node, &v, NULL, &w));
    const inv_shape s = v.place.shape;
    const size_t more[2] = {ceil_mode ? reach_beyond(s.height, &w, 0) : 0,
                            ceil_mode ? reach_beyond(s.width, &w, 1) : 0};
    if (counts && (w.pads[0] || w.pads[1] || w.pads[2] || w.pads[3])) {
        /* zeros that count; what lies beyond them does not */
        INV_TRY(onnx_add_layer(im, node, ".pad", onnx_pad_keys("constant", 0.0, w.pads), &v, &v));
        memset(w.pads, 0, sizeof w.pads);
    }
    w.pads[1] += more[0];
    w.pads[3] += more[1];
    json_t *keys = window_keys(is_max ? "max_pool" : "avg_pool", &w);
    dilate(keys, &w);
    INV_TRY(onnx_add_layer(im, node, "", keys, &v, out));
    onnx_set_image_sizes(out);
done:
    return status;
}

static inv_status add_global_pool(onnx_importing *im, const json_t *node, const onnx_value *in,
                                  size_t count, onnx_value *out)
{
    const bool is_max = strcmp(inv_onnx_op(node), "GlobalMaxPool") == 0;
    onnx_value v = in[0];
    inv_status status = INV_OK;
    (void)count;
    INV_TRY(onnx_as_image(im, node, &v));
    INV_TRY(onnx_add_layer(
        im, node, "", json_pack("{ss}", "type", is_max ? "global_max_pool" : "global_avg_pool"), &v,
        out));
    onnx_set_image_sizes(out);
done:
    return status;
}

/* ---- the table ---- */

const onnx_operator onnx_window_operators[] = {
    {"Conv", add_conv, false, "auto_pad dilations group kernel_shape pads strides"},
    {"ConvTranspose", add_conv_transpose, false,
     "auto_pad dilations group kernel_shape output_padding output_shape pads strides"},
    {"MaxPool", add_pool, false,
     "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"},
    {"AveragePool", add_pool, false,
     "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"},
    {"GlobalAveragePool", add_global_pool, false, NULL},
    {"GlobalMaxPool", add_global_pool, false, NULL},
    {NULL, NULL, false, NULL},
};
