/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_linalg.h>
#include <jansson.h>

#include "support.h"

const size_t gradient_threads[GRADIENT_THREADS] = {1, 2, 3, 5, 8};

void gradient_fill(float *values, size_t n, double low, double high, unsigned long seed)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_ranlxs0);
    ck_assert_ptr_nonnull(rng);
    gsl_rng_set(rng, seed);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(low + (high - low) * gsl_rng_uniform_pos(rng));
    gsl_rng_free(rng);
}

bool gradient_same_bits(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes) == 0;
}

static void *get(size_t count, size_t size)
{
    void *memory = count > 0 && size > 0 ? calloc(count, size) : NULL;
    GRADIENT_HOLD(memory != NULL, "no memory for %zu values", count);
    return memory;
}

void gradient_assert_near(const float *got, const double *expected, size_t n, double tolerance,
                          const char *what)
{
    double largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        GRADIENT_HOLD(isfinite(expected[i]), "%s[%zu] should be %g", what, i, expected[i]);
        largest = fmax(largest, fabs(expected[i]));
    }
    for (size_t i = 0; i < n; i++)
        GRADIENT_HOLD(fabs(got[i] - expected[i]) <= tolerance * largest,
                      "%s[%zu] of %zu is %.9g, not %.9g (the largest is %.9g)", what, i, n,
                      (double)got[i], expected[i], largest);
}

double *gradient_doubles(const float *values, size_t n)
{
    double *doubles = get(n, sizeof *doubles);
    for (size_t i = 0; i < n; i++)
        doubles[i] = values[i];
    return doubles;
}

/* ---- a matrix inside a larger one ---- */

enum { ABOVE = 1, LEFT = 2, RIGHT = 3 }; /* rows and columns around the view */

static const float around = -7.7e33f;

frame frame_alloc(size_t rows, size_t cols)
{
    frame f = {NULL, {0}};
    ck_assert_status(inv_mat_alloc(rows + 2 * ABOVE, cols + LEFT + RIGHT, "a frame", &f.whole),
                     INV_OK);
    gsl_matrix_float_set_all(f.whole, around);
    f.m = gsl_matrix_float_submatrix(f.whole, ABOVE, LEFT, rows, cols).matrix;
    frame_clear(&f);
    return f;
}

frame frame_filled(size_t rows, size_t cols, double low, double high, unsigned long seed)
{
    frame f = frame_alloc(rows, cols);
    for (size_t i = 0; i < rows; i++)
        gradient_fill(f.m.data + i * f.m.tda, cols, low, high, seed + 1000003 * i);
    return f;
}

void frame_free(frame *f)
{
    inv_mat_free(f->whole);
    f->whole = NULL;
}

void frame_clear(frame *f)
{
    gsl_matrix_float_set_all(&f->m, NAN);
}

float *frame_packed(const frame *f)
{
    const gsl_matrix_float *m = &f->m;
    float *packed = get(m->size1 * m->size2, sizeof *packed);
    for (size_t i = 0; i < m->size1; i++)
        memcpy(packed + i * m->size2, m->data + i * m->tda, m->size2 * sizeof *packed);
    return packed;
}

double *frame_doubles(const frame *f)
{
    float *packed = frame_packed(f);
    double *doubles = gradient_doubles(packed, f->m.size1 * f->m.size2);
    free(packed);
    return doubles;
}

void frame_assert_intact(const frame *f, const char *what)
{
    const gsl_matrix_float *w = f->whole;
    for (size_t i = 0; w && i < w->size1; i++)
        for (size_t j = 0; j < w->size2; j++) {
            bool inside =
                i >= ABOVE && i - ABOVE < f->m.size1 && j >= LEFT && j - LEFT < f->m.size2;
            GRADIENT_HOLD(inside || w->data[i * w->tda + j] == around,
                          "%s: something was written outside the view, at row %td, column %td",
                          what, (ptrdiff_t)i - ABOVE, (ptrdiff_t)j - LEFT);
        }
}

void frame_assert_near(const frame *f, const double *expected, double tolerance, const char *what)
{
    float *packed = frame_packed(f);
    frame_assert_intact(f, what);
    gradient_assert_near(packed, expected, f->m.size1 * f->m.size2, tolerance, what);
    free(packed);
}

/* ---- nets ---- */

static void make_variances_positive(const inv_net *net)
{
    for (size_t i = 0; i < inv_net_depth(net); i++) {
        const inv_layer *layer = inv_net_layer(net, i);
        for (size_t b = 0; b < layer->block_count; b++)
            if (strcmp(layer->blocks[b].name, "variance") == 0)
                gradient_fill(inv_net_params(net) + layer->blocks[b].offset, layer->blocks[b].size,
                              0.2, 2.0, 5040610);
    }
}

inv_net *gradient_net(const char *text, inv_shape input, size_t classes)
{
    inv_config *config = NULL;
    inv_net *net = NULL;
    ck_assert_status(inv_config_read_text("test.cfg", text, &config), INV_OK);
    ck_assert_status(inv_net_build(config, "layers", input, classes, &net), INV_OK);
    inv_config_free(config);
    gradient_fill(inv_net_params(net), inv_net_size(net), -0.9, 0.9, 20160405);
    make_variances_positive(net);
    return net;
}

/* ---- twins of the layers: the formula at the head of each one's file, one value at a time ---- */

typedef void twin_function(const inv_layer *layer, const double *params, const double *x,
                           size_t rows, double *y, double *penalty);

/* What the layers of the net at hand are set to, by their own descriptions: a twin asks for each value. */
static struct {
    const inv_layer *layer;
    json_t *object;
} described[16];

static void forget_settings(void)
{
    for (size_t i = 0; i < sizeof described / sizeof *described; i++) {
        json_decref(described[i].object);
        described[i].object = NULL;
    }
}

static json_t *settings(const inv_layer *layer)
{
    size_t i = 0;
    while (described[i].object && described[i].layer != layer)
        GRADIENT_HOLD(++i < sizeof described / sizeof *described, "a net of over %zu layers", i);
    if (!described[i].object) {
        described[i].layer = layer;
        described[i].object = json_object();
        ck_assert_status(inv_fields_write(layer->type->fields, layer->spec, described[i].object),
                         INV_OK);
    }
    return described[i].object;
}

static double setting(const inv_layer *layer, const char *key)
{
    json_t *value = json_object_get(settings(layer), key);
    GRADIENT_HOLD(json_is_number(value), "%s has no setting %s", layer->type->name, key);
    return json_number_value(value);
}

static bool setting_is(const inv_layer *layer, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(settings(layer), key));
    GRADIENT_HOLD(value != NULL, "%s has no text %s", layer->type->name, key);
    return strcmp(value, text) == 0;
}

static bool setting_true(const inv_layer *layer, const char *key)
{
    json_t *value = json_object_get(settings(layer), key);
    GRADIENT_HOLD(json_is_boolean(value), "%s has no %s", layer->type->name, key);
    return json_is_true(value);
}

/* How many values a softmax takes together. */
static size_t together(const inv_layer *layer)
{
    return setting_is(layer, "over", "channels") ? layer->in.channels : inv_shape_size(layer->in);
}

static const double *block(const inv_layer *layer, const double *params, const char *name)
{
    for (size_t b = 0; b < layer->block_count; b++)
        if (strcmp(layer->blocks[b].name, name) == 0)
            return params + layer->blocks[b].offset;
    ck_abort_msg("%s has no %s", layer->type->name, name);
    return NULL;
}

static void twin_dense(const inv_layer *layer, const double *params, const double *x, size_t rows,
                       double *y, double *penalty)
{
    const size_t in = inv_shape_size(layer->in), out = inv_shape_size(layer->out);
    const double *kernel = block(layer, params, "kernel"), *bias = block(layer, params, "bias");
    (void)penalty;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < out; j++) {
            double sum = bias[j];
            for (size_t k = 0; k < in; k++)
                sum += x[i * in + k] * kernel[k * out + j];
            y[i * out + j] = sum;
        }
}

