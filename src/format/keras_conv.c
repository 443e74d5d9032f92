/* Dense layers, convolutions and pooling of Keras.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "format/keras_fill.h"
#include "format/keras_layer.h"

/* ---- dense ---- */

static inv_status bias_block(keras *k, const keras_layer *l, const inv_place *at, bool has_bias,
                             size_t number)
{
    const inv_tree_array *bias = NULL;
    if (!has_bias)
        return inv_sketch_block(k->sketch, at, "bias", NULL, keras_fill_zeros, NULL);
    inv_status status = keras_weight_needed(k, l, "bias b", number, &bias);
    return status == INV_OK ? inv_sketch_block(k->sketch, at, "bias", bias, NULL, NULL) : status;
}

/* What follows the kernel of any convolution: the bias, which is weight `bias` of the layer (0: it has
 * none), and the activation. */
static inv_status end_convolution(keras *k, const keras_layer *l, const inv_place *at, size_t bias,
                                  bool folded, keras_tensor *out)
{
    inv_status status = INV_OK;
    if (bias > 0)
        INV_TRY(bias_block(k, l, at, true, bias));
    keras_tensor t = keras_image_tensor(*at, keras_channels_first(l));
    INV_TRY(keras_finish(k, l, folded, &t));
    *out = t;
done:
    return status;
}

/* A .keras file holds the sum of a kernel and its LoRA; an .h5 file the two apart. */
static inv_status read_lora(keras *k, const keras_layer *l, keras_lora *lora)
{
    const double rank = keras_real(l, "lora_rank", 0.0);
    inv_status status = INV_OK;
    if (k->layout != KERAS_NAMED || !(rank > 0.0))
        return INV_OK;
    INV_TRY(keras_weight_needed(k, l, "lora_kernel_a", 9, &lora->a));
    INV_TRY(keras_weight_needed(k, l, "lora_kernel_b", 9, &lora->b));
    lora->part = keras_real(l, "lora_alpha", rank) / rank;
done:
    return status;
}

/* What makes a kernel of what is stored: whole numbers with scales, or two kernels (LoRA). */
static inv_status dense_kernel(keras *k, const keras_layer *l, const keras_tensor *from,
                               size_t units, keras_dense *dense, const inv_tree_array **kernel)
{
    const bool has_bias = keras_bool(l, "use_bias", true);
    size_t next = has_bias ? 2 : 1;
    inv_status status = INV_OK;
    INV_TRY(keras_weight_needed(k, l, "kernel W", 0, kernel));
    dense->units = units;
    dense->is_shuffled = from->is_shuffled;
    dense->image = from->flattened;
    if ((*kernel)->kind == 'i' || (*kernel)->kind == 'u') {
        INV_TRY(keras_weight_needed(k, l, "kernel_scale", next++, &dense->scale));
        INV_TRY(keras_weight(k, l, "kernel_zero", next++, &dense->zero));
        INV_TRY(keras_weight(k, l, "g_idx", next++, &dense->group));
        inv_model_note(k->model,
                       "layer '%s' is of whole numbers; Keras rounds its inputs too, here they are "
                       "not: outputs may differ by a hundredth",
                       l->name);
    }
    INV_TRY(read_lora(k, l, &dense->lora));
done:
    return status;
}

