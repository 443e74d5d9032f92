/* The program, from the command line to its files: the whole experiment, shortened; its stages one
 * by one; the experiment itself on MNIST.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "invproj/png.h"
#include "program.h"
#include "suites.h"
#include "support.h"

static const char *const pictures[] = {"originals.png", "projections.png", "generated.png",
                                       "features.png"};
#define PICTURES (sizeof pictures / sizeof *pictures)

static const char *const but_times[] = {"@created", "/seconds", "/environment", NULL};

/* Made once for all tests, which leave them as they are: `place`/data and `place`/run. */
static char *place, *data, *folder, *run;

static void open_place(void)
{
    place = support_folder();
    ck_assert_int_gt(asprintf(&data, "%s/data", place), 0);
    ck_assert_int_gt(asprintf(&folder, "%s/run", place), 0);
    ck_assert_int_gt(asprintf(&run, "%s/run.h5", folder), 0);
    short_data(data);
    short_run(data, folder);
}

static void close_place(void)
{
    support_remove(place);
    free(data);
    free(folder);
    free(run);
}

/* ---- looking at files ---- */

static size_t big_endian(const unsigned char *at)
{
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

/* Of the PNG file's header: sizes, and that it is 8-bit grey. */
static void check_picture(const char *path, size_t width, size_t height)
{
    size_t size = 0;
    unsigned char *bytes = support_read(path, &size);
    ck_assert_uint_gt(size, 33);
    ck_assert_mem_eq(bytes, "\x89PNG\r\n\x1a\n", 8);
    ck_assert_msg(big_endian(bytes + 16) == width && big_endian(bytes + 20) == height,
                  "%s: %zu x %zu, not %zu x %zu", path, big_endian(bytes + 16),
                  big_endian(bytes + 20), width, height);
    ck_assert_int_eq(bytes[24], 8);
    ck_assert_int_eq(bytes[25], 0);
    free(bytes);
}

static void check_sheet(const char *in, const char *name, size_t tiles, size_t columns, size_t zoom,
                        size_t gap)
{
    const size_t rows = (tiles + columns - 1) / columns;
    check_picture(support_at(in, name), columns * WIDTH * zoom + (columns + 1) * gap,
                  rows * HEIGHT * zoom + (rows + 1) * gap);
}

static void check_same_bytes(const char *a, const char *b)
{
    size_t size_a = 0, size_b = 0;
    unsigned char *bytes_a = support_read(a, &size_a), *bytes_b = support_read(b, &size_b);
    ck_assert_msg(size_a == size_b && memcmp(bytes_a, bytes_b, size_a) == 0, "%s and %s differ", a,
                  b);
    free(bytes_a);
    free(bytes_b);
}

static void check_same_runs(const char *a, const char *b, const char *const *but)
{
    char *text_a = hdf5_text(a, but), *text_b = hdf5_text(b, but);
    ck_assert_uint_gt(program_lines(text_a), 25);
    program_must_equal(text_a, text_b);
    free(text_a);
    free(text_b);
}

/* ---- run ---- */

#define REFERENCE "r2rt"
#define THIS_RUN  "this run"

/* What stands on the table's line `name` below the head `column`, up to the next two blanks. */
static void check_figure(const char *table, const char *name, const char *column,
                         const char *figure)
{
    char start[64], cell[64];
    const char *head = strstr(table, column);
    snprintf(start, sizeof start, "\n%s  ", name);
    const char *line = strstr(table, start);
    ck_assert_msg(head && line && strcspn(line + 1, "\n") >= (size_t)(head - table),
                  "no '%s', '%s' in\n%s", name, column, table);
    const char *at = line + 1 + (head - table), *end = at;
    while (*end && *end != '\n' && strncmp(end, "  ", 2) != 0)
        end++;
    end -= end > at && end[-1] == ' '; /* a full column ends in one */
    snprintf(cell, sizeof cell, "%.*s", (int)(end - at), at);
    ck_assert_msg(strcmp(cell, figure) == 0, "'%s', '%s' is '%s', not '%s' in\n%s", name, column,
                  cell, figure, table);
}

static void check_number(const char *table, const char *name, const char *column, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.4f", value);
    check_figure(table, name, column, text);
}

/* Info's form: "  NAME   0.1234" alone on its line. */
static void check_told(const char *told, const char *name, double value)
{
    char line[64];
    snprintf(line, sizeof line, "\n  %-26s %.4f\n", name, value);
    ck_assert_msg(strstr(told, line) != NULL, "no '%s' in\n%.1500s", line + 1, told);
}

static void check_confidences(const char *table)
{
    char text[64];
    size_t dims[4];
    double *confidence = hdf5_values(run, "/generated/r2rt/confidence", dims);
    double minimum = confidence[0], maximum = confidence[0];
    for (size_t i = 1; i < dims[0]; i++) {
        minimum = fmin(minimum, confidence[i]);
        maximum = fmax(maximum, confidence[i]);
    }
    ck_assert_double_lt(minimum, maximum);
    snprintf(text, sizeof text, "%.4f to %.4f", minimum, maximum);
    check_figure(table, "generated: confidence, lowest to highest", THIS_RUN, text);
    check_figure(table, "generated: confidence, lowest to highest", REFERENCE, "0.9961 to 0.9976");
    free(confidence);
}

START_TEST(run_prints_a_table_and_only_that)
{
    char *here = support_folder();
    program *p = program_run(NULL, "run " SHORT " --data %s -o %s/o", data, here);
    ck_assert_program(p, 0);
    ck_assert_msg(strncmp(p->out, "figure", 6) == 0 && strstr(p->out, "r2rt") != NULL, "%s",
                  p->out);
    ck_assert_uint_eq(program_lines(p->out), 8);
    check_number(p->out, "test accuracy", REFERENCE, 0.9521);
    check_number(p->out, "test accuracy", THIS_RUN, hdf5_number(run, "/network", "accuracy"));
    check_figure(p->out, "inverse: L1 per pixel", REFERENCE, "");
    check_number(p->out, "inverse: L1 per pixel", THIS_RUN,
                 hdf5_number(run, "/inverse/r2rt", "l1_per_pixel"));
    check_number(p->out, "inverse: relative L2", THIS_RUN,
                 hdf5_number(run, "/inverse/r2rt", "relative_l2"));
    check_number(p->out, "inverse: classified like original", THIS_RUN,
                 hdf5_number(run, "/inverse/r2rt", "same_class"));
    check_confidences(p->out);
    const char *last = strrchr(p->out, '/');
    ck_assert_msg(last && strcmp(last, "/run.h5\n") == 0, "%s", p->out);
    program_free(p);
    support_remove(here);
}
END_TEST

START_TEST(run_leaves_the_run_file_and_four_pictures)
{
    ck_assert_uint_eq(support_entries(folder), 2 + PICTURES);
    ck_assert_int_eq(access(run, R_OK), 0);
    check_sheet(folder, "originals.png", PROJECTED, 6, 4, 2);
    check_sheet(folder, "projections.png", PROJECTED, 6, 4, 2);
    check_sheet(folder, "generated.png", 4, 3, 8, 4);
    check_sheet(folder, "features.png", HIDDEN2, 10, 4, 2);
}
END_TEST

START_TEST(the_shortened_experiment_learns)
{
    size_t floats = 0;
    ck_assert_double_ge(hdf5_number(run, "/network", "accuracy"), 0.9);
    ck_assert_double_ge(hdf5_number(run, "/inverse/r2rt", "same_class"), 0.5);
    ck_assert_uint_eq(hdf5_not_finite(run, &floats), 0);
    ck_assert_uint_gt(floats, 5000);
}
END_TEST

START_TEST(progress_goes_to_stderr_as_plain_lines)
{
    static const char *const said[] = {"training: 300 steps", "steps/s",
                                       "inverse: 70 steps",   "on the test images",
                                       "generate: 60 steps",  "features.png"};
    char *here = support_folder();
    program *p = program_run(NULL, "run " SHORT " --data %s -o %s", data, here);
    ck_assert_program(p, 0);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        ck_assert_msg(strstr(p->err, said[i]) != NULL, "no '%s' in\n%s", said[i], p->err);
    ck_assert_ptr_null(strpbrk(p->err, "\r\033"));
    program_free(p);
    support_remove(here);
}
END_TEST

START_TEST(progress_on_a_terminal_is_a_bar)
{
    const program_how how = {.terminal = true};
    char *here = support_folder();
    program *p = program_start(
        &how, "train " SHORT " --set training.steps=30000 --data %s -o %s/a.h5", data, here);
    program_wait_for(p, "\rtraining  [#");
    kill(p->child, SIGTERM);
    program_wait(p);
    ck_assert_program(p, 143);
    const char *bar = strstr(p->err, "\rtraining  [#");
    ck_assert_ptr_nonnull(strstr(bar, "/30000 "));
    ck_assert_ptr_nonnull(strstr(bar, " steps/s"));
    ck_assert_ptr_nonnull(strstr(bar, " s left"));
    program_free(p);
    support_remove(here);
}
END_TEST

START_TEST(quiet_is_quiet)
{
    char *here = support_folder();
    program *p = program_run(NULL, "run " SHORT " --quiet --data %s -o %s", data, here);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    ck_assert_uint_eq(program_lines(p->out), 8);
    program_free(p);
    support_remove(here);
}
END_TEST

START_TEST(stages_that_an_experiment_does_not_name_are_not_run)
{
    size_t size = 0;
    char *here = support_folder();
    char *text = (char *)support_read("experiments/r2rt.cfg", &size);
    char *generate = strstr(text, "generate = {"), *project = strstr(text, "project = {");
    ck_assert(generate && project && project < generate);
    memset(project, ' ', (size_t)(strlen(text) - (size_t)(project - text)));
    support_write(support_at(here, "a.cfg"), text, size);
    program_must_work(
        program_run(NULL,
                    "run %s/a.cfg --threads 1 -q --data %s -o %s/o "
                    "--set data.validation=50 --set training.steps=120 --set training.batch=60 "
                    "--set training.optimiser.rate=0.2 --set inverse.steps=10 "
                    "--set inverse.batch=60 --set network.layers.2.units=0",
                    here, data, here));
    ck_assert_uint_eq(support_entries(support_at(here, "o")), 2);
    char *held = hdf5_text(support_at(here, "o/run.h5"), NULL);
    ck_assert_ptr_nonnull(strstr(held, "/inverse/r2rt/hidden1/kernel"));
    ck_assert_ptr_null(strstr(held, "/projections"));
    free(held);
    free(text);
    support_remove(here);
}
END_TEST

/* ---- the same numbers ---- */

START_TEST(stages_one_by_one_give_what_run_gives)
{
    char *here = support_folder(), *file = strdup(support_at(here, "run.h5"));
    program_must_work(program_run(NULL, "train " SHORT " -q --data %s -o %s", data, file));
    program_must_work(program_run(NULL, "invert %s -q --threads 1 --data %s", file, data));
    program_must_work(program_run(NULL, "project %s -q --threads 1 --data %s", file, data));
    program_must_work(program_run(NULL, "generate %s -q --threads 1", file));
    program_must_work(program_run(NULL, "features %s -q --threads 1", file));
    check_same_runs(run, file, but_times);
    for (size_t i = 0; i < PICTURES; i++)
        check_same_bytes(support_at(folder, pictures[i]), support_at(here, pictures[i]));
    ck_assert_uint_eq(support_entries(here), 1 + PICTURES);
    free(file);
    support_remove(here);
}
END_TEST

START_TEST(a_second_thread_changes_nothing)
{
    char *here = support_folder();
    program_must_work(
        program_run(NULL, "run " SHORT " --threads 2 -q --data %s -o %s", data, here));
    check_same_runs(run, support_at(here, "run.h5"), but_times);
    support_remove(here);
}
END_TEST

START_TEST(the_seed_decides_whoever_names_it)
{
    static const char *const but[] = {"@created", "/seconds", "@experiment", "/environment", NULL};
    char *here = support_folder(), *a = strdup(support_at(here, "a.h5"));
    char *b = strdup(support_at(here, "b.h5"));
    program_must_work(program_run(NULL, "train " SHORT " --seed 7 -q --data %s -o %s", data, a));
    program_must_work(
        program_run(NULL, "train " SHORT " --set seed=7 -q --data %s -o %s", data, b));
    check_same_runs(a, b, but);
    char *seven = hdf5_text(a, but), *one = hdf5_text(run, but);
    char *kernel = strstr(seven, "/network/hidden1/kernel");
    ck_assert_ptr_nonnull(kernel);
    *strchr(kernel, '\n') = 0;
    ck_assert_ptr_nonnull(strstr(one, "/network/hidden1/kernel float32 [63, 13] "));
    ck_assert_msg(strstr(one, kernel) == NULL, "seeds 1 and 7 give the same: %s", kernel);
    free(seven);
    free(one);
    free(a);
    free(b);
    support_remove(here);
}
END_TEST

START_TEST(force_writes_over_an_earlier_run)
{
    char *here = support_folder();
    program_must_work(program_run(NULL, "run " SHORT " --seed 5 -q --data %s -o %s", data, here));
    program_must_work(program_run(NULL, "run " SHORT " --force -q --data %s -o %s", data, here));
    check_same_runs(run, support_at(here, "run.h5"), but_times);
    ck_assert_uint_eq(support_entries(here), 2 + PICTURES);
    support_remove(here);
}
END_TEST

/* ---- results side by side ---- */

/* A copy of the run file in a folder of its own. */
static char *copy_run(const char *here)
{
    char *file = strdup(support_at(here, "copy.h5"));
    short_copy(run, file);
    return file;
}

START_TEST(named_results_stand_beside_the_others)
{
    char *here = support_folder(), *file = copy_run(here), *before = hdf5_text(file, NULL);
    program_must_work(
        program_run(NULL, "invert %s --name low --at hidden1 --steps 30 -q --data %s", file, data));
    program_must_work(
        program_run(NULL, "project %s --inverse low --name low --count 8 -q --data %s --threads 1",
                    file, data));
    program_must_work(
        program_run(NULL,
                    "generate %s --inverse low --name low --at hidden1.pre --classes 0,2-4 "
                    "--steps 9 -q --threads 1",
                    file));
    program_must_work(program_run(
        NULL, "features %s --inverse low --name low --at hidden1.pre -q --threads 1", file));
    char *after = hdf5_text(file, NULL);
    ck_assert_ptr_nonnull(strstr(after, "/inverse/low @at hidden1.pre"));
    ck_assert_ptr_nonnull(strstr(after, "/inverse/low/history/step uint64 [30]"));
    ck_assert_ptr_nonnull(strstr(after, "/inverse/low/hidden1/kernel float32 [13, 63]"));
    ck_assert_ptr_null(strstr(after, "/inverse/low/hidden2/kernel"));
    ck_assert_ptr_nonnull(strstr(after, "/projections/low @inverse low"));
    ck_assert_ptr_nonnull(strstr(after, "/projections/low/image float32 [8, 9, 7]"));
    ck_assert_ptr_nonnull(strstr(after, "/generated/low/hidden float32 [4, 13]"));
    ck_assert_ptr_nonnull(strstr(after, "/features/low/image float32 [13, 9, 7]"));
    program_must_hold(after, before);
    check_sheet(here, "copy-originals-low.png", 8, 6, 4, 2);
    check_sheet(here, "copy-projections-low.png", 8, 6, 4, 2);
    check_sheet(here, "copy-generated-low.png", 4, 3, 8, 4);
    check_sheet(here, "copy-features-low.png", 13, 10, 4, 2);
    ck_assert_uint_eq(support_entries(here), 5);
    free(before);
    free(after);
    free(file);
    support_remove(here);
}
END_TEST

/* They are about the experiment as it is written, whatever the result is called. */
START_TEST(published_figures_stand_beside_what_they_are_about)
{
    static const struct {
        const char *words, *published;
    } rows[] = {{"", "0.9961 to 0.9976"}, {"--steps 3", ""}, {"--preset recommended", ""}};
    char *here = support_folder(), *copy = copy_run(here);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char words[128];
        snprintf(words, sizeof words, "generate %%s -q --name named --data %%s %s", rows[i].words);
        program *p = program_run(NULL, words, copy, data);
        ck_assert_program(p, 0);
        if (*rows[i].published)
            check_figure(p->out, "generated: confidence, lowest to highest", REFERENCE,
                         rows[i].published);
        else
            ck_assert_msg(!strstr(p->out, REFERENCE) && !strstr(p->out, "0.9961"), "%s", p->out);
        program_free(p);
    }
    free(copy);
    support_remove(here);
}
END_TEST

