/* Each layer as one or more of Keras (keras_writer.h).
 * Source of each layer's arithmetic: Keras 3.15.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "format/keras_writer.h"

#define TINY 1e-6 /* of src/net/layers/inverse_scale.c */

/* ---- layers that weigh ---- */

static inv_spot write_dense(writer *w, inv_spot in)
{
    const inv_shape out = w->layer->out;
    const inv_spot row = keras_node_row(w, in, w->layer->in);
    json_t *config = json_pack("{so}", "units", keras_json_whole(out.channels));
    const inv_spot s =
        keras_node_after(w, "Dense", w->name, keras_with_activation(w, config), row, out, false);
    keras_node_block(w, s, "kernel", "kernel");
    keras_node_block(w, s, "bias", "bias");
    return s;
}

/* Normalization by given numbers takes the bias away, and is exact with a variance of 1. */
static inv_spot write_inverse_dense(writer *w, inv_spot in)
{
    const inv_shape out = w->layer->out;
    const size_t n = inv_shape_size(w->layer->in);
    const inv_spot row = keras_node_row(w, in, w->layer->in);
    const float *bias = keras_node_told(w, "bias");
    float *ones = inv_exporting_keep(w->e, n, sizeof *ones);
    for (size_t i = 0; ones && i < n; i++)
        ones[i] = 1.0f;
    const inv_spot centred =
        keras_node_after(w, "Normalization", TEXT("%s_bias", w->name),
                         json_pack("{si so so}", "axis", -1, "mean", keras_json_list(bias, 1, &n),
                                   "variance", keras_json_list(ones, 1, &n)),
                         row, w->layer->in, false);
    json_t *config = json_pack("{so so}", "units", keras_json_whole(out.channels), "use_bias",
                               keras_json_flag(false));
    const inv_spot s = keras_node_after(w, "Dense", w->name, config, centred, out, false);
    keras_node_block(w, s, "kernel", "kernel");
    return s;
}

/* How much "same" puts around n values: before, and in all. */
static size_t same_padding(size_t n, size_t reach, size_t stride)
{
    const size_t all = ((n + stride - 1) / stride - 1) * stride + reach;
    return all > n ? all - n : 0;
}

/* "valid" or "same" where the windows are laid so; else NULL. */
static const char *padding_of(const writer *w, const inv_laid *l)
{
    const size_t rows =
        same_padding(w->layer->in.height, (l->w.height - 1) * l->w.dilation_y + 1, l->w.stride_y);
    const size_t columns =
        same_padding(w->layer->in.width, (l->w.width - 1) * l->w.dilation_x + 1, l->w.stride_x);
    if (l->top + l->bottom + l->left + l->right == 0)
        return "valid";
    return l->top == rows / 2 && l->top + l->bottom == rows && l->left == columns / 2 &&
                   l->left + l->right == columns
               ? "same"
               : NULL;
}

/* The image with zeros around it. */
static inv_spot pad_zeros(writer *w, const char *name, inv_spot s, inv_shape in, size_t top,
                          size_t bottom, size_t left, size_t right)
{
    const inv_shape out = {in.height + top + bottom, in.width + left + right, in.channels};
    if (top + bottom + left + right == 0)
        return s;
    return keras_node_after(
        w, "ZeroPadding2D", name,
        json_pack("{s[oo]}", "padding", keras_json_pair(top, bottom), keras_json_pair(left, right)),
        s, out, true);
}

static inv_shape padded(const writer *w, const inv_laid *l)
{
    const inv_shape in = w->layer->in;
    return (inv_shape){in.height + l->top + l->bottom, in.width + l->left + l->right, in.channels};
}

static json_t *window_config(const char *size_key, const inv_laid *l, const char *padding)
{
    return json_pack("{so so ss}", size_key, keras_json_pair(l->w.height, l->w.width), "strides",
                     keras_json_pair(l->w.stride_y, l->w.stride_x), "padding", padding);
}

