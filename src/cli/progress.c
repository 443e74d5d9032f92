/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/plural.h"
#include "cli.h"
#include "printed.h"

#define BAR           30   /* characters of the bar, where there is room */
#define BAR_LEAST     5    /* before it gets shorter, something beside it goes */
#define BAR_COLUMNS   30   /* with fewer, there is only a percentage */
#define BAR_SECONDS   0.1  /* between two drawings */
#define PLAIN_SECONDS 30.0 /* between two lines where stderr is no terminal */
#define USUAL_COLUMNS 80   /* of a terminal that does not say */
#define LINE_BYTES    256

double cli_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- the terminal ---- */

/* Whether a bar stands there, with the cursor at its start. A handler of signals asks too. */
static volatile sig_atomic_t bar_stands;

/* Whether stderr is a terminal that can go back to the start of a line and erase. */
static bool is_terminal(void)
{
    const char *type = getenv("TERM");
    return isatty(STDERR_FILENO) && type && *type && strcmp(type, "dumb") != 0;
}

/* As it is now: the window may have changed since the last drawing. */
static size_t count_columns(void)
{
    struct winsize size;
    const char *said = getenv("COLUMNS");
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const long columns = said ? strtol(said, NULL, 10) : 0;
    return columns > 0 ? (size_t)columns : USUAL_COLUMNS;
}

/* Then the line belongs to whoever types there. */
static bool is_in_background(void)
{
    const pid_t group = tcgetpgrp(STDERR_FILENO);
    return group > 0 && group != getpgrp();
}

void cli_progress_clear(void)
{
    static const char erase[] = "\r\033[J";
    if (bar_stands && write(STDERR_FILENO, erase, sizeof erase - 1) > 0)
        bar_stands = 0;
}

/* ---- the bar ---- */

/* "epoch 3/15, " after `done` steps, or nothing where steps are what counts. */
static const char *epoch_of(const cli_progress *p, size_t done, char text[64])
{
    text[0] = 0;
    if (p->epoch > 0)
        snprintf(text, 64, "epoch %zu/%zu, ", (done + p->epoch - 1) / p->epoch,
                 p->total / p->epoch);
    return text;
}

static double seconds_left(const cli_progress *p, size_t done, double rate)
{
    return rate > 0.0 ? (double)(p->total - done) / rate : 0.0;
}

/* What may stand beside the bar, the fullest first. */
enum { ALL, NO_SPEED, NO_TIME, NO_EPOCH, PERCENTAGE, LEVELS };

/* Its length. */
static size_t print_beside(const cli_progress *p, size_t done, double rate, int level,
                           char text[LINE_BYTES])
{
    char epoch[64] = "", speed[64] = "", left[64] = "";
    if (level == PERCENTAGE)
        return (size_t)snprintf(text, LINE_BYTES, "%zu%%", 100 * done / p->total);
    if (level < NO_EPOCH)
        epoch_of(p, done, epoch);
    if (level < NO_TIME)
        snprintf(left, sizeof left, "  %.0f s left", seconds_left(p, done, rate));
    if (level < NO_SPEED)
        snprintf(speed, sizeof speed, "  %.0f steps/s", rate);
    return (size_t)snprintf(text, LINE_BYTES, "%s%zu/%zu%s%s", epoch, done, p->total, speed, left);
}

/* "training  [####......] 3/15", at most `room` characters: the bar gets shorter, then what is
 * beside it less. At last there is a percentage alone, or nothing. */
static void print_bar(const cli_progress *p, size_t done, double rate, size_t room,
                      char line[2 * LINE_BYTES])
{
    char beside[LINE_BYTES], bar[BAR + 1] = "";
    const size_t around = (size_t)snprintf(line, LINE_BYTES, "%-9s [] ", p->stage);
    for (int level = 0; room >= BAR_COLUMNS - 1 && level < LEVELS; level++) {
        const size_t used = around + print_beside(p, done, rate, level, beside);
        if (used + BAR_LEAST > room)
            continue;
        const size_t length = room - used < BAR ? room - used : BAR;
        memset(bar, '.', length);
        memset(bar, '#', length * done / p->total);
        snprintf(line, 2 * LINE_BYTES, "%-9s [%s] %s", p->stage, bar, beside);
        return;
    }
    if (print_beside(p, done, rate, PERCENTAGE, line) > room)
        line[0] = 0;
}

