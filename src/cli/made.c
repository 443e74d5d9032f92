/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "invproj/encode.h"
#include "invproj/measure.h"

void cli_made_close(cli_made *made)
{
    inv_mat_free(made->images);
    free(made->confidence);
    free(made->judge_confidence);
    free(made->reclassified);
    free(made->judged);
    free(made->dead);
}

inv_status cli_made_open(cli_made *made, size_t n, size_t pixels)
{
    void *floats[2] = {NULL}, *classes[2] = {NULL}, *flags = NULL;
    inv_status status = INV_OK;
    *made = (cli_made){.n = n, .each = 1};
    INV_TRY(inv_mat_alloc(n, pixels, "images", &made->images));
    for (int i = 0; i < 2 && status == INV_OK; i++)
        status = inv_calloc(n, sizeof(float), "images", &floats[i]);
    made->confidence = floats[0];
    made->judge_confidence = floats[1];
    for (int i = 0; i < 2 && status == INV_OK; i++)
        status = inv_calloc(n, sizeof(unsigned), "classes", &classes[i]);
    made->reclassified = classes[0];
    made->judged = classes[1];
    if (status == INV_OK)
        status = inv_calloc(n, 1, "images", &flags);
    made->dead = flags;
done:
    return status;
}

/* ---- how nets read them ---- */

#define ROWS_MOST ((size_t)500) /* that a net reads at a time */

inv_status cli_classify(const inv_net *net, const gsl_matrix_float *images, const unsigned *meant,
                        unsigned *classes, float *confidence)
{
    const size_t n = images->size1, most = n < ROWS_MOST ? n : ROWS_MOST;
    inv_pass *pass = NULL;
    inv_status status = inv_pass_alloc(net, 0, inv_net_logits(net), most, INV_PASS_FORWARD, &pass);
    for (size_t first = 0; first < n && status == INV_OK; first += most) {
        gsl_matrix_float some = inv_mat_head(images, n - first < most ? n - first : most);
        some.data += first * images->tda;
        float *sure = confidence ? confidence + first : NULL;
        const gsl_matrix_float *logits = inv_net_forward(net, pass, &some);
        inv_encode_classes(logits, sure, classes + first);
        for (size_t i = 0; sure && i < some.size1; i++) {
            const float *z = logits->data + i * logits->tda;
            sure[i] *= expf(z[meant[first + i]] - z[classes[first + i]]);
        }
    }
    inv_pass_free(pass);
    return status;
}

bool cli_made_can_judge(const cli_judge *judge, const cli_made *made)
{
    return judge->net && made->of_classes;
}

inv_status cli_made_judge(const cli_session *session, const cli_judge *judge, cli_made *made)
{
    gsl_matrix_float *images = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_mat_alloc(made->images->size1, made->images->size2, "images to judge", &images));
    inv_pixels_translate(&session->file.pixels, &judge->pixels, made->images, images);
    INV_TRY(cli_classify(judge->net, images, made->labels, made->judged, made->judge_confidence));
done:
    inv_mat_free(images);
    return status;
}

