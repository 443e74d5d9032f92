/* record.h - the records of a stream (invproj/stream.h), one at a time: put into a sink, taken from
 * a source.
 *
 *     inv_record r = {.kind = INV_RECORD_ARRAY, .text = "/a", .head = {...}};
 *     status = inv_record_put(&sink, &r);
 *     ...
 *     status = inv_record_take(&source, &r);
 *
 * What was taken is what a stream may say: sizes that do not overflow, and bytes that can still
 * come. The values behind a block or an attribute are `bytes` long, and the caller's to put or take
 * next, all of them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_RECORD_H
#define INVPROJ_RECORD_H

#include <stdbool.h>

#include "invproj/stream.h"

#define INV_RECORD_PATH_MAX 1024 /* bytes of a path, a name or a message, its NUL included */
#define INV_RECORD_RANK_MAX 32   /* HDF5's */
#define INV_RECORD_TEXT_MAX ((uint32_t)1 << 24)
#define INV_RECORD_NULL     255 /* the rank of no value at all */

typedef enum inv_record_kind {
    INV_RECORD_START = 'S',
    INV_RECORD_FORMAT = 'M', /* of a model file: its row of the table */
    INV_RECORD_GROUP = 'G',
    INV_RECORD_ARRAY = 'D',
    INV_RECORD_BLOCK = 'B',
    INV_RECORD_ATTRIBUTE = 'A',
    INV_RECORD_LEFT_OUT = 'L',
    INV_RECORD_END = 'E',
    INV_RECORD_FAILED = 'F'
} inv_record_kind;

typedef enum inv_value_kind {
    INV_VALUE_UNSIGNED = 'u',
    INV_VALUE_SIGNED = 'i',
    INV_VALUE_FLOAT = 'f',
    INV_VALUE_OPAQUE = 'o', /* two bytes of no declared meaning: bfloat16 */
    INV_VALUE_TEXT = 's',   /* of `size` bytes */
    INV_VALUE_TEXTS = 't'   /* of any length */
} inv_value_kind;

enum { INV_VALUE_UTF8 = 1, INV_VALUE_NUL_PADDED = 2, INV_VALUE_BLANK_PADDED = 4 };

typedef enum inv_record_storage {
    INV_RECORD_PLAIN = INV_RUN_PLAIN,
    INV_RECORD_PACKED = INV_RUN_PACKED,
    INV_RECORD_IMAGES = INV_RUN_IMAGES, /* as packed: the marks come as attributes */
    INV_RECORD_GROWING                  /* of rank 1, for inv_run_append */
} inv_record_storage;

typedef struct inv_value_head {
    uint8_t kind, flags;
    uint32_t size;
    uint8_t rank; /* or INV_RECORD_NULL */
    uint64_t dims[INV_RECORD_RANK_MAX];
} inv_value_head;

typedef struct inv_record {
    uint8_t kind;
    uint8_t storage;                /* of an array */
    uint8_t version;                /* of the stream, at its start */
    uint8_t status;                 /* of a failure; at the start, whether the file was sealed */
    char text[INV_RECORD_PATH_MAX]; /* path, name, what was left out, or message */
    char why[INV_RECORD_PATH_MAX];  /* it was left out */
    inv_value_head head;            /* of an array or attribute */
    uint64_t bytes;                 /* that follow a block or an attribute */
} inv_record;

/* Whether there are values of that kind and size. */
bool inv_value_is_known(const inv_value_head *head);
/* How many values a head tells of: 0 for none at all. UINT64_MAX where that overflows. */
uint64_t inv_value_count(const inv_value_head *head);
/* The bytes of `count` of them, at least: texts of any length take four. UINT64_MAX likewise. */
uint64_t inv_value_bytes(const inv_value_head *head, uint64_t count);

INV_MUST_CHECK inv_status inv_record_put(const inv_sink *to, const inv_record *record);
INV_MUST_CHECK inv_status inv_record_take(inv_source *from, inv_record *record);

/* A text in the values of an array or attribute; what is taken is the caller's to free. */
INV_MUST_CHECK inv_status inv_record_put_text(const inv_sink *to, const char *text, size_t length);
INV_MUST_CHECK inv_status inv_record_take_text(inv_source *from, char **text);

INV_MUST_CHECK inv_status inv_record_put_bytes(const inv_sink *to, const void *bytes, size_t size);
INV_MUST_CHECK inv_status inv_record_take_bytes(inv_source *from, void *bytes, size_t size);

#endif
