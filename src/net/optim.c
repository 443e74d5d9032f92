/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

/* Elements that one thread takes at a time; values are independent, so any split gives the same
 * bits. */
#define CHUNK 8192

#define SLOTS_MAX 2

/* A part of the values that one thread steps, and where the slots of that part start. */
typedef struct part {
    size_t n;
    float rate;
    const float *gradient;
    float *slots[SLOTS_MAX], *values;
} part;

typedef struct method {
    const char *slots[SLOTS_MAX]; /* as many as there are */
    bool counts;                  /* the number of the step decides too */
    const inv_field *fields;
    inv_optim_spec defaults;
    /* The rate in force at step t, 1 the first. NULL: as given. */
    double (*rate)(const inv_optim_spec *spec, double rate, double t);
    void (*step)(const inv_optim_spec *spec, part p);
} method;

struct inv_optim {
    const method *method;
    inv_optim_spec spec;
    double rate;
    size_t n, slot_count;
    uint64_t updates;
    float *slots;
};

const inv_choice inv_optim_types[] = {
    {"adagrad",
     "divides each step by the root of the sum of all squared gradients (Duchi, Hazan and "
     "Singer 2011)"},
    {"adam",
     "steps along the mean gradient, divided by the root of the mean squared gradient, both "
     "corrected for their start (Kingma and Ba 2015)"},
    {"adamw", "adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)"},
    {"gradient_descent", "steps along the gradient, times the rate"},
    {"rmsprop", "divides each step by the root of the mean squared gradient (Hinton 2012)"},
    {"sgd", "gradient descent with momentum, Nesterov's perhaps (Sutskever et al. 2013)"},
    {0}};

/* ---- keys ---- */

#define REAL(key, low, high, text)                                                                 \
    {                                                                                              \
#key, INV_FIELD_REAL, offsetof(inv_optim_spec, key), low, high, .help = text               \
    }

#define COMMON_FIELDS                                                                              \
    {"type", INV_FIELD_NAME, offsetof(inv_optim_spec, type),                                       \
     .help = "method that takes the steps", .choices = inv_optim_types},                           \
        REAL(rate, 0.0, 1e12, "learning rate")

/* A share below 1, as a float too. */
#define SHARE_MOST 0.9999999

#define MOMENTUM_FIELD REAL(momentum, 0.0, 1.0, "part of the last step that is kept")
#define EPSILON_FIELD                                                                              \
    REAL(epsilon, 1e-30, 1e30, "number added to the square root by which steps are divided")
#define INSIDE_FIELD                                                                               \
    {                                                                                              \
        "epsilon_inside", INV_FIELD_BOOL, offsetof(inv_optim_spec, epsilon_inside),                \
            .help = "add epsilon under the root, as Keras 3; false: to the root, as Keras 2 and "  \
                    "PyTorch"                                                                      \
    }

static const inv_field descent_fields[] = {COMMON_FIELDS, {0}};
static const inv_field sgd_fields[] = {COMMON_FIELDS,
                                       MOMENTUM_FIELD,
                                       {"nesterov", INV_FIELD_BOOL,
                                        offsetof(inv_optim_spec, nesterov),
                                        .help = "use Nesterov's momentum, which looks ahead"},
                                       {0}};
static const inv_field adagrad_fields[] = {
    COMMON_FIELDS,
    REAL(accumulator, 1e-30, 1e30, "initial value of the sums of squared gradients"),
    REAL(epsilon, 0.0, 1e30,
         "number added to what steps are divided by the square root of; 0 in TensorFlow 1, 1e-7 in "
         "Keras"),
    INSIDE_FIELD,
    {0}};
static const inv_field rmsprop_fields[] = {
    COMMON_FIELDS,
    REAL(rho, 0.0, SHARE_MOST, "fraction of the mean squared gradient that is kept at each step"),
    MOMENTUM_FIELD,
    REAL(epsilon, 1e-30, 1e30, "added to what steps are divided by the root of"),
    INSIDE_FIELD,
    {0}};

#define ADAM_FIELDS                                                                                \
    COMMON_FIELDS,                                                                                 \
        REAL(beta1, 0.0, SHARE_MOST, "fraction of the mean gradient that is kept at each step"),   \
        REAL(beta2, 0.0, SHARE_MOST,                                                               \
             "fraction of the mean squared gradient that is kept at each step"),                   \
        EPSILON_FIELD

static const inv_field adam_fields[] = {ADAM_FIELDS, {0}};
static const inv_field adamw_fields[] = {
    ADAM_FIELDS,
    REAL(decay, 0.0, 1e12, "part that a parameter loses each step, times the rate"),
    {"decay_all", INV_FIELD_BOOL, offsetof(inv_optim_spec, decay_all),
     .help = "whether every parameter decays, as in Keras 3 and PyTorch; false: kernels alone"},
    {0}};

/* ---- steps ---- */

static void descent_step(const inv_optim_spec *spec, part p)
{
    float *restrict values = p.values;
    const float *restrict gradient = p.gradient;
    (void)spec;
    for (size_t i = 0; i < p.n; i++)
        values[i] -= p.rate * gradient[i];
}

static void sgd_step(const inv_optim_spec *spec, part p)
{
    inv_kernels_best()->sgd(p.n, p.rate, (float)spec->momentum, spec->nesterov, p.gradient,
                            p.slots[0], p.values);
}

static void adagrad_step(const inv_optim_spec *spec, part p)
{
    const float epsilon = (float)spec->epsilon, inside = spec->epsilon_inside ? epsilon : 0.0f;
    inv_kernels_best()->adagrad(p.n, p.rate, inside, epsilon - inside, p.gradient, p.slots[0],
                                p.values);
}

