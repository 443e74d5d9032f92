/* Several inverses of a net, side by side.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <jansson.h>

#include "cli_short.h"
#include "data/font.h"
#include "hdf5_text.h"
#include "invproj/png.h"
#include "invproj/run.h"
#include "program.h"
#include "suites.h"
#include "support.h"

/* Made once: the experiment, data, and a run with two inverses. The program runs in this folder. */
static char *place;

#define GOOD "r2rt.cfg " SHORT_SETS " -q --data data"

static program *run_here(const char *words)
{
    return program_run_in(place, words);
}

static void open_place(void)
{
    place = support_folder();
    short_copy("experiments/r2rt.cfg", support_at(place, "r2rt.cfg"));
    short_data(support_at(place, "data"));
    program_must_work(run_here("run " GOOD " -o run"));
    program_must_work(run_here("invert run/run.h5 --kind ridge -q --data data"));
}

static void close_place(void)
{
    support_remove(place);
}

/* ---- compare ---- */

/* What `compare --json` prints. */
static json_t *compared(const char *words)
{
    program *p = run_here(words);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    json_t *list = json_loads(p->out, 0, NULL);
    ck_assert_ptr_nonnull(list);
    program_free(p);
    return list;
}

static const char *text_at(const json_t *list, size_t i, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(list, i), key));
    ck_assert_msg(text != NULL, "no %s", key);
    return text;
}

static double number_at(const json_t *list, size_t i, const char *key)
{
    const json_t *number = json_object_get(json_array_get(list, i), key);
    ck_assert_msg(json_is_number(number), "no %s", key);
    return json_number_value(number);
}

START_TEST(compare_tells_what_the_files_hold)
{
    const char *file = support_at(place, "run/run.h5");
    json_t *list = compared("compare run/run.h5 --json");
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_str_eq(text_at(list, 0, "name"), "r2rt");
    ck_assert_str_eq(text_at(list, 1, "kind"), "ridge");
    ck_assert_ptr_null(json_object_get(json_array_get(list, 0), "run"));
    ck_assert_double_eq_tol(number_at(list, 0, "l1_per_pixel"),
                            hdf5_number(file, "/inverse/r2rt", "l1_per_pixel"), 1e-7);
    ck_assert_double_eq_tol(number_at(list, 1, "psnr_error"),
                            hdf5_number(file, "/inverse/ridge", "psnr_error"), 1e-7);
    json_decref(list);
    list = compared("compare run/run.h5 run/run.h5 --inverse ridge --json");
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_str_eq(text_at(list, 1, "name"), "ridge");
    ck_assert_str_eq(text_at(list, 1, "run"), "run/run.h5");
    json_decref(list);
}
END_TEST

/* The word of the table's line that begins with `label` that is in column `column`. */
static char *word_of(const char *table, const char *label, size_t column)
{
    const char *line = strstr(table, label);
    ck_assert_msg(line != NULL, "no %s in\n%s", label, table);
    line += strlen(label);
    for (;; column--) {
        line += strspn(line, " ");
        const size_t length = strcspn(line, " \n");
        if (column == 0)
            return strndup(line, length);
        line += length;
    }
}

START_TEST(compare_marks_the_best)
{
    const char *file = support_at(place, "run/run.h5");
    const double r2rt = hdf5_number(file, "/inverse/r2rt", "l1_per_pixel");
    const double ridge = hdf5_number(file, "/inverse/ridge", "l1_per_pixel");
    char wanted[32];
    ck_assert_double_lt(ridge, 0.8 * r2rt); /* clearly */
    program *p = run_here("compare run/run.h5");
    ck_assert_program(p, 0);
    snprintf(wanted, sizeof wanted, "%.4f", r2rt);
    char *word = word_of(p->out, "\nL1 per pixel ", 0);
    ck_assert_str_eq(word, wanted);
    free(word);
    snprintf(wanted, sizeof wanted, "*%.4f", ridge);
    word = word_of(p->out, "\nL1 per pixel ", 2); /* behind the first's error */
    ck_assert_str_eq(word, wanted);
    free(word);
    program_free(p);
}
END_TEST

static double *images_of(const char *name, size_t dims[4])
{
    char words[160], path[64];
    snprintf(words, sizeof words,
             "project run/run.h5 -q --data data --count 3 --inverse %s --name of-%s", name, name);
    program_must_work(run_here(words));
    snprintf(path, sizeof path, "/projections/of-%s/image", name);
    return hdf5_values(support_at(place, "run/run.h5"), path, dims);
}