/* Of images that nothing leads towards there is no confidence to tell. */
START_TEST(the_dead_are_in_no_figure)
{
    static const char unwakeable[] =
        "network = { layers = (\n"
        "  { name = \"hidden\"; type = \"dense\"; units = 4; activation = \"relu\";\n"
        "    bias = { type = \"constant\"; value = -20000.0; }; },\n"
        "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"
        "training = { steps = 2; batch = 50; };\n";
    static const char figure[] = "generated: confidence, lowest to highest";
    char *here = support_folder(), *file = NULL;
    ck_assert_int_gt(asprintf(&file, "%s/run.h5", here), 0);
    support_write(support_at(here, "dead.cfg"), unwakeable, strlen(unwakeable));
    program_must_work(
        program_run(NULL, "train %s -o %s -q --data %s", support_at(here, "dead.cfg"), file, data));
    program *p = program_run(NULL, "generate %s --steps 3 -q", file);
    ck_assert_program(p, 0);
    const char *row = strstr(p->out, figure);
    ck_assert_msg(row, "%s", p->out);
    row += strlen(figure);
    ck_assert_msg(strspn(row, " ") == strcspn(row, "\n"), "%s", p->out);
    program_free(p);
    ck_assert_double_eq(hdf5_number(file, "/generated/generated", "dead"), 5.0); /* one a class */
    free(file);
    support_remove(here);
}
END_TEST

