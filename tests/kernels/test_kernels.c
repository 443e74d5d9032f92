/* Every kernel of every instruction set that this processor runs, held to a naive twin in double.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/mat.h"
#include "kernels/kernels.h"
#include "kernels/sparse.h"
#include "suites.h"

#define MOST 301

/* Lengths around whole vectors and none. */
static const size_t lengths[] = {1,  2,  3,  4,  5,   7,   8,   9,   15,
                                 16, 17, 31, 33, 100, 255, 256, 257, 301};
#define LENGTHS (sizeof lengths / sizeof *lengths)

static const inv_kernels *sets[INV_KERNELS_MOST];
static size_t set_count;

static float x[MOST + 1], y[MOST + 1], z[MOST + 1], t[MOST + 1], out[MOST + 1];

/* Irregular values from low to high. */
static void fill(float *to, size_t n, double low, double high, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        to[i] = (float)(low + (high - low) * (seed >> 8) / 16777216.0);
    }
}

static void setup(void)
{
    set_count = inv_kernels_all(sets);
    memset(out, 0, sizeof out);
}

static void near(const inv_kernels *k, const char *what, size_t n, size_t i, double got, double is,
                 double relative)
{
    if (!(fabs(got - is) <= relative * fabs(is)))
        ck_abort_msg("%s: %s of %zu: [%zu] is %.9g, must be %.9g", k->name, what, n, i, got, is);
}

#define UNTOUCHED 12345.0f

/* Runs `call` for every set and length, then looks at each element and at the one past the end. */
#define EACH(what, call, is, relative)                                                             \
    for (size_t s = 0; s < set_count; s++)                                                         \
        for (size_t l = 0; l < LENGTHS; l++) {                                                     \
            const inv_kernels *k = sets[s];                                                        \
            const size_t n = lengths[l];                                                           \
            memcpy(out, y, sizeof out);                                                            \
            out[n] = UNTOUCHED;                                                                    \
            call;                                                                                  \
            for (size_t i = 0; i < n; i++)                                                         \
                near(k, what, n, i, out[i], is, relative);                                         \
            ck_assert(out[n] == UNTOUCHED);                                                        \
        }

static double inverse_elu(double v, double alpha)
{
    const double low = -alpha / 2.0;
    return v > 0.0 ? v : v > low ? log1p(v / alpha) : log(0.5) + (v - low) / (low + alpha);
}

static double inverse_softplus(double v)
{
    return v > log(2.0) ? log(expm1(v)) : 2.0 * (v - log(2.0));
}

START_TEST(elementwise)
{
    fill(x, MOST, -9.0, 9.0, 1);
    fill(y, MOST, -2.0, 2.0, 2);
    EACH("sigmoid", k->sigmoid(n, x, out), 1.0 / (1.0 + exp(-(double)x[i])), 4e-7)
    EACH("relu", k->relu(n, x, out), x[i] > 0.0f ? (double)x[i] : 0.0, 0.0)
    EACH("relu's gradient", k->relu_gradient(n, x, y, out), x[i] > 0.0f ? (double)y[i] : 0.0, 0.0)
    EACH("exp", k->exp_shifted(n, x, 1.5f, out), exp((double)x[i] - 1.5),
         2e-6) /* of the difference, too */
    EACH("sigmoid's slope", k->sigmoid_gradient(n, x, y, out), (double)y[i] * x[i] * (1.0 - x[i]),
         1e-5)
    EACH("tanh", k->tanh(n, x, out), tanh((double)x[i]), 5e-7)
    EACH("elu", k->elu(n, 0.75f, x, out), x[i] > 0.0f ? x[i] : 0.75 * expm1((double)x[i]), 3e-7)
    EACH("softplus", k->softplus(n, x, out), log1p(exp((double)x[i])), 4e-7)
    EACH("softplus's slope", k->softplus_gradient(n, x, y, out), y[i] / (1.0 + exp(-(double)x[i])),
         5e-7)
    fill(x, MOST, -0.995, 0.995, 15);
    EACH("atanh", k->atanh(n, x, out), atanh((double)x[i]), 1e-6)
    EACH("elu's inverse", k->inverse_elu(n, 1.25f, x, out), inverse_elu(x[i], 1.25), 1e-6)
    fill(x, MOST, -2.0, 9.0, 16);
    EACH("softplus's inverse", k->inverse_softplus(n, x, out), inverse_softplus(x[i]), 2e-6)
    EACH("its slope", k->inverse_softplus_gradient(n, x, y, out),
         x[i] > log(2.0) ? y[i] / -expm1(-(double)x[i]) : 2.0 * y[i], 5e-7)
    fill(x, MOST, 0.005, 0.995, 3);
    EACH("logit", k->logit(n, x, out), log((double)x[i] / (1.0 - (double)x[i])), 2e-4)
    EACH("logit's slope", k->logit_gradient(n, x, y, out),
         (double)y[i] / (x[i] * (1.0 - (double)x[i])), 1e-5)
}
END_TEST