/* The mean difference of a tile of the sheet and an image; tiles are `zoom` times as large. */
static double tile_difference(const float *sheet, inv_shape shape, size_t top, size_t left,
                              const double *image, size_t height, size_t width, size_t zoom)
{
    double sum = 0.0;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const double seen = sheet[(top + y * zoom) * shape.width + left + x * zoom];
            sum += fabs(seen - fmin(fmax(image[y * width + x], 0.0), 1.0));
        }
    return sum / (double)(height * width);
}

START_TEST(compare_draws_a_row_each_inverse)
{
    static const char *const arrays[] = {"r2rt", "ridge"};
    const char *sheet = support_at(place, "sheet.png");
    float *seen = NULL;
    inv_shape shape = {0};
    size_t dims[4], zoom = 0, pitch = 0;
    program_must_work(run_here("compare run/run.h5 -o sheet.png --count 3 -q --data data"));
    ck_assert_status(inv_png_read(sheet, 0.0f, &shape, &seen), INV_OK);
    for (size_t row = 0; row < 2; row++) {
        double *images = images_of(arrays[row], dims);
        zoom = (112 + dims[2] - 1) / dims[2];
        ck_assert_uint_eq(shape.width, 3 * dims[2] * zoom + 4 * 2);
        pitch = (shape.height - 2) / 3; /* the gap above the first row is the only one left over */
        for (size_t i = 0; i < 3; i++)
            ck_assert_double_lt(
                tile_difference(seen, shape, 2 + (row + 1) * pitch, 2 + i * (dims[2] * zoom + 2),
                                images + i * dims[1] * dims[2], dims[1], dims[2], zoom),
                1.0 / 255.0);
        free(images);
    }
    free(seen);
}
END_TEST

/* The first of `letters` whose dots stand there, or 0; white is a dot. */
static char letter_at(const float *sheet, size_t width, size_t top, size_t left,
                      const char *letters)
{
    for (; *letters; letters++) {
        bool same = true;
        for (size_t row = 0; row < INV_FONT_HEIGHT; row++)
            for (size_t x = 0; x < INV_FONT_WIDTH; x++)
                same = same && (sheet[(top + row) * width + left + x] == 1.0f) ==
                                   inv_font_dot(*letters, row, x);
        if (same)
            return *letters;
    }
    return 0;
}

/* Tiles are as wide as it takes. */
START_TEST(a_long_name_leaves_its_figure)
{
    static const char name[] = "a-name-that-is-longer-than-a-tile-is-wide";
    static const char digits[] = "0123456789";
    static const char *const figure[] = {"0", ".", digits, digits, digits};
    const size_t letter = INV_FONT_WIDTH + 1, caption = INV_FONT_HEIGHT + 3;
    char words[160];
    float *seen = NULL;
    inv_shape shape = {0};
    program_must_work(run_here("train " GOOD " -o long.h5"));
    snprintf(words, sizeof words, "invert long.h5 --kind ridge -q --data data --name %s", name);
    program_must_work(run_here(words));
    program_must_work(run_here("compare long.h5 -o long.png --count 2 -q --data data"));
    ck_assert_status(inv_png_read(support_at(place, "long.png"), 0.0f, &shape, &seen), INV_OK);
    const size_t top = shape.height - caption - 2 + 1, left = 2; /* of the last row's captions */
    for (size_t i = 0; name[i]; i++)
        ck_assert_int_eq(letter_at(seen, shape.width, top, left + i * letter, name + i), name[i]);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_ne(
            letter_at(seen, shape.width, top, left + (strlen(name) + 1 + i) * letter, figure[i]),
            0);
    free(seen);
}
END_TEST

static const struct refused {
    const char *words;
    int code;
    const char *says[2];
} refusals[] = {
    {"compare", 2, {"usage: invproj compare RUN.h5...", ""}},
    {"compare none.h5", 1, {"none.h5: ", ""}},
    {"compare run/run.h5 --inverse other", 1, {"holds no inverse named 'other'", ""}},
    {"compare net.h5", 1, {"net.h5: holds no finished inverse; make one with: invproj invert", ""}},
    {"compare run/run.h5 -o r2rt.cfg", 1, {"r2rt.cfg: ", "not a PNG file"}},
    {"compare run/run.h5 -o sheet2.png --data none", 1, {"none: ", ""}},
};

