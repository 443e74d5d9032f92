/* Runs made before a default changed keep what they were made by.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <check.h>

#include "hdf5_text.h"
#include "invproj/run.h"
#include "program.h"
#include "suites.h"
#include "support.h"

static char *place;

/* As an experiment file of then has it: the optimiser's key says nothing of conventions. */
static const char experiment[] =
    "title = \"former\"; seed = 3; data = { folder = \"data\"; };\n"
    "network = { layers = (\n"
    "  { name = \"hidden\"; type = \"dense\"; units = 9; activation = \"tanh\"; },\n"
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"
    "training = { steps = %d; batch = 20; reduction = \"mean\"; optimiser = { %s }; };\n";

static const struct former_case {
    const char *optimiser, *key; /* whose default was false */
} former_cases[] = {
    {"type = \"rmsprop\"; rate = 0.01; epsilon = 0.01;", "epsilon_inside"},
    {"type = \"adagrad\"; rate = 0.1; epsilon = 0.01;", "epsilon_inside"},
    {"type = \"adamw\"; rate = 0.01; decay = 0.5;", "decay_all"},
};
#define FORMER_CASES ((int)(sizeof former_cases / sizeof *former_cases))

static void open_place(void)
{
    place = support_folder();
    ck_assert_int_eq(mkdir(support_at(place, "data"), 0755), 0);
    support_write_dataset(support_at(place, "data"), 200, 40, 6, 5, 4, 8);
}

static void close_place(void)
{
    support_remove(place);
}

static void write_experiment(const char *optimiser, int steps)
{
    char text[1024];
    const int length = snprintf(text, sizeof text, experiment, steps, optimiser);
    support_write(support_at(place, "former.cfg"), text, (size_t)length);
}

static void train(const char *run, const char *sets)
{
    char words[256];
    snprintf(words, sizeof words, "train %%s -o %%s -q --threads 1 %s", sets);
    program_must_work(
        program_run(NULL, words, support_at(place, "former.cfg"), support_at(place, run)));
}

/* Takes away what says by which conventions the run was made, and the key. */
static void make_old(const char *optimiser)
{
    char text[1024];
    inv_run *run = NULL;
    snprintf(text, sizeof text, experiment, 15, optimiser);
    ck_assert_status(inv_run_open(support_at(place, "old.h5"), &run), INV_OK);
    ck_assert(inv_run_has_attribute(run, "/", "conventions"));
    ck_assert_status(inv_run_unset(run, "/", "conventions"), INV_OK);
    ck_assert_status(inv_run_set_text(run, "/", "experiment", text), INV_OK);
    ck_assert_status(inv_run_save(run, support_at(place, "old.h5")), INV_OK);
    inv_run_free(run);
}

/* The largest difference between two runs' parameters. */
static double difference(const char *a, const char *b)
{
    static const char *const arrays[] = {"/network/hidden/kernel", "/network/hidden/bias",
                                         "/network/output/kernel", "/network/output/bias"};
    double most = 0.0;
    for (size_t k = 0; k < 4; k++) {
        size_t dims[4] = {1, 1, 1, 1};
        double *x = hdf5_values(support_at(place, a), arrays[k], dims);
        double *y = hdf5_values(support_at(place, b), arrays[k], dims);
        const size_t n = k % 2 ? dims[0] : dims[0] * dims[1];
        for (size_t i = 0; i < n; i++)
            most = fmax(most, fabs(x[i] - y[i]));
        free(x);
        free(y);
    }
    return most;
}

START_TEST(an_older_run_keeps_its_own)
{
    const struct former_case *k = &former_cases[_i];
    char former[128];
    snprintf(former, sizeof former, "--set training.optimiser.%s=false", k->key);
    write_experiment(k->optimiser, 40);
    train("now.h5", "");
    train("then.h5", former);
    ck_assert_double_gt(difference("now.h5", "then.h5"), 1e-4);
    write_experiment(k->optimiser, 15);
    train("old.h5", former);
    make_old(k->optimiser);
    write_experiment(k->optimiser, 40);
    train("old.h5", "--resume");
    ck_assert(difference("old.h5", "then.h5") == 0.0);
    program_must_work(program_run(NULL, "report %s -q --force -o %s", support_at(place, "old.h5"),
                                  support_at(place, "old.html")));
    write_experiment(k->optimiser, 15);
    train("new.h5", "");
    write_experiment(k->optimiser, 40);
    train("new.h5", "--resume");
    ck_assert(difference("new.h5", "now.h5") == 0.0);
}
END_TEST

