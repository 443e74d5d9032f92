/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/winograd.h"

#include <string.h>

enum { TILE = INV_WINOGRAD_TILE, SQUARE = TILE * TILE };

/* The place of a square whose value each result has once: that of the point 1. */
#define SUM_OF_ALL (TILE + 1)

/* So many rows of a product at least keep its loops busy; images with fewer tiles go together. */
#define ROWS_LEAST 28
/* Channels on either side that make the products worth the transforms, and pairs of channels of which
 * the transformed kernel, and the sums of a gradient, stay in the caches. Measured: bench --kernels. */
#define CHANNELS_LEAST 16
#define PAIRS_MOST     ((size_t)1 << 16)
#define SUMS_MOST      ((size_t)1 << 13)

/* A convolution, forward or back, as this method sees it. */
typedef struct plan {
    inv_shape from, to;
    size_t values;           /* of the kernel, each way */
    size_t results;          /* of a tile, each way */
    size_t top, left;        /* zeros before the image */
    size_t down, across;     /* tiles */
    size_t tiles, group;     /* of an image; images that are worked on together */
    inv_shape padded, whole; /* the pixels of all tiles, their results */
} plan;

/* What there is room for: the kernel in squares, and turned; for each block of images a padded image,
 * the results of one with those that hang over, and with a vector more, since products read whole ones, the tiles of a group transformed, what
 * comes of them, and the sums of a gradient. */
typedef struct rooms {
    size_t squares, kernel, image, whole, input, output, sums, block; /* floats of each */
} rooms;

static plan plan_of(inv_shape from, inv_shape to, size_t values, size_t top, size_t left)
{
    plan p = {.from = from, .to = to, .values = values, .top = top, .left = left};
    p.results = TILE + 1 - values;
    p.down = (to.height + p.results - 1) / p.results;
    p.across = (to.width + p.results - 1) / p.results;
    p.tiles = p.down * p.across;
    p.group = (ROWS_LEAST + p.tiles - 1) / p.tiles;
    p.whole = (inv_shape){p.down * p.results, p.across * p.results, to.channels};
    p.padded = (inv_shape){p.whole.height + values - 1, p.whole.width + values - 1, from.channels};
    return p;
}

static plan plan_forward(const inv_convolution *c)
{
    const inv_window *w = &c->w;
    return plan_of(w->in, (inv_shape){w->out_height, w->out_width, c->out}, w->height, w->top,
                   w->left);
}

static plan plan_back(const inv_convolution *c)
{
    const inv_window *w = &c->w;
    return plan_of((inv_shape){w->out_height, w->out_width, c->out}, w->in, w->height,
                   w->height - 1 - w->top, w->height - 1 - w->left);
}

/* Zeros on either side, fewer than the kernel has values: else there is nothing to be had back. */
static bool pads_little(const inv_window *w)
{
    const size_t below = w->padded.height - w->in.height - w->top;
    const size_t right = w->padded.width - w->in.width - w->left;
    return w->top < w->height && w->left < w->width && below < w->height && right < w->width;
}

bool inv_winograd_suits(const inv_convolution *c)
{
    const inv_window *w = &c->w;
    const size_t in = w->in.channels, out = c->out;
    return c->groups == 1 && w->height == w->width && (w->height == 3 || w->height == 5) &&
           w->stride_y == 1 && w->stride_x == 1 && w->dilation_y == 1 && w->dilation_x == 1 &&
           in >= CHANNELS_LEAST && out >= CHANNELS_LEAST && in * out <= PAIRS_MOST &&
           w->out_height >= TILE && w->out_width >= TILE && pads_little(w);
}

