/* Runs that survive: killed, stopped, out of disk, out of memory, together with others, they end in
 * the same bits or say why not. `make check` does little of each, `make torture`
 * (INVPROJ_TORTURE_LONG set) much, and prints how much.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <gsl/gsl_rng.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "mutants.h"
#include "suites.h"
#include "victim.h"

/* The experiment, shortened so that it has checkpoints, epochs and all stages in a tenth of a
 * second. */
#define SHORTER                                                                                    \
    SHORT " --set training.steps=90 --set inverse.steps=40 --set generate.steps=40 "               \
          "--set inverse.confidence=0.3 --checkpoint 10 "
/* The least that goes through everything. */
#define SHORTEST                                                                                   \
    SHORT " --set training.steps=2 --set inverse.steps=2 --set generate.steps=2 "                  \
          "--set inverse.confidence=0.01 --set project.images=2 --set data.validation=5 "          \
          "--set training.batch=20 --set inverse.batch=20 --set generate.classes=[1] "

static const char *const but_times[] = {"@created", "/seconds", "/environment", NULL};
static const victim_fault no_fault = {TORTURE_NOTHING, 0, 0};

/* Made once for all tests, which leave them as they are. */
static char *place, *data, *whole, *tiny;
static char *whole_text; /* what a run that nothing happened to ends in */
static double whole_seconds;
static uint32_t whole_calls;
static victim *v;

static bool is_long(void)
{
    return getenv("INVPROJ_TORTURE_LONG") != NULL;
}

static unsigned count_of(unsigned in_check, unsigned in_torture)
{
    return is_long() ? in_torture : in_check;
}

/* A line of the report that `make torture` prints. */
__attribute__((format(printf, 1, 2))) static void report(const char *format, ...)
{
    va_list values;
    if (!is_long())
        return;
    va_start(values, format);
    printf("torture: ");
    vprintf(format, values);
    va_end(values);
    putchar('\n');
    fflush(stdout);
}

static char *in_place(const char *name)
{
    return strdup(support_at(place, name));
}

static void open_place(void)
{
    place = support_folder();
    data = in_place("data");
    whole = in_place("whole");
    tiny = in_place("tiny");
    short_data(data);
    v = victim_open();
    victim_run(v, "run " SHORTER "--data %s -o %s", data, whole);
    ck_assert_msg(v->code == 0, "%s", v->err);
    whole_text = hdf5_text(support_at(whole, "run.h5"), but_times);
    whole_seconds = v->ended.seconds;
    whole_calls = v->ended.calls;
    victim_run(v, "run " SHORTEST "-q --data %s -o %s", data, tiny);
    ck_assert_msg(v->code == 0, "%s", v->err);
}

static void close_place(void)
{
    victim_close(v);
    support_remove(place);
    free(data);
    free(whole);
    free(tiny);
    free(whole_text);
}

#define LEN(array) ((int)(sizeof array / sizeof *array))

/* ---- what must hold after whatever happened ---- */

static void remove_folder(const char *folder)
{
    if (access(folder, F_OK) == 0)
        support_remove(strdup(folder));
}

/* The run file, where there is one, opens. */
static bool must_open(const char *folder)
{
    const char *run = support_at(folder, "run.h5");
    if (access(run, F_OK) != 0)
        return false;
    victim_run(v, "info %s", run);
    ck_assert_msg(v->code == 0 && v->err[0] == 0, "info: exit %d: %s", v->code, v->err);
    return true;
}

static void must_open_elsewhere(const char *folder)
{
    const program_how how = {.path = "h5dump"};
    program *p = program_run(&how, "-o /dev/null %s", support_at(folder, "run.h5"));
    ck_assert_program(p, 0);
    program_free(p);
}

static void must_be_whole(const char *folder)
{
    char *text = hdf5_text(support_at(folder, "run.h5"), but_times);
    program_must_equal(whole_text, text);
    free(text);
}

static void must_be_same(const char *run, const char *other)
{
    char *text = hdf5_text(run, but_times), *second = hdf5_text(other, but_times);
    program_must_equal(text, second);
    free(text);
    free(second);
}

/* Goes on to the end, which must be that of the run that nothing happened to, with the same files
 * beside it and no others. */
static void must_resume(const char *folder)
{
    static const char *const pictures[] = {"originals.png", "projections.png", "generated.png",
                                           "features.png"};
    victim_run(v, "run " SHORTER "-q --resume --data %s -o %s", data, folder);
    ck_assert_msg(v->code == 0 && v->err[0] == 0, "%.200s: exit %d: %s", v->command, v->code,
                  v->err);
    must_be_whole(folder);
    for (size_t i = 0; i < 4; i++) {
        size_t a = 0, b = 0;
        unsigned char *first = support_read(support_at(whole, pictures[i]), &a);
        unsigned char *second = support_read(support_at(folder, pictures[i]), &b);
        ck_assert_msg(a == b && memcmp(first, second, a) == 0, "%s differs", pictures[i]);
        free(first);
        free(second);
    }
}

