/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/zip.h"

Suite *zip_suite(void);

static char *folder;

static void make_folder(void)
{
    folder = support_folder();
}

static void remove_folder(void)
{
    support_remove(folder);
}

static const char text[] =
    "what is in the first member, and then some more of the same of the same";
static const support_member two[] = {{"a/first.txt", text, sizeof text}, {"second", "22", 2}};

/* The archive of the two, stored or deflated. */
static const char *write_two(int deflated)
{
    const char *path = support_at(folder, "two.zip");
    support_write_zip(path, two, 2, deflated);
    return path;
}

static void assert_refused(const char *path, inv_status expected, const char *why)
{
    inv_zip *zip = (inv_zip *)folder;
    ck_assert_status(inv_zip_open(path, &zip), expected);
    ck_assert_ptr_null(zip);
    ck_assert_message_has(path);
    ck_assert_message_has(why);
}

/* That the archive opens, and reading the member is refused. */
static void assert_member_refused(const char *path, size_t member, size_t limit, const char *why)
{
    inv_zip *zip = NULL;
    unsigned char *bytes = (unsigned char *)folder;
    size_t size = 99;
    ck_assert_status(inv_zip_open(path, &zip), INV_OK);
    ck_assert_status(inv_zip_read(zip, member, limit, &bytes, &size), INV_EFORMAT);
    ck_assert_ptr_null(bytes);
    ck_assert_uint_eq(size, 0);
    ck_assert_message_has(path);
    ck_assert_message_has(why);
    inv_zip_close(zip);
}

START_TEST(reads_stored_and_deflated_members)
{
    inv_zip *zip = NULL;
    unsigned char *bytes = NULL;
    size_t member = 0, size = 0;
    ck_assert_status(inv_zip_open(write_two(_i), &zip), INV_OK);
    ck_assert_uint_eq(inv_zip_count(zip), 2);
    ck_assert_str_eq(inv_zip_name(zip, 0), "a/first.txt");
    ck_assert(inv_zip_find(zip, "second", &member));
    ck_assert_uint_eq(member, 1);
    ck_assert(!inv_zip_find(zip, "third", &member));
    for (size_t i = 0; i < 2; i++) {
        ck_assert_status(inv_zip_read(zip, i, two[i].size, &bytes, &size), INV_OK);
        ck_assert_uint_eq(size, two[i].size);
        ck_assert_mem_eq(bytes, two[i].bytes, size);
        ck_assert_uint_eq(bytes[size], 0);
        free(bytes);
    }
    inv_zip_close(zip);
    inv_zip_close(NULL);
    assert_member_refused(support_at(folder, "two.zip"), 0, sizeof text - 1, "at most");
}
END_TEST

START_TEST(refuses_what_is_no_archive)
{
    const char *path = support_at(folder, "none.zip"), *fifo = support_at(folder, "fifo");
    assert_refused(path, INV_EIO, "No such file");
    assert_refused(folder, INV_EIO, "is a folder");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    assert_refused(fifo, INV_EIO, "not a regular file");
    support_write(path, "<!doctype html>", 15);
    assert_refused(path, INV_EFORMAT, "not a ZIP archive but a web page");
    support_write(path, "P", 1);
    assert_refused(path, INV_EFORMAT, "not a ZIP archive");
    support_write(path, "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
    assert_refused(path, INV_EFORMAT, "with nothing in it");
}
END_TEST

/* Cut anywhere, it is refused, or what it still lists is refused or right. */
START_TEST(refuses_every_truncation)
{
    size_t size = 0;
    const char *path = write_two(1), *cut = support_at(folder, "cut.zip");
    unsigned char *bytes = support_read(path, &size);
    for (size_t n = 0; n < size; n++) {
        inv_zip *zip = NULL;
        support_write(cut, bytes, n);
        ck_assert_status(inv_zip_open(cut, &zip), INV_EFORMAT);
    }
    free(bytes);
}
END_TEST

/* Reads both members, if the archive opens; counts what is refused. */
static size_t read_flipped(const char *path)
{
    inv_zip *zip = NULL;
    size_t refused = 0;
    if (inv_zip_open(path, &zip) != INV_OK)
        return 2;
    for (size_t i = 0; i < 2; i++) {
        unsigned char *got = NULL;
        size_t member = 0, length = 0;
        if (!inv_zip_find(zip, two[i].name, &member) ||
            inv_zip_read(zip, member, SIZE_MAX - 1, &got, &length) != INV_OK) {
            refused++;
        } else {
            ck_assert_uint_eq(length, two[i].size);
            ck_assert_mem_eq(got, two[i].bytes, length);
        }
        free(got);
    }
    inv_zip_close(zip);
    return refused;
}

/* Whatever bit flips, what is read is right, or it is refused: names, sizes, checksums, data. */
START_TEST(no_flipped_bit_changes_a_member)
{
    size_t size = 0, refused = 0;
    const char *path = write_two(1);
    unsigned char *bytes = support_read(path, &size);
    FILE *file = fopen(path, "r+b"); /* one byte at a time: many small files take long to write */
    ck_assert_ptr_nonnull(file);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        const long at = (long)(bit / 8);
        fseek(file, at, SEEK_SET);
        fputc(bytes[at] ^ 1 << bit % 8, file);
        ck_assert_int_eq(fflush(file), 0);
        refused += read_flipped(path);
        fseek(file, at, SEEK_SET);
        fputc(bytes[at], file);
        ck_assert_int_eq(fflush(file), 0);
    }
    ck_assert_uint_eq(read_flipped(path), 0);
    ck_assert_uint_gt(refused, 8 * size / 4);
    fclose(file);
    free(bytes);
}
END_TEST

