/* The generator that learns without data: its objective held to naive twins and to differences, its
 * learner.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "generator/smooth.h"
#include "gradient.h"
#include "invproj/loss.h"
#include "invproj/maker.h"
#include "small.h"
#include "suites.h"

static inv_net *teacher;
static inv_maker_material material;

static void prepare(void)
{
    inv_dataset *data = small_data();
    teacher = small_net(SMALL_TWO);
    small_train(teacher, data, 200);
    material = (inv_maker_material){NULL, teacher, data->shape, data->classes, data->pixels};
    inv_dataset_free(data);
}

static void tidy(void)
{
    inv_net_free(teacher);
}

/* ---- smoothness ---- */

static const inv_shape colours = {4, 5, 2};
enum { ROWS = 3, VALUES = 4 * 5 * 2 };
#define WHITE  2.5
#define WEIGHT 0.7

/* The mean over the pairs of neighbours of one image, pair by pair. */
static double naive_smooth(const double *x)
{
    double sum = 0.0;
    size_t pairs = 0;
    for (size_t r = 0; r < colours.height; r++)
        for (size_t c = 0; c < colours.width; c++)
            for (size_t k = 0; k < colours.channels; k++)
                for (size_t next = 0; next < 2; next++) { /* to the right, below */
                    const size_t row = r + next, column = c + 1 - next;
                    if (row == colours.height || column == colours.width)
                        continue;
                    sum += fabs(x[(r * 5 + c) * 2 + k] - x[(row * 5 + column) * 2 + k]) / WHITE;
                    pairs++;
                }
    return sum / (double)pairs;
}

START_TEST(smoothness_is_that_of_the_formula)
{
    frame x = frame_filled(ROWS, VALUES, -1.0, 1.5, 1), dx = frame_filled(ROWS, VALUES, -1, 1, 2);
    double row_loss[ROWS], *v = frame_doubles(&x), *before = frame_doubles(&dx);
    double expected[ROWS * VALUES], sum = 0.0;
    const double h = 1e-6;
    for (size_t i = 0; i < ROWS; i++)
        sum += naive_smooth(v + i * VALUES);
    for (size_t k = 0; k < (size_t)ROWS * VALUES; k++) {
        const double at = v[k], *image = v + k / VALUES * VALUES;
        v[k] = at + h;
        const double above = naive_smooth(image);
        v[k] = at - h;
        expected[k] = before[k] + WEIGHT * (above - naive_smooth(image)) / (2.0 * h);
        v[k] = at;
    }
    ck_assert_double_eq_tol(inv_smooth(colours, &x.m, (float)WEIGHT, (float)WHITE, row_loss, &dx.m),
                            sum, 1e-5 * sum);
    frame_assert_near(&dx, expected, 1e-5, "gradient of the images");
    frame_assert_intact(&dx, "gradient of the images");
    free(v), free(before);
    frame_free(&x), frame_free(&dx);
}
END_TEST

START_TEST(an_even_image_is_smooth)
{
    float x[] = {0.5f}, dx[] = {0.25f};
    double row_loss[1];
    const gsl_matrix_float one = inv_mat_over(x, 1, 1);
    gsl_matrix_float gradient = inv_mat_over(dx, 1, 1);
    ck_assert_double_eq(inv_smooth((inv_shape){1, 1, 1}, &one, 1.0f, 1.0f, row_loss, &gradient),
                        0.0);
    ck_assert_double_eq((double)dx[0], 0.25);
}
END_TEST

/* ---- the learner ---- */

#define LAYERS(name, units)                                                                        \
    "[{\"name\":\"" name "\",\"type\":\"dense\",\"units\":" units ",\"activation\":\"tanh\","      \
    "\"kernel\":{\"type\":\"glorot_uniform\"}}]"

