/* Runs the suites that the arguments name, or all: build/check [SUITE...]. CK_FORK=no, CK_VERBOSITY
 * and CK_RUN_CASE are Check's own.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <gsl/gsl_errno.h>
#include <hdf5.h>

#include "invproj/mat.h"
#include "suites.h"
#include "support.h"

#define SUITE_NAME(name) #name,
#define SUITE_MAKE(name) name##_suite,

static const char *const names[] = {SUITES(SUITE_NAME)};
static Suite *(*const makers[])(void) = {SUITES(SUITE_MAKE)};

#define SUITE_COUNT (sizeof names / sizeof *names)

static bool is_named(const char *name, int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc == 1;
}

static bool is_suite(const char *name)
{
    for (size_t s = 0; s < SUITE_COUNT; s++)
        if (strcmp(names[s], name) == 0)
            return true;
    return false;
}

/* Says which argument names no suite, and which do. */
static bool arguments_are_good(int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        if (is_suite(argv[i]))
            continue;
        const char *near = inv_nearest(argv[i], names, SUITE_COUNT);
        fprintf(stderr, "check: there is no suite '%s'; ", argv[i]);
        if (near)
            fprintf(stderr, "did you mean '%s'?", near);
        for (size_t s = 0; !near && s < SUITE_COUNT; s++)
            fprintf(stderr, "%s%s", s ? ", " : "known: ", names[s]);
        fputc('\n', stderr);
        return false;
    }
    return true;
}

/* A thread that waits for others spins by default, which on a busy machine takes the processor from
 * those it waits for: small nets then train a hundred times slower. OpenMP reads this before main.
 */
static void wait_without_spinning(char **argv)
{
    if (!getenv("OMP_WAIT_POLICY") && setenv("OMP_WAIT_POLICY", "passive", 1) == 0)
        execv("/proc/self/exe", argv);
}

/* In each test's own process: what OpenMP has begun before a fork is lost behind it. */
static void use_two_threads(void)
{
    inv_threads_set(2);
}

int main(int argc, char **argv)
{
    wait_without_spinning(argv);
    if (!arguments_are_good(argc, argv))
        return EXIT_FAILURE;
    gsl_set_error_handler_off();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    SRunner *runner = srunner_create(NULL);
    if (srunner_fork_status(runner) == CK_NOFORK)
        use_two_threads();
    else
        pthread_atfork(NULL, NULL, use_two_threads);
    for (size_t s = 0; s < SUITE_COUNT; s++)
        if (is_named(names[s], argc, argv))
            srunner_add_suite(runner, makers[s]());
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner), run = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && (run > 0 || support_has_skipped()) ? EXIT_SUCCESS : EXIT_FAILURE;
}
