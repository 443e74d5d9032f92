/* Layers of Keras that normalise, or rescale by fixed numbers.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/keras_fill.h"
#include "format/keras_layer.h"

/* ---- batch normalisation ---- */

/* The keys of a layer that normalises: whether it scales and shifts. */
static json_t *norm_settings(const keras_layer *l, const char *type, double epsilon)
{
    json_t *s = json_pack("{ss sf}", "type", type, "epsilon", keras_real(l, "epsilon", epsilon));
    if (s && !keras_bool(l, "scale", true))
        json_object_set_new(s, "use_gamma", json_false());
    if (s && !keras_bool(l, "center", true))
        json_object_set_new(s, "use_beta", json_false());
    return s;
}

static inv_status put_block(keras *k, const keras_layer *l, const inv_place *at, const char *block,
                            const char *names, size_t number)
{
    const inv_tree_array *array = NULL;
    inv_status status = keras_weight_needed(k, l, names, number, &array);
    return status == INV_OK ? inv_sketch_block(k->sketch, at, block, array, NULL, NULL) : status;
}

/* gamma and beta, where there are; *number counts them. */
static inv_status norm_blocks(keras *k, const keras_layer *l, const inv_place *at, size_t *number)
{
    inv_status status = INV_OK;
    if (keras_bool(l, "scale", true))
        INV_TRY(put_block(k, l, at, "gamma", "gamma scale", (*number)++));
    if (keras_bool(l, "center", true))
        INV_TRY(put_block(k, l, at, "beta", "beta", (*number)++));
done:
    return status;
}

/* Of Keras's axis `axis` (0 the first behind the batch), brought last, and back. */
static inv_status to_last(keras *k, const keras_layer *l, keras_tensor *t, int axis, int back[3])
{
    static const int orders[3][3] = {{1, 2, 0}, {0, 2, 1}, {0, 1, 2}};
    static const int backs[3][3] = {{2, 0, 1}, {0, 2, 1}, {0, 1, 2}};
    const int ours = t->turned ? (axis + 2) % 3 : axis; /* channels, height, width: 2, 0, 1 */
    memcpy(back, backs[ours], sizeof backs[ours]);
    if (!t->turned) {
        inv_status status = keras_want(k, l, keras_last_axis_shape(t), &t->at);
        if (status != INV_OK)
            return status;
    }
    return ours == 2 ? INV_OK : keras_move(k, l, ".to", orders[ours], &t->at);
}

inv_status keras_add_batch_norm(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    keras_tensor t = *from;
    const int axis = keras_axis(l, "axis", t.rank, -1);
    int back[3] = {0, 1, 2};
    size_t number = 0;
    bool moved = false;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    if (axis < 1 || keras_count(l, "mode", 0) == 1)
        return keras_refuse(k, l, "normalises over axes that are not known");
    INV_TRY(keras_unshuffle(k, l, &t));
    if (t.rank > 1) {
        const inv_place before = t.at;
        INV_TRY(to_last(k, l, &t, axis == (int)t.rank ? 2 : axis - 1, back));
        moved = strcmp(before.name, t.at.name) != 0;
    } else {
        INV_TRY(keras_want(k, l, keras_last_axis_shape(&t), &t.at));
    }
    settings = norm_settings(l, "batch_norm", 1e-3);
    json_object_set_new(settings, "momentum", json_real(keras_real(l, "momentum", 0.99)));
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(norm_blocks(k, l, &t.at, &number));
    INV_TRY(put_block(k, l, &t.at, "mean", "moving_mean running_mean", number++));
    INV_TRY(put_block(k, l, &t.at, "variance", "moving_variance running_std running_var", number));
    if (moved && (back[0] != 0 || back[1] != 1))
        INV_TRY(keras_move(k, l, ".back", back, &t.at));
    *out = t;
done:
    return status;
}

/* ---- other normalisations ---- */

/* Which of the net's axes a list of Keras's names; false where one is not known. */
static bool axes_of(const keras_layer *l, const char *key, const keras_tensor *t, bool ours[3])
{
    json_t *value = keras_get(l, key);
    const size_t count = json_is_array(value) ? json_array_size(value) : 1;
    memset(ours, 0, 3 * sizeof *ours);
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        int axis = json_is_integer(one) ? (int)json_integer_value(one) : one ? 0 : -1;
        axis += axis < 0 ? (int)t->rank + 1 : 0;
        if (axis < 1 || axis > (int)t->rank)
            return false;
        const int among = t->rank == 3           ? (t->turned ? (axis + 1) % 3 : axis - 1)
                          : axis == (int)t->rank ? 2
                                                 : 0;
        ours[among] = true;
    }
    return true;
}

