/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/mat.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cblas.h>
#include <omp.h>

#include "kernels/kernels.h"

/* OpenBLAS's own calls, weak so that another CBLAS links too. */
__attribute__((weak)) void openblas_set_num_threads(int threads);
__attribute__((weak)) char *openblas_get_config(void);
__attribute__((weak)) char *openblas_get_corename(void);

/* A block is large enough that packing its operands costs little, and small enough that a batch of
 * hundreds of rows keeps several threads busy. */
#define BLOCK 128
/* Below this many multiply-adds, waking other threads costs more than it saves. */
#define PARALLEL_MIN ((size_t)1 << 17)

void inv_threads_set(size_t threads)
{
    omp_set_num_threads(threads > 0 && threads <= INT_MAX ? (int)threads : omp_get_num_procs());
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
}

size_t inv_threads(void)
{
    return (size_t)omp_get_max_threads();
}

const char *inv_blas_description(void)
{
    static _Thread_local char text[256];
    if (!openblas_get_config || !openblas_get_corename)
        return "a CBLAS that is not OpenBLAS";
    snprintf(text, sizeof text, "%s, kernels for %s", openblas_get_config(),
             openblas_get_corename());
    return text;
}

const char *inv_kernels_name(void)
{
    return inv_kernels_best()->name;
}

inv_status inv_mat_alloc(size_t rows, size_t cols, const char *what, gsl_matrix_float **out)
{
    *out = NULL;
    if (rows == 0 || cols == 0)
        return INV_ERROR(INV_EINVAL, "%s: a matrix of %zu x %zu", what, rows, cols);
    if (rows > INT_MAX || cols > INT_MAX || rows > SIZE_MAX / sizeof(float) / cols) /* BLAS's int */
        return INV_ERROR(INV_ENOMEM, "%s: a matrix of %zu x %zu is too large", what, rows, cols);
    /* not gsl_matrix_float_calloc, which leaks where it fails */
    gsl_block_float *block = gsl_block_float_calloc(rows * cols);
    if (block)
        *out = gsl_matrix_float_alloc_from_block(block, 0, rows, cols, cols);
    if (!*out) {
        if (block)
            gsl_block_float_free(block);
        return INV_ERROR(INV_ENOMEM, "%s: no memory for %zu x %zu floats", what, rows, cols);
    }
    (*out)->owner = 1;
    return INV_OK;
}

void inv_mat_free(gsl_matrix_float *m)
{
    if (m)
        gsl_matrix_float_free(m);
}

gsl_matrix_float inv_mat_head(const gsl_matrix_float *m, size_t rows)
{
    gsl_matrix_float head = *m;
    head.size1 = rows;
    head.owner = 0;
    return head;
}

gsl_matrix_float inv_mat_over(const float *values, size_t rows, size_t cols)
{
    return (gsl_matrix_float){.size1 = rows,
                              .size2 = cols,
                              .tda = cols,
                              .data = (float *)values,
                              .block = NULL,
                              .owner = 0};
}

/* Splits n into equal blocks of about BLOCK; depends on n alone. */
static size_t block_size(size_t n)
{
    size_t blocks = (n + BLOCK - 1) / BLOCK;
    return blocks ? (n + blocks - 1) / blocks : 1;
}

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The plain kernels are no match for OpenBLAS's. */
static bool has_kernels(void)
{
    return inv_kernels_best()->lanes > 4;
}

/* From one row to the next: where there is one row alone, as many as it has columns, or BLAS refuses. */
static int leading(size_t step, size_t columns)
{
    return (int)(step > columns ? step : columns);
}

/* c = a b for one block, one thread. */
static void multiply(const inv_product *p)
{
    const inv_kernels *kernels = inv_kernels_best();
    if (has_kernels()) {
        kernels->product(p);
        return;
    }
    for (size_t i = 0; p->bias && i < p->m; i++)
        memcpy(p->c + i * p->c_row, p->bias, p->n * sizeof *p->c);
    const bool a_stands = p->a_col == 1, b_stands = p->b_col == 1;
    cblas_sgemm(CblasRowMajor, a_stands ? CblasNoTrans : CblasTrans,
                b_stands ? CblasNoTrans : CblasTrans, (int)p->m, (int)p->n, (int)p->k, 1.0f, p->a,
                a_stands ? leading(p->a_row, p->k) : leading(p->a_col, p->m), p->b,
                b_stands ? leading(p->b_row, p->n) : leading(p->b_col, p->k),
                p->bias || p->add ? 1.0f : 0.0f, p->c, leading(p->c_row, p->n));
}

