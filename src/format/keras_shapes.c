/* Layers of Keras that change the shape of what comes: flatten, reshape, pad, crop, resize, permute.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "format/keras_layer.h"

/* ---- flatten ---- */

inv_status keras_add_flatten(keras *k, const keras_layer *l, const keras_tensor *from,
                             keras_tensor *out)
{
    static const int channels_last[3] = {1, 2, 0};
    keras_tensor t = *from;
    const bool first = keras_channels_first(l);
    inv_status status = INV_OK;
    if (t.rank == 1) {
        *out = t;
        return INV_OK;
    }
    if (first && !t.turned) { /* moves its second axis last, whatever that is */
        INV_TRY(keras_want(k, l, keras_last_axis_shape(&t), &t.at));
        if (t.rank == 2)
            INV_TRY(keras_want(k, l, (inv_shape){t.dims[0], t.dims[1], 1}, &t.at));
        INV_TRY(keras_move(k, l, ".order", channels_last, &t.at));
    }
    const inv_shape image = t.at.shape;
    INV_TRY(keras_add(k, l, "", json_pack("{ss}", "type", "flatten"), &t.at, &t.at));
    const bool shuffled =
        t.turned && !first && image.channels > 1 && image.height * image.width > 1;
    t = keras_flat_tensor(t.at);
    t.is_shuffled = shuffled;
    t.flattened = image;
    *out = t;
done:
    return status;
}

/* ---- shapes ---- */

/* The sizes of a Reshape, of which one may be -1. */
static inv_status read_target(const keras *k, const keras_layer *l, json_t *target, size_t total,
                              size_t *rank, size_t dims[KERAS_RANK_MAX])
{
    size_t known = 1, open = SIZE_MAX;
    *rank = json_array_size(target);
    if (!json_is_array(target) || *rank == 0 || *rank >= KERAS_RANK_MAX)
        return keras_refuse(k, l, "a shape of no axes, or more than three");
    for (size_t i = 0; i < *rank; i++) {
        const double n = json_number_value(json_array_get(target, i));
        dims[i] = n >= 1.0 ? (size_t)n : 1;
        if (n < 1.0 && open < *rank)
            return keras_refuse(k, l, "a shape that leaves two sizes open");
        if (n < 1.0)
            open = i;
        known *= dims[i];
    }
    if (open < *rank)
        dims[open] = total / known;
    for (size_t i = known = 1; i <= *rank; i++)
        known *= dims[i - 1];
    return known == total ? INV_OK : keras_refuse(k, l, "a shape of another number of values");
}

inv_status keras_add_reshape(keras *k, const keras_layer *l, const keras_tensor *from,
                             keras_tensor *out)
{
    keras_tensor t = *from;
    inv_status status = INV_OK;
    INV_TRY(keras_order(k, l, &t));
    INV_TRY(read_target(k, l, keras_get(l, "target_shape"), inv_shape_size(t.at.shape), &t.rank,
                        t.dims));
    *out = t;
done:
    return status;
}

/* A row, n times below itself. */
inv_status keras_add_repeat(keras *k, const keras_layer *l, const keras_tensor *from,
                            keras_tensor *out)
{
    keras_tensor t = *from;
    const size_t n = keras_count(l, "n", 0);
    inv_status status = INV_OK;
    if (t.rank != 1 || n == 0)
        return keras_refuse(k, l, "repeats something that is no row");
    INV_TRY(keras_order(k, l, &t));
    INV_TRY(keras_want(k, l, (inv_shape){1, 1, t.dims[0]}, &t.at));
    INV_TRY(keras_add(
        k, l, "",
        json_pack("{ss si si}", "type", "upsample", "factor_height", (int)n, "factor_width", 1),
        &t.at, &t.at));
    t.rank = 2;
    t.dims[1] = t.dims[0];
    t.dims[0] = n;
    *out = t;
done:
    return status;
}

/* ---- images made larger, smaller, or turned ---- */

/* Rows above and below, columns left and right: a number, one for each axis, or two. */
static bool read_sides(const keras_layer *l, const char *key, size_t otherwise, size_t sides[4])
{
    json_t *value = keras_get(l, key);
    for (size_t i = 0; i < 4; i++) {
        json_t *axis = json_is_array(value) ? json_array_get(value, i / 2) : value;
        if (json_is_array(axis))
            axis = json_array_get(axis, i % 2);
        sides[i] = keras_size(axis, value ? SIZE_MAX : otherwise);
        if (sides[i] == SIZE_MAX)
            return false;
    }
    return !json_is_array(value) || json_array_size(value) == 2;
}

static inv_status add_sides(keras *k, const keras_layer *l, const char *type, const size_t sides[4],
                            const keras_tensor *from, keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = keras_channels_first(l);
    inv_status status = keras_as_image(k, l, first, &t);
    if (status == INV_OK)
        status =
            keras_add(k, l, "",
                      json_pack("{ss si si si si}", "type", type, "top", (int)sides[0], "bottom",
                                (int)sides[1], "left", (int)sides[2], "right", (int)sides[3]),
                      &t.at, &t.at);
    *out = keras_image_tensor(t.at, first);
    return status;
}

inv_status keras_add_padding(keras *k, const keras_layer *l, const keras_tensor *from,
                             keras_tensor *out)
{
    size_t sides[4];
    if (!read_sides(l, "padding", 1, sides))
        return keras_refuse(k, l, "padding that is not understood");
    return add_sides(k, l, "pad", sides, from, out);
}

