/* Sweeps: what is listed, run, resumed, refused, shared in parts and stopped.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <hdf5.h>
#include <jansson.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define LEN(array) (sizeof(array) / sizeof *(array))

/* A net that is trained in milliseconds. */
#define QUICK                                                                                      \
    "data = { folder = \"data\"; validation = 50; };\n"                                            \
    "network = { layers = (\n"                                                                     \
    "  { name = \"hidden\"; type = \"dense\"; units = 5; activation = \"relu\"; },\n"              \
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"                 \
    "training = { steps = 20; batch = 70; reduction = \"mean\"; };\n"
#define SWEEP                                                                                      \
    "experiment = \"quick.cfg\";\n"                                                                \
    "set = [ \"training.loss=cross_entropy\" ];\n"                                                 \
    "grid = ( { key = \"training.optimiser.rate\"; values = [ 0.02, 0.3 ]; },\n"                   \
    "         { key = \"seed\"; from = 1; to = 3; } );\n"
enum { ITEMS = 6 };

/* A fifth of a second each. */
#define LONG "sweep s.cfg -q --jobs 2 --set training.steps=2000 --set checkpoint.steps=100 -o "

static const char *const but_times[] = {"@created", "/seconds", "/environment", NULL};

static char *place, *invproj;

static program *run_here(const char *words)
{
    return program_run_in(place, words);
}

static void write_here(const char *name, const char *text)
{
    support_write(support_at(place, name), text, strlen(text));
}

static void open_place(void)
{
    const char *given = getenv("INVPROJ");
    invproj = realpath(given ? given : "build/invproj", NULL);
    ck_assert_ptr_nonnull(invproj);
    place = support_folder();
    short_data(support_at(place, "data"));
    write_here("quick.cfg", QUICK);
    write_here("s.cfg", SWEEP);
    program_must_work(run_here("sweep s.cfg -o whole -q"));
    program_must_work(run_here(LONG "straight"));
}

static void close_place(void)
{
    support_remove(place);
    free(invproj);
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), of_ending = strlen(ending);
    return length >= of_ending && strcmp(text + length - of_ending, ending) == 0;
}

/* How many files of that ending a folder has. */
static size_t count_files(const char *folder, const char *ending)
{
    size_t count = 0;
    DIR *list = opendir(support_at(place, folder));
    ck_assert_ptr_nonnull(list);
    for (const struct dirent *entry = readdir(list); entry; entry = readdir(list))
        count += ends_with(entry->d_name, ending);
    closedir(list);
    return count;
}

/* That the folder has the files of another, but for times; takes it away. */
static void must_be_like(const char *folder, const char *undisturbed)
{
    DIR *list = opendir(support_at(place, undisturbed));
    size_t seen = 0;
    ck_assert_uint_eq(count_files(folder, ".h5"), ITEMS);
    ck_assert_uint_eq(count_files(folder, ".part"), 0);
    for (const struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
        if (!ends_with(entry->d_name, ".h5"))
            continue;
        char *a = hdf5_text(support_at(support_at(place, undisturbed), entry->d_name), but_times);
        char *b = hdf5_text(support_at(support_at(place, folder), entry->d_name), but_times);
        program_must_equal(a, b);
        free(a);
        free(b);
        seen++;
    }
    closedir(list);
    ck_assert_uint_eq(seen, ITEMS);
    support_remove(strdup(support_at(place, folder)));
}

static void must_be_whole(const char *folder)
{
    must_be_like(folder, "whole");
}

/* ---- what only tells ---- */

START_TEST(count_and_show_tell_what_there_is)
{
    program *p = run_here("sweep s.cfg --count");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->out, "6\n");
    program_free(p);
    p = run_here("sweep s.cfg --show 4 --set training.batch=33");
    ck_assert_program(p, 0);
    write_here("shown.cfg", p->out);
    ck_assert_ptr_nonnull(strstr(p->out, "seed = 2;\n"));
    ck_assert_ptr_nonnull(strstr(p->out, "rate = 0.3;\n"));
    ck_assert_ptr_nonnull(strstr(p->out, "batch = 33;\n"));
    program_free(p);
    program_must_work(run_here("train shown.cfg -o shown.h5 -q"));
    p = run_here("sweep s.cfg --show 6");
    ck_assert_fails(p, 2, "there is no experiment 6; they are 0 to 5");
    program_free(p);
}
END_TEST

