/* keras.h - what the parts of the Keras importer share: the file, its layers, their weights.
 *
 * Keras files are of three kinds (keras_layout): one group a layer with a list of its weights' names
 * (0.9 to 3: .h5), numbered parameters in numbered layers (0.3), and since 2.12 groups named after
 * classes with numbered variables (.keras, .weights.h5). The architecture is JSON, in the file or
 * beside it. keras.c opens, keras_walk.c goes from layer to layer, keras_layers.c has the table of classes
 * (keras_layer.h: what adds them), keras_weights.c finds what belongs to each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_KERAS_H
#define INVPROJ_KERAS_H

#include <jansson.h>

#include "format/format.h"
#include "format/taken.h"

#define KERAS_PATH_MAX   1024
#define KERAS_RANK_MAX   4                 /* axes of one image: more are refused */
#define KERAS_INPUTS_MAX 64                /* of one layer */
#define KERAS_CONSTANT   "_CONSTANT_VALUE" /* Keras 2: in place of a layer, before a number */

typedef enum keras_layout {
    KERAS_NO_WEIGHTS,
    KERAS_NUMBERED, /* 0.3: layer_3/param_0 */
    KERAS_NAMED,    /* group of the layer, @weight_names */
    KERAS_VARIABLES /* layers/dense_1/vars/0 */
} keras_layout;

typedef struct keras {
    const inv_tree *tree;
    const inv_import *how;
    inv_model *model;
    inv_sketch *sketch;
    const char *file;
    int version;   /* 0, 1, 2, 3; -1: the file does not say */
    bool is_torch; /* it ran on torch: some averages differ */
    bool knows_backend;
    bool is_theano;   /* kernels are stored turned about */
    bool turns_input; /* some layer takes channels first, so the net's images are turned */
    keras_layout layout;
    char root[INV_TEXT_MAX]; /* where the weights stand */
    json_t *shards;          /* of weights in several files: path to names; borrowed */
    json_t *weighted;        /* array: names of the groups with weights, in order */
    bool by_order;           /* those are not the architecture's names */
    size_t uses;             /* of all layers so far */
    inv_taken taken;         /* weights, by layers so far */
    bool told_precision;     /* that Keras computes with fewer digits */
    bool lacks_shape;        /* nothing says of what shape the input is */
    size_t work;             /* to try one, as keras.c counts it */
    bool is_tried;           /* whether the layers fit is all that is asked */
} keras;

typedef struct keras_layer {
    const char *class, *name, *module;
    json_t *config;                 /* with the names of today's keys; borrowed */
    json_t *own;                    /* the whole entry; borrowed */
    const char *top;                /* the layer of the outermost model that it is in */
    bool is_nested;                 /* it is not that itself */
    bool is_function;               /* that the model calls: no weights, numbers in `own` */
    size_t number;                  /* of all layers (KERAS_NUMBERED), or of those with weights */
    char variables[KERAS_PATH_MAX]; /* the group of its variables; "" */
} keras_layer;

/* What flows from layer to layer: the place in the net, and how Keras sees it. */
typedef struct keras_tensor {
    inv_place at;
    size_t rank, dims[KERAS_RANK_MAX]; /* Keras's, without the batch */
    bool turned;         /* Keras has channels, height, width; the net channels last */
    bool is_shuffled;    /* a flat row whose values Keras has in the order of channels first: */
    inv_shape flattened; /* of that image, channels last */
} keras_tensor;

/* ---- keras_weights.c ---- */

INV_MUST_CHECK inv_status keras_weights_open(keras *k);
/* The group of variables of the next layer of a class within the group `base`, after the one
 * numbered `after` (-1: the first), in `out`, and its number; "" and -1 where there is none. */
long keras_variables(const keras *k, const char *base, const char *class, long after,
                     char out[KERAS_PATH_MAX]);
/* The weight of that name (or one of its older names, separated by blanks) or, where names do not
 * tell, of that number; NULL where there is none. */
INV_MUST_CHECK inv_status keras_weight(keras *k, const keras_layer *l, const char *names,
                                       size_t number, const inv_tree_array **out);
/* The same, or an error. */
INV_MUST_CHECK inv_status keras_weight_needed(keras *k, const keras_layer *l, const char *names,
                                              size_t number, const inv_tree_array **out);
/* The layer's weight of that number, where weights have no names; NULL where there is none. */
const inv_tree_array *keras_variable(const keras *k, const keras_layer *l, size_t number);
/* The names of the weights of a layer's group. */
INV_MUST_CHECK inv_status keras_weight_names(const keras *k, const char *group, json_t **out);
/* Whether that end of a weight's path is called by one of the names, separated by blanks. */
bool keras_is_called_by(const char *path, const char *names);

/* ---- keras_left.c ---- */

/* An error where the file has weights that the layer, which is added, did not take: where they have no
 * names. And where they have, once all layers are added. */
INV_MUST_CHECK inv_status keras_check_variables(const keras *k, const keras_layer *l);
INV_MUST_CHECK inv_status keras_check_named(const keras *k);

/* ---- keras_walk.c ---- */

/* Adds a model, Sequential or Functional, after `in`, which is NULL where its own input tells. */
INV_MUST_CHECK inv_status keras_walk(keras *k, json_t *entry, const keras_tensor *in,
                                     keras_tensor *out);

/* ---- keras_layers.c ---- */

/* Whether layers of that class have weights in a file. */
bool keras_has_weights(const char *class);
/* Whether some layer below takes channels first. */
bool keras_is_channels_first(json_t *entry);
/* Adds one layer after `count` tensors; an operator's numbers stand in `l->own`. */
INV_MUST_CHECK inv_status keras_layer_add(keras *k, const keras_layer *l, const keras_tensor *from,
                                          size_t count, keras_tensor *out);
/* ---- keras_keys.c ---- */

/* Brings the keys of older versions to today's names, in place. */
void keras_update(json_t *config);

/* ---- keras_tensor.c ---- */

/* The input of the model, of sizes without the batch. */
INV_MUST_CHECK inv_status keras_input(keras *k, size_t rank, const size_t *dims, keras_tensor *out);
/* The model's outputs as Keras has them. */
INV_MUST_CHECK inv_status keras_output(keras *k, keras_tensor *t);

#endif
