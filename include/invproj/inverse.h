/* inverse.h - an inverse: a net that carries the values at a point back down to an image.
 *
 * There are several kinds (inv_inverse_kinds). The inverse of kind "r2rt" mirrors the layers below
 * the point (r2rt, "Inverting a Neural Net"): a dense layer becomes (x - bias) times a kernel of its own, a sigmoid squash and logit,
 * tanh squash and atanh, leaky ReLU, ELU, SELU and softplus their inverses, batch normalisation in
 * inference mode, scale and rescale divisions; ReLU and what is shaped like it (silu, gelu, mish),
 * flatten, reshape and dropout leave values as they are. Its kernels are trained
 * to bring each image back. logit(sigmoid(z)) is z, so the inverse starts from the values before
 * the activation, and nothing saturates; ReLU loses some of them, and there it starts after it.
 *
 *     inv_net *inverse = NULL;
 *     inv_learner *inverter = NULL;
 *     inv_inverse_report report;
 *     status = inv_inverse_build(&spec, net, &inverse);
 *     status = status ? status : inv_inverter_alloc(&spec, net, inverse, data, seed, &inverter);
 *     while (status == INV_OK && !inv_learner_done(inverter))
 *         status = inv_learner_step(inverter, &report);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_INVERSE_H
#define INVPROJ_INVERSE_H

#include "invproj/dataset.h"
#include "invproj/learner.h"
#include "invproj/net.h"
#include "invproj/optim.h"
#include "invproj/schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_inverse_spec {
    char
        kind[INV_NAME_MAX]; /* one of inv_inverse_kinds; what follows `at` goes with some of them */
    char name[INV_NAME_MAX]; /* under which it stands in the run file */
    char at[INV_NAME_MAX];   /* the point it starts from */
    size_t steps, batch;
    double confidence;       /* only images whose top class is more probable than this */
    char loss[INV_NAME_MAX]; /* l1, l2, mix */
    double squash, range_penalty;
    inv_init kernel;
    inv_optim_spec optimiser;
    inv_schedule schedule;
    size_t validate; /* steps between measurements on the validation images; 0: an epoch */
    size_t patience; /* measurements without a gain after which it stops; 0: never */
    char layers[INV_JSON_MAX]; /* of a decoder */
    char undo[INV_NAME_MAX];   /* of a decoder: the point down to which the net's layers are undone
                                  first; empty: none are */
    double penalty;            /* of a ridge regression; 0: the best on the validation images */
    size_t iterations;         /* of a pseudo-inverse: of conjugate gradients, for a convolution */
    size_t images; /* of a search: test images that it is done for, and the weights and */
    double norm, norm_power, variation, variation_power; /* powers of its priors */
} inv_inverse_spec;

extern const inv_choice inv_inverse_kinds[];
extern const inv_inverse_spec inv_inverse_defaults;         /* of the kind r2rt, named "inverse" */
extern const inv_field inv_inverse_fields[];                /* those of its kind among them */
const inv_field *inv_inverse_kind_fields(const char *kind); /* those alone; NULL: no such kind */

/* The name that inverses had where nothing was said, when r2rt was the only kind. */
#define INV_INVERSE_FORMER_NAME "inverse"

/* What the kind is called now: r2rt, which was once learned; others as they are. */
const char *inv_inverse_kind_now(const char *kind);

/* Sets the inv_inverse_spec at `spec` to the kind's defaults. A kind that does not exist leaves it. */
void inv_inverse_start(const char *kind, void *spec);

/* Whether inverses of that kind, or of one that does not exist, are nets; of one that is none, images
 * are searched for (inv_inverse_search). */
bool inv_inverse_is_net(const char *kind);

/* Whether inverses of that kind learn in steps (inv_inverter_alloc), not at one go
 * (inv_inverse_fit). */
bool inv_inverse_learns(const char *kind);

/* The point called `name`; for a kind that undoes activations (r2rt, pinv) moved down to before its
 * activation, where that is one to one. INV_ECONFIG where there is no such point, or none to invert: the input, or
 * beyond the logits. */
