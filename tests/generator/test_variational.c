/* The conditional generator: its objective held to naive twins and to differences, its learner, its
 * draws.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "generator/latent.h"
#include "gradient.h"
#include "invproj/maker.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;
static inv_maker_material material;

static void prepare(void)
{
    data = small_data();
    material = (inv_maker_material){data, NULL, data->shape, data->classes, data->pixels};
}

static void tidy(void)
{
    inv_dataset_free(data);
}

/* ---- the objective ---- */

enum { ROWS = 7, NUMBERS = 5, PIXELS = 21 };
#define WEIGHT 0.37

/* sum dz z + WEIGHT divergence, in double, of a code and its noise. */
static double latent_objective(const double *code, const double *noise, const double *dz)
{
    double sum = 0.0;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < NUMBERS; j++) {
            const double m = code[i * 2 * NUMBERS + j], v = code[i * 2 * NUMBERS + NUMBERS + j];
            const double z = m + exp(v / 2.0) * noise[i * NUMBERS + j];
            sum += dz[i * NUMBERS + j] * z;
            sum += WEIGHT * 0.5 * (exp(v) + m * m - 1.0 - v);
        }
    return sum;
}

START_TEST(numbers_and_divergence_are_those_of_the_formula)
{
    frame code = frame_filled(ROWS, 2 * NUMBERS, -1.3, 1.7, 1);
    frame noise = frame_filled(ROWS, NUMBERS, -2.0, 2.0, 2);
    frame z = frame_alloc(ROWS, NUMBERS);
    double *c = frame_doubles(&code), *e = frame_doubles(&noise), expected[ROWS * NUMBERS];
    double divergence = 0.0;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < NUMBERS; j++) {
            const double m = c[i * 2 * NUMBERS + j], v = c[i * 2 * NUMBERS + NUMBERS + j];
            expected[i * NUMBERS + j] = m + sqrt(exp(v)) * e[i * NUMBERS + j];
            divergence += 0.5 * (exp(v) + m * m) - 0.5 - 0.5 * v;
        }
    inv_latent_sample(&code.m, &noise.m, &z.m);
    frame_assert_near(&z, expected, 1e-6, "numbers");
    frame_assert_intact(&z, "numbers");
    ck_assert_double_eq_tol(inv_latent_divergence(&code.m), divergence, 1e-9 * divergence);
    free(c), free(e);
    frame_free(&code), frame_free(&noise), frame_free(&z);
}
END_TEST

/* The reparametrised gradient, and the divergence's, by central differences. */
START_TEST(latent_gradient_is_that_of_differences)
{
    frame code = frame_filled(ROWS, 2 * NUMBERS, -1.3, 1.7, 3);
    frame noise = frame_filled(ROWS, NUMBERS, -2.0, 2.0, 4);
    frame dz = frame_filled(ROWS, NUMBERS, -1.0, 1.0, 5);
    frame dcode = frame_alloc(ROWS, 2 * NUMBERS);
    double *c = frame_doubles(&code), *e = frame_doubles(&noise), *d = frame_doubles(&dz);
    double expected[ROWS * 2 * NUMBERS];
    const double h = 1e-5;
    for (size_t k = 0; k < ROWS * 2 * NUMBERS; k++) {
        const double at = c[k];
        c[k] = at + h;
        const double above = latent_objective(c, e, d);
        c[k] = at - h;
        expected[k] = (above - latent_objective(c, e, d)) / (2.0 * h);
        c[k] = at;
    }
    inv_latent_gradient(&code.m, &noise.m, &dz.m, (float)WEIGHT, &dcode.m);
    frame_assert_near(&dcode, expected, 1e-5, "gradient of the code");
    frame_assert_intact(&dcode, "gradient of the code");
    free(c), free(e), free(d);
    frame_free(&code), frame_free(&noise), frame_free(&dz), frame_free(&dcode);
}
END_TEST

static double bernoulli_twin(const double *y, const double *t)
{
    double sum = 0.0;
    for (size_t k = 0; k < (size_t)ROWS * PIXELS; k++) {
        const double p = 1.0 / (1.0 + exp(-y[k]));
        sum -= t[k] * log(p) + (1.0 - t[k]) * log(1.0 - p);
    }
    return sum;
}

