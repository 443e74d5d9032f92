/* Nets as ONNX graphs (onnx.h): opset 20, which LayerNormalization, Gelu and Mish have come into by
 * then. Images are batch x channels x height x width there; parameters are PyTorch's (exporting.h), and
 * the first dense layer behind a flattened image takes its values with channels first, so that nothing
 * is turned about. A layer is one node of its name or, where no operator does what it does, several, the
 * last of its name; what it gives is called as the net's point.
 * Source of each operator: the ONNX specification, opset 20.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/exporting.h"
#include "format/formula.h"
#include "format/onnx.h"
#include "format/onnx.pb-c.h"

#define OPSET      20
#define IR_VERSION 9
#define FLOAT      1 /* Tensor.data_type */
#define INT64      7
#define BYTES_MAX  ((size_t)2000000000) /* of a protobuf message */
#define TINY       1e-6                 /* of src/net/layers/inverse_scale.c */

struct writer {
    inv_exporting e;
    OnnxFile__Graph graph;
    size_t node_room, tensor_room;
    const inv_layer *layer;
    const char *stem; /* its name */
    size_t steps;     /* values of its own so far */
    size_t nodes_before;
};

/* ---- pieces of a message ---- */

static bool good(const writer *w)
{
    return w->e.status == INV_OK;
}

/* Room for one more pointer in a list. */
static bool grow(writer *w, void ***list, size_t count, size_t *room)
{
    if (count < *room)
        return true;
    const size_t more = 2 * *room + 64;
    void **new = inv_exporting_keep(&w->e, more, sizeof *new);
    if (!new)
        return false;
    if (count > 0)
        memcpy(new, *list, count * sizeof *new);
    *list = new;
    *room = more;
    return true;
}

/* "hidden1/3" */
static const char *own_name(writer *w)
{
    const char *name = inv_exporting_text(&w->e, "%s/%zu", w->stem, ++w->steps);
    return name ? name : "";
}

static OnnxFile__Node *add_node(writer *w, const char *op, const char *const *in, size_t count)
{
    OnnxFile__Node *node = inv_exporting_keep(&w->e, 1, sizeof *node);
    char **names = inv_exporting_keep(&w->e, count + 1, sizeof *names);
    void **list = (void **)w->graph.node;
    if (!node || !names || !grow(w, &list, w->graph.n_node, &w->node_room))
        return NULL;
    onnx_file__node__init(node);
    w->graph.node = (OnnxFile__Node **)list;
    w->graph.node[w->graph.n_node++] = node;
    memcpy(names, in, count * sizeof *names);
    names[count] = (char *)own_name(w);
    node->input = names;
    node->n_input = count;
    node->output = names + count;
    node->n_output = 1;
    node->name = names[count];
    node->op_type = (char *)op;
    return node;
}

static const char *output_of(const OnnxFile__Node *node)
{
    return node ? node->output[0] : "";
}

static OnnxFile__Attribute *add_attribute(writer *w, OnnxFile__Node *node, const char *name,
                                          int type)
{
    OnnxFile__Attribute *a = inv_exporting_keep(&w->e, 1, sizeof *a);
    OnnxFile__Attribute **list =
        inv_exporting_keep(&w->e, node ? node->n_attribute + 1 : 1, sizeof *list);
    if (!a || !list || !node)
        return NULL;
    if (node->n_attribute > 0)
        memcpy(list, node->attribute, node->n_attribute * sizeof *list);
    onnx_file__attribute__init(a);
    a->name = (char *)name;
    a->type = type;
    a->has_type = 1;
    list[node->n_attribute++] = a;
    node->attribute = list;
    return a;
}

enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_STRING = 3, TYPE_INTS = 7 };

static void set_real(writer *w, OnnxFile__Node *node, const char *name, double value)
{
    OnnxFile__Attribute *a = add_attribute(w, node, name, TYPE_FLOAT);
    if (!a)
        return;
    a->f = (float)value;
    a->has_f = 1;
}

static void set_whole(writer *w, OnnxFile__Node *node, const char *name, int64_t value)
{
    OnnxFile__Attribute *a = add_attribute(w, node, name, TYPE_INT);
    if (!a)
        return;
    a->i = value;
    a->has_i = 1;
}

static void set_text(writer *w, OnnxFile__Node *node, const char *name, const char *text)
{
    OnnxFile__Attribute *a = add_attribute(w, node, name, TYPE_STRING);
    if (!a)
        return;
    a->s = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    a->has_s = 1;
}

static void set_list(writer *w, OnnxFile__Node *node, const char *name, const size_t *values,
                     size_t count)
{
    OnnxFile__Attribute *a = add_attribute(w, node, name, TYPE_INTS);
    int64_t *list = inv_exporting_keep(&w->e, count, sizeof *list);
    if (!a || !list)
        return;
    for (size_t i = 0; i < count; i++)
        list[i] = (int64_t)values[i];
    a->ints = list;
    a->n_ints = count;
}

/* ---- tensors ---- */

static OnnxFile__Tensor *add_tensor(writer *w, const char *name, int type, const size_t *dims,
                                    size_t rank, const void *values, size_t bytes)
{
    OnnxFile__Tensor *t = inv_exporting_keep(&w->e, 1, sizeof *t);
    int64_t *sizes = inv_exporting_keep(&w->e, rank, sizeof *sizes);
    void **list = (void **)w->graph.initializer;
    if (!t || !sizes || !grow(w, &list, w->graph.n_initializer, &w->tensor_room))
        return NULL;
    w->graph.initializer = (OnnxFile__Tensor **)list;
    w->graph.initializer[w->graph.n_initializer++] = t;
    onnx_file__tensor__init(t);
    for (size_t i = 0; i < rank; i++)
        sizes[i] = (int64_t)dims[i];
    t->name = (char *)name;
    t->dims = sizes;
    t->n_dims = rank;
    t->data_type = type;
    t->has_data_type = 1;
    t->raw_data = (ProtobufCBinaryData){bytes, (uint8_t *)values};
    t->has_raw_data = 1;
    return t;
}

