/* Where the program writes: folders that cannot be written, disks that fill, files that are there
 * already, other processes. What was there must stay.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define LEN(array) (sizeof(array) / sizeof *(array))
#define GOOD       "r2rt.cfg " SHORT_SETS " -q --data data"

/* Made once: the experiment, data, and a run. The program runs in this folder. */
static char *place;
static size_t run_size; /* bytes of its run file */

static void open_place(void)
{
    struct stat info;
    place = support_folder();
    short_copy("experiments/r2rt.cfg", support_at(place, "r2rt.cfg"));
    short_data(support_at(place, "data"));
    program_must_work(program_run_in(place, "run " GOOD " -o run"));
    ck_assert_int_eq(stat(support_at(place, "run/run.h5"), &info), 0);
    run_size = (size_t)info.st_size;
}

static void close_place(void)
{
    support_remove(place);
}

/* ---- places that cannot be written ---- */

static const struct bad_place {
    const char *words;
    int code;
    const char *says[4];
} bad_places[] = {
    {"run " GOOD " -o r2rt.cfg", 1, {"r2rt.cfg: is there already and is not a folder"}},
    {"run " GOOD " -o r2rt.cfg/x", 1, {"r2rt.cfg/x", "r2rt.cfg is not a folder"}},
    {"run " GOOD " -o run/run.h5", 2, {"run/run.h5: already holds a run", "--force"}},
    {"run " GOOD " -o /proc/none", 1, {"/proc/none"}},
    {"run " GOOD " -o /proc/none/x", 1, {"/proc/none"}},
    {"run " GOOD " -o run", 2, {"run/run.h5: already holds a run", "--force"}},
    {"train " GOOD " -o run/run.h5", 2, {"run/run.h5: already holds a run", "--force"}},
    {"train " GOOD " -o data", 1, {"data: is a folder, not a file"}},
    {"train " GOOD " -o data --force", 1, {"data: is a folder, not a file"}},
    {"train " GOOD " -o none/run.h5", 1, {"none/run.h5", "No such file or directory"}},
    {"train " GOOD " -o r2rt.cfg/run.h5", 1, {"r2rt.cfg/run.h5", "Not a directory"}},
    {"train " GOOD " -o /dev/full", 1, {"/dev/full"}},
    {"train " GOOD " -o /dev/full --force", 1, {"/dev/full"}},
};

START_TEST(a_place_that_cannot_be_written)
{
    const struct bad_place *bad = &bad_places[_i];
    const program_how how = {.folder = place};
    program_must_refuse(&how, bad->words, bad->code, bad->says);
}
END_TEST

START_TEST(a_folder_that_others_own)
{
    const program_how powerless = {.folder = place, .unprivileged = true};
    static const char *const words[] = {"run " GOOD " -o run --force", "run " GOOD " -o fresh",
                                        "generate run/run.h5 -q",
                                        "invert run/run.h5 -q --data data"};
    if (!program_runs_unprivileged("cli_disk", "folders of others"))
        return;
    ck_assert_int_eq(chmod(place, 0555), 0);
    ck_assert_int_eq(chmod(support_at(place, "run"), 0555), 0);
    program_must_work(program_run_words(&powerless, "info run/run.h5"));
    char *before = program_snapshot(place);
    for (size_t i = 0; i < LEN(words); i++) {
        program *p = program_run_words(&powerless, words[i]);
        ck_assert_fails(p, 1, "Permission denied");
        program_free(p);
    }
    char *after = program_snapshot(place);
    program_must_equal(before, after);
    free(before);
    free(after);
    chmod(place, 0755);
    chmod(support_at(place, "run"), 0755);
}
END_TEST

/* ---- files that may not grow ---- */

/* No file may grow beyond `bytes`: what is in `folder` is a whole run file or what was there
 * before. */
