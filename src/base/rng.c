/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/rng.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <gsl/gsl_randist.h>

/* ---- MT19937: Matsumoto, Nishimura 1998, seeded as in their code of 2002 ---- */

#define WORDS  624
#define MIDDLE 397

typedef struct twister {
    uint32_t words[WORDS],
        next; /* next: of the word that comes out; WORDS: new ones are made first */
} twister;

_Static_assert(sizeof(twister) == INV_RNG_WORDS * sizeof(uint32_t), "run files keep just that");

static void twister_set(void *state, unsigned long seed)
{
    twister *t = state;
    t->words[0] = (uint32_t)(seed ? seed : 4357); /* as GSL has it */
    for (uint32_t i = 1; i < WORDS; i++)
        t->words[i] = 1812433253u * (t->words[i - 1] ^ (t->words[i - 1] >> 30)) + i;
    t->next = WORDS;
}

static void make_words(twister *t)
{
    for (size_t i = 0; i < WORDS; i++) {
        const uint32_t y = (t->words[i] & 0x80000000u) | (t->words[(i + 1) % WORDS] & 0x7fffffffu);
        t->words[i] = t->words[(i + MIDDLE) % WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    t->next = 0;
}

static unsigned long twister_get(void *state)
{
    twister *t = state;
    if (t->next >= WORDS)
        make_words(t);
    uint32_t y = t->words[t->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static double twister_get_double(void *state)
{
    return (double)twister_get(state) / 4294967296.0;
}

/* The same numbers as gsl_rng_mt19937, whose state is a struct of unsigned longs and so depends on
 * the compiler. */
static const gsl_rng_type mt19937 = {
    "mt19937", 0xffffffffu, 0, sizeof(twister), twister_set, twister_get, twister_get_double};

bool inv_rng_is_valid(const gsl_rng *rng)
{
    const twister *t = gsl_rng_state(rng);
    uint32_t any = t->words[0] & 0x80000000u; /* all it takes from the first word */
    for (size_t i = 1; i < WORDS; i++)
        any |= t->words[i];
    return any != 0 && t->next <= WORDS;
}

/* struct { unsigned long mt[624]; int mti; } of x86-64 */
bool inv_rng_from_gsl(const unsigned char *bytes, uint32_t words[INV_RNG_WORDS])
{
    uint32_t above = 0;
    for (size_t i = 0; i < INV_RNG_WORDS; i++) {
        const unsigned char *b = bytes + 8 * i;
        words[i] = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        for (size_t j = 4; i < WORDS && j < 8; j++) /* after the last there is padding */
            above |= b[j];
    }
    return above == 0;
}

/* ---- streams ---- */

/* FNV-1a over the seed's bytes and the name: nearby seeds and names give unrelated streams. */
static uint64_t stream_hash(uint64_t seed, const char *name)
{
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < 8; i++)
        hash = (hash ^ ((seed >> (8 * i)) & 0xff)) * 1099511628211u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

inv_status inv_rng_alloc(uint64_t seed, const char *name, gsl_rng **out)
{
    uint64_t hash = stream_hash(seed, name);
    *out = gsl_rng_alloc(&mt19937);
    if (!*out)
        return INV_ERROR(INV_ENOMEM, "%s: no memory for a random number generator", name);
    gsl_rng_set(*out, (unsigned long)((hash ^ (hash >> 32)) & 0xffffffffu));
    return INV_OK;
}

void inv_rng_free(gsl_rng *rng)
{
    if (rng)
        gsl_rng_free(rng);
}

uint64_t inv_rng_mix(uint64_t a, uint64_t b)
{
    uint64_t z = a + (b + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- initial values ---- */

#define TYPE_FIELD                                                                                 \
    {                                                                                              \
        "type", INV_FIELD_NAME, offsetof(inv_init, type),                                          \
            .help = "distribution from which the values are drawn", .choices = inv_init_types      \
    }

static const inv_field normal_fields[] = {
    TYPE_FIELD,
    {"stddev", INV_FIELD_REAL, offsetof(inv_init, stddev), 0.0, 1e6, .help = "standard deviation"},
    {0}};
static const inv_field constant_fields[] = {
    TYPE_FIELD,
    {"value", INV_FIELD_REAL, offsetof(inv_init, value), -1e6, 1e6, .help = "the value"},
    {0}};
static const inv_field plain_fields[] = {TYPE_FIELD, {0}};

static double truncated_normal(gsl_rng *rng, double stddev)
{
    double z;
    do
        z = gsl_ran_gaussian_ziggurat(rng, 1.0);
    while (fabs(z) > 2.0);
    return stddev * z;
}

static double draw_truncated(const inv_init *init, inv_fans fans, gsl_rng *rng)
{
    (void)fans;
    return truncated_normal(rng, init->stddev);
}

static double draw_normal(const inv_init *init, inv_fans fans, gsl_rng *rng)
{
    (void)fans;
    return gsl_ran_gaussian_ziggurat(rng, init->stddev);
}

static double draw_constant(const inv_init *init, inv_fans fans, gsl_rng *rng)
{
    (void)fans, (void)rng;
    return init->value;
}

static double draw_zero(const inv_init *init, inv_fans fans, gsl_rng *rng)
{
    (void)init, (void)fans, (void)rng;
    return 0.0;
}

/* The deviation of a normal that has variance 1 once it is cut at two deviations, as Keras. */
#define WIDENED (1.0 / 0.87962566103423978)

static double glorot(inv_fans fans)
{
    return 2.0 / ((double)fans.in + (double)fans.out);
}

static double he(inv_fans fans)
{
    return 2.0 / (double)fans.in;
}

static double uniform(gsl_rng *rng, double variance)
{
    return sqrt(3.0 * variance) * (2.0 * gsl_rng_uniform(rng) - 1.0);
}

static double draw_glorot_uniform(const inv_init *init, inv_fans fans, gsl_rng *rng)
{
    (void)init;
    return uniform(rng, glorot(fans));
}

static double draw_glorot_normal(const inv_init *init, inv_fans fans, gsl_rng *rng)
{
    (void)init;
    return truncated_normal(rng, WIDENED * sqrt(glorot(fans)));
}

static double draw_he_uniform(const inv_init *init, inv_fans fans, gsl_rng *rng)
{
    (void)init;
    return uniform(rng, he(fans));
}

static double draw_he_normal(const inv_init *init, inv_fans fans, gsl_rng *rng)
{
    (void)init;
    return truncated_normal(rng, WIDENED * sqrt(he(fans)));
}

/* X(name, its fields, how one value is drawn, what it is) */
#define INITS(X)                                                                                   \
    X(truncated_normal, normal_fields, draw_truncated,                                             \
      "normal with mean 0, redrawn outside two standard deviations")                               \
    X(normal, normal_fields, draw_normal, "normal with mean 0")                                    \
    X(glorot_uniform, plain_fields, draw_glorot_uniform,                                           \
      "uniform with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)")                     \
    X(glorot_normal, plain_fields, draw_glorot_normal,                                             \
      "truncated normal with variance 2 / (inputs + outputs)")                                     \
    X(he_uniform, plain_fields, draw_he_uniform,                                                   \
      "uniform with variance 2 / inputs (He et al. 2015)")                                         \
    X(he_normal, plain_fields, draw_he_normal, "truncated normal with variance 2 / inputs")        \
    X(zeros, plain_fields, draw_zero, "0 everywhere")                                              \
    X(constant, constant_fields, draw_constant, "the same value everywhere")

#define CHOICE(name, fields, draw, help) {#name, help},
const inv_choice inv_init_types[] = {INITS(CHOICE){0}};
#undef CHOICE

typedef struct distribution {
    const inv_field *fields;
    double (*draw)(const inv_init *init, inv_fans fans, gsl_rng *rng);
} distribution;

#define ENTRY(name, fields, draw, help) {fields, draw},
static const distribution distributions[] = {INITS(ENTRY)};
#undef ENTRY

static const distribution *find(const char *type)
{
    for (size_t i = 0; inv_init_types[i].name; i++)
        if (strcmp(inv_init_types[i].name, type) == 0)
            return &distributions[i];
    return &distributions[0];
}

const inv_field *inv_init_fields(const char *type)
{
    return find(type)->fields;
}

void inv_init_fill(const inv_init *init, inv_fans fans, float *values, size_t n, gsl_rng *rng)
{
    const distribution *d = find(init->type);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)d->draw(init, fans, rng);
}
