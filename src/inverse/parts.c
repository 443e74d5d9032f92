/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inverse/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "inverse/values.h"

#define CLIP_LAYERS 3
/* Floats that learning keeps for each parameter: itself, its gradient, three more of the shares of a
 * batch, two slots of an optimiser, the best so far. */
#define FLOATS_A_PARAMETER 8

inv_status inv_inverse_refuse(const inv_layer *layer)
{
    const char *why = layer->type->loses;
    return INV_ERROR(
        INV_ECONFIG,
        "inverse.at: %s is a %s layer, which has no inverse by weights%s%s%s; make one "
        "that learns from images, by kind = \"decoder\" (--kind decoder)",
        layer->name, layer->type->name, why ? " (" : "", why ? why : "", why ? ")" : "");
}

inv_status inv_parts_check_chain(const inv_net *net, size_t first, size_t point)
{
    if (inv_net_is_chain(net, first, point))
        return INV_OK;
    return INV_ERROR(
        INV_ECONFIG,
        "inverse.at: below %s the net branches, and has no inverse by weights; make one "
        "that learns from images, by kind = \"decoder\" (--kind decoder)",
        inv_net_point_name(net, point));
}

inv_status inv_parts_check_steps(const json_t *list, const inv_net *net, size_t point)
{
    if (json_array_size(list) > 0)
        return INV_OK;
    return INV_ERROR(INV_ECONFIG, "inverse.at: up to %s nothing changes the image",
                     inv_net_point_name(net, point));
}

inv_status inv_parts_mirror(const inv_mirror *how, const inv_net *net, size_t point, json_t *list)
{
    inv_status status = inv_parts_check_chain(net, 0, point);
    for (size_t p = point; status == INV_OK && p-- > 0;) {
        const inv_layer *layer = inv_net_layer(net, p);
        status = layer->type->mirror ? layer->type->mirror(layer, how, p == 0, list)
                                     : inv_inverse_refuse(layer);
    }
    return status == INV_OK ? inv_parts_check_steps(list, net, point) : status;
}

void inv_parts_copy_frozen(const inv_net *net, size_t count, inv_net *inverse)
{
    for (size_t i = 0; i < count; i++) {
        const inv_layer *layer = inv_net_layer(inverse, i);
        char owner[INV_NAME_MAX];
        inv_layer_owner(layer->name, owner);
        for (size_t b = 0; b < layer->block_count; b++) {
            const inv_block *to = &layer->blocks[b];
            const inv_block *from = to->frozen ? inv_net_block(net, owner, to->name) : NULL;
            if (from)
                memcpy(inv_net_params(inverse) + to->offset, inv_net_params(net) + from->offset,
                       to->size * sizeof(float));
        }
    }
}

inv_status inv_parts_add(json_t *layers, json_t *step)
{
    if (step && json_array_append_new(layers, step) == 0)
        return INV_OK;
    return INV_ERROR(INV_ENOMEM, "inverse: no memory to describe it");
}

json_t *inv_parts_named(const inv_layer *layer, const char *ending, const char *type)
{
    char owner[INV_NAME_MAX], name[2 * INV_NAME_MAX];
    inv_layer_owner(layer->name, owner);
    snprintf(name, sizeof name, "%s%s", owner, ending);
    return json_pack("{ss ss}", "name", name, "type", type);
}

/* Takes the step over. */
static json_t *with_size(json_t *step, inv_shape shape)
{
    if (step && (json_object_set_new(step, "height", json_integer((json_int_t)shape.height)) ||
                 json_object_set_new(step, "width", json_integer((json_int_t)shape.width)))) {
        json_decref(step);
        return NULL;
    }
    return step;
}

inv_status inv_parts_enlarge(const inv_layer *layer, json_t *list)
{
    return inv_parts_add(list, with_size(inv_parts_named(layer, ".size", "upsample"), layer->in));
}

inv_status inv_parts_make_image(const inv_layer *layer, inv_shape shape, json_t *list)
{
    return inv_parts_add(list, with_size(inv_parts_named(layer, ".shape", "reshape"), shape));
}

/* Of the memory that there is. */
static size_t most_parameters(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || bytes <= 0)
        return SIZE_MAX;
    return (size_t)pages * (size_t)bytes / (FLOATS_A_PARAMETER * sizeof(float));
}

