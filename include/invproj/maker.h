/* maker.h - a generator: a net that makes images of a class and some random numbers.
 *
 * There are several kinds (inv_maker_kinds), which learn in ways of their own; what they learn, the
 * decoder, is drawn from in one way.
 *
 *     const inv_maker_material material = {data, net, shape, classes, pixels};
 *     inv_net *decoder = NULL;
 *     inv_learner *learner = NULL;
 *     status = inv_maker_build(&spec, &material, &decoder);
 *     status = status ? status : inv_maker_alloc(&spec, decoder, &material, seed, &learner);
 *     while (status == INV_OK && !inv_learner_done(learner))
 *         status = inv_learner_step(learner, &report);
 *     status = status ? status : inv_maker_latent(seed, 1.0, latent);
 *     status = status ? status : inv_maker_draw(decoder, latent, classes, images);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_MAKER_H
#define INVPROJ_MAKER_H

#include "invproj/dataset.h"
#include "invproj/learner.h"
#include "invproj/net.h"
#include "invproj/optim.h"
#include "invproj/schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INV_LATENT_MAX 1024 /* numbers that an image may be made of */

typedef struct inv_maker_spec {
    char kind[INV_NAME_MAX];    /* one of inv_maker_kinds */
    char name[INV_NAME_MAX];    /* under which it stands in the run file */
    size_t latent;              /* numbers that an image is made of, beside its class */
    char decoder[INV_JSON_MAX]; /* layers from numbers and class to the image, and */
    size_t coarse; /* how many of its pixels, in a row, one value that they end in is */
    size_t steps, batch;
    inv_optim_spec optimiser;
    inv_schedule schedule;
    double spread; /* standard deviation of the numbers that are drawn for images */
    size_t count;  /* images of each class that a run draws once it is learned */
    /* variational */
    char encoder[INV_JSON_MAX]; /* layers from an image to the numbers */
    char loss[INV_NAME_MAX];    /* bernoulli, squared */
    double divergence;          /* weight of the divergence in what is minimised */
    /* adversarial */
    char student[INV_JSON_MAX];               /* layers of the net that learns from the images */
    double one_hot, disagreement, smoothness; /* weights in what is minimised */
    double jitter, turn, zoom;                /* as images are moved, each at most */
    size_t rehearsals, memory;                /* the student's steps, and images it has */
} inv_maker_spec;

extern const inv_choice inv_maker_kinds[];
extern const inv_maker_spec inv_maker_defaults; /* of the kind variational */
extern const inv_field inv_maker_fields[];      /* those of its kind among them */

/* Sets the inv_maker_spec at `spec` to the kind's defaults. A kind that does not exist leaves it. */
void inv_maker_start(const char *kind, void *spec);

/* Whether generators of that kind learn from data; those of others learn from the net. */
bool inv_maker_needs_data(const char *kind);

/* What a generator learns from. */
typedef struct inv_maker_material {
    const inv_dataset *data; /* NULL: there are none */
    const inv_net *net;      /* that reads such images; frozen */
    inv_shape shape;         /* of the images */
    size_t classes;
    inv_pixels pixels;
} inv_maker_material;

/* The decoder, untrained: from [latent numbers, one-hot class] to an image whose values end where
 * those of pixels do. INV_EINVAL: a spec that inv_fields_check refuses; INV_ECONFIG: what is wrong
 * with its layers. The caller frees with inv_net_free. */
INV_MUST_CHECK inv_status inv_maker_build(const inv_maker_spec *spec,
                                          const inv_maker_material *material, inv_net **out);

/* Means over the images of the batch, before the step: of the kind variational, */
typedef struct inv_variational_report {
    size_t step;
    double loss;           /* reconstruction + spec->divergence times divergence */
    double reconstruction; /* what the image loses on its way through the numbers and back */
    double divergence;     /* of the numbers from normal ones, in nats */
    double rate;           /* of the optimiser, in this step */
} inv_variational_report;

/* and of the kind adversarial. */
typedef struct inv_adversarial_report {
    size_t step;
    double loss;         /* one_hot - disagreement + smoothness, each times its weight */
    double one_hot;      /* -log of the net's probability of the class */
    double disagreement; /* mean of |logit of the net - logit of the student| */
    double smoothness;   /* mean difference of neighbouring pixels, black to white being 1 */
    double student;      /* the disagreement that the student is left with, after its steps, */
    double agreement;    /* and the part of those images that it puts in the net's class */
    double rate;         /* of the optimisers, in this step */
} inv_adversarial_report;

/* Draws the initial values of `decoder` and of what learns beside it, an encoder or a student, and gets
 * ready to train both. Decoder and material stay the caller's; what learns beside is part of
 * the learner's state. It reports by its kind's report. INV_EINVAL as inv_maker_build, or a decoder
 * of another spec, or a kind that needs what the material lacks; INV_ECONFIG: a batch of more images
 * than there are, or a net that cannot teach. The caller frees with inv_learner_free. */
INV_MUST_CHECK inv_status inv_maker_alloc(const inv_maker_spec *spec, inv_net *decoder,
                                          const inv_maker_material *material, uint64_t seed,
                                          inv_learner **out);

/* The student of a learner of the kind adversarial, which owns it; NULL of others. */
const inv_net *inv_maker_student(const inv_learner *learner);

/* latent[i, j] = spread times a normal number, of the stream "latent values" of `seed`. */
INV_MUST_CHECK inv_status inv_maker_latent(uint64_t seed, double spread, gsl_matrix_float *latent);

/* A walk: row i is cos(t) a + sin(t) b, t from 0 to pi / 2, for numbers a and b drawn as above. Each
 * row is as likely as one that is drawn. */
INV_MUST_CHECK inv_status inv_maker_walk(uint64_t seed, double spread, gsl_matrix_float *latent);

/* images[rows, pixels] = what the decoder makes of latent[rows, numbers] and the class of each row.
 * INV_EINVAL: a decoder of other sizes, or a class that it does not know. */
INV_MUST_CHECK inv_status inv_maker_draw(const inv_net *decoder, const gsl_matrix_float *latent,
                                         const unsigned *classes, gsl_matrix_float *images);

#ifdef __cplusplus
}
#endif
#endif