/* A constant of this layer's own: as many numbers as the sizes say, all of them `value`. */
static const char *constant(writer *w, const size_t *dims, size_t rank, double value)
{
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= dims[i];
    float *values = inv_exporting_keep(&w->e, count, sizeof *values);
    const char *name = own_name(w);
    for (size_t i = 0; values && i < count; i++)
        values[i] = (float)value;
    (void)add_tensor(w, name, FLOAT, dims, rank, values, count * sizeof *values);
    return name;
}

static const char *number(writer *w, double value)
{
    return constant(w, NULL, 0, value);
}

static const char *numbers(writer *w, const double *list, size_t count)
{
    float *values = inv_exporting_keep(&w->e, count, sizeof *values);
    const char *name = own_name(w);
    for (size_t i = 0; values && i < count; i++)
        values[i] = (float)list[i];
    (void)add_tensor(w, name, FLOAT, &count, 1, values, count * sizeof *values);
    return name;
}

static const char *whole_numbers(writer *w, const int64_t *numbers, size_t count)
{
    int64_t *values = inv_exporting_keep(&w->e, count, sizeof *values);
    const char *name = own_name(w);
    if (values)
        memcpy(values, numbers, count * sizeof *values);
    (void)add_tensor(w, name, INT64, &count, 1, values, count * sizeof *values);
    return name;
}

/* A block of the layer as "hidden1.weight"; NULL where it has none. Of one value a channel, for images:
 * channels x 1 x 1. */
static const char *parameter_of(writer *w, const char *block, inv_shape order, bool for_images)
{
    const char *what = NULL;
    inv_param p;
    for (size_t i = 0; inv_torch_param(w->layer, order, i, &what, &p); i++) {
        if (strcmp(p.block->name, block) != 0)
            continue;
        char path[64];
        const char *name = inv_exporting_text(&w->e, "%s.%s", w->stem, what);
        snprintf(path, sizeof path, "/tensors/%zu", w->graph.n_initializer);
        const float *values = inv_exporting_put(&w->e, &p, path);
        if (for_images && p.rank == 1) {
            p.rank = 3;
            p.dims[1] = p.dims[2] = 1;
        }
        if (values && name)
            (void)add_tensor(w, name, FLOAT, p.dims, p.rank, values,
                             p.block->size * sizeof *values);
        return name ? name : "";
    }
    return NULL;
}

static const char *parameter(writer *w, const char *block)
{
    return parameter_of(w, block, (inv_shape){0}, false);
}

/* ---- operators ---- */

static const char *apply1(writer *w, const char *op, const char *a)
{
    return output_of(add_node(w, op, &a, 1));
}

static const char *apply2(writer *w, const char *op, const char *a, const char *b)
{
    return output_of(add_node(w, op, (const char *const[]){a, b}, 2));
}

static const char *apply3(writer *w, const char *op, const char *a, const char *b, const char *c)
{
    return output_of(add_node(w, op, (const char *const[]){a, b, c}, 3));
}

static const char *transpose(writer *w, const char *a, const size_t *axes, size_t rank)
{
    OnnxFile__Node *node = add_node(w, "Transpose", &a, 1);
    set_list(w, node, "perm", axes, rank);
    return output_of(node);
}

/* Of axes behind the batch; -1: what is left. */
static const char *reshape(writer *w, const char *a, const int64_t *sizes, size_t count)
{
    int64_t all[6] = {0};
    memcpy(all + 1, sizes, count * sizeof *all);
    return apply2(w, "Reshape", a, whole_numbers(w, all, count + 1));
}

/* ---- from images to rows and back ---- */

static const size_t to_last[4] = {0, 2, 3, 1}, to_first[4] = {0, 3, 1, 2};

static const char *flatten(writer *w, const char *a)
{
    OnnxFile__Node *node = add_node(w, "Flatten", &a, 1);
    set_whole(w, node, "axis", 1);
    return output_of(node);
}

/* Rows of values, which may be in the order of channels first where the caller can take them so. */
static inv_spot as_row(writer *w, inv_spot s, inv_shape shape, bool any_order)
{
    if (s.is_image) {
        const bool ordered = inv_exporting_is_row(shape) || shape.channels == 1;
        s.text = flatten(w, ordered || any_order ? s.text : transpose(w, s.text, to_last, 4));
        s.is_image = false;
        if (!ordered && any_order)
            s.order = shape;
    } else if (s.order.channels && !any_order) {
        const int64_t sizes[3] = {(int64_t)s.order.channels, (int64_t)s.order.height,
                                  (int64_t)s.order.width};
        s.text = flatten(w, transpose(w, reshape(w, s.text, sizes, 3), to_last, 4));
        s.order = (inv_shape){0};
    }
    return s;
}

/* Images of that shape. */
static inv_spot as_image(writer *w, inv_spot s, inv_shape shape)
{
    if (s.is_image)
        return s;
    s = as_row(w, s, shape, false);
    const int64_t sizes[3] = {(int64_t)shape.height, (int64_t)shape.width, (int64_t)shape.channels};
    const int64_t first[3] = {sizes[2], sizes[0], sizes[1]};
    s.text = inv_exporting_is_row(shape) || shape.channels == 1
                 ? reshape(w, s.text, first, 3)
                 : transpose(w, reshape(w, s.text, sizes, 3), to_first, 4);
    s.is_image = true;
    return s;
}

/* What the layer takes, as it needs it: images, or rows in the net's own order, unless it is an image. */
static inv_spot input_as_is(writer *w, inv_spot in)
{
    return in.is_image ? in : as_row(w, in, w->layer->in, false);
}

/* ---- layers that weigh ---- */

