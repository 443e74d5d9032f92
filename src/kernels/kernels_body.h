/* kernels_body.h - the loops of kernels.h, for the instruction set of the file that includes this.
 *
 * That file defines LANES, STRIP_MOST (twice as many vectors fit the registers beside three),
 * TILE_ROWS (6 or 14: twice as many do), PANEL_MOST and PANELS (kernels_gemm.h), EXP, LOG, EXPM1,
 * LOG1P and TANH of a vector, and KERNELS and KERNELS_NAME (the table). It may define what the
 * instruction set has better than C: MASKED_LOAD(p, n, rest) and MASKED_STORE(p, v, n) are the
 * first n lanes; LOW_LANES(a, b) and HIGH_LANES(a, b) are a0 b0 a1 b1 ... of their first and second
 * halves; ADD_PRODUCT(sum, a, b) is sum + a b; NONZERO_LANES and TURN_BITS are kernels_sparse.h's,
 * LOOK_UP and NEGATIVE_LANES kernels_signs.h's.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));

static inline vec load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

/* The first n < LANES lanes; the others are `rest`. */
static inline vec load_some(const float *p, size_t n, float rest)
{
#ifdef MASKED_LOAD
    return MASKED_LOAD(p, n, rest);
#else
    float lanes[LANES];
    for (size_t i = 0; i < LANES; i++)
        lanes[i] = i < n ? p[i] : rest;
    return load(lanes);
#endif
}

static inline void store_some(float *p, vec v, size_t n)
{
#ifdef MASKED_STORE
    MASKED_STORE(p, v, n);
#else
    memcpy(p, &v, n * sizeof *p);
#endif
}

#ifndef LOW_LANES
/* a0 b0 a1 b1 ..., of the first half of the lanes or the second */
static inline vec mix_lanes(vec a, vec b, size_t first)
{
    float mixed[LANES];
    for (size_t i = 0; i < LANES; i++)
        mixed[i] = (i % 2 ? b : a)[first + i / 2];
    return load(mixed);
}
#define LOW_LANES(a, b)  mix_lanes(a, b, 0)
#define HIGH_LANES(a, b) mix_lanes(a, b, LANES / 2)
#endif

/* sum + a b, rounded once where the instruction set can. It is not left to the compiler, which does
 * so in one loop and not in another: then a value's bits would depend on the tile that it is in. */
#ifndef ADD_PRODUCT
#define ADD_PRODUCT(sum, a, b) ((sum) + (a) * (b))
#endif

static inline float add_lanes(vec v)
{
    float sum = 0.0f;
    for (size_t i = 0; i < LANES; i++)
        sum += v[i];
    return sum;
}

static inline vec splat(float x)
{
    return x - (vec){0};
}

static inline vec absolute(vec v)
{
    ivec bits;
    memcpy(&bits, &v, sizeof bits);
    bits &= 0x7fffffff;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* a in the lanes where mask is -1, b where it is 0 */
static inline vec pick(ivec mask, vec a, vec b)
{
    ivec x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    x = (x & mask) | (y & ~mask);
    memcpy(&a, &x, sizeof a);
    return a;
}

/* ---- elementwise ---- */

/* A quotient from the reciprocal, then the rounding error of that mended with two fused steps
 * (Markstein 1990): the division itself is slower than the memory. */
static void bytes_over(size_t n, const unsigned char *restrict x, float by, float *restrict y)
{
#ifdef __FMA__
    const float over = 1.0f / by;
    for (size_t i = 0; i < n; i++) {
        const float v = x[i], q = v * over;
        y[i] = fmaf(fmaf(-q, by, v), over, q);
    }
#else
    for (size_t i = 0; i < n; i++)
        y[i] = (float)x[i] / by;
#endif
}

/* y = f, an expression in v, for all v of x; `rest` stands in lanes past the end. */
#define MAP(f, rest)                                                                               \
    size_t i = 0;                                                                                  \
    for (; i + LANES <= n; i += LANES) {                                                           \
        const vec v = load(x + i);                                                                 \
        store(y + i, f);                                                                           \
    }                                                                                              \
    if (i < n) {                                                                                   \
        const vec v = load_some(x + i, n - i, rest);                                               \
        store_some(y + i, f, n - i);                                                               \
    }

static inline vec sigmoid_of(vec x)
{
    return 1.0f / (1.0f + EXP(-x));
}

static void sigmoid(size_t n, const float *x, float *y)
{
    MAP(sigmoid_of(v), 0.0f)
}

static void sigmoid_gradient(size_t n, const float *restrict y, const float *restrict dy,
                             float *restrict dx)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * y[i] * (1.0f - y[i]);
}