/* An inverse whose settings say nothing of where epsilon, which is 0, is added. */
START_TEST(an_older_inverse_goes_on)
{
    static const char key[] = ",\"epsilon_inside\":true";
    char *settings = NULL;
    inv_run *run = NULL;
    write_experiment("type = \"adam\"; rate = 0.01;", 15);
    train("old.h5", "");
    program_must_work(program_run(NULL, "invert %s --at hidden --steps 7 -q --threads 1 %s",
                                  support_at(place, "old.h5"),
                                  "--set=inverse.optimiser={type=\"adagrad\";rate=0.01;}"));
    ck_assert_status(inv_run_open(support_at(place, "old.h5"), &run), INV_OK);
    ck_assert_status(inv_run_text(run, "/inverse/inverse", "settings", &settings), INV_OK);
    char *at = strstr(settings, key);
    ck_assert_ptr_nonnull(at);
    const size_t length = strlen(key);
    memmove(at, at + length, strlen(at + length) + 1);
    ck_assert_status(inv_run_set_text(run, "/inverse/inverse", "settings", settings), INV_OK);
    ck_assert_status(inv_run_unset(run, "/", "conventions"), INV_OK);
    ck_assert_status(inv_run_save(run, support_at(place, "old.h5")), INV_OK);
    inv_run_free(run);
    free(settings);
    program_must_work(program_run(
        NULL, "invert %s --at hidden --steps 12 -q --threads 1 --resume %s",
        support_at(place, "old.h5"), "--set=inverse.optimiser={type=\"adagrad\";rate=0.01;}"));
    ck_assert_double_eq(hdf5_number(support_at(place, "old.h5"), "/inverse/inverse", "step"), 12.0);
}
END_TEST

/* A run of when r2rt's kind of inverse was called "learned": it is what it was, by the same name, and goes
 * on. */
START_TEST(a_former_kind_is_read)
{
    char *kind = NULL, *settings = NULL, *at = NULL;
    inv_run *run = NULL;
    write_experiment("type = \"adam\"; rate = 0.01;", 15);
    train("old.h5", "");
    program_must_work(program_run(NULL, "invert %s --at hidden --steps 7 -q --threads 1",
                                  support_at(place, "old.h5")));
    ck_assert_status(inv_run_open(support_at(place, "old.h5"), &run), INV_OK);
    ck_assert_status(inv_run_text(run, "/inverse/inverse", "kind", &kind), INV_OK);
    ck_assert_str_eq(kind, "r2rt");
    ck_assert_status(inv_run_text(run, "/inverse/inverse", "settings", &settings), INV_OK);
    ck_assert_ptr_nonnull(at = strstr(settings, "\"r2rt\""));
    char *former = NULL;
    ck_assert_int_gt(asprintf(&former, "%.*s\"learned\"%s", (int)(at - settings), settings,
                              at + strlen("\"r2rt\"")),
                     0);
    ck_assert_status(inv_run_set_text(run, "/inverse/inverse", "settings", former), INV_OK);
    ck_assert_status(inv_run_set_text(run, "/inverse/inverse", "kind", "learned"), INV_OK);
    ck_assert_status(inv_run_save(run, support_at(place, "old.h5")), INV_OK);
    inv_run_free(run);
    program_must_work(program_run(NULL,
                                  "invert %s --kind learned --at hidden --steps 12 -q --threads 1 "
                                  "--resume",
                                  support_at(place, "old.h5")));
    ck_assert_double_eq(hdf5_number(support_at(place, "old.h5"), "/inverse/inverse", "step"), 12.0);
    program_must_work(
        program_run(NULL, "project %s --count 3 -q --threads 1", support_at(place, "old.h5")));
    free(kind), free(settings), free(former);
}
END_TEST