START_TEST(bytes_are_divided_as_floats_are)
{
    static const float scales[] = {255.0f, 1.0f, 127.25f, 256.0f, 3.0f, 1e-6f, 7.7e5f, 254.99f};
    unsigned char bytes[256];
    float got[257];
    for (int b = 0; b < 256; b++)
        bytes[b] = (unsigned char)(b * 37);
    for (size_t s = 0; s < set_count; s++)
        for (size_t c = 0; c < sizeof scales / sizeof *scales; c++)
            for (size_t n = 1; n <= 256; n += 15) {
                got[n] = UNTOUCHED;
                sets[s]->bytes_over(n, bytes, scales[c], got);
                for (size_t i = 0; i < n; i++)
                    ck_assert(got[i] == (float)bytes[i] / scales[c]);
                ck_assert(got[n] == UNTOUCHED);
            }
}
END_TEST

START_TEST(far_values)
{
    const float far[] = {-1e9f, -200.0f, 0.0f, 200.0f, 1e9f};
    for (size_t s = 0; s < set_count; s++) {
        sets[s]->sigmoid(5, far, out);
        ck_assert(out[0] == 0.0f && out[1] < 1e-37f && out[2] == 0.5f && out[3] == 1.0f &&
                  out[4] == 1.0f);
        ck_assert(sets[s]->exp_shifted(5, far, 1e9f, out) == 1.0f);
        ck_assert(out[0] == 0.0f && out[4] == 1.0f);
        sets[s]->tanh(5, far, out);
        ck_assert(out[0] == -1.0f && out[1] == -1.0f && out[2] == 0.0f && out[4] == 1.0f);
        sets[s]->elu(5, 0.75f, far, out);
        ck_assert(out[0] == -0.75f && out[2] == 0.0f && out[3] == 200.0f && out[4] == 1e9f);
        sets[s]->softplus(5, far, out);
        ck_assert(out[0] == 0.0f && out[1] < 1e-37f && out[3] == 200.0f && out[4] == 1e9f);
        sets[s]->softplus_gradient(5, far, (const float[]){1.5f, 1.5f, 1.5f, 1.5f, 1.5f}, out);
        ck_assert(out[0] == 0.0f && out[2] == 0.75f && out[3] == 1.5f && out[4] == 1.5f);
    }
}
END_TEST

