/* Each kind of inverse but r2rt's, held to naive twins.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "inverse/loss.h"
#include "invproj/encode.h"
#include "invproj/inverse.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;
static inv_net *net;

static void prepare(void)
{
    data = small_data();
    net = small_net(SMALL_FOUR);
    small_train(net, data, 150);
}

static void tidy(void)
{
    inv_net_free(net);
    inv_dataset_free(data);
}

static inv_inverse_spec spec_of(const char *kind, const char *point)
{
    inv_inverse_spec spec = {0};
    inv_inverse_start(kind, &spec);
    strcpy(spec.at, point);
    if (spec.steps > 0) {
        spec.steps = 80;
        spec.batch = 70;
    }
    return spec;
}

/* The next kind from there on that is a net; one without a name at the end. */
static const inv_choice *next_net(const inv_choice *kind)
{
    while (kind->name && !inv_inverse_is_net(kind->name))
        kind++;
    return kind;
}

static inv_net *build(const inv_inverse_spec *spec, const inv_net *of)
{
    inv_net *inverse = NULL;
    ck_assert_status(inv_inverse_build(spec, of, &inverse), INV_OK);
    return inverse;
}

static inv_net *made(const inv_inverse_spec *spec, uint64_t seed)
{
    inv_net *inverse = build(spec, net);
    inv_learner *learner = NULL;
    inv_inverse_report report;
    if (!inv_inverse_learns(spec->kind)) {
        ck_assert_status(inv_inverse_fit(spec, net, inverse, data, seed), INV_OK);
        return inverse;
    }
    ck_assert_status(inv_inverter_alloc(spec, net, inverse, data, seed, &learner), INV_OK);
    while (!inv_learner_done(learner))
        ck_assert_status(inv_learner_step(learner, &report), INV_OK);
    inv_learner_free(learner);
    return inverse;
}

/* The mean of |x - x_inv| over the training images and their pixels. */
static double l1_of(const inv_inverse_spec *spec, const inv_net *inverse)
{
    gsl_matrix_float *x = small_matrix(SMALL_TRAIN, SMALL_PIXELS);
    gsl_matrix_float *y = small_matrix(SMALL_TRAIN, SMALL_PIXELS);
    size_t at = 0;
    double sum = 0.0;
    inv_part_rows(&data->train, 0, SMALL_TRAIN, x);
    ck_assert_status(inv_inverse_point(net, spec->kind, spec->at, &at), INV_OK);
    ck_assert_status(inv_inverse_project(net, inverse, at, x, y, NULL, NULL), INV_OK);
    for (size_t i = 0; i < SMALL_TRAIN * SMALL_PIXELS; i++)
        sum += fabs((double)x->data[i] - (double)y->data[i]);
    inv_mat_free(x), inv_mat_free(y);
    return sum / SMALL_TRAIN / SMALL_PIXELS;
}

/* ---- all kinds ---- */

static const char *const points[] = {"hidden1.pre", "hidden1", "hidden2", "hidden3.pre",
                                     "output.pre"};
#define POINTS (sizeof points / sizeof *points)

/* The point is the one that is named, but where activations are undone. */
START_TEST(starts_at_its_point)
{
    for (const inv_choice *kind = next_net(inv_inverse_kinds); kind->name;
         kind = next_net(kind + 1))
        for (size_t p = 0; p < POINTS; p++) {
            const inv_inverse_spec spec = spec_of(kind->name, points[p]);
            const bool undoes = !strcmp(kind->name, "r2rt") || !strcmp(kind->name, "pinv");
            size_t at = 0, named = 0;
            ck_assert_status(inv_net_point(net, points[p], &named), INV_OK);
            ck_assert_status(inv_inverse_point(net, kind->name, points[p], &at), INV_OK);
            ck_assert_uint_eq(at, named - (undoes && !strstr(points[p], ".pre")));
            inv_net *inverse = build(&spec, net);
            ck_assert_status(inv_inverse_check(net, inverse, at), INV_OK);
            inv_net_free(inverse);
        }
}
END_TEST

/* Better than grey, from every point; images end where pixels do. */
START_TEST(leads_back)
{
    for (const inv_choice *kind = next_net(inv_inverse_kinds + 2); kind->name;
         kind = next_net(kind + 1))
        for (size_t p = 0; p < POINTS; p++) {
            const inv_inverse_spec spec = spec_of(kind->name, points[p]);
            inv_net *inverse = made(&spec, 3);
            ck_assert_double_lt(l1_of(&spec, inverse), 0.23);
            inv_net_free(inverse);
        }
}
END_TEST

