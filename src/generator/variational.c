/* variational: the decoder of a conditional variational autoencoder. While it learns, an encoder beside
 * it says which numbers an image may have come from; afterwards the decoder alone is kept, and numbers
 * that are drawn give images that were never seen.
 *
 * Source: see latent.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_randist.h>
#include <jansson.h>

#include "base/plural.h"
#include "generator/kind.h"
#include "generator/latent.h"
#include "inverse/parts.h"
#include "invproj/loss.h"
#include "learn/learner.h"

/* ---- settings ---- */

static const inv_choice losses[] = {
    {"bernoulli", "-log of the probability of the pixels, each black or white by chance"},
    {"squared", "sum of the squares of the differences of the pixels, from black 0 to white 1"},
    {0}};

#define AT(member) offsetof(inv_maker_spec, member)

static const inv_field fields[] = {
    INV_MAKER_FIELDS,
    {"encoder", INV_FIELD_JSON, AT(encoder), .topic = "layers",
     .help = "the layers from image and class to the numbers; a dense layer that gives their means "
             "and variances is added"},
    {"loss", INV_FIELD_NAME, AT(loss), .choices = losses, .topic = "losses",
     .help = "what is minimised of the image's way through the numbers and back"},
    {"divergence", INV_FIELD_REAL, AT(divergence), 0.0, 1e6,
     .help = "weight of the divergence of the numbers from normal ones, beside the loss; less "
             "gives sharper images, of which more are of no class"},
    {0}};

#define HIDDEN(name)                                                                               \
    "{\"name\":\"" name "\",\"type\":\"dense\",\"units\":400,\"activation\":\"relu\","             \
    "\"kernel\":{\"type\":\"he_normal\"}}"
#define LAYERS "[" HIDDEN("hidden1") "," HIDDEN("hidden2") "]"

const inv_maker_spec inv_maker_defaults = {
    .kind = "variational",
    .name = "generator",
    .latent = 16,
    .encoder = LAYERS,
    .decoder = LAYERS,
    .coarse = 1,
    .loss = "bernoulli",
    .divergence = 2.0,
    .steps = 12000,
    .batch = 100,
    .optimiser = {.type = "adam", .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
    .schedule = {.type = "cosine", .every = 10.0, .factor = 0.1},
    .spread = 0.95,
    .count = 10,
};

/* ---- the encoder ---- */

/* From [pixels, one-hot class] to a code (latent.h). */
static inv_status build_encoder(const inv_maker_spec *spec, const inv_dataset *data, inv_net **out)
{
    const inv_shape inputs = {1, 1, inv_shape_size(data->shape) + data->classes};
    json_t *list = json_array();
    size_t units = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_maker_add_layers(spec->encoder, "generator.encoder", inputs, list, &units));
    INV_TRY(inv_parts_add(list, inv_maker_dense("code", 2 * spec->latent)));
    INV_TRY(inv_parts_build(list, inputs, "generator", out));
done:
    json_decref(list);
    return status;
}

/* ---- the learner ---- */

typedef struct inv_variational {
    inv_learner base; /* whose gradient and optimiser are the decoder's */
    inv_maker_spec spec;
    const inv_part *train;
    inv_pixels pixels;
    size_t classes;
    uint64_t seed;
    inv_net *decoder, *encoder;
    inv_pass *encoding, *decoding;
    inv_optim *encoder_optim;
    float *encoder_gradient;
    char names[INV_ARRAYS_MAX][INV_NAME_MAX]; /* of that optimiser's state */
    gsl_rng *rng;                             /* of the noise */
    /* Of a batch: [pixels, class], [numbers, class] and their gradients, and the noise. */
    gsl_matrix_float *x, *z, *dz, *noise, *dcode, *dy, *work;
    double *row_loss;
} inv_variational;

static bool is_bernoulli(const inv_variational *v)
{
    return strcmp(v->spec.loss, "bernoulli") == 0;
}

/* Columns first .. first + cols - 1 of the first `rows` rows of m. */
static gsl_matrix_float columns_of(const gsl_matrix_float *m, size_t rows, size_t first,
                                   size_t cols)
{
    gsl_matrix_float view = inv_mat_head(m, rows);
    view.data += first;
    view.size2 = cols;
    return view;
}

/* x = (x - black) / (white - black) */
static void scale_pixels(const inv_pixels *pixels, gsl_matrix_float *x)
{
    const float black = (float)pixels->black;
    const float factor = (float)(1.0 / (pixels->white - pixels->black));
    if (pixels->black == 0.0 && pixels->white == 1.0)
        return;
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j++)
            x->data[i * x->tda + j] = (x->data[i * x->tda + j] - black) * factor;
}

static void set_classes(const inv_variational *v, const uint32_t *index, gsl_matrix_float *to)
{
    gsl_matrix_float_set_zero(to);
    for (size_t i = 0; i < to->size1; i++)
        gsl_matrix_float_set(to, i, v->train->labels[index[i]], INV_MAKER_CLASS);
}

