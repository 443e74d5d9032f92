/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/optimise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_multimin.h>
#include <gsl/gsl_randist.h>

#include "invproj/rng.h"
#include "invproj/transform.h"

#define OBJECTIVES_MAX (INV_TERMS_MAX + 1)

/* Draws of a row whose start has no gradient, as that of dead ReLUs, before it is taken as it is. */
#define STARTS_MOST 20

typedef enum rest { RUNNING, SURE, STALE } rest;

typedef struct row {
    rest rest;
    double best;  /* the least value so far */
    size_t since; /* steps without a better one */
    bool flat;    /* nothing leads from here towards what is asked for, whatever the terms and the
                     prior do; and so it was wherever it was drawn */
} row;

struct inv_optimisation {
    inv_optimise_spec spec;
    inv_optimise_task task;
    size_t rows, units, last; /* the highest point that is needed */
    bool moves, projects;     /* images are moved; bounds are kept by moving the variables */
    inv_parametrisation *parametrisation;
    inv_pass *pass;
    inv_optim *optim;
    gsl_rng *rng;
    size_t objective_count;
    inv_objective *objectives[OBJECTIVES_MAX];
    gsl_matrix_float *variables, *dvariables, *best; /* [rows, variables] */
    gsl_matrix_float *values, *dvalues;              /* [rows, units] */
    gsl_matrix_float *moved, *dmoved;                /* the same, moved about */
    inv_move *move;                                  /* [rows] */
    unsigned char *clipped;                          /* [rows, units] */
    gsl_matrix_float **gradients;   /* [last - at + 1]: NULL where there is no objective */
    const gsl_matrix_float **given; /* the same, for the way down */
    double *row_values;             /* [rows] */
    float *probability;             /* [rows] */
    row *row;                       /* [rows] */
    size_t step, restarted;
    gsl_multimin_fdfminimizer *bfgs;
    gsl_multimin_function_fdf bfgs_function;
};

const inv_choice inv_optimise_starts[] = {
    {"constant", "all variables at start"},
    {"uniform", "between start - spread and start + spread"},
    {"normal", "around start, with deviation spread"},
    {"class_mean", "the mean of the class's training images, and noise of deviation spread"},
    {"image", "a training image of the class, drawn by lot, and noise of deviation spread"},
    {"target", "the target itself, and noise of deviation spread"},
    {0}};

/* ---- keys ---- */

static const inv_field fields[] = {
    {"steps", INV_FIELD_SIZE, offsetof(inv_optimise_spec, steps), 1, 1e9,
     .help = "number of steps, at most"},
    INV_OPTIM_FIELD(offsetof(inv_optimise_spec, optimiser)),
    {"bfgs", INV_FIELD_BOOL, offsetof(inv_optimise_spec, bfgs),
     .help = "whether GSL's vector_bfgs2 takes the place of the optimiser"},
    {"unit_gradient", INV_FIELD_BOOL, offsetof(inv_optimise_spec, unit_gradient),
     .help = "whether each image's gradient is brought to length 1"},
    {"parametrisation", INV_FIELD_GROUP, offsetof(inv_optimise_spec, parametrisation),
     .choices = inv_parametrisation_types, .topic = "parametrisations",
     .group = inv_parametrisation_fields, .help = "how the optimised variables become values"},
    {"bounds", INV_FIELD_RANGE, offsetof(inv_optimise_spec, bounds), -1e30, 1e30,
     .help = "bounds of the values at every step, as in [0, 1]; none where not given"},
    {"from", INV_FIELD_NAME, offsetof(inv_optimise_spec, from), .choices = inv_optimise_starts,
     .topic = "starts", .help = "where the variables start"},
    {"start", INV_FIELD_REAL, offsetof(inv_optimise_spec, start), -1e6, 1e6,
     .help = "value at which, or around which, the variables start"},
    {"spread", INV_FIELD_REAL, offsetof(inv_optimise_spec, spread), 0.0, 1e6,
     .help =
         "spread of the start around that value: the largest distance or the standard deviation"},
    {"jitter", INV_FIELD_REAL, offsetof(inv_optimise_spec, jitter), 0.0, 100.0,
     .help = "largest random shift of the images, in pixels"},
    {"turn", INV_FIELD_REAL, offsetof(inv_optimise_spec, turn), 0.0, 180.0,
     .help = "largest random rotation of the images, in degrees"},
    {"zoom", INV_FIELD_REAL, offsetof(inv_optimise_spec, zoom), 0.0, 0.9,
     .help = "largest random zoom of the images, as a fraction of their size"},
    {"noise", INV_FIELD_REAL, offsetof(inv_optimise_spec, noise), 0.0, 1e6,
     .help = "standard deviation of the noise that is added to the values at each step"},
    {"blur_every", INV_FIELD_SIZE, offsetof(inv_optimise_spec, blur_every), 0, 1e9,
     .help = "steps between two blurs of the values; 0: no blur"},
    {"blur", INV_FIELD_REAL, offsetof(inv_optimise_spec, blur), 0.05, 100.0,
     .help = "standard deviation of the blur, in pixels"},
    {"least", INV_FIELD_SIZE, offsetof(inv_optimise_spec, minimum), 0, 1e9,
     .help = "minimum number of steps for each image"},
    {"until", INV_FIELD_REAL, offsetof(inv_optimise_spec, until), 0.0, 1.0,
     .help = "an image is finished once its class is this probable; 0: never"},
    {"patience", INV_FIELD_SIZE, offsetof(inv_optimise_spec, patience), 0, 1e9,
     .help = "an image is finished after this many steps without improvement; 0: never"},
    {"tolerance", INV_FIELD_REAL, offsetof(inv_optimise_spec, tolerance), 0.0, 1.0,
     .help = "fraction by which the value must fall to count as an improvement"},
    {"terms", INV_FIELD_LIST, offsetof(inv_optimise_spec, terms), .high = INV_TERMS_MAX,
     .items = offsetof(inv_optimise_spec, terms.items), .item_size = sizeof(inv_objective_spec),
     .item_default = &inv_objective_defaults, .group = inv_objective_fields,
     .choices = inv_objective_types, .topic = "objectives",
     .help = "further objectives and priors; the weighted sum of all is minimised"},
    {0}};

