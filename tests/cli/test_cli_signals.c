/* Signals, pipes and closed files, as shells, terminals and nohup hand them to real processes.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define LEN(array) (sizeof(array) / sizeof *(array))

/* About a second of training; 5 steps an epoch. */
#define CONFIG                                                                                     \
    "data = { validation = 50; };\n"                                                               \
    "network = { layers = (\n"                                                                     \
    "  { name = \"hidden\"; type = \"dense\"; units = 19; activation = \"relu\"; },\n"             \
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"                 \
    "training = { epochs = 1000; batch = 70; reduction = \"mean\"; };\n"
#define TRAIN "train a.cfg --threads 1 --data data -o "

enum { MANY = 3000 }; /* images to predict: more text than a pipe holds */

static const char *const but_times[] = {"@created", "/seconds", "/environment", NULL};

static char *place, *invproj;

static program *run_here(const char *words)
{
    return program_run_in(place, words);
}

static void open_place(void)
{
    const char *given = getenv("INVPROJ");
    invproj = realpath(given ? given : "build/invproj", NULL);
    ck_assert_ptr_nonnull(invproj);
    place = support_folder();
    short_data(support_at(place, "data"));
    ck_assert_int_eq(mkdir(support_at(place, "many"), 0755), 0);
    support_write_dataset(support_at(place, "many"), CLASSES, MANY, HEIGHT, WIDTH, CLASSES, 11);
    support_write(support_at(place, "a.cfg"), CONFIG, strlen(CONFIG));
    program_must_work(run_here(TRAIN "whole.h5 -q"));
}

static void close_place(void)
{
    support_remove(place);
    free(invproj);
}

/* Goes on with a run that was stopped, to the end that it has when nothing stops it. */
static void must_resume(const char *name)
{
    const program_how how = {.folder = place};
    program_must_work(program_run(&how, TRAIN "%s -q --resume", name));
    char *text = hdf5_text(support_at(place, name), but_times);
    char *whole = hdf5_text(support_at(place, "whole.h5"), but_times);
    program_must_equal(whole, text);
    free(text);
    free(whole);
    ck_assert_int_eq(unlink(support_at(place, name)), 0);
}

/* A shell with "$0" the program and a script that runs it. */
static program *start_script(const char *script)
{
    const program_how shell = {.path = "sh", .folder = place};
    return program_start(&shell, "-c %s %s", script, invproj);
}

static program *run_script(const char *script)
{
    program *p = start_script(script);
    program_wait(p);
    return p;
}

/* ---- signals ---- */

static const int stopping[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};

START_TEST(a_signal_stops_after_a_checkpoint)
{
    const program_how how = {.folder = place};
    program *p = program_start(&how, TRAIN "%s", "stopped.h5");
    program_wait_for(p, "training: 5000 steps");
    kill(p->child, stopping[_i]);
    program_wait(p);
    ck_assert_program(p, 128 + stopping[_i]);
    ck_assert_ptr_nonnull(strstr(p->err, "training: stopped; stopped.h5 holds the work so far"));
    program_free(p);
    must_resume("stopped.h5");
}
END_TEST

START_TEST(a_terminal_that_closes_leaves_a_checkpoint)
{
    const program_how how = {.folder = place, .terminal = true, .controlling = true};
    program *p = program_start(&how, TRAIN "%s", "hung.h5");
    program_wait_for(p, "\r"); /* the bar */
    program_hang_up(p);
    program_wait(p);
    ck_assert_program(p, 129);
    program_free(p);
    ck_assert_double_gt(hdf5_number(support_at(place, "hung.h5"), "/training", "step"), 0);
    must_resume("hung.h5");
}
END_TEST

/* Whether one of the process's threads has still to take the signal. */
static bool is_pending(pid_t pid, int number)
{
    char path[64], line[128];
    unsigned long long mask = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *status = fopen(path, "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "ShdPnd:", 7) == 0)
            mask = strtoull(line + 7, NULL, 16);
    if (status)
        fclose(status);
    return mask >> (number - 1) & 1;
}

/* The second comes when the first has been taken: of two that wait, the kernel may give either first. */
static program *start_and_send(int first, int second)
{
    const program_how how = {.folder = place};
    program *p = program_start(&how, TRAIN "%s", "twice.h5");
    program_wait_for(p, "training: 5000 steps");
    kill(p->child, first);
    while (is_pending(p->child, first))
        ;
    kill(p->child, second);
    program_wait(p);
    return p;
}

START_TEST(a_second_interrupt_ends_at_once)
{
    program *p = start_and_send(SIGINT, SIGINT);
    ck_assert_program(p, 130);
    ck_assert_ptr_null(strstr(p->err, "stopped"));
    program_free(p);
    must_resume("twice.h5");
}
END_TEST

/* The kernel and the shell both tell of a terminal that closes, GNU parallel sends SIGTERM three times,
 * and Ctrl-C comes on top of what a batch system sends. */
START_TEST(other_signals_leave_time_for_the_checkpoint)
{
    static const int pairs[][2] = {{SIGINT, SIGHUP},
                                   {SIGTERM, SIGTERM},
                                   {SIGINT, SIGTERM},
                                   {SIGTERM, SIGINT},
                                   {SIGXCPU, SIGXCPU}};
    for (size_t i = 0; i < LEN(pairs); i++) {
        program *p = start_and_send(pairs[i][0], pairs[i][1]);
        ck_assert_program(p, 128 + pairs[i][0]);
        ck_assert_ptr_nonnull(strstr(p->err, "stopped; twice.h5 holds the work so far"));
        program_free(p);
        must_resume("twice.h5");
    }
}
END_TEST

START_TEST(a_stop_code_is_told_in_place_of_the_signal)
{
    const program_how how = {.folder = place};
    program *p = program_start(&how, TRAIN "%s --stop-code 85", "coded.h5");
    program_wait_for(p, "training: 5000 steps");
    kill(p->child, SIGTERM);
    program_wait(p);
    ck_assert_program(p, 85);
    program_free(p);
    must_resume("coded.h5");
}
END_TEST

START_TEST(what_is_ignored_at_start_stays_ignored)
{
    static const char *const scripts[] = {"trap '' HUP INT; exec \"$0\" " TRAIN
                                          "ignored.h5", /* as a script's "&" ignores SIGINT */
                                          "exec nohup \"$0\" " TRAIN "ignored.h5"};
    static const int ignored[] = {SIGINT, SIGHUP};
    program *p = start_script(scripts[_i]);
    program_wait_for(p, "training: 5000 steps");
    kill(p->child, ignored[_i]);
    program_wait(p);
    ck_assert_program(p, 0);
    program_free(p);
    must_resume("ignored.h5"); /* which is whole */
}
END_TEST

/* The number of a process that `of` started, or 0. */
static pid_t child_of(pid_t of)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)of, (int)of);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    const char *got = fgets(text, sizeof text, file);
    fclose(file);
    return got ? (pid_t)strtol(got, NULL, 10) : 0;
}

