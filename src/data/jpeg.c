/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/jpeg.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "data/image_limits.h"

#define EXIF_MARKER      (JPEG_APP0 + 1)
#define EXIF_ORIENTATION 0x0112
#define EXIF_SHORT       3
#define ENTRY_BYTES      12

/* What libjpeg said when it gave up, or of what it went on with. */
typedef struct trouble {
    struct jpeg_error_mgr base; /* first, as libjpeg gives out this address */
    jmp_buf back;
    char message[JMSG_LENGTH_MAX];
} trouble;

/* ---- which way up it was held ---- */

/* A whole number of `bytes` bytes at `at`, in the byte order of the TIFF header. */
static size_t number(const unsigned char *at, size_t bytes, bool big)
{
    size_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[big ? i : bytes - 1 - i];
    return value;
}

/* The orientation that an Exif segment tells, 1 to 8; 1 where it tells none. "Exif", two NULs, then a
 * TIFF file: "II" or "MM" for its byte order, 42, and where its first directory starts, which is a
 * count and entries of tag, type, count and value. JEITA CP-3451, Exif 2.2, sections 4.5 and 4.6. */
static int orientation_in(const unsigned char *data, size_t size)
{
    if (size < 14 || memcmp(data, "Exif\0\0", 6) != 0)
        return 1;
    const unsigned char *tiff = data + 6;
    const size_t length = size - 6;
    const bool big = tiff[0] == 'M';
    const size_t at = number(tiff + 4, 4, big);
    if (memcmp(tiff, big ? "MM" : "II", 2) != 0 || at > length || length - at < 2)
        return 1;
    const size_t count = number(tiff + at, 2, big);
    for (size_t i = 0; i < count && (i + 1) * ENTRY_BYTES <= length - at - 2; i++) {
        const unsigned char *entry = tiff + at + 2 + i * ENTRY_BYTES;
        const size_t value = number(entry + 8, 2, big);
        if (number(entry, 2, big) == EXIF_ORIENTATION && number(entry + 2, 2, big) == EXIF_SHORT)
            return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

static int orientation_of(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next)
        if (m->marker == EXIF_MARKER && m->data_length >= 6 && memcmp(m->data, "Exif", 5) == 0)
            return orientation_in(m->data, m->data_length);
    return 1;
}

/* Turns an image as its orientation says. The first row and the first column of what is stored are
 * the image's 1 top and left, 2 top and right, 3 bottom and right, 4 bottom and left, 5 left and top,
 * 6 right and top, 7 right and bottom, 8 left and bottom sides: from 5 on, rows and columns change
 * places. `to` has as many values. */
static void turn(int orientation, inv_shape *shape, const float *from, float *to)
{
    const inv_shape s = *shape;
    const bool swap = orientation >= 5;
    const inv_shape t = {swap ? s.width : s.height, swap ? s.height : s.width, s.channels};
    const bool from_right =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool from_below =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    for (size_t y = 0; y < t.height; y++)
        for (size_t x = 0; x < t.width; x++) {
            size_t row = swap ? x : y, column = swap ? y : x;
            row = from_below ? s.height - 1 - row : row;
            column = from_right ? s.width - 1 - column : column;
            memcpy(to + (y * t.width + x) * t.channels,
                   from + (row * s.width + column) * s.channels, s.channels * sizeof *to);
        }
    *shape = t;
}

/* ---- decoding ---- */

static void give_up(j_common_ptr jpeg)
{
    trouble *t = (trouble *)jpeg->err;
    jpeg->err->format_message(jpeg, t->message);
    longjmp(t->back, 1);
}

/* A warning is of damaged data, but for bytes that stand where none should, which some cameras leave. */
static void heed(j_common_ptr jpeg, int level)
{
    trouble *t = (trouble *)jpeg->err;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    if (level < 0 && !strstr(message, "extraneous bytes") && !*t->message)
        memcpy(t->message, message, sizeof message);
}

/* Everything until the first row; false where libjpeg gave up. Functions that call setjmp have no
 * variables that a jump could spoil. */
static bool begin(struct jpeg_decompress_struct *jpeg, trouble *t, const unsigned char *bytes,
                  size_t size)
{
    if (setjmp(t->back))
        return false;
    jpeg_create_decompress(jpeg);
    jpeg_save_markers(jpeg, EXIF_MARKER, 0xffff);
    jpeg_mem_src(jpeg, bytes, size);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->num_components > 3) { /* nobody has said of what colours: there is no message */
        t->message[0] = '\0';
        return false;
    }
    jpeg->out_color_space = jpeg->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    while ((size_t)jpeg->image_width * jpeg->image_height / jpeg->scale_denom / jpeg->scale_denom >
               IMAGE_PIXELS_MAX &&
           jpeg->scale_denom < 8)
        jpeg->scale_denom *= 2;
    jpeg_start_decompress(jpeg);
    return true;
}