const inv_field *inv_optimise_fields(const char *type)
{
    (void)type;
    return fields;
}

static bool is(const char *name, const char *other)
{
    return strcmp(name, other) == 0;
}

bool inv_optimise_needs_gaussians(const inv_optimise_spec *spec)
{
    bool needs = is(spec->parametrisation.type, "whitened");
    for (size_t i = 0; i < spec->terms.count; i++)
        needs = needs || is(spec->terms.items[i].type, "gaussian");
    return needs;
}

static bool has_bounds(const inv_optimisation *o)
{
    return o->spec.bounds.low < o->spec.bounds.high;
}

/* ---- forward ---- */

static void clip(inv_optimisation *o)
{
    const float low = (float)o->spec.bounds.low, high = (float)o->spec.bounds.high;
    const size_t n = o->rows * o->units;
    float *x = o->values->data;
    for (size_t i = 0; i < n; i++) {
        o->clipped[i] = x[i] < low || x[i] > high;
        x[i] = x[i] < low ? low : x[i] > high ? high : x[i];
    }
}

static void write_values(inv_optimisation *o)
{
    inv_parametrisation_values(o->parametrisation, o->variables, o->values);
    if (has_bounds(o))
        clip(o);
}

static double draw(const gsl_rng *rng, double maximum)
{
    return maximum * (2.0 * gsl_rng_uniform(rng) - 1.0);
}

static void draw_moves(inv_optimisation *o)
{
    const inv_optimise_spec *s = &o->spec;
    for (size_t i = 0; i < o->rows; i++)
        o->move[i] = (inv_move){draw(o->rng, s->jitter), draw(o->rng, s->jitter),
                                draw(o->rng, s->turn * M_PI / 180.0), 1.0 + draw(o->rng, s->zoom)};
}

static bool moves_about(const inv_optimise_spec *s)
{
    return s->jitter > 0.0 || s->turn > 0.0 || s->zoom > 0.0;
}

/* What goes up: the values, or those moved about and with noise. */
static const gsl_matrix_float *disturb(inv_optimisation *o)
{
    const inv_shape shape = inv_net_shape(o->task.net, o->task.at);
    const bool moves = moves_about(&o->spec);
    if (!o->moves)
        return o->values;
    draw_moves(o);
#pragma omp parallel for schedule(static) if (moves)
    for (size_t i = 0; i < o->rows; i++)
        if (moves)
            inv_move_apply(&o->move[i], shape, (float)o->task.ground,
                           o->values->data + i * o->units, o->moved->data + i * o->units);
        else
            memcpy(o->moved->data + i * o->units, o->values->data + i * o->units,
                   o->units * sizeof(float));
    for (size_t i = 0; o->spec.noise > 0.0 && i < o->rows * o->units; i++)
        o->moved->data[i] += (float)gsl_ran_gaussian_ziggurat(o->rng, o->spec.noise);
    return o->moved;
}