/* Another kind starts where the experiment's inverse does, with nothing else of it, under its own name. */
START_TEST(another_kind_stands_beside_it)
{
    inv_run *run = NULL;
    char *at = NULL, *kind = NULL;
    write_experiment("type = \"adam\"; rate = 0.01;", 15);
    train("new.h5", "--set=inverse={at=\"hidden\";confidence=0.0;steps=9;}");
    program_must_work(
        program_run(NULL, "invert %s --kind ridge -q --threads 1", support_at(place, "new.h5")));
    program_must_work(program_run(NULL,
                                  "invert %s --kind decoder --steps 8 --name other -q "
                                  "--set inverse.batch=30",
                                  support_at(place, "new.h5")));
    ck_assert_status(inv_run_open(support_at(place, "new.h5"), &run), INV_OK);
    ck_assert_status(inv_run_text(run, "/inverse/ridge", "at", &at), INV_OK);
    ck_assert_str_eq(at, "hidden");
    ck_assert_status(inv_run_text(run, "/inverse/other", "kind", &kind), INV_OK);
    ck_assert_str_eq(kind, "decoder");
    ck_assert(inv_run_has(run, "/inverse/ridge/pixels/kernel"));
    inv_run_free(run);
    free(at), free(kind);
    ck_assert_double_eq(hdf5_number(support_at(place, "new.h5"), "/inverse/other", "step"), 8.0);
    program *m = program_run(NULL, "measure %s --json", support_at(place, "new.h5"));
    ck_assert_program(m, 0);
    ck_assert_ptr_nonnull(strstr(m->out, "\"name\": \"ridge\""));
    ck_assert_ptr_nonnull(strstr(m->out, "\"kind\": \"decoder\""));
    ck_assert_ptr_nonnull(strstr(m->out, "\"psnr\": "));
    ck_assert_ptr_nonnull(strstr(m->out, "\"seconds\": "));
    program_free(m);
    ck_assert_double_gt(hdf5_number(support_at(place, "new.h5"), "/inverse/ridge", "psnr"), 1.0);
    train("judge.h5", "--seed 8");
    m = program_run(NULL, "measure %s --inverse ridge --judge %s", support_at(place, "new.h5"),
                    support_at(place, "judge.h5"));
    ck_assert_program(m, 0);
    ck_assert_ptr_nonnull(strstr(m->out, "recognised by the judge"));
    program_free(m);
    m = program_run(NULL, "measure %s --inverse ridge --judge %s --frechet hidden -q",
                    support_at(place, "new.h5"), support_at(place, "judge.h5"));
    ck_assert_program(m, 0);
    ck_assert_ptr_nonnull(strstr(m->out, "\nFrechet distance "));
    program_free(m);
    ck_assert_double_gt(hdf5_number(support_at(place, "new.h5"), "/inverse/ridge", "frechet"), 0.0);
    ck_assert_double_eq(
        hdf5_number(support_at(place, "new.h5"), "/inverse/ridge", "frechet_images"), 40.0);
    m = program_run(NULL, "measure %s --inverse ridge --frechet hidden",
                    support_at(place, "new.h5"));
    ck_assert_fails(m, 2, "--frechet hidden: is a point of the net that --judge names");
    program_free(m);
    program_must_work(program_run(NULL,
                                  "features %s --inverse ridge --at hidden --along covariance "
                                  "--name calm -q",
                                  support_at(place, "new.h5")));
    ck_assert_double_ge(hdf5_number(support_at(place, "new.h5"), "/features/calm", "in_top"), 0.0);
    size_t dims[4];
    double *of[3];
    static const char *const arrays[] = {"/features/calm/image", "/features/calm/low",
                                         "/features/calm/difference"};
    for (size_t k = 0; k < 3; k++)
        of[k] = hdf5_values(support_at(place, "new.h5"), arrays[k], dims);
    ck_assert_uint_eq(dims[0], 9);
    for (size_t i = 0; i < dims[0] * dims[1] * dims[2]; i++)
        ck_assert_double_eq_tol(of[0][i] - of[1][i], of[2][i], 1e-6);
    free(of[0]), free(of[1]), free(of[2]);
    m = program_run(NULL, "measure %s --inverse none", support_at(place, "new.h5"));
    ck_assert_program(m, 1);
    ck_assert_ptr_nonnull(strstr(m->err, "holds no inverse named 'none'"));
    program_free(m);
    program *p = program_run(NULL, "project %s --inverse ridge --count 3 -q --threads 1",
                             support_at(place, "new.h5"));
    ck_assert_program(p, 0);
    program_free(p);
}
END_TEST

/* A line each step, and a column each array; a column that a stage has not is empty. */
START_TEST(the_history_is_a_table)
{
    write_experiment("type = \"adam\"; rate = 0.01;", 12);
    train("table.h5", "--set data.validation=40 --set training.validate=5");
    program *p = program_run(NULL, "info %s --history", support_at(place, "table.h5"));
    ck_assert_program(p, 0);
    ck_assert_uint_eq(program_lines(p->out), 13);
    ck_assert_int_eq(strncmp(p->out,
                             "stage,step,loss,accuracy,kept,seconds,rate,validation_loss,"
                             "validation_accuracy\ntraining,1,",
                             strlen("stage,step,loss,accuracy,kept,seconds,rate,validation_loss,"
                                    "validation_accuracy\ntraining,1,")),
                     0);
    size_t dims[4], line = 0, validated = 0;
    double *loss = hdf5_values(support_at(place, "table.h5"), "/training/history/loss", dims);
    for (char *at = strchr(p->out, '\n') + 1; *at; at = strchr(at, '\n') + 1, line++) {
        char *end = NULL;
        ck_assert_int_eq(strncmp(at, "training,", strlen("training,")), 0);
        const double step = strtod(at + strlen("training,"), &end);
        ck_assert_int_eq(*end, ',');
        const double value = strtod(end + 1, &end);
        ck_assert_int_eq(*end, ',');
        ck_assert_double_eq(step, (double)line + 1.0);
        ck_assert_double_eq_tol(value, loss[line], 1e-6 * fabs(loss[line]));
        validated += strchr(at, '\n')[-1] != ',';
    }
    ck_assert_uint_eq(line, 12);
    ck_assert_uint_ge(validated, 2);
    free(loss);
    program_free(p);
}
END_TEST

Suite *former_suite(void)
{
    Suite *suite = suite_create("former");
    TCase *tests = tcase_create("former");
    tcase_add_checked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, an_older_run_keeps_its_own, 0, FORMER_CASES);
    tcase_add_test(tests, an_older_inverse_goes_on);
    tcase_add_test(tests, a_former_kind_is_read);
    tcase_add_test(tests, another_kind_stands_beside_it);
    tcase_add_test(tests, the_history_is_a_table);
    suite_add_tcase(suite, tests);
    return suite;
}
