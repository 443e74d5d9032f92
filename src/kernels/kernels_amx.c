/* kernels_amx.c - matrix products on the tiles of AMX, as accurate as those of float32.
 *
 * A tile holds bf16 numbers, a float32's exponent and the first 8 bits of its 24; their products are
 * added in float32. So a float is split into three of them: the nearest, the nearest to what is
 * left, and what is left then, which is one exactly. Six of the nine products of those count, the
 * others are below 2^-26 of the whole. Henry, Tang, Heinecke, "Leveraging the bfloat16 Artificial
 * Intelligence Datatype For Higher-Precision Computations", 2019.
 *
 * Tiles take a denormal number as 0 and make none, and of an infinity the split makes a NaN. A value
 * of c that its row of a and its column of b could bring near to that is AVX-512's. Nothing but that
 * row, that column and the depth decides so, and in which order its products are added: its bits are
 * the same in whichever block of the product it is worked out.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernels/kernels_amx.h"

extern const inv_kernels inv_kernels_avx512;

#ifdef INV_HAS_TILES
#include <immintrin.h>

const bool inv_amx_is_built = true;

/* A product of tiles: [16, 32] times [32, 16], the latter in pairs of rows: the first and the second
 * half of a step along the depth, in both factors, so that none needs its numbers moved. */
#define SIDE   16
#define STEP   (2 * SIDE)
#define TILE   (SIDE * STEP) /* bf16 numbers */
#define PLANES 3
#define ROW    (STEP * sizeof(uint16_t)) /* bytes */

/* Four tiles of sums take most of the eight, and so long a depth that adding them to c costs little.
 * The panel of b stays in the second cache, the rows of a in the first. */
#define STEPS_MOST  8
#define PANEL_TILES 128 /* of one plane: 256 columns of b at the greatest depth */
#define DEPTH_MOST  (STEPS_MOST * STEP)
#define BLOCK       (2 * SIDE) /* rows and columns of c at a time */
#define TURNED_ROW  (DEPTH_MOST + SIDE)

/* Shapes of less are AVX-512's: there splitting the factors takes longer than tiles save. Worked out,
 * since no processor with tiles was at hand: the time for all but the tiles, measured with AVX-512,
 * and 1.3 times what six products take at 2,200 GFLOP/s of bf16, as prototypes of such products had
 * it. So 128 rows came to 1.0 to 1.3 times AVX-512's rate from here on, to 0.8 to 1.1 a little below,
 * and 32 rows to 0.8 of it, but rows may not decide. To be measured on such a processor (make
 * bench-kernels). */
#define DEPTH_LEAST   128
#define COLUMNS_LEAST 128

/* Exponents, as floats hold them, between which tiles give what float32 gives: no sum of DEPTH_MOST
 * products overflows, no plane is denormal, and what is lost where the small products of planes are
 * is below 2^-30 of the smallest whole product. */
#define BIAS     127
#define LARGEST  (BIAS + 58)
#define SMALLEST (BIAS - 100)
#define TOGETHER (2 * BIAS - 96) /* the least of a row of a and of a column of b, added */
#define NEVER    (-1024)         /* more than all others make up for */

/* A part of the depth, in whole steps but for the last. */
typedef struct depth_part {
    size_t from, depth, steps;
} depth_part;

/* Rows of a and columns of b: [groups of SIDE][steps][PLANES][TILE]. Of each the smallest exponent
 * of what is not 0, or NEVER. Half a megabyte, on the stack. */
typedef struct workspace {
    _Alignas(64) uint16_t a[BLOCK / SIDE * STEPS_MOST * PLANES * TILE];
    _Alignas(64) uint16_t b[PANEL_TILES * PLANES * TILE];
    _Alignas(64) int32_t a_least[BLOCK];
    _Alignas(64) int32_t b_least[PANEL_TILES * SIDE];
    _Alignas(64) float turned[BLOCK * TURNED_ROW];
    _Alignas(64) float sums[BLOCK * BLOCK];   /* [tile][SIDE, SIDE] */
    _Alignas(64) float others[BLOCK * BLOCK]; /* what AVX-512 makes of a block, and of a step */
    _Alignas(64) float of_step[BLOCK * BLOCK];
} workspace;