static inv_spot write_dense(writer *w, inv_spot in)
{
    const inv_spot row = as_row(w, in, w->layer->in, true);
    const char *weight = parameter_of(w, "kernel", row.order, false);
    const char *bias = parameter(w, "bias");
    OnnxFile__Node *node = add_node(w, "Gemm", (const char *const[]){row.text, weight, bias}, 3);
    set_whole(w, node, "transB", 1);
    return (inv_spot){.text = output_of(node)};
}

static inv_spot write_inverse_dense(writer *w, inv_spot in)
{
    const inv_spot row = as_row(w, in, w->layer->in, false);
    const char *weight = parameter(w, "kernel"), *bias = parameter(w, "bias");
    const char *centred = apply2(w, "Sub", row.text, bias);
    OnnxFile__Node *node = add_node(w, "Gemm", (const char *const[]){centred, weight}, 2);
    set_whole(w, node, "transB", 1);
    return (inv_spot){.text = output_of(node)};
}

static void set_windows(writer *w, OnnxFile__Node *node, const inv_laid *l, const size_t pads[4])
{
    set_list(w, node, "kernel_shape", (const size_t[]){l->w.height, l->w.width}, 2);
    set_list(w, node, "strides", (const size_t[]){l->w.stride_y, l->w.stride_x}, 2);
    set_list(w, node, "pads", pads, 4);
}

static void set_dilations(writer *w, OnnxFile__Node *node, const inv_laid *l)
{
    if (l->w.dilation_y > 1 || l->w.dilation_x > 1)
        set_list(w, node, "dilations", (const size_t[]){l->w.dilation_y, l->w.dilation_x}, 2);
}

/* conv2d, depthwise_conv2d, conv2d_transpose */
static inv_spot write_conv(writer *w, inv_spot in)
{
    const bool is_depthwise = inv_exporting_is(w->layer, "depthwise_conv2d");
    const bool is_transpose = inv_exporting_is(w->layer, "conv2d_transpose");
    const inv_laid l = inv_exporting_windows(w->layer);
    size_t pads[4] = {l.top, l.left, l.bottom, l.right}, more[2] = {0};
    const size_t groups =
        is_depthwise ? w->layer->in.channels : inv_exporting_size(w->layer, "groups");
    const inv_spot image = as_image(w, in, w->layer->in);
    const char *weight = parameter(w, "kernel"), *bias = parameter(w, "bias");
    OnnxFile__Node *node = add_node(w, is_transpose ? "ConvTranspose" : "Conv",
                                    (const char *const[]){image.text, weight, bias}, bias ? 3 : 2);
    if (is_transpose)
        inv_exporting_transposed(w->layer, &l, pads, more);
    set_windows(w, node, &l, pads);
    set_dilations(w, node, &l);
    if (groups > 1)
        set_whole(w, node, "group", (int64_t)groups);
    if (more[0] || more[1])
        set_list(w, node, "output_padding", more, 2);
    return (inv_spot){.text = output_of(node), .is_image = true};
}

/* A convolution of kernels with one 1 each lays out the values of every window; then each place has
 * weights of its own. */
static inv_spot write_local(writer *w, inv_spot in)
{
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_shape s = w->layer->in, out = w->layer->out;
    const size_t n = l.w.height * l.w.width, size = n * s.channels;
    const size_t places = out.height * out.width;
    const size_t dims[4] = {size, 1, l.w.height, l.w.width};
    const inv_spot image = as_image(w, in, s);
    float *ones = inv_exporting_keep(&w->e, size * n, sizeof *ones);
    const char *name = own_name(w);
    for (size_t i = 0; ones && i < size; i++)
        ones[i * n + i % n] = 1.0f;
    (void)add_tensor(w, name, FLOAT, dims, 4, ones, size * n * sizeof *ones);
    OnnxFile__Node *node = add_node(w, "Conv", (const char *const[]){image.text, name}, 2);
    set_windows(w, node, &l, (const size_t[]){l.top, l.left, l.bottom, l.right});
    if (s.channels > 1)
        set_whole(w, node, "group", (int64_t)s.channels);
    const char *y =
        reshape(w, output_of(node), (const int64_t[]){(int64_t)size, (int64_t)places}, 2);
    y = transpose(w, y, (const size_t[]){2, 0, 1}, 3);
    y = apply2(w, "MatMul", y, parameter(w, "kernel"));
    y = transpose(w, y, (const size_t[]){1, 2, 0}, 3);
    y = reshape(
        w, y, (const int64_t[]){(int64_t)out.channels, (int64_t)out.height, (int64_t)out.width}, 3);
    const char *bias = parameter_of(w, "bias", (inv_shape){0}, true);
    return (inv_spot){.text = bias ? apply2(w, "Add", y, bias) : y, .is_image = true};
}

/* ---- pools, sizes ---- */

static inv_spot write_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "max_pool");
    const inv_laid l = inv_exporting_windows(w->layer);
    const inv_spot image = as_image(w, in, w->layer->in);
    OnnxFile__Node *node = add_node(w, is_max ? "MaxPool" : "AveragePool", &image.text, 1);
    set_windows(w, node, &l, (const size_t[]){l.top, l.left, l.bottom, l.right});
    set_dilations(w, node, &l);
    if (!is_max && inv_exporting_size(w->layer, "count_padding"))
        set_whole(w, node, "count_include_pad", 1);
    return (inv_spot){.text = output_of(node), .is_image = true};
}

static inv_spot write_global_pool(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "global_max_pool");
    const inv_spot image = as_image(w, in, w->layer->in);
    return (inv_spot){.text = apply1(w, is_max ? "GlobalMaxPool" : "GlobalAveragePool", image.text),
                      .is_image = true};
}

