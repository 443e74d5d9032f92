/* kernels_gemm.h - matrix products, for the instruction set of the file that includes this.
 *
 * A tile of c, TILE_ROWS(v) rows of v vectors, stays in registers while the depth goes by; b is
 * copied, a panel of PANEL_MOST vectors and DEPTH_MOST rows at a time, so that the tile reads it in
 * order, and a is read where it stands, one value at a time. Goto, van de Geijn, "Anatomy of
 * High-Performance Matrix Multiplication", 2008, but for the copy of a: here a has few columns or
 * is read in order.
 * SPDX-License-Identifier: GPL-3.0-or-later */

#define DEPTH_MOST 128
#define ROWS_MOST  14
#define WIDEST     5 /* vectors of a panel, here or in kernels_signs.h */
_Static_assert(PANEL_MOST <= WIDEST, "zeros enough for a row of a tile");

typedef struct panel {
    size_t first, columns, vectors; /* of c */
    size_t from, depth;             /* rows of b */
    float *values;                  /* [depth][vectors * LANES], with zeros beside the columns */
} panel;

/* to[k to_step + j] = from[j from_step + k], or 0 where j >= rows, for j < width <= LANES and
 * k < LANES, k < columns. Each round takes the first bit of the row's number to the end of the
 * column's and the first of the column's to the end of the row's. */
static inline void transpose_lanes(const float *from, size_t from_step, size_t rows, size_t columns,
                                   float *to, size_t to_step, size_t width)
{
    vec a[LANES], b[LANES];
    for (size_t j = 0; j < LANES; j++) {
        const float *row = from + j * from_step;
        if (j >= rows)
            a[j] = splat(0.0f);
        else
            a[j] = columns < LANES ? load_some(row, columns, 0.0f) : load(row);
    }
    for (size_t round = LANES; round > 1; round /= 2) {
        for (size_t i = 0; i < LANES / 2; i++) {
            b[2 * i] = LOW_LANES(a[i], a[i + LANES / 2]);
            b[2 * i + 1] = HIGH_LANES(a[i], a[i + LANES / 2]);
        }
        for (size_t i = 0; i < LANES; i++)
            a[i] = b[i];
    }
    for (size_t k = 0; k < LANES; k++)
        if (k < columns && width < LANES)
            store_some(to + k * to_step, a[k], width);
        else if (k < columns)
            store(to + k * to_step, a[k]);
}

static void transpose(size_t rows, size_t cols, const float *from, size_t from_row, float *to,
                      size_t to_row)
{
    for (size_t i = 0; i < rows; i += LANES)
        for (size_t j = 0; j < cols; j += LANES)
            transpose_lanes(from + i * from_row + j, from_row, rows - i, cols - j,
                            to + j * to_row + i, to_row, rows - i < LANES ? rows - i : LANES);
}

static void copy_panel(const inv_product *p, const panel *to)
{
    const size_t width = to->vectors * LANES;
    const float *b = p->b + to->from * p->b_row + to->first * p->b_col;
    if (p->b_col == 1) {
        for (size_t k = 0; k < to->depth; k++) {
            float *row = to->values + k * width;
            size_t j = 0;
            for (; j + LANES <= to->columns; j += LANES)
                store(row + j, load(b + k * p->b_row + j));
            if (j < to->columns)
                store(row + j, load_some(b + k * p->b_row + j, to->columns - j, 0.0f));
        }
        return;
    }
    for (size_t j = 0; j < width; j += LANES)
        for (size_t k = 0; k < to->depth; k += LANES)
            transpose_lanes(b + k + j * p->b_col, p->b_col, j < to->columns ? to->columns - j : 0,
                            to->depth - k, to->values + k * width + j, width, LANES);
}

/* Where the sums of a tile come from and go to, floats from row to row, and the columns of the last
 * vector. */
typedef struct tile_ends {
    const float *from;
    size_t from_step;
    float *to;
    size_t to_step, last;
} tile_ends;

/* to[row .. row + rows - 1, the panel's columns] = from + the panel's part; rows and vectors are
 * constants where this is inlined. */
