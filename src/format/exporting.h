/* exporting.h - what the writers of model files share: the net as it is written, its names, settings
 * and parameters.
 *
 * A writer goes through the layers once. Each array that it writes is a block of the net in another
 * order of axes, and it says so (inv_exported): so the same list that fills the file tells, when the
 * file is read again, what goes where (own.c).
 *
 *     static const inv_layer_row rows[] = {{"dense", write_dense}, {NULL, write_formula}};
 *     static const inv_writing how = {rows, enter, leave};
 *     if (inv_exporting_open(what, "batch, height, width, channels", out, &e) == INV_OK)
 *         last = inv_exporting_layers(&e, &how, &writer, (inv_spot){.text = "input"});
 *     inv_exporting_close(&e);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_EXPORTING_H
#define INVPROJ_EXPORTING_H

#include <jansson.h>

#include "invproj/model.h"
#include "net/window.h"

/* An array as it is written: axis k of it is axis axes[k] of the block, which is seen as one of four
 * sizes, `from`. */
typedef struct inv_param {
    const inv_layer *layer;
    const inv_block *block;
    float *values; /* in the net */
    size_t from[4], axes[4];
    size_t rank, dims[4]; /* as written, the same values */
    char *path;           /* where it stands in the tree of the file; NULL: */
    bool is_told;         /* only in the metadata, as numbers (inv_own_add_parameters) */
} inv_param;

/* A file to be written, and what it holds of the net. */
typedef struct inv_exported {
    unsigned char *bytes;
    size_t size;
    char *text; /* for people: the code that loads it; NULL: none is needed */
    inv_param *params;
    size_t count, room;
} inv_exported;

void inv_exported_free(inv_exported *exported);

/* A value on its way through a file. */
typedef struct inv_spot {
    const char *text; /* what the file calls it: the name of a value, an expression of Python */
    size_t node;   /* or, where the file is a list of nodes, the number of the one it comes from */
    bool is_image; /* else a row of values for each image */
    inv_shape order; /* of such rows: the image whose order they still are in, channels first; of no
                         channels: the net's own order */
} inv_spot;

typedef struct inv_exporting {
    const inv_export *what;
    const inv_net *net;
    char (*names)[INV_NAME_MAX]; /* of each layer: one owner's layers have one name and, but for the
                                    one with parameters, their type behind it */
    inv_exported *out;
    json_t *metadata; /* texts by name */
    inv_spot *spots;  /* of each point that is written so far */
    void **kept;      /* memory that lives as long as this */
    size_t kept_count, kept_room;
    inv_status status; /* the first failure: what follows does nothing */
} inv_exporting;

/* `layout` says in what order a file has an image's axes. The caller closes, also after a failure. */
INV_MUST_CHECK inv_status inv_exporting_open(const inv_export *what, const char *layout,
                                             inv_exported *out, inv_exporting *e);
void inv_exporting_close(inv_exporting *e);

/* "file: layer 'hidden1' (squash): why", kept as e->status. */
void inv_exporting_refuse(inv_exporting *e, const inv_layer *layer, const char *why);

/* ---- from layer to layer ---- */

typedef struct writer writer; /* what a writer keeps: each has its own */

typedef struct inv_layer_row {
    const char *type; /* NULL: of all others; the last row */
    inv_spot (*write)(writer *w, inv_spot in);
} inv_layer_row;

typedef struct inv_writing {
    const inv_layer_row *rows;
    void (*enter)(writer *w, size_t i); /* before layer i */
    /* After it: *out may be changed. The number of layers that are done with it, mostly 1. */
    size_t (*leave)(writer *w, size_t i, inv_spot *out);
} inv_writing;

/* Writes each layer by the row of its type; `input` is what the net takes. What comes out, where
 * e->status is INV_OK. */
inv_spot inv_exporting_layers(inv_exporting *e, const inv_writing *how, writer *w, inv_spot input);

/* One value a channel, and no more: rows of values. */
bool inv_exporting_is_row(inv_shape shape);

/* Memory, zeroed, and texts, which live as long as `e`; where there is none, NULL and "", and e->status
 * says so. */
void *inv_exporting_keep(inv_exporting *e, size_t count, size_t size);
const char *inv_exporting_text(inv_exporting *e, const char *format, ...) INV_PRINTF(2, 3);

/* ---- settings ---- */

/* The layer's setting of that key, by the table of its type's fields; 0 or "" where it has none. */
double inv_exporting_real(const inv_layer *layer, const char *key);
size_t inv_exporting_size(const inv_layer *layer, const char *key);
const char *inv_exporting_word(const inv_layer *layer, const char *key);
bool inv_exporting_is(const inv_layer *layer, const char *type);
/* Whether the setting is that number, but for rounding. */
bool inv_exporting_has(const inv_layer *layer, const char *key, double value);

/* The windows that a layer lays over its images, and the rows and columns around those. */
typedef struct inv_laid {
    inv_window w;
    size_t top, bottom, left, right;
} inv_laid;

inv_laid inv_exporting_windows(const inv_layer *layer);
/* The same of a conv2d_transpose: the rows and columns that are cut off what its windows make (above,
 * left, below, right), and those that are added below and on the right. */
void inv_exporting_transposed(const inv_layer *layer, const inv_laid *l, size_t cut[4],
                              size_t more[2]);

/* ---- parameters ---- */

/* The layer's block of that name; NULL where it has none. */
const inv_block *inv_exporting_block(const inv_layer *layer, const char *name);
/* Its values. */
const float *inv_exporting_values(const inv_exporting *e, const inv_block *block);

/* Says that a block is written, so turned, and gives the values in that order; they live as long as
 * `e`. `path` as in inv_param, copied. */
const float *inv_exporting_put(inv_exporting *e, const inv_param *param, const char *path);

/* Values from the net's order to the file's, or back. */
void inv_param_turn(const inv_param *param, float *net, float *file, bool to_file);

/* The parameters of a layer as PyTorch has them: images and kernels with channels first. `order` is the
 * image that the layer's rows were, whose values still come with channels first; of no channels: rows
 * as they are here. *name is what PyTorch calls the array ("weight"). False beyond the last. */
bool inv_torch_param(const inv_layer *layer, inv_shape order, size_t i, const char **name,
                     inv_param *out);

#endif
