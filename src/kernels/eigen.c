/* eigen.c - Householder's reduction to a tridiagonal matrix, then QL with implicit shifts
 *
 * Source: Martin, Reinsch, Wilkinson 1968 and Dubrulle, Martin, Wilkinson 1968 (Handbook for
 * Automatic Computation II/2 and II/4), EISPACK's tred2 and imtql2. Here matrices are row-major, and
 * eigenvectors are rows, so that all inner loops run along rows.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/eigen.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SUMS       8  /* partial sums of a dot product */
#define COLUMNS    64 /* of the eigenvectors that are rotated at a time: they stay in the cache */
#define ROUNDS_MAX 60 /* of QL for one eigenvalue; 2 or 3 are usual */

/* The value does not depend on how the compiler groups what is added: that is written here. */
static double dot(size_t n, const double *x, const double *y)
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

/* y += f x */
static void add(size_t n, double f, const double *restrict x, double *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += f * x[i];
}

/* ---- to a tridiagonal matrix ---- */

/* Makes u of x, n values, such that (1 - u u' / h) x = (0, ..., 0, edge); returns h, 0 where x is of
 * that form already. `edge` has the sign that cancels nothing. */
static double reflector(size_t n, double *x, double *edge)
{
    const double beside = dot(n - 1, x, x), last = x[n - 1];
    *edge = last;
    if (beside == 0.0)
        return 0.0;
    const double length = sqrt(beside + last * last);
    *edge = last >= 0.0 ? -length : length;
    x[n - 1] = last - *edge;
    return beside + last * last - last * *edge;
}

/* A = H A H for the leading n x n of a, H = 1 - u u' / h: with p = A u / h and
 * q = p - (u' p / 2 h) u, A - u q' - q u'. Of A the lower triangle is there; q is room for n. */
static void reflect(size_t n, double *a, size_t tda, const double *u, double h, double *q)
{
    memset(q, 0, n * sizeof *q);
    for (size_t i = 0; i < n; i++) {
        const double *row = a + i * tda;
        q[i] += dot(i + 1, row, u);
        add(i, u[i], row, q);
    }
    for (size_t i = 0; i < n; i++)
        q[i] /= h;
    add(n, -dot(n, u, q) / (2.0 * h), u, q);
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * tda;
        const double ui = u[i], qi = q[i];
        for (size_t j = 0; j <= i; j++)
            row[j] -= ui * q[j] + qi * u[j];
    }
}

/* The diagonal to d, what stands beside it to e[1 ..]; the reflectors stay in a's rows, their h,
 * until then, in h. */
static void tridiagonalise(size_t n, double *a, double *d, double *e, double *h, double *room)
{
    for (size_t i = n; i-- > 1;) {
        h[i] = reflector(i, a + i * n, &e[i]);
        if (h[i] > 0.0)
            reflect(i, a, n, a + i * n, h[i], room);
    }
    for (size_t i = 0; i < n; i++)
        d[i] = a[i * n + i];
    e[0] = h[0] = 0.0;
}

/* a = the product of the reflectors, transposed: after step i its leading i + 1 rows and columns. */
static void gather_reflectors(size_t n, double *a, const double *h)
{
    for (size_t i = 0; i < n; i++) {
        double *u = a + i * n;
        for (size_t k = 0; k < i; k++) {
            double *row = a + k * n;
            if (h[i] > 0.0)
                add(i, -dot(i, row, u) / h[i], u, row);
            row[i] = 0.0;
        }
        memset(u, 0, i * sizeof *u);
        u[i] = 1.0;
    }
}

/* ---- QL ---- */

/* The rotations of a sweep: rows i and i + 1 become c row_i - s row_i+1 and s row_i + c row_i+1, for
 * i from last - 1 down to first. */
typedef struct sweep {
    size_t first, last;
    double *c, *s; /* [n] */
} sweep;

static void rotate(const sweep *w, size_t n, double *a)
{
    for (size_t from = 0; from < n; from += COLUMNS) {
        const size_t width = n - from < COLUMNS ? n - from : COLUMNS;
        for (size_t i = w->last; i-- > w->first;) {
            double *restrict low = a + i * n + from, *restrict high = low + n;
            const double c = w->c[i], s = w->s[i];
            for (size_t j = 0; j < width; j++) {
                const double l = low[j], h = high[j];
                low[j] = c * l - s * h;
                high[j] = s * l + c * h;
            }
        }
    }
}