/* ---- back ---- */

static void unmask(inv_optimisation *o)
{
    for (size_t i = 0; i < o->rows * o->units; i++)
        if (o->clipped[i])
            o->dvalues->data[i] = 0.0f;
}

static void undisturb(inv_optimisation *o)
{
    const inv_shape shape = inv_net_shape(o->task.net, o->task.at);
    const bool moves = moves_about(&o->spec);
#pragma omp parallel for schedule(static) if (moves)
    for (size_t i = 0; i < o->rows; i++)
        if (moves)
            inv_move_back(&o->move[i], shape, o->dmoved->data + i * o->units,
                          o->dvalues->data + i * o->units);
        else
            memcpy(o->dvalues->data + i * o->units, o->dmoved->data + i * o->units,
                   o->units * sizeof(float));
}

/* The Gaussian prior of variables that are coordinates: penalty |c|^2 / (2 n) */
static void add_penalty(inv_optimisation *o)
{
    const double weight = o->spec.parametrisation.penalty, n = (double)o->variables->size2;
    for (size_t i = 0; weight > 0.0 && i < o->rows; i++) {
        const float *c = o->variables->data + i * o->variables->tda;
        float *gradient = o->dvariables->data + i * o->dvariables->tda;
        double sum = 0.0;
        for (size_t k = 0; k < o->variables->size2; k++) {
            sum += (double)c[k] * c[k];
            gradient[k] += (float)(weight * c[k] / n);
        }
        o->row_values[i] += 0.5 * weight * sum / n;
    }
}

/* ---- value and gradient ---- */

static void add_objectives(inv_optimisation *o)
{
    const size_t at = o->task.at;
    memset(o->row_values, 0, o->rows * sizeof *o->row_values);
    for (size_t p = at; p <= o->last; p++)
        if (o->gradients[p - at])
            gsl_matrix_float_set_zero(o->gradients[p - at]);
    for (size_t k = 0; k < o->objective_count; k++) {
        const size_t p = inv_objective_point(o->objectives[k]);
        inv_objective_add(o->objectives[k], p == at ? o->values : inv_pass_at(o->pass, p),
                          o->row_values, o->gradients[p - at]);
    }
}

/* The gradient at the values themselves comes in after the way back through what moved them. */
static void go_back(inv_optimisation *o)
{
    inv_net_backward_points(o->task.net, o->pass, o->given, NULL,
                            o->moves ? o->dmoved : o->dvalues);
    if (o->moves)
        undisturb(o);
    if (o->gradients[0])
        gsl_matrix_float_add(o->dvalues, o->gradients[0]);
    if (has_bounds(o))
        unmask(o);
    inv_parametrisation_gradients(o->parametrisation, o->variables, o->values, o->dvalues,
                                  o->dvariables);
    add_penalty(o);
}

static bool is_flat(const inv_optimisation *o, size_t i)
{
    const float *gradient = o->dvariables->data + i * o->dvariables->tda;
    for (size_t j = 0; j < o->dvariables->size2; j++)
        if (gradient[j] != 0.0f)
            return false;
    return true;
}

static bool any_flat(const inv_optimisation *o)
{
    for (size_t i = 0; i < o->rows; i++)
        if (o->row[i].flat)
            return true;
    return false;
}

/* Sees which rows are flat, by the gradient of the first objective alone, at the newest forward;
 * then all is as evaluate left it. Rows that were not flat stay so. Returns how many are. */
static size_t find_flat(inv_optimisation *o)
{
    const size_t objectives = o->objective_count;
    const double penalty = o->spec.parametrisation.penalty;
    size_t flat = 0;
    o->objective_count = 1;
    o->spec.parametrisation.penalty = 0.0;
    add_objectives(o);
    go_back(o);
    for (size_t i = 0; i < o->rows; i++) {
        o->row[i].flat = o->row[i].flat && is_flat(o, i);
        flat += o->row[i].flat;
    }
    o->objective_count = objectives;
    o->spec.parametrisation.penalty = penalty;
    add_objectives(o);
    go_back(o);
    return flat;
}

