/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "making.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "cause.h"
#include "invproj/encode.h"
#include "invproj/file.h"
#include "invproj/inverse.h"
#include "invproj/measure.h"
#include "judge.h"

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

/* A result's rows, in arrays of their own. */
typedef struct rows {
    size_t n;
    gsl_matrix_float *images;
    float *confidence, *value, *judge_confidence;
    unsigned *reclassified, *judged;
    unsigned char *settled, *dead;
    size_t unsettled, dead_count;
    double start_same; /* part of the starts that the judge recognises; NAN: not asked */
} rows;

static void rows_close(rows *r)
{
    inv_mat_free(r->images);
    free(r->confidence);
    free(r->value);
    free(r->judge_confidence);
    free(r->reclassified);
    free(r->judged);
    free(r->settled);
    free(r->dead);
}

static inv_status rows_open(rows *r, size_t n, size_t pixels)
{
    void *floats[3] = {NULL}, *classes[2] = {NULL}, *flags[2] = {NULL};
    inv_status status = INV_OK;
    *r = (rows){.n = n, .start_same = NAN};
    INV_TRY(inv_mat_alloc(n, pixels, "images", &r->images));
    for (int i = 0; i < 3 && status == INV_OK; i++)
        status = inv_calloc(n, sizeof(float), "images", &floats[i]);
    r->confidence = floats[0];
    r->value = floats[1];
    r->judge_confidence = floats[2];
    for (int i = 0; i < 2 && status == INV_OK; i++)
        status = inv_calloc(n, sizeof(unsigned), "classes", &classes[i]);
    r->reclassified = classes[0];
    r->judged = classes[1];
    for (int i = 0; i < 2 && status == INV_OK; i++)
        status = inv_calloc(n, 1, "images", &flags[i]);
    r->settled = flags[0];
    r->dead = flags[1];
done:
    return status;
}

/* How a net reads the images: the class, and the probability of the class that was meant. */
static inv_status classify(const inv_net *net, const gsl_matrix_float *images,
                           const unsigned *meant, unsigned *classes, float *confidence)
{
    inv_pass *pass = NULL;
    inv_status status =
        inv_pass_alloc(net, 0, inv_net_logits(net), images->size1, INV_PASS_FORWARD, &pass);
    if (status != INV_OK)
        return status;
    const gsl_matrix_float *logits = inv_net_forward(net, pass, images);
    inv_encode_classes(logits, confidence, classes);
    for (size_t i = 0; confidence && i < logits->size1; i++) {
        const float *z = logits->data + i * logits->tda;
        confidence[i] *= expf(z[meant[i]] - z[classes[i]]);
    }
    inv_pass_free(pass);
    return INV_OK;
}

static inv_status read_rows(const cli_materials *materials, inv_generator *generator, rows *r)
{
    const inv_optimisation *o = inv_generator_optimisation(generator);
    const double sign = inv_generator_has_classes(generator) ? 1.0 : -1.0; /* a unit's own value */
    inv_status status = INV_OK;
    for (size_t i = 0; i < r->n; i++) {
        r->value[i] = (float)(sign * inv_optimisation_row_values(o)[i]);
        r->settled[i] = inv_optimisation_settled(o, i);
        r->dead[i] = inv_optimisation_dead(o, i);
        r->dead_count += r->dead[i];
        r->unsettled += !r->settled[i] && !r->dead[i];
    }
    if (inv_generator_has_classes(generator))
        inv_generator_confidence(generator, r->confidence);
    INV_TRY(make_images(materials, generator, r->images));
    INV_TRY(classify(materials->net, r->images, NULL, r->reclassified, NULL));
done:
    return status;
}

/* ---- the judge ---- */

/* The images as the judge was trained to see them: its black and white in place of the net's. */
static inv_status translate(const gsl_matrix_float *images, const inv_pixels *from,
                            const inv_pixels *to, gsl_matrix_float **out)
{
    const double factor = (to->white - to->black) / (from->white - from->black);
    inv_status status = inv_mat_alloc(images->size1, images->size2, "images to judge", out);
    if (status != INV_OK)
        return status;
    gsl_matrix_float_memcpy(*out, images);
    if (from->black == to->black && from->white == to->white)
        return INV_OK;
    for (size_t i = 0; i < images->size1; i++)
        for (size_t j = 0; j < images->size2; j++) {
            const double v = gsl_matrix_float_get(images, i, j);
            gsl_matrix_float_set(*out, i, j, (float)(to->black + factor * (v - from->black)));
        }
    return INV_OK;
}