START_TEST(compare_says_what_it_cannot_do)
{
    const struct refused *r = &refusals[_i];
    program_must_work(run_here("train " GOOD " -o net.h5 --force"));
    program_must_refuse(&(program_how){.folder = place}, r->words, r->code,
                        (const char *const[]){r->says[0], r->says[1], NULL});
}
END_TEST

/* Figures of runs on other images can stand side by side; pictures of other images cannot. */
START_TEST(a_sheet_is_of_the_same_images)
{
    ck_assert_int_eq(mkdir(support_at(place, "others"), 0755), 0);
    support_write_dataset(support_at(place, "others"), TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 77);
    program_must_work(run_here("run r2rt.cfg " SHORT_SETS " -q --data others -o other"));
    program_must_work(run_here("compare run/run.h5 other/run.h5"));
    program *p = run_here("compare run/run.h5 other/run.h5 -o both.png");
    ck_assert_fails(p, 1, "other/run.h5: its test images are others than those of the first run");
    program_free(p);
    p = run_here("compare run/run.h5 run/run.h5 -o both.png");
    ck_assert_program(p, 0);
    program_free(p);
}
END_TEST

/* ---- an inverse that is no net ---- */

START_TEST(images_that_were_searched_for_are_a_result)
{
    const char *file = support_at(place, "searched.h5");
    size_t dims[4];
    program_must_work(run_here("train " GOOD " -o searched.h5"));
    program_must_work(run_here("invert searched.h5 --kind optimise --at hidden2.pre -q --steps 30 "
                               "--set inverse.images=12"));
    double *images = hdf5_values(file, "/inverse/optimise/image", dims);
    ck_assert_uint_eq(dims[0], 12);
    ck_assert_uint_eq(dims[1], HEIGHT);
    free(images);
    const double l1 = hdf5_number(file, "/inverse/optimise", "l1_per_pixel");
    ck_assert_double_gt(l1, 0.0);
    ck_assert_double_eq(hdf5_number(file, "/inverse/optimise", "images"), 12.0);
    program_must_work(run_here("invert searched.h5 --kind ridge --at hidden2.pre -q"));
    json_t *list = compared("measure searched.h5 --json -q");
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_double_eq_tol(number_at(list, 0, "l1_per_pixel"), l1, 1e-8);
    ck_assert_double_eq(number_at(list, 0, "images"), 12.0);
    ck_assert_double_eq(number_at(list, 1, "images"), TEST);
    json_decref(list);
    list = compared("measure searched.h5 --json -q --zero-lines");
    ck_assert_uint_eq(json_array_size(list), 5);
    ck_assert_str_eq(text_at(list, 2, "name"), "real");
    ck_assert_double_eq(number_at(list, 2, "l1_per_pixel"), 0.0);
    ck_assert_double_eq(number_at(list, 2, "high_frequencies"), 1.0);
    ck_assert_str_eq(text_at(list, 4, "name"), "class-mean");
    ck_assert_double_lt(number_at(list, 4, "l1_per_pixel"), number_at(list, 3, "l1_per_pixel"));
    ck_assert_double_eq_tol(number_at(list, 4, "diversity"), 0.0, 1e-3);
    json_decref(list);
    program_must_work(run_here("compare searched.h5 -o searched.png --count 12"));
    program *p = run_here("compare searched.h5 -o searched.png --count 13");
    ck_assert_fails(p, 1, "'optimise' is of 12 images, fewer than 13");
    program_free(p);
    p = run_here("project searched.h5 --inverse optimise -q");
    ck_assert_fails(p, 1, "'optimise' was searched for image by image");
    program_free(p);
    p = run_here("info searched.h5");
    ck_assert_program(p, 0);
    program_free(p);
}
END_TEST

