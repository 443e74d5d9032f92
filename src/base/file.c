/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/sha2.h>

#define TEMP_ATTEMPTS  100
#define TEMP_NAME_KEPT 200 /* bytes of the file's own name, so that all of it fits in NAME_MAX */
#define TEMP_NAME_SIZE 256
#define TEMP_DIGITS    "0123456789abcdefghijklmnopqrstuv"
#define TEMP_RANDOM    6

/* ---- reading ---- */

static inv_status system_error(const char *path, int code)
{
    return INV_ERROR(INV_EIO, "%s: %s", path, strerror(code));
}

inv_status inv_file_open(const char *path, int *fd, size_t *size)
{
    inv_status status = INV_OK;
    struct stat info;
    /* O_NONBLOCK: opening a fifo that nobody writes to would otherwise wait for ever */
    int opened = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (opened < 0 || fstat(opened, &info) != 0)
        INV_RAISE(system_error(path, errno));
    if (S_ISDIR(info.st_mode))
        INV_FAIL(INV_EIO, "%s: is a folder, not a file", path);
    if (!S_ISREG(info.st_mode))
        INV_FAIL(INV_EIO, "%s: is not a regular file", path);
    *fd = opened;
    *size = (size_t)info.st_size;
    return INV_OK;
done:
    if (opened >= 0)
        close(opened);
    *fd = -1;
    *size = 0;
    return status;
}

inv_status inv_file_fill(const char *path, int fd, void *data, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = read(fd, (unsigned char *)data + *got, size - *got);
        if (n == 0)
            break;
        if (n > 0)
            *got += (size_t)n;
        else if (errno != EINTR)
            return system_error(path, errno);
    }
    return INV_OK;
}

inv_status inv_file_read(const char *path, size_t limit, unsigned char **data, size_t *size)
{
    inv_status status = INV_OK;
    int fd = -1;
    size_t length = 0, got = 0;
    void *bytes = NULL;
    *data = NULL;
    *size = 0;
    INV_TRY(inv_file_open(path, &fd, &length));
    if (length > limit)
        INV_FAIL(INV_EFORMAT, "%s: %zu bytes long, but at most %zu are read", path, length, limit);
    if (length == SIZE_MAX)
        INV_FAIL(INV_ENOMEM, "%s: too long to be held in memory", path);
    INV_TRY(inv_calloc(length + 1, 1, path, &bytes));
    /* one byte more than there should be, to notice a writer */
    INV_TRY(inv_file_fill(path, fd, bytes, length + 1, &got));
    if (got != length)
        INV_FAIL(INV_EIO, "%s: changed while it was read; run again", path);
    *data = bytes;
    *size = length;
    bytes = NULL;
done:
    free(bytes);
    if (fd >= 0)
        close(fd);
    return status;
}

/* ---- replacing ---- */

static inv_status add_to_sha256(const char *path, struct sha256_ctx *context, unsigned char *block,
                                size_t room)
{
    size_t size = 0, got = room;
    int fd = -1;
    inv_status status = inv_file_open(path, &fd, &size);
    while (status == INV_OK && got == room) {
        status = inv_file_fill(path, fd, block, room, &got);
        if (status == INV_OK)
            sha256_update(context, got, block);
    }
    if (fd >= 0)
        close(fd);
    return status;
}

inv_status inv_files_sha256(const char *const *paths, size_t count, char sha256[65])
{
    struct sha256_ctx context;
    unsigned char block[1 << 16];
    uint8_t digest[SHA256_DIGEST_SIZE];
    inv_status status = INV_OK;
    sha256_init(&context);
    for (size_t i = 0; i < count && status == INV_OK; i++)
        status = add_to_sha256(paths[i], &context, block, sizeof block);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(sha256 + 2 * i, 3, "%02x", digest[i]);
    return status;
}

/* The system's reason, and what the user can do about it. */
static inv_status write_error(const char *path, int code)
{
    const char *remedy = "";
    switch (code) {
    case ENOSPC:
        remedy = "; free some and run again";
        break;
    case EDQUOT:
        remedy = "; free some of your quota and run again";
        break;
    case EFBIG:
        remedy = "; raise the limit (ulimit -f) or write to another file system";
        break;
    case EROFS:
        remedy = "; write somewhere else";
        break;
    case EACCES:
    case EPERM:
        remedy = "; write somewhere else or change the folder's permissions";
        break;
    case ENAMETOOLONG:
        remedy = "; choose a shorter one";
        break;
    default:
        break;
    }
    return INV_ERROR(INV_EIO, "%s: %s%s", path, strerror(code), remedy);
}

