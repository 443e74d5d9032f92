/* stream.h - what a file holds, as a plain sequence of groups, arrays and attributes: the way from
 * a process that may come to harm to one that must not.
 *
 * HDF5 is not safe on hostile bytes: it may crash, hang, or ask for any memory, when a file is
 * opened or long after. So a program that is given files by strangers reads them in a process of its
 * own, without rights and under limits, and takes from that process nothing but this stream, every
 * number of which is checked before it is believed. The program's own HDF5 never sees a foreign
 * byte: the run it goes on with is one that it has built itself. (The library starts no process;
 * src/cli/reader.c is how one may.)
 *
 *     in the process that may come to harm:
 *         status = inv_stream_send("run.h5", bytes, size, SIZE_MAX, &sink);
 *         if (status != INV_OK)
 *             status = inv_stream_fail(&sink, status, inv_error_message());
 *     in the other:
 *         inv_source source = {read_from_it, &it, inv_stream_most(size)};
 *         status = inv_run_from_stream("run.h5", INV_STREAM_TO_SAVE, &source, &run);
 *
 * The stream. All numbers are little-endian. A TEXT is its length as u32, and so many bytes, none
 * of them NUL. It is records, each with its kind as the first byte:
 *
 *     'S'  u8 version (1), u8 1 (or 0: not) sealed      the start
 *     'M'  TEXT format                                  of a model file: a row of the formats' table
 *     'G'  TEXT path                                    a group; "/" is the first
 *     'D'  TEXT path, u8 storage, HEAD                  an array (inv_run_storage; 3: one that grows)
 *     'B'  u64 size, so many bytes                      the array's next rows, whole ones
 *     'A'  TEXT name, HEAD, u64 size, so many bytes     an attribute of the group or array named last
 *     'L'  TEXT what, TEXT why                          something that the stream cannot say
 *     'E'                                               the end
 *     'F'  u8 inv_status, TEXT message                  the end, too soon: the file is no good
 *
 *     HEAD is u8 type, u8 flags, u32 bytes of a value, u8 rank, u64 each of so many sizes.
 *     Types: 'u' whole numbers from 0 on (of 1, 2, 4 or 8 bytes), 'i' whole numbers, 'f' IEEE floats
 *     (2, 4 or 8), 'o' bytes (2), 's' texts of that many bytes, 't' texts of any length (0 bytes; each value is a
 *     TEXT). Flags, of texts: 1 UTF-8, 2 filled up with NUL, 4 with blanks. Rank 255: no value at
 *     all, HDF5's null space.
 *
 * A group comes before what is in it. The blocks that follow an array make up all of it, but for an
 * array of no values, which has none. Nothing here is particular to HDF5: other model files can be
 * said the same way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_STREAM_H
#define INVPROJ_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "invproj/run.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a stream goes: `write` takes all bytes or fails. */
typedef struct inv_sink {
    inv_status (*write)(void *context, const void *bytes, size_t size);
    void *context;
} inv_sink;

/* Where one comes from: `read` gives exactly so many bytes or fails. */
typedef struct inv_source {
    inv_status (*read)(void *context, void *bytes, size_t size);
    void *context;
    uint64_t left;  /* bytes that may still come: what says more than that is refused */
    bool is_at_end; /* becomes true behind the end of a stream, 'E' or 'F' */
} inv_source;

/* Sends the run file of `size` bytes, which stay the caller's, but for arrays of more than
 * `array_max` bytes (0: attributes, and of arrays only the times of histories). `name` is for messages. INV_EFORMAT: no run file, a
 * damaged one, or one whose arrays claim to be larger than it can hold; or what `to` fails with. */
INV_MUST_CHECK inv_status inv_stream_send(const char *name, unsigned char *bytes, size_t size,
                                          uint64_t array_max, const inv_sink *to);

/* Ends a stream too soon: the other side fails with this. */
INV_MUST_CHECK inv_status inv_stream_fail(const inv_sink *to, inv_status why, const char *message);

/* The length of the longest stream that is taken for a file of `size` bytes. */
uint64_t inv_stream_max(uint64_t size);

typedef enum inv_stream_purpose {
    INV_STREAM_TO_SAVE, /* arrays are stored as they were */
    INV_STREAM_TO_READ  /* nothing is packed: the sooner there */
} inv_stream_purpose;

/* Builds a run of the stream of the file `name`; the caller frees. INV_EFORMAT: what a stream must
 * not say, not a run file, or as inv_stream_fail was told; INV_ENOMEM; or what `from` fails with.
 * Nothing behind the stream's end is read. */
INV_MUST_CHECK inv_status inv_run_from_stream(const char *name, inv_stream_purpose purpose,
                                              inv_source *from, inv_run **out);

/* What the run file held that the run does not, in one line: "/a/b (compound values) and 3 more";
 * NULL where that is nothing. It is lost when the run is saved. */
const char *inv_run_left_out(const inv_run *run);

#ifdef __cplusplus
}
#endif
#endif