INV_MUST_CHECK inv_status inv_inverse_point(const inv_net *net, const char *kind, const char *name,
                                            size_t *point);

/* Builds the inverse of `net` from spec->at, before it has learned or been fitted. INV_EINVAL: a
 * spec that inv_fields_check refuses, or a kind that is no net; INV_ECONFIG names the layer that cannot be mirrored, or what
 * is wrong with the layers of a decoder, which must not have more parameters than memory holds. The caller frees with inv_net_free. */
INV_MUST_CHECK inv_status inv_inverse_build(const inv_inverse_spec *spec, const inv_net *net,
                                            inv_net **out);

typedef struct inv_inverse_report {
    size_t step;
    double loss; /* over the batch, before the step; of r2rt the sum |x - x_inv| + range penalty, of
                    the others the mean over the images */
    size_t kept; /* r2rt: images of the batch that were confident enough */
    bool
        validated; /* mirror, decoder: whether after the step the validation images were measured: */
    double validation_loss; /* the mean over their pixels of |x - x_inv|, or, of l2, its square */
    double rate;            /* mirror, decoder: the optimiser's, in this step */
} inv_inverse_report;

/* For a kind that learns: draws the kernels of `inverse` (stream "inverse" of `seed`) and gets ready to train them on the
 * training part. net, inverse and data stay the caller's. The net is frozen, so what it makes of
 * each image is worked out once, here. INV_EINVAL: a spec that inv_fields_check refuses, an
 * inverse of another net, or a kind that does not learn; INV_EDATA: images of another size, values at the
 * point that are the same for all of them, or none that is confident enough. It
 * reports by inv_inverse_report; a batch without a confident image changes nothing. The caller frees
 * with inv_learner_free. */
INV_MUST_CHECK inv_status inv_inverter_alloc(const inv_inverse_spec *spec, const inv_net *net,
                                             inv_net *inverse, const inv_dataset *data,
                                             uint64_t seed, inv_learner **out);

/* For a kind that does not learn: gives `inverse` its parameters, from the training part. Fails as
 * inv_inverter_alloc does. */
INV_MUST_CHECK inv_status inv_inverse_fit(const inv_inverse_spec *spec, const inv_net *net,
                                          inv_net *inverse, const inv_dataset *data, uint64_t seed);

/* For a kind that is no net: images[n, pixels] that bring the net to what x[n, pixels] do at the
 * point, each found for itself, so that it does not matter how many are asked for at once. INV_EINVAL: a spec that inv_fields_check refuses, a kind that is a net, or
 * matrices of other sizes; INV_ENUMERIC: it left what numbers hold. */
INV_MUST_CHECK inv_status inv_inverse_search(const inv_inverse_spec *spec, const inv_net *net,
                                             const inv_pixels *pixels, uint64_t seed,
                                             const gsl_matrix_float *x, gsl_matrix_float *images);

/* Whether `inverse` leads from point `at` of `net` to its images; INV_EINVAL where not. */
INV_MUST_CHECK inv_status inv_inverse_check(const inv_net *net, const inv_net *inverse, size_t at);

/* Images through the net to point `at` and back: images[rows] and, each unless NULL, what the net
 * makes of the originals. x and images are [rows, pixels]. INV_EINVAL: they are of another size, or
 * the inverse is of another point. */
INV_MUST_CHECK inv_status inv_inverse_project(const inv_net *net, const inv_net *inverse, size_t at,
                                              const gsl_matrix_float *x, gsl_matrix_float *images,
                                              float *confidence, unsigned *predicted);

/* values [rows, units] at the point where the inverse starts, carried down to images [rows,
 * pixels]. INV_EINVAL: they are of another size. */
INV_MUST_CHECK inv_status inv_inverse_apply(const inv_net *inverse, const gsl_matrix_float *values,
                                            gsl_matrix_float *images);

#ifdef __cplusplus
}
#endif
#endif