static inline __attribute__((always_inline)) void
tile(size_t rows, size_t vectors, const inv_product *p, const panel *b, size_t row, tile_ends ends)
{
    vec sum[ROWS_MOST][PANEL_MOST];
    const size_t a_row = p->a_row, a_col = p->a_col, depth = b->depth;
    const float *a = p->a + row * a_row + b->from * a_col, *at = b->values;
#pragma GCC unroll 16
    for (size_t i = 0; i < rows; i++) {
        const float *from = ends.from + i * ends.from_step;
#pragma GCC unroll 4
        for (size_t v = 0; v + 1 < vectors; v++)
            sum[i][v] = load(from + v * LANES);
        sum[i][vectors - 1] = load_some(from + (vectors - 1) * LANES, ends.last, 0.0f);
    }
    for (size_t k = 0; k < depth; k++, at += vectors * LANES, a += a_col) {
        vec right[PANEL_MOST];
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            right[v] = load(at + v * LANES);
#pragma GCC unroll 16
        for (size_t i = 0; i < rows; i++) {
            const vec left = splat(a[i * a_row]);
#pragma GCC unroll 4
            for (size_t v = 0; v < vectors; v++)
                sum[i][v] = ADD_PRODUCT(sum[i][v], left, right[v]);
        }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < rows; i++) {
        float *to = ends.to + i * ends.to_step;
#pragma GCC unroll 4
        for (size_t v = 0; v + 1 < vectors; v++)
            store(to + v * LANES, sum[i][v]);
        store_some(to + (vectors - 1) * LANES, sum[i][vectors - 1], ends.last);
    }
}

/* From c itself after the first part of the depth, or where p->add says so; else from the bias or 0.
 */
static tile_ends ends_of(const inv_product *p, const panel *b, size_t row)
{
    static const float zeros[WIDEST * LANES];
    const size_t last = b->columns - (b->vectors - 1) * LANES;
    float *c = p->c + row * p->c_row + b->first;
    if (p->add || b->from > 0)
        return (tile_ends){c, p->c_row, c, p->c_row, last};
    return (tile_ends){p->bias ? p->bias + b->first : zeros, 0, c, p->c_row, last};
}

static size_t parts(size_t n, size_t maximum)
{
    return (n + maximum - 1) / maximum;
}

#define EACH_ROWS(CASE)                                                                            \
    CASE(1)                                                                                        \
    CASE(2)                                                                                        \
    CASE(3)                                                                                        \
    CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)

/* All rows of c, for one panel, shared out evenly: a tile of few rows would wait for its own sums.
 */
#define PANEL(vectors, maximum)                                                                    \
    static void panel_##vectors(const inv_product *p, const panel *b, size_t from, size_t rows)    \
    {                                                                                              \
        enum { VECTORS = vectors, MOST = maximum };                                                \
        const size_t tiles = parts(rows, MOST);                                                    \
        for (size_t t = 0; t < tiles; t++) {                                                       \
            const size_t row = from + t * rows / tiles, end = from + (t + 1) * rows / tiles;       \
            const tile_ends ends = ends_of(p, b, row);                                             \
            switch (end - row) {                                                                   \
                EACH_ROWS(TILE_OF)                                                                 \
            }                                                                                      \
        }                                                                                          \
    }
#define TILE_OF(rows)                                                                              \
    case rows:                                                                                     \
        if (rows <= MOST)                                                                          \
            tile(rows, VECTORS, p, b, row, ends);                                                  \
        break;
PANELS(PANEL)
#undef PANEL
#undef TILE_OF

static void run_panel(const inv_product *p, const panel *b, size_t from, size_t rows)
{
    switch (b->vectors) {
#define PANEL(vectors, maximum)                                                                    \
    case vectors:                                                                                  \
        panel_##vectors(p, b, from, rows);                                                         \
        break;
        PANELS(PANEL)
#undef PANEL
    }
}

/* Of a c of so many values that no cache keeps it and that is gone through once, a gradient to a
 * kernel, only so many rows at a time are written beside each other: their pages and lines are then
 * still at hand for the next panel, and to copy that again costs little. Measured: bench --kernels. */
#define LARGE_C    ((size_t)1 << 18)
#define BLOCK_ROWS 112

static size_t blocks_of(const inv_product *p, size_t depths)
{
    return depths == 1 && p->n > 0 && p->m > LARGE_C / p->n ? parts(p->m, BLOCK_ROWS) : 1;
}

static void product(const inv_product *p)
{
    float values[DEPTH_MOST * PANEL_MOST * LANES] __attribute__((aligned(4 * LANES)));
    const size_t depths = parts(p->k, DEPTH_MOST), blocks = blocks_of(p, depths);
    const size_t vectors = parts(p->n, LANES), panels = parts(vectors, PANEL_MOST);
    for (size_t d = 0; d < depths; d++)
        for (size_t v = 0; v < blocks * panels; v++) {
            panel b = {.from = d * p->k / depths, .values = NULL};
            const size_t at = v % panels, row = v / panels * p->m / blocks;
            const size_t first = at * vectors / panels, end = (at + 1) * vectors / panels;
            b.depth = (d + 1) * p->k / depths - b.from;
            b.vectors = end - first;
            b.first = first * LANES;
            b.columns = (end * LANES < p->n ? end * LANES : p->n) - b.first;
            b.values = values; // cppcheck-suppress legacyUninitvar
            copy_panel(p, &b);
            run_panel(p, &b, row, (v / panels + 1) * p->m / blocks - row);
        }
}
