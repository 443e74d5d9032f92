/* Sheets and pictures: what inv_png_write_sheet draws is decoded by libpng's simplified API and
 * held to a twin that works out each screen pixel by itself; what inv_png_read reads was written by
 * libpng.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/font.h"
#include "invproj/png.h"

#include <check.h>
#include <math.h>
#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "invproj/file.h"
#include "support.h"

Suite *png_suite(void);

#define READ_LIMIT ((size_t)1 << 26)

static char *folder;

static void setup(void)
{
    folder = support_folder();
}

static void teardown(void)
{
    support_remove(folder);
}

/* The path of `name` in the test's folder; the caller frees it. */
static char *in_folder(const char *name)
{
    char *path = NULL;
    ck_assert_int_ge(asprintf(&path, "%s/%s", folder, name), 0);
    return path;
}

static void *take(size_t count, size_t size)
{
    void *block = calloc(count, size);
    ck_assert_ptr_nonnull(block);
    return block;
}

/* n values between about -0.9 and 1.7, no two alike; the caller frees them. */
static float *irregular(size_t n)
{
    float *values = take(n, sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = 0.37f + 1.27f * sinf(12.9898f * (float)i + 0.21f);
    return values;
}

/* --- sheets --- */

struct sheet_case {
    const char *name;
    inv_sheet sheet;
    size_t count;
    inv_shape shape;
};

static const struct sheet_case sheet_cases[] = {
    {"fixed, full rows", {3, 4, 2, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 6, {5, 7, 1}},
    {"fixed, other ends, short last row",
     {3, 2, 3, INV_SCALING_FIXED, -0.63, 1.21, 0, false, NULL},
     7,
     {4, 3, 1}},
    {"fixed, no gap, no zoom",
     {2, 1, 0, INV_SCALING_FIXED, 0.1, 0.9, 0, false, NULL},
     5,
     {6, 5, 1}},
    {"fixed, gap wider than a tile",
     {2, 1, 9, INV_SCALING_FIXED, 0, 1, 0, false, NULL},
     3,
     {2, 3, 1}},
    {"tile", {4, 3, 1, INV_SCALING_TILE, 0, 0, 0, false, NULL}, 9, {5, 6, 1}},
    {"tile, rounded", {4, 2, 1, INV_SCALING_TILE, 0, 0, 0.1, false, NULL}, 10, {5, 6, 1}},
    {"fixed, rounded", {2, 2, 1, INV_SCALING_FIXED, 0, 1, 0.25, false, NULL}, 4, {7, 3, 1}},
    {"RGB, fixed", {3, 2, 2, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 5, {3, 4, 3}},
    {"RGB, tile, rounded", {2, 3, 1, INV_SCALING_TILE, 0, 0, 0.05, false, NULL}, 3, {4, 5, 3}},
    {"more columns than tiles", {5, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 2, {3, 3, 1}},
    {"one pixel", {1, 1, 0, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {1, 1, 1}},
};
#define SHEET_CASES ((int)(sizeof sheet_cases / sizeof *sheet_cases))

static double twin_round(double v, double step)
{
    return step > 0 ? floor(v / step + 0.5) * step : v;
}

/* The grey of one value, from nothing but the case and the values. */
static int twin_grey(const struct sheet_case *c, const float *tile, size_t at)
{
    double low = c->sheet.low, high = c->sheet.high;
    size_t size = c->shape.height * c->shape.width * c->shape.channels;
    if (c->sheet.scaling == INV_SCALING_TILE) {
        low = INFINITY;
        high = -INFINITY;
        for (size_t i = 0; i < size; i++) {
            low = fmin(low, twin_round(tile[i], c->sheet.round_to));
            high = fmax(high, twin_round(tile[i], c->sheet.round_to));
        }
        if (low == high)
            return 0;
    }
    double t = (twin_round(tile[at], c->sheet.round_to) - low) / (high - low);
    return (int)floor(fmin(fmax(t, 0), 1) * 255 + 0.5);
}

/* The sample of channel k at line y, column x of the sheet. */
static int twin_pixel(const struct sheet_case *c, const float *images, size_t y, size_t x, size_t k)
{
    size_t gap = c->sheet.gap, zoom = c->sheet.zoom;
    inv_shape s = c->shape;
    for (size_t tile = 0; tile < c->count; tile++) {
        size_t top = gap + tile / c->sheet.columns * (s.height * zoom + gap);
        size_t left = gap + tile % c->sheet.columns * (s.width * zoom + gap);
        if (y < top || y >= top + s.height * zoom || x < left || x >= left + s.width * zoom)
            continue;
        size_t at = ((y - top) / zoom * s.width + (x - left) / zoom) * s.channels + k;
        return twin_grey(c, images + tile * s.height * s.width * s.channels, at);
    }
    return 128;
}

/* Decodes a file as `format`; the caller frees the samples. */
static unsigned char *decode(const char *path, png_uint_32 format, size_t *width, size_t *height,
                             png_uint_32 *own_format)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    ck_assert_msg(png_image_begin_read_from_file(&image, path), "%s", image.message);
    *own_format = image.format;
    image.format = format;
    unsigned char *samples = take(PNG_IMAGE_SIZE(image), 1);
    ck_assert_msg(png_image_finish_read(&image, NULL, samples, 0, NULL), "%s", image.message);
    *width = image.width;
    *height = image.height;
    return samples;
}

static void check_against_twin(const struct sheet_case *c, const float *images, const char *path)
{
    size_t width = 0, height = 0, channels = c->shape.channels;
    size_t rows = (c->count + c->sheet.columns - 1) / c->sheet.columns;
    png_uint_32 format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY, own = 0;
    unsigned char *samples = decode(path, format, &width, &height, &own);
    ck_assert_uint_eq(own, format);
    ck_assert_uint_eq(width, c->sheet.gap + c->sheet.columns *
                                                (c->shape.width * c->sheet.zoom + c->sheet.gap));
    ck_assert_uint_eq(height,
                      c->sheet.gap + rows * (c->shape.height * c->sheet.zoom + c->sheet.gap));
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t k = 0; k < channels; k++) {
                int drawn = samples[(y * width + x) * channels + k];
                int twin = twin_pixel(c, images, y, x, k);
                ck_assert_msg(drawn == twin, "%s: line %zu, column %zu, channel %zu is %d, not %d",
                              c->name, y, x, k, drawn, twin);
            }
    free(samples);
}

START_TEST(sheet_is_its_twin)
{
    const struct sheet_case *c = &sheet_cases[_i];
    char *path = in_folder("sheet.png");
    float *images = irregular(c->count * inv_shape_size(c->shape));
    ck_assert_status(inv_png_check_sheet(path, &c->sheet, c->count, c->shape), INV_OK);
    ck_assert_status(inv_png_write_sheet(path, &c->sheet, images, c->count, c->shape, NULL, 0),
                     INV_OK);
    check_against_twin(c, images, path);
    free(images);
    free(path);
}
END_TEST

/* One image in memory is the file of a sheet of one, without its texts. */
START_TEST(tile_is_a_sheet_of_one)
{
    const struct sheet_case *c = &sheet_cases[_i];
    struct sheet_case one = {c->name, c->sheet, 1, c->shape};
    one.sheet.columns = one.sheet.zoom = 1;
    one.sheet.gap = 0;
    unsigned char *bytes = NULL;
    size_t size = 0;
    char *path = in_folder("tile.png");
    float *image = irregular(inv_shape_size(c->shape));
    ck_assert_status(inv_png_tile(path, &c->sheet, image, c->shape, &bytes, &size), INV_OK);
    support_write(path, bytes, size);
    check_against_twin(&one, image, path);
    ck_assert_ptr_null(memmem(bytes, size, "tEXt", 4));
    free(bytes);
    image[0] = NAN;
    ck_assert_status(inv_png_tile(path, &c->sheet, image, c->shape, &bytes, &size), INV_ENUMERIC);
    free(image);
    free(path);
}
END_TEST

/* A tile all of one value, beside one that is not, is black; and so is one that rounding makes so.
 */
START_TEST(constant_tile_is_black)
{
    struct sheet_case c = {
        "constant", {3, 2, 1, INV_SCALING_TILE, 0, 0, 0, false, NULL}, 3, {2, 3, 1}};
    char *path = in_folder("constant.png");
    float *images = irregular(18);
    for (size_t i = 0; i < 6; i++) {
        images[i] = 0.731f;
        images[12 + i] = 0.29f + 0.003f * (float)i;
    }
    ck_assert_status(inv_png_write_sheet(path, &c.sheet, images, 3, c.shape, NULL, 0), INV_OK);
    check_against_twin(&c, images, path);
    c.sheet.round_to = 0.1;
    ck_assert_status(inv_png_write_sheet(path, &c.sheet, images, 3, c.shape, NULL, 0), INV_OK);
    check_against_twin(&c, images, path);
    size_t width = 0, height = 0;
    png_uint_32 own = 0;
    unsigned char *samples = decode(path, PNG_FORMAT_GRAY, &width, &height, &own);
    ck_assert_int_eq(samples[1 * width + 1], 0);
    ck_assert_int_eq(samples[1 * width + 15], 0);
    ck_assert_int_eq(samples[0], 128);
    free(samples);
    free(images);
    free(path);
}
END_TEST

/* Values as far apart as floats go, and steps far smaller and larger than the values. */
START_TEST(extreme_values_are_drawn)
{
    const float values[4] = {-3.4e38f, 3.4e38f, 1.7e-39f, 0.83f};
    const double steps[] = {0, 1e-310, 1e-30, 1e300};
    char *path = in_folder("extreme.png");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        inv_sheet sheet = {1, 1, 0, INV_SCALING_TILE, 0, 0, steps[i], false, NULL};
        size_t width = 0, height = 0;
        png_uint_32 own = 0;
        ck_assert_status(
            inv_png_write_sheet(path, &sheet, values, 1, (inv_shape){1, 4, 1}, NULL, 0), INV_OK);
        unsigned char *samples = decode(path, PNG_FORMAT_GRAY, &width, &height, &own);
        const int expected[4] = {0, 255, 128, 128};
        for (size_t k = 0; k < 4; k++)
            ck_assert_int_eq(samples[k], steps[i] > 1e38 ? 0 : expected[k]);
        free(samples);
    }
    free(path);
}
END_TEST

START_TEST(not_finite_is_refused)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};
    const inv_sheet sheet = {3, 2,     1,   _i % 2 ? INV_SCALING_TILE : INV_SCALING_FIXED, 0, 1,
                             0, false, NULL};
    char *path = in_folder("bad.png");
    float *images = irregular(5 * 6);
    images[4 * 6 + 5] = bad[_i];
    ck_assert_status(inv_png_write_sheet(path, &sheet, images, 5, (inv_shape){2, 3, 1}, NULL, 0),
                     INV_ENUMERIC);
    ck_assert_message_has("tile 4 (from 0)");
    ck_assert_message_has("bad.png");
    ck_assert_int_ne(access(path, F_OK), 0);
    free(images);
    free(path);
}
END_TEST

