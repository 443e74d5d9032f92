/* Layers of Keras that join several values.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "format/keras_layer.h"

/* All in one order: as the net has them where all are turned alike, else as Keras has them. */
static inv_status bring_together(keras *k, const keras_layer *l, keras_tensor *list, size_t count)
{
    bool alike = true;
    for (size_t i = 0; i < count; i++)
        alike = alike && list[i].turned == list[0].turned && !list[i].is_shuffled &&
                list[i].rank == list[0].rank;
    for (size_t i = 0; i < count; i++) {
        inv_status status = INV_OK;
        if (!alike)
            status = keras_order(k, l, &list[i]);
        if (status == INV_OK && !list[i].turned)
            status = keras_want(k, l, keras_last_axis_shape(&list[i]), &list[i].at);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

static inv_status join(keras *k, const keras_layer *l, json_t *settings, keras_tensor *list,
                       size_t count, keras_tensor *out)
{
    inv_place places[KERAS_INPUTS_MAX];
    for (size_t i = 0; i < count; i++)
        places[i] = list[i].at;
    *out = list[0];
    return inv_sketch_add(k->sketch, l->name, "", settings, places, count, &out->at);
}

/* Keras's sizes of what comes of values that count for whole axes. */
static void widen(keras_tensor *out, const keras_tensor *list, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t d = 0; d < out->rank; d++)
            if (list[i].dims[d] > out->dims[d])
                out->dims[d] = list[i].dims[d];
}

inv_status keras_add_merge(keras *k, const keras_layer *l, const char *type, keras_tensor *list,
                           size_t count, keras_tensor *out)
{
    for (size_t i = 1; i < count; i++)
        if (list[i].rank != list[0].rank)
            return keras_refuse(k, l, "inputs of different numbers of axes");
    inv_status status = bring_together(k, l, list, count);
    if (status == INV_OK)
        status = join(k, l, json_pack("{ss}", "type", type), list, count, out);
    if (status == INV_OK)
        widen(out, list, count);
    return status;
}

inv_status keras_add_concatenate(keras *k, const keras_layer *l, const char *type,
                                 keras_tensor *list, size_t count, keras_tensor *out)
{
    static const char *const axes[] = {"height", "width", "channels"};
    const int axis = keras_axis(l, "axis", list[0].rank, -1);
    size_t sum = 0;
    inv_status status = INV_OK;
    if (axis < 1)
        return keras_refuse(k, l, "joins along an axis that is not known");
    for (size_t i = 0; i < count; i++)
        if (list[i].rank != list[0].rank)
            return keras_refuse(k, l, "inputs of different numbers of axes");
    INV_TRY(bring_together(k, l, list, count));
    const size_t rank = list[0].rank;
    const int ours = rank == 3           ? (list[0].turned ? (axis + 1) % 3 : axis - 1)
                     : axis == (int)rank ? 2
                                         : 0;
    for (size_t i = 0; i < count; i++)
        sum += list[i].dims[axis - 1];
    INV_TRY(join(k, l, json_pack("{ss ss}", "type", type, "axis", axes[ours]), list, count, out));
    out->dims[axis - 1] = sum;
done:
    return status;
}
