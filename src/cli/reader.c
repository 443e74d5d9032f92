/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "invproj/file.h"
#include "invproj/stream.h"

#define SECONDS_MOST 600.0 /* far more than any file takes: a machine may be busy, or asleep */

struct cli_reader {
    cli_reader_spec spec;
    pid_t pid; /* 0: there is none */
    int socket;
    double deadline;
    bool is_ready, is_late, is_gone;
    char next[PATH_MAX];  /* the file that will be asked for after the one that is; "": not known */
    char ahead[PATH_MAX]; /* the file that was asked for already; "": none */
    size_t ahead_size;    /* bytes of it */
    cli_reading ahead_how;
    size_t used, filled; /* of what came from it */
    unsigned char buffer[65536];
};

/* ---- starting ---- */

/* Threads that OpenBLAS starts before main would keep the rights that main gives up; and HDF5 is to
 * load no plugins. */
static const char *const settings[] = {"OPENBLAS_NUM_THREADS=1", "HDF5_PLUGIN_PRELOAD=::"};
enum { SETTINGS = sizeof settings / sizeof *settings };

static bool is_set_anew(const char *variable)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (strncmp(variable, settings[i], strcspn(settings[i], "=") + 1) == 0)
            return true;
    return false;
}

static inv_status make_environment(char ***out)
{
    size_t count = 0, kept = 0;
    void *memory = NULL;
    while (environ && environ[count])
        count++;
    inv_status status = inv_calloc(count + SETTINGS + 1, sizeof(char *), "reader", &memory);
    *out = memory;
    for (size_t i = 0; status == INV_OK && i < count; i++)
        if (!is_set_anew(environ[i]))
            (*out)[kept++] = environ[i];
    for (size_t i = 0; status == INV_OK && i < SETTINGS; i++)
        (*out)[kept++] = (char *)(uintptr_t)settings[i];
    return status;
}

/* All signals are as at first. Those of a terminal, meant for the program, are held off: when it
 * ends, so does this process. */
static void set_signals(posix_spawnattr_t *attributes)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU};
    sigset_t signals;
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(attributes, &signals);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&signals, own[i]);
    posix_spawnattr_setsigmask(attributes, &signals);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

/* The other end of the socket becomes its stdin; what HDF5 or a sanitizer says there is for nobody.
 */
static int spawn(const cli_reader *reader, int other_end, char **environment, pid_t *pid)
{
    static char name[] = "invproj", word[] = CLI_READER_WORD;
    char *const words[] = {name, word, NULL};
    const char *program = reader->spec.program ? reader->spec.program : "/proc/self/exe";
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&files);
    if (code != 0)
        return code;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        set_signals(&attributes);
        code = posix_spawn_file_actions_adddup2(&files, other_end, STDIN_FILENO);
        if (code == 0)
            code =
                posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        if (code == 0)
            code = posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
        if (code == 0)
            code = posix_spawn(pid, program, &files, &attributes, words, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return code;
}

static inv_status no_process(const char *why)
{
    return INV_ERROR(INV_EIO, "cannot start the process that reads files: %s", why);
}

static inv_status start(cli_reader *reader)
{
    char **environment = NULL;
    int ends[2];
    inv_status status = make_environment(&environment);
    if (status != INV_OK)
        return status;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        status = no_process(strerror(errno));
        free(environment);
        return status;
    }
    const int code = spawn(reader, ends[1], environment, &reader->pid);
    free(environment);
    close(ends[1]);
    reader->socket = ends[0];
    reader->is_ready = false;
    reader->used = reader->filled = 0;
    if (code == 0)
        return INV_OK;
    reader->pid = 0;
    close(reader->socket);
    reader->socket = -1;
    return no_process(strerror(code));
}

/* Ends the process, if there is one, and tells how it ended: by itself, if it had before. */
static int stop(cli_reader *reader)
{
    int state = 0;
    if (reader->pid == 0)
        return 0;
    kill(reader->pid, SIGKILL);
    while (waitpid(reader->pid, &state, 0) < 0 && errno == EINTR)
        continue;
    close(reader->socket);
    reader->pid = 0;
    reader->socket = -1;
    *reader->ahead = 0; /* what it was asked for is lost with it */
    return state;
}

inv_status cli_reader_open(const cli_reader_spec *spec, cli_reader **out)
{
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof(cli_reader), "reader", &memory);
    *out = memory;
    if (status != INV_OK)
        return status;
    if (spec)
        (*out)->spec = *spec;
    if ((*out)->spec.seconds <= 0.0)
        (*out)->spec.seconds = SECONDS_MOST;
    (*out)->socket = -1;
    return INV_OK;
}

void cli_reader_close(cli_reader *reader)
{
    if (reader)
        stop(reader);
    free(reader);
}

/* ---- asking ---- */