/* Splits c along its longer side, a block a thread. Each value of c is one sum over the whole
 * depth, in an order that does not depend on the block it is in, so the bits are the same for any
 * number of threads; OpenBLAS does not promise that, so its blocks are always the same. */
static size_t product_step(size_t side, bool by_rows)
{
    if (!has_kernels())
        return block_size(side);
    const size_t threads = omp_in_parallel() ? 1 : inv_threads();
    const size_t step = (side + threads - 1) / threads;
    return by_rows ? step : (step + 15) / 16 * 16; /* whole vectors */
}

static void multiply_in_blocks(const inv_product *whole)
{
    const bool by_rows = whole->m >= whole->n;
    const size_t side = by_rows ? whole->m : whole->n, step = product_step(side, by_rows);
#pragma omp parallel for schedule(static, 1) if (whole->m * whole->n * whole->k > PARALLEL_MIN)
    for (size_t s = 0; s < side; s += step) {
        inv_product p = *whole;
        p.whole_n = whole->n;
        if (by_rows) {
            p.m = minimum(step, side - s);
            p.a += s * p.a_row;
            p.c += s * p.c_row;
        } else {
            p.n = minimum(step, side - s);
            p.b += s * p.b_col;
            p.bias = p.bias ? p.bias + s : NULL;
            p.c += s;
        }
        multiply(&p);
    }
}

void inv_mat_affine(const gsl_matrix_float *x, const gsl_matrix_float *w, const float *bias,
                    gsl_matrix_float *y)
{
    multiply_in_blocks(&(inv_product){.m = x->size1,
                                      .n = w->size2,
                                      .k = x->size2,
                                      .a = x->data,
                                      .a_row = x->tda,
                                      .a_col = 1,
                                      .b = w->data,
                                      .b_row = w->tda,
                                      .b_col = 1,
                                      .bias = bias,
                                      .c = y->data,
                                      .c_row = y->tda});
}

void inv_mat_times_transposed(const gsl_matrix_float *dy, const gsl_matrix_float *w,
                              gsl_matrix_float *dx)
{
    multiply_in_blocks(&(inv_product){.m = dy->size1,
                                      .n = w->size1,
                                      .k = dy->size2,
                                      .a = dy->data,
                                      .a_row = dy->tda,
                                      .a_col = 1,
                                      .b = w->data,
                                      .b_row = 1,
                                      .b_col = w->tda,
                                      .c = dx->data,
                                      .c_row = dx->tda});
}

void inv_mat_add_transposed_times(const gsl_matrix_float *x, const gsl_matrix_float *dy,
                                  gsl_matrix_float *dw)
{
    multiply_in_blocks(&(inv_product){.m = x->size2,
                                      .n = dy->size2,
                                      .k = x->size1,
                                      .a = x->data,
                                      .a_row = 1,
                                      .a_col = x->tda,
                                      .b = dy->data,
                                      .b_row = dy->tda,
                                      .b_col = 1,
                                      .add = true,
                                      .c = dw->data,
                                      .c_row = dw->tda});
}

/* ---- the rest ---- */

void inv_mat_gather(const gsl_matrix_float *from, const uint32_t *index, size_t n,
                    gsl_matrix_float *to)
{
#pragma omp parallel for schedule(static) if (n * from->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < n; i++)
        memcpy(to->data + i * to->tda, from->data + index[i] * from->tda,
               from->size2 * sizeof(float));
}

#define COLUMNS ((size_t)512) /* that are worked on at a time */

void inv_mat_add_column_sums(const gsl_matrix_float *m, float *sum)
{
    const inv_kernels *kernels = inv_kernels_best();
    const size_t cols = m->size2;
#pragma omp parallel for schedule(static) if (m->size1 * cols > INV_PARALLEL_MIN)
    for (size_t first = 0; first < cols; first += COLUMNS)
        for (size_t i = 0; i < m->size1; i++)
            kernels->add(minimum(COLUMNS, cols - first), m->data + i * m->tda + first, sum + first);
}

bool inv_all_finite(const float *values, size_t n)
{
    for (size_t first = 0; first < n; first += COLUMNS) {
        const size_t end = n - first < COLUMNS ? n : first + COLUMNS;
        bool finite = true; /* no way out of the inner loop, so that it becomes vectors */
        for (size_t i = first; i < end; i++)
            finite &= fabsf(values[i]) <= FLT_MAX;
        if (!finite)
            return false;
    }
    return true;
}
