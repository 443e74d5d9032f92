/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

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

static const inv_kernels *chosen = &inv_kernels_plain;

/* Once, when the library is loaded; from then on it is a constant. */
__attribute__((constructor)) static void choose(void)
{
    const inv_kernels *sets[3] = {NULL};
    const size_t count = inv_kernels_all(sets);
    const char *wanted = getenv("INVPROJ_KERNELS");
    chosen = sets[count - 1];
    for (size_t i = 0; wanted && i < count; i++)
        if (strcmp(sets[i]->name, wanted) == 0)
            chosen = sets[i];
}

const inv_kernels *inv_kernels_best(void)
{
    return chosen;
}
