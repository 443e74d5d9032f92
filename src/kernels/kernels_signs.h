/* kernels_signs.h - products with a matrix of which all values have one size, for the instruction
 * set of the file that includes this: one with LOOK_UP(table, at), table[at] for each lane.
 *
 * INV_SIGN_GROUP values of a have 16 sums with signs, of which a vector holds all. Each lane of c
 * looks up the one that its signs say: one look-up and one addition in place of four products. "The
 * method of the four Russians": Arlazarov, Dinic, Kronrod, Faradzhev, "On economical construction
 * of the transitive closure of a directed graph", 1970.
 * SPDX-License-Identifier: GPL-3.0-or-later */

#define GROUP        INV_SIGN_GROUP
#define SIGN_ROWS    4 /* of a tile */
#define SIGN_VECTORS WIDEST
#define GROUPS_MOST  64 /* tables of a row of a: those of a tile stay in the nearest cache */

_Static_assert(LANES == 1 << GROUP, "a vector holds the sums of a group");

typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));

static inline uvec load_bits(const float *p)
{
    uvec v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* 16 rows and columns of b, or those that there are; returns not 0 where a value has another size
 * than `size`, given by its bits. */
static inline uvec code_block(size_t rows, size_t cols, const float *b, size_t b_row, uvec size,
                              int32_t *down, size_t down_row, int32_t *across, size_t across_row)
{
    uvec other = {0}, masks = {0};
    for (size_t g = 0; g * GROUP < rows; g++) {
        uvec code = {0};
        for (size_t q = 0; q < GROUP && g * GROUP + q < rows; q++) {
            float some[LANES];
            const float *row = b + (g * GROUP + q) * b_row;
            if (cols < LANES) {
                memcpy(some, &size, sizeof some);
                memcpy(some, row, cols * sizeof *some);
                row = some;
            }
            const uvec bits = load_bits(row);
            other |= (bits & 0x7fffffff) ^ size;
            masks[g * GROUP + q] = NEGATIVE_LANES(bits);
            code |= bits >> 31 << q;
        }
        memcpy(down + g * down_row, &code, sizeof code);
    }
    for (size_t g = 0; g < LANES / GROUP; g++) {
        const uvec code = masks >> (uint32_t)(g * GROUP);
        memcpy(across + g * across_row, &code, sizeof code);
    }
    return other;
}

static bool any_lane(uvec v)
{
    uint32_t bits = 0;
    for (size_t l = 0; l < LANES; l++)
        bits |= v[l];
    return bits != 0;
}

static float sign_codes(size_t rows, size_t cols, const float *b, size_t b_row, int32_t *down,
                        int32_t *across)
{
    const size_t down_row = inv_whole_vectors(cols), across_row = inv_whole_vectors(rows);
    const float size = fabsf(b[0]);
    uvec wanted = {0}, other = {0};
    uint32_t bits = 0;
    memcpy(&bits, &size, sizeof bits);
    wanted += bits;
    for (size_t i = 0; i < rows; i += LANES) {
        for (size_t j = 0; j < cols; j += LANES)
            other |=
                code_block(rows - i < LANES ? rows - i : LANES, cols - j < LANES ? cols - j : LANES,
                           b + i * b_row + j, b_row, wanted, down + i / GROUP * down_row + j,
                           down_row, across + j / GROUP * across_row + i, across_row);
        if (any_lane(other)) /* most gradients are seen to be others after a few rows */
            return 0.0f;
    }
    return size;
}

/* The sums of each group of a row of a; the last group may have fewer values. */
static void sign_tables(const inv_product *p, size_t row, size_t from, size_t depth, float size,
                        float tables[GROUPS_MOST * LANES])
{
    const float *a = p->a + row * p->a_row + from * p->a_col;
    vec sign[GROUP];
    for (size_t q = 0; q < GROUP; q++)
        for (size_t l = 0; l < LANES; l++)
            sign[q][l] = l >> q & 1 ? -size : size;
    for (; depth >= GROUP; depth -= GROUP, a += GROUP * p->a_col, tables += LANES)
        store(tables, (sign[0] * a[0] + sign[1] * a[p->a_col]) +
                          (sign[2] * a[2 * p->a_col] + sign[3] * a[3 * p->a_col]));
    if (depth > 0) {
        vec sum = {0};
        for (size_t q = 0; q < depth; q++)
            sum += sign[q] * a[q * p->a_col];
        store(tables, sum);
    }
}

/* As kernels_gemm.h's tile: the panel's depth is a number of groups. */
static inline __attribute__((always_inline)) void
sign_tile(size_t rows, size_t vectors, const float (*tables)[GROUPS_MOST * LANES], size_t groups,
          const int32_t *codes, size_t codes_row, tile_ends ends)
{
    vec sum[SIGN_ROWS][SIGN_VECTORS];
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++)
        load_strip(vectors, (vectors - 1) * LANES + ends.last, ends.from + i * ends.from_step,
                   sum[i]);
    for (size_t g = 0; g < groups; g++, codes += codes_row) {
        vec table[SIGN_ROWS];
#pragma GCC unroll 4
        for (size_t i = 0; i < rows; i++)
            table[i] = load(tables[i] + g * LANES);
#pragma GCC unroll 5
        for (size_t v = 0; v < vectors; v++) {
            ivec at;
            memcpy(&at, codes + v * LANES, sizeof at);
#pragma GCC unroll 4
            for (size_t i = 0; i < rows; i++)
                sum[i][v] += LOOK_UP(table[i], at);
        }
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++)
        store_strip(vectors, (vectors - 1) * LANES + ends.last, sum[i], ends.to + i * ends.to_step);
}