static inv_spot write_conv(writer *w, inv_spot in)
{
    const bool is_depthwise = inv_exporting_is(w->layer, "depthwise_conv2d");
    const inv_laid l = inv_exporting_windows(w->layer);
    const char *padding = padding_of(w, &l);
    inv_spot image = keras_node_image(w, in, w->layer->in);
    if (!padding)
        image = pad_zeros(w, TEXT("%s_pad", w->name), image, w->layer->in, l.top, l.bottom, l.left,
                          l.right);
    json_t *config = window_config("kernel_size", &l, padding ? padding : "valid");
    if (l.w.dilation_y > 1 || l.w.dilation_x > 1) {
        json_object_set_new(config, "dilation_rate",
                            keras_json_pair(l.w.dilation_y, l.w.dilation_x));
        if (l.w.stride_y > 1 || l.w.stride_x > 1)
            inv_exporting_refuse(w->e, w->layer,
                                 "Keras takes no convolution with both strides and dilations");
    }
    if (is_depthwise)
        json_object_set_new(config, "depth_multiplier",
                            keras_json_whole(inv_exporting_size(w->layer, "multiplier")));
    else {
        json_object_set_new(config, "filters", keras_json_whole(w->layer->out.channels));
        json_object_set_new(config, "groups",
                            keras_json_whole(inv_exporting_size(w->layer, "groups")));
    }
    json_object_set_new(config, "use_bias", keras_json_flag(inv_exporting_block(w->layer, "bias")));
    const inv_spot s =
        keras_node_after(w, is_depthwise ? "DepthwiseConv2D" : "Conv2D", w->name,
                         keras_with_activation(w, config), image, w->layer->out, true);
    keras_node_block(w, s, "kernel", "kernel");
    keras_node_block(w, s, "bias", "bias");
    return s;
}

/* Keras's without padding, and then cut. */
static inv_spot write_conv_transpose(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    size_t cut[4], more[2];
    inv_shape made = w->layer->out;
    inv_exporting_transposed(w->layer, &l, cut, more);
    made.height += cut[0] + cut[2];
    made.width += cut[1] + cut[3];
    const bool is_cut = cut[0] + cut[1] + cut[2] + cut[3] > 0;
    const inv_spot image = keras_node_image(w, in, w->layer->in);
    if (inv_exporting_size(w->layer, "groups") > 1)
        inv_exporting_refuse(w->e, w->layer, "Keras takes no transposed convolution in groups");
    if ((l.w.stride_y > 1 && l.w.dilation_y > 1) || (l.w.stride_x > 1 && l.w.dilation_x > 1))
        inv_exporting_refuse(w->e, w->layer,
                             "Keras takes no convolution with both strides and dilations");
    json_t *config = window_config("kernel_size", &l, "valid");
    json_object_set_new(config, "filters", keras_json_whole(w->layer->out.channels));
    json_object_set_new(config, "use_bias", keras_json_flag(inv_exporting_block(w->layer, "bias")));
    if (l.w.dilation_y > 1 || l.w.dilation_x > 1)
        json_object_set_new(config, "dilation_rate",
                            keras_json_pair(l.w.dilation_y, l.w.dilation_x));
    /* said, though it may be 0: what Keras adds by itself is for strides longer than windows */
    json_object_set_new(config, "output_padding", keras_json_pair(more[0], more[1]));
    inv_spot s =
        keras_node_after(w, "Conv2DTranspose", w->name,
                         is_cut ? config : keras_with_activation(w, config), image, made, true);
    keras_node_block(w, s, "kernel", "kernel");
    keras_node_block(w, s, "bias", "bias");
    if (is_cut)
        s = keras_node_after(w, "Cropping2D", TEXT("%s_cut", w->name),
                             json_pack("{s[oo]}", "cropping", keras_json_pair(cut[0], cut[2]),
                                       keras_json_pair(cut[1], cut[3])),
                             s, w->layer->out, true);
    return s;
}

/* Each value of each window as a channel of its own. */
static inv_spot lay_windows(writer *w, inv_spot image, const inv_laid *l)
{
    const size_t n = l->w.height * l->w.width, channels = w->layer->in.channels;
    const size_t dims[4] = {l->w.height, l->w.width, channels, n};
    float *ones = inv_exporting_keep(w->e, n * channels * n, sizeof *ones);
    for (size_t v = 0; ones && v < n; v++)
        for (size_t c = 0; c < channels; c++)
            ones[(v * channels + c) * n + v] = 1.0f;
    json_t *config = window_config("kernel_size", l, "valid");
    json_object_set_new(config, "depth_multiplier", keras_json_whole(n));
    json_object_set_new(config, "use_bias", keras_json_flag(false));
    json_object_set_new(config, "trainable", keras_json_flag(false));
    const inv_shape out = {w->layer->out.height, w->layer->out.width, n * channels};
    const inv_spot s = keras_node_after(w, "DepthwiseConv2D", TEXT("%s_windows", w->name), config,
                                        image, out, true);
    keras_node_constant(w, s, "kernel", 4, dims, ones);
    return s;
}

/* A kernel [places, window, out] whose window has its channels last becomes one with them first, as the
 * windows are laid out. */
