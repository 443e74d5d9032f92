/* tiles - AMX's instructions in software, so that what is compiled for its tiles runs on processors
 * without them: each ends in SIGILL there, and a handler does its work instead.
 *
 *     if (tiles_can_be_emulated())
 *         tiles_emulate();
 *     inv_amx_product(&p);
 *
 * Those that kernels_amx.c uses: LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILESTORED, TDPBF16PS.
 * What the manual forbids (no configuration, factors that do not fit, another instruction) ends the
 * process. Each thread has tiles of its own.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_TILES_H
#define INVPROJ_TESTS_TILES_H

#include <stdbool.h>
#include <stddef.h>

/* On x86-64 with AVX-512, in which the numbers are worked out. */
bool tiles_can_be_emulated(void);

/* From now on, in the whole process. */
void tiles_emulate(void);

/* How many instructions this thread has been spared, and whether its tiles are released. */
size_t tiles_emulated(void);
bool tiles_are_released(void);

#endif
