/* pickle.h - what Python's pickle left in a file, as a tree of plain values. Nothing is executed.
 *
 * A pickle is a program for a stack machine: it makes values, names things that Python would
 * import, and calls them. Here a name stays a name, and a call a node that says what would have been
 * called with what; the caller knows the few that it wants (torch.c). So a pickle can do no more
 * than fill memory, and that only in proportion to its own length: every instruction makes one
 * value at most.
 *
 *     inv_pickle *pickle = NULL;
 *     status = inv_pickle_read("net.pt", bytes, size, refusal, &pickle);
 *     if (status == INV_OK)
 *         root = inv_pickle_root(pickle);
 *     inv_pickle_free(pickle);
 *
 * Instructions of protocols 0 to 5 that save values of Python's own types are known, but for those
 * of protocol 0 that write numbers and texts as lines. Source: CPython, Lib/pickletools.py.
 *
 * The values may form any graph, loops included: whoever walks it needs a limit of its own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_PICKLE_H
#define INVPROJ_FORMAT_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "invproj/status.h"

typedef enum inv_pickle_kind {
    INV_PICKLE_NONE,
    INV_PICKLE_BOOL,
    INV_PICKLE_INT,  /* of 64 bits */
    INV_PICKLE_LONG, /* a longer one, whose value is not kept */
    INV_PICKLE_REAL,
    INV_PICKLE_TEXT,
    INV_PICKLE_BYTES,
    INV_PICKLE_LIST,
    INV_PICKLE_TUPLE,
    INV_PICKLE_SET,
    INV_PICKLE_DICT,   /* items: key, value, key, value, ... */
    INV_PICKLE_GLOBAL, /* text: "module name" */
    INV_PICKLE_CALL,   /* items: what was called, its arguments (a tuple) and, where given, a state;
                             then what was put into the result, as in a dict */
    INV_PICKLE_PERSISTENT /* items: an id, which means something to the file's maker */
} inv_pickle_kind;

typedef struct inv_pickle_value inv_pickle_value;
struct inv_pickle_value {
    inv_pickle_kind kind;
    bool has_state;  /* of a call */
    int64_t integer; /* also of a bool */
    double real;
    const char *text; /* texts, bytes and globals: `length` bytes, and a NUL behind them */
    size_t length;
    inv_pickle_value **items;
    size_t count, capacity;
};

typedef struct inv_pickle inv_pickle;

/* Why a pickle may not mention a name, and what to do about it; NULL: it may. */
typedef const char *inv_pickle_refusal(const char *global);

/* Reads the pickle at the beginning of `bytes`. INV_EFORMAT: none, an instruction that is not known
 * or breaks off, a stack that is not as it must be, a name that is refused;
 * INV_ENOMEM. `name` is for messages. The caller frees *out, which keeps nothing of `bytes`. */
INV_MUST_CHECK inv_status inv_pickle_read(const char *name, const unsigned char *bytes, size_t size,
                                          inv_pickle_refusal *refusal, inv_pickle **out);
void inv_pickle_free(inv_pickle *pickle);

const inv_pickle_value *inv_pickle_root(const inv_pickle *pickle);
size_t inv_pickle_size(const inv_pickle *pickle); /* bytes that it took */

/* The value of a text key in a dict, or in what a call made and filled (an OrderedDict); NULL. */
const inv_pickle_value *inv_pickle_get(const inv_pickle_value *dict, const char *key);
/* The i-th key and value of such a one; false beyond the last, or where it is none. */
bool inv_pickle_item(const inv_pickle_value *dict, size_t i, const inv_pickle_value **key,
                     const inv_pickle_value **value);
/* Whether it is a text, or a name, of just these characters. */
bool inv_pickle_is(const inv_pickle_value *value, inv_pickle_kind kind, const char *text);
/* The argument `i` of a call of `global`; NULL where it is none or has fewer. */
const inv_pickle_value *inv_pickle_argument(const inv_pickle_value *call, const char *global,
                                            size_t i);

#endif
