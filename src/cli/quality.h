/* quality.h - the figures of inverses: measured, kept with each, and told side by side.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_QUALITY_H
#define INVPROJ_CLI_QUALITY_H

#include "cli.h"
#include "invproj/measure.h"

/* Another net, and what its pixels are. */
typedef struct cli_judge {
    const char *path;
    inv_net *net; /* the caller's to free */
    inv_pixels pixels;
} cli_judge;

/* Of the run file that --judge names. */
INV_MUST_CHECK inv_status cli_judge_load(const cli_progress *progress, const char *path,
                                         cli_judge *judge);

/* Measures the session's inverse, which stands at `path` and starts at `point`, on the test images,
 * and puts the figures there: each as an attribute, and its standard error as "NAME_error". `judge`
 * may be NULL. */
INV_MUST_CHECK inv_status cli_quality_measure(cli_session *session, const char *path, size_t point,
                                              const cli_judge *judge, inv_quality *quality);

/* An inverse among others. */
typedef struct cli_column {
    char name[INV_NAME_MAX], kind[INV_NAME_MAX], at[INV_NAME_MAX];
    double seconds;
    inv_quality quality;
} cli_column;

/* What the run file holds of the inverse called `name`; figures that it has not are NAN. */
INV_MUST_CHECK inv_status cli_column_read(const inv_run *run, const char *name, cli_column *column);

/* On stdout: the inverses as columns, a row each figure, the best of several marked. */
void cli_columns_print(const cli_column *columns, size_t count, size_t images);
/* The same as JSON: an array, an object each inverse. */
INV_MUST_CHECK inv_status cli_columns_json(const cli_column *columns, size_t count);

#endif
