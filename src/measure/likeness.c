/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/likeness.h"

#include <math.h>
#include <stdlib.h>

#include <omp.h>

#define WINDOW  11 /* of SSIM, height and width */
#define SIGMA   1.5
#define K1      0.01
#define K2      0.03
#define MOMENTS 5 /* x, y, x^2, y^2, x y */
#define BORDER  2 /* rows and columns */

struct inv_likeness {
    inv_shape shape;
    double range;
    double weights[WINDOW];
    size_t scratch; /* doubles a thread */
    size_t threads;
    double *scratches;
    gsl_matrix_float *waves;        /* [height width, waves]: those of low frequency, orthonormal */
    gsl_matrix_float *plane, *part; /* [rows, height width], [rows, waves] */
};

/* ---- making one ---- */

static void set_weights(inv_likeness *l)
{
    double sum = 0.0;
    for (int i = 0; i < WINDOW; i++) {
        const double d = i - WINDOW / 2;
        l->weights[i] = exp(-0.5 * d * d / (SIGMA * SIGMA));
        sum += l->weights[i];
    }
    for (int i = 0; i < WINDOW; i++)
        l->weights[i] /= sum;
}

/* Waves k and n - k are of the same frequency. As a part of Nyquist's. */
static double frequency(size_t k, size_t n)
{
    return 2.0 * (double)(k < n - k ? k : n - k) / (double)n;
}

static bool is_low(const inv_shape *s, size_t u, size_t v)
{
    const double y = frequency(u, s->height), x = frequency(v, s->width);
    return (u || v) && y * y + x * x <= 0.25;
}

/* cas(2 pi (u row / height + v column / width)) / sqrt(height width), where cas is cos + sin. With a
 * wave there is its opposite, and the two span what Fourier's do. Source: Hartley 1942; Bracewell
 * 1983. */
static void fill_waves(inv_likeness *l)
{
    const inv_shape s = l->shape;
    const double scale = 1.0 / sqrt((double)(s.height * s.width));
    size_t wave = 0;
    for (size_t u = 0; u < s.height; u++)
        for (size_t v = 0; v < s.width; v++) {
            if (!is_low(&s, u, v))
                continue;
            for (size_t i = 0; i < s.height * s.width; i++) {
                const double turns = (double)(i / s.width * u % s.height) / (double)s.height +
                                     (double)(i % s.width * v % s.width) / (double)s.width;
                const double angle = 2.0 * 3.14159265358979323846 * turns;
                gsl_matrix_float_set(l->waves, i, wave, (float)(scale * (cos(angle) + sin(angle))));
            }
            wave++;
        }
}

static size_t count_waves(const inv_shape *s)
{
    size_t count = 0;
    for (size_t u = 0; u < s->height; u++)
        for (size_t v = 0; v < s->width; v++)
            count += is_low(s, u, v);
    return count;
}

static bool has_windows(const inv_shape *s)
{
    return s->height >= WINDOW && s->width >= WINDOW;
}

inv_status inv_likeness_alloc(inv_shape shape, double black, double white, size_t rows,
                              inv_likeness **out)
{
    const size_t pixels = shape.height * shape.width, waves = count_waves(&shape);
    void *memory = NULL, *scratches = NULL;
    inv_likeness *l = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    if (!(black < white) || !isfinite(white - black))
        return INV_ERROR(INV_EINVAL, "likeness: pixels from %g to %g", black, white);
    INV_TRY(inv_calloc(1, sizeof *l, "figures", &memory));
    l = memory;
    l->shape = shape;
    l->range = white - black;
    l->threads = inv_threads();
    set_weights(l);
    l->scratch = has_windows(&shape) ? MOMENTS * shape.height * (shape.width - WINDOW + 1) : 1;
    INV_TRY(inv_calloc(l->threads * l->scratch, sizeof(double), "figures", &scratches));
    l->scratches = scratches;
    INV_TRY(inv_mat_alloc(rows, pixels, "figures", &l->plane));
    if (waves > 0) {
        INV_TRY(inv_mat_alloc(pixels, waves, "waves", &l->waves));
        INV_TRY(inv_mat_alloc(rows, waves, "waves", &l->part));
        fill_waves(l);
    }
    *out = l;
    return INV_OK;
done:
    inv_likeness_free(l);
    return status;
}

