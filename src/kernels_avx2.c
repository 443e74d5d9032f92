/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__x86_64__)
#include <immintrin.h>
#include <sleef.h>

#define KERNELS      inv_kernels_avx2
#define KERNELS_NAME "AVX2"
#define LANES        8
#define STRIP_MOST   13
#define EXP(v)       Sleef_expf8_u10avx2(v)
#define LOG(v)       Sleef_logf8_u10avx2(v)
#define NONZERO_MASK(v)                                                                            \
    (unsigned)_mm256_movemask_ps(_mm256_cmp_ps((v), _mm256_setzero_ps(), _CMP_NEQ_UQ))

#include "kernels_body.h"
#else
typedef int no_such_processor;
#endif
