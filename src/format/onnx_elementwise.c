/* ONNX: activations and arithmetic, value by value, and images put side by side (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- activations ---- */

/* An operator that is a formula a value: the layer, and up to two of its settings. */
static const struct formula {
    const char *op, *layer;
    struct {
        const char *attribute, *key;
        double usual;
    } settings[2];
} formulas[] = {
    {"Relu", "relu", {{0}}},
    {"Sigmoid", "sigmoid", {{0}}},
    {"Tanh", "tanh", {{0}}},
    {"Softsign", "softsign", {{0}}},
    {"Mish", "mish", {{0}}},
    {"HardSwish", "hard_silu", {{0}}},
    {"Erf", "erf", {{0}}},
    {"Exp", "exponential", {{0}}},
    {"Log", "log", {{0}}},
    {"Sqrt", "sqrt", {{0}}},
    {"Abs", "abs", {{0}}},
    {"LeakyRelu", "leaky_relu", {{"alpha", "alpha", 0.01}}},
    {"Elu", "elu", {{"alpha", "alpha", 1.0}}},
    {"Celu", "celu", {{"alpha", "alpha", 1.0}}},
    {"Selu",
     "selu",
     {{"alpha", "alpha", 1.67326319217681884765625},
      {"gamma", "scale", 1.05070102214813232421875}}},
    {"HardSigmoid", "hard_sigmoid", {{"alpha", "slope", 0.2}, {"beta", "offset", 0.5}}},
    {"Softplus", "softplus", {{"beta", "beta", 1.0}}},
    {"Swish", "silu", {{"alpha", "beta", 1.0}}},
    {"ThresholdedRelu", "threshold", {{"alpha", "threshold", 1.0}}},
};

static inv_status add_formula(onnx_importing *im, const json_t *node, const onnx_value *in,
                              size_t count, onnx_value *out)
{
    const struct formula *f = formulas;
    (void)count;
    while (strcmp(f->op, inv_onnx_op(node)) != 0)
        f++;
    json_t *settings = json_pack("{ss}", "type", f->layer);
    for (size_t i = 0; i < 2; i++) {
        const double usual = f->settings[i].usual;
        if (f->settings[i].key)
            json_object_set_new(settings, f->settings[i].key,
                                json_real(inv_onnx_number(node, f->settings[i].attribute, usual)));
    }
    return onnx_add_layer(im, node, "", settings, &in[0], out);
}

static inv_status add_gelu(onnx_importing *im, const json_t *node, const onnx_value *in,
                           size_t count, onnx_value *out)
{
    (void)count;
    return onnx_add_layer(
        im, node, "",
        json_pack("{ss sb}", "type", "gelu", "approximate",
                  strcmp(inv_onnx_text(node, "approximate", "none"), "tanh") == 0),
        &in[0], out);
}

/* min(max(x, low), high), which is `high` everywhere where that is below `low`; a limit that is not there
 * is the largest. */
static inv_status add_limits(onnx_importing *im, const json_t *node, double low, double high,
                             const onnx_value *in, onnx_value *out)
{
    const double most = 3.4028234e38;
    json_t *settings = NULL;
    if (low <= -most && high >= most) {
        *out = *in;
        return INV_OK;
    }
    high = high > most ? most : high;
    low = low > high ? high : low < -most ? -most : low;
    if (low >= 0.0 && low <= 0.0 && high >= most)
        settings = json_pack("{ss}", "type", "relu");
    else if (low >= 0.0 && low <= 0.0 && high > 0.0 && high < 1e30)
        settings = json_pack("{ss sf}", "type", "relu", "max_value", high);
    else
        settings = json_pack("{ss sf sf}", "type", "hard_tanh", "low", low, "high", high);
    return onnx_add_layer(im, node, "", settings, in, out);
}