static size_t parts(size_t n, size_t maximum)
{
    return (n + maximum - 1) / maximum;
}

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)(n < SIDE ? (1u << n) - 1 : 0xffff);
}

/* The first n lanes, the others 0. */
static inline __m512 load_first(const float *from, size_t n)
{
    return n < SIDE ? _mm512_maskz_loadu_ps(first_lanes(n), from) : _mm512_loadu_ps(from);
}

/* ---- planes ---- */

/* What the numbers of some lines are like, in the halves of each lane. */
typedef struct seen {
    __m512i least, most; /* of the nearest bf16 numbers without their signs, less 1: 0 is the most
                            unsigned, and the least signed */
    __m512i lost;        /* bits that three planes do not hold, below the others */
} seen;

static inline seen nothing_seen(void)
{
    return (seen){_mm512_set1_epi32(-1), _mm512_set1_epi32(-1), _mm512_setzero_si512()};
}

/* The nearest bf16 numbers, as floats; from the middle between two away from 0. */
static inline __m512i nearest(__m512 v)
{
    return _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(v), _mm512_set1_epi32(0x8000)),
                            _mm512_set1_epi32((int)0xffff0000));
}

/* bf16 numbers that are floats, as pairs. */
static inline __m512i paired(__m512i first, __m512i second)
{
    return _mm512_or_si512(_mm512_srli_epi32(first, 16), second);
}

/* A row of a tile in each plane, from the first and the second half of a step. */
static inline void split(__m512 first, __m512 second, uint16_t *to, seen *s)
{
    __m512i high[2] = {nearest(first), nearest(second)};
    const __m512i nearest_pairs = paired(high[0], high[1]);
    first = _mm512_sub_ps(first, _mm512_castsi512_ps(high[0]));
    second = _mm512_sub_ps(second, _mm512_castsi512_ps(high[1]));
    high[0] = nearest(first), high[1] = nearest(second);
    _mm512_store_si512(to, nearest_pairs);
    _mm512_store_si512(to + TILE, paired(high[0], high[1]));
    high[0] = _mm512_castps_si512(_mm512_sub_ps(first, _mm512_castsi512_ps(high[0])));
    high[1] = _mm512_castps_si512(_mm512_sub_ps(second, _mm512_castsi512_ps(high[1])));
    _mm512_store_si512(to + 2 * TILE, paired(high[0], high[1]));
    const __m512i size = _mm512_sub_epi16(
        _mm512_and_si512(nearest_pairs, _mm512_set1_epi16(0x7fff)), _mm512_set1_epi16(1));
    s->least = _mm512_min_epu16(s->least, size);
    s->most = _mm512_max_epi16(s->most, size);
    s->lost = _mm512_or_si512(s->lost, _mm512_or_si512(high[0], high[1]));
}

/* In each lane the smallest exponent of what is not 0, or NEVER. */
static inline __m512i least_exponents(const seen *s)
{
    const __m512i zero = _mm512_setzero_si512(), low_half = _mm512_set1_epi32(0xffff);
    __m512i least = _mm512_mask_mov_epi16(
        s->least, _mm512_cmpgt_epi16_mask(s->most, _mm512_set1_epi16((LARGEST << 7) - 1)), zero);
    least = _mm512_mask_mov_epi16(least, _mm512_test_epi16_mask(s->lost, low_half), zero);
    least = _mm512_srli_epi16(least, 7);
    least = _mm512_min_epu32(_mm512_and_si512(least, low_half), _mm512_srli_epi32(least, 16));
    return _mm512_mask_mov_epi32(least, _mm512_cmplt_epi32_mask(least, _mm512_set1_epi32(SMALLEST)),
                                 _mm512_set1_epi32(NEVER));
}