START_TEST(the_listed_commands_make_the_same_files)
{
    const program_how shell = {.path = "sh", .folder = place};
    program *p = program_run(&shell, "-c %s %s",
                             "\"$0\" sweep s.cfg -o 'a list' --list >list && "
                             "invproj() { \"$P\" \"$@\"; }; P=$0; . ./list",
                             invproj);
    ck_assert_program(p, 0);
    ck_assert_uint_eq(program_lines(p->out), 24); /* six runs: figures, and names of files */
    program_free(p);
    must_be_whole("a list");
}
END_TEST

START_TEST(a_line_break_is_refused_in_a_list)
{
    const program_how how = {.folder = place};
    program *p = program_run(&how, "sweep s.cfg --list -o %s", "two\nlines");
    ck_assert_fails(p, 2, "--list: 'two?lines/", "has a line break");
    program_free(p);
}
END_TEST

/* ---- running ---- */

START_TEST(jobs_make_no_difference_and_again_nothing_is_done)
{
    program_must_work(run_here("sweep s.cfg -o jobs --jobs 3 -q"));
    char *before = program_snapshot(support_at(place, "jobs"));
    program *p = run_here("sweep s.cfg -o jobs -q");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->out, "jobs: 6 of 6 runs done\n");
    program_free(p);
    char *after = program_snapshot(support_at(place, "jobs"));
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    must_be_whole("jobs");
}
END_TEST

START_TEST(what_is_missing_is_counted_and_run)
{
    program_must_work(run_here("sweep s.cfg -o gap --part 1/3 -q"));
    program *p = run_here("sweep --check gap");
    ck_assert_int_eq(p->code, 1);
    ck_assert_str_eq(p->out, "2 of 6 done, 0 begun, 0 failed, 4 not begun\n");
    ck_assert_str_eq(p->err, "invproj: gap: 4 of 6 runs are not done\n");
    program_free(p);
    program_must_work(run_here("sweep s.cfg -o gap --part 0/1 -q"));
    p = run_here("sweep --check gap");
    ck_assert_program(p, 0);
    program_free(p);
    must_be_whole("gap");
}
END_TEST

START_TEST(parts_are_disjoint_and_whole_together)
{
    static const char *const parts[] = {"0/4", "1/4", "2/4", "3/4"};
    static const size_t sizes[] = {2, 2, 1, 1};
    const program_how how = {.folder = place};
    size_t seen = 0;
    for (size_t i = 0; i < LEN(parts); i++) {
        char said[64];
        program *p = program_run(&how, "sweep s.cfg -o parts --part %s -q", parts[i]);
        ck_assert_program(p, 0);
        snprintf(said, sizeof said, "part %s from --part\n", parts[i]);
        ck_assert_str_eq(p->err, said);
        program_free(p);
        seen += sizes[i];
        ck_assert_uint_eq(count_files("parts", ".h5"), seen);
    }
    must_be_whole("parts");
}
END_TEST

/* The part is kept in each run file, and the launcher's taken where none is given. */
START_TEST(the_part_is_taken_from_the_surroundings)
{
    const program_how how = {.folder = place, .environment = "SLURM_PROCID=1"};
    setenv("SLURM_STEP_ID", "0", 1);
    setenv("SLURM_STEP_NUM_TASKS", "6", 1);
    program *p = program_run_words(&how, "sweep s.cfg -o step -q");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "part 1/6 from SLURM_PROCID=1 (SLURM_STEP_NUM_TASKS 6)\n");
    program_free(p);
    unsetenv("SLURM_STEP_ID");
    unsetenv("SLURM_STEP_NUM_TASKS");
    const program_how shell = {.path = "sh", .folder = place};
    p = program_run_words(&shell, "-c ls${IFS}step/*.h5");
    ck_assert_program(p, 0);
    p->out[strcspn(p->out, "\n")] = 0;
    char *text = hdf5_text(support_at(place, p->out), (const char *const[]){NULL});
    ck_assert_ptr_nonnull(strstr(text, "part 1/6 from SLURM_PROCID=1"));
    free(text);
    program_free(p);
    p = run_here("sweep s.cfg -o step -q");
    ck_assert_fails(p, 2, "step: was begun in 6 parts, and this is 0/1", "--part 0/1 does all");
    program_free(p);
    program_must_work(run_here("sweep s.cfg -o step --part 0/1 -q"));
    must_be_whole("step");
}
END_TEST

