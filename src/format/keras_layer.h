/* keras_layer.h - what the files of the Keras layers share: the keys of a configuration, values on
 * their way between layers, activations, and what adds each kind of layer.
 *
 * A kind of layer is a function, keras_add_NAME, and a row of the table in keras_layers.c. What it
 * takes, it may bring into another order first; what it gives it says as Keras sees it.
 *
 *     inv_status status = keras_as_image(k, l, keras_channels_first(l), &t);
 *     if (status == INV_OK)
 *         status = keras_add(k, l, "", json_pack("{ss}", "type", "global_max_pool"), &t.at, &t.at);
 *     *out = keras_flat_tensor(t.at);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_KERAS_LAYER_H
#define INVPROJ_KERAS_LAYER_H

#include "format/keras.h"

/* ---- keras_keys.c: what a layer's configuration says ---- */

/* "file: layer 'conv' (Conv2D): why", as an error. */
INV_MUST_CHECK static inline inv_status keras_refuse(const keras *k, const keras_layer *l,
                                                     const char *why)
{
    return INV_ERROR(INV_EFORMAT, "%s: layer '%s' (%.60s): %s", k->file, l->name, l->class, why);
}

/* NULL: the key is not there, or null. */
json_t *keras_get(const keras_layer *l, const char *key);
const char *keras_text(const keras_layer *l, const char *key, const char *otherwise);
double keras_real(const keras_layer *l, const char *key, double otherwise);
bool keras_bool(const keras_layer *l, const char *key, bool otherwise);
/* A whole number from 0 to a million; `otherwise` where it is none. */
size_t keras_size(json_t *value, size_t otherwise);
size_t keras_count(const keras_layer *l, const char *key, size_t otherwise);
/* Two numbers, or one for both. */
void keras_pair(const keras_layer *l, const char *key, size_t otherwise, size_t pair[2]);
/* Whether data_format says so. */
bool keras_channels_first(const keras_layer *l);
/* Axis `axis` of a key, counted as Keras does, the batch included; -1 where it is not there. */
int keras_axis(const keras_layer *l, const char *key, size_t rank, int otherwise);

/* ---- keras_arguments.c: what it may say ---- */

/* An error where a key of the layer is what it cannot be. */
INV_MUST_CHECK inv_status keras_check_arguments(const keras *k, const keras_layer *l);

/* ---- keras_audit.c ---- */

/* INV_EFORMAT: a key that is neither in `known`, a list of words, nor one that changes nothing. */
INV_MUST_CHECK inv_status keras_audit(const keras *k, const keras_layer *l, const char *known);

/* ---- keras_tensor.c: values between layers ---- */

/* Of an image, as Keras sees it. */
keras_tensor keras_image_tensor(inv_place at, bool turned);
keras_tensor keras_flat_tensor(inv_place at);
/* The shape in which Keras's last axis is the channels. */
inv_shape keras_last_axis_shape(const keras_tensor *t);

/* Adds a layer named after `l`; otherwise as inv_sketch_add. */
INV_MUST_CHECK inv_status keras_add(keras *k, const keras_layer *l, const char *ending,
                                    json_t *settings, const inv_place *from, inv_place *out);
/* The same values in another shape. */
INV_MUST_CHECK inv_status keras_want(keras *k, const keras_layer *l, inv_shape shape,
                                     inv_place *at);
/* Moves axes: those of the result are `order` of what is there (0 height, 1 width, 2 channels). */
INV_MUST_CHECK inv_status keras_move(keras *k, const keras_layer *l, const char *ending,
                                     const int order[3], inv_place *at);
/* A flat row in Keras's order, where its image was turned. */
INV_MUST_CHECK inv_status keras_unshuffle(keras *k, const keras_layer *l, keras_tensor *t);
/* Values in Keras's order, for a layer that minds it. */
INV_MUST_CHECK inv_status keras_order(keras *k, const keras_layer *l, keras_tensor *t);
/* An image, channels last in the net, from whichever order Keras has. */
INV_MUST_CHECK inv_status keras_as_image(keras *k, const keras_layer *l, bool channels_first,
                                         keras_tensor *t);
/* Where the layer after the model's input rescales it: what pixels are is then in the file. */
void keras_tells_pixels(keras *k, const keras_tensor *from);

/* ---- keras_activations.c ---- */

/* Puts the activation of a layer that has one as a key among `settings`, where it needs none of its
 * own; `row`: what comes out is a row. True: keras_finish has nothing left to do. */
bool keras_fold(keras *k, const keras_layer *l, json_t *settings, bool row);
/* The activation of a layer that has one as a key, where it is not folded. */
INV_MUST_CHECK inv_status keras_finish(keras *k, const keras_layer *l, bool folded,
                                       keras_tensor *t);

/* ---- keras_conv.c ---- */

/* The keys of a layer with windows, as this program has them. */
json_t *keras_window_settings(const keras_layer *l, const char *type, const char *size_key);

/* ---- layers of one input ---- */

typedef inv_status keras_adder(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out);

/* keras_activations.c */
keras_adder keras_add_activation, keras_add_relu, keras_add_leaky_relu, keras_add_elu,
    keras_add_softmax, keras_add_thresholded, keras_add_prelu, keras_add_dropout, keras_add_nothing;
/* keras_conv.c */
keras_adder keras_add_dense, keras_add_conv2d, keras_add_depthwise, keras_add_separable,
    keras_add_transpose, keras_add_local;
/* keras_1d.c: any class whose name has 1D in place of 2D */
keras_adder keras_add_1d;
/* keras_pools.c */
keras_adder keras_add_max_pool, keras_add_average_pool, keras_add_global_max,
    keras_add_global_average;
/* keras_norms.c */
keras_adder keras_add_batch_norm, keras_add_layer_norm, keras_add_group_norm, keras_add_unit_norm,
    keras_add_rescaling, keras_add_normalization;
/* keras_shapes.c */
keras_adder keras_add_flatten, keras_add_reshape, keras_add_repeat, keras_add_permute,
    keras_add_padding, keras_add_cropping, keras_add_center_crop, keras_add_resizing,
    keras_add_upsampling;

/* A function of Keras that is called like an activation. */
INV_MUST_CHECK inv_status keras_add_function(keras *k, const keras_layer *l, const char *name,
                                             const keras_tensor *from, keras_tensor *out);
/* The activation that a class of functions is ("LogSoftmax": log_softmax); NULL: none. */
const char *keras_function_name(keras *k, const char *class);

/* ---- layers of several inputs, which are changed on the way ---- */

/* `type`: the layer of this program that the class is. */
typedef inv_status keras_joiner(keras *k, const keras_layer *l, const char *type,
                                keras_tensor *list, size_t count, keras_tensor *out);

/* keras_joins.c */
keras_joiner keras_add_merge, keras_add_concatenate;
/* The type of a class that joins values one by one; NULL: it does not. */
const char *keras_merge_type(const char *class);
/* keras_functions.c: what a Functional model calls. An .h5 file of Keras 3 does not say of a class that
 * it is a function; no layer is named so. */
bool keras_is_called(keras *k, const keras_layer *l);
INV_MUST_CHECK inv_status keras_add_called(keras *k, const keras_layer *l, keras_tensor *list,
                                           size_t count, keras_tensor *out);

#endif
