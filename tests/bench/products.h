/* products - the matrix products and convolutions of the experiments, each alone, beside OpenBLAS's
 * sgemm.
 *
 *     bench_products(9);
 *
 * A line for each on standard output: GFLOP/s of one thread, medians of so many turns each.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BENCH_PRODUCTS_H
#define BENCH_PRODUCTS_H

#include <stddef.h>

void bench_products(size_t repeats);

#endif
