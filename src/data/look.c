/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/look.h"

#include <math.h>

#define BEYOND 0.1  /* of a range: as far beyond it is like those in it */
#define TRACE  0.01 /* of a pixel: less ink is none */

/* |v - ground| / (white - black), the mean of the channels */
static double ink_of(const float *pixel, size_t channels, const inv_pixels *pixels)
{
    double sum = 0.0;
    for (size_t c = 0; c < channels; c++)
        sum += fabs(pixel[c] - pixels->ground);
    return sum / (double)channels / (pixels->white - pixels->black);
}

bool inv_look_at(inv_shape shape, const float *image, const inv_pixels *pixels,
                 double look[INV_LOOKS])
{
    const size_t h = shape.height, w = shape.width;
    double sum = 0.0, edge = 0.0, y_sum = 0.0, x_sum = 0.0, squares = 0.0;
    if (h < 2 || w < 2)
        return false;
    for (size_t i = 0; i < h * w; i++) {
        const double y = (double)(i / w), x = (double)(i % w);
        const double ink = ink_of(image + i * shape.channels, shape.channels, pixels);
        sum += ink;
        if (i < w || i >= (h - 1) * w || i % w == 0 || i % w == w - 1)
            edge += ink;
        y_sum += ink * y;
        x_sum += ink * x;
        squares += ink * (y * y + x * x);
    }
    if (!(sum >= TRACE))
        return false;
    const double y = y_sum / sum, x = x_sum / sum;
    look[INV_LOOK_INK] = sum / (double)(h * w);
    look[INV_LOOK_EDGE] = edge / (double)(2 * (h + w) - 4);
    look[INV_LOOK_Y] = y / (double)h;
    look[INV_LOOK_X] = x / (double)w;
    look[INV_LOOK_SPREAD] =
        sqrt(fmax(0.0, squares / sum - y * y - x * x)) / (double)(h > w ? h : w);
    return true;
}

void inv_looks_add(inv_looks *range, const double look[INV_LOOKS])
{
    for (int i = 0; i < INV_LOOKS; i++) {
        range->low[i] = fmin(range->low[i], look[i]);
        range->high[i] = fmax(range->high[i], look[i]);
    }
}

bool inv_looks_hold(const inv_looks *range, const double look[INV_LOOKS])
{
    bool hold = true;
    for (int i = 0; i < INV_LOOKS; i++) {
        const double more = BEYOND * (range->high[i] - range->low[i]);
        hold = hold && look[i] >= range->low[i] - more && look[i] <= range->high[i] + more;
    }
    return hold || range->high[0] < range->low[0];
}