/* ---- failures ---- */

#define FAILING                                                                                    \
    "experiment = \"quick.cfg\";\n"                                                                \
    "grid = ( { key = \"seed\"; from = 1; to = 2; }, { key = \"training.batch\"; "                 \
    "values = [ 50, 5000 ]; } );\n" /* more than there are to train on */

START_TEST(what_failed_is_said_and_tried_again_when_asked)
{
    write_here("f.cfg", FAILING);
    program *p = run_here("sweep f.cfg -o f -q --jobs 1");
    ck_assert_int_eq(p->code, 1);
    ck_assert_str_eq(p->out, "");
    ck_assert_ptr_nonnull(
        strstr(p->err, "failed    seed=1, training.batch=5000: training.batch: "));
    ck_assert_ptr_nonnull(strstr(p->err, "f: 2 of 4 runs have failed"));
    program_free(p);
    ck_assert_uint_eq(count_files("f", ".failed"), 2);
    p = run_here("sweep f.cfg -o f -q --keep-going");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "failed    before: seed=1, training.batch=5000: "));
    ck_assert_str_eq(p->out, "f: 2 of 4 runs done, the others failed\n");
    program_free(p);
    p = run_here("sweep --check f");
    ck_assert_str_eq(p->out, "2 of 4 done, 0 begun, 2 failed, 0 not begun\n");
    program_free(p);
    support_write_dataset(support_at(place, "data"), 6000, TEST, HEIGHT, WIDTH, CLASSES, 11);
    p = run_here("sweep f.cfg -o f -q --retry"); /* on data that are others now */
    ck_assert_fails(p, 2, "f: holds another sweep, of 4 experiments");
    program_free(p);
    support_write_dataset(support_at(place, "data"), TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 11);
    p = run_here("sweep f.cfg -o f -q --retry");
    ck_assert_int_eq(p->code, 1);
    ck_assert_ptr_null(strstr(p->err, "before"));
    ck_assert_ptr_nonnull(strstr(p->err, "failed    seed=2, training.batch=5000: "));
    program_free(p);
}
END_TEST

START_TEST(another_sweep_is_refused_in_the_folder)
{
    write_here("other.cfg",
               "experiment = \"quick.cfg\"; grid = ( { key = \"seed\"; from = 4; to = 5; } );");
    char *before = program_snapshot(support_at(place, "whole"));
    program *p = run_here("sweep other.cfg -o whole -q");
    ck_assert_fails(p, 2, "whole: holds another sweep, of 6 experiments", "choose another folder");
    program_free(p);
    char *after = program_snapshot(support_at(place, "whole"));
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
}
END_TEST

START_TEST(a_full_disk_is_said_once_and_nothing_is_lost)
{
    const program_how how = {.folder = place, .file_bytes = 9000};
    program *p = program_run_words(&how, "sweep s.cfg -o full -q --jobs 2");
    ck_assert_fails(p, 1, "File too large", "no new run starts, 0 of 6 are done");
    program_free(p);
    ck_assert_uint_eq(count_files("full", ".failed"), 0);
    program_must_work(run_here("sweep s.cfg -o full -q"));
    must_be_whole("full");
}
END_TEST

static const struct wrong {
    const char *words, *says[4];
} wrong[] = {
    {"sweep s.cfg", {"needs -o DIR"}},
    {"sweep s.cfg -o x --part 3/3", {"--part: 3/3: parts are numbered from 0, the last is 2/3"}},
    {"sweep s.cfg -o x --part 3", {"--part: '3' is not I/N"}},
    {"sweep s.cfg -o x --jobs 0", {"--jobs: 0 is not from 1 to 1024"}},
    {"sweep s.cfg -o x --jobs two", {"--jobs: 'two' is not a whole number"}},
    {"sweep s.cfg --list --count", {"give one of --list, --count"}},
    {"sweep s.cfg --set training.stpes=5 --count", {"training.stpes", "did you mean 'steps'?"}},
    {"sweep quick.cfg --count", {"names no experiment"}},
    {"sweep lost.cfg --count", {"lost.cfg: No such file"}},
    {"sweep --check data", {"data: is no folder of a sweep", "sweep.json is not in it"}},
    {"gather data", {"data: is no folder of a sweep", "the folder that sweep -o wrote"}},
    {"sweep --check s.cfg", {"s.cfg: is a file; name the folder that sweep -o wrote"}},
    {"gather quick.cfg", {"quick.cfg: is a file; name the folder"}},
    {"gather lost", {"lost: No such file"}},
    {"sweep s.cfg --set seed=7 --count", {"--set seed=7: seed varies in the sweep, by grid.1"}},
    {"sweep s.cfg --set training.optimiser.rate=0.1 -o x", {"rate varies in the sweep, by grid.0"}},
    {"sweep folders.cfg --data data -o x", {"--data: data.folder varies in the sweep"}},
    {"sweep epochs.cfg --count", {"training.steps is there too", "set training.epochs=0"}},
    {"sweep s.cfg -o x --stop-code 0", {"--stop-code: 0 would say that all is done", "1 to 255"}},
    {"run quick.cfg -o done.h5 --resume --set training.optimiser.rate=0.5",
     {"done.h5: --resume: the run is done", "training.optimiser was nothing, is now"}},
    {"run quick.cfg -o done.h5 --resume --set training.steps=21",
     {"the run is done", "training.steps was 20, is now 21", "choose another name"}},
    {"run quick.cfg -o done.h5 --resume --seed 2", {"was made with seed 1, not 2"}},
};