inv_status cli_made_put_judge(cli_session *session, const cli_judge *judge, cli_made *made,
                              const char *path)
{
    inv_run *run = session->file.run;
    const size_t alive = made->n - made->dead_count;
    double same = 0.0, confidence = 0.0;
    inv_status status = INV_OK;
    if (!cli_made_can_judge(judge, made))
        return INV_OK;
    INV_TRY(cli_made_judge(session, judge, made));
    for (size_t i = 0; i < made->n; i++) {
        same += !made->dead[i] && made->judged[i] == made->labels[i];
        confidence += made->dead[i] ? 0.0 : (double)made->judge_confidence[i];
    }
    INV_TRY(inv_run_set_text(run, path, "judge", judge->path));
    if (alive > 0) {
        INV_TRY(inv_run_set_real(run, path, "judge_same", same / (double)alive));
        INV_TRY(inv_run_set_real(run, path, "judge_mean", confidence / (double)alive));
    }
    INV_TRY(cli_put_classes(run, path, "judged", made->judged, made->n));
    INV_TRY(cli_put(run, path, "judge_confidence", INV_FLOAT32, 1, &made->n, made->judge_confidence,
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

inv_status cli_made_put_distance(cli_session *session, const char *stage, const cli_made *made,
                                 const char *path)
{
    const inv_net *net = session->materials.net;
    const size_t n = made->each;
    double real[INV_CLASSES_MAX], sum = 0.0;
    if (n < 2 || !made->of_classes || made->dead_count > 0)
        return INV_OK; /* there is no distance from what is none */
    if (real_spreads(&session->file, &session->materials, inv_net_units(net, inv_net_depth(net)),
                     real) != INV_OK) {
        cli_warn("%-9s no figure of diversity: %s", stage, inv_error_message());
        return INV_OK;
    }
    for (size_t first = 0; first < made->n; first += n) {
        const double spread = real[made->labels[first]];
        if (!(spread > 0.0)) /* a class without two images that differ */
            return INV_OK;
        sum += add_spread(made->images, first, n) / spread;
    }
    return inv_run_set_real(session->file.run, path, "distance", sum / (double)(made->n / n));
}

/* ---- noise ---- */

#define NOISE_MOST  0.25 /* of borders, more than real images have */
#define SURE        0.9
#define REAL_IMAGES ((size_t)1000)

/* Of most of the images. */
static bool is_sure(const cli_made *made)
{
    size_t sure = 0;
    for (size_t i = 0; i < made->n; i++)
        sure += (double)made->confidence[i] >= SURE;
    return 2 * sure > made->n;
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
static void note_noise(cli_session *session, const char *stage, const cli_made *made, double noise)
{
    double real = NAN;
    if (!(noise > NOISE_MOST) || !is_sure(made) || real_noise(session, &real) != INV_OK ||
        !(noise > real + NOISE_MOST))
        return;
    cli_note(&session->progress,
             "%-9s these images are noise to the eye, however sure the net is of them: their "
             "borders vary %.2f times as much as the whole, those of real images %.2f times; "
             "--preset recommended keeps to what real images are like",
             stage, noise, real);
}

static void note_unknown(const cli_session *session, const char *stage)
{
    if (!session->file.options->judge)
        cli_note(&session->progress,
                 "%-9s without data nothing says whether these images look like their classes to "
                 "anyone but the net; --judge OTHER.h5 asks another net, --data DIR compares with "
                 "real images",
                 stage);
}

inv_status cli_made_put_noise(cli_session *session, const char *stage, const cli_made *made,
                              const char *path)
{
    double noise = NAN;
    inv_status status =
        inv_measure_border(inv_net_shape(session->materials.net, 0), made->images, &noise);
    if (status != INV_OK || isnan(noise))
        return status;
    if (made->of_classes && !session->progress.quiet) {
        if (cli_data_is_known(&session->file))
            note_noise(session, stage, made, noise);
        else
            note_unknown(session, stage);
    }
    return inv_run_set_real(session->file.run, path, "border_noise", noise);
}

/* ---- put down ---- */

inv_status cli_made_put(inv_run *run, inv_shape shape, const cli_made *made, const char *path)
{
    inv_status status = INV_OK;
    INV_TRY(cli_put_images(run, path, "image", shape, made->images));
    INV_TRY(cli_put_classes(run, path, made->of_classes ? "label" : "unit", made->labels, made->n));
    if (made->dead_count > 0) {
        INV_TRY(inv_run_set_size(run, path, "dead", made->dead_count));
        INV_TRY(cli_put(run, path, "dead", INV_UINT8, 1, &made->n, made->dead, INV_RUN_PLAIN));
    }
    if (!made->of_classes)
        return INV_OK;
    INV_TRY(cli_put(run, path, "confidence", INV_FLOAT32, 1, &made->n, made->confidence,
                    INV_RUN_PLAIN));
    INV_TRY(cli_put_classes(run, path, "reclassified", made->reclassified, made->n));
done:
    return status;
}