/* Of the values as written; returns the sum of the rows'. */
static double evaluate(inv_optimisation *o)
{
    double sum = 0.0;
    inv_net_forward(o->task.net, o->pass, disturb(o));
    add_objectives(o);
    go_back(o);
    for (size_t i = 0; i < o->rows; i++)
        sum += o->row_values[i];
    return sum;
}

/* ---- where rows start ---- */

static void draw_row(inv_optimisation *o, size_t i)
{
    const inv_optimise_spec *s = &o->spec;
    float *v = o->variables->data + i * o->variables->tda;
    for (size_t j = 0; s->spread > 0.0 && j < o->variables->size2; j++)
        v[j] += (float)(is(s->from, "uniform") ? draw(o->rng, s->spread)
                                               : gsl_ran_gaussian_ziggurat(o->rng, s->spread));
}

static void project(inv_optimisation *o)
{
    const float low = (float)o->spec.bounds.low, high = (float)o->spec.bounds.high;
    float *v = o->variables->data;
    for (size_t i = 0; o->projects && i < o->rows * o->variables->size2; i++)
        v[i] = v[i] < low ? low : v[i] > high ? high : v[i];
}

static void start_rows(inv_optimisation *o)
{
    if (o->task.start)
        inv_parametrisation_nearest(o->parametrisation, o->task.start, o->variables);
    else
        gsl_matrix_float_set_all(o->variables, (float)o->spec.start);
    for (size_t i = 0; i < o->rows; i++)
        draw_row(o, i);
    project(o);
}

/* How far from where it was a row is drawn anew at first: of pixels, in parts of their range. */
static double first_spread(const inv_optimisation *o)
{
    const inv_range bounds = o->spec.bounds;
    const double range = has_bounds(o) && is(o->spec.parametrisation.type, "direct")
                             ? bounds.high - bounds.low
                             : 1.0;
    return o->spec.spread > 0.0 ? o->spec.spread : 0.1 * range;
}

/* Rows from which nothing leads anywhere are drawn anew, each time further from where they were. */
static double restart_flat(inv_optimisation *o, double value)
{
    for (size_t i = 0; i < o->rows; i++)
        o->row[i].flat = true;
    for (int tries = 0; tries < STARTS_MOST; tries++) {
        const double spread = first_spread(o) * pow(1.2, tries);
        const size_t flat = find_flat(o);
        if (flat == 0)
            break;
        for (size_t i = 0; i < o->rows; i++)
            for (size_t j = 0; o->row[i].flat && j < o->variables->size2; j++)
                o->variables->data[i * o->variables->tda + j] +=
                    (float)gsl_ran_gaussian_ziggurat(o->rng, spread);
        o->restarted = tries == 0 ? flat : o->restarted;
        project(o);
        write_values(o);
        value = evaluate(o);
    }
    (void)find_flat(o);
    return value;
}

/* ---- rows come to rest ---- */

static double log_sum(const float *y, size_t n)
{
    double largest = y[0], sum = 0.0;
    for (size_t j = 1; j < n; j++)
        largest = fmax(largest, y[j]);
    for (size_t j = 0; j < n; j++)
        sum += exp(y[j] - largest);
    return largest + log(fmax(sum, 1.0)); /* the largest alone makes it 1 */
}

/* The softmax of a row of the newest forward, added up over the classes asked for: of the net's own
 * softmax where it ends in one, else of its logits. */
static double add_wanted(const float *wanted, const float *y, size_t n, bool softmax)
{
    const double all = softmax ? 0.0 : log_sum(y, n);
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
        if (wanted[j] > 0.0f)
            sum += softmax ? (double)y[j] : exp(y[j] - all);
    return sum;
}

static void read_probability(const inv_optimisation *o, float *p)
{
    const size_t depth = inv_net_depth(o->task.net);
    const bool softmax = inv_net_logits(o->task.net) < depth;
    const gsl_matrix_float *y = inv_pass_at(o->pass, depth), *mix = o->task.goal.mix;
    for (size_t i = 0; i < o->rows; i++)
        p[i] = (float)add_wanted(mix->data + i * mix->tda, y->data + i * y->tda, y->size2, softmax);
}

