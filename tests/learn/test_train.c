/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "invproj/measure.h"
#include "invproj/train.h"
#include "small.h"
#include "suites.h"

static inv_dataset *data;

static void prepare(void)
{
    data = small_data();
}

static void tidy(void)
{
    inv_dataset_free(data);
}

static const inv_train_spec adagrad = {
    SMALL_USUAL,        .steps = 60,
    .batch = 70,        .loss = "cross_entropy",
    .reduction = "sum", .optimiser = {.type = "adagrad", .rate = 0.1, .accumulator = 0.1}};
static const inv_train_spec descent = {
    SMALL_USUAL,         .steps = 60,
    .batch = 70,         .loss = "cross_entropy",
    .reduction = "mean", .optimiser = {.type = "gradient_descent", .rate = 0.3}};

static inv_learner *trainer_for(const inv_train_spec *spec, inv_net *net, uint64_t seed)
{
    inv_learner *trainer = NULL;
    ck_assert_status(inv_trainer_alloc(spec, net, data, seed, &trainer), INV_OK);
    ck_assert_uint_eq(inv_learner_count(trainer), 0);
    return trainer;
}

static inv_train_report take_steps(inv_learner *trainer, size_t steps)
{
    inv_train_report report = {0};
    for (size_t i = 0; i < steps; i++) {
        ck_assert_status(inv_learner_step(trainer, &report), INV_OK);
        ck_assert_uint_eq(report.step, inv_learner_count(trainer));
    }
    return report;
}

/* A net after spec->steps steps. */
static inv_net *trained_as(const char *layers, const inv_train_spec *spec, uint64_t seed)
{
    inv_net *net = small_net(layers);
    inv_learner *trainer = trainer_for(spec, net, seed);
    while (!inv_learner_done(trainer))
        take_steps(trainer, 1);
    inv_learner_free(trainer);
    return net;
}

/* The same of one of four dense layers. */
static inv_net *trained(const inv_train_spec *spec, uint64_t seed)
{
    return trained_as(SMALL_FOUR, spec, seed);
}

/* ---- what it learns ---- */

START_TEST(learns_with_any_number_of_layers)
{
    static const char *const layers[] = {SMALL_ONE, SMALL_TWO, SMALL_FOUR};
    for (size_t i = 0; i < 3; i++) {
        inv_net *net = small_net(layers[i]);
        inv_train_spec spec = adagrad;
        double before = 0.0, after = 0.0;
        spec.steps = 150;
        ck_assert_status(inv_measure_accuracy(net, &data->test, &before), INV_OK);
        inv_learner *trainer = trainer_for(&spec, net, 5);
        const inv_train_report first = take_steps(trainer, 1);
        const inv_train_report last = take_steps(trainer, 149);
        ck_assert_uint_eq(last.step, 150);
        ck_assert_double_lt(last.loss, first.loss / 10.0);
        ck_assert_double_lt(first.accuracy, 0.8);
        ck_assert_double_gt(last.accuracy, 0.95);
        ck_assert_status(inv_measure_accuracy(net, &data->test, &after), INV_OK);
        ck_assert_double_lt(before, 0.8);
        ck_assert_double_gt(after, 0.95);
        inv_learner_free(trainer);
        inv_net_free(net);
    }
}
END_TEST

/* The value of an objective for one image's values at the output. */
static double naive_term(const char *loss, const double *y, size_t label)
{
    double sum = 0.0;
    if (strcmp(loss, "cross_entropy") == 0)
        return -log(y[label]);
    for (size_t j = 0; j < SMALL_CLASSES; j++) {
        const double d = y[j] - (j == label);
        sum += strcmp(loss, "l1") == 0 ? fabs(d) : d * d;
    }
    return sum;
}

/* The sum over the images of a part, in doubles; *correct counts the right ones. */
static double naive_loss(const inv_net *net, const inv_part *part, const char *loss,
                         size_t *correct)
{
    double sum = 0.0;
    *correct = 0;
    for (size_t i = 0; i < part->count; i++) {
        double x[SMALL_WIDEST], y[SMALL_WIDEST];
        small_pixels(part, i, x);
        small_values(net, 0, inv_net_depth(net), 0.0, x, y);
        sum += naive_term(loss, y, part->labels[i]);
        *correct += small_top(y, SMALL_CLASSES) == part->labels[i];
    }
    return sum;
}

