/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#if defined(__x86_64__) || defined(__aarch64__)
#include <sleef.h>
#endif

#define KERNELS      inv_kernels_plain
#define KERNELS_NAME "plain"
#define LANES        4
#define STRIP_MOST   6
#define TILE_ROWS    6
#define PANEL_MOST   2
#define PANELS(X)    X(1, 8) X(2, 4)

#if defined(__x86_64__)
#define EXP(v)   Sleef_expf4_u10sse2(v)
#define LOG(v)   Sleef_logf4_u10sse2(v)
#define EXPM1(v) Sleef_expm1f4_u10sse2(v)
#define LOG1P(v) Sleef_log1pf4_u10sse2(v)
#define TANH(v)  Sleef_tanhf4_u35sse2(v)
#elif defined(__aarch64__)
#define EXP(v)   Sleef_expf4_u10advsimd(v)
#define LOG(v)   Sleef_logf4_u10advsimd(v)
#define EXPM1(v) Sleef_expm1f4_u10advsimd(v)
#define LOG1P(v) Sleef_log1pf4_u10advsimd(v)
#define TANH(v)  Sleef_tanhf4_u35advsimd(v)
#else
typedef float four __attribute__((vector_size(16)));

static inline four of_each(float (*f)(float), four v)
{
    return (four){f(v[0]), f(v[1]), f(v[2]), f(v[3])};
}
#define EXP(v)   of_each(expf, v)
#define LOG(v)   of_each(logf, v)
#define EXPM1(v) of_each(expm1f, v)
#define LOG1P(v) of_each(log1pf, v)
#define TANH(v)  of_each(tanhf, v)
#endif

#include "kernels/kernels_body.h"