static void put_local_kernel(writer *w, inv_spot s)
{
    const inv_block *b = inv_exporting_block(w->layer, "kernel");
    const size_t channels = w->layer->in.channels;
    const inv_param p = {.layer = w->layer,
                         .block = b,
                         .from = {b->dims[0], b->dims[1] / channels, channels, b->dims[2]},
                         .axes = {0, 2, 1, 3},
                         .rank = 3,
                         .dims = {b->dims[0], b->dims[1], b->dims[2]}};
    const float *values = inv_exporting_put(w->e, &p, NULL);
    if (!values)
        return;
    keras_node *node = keras_node_of(w, s);
    node->weights[node->weight_count++] = (keras_stored){.name = "kernel",
                                                         .rank = 3,
                                                         .dims = {p.dims[0], p.dims[1], p.dims[2]},
                                                         .values = values,
                                                         .param = w->e->out->count - 1};
}

static inv_spot write_local(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape out = w->layer->out;
    const size_t places = out.height * out.width,
                 size = l.w.height * l.w.width * w->layer->in.channels;
    const inv_shape flat = {places, 1, size}, done = {places, 1, out.channels};
    const size_t bias_dims[2] = {places, out.channels};
    inv_spot s = keras_node_image(w, in, w->layer->in);
    s = pad_zeros(w, TEXT("%s_pad", w->name), s, w->layer->in, l.top, l.bottom, l.left, l.right);
    s = lay_windows(w, s, &l);
    s = keras_node_reshape(w, TEXT("%s_places", w->name), s, flat, true);
    const bool bias = inv_exporting_block(w->layer, "bias");
    json_t *config = json_pack("{ss s[III]}", "equation", "bpqv,pqvo->bpqo", "output_shape",
                               (json_int_t)places, (json_int_t)1, (json_int_t)out.channels);
    if (bias)
        json_object_set_new(config, "bias_axes", json_string("po"));
    json_object_set_new(config, "equation", json_string("bpqv,pvo->bpqo"));
    s = keras_node_after(w, "EinsumDense", w->name, config, s, done, true);
    put_local_kernel(w, s);
    if (bias)
        keras_node_weight(w, s, "bias", "bias", 2, bias_dims);
    return keras_node_reshape(w, TEXT("%s_image", w->name), s, out, true);
}

/* ---- pools, sizes ---- */

/* Of each window, all its places over those that lie in the image. */
static const float *shares(writer *w, const inv_laid *l)
{
    const inv_window *v = &l->w;
    float *out = inv_exporting_keep(w->e, v->out_height * v->out_width, sizeof *out);
    for (size_t i = 0; out && i < v->out_height; i++)
        for (size_t j = 0; j < v->out_width; j++) {
            const inv_span rows = inv_window_rows(v, i), columns = inv_window_columns(v, j);
            out[i * v->out_width + j] =
                (float)(v->height * v->width) / (float)(inv_span_count(rows, v->dilation_y) *
                                                        inv_span_count(columns, v->dilation_x));
        }
    return out;
}

/* With zeros around, and then as much more as they made it less: what backends do at the border of an
 * image differs. */
static inv_spot write_avg_pool(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape out = w->layer->out;
    const size_t dims[3] = {out.height, out.width, 1};
    const bool any = l.top + l.bottom + l.left + l.right > 0;
    const bool counts = inv_exporting_size(w->layer, "count_padding");
    inv_spot s = keras_node_image(w, in, w->layer->in);
    s = pad_zeros(w, TEXT("%s_pad", w->name), s, w->layer->in, l.top, l.bottom, l.left, l.right);
    s = keras_node_after(w, "AveragePooling2D", w->name, window_config("pool_size", &l, "valid"), s,
                         out, true);
    if (any && !counts)
        s = keras_node_after(
            w, "Rescaling", TEXT("%s_share", w->name),
            json_pack("{so sf}", "scale", keras_json_list(shares(w, &l), 3, dims), "offset", 0.0),
            s, out, true);
    return s;
}

/* numpy.pad; the value may be one that no pixel is. */
static inv_spot pad_by_operator(writer *w, inv_spot s, const size_t pads[4], const char *mode,
                                double value, inv_shape out)
{
    const inv_term of[2] = {keras_node_term(w, s), {.number = value}};
    json_t *config = json_pack("{s[oooo] ss}", "pad_width", keras_json_pair(0, 0),
                               keras_json_pair(pads[0], pads[1]), keras_json_pair(pads[2], pads[3]),
                               keras_json_pair(0, 0), "mode", mode);
    const bool is_constant = strcmp(mode, "constant") == 0;
    const inv_term y =
        keras_node_operator(w, "keras.src.ops.numpy", "Pad", config, of, is_constant ? 2 : 1);
    inv_spot padded_spot = {.is_image = true};
    if (w->e->status == INV_OK) {
        padded_spot.node = keras_node_find(w, y.text);
        keras_node_shape(keras_node_of(w, padded_spot), out, true);
    }
    return padded_spot;
}

