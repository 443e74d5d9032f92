/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/png.h"

#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/sniff.h"
#include "data/font.h"
#include "data/image_limits.h"
#include "data/png_decode.h"
#include "invproj/file.h"

#define SIDE_MAX   ((size_t)INT32_MAX) /* the format's own limit */
#define PIXELS_MAX ((size_t)1 << 28)   /* of a sheet */
#define TEXT_MAX   ((size_t)1 << 20)   /* bytes of one text */
#define TEXTS_MAX  ((size_t)1000)      /* libpng reads no more than this many back */
#define KEY_MAX    ((size_t)79)        /* the format's own limit */
#define GAP_GREY   128

/* What is black and what is white in one tile. */
struct range {
    double black, white;
};

/* Compressed bytes, as far as they have come; and what libpng said when it gave up. */
struct sink {
    unsigned char *bytes;
    size_t size, capacity;
    char error[128];
};

/* All that is needed to draw the sheet line by line: it is never in memory whole. */
struct drawing {
    const inv_sheet *sheet;
    const float *images;
    size_t count;
    inv_shape shape;
    size_t width, height; /* of the sheet, in screen pixels */
    struct range *ranges; /* [count] */
    unsigned char *line;  /* [width * channels] */
    png_text *texts;
    size_t text_count;
    struct sink sink;
};

/* --- checks --- */

/* Channels that no picture has stand side by side: *drawn is the shape of what is drawn. */
static inv_status check_shape(const char *path, inv_shape shape, inv_shape *drawn)
{
    size_t width = shape.width;
    *drawn = shape;
    if (shape.width == 0 || shape.height == 0 || shape.channels == 0)
        return INV_ERROR(INV_EINVAL,
                         "%s: an image of %zu x %zu pixels and %zu channels is impossible", path,
                         shape.width, shape.height, shape.channels);
    if (shape.channels != 1 && shape.channels != 3) {
        if (__builtin_mul_overflow(shape.width, shape.channels, &width))
            width = SIZE_MAX;
        *drawn = (inv_shape){shape.height, width, 1};
    }
    if (shape.height > PIXELS_MAX / width)
        return INV_ERROR(INV_EINVAL,
                         "%s: an image of %zu x %zu pixels; at most %zu pixels are possible", path,
                         width, shape.height, PIXELS_MAX);
    return INV_OK;
}

static inv_status check_sheet(const char *path, const inv_sheet *sheet, size_t count)
{
    if (count == 0)
        return INV_ERROR(INV_EINVAL, "%s: a sheet needs at least one image", path);
    if (sheet->columns == 0 || sheet->zoom == 0)
        return INV_ERROR(INV_EINVAL, "%s: columns (%zu) and zoom (%zu) of a sheet are at least 1",
                         path, sheet->columns, sheet->zoom);
    if (!isfinite(sheet->round_to) || sheet->round_to < 0)
        return INV_ERROR(INV_EINVAL, "%s: cannot round to multiples of %g; 0 is for no rounding",
                         path, sheet->round_to);
    switch (sheet->scaling) {
    case INV_SCALING_TILE:
        return INV_OK;
    case INV_SCALING_FIXED:
        /* the difference, because it is what is divided by: two finite ends may lie too far apart
         */
        if (sheet->low < sheet->high && isfinite(sheet->high - sheet->low))
            return INV_OK;
        return INV_ERROR(INV_EINVAL,
                         "%s: black at %g and white at %g is no scale: low < high is needed", path,
                         sheet->low, sheet->high);
    }
    return INV_ERROR(INV_EINVAL, "%s: %d is no scaling of a sheet", path, (int)sheet->scaling);
}

/* The keyword rules of the PNG specification, 11.3.3.1: printable Latin-1, single inner spaces. */
static bool is_keyword(const char *key)
{
    size_t length = strnlen(key, KEY_MAX + 1);
    if (length == 0 || length > KEY_MAX || key[0] == ' ' || key[length - 1] == ' ')
        return false;
    for (const char *c = key; *c; c++) {
        unsigned char u = (unsigned char)*c;
        if (u < 32 || (u > 126 && u < 161) || (u == ' ' && c[1] == ' '))
            return false;
    }
    return true;
}