/* The n images of the batch and their classes, and the noise of this step. */
static void fill_batch(inv_variational *v, const uint32_t *index, size_t n)
{
    gsl_matrix_float images = columns_of(v->x, n, 0, v->train->pixels);
    gsl_matrix_float x_class = columns_of(v->x, n, v->train->pixels, v->classes);
    gsl_matrix_float z_class = columns_of(v->z, n, v->spec.latent, v->classes);
    inv_part_gather(v->train, index, n, &images);
    scale_pixels(&v->pixels, &images);
    set_classes(v, index, &x_class);
    set_classes(v, index, &z_class);
    gsl_rng_set(v->rng, (unsigned long)inv_rng_mix(v->seed, v->base.step));
    for (size_t i = 0; i < n * v->spec.latent; i++)
        v->noise->data[i] = (float)gsl_ran_gaussian_ziggurat(v->rng, 1.0);
}

/* Returns the sum over the batch of what the images lose; dy is its gradient, over n. */
static double reconstruction(inv_variational *v, const gsl_matrix_float *y, gsl_matrix_float *dy)
{
    const gsl_matrix_float images = columns_of(v->x, y->size1, 0, v->train->pixels);
    const float weight = 1.0f / (float)y->size1;
    double loss = 0.0;
    gsl_matrix_float_memcpy(dy, &images);
    if (is_bernoulli(v))
        return inv_latent_bernoulli(y, weight, v->row_loss, v->work, dy);
    loss = inv_loss_l2(y, dy, v->row_loss, dy);
    gsl_matrix_float_scale(dy, weight);
    return loss;
}

/* Both gradients of the batch's n images; sets the losses of the report. */
static void descend(inv_variational *v, size_t n, inv_variational_report *report)
{
    const uint64_t key = inv_rng_mix(v->seed, v->base.step);
    const inv_mode up = {true, .key = inv_rng_mix(key, 1)}, down = {true, .key = key};
    const gsl_matrix_float x = inv_mat_head(v->x, n), noise = inv_mat_head(v->noise, n);
    gsl_matrix_float z = inv_mat_head(v->z, n), dz = inv_mat_head(v->dz, n);
    gsl_matrix_float dy = inv_mat_head(v->dy, n), dcode = inv_mat_head(v->dcode, n);
    const gsl_matrix_float *code = inv_net_forward_in(v->encoder, v->encoding, &x, &up);
    inv_latent_sample(code, &noise, &z);
    const gsl_matrix_float *y = inv_net_forward_in(v->decoder, v->decoding, &z, &down);
    report->reconstruction = reconstruction(v, y, &dy) / (double)n;
    report->divergence = inv_latent_divergence(code) / (double)n;
    report->loss = report->reconstruction + v->spec.divergence * report->divergence;
    memset(v->base.gradient, 0, inv_net_size(v->decoder) * sizeof(float));
    memset(v->encoder_gradient, 0, inv_net_size(v->encoder) * sizeof(float));
    inv_net_backward(v->decoder, v->decoding, &dy, v->base.gradient, &dz);
    inv_latent_gradient(code, &noise, &dz, (float)(v->spec.divergence / (double)n), &dcode);
    inv_net_backward(v->encoder, v->encoding, &dcode, v->encoder_gradient, NULL);
}

static inv_status step(inv_learner *base, void *out)
{
    inv_variational *v = (inv_variational *)base;
    inv_variational_report *report = out;
    const uint32_t *index = NULL;
    const size_t n = inv_batches_next(base->batches, &index);
    const double factor = inv_schedule_factor(&v->spec.schedule, 1, base->step, base->steps);
    *report =
        (inv_variational_report){.step = base->step + 1, .rate = v->spec.optimiser.rate * factor};
    fill_batch(v, index, n);
    descend(v, n, report);
    inv_net_keep(v->encoder, v->encoding);
    inv_net_keep(v->decoder, v->decoding);
    inv_optim_set_rate(base->optim, report->rate);
    inv_optim_set_rate(v->encoder_optim, report->rate);
    inv_status status = inv_learner_descend(base, report->loss, v->decoder);
    if (status == INV_OK)
        inv_learner_move(v->encoder_optim, 0.0, v->encoder_gradient, v->encoder);
    return status;
}

/* The encoder, and what its optimiser carries, under names of their own. */
static size_t list_state(inv_learner *base, inv_array state[INV_ARRAYS_MAX], size_t count)
{
    inv_variational *v = (inv_variational *)base;
    const size_t first = count;
    count += inv_optim_state(v->encoder_optim, state + count);
    for (size_t i = first; i < count; i++) {
        snprintf(v->names[i], sizeof v->names[i], "encoder_%s", state[i].name);
        state[i].name = v->names[i];
    }
    state[count++] =
        (inv_array){"encoder", INV_FLOAT32, inv_net_params(v->encoder), inv_net_size(v->encoder)};
    return count;
}

static inv_status restored(inv_learner *base)
{
    const inv_variational *v = (const inv_variational *)base;
    const bool good = inv_all_finite(inv_net_params(v->encoder), inv_net_size(v->encoder));
    return good ? INV_OK : inv_learner_bad_state(base);
}

