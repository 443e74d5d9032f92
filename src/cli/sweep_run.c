/* Runs what is missing of a sweep: a process of one thread for each run, so many at a time.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/plural.h"
#include "invproj/file.h"
#include "sweep.h"

#define TOLD_MOST 10         /* failures of earlier starts that are told one by one */
#define PAUSE     100000000L /* nanoseconds between two looks at the clock */
#define ITEM_TEXT 512

/* What became of a run. */
typedef enum outcome { DONE, FAILED, BUSY, ENDED, FULL, OUTCOMES } outcome;

typedef struct runner {
    const cli_sweep *sweep;
    const cli_part *part;
    const cli_sweep_how *how;
    cli_progress progress;
    volatile pid_t *pids; /* [jobs]: 0 where none runs */
    size_t *items;        /* [jobs]: what they run */
    int *said;            /* [jobs]: files of what they say */
    size_t running;
    size_t next;  /* item that is looked at next */
    size_t total; /* items of the part */
    size_t counts[OUTCOMES];
    size_t before; /* of the counts, what was so before this start */
    double start;
    bool asked;                 /* the running ones have been asked to stop */
    char halt[INV_MESSAGE_MAX]; /* why no new run starts; "": nothing keeps one from it */
} runner;

/* ---- one run ---- */

/* The terminal is the user's, and progress this process's. */
static int start_process(char **words, int said, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    int code = posix_spawn_file_actions_init(&files);
    if (code != 0)
        return code;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        code = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (code == 0)
            code =
                posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        if (code == 0)
            code = posix_spawn_file_actions_adddup2(&files, said, STDERR_FILENO);
        if (code == 0)
            code = posix_spawn(pid, "/proc/self/exe", &files, &attributes, words, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return code;
}

static size_t free_slot(const runner *r)
{
    size_t slot = 0;
    while (r->pids[slot] != 0)
        slot++;
    return slot;
}

static inv_status start_item(runner *r, size_t item)
{
    const size_t slot = free_slot(r);
    char **words = NULL;
    pid_t pid = 0;
    inv_status status = cli_sweep_words(r->sweep, item, &words);
    r->said[slot] = status == INV_OK ? memfd_create("run", MFD_CLOEXEC) : -1;
    if (status == INV_OK && r->said[slot] < 0)
        status = INV_ERROR(INV_EIO, "sweep: what a run says: %s", strerror(errno));
    const int code = status == INV_OK ? start_process(words, r->said[slot], &pid) : 0;
    if (code != 0)
        status = INV_ERROR(INV_EIO, "sweep: cannot start a process: %s", strerror(code));
    cli_sweep_words_free(words);
    if (status != INV_OK) {
        if (r->said[slot] >= 0)
            close(r->said[slot]);
        return status;
    }
    r->items[slot] = item;
    r->pids[slot] = pid;
    r->running++;
    return INV_OK;
}

/* The last line of what it said, without "invproj: "; or how it ended. */
static void read_last_line(int file, int state, char *out, size_t size)
{
    char text[4096] = "";
    const off_t length = lseek(file, 0, SEEK_END);
    const off_t from = length > (off_t)sizeof text - 1 ? length - (off_t)sizeof text + 1 : 0;
    const ssize_t got = length > 0 ? pread(file, text, sizeof text - 1, from) : 0;
    text[got > 0 ? got : 0] = 0;
    size_t end = strlen(text);
    while (end > 0 && text[end - 1] == '\n')
        text[--end] = 0;
    const char *line = strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
    if (strncmp(line, "invproj: ", 9) == 0)
        line += 9;
    if (WIFSIGNALED(state))
        snprintf(out, size, "ended with %s", strsignal(WTERMSIG(state)));
    else
        snprintf(out, size, "%s", *line ? line : "said nothing");
}

/* Whether a run was ended from outside, which is no fault of its own: it goes on with the next start. */
static bool is_ended(int state)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};
    if (!WIFSIGNALED(state))
        return WEXITSTATUS(state) > 128;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (WTERMSIG(state) == own[i])
            return false;
    return true;
}

static bool is_full(const char *why)
{
    static const int codes[] = {ENOSPC, EDQUOT, EFBIG};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strstr(why, strerror(codes[i])))
            return true;
    return false;
}

static outcome judge(int state, const char *why)
{
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return DONE;
    if (is_ended(state))
        return ENDED;
    if (is_full(why))
        return FULL;
    return strstr(why, CLI_LOCKED) ? BUSY : FAILED;
}

/* ---- what is kept of a failure ---- */

