/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "invproj/loss.h"
#include "invproj/rng.h"
#include "learn/early.h"
#include "learn/learner.h"
#include "learn/pieces.h"

static const inv_choice losses[] = {
    {"cross_entropy", "-log of the probability of an image's class"},
    {"l1", "sum of |output - 1| for an image's class and of |output| for the others"},
    {"l2", "sum of the squares of the same"},
    {0}};
static const inv_choice reductions[] = {
    {"sum", "their sum"}, {"mean", "their mean; for l1 and l2 over the outputs too"}, {0}};
static const inv_choice stop_by[] = {
    {"loss", "the loss, which should fall"}, {"accuracy", "the accuracy, which should rise"}, {0}};

const inv_train_spec inv_train_defaults = {
    .steps = 1000,
    .batch = 100,
    .loss = "cross_entropy",
    .reduction = "sum",
    .optimiser = {.type = "adagrad", .rate = 0.01, .accumulator = 0.1, .epsilon_inside = true},
    .schedule = {.type = "constant", .every = 10.0, .factor = 0.1},
    .stop = {.by = "loss"},
};

static const inv_field stop_fields[] = {
    {"patience", INV_FIELD_SIZE, offsetof(inv_stop_spec, patience), 0, 1e9,
     .help = "number of measurements without improvement after which training stops; 0: never"},
    {"by", INV_FIELD_NAME, offsetof(inv_stop_spec, by), .choices = stop_by,
     .help = "what is measured on the validation images"},
    {"least_gain", INV_FIELD_REAL, offsetof(inv_stop_spec, least_gain), 0.0, 1e12,
     .help = "smallest change that counts as an improvement"},
    {0}};

static const inv_field *stop_group(const char *type)
{
    (void)type;
    return stop_fields;
}

const inv_field inv_train_fields[] = {
    {"steps", INV_FIELD_SIZE, offsetof(inv_train_spec, steps), 1, 1e9,
     .affects = INV_AFFECTS_LENGTH, .help = "number of steps"},
    {"epochs", INV_FIELD_SIZE, offsetof(inv_train_spec, epochs), 0, 1e6,
     .affects = INV_AFFECTS_LENGTH,
     .help = "number of passes over the training images, instead of steps"},
    {"batch", INV_FIELD_SIZE, offsetof(inv_train_spec, batch), 1, 1e6, .help = "images per step"},
    {"loss", INV_FIELD_NAME, offsetof(inv_train_spec, loss), .choices = losses, .topic = "losses",
     .help = "quantity that training minimises"},
    {"reduction", INV_FIELD_NAME, offsetof(inv_train_spec, reduction), .choices = reductions,
     .help = "how the losses of a batch are combined"},
    {"weight_decay", INV_FIELD_REAL, offsetof(inv_train_spec, weight_decay), 0.0, 1e12,
     .help =
         "factor of the L2 penalty: this times each weight of a kernel is added to its gradient"},
    INV_OPTIM_FIELD(offsetof(inv_train_spec, optimiser)),
    {"schedule", INV_FIELD_GROUP, offsetof(inv_train_spec, schedule), .choices = inv_schedule_types,
     .topic = "schedules", .group = inv_schedule_fields,
     .help = "how the optimiser's rate changes"},
    {"validate", INV_FIELD_SIZE, offsetof(inv_train_spec, validate), 0, 1e9,
     .help = "steps between measurements on the validation images (epochs, where training counts "
             "epochs); 0: once per epoch where epochs or stop is given, otherwise never"},
    {"stop", INV_FIELD_GROUP, offsetof(inv_train_spec, stop), .group = stop_group,
     .help = "stop early, and keep the best parameters"},
    {0}};

typedef struct inv_trainer {
    inv_learner base;
    inv_train_spec spec;
    inv_net *net;
    const inv_part *part, *validation;
    uint64_t seed;
    size_t epoch, every; /* steps of an epoch, and between measurements (0: none) */
    inv_early early;
    inv_pieces *pieces;
    /* The batch: images `index` of `source`, or, where that is NULL, those from `first` on. */
    const inv_part *source;
    const uint32_t *index;
    size_t first;
    unsigned *labels; /* of the batch */
    double *row_loss;
    size_t correct;
    double weight; /* of the gradient */
} inv_trainer;

