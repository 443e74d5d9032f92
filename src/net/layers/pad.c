/* pad: an image with `top` rows above it, `bottom` below, `left` and `right` columns beside it, which
 * hold a value (Keras's ZeroPadding2D), the nearest pixel of the edge, the image mirrored in the edge
 * pixels, or the image itself again (PyTorch's padding modes);  dx by net/resample.h
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <string.h>

#include "net/layers.h"
#include "net/resample.h"
#include "net/window.h"

typedef struct pad_spec {
    size_t top, bottom, left, right;
    char mode[INV_NAME_MAX];
    double value;
} pad_spec;

static const pad_spec defaults = {.mode = "constant"};

static const inv_choice modes[] = {
    {"constant", "the value"},
    {"edge", "the nearest pixel of the image"},
    {"reflect", "the image mirrored in its outermost pixels, which are not repeated"},
    {"wrap", "the image again"},
    {0}};

static const inv_field fields[] = {
    {"top", INV_FIELD_SIZE, offsetof(pad_spec, top), 0, INV_WINDOW_MOST,
     .help = "rows above the image"},
    {"bottom", INV_FIELD_SIZE, offsetof(pad_spec, bottom), 0, INV_WINDOW_MOST,
     .help = "rows below the image"},
    {"left", INV_FIELD_SIZE, offsetof(pad_spec, left), 0, INV_WINDOW_MOST,
     .help = "columns left of the image"},
    {"right", INV_FIELD_SIZE, offsetof(pad_spec, right), 0, INV_WINDOW_MOST,
     .help = "columns right of the image"},
    {"mode", INV_FIELD_NAME, offsetof(pad_spec, mode), .choices = modes, .help = "what those hold"},
    {"value", INV_FIELD_REAL, offsetof(pad_spec, value), -1e30, 1e30,
     .help = "what they hold, where they are constant"},
    {0}};

static bool is(const pad_spec *spec, const char *mode)
{
    return strcmp(spec->mode, mode) == 0;
}

static inv_status pad_shape(inv_layer *layer, size_t classes)
{
    const pad_spec *spec = layer->spec;
    const inv_shape in = layer->in;
    const size_t rows = spec->top > spec->bottom ? spec->top : spec->bottom;
    const size_t columns = spec->left > spec->right ? spec->left : spec->right;
    (void)classes;
    if ((is(spec, "reflect") && (rows >= in.height || columns >= in.width)) ||
        (is(spec, "wrap") && (rows > in.height || columns > in.width)))
        return INV_ERROR(INV_ECONFIG, "%s: more padding than there is image, %zu x %zu, to %s",
                         layer->name, in.height, in.width, spec->mode);
    return inv_layer_gives(layer, (inv_shape){in.height + spec->top + spec->bottom,
                                              in.width + spec->left + spec->right, in.channels});
}

static inv_taps taps(const inv_layer *layer, bool column, size_t i)
{
    const pad_spec *spec = layer->spec;
    const size_t before = column ? spec->left : spec->top;
    const size_t n = column ? layer->in.width : layer->in.height;
    if (i >= before && i - before < n)
        return (inv_taps){{i - before, 0}, {1.0f, 0.0f}};
    if (is(spec, "constant"))
        return (inv_taps){{0, 0}, {0.0f, 0.0f}};
    size_t at = i < before ? 0 : n - 1; /* edge */
    if (is(spec, "reflect"))
        at = i < before ? before - i : 2 * (n - 1) - (i - before);
    else if (is(spec, "wrap"))
        at = i < before ? n - (before - i) : i - before - n;
    return (inv_taps){{at, 0}, {1.0f, 0.0f}};
}

static void pad_forward(const inv_layer *layer, const float *params, void *state,
                        const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)params, (void)state, (void)mode;
    inv_resample_forward(layer, taps, (float)((const pad_spec *)layer->spec)->value, x, y);
}

static void pad_backward(const inv_layer *layer, const float *params, void *state,
                         const gsl_matrix_float *x, const gsl_matrix_float *y,
                         const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)x, (void)y, (void)dparams;
    if (dx)
        inv_resample_backward(layer, taps, dy, dx);
}

const inv_layer_type inv_layer_pad = {
    .name = "pad",
    .spec_size = sizeof(pad_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = pad_shape,
    .forward = pad_forward,
    .backward = pad_backward,
};
