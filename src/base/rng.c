/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/rng.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <gsl/gsl_randist.h>

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
    *out = gsl_rng_alloc(gsl_rng_mt19937);
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

/* GSL's MT19937 keeps 624 words and then the number of the next one; only that can lead astray. */
bool inv_rng_is_valid(const gsl_rng *rng)
{
    int next = -1;
    const size_t words = 624 * sizeof(unsigned long);
    if (gsl_rng_size(rng) >= words + sizeof next)
        memcpy(&next, (const char *)gsl_rng_state(rng) + words, sizeof next);
    return next >= 0 && next <= 624;
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
        "type", INV_FIELD_NAME, offsetof(inv_init, type), .help = "distribution",                  \
                                                          .choices = inv_init_types                \
    }

static const inv_field normal_fields[] = {TYPE_FIELD,
                                          {"stddev", INV_FIELD_REAL, offsetof(inv_init, stddev),
                                           0.0, 1e6, .help = "standard deviation; the mean is 0"},
                                          {0}};
static const inv_field constant_fields[] = {
    TYPE_FIELD,
    {"value", INV_FIELD_REAL, offsetof(inv_init, value), -1e6, 1e6, .help = "every value"},
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

/* X(name, its fields, how one value is drawn) */
#define INITS(X)                                                                                   \
    X(truncated_normal, normal_fields, draw_truncated)                                             \
    X(normal, normal_fields, draw_normal)                                                          \
    X(glorot_uniform, plain_fields, draw_glorot_uniform)                                           \
    X(glorot_normal, plain_fields, draw_glorot_normal)                                             \
    X(he_uniform, plain_fields, draw_he_uniform)                                                   \
    X(he_normal, plain_fields, draw_he_normal)                                                     \
    X(zeros, plain_fields, draw_zero)                                                              \
    X(constant, constant_fields, draw_constant)

#define NAME(name, fields, draw) #name,
const char *const inv_init_types[] = {INITS(NAME) NULL};
#undef NAME

typedef struct distribution {
    const inv_field *fields;
    double (*draw)(const inv_init *init, inv_fans fans, gsl_rng *rng);
} distribution;

#define ENTRY(name, fields, draw) {fields, draw},
static const distribution distributions[] = {INITS(ENTRY)};
#undef ENTRY

static const distribution *find(const char *type)
{
    for (size_t i = 0; inv_init_types[i]; i++)
        if (strcmp(inv_init_types[i], type) == 0)
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