/* At rate 0 the batches of an epoch, the last of which is short, add up to the whole. */
START_TEST(an_epoch_adds_up)
{
    static const size_t batches[] = {300, 299, 200, 70, 1};
    inv_net *net = small_net(SMALL_TWO);
    size_t correct = 0;
    const double loss = naive_loss(net, &data->train, "cross_entropy", &correct);
    for (size_t b = 0; b < 5; b++)
        for (int mean = 0; mean < 2; mean++) {
            inv_train_spec spec = {
                SMALL_USUAL,         .steps = 1000,
                .batch = batches[b], .loss = "cross_entropy",
                .reduction = "",     .optimiser = {.type = "gradient_descent", .rate = 0.0}};
            strcpy(spec.reduction, mean ? "mean" : "sum");
            inv_learner *trainer = trainer_for(&spec, net, 5);
            double total = 0.0, right = 0.0;
            for (size_t first = 0; first < SMALL_TRAIN; first += batches[b]) {
                const size_t n =
                    SMALL_TRAIN - first < batches[b] ? SMALL_TRAIN - first : batches[b];
                const inv_train_report report = take_steps(trainer, 1);
                total += mean ? report.loss * (double)n : report.loss;
                right += report.accuracy * (double)n;
            }
            ck_assert_double_eq_tol(total, loss, 1e-4 * loss);
            ck_assert_double_eq_tol(right, (double)correct, 1e-9 * SMALL_TRAIN);
            inv_learner_free(trainer);
        }
    inv_net_free(net);
}
END_TEST

/* What the trainer is to go down: the loss of all images, and weight_decay / 2 sum w^2 of the
 * kernels. */
static double naive_objective(const inv_net *net, const inv_train_spec *spec)
{
    size_t correct = 0;
    double value = naive_loss(net, &data->train, spec->loss, &correct), squares = 0.0;
    if (strcmp(spec->reduction, "mean") == 0)
        value /= SMALL_TRAIN * (strcmp(spec->loss, "cross_entropy") == 0 ? 1.0 : SMALL_CLASSES);
    for (size_t i = 0; i < inv_net_depth(net); i++)
        for (size_t b = 0; b < inv_net_layer(net, i)->block_count; b++) {
            const inv_block *block = &inv_net_layer(net, i)->blocks[b];
            for (size_t k = 0; strcmp(block->name, "kernel") == 0 && k < block->size; k++)
                squares += pow(inv_net_params(net)[block->offset + k], 2.0);
        }
    return value + spec->weight_decay / 2 * squares;
}

/* One step of gradient descent on all images moves each parameter by rate times the gradient of the
 * naive objective. */
static void assert_first_step(const char *layers, const char *loss, const char *reduction,
                              double weight_decay)
{
    const double rate = 1e-3, h = 1e-3;
    inv_train_spec spec = {SMALL_USUAL, .steps = 10, .batch = SMALL_TRAIN,
                           .weight_decay = weight_decay,
                           .optimiser = {.type = "gradient_descent", .rate = rate}};
    inv_net *before = small_net(layers), *after = small_net(layers);
    float *params = inv_net_params(before);
    strcpy(spec.loss, loss);
    strcpy(spec.reduction, reduction);
    inv_learner *trainer = trainer_for(&spec, after, 5);
    take_steps(trainer, 1);
    for (size_t k = 0; k < inv_net_size(before); k += 37) {
        const float kept = params[k];
        params[k] = kept + (float)h;
        const double up = params[k], above = naive_objective(before, &spec);
        params[k] = kept - (float)h;
        const double down = params[k], below = naive_objective(before, &spec);
        params[k] = kept;
        const double gradient = (above - below) / (up - down);
        const double moved = (double)kept - (double)inv_net_params(after)[k];
        ck_assert_double_eq_tol(moved, rate * gradient, 1e-4 * fabs(rate * gradient) + 3e-7);
    }
    inv_learner_free(trainer);
    inv_net_free(before);
    inv_net_free(after);
}

START_TEST(steps_down_the_gradient)
{
    assert_first_step(SMALL_TWO, "cross_entropy", "sum", 0.0);
    assert_first_step(SMALL_ONE, "cross_entropy", "mean", 0.0);
    assert_first_step(SMALL_TWO, "l1", "sum", 0.0);
    assert_first_step(SMALL_TWO, "l1", "mean", 0.0);
    assert_first_step(SMALL_TWO, "l2", "sum", 0.0);
    assert_first_step(SMALL_ONE, "l2", "mean", 0.0);
    assert_first_step(SMALL_TWO, "cross_entropy", "sum", 2.75);
}
END_TEST

