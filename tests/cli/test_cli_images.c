/* predict and pack: images of every kind, from PNG and IDX files, to classes and to data sets.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>
#include <png.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "invproj/dataset.h"
#include "invproj/run.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define NAMES "null\neins\nzwei\ndrei Stra\xc3\x9f\x65n\nvier\n"

/* Made once for all tests, which leave them as they are: `place`/data with names of classes, and
 * `place`/run.h5, trained on them. */
static char *place, *data, *run;
static inv_dataset *set;

/* Images on black, as MNIST's: what is transparent is then black too. */
static void blacken_borders(const char *path)
{
    size_t size = 0;
    unsigned char *bytes = support_read(path, &size);
    for (size_t i = 16; i < size; i++) {
        const size_t row = (i - 16) / WIDTH % HEIGHT, column = (i - 16) % WIDTH;
        if (row == 0 || column == 0 || row == HEIGHT - 1 || column == WIDTH - 1)
            bytes[i] = 0;
    }
    support_write(path, bytes, size);
    free(bytes);
}

static void open_place(void)
{
    place = support_folder();
    ck_assert_int_gt(asprintf(&data, "%s/data", place), 0);
    ck_assert_int_gt(asprintf(&run, "%s/run.h5", place), 0);
    short_data(data);
    blacken_borders(support_at(data, "train-images-idx3-ubyte"));
    blacken_borders(support_at(data, "t10k-images-idx3-ubyte"));
    support_write(support_at(data, "classes.txt"), NAMES, strlen(NAMES));
    program_must_work(program_run(NULL, "train " SHORT " -q --data %s -o %s", data, run));
    ck_assert_status(inv_dataset_open(data, 0.0, &set), INV_OK);
}

static void close_place(void)
{
    inv_dataset_free(set);
    support_remove(place);
    free(data);
    free(run);
}

/* ---- PNG files of every kind ---- */

enum kind { GREY, RGB, WHITE_ALPHA, BLACK_ALPHA, SIXTEEN, PALETTE, INTERLACED, DARK, LARGE, KINDS };

static const char *const kind_names[KINDS] = {"grey.png",        "rgb.png", "white-alpha.png",
                                              "black-alpha.png", "16.png",  "palette.png",
                                              "interlaced.PNG",  "dark",    "large.png"};

/* What libpng is told of a kind. */
static void describe_kind(enum kind kind, int *depth, int *type, int *interlace)
{
    static const int types[KINDS] = {[RGB] = PNG_COLOR_TYPE_RGB,
                                     [WHITE_ALPHA] = PNG_COLOR_TYPE_GRAY_ALPHA,
                                     [BLACK_ALPHA] = PNG_COLOR_TYPE_RGB_ALPHA,
                                     [PALETTE] = PNG_COLOR_TYPE_PALETTE};
    *depth = kind == SIXTEEN ? 16 : 8;
    *type = types[kind];
    *interlace = kind == INTERLACED ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE;
}

/* The samples of one pixel of value v; returns how many. */
static size_t put_pixel(enum kind kind, unsigned char v, unsigned char *to)
{
    const unsigned char samples[KINDS][4] = {
        {v}, {v, v, v}, {255, v}, {0, 0, 0, v}, {v, v}, {v}, {v}, {(unsigned char)(255 - v)}, {v}};
    static const size_t counts[KINDS] = {1, 3, 2, 4, 2, 1, 1, 1, 1};
    memcpy(to, samples[kind], counts[kind]);
    return counts[kind];
}

/* Grey values as a PNG file of some kind; LARGE has 3 x 3 pixels for each. */
static void write_kind(const char *path, enum kind kind, const unsigned char *grey, size_t height,
                       size_t width)
{
    const size_t zoom = kind == LARGE ? 3 : 1;
    int depth, type, interlace;
    png_color palette[256];
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    unsigned char *samples = malloc(4 * zoom * zoom * height * width), *to = samples;
    png_bytep *rows = malloc(zoom * height * sizeof *rows);
    describe_kind(kind, &depth, &type, &interlace);
    png_init_io(png, out);
    png_set_IHDR(png, info, (png_uint_32)(zoom * width), (png_uint_32)(zoom * height), depth, type,
                 interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){(png_byte)i, (png_byte)i, (png_byte)i};
    if (kind == PALETTE)
        png_set_PLTE(png, info, palette, 256);
    for (size_t y = 0; y < zoom * height; y++) {
        rows[y] = to;
        for (size_t x = 0; x < zoom * width; x++)
            to += put_pixel(kind, grey[y / zoom * width + x / zoom], to);
    }
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(rows);
    free(samples);
    ck_assert_int_eq(fclose(out), 0);
}

static const unsigned char *test_image(const inv_dataset *of, size_t i)
{
    return (const unsigned char *)of->test.images + i * of->test.pixels;
}

/* ---- what predict says ---- */

/* The image i of its JSON. */
static json_t *json_image(const json_t *all, size_t i)
{
    json_t *image = json_array_get(json_object_get(all, "images"), i);
    ck_assert_ptr_nonnull(image);
    return image;
}

/* A number that must be there: of none, jansson makes 0. */
static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_number(value), "there is no number %s", key);
    return json_number_value(value);
}

static double number(const json_t *image, size_t k, const char *key)
{
    return number_of(json_array_get(json_object_get(image, "classes"), k), key);
}

