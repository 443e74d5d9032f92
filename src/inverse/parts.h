/* parts.h - what inverses are built of: layers in JSON, those that bring values to mean 0 and
 * variance 1, and those that end images where pixels end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_INVERSE_PARTS_H
#define INVPROJ_SRC_INVERSE_PARTS_H

#include "invproj/dataset.h"
#include "invproj/net.h"

struct json_t;

/* The list of layers that leads from `point` down to the input, as the layers' own mirrors have it;
 * INV_ECONFIG where the net branches, or a layer has none. */
INV_MUST_CHECK inv_status inv_parts_mirror(const inv_mirror *how, const inv_net *net, size_t point,
                                           struct json_t *list);
/* INV_ECONFIG where the list is empty: nothing changes the image up to the point. */
INV_MUST_CHECK inv_status inv_parts_check_steps(const struct json_t *list, const inv_net *net,
                                                size_t point);
/* Frozen blocks of the inverse's first `count` layers become the net's own of the same name. */
void inv_parts_copy_frozen(const inv_net *net, size_t count, inv_net *inverse);

/* INV_ECONFIG where the net branches between the points. */
INV_MUST_CHECK inv_status inv_parts_check_chain(const inv_net *net, size_t first, size_t point);

/* "inverse.at: conv1 is a conv2d layer, which has no inverse by weights (why); ...". INV_ECONFIG. */
inv_status inv_inverse_refuse(const inv_layer *layer);

/* Appends `step`, taken over, even NULL. */
INV_MUST_CHECK inv_status inv_parts_add(struct json_t *layers, struct json_t *step);

/* The net of the list, for rows of that shape; `where` stands in messages. At most as many
 * parameters as memory holds. */
INV_MUST_CHECK inv_status inv_parts_build(const struct json_t *layers, inv_shape shape,
                                          const char *where, inv_net **out);

/* A step named after the owner of the layer, with `ending`; the caller's, NULL without memory. */
struct json_t *inv_parts_named(const inv_layer *layer, const char *ending, const char *type);
/* "NAME.size" makes an image as high and wide as what the layer took, which no stride and padding says in
 * every case; each pixel is that of the nearest. "NAME.shape" makes an image of that shape of any values. */
INV_MUST_CHECK inv_status inv_parts_enlarge(const inv_layer *layer, struct json_t *list);
INV_MUST_CHECK inv_status inv_parts_make_image(const inv_layer *layer, inv_shape shape,
                                               struct json_t *list);

/* "values": y = (x - mean) / deviation of each value, 0 of one that does not vary; what they are is
 * put in by inv_parts_standardise. Then, where the values are an image, "place", which makes them
 * one again. */
INV_MUST_CHECK inv_status inv_parts_start(struct json_t *layers, const inv_net *net, size_t point);
/* How many layers stand before "values". */
size_t inv_parts_before_values(const inv_net *inverse);
INV_MUST_CHECK inv_status inv_parts_standardise(const inv_net *net, size_t point,
                                                const inv_part *part, inv_net *inverse);

/* "range", "clip", "image": y = x within the range of pixels, and its ends beyond; the
 * range is put in by inv_parts_set_range. */
INV_MUST_CHECK inv_status inv_parts_end(struct json_t *layers);
void inv_parts_set_range(const inv_pixels *pixels, inv_net *inverse);
/* The point where those layers start: what learning looks at. */
size_t inv_parts_unclipped(const inv_net *inverse);

#endif
