/* gather.h - the runs of a sweep in one table.
 *
 *     cli_gather all = {0};
 *     status = cli_gather_read(&sweep, &part, &all);
 *     status = status ? status : cli_gather_csv(&all, stdout);
 *     cli_gather_close(&all);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_GATHER_H
#define INVPROJ_CLI_GATHER_H

#include "invproj/table.h"
#include "sweep.h"

/* What a run file says of itself, beside figures. Those that another start may change come last. */
typedef enum cli_gather_text {
    CLI_GATHER_FILE,
    CLI_GATHER_VERSION,
    CLI_GATHER_COMPILER,
    CLI_GATHER_KERNELS,
    CLI_GATHER_DATA,
    CLI_GATHER_MESSAGE, /* of one that failed */
    CLI_GATHER_PART,
    CLI_GATHER_CREATED,
    CLI_GATHER_FINISHED,
    CLI_GATHER_TEXTS
} cli_gather_text;
extern const char *const cli_gather_texts[CLI_GATHER_TEXTS]; /* what the columns are called */

typedef struct cli_gather_column {
    const inv_figure *figure;
    char result[INV_NAME_MAX]; /* whose it is; "": the network's */
} cli_gather_column;

typedef struct cli_gather_row {
    size_t item;
    cli_sweep_state state;
    bool damaged;                  /* the name says that it is done, but it cannot be read */
    char *texts[CLI_GATHER_TEXTS]; /* NULL: not known */
    double *values;                /* [value_count]: of the first columns; NAN: it has none */
    size_t value_count;
} cli_gather_row;

typedef struct cli_gather {
    const cli_sweep *sweep;
    size_t row_count, column_count;
    cli_gather_row *rows;       /* by their items */
    cli_gather_column *columns; /* in the order in which they were first seen */
} cli_gather;

/* Reads all that is there of the part's runs (0/1: all), by one process of its own: attributes, and how long
 * learning took, no other arrays. */
INV_MUST_CHECK inv_status cli_gather_read(const cli_sweep *sweep, const cli_part *part,
                                          cli_gather *out);
void cli_gather_close(cli_gather *all);

/* "accuracy", "r2rt.l1_per_pixel": what the column is called. */
void cli_gather_name(const cli_gather_column *column, char out[2 * INV_NAME_MAX]);
/* "r2rt: L1 per pixel", "features r2rt: border noise": the same for people. */
void cli_gather_heading(const cli_gather_column *column, char out[4 * INV_NAME_MAX]);
/* NAN where there is none. */
double cli_gather_value(const cli_gather_row *row, size_t column);
/* "done", "running", "failed", "missing", "damaged". */
const char *cli_gather_state(const cli_gather_row *row);
/* The value of a key that varies, a text without its quotes. */
void cli_gather_key(const cli_gather *all, const cli_gather_row *row, size_t key,
                    char out[INV_TEXT_MAX]);

/* Done, and what it holds was read. */
bool cli_gather_is_done(const cli_gather_row *row);

/* ---- settings ---- */

#define CLI_GATHER_SETTINGS 1000 /* lines of a table that somebody may read */

/* The runs that differ in seeds alone. */
typedef struct cli_gather_setting {
    size_t first, runs, done; /* a row of it, how many it has, and how many of them are done */
} cli_gather_setting;

typedef struct cli_gather_settings {
    size_t count;
    cli_gather_setting *list; /* in the order in which they first come */
    size_t *of;               /* [rows]: each row's setting */
} cli_gather_settings;

INV_MUST_CHECK inv_status cli_gather_settings_find(const cli_gather *all, cli_gather_settings *out);
void cli_gather_settings_free(cli_gather_settings *s);
/* Whether runs that differ in this key alone are of one setting. */
bool cli_gather_is_seed(const char *key);
/* A table in which row *row is that figure: a column each setting, means over its runs with their deviations, the
 * best marked. The caller frees. */
INV_MUST_CHECK inv_status cli_gather_table(const cli_gather *all, const cli_gather_settings *s,
                                           size_t column, inv_table **out, size_t *row);

/* ---- what is made of it ---- */

/* A line for each run, below the columns' names. */
INV_MUST_CHECK inv_status cli_gather_csv(const cli_gather *all, FILE *out);
/* On stdout, a line for each setting: means over the seeds, with their standard deviations. */
INV_MUST_CHECK inv_status cli_gather_print(const cli_gather *all);
#define CLI_GATHER_CSV    "run,"           /* what the CSV begins with */
#define CLI_GATHER_FORMAT "invproj-gather" /* the HDF5 file's @format */
/* The same rows as the compound array `runs` of one HDF5 file, beside links to the run files. */
INV_MUST_CHECK inv_status cli_gather_into(const cli_gather *all, const char *path);
/* A page: settings beside each other and, of few runs, curves and pictures. */
INV_MUST_CHECK inv_status cli_gather_page(const cli_gather *all, const char *path);

#endif
