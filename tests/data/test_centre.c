/* Handwriting found and laid in the middle: held to a twin that looks at every pixel's whole
 * neighbourhood, on pages of any light, range and ground; and what an image looks like.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>

#include "invproj/centre.h"
#include "invproj/fit.h"
#include "invproj/look.h"
#include "suites.h"

/* ---- pages to look at ---- */

/* A page of irregular light with a stroke like a 7 on it, its upper left corner at (top, left), its
 * height `size`; ink from 0 to 1, light on dark. */
static float *draw(size_t height, size_t width, size_t top, size_t left, size_t size)
{
    float *page = calloc(height * width, sizeof *page);
    const size_t thick = size / 8 + 1;
    ck_assert_ptr_nonnull(page);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const double light = 0.11 + 0.13 * (double)x / (double)width +
                                 0.07 * (double)y / (double)height +
                                 0.013 * sin(7.31 * (double)(y * width + x));
            const size_t down = y - top, across = x - left; /* huge outside */
            const bool bar = down < thick && across < 2 * size / 3;
            const bool leg = down < size && across + down / 2 >= size / 2 &&
                             across + down / 2 < size / 2 + thick && across < size;
            page[y * width + x] = (float)(light + (bar ? 0.61 : leg ? 0.53 : 0.0));
        }
    return page;
}

/* ---- the twin ---- */

enum { SIDE = 28, FILLED = 20 };

static double least(const double *p, size_t h, size_t w, size_t y, size_t x, size_t r, double sign)
{
    double low = INFINITY;
    for (size_t v = y > r ? y - r : 0; v < h && v <= y + r; v++)
        for (size_t u = x > r ? x - r : 0; u < w && u <= x + r; u++)
            low = fmin(low, sign * p[v * w + u]);
    return sign * low;
}

/* The analyser takes images of no width for possible, which none here is. */
/* NOLINTBEGIN(clang-analyzer-core.DivideZero, clang-analyzer-optin.portability.UnixAPI) */

/* p less the highest of the lowest around */
static void twin_ground(double *p, size_t h, size_t w)
{
    const size_t r = (h > w ? h : w) / 6 + 1;
    double *low = calloc(h * w, sizeof *low), *high = calloc(h * w, sizeof *high);
    for (size_t i = 0; i < h * w; i++)
        low[i] = least(p, h, w, i / w, i % w, r, 1.0);
    for (size_t i = 0; i < h * w; i++)
        high[i] = least(low, h, w, i / w, i % w, r, -1.0);
    for (size_t i = 0; i < h * w; i++)
        p[i] -= high[i];
    free(low);
    free(high);
}

/* The strongest mean of 3 x 3. */
static double twin_strongest(const double *p, size_t h, size_t w)
{
    double most = 0.0;
    for (size_t y = 1; y + 1 < h; y++)
        for (size_t x = 1; x + 1 < w; x++) {
            double sum = 0.0;
            for (size_t v = y - 1; v <= y + 1; v++)
                for (size_t u = x - 1; u <= x + 1; u++)
                    sum += p[v * w + u] / 9.0;
            most = fmax(most, sum);
        }
    return most;
}

/* Strokes have the number of their first pixel, told on from pixel to pixel until nothing changes;
 * those that are dust, or come from the edge where the heaviest does not, go. */
static void twin_clean(double *p, size_t h, size_t w, double threshold)
{
    size_t *name = calloc(h * w, sizeof *name), heaviest = 0;
    double *ink = calloc(h * w, sizeof *ink);
    bool *edge = calloc(h * w, sizeof *edge), changed = true;
    for (size_t i = 0; i < h * w; i++)
        name[i] = i;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < h * w; i++)
            for (size_t j = 0; j < h * w && p[i] >= threshold; j++) {
                const long dy = (long)(i / w) - (long)(j / w), dx = (long)(i % w) - (long)(j % w);
                if (labs(dy) <= 1 && labs(dx) <= 1 && p[j] >= threshold && name[j] < name[i]) {
                    name[i] = name[j];
                    changed = true;
                }
            }
    }
    for (size_t i = 0; i < h * w; i++)
        if (p[i] >= threshold) {
            ink[name[i]] += p[i];
            edge[name[i]] |= i < w || i >= (h - 1) * w || i % w == 0 || i % w == w - 1;
        }
    for (size_t i = 0; i < h * w; i++)
        if (ink[i] * (edge[i] ? 0.25 : 1.0) > ink[heaviest] * (edge[heaviest] ? 0.25 : 1.0))
            heaviest = i;
    for (size_t i = 0; i < h * w; i++)
        if (p[i] >= threshold &&
            (ink[name[i]] < 0.03 * ink[heaviest] || (edge[name[i]] && !edge[heaviest])))
            p[i] = 0.0;
    free(name);
    free(ink);
    free(edge);
}