/* pad, and crop, which is padding by less than nothing */
static inv_spot write_pad(writer *w, inv_spot in)
{
    const int64_t sign = inv_exporting_is(w->layer, "crop") ? -1 : 1;
    const char *mode = inv_exporting_word(w->layer, "mode");
    const double value = inv_exporting_real(w->layer, "value");
    const char *const keys[4] = {"top", "left", "bottom", "right"};
    int64_t pads[8] = {0};
    for (size_t i = 0; i < 4; i++)
        pads[i < 2 ? 2 + i : 4 + i] = sign * (int64_t)inv_exporting_size(w->layer, keys[i]);
    const inv_spot image = as_image(w, in, w->layer->in);
    const char *list = whole_numbers(w, pads, 8);
    const bool is_constant = sign < 0 || strcmp(mode, "constant") == 0;
    OnnxFile__Node *node = add_node(
        w, "Pad",
        (const char *const[]){image.text, list,
                              is_constant && (value > 0.0 || value < 0.0) ? number(w, value) : ""},
        is_constant && (value > 0.0 || value < 0.0) ? 3 : 2);
    if (!is_constant)
        set_text(w, node, "mode", mode);
    return (inv_spot){.text = output_of(node), .is_image = true};
}

static inv_spot write_upsample(writer *w, inv_spot in)
{
    const inv_shape in_shape = w->layer->in, out = w->layer->out;
    const bool is_linear = strcmp(inv_exporting_word(w->layer, "interpolation"), "bilinear") == 0;
    const bool corners = is_linear && inv_exporting_size(w->layer, "align_corners");
    const inv_spot image = as_image(w, in, w->layer->in);
    OnnxFile__Node *node = NULL;
    if (out.height % in_shape.height || out.width % in_shape.width) {
        const int64_t sizes[2] = {(int64_t)out.height, (int64_t)out.width};
        const char *of[4] = {image.text, "", "", whole_numbers(w, sizes, 2)};
        node = add_node(w, "Resize", of, 4);
        set_list(w, node, "axes", (const size_t[]){2, 3}, 2);
    } else {
        const double factors[4] = {1.0, 1.0, (double)(out.height / in_shape.height),
                                   (double)(out.width / in_shape.width)};
        node =
            add_node(w, "Resize", (const char *const[]){image.text, "", numbers(w, factors, 4)}, 3);
    }
    set_text(w, node, "mode", is_linear ? "linear" : "nearest");
    set_text(w, node, "coordinate_transformation_mode",
             corners     ? "align_corners"
             : is_linear ? "half_pixel"
                         : "asymmetric");
    if (!is_linear)
        set_text(w, node, "nearest_mode", "floor");
    return (inv_spot){.text = output_of(node), .is_image = true};
}

static inv_spot write_reshape(writer *w, inv_spot in)
{
    const inv_spot row = as_row(w, in, w->layer->in, false);
    return inv_exporting_is_row(w->layer->out) ? row : as_image(w, row, w->layer->out);
}

/* Rows stay in the order of channels first until something has to know. */
static inv_spot write_flatten(writer *w, inv_spot in)
{
    return as_row(w, in, w->layer->in, true);
}

static inv_spot write_permute(writer *w, inv_spot in)
{
    const char *order = inv_exporting_word(w->layer, "order"), *axes = "chw";
    const char from[3] = {order[2], order[0], order[1]};
    const inv_spot image = as_image(w, in, w->layer->in);
    size_t perm[4] = {0};
    for (size_t i = 0; i < 3; i++)
        perm[i + 1] = (size_t)(strchr(axes, from[i]) - axes) + 1;
    return (inv_spot){.text = transpose(w, image.text, perm, 4), .is_image = true};
}

/* ---- norms ---- */

/* A block, or so many numbers where the layer has none. */
static const char *parameter_or(writer *w, const char *block, size_t count, double value)
{
    const char *name = parameter(w, block);
    return name ? name : constant(w, &count, 1, value);
}

static inv_spot write_batch_norm(writer *w, inv_spot in)
{
    const size_t n = w->layer->in.channels;
    inv_spot s = input_as_is(w, in);
    const char *of[5] = {s.text, parameter_or(w, "gamma", n, 1.0), parameter_or(w, "beta", n, 0.0),
                         parameter(w, "mean"), parameter(w, "variance")};
    OnnxFile__Node *node = add_node(w, "BatchNormalization", of, 5);
    set_real(w, node, "epsilon", inv_exporting_real(w->layer, "epsilon"));
    s.text = output_of(node);
    return s;
}

/* 0 where `by` is less than TINY, else what / by */
static const char *divide_safely(writer *w, const char *what, const char *by)
{
    const char *is_tiny = apply2(w, "Less", apply1(w, "Abs", by), number(w, TINY));
    return apply3(w, "Where", is_tiny, number(w, 0.0), apply2(w, "Div", what, by));
}

static inv_spot write_inverse_batch_norm(writer *w, inv_spot in)
{
    inv_spot s = input_as_is(w, in);
    const char *gamma = parameter_of(w, "gamma", (inv_shape){0}, s.is_image);
    const char *beta = parameter_of(w, "beta", (inv_shape){0}, s.is_image);
    const char *mean = parameter_of(w, "mean", (inv_shape){0}, s.is_image);
    const char *variance = parameter_of(w, "variance", (inv_shape){0}, s.is_image);
    if (inv_exporting_block(w->layer, "mean")->size != w->layer->in.channels) {
        inv_exporting_refuse(&w->e, w->layer, "channels in a row of values are not written");
        return s;
    }
    const char *factor = apply1(
        w, "Sqrt", apply2(w, "Add", variance, number(w, inv_exporting_real(w->layer, "epsilon"))));
    if (gamma)
        factor = divide_safely(w, factor, gamma);
    s.text = apply2(w, "Mul", beta ? apply2(w, "Sub", s.text, beta) : s.text, factor);
    s.text = apply2(w, "Add", s.text, mean);
    return s;
}