static inv_status check_texts(const char *path, const inv_png_text *texts, size_t count)
{
    if (count > TEXTS_MAX)
        return INV_ERROR(INV_EINVAL, "%s: %zu texts for a picture; at most %zu are possible", path,
                         count, TEXTS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!texts[i].key || !is_keyword(texts[i].key))
            return INV_ERROR(INV_EINVAL,
                             "%s: \"%.100s\" is no keyword: 1 to %zu printable characters, "
                             "without spaces at an end or two in a row",
                             path, texts[i].key ? texts[i].key : "", KEY_MAX);
        if (!texts[i].value || strnlen(texts[i].value, TEXT_MAX + 1) > TEXT_MAX)
            return INV_ERROR(INV_EINVAL, "%s: text \"%s\" is missing or longer than %zu bytes",
                             path, texts[i].key, TEXT_MAX);
    }
    return INV_OK;
}

/* A letter and the space after it, and a line with space above and below, in screen pixels. */
#define LETTER_WIDTH   (INV_FONT_WIDTH + 1)
#define CAPTION_HEIGHT (INV_FONT_HEIGHT + 3)
#define CAPTION_GREY   255

static size_t caption_height(const inv_sheet *sheet)
{
    return sheet->captions ? CAPTION_HEIGHT : 0;
}

/* tiles * (pixels * zoom + more) + (tiles + 1) * gap; false if that is more than a PNG can be wide.
 */
static bool side_length(size_t tiles, size_t pixels, size_t zoom, size_t more, size_t gap,
                        size_t *out)
{
    size_t drawn = 0, gaps = 0, side = 0;
    if (__builtin_mul_overflow(pixels, zoom, &drawn) ||
        __builtin_add_overflow(drawn, more, &drawn) ||
        __builtin_mul_overflow(tiles, drawn, &drawn) || tiles == SIZE_MAX ||
        __builtin_mul_overflow(tiles + 1, gap, &gaps) ||
        __builtin_add_overflow(drawn, gaps, &side) || side > SIDE_MAX)
        return false;
    *out = side;
    return true;
}

/* Once this has passed, no product of count, shape, columns and zoom overflows. */
static inv_status measure_sheet(const char *path, struct drawing *d)
{
    const inv_sheet *s = d->sheet;
    size_t rows = d->count / s->columns + (d->count % s->columns != 0);
    if (!side_length(s->columns, d->shape.width, s->zoom, 0, s->gap, &d->width) ||
        !side_length(rows, d->shape.height, s->zoom, caption_height(s), s->gap, &d->height) ||
        d->height > PIXELS_MAX / d->width)
        return INV_ERROR(
            INV_EINVAL,
            "%s: %zu x %zu tiles of %zu x %zu pixels, zoom %zu, gap %zu, make a sheet of "
            "more than %zu pixels",
            path, s->columns, rows, d->shape.width, d->shape.height, s->zoom, s->gap, PIXELS_MAX);
    return INV_OK;
}

/* --- from value to grey --- */

/* The nearest multiple of `step`, of two equally near the even one (as numpy.around); v if step is
 * 0. */
static double rounded(double v, double step)
{
    if (step == 0)
        return v;
    double multiple = v / step;
    /* beyond 2^53 every double is a multiple already, and the quotient may be infinite */
    return fabs(multiple) < 0x1p53 ? rint(multiple) * step : v;
}

/* grey = floor(255 t + 1/2), t = (v - black) / (white - black) clipped to [0, 1] */
static unsigned char grey_of(double v, struct range range)
{
    if (v <= range.black)
        return 0;
    if (v >= range.white)
        return 255;
    return (unsigned char)((v - range.black) / (range.white - range.black) * 255.0 + 0.5);
}