void inv_optimisation_probability(inv_optimisation *o, float *p)
{
    inv_net_forward(o->task.net, o->pass, o->values);
    read_probability(o, p);
}

static void copy_row(const inv_optimisation *o, size_t i, const gsl_matrix_float *from,
                     gsl_matrix_float *to)
{
    memcpy(to->data + i * to->tda, from->data + i * from->tda, o->variables->size2 * sizeof(float));
}

static void rest_sure(inv_optimisation *o)
{
    if (o->spec.until <= 0.0 || o->step < o->spec.minimum)
        return;
    if (o->moves) /* the newest forward was not of the values as they are */
        inv_net_forward(o->task.net, o->pass, o->values);
    read_probability(o, o->probability);
    for (size_t i = 0; i < o->rows; i++)
        if (o->row[i].rest == RUNNING && o->probability[i] >= o->spec.until) {
            o->row[i].rest = SURE;
            copy_row(o, i, o->variables, o->best);
        }
}

static void rest_stale(inv_optimisation *o)
{
    for (size_t i = 0; o->spec.patience > 0 && i < o->rows; i++) {
        row *r = &o->row[i];
        const double value = o->row_values[i];
        if (r->rest != RUNNING)
            continue;
        if (value < r->best - o->spec.tolerance * fabs(r->best) || !isfinite(r->best)) {
            r->best = value;
            r->since = 0;
            copy_row(o, i, o->variables, o->best);
        } else if (++r->since >= o->spec.patience && o->step >= o->spec.minimum) {
            r->rest = STALE;
        }
    }
}

/* Rows at rest are where they came to rest, whatever the optimiser made of them. */
static size_t hold_rows(inv_optimisation *o)
{
    size_t running = 0;
    for (size_t i = 0; i < o->rows; i++)
        if (o->row[i].rest == RUNNING)
            running++;
        else
            copy_row(o, i, o->best, o->variables);
    return running;
}

/* ---- steps ---- */

/* g / |g|, row by row */
static void bring_to_unit_length(inv_optimisation *o)
{
    for (size_t i = 0; i < o->rows; i++) {
        float *g = o->dvariables->data + i * o->dvariables->tda;
        double sum = 0.0;
        for (size_t j = 0; j < o->dvariables->size2; j++)
            sum += (double)g[j] * g[j];
        const float scale = sum > 0.0 ? (float)(1.0 / sqrt(sum)) : 0.0f;
        for (size_t j = 0; j < o->dvariables->size2; j++)
            g[j] *= scale;
    }
}

static void blur(inv_optimisation *o)
{
    const inv_shape shape = inv_net_shape(o->task.net, o->task.at);
    if (o->spec.blur_every == 0 || o->step % o->spec.blur_every != 0)
        return;
    for (size_t i = 0; i < o->rows; i++)
        inv_blur(o->spec.blur, shape, o->variables->data + i * o->variables->tda,
                 o->dvariables->data + i * o->dvariables->tda);
}

/* BFGS works in doubles on all variables at once; the optimisation's are set from them. */
static void take_vector(inv_optimisation *o, const gsl_vector *v)
{
    for (size_t i = 0; i < v->size; i++)
        o->variables->data[i] = (float)gsl_vector_get(v, i);
    write_values(o);
}

static double bfgs_value(const gsl_vector *v, void *data)
{
    inv_optimisation *o = data;
    take_vector(o, v);
    return evaluate(o);
}

static void bfgs_both(const gsl_vector *v, void *data, double *value, gsl_vector *gradient)
{
    inv_optimisation *o = data;
    *value = bfgs_value(v, data);
    for (size_t i = 0; i < gradient->size; i++)
        gsl_vector_set(gradient, i, o->dvariables->data[i]);
}

static void bfgs_gradient(const gsl_vector *v, void *data, gsl_vector *gradient)
{
    double value = 0.0;
    bfgs_both(v, data, &value, gradient);
}

/* First step and accuracy of the line search, as GSL's manual has them. */
#define BFGS_STEP     0.01
#define BFGS_ACCURACY 0.1

