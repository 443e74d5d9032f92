/* Pictures from files: whichever their first bytes say, and a camera's turned the right way up.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <jpeglib.h>

#include "invproj/image_file.h"
#include "invproj/png.h"
#include "suites.h"
#include "support.h"

enum { HIGH = 16, WIDE = 24 };

static char *place;

static void open_place(void)
{
    place = support_folder();
}

static void close_place(void)
{
    support_remove(place);
}

/* Grey of a pixel: light in the upper left quarter, darker to the right and downwards. */
static unsigned char grey_at(size_t y, size_t x)
{
    return (unsigned char)(y < HIGH / 2 ? (x < WIDE / 2 ? 250 : 170) : (x < WIDE / 2 ? 90 : 10));
}

/* An Exif segment that tells an orientation, after another entry, in either byte order. */
static size_t exif(unsigned char *out, int orientation, bool big)
{
    static const unsigned char small_end[] = {
        'E', 'x', 'i', 'f', 0,   0, 'I',  'I', 42, 0, 8, 0, 0, 0, 2, 0, 0x0f, 1, 2, 0, 4, 0,
        0,   0,   'a', 'b', 'c', 0, 0x12, 1,   3,  0, 1, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0, 0};
    static const unsigned char big_end[] = {
        'E', 'x', 'i', 'f', 0,   0, 'M', 'M',  0, 42, 0, 0, 0, 8, 0, 2, 1, 0x0f, 0, 2, 0, 0,
        0,   4,   'a', 'b', 'c', 0, 1,   0x12, 0, 3,  0, 0, 0, 1, 0, 0, 0, 0,    0, 0, 0, 0};
    memcpy(out, big ? big_end : small_end, sizeof big_end);
    out[36 + big] = (unsigned char)orientation;
    return sizeof big_end;
}

/* Writes the picture as JPEG, of 1, 3 or 4 colours; orientation 0: without Exif. */
static void write_jpeg(const char *path, int colours, int orientation, bool big)
{
    struct jpeg_compress_struct jpeg = {0};
    struct jpeg_error_mgr errors;
    unsigned char line[WIDE * 4], segment[64];
    JSAMPROW row = line;
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, out);
    jpeg.image_width = WIDE;
    jpeg.image_height = HIGH;
    jpeg.input_components = colours;
    jpeg.in_color_space = colours == 1 ? JCS_GRAYSCALE : colours == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    if (orientation > 0)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, segment, (unsigned)exif(segment, orientation, big));
    for (size_t y = 0; y < HIGH; y++) {
        for (size_t x = 0; x < WIDE; x++)
            for (int c = 0; c < colours; c++)
                line[x * (size_t)colours + (size_t)c] =
                    (unsigned char)(c == 2 ? 255 - grey_at(y, x) : grey_at(y, x));
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    ck_assert_int_eq(fclose(out), 0);
}

/* The middles of the quarters: upper left, upper right, lower left, lower right. */
static void quarters(inv_shape s, const float *values, int out[4])
{
    for (size_t k = 0; k < 4; k++) {
        const size_t y = s.height / 4 + k / 2 * (s.height / 2);
        const size_t x = s.width / 4 + k % 2 * (s.width / 2);
        out[k] = (int)(values[(y * s.width + x) * s.channels] * 255.0f + 0.5f);
    }
}

/* What stands where, of a picture that was stored the right way up, when it is turned. */
static const struct turned {
    bool swapped;
    int quarters[4];
} turned[] = {
    {false, {250, 170, 90, 10}}, /* 0: nothing is said */
    {false, {250, 170, 90, 10}}, {false, {170, 250, 10, 90}},
    {false, {10, 90, 170, 250}}, {false, {90, 10, 250, 170}},
    {true, {250, 90, 170, 10}},  {true, {90, 250, 10, 170}},
    {true, {10, 170, 90, 250}},  {true, {170, 10, 250, 90}},
    {false, {250, 170, 90, 10}}, /* 9 is none */
};

START_TEST(a_jpeg_is_turned_as_it_says)
{
    const char *path = support_at(place, "photo.jpg");
    for (int big = 0; big < 2; big++) {
        inv_shape shape = {0};
        float *values = NULL;
        int got[4];
        write_jpeg(path, 1, _i, big);
        ck_assert_status(inv_image_read(path, 0.0f, &shape, &values), INV_OK);
        ck_assert_uint_eq(shape.height, turned[_i].swapped ? WIDE : HIGH);
        ck_assert_uint_eq(shape.width, turned[_i].swapped ? HIGH : WIDE);
        ck_assert_uint_eq(shape.channels, 1);
        quarters(shape, values, got);
        for (int k = 0; k < 4; k++)
            ck_assert_int_le(abs(got[k] - turned[_i].quarters[k]), 4);
        free(values);
    }
}
END_TEST