/* What cannot be drawn: each differs in one thing from a sheet that can. */
static const struct {
    const char *words;
    inv_sheet sheet;
    size_t count;
    inv_shape shape;
} refused[] = {
    {"at least one image", {3, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 0, {2, 3, 1}},
    {"at least 1", {0, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 3, 1}},
    {"at least 1", {3, 0, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 3, 1}},
    {"no scale", {3, 2, 1, INV_SCALING_FIXED, 0.7, 0.7, 0, false, NULL}, 1, {2, 3, 1}},
    {"no scale", {3, 2, 1, INV_SCALING_FIXED, 1, 0, 0, false, NULL}, 1, {2, 3, 1}},
    {"no scale", {3, 2, 1, INV_SCALING_FIXED, NAN, 1, 0, false, NULL}, 1, {2, 3, 1}},
    {"no scale", {3, 2, 1, INV_SCALING_FIXED, -1e308, 1e308, 0, false, NULL}, 1, {2, 3, 1}},
    {"no scaling", {3, 2, 1, (inv_scaling)3, 0, 1, 0, false, NULL}, 1, {2, 3, 1}},
    {"multiples of", {3, 2, 1, INV_SCALING_FIXED, 0, 1, -0.1, false, NULL}, 1, {2, 3, 1}},
    {"multiples of", {3, 2, 1, INV_SCALING_TILE, 0, 1, NAN, false, NULL}, 1, {2, 3, 1}},
    {"is impossible", {3, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 3, 0}},
    {"49152000 x 16384",
     {3, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL},
     1,
     {1 << 14, 1 << 14, 3000}},
    {"is impossible", {3, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 0, 1}},
    {"is impossible", {3, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {0, 3, 1}},
    {"an image of", {3, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {SIZE_MAX / 2, 4, 1}},
    {"more than", {3, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, SIZE_MAX, {2, 3, 1}},
    {"more than", {1, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, SIZE_MAX, {2, 3, 1}},
    {"more than", {SIZE_MAX, 2, 0, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 1, 1}},
    {"more than", {SIZE_MAX / 4, 2, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 3, 1}},
    {"more than", {3, SIZE_MAX, 1, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 3, 1}},
    {"more than", {3, 2, SIZE_MAX, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 3, 1}},
    {"more than", {3, 2, SIZE_MAX / 4, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 3, 1}},
    {"more than", {1, 1, INT32_MAX / 2, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 3, 1}},
    {"more than", {1, 10000, 0, INV_SCALING_FIXED, 0, 1, 0, false, NULL}, 1, {2, 3, 1}},
};

START_TEST(what_cannot_be_drawn_is_refused)
{
    char *path = in_folder("refused.png");
    float *images = irregular(6);
    ck_assert_status(
        inv_png_check_sheet(path, &refused[_i].sheet, refused[_i].count, refused[_i].shape),
        INV_EINVAL);
    ck_assert_message_has(refused[_i].words);
    ck_assert_status(inv_png_write_sheet(path, &refused[_i].sheet, images, refused[_i].count,
                                         refused[_i].shape, NULL, 0),
                     INV_EINVAL);
    ck_assert_message_has(refused[_i].words);
    ck_assert_message_has("refused.png");
    ck_assert_int_ne(access(path, F_OK), 0);
    free(images);
    free(path);
}
END_TEST

/* --- texts --- */

/* All texts of a file, in order, as "key=text\n"; the caller frees them. */
static char *texts_of(const char *path)
{
    char *all = NULL;
    size_t size = 0;
    FILE *in = fopen(path, "rb"), *out = open_memstream(&all, &size);
    ck_assert_ptr_nonnull(in);
    ck_assert_ptr_nonnull(out);
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_textp texts = NULL;
    png_init_io(png, in);
    png_read_info(png, info);
    int count = png_get_text(png, info, &texts, NULL);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(texts[i].compression, PNG_TEXT_COMPRESSION_NONE);
        fprintf(out, "%s=%s\n", texts[i].key, texts[i].text);
    }
    ck_assert_uint_eq(png_get_valid(png, info, PNG_INFO_tIME), 0);
    png_destroy_read_struct(&png, &info, NULL);
    fclose(in);
    fclose(out);
    return all;
}

START_TEST(texts_are_kept)
{
    const inv_png_text texts[] = {{"Title", "what unit 37 stands for"}, {"Run \xe9t\xe9", "a\nb"}};
    const inv_sheet fixed = {1, 1, 0, INV_SCALING_FIXED, -0.1, 1.5, 0, false, NULL};
    const inv_sheet tile = {1, 1, 0, INV_SCALING_TILE, 0, 0, 0.1, false, NULL};
    char *path = in_folder("texts.png");
    float *images = irregular(6);
    ck_assert_status(inv_png_write_sheet(path, &fixed, images, 1, (inv_shape){2, 3, 1}, texts, 2),
                     INV_OK);
    char *found = texts_of(path);
    ck_assert_str_eq(found,
                     "Scaling=fixed: -0.1 is black, 1.5 is white; values beyond are clipped\n"
                     "Title=what unit 37 stands for\nRun \xe9t\xe9=a\nb\nSoftware=invproj\n");
    free(found);
    ck_assert_status(inv_png_write_sheet(path, &tile, images, 1, (inv_shape){2, 3, 1}, NULL, 0),
                     INV_OK);
    found = texts_of(path);
    ck_assert_str_eq(found,
                     "Scaling=each tile its own range: its minimum is black, its maximum white"
                     "; rounded to multiples of 0.1 first\nSoftware=invproj\n");
    free(found);
    free(images);
    free(path);
}
END_TEST

START_TEST(wrong_texts_are_refused)
{
    char long_key[81] = "";
    memset(long_key, 'k', 80);
    const inv_png_text wrong[] = {{"", "v"},     {NULL, "v"},    {" k", "v"},     {"k ", "v"},
                                  {"k  k", "v"}, {"k\tk", "v"},  {"k\x7fk", "v"}, {"k\xa0", "v"},
                                  {"Key", NULL}, {long_key, "v"}};
    const inv_sheet sheet = {1, 1, 0, INV_SCALING_FIXED, 0, 1, 0, false, NULL};
    char *path = in_folder("texts.png");
    float *images = irregular(6);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const inv_png_text texts[] = {{"Title", "fine"}, wrong[i]};
        ck_assert_status(
            inv_png_write_sheet(path, &sheet, images, 1, (inv_shape){2, 3, 1}, texts, 2),
            INV_EINVAL);
        ck_assert_message_has(wrong[i].value ? "keyword" : "Key");
    }
    ck_assert_status(
        inv_png_write_sheet(path, &sheet, images, 1, (inv_shape){2, 3, 1}, wrong, (size_t)-1),
        INV_EINVAL);
    /* the longest key there may be, and a text too long */
    long_key[79] = '\0';
    char *long_value = take(((size_t)1 << 20) + 2, 1);
    memset(long_value, 'v', ((size_t)1 << 20) + 1);
    inv_png_text text = {long_key, "v"};
    ck_assert_status(inv_png_write_sheet(path, &sheet, images, 1, (inv_shape){2, 3, 1}, &text, 1),
                     INV_OK);
    text.value = long_value;
    ck_assert_status(inv_png_write_sheet(path, &sheet, images, 1, (inv_shape){2, 3, 1}, &text, 1),
                     INV_EINVAL);
    free(long_value);
    free(images);
    free(path);
}
END_TEST

/* --- the file --- */

/* Noise, so that what libpng gives is more than one buffer of it; twice the same bytes. */
START_TEST(bytes_are_the_same_each_time)
{
    const inv_sheet sheet = {10, 2, 1, INV_SCALING_TILE, 0, 0, 0, false, NULL};
    const inv_shape shape = {28, 28, 1};
    char *paths[2] = {in_folder("first.png"), in_folder("second.png")};
    unsigned char *bytes[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    float *images = irregular(100 * 784);
    for (int i = 0; i < 2; i++) {
        ck_assert_status(inv_png_write_sheet(paths[i], &sheet, images, 100, shape, NULL, 0),
                         INV_OK);
        ck_assert_status(inv_file_read(paths[i], READ_LIMIT, &bytes[i], &sizes[i]), INV_OK);
    }
    ck_assert_uint_gt(sizes[0], 20000);
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], sizes[0]);
    for (int i = 0; i < 2; i++) {
        free(bytes[i]);
        free(paths[i]);
    }
    free(images);
}
END_TEST

/* Of 2 and of 4 channels: the sheet of grey images with the channels side by side. */
START_TEST(other_channels_stand_side_by_side)
{
    enum { COUNT = 5, H = 3, W = 4 };
    const size_t channels = _i ? 4 : 2, wide = W * channels;
    const inv_sheet sheet = {2, 3, 1, INV_SCALING_TILE, 0, 0, 0, false, NULL};
    char *paths[2] = {in_folder("channels.png"), in_folder("grey.png")};
    unsigned char *bytes[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    float *images = irregular(COUNT * H * wide), *grey = take(COUNT * H * wide, sizeof *grey);
    for (size_t i = 0; i < COUNT; i++)
        for (size_t y = 0; y < H; y++)
            for (size_t x = 0; x < W; x++)
                for (size_t c = 0; c < channels; c++)
                    grey[(i * H + y) * wide + c * W + x] =
                        images[((i * H + y) * W + x) * channels + c];
    ck_assert_status(
        inv_png_write_sheet(paths[0], &sheet, images, COUNT, (inv_shape){H, W, channels}, NULL, 0),
        INV_OK);
    ck_assert_status(
        inv_png_write_sheet(paths[1], &sheet, grey, COUNT, (inv_shape){H, wide, 1}, NULL, 0),
        INV_OK);
    for (int i = 0; i < 2; i++)
        ck_assert_status(inv_file_read(paths[i], READ_LIMIT, &bytes[i], &sizes[i]), INV_OK);
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], sizes[0]);
    for (int i = 0; i < 2; i++) {
        free(bytes[i]);
        free(paths[i]);
    }
    free(images);
    free(grey);
}
END_TEST

START_TEST(folder_that_is_missing_is_eio)
{
    const inv_sheet sheet = {1, 1, 0, INV_SCALING_FIXED, 0, 1, 0, false, NULL};
    char *path = in_folder("none/sheet.png");
    float *images = irregular(6);
    ck_assert_status(inv_png_write_sheet(path, &sheet, images, 1, (inv_shape){2, 3, 1}, NULL, 0),
                     INV_EIO);
    ck_assert_message_has("sheet.png");
    inv_shape shape = {0};
    float *read = NULL;
    ck_assert_status(inv_png_read(path, 0.0f, &shape, &read), INV_EIO);
    free(images);
    free(path);
}
END_TEST

/* --- reading --- */

enum { HIGH = 5, WIDE = 6, AREA = HIGH * WIDE };

/* Writes HIGH x WIDE pixels of any colour type and depth; `palette` of 7 colours where it needs
 * one. */
static void write_png(const char *path, int depth, int type, int interlace,
                      const unsigned char *samples, const png_color *palette)
{
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_bytep rows[HIGH];
    png_init_io(png, out);
    png_set_IHDR(png, info, WIDE, HIGH, depth, type, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (palette)
        png_set_PLTE(png, info, palette, 7);
    png_write_info(png, info);
    for (size_t y = 0; y < HIGH; y++)
        rows[y] = (png_bytep)samples + y * png_get_rowbytes(png, info);
    png_write_image(png, rows);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    ck_assert_int_eq(fclose(out), 0);
}

/* n samples without order or pattern */
static void fill_samples(unsigned char *samples, size_t n)
{
    uint32_t state = 2463534242u;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        samples[i] = (unsigned char)(state >> 24);
    }
}

/* Reads over `ground` what must be of HIGH x WIDE x channels. */
static void read_over(const char *path, float ground, size_t channels, float *values)
{
    inv_shape shape = {0};
    float *read = NULL;
    ck_assert_status(inv_png_read(path, ground, &shape, &read), INV_OK);
    ck_assert_uint_eq(shape.height, HIGH);
    ck_assert_uint_eq(shape.width, WIDE);
    ck_assert_uint_eq(shape.channels, channels);
    memcpy(values, read, AREA * channels * sizeof *read);
    free(read);
}

static void read_into(const char *path, size_t channels, float *values)
{
    read_over(path, 0.0f, channels, values);
}

static void assert_refused(const char *path, inv_status expected)
{
    inv_shape shape = {0};
    float *read = (float *)(void *)folder;
    ck_assert_status(inv_png_read(path, 0.0f, &shape, &read), expected);
    ck_assert_ptr_null(read);
    ck_assert_message_has(path);
}

/* Each dot of each letter, white, where it belongs: below the tile, a row further down. */
START_TEST(captions_are_the_letters_of_the_font)
{
    enum { IMAGE_ROWS = 12, IMAGE_COLUMNS = 30, LETTERS = 2 };
    static const char *const caption[] = {"8g"};
    const inv_sheet sheet = {
        .columns = 1, .zoom = 1, .scaling = INV_SCALING_FIXED, .high = 1.0, .captions = caption};
    float image[IMAGE_ROWS * IMAGE_COLUMNS] = {0.5f}, *values = NULL;
    inv_shape shape = {0};
    size_t dots = 0, white = 0;
    char *path = in_folder("letters.png");
    ck_assert_status(inv_png_write_sheet(path, &sheet, image, 1,
                                         (inv_shape){IMAGE_ROWS, IMAGE_COLUMNS, 1}, NULL, 0),
                     INV_OK);
    ck_assert_status(inv_png_read(path, 0.0f, &shape, &values), INV_OK);
    ck_assert_uint_eq(shape.width, IMAGE_COLUMNS);
    for (size_t row = 0; row < INV_FONT_HEIGHT; row++)
        for (size_t x = 0; x < LETTERS * (INV_FONT_WIDTH + 1); x++) {
            const size_t column = x % (INV_FONT_WIDTH + 1);
            const bool dot = column < INV_FONT_WIDTH &&
                             inv_font_dot(caption[0][x / (INV_FONT_WIDTH + 1)], row, column);
            ck_assert_msg((values[(IMAGE_ROWS + 1 + row) * IMAGE_COLUMNS + x] == 1.0f) == dot,
                          "row %zu, column %zu", row, x);
            dots += dot;
        }
    for (size_t i = (size_t)IMAGE_ROWS * IMAGE_COLUMNS; i < shape.height * shape.width; i++)
        white += values[i] == 1.0f;
    ck_assert_uint_gt(dots, 20);
    ck_assert_uint_eq(white, dots);
    free(values);
    free(path);
}
END_TEST

/* A character that the letters of sheets lack has one mark, of however many bytes it is. */
START_TEST(a_character_has_one_mark)
{
    static const char *const captions[][2] = {{"?a", "\xc3\xa9"
                                                     "a"},
                                              {"?", "\xe3\x81\x82"}};
    float image[30 * 12] = {0.5f};
    for (size_t k = 0; k < 2; k++) {
        ck_assert_uint_eq(inv_png_caption_width(captions[k][1]),
                          strlen(captions[k][0]) * (INV_FONT_WIDTH + 1));
        unsigned char *bytes[2];
        size_t sizes[2];
        for (size_t i = 0; i < 2; i++) {
            const char *const caption[] = {captions[k][i]};
            const inv_sheet sheet = {.columns = 1,
                                     .zoom = 1,
                                     .scaling = INV_SCALING_FIXED,
                                     .high = 1.0,
                                     .captions = caption};
            char *path = in_folder("caption.png");
            ck_assert_status(
                inv_png_write_sheet(path, &sheet, image, 1, (inv_shape){12, 30, 1}, NULL, 0),
                INV_OK);
            bytes[i] = support_read(path, &sizes[i]);
            free(path);
        }
        ck_assert_uint_eq(sizes[0], sizes[1]);
        ck_assert_mem_eq(bytes[0], bytes[1], sizes[0]);
        free(bytes[0]);
        free(bytes[1]);
    }
}
END_TEST

START_TEST(grey_is_read)
{
    unsigned char samples[AREA];
    float values[AREA];
    char *path = in_folder("grey.png");
    fill_samples(samples, sizeof samples);
    write_png(path, 8, PNG_COLOR_TYPE_GRAY, _i ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, samples,
              NULL);
    read_into(path, 1, values);
    for (size_t i = 0; i < AREA; i++)
        ck_assert_float_eq(values[i], (float)samples[i] / 255.0f);
    free(path);
}
END_TEST

START_TEST(rgb_is_read)
{
    unsigned char samples[3 * AREA];
    float values[3 * AREA];
    char *path = in_folder("rgb.png");
    fill_samples(samples, sizeof samples);
    write_png(path, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, samples, NULL);
    read_into(path, 3, values);
    for (size_t i = 0; i < sizeof samples; i++)
        ck_assert_float_eq(values[i], (float)samples[i] / 255.0f);
    free(path);
}
END_TEST

START_TEST(alpha_is_laid_over_black)
{
    unsigned char samples[2 * AREA];
    float values[AREA];
    char *path = in_folder("alpha.png");
    fill_samples(samples, sizeof samples);
    samples[1] = 255;
    samples[3] = 0;
    write_png(path, 8, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_INTERLACE_NONE, samples, NULL);
    read_into(path, 1, values);
    ck_assert_float_eq(values[0], (float)samples[0] / 255.0f);
    for (size_t i = 0; i < AREA; i++)
        ck_assert_double_eq_tol(values[i], samples[2 * i] / 255.0 * samples[2 * i + 1] / 255.0,
                                1e-6);
    free(path);
}
END_TEST

START_TEST(coloured_alpha_is_laid_over)
{
    unsigned char samples[4 * AREA];
    float values[3 * AREA];
    char *path = in_folder("rgba.png");
    fill_samples(samples, sizeof samples);
    samples[3] = 255;
    samples[7] = 0;
    write_png(path, 8, PNG_COLOR_TYPE_RGBA, PNG_INTERLACE_NONE, samples, NULL);
    read_into(path, 3, values);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const unsigned char *pixel = samples + i / 3 * 4;
        ck_assert_double_eq_tol(values[i], pixel[i % 3] / 255.0 * pixel[3] / 255.0, 1e-6);
    }
    read_over(path, 1.0f, 3, values);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const double alpha = samples[i / 3 * 4 + 3] / 255.0;
        ck_assert_double_eq_tol(values[i], samples[i / 3 * 4 + i % 3] / 255.0 * alpha + 1.0 - alpha,
                                1e-6);
    }
    free(path);
}
END_TEST

