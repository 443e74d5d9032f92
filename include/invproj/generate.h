/* generate.h - images of classes, of units, and like given ones: values at a point, optimised until
 * the net is sure of the class, or the unit can hardly be driven further.
 *
 *     inv_generator *generator = NULL;
 *     inv_optimise_report report = {.running = 1};
 *     status = inv_generator_alloc(&spec, net, &(inv_material){.seed = 1}, &generator);
 *     while (status == INV_OK && report.step < spec.optimise.steps && report.running > 0)
 *         status = inv_generator_step(generator, &report);
 *     status = status ? status : inv_generator_finish(generator, &report);
 *     values = inv_generator_values(generator);
 *     status = status ? status : inv_inverse_apply(inverse, values, images);
 *     inv_generator_free(generator);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_GENERATE_H
#define INVPROJ_GENERATE_H

#include "invproj/optimise.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_generate_spec {
    char name[INV_NAME_MAX];      /* under which the result stands in the run file */
    char inverse[INV_NAME_MAX];   /* name of the inverse that makes images of the values */
    char at[INV_NAME_MAX];        /* the point whose values are optimised */
    char preset[INV_NAME_MAX];    /* what the other settings start as */
    char also[INV_NAME_MAX];      /* a preset by which the same is made once more, under its name */
    char objective[INV_NAME_MAX]; /* of a class, unit, channel, energy or activation */
    char of[INV_NAME_MAX];        /* the point whose unit, channel, ... it is */
    inv_sizes classes;
    inv_sizes units;   /* of unit and channel; empty: all */
    inv_reals mix;     /* in place of classes: the part of each class */
    inv_sizes targets; /* in place of classes: test images, to be matched or laid under a mask */
    size_t count;      /* images of each */
    inv_optimise_spec optimise;
} inv_generate_spec;

extern const inv_generate_spec inv_generate_defaults;
extern const inv_field inv_generate_fields[];
extern const inv_choice inv_generate_presets[];
/* Sets the inv_generate_spec at `spec` to a preset; one that does not exist leaves it. */
void inv_generate_start(const char *preset, void *spec);

/* What a generator may need beside the net; the caller's, and kept. */
typedef struct inv_material {
    const inv_dataset *data;        /* NULL unless inv_generate_needs_data */
    const inv_gaussians *gaussians; /* NULL unless inv_optimise_needs_gaussians */
    uint64_t seed;
    const inv_pixels *pixels; /* of the net's images; NULL: black is 0, white 1, the ground black */
    const char *stage;        /* for messages, and of the random stream; NULL: "generate" */
} inv_material;

bool inv_generate_needs_data(const inv_generate_spec *spec);

/* How many rows a generator of that net makes; `stage` is for messages. INV_ECONFIG: the point `of`
 * is not there. */
INV_MUST_CHECK inv_status inv_generate_rows(const inv_generate_spec *spec, const inv_net *net,
                                            const char *stage, size_t *rows);

/* Whether it makes images of classes: those of spec->classes, or all. */
bool inv_generate_is_by_class(const inv_generate_spec *spec);
/* Whether it makes images of units or channels, or of a whole layer, which have no class. */
bool inv_generate_is_by_unit(const inv_generate_spec *spec);

typedef struct inv_generator inv_generator;

/* `count` rows of values for each class, target, or for the mix. INV_EINVAL: a spec that
 * inv_fields_check refuses, or material that is missing or of another net; INV_ECONFIG: a class, a
 * target or a point that is not there, or settings that do not go together; INV_EDATA: the Gaussian
 * of a class that has none. The net stays the caller's and is
 * left as it is. */
INV_MUST_CHECK inv_status inv_generator_alloc(const inv_generate_spec *spec, const inv_net *net,
                                              const inv_material *material, inv_generator **out);
void inv_generator_free(inv_generator *generator);

/* As inv_optimisation_step and inv_optimisation_finish. */
INV_MUST_CHECK inv_status inv_generator_step(inv_generator *generator, inv_optimise_report *report);
INV_MUST_CHECK inv_status inv_generator_finish(inv_generator *generator,
                                               inv_optimise_report *report);

/* The values as they are: [rows, units at the point]; the generator's. */
const gsl_matrix_float *inv_generator_values(const inv_generator *generator);
const inv_optimisation *inv_generator_optimisation(const inv_generator *generator);

/* [rows]: the class asked for, the one with the largest part of a mix, the target's label, or the
 * unit or channel. */
const unsigned *inv_generator_labels(const inv_generator *generator);

/* Whether the rows are of classes, and so have a confidence. */
bool inv_generator_has_classes(const inv_generator *generator);

/* confidence[i] = the probability that the net gives to the class of row i, or to those of the mix.
 */
void inv_generator_confidence(inv_generator *generator, float *confidence);

#ifdef __cplusplus
}
#endif
#endif
