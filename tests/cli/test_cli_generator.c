/* The program's generator: learned by a run, resumed, and drawn from.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "suites.h"

static char *place, *data;

#define LATENT 3
#define EACH   4 /* images of a class */

/* Classes: those that a run draws, and those that `generate` is asked for in SHORT. */
static const double all[CLASSES] = {0, 1, 2, 3, 4}, some[] = {0, 1, 3, 4};

#define WITH_GENERATOR(steps)                                                                      \
    SHORT " -q --set generator.latent=3 --set generator.count=4 --set generator.batch=60 "         \
          "--set generator.optimiser.rate=0.01 --set generator.schedule.type=\"constant\" "        \
          "--set generator.steps=" steps " "

/* The data, a run with a generator, and one without. */
static void open_place(void)
{
    place = support_folder();
    data = strdup(support_at(place, "data"));
    short_data(data);
    program_must_work(program_run(NULL, "run " WITH_GENERATOR("200") "--data %s -o %s", data,
                                  support_at(place, "run")));
    program_must_work(program_run(NULL, "train " SHORT " -q --seed 9 --data %s -o %s", data,
                                  support_at(place, "other.h5")));
}

static void close_place(void)
{
    support_remove(place);
    free(data);
}

#define RUN   support_at(place, "run/run.h5")
#define OTHER support_at(place, "other.h5")

/* Runs the words in the folder of the run files. */
static program *ask(const char *words)
{
    return program_run_in(place, words);
}

/* `each` images of each of those classes, in their order, within pixels. */
static void check_images(const char *file, const char *group, const double *classes, size_t count,
                         size_t each)
{
    size_t dims[4];
    char path[128];
    snprintf(path, sizeof path, "%s/label", group);
    double *label = hdf5_values(file, path, dims);
    ck_assert_uint_eq(dims[0], count * each);
    for (size_t i = 0; i < dims[0]; i++)
        ck_assert_double_eq(label[i], classes[i / each]);
    snprintf(path, sizeof path, "%s/image", group);
    double *image = hdf5_values(file, path, dims);
    ck_assert_uint_eq(dims[0] * dims[1] * dims[2], count * each * HEIGHT * WIDTH);
    for (size_t i = 0; i < dims[0] * HEIGHT * WIDTH; i++)
        ck_assert(image[i] >= 0.0 && image[i] <= 1.0);
    snprintf(path, sizeof path, "%s/latent", group);
    double *latent = hdf5_values(file, path, dims);
    ck_assert_uint_eq(dims[0] * dims[1], count * each * LATENT);
    free(label), free(image), free(latent);
}

START_TEST(run_learns_a_generator_and_draws)
{
    check_images(RUN, "/generated/generator", all, CLASSES, EACH);
    ck_assert_int_eq(access(support_at(place, "run/generator.png"), F_OK), 0);
    ck_assert_double_eq(hdf5_number(RUN, "/generator/generator", "step"), 200.0);
    ck_assert_double_eq(hdf5_number(RUN, "/generator/generator", "done"), 1.0);
    ck_assert_double_eq(hdf5_number(RUN, "/generator/generator", "latent"), LATENT);
    ck_assert_double_eq(hdf5_number(RUN, "/generator/generator", "classes"), CLASSES);
    ck_assert_double_gt(hdf5_number(RUN, "/generated/generator", "distance"), 0.1);
    program *p = ask("info run/run.h5");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "generator   generator: 5 classes, 3 random numbers"));
    ck_assert_ptr_nonnull(
        strstr(p->out, "generated   generator, by generator generator: 20 images"));
    program_free(p);
    p = ask("info run/run.h5 --history");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "\ngenerator/generator,200,"));
    program_free(p);
    p = ask("report run/run.h5 --json");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "draws images from a class and 3 random numbers."));
    ck_assert_ptr_nonnull(strstr(p->out, "\"stage\": \"generator generator\""));
    ck_assert_ptr_nonnull(strstr(p->out, "\"array\": \"divergence\""));
    program_free(p);
}
END_TEST

