/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels.h"

extern const inv_kernels inv_kernels_plain;
#if defined(__x86_64__)
extern const inv_kernels inv_kernels_avx2, inv_kernels_avx512;
#endif

size_t inv_kernels_all(const inv_kernels *sets[3])
{
    size_t count = 0;
    sets[count++] = &inv_kernels_plain;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        sets[count++] = &inv_kernels_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        sets[count++] = &inv_kernels_avx512;
#endif
    return count;
}

const inv_kernels *inv_kernels_best(void)
{
    const inv_kernels *sets[3] = {NULL};
    return sets[inv_kernels_all(sets) - 1];
}