/* Whatever is said beside it, of an image that is unlike those trained on. */
static json_t *json_of_unlike(program *p)
{
    ck_assert_program(p, 0);
    ck_assert_uint_le(program_lines(p->err), 1);
    json_t *all = json_loads(p->out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(all);
    program_free(p);
    return all;
}

static json_t *json_of(program *p)
{
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    return json_of_unlike(p);
}

/* The same classes, as probable. */
static void assert_same(const json_t *a, const json_t *b, double tolerance)
{
    for (size_t k = 0; k < 2; k++) {
        ck_assert_double_eq(number(a, k, "class"), number(b, k, "class"));
        ck_assert_double_eq_tol(number(a, k, "probability"), number(b, k, "probability"),
                                tolerance);
    }
}

/* Test image i of `of`, as a PNG of each kind and as IDX, to the net in `file`. */
static void assert_kinds(const inv_dataset *of, const char *file, const char *folder, size_t i)
{
    char *here = support_folder();
    const size_t height = of->shape.height, width = of->shape.width;
    json_t *whole =
        json_of(program_run(NULL, "predict %s %s --json --threads 1", file,
                            access(support_at(folder, "t10k-images-idx3-ubyte"), R_OK) == 0
                                ? support_at(folder, "t10k-images-idx3-ubyte")
                                : support_at(folder, "t10k-images-idx3-ubyte.gz")));
    const json_t *expected = json_image(whole, i);
    ck_assert_double_eq(number_of(expected, "index"), (double)i);
    for (int kind = 0; kind < KINDS; kind++) {
        const char *path = support_at(here, kind_names[kind]);
        const bool dark = kind == DARK || kind == BLACK_ALPHA;
        unsigned char *grey = malloc(height * width);
        memcpy(grey, test_image(of, i), height * width);
        write_kind(path, kind, grey, height, width);
        program *p = program_run(NULL, "predict %s %s --json --threads 1", file, path);
        json_t *all = dark ? json_of_unlike(p) : json_of(p);
        p = program_run(NULL, "predict %s %s --json --threads 1 --invert", file, path);
        json_t *inverted = dark ? json_of(p) : json_of_unlike(p);
        assert_same(json_image(dark ? inverted : all, 0), expected, 2e-5);
        ck_assert_ptr_null(json_object_get(json_image(all, 0), "index"));
        ck_assert_str_eq(json_string_value(json_object_get(json_image(all, 0), "file")), path);
        json_decref(all);
        json_decref(inverted);
        free(grey);
    }
    json_decref(whole);
    support_remove(here);
}

START_TEST(every_kind_is_the_same_image)
{
    assert_kinds(set, run, data, 4);
}
END_TEST

START_TEST(accuracy_is_that_of_training)
{
    const double accuracy = hdf5_number(run, "/network", "accuracy");
    char says[64];
    snprintf(says, sizeof says, "accuracy %.4f: %.0f of 60\n", accuracy, 60.0 * accuracy);
    program *p = program_run(NULL,
                             "predict %s %s/t10k-images-idx3-ubyte "
                             "--labels %s/t10k-labels-idx1-ubyte",
                             run, data, data);
    ck_assert_program(p, 0);
    ck_assert_uint_eq(program_lines(p->out), 62 + 1 + CLASSES); /* and a line a class */
    ck_assert_ptr_nonnull(strstr(p->out, says));
    program_free(p);
    json_t *all = json_of(program_run(NULL,
                                      "predict %s %s/t10k-images-idx3-ubyte --json --top 9 "
                                      "--labels %s/t10k-labels-idx1-ubyte",
                                      run, data, data));
    ck_assert_double_eq_tol(number_of(all, "accuracy"), accuracy, 1e-9);
    for (size_t i = 0; i < TEST; i++) {
        const json_t *image = json_image(all, i);
        double sum = 0.0;
        ck_assert_uint_eq(json_array_size(json_object_get(image, "classes")), CLASSES);
        for (size_t k = 0; k < CLASSES; k++) {
            sum += number(image, k, "probability");
            ck_assert(k == 0 ||
                      number(image, k, "probability") <= number(image, k - 1, "probability"));
        }
        ck_assert_double_eq_tol(sum, 1.0, 1e-6);
        ck_assert_double_eq(number_of(image, "label"), set->test.labels[i]);
    }
    json_decref(all);
}
END_TEST

/* Takes the last number off a line. */
static double last_number(char *line)
{
    char *space = strrchr(line, ' ');
    ck_assert_ptr_nonnull(space);
    const double number = strtod(space, NULL);
    while (space > line && space[-1] == ' ')
        space--;
    *space = 0;
    return number;
}

/* The line of a class in the table: its images, what part of them is right, and for which they are
 * taken. */
START_TEST(each_class_has_its_line)
{
    static const char *const names[CLASSES] = {"null ", "eins ", "zwei ", "drei Stra", "vier "};
    double all = 0.0, right = 0.0;
    program *p = program_run(NULL,
                             "predict %s %s/t10k-images-idx3-ubyte "
                             "--labels %s/t10k-labels-idx1-ubyte",
                             run, data, data);
    ck_assert_program(p, 0);
    char *rest = strstr(p->out, "  images     right  taken for");
    ck_assert_ptr_nonnull(rest);
    (void)strsep(&rest, "\n");
    for (size_t c = 0; c < CLASSES; c++) {
        char *line = strsep(&rest, "\n"), begin[32];
        double taken[CLASSES], sum = 0.0, labels = 0.0;
        snprintf(begin, sizeof begin, "%zu %s", c, names[c]);
        ck_assert_msg(strncmp(line, begin, strlen(begin)) == 0, "%s",
                      line); /* as columns are headed */
        for (size_t k = CLASSES; k-- > 0;)
            sum += taken[k] = last_number(line);
        const double part = last_number(line), images = last_number(line);
        for (size_t i = 0; i < TEST; i++)
            labels += set->test.labels[i] == c;
        ck_assert_double_eq(sum, images);
        ck_assert_double_eq(images, labels);
        ck_assert_double_eq_tol(part, taken[c] / images, 5.1e-5);
        all += images;
        right += taken[c];
    }
    ck_assert_double_eq(all, TEST);
    ck_assert_double_eq_tol(right / TEST, hdf5_number(run, "/network", "accuracy"), 1e-9);
    program_free(p);
}
END_TEST

START_TEST(classes_have_their_names)
{
    program *p = program_run(NULL, "predict %s %s/t10k-images-idx3-ubyte --top 5", run, data);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "class"));
    ck_assert_ptr_nonnull(strstr(p->out, "  drei Stra\xc3\x9f\x65n  0."));
    program_free(p);
    p = program_run(NULL, "info %s", run);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(
        strstr(p->out, "9 x 7 x 1, unsigned bytes from 0 to 255, divided by 255\n"));
    ck_assert_ptr_nonnull(strstr(p->out, "300 to train on, 50 to validate, 60 to test; 5 classes: "
                                         "null, eins, zwei, drei Stra\xc3\x9f\x65n, vier\n"));
    program_free(p);
    json_t *all = json_of(program_run(NULL, "info %s --json", run));
    const json_t *told = json_object_get(all, "data");
    ck_assert_double_eq(number_of(told, "scale"), 255.0);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(told, "class_names"), 2)),
                     "zwei");
    json_decref(all);
}
END_TEST

/* A run file made before there was /data, and one without an experiment, are read too; neither is
 * touched. */
START_TEST(older_files_are_read)
{
    inv_run *file = NULL;
    char *here = support_folder();
    const char *old = support_at(here, "old.h5");
    ck_assert_status(inv_run_open(run, &file), INV_OK);
    ck_assert_status(inv_run_remove(file, "/data"), INV_OK);
    ck_assert_status(inv_run_unset(file, "/", "scale"), INV_OK);
    ck_assert_status(inv_run_unset(file, "/", "class_names"), INV_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_status(inv_run_save(file, old), INV_OK);
        char *before = program_snapshot(here);
        json_t *a =
            json_of(program_run(NULL, "predict %s %s/t10k-images-idx3-ubyte --json", old, data));
        json_t *b =
            json_of(program_run(NULL, "predict %s %s/t10k-images-idx3-ubyte --json", run, data));
        assert_same(json_image(a, 7), json_image(b, 7), 1e-12);
        ck_assert_ptr_null(json_object_get(
            json_array_get(json_object_get(json_image(a, 7), "classes"), 0), "name"));
        json_decref(a);
        json_decref(b);
        char *after = program_snapshot(here);
        program_must_equal(before, after);
        free(before);
        free(after);
        ck_assert_status(inv_run_unset(file, "/", "experiment"), INV_OK);
    }
    inv_run_free(file);
    support_remove(here);
}
END_TEST

/* The same data as floats from 0 to 1, as 32-bit integers to 65535 and as bytes: a net trained on
 * one reads the others. */
