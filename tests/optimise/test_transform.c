/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/transform.h"
#include "suites.h"

static const inv_shape shapes[] = {{7, 7, 1}, {5, 8, 3}, {1, 6, 2}};
static const inv_move moves[] = {{0, 0, 0, 1},     {1, 0, 0, 1},   {0, -2, 0, 1},
                                 {0.3, 1.7, 0, 1}, {0, 0, 0.4, 1}, {-0.6, 0.2, -1.1, 0.85},
                                 {0, 0, 0, 1.3}};
#define MOVES (sizeof moves / sizeof *moves)

/* The value between four pixels, `ground` outside. */
static double between(const float *image, inv_shape s, double ground, double y, double x,
                      size_t channel)
{
    double sum = 0.0;
    for (long r = (long)floor(y); r <= (long)floor(y) + 1; r++)
        for (long c = (long)floor(x); c <= (long)floor(x) + 1; c++)
            sum += (1.0 - fabs(y - (double)r)) * (1.0 - fabs(x - (double)c)) *
                   (r >= 0 && c >= 0 && r < (long)s.height && c < (long)s.width
                        ? image[((size_t)r * s.width + (size_t)c) * s.channels + channel]
                        : ground);
    return sum;
}

static double naive_move(const inv_move *m, const float *image, inv_shape s, double ground,
                         size_t i)
{
    const double row = (double)(i / s.channels / s.width),
                 column = (double)(i / s.channels % s.width);
    const double middle_y = 0.5 * ((double)s.height - 1), middle_x = 0.5 * ((double)s.width - 1);
    const double x = (column - middle_x - m->right) / m->zoom;
    const double y = (row - middle_y - m->down) / m->zoom;
    return between(image, s, ground, middle_y - sin(m->turn) * x + cos(m->turn) * y,
                   middle_x + cos(m->turn) * x + sin(m->turn) * y, i % s.channels);
}

START_TEST(moves_as_the_formula)
{
    static const float grounds[] = {0.0f, -0.9375f, 2.8215f};
    for (size_t k = 0; k < 9; k++) {
        const inv_shape shape = shapes[k % 3];
        const float ground = grounds[k / 3];
        const size_t n = inv_shape_size(shape);
        float image[120], moved[120];
        double expected[120];
        gradient_fill(image, n, -1.0, 1.0, 9 + k);
        for (size_t i = 0; i < n; i++)
            expected[i] = naive_move(&moves[_i], image, shape, (double)ground, i);
        inv_move_apply(&moves[_i], shape, ground, image, moved);
        gradient_assert_near(moved, expected, n, 1e-6, "moved");
    }
}
END_TEST

/* <M x, y> = <x, M' y> */
START_TEST(goes_back_by_the_transpose)
{
    for (size_t k = 0; k < 3; k++) {
        const size_t n = inv_shape_size(shapes[k]);
        float x[120], y[120], mx[120], my[120];
        double left = 0.0, right = 0.0;
        gradient_fill(x, n, -1.0, 1.0, 3);
        gradient_fill(y, n, -1.0, 1.0, 4);
        inv_move_apply(&moves[_i], shapes[k], 0.0f, x, mx);
        inv_move_back(&moves[_i], shapes[k], y, my);
        for (size_t i = 0; i < n; i++) {
            left += (double)mx[i] * y[i];
            right += (double)x[i] * my[i];
        }
        ck_assert_double_eq_tol(left, right, 1e-5);
    }
}
END_TEST

START_TEST(a_whole_pixel_is_a_whole_pixel)
{
    const inv_shape s = {3, 4, 1};
    const inv_move right = {1, 0, 0, 1};
    const float image[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const float expected[12] = {0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11};
    float moved[12];
    inv_move_apply(&right, s, 0.0f, image, moved);
    ck_assert_mem_eq(moved, expected, sizeof moved);
}
END_TEST

START_TEST(a_quarter_turn)
{
    const inv_shape s = {3, 3, 1};
    const inv_move turn = {0, 0, M_PI / 2, 1};
    const float image[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const double expected[9] = {7, 4, 1, 8, 5, 2, 9, 6, 3}; /* clockwise, as rows go down */
    float moved[9];
    inv_move_apply(&turn, s, 0.0f, image, moved);
    gradient_assert_near(moved, expected, 9, 1e-6, "turned");
}
END_TEST

START_TEST(blurs_as_the_formula)
{
    static const double sigmas[] = {0.3, 0.75, 2.5};
    for (size_t k = 0; k < 3; k++)
        for (size_t g = 0; g < 3; g++) {
            const inv_shape s = shapes[k];
            const size_t n = inv_shape_size(s);
            const long reach = (long)ceil(3 * sigmas[g]);
            float image[120], before[120], room[120];
            double expected[120];
            gradient_fill(image, n, -1.0, 1.0, 12);
            memcpy(before, image, sizeof before);
            for (size_t i = 0; i < n; i++) {
                double sum = 0.0, whole = 0.0;
                for (size_t j = i % s.channels; j < n; j += s.channels) {
                    const long dy =
                        (long)(i / s.channels / s.width) - (long)(j / s.channels / s.width);
                    const long dx =
                        (long)(i / s.channels % s.width) - (long)(j / s.channels % s.width);
                    if (labs(dx) > reach || labs(dy) > reach)
                        continue;
                    const double w =
                        exp(-0.5 * (double)(dx * dx + dy * dy) / (sigmas[g] * sigmas[g]));
                    sum += w * before[j];
                    whole += w;
                }
                expected[i] = sum / whole;
            }
            inv_blur(sigmas[g], s, image, room);
            gradient_assert_near(image, expected, n, 1e-6, "blurred");
        }
}
END_TEST

Suite *transform_suite(void)
{
    Suite *suite = suite_create("transform");
    TCase *tests = tcase_create("transform");
    tcase_add_loop_test(tests, moves_as_the_formula, 0, MOVES);
    tcase_add_loop_test(tests, goes_back_by_the_transpose, 0, MOVES);
    tcase_add_test(tests, a_whole_pixel_is_a_whole_pixel);
    tcase_add_test(tests, a_quarter_turn);
    tcase_add_test(tests, blurs_as_the_formula);
    suite_add_tcase(suite, tests);
    return suite;
}
