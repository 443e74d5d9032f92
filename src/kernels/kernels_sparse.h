/* kernels_sparse.h - products with rows of which most values are 0, for the instruction set of the
 * file that includes this.
 *
 * Columns are taken two by two: neighbouring pixels are mostly black together, and what is read
 * for one, a row of y or of dy, serves the other too. Two rows of w or of dw stay in registers
 * while the rows with a nonzero in either column go by.
 *
 * That file may define NONZERO_LANES(v), which lanes are not 0, a bit each, and TURN_BITS(bits,
 * columns).
 * SPDX-License-Identifier: GPL-3.0-or-later */

static inline unsigned nonzero_lanes(vec v)
{
#ifdef NONZERO_LANES
    return NONZERO_LANES(v);
#else
    unsigned bits = 0;
    for (size_t i = 0; i < LANES; i++)
        bits |= (unsigned)(v[i] != 0.0f) << i;
    return bits;
#endif
}

#define BYTES (LANES > 8 ? LANES / 8 : 1) /* of bits, that are found together */

/* Which of the first 8 BYTES of n neighbours are not 0: a bit each. */
static inline unsigned nonzero_bits(size_t n, const float *x)
{
    unsigned bits = 0;
    size_t i = 0;
    for (; i < 8 * BYTES && i + LANES <= n; i += LANES)
        bits |= nonzero_lanes(load(x + i)) << i;
    if (i < 8 * BYTES && i < n)
        bits |= nonzero_lanes(load_some(x + i, n - i, 0.0f)) << i;
    return bits;
}

/* GCC, where it sees what a pointer is made of, gives the address of each vector behind it a
 * register of its own, which makes these loops half as fast again: so it does not see. */
#define HIDE(pointer) __asm__("" : "+r"(pointer))

static void pad(size_t rows, size_t cols, const float *from, size_t from_row, float *to,
                size_t stride)
{
    for (size_t r = 0; r < rows; r++, from += from_row, to += stride)
        for (size_t j = 0; j < stride; j += LANES)
            if (j + LANES <= cols)
                store(to + j, load(from + j));
            else
                store(to + j, j < cols ? load_some(from + j, cols - j, 0.0f) : splat(0.0f));
}

/* A strip of `width` columns, up to k vectors: whole ones, but perhaps for the last. */
static inline __attribute__((always_inline)) void load_strip(size_t k, size_t width,
                                                             const float *from, vec *to)
{
#pragma GCC unroll 16
    for (size_t v = 0; v + 1 < k; v++)
        to[v] = load(from + v * LANES);
    const size_t last = (k - 1) * LANES;
    to[k - 1] =
        width - last == LANES ? load(from + last) : load_some(from + last, width - last, 0.0f);
}

static inline __attribute__((always_inline)) void store_strip(size_t k, size_t width,
                                                              const vec *from, float *to)
{
#pragma GCC unroll 16
    for (size_t v = 0; v + 1 < k; v++)
        store(to + v * LANES, from[v]);
    const size_t last = (k - 1) * LANES;
    if (width - last == LANES)
        store(to + last, from[k - 1]);
    else
        store_some(to + last, from[k - 1], width - last);
}

/* columns[j]'s bit r = bits[r]'s bit j */
static inline void transpose_bits(const uint8_t bits[INV_SPARSE_ROWS], uint64_t columns[8])
{
#ifdef TURN_BITS
    TURN_BITS(bits, columns);
#else
    for (size_t j = 0; j < 8; j++) {
        columns[j] = 0;
        for (size_t r = 0; r < INV_SPARSE_ROWS; r++)
            columns[j] |= (uint64_t)(bits[r] >> j & 1) << r;
    }
#endif
}

static void nonzero_rows(size_t rows, size_t in, const float *x, size_t x_row, uint64_t *bits)
{
    for (size_t first = 0; first < in; first += 8 * BYTES) {
        uint8_t row_bits[BYTES][INV_SPARSE_ROWS] = {{0}};
        uint64_t columns[8 * BYTES];
        for (size_t r = 0; r < rows; r++) {
            const unsigned found = nonzero_bits(in - first, x + r * x_row + first);
            for (size_t b = 0; b < BYTES; b++)
                row_bits[b][r] = (uint8_t)(found >> 8 * b);
        }
        for (size_t b = 0; b < BYTES; b++)
            transpose_bits(row_bits[b], columns + 8 * b);
        const size_t left = in - first;
        memcpy(bits + first, columns, (left < 8 * BYTES ? left : 8 * BYTES) * sizeof *columns);
    }
}