/* Rounding is monotone, so the ends of the rounded values are the rounded ends. */
static inv_status measure_tiles(const char *path, struct drawing *d)
{
    size_t size = inv_shape_size(d->shape);
    for (size_t tile = 0; tile < d->count; tile++) {
        const float *values = d->images + tile * size;
        float minimum = values[0], maximum = values[0];
        for (size_t i = 0; i < size; i++) {
            if (!isfinite(values[i]))
                return INV_ERROR(INV_ENUMERIC, "%s: tile %zu (from 0): value %zu of it is %g", path,
                                 tile, i, (double)values[i]);
            minimum = values[i] < minimum ? values[i] : minimum;
            maximum = values[i] > maximum ? values[i] : maximum;
        }
        if (d->sheet->scaling == INV_SCALING_FIXED)
            d->ranges[tile] = (struct range){d->sheet->low, d->sheet->high};
        else
            d->ranges[tile] = (struct range){rounded(minimum, d->sheet->round_to),
                                             rounded(maximum, d->sheet->round_to)};
    }
    return INV_OK;
}

/* One row of pixels of one tile, each `zoom` wide. */
static void draw_tile_row(const struct drawing *d, size_t tile, size_t row, unsigned char *out)
{
    size_t channels = d->shape.channels, length = d->shape.width * channels;
    const float *values = d->images + tile * inv_shape_size(d->shape) + row * length;
    for (size_t x = 0; x < length; x += channels) {
        unsigned char pixel[3] = {0};
        for (size_t c = 0; c < channels; c++)
            pixel[c] = grey_of(rounded(values[x + c], d->sheet->round_to), d->ranges[tile]);
        for (size_t z = 0; z < d->sheet->zoom; z++, out += channels)
            memcpy(out, pixel, channels);
    }
}

/* A character of several bytes has one mark. */
static bool is_continued(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t inv_png_caption_width(const char *caption)
{
    size_t letters = 0;
    for (; *caption; caption++)
        letters += !is_continued(*caption);
    return letters * LETTER_WIDTH;
}

/* One row of dots of what is written under a tile; what is too long for it is cut. */
static void draw_caption_row(const struct drawing *d, const char *text, size_t row,
                             unsigned char *out)
{
    const size_t width = d->shape.width * d->sheet->zoom, channels = d->shape.channels;
    if (row < 1 || row > INV_FONT_HEIGHT)
        return;
    for (size_t i = 0; *text && (i + 1) * LETTER_WIDTH <= width; text++) {
        if (is_continued(*text))
            continue;
        for (size_t x = 0; x < INV_FONT_WIDTH; x++)
            if (inv_font_dot(*text, row - 1, x))
                memset(out + (i * LETTER_WIDTH + x) * channels, CAPTION_GREY, channels);
        i++;
    }
}

/* Makes d->line the screen line `y` of the sheet. Lines come in order: a zoomed row is drawn once.
 */
static void draw_line(struct drawing *d, size_t y)
{
    const inv_sheet *s = d->sheet;
    const size_t channels = d->shape.channels, drawn = s->gap + d->shape.height * s->zoom;
    /* counted from the gap above each row of tiles */
    const size_t pitch = drawn + caption_height(s), tile_row = y / pitch, below = y % pitch;
    if (below > s->gap && below < drawn && (below - s->gap) % s->zoom != 0)
        return;
    memset(d->line, GAP_GREY, d->width * channels);
    if (below < s->gap)
        return;
    size_t first = tile_row * s->columns, stride = (d->shape.width * s->zoom + s->gap) * channels;
    unsigned char *out = d->line + s->gap * channels;
    for (size_t i = 0; i < s->columns && first + i < d->count; i++, out += stride)
        if (below < drawn)
            draw_tile_row(d, first + i, (below - s->gap) / s->zoom, out);
        else
            draw_caption_row(d, s->captions[first + i], below - drawn, out);
}

/* --- encoding --- */

static void keep_error(png_structp png, png_const_charp why)
{
    struct sink *sink = png_get_error_ptr(png);
    snprintf(sink->error, sizeof sink->error, "%s", why);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp why)
{
    (void)png;
    (void)why;
}

static void take_bytes(png_structp png, png_bytep bytes, size_t size)
{
    struct sink *sink = png_get_io_ptr(png);
    if (size > SIZE_MAX / 4 - sink->size)
        png_error(png, "size overflows");
    if (sink->size + size > sink->capacity) {
        size_t capacity = 2 * (sink->size + size) + 4096;
        unsigned char *grown = realloc(sink->bytes, capacity);
        if (!grown)
            png_error(png, "no memory for the compressed picture");
        sink->bytes = grown;
        sink->capacity = capacity;
    }
    memcpy(sink->bytes + sink->size, bytes, size);
    sink->size += size;
}

/* zlib's level: with its 6 a sheet takes four times as long, for a fifth less */
#define COMPRESSION 3

static void write_picture(png_structp png, png_infop info, struct drawing *d)
{
    png_set_compression_level(png, COMPRESSION);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP); /* a pixel is several lines high */
    png_set_write_fn(png, &d->sink, take_bytes, NULL);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, info, (png_uint_32)d->width, (png_uint_32)d->height, 8,
                 d->shape.channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_text(png, info, d->texts, (int)d->text_count);
    png_write_info(png, info);
    for (size_t y = 0; y < d->height; y++) {
        draw_line(d, y);
        png_write_row(png, d->line);
    }
    png_write_end(png, info);
}

