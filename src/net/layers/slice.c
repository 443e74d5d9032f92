/* slice: of one axis of an image, every `step`-th from `first` on, `count` of them, or, backwards,
 * from there to the beginning:
 *
 *     y[i] = x[first + i step], or x[first - i step];  dx is dy, with zeros between
 *
 * ONNX's Slice and Split, NumPy's x[first::step]; crop cuts rows and columns at once.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <string.h>

#include "net/layers.h"

typedef struct slice_spec {
    char axis[INV_NAME_MAX];
    size_t first, count, step;
    bool backwards;
} slice_spec;

static const slice_spec defaults = {.axis = "channels", .step = 1};

static const inv_choice axes[] = {{"channels", "of each pixel"},
                                  {"height", "rows of the image"},
                                  {"width", "columns of the image"},
                                  {0}};

static const inv_field fields[] = {
    {"axis", INV_FIELD_NAME, offsetof(slice_spec, axis), .choices = axes, .help = "what is taken"},
    {"first", INV_FIELD_SIZE, offsetof(slice_spec, first), 0, 1 << 24,
     .help = "the first one taken, from 0"},
    {"count", INV_FIELD_SIZE, offsetof(slice_spec, count), 0, 1 << 24,
     .help = "how many; 0: as many as there are"},
    {"step", INV_FIELD_SIZE, offsetof(slice_spec, step), 1, 1 << 24,
     .help = "from one to the next"},
    {"backwards", INV_FIELD_BOOL, offsetof(slice_spec, backwards),
     .help = "whether the next one lies before"},
    {0}};

static size_t *along(const slice_spec *spec, inv_shape *shape)
{
    return strcmp(spec->axis, "height") == 0  ? &shape->height
           : strcmp(spec->axis, "width") == 0 ? &shape->width
                                              : &shape->channels;
}

static inv_status slice_shape(inv_layer *layer, size_t classes)
{
    const slice_spec *spec = layer->spec;
    inv_shape out = layer->in;
    size_t *n = along(spec, &out);
    (void)classes;
    const size_t left = spec->first >= *n ? 0
                        : spec->backwards ? spec->first
                                          : *n - 1 - spec->first;
    const size_t most = spec->first >= *n ? 0 : left / spec->step + 1;
    if (most == 0 || spec->count > most)
        return INV_ERROR(INV_ECONFIG, "%s: %zu from number %zu on by %zu are not in %s of %zu",
                         layer->name, spec->count ? spec->count : 1, spec->first, spec->step,
                         spec->axis, *n);
    *n = spec->count ? spec->count : most;
    return inv_layer_gives(layer, out);
}

/* Where in an image row, column and channel 0 of what comes out are taken, and from each to the next. */
typedef struct strides {
    ptrdiff_t at, row, column, channel;
} strides;

static strides strides_of(const inv_layer *layer)
{
    const slice_spec *spec = layer->spec;
    const ptrdiff_t channels = (ptrdiff_t)layer->in.channels;
    strides s = {0, (ptrdiff_t)layer->in.width * channels, channels, 1};
    ptrdiff_t *own = strcmp(spec->axis, "height") == 0  ? &s.row
                     : strcmp(spec->axis, "width") == 0 ? &s.column
                                                        : &s.channel;
    s.at = (ptrdiff_t)spec->first * *own;
    *own *= spec->backwards ? -(ptrdiff_t)spec->step : (ptrdiff_t)spec->step;
    return s;
}

static void slice_forward(const inv_layer *layer, const float *params, void *state,
                          const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const inv_shape out = layer->out;
    const strides s = strides_of(layer);
    (void)params, (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++) {
        const float *from = x->data + n * x->tda + s.at;
        float *to = y->data + n * y->tda;
        for (ptrdiff_t i = 0; i < (ptrdiff_t)out.height; i++)
            for (ptrdiff_t j = 0; j < (ptrdiff_t)out.width; j++)
                for (ptrdiff_t c = 0; c < (ptrdiff_t)out.channels; c++)
                    *to++ = from[i * s.row + j * s.column + c * s.channel];
    }
}

static void slice_backward(const inv_layer *layer, const float *params, void *state,
                           const gsl_matrix_float *x, const gsl_matrix_float *y,
                           const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const inv_shape out = layer->out;
    const strides s = strides_of(layer);
    (void)params, (void)state, (void)x, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (dx->size1 * dx->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < dy->size1; n++) {
        const float *from = dy->data + n * dy->tda;
        float *to = dx->data + n * dx->tda;
        memset(to, 0, dx->size2 * sizeof *to);
        for (ptrdiff_t i = 0; i < (ptrdiff_t)out.height; i++)
            for (ptrdiff_t j = 0; j < (ptrdiff_t)out.width; j++)
                for (ptrdiff_t c = 0; c < (ptrdiff_t)out.channels; c++)
                    to[s.at + i * s.row + j * s.column + c * s.channel] = *from++;
    }
}

const inv_layer_type inv_layer_slice = {
    .name = "slice",
    .spec_size = sizeof(slice_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = slice_shape,
    .forward = slice_forward,
    .backward = slice_backward,
    .loses = "it keeps only a part of the values",
};
