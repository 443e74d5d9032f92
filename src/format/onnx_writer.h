/* onnx_writer.h - what the files that write ONNX graphs share (onnx_export.c).
 *
 * A layer takes a value and gives one; in between it adds nodes, each named after the layer with a number
 * behind it:
 *
 *     s.text = onnx_apply2(w, "Add", s.text, onnx_say_number(w, 0.5));
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_ONNX_WRITER_H
#define INVPROJ_ONNX_WRITER_H

#include "format/exporting.h"
#include "format/onnx.h"
#include "format/onnx.pb-c.h"

#define ONNX_FLOAT 1 /* Tensor.data_type */
#define ONNX_INT64 7

struct writer {
    inv_exporting e;
    OnnxFile__Graph graph;
    size_t node_room, tensor_room;
    const inv_layer *layer;
    const char *stem; /* its name */
    size_t steps;     /* values of its own so far */
    size_t nodes_before;
};

/* ---- onnx_export_nodes.c ---- */

bool onnx_good(const writer *w);
/* "hidden1/3" */
const char *onnx_own_name(writer *w);
/* A node of that operator, and what comes out of it. NULL: no memory, as in all that follows, which take
 * it for a node too. */
OnnxFile__Node *onnx_node(writer *w, const char *op, const char *const *in, size_t count);
const char *onnx_output(const OnnxFile__Node *node);
void onnx_set_real(writer *w, OnnxFile__Node *node, const char *name, double value);
void onnx_set_whole(writer *w, OnnxFile__Node *node, const char *name, int64_t value);
void onnx_set_text(writer *w, OnnxFile__Node *node, const char *name, const char *text);
void onnx_set_list(writer *w, OnnxFile__Node *node, const char *name, const size_t *values,
                   size_t count);

OnnxFile__Tensor *onnx_tensor(writer *w, const char *name, int type, const size_t *dims,
                              size_t rank, const void *values, size_t bytes);
/* Constants of this layer's own; the first is as many numbers as the sizes say, all of them `value`. */
const char *onnx_say_constant(writer *w, const size_t *dims, size_t rank, double value);
const char *onnx_say_number(writer *w, double value);
const char *onnx_say_numbers(writer *w, const double *list, size_t count);
const char *onnx_say_whole_numbers(writer *w, const int64_t *numbers, size_t count);
/* A block of the layer as "hidden1.weight"; NULL where it has none. Of one value a channel, for images:
 * channels x 1 x 1. `order` as in inv_torch_param. */
const char *onnx_parameter_of(writer *w, const char *block, inv_shape order, bool for_images);
const char *onnx_parameter(writer *w, const char *block);

/* What comes out of a node of so many inputs. */
const char *onnx_apply1(writer *w, const char *op, const char *a);
const char *onnx_apply2(writer *w, const char *op, const char *a, const char *b);
const char *onnx_apply3(writer *w, const char *op, const char *a, const char *b, const char *c);
const char *onnx_transpose(writer *w, const char *a, const size_t *axes, size_t rank);
/* Of axes behind the batch; -1: what is left. */
const char *onnx_reshape(writer *w, const char *a, const int64_t *sizes, size_t count);

/* Rows of values, which may be in the order of channels first where the caller can take them so. */
inv_spot onnx_row(writer *w, inv_spot s, inv_shape shape, bool any_order);
/* Images of that shape. */
inv_spot onnx_image(writer *w, inv_spot s, inv_shape shape);
/* What the layer takes, as it needs it: images, or rows in the net's own order, unless it is an image. */
inv_spot onnx_as_is(writer *w, inv_spot in);

/* ---- onnx_export_sizes.c: rows of the table ---- */

inv_spot onnx_write_pad(writer *w, inv_spot in);
inv_spot onnx_write_upsample(writer *w, inv_spot in);
inv_spot onnx_write_slice(writer *w, inv_spot in);
inv_spot onnx_write_adaptive_mean(writer *w, inv_spot in);
inv_spot onnx_refuse_adaptive_max(writer *w, inv_spot in);
inv_spot onnx_write_depth_to_space(writer *w, inv_spot in);
inv_spot onnx_write_space_to_depth(writer *w, inv_spot in);
inv_spot onnx_write_lrn(writer *w, inv_spot in);

/* ---- onnx_export_layers.c ---- */

extern const inv_layer_row onnx_rows[];

#endif