/* The cursor ends at the start of the line: where a window that gets narrower breaks the line in
 * two, all of it is still behind the cursor, and the next drawing erases it. */
static void draw_line(const char *line)
{
    dprintf(STDERR_FILENO, "\r%s\033[J\r", line); /* past the filter of what is printed */
}

static void draw_bar(const cli_progress *p, size_t done, double rate)
{
    char line[2 * LINE_BYTES];
    bar_stands = !is_in_background();
    if (!bar_stands)
        return;
    print_bar(p, done, rate, count_columns() - 1, line); /* the last column may start a new line */
    draw_line(line);
}

/* ---- a stage's progress ---- */

void cli_progress_open(cli_progress *progress, bool quiet)
{
    *progress = (cli_progress){.quiet = quiet, .terminal = is_terminal(), .shown = cli_seconds()};
}

void cli_progress_start(cli_progress *progress, const char *stage, size_t total, size_t done)
{
    progress->stage = stage;
    progress->total = total;
    progress->first = done;
    progress->start = progress->shown = cli_seconds();
    if (progress->quiet)
        return;
    if (done > 0)
        cli_note(progress, "%s: continuing from step %zu of %zu", stage, done, total);
    else if (!progress->terminal && progress->epoch > 0)
        cli_note(progress, "%s: %zu %s, %zu per epoch", stage, total,
                 inv_plural(total, "step", "steps"), progress->epoch);
    else if (!progress->terminal)
        cli_note(progress, "%s: %zu %s", stage, total, inv_plural(total, "step", "steps"));
}

void cli_progress_step(cli_progress *progress, size_t done)
{
    const double now = cli_seconds();
    if (progress->quiet ||
        now - progress->shown < (progress->terminal ? BAR_SECONDS : PLAIN_SECONDS))
        return;
    const double rate = (double)(done - progress->first) / (now - progress->start);
    char epoch[64];
    progress->shown = now;
    if (progress->terminal)
        draw_bar(progress, done, rate);
    else
        fprintf(stderr, "%s: %s%zu of %zu steps, %.0f steps/s, %.0f s left\n", progress->stage,
                epoch_of(progress, done, epoch), done, progress->total, rate,
                seconds_left(progress, done, rate));
}

void cli_progress_text(cli_progress *progress, const char *text)
{
    char line[LINE_BYTES];
    const double now = cli_seconds();
    if (progress->quiet ||
        now - progress->shown < (progress->terminal ? BAR_SECONDS : PLAIN_SECONDS))
        return;
    progress->shown = now;
    if (!progress->terminal) {
        fprintf(stderr, "%s\n", text);
        return;
    }
    bar_stands = !is_in_background();
    if (!bar_stands)
        return;
    snprintf(line, sizeof line, "%.*s", (int)count_columns() - 1, text);
    draw_line(line);
}

void cli_progress_end(cli_progress *progress, size_t done)
{
    const double seconds = cli_seconds() - progress->start;
    cli_note(progress, "%-9s %zu %s in %.2f s, %.0f steps/s", progress->stage,
             done - progress->first, inv_plural(done - progress->first, "step", "steps"), seconds,
             seconds > 0.0 ? (double)(done - progress->first) / seconds : 0.0);
}

static void print_line(const char *format, va_list args)
{
    char line[INV_MESSAGE_MAX];
    vsnprintf(line, sizeof line, format, args);
    cli_one_line(line);
    cli_progress_clear();
    fprintf(stderr, "%s\n", line);
}

void cli_note(const cli_progress *progress, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!progress->quiet)
        print_line(format, args);
    va_end(args);
}

void cli_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(format, args);
    va_end(args);
}