/* A run that was made longer ends in what one in one go ends in. */
START_TEST(resumes_to_the_bit)
{
    static const char *const but[] = {"@created", "/seconds", "/environment", NULL};
    program_must_work(program_run(NULL, "run " WITH_GENERATOR("83") "--data %s -o %s", data,
                                  support_at(place, "parts")));
    program_must_work(program_run(NULL, "run " WITH_GENERATOR("200") "--resume --data %s -o %s",
                                  data, support_at(place, "parts")));
    char *a = hdf5_text(support_at(place, "parts/run.h5"), but), *b = hdf5_text(RUN, but);
    program_must_equal(a, b);
    free(a), free(b);
}
END_TEST

START_TEST(resume_refuses_another_generator)
{
    program *p = program_run(
        NULL, "run " WITH_GENERATOR("200") "--set generator.divergence=2 --resume --data %s -o %s",
        data, support_at(place, "run"));
    ck_assert_fails(p, 2,
                    "--resume: the run was made with another experiment: generator.divergence");
    program_free(p);
    p = program_run(NULL, "run " WITH_GENERATOR("199") "--resume --data %s -o %s", data,
                    support_at(place, "run"));
    ck_assert_fails(p, 2, "generator.steps was 200, is now 199");
    program_free(p);
}
END_TEST

START_TEST(draws_into_another_run)
{
    size_t dims[4];
    program_must_work(
        ask("generate other.h5 --with run/run.h5 --count 6 --name drawn --judge run/run.h5 -q"));
    check_images(OTHER, "/generated/drawn", some, 4, 6);
    ck_assert_int_eq(access(support_at(place, "other-generated-drawn.png"), F_OK), 0);
    /* by chance it would be 0.2 */
    ck_assert_double_ge(hdf5_number(OTHER, "/generated/drawn", "judge_same"), 0.6);
    ck_assert_double_gt(hdf5_number(OTHER, "/generated/drawn", "distance"), 0.1);
    char *text = hdf5_text(OTHER, NULL);
    ck_assert_ptr_nonnull(strstr(text, "/generated/drawn @with run/run.h5"));
    ck_assert_ptr_nonnull(strstr(text, "/generated/drawn @with_sha256 "));
    ck_assert_ptr_null(strstr(text, "/generated/drawn @generator_sha256 "));
    free(text);
    program_must_work(ask("generate other.h5 --with run/run.h5 --classes 3 --count 2 --name b -q"));
    double *label = hdf5_values(OTHER, "/generated/b/label", dims);
    ck_assert_uint_eq(dims[0], 2);
    ck_assert_double_eq(label[0], 3.0);
    free(label);
}
END_TEST

/* Its own run file; another seed is another image, the same the same. */
START_TEST(draws_into_its_own_run)
{
    static const char *const words[] = {
        "generate --with run/run.h5 --seed 5 --name a --threads 1 -q",
        "generate run/run.h5 --with run/run.h5 --seed 5 --name b --threads 2 -q",
        "generate --with run/run.h5 --seed 6 --name c --threads 1 -q"};
    double *image[3];
    size_t dims[4];
    for (size_t i = 0; i < 3; i++) {
        program_must_work(ask(words[i]));
        image[i] = hdf5_values(RUN,
                               i == 0   ? "/generated/a/image"
                               : i == 1 ? "/generated/b/image"
                                        : "/generated/c/image",
                               dims);
    }
    const size_t bytes = dims[0] * HEIGHT * WIDTH * sizeof(double);
    ck_assert(memcmp(image[0], image[1], bytes) == 0);
    ck_assert(memcmp(image[0], image[2], bytes) != 0);
    char *text = hdf5_text(RUN, NULL);
    ck_assert_ptr_nonnull(strstr(text, "/generated/a @generator_sha256 "));
    ck_assert_ptr_null(strstr(text, "/generated/a @with "));
    free(text);
    for (size_t i = 0; i < 3; i++)
        free(image[i]);
}
END_TEST