START_TEST(bernoulli_loss_is_that_of_the_formula)
{
    frame y = frame_filled(ROWS, PIXELS, -6.0, 5.0, 6), t = frame_filled(ROWS, PIXELS, 0.0, 1.0, 7);
    frame work = frame_alloc(ROWS, PIXELS);
    double row_loss[ROWS], *v = frame_doubles(&y), *target = frame_doubles(&t);
    double expected[ROWS * PIXELS];
    const double h = 1e-5, loss = bernoulli_twin(v, target);
    for (size_t k = 0; k < (size_t)ROWS * PIXELS; k++) {
        const double at = v[k];
        v[k] = at + h;
        const double above = bernoulli_twin(v, target);
        v[k] = at - h;
        expected[k] = WEIGHT * (above - bernoulli_twin(v, target)) / (2.0 * h);
        v[k] = at;
    }
    ck_assert_double_eq_tol(inv_latent_bernoulli(&y.m, (float)WEIGHT, row_loss, &work.m, &t.m),
                            loss, 1e-6 * loss);
    frame_assert_near(&t, expected, 1e-5, "gradient of the logits");
    frame_assert_intact(&t, "gradient of the logits");
    free(v), free(target);
    frame_free(&y), frame_free(&t), frame_free(&work);
}
END_TEST

/* Beyond where exp overflows. */
START_TEST(bernoulli_loss_is_finite_at_large_logits)
{
    float y[4] = {-200.0f, 200.0f, -200.0f, 200.0f}, t[4] = {0.0f, 1.0f, 1.0f, 0.0f}, work[4];
    gsl_matrix_float ym = inv_mat_over(y, 1, 4), tm = inv_mat_over(t, 1, 4);
    gsl_matrix_float wm = inv_mat_over(work, 1, 4);
    double row_loss[1];
    ck_assert_double_eq_tol(inv_latent_bernoulli(&ym, 1.0f, row_loss, &wm, &tm), 400.0, 1e-3);
    ck_assert_double_eq_tol((double)t[2], -1.0, 1e-6);
    ck_assert_double_eq_tol((double)t[3], 1.0, 1e-6);
}
END_TEST

/* ---- the learner ---- */

#define LAYERS                                                                                     \
    "[{\"name\":\"hidden1\",\"type\":\"dense\",\"units\":19,\"activation\":\"tanh\","              \
    "\"kernel\":{\"type\":\"glorot_uniform\"}}]"

static inv_maker_spec small_spec(const char *loss)
{
    inv_maker_spec spec = inv_maker_defaults;
    spec.latent = 3;
    strcpy(spec.encoder, LAYERS);
    strcpy(spec.decoder, LAYERS);
    strcpy(spec.loss, loss);
    spec.steps = 60;
    spec.batch = 70;
    spec.optimiser.rate = 0.01;
    return spec;
}

static inv_net *build(const inv_maker_spec *spec)
{
    inv_net *net = NULL;
    ck_assert_status(inv_maker_build(spec, &material, &net), INV_OK);
    return net;
}

static inv_learner *learner_of(const inv_maker_spec *spec, inv_net *net, uint64_t seed)
{
    inv_learner *learner = NULL;
    ck_assert_status(inv_maker_alloc(spec, net, &material, seed, &learner), INV_OK);
    return learner;
}

static inv_variational_report take_steps(inv_learner *learner, size_t steps)
{
    inv_variational_report report = {0};
    for (size_t i = 0; i < steps; i++)
        ck_assert_status(inv_learner_step(learner, &report), INV_OK);
    return report;
}

static inv_net *learned(const inv_maker_spec *spec, uint64_t seed)
{
    inv_net *net = build(spec);
    inv_learner *learner = learner_of(spec, net, seed);
    take_steps(learner, spec->steps);
    ck_assert(inv_learner_done(learner));
    inv_learner_free(learner);
    return net;
}

static const char *const losses[] = {"bernoulli", "squared"};

/* The array of that name in the learner's state. */
static float *state_of(inv_learner *learner, const char *name)
{
    inv_array state[INV_ARRAYS_MAX];
    const size_t count = inv_learner_state(learner, state);
    for (size_t i = 0; i < count; i++)
        if (strcmp(state[i].name, name) == 0)
            return state[i].data;
    ck_abort_msg("no %s in the state", name);
    return NULL;
}

/* The loss of the first batch with one parameter of the encoder or the decoder moved. Gradient
 * descent then says by how much that parameter moved down its gradient. */