/* ---- epochs, schedules, decay ---- */

START_TEST(epochs_are_whole_passes)
{
    inv_train_spec spec = descent;
    inv_net *net = small_net(SMALL_TWO);
    inv_array state[INV_ARRAYS_MAX];
    spec.epochs = 3;
    inv_learner *trainer = trainer_for(&spec, net, 5);
    ck_assert_uint_eq(inv_trainer_epoch(trainer), 5); /* 4 x 70 + 20 */
    ck_assert_uint_eq(inv_learner_steps(trainer), 15);
    inv_learner_state(trainer, state);
    for (size_t step = 1; !inv_learner_done(trainer); step++) {
        const inv_train_report report = take_steps(trainer, 1);
        ck_assert_uint_eq(*(uint64_t *)state[1].data, step % 5 ? step % 5 * 70 : SMALL_TRAIN);
        ck_assert(!report.validated); /* there is nothing to validate on */
    }
    ck_assert_uint_eq(inv_learner_count(trainer), 15);
    inv_learner_free(trainer);
    inv_net_free(net);
}
END_TEST

/* A warm-up of an epoch of 5 steps: the first step is at a fifth of the rate. */
START_TEST(schedules_change_the_rate)
{
    inv_net *start = small_net(SMALL_TWO), *full = small_net(SMALL_TWO);
    inv_net *warm = small_net(SMALL_TWO);
    inv_train_spec spec = descent;
    spec.epochs = 3;
    inv_learner *trainer = trainer_for(&spec, full, 5);
    take_steps(trainer, 1);
    inv_learner_free(trainer);
    spec.schedule = (inv_schedule){.type = "constant", .warm_up = 1.0};
    trainer = trainer_for(&spec, warm, 5);
    take_steps(trainer, 1);
    inv_learner_free(trainer);
    for (size_t k = 0; k < inv_net_size(start); k++) {
        const double from = inv_net_params(start)[k];
        ck_assert_double_eq_tol(inv_net_params(warm)[k] - from,
                                (inv_net_params(full)[k] - from) / 5, 1e-6);
    }
    inv_net_free(start);
    inv_net_free(full);
    inv_net_free(warm);
}
END_TEST

#define SMALL_FROZEN                                                                               \
    "{ name = \"hidden1\"; type = \"dense\"; units = 17; activation = \"sigmoid\"; "               \
    "frozen = true; kernel = { type = \"normal\"; stddev = 0.3; }; }," SMALL_ONE

/* No optimiser moves what is frozen, and neither decay does; nor do they move biases by decay. */
START_TEST(what_is_frozen_stays)
{
    for (size_t t = 0; inv_optim_types[t].name; t++) {
        inv_net *start = small_net(SMALL_FROZEN), *net = small_net(SMALL_FROZEN);
        const inv_block *output = inv_net_block(net, "output", "kernel");
        inv_train_spec spec = descent;
        inv_optim_start(inv_optim_types[t].name, &spec.optimiser);
        spec.optimiser.momentum = spec.optimiser.decay = spec.weight_decay = 0.5;
        inv_learner *trainer = trainer_for(&spec, net, 5);
        take_steps(trainer, 9);
        ck_assert_int_eq(
            memcmp(inv_net_params(net), inv_net_params(start), output->offset * sizeof(float)), 0);
        ck_assert_int_ne(memcmp(inv_net_params(net) + output->offset,
                                inv_net_params(start) + output->offset,
                                output->size * sizeof(float)),
                         0);
        inv_learner_free(trainer);
        inv_net_free(start);
        inv_net_free(net);
    }
}
END_TEST

/* AdamW beside Adam, after a step from the same place: what decays falls by rate times decay; biases
 * do, as in Keras 3, unless decay_all says no. */
START_TEST(adamw_lets_parameters_decay)
{
    inv_net *start = small_net(SMALL_ONE), *net = small_net(SMALL_ONE);
    const inv_block *bias = inv_net_block(net, "output", "bias");
    inv_train_spec spec = descent, plain = descent;
    inv_net *without = small_net(SMALL_ONE);
    inv_optim_start("adamw", &spec.optimiser);
    ck_assert(spec.optimiser.decay_all);
    spec.optimiser.decay_all = _i == 0;
    spec.optimiser.decay = 10.0;
    inv_optim_start("adam", &plain.optimiser);
    inv_learner *trainer = trainer_for(&spec, net, 5), *other = trainer_for(&plain, without, 5);
    take_steps(trainer, 1);
    take_steps(other, 1);
    for (size_t k = 0; k < inv_net_size(net); k++) {
        const bool decays = _i == 0 || k < bias->offset || k >= bias->offset + bias->size;
        const double moved = (double)inv_net_params(net)[k] - inv_net_params(without)[k];
        ck_assert_double_eq_tol(moved, decays ? -0.01 * inv_net_params(start)[k] : 0.0, 2e-7);
    }
    inv_learner_free(trainer);
    inv_learner_free(other);
    inv_net_free(start);
    inv_net_free(net);
    inv_net_free(without);
}
END_TEST

