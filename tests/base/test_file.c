/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "invproj/file.h"

Suite *file_suite(void);

static char *folder;

static void make_folder(void)
{
    folder = support_folder();
}

static void remove_folder(void)
{
    support_remove(folder);
}

static const unsigned char old_bytes[] = {71, 0, 250, 13, 10, 3};
static const unsigned char new_bytes[] = {9, 8, 0, 200, 77, 31, 54, 5, 255};

static void assert_holds(const char *path, const void *bytes, size_t size)
{
    size_t got = 0;
    unsigned char *found = support_read(path, &got);
    ck_assert_uint_eq(got, size);
    ck_assert_mem_eq(found, bytes, size);
    free(found);
}

/* ---- reading ---- */

START_TEST(reads_all_and_adds_a_nul)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    const char *path = support_at(folder, "some");
    support_write(path, new_bytes, sizeof new_bytes);
    ck_assert_status(inv_file_read(path, sizeof new_bytes, &bytes, &size), INV_OK);
    ck_assert_uint_eq(size, sizeof new_bytes);
    ck_assert_mem_eq(bytes, new_bytes, size);
    ck_assert_int_eq(bytes[size], 0);
    free(bytes);
    support_write(path, "", 0);
    ck_assert_status(inv_file_read(path, 0, &bytes, &size), INV_OK);
    ck_assert_uint_eq(size, 0);
    ck_assert_int_eq(bytes[0], 0);
    free(bytes);
}
END_TEST

static void assert_not_read(const char *path, size_t limit, inv_status expected, const char *why)
{
    unsigned char *bytes = (unsigned char *)folder;
    size_t size = 99;
    ck_assert_status(inv_file_read(path, limit, &bytes, &size), expected);
    ck_assert_ptr_null(bytes);
    ck_assert_uint_eq(size, 0);
    ck_assert_message_has(path);
    ck_assert_message_has(why);
}

START_TEST(refuses_what_is_no_file)
{
    const char *fifo = support_at(folder, "fifo");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    assert_not_read(support_at(folder, "none"), 100, INV_EIO, "No such file");
    assert_not_read(support_at(folder, "none/deeper"), 100, INV_EIO, "No such file");
    assert_not_read(folder, 100, INV_EIO, "is a folder");
    assert_not_read(fifo, 100, INV_EIO, "is not a regular file");
    assert_not_read("/dev/null", 100, INV_EIO, "is not a regular file");
    assert_not_read("", 100, INV_EIO, "No such file");
}
END_TEST

START_TEST(refuses_what_is_too_long)
{
    const char *path = support_at(folder, "long");
    support_write(path, new_bytes, sizeof new_bytes);
    assert_not_read(path, sizeof new_bytes - 1, INV_EFORMAT, "9 bytes long, but at most 8");
    /* a sparse file as long as that costs nobody memory */
    ck_assert_int_eq(truncate(path, (off_t)1 << 40), 0);
    assert_not_read(path, 1 << 20, INV_EFORMAT, "1099511627776");
}
END_TEST

/* Root reads everything, so become someone else. */
static int read_unreadable(void *path)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0))
        return 2;
    inv_status status = inv_file_read(path, 100, &bytes, &size);
    free(bytes);
    return status == INV_EIO && support_message_has("Permission denied") ? 0 : 1;
}

START_TEST(refuses_what_is_unreadable)
{
    char *path = strdup(support_at(folder, "secret"));
    support_write(path, old_bytes, sizeof old_bytes);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod(path, 0), 0);
    ck_assert_int_eq(support_in_child(read_unreadable, path), 0);
    free(path);
}
END_TEST

START_TEST(fill_stops_at_the_end)
{
    const char *path = support_at(folder, "some");
    unsigned char bytes[32];
    size_t size = 0, got = 0;
    int fd = -1;
    support_write(path, new_bytes, sizeof new_bytes);
    ck_assert_status(inv_file_open(path, &fd, &size), INV_OK);
    ck_assert_uint_eq(size, sizeof new_bytes);
    ck_assert_status(inv_file_fill(path, fd, bytes, 4, &got), INV_OK);
    ck_assert_uint_eq(got, 4);
    ck_assert_status(inv_file_fill(path, fd, bytes + 4, 28, &got), INV_OK);
    ck_assert_uint_eq(got, sizeof new_bytes - 4);
    ck_assert_mem_eq(bytes, new_bytes, sizeof new_bytes);
    close(fd);
    ck_assert_status(inv_file_fill(path, fd, bytes, 4, &got), INV_EIO);
    ck_assert_message_has("some: ");
}
END_TEST

