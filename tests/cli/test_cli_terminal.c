/* What the program does in a terminal: the bar, in windows of any width.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "cli_short.h"
#include "program.h"
#include "suites.h"
#include "support.h"

/* Epochs and steps of as many digits as there may be. */
#define LONG                                                                                       \
    "data = { validation = 50; };\n"                                                               \
    "network = { layers = (\n"                                                                     \
    "  { name = \"hidden\"; type = \"dense\"; units = 19; activation = \"relu\"; },\n"             \
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"                 \
    "training = { epochs = 1000000; batch = 70; reduction = \"mean\"; };\n"
#define TRAIN      "train %s --threads 1 --data data -o long.h5 --force "
#define LEN(array) (sizeof(array) / sizeof *(array))

static char *place;

static void open_place(void)
{
    place = support_folder();
    short_data(support_at(place, "data"));
    support_write(support_at(place, "long.cfg"), LONG, strlen(LONG));
}

static void close_place(void)
{
    support_remove(place);
}

/* ---- what a terminal shows ---- */

/* A terminal, as far as a bar needs one: the line that the cursor is in, which may go over several
 * rows, and those above it. Where the window gets narrower, some terminals break a line in two,
 * others cut it. */
typedef struct screen {
    size_t columns;
    bool breaks;
    char line[2048];
    size_t length, at;
    size_t reached; /* columns that were written to since the cursor came back */
    char bar[512];  /* the newest line that ended without a new one */
    size_t bars;
    char *above;
    size_t above_size;
    FILE *to_above;
} screen;

static void screen_open(screen *s, size_t columns, bool breaks)
{
    *s = (screen){.columns = columns, .breaks = breaks};
    s->to_above = open_memstream(&s->above, &s->above_size);
    ck_assert_ptr_nonnull(s->to_above);
}

static void screen_close(screen *s)
{
    fclose(s->to_above);
    free(s->above);
}

static void screen_resize(screen *s, size_t columns)
{
    s->columns = columns;
    if (!s->breaks && s->length > columns)
        s->length = columns;
    if (!s->breaks && s->at >= columns)
        s->at = columns - 1;
}

/* A line that is drawn over must be in one row, and must leave the last column alone: some
 * terminals go to the next row once that is written. */
static void go_back(screen *s)
{
    ck_assert_msg(s->reached < s->columns, "%zu characters where there are %zu columns: %.*s",
                  s->reached, s->columns, (int)s->length, s->line);
    if (s->reached > 0) {
        snprintf(s->bar, sizeof s->bar, "%.*s", (int)s->length, s->line);
        s->bars++;
    }
    s->at -= s->at % s->columns;
    s->reached = 0;
}

static void next_line(screen *s)
{
    fprintf(s->to_above, "%.*s\n", (int)s->length, s->line);
    s->length = s->at = s->reached = 0;
}

static void write_one(screen *s, char c)
{
    ck_assert_msg((unsigned char)c >= ' ', "byte %d", c);
    ck_assert_uint_lt(s->at, sizeof s->line);
    s->line[s->at++] = c;
    s->reached++;
    s->length = s->at > s->length ? s->at : s->length;
}

/* "\033[J" and "\033[K": to the end of the screen, or of the row. */
static size_t erase(screen *s, const char *bytes)
{
    const size_t end = s->at - s->at % s->columns + s->columns;
    ck_assert_msg(bytes[1] == '[' && (bytes[2] == 'J' || bytes[2] == 'K'), "escape %.3s",
                  bytes + 1);
    if (bytes[2] == 'J' || end >= s->length)
        s->length = s->at;
    else
        memset(s->line + s->at, ' ', end - s->at);
    return 3;
}

static void screen_show(screen *s, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count;) {
        if (bytes[i] == '\033')
            i += erase(s, bytes + i);
        else if (bytes[i] == '\r' && bytes[i + 1] == '\n')
            next_line(s), i += 2;
        else if (bytes[i] == '\r')
            go_back(s), i++;
        else
            write_one(s, bytes[i++]);
    }
}

/* ---- the bar ---- */

#define DRAWN "\033[J\r" /* what each drawing ends with */

static size_t count_drawings(const char *said)
{
    size_t count = 0;
    for (const char *at = said; (at = strstr(at, DRAWN)); at += strlen(DRAWN))
        count++;
    return count;
}

