/* sketch.h - a net while an importer describes it, layer by layer, and where its parameters come
 * from. What comes out are the same settings that an experiment file has, and a net built of them.
 *
 * A place is where a layer ends: its name, and the shape of what is there. Layers take places, so
 * that a graph is as easily said as a chain.
 *
 *     inv_place at = inv_sketch_input(sketch, (inv_shape){28, 28, 1});
 *     status = inv_sketch_add(sketch, "dense_1", "",
 *                             json_pack("{ss si}", "type", "dense", "units", 30), &at, 1, &at);
 *     status = status ? status : inv_sketch_block(sketch, &at, "kernel", array, NULL, NULL);
 *     status = status ? status : inv_sketch_build(sketch, &net);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SKETCH_H
#define INVPROJ_SKETCH_H

#include <jansson.h>

#include "invproj/net.h"
#include "invproj/tree.h"

typedef struct inv_sketch inv_sketch;

typedef struct inv_place {
    char name[INV_NAME_MAX]; /* "": the input */
    inv_shape shape;
} inv_place;

/* Of the model in that file. */
INV_MUST_CHECK inv_status inv_sketch_alloc(const inv_tree *tree, inv_sketch **out);
void inv_sketch_free(inv_sketch *sketch);

/* Counts values that are read and made on the way to a net, all together: a small file can ask for any
 * number of them, by arithmetic of constants or by layers that share what is stored once. INV_EFORMAT:
 * too many for what the file holds. */
INV_MUST_CHECK inv_status inv_sketch_spend(inv_sketch *sketch, size_t values);

/* Where the user says the layers that are added from now on, for messages: "net.arch.txt:3", in place of
 * the file; "": nowhere. */
void inv_sketch_at(inv_sketch *sketch, const char *where);

/* Says the shape of the images; once, first. */
inv_place inv_sketch_input(inv_sketch *sketch, inv_shape shape);

/* Adds a layer after `count` places. `settings` is its type and keys, taken over, even NULL. It is
 * named `name`, or like it, where that is taken or cannot be a name, with `ending` behind: "", or for
 * a layer without parameters that belongs to another, a dot and at most six letters (".act"). *out
 * says how it is named, and what shape comes out. INV_EFORMAT: no such layer, settings that it has
 * not, or that do not fit. `out` may be `from`. */
INV_MUST_CHECK inv_status inv_sketch_add(inv_sketch *sketch, const char *name, const char *ending,
                                         json_t *settings, const inv_place *from, size_t count,
                                         inv_place *out);

/* Says where the parameters `block` of the layer that ends at `at` come from: the array, or what
 * `fill` makes of it into as many floats as the block has. `context` must live until the net is built,
 * and is not freed. `array` may be NULL where `fill` is not. INV_EFORMAT: another number of values. */
typedef inv_status (*inv_sketch_fill)(const void *context, const inv_tree_array *array, float *out,
                                      size_t count);
INV_MUST_CHECK inv_status inv_sketch_block(inv_sketch *sketch, const inv_place *at,
                                           const char *block, const inv_tree_array *array,
                                           inv_sketch_fill fill, const void *context);

/* Memory that lives as long as the sketch. */
INV_MUST_CHECK inv_status inv_sketch_keep(inv_sketch *sketch, size_t count, size_t size,
                                          void **out);

/* Builds the net that ends at `last`, named "output" from now on, with all parameters filled in. The
 * caller frees. INV_EDATA: some that are not finite. */
INV_MUST_CHECK inv_status inv_sketch_build(inv_sketch *sketch, const inv_place *last,
                                           inv_net **out);

/* Whether the net that ends at `last` has parameters as many as the arrays that were said for them
 * have; it can be built no more. INV_EFORMAT: it has not. */
INV_MUST_CHECK inv_status inv_sketch_fits(inv_sketch *sketch, const inv_place *last);

#endif