static inv_spot write_max_pool(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const char *padding = padding_of(w, &l);
    inv_spot s = keras_node_image(w, in, w->layer->in);
    if (l.w.dilation_y > 1 || l.w.dilation_x > 1)
        inv_exporting_refuse(w->e, w->layer, "Keras takes no pool with dilations");
    if (!padding)
        s = pad_by_operator(w, s, (const size_t[]){l.top, l.bottom, l.left, l.right}, "constant",
                            -3e38, padded(w, &l));
    return keras_node_after(w, "MaxPooling2D", w->name,
                            window_config("pool_size", &l, padding ? padding : "valid"), s,
                            w->layer->out, true);
}

static inv_spot write_global_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "global_max_pool");
    return keras_node_after(w, is_max ? "GlobalMaxPooling2D" : "GlobalAveragePooling2D", w->name,
                            json_object(), keras_node_image(w, in, w->layer->in), w->layer->out,
                            false);
}

/* The first or last row (axis 0) or column (1), `times` times beside itself. */
static inv_spot repeat_line(writer *w, inv_spot s, inv_shape shape, size_t axis, bool is_last,
                            size_t times)
{
    size_t cut[4] = {0}, size[2] = {shape.height, shape.width};
    cut[2 * axis + !is_last] = size[axis] - 1;
    size[axis] = 1;
    inv_shape line = {size[0], size[1], shape.channels};
    s = keras_node_after(w, "Cropping2D", TEXT("%s_edge", w->name),
                         json_pack("{s[oo]}", "cropping", keras_json_pair(cut[0], cut[1]),
                                   keras_json_pair(cut[2], cut[3])),
                         s, line, true);
    if (times == 1)
        return s;
    const size_t factor[2] = {axis ? 1 : times, axis ? times : 1};
    line.height *= factor[0];
    line.width *= factor[1];
    return keras_node_after(w, "UpSampling2D", TEXT("%s_edges", w->name),
                            json_pack("{so ss}", "size", keras_json_pair(factor[0], factor[1]),
                                      "interpolation", "nearest"),
                            s, line, true);
}

/* Of layers: not every backend's numpy.pad repeats an edge. */
static inv_spot pad_edge(writer *w, inv_spot s, const size_t pads[4])
{
    inv_shape shape = w->layer->in;
    for (size_t axis = 0; axis < 2; axis++) {
        const size_t before = pads[2 * axis], after = pads[2 * axis + 1];
        inv_spot parts[3];
        size_t count = 0;
        if (before)
            parts[count++] = repeat_line(w, s, shape, axis, false, before);
        parts[count++] = s;
        if (after)
            parts[count++] = repeat_line(w, s, shape, axis, true, after);
        if (count == 1)
            continue;
        *(axis ? &shape.width : &shape.height) += before + after;
        const bool is_last = axis || pads[2] + pads[3] == 0;
        s = keras_node_after_all(w, "Concatenate", is_last ? w->name : TEXT("%s_rows", w->name),
                                 json_pack("{si}", "axis", (int)axis + 1), parts, count, shape,
                                 true);
    }
    return s;
}

static inv_spot write_pad(writer *w, inv_spot in)
{
    const char *mode = inv_exporting_word(w->layer, "mode");
    const double value = inv_exporting_real(w->layer, "value");
    const size_t pads[4] = {
        inv_exporting_size(w->layer, "top"), inv_exporting_size(w->layer, "bottom"),
        inv_exporting_size(w->layer, "left"), inv_exporting_size(w->layer, "right")};
    const inv_spot s = keras_node_image(w, in, w->layer->in);
    if (strcmp(mode, "constant") == 0 && inv_exporting_has(w->layer, "value", 0.0))
        return pad_zeros(w, w->name, s, w->layer->in, pads[0], pads[1], pads[2], pads[3]);
    if (strcmp(mode, "edge") == 0)
        return pad_edge(w, s, pads);
    return pad_by_operator(w, s, pads, mode, value, w->layer->out);
}

static inv_spot write_crop(writer *w, inv_spot in)
{
    return keras_node_after(w, "Cropping2D", w->name,
                            json_pack("{s[oo]}", "cropping",
                                      keras_json_pair(inv_exporting_size(w->layer, "top"),
                                                      inv_exporting_size(w->layer, "bottom")),
                                      keras_json_pair(inv_exporting_size(w->layer, "left"),
                                                      inv_exporting_size(w->layer, "right"))),
                            keras_node_image(w, in, w->layer->in), w->layer->out, true);
}

