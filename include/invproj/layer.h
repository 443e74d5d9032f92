/* layer.h - what a layer is: one step of a net, from a batch of rows to a batch of rows.
 *
 * A type of layer is a const struct of functions in a file of its own, src/net/layers/TYPE.c; the table
 * in src/net/layers.h lists them. To add one: write the file, add its line to the table.
 *
 *     const inv_layer_type *dense = inv_layer_type_find("dense");
 *     printf("%s has %zu bytes of settings\n", dense->name, dense->spec_size);
 *     for (const inv_field *f = dense->fields; f->key; f++)
 *         printf("  %s: %s\n", f->key, f->help);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_LAYER_H
#define INVPROJ_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "invproj/config.h"
#include "invproj/mat.h"
#include "invproj/rng.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;
struct inv_mirror;

#define INV_BLOCKS_MAX 4

/* A named array of parameters, row-major, at params[offset] of the net's flat vector. */
typedef struct inv_block {
    const char *name; /* "kernel", "bias" */
    size_t rank, dims[4];
    size_t offset, size;
    bool frozen; /* it has no gradient */
} inv_block;

/* How a batch passes. At rest (all 0) each row is on its own; in training, dropout drops, and batch
 * normalisation uses the batch's own statistics. */
typedef struct inv_mode {
    bool training;
    uint64_t key; /* of this layer's random choices in this step: the same key, the same choices */
    size_t first; /* the row of the batch that comes first, where this is a piece of it */
} inv_mode;

typedef struct inv_layer_type inv_layer_type;

/* What a layer reads: the values at a point below it. */
typedef struct inv_input {
    size_t point;
    inv_shape shape;
} inv_input;

typedef struct inv_layer {
    const inv_layer_type *type;
    char name[INV_NAME_MAX]; /* of the point where it ends: "hidden1.pre", "hidden1" */
    inv_shape in, out;       /* in: the shape of the first input */
    size_t input_count;      /* 1, but for types that join several */
    inv_input *inputs;       /* owned by the net */
    bool frozen;             /* training leaves its parameters as they are */
    size_t block_count;
    inv_block blocks[INV_BLOCKS_MAX];
    void *spec; /* type->spec_size bytes, owned by the net */
} inv_layer;

/* In these, `params` is the net's whole vector, of which a layer uses its blocks; x is
 * [rows, size of in], y and dy [rows, size of out], dx as x; `state` is what state_size asked for,
 * kept from forward to backward. All are pure kernels: no allocation, no failure. */
struct inv_layer_type {
    const char *name; /* "dense" */
    /* Settings in an experiment file: the struct's size, defaults, and keys. */
    size_t spec_size;
    const void *spec_default;
    const inv_field *fields;
    /* Sets layer->out and layer->blocks (all but offsets) from layer->in and the spec. NULL: out is
     * in, no parameters. `classes` is how many classes the data have, for a layer that leaves it
     * open. */
    inv_status (*shape)(inv_layer *layer, size_t classes);
    /* Fills the blocks with their initial values. NULL: none. */
    void (*init)(const inv_layer *layer, float *params, gsl_rng *rng);
    /* Bytes of state for a batch of `rows`. NULL: none. */
    size_t (*state_size)(const inv_layer *layer, size_t rows);
    void (*forward)(const inv_layer *layer, const float *params, void *state, const inv_mode *mode,
                    const gsl_matrix_float *x, gsl_matrix_float *y);
    /* dparams (the net's whole gradient; this layer adds to its blocks) and dx may be NULL. */
    void (*backward)(const inv_layer *layer, const float *params, void *state,
                     const gsl_matrix_float *x, const gsl_matrix_float *y,
                     const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx);
    /* Of a layer that joins several inputs: y of x[0 .. input_count - 1], and dx of input `which`.
     * forward and backward are then inv_join_forward and inv_join_backward, for one input. */
    void (*join)(const inv_layer *layer, const gsl_matrix_float *const *x, gsl_matrix_float *y);
    void (*part)(const inv_layer *layer, size_t which, const gsl_matrix_float *const *x,
                 const gsl_matrix_float *y, const gsl_matrix_float *dy, gsl_matrix_float *dx);
    /* Of an elementwise layer, whose forward and backward are inv_elementwise_forward and
     * inv_elementwise_backward: n values and their gradients. */
    void (*map)(const inv_layer *layer, size_t n, const float *x, float *y);
    void (*gradient)(const inv_layer *layer, size_t n, const float *x, const float *y,
                     const float *dy, float *dx);
    /* Moves what the layer keeps of training batches (running statistics, in blocks that are
     * frozen) by the newest forward, which was one in training. NULL: nothing. */
    void (*keep)(const inv_layer *layer, const void *state, float *params);
    /* What the layer itself adds to the objective, found by the newest forward; its gradient is
     * part of backward's dx. NULL: nothing. */
    double (*penalty)(const inv_layer *layer, const void *state);
    /* Adds to the JSON list `layers` what leads from y back to x: the steps of an inverse, in the
     * order in which they are applied. `last` says that x is the image itself. NULL: there is no
     * inverse by weights, because the layer `loses` something ("it keeps only ..."). */
    inv_status (*mirror)(const inv_layer *layer, const struct inv_mirror *how, bool last,
                         struct json_t *layers);
    const char *loses;
    /* In training it looks at all rows of a batch, which must not come in pieces. */
    bool whole_batch;
    /* y determines x: an inverse that would start at y starts at x. */
    bool one_to_one;
};

/* The settings that mirrored layers share. */
typedef struct inv_mirror {
    inv_init init;        /* of the inverse kernels */
    double squash;        /* the part of an activation's range that estimates are brought to */
    double range_penalty; /* weight of the penalty on estimates outside a range with two ends */
} inv_mirror;

/* The type of that name, or NULL. */
const inv_layer_type *inv_layer_type_find(const char *name);
extern const inv_choice inv_layer_types[]; /* all of them */
/* Those that may stand as a layer's `activation`, there with their default settings: elementwise or
 * rowwise, without parameters. */
extern const inv_choice inv_activations[];

/* The type's keys, and its defaults, written over its spec; nothing for a type that is none. */
const inv_field *inv_layer_fields(const char *type);
void inv_layer_start(const char *type, void *spec);

/* The name of the layer that a point belongs to: `name` without its ".pre"-like ending. */
void inv_layer_owner(const char *name, char owner[INV_NAME_MAX]);

#ifdef __cplusplus
}
#endif
#endif