/* The one function libpng's errors jump back to; it has no variables a jump could spoil. */
static bool write_guarded(png_structp png, png_infop info, struct drawing *d)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    write_picture(png, info, d);
    return true;
}

/* With sizes and texts checked, lack of memory is all that is left to fail. */
static inv_status encode(const char *path, struct drawing *d)
{
    inv_status status = INV_OK;
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &d->sink, keep_error, ignore_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info)
        status = INV_ERROR(INV_ENOMEM, "%s: libpng does not start: %s", path,
                           *d->sink.error ? d->sink.error : "no memory");
    else if (!write_guarded(png, info, d))
        status = INV_ERROR(INV_ENOMEM, "%s: libpng cannot encode it: %s", path, d->sink.error);
    png_destroy_write_struct(&png, &info);
    return status;
}

/* --- texts --- */

static void describe_scaling(const inv_sheet *sheet, char *out, size_t size)
{
    char rounding[64] = "";
    if (sheet->round_to > 0)
        snprintf(rounding, sizeof rounding, "; rounded to multiples of %.9g first",
                 sheet->round_to);
    if (sheet->scaling == INV_SCALING_FIXED)
        snprintf(out, size, "fixed: %.9g is black, %.9g is white; values beyond are clipped%s",
                 sheet->low, sheet->high, rounding);
    else
        snprintf(out, size, "each tile its own range: its minimum is black, its maximum white%s",
                 rounding);
}

/* libpng takes texts as char * and copies them; it changes none. */
static png_text plain_text(const char *key, const char *value)
{
    return (png_text){.compression = PNG_TEXT_COMPRESSION_NONE,
                      .key = (char *)key,
                      .text = (char *)value,
                      .text_length = strlen(value)};
}

static void arrange_texts(struct drawing *d, const char *scaling, const inv_png_text *texts)
{
    size_t last = d->text_count - 1;
    d->texts[0] = plain_text("Scaling", scaling);
    for (size_t i = 1; i < last; i++)
        d->texts[i] = plain_text(texts[i - 1].key, texts[i - 1].value);
    d->texts[last] = plain_text("Software", "invproj");
}

/* --- channels that no picture has --- */

/* Pixel (y, c width + x) of a grey image is pixel (y, x) of channel c; the caller frees *out. */
static inv_status lay_side_by_side(const float *images, size_t count, inv_shape shape, float **out)
{
    const size_t channels = shape.channels, area = shape.height * shape.width;
    void *memory = NULL;
    inv_status status = inv_calloc(count, area * channels * sizeof(float), "a sheet", &memory);
    if (status != INV_OK)
        return status;
    *out = memory;
    for (size_t i = 0; i < count * area; i++) { /* each pixel, in the order of the images */
        const size_t row = i / shape.width, x = i % shape.width;
        for (size_t c = 0; c < channels; c++)
            (*out)[(row * channels + c) * shape.width + x] = images[i * channels + c];
    }
    return INV_OK;
}

/* --- writing and reading --- */

