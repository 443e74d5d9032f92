/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "making.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "invproj/file.h"
#include "invproj/inverse.h"
#include "made.h"

#define PATH_BYTES  CLI_PATH_BYTES
#define FRAMES_MOST 100

#define PLAIN_DEVIATION 0.3 /* of images without data, of black to white: that of MNIST's */

/* ---- the way there ---- */

/* Alone, it leaves nothing to go on from. */
static inv_status stop(cli_session *session, const cli_making *m)
{
    if (session->file.starts)
        return cli_file_stop(&session->file, &session->progress, m->stage);
    cli_note(&session->progress, "%s: stopped; %s is as it was", m->stage, session->file.path);
    return CLI_STOPPED;
}

/* The values as images: themselves, or what the inverse makes of them. */
static inv_status make_images(const cli_materials *materials, const inv_generator *generator,
                              gsl_matrix_float *images)
{
    const gsl_matrix_float *values = inv_generator_values(generator);
    if (materials->inverse)
        return inv_inverse_apply(materials->inverse, values, images);
    gsl_matrix_float_memcpy(images, values);
    return INV_OK;
}

/* DIR/00040.png: what there was before the step. */
static inv_status draw_frame(cli_session *session, const cli_making *m,
                             const inv_generator *generator, size_t step, gsl_matrix_float *images)
{
    char *path = NULL;
    inv_sheet sheet = *m->sheet;
    inv_status status = INV_OK;
    sheet.captions = NULL;
    INV_TRY(make_images(&session->materials, generator, images));
    if (asprintf(&path, "%s/%05zu.png", session->file.options->frames, step) < 0)
        path = NULL;
    if (!path)
        INV_FAIL(INV_ENOMEM, "%s: no memory for a frame", m->stage);
    INV_TRY(cli_picture_place(path));
    INV_TRY(inv_png_write_sheet(path, &sheet, images->data, images->size1,
                                inv_net_shape(session->materials.net, 0), NULL, 0));
done:
    free(path);
    return status;
}

static inv_status optimise(cli_session *session, const cli_making *m, inv_generator *generator,
                           gsl_matrix_float *images, inv_optimise_report *report)
{
    const size_t steps = m->spec->optimise.steps, each = (steps + FRAMES_MOST - 1) / FRAMES_MOST;
    const bool frames = session->file.options->frames != NULL;
    inv_status status = INV_OK;
    *report = (inv_optimise_report){.running = 1};
    if (frames)
        INV_TRY(inv_file_make_folder(session->file.options->frames));
    cli_progress_start(&session->progress, m->stage, steps, 0);
    while (report->step < steps && report->running > 0) {
        if (frames && report->step % each == 0)
            INV_TRY(draw_frame(session, m, generator, report->step, images));
        INV_TRY(inv_generator_step(generator, report));
        if (cli_signal())
            return stop(session, m);
        cli_progress_step(&session->progress, report->step);
    }
    cli_progress_end(&session->progress, report->step);
    INV_TRY(inv_generator_finish(generator, report));
    if (frames)
        INV_TRY(draw_frame(session, m, generator, report->step, images));
done:
    return status;
}

/* ---- what becomes of it ---- */

/* What becomes of an optimisation's rows. */
typedef struct rows {
    cli_made made;
    float *value;
    unsigned char *settled;
    size_t unsettled;
    double start_same; /* part of the starts that the judge recognises; NAN: not asked */
} rows;

static void rows_close(rows *r)
{
    cli_made_close(&r->made);
    free(r->value);
    free(r->settled);
}

static inv_status rows_open(rows *r, const cli_making *m, const inv_generator *generator,
                            size_t pixels)
{
    const size_t n = inv_generator_values(generator)->size1;
    void *value = NULL, *settled = NULL;
    inv_status status = INV_OK;
    *r = (rows){.start_same = NAN};
    INV_TRY(cli_made_open(&r->made, n, pixels));
    r->made.labels = inv_generator_labels(generator);
    r->made.of_classes = inv_generator_has_classes(generator);
    r->made.each = m->spec->count;
    INV_TRY(inv_calloc(n, sizeof(float), "images", &value));
    r->value = value;
    INV_TRY(inv_calloc(n, 1, "images", &settled));
    r->settled = settled;
done:
    return status;
}

static inv_status read_rows(const cli_materials *materials, inv_generator *generator, rows *r)
{
    const inv_optimisation *o = inv_generator_optimisation(generator);
    cli_made *made = &r->made;
    const double sign = made->of_classes ? 1.0 : -1.0; /* a unit's own value */
    inv_status status = INV_OK;
    for (size_t i = 0; i < made->n; i++) {
        r->value[i] = (float)(sign * inv_optimisation_row_values(o)[i]);
        r->settled[i] = inv_optimisation_settled(o, i);
        made->dead[i] = inv_optimisation_dead(o, i);
        made->dead_count += made->dead[i];
        r->unsettled += !r->settled[i] && !made->dead[i];
    }
    if (made->of_classes)
        inv_generator_confidence(generator, made->confidence);
    INV_TRY(make_images(materials, generator, made->images));
    INV_TRY(cli_classify(materials->net, made->images, NULL, made->reclassified, NULL));
done:
    return status;
}