static void twin_inverse_dense(const inv_layer *layer, const double *params, const double *x,
                               size_t rows, double *y, double *penalty)
{
    const size_t in = inv_shape_size(layer->in), out = inv_shape_size(layer->out);
    const double *kernel = block(layer, params, "kernel"), *bias = block(layer, params, "bias");
    (void)penalty;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < out; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < in; k++)
                sum += (x[i * in + k] - bias[k]) * kernel[k * out + j];
            y[i * out + j] = sum;
        }
}

static void twin_sigmoid(const inv_layer *layer, const double *params, const double *x, size_t rows,
                         double *y, double *penalty)
{
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = 1.0 / (1.0 + exp(-x[i]));
}

static void twin_identity(const inv_layer *layer, const double *params, const double *x,
                          size_t rows, double *y, double *penalty)
{
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = x[i];
}

static void twin_tanh(const inv_layer *layer, const double *params, const double *x, size_t rows,
                      double *y, double *penalty)
{
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = tanh(x[i]);
}

static void twin_relu(const inv_layer *layer, const double *params, const double *x, size_t rows,
                      double *y, double *penalty)
{
    const double limit = setting(layer, "max_value"), slope = setting(layer, "negative_slope");
    const double threshold = setting(layer, "threshold");
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++) {
        y[i] = x[i] < threshold ? slope * (x[i] - threshold) : x[i];
        if (limit > 0.0 && y[i] > limit)
            y[i] = limit;
    }
}

static void twin_leaky_relu(const inv_layer *layer, const double *params, const double *x,
                            size_t rows, double *y, double *penalty)
{
    const double alpha = setting(layer, "alpha");
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = x[i] > 0.0 ? x[i] : alpha * x[i];
}

static void twin_elu(const inv_layer *layer, const double *params, const double *x, size_t rows,
                     double *y, double *penalty)
{
    const double alpha = setting(layer, "alpha");
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = x[i] > 0.0 ? x[i] : alpha * expm1(x[i]);
}

static void twin_softplus(const inv_layer *layer, const double *params, const double *x,
                          size_t rows, double *y, double *penalty)
{
    const double beta = setting(layer, "beta"), threshold = setting(layer, "threshold");
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] =
            threshold > 0.0 && beta * x[i] > threshold ? x[i] : log(1.0 + exp(beta * x[i])) / beta;
}

/* ---- activations that are a formula a value ---- */

/* A setting, or 0 where the type has none of that name. */
static double maybe(const inv_layer *layer, const char *key)
{
    for (const inv_field *f = layer->type->fields; f && f->key; f++)
        if (strcmp(f->key, key) == 0 && f->type == INV_FIELD_REAL)
            return setting(layer, key);
    return 0.0;
}

static bool approximate(const inv_layer *layer)
{
    return json_is_true(json_object_get(settings(layer), "approximate"));
}

static double sigma(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double clip(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

static void twin_formula(const inv_layer *layer, const double *params, const double *x, size_t rows,
                         double *y, double *penalty)
{
    const char *type = layer->type->name;
    const double a = maybe(layer, "alpha"), b = maybe(layer, "beta"), s = maybe(layer, "scale");
    const double l = maybe(layer, "lambda"), low = maybe(layer, "low"), high = maybe(layer, "high");
    const double slope = maybe(layer, "slope"), offset = maybe(layer, "offset");
    const double limit = maybe(layer, "threshold"), value = maybe(layer, "value");
    const double round = maybe(layer, "b");
    const bool by_tanh = strcmp(type, "gelu") == 0 && approximate(layer);
    (void)params, (void)penalty;
#define IS(name, formula)                                                                          \
    if (strcmp(type, name) == 0)                                                                   \
        for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++) {                            \
            const double v = x[i];                                                                 \
            y[i] = formula;                                                                        \
        }
    IS("hard_sigmoid", clip(slope * v + offset, 0.0, 1.0))
    IS("hard_tanh", clip(v, low, high))
    IS("hard_silu", v * clip(v + 3.0, 0.0, 6.0) / 6.0)
    IS("silu", v * sigma(b * v))
    IS("gelu", by_tanh ? v * sigma(2.0 * sqrt(2.0 / M_PI) * (v + 0.044715 * pow(v, 3.0)))
                       : v * 0.5 * erfc(-v / sqrt(2.0)))
    IS("selu", v > 0.0 ? s * v : s * (a * exp(v) - a))
    IS("celu", fmax(v, 0.0) + fmin(0.0, a * (exp(v / a) - 1.0)))
    IS("mish", v * tanh(log(1.0 + exp(v))))
    IS("softsign", v / (fabs(v) + 1.0))
    IS("squareplus", (v + hypot(v, sqrt(round))) / 2.0)
    IS("sparse_plus", v >= 1.0 ? v : v <= -1.0 ? 0.0 : pow(v + 1.0, 2.0) / 4.0)
    IS("sparse_sigmoid", clip((v + 1.0) / 2.0, 0.0, 1.0))
    IS("tanh_shrink", v - tanh(v))
    IS("soft_shrink", copysign(fmax(fabs(v) - l, 0.0), v))
    IS("hard_shrink", v >= -l && v <= l ? 0.0 : v)
    IS("threshold", v > limit ? v : value)
    IS("log_sigmoid", log(sigma(v)))
    IS("exponential", exp(v))
    IS("log", log(v))
    IS("square", v * v)
    IS("sqrt", pow(v, 0.5))
    IS("abs", v < 0.0 ? -v : v)
    IS("erf", 1.0 - erfc(v))
#undef IS
}

static void twin_log_softmax(const inv_layer *layer, const double *params, const double *x,
                             size_t rows, double *y, double *penalty)
{
    const size_t n = together(layer);
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * (inv_shape_size(layer->in) / n); i++, x += n, y += n) {
        double sum = 0.0;
        for (size_t j = 0; j < n; j++)
            sum += exp(x[j]);
        for (size_t j = 0; j < n; j++)
            y[j] = log(exp(x[j]) / sum);
    }
}

/* Which of a block's values goes with value k of an image: axes of length 1 are for all. */
static size_t index_in(const inv_block *b, inv_shape in, size_t k)
{
    const size_t c = k % in.channels, j = k / in.channels % in.width,
                 i = k / in.channels / in.width;
    if (b->rank == 1)
        return c;
    return ((b->dims[0] > 1 ? i : 0) * b->dims[1] + (b->dims[1] > 1 ? j : 0)) * b->dims[2] +
           (b->dims[2] > 1 ? c : 0);
}

static const inv_block *find_block(const inv_layer *layer, const char *name)
{
    for (size_t b = 0; b < layer->block_count; b++)
        if (strcmp(layer->blocks[b].name, name) == 0)
            return &layer->blocks[b];
    return NULL;
}

/* The block's value that goes with value k; `without`, where there is no such block. */
static double own(const inv_layer *layer, const double *params, const char *name, size_t k,
                  double without)
{
    const inv_block *b = find_block(layer, name);
    return b ? params[b->offset + index_in(b, layer->in, k)] : without;
}

/* The threshold by bisection: the sum of what is over it falls as it rises. */
static void twin_sparsemax(const inv_layer *layer, const double *params, const double *x,
                           size_t rows, double *y, double *penalty)
{
    const size_t n = together(layer);
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * (inv_shape_size(layer->in) / n); i++, x += n, y += n) {
        double low = x[0] - 1.0, high = x[0];
        for (size_t j = 1; j < n; j++) {
            low = fmin(low, x[j] - 1.0);
            high = fmax(high, x[j]);
        }
        for (int step = 0; step < 100; step++) {
            const double middle = 0.5 * (low + high);
            double sum = 0.0;
            for (size_t j = 0; j < n; j++)
                sum += fmax(x[j] - middle, 0.0);
            *(sum > 1.0 ? &low : &high) = middle;
        }
        for (size_t j = 0; j < n; j++)
            y[j] = fmax(x[j] - low, 0.0);
    }
}

