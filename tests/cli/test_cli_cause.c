/* Results and what they were made from: every way to change a cause, and what becomes of every
 * result.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "invproj/run.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define DATA " -q --threads 1 --data data"

static char *place;

static void must(const char *words)
{
    const program_how how = {.folder = place};
    program_must_work(program_run_words(&how, words));
}

static program *try(const char *words)
{
    const program_how how = {.folder = place};
    return program_run_words(&how, words);
}

/* A run with one of every result: those of the experiment, and others made later under names. */
static void open_place(void)
{
    char words[2048];
    place = support_folder();
    short_data(support_at(place, "data"));
    short_copy("experiments/r2rt.cfg", support_at(place, "r2rt.cfg"));
    snprintf(words, sizeof words, "run r2rt.cfg " SHORT_SETS " -q --data data -o run");
    must(words);
    must("invert run/run.h5 --name first --at hidden1.pre --set inverse.steps=40" DATA);
    must("project run/run.h5 --inverse first --name first --count 4" DATA);
    must("generate run/run.h5 --preset recommended --steps 20 --name pixels --count 2" DATA);
    must("features run/run.h5 --layer hidden1.pre --steps 5 --name units" DATA);
    must("exemplars run/run.h5 --name plain --classes 0,1 --set exemplars.beside=none" DATA);
    must("exemplars run/run.h5 --name beside --classes 0,1 --set exemplars.beside=pixels" DATA);
    must("exemplars run/run.h5 --name units --layer hidden1.pre --units 0-2 "
         "--set exemplars.beside=units" DATA);
}

static void close_place(void)
{
    support_remove(place);
}

/* Every result of the run, in one order: the letters of a case's `expected` stand for them. */
static const char *const results[] = {
    "/inverse/r2rt",    "/inverse/first",    "/projections/r2rt", "/projections/first",
    "/generated/r2rt",  "/generated/pixels", "/features/r2rt",    "/features/units",
    "/exemplars/plain", "/exemplars/beside", "/exemplars/units",  "/gaussian/input",
};

#define RESULTS (sizeof results / sizeof *results)

/* What becomes of each: '.' as it was, 's' kept and marked stale, '-' gone. */
static void find_states(const char *path, char states[RESULTS + 1])
{
    inv_run *run = NULL;
    ck_assert_status(inv_run_open(path, &run), INV_OK);
    for (size_t i = 0; i < RESULTS; i++)
        states[i] = !inv_run_has(run, results[i])                     ? '-'
                    : inv_run_has_attribute(run, results[i], "stale") ? 's'
                                                                      : '.';
    states[RESULTS] = 0;
    inv_run_free(run);
}

static const struct {
    const char *change, *expected;
} cases[] = {
    /* nothing changes: the same again */
    {"project run/run.h5" DATA, "............"},
    /* a longer training by `run`: what it makes again is of the new net, all else is kept */
    {"run r2rt.cfg " SHORT_SETS " --set training.steps=320 --resume -q --data data -o run",
     ".s.s.s.sssss"},
    /* the same by `train`, which makes none of it again */
    {"train r2rt.cfg " SHORT_SETS " --set training.steps=320 --resume -q --data data -o run/run.h5",
     "ssssssssssss"},
    /* a longer inverse, and another one of the same name */
    {"invert run/run.h5 --resume --set inverse.steps=75" DATA, "..s.s.s....."},
    {"invert run/run.h5 --force --set inverse.steps=50" DATA, "..s.s.s....."},
    {"invert run/run.h5 --force --seed 9" DATA, "..s.s.s....."},
    {"invert run/run.h5 --force --name first --at hidden1.pre --set inverse.steps=41" DATA,
     "...s........"},
    /* what stood beside exemplars is made again, and is other images */
    {"generate run/run.h5 --preset recommended --steps 21 --name pixels --count 2" DATA,
     ".........s.."},
    {"features run/run.h5 --layer hidden1.pre --steps 6 --name units" DATA, "..........s."},
    /* new results change no other */
    {"generate run/run.h5 --at input --classes 1 --steps 3 --name more" DATA, "............"},
    {"invert run/run.h5 --name second --set inverse.steps=5" DATA, "............"},
    {"exemplars run/run.h5 --name plain --classes 2" DATA, "............"},
};