START_TEST(threads_do_not_matter)
{
    for (const inv_choice *kind = next_net(inv_inverse_kinds); kind->name;
         kind = next_net(kind + 1)) {
        const inv_inverse_spec spec = spec_of(kind->name, "hidden2");
        inv_threads_set(1);
        inv_net *one = made(&spec, 3);
        inv_threads_set(3);
        inv_net *three = made(&spec, 3);
        inv_threads_set(0);
        ck_assert(small_same_params(one, three));
        inv_net_free(one), inv_net_free(three);
    }
}
END_TEST

START_TEST(resumes_bit_for_bit)
{
    static const char *const kinds[] = {"mirror", "decoder"};
    for (size_t k = 0; k < 2; k++) {
        inv_inverse_spec spec = spec_of(kinds[k], "hidden2");
        inv_array state[INV_ARRAYS_MAX];
        inv_inverse_report report;
        inv_learner *before = NULL, *after = NULL;
        strcpy(spec.loss, "mix");
        inv_net *whole = made(&spec, 3), *first = build(&spec, net), *second = build(&spec, net);
        ck_assert_status(inv_inverter_alloc(&spec, net, first, data, 3, &before), INV_OK);
        for (int i = 0; i < 33; i++)
            ck_assert_status(inv_learner_step(before, &report), INV_OK);
        const small_saved saved = small_save(state, inv_learner_state(before, state), first);
        ck_assert_status(inv_inverter_alloc(&spec, net, second, data, 3, &after), INV_OK);
        small_load(&saved, state, inv_learner_state(after, state), second);
        ck_assert_status(inv_learner_restored(after), INV_OK);
        while (!inv_learner_done(after))
            ck_assert_status(inv_learner_step(after, &report), INV_OK);
        ck_assert(small_same_params(whole, second));
        small_saved_free((small_saved *)&saved);
        inv_learner_free(before), inv_learner_free(after);
        inv_net_free(whole), inv_net_free(first), inv_net_free(second);
    }
}
END_TEST

static inv_status use_build(const void *spec)
{
    inv_net *inverse = NULL;
    const inv_status status = inv_inverse_build(spec, net, &inverse);
    inv_net_free(inverse);
    return status;
}

START_TEST(bad_settings_are_refused)
{
    for (const inv_choice *kind = inv_inverse_kinds; kind->name; kind++) {
        const inv_inverse_spec spec = spec_of(kind->name, "hidden2.pre");
        fields_must_be_checked(inv_inverse_fields, &spec, sizeof spec, use_build);
    }
}
END_TEST

/* A net whose hidden values are the same for all images. */
START_TEST(values_that_do_not_vary_are_told)
{
    static const char *const kinds[] = {"r2rt", "pinv", "ridge", "mirror", "decoder"};
    const inv_block *kernel = inv_net_block(net, "hidden2", "kernel");
    memset(inv_net_params(net) + kernel->offset, 0, kernel->size * sizeof(float));
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const inv_inverse_spec spec = spec_of(kinds[k], "hidden2.pre");
        inv_net *inverse = build(&spec, net);
        inv_learner *learner = NULL;
        const inv_status status = inv_inverse_learns(kinds[k])
                                      ? inv_inverter_alloc(&spec, net, inverse, data, 3, &learner)
                                      : inv_inverse_fit(&spec, net, inverse, data, 3);
        ck_assert_int_eq(status, INV_EDATA);
        ck_assert_message_has("the values at hidden2.pre are the same for all images");
        inv_net_free(inverse);
    }
}
END_TEST

/* ---- ridge ---- */

/* x[n, d] standardised, y[n, p] less its mean, in doubles. */
static void naive_moments(size_t n, size_t d, double *x, double *mean, double *deviation)
{
    ck_assert_uint_gt(n, 0);
    for (size_t j = 0; j < d; j++) {
        mean[j] = deviation[j] = 0.0;
        for (size_t i = 0; i < n; i++)
            mean[j] += x[i * d + j] / (double)n;
        for (size_t i = 0; i < n; i++)
            deviation[j] += (x[i * d + j] - mean[j]) * (x[i * d + j] - mean[j]) / (double)n;
        deviation[j] = sqrt(deviation[j]);
    }
}

/* a[n, n] w = b[n], by Gauss with pivots; b becomes w. */
static void naive_solve(size_t n, double *a, double *b)
{
    for (size_t k = 0; k < n; k++) {
        size_t best = k;
        for (size_t i = k; i < n; i++)
            best = fabs(a[i * n + k]) > fabs(a[best * n + k]) ? i : best;
        for (size_t j = 0; j <= n; j++) {
            double *p = j < n ? &a[k * n + j] : &b[k], *q = j < n ? &a[best * n + j] : &b[best];
            const double kept = *p;
            *p = *q;
            *q = kept;
        }
        ck_assert_double_ne(a[k * n + k], 0.0);
        for (size_t i = 0; i < n; i++) {
            const double f = i == k ? 0.0 : a[i * n + k] / a[k * n + k];
            for (size_t j = 0; j < n; j++)
                a[i * n + j] -= f * a[k * n + j];
            b[i] -= f * b[k];
        }
    }
    for (size_t k = 0; k < n; k++)
        b[k] /= a[k * n + k];
}

