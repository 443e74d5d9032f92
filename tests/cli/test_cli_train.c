/* Training as the program does it: epochs, schedules, stopping early, going on, and what it says.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "invproj/rng.h"
#include "invproj/run.h"
#include "program.h"
#include "suites.h"
#include "support.h"

/* It stops long before its epochs are over: the rate is far too high to get better and better. 300
 * images in batches of 70: 5 steps an epoch, the last on 20 images. */
#define EPOCH_STEPS 5
#define CONFIG(length, more)                                                                       \
    "title = \"stops\";\n"                                                                         \
    "data = { validation = 50; };\n"                                                               \
    "network = { layers = (\n"                                                                     \
    "  { name = \"hidden\"; type = \"dense\"; units = 19; activation = \"relu\"; },\n"             \
    "  { name = \"drop\"; type = \"dropout\"; rate = 0.25; },\n"                                   \
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"                 \
    "training = { " length " batch = 70; reduction = \"mean\"; weight_decay = 1e-4;\n"             \
    "  optimiser = { type = \"adam\"; rate = 0.4; };\n" more " };\n"
#define STOPS CONFIG("epochs = 400;", "stop = { patience = 4; };")

static const char *const but_times[] = {"@created", "/seconds", "/environment", NULL};

static char *place;

static program *run_here(const char *words)
{
    return program_run_in(place, words);
}

static void put(const char *name, const char *text)
{
    support_write(support_at(place, name), text, strlen(text));
}

static void open_place(void)
{
    place = support_folder();
    short_data(support_at(place, "data"));
    put("stops.cfg", STOPS);
    put("long.cfg", CONFIG("epochs = 6;", ""));
    put("counted.cfg", CONFIG("steps = 30;", ""));
    put("steps.cfg", CONFIG("steps = 30;", "validate = 7;"));
    put("cosine.cfg", CONFIG("epochs = 6;", "schedule = { type = \"cosine\"; };"));
    put("both.cfg", CONFIG("epochs = 6; steps = 9;", ""));
    program_must_work(run_here("train stops.cfg -q --threads 1 --data data -o stops.h5"));
}

static void close_place(void)
{
    support_remove(place);
}

static void assert_same_text(const char *a, const char *b)
{
    char *text_a = hdf5_text(support_at(place, a), but_times);
    char *text_b = hdf5_text(support_at(place, b), but_times);
    program_must_equal(text_a, text_b);
    free(text_a);
    free(text_b);
}

/* ---- what is kept of it ---- */

START_TEST(mistakes_and_rates_are_kept)
{
    const char *file = support_at(place, "kept.h5");
    size_t dims[4], n = 0;
    double total = 0.0, right = 0.0;
    program_must_work(run_here("train cosine.cfg -q --threads 1 --data data -o kept.h5"));
    double *confusion = hdf5_values(file, "/network/confusion", dims);
    ck_assert_uint_eq(dims[0], CLASSES);
    ck_assert_uint_eq(dims[1], CLASSES);
    for (size_t k = 0; k < CLASSES * CLASSES; k++) {
        total += confusion[k];
        right += k / CLASSES == k % CLASSES ? confusion[k] : 0.0;
    }
    ck_assert_double_eq(total, TEST);
    ck_assert_double_eq_tol(right / total, hdf5_number(file, "/network", "accuracy"), 1e-12);
    if (right < total) {
        double *label = hdf5_values(file, "/network/mistakes/label", dims);
        n = dims[0];
        free(label);
    }
    ck_assert_double_eq((double)n, total - right);
    free(confusion);
    double *rate = hdf5_values(file, "/training/history/rate", dims);
    ck_assert_uint_eq(dims[0], 6 * EPOCH_STEPS);
    ck_assert_double_eq_tol(rate[0], 0.4, 1e-6);
    ck_assert_double_lt(rate[dims[0] - 1], 0.02);
    free(rate);
}
END_TEST

/* The network's checksum is of what it is: results that are made from it stay true where an older file
 * gets its confusion. */
START_TEST(the_checksum_leaves_the_mistakes_out)
{
    inv_run *run = NULL;
    char *before = NULL, *after = NULL;
    const char *file = support_at(place, "sum.h5");
    program_must_work(run_here("train long.cfg -q --threads 1 --data data -o sum.h5"));
    ck_assert_status(inv_run_open(file, &run), INV_OK);
    ck_assert(inv_run_has(run, "/network/confusion"));
    ck_assert_status(inv_run_text(run, "/network", "sha256", &before), INV_OK);
    ck_assert_status(inv_run_remove(run, "/network/confusion"), INV_OK);
    ck_assert_status(inv_run_remove(run, "/network/mistakes"), INV_OK);
    ck_assert_status(inv_run_sign(run), INV_OK);
    ck_assert_status(inv_run_text(run, "/network", "sha256", &after), INV_OK);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    inv_run_free(run);
}
END_TEST

/* A run that an older program began has no rates: they are unknown up to there. */
START_TEST(an_older_history_goes_on)
{
    inv_run *run = NULL;
    const char *file = support_at(place, "older.h5");
    size_t dims[4];
    program_must_work(run_here("train counted.cfg -q --threads 1 --data data -o older.h5"));
    ck_assert_status(inv_run_open(file, &run), INV_OK);
    ck_assert_status(inv_run_remove(run, "/training/history/rate"), INV_OK);
    ck_assert_status(inv_run_save(run, file), INV_OK);
    inv_run_free(run);
    program_must_work(run_here("train counted.cfg -q --threads 1 --data data -o older.h5 --resume "
                               "--set training.steps=40"));
    double *rate = hdf5_values(file, "/training/history/rate", dims);
    ck_assert_uint_eq(dims[0], 40);
    for (size_t i = 0; i < 40; i++)
        ck_assert(i < 30 ? isnan(rate[i]) : fabs(rate[i] - 0.4) < 1e-6);
    free(rate);
}
END_TEST

/* A layer of that name keeps its arrays. */
START_TEST(a_layer_may_be_named_confusion)
{
    const char *file = support_at(place, "named.h5");
    size_t dims[4];
    program_must_work(run_here("train long.cfg -q --threads 1 --data data -o named.h5 "
                               "--set network.layers.0.name=\"confusion\""));
    free(hdf5_values(file, "/network/confusion/kernel", dims));
    ck_assert_uint_eq(dims[1], 19);
    program_must_work(run_here("info named.h5"));
}
END_TEST

/* ---- stopping ---- */

START_TEST(stops_early_and_says_so)
{
    const char *file = support_at(place, "stops.h5");
    size_t dims[4], measured = 0;
    const double step = hdf5_number(file, "/training", "step");
    const double best = hdf5_number(file, "/training", "best_step");
    double *at = hdf5_values(file, "/training/validation/step", dims);
    double *loss = hdf5_values(file, "/training/validation/loss", dims);
    ck_assert_double_lt(step, 400 * EPOCH_STEPS);
    ck_assert_double_eq(step, best + 4 * EPOCH_STEPS);
    ck_assert_double_eq(hdf5_number(file, "/training", "done"), 1);
    ck_assert_double_eq((double)dims[0], step / EPOCH_STEPS);
    for (size_t i = 0; i < dims[0]; i++) {
        ck_assert_double_eq(at[i], (double)(i + 1) * EPOCH_STEPS);
        if (at[i] != best)
            ck_assert_double_ge(loss[i], loss[(size_t)best / EPOCH_STEPS - 1]);
        measured++;
    }
    ck_assert_uint_gt(measured, 4);
    free(at);
    free(loss);
}
END_TEST

START_TEST(info_tells_what_stopped_it)
{
    char kept[64];
    const double best = hdf5_number(support_at(place, "stops.h5"), "/training", "best_step");
    program *p = run_here("info stops.h5");
    ck_assert_program(p, 0);
    snprintf(kept, sizeof kept, "the parameters after step %.0f", best);
    ck_assert_ptr_nonnull(strstr(p->out, kept));
    ck_assert_ptr_nonnull(strstr(p->out, "of 2000: the validation images' loss was best"));
    ck_assert_ptr_nonnull(strstr(p->out, "no better in 4 measurements since"));
    program_free(p);
    p = run_here("info stops.h5 --json");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "\"stopped\": \"after step"));
    ck_assert_ptr_nonnull(strstr(p->out, "\"best_step\""));
    ck_assert_ptr_nonnull(strstr(p->out, "\"validation\": {\n      \"loss\": ["));
    program_free(p);
}
END_TEST