/* Rows or columns side by side are what is left of a cropped image. */
static inv_spot write_slice(writer *w, inv_spot in)
{
    const char *axis = inv_exporting_word(w->layer, "axis");
    const inv_shape s = w->layer->in, out = w->layer->out;
    const bool of_rows = strcmp(axis, "height") == 0;
    const size_t first = inv_exporting_size(w->layer, "first");
    size_t cut[4] = {0};
    if (strcmp(axis, "channels") == 0 || inv_exporting_size(w->layer, "step") > 1 ||
        inv_exporting_size(w->layer, "backwards"))
        inv_exporting_refuse(w->e, w->layer,
                             "Keras has no layer that takes channels, or every so many-th row");
    cut[of_rows ? 0 : 2] = first;
    cut[of_rows ? 1 : 3] = of_rows ? s.height - first - out.height : s.width - first - out.width;
    return keras_node_after(w, "Cropping2D", w->name,
                            json_pack("{s[oo]}", "cropping", keras_json_pair(cut[0], cut[1]),
                                      keras_json_pair(cut[2], cut[3])),
                            keras_node_image(w, in, s), out, true);
}

static inv_spot write_upsample(writer *w, inv_spot in)
{
    const inv_shape s = w->layer->in, out = w->layer->out;
    const char *how = inv_exporting_word(w->layer, "interpolation");
    const bool is_linear = strcmp(how, "bilinear") == 0;
    const inv_spot image = keras_node_image(w, in, s);
    if (is_linear && inv_exporting_size(w->layer, "align_corners"))
        inv_exporting_refuse(w->e, w->layer, "Keras does not align corners");
    if (!is_linear && strcmp(how, "nearest") != 0)
        inv_exporting_refuse(w->e, w->layer, "Keras counts pixels otherwise");
    if (inv_exporting_real(w->layer, "step_height") > 0.0 ||
        inv_exporting_real(w->layer, "step_width") > 0.0)
        inv_exporting_refuse(w->e, w->layer, "Keras takes no step other than by the sizes");
    if (out.height % s.height == 0 && out.width % s.width == 0)
        return keras_node_after(
            w, "UpSampling2D", w->name,
            json_pack("{so ss}", "size",
                      keras_json_pair(out.height / s.height, out.width / s.width), "interpolation",
                      how),
            image, out, true);
    if (!is_linear)
        inv_exporting_refuse(w->e, w->layer, "Keras rounds other than to a multiple of the size");
    return keras_node_after(w, "Resizing", w->name,
                            json_pack("{so so ss}", "height", keras_json_whole(out.height), "width",
                                      keras_json_whole(out.width), "interpolation", how),
                            image, out, true);
}

static inv_spot write_reshape(writer *w, inv_spot in)
{
    const inv_shape out = w->layer->out;
    return keras_node_reshape(w, w->name, in, out, !inv_exporting_is_row(out));
}

static inv_spot write_flatten(writer *w, inv_spot in)
{
    return in.is_image
               ? keras_node_after(w, "Flatten", w->name, json_object(), in, w->layer->out, false)
               : in;
}

static inv_spot write_permute(writer *w, inv_spot in)
{
    const char *order = inv_exporting_word(w->layer, "order"), *axes = "hwc";
    json_t *dims = json_array();
    for (size_t i = 0; i < 3; i++)
        json_array_append_new(dims, keras_json_whole((size_t)(strchr(axes, order[i]) - axes) + 1));
    return keras_node_after(w, "Permute", w->name, json_pack("{so}", "dims", dims),
                            keras_node_image(w, in, w->layer->in), w->layer->out, true);
}

/* ---- norms ---- */

static inv_spot write_batch_norm(writer *w, inv_spot in)
{
    const inv_spot s = keras_node_after(
        w, "BatchNormalization", w->name,
        json_pack("{si sf sf so so}", "axis", -1, "epsilon",
                  inv_exporting_real(w->layer, "epsilon"), "momentum",
                  inv_exporting_real(w->layer, "momentum"), "scale",
                  keras_json_flag(inv_exporting_block(w->layer, "gamma")), "center",
                  keras_json_flag(inv_exporting_block(w->layer, "beta"))),
        in, w->layer->out, in.is_image);
    keras_node_vector(w, s, "gamma", "gamma");
    keras_node_vector(w, s, "beta", "beta");
    keras_node_vector(w, s, "moving_mean", "mean");
    keras_node_vector(w, s, "moving_variance", "variance");
    return s;
}

/* scale x + offset, numbers given once for each channel or value. */
static inv_spot rescale(writer *w, inv_spot in, const float *scale, const float *offset,
                        size_t rank, const size_t *dims)
{
    return keras_node_after(w, "Rescaling", w->name,
                            json_pack("{so so}", "scale", keras_json_list(scale, rank, dims),
                                      "offset", keras_json_list(offset, rank, dims)),
                            in, w->layer->out, in.is_image);
}

