/* The process that reads files of strangers, and what is said of how it ends.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hdf5.h>

#include "../src/cli/reader.h"
#include "program.h"
#include "suites.h"

static char *folder, *good, *program_path;

static void prepare(void)
{
    const char *given = getenv("INVPROJ");
    inv_run *run = NULL;
    folder = support_folder();
    good = strdup(support_at(folder, "good.h5"));
    program_path = realpath(given ? given : "build/invproj", NULL);
    ck_assert_ptr_nonnull(program_path);
    ck_assert_status(inv_run_create(&run), INV_OK);
    ck_assert_status(inv_run_put(run, "/a", INV_FLOAT32, 1, (size_t[]){3},
                                 (float[]){0.5f, -1.25f, 3.0f}, INV_RUN_PLAIN),
                     INV_OK);
    ck_assert_status(inv_run_set_text(run, "/g", "text", "t"), INV_OK);
    ck_assert_status(inv_run_save(run, good), INV_OK);
    inv_run_free(run);
}

static void tidy(void)
{
    free(program_path);
    free(good);
    support_remove(folder);
}

static cli_reader *open_reader(const char *path, double seconds)
{
    cli_reader *reader = NULL;
    const cli_reader_spec spec = {path, seconds};
    ck_assert_status(cli_reader_open(&spec, &reader), INV_OK);
    return reader;
}

/* The one child of this process; 0: there is none. */
static pid_t child_of(pid_t parent)
{
    char name[64], text[64] = "";
    snprintf(name, sizeof name, "/proc/%ld/task/%ld/children", (long)parent, (long)parent);
    FILE *file = fopen(name, "re");
    ck_assert_ptr_nonnull(file);
    const char *got = fgets(text, sizeof text, file);
    fclose(file);
    return got ? (pid_t)strtol(text, NULL, 10) : 0;
}

static void must_read(cli_reader *reader, const char *path, cli_reading how)
{
    inv_run *run = NULL;
    float values[3];
    ck_assert_status(cli_reader_run(reader, path, how, &run), INV_OK);
    ck_assert(inv_run_has_attribute(run, "/g", "text"));
    if (how != CLI_READ_ATTRIBUTES) {
        ck_assert_status(inv_run_get(run, "/a", INV_FLOAT32, 3, values), INV_OK);
        ck_assert(values[0] == 0.5f && values[1] == -1.25f && values[2] == 3.0f);
    }
    inv_run_free(run);
}

/* The same of attributes alone, as a tree. */
static void must_tell(cli_reader *reader, const char *path)
{
    inv_tree *tree = NULL;
    char *text = NULL;
    ck_assert_status(cli_reader_tree(reader, path, &tree), INV_OK);
    ck_assert_status(inv_tree_text(tree, "/g", "text", 0, &text), INV_OK);
    ck_assert_str_eq(text, "t");
    ck_assert(!inv_tree_has(tree, "/a"));
    free(text);
    inv_tree_free(tree);
}

static void must_tell_nothing(cli_reader *reader, const char *path, const char *why)
{
    inv_tree *tree = (inv_tree *)folder;
    ck_assert_status(cli_reader_tree(reader, path, &tree), INV_EFORMAT);
    ck_assert_ptr_null(tree);
    ck_assert_message_has(why);
}

static void must_refuse(cli_reader *reader, const char *path, inv_status expected, const char *why)
{
    inv_run *run = (inv_run *)folder;
    ck_assert_status(cli_reader_run(reader, path, CLI_READ, &run), expected);
    ck_assert_ptr_null(run);
    ck_assert_message_has(why);
}

static char *write_file(const char *name, const char *text)
{
    char *path = strdup(support_at(folder, name));
    support_write(path, text, strlen(text));
    return path;
}

/* ---- many files ---- */