/* ---- replacing ---- */

START_TEST(replaces_and_honours_umask)
{
    const char *path = support_at(folder, "out");
    struct stat info;
    mode_t before = umask(027);
    ck_assert_status(inv_file_replace(path, old_bytes, sizeof old_bytes), INV_OK);
    umask(before);
    assert_holds(path, old_bytes, sizeof old_bytes);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 07777, 0640);
    ck_assert_status(inv_file_replace(path, new_bytes, sizeof new_bytes), INV_OK);
    assert_holds(path, new_bytes, sizeof new_bytes);
    ck_assert_status(inv_file_replace(path, NULL, 0), INV_OK);
    assert_holds(path, "", 0);
    ck_assert_uint_eq(support_entries(folder), 1);
}
END_TEST

static mode_t mode_of(const char *path)
{
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    return info.st_mode & 07777;
}

/* Whatever the umask is; and what was secret is so from the first byte on. */
START_TEST(keeps_the_mode)
{
    static const mode_t modes[] = {0600, 0400, 0644, 0660, 0666, 0755, 0604};
    const char *path = support_at(folder, "out"), *link = support_at(folder, "link");
    const mode_t before = umask(027);
    support_write(path, old_bytes, sizeof old_bytes);
    ck_assert_int_eq(symlink("out", link), 0);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        for (int linked = 0; linked < 2; linked++) {
            ck_assert_int_eq(chmod(path, modes[i]), 0);
            ck_assert_status(inv_file_replace(linked ? link : path, new_bytes, sizeof new_bytes),
                             INV_OK);
            ck_assert_int_eq(mode_of(path), modes[i]);
        }
    ck_assert_int_eq(chmod(path, 04755), 0);
    ck_assert_status(inv_file_replace(path, new_bytes, sizeof new_bytes), INV_OK);
    ck_assert_int_eq(mode_of(path), 0755);
    umask(before);
}
END_TEST

/* One of root's commands does not take a file away from its owner. */
START_TEST(keeps_the_owner)
{
    const char *path = support_at(folder, "out");
    struct stat info;
    if (geteuid() != 0) {
        printf("file: skipped: files of others, because only root may give files away\n");
        return;
    }
    support_write(path, old_bytes, sizeof old_bytes);
    ck_assert_int_eq(chown(path, 1234, 4321), 0);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_status(inv_file_replace(path, new_bytes, sizeof new_bytes), INV_OK);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_uid, 1234);
    ck_assert_uint_eq(info.st_gid, 4321);
    ck_assert_int_eq(info.st_mode & 07777, 0640);
}
END_TEST

static int become_another(void)
{
    return setgroups(0, NULL) != 0 || setegid(65534) != 0 || seteuid(65534) != 0 ? 2 : 0;
}

/* 0: it can. */
static int another_comes_here(void *path)
{
    struct stat info; /* access() would ask who it really is */
    return become_another() != 0 || stat(path, &info) != 0;
}

static int replace_as_another(void *path)
{
    struct stat info;
    umask(0);
    if (become_another() != 0)
        return 2;
    if (inv_file_replace(path, new_bytes, sizeof new_bytes) != INV_OK || stat(path, &info) != 0)
        return 3;
    return info.st_uid == 65534 && info.st_gid == 65534 ? info.st_mode & 0777 : 4;
}

/* Who may write in the folder but not give files away: the new file's group is another, which must
 * not see more than everyone does. */
