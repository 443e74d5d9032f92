/* upsample: an image made `factor` times as high and wide, or of a height and width that are said
 *
 *     nearest    row i is row i s of the n there are, rounded down; s is n / m, of m that come out,
 *                or, where that is said, a step, and then i s is worked in float as PyTorch does
 *     nearest_centre   row i is row (i + 1/2) s, rounded down: PyTorch's nearest-exact, TensorFlow's
 *     bilinear   row i lies at u = (i + 1/2) s - 1/2, from 0 to n - 1 (half-pixel centres: Keras,
 *                PyTorch, ONNX), or at u = i (n - 1) / (m - 1) with align_corners; it is the mean of
 *                the two rows beside u, weighted
 *     bilinear_corner  the same at u = i s: ONNX's asymmetric, TensorFlow 1's
 *
 * columns alike;  dx by net/resample.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "net/layers.h"
#include "net/resample.h"

typedef struct up_spec {
    size_t factor, factor_height, factor_width, height, width;
    char interpolation[INV_NAME_MAX];
    bool align_corners;
    double step_height, step_width;
} up_spec;

static const up_spec defaults = {.factor = 2, .interpolation = "nearest"};

static const inv_choice interpolations[] = {
    {"nearest", "the nearest pixel, counted from corners"},
    {"nearest_centre", "the nearest pixel, counted from centres"},
    {"bilinear", "between the four nearest pixels, counted from centres"},
    {"bilinear_corner", "between the four nearest pixels, counted from corners"},
    {0}};

static const inv_field fields[] = {
    {"factor", INV_FIELD_SIZE, offsetof(up_spec, factor), 1, 1024,
     .help = "how many times as high and wide"},
    {"factor_height", INV_FIELD_SIZE, offsetof(up_spec, factor_height), 0, 1024,
     .help = "how many times as high; 0: factor"},
    {"factor_width", INV_FIELD_SIZE, offsetof(up_spec, factor_width), 0, 1024,
     .help = "how many times as wide; 0: factor"},
    {"height", INV_FIELD_SIZE, offsetof(up_spec, height), 0, 1 << 24,
     .help = "rows that come out; 0: by the factor"},
    {"width", INV_FIELD_SIZE, offsetof(up_spec, width), 0, 1 << 24,
     .help = "columns that come out; 0: by the factor"},
    {"interpolation", INV_FIELD_NAME, offsetof(up_spec, interpolation), .choices = interpolations,
     .help = "what lies between pixels"},
    {"align_corners", INV_FIELD_BOOL, offsetof(up_spec, align_corners),
     .help = "whether corner pixels stay corner pixels, of bilinear"},
    {"step_height", INV_FIELD_REAL, offsetof(up_spec, step_height), 0.0, 1e6, .quiet = true,
     .help =
         "rows from one that comes out to the next; 0: rows there are over those that come out"},
    {"step_width", INV_FIELD_REAL, offsetof(up_spec, step_width), 0.0, 1e6, .quiet = true,
     .help = "the same of columns"},
    {0}};

static size_t first_of(size_t a, size_t b, size_t c)
{
    return a ? a : b ? b : c;
}

static inv_status up_shape(inv_layer *layer, size_t classes)
{
    const up_spec *spec = layer->spec;
    const inv_shape in = layer->in;
    const size_t high = first_of(spec->factor_height, spec->factor, 1);
    const size_t wide = first_of(spec->factor_width, spec->factor, 1);
    (void)classes;
    return inv_layer_gives(layer,
                           (inv_shape){spec->height ? spec->height : in.height * high,
                                       spec->width ? spec->width : in.width * wide, in.channels});
}

static inv_taps taps(const inv_layer *layer, bool column, size_t i)
{
    const up_spec *spec = layer->spec;
    const size_t n = column ? layer->in.width : layer->in.height;
    const size_t m = column ? layer->out.width : layer->out.height;
    const double given = column ? spec->step_width : spec->step_height;
    const double step = given > 0.0 ? given : (double)n / (double)m;
    const bool is_nearest = strncmp(spec->interpolation, "nearest", 7) == 0;
    const bool from_corners = strcmp(spec->interpolation, "nearest") == 0 ||
                              strcmp(spec->interpolation, "bilinear_corner") == 0;
    if (is_nearest && from_corners && !(given > 0.0))
        return (inv_taps){{i * n / m, 0}, {1.0f, 0.0f}};
    double u = from_corners ? (double)i * step : ((double)i + 0.5) * step - 0.5;
    if (is_nearest) {
        const float at = ((float)i + (from_corners ? 0.0f : 0.5f)) * (float)step;
        return (inv_taps){{at < (float)n ? (size_t)at : n - 1, 0}, {1.0f, 0.0f}};
    }
    if (spec->align_corners)
        u = m > 1 ? (double)i * (double)(n - 1) / (double)(m - 1) : 0.0;
    u = fmin(fmax(u, 0.0), (double)(n - 1));
    const size_t at = (size_t)u;
    const float part = (float)(u - (double)at);
    return (inv_taps){{at, at + 1 < n ? at + 1 : at}, {1.0f - part, part}};
}

static void up_forward(const inv_layer *layer, const float *params, void *state,
                       const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    (void)params, (void)state, (void)mode;
    inv_resample_forward(layer, taps, 0.0f, x, y);
}

static void up_backward(const inv_layer *layer, const float *params, void *state,
                        const gsl_matrix_float *x, const gsl_matrix_float *y,
                        const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    (void)params, (void)state, (void)x, (void)y, (void)dparams;
    if (dx)
        inv_resample_backward(layer, taps, dy, dx);
}

const inv_layer_type inv_layer_upsample = {
    .name = "upsample",
    .spec_size = sizeof(up_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = up_shape,
    .forward = up_forward,
    .backward = up_backward,
};