START_TEST(a_change_marks_what_was_made_from_it)
{
    char states[RESULTS + 1];
    const char *copy = support_at(place, "copy.h5"), *run = support_at(place, "run/run.h5");
    short_copy(run, copy);
    must(cases[_i].change);
    find_states(run, states);
    ck_assert_msg(strcmp(states, cases[_i].expected) == 0, "%s: %s, not %s", cases[_i].change,
                  states, cases[_i].expected);
    short_copy(copy, run);
}
END_TEST

START_TEST(a_result_made_again_is_current)
{
    char states[RESULTS + 1];
    const char *copy = support_at(place, "copy.h5"), *run = support_at(place, "run/run.h5");
    short_copy(run, copy);
    must("invert run/run.h5 --force --set inverse.steps=50" DATA);
    must("project run/run.h5" DATA);
    find_states(run, states);
    ck_assert_str_eq(states, "....s.s.....");
    must("invert run/run.h5 --force" DATA); /* the settings, and so the bits, that it had */
    find_states(run, states);
    ck_assert_str_eq(states, "..s.........");
    short_copy(copy, run);
}
END_TEST

/* A longer run, gone on with, is the same as one of that length from the start. */
START_TEST(a_lengthened_run_is_that_of_its_length)
{
    static const char *const but[] = {"@created", "/seconds", "/environment", NULL};
    must("run r2rt.cfg " SHORT_SETS " -q --data data -o short");
    must("run r2rt.cfg " SHORT_SETS " --set training.steps=320 --resume -q --data data -o short");
    must("run r2rt.cfg " SHORT_SETS " --set training.steps=320 -q --data data -o long");
    char *a = hdf5_text(support_at(place, "short/run.h5"), but);
    char *b = hdf5_text(support_at(place, "long/run.h5"), but);
    program_must_equal(a, b);
    free(a), free(b);
}
END_TEST

START_TEST(what_is_stale_is_said_and_not_used)
{
    const char *copy = support_at(place, "copy.h5"), *run = support_at(place, "run/run.h5");
    short_copy(run, copy);
    must("train r2rt.cfg " SHORT_SETS
         " --set training.steps=320 --resume -q --data data -o run/run.h5");
    program *p = try("info run/run.h5");
    ck_assert_program(p, 0);
    ck_assert_msg(strstr(p->out, "STALE: made from another network") != NULL, "%s", p->out);
    program_free(p);
    p = try("project run/run.h5" DATA);
    ck_assert_int_eq(p->code, 1);
    ck_assert_msg(strstr(p->err, "learn it again") != NULL, "%s", p->err);
    program_free(p);
    p = try("invert run/run.h5 --resume" DATA);
    ck_assert_int_eq(p->code, 1);
    ck_assert_msg(strstr(p->err, "--force learns it again") != NULL, "%s", p->err);
    program_free(p);
    short_copy(copy, run);
}
END_TEST

/* Settings that would be recorded nowhere, and options that say two things. */
static const struct {
    const char *words, *says;
} refused[] = {
    {"invert run/run.h5 --force --set data.scale=1" DATA, "--set data.scale=1"},
    {"invert run/run.h5 --force --set network.layers.0.units=5" DATA, "--set network.layers"},
    {"generate run/run.h5 --set seed=9" DATA, "--set seed=9"},
    {"features run/run.h5 --set generate.steps=9" DATA, "settings of features"},
    {"invert run/run.h5 --resume --force" DATA, "give one of the two"},
    {"run r2rt.cfg --resume --force -o run" DATA, "give one of the two"},
    {"invert run/run.h5 --resume --seed 77" DATA, "was begun with seed"},
};

START_TEST(what_would_be_recorded_nowhere_is_refused)
{
    program *p = try(refused[_i].words);
    ck_assert_int_eq(p->code, 2);
    ck_assert_msg(strstr(p->err, refused[_i].says) != NULL, "%s: %s", refused[_i].words, p->err);
    program_free(p);
}
END_TEST

/* Keys that decide no result may change when a run goes on; those that do may not. */
START_TEST(resume_refuses_what_decides_a_result)
{
    const char *copy = support_at(place, "copy.h5"), *run = support_at(place, "run/run.h5");
    short_copy(run, copy);
    must("run r2rt.cfg " SHORT_SETS " --set title=other --set project.sheet.zoom=2 "
         "--set generate.steps=61 --set reference.source=me --resume -q --data data -o run");
    program *p =
        try("run r2rt.cfg " SHORT_SETS " --set inverse.squash=0.9 --resume -q --data data -o run");
    ck_assert_int_eq(p->code, 2);
    ck_assert_msg(strstr(p->err, "inverse.squash") != NULL, "%s", p->err);
    program_free(p);
    short_copy(copy, run);
}
END_TEST

