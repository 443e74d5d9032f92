/* The library that is preloaded into the program under torture: see serve.h. Faults happen only in
 * calls that the program makes itself; allocations also in those of libraries that cope with a
 * failure.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "serve.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef int main_function(int argc, char **argv, char **environment);
typedef void plain_function(void);

void *json_loads(const char *text, size_t flags, void *error);
char *json_dumps(const void *json, size_t flags);

/* Shared with the processes that the server makes. */
typedef struct board {
    torture_request request;
    uint32_t calls, allocations, happened, left;
    pid_t victim; /* 0: no fault may happen yet. The children of the victim are left alone. */
} board;

static board *shared;
static main_function *real_main;

/* ---- who calls ---- */

typedef struct range {
    uintptr_t first, end;
} range;

enum { RANGES = 32, FRAMES = 16 };

static range program; /* the program itself */
static range coping[RANGES], passing[RANGES];
static size_t coping_count, passing_count;

/* These give NULL or an error where an allocation fails. Not among them: HDF5, which may crash,
 * libconfig 1.5, which does not look, libgomp and OpenBLAS, which end the process. */
static const char *const coping_names[] = {"libjansson", "libpng", "libgsl", NULL};
/* Who calls these is who counts: libc's strdup, asprintf, fopen, zlib's inflateInit, ... */
static const char *const passing_names[] = {"libc.so", "libz.so", "torture.so", NULL};

static bool is_listed(const char *path, const char *const *names)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    for (; *names; names++)
        if (strncmp(base, *names, strlen(*names)) == 0)
            return true;
    return false;
}

static int take_object(struct dl_phdr_info *info, size_t size, void *data)
{
    range all = {UINTPTR_MAX, 0};
    bool *first = data;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const uintptr_t start = info->dlpi_addr + header->p_vaddr;
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X))
            continue;
        all.first = start < all.first ? start : all.first;
        all.end = start + header->p_memsz > all.end ? start + header->p_memsz : all.end;
    }
    if (*first)
        program = all;
    else if (is_listed(info->dlpi_name, coping_names) && coping_count < RANGES)
        coping[coping_count++] = all;
    else if (is_listed(info->dlpi_name, passing_names) && passing_count < RANGES)
        passing[passing_count++] = all;
    *first = false;
    return 0;
}

static bool is_in(const range *ranges, size_t count, const void *address)
{
    const uintptr_t at = (uintptr_t)address;
    for (size_t i = 0; i < count; i++)
        if (at >= ranges[i].first && at < ranges[i].end)
            return true;
    return false;
}

/* ---- calls that fail ---- */

/* Counts a call from `caller`; whether the fault happens in it. */
static bool strikes(const void *caller, bool writes)
{
    if (!shared || shared->victim != getpid() || !is_in(&program, 1, caller))
        return false;
    const torture_request *r = &shared->request;
    const uint32_t n = ++shared->calls;
    bool strike = n == r->nth && r->fault != TORTURE_MEMORY && r->fault != TORTURE_NOTHING &&
                  r->fault != TORTURE_LOCKS;
    if (r->fault == TORTURE_FULL && n > r->nth && writes)
        strike = true;
    if (strike)
        shared->happened = 1;
    return strike;
}

static bool signal_is_due;

/* What becomes of a call that is struck and is no write: it fails, or the process dies. */
static bool fails(const void *caller, bool writes)
{
    if (!strikes(caller, writes) || shared->request.fault == TORTURE_SHORT)
        return false;
    if (shared->request.fault == TORTURE_KILL)
        kill(getpid(), SIGKILL);
    signal_is_due = shared->request.fault == TORTURE_STOP;
    if (signal_is_due)
        return false;
    errno = (int)shared->request.code;
    return true;
}

/* The call is done, and gave this. */
static int after(long result)
{
    const int code = errno;
    if (signal_is_due) {
        signal_is_due = false;
        kill(getpid(), SIGTERM);
    }
    errno = code;
    return (int)result;
}

#define CALLER __builtin_return_address(0)

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

/* What is printed goes to no disk: it is let through, and not counted. */
ssize_t write(int fd, const void *data, size_t size)
{
    if (fd == STDOUT_FILENO || fd == STDERR_FILENO)
        return syscall(SYS_write, fd, data, size);
    const bool struck = strikes(CALLER, true);
    const uint32_t fault = struck ? shared->request.fault : TORTURE_NOTHING;
    if (struck && (fault == TORTURE_FAIL || fault == TORTURE_FULL)) {
        errno = (int)shared->request.code;
        return -1;
    }
    const bool half = struck && fault != TORTURE_STOP && size > 1;
    const ssize_t wrote = syscall(SYS_write, fd, data, half ? size / 2 : size);
    if (fault == TORTURE_KILL)
        kill(getpid(), SIGKILL);
    signal_is_due = fault == TORTURE_STOP;
    after(0);
    return wrote;
}

int fsync(int fd)
{
    return fails(CALLER, true) ? -1 : after(syscall(SYS_fsync, fd));
}

