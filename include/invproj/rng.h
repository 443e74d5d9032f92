/* rng.h - random number streams, and the distributions that parameters start from.
 *
 * Every use of chance has a stream of its own, made from the run's seed and the stream's name, so
 * that one stage does not change what another draws.
 *
 *     gsl_rng *rng = NULL;
 *     if (inv_rng_alloc(42, "network", &rng) == INV_OK)
 *         inv_init_fill(&(inv_init){"he_normal"}, (inv_fans){784, 100}, values, n, rng);
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

/* A Mersenne Twister (MT19937, the numbers of gsl_rng_mt19937) for the stream `name` of `seed`; the
 * caller frees. */
INV_MUST_CHECK inv_status inv_rng_alloc(uint64_t seed, const char *name, gsl_rng **out);
void inv_rng_free(gsl_rng *rng);

/* The state of such a generator, at gsl_rng_state(): its 624 words, then which of them comes next,
 * 624 when all are used. */
#define INV_RNG_WORDS 625

/* Whether the state, after words were copied into it, is one that the generator can be in. */
bool inv_rng_is_valid(const gsl_rng *rng);

/* The same state from the bytes of gsl_rng_mt19937's own, as x86-64 has it and run files held it
 * before 0.2.0. False where a word is too large. */
#define INV_RNG_GSL_BYTES 5000
bool inv_rng_from_gsl(const unsigned char *bytes, uint32_t words[INV_RNG_WORDS]);

/* A number that looks random and depends on both: SplitMix64 (Steele, Lea, Flood 2014) of a and b.
 * For choices that must be made again, as by a run that is resumed, without drawing all before. */
uint64_t inv_rng_mix(uint64_t a, uint64_t b);

/* How a block of parameters starts. */
typedef struct inv_init {
    char type[INV_NAME_MAX]; /* one of inv_init_types */
    double stddev;           /* of normal and truncated_normal, mean 0 */
    double value;            /* of constant */
} inv_init;

extern const inv_choice inv_init_types[];
const inv_field *inv_init_fields(const char *type); /* the keys that go with a type */

/* A key for an inv_init at `offset` of the struct that a table describes. */
#define INV_INIT_FIELD(key, offset, text)                                                          \
    {                                                                                              \
        key, INV_FIELD_GROUP, offset, .choices = inv_init_types, .topic = "initialisers",          \
                                      .group = inv_init_fields, .help = text                       \
    }

/* How many inputs a unit has, and how many outputs an input feeds: a dense kernel's dimensions, a
 * convolution's channels times its window. */
typedef struct inv_fans {
    size_t in, out;
} inv_fans;

/* Fills n values; init->type is one of inv_init_types.
 *
 * truncated_normal: normal, redrawn outside two standard deviations (TensorFlow's)
 * glorot_uniform, glorot_normal (Glorot, Bengio 2010): variance 2 / (in + out)
 * he_uniform, he_normal (He et al. 2015): variance 2 / in
 *     uniform: in +-sqrt(3 variance); normal: truncated_normal, widened by 1 / 0.87962566103423978
 *     so that it has this variance once truncated (both as Keras)
 * zeros, constant: `fans` do not matter, nor do they for normal and truncated_normal */
void inv_init_fill(const inv_init *init, inv_fans fans, float *values, size_t n, gsl_rng *rng);

#ifdef __cplusplus
}
#endif
#endif
