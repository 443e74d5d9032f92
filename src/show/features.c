/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/inverse.h"

const inv_features_spec inv_features_defaults = {
    .name = "features",
    .along = "unit",
    .scale = 1e8,
    .deviations = 3.0,
    .driven = "input",
    .optimise =
        {.steps = 200,
         .optimiser = {.type = "adam", .rate = 0.05, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
         .parametrisation = {.type = "whitened", .of = "all", .components = 100},
         .bounds = {0.0, 0.0}, /* those of pixels */
         .from = "normal",
         .spread = 0.1,
         .jitter = 1.0,
         .blur = 0.5,
         .tolerance = 1e-4},
};

static const inv_choice ways[] = {
    {"unit", "the unit alone: scale where it stands, 0 elsewhere, as r2rt has it"},
    {"covariance",
     "from the mean of the training images' values along the unit's covariances: what "
     "goes with it goes along"},
    {0}};

const inv_field inv_features_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(inv_features_spec, name),
     .help = "name of the result in the run file"},
    {"inverse", INV_FIELD_NAME, offsetof(inv_features_spec, inverse),
     .help = "name of the inverse that makes images of units; empty: the experiment's"},
    {"at", INV_FIELD_NAME, offsetof(inv_features_spec, at),
     .help = "point whose units are shown through the inverse"},
    {"along", INV_FIELD_NAME, offsetof(inv_features_spec, along), .choices = ways,
     .help = "which values the inverse is given"},
    {"deviations", INV_FIELD_REAL, offsetof(inv_features_spec, deviations), 0.0, 1e6,
     .help = "with along = covariance: how far above and below its mean the unit is brought"},
    {"scale", INV_FIELD_REAL, offsetof(inv_features_spec, scale), -1e30, 1e30,
     .help = "value of the unit that is shown, where the others are 0"},
    {"layer", INV_FIELD_NAME, offsetof(inv_features_spec, layer),
     .help = "instead of at: point whose units or channels are driven, without an inverse"},
    {"driven", INV_FIELD_NAME, offsetof(inv_features_spec, driven),
     .help = "point whose values are optimised to drive them; input: the image itself"},
    {"units", INV_FIELD_SIZES, offsetof(inv_features_spec, units), 0, 1e9,
     .help = "numbers of the layer's units or channels; empty: all"},
    INV_OPTIMISE_PART(offsetof(inv_features_spec, optimise)),
    {0}};

inv_status inv_features_generate(const inv_features_spec *spec, const inv_net *net,
                                 inv_generate_spec *out)
{
    size_t point = 0;
    inv_status status = inv_fields_check(inv_features_fields, spec, "features");
    if (status == INV_OK)
        status = inv_net_point(net, spec->layer, &point);
    if (status != INV_OK)
        return status;
    const inv_shape shape = inv_net_shape(net, point);
    *out = inv_generate_defaults;
    strcpy(out->name, spec->name);
    strcpy(out->inverse, spec->inverse);
    strcpy(out->at, spec->driven);
    strcpy(out->objective, shape.height * shape.width > 1 ? "channel" : "unit");
    strcpy(out->of, spec->layer);
    out->units = spec->units;
    out->optimise = spec->optimise;
    return INV_OK;
}

/* The images of values[units, units], which must be finite; `key` is what to lower where not. */
static inv_status make_images(const inv_net *inverse, const gsl_matrix_float *values,
                              const char *key, gsl_matrix_float *images)
{
    inv_status status = inv_inverse_apply(inverse, values, images);
    for (size_t i = 0; status == INV_OK && i < images->size1; i++)
        if (!inv_all_finite(images->data + i * images->tda, images->size2))
            status = INV_ERROR(INV_ENUMERIC,
                               "features: the image of unit %zu is not finite; lower features.%s",
                               i, key);
    return status;
}

/* to[j] = sum over the axes k of deviation_k^2 axes[k, i] axes[k, j], and what they leave of unit i
 * times the rest's variance. */
static void covariance_column(const inv_gaussian *g, size_t i, double *to)
{
    for (size_t j = 0; j < g->units; j++)
        to[j] = i == j ? g->rest : 0.0;
    for (size_t k = 0; k < g->components; k++) {
        const float *axis = g->axes + k * g->units;
        const double variance = (double)g->deviation[k] * (double)g->deviation[k];
        const double part = (variance - g->rest) * (double)axis[i];
        for (size_t j = 0; j < g->units; j++)
            to[j] += part * (double)axis[j];
    }
}

inv_status inv_features_expected(const inv_net *inverse, const inv_gaussian *g, double deviations,
                                 gsl_matrix_float *images)
{
    const size_t units = inv_net_units(inverse, 0);
    gsl_matrix_float *values = NULL;
    void *column = NULL;
    inv_status status = INV_OK;
    if (!isfinite(deviations) || g->units != units)
        return INV_ERROR(INV_EINVAL, "features: %g deviations of %zu values, of %zu", deviations,
                         g->units, units);
    INV_TRY(inv_mat_alloc(units, units, "expected values", &values));
    INV_TRY(inv_calloc(units, sizeof(double), "covariances", &column));
    const double *of = column;
    for (size_t i = 0; i < units; i++) {
        covariance_column(g, i, column);
        const double far = of[i] > 0.0 ? deviations / sqrt(of[i]) : 0.0;
        for (size_t j = 0; j < units; j++)
            gsl_matrix_float_set(values, i, j, (float)((double)g->mean[j] + far * of[j]));
    }
    INV_TRY(make_images(inverse, values, "deviations", images));
done:
    free(column);
    inv_mat_free(values);
    return status;
}

inv_status inv_features_images(const inv_net *inverse, double scale, gsl_matrix_float *images)
{
    const size_t units = inv_net_units(inverse, 0);
    gsl_matrix_float *values = NULL;
    inv_status status = INV_OK;
    if (!isfinite(scale))
        return INV_ERROR(INV_EINVAL, "features.scale: %g is not finite", scale);
    INV_TRY(inv_mat_alloc(units, units, "unit vectors", &values));
    for (size_t i = 0; i < units; i++)
        gsl_matrix_float_set(values, i, i, (float)scale);
    INV_TRY(make_images(inverse, values, "scale", images));
done:
    inv_mat_free(values);
    return status;
}
