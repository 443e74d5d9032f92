/* ONNX: images of other sizes, and channels as blocks of pixels (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Resize, Upsample ---- */

typedef struct resizing {
    double scale[2]; /* of height and width: how many times as long, a float in the file */
    size_t from[2], to[2];
    const char *mode, *centres, *nearest;
} resizing;

/* The axes that `scales` and `sizes` tell of: all, but where they are named. */
static inv_status find_axes(onnx_importing *im, const json_t *node, const onnx_value *v,
                            size_t axes[ONNX_RANK_MAX], size_t *count)
{
    const json_t *list = inv_onnx_attribute(node, "axes");
    *count = list ? json_array_size(list) : v->rank;
    for (size_t i = 0; i < *count; i++) {
        const int64_t axis = list ? inv_onnx_whole_at(node, "axes", i, 0) : (int64_t)i;
        if (i >= ONNX_RANK_MAX || !inv_onnx_axis(axis, v->rank, &axes[i]))
            return WRONG("there is no axis %lld", (long long)axis);
    }
    return INV_OK;
}

/* The numbers of `sizes`, else of `scales`, wherever this opset has them; the caller frees. */
static inv_status find_numbers(onnx_importing *im, const json_t *node, const onnx_value *in,
                               size_t count, size_t wanted, bool *are_sizes, double **out)
{
    const bool is_resize = strcmp(inv_onnx_op(node), "Resize") == 0;
    const size_t at = is_resize && im->graph.opset > 10 ? 2 : 1;
    const json_t *list = inv_onnx_attribute(node, "scales");
    void *memory = NULL;
    *are_sizes = is_resize && onnx_is_given(in, count, 3);
    if (*are_sizes || onnx_is_given(in, count, at))
        return onnx_take_numbers(im, node, in, count, *are_sizes ? 3 : at, wanted, out);
    if (json_array_size(list) != wanted)
        return WRONG("scales or sizes that are not there, or not known");
    inv_status status = inv_calloc(wanted, sizeof **out, "scales", &memory);
    *out = memory;
    for (size_t i = 0; status == INV_OK && i < wanted; i++)
        (*out)[i] = json_number_value(json_array_get(list, i));
    return status;
}

/* Of each axis, how many times as long it gets, and its length then. */
static inv_status find_scales(onnx_importing *im, const json_t *node, const onnx_value *in,
                              size_t count, const onnx_value *v, resizing *r)
{
    size_t axes[ONNX_RANK_MAX], n = 0;
    double *numbers = NULL;
    bool are_sizes = false;
    inv_status status = INV_OK;
    INV_TRY(find_axes(im, node, v, axes, &n));
    INV_TRY(find_numbers(im, node, in, count, n, &are_sizes, &numbers));
    for (size_t i = 0; i < n && numbers; i++) {
        const double length = (double)v->dims[axes[i]];
        const double scale = are_sizes ? (double)(float)(numbers[i] / length) : numbers[i];
        const double to = are_sizes ? numbers[i] : (double)floorf((float)length * (float)scale);
        if (!(to >= 1.0 && to < 1e6))
            INV_RAISE(WRONG("sizes that cannot be"));
        if (axes[i] < 2 && fabs(to - length) > 0.5)
            INV_RAISE(WRONG("of other axes than those of an image is not known"));
        if (axes[i] >= 2) {
            r->scale[axes[i] - 2] = scale;
            r->to[axes[i] - 2] = (size_t)to;
        }
    }
done:
    free(numbers);
    return status;
}

/* Whether place_of knows where pixels lie. */
static bool knows_centres(const char *centres)
{
    static const char *const known[] = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                        "asymmetric", "tf_half_pixel_for_nn"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], centres) == 0)
            return true;
    return false;
}

/* Where pixel i that comes out lies among n, as ONNX Runtime works it, in float. */
static float place_of(const resizing *r, size_t axis, size_t i)
{
    const float scale = (float)r->scale[axis], x = (float)i;
    const size_t n = r->from[axis], m = r->to[axis];
    if (strcmp(r->centres, "align_corners") == 0)
        return m > 1 ? x * (float)(n - 1) / (float)(m - 1) : 0.0f;
    if (strcmp(r->centres, "asymmetric") == 0)
        return x / scale;
    if (strcmp(r->centres, "tf_half_pixel_for_nn") == 0)
        return (x + 0.5f) / scale;
    if (strcmp(r->centres, "pytorch_half_pixel") == 0 && m <= 1)
        return 0.0f;
    return (x + 0.5f) / scale - 0.5f;
}

static size_t nearest_of(const resizing *r, size_t axis, size_t i)
{
    const float x = place_of(r, axis, i), half = floorf(x) + 0.5f;
    float at = floorf(x);
    if (strcmp(r->nearest, "ceil") == 0)
        at = ceilf(x);
    else if (strcmp(r->nearest, "round_prefer_ceil") == 0)
        at = x >= half ? floorf(x) + 1.0f : floorf(x);
    else if (strcmp(r->nearest, "round_prefer_floor") == 0)
        at = x > half ? floorf(x) + 1.0f : floorf(x);
    return at <= 0.0f ? 0 : at >= (float)r->from[axis] ? r->from[axis] - 1 : (size_t)at;
}

/* Whether an upsample layer takes the same pixels along an axis, with that step; 0: by the sizes. */
static bool takes_same(const resizing *r, size_t axis, bool is_centred, double step)
{
    const size_t n = r->from[axis], m = r->to[axis];
    for (size_t i = 0; i < m; i++) {
        const float by = step > 0.0 ? (float)step : (float)n / (float)m;
        const float at = ((float)i + (is_centred ? 0.5f : 0.0f)) * by;
        size_t own = at < (float)n ? (size_t)at : n - 1;
        if (!is_centred && !(step > 0.0))
            own = i * n / m;
        if (own != nearest_of(r, axis, i))
            return false;
    }
    return true;
}

