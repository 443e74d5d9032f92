/* Where the data are: what a run file remembers of it, where else they are looked for, and what is
 * said where they are nowhere.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "program.h"
#include "suites.h"
#include "support.h"

/* For each test: `place`/work/r2rt.cfg, whose folder is data/mnist; `place`/elsewhere/images, the
 * data; `place`/other, other data of the same sizes; and `place`/empty, to run in. */
static char *place;

static const char *at(const char *name)
{
    return support_at(place, name);
}

static program *run_in(const char *folder, const char *words)
{
    return program_run_in(at(folder), words);
}

static void make_folder(const char *name)
{
    ck_assert_int_eq(mkdir(at(name), 0755), 0);
}

static void open_place(void)
{
    char *folder = support_folder();
    place = realpath(folder, NULL);
    free(folder);
    ck_assert_ptr_nonnull(place);
    make_folder("work");
    make_folder("work/data");
    make_folder("elsewhere");
    make_folder("empty");
    make_folder("other");
    short_copy("experiments/r2rt.cfg", at("work/r2rt.cfg"));
    short_data(at("elsewhere/images"));
    support_write_dataset(at("other"), TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 12);
}

static void close_place(void)
{
    support_remove(place);
}

static void move(const char *from, const char *to)
{
    ck_assert_int_eq(rename(at(from), at(to)), 0);
}

#define TRAIN_IT "train r2rt.cfg " SHORT_SETS " -q -o ../run.h5"

