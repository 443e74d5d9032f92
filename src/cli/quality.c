/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "invproj/inverse.h"

#define ERROR_ENDING "_error"

/* A figure that there is not, is not there. */
static inv_status put(inv_run *run, const char *path, const char *name, double value)
{
    return isnan(value) ? inv_run_unset(run, path, name) : inv_run_set_real(run, path, name, value);
}

static inv_status put_quality(inv_run *run, const char *path, const inv_quality *quality)
{
    char name[INV_NAME_MAX];
    inv_status status = INV_OK;
    for (size_t k = 0; k < INV_QUALITIES && status == INV_OK; k++) {
        snprintf(name, sizeof name, "%s%s", inv_quality_names[k], ERROR_ENDING);
        status = put(run, path, inv_quality_names[k], quality->mean[k]);
        if (status == INV_OK)
            status = put(run, path, name, quality->error[k]);
    }
    return status;
}

bool cli_inverse_is_net(const inv_run *run, const char *path)
{
    char *kind = NULL;
    const bool is_net = !inv_run_has_attribute(run, path, "kind") ||
                        inv_run_text(run, path, "kind", &kind) != INV_OK ||
                        inv_inverse_is_net(kind);
    free(kind);
    return is_net;
}

inv_status cli_inverse_images(const inv_run *run, const char *path, size_t pixels,
                              gsl_matrix_float **out)
{
    char images[CLI_PATH_BYTES + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0}, each = 1;
    inv_status status = INV_OK;
    *out = NULL;
    snprintf(images, sizeof images, "%s/image", path);
    INV_TRY(inv_run_dims(run, images, &rank, dims));
    for (size_t i = 1; i < rank; i++)
        each *= dims[i];
    if (rank < 3 || dims[0] == 0 || each != pixels)
        INV_FAIL(INV_EFORMAT, "%s: %s: images of another size than the net's", inv_run_name(run),
                 images);
    INV_TRY(inv_mat_alloc(dims[0], pixels, "images", out));
    INV_TRY(inv_run_get(run, images, INV_FLOAT32, dims[0] * pixels, (*out)->data));
done:
    if (status != INV_OK) {
        inv_mat_free(*out);
        *out = NULL;
    }
    return status;
}

inv_status cli_quality_measure(cli_session *session, const char *path, size_t point,
                               const cli_judge *judge, inv_quality *quality)
{
    const cli_materials *m = &session->materials;
    inv_measuring what = {.net = m->net,
                          .inverse = m->inverse,
                          .at = point,
                          .pixels = m->data->pixels,
                          .classes = m->data->classes,
                          .judge = judge->net,
                          .judge_pixels = judge->pixels};
    gsl_matrix_float *images = NULL;
    inv_status status = INV_OK;
    if (!cli_inverse_is_net(session->file.run, path))
        INV_TRY(cli_inverse_images(session->file.run, path, inv_net_units(m->net, 0), &images));
    what.images = images;
    cli_signals_end_now(session->progress.quiet ? "" : CLI_STOPPED_BETWEEN);
    status = inv_measure_quality(&what, &m->data->test, quality);
    cli_signals_end_now(NULL);
    if (status != INV_OK)
        goto done;
    INV_TRY(put_quality(session->file.run, path, quality));
    INV_TRY(inv_run_set_size(session->file.run, path, "images",
                             images ? images->size1 : m->data->test.count));
    INV_TRY(judge->net ? inv_run_set_text(session->file.run, path, "judge", judge->path)
                       : inv_run_unset(session->file.run, path, "judge"));
done:
    inv_mat_free(images);
    return status;
}

static inv_status put_frechet(inv_run *run, const char *path, const inv_frechet_figures *f,
                              const cli_judge *judge, const char *at)
{
    inv_status status = INV_OK;
    INV_TRY(put(run, path, "frechet", f->distance));
    INV_TRY(put(run, path, "frechet_real", f->real));
    INV_TRY(inv_run_set_text(run, path, "frechet_net", judge->sha256));
    INV_TRY(inv_run_set_text(run, path, "frechet_at", at));
    INV_TRY(inv_run_set_size(run, path, "frechet_images", f->images));
done:
    return status;
}

/* Of n images, at point `at`. */
static inv_status find_real(const cli_materials *m, const inv_measuring *what, const char *at,
                            size_t n, inv_frechet_real **real)
{
    size_t layer = 0;
    inv_status status = INV_OK;
    if (*real && inv_frechet_real_images(*real) == n)
        return INV_OK;
    inv_frechet_real_free(*real);
    *real = NULL;
    INV_TRY(inv_net_point(what->judge, at, &layer));
    INV_TRY(inv_frechet_real_alloc(what, layer, m->data, n, real));
done:
    return status;
}

inv_status cli_quality_frechet(cli_session *session, const char *path, size_t point,
                               const cli_judge *judge, const char *at, inv_frechet_real **real)
{
    const cli_materials *m = &session->materials;
    inv_measuring what = {.net = m->net,
                          .inverse = m->inverse,
                          .at = point,
                          .pixels = m->data->pixels,
                          .judge = judge->net,
                          .judge_pixels = judge->pixels};
    gsl_matrix_float *images = NULL;
    inv_frechet_figures f;
    inv_status status = INV_OK;
    if (!judge->net)
        INV_FAIL(INV_EINVAL, "--frechet %s: is a point of the net that --judge names; give both",
                 at);
    if (!cli_inverse_is_net(session->file.run, path))
        INV_TRY(cli_inverse_images(session->file.run, path, inv_net_units(m->net, 0), &images));
    what.images = images;
    INV_TRY(find_real(m, &what, at, images ? images->size1 : m->data->test.count, real));
    INV_TRY(inv_measure_frechet(&what, *real, m->data, &f));
    INV_TRY(put_frechet(session->file.run, path, &f, judge, at));
done:
    inv_mat_free(images);
    return status;
}

bool cli_inverse_is_whole(const inv_run *run, const char *name)
{
    char path[CLI_PATH_BYTES];
    uint64_t done = 0;
    snprintf(path, sizeof path, "/inverse/%s", name);
    return inv_run_has_attribute(run, path, "done") &&
           inv_run_size(run, path, "done", &done) == INV_OK && done && !cli_cause_stale(run, path);
}

inv_status cli_inverse_is_there(const cli_file *file, const char *only, size_t found)
{
    if (found > 0)
        return INV_OK;
    if (only)
        return INV_ERROR(INV_EDATA, "%s: holds no inverse named '%s'", file->path, only);
    return INV_ERROR(INV_EDATA, "%s: holds no finished inverse; make one with: invproj invert %s",
                     file->path, file->path);
}