static inv_status bfgs_start(inv_optimisation *o)
{
    const size_t n = o->rows * o->variables->size2;
    o->bfgs_function = (gsl_multimin_function_fdf){bfgs_value, bfgs_gradient, bfgs_both, n, o};
    o->bfgs = gsl_multimin_fdfminimizer_alloc(gsl_multimin_fdfminimizer_vector_bfgs2, n);
    gsl_vector *start = gsl_vector_alloc(n);
    if (!o->bfgs || !start) {
        gsl_vector_free(start);
        return INV_ERROR(INV_ENOMEM, "%s: no memory for BFGS", o->task.stage);
    }
    for (size_t i = 0; i < n; i++)
        gsl_vector_set(start, i, o->variables->data[i]);
    gsl_multimin_fdfminimizer_set(o->bfgs, &o->bfgs_function, start, BFGS_STEP, BFGS_ACCURACY);
    gsl_vector_free(start);
    return INV_OK;
}

/* Where the line search finds nothing better, it is done. */
static void bfgs_step(inv_optimisation *o)
{
    const int result = gsl_multimin_fdfminimizer_iterate(o->bfgs);
    take_vector(o, o->bfgs->x);
    for (size_t i = 0; result != 0 && i < o->rows; i++)
        if (o->row[i].rest == RUNNING) {
            o->row[i].rest = STALE;
            copy_row(o, i, o->variables, o->best);
        }
}

static inv_status check_finite(const inv_optimisation *o, double value)
{
    const size_t n = o->rows * o->variables->size2;
    if (isfinite(value) && inv_all_finite(o->variables->data, n))
        return INV_OK;
    return INV_ERROR(INV_ENUMERIC,
                     "%s: step %zu: the values are no longer finite; lower %s.optimiser.rate",
                     o->task.stage, o->step, o->task.stage);
}

/* The rows' values where they are now; the first time, where they start. */
static double look(inv_optimisation *o)
{
    double value = evaluate(o);
    if (o->step == 0)
        value = restart_flat(o, value);
    rest_sure(o);
    rest_stale(o);
    return value;
}

inv_status inv_optimisation_step(inv_optimisation *o, inv_optimise_report *report)
{
    const double value = look(o);
    inv_status status = INV_OK;
    if (o->spec.bfgs && !o->bfgs)
        status = bfgs_start(o);
    if (status != INV_OK)
        return status;
    o->step++;
    if (o->spec.unit_gradient)
        bring_to_unit_length(o);
    if (o->bfgs) {
        bfgs_step(o);
    } else {
        inv_optim_step(o->optim, o->variables->data, o->dvariables->data);
        blur(o);
    }
    project(o);
    const size_t running = hold_rows(o);
    *report = (inv_optimise_report){o->step, value, running, o->restarted};
    write_values(o);
    return check_finite(o, value);
}

inv_status inv_optimisation_finish(inv_optimisation *o, inv_optimise_report *report)
{
    double value = look(o);
    bool back = false;
    for (size_t i = 0; i < o->rows; i++)
        if (o->spec.patience > 0 && o->row[i].rest != SURE) {
            copy_row(o, i, o->best, o->variables);
            back = true;
        }
    const size_t running = hold_rows(o);
    write_values(o);
    if (back)
        value = evaluate(o);
    if (any_flat(o))
        (void)find_flat(o); /* one may have come to where something leads on */
    *report = (inv_optimise_report){o->step, value, running, o->restarted};
    return check_finite(o, value);
}

/* ---- looking ---- */

const gsl_matrix_float *inv_optimisation_values(const inv_optimisation *o)
{
    return o->values;
}

const double *inv_optimisation_row_values(const inv_optimisation *o)
{
    return o->row_values;
}

bool inv_optimisation_dead(const inv_optimisation *o, size_t i)
{
    return o->row[i].flat;
}

bool inv_optimisation_settled(const inv_optimisation *o, size_t i)
{
    if (o->row[i].flat)
        return false;
    if (o->spec.until > 0.0)
        return o->row[i].rest == SURE;
    return o->spec.patience == 0 || o->row[i].rest == STALE;
}

/* ---- making one ---- */

static inv_status check_task(const inv_optimise_spec *spec, const inv_optimise_task *task)
{
    const gsl_matrix_float *start = task->start;
    const size_t depth = inv_net_depth(task->net), rows = task->goal.rows;
    inv_status status = inv_fields_check(inv_optimise_fields(""), spec, task->stage);
    if (status != INV_OK)
        return status;
    if (task->at >= depth)
        return INV_ERROR(INV_ECONFIG, "%s.at: nothing lies beyond %s to optimise for", task->stage,
                         inv_net_point_name(task->net, task->at <= depth ? task->at : depth));
    const size_t units = inv_net_units(task->net, task->at);
    const bool needed =
        is(spec->from, "class_mean") || is(spec->from, "image") || is(spec->from, "target");
    if (start ? start->size1 < rows || start->size2 != units : needed)
        return INV_ERROR(INV_EINVAL, "%s.from: %s needs %zu starts of %zu values", task->stage,
                         spec->from, rows, units);
    return rows ? INV_OK : INV_ERROR(INV_EINVAL, "%s: of no rows", task->stage);
}

