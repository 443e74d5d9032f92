/* One process at a time works on a run file. The lock is on an open file beside it, so that it ends
 * with the process however that ends. It is fcntl's, not flock's, which the child that probes a run
 * file would share, and keep for seconds when its parent is killed.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "invproj/file.h"

static inv_status take_lock(const char *path, int lock)
{
    const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct flock other = whole;
    if (fcntl(lock, F_SETLK, &whole) == 0)
        return INV_OK;
    if (errno != EACCES && errno != EAGAIN)
        return INV_ERROR(INV_EIO, "%s: cannot be locked: %s", path, strerror(errno));
    if (fcntl(lock, F_GETLK, &other) != 0 || other.l_type == F_UNLCK)
        other.l_pid = 0;
    return INV_ERROR(INV_EIO,
                     "%s: another invproj is working on it (process %ld); wait for it to end", path,
                     (long)other.l_pid);
}

inv_status cli_lock(const char *path, int *out)
{
    char *name = NULL, *beside = NULL;
    struct stat opened, named;
    inv_status status = INV_OK;
    int lock = -1;
    const char *base = strrchr(path, '/');
    if (asprintf(&name, ".%s.lock", base ? base + 1 : path) < 0)
        name = NULL;
    if (!name)
        INV_FAIL(INV_ENOMEM, "%s: no memory", path);
    INV_TRY(inv_file_beside(path, name, &beside));
    do { /* again where the one who held it took the file away in between */
        if (lock >= 0)
            close(lock);
        lock = open(beside, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (lock < 0)
            INV_FAIL(INV_EIO, "%s: cannot be written there: %s", path, strerror(errno));
        INV_TRY(take_lock(path, lock));
    } while (fstat(lock, &opened) != 0 || stat(beside, &named) != 0 ||
             opened.st_ino != named.st_ino);
    *out = lock;
    lock = -1;
fail:
    if (lock >= 0)
        close(lock);
    free(name);
    free(beside);
    return status;
}

void cli_unlock(const char *path, int lock)
{
    char beside[PATH_MAX]; /* no memory is taken: the lock goes even where there is none */
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    if (lock < 0)
        return;
    if ((size_t)snprintf(beside, sizeof beside, "%.*s.%s.lock", (int)(base - path), path, base) <
        sizeof beside)
        unlink(beside);
    close(lock);
}
