/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "victim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "program.h"
#include "support.h"

#define SECONDS_MOST 60 /* of one run, many times what it takes */

/* ---- the server ---- */

static const char *or_else(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

/* libconfig 1.5 forgets an element when it refuses a text. */
static const char known_leaks[] = "leak:libconfig.so\n";

/* A name of the library for LD_PRELOAD, which is apart at blanks and colons: so its folder is an
 * open file here, and has a number in place of its name. */
static char *preload_name(const char *library)
{
    const char *slash = strrchr(library, '/');
    char *folder = slash ? strndup(library, (size_t)(slash + 1 - library)) : strdup("."),
         *name = NULL;
    const int fd = folder ? open(folder, O_PATH | O_DIRECTORY) : -1;
    free(folder);
    if (fd < 0 || faccessat(fd, slash ? slash + 1 : library, R_OK, 0) != 0 ||
        asprintf(&name, "/proc/self/fd/%d/%s", fd, slash ? slash + 1 : library) < 0)
        return NULL;
    return name;
}

_Noreturn static void become(int socket, const char *place)
{
    const char *path = or_else("INVPROJ", "build/invproj");
    const char *library = or_else("INVPROJ_TORTURE", "build/torture.so");
    char *sanitizer = NULL, *suppressions = NULL, *preload = preload_name(library);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!preload) {
        perror(library);
        _exit(126);
    }
    /* the sanitizer's library wants to be the first; here it is the second */
    if (asprintf(&sanitizer, "%s:verify_asan_link_order=0:max_allocation_size_mb=1024:symbolize=0",
                 or_else("ASAN_OPTIONS", "exitcode=99:allocator_may_return_null=1")) < 0 ||
        asprintf(&suppressions, "print_suppressions=0:suppressions='%s/known'", place) < 0)
        _exit(126);
    setenv("ASAN_OPTIONS", sanitizer, 1);
    support_write(support_at(place, "known"), known_leaks, strlen(known_leaks));
    setenv("LSAN_OPTIONS", suppressions, 1);
    setenv("LD_PRELOAD", preload, 1);
    setenv(TORTURE_SERVE, "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1); /* no threads before main: none outlives a fork */
    setenv("OMP_WAIT_POLICY", "passive", 0);
    support_usual_signals();
    dup2(socket, STDIN_FILENO);
    execlp(path, path, (char *)NULL);
    perror(path);
    _exit(127);
}

victim *victim_open(void)
{
    victim *v = calloc(1, sizeof *v);
    int pair[2];
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    v->place = support_folder();
    v->server = fork();
    ck_assert_int_ge(v->server, 0);
    if (v->server == 0)
        become(pair[1], v->place);
    close(pair[1]);
    v->socket = pair[0];
    return v;
}

void victim_close(victim *v)
{
    if (!v)
        return;
    close(v->socket);
    waitpid(v->server, NULL, 0);
    support_remove(v->place);
    free(v->out);
    free(v->err);
    free(v);
}

/* ---- a run ---- */

static void take(victim *v, void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = read(v->socket, (char *)data + done, size - done);
        ck_assert_msg(n > 0 || (n < 0 && errno == EINTR), "%.300s: the server is gone", v->command);
        done += n > 0 ? (size_t)n : 0;
    }
}

static void add(torture_request *r, size_t *used, const char *text, size_t length)
{
    ck_assert_uint_lt(*used + length + 1, sizeof r->text);
    memcpy(r->text + *used, text, length);
    *used += length;
    r->text[(*used)++] = 0;
}

static void start(victim *v, victim_fault fault, const char *words, va_list *texts)
{
    torture_request r = {
        .fault = fault.fault, .nth = fault.nth, .code = fault.code, .seconds = SECONDS_MOST};
    torture_started started;
    size_t used = 0, written = 0;
    const char *out = support_at(v->place, "out"), *err = support_at(v->place, "err");
    add(&r, &used, out, strlen(out));
    add(&r, &used, err, strlen(err));
    for (; *(words += strspn(words, " ")); r.words++) {
        char *word = program_word(&words, texts);
        add(&r, &used, word, strlen(word));
        written += (size_t)snprintf(v->command + written, sizeof v->command - written, "%s%s",
                                    r.words ? " " : "", word);
        free(word);
    }
    ck_assert_int_eq(send(v->socket, &r, sizeof r, MSG_NOSIGNAL), sizeof r);
    take(v, &started, sizeof started);
    v->pid = started.pid;
}

void victim_wait(victim *v)
{
    size_t size = 0;
    take(v, &v->ended, sizeof v->ended);
    const int state = v->ended.state;
    v->pid = 0;
    v->killed = WIFSIGNALED(state);
    v->code = v->killed ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
    free(v->out);
    free(v->err);
    v->out = (char *)support_read(support_at(v->place, "out"), &size);
    v->err = (char *)support_read(support_at(v->place, "err"), &size);
}

void victim_start(victim *v, victim_fault fault, const char *words, ...)
{
    va_list texts;
    va_start(texts, words);
    start(v, fault, words, &texts);
    va_end(texts);
}

void victim_hurt(victim *v, victim_fault fault, const char *words, ...)
{
    va_list texts;
    va_start(texts, words);
    start(v, fault, words, &texts);
    va_end(texts);
    victim_wait(v);
}

void victim_run(victim *v, const char *words, ...)
{
    va_list texts;
    va_start(texts, words);
    start(v, (victim_fault){TORTURE_NOTHING, 0, 0}, words, &texts);
    va_end(texts);
    victim_wait(v);
}