START_TEST(a_search_goes_on_where_it_was)
{
    const program_how how = {.folder = place};
    program_must_work(run_here("train " GOOD " -o parts.h5"));
    program_must_work(run_here("invert parts.h5 --kind optimise --at hidden2.pre --name whole -q "
                               "--steps 4000 --set inverse.images=60 --threads 1"));
    program *p = program_start(&how, "invert parts.h5 --kind optimise --at hidden2.pre "
                                     "--steps 4000 --set inverse.images=60 --threads 1");
    program_wait_for(p, "inverse: 240000 steps");
    kill(p->child, SIGTERM);
    program_wait(p);
    /* one chunk is all there is: it was done all the same */
    ck_assert_msg(p->code == 0 || p->code == 143, "%d", p->code);
    program_free(p);
    program_must_work(run_here("invert parts.h5 --kind optimise --at hidden2.pre -q --resume "
                               "--steps 4000 --set inverse.images=60 --threads 1"));
    size_t dims[2][4];
    double *a = hdf5_values(support_at(place, "parts.h5"), "/inverse/whole/image", dims[0]);
    double *b = hdf5_values(support_at(place, "parts.h5"), "/inverse/optimise/image", dims[1]);
    ck_assert_uint_eq(dims[1][0], 60);
    ck_assert_mem_eq(a, b, 60 * dims[0][1] * dims[0][2] * sizeof *a);
    free(a);
    free(b);
}
END_TEST

/* ---- several in an experiment ---- */

static const char several[] =
    "seed = 1; data = { folder = \"data\"; validation = 50; };\n"
    "network = { layers = (\n"
    "  { name = \"hidden\"; type = \"dense\"; units = 11; activation = \"sigmoid\"; },\n"
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"
    "training = { steps = 40; batch = 60; optimiser = { type = \"adam\"; rate = 0.01; }; };\n"
    "inverses = (\n"
    "  { kind = \"ridge\"; at = \"hidden.pre\"; },\n"
    "  { kind = \"mirror\"; at = \"hidden.pre\"; name = \"mirrored\"; steps = 30; batch = 60; },\n"
    "  { kind = \"decoder\"; at = \"hidden\"; steps = 3000; batch = 60; patience = 0; } );\n"
    "project = { images = 5; };\n";

static void write_several(void)
{
    support_write(support_at(place, "several.cfg"), several, strlen(several));
}

static void must_be_same_array(const char *a, const char *b, const char *array)
{
    size_t dims[2][4] = {{1, 1, 1, 1}, {1, 1, 1, 1}};
    double *of[2] = {hdf5_values(support_at(place, a), array, dims[0]),
                     hdf5_values(support_at(place, b), array, dims[1])};
    const size_t n = dims[0][0] * dims[0][1];
    ck_assert_uint_gt(n, 1);
    ck_assert_uint_eq(dims[1][0] * dims[1][1], n);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(of[0][i] == of[1][i], "%s[%zu]: %.9g, not %.9g", array, i, of[0][i],
                      of[1][i]);
    free(of[0]);
    free(of[1]);
}

START_TEST(run_learns_each_inverse)
{
    write_several();
    program *p = run_here("run several.cfg -o several --threads 1");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "inverse   'mirrored', of kind mirror"));
    char *word = word_of(p->out, "\ninverse ", 2); /* the table's heads */
    ck_assert_str_eq(word, "decoder");
    free(word);
    program_free(p);
    const char *file = support_at(place, "several/run.h5");
    ck_assert_double_eq(hdf5_number(file, "/inverse/ridge", "done"), 1.0);
    ck_assert_double_eq(hdf5_number(file, "/inverse/mirrored", "step"), 30.0);
    ck_assert_double_eq(hdf5_number(file, "/inverse/decoder", "step"), 3000.0);
    ck_assert_double_gt(hdf5_number(file, "/inverse/decoder", "psnr"), 1.0);
    /* what is said of none is of the first; and each is what it would be alone */
    inv_run *run = NULL;
    char *name = NULL;
    ck_assert_status(inv_run_open(file, &run), INV_OK);
    ck_assert_status(inv_run_text(run, "/projections/projections", "inverse", &name), INV_OK);
    ck_assert_str_eq(name, "ridge");
    free(name);
    inv_run_free(run);
    program_must_work(run_here("train several.cfg -o alone.h5 --threads 1 -q"));
    program_must_work(run_here("invert alone.h5 --name decoder --threads 1 -q"));
    program_must_work(run_here("invert alone.h5 --kind mirror --threads 1 -q"));
    program_must_work(run_here("invert alone.h5 --threads 1 -q"));
    must_be_same_array("several/run.h5", "alone.h5", "/inverse/decoder/pixels/kernel");
    must_be_same_array("several/run.h5", "alone.h5", "/inverse/ridge/pixels/kernel");
    ck_assert_double_eq(hdf5_number(support_at(place, "alone.h5"), "/inverse/mirrored", "step"),
                        30.0);
}
END_TEST