/* ---- validation and stopping ---- */

START_TEST(validation_is_measured)
{
    static const char *const names[] = {"cross_entropy", "l1", "l2"};
    ck_assert_status(inv_dataset_set_validation(data, 113), INV_OK);
    for (size_t i = 0; i < 3; i++) {
        inv_train_spec spec = descent;
        inv_net *net = small_net(SMALL_TWO);
        size_t correct = 0;
        strcpy(spec.loss, names[i]);
        spec.validate = 4;
        inv_learner *trainer = trainer_for(&spec, net, 5);
        for (size_t step = 1; step <= 12; step++) {
            const inv_train_report report = take_steps(trainer, 1);
            ck_assert(report.validated == (step % 4 == 0));
            if (!report.validated)
                continue;
            const double loss = naive_loss(net, &data->validation, names[i], &correct) /
                                (i == 0 ? 113 : 113 * SMALL_CLASSES);
            ck_assert_double_eq_tol(report.validation_loss, loss, 1e-4 * loss);
            ck_assert_double_eq_tol(report.validation_accuracy, (double)correct / 113, 1e-9);
        }
        inv_learner_free(trainer);
        inv_net_free(net);
    }
}
END_TEST

/* It has three epochs' patience and learns too fast to get ever better. */
static const inv_train_spec impatient = {
    .epochs = 200,
    .batch = 70,
    .loss = "cross_entropy",
    .reduction = "mean",
    .optimiser = {.type = "adam", .rate = 3.0, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
    .schedule = {.type = "constant"},
    .stop = {.patience = 3, .by = "loss"}};

static void assert_stops(const char *by)
{
    inv_net *net = small_net(SMALL_TWO), *best = small_net(SMALL_TWO);
    inv_train_spec spec = impatient;
    double best_value = 0.0;
    size_t best_step = 0, waited = 0;
    strcpy(spec.stop.by, by);
    inv_learner *trainer = trainer_for(&spec, net, 5);
    while (!inv_learner_done(trainer)) {
        const inv_train_report report = take_steps(trainer, 1);
        const double value =
            strcmp(by, "loss") == 0 ? -report.validation_loss : report.validation_accuracy;
        if (!report.validated)
            continue;
        ck_assert_uint_eq(report.step % inv_trainer_epoch(trainer), 0);
        waited++;
        if (best_step == 0 || value > best_value) {
            best_value = value, best_step = report.step, waited = 0;
            memcpy(inv_net_params(best), inv_net_params(net), inv_net_size(net) * sizeof(float));
        }
        ck_assert(inv_learner_done(trainer) == (waited == 3));
    }
    ck_assert_uint_lt(inv_learner_count(trainer), inv_learner_steps(trainer));
    ck_assert_uint_eq(inv_trainer_best(trainer), best_step);
    ck_assert(small_same_params(net, best));
    inv_learner_free(trainer);
    inv_net_free(net);
    inv_net_free(best);
}

START_TEST(stops_and_keeps_the_best)
{
    ck_assert_status(inv_dataset_set_validation(data, 90), INV_OK);
    assert_stops("loss");
    assert_stops("accuracy");
}
END_TEST

START_TEST(a_gain_can_be_too_small)
{
    ck_assert_status(inv_dataset_set_validation(data, 90), INV_OK);
    inv_net *net = small_net(SMALL_TWO);
    inv_train_spec spec = impatient;
    spec.stop.least_gain = 1e6;
    inv_learner *trainer = trainer_for(&spec, net, 5);
    while (!inv_learner_done(trainer))
        take_steps(trainer, 1);
    ck_assert_uint_eq(inv_trainer_best(trainer), inv_trainer_epoch(trainer));
    ck_assert_uint_eq(inv_learner_count(trainer), 4 * inv_trainer_epoch(trainer));
    inv_learner_free(trainer);
    inv_net_free(net);
}
END_TEST

/* ---- bits ---- */

START_TEST(same_seed_same_bits)
{
    inv_net *a = trained(&adagrad, 5), *b = trained(&adagrad, 5), *c = trained(&adagrad, 6);
    inv_net *start = small_net(SMALL_FOUR);
    ck_assert(small_same_params(a, b));
    ck_assert(!small_same_params(a, c));
    ck_assert(!small_same_params(a, start));
    inv_net_free(a);
    inv_net_free(b);
    inv_net_free(c);
    inv_net_free(start);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    static const size_t threads[] = {2, 3, 8};
    inv_train_spec spec = adagrad;
    spec.batch = 290; /* enough work for several threads */
    spec.steps = 20;
    inv_threads_set(1);
    inv_net *one = trained(&spec, 5);
    for (size_t t = 0; t < 3; t++) {
        inv_threads_set(threads[t]);
        ck_assert_uint_eq(inv_threads(), threads[t]);
        inv_net *more = trained(&spec, 5);
        ck_assert(small_same_params(one, more));
        inv_net_free(more);
    }
    inv_net_free(one);
}
END_TEST

/* Stopped after `at` steps (in the middle of an epoch, or at its end) and taken up by another. */
static void assert_resumes_as(const char *layers, const inv_train_spec *spec, size_t at,
                              uint64_t seed)
{
    inv_net *whole = trained_as(layers, spec, 5), *first = small_net(layers);
    inv_net *second = small_net(layers);
    inv_array state[INV_ARRAYS_MAX];
    inv_learner *trainer = trainer_for(spec, first, 5);
    take_steps(trainer, at);
    size_t count = inv_learner_state(trainer, state);
    small_saved saved = small_save(state, count, first);
    take_steps(trainer, 3); /* what came after the checkpoint is lost */
    inv_learner_free(trainer);
    trainer = trainer_for(spec, second, seed);
    take_steps(trainer, 2);
    count = inv_learner_state(trainer, state);
    small_load(&saved, state, count, second);
    ck_assert_status(inv_learner_restored(trainer), INV_OK);
    ck_assert_uint_eq(inv_learner_count(trainer), at);
    take_steps(trainer, spec->steps - at);
    ck_assert_uint_eq(inv_learner_count(trainer), spec->steps);
    ck_assert(small_same_params(whole, second));
    small_saved_free(&saved);
    inv_learner_free(trainer);
    inv_net_free(whole);
    inv_net_free(first);
    inv_net_free(second);
}

static void assert_resumes(const inv_train_spec *spec, size_t at)
{
    assert_resumes_as(SMALL_FOUR, spec, at, 99);
}

/* What dropout draws comes from the seed and the step, so the seed has to be the same. */
START_TEST(dropout_and_batch_norm_resume_bit_for_bit)
{
    static const char layers[] = SMALL_HIDDEN(
        "hidden1", "23") ", { name = \"drop1\"; type = \"dropout\"; rate = 0.25; },"
                         "{ name = \"hidden2\"; type = \"dense\"; units = 13; },"
                         "{ name = \"norm\"; type = \"batch_norm\"; activation = \"relu\"; },"
                         "{ name = \"drop2\"; type = \"dropout\"; }," SMALL_ONE;
    assert_resumes_as(layers, &adagrad, 1, 5);
    assert_resumes_as(layers, &adagrad, 32, 5);
    assert_resumes_as(layers, &descent, 33, 5);
    inv_net *a = trained_as(layers, &adagrad, 5), *b = trained_as(layers, &adagrad, 5);
    const inv_block *mean = inv_net_block(a, "norm", "mean");
    ck_assert(small_same_params(a, b));
    ck_assert(inv_net_params(a)[mean->offset] != 0.0f);
    inv_net_free(a);
    inv_net_free(b);
}
END_TEST

START_TEST(resumes_bit_for_bit)
{
    assert_resumes(&adagrad, 1);
    assert_resumes(&adagrad, 5);
    assert_resumes(&adagrad, 32);
    for (size_t t = 0; inv_optim_types[t].name; t++) {
        inv_train_spec spec = descent;
        inv_optim_start(inv_optim_types[t].name, &spec.optimiser);
        spec.optimiser.momentum = 0.5;
        spec.weight_decay = 0.25;
        spec.schedule = (inv_schedule){.type = "cosine", .warm_up = 7.0};
        assert_resumes(&spec, 32);
    }
}
END_TEST

/* In the middle of its patience too, and once it is over. */
START_TEST(stopping_resumes_bit_for_bit)
{
    inv_train_spec spec = impatient;
    ck_assert_status(inv_dataset_set_validation(data, 90), INV_OK);
    inv_net *net = small_net(SMALL_FOUR);
    inv_learner *trainer = trainer_for(&spec, net, 5);
    while (!inv_learner_done(trainer))
        take_steps(trainer, 1);
    spec.steps = inv_learner_count(trainer); /* of trained() and assert_resumes() */
    const size_t epoch = inv_trainer_epoch(trainer);
    inv_learner_free(trainer);
    inv_net_free(net);
    for (size_t back = 0; back < 4; back++)
        assert_resumes(&spec, spec.steps - back * epoch - (back ? 1 : 0));
}
END_TEST

/* Done, with the best parameters in the net, and then given more epochs: as if it had had them from
 * the start. */
START_TEST(more_epochs_go_on_from_the_last_parameters)
{
    inv_net *a = small_net(SMALL_TWO), *b = small_net(SMALL_TWO);
    inv_array state[INV_ARRAYS_MAX];
    inv_train_spec spec = impatient;
    ck_assert_status(inv_dataset_set_validation(data, 90), INV_OK);
    spec.stop.patience = 50;
    strcpy(spec.stop.by, "accuracy");
    spec.epochs = 12;
    inv_learner *trainer = trainer_for(&spec, a, 5);
    while (!inv_learner_done(trainer))
        take_steps(trainer, 1);
    ck_assert_uint_lt(inv_trainer_best(trainer), inv_learner_count(trainer));
    size_t count = inv_learner_state(trainer, state);
    small_saved saved = small_save(state, count, a);
    inv_learner_free(trainer);
    spec.epochs = 14;
    trainer = trainer_for(&spec, a, 99);
    count = inv_learner_state(trainer, state);
    small_load(&saved, state, count, a);
    ck_assert_status(inv_learner_restored(trainer), INV_OK);
    while (!inv_learner_done(trainer))
        take_steps(trainer, 1);
    inv_learner_free(trainer);
    trainer = trainer_for(&spec, b, 5);
    while (!inv_learner_done(trainer))
        take_steps(trainer, 1);
    ck_assert(small_same_params(a, b));
    small_saved_free(&saved);
    inv_learner_free(trainer);
    inv_net_free(a);
    inv_net_free(b);
}
END_TEST

START_TEST(lists_its_state)
{
    static const char *const names[] = {"accumulator", "order", "position", "generator", "step"};
    const inv_type types[] = {INV_FLOAT32, INV_UINT32, INV_UINT64, INV_UINT32, INV_UINT64};
    inv_array state[INV_ARRAYS_MAX];
    inv_net *net = small_net(SMALL_TWO);
    inv_learner *trainer = trainer_for(&adagrad, net, 5);
    take_steps(trainer, 7);
    ck_assert_uint_eq(inv_learner_state(trainer, state), 5);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(state[i].name, names[i]);
        ck_assert_int_eq(state[i].type, types[i]);
    }
    ck_assert_uint_eq(state[0].count, inv_net_size(net));
    ck_assert_uint_eq(state[1].count, SMALL_TRAIN);
    ck_assert_uint_eq(*(uint64_t *)state[2].data, 140); /* 5 batches an epoch, then 2 of 70 */
    ck_assert_uint_eq(*(uint64_t *)state[4].data, 7);
    inv_learner_free(trainer);
    trainer = trainer_for(&descent, net, 5);
    ck_assert_uint_eq(inv_learner_state(trainer, state), 4);
    ck_assert_str_eq(state[0].name, "order");
    inv_learner_free(trainer);
    inv_net_free(net);
}
END_TEST

