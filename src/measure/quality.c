/* All figures of an inverse, by one pass over the images.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "invproj/encode.h"
#include "invproj/inverse.h"
#include "invproj/likeness.h"
#include "invproj/loss.h"
#include "invproj/measure.h"

const char *const inv_quality_names[INV_QUALITIES] = {
    [INV_QUALITY_L1] = "l1_per_pixel",
    [INV_QUALITY_SQUARED] = "squared_error",
    [INV_QUALITY_RELATIVE] = "relative_l2",
    [INV_QUALITY_PSNR] = "psnr",
    [INV_QUALITY_SSIM] = "ssim",
    [INV_QUALITY_POINT] = "point_error",
    [INV_QUALITY_SAME] = "same_class",
    [INV_QUALITY_RECOGNISED] = "recognised",
    [INV_QUALITY_CONFIDENCE] = "judge_confidence",
    [INV_QUALITY_BORDER] = "border_noise",
    [INV_QUALITY_HIGH] = "high_frequencies",
    [INV_QUALITY_DIVERSITY] = "diversity",
};

/* Which figure a likeness is. */
static const struct {
    size_t likeness, quality;
} likenesses[] = {{INV_LIKENESS_L1, INV_QUALITY_L1},
                  {INV_LIKENESS_SQUARED, INV_QUALITY_SQUARED},
                  {INV_LIKENESS_RELATIVE, INV_QUALITY_RELATIVE},
                  {INV_LIKENESS_PSNR, INV_QUALITY_PSNR},
                  {INV_LIKENESS_SSIM, INV_QUALITY_SSIM},
                  {INV_LIKENESS_BORDER, INV_QUALITY_BORDER},
                  {INV_LIKENESS_HIGH, INV_QUALITY_HIGH}};

/* ---- sums ---- */

typedef struct sums {
    double n, sum, square;
} sums;

static void add(sums *s, double value)
{
    if (isnan(value))
        return;
    s->n += 1.0;
    s->sum += value;
    s->square += value * value;
}

/* The mean, and sqrt(sum (v - mean)^2 / (n - 1) / n), both over `unit`. */
static void finish(const sums *s, double unit, double *mean, double *error)
{
    *mean = s->n > 0.0 ? s->sum / s->n : NAN;
    const double variance = s->square / s->n - *mean * *mean;
    *error = s->n > 1.0 ? sqrt(fmax(variance, 0.0) / (s->n - 1.0)) / unit : NAN;
    *mean /= unit;
}

/* Sums of values and of their squares, of rows of `width` each, in `groups`. */
typedef struct spread {
    size_t width, groups;
    double *count, *sum, *square; /* [groups], [groups, width], [groups] */
} spread;

static inv_status spread_open(spread *s, size_t groups, size_t width)
{
    void *memory = NULL;
    inv_status status = inv_calloc(groups, (width + 2) * sizeof(double), "sums", &memory);
    *s = (spread){width, groups, memory, NULL, NULL};
    if (memory) {
        s->square = s->count + groups;
        s->sum = s->square + groups;
    }
    return status;
}

static void spread_add(spread *s, size_t group, const float *row)
{
    double *sum = s->sum + group * s->width, square = 0.0;
    for (size_t j = 0; j < s->width; j++) {
        sum[j] += row[j];
        square += (double)row[j] * row[j];
    }
    s->count[group] += 1.0;
    s->square[group] += square;
}

/* The root mean square distance of two rows of a group: the root of twice their variance. */
static double spread_of(const spread *s, size_t group)
{
    const double n = s->count[group], *sum = s->sum + group * s->width;
    double variance = n > 0.0 ? s->square[group] / n : 0.0;
    for (size_t j = 0; j < s->width && n > 0.0; j++)
        variance -= sum[j] / n * (sum[j] / n);
    return sqrt(2.0 * fmax(variance, 0.0));
}

/* ---- measuring ---- */

typedef struct measuring {
    const inv_measuring *what;
    const inv_part *part;
    size_t rows;
    inv_likeness *likeness;
    inv_likeness_row *row;
    inv_pass *up, *down, *again, *judge; /* x to the point and on, back, and y likewise */
    gsl_matrix_float *x, *seen;          /* seen: y with the judge's black and white */
    unsigned *before, *after;
    sums of[INV_QUALITIES], high_original;
    spread point, originals, images; /* of the values; of each class's images */
} measuring;

