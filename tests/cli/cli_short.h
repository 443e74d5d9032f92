/* cli_short.h - experiments/r2rt.cfg, shortened: what the suites of the program run.
 *
 *     short_data(data);
 *     p = program_run(NULL, "run " SHORT " -q --data %s -o %s", data, folder);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_CLI_SHORT_H
#define INVPROJ_TESTS_CLI_SHORT_H

#include <stdlib.h>
#include <sys/stat.h>

#include <check.h>

#include "program.h"
#include "support.h"

/* Of no image set that anybody has: not square, and not ten classes. */
enum { TRAIN = 350, TEST = 60, VALIDATION = 50, HEIGHT = 9, WIDTH = 7, CLASSES = 5 };
enum { HIDDEN1 = 13, HIDDEN2 = 11, PROJECTED = 20, TRAIN_STEPS = 300, INVERT_STEPS = 70 };

/* One thread: a second one is only in the way of so little work. */
#define SHORT_SETS                                                                                 \
    "--threads 1 --set data.validation=50 --set training.steps=300 --set training.batch=60 "       \
    "--set training.optimiser.rate=0.2 --set inverse.steps=70 --set inverse.batch=60 "             \
    "--set network.layers.0.units=13 --set network.layers.1.units=11 "                             \
    "--set network.layers.2.units=0 --set project.images=20 --set generate.classes=[0,1,3,4] "     \
    "--set generate.steps=60"
#define SHORT "experiments/r2rt.cfg " SHORT_SETS

static inline void short_copy(const char *from, const char *to)
{
    size_t size = 0;
    unsigned char *bytes = support_read(from, &size);
    support_write(to, bytes, size);
    free(bytes);
}

static inline void short_data(const char *folder)
{
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    support_write_dataset(folder, TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 11);
}

/* The whole short experiment, quietly, into `folder`. */
static inline void short_run(const char *data, const char *folder)
{
    program_must_work(program_run(NULL, "run " SHORT " -q --data %s -o %s", data, folder));
}

#endif