/* The first place of those four bytes. */
static unsigned char *find_bytes(unsigned char *bytes, size_t size, const char *wanted)
{
    unsigned char *at = memmem(bytes, size, wanted, 4);
    ck_assert_ptr_nonnull(at);
    return at;
}

/* The sizes of the central directory, which are what memory is taken by: 4 GB from 74 bytes. */
START_TEST(refuses_sizes_that_cannot_be)
{
    size_t size = 0;
    unsigned char *bytes = support_read(write_two(_i), &size);
    const char *path = support_at(folder, "large.zip");
    unsigned char *entry = find_bytes(bytes, size, "PK\1\2");
    memcpy(entry + 24, "\xf0\xff\xff\xff", 4);
    support_write(path, bytes, size);
    assert_member_refused(path, 0, SIZE_MAX - 1, "more bytes (4294967280) than it can hold");
    memcpy(entry + 24, "\x60\0\0\0", 4); /* 96: a little more than there is */
    support_write(path, bytes, size);
    assert_member_refused(path, 0, SIZE_MAX - 1,
                          _i ? "unpacks to fewer bytes" : "than it can hold");
    memcpy(entry + 24, "\x10\0\0\0", 4);
    support_write(path, bytes, size);
    assert_member_refused(path, 0, SIZE_MAX - 1, ".zip");
    free(bytes);
}
END_TEST

/* One program reads the first of them, another the last. */
START_TEST(refuses_two_of_one_name)
{
    const support_member same[] = {{"x1", "1", 1}, {"x2", "2", 1}};
    size_t size = 0;
    const char *path = support_at(folder, "same.zip");
    support_write_zip(path, same, 2, 0);
    unsigned char *bytes = support_read(path, &size), *at = bytes;
    while ((at = memmem(at, size - (size_t)(at - bytes), "x2", 2)) != NULL)
        at[1] = '1';
    support_write(path, bytes, size);
    assert_refused(path, INV_EFORMAT, "two members are named x1");
    free(bytes);
}
END_TEST

START_TEST(refuses_other_packings)
{
    size_t size = 0;
    unsigned char *bytes = support_read(write_two(1), &size);
    const char *path = support_at(folder, "other.zip");
    unsigned char *local = find_bytes(bytes, size, "PK\3\4");
    unsigned char *entry = find_bytes(bytes, size, "PK\1\2");
    entry[10] = local[8] = 12; /* bzip2's number */
    support_write(path, bytes, size);
    assert_member_refused(path, 0, SIZE_MAX - 1, "packed by method 12");
    entry[10] = local[8] = 8;
    entry[8] = local[6] = 1; /* the flag of encryption */
    support_write(path, bytes, size);
    assert_member_refused(path, 0, SIZE_MAX - 1, "encrypted");
    free(bytes);
}
END_TEST

Suite *zip_suite(void)
{
    Suite *suite = suite_create("zip");
    TCase *tests = tcase_create("zip");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, reads_stored_and_deflated_members, 0, 2);
    tcase_add_test(tests, refuses_what_is_no_archive);
    tcase_add_test(tests, refuses_every_truncation);
    tcase_add_test(tests, no_flipped_bit_changes_a_member);
    tcase_add_loop_test(tests, refuses_sizes_that_cannot_be, 0, 2);
    tcase_add_test(tests, refuses_two_of_one_name);
    tcase_add_test(tests, refuses_other_packings);
    suite_add_tcase(suite, tests);
    return suite;
}
