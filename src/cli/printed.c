/* What the program prints: names and texts come from files of strangers, and a terminal obeys what
 * it is shown.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "invproj/text.h"
#include "printed.h"

/* ---- the filter that stdout and stderr go through ---- */

#define SHOWN_MAX 8 /* bytes that a character takes at most, as it is shown */

/* Nothing in it takes memory: that there is none is one of the things it must be able to say. */
typedef struct filter {
    int file;
    size_t held_count, shown_count;
    char held[4]; /* of a character that is not all there yet */
    char shown[BUFSIZ];
} filter;

static filter out_filter = {.file = STDOUT_FILENO}, error_filter = {.file = STDERR_FILENO};

/* Characters that a terminal obeys rather than shows: control characters, but for tab and newline,
 * and those that turn the direction of writing or begin a line. */
static bool is_obeyed(uint32_t point)
{
    return (point < 0x20 && point != '\n' && point != '\t') || (point >= 0x7f && point < 0xa0) ||
           inv_turns_text(point);
}

static bool write_shown(filter *f)
{
    const char *at = f->shown, *end = at + f->shown_count;
    f->shown_count = 0;
    while (at < end) {
        const ssize_t n = write(f->file, at, (size_t)(end - at));
        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? n : 0;
    }
    return true;
}

/* Bytes of the character that begins so, not all of which may be there. */
static size_t promised(char first)
{
    const unsigned char c = (unsigned char)first;
    return c < 0xc2 || c > 0xf4 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* The first `length` bytes held, a character or (0) a byte that is none, as they are shown: \u001b as JSON
 * writes it too, since in JSON such characters are in texts alone, and \xff. */
static bool show(filter *f, size_t length, uint32_t point)
{
    char *to = f->shown + f->shown_count;
    if (length == 0)
        f->shown_count += (size_t)snprintf(to, SHOWN_MAX, "\\x%02x", (unsigned char)f->held[0]);
    else if (is_obeyed(point))
        f->shown_count += (size_t)snprintf(to, SHOWN_MAX, "\\u%04x", (unsigned)point);
    else
        memcpy(to, f->held, length), f->shown_count += length;
    const size_t gone = length ? length : 1;
    f->held_count -= gone;
    memmove(f->held, f->held + gone, f->held_count);
    return sizeof f->shown - f->shown_count >= SHOWN_MAX || write_shown(f);
}

/* Shows what is held, but for a character that is still to come, unless nothing more will. */
static bool show_held(filter *f, bool last)
{
    while (f->held_count > 0) {
        uint32_t point = 0;
        const size_t length = inv_utf8(f->held, f->held_count, &point);
        if (length == 0 && f->held_count < promised(f->held[0]) && !last)
            break;
        if (!show(f, length, point))
            return false;
    }
    return true;
}

/* How many of the bytes are shown as they are, each a character: nearly all of what is printed. */
static size_t plain_length(const char *bytes, size_t size)
{
    size_t n = 0;
    while (n < size && ((bytes[n] >= ' ' && bytes[n] <= '~') || bytes[n] == '\n'))
        n++;
    return n;
}

/* As fopencookie(3) wants it: the bytes taken, or 0 where they cannot be written. */
static ssize_t filter_write(void *cookie, const char *bytes, size_t size)
{
    filter *f = cookie;
    for (size_t i = 0; i < size;) {
        size_t n = f->held_count > 0 ? 0 : plain_length(bytes + i, size - i);
        if (n > sizeof f->shown - f->shown_count)
            n = sizeof f->shown - f->shown_count;
        memcpy(f->shown + f->shown_count, bytes + i, n);
        f->shown_count += n;
        i += n;
        if (n > 0 && sizeof f->shown - f->shown_count < SHOWN_MAX && !write_shown(f))
            return 0;
        if (n > 0 || i == size)
            continue;
        f->held[f->held_count++] = bytes[i++];
        if (!show_held(f, false))
            return 0;
    }
    return write_shown(f) ? (ssize_t)size : 0;
}

static int filter_close(void *cookie)
{
    filter *f = cookie;
    const bool good = show_held(f, true) && write_shown(f);
    return close(f->file) == 0 && good ? 0 : -1;
}

static FILE *open_filter(filter *f, int buffering)
{
    const cookie_io_functions_t functions = {.write = filter_write, .close = filter_close};
    FILE *file = fopencookie(f, "w", functions);
    if (file)
        setvbuf(file, NULL, buffering, BUFSIZ);
    return file;
}

bool cli_printed_open(void)
{
    FILE *error = open_filter(&error_filter, _IONBF);
    FILE *out = error ? open_filter(&out_filter, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF) : NULL;
    if (out) {
        stdout = out; /* with glibc they are variables */
        stderr = error;
    }
    return out != NULL;
}

/* ---- texts of others ---- */

void cli_one_line(char *text)
{
    for (char *c = text; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}