START_TEST(a_wrong_command_line_is_refused)
{
    write_here("folders.cfg", "experiment = \"quick.cfg\";\n"
                              "grid = ( { key = \"data.folder\"; values = [ \"data\" ]; } );\n");
    write_here("epochs.cfg", "experiment = \"quick.cfg\"; set = [ \"training.epochs=1\" ];\n"
                             "grid = ( { key = \"seed\"; from = 1; to = 2; } );\n");
    program_must_work(run_here("run quick.cfg -o done.h5 --force -q"));
    program_must_work(run_here("run quick.cfg -o done.h5 --resume -q --set title=same"));
    program *p = run_here(wrong[_i].words);
    ck_assert_msg(p->code == 2 || strstr(p->err, "No such file"), "exit %d", p->code);
    program_must_fail(p, p->code, wrong[_i].says);
    program_free(p);
    ck_assert_int_ne(access(support_at(place, "x"), F_OK), 0);
}
END_TEST

/* ---- gathering ---- */

/* The field of a line of CSV, by the name of its column; none of them is quoted here. */
static void field_of(const char *csv, size_t line, const char *name, char *out, size_t size)
{
    const char *heading = csv, *row = csv;
    for (size_t i = 0; i < line; i++)
        row = strchr(row, '\n') + 1;
    for (;;) {
        const size_t length = strcspn(heading, ",\n");
        if (length == strlen(name) && strncmp(heading, name, length) == 0)
            break;
        ck_assert_msg(heading[length] == ',', "there is no column %s", name);
        heading += length + 1;
        row += strcspn(row, ",\n") + 1;
    }
    snprintf(out, size, "%.*s", (int)strcspn(row, ",\n"), row);
}

START_TEST(each_run_is_a_line_with_the_figures_of_its_file)
{
    char text[256], path[512];
    program *p = run_here("gather whole --csv");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    ck_assert_uint_eq(program_lines(p->out), 1 + ITEMS);
    for (size_t i = 0; i < ITEMS; i++) {
        field_of(p->out, 1 + i, "run", text, sizeof text);
        ck_assert_uint_eq(strtoul(text, NULL, 10), i);
        field_of(p->out, 1 + i, "training.optimiser.rate", text, sizeof text);
        ck_assert_str_eq(text, i < 3 ? "0.02" : "0.3");
        field_of(p->out, 1 + i, "seed", text, sizeof text);
        ck_assert_uint_eq(strtoul(text, NULL, 10), i % 3 + 1);
        field_of(p->out, 1 + i, "status", text, sizeof text);
        ck_assert_str_eq(text, "done");
        field_of(p->out, 1 + i, "file", text, sizeof text);
        snprintf(path, sizeof path, "%s/whole/%s", place, text);
        ck_assert_double_eq(hdf5_number(path, "/", "seed"), (double)(i % 3 + 1));
        field_of(p->out, 1 + i, "network.accuracy", text, sizeof text);
        ck_assert_double_eq_tol(strtod(text, NULL), hdf5_number(path, "/network", "accuracy"),
                                1e-8);
        size_t dims[4] = {0};
        double *times = hdf5_values(path, "/training/history/seconds", dims);
        field_of(p->out, 1 + i, "training.seconds", text, sizeof text);
        ck_assert_double_eq_tol(strtod(text, NULL), times[dims[0] - 1], 1e-8);
        free(times);
    }
    program_free(p);
}
END_TEST