static void twin_glu(const inv_layer *layer, const double *params, const double *x, size_t rows,
                     double *y, double *penalty)
{
    const size_t half = layer->in.channels / 2;
    (void)params, (void)penalty;
    for (size_t p = 0; p < rows * layer->in.height * layer->in.width; p++, x += 2 * half)
        for (size_t k = 0; k < half; k++)
            *y++ = x[k] * sigma(x[half + k]);
}

static void twin_prelu(const inv_layer *layer, const double *params, const double *x, size_t rows,
                       double *y, double *penalty)
{
    const size_t n = inv_shape_size(layer->in);
    (void)penalty;
    for (size_t i = 0; i < rows * n; i++)
        y[i] = fmax(x[i], 0.0) + own(layer, params, "alpha", i % n, 0.0) * fmin(x[i], 0.0);
}

static void twin_rescale(const inv_layer *layer, const double *params, const double *x, size_t rows,
                         double *y, double *penalty)
{
    const size_t n = inv_shape_size(layer->in);
    const double scale = setting(layer, "scale"), offset = setting(layer, "offset");
    (void)penalty;
    for (size_t i = 0; i < rows * n; i++)
        y[i] = x[i] * own(layer, params, "scale", i % n, scale) +
               own(layer, params, "offset", i % n, offset);
}

/* Normalises the values of an image that are in the same set as each, by whether `same` says so. */
typedef bool same_set(const inv_layer *layer, const bool over[3], size_t groups, size_t a,
                      size_t b);

static bool same_of_layer_norm(const inv_layer *layer, const bool over[3], size_t groups, size_t a,
                               size_t b)
{
    const inv_shape in = layer->in;
    (void)groups;
    return (over[2] || a % in.channels == b % in.channels) &&
           (over[1] || a / in.channels % in.width == b / in.channels % in.width) &&
           (over[0] || a / in.channels / in.width == b / in.channels / in.width);
}

static bool same_of_group_norm(const inv_layer *layer, const bool over[3], size_t groups, size_t a,
                               size_t b)
{
    const size_t each = layer->in.channels / groups;
    (void)over;
    return a % layer->in.channels / each == b % layer->in.channels / each;
}

static void normalise(const inv_layer *layer, const double *params, const double *x, size_t rows,
                      double *y, same_set *same, const bool over[3], size_t groups, bool centred)
{
    const size_t n = inv_shape_size(layer->in);
    const double epsilon = setting(layer, "epsilon");
    bool *in_set = get(n * n, sizeof *in_set);
    for (size_t k = 0; k < n * n; k++)
        in_set[k] = same(layer, over, groups, k / n, k % n);
    for (size_t i = 0; i < rows; i++, x += n, y += n)
        for (size_t k = 0; k < n; k++) {
            double sum = 0.0, squares = 0.0, count = 0.0;
            for (size_t j = 0; j < n; j++)
                if (in_set[k * n + j])
                    count++, sum += x[j];
            const double mean = centred ? sum / count : 0.0;
            for (size_t j = 0; j < n; j++)
                if (in_set[k * n + j])
                    squares += (x[j] - mean) * (x[j] - mean);
            y[k] = own(layer, params, "gamma", k, 1.0) * (x[k] - mean) /
                       sqrt(squares / count + epsilon) +
                   own(layer, params, "beta", k, 0.0);
        }
    free(in_set);
}

static void twin_layer_norm(const inv_layer *layer, const double *params, const double *x,
                            size_t rows, double *y, double *penalty)
{
    const bool over[3] = {setting_true(layer, "over_height"), setting_true(layer, "over_width"),
                          setting_true(layer, "over_channels")};
    (void)penalty;
    normalise(layer, params, x, rows, y, same_of_layer_norm, over, 0,
              setting_true(layer, "subtract_mean"));
}

static void twin_group_norm(const inv_layer *layer, const double *params, const double *x,
                            size_t rows, double *y, double *penalty)
{
    const size_t groups = (size_t)setting(layer, "groups");
    (void)penalty;
    normalise(layer, params, x, rows, y, same_of_group_norm, NULL,
              groups ? groups : layer->in.channels, true);
}

/* The mode of the twin at work: of the objective that is being worked out. */
static inv_mode mode_now;

static void twin_dropout(const inv_layer *layer, const double *params, const double *x, size_t rows,
                         double *y, double *penalty)
{
    const size_t n = inv_shape_size(layer->in);
    const double rate = mode_now.training ? setting(layer, "rate") : 0.0;
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            const uint64_t both = inv_rng_mix(inv_rng_mix(mode_now.key, i), j / 2);
            const double chance = (double)(j % 2 ? both >> 32 : both & 0xffffffff) / 4294967296.0;
            y[i * n + j] = chance < rate ? 0.0 : x[i * n + j] / (1.0 - rate);
        }
}

static void twin_logit(const inv_layer *layer, const double *params, const double *x, size_t rows,
                       double *y, double *penalty)
{
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = log(x[i]) - log(1.0 - x[i]);
}

static void twin_softmax(const inv_layer *layer, const double *params, const double *x, size_t rows,
                         double *y, double *penalty)
{
    const size_t n = together(layer);
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * (inv_shape_size(layer->in) / n); i++, x += n, y += n) {
        double sum = 0.0;
        for (size_t j = 0; j < n; j++)
            sum += exp(x[j]);
        for (size_t j = 0; j < n; j++)
            y[j] = exp(x[j]) / sum;
    }
}

static void twin_squash(const inv_layer *layer, const double *params, const double *x, size_t rows,
                        double *y, double *penalty)
{
    const size_t n = inv_shape_size(layer->in);
    const double width = setting(layer, "width");
    const double low = setting(layer, "low"), high = setting(layer, "high");
    double lowest = INFINITY, highest = -INFINITY;
    (void)params;
    for (size_t i = 0; i < rows; i++, x += n, y += n) {
        double minimum = INFINITY, maximum = -INFINITY;
        for (size_t j = 0; j < n; j++) {
            minimum = fmin(minimum, x[j]);
            maximum = fmax(maximum, x[j]);
        }
        for (size_t j = 0; j < n; j++)
            y[j] = low + (high - low) *
                             (maximum > minimum
                                  ? ((x[j] - minimum) / (maximum - minimum) - 0.5) * width + 0.5
                                  : 0.5);
        lowest = fmin(lowest, minimum);
        highest = fmax(highest, maximum);
    }
    *penalty += setting(layer, "range_penalty") *
                ((lowest - low) * (lowest - low) + (highest - high) * (highest - high));
}

/* ---- windows ---- */

typedef struct twin_window {
    int height, width, stride_y, stride_x, top, left; /* top, left: zeros before the image */
    int gap_y, gap_x;                                 /* from one value of a window to the next */
} twin_window;

static int given(double first, double second, int usual)
{
    return first > 0.0 ? (int)first : second > 0.0 ? (int)second : usual;
}

/* TensorFlow's SAME: ceil(n / s) windows; the smaller half of the zeros they need stands before. */
static int zeros_before(int n, int k, int s)
{
    const int all = ((n + s - 1) / s - 1) * s + k - n;
    return all > 0 ? all / 2 : 0;
}

static bool find_field(const inv_layer *layer, const char *key)
{
    for (const inv_field *f = layer->type->fields; f && f->key; f++)
        if (strcmp(f->key, key) == 0)
            return true;
    return false;
}

