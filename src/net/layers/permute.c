/* permute: the axes of an image in another order: "chw" has the image's channels as rows, its rows as
 * columns, its columns as channels;  dx is dy, put back
 *
 * Keras's Permute((3, 1, 2)) is "chw".
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>

#include "net/layers.h"

typedef struct permute_spec {
    char order[INV_NAME_MAX];
} permute_spec;

static const permute_spec defaults = {"hwc"};

static const inv_choice orders[] = {{"hwc", "as it was"},
                                    {"hcw", "columns and channels change over"},
                                    {"whc", "rows and columns change over"},
                                    {"wch", "columns, channels, rows"},
                                    {"chw", "channels first"},
                                    {"cwh", "rows and channels change over"},
                                    {0}};

static const inv_field fields[] = {
    {"order", INV_FIELD_NAME, offsetof(permute_spec, order), .required = true, .choices = orders,
     .help = "which axis of the image the rows, columns and channels are that come out"},
    {0}};

/* Of axis k that comes out: its length, and from one value to the next in the image. */
static size_t axis(const inv_layer *layer, int k, size_t *step)
{
    const inv_shape in = layer->in;
    const char which = ((const permute_spec *)layer->spec)->order[k];
    *step = which == 'h' ? in.width * in.channels : which == 'w' ? in.channels : 1;
    return which == 'h' ? in.height : which == 'w' ? in.width : in.channels;
}

static inv_status permute_shape(inv_layer *layer, size_t classes)
{
    size_t step;
    (void)classes;
    const size_t height = axis(layer, 0, &step), width = axis(layer, 1, &step);
    return inv_layer_gives(layer, (inv_shape){height, width, axis(layer, 2, &step)});
}

static void permute_forward(const inv_layer *layer, const float *params, void *state,
                            const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    size_t row, column, channel;
    const size_t height = axis(layer, 0, &row), width = axis(layer, 1, &column);
    const size_t channels = axis(layer, 2, &channel);
    (void)params, (void)state, (void)mode;
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < x->size1; n++) {
        const float *from = x->data + n * x->tda;
        float *to = y->data + n * y->tda;
        for (size_t i = 0; i < height; i++)
            for (size_t j = 0; j < width; j++)
                for (size_t c = 0; c < channels; c++)
                    *to++ = from[i * row + j * column + c * channel];
    }
}

static void permute_backward(const inv_layer *layer, const float *params, void *state,
                             const gsl_matrix_float *x, const gsl_matrix_float *y,
                             const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    size_t row, column, channel;
    const size_t height = axis(layer, 0, &row), width = axis(layer, 1, &column);
    const size_t channels = axis(layer, 2, &channel);
    (void)params, (void)state, (void)x, (void)y, (void)dparams;
    if (!dx)
        return;
#pragma omp parallel for schedule(static) if (dy->size1 * dy->size2 > INV_PARALLEL_MIN)
    for (size_t n = 0; n < dy->size1; n++) {
        const float *from = dy->data + n * dy->tda;
        float *to = dx->data + n * dx->tda;
        for (size_t i = 0; i < height; i++)
            for (size_t j = 0; j < width; j++)
                for (size_t c = 0; c < channels; c++)
                    to[i * row + j * column + c * channel] = *from++;
    }
}

const inv_layer_type inv_layer_permute = {
    .name = "permute",
    .spec_size = sizeof(permute_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = permute_shape,
    .forward = permute_forward,
    .backward = permute_backward,
};
