/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/signs.h"

#include <omp.h>

#include "kernels/kernels.h"

#define SIDE_LEAST ((size_t)64) /* rows and columns of dy below which the tables cost too much */
#define BLOCK      ((size_t)4)  /* rows of a product that a thread takes at a time, or more */

struct inv_signs {
    size_t rows, cols;
    float size;             /* of all values of dy */
    int32_t *down, *across; /* codes of dy and of its transpose */
    float *transposed;      /* transpose(dx): [in, rows] */
};

static size_t groups(size_t n)
{
    return inv_whole_vectors(n) / INV_SIGN_GROUP;
}

static size_t down_size(size_t rows, size_t cols)
{
    return groups(rows) * inv_whole_vectors(cols);
}

size_t inv_signs_size(size_t rows, size_t in, size_t cols)
{
    return sizeof(inv_signs) + INV_VECTOR_BYTES +
           (down_size(rows, cols) + down_size(cols, rows)) * sizeof(int32_t) +
           in * inv_whole_vectors(rows) * sizeof(float);
}

bool inv_signs_read(inv_signs *s, const gsl_matrix_float *dy)
{
    const inv_kernels *kernels = inv_kernels_best();
    if (!kernels->sign_codes || dy->size1 < SIDE_LEAST || dy->size2 < SIDE_LEAST)
        return false;
    s->rows = dy->size1, s->cols = dy->size2;
    s->down = inv_vector_start(s + 1);
    s->across = s->down + down_size(s->rows, s->cols);
    s->transposed = (void *)(s->across + down_size(s->cols, s->rows));
    s->size = kernels->sign_codes(s->rows, s->cols, dy->data, dy->tda, s->down, s->across);
    return s->size > 0.0f;
}

/* In blocks of rows, one a thread; a row's bits are those of any blocks. */
static void multiply(const inv_product *whole, const inv_signs_factor *b)
{
    const size_t threads = omp_in_parallel() ? 1 : inv_threads();
    const size_t step = (whole->m + BLOCK * threads - 1) / (BLOCK * threads) * BLOCK;
#pragma omp parallel for schedule(static, 1) if (whole->m * whole->n * whole->k > INV_PARALLEL_MIN)
    for (size_t row = 0; row < whole->m; row += step) {
        inv_product p = *whole;
        p.m = whole->m - row < step ? whole->m - row : step;
        p.a += row * p.a_row;
        p.c += row * p.c_row;
        inv_kernels_best()->sign_product(&p, b);
    }
}

void inv_signs_add_transposed_times(const inv_signs *s, const gsl_matrix_float *x,
                                    gsl_matrix_float *dw)
{
    multiply(&(inv_product){.m = x->size2,
                            .n = s->cols,
                            .k = s->rows,
                            .a = x->data,
                            .a_row = 1,
                            .a_col = x->tda,
                            .add = true,
                            .c = dw->data,
                            .c_row = dw->tda},
             &(inv_signs_factor){s->size, s->down, inv_whole_vectors(s->cols)});
}

void inv_signs_times_transposed(const inv_signs *s, const gsl_matrix_float *w, gsl_matrix_float *dx)
{
    const size_t row = inv_whole_vectors(s->rows);
    multiply(&(inv_product){.m = w->size1,
                            .n = s->rows,
                            .k = s->cols,
                            .a = w->data,
                            .a_row = w->tda,
                            .a_col = 1,
                            .c = s->transposed,
                            .c_row = row},
             &(inv_signs_factor){s->size, s->across, row});
    inv_kernels_best()->transpose(w->size1, s->rows, s->transposed, row, dx->data, dx->tda);
}
