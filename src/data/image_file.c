/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/image_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/sniff.h"
#include "data/image_limits.h"
#include "data/jpeg.h"
#include "data/png_decode.h"
#include "invproj/file.h"

/* The first bytes of a JPEG file: a marker for its start, and the first byte of another. ITU-T T.81,
 * annex B. */
static const unsigned char jpeg_start[] = {0xff, 0xd8, 0xff};
static const unsigned char png_start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static bool begins(const unsigned char *bytes, size_t size, const unsigned char *with, size_t n)
{
    return size >= n && memcmp(bytes, with, n) == 0;
}

static bool is_jpeg(const unsigned char *bytes, size_t size)
{
    return begins(bytes, size, jpeg_start, sizeof jpeg_start);
}

static bool is_png(const unsigned char *bytes, size_t size)
{
    return begins(bytes, size, png_start, sizeof png_start);
}

bool inv_image_named(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

inv_status inv_image_is(const char *path, bool *is)
{
    unsigned char start[sizeof png_start];
    size_t size = 0, got = 0;
    int fd = -1;
    inv_status status = inv_file_open(path, &fd, &size);
    if (status == INV_OK)
        status = inv_file_fill(path, fd, start, sizeof start, &got);
    *is = status == INV_OK && (is_png(start, got) || is_jpeg(start, got));
    if (fd >= 0)
        close(fd);
    return status;
}

inv_status inv_image_read(const char *path, float ground, inv_shape *shape, float **values)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    *values = NULL;
    inv_status status = inv_file_read(path, IMAGE_BYTES_MAX, &bytes, &size);
    if (status != INV_OK)
        return status;
    const inv_kind *kind = inv_sniff(bytes, size);
    if (is_jpeg(bytes, size))
        status = inv_jpeg_decode(path, bytes, size, shape, values);
    else if (is_png(bytes, size))
        status = inv_png_decode(path, bytes, size, ground, shape, values);
    else if (kind)
        status = INV_ERROR(INV_EFORMAT, "%s: neither PNG nor JPEG but %s: %s", path, kind->what,
                           kind->remedy);
    else if (size == 0)
        status =
            INV_ERROR(INV_EFORMAT, "%s: truncated to nothing; copy or download it again", path);
    else
        status = INV_ERROR(INV_EFORMAT, "%s: neither a PNG nor a JPEG file", path);
    free(bytes);
    return status;
}