static inv_status check(const inv_optimisation *o)
{
    const inv_optimise_spec *s = &o->spec;
    const char *stage = o->task.stage, *at = inv_net_point_name(o->task.net, o->task.at);
    const inv_shape shape = inv_net_shape(o->task.net, o->task.at);
    const bool moves = moves_about(s);
    const bool image = shape.height > 1 && shape.width > 1;
    if ((moves || s->blur_every > 0) && !image)
        return INV_ERROR(INV_ECONFIG,
                         "%s: jitter, turn, zoom and blur apply to images; there are none at %s",
                         stage, at);
    if (s->blur_every > 0 && !is(s->parametrisation.type, "direct"))
        return INV_ERROR(INV_ECONFIG, "%s.blur_every: needs the parametrisation direct", stage);
    if (s->bfgs && (o->moves || s->blur_every > 0 || s->unit_gradient))
        return INV_ERROR(
            INV_ECONFIG,
            "%s.bfgs: cannot be combined with jitter, turn, zoom, noise, blur or unit_gradient",
            stage);
    if (s->bounds.low == s->bounds.high)
        return INV_ERROR(INV_ECONFIG, "%s.bounds: both are %g; the lower comes first", stage,
                         s->bounds.low);
    if (s->until > 0.0 && !o->task.goal.mix)
        return INV_ERROR(INV_ECONFIG, "%s.until: applies only where classes are optimised", stage);
    return INV_OK;
}

static inv_status add_objective(inv_optimisation *o, const inv_objective_spec *spec,
                                const char *where)
{
    inv_objective **to = &o->objectives[o->objective_count];
    inv_status status =
        inv_objective_alloc(spec, o->task.net, o->task.at, &o->task.goal, where, to);
    if (status != INV_OK)
        return status;
    o->objective_count++;
    if (inv_objective_point(*to) > o->last)
        o->last = inv_objective_point(*to);
    return INV_OK;
}

static inv_status add_objectives_of(inv_optimisation *o)
{
    char where[2 * INV_NAME_MAX];
    inv_status status = INV_OK;
    o->last = o->task.at + 1;
    if (o->task.goal.mix)
        o->last = inv_net_depth(o->task.net);
    snprintf(where, sizeof where, "%s.objective", o->task.stage);
    INV_TRY(add_objective(o, o->task.objective, where));
    for (size_t i = 0; i < o->spec.terms.count; i++) {
        snprintf(where, sizeof where, "%s.terms.%zu", o->task.stage, i);
        INV_TRY(add_objective(o, &o->spec.terms.items[i], where));
    }
done:
    return status;
}

static inv_status alloc_gradients(inv_optimisation *o)
{
    const size_t at = o->task.at, points = o->last - at + 1;
    void *gradients = NULL, *given = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(points, sizeof *o->gradients, "gradients", &gradients));
    o->gradients = gradients;
    INV_TRY(inv_calloc(points, sizeof *o->given, "gradients", &given));
    o->given = given;
    for (size_t p = at; p <= o->last; p++) {
        bool needed = p == o->last;
        for (size_t k = 0; k < o->objective_count; k++)
            needed = needed || inv_objective_point(o->objectives[k]) == p;
        if (needed)
            INV_TRY(inv_mat_alloc(o->rows, inv_net_units(o->task.net, p), "gradients",
                                  &o->gradients[p - at]));
        if (p > at)
            o->given[p - at] = o->gradients[p - at];
    }
done:
    return status;
}

