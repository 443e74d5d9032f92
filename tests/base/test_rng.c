/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/rng.h"

Suite *rng_suite(void);

static gsl_rng *stream(uint64_t seed, const char *name)
{
    gsl_rng *rng = NULL;
    ck_assert_status(inv_rng_alloc(seed, name, &rng), INV_OK);
    return rng;
}

/* ---- streams ---- */

START_TEST(the_same_stream_is_the_same)
{
    gsl_rng *a = stream(42, "network"), *b = stream(42, "network");
    for (int i = 0; i < 2000; i++)
        ck_assert_uint_eq(gsl_rng_get(a), gsl_rng_get(b));
    inv_rng_free(a);
    inv_rng_free(b);
    inv_rng_free(NULL);
}
END_TEST

/* FNV-1a of the seed's eight bytes, lowest first, and the name, folded to 32 bits. */
static unsigned long twin_hash(uint64_t seed, const char *name)
{
    unsigned char bytes[128];
    size_t n = 0;
    for (; n < 8; n++, seed /= 256)
        bytes[n] = seed % 256;
    for (; *name; name++)
        bytes[n++] = (unsigned char)*name;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        hash ^= bytes[i];
        hash *= 0x100000001b3u;
    }
    return (unsigned long)((hash >> 32 ^ hash) % 4294967296u);
}

/* What a seed gives is part of what a run can be repeated by. */
START_TEST(a_stream_is_mt19937_seeded_by_fnv)
{
    static const uint64_t seeds[] = {0, 1, 42, 4294967296u, 0xfedcba9876543210u};
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
        gsl_rng *a = stream(seeds[s], "inverting"), *b = gsl_rng_alloc(gsl_rng_mt19937);
        ck_assert_ptr_nonnull(b);
        gsl_rng_set(b, twin_hash(seeds[s], "inverting"));
        ck_assert_str_eq(gsl_rng_name(a), "mt19937");
        ck_assert_uint_eq(gsl_rng_min(a), gsl_rng_min(b));
        ck_assert_uint_eq(gsl_rng_max(a), gsl_rng_max(b));
        for (int i = 0; i < 1900; i++) { /* past three refills of its 624 words */
            ck_assert_uint_eq(gsl_rng_get(a), gsl_rng_get(b));
            ck_assert(gsl_rng_uniform(a) == gsl_rng_uniform(b));
            ck_assert_uint_eq(gsl_rng_uniform_int(a, 1000), gsl_rng_uniform_int(b, 1000));
        }
        inv_rng_free(a);
        gsl_rng_free(b);
    }
}
END_TEST

/* GSL takes another seed for 0. */
START_TEST(seed_0_is_gsl_s)
{
    gsl_rng *a = stream(1, "network"), *b = gsl_rng_alloc(gsl_rng_mt19937);
    static const unsigned long seeds[] = {0, 1, 4357, 0xffffffffu};
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
        gsl_rng_set(a, seeds[s]);
        gsl_rng_set(b, seeds[s]);
        for (int i = 0; i < 3; i++)
            ck_assert_uint_eq(gsl_rng_get(a), gsl_rng_get(b));
    }
    inv_rng_free(a);
    gsl_rng_free(b);
}
END_TEST

START_TEST(other_seeds_and_names_are_other_streams)
{
    static const char *const names[] = {"network", "training", "inverse", "inverting", "n", ""};
    enum { SEEDS = 40, NAMES = sizeof names / sizeof *names };
    unsigned long first[2 * SEEDS * NAMES];
    size_t n = 0;
    bool differ = true;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (int name = 0; name < NAMES; name++)
            for (int high = 0; high < 2; high++) { /* seeds that differ above bit 32 only */
                gsl_rng *rng = stream(seed + ((uint64_t)high << 40), names[name]);
                first[n] = gsl_rng_get(rng);
                for (size_t i = 0; i < n; i++)
                    differ = differ && first[i] != first[n];
                n++;
                inv_rng_free(rng);
            }
    ck_assert(differ);
}
END_TEST

START_TEST(state_carries_on)
{
    enum { N = 1000 };
    const inv_init init = {"truncated_normal", 0.3, 0.0};
    float before[N], after[N], again[N];
    gsl_rng *a = stream(7, "network"), *b = stream(8, "other");
    inv_init_fill(&init, (inv_fans){3, 5}, before, N, a);
    unsigned char *saved = malloc(gsl_rng_size(a));
    ck_assert_ptr_nonnull(saved);
    memcpy(saved, gsl_rng_state(a), gsl_rng_size(a));
    inv_init_fill(&init, (inv_fans){3, 5}, after, N, a);
    ck_assert(!gradient_same_bits(before, after, sizeof before));
    gsl_rng *const carriers[] = {a, b}; /* the same generator, and another one */
    for (int c = 0; c < 2; c++) {
        memcpy(gsl_rng_state(carriers[c]), saved, gsl_rng_size(a));
        inv_init_fill(&init, (inv_fans){3, 5}, again, N, carriers[c]);
        ck_assert(gradient_same_bits(again, after, sizeof after));
    }
    free(saved);
    inv_rng_free(a);
    inv_rng_free(b);
}
END_TEST

