/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/centre.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/fit.h"

#define LOOK_MAX     ((size_t)256) /* a longer side is made so long before anything is looked for */
#define WINDOW       3     /* the ground is what is wider than this part of the longer side */
#define INK_PART     0.5f  /* of the strongest contrast: from there on it is ink */
#define CONTRAST_MIN 0.12f /* of black to white: a page with less than that is blank */
#define STROKE_PART  0.03  /* of the largest stroke: less is dust */
#define EDGE_PART    0.25  /* what a stroke counts that touches the edge */
#define FULL         28    /* of a side, as MNIST's images have them, */
#define FILLED       20    /* these hold what is written */

/* How much ink is where, from 0 to 1. */
typedef struct page {
    size_t height, width;
    float *ink; /* [height, width] */
} page;

typedef struct box {
    size_t top, left, bottom, right; /* the last two are beyond it */
} box;

static inv_status page_alloc(size_t height, size_t width, page *p)
{
    void *memory = NULL;
    inv_status status = inv_calloc(height, width * sizeof(float), "a page", &memory);
    *p = (page){height, width, memory};
    return status;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- from an image to a page ---- */

/* The part of an image in `b`, in grey, no side longer than LOOK_MAX: ink is 1 where the ground is
 * black and the pixel white, or the other way round. */
static inv_status page_of(inv_shape given, const float *from, box b, const inv_pixels *pixels,
                          page *out)
{
    const size_t c = given.channels, height = b.bottom - b.top, width = b.right - b.left;
    const double span = pixels->white - pixels->black;
    const bool on_black = pixels->ground < pixels->black + span / 2;
    const double shrink = fmin(1.0, (double)LOOK_MAX / (double)larger(height, width));
    float *part = NULL;
    void *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(height * width, c * sizeof(float), "an image", &memory));
    part = memory;
    for (size_t y = 0; y < height; y++)
        memcpy(part + y * width * c, from + ((b.top + y) * given.width + b.left) * c,
               width * c * sizeof *part);
    INV_TRY(page_alloc(larger(1, (size_t)lround(shrink * (double)height)),
                       larger(1, (size_t)lround(shrink * (double)width)), out));
    INV_TRY(inv_fit_image((inv_shape){height, width, c}, part,
                          (inv_shape){out->height, out->width, 1}, (float)pixels->ground,
                          out->ink));
    for (size_t i = 0; i < out->height * out->width; i++)
        out->ink[i] =
            (float)((on_black ? out->ink[i] - pixels->black : pixels->white - out->ink[i]) / span);
done:
    free(memory);
    return status;
}

/* ---- the ground ---- */

/* to[i] = the lowest of from[i - r .. i + r] as far as they are there, times `sign`: with -1, the
 * highest. `queue` holds the places, rising in value, that may still be the lowest. */
static void lowest(const float *from, size_t n, size_t stride, size_t r, float sign, size_t *queue,
                   float *to)
{
    size_t first = 0, end = 0;
    for (size_t i = 0; i < n + r; i++) {
        if (i < n) {
            while (end > first && sign * from[queue[end - 1] * stride] >= sign * from[i * stride])
                end--;
            queue[end++] = i;
        }
        if (i < r)
            continue;
        while (queue[first] + 2 * r < i)
            first++;
        to[(i - r) * stride] = from[queue[first] * stride];
    }
}

/* The same over squares of 2 r + 1, in place. `spare` has the page's size. */
static void lowest_around(const page *p, size_t r, float sign, size_t *queue, float *spare)
{
    for (size_t y = 0; y < p->height; y++)
        lowest(p->ink + y * p->width, p->width, 1, r, sign, queue, spare + y * p->width);
    for (size_t x = 0; x < p->width; x++)
        lowest(spare + x, p->height, p->width, r, sign, queue, p->ink + x);
}

/* Takes away all that is wider than a stroke can be, light and shadow: the top-hat transform, ink
 * less its opening (the highest of the lowest around), with a square for a structuring element. J.
 * Serra, Image Analysis and Mathematical Morphology (1982), chapter XII; R. C. Gonzalez and R. E.
 * Woods, Digital Image Processing, 4th edition (2018), section 9.8. */