static inv_status alloc_buffers(inv_optimisation *o, size_t variables)
{
    void *row_values = NULL, *rows = NULL, *move = NULL, *clipped = NULL, *probability = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_mat_alloc(o->rows, variables, "variables", &o->variables));
    INV_TRY(inv_mat_alloc(o->rows, variables, "gradients of variables", &o->dvariables));
    INV_TRY(inv_mat_alloc(o->rows, variables, "best variables", &o->best));
    INV_TRY(inv_mat_alloc(o->rows, o->units, "values", &o->values));
    INV_TRY(inv_mat_alloc(o->rows, o->units, "gradients of values", &o->dvalues));
    if (o->moves) {
        INV_TRY(inv_mat_alloc(o->rows, o->units, "moved values", &o->moved));
        INV_TRY(inv_mat_alloc(o->rows, o->units, "gradients of moved values", &o->dmoved));
    }
    INV_TRY(inv_calloc(o->rows, sizeof(double), "values of rows", &row_values));
    o->row_values = row_values;
    INV_TRY(inv_calloc(o->rows, sizeof(row), "rows", &rows));
    o->row = rows;
    INV_TRY(inv_calloc(o->rows, sizeof(inv_move), "rows", &move));
    o->move = move;
    INV_TRY(inv_calloc(o->rows, sizeof(float), "rows", &probability));
    o->probability = probability;
    INV_TRY(inv_calloc(o->rows, o->units, "rows", &clipped));
    o->clipped = clipped;
    for (size_t i = 0; i < o->rows; i++)
        o->row[i].best = INFINITY;
done:
    return status;
}

void inv_optimise_set_bounds(inv_optimise_spec *spec, bool images, const inv_pixels *pixels)
{
    const bool asked = spec->bounds.low == 0.0 && spec->bounds.high == 0.0;
    const bool needed =
        images && is(spec->parametrisation.type, "sigmoid") && spec->bounds.low > spec->bounds.high;
    if (!asked && !needed)
        return;
    spec->bounds =
        images && pixels ? (inv_range){pixels->black, pixels->white} : (inv_range){0.0, 1.0};
}

inv_status inv_optimisation_alloc(const inv_optimise_spec *spec, const inv_optimise_task *task,
                                  inv_optimisation **out)
{
    const inv_writing writing = {spec->bounds, task->of, task->images};
    void *memory = NULL;
    inv_optimisation *o = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check_task(spec, task));
    INV_TRY(inv_calloc(1, sizeof *o, "optimisation", &memory));
    o = memory;
    o->spec = *spec;
    o->task = *task;
    o->rows = task->goal.rows;
    o->units = inv_net_units(task->net, task->at);
    o->moves = moves_about(spec) || spec->noise > 0.0;
    o->projects = has_bounds(o) && is(spec->parametrisation.type, "direct") && !spec->bfgs;
    INV_TRY(check(o));
    INV_TRY(add_objectives_of(o));
    INV_TRY(inv_parametrisation_alloc(&spec->parametrisation, o->units, o->rows, &writing,
                                      &o->parametrisation));
    const size_t variables = inv_parametrisation_variables(o->parametrisation);
    INV_TRY(alloc_buffers(o, variables));
    INV_TRY(alloc_gradients(o));
    INV_TRY(inv_pass_alloc(task->net, task->at, o->last, o->rows, INV_PASS_BOTH, &o->pass));
    INV_TRY(inv_optim_alloc(&spec->optimiser, o->rows * variables, &o->optim));
    INV_TRY(inv_rng_alloc(task->seed, task->stage, &o->rng));
    start_rows(o);
    write_values(o);
    *out = o;
    return INV_OK;
done:
    inv_optimisation_free(o);
    return status;
}

void inv_optimisation_free(inv_optimisation *o)
{
    if (!o)
        return;
    for (size_t k = 0; k < o->objective_count; k++)
        inv_objective_free(o->objectives[k]);
    for (size_t p = o->task.at; o->gradients && p <= o->last; p++)
        inv_mat_free(o->gradients[p - o->task.at]);
    free(o->gradients);
    free(o->given);
    inv_parametrisation_free(o->parametrisation);
    inv_pass_free(o->pass);
    inv_optim_free(o->optim);
    inv_rng_free(o->rng);
    if (o->bfgs)
        gsl_multimin_fdfminimizer_free(o->bfgs);
    inv_mat_free(o->variables);
    inv_mat_free(o->dvariables);
    inv_mat_free(o->best);
    inv_mat_free(o->values);
    inv_mat_free(o->dvalues);
    inv_mat_free(o->moved);
    inv_mat_free(o->dmoved);
    free(o->row_values);
    free(o->row);
    free(o->move);
    free(o->probability);
    free(o->clipped);
    free(o);
}
