/* Pictures, and what is written over: what cannot be drawn is refused before the work, --single
 * draws an image a file, and nothing but run files and PNG files is ever written over.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>
#include <hdf5.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "invproj/idx.h"
#include "invproj/png.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define LEN(array) (sizeof(array) / sizeof *(array))
#define GOOD       "r2rt.cfg " SHORT_SETS " -q --data data"
/* That would take hours. */
#define FOR_HOURS "--set training.steps=1000000000 --set inverse.steps=1000000000 "

/* Made once: the experiment, data, and a run, `place`/run. The program runs in this folder. */
static char *place;

static void open_place(void)
{
    place = support_folder();
    short_copy("experiments/r2rt.cfg", support_at(place, "r2rt.cfg"));
    short_data(support_at(place, "data"));
    program_must_work(program_run_in(place, "run " GOOD " -o run"));
}

static void close_place(void)
{
    support_remove(place);
}

static void must_refuse(const char *words, int code, const char *const *says)
{
    const program_how how = {.folder = place};
    program_must_refuse(&how, words, code, says);
}

/* ---- too large ---- */

static const struct too_large {
    const char *words, *picture;
} too_large[] = {
    {"run " GOOD " -o large " FOR_HOURS "--set project.sheet.columns=1000 "
     "--set project.sheet.zoom=100 --set project.sheet.gap=100",
     "large/originals.png: "},
    {"run " GOOD " -o large " FOR_HOURS "--set generate.count=100000", "large/generated.png: "},
    {"run " GOOD " -o large " FOR_HOURS "--set features.sheet.columns=1000 "
     "--set features.sheet.zoom=100 --set features.sheet.gap=100",
     "large/features.png: "},
    {"run " GOOD " -o large " FOR_HOURS "--set exemplars={count=80;} "
     "--set exemplars.sheet={zoom=100;gap=100;}",
     "large/exemplars.png: "},
    {"project run/run.h5 -q --data data --set project.sheet.columns=1000 "
     "--set project.sheet.zoom=100 --set project.sheet.gap=100",
     "run/originals.png: "},
    {"project run/run.h5 -q --data data --name one --set project.sheet.columns=1000 "
     "--set project.sheet.zoom=100 --set project.sheet.gap=100",
     "run/originals-one.png: "},
    {"generate run/run.h5 -q --count 100000 --steps 1000000000", "run/generated.png: "},
    {"generate run/run.h5 -q --steps 1000000000 --frames f --single "
     "--set generate.sheet.columns=1000 --set generate.sheet.zoom=100 "
     "--set generate.sheet.gap=100",
     "f: "},
    {"features run/run.h5 -q --set features.sheet.columns=1000 --set features.sheet.zoom=100 "
     "--set features.sheet.gap=100",
     "run/features.png: "},
    {"features run/run.h5 -q --data data --layer hidden1 --steps 1000000000 "
     "--set features.sheet.columns=1000 --set features.sheet.zoom=100 --set features.sheet.gap=100",
     "run/features.png: "},
    {"exemplars run/run.h5 -q --data data --count 80 --set exemplars.sheet={zoom=100;gap=100;}",
     "run/exemplars.png: "},
};

/* Nobody should wait for hours to be told. */
START_TEST(a_sheet_too_large_is_refused_before_the_work)
{
    const struct too_large *t = &too_large[_i];
    const char *says[] = {t->picture, "make a sheet of more than 268435456 pixels",
                          strcmp(t->picture, "f: ") ? "; --single draws each image by itself" : "",
                          NULL};
    must_refuse(t->words, 2, says);
}
END_TEST

/* ---- one by one ---- */