static void mark(const runner *r, size_t item, const char *why)
{
    char *path = cli_sweep_path(r->sweep, item, "." CLI_SWEEP_FAILED);
    char text[ITEM_TEXT + INV_MESSAGE_MAX + 2], what[ITEM_TEXT];
    cli_sweep_tell(r->sweep, item, what, sizeof what);
    const int length = snprintf(text, sizeof text, "%s: %s\n", what, why);
    if (path && inv_file_replace(path, text, (size_t)length) != INV_OK)
        cli_warn("%s", inv_error_message());
    free(path);
}

static void unmark(const runner *r, size_t item)
{
    char *path = cli_sweep_path(r->sweep, item, "." CLI_SWEEP_FAILED);
    if (path)
        (void)unlink(path); /* mostly there is none */
    free(path);
}

/* What an earlier start left. */
static void tell_mark(const runner *r, size_t item)
{
    char *path = cli_sweep_path(r->sweep, item, "." CLI_SWEEP_FAILED);
    unsigned char *text = NULL;
    size_t size = 0;
    if (path && inv_file_read(path, 1 << 16, &text, &size) == INV_OK)
        cli_warn("failed    before: %.*s", (int)strcspn((const char *)text, "\n"),
                 (const char *)text);
    free(text);
    free(path);
}

/* ---- progress ---- */

static size_t ended_here(const runner *r)
{
    return r->counts[DONE] + r->counts[FAILED] - r->before;
}

static void show(runner *r)
{
    char text[256], left[64] = "";
    const size_t here = ended_here(r), rest = r->total - r->counts[DONE] - r->counts[FAILED];
    if (here > 0)
        snprintf(left, sizeof left, ", %.0f s left",
                 (cli_seconds() - r->start) / (double)here * (double)rest);
    snprintf(text, sizeof text, "sweep     %zu of %zu done, %zu running, %zu failed%s",
             r->counts[DONE], r->total, r->running, r->counts[FAILED], left);
    cli_progress_text(&r->progress, text);
}

/* ---- ends of runs ---- */

static void ask_all(runner *r)
{
    for (size_t i = 0; i < r->how->jobs && !r->asked; i++)
        if (r->pids[i] > 0)
            kill(r->pids[i], SIGTERM);
    r->asked = true;
}

static void take_end(runner *r, size_t slot, int state)
{
    char why[INV_MESSAGE_MAX], what[ITEM_TEXT];
    const size_t item = r->items[slot];
    read_last_line(r->said[slot], state, why, sizeof why);
    close(r->said[slot]);
    r->pids[slot] = 0;
    r->running--;
    const outcome end = judge(state, why);
    r->counts[end]++;
    cli_sweep_tell(r->sweep, item, what, sizeof what);
    if (end == DONE)
        unmark(r, item);
    if (end == FAILED) {
        cli_warn("failed    %s: %s", what, why);
        mark(r, item, why);
    }
    if (end == ENDED && !r->asked)
        cli_warn("ended     %s: by %s; the next start goes on with it", what,
                 WIFSIGNALED(state) ? strsignal(WTERMSIG(state)) : "a signal");
    if (end == FULL && !*r->halt)
        memcpy(r->halt, why, sizeof r->halt);
}

/* Waits for the end of a run, a signal, or a moment. */
static void wait_for_ends(runner *r)
{
    const struct timespec moment = {0, PAUSE};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (r->running > 0)
        (void)sigtimedwait(&child, NULL, &moment);
    for (size_t i = 0; i < r->how->jobs; i++) {
        int state = 0;
        if (r->pids[i] > 0 && waitpid(r->pids[i], &state, WNOHANG) == r->pids[i])
            take_end(r, i, state);
    }
}

/* ---- all of them ---- */

/* Starts the next item that needs it; false: there is none. */
static bool start_next(runner *r)
{
    const size_t count = inv_sweep_count(r->sweep->items);
    for (; r->next < count; r->next += r->part->count) {
        cli_sweep_state state;
        inv_status status = cli_sweep_look(r->sweep, r->next, &state);
        if (status == INV_OK && state == CLI_SWEEP_DONE) {
            r->counts[DONE]++;
            r->before++;
            continue;
        }
        if (status == INV_OK && state == CLI_SWEEP_FAILING && !r->how->retry) {
            if (r->counts[FAILED]++ < TOLD_MOST)
                tell_mark(r, r->next);
            r->before++;
            continue;
        }
        if (status == INV_OK)
            status = start_item(r, r->next);
        if (status != INV_OK)
            snprintf(r->halt, sizeof r->halt, "%s", inv_error_message());
        r->next += r->part->count;
        return status == INV_OK;
    }
    return false;
}