/* What a ridge regression makes of pixel `pixel` of every image of `part`, without a clip. */
static void naive_ridge(const inv_part *part, size_t at, double penalty, size_t pixel, double *out)
{
    const size_t n = part->count, d = inv_net_units(net, at);
    double *x = malloc(n * d * sizeof *x), *y = malloc(n * sizeof *y), image[SMALL_PIXELS];
    double *a = calloc(d * d, sizeof *a), *b = calloc(d, sizeof *b), middle = 0.0;
    ck_assert(n > 0 && d > 0);
    double mean[SMALL_WIDEST], deviation[SMALL_WIDEST], values[SMALL_WIDEST];
    for (size_t i = 0; i < n; i++) {
        small_pixels(part, i, image);
        y[i] = image[pixel];
        middle += y[i] / (double)n;
        small_values(net, 0, at, 0.99, image, values);
        memcpy(x + i * d, values, d * sizeof *x);
    }
    naive_moments(n, d, x, mean, deviation);
    for (size_t j = 0; j < d; j++) {
        const double unit = deviation[j];
        ck_assert(unit > 0.0);
        for (size_t i = 0; i < n; i++)
            x[i * d + j] = (x[i * d + j] - mean[j]) / unit;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) {
            b[j] += x[i * d + j] * (y[i] - middle) / (double)n;
            for (size_t k = 0; k < d; k++)
                a[j * d + k] += x[i * d + j] * x[i * d + k] / (double)n;
        }
    for (size_t j = 0; j < d; j++)
        a[j * d + j] += penalty;
    naive_solve(d, a, b);
    for (size_t i = 0; i < n; i++) {
        out[i] = middle;
        for (size_t j = 0; j < d; j++)
            out[i] += x[i * d + j] * b[j];
    }
    free(x), free(y), free(a), free(b);
}

static void assert_ridge(size_t images, const char *point, double penalty)
{
    inv_inverse_spec spec = spec_of("ridge", point);
    const size_t all = data->train.count;
    gsl_matrix_float *x = small_matrix(images, SMALL_PIXELS),
                     *y = small_matrix(images, SMALL_PIXELS);
    double *expected = calloc(images, sizeof *expected);
    size_t at = 0;
    data->train.count = images;
    spec.penalty = penalty;
    inv_net *inverse = made(&spec, 3);
    inv_part_rows(&data->train, 0, images, x);
    ck_assert_status(inv_inverse_point(net, spec.kind, point, &at), INV_OK);
    ck_assert_status(inv_inverse_project(net, inverse, at, x, y, NULL, NULL), INV_OK);
    for (size_t pixel = 0; pixel < SMALL_PIXELS; pixel += 11) {
        naive_ridge(&data->train, at, penalty, pixel, expected);
        for (size_t i = 0; i < images; i++)
            ck_assert_double_eq_tol(gsl_matrix_float_get(y, i, pixel),
                                    fmin(fmax(expected[i], 0.0), 1.0), 2e-5);
    }
    data->train.count = all;
    free(expected);
    inv_net_free(inverse);
    inv_mat_free(x), inv_mat_free(y);
}

START_TEST(ridge_is_the_naive_solution)
{
    assert_ridge(SMALL_TRAIN, "hidden1.pre", 0.01);
    assert_ridge(SMALL_TRAIN, "hidden2", 0.3);
    assert_ridge(17, "hidden1", 0.05); /* 23 values: the dual */
}
END_TEST

/* Of the penalties the best on images that were set aside is taken: one that all powers of ten are
 * tried for leaves none better. */
START_TEST(ridge_chooses_its_penalty)
{
    inv_inverse_spec spec = spec_of("ridge", "hidden1");
    for (int validation = 0; validation < 2; validation++) {
        ck_assert_status(inv_dataset_set_validation(data, validation ? 120 : 0), INV_OK);
        const size_t all = data->train.count;
        data->train.count = 40; /* few: large weights do harm */
        spec.penalty = 0.0;
        inv_net *chosen = made(&spec, 3);
        int same = 0, place = 0;
        for (int power = -9; power <= 0; power++) {
            spec.penalty = pow(10.0, power);
            inv_net *one = made(&spec, 3);
            if (small_same_params(one, chosen))
                same++, place = power;
            inv_net_free(one);
        }
        ck_assert_int_eq(same, 1);
        ck_assert_int_gt(place, -9);
        data->train.count = all;
        inv_net_free(chosen);
    }
}
END_TEST