static void measuring_close(measuring *m)
{
    inv_likeness_free(m->likeness);
    inv_pass_free(m->up);
    inv_pass_free(m->down);
    inv_pass_free(m->again);
    inv_pass_free(m->judge);
    inv_mat_free(m->x);
    inv_mat_free(m->seen);
    free(m->row);
    free(m->before);
    free(m->point.count);
    free(m->originals.count);
    free(m->images.count);
}

static inv_status check_judge(const inv_measuring *what)
{
    const inv_shape a = inv_net_shape(what->judge, 0), b = inv_net_shape(what->net, 0);
    if (a.height != b.height || a.width != b.width || a.channels != b.channels)
        return INV_ERROR(INV_EDATA,
                         "judge: a net of images of %zu x %zu x %zu cannot judge those of %zu x "
                         "%zu x %zu",
                         a.height, a.width, a.channels, b.height, b.width, b.channels);
    const size_t outputs = inv_net_units(what->judge, inv_net_depth(what->judge));
    if (outputs < what->classes)
        return INV_ERROR(INV_EDATA, "judge: a net of %zu classes cannot judge images of %zu",
                         outputs, what->classes);
    return INV_OK;
}

static inv_status open_judge(measuring *m)
{
    const inv_net *judge = m->what->judge;
    inv_status status = INV_OK;
    INV_TRY(check_judge(m->what));
    INV_TRY(inv_pass_alloc(judge, 0, inv_net_logits(judge), m->rows, INV_PASS_FORWARD, &m->judge));
    INV_TRY(inv_mat_alloc(m->rows, m->part->pixels, "images to judge", &m->seen));
done:
    return status;
}

static inv_status measuring_open(measuring *m, const inv_measuring *what, const inv_part *part)
{
    const inv_net *net = what->net, *inverse = what->inverse;
    void *row = NULL, *classes = NULL;
    inv_status status = INV_OK;
    *m = (measuring){.what = what, .part = part, .rows = inv_encode_rows(net, part->count)};
    INV_TRY(inv_likeness_alloc(inv_net_shape(net, 0), what->pixels.black, what->pixels.white,
                               m->rows, &m->likeness));
    INV_TRY(inv_calloc(m->rows, sizeof(inv_likeness_row), "figures", &row));
    m->row = row;
    INV_TRY(inv_calloc(m->rows, 2 * sizeof(unsigned), "classes", &classes));
    m->before = classes;
    m->after = m->before + m->rows;
    INV_TRY(inv_mat_alloc(m->rows, part->pixels, "images", &m->x));
    INV_TRY(inv_pass_alloc(net, 0, inv_net_logits(net), m->rows, INV_PASS_FORWARD, &m->up));
    INV_TRY(inv_pass_alloc(net, 0, inv_net_logits(net), m->rows, INV_PASS_FORWARD, &m->again));
    if (!what->images)
        INV_TRY(inv_pass_alloc(inverse, 0, inv_net_depth(inverse), m->rows, INV_PASS_FORWARD,
                               &m->down));
    INV_TRY(spread_open(&m->point, 1, inv_net_units(net, what->at)));
    INV_TRY(spread_open(&m->originals, what->classes, part->pixels));
    INV_TRY(spread_open(&m->images, what->classes, part->pixels));
    if (what->judge)
        INV_TRY(open_judge(m));
done:
    return status;
}

/* The judge sees its own black and white in place of the net's. */
static void judge_rows(measuring *m, const gsl_matrix_float *y, const uint16_t *labels)
{
    gsl_matrix_float seen = inv_mat_head(m->seen, y->size1);
    inv_pixels_translate(&m->what->pixels, &m->what->judge_pixels, y, &seen);
    const gsl_matrix_float *logits = inv_net_forward(m->what->judge, m->judge, &seen);
    for (size_t i = 0; i < y->size1; i++) {
        const float *row = logits->data + i * logits->tda;
        size_t top = 0;
        const double confidence = inv_confidence(row, logits->size2, &top);
        add(&m->of[INV_QUALITY_RECOGNISED], top == labels[i]);
        add(&m->of[INV_QUALITY_CONFIDENCE],
            confidence * exp((double)row[labels[i]] - (double)row[top]));
    }
}

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) {
        const double d = (double)a[j] - (double)b[j];
        sum += d * d;
    }
    return sqrt(sum);
}