static void close_variational(inv_learner *base)
{
    inv_variational *v = (inv_variational *)base;
    gsl_matrix_float *const all[] = {v->x, v->z, v->dz, v->noise, v->dcode, v->dy, v->work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        inv_mat_free(all[i]);
    inv_pass_free(v->encoding);
    inv_pass_free(v->decoding);
    inv_optim_free(v->encoder_optim);
    inv_net_free(v->encoder);
    inv_rng_free(v->rng);
    free(v->encoder_gradient);
    free(v->row_loss);
}

#define COLUMN(name, type, member)                                                                 \
    {                                                                                              \
        "history/" name, type, offsetof(inv_variational_report, member), false                     \
    }

static const inv_column columns[] = {COLUMN("step", INV_UINT64, step),
                                     COLUMN("loss", INV_FLOAT32, loss),
                                     COLUMN("reconstruction", INV_FLOAT32, reconstruction),
                                     COLUMN("divergence", INV_FLOAT32, divergence),
                                     COLUMN("rate", INV_FLOAT32, rate),
                                     {0}};

static const inv_learner_type variational_type = {
    "generator", columns, SIZE_MAX, step, NULL, list_state, restored, close_variational};

/* ---- making one ---- */

static inv_status check(const inv_maker_spec *spec, const inv_dataset *data)
{
    const size_t images = data->train.count;
    if (spec->batch > images)
        return INV_ERROR(INV_ECONFIG,
                         "generator.batch: %zu, but there %s %zu %s to train on; make it smaller, "
                         "as with --set generator.batch=%zu",
                         spec->batch, inv_plural(images, "is", "are"), images,
                         inv_plural(images, "image", "images"), images);
    return INV_OK;
}

static inv_status open_batch(inv_variational *v)
{
    const size_t batch = v->spec.batch, numbers = v->spec.latent, pixels = v->train->pixels;
    const size_t last =
        inv_net_depth(v->decoder) - INV_MAKER_END_LAYERS + (is_bernoulli(v) ? 0 : 1);
    void *row_loss = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_mat_alloc(batch, pixels + v->classes, "images", &v->x));
    INV_TRY(inv_mat_alloc(batch, numbers + v->classes, "numbers", &v->z));
    INV_TRY(inv_mat_alloc(batch, numbers + v->classes, "gradients", &v->dz));
    INV_TRY(inv_mat_alloc(batch, numbers, "noise", &v->noise));
    INV_TRY(inv_mat_alloc(batch, 2 * numbers, "gradients", &v->dcode));
    INV_TRY(inv_mat_alloc(batch, pixels, "gradients", &v->dy));
    INV_TRY(inv_mat_alloc(batch, pixels, "probabilities", &v->work));
    INV_TRY(inv_calloc(batch, sizeof(double), "losses", &row_loss));
    v->row_loss = row_loss;
    INV_TRY(inv_pass_alloc(v->encoder, 0, inv_net_depth(v->encoder), batch, INV_PASS_BOTH,
                           &v->encoding));
    INV_TRY(inv_pass_alloc(v->decoder, 0, last, batch, INV_PASS_BOTH, &v->decoding));
done:
    return status;
}

static inv_status open_encoder(inv_variational *v, const inv_dataset *data)
{
    void *gradient = NULL;
    inv_status status = INV_OK;
    INV_TRY(build_encoder(&v->spec, data, &v->encoder));
    INV_TRY(inv_optim_alloc(&v->spec.optimiser, inv_net_size(v->encoder), &v->encoder_optim));
    INV_TRY(inv_calloc(inv_net_size(v->encoder), sizeof(float), "gradient", &gradient));
    v->encoder_gradient = gradient;
done:
    return status;
}

/* The initial values: of the encoder, then of the decoder. The stream then gives the noise. */
static inv_status draw_parameters(inv_variational *v)
{
    inv_status status = inv_rng_alloc(v->seed, "generator", &v->rng);
    if (status != INV_OK)
        return status;
    inv_net_init(v->encoder, v->rng);
    inv_net_init(v->decoder, v->rng);
    return INV_OK;
}

static inv_status learner(const inv_maker_spec *spec, inv_net *decoder,
                          const inv_maker_material *material, uint64_t seed, inv_learner **out)
{
    const inv_dataset *data = material->data;
    void *memory = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check(spec, data));
    INV_TRY(inv_calloc(1, sizeof(inv_variational), "generator", &memory));
    inv_variational *v = memory;
    v->base.type = &variational_type;
    v->spec = *spec;
    v->train = &data->train;
    v->pixels = data->pixels;
    v->classes = data->classes;
    v->seed = seed;
    v->decoder = decoder;
    INV_TRY(inv_learner_open(&v->base, &variational_type, spec->steps, "generator batches", seed,
                             data->train.count, spec->batch, &spec->optimiser,
                             inv_net_size(decoder)));
    INV_TRY(open_encoder(v, data));
    INV_TRY(open_batch(v));
    INV_TRY(draw_parameters(v));
    *out = &v->base;
    return INV_OK;
done:
    inv_learner_free(memory);
    return status;
}

const inv_maker_kind inv_maker_variational = {"variational", fields, &inv_maker_defaults, true,
                                              learner};
