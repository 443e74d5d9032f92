/* part.h - which part of a sweep this process takes, from what its launcher says.
 *
 *     cli_part part;
 *     status = cli_part_find(NULL, cli_environment_own, NULL, false, &part);
 *     puts(part.source);                       "part 3/10 from SLURM_ARRAY_TASK_ID=3 (MIN 0 ...)"
 *
 * A guess that could be wrong is refused with the --part to write: experiments/clusters/README.md tells
 * what each system sets, and why.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_PART_H
#define INVPROJ_CLI_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "invproj/status.h"

/* The value of a variable, or NULL. */
typedef const char *cli_environment(const char *name, const void *context);
cli_environment cli_environment_own; /* of this process */

/* What SLURM can be asked about, as a job inherits the variables of the one that submitted it. */
typedef enum cli_part_from { CLI_PART_ELSEWHERE, CLI_PART_ARRAY, CLI_PART_STEP } cli_part_from;

typedef struct cli_part {
    size_t index, count; /* 0 of 1: all of it */
    bool given;          /* by --part, which no note in the folder overrules */
    cli_part_from from;
    char source[256]; /* a line that tells where it is from; "": nothing said anything */
    char note[256];   /* what is odd; "": nothing */
} cli_part;

/* `given` is the operand of --part, or NULL; `terminal`: stdin is one. INV_EINVAL names what was seen
 * and says what to do. */
INV_MUST_CHECK inv_status cli_part_find(const char *given, cli_environment *get,
                                        const void *context, bool terminal, cli_part *out);

/* --part I/N alone, whatever is around it. INV_EINVAL where it is none. */
INV_MUST_CHECK inv_status cli_part_read(const char *given, cli_part *out);

/* INV_EINVAL where SLURM says that this job is no task of the array, or has not the step, of which its
 * variables are. */
INV_MUST_CHECK inv_status cli_part_check_slurm(const cli_part *part);

/* How many processors this process may keep busy: the least of its affinity, its control group's quota
 * and what the environment says. */
size_t cli_processors(void);
/* The same of an affinity to `affinity` processors and a quota of `quota`, 0: none. */
size_t cli_processors_of(size_t affinity, double quota, cli_environment *get, const void *context);

#endif
