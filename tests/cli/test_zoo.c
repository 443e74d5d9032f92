/* Nets that PyTorch wrote, its exporters, Keras's, tf2onnx and skl2onnx: every output beside what those programs gave,
 * and files that must be refused. (Those of Keras: tests/format/test_keras.c.) zoo.py, with NumPy, feeds them ($INVPROJ_PYTHON, or python3).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "program.h"
#include "suites.h"
#include "support.h"

#define MODELS "../shared/models"

static const char *python(void)
{
    const char *given = getenv("INVPROJ_PYTHON");
    return given ? given : "python3";
}

static bool can_feed(void)
{
    char command[512];
    if (access(MODELS, R_OK) != 0) {
        support_skipped("zoo", "nets of other programs, because %s is not here", MODELS);
        return false;
    }
    snprintf(command, sizeof command, "%s -c 'import numpy' 2>/dev/null", python());
    const bool there = system(command) == 0; /* NOLINT(cert-env33-c): the tests' own Python */
    if (!there)
        support_skipped("zoo", "nets of other programs, which %s feeds with NumPy", python());
    return there;
}

/* The field after the tab at or behind `at`. */
static const char *next_field(const char *at)
{
    at = strchr(at, '\t');
    ck_assert_ptr_nonnull(at);
    return at + 1;
}

START_TEST(outputs_are_theirs_and_others_are_refused)
{
    char *place = support_folder();
    const program_how how = {.path = python(), .seconds = 550};
    program *p = program_run(&how, "tests/cli/zoo.py %s %s %s", getenv("INVPROJ"), MODELS, place);
    size_t same = 0, refused = 0;
    ck_assert_program(p, 0);
    for (char *rest = NULL, *line = strtok_r(p->out, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *first = next_field(next_field(line)), *second = next_field(first);
        if (strncmp(line, "as\t", 3) == 0) {
            ck_assert_msg(strtod(first, NULL) <= strtod(second, NULL), "%s", line);
            same++;
        } else {
            ck_assert_msg(strtol(first, NULL, 10) == 1 && strtol(second, NULL, 10) == 1, "%s",
                          line);
            refused++;
        }
    }
    ck_assert_uint_ge(same, 38);
    ck_assert_uint_ge(refused, 6);
    program_free(p);
    support_remove(place);
}
END_TEST

Suite *zoo_suite(void)
{
    Suite *suite = suite_create("zoo");
    TCase *tests = tcase_create("zoo");
    tcase_set_timeout(tests, 600);
    if (can_feed())
        tcase_add_test(tests, outputs_are_theirs_and_others_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