/* One strip, k vectors, of y += x w; k is a constant where this is inlined. */
static inline __attribute__((always_inline)) void strip_rows(size_t k, size_t width,
                                                             const inv_sparse_product *p,
                                                             const float *w, size_t w_row, float *y)
{
    static const float zeros[STRIP_MOST * LANES];
    const size_t in = p->in, x_row = p->x_row, stride = p->stride;
    for (size_t j = 0; j < in; j += 2) {
        const size_t next = j + 1 < in; /* the last column may be alone */
        const float *x = p->x + j;
        vec first[STRIP_MOST], second[STRIP_MOST];
        uint64_t rows = p->bits[j] | p->bits[j + next];
        if (!rows)
            continue;
        load_strip(k, width, w + j * w_row, first);
        load_strip(k, width, next ? w + (j + 1) * w_row : zeros, second);
        for (; rows; rows &= rows - 1) {
            const size_t r = (size_t)__builtin_ctzll(rows);
            const vec a = splat(x[r * x_row]), b = splat(x[r * x_row + next]);
            float *row = y + r * stride;
            HIDE(row);
#pragma GCC unroll 16
            for (size_t v = 0; v < k; v++)
                store(row + v * LANES,
                      ADD_PRODUCT(ADD_PRODUCT(load(row + v * LANES), a, first[v]), b, second[v]));
        }
    }
}

/* One strip of dw += transpose(x) dy. */
static inline __attribute__((always_inline)) void strip_outer(size_t k, size_t width,
                                                              const inv_sparse_product *p,
                                                              const float *dy, float *dw,
                                                              size_t dw_row)
{
    const size_t in = p->in, x_row = p->x_row, stride = p->stride;
    for (size_t j = 0; j < in; j += 2) {
        const size_t next = j + 1 < in;
        const float *x = p->x + j;
        float *to = dw + j * dw_row;
        vec first[STRIP_MOST], second[STRIP_MOST];
        uint64_t rows = p->bits[j] | p->bits[j + next];
        if (!rows)
            continue;
        load_strip(k, width, to, first);
        load_strip(k, width, to + next * dw_row, second);
        for (; rows; rows &= rows - 1) {
            const size_t r = (size_t)__builtin_ctzll(rows);
            const vec a = splat(x[r * x_row]), b = splat(x[r * x_row + next]);
            const float *row = dy + r * stride;
            HIDE(row);
#pragma GCC unroll 16
            for (size_t v = 0; v < k; v++) {
                const vec gradient = load(row + v * LANES);
                first[v] = ADD_PRODUCT(first[v], a, gradient);
                second[v] = ADD_PRODUCT(second[v], b, gradient);
            }
        }
        store_strip(k, width, second, to + next * dw_row);
        store_strip(k, width, first, to); /* last: where it is alone, it is both */
    }
}

#define EACH_COUNT(CASE)                                                                           \
    CASE(1)                                                                                        \
    CASE(2)                                                                                        \
    CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13)

/* CALL(k) for each strip: from column `at`, `width` columns or k vectors; all about as wide. */
#define EACH_STRIP(out, CALL)                                                                      \
    const size_t vectors = ((out) + LANES - 1) / LANES;                                            \
    const size_t strips = (vectors + STRIP_MOST - 1) / STRIP_MOST;                                 \
    for (size_t s = 0; s < strips; s++) {                                                          \
        const size_t at = s * vectors / strips * LANES, end = (s + 1) * vectors / strips * LANES;  \
        const size_t width = (end < (out) ? end : (out)) - at;                                     \
        switch ((end - at) / LANES) {                                                              \
            EACH_COUNT(CALL)                                                                       \
        }                                                                                          \
    }

static void sparse_rows(const inv_sparse_product *p, const float *w, size_t w_row, float *y)
{
#define CASE(k)                                                                                    \
    case k:                                                                                        \
        if (k <= STRIP_MOST)                                                                       \
            strip_rows(k, width, p, w + at, w_row, y + at);                                        \
        break;
    EACH_STRIP(p->out, CASE)
#undef CASE
}

static void sparse_outer(const inv_sparse_product *p, const float *dy, float *dw, size_t dw_row)
{
#define CASE(k)                                                                                    \
    case k:                                                                                        \
        if (k <= STRIP_MOST)                                                                       \
            strip_outer(k, width, p, dy + at, dw + at, dw_row);                                    \
        break;
    EACH_STRIP(p->out, CASE)
#undef CASE
}