static void relu(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

static void relu_gradient(size_t n, const float *restrict y, const float *restrict dy,
                          float *restrict dx)
{
    for (size_t i = 0; i < n; i++) {
        const float gradient = dy[i]; /* read in any case, or the loop has no vectors */
        dx[i] = y[i] > 0.0f ? gradient : 0.0f;
    }
}

static inline vec logit_of(vec x)
{
    return LOG(x / (1.0f - x));
}

static void logit(size_t n, const float *x, float *y)
{
    MAP(logit_of(v), 0.5f)
}

static void logit_gradient(size_t n, const float *restrict x, const float *restrict dy,
                           float *restrict dx)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] / (x[i] * (1.0f - x[i]));
}

static void tanh_of_all(size_t n, const float *x, float *y)
{
    MAP(TANH(v), 0.0f)
}

static void elu(size_t n, float alpha, const float *x, float *y)
{
    MAP(pick(v > 0.0f, v, alpha * EXPM1(v)), 0.0f)
}

static inline vec softplus_of(vec x)
{
    return pick(x < 0.0f, (vec){0}, x) + LOG1P(EXP(-absolute(x)));
}

static void softplus(size_t n, const float *x, float *y)
{
    MAP(softplus_of(v), 0.0f)
}

static void softplus_gradient(size_t n, const float *x, const float *dy, float *dx)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(dx + i, load(dy + i) * sigmoid_of(load(x + i)));
    if (i < n)
        store_some(dx + i,
                   load_some(dy + i, n - i, 0.0f) * sigmoid_of(load_some(x + i, n - i, 0.0f)),
                   n - i);
}

#define LN2 0.69314718f

static void atanh_of_all(size_t n, const float *x, float *y)
{
    MAP(0.5f * LOG1P(2.0f * v / (1.0f - v)), 0.0f)
}

static void inverse_elu(size_t n, float alpha, const float *x, float *y)
{
    MAP(pick(v > 0.0f, v,
             pick(v > -0.5f * alpha, LOG1P(v / alpha), 2.0f * v / alpha + (1.0f - LN2))),
        0.0f)
}

static void inverse_softplus(size_t n, const float *x, float *y)
{
    MAP(pick(v > LN2, v + LOG(-EXPM1(-v)), 2.0f * (v - LN2)), 1.0f)
}

/* 1 - exp(-log 2) = 1/2 */
static inline vec inverse_softplus_gradient_of(vec x, vec dy)
{
    return dy / -EXPM1(-pick(x > LN2, x, splat(LN2)));
}

static void inverse_softplus_gradient(size_t n, const float *x, const float *dy, float *dx)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(dx + i, inverse_softplus_gradient_of(load(x + i), load(dy + i)));
    if (i < n)
        store_some(dx + i,
                   inverse_softplus_gradient_of(load_some(x + i, n - i, 1.0f),
                                                load_some(dy + i, n - i, 0.0f)),
                   n - i);
}

static float exp_shifted(size_t n, const float *x, float shift, float *y)
{
    vec sum = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec e = EXP(load(x + i) - shift);
        store(y + i, e);
        sum += e;
    }
    if (i < n) {
        const vec e = EXP(load_some(x + i, n - i, -INFINITY) - shift);
        store_some(y + i, e, n - i);
        sum += e;
    }
    return add_lanes(sum);
}

