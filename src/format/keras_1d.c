/* Layers of Keras over one axis, as those over two where the second has one place.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "format/keras_layer.h"

/* The first of a list, or the number itself. */
static json_t *number_of(json_t *value)
{
    return json_is_array(value) ? json_array_get(value, 0) : value;
}

/* What a key says of one axis, said of two. */
static bool widen_key(json_t *config, const char *key, json_t *value)
{
    const bool has_sides = strcmp(key, "padding") == 0 || strcmp(key, "cropping") == 0;
    json_t *first = number_of(value), *second = json_array_get(value, 1);
    if (!json_is_integer(first)) /* "same" */
        return true;
    json_t *both = has_sides ? json_pack("[[OO][ii]]", first, second ? second : first, 0, 0)
                             : json_pack("[Oi]", first, 1);
    return json_object_set_new(config, key, both) == 0;
}

static json_t *widen_config(const keras_layer *l)
{
    static const char *const keys[] = {"kernel_size", "strides", "dilation_rate", "pool_size",
                                       "size",        "padding", "cropping"};
    json_t *config = json_copy(l->config);
    bool good = config != NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keras_get(l, keys[i]))
            good = good && widen_key(config, keys[i], keras_get(l, keys[i]));
    if (!good) {
        json_decref(config);
        return NULL;
    }
    return config;
}

/* "causal": zeros before alone, as many as a window reaches back. */
static inv_status pad_causally(keras *k, const keras_layer *l, json_t *config, keras_tensor *t)
{
    size_t size[2], dilation[2];
    if (strcmp(keras_text(l, "padding", ""), "causal") != 0)
        return INV_OK;
    keras_pair(l, "kernel_size", 1, size);
    keras_pair(l, "dilation_rate", 1, dilation);
    const size_t before = size[0] > 0 ? (size[0] - 1) * dilation[0] : 0;
    if (json_object_set_new(config, "padding", json_string("valid")) != 0)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", k->file);
    inv_status status = keras_want(k, l, keras_last_axis_shape(t), &t->at);
    if (status == INV_OK && before > 0)
        status = keras_add(k, l, ".pad", json_pack("{ss si}", "type", "pad", "top", (int)before),
                           &t->at, &t->at);
    t->dims[0] = t->at.shape.height;
    return status;
}

inv_status keras_add_1d(keras *k, const keras_layer *l, const keras_tensor *from, keras_tensor *out)
{
    char class[INV_NAME_MAX];
    keras_tensor t = *from;
    keras_layer inner = *l;
    inv_status status = INV_OK;
    if (t.rank != 2)
        return keras_refuse(k, l, "goes along one axis, but not two come there");
    if (keras_channels_first(l))
        return keras_refuse(k, l, "channels first, of one axis, is not known");
    snprintf(class, sizeof class, "%s", l->class);
    memcpy(strstr(class, "1D"), "2D", 2);
    inner.class = class;
    inner.config = widen_config(l);
    if (!inner.config)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", k->file);
    INV_TRY(keras_order(k, l, &t));
    t.rank = 3;
    t.dims[2] = t.dims[1];
    t.dims[1] = 1;
    INV_TRY(pad_causally(k, l, inner.config, &t));
    INV_TRY(keras_layer_add(k, &inner, &t, 1, &t));
    if (t.rank == 3) {
        t.rank = 2;
        t.dims[1] = t.dims[2];
    }
    *out = t;
done:
    json_decref(inner.config);
    return status;
}
