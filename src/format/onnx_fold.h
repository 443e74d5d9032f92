/* onnx_fold.h - what the parts of the arithmetic of known tensors share (onnx.h).
 *
 * onnx_fold.c works out values, onnx_fold_place.c where they go. Source: the ONNX specification's
 * operators, opset 28.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_ONNX_FOLD_H
#define INVPROJ_FORMAT_ONNX_FOLD_H

#include <stddef.h>

#include "format/onnx.h"

#define ONNX_FOLDED_MAX ((size_t)1 << 27) /* values of a result */

/* One node, and what is known of its inputs; those that are left out have no array. */
typedef struct onnx_folding {
    const inv_onnx_graph *graph;
    inv_sketch *sketch;
    const json_t *node;
    const inv_onnx_tensor *in;
    size_t count;
    inv_onnx_tensor *out;
} onnx_folding;

/* The tables end in a row without a name. */
typedef struct onnx_folder {
    const char *op;
    inv_status (*fold)(const onnx_folding *f);
    const char *attributes; /* that it reads, or that change nothing; NULL: it has none */
} onnx_folder;

extern const onnx_folder onnx_place_folders[];

/* An error: its inputs do not fit. */
INV_MUST_CHECK inv_status onnx_unfit(const onnx_folding *f);
/* A list of whole numbers: input i, or the attribute of that name; *count is SIZE_MAX where there is
 * neither. */
INV_MUST_CHECK inv_status onnx_whole_list(const onnx_folding *f, size_t i, const char *name,
                                          int64_t out[INV_ONNX_RANK_MAX], size_t *count);
/* From one value to the next along each axis. */
void onnx_strides_of(const inv_onnx_tensor *t, ptrdiff_t *strides);

#endif