static void add_row(measuring *m, size_t i, const float *x, const float *y, size_t label)
{
    const size_t at = m->what->at;
    const gsl_matrix_float *values = inv_pass_at(m->up, at), *of_image = inv_pass_at(m->again, at);
    const float *v = values->data + i * values->tda;
    for (size_t k = 0; k < sizeof likenesses / sizeof *likenesses; k++)
        add(&m->of[likenesses[k].quality], m->row[i].of[likenesses[k].likeness]);
    add(&m->high_original, m->row[i].of[INV_LIKENESS_HIGH_ORIGINAL]);
    add(&m->of[INV_QUALITY_POINT], distance(v, of_image->data + i * of_image->tda, values->size2));
    add(&m->of[INV_QUALITY_SAME], m->before[i] == m->after[i]);
    spread_add(&m->point, 0, v);
    if (label < m->what->classes) {
        spread_add(&m->originals, label, x);
        spread_add(&m->images, label, y);
    }
}

/* What was made of images `first` to first + n; empty where an inverse is to make it. */
static gsl_matrix_float found_images(const inv_measuring *what, size_t first, size_t n)
{
    const gsl_matrix_float *all = what->images;
    return all ? inv_mat_over(all->data + first * all->tda, n, all->size2) : (gsl_matrix_float){0};
}

static void measure_chunk(measuring *m, size_t first, size_t n)
{
    const inv_measuring *what = m->what;
    const uint16_t *labels = m->part->labels + first;
    const gsl_matrix_float x = inv_mat_head(m->x, n);
    inv_part_rows(m->part, first, n, m->x);
    inv_encode_classes(inv_net_forward(what->net, m->up, &x), NULL, m->before);
    const gsl_matrix_float found = found_images(what, first, n);
    const gsl_matrix_float *y =
        what->images ? &found
                     : inv_net_forward(what->inverse, m->down, inv_pass_at(m->up, what->at));
    inv_encode_classes(inv_net_forward(what->net, m->again, y), NULL, m->after);
    inv_likeness_rows(m->likeness, &x, y, m->row);
    for (size_t i = 0; i < n; i++)
        add_row(m, i, x.data + i * x.tda, y->data + i * y->tda, labels[i]);
    if (what->judge)
        judge_rows(m, y, labels);
}

/* The mean over the classes whose images differ. */
static double diversity(const measuring *m)
{
    sums all = {0};
    double mean = NAN, error = NAN;
    for (size_t c = 0; c < m->what->classes; c++) {
        const double real = spread_of(&m->originals, c);
        add(&all, real > 0.0 ? spread_of(&m->images, c) / real : NAN);
    }
    finish(&all, 1.0, &mean, &error);
    return mean;
}

static inv_status conclude(const measuring *m, inv_quality *q)
{
    double high = NAN, error = NAN;
    finish(&m->high_original, 1.0, &high, &error);
    for (size_t k = 0; k < INV_QUALITIES; k++)
        finish(&m->of[k],
               k == INV_QUALITY_HIGH    ? high
               : k == INV_QUALITY_POINT ? spread_of(&m->point, 0)
                                        : 1.0,
               &q->mean[k], &q->error[k]);
    q->mean[INV_QUALITY_DIVERSITY] = diversity(m);
    for (size_t k = 0; k < INV_QUALITIES; k++)
        if (!isfinite(q->mean[k]))
            q->mean[k] = q->error[k] = NAN;
    if (!isfinite(q->mean[INV_QUALITY_L1]))
        return INV_ERROR(INV_ENUMERIC, "inverse: its images are not finite");
    return INV_OK;
}

static inv_status check_images(const inv_measuring *what, const inv_part *part)
{
    const gsl_matrix_float *images = what->images;
    if (what->at > 0 && what->at <= inv_net_logits(what->net) && images->size1 > 0 &&
        images->size1 <= part->count && images->size2 == part->pixels &&
        images->tda == images->size2)
        return INV_OK;
    return INV_ERROR(INV_EINVAL,
                     "inverse: %zu images of %zu pixels from point %zu; there are %zu "
                     "of %zu and points 1 to %zu",
                     images->size1, images->size2, what->at, part->count, part->pixels,
                     inv_net_logits(what->net));
}

inv_status inv_measure_quality(const inv_measuring *what, const inv_part *whole,
                               inv_quality *quality)
{
    inv_part part = *whole;
    measuring m = {0};
    inv_status status = INV_OK;
    *quality = (inv_quality){0};
    INV_TRY(what->images ? check_images(what, whole)
                         : inv_inverse_check(what->net, what->inverse, what->at));
    if (what->images)
        part.count = what->images->size1;
    INV_TRY(inv_encode_check(what->net, &part));
    INV_TRY(measuring_open(&m, what, &part));
    for (size_t first = 0; first < part.count; first += m.rows)
        measure_chunk(&m, first, part.count - first < m.rows ? part.count - first : m.rows);
    INV_TRY(conclude(&m, quality));
done:
    measuring_close(&m);
    return status;
}
