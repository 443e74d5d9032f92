/* Whether images of units are what they say.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "invproj/encode.h"
#include "invproj/likeness.h"
#include "invproj/measure.h"

#define TOP 100 /* one in so many */

/* value[i] = what image i gives unit i */
static inv_status own_values(const inv_net *net, size_t at, const gsl_matrix_float *images,
                             float *value)
{
    const size_t rows = inv_encode_rows(net, images->size1);
    inv_pass *pass = NULL;
    inv_status status = inv_pass_alloc(net, 0, at, rows, INV_PASS_FORWARD, &pass);
    for (size_t first = 0; status == INV_OK && first < images->size1; first += rows) {
        const size_t left = images->size1 - first;
        gsl_matrix_float x = inv_mat_head(images, left < rows ? left : rows);
        x.data += first * images->tda;
        const gsl_matrix_float *y = inv_net_forward(net, pass, &x);
        for (size_t i = 0; i < x.size1; i++)
            value[first + i] = gsl_matrix_float_get(y, i, first + i);
    }
    inv_pass_free(pass);
    return status;
}

/* count[i] = how many images of the part give unit i as much, or more */
static inv_status count_above(const inv_net *net, size_t at, const inv_part *part,
                              const float *value, size_t *count)
{
    const size_t rows = inv_encode_rows(net, part->count);
    inv_pass *pass = NULL;
    gsl_matrix_float *x = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_pass_alloc(net, 0, at, rows, INV_PASS_FORWARD, &pass));
    INV_TRY(inv_mat_alloc(rows, part->pixels, "images", &x));
    for (size_t first = 0; first < part->count; first += rows) {
        const size_t left = part->count - first, n = left < rows ? left : rows;
        const gsl_matrix_float some = inv_mat_head(x, n);
        inv_part_rows(part, first, n, x);
        const gsl_matrix_float *y = inv_net_forward(net, pass, &some);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < y->size2; j++)
                count[j] += y->data[i * y->tda + j] >= value[j];
    }
done:
    inv_pass_free(pass);
    inv_mat_free(x);
    return status;
}

inv_status inv_measure_units(const inv_net *net, size_t at, const inv_part *part,
                             const gsl_matrix_float *images, double *share)
{
    const size_t units = inv_net_units(net, at);
    size_t high = 0;
    void *value = NULL, *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_encode_check(net, part));
    if (images->size1 != units || images->size2 != inv_net_units(net, 0))
        INV_FAIL(INV_EINVAL, "features: %zu images of %zu values, not %zu of %zu", images->size1,
                 images->size2, units, inv_net_units(net, 0));
    INV_TRY(inv_calloc(units, sizeof(float), "values of units", &value));
    INV_TRY(inv_calloc(units, sizeof(size_t), "counts", &memory));
    const size_t *count = memory;
    INV_TRY(own_values(net, at, images, value));
    INV_TRY(count_above(net, at, part, value, memory));
    for (size_t j = 0; j < units; j++)
        high += count[j] * TOP <= part->count;
    *share = (double)high / (double)units;
done:
    free(value);
    free(memory);
    return status;
}

inv_status inv_measure_border(inv_shape shape, const gsl_matrix_float *images, double *noise)
{
    inv_likeness *likeness = NULL;
    void *rows = NULL;
    double sum = 0.0, n = 0.0;
    inv_status status = INV_OK;
    INV_TRY(inv_likeness_alloc(shape, 0.0, 1.0, images->size1, &likeness));
    INV_TRY(inv_calloc(images->size1, sizeof(inv_likeness_row), "figures", &rows));
    inv_likeness_rows(likeness, images, images, rows);
    for (size_t i = 0; i < images->size1; i++) {
        const double value = ((const inv_likeness_row *)rows)[i].of[INV_LIKENESS_BORDER];
        sum += isnan(value) ? 0.0 : value;
        n += isnan(value) ? 0.0 : 1.0;
    }
    *noise = n > 0.0 ? sum / n : NAN;
done:
    inv_likeness_free(likeness);
    free(rows);
    return status;
}
