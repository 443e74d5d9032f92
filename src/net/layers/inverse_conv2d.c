/* inverse_conv2d: y = C+ (x - bias): of all images that the convolution C, a conv2d with this kernel,
 *                 takes as near to x - bias as it can, the one of the least norm
 *
 * The matrix C+ is never formed. Row by row, y is found by conjugate gradients on C'C y = C' (x - bias),
 * from y = 0, r = x - bias, p = s = C' r:
 *
 *     q = C p;  a = |s|^2 / |q|^2;  y += a p;  r -= a q;  t = C' r;  p = t + |t|^2 / |s|^2 p;  s = t
 *
 * until |s| is 1e-6 of what it was, or `iterations` times: then y lies short of C+ in the directions that
 * C hardly passes, where noise would be largest. Every y is a sum of C' r, and so the least.
 *
 * dx = (C+)' dy = (C')+ dy, by the same with C and C' changed over; kernel and bias are frozen.
 *
 * Source: Hestenes, Stiefel 1952; Bjorck 1996, Numerical Methods for Least Squares Problems, 7.4.1 (CGLS).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "net/convolve.h"
#include "net/layers.h"

#define SMALL 1e-6

typedef struct inverse_spec {
    size_t filters, image_height, image_width, image_channels, groups, iterations;
    inv_window_spec window;
} inverse_spec;

static const inverse_spec defaults = {
    .groups = 1, .iterations = 30, .window = {.stride = 1, .padding = "valid", .dilation = 1}};

static const inv_field fields[] = {
    {"filters", INV_FIELD_SIZE, offsetof(inverse_spec, filters), 1, 1 << 20, .required = true,
     .help = "filters of the convolution that this undoes"},
    {"image_height", INV_FIELD_SIZE, offsetof(inverse_spec, image_height), 1, 1 << 24,
     .required = true, .help = "height of the images that it takes"},
    {"image_width", INV_FIELD_SIZE, offsetof(inverse_spec, image_width), 1, 1 << 24,
     .required = true, .help = "width of them"},
    {"image_channels", INV_FIELD_SIZE, offsetof(inverse_spec, image_channels), 1, 1 << 24,
     .required = true, .help = "channels of them"},
    INV_WINDOW_FIELDS(offsetof(inverse_spec, window)),
    INV_DILATION_FIELDS(offsetof(inverse_spec, window)),
    {"groups", INV_FIELD_SIZE, offsetof(inverse_spec, groups), 1, 1 << 20, .quiet = true,
     .help = "parts that channels and filters are in, each on its own"},
    {"iterations", INV_FIELD_SIZE, offsetof(inverse_spec, iterations), 1, 1e6,
     .help = "steps of conjugate gradients, at most"},
    {0}};

enum { KERNEL, BIAS };

static inv_convolution convolution(const inv_layer *layer)
{
    const inverse_spec *spec = layer->spec;
    return (inv_convolution){inv_window_over(layer->out, &spec->window), spec->filters,
                             spec->groups};
}

/* It takes any shape of as many values: what is undone may have been made flat. */
static inv_status inverse_shape(inv_layer *layer, size_t classes)
{
    inverse_spec *spec = layer->spec;
    inv_layer image = *layer;
    inv_window w;
    inv_status status = INV_OK;
    (void)classes;
    image.in = (inv_shape){spec->image_height, spec->image_width, spec->image_channels};
    INV_TRY(inv_layer_gives(layer, image.in));
    INV_TRY(inv_window_shape(&image, &spec->window, &w));
    if (image.in.channels % spec->groups || spec->filters % spec->groups)
        INV_FAIL(INV_ECONFIG, "%s: %zu channels and %zu filters are not in %zu groups", layer->name,
                 image.in.channels, spec->filters, spec->groups);
    INV_TRY(inv_layer_gives(&image, (inv_shape){w.out_height, w.out_width, spec->filters}));
    if (inv_shape_size(layer->in) != inv_shape_size(image.out))
        INV_FAIL(INV_ECONFIG, "%s: %zu values come in; the convolution gives %zu", layer->name,
                 inv_shape_size(layer->in), inv_shape_size(image.out));
    const size_t channels = image.in.channels / spec->groups;
    layer->block_count = 2;
    layer->blocks[KERNEL] = (inv_block){"kernel",
                                        4,
                                        {w.height, w.width, channels, spec->filters},
                                        .size = w.height * w.width * channels * spec->filters,
                                        .frozen = true};
    layer->blocks[BIAS] =
        (inv_block){"bias", 1, {spec->filters}, .size = spec->filters, .frozen = true};
done:
    return status;
}

/* ---- conjugate gradients ---- */

/* A is C, or C' where it is transposed; r and q are of the size of what A gives, p and s of what it
 * takes. */
typedef struct solver {
    inv_convolution c;
    const float *kernel;
    bool transposed;
    void *state;
    double *square; /* [rows]: |s|^2, and 0 once a row is done */
    double *least;  /* [rows]: where it is */
    gsl_matrix_float r, q, p, s;
} solver;

static size_t widest(const inv_layer *layer)
{
    const size_t in = inv_shape_size(layer->in), out = inv_shape_size(layer->out);
    return in > out ? in : out;
}

static size_t inverse_state_size(const inv_layer *layer, size_t rows)
{
    const inv_convolution c = convolution(layer);
    return rows * (2 * sizeof(double) + 4 * widest(layer) * sizeof(float)) +
           inv_convolve_state_size(&c, rows);
}