/* The box of ink, [top, left, bottom, right), and ink from 0 to 1. */
static void twin_stretch(double *p, size_t h, size_t w, double threshold, size_t box[4])
{
    double sum[2] = {0.0, 0.0}, count[2] = {0.0, 0.0};
    box[0] = h, box[1] = w, box[2] = box[3] = 0;
    for (size_t i = 0; i < h * w; i++) {
        const size_t y = i / w, x = i % w;
        const int ink = p[i] >= threshold;
        sum[ink] += p[i];
        count[ink]++;
        if (ink) {
            box[0] = y < box[0] ? y : box[0];
            box[1] = x < box[1] ? x : box[1];
            box[2] = y + 1 > box[2] ? y + 1 : box[2];
            box[3] = x + 1 > box[3] ? x + 1 : box[3];
        }
    }
    const double low = sum[0] / count[0], high = sum[1] / count[1];
    for (size_t i = 0; i < h * w; i++)
        p[i] = fmin(1.0, fmax(0.0, (p[i] - low) / (high - low)));
}

/* Ink of the page `given` as ink of an image of SIDE x SIDE. */
static void twin(size_t h, size_t w, const float *given, double out[SIDE * SIDE])
{
    double *p = calloc(h * w, sizeof *p), sum = 0.0, y_sum = 0.0, x_sum = 0.0, most = 0.0;
    size_t box[4];
    for (size_t i = 0; i < h * w; i++)
        p[i] = given[i];
    twin_ground(p, h, w);
    const double threshold = 0.5 * twin_strongest(p, h, w);
    twin_clean(p, h, w, threshold);
    twin_stretch(p, h, w, threshold, box);
    const size_t ch = box[2] - box[0], cw = box[3] - box[1], longer = ch > cw ? ch : cw;
    if (3 * longer < (h > w ? h : w)) { /* once more, from nearer */
        const size_t more = longer / 2; /* longer is even in the case there is */
        const size_t top = box[0] > more ? box[0] - more : 0,
                     left = box[1] > more ? box[1] - more : 0;
        const size_t bottom = box[2] + more < h ? box[2] + more : h;
        const size_t right = box[3] + more < w ? box[3] + more : w;
        float *cut = calloc((bottom - top) * (right - left), sizeof *cut);
        for (size_t y = top; y < bottom; y++)
            for (size_t x = left; x < right; x++)
                cut[(y - top) * (right - left) + x - left] = given[y * w + x];
        twin(bottom - top, right - left, cut, out);
        free(cut);
        free(p);
        return;
    }
    const size_t sh = (size_t)lround((double)(FILLED * ch) / (double)longer);
    const size_t sw = (size_t)lround((double)(FILLED * cw) / (double)longer);
    float *cut = calloc(ch * cw, sizeof *cut), *small = calloc(sh * sw, sizeof *small);
    for (size_t i = 0; i < ch * cw; i++)
        cut[i] = (float)p[(box[0] + i / cw) * w + box[1] + i % cw];
    ck_assert_status(
        inv_fit_image((inv_shape){ch, cw, 1}, cut, (inv_shape){sh, sw, 1}, 0.0f, small),
        INV_OK); /* which has a twin of its own */
    for (size_t i = 0; i < sh * sw; i++) {
        sum += small[i];
        y_sum += small[i] * (double)(i / sw);
        x_sum += small[i] * (double)(i % sw);
        most = fmax(most, small[i]);
    }
    const long top = lround(14.0 - y_sum / sum), left = lround(14.0 - x_sum / sum);
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        out[i] = 0.0;
    for (size_t i = 0; i < sh * sw; i++)
        out[((size_t)top + i / sw) * SIDE + (size_t)left + i % sw] = small[i] / most;
    free(cut);
    free(small);
    free(p);
}

/* ---- held to it ---- */

static const struct centre_case {
    size_t height, width, top, left, size;
    bool specks; /* dust, and a bright corner */
    inv_pixels pixels;
} centre_cases[] = {
    {47, 39, 9, 6, 25, false, {0.0, 1.0, 0.0}},
    {47, 39, 2, 3, 40, false, {-1.0, 1.0, -1.0}},
    {40, 52, 11, 21, 18, true, {-0.4242, 2.8215, -0.39}},
    {45, 41, 12, 8, 23, true, {0.0, 255.0, 251.0}}, /* dark on light */
    {60, 66, 31, 38, 16, false, {0.0, 1.0, 0.0}},   /* small: looked at twice */
};
#define CENTRE_CASES ((int)(sizeof centre_cases / sizeof *centre_cases))

