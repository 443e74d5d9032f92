/* program.h - runs the program under test, and others, as a shell would but without one.
 *
 *     program *p = program_run(NULL, "run experiments/r2rt.cfg --data %s -o %s -q", data, folder);
 *     ck_assert_program(p, 0);
 *     ck_assert_str_eq(p->err, "");
 *     program_free(p);
 *
 * The program under test is $INVPROJ, or build/invproj. One that takes too long is killed, and the
 * test fails; one that outlives its test is killed too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_PROGRAM_H
#define INVPROJ_TESTS_PROGRAM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <check.h>

/* How it is run; all zero is the usual way. */
typedef struct program_how {
    const char *path;        /* another program, found as execvp does */
    const char *folder;      /* to run in */
    const char *environment; /* "NAME=VALUE", added */
    const char *out;         /* file that stdout goes to; p->out stays empty */
    bool unread;             /* stdout is a pipe whose reader has ended */
    size_t file_bytes;       /* no file may grow beyond; 0: as it is */
    bool unprivileged;       /* without root's powers, where the tests are run by root */
    bool terminal;           /* stderr is a terminal */
    bool controlling;        /* which closes when the program ends, and hangs up on it */
    unsigned short columns;  /* its width; 0: 80 */
    const char *type;        /* its TERM; NULL: xterm; "": none */
    double seconds;          /* 0: 30; multiplied by CK_TIMEOUT_MULTIPLIER */
} program_how;

typedef struct program {
    char command[4096]; /* for messages */
    int code;           /* of exit, or 128 + the signal that ended it; -1: still running */
    char *out, *err;    /* NUL-terminated */
    size_t peak;        /* bytes of memory it had at most */
    /* private */
    pid_t child;
    int files[2], master;
    double deadline;
} program;

/* `words` are the arguments, apart at blanks; "%s" in one becomes the next of the texts that
 * follow, blanks and all. */
program *program_run(const program_how *how, const char *words, ...)
    __attribute__((format(printf, 2, 3)));
/* One of such words, up to its blank; the caller frees. Without texts (NULL) it stays as it is. */
char *program_word(const char **at, va_list *texts);
/* The same for words without "%s". */
program *program_run_words(const program_how *how, const char *words);
/* The same in a folder. */
program *program_run_in(const char *folder, const char *words);
/* The same in two parts, to look or send signals in between. */
program *program_start(const program_how *how, const char *words, ...)
    __attribute__((format(printf, 2, 3)));
void program_wait(program *p);
/* Waits until what the program has written to stderr has `text` in it. */
void program_wait_for(program *p, const char *text);
/* What it has written to stderr so far; the caller frees. */
char *program_said(program *p);
/* Gives its terminal another width (0: one that it does not tell), or takes the terminal away, as a
 * closed window does. */
void program_resize(program *p, unsigned short columns);
void program_hang_up(program *p);
void program_free(program *p);

/* Its exit code, shown with its stderr where it is another. */
#define ck_assert_program(p, expected)                                                             \
    ck_assert_msg((p)->code == (expected), "%.300s: exit %d, not %d\n%.900s", (p)->command,        \
                  (p)->code, (expected), (p)->err)

/* Whether the program can be run without root's powers; says so where not. */
bool program_runs_unprivileged(const char *suite, const char *what);

/* That it exited with 0; frees it. */
void program_must_work(program *p);

/* That it failed as every failure must: exit `expected`, nothing on stdout, and on stderr the one
 * line "invproj: ..." with each of the texts in it (a list that ends with NULL). */
void program_must_fail(const program *p, int expected, const char *const *texts);
#define ck_assert_fails(p, expected, ...)                                                          \
    program_must_fail(p, expected, (const char *const[]){__VA_ARGS__, NULL})

/* Runs it in how->folder, which it must leave as it was, and fail so. */
void program_must_refuse(const program_how *how, const char *words, int expected,
                         const char *const *texts);

/* Lines of a text. */
size_t program_lines(const char *text);

/* One line each file and folder below `folder`, with size and checksum; the caller frees. Two that
 * are equal mean that nothing came, went or changed in between. */
char *program_snapshot(const char *folder);

/* That two texts of many lines are the same; tells the first line that is not. */
void program_must_equal(const char *a, const char *b);
/* That each line of `some` is in `all`; changes `some`. */
void program_must_hold(const char *all, char *some);

#endif
