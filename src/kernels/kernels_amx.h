/* kernels_amx - matrix products on AMX's tiles, and whether a processor has them.
 *
 *     if (inv_amx_runs(inv_amx_here()))
 *         kernels = inv_amx_kernels();
 *
 * Only on x86-64.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_KERNELS_AMX_H
#define INVPROJ_KERNELS_AMX_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* Whether the compiler that built this knows the tiles. */
extern const bool inv_amx_is_built;

/* As inv_kernels' product, for a processor that has AVX-512 and the tiles. */
void inv_amx_product(const inv_product *p);

/* Those of AVX-512 but for the products. */
inv_kernels inv_amx_kernels(void);

/* What the processor and the operating system say. */
typedef struct inv_amx_support {
    uint32_t features; /* CPUID's leaf 7, edx */
    uint64_t saved;    /* XCR0, what the system keeps for each thread; 0 where it does not say */
    bool (*granted)(void); /* asks for the tiles' registers, which a process gets on request */
} inv_amx_support;

inv_amx_support inv_amx_here(void);

/* Asks only where the rest is there. */
bool inv_amx_runs(inv_amx_support support);

#endif
