/* r2rt's inverse: it mirrors the layers below the point, with kernels of its own ("Inverting a Neural
 * Net").
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/plural.h"
#include "inverse/kind.h"
#include "inverse/loss.h"
#include "inverse/parts.h"
#include "invproj/encode.h"
#include "invproj/loss.h"
#include "learn/learner.h"
#include "learn/pieces.h"

static const inv_field fields[] = {
    {"steps", INV_FIELD_SIZE, offsetof(inv_inverse_spec, steps), 1, 1e9,
     .affects = INV_AFFECTS_LENGTH, .help = "number of steps"},
    {"batch", INV_FIELD_SIZE, offsetof(inv_inverse_spec, batch), 1, 1e6, .help = "images per step"},
    {"confidence", INV_FIELD_REAL, offsetof(inv_inverse_spec, confidence), 0.0, 1.0,
     .help = "learn only from images whose top class is more probable than this"},
    {"loss", INV_FIELD_NAME, offsetof(inv_inverse_spec, loss), .choices = inv_inverse_losses,
     .topic = "losses", .help = "quantity that learning minimises"},
    {"squash", INV_FIELD_REAL, offsetof(inv_inverse_spec, squash), 1e-6, 0.999999,
     .help = "fraction of an activation's range into which estimates of its values are scaled"},
    {"range_penalty", INV_FIELD_REAL, offsetof(inv_inverse_spec, range_penalty), 0.0, 1e12,
     .help = "weight of the penalty on estimates outside a sigmoid's or tanh's range"},
    INV_INIT_FIELD("kernel", offsetof(inv_inverse_spec, kernel), "initial values of the kernels"),
    INV_OPTIM_FIELD(offsetof(inv_inverse_spec, optimiser)),
    {0}};

/* ---- building ---- */

static inv_status build(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                        inv_net **out)
{
    const inv_mirror how = {spec->kernel, spec->squash, spec->range_penalty};
    json_t *list = json_array();
    inv_status status = INV_OK;
    INV_TRY(inv_parts_mirror(&how, net, point, list));
    INV_TRY(inv_parts_build(list, (inv_shape){1, 1, inv_net_units(net, point)}, "inverse", out));
    inv_parts_copy_frozen(net, inv_net_depth(*out), *out);
done:
    json_decref(list);
    return status;
}

/* ---- training ---- */

typedef struct inv_inverter {
    inv_learner base;
    inv_inverse_spec spec;
    inv_net *inverse;
    const inv_part *part;
    inv_pieces *pieces;
    gsl_matrix_float *codes; /* [images, units]: the values at the point, of every image */
    float *confidence;       /* of every image */
    uint32_t *kept;          /* which images of a batch are kept */
    inv_image_loss loss;
    double *row_loss;
} inv_inverter;

static inv_status alloc_buffers(inv_inverter *inverter, size_t units)
{
    const size_t batch = inverter->spec.batch;
    void *kept = NULL, *row_loss = NULL, *confidence = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(batch, sizeof(uint32_t), "a batch", &kept));
    inverter->kept = kept;
    INV_TRY(inv_calloc(batch, sizeof(double), "losses", &row_loss));
    inverter->row_loss = row_loss;
    INV_TRY(inv_calloc(inverter->part->count, sizeof(float), "confidences", &confidence));
    inverter->confidence = confidence;
    INV_TRY(inv_mat_alloc(inverter->part->count, units, "values of all images", &inverter->codes));
done:
    return status;
}

static inv_status check_confidence(const inv_inverter *inverter)
{
    float highest = 0.0f;
    for (size_t i = 0; i < inverter->part->count; i++)
        if (inverter->confidence[i] > highest)
            highest = inverter->confidence[i];
    if (highest > inverter->spec.confidence)
        return INV_OK;
    return INV_ERROR(
        INV_EDATA,
        "inverse.confidence: no image has a top class more probable than %.9g; the highest "
        "is %.9g: train longer or lower it",
        inverter->spec.confidence, (double)highest);
}

static inv_status draw_kernels(inv_net *inverse, uint64_t seed)
{
    gsl_rng *rng = NULL;
    inv_status status = inv_rng_alloc(seed, "inverse", &rng);
    if (status == INV_OK)
        inv_net_init(inverse, rng);
    inv_rng_free(rng);
    return status;
}

/* Lists the confident images of the next batch; returns how many. */
static size_t choose_kept(inv_inverter *inverter)
{
    const uint32_t *index = NULL;
    const size_t n = inv_batches_next(inverter->base.batches, &index);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (inverter->confidence[index[i]] > inverter->spec.confidence)
            inverter->kept[kept++] = index[i];
    return kept;
}

