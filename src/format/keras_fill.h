/* keras_fill.h - parameters as a net of this program has them, from those that Keras stores: what
 * inv_sketch_block takes as `fill`.
 *
 *     static const keras_conv conv = {.height = 3, .width = 3, .in = 1, .out = 8, .flip = true};
 *     status = inv_sketch_block(sketch, &at, "kernel", array, keras_fill_conv, &conv);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_KERAS_FILL_H
#define INVPROJ_KERAS_FILL_H

#include "format/sketch.h"

inv_status keras_fill_zeros(const void *context, const inv_tree_array *array, float *out,
                            size_t count);
/* The floats that `context` is. */
inv_status keras_fill_copy(const void *context, const inv_tree_array *array, float *out,
                           size_t count);

/* LoRA: `part` of a [rows, rank] times b [rank, units] is added to a kernel; a NULL: nothing is. */
typedef struct keras_lora {
    const inv_tree_array *a, *b;
    double part;
} keras_lora;

/* A kernel [in, units] of Dense. */
typedef struct keras_dense {
    size_t units;
    bool is_shuffled; /* rows are in the order of channels first, of this image: */
    inv_shape image;
    /* int8: q / scale[unit]. int4, two in a byte: (q - zero[g]) scale[g], g = group[row]. */
    const inv_tree_array *scale, *zero, *group;
    keras_lora lora;
} keras_dense;

inv_status keras_fill_dense(const void *context, const inv_tree_array *array, float *out,
                            size_t count);

/* A kernel [height, width, in, out] of Conv2D. */
typedef struct keras_conv {
    size_t height, width, in, out;
    bool out_first; /* it is stored as [out, in, height, width] */
    bool flip;      /* and its rows and columns run backwards */
    keras_lora lora;
} keras_conv;

inv_status keras_fill_conv(const void *context, const inv_tree_array *array, float *out,
                           size_t count);

#endif
