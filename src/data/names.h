/* names.h - what the classes of a data set are called.
 *
 *     status = inv_names_read("data/emnist", "emnist-letters", NULL, data);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_NAMES_H
#define INVPROJ_NAMES_H

#include "invproj/dataset.h"

/* Gives data->class_names the names of data->classes classes: of classes.txt in `folder`, else of
 * EMNIST's mapping (STEM-mapping.txt: a line a class, its number and the code points that it stands
 * for, of which the first names it), else of Kuzushiji's (STEM_classmap.csv: number, code point,
 * character), else of `known` (a line each, or NULL); none where none of them is there. `folder` is
 * NULL where there is none. A class that a mapping leaves out has its number for a name. INV_EIO;
 * INV_EDATA: names that cannot be kept, or not as many as classes.txt must have. */
INV_MUST_CHECK inv_status inv_names_read(const char *folder, const char *stem, const char *known,
                                         inv_dataset *data);

#endif
