/* adversarial: a generator that learns without data, from what a frozen net says of its images, against
 * a student of the net, which learns from them alone. One step, for n images x of classes c, numbers
 * and classes drawn at random, each image moved a little by chance, t and s the logits of net and
 * student for it, K classes:
 *
 *     generator   one_hot mean -log softmax(t)_c - disagreement mean |t - s| + smoothness mean |x_p - x_q|
 *     student     mean |t - s|, `rehearsals` times: on these images, then on earlier ones
 *
 * The first term is of images that the net is sure of, evenly of all classes; the second looks
 * for what the student has not understood; the third (generator/smooth.h), the coarse image that a decoder
 * ends in, and the moves are what any image is like. The class is given, so that the generator is
 * drawn from as one that had data.
 *
 * Source: Chen et al. 2019, "Data-Free Learning of Student Networks" (one-hot, balance); Micaelli,
 * Storkey 2019, "Zero-shot Knowledge Transfer via Adversarial Belief Matching" (disagreement); Fang et
 * al. 2019, "Data-Free Adversarial Distillation" (its norm, of logits).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_randist.h>
#include <jansson.h>

#include "generator/kind.h"
#include "generator/smooth.h"
#include "inverse/parts.h"
#include "invproj/loss.h"
#include "invproj/transform.h"
#include "learn/learner.h"

/* ---- settings ---- */

#define AT(member) offsetof(inv_maker_spec, member)

static const inv_field fields[] = {
    INV_MAKER_FIELDS,
    {"student", INV_FIELD_JSON, AT(student), .topic = "layers",
     .help = "the layers of the student, from the image; a dense layer for the classes is added"},
    {"one_hot", INV_FIELD_REAL, AT(one_hot), 0.0, 1e6,
     .help = "weight of how sure the net is to be of the images' classes"},
    {"disagreement", INV_FIELD_REAL, AT(disagreement), 0.0, 1e6,
     .help = "weight of how far the logits of net and student are to lie apart"},
    {"smoothness", INV_FIELD_REAL, AT(smoothness), 0.0, 1e6,
     .help = "weight of how little neighbouring pixels are to differ"},
    {"jitter", INV_FIELD_REAL, AT(jitter), 0.0, 1e4,
     .help = "largest random shift of the images before they are read, in pixels"},
    {"turn", INV_FIELD_REAL, AT(turn), 0.0, 180.0,
     .help = "largest random rotation of the images, in degrees"},
    {"zoom", INV_FIELD_REAL, AT(zoom), 0.0, 0.9,
     .help = "largest random zoom of the images, as a fraction of their size"},
    {"rehearsals", INV_FIELD_SIZE, AT(rehearsals), 1, 1000,
     .help = "steps of the student for each of the generator"},
    {"memory", INV_FIELD_SIZE, AT(memory), 1, 1000000,
     .help = "images that are kept for the student to rehearse"},
    {0}};

#define HIDDEN(n, units)                                                                           \
    "{\"name\":\"hidden" n "\",\"type\":\"dense\",\"units\":" units                                \
    ",\"kernel\":{\"type\":\"he_normal\"}},"
#define NORMED(n)                                                                                  \
    HIDDEN(n, "400")                                                                               \
    "{\"name\":\"norm" n "\",\"type\":\"batch_norm\",\"momentum\":0.9},"                           \
    "{\"name\":\"relu" n "\",\"type\":\"relu\"}"
#define RELU(n) HIDDEN(n, "256") "{\"name\":\"relu" n "\",\"type\":\"relu\"}"

static const inv_maker_spec defaults = {
    .kind = "adversarial",
    .name = "generator",
    .latent = 64,
    .decoder = "[" NORMED("1") "," NORMED("2") "]",
    .coarse = 4,
    .steps = 2000,
    .batch = 100,
    .optimiser = {.type = "adam", .rate = 1e-3, .beta1 = 0.5, .beta2 = 0.999, .epsilon = 1e-7},
    .schedule = {.type = "cosine", .every = 10.0, .factor = 0.1},
    .spread = 1.0,
    .count = 10,
    .student = "[" RELU("1") "," RELU("2") "]",
    .one_hot = 1.0,
    .disagreement = 4.0,
    .jitter = 5.0,
    .turn = 30.0,
    .zoom = 0.35,
    .rehearsals = 5,
    .memory = 10000,
};

/* ---- the learner ---- */