static void rmsprop_step(const inv_optim_spec *spec, part p)
{
    const float epsilon = (float)spec->epsilon, inside = spec->epsilon_inside ? epsilon : 0.0f;
    inv_kernels_best()->rmsprop(p.n, p.rate, (float)spec->rho, (float)spec->momentum, inside,
                                epsilon - inside, p.gradient, p.slots[0], p.slots[1], p.values);
}

static double adam_rate(const inv_optim_spec *spec, double rate, double t)
{
    return rate * sqrt(1.0 - pow(spec->beta2, t)) / (1.0 - pow(spec->beta1, t));
}

static void adam_step(const inv_optim_spec *spec, part p)
{
    inv_kernels_best()->adam(p.n, p.rate, (float)spec->beta1, (float)spec->beta2,
                             (float)spec->epsilon, p.gradient, p.slots[0], p.slots[1], p.values);
}

/* ---- the table ---- */

static const method methods[] = {
    {{NULL}, false, descent_fields, {.type = "gradient_descent", .rate = 0.01}, NULL, descent_step},
    {{"momentum"}, false, sgd_fields, {.type = "sgd", .rate = 0.01}, NULL, sgd_step},
    {{"accumulator"},
     false,
     adagrad_fields,
     {.type = "adagrad", .rate = 0.001, .accumulator = 0.1, .epsilon_inside = true},
     NULL,
     adagrad_step},
    {{"mean_square", "momentum"},
     false,
     rmsprop_fields,
     {.type = "rmsprop", .rate = 0.001, .rho = 0.9, .epsilon = 1e-7, .epsilon_inside = true},
     NULL,
     rmsprop_step},
    {{"mean", "mean_square"},
     true,
     adam_fields,
     {.type = "adam", .rate = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
     adam_rate,
     adam_step},
    {{"mean", "mean_square"},
     true,
     adamw_fields,
     {.type = "adamw",
      .rate = 0.001,
      .beta1 = 0.9,
      .beta2 = 0.999,
      .epsilon = 1e-7,
      .decay = 0.004,
      .decay_all = true},
     adam_rate,
     adam_step},
};

static const method *find_method(const char *type)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].defaults.type, type) == 0)
            return &methods[i];
    return NULL;
}

const inv_field *inv_optim_fields(const char *type)
{
    const method *found = find_method(type);
    return found ? found->fields : descent_fields;
}

void inv_optim_start(const char *type, void *spec)
{
    const method *found = find_method(type);
    if (found)
        *(inv_optim_spec *)spec = found->defaults;
}

/* ---- one optimiser ---- */

inv_status inv_optim_alloc(const inv_optim_spec *spec, size_t n, inv_optim **out)
{
    void *optim_memory = NULL, *slot_memory = NULL;
    size_t slots = 0;
    inv_status status = INV_OK;
    const method *found = find_method(spec->type);
    *out = NULL;
    INV_TRY(inv_fields_check(inv_optim_fields(spec->type), spec, "optimiser"));
    if (n == 0)
        return INV_ERROR(INV_EINVAL, "optimiser: of no values");
    while (slots < SLOTS_MAX && found->slots[slots])
        slots++;
    INV_TRY(inv_calloc(1, sizeof(inv_optim), "optimiser", &optim_memory));
    if (slots > 0)
        INV_TRY(inv_calloc(n, slots * sizeof(float), "optimiser state", &slot_memory));
    inv_optim *optim = optim_memory;
    *optim = (inv_optim){found, *spec, spec->rate, n, slots, 0, slot_memory};
    for (size_t i = 0; found->defaults.accumulator > 0.0 && i < n * slots; i++)
        optim->slots[i] = (float)spec->accumulator;
    *out = optim;
    return INV_OK;
done:
    free(optim_memory);
    return status;
}

void inv_optim_free(inv_optim *optim)
{
    if (!optim)
        return;
    free(optim->slots);
    free(optim);
}

void inv_optim_set_rate(inv_optim *optim, double rate)
{
    optim->rate = rate;
}

bool inv_optim_decays_all(const inv_optim *optim)
{
    return optim->method->defaults.decay > 0.0 && optim->spec.decay_all;
}

void inv_optim_decay(const inv_optim *optim, float *values, size_t n)
{
    const float left = (float)(1.0 - optim->rate * optim->spec.decay);
    if (optim->method->defaults.decay == 0.0) /* a type that has none */
        return;
    for (size_t i = 0; i < n; i++)
        values[i] *= left;
}

static void step_part(const inv_optim *optim, float rate, size_t first, float *values,
                      const float *gradient)
{
    const size_t left = optim->n - first;
    part p = {left < CHUNK ? left : CHUNK, rate, gradient + first, {NULL}, values + first};
    for (size_t s = 0; s < optim->slot_count; s++)
        p.slots[s] = optim->slots + s * optim->n + first;
    optim->method->step(&optim->spec, p);
}

void inv_optim_step(inv_optim *optim, float *values, const float *gradient)
{
    double rate = optim->rate;
    optim->updates++;
    if (optim->method->rate)
        rate = optim->method->rate(&optim->spec, rate, (double)optim->updates);
#pragma omp parallel for schedule(static) if (optim->n > CHUNK)
    for (size_t first = 0; first < optim->n; first += CHUNK)
        step_part(optim, (float)rate, first, values, gradient);
}

size_t inv_optim_state(inv_optim *optim, inv_array state[INV_ARRAYS_MAX])
{
    size_t count = 0;
    for (; count < optim->slot_count; count++)
        state[count] = (inv_array){optim->method->slots[count], INV_FLOAT32,
                                   optim->slots + count * optim->n, optim->n};
    if (optim->method->counts)
        state[count++] = (inv_array){"updates", INV_UINT64, &optim->updates, 1};
    return count;
}