void inv_likeness_free(inv_likeness *l)
{
    if (!l)
        return;
    inv_mat_free(l->waves);
    inv_mat_free(l->plane);
    inv_mat_free(l->part);
    free(l->scratches);
    free(l);
}

/* ---- differences ---- */

static void difference(const inv_likeness *l, const float *x, const float *y, size_t n, double *of)
{
    double l1 = 0.0, square = 0.0, norm = 0.0;
    for (size_t j = 0; j < n; j++) {
        const double d = (double)x[j] - (double)y[j];
        l1 += fabs(d);
        square += d * d;
        norm += (double)x[j] * (double)x[j];
    }
    of[INV_LIKENESS_L1] = l1 / (double)n;
    of[INV_LIKENESS_SQUARED] = square / (double)n;
    of[INV_LIKENESS_RELATIVE] = norm > 0.0 ? sqrt(square / norm) : NAN;
    of[INV_LIKENESS_PSNR] =
        square > 0.0 ? 10.0 * log10(l->range * l->range * (double)n / square) : NAN;
}

/* ---- SSIM ---- */

/* along[m][row, column] = moment m, weighted along the row, of one channel. */
static void weigh_rows(const inv_likeness *l, const float *x, const float *y, double *along)
{
    const size_t channels = l->shape.channels, width = l->shape.width, out = width - WINDOW + 1;
    const size_t plane = l->shape.height * out;
    for (size_t row = 0; row < l->shape.height; row++)
        for (size_t c = 0; c < out; c++) {
            double sum[MOMENTS] = {0.0};
            for (size_t k = 0; k < WINDOW; k++) {
                const size_t at = (row * width + c + k) * channels;
                const double a = x[at], b = y[at], w = l->weights[k];
                sum[0] += w * a;
                sum[1] += w * b;
                sum[2] += w * a * a;
                sum[3] += w * b * b;
                sum[4] += w * a * b;
            }
            for (size_t m = 0; m < MOMENTS; m++)
                along[m * plane + row * out + c] = sum[m];
        }
}

static double one_window(const inv_likeness *l, const double *m)
{
    const double c1 = K1 * l->range * K1 * l->range, c2 = K2 * l->range * K2 * l->range;
    const double xx = m[2] - m[0] * m[0], yy = m[3] - m[1] * m[1], xy = m[4] - m[0] * m[1];
    return (2.0 * m[0] * m[1] + c1) * (2.0 * xy + c2) /
           ((m[0] * m[0] + m[1] * m[1] + c1) * (xx + yy + c2));
}

static double ssim_channel(const inv_likeness *l, const float *x, const float *y, double *along)
{
    const size_t out = l->shape.width - WINDOW + 1, high = l->shape.height - WINDOW + 1;
    const size_t plane = l->shape.height * out;
    double sum = 0.0;
    weigh_rows(l, x, y, along);
    for (size_t row = 0; row < high; row++)
        for (size_t c = 0; c < out; c++) {
            double m[MOMENTS] = {0.0};
            for (size_t k = 0; k < WINDOW; k++)
                for (size_t i = 0; i < MOMENTS; i++)
                    m[i] += l->weights[k] * along[i * plane + (row + k) * out + c];
            sum += one_window(l, m);
        }
    return sum / (double)(high * out);
}

static double ssim(const inv_likeness *l, const float *x, const float *y, double *along)
{
    double sum = 0.0;
    if (!has_windows(&l->shape))
        return NAN;
    for (size_t c = 0; c < l->shape.channels; c++)
        sum += ssim_channel(l, x + c, y + c, along);
    return sum / (double)l->shape.channels;
}

/* ---- noise ---- */