static twin_window twin_window_of(const inv_layer *layer)
{
    const double stride = setting(layer, "stride");
    const bool gaps = find_field(layer, "dilation");
    twin_window w = {.height = (int)setting(layer, "height"),
                     .width = (int)setting(layer, "width"),
                     .gap_y = 1,
                     .gap_x = 1};
    w.stride_y = given(setting(layer, "stride_height"), stride, w.height);
    w.stride_x = given(setting(layer, "stride_width"), stride, w.width);
    if (gaps) {
        const double gap = setting(layer, "dilation");
        w.gap_y = given(setting(layer, "dilation_height"), gap, 1);
        w.gap_x = given(setting(layer, "dilation_width"), gap, 1);
    }
    if (setting_is(layer, "padding", "same")) {
        w.top = zeros_before((int)layer->in.height, (w.height - 1) * w.gap_y + 1, w.stride_y);
        w.left = zeros_before((int)layer->in.width, (w.width - 1) * w.gap_x + 1, w.stride_x);
    } else if (setting_is(layer, "padding", "explicit")) {
        w.top = (int)setting(layer, "top");
        w.left = (int)setting(layer, "left");
    }
    return w;
}

/* Pixel (r, c) of window (i, j) of the image at x; NULL outside it. */
static const double *twin_pixel(const inv_layer *layer, const twin_window *w, const double *x,
                                int i, int j, int r, int c)
{
    const int y = i * w->stride_y + r * w->gap_y - w->top;
    const int z = j * w->stride_x + c * w->gap_x - w->left;
    const int height = (int)layer->in.height, width = (int)layer->in.width;
    if (y < 0 || y >= height || z < 0 || z >= width)
        return NULL;
    return x + (size_t)(y * width + z) * layer->in.channels;
}

/* One window's sum over its pixels of x kernel[its values, out]. */
static double twin_window_sum(const inv_layer *layer, const twin_window *w, const double *x, int i,
                              int j, const double *kernel, size_t o)
{
    const size_t in = layer->in.channels, out = layer->out.channels;
    double sum = 0.0;
    for (int r = 0; r < w->height; r++)
        for (int c = 0; c < w->width; c++) {
            const double *pixel = twin_pixel(layer, w, x, i, j, r, c);
            for (size_t k = 0; pixel && k < in; k++)
                sum += pixel[k] * kernel[((size_t)(r * w->width + c) * in + k) * out + o];
        }
    return sum;
}

/* The same of filter o of a convolution in groups, which reads the channels of its own group. */
static double twin_group_sum(const inv_layer *layer, const twin_window *w, const double *x, int i,
                             int j, const double *kernel, size_t o)
{
    const size_t groups = (size_t)setting(layer, "groups"), out = layer->out.channels;
    const size_t each = layer->in.channels / groups, first = o / (out / groups) * each;
    double sum = 0.0;
    for (int r = 0; r < w->height; r++)
        for (int c = 0; c < w->width; c++) {
            const double *pixel = twin_pixel(layer, w, x, i, j, r, c);
            for (size_t k = 0; pixel && k < each; k++)
                sum += pixel[first + k] * kernel[((size_t)(r * w->width + c) * each + k) * out + o];
        }
    return sum;
}

static void twin_conv2d(const inv_layer *layer, const double *params, const double *x, size_t rows,
                        double *y, double *penalty)
{
    const twin_window w = twin_window_of(layer);
    const bool grouped = setting(layer, "groups") > 1.0;
    const double *kernel = block(layer, params, "kernel");
    const double *bias = layer->block_count > 1 ? block(layer, params, "bias") : NULL;
    (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(layer->in))
        for (int i = 0; i < (int)layer->out.height; i++)
            for (int j = 0; j < (int)layer->out.width; j++)
                for (size_t o = 0; o < layer->out.channels; o++)
                    *y++ = (bias ? bias[o] : 0.0) +
                           (grouped ? twin_group_sum(layer, &w, x, i, j, kernel, o)
                                    : twin_window_sum(layer, &w, x, i, j, kernel, o));
}

static void twin_depthwise_conv2d(const inv_layer *layer, const double *params, const double *x,
                                  size_t rows, double *y, double *penalty)
{
    const twin_window w = twin_window_of(layer);
    const size_t in = layer->in.channels, each = (size_t)setting(layer, "multiplier");
    const double *kernel = block(layer, params, "kernel");
    const double *bias = layer->block_count > 1 ? block(layer, params, "bias") : NULL;
    (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(layer->in))
        for (int i = 0; i < (int)layer->out.height; i++)
            for (int j = 0; j < (int)layer->out.width; j++)
                for (size_t k = 0; k < in; k++)
                    for (size_t m = 0; m < each; m++) {
                        double sum = bias ? bias[k * each + m] : 0.0;
                        for (int r = 0; r < w.height; r++)
                            for (int c = 0; c < w.width; c++) {
                                const double *pixel = twin_pixel(layer, &w, x, i, j, r, c);
                                const size_t at = (size_t)(r * w.width + c) * in + k;
                                sum += pixel ? pixel[k] * kernel[at * each + m] : 0.0;
                            }
                        *y++ = sum;
                    }
}

/* What is cut off before an axis of a transposed convolution. */
static int cut_before(const inv_layer *layer, const char *key, int reach, int stride)
{
    if (setting_is(layer, "padding", "explicit"))
        return (int)setting(layer, key);
    return setting_is(layer, "padding", "same") && reach > stride ? (reach - stride) / 2 : 0;
}

static void twin_conv2d_transpose(const inv_layer *layer, const double *params, const double *x,
                                  size_t rows, double *y, double *penalty)
{
    const twin_window w = twin_window_of(layer);
    const inv_shape in = layer->in, to = layer->out;
    const size_t groups = (size_t)setting(layer, "groups"), each = to.channels / groups;
    const double *kernel = block(layer, params, "kernel");
    const double *bias = layer->block_count > 1 ? block(layer, params, "bias") : NULL;
    const int top = cut_before(layer, "top", (w.height - 1) * w.gap_y + 1, w.stride_y);
    const int left = cut_before(layer, "left", (w.width - 1) * w.gap_x + 1, w.stride_x);
    (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(in), y += inv_shape_size(to)) {
        for (size_t k = 0; k < inv_shape_size(to); k++)
            y[k] = bias ? bias[k % to.channels] : 0.0;
        for (size_t p = 0; p < inv_shape_size(in); p++)
            for (int r = 0; r < w.height; r++)
                for (int c = 0; c < w.width; c++) {
                    const size_t k = p % in.channels, pixel = p / in.channels;
                    const int i = (int)(pixel / in.width) * w.stride_y + r * w.gap_y - top;
                    const int j = (int)(pixel % in.width) * w.stride_x + c * w.gap_x - left;
                    if (i < 0 || i >= (int)to.height || j < 0 || j >= (int)to.width)
                        continue;
                    for (size_t o = 0; o < each; o++)
                        y[((size_t)i * to.width + (size_t)j) * to.channels +
                          k / (in.channels / groups) * each + o] +=
                            x[p] * kernel[((size_t)(r * w.width + c) * each + o) * in.channels + k];
                }
    }
}

/* ---- the pseudo-inverse of a convolution, by its matrix ---- */

/* Windows along an axis of n values. */
static size_t count_windows(const inv_layer *layer, int n, int reach, int stride,
                            const char *before, const char *after)
{
    const int zeros = (int)(setting(layer, before) + setting(layer, after));
    if (setting_is(layer, "padding", "same"))
        return (size_t)(n + stride - 1) / (size_t)stride;
    return (size_t)(n + zeros - reach) / (size_t)stride + 1;
}