#define SIGN_CASE(rows, vectors)                                                                   \
    case (rows)*8 + (vectors):                                                                     \
        sign_tile(rows, vectors, tables, groups, codes, b->row, ends);                             \
        break;
#define SIGN_CASES(rows)                                                                           \
    SIGN_CASE(rows, 1)                                                                             \
    SIGN_CASE(rows, 2) SIGN_CASE(rows, 3) SIGN_CASE(rows, 4) SIGN_CASE(rows, 5)

/* The columns of a panel, for `rows` rows of c. */
static void sign_panel(const inv_product *p, const inv_signs_factor *b, const panel *at, size_t row,
                       size_t rows, const float (*tables)[GROUPS_MOST * LANES])
{
    const tile_ends ends = ends_of(p, at, row);
    const size_t groups = parts(at->depth, GROUP);
    const int32_t *codes = b->codes + at->from / GROUP * b->row + at->first;
    switch (rows * 8 + at->vectors) {
        SIGN_CASES(1)
        SIGN_CASES(2)
        SIGN_CASES(3)
        SIGN_CASES(4)
    }
}
#undef SIGN_CASES
#undef SIGN_CASE

static void sign_product(const inv_product *p, const inv_signs_factor *b)
{
    const size_t vectors = parts(p->n, LANES), panels = parts(vectors, SIGN_VECTORS);
    const size_t groups = parts(p->k, GROUP), depths = parts(groups, GROUPS_MOST);
    float tables[SIGN_ROWS][GROUPS_MOST * LANES] __attribute__((aligned(4 * LANES)));
    for (size_t d = 0; d < depths; d++) {
        panel at = {.from = d * groups / depths * GROUP};
        const size_t next = (d + 1) * groups / depths * GROUP;
        at.depth = (next < p->k ? next : p->k) - at.from;
        for (size_t row = 0, rows; row < p->m; row += rows) {
            rows = p->m - row < SIGN_ROWS ? p->m - row : SIGN_ROWS;
            for (size_t i = 0; i < rows; i++)
                sign_tables(p, row + i, at.from, at.depth, b->size, tables[i]);
            for (size_t v = 0; v < panels; v++) {
                const size_t first = v * vectors / panels, end = (v + 1) * vectors / panels;
                at.first = first * LANES;
                at.vectors = end - first;
                at.columns = (end * LANES < p->n ? end * LANES : p->n) - at.first;
                sign_panel(p, b, &at, row, rows, tables);
            }
        }
    }
}