/* (x - beta) f + mean, f = sqrt(variance + epsilon) / gamma */
static inv_spot write_inverse_batch_norm(writer *w, inv_spot in)
{
    const float *gamma = keras_node_told(w, "gamma"), *beta = keras_node_told(w, "beta");
    const float *mean = keras_node_told(w, "mean"), *variance = keras_node_told(w, "variance");
    const size_t n = inv_exporting_block(w->layer, "mean")->size;
    const double epsilon = inv_exporting_real(w->layer, "epsilon");
    float *numbers = inv_exporting_keep(w->e, 2 * n, sizeof *numbers);
    if (n != w->layer->in.channels)
        inv_exporting_refuse(w->e, w->layer, "channels in a row of values are not written");
    for (size_t c = 0; numbers && mean && variance && c < n; c++) {
        const double by = gamma ? (double)gamma[c] : 1.0;
        const double f = fabs(by) < TINY ? 0.0 : sqrt((double)variance[c] + epsilon) / by;
        numbers[c] = (float)f;
        numbers[n + c] = (float)((double)mean[c] - (beta ? (double)beta[c] : 0.0) * f);
    }
    return rescale(w, in, numbers, numbers ? numbers + n : NULL, 1, &n);
}

static inv_spot write_inverse_scale(writer *w, inv_spot in)
{
    const float *kernel = keras_node_told(w, "kernel");
    const size_t n = inv_exporting_block(w->layer, "kernel")->size;
    float *numbers = inv_exporting_keep(w->e, 2 * n, sizeof *numbers);
    for (size_t i = 0; numbers && kernel && i < n; i++)
        numbers[i] = fabs((double)kernel[i]) < TINY ? 0.0f : 1.0f / kernel[i];
    return rescale(w, keras_node_row(w, in, w->layer->in), numbers, numbers ? numbers + n : NULL, 1,
                   &n);
}

static inv_spot write_rescale(writer *w, inv_spot in)
{
    const inv_block *b = inv_exporting_block(w->layer, "scale");
    if (!b)
        return keras_node_after(w, "Rescaling", w->name,
                                json_pack("{sf sf}", "scale", inv_exporting_real(w->layer, "scale"),
                                          "offset", inv_exporting_real(w->layer, "offset")),
                                in, w->layer->out, in.is_image);
    const float *scale = keras_node_told(w, "scale"), *offset = keras_node_told(w, "offset");
    const bool is_flat = b->rank == 1 || !in.is_image;
    return rescale(w, in, scale, offset, is_flat ? 1 : 3, is_flat ? &b->size : b->dims);
}

static inv_spot write_group_norm(writer *w, inv_spot in)
{
    const size_t groups = inv_exporting_size(w->layer, "groups");
    const inv_spot s = keras_node_after(
        w, "GroupNormalization", w->name,
        json_pack("{so si sf so so}", "groups",
                  keras_json_whole(groups ? groups : w->layer->in.channels), "axis", -1, "epsilon",
                  inv_exporting_real(w->layer, "epsilon"), "scale",
                  keras_json_flag(inv_exporting_block(w->layer, "gamma")), "center",
                  keras_json_flag(inv_exporting_block(w->layer, "beta"))),
        in, w->layer->out, in.is_image);
    keras_node_vector(w, s, "gamma", "gamma");
    keras_node_vector(w, s, "beta", "beta");
    return s;
}

/* Axes behind the batch that keys say yes to, and their sizes. */
static json_t *chosen_axes(const inv_layer *layer, const char *const keys[3], bool is_image,
                           size_t dims[3], size_t *count)
{
    const size_t sizes[3] = {layer->in.height, layer->in.width, layer->in.channels};
    json_t *axes = json_array();
    *count = 0;
    for (size_t i = is_image ? 0 : 2; i < 3; i++)
        if (inv_exporting_size(layer, keys[i])) {
            json_array_append_new(axes, keras_json_whole(is_image ? i + 1 : 1));
            dims[(*count)++] = sizes[i];
        }
    return axes;
}

/* The axes of an image in the order in which the chosen ones come last; false where they do. */
static bool put_last(const bool chosen[3], size_t order[3])
{
    size_t n = 0;
    for (int last = 0; last < 2; last++)
        for (size_t i = 0; i < 3; i++)
            if (chosen[i] == last)
                order[n++] = i;
    return order[0] != 0 || order[1] != 1;
}

static inv_spot permute(writer *w, const char *name, inv_spot s, const size_t order[3],
                        inv_shape out)
{
    return keras_node_after(w, "Permute", name,
                            json_pack("{s[III]}", "dims", (json_int_t)order[0] + 1,
                                      (json_int_t)order[1] + 1, (json_int_t)order[2] + 1),
                            s, out, true);
}