/* One process for all of them, the wrong ones too; and no descriptor is kept. */
START_TEST(many_files_are_one_process)
{
    const struct rlimit few = {40, 40};
    char *other = write_file("other.h5", "something else"), *none = write_file("none", "");
    cli_reader *reader = open_reader(program_path, 0.0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    must_read(reader, good, CLI_READ);
    const pid_t first = child_of(getpid());
    ck_assert_int_gt(first, 0);
    for (int i = 0; i < 300; i++) {
        must_read(reader, good, i % 2 ? CLI_READ_TO_SAVE : CLI_READ_ATTRIBUTES);
        must_tell(reader, good);
        must_refuse(reader, other, INV_EFORMAT, "other.h5: not an invproj run file");
        must_refuse(reader, none, INV_EFORMAT, "not an invproj run file");
        must_refuse(reader, support_at(folder, "missing"), INV_EIO, "No such file");
        must_refuse(reader, folder, INV_EIO, "is a folder");
    }
    ck_assert_int_eq(child_of(getpid()), first);
    cli_reader_close(reader);
    ck_assert_int_eq(child_of(getpid()), 0);
    ck_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    free(other);
    free(none);
}
END_TEST

/* The same whether the next file was told or not, and rightly or not; what is wrong with it is told when its
 * turn comes. */
START_TEST(the_next_file_may_be_told)
{
    char *other = write_file("next.h5", "something else");
    const char *const told[] = {good, other, support_at(folder, "gone"), folder};
    cli_reader *reader = open_reader(program_path, 0.0);
    must_read(reader, good, CLI_READ);
    const pid_t first = child_of(getpid());
    for (size_t i = 0; i < 40; i++) {
        char *next = strdup(told[i % 4]);
        cli_reader_next(reader, next);
        must_read(reader, good, CLI_READ_ATTRIBUTES);
        if (i % 4 == 0)
            must_read(reader, good, CLI_READ_ATTRIBUTES);
        else if (i % 4 == 1)
            must_refuse(reader, other, INV_EFORMAT, "next.h5: not an invproj run file");
        else if (i % 4 == 2)
            must_refuse(reader, next, INV_EIO, "No such file");
        else
            must_refuse(reader, next, INV_EIO, "is a folder");
        free(next);
    }
    cli_reader_next(reader, other); /* and then another one is read, or in another way */
    must_read(reader, good, CLI_READ_ATTRIBUTES);
    must_read(reader, good, CLI_READ_ATTRIBUTES);
    cli_reader_next(reader, good);
    must_read(reader, good, CLI_READ_ATTRIBUTES);
    must_read(reader, good, CLI_READ);
    cli_reader_next(reader, good);
    must_tell(reader, good);
    must_tell(reader, good);
    ck_assert_int_gt(first, 0);
    cli_reader_close(reader);
    ck_assert_int_eq(child_of(getpid()), 0);
    free(other);
}
END_TEST

/* What was asked for ahead is asked for again. */
START_TEST(a_process_that_died_has_lost_what_it_was_asked_for)
{
    siginfo_t info;
    cli_reader *reader = open_reader(program_path, 0.0);
    cli_reader_next(reader, good);
    must_read(reader, good, CLI_READ);
    const pid_t first = child_of(getpid());
    ck_assert_int_eq(kill(first, SIGKILL), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT), 0);
    must_read(reader, good, CLI_READ);
    must_read(reader, good, CLI_READ);
    cli_reader_next(reader, good);
    must_tell(reader, good);
    const pid_t second = child_of(getpid());
    ck_assert_int_eq(kill(second, SIGKILL), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)second, &info, WEXITED | WNOWAIT), 0);
    must_tell(reader, good);
    cli_reader_close(reader);
}
END_TEST

/* What the root of a run file says of itself. */
static void set_format(const char *path, const char *format, uint64_t version)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate(H5S_SCALAR), text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, strlen(format));
    hid_t a = H5Acreate2(file, "format", text, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(a, text, format), 0);
    H5Aclose(a);
    a = H5Acreate2(file, "format_version", H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(a, H5T_NATIVE_UINT64, &version), 0);
    H5Aclose(a);
    H5Tclose(text);
    H5Sclose(space);
    H5Fclose(file);
}

