/* run.h - the run file: one HDF5 file that holds everything about a run.
 *
 * The file lives in memory while it is worked on: HDF5 never touches the disk. To open is to read
 * all bytes and check them against the SHA-256 in the seal, a line of text behind what HDF5 reads;
 * to save is to replace the file whole (inv_file_replace), so that there is no moment without a
 * good one. What the file holds and how is told in README.md, in this folder.
 *
 *     inv_run *run = NULL;
 *     const size_t dims[2] = {10, 784};
 *     status = inv_run_create(&run);
 *     status = status ? status : inv_run_put(run, "/things/kernel", INV_FLOAT32, 2, dims, values,
 *                                            INV_RUN_PLAIN);
 *     status = status ? status : inv_run_save(run, "run.h5");
 *     inv_run_free(run);
 *
 * Paths are absolute, "/network/hidden1/kernel"; groups on the way are made. Errors: INV_EIO,
 * INV_ENOMEM; what a file does not hold as it must is INV_EFORMAT, with the file's name and the
 * path in it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_RUN_H
#define INVPROJ_RUN_H

#include <stdbool.h>

#include "invproj/array.h"
#include "invproj/net.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INV_RUN_FORMAT   "invproj-run"
#define INV_RUN_VERSION  2 /* that is written; all from 1 on are read */
#define INV_RUN_RANK_MAX 4

typedef struct inv_run inv_run;

/* A new one, with @format and @format_version; nothing is written yet. */
INV_MUST_CHECK inv_status inv_run_create(inv_run **out);
/* For a file whose maker the caller trusts: HDF5 itself opens it, which is not safe on bytes made to
 * do harm, and a seal is easily made. Files of strangers: see stream.h. INV_EFORMAT: not a run file,
 * a newer format, or bytes that do not match the seal. */
INV_MUST_CHECK inv_status inv_run_open(const char *path, inv_run **out);
INV_MUST_CHECK inv_status inv_run_save(inv_run *run, const char *path);
void inv_run_free(inv_run *run);

/* The name of the file, for messages. */
const char *inv_run_name(const inv_run *run);

/* ---- what other programs may have changed ---- */

/* Whether the file was sealed when it was opened, or has been by inv_run_save since. It is not
 * where another program has opened it for writing, changed or not: HDF5 then drops the seal. A
 * caller that opens such a file should say so. */
bool inv_run_is_sealed(const inv_run *run);

/* The network, each inverse, each Gaussian and each result carry a checksum of their own, over
 * their arrays and @layers. */
typedef enum inv_run_section {
    INV_RUN_AS_WRITTEN, /* by this library */
    INV_RUN_CHANGED,    /* by another program since */
    INV_RUN_UNSIGNED    /* nothing there carries a checksum */
} inv_run_section;

/* The attribute of those that another program has changed, once the program has taken them as they are and
 * given them a checksum anew. */
#define INV_RUN_MARK "changed"

/* Which of them the group `path` is: "/network", "/inverse/r2rt", ... */
INV_MUST_CHECK inv_status inv_run_check(const inv_run *run, const char *path, inv_run_section *out);

/* Gives each of them that was written to since its checksum, as inv_run_save does: it is the
 * attribute @sha256 of the group. */
INV_MUST_CHECK inv_status inv_run_sign(inv_run *run);

/* ---- arrays ---- */

typedef enum inv_run_storage {
    INV_RUN_PLAIN,  /* contiguous */
    INV_RUN_PACKED, /* chunked, shuffled, deflated */
    INV_RUN_IMAGES  /* packed; float32 of [n, height, width] or [n, height, width, 3] with the
                       attributes of the HDF5 Image specification */
} inv_run_storage;

/* Whether something stands at `path`. */
bool inv_run_has(const inv_run *run, const char *path);