static char *text_of_chunk(const char *path, const char *key)
{
    size_t size = 0;
    unsigned char *bytes = support_read(path, &size);
    const size_t length = strlen(key);
    char *text = NULL;
    for (size_t at = 8; at + 12 <= size && !text;) {
        const size_t chunk = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                             (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        const char *data = (const char *)bytes + at + 8;
        if (memcmp(bytes + at + 4, "tEXt", 4) == 0 && chunk > length && strcmp(data, key) == 0)
            text = strndup(data + length + 1, chunk - length - 1);
        at += chunk + 12;
    }
    free(bytes);
    return text;
}

/* What a pixel becomes where the sheet scales each tile by itself. */
static double own_grey(const double *values, size_t n, double v)
{
    double low = values[0], high = values[0];
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    return high > low ? floor((v - low) / (high - low) * 255.0 + 0.5) / 255.0 : 0.0;
}

static double fixed_grey(const double *values, size_t n, double v)
{
    (void)values, (void)n;
    return floor(fmin(fmax(v, 0.0), 1.0) * 255.0 + 0.5) / 255.0;
}

/* The folder holds the images of the array and nothing else, each `zoom` times as large. */
static void must_be_images(const char *folder, const char *file, const char *array, size_t zoom,
                           double (*grey)(const double *values, size_t n, double v))
{
    size_t dims[4];
    double *values = hdf5_values(support_at(place, file), array, dims);
    const size_t pixels = dims[1] * dims[2];
    ck_assert_uint_eq(dims[1], HEIGHT);
    ck_assert_uint_eq(support_entries(support_at(place, folder)), dims[0]);
    for (size_t i = 0; i < dims[0]; i++) {
        char path[4096], source[256];
        float *got = NULL;
        inv_shape shape = {0};
        snprintf(path, sizeof path, "%s/%s/%05zu.png", place, folder, i);
        ck_assert_status(inv_png_read(path, 0.0f, &shape, &got), INV_OK);
        ck_assert_uint_eq(shape.height, HEIGHT * zoom);
        ck_assert_uint_eq(shape.width, WIDTH * zoom);
        for (size_t y = 0; y < shape.height; y++)
            for (size_t x = 0; x < shape.width; x++) {
                const double *image = values + i * pixels;
                const double wanted = grey(image, pixels, image[y / zoom * WIDTH + x / zoom]);
                ck_assert_double_eq_tol(got[y * shape.width + x], wanted, 1e-6);
            }
        free(got);
        char *told = text_of_chunk(path, "Source");
        snprintf(source, sizeof source, "%s[%zu]", array, i);
        ck_assert_str_eq(told, source);
        free(told);
    }
    free(values);
}

START_TEST(single_draws_each_image_by_itself)
{
    program *p =
        program_run_in(place, "run " GOOD " -o each --single --set generate.sheet.captions=true "
                              "--set exemplars={count=2;} --set exemplars.sheet={zoom=1;}");
    ck_assert_program(p, 0);
    program_free(p);
    ck_assert_uint_eq(support_entries(support_at(place, "each")), 7); /* and no sheet */
    must_be_images("each/originals", "each/run.h5", "/projections/r2rt/original", 4, fixed_grey);
    must_be_images("each/projections", "each/run.h5", "/projections/r2rt/image", 4, fixed_grey);
    must_be_images("each/generated", "each/run.h5", "/generated/r2rt/image", 8, own_grey);
    must_be_images("each/exemplars", "each/run.h5", "/exemplars/exemplars/image", 1, own_grey);
    ck_assert_uint_eq(support_entries(support_at(place, "each/features")), HIDDEN2);
    char *said = text_of_chunk(support_at(place, "each/generated/00002.png"), "Description");
    ck_assert_msg(said && strncmp(said, "3 0.", 4) == 0, "%s", said); /* classes 0, 1, 3, 4 */
    free(said);
    ck_assert_ptr_null(
        text_of_chunk(support_at(place, "each/projections/00000.png"), "Description"));
}
END_TEST

/* What is larger than any sheet may be can be had that way; a shorter result leaves no image of a
 * longer one. */
START_TEST(single_is_the_way_out)
{
    program_must_work(
        program_run_in(place, "project run/run.h5 -q --threads 1 --data data --single --name out "
                              "--set project.sheet.columns=1000 --set project.sheet.zoom=20 "
                              "--set project.sheet.gap=100"));
    must_be_images("run/projections-out", "run/run.h5", "/projections/out/image", 20, fixed_grey);
    program *p = program_run_in(
        place, "project run/run.h5 --threads 1 --data data --single --name out --count 3");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "pictures  run/originals-out: 3 images"));
    program_free(p);
    must_be_images("run/projections-out", "run/run.h5", "/projections/out/image", 4, fixed_grey);
    must_be_images("run/originals-out", "run/run.h5", "/projections/out/original", 4, fixed_grey);
}
END_TEST

/* ---- images of channels that no PNG file has ---- */