/* The first m >= l where the matrix falls apart: nothing but roundings stands beside d[m]. */
static size_t find_end(size_t n, const double *e, double rounding, size_t l)
{
    size_t m = l;
    while (m + 1 < n && fabs(e[m]) > rounding)
        m++;
    return m;
}

/* One sweep from w->last up to w->first, shifted by the eigenvalue of the leading 2 x 2 that is
 * nearer to d[first]. */
static void sweep_up(sweep *w, double *d, double *e)
{
    const size_t l = w->first, m = w->last;
    double g = (d[l + 1] - d[l]) / (2.0 * e[l]), s = 1.0, c = 1.0, p = 0.0;
    g = d[m] - d[l] + e[l] / (g + copysign(sqrt(g * g + 1.0), g));
    for (size_t i = m; i-- > l;) {
        const double f = s * e[i], b = c * e[i], r = sqrt(f * f + g * g);
        e[i + 1] = r;
        s = r > 0.0 ? f / r : 0.0;
        c = r > 0.0 ? g / r : 1.0;
        g = d[i + 1] - p;
        const double t = (d[i] - g) * s + 2.0 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
        w->c[i] = c;
        w->s[i] = s;
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0.0;
}

/* d: the diagonal; e[i] beside d[i] and d[i + 1]; a: rows that turn along. */
static bool diagonalise(size_t n, double *a, double *d, double *e, double *c, double *s)
{
    double size = 0.0;
    for (size_t i = 0; i < n; i++)
        size = fmax(size, fabs(d[i]) + fabs(e[i]));
    for (size_t l = 0; l < n; l++) {
        sweep w = {l, 0, c, s};
        for (int round = 0; (w.last = find_end(n, e, DBL_EPSILON * size, l)) > l; round++) {
            if (round == ROUNDS_MAX)
                return false;
            sweep_up(&w, d, e);
            rotate(&w, n, a);
        }
    }
    return true;
}

/* ---- all of it ---- */

static void swap(size_t n, double *x, double *y)
{
    for (size_t i = 0; i < n; i++) {
        const double kept = x[i];
        x[i] = y[i];
        y[i] = kept;
    }
}

/* Largest first; where equal, as they came. */
static void sort(size_t n, double *a, double *d)
{
    for (size_t i = 0; i + 1 < n; i++) {
        size_t best = i;
        for (size_t j = i + 1; j < n; j++)
            if (d[j] > d[best])
                best = j;
        if (best == i)
            continue;
        swap(1, d + i, d + best);
        swap(n, a + i * n, a + best * n);
    }
}

/* Both x and -x are eigenvectors: the one whose largest component is positive. */
static void fix_sign(size_t n, double *x)
{
    size_t largest = 0;
    for (size_t j = 1; j < n; j++)
        if (fabs(x[j]) > fabs(x[largest]))
            largest = j;
    const double sign = x[largest] < 0.0 ? -1.0 : 1.0;
    for (size_t j = 0; j < n; j++)
        x[j] *= sign;
}

/* The power of two by which the largest value is to be scaled to [1/2, 1): squares then neither
 * overflow nor vanish. */
static bool find_scale(size_t n, const double *a, int *power)
{
    double largest = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            if (!isfinite(a[i * n + j]))
                return false;
            largest = fmax(largest, fabs(a[i * n + j]));
        }
    frexp(largest, power);
    return true;
}

inv_status inv_eigen_symmetric(size_t n, double *a, double *values)
{
    void *memory = NULL;
    int power = 0;
    if (!find_scale(n, a, &power))
        return INV_ERROR(INV_ENUMERIC, "eigenvectors: a value is not finite");
    inv_status status = inv_calloc(n + 1, 4 * sizeof(double), "eigenvectors", &memory);
    if (status != INV_OK)
        return status;
    double *e = memory, *h = e + n + 1, *c = h + n, *s = c + n;
    for (size_t i = 0; i < n * n; i++)
        a[i] = ldexp(a[i], -power);
    tridiagonalise(n, a, values, e, h, c);
    gather_reflectors(n, a, h);
    if (!diagonalise(n, a, values, e + 1, c, s))
        status = INV_ERROR(INV_ENUMERIC, "eigenvectors: %d rounds did not find one", ROUNDS_MAX);
    sort(n, a, values);
    for (size_t k = 0; k < n; k++) {
        values[k] = ldexp(values[k], power);
        fix_sign(n, a + k * n);
    }
    free(memory);
    return status;
}