/* It is found again, the same to the bit, and other settings are refused. */
START_TEST(an_inverse_found_at_one_go_resumes)
{
    size_t dims[4];
    char *here = support_folder(), *file = copy_run(here);
    program_must_work(program_run(NULL, "invert %s --kind ridge -q --data %s", file, data));
    double *first = hdf5_values(file, "/inverse/ridge/pixels/kernel", dims);
    program_must_work(
        program_run(NULL, "invert %s --kind ridge -q --resume --data %s", file, data));
    double *again = hdf5_values(file, "/inverse/ridge/pixels/kernel", dims);
    ck_assert_mem_eq(first, again, dims[0] * dims[1] * sizeof *first);
    program *p = program_run(
        NULL, "invert %s --kind ridge -q --resume --set inverse.penalty=0.5 --data %s", file, data);
    ck_assert_fails(p, 2, "inverse.penalty");
    program_free(p);
    free(first);
    free(again);
    free(file);
    support_remove(here);
}
END_TEST

START_TEST(classes_are_those_asked_for)
{
    size_t dims[4];
    char *here = support_folder(), *file = copy_run(here);
    program_must_work(
        program_run(NULL, "generate %s --classes=4,0-2 --name some -q --threads 1", file));
    double *label = hdf5_values(file, "/generated/some/label", dims);
    ck_assert_uint_eq(dims[0], 4);
    ck_assert(label[0] == 4 && label[1] == 0 && label[2] == 1 && label[3] == 2);
    free(label);
    free(file);
    support_remove(here);
}
END_TEST