/* On a row of values; on the last axis of more, which is a convolution of one pixel. */
inv_status keras_add_dense(keras *k, const keras_layer *l, const keras_tensor *from,
                           keras_tensor *out)
{
    keras_tensor t = *from;
    const size_t units = keras_count(l, "units", 0);
    const inv_tree_array *kernel = NULL;
    void *dense = NULL;
    inv_status status = INV_OK;
    if (units == 0)
        return keras_refuse(k, l, "does not say how many units it has");
    if (t.rank > 1) {
        INV_TRY(keras_order(k, l, &t));
        INV_TRY(keras_want(k, l, keras_last_axis_shape(&t), &t.at));
    }
    INV_TRY(inv_sketch_keep(k->sketch, 1, sizeof(keras_dense), &dense));
    INV_TRY(dense_kernel(k, l, &t, units, dense, &kernel));
    json_t *settings = t.rank == 1 ? json_pack("{ss si}", "type", "dense", "units", (int)units)
                                   : json_pack("{ss si si ss}", "type", "conv2d", "filters",
                                               (int)units, "size", 1, "padding", "valid");
    const bool folded = keras_fold(k, l, settings, t.rank == 1);
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "kernel", kernel, keras_fill_dense, dense));
    INV_TRY(bias_block(k, l, &t.at, keras_bool(l, "use_bias", true), 1));
    t.dims[t.rank - 1] = units;
    t.is_shuffled = false;
    INV_TRY(keras_finish(k, l, folded, &t));
    *out = t;
done:
    return status;
}

/* ---- convolutions ---- */

/* The keys of a layer with windows, as this program has them. */
json_t *keras_window_settings(const keras_layer *l, const char *type, const char *size_key)
{
    size_t size[2], stride[2], dilation[2];
    keras_pair(l, size_key, 2, size);
    keras_pair(l, "strides", 1, stride);
    keras_pair(l, "dilation_rate", 1, dilation);
    if (!keras_get(l, "strides") && strcmp(size_key, "pool_size") == 0)
        memcpy(stride, size, sizeof size);
    json_t *s = json_pack("{ss si si ss}", "type", type, "height", (int)size[0], "width",
                          (int)size[1], "padding", keras_text(l, "padding", "valid"));
    if (s && stride[0] == stride[1])
        json_object_set_new(s, "stride", json_integer((json_int_t)stride[0]));
    if (s && stride[0] != stride[1]) {
        json_object_set_new(s, "stride_height", json_integer((json_int_t)stride[0]));
        json_object_set_new(s, "stride_width", json_integer((json_int_t)stride[1]));
    }
    if (s && dilation[0] * dilation[1] != 1) {
        json_object_set_new(s, "dilation_height", json_integer((json_int_t)dilation[0]));
        json_object_set_new(s, "dilation_width", json_integer((json_int_t)dilation[1]));
    }
    return s;
}

/* How the kernel is stored: Keras 0 and 1 have Theano's order, channels out first, with channels
 * first; Theano turns every kernel about. */
static inv_status conv_kernel(keras *k, const keras_layer *l, const inv_place *in, size_t out,
                              size_t groups, keras_conv **conv)
{
    void *memory = NULL;
    size_t size[2];
    inv_status status = inv_sketch_keep(k->sketch, 1, sizeof(keras_conv), &memory);
    keras_pair(l, "kernel_size", 1, size);
    *conv = memory;
    if (status != INV_OK)
        return status;
    **conv = (keras_conv){.height = size[0],
                          .width = size[1],
                          .in = in->shape.channels / (groups ? groups : 1),
                          .out = out};
    (*conv)->out_first = k->version >= 0 && k->version < 2 && keras_channels_first(l);
    (*conv)->flip = k->is_theano || ((*conv)->out_first && !k->knows_backend);
    return INV_OK;
}

inv_status keras_add_conv2d(keras *k, const keras_layer *l, const keras_tensor *from,
                            keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = keras_channels_first(l);
    const size_t filters = keras_count(l, "filters", 0), groups = keras_count(l, "groups", 1);
    const inv_tree_array *kernel = NULL;
    keras_conv *conv = NULL;
    inv_status status = INV_OK;
    INV_TRY(keras_as_image(k, l, first, &t));
    INV_TRY(conv_kernel(k, l, &t.at, filters, groups, &conv));
    INV_TRY(read_lora(k, l, &conv->lora));
    INV_TRY(keras_weight_needed(k, l, "kernel W", 0, &kernel));
    json_t *settings = keras_window_settings(l, "conv2d", "kernel_size");
    json_object_set_new(settings, "filters", json_integer((json_int_t)filters));
    if (groups != 1)
        json_object_set_new(settings, "groups", json_integer((json_int_t)groups));
    const bool has_bias = keras_bool(l, "use_bias", true);
    if (!has_bias)
        json_object_set_new(settings, "use_bias", json_false());
    const bool folded = keras_fold(k, l, settings, false);
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "kernel", kernel, keras_fill_conv, conv));
    INV_TRY(end_convolution(k, l, &t.at, has_bias ? 1 : 0, folded, out));