START_TEST(sixteen_bits_are_read)
{
    unsigned char samples[2 * AREA];
    float values[AREA];
    char *path = in_folder("deep.png");
    fill_samples(samples, sizeof samples);
    write_png(path, 16, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, samples, NULL);
    read_into(path, 1, values);
    for (size_t i = 0; i < AREA; i++)
        ck_assert_double_eq_tol(values[i], (samples[2 * i] * 256 + samples[2 * i + 1]) / 65535.0,
                                0.51 / 255);
    free(path);
}
END_TEST

START_TEST(palette_is_read)
{
    const png_color palette[7] = {{3, 141, 59}, {26, 53, 58}, {97, 93, 23}, {84, 62, 64},
                                  {33, 83, 27}, {95, 2, 88},  {255, 19, 71}};
    unsigned char samples[AREA];
    float values[3 * AREA];
    char *path = in_folder("palette.png");
    fill_samples(samples, sizeof samples);
    for (size_t i = 0; i < AREA; i++)
        samples[i] %= 7;
    write_png(path, 8, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, samples, palette);
    read_into(path, 3, values);
    for (size_t i = 0; i < AREA; i++) {
        png_color colour = palette[samples[i]];
        ck_assert_float_eq(values[3 * i], (float)colour.red / 255.0f);
        ck_assert_float_eq(values[3 * i + 1], (float)colour.green / 255.0f);
        ck_assert_float_eq(values[3 * i + 2], (float)colour.blue / 255.0f);
    }
    free(path);
}
END_TEST

