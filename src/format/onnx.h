/* onnx.h - ONNX files: a graph of operators and the tensors that it uses.
 *
 * In the stream, "/" has the graph as JSON in @graph, "/tensors/0", "/tensors/1" ... are its tensors
 * (initializers and constants; names may be anything there), and "/external" has the names of the files
 * that hold the others' values in @order, each of which comes as "/NAME/bytes":
 *
 *     {"producer": "pytorch", "version": "2.15.0", "functions": 0, "opsets": [["", 20]],
 *      "inputs": [{"name": "x", "type": 1, "dims": [null, 1, 28, 28]}], "outputs": [...],
 *      "tensors": [{"name": "fc.weight", "type": 1, "dims": [10, 784],
 *                   "file": "net.onnx.data", "offset": 0, "length": 31360}],
 *      "nodes": [{"op": "Gemm", "domain": "", "name": "", "in": [...], "out": [...],
 *                 "attributes": {"transB": 1, "value": {"tensor": 3}, "then_branch": {"graph": 1}}}]}
 *
 * onnx.c sends that, onnx_graph.c looks things up in it, onnx_fold*.c do the arithmetic of tensors that
 * are known, onnx_import.c and the files that its header names make layers of the rest.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_ONNX_H
#define INVPROJ_FORMAT_ONNX_H

#include <jansson.h>

#include "format/exporting.h"
#include "format/sketch.h"
#include "invproj/model.h"

#define INV_ONNX_RANK_MAX 8

/* What a tensor's number for its type means: kind and bytes of a value as in a stream; false: none that
 * is read. */
bool inv_onnx_type(int64_t number, uint8_t *kind, uint32_t *size);

/* A tensor whose values are known. */
typedef struct inv_onnx_tensor {
    size_t rank, dims[INV_ONNX_RANK_MAX];
    bool is_whole; /* whole numbers */
    const inv_tree_array *array;
} inv_onnx_tensor;

/* ---- onnx_graph.c ---- */

typedef struct inv_onnx_graph {
    const inv_tree *tree;
    json_t *root, *nodes, *tensors; /* root owns all */
    json_t *makers;                 /* of each value, the number of the node that it comes from */
    json_t *uses;                   /* of each value, how many nodes take it */
    json_t *known;                  /* of each initializer, its number */
    int64_t opset, ml_opset;
} inv_onnx_graph;

INV_MUST_CHECK inv_status inv_onnx_open(const inv_tree *tree, inv_onnx_graph *out);
void inv_onnx_close(inv_onnx_graph *graph);

/* "file.onnx: node 'conv1' (Conv): why" */
inv_status inv_onnx_wrong(const inv_onnx_graph *graph, const json_t *node, const char *format, ...)
    INV_PRINTF(3, 4);

const char *inv_onnx_op(const json_t *node);
/* The name of an input or output; "" where there is none. */
const char *inv_onnx_input(const json_t *node, size_t i);
const char *inv_onnx_output(const json_t *node, size_t i);
size_t inv_onnx_input_count(const json_t *node);
/* The node that a value comes from, or NULL. */
json_t *inv_onnx_maker(const inv_onnx_graph *graph, const char *value);

const json_t *inv_onnx_attribute(const json_t *node, const char *name);
double inv_onnx_number(const json_t *node, const char *name, double usual);
int64_t inv_onnx_whole(const json_t *node, const char *name, int64_t usual);
const char *inv_onnx_text(const json_t *node, const char *name, const char *usual);
/* Value i of a list; `usual` where there is no list. */
int64_t inv_onnx_whole_at(const json_t *node, const char *name, size_t i, int64_t usual);

/* An attribute that is not read might change what comes out: an error where one is not in `known`, a list of
 * words. */
INV_MUST_CHECK inv_status inv_onnx_check_attributes(const inv_onnx_graph *graph, const json_t *node,
                                                    const char *known);

/* Tensor number i, its values checked against its sizes. What is kept of it belongs to the sketch. */
INV_MUST_CHECK inv_status inv_onnx_tensor_at(const inv_onnx_graph *graph, inv_sketch *sketch,
                                             size_t i, inv_onnx_tensor *out);

/* ---- onnx_fold.c ---- */

/* Whether an operator's result can be found where all inputs are known. */
bool inv_onnx_folds(const char *op);
/* The result; inputs that are left out have no array. */
INV_MUST_CHECK inv_status inv_onnx_fold(const inv_onnx_graph *graph, inv_sketch *sketch,
                                        const json_t *node, const inv_onnx_tensor *in, size_t count,
                                        inv_onnx_tensor *out);
/* A new tensor of those sizes and its values, to be filled in. */
INV_MUST_CHECK inv_status inv_onnx_make(inv_sketch *sketch, const size_t *dims, size_t rank,
                                        bool is_whole, double **values, inv_onnx_tensor *out);
/* Values as numbers, which the caller frees. */
INV_MUST_CHECK inv_status inv_onnx_values(const inv_onnx_tensor *tensor, double **out);
size_t inv_onnx_count(const inv_onnx_tensor *tensor);
/* An axis that may count from the end; false: none of `rank`. */
bool inv_onnx_axis(int64_t axis, size_t rank, size_t *out);
/* Of an axis of n, [start, end) by step, as Python counts; false: the step is 0. */
bool inv_onnx_slice(size_t n, int64_t start, int64_t end, int64_t step, size_t *first,
                    size_t *count);
/* The sizes that a Reshape gives. */
INV_MUST_CHECK inv_status inv_onnx_reshaped(const inv_onnx_graph *graph, const json_t *node,
                                            const size_t *from, size_t from_rank,
                                            const double *target, size_t rank, size_t *dims);

/* ---- onnx_import.c ---- */

INV_MUST_CHECK inv_status inv_onnx_import(const inv_tree *tree, const inv_import *how,
                                          inv_model *model, inv_sketch *sketch);

/* ---- onnx_export.c ---- */

INV_MUST_CHECK inv_status inv_onnx_export(const inv_export *what, inv_exported *out);

#endif
