/* Activations that are a formula a value: y = f(x), dx = dy f'(x), each worked in double.
 *
 * Each f stands here with its derivative and the line that makes a layer of the two. Where a paper
 * and the frameworks differ, the formula is Keras 3's and PyTorch's. At a corner the derivative is
 * that of the flat side. NaN stays NaN, so that a training run that diverges shows it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>

#include <jansson.h>

#include "net/layers.h"

/* The settings of all of them; each has those in its table of keys. */
typedef struct form {
    double alpha, beta, low, high;
    bool approximate;
} form;

#define LARGEST 3.4028234e38 /* a float */

#define REAL(key, member, least, most, text)                                                       \
    {                                                                                              \
        key, INV_FIELD_REAL, offsetof(form, member), least, most, .help = text                     \
    }

/* f and f_slope, functions of (double x, const form *s), as the layer `type`; the rest sets members
 * of the inv_layer_type. */
#define ACTIVATION(type, f, ...)                                                                   \
    static void f##_map(const inv_layer *layer, size_t n, const float *restrict x,                 \
                        float *restrict y)                                                         \
    {                                                                                              \
        const form *s = layer->spec;                                                               \
        for (size_t i = 0; i < n; i++)                                                             \
            y[i] = (float)f((double)x[i], s);                                                      \
    }                                                                                              \
    static void f##_gradient(const inv_layer *layer, size_t n, const float *restrict x,            \
                             const float *restrict y, const float *restrict dy,                    \
                             float *restrict dx)                                                   \
    {                                                                                              \
        const form *s = layer->spec;                                                               \
        (void)y;                                                                                   \
        for (size_t i = 0; i < n; i++)                                                             \
            dx[i] = (float)((double)dy[i] * f##_slope((double)x[i], s));                           \
    }                                                                                              \
    const inv_layer_type inv_layer_##type = {.name = #type,                                        \
                                             .forward = inv_elementwise_forward,                   \
                                             .backward = inv_elementwise_backward,                 \
                                             .map = f##_map,                                       \
                                             .gradient = f##_gradient,                             \
                                             __VA_ARGS__}

#define SETTINGS(type)                                                                             \
    .spec_size = sizeof(form), .spec_default = &type##_defaults, .fields = type##_fields

