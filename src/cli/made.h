/* made.h - images of classes or units, however they were made: how nets read them, how they differ,
 * how noisy they are, and what of that stands in the run file.
 *
 *     cli_made made;
 *     status = cli_made_open(&made, n, pixels);
 *     made.labels = classes, made.of_classes = true, made.each = 5;
 *     ... made.images ...
 *     status = status ? status : cli_made_put(session->file.run, shape, &made, path);
 *     cli_made_close(&made);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_MADE_H
#define INVPROJ_CLI_MADE_H

#include "judge.h"

typedef struct cli_made {
    size_t n, each;         /* images, and how many in a row are of one class or unit */
    bool of_classes;        /* else of units, which no net recognises */
    const unsigned *labels; /* the class or unit of each; the caller's */
    gsl_matrix_float *images;
    float *confidence, *judge_confidence;
    unsigned *reclassified, *judged;
    unsigned char *dead; /* images that came to nothing */
    size_t dead_count;
} cli_made;

/* What was opened is to be closed, even where opening failed half-way. */
INV_MUST_CHECK inv_status cli_made_open(cli_made *made, size_t n, size_t pixels);
void cli_made_close(cli_made *made);

/* How a net reads images: the class, and the probability of the class that was meant; `meant` and
 * `confidence` may be NULL. */
INV_MUST_CHECK inv_status cli_classify(const inv_net *net, const gsl_matrix_float *images,
                                       const unsigned *meant, unsigned *classes, float *confidence);

/* Whether the judge, if there is one, can tell what the images are of. */
bool cli_made_can_judge(const cli_judge *judge, const cli_made *made);
/* Sets made->judged and made->judge_confidence. */
INV_MUST_CHECK inv_status cli_made_judge(const cli_session *session, const cli_judge *judge,
                                         cli_made *made);

/* Puts down the images, what they are of, and how the net reads them. */
INV_MUST_CHECK inv_status cli_made_put(inv_run *run, inv_shape shape, const cli_made *made,
                                       const char *path);
/* Puts down what the judge sees, where it can. */
INV_MUST_CHECK inv_status cli_made_put_judge(cli_session *session, const cli_judge *judge,
                                             cli_made *made, const char *path);
/* Puts down how far images of a class lie from each other, beside real ones; where there are several
 * of each. `stage` is for messages. */
INV_MUST_CHECK inv_status cli_made_put_distance(cli_session *session, const char *stage,
                                                const cli_made *made, const char *path);
/* Puts down how noisy their borders are, and warns where the net is sure of what is noise. */
INV_MUST_CHECK inv_status cli_made_put_noise(cli_session *session, const char *stage,
                                             const cli_made *made, const char *path);

#endif
