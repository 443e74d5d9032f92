/* values.h - the values of a stream as HDF5 knows them: their types, and arrays row by row.
 *
 * Both sides of a stream stand on this: the one that reads a stranger's file, and the one that
 * builds a file of its own.
 *
 *     inv_value_head head;
 *     const char *why = inv_value_classify(H5Dget_type(array), &head);   NULL: it can be said
 *     hid_t type = inv_value_type(&head);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_VALUES_H
#define INVPROJ_VALUES_H

#include <hdf5.h>

#include "format/record.h"

/* What a value of that type is called in a stream: fills the head's kind, flags and size. Returns
 * NULL, or what the type is where a stream has no word for it ("compound values"). */
const char *inv_value_classify(hid_t stored, inv_value_head *head);

/* The HDF5 type of such values, little-endian, in files and in memory; the caller closes it. */
hid_t inv_value_type(const inv_value_head *head);

/* The rows of an array, along its first axis; one where there is no axis. Bytes of a row; 0: of no
 * values. Only for heads whose size does not overflow. */
uint64_t inv_value_rows(const inv_value_head *head);
uint64_t inv_value_row_bytes(const inv_value_head *head);

/* Reads or writes `rows` of them, from number `first` on. */
herr_t inv_value_read_rows(hid_t array, const inv_value_head *head, uint64_t first, uint64_t rows,
                           void *values);
herr_t inv_value_write_rows(hid_t array, const inv_value_head *head, uint64_t first, uint64_t rows,
                            const void *values);

#endif