inv_status inv_file_target(const char *path, char **target)
{
    struct stat info;
    size_t length = strlen(path);
    *target = NULL;
    if (length == 0)
        return INV_ERROR(INV_EIO, "\"\": the name of a file to write is empty");
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return INV_ERROR(INV_EIO, "%s: is a folder, not a file", path);
        /* renaming over a device such as /dev/null would take it away from everyone */
        if (!S_ISREG(info.st_mode))
            return INV_ERROR(INV_EIO, "%s: is not a regular file, so it is left alone", path);
    } else if (lstat(path, &info) == 0) {
        return INV_ERROR(INV_EIO, "%s: is a link that leads nowhere; remove or mend it", path);
    } else if (path[length - 1] == '/') {
        return INV_ERROR(INV_EIO, "%s: ends in a slash, so it cannot name a file", path);
    }
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode))
        *target = realpath(path, NULL);
    else
        *target = strdup(path);
    return *target ? INV_OK : write_error(path, errno);
}

/* Opens the folder that `target` is in, and cuts `target` down to it; *name is what was behind. */
static inv_status open_folder(const char *path, char *target, const char **name, int *folder)
{
    char *slash = strrchr(target, '/');
    const char *where = ".";
    *name = target;
    if (slash) {
        *name = slash + 1;
        *slash = '\0';
        where = slash == target ? "/" : target;
    }
    *folder = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0 && errno == EACCES) /* a folder one may write to but not list */
        *folder = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder >= 0)
        return INV_OK;
    if (errno == ENOENT)
        return INV_ERROR(INV_EIO, "%s: there is no folder %s; make it first", path, where);
    if (errno == ENOTDIR)
        return INV_ERROR(INV_EIO, "%s: %s is not a folder", path, where);
    return write_error(path, errno);
}

/* Creates an empty file of a name not yet taken beside `name`: never through a link. Not mkstemp,
 * whose files only their owner may read whatever the umask says, and which knows no folder
 * descriptors. */
static inv_status create_temp(const char *path, int folder, const char *name, mode_t mode,
                              char *temp, int *fd)
{
    int code = EEXIST;
    for (int attempt = 0; attempt < TEMP_ATTEMPTS && code == EEXIST; attempt++) {
        unsigned char noise[TEMP_RANDOM];
        char text[TEMP_RANDOM + 1] = "";
        if (getrandom(noise, sizeof noise, 0) != (ssize_t)sizeof noise)
            return write_error(path, errno);
        for (size_t i = 0; i < sizeof noise; i++)
            text[i] = TEMP_DIGITS[noise[i] % 32];
        snprintf(temp, TEMP_NAME_SIZE, ".%.*s.%s.tmp", TEMP_NAME_KEPT, name, text);
        *fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (*fd >= 0)
            return INV_OK;
        code = errno;
    }
    temp[0] = '\0'; /* nothing of ours is there to be removed */
    return write_error(path, code);
}

/* Gives the file the mode of the one it replaces, and its owner and group where this process may.
 * Where it may not give it the group, its own group gets no more than others do. */
static void keep_mode(int fd, const struct stat *old)
{
    mode_t mode = old->st_mode & 0777;
    if (fchown(fd, (uid_t)-1, old->st_gid) != 0)
        mode = (mode & 0707) | (mode & (mode << 3) & 0070);
    (void)!fchown(fd, old->st_uid, (gid_t)-1);
    (void)fchmod(fd, mode); /* a file system without modes refuses, and has none to keep */
}

static inv_status write_all(const char *path, int fd, const unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n >= 0) {
            data += n;
            size -= (size_t)n;
        } else if (errno != EINTR) {
            return write_error(path, errno);
        }
    }
    return INV_OK;
}

/* Syncs; a file system that has no such notion, or a folder opened by O_PATH, is no failure. */
static inv_status sync_out(const char *path, int fd)
{
    int rc;
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    if (rc != 0 && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP && errno != EBADF)
        return write_error(path, errno);
    return INV_OK;
}