START_TEST(sums_and_ranges)
{
    fill(x, MOST, -3.0, 4.0, 4);
    fill(t, MOST, -3.0, 4.0, 5);
    for (size_t i = 0; i < MOST; i += 7)
        t[i] = x[i];
    for (size_t s = 0; s < set_count; s++)
        for (size_t l = 0; l < LENGTHS; l++) {
            const inv_kernels *k = sets[s];
            const size_t n = lengths[l];
            double l1 = 0.0, l2 = 0.0, sum = 0.0;
            float low = x[0], high = x[0], min = 0.0f, max = 0.0f;
            for (size_t i = 0; i < n; i++) {
                l1 += fabs((double)x[i] - t[i]);
                l2 += pow((double)x[i] - t[i], 2.0);
                sum += exp((double)x[i]);
                low = fminf(low, x[i]), high = fmaxf(high, x[i]);
            }
            out[n] = UNTOUCHED;
            near(k, "l1", n, 0, k->l1(n, x, t, out), l1, 1e-6);
            for (size_t i = 0; i < n; i++)
                ck_assert(out[i] == (float)((x[i] > t[i]) - (x[i] < t[i])));
            ck_assert(out[n] == UNTOUCHED);
            memcpy(out, t, n * sizeof *out); /* in place of the targets */
            near(k, "l1 there", n, 0, k->l1(n, x, out, out), l1, 1e-6);
            for (size_t i = 0; i < n; i++)
                ck_assert(out[i] == (float)((x[i] > t[i]) - (x[i] < t[i])));
            near(k, "l1 alone", n, 0, k->l1(n, x, t, NULL), l1, 1e-6);
            near(k, "l2 alone", n, 0, k->l2(n, x, t, NULL), l2, 1e-6);
            near(k, "l2", n, 0, k->l2(n, x, t, out), l2, 1e-6);
            for (size_t i = 0; i < n; i++)
                near(k, "l2's slope", n, i, out[i], 2 * ((double)x[i] - t[i]), 1e-6);
            ck_assert(out[n] == UNTOUCHED);
            memcpy(out, t, n * sizeof *out);
            near(k, "l2 there", n, 0, k->l2(n, x, out, out), l2, 1e-6);
            for (size_t i = 0; i < n; i++)
                near(k, "l2's slope there", n, i, out[i], 2 * ((double)x[i] - t[i]), 1e-6);
            near(k, "sum of exp", n, 0, k->exp_shifted(n, x, 0.0f, out), sum, 1e-6);
            k->range(n, x, &min, &max);
            ck_assert(min == low && max == high);
            double gradients = 0.0, products = 0.0;
            float sums[2];
            k->rescale(n, x, 0.3f, 1.7f, -0.2f, out);
            for (size_t i = 0; i < n; i++)
                ck_assert(fabs(out[i] - (((double)x[i] - 0.3f) * 1.7f - 0.2f)) < 2e-6);
            ck_assert(out[n] == UNTOUCHED);
            k->rescale_gradient(n, x, 0.3f, 1.7f, t, out, sums);
            for (size_t i = 0; i < n; i++) {
                ck_assert(out[i] == 1.7f * t[i]);
                gradients += (double)out[i], products += out[i] * ((double)x[i] - 0.3f);
            }
            ck_assert(out[n] == UNTOUCHED);
            ck_assert(fabs(sums[0] - gradients) < 1e-5 * (double)n);
            ck_assert(fabs(sums[1] - products) < 1e-5 * (double)n);
        }
}
END_TEST

/* x: the gradient; t and z: slots; y: the values */
static void fill_step(void)
{
    fill(x, MOST, -3.0, 4.0, 6);
    fill(t, MOST, 0.1, 4.0, 7);
    fill(y, MOST, -1.0, 1.0, 8);
    fill(z, MOST, -2.0, 1.0, 9);
}

START_TEST(adagrad)
{
    float sums[MOST] = {0};
    fill_step();
    for (int e = 0; e < 4; e++) {
        const float epsilon = e & 1 ? 0.37f : 0.0f, inside = e & 2 ? 0.19f : 0.0f;
        EACH("adagrad's value",
             (memcpy(sums, t, sizeof sums), k->adagrad(n, 0.25f, inside, epsilon, x, sums, out)),
             y[i] - 0.25 * x[i] / (sqrt(t[i] + (double)x[i] * x[i] + inside) + epsilon), 1e-4)
        for (size_t i = 0; i < MOST; i++) /* what the last call left */
            near(sets[set_count - 1], "adagrad's sum", MOST, i, sums[i], t[i] + (double)x[i] * x[i],
                 1e-6);
    }
}
END_TEST

START_TEST(sgd)
{
    float m[MOST] = {0};
    fill_step();
    EACH("sgd's value", (memcpy(m, t, sizeof m), k->sgd(n, 0.25f, 0.75f, false, x, m, out)),
         y[i] + 0.75 * t[i] - 0.25 * x[i], 1e-4)
    for (size_t i = 0; i < MOST; i++)
        near(sets[set_count - 1], "sgd's momentum", MOST, i, m[i], 0.75 * t[i] - 0.25 * x[i], 1e-4);
    EACH("sgd's value, looking ahead",
         (memcpy(m, t, sizeof m), k->sgd(n, 0.25f, 0.75f, true, x, m, out)),
         y[i] + 0.75 * (0.75 * t[i] - 0.25 * x[i]) - 0.25 * x[i], 1e-4)
}
END_TEST

