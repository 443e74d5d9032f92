/* Pooling layers of Keras.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "format/keras_layer.h"

static inv_status add_pool(keras *k, const keras_layer *l, const char *type,
                           const keras_tensor *from, keras_tensor *out)
{
    const bool first = keras_channels_first(l);
    *out = *from;
    inv_status status = keras_as_image(k, l, first, out);
    if (status == INV_OK)
        status =
            keras_add(k, l, "", keras_window_settings(l, type, "pool_size"), &out->at, &out->at);
    if (status == INV_OK)
        *out = keras_image_tensor(out->at, first);
    return status;
}

inv_status keras_add_max_pool(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    return add_pool(k, l, "max_pool", from, out);
}

/* What "same" puts around n values: less before than behind, where it is uneven. */
static void same_padding(size_t n, size_t size, size_t stride, size_t around[2])
{
    const size_t places = (n + stride - 1) / stride, all = (places - 1) * stride + size;
    around[0] = all > n ? (all - n) / 2 : 0;
    around[1] = all > n ? all - n - around[0] : 0;
}

/* With the torch backend, where the padding of a side is uneven, the edge is repeated all around and
 * counts; with TensorFlow, and where it is even, what lies outside is left out. */
static inv_status repeat_edge(keras *k, const keras_layer *l, keras_tensor *t, bool *padded)
{
    size_t size[2], stride[2], rows[2], columns[2];
    *padded = false;
    keras_pair(l, "pool_size", 2, size);
    memcpy(stride, size, sizeof size);
    if (keras_get(l, "strides"))
        keras_pair(l, "strides", 1, stride);
    if (strcmp(keras_text(l, "padding", "valid"), "same") != 0 || !stride[0] || !stride[1])
        return INV_OK;
    same_padding(t->at.shape.height, size[0], stride[0], rows);
    same_padding(t->at.shape.width, size[1], stride[1], columns);
    if (rows[0] == rows[1] && columns[0] == columns[1])
        return INV_OK;
    *padded = k->is_torch;
    if (k->version == 3 && !k->knows_backend)
        inv_model_note(
            k->model,
            "layer '%s' averages at the border as TensorFlow does; if Keras ran on torch, "
            "say --backend torch",
            l->name);
    return !k->is_torch ? INV_OK
                        : keras_add(k, l, ".edge",
                                    json_pack("{ss ss si si si si}", "type", "pad", "mode", "edge",
                                              "top", (int)rows[0], "bottom", (int)rows[1], "left",
                                              (int)columns[0], "right", (int)columns[1]),
                                    &t->at, &t->at);
}

inv_status keras_add_average_pool(keras *k, const keras_layer *l, const keras_tensor *from,
                                  keras_tensor *out)
{
    const bool first = keras_channels_first(l);
    bool padded = false;
    keras_tensor t = *from;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    INV_TRY(keras_as_image(k, l, first, &t));
    INV_TRY(repeat_edge(k, l, &t, &padded));
    settings = keras_window_settings(l, "avg_pool", "pool_size");
    if (padded)
        json_object_set_new(settings, "padding", json_string("valid"));
    INV_TRY(keras_add(k, l, "", settings, &t.at, &t.at));
    *out = keras_image_tensor(t.at, first);
done:
    return status;
}

static inv_status add_global_pool(keras *k, const keras_layer *l, const char *type,
                                  const keras_tensor *from, keras_tensor *out)
{
    const bool first = keras_channels_first(l);
    *out = *from;
    inv_status status = keras_as_image(k, l, first, out);
    if (status != INV_OK)
        return status;
    status = keras_add(k, l, "", json_pack("{ss}", "type", type), &out->at, &out->at);
    *out = keras_bool(l, "keepdims", false) ? keras_image_tensor(out->at, first)
                                            : keras_flat_tensor(out->at);
    return status;
}

inv_status keras_add_global_max(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    return add_global_pool(k, l, "global_max_pool", from, out);
}

inv_status keras_add_global_average(keras *k, const keras_layer *l, const keras_tensor *from,
                                    keras_tensor *out)
{
    return add_global_pool(k, l, "global_avg_pool", from, out);
}
