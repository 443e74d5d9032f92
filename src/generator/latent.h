/* latent.h - the objective of a variational autoencoder, for a batch, and its gradients.
 *
 * A code is a row of 2 K values: the means m and the logarithms v of the variances of K numbers.
 *
 *     inv_latent_sample(code, noise, z);
 *     divergence = inv_latent_divergence(code);
 *     ... dz, the gradient of the rest of the objective at z ...
 *     inv_latent_gradient(code, noise, dz, weight, dcode);
 *
 * Source: Kingma, Welling 2014, "Auto-Encoding Variational Bayes", section 2.4, appendix B; with
 * the class beside the image and beside the numbers: Sohn, Lee, Yan 2015, "Learning Structured Output
 * Representation using Deep Conditional Generative Models".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_GENERATOR_LATENT_H
#define INVPROJ_SRC_GENERATOR_LATENT_H

#include <gsl/gsl_matrix_float.h>

/* z_ij = m_ij + exp(v_ij / 2) noise_ij;  code [rows, 2 K], noise [>= rows, K], z [rows, >= K] */
void inv_latent_sample(const gsl_matrix_float *code, const gsl_matrix_float *noise,
                       gsl_matrix_float *z);

/* Returns the sum over all of 1/2 (exp(v_ij) + m_ij^2 - 1 - v_ij): the divergence of normal numbers of
 * that mean and variance from those of mean 0 and variance 1. */
double inv_latent_divergence(const gsl_matrix_float *code);

/* dcode, of the objective whose gradient at z is dz, plus weight times the divergence:
 *     dm_ij = dz_ij + weight m_ij
 *     dv_ij = 1/2 dz_ij exp(v_ij / 2) noise_ij + 1/2 weight (exp(v_ij) - 1) */
void inv_latent_gradient(const gsl_matrix_float *code, const gsl_matrix_float *noise,
                         const gsl_matrix_float *dz, float weight, gsl_matrix_float *dcode);

/* Returns the sum over all of log(1 + exp(y_ij)) - t_ij y_ij = -t log p - (1 - t) log(1 - p), p =
 * 1 / (1 + exp(-y)): minus the logarithm of the probability of t under independent Bernoulli
 * variables whose logits are y. The targets t come in dy, which becomes weight (p_ij - t_ij).
 * row_loss: a value for each row, which are added in their order. work: as dy. */
double inv_latent_bernoulli(const gsl_matrix_float *y, float weight, double *row_loss,
                            gsl_matrix_float *work, gsl_matrix_float *dy);

#endif
