/* SPDX-License-Identifier: GPL-3.0-or-later */
#if defined(__x86_64__)
#include <immintrin.h>
#include <sleef.h>

#define KERNELS         inv_kernels_avx512
#define KERNELS_NAME    "AVX-512"
#define LANES           16
#define STRIP_MOST      13
#define EXP(v)          Sleef_expf16_u10avx512f(v)
#define LOG(v)          Sleef_logf16_u10avx512f(v)
#define NONZERO_MASK(v) (unsigned)_mm512_cmp_ps_mask((v), _mm512_setzero_ps(), _CMP_NEQ_UQ)

#include "kernels_body.h"
#else
typedef int no_such_processor;
#endif
