/* Values of an ONNX graph as images (onnx_import.h): their axes, and the layers put after them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <stdio.h>
#include <string.h>

/* ---- names ---- */

/* "conv1" of "conv1.weight", where the weights say it; else the node's own name, else its output's. */
void onnx_name_of(const json_t *node, const char *weight, char name[INV_NAME_MAX])
{
    const char *own = json_string_value(json_object_get(node, "name"));
    const char *dot = strrchr(weight, '.');
    if (dot && dot > weight && strcmp(dot, ".weight") == 0) {
        snprintf(name, INV_NAME_MAX, "%.*s", (int)(dot - weight < 40 ? dot - weight : 40), weight);
        return;
    }
    if (!own || !*own)
        own = inv_onnx_output(node, 0);
    while (*own == '/')
        own++;
    snprintf(name, INV_NAME_MAX, "%.*s", 40, own);
}

inv_status onnx_add_layer(onnx_importing *im, const json_t *node, const char *ending,
                          json_t *settings, const onnx_value *in, onnx_value *out)
{
    char name[INV_NAME_MAX];
    const onnx_value from = *in;
    onnx_name_of(node, inv_onnx_input_count(node) > 1 ? inv_onnx_input(node, 1) : "", name);
    *out = from;
    out->bias = NULL;
    return inv_sketch_add(im->sketch, name, ending, settings, &from.place, 1, &out->place);
}

inv_status onnx_one_output(onnx_importing *im, const json_t *node)
{
    for (size_t i = 1; i < json_array_size(json_object_get(node, "out")); i++)
        if (json_object_get(im->graph.uses, inv_onnx_output(node, i)))
            return WRONG("is used for more than its first output, as in training");
    return INV_OK;
}

/* ---- axes ---- */

const char onnx_axes_here[] = "hwc";

size_t onnx_axis_size(inv_shape shape, char axis)
{
    return axis == 'h' ? shape.height : axis == 'w' ? shape.width : shape.channels;
}

/* The axes of `order` that are longer than 1, in that order. */
size_t onnx_long_axes(inv_shape shape, const char *order, char out[4])
{
    size_t count = 0;
    for (const char *a = order; *a; a++)
        if (onnx_axis_size(shape, *a) > 1)
            out[count++] = *a;
    out[count] = 0;
    return count;
}

bool onnx_same_order(inv_shape shape, const char *a, const char *b)
{
    char first[4], second[4];
    onnx_long_axes(shape, a, first);
    onnx_long_axes(shape, b, second);
    return strcmp(first, second) == 0;
}

