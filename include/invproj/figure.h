/* figure.h - the table of figures: every number by which a result is judged, said once.
 *
 * A figure is an attribute of a result's group in the run file. The tables that the program prints,
 * `info --json` and the checks all walk this one. A new figure is one row here, and whatever works
 * it out and puts it down.
 *
 *     for (const inv_figure *f = inv_figures; f->attribute; f++)
 *         if (strcmp(f->group, "inverse") == 0)
 *             printf("%s: %s\n", f->label, f->meaning);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FIGURE_H
#define INVPROJ_FIGURE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum inv_better { INV_BETTER_NEITHER, INV_BETTER_HIGHER, INV_BETTER_LOWER } inv_better;

typedef struct inv_figure {
    const char *group;     /* of the run file: "network", "inverse", "generated" */
    const char *attribute; /* of the group, or of each group in it: "l1_per_pixel" */
    const char *label;     /* "L1 per pixel" */
    const char *unit;      /* "" where it is a plain number */
    const char *format;    /* of printf, for a double */
    inv_better better;
    const char *meaning; /* one line: the formula, over which images, its source */
    bool detail;         /* not in the short table of a run: measure and info tell it */
} inv_figure;

/* In the order in which they are told; ends with an attribute of NULL. */
extern const inv_figure inv_figures[];

#ifdef __cplusplus
}
#endif
#endif