/* ---- pinv ---- */

/* W W+ W = W and W W+ is symmetric: W+ is the pseudo-inverse, which is unique, with the two of W+. */
START_TEST(pinv_has_pseudo_inverses)
{
    const inv_inverse_spec spec = spec_of("pinv", "output.pre");
    static const char *const names[] = {"hidden1", "hidden2", "output"};
    inv_net *inverse = made(&spec, 3);
    for (size_t k = 0; k < 3; k++) {
        const inv_block *own = inv_net_block(net, names[k], "kernel");
        const inv_block *back = inv_net_block(inverse, names[k], "kernel");
        const size_t in = own->dims[0], out = own->dims[1];
        const float *w = inv_net_params(net) + own->offset;
        const float *v = inv_net_params(inverse) + back->offset;
        double *wv = calloc(in * in, sizeof *wv);
        for (size_t i = 0; i < in; i++)
            for (size_t j = 0; j < in; j++)
                for (size_t c = 0; c < out; c++)
                    wv[i * in + j] += (double)w[i * out + c] * (double)v[c * in + j];
        for (size_t i = 0; i < in; i++) {
            for (size_t j = 0; j < in; j++)
                ck_assert_double_eq_tol(wv[i * in + j], wv[j * in + i], 1e-4);
            for (size_t c = 0; c < out; c++) {
                double sum = 0.0;
                for (size_t j = 0; j < in; j++)
                    sum += wv[i * in + j] * (double)w[j * out + c];
                ck_assert_double_eq_tol(sum, w[i * out + c], 1e-4);
            }
        }
        free(wv);
    }
    inv_net_free(inverse);
}
END_TEST

#define TILED                                                                                      \
    "{ name = \"conv\"; type = \"conv2d\"; filters = 6; size = 2; activation = \"relu\"; },"       \
    "{ name = \"pool\"; type = \"max_pool\"; size = 2; }, { name = \"flat\"; type = \"flatten\"; " \
    "},"

/* Six filters of four pixels hide nothing, so the pseudo-inverse has every image; a ReLU and a pool leave
 * less, and the values of what is made at the point are near those that it was made from. */
START_TEST(pinv_undoes_convolutions)
{
    static const struct {
        const char *at;
        double most; /* of |x - x_inv| */
    } cases[] = {{"conv.pre", 1e-4}, {"pool", 0.25}, {"hidden1", 0.3}};
    inv_net *whole = net;
    net = small_net(TILED SMALL_TWO);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inv_inverse_spec spec = spec_of("pinv", cases[i].at);
        inv_net *inverse = made(&spec, 3);
        ck_assert_double_lt(l1_of(&spec, inverse), cases[i].most);
        ck_assert_ptr_nonnull(inv_net_block(inverse, "conv", "kernel"));
        inv_net_free(inverse);
    }
    inv_net_free(net);
    net = whole;
}
END_TEST

START_TEST(pools_that_do_not_tile_are_told)
{
    inv_inverse_spec spec = spec_of("pinv", "pool");
    inv_net *overlaps = small_net("{ name = \"pool\"; type = \"avg_pool\"; size = 3; stride = 1; },"
                                  "{ name = \"flat\"; type = \"flatten\"; }," SMALL_TWO);
    inv_net *inverse = NULL;
    ck_assert_status(inv_inverse_build(&spec, overlaps, &inverse), INV_ECONFIG);
    ck_assert_message_has("inverse.at: the windows of pool overlap");
    ck_assert_ptr_null(inverse);
    inv_net_free(overlaps);
}
END_TEST

/* ---- what learns ---- */

/* e = clip(y) - t, and its gradient straight through the clip, term by term. */
START_TEST(losses_are_the_naive_sums)
{
    static const struct {
        const char *name;
        double l1, l2;
    } losses[] = {{"l1", 1.0, 0.0}, {"l2", 0.0, 1.0}, {"mix", 0.25, 0.75}};
    gsl_matrix_float *y = small_matrix(3, 37), *dy = small_matrix(3, 37), *t = small_matrix(3, 37);
    double rows[3];
    for (size_t k = 0; k < 3; k++)
        for (int clips = 0; clips < 2; clips++) {
            inv_image_loss loss = inv_image_loss_at(losses[k].name, 5, 20);
            double total = 0.0;
            loss.clips = clips;
            loss.low = -0.25f;
            loss.high = 0.75f;
            for (size_t i = 0; i < 3 * 37; i++) {
                y->data[i] = (float)((double)(i * 7 % 31) / 15.0 - 1.0);
                dy->data[i] = t->data[i] = i % 5 ? (float)(i % 11) / 16.0f - 0.1f : y->data[i];
            }
            const double sum = inv_image_loss_rows(&loss, y, rows, dy);
            for (size_t i = 0; i < 3 * 37; i++) {
                const double v = y->data[i], c = clips ? fmin(fmax(v, -0.25), 0.75) : v;
                const double e = c - (double)t->data[i];
                total += losses[k].l1 * fabs(e) + losses[k].l2 * e * e;
                ck_assert_double_eq_tol(
                    dy->data[i], losses[k].l1 * ((e > 0) - (e < 0)) + 2.0 * losses[k].l2 * e, 1e-6);
            }
            ck_assert_double_eq_tol(sum, total, 1e-4);
            ck_assert_double_eq_tol(rows[0] + rows[1] + rows[2], sum, 1e-9);
        }
    inv_mat_free(y), inv_mat_free(dy), inv_mat_free(t);
}
END_TEST