typedef struct inv_adversarial {
    inv_learner base; /* whose gradient and optimiser are the decoder's */
    inv_maker_spec spec;
    inv_shape shape;
    inv_pixels pixels;
    size_t classes;
    uint64_t seed;
    const inv_net *teacher;
    inv_net *decoder, *student;
    inv_pass *making, *teaching, *learning; /* of decoder, teacher, student */
    inv_optim *student_optim;
    float *student_gradient;
    char names[INV_ARRAYS_MAX][INV_NAME_MAX]; /* of that optimiser's state */
    gsl_rng *rng;                             /* of all choices of a step, begun anew in each */
    unsigned char *memory;                    /* [spec.memory, pixels], from black 0 to white 255 */
    /* Of a batch: [numbers, class], images, moved ones, gradients of these, and of the logits. */
    gsl_matrix_float *z, *x, *moved, *dx, *dmoved, *dt, *ds;
    unsigned *labels;
    inv_move *moves;
    double *row_loss;
} inv_adversarial;

/* ---- images on their way to the nets ---- */

static double between(gsl_rng *rng, double most)
{
    return most * (2.0 * gsl_rng_uniform(rng) - 1.0);
}

/* A line has no place to be moved to. */
static void draw_moves(inv_adversarial *a)
{
    const inv_maker_spec *s = &a->spec;
    const bool is_plane = a->shape.height > 1 && a->shape.width > 1;
    for (size_t i = 0; i < s->batch; i++) {
        a->moves[i] = (inv_move){.zoom = 1.0};
        if (is_plane)
            a->moves[i] =
                (inv_move){between(a->rng, s->jitter), between(a->rng, s->jitter),
                           between(a->rng, s->turn * M_PI / 180.0), 1.0 + between(a->rng, s->zoom)};
    }
}

static void move(const inv_adversarial *a, const gsl_matrix_float *images)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < images->size1; i++)
        inv_move_apply(&a->moves[i], a->shape, (float)a->pixels.ground,
                       images->data + i * images->tda, a->moved->data + i * a->moved->tda);
}

static void move_back(const inv_adversarial *a)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < a->spec.batch; i++)
        inv_move_back(&a->moves[i], a->shape, a->dmoved->data + i * a->dmoved->tda,
                      a->dx->data + i * a->dx->tda);
}

/* ---- the memory ---- */

static size_t remembered(const inv_adversarial *a)
{
    const uint64_t most = a->spec.memory, seen = a->base.step * a->spec.batch;
    return (size_t)(seen < most ? seen : most);
}

/* The images take free places, then those of others by chance, so that some stay for long. */
static void remember(inv_adversarial *a, const gsl_matrix_float *images)
{
    const size_t pixels = inv_shape_size(a->shape), before = remembered(a);
    const double black = a->pixels.black, scale = 255.0 / (a->pixels.white - black);
    for (size_t i = 0; i < images->size1; i++) {
        const size_t free_place = before + i;
        const size_t place =
            free_place < a->spec.memory ? free_place : gsl_rng_uniform_int(a->rng, a->spec.memory);
        const float *from = images->data + i * images->tda;
        for (size_t j = 0; j < pixels; j++)
            a->memory[place * pixels + j] =
                (unsigned char)fmin(fmax(rint(((double)from[j] - black) * scale), 0.0), 255.0);
    }
}

/* Images of the first `count` places, by chance. */
static void recall(inv_adversarial *a, size_t count)
{
    const size_t pixels = inv_shape_size(a->shape);
    const float black = (float)a->pixels.black;
    const float scale = (float)((a->pixels.white - a->pixels.black) / 255.0);
    for (size_t i = 0; i < a->spec.batch; i++) {
        const unsigned char *from = a->memory + gsl_rng_uniform_int(a->rng, count) * pixels;
        float *to = a->x->data + i * a->x->tda;
        for (size_t j = 0; j < pixels; j++)
            to[j] = black + scale * (float)from[j];
    }
}

/* ---- the generator's half of a step ---- */

static void draw_numbers(inv_adversarial *a)
{
    gsl_matrix_float numbers = *a->z;
    numbers.size2 = a->spec.latent;
    gsl_matrix_float_set_zero(a->z);
    inv_maker_normal(a->rng, 1.0, &numbers);
    for (size_t i = 0; i < a->spec.batch; i++) {
        a->labels[i] = (unsigned)gsl_rng_uniform_int(a->rng, a->classes);
        gsl_matrix_float_set(a->z, i, a->spec.latent + a->labels[i], INV_MAKER_CLASS);
    }
}

