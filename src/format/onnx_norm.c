/* ONNX: norms (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- norms ---- */

static inv_status add_batch_norm(onnx_importing *im, const json_t *node, const onnx_value *in,
                                 size_t count, onnx_value *out)
{
    static const char *const blocks[] = {"gamma", "beta", "mean", "variance"};
    const double epsilon = inv_onnx_number(node, "epsilon", 1e-5);
    const size_t n = in[0].rank > 1 ? in[0].dims[1] : 0;
    const onnx_value *v = &in[0];
    double *p[4] = {NULL}, *scale = NULL, *offset = NULL;
    inv_onnx_tensor both[2] = {{0}};
    size_t dims[ONNX_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1}, period = 1;
    inv_status status = onnx_one_output(im, node);
    if (status != INV_OK)
        return status;
    if (inv_onnx_whole(node, "training_mode", 0) != 0)
        return WRONG("is in training mode: export the net in inference mode (eval)");
    if (n == 0 || inv_onnx_whole(node, "spatial", 1) == 0)
        return WRONG("takes batch x channels and more");
    INV_TRY(onnx_check_first(im, node, v));
    if (onnx_is_laid(v, "chw") || onnx_is_laid(v, "c")) {
        INV_TRY(onnx_add_layer(
            im, node, "", json_pack("{ss sf}", "type", "batch_norm", "epsilon", epsilon), v, out));
        for (size_t i = 0; i < 4; i++)
            INV_TRY(onnx_put_input(im, node, in, count, i + 1, n, out, blocks[i]));
        return INV_OK;
    }
    for (size_t i = 0; i < 4; i++)
        INV_TRY(onnx_take_numbers(im, node, in, count, i + 1, n, &p[i]));
    dims[0] = n;
    INV_TRY(inv_onnx_make(im->sketch, dims, v->rank - 1, false, &scale, &both[0]));
    INV_TRY(inv_onnx_make(im->sketch, dims, v->rank - 1, false, &offset, &both[1]));
    for (size_t c = 0; c < n; c++) {
        scale[c] = p[0][c] / sqrt(p[3][c] + epsilon);
        offset[c] = p[1][c] - p[2][c] * scale[c];
    }
    scale = offset = NULL;
    status = onnx_spread(im, node, &both[0], v, &scale, &period);
    if (status == INV_OK)
        status = onnx_spread(im, node, &both[1], v, &offset, &period);
    if (status == INV_OK)
        status = onnx_add_affine(im, node, scale, offset, period, v, out);
    free(scale);
    free(offset);
done:
    for (size_t i = 0; i < 4; i++)
        free(p[i]);
    return status;
}

/* gamma or beta of groups, one a group or one a channel. */
static inv_status put_groups(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, size_t i, size_t groups, const onnx_value *at,
                             const char *block)
{
    const size_t channels = at->place.shape.channels;
    const size_t has = onnx_is_given(in, count, i) ? inv_onnx_count(&in[i].known) : 0;
    double *numbers = NULL, *all = NULL;
    void *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(
        onnx_take_numbers(im, node, in, count, i, has == channels ? channels : groups, &numbers));
    INV_TRY(inv_calloc(channels, sizeof *all, "parameters", &memory));
    all = memory;
    for (size_t c = 0; c < channels; c++)
        all[c] = has == channels ? numbers[c] : numbers[c / (channels / groups)];
    INV_TRY(onnx_put_numbers(im, at, block, all, channels, NULL));
done:
    free(numbers);
    free(memory);
    return status;
}

static inv_status add_groups(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, size_t groups, onnx_value *out)
{
    inv_status status = INV_OK;
    INV_TRY(
        onnx_add_layer(im, node, "",
                       json_pack("{ss sI sf}", "type", "group_norm", "groups", (json_int_t)groups,
                                 "epsilon", inv_onnx_number(node, "epsilon", 1e-5)),
                       &in[0], out));
    INV_TRY(put_groups(im, node, in, count, 1, groups, out, "gamma"));
    INV_TRY(put_groups(im, node, in, count, 2, groups, out, "beta"));
done:
    return status;
}

/* Over each of [1, groups, ...]: images of that many channels, or with their channels in groups, which
 * is how exporters write a group norm. */
static inv_status add_instance_norm(onnx_importing *im, const json_t *node, const onnx_value *in,
                                    size_t count, onnx_value *out)
{
    const onnx_value *v = &in[0];
    const inv_shape s = v->place.shape;
    const size_t groups = v->rank > 1 ? v->dims[1] : 0;
    inv_status status = onnx_check_first(im, node, v);
    if (status != INV_OK)
        return status;
    if (groups == 0 || v->dims[0] != 1 || s.channels % groups ||
        !onnx_same_order(s, v->order, "chw"))
        return WRONG("is over axes that are not those of an image");
    return add_groups(im, node, in, count, groups, out);
}

