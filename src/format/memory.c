/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/memory.h"

#include <stdbool.h>
#include <stdio.h>

#define IMAGE_STEP ((size_t)1 << 18)

/* No file can have such a name. */
static void name_image(const void *owner, char name[64])
{
    snprintf(name, 64, "/dev/null/%p", owner);
}

/* Properties of files in memory, laid out as every HDF5 from 1.8 on can read them. */
static hid_t in_memory(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && (H5Pset_fapl_core(access, IMAGE_STEP, 0) < 0 ||
                        H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) < 0)) {
        H5Pclose(access);
        access = H5I_INVALID_HID;
    }
    return access;
}

hid_t inv_memory_open(const void *owner, void *image, size_t size)
{
    char name[64];
    hid_t file = H5I_INVALID_HID, access = in_memory();
    name_image(owner, name);
    if (access < 0)
        return file;
    if (!image)
        file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    else if (H5Pset_file_image(access, image, size) >= 0)
        file = H5Fopen(name, H5F_ACC_RDWR, access);
    H5Pclose(access);
    return file;
}

/* ---- without a copy: what HDF5 asks for to copy the image is the image itself ---- */

static void *view_malloc(size_t size, H5FD_file_image_op_t op, void *image)
{
    (void)size;
    (void)op;
    return image;
}

static void *view_memcpy(void *to, const void *from, size_t size, H5FD_file_image_op_t op,
                         void *image)
{
    (void)from;
    (void)size;
    (void)op;
    (void)image;
    return to;
}

static void *view_realloc(void *memory, size_t size, H5FD_file_image_op_t op, void *image)
{
    (void)memory;
    (void)size;
    (void)op;
    (void)image;
    return NULL; /* it is only read */
}

static herr_t view_free(void *memory, H5FD_file_image_op_t op, void *image)
{
    (void)memory;
    (void)op;
    (void)image;
    return 0;
}

static void *view_copy(void *image)
{
    return image;
}

static herr_t view_release(void *image)
{
    (void)image;
    return 0;
}

hid_t inv_memory_view(void *image, size_t size)
{
    char name[64];
    H5FD_file_image_callbacks_t own = {view_malloc, view_memcpy,  view_realloc, view_free,
                                       view_copy,   view_release, image};
    hid_t file = H5I_INVALID_HID, access = in_memory();
    name_image(image, name);
    if (access < 0)
        return file;
    if (H5Pset_file_image_callbacks(access, &own) >= 0 &&
        H5Pset_file_image(access, image, size) >= 0)
        file = H5Fopen(name, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return file;
}