/* Validation images are not trained on. */
START_TEST(trains_on_the_training_part)
{
    inv_net *net = small_net(SMALL_TWO);
    inv_array state[INV_ARRAYS_MAX];
    inv_learner *trainer = NULL;
    inv_train_spec spec = adagrad;
    ck_assert_status(inv_dataset_set_validation(data, 240), INV_OK);
    ck_assert_status(inv_trainer_alloc(&spec, net, data, 5, &trainer), INV_ECONFIG);
    ck_assert_ptr_null(trainer);
    ck_assert_message_has("training.batch: 70, but there are 60 images to train on");
    spec.batch = 60;
    trainer = trainer_for(&spec, net, 5);
    inv_learner_state(trainer, state);
    ck_assert_uint_eq(state[1].count, 60);
    size_t correct = 0;
    const double loss = naive_loss(net, &data->train, "cross_entropy", &correct); /* of the 60 */
    const inv_train_report report = take_steps(trainer, 1);
    ck_assert_double_eq_tol(report.loss, loss, 1e-4 * loss);
    inv_learner_free(trainer);
    inv_net_free(net);
}
END_TEST

/* A state out of which an image or a random number would be taken from beyond its array. */
START_TEST(a_state_that_cannot_be_is_refused)
{
    inv_net *net = small_net(SMALL_TWO);
    inv_array state[INV_ARRAYS_MAX];
    inv_learner *trainer = trainer_for(&adagrad, net, 5);
    take_steps(trainer, 3);
    ck_assert_uint_eq(inv_learner_state(trainer, state), 5);
    uint32_t *order = state[1].data, kept = order[SMALL_TRAIN - 1];
    uint64_t *position = state[2].data;
    uint32_t *next = (uint32_t *)state[3].data + 624; /* of MT19937 */
    order[SMALL_TRAIN - 1] = SMALL_TRAIN;
    ck_assert_status(inv_learner_restored(trainer), INV_EFORMAT);
    ck_assert_message_has("training: the saved state does not fit, so it cannot be continued");
    order[SMALL_TRAIN - 1] = kept;
    *position += SMALL_TRAIN;
    ck_assert_status(inv_learner_restored(trainer), INV_EFORMAT);
    *position -= SMALL_TRAIN;
    *next += 1000;
    ck_assert_status(inv_learner_restored(trainer), INV_EFORMAT);
    *next -= 2000; /* below 0 it is large */
    ck_assert_status(inv_learner_restored(trainer), INV_EFORMAT);
    *next += 1000;
    ck_assert_status(inv_learner_restored(trainer), INV_OK);
    take_steps(trainer, 3);
    inv_learner_free(trainer);
    ck_assert_status(inv_dataset_set_validation(data, 90), INV_OK);
    trainer = trainer_for(&impatient, net, 5);
    take_steps(trainer, 3);
    const size_t count = inv_learner_state(trainer, state);
    uint64_t *best_step = state[count - 3].data;
    float *best = state[count - 5].data;
    *best_step = 4;
    ck_assert_status(inv_learner_restored(trainer), INV_EFORMAT);
    *best_step = 0;
    best[7] = NAN;
    ck_assert_status(inv_learner_restored(trainer), INV_EFORMAT);
    best[7] = 0.5f;
    ck_assert_status(inv_learner_restored(trainer), INV_OK);
    inv_learner_free(trainer);
    inv_net_free(net);
}
END_TEST