/* What was drawn before a generator learned on is said to be of another. */
START_TEST(draws_of_a_former_generator_are_stale)
{
    program_must_work(ask("generate --with run/run.h5 --name before -q"));
    program_must_work(ask("measure run/run.h5 --student generator -q"));
    program_must_work(program_run(NULL, "run " WITH_GENERATOR("210") "--resume --data %s -o %s",
                                  data, support_at(place, "run")));
    char *text = hdf5_text(RUN, NULL);
    ck_assert_ptr_nonnull(strstr(text, "/generated/before @stale drawn by another generator"));
    ck_assert_ptr_null(strstr(text, "/generated/generator @stale"));
    ck_assert_ptr_null(strstr(text, "/generator/generator @student"));
    free(text);
}
END_TEST

/* A row a class, on the same way: the numbers of each row are those of the first. */
START_TEST(walks_from_draw_to_draw)
{
    size_t dims[4];
    program_must_work(ask("generate --with run/run.h5 --walk --count 7 --name walk -q"));
    check_images(RUN, "/generated/walk", some, 4, 7);
    double *latent = hdf5_values(RUN, "/generated/walk/latent", dims);
    for (size_t i = 7 * LATENT; i < dims[0] * LATENT; i++)
        ck_assert_double_eq(latent[i], latent[i - 7 * LATENT]);
    ck_assert_double_ne(latent[0], latent[LATENT]);
    free(latent);
    char *text = hdf5_text(RUN, NULL);
    ck_assert_ptr_null(strstr(text, "/generated/walk @distance"));
    free(text);
    ck_assert_int_eq(access(support_at(place, "run/generated-walk.png"), F_OK), 0);
}
END_TEST

/* Of the generator, which draws for it; of a result, whose images it learns from. */
START_TEST(student_learns_from_what_is_drawn)
{
    program_must_work(ask("generate --with run/run.h5 --classes 0-4 --count 30 --name drawn -q"));
    program_must_work(ask("measure run/run.h5 --student generator -q"));
    const double drawn = hdf5_number(RUN, "/generator/generator", "student");
    ck_assert_double_gt(drawn, 0.6); /* by chance it would be 0.2 */
    ck_assert_double_gt(hdf5_number(RUN, "/generator/generator", "student_real"), 0.9);
    ck_assert_double_eq(hdf5_number(RUN, "/generator/generator", "student_images"), 10000.0);
    program *p = ask("measure run/run.h5 --student drawn --json");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "student: learns from 150 images"));
    json_t *list = json_loads(p->out, 0, NULL);
    const json_t *one = json_array_get(list, 0);
    ck_assert_str_eq(json_string_value(json_object_get(one, "name")), "drawn");
    ck_assert_double_eq_tol(json_number_value(json_object_get(one, "student")),
                            hdf5_number(RUN, "/generated/drawn", "student"), 1e-6);
    json_decref(list);
    program_free(p);
    ck_assert_double_eq(hdf5_number(RUN, "/generated/drawn", "student_images"), 150.0);
    p = ask("info run/run.h5");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "\n  student's accuracy  "));
    ck_assert_ptr_nonnull(strstr(p->out, "; a student of them reads "));
    program_free(p);
}
END_TEST

START_TEST(student_of_what_is_no_lesson_is_refused)
{
    static const struct {
        const char *words;
        int code;
        const char *says;
    } rows[] = {
        {"measure run/run.h5 --student none -q", 1,
         "holds neither a generator nor generated images called 'none'"},
        {"measure run/run.h5 --student few -q", 1, "images of 1 of 5 classes"},
        {"measure run/run.h5 --student few --zero-lines -q", 2, "--zero-lines: measures inverses"}};
    program_must_work(ask("generate --with run/run.h5 --classes 3 --name few -q"));
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        program *p = ask(rows[r].words);
        ck_assert_fails(p, rows[r].code, rows[r].says);
        program_free(p);
    }
}
END_TEST

/* ---- without data ---- */

