/* The stage that shows the kernels of the first layer.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/filters.h"
#include "stage.h"

static inv_status find(const cli_file *file, const inv_net *net, inv_shape *shape, size_t *count)
{
    const inv_experiment *e = file->experiment;
    inv_status status = inv_filters_find(net, shape, count);
    return status == INV_OK ? cli_picture_check(file, *shape, e->filters.name, "filters",
                                                &e->filters_sheet, *count)
                            : status;
}

static inv_status check_filters(const cli_session *session, inv_net *untrained)
{
    inv_shape shape;
    size_t count = 0;
    return find(&session->file, untrained, &shape, &count);
}

static inv_status filters(cli_session *session)
{
    const inv_filters_spec *spec = &session->file.experiment->filters;
    char path[CLI_PATH_BYTES];
    gsl_matrix_float *images = NULL;
    inv_shape shape;
    size_t count = 0;
    inv_status status = INV_OK;
    INV_TRY(cli_load_net(&session->file, &session->materials));
    INV_TRY(find(&session->file, session->materials.net, &shape, &count));
    INV_TRY(inv_mat_alloc(count, inv_shape_size(shape), "filters", &images));
    inv_filters_images(session->materials.net, images);
    INV_TRY(cli_result_open(&session->file, "filters", spec->name, NULL, inv_filters_fields, spec,
                            path));
    INV_TRY(cli_put_images(session->file.run, path, "image", shape, images));
    INV_TRY(cli_file_save(&session->file));
    INV_TRY(cli_draw(session, path, "image", "filters", &session->file.experiment->filters_sheet));
done:
    inv_mat_free(images);
    return status;
}

const cli_stage cli_stage_filters = {
    .name = "filters",
    .group = "/filters",
    .has = offsetof(inv_experiment, has_filters),
    .check = check_filters,
    .run = filters,
};