/* Exit 1, and one line on stderr that is the program's own. */
static void must_be_told(const char *what)
{
    ck_assert_msg(v->code == 1 && !v->killed && strncmp(v->err, "invproj: ", 9) == 0 &&
                      program_lines(v->err) == 1 && v->err[strlen(v->err) - 1] == '\n',
                  "%s: %.300s: exit %d: %s", what, v->command, v->code, v->err);
}

/* Names that begin with a dot: locks, and files that were being written. */
static unsigned count_hidden(const char *folder)
{
    char *list = access(folder, F_OK) == 0 ? program_snapshot(folder) : strdup("");
    unsigned count = 0;
    for (const char *at = list; (at = strstr(at, "/.")) != NULL; at++)
        count++;
    free(list);
    return count;
}

static void must_hide_nothing(const char *folder)
{
    char *list = count_hidden(folder) ? program_snapshot(folder) : NULL;
    ck_assert_msg(!list, "left over in\n%s", list);
}

static void pause_for(double seconds)
{
    const struct timespec pause = {(time_t)seconds,
                                   (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&pause, NULL);
}

/* ---- killed ---- */

static const char *const stages[] = {
    "training:", "accuracy", "inverse:", "per pixel", "generate:", "features"};
enum { STAGES = sizeof stages / sizeof *stages };

/* How far it says it has come. */
static size_t stage_reached(const char *err)
{
    size_t reached = 0;
    for (size_t s = 0; s < STAGES; s++)
        if (strstr(err, stages[s]))
            reached = s + 1;
    return reached;
}

/* One run, killed again and again: at a random time, or in a random call, where a write is left
 * half done. */
static void kill_until_done(gsl_rng *rng, unsigned *kills, unsigned maximum, unsigned *runs,
                            unsigned opened[2], unsigned reached[STAGES + 1])
{
    char *folder = in_place("killed");
    bool done = false;
    while (!done && *kills < maximum) {
        const bool timed = gsl_rng_uniform(rng) < 0.5;
        const victim_fault in_call = {TORTURE_KILL,
                                      1 + (uint32_t)gsl_rng_uniform_int(rng, whole_calls), 0};
        victim_start(v, timed ? no_fault : in_call, "run " SHORTER "--resume --data %s -o %s", data,
                     folder);
        if (timed) {
            pause_for(gsl_rng_uniform(rng) * whole_seconds);
            kill(v->pid, SIGKILL);
        }
        victim_wait(v);
        done = v->code == 0;
        ck_assert_msg(done || (v->killed && v->code == 128 + SIGKILL), "exit %d: %s", v->code,
                      v->err);
        *kills += !done;
        reached[stage_reached(v->err)] += !done;
        const bool there = must_open(folder);
        opened[there] += !done;
        if (there && *kills % 10 == 0)
            must_open_elsewhere(folder);
    }
    must_resume(folder);
    ++*runs;
    remove_folder(folder);
    free(folder);
}

START_TEST(killed_at_random_moments)
{
    const unsigned maximum = count_of(10, 100);
    unsigned kills = 0, runs = 0, opened[2] = {0}, reached[STAGES + 1] = {0};
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, 2016);
    while (kills < maximum)
        kill_until_done(rng, &kills, maximum, &runs, opened, reached);
    gsl_rng_free(rng);
    report("%u kills at random moments in %u runs: the file opened after %u (none yet after %u); "
           "all runs ended identical",
           kills, runs, opened[1], opened[0]);
    report(
        "  moments: %u before training, %u in it, %u after it, %u in the inverse, %u drawing, %u "
        "generating, %u after features",
        reached[0], reached[1], reached[2], reached[3], reached[4], reached[5], reached[6]);
}
END_TEST

/* At every call that opens, writes, syncs, closes or renames. */
START_TEST(killed_in_each_call)
{
    const uint32_t step = count_of(whole_calls / 6, 1);
    unsigned kills = 0, left = 0;
    for (uint32_t n = 3; n <= whole_calls; n += step, kills++) {
        char *folder = in_place("killed");
        victim_hurt(v, (victim_fault){TORTURE_KILL, n, 0}, "run " SHORTER "-q --data %s -o %s",
                    data, folder);
        ck_assert_msg(v->killed, "call %u: exit %d: %s", n, v->code, v->err);
        left += count_hidden(folder) > 1; /* more than the lock */
        must_open(folder);
        must_resume(folder);
        ck_assert_msg(count_hidden(folder) == 0 || n > whole_calls - 60,
                      "call %u: something is left beside the run file", n);
        remove_folder(folder);
        free(folder);
    }
    ck_assert_uint_ge(kills, 5);
    report("%u kills, in each call that opens, writes, syncs, closes or renames; %u left a half "
           "file; all ended identical",
           kills, left);
}
END_TEST

