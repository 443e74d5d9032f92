/* torch_writer.h - what the files that write a net for PyTorch share (torch_write.c).
 *
 * A layer takes an expression of Python and gives one; modules that it needs are made on the way:
 *
 *     s.text = torch_module(w, TEXT("nn.Dropout(%s)", torch_real(w, 0.5)), s.text);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TORCH_WRITER_H
#define INVPROJ_TORCH_WRITER_H

#include <stdio.h>

#include "format/torch.h"

#define TORCH_HELPERS_MAX 16

struct writer {
    inv_named_net *net;
    inv_exporting *e;
    FILE *arch, *init, *forward; /* the three parts of the text */
    char *texts[3];
    size_t sizes[3];
    char (*names)[INV_NAME_MAX]; /* of each layer's module */
    const inv_layer *layer;
    size_t number;
    const char *from; /* what the line for --arch has between name and colon, " <- a, b" */
    bool is_used[TORCH_HELPERS_MAX]; /* which of the classes that torch.nn does not have */
};

/* A text that lives as long as the writer `w`. */
#define TEXT(...) inv_exporting_text(w->e, __VA_ARGS__)

/* ---- torch_write_modules.c ---- */

/* The classes that are used and that torch.nn does not have. */
void torch_say_helpers(const writer *w, FILE *out);

/* A number as short as it can be said. */
const char *torch_real(writer *w, double value);
/* (3, 5), or 3 where both are. */
const char *torch_pair(writer *w, size_t a, size_t b);

/* "NAME: Type(arguments)" for --arch. */
void torch_arch_line(writer *w, const char *name, const char *module);
/* Makes the layer's module, and calls it. */
const char *torch_module(writer *w, const char *text, const char *x);
/* What a layer needs before it, in forward alone: `arch` is its module for --arch. */
const char *torch_before(writer *w, const char *what, const char *arch, const char *text);
/* Something that --arch has no module for. */
void torch_not_in_arch(writer *w, const char *what);

/* All of the layer's blocks; `order` as in inv_torch_param. */
void torch_blocks(writer *w, inv_shape order);
/* An array that the module has, and the layer not: all its values are the same. */
void torch_constant(writer *w, const char *what, size_t rank, const size_t *dims, float value);

/* Rows of values, which may be in the order of channels first where the caller can take them so. */
inv_spot torch_row(writer *w, inv_spot s, inv_shape shape, bool any_order);
/* Images of that shape. */
inv_spot torch_image(writer *w, inv_spot s, inv_shape shape);
/* What the layer takes: images, or rows in the net's own order, unless it is an image. */
inv_spot torch_as_is(writer *w, inv_spot in);

/* ---- torch_write_sizes.c: rows of the table ---- */

inv_spot torch_write_pad(writer *w, inv_spot in);
inv_spot torch_write_upsample(writer *w, inv_spot in);
inv_spot torch_write_slice(writer *w, inv_spot in);
inv_spot torch_write_adaptive(writer *w, inv_spot in);
inv_spot torch_write_blocks(writer *w, inv_spot in);
inv_spot torch_write_lrn(writer *w, inv_spot in);

/* ---- torch_write_layers.c ---- */

extern const inv_layer_row torch_rows[];
/* What --arch calls a point. */
const char *torch_arch_name(const writer *w, size_t point);

#endif