START_TEST(another_group_gets_no_more_than_others)
{
    char *path = strdup(support_at(folder, "out"));
    if (geteuid() == 0) {
        support_write(path, old_bytes, sizeof old_bytes);
        ck_assert_int_eq(chmod(folder, 0777), 0);
        if (support_in_child(another_comes_here, path) != 0) {
            printf("file: skipped: files of another group, because nobody may enter %s\n", folder);
            free(path);
            return;
        }
        ck_assert_int_eq(chown(path, 1234, 4321), 0);
        ck_assert_int_eq(chmod(path, 0060), 0); /* no more fits an exit code */
        ck_assert_int_eq(support_in_child(replace_as_another, path), 0);
        ck_assert_int_eq(chmod(path, 0064), 0);
        ck_assert_int_eq(chown(path, 1234, 4321), 0);
        ck_assert_int_eq(support_in_child(replace_as_another, path), 0044);
    }
    free(path);
}
END_TEST

START_TEST(tells_where_the_bytes_belong)
{
    const char *file = support_at(folder, "file"), *link = support_at(folder, "link");
    char *target = NULL, *real = NULL;
    ck_assert_status(inv_file_target(file, &target), INV_OK); /* not there yet */
    ck_assert_str_eq(target, file);
    free(target);
    support_write(file, old_bytes, sizeof old_bytes);
    ck_assert_int_eq(symlink("file", link), 0);
    ck_assert_status(inv_file_target(link, &target), INV_OK);
    real = realpath(file, NULL);
    ck_assert_str_eq(target, real);
    free(target);
    free(real);
    ck_assert_status(inv_file_target(folder, &target), INV_EIO);
    ck_assert_ptr_null(target);
}
END_TEST

START_TEST(replaces_in_the_working_folder)
{
    char name[256];
    int back = chdir(folder);
    ck_assert_int_eq(back, 0);
    ck_assert_status(inv_file_replace("plain", new_bytes, sizeof new_bytes), INV_OK);
    assert_holds("plain", new_bytes, sizeof new_bytes);
    memset(name, 'n', 255); /* as long as a name may be */
    name[255] = '\0';
    ck_assert_status(inv_file_replace(name, old_bytes, sizeof old_bytes), INV_OK);
    assert_holds(name, old_bytes, sizeof old_bytes);
    ck_assert_uint_eq(support_entries("."), 2);
    ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(replaces_what_a_link_leads_to)
{
    const char *file = support_at(folder, "file"), *link = support_at(folder, "link");
    struct stat info;
    support_write(file, old_bytes, sizeof old_bytes);
    ck_assert_int_eq(symlink("file", link), 0);
    ck_assert_status(inv_file_replace(link, new_bytes, sizeof new_bytes), INV_OK);
    assert_holds(file, new_bytes, sizeof new_bytes);
    ck_assert_int_eq(lstat(link, &info), 0);
    ck_assert(S_ISLNK(info.st_mode));
    ck_assert_int_eq(unlink(file), 0);
    ck_assert_status(inv_file_replace(link, new_bytes, sizeof new_bytes), INV_EIO);
    ck_assert_message_has("leads nowhere");
    ck_assert_uint_eq(support_entries(folder), 1);
}
END_TEST

static void assert_not_replaced(const char *path, const char *why)
{
    size_t before = support_entries(folder);
    ck_assert_status(inv_file_replace(path, new_bytes, sizeof new_bytes), INV_EIO);
    ck_assert_message_has(path);
    ck_assert_message_has(why);
    ck_assert_uint_eq(support_entries(folder), before);
}

START_TEST(refuses_to_replace)
{
    const char *fifo = support_at(folder, "fifo"), *file = support_at(folder, "file");
    char name[300];
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    support_write(file, old_bytes, sizeof old_bytes);
    assert_not_replaced(folder, "is a folder");
    assert_not_replaced(fifo, "is not a regular file");
    assert_not_replaced("", "empty");
    assert_not_replaced(support_at(folder, "none/out"), "make it first");
    assert_not_replaced(support_at(folder, "out/"), "slash");
    assert_not_replaced(support_at(folder, "file/out"), "is not a folder");
    memset(name, 'n', 290);
    name[290] = '\0';
    assert_not_replaced(support_at(folder, name), "shorter");
    assert_holds(file, old_bytes, sizeof old_bytes);
}
END_TEST

static int replace_beyond_limit(void *path)
{
    static const unsigned char many[70001];
    struct rlimit limit = {20011, 20011};
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    inv_status status = inv_file_replace(path, many, sizeof many);
    return status == INV_EIO && support_message_has("File too large; raise") ? 0 : 1;
}

START_TEST(failed_write_leaves_the_old_file)
{
    char *path = strdup(support_at(folder, "out"));
    support_write(path, old_bytes, sizeof old_bytes);
    ck_assert_int_eq(support_in_child(replace_beyond_limit, path), 0);
    assert_holds(path, old_bytes, sizeof old_bytes);
    ck_assert_uint_eq(support_entries(folder), 1);
    free(path);
}
END_TEST

static int replace_forbidden(void *path)
{
    if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0))
        return 2;
    inv_status status = inv_file_replace(path, new_bytes, sizeof new_bytes);
    return status == INV_EIO && support_message_has("Permission denied; write") ? 0 : 1;
}