/* The number of the next word leads astray where there is none; from nothing but 0 come only 0s. */
START_TEST(state_is_valid_or_not)
{
    static const uint32_t next[] = {0, 1, 623, 624, 625, UINT32_MAX, INT_MAX};
    gsl_rng *rng = stream(7, "network");
    uint32_t *words = gsl_rng_state(rng);
    ck_assert_uint_eq(gsl_rng_size(rng), INV_RNG_WORDS * sizeof *words);
    for (int i = 0; i < 1300; i++) {
        GRADIENT_HOLD(inv_rng_is_valid(rng), "after %d numbers", i);
        (void)gsl_rng_get(rng);
    }
    for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
        words[624] = next[i];
        ck_assert_int_eq(inv_rng_is_valid(rng), next[i] <= 624);
    }
    words[624] = 0;
    memset(words, 0, 624 * sizeof *words);
    ck_assert(!inv_rng_is_valid(rng));
    words[623] = 1;
    ck_assert(inv_rng_is_valid(rng));
    words[623] = 0;
    words[0] = 0x7fffffff; /* all but the bit that is used */
    ck_assert(!inv_rng_is_valid(rng));
    words[0] = 0x80000000;
    ck_assert(inv_rng_is_valid(rng));
    inv_rng_free(rng);
}
END_TEST

/* After any number of draws GSL's struct becomes the same words, and the numbers go on. */
START_TEST(the_state_of_gsl_s_is_read)
{
#if defined(__x86_64__) && defined(__LP64__)
    static const int draws[] = {0, 1, 623, 624, 625, 1500};
    for (size_t d = 0; d < sizeof draws / sizeof *draws; d++) {
        gsl_rng *ours = stream(3, "training"), *gsl = gsl_rng_alloc(gsl_rng_mt19937);
        uint32_t words[INV_RNG_WORDS];
        gsl_rng_set(gsl, 12345 + d);
        for (int i = 0; i < draws[d]; i++)
            (void)gsl_rng_get(gsl);
        ck_assert_uint_eq(gsl_rng_size(gsl), INV_RNG_GSL_BYTES);
        unsigned char *bytes = gsl_rng_state(gsl);
        memset(bytes + 4996, 0xa5, 4); /* padding */
        ck_assert(inv_rng_from_gsl(bytes, words));
        memcpy(gsl_rng_state(ours), words, sizeof words);
        ck_assert(inv_rng_is_valid(ours));
        for (int i = 0; i < 1300; i++)
            ck_assert_uint_eq(gsl_rng_get(ours), gsl_rng_get(gsl));
        bytes[8 * 17 + 5] = 1; /* a word of 41 bits */
        ck_assert(!inv_rng_from_gsl(bytes, words));
        inv_rng_free(ours);
        gsl_rng_free(gsl);
    }
#endif
}
END_TEST

/* ---- distributions ---- */

enum { DRAWS = 400000 };

typedef struct moments {
    double mean, sd, skew, within_one, within_two; /* of values / stddev */
    double lowest, highest;
} moments;

/* Of DRAWS values, in units of stddev. The caller need not free anything. */
static moments draw(const char *type, double stddev, unsigned long seed)
{
    moments m = {.lowest = INFINITY, .highest = -INFINITY};
    inv_init init = {.stddev = stddev, .value = 17.0};
    float *values = malloc(DRAWS * sizeof *values);
    gsl_rng *rng = stream(seed, "draws");
    ck_assert_ptr_nonnull(values);
    strcpy(init.type, type);
    inv_init_fill(&init, (inv_fans){3, 5}, values, DRAWS, rng);
    for (int i = 0; i < DRAWS; i++) {
        const double z = values[i] / stddev;
        m.mean += z / DRAWS;
        m.sd += z * z / DRAWS;
        m.skew += z * z * z / DRAWS;
        m.within_one += (fabs(z) < 1.0) / (double)DRAWS;
        m.within_two += (fabs(z) < 2.0) / (double)DRAWS;
        m.lowest = fmin(m.lowest, z);
        m.highest = fmax(m.highest, z);
    }
    m.sd = sqrt(m.sd - m.mean * m.mean);
    free(values);
    inv_rng_free(rng);
    return m;
}

/* Tolerances: five standard errors or more of DRAWS values. */
START_TEST(truncated_normal_has_its_moments)
{
    static const double stddevs[] = {0.1, 0.7, 31.0};
    for (int i = 0; i < 3; i++) {
        const moments m = draw("truncated_normal", stddevs[i], 100 + (unsigned)i);
        ck_assert_double_eq_tol(m.mean, 0.0, 5 * 0.88 / sqrt(DRAWS));
        ck_assert_double_eq_tol(m.sd, 0.87963, 0.004);
        ck_assert_double_eq_tol(m.skew, 0.0, 0.015);
        ck_assert_double_eq_tol(m.within_one, 0.682689 / 0.954500, 0.004);
        ck_assert_double_ge(m.lowest, -2.0 - 1e-6);
        ck_assert_double_le(m.lowest, -1.99);
        ck_assert_double_le(m.highest, 2.0 + 1e-6);
        ck_assert_double_ge(m.highest, 1.99);
    }
}
END_TEST