/* ---- what it needs ---- */

/* The layer, if there is one, that normalises a batch of one image to nothing: it works by the
 * statistics of the batch, of which it sees each channel once. */
static const char *lone_value(const inv_net *net)
{
    for (size_t i = 0; i < inv_net_depth(net); i++) {
        const inv_layer *layer = inv_net_layer(net, i);
        if (layer->type->keep && !layer->blocks[0].frozen &&
            layer->in.height * layer->in.width == 1)
            return layer->name;
    }
    return NULL;
}

static inv_status check(const inv_train_spec *spec, const inv_net *net, const inv_dataset *data)
{
    const size_t outputs = inv_net_units(net, inv_net_depth(net));
    inv_train_spec given = *spec;
    if (given.epochs > 0)
        given.steps = 1; /* it does not matter */
    inv_status status = inv_fields_check(inv_train_fields, &given, "training");
    if (status != INV_OK)
        return status;
    if (inv_net_units(net, 0) != data->train.pixels)
        return INV_ERROR(INV_ECONFIG, "network: takes %zu values, an image of %s has %zu",
                         inv_net_units(net, 0), data->name, data->train.pixels);
    if (outputs != data->classes)
        return INV_ERROR(INV_ECONFIG, "network: ends in %zu units, %s has %zu classes", outputs,
                         data->name, data->classes);
    if (spec->batch > data->train.count)
        return INV_ERROR(INV_ECONFIG,
                         "training.batch: %zu, but there %s %zu %s to train on; make it "
                         "smaller, as with --set training.batch=%zu",
                         spec->batch, inv_plural(data->train.count, "is", "are"), data->train.count,
                         inv_plural(data->train.count, "image", "images"), data->train.count);
    if (spec->batch == 1 && lone_value(net))
        return INV_ERROR(INV_ECONFIG,
                         "training.batch: %s has one value of each unit in a batch of one image, "
                         "less its mean 0: nothing is learned; set training.batch=100 or so",
                         lone_value(net));
    if ((spec->stop.patience > 0 || spec->validate > 0) && data->validation.count == 0)
        return INV_ERROR(INV_ECONFIG,
                         "training.%s: there are no images to validate on; set some aside with "
                         "data.validation",
                         spec->validate > 0 ? "validate" : "stop");
    return INV_OK;
}

static bool is_cross_entropy(const inv_trainer *trainer)
{
    return strcmp(trainer->spec.loss, "cross_entropy") == 0;
}

/* Returns how many steps there are in all. */
static size_t set_lengths(inv_trainer *trainer)
{
    const inv_train_spec *spec = &trainer->spec;
    const bool wanted = spec->epochs > 0 || spec->stop.patience > 0;
    trainer->epoch = (trainer->part->count + spec->batch - 1) / spec->batch;
    if (spec->validate > 0)
        trainer->every = spec->validate * (spec->epochs ? trainer->epoch : 1);
    else if (wanted && trainer->validation->count > 0)
        trainer->every = trainer->epoch;
    return spec->epochs ? spec->epochs * trainer->epoch : spec->steps;
}

static inv_status alloc_batch(inv_trainer *trainer)
{
    const size_t last =
        is_cross_entropy(trainer) ? inv_net_logits(trainer->net) : inv_net_depth(trainer->net);
    const size_t batch = trainer->spec.batch;
    void *labels = NULL, *row_loss = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(batch, sizeof(unsigned), "labels", &labels));
    trainer->labels = labels;
    INV_TRY(inv_calloc(batch, sizeof(double), "losses", &row_loss));
    trainer->row_loss = row_loss;
    INV_TRY(inv_pieces_alloc(trainer->net, last, batch, &trainer->pieces));
done:
    return status;
}

/* ---- the objective ---- */