/* Lines of all parts, in the order of their runs, are those of the whole. */
START_TEST(parts_of_the_runs_are_read_alone)
{
    char *lines[ITEMS + 1] = {NULL};
    const program_how how = {.folder = place};
    program *whole = run_here("gather whole --csv");
    for (int part = 0; part < 4; part++) {
        char given[8];
        size_t n = (size_t)part;
        snprintf(given, sizeof given, "%d/4", part);
        program *p = program_run(&how, "gather whole --csv --part %s", given);
        ck_assert_program(p, 0);
        char *line = strtok(p->out, "\n");
        free(lines[ITEMS]);
        lines[ITEMS] = strdup(line); /* the heading */
        for (line = strtok(NULL, "\n"); line; line = strtok(NULL, "\n"), n += 4)
            lines[n] = strdup(line);
        program_free(p);
    }
    char *at = whole->out;
    for (size_t i = 0; i <= ITEMS; i++) {
        char *line = lines[i ? i - 1 : ITEMS];
        ck_assert_ptr_nonnull(line);
        ck_assert(strncmp(at, line, strlen(line)) == 0 && at[strlen(line)] == '\n');
        at += strlen(line) + 1;
        free(line);
    }
    ck_assert_str_eq(at, "");
    program_free(whole);
    program *p = run_here("gather whole --part 6/7");
    ck_assert_fails(p, 2, "--part: 6/7 has none of the sweep's 6 runs");
    program_free(p);
}
END_TEST

/* ---- the page ---- */

/* The page's document; the caller's. */
static json_t *document_of(const char *page)
{
    size_t size = 0;
    char *text = (char *)support_read(support_at(place, page), &size);
    char *begin = strstr(text, "id=\"document\">");
    ck_assert_ptr_nonnull(begin);
    begin = strchr(begin, '>') + 1;
    *strstr(begin, "</script>") = 0;
    json_t *content = json_loads(begin, 0, NULL);
    ck_assert_ptr_nonnull(content);
    free(text);
    return content;
}

static json_t *within(const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);
    ck_assert_msg(value != NULL, "no %s", key);
    return value;
}

START_TEST(a_page_compares_settings_as_the_table_does)
{
    char text[256], wanted[64];
    double sum[2] = {0.0};
    program *p = run_here("gather whole --csv --report sweep.html");
    ck_assert_program(p, 0);
    for (size_t i = 0; i < ITEMS; i++) {
        field_of(p->out, 1 + i, "network.accuracy", text, sizeof text);
        sum[i / 3] += strtod(text, NULL);
    }
    program_free(p);
    json_t *content = document_of("sweep.html");
    const json_t *sweep = within(content, "sweep");
    ck_assert_str_eq(json_string_value(within(sweep, "name")), "s.cfg");
    ck_assert_uint_eq(json_array_size(within(content, "runs")), ITEMS);
    ck_assert_uint_eq(json_array_size(within(sweep, "settings")), 2);
    ck_assert_int_eq(json_integer_value(within(within(sweep, "counts"), "done")), ITEMS);
    const json_t *figure = json_array_get(within(sweep, "figures"), 0);
    ck_assert_str_eq(json_string_value(within(figure, "label")), "test accuracy");
    for (size_t i = 0; i < 2; i++) {
        const json_t *cell = json_array_get(within(figure, "cells"), i);
        ck_assert_double_eq_tol(json_number_value(within(cell, "mean")), sum[i] / 3.0, 1e-6);
        snprintf(wanted, sizeof wanted, "%.4f", sum[i] / 3.0);
        ck_assert_str_eq(json_string_value(within(cell, "text")), wanted);
    }
    json_decref(content);
}
END_TEST