/* What a step draws and what it keeps of its batch are the run file's, too. */
static const char dropping[] =
    "seed = 3; data = { validation = 50; };"
    "network = { layers = ("
    "{ name = \"hidden\"; type = \"dense\"; units = 13; },"
    "{ name = \"norm\"; type = \"batch_norm\"; activation = \"relu\"; },"
    "{ name = \"drop\"; type = \"dropout\"; rate = 0.3; },"
    "{ name = \"output\"; type = \"dense\"; activation = \"softmax\"; }); };"
    "training = { steps = 90; batch = 60; optimiser = { type = \"adam\"; rate = 0.01; }; };"
    "inverse = { at = \"drop\"; steps = 40; batch = 60; confidence = 0.3; };";
#define DROPPING "--threads 2 --checkpoint 7 -q --data %s"

START_TEST(killed_with_dropout_and_batch_norm)
{
    char *config = in_place("dropping.cfg"), *unhurt = in_place("unhurt");
    char *unhurt_run = strdup(support_at(unhurt, "run.h5"));
    unsigned kills = 0;
    support_write(config, dropping, strlen(dropping));
    victim_run(v, "run %s " DROPPING " -o %s", config, data, unhurt);
    ck_assert_msg(v->code == 0, "%s", v->err);
    const uint32_t calls = v->ended.calls, step = count_of(calls / 5, calls / 20);
    for (uint32_t n = 3; n <= calls; n += step, kills++) {
        char *folder = in_place("killed");
        victim_hurt(v, (victim_fault){TORTURE_KILL, n, 0}, "run %s " DROPPING " -o %s", config,
                    data, folder);
        ck_assert_msg(v->killed, "call %u: exit %d: %s", n, v->code, v->err);
        victim_run(v, "run %s --resume " DROPPING " -o %s", config, data, folder);
        ck_assert_msg(v->code == 0, "call %u: exit %d: %s", n, v->code, v->err);
        must_be_same(unhurt_run, support_at(folder, "run.h5"));
        remove_folder(folder);
        free(folder);
    }
    ck_assert_uint_ge(kills, 5);
    report("%u kills with dropout and batch normalisation: all ended identical", kills);
    free(config);
    free(unhurt);
    free(unhurt_run);
}
END_TEST

/* The process that reads a file must not keep its dead parent's lock. */
START_TEST(killed_while_a_child_reads)
{
    char *folder = in_place("killed");
    victim_run(v, "run " SHORTER "-q --data %s -o %s", data, folder);
    for (unsigned i = 0; i < count_of(3, 50); i++) {
        victim_start(v, no_fault, "run " SHORTER "-q --resume --data %s -o %s", data, folder);
        pause_for(0.0005 * i);
        kill(v->pid, SIGKILL);
        victim_wait(v);
        must_resume(folder);
    }
    remove_folder(folder);
    free(folder);
}
END_TEST

/* ---- calls that fail ---- */

typedef struct failure {
    const char *name;
    torture_fault fault;
    uint32_t code;
    unsigned checks; /* how many in make check */
} failure;

static const failure failures[] = {
    {"ENOSPC once", TORTURE_FAIL, ENOSPC, 5},
    {"EIO once", TORTURE_FAIL, EIO, 5},
    {"ENOSPC from then on", TORTURE_FULL, ENOSPC, 5},
    {"short writes", TORTURE_SHORT, 0, 3},
};

START_TEST(each_call_fails)
{
    const failure *f = &failures[_i];
    const uint32_t step = count_of(whole_calls / f->checks, 1);
    unsigned told = 0, unharmed = 0, opened = 0;
    for (uint32_t n = 1 + (is_long() ? 0 : step / 3);; n += step) {
        char *folder = in_place("failed");
        victim_hurt(v, (victim_fault){f->fault, n, f->code}, "run " SHORTER "-q --data %s -o %s",
                    data, folder);
        const bool happened = v->ended.happened;
        if (v->code == 0) {
            must_be_whole(folder);
            unharmed++;
        } else {
            must_be_told(f->name);
            told++;
        }
        ck_assert_msg(count_hidden(folder) == 0, "%s, call %u: something is left: %s", f->name, n,
                      program_snapshot(folder));
        opened += must_open(folder);
        must_resume(folder);
        remove_folder(folder);
        free(folder);
        if (!happened)
            break;
    }
    if (f->fault == TORTURE_SHORT) /* the rest is written by a second call */
        ck_assert_uint_gt(unharmed, 1);
    else
        ck_assert_uint_gt(told, 0);
    report("%s in each of %u calls: %u said so and exited 1, %u did no harm; %u times there was a "
           "file, and it opened; all resumed to the identical end",
           f->name, told + unharmed - 1, told, unharmed - 1, opened);
}
END_TEST