/* One bit a pixel: each byte of WIDE pixels holds six of them. */
START_TEST(one_bit_is_read)
{
    const unsigned char rows[HIGH] = {0xb4, 0x2c, 0xdc, 0x00, 0xfc};
    float values[AREA];
    char *path = in_folder("bits.png");
    write_png(path, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, rows, NULL);
    read_into(path, 1, values);
    for (size_t i = 0; i < AREA; i++)
        ck_assert_float_eq(values[i], (float)(rows[i / WIDE] >> (7 - i % WIDE) & 1));
    free(path);
}
END_TEST

/* A header that promises more pixels than are read, in a file of few bytes. */
START_TEST(too_many_pixels_are_refused)
{
    unsigned char samples[AREA], *bytes = NULL;
    size_t size = 0;
    char *path = in_folder("size.png");
    fill_samples(samples, sizeof samples);
    write_png(path, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, samples, NULL);
    ck_assert_status(inv_file_read(path, READ_LIMIT, &bytes, &size), INV_OK);
    memcpy(bytes + 16, "\0\0\x40\0\0\0\x40\0", 8);
    unsigned long sum = crc32(0, bytes + 12, 17);
    for (int i = 0; i < 4; i++)
        bytes[29 + i] = (unsigned char)(sum >> (24 - 8 * i));
    ck_assert_status(inv_file_replace(path, bytes, size), INV_OK);
    assert_refused(path, INV_EDATA);
    ck_assert_message_has("16384 x 16384 pixels; at most 33554432");
    free(bytes);
    free(path);
}
END_TEST

