/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#if defined(__x86_64__) || defined(__aarch64__)
#include <sleef.h>
#endif

#define KERNELS      inv_kernels_plain
#define KERNELS_NAME "plain"
#define LANES        4
#define STRIP_MOST   13

#if defined(__x86_64__)
#define EXP(v) Sleef_expf4_u10sse2(v)
#define LOG(v) Sleef_logf4_u10sse2(v)
#elif defined(__aarch64__)
#define EXP(v) Sleef_expf4_u10advsimd(v)
#define LOG(v) Sleef_logf4_u10advsimd(v)
#else
typedef float four __attribute__((vector_size(16)));

static inline four exp_of(four v)
{
    return (four){expf(v[0]), expf(v[1]), expf(v[2]), expf(v[3])};
}

static inline four log_of(four v)
{
    return (four){logf(v[0]), logf(v[1]), logf(v[2]), logf(v[3])};
}
#define EXP(v) exp_of(v)
#define LOG(v) log_of(v)
#endif

#include "kernels_body.h"
