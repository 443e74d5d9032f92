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

#include "format/sketch.h"
#include "invproj/model.h"

/* inv_format's import, for all files of named parameters. */
INV_MUST_CHECK inv_status inv_torch_import(const inv_tree *tree, const inv_import *how,
                                           inv_model *model, inv_sketch *sketch);

#endif