inv_status inv_png_check_sheet(const char *path, const inv_sheet *sheet, size_t count,
                               inv_shape shape)
{
    struct drawing d = {.sheet = sheet, .count = count, .shape = shape};
    inv_status status = check_shape(path, shape, &d.shape);
    if (status == INV_OK)
        status = check_sheet(path, sheet, count);
    return status == INV_OK ? measure_sheet(path, &d) : status;
}

inv_status inv_png_write_sheet(const char *path, const inv_sheet *sheet, const float *images,
                               size_t count, inv_shape shape, const inv_png_text *texts,
                               size_t text_count)
{
    inv_status status = INV_OK;
    float *beside = NULL;
    struct drawing d = {.sheet = sheet, .images = images, .count = count, .shape = shape};
    char scaling[192];
    INV_TRY(check_shape(path, shape, &d.shape));
    INV_TRY(check_sheet(path, sheet, count));
    INV_TRY(check_texts(path, texts, text_count));
    INV_TRY(measure_sheet(path, &d));
    if (d.shape.channels != shape.channels) {
        INV_TRY(lay_side_by_side(images, count, shape, &beside));
        d.images = beside;
    }
    d.text_count = text_count + 2;
    INV_TRY(
        inv_calloc(count, sizeof *d.ranges, "the ranges of a sheet's tiles", (void **)&d.ranges));
    INV_TRY(inv_calloc(d.width, d.shape.channels, "a line of a sheet", (void **)&d.line));
    INV_TRY(inv_calloc(d.text_count, sizeof *d.texts, "the texts of a sheet", (void **)&d.texts));
    INV_TRY(measure_tiles(path, &d));
    describe_scaling(sheet, scaling, sizeof scaling);
    arrange_texts(&d, scaling, texts);
    INV_TRY(encode(path, &d));
    INV_TRY(inv_file_replace(path, d.sink.bytes, d.sink.size));
done:
    free(beside);
    free(d.ranges);
    free(d.line);
    free(d.texts);
    free(d.sink.bytes);
    return status;
}

inv_status inv_png_tile(const char *path, const inv_sheet *scale, const float *image,
                        inv_shape shape, unsigned char **bytes, size_t *size)
{
    const inv_sheet sheet = {.columns = 1,
                             .zoom = 1,
                             .scaling = scale->scaling,
                             .low = scale->low,
                             .high = scale->high,
                             .round_to = scale->round_to};
    struct range range;
    struct drawing d = {
        .sheet = &sheet, .images = image, .count = 1, .shape = shape, .ranges = &range};
    float *beside = NULL;
    inv_status status = INV_OK;
    INV_TRY(check_shape(path, shape, &d.shape));
    INV_TRY(check_sheet(path, &sheet, 1));
    INV_TRY(measure_sheet(path, &d));
    if (d.shape.channels != shape.channels) {
        INV_TRY(lay_side_by_side(image, 1, shape, &beside));
        d.images = beside;
    }
    INV_TRY(inv_calloc(d.width, d.shape.channels, "a line of a picture", (void **)&d.line));
    INV_TRY(measure_tiles(path, &d));
    INV_TRY(encode(path, &d));
    *bytes = d.sink.bytes;
    *size = d.sink.size;
    d.sink.bytes = NULL;
done:
    free(beside);
    free(d.line);
    free(d.sink.bytes);
    return status;
}