/* The conv2d that the layer undoes, without its bias. */
static inv_layer undone(const inv_layer *layer)
{
    const twin_window w = twin_window_of(layer);
    inv_layer c = *layer;
    c.in = layer->out;
    c.out = (inv_shape){count_windows(layer, (int)c.in.height, (w.height - 1) * w.gap_y + 1,
                                      w.stride_y, "top", "bottom"),
                        count_windows(layer, (int)c.in.width, (w.width - 1) * w.gap_x + 1,
                                      w.stride_x, "left", "right"),
                        (size_t)setting(layer, "filters")};
    c.block_count = 1;
    return c;
}

/* b[rows, cols], rows >= cols, becomes U of its singular values s and right vectors v. */
static void decompose(gsl_matrix *b, gsl_matrix *v, gsl_vector *s)
{
    gsl_vector *work = gsl_vector_alloc(b->size2);
    ck_assert_ptr_nonnull(work);
    ck_assert_int_eq(gsl_linalg_SV_decomp(b, v, s, work), 0);
    gsl_vector_free(work);
}

/* The matrix of the convolution, [out, in], or its transpose, [in, out], whichever is the taller. */
static gsl_matrix *matrix_of(const inv_layer *c, const double *params)
{
    const size_t in = inv_shape_size(c->in), out = inv_shape_size(c->out);
    gsl_matrix *m = gsl_matrix_alloc(in > out ? in : out, in > out ? out : in);
    double *unit = get(in, sizeof *unit), *column = get(out, sizeof *column);
    ck_assert_ptr_nonnull(m);
    for (size_t k = 0; k < in; k++) {
        unit[k] = 1.0;
        twin_conv2d(c, params, unit, 1, column, NULL);
        for (size_t j = 0; j < out; j++)
            gsl_matrix_set(m, in > out ? k : j, in > out ? j : k, column[j]);
        unit[k] = 0.0;
    }
    free(unit);
    free(column);
    return m;
}

/* C+ = V S^-1 U' of C = U S V', and U S^-1 V' of C' = U S V'; of singular values that are none, nothing. */
static void twin_inverse_conv2d(const inv_layer *layer, const double *params, const double *x,
                                size_t rows, double *y, double *penalty)
{
    const inv_layer c = undone(layer);
    const size_t in = inv_shape_size(c.in), out = inv_shape_size(c.out);
    const double *bias = block(layer, params, "bias");
    gsl_matrix *u = matrix_of(&c, params), *v = gsl_matrix_alloc(u->size2, u->size2);
    gsl_vector *s = gsl_vector_alloc(u->size2);
    const gsl_matrix *left = in > out ? u : v, *right = in > out ? v : u;
    (void)penalty;
    decompose(u, v, s);
    memset(y, 0, rows * in * sizeof *y);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < s->size && s->data[k] > 1e-9 * s->data[0]; k++) {
            double sum = 0.0;
            for (size_t l = 0; l < out; l++)
                sum += gsl_matrix_get(right, l, k) * (x[i * out + l] - bias[l % c.out.channels]);
            for (size_t j = 0; j < in; j++)
                y[i * in + j] += gsl_matrix_get(left, j, k) / s->data[k] * sum;
        }
    gsl_matrix_free(u), gsl_matrix_free(v), gsl_vector_free(s);
}

static void twin_local(const inv_layer *layer, const double *params, const double *x, size_t rows,
                       double *y, double *penalty)
{
    const twin_window w = twin_window_of(layer);
    const size_t out = layer->out.channels, width = layer->out.width;
    const size_t size = (size_t)(w.height * w.width) * layer->in.channels;
    const double *kernel = block(layer, params, "kernel");
    const double *bias = layer->block_count > 1 ? block(layer, params, "bias") : NULL;
    (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(layer->in))
        for (size_t p = 0; p < layer->out.height * width; p++)
            for (size_t o = 0; o < out; o++)
                *y++ = (bias ? bias[p * out + o] : 0.0) +
                       twin_window_sum(layer, &w, x, (int)(p / width), (int)(p % width),
                                       kernel + p * size * out, o);
}

/* The largest, or the mean, of one channel of the pixels under a window. */
static double twin_window_pool(const inv_layer *layer, const twin_window *w, const double *x, int i,
                               int j, size_t k, bool mean, bool count_all)
{
    double sum = 0.0, largest = -INFINITY;
    int count = 0;
    for (int r = 0; r < w->height; r++)
        for (int c = 0; c < w->width; c++) {
            const double *pixel = twin_pixel(layer, w, x, i, j, r, c);
            if (!pixel)
                continue;
            sum += pixel[k];
            largest = fmax(largest, pixel[k]);
            count++;
        }
    if (count_all)
        count = w->height * w->width;
    return mean ? sum / count : largest;
}

/* ---- images of other sizes ---- */

/* The pixel (i, j) of an image, with what is around it by `mode`; NULL: nothing. */
static const double *twin_around(inv_shape in, const double *x, int i, int j, char mode)
{
    const int h = (int)in.height, w = (int)in.width;
    if (mode == 'c' && (i < 0 || i >= h || j < 0 || j >= w))
        return NULL;
    if (mode == 'r') {
        i = i < 0 ? -i : i >= h ? 2 * h - 2 - i : i;
        j = j < 0 ? -j : j >= w ? 2 * w - 2 - j : j;
    } else if (mode == 'w') {
        i = (i + h) % h;
        j = (j + w) % w;
    }
    i = i < 0 ? 0 : i >= h ? h - 1 : i;
    j = j < 0 ? 0 : j >= w ? w - 1 : j;
    return x + (size_t)(i * w + j) * in.channels;
}

static void twin_pad(const inv_layer *layer, const double *params, const double *x, size_t rows,
                     double *y, double *penalty)
{
    const int top = (int)setting(layer, "top"), left = (int)setting(layer, "left");
    const double value = setting(layer, "value");
    const char mode = setting_is(layer, "mode", "constant")  ? 'c'
                      : setting_is(layer, "mode", "reflect") ? 'r'
                      : setting_is(layer, "mode", "wrap")    ? 'w'
                                                             : 'e';
    (void)params, (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(layer->in))
        for (int i = 0; i < (int)layer->out.height; i++)
            for (int j = 0; j < (int)layer->out.width; j++) {
                const double *pixel = twin_around(layer->in, x, i - top, j - left, mode);
                for (size_t k = 0; k < layer->in.channels; k++)
                    *y++ = pixel ? pixel[k] : value;
            }
}

static void twin_crop(const inv_layer *layer, const double *params, const double *x, size_t rows,
                      double *y, double *penalty)
{
    const int top = (int)setting(layer, "top"), left = (int)setting(layer, "left");
    (void)params, (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(layer->in))
        for (int i = 0; i < (int)layer->out.height; i++)
            for (int j = 0; j < (int)layer->out.width; j++)
                for (size_t k = 0; k < layer->in.channels; k++)
                    *y++ = twin_around(layer->in, x, i + top, j + left, 'c')[k];
}

static void twin_slice(const inv_layer *layer, const double *params, const double *x, size_t rows,
                       double *y, double *penalty)
{
    const inv_shape in = layer->in, out = layer->out;
    const size_t first = (size_t)setting(layer, "first"), step = (size_t)setting(layer, "step");
    (void)params, (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(in))
        for (size_t k = 0; k < inv_shape_size(out); k++) {
            size_t at[3] = {k / out.channels / out.width, k / out.channels % out.width,
                            k % out.channels};
            size_t *own = &at[setting_is(layer, "axis", "height")  ? 0
                              : setting_is(layer, "axis", "width") ? 1
                                                                   : 2];
            *own = setting_true(layer, "backwards") ? first - *own * step : first + *own * step;
            *y++ = x[(at[0] * in.width + at[1]) * in.channels + at[2]];
        }
}