START_TEST(other_types_are_read_alike)
{
    char *here = support_folder();
    const size_t n = set->test.count * set->test.pixels;
    const unsigned char *bytes = set->test.images;
    float *floats = malloc(n * sizeof *floats);
    int32_t *ints = malloc(n * sizeof *ints);
    inv_idx idx = {.type = INV_IDX_FLOAT,
                   .rank = 3,
                   .dims = {set->test.count, HEIGHT, WIDTH},
                   .size = n,
                   .data = floats};
    for (size_t i = 0; i < n; i++) {
        floats[i] = (float)bytes[i] / 255.0f;
        ints[i] = bytes[i] * 257;
    }
    ck_assert_status(inv_idx_write(support_at(here, "floats"), &idx), INV_OK);
    idx.type = INV_IDX_INT;
    idx.data = ints;
    ck_assert_status(inv_idx_write(support_at(here, "ints.gz"), &idx), INV_OK);
    json_t *all = json_of(program_run(NULL,
                                      "predict %s %s/t10k-images-idx3-ubyte %s/floats %s/ints.gz "
                                      "--json",
                                      run, data, here, here));
    ck_assert_uint_eq(json_array_size(json_object_get(all, "images")), 3 * TEST);
    for (size_t i = 0; i < TEST; i++) {
        assert_same(json_image(all, TEST + i), json_image(all, i), 1e-5);
        assert_same(json_image(all, 2 * TEST + i), json_image(all, i), 1e-5);
    }
    json_decref(all);
    floats[HEIGHT * WIDTH * 3 + 5] = NAN;
    idx.type = INV_IDX_FLOAT;
    idx.data = floats;
    ck_assert_status(inv_idx_write(support_at(here, "floats"), &idx), INV_OK);
    program *p = program_run(NULL, "predict %s %s/floats", run, here);
    ck_assert_fails(p, 1, "floats: image 3 (from 0)", "not finite");
    program_free(p);
    free(floats);
    free(ints);
    support_remove(here);
}
END_TEST

/* The same images and labels as floats from low to high, in the folder `here`. */
static void write_floats(const char *here, double low, double high)
{
    static const char *const names[2] = {"train-images-idx3-float", "t10k-images-idx3-float"};
    const size_t counts[2] = {TRAIN, TEST};
    for (int part = 0; part < 2; part++) {
        const size_t n = counts[part] * HEIGHT * WIDTH;
        const unsigned char *bytes = part ? set->test.images : set->train.images;
        float *floats = malloc(n * sizeof *floats);
        for (size_t i = 0; i < n; i++)
            floats[i] = (float)(low + (high - low) * bytes[i] / 255.0);
        const inv_idx idx = {.type = INV_IDX_FLOAT,
                             .rank = 3,
                             .dims = {counts[part], HEIGHT, WIDTH},
                             .size = n,
                             .data = floats};
        ck_assert_status(inv_idx_write(support_at(here, names[part]), &idx), INV_OK);
        free(floats);
    }
    short_copy(support_at(data, "train-labels-idx1-ubyte"),
               support_at(here, "train-labels-idx1-ubyte"));
    short_copy(support_at(data, "t10k-labels-idx1-ubyte"),
               support_at(here, "t10k-labels-idx1-ubyte"));
}

/* Trained on floats, tested with bytes: the run file knows what white was. */
START_TEST(a_net_of_floats_reads_bytes)
{
    char *here = support_folder();
    write_floats(here, 0.0, 1.0);
    program *p =
        program_run(NULL, "train " SHORT " --set data.scale=0 --data %s -o %s/run.h5", here, here);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "9 x 7 x 1, floats from 0 to 1, divided by 1; 5 classes"));
    program_free(p);
    json_t *a = json_of(
        program_run(NULL, "predict %s/run.h5 %s/t10k-images-idx3-ubyte --json", here, data));
    json_t *b =
        json_of(program_run(NULL, "predict %s %s/t10k-images-idx3-ubyte --json", run, data));
    for (size_t i = 0; i < TEST; i++)
        assert_same(json_image(a, i), json_image(b, i), 2e-3);
    json_decref(a);
    json_decref(b);
    support_remove(here);
}
END_TEST

/* Pixels of any range: black and white of a PNG are the data's, and what is made stays within. */
static const double ranges[][2] = {{-1.0, 1.0}, {0.0, 255.0}, {-0.4242, 2.8215}, {-128.0, 127.0}};

START_TEST(a_range_of_its_own)
{
    const double low = ranges[_i][0], high = ranges[_i][1], span = high - low;
    char *here = support_folder(), file[512], png[512];
    size_t dims[4], used = 0;
    snprintf(file, sizeof file, "%s/run.h5", here);
    snprintf(png, sizeof png, "%s/grey.png", here);
    write_floats(here, low, high);
    program_must_work(program_run(
        NULL, "train " SHORT " -q --set data.scale=1 --set training.steps=60 --data %s -o %s", here,
        file));
    ck_assert_double_eq_tol(hdf5_number(file, "/data", "black"), low, 1e-6 * span);
    ck_assert_double_eq_tol(hdf5_number(file, "/data", "white"), high, 1e-6 * span);
    ck_assert_double_eq_tol(hdf5_number(file, "/data", "ground"), low, 1e-6 * span);
    json_t *idx =
        json_of(program_run(NULL, "predict %s %s/t10k-images-idx3-float --json", file, here));
    for (size_t i = 0; i < 3; i++) {
        write_kind(png, GREY, test_image(set, i), HEIGHT, WIDTH);
        json_t *one = json_of(program_run(NULL, "predict %s %s --json", file, png));
        assert_same(json_image(one, 0), json_image(idx, i), 1e-3);
        json_decref(one);
    }
    program_must_work(program_run(
        NULL, "generate %s --preset recommended --steps 5 --name made -q --data %s", file, here));
    double *made = hdf5_values(file, "/generated/made/image", dims), largest = -INFINITY;
    for (size_t i = 0; i < dims[0] * HEIGHT * WIDTH; i++) {
        ck_assert_double_ge(made[i], low - 1e-4 * span);
        ck_assert_double_le(made[i], high + 1e-4 * span);
        largest = fmax(largest, made[i]);
        used += made[i] > low + 0.1 * span;
    }
    ck_assert_double_gt(largest, low + 0.3 * span); /* not only the lowest part of the range */
    ck_assert_uint_gt(used, dims[0]);
    free(made);
    json_decref(idx);
    support_remove(here);
}
END_TEST

