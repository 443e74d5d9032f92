/* The stage that shows what a layer's units stand for.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "invproj/features.h"
#include "invproj/inverse.h"
#include "making.h"
#include "stage.h"

#define PATH_BYTES CLI_PATH_BYTES

/* Each unit of spec.layer, driven by optimisation: what cli_make is told, once it is known that the
 * images can be drawn. The caller frees m->spec. */
static inv_status drive_open(const cli_file *file, const inv_net *net, cli_making *m)
{
    const inv_features_spec *spec = &file->experiment->features;
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof(inv_generate_spec), "features", &memory);
    *m = (cli_making){memory,
                      "features",
                      "features",
                      "features",
                      inv_features_fields,
                      spec,
                      &file->experiment->features_sheet};
    if (status == INV_OK)
        status = inv_features_generate(spec, net, memory);
    return status == INV_OK ? cli_making_check(file, net, m) : status;
}

static inv_status drive(cli_session *session)
{
    cli_making m = {0};
    inv_status status = INV_OK;
    INV_TRY(cli_load_net(&session->file, &session->materials));
    INV_TRY(drive_open(&session->file, session->materials.net, &m));
    INV_TRY(cli_make(session, &m));
done:
    free((void *)m.spec);
    return status;
}

/* Of the point where an inverse starts: one image per unit. */
static inv_status check_inverted(const cli_file *file, const inv_net *net)
{
    const inv_features_spec *spec = &file->experiment->features;
    size_t point = 0;
    inv_status status = inv_net_point(net, spec->at, &point);
    return status == INV_OK
               ? cli_picture_check(file, inv_net_shape(net, 0), spec->name, "features",
                                   &file->experiment->features_sheet, inv_net_units(net, point))
               : status;
}

/* Each unit of the point where an inverse starts, by the inverse alone. */
static inv_status invert_units(cli_session *session)
{
    const inv_features_spec *spec = &session->file.experiment->features;
    char path[PATH_BYTES], owner[INV_NAME_MAX];
    gsl_matrix_float *images = NULL;
    inv_status status = INV_OK;
    if (!*spec->at)
        return INV_ERROR(INV_ECONFIG, "features: needs a layer whose units are driven (--layer), "
                                      "or the point where an inverse starts (--at)");
    INV_TRY(cli_load_inverse(&session->file, &session->materials, spec->inverse));
    INV_TRY(cli_inverse_check(session->file.run, &session->materials, "features.at", spec->at));
    INV_TRY(check_inverted(&session->file, session->materials.net));
    INV_TRY(inv_mat_alloc(inv_net_units(session->materials.inverse, 0),
                          inv_net_units(session->materials.net, 0), "features", &images));
    INV_TRY(inv_features_images(session->materials.inverse, spec->scale, images));
    inv_layer_owner(spec->at, owner);
    INV_TRY(cli_result_open(&session->file, "features", spec->name, spec->inverse,
                            inv_features_fields, spec, path));
    INV_TRY(inv_run_set_text(session->file.run, path, "layer", owner));
    INV_TRY(inv_run_set_text(session->file.run, path, "at", spec->at));
    INV_TRY(cli_put_images(session->file.run, path, "image",
                           inv_net_shape(session->materials.net, 0), images));
    INV_TRY(cli_file_save(&session->file));
    INV_TRY(
        cli_draw(session, path, "image", "features", &session->file.experiment->features_sheet));
done:
    inv_mat_free(images);
    return status;
}

static inv_status features(cli_session *session)
{
    inv_features_spec *spec = &session->file.experiment->features;
    inv_optimise_set_bounds(&spec->optimise, strcmp(spec->driven, "input") == 0,
                            &session->file.pixels);
    return *spec->layer ? drive(session) : invert_units(session);
}

static inv_status check_features(const cli_session *session, inv_net *untrained)
{
    const inv_features_spec *spec = &session->file.experiment->features;
    cli_making m = {0};
    inv_status status = INV_OK;
    if (*spec->layer) {
        status = drive_open(&session->file, untrained, &m);
        free((void *)m.spec);
        return status;
    }
    status = cli_stage_need_inverse(session->file.experiment, "features");
    return status == INV_OK ? check_inverted(&session->file, untrained) : status;
}

const cli_stage cli_stage_features = {
    .name = "features",
    .group = "/features",
    .has = offsetof(inv_experiment, has_features),
    .check = check_features,
    .run = features,
};