static void twin_lrn(const inv_layer *layer, const double *params, const double *x, size_t rows,
                     double *y, double *penalty)
{
    const int channels = (int)layer->in.channels, size = (int)setting(layer, "size");
    const int before = (int)setting(layer, "before");
    (void)params, (void)penalty;
    for (size_t k = 0; k < rows * inv_shape_size(layer->in); k++) {
        const int own = (int)(k % layer->in.channels);
        double sum = 0.0;
        for (int j = own - before; j < own - before + size; j++)
            sum += j >= 0 && j < channels ? pow(x[(int)k - own + j], 2.0) : 0.0;
        y[k] = x[k] / pow(setting(layer, "bias") + setting(layer, "alpha") * sum / size,
                          setting(layer, "beta"));
    }
}

/* Where row i of m lies among n. */
static double twin_place(const inv_layer *layer, const char *step, int i, size_t n, size_t m)
{
    const double given = setting(layer, step), by = given > 0.0 ? given : (double)n / (double)m;
    if (setting_is(layer, "interpolation", "nearest"))
        return fmin(floor((double)i * by), (double)(n - 1));
    if (setting_is(layer, "interpolation", "nearest_centre"))
        return fmin(floor(((double)i + 0.5) * by), (double)(n - 1));
    if (setting_is(layer, "interpolation", "bilinear_corner"))
        return (double)i * by;
    if (setting_true(layer, "align_corners"))
        return m > 1 ? (double)i * (double)(n - 1) / (double)(m - 1) : 0.0;
    return ((double)i + 0.5) * by - 0.5;
}

static void twin_upsample(const inv_layer *layer, const double *params, const double *x,
                          size_t rows, double *y, double *penalty)
{
    const inv_shape in = layer->in, out = layer->out;
    (void)params, (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(in))
        for (int i = 0; i < (int)out.height; i++)
            for (int j = 0; j < (int)out.width; j++) {
                const double u = twin_place(layer, "step_height", i, in.height, out.height);
                const double v = twin_place(layer, "step_width", j, in.width, out.width);
                const int a = (int)floor(u), b = (int)floor(v);
                const double s = u - a, t = v - b;
                for (size_t k = 0; k < in.channels; k++)
                    *y++ = (1 - s) * (1 - t) * twin_around(in, x, a, b, 'e')[k] +
                           (1 - s) * t * twin_around(in, x, a, b + 1, 'e')[k] +
                           s * (1 - t) * twin_around(in, x, a + 1, b, 'e')[k] +
                           s * t * twin_around(in, x, a + 1, b + 1, 'e')[k];
            }
}

/* Value (i, j, k) of the image with blocks b x b, among those of the one with more channels. */
static size_t twin_in_block(const inv_layer *layer, inv_shape deep, size_t at)
{
    const size_t b = (size_t)setting(layer, "block"), count = deep.channels / b / b;
    const size_t k = at % count, j = at / count % (deep.width * b), i = at / count / b / deep.width;
    const size_t pixel = i / b * deep.width + j / b;
    if (setting_is(layer, "order", "dcr"))
        return pixel * deep.channels + (i % b * b + j % b) * count + k;
    return pixel * deep.channels + (k * b + i % b) * b + j % b;
}

static void twin_depth_to_space(const inv_layer *layer, const double *params, const double *x,
                                size_t rows, double *y, double *penalty)
{
    const bool to_space = strcmp(layer->type->name, "depth_to_space") == 0;
    const size_t size = inv_shape_size(layer->in);
    (void)params, (void)penalty;
    for (size_t n = 0; n < rows; n++)
        for (size_t at = 0; at < size; at++) {
            const size_t deep = twin_in_block(layer, to_space ? layer->in : layer->out, at);
            y[n * size + (to_space ? at : deep)] = x[n * size + (to_space ? deep : at)];
        }
}

static void twin_adaptive(const inv_layer *layer, const double *params, const double *x,
                          size_t rows, double *y, double *penalty)
{
    const bool mean = strcmp(layer->type->name, "adaptive_avg_pool") == 0;
    const inv_shape in = layer->in, out = layer->out;
    (void)params, (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(in))
        for (size_t p = 0; p < inv_shape_size(out); p++) {
            const double i = (double)(p / out.channels / out.width);
            const double j = (double)(p / out.channels % out.width);
            const double high = (double)in.height / (double)out.height;
            const double wide = (double)in.width / (double)out.width;
            double sum = 0.0, largest = -INFINITY, count = 0.0;
            for (size_t a = 0; a < in.height; a++)
                for (size_t b = 0; b < in.width; b++) {
                    if ((double)a + 1.0 <= i * high + 1e-9 ||
                        (double)a >= (i + 1.0) * high - 1e-9 ||
                        (double)b + 1.0 <= j * wide + 1e-9 || (double)b >= (j + 1.0) * wide - 1e-9)
                        continue;
                    const double value = x[(a * in.width + b) * in.channels + p % out.channels];
                    sum += value;
                    largest = fmax(largest, value);
                    count += 1.0;
                }
            *y++ = mean ? sum / count : largest;
        }
}

static void twin_permute(const inv_layer *layer, const double *params, const double *x, size_t rows,
                         double *y, double *penalty)
{
    static const char *const orders[] = {"hwc", "hcw", "whc", "wch", "chw", "cwh"};
    const inv_shape in = layer->in, out = layer->out;
    int which = 0;
    (void)params, (void)penalty;
    while (!setting_is(layer, "order", orders[which]))
        which++;
    for (size_t k = 0; k < rows * inv_shape_size(in); k++) {
        const size_t size = inv_shape_size(in), at = k % size;
        size_t place[3] = {0};
        for (int a = 0; a < 3; a++)
            place[a] = orders[which][a] == 'h'   ? at / in.channels / in.width
                       : orders[which][a] == 'w' ? at / in.channels % in.width
                                                 : at % in.channels;
        y[k / size * size + (place[0] * out.width + place[1]) * out.channels + place[2]] = x[k];
    }
}

static void twin_global(const inv_layer *layer, const double *params, const double *x, size_t rows,
                        double *y, double *penalty)
{
    const bool mean = strcmp(layer->type->name, "global_avg_pool") == 0;
    const size_t channels = layer->in.channels, pixels = layer->in.height * layer->in.width;
    (void)params, (void)penalty;
    for (size_t n = 0; n < rows; n++, x += pixels * channels)
        for (size_t k = 0; k < channels; k++) {
            double sum = 0.0, largest = -INFINITY;
            for (size_t p = 0; p < pixels; p++) {
                sum += x[p * channels + k];
                largest = fmax(largest, x[p * channels + k]);
            }
            *y++ = mean ? sum / (double)pixels : largest;
        }
}

/* ---- several inputs ---- */

/* Value (i, j, c) of one image of an input, of which axes of length 1 are for all. */
static double twin_value(inv_shape in, const double *x, size_t i, size_t j, size_t c)
{
    i = in.height > 1 ? i : 0;
    j = in.width > 1 ? j : 0;
    c = in.channels > 1 ? c : 0;
    return x[(i * in.width + j) * in.channels + c];
}

static double twin_combine(const char *type, double so_far, double next)
{
    if (strcmp(type, "subtract") == 0)
        return so_far - next;
    if (strcmp(type, "multiply") == 0)
        return so_far * next;
    if (strcmp(type, "divide") == 0)
        return so_far / next;
    if (strcmp(type, "maximum") == 0)
        return fmax(so_far, next);
    if (strcmp(type, "minimum") == 0)
        return fmin(so_far, next);
    GRADIENT_HOLD(strcmp(type, "add") == 0 || strcmp(type, "average") == 0, "%s", type);
    return so_far + next;
}

