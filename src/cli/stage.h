/* stage.h - the table of stages: what an experiment can ask for, in the order in which it is done.
 *
 * A new stage is a file stage_NAME.c that defines `const cli_stage cli_stage_NAME`, and its word in
 * CLI_STAGES; its keys are a row of src/experiment/experiment.c, its command a file cmd_NAME.c;
 * src/README.md lists all places.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_STAGE_H
#define INVPROJ_CLI_STAGE_H

#include "cli.h"

typedef struct cli_stage {
    const char *name;  /* its group in an experiment */
    const char *group; /* of the run file, where each of its results is a group; NULL: it has one
                          place of its own */
    bool learns;       /* in steps: what it has is gone on with, not made again */
    size_t has; /* offset in inv_experiment of whether the stage is asked for; 0: it always is */
    /* What the stage will ask for, before hours go into the first one: it is set up on an untrained
     * net and let go. */
    inv_status (*check)(const cli_session *session, inv_net *untrained);
    /* Leaves its result in the run file, saved. */
    inv_status (*run)(cli_session *session);
} cli_stage;

/* X(name) */
#define CLI_STAGES(X)                                                                              \
    X(train)                                                                                       \
    X(invert)                                                                                      \
    X(generator)                                                                                   \
    X(project)                                                                                     \
    X(generate)                                                                                    \
    X(features)                                                                                    \
    X(exemplars)                                                                                   \
    X(filters)

#define CLI_STAGE_DECLARE(name) extern const cli_stage cli_stage_##name;
CLI_STAGES(CLI_STAGE_DECLARE)
extern const cli_stage *const cli_stages[]; /* ends with NULL */

bool cli_stage_is_asked(const cli_stage *stage, const inv_experiment *experiment);

/* INV_ECONFIG where the experiment learns no inverse, which the stage cannot do without. */
INV_MUST_CHECK inv_status cli_stage_need_inverse(const inv_experiment *experiment,
                                                 const char *stage);

/* What a command does that runs one stage on the run file that it names; `data`: it needs the data. */
INV_MUST_CHECK inv_status cli_stage_on_run_file(const cli_stage *stage, bool data,
                                                const cli_options *options);

#endif