START_TEST(run_goes_on_in_the_middle_of_one)
{
    const program_how how = {.folder = place};
    write_several();
    program_must_work(run_here("run several.cfg -o whole --threads 1 -q"));
    program *p = program_start(&how, "run several.cfg -o parts --threads 1 --checkpoint 10");
    program_wait_for(p, "'decoder', of kind");
    kill(p->child, SIGINT);
    program_wait(p);
    ck_assert_program(p, 130);
    program_free(p);
    const char *file = support_at(place, "parts/run.h5");
    ck_assert_double_eq(hdf5_number(file, "/inverse/mirrored", "done"), 1.0);
    ck_assert_double_eq(hdf5_number(file, "/inverse/decoder", "done"), 0.0);
    program_must_work(run_here("run several.cfg -o parts --threads 1 -q --resume"));
    must_be_same_array("whole/run.h5", "parts/run.h5", "/inverse/decoder/pixels/kernel");
    must_be_same_array("whole/run.h5", "parts/run.h5", "/inverse/decoder/hidden/kernel");
    must_be_same_array("whole/run.h5", "parts/run.h5", "/inverse/decoder/history/loss");
    /* longer: a thing of each inverse; other: said with its place */
    program_must_work(
        run_here("run several.cfg -o parts --threads 1 -q --resume --set inverses.1.steps=40"));
    ck_assert_double_eq(hdf5_number(file, "/inverse/mirrored", "step"), 40.0);
    p = run_here("run several.cfg -o parts --threads 1 -q --resume --set inverses.1.steps=39");
    ck_assert_fails(p, 2, "inverses.1.steps was 40, is now 39");
    program_free(p);
    p = run_here("run several.cfg -o parts --threads 1 -q --resume --set inverses.1.steps=40 "
                 "--set inverses.2.batch=50");
    ck_assert_fails(p, 2, "inverses.2.batch was 60, is now 50");
    program_free(p);
}
END_TEST

static const struct bad_list {
    const char *set, *says[2];
} bad_lists[] = {
    {"inverses.1.stepz=3", {"inverses.1.stepz: ", "did you mean 'steps'?"}},
    {"inverses.1.name=ridge", {"inverses.1.name: inverses.0 is named 'ridge' too", ""}},
    {"inverses.0.kind=ridges", {"inverses.0.kind: ", "did you mean 'ridge'?"}},
    {"inverse.at=hidden", {"inverse: inverses is there too; give one of the two", ""}},
    {"inverses=()", {"inverses: must be a list of 1 to 32 groups", ""}},
    {"inverses={}", {"inverses: must be a list of 1 to 32 groups", ""}},
    {"inverses=(3)", {"inverses.0: must be a group", ""}},
    {"inverses.0.at=nowhere", {"inverses.0, 'ridge': ", "nowhere"}},
    {"inverses.2.layers=({name=\"a\";type=\"dense\";})", {"inverses.2, 'decoder': ", "units"}},
    {"inverses.2.batch=1000", {"inverses.2, 'decoder': ", "there are 300 images to train on"}},
};

START_TEST(errors_name_the_element)
{
    const struct bad_list *b = &bad_lists[_i];
    char words[512];
    write_several();
    snprintf(words, sizeof words, "run several.cfg -o bad -q --set %s", b->set);
    program *p = run_here(words);
    program_must_fail(p, 2, (const char *const[]){b->says[0], b->says[1], NULL});
    program_free(p);
}
END_TEST

Suite *cli_inverses_suite(void)
{
    Suite *suite = suite_create("cli_inverses");
    TCase *tests = tcase_create("inverses");
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, compare_tells_what_the_files_hold);
    tcase_add_test(tests, compare_marks_the_best);
    tcase_add_test(tests, compare_draws_a_row_each_inverse);
    tcase_add_test(tests, a_long_name_leaves_its_figure);
    tcase_add_loop_test(tests, compare_says_what_it_cannot_do, 0,
                        (int)(sizeof refusals / sizeof *refusals));
    tcase_add_test(tests, a_sheet_is_of_the_same_images);
    tcase_add_test(tests, images_that_were_searched_for_are_a_result);
    tcase_add_test(tests, a_search_goes_on_where_it_was);
    tcase_add_test(tests, run_learns_each_inverse);
    tcase_add_test(tests, run_goes_on_in_the_middle_of_one);
    tcase_add_loop_test(tests, errors_name_the_element, 0,
                        (int)(sizeof bad_lists / sizeof *bad_lists));
    suite_add_tcase(suite, tests);
    return suite;
}
