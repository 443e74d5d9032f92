/* rng.h - random number streams, and the distributions that parameters start from.
 *
 * Every use of chance has a stream of its own, made from the run's seed and the stream's name, so
 * that one stage does not change what another draws.
 *
 *     gsl_rng *rng = NULL;
 *     if (inv_rng_alloc(42, "network", &rng) == INV_OK)
 *         inv_init_fill(&(inv_init){"truncated_normal", 0.1, 0.0}, values, n, rng);
 *     inv_rng_free(rng);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_RNG_H
#define INVPROJ_RNG_H

#include <stdbool.h>
#include <stdint.h>

#include <gsl/gsl_rng.h>

#include "invproj/config.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A Mersenne Twister (MT19937) for the stream `name` of `seed`; the caller frees. */
INV_MUST_CHECK inv_status inv_rng_alloc(uint64_t seed, const char *name, gsl_rng **out);
void inv_rng_free(gsl_rng *rng);

/* Whether the state, after bytes were copied into it, is one that the generator can be in. */
bool inv_rng_is_valid(const gsl_rng *rng);

/* How a block of parameters starts. */
typedef struct inv_init {
    char type[INV_NAME_MAX]; /* truncated_normal, normal or constant */
    double stddev;           /* of the normal, mean 0 */
    double value;            /* of the constant */
} inv_init;

extern const char *const inv_init_types[];          /* NULL-terminated */
const inv_field *inv_init_fields(const char *type); /* the keys that go with a type */

/* Fills n values. truncated_normal: normal with mean 0, redrawn outside two standard deviations
 * (TensorFlow's truncated_normal). init->type must be one of inv_init_types. */
void inv_init_fill(const inv_init *init, float *values, size_t n, gsl_rng *rng);

#ifdef __cplusplus
}
#endif
#endif