/* Sends the request and, with it, the open file. */
static bool send_request(const cli_reader *reader, cli_request *request, int file)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec part = {request, sizeof *request};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &file, sizeof file);
    ssize_t sent;
    do
        sent = sendmsg(reader->socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *request;
}

/* To the process that is there, else to a new one. Where that is dead already, listening tells how.
 */
static inv_status ask(cli_reader *reader, cli_request *request, int file)
{
    if (reader->pid > 0 && send_request(reader, request, file))
        return INV_OK;
    stop(reader);
    inv_status status = start(reader);
    if (status == INV_OK)
        (void)send_request(reader, request, file);
    return status;
}

/* ---- listening ---- */

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Waits until something came, or its end; false where the time is over. */
static bool await(const cli_reader *reader)
{
    for (;;) {
        struct pollfd what = {.fd = reader->socket, .events = POLLIN};
        const double left = reader->deadline - seconds_now();
        if (left <= 0.0)
            return false;
        if (poll(&what, 1, left < 1000.0 ? (int)(1000.0 * left) + 1 : 1000000) > 0)
            return true;
    }
}

/* What has come, at most `size` bytes of it; 0: no more will. */
static size_t receive(cli_reader *reader, void *to, size_t size)
{
    while (!reader->is_gone && !reader->is_late) {
        const ssize_t got = recv(reader->socket, to, size, MSG_DONTWAIT);
        if (got > 0)
            return (size_t)got;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            reader->is_late = !await(reader);
        else
            reader->is_gone = got == 0 || errno != EINTR;
    }
    return 0;
}

static inv_status read_bytes(void *context, void *bytes, size_t size)
{
    cli_reader *reader = context;
    unsigned char *to = bytes;
    while (size > 0) {
        size_t got = reader->filled - reader->used;
        if (got == 0 && size >= sizeof reader->buffer) {
            got = receive(reader, to, size);
        } else {
            if (got == 0) {
                reader->used = 0;
                got = reader->filled = receive(reader, reader->buffer, sizeof reader->buffer);
            }
            got = got < size ? got : size;
            memcpy(to, reader->buffer + reader->used, got);
            reader->used += got;
        }
        if (got == 0)
            return INV_ERROR(INV_EIO, "the process that reads it has ended");
        to += got;
        size -= got;
    }
    return INV_OK;
}

static inv_status await_ready(cli_reader *reader)
{
    unsigned char ready = 0;
    inv_status status = reader->is_ready ? INV_OK : read_bytes(reader, &ready, 1);
    if (status == INV_OK && !reader->is_ready && ready != CLI_READER_READY)
        reader->is_gone = true;
    reader->is_ready = !reader->is_gone && !reader->is_late;
    return reader->is_ready ? INV_OK : INV_EIO;
}

/* ---- how it ended ---- */

/* Whether that is what bad bytes do to a process, and not someone else. */
static bool is_own_fault(int state)
{
    if (!WIFSIGNALED(state))
        return true;
    switch (WTERMSIG(state)) {
    case SIGKILL:
    case SIGTERM:
    case SIGINT:
    case SIGHUP:
    case SIGQUIT:
        return false;
    default:
        return true;
    }
}

static inv_status tell_end(const cli_reader *reader, const char *path, int state)
{
    char how[64];
    if (reader->is_late)
        return INV_ERROR(INV_EIO, "%s: took longer than %g s to read", path, reader->spec.seconds);
    if (WIFSIGNALED(state))
        snprintf(how, sizeof how, "%s",
                 WTERMSIG(state) == SIGXCPU ? "no end in time" : strsignal(WTERMSIG(state)));
    else
        snprintf(how, sizeof how, "exit code %d", WEXITSTATUS(state));
    if (!reader->is_ready)
        return no_process(how);
    if (!is_own_fault(state))
        return INV_ERROR(INV_EIO,
                         "%s: the process that read it was ended by someone (%s); run again", path,
                         how);
    return INV_ERROR(INV_EFORMAT, "%s: damaged or made to do harm: reading it ended with %s", path,
                     how);
}

/* ---- a file ---- */

/* Who takes what the process says of one file. */
typedef struct taker {
    inv_status (*take)(const struct taker *taker, const char *path, inv_source *source);
    inv_stream_purpose purpose; /* of a run */
    inv_run **run;
    inv_tree **attributes;
    const char *prefix; /* of a model */
    inv_tree *tree;
} taker;

static inv_status take_run(const taker *t, const char *path, inv_source *source)
{
    return inv_run_from_stream(path, t->purpose, source, t->run);
}

static inv_status take_attributes(const taker *t, const char *path, inv_source *source)
{
    inv_tree *tree = NULL;
    inv_status status = inv_tree_alloc(path, &tree);
    if (status == INV_OK)
        status = inv_tree_add(tree, "", source);
    if (status == INV_OK)
        status = inv_tree_check_run(tree);
    if (status != INV_OK) {
        inv_tree_free(tree);
        tree = NULL;
    }
    *t->attributes = tree;
    return status;
}

