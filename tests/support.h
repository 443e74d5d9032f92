/* support.h - what the test suites share: temporary folders, files, assertions, a small data set.
 *
 *     char *folder = support_folder();
 *     support_write_dataset(folder, 120, 40, 6, 5, 3, 7);
 *     ck_assert_status(inv_dataset_open(folder, 255.0, &data), INV_OK);
 *     support_remove(folder);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_SUPPORT_H
#define INVPROJ_TESTS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <check.h>

#include "invproj/status.h"

/* The call's status, shown with its message where it is another than expected. */
#define ck_assert_status(call, expected)                                                           \
    do {                                                                                           \
        inv_status got_status_ = (call);                                                           \
        ck_assert_msg(got_status_ == (expected), "%s gave %s (%s), not %s", #call,                 \
                      inv_status_name(got_status_),                                                \
                      got_status_ == INV_OK ? "" : inv_error_message(),                            \
                      inv_status_name(expected));                                                  \
    } while (0)

/* That the newest error message has `text` in it. */
#define ck_assert_message_has(text)                                                                \
    do {                                                                                           \
        const char *text_ = (text);                                                                \
        ck_assert_msg(support_message_has(text_), "\"%s\" does not say \"%s\"",                    \
                      inv_error_message(), text_);                                                 \
    } while (0)

int support_message_has(const char *text);

/* A new empty folder in $TMPDIR or the system's own; support_remove empties, removes and frees it.
 */
char *support_folder(void);
void support_remove(char *folder);

/* "folder/name", in one of eight static buffers that take turns. */
const char *support_at(const char *folder, const char *name);

/* How many entries a folder has, hidden ones too. */
size_t support_entries(const char *folder);

/* Writes a file; reads one whole (the caller frees, one NUL byte follows). */
void support_write(const char *path, const void *bytes, size_t size);
unsigned char *support_read(const char *path, size_t *size);

/* The seal of a run file: the line that stands behind `size` bytes of HDF5. */
#define SUPPORT_SEAL 128
void support_seal(const unsigned char *body, size_t size, char seal[SUPPORT_SEAL]);

/* bytes gzipped; the caller frees. */
unsigned char *support_gzip(const void *bytes, size_t size, size_t *gzipped);

/* A .npy file of version 1 with that dictionary as its header; the caller frees. */
unsigned char *support_npy(const char *dictionary, const void *data, size_t data_size,
                           size_t *size);

/* A member of a ZIP archive. */
typedef struct support_member {
    const char *name;
    const void *bytes;
    size_t size;
} support_member;

/* Writes an archive of `count` members, deflated or stored. */
void support_write_zip(const char *path, const support_member *members, size_t count, int deflated);

/* Says in one line on stdout what cannot be tested here, and why: "SUITE: skipped: WHAT". */
__attribute__((format(printf, 2, 3))) void support_skipped(const char *suite, const char *what,
                                                           ...);
/* Whether it has been said in this process: a suite that could test nothing at all says so while it
 * is made. */
bool support_has_skipped(void);

/* Whether this is built with the address sanitizer, which has a malloc of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define SUPPORT_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SUPPORT_SANITIZED true
#endif
#endif
#ifndef SUPPORT_SANITIZED
#define SUPPORT_SANITIZED false
#endif

/* Runs `body` in a child process, so that it may lower limits and ids; returns its exit status, 128
 * + the signal if one killed it. */
int support_in_child(int (*body)(void *), void *arg);

/* Signals as a user's shell leaves them, whatever the tests were started by: nohup ignores SIGHUP, a
 * script's "&" SIGINT. For a child, before it becomes the program. */
void support_usual_signals(void);

/* Writes the four IDX files of a data set that can be learnt: each class is a smooth random
 * picture, each image that picture dimmed a little and with noise on it. Every class is in both
 * parts if there is room. The same seed gives the same bytes. */
void support_write_dataset(const char *folder, size_t train, size_t test, size_t height,
                           size_t width, size_t classes, unsigned long seed);

#endif