START_TEST(is_told_by_its_first_bytes)
{
    unsigned char samples[AREA];
    bool is = false;
    char *path = in_folder("what");
    fill_samples(samples, sizeof samples);
    write_png(path, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, samples, NULL);
    ck_assert_status(inv_png_is(path, &is), INV_OK);
    ck_assert(is);
    ck_assert_status(inv_file_replace(path, "\x89PNG", 4), INV_OK);
    ck_assert_status(inv_png_is(path, &is), INV_OK);
    ck_assert(!is);
    ck_assert_status(inv_png_is(folder, &is), INV_EIO);
    free(path);
}
END_TEST

START_TEST(not_a_png_is_refused)
{
    static const char *const contents[] = {"", "PNG", "\x89PNG\r\n\x1a\n",
                                           "P5 6 5 255 and thirty bytes of something"};
    char *path = in_folder("other");
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        ck_assert_status(inv_file_replace(path, contents[i], strlen(contents[i])), INV_OK);
        assert_refused(path, INV_EFORMAT);
        ck_assert_message_has(i == 2 ? "damaged" : "not a PNG");
        ck_assert_message_has("other");
    }
    free(path);
}
END_TEST

/* Cut anywhere, a file is refused */
START_TEST(truncated_is_refused)
{
    unsigned char samples[AREA], *bytes = NULL;
    size_t size = 0;
    char *path = in_folder("cut.png");
    fill_samples(samples, sizeof samples);
    write_png(path, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, samples, NULL);
    ck_assert_status(inv_file_read(path, READ_LIMIT, &bytes, &size), INV_OK);
    for (size_t kept = 0; kept < size; kept++) {
        ck_assert_status(inv_file_replace(path, bytes, kept), INV_OK);
        assert_refused(path, INV_EFORMAT);
        ck_assert_message_has("cut.png");
    }
    free(bytes);
    free(path);
}
END_TEST