static void write_images(const char *name, size_t n, size_t channels)
{
    unsigned char pixels[TRAIN * 6 * 5 * 2];
    const inv_idx idx = {.type = INV_IDX_UBYTE,
                         .rank = 4,
                         .dims = {n, 6, 5, channels},
                         .size = n * 30 * channels,
                         .data = pixels};
    ck_assert_uint_le(idx.size, sizeof pixels);
    for (size_t i = 0; i < idx.size; i++)
        pixels[i] = (unsigned char)(i * 2654435761u >> 24 ^ (i / 60 % CLASSES) * 50);
    ck_assert_status(inv_idx_write(support_at(place, name), &idx), INV_OK);
}

/* That a picture is grey and so many times 6 x 10 pixels. */
static void must_be_wide(const char *name)
{
    inv_shape shape = {0};
    float *values = NULL;
    ck_assert_status(inv_png_read(support_at(place, name), 0.0f, &shape, &values), INV_OK);
    ck_assert_uint_eq(shape.channels, 1);
    ck_assert_uint_eq(shape.height % 6, 0);
    ck_assert_uint_eq(shape.width * 6, shape.height * 10);
    free(values);
}

START_TEST(two_channels_are_drawn_side_by_side)
{
    short_data(support_at(place, "two"));
    write_images("two/train-images-idx3-ubyte", TRAIN, 2);
    write_images("two/t10k-images-idx3-ubyte", TEST, 2);
    program_must_work(program_run_in(place,
                                     "run r2rt.cfg " SHORT_SETS " --data two -o pairs --single "
                                     "--set inverse.confidence=0.01 --set data.axes=nhwc"));
    size_t dims[4];
    free(hdf5_values(support_at(place, "pairs/run.h5"), "/projections/r2rt/image", dims));
    ck_assert_uint_eq(dims[3], 2);
    must_be_wide("pairs/projections/00000.png");
    must_be_wide("pairs/generated/00000.png");
    program_must_work(
        program_run_in(place, "generate pairs/run.h5 -q --threads 1 --frames pairs/frames"));
    ck_assert_uint_gt(support_entries(support_at(place, "pairs/frames")), 1);
}
END_TEST

/* ---- writing over ---- */

static void put(const char *name, const char *text)
{
    support_write(support_at(place, name), text, strlen(text));
}

