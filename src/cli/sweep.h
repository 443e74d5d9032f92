/* sweep.h - a sweep on the disk: a folder with a run file for each experiment.
 *
 *     cli_sweep sweep = {0};
 *     status = cli_sweep_open(options, &sweep);
 *     status = status ? status : cli_sweep_claim(&sweep, &part);
 *     status = status ? status : cli_sweep_run(&sweep, &part, &how);
 *     cli_sweep_close(&sweep);
 *
 * DIR/sweep.json says what the sweep is and in how many parts it is done; DIR/NAME.h5 is the run of an
 * item, called NAME.h5.part until it is done; NAME.failed tells why one failed. With more than
 * FLAT_MAX items they are in folders of the first three digits of the name. What is done, a look at
 * names tells: no file is opened.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_SWEEP_H
#define INVPROJ_CLI_SWEEP_H

#include "cli.h"
#include "invproj/sweep.h"
#include "part.h"

/* The environment of a process that runs an item: where its part is from. */
#define CLI_SWEEP_VARIABLE "INVPROJ_SWEEP"

#define CLI_SWEEP_PLAN   "sweep.json"
#define CLI_SWEEP_FAILED "failed"

typedef struct cli_sweep_data { /* what tells data apart, of each folder that the sweep names */
    char *folder;               /* as a setting has it; NULL: that of the experiment */
    char sums[INV_DATA_FILES * 65 + 1];
} cli_sweep_data;

typedef struct cli_sweep {
    const cli_options *options;
    const char *out;  /* the folder */
    char *experiment; /* its file */
    inv_config *file, *base;
    inv_sweep *items;
    size_t data_key; /* of the keys that vary, which names the data; SIZE_MAX: none does */
    size_t data_count;
    cli_sweep_data *data;
    char sha256[65];
    size_t parts; /* that the folder says; 0: it says nothing */
} cli_sweep;

typedef enum cli_sweep_state {
    CLI_SWEEP_MISSING,
    CLI_SWEEP_RUNNING, /* or begun, and stopped */
    CLI_SWEEP_FAILING,
    CLI_SWEEP_DONE,
    CLI_SWEEP_STATES
} cli_sweep_state;

/* Reads the sweep file that the command line names, and its experiment. */
INV_MUST_CHECK inv_status cli_sweep_open(const cli_options *options, cli_sweep *sweep);
/* Of the folder `out`, from what it says itself. */
INV_MUST_CHECK inv_status cli_sweep_reopen(const cli_options *options, const char *out,
                                           cli_sweep *sweep);
/* Reads the data, of which the names of items depend. */
INV_MUST_CHECK inv_status cli_sweep_load(cli_sweep *sweep);
void cli_sweep_close(cli_sweep *sweep);

/* Writes into the folder what the sweep is, unless it says so already. INV_EINVAL where it is another
 * sweep's, or was begun in other parts and --part is not given. */
INV_MUST_CHECK inv_status cli_sweep_claim(cli_sweep *sweep, const cli_part *part);

/* DIR/NAME and what is added to it: ".h5", ...; the caller frees. NULL: no memory. */
char *cli_sweep_path(const cli_sweep *sweep, size_t item, const char *ending);
/* What the names in the folder tell. */
INV_MUST_CHECK inv_status cli_sweep_look(const cli_sweep *sweep, size_t item, cli_sweep_state *out);

/* The command that runs the item; both the list and the words are the caller's to free, by
 * cli_sweep_words_free. */
INV_MUST_CHECK inv_status cli_sweep_words(const cli_sweep *sweep, size_t item, char ***out);
void cli_sweep_words_free(char **words);

/* "seed=3, training.steps=200": what an item is, in a line. */
void cli_sweep_tell(const cli_sweep *sweep, size_t item, char *out, size_t size);

typedef struct cli_sweep_how {
    size_t jobs;
    bool retry;      /* what failed before */
    bool keep_going; /* failed items are no failure */
} cli_sweep_how;

/* Runs what is missing of the part. CLI_STOPPED after a signal; INV_EIO where some are not done. */
INV_MUST_CHECK inv_status cli_sweep_run(const cli_sweep *sweep, const cli_part *part,
                                        const cli_sweep_how *how);

#endif
