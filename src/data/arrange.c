/* The axes of images, brought into the order that everything else works on.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "invproj/dataset.h"

const inv_choice inv_axes_names[] = {
    {"nhwc", "channels come last"}, {"nchw", "channels come before height and width"}, {0}};

inv_shape inv_images_shape(const inv_idx *images)
{
    if (images->rank == 2)
        return (inv_shape){1, images->dims[1], 1};
    return (inv_shape){images->dims[1], images->dims[2], images->rank == 4 ? images->dims[3] : 1};
}

static bool may_be_channels(size_t size)
{
    return size == 1 || size == 3;
}

/* Which of inv_axes_names they are: as told, or by the only axis that may be channels. */
static inv_status find_axes(const char *where, const inv_idx *images, const char *told,
                            const char **axes)
{
    const size_t *d = images->dims;
    const bool first = may_be_channels(d[1]), last = may_be_channels(d[3]);
    *axes = *told ? told : first ? "nchw" : "nhwc";
    if (*told || first != last)
        return INV_OK;
    return INV_ERROR(INV_EDATA,
                     "%s: %zu x %zu x %zu x %zu: the sizes do not tell which axis is the channels; "
                     "set data.axes to \"nhwc\" (they are last) or \"nchw\" (they are second)",
                     where, d[0], d[1], d[2], d[3]);
}

/* One image, read in steps of so many elements. */
typedef struct steps {
    size_t sizes[3];   /* of the axes that the image is to have: height, width, channels */
    size_t strides[3]; /* from one element to the next along each, in what is read */
} steps;

static void copy_image(const steps *s, size_t width, const unsigned char *from, unsigned char *to)
{
    for (size_t y = 0; y < s->sizes[0]; y++)
        for (size_t x = 0; x < s->sizes[1]; x++)
            for (size_t c = 0; c < s->sizes[2]; c++, to += width) {
                const size_t at = y * s->strides[0] + x * s->strides[1] + c * s->strides[2];
                memcpy(to, from + at * width, width);
            }
}

/* Rearranges every image in place, by way of a copy of it. */
static inv_status rearrange(const char *where, const steps *s, inv_idx *images)
{
    const size_t width = inv_idx_type_size(images->type);
    const size_t bytes = images->size / images->dims[0] * width;
    void *copy = NULL;
    inv_status status = inv_calloc(bytes, 1, where, &copy);
    if (status != INV_OK)
        return status;
    unsigned char *image = images->data;
    for (size_t i = 0; i < images->dims[0]; i++, image += bytes) {
        memcpy(copy, image, bytes);
        copy_image(s, width, copy, image);
    }
    free(copy);
    return INV_OK;
}

inv_status inv_images_arrange(const char *where, const char *axes, bool transpose, inv_idx *images,
                              const char **read_as)
{
    const bool has_channels = images->rank == 4;
    const char *found = "";
    inv_status status = INV_OK;
    *read_as = "";
    if (*axes && strcmp(axes, "nhwc") != 0 && strcmp(axes, "nchw") != 0)
        return INV_ERROR(INV_EINVAL, "%s: '%s' is not an order of axes; use nhwc or nchw", where,
                         axes);
    if (images->rank < 2)
        return INV_ERROR(
            INV_EFORMAT,
            "%s: holds an array of 1 dimension, but images have 3, or 4 with channels, "
            "or 2 where each is one line",
            where);
    if (images->rank == 2 && transpose)
        return INV_ERROR(INV_EDATA, "%s: data.transpose: its images are one line each", where);
    if (has_channels)
        INV_TRY(find_axes(where, images, axes, &found));
    *read_as = found;
    size_t *d = images->dims;
    const bool first = strcmp(found, "nchw") == 0;
    if (images->rank == 2 || (!first && !transpose))
        return INV_OK;
    const size_t channels = !has_channels ? 1 : first ? d[1] : d[3];
    const size_t rows = first ? d[2] : d[1], columns = first ? d[3] : d[2];
    const size_t down = first ? columns : columns * channels, across = first ? 1 : channels;
    const steps s = {
        {transpose ? columns : rows, transpose ? rows : columns, channels},
        {transpose ? across : down, transpose ? down : across, first ? rows * columns : 1}};
    INV_TRY(rearrange(where, &s, images));
    d[1] = s.sizes[0];
    d[2] = s.sizes[1];
    if (has_channels)
        d[3] = channels;
done:
    return status;
}