/* Lets the program draw `more` bars, and shows them. The newest was drawn a moment ago, so that the
 * next one is some way off. */
static void watch(program *p, screen *s, size_t *shown, size_t more)
{
    const struct timespec pause = {0, 2000000};
    size_t wanted = SIZE_MAX;
    for (int left = 15000;; left--) {
        char *said = program_said(p);
        const size_t drawn = count_drawings(said), length = strlen(said);
        if (wanted == SIZE_MAX)
            wanted = drawn + more;
        if (drawn >= wanted && length > 4 && strcmp(said + length - strlen(DRAWN), DRAWN) == 0) {
            screen_show(s, said + *shown, length - *shown);
            *shown = length;
            free(said);
            return;
        }
        ck_assert_msg(left > 1, "%s: draws no bar:\n%s", p->command, said);
        free(said);
        nanosleep(&pause, NULL);
    }
}

/* Ends the program, shows what it said at last, and checks that nothing of a bar is left. */
static void end(program *p, screen *s, size_t shown)
{
    kill(p->child, SIGTERM);
    program_wait(p);
    ck_assert_program(p, 143);
    screen_show(s, p->err + shown, strlen(p->err) - shown);
    ck_assert_uint_eq(s->length, 0);
    fflush(s->to_above);
    ck_assert_uint_eq(program_lines(s->above), 3);
    ck_assert_msg(strncmp(s->above, "data      ", 10) == 0, "%s", s->above);
    ck_assert_msg(strstr(s->above, "\ntraining: stopped; ") != NULL, "%s", s->above);
    ck_assert_msg(!strchr(s->above, '[') && !strchr(s->above, '%'), "%s", s->above);
    program_free(p);
}

static size_t count_of(const char *text, const char *set)
{
    size_t count = 0;
    for (; *text; text++)
        count += strchr(set, *text) != NULL;
    return count;
}

/* What a bar of a training in epochs has beside it, by the width of the window. */
static void check_bar(const char *bar, size_t columns)
{
    const bool has_count = strstr(bar, "/5000000") != NULL,
               has_epoch = strstr(bar, "epoch ") != NULL, has_time = strstr(bar, " s left") != NULL,
               has_speed = strstr(bar, " steps/s") != NULL;
    if (columns < 30) {
        ck_assert_msg(strspn(bar, "0123456789") == strlen(bar) - 1 && strchr(bar, '%'), "%s", bar);
        return;
    }
    ck_assert_msg(strncmp(bar, "training  [", 11) == 0 && strchr(bar, ']'), "%s", bar);
    ck_assert_msg(count_of(bar, "#.") <= 30, "%s", bar);
    ck_assert_msg(count_of(bar, "#.") >= 5, "%s", bar);
    ck_assert_msg(has_count || strchr(bar, '%'), "%s", bar);
    ck_assert_msg(has_epoch == (columns > 40), "%s", bar);
    ck_assert_msg(has_time == (columns > 60), "%s", bar);
    if (columns > 100)
        ck_assert_msg(has_speed && count_of(bar, "#.") == 30, "%s", bar);
}

static const unsigned short widths[] = {3, 5, 20, 29, 30, 40, 80, 132, 200};

static program *start_here(unsigned short columns, const char *environment)
{
    const program_how how = {
        .folder = place, .terminal = true, .columns = columns, .environment = environment};
    return program_start(&how, TRAIN, "long.cfg");
}

START_TEST(the_bar_is_one_line_in_any_window)
{
    screen s;
    size_t shown = 0;
    screen_open(&s, widths[_i], true);
    program *p = start_here(widths[_i], NULL);
    watch(p, &s, &shown, 3);
    ck_assert_uint_ge(s.bars, 3);
    if (widths[_i] >= 20)
        check_bar(s.bar, widths[_i]);
    end(p, &s, shown);
    screen_close(&s);
}
END_TEST

/* In both kinds of terminal: those that break the line where the window gets narrower, and those
 * that cut it. */
START_TEST(the_bar_follows_the_window)
{
    static const unsigned short columns[] = {30, 200, 20, 80, 30, 132};
    screen s;
    size_t shown = 0;
    screen_open(&s, 200, _i);
    program *p = start_here(200, NULL);
    watch(p, &s, &shown, 1);
    for (size_t i = 0; i < LEN(columns); i++) {
        program_resize(p, columns[i]);
        screen_resize(&s, columns[i]);
        watch(p, &s, &shown, 2);
        check_bar(s.bar, columns[i]);
    }
    end(p, &s, shown);
    screen_close(&s);
}
END_TEST

