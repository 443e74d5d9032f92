/* kernels_window.h - what kernels.h has on windows of images, read where they stand, for the
 * instruction set of the file that includes this.
 *
 * Of the product: a tile of c, up to TILE_ROWS rows of up to TILE_VECTORS vectors, stays in
 * registers while all segments go by; a is read one value at a time, so that its rows may lie
 * anywhere and overlap.
 * SPDX-License-Identifier: GPL-3.0-or-later */

#include <stdbool.h>

#define TILE_VECTORS 2

/* Where a tile starts, and its columns, of which the last vector may have fewer than LANES. */
typedef struct tile_place {
    size_t row, column, columns;
} tile_place;

static inline vec tile_load(const float *from, size_t columns)
{
    return columns >= LANES ? load(from) : load_some(from, columns, 0.0f);
}

static inline void tile_store(float *to, vec v, size_t columns)
{
    if (columns >= LANES)
        store(to, v);
    else
        store_some(to, v, columns);
}

/* `rows` and `vectors` are constants where this is inlined. */
static inline __attribute__((always_inline)) void
window_tile(size_t rows, size_t vectors, const inv_window_product *p, tile_place at)
{
    vec sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] =
                p->start ? tile_load(p->start + (at.row + r) * p->start_row + at.column + v * LANES,
                                     at.columns - v * LANES)
                         : (vec){0};
    const size_t a_row = p->a_row, a_step = p->a_step, b_step = p->b_step;
    for (size_t s = 0; s < p->segments; s++) {
        const float *a = p->a + s * p->a_segment + at.row * a_row;
        const float *b = p->b + s * p->b_segment + at.column;
        for (size_t k = 0; k < p->depth; k++, a += a_step, b += b_step) {
            vec right[TILE_VECTORS];
#pragma GCC unroll 4
            for (size_t v = 0; v < vectors; v++)
                right[v] = load(b + v * LANES);
#pragma GCC unroll 16
            for (size_t r = 0; r < rows; r++) {
                const vec left = splat(a[r * a_row]);
#pragma GCC unroll 4
                for (size_t v = 0; v < vectors; v++)
                    sum[r][v] = ADD_PRODUCT(sum[r][v], left, right[v]);
            }
        }
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            tile_store(p->c + (at.row + r) * p->c_row + at.column + v * LANES, sum[r][v],
                       at.columns - v * LANES);
}

#if TILE_ROWS == 14
#define EACH_TILE(TILE)                                                                            \
    TILE(1)                                                                                        \
    TILE(2)                                                                                        \
    TILE(3)                                                                                        \
    TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#else
#define EACH_TILE(TILE) TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#endif

#define TILE(rows)                                                                                 \
    static void window_tile_##rows##_1(const inv_window_product *p, tile_place at)                 \
    {                                                                                              \
        window_tile(rows, 1, p, at);                                                               \
    }                                                                                              \
    static void window_tile_##rows##_2(const inv_window_product *p, tile_place at)                 \
    {                                                                                              \
        window_tile(rows, 2, p, at);                                                               \
    }
EACH_TILE(TILE)
#undef TILE

typedef void window_tile_function(const inv_window_product *p, tile_place at);

#define TILE(rows) {window_tile_##rows##_1, window_tile_##rows##_2},
static window_tile_function *const window_tiles[TILE_ROWS][TILE_VECTORS] = {EACH_TILE(TILE)};
#undef TILE

/* The rows are shared out evenly, since a tile of few rows waits for its own sums. */
static void window_product(const inv_window_product *p)
{
    const size_t tiles = (p->rows + TILE_ROWS - 1) / TILE_ROWS, strip = TILE_VECTORS * LANES;
    const size_t rows = p->rows / tiles, more = p->rows % tiles; /* tiles with one row more */
    for (size_t column = 0; column < p->cols; column += strip) {
        const size_t left = p->cols - column, columns = left < strip ? left : strip;
        const size_t vectors = (columns - 1) / LANES;
        for (size_t t = 0, row = 0; t < tiles; t++) {
            const size_t here = rows + (t < more);
            window_tiles[here - 1][vectors](p, (tile_place){row, column, columns});
            row += here;
        }
    }
}

/* ---- pools: NaN counts as the largest, so that a run that diverges shows it ---- */

static inline void largest_lanes(const inv_pool_window *w, const float *x, float *y, uint32_t *at)
{
    vec maximum = load(x);
    ivec place = {0};
    for (size_t r = 0; r < w->rows; r++)
        for (size_t c = 0; c < w->columns; c++) {
            const size_t here = r * w->pitch + c * w->step;
            const vec v = load(x + here);
            const ivec larger = (v > maximum) | (v != v); // NOLINT(misc-redundant-expression): NaN
            maximum = pick(larger, v, maximum);
            place = (((ivec){0} + (int32_t)here) & larger) | (place & ~larger);
        }
    store(y, maximum);
    memcpy(at, &place, sizeof place);
}

static inline void largest_one(const inv_pool_window *w, const float *x, float *y, uint32_t *at)
{
    *y = *x, *at = 0;
    for (size_t r = 0; r < w->rows; r++)
        for (size_t c = 0; c < w->columns; c++) {
            const size_t here = r * w->pitch + c * w->step;
            const bool larger = x[here] > *y || x[here] != x[here];
            *y = larger ? x[here] : *y;
            *at = larger ? (uint32_t)here : *at;
        }
}

static void max_pool(const inv_pool_window *w, const float *x, float *y, uint32_t *at)
{
    size_t k = 0;
    for (; k + LANES <= w->channels; k += LANES)
        largest_lanes(w, x + k, y + k, at + k);
    for (; k < w->channels; k++)
        largest_one(w, x + k, y + k, at + k);
}

static inline void gradient_lanes(const inv_pool_window *w, const float *dy, const uint32_t *at,
                                  float *dx)
{
    const vec gradient = load(dy);
    ivec place;
    memcpy(&place, at, sizeof place);
    for (size_t r = 0; r < w->rows; r++)
        for (size_t c = 0; c < w->columns; c++) {
            const size_t here = r * w->pitch + c * w->step;
            const vec part = pick(place == (int32_t)here, gradient, (vec){0});
            store(dx + here, load(dx + here) + part);
        }
}

static void max_pool_gradient(const inv_pool_window *w, const float *dy, const uint32_t *at,
                              float *dx)
{
    size_t k = 0;
    for (; k + LANES <= w->channels; k += LANES)
        gradient_lanes(w, dy + k, at + k, dx + k);
    for (; k < w->channels; k++)
        dx[at[k] + k] += dy[k];
}