static inv_status take_ground_away(page *p)
{
    const size_t size = p->height * p->width, r = larger(p->height, p->width) / (2 * WINDOW) + 1;
    void *image = NULL, *spare = NULL, *queue = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(size, sizeof(float), "a page", &image));
    INV_TRY(inv_calloc(size, sizeof(float), "a page", &spare));
    INV_TRY(inv_calloc(larger(p->height, p->width), sizeof(size_t), "a line", &queue));
    memcpy(image, p->ink, size * sizeof(float));
    lowest_around(p, r, 1.0f, queue, spare);
    lowest_around(p, r, -1.0f, queue, spare);
    for (size_t i = 0; i < size; i++)
        p->ink[i] = ((float *)image)[i] - p->ink[i];
done:
    free(queue);
    free(spare);
    free(image);
    return status;
}

/* ---- the ink ---- */

/* The highest mean of three by three pixels, so that a grain of noise does not count. */
static float strongest(const page *p)
{
    float most = 0.0f;
    for (size_t y = 1; y + 1 < p->height; y++)
        for (size_t x = 1; x + 1 < p->width; x++) {
            float sum = 0.0f;
            for (size_t k = 0; k < 9; k++)
                sum += p->ink[(y + k / 3 - 1) * p->width + x + k % 3 - 1];
            most = sum / 9.0f > most ? sum / 9.0f : most;
        }
    return most;
}

/* Ink that hangs together. */
typedef struct stroke {
    double ink;
    bool edge; /* touches the page's edge, as the corner of a shadow does */
} stroke;

/* Numbers the pixels of the stroke that pixel `start` is in, in place of 0. `queue` has room for all
 * of the page's. */
static stroke follow(const page *p, float threshold, size_t start, unsigned number,
                     unsigned *numbers, size_t *queue)
{
    stroke s = {0.0, false};
    size_t end = 0;
    numbers[start] = number;
    queue[end++] = start;
    for (size_t first = 0; first < end; first++) {
        const size_t y = queue[first] / p->width, x = queue[first] % p->width;
        s.ink += p->ink[queue[first]];
        s.edge = s.edge || y == 0 || x == 0 || y + 1 == p->height || x + 1 == p->width;
        for (size_t k = 0; k < 9; k++) { /* as unsigned numbers, -1 is beyond every side */
            const size_t ny = y + k / 3 - 1, nx = x + k % 3 - 1, at = ny * p->width + nx;
            if (ny < p->height && nx < p->width && numbers[at] == 0 && p->ink[at] >= threshold) {
                numbers[at] = number;
                queue[end++] = at;
            }
        }
    }
    return s;
}

static double weight(stroke s)
{
    return s.ink * (s.edge ? EDGE_PART : 1.0);
}

/* Takes dust away, and what comes in from the edge where there is better. */
static inv_status clean(page *p, float threshold)
{
    const size_t size = p->height * p->width;
    void *memory = NULL, *queue = NULL, *list = NULL;
    stroke most = {0.0, false};
    unsigned count = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(size, sizeof(unsigned), "a page", &memory));
    INV_TRY(inv_calloc(size, sizeof(size_t), "a page", &queue));
    INV_TRY(inv_calloc(size + 1, sizeof(stroke), "strokes", &list));
    unsigned *numbers = memory;
    stroke *strokes = list;
    for (size_t i = 0; i < size; i++) {
        if (numbers[i] > 0 || p->ink[i] < threshold)
            continue;
        count++;
        strokes[count] = follow(p, threshold, i, count, numbers, queue);
        if (weight(strokes[count]) > weight(most))
            most = strokes[count];
    }
    for (size_t i = 0; i < size; i++) {
        const stroke s = strokes[numbers[i]];
        if (numbers[i] > 0 && (s.ink < STROKE_PART * most.ink || (s.edge && !most.edge)))
            p->ink[i] = 0.0f;
    }