/* An HDF5 file of the user's own. */
static void put_hdf5(const char *name)
{
    hid_t file = H5Fcreate(support_at(place, name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    ck_assert_int_ge(H5Fclose(file), 0);
}

/* --force writes over runs, and over nothing else that has such a name by mistake. */
START_TEST(only_runs_are_written_over)
{
    static const char *const names[] = {"r2rt.cfg",
                                        "run/generated.png",
                                        "notes.txt",
                                        "mine.h5",
                                        "empty.h5",
                                        "almost.h5",
                                        "data/train-images-idx3-ubyte",
                                        "link.h5"};
    static const char *const ways[] = {"--force", "-q"};
    const program_how how = {.folder = place};
    put("notes.txt", "HDF5 and invproj-run 1 are mentioned, no more\n");
    put_hdf5("mine.h5");
    put("empty.h5", "");
    put("almost.h5", "\x89HDF\r\n\x1a\nand nothing that says whose");
    ck_assert_int_eq(symlink("r2rt.cfg", support_at(place, "link.h5")), 0);
    for (size_t i = 0; i < LEN(names); i++)
        for (size_t w = 0; w < LEN(ways); w++) {
            char *before = program_snapshot(place);
            program *p = program_run(&how, "train " GOOD " -o %s %s", names[i], ways[w]);
            ck_assert_fails(p, 2, names[i], "is not a run file, so it is not overwritten");
            program_free(p);
            char *after = program_snapshot(place);
            program_must_equal(before, after);
            free(before);
            free(after);
        }
}
END_TEST

/* A run that is cut short, damaged or was opened by another program is one still. */
START_TEST(runs_of_any_state_are_written_over)
{
    size_t size = 0;
    unsigned char *bytes = support_read(support_at(place, "run/run.h5"), &size);
    ck_assert_uint_gt(size, 20000);
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            memset(bytes + size / 2, 0x5a, 500);
        support_write(support_at(place, "hurt.h5"), bytes, i == 2 ? size - 3000 : size);
        program *p = program_run_in(place, "train " GOOD " -o hurt.h5");
        ck_assert_fails(p, 2, "hurt.h5: already holds a run", "--force overwrites it");
        program_free(p);
        program_must_work(program_run_in(place, "train " GOOD " -o hurt.h5 --force"));
        program_must_work(program_run_in(place, "info hurt.h5"));
    }
    free(bytes);
}
END_TEST

/* A name where a picture should be that something else has: told before the work. */
START_TEST(only_pictures_are_written_over_by_pictures)
{
    static const char *const says[] = {"taken/features.png: is there already and is not a PNG file",
                                       NULL};
    static const char *const frame[] = {"taken/f/00000.png: is there already and is not a PNG file",
                                        NULL};
    static const char *const single[] = {"taken/generated/00003.png: is there already and is no",
                                         NULL};
    static const char *const folder[] = {"taken/projections.png: is a folder", NULL};
    ck_assert_int_eq(mkdir(support_at(place, "taken"), 0755), 0);
    put("taken/features.png", "notes that somebody calls a picture\n");
    must_refuse("run " GOOD " -o taken " FOR_HOURS, 1, says);
    ck_assert_int_eq(unlink(support_at(place, "taken/features.png")), 0);
    ck_assert_int_eq(mkdir(support_at(place, "taken/projections.png"), 0755), 0);
    must_refuse("run " GOOD " -o taken " FOR_HOURS, 1, folder);
    ck_assert_int_eq(rmdir(support_at(place, "taken/projections.png")), 0);
    program_must_work(program_run_in(place, "run " GOOD " -o taken"));
    program_must_work(program_run_in(place, "run " GOOD " -o taken --force")); /* over its own */
    put("taken/features.png", "");
    must_refuse("features taken/run.h5 -q", 1, says);
    ck_assert_int_eq(mkdir(support_at(place, "taken/f"), 0755), 0);
    put("taken/f/00000.png", "\x89PNG is not all that makes one");
    must_refuse("generate taken/run.h5 -q --frames taken/f", 1, frame);
    ck_assert_int_eq(mkdir(support_at(place, "taken/generated"), 0755), 0);
    put("taken/generated/00003.png", "x");
    must_refuse("generate taken/run.h5 -q --single", 1, single);
}
END_TEST

/* Runs that share a folder do not draw over each other's pictures. */
START_TEST(pictures_are_named_by_their_run)
{
    ck_assert_int_eq(mkdir(support_at(place, "shared"), 0755), 0);
    program_must_work(program_run_in(place, "train " GOOD " -o shared/one.h5 -q"));
    program_must_work(program_run_in(place, "train " GOOD " -o shared/two.net.h5 -q --seed 2"));
    program_must_work(program_run_in(place, "invert shared/one.h5 -q"));
    program_must_work(program_run_in(place, "invert shared/two.net.h5 -q"));
    program_must_work(program_run_in(place, "generate shared/one.h5 -q --steps 2"));
    program_must_work(program_run_in(place, "generate shared/two.net.h5 -q --steps 2"));
    program_must_work(program_run_in(place, "generate shared/one.h5 -q --steps 2 --single"));
    ck_assert_uint_eq(support_entries(support_at(place, "shared")), 5);
    ck_assert_int_eq(access(support_at(place, "shared/one-generated.png"), F_OK), 0);
    ck_assert_int_eq(access(support_at(place, "shared/two.net-generated.png"), F_OK), 0);
    ck_assert_int_eq(access(support_at(place, "shared/one-generated/00000.png"), F_OK), 0);
}
END_TEST

Suite *cli_pictures_suite(void)
{
    Suite *suite = suite_create("cli_pictures");
    TCase *tests = tcase_create("cli_pictures");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_loop_test(tests, a_sheet_too_large_is_refused_before_the_work, 0, LEN(too_large));
    tcase_add_test(tests, single_draws_each_image_by_itself);
    tcase_add_test(tests, single_is_the_way_out);
    tcase_add_test(tests, two_channels_are_drawn_side_by_side);
    tcase_add_test(tests, only_runs_are_written_over);
    tcase_add_test(tests, runs_of_any_state_are_written_over);
    tcase_add_test(tests, only_pictures_are_written_over_by_pictures);
    tcase_add_test(tests, pictures_are_named_by_their_run);
    suite_add_tcase(suite, tests);
    return suite;
}
