/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/filters.h"

#include <string.h>

const inv_filters_spec inv_filters_defaults = {.name = "filters"};

const inv_field inv_filters_fields[] = {{"name", INV_FIELD_NAME, offsetof(inv_filters_spec, name),
                                         .help = "name of the result in the run file"},
                                        {0}};

/* The first layer that has one, NULL where none has; its kernel. */
static const inv_layer *first_kernel(const inv_net *net, const inv_block **kernel)
{
    for (size_t i = 0; i < inv_net_depth(net); i++) {
        const inv_layer *layer = inv_net_layer(net, i);
        for (size_t b = 0; b < layer->block_count; b++)
            if (strcmp(layer->blocks[b].name, "kernel") == 0) {
                *kernel = &layer->blocks[b];
                return layer;
            }
    }
    return NULL;
}

inv_status inv_filters_find(const inv_net *net, inv_shape *shape, size_t *count)
{
    const inv_shape image = inv_net_shape(net, 0);
    const inv_block *kernel = NULL;
    const inv_layer *layer = first_kernel(net, &kernel);
    const char *type = layer ? layer->type->name : "";
    if (strcmp(type, "dense") == 0 && kernel->dims[0] == inv_net_units(net, 0))
        *shape = image;
    else if (strcmp(type, "conv2d") == 0 && kernel->dims[2] == image.channels)
        *shape = (inv_shape){kernel->dims[0], kernel->dims[1], image.channels};
    else
        return INV_ERROR(
            INV_ECONFIG,
            "filters: the first layer with a kernel must be a dense layer or a convolution "
            "that reads the image%s%s",
            layer ? ", not " : "", layer ? layer->name : "");
    *count = kernel->dims[kernel->rank - 1];
    return INV_OK;
}

void inv_filters_images(const inv_net *net, gsl_matrix_float *images)
{
    const inv_block *kernel = NULL;
    if (!first_kernel(net, &kernel))
        return;
    const float *values = inv_net_params(net) + kernel->offset;
    for (size_t i = 0; i < images->size1; i++)
        for (size_t j = 0; j < images->size2; j++)
            images->data[i * images->tda + j] = values[j * images->size1 + i];
}
