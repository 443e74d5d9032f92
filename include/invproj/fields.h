/* fields.h - tables that say which keys a group of a configuration may have.
 *
 * A table of inv_field says, for one C struct, which keys there may be, of what type and range, and
 * where each goes; the same table reads them (config.h), reads and writes JSON, and prints help
 * (help.h). A key that no table names is an error that suggests the nearest one.
 *
 *     struct data { char folder[INV_TEXT_MAX]; size_t validation; } d = {"data/mnist", 0};
 *     static const inv_field fields[] = {
 *         {"folder", INV_FIELD_TEXT, offsetof(struct data, folder)},
 *         {"validation", INV_FIELD_SIZE, offsetof(struct data, validation), .high = 1e9},
 *         {0}};
 *     status = inv_config_group(config, "data", fields, &d);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FIELDS_H
#define INVPROJ_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;
typedef struct inv_config inv_config; /* config.h */

#define INV_NAME_MAX 64   /* bytes of an INV_FIELD_NAME, NUL included */
#define INV_TEXT_MAX 256  /* bytes of an INV_FIELD_TEXT, NUL included */
#define INV_JSON_MAX 2048 /* bytes of an INV_FIELD_JSON, NUL included */
#define INV_LIST_MAX 1024

/* What an INV_FIELD_SIZES field points at. */
typedef struct inv_sizes {
    size_t count;
    size_t values[INV_LIST_MAX];
} inv_sizes;

/* What an INV_FIELD_REALS field points at. */
typedef struct inv_reals {
    size_t count;
    double values[INV_LIST_MAX];
} inv_reals;

/* What an INV_FIELD_RANGE field points at: one number (low == high) or a list of two. */
typedef struct inv_range {
    double low, high;
} inv_range;

typedef enum inv_field_type {
    INV_FIELD_SIZE,  /* size_t, from low to high, which is 2^53 at most; never rounded */
    INV_FIELD_REAL,  /* double, from low to high */
    INV_FIELD_BOOL,  /* bool */
    INV_FIELD_NAME,  /* char[INV_NAME_MAX]: letters, digits, '_', '-', '.'; one of `choices` where
                        given */
    INV_FIELD_TEXT,  /* char[INV_TEXT_MAX]: any printable text */
    INV_FIELD_JSON,  /* char[INV_JSON_MAX]: any list, kept as JSON text; "" where there is none */
    INV_FIELD_SIZES, /* inv_sizes, each from low to high */
    INV_FIELD_REALS, /* inv_reals, each from low to high */
    INV_FIELD_RANGE, /* inv_range, each from low to high */
    INV_FIELD_GROUP, /* a struct inside, described by `group` */
    INV_FIELD_LIST,  /* a size_t, and at `items` as many structs, at most `high`, each described by
                        `group` */
    INV_FIELD_PART, /* the keys of a struct inside, described by `group`, which stand among those of
                        this table; its own key is "" */
    INV_FIELD_OTHER /* a key that is read elsewhere */
} inv_field_type;

/* One of the words that a key may be, and in a line what it means; NULL where that is told elsewhere.
 */
typedef struct inv_choice {
    const char *name, *help;
} inv_choice;

/* A word that a key could once be, and what is said now instead. */
typedef struct inv_former {
    const char *name, *now;
} inv_former;

/* What a key decides, and so what a run may change when it goes on. */
typedef enum inv_affects {
    INV_AFFECTS_STAGE,  /* what its group makes: the default */
    INV_AFFECTS_LENGTH, /* how long its group goes on: it may get longer */
    INV_AFFECTS_NOTHING /* no result: a title, a picture's zoom, where the data are */
} inv_affects;

/* One key of a group; a table ends with an entry whose key is NULL. */
typedef struct inv_field {
    const char *key;
    inv_field_type type;
    size_t offset; /* in the struct that the table describes */
    double low, high;
    bool required;
    const char *help;
    const inv_choice *choices; /* ends with one whose name is NULL */
    const inv_former *former;  /* read as what they are called now; likewise; NULL: none */
    const char *topic; /* what help calls them together: "optimisers"; NULL: no topic of its own */
    /* For INV_FIELD_GROUP: its table, which may depend on the value of the group's key "type"
     * ("" where it has none); NULL from the function where no such type exists. A struct that has
     * types begins with the name of its own. */
    const struct inv_field *(*group)(const char *type);
    /* For INV_FIELD_GROUP, or NULL: where the group names another type than it would have, what is
     * not said starts as that type's defaults, which this writes over the struct. */
    void (*start)(const char *type, void *out);
    /* For INV_FIELD_PART, which has the same two: the key of this table that names the type. NULL:
     * there are no types. What `start` writes is INV_PART_MAX bytes at most. */
    const char *by;
    /* For INV_FIELD_LIST: where the structs stand, their size, and what each is before it is read.
     */
    size_t items, item_size;
    const void *item_default;
    inv_affects affects;
    bool optional; /* INV_FIELD_NAME with choices: "" stands for none of them */
    bool quiet;    /* a layer's key that its description leaves out where it has its default */
} inv_field;

#define INV_PART_MAX 8192

/* A table and the struct it fills; several of them may share one group. */
typedef struct inv_field_set {
    const inv_field *fields;
    void *out;
} inv_field_set;

/* Fills the structs of `sets` from the group at `path` ("" is the root). What is not there keeps
 * its value (the default). INV_ECONFIG names file, line, key and what is allowed. */
INV_MUST_CHECK inv_status inv_config_sets(const inv_config *config, const char *path,
                                          const inv_field_set *sets, size_t count);
/* The same for one table. */
INV_MUST_CHECK inv_status inv_config_group(const inv_config *config, const char *path,
                                           const inv_field *fields, void *out);

/* Whether a struct that was not read by one of the above holds what it could: INV_EINVAL names the
 * key, below `where`, and what is allowed. Keys that are missing are no matter, nor is what the
 * types of its groups do not have. */
INV_MUST_CHECK inv_status inv_fields_check(const inv_field *fields, const void *in,
                                           const char *where);

/* Adds what `in` holds to the JSON object, key by key. */
INV_MUST_CHECK inv_status inv_fields_write(const inv_field *fields, const void *in,
                                           struct json_t *object);

#ifdef __cplusplus
}
#endif
#endif
