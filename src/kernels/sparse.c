/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/sparse.h"

#include <string.h>

#include "kernels/kernels.h"

#define DENSITY_MOST 0.3 /* up to which skipping zeros pays, measured for 32 to 4,096 columns */
#define ROWS_LEAST   32  /* below which turning them into bits does not */
#define SAMPLE       8   /* one row of so many is looked at */
#define TILE         ((size_t)INV_SPARSE_ROWS)
/* Columns of x that a thread takes at a time in the product with dy; even. */
#define BLOCK ((size_t)64)

struct inv_sparse {
    bool pays; /* with the newest x */
    size_t in, out;
    size_t stride;  /* floats from row to row of `rows` */
    uint64_t *bits; /* [tiles, in]: where x is not 0 */
    float *rows;    /* forward, y, and backward, dy: [tiles TILE, stride] */
};

static size_t parts(size_t n, size_t maximum)
{
    return (n + maximum - 1) / maximum;
}

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- memory ---- */

/* Whole vectors, of an odd number: the rows of a tile are read and written side by side, and those of
 * 1,024 or 4,096 values would all fall into the same few sets of the cache. */
static size_t stride_of(size_t out)
{
    return (inv_whole_vectors(out) / INV_LANES_MAX | 1) * INV_LANES_MAX;
}

size_t inv_sparse_size(size_t rows, size_t in, size_t out)
{
    const size_t tiles = parts(rows, TILE);
    return sizeof(inv_sparse) + INV_VECTOR_BYTES +
           tiles * (TILE * stride_of(out) * sizeof(float) + in * sizeof(uint64_t));
}

static void lay_out(inv_sparse *s, size_t rows, size_t in, size_t out)
{
    s->in = in, s->out = out;
    s->stride = stride_of(out);
    s->rows = inv_vector_start(s + 1);
    s->bits = (void *)(s->rows + parts(rows, TILE) * TILE * s->stride);
}

/* The rows of x from `row` on, a multiple of TILE; columns from `first` on, `n` of them. */
static inv_sparse_product tile_of(const inv_sparse *s, const gsl_matrix_float *x, size_t row,
                                  size_t first, size_t n)
{
    return (inv_sparse_product){.in = n,
                                .out = s->out,
                                .bits = s->bits + row / TILE * s->in + first,
                                .x = x->data + row * x->tda + first,
                                .x_row = x->tda,
                                .stride = s->stride};
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

static void affine_tile(const inv_sparse *s, const gsl_matrix_float *x, const gsl_matrix_float *w,
                        const float *bias, gsl_matrix_float *y, size_t row)
{
    const inv_kernels *kernels = inv_kernels_best();
    const size_t n = minimum(TILE, x->size1 - row);
    const inv_sparse_product p = tile_of(s, x, row, 0, s->in);
    float *sums = s->rows + row * s->stride;
    kernels->nonzero_rows(n, s->in, p.x, p.x_row, s->bits + row / TILE * s->in);
    kernels->pad(n, s->out, bias, 0, sums, s->stride);
    kernels->sparse_rows(&p, w->data, w->tda, sums);
    for (size_t i = 0; i < n; i++)
        memcpy(y->data + (row + i) * y->tda, sums + i * s->stride, s->out * sizeof *sums);
}

bool inv_sparse_affine(inv_sparse *s, const gsl_matrix_float *x, const gsl_matrix_float *w,
                       const float *bias, gsl_matrix_float *y)
{
    s->pays = pays(x);
    if (!s->pays)
        return false;
    lay_out(s, x->size1, x->size2, w->size2);
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t row = 0; row < x->size1; row += TILE)
        affine_tile(s, x, w, bias, y, row);
    return true;
}

/* ---- backward ---- */

bool inv_sparse_add_transposed_times(inv_sparse *s, const gsl_matrix_float *x,
                                     const gsl_matrix_float *dy, gsl_matrix_float *dw)
{
    const inv_kernels *kernels = inv_kernels_best();
    if (!s->pays)
        return false;
    kernels->pad(dy->size1, s->out, dy->data, dy->tda, s->rows, s->stride);
#pragma omp parallel for schedule(static) if (x->size1 * x->size2 > INV_PARALLEL_MIN)
    for (size_t first = 0; first < s->in; first += BLOCK)
        for (size_t row = 0; row < x->size1; row += TILE) {
            const inv_sparse_product p = tile_of(s, x, row, first, minimum(BLOCK, s->in - first));
            kernels->sparse_outer(&p, s->rows + row * s->stride, dw->data + first * dw->tda,
                                  dw->tda);
        }
    return true;
}