static double first_loss(const inv_maker_spec *spec, bool encoder, size_t k, double by,
                         double *moved)
{
    inv_net *net = build(spec);
    inv_learner *learner = learner_of(spec, net, 11);
    float *params = encoder ? state_of(learner, "encoder") : inv_net_params(net);
    params[k] += (float)by;
    const double before = (double)params[k];
    const double loss = take_steps(learner, 1).loss;
    *moved = (double)params[k] - before;
    inv_learner_free(learner);
    inv_net_free(net);
    return loss;
}

/* Of either net: 63 + 4 or 3 + 4 inputs, 19 units, 2 x 3 or 63 outputs, and biases. */
#define PARAMETERS 1412

/* The step's whole gradient, through image, numbers, divergence and code, in both nets. */
START_TEST(step_goes_down_the_gradient)
{
    for (size_t l = 0; l < 2; l++)
        for (int encoder = 0; encoder < 2; encoder++)
            for (size_t k = 0; k < PARAMETERS; k += 97) {
                inv_maker_spec spec = small_spec(losses[l]);
                double moved = 0.0, unused = 0.0;
                const double h = 2e-2;
                spec.divergence = 1.7;
                inv_optim_start("gradient_descent", &spec.optimiser);
                strcpy(spec.schedule.type, "constant");
                spec.optimiser.rate = 1.0;
                first_loss(&spec, encoder, k, 0.0, &moved);
                const double above = first_loss(&spec, encoder, k, h, &unused);
                const double slope = (above - first_loss(&spec, encoder, k, -h, &unused)) / (2 * h);
                GRADIENT_HOLD(fabs(moved + slope) < 2e-3 * (1.0 + fabs(slope)),
                              "%s, %s, parameter %zu: moved by %g, gradient %g", losses[l],
                              encoder ? "encoder" : "decoder", k, moved, slope);
            }
}
END_TEST

START_TEST(losses_fall)
{
    for (size_t l = 0; l < 2; l++) {
        inv_maker_spec spec = small_spec(losses[l]);
        spec.steps = 400;
        spec.divergence = 0.02; /* else the numbers say nothing of so small images */
        inv_net *net = build(&spec);
        inv_learner *learner = learner_of(&spec, net, 3);
        const inv_variational_report first = take_steps(learner, 1);
        const inv_variational_report last = take_steps(learner, 399);
        ck_assert_uint_eq(last.step, 400);
        ck_assert_double_lt(last.loss, 0.8 * first.loss);
        ck_assert_double_gt(last.divergence, 0.01);
        ck_assert_double_eq_tol(last.loss, last.reconstruction + spec.divergence * last.divergence,
                                1e-9);
        inv_learner_free(learner);
        inv_net_free(net);
    }
}
END_TEST

START_TEST(threads_do_not_matter)
{
    const inv_maker_spec spec = small_spec("bernoulli");
    const size_t before = inv_threads();
    inv_threads_set(gradient_threads[0]);
    inv_net *first = learned(&spec, 5);
    for (size_t t = 1; t < GRADIENT_THREADS; t++) {
        inv_threads_set(gradient_threads[t]);
        inv_net *other = learned(&spec, 5);
        ck_assert(small_same_params(first, other));
        inv_net_free(other);
    }
    inv_threads_set(before);
    inv_net *another = learned(&spec, 6);
    ck_assert(!small_same_params(first, another));
    inv_net_free(first), inv_net_free(another);
}
END_TEST

START_TEST(resumes_to_the_bit)
{
    const inv_maker_spec spec = small_spec("squared");
    inv_array state[INV_ARRAYS_MAX];
    inv_net *whole = learned(&spec, 8), *begun = build(&spec), *resumed = build(&spec);
    inv_learner *first = learner_of(&spec, begun, 8), *learner = learner_of(&spec, resumed, 8);
    take_steps(first, 23);
    small_saved saved = small_save(state, inv_learner_state(first, state), begun);
    small_load(&saved, state, inv_learner_state(learner, state), resumed);
    ck_assert_status(inv_learner_restored(learner), INV_OK);
    take_steps(learner, spec.steps - 23);
    ck_assert(small_same_params(whole, resumed));
    small_saved_free(&saved);
    inv_learner_free(first);
    inv_learner_free(learner);
    inv_net_free(whole), inv_net_free(begun), inv_net_free(resumed);
}
END_TEST