static inv_status add_clip(onnx_importing *im, const json_t *node, const onnx_value *in,
                           size_t count, onnx_value *out)
{
    double low = 0.0, high = 0.0;
    inv_status status = onnx_one_number(im, node, in, count, 1, "min", -HUGE_VAL, &low);
    if (status == INV_OK)
        status = onnx_one_number(im, node, in, count, 2, "max", HUGE_VAL, &high);
    return status == INV_OK ? add_limits(im, node, low, high, &in[0], out) : status;
}

static inv_status add_prelu(onnx_importing *im, const json_t *node, const onnx_value *in,
                            size_t count, onnx_value *out)
{
    const onnx_value *v = &in[0];
    const size_t size = inv_shape_size(v->place.shape), channels = v->place.shape.channels;
    double *slopes = NULL;
    size_t period = 1;
    inv_status status = INV_OK;
    if (count < 2 || !in[1].is_known)
        return WRONG("its slopes are no constants");
    inv_onnx_tensor known = in[1].known;
    if (im->graph.opset < 7 && known.rank == 1) /* one of each channel */
        while (known.rank + 1 < v->rank)
            known.dims[known.rank++] = 1;
    INV_TRY(onnx_spread(im, node, &known, v, &slopes, &period));
    const bool one = onnx_repeats(slopes, period, 1), few = onnx_repeats(slopes, period, channels);
    INV_TRY(onnx_add_layer(im, node, "",
                           json_pack("{ss sb sb sb}", "type", "prelu", "share_height", few,
                                     "share_width", few, "share_channels", one),
                           v, out));
    INV_TRY(onnx_put_numbers(im, out, "alpha", slopes, one ? 1 : few ? channels : size, NULL));
done:
    free(slopes);
    return status;
}

static inv_status add_shrink(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, onnx_value *out)
{
    const double lambda = inv_onnx_number(node, "lambd", 0.5);
    const double bias = inv_onnx_number(node, "bias", 0.0);
    const bool soft = fabs(bias - lambda) < 1e-12;
    (void)count;
    if (!soft && fabs(bias) > 0.0)
        return WRONG("with a bias other than lambd is not known");
    return onnx_add_layer(
        im, node, "",
        json_pack("{ss sf}", "type", soft ? "soft_shrink" : "hard_shrink", "lambda", lambda),
        &in[0], out);
}

/* Along one of several axes, each by itself: that axis becomes the channels, and is put back. */
static inv_status add_softmax_along(onnx_importing *im, const json_t *node, json_t *settings,
                                    size_t axis, onnx_value *v)
{
    size_t from[ONNX_RANK_MAX], back[ONNX_RANK_MAX];
    char letters[ONNX_RANK_MAX];
    const bool is_channels = onnx_find_letters(v, letters) && letters[axis] == 'c';
    inv_status status = INV_OK;
    for (size_t i = 0; i < v->rank; i++) {
        from[i] = i + 1 == v->rank ? axis : i + (i >= axis);
        back[from[i]] = i;
    }
    if (!is_channels) {
        INV_TRY(onnx_move_axes(im, node, from, v));
        const size_t over = v->dims[v->rank - 1], size = inv_shape_size(v->place.shape);
        INV_TRY(onnx_rearrange(im, node, (inv_shape){1, size / over, over}, onnx_axes_here, v));
    }
    json_incref(settings);
    INV_TRY(onnx_add_layer(im, node, "", settings, v, v));
    if (!is_channels)
        INV_TRY(onnx_move_axes(im, node, back, v));
done:
    json_decref(settings);
    return status;
}