START_TEST(files_may_not_grow_beyond)
{
    struct stat info;
    unsigned told = 0, sizes = 0;
    ck_assert_int_eq(stat(support_at(whole, "run.h5"), &info), 0);
    const size_t step = (size_t)info.st_size / count_of(3, 60);
    for (size_t bytes = step / 2; bytes < (size_t)info.st_size + step; bytes += step, sizes++) {
        const program_how how = {.file_bytes = bytes};
        char *folder = in_place("limited");
        program *p = program_run(&how, "run " SHORTER "-q --data %s -o %s", data, folder);
        if (p->code != 0)
            ck_assert_fails(p, 1, "File too large");
        told += p->code == 1;
        must_hide_nothing(folder);
        must_open(folder);
        must_resume(folder);
        remove_folder(folder);
        program_free(p);
        free(folder);
    }
    ck_assert_uint_gt(told, 0);
    report("%u limits on the size of a file: %u said so and exited 1; all resumed to the identical "
           "end",
           sizes, told);
}
END_TEST

/* A file system of that many kilobytes; false where there can be none. */
static bool mount_small(const char *folder, size_t kilobytes)
{
    char options[64];
    snprintf(options, sizeof options, "size=%zuk", kilobytes);
    return geteuid() == 0 && mount("none", folder, "tmpfs", 0, options) == 0;
}

START_TEST(the_disk_is_full)
{
    unsigned told = 0, sizes = 0;
    char *folder = in_place("small");
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    for (size_t kilobytes = 8; kilobytes <= 400; kilobytes += count_of(96, 8), sizes++) {
        if (!mount_small(folder, kilobytes)) {
            support_skipped("survive", "a full disk, because none can be mounted here: %s",
                            strerror(errno));
            break;
        }
        victim_run(v, "run " SHORTER "-q --data %s -o %s", data, folder);
        if (v->code != 0)
            must_be_told("full disk");
        told += v->code != 0;
        must_hide_nothing(folder);
        must_open(folder);
        char options[] = "size=4m";
        ck_assert_int_eq(mount("none", folder, "tmpfs", MS_REMOUNT, options), 0);
        must_resume(folder);
        ck_assert_int_eq(umount(folder), 0);
    }
    ck_assert(sizes == 0 || told > 0);
    report(
        "%u file systems of 8 to 400 kB: %u were full, which was said, exit 1; all resumed to the "
        "identical end",
        sizes, told);
    remove_folder(folder);
    free(folder);
}
END_TEST

/* Waits for the first checkpoint. */
static void wait_for_file(const char *folder)
{
    for (int i = 0; i < 5000 && access(support_at(folder, "run.h5"), F_OK) != 0; i++)
        pause_for(0.001);
    ck_assert_int_eq(access(support_at(folder, "run.h5"), F_OK), 0);
}

