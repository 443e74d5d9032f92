/* One process at a time works on a run file. The lock is on an open file beside it, so that it ends
 * with the process however that ends. It is fcntl's, not flock's, which a child would share, and
 * keep for seconds when its parent is killed.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "invproj/file.h"

#define ATTEMPTS 100 /* to open a lock file that others make and take away in between */

struct cli_lock {
    char *path; /* of the lock file */
    int file;
    bool holds; /* false on a file system without locks */
};

/* "alice", or "user 1234". */
static void owner_of(const struct stat *info, char out[INV_NAME_MAX])
{
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(info->st_uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
        snprintf(out, INV_NAME_MAX, "%s", found->pw_name);
    else
        snprintf(out, INV_NAME_MAX, "user %lu", (unsigned long)info->st_uid);
}

/* ---- the lock file ---- */

static inv_status open_error(const char *path, const char *file, int code)
{
    struct stat info;
    char owner[INV_NAME_MAX];
    if (lstat(file, &info) != 0)
        return INV_ERROR(INV_EIO, "%s: cannot be written there: %s", path, strerror(code));
    owner_of(&info, owner);
    if (!S_ISREG(info.st_mode))
        return INV_ERROR(INV_EIO,
                         "%s: its lock file %s, of %s, is a link or no file, and is not opened; "
                         "remove it",
                         path, file, owner);
    return INV_ERROR(INV_EIO,
                     "%s: its lock file %s, of %s, cannot be opened: %s; if no invproj of theirs "
                     "is running, it is left over: remove it, or have them remove it",
                     path, file, owner, strerror(code));
}

/* In a folder that others can write, one of them may have put anything there under the lock's name:
 * a link is not followed, and nothing but a plain file is taken. One that is there is opened as it
 * is and not made, which the kernel refuses for another's in a folder such as /tmp. */
static inv_status open_file(const char *path, const char *file, int *out, struct stat *info)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int code = EEXIST;
    for (int attempt = 0; attempt < ATTEMPTS && code == EEXIST; attempt++) {
        *out = open(file, flags);
        if (*out < 0 && errno == ENOENT)
            *out = open(file, flags | O_CREAT | O_EXCL, 0666);
        code = *out < 0 ? errno : 0;
    }
    if (*out < 0 || fstat(*out, info) != 0)
        return open_error(path, file, errno);
    return S_ISREG(info->st_mode) ? INV_OK : open_error(path, file, EINVAL);
}

/* ---- the lock ---- */

/* Network, cluster and user-space file systems may know no locks. What they could keep two
 * processes from is rare, and to train nothing there would be worse. */
static bool means_no_locks(int code)
{
    return code == ENOLCK || code == ENOSYS || code == EOPNOTSUPP || code == EINVAL;
}

static inv_status held_error(const char *path, const cli_lock *lock, const struct stat *info)
{
    struct flock other = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char owner[INV_NAME_MAX], process[32] = "";
    owner_of(info, owner);
    if (fcntl(lock->file, F_GETLK, &other) == 0 && other.l_type != F_UNLCK && other.l_pid > 0)
        snprintf(process, sizeof process, "process %ld, ", (long)other.l_pid);
    return INV_ERROR(INV_EIO,
                     "%s: " CLI_LOCKED " (%slock file %s of %s); wait for it to "
                     "end",
                     path, process, lock->path, owner);
}

static inv_status take_lock(const char *path, cli_lock *lock, const struct stat *info)
{
    const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    lock->holds = fcntl(lock->file, F_SETLK, &whole) == 0;
    if (lock->holds)
        return INV_OK;
    if (errno == EACCES || errno == EAGAIN)
        return held_error(path, lock, info);
    if (!means_no_locks(errno))
        return INV_ERROR(INV_EIO, "%s: cannot be locked: %s", path, strerror(errno));
    fprintf(stderr,
            "invproj: %s: its file system has no locks (%s): nothing keeps a second invproj from "
            "working on it\n",
            path, strerror(errno));
    return INV_OK;
}

/* Whether the lock file still has its name. */
static bool is_named(const cli_lock *lock, const struct stat *opened)
{
    struct stat named;
    return lstat(lock->path, &named) == 0 && opened->st_dev == named.st_dev &&
           opened->st_ino == named.st_ino;
}

/* ".NAME.lock" beside the file that `path` leads to: a symbolic link has the lock of its file. */
static inv_status name_file(const char *path, char **out)
{
    char *target = NULL, *name = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_file_target(path, &target));
    const char *slash = strrchr(target, '/');
    if (asprintf(&name, ".%s.lock", slash ? slash + 1 : target) < 0) {
        name = NULL;
        INV_FAIL(INV_ENOMEM, "%s: no memory", path);
    }
    INV_TRY(inv_file_beside(target, name, out));
done:
    free(target);
    free(name);
    return status;
}

inv_status cli_lock_take(const char *path, cli_lock **out)
{
    void *memory = NULL;
    cli_lock *lock = NULL;
    struct stat info;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_calloc(1, sizeof *lock, "a lock", &memory));
    lock = memory;
    lock->file = -1;
    INV_TRY(name_file(path, &lock->path));
    cli_signals_hold(true); /* until who ends the program knows what to take away */
    do {                    /* again where the one who held it took the file away in between */
        if (lock->file >= 0)
            close(lock->file);
        INV_TRY(open_file(path, lock->path, &lock->file, &info));
        INV_TRY(take_lock(path, lock, &info));
    } while (lock->holds && !is_named(lock, &info));
    if (lock->holds)
        cli_signals_lock(lock->path);
    cli_signals_hold(false);
    *out = lock;
    return INV_OK;
done:
    cli_signals_hold(false);
    if (lock && lock->file >= 0)
        close(lock->file);
    if (lock)
        free(lock->path);
    free(lock);
    return status;
}

bool cli_lock_holds(const cli_lock *lock)
{
    return lock->holds;
}

void cli_lock_free(cli_lock *lock)
{
    struct stat info;
    if (!lock)
        return;
    cli_signals_hold(true);
    if (fstat(lock->file, &info) == 0 && is_named(lock, &info))
        unlink(lock->path);
    cli_signals_lock(NULL);
    cli_signals_hold(false);
    close(lock->file);
    free(lock->path);
    free(lock);
}