/* How the layer takes the nearest pixels, so that they are the same; NULL where it cannot. */
static const char *find_nearest(const resizing *r, double step[2])
{
    static const char *const ways[] = {"nearest", "nearest_centre"};
    for (size_t way = 0; way < 2; way++) {
        size_t good = 0;
        for (size_t axis = 0; axis < 2; axis++) {
            const float by = 1.0f / (float)r->scale[axis];
            const double steps[] = {0.0, (double)by, (double)nextafterf(by, 0.0f),
                                    (double)nextafterf(by, 2.0f * by)};
            for (size_t k = 0; k < 4 && good == axis; k++) {
                step[axis] = steps[k];
                good += takes_same(r, axis, way == 1, steps[k]);
            }
        }
        if (good == 2)
            return ways[way];
    }
    return NULL;
}

/* The same of a mean of the pixels around, with the step where it is not by the sizes. */
static const char *find_linear(const resizing *r, double step[2], bool *corners)
{
    *corners = strcmp(r->centres, "align_corners") == 0;
    for (size_t axis = 0; axis < 2; axis++) {
        const double by_sizes = (double)r->to[axis] / (double)r->from[axis];
        step[axis] = fabs(by_sizes - r->scale[axis]) > 1e-6 * by_sizes ? 1.0 / r->scale[axis] : 0.0;
        if (strcmp(r->centres, "pytorch_half_pixel") == 0 && r->to[axis] == 1 && r->from[axis] > 1)
            return NULL;
    }
    if (*corners || strcmp(r->centres, "half_pixel") == 0 ||
        strcmp(r->centres, "pytorch_half_pixel") == 0)
        return "bilinear";
    return strcmp(r->centres, "asymmetric") == 0 ? "bilinear_corner" : NULL;
}

static inv_status add_resize(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, onnx_value *out)
{
    const bool is_new = strcmp(inv_onnx_op(node), "Resize") == 0 && im->graph.opset > 10;
    onnx_value v = in[0];
    resizing r = {.scale = {1.0, 1.0}};
    double step[2] = {0.0, 0.0};
    bool corners = false;
    inv_status status = INV_OK;
    r.mode = inv_onnx_text(node, "mode", "nearest");
    r.centres =
        inv_onnx_text(node, "coordinate_transformation_mode", is_new ? "half_pixel" : "asymmetric");
    r.nearest = inv_onnx_text(node, "nearest_mode", is_new ? "round_prefer_floor" : "floor");
    INV_TRY(onnx_as_image(im, node, &v));
    if (v.rank != 4)
        INV_RAISE(WRONG("takes images"));
    r.from[0] = r.to[0] = v.place.shape.height;
    r.from[1] = r.to[1] = v.place.shape.width;
    INV_TRY(find_scales(im, node, in, count, &v, &r));
    INV_TRY(inv_sketch_spend(im->sketch, 8 * (r.to[0] + r.to[1])));
    const bool is_linear = strcmp(r.mode, "linear") == 0 || strcmp(r.mode, "bilinear") == 0;
    const char *how = is_linear                        ? find_linear(&r, step, &corners)
                      : strcmp(r.mode, "nearest") == 0 ? find_nearest(&r, step)
                                                       : NULL;
    if (strcmp(inv_onnx_text(node, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0)
        INV_RAISE(WRONG("sizes that keep the aspect ratio are not known"));
    if (!how || !knows_centres(r.centres) || inv_onnx_whole(node, "antialias", 0) != 0 ||
        inv_onnx_whole(node, "exclude_outside", 0) != 0)
        INV_RAISE(WRONG("mode %.30s with %.40s is not known", r.mode, r.centres));
    INV_TRY(onnx_add_layer(im, node, "",
                           json_pack("{ss sI sI ss sb sf sf}", "type", "upsample", "height",
                                     (json_int_t)r.to[0], "width", (json_int_t)r.to[1],
                                     "interpolation", how, "align_corners", corners, "step_height",
                                     step[0], "step_width", step[1]),
                           &v, out));
    onnx_set_image_sizes(out);
done:
    return status;
}

/* ---- DepthToSpace, SpaceToDepth ---- */

static inv_status add_blocks(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, onnx_value *out)
{
    const bool to_space = strcmp(inv_onnx_op(node), "DepthToSpace") == 0;
    const bool by_pixel = strcmp(inv_onnx_text(node, "mode", "DCR"), "DCR") == 0;
    const int64_t block = inv_onnx_whole(node, "blocksize", 0);
    onnx_value v = in[0];
    inv_status status = INV_OK;
    (void)count;
    if (block < 1 || block > 1024)
        return WRONG("blocks of %lld pixels", (long long)block);
    INV_TRY(onnx_as_image(im, node, &v));
    INV_TRY(onnx_add_layer(im, node, "",
                           json_pack("{ss sI ss}", "type",
                                     to_space ? "depth_to_space" : "space_to_depth", "block",
                                     (json_int_t)block, "order", by_pixel ? "dcr" : "crd"),
                           &v, out));
    onnx_set_image_sizes(out);
done:
    return status;
}

/* ---- the table ---- */

const onnx_operator onnx_resize_operators[] = {
    {"Resize", add_resize, false,
     "antialias axes coordinate_transformation_mode exclude_outside extrapolation_value "
     "keep_aspect_ratio_policy mode nearest_mode"},
    {"Upsample", add_resize, false, "mode scales"},
    {"DepthToSpace", add_blocks, false, "blocksize mode"},
    {"SpaceToDepth", add_blocks, false, "blocksize mode"},
    {NULL, NULL, false, NULL},
};