/* Before any step: what is recognised then is no merit of the steps. */
static inv_status judge_start(const cli_session *session, const cli_judge *judge,
                              const inv_generator *generator, rows *r)
{
    cli_made *made = &r->made;
    double same = 0.0;
    inv_status status = INV_OK;
    if (!cli_made_can_judge(judge, made))
        return INV_OK;
    INV_TRY(make_images(&session->materials, generator, made->images));
    INV_TRY(cli_made_judge(session, judge, made));
    for (size_t i = 0; i < made->n; i++)
        same += made->judged[i] == made->labels[i];
    r->start_same = same / (double)made->n;
done:
    return status;
}

/* ---- put down ---- */

/* How it is judged, how various and how noisy it is. */
static inv_status put_figures(cli_session *session, const cli_making *m, const cli_judge *judge,
                              rows *r, const char *path)
{
    inv_status status = INV_OK;
    INV_TRY(cli_made_put_judge(session, judge, &r->made, path));
    if (!isnan(r->start_same))
        INV_TRY(inv_run_set_real(session->file.run, path, "judge_start", r->start_same));
    INV_TRY(cli_made_put_distance(session, m->stage, &r->made, path));
    INV_TRY(cli_made_put_noise(session, m->stage, &r->made, path));
done:
    return status;
}

static inv_status put_rows(cli_session *session, const cli_making *m,
                           const inv_generator *generator, const rows *r,
                           const inv_optimise_report *report, char path[PATH_BYTES])
{
    const gsl_matrix_float *values = inv_generator_values(generator);
    const size_t n = r->made.n, dims[] = {n, values->size2};
    inv_status status = INV_OK;
    INV_TRY(cli_result_open(&session->file, m->group, m->spec->name,
                            session->materials.inverse ? m->spec->inverse : NULL, m->fields,
                            m->settings, path));
    INV_TRY(inv_run_set_text(session->file.run, path, "at", m->spec->at));
    if (*m->spec->of)
        INV_TRY(inv_run_set_text(session->file.run, path, "layer", m->spec->of));
    INV_TRY(inv_run_set_size(session->file.run, path, "step", report->step));
    INV_TRY(inv_run_set_size(session->file.run, path, "unsettled", r->unsettled));
    if (session->materials.inverse)
        INV_TRY(cli_put(session->file.run, path, "hidden", INV_FLOAT32, 2, dims, values->data,
                        INV_RUN_PLAIN));
    INV_TRY(
        cli_made_put(session->file.run, inv_net_shape(session->materials.net, 0), &r->made, path));
    INV_TRY(cli_put(session->file.run, path, "value", INV_FLOAT32, 1, &n, r->value, INV_RUN_PLAIN));
    INV_TRY(
        cli_put(session->file.run, path, "settled", INV_UINT8, 1, &n, r->settled, INV_RUN_PLAIN));
done:
    return status;
}

static void note_report(const cli_progress *progress, const cli_making *m, const rows *r,
                        const inv_optimise_report *report)
{
    if (report->restarted > 0)
        cli_note(progress, "%-9s %zu of %zu %s had no gradient (dead units) and %s drawn again",
                 m->stage, report->restarted, r->made.n, inv_plural(r->made.n, "start", "starts"),
                 inv_plural(report->restarted, "was", "were"));
    if (r->made.dead_count > 0)
        cli_warn("%-9s %zu of %zu %s dead: no image that was tried leads towards %s; %s marked in "
                 "/%s/%s/dead, and left out of the figures",
                 m->stage, r->made.dead_count, r->made.n,
                 inv_plural(r->made.dead_count, "is", "are"),
                 inv_plural(r->made.dead_count, "it", "them"),
                 inv_plural(r->made.dead_count, "it is", "they are"), m->group, m->spec->name);
    if (r->unsettled > 0)
        cli_warn("%-9s %zu of %zu did not converge in %zu %s; the objective is %.6g; %s kept, and "
                 "marked in /%s/%s/settled",
                 m->stage, r->unsettled, r->made.n, report->step,
                 inv_plural(report->step, "step", "steps"), report->value,
                 inv_plural(r->unsettled, "it is", "they are"), m->group, m->spec->name);
}

/* ---- the stages ---- */

/* Where the values are optimised says whether an inverse is needed. */
static inv_status open_inverse(cli_session *session, const cli_making *m, size_t *at)
{
    char key[2 * INV_NAME_MAX];
    inv_status status = INV_OK;
    INV_TRY(inv_net_point(session->materials.net, m->spec->at, at));
    if (*at == 0) {
        inv_net_free(session->materials.inverse);
        session->materials.inverse = NULL;
        return INV_OK;
    }
    snprintf(key, sizeof key, "%s.at", m->stage);
    INV_TRY(cli_load_inverse(&session->file, &session->materials, m->spec->inverse));
    INV_TRY(cli_inverse_check(session->file.run, &session->materials, key, m->spec->at));
done:
    return status;
}

