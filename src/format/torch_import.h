/* torch_import.h - what the parts of the importer of named parameters share: the net as it is made, and
 * rows of modules.
 *
 * PyTorch's images have channels first; here they come last, so kernels are turned as they are read, and
 * so is what follows a Flatten: a value keeps the image whose order its rows are in, and whatever cannot
 * take them so has them put in order first (torch_straight).
 *
 * torch_import.c goes from module to module, torch_find.c finds whose parameters are whose, and a family
 * of modules is a file (torch_window.c, torch_norm.c ...) that ends in its table. A new module is a
 * function and a row.
 *
 * Source of each module's arithmetic: PyTorch 2.15, torch.nn.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_TORCH_IMPORT_H
#define INVPROJ_FORMAT_TORCH_IMPORT_H

#include "format/format.h"
#include "format/taken.h"
#include "format/torch_arch.h"

/* What comes out of a module. */
typedef struct torch_value {
    inv_place place;
    inv_shape order; /* of rows that were an image of several channels: that image, channels first;
                        of no channels: as PyTorch has them */
    bool is_line;    /* channels and one axis, which is the image's height */
} torch_value;

typedef struct torch_importing {
    const inv_tree *tree;
    const inv_import *how;
    inv_model *model;
    inv_sketch *sketch;
    inv_arch *arch;
    const char *group;           /* of the tree, where the parameters are: "" or "/state_dict" */
    const inv_tree_array *order; /* names of the file's arrays */
    char (*stems)[INV_ARCH_NAME_MAX]; /* "conv1" of "conv1.weight", in the file's order */
    size_t stem_count, next_stem;
    char prefix[INV_ARCH_NAME_MAX];        /* before the names of the architecture */
    bool by_order;                         /* no prefix makes them fit: stem by stem */
    bool by_array;                         /* nor are there stems enough: array by array */
    inv_taken taken;                       /* by modules, so far */
    size_t in_torch_order, in_other_order; /* weights so far whose sizes tell */
    torch_value *values;                   /* of each module */
} torch_importing;

typedef struct torch_type {
    const char *name;
    const char *parameters; /* one that it must have, or may: "weight"; NULL: none */
    inv_status (*add)(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                      torch_value *out);
    const char *arguments; /* their names, in PyTorch's order; NULL: any, none of which matters */
} torch_type;

/* The tables end in a row without a name. */
extern const torch_type torch_window_types[], torch_pool_types[], torch_norm_types[],
    torch_activation_types[], torch_shape_types[];

/* Where a module stands: "net.arch.txt:3"; of an experiment's network, whose lines are others, the file. */
void torch_where(const torch_importing *im, const inv_arch_module *m, char *where, size_t size);
/* An error that names the line. */
#define WRONG(...) torch_wrong(im, m, __VA_ARGS__)
inv_status torch_wrong(const torch_importing *im, const inv_arch_module *m, const char *format, ...)
    INV_PRINTF(3, 4);

/* ---- torch_arguments.c ---- */

/* An error where an argument is not one of those, is given twice, is missing, or cannot be. */
INV_MUST_CHECK inv_status torch_check_arguments(const torch_importing *im, const inv_arch_module *m,
                                                const char *arguments);

/* ---- torch_names.c ---- */

/* Finds which of the file's parameters are meant: the set called `wanted`, else the one whose names
 * fit, or is usual; in it a prefix before the architecture's names, else their order. */
INV_MUST_CHECK inv_status torch_find_names(torch_importing *im, const char *wanted);
/* Tells what was taken in order. */
void torch_note_order(torch_importing *im);
/* The row of that module. */
bool torch_find_type(const char *name, torch_type *out);
/* An error, which says a module that is meant. */
inv_status torch_refuse_type(const torch_importing *im, const inv_arch_module *m);
/* An error, which says the modules whose parameters the file has. */
inv_status torch_ask_for_arch(torch_importing *im);
/* Whether the module has parameters in the file, and how one of them is called. */
bool torch_has_parameters(const inv_arch_module *m, const char **parameter);