/* Nothing can be made in it or taken away, not even by root; false where that cannot be had. */
static bool seal(const char *folder, bool sealed)
{
    int flags = 0;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
    flags = sealed ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    done = done && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

START_TEST(the_folder_becomes_read_only)
{
    char *folder = in_place("sealed");
    const unsigned maximum = count_of(2, 20);
    unsigned seals = 0;
    for (; seals < maximum; seals++) {
        victim_start(v, no_fault, "run " SHORTER "-q --data %s -o %s", data, folder);
        wait_for_file(folder);
        pause_for(0.002 * seals);
        kill(v->pid, SIGSTOP); /* so that it has not ended */
        const bool sealed = seal(folder, true);
        kill(v->pid, SIGCONT);
        victim_wait(v);
        if (!sealed) {
            support_skipped("survive", "a folder that becomes read-only, which none can here");
            break;
        }
        must_be_told("read-only");
        ck_assert(must_open(folder));
        ck_assert(seal(folder, false));
        must_resume(folder);
        must_hide_nothing(folder);
        remove_folder(folder);
    }
    report("%u times the folder became read-only in mid-run: one line, exit 1; all resumed to the "
           "identical end",
           seals);
    remove_folder(folder);
    free(folder);
}
END_TEST

START_TEST(the_folder_goes)
{
    const unsigned maximum = count_of(2, 20);
    for (unsigned i = 0; i < maximum; i++) {
        char *folder = in_place("gone"), *away = in_place("away");
        victim_start(v, no_fault, "run " SHORTER "-q --set training.steps=100000 --data %s -o %s",
                     data, folder);
        wait_for_file(folder);
        pause_for(0.003 * i);
        ck_assert_int_eq(rename(folder, away), 0);
        victim_wait(v);
        must_be_told("folder gone");
        ck_assert(must_open(away));
        remove_folder(folder);
        remove_folder(away);
        free(folder);
        free(away);
    }
    report("%u times the folder was moved away in mid-run: one line, exit 1", maximum);
}
END_TEST

/* ---- threads, progress, checkpoints ---- */

/* Large enough for products to be shared out. */
#define WIDE                                                                                       \
    SHORT " --set data.validation=20 --set training.steps=24 --set inverse.steps=12 "              \
          "--set training.batch=310 --set inverse.batch=310 --set network.layers.0.units=90 "      \
          "--set network.layers.1.units=70 --set training.optimiser.rate=0.02 "                    \
          "--set inverse.confidence=0.21 --set generate.steps=20 "

START_TEST(whatever_the_threads_and_checkpoints)
{
    static const int threads[] = {1, 2, 3, 4, 8};
    static const char *const every[] = {"", "--checkpoint 1", "--checkpoint 7", "--checkpoint 0s"};
    char *first = NULL;
    unsigned runs = 0;
    for (size_t t = 0; t < 5; t++)
        for (size_t c = 0; c < 4; c++)
            for (int bar = 0; bar < 2; bar++) {
                if (!is_long() && (t + c) % 4 != (size_t)bar)
                    continue;
                const program_how how = {.terminal = bar, .seconds = 120};
                char *folder = in_place("threads"), number[8];
                snprintf(number, sizeof number, "%d", threads[t]);
                program *p = program_start(
                    &how,
                    every[c][0] ? "run " WIDE "--threads %s --data %s -o %s --checkpoint %s"
                                : "run " WIDE "--threads %s --data %s -o %s",
                    number, data, folder, every[c][0] ? every[c] + 13 : "");
                program_wait(p);
                ck_assert_program(p, 0);
                char *text = hdf5_text(support_at(folder, "run.h5"), but_times);
                if (first)
                    program_must_equal(first, text);
                free(first);
                first = text;
                program_free(p);
                remove_folder(folder);
                free(folder);
                runs++;
            }
    free(first);
    report("%u runs of 1, 2, 3, 4 and 8 threads, with a bar and without, with 4 ways of "
           "checkpoints: identical",
           runs);
}
END_TEST

/* ---- memory ---- */

typedef struct memory_case {
    const char *name, *words; /* with the folder, then the data */
    bool fresh;               /* begins with no run file */
    unsigned checks;
} memory_case;

static const memory_case memory_cases[] = {
    {"run", "run " SHORTEST "-q -o %s --data %s", true, 20},
    {"run --resume", "run " SHORTEST "-q --resume -o %s --data %s", false, 12},
    {"project", "project %s/run.h5 -q --threads 1 --data %s", false, 12},
    {"generate", "generate %s/run.h5 -q --threads 1", false, 8},
    {"predict", "predict %s/run.h5 %s/t10k-images-idx3-ubyte --threads 1", false, 8},
    {"predict --json", "predict %s/run.h5 %s/t10k-images-idx3-ubyte --json --threads 1", false, 8},
    {"info", "info %s/run.h5", false, 8},
    {"info --json", "info %s/run.h5 --json", false, 8},
};

static void prepare_memory(const memory_case *c, const char *folder)
{
    size_t size = 0;
    remove_folder(folder);
    if (c->fresh)
        return;
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    unsigned char *bytes = support_read(support_at(tiny, "run.h5"), &size);
    support_write(support_at(folder, "run.h5"), bytes, size);
    free(bytes);
}

START_TEST(each_allocation_fails)
{
    const memory_case *c = &memory_cases[_i];
    char *folder = in_place("memory");
    unsigned told = 0, coped = 0;
    uint32_t step = 1, all = UINT32_MAX, left = 0;
    char *said = NULL;
    for (uint32_t n = UINT32_MAX;; n = n == UINT32_MAX ? 1 : n + step) {
        prepare_memory(c, folder);
        victim_hurt(v, (victim_fault){TORTURE_MEMORY, n, 0}, c->words, folder, data);
        if (n == UINT32_MAX) { /* to count them */
            ck_assert_msg(v->code == 0, "%s", v->err);
            all = v->ended.allocations;
            step = count_of(all / c->checks + 1, 1);
            free(said);
            said = strdup(v->out);
            left = v->ended.left; /* by the C library, for the environment */
            ck_assert_uint_le(left, 3);
        }
        ck_assert_msg(v->ended.left <= left, "%s: allocation %u of %u: %u are never freed: %.300s",
                      c->name, n, all, v->ended.left, v->err);
        if (v->code == 0) {
            ck_assert_msg(strcmp(v->out, said) == 0, "%s: allocation %u of %u: says\n%.300s",
                          c->name, n, all, v->out);
            ck_assert_str_eq(v->err, "");
            must_be_same(support_at(tiny, "run.h5"), support_at(folder, "run.h5"));
        } else {
            must_be_told(c->name);
        }
        if (n == UINT32_MAX)
            continue;
        if (!v->ended.happened)
            break;
        must_hide_nothing(folder);
        told += v->code != 0;
        coped += v->code == 0;
    }
    ck_assert_uint_gt(told, 3);
    report("%s: each of %u allocations failed: %u times it said so and exited 1, %u times it did "
           "without; no crash, no leak",
           c->name, all, told, coped);
    remove_folder(folder);
    free(said);
    free(folder);
}
END_TEST

/* ---- others, and signals ---- */

START_TEST(two_on_one_folder)
{
    static const char *const ways[] = {"-q", "--resume", "--force"};
    char *folder = in_place("shared");
    victim *second = victim_open();
    const unsigned maximum = count_of(2, 20);
    unsigned refused = 0;
    for (unsigned i = 0; i < maximum; i++) {
        victim_start(v, no_fault, "run " SHORTER "-q --data %s -o %s", data, folder);
        wait_for_file(folder);
        for (size_t w = 0; w < 3; w++) {
            kill(v->pid, SIGSTOP); /* so that it has not ended */
            victim_run(second, "run " SHORTER "-q %s --data %s -o %s", ways[w], data, folder);
            kill(v->pid, SIGCONT);
            ck_assert_msg(second->code == 1 && program_lines(second->err) == 1 &&
                              strstr(second->err, "another invproj"),
                          "exit %d: %s", second->code, second->err);
            refused++;
        }
        victim_wait(v);
        ck_assert_msg(v->code == 0, "%s", v->err);
        must_be_whole(folder);
        must_hide_nothing(folder);
        remove_folder(folder);
    }
    victim_close(second);
    report("%u second processes on the folder of a first: each was told and exited 1, the first "
           "ended identical",
           refused);
    free(folder);
}
END_TEST

/* NFS, Lustre, FUSE: all goes on, with a note; but a lock that fails otherwise is a failure. */
START_TEST(a_file_system_without_locks)
{
    static const int codes[] = {ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL};
    for (int i = 0; i < LEN(codes); i++) {
        char *folder = in_place("lockless"), *file = strdup(support_at(folder, "run.h5"));
        char said[512];
        victim_hurt(v, (victim_fault){TORTURE_LOCKS, 0, (uint32_t)codes[i]},
                    "run " SHORTER "-q --data %s -o %s", data, folder);
        ck_assert_msg(v->code == 0 && v->ended.happened, "%d: %s", v->code, v->err);
        snprintf(said, sizeof said,
                 "invproj: %s: its file system has no locks (%s): nothing keeps a second invproj "
                 "from working on it\n",
                 file, strerror(codes[i]));
        ck_assert_str_eq(v->err, said);
        must_be_whole(folder);
        support_write(support_at(folder, ".run.h5.0a1b2v.tmp"), "another's", 9);
        victim_hurt(v, (victim_fault){TORTURE_LOCKS, 0, (uint32_t)codes[i]},
                    "generate %s -q --threads 1", file);
        ck_assert_msg(v->code == 0, "%s", v->err);
        ck_assert_str_eq(v->err, said);
        ck_assert_uint_eq(count_hidden(folder), 1); /* which may be being written */
        victim_run(v, "info %s", file);
        ck_assert_str_eq(v->err, "");
        remove_folder(folder);
        free(folder);
        free(file);
    }
    char *folder = in_place("lockless");
    victim_hurt(v, (victim_fault){TORTURE_LOCKS, 0, EIO}, "run " SHORTER "-q --data %s -o %s", data,
                folder);
    must_be_told("EIO");
    ck_assert_ptr_nonnull(strstr(v->err, "run.h5: cannot be locked: Input/output error"));
    remove_folder(folder);
    free(folder);
}
END_TEST

START_TEST(a_lock_left_behind_does_not_block)
{
    char *folder = in_place("stale");
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    support_write(support_at(folder, ".run.h5.lock"), "", 0);
    support_write(support_at(folder, ".run.h5.0a1b2v.tmp"), "half", 4);
    support_write(support_at(folder, ".run.h5.0a1b2w.tmp"), "not ours", 8);
    support_write(support_at(folder, ".run.h5.0a1b2v.tmp~"), "not ours", 8);
    support_write(support_at(folder, ".other.h5.0a1b2v.tmp"), "not ours", 8);
    victim_run(v, "run " SHORTER "-q --data %s -o %s", data, folder);
    ck_assert_msg(v->code == 0, "%s", v->err);
    ck_assert_int_ne(access(support_at(folder, ".run.h5.0a1b2v.tmp"), F_OK), 0);
    ck_assert_uint_eq(count_hidden(folder), 3);
    must_be_whole(folder);
    remove_folder(folder);
    free(folder);
}
END_TEST

START_TEST(stopped_at_random_moments)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    const unsigned maximum = count_of(6, 100);
    unsigned stopped = 0, early = 0, late = 0;
    char *folder = in_place("stopped");
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, 130143);
    unsigned i = 0;
    for (; i < maximum || (stopped == 0 && i < 100 * maximum); i++) {
        const int number = numbers[i % 3];
        victim_start(v, no_fault, "run " SHORTER "--resume --data %s -o %s", data, folder);
        pause_for(gsl_rng_uniform(rng) * whole_seconds);
        kill(v->pid, number);
        victim_wait(v);
        ck_assert_msg(v->code == 0 || v->code == 128 + number, "exit %d: %s", v->code, v->err);
        const bool done = v->code == 0;
        late += done;
        const char *told = strstr(v->err, "--resume continues");
        early += !done && !told; /* before there was more than what is on the disk */
        if (!done && told) {
            stopped++;
            ck_assert_msg(!strstr(told + 1, "--resume continues") && strchr(told, '\n')[1] == 0,
                          "%s", v->err);
            ck_assert(must_open(folder));
        }
        if (!v->killed && access(folder, F_OK) == 0)
            must_hide_nothing(folder);
        if (done) {
            must_resume(folder);
            remove_folder(folder);
        }
    }
    gsl_rng_free(rng);
    ck_assert_uint_gt(stopped, 0);
    if (access(folder, F_OK) == 0)
        must_resume(folder);
    remove_folder(folder);
    report(
        "%u signals at random moments: %u stopped with a checkpoint, exit 129, 130 or 143; %u came "
        "before anything was done, %u too late; all resumed to the identical end",
        i, stopped, early, late);
    free(folder);
}
END_TEST

