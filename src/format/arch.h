/* arch.h - what a file of weights alone lacks: the shape of its images, and an architecture that is given
 * as an experiment of this program.
 *
 *     status = inv_arch_of_experiment(tree, format, how, model, &text);
 *     if (status == INV_OK && text)
 *         with.arch = text;
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_ARCH_H
#define INVPROJ_FORMAT_ARCH_H

#include "format/format.h"

/* Whether a net fits on images of that shape. */
typedef inv_status inv_try_shape(void *context, inv_shape shape, bool *fits);

/* The square images of one channel, or else three, that fit: those of a usual size, or else of the only
 * one. `tries` is how often it may be tried: where that is less than all sizes take, the usual ones are.
 * INV_EFORMAT: none fit, or several. */
INV_MUST_CHECK inv_status inv_find_shape(const char *file, inv_try_shape *fits, void *context,
                                         size_t tries, inv_shape *out);
/* Tells the model's owner. */
void inv_note_shape(inv_model *model, inv_shape shape);

/* Where `how->arch` is an experiment, or its network, the same as the format's importer takes it; else
 * *text is NULL. The caller frees. */
INV_MUST_CHECK inv_status inv_arch_of_experiment(const inv_tree *tree, const inv_format *format,
                                                 const inv_import *how, inv_model *model,
                                                 char **text);

#endif
