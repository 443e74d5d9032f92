/* kernels_winograd.h - the transforms of Winograd's convolutions (net/winograd.h), for the
 * instruction set of the file that includes this.
 *
 * Each is y = L x transpose(L) of a small square of values, for many channels side by side; L is
 * known where the loops are unrolled, and its zeros take no time.
 * SPDX-License-Identifier: GPL-3.0-or-later */

#define SQUARE_MOST INV_WINOGRAD_TILE

/* Toom's and Cook's matrices for the points 0, 1, -1, 2, -1/2 and infinity, those of both 3 values in
 * a kernel and 4 results, and 5 and 2. Points that lie unevenly round less: B. Barabasz and others,
 * "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks",
 * 2018. A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, equation 8,
 * has their names: transpose(B), G, transpose(A). */
static const float winograd_b[6][6] = {
    {1.0f, 1.5f, -2.0f, -1.5f, 1.0f, 0.0f}, {0.0f, -1.0f, -2.5f, -0.5f, 1.0f, 0.0f},
    {0.0f, 1.0f, 0.5f, -2.5f, 1.0f, 0.0f},  {0.0f, -0.5f, -1.0f, 0.5f, 1.0f, 0.0f},
    {0.0f, 2.0f, -1.0f, -2.0f, 1.0f, 0.0f}, {0.0f, 1.0f, 1.5f, -2.0f, -1.5f, 1.0f}};

#define THIRD     (1.0f / 3.0f)
#define FIFTEENTH (1.0f / 15.0f)

static const float winograd_g[5][5] = {
    {1.0f, 0.0f, 0.0f, 0.0f, 0.0f},
    {-THIRD, -THIRD, -THIRD, -THIRD, -THIRD},
    {THIRD, -THIRD, THIRD, -THIRD, THIRD},
    {FIFTEENTH, 2.0f * FIFTEENTH, 4.0f * FIFTEENTH, 8.0f * FIFTEENTH, 16.0f * FIFTEENTH},
    {-16.0f * FIFTEENTH, 8.0f * FIFTEENTH, -4.0f * FIFTEENTH, 2.0f * FIFTEENTH, -FIFTEENTH}};

static const float winograd_a[4][5] = {{1.0f, 1.0f, 1.0f, 1.0f, 1.0f},
                                       {0.0f, 1.0f, -1.0f, 2.0f, -0.5f},
                                       {0.0f, 1.0f, 1.0f, 4.0f, 0.25f},
                                       {0.0f, 1.0f, -1.0f, 8.0f, -0.125f}};

/* The row of the point at infinity: the last value of a kernel, the last result. */
static inline float winograd_g_at(size_t row, size_t column, size_t values)
{
    return row < 5 ? winograd_g[row][column] : (float)(column == values - 1);
}

static inline float winograd_a_at(size_t row, size_t column, size_t results)
{
    return column < 5 ? winograd_a[row][column] : (float)(row == results - 1);
}

/* L[row, column] of a transform of a kernel of `values` and its `results`. */
static inline __attribute__((always_inline)) float
winograd_entry(inv_winograd_transform which, size_t values, size_t row, size_t column)
{
    const size_t results = INV_WINOGRAD_TILE + 1 - values;
    switch (which) {
    case INV_WINOGRAD_INPUT:
        return winograd_b[row][column];
    case INV_WINOGRAD_KERNEL:
        return winograd_g_at(row, column, values);
    case INV_WINOGRAD_KERNEL_BACK:
        return winograd_g_at(column, row, values);
    case INV_WINOGRAD_OUTPUT:
        return winograd_a_at(row, column, results);
    default:
        return winograd_a_at(column, row, results);
    }
}