static inv_status add_group_norm(onnx_importing *im, const json_t *node, const onnx_value *in,
                                 size_t count, onnx_value *out)
{
    const int64_t groups = inv_onnx_whole(node, "num_groups", 0);
    onnx_value all[3];
    if (count < 3 || groups < 1)
        return WRONG("has no groups");
    memcpy(all, in, sizeof all);
    inv_status status = onnx_as_image(im, node, &all[0]);
    if (status != INV_OK)
        return status;
    if (all[0].place.shape.channels % (size_t)groups)
        return WRONG("its channels do not divide into %lld groups", (long long)groups);
    return add_groups(im, node, all, 3, (size_t)groups, out);
}

/* One for each of the `count` values that are taken together. */
static inv_status put_spread(onnx_importing *im, const json_t *node, const onnx_value *in,
                             const onnx_value *v, size_t count, const onnx_value *at,
                             const char *block)
{
    double *numbers = NULL;
    size_t period = 1;
    inv_status status = INV_OK;
    if (!in->is_known)
        return WRONG("its parameters are no constants");
    INV_TRY(onnx_spread(im, node, &in->known, v, &numbers, &period));
    if (!onnx_repeats(numbers, period, count))
        INV_RAISE(WRONG("its parameters differ along axes that it is not over"));
    INV_TRY(onnx_lengthen(im, &numbers, period, count));
    INV_TRY(onnx_put_numbers(im, at, block, numbers, count, NULL));
done:
    free(numbers);
    return status;
}

/* Over the last axes, from `axis` on: all of the image, or the channels of each pixel. */
static inv_status add_layer_norm(onnx_importing *im, const json_t *node, const onnx_value *in,
                                 size_t count, onnx_value *out)
{
    const onnx_value *v = &in[0];
    const bool rms = strcmp(inv_onnx_op(node), "RMSNormalization") == 0;
    const bool beta = onnx_is_given(in, count, 2);
    size_t axis = 0, over = 1;
    char axes[4];
    inv_status status = onnx_one_output(im, node);
    if (status != INV_OK)
        return status;
    if (!inv_onnx_axis(inv_onnx_whole(node, "axis", -1), v->rank, &axis) ||
        !onnx_is_given(in, count, 1))
        return WRONG("has no scale, or is over an axis that is not there");
    for (size_t i = axis; i < v->rank; i++) {
        INV_TRY(onnx_check_axis(im, node, v, i));
        over *= v->dims[i];
    }
    const size_t n = onnx_long_axes(v->place.shape, v->order, axes);
    const bool all = over == inv_shape_size(v->place.shape);
    if (!all && !(n > 0 && axes[n - 1] == 'c' && over == v->place.shape.channels))
        return WRONG("is over axes that are not those of an image");
    INV_TRY(onnx_add_layer(im, node, "",
                           json_pack("{ss sf sb sb sb sb sb sb}", "type", "layer_norm", "epsilon",
                                     inv_onnx_number(node, "epsilon", 1e-5), "over_height", all,
                                     "over_width", all, "over_channels", 1, "subtract_mean", !rms,
                                     "use_gamma", 1, "use_beta", beta),
                           v, out));
    INV_TRY(put_spread(im, node, &in[1], v, over, out, "gamma"));
    if (beta)
        INV_TRY(put_spread(im, node, &in[2], v, over, out, "beta"));
done:
    return status;
}

/* Over the channels around each value; PyTorch's windows of even size begin one earlier (onnx_pattern.c). */
static inv_status add_lrn(onnx_importing *im, const json_t *node, const onnx_value *in,
                          size_t count, onnx_value *out)
{
    const int64_t size = inv_onnx_whole(node, "size", 0);
    const int64_t before = inv_onnx_whole(node, "before", (size - 1) / 2);
    onnx_value v = in[0];
    (void)count;
    if (size < 1 || before < 0)
        return WRONG("of a window of %lld channels", (long long)size);
    inv_status status = onnx_as_image(im, node, &v);
    return status == INV_OK
               ? onnx_add_layer(im, node, "",
                                json_pack("{ss sI sI sf sf sf}", "type", "lrn", "size",
                                          (json_int_t)size, "before", (json_int_t)before, "alpha",
                                          inv_onnx_number(node, "alpha", 1e-4), "beta",
                                          inv_onnx_number(node, "beta", 0.75), "bias",
                                          inv_onnx_number(node, "bias", 1.0)),
                                &v, out)
               : status;
}

/* ---- the table ---- */

const onnx_operator onnx_norm_operators[] = {
    {"BatchNormalization", add_batch_norm, false, "epsilon is_test momentum spatial training_mode"},
    {"InstanceNormalization", add_instance_norm, false, "epsilon"},
    {"GroupNormalization", add_group_norm, false, "epsilon num_groups stash_type"},
    {"LayerNormalization", add_layer_norm, false, "axis epsilon stash_type"},
    {"RMSNormalization", add_layer_norm, false, "axis epsilon stash_type"},
    {"LRN", add_lrn, false, "alpha before beta bias size"},
    {NULL, NULL, false, NULL},
};
