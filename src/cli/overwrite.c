/* What a new run may be written over: an earlier run, and nothing else that the user has.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "invproj/file.h"

#define BLOCK ((size_t)1 << 20)

static const char name[] = INV_RUN_FORMAT; /* in the seal, and in the root's attribute @format */
static const unsigned char hdf5[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

enum { NAME = sizeof name - 1 };

/* Whether a run file's name for its format is anywhere in what is left of the file. `block` begins
 * with its first `got` bytes. */
static inv_status find_name(const char *path, int fd, unsigned char *block, size_t got, bool *found)
{
    inv_status status = INV_OK;
    *found = memmem(block, got, name, NAME) != NULL;
    while (status == INV_OK && !*found && got == BLOCK) {
        size_t more = 0;
        memcpy(block, block + BLOCK - NAME, NAME); /* it may lie across two blocks */
        status = inv_file_fill(path, fd, block + NAME, BLOCK - NAME, &more);
        got = NAME + more;
        *found = memmem(block, got, name, NAME) != NULL;
    }
    return status;
}

/* Format 1 begins with its name; later ones are plain HDF5 with the name inside. Neither a look
 * through HDF5 nor a checksum: a damaged run may be written over too. */
inv_status cli_is_run(const char *path, bool *is)
{
    void *memory = NULL;
    size_t size = 0, got = 0;
    int fd = -1;
    inv_status status = INV_OK;
    *is = false;
    INV_TRY(inv_file_open(path, &fd, &size));
    INV_TRY(inv_calloc(BLOCK, 1, path, &memory));
    INV_TRY(inv_file_fill(path, fd, memory, BLOCK, &got));
    if (got > NAME && memcmp(memory, name, NAME) == 0)
        *is = true;
    else if (got > sizeof hdf5 && memcmp(memory, hdf5, sizeof hdf5) == 0)
        INV_TRY(find_name(path, fd, memory, got, is));
done:
    free(memory);
    if (fd >= 0)
        close(fd);
    return status;
}

inv_status cli_check_replaces_run(const char *path)
{
    bool is = false;
    inv_status status = cli_is_run(path, &is);
    if (status == INV_OK && !is)
        return INV_ERROR(INV_EINVAL,
                         "%s: is there already and is not a run file, so it is not overwritten; "
                         "choose another name",
                         path);
    return status;
}