/* What the judge sees in r->images. */
static inv_status judge_images(const cli_session *session, const cli_judge *judge,
                               const inv_generator *generator, rows *r)
{
    gsl_matrix_float *images = NULL;
    inv_status status = translate(r->images, &session->file.pixels, &judge->pixels, &images);
    if (status == INV_OK)
        status = classify(judge->net, images, inv_generator_labels(generator), r->judged,
                          r->judge_confidence);
    inv_mat_free(images);
    return status;
}

static bool can_judge(const cli_judge *judge, const inv_generator *generator)
{
    return judge->net && inv_generator_has_classes(generator);
}

/* Before any step: what is recognised then is no merit of the steps. */
static inv_status judge_start(const cli_session *session, const cli_judge *judge,
                              const inv_generator *generator, rows *r)
{
    const unsigned *meant = inv_generator_labels(generator);
    double same = 0.0;
    inv_status status = INV_OK;
    if (!can_judge(judge, generator))
        return INV_OK;
    INV_TRY(make_images(&session->materials, generator, r->images));
    INV_TRY(judge_images(session, judge, generator, r));
    for (size_t i = 0; i < r->n; i++)
        same += r->judged[i] == meant[i];
    r->start_same = same / (double)r->n;
done:
    return status;
}

static inv_status judge_rows(cli_session *session, const cli_judge *judge,
                             const inv_generator *generator, rows *r, const char *path)
{
    inv_run *run = session->file.run;
    const unsigned *meant = inv_generator_labels(generator);
    const size_t alive = r->n - r->dead_count;
    double same = 0.0, confidence = 0.0;
    inv_status status = INV_OK;
    if (!can_judge(judge, generator))
        return INV_OK;
    INV_TRY(judge_images(session, judge, generator, r));
    for (size_t i = 0; i < r->n; i++) {
        same += !r->dead[i] && r->judged[i] == meant[i];
        confidence += r->dead[i] ? 0.0 : (double)r->judge_confidence[i];
    }
    INV_TRY(inv_run_set_text(run, path, "judge", judge->path));
    if (alive > 0) {
        INV_TRY(inv_run_set_real(run, path, "judge_same", same / (double)alive));
        INV_TRY(inv_run_set_real(run, path, "judge_mean", confidence / (double)alive));
    }
    INV_TRY(inv_run_set_real(run, path, "judge_start", r->start_same));
    INV_TRY(cli_put_classes(run, path, "judged", r->judged, r->n));
    INV_TRY(cli_put(run, path, "judge_confidence", INV_FLOAT32, 1, &r->n, r->judge_confidence,
                    INV_RUN_PLAIN));
done:
    return status;
}

/* ---- variety ---- */

/* The root of the mean of |x_i - x_j|^2 over all pairs of rows first .. first + n - 1: twice their
 * mean squared distance from their mean, times n / (n - 1). */
static double add_spread(const gsl_matrix_float *x, size_t first, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < x->size2; j++) {
        double mean = 0.0;
        for (size_t i = first; i < first + n; i++)
            mean += x->data[i * x->tda + j] / (double)n;
        for (size_t i = first; i < first + n; i++) {
            const double d = x->data[i * x->tda + j] - mean;
            sum += d * d;
        }
    }
    return sqrt(2.0 * sum / (double)(n - 1));
}

/* The same of the real images of each class: by their Gaussian where the run file has it, else from
 * the images. */