START_TEST(resuming_what_has_stopped_changes_nothing)
{
    program_must_work(run_here("train stops.cfg -q --threads 1 --data data -o again.h5"));
    program_must_work(run_here("train stops.cfg -q --threads 1 --data data -o again.h5 --resume"));
    assert_same_text("stops.h5", "again.h5");
    /* and so would one with more epochs have stopped there */
    program_must_work(run_here("train stops.cfg -q --threads 1 --data data -o again.h5 --resume "
                               "--set training.epochs=500"));
    ck_assert_double_eq(hdf5_number(support_at(place, "again.h5"), "/training", "step"),
                        hdf5_number(support_at(place, "stops.h5"), "/training", "step"));
    ck_assert_int_eq(unlink(support_at(place, "again.h5")), 0);
}
END_TEST

/* Killed over and over, with a checkpoint every third step: the optimiser's state, the dropout's
 * keys, the best parameters and the patience are all in the file. */
START_TEST(killed_and_resumed_it_ends_in_the_same_bits)
{
    const program_how how = {.folder = place};
    int code = -1, resumed = 0;
    for (useconds_t i = 0; i < 200 && code != 0; i++) {
        const bool resume = i && access(support_at(place, "killed.h5"), F_OK) == 0;
        resumed += resume;
        program *p = program_start(&how,
                                   "train stops.cfg -q --threads 1 --data data -o killed.h5 "
                                   "--checkpoint 3 %s",
                                   resume ? "--resume" : "-q");
        usleep(15000 + 3000 * (i % 17) +
               60 * i * i); /* in the end longer than a busy machine takes */
        kill(p->child, SIGKILL);
        program_wait(p);
        code = p->code;
        ck_assert_msg(code == 0 || code == 128 + SIGKILL, "exit %d: %s", code, p->err);
        program_free(p);
    }
    ck_assert_int_eq(code, 0);
    ck_assert_int_gt(resumed, 0);
    assert_same_text("stops.h5", "killed.h5");
    ck_assert_int_eq(unlink(support_at(place, "killed.h5")), 0);
}
END_TEST