/* Its first layer brings the training images' values to mean 0 and variance 1. */
START_TEST(values_are_standardised)
{
    const inv_inverse_spec spec = spec_of("decoder", "hidden2");
    inv_net *inverse = made(&spec, 3);
    gsl_matrix_float *x = small_matrix(SMALL_TRAIN, SMALL_PIXELS);
    const size_t units = inv_net_units(inverse, 0);
    inv_pass *up = NULL, *down = NULL;
    size_t at = 0;
    ck_assert_status(inv_net_point(net, "hidden2", &at), INV_OK);
    ck_assert_status(inv_pass_alloc(net, 0, at, SMALL_TRAIN, INV_PASS_FORWARD, &up), INV_OK);
    ck_assert_status(inv_pass_alloc(inverse, 0, 1, SMALL_TRAIN, INV_PASS_FORWARD, &down), INV_OK);
    inv_part_rows(&data->train, 0, SMALL_TRAIN, x);
    const gsl_matrix_float *y = inv_net_forward(inverse, down, inv_net_forward(net, up, x));
    for (size_t j = 0; j < units; j++) {
        double sum = 0.0, square = 0.0;
        for (size_t i = 0; i < SMALL_TRAIN; i++) {
            const double v = gsl_matrix_float_get(y, i, j);
            sum += v / SMALL_TRAIN;
            square += v * v / SMALL_TRAIN;
        }
        ck_assert_double_eq_tol(sum, 0.0, 1e-4);
        ck_assert_double_eq_tol(square, 1.0, 1e-4);
    }
    inv_pass_free(up), inv_pass_free(down);
    inv_mat_free(x);
    inv_net_free(inverse);
}
END_TEST

/* Where the validation images get worse, the best parameters are kept and learning ends. */
START_TEST(stops_early_and_keeps_the_best)
{
    inv_inverse_spec spec = spec_of("decoder", "hidden3");
    inv_learner *learner = NULL;
    inv_inverse_report report;
    double least = INFINITY, last = 0.0;
    size_t measured = 0;
    ck_assert_status(inv_dataset_set_validation(data, 60), INV_OK);
    spec.steps = 3000;
    spec.validate = 5;
    spec.patience = 4;
    spec.optimiser.rate = 0.02;
    inv_net *inverse = build(&spec, net);
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 3, &learner), INV_OK);
    while (!inv_learner_done(learner)) {
        ck_assert_status(inv_learner_step(learner, &report), INV_OK);
        if (!report.validated)
            continue;
        ck_assert_uint_eq(report.step % 5, 0);
        last = report.validation_loss;
        least = fmin(least, last);
        measured++;
    }
    ck_assert_uint_gt(measured, 4);
    ck_assert_uint_lt(inv_learner_count(learner), 3000);
    ck_assert_double_lt(least, last);
    /* what is in the net now gives the least */
    gsl_matrix_float *x = small_matrix(60, SMALL_PIXELS), *y = small_matrix(60, SMALL_PIXELS);
    size_t at = 0;
    double sum = 0.0;
    inv_part_rows(&data->validation, 0, 60, x);
    ck_assert_status(inv_net_point(net, "hidden3", &at), INV_OK);
    ck_assert_status(inv_inverse_project(net, inverse, at, x, y, NULL, NULL), INV_OK);
    for (size_t i = 0; i < 60 * SMALL_PIXELS; i++)
        sum += fabs((double)x->data[i] - (double)y->data[i]);
    ck_assert_double_eq_tol(sum / 60 / SMALL_PIXELS, least, 1e-5);
    inv_mat_free(x), inv_mat_free(y);
    inv_learner_free(learner);
    inv_net_free(inverse);
}
END_TEST

#define CONVOLUTIONS                                                                               \
    "{ name = \"conv\"; type = \"conv2d\"; filters = 3; size = 3; stride = 2; padding = "          \
    "\"same\"; activation = \"relu\"; }, { name = \"pool\"; type = \"max_pool\"; size = 2; },"     \
    "{ name = \"flat\"; type = \"flatten\"; }," SMALL_TWO

