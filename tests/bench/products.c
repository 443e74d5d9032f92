/* A convolution is held against the sgemm that it would be with its windows copied into the rows of
 * a matrix, that copy not counted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "products.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_statistics_double.h>

#include "net/convolve.h"
#include "phases.h"

void openblas_set_num_threads(int threads);

enum { REPEATS_MOST = 99 };

enum direction { FORWARD, TO_KERNEL, TO_INPUT };

static const char *const directions[] = {"forward", "to the kernel", "to the input"};

/* Dense where size is 0: then height is 1, width is 1 and channels are inputs. */
typedef struct work {
    const char *name;
    size_t batch, height, width, channels, size, stride, filters;
} work;

static const work works[] = {
    {"r2rt, 784 to 100", 1000, 1, 1, 784, 0, 0, 100},
    {"r2rt, 100 to 100", 1000, 1, 1, 100, 0, 0, 100},
    {"r2rt, 100 to 784", 1000, 1, 1, 100, 0, 0, 784},
    {"mlp256, 784 to 256", 128, 1, 1, 784, 0, 0, 256},
    {"cnn, 3136 to 1024", 50, 1, 1, 3136, 0, 0, 1024},
    {"cnn, conv1 5x5, 1 to 32", 50, 28, 28, 1, 5, 1, 32},
    {"cnn, conv2 5x5, 32 to 64", 50, 14, 14, 32, 5, 1, 64},
    {"3x3, 32 to 32 on 28x28", 50, 28, 28, 32, 3, 1, 32},
    {"3x3, 64 to 64 on 14x14", 50, 14, 14, 64, 3, 1, 64},
    {"3x3, 128 to 128 on 7x7", 50, 7, 7, 128, 3, 1, 128},
    {"3x3, 256 to 256 on 14x14", 8, 14, 14, 256, 3, 1, 256},
    {"3x3, 512 to 512 on 7x7", 8, 7, 7, 512, 3, 1, 512},
    {"3x3, 16 to 16 on 32x32", 20, 32, 32, 16, 3, 1, 16},
    {"3x3, 64 to 64 on 56x56", 4, 56, 56, 64, 3, 1, 64},
    {"3x3 by 2s, 32 to 64", 50, 28, 28, 32, 3, 2, 64},
};

/* As a product: y[m, n] = x[m, k] w[k, n]. */
typedef struct bench_product {
    const work *of;
    enum direction direction;
    inv_convolution convolution;
    size_t m, k, n;
    gsl_matrix_float *x, *w, *y;     /* as layers have them */
    gsl_matrix_float *left, *result; /* as sgemm has them, where that differs */
    void *state;
} bench_product;

static gsl_matrix_float *drawn(size_t rows, size_t cols)
{
    gsl_matrix_float *m = NULL;
    MUST(inv_mat_alloc(rows, cols, "products", &m));
    for (size_t i = 0; i < rows * cols; i++)
        m->data[i] = (float)(i * 7919 % 1013) / 1013.0f - 0.5f;
    return m;
}

static void open_product(const work *of, enum direction direction, bench_product *p)
{
    *p = (bench_product){.of = of, .direction = direction, .n = of->filters};
    p->m = of->batch;
    p->k = of->channels;
    if (of->size > 0) {
        const inv_window_spec spec = {
            .height = of->size, .width = of->size, .stride = of->stride, .padding = "same"};
        const inv_shape in = {of->height, of->width, of->channels};
        p->convolution = (inv_convolution){inv_window_over(in, &spec), of->filters, 1};
        p->m = of->batch * p->convolution.w.out_height * p->convolution.w.out_width;
        p->k = of->size * of->size * of->channels;
        p->left = drawn(p->m, p->k);
        p->state = malloc(inv_convolve_state_size(&p->convolution, of->batch));
        if (!p->state)
            exit(1);
    }
    p->x = drawn(of->batch, of->height * of->width * of->channels);
    p->w = drawn(p->k, p->n);
    p->y = drawn(of->batch, p->m / of->batch * p->n);
    p->result = drawn(direction == TO_KERNEL ? p->k : p->m, direction == TO_INPUT ? p->k : p->n);
}

static void close_product(bench_product *p)
{
    inv_mat_free(p->x);
    inv_mat_free(p->w);
    inv_mat_free(p->y);
    inv_mat_free(p->left);
    inv_mat_free(p->result);
    free(p->state);
}

static void ours(const bench_product *p)
{
    const inv_convolution *c = &p->convolution;
    const bool windows = p->of->size > 0;
    if (p->direction == FORWARD && windows)
        inv_convolve(c, p->w->data, NULL, p->state, p->x, p->y);
    else if (p->direction == FORWARD)
        inv_mat_affine(p->x, p->w, NULL, p->y);
    else if (p->direction == TO_KERNEL && windows)
        inv_convolve_gradient(c, p->x, p->y, p->state, p->w->data);
    else if (p->direction == TO_KERNEL)
        inv_mat_add_transposed_times(p->x, p->y, p->w);
    else if (windows)
        inv_convolve_back(c, p->w->data, NULL, p->state, p->y, p->x);
    else
        inv_mat_times_transposed(p->y, p->w, p->x);
}

static void openblas(const bench_product *p)
{
    const float *x = (p->left ? p->left : p->x)->data, *w = p->w->data, *y = p->y->data;
    const int m = (int)p->m, k = (int)p->k, n = (int)p->n;
    float *to = p->result->data;
    if (p->direction == FORWARD)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, x, k, w, n, 0.0f, to,
                    n);
    else if (p->direction == TO_KERNEL)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k, n, m, 1.0f, x, k, y, n, 0.0f, to,
                    n);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, k, n, 1.0f, y, n, w, n, 0.0f, to,
                    k);
}

/* GFLOP/s of one turn, of about a hundredth of a second. */
static double turn(const bench_product *p, void (*run)(const bench_product *))
{
    const double flops = 2.0 * (double)p->m * (double)p->k * (double)p->n;
    const size_t times = 1 + (size_t)(5e8 / flops);
    const double start = bench_seconds();
    for (size_t i = 0; i < times; i++)
        run(p);
    return (double)times * flops / (bench_seconds() - start) * 1e-9;
}

static void compare_product(const work *of, enum direction direction, size_t repeats)
{
    double own[REPEATS_MOST] = {0}, other[REPEATS_MOST] = {0};
    bench_product p;
    open_product(of, direction, &p);
    (void)turn(&p, ours), (void)turn(&p, openblas); /* what comes first pays for cold caches */
    for (size_t i = 0; i < repeats; i++) {
        own[i] = turn(&p, ours);
        other[i] = turn(&p, openblas);
    }
    const double rate = gsl_stats_median(own, 1, repeats),
                 sgemm = gsl_stats_median(other, 1, repeats);
    printf("%-26s %-14s %9.1f %9.1f %7.2f\n", of->name, directions[direction], rate, sgemm,
           rate / sgemm);
    close_product(&p);
}

void bench_products(const char *of, size_t repeats)
{
    inv_threads_set(1);
    openblas_set_num_threads(1);
    repeats = repeats < REPEATS_MOST ? repeats : REPEATS_MOST;
    printf(
        "%s; loops for %s; 1 thread, %zu turns each, medians, GFLOP/s\n%-26s %-14s %9s %9s %7s\n",
        inv_blas_description(), inv_kernels_name(), repeats, "", "", "invproj", "sgemm", "ratio");
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        for (enum direction d = FORWARD; strstr(works[i].name, of) && d <= TO_INPUT; d++)
            compare_product(&works[i], d, repeats);
}
