/* keras_export.h - a net as a Functional model of Keras 3: its layers in the order that Keras has them,
 * the JSON that describes each, and its weights. keras_export.c makes it of a net, keras_write.c a file
 * of it.
 *
 *     keras_model model = {0};
 *     status = keras_model_make(what, true, out, &model);
 *     for (size_t i = 0; status == INV_OK && i < model.count; i++)
 *         puts(model.nodes[model.order[i]].name);
 *     keras_model_free(&model);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_KERAS_EXPORT_H
#define INVPROJ_KERAS_EXPORT_H

#include "format/exporting.h"

#define KERAS_VERSION     "3.15.1" /* whose conventions are followed */
#define KERAS_WEIGHTS_MAX 4

/* A weight of a layer. */
typedef struct keras_stored {
    const char *name; /* "kernel" */
    size_t rank, dims[4];
    const float *values;
    size_t param; /* its number among inv_exported's; SIZE_MAX: no parameter of the net */
} keras_stored;

typedef struct keras_node {
    const char *module, *class, *name;
    bool is_layer;  /* else an operator */
    json_t *config; /* owned */
    json_t *args;   /* owned: numbers, arrays and {"node": 3} */
    size_t *from;   /* the nodes among them, in order */
    size_t from_count;
    size_t rank, dims[3]; /* what comes out, without the batch */
    bool is_bool;
    size_t weight_count;
    keras_stored weights[KERAS_WEIGHTS_MAX];
    char group[64]; /* "conv2d_1": of its weights in a .keras file */
} keras_node;

typedef struct keras_model {
    inv_exporting e;
    keras_node *nodes;
    size_t count, room;
    size_t *order; /* as Keras sorts them: by how far they are from the end */
    size_t last;   /* the node that the model ends in */
} keras_model;

/* `operators`: whether what no layer does may become operators. */
INV_MUST_CHECK inv_status keras_model_make(const inv_export *what, bool operators,
                                           inv_exported *out, keras_model *model);
void keras_model_free(keras_model *model);

/* The model's JSON; `legacy`: without the modules that classes are in, as in .h5 files. NULL: no memory. */
json_t *keras_model_json(const keras_model *model, bool legacy);

/* ---- keras_write.c ---- */

INV_MUST_CHECK inv_status keras_h5_export(const inv_export *what, inv_exported *out);
INV_MUST_CHECK inv_status keras_zip_export(const inv_export *what, inv_exported *out);

#endif