done:
    return status;
}

/* ---- depthwise and transposed convolutions ---- */

/* A kernel [height, width, in, multiplier] as it is, or turned about. */
static inv_status depthwise_kernel(keras *k, const keras_layer *l, const inv_place *in,
                                   size_t multiplier, const inv_place *at)
{
    const inv_tree_array *kernel = NULL;
    keras_conv *conv = NULL;
    inv_status status = INV_OK;
    INV_TRY(conv_kernel(k, l, in, multiplier, 1, &conv));
    INV_TRY(keras_weight_needed(k, l, "depthwise_kernel kernel", 0, &kernel));
    INV_TRY(inv_sketch_block(k->sketch, at, "kernel", kernel, keras_fill_conv, conv));
done:
    return status;
}

static json_t *depthwise_settings(const keras_layer *l, size_t multiplier, bool has_bias)
{
    json_t *s = keras_window_settings(l, "depthwise_conv2d", "kernel_size");
    json_object_set_new(s, "multiplier", json_integer((json_int_t)multiplier));
    if (!has_bias)
        json_object_set_new(s, "use_bias", json_false());
    return s;
}

inv_status keras_add_depthwise(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = keras_channels_first(l), has_bias = keras_bool(l, "use_bias", true);
    const size_t multiplier = keras_count(l, "depth_multiplier", 1);
    json_t *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(keras_as_image(k, l, first, &t));
    const inv_place in = t.at;
    settings = depthwise_settings(l, multiplier, has_bias);
    const bool folded = keras_fold(k, l, settings, false);
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(depthwise_kernel(k, l, &in, multiplier, &t.at));
    INV_TRY(end_convolution(k, l, &t.at, has_bias ? 1 : 0, folded, out));
done:
    return status;
}

/* A depthwise convolution, and one of single pixels. */
inv_status keras_add_separable(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    char name[2 * INV_NAME_MAX];
    keras_tensor t = *from;
    const bool first = keras_channels_first(l), has_bias = keras_bool(l, "use_bias", true);
    const size_t multiplier = keras_count(l, "depth_multiplier", 1),
                 filters = keras_count(l, "filters", 0);
    const inv_tree_array *pointwise = NULL;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(keras_as_image(k, l, first, &t));
    const inv_place in = t.at;
    snprintf(name, sizeof name, "%.48s_depth", l->name);
    INV_TRY(inv_sketch_add(k->sketch, name, "", depthwise_settings(l, multiplier, false), &t.at, 1,
                           &t.at));
    INV_TRY(depthwise_kernel(k, l, &in, multiplier, &t.at));
    INV_TRY(keras_weight_needed(k, l, "pointwise_kernel", 1, &pointwise));
    settings = json_pack("{ss si si ss sb}", "type", "conv2d", "filters", (int)filters, "size", 1,
                         "padding", "valid", "use_bias", has_bias);
    const bool folded = keras_fold(k, l, settings, false);
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "kernel", pointwise, NULL, NULL));
    INV_TRY(end_convolution(k, l, &t.at, has_bias ? 2 : 0, folded, out));
done:
    return status;
}