static void twin_merge(const inv_layer *layer, double *const *x, size_t rows, double *y)
{
    const inv_shape out = layer->out;
    for (size_t n = 0; n < rows; n++)
        for (size_t i = 0; i < out.height; i++)
            for (size_t j = 0; j < out.width; j++)
                for (size_t c = 0; c < out.channels; c++) {
                    double value = 0.0;
                    for (size_t k = 0; k < layer->input_count; k++) {
                        const inv_shape in = layer->inputs[k].shape;
                        const double *image = x[k] + n * inv_shape_size(in);
                        const double next = twin_value(in, image, i, j, c);
                        value = k ? twin_combine(layer->type->name, value, next) : next;
                    }
                    if (strcmp(layer->type->name, "average") == 0)
                        value /= (double)layer->input_count;
                    *y++ = value;
                }
}

static void twin_concat(const inv_layer *layer, double *const *x, size_t rows, double *y)
{
    const inv_shape out = layer->out;
    for (size_t n = 0; n < rows; n++) {
        size_t i0 = 0, j0 = 0, c0 = 0;
        for (size_t k = 0; k < layer->input_count; k++) {
            const inv_shape in = layer->inputs[k].shape;
            for (size_t v = 0; v < inv_shape_size(in); v++) {
                const size_t c = v % in.channels, j = v / in.channels % in.width;
                const size_t i = v / in.channels / in.width;
                y[((n * out.height + i0 + i) * out.width + j0 + j) * out.channels + c0 + c] =
                    x[k][n * inv_shape_size(in) + v];
            }
            if (setting_is(layer, "axis", "height"))
                i0 += in.height;
            else if (setting_is(layer, "axis", "width"))
                j0 += in.width;
            else
                c0 += in.channels;
        }
    }
}

static void pool(const inv_layer *layer, const double *x, size_t rows, double *y, bool mean)
{
    const twin_window w = twin_window_of(layer);
    const bool count_all = mean && setting_true(layer, "count_padding");
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(layer->in))
        for (int i = 0; i < (int)layer->out.height; i++)
            for (int j = 0; j < (int)layer->out.width; j++)
                for (size_t k = 0; k < layer->out.channels; k++)
                    *y++ = twin_window_pool(layer, &w, x, i, j, k, mean, count_all);
}

static void twin_max_pool(const inv_layer *layer, const double *params, const double *x,
                          size_t rows, double *y, double *penalty)
{
    (void)params, (void)penalty;
    pool(layer, x, rows, y, false);
}

static void twin_avg_pool(const inv_layer *layer, const double *params, const double *x,
                          size_t rows, double *y, double *penalty)
{
    (void)params, (void)penalty;
    pool(layer, x, rows, y, true);
}

static void twin_batch_norm(const inv_layer *layer, const double *params, const double *x,
                            size_t rows, double *y, double *penalty)
{
    const size_t n = layer->in.channels, count = rows * inv_shape_size(layer->in) / n;
    (void)penalty;
    for (size_t c = 0; c < n; c++) {
        double mean = block(layer, params, "mean")[c];
        double variance = block(layer, params, "variance")[c];
        if (mode_now.training && !layer->frozen) {
            mean = variance = 0.0;
            for (size_t k = 0; k < count; k++)
                mean += x[k * n + c] / (double)count;
            for (size_t k = 0; k < count; k++)
                variance += (x[k * n + c] - mean) * (x[k * n + c] - mean) / (double)count;
        }
        const double deviation = sqrt(variance + setting(layer, "epsilon"));
        for (size_t k = 0; k < count; k++)
            y[k * n + c] = own(layer, params, "gamma", c, 1.0) * (x[k * n + c] - mean) / deviation +
                           own(layer, params, "beta", c, 0.0);
    }
}

static void twin_scale(const inv_layer *layer, const double *params, const double *x, size_t rows,
                       double *y, double *penalty)
{
    const size_t n = inv_shape_size(layer->in);
    const double *kernel = block(layer, params, "kernel");
    (void)penalty;
    for (size_t k = 0; k < rows * n; k++)
        y[k] = kernel[k % n] * x[k];
}

static void twin_atanh(const inv_layer *layer, const double *params, const double *x, size_t rows,
                       double *y, double *penalty)
{
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = 0.5 * log((1.0 + x[i]) / (1.0 - x[i]));
}

static void twin_inverse_elu(const inv_layer *layer, const double *params, const double *x,
                             size_t rows, double *y, double *penalty)
{
    const double alpha = setting(layer, "alpha");
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = x[i] > 0.0            ? x[i]
               : x[i] > -alpha / 2.0 ? log(1.0 + x[i] / alpha)
                                     : log(0.5) + 2.0 * (x[i] / alpha + 0.5);
}

static void twin_inverse_softplus(const inv_layer *layer, const double *params, const double *x,
                                  size_t rows, double *y, double *penalty)
{
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = x[i] > log(2.0) ? log(exp(x[i]) - 1.0) : 2.0 * (x[i] - log(2.0));
}

static void twin_inverse_scale(const inv_layer *layer, const double *params, const double *x,
                               size_t rows, double *y, double *penalty)
{
    const size_t n = inv_shape_size(layer->in);
    const double *kernel = block(layer, params, "kernel");
    (void)penalty;
    for (size_t k = 0; k < rows * n; k++)
        y[k] = x[k] / kernel[k % n];
}

static void twin_inverse_batch_norm(const inv_layer *layer, const double *params, const double *x,
                                    size_t rows, double *y, double *penalty)
{
    const size_t n = layer->blocks[0].size;
    const double epsilon = setting(layer, "epsilon");
    (void)penalty;
    for (size_t k = 0; k < rows * inv_shape_size(layer->in); k++) {
        const size_t c = k % n;
        const double gamma = find_block(layer, "gamma") ? block(layer, params, "gamma")[c] : 1.0;
        const double beta = find_block(layer, "beta") ? block(layer, params, "beta")[c] : 0.0;
        y[k] = (x[k] - beta) / gamma * sqrt(block(layer, params, "variance")[c] + epsilon) +
               block(layer, params, "mean")[c];
    }
}

static const struct {
    const char *type;
    twin_function *function;
} twins[] = {{"dense", twin_dense},
             {"inverse_dense", twin_inverse_dense},
             {"sigmoid", twin_sigmoid},
             {"softmax", twin_softmax},
             {"logit", twin_logit},
             {"squash", twin_squash},
             {"linear", twin_identity},
             {"flatten", twin_identity},
             {"tanh", twin_tanh},
             {"relu", twin_relu},
             {"leaky_relu", twin_leaky_relu},
             {"elu", twin_elu},
             {"softplus", twin_softplus},
             {"dropout", twin_dropout},
             {"conv2d", twin_conv2d},
             {"max_pool", twin_max_pool},
             {"avg_pool", twin_avg_pool},
             {"local", twin_local},
             {"batch_norm", twin_batch_norm},
             {"scale", twin_scale},
             {"atanh", twin_atanh},
             {"inverse_elu", twin_inverse_elu},
             {"inverse_softplus", twin_inverse_softplus},
             {"inverse_scale", twin_inverse_scale},
             {"inverse_batch_norm", twin_inverse_batch_norm},
             {"hard_sigmoid", twin_formula},
             {"hard_tanh", twin_formula},
             {"hard_silu", twin_formula},
             {"silu", twin_formula},
             {"gelu", twin_formula},
             {"selu", twin_formula},
             {"celu", twin_formula},
             {"mish", twin_formula},
             {"softsign", twin_formula},
             {"squareplus", twin_formula},
             {"sparse_plus", twin_formula},
             {"sparse_sigmoid", twin_formula},
             {"tanh_shrink", twin_formula},
             {"soft_shrink", twin_formula},
             {"hard_shrink", twin_formula},
             {"threshold", twin_formula},
             {"log_sigmoid", twin_formula},
             {"exponential", twin_formula},
             {"log", twin_formula},
             {"square", twin_formula},
             {"sqrt", twin_formula},
             {"abs", twin_formula},
             {"erf", twin_formula},
             {"log_softmax", twin_log_softmax},
             {"sparsemax", twin_sparsemax},
             {"glu", twin_glu},
             {"prelu", twin_prelu},
             {"rescale", twin_rescale},
             {"layer_norm", twin_layer_norm},
             {"group_norm", twin_group_norm},
             {"lrn", twin_lrn},
             {"depthwise_conv2d", twin_depthwise_conv2d},
             {"conv2d_transpose", twin_conv2d_transpose},
             {"inverse_conv2d", twin_inverse_conv2d},
             {"global_avg_pool", twin_global},
             {"global_max_pool", twin_global},
             {"pad", twin_pad},
             {"crop", twin_crop},
             {"slice", twin_slice},
             {"upsample", twin_upsample},
             {"depth_to_space", twin_depth_to_space},
             {"space_to_depth", twin_depth_to_space},
             {"adaptive_avg_pool", twin_adaptive},
             {"adaptive_max_pool", twin_adaptive},
             {"reshape", twin_identity},
             {"permute", twin_permute},
             /* of one input; twin_joins has those of several */
             {"add", twin_identity},
             {"subtract", twin_identity},
             {"multiply", twin_identity},
             {"divide", twin_identity},
             {"average", twin_identity},
             {"maximum", twin_identity},
             {"minimum", twin_identity},
             {"concat", twin_identity}};

