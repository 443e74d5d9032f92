/* Layers that are a formula (formula.h). The formulas are those of src/net/layers, with sums that do
 * not overflow.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/formula.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/exporting.h"

static const struct {
    const char *type, *text;
} formulas[] = {
    {"sigmoid", "sigmoid(x)"},
    {"tanh", "tanh(x)"},
    {"relu", "where(greater($threshold, x), $negative_slope * (x - $threshold), x)"},
    {"leaky_relu", "where(greater(x, 0), x, $alpha * x)"},
    {"elu", "where(greater(x, 0), x, $alpha * (exp(min(x, 0)) - 1))"},
    {"softplus", "max(x, 0) + log(1 + exp(-abs($beta * x))) / $beta"},
    {"log_sigmoid", "min(x, 0) - log(1 + exp(-abs(x)))"},
    {"hard_sigmoid", "min(max($slope * x + $offset, 0), 1)"},
    {"hard_tanh", "min(max(x, $low), $high)"},
    {"hard_silu", "x * min(max(x / 6 + 0.5, 0), 1)"},
    {"silu", "x * sigmoid($beta * x)"},
    {"gelu", "x * (1 + erf(x * 0.70710678118654752)) / 2"},
    {"selu", "where(greater(x, 0), $scale * x, $scale * $alpha * (exp(min(x, 0)) - 1))"},
    {"celu", "where(greater(x, 0), x, $alpha * (exp(min(x, 0) / $alpha) - 1))"},
    {"mish", "x * tanh(max(x, 0) + log(1 + exp(-abs(x))))"},
    {"softsign", "x / (1 + abs(x))"},
    {"squareplus", "(x + sqrt(x * x + $b)) / 2"},
    {"sparse_plus", "where(greater(x, -1), where(greater(x, 1), x, (x + 1) * (x + 1) / 4), 0)"},
    {"sparse_sigmoid", "min(max((x + 1) / 2, 0), 1)"},
    {"tanh_shrink", "x - tanh(x)"},
    {"soft_shrink", "max(x - $lambda, 0) + min(x + $lambda, 0)"},
    {"hard_shrink", "where(greater(abs(x), $lambda), x, 0)"},
    {"threshold", "where(greater(x, $threshold), x, $value)"},
    {"exponential", "exp(x)"},
    {"log", "log(x)"},
    {"square", "x * x"},
    {"sqrt", "sqrt(x)"},
    {"abs", "abs(x)"},
    {"erf", "erf(x)"},
    {"logit", "log(x / (1 - x))"},
    {"atanh", "log((1 + x) / (1 - x)) / 2"},
    {"inverse_elu", "where(greater(x, 0), x, where(greater(x, -$alpha / 2), "
                    "log(max(1 + x / $alpha, 0.5)), 0.30685281944005469 + 2 * x / $alpha))"},
    {"inverse_softplus", "where(greater(x, 0.69314718055994531), "
                         "x + log(1 - exp(-max(x, 0.69314718055994531))), "
                         "2 * (x - 0.69314718055994531))"},
    /* rows of one value lie in the middle */
    {"squash",
     "where(greater(rowmax(x) - rowmin(x), 1.17549435e-38), "
     "($low + $high) / 2 - $width * ($high - $low) / 2 + (x - rowmin(x)) * ($width * ($high - "
     "$low) / max(rowmax(x) - rowmin(x), 1.17549435e-38)), ($low + $high) / 2 + 0 * x)"},
};

static const char tanh_gelu[] =
    "x * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x))) / 2";
static const char limited_relu[] =
    "min(where(greater($threshold, x), $negative_slope * (x - $threshold), x), $max_value)";
static const char limited_softplus[] =
    "where(greater($beta * x, $threshold), x, log(1 + exp(min($beta * x, $threshold))) / $beta)";

const char *inv_formula(const inv_layer *layer)
{
    if (inv_exporting_is(layer, "gelu") && inv_exporting_real(layer, "approximate") > 0.0)
        return tanh_gelu;
    if (inv_exporting_is(layer, "relu") && inv_exporting_real(layer, "max_value") > 0.0)
        return limited_relu;
    if (inv_exporting_is(layer, "softplus") && inv_exporting_real(layer, "threshold") > 0.0)
        return limited_softplus;
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        if (inv_exporting_is(layer, formulas[i].type))
            return formulas[i].text;
    return NULL;
}

/* ---- telling ---- */

typedef struct reading {
    const char *at;
    const inv_layer *layer;
    inv_term x;
    const inv_speaker *to;
} reading;

static bool is_number(inv_term t)
{
    return t.text == NULL;
}

static double work_out(char op, double a, double b)
{
    return op == 'a' ? a + b : op == 's' ? a - b : op == 'm' ? a * b : a / b;
}

/* What can be worked out now is. */
static inv_term apply(const reading *r, const char *op, const inv_term *of, size_t count)
{
    if (count == 1 && is_number(of[0]) && strcmp(op, "neg") == 0)
        return (inv_term){.number = -of[0].number};
    if (count == 2 && is_number(of[0]) && is_number(of[1]) && strlen(op) == 3 &&
        strchr("asmd", op[0]) && strcmp(op, "max") != 0 && strcmp(op, "min") != 0)
        return (inv_term){.number = work_out(op[0], of[0].number, of[1].number)};
    return r->to->apply(r->to->context, op, of, count);
}

static void skip(reading *r)
{
    while (*r->at == ' ')
        r->at++;
}

static bool take(reading *r, char c)
{
    skip(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

/* The texts are this file's own: what is expected is there. */
static inv_term sum(reading *r);

static inv_term call(reading *r, const char *op)
{
    inv_term of[3];
    size_t count = 0;
    take(r, '(');
    do
        of[count++] = sum(r);
    while (count < 3 && take(r, ','));
    take(r, ')');
    return apply(r, op, of, count);
}

static inv_term factor(reading *r)
{
    char word[32] = "";
    size_t n = 0;
    if (take(r, '-')) {
        const inv_term of = factor(r);
        return apply(r, "neg", &of, 1);
    }
    if (take(r, '(')) {
        const inv_term inside = sum(r);
        take(r, ')');
        return inside;
    }
    if (isdigit((unsigned char)*r->at)) {
        char *end = NULL;
        const inv_term number = {.number = strtod(r->at, &end)};
        r->at = end;
        return number;
    }
    const bool is_key = take(r, '$');
    while (n + 1 < sizeof word && (isalnum((unsigned char)*r->at) || *r->at == '_'))
        word[n++] = *r->at++;
    if (is_key)
        return (inv_term){.number = inv_exporting_real(r->layer, word)};
    return strcmp(word, "x") == 0 ? r->x : call(r, word);
}

static inv_term product(reading *r)
{
    inv_term all[2] = {factor(r)};
    for (;;) {
        const char *op = take(r, '*') ? "mul" : take(r, '/') ? "div" : NULL;
        if (!op)
            return all[0];
        all[1] = factor(r);
        all[0] = apply(r, op, all, 2);
    }
}

static inv_term sum(reading *r)
{
    inv_term all[2] = {product(r)};
    for (;;) {
        const char *op = take(r, '+') ? "add" : take(r, '-') ? "sub" : NULL;
        if (!op)
            return all[0];
        all[1] = product(r);
        all[0] = apply(r, op, all, 2);
    }
}

bool inv_formula_say(const inv_layer *layer, inv_term x, const inv_speaker *to, inv_term *y)
{
    reading r = {.at = inv_formula(layer), .layer = layer, .x = x, .to = to};
    if (!r.at)
        return false;
    *y = sum(&r);
    return true;
}