/* Ctrl-C reaches the process that reads a run file first, as well as the program, which is the one
 * to say what becomes of it. */
START_TEST(the_process_that_reads_a_file_leaves_signals_to_the_program)
{
    const program_how how = {.folder = place};
    int sent = 0;
    for (int i = 0; i < 60; i++) {
        program *p = program_start(&how, TRAIN "%s -q --resume", "whole.h5");
        pid_t reader = 0;
        for (int tries = 0; tries < 20000 && !reader; tries++)
            reader = child_of(p->child);
        sent += reader > 0 && kill(reader, stopping[i % 3]) == 0; /* those of a terminal */
        program_wait(p);
        ck_assert_program(p, 0);
        program_free(p);
    }
    if (sent == 0)
        printf("cli_signals: skipped: signals to the process that reads: it was never seen\n");
}
END_TEST

/* ---- pipes ---- */

static const char *const long_words[] = {"--version",
                                         "--help",
                                         "help experiment",
                                         "info whole.h5",
                                         "info whole.h5 --json",
                                         "predict whole.h5 many/t10k-images-idx3-ubyte",
                                         "predict whole.h5 many/t10k-images-idx3-ubyte --json"};

START_TEST(a_pipe_that_nobody_reads_is_no_error)
{
    const program_how how = {.folder = place, .unread = true};
    program *p = program_run_words(&how, long_words[_i]);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    program_free(p);
}
END_TEST

