/* groups.h - the groups of an experiment file: what reading and help walk.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_GROUPS_H
#define INVPROJ_GROUPS_H

#include "invproj/experiment.h"

/* A group: its key at the top of the file, its own keys, where they go in an inv_experiment, and what they are
 * unless a file says otherwise. */
typedef struct inv_group {
    inv_field at_top;
    const inv_field *fields;
    size_t offset, size;  /* of the struct */
    const void *defaults; /* of that size; NULL: all zeros */
    size_t sheet;         /* offset of its inv_sheet; 0: it makes no picture */
    inv_sheet sheet_defaults;
    size_t has;     /* offset of the `has_` member; 0: the group is always there */
    bool required;  /* the file must name it */
    bool list;      /* of such groups, each with the keys of the group before it in the table */
    size_t inverse; /* offset of an inverse's name, the experiment's unless given; 0: none */
    void (*start)(const char *preset, void *out); /* where it has the key preset */
} inv_group;

extern const inv_field inv_experiment_fields[]; /* at the top of the file, before the groups */
/* In the order of help; the last has no key. */
extern const inv_group inv_experiment_groups[];
extern const inv_field inv_sheet_field[]; /* the key "sheet" */

/* An experiment that says nothing. */
void inv_experiment_defaults(inv_experiment *experiment);

#endif
