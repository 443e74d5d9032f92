/* Values between Keras layers: in which order Keras has their axes, and in which the net.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "format/keras_layer.h"

/* ---- tensors ---- */

static keras_tensor tensor(inv_place at, size_t rank, size_t a, size_t b, size_t c)
{
    return (keras_tensor){.at = at, .rank = rank, .dims = {a, b, c}};
}

/* Of an image, as Keras sees it. */
keras_tensor keras_image_tensor(inv_place at, bool turned)
{
    keras_tensor t = turned ? tensor(at, 3, at.shape.channels, at.shape.height, at.shape.width)
                            : tensor(at, 3, at.shape.height, at.shape.width, at.shape.channels);
    t.turned = turned;
    return t;
}

keras_tensor keras_flat_tensor(inv_place at)
{
    return tensor(at, 1, inv_shape_size(at.shape), 0, 0);
}

/* The shape in which Keras's last axis is the channels. */
inv_shape keras_last_axis_shape(const keras_tensor *t)
{
    if (t->rank == 1)
        return (inv_shape){1, 1, t->dims[0]};
    return t->rank == 2 ? (inv_shape){t->dims[0], 1, t->dims[1]}
                        : (inv_shape){t->dims[0], t->dims[1], t->dims[2]};
}

static bool is_shape(inv_shape a, inv_shape b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

inv_status keras_add(keras *k, const keras_layer *l, const char *ending, json_t *settings,
                     const inv_place *from, inv_place *out)
{
    return inv_sketch_add(k->sketch, l->name, ending, settings, from, 1, out);
}

/* The same values in another shape. */
inv_status keras_want(keras *k, const keras_layer *l, inv_shape shape, inv_place *at)
{
    if (is_shape(at->shape, shape))
        return INV_OK;
    if (shape.height == 1 && shape.width == 1)
        return keras_add(k, l, ".flat", json_pack("{ss}", "type", "flatten"), at, at);
    return keras_add(k, l, ".shape",
                     json_pack("{ss si si si}", "type", "reshape", "height", (int)shape.height,
                               "width", (int)shape.width, "channels", (int)shape.channels),
                     at, at);
}

/* Moves axes: those of the result are `order` of what is there (0 height, 1 width, 2 channels). */
inv_status keras_move(keras *k, const keras_layer *l, const char *ending, const int order[3],
                      inv_place *at)
{
    const inv_shape s = at->shape;
    const size_t sizes[3] = {s.height, s.width, s.channels};
    size_t left = 0, moved[3] = {0};
    for (int i = 0; i < 3; i++)
        if (sizes[order[i]] > 1)
            moved[left++] = (size_t)order[i];
    bool same = true; /* axes of one value may be anywhere */
    for (size_t i = 1; i < left; i++)
        same = same && moved[i - 1] < moved[i];
    if (same)
        return keras_want(k, l, (inv_shape){sizes[order[0]], sizes[order[1]], sizes[order[2]]}, at);
    const char named[4] = {"hwc"[order[0]], "hwc"[order[1]], "hwc"[order[2]], 0};
    return keras_add(k, l, ending, json_pack("{ss ss}", "type", "permute", "order", named), at, at);
}

/* A flat row in Keras's order, where its image was turned: the image back, and moved. */
inv_status keras_unshuffle(keras *k, const keras_layer *l, keras_tensor *t)
{
    static const int channels_first[3] = {2, 0, 1};
    if (!t->is_shuffled)
        return INV_OK;
    t->is_shuffled = false;
    inv_status status = keras_want(k, l, t->flattened, &t->at);
    if (status == INV_OK)
        status = keras_move(k, l, ".order", channels_first, &t->at);
    return status == INV_OK ? keras_want(k, l, (inv_shape){1, 1, t->dims[0]}, &t->at) : status;
}

/* Values in Keras's order, for a layer that minds it. */
inv_status keras_order(keras *k, const keras_layer *l, keras_tensor *t)
{
    static const int channels_first[3] = {2, 0, 1};
    inv_status status = keras_unshuffle(k, l, t);
    if (status != INV_OK || !t->turned)
        return status;
    t->turned = false;
    return keras_move(k, l, ".turn", channels_first, &t->at);
}

inv_status keras_output(keras *k, keras_tensor *t)
{
    const keras_layer last = {.name = "last"};
    return keras_order(k, &last, t);
}

/* An image, channels last in the net, from whichever order Keras has. */
inv_status keras_as_image(keras *k, const keras_layer *l, bool channels_first, keras_tensor *t)
{
    static const int channels_last[3] = {1, 2, 0};
    if (t->rank != 3)
        return keras_refuse(k, l, "takes images, but what comes there has no three axes");
    if (channels_first == t->turned)
        return channels_first ? INV_OK : keras_want(k, l, keras_last_axis_shape(t), &t->at);
    inv_status status = keras_order(k, l, t);
    if (status == INV_OK)
        status = keras_want(k, l, keras_last_axis_shape(t), &t->at);
    if (status != INV_OK || !channels_first)
        return status;
    t->turned = true;
    return keras_move(k, l, ".turn", channels_last, &t->at);
}

inv_status keras_input(keras *k, size_t rank, const size_t *dims, keras_tensor *out)
{
    keras_tensor t = {.rank = rank};
    inv_shape shape = {dims[0], rank > 1 ? dims[1] : 1, rank > 2 ? dims[2] : 1};
    memcpy(t.dims, dims, rank * sizeof *dims);
    if (rank == 0)
        return INV_ERROR(INV_EFORMAT, "%s: its input is single numbers, not images", k->file);
    if (rank == 1) { /* a row of values was an image once, if their number is a square */
        const size_t side = (size_t)rint(sqrt((double)dims[0]));
        const bool square = side * side == dims[0] && side > 1;
        shape = square ? (inv_shape){side, side, 1} : (inv_shape){1, dims[0], 1};
        if (square)
            inv_model_note(k->model, "its input is rows of %zu values, shown as %zu x %zu images",
                           dims[0], side, side);
    }
    t.turned = rank == 3 && (k->turns_input || k->how->channels_first);
    if (t.turned)
        shape = (inv_shape){dims[1], dims[2], dims[0]};
    k->model->input_rank = rank;
    memcpy(k->model->input_dims, dims, rank * sizeof *dims);
    k->model->channels_first = t.turned;
    inv_status status = inv_model_input(k->how, k->model, k->sketch, shape, &t.at);
    *out = t;
    return status;
}

/* Of the last axis of the model's input: what pixels are is then in the file. */
void keras_tells_pixels(keras *k, const keras_tensor *from)
{
    if (*from->at.name)
        return;
    k->model->scale = 1.0;
    k->model->is_prepared = true;
}