START_TEST(a_second_thread_changes_nothing)
{
    program_must_work(run_here("train stops.cfg -q --threads 2 --data data -o two.h5"));
    assert_same_text("stops.h5", "two.h5");
    ck_assert_int_eq(unlink(support_at(place, "two.h5")), 0);
}
END_TEST

/* ---- epochs and steps ---- */

START_TEST(epochs_are_said)
{
    program *p = run_here("train long.cfg --threads 1 --data data -o long.h5");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "training: 30 steps, 5 per epoch"));
    program_free(p);
    const program_how terminal = {.folder = place, .terminal = true};
    p = program_start(&terminal,
                      "train %s --threads 1 --data data -o bar.h5 "
                      "--set training.epochs=100000",
                      "long.cfg");
    program_wait_for(p, "epoch ");
    kill(p->child, SIGTERM);
    program_wait(p);
    ck_assert_program(p, 143);
    ck_assert_ptr_nonnull(strstr(p->err, "/100000, "));
    program_free(p);
    ck_assert_int_eq(unlink(support_at(place, "bar.h5")), 0);
    ck_assert_int_eq(unlink(support_at(place, "long.h5")), 0);
}
END_TEST

START_TEST(a_longer_run_is_as_one_that_was_long)
{
    program_must_work(run_here("train long.cfg -q --threads 1 --data data -o a.h5"));
    program_must_work(run_here("train long.cfg -q --threads 1 --data data -o a.h5 --resume "
                               "--set training.epochs=9"));
    program_must_work(run_here("train long.cfg -q --threads 1 --data data -o b.h5 "
                               "--set training.epochs=9"));
    ck_assert_double_eq(hdf5_number(support_at(place, "a.h5"), "/training", "step"), 45);
    assert_same_text("a.h5", "b.h5");
    ck_assert_int_eq(unlink(support_at(place, "a.h5")), 0);
    ck_assert_int_eq(unlink(support_at(place, "b.h5")), 0);
}
END_TEST

/* Makes the generator of a run file what 0.1.0 wrote: GSL's struct, words of 8 bytes. */
static void make_old(const char *path)
{
    static const char generator[] = "/training/state/generator";
    uint32_t words[INV_RNG_WORDS];
    unsigned char bytes[INV_RNG_GSL_BYTES] = {0};
    const size_t size = sizeof bytes;
    inv_run *run = NULL;
    ck_assert_status(inv_run_open(path, &run), INV_OK);
    ck_assert_status(inv_run_get(run, generator, INV_UINT32, INV_RNG_WORDS, words), INV_OK);
    for (size_t i = 0; i < size; i++)
        bytes[i] = i % 8 < 4 ? (unsigned char)(words[i / 8] >> (8 * (i % 8))) : 0;
    ck_assert_status(inv_run_put(run, generator, INV_UINT8, 1, &size, bytes, INV_RUN_PLAIN),
                     INV_OK);
    ck_assert_status(inv_run_save(run, path), INV_OK);
    inv_run_free(run);
}

