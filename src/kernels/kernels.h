/* kernels.h - the loops in which the time goes, for the processor at hand.
 *
 * One source, kernels_body.h, is compiled for each instruction set: kernels_plain.c (SSE2 on
 * x86-64, NEON on arm64, plain C elsewhere), kernels_avx2.c, kernels_avx512.c; kernels_amx.c has the
 * products of processors with tiles. inv_kernels_best() chooses at run time. The sets differ in the
 * last bits, since they add in another order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_KERNELS_H
#define INVPROJ_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* c[rows, cols] = start + sum over s < segments, k < depth of
 *     a[s a_segment + row a_row + k a_step] b[s b_segment + k b_step + column]
 * where start is 0 (NULL) or start[row start_row + column]: a bias (start_row 0), or c itself. The
 * rows of a may overlap, as those of neighbouring windows of an image do. b is read in whole
 * vectors: behind its last column there must be something, up to a multiple of INV_LANES_MAX. */
typedef struct inv_window_product {
    size_t rows, cols, segments, depth;
    const float *a;
    size_t a_segment, a_row, a_step;
    const float *b;
    size_t b_segment, b_step;
    const float *start;
    size_t start_row;
    float *c;
    size_t c_row;
} inv_window_product;

/* The pixels of a window on an image: its rows are `pitch` floats apart, its columns `step`. */
typedef struct inv_pool_window {
    size_t rows, columns, channels, pitch, step;
} inv_pool_window;

/* Convolutions by Winograd's method work on squares of so many values each way. */
#define INV_WINOGRAD_TILE 6

/* y = L x transpose(L), one square of values: of the input L is transpose(B), of a kernel G, of the
 * output transpose(A); `back` are the transposes of those. */
typedef enum inv_winograd_transform {
    INV_WINOGRAD_INPUT,
    INV_WINOGRAD_KERNEL,
    INV_WINOGRAD_KERNEL_BACK,
    INV_WINOGRAD_OUTPUT,
    INV_WINOGRAD_OUTPUT_BACK
} inv_winograd_transform;

/* One for each channel, which stand side by side. */
typedef struct inv_winograd_squares {
    size_t channels;
    const float *x;
    size_t x_row, x_column; /* floats to the next */
    float *y;
    size_t y_row, y_column;
} inv_winograd_squares;

#define INV_LANES_MAX 16 /* floats in the widest vector there is */

/* The next multiple of the widest vector. */
static inline size_t inv_whole_vectors(size_t n)
{
    return (n + INV_LANES_MAX - 1) / INV_LANES_MAX * INV_LANES_MAX;
}

#define INV_VECTOR_BYTES (INV_LANES_MAX * sizeof(float))

/* The next address that whole vectors can start at; at most INV_VECTOR_BYTES behind p. */
static inline void *inv_vector_start(void *p)
{
    return (void *)(((uintptr_t)p + INV_VECTOR_BYTES - 1) / INV_VECTOR_BYTES * INV_VECTOR_BYTES);
}

#define INV_SPARSE_ROWS 64 /* of a sparse product, at most: one bit of a word each */

/* What the sparse products share: the rows of x, and which of them are not 0. */
typedef struct inv_sparse_product {
    size_t in, out;
    const uint64_t *bits; /* [in]: of nonzero_rows */
    const float *x;       /* [at most INV_SPARSE_ROWS, in] */
    size_t x_row;
    size_t stride; /* of y and of dy, a multiple of INV_LANES_MAX: whole vectors are read and
                      written */
} inv_sparse_product;

/* c = a b, plus what c held before, or plus the bias; a [m, k], b [k, n], c [m, n].
 * a's element (i, j) is a[i a_row + j a_col], so that either of a and b may be a matrix or its
 * transpose: of a_row and a_col one is 1, and of b_row and b_col. */