START_TEST(normal_has_its_moments)
{
    const moments m = draw("normal", 1.3, 200);
    ck_assert_double_eq_tol(m.mean, 0.0, 5 / sqrt(DRAWS));
    ck_assert_double_eq_tol(m.sd, 1.0, 0.006);
    ck_assert_double_eq_tol(m.skew, 0.0, 0.03);
    ck_assert_double_eq_tol(m.within_one, 0.682689, 0.004);
    ck_assert_double_eq_tol(m.within_two, 0.954500, 0.002);
    ck_assert_double_gt(m.highest, 3.5);
    ck_assert_double_lt(m.lowest, -3.5);
}
END_TEST

START_TEST(constant_is_constant)
{
    float values[12];
    gsl_rng *rng = stream(1, "network");
    const inv_init init = {"constant", 5.0, -0.375};
    values[11] = 3.5f;
    inv_init_fill(&init, (inv_fans){3, 5}, values, 11, rng);
    for (int i = 0; i < 11; i++)
        ck_assert(values[i] == -0.375f);
    ck_assert(values[11] == 3.5f); /* n of them, no more */
    inv_init_fill(&init, (inv_fans){3, 5}, values + 11, 0, rng);
    ck_assert(values[11] == 3.5f);
    inv_rng_free(rng);
}
END_TEST

static const inv_field *field(const char *type, const char *key)
{
    for (const inv_field *f = inv_init_fields(type); f->key; f++)
        if (strcmp(f->key, key) == 0)
            return f;
    return NULL;
}

START_TEST(every_type_has_its_keys)
{
    size_t count = 0;
    for (; inv_init_types[count].name; count++) {
        const char *type = inv_init_types[count].name;
        const bool constant = strcmp(type, "constant") == 0;
        const bool normal = strcmp(type, "normal") == 0 || strcmp(type, "truncated_normal") == 0;
        ck_assert_ptr_nonnull(field(type, "type"));
        ck_assert_ptr_eq(field(type, "type")->choices, inv_init_types);
        ck_assert_int_eq(field(type, "value") != NULL, constant);
        ck_assert_int_eq(field(type, "stddev") != NULL, normal);
    }
    ck_assert_uint_eq(count, 8);
}
END_TEST

/* Variances from the papers, and bounds: Keras's for 30 inputs and 20 outputs. */
START_TEST(scaled_types_have_their_variances)
{
    enum { N = 200000 };
    static const struct {
        const char *type;
        double variance, bound;
    } cases[] = {{"glorot_uniform", 0.04, 0.346411},
                 {"glorot_normal", 0.04, 0.454738},
                 {"he_uniform", 2.0 / 30.0, 0.447214},
                 {"he_normal", 2.0 / 30.0, 0.587065},
                 {"zeros", 0.0, 0.0}};
    float *values = calloc(N, sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        gsl_rng *rng = stream(7, "network");
        inv_init init = {"", 0.0, 0.0};
        double sum = 0.0, squares = 0.0;
        snprintf(init.type, sizeof init.type, "%s", cases[c].type);
        inv_init_fill(&init, (inv_fans){30, 20}, values, N, rng);
        for (size_t i = 0; i < N; i++) {
            sum += values[i], squares += (double)values[i] * values[i];
            GRADIENT_HOLD((double)fabsf(values[i]) <= cases[c].bound, "%s: %g", cases[c].type,
                          (double)values[i]);
        }
        ck_assert_double_eq_tol(sum / N, 0.0, 0.002);
        ck_assert_double_eq_tol(squares / N, cases[c].variance, 0.01 * cases[c].variance + 1e-9);
        inv_rng_free(rng);
    }
    free(values);
}
END_TEST

Suite *rng_suite(void)
{
    Suite *suite = suite_create("rng");
    TCase *tests = tcase_create("rng");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_same_stream_is_the_same);
    tcase_add_test(tests, a_stream_is_mt19937_seeded_by_fnv);
    tcase_add_test(tests, seed_0_is_gsl_s);
    tcase_add_test(tests, other_seeds_and_names_are_other_streams);
    tcase_add_test(tests, state_carries_on);
    tcase_add_test(tests, state_is_valid_or_not);
    tcase_add_test(tests, the_state_of_gsl_s_is_read);
    tcase_add_test(tests, truncated_normal_has_its_moments);
    tcase_add_test(tests, normal_has_its_moments);
    tcase_add_test(tests, constant_is_constant);
    tcase_add_test(tests, scaled_types_have_their_variances);
    tcase_add_test(tests, every_type_has_its_keys);
    suite_add_tcase(suite, tests);
    return suite;
}
