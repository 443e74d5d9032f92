/* The kind of inverse that has r2rt's layers without what hurts there: biases of its own in place of
 * the net's, no penalty on ranges, images that end where pixels end, and Adam on all images.
 *
 * Measured on r2rt's net, from the second hidden layer, by L1 per pixel after 3,000 steps of 250: squash
 * and logit between the layers 0.0542, cut-off and logit 0.0563, nothing at all 0.0586, a sigmoid
 * 0.0618. So r2rt's squash and logit stay: what hurt was all else.
 *
 * A convolution becomes a transposed one, pooling enlarges, flattening makes an image again.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <jansson.h>

#include "inverse/descent.h"
#include "inverse/kind.h"
#include "inverse/loss.h"
#include "inverse/parts.h"

static const inv_field fields[] = {
    {"squash", INV_FIELD_REAL, offsetof(inv_inverse_spec, squash), 1e-6, 0.999999,
     .help = "fraction of an activation's range into which estimates of its values are scaled"},
    INV_DESCENT_FIELDS,
    {0}};

/* ---- layers with a mirror of this kind's own ---- */

static inv_status make_image(const inv_layer *layer, json_t *list)
{
    return inv_parts_make_image(layer, layer->in, list);
}

/* Over an image of the size that it is to have, from pixel to pixel. */
static inv_status convolve_back(const inv_layer *layer, json_t *list)
{
    const inv_block *kernel = &layer->blocks[0];
    const bool same = layer->in.height == layer->out.height && layer->in.width == layer->out.width;
    json_t *step = inv_parts_named(layer, "", "conv2d_transpose");
    json_t *rest =
        json_pack("{sI sI sI si ss s{ss}}", "filters", (json_int_t)layer->in.channels, "height",
                  (json_int_t)kernel->dims[0], "width", (json_int_t)kernel->dims[1], "stride", 1,
                  "padding", "same", "kernel", "type", "glorot_uniform");
    const bool good = step && rest && json_object_update(step, rest) == 0;
    inv_status status = same ? INV_OK : inv_parts_enlarge(layer, list);
    json_decref(rest);
    if (status == INV_OK)
        return inv_parts_add(list, good ? step : NULL);
    json_decref(step);
    return status;
}

static inv_status nothing(const inv_layer *layer, json_t *list)
{
    (void)layer, (void)list;
    return INV_OK;
}

static const struct {
    const char *type;
    inv_status (*mirror)(const inv_layer *layer, json_t *list);
} own[] = {{"conv2d", convolve_back},
           {"max_pool", inv_parts_enlarge},
           {"avg_pool", inv_parts_enlarge},
           {"global_avg_pool", inv_parts_enlarge},
           {"global_max_pool", inv_parts_enlarge},
           {"flatten", make_image},
           {"batch_norm", nothing}};

/* ---- building ---- */

/* inverse_dense, but for its bias, is dense. */
static inv_status add_step(json_t *step, json_t *list)
{
    const char *type = json_string_value(json_object_get(step, "type"));
    if (strcmp(type, "inverse_dense") != 0)
        return inv_parts_add(list, json_incref(step));
    return inv_parts_add(list, json_pack("{ss ss sO s{ss}}", "name",
                                         json_string_value(json_object_get(step, "name")), "type",
                                         "dense", "units", json_object_get(step, "units"), "kernel",
                                         "type", "glorot_uniform"));
}

static inv_status add_mirror(const inv_mirror *how, const inv_layer *layer, bool last, json_t *list)
{
    json_t *steps = json_array(), *step = NULL;
    size_t i = 0;
    inv_status status = INV_OK;
    for (size_t k = 0; k < sizeof own / sizeof *own; k++)
        if (strcmp(layer->type->name, own[k].type) == 0)
            INV_RAISE(own[k].mirror(layer, list));
    if (!layer->type->mirror)
        INV_RAISE(inv_inverse_refuse(layer));
    INV_TRY(layer->type->mirror(layer, how, last, steps));
    json_array_foreach(steps, i, step) INV_TRY(add_step(step, list));
done:
    json_decref(steps);
    return status;
}

/* An activation at the point itself has nothing to undo: what comes next takes any values. */
static inv_status build(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                        inv_net **out)
{
    const inv_mirror how = {{"glorot_uniform", 0.0, 0.0}, spec->squash, 0.0};
    const bool skips = point > 1 && inv_net_layer(net, point - 1)->type->one_to_one;
    json_t *list = json_array();
    inv_status status = INV_OK;
    INV_TRY(inv_parts_check_chain(net, 0, point));
    INV_TRY(inv_parts_start(list, net, point));
    for (size_t p = skips ? point - 1 : point; p-- > 0;)
        INV_TRY(add_mirror(&how, inv_net_layer(net, p), p == 0, list));
    INV_TRY(inv_parts_end(list));
    INV_TRY(inv_parts_build(list, (inv_shape){1, 1, inv_net_units(net, point)}, "inverse", out));
    if (inv_net_units(*out, inv_net_depth(*out)) != inv_net_units(net, 0))
        INV_FAIL(INV_ECONFIG,
                 "inverse.at: from %s the layers the other way round lead to %zu values, not to an "
                 "image; take kind = \"decoder\"",
                 inv_net_point_name(net, point), inv_net_units(*out, inv_net_depth(*out)));
done:
    if (status != INV_OK) {
        inv_net_free(*out);
        *out = NULL;
    }
    json_decref(list);
    return status;
}

static const inv_inverse_spec defaults = {
    .kind = "mirror",
    .name = "mirror",
    .steps = 4400,
    .batch = 250,
    .loss = "l1",
    .squash = 0.99,
    .optimiser = {.type = "adam", .rate = 2e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
    .schedule = {.type = "cosine", .every = 10.0, .factor = 0.1},
    .patience = 10,
};

const inv_inverse_kind inv_inverse_mirror = {
    .name = "mirror",
    .fields = fields,
    .defaults = &defaults,
    .build = build,
    .learner = inv_descent_alloc,
};