/* Of many runs only the first of each setting is there whole; of many settings none. */
START_TEST(of_many_runs_few_are_shown)
{
    write_here("many.cfg",
               "experiment = \"quick.cfg\"; set = [ \"training.steps=2\" ];"
               "grid = ( { key = \"training.optimiser.rate\"; values = [ 0.02, 0.3 ]; },"
               "{ key = \"seed\"; from = 1; to = 7; } );");
    program_must_work(run_here("sweep many.cfg -o many -q"));
    program_must_work(run_here("gather many -q --report many.html"));
    json_t *content = document_of("many.html");
    ck_assert_uint_eq(json_array_size(within(content, "runs")), 2);
    ck_assert_uint_eq(json_array_size(within(within(content, "sweep"), "rows")), 14);
    json_decref(content);
    write_here("rates.cfg", "experiment = \"quick.cfg\"; set = [ \"training.steps=2\" ];"
                            "grid = ( { key = \"training.batch\"; from = 21; to = 33; } );");
    program_must_work(run_here("sweep rates.cfg -o rates -q"));
    program_must_work(run_here("gather rates -q --report rates.html"));
    content = document_of("rates.html");
    ck_assert_uint_eq(json_array_size(within(content, "runs")), 0);
    ck_assert_uint_eq(json_array_size(within(within(content, "sweep"), "settings")), 13);
    json_decref(content);
}
END_TEST

START_TEST(gather_writes_over_nothing_but_its_own)
{
    static const struct {
        const char *words, *says;
    } refused[] = {
        {"gather whole -o s.cfg", "s.cfg: is there already and is not a table of gather's"},
        {"gather whole --into s.cfg", "s.cfg: is there already and is not such a file"},
        {"gather whole --into other.h5", "other.h5: is there already and is not such a file"},
        {"gather whole --report s.cfg", "s.cfg: is there already and is no page of invproj's"},
        {"gather whole -o both --into both", "both: is named for two files"},
        {"gather whole --into both --report both", "both: is named for two files"},
    };
    static const char again[] = "gather whole -q -o t.csv --into t.h5 --report t.html";
    program_must_work(run_here("train quick.cfg -o other.h5 -q"));
    char *before = program_snapshot(place);
    for (size_t i = 0; i < LEN(refused); i++) {
        program *p = run_here(refused[i].words);
        ck_assert_fails(p, 2, refused[i].says);
        program_free(p);
    }
    char *after = program_snapshot(place);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    program_must_work(run_here(again));
    program_must_work(run_here(again));
}
END_TEST

START_TEST(a_setting_is_a_line_with_the_mean_and_deviation_of_its_seeds)
{
    double sum = 0.0, squares = 0.0;
    char text[256];
    program *p = run_here("gather whole --csv");
    for (size_t i = 1; i <= 3; i++) {
        field_of(p->out, i, "network.accuracy", text, sizeof text);
        sum += strtod(text, NULL);
        squares += strtod(text, NULL) * strtod(text, NULL);
    }
    program_free(p);
    snprintf(text, sizeof text, "0.02     3  %.4f (%.4f)", sum / 3.0,
             sqrt((squares - sum * sum / 3.0) / 2.0));
    p = run_here("gather whole");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "training.optimiser.rate  runs"));
    ck_assert_ptr_nonnull(strstr(p->out, "test accuracy"));
    ck_assert_msg(strstr(p->out, text) || strchr(p->out, '*'), "%s: %s", text, p->out);
    ck_assert_uint_eq(program_lines(p->out), 4);
    program_free(p);
}
END_TEST

/* What is missing, begun, failed or damaged is told, and the rest is there all the same. */
START_TEST(what_is_not_done_is_told)
{
    char text[256];
    write_here("g.cfg", FAILING);
    program_free(run_here("sweep g.cfg -o g -q --jobs 1"));
    program *p = run_here("gather g --csv");
    ck_assert_int_eq(p->code, 1);
    field_of(p->out, 1, "status", text, sizeof text);
    ck_assert_str_eq(text, "done");
    field_of(p->out, 1, "file", text, sizeof text);
    char *damaged = strdup(support_at(support_at(place, "g"), text));
    field_of(p->out, 2, "status", text, sizeof text);
    ck_assert_str_eq(text, "failed");
    field_of(p->out, 3, "file", text, sizeof text);
    char *removed = strdup(support_at(support_at(place, "g"), text));
    ck_assert_ptr_nonnull(strstr(p->err, "failed    seed=1, training.batch=5000: training.batch"));
    ck_assert_ptr_nonnull(strstr(p->err, "invproj: g: 2 of 4 runs are not done\n"));
    program_free(p);
    support_write(damaged, "no run", 6);
    char *begun = NULL;
    ck_assert_int_gt(asprintf(&begun, "%s.part", removed), 0);
    ck_assert_int_eq(rename(removed, begun), 0);
    p = run_here("gather g --csv -o g.csv");
    ck_assert_int_eq(p->code, 1);
    field_of(p->out, 1, "status", text, sizeof text);
    ck_assert_str_eq(text, "damaged");
    field_of(p->out, 3, "status", text, sizeof text);
    ck_assert_str_eq(text, "running");
    ck_assert_ptr_nonnull(strstr(p->err, "g: 4 of 4 runs are not done"));
    char *csv = (char *)support_read(support_at(place, "g.csv"), &(size_t){0});
    ck_assert_str_eq(csv, p->out);
    free(csv);
    program_free(p);
    free(damaged);
    free(removed);
    free(begun);
}
END_TEST

