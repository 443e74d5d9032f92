/* format.h - the table of formats of model files. To add one: write src/format/NAME.c, and add its
 * line here.
 *
 * A file is known by its content: each row says whether the first bytes may be its own, and a zip
 * archive is the first row's whose member is in it. `send` runs in the process that may come to harm
 * and turns the file into a stream; `import` runs in the program, sees nothing but the tree which
 * that made, and describes the net in a sketch (sketch.h).
 *
 * A row that has `export` writes its format too. A file that this program wrote comes back as the net
 * that it was (own.h).
 *
 *     const inv_format *format = inv_format_find(inv_tree_format(tree));
 *     status = format->import(tree, how, model, sketch);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_H
#define INVPROJ_FORMAT_H

#include "format/exporting.h"
#include "format/sketch.h"
#include "invproj/model.h"

typedef struct inv_format {
    const char *name;    /* the row's, and what the stream says: "keras-h5" */
    const char *what;    /* for people: "Keras" */
    const char *endings; /* that its files usually have: ".h5 .hdf5" */
    bool (*probe)(const unsigned char *first, size_t size);
    const char *member; /* of a zip archive: a pattern (fnmatch) that one of its names fits; NULL:
                           no zip archive */
    /* Between inv_stream_start and inv_stream_end, which the caller writes. */
    inv_status (*send)(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                       const inv_sink *to);
    /* See inv_model_beside; NULL: all is in one file. */
    inv_status (*beside)(const inv_tree *tree, size_t i, char name[INV_TEXT_MAX], bool *found);
    bool beside_is_bytes; /* those are bytes of no format: inv_model_send_bytes */
    /* Describes the net, and says in the model all but the net itself. */
    inv_status (*import)(const inv_tree *tree, const inv_import *how, inv_model *model,
                         inv_sketch *sketch);
    /* Writes a net (exporting.h); NULL: this format is only read. What is in *out the caller frees,
     * also after a failure. */
    inv_status (*export)(const inv_export *what, inv_exported *out);
} inv_format;

/* X(name): a file of src/format defines `const inv_format inv_format_NAME`. The first whose probe fits
 * has a file: that of safetensors, whose first byte may be JSON's '{', tells the two apart. */
#define INV_FORMATS(X)                                                                             \
    X(safetensors)                                                                                 \
    X(keras_h5)                                                                                    \
    X(keras_zip)                                                                                   \
    X(keras_json)                                                                                  \
    X(torch_export)                                                                                \
    X(torch)                                                                                       \
    X(torch_old)                                                                                   \
    X(npz)                                                                                         \
    X(onnx)

#define INV_FORMAT_DECLARE(name) extern const inv_format inv_format_##name;
INV_FORMATS(INV_FORMAT_DECLARE)
#undef INV_FORMAT_DECLARE

/* Says the shape of the net's images, and adds what the user says of their preparation: --mean, --std
 * and --invert as a layer. *out is where the file's own first layer begins. */
INV_MUST_CHECK inv_status inv_model_input(const inv_import *how, inv_model *model,
                                          inv_sketch *sketch, inv_shape shape, inv_place *out);

/* The row of that name, or NULL. */
const inv_format *inv_format_find(const char *name);

/* Whether the bytes begin as a zip archive does: the probe of all rows with a member. */
bool inv_zip_is(const unsigned char *first, size_t size);

#endif