/* Rows of a, with rows of zeros up to a whole tile. */
static void split_rows(const inv_product *p, const depth_part *d, size_t row, size_t rows,
                       workspace *w)
{
    const float *a = p->a + row * p->a_row + d->from * p->a_col;
    size_t a_row = p->a_row;
    if (p->a_col != 1) {
        inv_kernels_avx512.transpose(d->depth, rows, a, p->a_col, w->turned, TURNED_ROW);
        a = w->turned, a_row = TURNED_ROW;
    }
    for (size_t i = 0; i < parts(rows, SIDE) * SIDE; i++) {
        uint16_t *to = w->a + i / SIDE * d->steps * PLANES * TILE + i % SIDE * STEP;
        const size_t end = i < rows ? d->depth : 0;
        seen s = nothing_seen();
        for (size_t k = 0; k < d->steps * STEP; k += STEP, to += PLANES * TILE) {
            const __m512 first =
                k < end ? load_first(a + i * a_row + k, end - k) : _mm512_setzero_ps();
            const __m512 second = k + SIDE < end
                                      ? load_first(a + i * a_row + k + SIDE, end - k - SIDE)
                                      : _mm512_setzero_ps();
            split(first, second, to, &s);
        }
        w->a_least[i] = _mm512_reduce_min_epi32(least_exponents(&s));
    }
}

/* One or two groups of columns of b, a constant where this is inlined, with zeros beside and below
 * them. */
static inline __attribute__((always_inline)) void split_groups(size_t groups, const float *b,
                                                               size_t b_row, size_t columns,
                                                               const depth_part *d, uint16_t *to,
                                                               int32_t *least)
{
    const size_t size = d->steps * PLANES * TILE;
    seen s[BLOCK / SIDE] = {nothing_seen(), nothing_seen()};
    for (size_t step = 0; step < d->depth; step += STEP, to += PLANES * TILE)
        for (size_t r = 0; r < SIDE; r++) {
            const size_t k = step + r, l = k + SIDE;
#pragma GCC unroll 2
            for (size_t g = 0; g < groups; g++) {
                const float *row = b + k * b_row + g * SIDE;
                const size_t n = columns - g * SIDE;
                split(k < d->depth ? load_first(row, n) : _mm512_setzero_ps(),
                      l < d->depth ? load_first(row + SIDE * b_row, n) : _mm512_setzero_ps(),
                      to + g * size + r * STEP, &s[g]);
            }
        }
#pragma GCC unroll 2
    for (size_t g = 0; g < groups; g++)
        _mm512_store_si512(least + g * SIDE, least_exponents(&s[g]));
}

static void split_columns(const inv_product *p, const depth_part *d, size_t first, size_t columns,
                          workspace *w)
{
    for (size_t j = 0; j < columns; j += BLOCK) {
        const size_t n = minimum(columns - j, BLOCK);
        const float *b = p->b + d->from * p->b_row + (first + j) * p->b_col;
        uint16_t *to = w->b + j / SIDE * d->steps * PLANES * TILE;
        size_t b_row = p->b_row;
        if (p->b_col != 1) {
            inv_kernels_avx512.transpose(n, d->depth, b, p->b_col, w->turned, BLOCK);
            b = w->turned, b_row = BLOCK;
        }
        if (n > SIDE)
            split_groups(2, b, b_row, n, d, to, w->b_least + j);
        else
            split_groups(1, b, b_row, n, d, to, w->b_least + j);
    }
}

/* ---- tiles ---- */

