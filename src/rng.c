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

const char *const inv_init_types[] = {"truncated_normal", "normal", "constant", NULL};

#define TYPE_FIELD                                                                                 \
    {                                                                                              \
        "type", INV_FIELD_NAME, offsetof(inv_init, type), .help = "distribution",                  \
                                                          .choices = inv_init_types                \
    }

const inv_field *inv_init_fields(const char *type)
{
    static const inv_field normal[] = {TYPE_FIELD,
                                       {"stddev", INV_FIELD_REAL, offsetof(inv_init, stddev), 0.0,
                                        1e6, .help = "standard deviation; the mean is 0"},
                                       {0}};
    static const inv_field constant[] = {
        TYPE_FIELD,
        {"value", INV_FIELD_REAL, offsetof(inv_init, value), -1e6, 1e6, .help = "every value"},
        {0}};
    return strcmp(type, "constant") == 0 ? constant : normal;
}

static double truncated_normal(gsl_rng *rng, double stddev)
{
    double z;
    do
        z = gsl_ran_gaussian_ziggurat(rng, 1.0);
    while (fabs(z) > 2.0);
    return stddev * z;
}

void inv_init_fill(const inv_init *init, float *values, size_t n, gsl_rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        double value = init->value;
        if (strcmp(init->type, "truncated_normal") == 0)
            value = truncated_normal(rng, init->stddev);
        else if (strcmp(init->type, "normal") == 0)
            value = gsl_ran_gaussian_ziggurat(rng, init->stddev);
        values[i] = (float)value;
    }
}