static bool is_border(const inv_shape *s, size_t pixel)
{
    const size_t row = pixel / s->width, column = pixel % s->width;
    return row < BORDER || column < BORDER || row + BORDER >= s->height ||
           column + BORDER >= s->width;
}

/* Of all values, or those of the border alone; around the first, so that little cancels. */
static double deviation(const inv_shape *s, const float *y, bool border)
{
    double sum = 0.0, square = 0.0, n = 0.0;
    for (size_t i = 0; i < s->height * s->width; i++)
        for (size_t c = 0; c < s->channels && (!border || is_border(s, i)); c++) {
            const double d = (double)y[i * s->channels + c] - (double)y[0];
            sum += d;
            square += d * d;
            n += 1.0;
        }
    return sqrt(fmax(square / n - sum / n * (sum / n), 0.0));
}

static double border_noise(const inv_shape *s, const float *y)
{
    const double all = deviation(s, y, false);
    return all > 0.0 ? deviation(s, y, true) / all : NAN;
}

/* One channel of every image, its mean removed; power[i] grows by its sum of squares. */
static void take_plane(inv_likeness *l, const gsl_matrix_float *y, size_t channel, double *power)
{
    const size_t pixels = l->plane->size2, channels = l->shape.channels;
#pragma omp parallel for schedule(static) if (y->size1 * pixels > INV_PARALLEL_MIN)
    for (size_t i = 0; i < y->size1; i++) {
        const float *from = y->data + i * y->tda + channel;
        float *to = l->plane->data + i * l->plane->tda;
        double mean = 0.0;
        for (size_t j = 0; j < pixels; j++)
            mean += from[j * channels] / (double)pixels;
        for (size_t j = 0; j < pixels; j++) {
            const double d = (double)from[j * channels] - mean;
            to[j] = (float)d;
            power[i] += d * d;
        }
    }
}

static void take_low(const inv_likeness *l, size_t rows, double *low)
{
    const gsl_matrix_float plane = inv_mat_head(l->plane, rows);
    gsl_matrix_float part = inv_mat_head(l->part, rows);
    inv_mat_affine(&plane, l->waves, NULL, &part);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < part.size2; k++) {
            const double d = part.data[i * part.tda + k];
            low[i] += d * d;
        }
}

#define AT_A_TIME 64 /* images whose sums stand on the stack */

static void high_share(inv_likeness *l, const gsl_matrix_float *y, size_t which,
                       inv_likeness_row *rows)
{
    for (size_t first = 0; first < y->size1; first += AT_A_TIME) {
        const size_t left = y->size1 - first, n = left < AT_A_TIME ? left : AT_A_TIME;
        double power[AT_A_TIME] = {0.0}, low[AT_A_TIME] = {0.0};
        gsl_matrix_float some = inv_mat_head(y, n);
        some.data += first * y->tda;
        for (size_t c = 0; c < l->shape.channels; c++) {
            take_plane(l, &some, c, power);
            if (l->waves)
                take_low(l, n, low);
        }
        for (size_t i = 0; i < n; i++)
            rows[first + i].of[which] = power[i] > 0.0 ? fmax(1.0 - low[i] / power[i], 0.0) : NAN;
    }
}

void inv_likeness_rows(inv_likeness *l, const gsl_matrix_float *x, const gsl_matrix_float *y,
                       inv_likeness_row *rows)
{
#pragma omp parallel for schedule(static) num_threads(l->threads)
    for (size_t i = 0; i < x->size1; i++) {
        const float *a = x->data + i * x->tda, *b = y->data + i * y->tda;
        double *scratch = l->scratches + (size_t)omp_get_thread_num() * l->scratch;
        difference(l, a, b, x->size2, rows[i].of);
        rows[i].of[INV_LIKENESS_SSIM] = ssim(l, a, b, scratch);
        rows[i].of[INV_LIKENESS_BORDER] = border_noise(&l->shape, b);
    }
    high_share(l, x, INV_LIKENESS_HIGH_ORIGINAL, rows);
    high_share(l, y, INV_LIKENESS_HIGH, rows);
}