/* One bit flipped anywhere is noticed. */
START_TEST(flipped_bits_are_refused)
{
    unsigned char samples[AREA], *bytes = NULL;
    size_t size = 0;
    char *path = in_folder("flip.png");
    fill_samples(samples, sizeof samples);
    write_png(path, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, samples, NULL);
    ck_assert_status(inv_file_read(path, READ_LIMIT, &bytes, &size), INV_OK);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        ck_assert_status(inv_file_replace(path, bytes, size), INV_OK);
        assert_refused(path, INV_EFORMAT);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(bytes);
    free(path);
}
END_TEST

/* Headers that are wrong under a right checksum are libpng's to find: one promises more lines than
 * the data hold, one has 3 bits a sample. */
START_TEST(wrong_headers_are_refused)
{
    static const struct {
        size_t at;
        unsigned char byte;
    } wrong[] = {{23, 2 * HIGH}, {24, 3}};
    unsigned char samples[AREA], *bytes = NULL;
    size_t size = 0;
    char *path = in_folder("header.png");
    fill_samples(samples, sizeof samples);
    write_png(path, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, samples, NULL);
    ck_assert_status(inv_file_read(path, READ_LIMIT, &bytes, &size), INV_OK);
    bytes[wrong[_i].at] = wrong[_i].byte;
    unsigned long sum = crc32(0, bytes + 12, 17);
    for (int i = 0; i < 4; i++)
        bytes[29 + i] = (unsigned char)(sum >> (24 - 8 * i));
    ck_assert_status(inv_file_replace(path, bytes, size), INV_OK);
    assert_refused(path, INV_EFORMAT);
    ck_assert_message_has("header.png: PNG file cannot be decoded");
    free(bytes);
    free(path);
}
END_TEST

