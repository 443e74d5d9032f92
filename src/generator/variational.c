/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/variational.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_randist.h>
#include <jansson.h>

#include "base/plural.h"
#include "generator/latent.h"
#include "inverse/parts.h"
#include "invproj/loss.h"
#include "learn/learner.h"

/* ---- settings ---- */

static const inv_choice losses[] = {
    {"bernoulli", "-log of the probability of the pixels, each black or white by chance"},
    {"squared", "sum of the squares of the differences of the pixels, from black 0 to white 1"},
    {0}};

const inv_field inv_variational_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(inv_variational_spec, name),
     .help = "name of the generator in the run file"},
    {"latent", INV_FIELD_SIZE, offsetof(inv_variational_spec, latent), 1, INV_LATENT_MAX,
     .help = "how many normal numbers an image is made of, beside its class"},
    {"encoder", INV_FIELD_JSON, offsetof(inv_variational_spec, encoder), .topic = "layers",
     .help = "the layers from image and class to the numbers; a dense layer that gives their means "
             "and variances is added"},
    {"decoder", INV_FIELD_JSON, offsetof(inv_variational_spec, decoder), .topic = "layers",
     .help = "the layers from numbers and class to the image; where they do not end in as many "
             "values as an image has, a dense layer that does is added"},
    {"loss", INV_FIELD_NAME, offsetof(inv_variational_spec, loss), .choices = losses,
     .topic = "losses",
     .help = "what is minimised of the image's way through the numbers and back"},
    {"divergence", INV_FIELD_REAL, offsetof(inv_variational_spec, divergence), 0.0, 1e6,
     .help = "weight of the divergence of the numbers from normal ones, beside the loss; less "
             "gives sharper images, of which more are of no class"},
    {"steps", INV_FIELD_SIZE, offsetof(inv_variational_spec, steps), 1, 1e9,
     .affects = INV_AFFECTS_LENGTH, .help = "number of steps"},
    {"batch", INV_FIELD_SIZE, offsetof(inv_variational_spec, batch), 1, 1e6,
     .help = "images per step"},
    INV_OPTIM_FIELD(offsetof(inv_variational_spec, optimiser)),
    {"schedule", INV_FIELD_GROUP, offsetof(inv_variational_spec, schedule),
     .choices = inv_schedule_types, .topic = "schedules", .group = inv_schedule_fields,
     .help = "how the optimiser's rate changes"},
    {"spread", INV_FIELD_REAL, offsetof(inv_variational_spec, spread), 1e-6, 1e6,
     .help = "standard deviation of the numbers that are drawn for images; below 1 they are more "
             "alike and more often recognised"},
    {"count", INV_FIELD_SIZE, offsetof(inv_variational_spec, count), 1, 100000,
     .help = "images of each class that run draws when it is learned"},
    {0}};

#define HIDDEN(name)                                                                               \
    "{\"name\":\"" name "\",\"type\":\"dense\",\"units\":400,\"activation\":\"relu\","             \
    "\"kernel\":{\"type\":\"he_normal\"}}"
#define LAYERS "[" HIDDEN("hidden1") "," HIDDEN("hidden2") "]"