/* $place/names, with two pictures and links that lead nowhere new; stdin names the same. */
START_TEST(folders_and_lists_of_pictures)
{
    static const struct {
        const char *listing;
        int code;
        size_t lines;
        const char *says;
    } cases[] = {
        {"printf 'one.png\\0in/two 2.png\\0'", 0, 3, ""}, /* as find -print0 */
        {"printf 'one.png\\n\\nin/two 2.png\\r\\n'", 0, 3, ""},
        {"printf 'in/two 2.png'", 0, 2, ""},
        {"cat one.png", 2, 0,
         "names of files are read from stdin, one on each line, but there is a PNG"},
        {"true", 2, 0, "no file is named on stdin"},
    };
    char *here = support_folder();
    ck_assert_int_eq(mkdir(support_at(here, "in"), 0755), 0);
    write_kind(support_at(here, "one.png"), GREY, test_image(set, 0), HEIGHT, WIDTH);
    write_kind(support_at(here, "in/two 2.png"), GREY, test_image(set, 1), HEIGHT, WIDTH);
    write_kind(support_at(here, "in/._one.png"), GREY, test_image(set, 1), HEIGHT, WIDTH);
    ck_assert_int_eq(symlink("..", support_at(here, "in/again")), 0);
    program *p = program_run(NULL, "predict %s %s", run, here);
    ck_assert_program(p, 0);
    ck_assert_uint_eq(program_lines(p->out), 3); /* each once */
    program_free(p);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char command[256], program_path[4096];
        const char *given = getenv("INVPROJ") ? getenv("INVPROJ") : "build/invproj";
        ck_assert_ptr_nonnull(realpath(given, program_path));
        snprintf(command, sizeof command, "%s | \"$0\" predict \"$1\" -", cases[k].listing);
        p = program_run(&(program_how){.path = "sh", .folder = here}, "-c %s %s %s", command,
                        program_path, run);
        ck_assert_program(p, cases[k].code);
        ck_assert_uint_eq(program_lines(p->out), cases[k].lines);
        ck_assert_ptr_nonnull(strstr(p->err, cases[k].says));
        program_free(p);
    }
    support_remove(here);
}
END_TEST

/* What predict says of an array of those sizes. */
static program *predict_array(const char *here, const char *sizes, const void *images, size_t bytes)
{
    char header[160];
    size_t size = 0;
    snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }",
             sizes);
    unsigned char *npy = support_npy(header, images, bytes, &size);
    support_write(support_at(here, "a.npy"), npy, size);
    free(npy);
    return program_run(NULL, "predict %s %s --json", run, support_at(here, "a.npy"));
}

/* Rows of as many numbers as an image has, and one image alone, are what they are in an array of images. */
START_TEST(rows_of_numbers_are_images)
{
    enum { N = 3 };
    char *here = support_folder(), as_images[64], as_rows[64], alone[64], halves[64];
    snprintf(as_images, sizeof as_images, "%d, %d, %d", N, HEIGHT, WIDTH);
    snprintf(as_rows, sizeof as_rows, "%d, %d", N, HEIGHT * WIDTH);
    snprintf(alone, sizeof alone, "%d, %d", HEIGHT, WIDTH);
    snprintf(halves, sizeof halves, "%d, %d", N * HEIGHT, WIDTH);
    const unsigned char *images = test_image(set, 0);
    program *p = predict_array(here, as_images, images, (size_t)N * HEIGHT * WIDTH);
    program *rows = predict_array(here, as_rows, images, (size_t)N * HEIGHT * WIDTH);
    ck_assert_program(p, 0);
    ck_assert_program(rows, 0);
    ck_assert_str_eq(rows->out, p->out);
    program *one = predict_array(here, alone, images, (size_t)HEIGHT * WIDTH);
    ck_assert_program(one, 0);
    json_t *all = json_loads(p->out, 0, NULL), *only = json_loads(one->out, 0, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(only, "images")), 1);
    ck_assert(json_equal(json_image(only, 0), json_image(all, 0)));
    json_decref(all);
    json_decref(only);
    program *other = predict_array(here, halves, images, (size_t)N * HEIGHT * WIDTH);
    ck_assert_fails(other, 1, "a.npy: holds ", " rows of ", "the net's images are ");
    program_free(p);
    program_free(rows);
    program_free(one);
    program_free(other);
    support_remove(here);
}
END_TEST

/* Black ink on a transparent ground cannot be seen on a dark one; and what a phone saves is no IDX file. */
START_TEST(what_cannot_be_seen_is_said)
{
    char *here = support_folder();
    unsigned char black[HEIGHT * WIDTH] = {0};
    write_kind(support_at(here, "black.png"), GREY, black, HEIGHT, WIDTH);
    program *p = program_run(NULL, "predict %s %s", run, support_at(here, "black.png"));
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "of 1 image: 1 blank; of ink on a transparent ground, try --invert\n");
    program_free(p);
    p = program_run(NULL, "predict %s %s --invert", run, support_at(here, "black.png"));
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "of 1 image: 1 blank\n");
    program_free(p);
    unsigned char
        dim[40 * 40]; /* dark paper, darker ink: after --invert, still brighter than black */
    for (int i = 0; i < 40 * 40; i++)
        dim[i] = i / 40 > 10 && i / 40 < 30 && i % 40 > 17 && i % 40 < 22 ? 10 : 100;
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = 40, .height = 40, .format = PNG_FORMAT_GRAY};
    ck_assert(png_image_write_to_file(&image, support_at(here, "dim.png"), 0, dim, 0, NULL));
    for (int invert = 0; invert < 2; invert++) {
        p = program_run(NULL, invert ? "predict %s %s --centre --invert" : "predict %s %s --centre",
                        run, support_at(here, "dim.png"));
        ck_assert_program(p, 0);
        ck_assert((strstr(p->err, "on a light ground") != NULL) == !invert);
        program_free(p);
    }
    support_write(support_at(here, "x.heic"), "\0\0\0\30ftypheic\0\0\0\0mif1heic", 24);
    p = program_run(NULL, "predict %s %s", run, support_at(here, "x.heic"));
    ck_assert_fails(p, 1, "x.heic: not an IDX file but a HEIC picture; save it as PNG");
    program_free(p);
    support_remove(here);
}
END_TEST

START_TEST(what_predict_refuses)
{
    static const struct {
        int code;
        const char *words, *says[3];
    } cases[] = {
        {2, "predict run.h5", {"usage: invproj predict RUN.h5 IMAGE..."}},
        {2, "predict run.h5 data/t10k-images-idx3-ubyte --top two", {"--top", "'two'"}},
        {2, "predict run.h5 a.png --labls x", {"did you mean --labels?"}},
        {2,
         "predict run.h5 one.png --scale 3",
         {"--scale: tells of a model", "run.h5 is a run file"}},
        {2, "predict run.h5 one.png --class-names none", {"--class-names: tells of a model"}},
        {2, "predict run.h5 one.npy --outputs --centre", {"--outputs", "leave --centre out"}},
        {2, "predict run.h5 one.npy --outputs --top 3", {"--outputs", "leave --top out"}},
        {1, "predict none.h5 data/t10k-images-idx3-ubyte", {"none.h5: No such file"}},
        {1, "predict data/classes.txt a.png", {"classes.txt: not an invproj run file"}},
        {1, "predict run.h5 none.png", {"none.png: No such file"}},
        {1, "predict run.h5 data", {"data: holds no PNG or JPEG file"}},
        {1, "predict run.h5 data/classes.txt", {"classes.txt: not an IDX file"}},
        {1, "predict run.h5 text.png", {"text.png: neither a PNG nor a JPEG file"}},
        {1, "predict run.h5 data/t10k-labels-idx1-ubyte", {"holds no images", "labels are"}},
        {1,
         "predict run.h5 data/t10k-images-idx3-ubyte --labels data/train-labels-idx1-ubyte",
         {"train-labels-idx1-ubyte: 350 labels, but 60 images are given"}},
        {1,
         "predict run.h5 one.png --labels data/t10k-labels-idx1-ubyte",
         {"t10k-labels-idx1-ubyte: 60 labels, but 1 image is given"}},
        {1,
         "predict run.h5 data/train-images-idx3-ubyte --labels data/t10k-labels-idx1-ubyte",
         {"60 labels for more images"}},
        {1,
         "predict run.h5 data/t10k-images-idx3-ubyte --labels data/t10k-images-idx3-ubyte",
         {"labels have 1"}},
    };
    support_write(support_at(place, "text.png"), "no picture", 10);
    write_kind(support_at(place, "one.png"), GREY, test_image(set, 0), HEIGHT, WIDTH);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const program_how how = {.folder = place};
        program *p = program_run_words(&how, cases[i].words);
        program_must_fail(p, cases[i].code, cases[i].says);
        program_free(p);
    }
    ck_assert_int_eq(unlink(support_at(place, "text.png")), 0);
    ck_assert_int_eq(unlink(support_at(place, "one.png")), 0);
}
END_TEST

