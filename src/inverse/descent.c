/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inverse/descent.h"

#include <stdlib.h>
#include <string.h>

#include "inverse/loss.h"
#include "inverse/parts.h"
#include "inverse/pinv.h"
#include "invproj/encode.h"
#include "learn/early.h"
#include "learn/learner.h"
#include "learn/pieces.h"

/* Values of all images are kept where they are no more than these; else each batch's are worked out
 * anew. */
#define VALUES_MOST ((size_t)1 << 25)

typedef struct inv_descent {
    inv_learner base;
    inv_inverse_spec spec;
    const inv_net *net;
    inv_net *inverse;
    const inv_part *train, *validation;
    uint64_t seed;
    size_t every; /* steps between measurements; 0: none */
    inv_early early;
    inv_pieces *pieces;
    inv_pixels pixels;
    gsl_matrix_float *all;   /* [images, units]: values of the training images, or NULL */
    inv_pass *pass;          /* else: up to the point, */
    gsl_matrix_float *x;     /* for images [batch, pixels], */
    gsl_matrix_float *batch; /* whose values stand here [batch, units] */
    double *row_loss;
    /* The batch: images `index` of the training part; those of the validation part from `first` on,
     * where it is NULL. */
    const uint32_t *index;
    size_t first;
    inv_image_loss loss;
} inv_descent;

/* ---- a batch ---- */

/* What stands at the point for the n images of the batch, where it is not kept. */
static void find_values(inv_descent *d, size_t n)
{
    const gsl_matrix_float x = inv_mat_head(d->x, n);
    if (d->index)
        inv_part_gather(d->train, d->index, n, d->x);
    else
        inv_part_rows(d->validation, d->first, n, d->x);
    const gsl_matrix_float *y = inv_net_forward(d->net, d->pass, &x);
    for (size_t i = 0; i < n; i++)
        memcpy(d->batch->data + i * d->batch->tda, y->data + i * y->tda,
               y->size2 * sizeof *y->data);
}

static void batch_values(void *owner, size_t first, gsl_matrix_float *x)
{
    const inv_descent *d = owner;
    if (d->index && d->all) {
        inv_mat_gather(d->all, d->index + first, x->size1, x);
        return;
    }
    for (size_t i = 0; i < x->size1; i++)
        memcpy(x->data + i * x->tda, d->batch->data + (first + i) * d->batch->tda,
               x->size2 * sizeof *x->data);
}

static double batch_loss(void *owner, size_t first, const gsl_matrix_float *y, gsl_matrix_float *dy)
{
    const inv_descent *d = owner;
    if (d->index) /* the images first */
        inv_part_gather(d->train, d->index + first, y->size1, dy);
    else
        inv_part_rows(d->validation, d->first + first, y->size1, dy);
    return inv_image_loss_rows(&d->loss, y, d->row_loss + first, dy);
}

/* A mean over n values, in the range of pixels. */
static void set_loss(inv_descent *d, const char *loss, size_t n)
{
    d->loss = inv_image_loss_at(loss, d->base.step, d->base.steps);
    d->loss.l1 /= (float)n;
    d->loss.l2 /= (float)n;
    d->loss.clips = true;
    d->loss.low = (float)d->pixels.black;
    d->loss.high = (float)d->pixels.white;
}

/* ---- stepping ---- */

/* By pixel and in the end, a mix is a sum of absolute differences. */
static double measure_validation(inv_descent *d)
{
    const inv_part *part = d->validation;
    const inv_task task = {d, batch_values, batch_loss};
    const bool squares = strcmp(d->spec.loss, "l2") == 0;
    double sum = 0.0;
    d->index = NULL;
    for (size_t n, first = 0; first < part->count; first += n) {
        const size_t left = part->count - first;
        n = left < d->spec.batch ? left : d->spec.batch;
        d->first = first;
        set_loss(d, squares ? "l2" : "l1", 1);
        find_values(d, n);
        sum += inv_pieces_value(d->pieces, &task, n);
    }
    return sum / (double)part->count / (double)part->pixels;
}

static inv_status step(inv_learner *base, void *out)
{
    inv_descent *d = (inv_descent *)base;
    inv_inverse_report *report = out;
    const inv_mode mode = {true, .key = inv_rng_mix(d->seed, base->step)};
    const inv_task task = {d, batch_values, batch_loss};
    const size_t n = inv_batches_next(base->batches, &d->index);
    const double factor = inv_schedule_factor(&d->spec.schedule, 1, base->step, base->steps);
    set_loss(d, d->spec.loss, n);
    if (!d->all)
        find_values(d, n);
    *report = (inv_inverse_report){.step = base->step + 1, .kept = n};
    report->loss = inv_pieces_descend(d->pieces, &task, n, &mode, base->gradient);
    inv_pieces_keep(d->pieces, d->inverse);
    report->rate = d->spec.optimiser.rate * factor;
    inv_optim_set_rate(base->optim, report->rate);
    inv_status status = inv_learner_descend(base, report->loss, d->inverse);
    if (status == INV_OK && d->every > 0 && base->step % d->every == 0) {
        report->validated = true;
        report->validation_loss = measure_validation(d);
        inv_early_note(&d->early, base->step, report->validation_loss, 0.0,
                       inv_net_params(d->inverse));
    }
    if (status == INV_OK && inv_learner_done(base))
        inv_early_swap(&d->early, inv_net_params(d->inverse));
    return status;
}