static inv_status take_model(const taker *t, const char *path, inv_source *source)
{
    (void)path;
    return inv_tree_add(t->tree, t->prefix, source);
}

static inv_status listen_to(cli_reader *reader, const char *path, size_t size, const taker *t)
{
    inv_source source = {.read = read_bytes, .context = reader, .left = inv_stream_max(size)};
    inv_status status = await_ready(reader);
    if (status == INV_OK)
        status = t->take(t, path, &source);
    if (reader->is_gone || reader->is_late)
        return tell_end(reader, path, stop(reader));
    if (!source.is_at_end) /* what else it says would be taken for the next file's */
        stop(reader);
    return status;
}

/* Opens the file and asks for it; *size becomes its own. */
static inv_status ask_for(cli_reader *reader, const char *path, cli_request *request, size_t *size)
{
    int file = -1;
    inv_status status = inv_file_open(path, &file, size);
    if (status != INV_OK)
        return status;
    request->size = *size;
    snprintf(request->name, sizeof request->name, "%s", path);
    status = ask(reader, request, file);
    close(file);
    return status;
}

/* The process begins with the next file as soon as it has said all of this one, while the program is
 * still at work with that. What goes wrong is told when the file's turn comes. */
static void ask_ahead(cli_reader *reader, cli_request *request, cli_reading how)
{
    int file = -1;
    size_t size = 0;
    if (!*reader->next || inv_file_open(reader->next, &file, &size) != INV_OK)
        return;
    request->size = reader->ahead_size = size;
    reader->ahead_how = how;
    snprintf(request->name, sizeof request->name, "%s", reader->next);
    if (send_request(reader, request, file))
        memcpy(reader->ahead, reader->next, sizeof reader->ahead);
    close(file);
}

/* Whether the file is the one that was asked for ahead; another one that was is not waited for. */
static bool take_ahead(cli_reader *reader, const char *path, cli_reading how, size_t *size)
{
    const bool is_it = strcmp(reader->ahead, path) == 0 && reader->ahead_how == how;
    if (*reader->ahead && !is_it)
        stop(reader);
    *reader->ahead = 0;
    *size = reader->ahead_size;
    return is_it;
}

static inv_status read_file(cli_reader *reader, const char *path, cli_request *request,
                            cli_reading how, const taker *t)
{
    size_t size = 0;
    inv_status status = INV_OK;
    reader->is_gone = reader->is_late = false;
    const bool was_ahead = take_ahead(reader, path, how, &size);
    if (!was_ahead)
        status = ask_for(reader, path, request, &size);
    if (status != INV_OK)
        return status;
    ask_ahead(reader, request, how);
    *reader->next = 0;
    reader->deadline = seconds_now() + reader->spec.seconds;
    status = listen_to(reader, path, size, t);
    if (status == INV_EIO && was_ahead && reader->is_gone) /* someone ended it meanwhile */
        return read_file(reader, path, request, how, t);
    return status;
}

void cli_reader_next(cli_reader *reader, const char *path)
{
    const size_t length = strlen(path);
    *reader->next = 0;
    if (length < sizeof reader->next)
        memcpy(reader->next, path, length + 1);
}

inv_status cli_reader_run(cli_reader *reader, const char *path, cli_reading how, inv_run **out)
{
    cli_request request = {.array_max = how == CLI_READ_ATTRIBUTES ? 0 : UINT64_MAX};
    const taker t = {.take = take_run,
                     .purpose = how == CLI_READ_TO_SAVE ? INV_STREAM_TO_SAVE : INV_STREAM_TO_READ,
                     .run = out};
    *out = NULL;
    return read_file(reader, path, &request, how, &t);
}

inv_status cli_reader_tree(cli_reader *reader, const char *path, inv_tree **out)
{
    cli_request request = {.array_max = 0};
    const taker t = {.take = take_attributes, .attributes = out};
    *out = NULL;
    return read_file(reader, path, &request, CLI_READ_ATTRIBUTES, &t);
}

inv_status cli_reader_model(cli_reader *reader, const char *path, const char *prefix, bool is_bytes,
                            inv_tree *tree)
{
    cli_request request = {.array_max = UINT64_MAX, .is_model = 1, .is_bytes = is_bytes};
    const taker t = {.take = take_model, .prefix = prefix, .tree = tree};
    return read_file(reader, path, &request, CLI_READ, &t);
}

inv_status cli_read_run(const char *path, cli_reading how, inv_run **out)
{
    cli_reader *reader = NULL;
    inv_status status = cli_reader_open(NULL, &reader);
    *out = NULL;
    if (status == INV_OK)
        status = cli_reader_run(reader, path, how, out);
    cli_reader_close(reader);
    return status;
}
