/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inverse/loss.h"

#include <math.h>
#include <string.h>

#include "invproj/loss.h"

const inv_choice inv_inverse_losses[] = {
    {"l1", "sum over the pixels of |image - inverse|"},
    {"l2", "sum of the squares of the same"},
    {"mix",
     "l2 in the first step, l1 in the last, and in between a part of each; l1 from the start "
     "may leave convolutions all black, since most pixels are"},
    {0}};

inv_image_loss inv_image_loss_at(const char *loss, size_t step, size_t steps)
{
    const float l1 = strcmp(loss, "mix") == 0  ? (float)((double)step / (double)steps)
                     : strcmp(loss, "l1") == 0 ? 1.0f
                                               : 0.0f;
    return (inv_image_loss){l1, 1.0f - l1, false, 0.0f, 0.0f};
}

#define SUMS 16 /* partial sums: the order in which is added is written, and the same everywhere */

/* n <= SUMS pixels; where n is a constant, the compiler makes vectors of it. */
static inline void some_pixels(const inv_image_loss *loss, size_t n, const float *restrict y,
                               float *restrict dy, float *restrict sum)
{
    const float l1 = loss->l1, l2 = loss->l2, low = loss->low, high = loss->high;
    for (size_t s = 0; s < n; s++) {
        const float above = y[s] < low ? low : y[s];
        const float e = (above > high ? high : above) - dy[s];
        const float sign = (float)((e > 0.0f) - (e < 0.0f));
        sum[s] += l1 * fabsf(e) + l2 * e * e;
        dy[s] = l1 * sign + 2.0f * l2 * e;
    }
}

static double one_row(const inv_image_loss *loss, size_t n, const float *y, float *dy)
{
    const float low = loss->clips ? loss->low : -INFINITY,
                high = loss->clips ? loss->high : INFINITY;
    const inv_image_loss within = {loss->l1, loss->l2, true, low, high};
    float sum[SUMS] = {0.0f};
    double total = 0.0;
    size_t j = 0;
    for (; j + SUMS <= n; j += SUMS)
        some_pixels(&within, SUMS, y + j, dy + j, sum);
    some_pixels(&within, n - j, y + j, dy + j, sum);
    for (size_t s = 0; s < SUMS; s++)
        total += sum[s];
    return total;
}

double inv_image_loss_rows(const inv_image_loss *loss, const gsl_matrix_float *y, double *row_loss,
                           gsl_matrix_float *dy)
{
    double total = 0.0;
    if (loss->l1 == 1.0f && !loss->clips)
        return inv_loss_l1(y, dy, row_loss, dy);
    for (size_t i = 0; i < y->size1; i++) {
        row_loss[i] = one_row(loss, y->size2, y->data + i * y->tda, dy->data + i * dy->tda);
        total += row_loss[i];
    }
    return total;
}