START_TEST(rmsprop)
{
    float v[MOST] = {0}, m[MOST] = {0};
    fill_step();
#define V (t[i] + 0.125 * ((double)x[i] * x[i] - t[i]))
#define M (0.75 * z[i] + 0.25 * x[i] / (sqrt(V + 0.19f) + 0.37f))
    EACH("rmsprop's value",
         (memcpy(v, t, sizeof v), memcpy(m, z, sizeof m),
          k->rmsprop(n, 0.25f, 0.875f, 0.75f, 0.19f, 0.37f, x, v, m, out)),
         y[i] - M, 1e-4)
    for (size_t i = 0; i < MOST; i++) {
        near(sets[set_count - 1], "rmsprop's mean square", MOST, i, v[i], V, 1e-4);
        near(sets[set_count - 1], "rmsprop's momentum", MOST, i, m[i], M, 1e-4);
    }
#undef V
#undef M
}
END_TEST

START_TEST(adam)
{
    float v[MOST] = {0}, m[MOST] = {0};
    fill_step();
#define M (z[i] + 0.25 * ((double)x[i] - z[i]))
#define V (t[i] + 0.125 * ((double)x[i] * x[i] - t[i]))
    EACH("adam's value",
         (memcpy(v, t, sizeof v), memcpy(m, z, sizeof m),
          k->adam(n, 0.25f, 0.75f, 0.875f, 0.37f, x, m, v, out)),
         y[i] - 0.25 * M / (sqrt(V) + 0.37f), 1e-4)
    for (size_t i = 0; i < MOST; i++) {
        near(sets[set_count - 1], "adam's mean", MOST, i, m[i], M, 1e-4);
        near(sets[set_count - 1], "adam's mean square", MOST, i, v[i], V, 1e-4);
    }
#undef V
#undef M
}
END_TEST

/* Three values of four are 0, one of them -0. */
static void fill_sparse(float *to, size_t n, unsigned seed)
{
    fill(to, n, -2.0, 2.0, seed);
    for (size_t i = 0; i < n; i++)
        if ((i * 7 + seed) % 4)
            to[i] = i % 9 ? 0.0f : -0.0f;
}

START_TEST(nonzeros)
{
    fill_sparse(x, MOST, 9);
    for (size_t s = 0; s < set_count; s++)
        for (size_t l = 0; l < LENGTHS; l++) {
            size_t count = 0;
            for (size_t i = 0; i < lengths[l]; i++)
                count += x[i] != 0.0f;
            ck_assert_uint_eq(sets[s]->count_nonzeros(lengths[l], x), count);
        }
}
END_TEST

START_TEST(positions)
{
    fill(x, MOST, -1.0, 1.0, 9);
    for (size_t s = 0; s < set_count; s++)
        for (size_t l = 0; l < LENGTHS; l++) {
            const size_t n = lengths[l];
            for (size_t i = 0; i < n; i++) {
                const float before = x[i];
                x[i] = 7.0f;
                if (i + 2 < n)
                    x[i + 2] = 7.0f;
                ck_assert_uint_eq(sets[s]->position(n, x, 7.0f), i);
                x[i] = before;
                if (i + 2 < n)
                    x[i + 2] = -before;
            }
            ck_assert_uint_eq(sets[s]->position(n, x, 8.0f), n - 1);
            ck_assert_uint_eq(sets[s]->position(n, x, NAN), n - 1);
        }
}
END_TEST

START_TEST(padding)
{
    for (size_t s = 0; s < set_count; s++)
        for (size_t cols = 1; cols <= 40; cols++) {
            enum { ROWS = 3, GAP = 2 };
            const size_t stride = (cols + 15) / 16 * 16;
            float to[ROWS * 48 + 1];
            fill(x, ROWS * (cols + GAP), 1.0, 2.0, 9);
            to[ROWS * stride] = UNTOUCHED;
            sets[s]->pad(ROWS, cols, x, cols + GAP, to, stride);
            for (size_t i = 0; i < ROWS * stride; i++)
                ck_assert(to[i] ==
                          (i % stride < cols ? x[i / stride * (cols + GAP) + i % stride] : 0.0f));
            ck_assert(to[ROWS * stride] == UNTOUCHED);
        }
}
END_TEST