/* HDF5 files that are no run files are said in full, and refused here. */
START_TEST(after_a_refusal_comes_the_next)
{
    char *plain = strdup(support_at(folder, "plain.h5"));
    H5Fclose(H5Fcreate(plain, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    cli_reader *reader = open_reader(program_path, 0.0);
    for (int i = 0; i < 20; i++) {
        must_refuse(reader, plain, INV_EFORMAT, "plain.h5: not an invproj run file");
        must_read(reader, good, CLI_READ);
        must_tell_nothing(reader, plain, "plain.h5: not an invproj run file");
        must_tell(reader, good);
    }
    set_format(plain, "another", 4);
    must_tell_nothing(reader, plain, "plain.h5: not an invproj run file");
    set_format(plain, INV_RUN_FORMAT, 99);
    must_tell_nothing(reader, plain, "plain.h5: ");
    cli_reader_close(reader);
    free(plain);
}
END_TEST

START_TEST(a_process_that_died_is_replaced)
{
    siginfo_t info;
    cli_reader *reader = open_reader(program_path, 0.0);
    must_read(reader, good, CLI_READ);
    const pid_t first = child_of(getpid());
    ck_assert_int_eq(kill(first, SIGKILL), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT), 0);
    must_read(reader, good, CLI_READ);
    ck_assert_int_ne(child_of(getpid()), first);
    cli_reader_close(reader);
}
END_TEST

/* ---- ends ---- */

/* In place of the program: says that it is ready, and then what happens. */
static char *write_script(const char *rest)
{
    char *path = strdup(support_at(folder, "script")), text[256];
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", rest);
    support_write(path, text, strlen(text));
    ck_assert_int_eq(chmod(path, 0755), 0);
    return path;
}

static const struct {
    const char *script, *told;
    inv_status status;
} ends[] = {
    {"printf R >&0; kill -SEGV $$", "damaged or made to do harm: reading it ended with Segm",
     INV_EFORMAT},
    {"printf R >&0; kill -ABRT $$", "damaged or made to do harm: reading it ended with Abort",
     INV_EFORMAT},
    {"printf R >&0; kill -XCPU $$", "made to do harm: reading it ended with no end in time",
     INV_EFORMAT},
    {"printf R >&0; exit 99", "damaged or made to do harm: reading it ended with exit code 99",
     INV_EFORMAT},
    {"printf RS >&0; kill -BUS $$", "reading it ended with Bus error", INV_EFORMAT},
    {"printf RZ >&0; exec sleep 100", "made to do harm: what was read of it makes no sense",
     INV_EFORMAT},
    {"printf R >&0; kill -KILL $$", "ended by someone (Killed); run again", INV_EIO},
    {"printf R >&0; exec sleep 100", "took longer than 0.5 s to read", INV_EIO},
    {"exec sleep 100", "took longer than 0.5 s to read", INV_EIO},
    {"exit 127", "cannot start the process that reads files: exit code 127", INV_EIO},
    {"kill -SEGV $$", "cannot start the process that reads files: Segm", INV_EIO},
};
enum { ENDS = sizeof ends / sizeof *ends };

START_TEST(ends_are_told)
{
    char *script = write_script(ends[_i].script);
    const bool late = strstr(ends[_i].told, "longer") != NULL;
    cli_reader *reader = open_reader(script, late ? 0.5 : 60.0);
    for (int i = 0; i < 2; i++) { /* the second starts anew */
        must_refuse(reader, good, ends[_i].status, ends[_i].told);
        ck_assert(late || ends[_i].status == INV_EIO || support_message_has(good));
        ck_assert_int_eq(child_of(getpid()), 0);
    }
    cli_reader_close(reader);
    free(script);
}
END_TEST

START_TEST(there_may_be_no_program)
{
    cli_reader *reader = open_reader(support_at(folder, "missing"), 0.0);
    must_refuse(reader, good, INV_EIO,
                "cannot start the process that reads files: No such file or directory");
    cli_reader_close(reader);
    cli_reader_close(NULL);
}
END_TEST

/* ---- alone ---- */

static bool is_there(pid_t process)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%ld/exe", (long)process);
    return access(name, F_OK) == 0;
}