typedef struct tile_config {
    uint8_t palette, start, unused[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static const tile_config config = {.palette = 1,
                                   .row_bytes = {ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW},
                                   .rows = {SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE}};

/* gcc does not know that loading a tile reads memory. */
#define MEMORY_IS_WRITTEN() __asm__ volatile("" ::: "memory")

/* Tiles 0 to 3 are sums, 4 and 5 of a, 6 and 7 of b; the second of each only where there is one. */
#define LOAD_A(plane)                                                                              \
    do {                                                                                           \
        _tile_loadd(4, a + (plane)*TILE, ROW);                                                     \
        if (two_rows)                                                                              \
            _tile_loadd(5, a + (plane)*TILE + steps * PLANES * TILE, ROW);                         \
    } while (0)
#define LOAD_B(plane)                                                                              \
    do {                                                                                           \
        _tile_loadd(6, b + (plane)*TILE, ROW);                                                     \
        if (two_columns)                                                                           \
            _tile_loadd(7, b + (plane)*TILE + steps * PLANES * TILE, ROW);                         \
    } while (0)
#define ADD_PRODUCTS()                                                                             \
    do {                                                                                           \
        _tile_dpbf16ps(0, 4, 6);                                                                   \
        if (two_columns)                                                                           \
            _tile_dpbf16ps(1, 4, 7);                                                               \
        if (two_rows)                                                                              \
            _tile_dpbf16ps(2, 5, 6);                                                               \
        if (two_rows && two_columns)                                                               \
            _tile_dpbf16ps(3, 5, 7);                                                               \
    } while (0)

/* The small products come first, so that little is rounded off them. */
static inline __attribute__((always_inline)) void multiply(bool two_rows, bool two_columns,
                                                           size_t steps, const uint16_t *a,
                                                           const uint16_t *b, float *sums)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t s = 0; s < steps; s++, a += PLANES * TILE, b += PLANES * TILE) {
        LOAD_A(2);
        LOAD_B(0);
        ADD_PRODUCTS();
        LOAD_A(1);
        ADD_PRODUCTS();
        LOAD_B(1);
        ADD_PRODUCTS();
        LOAD_A(0);
        ADD_PRODUCTS();
        LOAD_B(2);
        ADD_PRODUCTS();
        LOAD_B(0);
        ADD_PRODUCTS();
    }
    _tile_stored(0, sums, SIDE * sizeof *sums);
    _tile_stored(1, sums + SIDE * SIDE, SIDE * sizeof *sums);
    _tile_stored(2, sums + 2 * SIDE * SIDE, SIDE * sizeof *sums);
    _tile_stored(3, sums + 3 * SIDE * SIDE, SIDE * sizeof *sums);
}

/* ---- blocks of c ---- */

/* At most BLOCK rows and columns, and where in the workspace the columns are. */
typedef struct block {
    size_t row, rows, column, columns;
    const uint16_t *b;
    const int32_t *b_least;
} block;

static void multiply_block(const block *at, size_t steps, workspace *w)
{
    const bool two_rows = at->rows > SIDE, two_columns = at->columns > SIDE;
    MEMORY_IS_WRITTEN();
    if (two_rows && two_columns)
        multiply(true, true, steps, w->a, at->b, w->sums);
    else if (two_rows)
        multiply(true, false, steps, w->a, at->b, w->sums);
    else if (two_columns)
        multiply(false, true, steps, w->a, at->b, w->sums);
    else
        multiply(false, false, steps, w->a, at->b, w->sums);
}

/* Some columns of a row of c before a part of the depth is added. */
static inline __m512 start_of(const inv_product *p, const depth_part *d, size_t row, size_t column,
                              size_t columns)
{
    if (p->add || d->from > 0)
        return load_first(p->c + row * p->c_row + column, columns);
    return p->bias ? load_first(p->bias + column, columns) : _mm512_setzero_ps();
}

/* Whether tiles serve all of a block. */
static bool in_reach(const block *at, const workspace *w)
{
    __m512i a = _mm512_load_si512(w->a_least), b = _mm512_load_si512(at->b_least);
    if (at->rows > SIDE)
        a = _mm512_min_epi32(a, _mm512_load_si512(w->a_least + SIDE));
    if (at->columns > SIDE)
        b = _mm512_min_epi32(b, _mm512_load_si512(at->b_least + SIDE));
    return _mm512_reduce_min_epi32(a) + _mm512_reduce_min_epi32(b) >= TOGETHER;
}

/* The sums by AVX-512, a step of the depth at a time: one over all of it has larger errors than that
 * of tiles. */
static void multiply_otherwise(const inv_product *p, const depth_part *d, const block *at,
                               workspace *w)
{
    inv_product part = *p;
    part.m = at->rows, part.n = at->columns;
    part.bias = NULL, part.add = false, part.c_row = BLOCK;
    for (size_t k = 0; k < d->depth; k += STEP) {
        part.k = minimum(d->depth - k, STEP);
        part.a = p->a + at->row * p->a_row + (d->from + k) * p->a_col;
        part.b = p->b + (d->from + k) * p->b_row + at->column * p->b_col;
        part.c = k == 0 ? w->others : w->of_step;
        inv_kernels_avx512.product(&part);
        for (size_t i = 0; k > 0 && i < at->rows; i++)
            inv_kernels_avx512.add(at->columns, w->of_step + i * BLOCK, w->others + i * BLOCK);
    }
}