/* A net alone, as an import leaves it: no data were ever given. */
#define MODEL "tests/data/keras/cnn.keras"

static void import_model(void)
{
    program_must_work(
        program_run(NULL, "import " MODEL " -o %s -q", support_at(place, "model.h5")));
}

#define INVENT                                                                                     \
    "invent model.h5 -q --threads 1 --count 2 --set generator.batch=20 --set generator.latent=3 "  \
    "--set generator.memory=50 --set generator.rehearsals=2 "                                      \
    "--set generator.schedule.type=\"constant\" --steps "

/* From a net alone: a generator and a student; stopped and resumed it is the same. */
START_TEST(model_alone_teaches_a_generator)
{
    static const char *const but[] = {"@created", "/seconds", "/environment", NULL};
    import_model();
    program_must_work(ask(INVENT "4"));
    program_must_work(ask(INVENT "9 --resume"));
    char *parts = hdf5_text(support_at(place, "model.h5"), but);
    ck_assert_int_eq(unlink(support_at(place, "model.h5")), 0);
    import_model();
    program_must_work(ask(INVENT "9"));
    char *whole = hdf5_text(support_at(place, "model.h5"), but);
    program_must_equal(parts, whole);
    ck_assert_ptr_nonnull(strstr(whole, "/generator/generator @kind adversarial"));
    ck_assert_ptr_nonnull(strstr(whole, "/generator/generator/student @layers "));
    ck_assert_ptr_null(strstr(whole, "@taught"));
    free(parts), free(whole);
    const char *file = support_at(place, "model.h5");
    ck_assert_double_eq(hdf5_number(file, "/generator/generator", "done"), 1.0);
    program_must_work(ask("generate --with model.h5 --count 3 --name more -q"));
    size_t dims[4];
    double *label = hdf5_values(file, "/generated/more/label", dims);
    ck_assert_uint_eq(dims[0], 9); /* of three classes */
    free(label);
}
END_TEST

START_TEST(bad_inventions_are_refused)
{
    static const struct {
        const char *words;
        int code;
        const char *says;
    } rows[] = {
        {"invent run/run.h5 -q", 2, "already holds a generator 'generator'; --resume continues it"},
        {"invent run/run.h5 -q --resume --set generator.latent=4", 2,
         "/generator/generator was made with another generator.latent"},
        {"invent run/run.h5 -q --resume --seed 77", 2, "was begun with another seed"},
        {"invent run/run.h5 -q --resume --steps 7", 2,
         "has 200 steps already, generator.steps is 7"},
        {"invent run/run.h5 -q --kind none", 2, "generator.kind"},
        {"invent other.h5 -q --set generator.latent=0", 2, "generator.latent"},
        {"invent other.h5 -q --kind adversarial --set generator.loss=\"squared\"", 2, "loss"},
        {"invent model.h5 -q --kind variational", 1, "model.h5"}};
    import_model();
    char *before = program_snapshot(place);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        program *p = ask(rows[r].words);
        ck_assert_fails(p, rows[r].code, rows[r].says);
        program_free(p);
    }
    char *after = program_snapshot(place);
    program_must_equal(before, after);
    free(before), free(after);
}
END_TEST

/* Where the data are known, the student is measured; a net that has learned on makes it another's. */
START_TEST(student_is_measured_where_there_are_data)
{
    program_must_work(
        ask("invent other.h5 -q --kind adversarial --steps 60 --set generator.batch=30"));
    ck_assert_double_gt(hdf5_number(OTHER, "/generator/generator", "taught"), 0.3);
    char *text = hdf5_text(OTHER, NULL);
    ck_assert_ptr_nonnull(strstr(text, "/generator/generator @network_sha256 "));
    free(text);
}
END_TEST