static void range(size_t n, const float *x, float *min, float *max)
{
    vec low = splat(x[0]), high = low;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec v = load(x + i);
        low = pick(v < low, v, low);
        high = pick(v > high, v, high);
    }
    if (i < n) {
        const vec v = load_some(x + i, n - i, x[0]);
        low = pick(v < low, v, low);
        high = pick(v > high, v, high);
    }
    *min = low[0], *max = high[0];
    for (size_t l = 1; l < LANES; l++) {
        *min = low[l] < *min ? low[l] : *min;
        *max = high[l] > *max ? high[l] : *max;
    }
}

static void rescale(size_t n, const float *x, float shift, float factor, float offset, float *y)
{
    MAP((v - shift) * factor + offset, 0.0f)
}

static void rescale_gradient(size_t n, const float *x, float shift, float factor, const float *dy,
                             float *dx, float sums[2])
{
    vec sum = {0}, product = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec d = factor * load(dy + i);
        store(dx + i, d);
        sum += d;
        product = ADD_PRODUCT(product, d, load(x + i) - shift);
    }
    if (i < n) {
        const vec d = factor * load_some(dy + i, n - i, 0.0f);
        store_some(dx + i, d, n - i);
        sum += d;
        product = ADD_PRODUCT(product, d, load_some(x + i, n - i, shift) - shift);
    }
    sums[0] = add_lanes(sum);
    sums[1] = add_lanes(product);
}

static inline vec sign_of(vec v)
{
    return __builtin_convertvector((v < 0.0f) - (v > 0.0f), vec); /* a true lane is -1 */
}

static float l1(size_t n, const float *y, const float *t, float *dy)
{
    vec sum = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec d = load(y + i) - load(t + i);
        sum += absolute(d);
        if (dy)
            store(dy + i, sign_of(d));
    }
    if (i < n) {
        const vec d = load_some(y + i, n - i, 0.0f) - load_some(t + i, n - i, 0.0f);
        sum += absolute(d);
        if (dy)
            store_some(dy + i, sign_of(d), n - i);
    }
    return add_lanes(sum);
}

static float l2(size_t n, const float *y, const float *t, float *dy)
{
    vec sum = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec d = load(y + i) - load(t + i);
        sum = ADD_PRODUCT(sum, d, d);
        if (dy)
            store(dy + i, 2.0f * d);
    }
    if (i < n) {
        const vec d = load_some(y + i, n - i, 0.0f) - load_some(t + i, n - i, 0.0f);
        sum = ADD_PRODUCT(sum, d, d);
        if (dy)
            store_some(dy + i, 2.0f * d, n - i);
    }
    return add_lanes(sum);
}

/* The mean of a gradient that has become 0 shrinks until it is below the smallest normal float, and
 * there each operation takes x86-64 a hundred times as long: between these, such numbers are 0.
 * Other processors do not mind them. */
#if defined(__x86_64__)
#define FLUSH_BITS 0x8040u /* of MXCSR: denormal results and operands are 0 */

static inline unsigned flush_begin(void)
{
    const unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | FLUSH_BITS);
    __asm__ volatile("" ::: "memory"); /* no step moves out of here */
    return before;
}

static inline void flush_end(unsigned before)
{
    __asm__ volatile("" ::: "memory");
    __builtin_ia32_ldmxcsr(before);
}
#else
static inline unsigned flush_begin(void)
{
    return 0;
}

static inline void flush_end(unsigned before)
{
    (void)before;
}
#endif

static void sgd(size_t n, float rate, float momentum, bool nesterov, const float *restrict g,
                float *restrict m, float *restrict w)
{
    const float ahead = nesterov ? momentum : 1.0f, now = nesterov ? rate : 0.0f;
    const unsigned before = flush_begin();
    for (size_t i = 0; i < n; i++) {
        m[i] = momentum * m[i] - rate * g[i];
        w[i] += ahead * m[i] - now * g[i];
    }
    flush_end(before);
}

