/* cholesky.c - Cholesky's factors, a panel of columns at a time, and the solution by them
 *
 * Source: Golub, Van Loan 2013, Matrix Computations, 4.2.9 (blocked, right-looking) and 3.1.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/cholesky.h"

#include <math.h>

#include "invproj/mat.h"

#define PANEL   ((size_t)64) /* columns: those of a few rows stay in the cache */
#define COLUMNS ((size_t)64) /* of b that a thread solves at a time */
#define SUMS    8

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The value does not depend on how the compiler groups what is added: that is written here. */
static double dot(size_t n, const double *restrict x, const double *restrict y)
{
    double sum[SUMS] = {0.0};
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (size_t s = 0; s < SUMS; s++)
            sum[s] += x[i + s] * y[i + s];
    for (size_t s = 0; i + s < n; s++)
        sum[s] += x[i + s] * y[i + s];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* The square at `first`, `width` wide; `row` is the length of a row. */
static bool factor_square(size_t row, size_t first, size_t width, double *a)
{
    for (size_t i = first; i < first + width; i++) {
        double *to = a + i * row;
        for (size_t j = first; j < i; j++)
            to[j] = (to[j] - dot(j - first, to + first, a + j * row + first)) / a[j * row + j];
        const double rest = to[i] - dot(i - first, to + first, to + first);
        if (!(rest > 0.0 && isfinite(rest)))
            return false;
        to[i] = sqrt(rest);
    }
    return true;
}

/* Row i of the panel below its square. */
static void factor_row(size_t row, size_t first, size_t width, double *a, size_t i)
{
    double *to = a + i * row;
    for (size_t j = first; j < first + width; j++)
        to[j] = (to[j] - dot(j - first, to + first, a + j * row + first)) / a[j * row + j];
}

bool inv_cholesky(size_t n, double *a)
{
    for (size_t first = 0; first < n; first += PANEL) {
        const size_t width = minimum(PANEL, n - first), below = first + width;
        if (!factor_square(n, first, width, a))
            return false;
#pragma omp parallel for schedule(static) if ((n - first) * width > INV_PARALLEL_MIN)
        for (size_t i = below; i < n; i++)
            factor_row(n, first, width, a, i);
/* what is left, less the panel's part of it */
#pragma omp parallel for schedule(dynamic, 16) if ((n - first) * width > INV_PARALLEL_MIN)
        for (size_t i = below; i < n; i++)
            for (size_t j = below; j <= i; j++)
                a[i * n + j] -= dot(width, a + i * n + first, a + j * n + first);
    }
    return true;
}

/* to -= f from, n values */
static void subtract(size_t n, double f, const double *restrict from, double *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] -= f * from[i];
}

/* `width` columns of b, from `first` on: L y = b, then L' x = y. */
static void solve_columns(size_t n, const double *l, size_t cols, size_t first, size_t width,
                          double *b)
{
    for (size_t i = 0; i < n; i++) {
        double *to = b + i * cols + first;
        for (size_t k = 0; k < i; k++)
            subtract(width, l[i * n + k], b + k * cols + first, to);
        for (size_t c = 0; c < width; c++)
            to[c] /= l[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        double *from = b + i * cols + first;
        for (size_t c = 0; c < width; c++)
            from[c] /= l[i * n + i];
        for (size_t k = 0; k < i; k++)
            subtract(width, l[i * n + k], from, b + k * cols + first);
    }
}

void inv_cholesky_solve(size_t n, const double *l, size_t cols, double *b)
{
#pragma omp parallel for schedule(static) if (n * cols > INV_PARALLEL_MIN)
    for (size_t first = 0; first < cols; first += COLUMNS)
        solve_columns(n, l, cols, first, minimum(COLUMNS, cols - first), b);
}
