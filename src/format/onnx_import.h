/* onnx_import.h - what the parts of the ONNX importer share: values of the graph, and rows of operators.
 *
 * A value of the graph has sizes there, [1, 6, 12, 12], in row-major order, and is an image here,
 * 12 x 12 x 6, channels last. Of each value the order is kept in which the graph has the image's axes:
 * "chw" after a convolution, "hwc" after a Transpose of what came out of one. So a Transpose is but
 * another order, a Reshape other sizes, and kernels, the first dense layer behind a Flatten, and
 * constants are turned as they are read. Only where an operator wants the axes in other places is a
 * permute layer put before it. What batch there is counts as 1; of each value its axis is kept, so that an
 * operator that takes the images of a batch together is refused (onnx_batch.c).
 *
 * onnx_import.c goes from node to node, onnx_pattern.c makes one of several that belong together, and
 * a family of operators is a file (onnx_dense.c, onnx_window.c ...) that ends in its table. All stand
 * on onnx_value.c, onnx_batch.c and onnx_number.c. A new operator is a function and a row.
 *
 * Source of each operator's arithmetic: the ONNX specification, opsets 7 to 28.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_ONNX_IMPORT_H
#define INVPROJ_FORMAT_ONNX_IMPORT_H

#include "format/onnx.h"
#include "format/record.h"

#define ONNX_INPUTS_MAX 64 /* of a node */
#define ONNX_RANK_MAX   INV_ONNX_RANK_MAX
#define ONNX_NO_BATCH   SIZE_MAX

typedef struct onnx_value {
    bool is_there;
    bool is_known; /* a tensor; else an image */
    inv_onnx_tensor known;
    inv_place place;
    size_t rank, dims[ONNX_RANK_MAX]; /* in the graph */
    size_t
        batch; /* the axis along which the graph has other images; ONNX_NO_BATCH: it has but one */
    char order[4]; /* the graph's order of the image's axes */
    float *bias; /* of the layer that it comes from, to which more may be added, since nothing else
                    sees the value; NULL: there is none */
} onnx_value;

typedef struct onnx_importing {
    inv_onnx_graph graph;
    inv_model *model;
    inv_sketch *sketch;
    const char *input;  /* its name */
    onnx_value image;   /* what that is */
    size_t batch;       /* as the file has it; 1 where it leaves that open */
    onnx_value *values; /* of each node */
    char *states;       /* of each node, as onnx_import.c says */
} onnx_importing;

/* An operator and what makes layers of it after `count` inputs. The tables end in a row without a name. */
typedef struct onnx_operator {
    const char *op;
    inv_status (*add)(onnx_importing *im, const json_t *node, const onnx_value *in, size_t count,
                      onnx_value *out);
    bool takes_constant;    /* as its first input, beside an image */
    const char *attributes; /* that it reads, or that change nothing here; NULL: it has none */
} onnx_operator;

extern const onnx_operator onnx_dense_operators[], onnx_window_operators[], onnx_shape_operators[],
    onnx_slice_operators[], onnx_resize_operators[], onnx_reduce_operators[], onnx_norm_operators[],
    onnx_elementwise_operators[], onnx_sklearn_operators[];

/* An error that names the node. */
#define WRONG(...) inv_onnx_wrong(&im->graph, node, __VA_ARGS__)

/* ---- onnx_import.c ---- */

/* What is known before any node is looked at, an initializer; else *out is nothing. */
INV_MUST_CHECK inv_status onnx_constant_value(onnx_importing *im, const char *name,
                                              onnx_value *out);

/* ---- onnx_pattern.c ---- */

/* Makes a node the one that it and those before it stand for, where they are known together. */
INV_MUST_CHECK inv_status onnx_simplify(onnx_importing *im, json_t *node);

/* ---- onnx_value.c ---- */

/* "hwc": how images here are laid. */
extern const char onnx_axes_here[];
/* The orders in which graphs have them, one image or a row of it. */
#define ONNX_LAYOUTS 5
extern const char *const onnx_layouts[ONNX_LAYOUTS];