/* Where output_padding is given, Keras's "same" is cut otherwise (conv2d_transpose.c says how). */
static inv_status transpose_padding(const keras *k, const keras_layer *l, json_t *settings)
{
    size_t size[2], more[2], dilation[2];
    if (!keras_get(l, "output_padding"))
        return INV_OK;
    keras_pair(l, "output_padding", 0, more);
    keras_pair(l, "kernel_size", 1, size);
    keras_pair(l, "dilation_rate", 1, dilation);
    if (strcmp(keras_text(l, "padding", "valid"), "same") != 0) {
        json_object_set_new(settings, "padding", json_string("explicit"));
        json_object_set_new(settings, "output_padding_height", json_integer((json_int_t)more[0]));
        json_object_set_new(settings, "output_padding_width", json_integer((json_int_t)more[1]));
        return INV_OK;
    }
    static const char *const before[] = {"top", "left"}, *const after[] = {"bottom", "right"};
    for (int i = 0; i < 2; i++) {
        const size_t reach = (size[i] - 1) * dilation[i] + 1;
        if (size[i] == 0 || reach / 2 < (more[i] + 1) / 2)
            return keras_refuse(k, l, "more output_padding than half a window");
        json_object_set_new(settings, before[i],
                            json_integer((json_int_t)(reach / 2 - (more[i] + 1) / 2)));
        json_object_set_new(settings, after[i],
                            json_integer((json_int_t)(reach / 2 - more[i] / 2)));
    }
    json_object_set_new(settings, "padding", json_string("explicit"));
    return INV_OK;
}

/* Its kernel is [height, width, out, in]. */
inv_status keras_add_transpose(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = keras_channels_first(l), has_bias = keras_bool(l, "use_bias", true);
    const size_t filters = keras_count(l, "filters", 0);
    const inv_tree_array *kernel = NULL;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    if (k->is_theano || (k->version >= 0 && k->version < 2))
        return keras_refuse(k, l, "a transposed convolution of a Keras before 2, or of Theano");
    INV_TRY(keras_as_image(k, l, first, &t));
    INV_TRY(keras_weight_needed(k, l, "kernel", 0, &kernel));
    if (kernel->rank == 4 && (kernel->dims[2] != filters || kernel->dims[3] != t.at.shape.channels))
        return keras_refuse(k, l, "a kernel of other sizes");
    settings = keras_window_settings(l, "conv2d_transpose", "kernel_size");
    json_object_set_new(settings, "filters", json_integer((json_int_t)filters));
    if (!has_bias)
        json_object_set_new(settings, "use_bias", json_false());
    status = transpose_padding(k, l, settings);
    if (status != INV_OK) {
        json_decref(settings);
        return status;
    }
    const bool folded = keras_fold(k, l, settings, false);
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "kernel", kernel, NULL, NULL));
    INV_TRY(end_convolution(k, l, &t.at, has_bias ? 1 : 0, folded, out));
done:
    return status;
}

/* ---- kernels of their own ---- */

/* Keras 2's implementation 1, whose kernel is [places, window, out] as here. */
inv_status keras_add_local(keras *k, const keras_layer *l, const keras_tensor *from,
                           keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = keras_channels_first(l), has_bias = keras_bool(l, "use_bias", true);
    const inv_tree_array *kernel = NULL;
    inv_status status = INV_OK;
    if (first || keras_count(l, "implementation", 1) != 1)
        return keras_refuse(k, l, "a kernel in an order that is not known");
    INV_TRY(keras_as_image(k, l, first, &t));
    INV_TRY(keras_weight_needed(k, l, "kernel", 0, &kernel));
    json_t *settings = keras_window_settings(l, "local", "kernel_size");
    json_object_set_new(settings, "filters",
                        json_integer((json_int_t)keras_count(l, "filters", 0)));
    json_object_set_new(settings, "use_bias", json_boolean(has_bias));
    const bool folded = keras_fold(k, l, settings, false);
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(inv_sketch_block(k->sketch, &t.at, "kernel", kernel, NULL, NULL));
    INV_TRY(end_convolution(k, l, &t.at, has_bias ? 1 : 0, folded, out));
done:
    return status;
}
