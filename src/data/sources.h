/* sources.h - where the arrays of a data set are: files in a folder, or members of a .npz archive.
 *
 *     inv_sources *sources = NULL;
 *     inv_idx *images = NULL;
 *     status = inv_sources_open("data/emnist", "emnist-letters", &sources);
 *     if (status == INV_OK)
 *         status = inv_sources_read(sources, INV_TRAIN_IMAGES, &images);
 *     inv_sources_close(sources);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SOURCES_H
#define INVPROJ_SOURCES_H

#include "invproj/dataset.h"

/* Beyond the four that every data set has. */
enum { INV_VALIDATION_IMAGES = INV_DATA_FILES, INV_VALIDATION_LABELS, INV_SOURCES };

typedef struct inv_sources inv_sources;

/* Finds them in `path`. In a folder they have MNIST's usual names, else any that say what they are
 * (roles in sources.c), which must begin with `files` where that is not "". INV_EIO: nothing is
 * there, or one of the four is missing, or several files may be it. The caller closes. */
INV_MUST_CHECK inv_status inv_sources_open(const char *path, const char *files, inv_sources **out);
void inv_sources_close(inv_sources *sources);

const char *inv_sources_path(const inv_sources *sources);
bool inv_sources_is_archive(const inv_sources *sources);

/* Whether there is such a one; the four of inv_dataset are always there. */
bool inv_sources_has(const inv_sources *sources, int which);
/* Its name, and the whole of where it is, for messages: "x_train", "data/mnist.npz: x_train". */
const char *inv_sources_name(const inv_sources *sources, int which);
const char *inv_sources_where(const inv_sources *sources, int which);
/* What the name of the training images begins with: "emnist-letters"; "" for the usual names. */
const char *inv_sources_stem(const inv_sources *sources);

/* As inv_array_read; the caller frees. */
INV_MUST_CHECK inv_status inv_sources_read(inv_sources *sources, int which, inv_idx **out);

#endif