START_TEST(state_that_is_none_is_refused)
{
    const inv_maker_spec spec = small_spec("bernoulli");
    inv_net *net = build(&spec);
    inv_learner *learner = learner_of(&spec, net, 8);
    state_of(learner, "encoder")[17] = NAN;
    ck_assert_status(inv_learner_restored(learner), INV_EFORMAT);
    ck_assert_message_has("generator: the saved state does not fit");
    inv_learner_free(learner);
    inv_net_free(net);
}
END_TEST

/* ---- drawing ---- */

/* Images end where pixels do, differ with the numbers and with the class, and are the nearest to the
 * mean of their own class. */
START_TEST(draws_images_of_the_class)
{
    enum { EACH = 20, ALL = EACH * SMALL_CLASSES };
    inv_maker_spec spec = small_spec("bernoulli");
    spec.steps = 600;
    inv_net *net = learned(&spec, 4);
    gsl_matrix_float *latent = small_matrix(ALL, 3), *images = small_matrix(ALL, SMALL_PIXELS);
    double mean[SMALL_CLASSES][SMALL_PIXELS] = {{0.0}}, x[SMALL_PIXELS];
    size_t count[SMALL_CLASSES] = {0}, right = 0;
    unsigned classes[ALL];
    for (size_t i = 0; i < data->train.count; i++) {
        const size_t c = data->train.labels[i];
        small_pixels(&data->train, i, x);
        count[c]++;
        for (size_t j = 0; j < SMALL_PIXELS; j++)
            mean[c][j] += x[j];
    }
    for (size_t i = 0; i < ALL; i++)
        classes[i] = (unsigned)(i / EACH);
    ck_assert_status(inv_maker_latent(9, 1.0, latent), INV_OK);
    ck_assert_status(inv_maker_draw(net, latent, classes, images), INV_OK);
    for (size_t i = 0; i < ALL; i++) {
        double distance[SMALL_CLASSES] = {0.0};
        for (size_t j = 0; j < SMALL_PIXELS; j++) {
            const double y = (double)gsl_matrix_float_get(images, i, j);
            GRADIENT_HOLD(y >= data->pixels.black && y <= data->pixels.white, "a pixel of %g", y);
            for (size_t c = 0; c < SMALL_CLASSES; c++) /* the largest is the nearest */
                distance[c] -= pow(y - mean[c][j] / (double)count[c], 2.0);
        }
        right += small_top(distance, SMALL_CLASSES) == classes[i];
    }
    ck_assert_uint_ge(right, ALL * 9 / 10);
    inv_mat_free(latent), inv_mat_free(images);
    inv_net_free(net);
}
END_TEST

START_TEST(draws_are_normal_and_of_their_seed)
{
    gsl_matrix_float *a = small_matrix(5000, 2), *b = small_matrix(5000, 2);
    double sum = 0.0, squares = 0.0;
    ck_assert_status(inv_maker_latent(1, 0.7, a), INV_OK);
    ck_assert_status(inv_maker_latent(1, 0.7, b), INV_OK);
    ck_assert(gradient_same_bits(a->data, b->data, 10000 * sizeof(float)));
    ck_assert_status(inv_maker_latent(2, 0.7, b), INV_OK);
    ck_assert(!gradient_same_bits(a->data, b->data, 10000 * sizeof(float)));
    for (size_t i = 0; i < 10000; i++) {
        sum += (double)a->data[i];
        squares += (double)a->data[i] * (double)a->data[i];
    }
    ck_assert_double_eq_tol(sum / 10000, 0.0, 0.03);
    ck_assert_double_eq_tol(sqrt(squares / 10000), 0.7, 0.02);
    inv_mat_free(a), inv_mat_free(b);
}
END_TEST