/* Before opset 13 over all axes from `axis` on, then over that one. */
static inv_status add_softmax(onnx_importing *im, const json_t *node, const onnx_value *in,
                              size_t count, onnx_value *out)
{
    const bool is_old = im->graph.opset < 13;
    const char *type = strcmp(inv_onnx_op(node), "LogSoftmax") == 0 ? "log_softmax" : "softmax";
    size_t axis = 0, over = 1;
    onnx_value *v = out;
    (void)count;
    *v = in[0];
    if (!inv_onnx_axis(inv_onnx_whole(node, "axis", is_old ? 1 : -1), v->rank, &axis))
        return WRONG("is over an axis that is not there");
    for (size_t i = axis; i < (is_old ? v->rank : axis + 1); i++) {
        inv_status status = onnx_check_axis(im, node, v, i);
        if (status != INV_OK)
            return status;
        over *= v->dims[i];
    }
    if (over != inv_shape_size(v->place.shape) && over == v->dims[axis])
        return add_softmax_along(im, node, json_pack("{ss ss}", "type", type, "over", "channels"),
                                 axis, v);
    if (over != inv_shape_size(v->place.shape))
        return WRONG("along several axes, which are not all, is not known");
    inv_status status = onnx_as_vector(im, node, v);
    return status == INV_OK ? onnx_add_layer(im, node, "", json_pack("{ss}", "type", type), v, v)
                            : status;
}

static inv_status add_dropout(onnx_importing *im, const json_t *node, const onnx_value *in,
                              size_t count, onnx_value *out)
{
    double training = 0.0;
    inv_status status = onnx_one_number(im, node, in, count, 2, "training_mode", 0.0, &training);
    if (status != INV_OK)
        return status;
    if (fabs(training) > 0.0)
        return WRONG("drops values at random (training_mode): export the net in inference mode "
                     "(eval)");
    *out = in[0];
    return onnx_one_output(im, node);
}

/* ---- arithmetic ---- */

/* Numbers, as `onnx_spread` gives them, over the values. */
static inv_status divide_constant(onnx_importing *im, const json_t *node, const double *numbers,
                                  size_t period, const onnx_value *v, onnx_value *out)
{
    onnx_value both[2] = {*v, *v};
    void *zeros = NULL;
    inv_status status = inv_calloc(period, sizeof *numbers, "constants", &zeros);
    if (status == INV_OK)
        status = onnx_add_affine(im, node, zeros, numbers, period, v, &both[0]);
    free(zeros);
    return status == INV_OK ? onnx_join_values(im, node, "divide", both, 2, out) : status;
}

static inv_status add_reciprocal(onnx_importing *im, const json_t *node, const onnx_value *in,
                                 size_t count, onnx_value *out)
{
    const double one = 1.0;
    (void)count;
    return divide_constant(im, node, &one, 1, &in[0], out);
}

/* x^power as a product of x's root, x, and its squares; one over that where the power is negative. */
static inv_status add_power(onnx_importing *im, const json_t *node, double power,
                            const onnx_value *in, onnx_value *out)
{
    const double size = fabs(power);
    onnx_value factors[3];
    size_t count = 0;
    inv_status status = INV_OK;
    if (!(size > 0.0) || size > 4.0 || fabs(2.0 * size - round(2.0 * size)) > 0.0)
        return WRONG("by a power of %g is not known", power);
    const unsigned whole = (unsigned)size;
    if (size > (double)whole)
        INV_TRY(onnx_add_layer(im, node, ".root", json_pack("{ss}", "type", "sqrt"), in,
                               &factors[count++]));
    if (whole % 2 == 1)
        factors[count++] = *in;
    for (unsigned by = 2; by <= whole; by *= 2)
        INV_TRY(onnx_add_layer(im, node, ".square", json_pack("{ss}", "type", "square"),
                               by == 2 ? in : &factors[count], &factors[count]));
    count += whole >= 2;
    *out = factors[0];
    if (count > 1)
        INV_TRY(onnx_join_values(im, node, "multiply", factors, count, out));
    if (power < 0.0) {
        const onnx_value product = *out;
        INV_TRY(add_reciprocal(im, node, &product, 1, out));
    }
done:
    return status;
}

/* Before opset 7 the attribute `axis` says which of the image's axes the constant's first is, where it is not
 * that its last is the last: as many axes of size 1 then follow. */
