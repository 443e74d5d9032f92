/* torch.h - nets whose parameters PyTorch wrote, and whose architecture the user says.
 *
 * A file of parameters names them ("conv1.weight") and tells nothing of what is done with them. The
 * architecture is text, --arch, one module on a line, in order; what PyTorch's print(model) gives is
 * taken too:
 *
 *     input: 1x28x28                   # channels x height x width
 *     conv1: Conv2d(1, 8, 5)
 *     r1: ReLU()
 *     flat: Flatten()
 *     fc: Linear(4608, 10)
 *     sum <- fc, r1: Add()             # takes these in place of the line above
 *     output: logits                   # or softmax, log-softmax
 *
 * safetensors and .npz files come the same way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_TORCH_H
#define INVPROJ_FORMAT_TORCH_H

#include "format/exporting.h"
#include "format/sketch.h"
#include "invproj/model.h"

/* inv_format's import, for all files of named parameters. */
INV_MUST_CHECK inv_status inv_torch_import(const inv_tree *tree, const inv_import *how,
                                           inv_model *model, inv_sketch *sketch);

/* ---- torch_write.c, named_export.c ---- */

/* An array of a net as PyTorch has it: a parameter, or numbers that a module needs besides. */
typedef struct inv_named {
    const char *name; /* "conv1.weight" */
    size_t rank, dims[4];
    const float *values;
} inv_named;

typedef struct inv_named_net {
    inv_exporting e;
    inv_named *list;
    size_t count, room;
    char *source; /* a module of Python that takes them */
} inv_named_net;

/* Goes through the net; what is found lives until inv_named_net_free, also after a failure. */
INV_MUST_CHECK inv_status inv_torch_write(const inv_export *what, inv_exported *out,
                                          inv_named_net *net);
void inv_named_net_free(inv_named_net *net);

INV_MUST_CHECK inv_status inv_safetensors_export(const inv_export *what, inv_exported *out);
INV_MUST_CHECK inv_status inv_npz_export(const inv_export *what, inv_exported *out);

#endif