static twin_function *find_twin(const char *type)
{
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++)
        if (strcmp(twins[i].type, type) == 0)
            return twins[i].function;
    return NULL;
}

bool twin_exists(const char *type)
{
    return find_twin(type) != NULL;
}

twin *twin_alloc(const inv_net *net, size_t first, size_t last, const gsl_matrix_float *x,
                 const gsl_matrix_float *dy)
{
    twin *t = get(1, sizeof *t);
    forget_settings();
    *t = (twin){.net = net, .first = first, .last = last, .rows = x->size1};
    ck_assert_uint_eq(x->size2, inv_net_units(net, first));
    ck_assert_uint_eq(dy->size2, inv_net_units(net, last));
    t->params = gradient_doubles(inv_net_params(net), inv_net_size(net));
    t->x = frame_doubles(&(frame){NULL, *x});
    t->dy = frame_doubles(&(frame){NULL, *dy});
    t->at = get(last - first + 1, sizeof *t->at);
    t->at[0] = t->x;
    for (size_t p = first + 1; p <= last; p++)
        t->at[p - first] = get(t->rows * inv_net_units(net, p), sizeof(double));
    return t;
}

void twin_free(twin *t)
{
    free(t->params);
    free(t->x);
    free(t->dy);
    for (size_t p = t->first + 1; p <= t->last; p++)
        free(t->at[p - t->first]);
    free(t->at);
    free(t);
}

/* y of a layer that joins several inputs. */
static void twin_join(twin *t, const inv_layer *layer, double *y)
{
    double *x[INV_INPUTS_MAX];
    for (size_t k = 0; k < layer->input_count; k++)
        x[k] = t->at[layer->inputs[k].point - t->first];
    if (strcmp(layer->type->name, "concat") == 0)
        twin_concat(layer, x, t->rows, y);
    else
        twin_merge(layer, x, t->rows, y);
}

double twin_objective(twin *t)
{
    t->penalty = 0.0;
    for (size_t p = t->first; p < t->last; p++) {
        const inv_layer *layer = inv_net_layer(t->net, p);
        twin_function *function = find_twin(layer->type->name);
        GRADIENT_HOLD(function != NULL, "tests/gradient.c has no twin of %s", layer->type->name);
        t->y = t->at[p + 1 - t->first];
        mode_now = (inv_mode){t->mode.training, .key = inv_rng_mix(t->mode.key, p)};
        if (layer->input_count > 1)
            twin_join(t, layer, t->y);
        else
            function(layer, t->params, t->at[layer->inputs[0].point - t->first], t->rows, t->y,
                     &t->penalty);
    }
    double sum = t->penalty;
    for (size_t i = 0; i < t->rows * inv_net_units(t->net, t->last); i++)
        sum += t->dy[i] * t->y[i];
    return sum;
}

/* ---- differences ---- */

/* In double, differences over STEP are right to some 1e-9 of the largest gradient. What is left are
 * the roundings of the float gradient: a sum of n products is off by up to n 2^-24 of its terms,
 * for the at most some hundreds here and signs at random well below 1e-5. */
#define STEP      1e-5
#define TOLERANCE 1e-5

static bool frozen(const twin *t, const double *variable, size_t i)
{
    for (size_t p = t->first; variable == t->params && p < t->last; p++) {
        const inv_layer *layer = inv_net_layer(t->net, p);
        for (size_t b = 0; b < layer->block_count; b++) {
            const inv_block *at = &layer->blocks[b];
            if (i >= at->offset && i - at->offset < at->size)
                return at->frozen;
        }
    }
    return false;
}

void twin_check_each(twin *t, double *variable, size_t n, const float *gradient, const char *what)
{
    const size_t every =
        getenv("INVPROJ_SHORT") ? 13 : 1; /* sanitizers ask what runs, not what comes out */
    double *gradients = get(n, sizeof *gradients);
    for (size_t i = 0; i < n; i++)
        gradients[i] = (double)gradient[i];
    for (size_t i = 0; i < n; i += every) {
        const double middle = variable[i];
        variable[i] = middle + STEP;
        const double above = twin_objective(t);
        variable[i] = middle - STEP;
        const double below = twin_objective(t);
        variable[i] = middle;
        gradients[i] = (above - below) / (2 * STEP);
        if (!frozen(t, variable, i))
            continue;
        gradients[i] = 0.0;
        GRADIENT_HOLD(gradient[i] == 0.0f, "%s[%zu] is frozen, but its gradient is %g", what, i,
                      (double)gradient[i]);
    }
    gradient_assert_near(gradient, gradients, n, TOLERANCE, what);
    free(gradients);
}

/* The gradient along a direction of +1 and -1 is the sum of the gradient's values with those signs; a
 * wrong value of the size of the gradient's norm / 1e4 shows. Frozen values stay. */
static void check_direction(twin *t, double *variable, size_t n, const float *gradient,
                            unsigned long seed, const char *what)
{
    const double step = STEP / 10; /* many values move: none may pass another row's minimum */
    float *signs = get(n, sizeof *signs);
    double along = 0.0, norm = 0.0, ends[2];
    gradient_fill(signs, n, -1.0, 1.0, seed);
    for (size_t i = 0; i < n; i++) {
        signs[i] = frozen(t, variable, i) ? 0.0f : copysignf(1.0f, signs[i]);
        along += (double)signs[i] * gradient[i];
        norm += (double)gradient[i] * gradient[i];
    }
    double *middle = get(n, sizeof *middle);
    memcpy(middle, variable, n * sizeof *middle);
    for (int end = 0; end < 2; end++) {
        for (size_t i = 0; i < n; i++)
            variable[i] = middle[i] + (end ? step : -step) * (double)signs[i];
        ends[end] = twin_objective(t);
    }
    memcpy(variable, middle, n * sizeof *middle);
    const double measured = (ends[1] - ends[0]) / (2 * step);
    ck_assert_msg(
        fabs(measured - along) <= TOLERANCE * sqrt(norm),
        "%s: the slope along a direction is %.9g, by the gradient %.9g (its norm is %.9g)", what,
        measured, along, sqrt(norm));
    free(middle);
    free(signs);
}

void twin_check_directions(twin *t, double *variable, size_t n, const float *gradient,
                           const char *what)
{
    for (unsigned long seed = 1; seed <= 4; seed++)
        check_direction(t, variable, n, gradient, 31 * seed, what);
}
