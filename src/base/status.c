/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/status.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE     ((size_t)8 << 20) /* bytes from which pages of 2 MB pay */
#define HUGE_PAGE ((uintptr_t)2 << 20)

static _Thread_local char message[INV_MESSAGE_MAX];

static const char *const status_names[INV_STATUS_COUNT] = {
    [INV_OK] = "INV_OK",
    [INV_EINVAL] = "INV_EINVAL",
    [INV_ECONFIG] = "INV_ECONFIG",
    [INV_EIO] = "INV_EIO",
    [INV_EFORMAT] = "INV_EFORMAT",
    [INV_EDATA] = "INV_EDATA",
    [INV_ENUMERIC] = "INV_ENUMERIC",
    [INV_ENOMEM] = "INV_ENOMEM",
};

const char *inv_status_name(inv_status status)
{
    return (unsigned)status < INV_STATUS_COUNT ? status_names[status] : "unknown";
}

const char *inv_error_message(void)
{
    return message;
}

inv_status inv_error_set(inv_status code, const char *format, ...)
{
    char text[INV_MESSAGE_MAX]; /* apart, because an argument may be the message itself */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, sizeof message);
    /* one line, whatever a file name holds */
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return code;
}

/* Most of the time that it takes to fill 100 MB for the first time goes into pages of 4 KB. Only those
 * that lie within the block altogether: it takes no more memory. Where there are none, nothing changes. */
static void ask_for_huge_pages(void *block, size_t size)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t start = ((uintptr_t)block + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    const uintptr_t end = ((uintptr_t)block + size) & ~(HUGE_PAGE - 1);
    if (size >= LARGE && start < end)
        (void)madvise((char *)block + (start - (uintptr_t)block), end - start, MADV_HUGEPAGE);
#else
    (void)block, (void)size;
#endif
}

inv_status inv_calloc(size_t count, size_t size, const char *what, void **out)
{
    *out = NULL;
    if (count == 0 || size == 0)
        return INV_ERROR(INV_EINVAL, "%s: of no size", what);
    if (count > SIZE_MAX / size)
        return INV_ERROR(INV_ENOMEM, "%s: %zu x %zu bytes overflow", what, count, size);
    *out = calloc(count, size);
    if (!*out)
        return INV_ERROR(INV_ENOMEM, "%s: no memory for %zu bytes", what, count * size);
    ask_for_huge_pages(*out, count * size);
    return INV_OK;
}

/* Levenshtein's distance of two words of at most 63 characters; longer ones are far from all. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b), row[64];
    if (na >= 64 || nb >= 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t swap = diagonal + (a[i - 1] != b[j - 1]);
            size_t minimum = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = swap < minimum ? swap : minimum;
        }
    }
    return row[nb];
}

const char *inv_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 2 + 1; /* farther than half the word is no help */
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, names[i]);
        if (distance <= best && distance < strlen(names[i])) {
            best = distance - (distance > 0);
            nearest = names[i];
        }
    }
    return nearest;
}
