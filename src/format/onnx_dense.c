/* ONNX: products with constant weights (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <stdlib.h>
#include <string.h>

/* ---- dense layers ---- */

/* All values of the image, weighted: weights [units, values], or [values, units]. */
inv_status onnx_add_dense(onnx_importing *im, const json_t *node, const inv_onnx_tensor *w,
                          bool units_first, double factor, const onnx_value *in, onnx_value *out)
{
    const inv_shape s = in->place.shape;
    const size_t size = inv_shape_size(s), units = w->dims[units_first ? 0 : 1], at = units_first;
    onnx_turn how = {.factor = (float)factor};
    inv_status status = INV_OK;
    if (w->rank != 2 || w->dims[!units_first ? 0 : 1] != size)
        return WRONG("weights for other than the %zu values that come in", size);
    how.dims[units_first ? 0 : 3] = units;
    how.axes[3] = units_first ? 0 : 3;
    for (size_t i = 0; i < 3; i++) {
        how.dims[at + i] = onnx_axis_size(s, in->order[i]);
        how.axes[i] = at + (size_t)(strchr(in->order, onnx_axes_here[i]) - in->order);
    }
    INV_TRY(onnx_add_layer(
        im, node, "", json_pack("{ss sI}", "type", "dense", "units", (json_int_t)units), in, out));
    INV_TRY(onnx_put_turned(im, out, w->array, how));
    INV_TRY(onnx_put_numbers(im, out, "bias", NULL, units, &out->bias));
    memcpy(out->order, onnx_axes_here, sizeof out->order);
done:
    return status;
}

/* The same weights at every pixel. */
static inv_status add_pixelwise(onnx_importing *im, const json_t *node, const inv_onnx_tensor *w,
                                const onnx_value *in, onnx_value *out)
{
    inv_status status = INV_OK;
    INV_TRY(onnx_add_layer(im, node, "",
                           json_pack("{ss si si sI sb}", "type", "conv2d", "size", 1, "stride", 1,
                                     "filters", (json_int_t)w->dims[1], "use_bias", 1),
                           in, out));
    INV_TRY(onnx_put_turned(im, out, w->array,
                            (onnx_turn){{1, 1, w->dims[0], w->dims[1]}, {0, 1, 2, 3}, 1.0f}));
    INV_TRY(onnx_put_numbers(im, out, "bias", NULL, w->dims[1], &out->bias));
done:
    return status;
}

static inv_status add_matmul(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, onnx_value *out)
{
    char axes[4];
    inv_status status = INV_OK;
    if (count < 2 || in[0].is_known == in[1].is_known)
        return WRONG("a product of values by values is not known; one factor must be a constant");
    if (in[0].is_known) { /* weights [units, values] times a column */
        const onnx_value *x = &in[1];
        const size_t axis = x->rank > 1 ? x->rank - 2 : 0;
        if (x->rank == 0 || x->dims[axis] != inv_shape_size(x->place.shape) ||
            in[0].known.rank != 2)
            return WRONG("a product of values by values is not known");
        INV_TRY(onnx_check_axis(im, node, x, axis));
        status = onnx_add_dense(im, node, &in[0].known, true, 1.0, x, out);
        out->dims[axis] = in[0].known.dims[0];
        return status;
    }
    const onnx_value *x = &in[0];
    const inv_onnx_tensor *w = &in[1].known;
    if (w->rank != 2 || x->rank == 0 || x->dims[x->rank - 1] != w->dims[0])
        return WRONG("weights that do not fit what comes in");
    INV_TRY(onnx_check_axis(im, node, x, x->rank - 1));
    const size_t n = onnx_long_axes(x->place.shape, x->order, axes);
    if (inv_shape_size(x->place.shape) == w->dims[0])
        status = onnx_add_dense(im, node, w, false, 1.0, x, out);
    else if (n > 0 && axes[n - 1] == 'c' && x->place.shape.channels == w->dims[0])
        status = add_pixelwise(im, node, w, x, out);
    else { /* the last axis, which is another of the image's, as its channels */
        onnx_value turned = *x;
        const size_t rest = inv_shape_size(x->place.shape) / w->dims[0];
        INV_TRY(
            onnx_rearrange(im, node, (inv_shape){1, rest, w->dims[0]}, onnx_axes_here, &turned));
        INV_TRY(add_pixelwise(im, node, w, &turned, out));
    }
    out->dims[x->rank - 1] = w->dims[1];
done:
    return status;
}

static inv_status add_gemm(onnx_importing *im, const json_t *node, const onnx_value *in,
                           size_t count, onnx_value *out)
{
    const bool trans_a = inv_onnx_whole(node, "transA", 0) != 0;
    const bool trans_b = inv_onnx_whole(node, "transB", 0) != 0;
    const double beta = inv_onnx_number(node, "beta", 1.0);
    double *bias = NULL;
    size_t period = 1;
    inv_status status = INV_OK;
    if (count < 2 || in[0].is_known || !in[1].is_known || in[0].rank != 2 ||
        in[0].dims[trans_a ? 1 : 0] != 1)
        return WRONG("takes rows of values and constant weights");
    INV_TRY(onnx_check_axis(im, node, &in[0], trans_a ? 0 : 1));
    INV_TRY(onnx_add_dense(im, node, &in[1].known, trans_b, inv_onnx_number(node, "alpha", 1.0),
                           &in[0], out));
    out->dims[0] = 1;
    out->dims[1] = out->place.shape.channels;
    out->batch = in[0].batch == ONNX_NO_BATCH ? ONNX_NO_BATCH : 0;
    if (onnx_is_given(in, count, 2)) {
        if (!in[2].is_known)
            INV_RAISE(WRONG("its input 3 is no constant"));
        INV_TRY(onnx_spread(im, node, &in[2].known, out, &bias, &period));
        for (size_t i = 0; i < out->dims[1]; i++)
            out->bias[i] += (float)(beta * bias[i % period]);
    }
done:
    free(bias);
    return status;
}

/* ---- the table ---- */

const onnx_operator onnx_dense_operators[] = {
    {"Gemm", add_gemm, false, "alpha beta broadcast transA transB"},
    {"MatMul", add_matmul, true, NULL},
    {NULL, NULL, false, NULL},
};