/* What the layers of a node are called. */
void onnx_name_of(const json_t *node, const char *weight, char name[INV_NAME_MAX]);
/* Adds a layer after `in`; *out is laid as `in` is, and has its sizes in the graph. `out` may be `in`. */
INV_MUST_CHECK inv_status onnx_add_layer(onnx_importing *im, const json_t *node, const char *ending,
                                         json_t *settings, const onnx_value *in, onnx_value *out);
/* An error where anything takes a node's second output, or later ones. */
INV_MUST_CHECK inv_status onnx_one_output(onnx_importing *im, const json_t *node);

size_t onnx_axis_size(inv_shape shape, char axis);
/* The axes of `order` that are longer than 1, in that order. */
size_t onnx_long_axes(inv_shape shape, const char *order, char out[4]);
bool onnx_same_order(inv_shape shape, const char *a, const char *b);
/* Whether the graph's axes behind the batch are these of the image, and the image has no other. */
bool onnx_is_laid(const onnx_value *v, const char *axes);
/* The image with other axes: the same values in the graph. */
INV_MUST_CHECK inv_status onnx_rearrange(onnx_importing *im, const json_t *node, inv_shape shape,
                                         const char *order, onnx_value *v);
INV_MUST_CHECK inv_status onnx_as_vector(onnx_importing *im, const json_t *node, onnx_value *v);
/* As an image that the graph has as [1, channels, height, width], or [1, channels, width]. */
INV_MUST_CHECK inv_status onnx_as_image(onnx_importing *im, const json_t *node, onnx_value *v);
/* Of each axis of the graph, the image's axes that make it up: first[i] up to first[i + 1] of `axes`,
 * the image's long ones. False where one of those is split over several of the graph's. */
bool onnx_split_axes(const onnx_value *v, char axes[4], size_t first[ONNX_RANK_MAX + 1]);
/* The image's axis that each axis of the graph is, 0 where it is none (and of size 1). */
bool onnx_find_letters(const onnx_value *v, char letters[ONNX_RANK_MAX]);
/* Takes the sizes in the graph from the image, after an operator over [1, channels, height, width]. */
void onnx_set_image_sizes(onnx_value *v);

/* ---- onnx_batch.c ---- */

/* An error where an operator works along the batch. */
INV_MUST_CHECK inv_status onnx_check_axis(const onnx_importing *im, const json_t *node,
                                          const onnx_value *v, size_t axis);
/* An error where the batch is another axis than the first, as most operators have it. */
INV_MUST_CHECK inv_status onnx_check_first(const onnx_importing *im, const json_t *node,
                                           const onnx_value *v);
/* An error where values that are joined have their batches along other axes. */
INV_MUST_CHECK inv_status onnx_check_alike(const onnx_importing *im, const json_t *node,
                                           const onnx_value *v, size_t count);
/* One more axis before the others, of size 1. */
void onnx_add_axis(onnx_value *v);
/* Where the batch of `old` is once its values have the sizes of `v`. */
INV_MUST_CHECK inv_status onnx_follow_sizes(const onnx_importing *im, const json_t *node,
                                            const onnx_value *old, onnx_value *v);

/* ---- onnx_number.c ---- */

/* Values to be put down in another order of axes (out's axis i is the array's axis `axes[i]`), times a
 * number. */
typedef struct onnx_turn {
    size_t dims[4], axes[4];
    float factor;
} onnx_turn;

/* The kernel of the layer that ends at `at`. */
INV_MUST_CHECK inv_status onnx_put_turned(onnx_importing *im, const onnx_value *at,
                                          const inv_tree_array *array, onnx_turn how);
/* Numbers that are kept until the net is built, as a block; NULL: zeros. */
INV_MUST_CHECK inv_status onnx_put_numbers(onnx_importing *im, const onnx_value *at,
                                           const char *block, const double *numbers, size_t count,
                                           float **kept);
/* Input i, of `count` numbers, as a block. */
INV_MUST_CHECK inv_status onnx_put_input(onnx_importing *im, const json_t *node,
                                         const onnx_value *in, size_t inputs, size_t i,
                                         size_t count, const onnx_value *at, const char *block);