START_TEST(transposition)
{
    enum { MOST_SIDE = 37, GAP = 2 };
    static float from[MOST_SIDE * (MOST_SIDE + GAP)], to[MOST_SIDE * (MOST_SIDE + GAP)];
    fill(from, sizeof from / sizeof *from, -1.0, 1.0, 9);
    for (size_t s = 0; s < set_count; s++)
        for (size_t rows = 1; rows <= MOST_SIDE; rows += 3)
            for (size_t cols = 1; cols <= MOST_SIDE; cols++) {
                const size_t from_row = cols + GAP, to_row = rows + GAP;
                for (size_t i = 0; i < cols * to_row; i++)
                    to[i] = UNTOUCHED;
                sets[s]->transpose(rows, cols, from, from_row, to, to_row);
                for (size_t j = 0; j < cols; j++)
                    for (size_t i = 0; i < to_row; i++)
                        ck_assert(to[j * to_row + i] ==
                                  (i < rows ? from[i * from_row + j] : UNTOUCHED));
            }
}
END_TEST

/* In and out of many widths: below a vector, whole strips, more than one, an odd column at the end;
 * as many rows as a product takes, and fewer. */
static void check_sparse(const inv_kernels *k, size_t rows, size_t in, size_t width)
{
    const size_t stride = (width + 15) / 16 * 16, wide = width + 3, long_row = in + 2;
    float *w = malloc(in * wide * sizeof *w), *a = malloc(rows * long_row * sizeof *a);
    float *to = aligned_alloc(64, rows * stride * sizeof *to),
          *start = malloc(rows * stride * sizeof *to);
    float *dw = calloc(in * wide, sizeof *dw);
    float *dy = aligned_alloc(64, rows * stride * sizeof *dy);
    uint64_t *bits = malloc(in * sizeof *bits);
    const inv_sparse_product p = {
        .in = in, .out = width, .bits = bits, .x = a, .x_row = long_row, .stride = stride};
    fill(w, in * wide, -1.0, 1.0, 10);
    fill_sparse(a, rows * long_row, 11);
    fill(to, rows * stride, -1.0, 1.0, 12);
    memcpy(start, to, rows * stride * sizeof *to);
    fill(dy, rows * stride, -1.0, 1.0, 13);
    k->nonzero_rows(rows, in, a, long_row, bits);
    for (size_t i = 0; i < in; i++) {
        uint64_t expected = 0;
        for (size_t r = 0; r < rows; r++)
            expected |= (uint64_t)(a[r * long_row + i] != 0.0f) << r;
        ck_assert_uint_eq(bits[i], expected);
    }
    k->sparse_rows(&p, w, wide, to);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++) {
            double sum = start[r * stride + j], scale = 1.0;
            for (size_t i = 0; i < in; i++) {
                sum += (double)a[r * long_row + i] * w[i * wide + j];
                scale += fabs((double)a[r * long_row + i]);
            }
            if (fabs(to[r * stride + j] - sum) > 1e-6 * scale)
                ck_abort_msg("%s: sparse_rows %zu x %zu: [%zu, %zu] is %g, must be %g", k->name, in,
                             width, r, j, (double)to[r * stride + j], sum);
        }
    k->sparse_outer(&p, dy, dw, wide);
    k->sparse_outer(&p, dy, dw, wide);
    for (size_t i = 0; i < in; i++)
        for (size_t j = 0; j < wide; j++) {
            double sum = 0.0;
            for (size_t r = 0; j < width && r < rows; r++)
                sum += 2.0 * a[r * long_row + i] * dy[r * stride + j];
            if (fabs(dw[i * wide + j] - sum) > 1e-5)
                ck_abort_msg("%s: sparse_outer %zu x %zu: [%zu, %zu] is %g, must be %g", k->name,
                             in, width, i, j, (double)dw[i * wide + j], sum);
        }
    free(w), free(a), free(to), free(start), free(dw), free(dy), free(bits);
}

