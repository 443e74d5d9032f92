/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/image_marks.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/run.h"

static herr_t set_attribute(hid_t array, const char *name, hid_t type, hid_t space,
                            const void *value)
{
    if (H5Aexists(array, name) > 0)
        H5Adelete(array, name);
    hid_t attribute = H5Acreate2(array, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t result = attribute < 0 ? -1 : H5Awrite(attribute, type, value);
    H5Aclose(attribute);
    return result;
}

static herr_t set_text(hid_t array, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text) + 1);
    herr_t result = set_attribute(array, name, type, space, text);
    H5Sclose(space);
    H5Tclose(type);
    return result;
}

/* The least and the greatest of all values that are finite. */
static herr_t set_range(hid_t array, const float *values, size_t count)
{
    const hsize_t two = 2;
    float range[2] = {0.0f, 0.0f};
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        range[0] = !any || values[i] < range[0] ? values[i] : range[0];
        range[1] = !any || values[i] > range[1] ? values[i] : range[1];
        any = true;
    }
    hid_t space = H5Screate_simple(1, &two, NULL);
    herr_t result = set_attribute(array, "IMAGE_MINMAXRANGE", H5T_IEEE_F32LE, space, range);
    H5Sclose(space);
    return result;
}

herr_t inv_picture_mark(hid_t array, size_t rank, const size_t *dims, const float *values)
{
    const bool grey = rank == 3, colour = rank == 4 && dims[3] == 3;
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= dims[i];
    if (!grey && !colour)
        return 0;
    if (set_text(array, "CLASS", "IMAGE") < 0 || set_text(array, "IMAGE_VERSION", "1.2") < 0 ||
        set_text(array, "DISPLAY_ORIGIN", "UL") < 0)
        return -1;
    if (grey)
        return set_text(array, "IMAGE_SUBCLASS", "IMAGE_GRAYSCALE") < 0
                   ? -1
                   : set_range(array, values, count);
    return set_text(array, "IMAGE_SUBCLASS", "IMAGE_TRUECOLOR") < 0
               ? -1
               : set_text(array, "INTERLACE_MODE", "INTERLACE_PIXEL");
}

/* ---- format 1 ---- */

/* Colours were marked as grey there, and grey ones said no range. */
static herr_t mark_object(hid_t file, const char *path, const H5O_info_t *info, void *data)
{
    hsize_t sizes[H5S_MAX_RANK] = {0};
    size_t dims[INV_RUN_RANK_MAX] = {0};
    herr_t result = -1;
    (void)data;
    if (info->type != H5O_TYPE_DATASET || H5Aexists_by_name(file, path, "CLASS", H5P_DEFAULT) <= 0)
        return 0;
    hid_t array = H5Dopen2(file, path, H5P_DEFAULT), space = H5Dget_space(array);
    const int rank = H5Sget_simple_extent_dims(space, sizes, NULL);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    for (int i = 0; i < rank && i < INV_RUN_RANK_MAX; i++)
        dims[i] = (size_t)sizes[i];
    float *values = count > 0 ? calloc((size_t)count, sizeof *values) : NULL;
    if (rank == 4 && dims[3] != 3)
        result = H5Adelete(array, "CLASS");
    else if (rank < 3 || rank > 4)
        result = 0;
    else if (values && H5Dread(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0)
        result = inv_picture_mark(array, (size_t)rank, dims, values);
    free(values);
    H5Sclose(space);
    H5Dclose(array);
    return result;
}

herr_t inv_picture_mark_again(hid_t file)
{
    return H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, mark_object, NULL);
}