/* A file that has just been made, such as the lock, goes again. */
START_TEST(stopped_in_each_call)
{
    const uint32_t step = count_of(whole_calls / 6, 1);
    unsigned stopped = 0;
    for (uint32_t n = 1; n <= whole_calls; n += n < 12 ? 1 : step) {
        char *folder = in_place("stopped");
        victim_hurt(v, (victim_fault){TORTURE_STOP, n, 0}, "run " SHORTER "-q --data %s -o %s",
                    data, folder);
        ck_assert_msg(v->code == 0 || v->code == 128 + SIGTERM, "call %u: exit %d: %s", n, v->code,
                      v->err);
        stopped += v->code != 0;
        if (access(folder, F_OK) == 0) {
            must_hide_nothing(folder);
            must_resume(folder);
        }
        remove_folder(folder);
        free(folder);
    }
    ck_assert_uint_ge(stopped, 10);
    report("%u signals, each right after a call that opens, writes, syncs, closes or renames: "
           "nothing left over; all resumed to the identical end",
           stopped);
}
END_TEST

START_TEST(a_second_signal_ends_at_once)
{
    char *folder = in_place("twice");
    unsigned handled = 0;
    double part = 0.4; /* of a run, which on a busy machine is a longer time than later */
    victim_run(v, "run " SHORTER "-q --data %s -o %s", data, folder);
    for (unsigned i = 0; i < count_of(3, 30); i++) {
        victim_start(v, no_fault, "run " SHORTER "-q --force --data %s -o %s", data, folder);
        pause_for(whole_seconds * part * (1.0 + 0.05 * (i % 20)));
        kill(v->pid, SIGSTOP); /* so that both come at one time */
        kill(v->pid, SIGINT);
        kill(v->pid, SIGTERM);
        kill(v->pid, SIGCONT);
        victim_wait(v);
        if (v->code == 0 && part > 1e-3) { /* it was done before */
            part /= 2;
            i--;
            continue;
        }
        ck_assert_msg(v->code == 130 || v->code == 143, "exit %d: %s", v->code, v->err);
        ck_assert_str_eq(v->err, ""); /* at once: it does not come to saying how to go on */
        handled += !v->killed;        /* else it came before the program took signals */
        ck_assert(must_open(folder));
    }
    ck_assert_uint_gt(handled, 0);
    must_resume(folder);
    remove_folder(folder);
    free(folder);
}
END_TEST