int close(int fd)
{
    const bool struck = fails(CALLER, false);
    const int code = errno, result = after(syscall(SYS_close, fd)); /* Linux closes it even then */
    if (!struck)
        return result;
    errno = code;
    return -1;
}

int rename(const char *from, const char *to)
{
    return fails(CALLER, true) ? -1 : after(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return fails(CALLER, true) ? -1
                               : after(syscall(SYS_renameat, from_folder, from, to_folder, to));
}

static mode_t mode_of(int flags, va_list *arguments)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(*arguments, mode_t) : 0;
}

#define OPEN(folder)                                                                               \
    va_list arguments;                                                                             \
    va_start(arguments, flags);                                                                    \
    const mode_t mode = mode_of(flags, &arguments);                                                \
    va_end(arguments);                                                                             \
    return fails(CALLER, flags & O_CREAT) ? -1                                                     \
                                          : after(syscall(SYS_openat, folder, path, flags, mode))

int open(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD);
}

int open64(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD);
}

int openat(int folder, const char *path, int flags, ...)
{
    OPEN(folder);
}

int openat64(int folder, const char *path, int flags, ...)
{
    OPEN(folder);
}

/* Locks are not counted: they fail all or none. */
static bool is_lock(int command)
{
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK ||
           command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK;
}

#define FCNTL                                                                                      \
    va_list arguments;                                                                             \
    va_start(arguments, command);                                                                  \
    void *argument = va_arg(arguments, void *); /* or a number, which the system takes from it */  \
    va_end(arguments);                                                                             \
    if (is_lock(command) && shared && shared->victim == getpid() &&                                \
        shared->request.fault == TORTURE_LOCKS) {                                                  \
        shared->happened = 1;                                                                      \
        errno = (int)shared->request.code;                                                         \
        return -1;                                                                                 \
    }                                                                                              \
    return (int)syscall(SYS_fcntl, fd, command, argument)

int fcntl(int fd, int command, ...)
{
    FCNTL;
}

int fcntl64(int fd, int command, ...)
{
    FCNTL;
}

/* ---- allocations that fail ---- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1 /* as gcc has it; NOLINT(*-reserved-identifier,cert-dcl*) */
#endif
#endif

#ifndef __SANITIZE_ADDRESS__

/* glibc's own, under their second names. NOLINTBEGIN(*-reserved-identifier,cert-dcl*) */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *memory);
/* NOLINTEND(*-reserved-identifier,cert-dcl*) */

/* Whether it is asked for by the program or a library that copes, perhaps through libc. */
static bool is_counted(void)
{
    void *frames[FRAMES];
    const int count = backtrace(frames, FRAMES);
    int i = 0;
    while (i < count && is_in(passing, passing_count, frames[i]))
        i++;
    return i < count && (is_in(&program, 1, frames[i]) || is_in(coping, coping_count, frames[i]));
}

/* ---- and those that are never freed ---- */

enum { SLOTS = 1 << 17 };

static uintptr_t live[SLOTS]; /* 0: never used; 1: free again */
static uint32_t live_count;

static void remember(const void *memory)
{
    size_t slot = ((uintptr_t)memory >> 4) % SLOTS;
    while (live[slot] > 1)
        slot = (slot + 1) % SLOTS;
    live[slot] = (uintptr_t)memory;
    live_count++;
}

static bool forget(const void *memory)
{
    size_t slot = ((uintptr_t)memory >> 4) % SLOTS;
    if (!memory || live_count == 0)
        return false;
    for (; live[slot] != 0; slot = (slot + 1) % SLOTS)
        if (live[slot] == (uintptr_t)memory) {
            live[slot] = 1;
            live_count--;
            return true;
        }
    return false;
}

static _Thread_local bool excused; /* in a function that does not cope */

/* jansson copes but for its reader, which drops a byte where its buffer cannot grow, and its
 * writer, which then drops a key; both go on as if nothing were. */
void *json_loads(const char *text, size_t flags, void *error)
{
    void *(*real)(const char *, size_t, void *);
    void *symbol = dlsym(RTLD_NEXT, "json_loads");
    memcpy(&real, &symbol, sizeof real);
    excused = true;
    void *read = real(text, flags, error);
    excused = false;
    return read;
}

char *json_dumps(const void *json, size_t flags)
{
    char *(*real)(const void *, size_t);
    void *symbol = dlsym(RTLD_NEXT, "json_dumps");
    memcpy(&real, &symbol, sizeof real);
    excused = true;
    char *text = real(json, flags);
    excused = false;
    return text;
}

/* Where the program cannot name the kernels that OpenBLAS is to take, other kernels give other
 * bits; the run file says which. That is no fault to be found here. */
int setenv(const char *name, const char *value, int replace)
{
    int (*real)(const char *, const char *, int);
    void *symbol = dlsym(RTLD_NEXT, "setenv");
    memcpy(&real, &symbol, sizeof real);
    excused = true;
    const int result = real(name, value, replace);
    excused = false;
    return result;
}

static bool is_watched(void)
{
    return shared && shared->victim == getpid() && shared->request.fault == TORTURE_MEMORY;
}