bool inv_winograd_suits_gradient(const inv_convolution *c)
{
    return inv_winograd_suits(c) && c->w.in.channels * c->out <= SUMS_MOST;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t of_tiles(const plan *p, size_t channels)
{
    return inv_whole_vectors(SQUARE * p->tiles * p->group * channels + INV_LANES_MAX);
}

static rooms rooms_of(const inv_convolution *c)
{
    const plan to = plan_forward(c), back = plan_back(c);
    const size_t in = c->w.in.channels, out = c->out;
    rooms r;
    r.image = inv_whole_vectors(larger(inv_shape_size(to.padded), inv_shape_size(back.padded)));
    r.whole = inv_whole_vectors(larger(inv_shape_size(to.whole), inv_shape_size(back.whole)));
    r.input = larger(of_tiles(&to, in), of_tiles(&back, out));
    r.output = larger(of_tiles(&to, out), of_tiles(&back, in));
    r.squares = inv_whole_vectors(SQUARE * in * out + INV_LANES_MAX);
    r.kernel = inv_whole_vectors(inv_window_size(&c->w) * out);
    r.sums = inv_winograd_suits_gradient(c) ? r.squares : 0;
    r.block = r.image + r.whole + r.input + r.output + r.sums;
    return r;
}

size_t inv_winograd_state(const inv_convolution *c, size_t rows)
{
    const rooms r = rooms_of(c);
    return r.squares + r.kernel + inv_window_blocks(rows) * r.block;
}

/* The places of one block's in the state. */
typedef struct places {
    float *image, *whole, *input, *output, *sums;
} places;

/* With the zeros around images that plan p lays there. */
static places places_of(const plan *p, const rooms *r, float *state, size_t which)
{
    places b;
    b.image = state + r->squares + r->kernel + which * r->block;
    b.whole = b.image + r->image;
    b.input = b.whole + r->whole;
    b.output = b.input + r->input;
    b.sums = b.output + r->output;
    memset(b.image, 0, inv_shape_size(p->padded) * sizeof *b.image);
    memset(b.whole, 0, inv_shape_size(p->whole) * sizeof *b.whole);
    return b;
}

/* ---- transforms ---- */

/* to[36][in out] of kernel[values values][in out]: one square, whose channels are all its pairs. */
static void transform_kernel(size_t values, size_t pairs, const float *kernel, float *to)
{
    inv_kernels_best()->winograd(
        INV_WINOGRAD_KERNEL, values,
        &(inv_winograd_squares){pairs, kernel, values * pairs, pairs, to, TILE * pairs, pairs});
}

/* The same of the kernel turned by 180 degrees, with the axes of channels changed over. */
static void transform_turned(size_t values, size_t in, size_t out, const float *kernel,
                             float *turned, float *to)
{
    const size_t all = values * values, pairs = in * out;
    for (size_t v = 0; v < all; v++)
        inv_kernels_best()->transpose(in, out, kernel + v * pairs, out,
                                      turned + (all - 1 - v) * pairs, in);
    transform_kernel(values, pairs, turned, to);
}

/* `from` with its first pixel at (top, left) of `to`; what is around it stays. */
static void lay(inv_shape from, size_t top, size_t left, inv_shape to, const float *image,
                float *padded)
{
    const size_t pitch = to.width * to.channels, run = from.width * from.channels;
    for (size_t i = 0; i < from.height; i++)
        memcpy(padded + (top + i) * pitch + left * to.channels, image + i * run,
               run * sizeof *padded);
}

/* to[36][tiles][channels] of one image, the tiles `step` pixels apart; `tiles` of a row of `to`. */
static void transform_tiles(inv_winograd_transform which, const plan *p, inv_shape shape,
                            size_t step, const float *image, float *to, size_t tiles)
{
    const size_t n = shape.channels, pitch = shape.width * n;
    for (size_t i = 0; i < p->down; i++)
        for (size_t j = 0; j < p->across; j++)
            inv_kernels_best()->winograd(
                which, p->values,
                &(inv_winograd_squares){n, image + i * step * pitch + j * step * n, pitch, n,
                                        to + (i * p->across + j) * n, TILE * tiles * n, tiles * n});
}

static void transform_input(const plan *p, const float *image, float *room, float *to, size_t tiles)
{
    lay(p->from, p->top, p->left, p->padded, image, room);
    transform_tiles(INV_WINOGRAD_INPUT, p, p->padded, p->results, room, to, tiles);
}

/* A gradient of the results: those beside the image count for nothing. */
static void transform_output_back(const plan *p, const float *image, float *room, float *to,
                                  size_t tiles)
{
    const bool fits = inv_shape_size(p->whole) == inv_shape_size(p->to);
    if (!fits)
        lay(p->to, 0, 0, p->whole, image, room);
    transform_tiles(INV_WINOGRAD_OUTPUT_BACK, p, p->whole, p->results, fits ? image : room, to,
                    tiles);
}

/* The results of one image's tiles, [36][tiles][channels]. */
static void transform_output(const plan *p, const float *from, size_t tiles, float *room,
                             float *image)
{
    const size_t n = p->to.channels, pitch = p->whole.width * n, run = p->to.width * n;
    const bool fits = inv_shape_size(p->whole) == inv_shape_size(p->to);
    float *whole = fits ? image : room;
    for (size_t i = 0; i < p->down; i++)
        for (size_t j = 0; j < p->across; j++)
            inv_kernels_best()->winograd(
                INV_WINOGRAD_OUTPUT, p->values,
                &(inv_winograd_squares){
                    n, from + (i * p->across + j) * n, TILE * tiles * n, tiles * n,
                    whole + i * p->results * pitch + j * p->results * n, pitch, n});
    for (size_t i = 0; !fits && i < p->to.height; i++)
        memcpy(image + i * run, whole + i * pitch, run * sizeof *image);
}

/* ---- convolutions ---- */

static inv_span group_from(const plan *p, size_t first, size_t end)
{
    return (inv_span){first, end - first < p->group ? end : first + p->group};
}

/* Rows first .. first + count - 1, a group at most. */
static void convolve_group(const plan *p, const float *kernel, const float *bias, const places *b,
                           inv_span rows, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const size_t in = p->from.channels, out = p->to.channels;
    const size_t tiles = (rows.end - rows.first) * p->tiles;
    for (size_t i = rows.first; i < rows.end; i++)
        transform_input(p, x->data + i * x->tda, b->image,
                        b->input + (i - rows.first) * p->tiles * in, tiles);
    for (size_t s = 0; s < SQUARE; s++)
        inv_kernels_best()->window_product(
            &(inv_window_product){.rows = tiles,
                                  .cols = out,
                                  .segments = 1,
                                  .depth = in,
                                  .a = b->input + s * tiles * in,
                                  .a_row = in,
                                  .a_step = 1,
                                  .b = kernel + s * in * out,
                                  .b_step = out,
                                  .start = s == SUM_OF_ALL ? bias : NULL,
                                  .c = b->output + s * tiles * out,
                                  .c_row = out});
    for (size_t i = rows.first; i < rows.end; i++)
        transform_output(p, b->output + (i - rows.first) * p->tiles * out, tiles, b->whole,
                         y->data + i * y->tda);
}

static plan plan_way(const inv_convolution *c, bool back)
{
    return back ? plan_back(c) : plan_forward(c);
}

void inv_winograd_kernel(const inv_convolution *c, bool back, const float *kernel, float *state)
{
    const size_t values = c->w.height, in = c->w.in.channels;
    if (back)
        transform_turned(values, in, c->out, kernel, state + rooms_of(c).squares, state);
    else
        transform_kernel(values, in * c->out, kernel, state);
}

void inv_winograd_rows(const inv_convolution *c, bool back, const float *bias, float *state,
                       size_t block, inv_span rows, const gsl_matrix_float *from,
                       gsl_matrix_float *to)
{
    const plan p = plan_way(c, back);
    const rooms r = rooms_of(c);
    const places at = places_of(&p, &r, state, block);
    for (size_t i = rows.first; i < rows.end; i += p.group)
        convolve_group(&p, state, bias, &at, group_from(&p, i, rows.end), from, to);
}

static void add_group(const plan *p, const places *b, inv_span rows, bool first,
                      const gsl_matrix_float *x, const gsl_matrix_float *dy)
{
    const size_t in = p->from.channels, out = p->to.channels;
    const size_t tiles = (rows.end - rows.first) * p->tiles;
    for (size_t i = rows.first; i < rows.end; i++) {
        const size_t at = (i - rows.first) * p->tiles;
        transform_input(p, x->data + i * x->tda, b->image, b->input + at * in, tiles);
        transform_output_back(p, dy->data + i * dy->tda, b->whole, b->output + at * out, tiles);
    }
    for (size_t s = 0; s < SQUARE; s++) {
        float *sums = b->sums + s * in * out;
        inv_kernels_best()->window_product(&(inv_window_product){.rows = in,
                                                                 .cols = out,
                                                                 .segments = 1,
                                                                 .depth = tiles,
                                                                 .a = b->input + s * tiles * in,
                                                                 .a_row = 1,
                                                                 .a_step = in,
                                                                 .b = b->output + s * tiles * out,
                                                                 .b_step = out,
                                                                 .start = first ? NULL : sums,
                                                                 .start_row = out,
                                                                 .c = sums,
                                                                 .c_row = out});
    }
}

void inv_winograd_gradient(const inv_convolution *c, float *state, size_t block, inv_span rows,
                           const gsl_matrix_float *x, const gsl_matrix_float *dy, float *dkernel)
{
    const plan p = plan_forward(c);
    const rooms r = rooms_of(c);
    const places at = places_of(&p, &r, state, block);
    const size_t pairs = p.from.channels * p.to.channels;
    for (size_t i = rows.first; i < rows.end; i += p.group)
        add_group(&p, &at, group_from(&p, i, rows.end), i == rows.first, x, dy);
    inv_kernels_best()->winograd(INV_WINOGRAD_KERNEL_BACK, p.values,
                                 &(inv_winograd_squares){pairs, at.sums, TILE * pairs, pairs,
                                                         dkernel, p.values * pairs, pairs});
}
