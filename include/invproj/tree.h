/* tree.h - what a file holds, in memory: arrays and attributes by their paths, as a stream told them
 * (stream.h).
 *
 * The reading process sends a model file of any format as one stream; the program keeps it here, and
 * an importer takes from it what it needs. So does who wants no more than attributes of a run file. Sizes are those that the stream was checked for; values
 * are whatever the file's maker wrote.
 *
 *     inv_tree *tree = NULL;
 *     const inv_tree_array *kernel = NULL;
 *     status = inv_tree_alloc("model.h5", &tree);
 *     status = status ? status : inv_tree_add(tree, "", &source);
 *     kernel = inv_tree_find(tree, "/model_weights/dense/dense/kernel:0");
 *     inv_tree_free(tree);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TREE_H
#define INVPROJ_TREE_H

#include "invproj/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_tree inv_tree;

/* Values of an array or attribute, little-endian, row-major. */
typedef struct inv_tree_array {
    char kind;   /* 'u', 'i', 'f', 'o' (bytes), 's', 't' as in a stream; 0: none, it is a group */
    size_t size; /* bytes of a value */
    size_t rank;
    size_t dims[32];
    size_t count;       /* values */
    const void *values; /* of 't': char *[count] */
} inv_tree_array;

/* An empty one; `name`, of the file, is for messages. The caller frees. */
INV_MUST_CHECK inv_status inv_tree_alloc(const char *name, inv_tree **out);
void inv_tree_free(inv_tree *tree);

/* Adds what a stream tells, every path behind `prefix`: "" for the file itself, "/NAME" for another
 * file that belongs to it. INV_EFORMAT: what a stream must not say, or as inv_stream_fail was told;
 * INV_ENOMEM; or what `from` fails with. */
INV_MUST_CHECK inv_status inv_tree_add(inv_tree *tree, const char *prefix, inv_source *from);

/* INV_EFORMAT where the tree is not that of a run file, or of one of a newer format. */
INV_MUST_CHECK inv_status inv_tree_check_run(const inv_tree *tree);

/* The name of the file; the format that the first stream said it has, "" where it said none. */
const char *inv_tree_name(const inv_tree *tree);
const char *inv_tree_format(const inv_tree *tree);

/* Whether the first stream said that the file was sealed; a model of another program never is. */
bool inv_tree_is_sealed(const inv_tree *tree);

/* Groups and arrays, ordered by path. */
size_t inv_tree_count(const inv_tree *tree);
const char *inv_tree_path(const inv_tree *tree, size_t i);
bool inv_tree_has(const inv_tree *tree, const char *path);

/* Values of all arrays together. */
size_t inv_tree_values(const inv_tree *tree);

/* The array at `path`; NULL where there is none. */
const inv_tree_array *inv_tree_find(const inv_tree *tree, const char *path);
/* The attribute of the group or array at `path`; NULL where there is none. */
const inv_tree_array *inv_tree_attribute(const inv_tree *tree, const char *path, const char *name);
/* Value i of an attribute of texts, of either kind; *text is the caller's to free, NULL where there
 * is no such text. */
INV_MUST_CHECK inv_status inv_tree_text(const inv_tree *tree, const char *path, const char *name,
                                        size_t i, char **text);

/* An attribute of one float; *value stays where there is none, false. */
bool inv_tree_real(const inv_tree *tree, const char *path, const char *name, double *value);

/* Numbers of any kind as floats; bytes of two are bfloat16. INV_EFORMAT: texts. */
INV_MUST_CHECK inv_status inv_tree_floats(const inv_tree_array *array, float *out);

/* What the file held that the tree does not, in one line; NULL where that is nothing. */
const char *inv_tree_left_out(const inv_tree *tree);

#ifdef __cplusplus
}
#endif
#endif