/* Decides about an allocation: whether it is counted, and whether it fails. */
static bool is_refused(bool *counted)
{
    static _Thread_local bool busy; /* backtrace may allocate */
    *counted = false;
    if (busy || !is_watched())
        return false;
    busy = true;
    *counted = is_counted();
    busy = false;
    if (!*counted || excused || ++shared->allocations != shared->request.nth)
        return false;
    shared->happened = 1;
    errno = ENOMEM;
    return true;
}

static void *keep(void *memory, bool counted)
{
    if (memory && counted)
        remember(memory);
    return memory;
}

void *malloc(size_t size)
{
    bool counted;
    return is_refused(&counted) ? NULL : keep(__libc_malloc(size), counted);
}

void *calloc(size_t count, size_t size)
{
    bool counted;
    return is_refused(&counted) ? NULL : keep(__libc_calloc(count, size), counted);
}

void *realloc(void *old, size_t size)
{
    bool counted;
    if (is_refused(&counted))
        return NULL;
    const bool kept = is_watched() && forget(old);
    return keep(__libc_realloc(old, size), counted || kept);
}

void free(void *memory)
{
    if (is_watched())
        forget(memory);
    __libc_free(memory);
}

static uint32_t allocations_left(void)
{
    return live_count;
}

#else

static uint32_t allocations_left(void)
{
    return 0;
}

#endif

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- serving ---- */

static bool move(int fd, void *data, size_t size, bool out)
{
    for (size_t done = 0; done < size;) {
        char *at = (char *)data + done;
        const ssize_t n = syscall(out ? SYS_write : SYS_read, fd, at, size - done);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void redirect(const char *path, int fd)
{
    const int file =
        (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(126);
    syscall(SYS_close, file);
}

/* In the new process: runs main as if the program had been started now. */
_Noreturn static void become(char *own_name, char **environment)
{
    static char buffer[4096];
    char *words[TORTURE_WORDS / 2], *at = shared->request.text;
    const struct itimerval limit = {.it_value.tv_sec = shared->request.seconds};
    const char *out = at, *err = out + strlen(out) + 1;
    at = at + strlen(out) + 1 + strlen(err) + 1;
    words[0] = own_name;
    for (uint32_t i = 0; i < shared->request.words; i++, at += strlen(at) + 1)
        words[i + 1] = at;
    words[shared->request.words + 1] = NULL;
    redirect(out, STDOUT_FILENO);
    redirect(err, STDERR_FILENO);
    redirect("/dev/null", STDIN_FILENO);
    setitimer(ITIMER_REAL, &limit, NULL);
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer); /* no allocation of the C library's own */
    tzset();                                        /* nor these */
    shared->victim = getpid();
    const int code = real_main((int)shared->request.words + 1, words, environment);
    shared->left = allocations_left();
    exit(code);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

static int serve(int argc, char **argv, char **environment)
{
    const int socket = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 200);
    (void)argc;
    while (move(socket, &shared->request, sizeof shared->request, false)) {
        const double start = seconds_now();
        torture_ended ended = {0};
        int state = 0;
        shared->calls = shared->allocations = shared->happened = shared->left = 0;
        shared->victim = 0;
        torture_started started = {fork()};
        if (started.pid == 0)
            become(argv[0], environment);
        if (started.pid < 0 || !move(socket, &started, sizeof started, true))
            return 1;
        struct rusage used = {0};
        while (wait4(started.pid, &state, 0, &used) < 0 && errno == EINTR)
            continue;
        ended = (torture_ended){state,
                                shared->calls,
                                shared->allocations,
                                shared->happened,
                                shared->left,
                                seconds_now() - start,
                                seconds_of(used.ru_utime) + seconds_of(used.ru_stime)};
        if (!move(socket, &ended, sizeof ended, true))
            return 1;
    }
    return 0;
}

/* What the C library calls before main. NOLINTBEGIN(*-reserved-identifier,cert-dcl*) */
int __libc_start_main(main_function *main, int argc, char **argv, plain_function *init,
                      plain_function *fini, plain_function *rtld_fini, void *stack_end);

int __libc_start_main(main_function *main, int argc, char **argv, plain_function *init,
                      plain_function *fini, plain_function *rtld_fini, void *stack_end)
{
    int (*real)(main_function *, int, char **, plain_function *, plain_function *, plain_function *,
                void *);
    void *frames[FRAMES], *symbol = dlsym(RTLD_NEXT, "__libc_start_main");
    bool first = true;
    memcpy(&real, &symbol, sizeof real); /* ISO C knows no cast from an object to a function */
    real_main = main;
    if (!getenv(TORTURE_SERVE))
        return real(main, argc, argv, init, fini, rtld_fini, stack_end);
    unsetenv(TORTURE_SERVE);
    unsetenv("LD_PRELOAD");
    dl_iterate_phdr(take_object, &first);
    (void)!backtrace(frames, FRAMES); /* it loads what it needs, now */
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 125;
    return real(serve, argc, argv, init, fini, rtld_fini, stack_end);
}
/* NOLINTEND(*-reserved-identifier,cert-dcl*) */