START_TEST(sparse_rows)
{
    const size_t ins[] = {1, 5, 17, 256, 301},
                 widths[] = {1, 3, 16, 20, 52, 100, 104, 208, 215, 300};
    for (size_t s = 0; s < set_count; s++)
        for (size_t i = 0; i < sizeof ins / sizeof *ins; i++)
            for (size_t j = 0; j < sizeof widths / sizeof *widths; j++)
                check_sparse(sets[s], (i + j) % 3 ? 1 + (i * 5 + j * 11) % 64 : 64, ins[i],
                             widths[j]);
}
END_TEST

START_TEST(addition)
{
    fill(x, MOST, -3.0, 4.0, 15);
    fill(y, MOST, -1.0, 1.0, 16);
    EACH("add", k->add(n, x, out), (double)y[i] + x[i], 1e-5)
}
END_TEST

/* Start: 0 nothing, 1 a row, 2 what is there. The rows of a overlap. */
static void check_window(const inv_kernels *k, size_t rows, size_t cols, size_t depth, int start)
{
    enum { SEGMENTS = 3, A_ROW = 2, A_STEP = 3 };
    const size_t b_step = (cols + 15) / 16 * 16, c_row = cols + 1, a_segment = 41;
    const size_t a_size = SEGMENTS * a_segment + rows * A_ROW + depth * A_STEP;
    float *a = malloc(a_size * sizeof *a), *c = malloc(rows * c_row * sizeof *c),
          *b = aligned_alloc(64, SEGMENTS * depth * b_step * sizeof *b),
          *old = malloc(rows * c_row * sizeof *c);
    fill(a, a_size, -1.0, 1.0, 17);
    fill(b, SEGMENTS * depth * b_step, -1.0, 1.0, 18);
    fill(t, cols, -1.0, 1.0, 19);
    fill(c, rows * c_row, -1.0, 1.0, 20);
    memcpy(old, c, rows * c_row * sizeof *c);
    k->window_product(&(inv_window_product){.rows = rows,
                                            .cols = cols,
                                            .segments = SEGMENTS,
                                            .depth = depth,
                                            .a = a,
                                            .a_segment = a_segment,
                                            .a_row = A_ROW,
                                            .a_step = A_STEP,
                                            .b = b,
                                            .b_segment = depth * b_step,
                                            .b_step = b_step,
                                            .start = (const float *[]){NULL, t, c}[start],
                                            .start_row = start == 2 ? c_row : 0,
                                            .c = c,
                                            .c_row = c_row});
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < c_row; j++) {
            double sum = start == 0 ? 0.0 : start == 1 ? t[j] : old[i * c_row + j];
            for (size_t d = 0; j < cols && d < SEGMENTS * depth; d++)
                sum += (double)a[d / depth * a_segment + i * A_ROW + d % depth * A_STEP] *
                       b[d * b_step + j];
            if (j == cols)
                sum = old[i * c_row + j];
            if (fabs(c[i * c_row + j] - sum) > 1e-5)
                ck_abort_msg("%s: window_product %zu x %zu x %zu: [%zu, %zu] is %g, must be %g",
                             k->name, rows, cols, depth, i, j, (double)c[i * c_row + j], sum);
        }
    free(a), free(b), free(c), free(old);
}

START_TEST(windows)
{
    const size_t cols[] = {1, 3, 4, 8, 11, 16, 21, 32, 33, 70};
    for (size_t s = 0; s < set_count; s++)
        for (size_t j = 0; j < sizeof cols / sizeof *cols; j++)
            for (size_t rows = 1; rows < 32; rows++)
                check_window(sets[s], rows, cols[j], 1 + rows % 5, (int)((rows + j) % 3));
}
END_TEST

