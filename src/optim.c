/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/optim.h"

#include <stdlib.h>
#include <string.h>

#include "kernels.h"

/* Elements that one thread takes at a time; values are independent, so any split gives the same
 * bits. */
#define CHUNK 8192

typedef struct method {
    const char *type;
    const char *const *slots; /* NULL-terminated */
    const inv_field *fields;
    void (*start)(const inv_optim_spec *spec, float *state, size_t n);
    /* values first .. first + count - 1 */
    void (*step)(const inv_optim *optim, size_t first, size_t count, float *values,
                 const float *gradient);
} method;

struct inv_optim {
    const method *method;
    inv_optim_spec spec;
    size_t n, state_count;
    float *state;
};

const char *const inv_optim_types[] = {"adagrad", "gradient_descent", NULL};

#define COMMON_FIELDS                                                                              \
    {"type", INV_FIELD_NAME, offsetof(inv_optim_spec, type), .help = "optimiser",                  \
     .choices = inv_optim_types},                                                                  \
    {                                                                                              \
        "rate", INV_FIELD_REAL, offsetof(inv_optim_spec, rate), 0.0, 1e12, .help = "learning rate" \
    }

static const char *const no_slots[] = {NULL};
static const inv_field descent_fields[] = {COMMON_FIELDS, {0}};

static void descent_start(const inv_optim_spec *spec, float *state, size_t n)
{
    (void)spec, (void)state, (void)n;
}

static void descent_step(const inv_optim *optim, size_t first, size_t count, float *restrict values,
                         const float *restrict gradient)
{
    const float rate = (float)optim->spec.rate;
    for (size_t i = first; i < first + count; i++)
        values[i] -= rate * gradient[i];
}

static const char *const adagrad_slots[] = {"accumulator", NULL};
static const inv_field adagrad_fields[] = {COMMON_FIELDS,
                                           {"accumulator", INV_FIELD_REAL,
                                            offsetof(inv_optim_spec, accumulator), 1e-30, 1e30,
                                            .help = "what the sums of squared gradients start at"},
                                           {0}};

static void adagrad_start(const inv_optim_spec *spec, float *state, size_t n)
{
    for (size_t i = 0; i < n; i++)
        state[i] = (float)spec->accumulator;
}

static void adagrad_step(const inv_optim *optim, size_t first, size_t count, float *values,
                         const float *gradient)
{
    inv_kernels_best()->adagrad(count, (float)optim->spec.rate, gradient + first,
                                optim->state + first, values + first);
}

/* In the order of inv_optim_types. */
static const method methods[] = {
    {"adagrad", adagrad_slots, adagrad_fields, adagrad_start, adagrad_step},
    {"gradient_descent", no_slots, descent_fields, descent_start, descent_step},
};

static const method *find_method(const char *type)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].type, type) == 0)
            return &methods[i];
    return NULL;
}

const inv_field *inv_optim_fields(const char *type)
{
    const method *found = find_method(type);
    return found ? found->fields : descent_fields;
}

inv_status inv_optim_alloc(const inv_optim_spec *spec, size_t n, inv_optim **out)
{
    void *optim_memory = NULL, *state_memory = NULL;
    size_t slots = 0;
    inv_status status = INV_OK;
    const method *found = find_method(spec->type);
    *out = NULL;
    if (!found)
        return INV_ERROR(INV_EINVAL, "optimiser: there is no '%s'", spec->type);
    while (found->slots[slots])
        slots++;
    INV_TRY(inv_calloc(1, sizeof(inv_optim), "optimiser", &optim_memory));
    if (slots > 0)
        INV_TRY(inv_calloc(n, slots * sizeof(float), "optimiser state", &state_memory));
    inv_optim *optim = optim_memory;
    *optim = (inv_optim){found, *spec, n, n * slots, state_memory};
    found->start(spec, optim->state, n);
    *out = optim;
    return INV_OK;
fail:
    free(optim_memory);
    return status;
}

void inv_optim_free(inv_optim *optim)
{
    if (!optim)
        return;
    free(optim->state);
    free(optim);
}

void inv_optim_step(inv_optim *optim, float *values, const float *gradient)
{
#pragma omp parallel for schedule(static) if (optim->n > CHUNK)
    for (size_t first = 0; first < optim->n; first += CHUNK) {
        size_t left = optim->n - first;
        optim->method->step(optim, first, left < CHUNK ? left : CHUNK, values, gradient);
    }
}

float *inv_optim_state(inv_optim *optim, size_t *count)
{
    *count = optim->state_count;
    return optim->state;
}

const char *const *inv_optim_slots(const inv_optim *optim)
{
    return optim->method->slots;
}