/* Sets dt and ds, the gradients of the generator's objective at both nets' logits t and s. */
static void weigh(inv_adversarial *a, const gsl_matrix_float *t, const gsl_matrix_float *s,
                  inv_adversarial_report *report)
{
    const double n = (double)a->spec.batch, values = n * (double)a->classes;
    const float one_hot = (float)(a->spec.one_hot / n);
    const float apart = (float)(a->spec.disagreement / values);
    size_t correct = 0;
    report->one_hot = inv_loss_cross_entropy(t, a->labels, a->row_loss, a->dt, &correct) / n;
    report->disagreement = inv_loss_l1(s, t, a->row_loss, a->ds) / values;
    for (size_t k = 0; k < a->spec.batch * a->classes; k++) { /* ds is sign(s - t) */
        a->dt->data[k] = one_hot * a->dt->data[k] + apart * a->ds->data[k];
        a->ds->data[k] *= -apart;
    }
}

/* The gradient of the decoder's parameters; returns the images. */
static const gsl_matrix_float *descend(inv_adversarial *a, inv_adversarial_report *report)
{
    const inv_maker_spec *spec = &a->spec;
    const inv_mode mode = {true, .key = inv_rng_mix(a->seed, a->base.step)};
    const float white = (float)(a->pixels.white - a->pixels.black);
    draw_numbers(a);
    draw_moves(a);
    const gsl_matrix_float *x = inv_net_forward_in(a->decoder, a->making, a->z, &mode);
    move(a, x);
    weigh(a, inv_net_forward(a->teacher, a->teaching, a->moved),
          inv_net_forward(a->student, a->learning, a->moved), report);
    inv_net_backward(a->teacher, a->teaching, a->dt, NULL, a->dmoved);
    inv_net_backward(a->student, a->learning, a->ds, NULL, a->dx);
    gsl_matrix_float_add(a->dmoved, a->dx);
    move_back(a);
    report->smoothness = inv_smooth(a->shape, x, (float)(spec->smoothness / (double)spec->batch),
                                    white, a->row_loss, a->dx) /
                         (double)spec->batch;
    report->loss = spec->one_hot * report->one_hot - spec->disagreement * report->disagreement +
                   spec->smoothness * report->smoothness;
    memset(a->base.gradient, 0, inv_net_size(a->decoder) * sizeof(float));
    inv_net_backward(a->decoder, a->making, a->dx, a->base.gradient, NULL);
    return x;
}

/* ---- the student's half ---- */

static double agreement(const gsl_matrix_float *t, const gsl_matrix_float *s)
{
    size_t same = 0;
    for (size_t i = 0; i < t->size1; i++)
        same += inv_argmax(t->data + i * t->tda, t->size2) ==
                inv_argmax(s->data + i * s->tda, s->size2);
    return (double)same / (double)t->size1;
}

/* A step of the student on the images, moved anew. */
static void rehearse(inv_adversarial *a, const gsl_matrix_float *images,
                     inv_adversarial_report *report)
{
    const inv_mode mode = {true, .key = gsl_rng_get(a->rng)};
    const double values = (double)(a->spec.batch * a->classes);
    draw_moves(a);
    move(a, images);
    const gsl_matrix_float *t = inv_net_forward(a->teacher, a->teaching, a->moved);
    const gsl_matrix_float *s = inv_net_forward_in(a->student, a->learning, a->moved, &mode);
    report->student = inv_loss_l1(s, t, a->row_loss, a->ds) / values;
    report->agreement = agreement(t, s);
    gsl_matrix_float_scale(a->ds, (float)(1.0 / values));
    memset(a->student_gradient, 0, inv_net_size(a->student) * sizeof(float));
    inv_net_backward(a->student, a->learning, a->ds, a->student_gradient, NULL);
    inv_net_keep(a->student, a->learning);
    inv_learner_move(a->student_optim, 0.0, a->student_gradient, a->student);
}