/* LayerNormalization and RMSNormalization over the last axis of n places of `size` values. */
static inv_spot norm_last(writer *w, inv_spot in, inv_shape shape, size_t size)
{
    const bool rms = !inv_exporting_size(w->layer, "subtract_mean");
    const bool gamma = inv_exporting_block(w->layer, "gamma");
    if (rms && inv_exporting_block(w->layer, "beta"))
        inv_exporting_refuse(w->e, w->layer, "Keras's RMSNormalization has no beta");
    json_t *config =
        json_pack("{si sf}", "axis", -1, "epsilon", inv_exporting_real(w->layer, "epsilon"));
    if (!rms) {
        json_object_set_new(config, "scale", keras_json_flag(gamma));
        json_object_set_new(config, "center",
                            keras_json_flag(inv_exporting_block(w->layer, "beta")));
    }
    const inv_spot s = keras_node_after(w, rms ? "RMSNormalization" : "LayerNormalization", w->name,
                                        config, in, shape, in.is_image);
    float *ones = rms && !gamma ? inv_exporting_keep(w->e, size, sizeof *ones) : NULL;
    for (size_t i = 0; ones && i < size; i++)
        ones[i] = 1.0f;
    keras_node_constant(w, s, "scale", 1, &size, ones);
    keras_node_vector(w, s, rms ? "scale" : "gamma", "gamma");
    keras_node_vector(w, s, "beta", "beta");
    return s;
}

/* Over one axis, the last: others are brought there, and several made one. (Keras 3.15 loses a list of
 * axes in an .h5 file, and on PyTorch takes other axes than the last for it.) */
static inv_spot write_layer_norm(writer *w, inv_spot in)
{
    const inv_shape s = w->layer->in;
    const size_t sizes[3] = {s.height, s.width, s.channels};
    const bool chosen[3] = {inv_exporting_size(w->layer, "over_height") > 0,
                            inv_exporting_size(w->layer, "over_width") > 0,
                            inv_exporting_size(w->layer, "over_channels") > 0};
    size_t order[3], back[3], size = 1;
    if (!in.is_image && !chosen[2])
        inv_exporting_refuse(w->e, w->layer, "over axes of size 1 is not written");
    if (!in.is_image || (chosen[2] && !chosen[0] && !chosen[1]))
        return norm_last(w, in, s, s.channels);
    const bool turns = put_last(chosen, order);
    const inv_shape turned = {sizes[order[0]], sizes[order[1]], sizes[order[2]]};
    for (size_t i = 0; i < 3; i++) {
        size *= chosen[i] ? sizes[i] : 1;
        back[order[i]] = i;
    }
    const inv_shape flat = {1, inv_shape_size(s) / size, size};
    inv_spot y = turns ? permute(w, TEXT("%s_turn", w->name), in, order, turned) : in;
    y = keras_node_reshape(w, TEXT("%s_flat", w->name), y, flat, true);
    y = norm_last(w, y, flat, size);
    y = keras_node_reshape(w, TEXT("%s_image", w->name), y, turned, true);
    return turns ? permute(w, TEXT("%s_back", w->name), y, back, s) : y;
}

/* ---- weights for each value ---- */

static inv_spot write_prelu(writer *w, inv_spot in)
{
    static const char *const keys[3] = {"share_height", "share_width", "share_channels"};
    const inv_block *alpha = inv_exporting_block(w->layer, "alpha");
    size_t dims[3], count = 0;
    json_t *axes = chosen_axes(w->layer, keys, in.is_image, dims, &count);
    if (count == 0) {
        json_decref(axes);
        axes = json_null();
    }
    const inv_spot s = keras_node_after(w, "PReLU", w->name, json_pack("{so}", "shared_axes", axes),
                                        in, w->layer->out, in.is_image);
    if (in.is_image)
        keras_node_weight(w, s, "alpha", "alpha", 3, alpha->dims);
    else
        keras_node_vector(w, s, "alpha", "alpha");
    return s;
}

/* A weight for each value: a product that sums over nothing. */
static inv_spot write_scale(writer *w, inv_spot in)
{
    const inv_shape s = w->layer->in;
    json_t *config =
        in.is_image ? json_pack("{ss s[III]}", "equation", "bhwc,hwc->bhwc", "output_shape",
                                (json_int_t)s.height, (json_int_t)s.width, (json_int_t)s.channels)
                    : json_pack("{ss s[I]}", "equation", "bc,c->bc", "output_shape",
                                (json_int_t)inv_shape_size(s));
    const inv_spot y =
        keras_node_after(w, "EinsumDense", w->name, config, in, w->layer->out, in.is_image);
    if (in.is_image)
        keras_node_block(w, y, "kernel", "kernel");
    else
        keras_node_vector(w, y, "kernel", "kernel");
    return y;
}