/* ---- torch_find.c ---- */

/* Whether the file has "STEM.what", or what it is made of. */
bool torch_named(const torch_importing *im, const char *stem, const char *what);
/* An array whose sizes, in PyTorch's order, are these; a size of 1 may be missing. Where `other` is not
 * NULL those are sizes that it may have instead, and *is_other says which it has. */
INV_MUST_CHECK inv_status torch_take(torch_importing *im, const inv_arch_module *m,
                                     const char *what, const size_t dims[4], size_t rank,
                                     const size_t *other, bool *is_other,
                                     const inv_tree_array **out);

/* ---- torch_left.c ---- */

/* An error where the file has parameters of a module that it does not have as the architecture says it; or,
 * taken in order, some that no module takes. What belongs to no module is told. */
INV_MUST_CHECK inv_status torch_check_left(torch_importing *im);

/* ---- torch_norm.c ---- */

/* Whether a norm has a weight; and whether it has running statistics. */
bool torch_is_affine(const inv_arch_module *m);
bool torch_tracks(const inv_arch_module *m);

/* ---- torch_activation.c ---- */

bool torch_is_activation(const char *type);

/* ---- torch_put.c ---- */

/* Values to be put down in another order of axes: out's axis i is the array's axis `axes[i]`. */
typedef struct torch_turn {
    size_t dims[4];
    size_t axes[4];
} torch_turn;

INV_MUST_CHECK inv_status torch_put_turned(torch_importing *im, const inv_place *at,
                                           const char *block, const inv_tree_array *array,
                                           torch_turn how);
/* A parameter of one axis as a block; of rows that were an image of that order, put in ours. */
INV_MUST_CHECK inv_status torch_put_vector(torch_importing *im, const inv_arch_module *m,
                                           const inv_place *at, const char *what, inv_shape order,
                                           size_t count, const char *block);
/* All values the same. */
INV_MUST_CHECK inv_status torch_put_constant(torch_importing *im, const inv_place *at,
                                             const char *block, double value);

size_t torch_whole(const inv_arch_module *m, size_t place, const char *key, size_t i, size_t usual);
bool torch_yes(const inv_arch_module *m, size_t place, const char *key, bool usual);
const char *torch_text(const inv_arch_module *m, size_t place, const char *key, const char *usual);
/* Of height and width; of a module over one axis, that axis and what leaves the other as it is. */
void torch_sizes(const inv_arch_module *m, size_t place, const char *key, size_t usual,
                 size_t neutral, size_t out[2]);
/* "Conv1d": over one axis. */
bool torch_is_over_line(const inv_arch_module *m);

INV_MUST_CHECK inv_status torch_add_layer(torch_importing *im, const inv_arch_module *m,
                                          const char *ending, json_t *settings,
                                          const torch_value *in, torch_value *out);
bool torch_is_flat(const torch_value *in);
/* Rows in the order that PyTorch has them in; `out` may be `in`. */
INV_MUST_CHECK inv_status torch_straight(torch_importing *im, const inv_arch_module *m,
                                         const torch_value *in, torch_value *out);
/* Settings of a layer of windows; pads: top, bottom, left, right. */
json_t *torch_window_keys(const char *type, const size_t size[2], const size_t stride[2],
                          const size_t pads[4]);
/* Settings of a `pad` layer. */
json_t *torch_pad_keys(const char *mode, double value, const size_t pads[4]);
void torch_dilate(json_t *settings, const size_t dilation[2]);
/* "16 x 5 x 5", channels first, or "400". */
void torch_say_shape(const torch_value *value, char text[80]);
/* An error where other than images of so many channels come in. */
INV_MUST_CHECK inv_status torch_check_channels(const torch_importing *im, const inv_arch_module *m,
                                               const torch_value *in, size_t channels);

#endif