done:
    free(list);
    free(queue);
    free(memory);
    return status;
}

/* What encloses the ink; false where there is none. */
static bool find_ink(const page *p, float threshold, box *b)
{
    *b = (box){p->height, p->width, 0, 0};
    for (size_t y = 0; y < p->height; y++)
        for (size_t x = 0; x < p->width; x++)
            if (p->ink[y * p->width + x] >= threshold) {
                b->top = y < b->top ? y : b->top;
                b->left = x < b->left ? x : b->left;
                b->bottom = y + 1;
                b->right = x + 1 > b->right ? x + 1 : b->right;
            }
    return b->bottom > 0;
}

/* Makes ink 0 where there is none and 1 where there is as much as usual in a stroke: from the mean
 * of what is below the threshold to the mean of what is above. */
static void stretch(const page *p, float threshold)
{
    double sum[2] = {0.0, 0.0};
    size_t count[2] = {0, 0};
    for (size_t i = 0; i < p->height * p->width; i++) {
        const int is_ink = p->ink[i] >= threshold;
        sum[is_ink] += p->ink[i];
        count[is_ink]++;
    }
    const double low = count[0] ? sum[0] / (double)count[0] : 0.0, high = sum[1] / (double)count[1];
    for (size_t i = 0; i < p->height * p->width; i++)
        p->ink[i] = (float)fmin(1.0, fmax(0.0, (p->ink[i] - low) / (high - low)));
}

/* Looks for ink in the part `b` of the image; leaves it as a page, and in *b what encloses it there. */
static inv_status look(inv_shape given, const float *from, const inv_pixels *pixels, box *b,
                       page *p, bool *found)
{
    inv_status status = INV_OK;
    INV_TRY(page_of(given, from, *b, pixels, p));
    INV_TRY(take_ground_away(p));
    const float most = strongest(p), threshold = INK_PART * most;
    *found = most >= CONTRAST_MIN;
    if (*found) {
        INV_TRY(clean(p, threshold));
        *found = find_ink(p, threshold, b);
        stretch(p, threshold);
    }
done:
    return status;
}

/* ---- into its place ---- */

/* The part of a side that is written on, of a full one. */
static size_t filled(size_t side)
{
    return larger(1, (side * FILLED + FULL / 2) / FULL);
}

/* Where a side of `part` pixels is laid in one of `whole`, so that `mass`, in pixels of the part, is
 * in the middle. */
static size_t offset(double mass, size_t part, size_t whole)
{
    const double most = (double)(whole - part);
    return (size_t)lround(fmin(most, fmax(0.0, (double)whole / 2.0 - mass)));
}

/* Lays the small page into the row, its centre of mass in the middle, its strongest ink full. */
static void lay_in(const page *small, inv_shape wanted, const inv_pixels *pixels, float *to)
{
    const bool on_black = pixels->ground < (pixels->black + pixels->white) / 2;
    const double full = on_black ? pixels->white : pixels->black;
    double sum = 0.0, y_sum = 0.0, x_sum = 0.0, most = 0.0;
    for (size_t i = 0; i < small->height * small->width; i++) {
        const double ink = small->ink[i];
        sum += ink;
        y_sum += ink * (double)(i / small->width);
        x_sum += ink * (double)(i % small->width);
        most = fmax(most, ink);
    }
    const size_t top = offset(y_sum / sum, small->height, wanted.height);
    const size_t left = offset(x_sum / sum, small->width, wanted.width);
    for (size_t i = 0; i < inv_shape_size(wanted); i++)
        to[i] = (float)pixels->ground;
    for (size_t i = 0; i < small->height * small->width; i++) {
        const size_t y = top + i / small->width, x = left + i % small->width;
        for (size_t c = 0; c < wanted.channels; c++)
            to[(y * wanted.width + x) * wanted.channels + c] =
                (float)(pixels->ground + small->ink[i] / most * (full - pixels->ground));
    }
}

