/* making.h - images made by optimising values at a point: what `generate` and `features` share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_MAKING_H
#define INVPROJ_CLI_MAKING_H

#include "cli.h"
#include "invproj/generate.h"

/* What is made, and as what it is put down. */
typedef struct cli_making {
    const inv_generate_spec *spec; /* what the generator does */
    const char *stage;             /* the experiment's group, for messages */
    const char *group, *stem;      /* in the run file, and of the picture */
    const inv_field *fields;       /* of the settings that are kept: */
    const void *settings;
    const inv_sheet *sheet;
} cli_making;

/* Presets move images about; where the values at the point are none, or lines, and the experiment does
 * not ask for it, nothing is moved. */
void cli_making_keep_still(const cli_file *file, const inv_net *net, const char *stage,
                           const char *at, inv_optimise_spec *spec);

/* To be asked before any work: whether the images can be drawn that a net like this one, trained
 * or not, will give. */
INV_MUST_CHECK inv_status cli_making_check(const cli_file *file, const inv_net *net,
                                           const cli_making *making);

/* Optimises, and leaves the images in the run file, saved, and in a picture. */
INV_MUST_CHECK inv_status cli_make(cli_session *session, const cli_making *making);

#endif
