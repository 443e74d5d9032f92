/* The process that reads files of strangers: see reader.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hdf5.h>

#include "invproj/file.h"
#include "invproj/model.h"
#include "invproj/stream.h"
#include "reader.h"

#define FILE_BYTES_MAX ((uint64_t)1 << 32)

/* ---- answering ---- */

typedef struct answer {
    size_t used;
    bool is_cut; /* nobody listens any more */
    unsigned char bytes[65536];
} answer;

static bool write_all(answer *a, const unsigned char *bytes, size_t size)
{
    while (size > 0 && !a->is_cut) {
        const ssize_t wrote = write(STDIN_FILENO, bytes, size); /* the socket goes both ways */
        if (wrote < 0 && errno != EINTR)
            a->is_cut = true;
        bytes += wrote > 0 ? wrote : 0;
        size -= wrote > 0 ? (size_t)wrote : 0;
    }
    return !a->is_cut;
}

static bool flush(answer *a)
{
    const size_t used = a->used;
    a->used = 0;
    return write_all(a, a->bytes, used);
}

static inv_status add_bytes(void *context, const void *bytes, size_t size)
{
    answer *a = context;
    bool good = true;
    if (size > sizeof a->bytes - a->used)
        good = flush(a);
    if (good && size > sizeof a->bytes)
        good = write_all(a, bytes, size);
    else if (good) {
        memcpy(a->bytes + a->used, bytes, size);
        a->used += size;
    }
    return good ? INV_OK : INV_ERROR(INV_EIO, "nobody listens");
}

/* ---- requests ---- */

/* The next request and the file that comes with it; false: there will be none. */
static bool next_request(cli_request *request, int *file)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {request, sizeof *request};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    *file = -1;
    do
        got = recvmsg(STDIN_FILENO, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    while (got < 0 && errno == EINTR);
    const struct cmsghdr *rights = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
        memcpy(file, CMSG_DATA(rights), sizeof *file);
    request->name[sizeof request->name - 1] = 0;
    return got == (ssize_t)sizeof *request && *file >= 0;
}

static inv_status read_file(const cli_request *request, int file, unsigned char **bytes)
{
    size_t got = 0;
    void *memory = NULL;
    if (request->size > FILE_BYTES_MAX)
        return INV_ERROR(INV_EFORMAT, "%s: %llu bytes long, but at most %llu are read",
                         request->name, (unsigned long long)request->size,
                         (unsigned long long)FILE_BYTES_MAX);
    /* one byte more than there should be, to notice a writer */
    inv_status status = inv_calloc(1, (size_t)request->size + 1, request->name, &memory);
    if (status == INV_OK)
        status = inv_file_fill(request->name, file, memory, (size_t)request->size + 1, &got);
    if (status == INV_OK && got != request->size)
        status = INV_ERROR(INV_EIO, "%s: changed while it was read; run again", request->name);
    *bytes = memory;
    return status;
}

static inv_status send_file(const cli_request *request, unsigned char *bytes, const inv_sink *to)
{
    const size_t size = (size_t)request->size;
    if (request->is_bytes)
        return inv_model_send_bytes(request->name, bytes, size, to);
    return (request->is_model ? inv_model_send : inv_stream_send)(request->name, bytes, size,
                                                                  request->array_max, to);
}

/* The file stays open meanwhile: then this process cannot have one more. */
static void answer_request(answer *a, const cli_request *request, int file)
{
    const inv_sink sink = {add_bytes, a};
    unsigned char *bytes = NULL;
    cli_confine_for(request->size);
    inv_status status = read_file(request, file, &bytes);
    if (status == INV_OK)
        status = send_file(request, bytes, &sink);
    if (status != INV_OK && inv_stream_fail(&sink, status, inv_error_message()) != INV_OK)
        a->is_cut = true;
    flush(a);
    free(bytes);
    close(file);
}

int cli_reader_main(void)
{
    static answer a;
    static cli_request request;
    const unsigned char ready = CLI_READER_READY;
    struct stat in;
    int file = -1;
    if (fstat(STDIN_FILENO, &in) != 0 || !S_ISSOCK(in.st_mode)) {
        fprintf(stderr, "invproj: %s: is for invproj itself, to read files with\n",
                CLI_READER_WORD);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* who was dead before has closed the socket */
    H5dont_atexit();
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    cli_confine();
    if (write_all(&a, &ready, 1))
        while (!a.is_cut && next_request(&request, &file))
            answer_request(&a, &request, file);
    _exit(0);
}
