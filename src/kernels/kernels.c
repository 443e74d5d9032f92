/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

extern const inv_kernels inv_kernels_plain;
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/kernels_amx.h"

extern const inv_kernels inv_kernels_avx2, inv_kernels_avx512;

/* ---- AMX ---- */

/* Intel's manual, volume 1, chapter 18 and Linux's Documentation/arch/x86/xstate.rst. */
#define TILES_FEATURES    (1u << 22 | 1u << 24) /* bf16, tiles */
#define TILES_DATA        18                    /* the registers' number in XCR0 */
#define TILES_SAVED       (UINT64_C(1) << 17 | UINT64_C(1) << TILES_DATA)
#define REQUEST_REGISTERS 0x1023 /* ARCH_REQ_XCOMP_PERM */

static bool granted(void)
{
    return syscall(SYS_arch_prctl, REQUEST_REGISTERS, TILES_DATA) == 0;
}

static uint64_t saved_registers(void)
{
    uint32_t a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (uint64_t)d << 32 | a;
}

inv_amx_support inv_amx_here(void)
{
    uint32_t a = 0, b = 0, c = 0, d = 0;
    const bool known = __get_cpuid_count(7, 0, &a, &b, &c, &d);
    return (inv_amx_support){known ? d : 0, saved_registers(), granted};
}

bool inv_amx_runs(inv_amx_support support)
{
    return inv_amx_is_built && (support.features & TILES_FEATURES) == TILES_FEATURES &&
           (support.saved & TILES_SAVED) == TILES_SAVED && support.granted();
}

inv_kernels inv_amx_kernels(void)
{
    inv_kernels kernels = inv_kernels_avx512;
    kernels.name = "AMX";
    kernels.product = inv_amx_product;
    return kernels;
}

static inv_kernels amx; /* filled when the library is loaded */
#endif

/* ---- which there are ---- */

size_t inv_kernels_all(const inv_kernels *sets[INV_KERNELS_MOST])
{
    size_t count = 0;
    sets[count++] = &inv_kernels_plain;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        sets[count++] = &inv_kernels_avx2;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return count;
    sets[count++] = &inv_kernels_avx512;
    if (inv_amx_runs(inv_amx_here()))
        sets[count++] = &amx;
#endif
    return count;
}

static const inv_kernels *chosen = &inv_kernels_plain;

/* AMX is taken only where it is asked for: on no processor has it been measured yet, and for fewer than some
 * 64 rows splitting the factors takes longer than its tiles save. */
static const inv_kernels *best_of(const inv_kernels *sets[], size_t count)
{
#if defined(__x86_64__)
    count -= sets[count - 1] == &amx;
#endif
    return sets[count - 1];
}

/* Once, when the library is loaded; from then on it is a constant. */
__attribute__((constructor)) static void choose(void)
{
    const inv_kernels *sets[INV_KERNELS_MOST] = {NULL};
    const char *wanted = getenv("INVPROJ_KERNELS");
#if defined(__x86_64__)
    amx = inv_amx_kernels();
#endif
    const size_t count = inv_kernels_all(sets);
    chosen = best_of(sets, count);
    for (size_t i = 0; wanted && i < count; i++)
        if (strcmp(sets[i]->name, wanted) == 0)
            chosen = sets[i];
}

const inv_kernels *inv_kernels_best(void)
{
    return chosen;
}
