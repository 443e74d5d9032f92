/* The net: its layers for the drawing, and all that the page needs to compute with it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "taken.h"

/* Parameters that a page holds at most, in all, and what one of them takes there. */
#define NET_BYTES ((size_t)16 << 20)

/* ---- layers ---- */

static json_t *describe_shape(inv_shape shape)
{
    return json_pack("[III]", (json_int_t)shape.height, (json_int_t)shape.width,
                     (json_int_t)shape.channels);
}

/* Where each block stands in the net's parameters, and how large it is. */
static json_t *describe_blocks(report_run *r, const inv_layer *layer)
{
    json_t *blocks = report_object(r);
    for (size_t b = 0; b < layer->block_count; b++) {
        const inv_block *block = &layer->blocks[b];
        json_t *one = report_object(r), *dims = report_list(r);
        for (size_t d = 0; d < block->rank; d++)
            report_append(r, dims, inv_json_count(block->dims[d]));
        report_give(r, one, "at", inv_json_count(block->offset));
        report_give(r, one, "dims", dims);
        report_give(r, blocks, block->name, one);
    }
    return blocks;
}

static json_t *describe_layer(report_run *r, const inv_layer *layer)
{
    json_t *one = report_object(r), *inputs = report_list(r), *settings = report_object(r);
    size_t parameters = 0;
    for (size_t b = 0; b < layer->block_count; b++)
        parameters += layer->blocks[b].size;
    for (size_t i = 0; i < layer->input_count; i++)
        report_append(r, inputs, inv_json_count(layer->inputs[i].point));
    if (layer->type->fields)
        (void)report_got(r, inv_fields_write(layer->type->fields, layer->spec, settings));
    report_give_text(r, one, "name", "%s", layer->name);
    report_give_text(r, one, "type", "%s", layer->type->name);
    report_give(r, one, "in", describe_shape(layer->in));
    report_give(r, one, "out", describe_shape(layer->out));
    report_give(r, one, "inputs", inputs);
    report_give(r, one, "settings", settings);
    report_give(r, one, "blocks", describe_blocks(r, layer));
    report_give(r, one, "parameters", inv_json_count(parameters));
    return one;
}

static json_t *describe_layers(report_run *r, const inv_net *net)
{
    json_t *list = report_list(r);
    for (size_t i = 0; i < inv_net_depth(net); i++)
        report_append(r, list, describe_layer(r, inv_net_layer(net, i)));
    return list;
}

json_t *report_architecture(report_run *r)
{
    if (!r->in.net)
        return NULL;
    json_t *one = report_object(r);
    report_give(r, one, "input", describe_shape(inv_net_shape(r->in.net, 0)));
    report_give(r, one, "parameters", inv_json_count(inv_net_size(r->in.net)));
    report_give(r, one, "logits", inv_json_count(inv_net_logits(r->in.net)));
    report_give(r, one, "layers", describe_layers(r, r->in.net));
    return one;
}

/* ---- parameters ---- */

/* float32, little-endian, as base64. */
static json_t *pack_floats(const float *values, size_t count)
{
    return report_base64("", values, count * sizeof *values);
}

/* What the data have at a point, for drawing from and for means of classes: /gaussian/POINT/all is, of all
 * images and then of each class, mean, axes and deviation. Of the classes the means alone are given. */
static void give_gaussian(report_run *r, const char *point, size_t units, json_t *to)
{
    char path[REPORT_PATH];
    uint64_t components = 0, classes = 0;
    size_t count = 0;
    double *rest = NULL;
    snprintf(path, sizeof path, "/gaussian/%s", point);
    if (!report_size(r, path, "components", &components) ||
        !report_size(r, path, "classes", &classes) ||
        inv_run_has_attribute(r->in.run, path, "stale"))
        return;
    float *all = report_array(r, path, "all", INV_FLOAT32, &count);
    rest = report_array_of(r, path, "rest", INV_FLOAT64, 1);
    const size_t pitch = count / (classes + 1);
    if (all && rest && components <= units && pitch == units * (components + 1) + components) {
        json_t *one = report_object(r), *means = report_list(r);
        report_give(r, one, "units", inv_json_count(units));
        report_give(r, one, "components", inv_json_count(components));
        report_give(r, one, "rest", inv_json_real(*rest));
        report_give(r, one, "all", pack_floats(all, pitch));
        for (size_t c = 0; c < classes; c++)
            report_append(r, means, pack_floats(all + (c + 1) * pitch, units));
        report_give(r, one, "means", means);
        report_give(r, to, "gaussian", one);
    }
    free(all);
    free(rest);
}

/* The inverse at `path`, built again; NULL where it is not done, is of another net or cannot be. */
static inv_net *open_inverse(report_run *r, const char *path, size_t *point)
{
    inv_net *inverse = NULL;
    uint64_t done = 0;
    char *at = report_attribute(r, path, "at");
    const bool good =
        at && report_size(r, path, "done", &done) && done &&
        !inv_run_has_attribute(r->in.run, path, "stale") &&
        report_got(r, inv_net_point(r->in.net, at, point)) &&
        report_got(r,
                   inv_run_get_net(r->in.run, path,
                                   (inv_shape){1, 1, inv_net_units(r->in.net, *point)}, &inverse));
    free(at);
    if (good && inv_net_units(inverse, inv_net_depth(inverse)) == inv_net_units(r->in.net, 0))
        return inverse;
    inv_net_free(inverse);
    return NULL;
}

static json_t *take_inverse(report_run *r, const char *path)
{
    size_t point = 0;
    inv_net *inverse = open_inverse(r, path, &point);
    if (!inverse)
        return NULL;
    const char *at = inv_net_point_name(r->in.net, point);
    json_t *one = report_object(r);
    report_give_text(r, one, "name", "%s", strrchr(path, '/') + 1);
    report_give_text(r, one, "at", "%s", at);
    report_give(r, one, "point", inv_json_count(point));
    report_give(r, one, "size", inv_json_count(inv_net_size(inverse)));
    report_give(r, one, "layers", describe_layers(r, inverse));
    report_give(r, one, "parameters", pack_floats(inv_net_params(inverse), inv_net_size(inverse)));
    give_gaussian(r, at, inv_net_units(r->in.net, point), one);
    inv_net_free(inverse);
    return one;
}

/* All of it, or, where that is too much, why not. */
json_t *report_net(report_run *r)
{
    const inv_net *net = r->in.net;
    if (!net || !r->with_net)
        return NULL;
    size_t size = inv_net_size(net), i = 0;
    json_t *one = report_object(r), *inverses = report_each(r, "/inverse", take_inverse);
    json_t *inverse = NULL;
    json_array_foreach(inverses, i, inverse)
    {
        size += (size_t)json_integer_value(json_object_get(inverse, "size"));
    }
    if (size > NET_BYTES / sizeof(float)) {
        report_give_text(r, one, "left_out",
                         "The page was made without the net, which has %.1f MB of parameters; a "
                         "page holds at most %zu MB.",
                         (double)size * sizeof(float) / (1 << 20), NET_BYTES >> 20);
        json_decref(inverses);
        return one;
    }
    report_give(r, one, "black", inv_json_real(r->in.pixels.black));
    report_give(r, one, "white", inv_json_real(r->in.pixels.white));
    report_give(r, one, "ground", inv_json_real(r->in.pixels.ground));
    report_give(r, one, "parameters", pack_floats(inv_net_params(net), inv_net_size(net)));
    report_give(r, one, "inverses", inverses ? inverses : report_list(r));
    return one;
}
