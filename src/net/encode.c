/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/encode.h"

#include "invproj/loss.h"

void inv_encode_classes(const gsl_matrix_float *logits, float *confidence, unsigned *predicted)
{
    for (size_t i = 0; i < logits->size1; i++) {
        size_t top = 0;
        double p = inv_confidence(logits->data + i * logits->tda, logits->size2, &top);
        if (confidence)
            confidence[i] = (float)p;
        if (predicted)
            predicted[i] = (unsigned)top;
    }
}

/* Floats at one point: more are slower, since a layer then reads what the one before it wrote from
 * memory; many fewer are slower too, since threads are woken for each layer. */
#define FLOATS_MOST ((size_t)1 << 20)
#define ROWS_LEAST  ((size_t)16)

static size_t between(size_t low, size_t n, size_t high)
{
    return n < low ? low : n > high ? high : n;
}

size_t inv_encode_rows(const inv_net *net, size_t count)
{
    size_t widest = 1;
    for (size_t p = 0; p <= inv_net_depth(net); p++)
        widest = inv_net_units(net, p) > widest ? inv_net_units(net, p) : widest;
    const size_t rows = between(ROWS_LEAST, FLOATS_MOST / widest, INV_CHUNK);
    return count < rows ? count : rows;
}

inv_status inv_encode_check(const inv_net *net, const inv_part *part)
{
    const size_t values = inv_net_units(net, 0);
    if (part->count == 0)
        return INV_ERROR(INV_EDATA, "there are no images");
    if (part->pixels != values)
        return INV_ERROR(INV_EDATA, "the images have %zu values each, the network takes %zu",
                         part->pixels, values);
    return INV_OK;
}

static inv_status check(const inv_net *net, const inv_part *part, size_t at,
                        const gsl_matrix_float *values)
{
    const size_t logits = inv_net_logits(net);
    if (values && (at == 0 || at > logits))
        return INV_ERROR(INV_EINVAL, "values at point %zu; there are 1 to %zu", at, logits);
    if (values && (values->size1 < part->count || values->size2 != inv_net_units(net, at)))
        return INV_ERROR(INV_EINVAL, "room for %zu x %zu values; at %s are %zu x %zu",
                         values->size1, values->size2, inv_net_point_name(net, at), part->count,
                         inv_net_units(net, at));
    return inv_encode_check(net, part);
}

inv_status inv_encode(const inv_net *net, const inv_part *part, size_t at, gsl_matrix_float *values,
                      float *confidence, unsigned *predicted)
{
    const size_t rows = inv_encode_rows(net, part->count);
    inv_pass *pass = NULL;
    gsl_matrix_float *images = NULL;
    inv_status status = INV_OK;
    INV_TRY(check(net, part, at, values));
    INV_TRY(inv_mat_alloc(rows, part->pixels, "images", &images));
    INV_TRY(inv_pass_alloc(net, 0, inv_net_logits(net), rows, INV_PASS_FORWARD, &pass));
    for (size_t first = 0; first < part->count; first += rows) {
        const size_t n = part->count - first < rows ? part->count - first : rows;
        const gsl_matrix_float x = inv_mat_head(images, n);
        inv_part_rows(part, first, n, images);
        const gsl_matrix_float *logits = inv_net_forward(net, pass, &x);
        inv_encode_classes(logits, confidence ? confidence + first : NULL,
                           predicted ? predicted + first : NULL);
        if (values) {
            gsl_matrix_float_view to =
                gsl_matrix_float_submatrix(values, first, 0, n, values->size2);
            gsl_matrix_float_memcpy(&to.matrix, inv_pass_at(pass, at));
        }
    }
done:
    inv_pass_free(pass);
    inv_mat_free(images);
    return status;
}
