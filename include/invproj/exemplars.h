/* exemplars.h - the real images that have the best value of an objective: what a class, a unit or a
 * channel likes best of the data.
 *
 *     inv_exemplars found = {0};
 *     status = inv_exemplars_find(&spec, net, &data->train, &found);
 *     best = found.index[row * spec.count];   (row: of the classes, or of the units)
 *     inv_exemplars_close(&found);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_EXEMPLARS_H
#define INVPROJ_EXEMPLARS_H

#include "invproj/objective.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_exemplars_spec {
    char name[INV_NAME_MAX];      /* under which the result stands in the run file */
    char objective[INV_NAME_MAX]; /* of a class; unit or channel where there is a layer */
    char layer[INV_NAME_MAX];     /* the point whose units or channels it is of */
    inv_sizes classes, units;     /* empty: all */
    size_t count;                 /* images of each */
    char beside[INV_NAME_MAX];    /* the result whose images stand beside them */
} inv_exemplars_spec;

extern const inv_exemplars_spec inv_exemplars_defaults;
extern const inv_field inv_exemplars_fields[];

typedef struct inv_exemplars {
    size_t rows, count;
    unsigned *which; /* [rows]: the class, unit or channel */
    uint32_t *index; /* [rows, count]: in the part, best first; the first of equal ones */
    float *value;    /* [rows, count]: what is wanted, large where it is good */
} inv_exemplars;

/* How many classes, units or channels are asked, each a row. INV_EINVAL: a spec that
 * inv_fields_check refuses; INV_ECONFIG: the point is not there. */
INV_MUST_CHECK inv_status inv_exemplars_rows(const inv_exemplars_spec *spec, const inv_net *net,
                                             size_t *rows);

/* Among the images of `part`. As inv_exemplars_rows; INV_ECONFIG: a class or a unit that is not
 * there; INV_EDATA: fewer images than are asked for, or of another size than the net's. The caller
 * closes. */
INV_MUST_CHECK inv_status inv_exemplars_find(const inv_exemplars_spec *spec, const inv_net *net,
                                             const inv_part *part, inv_exemplars *out);
void inv_exemplars_close(inv_exemplars *exemplars);

#ifdef __cplusplus
}
#endif
#endif