/* ---- pack ---- */

/* A folder of PNG files in $place/in: class names that sort as bytes do, `each` images of each,
 * height x width; kinds take turns. */
static void write_folder(const char *folder, const char *const *class_names, size_t class_count,
                         size_t each, size_t height, size_t width)
{
    char *here = strdup(folder); /* which may be one of support_at's few buffers */
    ck_assert_int_eq(mkdir(here, 0755), 0);
    for (size_t c = 0; c < class_count; c++) {
        char *class = NULL;
        ck_assert_int_gt(asprintf(&class, "%s/%s", here, class_names[c]), 0);
        ck_assert_int_eq(mkdir(class, 0755), 0);
        for (size_t i = 0; i < each; i++) {
            unsigned char grey[1024];
            char name[32];
            ck_assert_uint_le(height * width, sizeof grey);
            for (size_t j = 0; j < height * width; j++)
                grey[j] = (unsigned char)(31 * c + 7 * i + j * j);
            snprintf(name, sizeof name, "%zu.png", i);
            write_kind(support_at(class, name), i % WHITE_ALPHA == 0 ? GREY : RGB, grey, height,
                       width);
        }
        free(class);
    }
    free(here);
}

static const char *const classes[] = {"2", "10", "B", "a"}; /* not "10" first */

static program *pack_here(const char *here, const char *words)
{
    const program_how how = {.folder = here};
    return program_run_words(&how, words);
}

/* Which class and image of write_folder a packed image is. */
static size_t identify(const unsigned char *bytes, size_t pixels, size_t label, size_t each)
{
    for (size_t i = 0; i < each; i++) {
        size_t same = 0;
        while (same < pixels && bytes[same] == (unsigned char)(31 * label + 7 * i + same * same))
            same++;
        if (same == pixels)
            return i;
    }
    ck_abort_msg("an image is none of those packed");
    return 0;
}

/* Each image is there once, with its label. */
static void assert_packed(const inv_dataset *packed, size_t each)
{
    size_t seen[4][32] = {{0}};
    const inv_part *parts[] = {&packed->train, &packed->test};
    for (int part = 0; part < 2; part++)
        for (size_t i = 0; i < parts[part]->count; i++) {
            const unsigned char *image = parts[part]->images;
            const size_t label = parts[part]->labels[i];
            seen[label]
                [identify(image + i * parts[part]->pixels, parts[part]->pixels, label, each)]++;
        }
    for (size_t c = 0; c < 4; c++)
        for (size_t i = 0; i < each; i++)
            ck_assert_uint_eq(seen[c][i], 1);
}

static const char no_test[] =
    "title = \"none\"; data = { folder = \"nowhere\"; };\n"
    "network = { layers = ( { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); "
    "};\n"
    "training = { steps = 5; batch = 4; optimiser = { type = \"adam\"; }; };\n";

START_TEST(packs_a_folder)
{
    char *here = support_folder();
    inv_dataset *packed = NULL;
    write_folder(support_at(here, "in"), classes, 4, 12, 6, 5);
    support_write(support_at(here, "in/a/note.txt"), "x", 1);
    program *p = pack_here(here, "pack in -o out/idx --seed 3");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->out, "out/idx: 40 images to train on, 8 to test, 6 x 5 x 1, 4 classes: "
                             "2, 10, B, a\n");
    ck_assert_ptr_nonnull(strstr(p->err, "1 other file was left out"));
    program_free(p);
    ck_assert_status(inv_dataset_open(support_at(here, "out/idx"), 0.0, &packed), INV_OK);
    ck_assert_uint_eq(packed->train.count, 40);
    ck_assert_uint_eq(packed->classes, 4);
    ck_assert_str_eq(packed->class_names[3], "a");
    assert_packed(packed, 12);
    size_t turns = 0; /* no class stands alone at the start */
    for (size_t i = 1; i < 40; i++)
        turns += packed->train.labels[i] != packed->train.labels[i - 1];
    ck_assert_uint_gt(turns, 15);
    inv_dataset_free(packed);
    program_must_work(pack_here(here, "pack in -o again --seed 3"));
    program_must_work(pack_here(here, "pack in -o other --seed 4"));
    size_t size = 0, same = 0;
    unsigned char *a = support_read(support_at(here, "out/idx/train-images-idx3-ubyte"), &size);
    unsigned char *b = support_read(support_at(here, "again/train-images-idx3-ubyte"), &same);
    ck_assert_uint_eq(same, size);
    ck_assert_mem_eq(a, b, size);
    free(b);
    b = support_read(support_at(here, "other/train-images-idx3-ubyte"), &same);
    ck_assert_uint_eq(same, size);
    ck_assert_mem_ne(a, b, size);
    free(a);
    free(b);
    ck_assert_uint_eq(support_entries(here), 4);
    ck_assert_uint_eq(support_entries(support_at(here, "out")), 1);
    support_remove(here);
}
END_TEST