inv_status inv_parts_build(const json_t *layers, inv_shape shape, const char *where, inv_net **out)
{
    char *text = json_dumps(layers, JSON_COMPACT);
    inv_config *config = NULL;
    inv_status status = INV_OK;
    if (!text)
        INV_FAIL(INV_ENOMEM, "inverse: no memory to describe it");
    INV_TRY(inv_config_read_json(where, text, &config));
    INV_TRY(inv_net_build_within(config, "", shape, 0, most_parameters(), out));
done:
    inv_config_free(config);
    free(text);
    return status;
}

/* ---- where it starts ---- */

inv_status inv_parts_start(json_t *layers, const inv_net *net, size_t point)
{
    const inv_shape shape = inv_net_shape(net, point);
    inv_status status = inv_parts_add(
        layers, json_pack("{ss ss ss}", "name", "values", "type", "rescale", "per", "channel"));
    if (status == INV_OK && shape.height * shape.width > 1)
        status = inv_parts_add(layers, json_pack("{ss ss sI sI sI}", "name", "place", "type",
                                                 "reshape", "height", (json_int_t)shape.height,
                                                 "width", (json_int_t)shape.width, "channels",
                                                 (json_int_t)shape.channels));
    return status;
}

size_t inv_parts_before_values(const inv_net *inverse)
{
    size_t count = 0;
    while (strcmp(inv_net_layer(inverse, count)->name, "values") != 0)
        count++;
    return count;
}

static float *block_of(const inv_net *inverse, const char *layer, const char *name)
{
    const inv_block *block = inv_net_block(inverse, layer, name);
    return inv_net_params(inverse) + block->offset;
}

inv_status inv_parts_standardise(const inv_net *net, size_t point, const inv_part *part,
                                 inv_net *inverse)
{
    const size_t units = inv_net_units(net, point);
    void *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(units, 2 * sizeof(double), "means", &memory));
    double *mean = memory, *deviation = mean + units;
    INV_TRY(inv_values_moments(net, part, point, mean, deviation));
    float *scale = block_of(inverse, "values", "scale"),
          *offset = block_of(inverse, "values", "offset");
    for (size_t j = 0; j < units; j++) {
        const double factor = deviation[j] > 0.0 ? 1.0 / deviation[j] : 0.0;
        scale[j] = (float)factor;
        offset[j] = (float)(-mean[j] * factor);
    }
done:
    free(memory);
    return status;
}

/* ---- where it ends ---- */

/* That group of an inverse in a run file is its history's. */
static inv_status check_names(const json_t *layers)
{
    const json_t *layer = NULL;
    size_t i = 0;
    char owner[INV_NAME_MAX] = "";
    json_array_foreach(layers, i, layer)
    {
        const char *name = json_string_value(json_object_get(layer, "name"));
        inv_layer_owner(name ? name : "", owner);
        if (strcmp(owner, "validation") == 0)
            return INV_ERROR(INV_ECONFIG, "inverse: a layer of it cannot be named 'validation'");
    }
    return INV_OK;
}

/* hard_sigmoid is x / 6 + 1/2 between 0 and 1. */
inv_status inv_parts_end(json_t *layers)
{
    inv_status status = check_names(layers);
    if (status != INV_OK)
        return status;
    INV_TRY(inv_parts_add(
        layers, json_pack("{ss ss ss}", "name", "range", "type", "rescale", "per", "channel")));
    INV_TRY(inv_parts_add(layers, json_pack("{ss ss}", "name", "clip", "type", "hard_sigmoid")));
    INV_TRY(inv_parts_add(
        layers, json_pack("{ss ss ss}", "name", "image", "type", "rescale", "per", "channel")));
done:
    return status;
}

static void set_rescale(const inv_net *inverse, const char *layer, double scale, double offset)
{
    float *scales = block_of(inverse, layer, "scale"),
          *offsets = block_of(inverse, layer, "offset");
    const size_t n = inv_net_block(inverse, layer, "scale")->size;
    for (size_t j = 0; j < n; j++) {
        scales[j] = (float)scale;
        offsets[j] = (float)offset;
    }
}

void inv_parts_set_range(const inv_pixels *pixels, inv_net *inverse)
{
    const double range = pixels->white - pixels->black;
    set_rescale(inverse, "range", 6.0 / range, -6.0 * pixels->black / range - 3.0);
    set_rescale(inverse, "image", range, pixels->black);
}

size_t inv_parts_unclipped(const inv_net *inverse)
{
    return inv_net_depth(inverse) - CLIP_LAYERS;
}