/* A window of 2 x 3 pixels; values are few, so that many are equal. */
START_TEST(pools)
{
    enum { ROWS = 2, COLUMNS = 3, WIDTH = 5, CHANNELS = 37 };
    float image[ROWS * WIDTH * CHANNELS], dx[ROWS * WIDTH * CHANNELS];
    uint32_t at[CHANNELS + 1];
    fill(image, ROWS * WIDTH * CHANNELS, -2.5, 2.5, 21);
    fill(t, CHANNELS, -1.0, 1.0, 22);
    for (size_t i = 0; i < ROWS * WIDTH * CHANNELS; i++)
        image[i] = floorf(image[i]);
    image[CHANNELS * WIDTH + 3] = image[2 * CHANNELS + 35] = image[36] = NAN;
    for (size_t s = 0; s < set_count; s++)
        for (size_t channels = 1; channels <= CHANNELS; channels++) {
            const inv_pool_window w = {ROWS, COLUMNS, channels, WIDTH * channels, channels};
            out[channels] = UNTOUCHED, at[channels] = 77;
            sets[s]->max_pool(&w, image, out, at);
            ck_assert(out[channels] == UNTOUCHED && at[channels] == 77);
            memset(dx, 0, sizeof dx);
            sets[s]->max_pool_gradient(&w, t, at, dx);
            sets[s]->max_pool_gradient(&w, t, at, dx);
            for (size_t k = 0; k < channels; k++) {
                bool nan = false, first = true;
                for (size_t p = 0; p < ROWS * COLUMNS; p++) {
                    const size_t here = p / COLUMNS * w.pitch + p % COLUMNS * channels;
                    const float v = image[here + k];
                    nan = nan || isnan(v);
                    ck_assert(isnan(out[k]) || v <= out[k]);
                    ck_assert(here == at[k] ? isnan(v) || v == out[k]
                                            : isnan(out[k]) || v < out[k] || !first);
                    first = first && here != at[k];
                    ck_assert(dx[here + k] == (here == at[k] ? 2.0f * t[k] : 0.0f));
                }
                ck_assert(nan == isnan(out[k]) && !first);
            }
        }
}
END_TEST

/* The sparse products of whole matrices are the dense ones, for any number of threads to the bit.
 */
START_TEST(sparse_products_are_the_dense_ones)
{
    enum { ROWS = 150, IN = 130, OUT = 21 };
    gsl_matrix_float *a = NULL, *w = NULL, *p = NULL, *q = NULL, *dw = NULL, *dv = NULL;
    inv_sparse *sparse = calloc(1, inv_sparse_size(ROWS, IN, OUT));
    float *first = NULL;
    ck_assert_ptr_nonnull(sparse);
    ck_assert_int_eq(inv_mat_alloc(ROWS, IN, "a", &a), INV_OK);
    ck_assert_int_eq(inv_mat_alloc(IN, OUT, "w", &w), INV_OK);
    ck_assert_int_eq(inv_mat_alloc(ROWS, OUT, "p", &p), INV_OK);
    ck_assert_int_eq(inv_mat_alloc(ROWS, OUT, "q", &q), INV_OK);
    ck_assert_int_eq(inv_mat_alloc(IN, OUT, "dw", &dw), INV_OK);
    ck_assert_int_eq(inv_mat_alloc(IN, OUT, "dv", &dv), INV_OK);
    fill_sparse(a->data, ROWS * IN, 13);
    fill(w->data, IN * OUT, -1.0, 1.0, 14);
    inv_mat_affine(a, w, t, p);
    gsl_matrix_float_set_zero(dw);
    inv_mat_add_transposed_times(a, p, dw);
    first = malloc(IN * OUT * sizeof *first);
    for (size_t threads = 1; threads <= 5; threads++) {
        inv_threads_set(threads);
        inv_mat_affine(a, w, t, p);
        ck_assert(inv_sparse_affine(sparse, a, w, t, q));
        for (size_t i = 0; i < ROWS * OUT; i++)
            ck_assert(fabsf(p->data[i] - q->data[i]) < 1e-4f);
        inv_mat_affine(a, w, t, p);
        gsl_matrix_float_set_zero(dv);
        ck_assert(inv_sparse_add_transposed_times(sparse, a, p, dv));
        for (size_t i = 0; i < IN * OUT; i++)
            ck_assert(fabsf(dw->data[i] - dv->data[i]) < 1e-3f);
        if (threads == 1)
            memcpy(first, dv->data, IN * OUT * sizeof *first);
        for (size_t i = 0; i < IN * OUT; i++)
            ck_assert(first[i] == dv->data[i]);
    }
    inv_threads_set(2);
    /* few of p's values are 0 */
    ck_assert(!inv_sparse_affine(sparse, p, w, t, q));
    ck_assert(!inv_sparse_add_transposed_times(sparse, p, p, dv));
    free(sparse);
    free(first);
    inv_mat_free(a), inv_mat_free(w), inv_mat_free(p), inv_mat_free(q);
    inv_mat_free(dw), inv_mat_free(dv);
}
END_TEST