/* ---- failures ---- */

START_TEST(says_when_numbers_are_no_longer_finite)
{
    inv_train_spec spec = {SMALL_USUAL,
                           .steps = 100,
                           .batch = 70,
                           .loss = "cross_entropy",
                           .reduction = "sum",
                           .weight_decay = 1e12,
                           .optimiser = {.type = "gradient_descent", .rate = 1e12}};
    inv_train_report report;
    inv_net *net = small_net(SMALL_FOUR);
    inv_learner *trainer = trainer_for(&spec, net, 5);
    inv_status status = INV_OK;
    for (size_t i = 0; i < 100 && status == INV_OK; i++)
        status = inv_learner_step(trainer, &report);
    ck_assert_int_eq(status, INV_ENUMERIC);
    ck_assert_message_has("training: step ");
    ck_assert_message_has("the loss is no longer finite; lower training.optimiser.rate");
    ck_assert(!isfinite(report.loss));
    inv_learner_free(trainer);
    inv_net_free(net);
    net = small_net(SMALL_ONE);
    spec.steps = 1; /* nobody would see the next loss */
    trainer = trainer_for(&spec, net, 5);
    inv_net_params(net)[0] = 1e20f;
    ck_assert_status(inv_learner_step(trainer, &report), INV_ENUMERIC);
    ck_assert_message_has("training: step 1: a parameter is no longer finite; lower");
    inv_learner_free(trainer);
    inv_net_free(net);
}
END_TEST