static void run_limited(size_t bytes)
{
    const program_how how = {.folder = place, .file_bytes = bytes};
    char *before = program_snapshot(support_at(place, "run"));
    program *p = program_run_words(&how, "run " GOOD " -o run --force");
    ck_assert_fails(p, 1, "run/", ": File too large", "ulimit -f");
    ck_assert_ptr_null(strstr(p->err, ".tmp"));
    const bool at_run_file = strstr(p->err, "run/run.h5: ") != NULL;
    const bool goes_on = strstr(p->err, "; the same command with --resume goes on\n") != NULL;
    program_free(p);
    char *after = program_snapshot(support_at(place, "run"));
    ck_assert_msg((strcmp(before, after) != 0) == (bytes > 3 * run_size / 8),
                  "limit %zu: before\n%s, after\n%s", bytes, before, after);
    program_must_work(
        program_run_in(place, "info run/run.h5")); /* what was, or what the first stages made */
    ck_assert(at_run_file || bytes > run_size / 8);
    ck_assert(goes_on == (at_run_file && strcmp(before, after) != 0));
    if (goes_on)
        program_must_work(program_run_in(place, "run " GOOD " -o run --resume"));
    ck_assert_uint_eq(support_entries(support_at(place, "run")), 6);
    free(before);
    free(after);
}

/* LLVM's OpenMP takes 1024 bytes for itself, and does not start without. */
START_TEST(a_file_that_may_not_grow)
{
    const size_t eighths[] = {0, 1, 2, 4, 6, 7};
    run_limited(1100 + run_size * eighths[_i] / 8);
}
END_TEST

/* Pictures come after the run file: one that cannot be written costs nothing of it. This one has
 * 176 million pixels, of which deflate makes no less than 170 KB: more than the run file. */
START_TEST(a_picture_that_may_not_grow)
{
    const program_how how = {.folder = place, .file_bytes = run_size + 4096};
    program_must_work(program_run_in(place, "run " GOOD " -o drawn"));
    char *before = program_snapshot(support_at(place, "drawn"));
    program *p = program_run_words(&how, "features drawn/run.h5 -q --threads 1 --set "
                                         "features.sheet.columns=200 --set features.sheet.zoom=100 "
                                         "--set features.sheet.gap=100");
    ck_assert_fails(p, 1, "drawn/features.png: File too large");
    program_free(p);
    program_must_work(program_run_in(place, "info drawn/run.h5"));
    char *after = program_snapshot(support_at(place, "drawn"));
    const char *picture = strstr(before, "features.png");
    char line[256];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(picture, "\n"), picture);
    ck_assert_msg(strstr(after, line) != NULL, "changed: %s\n%s", line, after);
    free(before);
    free(after);
}
END_TEST

/* ---- disks that fill ---- */

/* A small disk, `place`/disk, in this process's own view of the file system; false where that may
 * not be made. */
static bool mount_disk(const char *options)
{
    const char *disk = support_at(place, "disk");
    mkdir(disk, 0755);
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("none", disk, "tmpfs", 0, options) == 0)
        return true;
    support_skipped("cli_disk", "a disk that fills, because none can be mounted here: %s",
                    strerror(errno));
    return false;
}

/* Leaves `room` bytes on it. */
static void fill_disk(size_t room)
{
    struct statvfs info;
    ck_assert_int_eq(statvfs(support_at(place, "disk"), &info), 0);
    const size_t free_bytes = info.f_bavail * info.f_bsize;
    ck_assert_uint_gt(free_bytes, room);
    char *bytes = calloc(free_bytes - room, 1);
    ck_assert_ptr_nonnull(bytes);
    support_write(support_at(place, "disk/filler"), bytes, free_bytes - room);
    free(bytes);
}

static void empty_disk(void)
{
    umount(support_at(place, "disk"));
    rmdir(support_at(place, "disk"));
}