static void change_kernel(const char *path)
{
    float values[HEIGHT * WIDTH * 5] = {0.25f};
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t array = H5Dopen2(file, "/network/hidden/kernel", H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(array);
    ck_assert_int_ge(H5Fclose(file), 0);
}

/* The figures of a net that another program has changed are not those of the net that is there: they are left
 * out, before and after the file is sealed again. */
START_TEST(a_changed_net_has_no_figures)
{
    char text[256], path[512];
    program_must_work(run_here("sweep s.cfg -o edited -q"));
    program *p = run_here("gather edited --csv");
    field_of(p->out, 2, "file", text, sizeof text);
    program_free(p);
    snprintf(path, sizeof path, "%s/edited/%s", place, text);
    change_kernel(path);
    for (int sealed = 0; sealed < 2; sealed++) {
        p = run_here("gather edited --csv");
        ck_assert_program(p, 0);
        for (size_t i = 1; i <= ITEMS; i++) {
            field_of(p->out, i, "network.accuracy", text, sizeof text);
            ck_assert_int_eq(*text == 0, i == 2);
        }
        ck_assert_int_eq(strstr(p->err, ".h5: another program has changed network; ") != NULL,
                         !sealed);
        program_free(p);
        program_must_work(program_run(NULL, "filters %s -q --name n%s", path, sealed ? "2" : "1"));
    }
}
END_TEST

/* One file, which leads to the others wherever the folder is taken. */
START_TEST(one_file_has_links_to_all_and_their_table)
{
    program_must_work(run_here("gather whole --into whole/all.h5"));
    ck_assert_int_eq(rename(support_at(place, "whole"), support_at(place, "moved")), 0);
    char path[512];
    snprintf(path, sizeof path, "%s/moved/all.h5", place);
    ck_assert_double_eq(hdf5_number(path, "/run/4", "seed"), 2.0);
    char *text = hdf5_text(path, but_times);
    ck_assert_ptr_nonnull(strstr(text, "/runs "));
    free(text);
    ck_assert_int_eq(rename(support_at(place, "moved"), support_at(place, "whole")), 0);
    ck_assert_int_eq(unlink(support_at(place, "whole/all.h5")), 0);
}
END_TEST

/* ---- being stopped ---- */

static void wait_for_parts(const char *folder)
{
    char *path = strdup(support_at(place, folder));
    for (int i = 0; i < 3000; i++) {
        if (access(path, F_OK) == 0 && count_files(folder, ".part") > 0)
            break;
        usleep(10000);
    }
    free(path);
}

START_TEST(a_signal_stops_the_runs_which_go_on_later)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGUSR2};
    const program_how how = {.folder = place};
    program *p = program_start(&how, LONG "%s", "stopped");
    wait_for_parts("stopped");
    kill(p->child, signals[_i]);
    usleep(200000); /* of two that come at once, any thread may take the second first */
    kill(p->child, signals[_i] == SIGINT ? SIGTERM : signals[_i]);
    program_wait(p);
    ck_assert_program(p, 128 + signals[_i]);
    program_free(p);
    ck_assert_uint_gt(count_files("stopped", ".part"), 0);
    ck_assert_uint_eq(count_files("stopped", ".failed"), 0);
    program_must_work(program_run(&how, LONG "%s", "stopped"));
    must_be_like("stopped", "straight");
}
END_TEST