inv_status keras_add_cropping(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    size_t sides[4];
    if (!read_sides(l, "cropping", 0, sides))
        return keras_refuse(k, l, "a cropping that is not understood");
    return add_sides(k, l, "crop", sides, from, out);
}

inv_status keras_add_center_crop(keras *k, const keras_layer *l, const keras_tensor *from,
                                 keras_tensor *out)
{
    keras_tensor t = *from;
    inv_status status = keras_as_image(k, l, keras_channels_first(l), &t);
    const size_t height = keras_count(l, "height", 0), width = keras_count(l, "width", 0);
    const inv_shape s = t.at.shape;
    if (status != INV_OK)
        return status;
    if (height == 0 || width == 0 || height > s.height || width > s.width)
        return keras_refuse(k, l, "a crop larger than its image, which resizes it");
    const size_t top = (s.height - height) / 2, left = (s.width - width) / 2;
    const size_t sides[4] = {top, s.height - height - top, left, s.width - width - left};
    return add_sides(k, l, "crop", sides, &t, out);
}

/* Why an image is not resized as Keras does it; NULL: it is. What keeps to an aspect ratio cuts or pads
 * where that is another; Keras's nearest pixel is that of a pixel's middle. */
static const char *not_resized(const keras_layer *l, inv_shape s, size_t height, size_t width)
{
    const char *how = keras_text(l, "interpolation", "bilinear");
    const bool keeps =
        keras_bool(l, "crop_to_aspect_ratio", false) || keras_bool(l, "pad_to_aspect_ratio", false);
    if (height == 0 || width == 0)
        return "does not say to which size";
    if (keeps && height * s.width != width * s.height)
        return "resizes images to another aspect ratio, and keeps theirs";
    if (keras_bool(l, "antialias", false) && (height < s.height || width < s.width))
        return "makes images smaller with antialias, which is not known";
    if (strcmp(how, "bilinear") == 0)
        return NULL;
    return strcmp(how, "nearest") == 0 && height % s.height == 0 && width % s.width == 0
               ? NULL
               : "an interpolation that is not known; give the model images of the size that it "
                 "resizes to";
}

inv_status keras_add_resizing(keras *k, const keras_layer *l, const keras_tensor *from,
                              keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = keras_channels_first(l);
    const size_t height = keras_count(l, "height", 0), width = keras_count(l, "width", 0);
    inv_status status = keras_as_image(k, l, first, &t);
    if (status != INV_OK)
        return status;
    if (height != t.at.shape.height || width != t.at.shape.width) {
        const char *why = not_resized(l, t.at.shape, height, width);
        if (why)
            return keras_refuse(k, l, why);
        status = keras_add(k, l, "",
                           json_pack("{ss ss si si}", "type", "upsample", "interpolation",
                                     keras_text(l, "interpolation", "bilinear"), "height",
                                     (int)height, "width", (int)width),
                           &t.at, &t.at);
        t = keras_image_tensor(t.at, first);
    }
    *out = t;
    return status;
}

inv_status keras_add_upsampling(keras *k, const keras_layer *l, const keras_tensor *from,
                                keras_tensor *out)
{
    keras_tensor t = *from;
    const bool first = keras_channels_first(l);
    const char *how = keras_text(l, "interpolation", "nearest");
    size_t factor[2];
    keras_pair(l, "size", 2, factor);
    if (strcmp(how, "nearest") != 0 && strcmp(how, "bilinear") != 0)
        return keras_refuse(k, l, "an interpolation that is not known");
    inv_status status = keras_as_image(k, l, first, &t);
    if (status == INV_OK)
        status =
            keras_add(k, l, "",
                      json_pack("{ss ss si si}", "type", "upsample", "interpolation", how,
                                "factor_height", (int)factor[0], "factor_width", (int)factor[1]),
                      &t.at, &t.at);
    *out = keras_image_tensor(t.at, first);
    return status;
}

inv_status keras_add_permute(keras *k, const keras_layer *l, const keras_tensor *from,
                             keras_tensor *out)
{
    keras_tensor t = *from;
    json_t *dims = keras_get(l, "dims");
    int order[3] = {0, 1, 2};
    bool seen[3] = {false};
    inv_status status = INV_OK;
    if (t.rank > 3 || json_array_size(dims) != t.rank)
        return keras_refuse(k, l, "another number of axes than comes there");
    INV_TRY(keras_order(k, l, &t));
    for (size_t i = 0; i < t.rank; i++) {
        const size_t axis = keras_size(json_array_get(dims, i), 0);
        if (axis < 1 || axis > t.rank || seen[axis - 1])
            return keras_refuse(k, l, "axes that are not understood");
        seen[axis - 1] = true;
        order[i] = (int)axis - 1;
    }
    /* two axes are rows and columns of one channel */
    INV_TRY(keras_want(
        k, l, t.rank == 2 ? (inv_shape){t.dims[0], t.dims[1], 1} : keras_last_axis_shape(&t),
        &t.at));
    if (t.rank > 1)
        INV_TRY(keras_move(k, l, ".axes", order, &t.at));
    const keras_tensor before = t;
    for (size_t i = 0; i < t.rank && i < 3; i++)
        t.dims[i] = before.dims[order[i]];
    *out = t;
done:
    return status;
}