const inv_variational_spec inv_variational_defaults = {
    .name = "generator",
    .latent = 16,
    .encoder = LAYERS,
    .decoder = LAYERS,
    .loss = "bernoulli",
    .divergence = 2.0,
    .steps = 12000,
    .batch = 100,
    .optimiser = {.type = "adam", .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
    .schedule = {.type = "cosine", .every = 10.0, .factor = 0.1},
    .spread = 0.95,
    .count = 10,
};

/* ---- the two nets ---- */

/* What the element of an image's class is, in place of 1. There are more numbers than that one
 * element, and more pixels: with 1 the numbers come to say the class too, and half of the images that
 * are drawn are of another (0.53 recognised after 4,000 steps on MNIST, 0.92 with 4). */
#define CLASS_VALUE 4.0f

/* Appends the layers that `text` lists, built alone first, so that a message counts them as they were
 * written; *units is how many values they end in. */
static inv_status add_layers(const char *text, const char *where, size_t inputs, json_t *list,
                             size_t *units)
{
    json_t *given = *text ? json_loads(text, 0, NULL) : json_array(), *layer = NULL;
    inv_net *alone = NULL;
    size_t i = 0;
    inv_status status = INV_OK;
    *units = inputs;
    if (json_array_size(given) == 0)
        goto done;
    INV_TRY(inv_parts_build(given, (inv_shape){1, 1, inputs}, where, &alone));
    *units = inv_net_units(alone, inv_net_depth(alone));
    json_array_foreach(given, i, layer) INV_TRY(inv_parts_add(list, json_incref(layer)));
done:
    inv_net_free(alone);
    json_decref(given);
    return status;
}

static json_t *dense(const char *name, size_t units)
{
    return json_pack("{ss ss sI s{ss}}", "name", name, "type", "dense", "units", (json_int_t)units,
                     "kernel", "type", "glorot_uniform");
}

/* From [pixels, one-hot class] to a code (latent.h). */
static inv_status build_encoder(const inv_variational_spec *spec, const inv_dataset *data,
                                inv_net **out)
{
    const size_t inputs = inv_shape_size(data->shape) + data->classes;
    json_t *list = json_array();
    size_t units = 0;
    inv_status status = INV_OK;
    INV_TRY(add_layers(spec->encoder, "generator.encoder", inputs, list, &units));
    INV_TRY(inv_parts_add(list, dense("code", 2 * spec->latent)));
    INV_TRY(inv_parts_build(list, (inv_shape){1, 1, inputs}, "generator", out));
done:
    json_decref(list);
    return status;
}

/* What the decoder ends in, after its logits: "part", from 0 to 1, and "image", from black to white. */
#define END_LAYERS 2

static inv_status build_decoder(const inv_variational_spec *spec, const inv_dataset *data,
                                inv_net **out)
{
    const size_t inputs = spec->latent + data->classes, pixels = inv_shape_size(data->shape);
    const inv_pixels *p = &data->pixels;
    json_t *list = json_array();
    size_t units = 0;
    inv_status status = INV_OK;
    INV_TRY(add_layers(spec->decoder, "generator.decoder", inputs, list, &units));
    if (units != pixels || json_array_size(list) == 0)
        INV_TRY(inv_parts_add(list, dense("pixels", pixels)));
    INV_TRY(inv_parts_add(list, json_pack("{ss ss}", "name", "part", "type", "sigmoid")));
    INV_TRY(inv_parts_add(list, json_pack("{ss ss sf sf}", "name", "image", "type", "rescale",
                                          "scale", p->white - p->black, "offset", p->black)));
    INV_TRY(inv_parts_build(list, (inv_shape){1, 1, inputs}, "generator", out));
done:
    json_decref(list);
    return status;
}

inv_status inv_variational_build(const inv_variational_spec *spec, const inv_dataset *data,
                                 inv_net **out)
{
    inv_status status = inv_fields_check(inv_variational_fields, spec, "generator");
    *out = NULL;
    return status == INV_OK ? build_decoder(spec, data, out) : status;
}

/* ---- the learner ---- */

typedef struct inv_variational {
    inv_learner base; /* whose gradient and optimiser are the decoder's */
    inv_variational_spec spec;
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
        gsl_matrix_float_set(to, i, v->train->labels[index[i]], CLASS_VALUE);
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

static inv_status check(const inv_variational_spec *spec, const inv_net *decoder,
                        const inv_dataset *data)
{
    const size_t images = data->train.count;
    inv_net *wanted = NULL;
    inv_status status = inv_variational_build(spec, data, &wanted);
    if (status == INV_OK && strcmp(inv_net_describe(wanted), inv_net_describe(decoder)) != 0)
        status = INV_ERROR(INV_EINVAL, "generator: the net is not the decoder of these settings");
    inv_net_free(wanted);
    if (status == INV_OK && spec->batch > images)
        return INV_ERROR(INV_ECONFIG,
                         "generator.batch: %zu, but there %s %zu %s to train on; make it smaller, "
                         "as with --set generator.batch=%zu",
                         spec->batch, inv_plural(images, "is", "are"), images,
                         inv_plural(images, "image", "images"), images);
    return status;
}

static inv_status open_batch(inv_variational *v)
{
    const size_t batch = v->spec.batch, numbers = v->spec.latent, pixels = v->train->pixels;
    const size_t last = inv_net_depth(v->decoder) - END_LAYERS + (is_bernoulli(v) ? 0 : 1);
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

inv_status inv_variational_alloc(const inv_variational_spec *spec, inv_net *decoder,
                                 const inv_dataset *data, uint64_t seed, inv_learner **out)
{
    void *memory = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check(spec, decoder, data));
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

/* ---- drawing ---- */

static void draw_normal(gsl_rng *rng, double spread, gsl_matrix_float *to)
{
    for (size_t i = 0; i < to->size1; i++)
        for (size_t j = 0; j < to->size2; j++)
            gsl_matrix_float_set(to, i, j, (float)gsl_ran_gaussian_ziggurat(rng, spread));
}

inv_status inv_variational_latent(uint64_t seed, double spread, gsl_matrix_float *latent)
{
    gsl_rng *rng = NULL;
    inv_status status = inv_rng_alloc(seed, "latent values", &rng);
    if (status == INV_OK)
        draw_normal(rng, spread, latent);
    inv_rng_free(rng);
    return status;
}

inv_status inv_variational_walk(uint64_t seed, double spread, gsl_matrix_float *latent)
{
    const size_t n = latent->size1;
    gsl_matrix_float *ends = NULL;
    inv_status status = inv_mat_alloc(2, latent->size2, "ends of a walk", &ends);
    if (status == INV_OK)
        status = inv_variational_latent(seed, spread, ends);
    for (size_t i = 0; i < n && status == INV_OK; i++) {
        const double t = n > 1 ? M_PI_2 * (double)i / (double)(n - 1) : 0.0;
        for (size_t j = 0; j < latent->size2; j++)
            gsl_matrix_float_set(latent, i, j,
                                 (float)(cos(t) * gsl_matrix_float_get(ends, 0, j) +
                                         sin(t) * gsl_matrix_float_get(ends, 1, j)));
    }
    inv_mat_free(ends);
    return status;
}

static inv_status check_draw(const inv_net *decoder, const gsl_matrix_float *latent,
                             const unsigned *classes, const gsl_matrix_float *images)
{
    const size_t inputs = inv_net_units(decoder, 0), numbers = latent->size2;
    if (numbers >= inputs || inv_net_units(decoder, inv_net_depth(decoder)) != images->size2 ||
        images->size1 != latent->size1)
        return INV_ERROR(INV_EINVAL,
                         "generator: takes %zu values and gives images of %zu; asked for %zu "
                         "images of %zu from %zu rows of %zu numbers",
                         inputs, inv_net_units(decoder, inv_net_depth(decoder)), images->size1,
                         images->size2, latent->size1, numbers);
    for (size_t i = 0; i < images->size1; i++)
        if (classes[i] >= inputs - numbers)
            return INV_ERROR(INV_EINVAL, "generator: class %u does not exist (0 to %zu)",
                             classes[i], inputs - numbers - 1);
    return INV_OK;
}

#define ROWS_MOST ((size_t)1000) /* at a time */

/* Rows `first` and following; x is room for them. */
static void draw_rows(const inv_net *decoder, inv_pass *pass, const gsl_matrix_float *latent,
                      const unsigned *classes, size_t first, gsl_matrix_float *x,
                      gsl_matrix_float *images)
{
    gsl_matrix_float_set_zero(x);
    for (size_t i = 0; i < x->size1; i++) {
        memcpy(x->data + i * x->tda, latent->data + (first + i) * latent->tda,
               latent->size2 * sizeof(float));
        gsl_matrix_float_set(x, i, latent->size2 + classes[first + i], CLASS_VALUE);
    }
    const gsl_matrix_float *y = inv_net_forward(decoder, pass, x);
    for (size_t i = 0; i < x->size1; i++)
        memcpy(images->data + (first + i) * images->tda, y->data + i * y->tda,
               images->size2 * sizeof(float));
}

inv_status inv_variational_draw(const inv_net *decoder, const gsl_matrix_float *latent,
                                const unsigned *classes, gsl_matrix_float *images)
{
    const size_t n = images->size1, most = n < ROWS_MOST ? n : ROWS_MOST;
    gsl_matrix_float *room = NULL;
    inv_pass *pass = NULL;
    inv_status status = INV_OK;
    INV_TRY(check_draw(decoder, latent, classes, images));
    INV_TRY(inv_mat_alloc(most, inv_net_units(decoder, 0), "numbers and classes", &room));
    INV_TRY(inv_pass_alloc(decoder, 0, inv_net_depth(decoder), most, INV_PASS_FORWARD, &pass));
    for (size_t first = 0; first < n; first += most) {
        gsl_matrix_float x = inv_mat_head(room, n - first < most ? n - first : most);
        draw_rows(decoder, pass, latent, classes, first, &x, images);
    }
done:
    inv_pass_free(pass);
    inv_mat_free(room);
    return status;
}