static inv_status real_spreads(const cli_file *file, cli_materials *materials, size_t classes,
                               double *spread)
{
    const bool kept =
        inv_run_has(file->run, "/gaussian/input") && !cli_cause_stale(file->run, "/gaussian/input");
    inv_status status =
        kept ? cli_load_gaussians(file, materials, 0) : cli_load_data(file, materials);
    if (status != INV_OK || !kept)
        return status == INV_OK ? inv_measure_spread(&materials->data->train, classes, spread)
                                : status;
    for (size_t c = 0; c < classes; c++) {
        const inv_gaussian *g = &materials->gaussians->of[c];
        double sum = g->rest * (double)(g->units - g->components);
        for (size_t k = 0; k < g->components; k++)
            sum += (double)g->deviation[k] * g->deviation[k];
        spread[c] = sqrt(2.0 * sum);
    }
    return INV_OK;
}

/* How far images of a class lie from each other, beside real ones; where there are several of
 * each. */
static inv_status put_distance(cli_session *session, const cli_making *m,
                               const inv_generator *generator, const rows *r, const char *path)
{
    const unsigned *label = inv_generator_labels(generator);
    const size_t n = m->spec->count;
    double real[INV_CLASSES_MAX], sum = 0.0;
    if (n < 2 || !inv_generator_has_classes(generator) || r->dead_count > 0)
        return INV_OK; /* there is no distance from what is none */
    if (real_spreads(&session->file, &session->materials,
                     inv_net_units(session->materials.net, inv_net_depth(session->materials.net)),
                     real) != INV_OK) {
        cli_warn("%-9s no figure of diversity: %s", m->stage, inv_error_message());
        return INV_OK;
    }
    for (size_t first = 0; first < r->n; first += n) {
        if (!(real[label[first]] > 0.0)) /* a class without two images that differ */
            return INV_OK;
        sum += add_spread(r->images, first, n) / real[label[first]];
    }
    return inv_run_set_real(session->file.run, path, "distance", sum / (double)(r->n / n));
}

/* ---- noise ---- */

#define NOISE_MOST  0.25 /* of borders, more than real images have */
#define SURE        0.9
#define REAL_IMAGES ((size_t)1000)

/* Of most of the images. */
static bool is_sure(const rows *r)
{
    size_t sure = 0;
    for (size_t i = 0; i < r->n; i++)
        sure += (double)r->confidence[i] >= SURE;
    return 2 * sure > r->n;
}

static inv_status real_noise(cli_session *session, double *noise)
{
    gsl_matrix_float *images = NULL;
    inv_status status = cli_load_data(&session->file, &session->materials);
    if (status != INV_OK)
        return status;
    const inv_part *part = &session->materials.data->train;
    const size_t n = part->count < REAL_IMAGES ? part->count : REAL_IMAGES;
    status = inv_mat_alloc(n, part->pixels, "images", &images);
    if (status == INV_OK) {
        inv_part_rows(part, 0, n, images);
        status = inv_measure_border(session->materials.data->shape, images, noise);
    }
    inv_mat_free(images);
    return status;
}

/* A net can be sure of what nobody would recognise. A prior made of real images leaves no noise. */
static void warn_of_noise(cli_session *session, const cli_making *m, const rows *r, double noise)
{
    double real = NAN;
    if (!(noise > NOISE_MOST) || !is_sure(r) || !cli_data_is_known(&session->file) ||
        real_noise(session, &real) != INV_OK || !(noise > real + NOISE_MOST))
        return;
    cli_warn("%-9s these images are noise to the eye, however sure the net is of them: their "
             "borders vary %.2f times as much as the whole, those of real images %.2f times; "
             "--preset recommended keeps to what real images are like",
             m->stage, noise, real);
}

static inv_status put_noise(cli_session *session, const cli_making *m,
                            const inv_generator *generator, const rows *r, const char *path)
{
    double noise = NAN;
    inv_status status =
        inv_measure_border(inv_net_shape(session->materials.net, 0), r->images, &noise);
    if (status != INV_OK || isnan(noise))
        return status;
    if (inv_generator_has_classes(generator))
        warn_of_noise(session, m, r, noise);
    return inv_run_set_real(session->file.run, path, "border_noise", noise);
}

/* ---- put down ---- */

static inv_status put_classes_of(inv_run *run, const inv_generator *generator, const rows *r,
                                 const char *path)
{
    const bool classes = inv_generator_has_classes(generator);
    inv_status status = INV_OK;
    INV_TRY(cli_put_classes(run, path, classes ? "label" : "unit", inv_generator_labels(generator),
                            r->n));
    if (!classes)
        return INV_OK;
    INV_TRY(cli_put(run, path, "confidence", INV_FLOAT32, 1, &r->n, r->confidence, INV_RUN_PLAIN));
    INV_TRY(cli_put_classes(run, path, "reclassified", r->reclassified, r->n));
done:
    return status;
}

