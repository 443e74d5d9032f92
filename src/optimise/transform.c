/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/transform.h"

#include <math.h>
#include <string.h>

/* Where a pixel comes from: the upper left one of four, and how far beyond it. */
typedef struct source {
    ptrdiff_t row, column;
    double below, beyond;
} source;

/* What of a move is the same for all pixels. */
typedef struct motion {
    inv_move move;
    double middle_x, middle_y, c, s;
} motion;

static motion motion_of(const inv_move *move, inv_shape shape)
{
    return (motion){*move, 0.5 * ((double)shape.width - 1.0), 0.5 * ((double)shape.height - 1.0),
                    cos(move->turn), sin(move->turn)};
}

/* (column, row) from the middle = turned back by turn of (x - right, y - down) / zoom */
static source find_source(const motion *m, size_t row, size_t column)
{
    const double x = ((double)column - m->middle_x - m->move.right) / m->move.zoom;
    const double y = ((double)row - m->middle_y - m->move.down) / m->move.zoom;
    const double from_x = m->middle_x + m->c * x + m->s * y;
    const double from_y = m->middle_y - m->s * x + m->c * y;
    const double left = floor(from_x), up = floor(from_y);
    return (source){(ptrdiff_t)up, (ptrdiff_t)left, from_y - up, from_x - left};
}

/* The four pixels and their shares; returns how many of them are in the image. */
static size_t shares(const source *from, inv_shape shape, size_t at[4], double share[4])
{
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        const ptrdiff_t row = from->row + i / 2, column = from->column + i % 2;
        const double part =
            (i / 2 ? from->below : 1.0 - from->below) * (i % 2 ? from->beyond : 1.0 - from->beyond);
        if (row < 0 || column < 0 || row >= (ptrdiff_t)shape.height ||
            column >= (ptrdiff_t)shape.width || part == 0.0)
            continue;
        at[n] = ((size_t)row * shape.width + (size_t)column) * shape.channels;
        share[n++] = part;
    }
    return n;
}

void inv_move_apply(const inv_move *move, inv_shape shape, float ground, const float *image,
                    float *moved)
{
    const motion m = motion_of(move, shape);
    for (size_t r = 0; r < shape.height; r++)
        for (size_t c = 0; c < shape.width; c++) {
            size_t at[4];
            double share[4];
            const source from = find_source(&m, r, c);
            const size_t n = shares(&from, shape, at, share);
            for (size_t k = 0; k < shape.channels; k++) {
                double sum = 0.0, inside = 0.0;
                for (size_t i = 0; i < n; i++) {
                    sum += share[i] * image[at[i] + k];
                    inside += share[i];
                }
                *moved++ = (float)(ground == 0.0f ? sum : sum + (1.0 - inside) * ground);
            }
        }
}

void inv_move_back(const inv_move *move, inv_shape shape, const float *moved, float *image)
{
    const motion m = motion_of(move, shape);
    memset(image, 0, inv_shape_size(shape) * sizeof *image);
    for (size_t r = 0; r < shape.height; r++)
        for (size_t c = 0; c < shape.width; c++) {
            size_t at[4];
            double share[4];
            const source from = find_source(&m, r, c);
            const size_t n = shares(&from, shape, at, share);
            for (size_t k = 0; k < shape.channels; k++, moved++)
                for (size_t i = 0; i < n; i++)
                    image[at[i] + k] += (float)(share[i] * *moved);
        }
}

/* One line of `count` values `step` apart. */
static void blur_line(double sigma, size_t count, size_t step, const float *from, float *to)
{
    const ptrdiff_t reach = (ptrdiff_t)ceil(3.0 * sigma), n = (ptrdiff_t)count;
    for (ptrdiff_t i = 0; i < n; i++) {
        double sum = 0.0, whole = 0.0;
        for (ptrdiff_t j = i - reach; j <= i + reach; j++) {
            const double weight = exp(-0.5 * (double)((i - j) * (i - j)) / (sigma * sigma));
            if (j < 0 || j >= n)
                continue;
            sum += weight * from[(size_t)j * step];
            whole += weight;
        }
        to[(size_t)i * step] = (float)(sum / whole);
    }
}

void inv_blur(double sigma, inv_shape shape, float *image, float *room)
{
    const size_t line = shape.width * shape.channels;
    for (size_t r = 0; r < shape.height; r++)
        for (size_t k = 0; k < shape.channels; k++)
            blur_line(sigma, shape.width, shape.channels, image + r * line + k,
                      room + r * line + k);
    for (size_t c = 0; c < line; c++)
        blur_line(sigma, shape.height, line, room + c, image + c);
}