inv_status keras_add_layer_norm(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    const bool rms = strcmp(l->class, "RMSNormalization") == 0;
    keras_tensor t = *from;
    bool axes[3];
    size_t number = 0;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(keras_order(k, l, &t));
    INV_TRY(keras_want(k, l, keras_last_axis_shape(&t), &t.at));
    if (!axes_of(l, "axis", &t, axes) || keras_bool(l, "rms_scaling", false))
        return keras_refuse(k, l, "normalises in a way that is not known");
    settings = norm_settings(l, "layer_norm", rms ? 1e-6 : 1e-3);
    json_object_set_new(settings, "over_height", json_boolean(axes[0]));
    json_object_set_new(settings, "over_width", json_boolean(axes[1]));
    json_object_set_new(settings, "over_channels", json_boolean(axes[2]));
    if (rms) {
        json_object_set_new(settings, "subtract_mean", json_false());
        json_object_set_new(settings, "use_gamma", json_true());
        json_object_set_new(settings, "use_beta", json_false());
    }
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    if (rms)
        INV_TRY(put_block(k, l, &t.at, "gamma", "scale gamma", 0));
    else
        INV_TRY(norm_blocks(k, l, &t.at, &number));
    *out = t;
done:
    return status;
}

inv_status keras_add_group_norm(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    keras_tensor t = *from;
    const int axis = keras_axis(l, "axis", t.rank, -1);
    const json_int_t groups =
        keras_get(l, "groups") ? json_integer_value(keras_get(l, "groups")) : 32;
    size_t number = 0;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    if (groups == 0)
        return keras_refuse(k, l, "groups=0: must be a whole number from 1 on, or -1");
    if (axis != (t.turned ? 1 : (int)t.rank))
        return keras_refuse(k, l, "normalises groups of another axis than the channels");
    INV_TRY(keras_unshuffle(k, l, &t));
    if (!t.turned)
        INV_TRY(keras_want(k, l, keras_last_axis_shape(&t), &t.at));
    settings = norm_settings(l, "group_norm", 1e-3);
    json_object_set_new(settings, "groups", json_integer(groups < 0 ? 0 : groups));
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    INV_TRY(norm_blocks(k, l, &t.at, &number));
    *out = t;
done:
    return status;
}

/* x / max(|x|, 1e-6) along the last axis, which is RMS normalisation by another factor. */
inv_status keras_add_unit_norm(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    keras_tensor t = *from;
    inv_status status = INV_OK;
    if (keras_axis(l, "axis", t.rank, -1) != (int)t.rank)
        return keras_refuse(k, l, "normalises over another axis than the last");
    INV_TRY(keras_order(k, l, &t));
    INV_TRY(keras_want(k, l, keras_last_axis_shape(&t), &t.at));
    INV_TRY(keras_add(k, l, ".rms",
                      json_pack("{ss sf sb sb sb}", "type", "layer_norm", "epsilon", 1e-30,
                                "subtract_mean", 0, "use_gamma", 0, "use_beta", 0),
                      &t.at, &t.at));
    INV_TRY(keras_add(
        k, l, "",
        json_pack("{ss sf}", "type", "rescale", "scale", 1.0 / sqrt((double)t.dims[t.rank - 1])),
        &t.at, &t.at));
    *out = t;
done:
    return status;
}

/* ---- fixed numbers ---- */

/* The number of values of a key: 1 for a number, 0 where it is not there. */
static size_t numbers_in(json_t *value)
{
    while (json_is_array(value) && json_array_size(value) == 1 &&
           json_is_array(json_array_get(value, 0)))
        value = json_array_get(value, 0); /* lists of one, one for each axis */
    return json_is_array(value) ? json_array_size(value) : json_is_number(value);
}

