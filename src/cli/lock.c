/* One process at a time works on a run file. The lock is on an open file beside it, so that it ends
 * with the process however that ends. SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "invproj/file.h"

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
        if (flock(lock, LOCK_EX | LOCK_NB) != 0)
            INV_FAIL(INV_EIO, "%s: another invproj is working on it; wait for it to end", path);
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
    char name[INV_TEXT_MAX], *beside = NULL;
    const char *base = strrchr(path, '/');
    if (lock < 0)
        return;
    if ((size_t)snprintf(name, sizeof name, ".%s.lock", base ? base + 1 : path) < sizeof name &&
        inv_file_beside(path, name, &beside) == INV_OK)
        unlink(beside);
    free(beside);
    close(lock);
}