/* Each of these leaves the file as it was. */
START_TEST(what_cannot_be_drawn_is_refused)
{
    static const struct {
        const char *words;
        int code;
        const char *says;
    } rows[] = {{"generate run/run.h5 --with other.h5 -q", 1, "other.h5: holds no generator"},
                {"generate other.h5 --walk -q", 2, "--walk: needs --with"},
                {"generate --with run/run.h5 --walk --count 1 -q", 2, "--walk: needs two images"},
                {"generate --with run/run.h5 --count 0 -q", 2, "generate.count: 0 is not"},
                {"generate --with run/run.h5 --classes 5 -q", 2,
                 "generate.classes: class 5 does not exist"},
                {"generate --with run/run.h5 --preset varied -q", 2,
                 "--with: a generator's images are not"},
                {"generate --with run/run.h5 --steps 5 -q", 2, "generate.steps=5"},
                {"generate --with run/run.h5 --frames f -q", 2, "no --frames"},
                {"generate -q", 2, "generate: usage: invproj generate"},
                {"generate other.h5 --with none.h5 -q", 1, "none.h5: "}};
    char *before = program_snapshot(place);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        program *p = ask(rows[r].words);
        ck_assert_fails(p, rows[r].code, rows[r].says);
        program_free(p);
    }
    char *after = program_snapshot(place);
    program_must_equal(before, after);
    free(before), free(after);
}
END_TEST

/* Of images of another shape, or of fewer classes. */
START_TEST(generator_of_other_data_is_refused)
{
    static const struct {
        size_t height, classes;
        const char *says;
    } rows[] = {{HEIGHT + 1, CLASSES, "draws images of 9 x 7 x 1, the net takes 10 x 7 x 1"},
                {HEIGHT, CLASSES - 1, "draws 5 classes, the net tells 4 apart"}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char *folder = support_folder();
        support_write_dataset(folder, TRAIN, TEST, rows[r].height, WIDTH, rows[r].classes, 3);
        program_must_work(program_run(NULL, "train " SHORT " -q --data %s -o %s", folder,
                                      support_at(place, "odd.h5")));
        program *p = ask("generate odd.h5 --with run/run.h5 -q");
        ck_assert_fails(p, 2, rows[r].says);
        program_free(p);
        ck_assert_int_eq(unlink(support_at(place, "odd.h5")), 0);
        support_remove(folder);
    }
}
END_TEST

START_TEST(bad_experiments_are_refused)
{
    static const struct {
        const char *set, *says;
    } rows[] = {{"generator.latent=0", "generator.latent"},
                {"generator.count=0", "generator.count"},
                {"generator.batch=301", "generator.batch: 301, but there are 300 images"},
                {"generator.loss=\"l3\"", "generator.loss"}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        program *p = program_run(NULL, "run " SHORT " -q --set %s --data %s -o %s", rows[r].set,
                                 data, support_at(place, "bad"));
        ck_assert_fails(p, 2, rows[r].says);
        program_free(p);
        ck_assert_int_ne(access(support_at(place, "bad"), F_OK), 0);
    }
}
END_TEST

Suite *cli_generator_suite(void)
{
    Suite *suite = suite_create("cli_generator");
    TCase *tests = tcase_create("cli_generator");
    tcase_add_checked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, run_learns_a_generator_and_draws);
    tcase_add_test(tests, resumes_to_the_bit);
    tcase_add_test(tests, resume_refuses_another_generator);
    tcase_add_test(tests, draws_into_another_run);
    tcase_add_test(tests, draws_into_its_own_run);
    tcase_add_test(tests, draws_of_a_former_generator_are_stale);
    tcase_add_test(tests, walks_from_draw_to_draw);
    tcase_add_test(tests, student_learns_from_what_is_drawn);
    tcase_add_test(tests, student_of_what_is_no_lesson_is_refused);
    tcase_add_test(tests, model_alone_teaches_a_generator);
    tcase_add_test(tests, bad_inventions_are_refused);
    tcase_add_test(tests, student_is_measured_where_there_are_data);
    tcase_add_test(tests, what_cannot_be_drawn_is_refused);
    tcase_add_test(tests, generator_of_other_data_is_refused);
    tcase_add_test(tests, bad_experiments_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
