/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__x86_64__)
#include <immintrin.h>
#include <sleef.h>

#define KERNELS      inv_kernels_avx512
#define KERNELS_NAME "AVX-512"
#define LANES        16
#define STRIP_MOST   13
#define TILE_ROWS    14
#define EXP(v)       Sleef_expf16_u10avx512f(v)
#define LOG(v)       Sleef_logf16_u10avx512f(v)
#define EXPM1(v)     Sleef_expm1f16_u10avx512f(v)
#define LOG1P(v)     Sleef_log1pf16_u10avx512f(v)
#define TANH(v)      Sleef_tanhf16_u35avx512f(v)
#define PANEL_MOST   4
#define PANELS(X)    X(1, 14) X(2, 12) X(3, 8) X(4, 6)

#define NONZERO_LANES(v)         (unsigned)_mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_NEQ_UQ)
#define NEGATIVE_LANES(bits)     (unsigned)_mm512_movepi32_mask((__m512i)(bits))
#define LOOK_UP(table, at)       _mm512_permutexvar_ps((__m512i)(at), table)
#define TURN_BITS(bits, columns) transpose_64_bytes(bits, columns)

static inline void transpose_64_bytes(const unsigned char *bits, unsigned long *columns)
{
    const __m512i rows = _mm512_loadu_si512(bits);
    columns[0] = _mm512_movepi8_mask(_mm512_slli_epi16(rows, 7));
    columns[1] = _mm512_movepi8_mask(_mm512_slli_epi16(rows, 6));
    columns[2] = _mm512_movepi8_mask(_mm512_slli_epi16(rows, 5));
    columns[3] = _mm512_movepi8_mask(_mm512_slli_epi16(rows, 4));
    columns[4] = _mm512_movepi8_mask(_mm512_slli_epi16(rows, 3));
    columns[5] = _mm512_movepi8_mask(_mm512_slli_epi16(rows, 2));
    columns[6] = _mm512_movepi8_mask(_mm512_slli_epi16(rows, 1));
    columns[7] = _mm512_movepi8_mask(rows);
}

static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

/* a0 b0 a1 b1 ..., of the first half of the lanes or the second */
static inline __m512 low_lanes(__m512 a, __m512 b)
{
    return _mm512_permutex2var_ps(
        a, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b);
}

static inline __m512 high_lanes(__m512 a, __m512 b)
{
    return _mm512_permutex2var_ps(
        a, _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b);
}

#define ADD_PRODUCT(sum, a, b)  _mm512_fmadd_ps(a, b, sum)
#define LOW_LANES(a, b)         low_lanes(a, b)
#define HIGH_LANES(a, b)        high_lanes(a, b)
#define MASKED_LOAD(p, n, rest) _mm512_mask_loadu_ps(_mm512_set1_ps(rest), first_lanes(n), p)
#define MASKED_STORE(p, v, n)   _mm512_mask_storeu_ps(p, first_lanes(n), v)

#include "kernels/kernels_body.h"
#else
typedef int no_such_processor;
#endif
