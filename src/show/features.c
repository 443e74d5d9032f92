/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/features.h"

#include <math.h>
#include <string.h>

#include "invproj/inverse.h"

const inv_features_spec inv_features_defaults = {
    .name = "features",
    .scale = 1e8,
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

const inv_field inv_features_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(inv_features_spec, name),
     .help = "name of the result in the run file"},
    {"inverse", INV_FIELD_NAME, offsetof(inv_features_spec, inverse),
     .help = "name of the inverse that makes images of units; empty: the experiment's"},
    {"at", INV_FIELD_NAME, offsetof(inv_features_spec, at),
     .help = "point whose units are shown through the inverse"},
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
    INV_TRY(inv_inverse_apply(inverse, values, images));
    for (size_t i = 0; i < images->size1; i++)
        if (!inv_all_finite(images->data + i * images->tda, images->size2))
            INV_FAIL(INV_ENUMERIC,
                     "features: the image of unit %zu is not finite; lower "
                     "features.scale",
                     i);
done:
    inv_mat_free(values);
    return status;
}
