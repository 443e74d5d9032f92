/* groups.h - the groups of an experiment file: what reading and help walk.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_GROUPS_H
#define INVPROJ_GROUPS_H

#include "invproj/experiment.h"

/* A group: its table and struct, and its sheet. */
typedef struct inv_group {
    const char *path;
    const inv_field *fields;
    size_t offset; /* of the struct, in an inv_experiment */
    size_t sheet;  /* offset of its inv_sheet; 0: it has none */
    size_t has;    /* offset of the `has_` member; 0: the group is always there */
    void (*start)(const char *preset, void *out); /* where it has the key preset */
} inv_group;

extern const inv_group inv_experiment_groups[]; /* ends with one whose path is NULL */
extern const inv_field inv_experiment_fields[]; /* at the top of the file */
extern const inv_field inv_network_fields[];
extern const inv_field inv_sheet_field[]; /* the key "sheet" */

/* An experiment that says nothing. */
void inv_experiment_defaults(inv_experiment *experiment);

#endif
