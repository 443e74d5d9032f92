/* What a new file may be written over: an earlier one of its kind, and nothing else that the user has.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "invproj/file.h"

#define BLOCK ((size_t)1 << 20)

static const unsigned char hdf5[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

/* Whether a format's name is anywhere in what is left of the file. `block` begins with its first `got`
 * bytes. */
static inv_status find_name(const char *path, const char *name, int fd, unsigned char *block,
                            size_t got, bool *found)
{
    const size_t length = strlen(name);
    inv_status status = INV_OK;
    *found = memmem(block, got, name, length) != NULL;
    while (status == INV_OK && !*found && got == BLOCK) {
        size_t more = 0;
        memcpy(block, block + BLOCK - length, length); /* it may lie across two blocks */
        status = inv_file_fill(path, fd, block + length, BLOCK - length, &more);
        got = length + more;
        *found = memmem(block, got, name, length) != NULL;
    }
    return status;
}

/* Whether the file begins with the name or is HDF5 with the name inside: in a seal, or as the root's
 * attribute @format. Neither a look through HDF5 nor a checksum: a damaged file may be written over too. */
static inv_status is_of_format(const char *path, const char *name, bool *is)
{
    const size_t length = strlen(name);
    void *memory = NULL;
    size_t size = 0, got = 0;
    int fd = -1;
    inv_status status = INV_OK;
    *is = false;
    INV_TRY(inv_file_open(path, &fd, &size));
    INV_TRY(inv_calloc(BLOCK, 1, path, &memory));
    INV_TRY(inv_file_fill(path, fd, memory, BLOCK, &got));
    if (got >= length && memcmp(memory, name, length) == 0)
        *is = true;
    else if (got > sizeof hdf5 && memcmp(memory, hdf5, sizeof hdf5) == 0)
        INV_TRY(find_name(path, name, fd, memory, got, is));
done:
    free(memory);
    if (fd >= 0)
        close(fd);
    return status;
}

/* Format 1 begins with its name; later ones are plain HDF5. */
inv_status cli_is_run(const char *path, bool *is)
{
    return is_of_format(path, INV_RUN_FORMAT, is);
}

inv_status cli_check_replaces(const char *path, const char *name, const char *what)
{
    bool is = false;
    inv_status status = is_of_format(path, name, &is);
    if (status == INV_OK && !is)
        return INV_ERROR(INV_EINVAL,
                         "%s: is there already and is not %s, so it is not overwritten; choose "
                         "another name",
                         path, what);
    return status;
}

inv_status cli_check_replaces_run(const char *path)
{
    return cli_check_replaces(path, INV_RUN_FORMAT, "a run file");
}
