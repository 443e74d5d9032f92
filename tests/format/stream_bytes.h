/* stream_bytes.h - a stream that is kept in memory: what a process for strangers' files would send.
 *
 *     stream_bytes s = {0};
 *     const inv_sink sink = stream_bytes_sink(&s);
 *     status = inv_model_send(name, bytes, size, SIZE_MAX, &sink);
 *     inv_source source = stream_bytes_source(&s);
 *     status = inv_tree_add(tree, "", &source);
 *     free(s.data);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_STREAM_BYTES_H
#define INVPROJ_TESTS_STREAM_BYTES_H

#include "invproj/stream.h"

typedef struct stream_bytes {
    unsigned char *data; /* the caller's to free */
    size_t size, at;
} stream_bytes;

inv_sink stream_bytes_sink(stream_bytes *s);
inv_source stream_bytes_source(stream_bytes *s);

#endif