START_TEST(a_pipe_into_head_ends_quietly)
{
    program *p = run_script("{ \"$0\" predict whole.h5 many/t10k-images-idx3-ubyte; "
                            "echo \"exit $?\" >&2; } | head -1");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "exit 0\n");
    ck_assert_uint_eq(program_lines(p->out), 1);
    ck_assert_msg(strncmp(p->out, "image ", 6) == 0, "%s", p->out);
    program_free(p);
}
END_TEST

/* However much there is to say: what fails in the midst of it is as much an error as at the end. */
START_TEST(a_full_disk_is_an_error_all_the_same)
{
    const program_how how = {.folder = place, .out = "/dev/full"};
    program *p = program_run_words(&how, long_words[_i]);
    ck_assert_fails(p, 1, "standard output: No space left on device");
    program_free(p);
}
END_TEST

/* A run whose messages nobody reads any more goes on, and its file is whole. */
START_TEST(messages_that_nobody_reads_stop_nothing)
{
    program *p = run_script("{ \"$0\" " TRAIN "unread.h5; echo \"exit $?\" >&3; } 3>code 2>&1 | :");
    ck_assert_program(p, 0);
    program_free(p);
    size_t size = 0;
    char *code = (char *)support_read(support_at(place, "code"), &size);
    ck_assert_str_eq(code, "exit 0\n");
    free(code);
    must_resume("unread.h5"); /* which is whole */
}
END_TEST

/* ---- closed files ---- */

START_TEST(closed_files_are_not_taken_for_others)
{
    static const struct {
        const char *closed;
        int code;
        const char *err;
    } cases[] = {
        {"<&-", 0, ""},          {">&-", 1, "invproj: standard output: Bad file descriptor\n"},
        {"2>&-", 0, ""},         {"<&- 2>&-", 0, ""},
        {"<&- >&- 2>&-", 1, ""},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        char script[256];
        snprintf(script, sizeof script, "exec \"$0\" " TRAIN "closed.h5 %s", cases[i].closed);
        program *p = run_script(script);
        ck_assert_program(p, cases[i].code);
        if (cases[i].code)
            ck_assert_ptr_nonnull(strstr(p->err, cases[i].err));
        program_free(p);
        must_resume("closed.h5"); /* which is whole */
    }
}
END_TEST

Suite *cli_signals_suite(void)
{
    Suite *suite = suite_create("cli_signals");
    TCase *tests = tcase_create("signals");
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_loop_test(tests, a_signal_stops_after_a_checkpoint, 0, LEN(stopping));
    tcase_add_test(tests, a_terminal_that_closes_leaves_a_checkpoint);
    tcase_add_test(tests, a_second_interrupt_ends_at_once);
    tcase_add_test(tests, other_signals_leave_time_for_the_checkpoint);
    tcase_add_test(tests, a_stop_code_is_told_in_place_of_the_signal);
    tcase_add_loop_test(tests, what_is_ignored_at_start_stays_ignored, 0, 2);
    tcase_add_test(tests, the_process_that_reads_a_file_leaves_signals_to_the_program);
    tcase_add_loop_test(tests, a_pipe_that_nobody_reads_is_no_error, 0, LEN(long_words));
    tcase_add_test(tests, a_pipe_into_head_ends_quietly);
    tcase_add_loop_test(tests, a_full_disk_is_an_error_all_the_same, 0, LEN(long_words));
    tcase_add_test(tests, messages_that_nobody_reads_stop_nothing);
    tcase_add_test(tests, closed_files_are_not_taken_for_others);
    suite_add_tcase(suite, tests);
    return suite;
}
