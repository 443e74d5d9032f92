/* The stage that looks for the nearest real images.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "invproj/exemplars.h"
#include "stage.h"

#define PATH_BYTES CLI_PATH_BYTES

/* The images made for the same classes or units, [rows, pixels], where there are any. */
typedef struct made {
    char group[PATH_BYTES]; /* where they stand in the run file */
    size_t n;
    float *images;
    unsigned *which;
} made;

static void made_close(made *m)
{
    free(m->images);
    free(m->which);
}

/* Whether the images in `group` are of the net as it is, and of the layer that is asked for. */
static bool is_of_same(const cli_file *file, const char *group)
{
    const char *layer = file->experiment->exemplars.layer;
    const char *stale = cli_cause_stale(file->run, group);
    char *of = NULL;
    bool same = true;
    if (stale)
        cli_warn("exemplars are shown alone: %s was %s", group, stale);
    if (*layer && inv_run_text(file->run, group, "layer", &of) == INV_OK)
        same = strcmp(of, layer) == 0;
    if (!same)
        cli_warn("exemplars are shown alone: %s is of %s, not of %s", group, of, layer);
    free(of);
    return same && !stale;
}

static inv_status made_open(const cli_file *file, const inv_net *net, made *m)
{
    const inv_experiment *e = file->experiment;
    const bool layer = *e->exemplars.layer != 0;
    const size_t pixels = inv_net_units(net, 0);
    const char *name = *e->exemplars.beside ? e->exemplars.beside
                       : layer              ? e->features.name
                                            : e->generate.name;
    char path[PATH_BYTES + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *images = NULL, *which = NULL;
    inv_status status = INV_OK;
    snprintf(m->group, sizeof m->group, "/%s/%s", layer ? "features" : "generated", name);
    snprintf(path, sizeof path, "%s/%s", m->group, layer ? "unit" : "label");
    if (!inv_run_has(file->run, path) || !is_of_same(file, m->group))
        return INV_OK;
    INV_TRY(inv_run_dims(file->run, path, &rank, dims));
    INV_TRY(inv_calloc(dims[0], sizeof *m->which, "exemplars", &which));
    m->which = which;
    INV_TRY(inv_run_get(file->run, path, INV_UINT32, dims[0], which));
    snprintf(path, sizeof path, "%s/image", m->group);
    INV_TRY(inv_calloc(dims[0] * pixels, sizeof *m->images, "exemplars", &images));
    m->images = images;
    INV_TRY(inv_run_get(file->run, path, INV_FLOAT32, dims[0] * pixels, images));
    m->n = dims[0];
done:
    return status;
}

/* The first image that was made for `which`, or NULL. */
static const float *find_made(const made *m, unsigned which, size_t pixels)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->which[i] == which)
            return m->images + i * pixels;
    return NULL;
}

/* A row of tiles for each row: the one that was made, where there is any, and the real ones. */
static inv_status put_tiles(cli_session *session, const inv_exemplars *found, const made *m,
                            const char *path, size_t *columns)
{
    const inv_part *part = &session->materials.data->train;
    const bool layer = *session->file.experiment->exemplars.layer != 0;
    const size_t lead = m->n ? 1 : 0, across = found->count + lead, n = found->rows * across;
    gsl_matrix_float *tiles = NULL;
    void *which = NULL, *value = NULL, *index = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_mat_alloc(n, part->pixels, "exemplars", &tiles));
    INV_TRY(inv_calloc(n, sizeof(unsigned), "exemplars", &which));
    INV_TRY(inv_calloc(n, sizeof(float), "exemplars", &value));
    INV_TRY(inv_calloc(n, sizeof(unsigned), "exemplars", &index));
    for (size_t i = 0; i < n; i++) {
        const size_t r = i / across, at = r * found->count + i % across - lead;
        const float *own = i % across < lead ? find_made(m, found->which[r], part->pixels) : NULL;
        gsl_matrix_float row = inv_mat_over(tiles->data + i * tiles->tda, 1, part->pixels);
        ((unsigned *)which)[i] = found->which[r];
        ((unsigned *)index)[i] = UINT32_MAX; /* none */
        ((float *)value)[i] = NAN;
        if (own)
            memcpy(row.data, own, part->pixels * sizeof *own);
        if (i % across < lead)
            continue;
        inv_part_gather(part, &found->index[at], 1, &row);
        ((unsigned *)index)[i] =
            (unsigned)inv_dataset_file_index(session->materials.data, found->index[at]);
        ((float *)value)[i] = found->value[at];
    }
    INV_TRY(cli_put_images(session->file.run, path, "image",
                           inv_net_shape(session->materials.net, 0), tiles));
    INV_TRY(cli_put_classes(session->file.run, path, layer ? "unit" : "label", which, n));
    INV_TRY(cli_put_classes(session->file.run, path, "index", index, n));
    INV_TRY(cli_put(session->file.run, path, "value", INV_FLOAT32, 1, &n, value, INV_RUN_PLAIN));
    *columns = across;
done:
    inv_mat_free(tiles);
    free(which);
    free(value);
    free(index);
    return status;
}

/* One row of tiles a class, unit or channel, with the one that was made in front of the real ones
 * where there is one. */
static inv_status check_pictures(const cli_file *file, const inv_net *net, bool with_made)
{
    const inv_exemplars_spec *spec = &file->experiment->exemplars;
    inv_sheet sheet = file->experiment->exemplars_sheet;
    size_t rows = 0;
    inv_status status = inv_exemplars_rows(spec, net, &rows);
    sheet.columns = spec->count + with_made;
    return status == INV_OK ? cli_picture_check(file, inv_net_shape(net, 0), spec->name,
                                                "exemplars", &sheet, rows * sheet.columns)
                            : status;
}

static inv_status exemplars(cli_session *session)
{
    inv_exemplars_spec *spec = &session->file.experiment->exemplars;
    char path[PATH_BYTES];
    inv_sheet sheet = session->file.experiment->exemplars_sheet;
    inv_exemplars found = {0};
    made m = {0};
    inv_status status = INV_OK;
    INV_TRY(cli_load_net(&session->file, &session->materials));
    if (!*spec->layer)
        INV_TRY(cli_leave_out_empty(session->file.run, session->materials.net, "exemplars",
                                    &spec->classes));
    INV_TRY(made_open(&session->file, session->materials.net, &m));
    INV_TRY(check_pictures(&session->file, session->materials.net, m.n > 0));
    INV_TRY(
        inv_exemplars_find(spec, session->materials.net, &session->materials.data->train, &found));
    INV_TRY(cli_result_open(&session->file, "exemplars", spec->name, NULL, inv_exemplars_fields,
                            spec, path));
    if (m.n > 0)
        INV_TRY(cli_cause_put(session->file.run, path, CLI_CAUSE_BESIDE, m.group));
    INV_TRY(put_tiles(session, &found, &m, path, &sheet.columns));
    INV_TRY(cli_file_save(&session->file));
    INV_TRY(cli_draw(session, path, "image", "exemplars", &sheet));
done:
    made_close(&m);
    inv_exemplars_close(&found);
    return status;
}

static inv_status check_exemplars(const cli_session *session, inv_net *untrained)
{
    const inv_experiment *e = session->file.experiment;
    return check_pictures(&session->file, untrained,
                          *e->exemplars.layer ? e->has_features : e->has_generate);
}

const cli_stage cli_stage_exemplars = {
    .name = "exemplars",
    .group = "/exemplars",
    .has = offsetof(inv_experiment, has_exemplars),
    .check = check_exemplars,
    .run = exemplars,
};
