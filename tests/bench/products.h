/* products - the matrix products and convolutions of the experiments, each alone, beside OpenBLAS's
 * sgemm.
 *
 *     bench_products("conv2", 9);
 *
 * A line for each whose name has that in it: GFLOP/s of one thread, medians of so many turns each.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_PRODUCTS_H
#define BENCH_PRODUCTS_H

#include <stddef.h>

void bench_products(const char *of, size_t repeats);

#endif