/* Writes an array over whatever stood at `path`. INV_EINVAL: a type or storage that is none,
 * more than INV_RUN_RANK_MAX dimensions or one of size 0; none, which makes a scalar, is for
 * INV_RUN_PLAIN. */
INV_MUST_CHECK inv_status inv_run_put(inv_run *run, const char *path, inv_type type, size_t rank,
                                      const size_t *dims, const void *data,
                                      inv_run_storage storage);
/* Appends `count` values to the 1-dimensional, extendible array at `path`. */
INV_MUST_CHECK inv_status inv_run_append(inv_run *run, const char *path, inv_type type,
                                         size_t count, const void *data);
/* The sizes of the array at `path`. */
INV_MUST_CHECK inv_status inv_run_dims(const inv_run *run, const char *path, size_t *rank,
                                       size_t dims[INV_RUN_RANK_MAX]);
/* Reads the array at `path`, which must have exactly `count` values of that type's kind. */
INV_MUST_CHECK inv_status inv_run_get(const inv_run *run, const char *path, inv_type type,
                                      size_t count, void *data);
/* Takes away what stands at `path`, if anything. */
INV_MUST_CHECK inv_status inv_run_remove(inv_run *run, const char *path);

/* ---- attributes of a group or array ("/" is the root) ---- */

INV_MUST_CHECK inv_status inv_run_set_text(inv_run *run, const char *path, const char *name,
                                           const char *text);
INV_MUST_CHECK inv_status inv_run_set_texts(inv_run *run, const char *path, const char *name,
                                            const char *const *texts, size_t count);
INV_MUST_CHECK inv_status inv_run_set_real(inv_run *run, const char *path, const char *name,
                                           double value);
INV_MUST_CHECK inv_status inv_run_set_size(inv_run *run, const char *path, const char *name,
                                           uint64_t value);
/* Takes an attribute away, if it is there. */
INV_MUST_CHECK inv_status inv_run_unset(inv_run *run, const char *path, const char *name);
bool inv_run_has_attribute(const inv_run *run, const char *path, const char *name);
/* *text is the caller's to free. */
INV_MUST_CHECK inv_status inv_run_text(const inv_run *run, const char *path, const char *name,
                                       char **text);
/* Exactly `count` texts, each the caller's to free; on failure none is left. */
INV_MUST_CHECK inv_status inv_run_texts(const inv_run *run, const char *path, const char *name,
                                        char **texts, size_t count);
INV_MUST_CHECK inv_status inv_run_real(const inv_run *run, const char *path, const char *name,
                                       double *value);
INV_MUST_CHECK inv_status inv_run_size(const inv_run *run, const char *path, const char *name,
                                       uint64_t *value);

/* ---- groups, nets, states ---- */

/* The groups that hold results, in the order in which they are told: each group in one is a result, with
 * a checksum of its own. Ends with NULL. */
extern const char *const inv_run_results[];

/* The names of the groups in the group at `path`, at most `max`; none where there is no such group.
 */
size_t inv_run_groups(const inv_run *run, const char *path, char names[][INV_NAME_MAX], size_t max);

/* A net under the group `path`: @layers, and each layer's blocks as LAYER/BLOCK. */
INV_MUST_CHECK inv_status inv_run_put_net(inv_run *run, const char *path, const inv_net *net);
/* Builds it again for rows of `input`; the caller frees. INV_EFORMAT where blocks do not fit the
 * layers or are not finite. */
INV_MUST_CHECK inv_status inv_run_get_net(const inv_run *run, const char *path, inv_shape input,
                                          inv_net **out);

/* The arrays of a method's state, under the group `path`. To get them, each must be as long as
 * listed. */
INV_MUST_CHECK inv_status inv_run_put_state(inv_run *run, const char *path, const inv_array *state,
                                            size_t count);
INV_MUST_CHECK inv_status inv_run_get_state(const inv_run *run, const char *path,
                                            const inv_array *state, size_t count);

#ifdef __cplusplus
}
#endif
#endif
