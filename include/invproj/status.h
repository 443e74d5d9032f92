/* status.h - status codes and the message that goes with them.
 *
 * Every function that can fail returns an inv_status; results leave through out-parameters. The
 * message of the newest failure of this thread is one line, "WHAT: WHY", without a newline.
 *
 * Numbers, names, sizes and structs that a function cannot work with are refused (INV_EINVAL). What
 * a pointer leads to is not looked into: it must be there, unless the header says that it may be
 * NULL. Functions that return no status check nothing.
 *
 *     inv_dataset *data = NULL;
 *     if (inv_dataset_open("data/mnist", 255.0, &data) != INV_OK)
 *         fprintf(stderr, "myprogram: %s\n", inv_error_message());
 *     inv_dataset_free(data);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_STATUS_H
#define INVPROJ_STATUS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum inv_status {
    INV_OK = 0,
    INV_EINVAL,   /* an argument or option is out of its range */
    INV_ECONFIG,  /* an experiment file is wrong */
    INV_EIO,      /* the system refused to open, read, write, sync or rename */
    INV_EFORMAT,  /* a file's content is not what it has to be */
    INV_EDATA,    /* the data cannot serve: none, all alike, none confident enough, not those of the
                     run */
    INV_ENUMERIC, /* values are no longer finite */
    INV_ENOMEM,   /* out of memory, or a size that overflows */
    INV_STATUS_COUNT
} inv_status;

#if defined(__GNUC__)
#define INV_MUST_CHECK         __attribute__((warn_unused_result))
#define INV_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define INV_MUST_CHECK
#define INV_PRINTF(fmt, first)
#endif

/* Longest message kept, its NUL included; a longer one is cut. */
#define INV_MESSAGE_MAX 1024

/* The name of a code, e.g. "INV_EIO"; "unknown" for a value that is none. */
const char *inv_status_name(inv_status status);

/* The message of the newest failure in this thread; "" before the first. Valid until the next one.
 */
const char *inv_error_message(void);

/* Keeps the message and returns `code`. Arguments may point into the current message. */
inv_status inv_error_set(inv_status code, const char *format, ...) INV_PRINTF(2, 3);

/* Raises: `return INV_ERROR(INV_EIO, "%s: %s", path, strerror(errno));` */
#define INV_ERROR(code, ...) ((void)inv_error_set((code), __VA_ARGS__), (code))

/* For a function with a local `inv_status status` and one label, `done:`, at its end that releases
 * everything, on success as on failure. INV_TRY leaves for it where a call failed, INV_RAISE in any
 * case, with an error that a function of the caller's has made, and INV_FAIL with one of its own. */
#define INV_RAISE(error)                                                                           \
    do {                                                                                           \
        status = (error);                                                                          \
        goto done;                                                                                 \
    } while (0)
#define INV_FAIL(code, ...) INV_RAISE(INV_ERROR((code), __VA_ARGS__))
#define INV_TRY(call)                                                                              \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != INV_OK)                                                                      \
            goto done;                                                                             \
    } while (0)

/* Allocates count * size zeroed bytes, refusing a product that overflows or nothing at all.
 * `*out` is the caller's to free(). `what` names the thing in the message. */
INV_MUST_CHECK inv_status inv_calloc(size_t count, size_t size, const char *what, void **out);

/* The one of `count` names nearest to `word` by edit distance, for "did you mean"; NULL if none is
 * near. */
const char *inv_nearest(const char *word, const char *const *names, size_t count);

#ifdef __cplusplus
}
#endif
#endif