static inv_status step(inv_learner *base, void *out)
{
    inv_adversarial *a = (inv_adversarial *)base;
    inv_adversarial_report *report = out;
    const size_t before = remembered(a);
    const double factor = inv_schedule_factor(&a->spec.schedule, 1, base->step, base->steps);
    *report =
        (inv_adversarial_report){.step = base->step + 1, .rate = a->spec.optimiser.rate * factor};
    gsl_rng_set(a->rng, (unsigned long)inv_rng_mix(a->seed, base->step));
    inv_optim_set_rate(base->optim, report->rate);
    inv_optim_set_rate(a->student_optim, report->rate);
    const gsl_matrix_float *x = descend(a, report);
    inv_net_keep(a->decoder, a->making);
    rehearse(a, x, report);
    for (size_t i = 1; i < a->spec.rehearsals && before > 0; i++) {
        recall(a, before);
        rehearse(a, a->x, report);
    }
    remember(a, x);
    return inv_learner_descend(base, report->loss, a->decoder);
}

/* ---- state ---- */

/* The student, what its optimiser carries, and the memory. */
static size_t list_state(inv_learner *base, inv_array state[INV_ARRAYS_MAX], size_t count)
{
    inv_adversarial *a = (inv_adversarial *)base;
    const size_t first = count, pixels = inv_shape_size(a->shape);
    count += inv_optim_state(a->student_optim, state + count);
    for (size_t i = first; i < count; i++) {
        snprintf(a->names[i], sizeof a->names[i], "student_%s", state[i].name);
        state[i].name = a->names[i];
    }
    state[count++] =
        (inv_array){"student", INV_FLOAT32, inv_net_params(a->student), inv_net_size(a->student)};
    state[count++] = (inv_array){"memory", INV_UINT8, a->memory, a->spec.memory * pixels};
    return count;
}

static inv_status restored(inv_learner *base)
{
    const inv_adversarial *a = (const inv_adversarial *)base;
    const bool good = inv_all_finite(inv_net_params(a->student), inv_net_size(a->student));
    return good ? INV_OK : inv_learner_bad_state(base);
}

static void close_adversarial(inv_learner *base)
{
    inv_adversarial *a = (inv_adversarial *)base;
    gsl_matrix_float *const all[] = {a->z, a->x, a->moved, a->dx, a->dmoved, a->dt, a->ds};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        inv_mat_free(all[i]);
    inv_pass_free(a->making);
    inv_pass_free(a->teaching);
    inv_pass_free(a->learning);
    inv_optim_free(a->student_optim);
    inv_net_free(a->student);
    inv_rng_free(a->rng);
    free(a->student_gradient);
    free(a->memory);
    free(a->labels);
    free(a->moves);
    free(a->row_loss);
}

#define COLUMN(name, type, member)                                                                 \
    {                                                                                              \
        "history/" name, type, offsetof(inv_adversarial_report, member), false                     \
    }

static const inv_column columns[] = {COLUMN("step", INV_UINT64, step),
                                     COLUMN("loss", INV_FLOAT32, loss),
                                     COLUMN("one_hot", INV_FLOAT32, one_hot),
                                     COLUMN("disagreement", INV_FLOAT32, disagreement),
                                     COLUMN("smoothness", INV_FLOAT32, smoothness),
                                     COLUMN("student", INV_FLOAT32, student),
                                     COLUMN("agreement", INV_FLOAT32, agreement),
                                     COLUMN("rate", INV_FLOAT32, rate),
                                     {0}};

_Static_assert(sizeof(inv_adversarial_report) <= INV_REPORT_MAX, "the history has room for it");

static const inv_learner_type adversarial_type = {
    "generator", columns, SIZE_MAX, step, NULL, list_state, restored, close_adversarial};

/* ---- making one ---- */

static inv_status check(const inv_maker_material *m)
{
    const inv_shape shape = inv_net_shape(m->net, 0);
    const size_t classes = inv_net_units(m->net, inv_net_depth(m->net));
    if (classes < 2)
        return INV_ERROR(INV_ECONFIG, "generator: the net has one output, so there are no classes "
                                      "for images to be of");
    if (inv_shape_size(shape) != inv_shape_size(m->shape) || classes != m->classes)
        return INV_ERROR(INV_EINVAL,
                         "generator: images of %zu values in %zu classes; the net takes %zu, and "
                         "tells %zu apart",
                         inv_shape_size(m->shape), m->classes, inv_shape_size(shape), classes);
    return INV_OK;
}