START_TEST(a_disk_that_is_full)
{
    if (!mount_disk("size=1m"))
        return;
    program_must_work(program_run_in(place, "run " GOOD " -o disk/run"));
    fill_disk(8192);
    char *before = program_snapshot(place);
    program *p = program_run_in(place, "run " GOOD " -o disk/run --force");
    ck_assert_fails(p, 1, "disk/run/run.h5: No space left on device", "free some");
    program_free(p);
    p = program_run_in(place, "run " GOOD " -o disk/new");
    ck_assert_fails(p, 1, "disk/new/run.h5: No space left on device");
    program_free(p);
    p = program_run_in(place, "generate disk/run/run.h5 -q --threads 1");
    ck_assert_fails(p, 1, "disk/run/run.h5: No space left on device");
    program_free(p);
    char *after = program_snapshot(place);
    program_must_equal(before, after);
    free(before);
    free(after);
    empty_disk();
}
END_TEST

/* Room for the first files and no more: all that is there then is whole. */
START_TEST(a_disk_that_fills)
{
    const size_t eighths[] = {4, 8, 12, 16};
    if (!mount_disk("size=1m"))
        return;
    fill_disk((run_size * eighths[_i] / 8) & ~(size_t)4095);
    program *p = program_run_in(place, "run " GOOD " -o disk/new");
    ck_assert_fails(p, 1, "disk/new/", "No space left on device", "free some");
    program_free(p);
    char *held = program_snapshot(support_at(place, "disk/new"));
    ck_assert_msg(strstr(held, ".tmp") == NULL && strstr(held, ".lock") == NULL, "%s", held);
    program_must_work(program_run_in(place, "info disk/new/run.h5"));
    free(held);
    empty_disk();
}
END_TEST