/* ---- damaged files ---- */

/* Behind the first line, where that says so; else where it was. */
static const char *behind(const char *err, const char *says)
{
    const char *said = strstr(err, says), *end = strchr(err, '\n');
    return said && end && said < end ? end + 1 : err;
}

/* One line says what went wrong; before it, two may say what was changed and what a save would lose. */
static bool is_one_error(const char *err)
{
    err = behind(err, "what was made from it before is out of date");
    err = behind(err, "will be lost when it is saved");
    return strncmp(err, "invproj: ", 9) == 0 && program_lines(err) == 1;
}

static bool is_well_said(const victim *w)
{
    if (w->killed || w->code < 0 || w->code > 2)
        return false;
    if (w->code == 0)
        return strstr(w->err, "Sanitizer") == NULL;
    return is_one_error(w->err);
}

enum { COMMANDS = 3 };

typedef struct tally {
    unsigned files, bad, codes[COMMANDS][3];
    double slowest;
} tally;

/* Seconds: HDF5 never ends with some files, and the process that reads them is then ended after 5 to
 * 7 of them (src/cli/confine.c), which is said. */
#define PROCESSOR_MOST 8.0

static void try_mutant(const char *folder, unsigned n, const char *what, size_t command, tally *t)
{
    const char *run = support_at(folder, "run.h5");
    if (command == 0)
        victim_run(v, n % 2 ? "info %s" : "info --json %s", run);
    else if (command == 1)
        victim_run(v, "project -q --threads 1 --data %s %s", data, run);
    else
        victim_run(v, "run " SHORTEST "-q --resume --set %s --data %s -o %s",
                   n % 2 ? "training.steps=3" : "inverse.steps=3", data, folder);
    if (v->ended.processor > t->slowest)
        t->slowest = v->ended.processor;
    if (is_well_said(v) && v->ended.processor <= PROCESSOR_MOST) {
        t->codes[command][v->code]++;
        return;
    }
    t->bad++;
    fprintf(stderr, "mutant %u (%s): %.200s: exit %d after %.1f s of the processor: %.3000s\n", n,
            what, v->command, v->code, v->ended.processor, v->err);
}