START_TEST(a_terminal_that_does_not_tell_its_width)
{
    static const struct {
        const char *said;
        size_t columns;
    } cases[] = {{"COLUMNS=40", 40},
                 {"COLUMNS=132", 132},
                 {"COLUMNS=wide", 80},
                 {"COLUMNS=-5", 80},
                 {"COLUMNS=", 80}};
    for (size_t i = 0; i < LEN(cases); i++) {
        screen s;
        size_t shown = 0;
        program *p = start_here(80, cases[i].said);
        screen_open(&s, 80, true);
        program_resize(p, 0); /* long before the first bar */
        screen_resize(&s, cases[i].columns);
        watch(p, &s, &shown, 2);
        check_bar(s.bar, cases[i].columns);
        end(p, &s, shown);
        screen_close(&s);
    }
}
END_TEST

/* Nor a carriage return but those that the terminal adds to the ends of lines. */
START_TEST(a_dumb_terminal_gets_lines)
{
    static const char *const types[] = {"dumb", ""};
    const program_how how = {.folder = place, .terminal = true, .type = types[_i]};
    program *p = program_run(&how, TRAIN "--set training.epochs=2000", "long.cfg");
    ck_assert_program(p, 0);
    ck_assert_ptr_null(strchr(p->err, '\033'));
    ck_assert_uint_eq(count_of(p->err, "\r"), program_lines(p->err));
    ck_assert_ptr_nonnull(strstr(p->err, "training: 10000 steps, 5 per epoch\r\n"));
    ck_assert_ptr_nonnull(strstr(p->err, "\r\ntraining  10000 steps in "));
    program_free(p);
}
END_TEST

/* An error is a line of its own, in whatever window it finds a bar. */
START_TEST(an_error_takes_the_place_of_the_bar)
{
    screen s;
    screen_open(&s, 80, true);
    const program_how how = {.folder = place, .terminal = true, .file_bytes = 100000};
    program *p = program_run(&how, TRAIN "--checkpoint 1s", "long.cfg");
    ck_assert_program(p, 1);
    ck_assert_ptr_nonnull(strstr(p->err, DRAWN));
    screen_show(&s, p->err, strlen(p->err));
    fflush(s.to_above);
    ck_assert_uint_eq(s.length, 0);
    ck_assert_msg(strstr(s.above, "\ninvproj: long.h5: File too large") != NULL, "%s", s.above);
    ck_assert_ptr_null(strchr(s.above, '['));
    program_free(p);
    screen_close(&s);
}
END_TEST

/* A job that a shell has put into the background leaves the line alone: somebody types there. */
START_TEST(a_job_in_the_background_draws_no_bar)
{
    const program_how how = {.path = "sh", .folder = place, .terminal = true, .controlling = true};
    char *invproj = realpath(getenv("INVPROJ") ? getenv("INVPROJ") : "build/invproj", NULL);
    for (int background = 0; background < 2; background++) {
        char script[1024];
        snprintf(script, sizeof script, "'%s' " TRAIN "--set training.epochs=20000 %s", invproj,
                 "long.cfg", background ? "& wait" : "; true");
        program *p = program_start(&how, "-m -c %s", script);
        program_wait_for(p, "training  100000 steps");
        char *said = program_said(p);
        ck_assert_msg((strstr(said, DRAWN) == NULL) == background, "%s", said);
        free(said);
        program_wait(p);
        program_free(p);
    }
    free(invproj);
}
END_TEST

Suite *cli_terminal_suite(void)
{
    Suite *suite = suite_create("cli_terminal");
    TCase *tests = tcase_create("terminal");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_loop_test(tests, the_bar_is_one_line_in_any_window, 0, LEN(widths));
    tcase_add_loop_test(tests, the_bar_follows_the_window, 0, 2);
    tcase_add_test(tests, a_terminal_that_does_not_tell_its_width);
    tcase_add_loop_test(tests, a_dumb_terminal_gets_lines, 0, 2);
    tcase_add_test(tests, an_error_takes_the_place_of_the_bar);
    tcase_add_test(tests, a_job_in_the_background_draws_no_bar);
    suite_add_tcase(suite, tests);
    return suite;
}