static inv_spot write_inverse_scale(writer *w, inv_spot in)
{
    inv_spot s = as_row(w, in, w->layer->in, false);
    s.text = divide_safely(w, s.text, parameter(w, "kernel"));
    return s;
}

/* By groups of channels as one long channel each; then each channel has its gamma and beta. */
static inv_spot write_group_norm(writer *w, inv_spot in)
{
    const inv_shape s = w->layer->in;
    const size_t given = inv_exporting_size(w->layer, "groups"),
                 groups = given ? given : s.channels;
    const inv_spot image = as_image(w, in, s);
    const char *y = reshape(w, image.text, (const int64_t[]){(int64_t)groups, -1}, 2);
    const char *ones = constant(w, &groups, 1, 1.0), *zeros = constant(w, &groups, 1, 0.0);
    OnnxFile__Node *node =
        add_node(w, "InstanceNormalization", (const char *const[]){y, ones, zeros}, 3);
    set_real(w, node, "epsilon", inv_exporting_real(w->layer, "epsilon"));
    y = reshape(w, output_of(node),
                (const int64_t[]){(int64_t)s.channels, (int64_t)s.height, (int64_t)s.width}, 3);
    const char *gamma = parameter_of(w, "gamma", (inv_shape){0}, true);
    const char *beta = parameter_of(w, "beta", (inv_shape){0}, true);
    y = gamma ? apply2(w, "Mul", y, gamma) : y;
    return (inv_spot){.text = beta ? apply2(w, "Add", y, beta) : y, .is_image = true};
}

static const char *mean_over(writer *w, const char *a, const int64_t *axes, size_t count)
{
    return apply2(w, "ReduceMean", a, whole_numbers(w, axes, count));
}

/* Over axes that LayerNormalization does not have, and without subtracting the mean. */
static inv_spot write_norm(writer *w, inv_spot s)
{
    static const char *const keys[3] = {"over_channels", "over_height", "over_width"};
    int64_t axes[3];
    size_t count = 0;
    for (size_t i = 0; i < (s.is_image ? 3 : 1); i++)
        if (inv_exporting_size(w->layer, keys[i]))
            axes[count++] = (int64_t)i + 1;
    const char *x = s.text;
    if (count > 0 && inv_exporting_size(w->layer, "subtract_mean"))
        x = apply2(w, "Sub", x, mean_over(w, x, axes, count));
    const char *square = apply2(w, "Mul", x, x);
    if (count > 0)
        square = mean_over(w, square, axes, count);
    else if (inv_exporting_size(w->layer, "subtract_mean"))
        inv_exporting_refuse(&w->e, w->layer, "over axes of size 1 is not written");
    x = apply2(
        w, "Div", x,
        apply1(w, "Sqrt",
               apply2(w, "Add", square, number(w, inv_exporting_real(w->layer, "epsilon")))));
    const char *gamma = parameter_of(w, "gamma", (inv_shape){0}, s.is_image);
    const char *beta = parameter_of(w, "beta", (inv_shape){0}, s.is_image);
    x = gamma ? apply2(w, "Mul", x, gamma) : x;
    s.text = beta ? apply2(w, "Add", x, beta) : x;
    return s;
}

static inv_spot write_layer_norm(writer *w, inv_spot in)
{
    const inv_shape shape = w->layer->in;
    inv_spot s = input_as_is(w, in);
    const bool is_over_pixels =
        inv_exporting_size(w->layer, "over_height") && inv_exporting_size(w->layer, "over_width");
    const bool is_all = inv_exporting_size(w->layer, "over_channels") &&
                        (is_over_pixels || inv_exporting_is_row(shape)) &&
                        (is_over_pixels || !s.is_image);
    if (!is_all || !inv_exporting_size(w->layer, "subtract_mean"))
        return write_norm(w, s);
    const char *gamma = parameter_of(w, "gamma", (inv_shape){0}, s.is_image);
    const char *beta = parameter_of(w, "beta", (inv_shape){0}, s.is_image);
    const size_t sizes[3] = {shape.channels, shape.height, shape.width};
    if (!gamma)
        gamma = constant(w, sizes, s.is_image ? 3 : 1, 1.0);
    OnnxFile__Node *node =
        add_node(w, "LayerNormalization", (const char *const[]){s.text, gamma, beta}, beta ? 3 : 2);
    set_whole(w, node, "axis", 1);
    set_real(w, node, "epsilon", inv_exporting_real(w->layer, "epsilon"));
    s.text = output_of(node);
    return s;
}

/* ---- value by value ---- */

/* Layers that one operator does, with up to two attributes. */
static const struct operator
{
    const char *type, *op;
    struct {
        const char *attribute, *key;
    } settings[2];
}
operators[] = {
    {"sigmoid", "Sigmoid", {{0}}},
    {"tanh", "Tanh", {{0}}},
    {"leaky_relu", "LeakyRelu", {{"alpha", "alpha"}}},
    {"elu", "Elu", {{"alpha", "alpha"}}},
    {"celu", "Celu", {{"alpha", "alpha"}}},
    {"selu", "Selu", {{"alpha", "alpha"}, {"gamma", "scale"}}},
    {"hard_sigmoid", "HardSigmoid", {{"alpha", "slope"}, {"beta", "offset"}}},
    {"hard_silu", "HardSwish", {{0}}},
    {"hard_shrink", "Shrink", {{"lambd", "lambda"}}},
    {"soft_shrink", "Shrink", {{"lambd", "lambda"}, {"bias", "lambda"}}},
    {"softsign", "Softsign", {{0}}},
    {"mish", "Mish", {{0}}},
    {"exponential", "Exp", {{0}}},
    {"log", "Log", {{0}}},
    {"sqrt", "Sqrt", {{0}}},
    {"abs", "Abs", {{0}}},
    {"erf", "Erf", {{0}}},
};