START_TEST(a_disk_that_is_read_only)
{
    if (!mount_disk("size=1m"))
        return;
    program_must_work(program_run_in(place, "run " GOOD " -o disk/run"));
    ck_assert_int_eq(mount(NULL, support_at(place, "disk"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    program *p = program_run_in(place, "run " GOOD " -o disk/run --force");
    ck_assert_fails(p, 1, "disk/run/run.h5", "Read-only file system");
    program_free(p);
    p = program_run_in(place, "run " GOOD " -o disk/new");
    ck_assert_fails(p, 1, "disk/new", "Read-only file system");
    program_free(p);
    program_must_work(program_run_in(place, "info disk/run/run.h5"));
    empty_disk();
}
END_TEST

/* ---- two at a time ---- */

START_TEST(a_second_process_is_refused)
{
    const program_how how = {.folder = place};
    program *first = program_start(&how, "run r2rt.cfg " SHORT_SETS
                                         " --data data -o shared --set training.steps=100000000");
    program_wait_for(first, "training: 100000000 steps");
    program *p = program_run_in(place, "run " GOOD " -o shared --force");
    ck_assert_fails(p, 1, "shared/run.h5: another invproj is working on it");
    program_free(p);
    p = program_run_in(place, "train " GOOD " -o shared/run.h5 --force");
    ck_assert_fails(p, 1, "shared/run.h5: another invproj is working on it");
    program_free(p);
    kill(first->child, SIGTERM);
    program_wait(first);
    ck_assert_program(first, 143);
    program_free(first);
    program_must_work(program_run_in(place, "info shared/run.h5"));
    ck_assert_uint_eq(support_entries(support_at(place, "shared")), 1); /* and no lock */
    program_must_work(program_run_in(place, "run " GOOD " -o shared --force"));
}
END_TEST

/* A run file and a link to it are one, whichever of the two the first process was given. */
START_TEST(a_link_and_its_file_have_one_lock)
{
    static const char *const names[] = {"one/run.h5", "link.h5", "way/run.h5"};
    const program_how how = {.folder = place};
    ck_assert_int_eq(mkdir(support_at(place, "one"), 0755), 0);
    ck_assert_int_eq(symlink("one/run.h5", support_at(place, "link.h5")), 0);
    ck_assert_int_eq(symlink("one", support_at(place, "way")), 0);
    program_must_work(program_run_in(place, "train " GOOD " -o one/run.h5"));
    for (size_t i = 0; i < LEN(names); i++) {
        program *first = program_start(&how,
                                       "train r2rt.cfg " SHORT_SETS " --data data -o %s --force "
                                       "--set training.steps=100000000",
                                       names[i]);
        program_wait_for(first, "training: 100000000 steps");
        for (size_t j = 0; j < LEN(names); j++) {
            program *p = program_run(&how, "train " GOOD " -o %s --force", names[j]);
            ck_assert_fails(p, 1, "another invproj is working on it", ".run.h5.lock");
            program_free(p);
            p = program_run(&how, "generate %s -q", names[j]);
            ck_assert_fails(p, 1, "another invproj is working on it");
            program_free(p);
            program_must_work(program_run(&how, "info %s", names[j])); /* which takes none */
        }
        kill(first->child, SIGTERM);
        program_wait(first);
        ck_assert_program(first, 143);
        program_free(first);
        ck_assert_uint_eq(support_entries(support_at(place, "one")), 1); /* and no lock */
    }
    ck_assert_int_ne(access(support_at(place, ".link.h5.lock"), F_OK), 0);
    ck_assert_int_eq(unlink(support_at(place, "link.h5")), 0);
    ck_assert_int_eq(unlink(support_at(place, "way")), 0);
}
END_TEST

/* ---- what others may have put there ---- */

static void make_shared(const char *name)
{
    ck_assert_int_eq(mkdir(support_at(place, name), 0777), 0);
    ck_assert_int_eq(chmod(support_at(place, name), 0777), 0);
}

/* A link under the lock's name leads nowhere, be its target there or not. */
START_TEST(a_lock_that_is_no_file_is_not_opened)
{
    static const char *const targets[] = {"precious", "not-there", "fifo", NULL};
    make_shared("planted");
    const char *lock = support_at(place, "planted/.run.h5.lock");
    support_write(support_at(place, "planted/precious"), "kept", 4);
    ck_assert_int_eq(mkfifo(support_at(place, "planted/fifo"), 0600), 0);
    for (size_t i = 0; i < LEN(targets); i++) {
        ck_assert_int_eq(targets[i] ? symlink(targets[i], lock) : mkfifo(lock, 0666), 0);
        program *p = program_run_in(place, "train " GOOD " -o planted/run.h5");
        ck_assert_fails(p, 1, "planted/run.h5: its lock file planted/.run.h5.lock, of ",
                        "is not opened; remove it");
        program_free(p);
        ck_assert_uint_eq(support_entries(support_at(place, "planted")), 3);
        ck_assert_int_eq(unlink(lock), 0);
    }
    program_must_work(program_run_in(place, "train " GOOD " -o planted/run.h5"));
    support_remove(strdup(support_at(place, "planted")));
}
END_TEST

/* Left by one who was killed, it is named, and so is who can take it away. */
START_TEST(a_lock_of_another_user_is_named)
{
    const program_how nobody = {.folder = place, .unprivileged = true};
    make_shared("common");
    const char *lock = support_at(place, "common/.run.h5.lock");
    ck_assert_int_eq(chmod(place, 0755), 0);
    program *p = program_run_words(&nobody, "train " GOOD " -o common/run.h5");
    if (geteuid() != 0 || p->code != 0) {
        printf("cli_disk: skipped: a lock of another user, because nobody cannot run here\n");
        program_free(p);
        return;
    }
    program_free(p);
    support_write(lock, "", 0);
    ck_assert_int_eq(chown(lock, 54321, 0), 0);
    ck_assert_int_eq(chmod(lock, 0644), 0);
    p = program_run_words(&nobody, "generate common/run.h5 -q");
    ck_assert_fails(p, 1, "common/run.h5: its lock file common/.run.h5.lock, of user 54321, ",
                    "cannot be opened: Permission denied", "remove it");
    program_free(p);
    program_must_work(
        program_run_in(place, "invert common/run.h5 -q --threads 1 --data data")); /* root may */
    program_must_work(program_run_words(&nobody, "generate common/run.h5 -q --threads 1"));
}
END_TEST

/* ---- modes ---- */

START_TEST(a_run_file_keeps_its_mode_and_owner)
{
    struct stat info;
    program_must_work(program_run_in(place, "train " GOOD " -o own.h5"));
    const char *file = support_at(place, "own.h5");
    ck_assert_int_eq(chmod(file, 0600), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(file, 1234, 4321), 0);
    program_must_work(program_run_in(place, "invert own.h5 -q --threads 1 --data data"));
    ck_assert_int_eq(stat(file, &info), 0);
    ck_assert_int_eq(info.st_mode & 07777, 0600);
    ck_assert_uint_eq(info.st_uid, geteuid() == 0 ? 1234 : geteuid());
    ck_assert_int_eq(unlink(file), 0);
}
END_TEST

START_TEST(a_read_only_run_file_stays_as_it_is)
{
    static const char *const writing[] = {"invert only.h5 -q --threads 1 --data data",
                                          "train " GOOD " -o only.h5 --force"};
    program_must_work(program_run_in(place, "train " GOOD " -o only.h5"));
    const char *file = support_at(place, "only.h5");
    ck_assert_int_eq(chmod(file, 0444), 0);
    char *before = program_snapshot(place);
    for (size_t i = 0; i < LEN(writing); i++) {
        program *p = program_run_in(place, writing[i]);
        ck_assert_fails(p, 1, "only.h5: is read-only, so nothing is written to it", "chmod u+w");
        program_free(p);
    }
    program_must_work(program_run_in(place, "info only.h5"));
    char *after = program_snapshot(place);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    ck_assert_int_eq(unlink(file), 0);
}
END_TEST

/* Check's timeout ends it where the file does not come. */
static void wait_for_file(const char *path)
{
    const struct timespec pause = {0, 2000000};
    while (access(path, F_OK) != 0)
        nanosleep(&pause, NULL);
}

/* The lock of a process that was killed holds nobody up. */
START_TEST(a_killed_process_leaves_no_lock_that_holds)
{
    const program_how how = {.folder = place};
    program *first = program_start(&how, "run r2rt.cfg " SHORT_SETS
                                         " --data data -o killed --set training.steps=100000000");
    wait_for_file(
        support_at(place, "killed/run.h5")); /* killed earlier, it would leave half of one */
    kill(first->child, SIGKILL);
    program_wait(first);
    ck_assert_program(first, 137);
    program_free(first);
    program_must_work(program_run_in(place, "run " GOOD " -o killed --force"));
    ck_assert_uint_eq(support_entries(support_at(place, "killed")), 6);
}
END_TEST

Suite *cli_disk_suite(void)
{
    Suite *suite = suite_create("cli_disk");
    TCase *tests = tcase_create("disk");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_loop_test(tests, a_place_that_cannot_be_written, 0, LEN(bad_places));
    tcase_add_test(tests, a_folder_that_others_own);
    tcase_add_loop_test(tests, a_file_that_may_not_grow, 0, 6);
    tcase_add_test(tests, a_picture_that_may_not_grow);
    tcase_add_test(tests, a_disk_that_is_full);
    tcase_add_loop_test(tests, a_disk_that_fills, 0, 4);
    tcase_add_test(tests, a_disk_that_is_read_only);
    tcase_add_test(tests, a_second_process_is_refused);
    tcase_add_test(tests, a_link_and_its_file_have_one_lock);
    tcase_add_test(tests, a_lock_that_is_no_file_is_not_opened);
    tcase_add_test(tests, a_lock_of_another_user_is_named);
    tcase_add_test(tests, a_run_file_keeps_its_mode_and_owner);
    tcase_add_test(tests, a_read_only_run_file_stays_as_it_is);
    tcase_add_test(tests, a_killed_process_leaves_no_lock_that_holds);
    suite_add_tcase(suite, tests);
    return suite;
}