/* What a killed one leaves goes with the next of the same name, but for what is still being filled. */
START_TEST(pack_clears_what_was_left)
{
    static const char *const there[] = {"out.4242.tmp", "out.77.tmp", "out.7x.tmp", "outer.8.tmp"};
    char *here = support_folder();
    write_folder(support_at(here, "in"), classes, 4, 3, 3, 3);
    for (int i = 0; i < 4; i++) {
        char *file = NULL;
        ck_assert_int_eq(mkdir(support_at(here, there[i]), 0755), 0);
        ck_assert_int_gt(asprintf(&file, "%s/%s/classes.txt", here, there[i]), 0);
        support_write(file, "a\n", 2);
        free(file);
    }
    const int held = open(support_at(here, "out.77.tmp"), O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(flock(held, LOCK_EX), 0);
    program_must_work(pack_here(here, "pack in -o out"));
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(access(support_at(here, there[i]), F_OK), i == 0 ? -1 : 0);
    ck_assert_uint_eq(support_entries(here), 5);
    close(held);
    program_must_work(pack_here(here, "pack in -o sub/out"));
    program_must_work(pack_here(here, "pack in -o out/2/"));
    ck_assert_uint_eq(support_entries(support_at(here, "sub")), 1);
    support_remove(here);
}
END_TEST

START_TEST(packs_a_divided_folder)
{
    char *here = support_folder();
    inv_dataset *packed = NULL;
    ck_assert_int_eq(mkdir(support_at(here, "in"), 0755), 0);
    write_folder(support_at(here, "in/train"), classes, 4, 5, 3, 3);
    write_folder(support_at(here, "in/test"), classes + 1, 2, 2, 3, 3);
    program *p = pack_here(here, "pack in -o out --test 0.5");
    ck_assert_fails(p, 2, "--test: in is divided into folders already");
    program_free(p);
    program_must_work(pack_here(here, "pack in -o out"));
    ck_assert_status(inv_dataset_open(support_at(here, "out"), 0.0, &packed), INV_OK);
    ck_assert_uint_eq(packed->train.count, 20);
    ck_assert_uint_eq(packed->test.count, 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert(packed->test.labels[i] == 1 || packed->test.labels[i] == 2);
    inv_dataset_free(packed);
    ck_assert_int_eq(rename(support_at(here, "in/test/10"), support_at(here, "in/test/C")), 0);
    p = pack_here(here, "pack in -o out2");
    ck_assert_fails(p, 1, "in/test/C: no class to train on has that name");
    program_free(p);
    support_remove(here);
}
END_TEST

/* A picture with colours in it, written row by row. */
static void write_colours(const char *path, size_t height, size_t width)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_RGB};
    unsigned char *samples = malloc(3 * height * width);
    for (size_t i = 0; i < 3 * height * width; i++)
        samples[i] = (unsigned char)(i * 41 + 3);
    ck_assert(png_image_write_to_file(&image, path, 0, samples, 0, NULL));
    free(samples);
}

/* How many images of 6 x 6 x 3 are not grey; each must be write_colours'. */
static size_t count_colours(const inv_part *part)
{
    size_t colours = 0;
    for (size_t i = 0; i < part->count; i++) {
        const unsigned char *image = (const unsigned char *)part->images + i * 108;
        bool grey = true;
        for (size_t j = 0; j < 108; j += 3)
            grey = grey && image[j] == image[j + 1] && image[j] == image[j + 2];
        colours += !grey;
        for (size_t j = 0; !grey && j < 108; j++)
            ck_assert_uint_eq(image[j], (unsigned char)(j * 41 + 3));
    }
    return colours;
}

START_TEST(packs_colours_and_sizes)
{
    char *here = support_folder();
    inv_dataset *packed = NULL;
    write_folder(support_at(here, "in"), classes, 4, 3, 6, 6);
    write_colours(support_at(here, "in/B/colours.png"), 6, 6);
    program *p = pack_here(here, "pack in -o out --test 0.4");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "6 x 6 x 3, 4 classes"));
    program_free(p);
    ck_assert_int_eq(access(support_at(here, "out/train-images-idx4-ubyte"), R_OK), 0);
    ck_assert_status(inv_dataset_open(support_at(here, "out"), 0.0, &packed), INV_OK);
    ck_assert_uint_eq(packed->shape.channels, 3);
    ck_assert_uint_eq(count_colours(&packed->train) + count_colours(&packed->test), 1);
    inv_dataset_free(packed);
    program_must_work(pack_here(here, "pack in -o grey --grey --test 0"));
    ck_assert_uint_eq(support_entries(support_at(here, "grey")), 3);
    write_colours(support_at(here, "in/10/wide.png"), 6, 8);
    p = pack_here(here, "pack in -o mixed");
    ck_assert_fails(p, 1, ".png: 6 x ", "but others are 6 x ", "--size 6x");
    program_free(p);
    p = pack_here(here, "pack in -o fitted --size 4x3 --grey");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "4 x 3 x 1"));
    program_free(p);
    ck_assert_uint_eq(support_entries(here), 4); /* in, out, grey, fitted */
    support_remove(here);
}
END_TEST

START_TEST(packs_many_classes)
{
    enum { MANY = 1001 };
    static char names[MANY][8];
    const char *list[MANY];
    char *here = support_folder();
    inv_dataset *packed = NULL;
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "c%04d", i);
        list[i] = names[i];
    }
    write_folder(support_at(here, "in"), list, 300, 2, 2, 2);
    program_must_work(pack_here(here, "pack in -o out --test 0.5"));
    ck_assert_int_eq(access(support_at(here, "out/train-labels-idx1-short"), R_OK), 0);
    ck_assert_status(inv_dataset_open(support_at(here, "out"), 0.0, &packed), INV_OK);
    ck_assert_uint_eq(packed->classes, 300);
    ck_assert_str_eq(packed->class_names[299], "c0299");
    for (size_t i = 0; i < 300; i++) {
        const unsigned char *image = (const unsigned char *)packed->train.images + 4 * i;
        const size_t label = packed->train.labels[i];
        ck_assert(image[0] == (unsigned char)(31 * label) ||
                  image[0] == (unsigned char)(31 * label + 7));
    }
    inv_dataset_free(packed);
    write_folder(support_at(here, "more"), list, MANY, 1, 1, 1);
    program *p = pack_here(here, "pack more -o out2");
    ck_assert_fails(p, 1, "more: more than 1000 folders");
    program_free(p);
    support_remove(here);
}
END_TEST

/* Damages the last bytes of a file. */
static void cut_file(const char *path)
{
    size_t size = 0;
    unsigned char *bytes = support_read(path, &size);
    support_write(path, bytes, size - 9);
    free(bytes);
}

START_TEST(broken_files_are_listed_or_left_out)
{
    char *here = support_folder();
    inv_dataset *packed = NULL;
    write_folder(support_at(here, "in"), classes, 4, 5, 2, 2);
    cut_file(support_at(here, "in/a/0.png"));
    cut_file(support_at(here, "in/B/3.png"));
    program *p = pack_here(here, "pack in -o out");
    ck_assert_program(p, 1);
    ck_assert_uint_eq(program_lines(p->err), 3);
    ck_assert_ptr_nonnull(strstr(p->err, "in/a/0.png: damaged PNG file"));
    ck_assert_ptr_nonnull(strstr(p->err, "in/B/3.png: damaged PNG file"));
    ck_assert_ptr_nonnull(strstr(p->err, "invproj: in: 2 of 20 files cannot be read"));
    program_free(p);
    ck_assert_int_ne(access(support_at(here, "out"), F_OK), 0);
    p = pack_here(here, "pack in -o out --skip-broken --test 0.4");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "2 files that cannot be read were left out"));
    program_free(p);
    ck_assert_status(inv_dataset_open(support_at(here, "out"), 0.0, &packed), INV_OK);
    ck_assert_uint_eq(packed->train.count + packed->test.count, 18);
    for (size_t part = 0; part < 2; part++) { /* each image has its own class's grey */
        const inv_part *of = part ? &packed->test : &packed->train;
        for (size_t i = 0; i < of->count; i++)
            (void)identify((const unsigned char *)of->images + 4 * i, 4, of->labels[i], 5);
    }
    inv_dataset_free(packed);
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/B/%d.png", i);
        support_write(support_at(here, name), "x", 1);
    }
    p = pack_here(here, "pack in -o none --skip-broken");
    ck_assert_program(p, 1);
    ck_assert_ptr_nonnull(strstr(p->err, "class B has no file to train on that can be read"));
    program_free(p);
    support_remove(here);
}
END_TEST

