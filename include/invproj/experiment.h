/* experiment.h - what an experiment file says, stage by stage.
 *
 *     inv_config *config = NULL;
 *     inv_experiment *experiment = NULL;
 *     status = inv_config_read_file("experiments/r2rt.cfg", &config);
 *     status = status ? status : inv_experiment_read(config, &experiment);
 *     status = status ? status : inv_net_build(config, "network.layers", shape, classes, &net);
 *     inv_experiment_free(experiment);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_EXPERIMENT_H
#define INVPROJ_EXPERIMENT_H

#include "invproj/config.h"
#include "invproj/dataset.h"
#include "invproj/exemplars.h"
#include "invproj/features.h"
#include "invproj/generate.h"
#include "invproj/inverse.h"
#include "invproj/png.h"
#include "invproj/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_project_spec {
    char name[INV_NAME_MAX];    /* under which the result stands in the run file */
    char inverse[INV_NAME_MAX]; /* name of the inverse; empty: the experiment's */
    size_t images;              /* the first of the test part */
} inv_project_spec;

extern const inv_field inv_project_fields[];

/* How often a learning stage leaves a checkpoint: at whichever comes first. */
typedef struct inv_checkpoint_spec {
    double seconds;
    size_t steps; /* 0: only by time */
} inv_checkpoint_spec;

/* Figures published elsewhere, to stand beside this run's; low > high where there is none. */
typedef struct inv_reference {
    char source[INV_NAME_MAX];
    inv_range accuracy, l1_per_pixel, relative_l2, same_class, confidence;
} inv_reference;

/* The published figure of that name (figure.h), or low > high. */
inv_range inv_reference_find(const inv_reference *reference, const char *attribute);

typedef struct inv_experiment {
    char title[INV_TEXT_MAX];
    size_t seed;
    bool has_inverse, has_project, has_generate, has_features, has_exemplars;
    inv_data_spec data;
    inv_train_spec training;
    inv_inverse_spec inverse;
    inv_project_spec project;
    inv_generate_spec generate;
    inv_features_spec features;
    inv_exemplars_spec exemplars;
    inv_sheet project_sheet, generate_sheet, features_sheet, exemplars_sheet;
    inv_checkpoint_spec checkpoint;
    inv_reference reference;
} inv_experiment;

/* Reads and checks all but the layers. A stage that the file does not name has its defaults and its
 * `has_` false. The caller frees. */
INV_MUST_CHECK inv_status inv_experiment_read(const inv_config *config, inv_experiment **out);
void inv_experiment_free(inv_experiment *experiment);

/* Whether two experiments say different things about what is made, and `path` is the first such
 * key. Keys do not count whose `affects` says that they decide a length or nothing, nor do those at
 * and below the paths of `besides` (NULL-terminated, at most 64). */
bool inv_experiment_differs(const inv_config *a, const inv_config *b, const char *const *besides,
                            char path[INV_TEXT_MAX]);

/* Prints every key with its range and default. */
void inv_experiment_help(FILE *out);

#ifdef __cplusplus
}
#endif
#endif