static inv_status align_old(onnx_importing *im, const json_t *node, size_t rank,
                            inv_onnx_tensor *constant)
{
    size_t axis = 0;
    if (im->graph.opset > 6 || !inv_onnx_attribute(node, "axis"))
        return INV_OK;
    if (!inv_onnx_axis(inv_onnx_whole(node, "axis", 0), rank, &axis) ||
        axis + constant->rank > rank)
        return WRONG("is along an axis that is not there");
    while (axis + constant->rank < rank)
        constant->dims[constant->rank++] = 1;
    return INV_OK;
}

/* A constant with an image. */
static inv_status add_constant(onnx_importing *im, const json_t *node, const onnx_value *v,
                               const onnx_value *constant, bool constant_first, onnx_value *out)
{
    const char *op = inv_onnx_op(node);
    double *number = NULL, *scale = NULL, *offset = NULL;
    void *memory = NULL, *more = NULL;
    size_t period = 1;
    inv_status status = INV_OK;
    inv_onnx_tensor known = constant->known;
    onnx_value wide = *v; /* a constant of more axes, all of 1 before the image's */
    INV_TRY(align_old(im, node, v->rank, &known));
    while (wide.rank < known.rank && wide.rank < ONNX_RANK_MAX)
        onnx_add_axis(&wide);
    for (size_t k = 0; k < known.rank; k++) {
        const size_t axis = wide.rank - known.rank + k;
        if (wide.dims[axis] == 1 && known.dims[k] > 1)
            INV_TRY(onnx_repeat(im, node, &wide, axis, known.dims[k]));
    }
    INV_TRY(onnx_spread(im, node, &known, &wide, &number, &period));
    INV_TRY(inv_calloc(period, sizeof *scale, "constants", &memory));
    INV_TRY(inv_calloc(period, sizeof *offset, "constants", &more));
    scale = memory;
    offset = more;
    if (strcmp(op, "Max") == 0 || strcmp(op, "Min") == 0) {
        if (!onnx_repeats(number, period, 1))
            INV_RAISE(WRONG("with more than one number is not known"));
        const bool low = op[1] == 'a';
        INV_RAISE(add_limits(im, node, low ? number[0] : -HUGE_VAL, low ? HUGE_VAL : number[0],
                             &wide, out));
    }
    if (strcmp(op, "Pow") == 0)
        INV_RAISE(constant_first || !onnx_repeats(number, period, 1)
                      ? WRONG("other than by one power is not known")
                      : add_power(im, node, number[0], &wide, out));
    if (strcmp(op, "Div") == 0 && constant_first)
        INV_RAISE(divide_constant(im, node, number, period, &wide, out));
    for (size_t i = 0; i < period; i++) {
        scale[i] = op[0] == 'M' ? number[i] : op[0] == 'D' ? 1.0 / number[i] : 1.0;
        offset[i] = op[0] == 'A' || (op[0] == 'S' && op[2] == 'm') ? number[i] : 0.0;
        if (strcmp(op, "Sub") == 0) {
            scale[i] = constant_first ? -1.0 : 1.0;
            offset[i] = constant_first ? number[i] : -number[i];
        }
    }
    INV_TRY(onnx_add_affine(im, node, scale, offset, period, &wide, out));
done:
    free(number);
    free(memory);
    free(more);
    return status;
}

/* Axes alike, so that images can be joined value by value or side by side: as they are, where all are
 * laid alike, else turned. *layout is what they then are. */
