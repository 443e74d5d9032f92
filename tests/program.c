/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zlib.h>

#include "support.h"

#define WORDS_MAX     256
#define SECONDS_MAX   30.0
#define POLL_SECONDS  0.002
#define NOT_TO_BE_RUN 127

/* ---- words ---- */

char *program_word(const char **at, va_list *texts)
{
    char *word = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&word, &size);
    ck_assert_ptr_nonnull(to);
    for (; **at && **at != ' '; ++*at) {
        if (texts && **at == '%') {
            ck_assert_int_eq((*at)[1], 's');
            fputs(va_arg(*texts, const char *), to);
            ++*at;
        } else {
            fputc(**at, to);
        }
    }
    ck_assert_int_eq(fclose(to), 0);
    return word;
}

static void split_words(const char *words, va_list *texts, char *argv[WORDS_MAX])
{
    size_t count = 1;
    while (*(words += strspn(words, " "))) {
        ck_assert_uint_lt(count, WORDS_MAX - 1);
        argv[count++] = program_word(&words, texts);
    }
    argv[count] = NULL;
}

static void free_words(char *argv[WORDS_MAX])
{
    for (size_t i = 0; argv[i]; i++)
        free(argv[i]);
}

static void join_words(char *const argv[WORDS_MAX], char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; argv[i] && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " " : "", argv[i]);
}

/* ---- the child ---- */

static void set_width(int terminal, unsigned short columns)
{
    const struct winsize size = {.ws_row = 24, .ws_col = columns};
    ck_assert_msg(ioctl(terminal, TIOCSWINSZ, &size) == 0, "terminal: %s", strerror(errno));
}

