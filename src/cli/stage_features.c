/* The stage that shows what a layer's units stand for.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/features.h"
#include "invproj/inverse.h"
#include "invproj/measure.h"
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
    cli_making_keep_still(file, net, "features", spec->driven,
                          &file->experiment->features.optimise);
    if (status == INV_OK)
        status = inv_features_generate(spec, net, memory);
    return status == INV_OK ? cli_making_check(file, net, m) : status;
}

/* Where an image is whitened by data that are not there, waves would do without any. */
static inv_status check_data(const cli_file *file)
{
    const inv_features_spec *spec = &file->experiment->features;
    inv_optimise_spec waves = spec->optimise;
    strcpy(waves.parametrisation.type, "waves");
    if (cli_data_is_known(file) || inv_run_has(file->run, "/gaussian/input") ||
        strcmp(spec->driven, "input") != 0 || !inv_optimise_needs_gaussians(&spec->optimise) ||
        inv_optimise_needs_gaussians(&waves))
        return INV_OK;
    return INV_ERROR(INV_EDATA,
                     CLI_NO_DATA ", or do without: --set features.parametrisation.type=waves",
                     file->path);
}

static inv_status drive(cli_session *session)
{
    cli_making m = {0};
    inv_status status = INV_OK;
    INV_TRY(cli_load_net(&session->file, &session->materials));
    INV_TRY(drive_open(&session->file, session->materials.net, &m));
    INV_TRY(check_data(&session->file));
    INV_TRY(cli_make(session, &m));
done:
    free((void *)m.spec);
    return status;
}

/* What is made of each unit: alone, or high, low and their difference. */
enum { HIGH, LOW, DIFFERENCE, MADE };
static const struct {
    const char *array, *stem; /* in the run file; of the picture */
} made[MADE] = {{"image", "features"}, {"low", "lows"}, {"difference", "differences"}};

static bool is_expected(const inv_features_spec *spec)
{
    return strcmp(spec->along, "covariance") == 0;
}

/* Of the point where an inverse starts: one image per unit. */
static inv_status check_inverted(const cli_file *file, const inv_net *net)
{
    const inv_features_spec *spec = &file->experiment->features;
    size_t point = 0;
    inv_status status = inv_net_point(net, spec->at, &point);
    for (size_t k = 0; k < (is_expected(spec) ? MADE : 1) && status == INV_OK; k++)
        status = cli_picture_check(file, inv_net_shape(net, 0), spec->name, made[k].stem,
                                   &file->experiment->features_sheet, inv_net_units(net, point));
    return status;
}

static inv_status alloc_images(const cli_materials *m, size_t count, gsl_matrix_float *images[MADE])
{
    inv_status status = INV_OK;
    for (size_t k = 0; k < count && status == INV_OK; k++)
        status = inv_mat_alloc(inv_net_units(m->inverse, 0), inv_net_units(m->net, 0), "features",
                               &images[k]);
    return status;
}

static inv_status make_images(cli_session *session, size_t point, gsl_matrix_float *images[MADE])
{
    const inv_features_spec *spec = &session->file.experiment->features;
    cli_materials *m = &session->materials;
    inv_status status = INV_OK;
    INV_TRY(alloc_images(m, is_expected(spec) ? MADE : 1, images));
    if (!is_expected(spec))
        INV_RAISE(inv_features_images(m->inverse, spec->scale, images[HIGH]));
    INV_TRY(cli_load_gaussians(&session->file, m, point));
    INV_TRY(inv_features_expected(m->inverse, &m->gaussians->all, spec->deviations, images[HIGH]));
    INV_TRY(inv_features_expected(m->inverse, &m->gaussians->all, -spec->deviations, images[LOW]));
    gsl_matrix_float_memcpy(images[DIFFERENCE], images[HIGH]);
    gsl_matrix_float_sub(images[DIFFERENCE], images[LOW]);
done:
    return status;
}

/* How noisy the images are, and whether those that the data led to do what they say. */
static inv_status measure_images(cli_session *session, const char *path, size_t point,
                                 const gsl_matrix_float *images)
{
    cli_materials *m = &session->materials;
    double noise = NAN, share = 0.0;
    inv_status status = INV_OK;
    INV_TRY(inv_measure_border(inv_net_shape(m->net, 0), images, &noise));
    if (!isnan(noise))
        INV_TRY(inv_run_set_real(session->file.run, path, "border_noise", noise));
    if (!is_expected(&session->file.experiment->features))
        return INV_OK;
    INV_TRY(cli_load_data(&session->file, m));
    INV_TRY(inv_measure_units(m->net, point, &m->data->train, images, &share));
    INV_TRY(inv_run_set_real(session->file.run, path, "in_top", share));
done:
    return status;
}

/* Images in the range of pixels are shown as they are, and their difference around grey, so that units
 * can be compared; r2rt's, which are in no range, each in its own. */
static inv_status draw(const cli_session *session, const char *path, size_t which)
{
    const inv_pixels *pixels = &session->file.pixels;
    const double range = pixels->white - pixels->black;
    inv_sheet sheet = session->file.experiment->features_sheet;
    if (is_expected(&session->file.experiment->features)) {
        sheet.scaling = INV_SCALING_FIXED;
        sheet.low = which == DIFFERENCE ? -range : 0.0;
        sheet.high = which == DIFFERENCE ? range : 1.0;
    }
    return cli_draw(session, path, made[which].array, made[which].stem, &sheet);
}

/* Each unit of the point where an inverse starts, by the inverse alone. */
static inv_status invert_units(cli_session *session)
{
    const inv_features_spec *spec = &session->file.experiment->features;
    const cli_materials *m = &session->materials;
    char path[PATH_BYTES], owner[INV_NAME_MAX];
    gsl_matrix_float *images[MADE] = {NULL};
    size_t point = 0;
    inv_status status = INV_OK;
    if (!*spec->at)
        return INV_ERROR(INV_ECONFIG, "features: needs a layer whose units are driven (--layer), "
                                      "or the point where an inverse starts (--at)");
    INV_TRY(cli_load_inverse(&session->file, &session->materials, spec->inverse));
    INV_TRY(cli_inverse_check(session->file.run, m, "features.at", spec->at));
    INV_TRY(check_inverted(&session->file, m->net));
    INV_TRY(inv_net_point(m->net, spec->at, &point));
    INV_TRY(make_images(session, point, images));
    inv_layer_owner(spec->at, owner);
    INV_TRY(cli_result_open(&session->file, "features", spec->name, spec->inverse,
                            inv_features_fields, spec, path));
    INV_TRY(inv_run_set_text(session->file.run, path, "layer", owner));
    INV_TRY(inv_run_set_text(session->file.run, path, "at", spec->at));
    for (size_t k = 0; k < MADE && images[k]; k++)
        INV_TRY(cli_put_images(session->file.run, path, made[k].array, inv_net_shape(m->net, 0),
                               images[k]));
    INV_TRY(measure_images(session, path, point, images[HIGH]));
    INV_TRY(cli_file_save(&session->file));
    for (size_t k = 0; k < MADE && images[k]; k++)
        INV_TRY(draw(session, path, k));
done:
    for (size_t k = 0; k < MADE; k++)
        inv_mat_free(images[k]);
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