static solver solver_of(const inv_layer *layer, const float *params, bool transposed, size_t rows,
                        void *state)
{
    const size_t room = rows * widest(layer);
    const size_t in = inv_shape_size(layer->in), out = inv_shape_size(layer->out);
    const size_t gives = transposed ? out : in, takes = transposed ? in : out;
    double *square = state;
    void *rest = square + 2 * rows; /* floats behind the doubles */
    float *floats = rest;
    return (solver){.c = convolution(layer),
                    .kernel = params + layer->blocks[KERNEL].offset,
                    .transposed = transposed,
                    .state = floats + 4 * room,
                    .square = square,
                    .least = square + rows,
                    .r = inv_mat_over(floats, rows, gives),
                    .q = inv_mat_over(floats + room, rows, gives),
                    .p = inv_mat_over(floats + 2 * room, rows, takes),
                    .s = inv_mat_over(floats + 3 * room, rows, takes)};
}

static void apply(const solver *a, bool transposed, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    if (transposed)
        inv_convolve_back(&a->c, a->kernel, NULL, a->state, x, y);
    else
        inv_convolve(&a->c, a->kernel, NULL, a->state, x, y);
}

static double square_of(const gsl_matrix_float *m, size_t row)
{
    const float *x = m->data + row * m->tda;
    double sum = 0.0;
    for (size_t j = 0; j < m->size2; j++)
        sum += (double)x[j] * x[j];
    return sum;
}

/* y += factor x, of one row */
static void add_row(double factor, const gsl_matrix_float *x, gsl_matrix_float *y, size_t row)
{
    const float *from = x->data + row * x->tda;
    float *to = y->data + row * y->tda;
    for (size_t j = 0; j < x->size2; j++)
        to[j] += (float)factor * from[j];
}

/* From r, which is there. */
static void start(solver *a, gsl_matrix_float *y)
{
    gsl_matrix_float_set_zero(y);
    apply(a, !a->transposed, &a->r, &a->s);
    for (size_t i = 0; i < y->size1; i++) {
        memcpy(a->p.data + i * a->p.tda, a->s.data + i * a->s.tda, a->s.size2 * sizeof(float));
        a->square[i] = square_of(&a->s, i);
        a->least[i] = a->square[i] * SMALL * SMALL;
    }
}

/* Along p, of one row. */
static void move(solver *a, gsl_matrix_float *y, size_t i)
{
    const double square = square_of(&a->q, i);
    const double along = square > 0.0 ? a->square[i] / square : 0.0;
    add_row(along, &a->p, y, i);
    add_row(-along, &a->q, &a->r, i);
}

/* The next p, of one row; p = 0 of one that is done. */
static void turn(solver *a, size_t i)
{
    const double square = square_of(&a->s, i);
    const double part = a->square[i] > 0.0 ? square / a->square[i] : 0.0;
    const bool is_done = !(square > a->least[i]);
    float *p = a->p.data + i * a->p.tda;
    const float *s = a->s.data + i * a->s.tda;
    for (size_t j = 0; j < a->p.size2; j++)
        p[j] = is_done ? 0.0f : s[j] + (float)part * p[j];
    a->square[i] = is_done ? 0.0 : square;
}

static bool is_over(const solver *a, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        if (a->square[i] > 0.0)
            return false;
    return true;
}

static void solve(solver *a, size_t iterations, gsl_matrix_float *y)
{
    const size_t rows = y->size1;
    start(a, y);
    for (size_t k = 0; k < iterations && !is_over(a, rows); k++) {
        apply(a, a->transposed, &a->p, &a->q);
#pragma omp parallel for schedule(static) if (rows * y->size2 > INV_PARALLEL_MIN)
        for (size_t i = 0; i < rows; i++)
            move(a, y, i);
        apply(a, !a->transposed, &a->r, &a->s);
#pragma omp parallel for schedule(static) if (rows * y->size2 > INV_PARALLEL_MIN)
        for (size_t i = 0; i < rows; i++)
            turn(a, i);
    }
}

static void inverse_forward(const inv_layer *layer, const float *params, void *state,
                            const inv_mode *mode, const gsl_matrix_float *x, gsl_matrix_float *y)
{
    const inverse_spec *spec = layer->spec;
    const float *bias = params + layer->blocks[BIAS].offset;
    solver a = solver_of(layer, params, false, x->size1, state);
    (void)mode;
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j++)
            a.r.data[i * a.r.tda + j] = x->data[i * x->tda + j] - bias[j % spec->filters];
    solve(&a, spec->iterations, y);
}

static void inverse_backward(const inv_layer *layer, const float *params, void *state,
                             const gsl_matrix_float *x, const gsl_matrix_float *y,
                             const gsl_matrix_float *dy, float *dparams, gsl_matrix_float *dx)
{
    const inverse_spec *spec = layer->spec;
    (void)x, (void)y, (void)dparams;
    if (!dx)
        return;
    solver a = solver_of(layer, params, true, dy->size1, state);
    gsl_matrix_float_memcpy(&a.r, dy);
    solve(&a, spec->iterations, dx);
}

const inv_layer_type inv_layer_inverse_conv2d = {
    .name = "inverse_conv2d",
    .spec_size = sizeof(inverse_spec),
    .spec_default = &defaults,
    .fields = fields,
    .shape = inverse_shape,
    .state_size = inverse_state_size,
    .forward = inverse_forward,
    .backward = inverse_backward,
};