/* Those that failed do not go on with the others. */
START_TEST(a_stopped_sweep_tells_of_failures)
{
    const program_how how = {.folder = place};
    write_here("bad.cfg", "experiment = \"quick.cfg\"; grid = ( { key = \"training.batch\"; "
                          "values = [ 5000, 5001, 50 ]; } );");
    program *p = program_start(&how,
                               "sweep bad.cfg --jobs 1 --set training.steps=10000000 "
                               "--set checkpoint.steps=100 -o %s",
                               "told");
    wait_for_parts("told");
    kill(p->child, SIGINT);
    program_wait(p);
    ck_assert_program(p, 128 + SIGINT);
    ck_assert_ptr_nonnull(strstr(p->err, "sweep: stopped; 0 of 3 done, 2 failed (--retry); "));
    program_free(p);
}
END_TEST

/* Whoever ends the sweep, its runs end too, and save. */
START_TEST(runs_end_with_their_sweep)
{
    const program_how how = {.folder = place};
    program *p = program_start(&how, LONG "%s", "orphans");
    wait_for_parts("orphans");
    kill(p->child, SIGKILL);
    program_wait(p);
    ck_assert_program(p, 128 + SIGKILL);
    program_free(p);
    for (int i = 0; i < 1000 && count_files("orphans", ".lock") > 0; i++)
        usleep(10000);
    ck_assert_uint_eq(count_files("orphans", ".lock"), 0);
    bool done = false; /* a run that had just begun may not have had its lock yet */
    for (int i = 0; i < 100 && !done; i++) {
        p = program_run(&how, LONG "%s", "orphans");
        done = p->code == 0;
        ck_assert(done || strstr(p->err, "another invproj is working on"));
        program_free(p);
    }
    ck_assert(done);
    must_be_like("orphans", "straight");
}
END_TEST

START_TEST(two_at_once_in_a_folder_do_no_harm)
{
    const program_how how = {.folder = place};
    program *a = program_start(&how, "sweep s.cfg -q --jobs 1 -o %s", "both");
    program *b = program_start(&how, "sweep s.cfg -q --jobs 1 -o %s", "both");
    program_wait(a);
    program_wait(b);
    ck_assert(a->code == 0 || b->code == 0); /* whoever ends last sees all of it done */
    ck_assert(a->code == 0 || strstr(a->err, "another invproj is working on"));
    ck_assert(b->code == 0 || strstr(b->err, "another invproj is working on"));
    ck_assert_uint_eq(count_files("both", ".failed"), 0);
    program_free(a);
    program_free(b);
    program_must_work(run_here("sweep s.cfg -q -o both"));
    must_be_whole("both");
}
END_TEST

Suite *cli_sweep_suite(void)
{
    Suite *suite = suite_create("cli_sweep");
    TCase *tests = tcase_create("sweep");
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, count_and_show_tell_what_there_is);
    tcase_add_test(tests, the_listed_commands_make_the_same_files);
    tcase_add_test(tests, a_line_break_is_refused_in_a_list);
    tcase_add_test(tests, jobs_make_no_difference_and_again_nothing_is_done);
    tcase_add_test(tests, what_is_missing_is_counted_and_run);
    tcase_add_test(tests, parts_are_disjoint_and_whole_together);
    tcase_add_test(tests, the_part_is_taken_from_the_surroundings);
    tcase_add_test(tests, what_failed_is_said_and_tried_again_when_asked);
    tcase_add_test(tests, another_sweep_is_refused_in_the_folder);
    tcase_add_test(tests, a_full_disk_is_said_once_and_nothing_is_lost);
    tcase_add_loop_test(tests, a_wrong_command_line_is_refused, 0, LEN(wrong));
    tcase_add_test(tests, each_run_is_a_line_with_the_figures_of_its_file);
    tcase_add_test(tests, a_setting_is_a_line_with_the_mean_and_deviation_of_its_seeds);
    tcase_add_test(tests, what_is_not_done_is_told);
    tcase_add_test(tests, parts_of_the_runs_are_read_alone);
    tcase_add_test(tests, a_page_compares_settings_as_the_table_does);
    tcase_add_test(tests, of_many_runs_few_are_shown);
    tcase_add_test(tests, gather_writes_over_nothing_but_its_own);
    tcase_add_test(tests, a_changed_net_has_no_figures);
    tcase_add_test(tests, one_file_has_links_to_all_and_their_table);
    tcase_add_loop_test(tests, a_signal_stops_the_runs_which_go_on_later, 0, 3);
    tcase_add_test(tests, a_stopped_sweep_tells_of_failures);
    tcase_add_test(tests, runs_end_with_their_sweep);
    tcase_add_test(tests, two_at_once_in_a_folder_do_no_harm);
    suite_add_tcase(suite, tests);
    return suite;
}