/* From channels too: by layers the other way round, or as told. */
START_TEST(leads_back_from_channels)
{
    inv_net *whole = net;
    net = small_net(CONVOLUTIONS);
    for (const inv_choice *kind = next_net(inv_inverse_kinds + 2); kind->name;
         kind = next_net(kind + 1)) {
        inv_inverse_spec spec = spec_of(kind->name, "conv");
        spec.steps *= 5;
        inv_net *inverse = made(&spec, 3);
        ck_assert_double_lt(l1_of(&spec, inverse), 0.24);
        inv_net_free(inverse);
        strcpy(spec.at, "hidden1");
        inverse = made(&spec, 3);
        ck_assert_double_lt(l1_of(&spec, inverse), 0.24);
        inv_net_free(inverse);
    }
    inv_inverse_spec spec = spec_of("decoder", "pool");
    strcpy(spec.layers, "[{\"name\":\"up\",\"type\":\"upsample\",\"height\":9,\"width\":7},"
                        "{\"name\":\"back\",\"type\":\"conv2d_transpose\",\"filters\":1,"
                        "\"size\":3,\"padding\":\"same\"}]");
    inv_net *inverse = build(&spec, net); /* no dense layer is added */
    ck_assert_str_eq(inv_net_layer(inverse, 1)->type->name, "reshape");
    ck_assert_str_eq(inv_net_layer(inverse, 3)->type->name, "conv2d_transpose");
    ck_assert_str_eq(inv_net_layer(inverse, 4)->type->name, "rescale");
    inv_net_free(inverse);
    inv_net_free(net);
    net = whole;
}
END_TEST

/* Nothing is lost from few units to more: what is undone are the values of the units below, to which
 * the decoder's layers are fitted, and it stays undone while those learn. */
#define WIDENS                                                                                     \
    SMALL_HIDDEN("hidden1", "7")                                                                   \
    "," SMALL_HIDDEN("hidden2", "7") "," SMALL_HIDDEN("hidden3", "9") "," SMALL_ONE

START_TEST(a_decoder_undoes_layers_first)
{
    inv_net *whole = net;
    net = small_net(WIDENS);
    inv_inverse_spec spec = spec_of("decoder", "hidden3.pre");
    gsl_matrix_float *x = small_matrix(50, SMALL_PIXELS);
    inv_pass *up = NULL, *back = NULL;
    size_t from = 0, to = 0;
    strcpy(spec.undo, "hidden1.pre");
    inv_net *inverse = made(&spec, 3);
    ck_assert_status(inv_net_point(net, spec.at, &from), INV_OK);
    ck_assert_status(inv_net_point(net, spec.undo, &to), INV_OK);
    inv_part_rows(&data->test, 0, 50, x);
    ck_assert_status(inv_pass_alloc(net, 0, from, 50, INV_PASS_FORWARD, &up), INV_OK);
    const gsl_matrix_float *values = inv_net_forward(net, up, x);
    size_t own = 0;
    ck_assert_status(inv_net_point(inverse, "values", &own), INV_OK);
    ck_assert_status(inv_pass_alloc(inverse, 0, own, 50, INV_PASS_FORWARD, &back), INV_OK);
    inv_net_forward(inverse, back, values);
    const gsl_matrix_float undone = inv_mat_head(inv_pass_at(back, own - 1), 50);
    const gsl_matrix_float right = inv_mat_head(inv_pass_at(up, to), 50);
    ck_assert_uint_eq(undone.size2, 7);
    for (size_t i = 0; i < 50; i++)
        for (size_t j = 0; j < 7; j++)
            ck_assert_float_eq_tol(gsl_matrix_float_get(&undone, i, j),
                                   gsl_matrix_float_get(&right, i, j), 1e-3);
    ck_assert_double_lt(l1_of(&spec, inverse), 0.23);
    inv_pass_free(up), inv_pass_free(back);
    inv_mat_free(x);
    inv_net_free(inverse);
    inv_net_free(net);
    net = whole;
}
END_TEST

START_TEST(what_cannot_be_undone_is_told)
{
    static const struct {
        const char *undo, *says;
    } bad[] = {
        {"hidden3", "inverse.undo: hidden3 is not between the image and hidden2"},
        {"hidden2", "inverse.undo: hidden2 is not between"},
        {"input", "inverse.undo: input is not between"},
        {"hiden1", "hiden1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        inv_inverse_spec spec = spec_of("decoder", "hidden2");
        inv_net *inverse = NULL;
        strcpy(spec.undo, bad[i].undo);
        ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_ECONFIG);
        ck_assert_ptr_null(inverse);
        ck_assert_message_has(bad[i].says);
    }
    inv_net *conv = small_net(CONVOLUTIONS);
    inv_inverse_spec spec = spec_of("decoder", "hidden1");
    inv_net *inverse = NULL;
    strcpy(spec.undo, "conv"); /* the pool leaves a row out */
    ck_assert_status(inv_inverse_build(&spec, conv, &inverse), INV_ECONFIG);
    ck_assert_ptr_null(inverse);
    ck_assert_message_has("inverse.undo: no pseudo-inverses lead from hidden1 down to conv");
    inv_net_free(conv);
}
END_TEST

