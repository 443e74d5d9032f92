/* The kind of inverse that is a net of its own: layers as they are given, from the values at a point,
 * brought to mean 0 and variance 1 by the training images, to an image within the range of pixels.
 *
 * Where a layer has as many units as the one below or more, its values hold all of those of that, but a
 * decoder finds little of it: from the second hidden layer of r2rt's net it leaves twice the error that it
 * leaves from the first. With `undo` the layers down to a point are undone by pseudo-inverses first.
 *
 * Source: Dosovitskiy, Brox 2016, "Inverting Visual Representations with Convolutional Networks".
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <jansson.h>

#include "inverse/descent.h"
#include "inverse/kind.h"
#include "inverse/loss.h"
#include "inverse/parts.h"
#include "inverse/pinv.h"

static const inv_field fields[] = {
    {"layers", INV_FIELD_JSON, offsetof(inv_inverse_spec, layers), .topic = "layers",
     .help = "the layers from the values to the image; where they do not end in as many values as "
             "an image has, a dense layer that does is added"},
    {"undo", INV_FIELD_NAME, offsetof(inv_inverse_spec, undo),
     .help = "point further down: the net's own layers above it are undone first, as kind pinv "
             "does, and what is learned starts from there; empty: none are"},
    {"squash", INV_FIELD_REAL, offsetof(inv_inverse_spec, squash), 1e-6, 0.999999,
     .help = "with undo: fraction of an activation's range at whose ends estimates of its values "
             "are cut off"},
    INV_DESCENT_FIELDS,
    {0}};

/* The layers as given, alone, so that a message counts them as they were written; whether they end
 * in an image. */
static inv_status check_layers(const json_t *given, const inv_net *net, size_t point, bool *ends)
{
    json_t *list = json_array();
    inv_net *alone = NULL;
    inv_status status = INV_OK;
    size_t i = 0;
    json_t *layer = NULL;
    *ends = false;
    if (json_array_size(given) == 0)
        goto done;
    json_array_foreach(given, i, layer) INV_TRY(inv_parts_add(list, json_incref(layer)));
    INV_TRY(inv_parts_build(list, inv_net_shape(net, point), "inverse.layers", &alone));
    *ends = inv_net_units(alone, inv_net_depth(alone)) == inv_net_units(net, 0);
done:
    inv_net_free(alone);
    json_decref(list);
    return status;
}

/* The net's layers undone, which stay as they are while the rest learns. */
static inv_status list_undone(const inv_inverse_spec *spec, const inv_net *net, size_t from,
                              size_t to, json_t *list)
{
    size_t i = 0;
    json_t *layer = NULL;
    inv_status status = inv_pinv_undo(spec, net, from, to, list);
    if (status == INV_ECONFIG)
        INV_FAIL(INV_ECONFIG,
                 "inverse.undo: no pseudo-inverses lead from %s down to %s; name a point further "
                 "up, or leave it out",
                 inv_net_point_name(net, from), inv_net_point_name(net, to));
    INV_TRY(status);
    json_array_foreach(list, i, layer) if (json_object_set_new(layer, "frozen", json_true()))
        INV_FAIL(INV_ENOMEM, "inverse: no memory to describe it");
done:
    return status;
}

static inv_status list_layers(const inv_inverse_spec *spec, const json_t *given, const inv_net *net,
                              size_t point, json_t *list)
{
    bool ends = false;
    size_t start = 0, i = 0;
    json_t *layer = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_pinv_reach(spec, net, point, &start));
    INV_TRY(check_layers(given, net, start, &ends));
    INV_TRY(list_undone(spec, net, point, start, list));
    INV_TRY(inv_parts_start(list, net, start));
    json_array_foreach(given, i, layer) INV_TRY(inv_parts_add(list, json_incref(layer)));
    if (!ends)
        INV_TRY(inv_parts_add(list, json_pack("{ss ss sI s{ss}}", "name", "pixels", "type", "dense",
                                              "units", (json_int_t)inv_net_units(net, 0), "kernel",
                                              "type", "glorot_uniform")));
    INV_TRY(inv_parts_end(list));
done:
    return status;
}

static inv_status build(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                        inv_net **out)
{
    json_t *given = *spec->layers ? json_loads(spec->layers, 0, NULL) : json_array();
    json_t *list = json_array();
    inv_status status = INV_OK;
    INV_TRY(list_layers(spec, given, net, point, list));
    INV_TRY(inv_parts_build(list, (inv_shape){1, 1, inv_net_units(net, point)}, "inverse", out));
    inv_parts_copy_frozen(net, inv_parts_before_values(*out), *out);
done:
    json_decref(given);
    json_decref(list);
    return status;
}

static const inv_inverse_spec defaults = {
    .kind = "decoder",
    .name = "decoder",
    .steps = 11000,
    .batch = 250,
    .loss = "l1",
    .squash = 0.99999,
    .optimiser = {.type = "adam", .rate = 2e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
    .schedule = {.type = "cosine", .every = 10.0, .factor = 0.1},
    .patience = 10,
    .layers = "[{\"name\":\"hidden\",\"type\":\"dense\",\"units\":256,\"activation\":\"relu\","
              "\"kernel\":{\"type\":\"he_normal\"}}]",
};

const inv_inverse_kind inv_inverse_decoder = {
    .name = "decoder",
    .fields = fields,
    .defaults = &defaults,
    .build = build,
    .learner = inv_descent_alloc,
};
