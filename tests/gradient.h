/* gradient.h - what the numeric suites share: irregular values, matrices inside larger ones, twins
 * of the layers worked in double, and gradients by differences of those twins.
 *
 *     inv_net *net = gradient_net(layers, shape, 0);   (layers: text of a configuration)
 *     twin *t = twin_alloc(net, 0, 1, x, dy);
 *     twin_objective(t);                               (t->y is what x becomes)
 *     twin_check_each(t, t->x, 7 * 5, dx, "dx");       (dx: what the library makes of dy)
 *     twin_free(t);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_GRADIENT_H
#define INVPROJ_TESTS_GRADIENT_H

#include <check.h>

#include "invproj/net.h"

/* As ck_assert_msg, for loops over many values: that one notes each call in a file. */
#define GRADIENT_HOLD(condition, ...)                                                              \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg(__VA_ARGS__);                                                             \
    } while (0)

/* The numbers of threads under which results have to be the same to the bit. */
extern const size_t gradient_threads[];
#define GRADIENT_THREADS 5

/* Fills n values between low and high, no two alike to speak of; the same seed gives the same. */
void gradient_fill(float *values, size_t n, double low, double high, unsigned long seed);

/* Asserts |got - expected| <= tolerance * largest |expected| for all n. */
void gradient_assert_near(const float *got, const double *expected, size_t n, double tolerance,
                          const char *what);

/* Whether so many bytes are the same. */
bool gradient_same_bits(const void *a, const void *b, size_t bytes);

/* n values in double. */
double *gradient_doubles(const float *values, size_t n);

/* ---- a matrix inside a larger one ---- */

/* m is a view of [rows, cols] whose tda exceeds cols; around it stand values that must stay. */
typedef struct frame {
    gsl_matrix_float *whole;
    gsl_matrix_float m;
} frame;

/* The inside is NaN at first: who reads what he has to write shows it. */
frame frame_alloc(size_t rows, size_t cols);
frame frame_filled(size_t rows, size_t cols, double low, double high, unsigned long seed);
void frame_free(frame *f);
void frame_clear(frame *f); /* the inside is NaN again */
/* The inside without gaps; the caller frees. */
float *frame_packed(const frame *f);
double *frame_doubles(const frame *f);
void frame_assert_intact(const frame *f, const char *what);
void frame_assert_near(const frame *f, const double *expected, double tolerance, const char *what);

/* ---- nets ---- */

/* The net at "layers" of libconfig text. Its parameters, frozen ones too, are irregular values from
 * -0.9 to 0.9, those called "variance" from 0.2 to 2. */
inv_net *gradient_net(const char *text, inv_shape input, size_t classes);

/* ---- twins ---- */

/* Points first to last of a net, in double: y = the net at x, objective = sum dy y + what the
 * layers add. Every array is a copy of its own, to be changed at will. */
typedef struct twin {
    const inv_net *net;
    size_t first, last, rows;
    inv_mode
        mode; /* at rest unless changed; key is the step's, of which each layer makes its own */
    double *params, *x, *dy, *y;
    double penalty;
    double **at; /* [last - first + 1]: at each point; at[0] is x, at the last y */
} twin;

bool twin_exists(const char *type);
/* Takes the net's parameters, x [rows, units at first] and dy [rows, units at last]. */
twin *twin_alloc(const inv_net *net, size_t first, size_t last, const gsl_matrix_float *x,
                 const gsl_matrix_float *dy);
void twin_free(twin *t);
/* Sets t->y and t->penalty and returns the objective. */
double twin_objective(twin *t);

/* Holds `gradient`, of the objective to the n values of `variable` (t->params or t->x), to central
 * differences: each value by itself; or along some random directions, where there are many. */
void twin_check_each(twin *t, double *variable, size_t n, const float *gradient, const char *what);
void twin_check_directions(twin *t, double *variable, size_t n, const float *gradient,
                           const char *what);

#endif