/* Parts by the names that people give them. */
START_TEST(parts_have_their_names)
{
    static const char *const names[][3] = {{"Train", "Test", "Valid"},
                                           {"training", "testing", "validation"},
                                           {"train-images", "test_images", "VAL-images"},
                                           {"training_set", "Test data", "val set"}};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        char *here = support_folder(), path[64];
        inv_dataset *packed = NULL;
        ck_assert_int_eq(mkdir(support_at(here, "in"), 0755), 0);
        for (size_t part = 0; part < 3; part++) {
            snprintf(path, sizeof path, "in/%s", names[k][part]);
            write_folder(support_at(here, path), classes, 4, 6 - part, 3, 3);
        }
        program *p = pack_here(here, "pack in -o out");
        ck_assert_program(p, 0);
        ck_assert_ptr_nonnull(strstr(p->out, "24 images to train on, 16 to validate, 20 to test"));
        program_free(p);
        ck_assert_status(inv_dataset_open(support_at(here, "out"), 0.0, &packed), INV_OK);
        ck_assert_uint_eq(packed->train.count, 24);
        ck_assert_uint_eq(packed->validation.count, 16);
        ck_assert_uint_eq(packed->test.count, 20);
        inv_dataset_free(packed);
        support_remove(here);
    }
}
END_TEST

/* Photographs as they come make large nets, which is said. */
START_TEST(large_images_are_said)
{
    char *here = support_folder();
    static const unsigned char grey[257 * 256];
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = 256, .height = 257, .format = PNG_FORMAT_GRAY};
    write_folder(support_at(here, "in"), classes, 2, 1, 2, 2);
    for (int c = 0; c < 2; c++)
        ck_assert(png_image_write_to_file(
            &image, support_at(here, c ? "in/10/0.png" : "in/2/0.png"), 0, grey, 0, NULL));
    program *p = pack_here(here, "pack in -o out --test 0");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(
        strstr(p->err, "images of 257 x 256 pixels make nets large and slow; --size"));
    program_free(p);
    p = pack_here(here, "pack in -o small --test 0 --size 256x256");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    program_free(p);
    support_remove(here);
}
END_TEST

/* Too few for a test part is said; training goes without, and says that there is no figure. */
START_TEST(there_may_be_no_test_part)
{
    char *here = support_folder();
    inv_dataset *packed = NULL;
    write_folder(support_at(here, "in"), classes, 4, 2, HEIGHT, WIDTH);
    program *p = pack_here(here, "pack in -o out");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "4 classes have too few images to set any aside"));
    ck_assert_ptr_nonnull(strstr(p->err, "there is no test part"));
    program_free(p);
    ck_assert_status(inv_dataset_open(support_at(here, "out"), 0.0, &packed), INV_OK);
    ck_assert_uint_eq(packed->test.count, 0);
    ck_assert_str_eq(packed->sha256[INV_TEST_IMAGES], "");
    inv_dataset_free(packed);
    char *config = NULL;
    ck_assert_int_gt(asprintf(&config, "%s/none.cfg", here), 0);
    support_write(config, no_test, strlen(no_test));
    p = program_run(NULL, "train %s --data %s/out -o %s/run.h5", config, here, here);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "there are no test images, and so there is no figure"));
    program_free(p);
    program_must_work(program_run(NULL, "generate %s/run.h5 -q --steps 3", here));
    program_must_work(program_run(NULL, "info %s/run.h5", here));
    p = program_run(NULL, "generate %s/run.h5 -q --targets 0", here);
    ck_assert_fails(p, 2, "generate.targets: out has no test images");
    program_free(p);
    ck_assert_int_eq(unlink(support_at(here, "out/train-labels-idx1-ubyte")), 0);
    p = program_run(NULL, "train %s --data %s/out -o %s/again.h5", config, here, here);
    ck_assert_fails(p, 1, "train-labels-idx1-ubyte");
    program_free(p);
    free(config);
    support_remove(here);
}
END_TEST

START_TEST(what_pack_refuses)
{
    static const struct {
        int code;
        const char *words, *says[3];
    } cases[] = {
        {2, "pack in", {"pack: needs -o DIR"}},
        {2, "pack -o out", {"usage: invproj pack FOLDER -o DIR"}},
        {2, "pack in -o full", {"full: is not empty"}},
        {2, "pack in -o out --size 28", {"--size: '28'", "28x28"}},
        {2, "pack in -o out --size 0x4", {"--size: '0x4'"}},
        {2, "pack in -o out --size 4x4x4", {"--size: '4x4x4'"}},
        {2, "pack in -o out --size 99999x4", {"size: 99999 x 4"}},
        {2, "pack in -o out --test 1", {"--test: '1'"}},
        {2, "pack in -o out --test x", {"--test: 'x'"}},
        {2, "pack in -o out --test nan", {"--test: 'nan'"}},
        {1, "pack none -o out", {"none: No such file"}},
        {1, "pack in/10/0.png -o out", {"Not a directory"}},
        {1, "pack in -o in/10/0.png", {"Not a directory"}},
        {1, "pack in/10 -o out", {"in/10: holds 0 folders", "one for each class"}},
        {1, "pack empty -o out", {"empty/a: holds no PNG or JPEG file"}},
        {1, "pack one -o out", {"one: holds 1 folder;"}},
        {1,
         "pack deep -o out",
         {"deep/in: holds no PNG or JPEG file, but folders", "train and test"}},
        {1, "pack named -o out", {"a class name is 1 to 63 bytes", "rename the folder"}},
    };
    char *here = support_folder();
    write_folder(support_at(here, "in"), classes, 4, 2, 2, 2);
    write_folder(support_at(here, "full"), classes, 1, 1, 2, 2);
    write_folder(support_at(here, "one"), classes, 1, 2, 2, 2);
    write_folder(support_at(here, "empty"), classes, 4, 1, 2, 2);
    ck_assert_int_eq(unlink(support_at(here, "empty/a/0.png")), 0);
    ck_assert_int_eq(mkdir(support_at(here, "deep"), 0755), 0);
    write_folder(support_at(here, "deep/in"), classes, 4, 1, 2, 2);
    write_folder(support_at(here, "named"), classes, 4, 1, 2, 2);
    ck_assert_int_eq(rename(support_at(here, "named/a"), support_at(here, "named/\xff")), 0);
    char *before = program_snapshot(here);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        program *p = pack_here(here, cases[i].words);
        program_must_fail(p, cases[i].code, cases[i].says);
        program_free(p);
        char *after = program_snapshot(here);
        program_must_equal(before, after);
        free(after);
    }
    free(before);
    support_remove(here);
}
END_TEST

