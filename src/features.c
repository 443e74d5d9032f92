/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/features.h"

#include "invproj/inverse.h"

const inv_features_spec inv_features_defaults = {.name = "features", .scale = 1e8};

const inv_field inv_features_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(inv_features_spec, name), .help = "in the run file"},
    {"inverse", INV_FIELD_NAME, offsetof(inv_features_spec, inverse),
     .help = "that makes images; empty: the experiment's"},
    {"at", INV_FIELD_NAME, offsetof(inv_features_spec, at), .required = true,
     .help = "point whose units are shown"},
    {"scale", INV_FIELD_REAL, offsetof(inv_features_spec, scale), -1e30, 1e30,
     .help = "value of the unit shown; the others are 0"},
    {0}};

inv_status inv_features_images(const inv_net *inverse, double scale, gsl_matrix_float *images)
{
    const size_t units = inv_net_units(inverse, 0);
    gsl_matrix_float *values = NULL;
    inv_status status = INV_OK;
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
fail:
    inv_mat_free(values);
    return status;
}