/* The sums of a row of a block, from column j on, a multiple of SIDE. */
static inline float *sums_of(workspace *w, size_t i, size_t j)
{
    return w->sums + ((i / SIDE * 2 + j / SIDE) * SIDE + i % SIDE) * SIDE;
}

/* In place of those of tiles, where a value is out of their reach. */
static void take_others(const block *at, workspace *w)
{
    for (size_t i = 0; i < at->rows; i++)
        for (size_t j = 0; j < at->columns; j += SIDE) {
            const __m512i together = _mm512_add_epi32(_mm512_load_si512(at->b_least + j),
                                                      _mm512_set1_epi32(w->a_least[i]));
            const __mmask16 out = _mm512_cmplt_epi32_mask(together, _mm512_set1_epi32(TOGETHER));
            const __m512 others = load_first(w->others + i * BLOCK + j, at->columns - j);
            _mm512_mask_storeu_ps(sums_of(w, i, j), out, others);
        }
}

/* c = start + sums, where -0 counts as 0. */
static void add_block(const inv_product *p, const depth_part *d, const block *at, workspace *w)
{
    for (size_t i = 0; i < at->rows; i++)
        for (size_t j = 0; j < at->columns; j += SIDE) {
            const size_t row = at->row + i, column = at->column + j, n = at->columns - j;
            const __m512 sum = _mm512_add_ps(_mm512_load_ps(sums_of(w, i, j)), _mm512_setzero_ps());
            _mm512_mask_storeu_ps(p->c + row * p->c_row + column, first_lanes(n),
                                  _mm512_add_ps(start_of(p, d, row, column, n), sum));
        }
}

/* Rows of c, for the columns of a panel. */
static void multiply_rows(const inv_product *p, const depth_part *d, size_t first, size_t columns,
                          size_t row, workspace *w)
{
    const size_t rows = minimum(p->m - row, BLOCK);
    split_rows(p, d, row, rows, w);
    for (size_t j = 0; j < columns; j += BLOCK) {
        const block at = {.row = row,
                          .rows = rows,
                          .column = first + j,
                          .columns = minimum(columns - j, BLOCK),
                          .b = w->b + j / SIDE * d->steps * PLANES * TILE,
                          .b_least = w->b_least + j};
        multiply_block(&at, d->steps, w);
        if (!in_reach(&at, w)) {
            multiply_otherwise(p, d, &at, w);
            take_others(&at, w);
        }
        add_block(p, d, &at, w);
    }
}

/* The depth is shared out by its length alone. */
static depth_part part_of(size_t depth, size_t part, size_t count)
{
    const size_t steps = parts(depth, STEP), from = part * steps / count,
                 end = (part + 1) * steps / count;
    return (depth_part){.from = from * STEP,
                        .depth = minimum(end * STEP, depth) - from * STEP,
                        .steps = end - from};
}

static void multiply_parts(const inv_product *p)
{
    workspace w;
    const size_t count = parts(parts(p->k, STEP), STEPS_MOST);
    for (size_t part = 0; part < count; part++) {
        const depth_part d = part_of(p->k, part, count);
        const size_t panel = PANEL_TILES / d.steps / 2 * BLOCK;
        for (size_t first = 0; first < p->n; first += panel) {
            const size_t columns = minimum(p->n - first, panel);
            split_columns(p, &d, first, columns, &w);
            for (size_t row = 0; row < p->m; row += BLOCK)
                multiply_rows(p, &d, first, columns, row, &w);
        }
    }
}

void inv_amx_product(const inv_product *p)
{
    if (p->k < DEPTH_LEAST || (p->whole_n ? p->whole_n : p->n) < COLUMNS_LEAST) {
        inv_kernels_avx512.product(p);
        return;
    }
    _tile_loadconfig(&config);
    multiply_parts(p);
    _tile_release();
}
#else
const bool inv_amx_is_built = false;

#if defined(__x86_64__)
void inv_amx_product(const inv_product *p)
{
    inv_kernels_avx512.product(p);
}
#endif
#endif