/* Where it cannot write, nothing of it stays. */
START_TEST(pack_leaves_nothing_half_done)
{
    char *here = support_folder();
    write_folder(support_at(here, "in"), classes, 4, 9, 20, 20);
    char *before = program_snapshot(here);
    const program_how how = {.folder = here, .file_bytes = 4000};
    program *p = program_run_words(&how, "pack in -o out");
    ck_assert_fails(p, 1, "File too large");
    program_free(p);
    char *after = program_snapshot(here);
    program_must_equal(before, after);
    free(before);
    free(after);
    support_remove(here);
}
END_TEST

/* ---- from pictures to a net and back ---- */

/* The short data as a folder of PNG files of several kinds, packed, trained, and asked again. */
START_TEST(from_pictures_to_classes)
{
    char *here = support_folder();
    char *in = strdup(support_at(here, "in"));
    ck_assert_int_eq(mkdir(in, 0755), 0);
    for (size_t i = 0; i < TRAIN; i++) {
        const unsigned char *image =
            (const unsigned char *)set->train.images + i * set->train.pixels;
        const enum kind kind = i % 4 == 0   ? WHITE_ALPHA
                               : i % 4 == 1 ? PALETTE
                               : i % 4 == 2 ? SIXTEEN
                                            : RGB;
        char name[64];
        snprintf(name, sizeof name, "class%d", set->train.labels[i]);
        (void)mkdir(support_at(in, name), 0755);
        snprintf(name, sizeof name, "class%d/%zu.png", set->train.labels[i], i);
        write_kind(support_at(in, name), kind, image, HEIGHT, WIDTH);
    }
    program_must_work(pack_here(here, "pack in -o idx"));
    program_must_work(program_run(NULL, "run " SHORT " -q --data %s/idx -o %s/run", here, here));
    program *p = program_run(NULL,
                             "predict %s/run/run.h5 %s/t10k-images-idx3-ubyte --labels "
                             "%s/t10k-labels-idx1-ubyte",
                             here, data, data);
    ck_assert_program(p, 0);
    const char *told = strstr(p->out, "accuracy ");
    ck_assert_ptr_nonnull(told);
    ck_assert_double_gt(strtod(told + strlen("accuracy "), NULL), 0.7);
    ck_assert_ptr_nonnull(strstr(p->out, "class3"));
    program_free(p);
    free(in);
    support_remove(here);
}
END_TEST

/* An image of another size goes the same way into a projection. */
START_TEST(project_fits_images_too)
{
    char *here = support_folder();
    size_t dims[4];
    program_must_work(program_run(NULL, "run " SHORT " -q --data %s -o %s/run", data, here));
    write_kind(support_at(here, "large.png"), LARGE, test_image(set, 2), HEIGHT, WIDTH);
    write_kind(support_at(here, "dark.png"), DARK, test_image(set, 2), HEIGHT, WIDTH);
    program_must_work(program_run(
        NULL, "project %s/run/run.h5 --name large -q --images %s/large.png", here, here));
    program_must_work(program_run(
        NULL, "project %s/run/run.h5 --name dark -q --invert --images %s/dark.png", here, here));
    const char *file = support_at(here, "run/run.h5");
    double *all = hdf5_values(file, "/projections/r2rt/original", dims);
    double *large = hdf5_values(file, "/projections/large/original", dims);
    ck_assert_uint_eq(dims[0], 1);
    double *dark = hdf5_values(file, "/projections/dark/original", dims);
    for (size_t j = 0; j < HEIGHT * WIDTH; j++) {
        ck_assert_double_eq_tol(large[j], all[2 * HEIGHT * WIDTH + j], 1e-6);
        ck_assert_double_eq_tol(dark[j], all[2 * HEIGHT * WIDTH + j], 1e-6);
    }
    free(all);
    free(large);
    free(dark);
    support_remove(here);
}
END_TEST

/* Real digits, as PNG files of every kind. */
START_TEST(digits_of_mnist)
{
    const char *mnist = getenv("INVPROJ_MNIST");
    inv_dataset *digits = NULL;
    if (!mnist || getenv("INVPROJ_SHORT")) {
        support_skipped("cli_images", "digits of MNIST, because %s",
                        mnist ? "INVPROJ_SHORT is set" : "INVPROJ_MNIST names no folder");
        return;
    }
    char *here = support_folder(), *file = strdup(support_at(here, "run.h5"));
    ck_assert_status(inv_dataset_open(mnist, 0.0, &digits), INV_OK);
    program_must_work(
        program_run(NULL, "train experiments/r2rt.cfg -q --set training.steps=300 --data %s -o %s",
                    mnist, file));
    assert_kinds(digits, file, mnist, 0);
    assert_kinds(digits, file, mnist, 61);
    inv_dataset_free(digits);
    free(file);
    support_remove(here);
}
END_TEST

Suite *cli_images_suite(void)
{
    Suite *suite = suite_create("cli_images");
    TCase *predict = tcase_create("predict"), *pack = tcase_create("pack");
    tcase_add_unchecked_fixture(predict, open_place, close_place);
    tcase_set_timeout(predict, 120);
    tcase_add_test(predict, every_kind_is_the_same_image);
    tcase_add_test(predict, accuracy_is_that_of_training);
    tcase_add_test(predict, each_class_has_its_line);
    tcase_add_test(predict, classes_have_their_names);
    tcase_add_test(predict, older_files_are_read);
    tcase_add_test(predict, other_types_are_read_alike);
    tcase_add_test(predict, a_net_of_floats_reads_bytes);
    tcase_add_loop_test(predict, a_range_of_its_own, 0, (int)(sizeof ranges / sizeof *ranges));
    tcase_add_test(predict, folders_and_lists_of_pictures);
    tcase_add_test(predict, what_cannot_be_seen_is_said);
    tcase_add_test(predict, rows_of_numbers_are_images);
    tcase_add_test(predict, what_predict_refuses);
    tcase_add_test(predict, from_pictures_to_classes);
    tcase_add_test(predict, project_fits_images_too);
    tcase_add_test(predict, digits_of_mnist);
    suite_add_tcase(suite, predict);
    tcase_set_timeout(pack, 120);
    tcase_add_test(pack, packs_a_folder);
    tcase_add_test(pack, pack_clears_what_was_left);
    tcase_add_test(pack, packs_a_divided_folder);
    tcase_add_test(pack, broken_files_are_listed_or_left_out);
    tcase_add_test(pack, parts_have_their_names);
    tcase_add_test(pack, large_images_are_said);
    tcase_add_test(pack, there_may_be_no_test_part);
    tcase_add_test(pack, packs_colours_and_sizes);
    tcase_add_test(pack, packs_many_classes);
    tcase_add_test(pack, what_pack_refuses);
    tcase_add_test(pack, pack_leaves_nothing_half_done);
    suite_add_tcase(suite, pack);
    return suite;
}