static bool write_operator(writer *w, inv_spot *s)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!inv_exporting_is(w->layer, operators[i].type))
            continue;
        OnnxFile__Node *node = add_node(w, operators[i].op, &s->text, 1);
        for (size_t k = 0; k < 2; k++)
            if (operators[i].settings[k].key)
                set_real(w, node, operators[i].settings[k].attribute,
                         inv_exporting_real(w->layer, operators[i].settings[k].key));
        s->text = output_of(node);
        return true;
    }
    return false;
}

static const struct {
    const char *word, *op;
} words[] = {{"add", "Add"},   {"sub", "Sub"},         {"mul", "Mul"},     {"div", "Div"},
             {"neg", "Neg"},   {"max", "Max"},         {"min", "Min"},     {"exp", "Exp"},
             {"log", "Log"},   {"sqrt", "Sqrt"},       {"abs", "Abs"},     {"erf", "Erf"},
             {"tanh", "Tanh"}, {"sigmoid", "Sigmoid"}, {"where", "Where"}, {"greater", "Greater"}};

/* One operator of a formula. */
static inv_term say(void *context, const char *op, const inv_term *of, size_t count)
{
    writer *w = context;
    const char *in[3], *name = op;
    for (size_t i = 0; i < count; i++)
        in[i] = of[i].text ? of[i].text : number(w, of[i].number);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, op) == 0)
            name = words[i].op;
    if (strncmp(op, "row", 3) == 0) { /* over all axes but the batch */
        const int64_t axes[3] = {1, 2, 3};
        const bool is_image = w->e.spots[w->layer->inputs[0].point].is_image;
        in[count++] = whole_numbers(w, axes, is_image ? 3 : 1);
        name = strcmp(op, "rowmin") == 0 ? "ReduceMin" : "ReduceMax";
    }
    return (inv_term){.text = output_of(add_node(w, name, in, count))};
}

static bool is_zero(double x)
{
    return x >= 0.0 && x <= 0.0;
}

/* relu as Keras has it; the usual ones are an operator each. */
static inv_spot write_relu(writer *w, inv_spot s)
{
    const inv_speaker to = {say, w};
    const double max = inv_exporting_real(w->layer, "max_value");
    inv_term y = {0};
    if (!is_zero(inv_exporting_real(w->layer, "threshold")) ||
        !is_zero(inv_exporting_real(w->layer, "negative_slope"))) {
        (void)inv_formula_say(w->layer, (inv_term){.text = s.text}, &to, &y);
        s.text = y.text;
    } else {
        s.text = max > 0.0 ? apply3(w, "Clip", s.text, number(w, 0.0), number(w, max))
                           : apply1(w, "Relu", s.text);
    }
    return s;
}

static inv_spot write_gelu(writer *w, inv_spot s)
{
    OnnxFile__Node *node = add_node(w, "Gelu", &s.text, 1);
    if (inv_exporting_size(w->layer, "approximate"))
        set_text(w, node, "approximate", "tanh");
    s.text = output_of(node);
    return s;
}

static inv_spot write_clip(writer *w, inv_spot s)
{
    s.text = apply3(w, "Clip", s.text, number(w, inv_exporting_real(w->layer, "low")),
                    number(w, inv_exporting_real(w->layer, "high")));
    return s;
}

static bool is_one(double x)
{
    return x >= 1.0 && x <= 1.0;
}

/* The usual ones are two operators or one. */
static bool write_usual(writer *w, inv_spot *s)
{
    const double beta = inv_exporting_real(w->layer, "beta");
    if (inv_exporting_is(w->layer, "silu") && is_one(beta))
        s->text = apply2(w, "Mul", s->text, apply1(w, "Sigmoid", s->text));
    else if (inv_exporting_is(w->layer, "softplus") && is_one(beta) &&
             is_zero(inv_exporting_real(w->layer, "threshold")))
        s->text = apply1(w, "Softplus", s->text);
    else if (inv_exporting_is(w->layer, "threshold") &&
             is_zero(inv_exporting_real(w->layer, "value")) &&
             inv_exporting_real(w->layer, "threshold") >= 0.0) {
        OnnxFile__Node *node = add_node(w, "ThresholdedRelu", &s->text, 1);
        set_real(w, node, "alpha", inv_exporting_real(w->layer, "threshold"));
        s->text = output_of(node);
    } else
        return false;
    return true;
}

/* Any layer that is a formula. Most do to values what they do, in whatever order those are. */
static inv_spot write_formula(writer *w, inv_spot in)
{
    const inv_speaker to = {say, w};
    inv_term y = {0};
    if (write_operator(w, &in) || write_usual(w, &in))
        return in;
    if (inv_formula_say(w->layer, (inv_term){.text = in.text}, &to, &y))
        in.text = y.text;
    else
        inv_exporting_refuse(&w->e, w->layer, "ONNX has nothing for it");
    return in;
}

static inv_spot write_softmax(writer *w, inv_spot in)
{
    const bool is_log = inv_exporting_is(w->layer, "log_softmax");
    const bool channels = strcmp(inv_exporting_word(w->layer, "over"), "channels") == 0;
    inv_spot s = channels ? input_as_is(w, in) : as_row(w, in, w->layer->in, true);
    OnnxFile__Node *node = add_node(w, is_log ? "LogSoftmax" : "Softmax", &s.text, 1);
    set_whole(w, node, "axis", 1);
    s.text = output_of(node);
    return in.is_image && !channels ? as_image(w, s, w->layer->in) : s;
}

static inv_spot write_prelu(writer *w, inv_spot in)
{
    inv_spot s = input_as_is(w, in);
    s.text = apply2(w, "PRelu", s.text, parameter_of(w, "alpha", (inv_shape){0}, s.is_image));
    return s;
}