static inv_status open_student(inv_adversarial *a)
{
    json_t *list = json_array();
    void *gradient = NULL;
    size_t units = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_maker_add_layers(a->spec.student, "generator.student", a->shape, list, &units));
    INV_TRY(inv_parts_add(list, inv_maker_dense("output", a->classes)));
    INV_TRY(inv_parts_add(list, json_pack("{ss ss}", "name", "classes", "type", "softmax")));
    INV_TRY(inv_parts_build(list, a->shape, "generator.student", &a->student));
    INV_TRY(inv_optim_alloc(&a->spec.optimiser, inv_net_size(a->student), &a->student_optim));
    INV_TRY(inv_calloc(inv_net_size(a->student), sizeof(float), "gradient", &gradient));
    a->student_gradient = gradient;
done:
    json_decref(list);
    return status;
}

static inv_status open_batch(inv_adversarial *a)
{
    const size_t batch = a->spec.batch, pixels = inv_shape_size(a->shape);
    gsl_matrix_float **const images[] = {&a->x, &a->moved, &a->dx, &a->dmoved};
    void *memory = NULL, *labels = NULL, *moves = NULL, *row_loss = NULL;
    inv_status status = INV_OK;
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        INV_TRY(inv_mat_alloc(batch, pixels, "images", images[i]));
    INV_TRY(inv_mat_alloc(batch, a->spec.latent + a->classes, "numbers", &a->z));
    INV_TRY(inv_mat_alloc(batch, a->classes, "gradients", &a->dt));
    INV_TRY(inv_mat_alloc(batch, a->classes, "gradients", &a->ds));
    INV_TRY(inv_calloc(a->spec.memory, pixels, "memory of images", &memory));
    a->memory = memory;
    INV_TRY(inv_calloc(batch, sizeof *a->labels, "classes", &labels));
    a->labels = labels;
    INV_TRY(inv_calloc(batch, sizeof *a->moves, "moves", &moves));
    a->moves = moves;
    INV_TRY(inv_calloc(batch, sizeof *a->row_loss, "losses", &row_loss));
    a->row_loss = row_loss;
done:
    return status;
}

static inv_status open_passes(inv_adversarial *a)
{
    const size_t batch = a->spec.batch;
    inv_status status = INV_OK;
    INV_TRY(
        inv_pass_alloc(a->decoder, 0, inv_net_depth(a->decoder), batch, INV_PASS_BOTH, &a->making));
    INV_TRY(inv_pass_alloc(a->teacher, 0, inv_net_logits(a->teacher), batch, INV_PASS_BOTH,
                           &a->teaching));
    INV_TRY(inv_pass_alloc(a->student, 0, inv_net_logits(a->student), batch, INV_PASS_BOTH,
                           &a->learning));
done:
    return status;
}

/* The initial values: of the student, then of the decoder. */
static inv_status draw_parameters(inv_adversarial *a)
{
    inv_status status = inv_rng_alloc(a->seed, "generator", &a->rng);
    if (status != INV_OK)
        return status;
    inv_net_init(a->student, a->rng);
    inv_net_init(a->decoder, a->rng);
    return INV_OK;
}

static inv_status learner(const inv_maker_spec *spec, inv_net *decoder, const inv_maker_material *m,
                          uint64_t seed, inv_learner **out)
{
    void *memory = NULL;
    inv_status status = check(m);
    if (status == INV_OK)
        status = inv_calloc(1, sizeof(inv_adversarial), "generator", &memory);
    if (status != INV_OK)
        return status;
    inv_adversarial *a = memory;
    a->base.type = &adversarial_type;
    a->spec = *spec;
    a->shape = m->shape;
    a->pixels = m->pixels;
    a->classes = m->classes;
    a->seed = seed;
    a->teacher = m->net;
    a->decoder = decoder;
    /* there are no images to shuffle */
    INV_TRY(inv_learner_open(&a->base, &adversarial_type, spec->steps, "generator batches", seed, 1,
                             1, &spec->optimiser, inv_net_size(decoder)));
    INV_TRY(open_student(a));
    INV_TRY(open_batch(a));
    INV_TRY(open_passes(a));
    INV_TRY(draw_parameters(a));
    *out = &a->base;
    return INV_OK;
done:
    inv_learner_free(memory);
    return status;
}

const inv_net *inv_maker_student(const inv_learner *learner)
{
    return learner->type == &adversarial_type ? ((const inv_adversarial *)learner)->student : NULL;
}

const inv_maker_kind inv_maker_adversarial = {"adversarial", fields, &defaults, false, learner};