START_TEST(a_count_beyond_the_test_images_is_all_of_them)
{
    char *here = support_folder(), *file = copy_run(here);
    program *p = program_run(NULL, "project %s --count 5000 --name all -q --data %s", file, data);
    ck_assert_program(p, 0);
    ck_assert_ptr_null(strstr(p->out, "confidence")); /* that of its originals is no figure */
    program_free(p);
    char *held = hdf5_text(file, NULL);
    ck_assert_ptr_nonnull(strstr(held, "/projections/all/image float32 [60, 9, 7]"));
    free(held);
    free(file);
    support_remove(here);
}
END_TEST

/* ---- images of one's own ---- */

static void check_rows(const double *a, const double *b, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_double_le(fabs(a[i] - b[i]), tolerance);
}

START_TEST(images_from_an_idx_file)
{
    size_t dims[4], pixels = HEIGHT * WIDTH;
    char *here = support_folder(), *file = copy_run(here);
    program_must_work(program_run(
        NULL, "project %s --name own --count 12 -q --threads 1 --images %s/t10k-images-idx3-ubyte",
        file, data));
    double *own = hdf5_values(file, "/projections/own/image", dims);
    ck_assert_uint_eq(dims[0], 12);
    double *test = hdf5_values(file, "/projections/r2rt/image", dims);
    check_rows(own, test, 12 * pixels, 0.0);
    char *held = hdf5_text(file, NULL);
    ck_assert_ptr_null(strstr(held, "/projections/own/label"));
    ck_assert_ptr_nonnull(strstr(held, "/projections/own/predicted uint32 [12]"));
    free(held);
    free(own);
    free(test);
    free(file);
    support_remove(here);
}
END_TEST

