/* hdf5_text.h - what an HDF5 file holds, read with HDF5's own functions and none of the program's.
 *
 *     static const char *const but[] = {"@created", "/seconds", NULL};
 *     char *a = hdf5_text("a/run.h5", but), *b = hdf5_text("b/run.h5", but);
 *     ck_assert_str_eq(a, b);
 *     free(a), free(b);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_HDF5_TEXT_H
#define INVPROJ_TESTS_HDF5_TEXT_H

#include <stddef.h>

/* A line each array ("/a/b float32 [20, 9, 7] crc:01234567") and attribute ("/a @b crc:12345678", or
 * its text), by names; lines with one of the texts of `but` (ends with NULL) are left out. To compare
 * files by: numbers are read with the functions below. The caller frees. */
char *hdf5_text(const char *path, const char *const *but);

/* The values of an array of floats or counts, as doubles, and its sizes; the caller frees. */
double *hdf5_values(const char *path, const char *array, size_t dims[4]);

/* A number that is an attribute. */
double hdf5_number(const char *path, const char *object, const char *attribute);

/* How many floats of all arrays and attributes are not finite; *floats: how many there are. Not
 * counted are optimisers' states, whose sums of squares may overflow and do no harm. */
size_t hdf5_not_finite(const char *path, size_t *floats);

#endif