static inv_spot write_scale(writer *w, inv_spot in)
{
    inv_spot s =
        inv_exporting_is_row(w->layer->in) ? input_as_is(w, in) : as_image(w, in, w->layer->in);
    s.text = apply2(w, "Mul", s.text, parameter_of(w, "kernel", (inv_shape){0}, s.is_image));
    return s;
}

static inv_spot write_rescale(writer *w, inv_spot in)
{
    inv_spot s = input_as_is(w, in);
    if (w->layer->block_count > 0) {
        s.text = apply2(w, "Mul", s.text, parameter_of(w, "scale", (inv_shape){0}, s.is_image));
        s.text = apply2(w, "Add", s.text, parameter_of(w, "offset", (inv_shape){0}, s.is_image));
        return s;
    }
    const double offset = inv_exporting_real(w->layer, "offset");
    s.text = apply2(w, "Mul", s.text, number(w, inv_exporting_real(w->layer, "scale")));
    if (!is_zero(offset))
        s.text = apply2(w, "Add", s.text, number(w, offset));
    return s;
}

static inv_spot write_glu(writer *w, inv_spot in)
{
    inv_spot s = input_as_is(w, in);
    OnnxFile__Node *node = add_node(w, "Split", &s.text, 1);
    char **both = inv_exporting_keep(&w->e, 2, sizeof *both);
    set_whole(w, node, "axis", 1);
    set_whole(w, node, "num_outputs", 2);
    if (!node || !both)
        return s;
    both[0] = node->output[0];
    both[1] = (char *)own_name(w);
    node->output = both;
    node->n_output = 2;
    s.text = apply2(w, "Mul", both[0], apply1(w, "Sigmoid", both[1]));
    return s;
}

/* ---- where layers meet ---- */

static const struct {
    const char *type, *op;
    bool takes_all; /* however many */
} joins[] = {{"add", "Sum", true},     {"subtract", "Sub", false}, {"multiply", "Mul", false},
             {"divide", "Div", false}, {"average", "Mean", true},  {"maximum", "Max", true},
             {"minimum", "Min", true}};

static void set_axis(writer *w, OnnxFile__Node *node)
{
    const char *axis = inv_exporting_word(w->layer, "axis");
    set_whole(w, node, "axis",
              strcmp(axis, "height") == 0  ? 2
              : strcmp(axis, "width") == 0 ? 3
                                           : 1);
}

static inv_spot write_join(writer *w, inv_spot in)
{
    const size_t count = w->layer->input_count;
    const char **names = inv_exporting_keep(&w->e, count, sizeof *names);
    bool any = !inv_exporting_is_row(w->layer->out);
    (void)in;
    for (size_t i = 0; i < count; i++)
        any = any || w->e.spots[w->layer->inputs[i].point].is_image;
    for (size_t i = 0; names && i < count; i++) {
        const inv_input *from = &w->layer->inputs[i];
        names[i] = any ? as_image(w, w->e.spots[from->point], from->shape).text
                       : as_row(w, w->e.spots[from->point], from->shape, false).text;
    }
    inv_spot s = {.text = names ? names[0] : "", .is_image = any};
    if (names && inv_exporting_is(w->layer, "concat")) {
        OnnxFile__Node *node = add_node(w, "Concat", names, count);
        set_axis(w, node);
        s.text = output_of(node);
    }
    for (size_t k = 0; names && k < sizeof joins / sizeof *joins; k++) {
        if (!inv_exporting_is(w->layer, joins[k].type))
            continue;
        if (count == 2 && strcmp(joins[k].op, "Sum") == 0)
            s.text = apply2(w, "Add", names[0], names[1]);
        else if (joins[k].takes_all)
            s.text = output_of(add_node(w, joins[k].op, names, count));
        for (size_t i = 1; !joins[k].takes_all && i < count; i++)
            s.text = apply2(w, joins[k].op, s.text, names[i]);
    }
    return s;
}

/* ---- the table ---- */

static inv_spot write_nothing(writer *w, inv_spot in)
{
    (void)w;
    return in;
}

static const inv_layer_row rows[] = {
    {"dense", write_dense},
    {"inverse_dense", write_inverse_dense},
    {"conv2d", write_conv},
    {"depthwise_conv2d", write_conv},
    {"conv2d_transpose", write_conv},
    {"local", write_local},
    {"max_pool", write_pool},
    {"avg_pool", write_pool},
    {"global_avg_pool", write_global_pool},
    {"global_max_pool", write_global_pool},
    {"pad", write_pad},
    {"crop", write_pad},
    {"upsample", write_upsample},
    {"reshape", write_reshape},
    {"flatten", write_flatten},
    {"permute", write_permute},
    {"batch_norm", write_batch_norm},
    {"inverse_batch_norm", write_inverse_batch_norm},
    {"inverse_scale", write_inverse_scale},
    {"group_norm", write_group_norm},
    {"layer_norm", write_layer_norm},
    {"relu", write_relu},
    {"gelu", write_gelu},
    {"hard_tanh", write_clip},
    {"softmax", write_softmax},
    {"log_softmax", write_softmax},
    {"prelu", write_prelu},
    {"scale", write_scale},
    {"rescale", write_rescale},
    {"glu", write_glu},
    {"add", write_join},
    {"subtract", write_join},
    {"multiply", write_join},
    {"divide", write_join},
    {"average", write_join},
    {"maximum", write_join},
    {"minimum", write_join},
    {"concat", write_join},
    {"dropout", write_nothing},
    {"linear", write_nothing},
    {NULL, write_formula},
};

static void enter(writer *w, size_t i)
{
    w->nodes_before = w->graph.n_node;
    w->layer = inv_net_layer(w->e.net, i);
    w->stem = w->e.names[i];
    w->steps = 0;
}