static double number_in(json_t *value, size_t i, double otherwise)
{
    while (json_is_array(value) && json_array_size(value) == 1)
        value = json_array_get(value, 0);
    if (json_is_array(value))
        value = json_array_get(value, i);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* y = scale x + offset, one of each for every channel. */
static inv_status rescale_channels(keras *k, const keras_layer *l, size_t channels, float *scale,
                                   float *offset, inv_place *at)
{
    void *context[2] = {NULL};
    const float *numbers[2] = {scale, offset};
    inv_status status =
        keras_add(k, l, "", json_pack("{ss ss}", "type", "rescale", "per", "channel"), at, at);
    for (int i = 0; i < 2 && status == INV_OK; i++) {
        status = inv_sketch_keep(k->sketch, channels, sizeof(float), &context[i]);
        if (status != INV_OK)
            return status;
        memcpy(context[i], numbers[i], channels * sizeof(float));
        status = inv_sketch_block(k->sketch, at, i ? "offset" : "scale", NULL, keras_fill_copy,
                                  context[i]);
    }
    return status;
}

inv_status keras_add_rescaling(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    keras_tensor t = *from;
    json_t *scale = keras_get(l, "scale"), *offset = keras_get(l, "offset");
    const size_t n = t.dims[t.rank - 1];
    void *numbers = NULL;
    inv_status status = INV_OK;
    keras_tells_pixels(k, from);
    if (numbers_in(scale) <= 1 && numbers_in(offset) <= 1) {
        *out = t;
        return keras_add(k, l, "",
                         json_pack("{ss sf sf}", "type", "rescale", "scale",
                                   number_in(scale, 0, 1.0), "offset", number_in(offset, 0, 0.0)),
                         &out->at, &out->at);
    }
    if ((numbers_in(scale) > 1 && numbers_in(scale) != n) ||
        (numbers_in(offset) > 1 && numbers_in(offset) != n))
        return keras_refuse(k, l, "scales of another number than there are channels");
    INV_TRY(keras_order(k, l, &t));
    INV_TRY(keras_want(k, l, keras_last_axis_shape(&t), &t.at));
    INV_TRY(inv_calloc(2 * n, sizeof(float), k->file, &numbers));
    for (size_t i = 0; i < n; i++) {
        ((float *)numbers)[i] = (float)number_in(scale, i, 1.0);
        ((float *)numbers)[n + i] = (float)number_in(offset, i, 0.0);
    }
    INV_TRY(rescale_channels(k, l, n, numbers, (float *)numbers + n, &t.at));
    *out = t;
done:
    free(numbers);
    return status;
}

/* Mean and variance as the key or, adapted to data, as variables have them; *count values. */
static inv_status read_statistic(keras *k, const keras_layer *l, const char *key, size_t number,
                                 size_t n, float **out, size_t *count)
{
    const inv_tree_array *array = NULL;
    json_t *value = keras_get(l, key);
    void *memory = NULL;
    inv_status status = INV_OK;
    *count = numbers_in(value);
    if (*count == 0) {
        INV_TRY(keras_weight_needed(k, l, key, number, &array));
        *count = array->count;
    }
    if (*count != 1 && *count != n)
        return keras_refuse(k, l, "statistics of another number than there are channels");
    INV_TRY(inv_calloc(n, sizeof(float), k->file, &memory));
    *out = memory;
    if (array)
        INV_TRY(inv_tree_floats(array, *out));
    for (size_t i = 0; !array && i < *count; i++)
        (*out)[i] = (float)number_in(value, i, 0.0);
    for (size_t i = *count; i < n; i++)
        (*out)[i] = (*out)[0];
done:
    return status;
}

/* (x - mean) / max(sqrt(variance), 1e-7), or with `invert` back. */
inv_status keras_add_normalization(keras *k, const keras_layer *l, const keras_tensor *from,
                                   keras_tensor *out)
{
    keras_tensor t = *from;
    json_t *axis = keras_get(l, "axis");
    const bool all = !axis || (json_is_array(axis) && json_array_size(axis) == 0);
    const size_t n = t.dims[t.rank - 1];
    float *mean = NULL, *variance = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    if (!all && keras_axis(l, "axis", t.rank, -1) != (int)t.rank)
        return keras_refuse(k, l, "normalises over other axes than the last");
    keras_tells_pixels(k, from);
    INV_TRY(keras_order(k, l, &t));
    INV_TRY(keras_want(k, l, keras_last_axis_shape(&t), &t.at));
    INV_TRY(read_statistic(k, l, "mean", 0, n, &mean, &count));
    INV_TRY(read_statistic(k, l, "variance", 1, n, &variance, &count));
    for (size_t i = 0; i < n; i++)
        if (!(variance[i] >= 0.0f))
            INV_RAISE(keras_refuse(k, l, "a variance below 0"));
    for (size_t i = 0; i < n; i++) {
        const double deviation = fmax(sqrt((double)variance[i]), 1e-7);
        const bool back = keras_bool(l, "invert", false);
        variance[i] = (float)(back ? deviation : 1.0 / deviation);
        mean[i] = (float)(back ? (double)mean[i] : -(double)mean[i] / deviation);
    }
    INV_TRY(rescale_channels(k, l, n, variance, mean, &t.at));
    *out = t;
done:
    free(mean);
    free(variance);
    return status;
}
