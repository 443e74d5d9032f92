/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

Suite *status_suite(void);

START_TEST(every_code_has_its_name)
{
    ck_assert_str_eq(inv_status_name(INV_OK), "INV_OK");
    for (int i = 0; i < INV_STATUS_COUNT; i++) {
        ck_assert_int_eq(strncmp(inv_status_name((inv_status)i), "INV_", 4), 0);
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(inv_status_name((inv_status)i), inv_status_name((inv_status)j));
    }
    ck_assert_str_eq(inv_status_name(INV_STATUS_COUNT), "unknown");
    ck_assert_str_eq(inv_status_name((inv_status)-3), "unknown");
}
END_TEST

START_TEST(message_is_kept_and_may_be_built_on)
{
    ck_assert_int_eq(INV_ERROR(INV_EDATA, "%s: %d of %d", "labels", 17, 23), INV_EDATA);
    ck_assert_str_eq(inv_error_message(), "labels: 17 of 23");
    ck_assert_int_eq(INV_ERROR(INV_EIO, "while reading: %s", inv_error_message()), INV_EIO);
    ck_assert_str_eq(inv_error_message(), "while reading: labels: 17 of 23");
}
END_TEST

START_TEST(message_is_one_line_of_bounded_length)
{
    char text[2 * INV_MESSAGE_MAX];
    memset(text, 'q', sizeof text);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(INV_ERROR(INV_EIO, "%s", text), INV_EIO);
    ck_assert_uint_eq(strlen(inv_error_message()), INV_MESSAGE_MAX - 1);
    ck_assert_int_eq(INV_ERROR(INV_EIO, "two\nlines\x1b[31m\x7f: \xc3\xa4"), INV_EIO);
    ck_assert_str_eq(inv_error_message(), "two?lines?[31m?: \xc3\xa4");
}
END_TEST

static void *fail_elsewhere(void *before)
{
    *(int *)before = (unsigned char)inv_error_message()[0];
    (void)INV_ERROR(INV_ENUMERIC, "another thread: not finite");
    return NULL;
}

START_TEST(message_belongs_to_its_thread)
{
    pthread_t thread;
    int before = -1;
    (void)INV_ERROR(INV_EINVAL, "this thread: wrong");
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, &before), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(before, 0);
    ck_assert_str_eq(inv_error_message(), "this thread: wrong");
}
END_TEST

/* try_and_fail and the label they leave by */
static inv_status raise_at(int step, int *released)
{
    inv_status status = INV_OK;
    if (step == 1)
        INV_FAIL(INV_ECONFIG, "a.cfg:%d: wrong", 31);
    INV_TRY(step == 2 ? INV_ERROR(INV_EFORMAT, "b: torn") : INV_OK);
    if (step == 3)
        status = INV_ENUMERIC;
done:
    ++*released;
    return status;
}

START_TEST(macros_leave_by_the_label)
{
    int released = 0;
    ck_assert_status(raise_at(0, &released), INV_OK);
    ck_assert_status(raise_at(1, &released), INV_ECONFIG);
    ck_assert_str_eq(inv_error_message(), "a.cfg:31: wrong");
    ck_assert_status(raise_at(2, &released), INV_EFORMAT);
    ck_assert_message_has("b: torn");
    ck_assert_status(raise_at(3, &released), INV_ENUMERIC);
    ck_assert_int_eq(released, 4);
}
END_TEST

START_TEST(calloc_zeroes_and_refuses)
{
    void *memory = NULL;
    ck_assert_status(inv_calloc(37, 11, "a thing", &memory), INV_OK);
    for (size_t i = 0; i < 37 * 11; i++)
        ck_assert_int_eq(((unsigned char *)memory)[i], 0);
    free(memory);
    ck_assert_status(inv_calloc(0, 5, "nothing", &memory), INV_EINVAL);
    ck_assert_ptr_null(memory);
    ck_assert_message_has("nothing: ");
    ck_assert_status(inv_calloc(5, 0, "nothing", &memory), INV_EINVAL);
    ck_assert_status(inv_calloc(SIZE_MAX / 3, 4, "too many", &memory), INV_ENOMEM);
    ck_assert_ptr_null(memory);
    ck_assert_message_has("too many: ");
    ck_assert_message_has("overflow");
}
END_TEST

START_TEST(calloc_without_memory)
{
    if (SUPPORT_SANITIZED) {
        support_skipped("status", "no memory, where the sanitizer stops the program");
        return;
    }
    void *memory = &memory;
    ck_assert_status(inv_calloc(SIZE_MAX / 16, 3, "a great deal", &memory), INV_ENOMEM);
    ck_assert_ptr_null(memory);
    ck_assert_message_has("a great deal: no memory");
}
END_TEST

START_TEST(nearest_name)
{
    static const char *const names[] = {"run", "train", "invert", "project", "generate", "info"};
    ck_assert_str_eq(inv_nearest("trian", names, 6), "train");
    ck_assert_str_eq(inv_nearest("projct", names, 6), "project");
    ck_assert_str_eq(inv_nearest("invret", names, 6), "invert");
    ck_assert_str_eq(inv_nearest("info", names, 6), "info");
    ck_assert_str_eq(inv_nearest("ruun", names, 6), "run");
    ck_assert_ptr_null(inv_nearest("xyzzyxyz", names, 6));
    ck_assert_ptr_null(inv_nearest("", names, 6));
    ck_assert_ptr_null(inv_nearest("train", names, 0));
    char huge[200];
    memset(huge, 'r', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    ck_assert_ptr_null(inv_nearest(huge, names, 6));
}
END_TEST

/* Blocks that huge pages are asked for are zeros to their ends, as others are. */
START_TEST(large_blocks_are_zeros)
{
    const size_t size = ((size_t)21 << 20) + 13;
    void *memory = NULL;
    size_t set = 0;
    ck_assert_status(inv_calloc(size, 1, "a large thing", &memory), INV_OK);
    unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++)
        set += bytes[i] != 0;
    ck_assert_uint_eq(set, 0);
    memset(bytes, 0xa5, size);
    ck_assert_uint_eq(bytes[size - 1], 0xa5);
    free(memory);
}
END_TEST

Suite *status_suite(void)
{
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("status");
    tcase_add_test(tests, every_code_has_its_name);
    tcase_add_test(tests, large_blocks_are_zeros);
    tcase_add_test(tests, message_is_kept_and_may_be_built_on);
    tcase_add_test(tests, message_is_one_line_of_bounded_length);
    tcase_add_test(tests, message_belongs_to_its_thread);
    tcase_add_test(tests, macros_leave_by_the_label);
    tcase_add_test(tests, calloc_zeroes_and_refuses);
    tcase_add_test(tests, calloc_without_memory);
    tcase_add_test(tests, nearest_name);
    suite_add_tcase(suite, tests);
    return suite;
}