typedef struct inv_product {
    size_t m, n, k;
    size_t
        whole_n; /* columns of the product that this is a block of; 0: these. How a value is worked
                       out may depend on this and on k, but not on m and n. */
    const float *a;
    size_t a_row, a_col;
    const float *b;
    size_t b_row, b_col;
    const float *bias; /* [n], added to each row; NULL: none */
    bool add;          /* to what c holds; the bias is then left out */
    float *c;
    size_t c_row;
} inv_product;

#define INV_SIGN_GROUP 4 /* signs a code */

/* A matrix of which all values are `size` or -size, as the right factor of a product: the bits of
 * codes[g row + j] are 1 where rows g INV_SIGN_GROUP ... of its column j are negative; bits above
 * are ignored. */
typedef struct inv_signs_factor {
    float size;
    const int32_t *codes; /* a row ends in a whole vector */
    size_t row;
} inv_signs_factor;

/* No pointer may overlap another, but for y == x and dy == t where both have one length. */
typedef struct inv_kernels {
    const char *name;
    size_t lanes; /* floats a vector; rows of `padded` matrices are multiples of it */

    /* y_i = x_i / by, rounded once, for by from 1e-30 to 1e30 */
    void (*bytes_over)(size_t n, const unsigned char *x, float by, float *y);
    /* y_i = 1 / (1 + exp(-x_i)) */
    void (*sigmoid)(size_t n, const float *x, float *y);
    /* dx_i = dy_i y_i (1 - y_i) */
    void (*sigmoid_gradient)(size_t n, const float *y, const float *dy, float *dx);
    /* y_i = x_i, or 0 where x_i < 0; NaN stays NaN */
    void (*relu)(size_t n, const float *x, float *y);
    /* dx_i = dy_i where y_i > 0, else 0 */
    void (*relu_gradient)(size_t n, const float *y, const float *dy, float *dx);
    /* y_i = log(x_i / (1 - x_i)) */
    void (*logit)(size_t n, const float *x, float *y);
    /* dx_i = dy_i / (x_i (1 - x_i)) */
    void (*logit_gradient)(size_t n, const float *x, const float *dy, float *dx);
    /* y_i = tanh(x_i) */
    void (*tanh)(size_t n, const float *x, float *y);
    /* y_i = x_i where x_i > 0, else alpha (exp(x_i) - 1) */
    void (*elu)(size_t n, float alpha, const float *x, float *y);
    /* y_i = log(1 + exp(x_i)) */
    void (*softplus)(size_t n, const float *x, float *y);
    /* dx_i = dy_i / (1 + exp(-x_i)) */
    void (*softplus_gradient)(size_t n, const float *x, const float *dy, float *dx);
    /* y_i = log((1 + x_i) / (1 - x_i)) / 2 */
    void (*atanh)(size_t n, const float *x, float *y);
    /* y_i = x_i where x_i > 0, log(1 + x_i / alpha) down to -alpha / 2, straight on below */
    void (*inverse_elu)(size_t n, float alpha, const float *x, float *y);
    /* y_i = log(exp(x_i) - 1) down to log 2, straight on below */
    void (*inverse_softplus)(size_t n, const float *x, float *y);
    /* dx_i = dy_i / (1 - exp(-x_i)) down to log 2, 2 dy_i below */
    void (*inverse_softplus_gradient)(size_t n, const float *x, const float *dy, float *dx);
    /* y_i = exp(x_i - shift); returns their sum */
    float (*exp_shifted)(size_t n, const float *x, float shift, float *y);
    /* the smallest and the largest of n values, none of them NaN */
    void (*range)(size_t n, const float *x, float *min, float *max);
    /* the first i with x_i == value; n - 1 where there is none */
    size_t (*position)(size_t n, const float *x, float value);
    /* y_i = (x_i - shift) factor + offset */
    void (*rescale)(size_t n, const float *x, float shift, float factor, float offset, float *y);
    /* dx_i = factor dy_i; sums[0] = sum_i dx_i, sums[1] = sum_i dx_i (x_i - shift) */
    void (*rescale_gradient)(size_t n, const float *x, float shift, float factor, const float *dy,
                             float *dx, float sums[2]);
    /* returns sum_i |y_i - t_i|; dy_i = sign(y_i - t_i), unless dy is NULL */
    float (*l1)(size_t n, const float *y, const float *t, float *dy);
    /* returns sum_i (y_i - t_i)^2; dy_i = 2 (y_i - t_i), unless dy is NULL */
    float (*l2)(size_t n, const float *y, const float *t, float *dy);
    /* optim.h's formulas: the gradient g, the slots, the values w */
    void (*sgd)(size_t n, float rate, float momentum, bool nesterov, const float *g, float *m,
                float *w);
    void (*adagrad)(size_t n, float rate, float inside, float outside, const float *g, float *a,
                    float *w);
    void (*rmsprop)(size_t n, float rate, float rho, float momentum, float inside, float outside,
                    const float *g, float *v, float *m, float *w);
    void (*adam)(size_t n, float rate, float beta1, float beta2, float epsilon, const float *g,
                 float *m, float *v, float *w);
    /* how many of n values are not 0 */
    size_t (*count_nonzeros)(size_t n, const float *x);
    /* to[rows, stride] = from[rows, cols] with zeros beside it; stride is the next multiple of
     * INV_LANES_MAX */
    void (*pad)(size_t rows, size_t cols, const float *from, size_t from_row, float *to,
                size_t stride);
    /* bits[j] = which of the rows of x[rows, in] are not 0 in column j: the first in the lowest
     * bit; rows <= INV_SPARSE_ROWS */
    void (*nonzero_rows)(size_t rows, size_t in, const float *x, size_t x_row, uint64_t *bits);
    /* y[rows, out] += x[rows, in] w[in, out] */
    void (*sparse_rows)(const inv_sparse_product *p, const float *w, size_t w_row, float *y);
    /* dw[in, out] += transpose(x[rows, in]) dy[rows, out] */
    void (*sparse_outer)(const inv_sparse_product *p, const float *dy, float *dw, size_t dw_row);
    void (*product)(const inv_product *p);
    /* The signs of b[rows, cols] as codes for products: `down` of b, `across` of its transpose;
     * rows of codes are whole vectors, of all rows up to a whole vector. Returns the size, or 0
     * where not all values have the same, or are 0: then the codes are of no use. NULL, like
     * sign_product, where the instruction set has no good way. */
    float (*sign_codes)(size_t rows, size_t cols, const float *b, size_t b_row, int32_t *down,
                        int32_t *across);
    /* as product, with another b; p->b is not looked at */
    void (*sign_product)(const inv_product *p, const inv_signs_factor *b);
    /* to[cols, rows] = transpose(from[rows, cols]) */
    void (*transpose)(size_t rows, size_t cols, const float *from, size_t from_row, float *to,
                      size_t to_row);
    /* y_i += x_i */
    void (*add)(size_t n, const float *x, float *y);
    void (*window_product)(const inv_window_product *p);
    /* of a kernel of 3 or 5 values each way, which gives 4 or 2 results */
    void (*winograd)(inv_winograd_transform which, size_t values, const inv_winograd_squares *s);
    /* y_k = the largest x[row pitch + column step + k] over a window; at_k = row pitch + column
     * step where the first of that size stands. Where one is NaN, so is y_k. */
    void (*max_pool)(const inv_pool_window *w, const float *x, float *y, uint32_t *at);
    /* dx[at_k + k] += dy_k */
    void (*max_pool_gradient)(const inv_pool_window *w, const float *dy, const uint32_t *at,
                              float *dx);
} inv_kernels;

/* The best that this processor runs, or the one named by the environment's INVPROJ_KERNELS. */
const inv_kernels *inv_kernels_best(void);

#define INV_KERNELS_MOST 4 /* sets */

/* Those that this processor runs, the best last; returns how many (for tests). */
size_t inv_kernels_all(const inv_kernels *sets[INV_KERNELS_MOST]);

#endif