START_TEST(a_generator_of_0_1_0_goes_on)
{
    program_must_work(run_here("train long.cfg -q --threads 1 --data data -o a.h5"));
    make_old(support_at(place, "a.h5"));
    program_must_work(run_here("train long.cfg -q --threads 1 --data data -o a.h5 --resume "
                               "--set training.epochs=9"));
    program_must_work(run_here("train long.cfg -q --threads 1 --data data -o b.h5 "
                               "--set training.epochs=9"));
    assert_same_text("a.h5", "b.h5");
    ck_assert_int_eq(unlink(support_at(place, "a.h5")), 0);
    ck_assert_int_eq(unlink(support_at(place, "b.h5")), 0);
}
END_TEST

START_TEST(validation_is_measured_every_so_often)
{
    size_t dims[4];
    program_must_work(run_here("train steps.cfg -q --threads 1 --data data -o v.h5"));
    double *step = hdf5_values(support_at(place, "v.h5"), "/training/validation/step", dims);
    ck_assert_uint_eq(dims[0], 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert_double_eq(step[i], 7.0 * (double)(i + 1));
    free(step);
    ck_assert_int_eq(unlink(support_at(place, "v.h5")), 0);
}
END_TEST

/* ---- what it refuses ---- */

static void must_fail(const char *words, const char *what, const char *why)
{
    program *p = run_here(words);
    ck_assert_fails(p, 2, what, why);
    program_free(p);
}

START_TEST(refuses_what_cannot_be)
{
    must_fail("train both.cfg -q --data data -o x.h5", "both.cfg:7: training.epochs",
              "training.steps is there too; give one of the two");
    /* with no epochs the steps count */
    program_must_work(run_here("train both.cfg -q --data data -o both.h5 --set training.epochs=0"));
    ck_assert_double_eq(hdf5_number(support_at(place, "both.h5"), "/training", "step"), 9.0);
    must_fail("train stops.cfg -q --data data -o x.h5 --set data.validation=0",
              "training.stop: there are no images to validate on", "data.validation");
    must_fail("train steps.cfg -q --data data -o x.h5 --set data.validation=0",
              "training.validate: there are no images to validate on", "data.validation");
    must_fail("train long.cfg -q --data data -o x.h5 --set training.schedule={type=\"stp\";}",
              "training.schedule.type", "did you mean 'step'?");
    must_fail("train long.cfg -q --data data -o x.h5 --set training.loss=l3", "training.loss",
              "there is no 'l3'; did you mean");
    ck_assert_int_ne(access(support_at(place, "x.h5"), F_OK), 0);
}
END_TEST

START_TEST(refuses_to_resume_what_would_be_another)
{
    program_must_work(run_here("train long.cfg -q --threads 1 --data data -o l.h5"));
    must_fail("train long.cfg -q --data data -o l.h5 --resume --set training.epochs=5",
              "a run can only be made longer", "training.epochs was 6, is now 5");
    must_fail("train counted.cfg -q --data data -o l.h5 --resume",
              "l.h5: --resume: the run was made with training.epochs", "keep that unit");
    must_fail("train steps.cfg -q --data data -o l.h5 --resume",
              "the run was made with another experiment",
              "training.validate was nothing, is now 7");
    program_must_work(run_here("train cosine.cfg -q --threads 1 --data data -o c.h5"));
    must_fail("train cosine.cfg -q --data data -o c.h5 --resume --set training.epochs=7",
              "training.epochs was 6, is now 7", "training.schedule");
    ck_assert_int_eq(unlink(support_at(place, "l.h5")), 0);
    ck_assert_int_eq(unlink(support_at(place, "c.h5")), 0);
}
END_TEST

Suite *cli_train_suite(void)
{
    Suite *suite = suite_create("cli_train");
    TCase *tests = tcase_create("cli_train");
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, mistakes_and_rates_are_kept);
    tcase_add_test(tests, the_checksum_leaves_the_mistakes_out);
    tcase_add_test(tests, an_older_history_goes_on);
    tcase_add_test(tests, a_layer_may_be_named_confusion);
    tcase_add_test(tests, stops_early_and_says_so);
    tcase_add_test(tests, info_tells_what_stopped_it);
    tcase_add_test(tests, resuming_what_has_stopped_changes_nothing);
    tcase_add_test(tests, killed_and_resumed_it_ends_in_the_same_bits);
    tcase_add_test(tests, a_second_thread_changes_nothing);
    tcase_add_test(tests, epochs_are_said);
    tcase_add_test(tests, a_longer_run_is_as_one_that_was_long);
    tcase_add_test(tests, a_generator_of_0_1_0_goes_on);
    tcase_add_test(tests, validation_is_measured_every_so_often);
    tcase_add_test(tests, refuses_what_cannot_be);
    tcase_add_test(tests, refuses_to_resume_what_would_be_another);
    suite_add_tcase(suite, tests);
    return suite;
}