/* Of ten thousand, so many tests each take their part: Check cannot say how long one took that takes over 35
 * minutes, 2^31 microseconds, and calls that a failure. */
enum { SLICES = 20 };

/* $INVPROJ_MUTANTS: how many; $INVPROJ_MUTANTS_PART "1/2": every second, from number 1 on. */
START_TEST(damaged_files_do_no_harm)
{
    const char *number = getenv("INVPROJ_MUTANTS"), *part = getenv("INVPROJ_MUTANTS_PART");
    const unsigned maximum = number ? (unsigned)strtoul(number, NULL, 10) : count_of(150, 10000);
    const unsigned parts =
        part && strchr(part, '/') ? (unsigned)strtoul(strchr(part, '/') + 1, NULL, 10) : 1;
    const unsigned first = (part ? (unsigned)strtoul(part, NULL, 10) : 0) + (unsigned)_i * parts;
    const unsigned step = parts * (is_long() ? SLICES : 1);
    char *folder = in_place("mutant"), what[MUTANT_TEXT];
    char *file = strdup(support_at(folder, "run.h5"));
    tally t = {0};
    ck_assert_uint_gt(step, 0);
    mutants *m = mutants_open(support_at(tiny, "run.h5"));
    for (unsigned n = first; n < maximum; n += step, t.files++)
        for (size_t command = 0; command < COMMANDS; command++) {
            remove_folder(folder);
            ck_assert_int_eq(mkdir(folder, 0755), 0);
            mutants_write(m, n, file, what);
            try_mutant(folder, n, what, command, &t);
        }
    report("%u damaged or hostile files, %s: info %u said so, %u read; project %u/%u/%u and run "
           "--resume %u/%u/%u exit 0/1/2; slowest %.2f s of the processor; no crash, no other line",
           t.files, getenv("INVPROJ"), t.codes[0][1], t.codes[0][0], t.codes[1][0], t.codes[1][1],
           t.codes[1][2], t.codes[2][0], t.codes[2][1], t.codes[2][2], t.slowest);
    mutants_close(m);
    remove_folder(folder);
    free(folder);
    free(file);
    ck_assert_msg(t.bad == 0, "%u of %u did harm", t.bad, t.files);
    ck_assert(t.codes[0][1] > t.files / 10 || t.files < 50); /* and were damaged */
}
END_TEST

/* ---- the suite ---- */

static TCase *new_case(const char *name, double seconds)
{
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, is_long() ? 7200 : seconds);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    return tests;
}

Suite *survive_suite(void)
{
    Suite *suite = suite_create("survive");
    TCase *killed = new_case("killed", 60), *failed = new_case("failed", 60);
    TCase *memory = new_case("memory", 60), *others = new_case("others", 60);
    TCase *damaged = new_case("damaged", 120);
    tcase_add_test(killed, killed_at_random_moments);
    tcase_add_test(killed, killed_in_each_call);
    tcase_add_test(killed, killed_with_dropout_and_batch_norm);
    tcase_add_test(killed, killed_while_a_child_reads);
    tcase_add_test(killed, stopped_at_random_moments);
    tcase_add_test(killed, stopped_in_each_call);
    tcase_add_test(killed, a_second_signal_ends_at_once);
    tcase_add_loop_test(failed, each_call_fails, 0, LEN(failures));
    tcase_add_test(failed, files_may_not_grow_beyond);
    tcase_add_test(failed, the_disk_is_full);
    tcase_add_test(failed, the_folder_becomes_read_only);
    tcase_add_test(failed, the_folder_goes);
    if (SUPPORT_SANITIZED)
        support_skipped("survive", "allocations that fail, where malloc is the sanitizer's");
    else
        tcase_add_loop_test(memory, each_allocation_fails, 0, LEN(memory_cases));
    tcase_add_test(others, whatever_the_threads_and_checkpoints);
    tcase_add_test(others, two_on_one_folder);
    tcase_add_test(others, a_file_system_without_locks);
    tcase_add_test(others, a_lock_left_behind_does_not_block);
    tcase_add_loop_test(damaged, damaged_files_do_no_harm, 0, is_long() ? SLICES : 1);
    suite_add_tcase(suite, killed);
    suite_add_tcase(suite, failed);
    suite_add_tcase(suite, memory);
    suite_add_tcase(suite, others);
    suite_add_tcase(suite, damaged);
    return suite;
}