/* Test images 3 and 5 as PNG files, in the other order, with an IDX file behind them. */
START_TEST(images_from_png_files)
{
    const inv_sheet sheet = {.columns = 1, .zoom = 1, .scaling = INV_SCALING_FIXED, .high = 1.0};
    const inv_shape shape = {HEIGHT, WIDTH, 1};
    const size_t pixels = HEIGHT * WIDTH, order[] = {5, 3, 0};
    size_t dims[4];
    float image[HEIGHT * WIDTH];
    char *here = support_folder(), *file = copy_run(here);
    double *originals = hdf5_values(file, "/projections/r2rt/original", dims);
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < pixels; j++)
            image[j] = (float)originals[order[i] * pixels + j];
        ck_assert_status(inv_png_write_sheet(support_at(here, i ? "b.PNG" : "a.png"), &sheet, image,
                                             1, shape, NULL, 0),
                         INV_OK);
    }
    program_must_work(
        program_run(NULL,
                    "project %s --name own --count 3 -q --threads 1 --images %s/a.png "
                    "%s/b.PNG %s/t10k-images-idx3-ubyte",
                    file, here, here, data));
    double *own = hdf5_values(file, "/projections/own/original", dims);
    ck_assert_uint_eq(dims[0], 3);
    for (size_t i = 0; i < 3; i++)
        check_rows(own + i * pixels, originals + order[i] * pixels, pixels, 1e-6);
    free(own);
    free(originals);
    free(file);
    support_remove(here);
}
END_TEST

