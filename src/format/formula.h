/* formula.h - layers that are a formula, told to a writer operator by operator.
 *
 * The table has for each such layer a text in x and the layer's own settings ("$alpha"); a format that
 * has no operator of its own for the layer is told the operators of the formula instead:
 *
 *     static inv_term apply(void *context, const char *op, const inv_term *of, size_t count);
 *     const inv_speaker to = {apply, &writer};
 *     found = inv_formula_say(layer, (inv_term){.text = "x"}, &to, &y);
 *
 * Operators: add sub mul div neg max min exp log sqrt abs erf tanh sigmoid greater where, and rowmin
 * and rowmax, the least and largest value of an image.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMULA_H
#define INVPROJ_FORMULA_H

#include "invproj/layer.h"

/* A value by its name in the file, or a number. */
typedef struct inv_term {
    const char *text; /* NULL: a number */
    double number;
} inv_term;

typedef struct inv_speaker {
    inv_term (*apply)(void *context, const char *op, const inv_term *of, size_t count);
    void *context;
} inv_speaker;

/* The formula of a layer; NULL where it has none. */
const char *inv_formula(const inv_layer *layer);
/* Tells it. False where the layer has none. */
bool inv_formula_say(const inv_layer *layer, inv_term x, const inv_speaker *to, inv_term *y);

#endif
