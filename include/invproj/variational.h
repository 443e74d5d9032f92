/* variational.h - a generator: a net that makes an image of a class and a few normal numbers.
 *
 * It is the decoder of a conditional variational autoencoder. While it learns, an encoder beside it
 * says which numbers an image may have come from; afterwards the decoder alone is kept, and numbers
 * that are drawn give images that were never seen.
 *
 *     inv_net *decoder = NULL;
 *     inv_learner *learner = NULL;
 *     inv_variational_report report;
 *     status = inv_variational_build(&spec, data, &decoder);
 *     status = status ? status : inv_variational_alloc(&spec, decoder, data, seed, &learner);
 *     while (status == INV_OK && !inv_learner_done(learner))
 *         status = inv_learner_step(learner, &report);
 *     status = status ? status : inv_variational_latent(seed, 1.0, latent);
 *     status = status ? status : inv_variational_draw(decoder, latent, classes, images);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_VARIATIONAL_H
#define INVPROJ_VARIATIONAL_H

#include "invproj/dataset.h"
#include "invproj/learner.h"
#include "invproj/net.h"
#include "invproj/optim.h"
#include "invproj/schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INV_LATENT_MAX 1024 /* numbers that an image may be made of */

typedef struct inv_variational_spec {
    char name[INV_NAME_MAX];    /* under which it stands in the run file */
    size_t latent;              /* numbers that an image is made of, beside its class */
    char encoder[INV_JSON_MAX]; /* layers between image and numbers, */
    char decoder[INV_JSON_MAX]; /* and back */
    char loss[INV_NAME_MAX];    /* bernoulli, squared */
    double divergence;          /* weight of the divergence in what is minimised */
    size_t steps, batch;
    inv_optim_spec optimiser;
    inv_schedule schedule;
    double spread; /* standard deviation of the numbers that are drawn for images */
    size_t count;  /* images of each class that a run draws once it is learned */
} inv_variational_spec;

extern const inv_variational_spec inv_variational_defaults;
extern const inv_field inv_variational_fields[];

/* The decoder for such images, untrained: from [latent numbers, one-hot class] to an image whose
 * values end where those of pixels do. INV_EINVAL: a spec that inv_fields_check refuses;
 * INV_ECONFIG: what is wrong with its layers. The caller frees with inv_net_free. */
INV_MUST_CHECK inv_status inv_variational_build(const inv_variational_spec *spec,
                                                const inv_dataset *data, inv_net **out);

/* Means over the images of the batch, before the step. */
typedef struct inv_variational_report {
    size_t step;
    double loss;           /* reconstruction + spec->divergence times divergence */
    double reconstruction; /* what the image loses on its way through the numbers and back */
    double divergence;     /* of the numbers from normal ones, in nats */
    double rate;           /* of the optimiser, in this step */
} inv_variational_report;

/* Draws the initial values of `decoder` and of an encoder of its own, and gets ready to train both
 * on the training part. Decoder and data stay the caller's; the encoder is part of the learner's
 * state. It reports by inv_variational_report. INV_EINVAL as inv_variational_build, or a decoder of
 * another spec; INV_ECONFIG: a batch of more images than there are. The caller frees with
 * inv_learner_free. */
INV_MUST_CHECK inv_status inv_variational_alloc(const inv_variational_spec *spec, inv_net *decoder,
                                                const inv_dataset *data, uint64_t seed,
                                                inv_learner **out);

/* latent[i, j] = spread times a normal number, of the stream "latent values" of `seed`. */
INV_MUST_CHECK inv_status inv_variational_latent(uint64_t seed, double spread,
                                                 gsl_matrix_float *latent);

/* A walk: row i is cos(t) a + sin(t) b, t from 0 to pi / 2, for numbers a and b drawn as above. Each
 * row is as likely as one that is drawn. */
INV_MUST_CHECK inv_status inv_variational_walk(uint64_t seed, double spread,
                                               gsl_matrix_float *latent);

/* images[rows, pixels] = what the decoder makes of latent[rows, numbers] and the class of each row.
 * INV_EINVAL: a decoder of other sizes, or a class that it does not know. */
INV_MUST_CHECK inv_status inv_variational_draw(const inv_net *decoder,
                                               const gsl_matrix_float *latent,
                                               const unsigned *classes, gsl_matrix_float *images);

#ifdef __cplusplus
}
#endif
#endif