/* The rows, as values from 0 to 1. */
static bool read_rows(struct jpeg_decompress_struct *jpeg, trouble *t, unsigned char *line,
                      float *values)
{
    if (setjmp(t->back))
        return false;
    while (jpeg->output_scanline < jpeg->output_height) {
        const size_t n = (size_t)jpeg->output_width * (size_t)jpeg->output_components;
        float *row = values + jpeg->output_scanline * n;
        jpeg_read_scanlines(jpeg, &line, 1);
        for (size_t i = 0; i < n; i++)
            row[i] = (float)line[i] / 255.0f;
    }
    jpeg_finish_decompress(jpeg);
    return true;
}

static inv_status damaged(const char *path, const trouble *t)
{
    return *t->message ? INV_ERROR(INV_EFORMAT, "%s: damaged JPEG file: %s", path, t->message)
                       : INV_ERROR(INV_EFORMAT,
                                   "%s: a JPEG file of four colours (CMYK); save it as RGB", path);
}

static inv_status decode(const char *path, struct jpeg_decompress_struct *jpeg, trouble *t,
                         inv_shape *shape, float **values)
{
    void *line = NULL, *stored = NULL, *turned = NULL;
    inv_status status = INV_OK;
    *shape = (inv_shape){jpeg->output_height, jpeg->output_width, (size_t)jpeg->output_components};
    if (shape->height > IMAGE_PIXELS_MAX / shape->width)
        return INV_ERROR(INV_EDATA, "%s: %u x %u pixels are too many: make it smaller", path,
                         jpeg->image_width, jpeg->image_height);
    const size_t size = inv_shape_size(*shape);
    const int orientation = orientation_of(jpeg); /* which goes with the end of decoding */
    INV_TRY(inv_calloc(shape->width, shape->channels, "a line of a picture", &line));
    INV_TRY(inv_calloc(size, sizeof(float), "a picture", &stored));
    if (!read_rows(jpeg, t, line, stored) || *t->message)
        INV_FAIL(INV_EFORMAT, "%s: damaged JPEG file: %s", path, t->message);
    if (orientation > 1) {
        INV_TRY(inv_calloc(size, sizeof(float), "a picture", &turned));
        turn(orientation, shape, stored, turned);
    }
    *values = turned ? turned : stored;
    if (!turned)
        stored = NULL;
done:
    free(line);
    free(stored);
    return status;
}

inv_status inv_jpeg_decode(const char *path, const unsigned char *bytes, size_t size,
                           inv_shape *shape, float **values)
{
    struct jpeg_decompress_struct jpeg = {0};
    trouble t = {0};
    inv_status status = INV_OK;
    *values = NULL;
    jpeg.err = jpeg_std_error(&t.base);
    t.base.error_exit = give_up;
    t.base.emit_message = heed;
    if (!begin(&jpeg, &t, bytes, size))
        status = damaged(path, &t);
    else
        status = decode(path, &jpeg, &t, shape, values);
    jpeg_destroy_decompress(&jpeg);
    return status;
}
