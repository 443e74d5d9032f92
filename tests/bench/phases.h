/* phases - the phases of an experiment, each timed alone, for the benchmarks.
 *
 *     bench b;
 *     bench_open(&b, "experiments/r2rt.cfg", "data/mnist");
 *     printf("%.3f s\n", bench_train(&b, 400));
 *     bench_close(&b);
 *
 * Each returns wall-clock seconds; any failure ends the program.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_PHASES_H
#define BENCH_PHASES_H

#include "invproj/experiment.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != INV_OK) {                                                                    \
            fprintf(stderr, "bench: %s\n", inv_error_message());                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

typedef struct bench {
    const char *folder;
    inv_config *config;
    inv_experiment *experiment;
    inv_dataset *data;
    inv_net *net, *inverse; /* the inverse is NULL before bench_invert */
    double processor; /* seconds of it that bench_invert took, reckoned like its own; else 0 */
} bench;

void bench_open(bench *b, const char *experiment, const char *folder);
void bench_close(bench *b);

double bench_seconds(void);
double bench_processor(void); /* of all threads of this process so far */

/* The net's values are drawn first: each call starts anew. */
double bench_train(bench *b, size_t steps);

/* What the net, as it starts, makes of all test images, as many at a time as inv_encode takes; `times`
 * over. */
double bench_infer(bench *b, size_t times);

/* These need a net that is trained well enough to be sure of some images. */
double bench_invert(bench *b, size_t steps); /* with its share of what is worked out once */
double bench_decode(bench *b, size_t steps); /* the same of the experiment's first decoder */
double bench_generate(bench *b, size_t steps);

/* Ten images, one of each class, by Adam on their pixels, kept from 0 to 1; the net as it starts.
 */
double bench_pixels(bench *b, size_t steps);

/* The experiment's generator, begun anew; the net as it starts. */
double bench_make(bench *b, size_t steps);

/* These need an inverse. */
double bench_features(bench *b);
double bench_project(bench *b); /* all test images, 1,000 at a time */
double bench_save(bench *b);

double bench_read(bench *b);

#endif
