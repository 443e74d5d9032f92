/* The README says what the program, the Makefile and the example say. SPDX-License-Identifier:
 * GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/file.h"
#include "program.h"
#include "suites.h"
#include "support.h"

static char *read_text(const char *path)
{
    unsigned char *text = NULL;
    size_t size = 0;
    ck_assert_status(inv_file_read(path, 1 << 20, &text, &size), INV_OK);
    return (char *)text;
}

START_TEST(shows_the_help_as_it_is)
{
    char *readme = read_text("README.md");
    program *p = program_run(NULL, "--help");
    ck_assert_program(p, 0);
    ck_assert_msg(strstr(readme, p->out) != NULL, "README.md does not show `invproj --help`:\n%s",
                  p->out);
    program_free(p);
    free(readme);
}
END_TEST

START_TEST(shows_every_target_of_the_makefile)
{
    char *readme = read_text("README.md");
    program *p = program_run(&(program_how){.path = "make"}, "-s help");
    ck_assert_program(p, 0);
    ck_assert_uint_gt(program_lines(p->out), 10);
    ck_assert_msg(strstr(readme, p->out) != NULL, "README.md does not show `make help`:\n%s",
                  p->out);
    program_free(p);
    free(readme);
}
END_TEST

START_TEST(shows_the_example_that_is_built)
{
    char *readme = read_text("README.md"), *example = read_text("tests/example.c");
    ck_assert_msg(strstr(readme, example) != NULL, "README.md does not show tests/example.c");
    free(readme);
    free(example);
}
END_TEST

START_TEST(the_example_draws_a_sheet)
{
    char *folder = support_folder(), sheet[512];
    const char *example = getenv("INVPROJ_EXAMPLE");
    unsigned char *bytes = NULL;
    size_t size = 0;
    support_write_dataset(folder, 400, 60, 9, 7, 4, 11);
    snprintf(sheet, sizeof sheet, "%s/sheet.png", folder);
    program *p = program_run(&(program_how){.path = example ? example : "build/example"}, "%s %s",
                             folder, sheet);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "right, inverse L1"));
    ck_assert_status(inv_file_read(sheet, 1 << 20, &bytes, &size), INV_OK);
    /* 5 x 2 tiles of 7 x 9 pixels, 4 times as large, gaps of 2: 152 x 78 */
    ck_assert_uint_eq(bytes[19], 152);
    ck_assert_uint_eq(bytes[23], 78);
    free(bytes);
    program_free(p);
    support_remove(folder);
}
END_TEST

Suite *readme_suite(void)
{
    Suite *suite = suite_create("readme");
    TCase *tcase = tcase_create("README.md");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, shows_the_help_as_it_is);
    tcase_add_test(tcase, shows_every_target_of_the_makefile);
    tcase_add_test(tcase, shows_the_example_that_is_built);
    tcase_add_test(tcase, the_example_draws_a_sheet);
    suite_add_tcase(suite, tcase);
    return suite;
}
