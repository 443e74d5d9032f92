/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__x86_64__)
#include <immintrin.h>
#include <sleef.h>

#define KERNELS      inv_kernels_avx2
#define KERNELS_NAME "AVX2"
#define LANES        8
#define STRIP_MOST   6
#define TILE_ROWS    6
#define PANEL_MOST   2
#define PANELS(X)    X(1, 12) X(2, 6)
#define EXP(v)       Sleef_expf8_u10avx2(v)
#define LOG(v)       Sleef_logf8_u10avx2(v)
#define EXPM1(v)     Sleef_expm1f8_u10avx2(v)
#define LOG1P(v)     Sleef_log1pf8_u10avx2(v)
#define TANH(v)      Sleef_tanhf8_u35avx2(v)

#define NONZERO_LANES(v)                                                                           \
    (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_NEQ_UQ))
#define TURN_BITS(bits, columns) transpose_64_bytes(bits, columns)

static inline void transpose_64_bytes(const unsigned char *bits, unsigned long *columns)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)bits);
    __m256i high = _mm256_loadu_si256((const __m256i *)(bits + 32));
    for (int j = 8; j-- > 0; low = _mm256_slli_epi16(low, 1), high = _mm256_slli_epi16(high, 1))
        columns[j] = (unsigned)_mm256_movemask_epi8(low) |
                     (unsigned long)(unsigned)_mm256_movemask_epi8(high) << 32;
}

static inline __m256i first_lanes(size_t n)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lanes);
}

static inline __m256 masked_load(const float *p, size_t n, float rest)
{
    const __m256i mask = first_lanes(n);
    return _mm256_blendv_ps(_mm256_set1_ps(rest), _mm256_maskload_ps(p, mask),
                            _mm256_castsi256_ps(mask));
}

/* a0 b0 a1 b1 ..., of the first half of the lanes or the second */
static inline __m256 low_lanes(__m256 a, __m256 b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}

static inline __m256 high_lanes(__m256 a, __m256 b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}

#define ADD_PRODUCT(sum, a, b)  _mm256_fmadd_ps(a, b, sum)
#define LOW_LANES(a, b)         low_lanes(a, b)
#define HIGH_LANES(a, b)        high_lanes(a, b)
#define MASKED_LOAD(p, n, rest) masked_load(p, n, rest)
#define MASKED_STORE(p, v, n)   _mm256_maskstore_ps(p, first_lanes(n), v)

#include "kernels/kernels_body.h"
#else
typedef int no_such_processor;
#endif