static void kept_codes(void *owner, size_t first, gsl_matrix_float *x)
{
    const inv_inverter *inverter = owner;
    inv_mat_gather(inverter->codes, inverter->kept + first, x->size1, x);
}

static double kept_loss(void *owner, size_t first, const gsl_matrix_float *y, gsl_matrix_float *dy)
{
    const inv_inverter *inverter = owner;
    inv_part_gather(inverter->part, inverter->kept + first, y->size1, dy); /* the images first */
    return inv_image_loss_rows(&inverter->loss, y, inverter->row_loss + first, dy);
}

static inv_status step(inv_learner *base, void *out)
{
    inv_inverter *inverter = (inv_inverter *)base;
    inv_inverse_report *report = out;
    const inv_task task = {inverter, kept_codes, kept_loss};
    const size_t kept = choose_kept(inverter);
    inverter->loss = inv_image_loss_at(inverter->spec.loss, base->step, base->steps);
    *report = (inv_inverse_report){.step = base->step + 1, .kept = kept};
    if (kept == 0) {
        base->step++;
        return INV_OK;
    }
    report->loss =
        inv_pieces_descend(inverter->pieces, &task, kept, &(inv_mode){0}, base->gradient);
    return inv_learner_descend(base, report->loss, inverter->inverse);
}

static void close_inverter(inv_learner *base)
{
    inv_inverter *inverter = (inv_inverter *)base;
    inv_pieces_free(inverter->pieces);
    inv_mat_free(inverter->codes);
    free(inverter->confidence);
    free(inverter->kept);
    free(inverter->row_loss);
}

static const inv_column columns[] = {
    {"history/step", INV_UINT64, offsetof(inv_inverse_report, step), false},
    {"history/loss", INV_FLOAT32, offsetof(inv_inverse_report, loss), false},
    {"history/kept", INV_UINT64, offsetof(inv_inverse_report, kept), false},
    {0}};

static const inv_learner_type inverter_type = {"inverse", columns, SIZE_MAX, step,
                                               .close = close_inverter};

static inv_status learner(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                          inv_net *inverse, const inv_dataset *data, uint64_t seed,
                          inv_learner **out)
{
    void *memory = NULL;
    inv_inverter *inverter = NULL;
    inv_status status = INV_OK;
    if (spec->batch > data->train.count)
        return INV_ERROR(INV_ECONFIG,
                         "inverse.batch: %zu, but there %s %zu %s to train on; make it smaller, as "
                         "with --set inverse.batch=%zu",
                         spec->batch, inv_plural(data->train.count, "is", "are"), data->train.count,
                         inv_plural(data->train.count, "image", "images"), data->train.count);
    INV_TRY(inv_calloc(1, sizeof *inverter, "inverter", &memory));
    inverter = memory;
    inverter->base.type = &inverter_type;
    inverter->spec = *spec;
    inverter->inverse = inverse;
    inverter->part = &data->train;
    INV_TRY(alloc_buffers(inverter, inv_net_units(net, point)));
    INV_TRY(draw_kernels(inverse, seed));
    INV_TRY(inv_learner_open(&inverter->base, &inverter_type, spec->steps, "inverting", seed,
                             data->train.count, spec->batch, &spec->optimiser,
                             inv_net_size(inverse)));
    INV_TRY(inv_pieces_alloc(inverse, inv_net_depth(inverse), spec->batch, &inverter->pieces));
    INV_TRY(inv_encode(net, inverter->part, point, inverter->codes, inverter->confidence, NULL));
    INV_TRY(check_confidence(inverter));
    *out = &inverter->base;
    return INV_OK;
done:
    inv_learner_free(memory);
    return status;
}

/* ---- the kind ---- */

#define DEFAULTS                                                                                   \
    .kind = "r2rt", .steps = 1000, .batch = 100, .loss = "l1", .squash = 0.99,                     \
    .range_penalty = 0.5, .kernel = {"truncated_normal", 0.1, 0.0},                                \
    .optimiser = {.type = "adagrad", .rate = 0.01, .accumulator = 0.1, .epsilon_inside = true}

static const inv_inverse_spec defaults = {.name = "r2rt", DEFAULTS};
const inv_inverse_spec inv_inverse_defaults = {.name = "inverse", DEFAULTS};

const inv_inverse_kind inv_inverse_r2rt = {
    .name = "r2rt",
    .fields = fields,
    .defaults = &defaults,
    .undoes = true,
    .build = build,
    .learner = learner,
};
