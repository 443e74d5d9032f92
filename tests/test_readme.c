/* The README says what the program, the Makefile and the example say.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    char *readme = read_text("tests/README.md");
    program *p = program_run(&(program_how){.path = "make"}, "-s help");
    ck_assert_program(p, 0);
    ck_assert_uint_gt(program_lines(p->out), 10);
    ck_assert_msg(strstr(readme, p->out) != NULL, "tests/README.md does not show `make help`:\n%s",
                  p->out);
    program_free(p);
    free(readme);
}
END_TEST

START_TEST(shows_the_example_that_is_built)
{
    char *readme = read_text("include/invproj/README.md"), *example = read_text("tests/example.c");
    ck_assert_msg(strstr(readme, example) != NULL,
                  "include/invproj/README.md does not show tests/example.c");
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

static const char *const pages[] = {
    "README.md",     "experiments/README.md",     "data/README.md",
    "src/README.md", "include/invproj/README.md", "tests/README.md"};

/* Each "](TARGET)" that names no other site leads to a file, seen from the page's folder. */
START_TEST(links_lead_somewhere)
{
    char *text = read_text(pages[_i]);
    const char *slash = strrchr(pages[_i], '/');
    const int folder = slash ? (int)(slash - pages[_i]) + 1 : 0;
    size_t links = 0;
    for (const char *at = text; (at = strstr(at, "](")) != NULL; links++) {
        char path[512];
        at += 2;
        const size_t length = strcspn(at, "#)");
        if (length == 0 || strncmp(at, "http", 4) == 0)
            continue;
        snprintf(path, sizeof path, "%.*s%.*s", folder, pages[_i], (int)length, at);
        ck_assert_msg(access(path, F_OK) == 0, "%s: leads to %s, which is not there", pages[_i],
                      path);
    }
    ck_assert_msg(_i > 0 || links > 5, "%s: %zu links", pages[_i], links);
    free(text);
}
END_TEST

/* Text that a newcomer reads on a narrow screen, and what they need first. */
START_TEST(readme_is_short)
{
    char *readme = read_text("README.md");
    ck_assert_uint_le(program_lines(readme), 170);
    ck_assert_ptr_nonnull(strstr(readme, "make reproduce"));
    free(readme);
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
    tcase_add_loop_test(tcase, links_lead_somewhere, 0, (int)(sizeof pages / sizeof *pages));
    tcase_add_test(tcase, readme_is_short);
    suite_add_tcase(suite, tcase);
    return suite;
}