static inv_maker_spec small_spec(void)
{
    inv_maker_spec spec;
    inv_maker_start("adversarial", &spec);
    spec.latent = 3;
    strcpy(spec.decoder, LAYERS("hidden1", "19"));
    strcpy(spec.student, LAYERS("hidden", "15"));
    spec.coarse = 2;
    spec.jitter = 1.0;
    spec.smoothness = 0.6;
    spec.rehearsals = 3;
    spec.memory = 90;
    spec.steps = 60;
    spec.batch = 40;
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

static inv_adversarial_report take_steps(inv_learner *learner, size_t steps)
{
    inv_adversarial_report report = {0};
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

/* What the first step's generator, or student, minimises, with one parameter of it moved. Gradient
 * descent then says by how much that parameter moved down its gradient. */
static double first_loss(const inv_maker_spec *spec, bool student, size_t k, double by,
                         double *moved)
{
    inv_net *net = build(spec);
    inv_learner *learner = learner_of(spec, net, 11);
    float *params = student ? state_of(learner, "student") : inv_net_params(net);
    params[k] += (float)by;
    const double before = (double)params[k];
    const inv_adversarial_report report = take_steps(learner, 1);
    *moved = (double)params[k] - before;
    inv_learner_free(learner);
    inv_net_free(net);
    return student ? report.student : report.loss;
}

/* 3 + 4 inputs, 19 units, 5 x 4 coarse pixels, and biases; 63 pixels, 15 units, 4 classes. */
static const size_t parameters[] = {552, 1024};

/* Through the moved images and both nets to the decoder; and the student's own. */
START_TEST(step_goes_down_the_gradient)
{
    inv_maker_spec spec = small_spec();
    inv_optim_start("gradient_descent", &spec.optimiser);
    strcpy(spec.schedule.type, "constant");
    spec.optimiser.rate = 1.0;
    spec.rehearsals = 1;
    for (int student = 0; student < 2; student++)
        for (size_t k = 0; k < parameters[student]; k += 53) {
            double moved = 0.0, unused = 0.0;
            const double h = 4e-3;
            first_loss(&spec, student, k, 0.0, &moved);
            const double above = first_loss(&spec, student, k, h, &unused);
            const double slope = (above - first_loss(&spec, student, k, -h, &unused)) / (2 * h);
            GRADIENT_HOLD(fabs(moved + slope) < 4e-3 * (1.0 + fabs(slope)),
                          "%s, parameter %zu: moved by %g, gradient %g",
                          student ? "student" : "decoder", k, moved, slope);
        }
}
END_TEST

/* The generator comes to make images of the classes, the student to know the net. */
START_TEST(both_learn)
{
    enum { EACH = 20, ALL = EACH * SMALL_CLASSES };
    inv_maker_spec spec = small_spec();
    unsigned classes[ALL];
    size_t right = 0;
    spec.steps = 500;
    spec.disagreement = 0.5;
    inv_net *net = build(&spec);
    inv_learner *learner = learner_of(&spec, net, 3);
    const inv_adversarial_report first = take_steps(learner, 1);
    const inv_adversarial_report last = take_steps(learner, 499);
    ck_assert_double_lt(last.one_hot, 0.5 * first.one_hot);
    ck_assert_double_lt(last.student, 0.3 * first.student);
    ck_assert_double_gt(last.agreement, 0.8);
    ck_assert_double_eq_tol(last.loss,
                            spec.one_hot * last.one_hot - spec.disagreement * last.disagreement +
                                spec.smoothness * last.smoothness,
                            1e-9);
    gsl_matrix_float *latent = small_matrix(ALL, 3), *images = small_matrix(ALL, SMALL_PIXELS);
    for (size_t i = 0; i < ALL; i++)
        classes[i] = (unsigned)(i / EACH);
    ck_assert_status(inv_maker_latent(9, 1.0, latent), INV_OK);
    ck_assert_status(inv_maker_draw(net, latent, classes, images), INV_OK);
    for (size_t i = 0; i < ALL; i++) {
        double x[SMALL_WIDEST], y[SMALL_WIDEST];
        for (size_t j = 0; j < SMALL_PIXELS; j++)
            x[j] = (double)gsl_matrix_float_get(images, i, j);
        small_values(teacher, 0, inv_net_depth(teacher), 0.0, x, y);
        right += small_top(y, SMALL_CLASSES) == classes[i];
    }
    ck_assert_uint_gt(right, ALL * 3 / 4);
    inv_mat_free(latent), inv_mat_free(images);
    inv_learner_free(learner);
    inv_net_free(net);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    const inv_maker_spec spec = small_spec();
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

/* From before the memory was full, and from after. */
START_TEST(resumes_to_the_bit)
{
    static const size_t stops[] = {1, 23};
    const inv_maker_spec spec = small_spec();
    inv_array state[INV_ARRAYS_MAX];
    inv_net *whole = learned(&spec, 8);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        inv_net *begun = build(&spec), *resumed = build(&spec);
        inv_learner *first = learner_of(&spec, begun, 8), *learner = learner_of(&spec, resumed, 8);
        take_steps(first, stops[i]);
        small_saved saved = small_save(state, inv_learner_state(first, state), begun);
        small_load(&saved, state, inv_learner_state(learner, state), resumed);
        ck_assert_status(inv_learner_restored(learner), INV_OK);
        take_steps(learner, spec.steps - stops[i]);
        ck_assert(small_same_params(whole, resumed));
        small_saved_free(&saved);
        inv_learner_free(first), inv_learner_free(learner);
        inv_net_free(begun), inv_net_free(resumed);
    }
    inv_net_free(whole);
}
END_TEST

START_TEST(state_that_is_none_is_refused)
{
    const inv_maker_spec spec = small_spec();
    inv_net *net = build(&spec);
    inv_learner *learner = learner_of(&spec, net, 8);
    ck_assert_uint_eq(inv_net_size(inv_maker_student(learner)), parameters[1]);
    state_of(learner, "student")[17] = NAN;
    ck_assert_status(inv_learner_restored(learner), INV_EFORMAT);
    ck_assert_message_has("generator: the saved state does not fit");
    inv_learner_free(learner);
    inv_net_free(net);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(nets_that_cannot_teach_are_refused)
{
    const inv_maker_spec spec = small_spec();
    inv_maker_material one = material, none = material, other = material;
    inv_net *net = NULL;
    inv_learner *learner = NULL;
    inv_net *single = small_net_for(SMALL_ONE, material.shape, 1);
    one.net = single;
    one.classes = 1;
    ck_assert_status(inv_maker_build(&spec, &one, &net), INV_OK);
    ck_assert_status(inv_maker_alloc(&spec, net, &one, 1, &learner), INV_ECONFIG);
    ck_assert_message_has("generator: the net has one output");
    inv_net_free(net);
    net = build(&spec);
    none.net = NULL;
    ck_assert_status(inv_maker_alloc(&spec, net, &none, 1, &learner), INV_EINVAL);
    ck_assert_message_has("generator: the kind adversarial learns from a net");
    inv_net_free(net);
    other.classes = SMALL_CLASSES + 1;
    ck_assert_status(inv_maker_build(&spec, &other, &net), INV_OK);
    ck_assert_status(inv_maker_alloc(&spec, net, &other, 1, &learner), INV_EINVAL);
    ck_assert_message_has("in 5 classes; the net takes 63, and tells 4 apart");
    inv_net_free(net), inv_net_free(single);
}
END_TEST

START_TEST(bad_settings_are_refused)
{
    static const struct {
        const char *student, *says;
        size_t rehearsals;
        inv_status status;
    } rows[] = {{LAYERS("a", "3"), "generator.rehearsals: 0", 0, INV_EINVAL},
                {"[{\"name\":\"a\",\"type\":\"dens\"}]", "generator.student", 2, INV_ECONFIG},
                {LAYERS("output", "3"), "output", 2, INV_ECONFIG}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        inv_maker_spec spec = small_spec();
        inv_net *net = build(&spec);
        inv_learner *learner = NULL;
        strcpy(spec.student, rows[r].student);
        spec.rehearsals = rows[r].rehearsals;
        ck_assert_status(inv_maker_alloc(&spec, net, &material, 1, &learner), rows[r].status);
        ck_assert_message_has(rows[r].says);
        inv_net_free(net);
    }
}
END_TEST

Suite *adversarial_suite(void)
{
    Suite *suite = suite_create("adversarial");
    TCase *tests = tcase_create("adversarial");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, smoothness_is_that_of_the_formula);
    tcase_add_test(tests, an_even_image_is_smooth);
    tcase_add_test(tests, step_goes_down_the_gradient);
    tcase_add_test(tests, both_learn);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, resumes_to_the_bit);
    tcase_add_test(tests, state_that_is_none_is_refused);
    tcase_add_test(tests, nets_that_cannot_teach_are_refused);
    tcase_add_test(tests, bad_settings_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