/* The numbers of input i, of which there must be `count`; the caller frees. */
INV_MUST_CHECK inv_status onnx_take_numbers(onnx_importing *im, const json_t *node,
                                            const onnx_value *in, size_t inputs, size_t i,
                                            size_t count, double **out);
bool onnx_is_given(const onnx_value *in, size_t count, size_t i);
/* One number: input i, else the attribute. */
INV_MUST_CHECK inv_status onnx_one_number(onnx_importing *im, const json_t *node,
                                          const onnx_value *in, size_t count, size_t i,
                                          const char *name, double usual, double *out);
/* Whole numbers: input i, else the attribute of that name; *count is SIZE_MAX where there are none. */
INV_MUST_CHECK inv_status onnx_whole_numbers(onnx_importing *im, const json_t *node,
                                             const onnx_value *in, size_t inputs, size_t i,
                                             const char *name, int64_t out[2 * ONNX_RANK_MAX],
                                             size_t *count);
/* A constant as it meets each value of the image, in the image's order, which begins again after each
 * `period` of them: 1, the channels, or all; the caller frees. */
INV_MUST_CHECK inv_status onnx_spread(onnx_importing *im, const json_t *node,
                                      const inv_onnx_tensor *t, const onnx_value *v, double **out,
                                      size_t *period);
/* The same with a longer period, which is a multiple of the one there is. */
INV_MUST_CHECK inv_status onnx_lengthen(onnx_importing *im, double **numbers, size_t period,
                                        size_t longer);
/* Whether the numbers begin again after each `period` of them. */
bool onnx_repeats(const double *numbers, size_t count, size_t period);
bool onnx_all_are(const double *numbers, size_t count, double what);
/* scale x + offset, as onnx_spread gives them, of one period; what was a bias's is added to that. */
INV_MUST_CHECK inv_status onnx_add_affine(onnx_importing *im, const json_t *node,
                                          const double *scale, const double *offset, size_t period,
                                          const onnx_value *in, onnx_value *out);

/* ---- onnx_dense.c ---- */

/* All values of the image, weighted: weights [units, values], or [values, units]. */
INV_MUST_CHECK inv_status onnx_add_dense(onnx_importing *im, const json_t *node,
                                         const inv_onnx_tensor *w, bool units_first, double factor,
                                         const onnx_value *in, onnx_value *out);

/* ---- onnx_window.c ---- */

/* Settings of a `pad` layer: top, bottom, left, right. */
json_t *onnx_pad_keys(const char *mode, double what, const size_t pads[4]);

/* ---- onnx_shape.c ---- */

/* The graph's axes in another order, as Transpose has them: axis i that comes out is axis from[i]. */
INV_MUST_CHECK inv_status onnx_move_axes(onnx_importing *im, const json_t *node, const size_t *from,
                                         onnx_value *v);

/* Whether some axis is listed twice; those that are not there count for none. */
bool onnx_lists_twice(const int64_t *axes, size_t count, size_t rank);

/* ---- onnx_slice.c ---- */

/* The axis so many times over. */
INV_MUST_CHECK inv_status onnx_repeat(onnx_importing *im, const json_t *node, onnx_value *v,
                                      size_t axis, size_t times);

/* Makes of each output of a node that parts a value a node of its own; before any node is taken. */
INV_MUST_CHECK inv_status onnx_part_outputs(onnx_importing *im);

/* ---- onnx_sklearn.c ---- */

/* Gives the model the names of its classes where a classifier says them, of as many outputs. */
void onnx_find_class_names(onnx_importing *im, size_t outputs);

/* ---- onnx_elementwise.c ---- */

/* A layer of several values, which are laid alike; *out has the sizes of the first. */
INV_MUST_CHECK inv_status onnx_join(onnx_importing *im, const json_t *node, json_t *settings,
                                    const onnx_value *v, size_t count, onnx_value *out);

/* A layer of several values, "add" or the like, broadcast. */
INV_MUST_CHECK inv_status onnx_join_values(onnx_importing *im, const json_t *node, const char *type,
                                           onnx_value *v, size_t count, onnx_value *out);

#endif