/* One that waits for a request goes with the program that would make it. */
START_TEST(it_ends_with_the_program)
{
    int ends_of_pipe[2];
    pid_t reading = 0;
    ck_assert_int_eq(pipe(ends_of_pipe), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        must_read(open_reader(program_path, 0.0), good, CLI_READ);
        reading = child_of(getpid());
        (void)!write(ends_of_pipe[1], &reading, sizeof reading);
        pause();
    }
    ck_assert_int_eq(read(ends_of_pipe[0], &reading, sizeof reading), sizeof reading);
    ck_assert(is_there(reading));
    kill(parent, SIGKILL);
    ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
    for (int i = 0; i < 1000 && is_there(reading); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    ck_assert(!is_there(reading));
}
END_TEST

/* A line of /proc/PID/FILE begins so, and has this value behind. */
static void must_say(pid_t process, const char *file, const char *begin, const char *value)
{
    char name[64], text[256];
    snprintf(name, sizeof name, "/proc/%ld/%s", (long)process, file);
    FILE *from = fopen(name, "re");
    ck_assert_ptr_nonnull(from);
    while (fgets(text, sizeof text, from))
        if (strncmp(text, begin, strlen(begin)) == 0) {
            const char *got = text + strlen(begin) + strspn(text + strlen(begin), ": \t");
            ck_assert_msg(strncmp(got, value, strlen(value)) == 0, "%s: %s", name, text);
            fclose(from);
            return;
        }
    ck_abort_msg("%s says nothing of %s", name, begin);
}

START_TEST(it_has_no_rights)
{
    cli_reader *reader = open_reader(program_path, 0.0);
    const bool filtered = prctl(PR_GET_SECCOMP) >= 0;
    must_read(reader, good, CLI_READ);
    const pid_t reading = child_of(getpid());
    must_say(reading, "status", "Threads", "1");
    must_say(reading, "limits", "Max core file size", "0 ");
    must_say(reading, "limits", "Max open files", "4 ");
    must_say(reading, "limits", "Max file size", "0 ");
    must_say(reading, "status", "NoNewPrivs", filtered ? "1" : "");
    must_say(reading, "status", "Seccomp", filtered ? "2" : "");
    cli_reader_close(reader);
}
END_TEST

/* ---- the program ---- */

static void must_inform(const program_how *how, const char *words)
{
    program *p = program_run(how, words, program_path, good);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    ck_assert_ptr_nonnull(strstr(p->out, "experiment"));
    program_free(p);
}

START_TEST(it_works_with_signals_ignored)
{
    const program_how how = {.path = "env"};
    must_inform(&how, "--ignore-signal=CHLD %s info %s");
    must_inform(&how, "--ignore-signal --block-signal=CHLD,SEGV,XCPU %s info %s");
}
END_TEST

/* What is closed may be opened as something else. */
START_TEST(it_works_with_nothing_open)
{
    const program_how how = {.path = "sh"};
    char *script = write_script("exec \"$1\" info \"$2\" <&- 2>&-");
    program *p = program_run(&how, "%s %s %s", script, program_path, good);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "experiment"));
    program_free(p);
    free(script);
}
END_TEST

/* Descriptors of others do not reach it, nor do their settings stop it. */
START_TEST(it_works_in_any_environment)
{
    const program_how threads = {.environment = "OPENBLAS_NUM_THREADS=4"};
    const program_how nobody = {.folder = folder, .unprivileged = true};
    program_must_work(program_run(&threads, "info %s", good));
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod(good, 0644), 0);
    if (program_runs_unprivileged("reader", "another user"))
        program_must_work(program_run_words(&nobody, "info good.h5"));
}
END_TEST

START_TEST(its_word_is_not_for_users)
{
    program *p = program_run_words(NULL, "--reader");
    ck_assert_fails(p, 2, "--reader", "for invproj itself");
    program_free(p);
    p = program_run_words(NULL, "help");
    ck_assert_ptr_null(strstr(p->out, "--reader"));
    program_free(p);
}
END_TEST

Suite *reader_suite(void)
{
    Suite *suite = suite_create("reader");
    TCase *tests = tcase_create("reader");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, many_files_are_one_process);
    tcase_add_test(tests, after_a_refusal_comes_the_next);
    tcase_add_test(tests, the_next_file_may_be_told);
    tcase_add_test(tests, a_process_that_died_is_replaced);
    tcase_add_test(tests, a_process_that_died_has_lost_what_it_was_asked_for);
    tcase_add_loop_test(tests, ends_are_told, 0, ENDS);
    tcase_add_test(tests, there_may_be_no_program);
    tcase_add_test(tests, it_ends_with_the_program);
    tcase_add_test(tests, it_has_no_rights);
    tcase_add_test(tests, it_works_with_signals_ignored);
    tcase_add_test(tests, it_works_with_nothing_open);
    tcase_add_test(tests, it_works_in_any_environment);
    tcase_add_test(tests, its_word_is_not_for_users);
    suite_add_tcase(suite, tests);
    return suite;
}