/* y[i] = sum over j of L[i, j] x[j step], for i < to, j < from */
static inline __attribute__((always_inline)) void winograd_line(inv_winograd_transform which,
                                                                size_t values, size_t from,
                                                                size_t to, const vec *x,
                                                                size_t step, vec *y)
{
#pragma GCC unroll 8
    for (size_t i = 0; i < to; i++) {
        vec sum = {0};
#pragma GCC unroll 8
        for (size_t j = 0; j < from; j++) {
            const float by = winograd_entry(which, values, i, j);
            if (by != 0.0f)
                sum = ADD_PRODUCT(sum, splat(by), x[j * step]);
        }
        y[i] = sum;
    }
}

/* The first n lanes, of one square [from, from] to one of [to, to]. */
static inline __attribute__((always_inline)) void
winograd_square(inv_winograd_transform which, size_t values, size_t from, size_t to,
                const inv_winograd_squares *s, size_t at, size_t n)
{
    vec x[SQUARE_MOST], between[SQUARE_MOST][SQUARE_MOST], y[SQUARE_MOST];
#pragma GCC unroll 8
    for (size_t column = 0; column < from; column++) {
#pragma GCC unroll 8
        for (size_t row = 0; row < from; row++)
            x[row] = tile_load(s->x + row * s->x_row + column * s->x_column + at, n);
        winograd_line(which, values, from, to, x, 1, y);
#pragma GCC unroll 8
        for (size_t row = 0; row < to; row++)
            between[row][column] = y[row];
    }
#pragma GCC unroll 8
    for (size_t row = 0; row < to; row++) {
        winograd_line(which, values, from, to, between[row], 1, y);
#pragma GCC unroll 8
        for (size_t column = 0; column < to; column++)
            tile_store(s->y + row * s->y_row + column * s->y_column + at, y[column], n);
    }
}

static inline __attribute__((always_inline)) void winograd_squares(inv_winograd_transform which,
                                                                   size_t values, size_t from,
                                                                   size_t to,
                                                                   const inv_winograd_squares *s)
{
    size_t at = 0;
    for (; at + LANES <= s->channels; at += LANES)
        winograd_square(which, values, from, to, s, at, LANES);
    if (at < s->channels)
        winograd_square(which, values, from, to, s, at, s->channels - at);
}

#define WINOGRAD(name, which, values, from, to)                                                    \
    static void winograd_##name##_##values(const inv_winograd_squares *s)                          \
    {                                                                                              \
        winograd_squares(which, values, from, to, s);                                              \
    }
#define WINOGRAD_OF(values, results)                                                               \
    WINOGRAD(input, INV_WINOGRAD_INPUT, values, 6, 6)                                              \
    WINOGRAD(kernel, INV_WINOGRAD_KERNEL, values, values, 6)                                       \
    WINOGRAD(kernel_back, INV_WINOGRAD_KERNEL_BACK, values, 6, values)                             \
    WINOGRAD(output, INV_WINOGRAD_OUTPUT, values, 6, results)                                      \
    WINOGRAD(output_back, INV_WINOGRAD_OUTPUT_BACK, values, results, 6)
WINOGRAD_OF(3, 4)
WINOGRAD_OF(5, 2)
#undef WINOGRAD_OF
#undef WINOGRAD

static void winograd(inv_winograd_transform which, size_t values, const inv_winograd_squares *s)
{
#define WINOGRAD_OF(values)                                                                        \
    {                                                                                              \
        [INV_WINOGRAD_INPUT] = winograd_input_##values,                                            \
        [INV_WINOGRAD_KERNEL] = winograd_kernel_##values,                                          \
        [INV_WINOGRAD_KERNEL_BACK] = winograd_kernel_back_##values,                                \
        [INV_WINOGRAD_OUTPUT] = winograd_output_##values,                                          \
        [INV_WINOGRAD_OUTPUT_BACK] = winograd_output_back_##values                                 \
    }
    static void (*const of[2][INV_WINOGRAD_OUTPUT_BACK + 1])(const inv_winograd_squares *) = {
        WINOGRAD_OF(3), WINOGRAD_OF(5)};
#undef WINOGRAD_OF
    of[values == 5][which](s);
}