/* NOLINTEND(clang-analyzer-core.DivideZero, clang-analyzer-optin.portability.UnixAPI) */

START_TEST(centres_like_its_twin)
{
    const struct centre_case *k = &centre_cases[_i];
    const inv_shape given = {k->height, k->width, 1}, wanted = {SIDE, SIDE, 1};
    const double span = k->pixels.white - k->pixels.black;
    const bool on_dark = k->pixels.ground < k->pixels.black + span / 2;
    const double full = on_dark ? k->pixels.white : k->pixels.black;
    const size_t n = k->height * k->width;
    float *page = draw(k->height, k->width, k->top, k->left, k->size), to[SIDE * SIDE];
    float *values = calloc(n, sizeof *values);
    double expected[SIDE * SIDE];
    bool found = false;
    if (k->specks) {
        page[3 * k->width + k->width - 5] = 0.9f;
        for (size_t i = 0; i < 16; i++)
            page[(k->height - 1 - i / 4) * k->width + i % 4] = 0.95f;
    }
    for (size_t i = 0; i < n; i++)
        values[i] =
            (float)(on_dark ? k->pixels.black + span * page[i] : k->pixels.white - span * page[i]);
    twin(k->height, k->width, page, expected);
    ck_assert_status(inv_centre_image(given, values, wanted, &k->pixels, to, &found), INV_OK);
    ck_assert(found);
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        ck_assert_double_eq_tol((to[i] - k->pixels.ground) / (full - k->pixels.ground), expected[i],
                                2e-4);
    free(page);
    free(values);
}
END_TEST

/* What comes of it: the sides and the middle that MNIST has, in other sizes in proportion, the same
 * for colours. */
START_TEST(what_is_written_has_its_size_and_place)
{
    static const size_t sides[] = {28, 56, 14};
    const inv_pixels pixels = {0.0, 1.0, 0.0};
    const inv_shape given = {311, 200, 1};
    float *page = draw(311, 200, 90, 41, 97),
          *colour = calloc((size_t)311 * 200 * 3, sizeof *colour);
    for (size_t i = 0; i < (size_t)311 * 200; i++)
        colour[3 * i] = colour[3 * i + 1] = colour[3 * i + 2] = page[i];
    for (size_t k = 0; k < 3; k++) {
        const size_t side = sides[k], filled = side * 20 / 28;
        const inv_shape wanted = {side, side, 1};
        float to[56 * 56], of_colour[56 * 56];
        size_t top = side, bottom = 0;
        double sum = 0.0, y_sum = 0.0, x_sum = 0.0, most = 0.0;
        bool found = false;
        ck_assert_status(inv_centre_image(given, page, wanted, &pixels, to, &found), INV_OK);
        for (size_t i = 0; i < side * side; i++) {
            sum += to[i];
            y_sum += to[i] * (double)(i / side);
            x_sum += to[i] * (double)(i % side);
            most = fmax(most, to[i]);
            if (to[i] > 0.3f) {
                top = i / side < top ? i / side : top;
                bottom = i / side + 1;
            }
        }
        ck_assert_uint_ge(bottom - top, filled - 1);
        ck_assert_uint_le(bottom - top, filled);
        ck_assert_double_eq_tol(most, 1.0, 1e-6);
        ck_assert_double_eq_tol(y_sum / sum, (double)side / 2.0, 0.51);
        ck_assert_double_eq_tol(x_sum / sum, (double)side / 2.0, 0.51);
        ck_assert_status(
            inv_centre_image((inv_shape){311, 200, 3}, colour, wanted, &pixels, of_colour, &found),
            INV_OK);
        for (size_t i = 0; i < side * side; i++)
            ck_assert_float_eq_tol(of_colour[i], to[i], 1e-5f);
    }
    free(page);
    free(colour);
}
END_TEST

START_TEST(a_blank_page_is_ground)
{
    const inv_pixels pixels = {-1.0, 1.0, -0.9};
    const inv_shape given = {33, 40, 1}, wanted = {14, 14, 3};
    float *page = draw(33, 40, 99, 99, 5), to[14 * 14 * 3];
    bool found = true;
    ck_assert_status(inv_centre_image(given, page, wanted, &pixels, to, &found), INV_OK);
    ck_assert(!found);
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        ck_assert_float_eq(to[i], -0.9f);
    free(page);
}
END_TEST