START_TEST(layers_that_cannot_be_are_told)
{
    static const struct {
        const char *layers, *says;
    } bad[] = {
        {"[{\"name\":\"a\",\"type\":\"dens\"}]", "inverse.layers: 0.type: there is no 'dens'"},
        {"[{\"name\":\"a\",\"type\":\"dense\",\"units\":1000000},{\"name\":\"b\",\"type\":"
         "\"dense\",\"units\":1000000}]",
         "parameters, but there can be no more than"},
        {"[{\"name\":\"values\",\"type\":\"dense\",\"units\":3}]", "values"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        inv_inverse_spec spec = spec_of("decoder", "hidden2");
        inv_net *inverse = NULL;
        strcpy(spec.layers, bad[i].layers);
        ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_ECONFIG);
        ck_assert_ptr_null(inverse);
        ck_assert_message_has(bad[i].says);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    inv_inverse_spec spec = spec_of("decoder", "hidden2");
    inv_net *inverse = build(&spec, net);
    inv_learner *learner = NULL;
    spec.batch = SMALL_TRAIN + 1;
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 3, &learner), INV_ECONFIG);
    ck_assert_message_has("inverse.batch: 301, but there are 300 images");
    spec.batch = 10;
    spec.validate = 3;
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 3, &learner), INV_ECONFIG);
    ck_assert_message_has("inverse.validate: there are no images to validate on");
    ck_assert_ptr_null(learner);
    inv_net_free(inverse);
}
END_TEST

/* ---- no net ---- */

/* |v(y) - v(x)|^2 / |v(x)|^2, in doubles. */
static double mismatch(size_t at, const float *x, const float *y)
{
    double of[2][SMALL_WIDEST], values[2][SMALL_WIDEST], error = 0.0, norm = 0.0;
    for (size_t j = 0; j < SMALL_PIXELS; j++) {
        of[0][j] = x[j];
        of[1][j] = y[j];
    }
    for (size_t k = 0; k < 2; k++)
        small_values(net, 0, at, 0.0, of[k], values[k]);
    for (size_t j = 0; j < inv_net_units(net, at); j++) {
        const double d = values[1][j] - values[0][j];
        error += d * d;
        norm += values[0][j] * values[0][j];
    }
    return error / norm;
}

START_TEST(a_search_matches_the_values)
{
    inv_inverse_spec spec = spec_of("optimise", inv_net_point_name(net, 2));
    const inv_pixels pixels = {0.0, 1.0, 0.0};
    gsl_matrix_float *x = small_matrix(7, SMALL_PIXELS), *y = small_matrix(7, SMALL_PIXELS);
    size_t at = 0;
    ck_assert_status(inv_net_point(net, spec.at, &at), INV_OK);
    inv_part_rows(&data->test, 0, 7, x);
    spec.steps = 400;
    spec.norm = spec.variation = 0.0;
    ck_assert_status(inv_inverse_search(&spec, net, &pixels, 3, x, y), INV_OK);
    for (size_t i = 0; i < 7; i++)
        ck_assert_double_lt(mismatch(at, x->data + i * x->tda, y->data + i * y->tda), 1e-3);
    for (size_t i = 0; i < 7 * SMALL_PIXELS; i++)
        ck_assert(y->data[i] >= 0.0f && y->data[i] <= 1.0f);
    for (size_t i = 0; i < 7; i++) { /* each for itself */
        const gsl_matrix_float one = inv_mat_over(x->data + i * x->tda, 1, SMALL_PIXELS);
        gsl_matrix_float *alone = small_matrix(1, SMALL_PIXELS);
        ck_assert_status(inv_inverse_search(&spec, net, &pixels, 3, &one, alone), INV_OK);
        ck_assert_mem_eq(alone->data, y->data + i * y->tda, SMALL_PIXELS * sizeof(float));
        inv_mat_free(alone);
    }
    inv_mat_free(x), inv_mat_free(y);
}
END_TEST

/* The sum of |difference of neighbours|^2 over the images. */
static double variation_of(const gsl_matrix_float *y)
{
    double sum = 0.0;
    for (size_t i = 0; i < y->size1; i++)
        for (size_t j = 0; j < SMALL_PIXELS; j++) {
            const float *p = y->data + i * y->tda + j;
            const double across = j % SMALL_WIDTH + 1 < SMALL_WIDTH ? (double)p[1] - p[0] : 0.0;
            const double down =
                j + SMALL_WIDTH < SMALL_PIXELS ? (double)p[SMALL_WIDTH] - p[0] : 0.0;
            sum += across * across + down * down;
        }
    return sum;
}