static double logistic(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double log1p_exp(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

/* ---- straight pieces ---- */

/* hard_sigmoid: y = alpha x + beta, between 0 and 1 */
static double hard_sigmoid(double x, const form *s)
{
    const double y = s->alpha * x + s->beta;
    return y < 0.0 ? 0.0 : y > 1.0 ? 1.0 : y;
}

static double hard_sigmoid_slope(double x, const form *s)
{
    const double y = s->alpha * x + s->beta;
    return y <= 0.0 || y >= 1.0 ? 0.0 : s->alpha;
}

/* Of what lies between 0 and 1, the straight line back. */
static inv_status hard_sigmoid_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                                      json_t *layers)
{
    const form *s = layer->spec;
    (void)how, (void)last;
    return inv_mirror_add(layers, layer, ".undo",
                          json_pack("{ss sf sf}", "type", "rescale", "scale", 1.0 / s->alpha,
                                    "offset", -s->beta / s->alpha));
}

static const form hard_sigmoid_defaults = {.alpha = 1.0 / 6.0, .beta = 0.5};
static const inv_field hard_sigmoid_fields[] = {
    REAL("slope", alpha, 1e-6, 1e6,
         "slope between 0 and 1: 1/6 in Keras 3 and PyTorch, 0.2 in Keras 2"),
    REAL("offset", beta, -1e6, 1e6, "value at 0"),
    {0}};
ACTIVATION(hard_sigmoid, hard_sigmoid, SETTINGS(hard_sigmoid), .mirror = hard_sigmoid_mirror);

/* hard_tanh: y = x, between low and high */
static double hard_tanh(double x, const form *s)
{
    return x < s->low ? s->low : x > s->high ? s->high : x;
}

static double hard_tanh_slope(double x, const form *s)
{
    return x <= s->low || x >= s->high ? 0.0 : 1.0;
}

static const form hard_tanh_defaults = {.low = -1.0, .high = 1.0};
static const inv_field hard_tanh_fields[] = {
    REAL("low", low, -LARGEST, LARGEST, "no value is below"),
    REAL("high", high, -LARGEST, LARGEST, "no value is above"),
    {0}};
ACTIVATION(hard_tanh, hard_tanh, SETTINGS(hard_tanh), .mirror = inv_mirror_nothing);

/* hard_silu: y = x times (x / 6 + 1/2, between 0 and 1). Source: Howard et al. 2019 (h-swish). */
static const form sixth = {.alpha = 1.0 / 6.0, .beta = 0.5};

static double hard_silu(double x, const form *s)
{
    (void)s;
    return x * hard_sigmoid(x, &sixth);
}

static double hard_silu_slope(double x, const form *s)
{
    (void)s;
    return hard_sigmoid(x, &sixth) + x * hard_sigmoid_slope(x, &sixth);
}
ACTIVATION(hard_silu, hard_silu, .mirror = inv_mirror_nothing);

/* threshold: y = x where x > threshold, else value */
static double threshold(double x, const form *s)
{
    return x <= s->low ? s->beta : x;
}

static double threshold_slope(double x, const form *s)
{
    return x <= s->low ? 0.0 : 1.0;
}

static const form threshold_defaults = {.low = 0.0, .beta = 0.0};
static const inv_field threshold_fields[] = {
    REAL("threshold", low, -LARGEST, LARGEST, "values above this stay"),
    REAL("value", beta, -LARGEST, LARGEST, "what the others become"),
    {0}};
ACTIVATION(threshold, threshold, SETTINGS(threshold), .mirror = inv_mirror_nothing);

/* soft_shrink: y = x - lambda above lambda, x + lambda below -lambda, 0 between */
static double soft_shrink(double x, const form *s)
{
    return x > s->alpha ? x - s->alpha : x < -s->alpha ? x + s->alpha : 0.0 * x;
}

/* hard_shrink: y = x above lambda and below -lambda, 0 between */
static double hard_shrink(double x, const form *s)
{
    return fabs(x) > s->alpha ? x : 0.0 * x;
}

static double shrink_slope(double x, const form *s)
{
    return fabs(x) > s->alpha ? 1.0 : 0.0 * x;
}

#define soft_shrink_slope shrink_slope
#define hard_shrink_slope shrink_slope

static const form soft_shrink_defaults = {.alpha = 0.5}, hard_shrink_defaults = {.alpha = 0.5};
static const inv_field soft_shrink_fields[] = {
    REAL("lambda", alpha, 0.0, LARGEST, "values nearer to 0 than this become 0"), {0}};
static const inv_field hard_shrink_fields[] = {
    REAL("lambda", alpha, 0.0, LARGEST, "values nearer to 0 than this become 0"), {0}};
ACTIVATION(soft_shrink, soft_shrink, SETTINGS(soft_shrink), .mirror = inv_mirror_nothing);
ACTIVATION(hard_shrink, hard_shrink, SETTINGS(hard_shrink), .mirror = inv_mirror_nothing);

/* sparse_plus: y = 0 up to -1, (x + 1)^2 / 4, x from 1; sparse_sigmoid is its derivative. */
static double sparse_sigmoid(double x, const form *s)
{
    (void)s;
    return x <= -1.0 ? 0.0 : x >= 1.0 ? 1.0 : 0.5 * (x + 1.0);
}

static double sparse_sigmoid_slope(double x, const form *s)
{
    (void)s;
    return x <= -1.0 || x >= 1.0 ? 0.0 : 0.5;
}

static double sparse_plus(double x, const form *s)
{
    (void)s;
    return x <= -1.0 ? 0.0 : x >= 1.0 ? x : 0.25 * (x + 1.0) * (x + 1.0);
}

#define sparse_plus_slope sparse_sigmoid

ACTIVATION(sparse_sigmoid, sparse_sigmoid, .mirror = NULL);
ACTIVATION(sparse_plus, sparse_plus, .mirror = inv_mirror_nothing);

/* ---- smooth ---- */

/* silu: y = x / (1 + exp(-beta x)). Source: Elfwing et al. 2017; swish, Ramachandran et al. 2017. */
static double silu(double x, const form *s)
{
    return x * logistic(s->beta * x);
}

static double silu_slope(double x, const form *s)
{
    const double part = logistic(s->beta * x);
    return part + s->beta * x * part * (1.0 - part);
}

static const form silu_defaults = {.beta = 1.0};
static const inv_field silu_fields[] = {
    REAL("beta", beta, -1e6, 1e6, "what x is multiplied with inside the sigmoid"), {0}};
ACTIVATION(silu, silu, SETTINGS(silu), .mirror = inv_mirror_nothing);

/* gelu: y = x (1 + erf(x / sqrt 2)) / 2; approximate: x (1 + tanh u) / 2, u = sqrt(2 / pi) (x + c x^3),
 * c = 0.044715. Source: Hendrycks, Gimpel 2016. */
#define CUBE 0.044715

static double gelu(double x, const form *s)
{
    if (!s->approximate)
        return 0.5 * x * (1.0 + erf(x * M_SQRT1_2));
    return 0.5 * x * (1.0 + tanh(sqrt(M_2_PI) * (x + CUBE * x * x * x)));
}

static double gelu_slope(double x, const form *s)
{
    if (!s->approximate)
        return 0.5 * (1.0 + erf(x * M_SQRT1_2)) +
               x * exp(-0.5 * x * x) * M_2_SQRTPI * M_SQRT1_2 / 2.0;
    const double t = tanh(sqrt(M_2_PI) * (x + CUBE * x * x * x));
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * sqrt(M_2_PI) * (1.0 + 3.0 * CUBE * x * x);
}

static const form gelu_defaults = {.approximate = false};
static const inv_field gelu_fields[] = {{"approximate", INV_FIELD_BOOL, offsetof(form, approximate),
                                         .help = "whether the approximation by tanh is taken"},
                                        {0}};
ACTIVATION(gelu, gelu, SETTINGS(gelu), .mirror = inv_mirror_nothing);

/* selu: y = scale x where x > 0, else scale alpha (exp(x) - 1). Source: Klambauer et al. 2017. */
static double selu(double x, const form *s)
{
    return s->beta * (x > 0.0 ? x : s->alpha * expm1(x));
}

static double selu_slope(double x, const form *s)
{
    return s->beta * (x > 0.0 ? 1.0 : s->alpha * exp(x));
}

static inv_status selu_mirror(const inv_layer *layer, const inv_mirror *how, bool last,
                              json_t *layers)
{
    const form *s = layer->spec;
    (void)how, (void)last;
    inv_status status = inv_mirror_add(
        layers, layer, ".scale", json_pack("{ss sf}", "type", "rescale", "scale", 1.0 / s->beta));
    return status != INV_OK
               ? status
               : inv_mirror_add(layers, layer, ".undo",
                                json_pack("{ss sf}", "type", "inverse_elu", "alpha", s->alpha));
}

static const form selu_defaults = {.alpha = 1.6732632423543772, .beta = 1.0507009873554805};
static const inv_field selu_fields[] = {
    REAL("alpha", alpha, 1e-6, 1e6, "how far below 0 values get, before scale"),
    REAL("scale", beta, 1e-6, 1e6, "slope above 0"),
    {0}};
ACTIVATION(selu, selu, SETTINGS(selu), .mirror = selu_mirror, .one_to_one = true);

/* celu: y = x where x > 0, else alpha (exp(x / alpha) - 1). Source: Barron 2017. */
static double celu(double x, const form *s)
{
    return x > 0.0 ? x : s->alpha * expm1(x / s->alpha);
}

static double celu_slope(double x, const form *s)
{
    return x > 0.0 ? 1.0 : exp(x / s->alpha);
}

static const form celu_defaults = {.alpha = 1.0};
static const inv_field celu_fields[] = {
    REAL("alpha", alpha, 1e-6, 1e6, "how far below 0 values get"), {0}};
ACTIVATION(celu, celu, SETTINGS(celu), .one_to_one = true);

/* softsign: y = x / (1 + |x|) */
static double softsign(double x, const form *s)
{
    (void)s;
    return x / (1.0 + fabs(x));
}

static double softsign_slope(double x, const form *s)
{
    (void)s;
    return 1.0 / ((1.0 + fabs(x)) * (1.0 + fabs(x)));
}
ACTIVATION(softsign, softsign, .one_to_one = true);

/* mish: y = x tanh(log(1 + exp(x))). Source: Misra 2019. */
static double mish(double x, const form *s)
{
    (void)s;
    return x * tanh(log1p_exp(x));
}

static double mish_slope(double x, const form *s)
{
    const double t = tanh(log1p_exp(x));
    (void)s;
    return t + x * (1.0 - t * t) * logistic(x);
}
ACTIVATION(mish, mish, .mirror = inv_mirror_nothing);

/* log_sigmoid: y = -log(1 + exp(-x)) */
static double log_sigmoid(double x, const form *s)
{
    (void)s;
    return -log1p_exp(-x);
}

static double log_sigmoid_slope(double x, const form *s)
{
    (void)s;
    return logistic(-x);
}
ACTIVATION(log_sigmoid, log_sigmoid, .one_to_one = true);

/* squareplus: y = (x + sqrt(x^2 + b)) / 2. Source: Barron 2021. */
static double squareplus(double x, const form *s)
{
    return 0.5 * (x + sqrt(x * x + s->beta));
}

static double squareplus_slope(double x, const form *s)
{
    return 0.5 * (1.0 + x / sqrt(x * x + s->beta));
}

static const form squareplus_defaults = {.beta = 4.0};
static const inv_field squareplus_fields[] = {REAL("b", beta, 1e-6, 1e6, "how round the corner is"),
                                              {0}};
ACTIVATION(squareplus, squareplus, SETTINGS(squareplus), .one_to_one = true);

/* tanh_shrink: y = x - tanh(x) */
static double tanh_shrink(double x, const form *s)
{
    (void)s;
    return x - tanh(x);
}

static double tanh_shrink_slope(double x, const form *s)
{
    (void)s;
    return tanh(x) * tanh(x);
}
ACTIVATION(tanh_shrink, tanh_shrink, .one_to_one = true);

/* ---- functions that nets from other programs have between their layers ---- */

/* exponential: y = exp(x) */
static double exponential(double x, const form *s)
{
    (void)s;
    return exp(x);
}

#define exponential_slope exponential

ACTIVATION(exponential, exponential, .one_to_one = true);

/* log: y = log(x) */
static double logarithm(double x, const form *s)
{
    (void)s;
    return log(x);
}

static double logarithm_slope(double x, const form *s)
{
    (void)s;
    return 1.0 / x;
}
ACTIVATION(log, logarithm, .one_to_one = true);

/* square: y = x^2 */
static double square(double x, const form *s)
{
    (void)s;
    return x * x;
}

static double square_slope(double x, const form *s)
{
    (void)s;
    return 2.0 * x;
}
ACTIVATION(square, square, .loses = "it keeps no signs");

/* sqrt: y = sqrt(x) */
static double root(double x, const form *s)
{
    (void)s;
    return sqrt(x);
}

static double root_slope(double x, const form *s)
{
    (void)s;
    return 0.5 / sqrt(x);
}
ACTIVATION(sqrt, root, .one_to_one = true);

/* abs: y = |x| */
static double absolute(double x, const form *s)
{
    (void)s;
    return fabs(x);
}

static double absolute_slope(double x, const form *s)
{
    (void)s;
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0 * x;
}
ACTIVATION(abs, absolute, .loses = "it keeps no signs");

/* erf: y = the error function of x */
static double error_function(double x, const form *s)
{
    (void)s;
    return erf(x);
}

static double error_function_slope(double x, const form *s)
{
    (void)s;
    return M_2_SQRTPI * exp(-x * x);
}
ACTIVATION(erf, error_function, .one_to_one = true);