/* ---- a learner ---- */

static bool is_over(const inv_learner *base)
{
    return inv_early_over(&((const inv_descent *)base)->early);
}

static size_t list_state(inv_learner *base, inv_array state[INV_ARRAYS_MAX], size_t count)
{
    return inv_early_state(&((inv_descent *)base)->early, state, count);
}

static inv_status restored(inv_learner *base)
{
    inv_descent *d = (inv_descent *)base;
    if (!inv_early_valid(&d->early, base->step))
        return inv_learner_bad_state(base);
    /* it was done once, and now has more steps */
    if (d->early.swapped && !inv_learner_done(base))
        inv_early_swap(&d->early, inv_net_params(d->inverse));
    return INV_OK;
}

static void close_descent(inv_learner *base)
{
    inv_descent *d = (inv_descent *)base;
    inv_early_close(&d->early);
    inv_pieces_free(d->pieces);
    inv_pass_free(d->pass);
    inv_mat_free(d->all);
    inv_mat_free(d->x);
    inv_mat_free(d->batch);
    free(d->row_loss);
}

static const inv_column columns[] = {
    {"history/step", INV_UINT64, offsetof(inv_inverse_report, step), false},
    {"history/loss", INV_FLOAT32, offsetof(inv_inverse_report, loss), false},
    {"history/rate", INV_FLOAT32, offsetof(inv_inverse_report, rate), false},
    {"validation/step", INV_UINT64, offsetof(inv_inverse_report, step), true},
    {"validation/loss", INV_FLOAT32, offsetof(inv_inverse_report, validation_loss), true},
    {0}};

static const inv_learner_type descent_type = {
    "inverse", columns,      offsetof(inv_inverse_report, validated), step, is_over, list_state,
    restored,  close_descent};

/* ---- making one ---- */

static inv_status check(const inv_inverse_spec *spec, const inv_dataset *data)
{
    if (spec->batch > data->train.count)
        return INV_ERROR(
            INV_ECONFIG,
            "inverse.batch: %zu, but there are %zu images to train on; make it smaller, as "
            "with --set inverse.batch=%zu",
            spec->batch, data->train.count, data->train.count);
    if (spec->validate > 0 && data->validation.count == 0)
        return INV_ERROR(INV_ECONFIG, "inverse.validate: there are no images to validate on; set "
                                      "some aside with data.validation");
    return INV_OK;
}

static void set_every(inv_descent *d)
{
    const size_t count = d->train->count, batch = d->spec.batch;
    if (d->validation->count > 0)
        d->every = d->spec.validate > 0 ? d->spec.validate : (count + batch - 1) / batch;
}

static inv_status open_values(inv_descent *d, size_t point)
{
    const size_t units = inv_net_units(d->net, point), batch = d->spec.batch;
    void *row_loss = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(batch, sizeof(double), "losses", &row_loss));
    d->row_loss = row_loss;
    INV_TRY(inv_pass_alloc(d->net, 0, point, batch, INV_PASS_FORWARD, &d->pass));
    INV_TRY(inv_mat_alloc(batch, d->train->pixels, "images", &d->x));
    INV_TRY(inv_mat_alloc(batch, units, "values", &d->batch));
    if (units > VALUES_MOST / d->train->count)
        return INV_OK;
    INV_TRY(inv_mat_alloc(d->train->count, units, "values of all images", &d->all));
    INV_TRY(inv_encode(d->net, d->train, point, d->all, NULL, NULL));
done:
    return status;
}

static inv_status draw(const inv_descent *d, size_t point)
{
    gsl_rng *rng = NULL;
    size_t start = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_rng_alloc(d->seed, "inverse", &rng));
    inv_net_init(d->inverse, rng);
    inv_parts_set_range(&d->pixels, d->inverse);
    INV_TRY(inv_pinv_reach(&d->spec, d->net, point, &start));
    INV_TRY(inv_pinv_fit(d->net, inv_parts_before_values(d->inverse), d->inverse));
    INV_TRY(inv_parts_standardise(d->net, start, d->train, d->inverse));
done:
    inv_rng_free(rng);
    return status;
}

inv_status inv_descent_alloc(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                             inv_net *inverse, const inv_dataset *data, uint64_t seed,
                             inv_learner **out)
{
    const size_t size = inv_net_size(inverse);
    const bool stops = spec->patience > 0 && data->validation.count > 0;
    const inv_stop_spec stop = {stops ? spec->patience : 0, "loss", 0.0};
    void *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(check(spec, data));
    INV_TRY(inv_calloc(1, sizeof(inv_descent), "inverter", &memory));
    inv_descent *d = memory;
    d->base.type = &descent_type;
    d->spec = *spec;
    d->net = net;
    d->inverse = inverse;
    d->train = &data->train;
    d->validation = &data->validation;
    d->seed = seed;
    d->pixels = data->pixels;
    set_every(d);
    INV_TRY(inv_learner_open(&d->base, &descent_type, spec->steps, "inverting", seed,
                             data->train.count, spec->batch, &spec->optimiser, size));
    INV_TRY(inv_early_open(&d->early, &stop, size));
    INV_TRY(inv_pieces_alloc(inverse, inv_parts_unclipped(inverse), spec->batch, &d->pieces));
    INV_TRY(open_values(d, point));
    INV_TRY(draw(d, point));
    *out = &d->base;
    return INV_OK;
done:
    inv_learner_free(memory);
    return status;
}