/* Cuts the box out of a page and makes it small. */
static inv_status make_small(const page *p, box b, inv_shape wanted, page *small)
{
    page cut = {0};
    const double height = (double)(b.bottom - b.top), width = (double)(b.right - b.left);
    const double by =
        fmin((double)filled(wanted.height) / height, (double)filled(wanted.width) / width);
    inv_status status = INV_OK;
    INV_TRY(page_alloc(b.bottom - b.top, b.right - b.left, &cut));
    for (size_t y = 0; y < cut.height; y++)
        memcpy(cut.ink + y * cut.width, p->ink + (b.top + y) * p->width + b.left,
               cut.width * sizeof *cut.ink);
    INV_TRY(page_alloc(larger(1, (size_t)lround(by * height)),
                       larger(1, (size_t)lround(by * width)), small));
    INV_TRY(inv_fit_image((inv_shape){cut.height, cut.width, 1}, cut.ink,
                          (inv_shape){small->height, small->width, 1}, 0.0f, small->ink));
done:
    free(cut.ink);
    return status;
}

/* ---- the whole ---- */

/* What encloses the ink in the image, with half its size more on each side, given what encloses it
 * in a page that was made of it. */
static box around(inv_shape given, const page *p, box b)
{
    const double by_y = (double)given.height / (double)p->height;
    const double by_x = (double)given.width / (double)p->width;
    const double more = (double)larger(b.bottom - b.top, b.right - b.left) / 2.0;
    return (box){(size_t)fmax(0.0, ((double)b.top - more) * by_y),
                 (size_t)fmax(0.0, ((double)b.left - more) * by_x),
                 (size_t)fmin((double)given.height, ((double)b.bottom + more) * by_y),
                 (size_t)fmin((double)given.width, ((double)b.right + more) * by_x)};
}

static inv_status check(inv_shape given, inv_shape wanted, const inv_pixels *pixels)
{
    if (given.height < 2 || given.width < 2 || wanted.height < 2 || wanted.width < 2)
        return INV_ERROR(INV_EINVAL,
                         "nothing can be centred in images of %zu x %zu and %zu x %zu pixels: they "
                         "need two rows and columns",
                         given.height, given.width, wanted.height, wanted.width);
    if (wanted.channels != 1 && wanted.channels != 3)
        return INV_ERROR(
            INV_EDATA,
            "ink cannot be centred in images of %zu channels: only 1 (grey) and 3 (RGB) "
            "have a colour for it",
            wanted.channels);
    if (!(pixels->black < pixels->white))
        return INV_ERROR(INV_EINVAL, "pixels whose black is %g and whose white is %g are none",
                         pixels->black, pixels->white);
    return INV_OK;
}

/* As Y. LeCun, C. Cortes and C. Burges describe it at yann.lecun.com/exdb/mnist: NIST's images
 * "were size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", and then
 * "centered in a 28x28 image by computing the center of mass of the pixels, and translating the
 * image so as to position this point at the center of the 28x28 field". What is small on a large
 * page is looked at a second time, from nearer. */
inv_status inv_centre_image(inv_shape given, const float *from, inv_shape wanted,
                            const inv_pixels *pixels, float *to, bool *found)
{
    page p = {0}, small = {0};
    box b = {0, 0, given.height, given.width};
    inv_status status = INV_OK;
    INV_TRY(check(given, wanted, pixels));
    INV_TRY(look(given, from, pixels, &b, &p, found));
    if (*found && 3 * larger(b.bottom - b.top, b.right - b.left) < larger(p.height, p.width)) {
        b = around(given, &p, b);
        free(p.ink);
        p.ink = NULL;
        INV_TRY(look(given, from, pixels, &b, &p, found));
    }
    if (*found) {
        INV_TRY(make_small(&p, b, wanted, &small));
        lay_in(&small, wanted, pixels, to);
    } else {
        for (size_t i = 0; i < inv_shape_size(wanted); i++)
            to[i] = (float)pixels->ground;
    }
done:
    free(p.ink);
    free(small.ink);
    return status;
}
