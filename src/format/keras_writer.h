/* keras_writer.h - what the files that write Keras models share (keras_export.c).
 *
 * A layer takes a value and gives one; in between it adds nodes, and weights to them:
 *
 *     s = keras_node_after(w, "Dense", w->name, config, s, w->layer->out, false);
 *     keras_node_block(w, s, "kernel", "kernel");
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_KERAS_WRITER_H
#define INVPROJ_KERAS_WRITER_H

#include "format/formula.h"
#include "format/keras_export.h"

struct writer {
    keras_model *model;
    inv_exporting *e;
    bool operators;
    const inv_layer *layer;
    const char *name; /* of its main node */
    size_t number;
    size_t steps;  /* operators of its own so far */
    bool has_next; /* its activation is part of it, and the next layer done with it */
};

/* A text that lives as long as the writer `w`. */
#define TEXT(...) inv_exporting_text(w->e, __VA_ARGS__)

/* ---- keras_export_nodes.c ---- */

json_t *keras_json_whole(size_t number);
json_t *keras_json_pair(size_t a, size_t b);
json_t *keras_json_flag(bool value);
/* Numbers as lists in lists of those sizes. */
json_t *keras_json_list(const float *values, size_t rank, const size_t *dims);

/* A layer of that class after another or several; its config is taken over. What comes out is of shape
 * `out`. */
inv_spot keras_node_after(writer *w, const char *class, const char *name, json_t *config,
                          inv_spot from, inv_shape out, bool is_image);
inv_spot keras_node_after_all(writer *w, const char *class, const char *name, json_t *config,
                              const inv_spot *from, size_t count, inv_shape out, bool is_image);
/* An operator of numbers and of what comes out of other nodes. */
inv_term keras_node_operator(writer *w, const char *module, const char *class, json_t *config,
                             const inv_term *of, size_t count);
keras_node *keras_node_of(writer *w, inv_spot s);
inv_term keras_node_term(writer *w, inv_spot s);
size_t keras_node_find(const writer *w, const char *name);
void keras_node_shape(keras_node *node, inv_shape s, bool is_image);

/* A block as a weight of the node, with the sizes that Keras has it in; as the block has them; as one
 * long axis. */
void keras_node_weight(writer *w, inv_spot s, const char *name, const char *block, size_t rank,
                       const size_t *dims);
void keras_node_block(writer *w, inv_spot s, const char *name, const char *block);
void keras_node_vector(writer *w, inv_spot s, const char *name, const char *block);
/* Numbers that are no parameter of the net. */
void keras_node_constant(writer *w, inv_spot s, const char *name, size_t rank, const size_t *dims,
                         const float *values);
/* A block that the file has in a layer's JSON alone: as it is in the metadata too. */
const float *keras_node_told(writer *w, const char *block);

/* From images to rows and back. */
inv_spot keras_node_row(writer *w, inv_spot s, inv_shape shape);
inv_spot keras_node_image(writer *w, inv_spot s, inv_shape shape);
inv_spot keras_node_reshape(writer *w, const char *name, inv_spot s, inv_shape out, bool is_image);

/* ---- keras_export_functions.c ---- */

/* Adds "activation" to a layer's config, where it has one. */
json_t *keras_with_activation(writer *w, json_t *config);
/* One operator of a formula (formula.h). */
inv_term keras_say(void *context, const char *op, const inv_term *of, size_t count);

inv_spot keras_write_formula(writer *w, inv_spot in);
inv_spot keras_write_over(writer *w, inv_spot in);
inv_spot keras_write_glu(writer *w, inv_spot in);
inv_spot keras_refuse_sparsemax(writer *w, inv_spot in);

/* ---- keras_export_layers.c ---- */

extern const inv_layer_row keras_rows[];

#endif