START_TEST(colours_are_three)
{
    const char *path = support_at(place, "colour.jpeg");
    inv_shape shape = {0};
    float *values = NULL;
    write_jpeg(path, 3, 6, false);
    ck_assert_status(inv_image_read(path, 0.0f, &shape, &values), INV_OK);
    ck_assert_uint_eq(shape.channels, 3);
    ck_assert_uint_eq(shape.height, WIDE);
    const float *pixel = values + 3 * (WIDE / 4 * HIGH + 3 * HIGH / 4);
    ck_assert_float_eq_tol(pixel[0], 250.0f / 255.0f, 0.04f); /* of 6, the upper right quarter */
    ck_assert_float_eq_tol(pixel[2], 5.0f / 255.0f, 0.04f);
    free(values);
}
END_TEST

START_TEST(whichever_its_first_bytes_say)
{
    static const float image[4] = {0.0f, 1.0f, 1.0f, 0.0f};
    const inv_sheet sheet = {.columns = 1, .zoom = 1, .scaling = INV_SCALING_FIXED, .high = 1.0};
    const char *png = support_at(place, "really.jpg"), *text = support_at(place, "text.png");
    const char *folder = support_at(place, "");
    inv_shape shape = {0};
    float *values = NULL;
    bool is = false;
    ck_assert_status(inv_png_write_sheet(png, &sheet, image, 1, (inv_shape){2, 2, 1}, NULL, 0),
                     INV_OK);
    ck_assert_status(inv_image_is(png, &is), INV_OK);
    ck_assert(is);
    ck_assert_status(inv_image_read(png, 0.0f, &shape, &values), INV_OK);
    for (int i = 0; i < 4; i++)
        ck_assert_float_eq(values[i], image[i]);
    free(values);
    write_jpeg(text, 1, 0, false);
    ck_assert_status(inv_image_is(text, &is), INV_OK);
    ck_assert(is);
    ck_assert_status(inv_image_is(folder, &is), INV_EIO);
    ck_assert(inv_image_named("a.b.JPG") && inv_image_named("x.Jpeg") && inv_image_named("x.png"));
    ck_assert(!inv_image_named("png") && !inv_image_named("x.jpg.txt") &&
              !inv_image_named("x.gif"));
}
END_TEST

static void assert_refused(const char *path, inv_status expected, const char *why)
{
    inv_shape shape = {0};
    float *values = (float *)(void *)place;
    ck_assert_status(inv_image_read(path, 0.0f, &shape, &values), expected);
    ck_assert_ptr_null(values);
    ck_assert_message_has(path);
    ck_assert_message_has(why);
}

/* A JPEG cut anywhere, one of four colours, an Exif segment of nonsense, and other things. */
START_TEST(what_is_none_is_refused)
{
    const char *path = support_at(place, "bad.jpg");
    size_t size = 0, refused = 0;
    inv_shape shape = {0};
    float *values = NULL;
    write_jpeg(path, 3, 6, false);
    unsigned char *bytes = support_read(path, &size);
    for (size_t cut = 4; cut < size - 2; cut += 7, refused++) {
        support_write(path, bytes, cut);
        assert_refused(path, INV_EFORMAT, "JPEG");
    }
    ck_assert_uint_gt(refused, 50);
    for (size_t at = 0; at < 60; at++) { /* the segment begins at byte 20 */
        unsigned char *worse = malloc(size);
        memcpy(worse, bytes, size);
        worse[24 + at] ^= 0xff;
        support_write(path, worse, size);
        if (inv_image_read(path, 0.0f, &shape, &values) == INV_OK) {
            ck_assert_uint_eq(shape.height * shape.width, (size_t)HIGH * WIDE);
            free(values);
        }
        free(worse);
    }
    free(bytes);
    write_jpeg(path, 4, 0, false);
    assert_refused(path, INV_EFORMAT, "a JPEG file of four colours (CMYK); save it as RGB");
    support_write(path, "", 0);
    assert_refused(path, INV_EFORMAT, "truncated to nothing");
    support_write(path, "GIF89a.............", 19);
    assert_refused(path, INV_EFORMAT, "neither PNG nor JPEG but a GIF picture: save it as PNG");
    support_write(path, "plain words", 11);
    assert_refused(path, INV_EFORMAT, "neither a PNG nor a JPEG file");
    assert_refused(support_at(place, "none.jpg"), INV_EIO, "No such file");
}
END_TEST

Suite *image_file_suite(void)
{
    Suite *suite = suite_create("image_file");
    TCase *tests = tcase_create("image_file");
    tcase_add_checked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_jpeg_is_turned_as_it_says, 0, 10);
    tcase_add_test(tests, colours_are_three);
    tcase_add_test(tests, whichever_its_first_bytes_say);
    tcase_add_test(tests, what_is_none_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