static void batch_input(void *owner, size_t first, gsl_matrix_float *x)
{
    const inv_trainer *trainer = owner;
    if (trainer->index)
        inv_part_gather(trainer->source, trainer->index + first, x->size1, x);
    else
        inv_part_rows(trainer->source, trainer->first + first, x->size1, x);
}

/* Of the logits, or of the outputs to one-hot targets. */
static double batch_loss(void *owner, size_t first, const gsl_matrix_float *y, gsl_matrix_float *dy)
{
    inv_trainer *trainer = owner;
    const unsigned *labels = trainer->labels + first;
    double *row_loss = trainer->row_loss + first, loss = 0.0;
    size_t correct = 0;
    if (is_cross_entropy(trainer)) {
        loss = inv_loss_cross_entropy(y, labels, row_loss, dy, &correct);
    } else {
        gsl_matrix_float_set_zero(dy); /* the targets first */
        for (size_t i = 0; i < y->size1; i++) {
            gsl_matrix_float_set(dy, i, labels[i], 1.0f);
            correct += inv_argmax(y->data + i * y->tda, y->size2) == labels[i];
        }
        loss = (strcmp(trainer->spec.loss, "l1") == 0 ? inv_loss_l1 : inv_loss_l2)(y, dy, row_loss,
                                                                                   dy);
    }
    if (trainer->weight != 1.0)
        gsl_matrix_float_scale(dy, (float)trainer->weight);
#pragma omp atomic
    trainer->correct += correct;
    return loss;
}

/* How many terms the loss of n images is the sum of: what reduction mean divides by. */
static double terms_of(const inv_trainer *trainer, size_t n)
{
    const size_t outputs = inv_net_units(trainer->net, inv_net_depth(trainer->net));
    return (double)n * (is_cross_entropy(trainer) ? 1.0 : (double)outputs);
}

static inv_task task_of(inv_trainer *trainer)
{
    return (inv_task){trainer, batch_input, batch_loss};
}

static void measure_validation(inv_trainer *trainer, inv_train_report *report)
{
    const inv_part *part = trainer->source = trainer->validation;
    const inv_task task = task_of(trainer);
    double loss = 0.0;
    trainer->correct = 0;
    trainer->index = NULL;
    for (size_t n, first = 0; first < part->count; first += n) {
        const size_t left = part->count - first, batch = trainer->spec.batch;
        n = left < batch ? left : batch;
        trainer->first = first;
        for (size_t i = 0; i < n; i++)
            trainer->labels[i] = part->labels[first + i];
        loss += inv_pieces_value(trainer->pieces, &task, n);
    }
    report->validated = true;
    report->validation_loss = loss / terms_of(trainer, part->count);
    report->validation_accuracy = (double)trainer->correct / (double)part->count;
}

/* ---- stepping ---- */

/* The loss of the next batch, and its gradient in the base. */
static void descend(inv_trainer *trainer, inv_train_report *report)
{
    inv_learner *base = &trainer->base;
    const inv_mode mode = {true, .key = inv_rng_mix(trainer->seed, base->step)};
    const inv_task task = task_of(trainer);
    const size_t n = inv_batches_next(base->batches, &trainer->index);
    const double terms = strcmp(trainer->spec.reduction, "mean") == 0 ? terms_of(trainer, n) : 1.0;
    trainer->source = trainer->part;
    trainer->correct = 0;
    trainer->weight = 1.0 / terms;
    for (size_t i = 0; i < n; i++)
        trainer->labels[i] = trainer->part->labels[trainer->index[i]];
    const double loss =
        inv_pieces_descend(trainer->pieces, &task, n, &mode, base->gradient) / terms;
    *report = (inv_train_report){
        .step = base->step + 1, .loss = loss, .accuracy = (double)trainer->correct / (double)n};
}