static size_t big_endian(const unsigned char *at)
{
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

/* Each chunk is length, type, data, checksum of type and data; the last is IEND. libpng's
 * simplified API stops at the last line of pixels, and so leaves the checksum and what follows
 * unread. */
static inv_status check_chunks(const char *path, const unsigned char *bytes, size_t size)
{
    for (size_t at = 8; size - at >= 12;) {
        size_t length = big_endian(bytes + at);
        if (length > size - at - 12)
            break;
        const unsigned char *type = bytes + at + 4;
        if (crc32(0, type, (uInt)(length + 4)) != big_endian(type + 4 + length))
            return INV_ERROR(INV_EFORMAT,
                             "%s: damaged PNG file: wrong checksum in the chunk at byte %zu", path,
                             at);
        if (memcmp(type, "IEND", 4) == 0)
            return INV_OK;
        at += length + 12;
    }
    return INV_ERROR(INV_EFORMAT, "%s: damaged PNG file: it ends too early", path);
}

/* Opens `image` over the file's bytes and tells its shape. */
static inv_status begin_read(const char *path, const unsigned char *bytes, size_t size,
                             png_image *image, inv_shape *shape)
{
    const inv_kind *kind = inv_sniff(bytes, size);
    if (size < 8 || png_sig_cmp(bytes, 0, 8) != 0)
        return INV_ERROR(INV_EFORMAT, "%s: not a PNG file%s%s", path, kind ? " but " : "",
                         kind ? kind->what : "");
    inv_status status = check_chunks(path, bytes, size);
    if (status != INV_OK)
        return status;
    if (!png_image_begin_read_from_memory(image, bytes, size))
        return INV_ERROR(INV_EFORMAT, "%s: PNG file cannot be decoded: %s", path, image->message);
    const bool colour = image->format & PNG_FORMAT_FLAG_COLOR;
    *shape = (inv_shape){image->height, image->width, colour ? 3 : 1};
    if (shape->height > IMAGE_PIXELS_MAX / shape->width)
        return INV_ERROR(INV_EDATA, "%s: %zu x %zu pixels; at most %zu are read: make it smaller",
                         path, shape->width, shape->height, IMAGE_PIXELS_MAX);
    /* with alpha, because libpng's own laying over a colour is off by 20 greys in the dark */
    image->format = colour ? PNG_FORMAT_RGBA : PNG_FORMAT_GA;
    /* Without this, libpng takes 16-bit samples that come without a gamma for linear light; the
     * programs that write such files mean the same curve as with 8 bits. */
    image->flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    return INV_OK;
}

/* value = sample / 255 * alpha / 255 + ground * (1 - alpha / 255), the way browsers and Pillow lay
 * a picture over a ground */
static void lay_over(const unsigned char *pixels, inv_shape shape, float ground, float *values)
{
    const size_t area = shape.width * shape.height;
    for (size_t i = 0; i < area; i++, pixels += shape.channels + 1) {
        const int alpha = pixels[shape.channels];
        for (size_t c = 0; c < shape.channels; c++)
            *values++ = ((float)(pixels[c] * alpha) + ground * 255.0f * (float)(255 - alpha)) /
                        (255.0f * 255.0f);
    }
}

inv_status inv_png_is(const char *path, bool *is)
{
    unsigned char start[8];
    size_t size = 0, got = 0;
    int fd = -1;
    inv_status status = inv_file_open(path, &fd, &size);
    if (status == INV_OK)
        status = inv_file_fill(path, fd, start, sizeof start, &got);
    *is = status == INV_OK && got == sizeof start && png_sig_cmp(start, 0, sizeof start) == 0;
    if (fd >= 0)
        close(fd);
    return status;
}

inv_status inv_png_decode(const char *path, const unsigned char *bytes, size_t size, float ground,
                          inv_shape *shape, float **values)
{
    inv_status status = INV_OK;
    png_image image = {.version = PNG_IMAGE_VERSION};
    void *pixels = NULL, *memory = NULL;
    *values = NULL;
    INV_TRY(begin_read(path, bytes, size, &image, shape));
    const size_t area = shape->width * shape->height;
    INV_TRY(inv_calloc(area, shape->channels + 1, "the pixels of a picture", &pixels));
    INV_TRY(inv_calloc(area, shape->channels * sizeof(float), "a picture", &memory));
    if (!png_image_finish_read(&image, NULL, pixels, 0, NULL))
        INV_FAIL(INV_EFORMAT, "%s: PNG file cannot be decoded: %s", path, image.message);
    lay_over(pixels, *shape, ground, memory);
    *values = memory;
    memory = NULL;
done:
    png_image_free(&image);
    free(memory);
    free(pixels);
    return status;
}

inv_status inv_png_read(const char *path, float ground, inv_shape *shape, float **values)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    *values = NULL;
    inv_status status = inv_file_read(path, IMAGE_BYTES_MAX, &bytes, &size);
    if (status == INV_OK)
        status = inv_png_decode(path, bytes, size, ground, shape, values);
    free(bytes);
    return status;
}
