/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/encode.h"
#include "invproj/inverse.h"
#include "invproj/loss.h"

inv_status inv_measure_accuracy(const inv_net *net, const inv_part *part, double *accuracy)
{
    void *memory = NULL;
    size_t correct = 0;
    inv_status status = INV_OK;
    *accuracy = 0.0;
    INV_TRY(inv_encode_check(net, part));
    INV_TRY(inv_calloc(part->count, sizeof(unsigned), "predictions", &memory));
    const unsigned *predicted = memory;
    INV_TRY(inv_encode(net, part, 0, NULL, NULL, memory));
    for (size_t i = 0; i < part->count; i++)
        correct += predicted[i] == part->labels[i];
    *accuracy = (double)correct / (double)part->count;
done:
    free(memory);
    return status;
}

/* Puts it into its place among the `most` surest. */
static void note_mistake(inv_mistake m, inv_mistake *list, size_t most, size_t *count)
{
    size_t at = *count;
    while (at > 0 && m.confidence > list[at - 1].confidence)
        at--;
    if (at == most)
        return;
    *count += *count < most;
    memmove(list + at + 1, list + at, (*count - at - 1) * sizeof *list);
    list[at] = m;
}

inv_status inv_measure_confusion(const inv_net *net, const inv_part *part, size_t classes,
                                 unsigned *confusion, inv_mistake *mistakes, size_t most,
                                 size_t *count)
{
    void *predicted = NULL, *confidence = NULL;
    inv_status status = INV_OK;
    *count = 0;
    memset(confusion, 0, classes * classes * sizeof *confusion);
    INV_TRY(inv_encode_check(net, part));
    INV_TRY(inv_calloc(part->count, sizeof(unsigned), "predictions", &predicted));
    INV_TRY(inv_calloc(part->count, sizeof(float), "confidences", &confidence));
    INV_TRY(inv_encode(net, part, 0, NULL, confidence, predicted));
    for (size_t i = 0; i < part->count; i++) {
        const inv_mistake m = {i, part->labels[i], ((unsigned *)predicted)[i],
                               ((float *)confidence)[i]};
        if (m.label >= classes || m.predicted >= classes)
            INV_FAIL(INV_EDATA, "image %zu is of class %u, taken for %u; there are %zu classes", i,
                     m.label, m.predicted, classes);
        confusion[m.label * classes + m.predicted]++;
        if (m.label != m.predicted)
            note_mistake(m, mistakes, most, count);
    }
done:
    free(predicted);
    free(confidence);
    return status;
}

inv_status inv_measure_spread(const inv_part *part, size_t classes, double *spread)
{
    const size_t pixels = part->pixels;
    void *memory = NULL, *counts = NULL;
    gsl_matrix_float *x = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(classes * pixels, 2 * sizeof(double), "sums of pixels", &memory));
    INV_TRY(inv_calloc(classes, sizeof(size_t), "counts", &counts));
    INV_TRY(inv_mat_alloc(1, pixels, "an image", &x));
    double *sum = memory, *square = sum + classes * pixels;
    size_t *count = counts;
    for (size_t i = 0; i < part->count; i++) {
        const size_t c = part->labels[i];
        inv_part_rows(part, i, 1, x);
        count[c]++;
        for (size_t j = 0; j < pixels; j++) {
            sum[c * pixels + j] += x->data[j];
            square[c * pixels + j] += (double)x->data[j] * x->data[j];
        }
    }
    for (size_t c = 0; c < classes; c++) {
        double variance = 0.0;
        for (size_t j = c * pixels; j < (c + 1) * pixels && count[c] > 0; j++) {
            const double mean = sum[j] / (double)count[c];
            variance += square[j] / (double)count[c] - mean * mean;
        }
        spread[c] = sqrt(2.0 * fmax(variance, 0.0));
    }
done:
    inv_mat_free(x);
    free(counts);
    free(memory);
    return status;
}

/* What is added up over the images. */
typedef struct sums {
    double l1, ratio;
    size_t images, with_norm, same;
} sums;

static void add_image(const float *x, const float *y, size_t n, sums *total)
{
    double l1 = 0.0, difference = 0.0, norm = 0.0;
    for (size_t j = 0; j < n; j++) {
        const double d = (double)x[j] - y[j];
        l1 += fabs(d);
        difference += d * d;
        norm += (double)x[j] * x[j];
    }
    total->l1 += l1;
    total->images++;
    if (norm > 0.0) {
        total->ratio += sqrt(difference / norm);
        total->with_norm++;
    }
}

/* The buffers for one chunk of images. */
typedef struct chunk {
    gsl_matrix_float *x;
    unsigned before[INV_CHUNK], after[INV_CHUNK];
    inv_pass *pass, *inverse_pass;
} chunk;

static void measure_chunk(const inv_net *net, const inv_net *inverse, size_t at, chunk *c, size_t n,
                          sums *total)
{
    const gsl_matrix_float x = inv_mat_head(c->x, n);
    inv_encode_classes(inv_net_forward(net, c->pass, &x), NULL, c->before);
    const gsl_matrix_float *y = inv_net_forward(inverse, c->inverse_pass, inv_pass_at(c->pass, at));
    inv_encode_classes(inv_net_forward(net, c->pass, y), NULL, c->after);
    for (size_t i = 0; i < n; i++) {
        add_image(x.data + i * x.tda, y->data + i * y->tda, x.size2, total);
        total->same += c->before[i] == c->after[i];
    }
}

static inv_status finish(const sums *total, size_t pixels, inv_inverse_quality *quality)
{
    const double n = (double)total->images;
    quality->l1_per_pixel = total->l1 / n / (double)pixels;
    quality->relative_l2 = total->with_norm ? total->ratio / (double)total->with_norm : 0.0;
    quality->same_class = (double)total->same / n;
    if (!isfinite(quality->l1_per_pixel) || !isfinite(quality->relative_l2))
        return INV_ERROR(INV_ENUMERIC, "inverse: its images are not finite");
    return INV_OK;
}

inv_status inv_measure_inverse(const inv_net *net, const inv_net *inverse, size_t at,
                               const inv_part *part, inv_inverse_quality *quality)
{
    const size_t rows = inv_encode_rows(net, part->count);
    void *memory = NULL;
    chunk *c = NULL;
    sums total = {0};
    inv_status status = INV_OK;
    *quality = (inv_inverse_quality){0};
    INV_TRY(inv_inverse_check(net, inverse, at));
    INV_TRY(inv_encode_check(net, part));
    INV_TRY(inv_calloc(1, sizeof *c, "measuring", &memory));
    c = memory;
    INV_TRY(inv_mat_alloc(rows, part->pixels, "images", &c->x));
    INV_TRY(inv_pass_alloc(net, 0, inv_net_logits(net), rows, INV_PASS_FORWARD, &c->pass));
    INV_TRY(inv_pass_alloc(inverse, 0, inv_net_depth(inverse), rows, INV_PASS_FORWARD,
                           &c->inverse_pass));
    for (size_t first = 0; first < part->count; first += rows) {
        const size_t n = part->count - first < rows ? part->count - first : rows;
        inv_part_rows(part, first, n, c->x);
        measure_chunk(net, inverse, at, c, n, &total);
    }
    INV_TRY(finish(&total, part->pixels, quality));
done:
    if (c) {
        inv_mat_free(c->x);
        inv_pass_free(c->pass);
        inv_pass_free(c->inverse_pass);
    }
    free(c);
    return status;
}