/* ---- info ---- */

START_TEST(info_tells_what_the_file_holds)
{
    static const char *const said[] = {"r2rt, Inverting a Neural Net",
                                       "dense 11, sigmoid",
                                       "hidden2.pre",
                                       "projections r2rt",
                                       "generated   r2rt",
                                       "features    r2rt"};
    program *p = program_run(NULL, "info %s", run);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    check_told(p->out, "test accuracy", hdf5_number(run, "/network", "accuracy"));
    check_told(p->out, "L1 per pixel", hdf5_number(run, "/inverse/r2rt", "l1_per_pixel"));
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        ck_assert_msg(strstr(p->out, said[i]) != NULL, "no '%s' in\n%.900s", said[i], p->out);
    program_free(p);
}
END_TEST

static json_t *info_json(const char *file)
{
    json_error_t error;
    program *p = program_run(NULL, "info %s --json", file);
    ck_assert_program(p, 0);
    json_t *info = json_loads(p->out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(info != NULL, "not JSON: %s\n%s", error.text, p->out);
    program_free(p);
    return info;
}

/* The value at the keys in turn, which must be there: of none, jansson makes 0. */
static const json_t *json_at(const json_t *value, const char *a, const char *b, const char *c)
{
    const char *const keys[] = {a, b, c};
    for (int i = 0; i < 3 && keys[i]; i++) {
        value = json_object_get(value, keys[i]);
        ck_assert_msg(value != NULL, "info --json has no %s of %s", keys[i], a);
    }
    return value;
}

START_TEST(info_as_json)
{
    json_t *info = info_json(run);
    const json_t *layers = json_at(info, "network", "layers", NULL);
    ck_assert_str_eq(json_string_value(json_at(info, "format", NULL, NULL)), "invproj-run");
    ck_assert_int_eq(json_integer_value(json_at(info, "seed", NULL, NULL)), 1);
    ck_assert_str_eq(json_string_value(json_at(info, "dataset", NULL, NULL)), "data");
    ck_assert_uint_eq(json_array_size(layers), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(layers, 2), "units")),
                     CLASSES);
    ck_assert_int_eq(json_integer_value(json_at(info, "training", "step", NULL)), TRAIN_STEPS);
    ck_assert_int_eq(json_integer_value(json_at(info, "inverse", "r2rt", "step")), INVERT_STEPS);
    ck_assert_double_eq_tol(json_number_value(json_at(info, "inverse", "r2rt", "l1_per_pixel")),
                            hdf5_number(run, "/inverse/r2rt", "l1_per_pixel"), 1e-8);
    ck_assert_uint_eq(json_array_size(json_at(info, "generated", "r2rt", "confidence")), 4);
    json_decref(info);
}
END_TEST