static double powers_of(const gsl_matrix_float *y)
{
    double sum = 0.0;
    for (size_t i = 0; i < y->size1 * y->size2; i++)
        sum += pow((double)y->data[i], 6.0);
    return sum;
}

/* More of a prior's weight, less of what it is of. */
START_TEST(the_priors_of_a_search_hold_back)
{
    inv_inverse_spec spec = spec_of("optimise", inv_net_point_name(net, 2));
    const inv_pixels pixels = {0.0, 1.0, 0.0};
    gsl_matrix_float *x = small_matrix(5, SMALL_PIXELS), *y[3];
    inv_part_rows(&data->test, 0, 5, x);
    spec.steps = 150;
    for (int k = 0; k < 3; k++) {
        spec.variation = k == 1 ? 3.0 : 0.0;
        spec.norm = k == 2 ? 3.0 : 0.0;
        y[k] = small_matrix(5, SMALL_PIXELS);
        ck_assert_status(inv_inverse_search(&spec, net, &pixels, 3, x, y[k]), INV_OK);
    }
    ck_assert_double_lt(variation_of(y[1]), 0.5 * variation_of(y[0]));
    ck_assert_double_lt(powers_of(y[2]), 0.5 * powers_of(y[0]));
    inv_mat_free(x), inv_mat_free(y[0]), inv_mat_free(y[1]), inv_mat_free(y[2]);
}
END_TEST

START_TEST(a_search_is_no_net)
{
    inv_inverse_spec spec = spec_of("optimise", inv_net_point_name(net, 2));
    inv_inverse_spec ridge = spec_of("ridge", inv_net_point_name(net, 2));
    const inv_pixels pixels = {0.0, 1.0, 0.0};
    gsl_matrix_float *x = small_matrix(3, SMALL_PIXELS), *y = small_matrix(3, SMALL_PIXELS);
    gsl_matrix_float few = inv_mat_head(y, 2);
    inv_net *inverse = NULL;
    ck_assert(!inv_inverse_is_net("optimise") && inv_inverse_is_net("ridge"));
    ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_EINVAL);
    ck_assert_message_has("optimise makes no net");
    ck_assert_status(inv_inverse_search(&ridge, net, &pixels, 1, x, y), INV_EINVAL);
    ck_assert_message_has("ridge makes a net");
    ck_assert_status(inv_inverse_search(&spec, net, &pixels, 1, x, &few), INV_EINVAL);
    ck_assert_message_has("images: 2 x");
    strcpy(spec.at, "nowhere");
    ck_assert_status(inv_inverse_search(&spec, net, &pixels, 1, x, y), INV_ECONFIG);
    strcpy(spec.at, inv_net_point_name(net, 2));
    spec.norm_power = 0.5;
    ck_assert_status(inv_inverse_search(&spec, net, &pixels, 1, x, y), INV_EINVAL);
    ck_assert_message_has("inverse.norm_power");
    inv_mat_free(x), inv_mat_free(y);
}
END_TEST

Suite *kinds_suite(void)
{
    Suite *suite = suite_create("kinds");
    TCase *tests = tcase_create("kinds");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, starts_at_its_point);
    tcase_add_test(tests, leads_back);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, resumes_bit_for_bit);
    tcase_add_test(tests, bad_settings_are_refused);
    tcase_add_test(tests, values_that_do_not_vary_are_told);
    tcase_add_test(tests, ridge_is_the_naive_solution);
    tcase_add_test(tests, ridge_chooses_its_penalty);
    tcase_add_test(tests, pinv_has_pseudo_inverses);
    tcase_add_test(tests, pinv_undoes_convolutions);
    tcase_add_test(tests, pools_that_do_not_tile_are_told);
    tcase_add_test(tests, losses_are_the_naive_sums);
    tcase_add_test(tests, values_are_standardised);
    tcase_add_test(tests, stops_early_and_keeps_the_best);
    tcase_add_test(tests, leads_back_from_channels);
    tcase_add_test(tests, a_decoder_undoes_layers_first);
    tcase_add_test(tests, what_cannot_be_undone_is_told);
    tcase_add_test(tests, layers_that_cannot_be_are_told);
    tcase_add_test(tests, what_does_not_fit_is_refused);
    tcase_add_test(tests, a_search_matches_the_values);
    tcase_add_test(tests, the_priors_of_a_search_hold_back);
    tcase_add_test(tests, a_search_is_no_net);
    suite_add_tcase(suite, tests);
    return suite;
}
