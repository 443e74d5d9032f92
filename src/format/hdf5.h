/* hdf5.h - HDF5 files of strangers that are no run files, as part of a stream; and the pieces of one
 * that other formats need too. All of it runs in the process that may come to harm.
 *
 *     INV_TRY(inv_stream_start(to, false, "keras"));
 *     INV_TRY(inv_text_send("/config.json", "text", json, length, to));
 *     INV_TRY(inv_hdf5_send("net.keras", "/model.weights.h5", bytes, size, SIZE_MAX, to));
 *     INV_TRY(inv_stream_end(to));
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_HDF5_H
#define INVPROJ_HDF5_H

#include <stdbool.h>

#include "invproj/stream.h"

/* Whether a file that begins with these bytes is HDF5, perhaps behind a user block. */
bool inv_hdf5_is(const unsigned char *first, size_t size);

/* All that the HDF5 file of `size` bytes holds, but its optimiser's state and arrays of more than
 * `array_max` bytes, each path behind `prefix`. INV_EFORMAT where it is damaged, or something in it
 * leads to another file. */
INV_MUST_CHECK inv_status inv_hdf5_send(const char *name, const char *prefix, unsigned char *bytes,
                                        size_t size, uint64_t array_max, const inv_sink *to);

/* The start of a stream and, of a model, the row of its format; its end. */
INV_MUST_CHECK inv_status inv_stream_start(const inv_sink *to, bool is_sealed, const char *format);
INV_MUST_CHECK inv_status inv_stream_end(const inv_sink *to);

/* A group with one attribute, a text. INV_EFORMAT: too long, or with a NUL in it. */
INV_MUST_CHECK inv_status inv_text_send(const char *path, const char *attribute,
                                        const unsigned char *text, size_t size, const inv_sink *to);

#endif