static void assert_refused(const inv_train_spec *spec, inv_net *net, inv_status expected,
                           const char *why)
{
    inv_learner *trainer = (inv_learner *)net;
    ck_assert_status(inv_trainer_alloc(spec, net, data, 5, &trainer), expected);
    ck_assert_ptr_null(trainer);
    ck_assert_message_has(why);
    inv_net_free(net);
}

START_TEST(refuses_what_does_not_fit)
{
    const inv_shape shape = {SMALL_HEIGHT, SMALL_WIDTH, 1};
    inv_train_spec spec = adagrad;
    assert_refused(&spec, small_net_for(SMALL_TWO, shape, 5), INV_ECONFIG,
                   "network: ends in 5 units, ");
    ck_assert_message_has("has 4 classes");
    assert_refused(&spec, small_net_for(SMALL_TWO, shape, 3), INV_ECONFIG,
                   "network: ends in 3 units, ");
    assert_refused(&spec, small_net_for(SMALL_TWO, (inv_shape){9, 6, 1}, 4), INV_ECONFIG,
                   "network: takes 54 values, an image of ");
    ck_assert_message_has("has 63");
    spec.batch = SMALL_TRAIN + 1;
    assert_refused(&spec, small_net(SMALL_TWO), INV_ECONFIG,
                   "training.batch: 301, but there are 300 images");
    ck_assert_message_has("--set training.batch=300");
    spec.batch = 1;
    assert_refused(&spec,
                   small_net("{ name = \"a\"; type = \"dense\"; units = 7; }, "
                             "{ name = \"norm\"; type = \"batch_norm\"; }, " SMALL_ONE),
                   INV_ECONFIG, "training.batch: norm has one value of each unit");
    spec = adagrad;
    spec.stop.patience = 2;
    assert_refused(&spec, small_net(SMALL_TWO), INV_ECONFIG,
                   "training.stop: there are no images to validate on; set some aside with "
                   "data.validation");
    spec = adagrad;
    spec.validate = 2;
    assert_refused(&spec, small_net(SMALL_TWO), INV_ECONFIG, "training.validate: there are no");
    spec = adagrad;
    strcpy(spec.optimiser.type, "magic");
    assert_refused(&spec, small_net(SMALL_TWO), INV_EINVAL, "there is no 'magic'");
    spec = adagrad;
    spec.batch = SMALL_TRAIN;
    inv_net *net = small_net(SMALL_TWO);
    inv_learner *trainer = trainer_for(&spec, net, 5);
    take_steps(trainer, 3);
    inv_learner_free(trainer);
    inv_learner_free(NULL);
    inv_net_free(net);
}
END_TEST