static inv_status put_rows(cli_session *session, const cli_making *m,
                           const inv_generator *generator, const rows *r,
                           const inv_optimise_report *report, char path[PATH_BYTES])
{
    const gsl_matrix_float *values = inv_generator_values(generator);
    const size_t n = r->n, dims[] = {n, values->size2};
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
    INV_TRY(cli_put_images(session->file.run, path, "image",
                           inv_net_shape(session->materials.net, 0), r->images));
    INV_TRY(cli_put(session->file.run, path, "value", INV_FLOAT32, 1, &n, r->value, INV_RUN_PLAIN));
    INV_TRY(
        cli_put(session->file.run, path, "settled", INV_UINT8, 1, &n, r->settled, INV_RUN_PLAIN));
    if (r->dead_count > 0) {
        INV_TRY(inv_run_set_size(session->file.run, path, "dead", r->dead_count));
        INV_TRY(cli_put(session->file.run, path, "dead", INV_UINT8, 1, &n, r->dead, INV_RUN_PLAIN));
    }
    INV_TRY(put_classes_of(session->file.run, generator, r, path));
done:
    return status;
}

static void note_report(const cli_progress *progress, const cli_making *m, const rows *r,
                        const inv_optimise_report *report)
{
    if (report->restarted > 0)
        cli_note(progress, "%-9s %zu of %zu %s had no gradient (dead units) and %s drawn again",
                 m->stage, report->restarted, r->n, inv_plural(r->n, "start", "starts"),
                 inv_plural(report->restarted, "was", "were"));
    if (r->dead_count > 0)
        cli_warn("%-9s %zu of %zu %s dead: no image that was tried leads towards %s; %s marked in "
                 "/%s/%s/dead, and left out of the figures",
                 m->stage, r->dead_count, r->n, inv_plural(r->dead_count, "is", "are"),
                 inv_plural(r->dead_count, "it", "them"),
                 inv_plural(r->dead_count, "it is", "they are"), m->group, m->spec->name);
    if (r->unsettled > 0)
        cli_warn("%-9s %zu of %zu did not converge in %zu %s; the objective is %.6g; %s kept, and "
                 "marked in /%s/%s/settled",
                 m->stage, r->unsettled, r->n, report->step,
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
    const bool waves_alone = strcmp(type, "waves") == 0;
    const bool fourier = waves_alone || strcmp(type, "fourier") == 0;
    inv_status status = INV_OK;
    if (fourier && (gaussians || at != 0))
        INV_FAIL(INV_ECONFIG,
                 "%s.parametrisation: %s works only at the input and without gaussian terms",
                 m->stage, type);
    if (gaussians)
        INV_TRY(cli_load_gaussians(&session->file, &session->materials, at));
    const bool no_data = waves_alone || (fourier && !cli_data_is_known(&session->file));
    if ((fourier && !no_data) || inv_generate_needs_data(m->spec))
        INV_TRY(cli_load_data(&session->file, &session->materials));
    if (no_data)
        INV_TRY(inv_gaussians_plain_waves(
            inv_net_shape(session->materials.net, 0), session->file.pixels.ground,
            PLAIN_DEVIATION * (session->file.pixels.white - session->file.pixels.black), waves));
    else if (fourier)
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
    INV_TRY(rows_open(&r, inv_generator_values(generator)->size1,
                      inv_net_units(session->materials.net, 0)));
    INV_TRY(judge_start(session, &judge, generator, &r));
    INV_TRY(optimise(session, m, generator, r.images, &report));
    INV_TRY(read_rows(&session->materials, generator, &r));
    INV_TRY(put_rows(session, m, generator, &r, &report, path));
    INV_TRY(judge_rows(session, &judge, generator, &r, path));
    INV_TRY(put_distance(session, m, generator, &r, path));
    INV_TRY(put_noise(session, m, generator, &r, path));
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