static inv_status open_material(cli_session *session, const cli_making *m, size_t at,
                                inv_material *material, inv_gaussians **waves)
{
    const bool gaussians = inv_optimise_needs_gaussians(&m->spec->optimise);
    const char *type = m->spec->optimise.parametrisation.type;
    const bool plain = strcmp(type, "waves") == 0, of_data = strcmp(type, "fourier") == 0;
    inv_status status = INV_OK;
    if ((plain || of_data) && (gaussians || at != 0))
        INV_FAIL(INV_ECONFIG,
                 "%s.parametrisation: %s works only at the input and without gaussian terms",
                 m->stage, type);
    if (gaussians)
        INV_TRY(cli_load_gaussians(&session->file, &session->materials, at));
    if (of_data || inv_generate_needs_data(m->spec))
        INV_TRY(cli_load_data(&session->file, &session->materials));
    if (plain)
        INV_TRY(inv_gaussians_plain_waves(
            inv_net_shape(session->materials.net, 0), session->file.pixels.ground,
            PLAIN_DEVIATION * (session->file.pixels.white - session->file.pixels.black), waves));
    else if (of_data)
        INV_TRY(inv_gaussians_waves(&session->materials.data->train, session->materials.data->shape,
                                    waves));
    *material = (inv_material){.data = session->materials.data,
                               .gaussians = gaussians ? session->materials.gaussians : *waves,
                               .seed = session->file.seed,
                               .pixels = &session->file.pixels};
    if (strcmp(m->stage, "generate") != 0) /* whose streams have no name, as they always had */
        material->stage = m->stage;
done:
    return status;
}

/* A frame is a sheet, whatever becomes of the result. */
static inv_status check_frames(const cli_options *options, const cli_making *m, inv_shape shape,
                               size_t n)
{
    inv_sheet sheet = *m->sheet;
    sheet.captions = NULL;
    if (!options->frames)
        return INV_OK;
    return inv_png_check_sheet(options->frames, &sheet, n, shape);
}

void cli_making_keep_still(const cli_file *file, const inv_net *net, const char *stage,
                           const char *at, inv_optimise_spec *spec)
{
    const struct {
        const char *key;
        double *value;
    } moves[] = {{"jitter", &spec->jitter}, {"turn", &spec->turn}, {"zoom", &spec->zoom}};
    char key[2 * INV_NAME_MAX];
    size_t point = 0;
    if (inv_net_point(net, at, &point) != INV_OK)
        return; /* a point that is none is told of later */
    const inv_shape shape = inv_net_shape(net, point);
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        snprintf(key, sizeof key, "%s.%s", stage, moves[i].key);
        if ((shape.height < 2 || shape.width < 2) && !inv_config_has(file->config, key))
            *moves[i].value = 0.0;
    }
}

inv_status cli_making_check(const cli_file *file, const inv_net *net, const cli_making *m)
{
    const inv_shape shape = inv_net_shape(net, 0);
    size_t n = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_generate_rows(m->spec, net, m->stage, &n));
    INV_TRY(cli_picture_check(file, shape, m->spec->name, m->stem, m->sheet, n));
    INV_TRY(check_frames(file->options, m, shape, n));
done:
    return status;
}

static void note_start(const cli_progress *progress, const cli_making *m)
{
    if (m->spec->targets.count > 0 && strcmp(m->spec->optimise.from, "image") == 0)
        cli_note(progress,
                 "%-9s starts are training images of the targets' classes, drawn by lot; "
                 "%s.from = \"target\" starts from the targets themselves",
                 m->stage, m->stage);
}

inv_status cli_make(cli_session *session, const cli_making *m)
{
    char path[PATH_BYTES];
    size_t at = 0;
    inv_generator *generator = NULL;
    inv_gaussians *waves = NULL;
    inv_material material;
    inv_optimise_report report;
    rows r = {0};
    cli_judge judge = {0};
    inv_status status = INV_OK;
    INV_TRY(cli_judge_load(&session->progress, session->file.options->judge, session->materials.net,
                           &judge));
    INV_TRY(open_inverse(session, m, &at));
    INV_TRY(open_material(session, m, at, &material, &waves));
    note_start(&session->progress, m);
    INV_TRY(inv_generator_alloc(m->spec, session->materials.net, &material, &generator));
    INV_TRY(rows_open(&r, m, generator, inv_net_units(session->materials.net, 0)));
    INV_TRY(judge_start(session, &judge, generator, &r));
    INV_TRY(optimise(session, m, generator, r.made.images, &report));
    INV_TRY(read_rows(&session->materials, generator, &r));
    INV_TRY(put_rows(session, m, generator, &r, &report, path));
    INV_TRY(put_figures(session, m, &judge, &r, path));
    INV_TRY(cli_file_save(&session->file));
    note_report(&session->progress, m, &r, &report);
    INV_TRY(cli_draw(session, path, "image", m->stem, m->sheet));
done:
    inv_generator_free(generator);
    inv_gaussians_free(waves);
    rows_close(&r);
    cli_judge_free(&judge);
    return status;
}