static void adagrad(size_t n, float rate, float inside, float outside, const float *restrict g,
                    float *restrict a, float *restrict w)
{
    for (size_t i = 0; i < n; i++) {
        a[i] += g[i] * g[i];
        w[i] -= rate * g[i] / (sqrtf(a[i] + inside) + outside);
    }
}

static void rmsprop(size_t n, float rate, float rho, float momentum, float inside, float outside,
                    const float *restrict g, float *restrict v, float *restrict m,
                    float *restrict w)
{
    const unsigned before = flush_begin();
    for (size_t i = 0; i < n; i++) {
        v[i] += (1.0f - rho) * (g[i] * g[i] - v[i]);
        m[i] = momentum * m[i] + rate * g[i] / (sqrtf(v[i] + inside) + outside);
        w[i] -= m[i];
    }
    flush_end(before);
}

static void adam(size_t n, float rate, float beta1, float beta2, float epsilon,
                 const float *restrict g, float *restrict m, float *restrict v, float *restrict w)
{
    const unsigned before = flush_begin();
    for (size_t i = 0; i < n; i++) {
        m[i] += (1.0f - beta1) * (g[i] - m[i]);
        v[i] += (1.0f - beta2) * (g[i] * g[i] - v[i]);
        w[i] -= rate * m[i] / (sqrtf(v[i]) + epsilon);
    }
    flush_end(before);
}

static size_t count_nonzeros(size_t n, const float *x)
{
    ivec count = {0};
    size_t i = 0, sum = 0;
    for (; i + LANES <= n; i += LANES)
        count -= load(x + i) != 0.0f;
    for (size_t l = 0; l < LANES; l++)
        sum += (size_t)count[l];
    for (; i < n; i++)
        sum += x[i] != 0.0f;
    return sum;
}

#include "kernels/kernels_sparse.h"

static size_t position(size_t n, const float *x, float value)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec equal = __builtin_convertvector(load(x + i) == value, vec);
        const unsigned bits = nonzero_lanes(equal);
        if (bits)
            return i + (size_t)__builtin_ctz(bits);
    }
    while (i < n && x[i] != value)
        i++;
    return i < n ? i : n - 1;
}

#include "kernels/kernels_gemm.h"

#ifdef LOOK_UP
#include "kernels/kernels_signs.h"
#endif

/* ---- windows of images ---- */

static void add(size_t n, const float *restrict x, float *restrict y)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, load(y + i) + load(x + i));
    for (; i < n; i++)
        y[i] += x[i];
}

#include "kernels/kernels_window.h"

#include "kernels/kernels_winograd.h"

const inv_kernels KERNELS = {
    .name = KERNELS_NAME,
    .lanes = LANES,
    .bytes_over = bytes_over,
    .sigmoid = sigmoid,
    .sigmoid_gradient = sigmoid_gradient,
    .relu = relu,
    .relu_gradient = relu_gradient,
    .logit = logit,
    .logit_gradient = logit_gradient,
    .tanh = tanh_of_all,
    .elu = elu,
    .softplus = softplus,
    .softplus_gradient = softplus_gradient,
    .atanh = atanh_of_all,
    .inverse_elu = inverse_elu,
    .inverse_softplus = inverse_softplus,
    .inverse_softplus_gradient = inverse_softplus_gradient,
    .exp_shifted = exp_shifted,
    .range = range,
    .position = position,
    .rescale = rescale,
    .rescale_gradient = rescale_gradient,
    .l1 = l1,
    .l2 = l2,
    .sgd = sgd,
    .adagrad = adagrad,
    .rmsprop = rmsprop,
    .adam = adam,
    .count_nonzeros = count_nonzeros,
    .pad = pad,
    .nonzero_rows = nonzero_rows,
    .sparse_rows = sparse_rows,
    .sparse_outer = sparse_outer,
    .product = product,
    .transpose = transpose,
#ifdef LOOK_UP
    .sign_codes = sign_codes,
    .sign_product = sign_product,
#endif
    .add = add,
    .window_product = window_product,
    .winograd = winograd,
    .max_pool = max_pool,
    .max_pool_gradient = max_pool_gradient,
};