static inv_spot write_dropout(writer *w, inv_spot in)
{
    return keras_node_after(w, "Dropout", w->name,
                            json_pack("{sf}", "rate", inv_exporting_real(w->layer, "rate")), in,
                            w->layer->out, in.is_image);
}

/* ---- where layers meet ---- */

static const struct {
    const char *type, *class;
    size_t most; /* inputs of one layer; 0: any number */
} joins[] = {{"add", "Add", 0},         {"subtract", "Subtract", 2}, {"multiply", "Multiply", 0},
             {"average", "Average", 0}, {"maximum", "Maximum", 0},   {"minimum", "Minimum", 0}};

static inv_spot divide(writer *w, const inv_spot *from, size_t count)
{
    inv_term y = keras_node_term(w, from[0]);
    for (size_t i = 1; i < count; i++)
        y = keras_say(w, "div", (const inv_term[]){y, keras_node_term(w, from[i])}, 2);
    if (w->e->status != INV_OK)
        return from[0];
    const inv_spot s = {.node = keras_node_find(w, y.text), .is_image = from[0].is_image};
    keras_node_shape(keras_node_of(w, s), w->layer->out, s.is_image);
    return s;
}

static inv_spot write_join(writer *w, inv_spot in)
{
    const size_t count = w->layer->input_count;
    const inv_shape out = w->layer->out;
    inv_spot *from = inv_exporting_keep(w->e, count, sizeof *from);
    bool any = !inv_exporting_is_row(out);
    size_t k = 0;
    if (!from)
        return in;
    for (size_t i = 0; i < count; i++)
        any = any || w->e->spots[w->layer->inputs[i].point].is_image;
    for (size_t i = 0; i < count; i++) {
        const inv_input *input = &w->layer->inputs[i];
        from[i] = w->e->spots[input->point];
        from[i] = any ? keras_node_image(w, from[i], input->shape)
                      : keras_node_row(w, from[i], input->shape);
    }
    if (inv_exporting_is(w->layer, "concat")) {
        const char *axis = inv_exporting_word(w->layer, "axis");
        const int at = strcmp(axis, "height") == 0 ? 1 : strcmp(axis, "width") == 0 ? 2 : -1;
        return keras_node_after_all(w, "Concatenate", w->name, json_pack("{si}", "axis", at), from,
                                    count, out, any);
    }
    if (inv_exporting_is(w->layer, "divide"))
        return divide(w, from, count);
    while (k + 1 < sizeof joins / sizeof *joins && !inv_exporting_is(w->layer, joins[k].type))
        k++;
    if (joins[k].most == 0)
        return keras_node_after_all(w, joins[k].class, w->name, json_object(), from, count, out,
                                    any);
    inv_spot s = from[0];
    for (size_t i = 1; i < count; i++)
        s = keras_node_after_all(w, joins[k].class,
                                 i + 1 < count ? TEXT("%s_%zu", w->name, i) : w->name,
                                 json_object(), (const inv_spot[]){s, from[i]}, 2, out, any);
    return s;
}

/* ---- the table ---- */

const inv_layer_row keras_rows[] = {
    {"dense", write_dense},
    {"inverse_dense", write_inverse_dense},
    {"conv2d", write_conv},
    {"depthwise_conv2d", write_conv},
    {"conv2d_transpose", write_conv_transpose},
    {"local", write_local},
    {"max_pool", write_max_pool},
    {"avg_pool", write_avg_pool},
    {"global_avg_pool", write_global_pool},
    {"global_max_pool", write_global_pool},
    {"pad", write_pad},
    {"crop", write_crop},
    {"slice", write_slice},
    {"upsample", write_upsample},
    {"reshape", write_reshape},
    {"flatten", write_flatten},
    {"permute", write_permute},
    {"batch_norm", write_batch_norm},
    {"inverse_batch_norm", write_inverse_batch_norm},
    {"inverse_scale", write_inverse_scale},
    {"group_norm", write_group_norm},
    {"layer_norm", write_layer_norm},
    {"softmax", keras_write_over},
    {"log_softmax", keras_write_over},
    {"sparsemax", keras_refuse_sparsemax},
    {"glu", keras_write_glu},
    {"prelu", write_prelu},
    {"scale", write_scale},
    {"rescale", write_rescale},
    {"dropout", write_dropout},
    {"add", write_join},
    {"subtract", write_join},
    {"multiply", write_join},
    {"divide", write_join},
    {"average", write_join},
    {"maximum", write_join},
    {"minimum", write_join},
    {"concat", write_join},
    {NULL, keras_write_formula},
};