static inv_net *good_net;

static inv_status use_alloc(const void *spec)
{
    inv_learner *trainer = (inv_learner *)good_net;
    const inv_status status = inv_trainer_alloc(spec, good_net, data, 5, &trainer);
    ck_assert_ptr_null(trainer);
    return status;
}

START_TEST(bad_settings_are_refused)
{
    inv_train_spec spec = adagrad;
    good_net = small_net(SMALL_TWO);
    fields_must_be_checked(inv_train_fields, &spec, sizeof spec, use_alloc);
    for (const inv_choice *type = inv_optim_types; type->name; type++) {
        inv_optim_start(type->name, &spec.optimiser);
        strcpy(spec.schedule.type, strcmp(type->name, "sgd") == 0 ? "step" : "cosine");
        fields_must_be_checked(inv_train_fields, &spec, sizeof spec, use_alloc);
    }
    inv_net_free(good_net);
}
END_TEST

Suite *train_suite(void)
{
    Suite *suite = suite_create("train");
    TCase *tests = tcase_create("train");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, learns_with_any_number_of_layers);
    tcase_add_test(tests, an_epoch_adds_up);
    tcase_add_test(tests, steps_down_the_gradient);
    tcase_add_test(tests, epochs_are_whole_passes);
    tcase_add_test(tests, schedules_change_the_rate);
    tcase_add_test(tests, what_is_frozen_stays);
    tcase_add_loop_test(tests, adamw_lets_parameters_decay, 0, 2);
    tcase_add_test(tests, validation_is_measured);
    tcase_add_test(tests, stops_and_keeps_the_best);
    tcase_add_test(tests, a_gain_can_be_too_small);
    tcase_add_test(tests, same_seed_same_bits);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, resumes_bit_for_bit);
    tcase_add_test(tests, dropout_and_batch_norm_resume_bit_for_bit);
    tcase_add_test(tests, stopping_resumes_bit_for_bit);
    tcase_add_test(tests, more_epochs_go_on_from_the_last_parameters);
    tcase_add_test(tests, lists_its_state);
    tcase_add_test(tests, trains_on_the_training_part);
    tcase_add_test(tests, a_state_that_cannot_be_is_refused);
    tcase_add_test(tests, says_when_numbers_are_no_longer_finite);
    tcase_add_test(tests, refuses_what_does_not_fit);
    tcase_add_test(tests, bad_settings_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