static void run_all(runner *r)
{
    bool more = true;
    r->start = cli_seconds();
    while (more || r->running > 0) {
        more = more && !cli_signal() && !*r->halt;
        while (more && r->running < r->how->jobs)
            more = start_next(r);
        if (cli_signal() || *r->halt)
            ask_all(r);
        show(r);
        wait_for_ends(r);
    }
    cli_progress_clear();
}

/* Of the runs that another process was at work on, those that it has ended since. */
static inv_status count_others(runner *r)
{
    const size_t count = inv_sweep_count(r->sweep->items);
    size_t seen[CLI_SWEEP_STATES] = {0};
    if (r->counts[BUSY] == 0)
        return INV_OK;
    for (size_t item = r->part->index; item < count; item += r->part->count) {
        cli_sweep_state state;
        inv_status status = cli_sweep_look(r->sweep, item, &state);
        if (status != INV_OK)
            return status;
        seen[state]++;
    }
    r->counts[BUSY] -= seen[CLI_SWEEP_DONE] - r->counts[DONE];
    r->counts[DONE] = seen[CLI_SWEEP_DONE];
    return INV_OK;
}

static inv_status conclude(const runner *r)
{
    const size_t *n = r->counts;
    const size_t left = r->total - n[DONE] - n[FAILED];
    if (cli_signal()) {
        char failed[64] = "";
        if (n[FAILED] > 0)
            snprintf(failed, sizeof failed, ", %zu failed (--retry)", n[FAILED]);
        cli_note(&r->progress, "sweep: stopped; %zu of %zu done%s; the same command goes on",
                 n[DONE], r->total, failed);
        return CLI_STOPPED;
    }
    if (*r->halt)
        return INV_ERROR(INV_EIO, "%.900s; no new run starts, %zu of %zu are done", r->halt,
                         n[DONE], r->total);
    if (n[BUSY] > 0 && left == n[BUSY])
        return INV_ERROR(INV_EIO, "%s: another invproj is working on %zu of the %zu runs",
                         r->sweep->out, n[BUSY], r->total);
    if (left > 0)
        return INV_ERROR(INV_EIO, "%s: %zu of %zu runs are not done; the same command goes on",
                         r->sweep->out, left, r->total);
    if (n[FAILED] > 0 && !r->how->keep_going)
        return INV_ERROR(INV_EDATA,
                         "%s: %zu of %zu %s failed; their ." CLI_SWEEP_FAILED
                         " files tell why, and --retry tries them again",
                         r->sweep->out, n[FAILED], r->total,
                         inv_plural(r->total, "run has", "runs have"));
    return INV_OK;
}

static inv_status open_runner(runner *r)
{
    const size_t count = inv_sweep_count(r->sweep->items), jobs = r->how->jobs;
    char variable[sizeof r->part->source + 32];
    void *pids = NULL, *items = NULL, *said = NULL;
    sigset_t child;
    inv_status status = INV_OK;
    r->next = r->part->index;
    r->total = r->next < count ? (count - r->next - 1) / r->part->count + 1 : 0;
    INV_TRY(inv_calloc(jobs, sizeof *r->pids, "sweep", &pids));
    r->pids = pids;
    INV_TRY(inv_calloc(jobs, sizeof *r->items, "sweep", &items));
    r->items = items;
    INV_TRY(inv_calloc(jobs, sizeof *r->said, "sweep", &said));
    r->said = said;
    snprintf(variable, sizeof variable, "%ld %s", (long)getpid(), r->part->source);
    /* with the second a run of one thread, for which it makes no difference, starts but once */
    if (setenv(CLI_SWEEP_VARIABLE, variable, 1) != 0 || setenv("GOMP_SPINCOUNT", "2000", 0) != 0)
        INV_FAIL(INV_ENOMEM, "sweep: no memory");
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL); /* for sigtimedwait */
    cli_signals_open(r->sweep->options->stop_code);
    cli_signals_children(r->pids, jobs);
done:
    return status;
}

inv_status cli_sweep_run(const cli_sweep *sweep, const cli_part *part, const cli_sweep_how *how)
{
    runner r = {.sweep = sweep, .part = part, .how = how};
    inv_status status = INV_OK;
    cli_progress_open(&r.progress, sweep->options->quiet);
    INV_TRY(open_runner(&r));
    run_all(&r);
    INV_TRY(count_others(&r));
    INV_TRY(conclude(&r));
    printf("%s: %zu of %zu runs done%s\n", sweep->out, r.counts[DONE], r.total,
           r.counts[FAILED] ? ", the others failed" : "");
done:
    cli_signals_children(NULL, 0);
    free((void *)r.pids);
    free(r.items);
    free(r.said);
    return status;
}