static inv_status lay_alike(onnx_importing *im, const json_t *node, onnx_value *v, size_t count,
                            const char **layout)
{
    for (size_t k = 0; k < ONNX_LAYOUTS; k++) {
        size_t good = 0;
        while (good < count && onnx_is_laid(&v[good], onnx_layouts[k]))
            good++;
        *layout = onnx_layouts[k];
        if (good == count)
            return INV_OK;
    }
    *layout = v[0].rank == 2 ? "c" : "chw";
    for (size_t i = 0; i < count; i++) {
        inv_status status =
            v[0].rank == 2 ? onnx_as_vector(im, node, &v[i]) : onnx_as_image(im, node, &v[i]);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

/* The same number of axes, those that are missing before the others, of size 1. */
static bool level(onnx_value *v, size_t count)
{
    size_t rank = 0;
    for (size_t i = 0; i < count; i++)
        rank = v[i].rank > rank ? v[i].rank : rank;
    for (size_t i = 0; i < count; i++)
        while (v[i].rank < rank)
            onnx_add_axis(&v[i]);
    return rank > 0;
}

static bool same_dims(const onnx_value *a, const onnx_value *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

inv_status onnx_join(onnx_importing *im, const json_t *node, json_t *settings, const onnx_value *v,
                     size_t count, onnx_value *out)
{
    inv_place places[ONNX_INPUTS_MAX];
    char name[INV_NAME_MAX];
    const onnx_value first = v[0];
    for (size_t i = 0; i < count; i++)
        places[i] = v[i].place;
    onnx_name_of(node, "", name);
    *out = first;
    out->bias = NULL;
    return inv_sketch_add(im->sketch, name, "", settings, places, count, &out->place);
}

inv_status onnx_join_values(onnx_importing *im, const json_t *node, const char *type, onnx_value *v,
                            size_t count, onnx_value *out)
{
    const char *layout = NULL;
    bool alike = level(v, count);
    inv_status status = onnx_check_alike(im, node, v, count);
    if (status != INV_OK)
        return status;
    for (size_t i = 1; i < count; i++)
        alike = alike && same_dims(&v[0], &v[i]);
    for (size_t i = 1; alike && i < count; i++)
        INV_TRY(onnx_rearrange(im, node, v[0].place.shape, v[0].order, &v[i]));
    if (!alike)
        INV_TRY(lay_alike(im, node, v, count, &layout));
    INV_TRY(onnx_join(im, node, json_pack("{ss}", "type", type), v, count, out));
    for (size_t i = 1; i < count; i++)
        for (size_t k = 0; k < out->rank; k++)
            out->dims[k] = v[i].dims[k] > out->dims[k] ? v[i].dims[k] : out->dims[k];
done:
    return status;
}

static const char *const joins[][2] = {
    {"Add", "add"},     {"Sub", "subtract"}, {"Mul", "multiply"}, {"Div", "divide"},
    {"Max", "maximum"}, {"Min", "minimum"},  {"Mean", "average"}, {"Sum", "add"}};

static inv_status add_arithmetic(onnx_importing *im, const json_t *node, const onnx_value *in,
                                 size_t count, onnx_value *out)
{
    const char *op = inv_onnx_op(node), *type = NULL;
    onnx_value v[ONNX_INPUTS_MAX];
    if (count == 1) {
        *out = in[0];
        return INV_OK;
    }
    if (count == 2 && in[0].is_known != in[1].is_known && strcmp(op, "Mean") != 0)
        return add_constant(im, node, &in[!in[1].is_known], &in[in[1].is_known], in[0].is_known,
                            out);
    for (size_t i = 0; i < count; i++) {
        if (!in[i].is_there || in[i].is_known)
            return WRONG("of these inputs is not known");
        v[i] = in[i];
    }
    if (count == 2 && strcmp(inv_onnx_input(node, 0), inv_onnx_input(node, 1)) == 0) {
        if (strcmp(op, "Mul") != 0 && strcmp(op, "Add") != 0)
            return WRONG("of a value with itself is not known");
        return onnx_add_layer(im, node, "",
                              op[0] == 'M' ? json_pack("{ss}", "type", "square")
                                           : json_pack("{ss sf}", "type", "rescale", "scale", 2.0),
                              &in[0], out);
    }
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++)
        type = strcmp(joins[i][0], op) == 0 ? joins[i][1] : type;
    return type ? onnx_join_values(im, node, type, v, count, out)
                : WRONG("of values by values is not known");
}

static inv_status add_concat(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, onnx_value *out)
{
    onnx_value v[ONNX_INPUTS_MAX];
    const char *layout = NULL;
    size_t axis = 0, sum = 0;
    inv_status status = INV_OK;
    for (size_t i = 0; i < count; i++) {
        if (!in[i].is_there || in[i].is_known || in[i].rank != in[0].rank)
            return WRONG("of constants with values is not known");
        v[i] = in[i];
    }
    if (!inv_onnx_axis(inv_onnx_whole(node, "axis", 1), in[0].rank, &axis))
        return WRONG("is along an axis that is not there");
    if (count == 1) {
        *out = in[0];
        return INV_OK;
    }
    INV_TRY(onnx_check_alike(im, node, v, count));
    INV_TRY(onnx_check_axis(im, node, &v[0], axis));
    INV_TRY(lay_alike(im, node, v, count, &layout));
    if (axis == 0)
        INV_RAISE(WRONG("puts images together into a batch, which is not known"));
    const char at = layout[axis - 1];
    INV_TRY(onnx_join(im, node,
                      json_pack("{ss ss}", "type", "concat", "axis",
                                at == 'h'   ? "height"
                                : at == 'w' ? "width"
                                            : "channels"),
                      v, count, out));
    for (size_t i = 0; i < count; i++)
        sum += v[i].dims[axis];
    out->dims[axis] = sum;
done:
    return status;
}

static inv_status add_negative(onnx_importing *im, const json_t *node, const onnx_value *in,
                               size_t count, onnx_value *out)
{
    (void)count;
    return onnx_add_layer(im, node, "", json_pack("{ss sf}", "type", "rescale", "scale", -1.0),
                          &in[0], out);
}

/* ---- the table ---- */

const onnx_operator onnx_elementwise_operators[] = {
    {"Relu", add_formula, false, NULL},
    {"Sigmoid", add_formula, false, NULL},
    {"Tanh", add_formula, false, NULL},
    {"Softsign", add_formula, false, NULL},
    {"Mish", add_formula, false, NULL},
    {"HardSwish", add_formula, false, NULL},
    {"Erf", add_formula, false, NULL},
    {"Exp", add_formula, false, NULL},
    {"Log", add_formula, false, NULL},
    {"Sqrt", add_formula, false, NULL},
    {"Abs", add_formula, false, NULL},
    {"LeakyRelu", add_formula, false, "alpha"},
    {"Elu", add_formula, false, "alpha"},
    {"Celu", add_formula, false, "alpha"},
    {"Selu", add_formula, false, "alpha gamma"},
    {"HardSigmoid", add_formula, false, "alpha beta"},
    {"Softplus", add_formula, false, "beta"},
    {"Swish", add_formula, false, "alpha"},
    {"ThresholdedRelu", add_formula, false, "alpha"},
    {"Gelu", add_gelu, false, "approximate"},
    {"Clip", add_clip, false, "max min"},
    {"PRelu", add_prelu, false, NULL},
    {"Shrink", add_shrink, false, "bias lambd"},
    {"Softmax", add_softmax, false, "axis"},
    {"LogSoftmax", add_softmax, false, "axis"},
    {"Dropout", add_dropout, false, "is_test ratio seed"},
    {"Concat", add_concat, false, "axis"},
    {"Neg", add_negative, false, NULL},
    {"Reciprocal", add_reciprocal, false, NULL},
    {"Add", add_arithmetic, true, "axis broadcast"},
    {"Sub", add_arithmetic, true, "axis broadcast"},
    {"Mul", add_arithmetic, true, "axis broadcast"},
    {"Div", add_arithmetic, true, "axis broadcast"},
    {"Pow", add_arithmetic, true, "axis broadcast"},
    {"Sum", add_arithmetic, true, NULL},
    {"Mean", add_arithmetic, true, NULL},
    {"Max", add_arithmetic, true, NULL},
    {"Min", add_arithmetic, true, NULL},
    {NULL, NULL, false, NULL},
};
