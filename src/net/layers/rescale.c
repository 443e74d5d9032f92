/* rescale: y = scale x + offset, fixed numbers that are not learned;  dx = scale dy
 *
 * One scale and offset for all values (Keras's Rescaling), or, as arrays of the file, one for each
 * channel (Normalization: 1 / deviation and -mean / deviation) or each value of an image (a constant
 * that is added or multiplied).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <string.h>

#include <jansson.h>

#include "net/layers.h"

typedef struct rescale_spec {
    double scale, offset;
    char per[INV_NAME_MAX];
} rescale_spec;

static const rescale_spec defaults = {1.0, 0.0, "image"};

static const inv_choice kinds[] = {{"image", "the same for all values"},
                                   {"channel", "one for each channel"},
                                   {"value", "one for each value of an image"},
                                   {0}};

static const inv_field fields[] = {
    {"scale", INV_FIELD_REAL, offsetof(rescale_spec, scale), -1e30, 1e30,
     .help = "what values are multiplied with; where they are several, at the start"},
    {"offset", INV_FIELD_REAL, offsetof(rescale_spec, offset), -1e30, 1e30,
     .help = "what is then added"},
    {"per", INV_FIELD_NAME, offsetof(rescale_spec, per), .choices = kinds,
     .help = "how many scales and offsets there are"},
    {0}};

enum { SCALE, OFFSET };

static bool is_per(const inv_layer *layer, const char *what)
{
    return strcmp(((const rescale_spec *)layer->spec)->per, what) == 0;
}

static inv_status rescale_shape(inv_layer *layer, size_t classes)
{
    static const char *const names[] = {"scale", "offset"};
    const inv_shape in = layer->in;
    (void)classes;
    if (is_per(layer, "image"))
        return INV_OK;
    layer->block_count = 2;
    for (int b = 0; b < 2; b++)
        layer->blocks[b] =
            is_per(layer, "channel")
                ? (inv_block){names[b], 1, {in.channels}, .size = in.channels, .frozen = true}
                : (inv_block){names[b],
                              3,
                              {in.height, in.width, in.channels},
                              .size = inv_shape_size(in),
                              .frozen = true};
    return INV_OK;
}

static void rescale_init(const inv_layer *layer, float *params, gsl_rng *rng)
{
    const rescale_spec *spec = layer->spec;
    (void)rng;
    for (size_t b = 0; b < layer->block_count; b++)
        for (size_t k = 0; k < layer->blocks[b].size; k++)
            params[layer->blocks[b].offset + k] = (float)(b == SCALE ? spec->scale : spec->offset);
}

/* to = scale from + offset, each of n values; offset may be NULL */
static void several(const float *restrict scale, const float *restrict offset, size_t n,
                    const float *restrict from, float *restrict to)
{
    for (size_t k = 0; k < n; k++)
        to[k] = scale[k] * from[k] + (offset ? offset[k] : 0.0f);
}

static void rescale_rows(const inv_layer *layer, const float *params, bool with_offset,
                         const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const rescale_spec *spec = layer->spec;
    const bool one = layer->block_count == 0;
    const float a = (float)spec->scale, b = with_offset ? (float)spec->offset : 0.0f;
    const float *scale = one ? NULL : params + layer->blocks[SCALE].offset;
    const float *offset = one || !with_offset ? NULL : params + layer->blocks[OFFSET].offset;
    const size_t n = one ? x->size2 : layer->blocks[SCALE].size;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j += n) {
            const float *from = x->data + i * x->tda + j;
            float *to = y->data + i * y->tda + j;
            if (one)
                for (size_t k = 0; k < n; k++)
                    to[k] = a * from[k] + b;
            else
                several(scale, offset, n, from, to);
        }
}

static void rescale_forward(const inv_layer *layer, const float *params, void *state,
                            const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)state, (void)mode;
    rescale_rows(layer, params, true, x, y);
}

static void rescale_backward(const inv_layer *layer, const float *params, void *state,
                             const gsl_matrix_float *x, const gsl_matrix_float *y,
                             const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)state, (void)x, (void)y, (void)dparams;
    if (dx)
        rescale_rows(layer, params, false, dy, dx);
}

/* Back with the numbers; arrays have no mirror yet. */
static inv_status rescale_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                                 json_t *layers)
{
    const rescale_spec *s = layer->spec;
    (void)how, (void)last;
    if (layer->block_count || (s->scale < 1e-30 && s->scale > -1e-30))
        return INV_ERROR(INV_ECONFIG,
                         "inverse.at: %s rescales by more than one number, or by 0, which has no "
                         "inverse by weights; make one that learns from images, by kind = "
                         "\"decoder\" (--kind decoder)",
                         layer->name);
    return inv_mirror_add(layers, layer, ".undo",
                          json_pack("{ss sf sf}", "type", "rescale", "scale", 1.0 / s->scale,
                                    "offset", -s->offset / s->scale));
}

const inv_layer_type inv_layer_rescale = {
    .name = "rescale",
    .spec_size = sizeof(rescale_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = rescale_shape,
    .init = rescale_init,
    .forward = rescale_forward,
    .backward = rescale_backward,
    .mirror = rescale_mirror,
};
