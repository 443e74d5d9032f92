/* model.h - a model: a net with what a stranger needs to feed it, taken from a file that another
 * program wrote.
 *
 * A file is known by its first bytes, never by its name. It is read where that can do no harm
 * (inv_model_send), comes as a stream into a tree (tree.h), and an importer makes a net of the
 * arrays and attributes there, every size checked. The table of formats is src/format/format.h.
 *
 *     inv_model *model = NULL;
 *     const inv_import how = {0};
 *     status = inv_tree_add(tree, "", &source);                    from the process that reads
 *     status = status ? status : inv_model_import(tree, &how, &model);
 *     if (status == INV_OK)
 *         logits = inv_net_logits(model->net);
 *     inv_model_free(model);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_MODEL_H
#define INVPROJ_MODEL_H

#include "invproj/idx.h"
#include "invproj/net.h"
#include "invproj/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INV_MODEL_OUTPUTS_MAX 1000 /* as many as data have classes */
#define INV_MODEL_NOTES_MAX   32

/* What the user says of a file; all zero is nothing. */
typedef struct inv_import {
    const char *arch;      /* text of an architecture, for a file that holds weights alone */
    const char *arch_name; /* where it came from, for messages */
    bool arch_is_made;     /* `arch` is made of what stands there: its lines are others */
    size_t input_rank, input_dims[3]; /* the file's input, where it does not say: height, width and
                                         channels, height and width, or a number of values; 0: none */
    const char *key;     /* which of several sets of parameters; NULL: the only, or the usual */
    const char *backend; /* that Keras ran on, where the file does not say: "torch", "theano" */
    double scale;        /* pixels of 0 to 255 are divided by it; 0: as the file's layers tell */
    inv_reals mean, std; /* then these are subtracted and divided by; one for each channel, or one
                              for all; a count of 0: none */
    bool invert;         /* pixels are light where the net was trained on dark: 255 - pixel */
    bool channels_first; /* the file's input is channels, height, width, whatever it says */
} inv_import;

typedef struct inv_model {
    inv_net *net;
    /* The file's own input: the sizes of one image as its own program takes them. */
    size_t input_rank, input_dims[4];
    bool channels_first; /* the net's images have been turned: channels last */
    /* Of the net's pixels: what bytes 0 and 255 become, and what a byte is divided by. */
    double black, white, scale;
    bool is_prepared;           /* the file or the user said so; else it is the usual guess */
    char format[INV_NAME_MAX];  /* "Keras" */
    char version[INV_NAME_MAX]; /* of the program that wrote the file; "": it does not say */
    size_t beside_count;        /* names of the files that belong to it and lie beside it */
    char **beside;
    size_t class_count; /* names of classes that the file has; 0: none */
    char **class_names;
    char inverse_at
        [INV_NAME_MAX]; /* of an inverse that this program exported: the point that it leads
                                      back from, and the shape of its images; else "" */
    inv_shape image;
    size_t note_count;
    char notes[INV_MODEL_NOTES_MAX][INV_TEXT_MAX]; /* what its owner should know */
} inv_model;

/* Whether a file that begins with these bytes (4,096 of them, or all) may be a model of a known
 * format: cheap, and safe on any bytes. A run file of this program, HDF5 too, may be one. */
bool inv_model_probe(const unsigned char *first, size_t size);

/* Sends the model file of `size` bytes, which stay the caller's; `name` is for messages. To be
 * called where it can do no harm. INV_EFORMAT: no known format, damaged, or made to do harm. */
INV_MUST_CHECK inv_status inv_model_send(const char *name, unsigned char *bytes, size_t size,
                                         uint64_t array_max, const inv_sink *to);
/* The same of a file of no format that belongs to another: "/bytes" is all of it, one array. */
INV_MUST_CHECK inv_status inv_model_send_bytes(const char *name, const unsigned char *bytes,
                                               size_t size, const inv_sink *to);

/* The i-th file that belongs to the one in the tree and lies beside it, as a bare name; false beyond
 * the last. Each is to be read as well, by inv_model_send_bytes where *is_bytes, and added under
 * "/NAME". */
INV_MUST_CHECK inv_status inv_model_beside(const inv_tree *tree, size_t i, char name[INV_TEXT_MAX],
                                           bool *found, bool *is_bytes);

/* Makes a model of what is in the tree, which must outlive the call only. The caller frees.
 * INV_EFORMAT: a layer, a size or a file that this program cannot take, by name; INV_ECONFIG: an
 * architecture or an option that does not fit; INV_EDATA: parameters that are not finite. */
INV_MUST_CHECK inv_status inv_model_import(const inv_tree *tree, const inv_import *how,
                                           inv_model **out);
void inv_model_free(inv_model *model);

/* One image as the file's own program takes it (inv_model's input_dims), as the net's row. */
void inv_model_row(const inv_model *model, const float *image, float *row);

/* ---- for other programs ---- */

/* A net, and what whoever runs it elsewhere must know. */
typedef struct inv_export {
    const inv_net *net;
    const char *file; /* that it is from, for messages */
    /* What bytes 0 and 255 are to the net, and what a byte is divided by; scale 0: not known. */
    double black, white, scale;
    size_t class_count; /* names of classes; 0: none */
    const char *const *class_names;
    const char *inverse_at; /* of an inverse: the point that it leads back from; else NULL */
    inv_shape image;        /* and what comes out of it */
} inv_export;

/* The name of the format that files of that ending are written in, NULL where there is none; and of
 * the i-th that can be written, NULL beyond the last, with the ending of its files in *ending. */
const char *inv_export_format(const char *path);
const char *inv_export_format_at(size_t i, const char **ending);

/* The file of that format: *size bytes, which the caller frees. *text, the caller's too, is code that
 * loads the file, where the file does not say what is done with its parameters; else NULL. The same
 * net gives the same bytes, also when it has been imported from the file that was written before.
 * INV_EINVAL: a format that is not written; INV_EFORMAT: a layer that the format has nothing for. */
INV_MUST_CHECK inv_status inv_model_export(const inv_export *what, const char *format,
                                           unsigned char **bytes, size_t *size, char **text);

/* Notes something that the model's owner should know; what does not fit is dropped. */
void inv_model_note(inv_model *model, const char *format, ...) INV_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
