/* kernels_sparse.h - products with rows of which most values are 0, for the instruction set of the
 * file that includes this.
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

/* Which of the first `most` of n neighbours are not 0: a bit each; `most` is 8 or 64. */
static inline uint64_t nonzero_bits(size_t most, size_t n, const float *x)
{
    uint64_t bits = 0;
    size_t i = 0;
    for (; i < most && i + LANES <= n; i += LANES)
        bits |= (uint64_t)nonzero_lanes(load(x + i)) << i;
    if (i < most && i < n)
        bits |= (uint64_t)nonzero_lanes(load_some(x + i, n - i, 0.0f)) << i;
    return bits;
}

/* The pointer itself. GCC, where it sees what a pointer is made of, gives the address of each
 * vector behind it a register of its own, which makes these loops half as fast again. */
static inline const float *hidden(const float *p)
{
    __asm__("" : "+r"(p));
    return p;
}

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

/* One strip of all rows; k is a constant where this is inlined. */
static inline __attribute__((always_inline)) void
strip_rows(size_t k, size_t width, size_t rows, size_t in, const float *x, size_t x_row,
           const float *w, size_t stride, const float *from, size_t from_row, float *y,
           size_t y_row)
{
    for (size_t r = 0; r < rows; r++, x += x_row) {
        vec sum[STRIP_MOST];
        load_strip(k, width, from + r * from_row, sum);
        for (size_t first = 0; first < in; first += 64)
            for (uint64_t left = nonzero_bits(64, in - first, x + first); left; left &= left - 1) {
                const size_t j = first + (size_t)__builtin_ctzll(left);
                const float *row = hidden(w + j * stride);
                const vec value = splat(x[j]);
#pragma GCC unroll 16
                for (size_t v = 0; v < k; v++)
                    sum[v] += value * load(row + v * LANES);
            }
        store_strip(k, width, sum, y + r * y_row);
    }
}

/* columns[j]'s bit r = bits[r]'s bit j */
static inline void turn_bits(const uint8_t bits[INV_OUTER_ROWS_MOST], uint64_t columns[8])
{
#ifdef TURN_BITS
    TURN_BITS(bits, columns);
#else
    for (size_t j = 0; j < 8; j++) {
        columns[j] = 0;
        for (size_t r = 0; r < INV_OUTER_ROWS_MOST; r++)
            columns[j] |= (uint64_t)(bits[r] >> j & 1) << r;
    }
#endif
}

/* One strip of one row of dw: the sum stays in registers while the rows with a nonzero go by. */
static inline __attribute__((always_inline)) void strip_outer_column(size_t k, size_t width,
                                                                     uint64_t rows, const float *x,
                                                                     size_t x_row, const float *dy,
                                                                     size_t dy_row, float *dw)
{
    vec sum[STRIP_MOST];
    load_strip(k, width, dw, sum);
    for (; rows; rows &= rows - 1) {
        const size_t r = (size_t)__builtin_ctzll(rows);
        const float *slope = hidden(dy + r * dy_row);
        const vec value = splat(x[r * x_row]);
#pragma GCC unroll 16
        for (size_t v = 0; v < k; v++)
            sum[v] += value * load(slope + v * LANES);
    }
    store_strip(k, width, sum, dw);
}

/* One strip of all rows of dw. x is read 8 columns at a time, which stay in the nearest cache until
 * their values are wanted. */
static inline __attribute__((always_inline)) void
strip_outer(size_t k, size_t width, size_t rows, size_t in, const float *x, size_t x_row,
            const float *dy, size_t dy_row, float *dw, size_t dw_row)
{
    for (size_t first = 0; first < in; first += 8) {
        uint8_t bits[INV_OUTER_ROWS_MOST] = {0};
        uint64_t columns[8];
        for (size_t r = 0; r < rows; r++) {
            bits[r] = (uint8_t)nonzero_bits(8, in - first, x + r * x_row + first);
            __builtin_prefetch(x + r * x_row + first + 16);
        }
        turn_bits(bits, columns);
        for (size_t j = first; j < first + 8; j++)
            if (columns[j - first])
                strip_outer_column(k, width, columns[j - first], x + j, x_row, dy, dy_row,
                                   dw + j * dw_row);
    }
}

#define EACH_COUNT(CASE)                                                                           \
    CASE(1)                                                                                        \
    CASE(2)                                                                                        \
    CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13)

/* The columns of a strip: STRIP_MOST vectors or what is left of `out`. */
static inline size_t strip_width(size_t out, size_t first)
{
    const size_t left = out - first;
    return left < (size_t)STRIP_MOST * LANES ? left : (size_t)STRIP_MOST * LANES;
}

static void sparse_rows(size_t rows, size_t in, size_t out, const float *x, size_t x_row,
                        const float *w, size_t stride, const float *from, size_t from_row, float *y,
                        size_t y_row)
{
    for (size_t at = 0, width; at < out; at += width) {
        width = strip_width(out, at);
        switch ((width + LANES - 1) / LANES) {
#define CASE(k)                                                                                    \
    case k:                                                                                        \
        strip_rows(k, width, rows, in, x, x_row, w + at, stride, from + at, from_row, y + at,      \
                   y_row);                                                                         \
        break;
            EACH_COUNT(CASE)
#undef CASE
        }
    }
}

static void sparse_outer(size_t rows, size_t in, size_t out, const float *x, size_t x_row,
                         const float *dy, size_t dy_row, float *dw, size_t dw_row)
{
    for (size_t at = 0, width; at < out; at += width) {
        width = strip_width(out, at);
        switch ((width + LANES - 1) / LANES) {
#define CASE(k)                                                                                    \
    case k:                                                                                        \
        strip_outer(k, width, rows, in, x, x_row, dy + at, dy_row, dw + at, dw_row);               \
        break;
            EACH_COUNT(CASE)
#undef CASE
        }
    }
}
