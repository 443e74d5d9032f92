/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sparse.h"

#include <stdint.h>
#include <string.h>

#include <omp.h>

#include "kernels.h"

#define DENSITY_MOST 0.3                           /* up to which skipping zeros pays, measured */
#define ROWS_LEAST   32                            /* below which copying the kernel does not */
#define SAMPLE       8                             /* one row of so many is looked at */
#define TILE         ((size_t)INV_OUTER_ROWS_MOST) /* rows of x at a time */
/* Columns of x at a time, a multiple of 64: their rows of the kernel stay in the nearest caches. */
#define BLOCK ((size_t)64)

struct inv_sparse {
    bool pays;      /* with the newest x */
    size_t in, out; /* of the kernel */
    size_t blocks;  /* of its rows */
    size_t stride;  /* floats of a row of `out` in whole vectors */
    float *memory;  /* forward, a block of the kernel a thread; backward, dy: in whole vectors */
};

static size_t parts(size_t n, size_t most)
{
    return (n + most - 1) / most;
}

static size_t padded(size_t n)
{
    return parts(n, INV_LANES_MOST) * INV_LANES_MOST;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- memory ---- */

static void set_sizes(inv_sparse *s, size_t in, size_t out)
{
    s->in = in, s->out = out;
    s->stride = padded(out);
    s->blocks = parts(in, BLOCK);
}

size_t inv_sparse_size(size_t rows, size_t out)
{
    const size_t blocks = parts(rows, TILE) * BLOCK, most = rows > blocks ? rows : blocks;
    return sizeof(inv_sparse) + (most * padded(out) + INV_LANES_MOST) * sizeof(float);
}

/* The memory behind the struct, from an address that whole vectors can start at. */
static void lay_out(inv_sparse *s)
{
    const size_t bytes = INV_LANES_MOST * sizeof(float);
    s->memory = (float *)(parts((uintptr_t)(s + 1), bytes) * bytes);
}

/* ---- forward ---- */

static bool pays(const gsl_matrix_float *x)
{
    const inv_kernels *kernels = inv_kernels_best();
    size_t count = 0, rows = 0;
    for (size_t i = 0; i < x->size1; i += SAMPLE, rows++)
        count += kernels->count_nonzeros(x->size2, x->data + i * x->tda);
    return x->size1 >= ROWS_LEAST &&
           (double)count <= DENSITY_MOST * (double)rows * (double)x->size2;
}

/* Rows first_row .. end_row - 1 of y. */
static void affine_rows(const inv_sparse *s, float *room, const gsl_matrix_float *x,
                        const gsl_matrix_float *w, const float *bias, gsl_matrix_float *y,
                        size_t first_row, size_t end_row)
{
    const inv_kernels *kernels = inv_kernels_best();
    float *to = y->data + first_row * y->tda;
    for (size_t block = 0; block < s->blocks; block++) {
        const size_t first = block * BLOCK, n = least(BLOCK, s->in - first);
        const float *part = w->data + first * w->tda;
        if (w->tda != s->stride) {
            kernels->pad(n, s->out, part, w->tda, room, s->stride);
            part = room;
        }
        kernels->sparse_rows(end_row - first_row, n, s->out, x->data + first_row * x->tda + first,
                             x->tda, part, s->stride, block ? to : bias, block ? y->tda : 0, to,
                             y->tda);
    }
}

bool inv_sparse_affine(inv_sparse *s, const gsl_matrix_float *x, const gsl_matrix_float *w,
                       const float *bias, gsl_matrix_float *y)
{
    const size_t rows = x->size1;
    const size_t threads = omp_in_parallel() ? 1 : least(inv_threads(), parts(rows, TILE));
    s->pays = pays(x);
    if (!s->pays)
        return false;
    set_sizes(s, x->size2, w->size2);
    lay_out(s);
#pragma omp parallel for schedule(static) if (rows * x->size2 > INV_PARALLEL_MIN)
    for (size_t t = 0; t < threads; t++)
        affine_rows(s, s->memory + t * BLOCK * s->stride, x, w, bias, y, t * rows / threads,
                    (t + 1) * rows / threads);
    return true;
}

/* ---- backward ---- */

bool inv_sparse_add_transposed_times(inv_sparse *s, const gsl_matrix_float *x,
                                     const gsl_matrix_float *dy, gsl_matrix_float *dw)
{
    const inv_kernels *kernels = inv_kernels_best();
    if (!s->pays)
        return false;
    kernels->pad(dy->size1, s->out, dy->data, dy->tda, s->memory, s->stride);
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t block = 0; block < s->blocks; block++) {
        const size_t first = block * BLOCK;
        for (size_t row = 0; row < x->size1; row += TILE)
            kernels->sparse_outer(least(TILE, x->size1 - row), least(BLOCK, s->in - first), s->out,
                                  x->data + row * x->tda + first, x->tda,
                                  s->memory + row * s->stride, s->stride,
                                  dw->data + first * dw->tda, dw->tda);
    }
    return true;
}