/* However many results there are, and however long: none is left out, none stays unmarked. */
START_TEST(no_number_of_results_is_too_many)
{
    enum { MANY = 300, LONG = 1500 };
    const char *copy = support_at(place, "copy.h5"), *run = support_at(place, "run/run.h5");
    const size_t length = LONG;
    static float confidence[LONG];
    char path[64];
    size_t stale = 0, listed = 0, values = 0;
    inv_run *file = NULL;
    short_copy(run, copy);
    ck_assert_status(inv_run_open(run, &file), INV_OK);
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "/generated/many%03d", i);
        ck_assert_status(inv_run_set_text(file, path, "settings", "{}"), INV_OK);
        ck_assert_status(inv_run_set_text(file, path, "network_sha256", "of none"), INV_OK);
    }
    for (size_t i = 0; i < LONG; i++)
        confidence[i] = 0.25f;
    ck_assert_status(inv_run_put(file, "/generated/many299/confidence", INV_FLOAT32, 1, &length,
                                 confidence, INV_RUN_PLAIN),
                     INV_OK);
    ck_assert_status(inv_run_save(file, run), INV_OK);
    inv_run_free(file);
    must("project run/run.h5" DATA);
    ck_assert_status(inv_run_open(run, &file), INV_OK);
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "/generated/many%03d", i);
        stale += inv_run_has_attribute(file, path, "stale");
    }
    inv_run_free(file);
    ck_assert_uint_eq(stale, MANY);
    program *p = try("info run/run.h5 --json");
    ck_assert_program(p, 0);
    for (const char *at = p->out; (at = strstr(at, "\"many")) != NULL; at++)
        listed++;
    for (const char *at = strstr(p->out, "\"many299\""); at && (at = strstr(at, "0.25")); at++)
        values++;
    ck_assert_uint_ge(listed, MANY);
    ck_assert_uint_eq(values, LONG);
    program_free(p);
    short_copy(copy, run);
}
END_TEST

/* Each start that runs on something else is recorded beside those before it, and said. */
START_TEST(starts_on_other_kernels_are_kept_apart)
{
    const char *copy = support_at(place, "copy.h5"), *run = support_at(place, "run/run.h5");
    const program_how plain = {.folder = place, .environment = "INVPROJ_KERNELS=plain"};
    inv_run *file = NULL;
    char *first = NULL, *second = NULL;
    short_copy(run, copy);
    program *p = program_run_words(&plain, "invert run/run.h5 --threads 1 --data data --name plain "
                                           "--set inverse.steps=5");
    ck_assert_program(p, 0);
    ck_assert_status(inv_run_open(run, &file), INV_OK);
    ck_assert_status(inv_run_text(file, "/environment", "kernels", &first), INV_OK);
    if (strcmp(first, "plain") != 0) {
        ck_assert_msg(strstr(p->err, "is now plain") != NULL, "%s", p->err);
        ck_assert_status(inv_run_text(file, "/environment/2", "kernels", &second), INV_OK);
        ck_assert_str_eq(second, "plain");
        ck_assert(!inv_run_has(file, "/environment/3"));
    }
    program_free(p);
    inv_run_free(file);
    free(first), free(second);
    short_copy(copy, run);
}
END_TEST

Suite *cli_cause_suite(void)
{
    Suite *suite = suite_create("cli_cause");
    TCase *tests = tcase_create("causes");
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_change_marks_what_was_made_from_it, 0,
                        (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tests, a_result_made_again_is_current);
    tcase_add_test(tests, a_lengthened_run_is_that_of_its_length);
    tcase_add_test(tests, what_is_stale_is_said_and_not_used);
    tcase_add_loop_test(tests, what_would_be_recorded_nowhere_is_refused, 0,
                        (int)(sizeof refused / sizeof *refused));
    tcase_add_test(tests, resume_refuses_what_decides_a_result);
    tcase_add_test(tests, no_number_of_results_is_too_many);
    tcase_add_test(tests, starts_on_other_kernels_are_kept_apart);
    suite_add_tcase(suite, tests);
    return suite;
}