/* ---- other programs ---- */

START_TEST(h5py_reads_the_run_file)
{
    const program_how python = {.path = "/usr/bin/python3"};
    program *p = program_run(&python, "-c %s", "import h5py");
    if (p->code != 0) {
        support_skipped("cli", "reading with h5py, which /usr/bin/python3 does not have");
    } else {
        program_free(p);
        p = program_run(&python, "tests/read_run.py %s", run);
        ck_assert_program(p, 0);
        ck_assert_str_eq(p->err, "");
    }
    program_free(p);
}
END_TEST

START_TEST(h5dump_reads_the_run_file)
{
    const program_how h5dump = {.path = "h5dump"};
    program *p = program_run(&h5dump, "-H %s", run);
    if (p->code == 127) {
        support_skipped("cli", "reading with h5dump, which is not installed");
    } else {
        ck_assert_program(p, 0);
        ck_assert_str_eq(p->err, "");
        ck_assert_ptr_nonnull(strstr(p->out, "DATASET \"kernel\""));
        ck_assert_ptr_nonnull(strstr(p->out, "H5T_IEEE_F32LE"));
        ck_assert_ptr_nonnull(strstr(p->out, "( 63, 13 )"));
    }
    program_free(p);
}
END_TEST

/* ---- the experiment itself ---- */

/* Issue 2's table. */
static void check_mnist_figures(const char *file)
{
    size_t dims[4];
    const double accuracy = hdf5_number(file, "/network", "accuracy");
    ck_assert_double_ge(accuracy, 0.948);
    ck_assert_double_le(accuracy, 0.960);
    ck_assert_double_le(hdf5_number(file, "/inverse/r2rt", "l1_per_pixel"), 0.106);
    ck_assert_double_le(hdf5_number(file, "/inverse/r2rt", "relative_l2"), 0.69);
    ck_assert_double_ge(hdf5_number(file, "/inverse/r2rt", "same_class"), 0.96);
    double *confidence = hdf5_values(file, "/generated/r2rt/confidence", dims);
    double *label = hdf5_values(file, "/generated/r2rt/label", dims);
    ck_assert_uint_eq(dims[0], 9);
    for (size_t i = 0; i < 9; i++) {
        ck_assert_double_eq(label[i], (double)i + 1.0);
        ck_assert_double_ge(confidence[i], 0.994);
    }
    free(confidence);
    free(label);
}