static inv_status step(inv_learner *base, void *out)
{
    inv_trainer *trainer = (inv_trainer *)base;
    inv_train_report *report = out;
    const inv_train_spec *spec = &trainer->spec;
    const double factor = inv_schedule_factor(&spec->schedule, spec->epochs ? trainer->epoch : 1,
                                              base->step, base->steps);
    descend(trainer, report);
    inv_pieces_keep(trainer->pieces, trainer->net);
    report->rate = spec->optimiser.rate * factor;
    inv_optim_set_rate(base->optim, report->rate);
    inv_status status = inv_learner_descend(base, report->loss, trainer->net);
    if (status == INV_OK && trainer->every > 0 && base->step % trainer->every == 0) {
        measure_validation(trainer, report);
        inv_early_note(&trainer->early, base->step, report->validation_loss,
                       report->validation_accuracy, inv_net_params(trainer->net));
    }
    if (status == INV_OK && inv_learner_done(base))
        inv_early_swap(&trainer->early, inv_net_params(trainer->net));
    return status;
}

size_t inv_trainer_epoch(const inv_learner *learner)
{
    return ((const inv_trainer *)learner)->epoch;
}

size_t inv_trainer_best(const inv_learner *learner)
{
    return ((const inv_trainer *)learner)->early.best_step;
}

/* ---- a learner ---- */

static bool is_over(const inv_learner *base)
{
    return inv_early_over(&((const inv_trainer *)base)->early);
}

static size_t list_state(inv_learner *base, inv_array state[INV_ARRAYS_MAX], size_t count)
{
    return inv_early_state(&((inv_trainer *)base)->early, state, count);
}

static inv_status restored(inv_learner *base)
{
    inv_trainer *trainer = (inv_trainer *)base;
    if (!inv_early_valid(&trainer->early, base->step))
        return inv_learner_bad_state(base);
    /* it was done once, and now has more steps */
    if (trainer->early.swapped && !inv_learner_done(base))
        inv_early_swap(&trainer->early, inv_net_params(trainer->net));
    return INV_OK;
}

static void close_trainer(inv_learner *base)
{
    inv_trainer *trainer = (inv_trainer *)base;
    inv_early_close(&trainer->early);
    inv_pieces_free(trainer->pieces);
    free(trainer->labels);
    free(trainer->row_loss);
}

#define COLUMN(name, type, member, validation)                                                     \
    {                                                                                              \
        name, type, offsetof(inv_train_report, member), validation                                 \
    }

static const inv_column columns[] = {
    COLUMN("history/step", INV_UINT64, step, false),
    COLUMN("history/loss", INV_FLOAT32, loss, false),
    COLUMN("history/accuracy", INV_FLOAT32, accuracy, false),
    COLUMN("history/rate", INV_FLOAT32, rate, false),
    COLUMN("validation/step", INV_UINT64, step, true),
    COLUMN("validation/loss", INV_FLOAT32, validation_loss, true),
    COLUMN("validation/accuracy", INV_FLOAT32, validation_accuracy, true),
    {0}};

static const inv_learner_type trainer_type = {
    "training", columns,      offsetof(inv_train_report, validated), step, is_over, list_state,
    restored,   close_trainer};

/* ---- making one ---- */

inv_status inv_trainer_alloc(const inv_train_spec *spec, inv_net *net, const inv_dataset *data,
                             uint64_t seed, inv_learner **out)
{
    void *memory = NULL;
    inv_trainer *trainer = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check(spec, net, data));
    INV_TRY(inv_calloc(1, sizeof *trainer, "trainer", &memory));
    trainer = memory;
    trainer->base.type = &trainer_type;
    trainer->spec = *spec;
    trainer->net = net;
    trainer->seed = seed;
    trainer->part = &data->train;
    trainer->validation = &data->validation;
    INV_TRY(inv_learner_open(&trainer->base, &trainer_type, set_lengths(trainer), "training", seed,
                             data->train.count, spec->batch, &spec->optimiser, inv_net_size(net)));
    trainer->base.weight_decay = spec->weight_decay;
    INV_TRY(inv_early_open(&trainer->early, &spec->stop, inv_net_size(net)));
    INV_TRY(alloc_batch(trainer));
    *out = &trainer->base;
    return INV_OK;
done:
    inv_learner_free(memory);
    return status;
}
