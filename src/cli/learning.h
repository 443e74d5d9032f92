/* learning.h - how a stage that learns runs: its learner's steps, its history, its checkpoints.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_LEARNING_H
#define INVPROJ_CLI_LEARNING_H

#include "cli.h"
#include "invproj/learner.h"

typedef struct cli_learning cli_learning;
struct cli_learning {
    cli_file *file;
    cli_progress *progress;
    const char *stage;               /* for messages */
    char path[2 * INV_NAME_MAX];     /* where @step, @done, history and state stand */
    char net_path[2 * INV_NAME_MAX]; /* where the parameters stand */
    const inv_net *net;              /* that the learner moves */
    inv_learner *learner;
    size_t epoch; /* steps of one; 0: epochs do not count */
    /* Each may be NULL: once it goes on where the run file was; what the stage tells of itself
     * beside @step and @done. */
    inv_status (*restored)(const cli_learning *l);
    inv_status (*describe)(const cli_learning *l);
};

/* Goes on where the run file is, to the end or a signal; what is learned is in the run file, saved.
 */
INV_MUST_CHECK inv_status cli_learn(const cli_learning *learning);

#endif
