/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    ck_assert(count > 0 && size > 0);
    void *memory = calloc(count, size);
    ck_assert_ptr_nonnull(memory);
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

/* A setting of the layer, out of its own description. */
static double setting(const inv_layer *layer, const char *key)
{
    json_t *object = json_object();
    ck_assert_status(inv_fields_write(layer->type->fields, layer->spec, object), INV_OK);
    json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_number(value), "%s has no setting %s", layer->type->name, key);
    double number = json_number_value(value);
    json_decref(object);
    return number;
}

static bool setting_is(const inv_layer *layer, const char *key, const char *text)
{
    json_t *object = json_object();
    ck_assert_status(inv_fields_write(layer->type->fields, layer->spec, object), INV_OK);
    const char *value = json_string_value(json_object_get(object, key));
    ck_assert_msg(value != NULL, "%s has no text %s", layer->type->name, key);
    const bool same = strcmp(value, text) == 0;
    json_decref(object);
    return same;
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
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = fmax(x[i], 0.0);
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
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows * inv_shape_size(layer->in); i++)
        y[i] = log(1.0 + exp(x[i]));
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
    const size_t n = inv_shape_size(layer->in);
    (void)params, (void)penalty;
    for (size_t i = 0; i < rows; i++, x += n, y += n) {
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
} twin_window;

/* TensorFlow's SAME: ceil(n / s) windows; the smaller half of the zeros they need stands before. */
static int zeros_before(int n, int k, int s)
{
    const int all = ((n + s - 1) / s - 1) * s + k - n;
    return all > 0 ? all / 2 : 0;
}

static twin_window twin_window_of(const inv_layer *layer)
{
    const int stride = (int)setting(layer, "stride");
    twin_window w = {.height = (int)setting(layer, "height"),
                     .width = (int)setting(layer, "width")};
    w.stride_y = stride ? stride : w.height;
    w.stride_x = stride ? stride : w.width;
    if (setting_is(layer, "padding", "same")) {
        w.top = zeros_before((int)layer->in.height, w.height, w.stride_y);
        w.left = zeros_before((int)layer->in.width, w.width, w.stride_x);
    }
    return w;
}

/* Pixel (r, c) of window (i, j) of the image at x; NULL outside it. */
static const double *twin_pixel(const inv_layer *layer, const twin_window *w, const double *x,
                                int i, int j, int r, int c)
{
    const int y = i * w->stride_y + r - w->top, z = j * w->stride_x + c - w->left;
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

static void twin_conv2d(const inv_layer *layer, const double *params, const double *x, size_t rows,
                        double *y, double *penalty)
{
    const twin_window w = twin_window_of(layer);
    const double *kernel = block(layer, params, "kernel");
    const double *bias = layer->block_count > 1 ? block(layer, params, "bias") : NULL;
    (void)penalty;
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(layer->in))
        for (int i = 0; i < (int)layer->out.height; i++)
            for (int j = 0; j < (int)layer->out.width; j++)
                for (size_t o = 0; o < layer->out.channels; o++)
                    *y++ = (bias ? bias[o] : 0.0) + twin_window_sum(layer, &w, x, i, j, kernel, o);
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
                               int j, size_t k, bool mean)
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
    return mean ? sum / count : largest;
}

static void pool(const inv_layer *layer, const double *x, size_t rows, double *y, bool mean)
{
    const twin_window w = twin_window_of(layer);
    for (size_t n = 0; n < rows; n++, x += inv_shape_size(layer->in))
        for (int i = 0; i < (int)layer->out.height; i++)
            for (int j = 0; j < (int)layer->out.width; j++)
                for (size_t k = 0; k < layer->out.channels; k++)
                    *y++ = twin_window_pool(layer, &w, x, i, j, k, mean);
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
    const double *gamma = block(layer, params, "gamma"), *beta = block(layer, params, "beta");
    (void)penalty;
    for (size_t c = 0; c < n; c++) {
        double mean = block(layer, params, "mean")[c];
        double variance = block(layer, params, "variance")[c];
        if (mode_now.training && !layer->blocks[0].frozen) {
            mean = variance = 0.0;
            for (size_t k = 0; k < count; k++)
                mean += x[k * n + c] / (double)count;
            for (size_t k = 0; k < count; k++)
                variance += (x[k * n + c] - mean) * (x[k * n + c] - mean) / (double)count;
        }
        const double deviation = sqrt(variance + setting(layer, "epsilon"));
        for (size_t k = 0; k < count; k++)
            y[k * n + c] = gamma[c] * (x[k * n + c] - mean) / deviation + beta[c];
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
        y[k] = (x[k] - block(layer, params, "beta")[c]) / block(layer, params, "gamma")[c] *
                   sqrt(block(layer, params, "variance")[c] + epsilon) +
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
             {"inverse_batch_norm", twin_inverse_batch_norm}};

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
    size_t widest = 0;
    *t = (twin){.net = net, .first = first, .last = last, .rows = x->size1};
    ck_assert_uint_eq(x->size2, inv_net_units(net, first));
    ck_assert_uint_eq(dy->size2, inv_net_units(net, last));
    for (size_t p = first; p <= last; p++)
        widest = inv_net_units(net, p) > widest ? inv_net_units(net, p) : widest;
    t->params = gradient_doubles(inv_net_params(net), inv_net_size(net));
    t->x = frame_doubles(&(frame){NULL, *x});
    t->dy = frame_doubles(&(frame){NULL, *dy});
    for (int i = 0; i < 2; i++)
        t->work[i] = get(t->rows * widest, sizeof(double));
    return t;
}

void twin_free(twin *t)
{
    free(t->params);
    free(t->x);
    free(t->dy);
    free(t->work[0]);
    free(t->work[1]);
    free(t);
}

double twin_objective(twin *t)
{
    const double *x = t->x;
    t->penalty = 0.0;
    for (size_t p = t->first; p < t->last; p++) {
        const inv_layer *layer = inv_net_layer(t->net, p);
        twin_function *function = find_twin(layer->type->name);
        GRADIENT_HOLD(function != NULL, "tests/gradient.c has no twin of %s", layer->type->name);
        t->y = t->work[p % 2];
        mode_now = (inv_mode){t->mode.training, .key = inv_rng_mix(t->mode.key, p)};
        function(layer, t->params, x, t->rows, t->y, &t->penalty);
        x = t->y;
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
    double *gradients = get(n, sizeof *gradients);
    for (size_t i = 0; i < n; i++) {
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
