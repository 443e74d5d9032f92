/* file.h - whole files: read at once, replaced at once.
 *
 * A file written here appears whole or not at all: the bytes go to a new file in the same folder,
 * are synced, and the name is moved over; then the folder is synced.
 *
 *     unsigned char *bytes = NULL;
 *     size_t size = 0;
 *     inv_status status = inv_file_read("in", 1 << 20, &bytes, &size);
 *     if (status == INV_OK)
 *         status = inv_file_replace("out", bytes, size);
 *     free(bytes);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FILE_H
#define INVPROJ_FILE_H

#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens `path` for reading; the caller closes *fd. Never waits, whatever the path names: all but
 * regular files are refused. INV_EIO; *fd is then -1. */
INV_MUST_CHECK inv_status inv_file_open(const char *path, int *fd, size_t *size);

/* Reads `size` bytes from `fd`; *got is less only where the file ends. INV_EIO, naming `path`. */
INV_MUST_CHECK inv_status inv_file_fill(const char *path, int fd, void *data, size_t size,
                                        size_t *got);

/* Reads all of `path` (at most `limit` bytes; a longer file is INV_EFORMAT) into *data, which the
 * caller frees and which has one NUL byte past its end. INV_EIO where the system refuses; a folder
 * or other non-regular file is refused by name. On failure *data is NULL and *size 0. */
INV_MUST_CHECK inv_status inv_file_read(const char *path, size_t limit, unsigned char **data,
                                        size_t *size);

/* The SHA-256 of the bytes of `count` files, one behind the other, as 64 hexadecimal digits. INV_EIO
 * as inv_file_open. */
INV_MUST_CHECK inv_status inv_files_sha256(const char *const *paths, size_t count, char sha256[65]);

/* Where the bytes of `path` belong: the end of its symbolic links, or itself, whether it is there
 * or not. The caller frees *target. INV_EIO for a link that leads nowhere, and for what is there
 * and is no regular file. */
INV_MUST_CHECK inv_status inv_file_target(const char *path, char **target);

/* Replaces `path` with `size` bytes of `data`, atomically. A new file's mode is 0666 less the umask.
 * One that replaces another has that one's mode, and its owner and group as far as the process may
 * give them; access control lists and extended attributes are not carried over, and other hard
 * links keep the old bytes. A symbolic link stays, and what it leads to is replaced; a folder, a device or a fifo of
 * that name is refused. On failure the old file is untouched and nothing is left beside it (but for
 * one case: the folder cannot be synced, and the new file is there but might not outlive a power
 * cut). INV_EIO with the system's reason (no space left, file too large, ...). A process that wants
 * "file too large" to be such a failure and not its end ignores SIGXFSZ; this library leaves
 * signals alone. */
INV_MUST_CHECK inv_status inv_file_replace(const char *path, const void *data, size_t size);

/* Removes what inv_file_replace left beside `path` when its process was killed. Only for a caller
 * who knows that no other process is replacing `path` now. What cannot be removed stays. */
void inv_file_sweep(const char *path);

/* Makes the folder `path` and those above it that are missing; INV_EIO. */
INV_MUST_CHECK inv_status inv_file_make_folder(const char *path);

/* The path of `name` in the folder `path` is in: "DIR/name" for "DIR/any" and for "DIR/", plain
 * "name" where `path` has no slash. The caller frees *out. */
INV_MUST_CHECK inv_status inv_file_beside(const char *path, const char *name, char **out);

#ifdef __cplusplus
}
#endif
#endif