START_TEST(mnist)
{
    const program_how how = {.seconds = 150};
    const char *mnist_folder = getenv("INVPROJ_MNIST");
    if (!mnist_folder || getenv("INVPROJ_SHORT")) {
        support_skipped("cli", "the experiment on MNIST, because %s",
                        mnist_folder ? "INVPROJ_SHORT is set" : "INVPROJ_MNIST names no folder");
        return;
    }
    char *here = support_folder();
    program *p =
        program_run(&how, "run experiments/r2rt.cfg --data %s --seed 1 -o %s", mnist_folder, here);
    ck_assert_program(p, 0);
    check_mnist_figures(support_at(here, "run.h5"));
    ck_assert_uint_gt(p->peak, 50000000); /* the images alone */
    ck_assert_uint_le(p->peak, 250000000);
    check_picture(support_at(here, "originals.png"), 6 * 28 * 4 + 7 * 2, 6 * 28 * 4 + 7 * 2);
    check_picture(support_at(here, "projections.png"), 6 * 28 * 4 + 7 * 2, 6 * 28 * 4 + 7 * 2);
    check_picture(support_at(here, "generated.png"), 3 * 28 * 8 + 4 * 4, 3 * 28 * 8 + 4 * 4);
    check_picture(support_at(here, "features.png"), 10 * 28 * 4 + 11 * 2, 10 * 28 * 4 + 11 * 2);
    program_free(p);
    support_remove(here);
}
END_TEST

static TCase *tests_of_run(void)
{
    TCase *tests = tcase_create("run");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, run_prints_a_table_and_only_that);
    tcase_add_test(tests, run_leaves_the_run_file_and_four_pictures);
    tcase_add_test(tests, the_shortened_experiment_learns);
    tcase_add_test(tests, progress_goes_to_stderr_as_plain_lines);
    tcase_add_test(tests, progress_on_a_terminal_is_a_bar);
    tcase_add_test(tests, quiet_is_quiet);
    tcase_add_test(tests, stages_that_an_experiment_does_not_name_are_not_run);
    tcase_add_test(tests, stages_one_by_one_give_what_run_gives);
    tcase_add_test(tests, a_second_thread_changes_nothing);
    tcase_add_test(tests, the_seed_decides_whoever_names_it);
    tcase_add_test(tests, force_writes_over_an_earlier_run);
    return tests;
}

static TCase *tests_of_results(void)
{
    TCase *tests = tcase_create("results");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, named_results_stand_beside_the_others);
    tcase_add_test(tests, published_figures_stand_beside_what_they_are_about);
    tcase_add_test(tests, the_dead_are_in_no_figure);
    tcase_add_test(tests, an_inverse_found_at_one_go_resumes);
    tcase_add_test(tests, classes_are_those_asked_for);
    tcase_add_test(tests, a_count_beyond_the_test_images_is_all_of_them);
    tcase_add_test(tests, images_from_an_idx_file);
    tcase_add_test(tests, images_from_png_files);
    tcase_add_test(tests, info_tells_what_the_file_holds);
    tcase_add_test(tests, info_as_json);
    tcase_add_test(tests, h5py_reads_the_run_file);
    tcase_add_test(tests, h5dump_reads_the_run_file);
    return tests;
}

static TCase *tests_on_mnist(void)
{
    TCase *tests = tcase_create("mnist");
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, mnist);
    return tests;
}

Suite *cli_suite(void)
{
    Suite *suite = suite_create("cli");
    suite_add_tcase(suite, tests_of_run());
    suite_add_tcase(suite, tests_of_results());
    suite_add_tcase(suite, tests_on_mnist());
    return suite;
}
