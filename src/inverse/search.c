/* The kind of inverse that is no net: for each image apart, the pixels that bring the net to the
 * values recorded at the point, found by optimisation. With v the net up to the point, r = v(x) and N
 * pixels,
 *
 *     |v(y) - r|^2 / |r|^2 + norm sum |y|^norm_power / N
 *                          + variation sum |difference of neighbours|^variation_power / N
 *
 * is made small over images y within the range of pixels, which start as the ground.
 *
 * Source: Mahendran, Vedaldi 2015, "Understanding Deep Image Representations by Inverting Them",
 * equations 1 to 5; they start from noise, by gradient descent with momentum, and sum their second prior
 * over (dx^2 + dy^2)^(power / 2).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "inverse/kind.h"
#include "invproj/optimise.h"

static const inv_field fields[] = {
    {"images", INV_FIELD_SIZE, offsetof(inv_inverse_spec, images), 1, 1e6,
     .help = "number of test images it is done for, starting with the first"},
    {"steps", INV_FIELD_SIZE, offsetof(inv_inverse_spec, steps), 1, 1e9,
     .help = "number of steps for each image"},
    INV_OPTIM_FIELD(offsetof(inv_inverse_spec, optimiser)),
    {"norm", INV_FIELD_REAL, offsetof(inv_inverse_spec, norm), 0.0, 1e9,
     .help = "weight of the mean of |pixel|^norm_power"},
    {"norm_power", INV_FIELD_REAL, offsetof(inv_inverse_spec, norm_power), 1.0, 100.0,
     .help = "power in it"},
    {"variation", INV_FIELD_REAL, offsetof(inv_inverse_spec, variation), 0.0, 1e9,
     .help = "weight of the mean of |difference of neighbours|^variation_power"},
    {"variation_power", INV_FIELD_REAL, offsetof(inv_inverse_spec, variation_power), 1.0, 100.0,
     .help = "power in it"},
    {0}};

static void set_term(inv_objective_spec *term, const char *type, double weight, double power)
{
    *term = inv_objective_defaults;
    snprintf(term->type, sizeof term->type, "%s", type);
    term->weight = weight;
    term->power = power;
}

static void set_up(const inv_inverse_spec *spec, const inv_pixels *pixels, inv_optimise_spec *out)
{
    *out = (inv_optimise_spec)INV_OPTIMISE_DEFAULTS;
    out->steps = spec->steps;
    out->optimiser = spec->optimiser;
    out->bounds = (inv_range){pixels->black, pixels->white};
    out->start = pixels->ground;
    if (spec->norm > 0.0)
        set_term(&out->terms.items[out->terms.count++], "norm", spec->norm, spec->norm_power);
    if (spec->variation > 0.0)
        set_term(&out->terms.items[out->terms.count++], "total_variation", spec->variation,
                 spec->variation_power);
}

/* r[n, units] of x[n, pixels]; the caller frees. */
static inv_status record(const inv_net *net, size_t point, const gsl_matrix_float *x,
                         gsl_matrix_float **recorded)
{
    inv_pass *pass = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_mat_alloc(x->size1, inv_net_units(net, point), "values", recorded));
    INV_TRY(inv_pass_alloc(net, 0, point, x->size1, INV_PASS_FORWARD, &pass));
    const gsl_matrix_float *values = inv_net_forward(net, pass, x);
    for (size_t i = 0; i < x->size1; i++)
        memcpy((*recorded)->data + i * (*recorded)->tda, values->data + i * values->tda,
               values->size2 * sizeof(float));
done:
    inv_pass_free(pass);
    return status;
}

static inv_status search(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                         const inv_pixels *pixels, uint64_t seed, const gsl_matrix_float *x,
                         gsl_matrix_float *images)
{
    inv_optimise_spec how;
    inv_objective_spec objective = inv_objective_defaults;
    gsl_matrix_float *recorded = NULL;
    inv_optimisation *o = NULL;
    inv_optimise_report report = {.running = 1};
    inv_status status = INV_OK;
    set_up(spec, pixels, &how);
    set_term(&objective, "activation", 1.0, objective.power);
    snprintf(objective.at, sizeof objective.at, "%s", inv_net_point_name(net, point));
    INV_TRY(record(net, point, x, &recorded));
    const inv_optimise_task task = {.net = net,
                                    .objective = &objective,
                                    .goal = {.rows = x->size1, .recorded = recorded},
                                    .seed = seed,
                                    .stage = "inverse",
                                    .ground = pixels->ground};
    INV_TRY(inv_optimisation_alloc(&how, &task, &o));
    while (report.step < how.steps && report.running > 0)
        INV_TRY(inv_optimisation_step(o, &report));
    INV_TRY(inv_optimisation_finish(o, &report));
    gsl_matrix_float_memcpy(images, inv_optimisation_values(o));
done:
    inv_optimisation_free(o);
    inv_mat_free(recorded);
    return status;
}

static const inv_inverse_spec defaults = {
    .kind = "optimise",
    .name = "optimise",
    .images = 100,
    .steps = 500,
    .optimiser = {.type = "adam", .rate = 0.05, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
    .norm = 0.01,
    .norm_power = 6.0,
    .variation = 0.3,
    .variation_power = 2.0,
};

const inv_inverse_kind inv_inverse_optimise = {
    .name = "optimise",
    .fields = fields,
    .defaults = &defaults,
    .search = search,
};