static int open_terminal(int *master, unsigned short columns)
{
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    ck_assert_msg(*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0, "terminal: %s",
                  strerror(errno));
    int slave = open(ptsname(*master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_msg(slave >= 0, "terminal: %s", strerror(errno));
    set_width(slave, columns ? columns : 80);
    return slave;
}

/* Root stays who it is but may do no more than any owner of its files, wherever they are. */
static bool give_up_powers(void)
{
    for (int power = 0; prctl(PR_CAPBSET_READ, power, 0, 0, 0) >= 0; power++)
        if (prctl(PR_CAPBSET_DROP, power, 0, 0, 0) != 0)
            return false;
    return true;
}

static bool take_terminal(const program_how *how, int terminal)
{
    if (how->type && !*how->type)
        unsetenv("TERM");
    else
        setenv("TERM", how->type ? how->type : "xterm", 1);
    return !how->controlling || (setsid() >= 0 && ioctl(terminal, TIOCSCTTY, 0) == 0);
}

/* In the child, where nothing but a message and an exit code can tell of a failure. */
_Noreturn static void become(const program_how *how, int out, int err, char **argv)
{
    const int in = open("/dev/null", O_RDONLY);
    const struct rlimit limit = {how->file_bytes, how->file_bytes};
    const struct rlimit no_core = {0, 0};
    const bool drop = how->unprivileged && geteuid() == 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* threads that wait by spinning take ten times as long where others use the processors too */
    setenv("OMP_WAIT_POLICY", "passive", 0);
    dup2(in, STDIN_FILENO);
    dup2(err, STDERR_FILENO);
    dup2(out, STDOUT_FILENO);
    support_usual_signals();
    setrlimit(RLIMIT_CORE, &no_core);
    if ((how->terminal && !take_terminal(how, err)) ||
        (how->file_bytes && setrlimit(RLIMIT_FSIZE, &limit) != 0) ||
        (how->folder && chdir(how->folder) != 0) ||
        (how->environment && putenv((char *)(uintptr_t)how->environment) != 0) ||
        (drop && !give_up_powers()))
        perror("program.c");
    else
        execvp(argv[0], argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(NOT_TO_BE_RUN);
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double patience(double seconds)
{
    const char *factor = getenv("CK_TIMEOUT_MULTIPLIER");
    return (seconds > 0.0 ? seconds : SECONDS_MAX) * (factor ? strtod(factor, NULL) : 1.0);
}

/* An absolute path, because the program may be run in another folder. */
static char *find_program(const program_how *how)
{
    const char *given = getenv("INVPROJ");
    if (how->path)
        return strdup(how->path);
    char *path = realpath(given ? given : "build/invproj", NULL);
    ck_assert_msg(path != NULL, "INVPROJ: %s: %s", given ? given : "build/invproj",
                  strerror(errno));
    return path;
}

static int unread_pipe(void)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    return ends[1];
}

static program *start(const program_how *how, char **argv)
{
    static const program_how usual;
    program *p = calloc(1, sizeof *p);
    ck_assert_ptr_nonnull(p);
    how = how ? how : &usual;
    argv[0] = find_program(how);
    join_words(argv, p->command, sizeof p->command);
    p->code = p->master = -1;
    p->deadline = now_seconds() + patience(how->seconds);
    for (int i = 0; i < 2; i++) {
        p->files[i] = memfd_create(i ? "stderr" : "stdout", MFD_CLOEXEC);
        ck_assert_int_ge(p->files[i], 0);
    }
    int out = how->unread ? unread_pipe()
              : how->out  ? open(how->out, O_WRONLY | O_CLOEXEC)
                          : p->files[0];
    int err = how->terminal ? open_terminal(&p->master, how->columns) : p->files[1];
    ck_assert_msg(out >= 0, "%s: %s", how->out, strerror(errno));
    fflush(NULL);
    p->child = fork();
    ck_assert_int_ge(p->child, 0);
    if (p->child == 0)
        become(how, out, err, argv);
    if (out != p->files[0])
        close(out);
    if (how->terminal)
        close(err);
    return p;
}

program *program_start(const program_how *how, const char *words, ...)
{
    char *argv[WORDS_MAX];
    va_list texts;
    va_start(texts, words);
    split_words(words, &texts, argv);
    va_end(texts);
    program *p = start(how, argv);
    free_words(argv);
    return p;
}

program *program_run(const program_how *how, const char *words, ...)
{
    char *argv[WORDS_MAX];
    va_list texts;
    va_start(texts, words);
    split_words(words, &texts, argv);
    va_end(texts);
    program *p = start(how, argv);
    free_words(argv);
    program_wait(p);
    return p;
}

program *program_run_words(const program_how *how, const char *words)
{
    char *argv[WORDS_MAX];
    split_words(words, NULL, argv);
    program *p = start(how, argv);
    free_words(argv);
    program_wait(p);
    return p;
}

program *program_run_in(const char *folder, const char *words)
{
    const program_how how = {.folder = folder};
    return program_run_words(&how, words);
}

/* ---- waiting ---- */

/* What a terminal has been told goes where a file would have got it. */
static void drain_terminal(program *p)
{
    char bytes[1024];
    ssize_t got;
    while (p->master >= 0 && (got = read(p->master, bytes, sizeof bytes)) > 0)
        ck_assert_int_eq(write(p->files[1], bytes, (size_t)got), got);
}

/* What was written to the file so far. */
static char *contents(int file)
{
    struct stat info;
    ck_assert_int_eq(fstat(file, &info), 0);
    char *text = calloc((size_t)info.st_size + 1, 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(pread(file, text, (size_t)info.st_size, 0), info.st_size);
    return text;
}

static void rest_or_kill(program *p)
{
    const struct timespec pause = {0, (long)(1e9 * POLL_SECONDS)};
    if (now_seconds() > p->deadline) {
        char *err = contents(p->files[1]);
        kill(p->child, SIGKILL);
        ck_abort_msg("%.300s: takes too long\n%.900s", p->command, err);
    }
    nanosleep(&pause, NULL);
}

static bool has_ended(program *p)
{
    int state = 0;
    struct rusage usage;
    drain_terminal(p);
    if (p->code >= 0)
        return true;
    const pid_t ended = wait4(p->child, &state, WNOHANG, &usage);
    ck_assert_int_ge(ended, 0);
    if (ended == 0)
        return false;
    p->code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    p->peak = (size_t)usage.ru_maxrss * 1024;
    drain_terminal(p);
    return true;
}

void program_wait(program *p)
{
    while (!has_ended(p))
        rest_or_kill(p);
    free(p->out);
    free(p->err);
    p->out = contents(p->files[0]);
    p->err = contents(p->files[1]);
}

void program_wait_for(program *p, const char *text)
{
    for (bool ended = false;; rest_or_kill(p)) {
        char *err = contents(p->files[1]);
        const bool found = strstr(err, text) != NULL;
        ck_assert_msg(found || !ended, "%.300s: ended without saying \"%s\"\n%.900s", p->command,
                      text, err);
        free(err);
        if (found)
            return;
        ended = has_ended(p);
    }
}

char *program_said(program *p)
{
    drain_terminal(p);
    return contents(p->files[1]);
}

void program_resize(program *p, unsigned short columns)
{
    set_width(p->master, columns);
}

void program_hang_up(program *p)
{
    drain_terminal(p);
    close(p->master);
    p->master = -1;
}

void program_free(program *p)
{
    if (!p)
        return;
    if (p->code < 0) {
        kill(p->child, SIGKILL);
        waitpid(p->child, NULL, 0);
    }
    for (int i = 0; i < 2; i++)
        close(p->files[i]);
    if (p->master >= 0)
        close(p->master);
    free(p->out);
    free(p->err);
    free(p);
}

/* ---- looking ---- */

size_t program_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

void program_must_work(program *p)
{
    ck_assert_program(p, 0);
    program_free(p);
}

bool program_runs_unprivileged(const char *suite, const char *what)
{
    const program_how powerless = {.unprivileged = true};
    program *p = program_run_words(&powerless, "--version");
    const bool runs = p->code != NOT_TO_BE_RUN;
    if (runs)
        ck_assert_program(p, 0);
    else
        support_skipped(suite, "%s, because the program cannot run without root's powers here: %s",
                        what, p->err);
    program_free(p);
    return runs;
}

/* Without the line that a sanitizer adds of its own where memory is refused. */
static const char *own_words(const char *err)
{
    const char *end = strchr(err, '\n'),
               *warning = strstr(err, "WARNING: AddressSanitizer failed to");
    return end && warning && warning < end ? end + 1 : err;
}

void program_must_fail(const program *p, int expected, const char *const *texts)
{
    ck_assert_program(p, expected);
    ck_assert_msg(p->out[0] == 0, "%.300s: says on stdout: %.900s", p->command, p->out);
    const char *err = own_words(p->err);
    const size_t length = strlen(err);
    ck_assert_msg(strncmp(err, "invproj: ", 9) == 0 && length > 10 &&
                      strchr(err, '\n') == err + length - 1,
                  "%.300s: not one line \"invproj: ...\": %.900s", p->command, err);
    for (; *texts; texts++)
        ck_assert_msg(strstr(err, *texts) != NULL, "%.300s: does not say \"%s\": %.900s",
                      p->command, *texts, err);
}

static void list_entry(const char *path, FILE *to);

static void list_folder(const char *folder, FILE *to)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, NULL, alphasort);
    ck_assert_msg(count >= 0, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0) {
            ck_assert_int_gt(asprintf(&path, "%s/%s", folder, entries[i]->d_name), 0);
            list_entry(path, to);
            free(path);
        }
        free(entries[i]);
    }
    free(entries);
}

static void list_entry(const char *path, FILE *to)
{
    struct stat info;
    size_t size = 0;
    unsigned char *bytes = NULL;
    ck_assert_int_eq(lstat(path, &info), 0);
    if (S_ISREG(info.st_mode))
        bytes = support_read(path, &size);
    fprintf(to, "%s mode %o, %zu bytes, %08lx\n", path, (unsigned)info.st_mode, size,
            bytes ? crc32(0, bytes, (uInt)size) : 0);
    free(bytes);
    if (S_ISDIR(info.st_mode))
        list_folder(path, to);
}

char *program_snapshot(const char *folder)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(to);
    list_folder(folder, to);
    ck_assert_int_eq(fclose(to), 0);
    return text;
}

void program_must_equal(const char *a, const char *b)
{
    size_t at = 0, line = 0;
    while (a[at] && a[at] == b[at])
        if (a[at++] == '\n')
            line = at;
    ck_assert_msg(a[at] == b[at], "differ here:\n%.400s\n--- and\n%.400s", a + line, b + line);
}

void program_must_refuse(const program_how *how, const char *words, int expected,
                         const char *const *texts)
{
    char *before = program_snapshot(how->folder);
    program *p = program_run_words(how, words);
    program_must_fail(p, expected, texts);
    program_free(p);
    char *after = program_snapshot(how->folder);
    program_must_equal(before, after);
    free(before);
    free(after);
}

void program_must_hold(const char *all, char *some)
{
    for (char *line = strtok(some, "\n"); line; line = strtok(NULL, "\n"))
        ck_assert_msg(strstr(all, line) != NULL, "lost or changed: %.400s", line);
}