START_TEST(what_cannot_be_centred_is_refused)
{
    const inv_pixels pixels = {0.0, 1.0, 0.0}, none = {1.0, 1.0, 1.0};
    const inv_shape good = {5, 4, 1}, line = {1, 20, 1}, column = {20, 1, 1}, many = {2, 2, 5},
                    two = {5, 2, 2};
    float from[20] = {0.5f}, to[20] = {7.25f};
    bool found = false;
    ck_assert_status(inv_centre_image(line, from, good, &pixels, to, &found), INV_EINVAL);
    ck_assert_status(inv_centre_image(good, from, column, &pixels, to, &found), INV_EINVAL);
    ck_assert_message_has("nothing can be centred in images of 5 x 4 and 20 x 1 pixels");
    ck_assert_status(inv_centre_image(good, from, good, &none, to, &found), INV_EINVAL);
    ck_assert_message_has("black is 1");
    ck_assert_status(inv_centre_image(many, from, good, &pixels, to, &found), INV_EDATA);
    ck_assert_status(inv_centre_image(good, from, two, &pixels, to, &found), INV_EDATA);
    ck_assert_message_has("images of 2 channels");
    ck_assert_float_eq(to[0], 7.25f);
}
END_TEST

/* ---- what an image looks like ---- */

START_TEST(a_look_is_five_numbers)
{
    const inv_shape shape = {4, 5, 2}; /* two pixels of ink, 3/4 at (1, 2) and 1/4 at (3, 4) */
    const inv_pixels pixels = {-2.0, 2.0, 2.0};
    float image[40];
    double look[INV_LOOKS];
    for (size_t i = 0; i < 40; i++)
        image[i] = 2.0f;
    ck_assert(!inv_look_at(shape, image, &pixels, look));
    image[2 * (1 * 5 + 2)] = -2.0f;    /* 4 / 4 in one channel of two, */
    image[2 * (1 * 5 + 2) + 1] = 0.0f; /* 2 / 4 in the other */
    image[2 * (3 * 5 + 4)] = 0.0f;
    ck_assert(inv_look_at(shape, image, &pixels, look));
    ck_assert_double_eq_tol(look[INV_LOOK_INK], 1.0 / 20.0, 1e-9);
    ck_assert_double_eq_tol(look[INV_LOOK_EDGE], 0.25 / 14.0, 1e-9);
    ck_assert_double_eq_tol(look[INV_LOOK_Y], 1.5 / 4.0, 1e-9);
    ck_assert_double_eq_tol(look[INV_LOOK_X], 2.5 / 5.0, 1e-9);
    ck_assert_double_eq_tol(look[INV_LOOK_SPREAD], sqrt(0.75 + 0.75) / 5.0, 1e-9);
    ck_assert(!inv_look_at((inv_shape){1, 40, 1}, image, &pixels, look));
}
END_TEST

START_TEST(a_range_holds_a_tenth_more)
{
    inv_looks range = INV_LOOKS_NONE;
    double look[INV_LOOKS] = {0.2, 0.0, 0.5, 0.5, 0.1};
    ck_assert(inv_looks_hold(&range, look)); /* nobody knows better */
    inv_looks_add(&range, look);
    look[INV_LOOK_INK] = 0.4;
    inv_looks_add(&range, look);
    look[INV_LOOK_INK] = 0.4199;
    ck_assert(inv_looks_hold(&range, look));
    look[INV_LOOK_INK] = 0.4201;
    ck_assert(!inv_looks_hold(&range, look));
    look[INV_LOOK_INK] = 0.1799;
    ck_assert(!inv_looks_hold(&range, look));
    look[INV_LOOK_INK] = 0.1801;
    ck_assert(inv_looks_hold(&range, look));
    look[INV_LOOK_EDGE] = 1e-6;
    ck_assert(!inv_looks_hold(&range, look));
}
END_TEST

Suite *centre_suite(void)
{
    Suite *suite = suite_create("centre");
    TCase *tests = tcase_create("centre");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, centres_like_its_twin, 0, CENTRE_CASES);
    tcase_add_test(tests, what_is_written_has_its_size_and_place);
    tcase_add_test(tests, a_blank_page_is_ground);
    tcase_add_test(tests, what_cannot_be_centred_is_refused);
    tcase_add_test(tests, a_look_is_five_numbers);
    tcase_add_test(tests, a_range_holds_a_tenth_more);
    suite_add_tcase(suite, tests);
    return suite;
}
