/* reader.h - files that strangers may have made, read by a process that can do no harm.
 *
 * HDF5 may crash, hang, or worse, on bytes that were made for it. So the program never gives it a
 * file: it starts itself once more, with a word that no help tells, as a process that has no rights,
 * and limits on time and memory. That one reads the file and says what is in it as a stream of plain
 * arrays and attributes (invproj/stream.h), of which the program builds a run of its own.
 *
 *     cli_reader *reader = NULL;
 *     status = cli_reader_open(NULL, &reader);
 *     for (size_t i = 0; i < count; i++)                   thousands of files, one process
 *         if (cli_reader_tree(reader, path[i], &tree) != INV_OK)
 *             fprintf(stderr, "%s\n", inv_error_message());
 *     cli_reader_close(reader);
 *
 * Between the two is one socket. The program opens each file and sends its descriptor with a
 * request; the other side, which can open nothing, answers with the stream. It begins by saying one
 * byte, so that a process that cannot be started is not taken for a file that is damaged. Where a
 * file ends it, the next file starts another.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_READER_H
#define INVPROJ_CLI_READER_H

#include <stdint.h>

#include "invproj/run.h"
#include "invproj/status.h"
#include "invproj/tree.h"

/* ---- the program's side ---- */

typedef struct cli_reader cli_reader;

typedef struct cli_reader_spec {
    const char *program; /* NULL: this one */
    double seconds;      /* one file may take, by the clock on the wall; 0: 600 */
} cli_reader_spec;

typedef enum cli_reading {
    CLI_READ_TO_SAVE,   /* all of it, stored as it was */
    CLI_READ,           /* all of it, never to be saved */
    CLI_READ_ATTRIBUTES /* groups and their attributes, and of arrays the times of histories */
} cli_reading;

/* `spec` may be NULL. The process starts with the first file. */
INV_MUST_CHECK inv_status cli_reader_open(const cli_reader_spec *spec, cli_reader **out);
void cli_reader_close(cli_reader *reader);

/* Reads the run file `path`. INV_EIO where it cannot be opened, or the process not be started;
 * INV_EFORMAT where it is damaged or made to do harm: whatever happens, the next file can be read. */
INV_MUST_CHECK inv_status cli_reader_run(cli_reader *reader, const char *path, cli_reading how,
                                         inv_run **out);

/* The same of groups and attributes alone, as CLI_READ_ATTRIBUTES, and of no HDF5: the sooner there,
 * which of ten thousand files is felt. The caller frees. */
INV_MUST_CHECK inv_status cli_reader_tree(cli_reader *reader, const char *path, inv_tree **out);

/* Says which file will be read after the next one, and in the same way: the process begins with it while
 * the program is at work with the other. Without, or where another is read, all is as ever. */
void cli_reader_next(cli_reader *reader, const char *path);

/* Reads the model file `path` into the tree, every path behind `prefix` (inv_tree_add); `is_bytes`: a
 * file of no format (inv_model_send_bytes). As above. */
INV_MUST_CHECK inv_status cli_reader_model(cli_reader *reader, const char *path, const char *prefix,
                                           bool is_bytes, inv_tree *tree);

/* One file, by a process of its own. */
INV_MUST_CHECK inv_status cli_read_run(const char *path, cli_reading how, inv_run **out);

/* ---- the other side ---- */

#define CLI_READER_WORD  "--reader" /* the one argument that makes the program the other side */
#define CLI_READER_READY 'R'

/* With it comes the file's descriptor. */
typedef struct cli_request {
    uint64_t size;      /* of the file */
    uint64_t array_max; /* bytes; larger arrays are not asked for */
    uint64_t is_model;  /* a model file of any format (inv_model_send), not a run file */
    uint64_t is_bytes;  /* of a model: inv_model_send_bytes */
    char name[4096];    /* of the file, for messages */
} cli_request;

/* Answers the requests that come on stdin until it is closed; does not return. */
int cli_reader_main(void);

/* Takes rights away from this process for good: to open files or to start anything, where the
 * kernel can (seccomp), and to leave a core. */
void cli_confine(void);
/* Limits what a file of `size` bytes may take of processor time and memory, from now on. */
void cli_confine_for(uint64_t size);

#endif