/* ---- products ---- */

/* One product of every kind: a or b transposed, a bias, added to what is there; in frames whose
 * edges must stay as they are. */
static void check_product(const inv_kernels *kernels, size_t m, size_t n, size_t k, unsigned kind)
{
    const bool a_transposed = kind & 1, b_transposed = kind & 2, add = kind & 4;
    const float *bias = kind & 8 ? t : NULL;
    const size_t a_wide = (a_transposed ? m : k) + 3, b_wide = (b_transposed ? k : n) + 1,
                 c_wide = n + 2;
    float *a = calloc((a_transposed ? k : m) * a_wide, sizeof *a);
    float *b = calloc((b_transposed ? n : k) * b_wide, sizeof *b);
    float *c = calloc(m * c_wide, sizeof *c), *before = calloc(m * c_wide, sizeof *c);
    fill(a, (a_transposed ? k : m) * a_wide, -1.0, 1.0, kind + 20);
    fill(b, (b_transposed ? n : k) * b_wide, -1.0, 1.0, kind + 21);
    fill(c, m * c_wide, -1.0, 1.0, kind + 22);
    memcpy(before, c, m * c_wide * sizeof *c);
    const inv_product p = {.m = m,
                           .n = n,
                           .k = k,
                           .a = a,
                           .a_row = a_transposed ? 1 : a_wide,
                           .a_col = a_transposed ? a_wide : 1,
                           .b = b,
                           .b_row = b_transposed ? 1 : b_wide,
                           .b_col = b_transposed ? b_wide : 1,
                           .bias = bias,
                           .add = add,
                           .c = c,
                           .c_row = c_wide};
    kernels->product(&p);
    for (size_t at = 0; at < m * c_wide; at++) {
        const size_t i = at / c_wide, j = at % c_wide;
        double sum = before[at], scale = 1.0;
        if (i < m && j < n && !add)
            sum = bias ? bias[j] : 0.0;
        for (size_t l = 0; i < m && j < n && l < k; l++) {
            const double term = (double)a[i * p.a_row + l * p.a_col] * b[l * p.b_row + j * p.b_col];
            sum += term, scale += fabs(term);
        }
        if (fabs(c[at] - sum) > 1e-6 * scale)
            ck_abort_msg("%s: product %zu x %zu x %zu, kind %u: [%zu, %zu] is %g, must be %g",
                         kernels->name, m, n, k, kind, i, j, (double)c[at], sum);
    }
    free(a), free(b), free(c), free(before);
}

START_TEST(products)
{
    const size_t rows[] = {1, 2, 5, 14, 29}, columns[] = {1, 10, 16, 33, 49, 64, 100, 150},
                 depths[] = {1, 7, 256, 300};
    for (size_t s = 0; s < set_count; s++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
            for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
                for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
                    for (unsigned kind = 0; kind < 16; kind++)
                        check_product(sets[s], rows[r], columns[c], depths[d], kind);
}
END_TEST

Suite *kernels_suite(void)
{
    Suite *suite = suite_create("kernels");
    TCase *tcase = tcase_create("kernels");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, elementwise);
    tcase_add_test(tcase, bytes_are_divided_as_floats_are);
    tcase_add_test(tcase, far_values);
    tcase_add_test(tcase, sums_and_ranges);
    tcase_add_test(tcase, adagrad);
    tcase_add_test(tcase, sgd);
    tcase_add_test(tcase, rmsprop);
    tcase_add_test(tcase, adam);
    tcase_add_test(tcase, nonzeros);
    tcase_add_test(tcase, addition);
    tcase_add_test(tcase, windows);
    tcase_add_test(tcase, pools);
    tcase_add_test(tcase, positions);
    tcase_add_test(tcase, padding);
    tcase_add_test(tcase, transposition);
    tcase_add_test(tcase, sparse_rows);
    tcase_add_test(tcase, sparse_products_are_the_dense_ones);
    tcase_add_test(tcase, products);
    suite_add_tcase(suite, tcase);
    return suite;
}