inv_status inv_file_replace(const char *path, const void *data, size_t size)
{
    inv_status status = INV_OK;
    char *target = NULL, temp[TEMP_NAME_SIZE] = "";
    const char *name = NULL;
    struct stat old;
    int folder = -1, fd = -1, rc;
    INV_TRY(inv_file_target(path, &target));
    INV_TRY(open_folder(path, target, &name, &folder));
    const bool replaces = fstatat(folder, name, &old, 0) == 0;
    INV_TRY(create_temp(path, folder, name, replaces ? 0600 : 0666, temp, &fd));
    if (replaces)
        keep_mode(fd, &old);
    INV_TRY(write_all(path, fd, data, size));
    INV_TRY(sync_out(path, fd));
    rc = close(fd);
    fd = -1;
    if (rc != 0 && errno != EINTR) /* Linux has closed it then too */
        INV_RAISE(write_error(path, errno));
    if (renameat(folder, temp, folder, name) != 0)
        INV_RAISE(write_error(path, errno));
    temp[0] = '\0';
    INV_TRY(sync_out(path, folder));
done:
    if (fd >= 0)
        close(fd);
    if (temp[0])
        unlinkat(folder, temp, 0);
    if (folder >= 0)
        close(folder);
    free(target);
    return status;
}

/* Whether `found` is a name that create_temp gives beside `name`. */
static bool is_temp(const char *found, const char *name)
{
    char start[TEMP_NAME_SIZE];
    const int length = snprintf(start, sizeof start, ".%.*s.", TEMP_NAME_KEPT, name);
    const char *random = found + length;
    return strncmp(found, start, (size_t)length) == 0 &&
           strspn(random, TEMP_DIGITS) == TEMP_RANDOM && strcmp(random + TEMP_RANDOM, ".tmp") == 0;
}

void inv_file_sweep(const char *path)
{
    char *target = NULL;
    const char *name = NULL;
    int folder = -1;
    DIR *listing = NULL;
    if (inv_file_target(path, &target) == INV_OK &&
        open_folder(path, target, &name, &folder) == INV_OK)
        listing = fdopendir(folder); /* which owns it from here */
    for (struct dirent *entry; listing && (entry = readdir(listing)) != NULL;)
        if (is_temp(entry->d_name, name))
            unlinkat(folder, entry->d_name, 0);
    if (listing)
        closedir(listing);
    else if (folder >= 0)
        close(folder);
    free(target);
}

/* ---- folders and names ---- */

/* Makes one folder, or finds it there. */
static inv_status make_one(const char *path, const char *folder)
{
    struct stat info;
    int code;
    if (mkdir(folder, 0777) == 0)
        return INV_OK;
    code = errno;
    if (stat(folder, &info) != 0)
        return write_error(path, code);
    if (S_ISDIR(info.st_mode))
        return INV_OK;
    if (strcmp(path, folder) == 0)
        return INV_ERROR(INV_EIO, "%s: is there already and is not a folder", path);
    return INV_ERROR(INV_EIO, "%s: %s is not a folder", path, folder);
}

inv_status inv_file_make_folder(const char *path)
{
    inv_status status = INV_OK;
    char *copy = NULL;
    if (!path[0])
        INV_FAIL(INV_EIO, "\"\": the name of a folder to make is empty");
    copy = strdup(path);
    if (!copy)
        INV_FAIL(INV_ENOMEM, "%s: no memory for the name", path);
    for (char *c = copy + 1; *c; c++) {
        if (*c != '/' || c[-1] == '/')
            continue;
        *c = '\0';
        INV_TRY(make_one(path, copy));
        *c = '/';
    }
    INV_TRY(make_one(path, copy));
done:
    free(copy);
    return status;
}

inv_status inv_file_beside(const char *path, const char *name, char **out)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0, length = strlen(name);
    void *text = NULL;
    inv_status status = inv_calloc(folder + length + 1, 1, "a file name", &text);
    *out = text;
    if (status != INV_OK)
        return status;
    memcpy(*out, path, folder);
    memcpy(*out + folder, name, length + 1);
    return INV_OK;
}