Suite *png_suite(void)
{
    Suite *suite = suite_create("png");
    TCase *write = tcase_create("write"), *read = tcase_create("read");
    tcase_add_checked_fixture(write, setup, teardown);
    tcase_add_loop_test(write, sheet_is_its_twin, 0, SHEET_CASES);
    tcase_add_loop_test(write, tile_is_a_sheet_of_one, 0, SHEET_CASES);
    tcase_add_test(write, constant_tile_is_black);
    tcase_add_test(write, extreme_values_are_drawn);
    tcase_add_loop_test(write, not_finite_is_refused, 0, 3);
    tcase_add_loop_test(write, what_cannot_be_drawn_is_refused, 0,
                        (int)(sizeof refused / sizeof *refused));
    tcase_add_test(write, texts_are_kept);
    tcase_add_test(write, wrong_texts_are_refused);
    tcase_add_test(write, bytes_are_the_same_each_time);
    tcase_add_loop_test(write, other_channels_stand_side_by_side, 0, 2);
    tcase_add_test(write, folder_that_is_missing_is_eio);
    suite_add_tcase(suite, write);
    tcase_add_checked_fixture(read, setup, teardown);
    tcase_set_timeout(read, 60);
    tcase_add_loop_test(read, grey_is_read, 0, 2);
    tcase_add_test(read, captions_are_the_letters_of_the_font);
    tcase_add_test(read, a_character_has_one_mark);
    tcase_add_test(read, rgb_is_read);
    tcase_add_test(read, alpha_is_laid_over_black);
    tcase_add_test(read, coloured_alpha_is_laid_over);
    tcase_add_test(read, sixteen_bits_are_read);
    tcase_add_test(read, palette_is_read);
    tcase_add_test(read, one_bit_is_read);
    tcase_add_test(read, too_many_pixels_are_refused);
    tcase_add_test(read, is_told_by_its_first_bytes);
    tcase_add_test(read, not_a_png_is_refused);
    tcase_add_test(read, truncated_is_refused);
    tcase_add_test(read, flipped_bits_are_refused);
    tcase_add_loop_test(read, wrong_headers_are_refused, 0, 2);
    suite_add_tcase(suite, read);
    return suite;
}