static bool same_shape(inv_shape a, inv_shape b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

/* Whether the graph's axes behind the batch are these of the image, and the image has no other. */
bool onnx_is_laid(const onnx_value *v, const char *axes)
{
    size_t left = inv_shape_size(v->place.shape);
    if (v->rank != strlen(axes) + 1 || v->dims[0] != 1)
        return false;
    for (size_t i = 0; axes[i]; i++) {
        if (onnx_axis_size(v->place.shape, axes[i]) != v->dims[i + 1])
            return false;
        left /= v->dims[i + 1];
    }
    return left == 1 &&
           onnx_same_order(v->place.shape, v->order, strlen(axes) == 3 ? axes : v->order) &&
           (strlen(axes) == 3 ||
            onnx_same_order(v->place.shape, v->order, strlen(axes) == 2 ? axes : "hwc"));
}

/* The image with other axes: the same values in the graph. */
inv_status onnx_rearrange(onnx_importing *im, const json_t *node, inv_shape shape,
                          const char *order, onnx_value *v)
{
    char turned[4] = {0};
    inv_shape now = v->place.shape;
    inv_status status = INV_OK;
    if (same_shape(now, shape) && onnx_same_order(now, v->order, order)) {
        memcpy(v->order, order, sizeof v->order);
        return INV_OK;
    }
    if (!onnx_same_order(now, v->order, onnx_axes_here))
        INV_TRY(onnx_add_layer(im, node, ".turn",
                               json_pack("{ss ss}", "type", "permute", "order", v->order), v, v));
    memcpy(v->order, onnx_axes_here, sizeof v->order);
    const bool is_straight = onnx_same_order(shape, order, onnx_axes_here);
    now = is_straight
              ? shape
              : (inv_shape){onnx_axis_size(shape, order[0]), onnx_axis_size(shape, order[1]),
                            onnx_axis_size(shape, order[2])};
    if (!same_shape(v->place.shape, now))
        INV_TRY(onnx_add_layer(
            im, node, ".shape",
            now.height == 1 && now.width == 1
                ? json_pack("{ss}", "type", "flatten")
                : json_pack("{ss sI sI sI}", "type", "reshape", "height", (json_int_t)now.height,
                            "width", (json_int_t)now.width, "channels", (json_int_t)now.channels),
            v, v));
    for (size_t i = 0; i < 3; i++)
        turned[i] = onnx_axes_here[strchr(order, onnx_axes_here[i]) - order];
    if (!is_straight)
        INV_TRY(onnx_add_layer(im, node, ".chw",
                               json_pack("{ss ss}", "type", "permute", "order", turned), v, v));
    memcpy(v->order, order, sizeof v->order);
done:
    return status;
}

inv_status onnx_as_vector(onnx_importing *im, const json_t *node, onnx_value *v)
{
    return onnx_rearrange(im, node, (inv_shape){1, 1, inv_shape_size(v->place.shape)},
                          onnx_axes_here, v);
}

/* As an image that the graph has as [1, channels, height, width], or [1, channels, width]. */
inv_status onnx_as_image(onnx_importing *im, const json_t *node, onnx_value *v)
{
    if ((v->rank != 4 && v->rank != 3) || v->dims[0] != 1)
        return WRONG("takes images, as batch x channels x height x width");
    const inv_shape shape = {v->rank == 4 ? v->dims[2] : 1, v->dims[v->rank - 1], v->dims[1]};
    inv_status status = onnx_check_first(im, node, v);
    return status == INV_OK ? onnx_rearrange(im, node, shape, "chw", v) : status;
}

/* Of each axis of the graph, the image's axes that make it up: first[i] up to first[i + 1] of `axes`,
 * the image's long ones. False where one of those is split over several of the graph's. */
bool onnx_split_axes(const onnx_value *v, char axes[4], size_t first[ONNX_RANK_MAX + 1])
{
    const size_t count = onnx_long_axes(v->place.shape, v->order, axes);
    size_t at = 0;
    for (size_t i = 0; i < v->rank; i++) {
        size_t size = 1;
        first[i] = at;
        while (size < v->dims[i] && at < count)
            size *= onnx_axis_size(v->place.shape, axes[at++]);
        if (size != v->dims[i])
            return false;
    }
    first[v->rank] = at;
    return at == count;
}

const char *const onnx_layouts[ONNX_LAYOUTS] = {"chw", "hwc", "c", "hw", "wc"};

/* The image's axis that each axis of the graph is, 0 where it is none (and of size 1). */
bool onnx_find_letters(const onnx_value *v, char letters[ONNX_RANK_MAX])
{
    char axes[4];
    size_t first[ONNX_RANK_MAX + 1];
    memset(letters, 0, ONNX_RANK_MAX);
    for (size_t k = 0; k < ONNX_LAYOUTS; k++)
        if (onnx_is_laid(v, onnx_layouts[k])) {
            memcpy(letters + 1, onnx_layouts[k], strlen(onnx_layouts[k]));
            return true;
        }
    if (!onnx_split_axes(v, axes, first))
        return false;
    for (size_t i = 0; i < v->rank; i++) {
        if (first[i + 1] - first[i] > 1)
            return false;
        letters[i] = first[i + 1] > first[i] ? axes[first[i]] : 0;
    }
    return true;
}

/* What comes out of an operator over [1, channels, height, width]. */
void onnx_set_image_sizes(onnx_value *v)
{
    const inv_shape s = v->place.shape;
    v->dims[1] = s.channels;
    if (v->rank == 4)
        v->dims[2] = s.height;
    v->dims[v->rank - 1] = s.width;
}
