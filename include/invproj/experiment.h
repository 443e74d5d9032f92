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
#include "invproj/filters.h"
#include "invproj/generate.h"
#include "invproj/help.h"
#include "invproj/inverse.h"
#include "invproj/maker.h"
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

#define INV_INVERSES_MAX 32

typedef struct inv_experiment {
    char title[INV_TEXT_MAX];
    size_t seed;
    bool has_inverse, has_generator, has_project, has_generate, has_features, has_exemplars,
        has_filters;
    inv_data_spec data;
    inv_train_spec training;
    inv_inverse_spec inverse; /* the first of: */
    inv_inverse_spec inverses[INV_INVERSES_MAX];
    size_t inverse_count; /* 0 where has_inverse is false */
    inv_maker_spec generator;
    inv_project_spec project;
    inv_generate_spec generate;
    inv_features_spec features;
    inv_exemplars_spec exemplars;
    inv_filters_spec filters;
    inv_sheet generator_sheet, project_sheet, generate_sheet, features_sheet, exemplars_sheet,
        filters_sheet;
    inv_checkpoint_spec checkpoint;
    inv_reference reference;
} inv_experiment;

/* Reads and checks all but the layers. A stage that the file does not name has its defaults and its
 * `has_` false. The caller frees. */
INV_MUST_CHECK inv_status inv_experiment_read(const inv_config *config, inv_experiment **out);
/* Stages for which the file names no inverse use that of this name, at first that of its group `inverse`. */
void inv_experiment_use_inverse(const inv_config *config, const char *name,
                                inv_experiment *experiment);
void inv_experiment_free(inv_experiment *experiment);

/* Whether two experiments say different things about what is made, and `path` is the first such
 * key. Keys do not count whose `affects` says that they decide nothing or, unless `lengths` are asked
 * for, a length; nor do those at and below the paths of `besides` (NULL-terminated, at most 64). */
bool inv_experiment_differs(const inv_config *a, const inv_config *b, bool lengths,
                            const char *const *besides, char path[INV_TEXT_MAX]);

/* ---- help (help.h) ---- */

/* Visits every key of an experiment file, each group at the top before its own keys. Those of a
 * layer are at "network.layers.N"; but those that its type adds are not among them. */
void inv_experiment_visit(inv_key_visitor *visit, void *context);

/* Prints every key with its range and default, those of every type too. */
void inv_experiment_help(FILE *out);

/* Prints what there is about a word: a key or group ("training.optimiser"), a topic ("optimisers"),
 * one of its choices ("adam"). False where there is nothing. */
bool inv_experiment_help_on(const char *word, FILE *out);

/* Tells each word that there is help on, but single keys; some come more than once. */
typedef enum inv_word_kind { INV_WORD_GROUP, INV_WORD_TOPIC, INV_WORD_CHOICE } inv_word_kind;
typedef void inv_word_teller(inv_word_kind kind, const char *word, const char *help, void *context);
void inv_experiment_words(inv_word_teller *tell, void *context);

#ifdef __cplusplus
}
#endif
#endif
