/* image_marks.h - what makes other programs draw an array: the attributes of the HDF5 Image and Palette
 * Specification 1.2.
 *
 * Pictures are float32 arrays of [n, height, width], grey, or [n, height, width, 3], red, green and
 * blue. Grey ones say their range, without which a viewer takes that of the first image for all.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_IMAGE_MARKS_H
#define INVPROJ_IMAGE_MARKS_H

#include <hdf5.h>
#include <stddef.h>

/* Marks an array of those sizes, which holds `values`; one that no viewer could draw stays as it
 * is. Negative where HDF5 refuses. */
herr_t inv_picture_mark(hid_t array, size_t rank, const size_t *dims, const float *values);

/* Marks again what is marked in a file of format 1. Negative where HDF5 refuses. */
herr_t inv_picture_mark_again(hid_t file);

#endif