/* The last node of a layer has its name, and gives what the net calls its point. */
static size_t leave(writer *w, size_t i, inv_spot *out)
{
    (void)i;
    if (good(w) && w->graph.n_node > w->nodes_before) {
        OnnxFile__Node *node = w->graph.node[w->graph.n_node - 1];
        node->name = (char *)w->stem;
        node->output[0] = (char *)w->layer->name;
        out->text = w->layer->name;
    }
    return 1;
}

/* ---- the whole ---- */

static OnnxFile__Value *value_of(writer *w, const char *name, inv_shape s, bool is_image)
{
    const size_t sizes[3] = {s.channels, s.height, s.width}, rank = is_image ? 4 : 2;
    OnnxFile__Value *v = inv_exporting_keep(&w->e, 1, sizeof *v);
    OnnxFile__Type *type = inv_exporting_keep(&w->e, 1, sizeof *type);
    OnnxFile__TensorType *tensor = inv_exporting_keep(&w->e, 1, sizeof *tensor);
    OnnxFile__Shape *shape = inv_exporting_keep(&w->e, 1, sizeof *shape);
    OnnxFile__Dimension **list = inv_exporting_keep(&w->e, rank, sizeof *list);
    OnnxFile__Dimension *dims = inv_exporting_keep(&w->e, rank, sizeof *dims);
    if (!v || !type || !tensor || !shape || !list || !dims)
        return NULL;
    onnx_file__value__init(v);
    onnx_file__type__init(type);
    onnx_file__tensor_type__init(tensor);
    onnx_file__shape__init(shape);
    for (size_t i = 0; i < rank; i++) {
        onnx_file__dimension__init(list[i] = &dims[i]);
        dims[i].dim_param = i ? NULL : (char *)"batch";
        dims[i].has_dim_value = i > 0;
        dims[i].dim_value = i ? (int64_t)sizes[i - 1] : 0;
    }
    v->name = (char *)name;
    v->type = type;
    type->tensor_type = tensor;
    tensor->elem_type = FLOAT;
    tensor->has_elem_type = 1;
    tensor->shape = shape;
    shape->n_dim = rank;
    shape->dim = list;
    return v;
}

/* Classes come as rows; so does what nothing was done to. */
static void write_end(writer *w, inv_spot *s, inv_shape shape)
{
    const size_t before = w->graph.n_node;
    if ((inv_exporting_is_row(shape) && s->is_image) || s->order.channels)
        *s = as_row(w, *s, shape, false);
    else if (before == 0)
        s->text = apply1(w, "Identity", s->text);
}

static void write_metadata(writer *w, OnnxFile__Model *model)
{
    OnnxFile__Entry **list =
        inv_exporting_keep(&w->e, json_object_size(w->e.metadata), sizeof *list);
    const char *key;
    json_t *value;
    json_object_foreach(w->e.metadata, key, value)
    {
        OnnxFile__Entry *entry = inv_exporting_keep(&w->e, 1, sizeof *entry);
        if (!entry || !list)
            return;
        onnx_file__entry__init(entry);
        entry->key = (char *)key;
        entry->value = (char *)json_string_value(value);
        list[model->n_metadata_props++] = entry;
    }
    model->metadata_props = list;
}

static inv_status pack(writer *w, OnnxFile__Model *model)
{
    OnnxFile__Opset *opset = inv_exporting_keep(&w->e, 1, sizeof *opset);
    OnnxFile__Opset **opsets = inv_exporting_keep(&w->e, 1, sizeof *opsets);
    void *memory = NULL;
    if (!opset || !opsets)
        return w->e.status;
    onnx_file__opset__init(opset);
    opset->domain = (char *)"";
    opset->version = OPSET;
    opset->has_version = 1;
    *opsets = opset;
    model->ir_version = IR_VERSION;
    model->has_ir_version = 1;
    model->producer_name = (char *)"invproj";
    model->graph = &w->graph;
    model->opset_import = opsets;
    model->n_opset_import = 1;
    write_metadata(w, model);
    if (!good(w))
        return w->e.status;
    const size_t size = onnx_file__model__get_packed_size(model);
    if (size > BYTES_MAX)
        return INV_ERROR(INV_EFORMAT,
                         "%s: %zu bytes as ONNX; one file holds no more than %zu: take safetensors",
                         w->e.what->file, size, BYTES_MAX);
    inv_status status = inv_calloc(size, 1, w->e.what->file, &memory);
    if (status != INV_OK)
        return status;
    w->e.out->bytes = memory;
    w->e.out->size = onnx_file__model__pack(model, memory);
    return INV_OK;
}

static void write_net(writer *w)
{
    static const inv_writing how = {rows, enter, leave};
    const size_t depth = inv_net_depth(w->e.net);
    const inv_shape in = inv_net_shape(w->e.net, 0), out = inv_net_shape(w->e.net, depth);
    OnnxFile__Value **ends = inv_exporting_keep(&w->e, 2, sizeof *ends);
    if (!ends)
        return;
    inv_spot last = inv_exporting_layers(
        &w->e, &how, w, (inv_spot){.text = "input", .is_image = !inv_exporting_is_row(in)});
    if (!good(w))
        return;
    write_end(w, &last, out);
    ends[0] = value_of(w, "input", in, !inv_exporting_is_row(in));
    ends[1] = value_of(w, last.text, out, last.is_image);
    w->graph.input = ends;
    w->graph.output = ends + 1;
    w->graph.n_input = w->graph.n_output = 1;
    w->graph.name = (char *)"net";
}

inv_status inv_onnx_export(const inv_export *what, inv_exported *out)
{
    writer w = {0};
    OnnxFile__Model model = ONNX_FILE__MODEL__INIT;
    onnx_file__graph__init(&w.graph);
    inv_status status = inv_exporting_open(what, "batch, channels, height, width", out, &w.e);
    if (status == INV_OK)
        write_net(&w);
    status = w.e.status;
    if (status == INV_OK)
        status = pack(&w, &model);
    inv_exporting_close(&w.e);
    return status;
}