START_TEST(forbidden_folder_is_left_alone)
{
    char *path = strdup(support_at(folder, "out"));
    support_write(path, old_bytes, sizeof old_bytes);
    ck_assert_int_eq(chmod(folder, 0555), 0);
    ck_assert_int_eq(support_in_child(replace_forbidden, path), 0);
    ck_assert_int_eq(chmod(folder, 0700), 0);
    assert_holds(path, old_bytes, sizeof old_bytes);
    ck_assert_uint_eq(support_entries(folder), 1);
    free(path);
}
END_TEST

/* ---- folders and names ---- */

START_TEST(makes_folders)
{
    const char *deep = support_at(folder, "a//b/c/"), *file = support_at(folder, "file");
    struct stat info;
    ck_assert_status(inv_file_make_folder(deep), INV_OK);
    ck_assert(stat(deep, &info) == 0 && S_ISDIR(info.st_mode));
    ck_assert_status(inv_file_make_folder(deep), INV_OK);
    ck_assert_status(inv_file_make_folder("/"), INV_OK);
    ck_assert_status(inv_file_make_folder("."), INV_OK);
    support_write(file, old_bytes, sizeof old_bytes);
    ck_assert_status(inv_file_make_folder(file), INV_EIO);
    ck_assert_message_has("file: is there already");
    ck_assert_status(inv_file_make_folder(support_at(folder, "file/x/y")), INV_EIO);
    ck_assert_message_has("file/x/y: ");
    ck_assert_message_has("file is not a folder");
    ck_assert_status(inv_file_make_folder(""), INV_EIO);
    ck_assert_status(inv_file_make_folder("/proc/none/of/this"), INV_EIO);
}
END_TEST

START_TEST(names_beside)
{
    static const char *const rows[][2] = {
        {"run.h5", "x.png"},   {".", "x.png"},        {"out/run.h5", "out/x.png"},
        {"out/", "out/x.png"}, {"/run.h5", "/x.png"}, {"../a b/c/run.h5", "../a b/c/x.png"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *path = NULL;
        ck_assert_status(inv_file_beside(rows[i][0], "x.png", &path), INV_OK);
        ck_assert_str_eq(path, rows[i][1]);
        free(path);
    }
}
END_TEST

Suite *file_suite(void)
{
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("file");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, reads_all_and_adds_a_nul);
    tcase_add_test(tests, refuses_what_is_no_file);
    tcase_add_test(tests, refuses_what_is_too_long);
    tcase_add_test(tests, refuses_what_is_unreadable);
    tcase_add_test(tests, fill_stops_at_the_end);
    tcase_add_test(tests, replaces_and_honours_umask);
    tcase_add_test(tests, keeps_the_mode);
    tcase_add_test(tests, keeps_the_owner);
    tcase_add_test(tests, another_group_gets_no_more_than_others);
    tcase_add_test(tests, tells_where_the_bytes_belong);
    tcase_add_test(tests, replaces_in_the_working_folder);
    tcase_add_test(tests, replaces_what_a_link_leads_to);
    tcase_add_test(tests, refuses_to_replace);
    tcase_add_test(tests, failed_write_leaves_the_old_file);
    tcase_add_test(tests, forbidden_folder_is_left_alone);
    tcase_add_test(tests, makes_folders);
    tcase_add_test(tests, names_beside);
    suite_add_tcase(suite, tests);
    return suite;
}
