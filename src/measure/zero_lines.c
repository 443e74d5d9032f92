/* Images to hold inverses against: what knows all of a test image, and what knows next to nothing.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "invproj/measure.h"

#define ROWS 100 /* read at a time */

const inv_choice inv_zero_lines[INV_ZERO_LINES + 1] = {
    [INV_ZERO_REAL] = {"real", "the test images themselves"},
    [INV_ZERO_MEAN] = {"mean", "the mean training image"},
    [INV_ZERO_CLASS] = {"class-mean", "the mean training image of the test image's class"},
    {0}};

/* sum[group] += the images of each group, which is their class or, of all, 0. */
static inv_status add_up(const inv_part *part, bool by_class, double *sum, double *count)
{
    gsl_matrix_float *x = NULL;
    inv_status status = inv_mat_alloc(ROWS, part->pixels, "images", &x);
    if (status != INV_OK)
        return status;
    for (size_t n, first = 0; first < part->count; first += n) {
        n = part->count - first < ROWS ? part->count - first : ROWS;
        inv_part_rows(part, first, n, x);
        for (size_t i = 0; i < n; i++) {
            const size_t group = by_class ? part->labels[first + i] : 0;
            count[group] += 1.0;
            for (size_t j = 0; j < part->pixels; j++)
                sum[group * part->pixels + j] += x->data[i * x->tda + j];
        }
    }
    inv_mat_free(x);
    return INV_OK;
}

/* images[i] = the mean of the training images of i's group; black where there are none. */
static inv_status put_means(const inv_dataset *data, bool by_class, gsl_matrix_float *images)
{
    const size_t groups = by_class ? data->classes : 1, pixels = data->train.pixels;
    void *memory = NULL;
    inv_status status = inv_calloc(groups, (pixels + 1) * sizeof(double), "means", &memory);
    if (status != INV_OK)
        return status;
    double *count = memory, *sum = count + groups;
    status = add_up(&data->train, by_class, sum, count);
    for (size_t i = 0; status == INV_OK && i < images->size1; i++) {
        const size_t group = by_class ? data->test.labels[i] : 0;
        for (size_t j = 0; j < pixels; j++)
            images->data[i * images->tda + j] =
                (float)(count[group] > 0.0 ? sum[group * pixels + j] / count[group]
                                           : data->pixels.black);
    }
    free(memory);
    return status;
}

inv_status inv_zero_images(const inv_dataset *data, size_t line, gsl_matrix_float *images)
{
    if (line >= INV_ZERO_LINES || images->size1 > data->test.count ||
        images->size2 != data->test.pixels)
        return INV_ERROR(INV_EINVAL, "zero lines: %zu images of %zu pixels; there are %zu of %zu",
                         images->size1, images->size2, data->test.count, data->test.pixels);
    if (line != INV_ZERO_REAL)
        return put_means(data, line == INV_ZERO_CLASS, images);
    inv_part_rows(&data->test, 0, images->size1, images);
    return INV_OK;
}