/* From the first of two draws to the second, at even angles. */
START_TEST(walk_leads_from_draw_to_draw)
{
    gsl_matrix_float *ends = small_matrix(2, 4), *walk = small_matrix(3, 4);
    ck_assert_status(inv_maker_latent(3, 1.0, ends), INV_OK);
    ck_assert_status(inv_maker_walk(3, 1.0, walk), INV_OK);
    for (size_t j = 0; j < 4; j++) {
        const double a = (double)ends->data[j], b = (double)ends->data[4 + j];
        ck_assert_double_eq_tol((double)walk->data[j], a, 1e-6);
        ck_assert_double_eq_tol((double)walk->data[4 + j], (a + b) / sqrt(2.0), 1e-6);
        ck_assert_double_eq_tol((double)walk->data[8 + j], b, 1e-6);
    }
    inv_mat_free(ends), inv_mat_free(walk);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(bad_settings_are_refused)
{
    static const struct {
        const char *layers, *says;
        size_t latent, batch;
        inv_status status;
    } rows[] = {
        {LAYERS, "generator.latent: 0", 0, 70, INV_EINVAL},
        {LAYERS, "generator.batch: 301, but there are 300 images", 3, 301, INV_ECONFIG},
        {"[{\"name\":\"a\",\"type\":\"dens\"}]", "generator.decoder", 3, 70, INV_ECONFIG},
        {"[{\"name\":\"pixels\",\"type\":\"dense\",\"units\":5}]", "pixels", 3, 70, INV_ECONFIG}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        inv_maker_spec spec = small_spec("bernoulli");
        inv_net *net = NULL;
        inv_learner *learner = NULL;
        strcpy(spec.decoder, rows[r].layers);
        spec.latent = rows[r].latent;
        spec.batch = rows[r].batch;
        inv_status status = inv_maker_build(&spec, &material, &net);
        if (status == INV_OK)
            status = inv_maker_alloc(&spec, net, &material, 1, &learner);
        ck_assert_int_eq(status, rows[r].status);
        ck_assert_message_has(rows[r].says);
        inv_net_free(net);
    }
}
END_TEST

START_TEST(without_data_it_learns_nothing)
{
    const inv_maker_spec spec = small_spec("bernoulli");
    inv_maker_material empty = material;
    inv_net *net = build(&spec);
    inv_learner *learner = NULL;
    empty.data = NULL;
    ck_assert_status(inv_maker_alloc(&spec, net, &empty, 1, &learner), INV_EINVAL);
    ck_assert_message_has("generator: the kind variational learns from data");
    inv_net_free(net);
}
END_TEST

START_TEST(another_net_is_refused)
{
    const inv_maker_spec spec = small_spec("bernoulli");
    inv_net *net = small_net(SMALL_TWO);
    inv_learner *learner = NULL;
    ck_assert_status(inv_maker_alloc(&spec, net, &material, 1, &learner), INV_EINVAL);
    ck_assert_message_has("generator: the net is not the decoder of these settings");
    inv_net_free(net);
}
END_TEST

START_TEST(bad_draws_are_refused)
{
    const inv_maker_spec spec = small_spec("bernoulli");
    inv_net *net = build(&spec);
    gsl_matrix_float *latent = small_matrix(2, 3), *wide = small_matrix(2, 7);
    gsl_matrix_float *images = small_matrix(2, SMALL_PIXELS), *other = small_matrix(2, 5);
    const unsigned good[] = {0, 3}, bad[] = {0, 4};
    ck_assert_status(inv_maker_draw(net, latent, good, images), INV_OK);
    ck_assert_status(inv_maker_draw(net, latent, bad, images), INV_EINVAL);
    ck_assert_message_has("generator: class 4 does not exist (0 to 3)");
    ck_assert_status(inv_maker_draw(net, wide, good, images), INV_EINVAL);
    ck_assert_status(inv_maker_draw(net, latent, good, other), INV_EINVAL);
    ck_assert_message_has("asked for 2 images of 5 from 2 rows of 3 numbers");
    inv_mat_free(latent), inv_mat_free(wide), inv_mat_free(images), inv_mat_free(other);
    inv_net_free(net);
}
END_TEST

Suite *variational_suite(void)
{
    Suite *suite = suite_create("variational");
    TCase *tests = tcase_create("variational");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_add_test(tests, numbers_and_divergence_are_those_of_the_formula);
    tcase_add_test(tests, latent_gradient_is_that_of_differences);
    tcase_add_test(tests, bernoulli_loss_is_that_of_the_formula);
    tcase_add_test(tests, bernoulli_loss_is_finite_at_large_logits);
    tcase_add_test(tests, step_goes_down_the_gradient);
    tcase_add_test(tests, losses_fall);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, resumes_to_the_bit);
    tcase_add_test(tests, state_that_is_none_is_refused);
    tcase_add_test(tests, draws_images_of_the_class);
    tcase_add_test(tests, draws_are_normal_and_of_their_seed);
    tcase_add_test(tests, walk_leads_from_draw_to_draw);
    tcase_add_test(tests, bad_settings_are_refused);
    tcase_add_test(tests, without_data_it_learns_nothing);
    tcase_add_test(tests, another_net_is_refused);
    tcase_add_test(tests, bad_draws_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