/* Every command that needs data, in a folder that has none. */
static void must_find_them(const char *folder)
{
    static const char *const words[] = {
        "invert ../run.h5 -q --threads 1 --force", "project ../run.h5 -q --threads 1",
        "exemplars ../run.h5 -q --threads 1",
        "generate ../run.h5 -q --threads 1 --preset recommended --steps 3"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        program_must_work(run_in(folder, words[i]));
}

static void must_say(program *p, const char *const *says)
{
    program_must_fail(p, 1, says);
    ck_assert_msg(!strstr(p->err, "make data"), "%s", p->err); /* nobody knows of a Makefile here */
    program_free(p);
}

/* That the run file says so of its data: an absolute path without links. */
static void must_remember(const char *folder)
{
    char line[4096], *text = hdf5_text(at("run.h5"), NULL);
    snprintf(line, sizeof line, "/environment @data_folder %s \n", at(folder));
    ck_assert_msg(strstr(text, line) != NULL, "no %s in %s", line, text);
    snprintf(line, sizeof line, "/environment @experiment_folder %s \n", at("work"));
    ck_assert_msg(strstr(text, line) != NULL, "no %s in %s", line, text);
    free(text);
}

START_TEST(where_they_were_is_remembered)
{
    ck_assert_int_eq(symlink("elsewhere", at("way")), 0);
    program_must_work(run_in("work", TRAIN_IT " --data ../way/images"));
    must_remember("elsewhere/images");
    must_find_them("empty");
    must_remember("elsewhere/images");
    program_must_work(run_in("work", TRAIN_IT " --resume"));
}
END_TEST

START_TEST(another_folder_given_once_is_remembered_from_then_on)
{
    program_must_work(run_in("work", TRAIN_IT " --data ../elsewhere/images"));
    move("elsewhere/images", "moved");
    program_must_work(run_in("empty", "invert ../run.h5 -q --threads 1 --data ../moved"));
    must_remember("moved");
    must_find_them("empty");
}
END_TEST

START_TEST(where_they_are_nowhere_each_place_is_named)
{
    program_must_work(run_in("work", TRAIN_IT " --data ../elsewhere/images"));
    move("elsewhere/images", "moved");
    char *before = strdup(at("elsewhere/images: No such file or directory"));
    char *beside = strdup(at("work/data/mnist: No such file or directory"));
    const char *says[] = {before, beside, "; data/mnist: No such file or directory",
                          "; name the folder of the data with --data DIR", NULL};
    must_say(run_in("empty", "project ../run.h5 -q"), says);
    static const char *const given[] = {"invproj: none: No such file or directory\n", NULL};
    must_say(run_in("empty", "project ../run.h5 -q --data none"), given);
    static const char *const new_run[] = {
        "invproj: ../work/data/mnist: No such file or directory; data/mnist: No such file or "
        "directory; name the folder of the data with --data DIR\n",
        NULL};
    must_say(run_in("empty", "train ../work/r2rt.cfg -q -o ../new.h5"), new_run);
    static const char *const here[] = {
        "invproj: data/mnist: No such file or directory; name the folder", NULL};
    must_say(run_in("work", "train r2rt.cfg -q -o ../new.h5"), here);
    free(before);
    free(beside);
}
END_TEST

/* A relative folder is beside the experiment file, wherever the program runs. */
START_TEST(the_folder_is_beside_the_experiment)
{
    move("elsewhere/images", "work/data/mnist");
    program_must_work(run_in("empty", "train ../work/r2rt.cfg " SHORT_SETS " -q -o ../run.h5"));
    must_remember("work/data/mnist");
    must_find_them("elsewhere");
}
END_TEST

START_TEST(else_it_is_where_the_program_runs)
{
    make_folder("empty/data");
    move("elsewhere/images", "empty/data/mnist");
    program_must_work(run_in("empty", "train ../work/r2rt.cfg " SHORT_SETS " -q -o ../run.h5"));
    must_remember("empty/data/mnist");
    must_find_them("elsewhere");
}
END_TEST

/* What is typed is meant from where it is typed. */
START_TEST(a_folder_set_on_the_command_line_is_where_the_program_runs)
{
    static const char *const says[] = {
        "invproj: images: No such file or directory; name the folder of the data", NULL};
    move("other", "work/images");
    must_say(run_in("empty", "train ../work/r2rt.cfg " SHORT_SETS
                             " -q -o ../run.h5 --set data.folder=images"),
             says);
    program_must_work(run_in("elsewhere", "train ../work/r2rt.cfg " SHORT_SETS
                                          " -q -o ../run.h5 --set data.folder=images"));
    must_remember("elsewhere/images");
}
END_TEST

/* The sums guard what is remembered: other data in its place are passed over, and said. */
START_TEST(other_data_in_the_place_are_passed_over)
{
    program_must_work(run_in("work", TRAIN_IT " --data ../elsewhere/images"));
    move("elsewhere/images", "work/data/mnist");
    move("other", "elsewhere/images");
    must_find_them("empty");
    must_remember("work/data/mnist");
    move("work/data/mnist", "moved");
    move("elsewhere/images", "work/data/mnist");
    char *found = strdup(at("work/data/mnist: ../run.h5 was made from other data: SHA-256 of"));
    const char *says[] = {found, "; data/mnist: No such file", "--data DIR", NULL};
    must_say(run_in("empty", "project ../run.h5 -q"), says);
    free(found);
}
END_TEST

/* A new run knows of no sums: what is there is what is meant, be it broken. */
START_TEST(a_new_run_takes_the_first_that_is_there)
{
    move("other", "work/data/mnist");
    make_folder("empty/data");
    move("elsewhere/images", "empty/data/mnist");
    ck_assert_int_eq(truncate(at("work/data/mnist/train-labels-idx1-ubyte"), 40), 0);
    program *p = run_in("empty", "train ../work/r2rt.cfg " SHORT_SETS " -q -o ../run.h5");
    ck_assert_fails(p, 1, "../work/data/mnist/train-labels-idx1-ubyte");
    ck_assert_ptr_null(strstr(p->err, "--data"));
    program_free(p);
}
END_TEST

/* Runs from two copies of the data are the same but for where those are. */
START_TEST(where_they_are_changes_nothing)
{
    static const char *const but[] = {"@created", "/seconds", "_folder", NULL};
    make_folder("copy");
    make_folder("copy/images");
    support_write_dataset(at("copy/images"), TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 11);
    program_must_work(run_in("work", TRAIN_IT " --data ../elsewhere/images"));
    char *first = hdf5_text(at("run.h5"), but);
    program_must_work(run_in("empty", "train ../work/r2rt.cfg " SHORT_SETS
                                      " -q -o ../run.h5 --force --data ../copy/images"));
    must_remember("copy/images");
    char *second = hdf5_text(at("run.h5"), but);
    program_must_equal(first, second);
    free(first);
    free(second);
}
END_TEST

static double *gaussian_of(size_t dims[4])
{
    return hdf5_values(at("run.h5"), "/gaussian/input/all", dims);
}

/* The images set aside are those of the run's seed, whatever seed a command draws by. */
START_TEST(images_are_mixed_by_the_seed_of_the_run)
{
    size_t dims[4];
    program_must_work(run_in("work", TRAIN_IT " --data ../elsewhere/images --seed 5 "
                                              "--set data.shuffle=true"));
    short_copy(at("run.h5"), at("kept.h5"));
    program_must_work(run_in("empty", "generate ../run.h5 -q --threads 1 --preset recommended"));
    double *first = gaussian_of(dims);
    short_copy(at("kept.h5"), at("run.h5"));
    program_must_work(
        run_in("empty", "generate ../run.h5 -q --threads 1 --preset recommended --seed 9"));
    double *second = gaussian_of(dims);
    ck_assert_uint_ge(dims[0] * dims[1], HEIGHT * WIDTH);
    ck_assert_mem_eq(first, second, dims[0] * dims[1] * sizeof *first);
    free(first);
    free(second);
}
END_TEST

Suite *cli_place_suite(void)
{
    Suite *suite = suite_create("cli_place");
    TCase *tests = tcase_create("cli_place");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, where_they_were_is_remembered);
    tcase_add_test(tests, another_folder_given_once_is_remembered_from_then_on);
    tcase_add_test(tests, where_they_are_nowhere_each_place_is_named);
    tcase_add_test(tests, the_folder_is_beside_the_experiment);
    tcase_add_test(tests, else_it_is_where_the_program_runs);
    tcase_add_test(tests, a_folder_set_on_the_command_line_is_where_the_program_runs);
    tcase_add_test(tests, other_data_in_the_place_are_passed_over);
    tcase_add_test(tests, a_new_run_takes_the_first_that_is_there);
    tcase_add_test(tests, where_they_are_changes_nothing);
    tcase_add_test(tests, images_are_mixed_by_the_seed_of_the_run);
    suite_add_tcase(suite, tests);
    return suite;
}
