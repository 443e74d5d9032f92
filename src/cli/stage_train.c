/* The stage that trains the classifier.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "invproj/figure.h"
#include "invproj/measure.h"
#include "invproj/rng.h"
#include "invproj/train.h"
#include "learning.h"
#include "stage.h"

/* @best_step: the step whose parameters are kept; @stopped: why it ended before all steps. */
static inv_status describe_training(const cli_learning *l)
{
    const inv_stop_spec *stop = &l->file->experiment->training.stop;
    const size_t step = inv_learner_count(l->learner), steps = inv_learner_steps(l->learner);
    const size_t best = inv_trainer_best(l->learner);
    char why[INV_TEXT_MAX];
    inv_status status = INV_OK;
    if (best > 0)
        INV_TRY(inv_run_set_size(l->file->run, l->path, "best_step", best));
    if (inv_learner_done(l->learner) && step < steps) {
        snprintf(why, sizeof why,
                 "after step %zu of %zu: the validation images' %s was best after step %zu, and no "
                 "better in %zu measurements since",
                 step, steps, stop->by, best, stop->patience);
        INV_TRY(inv_run_set_text(l->file->run, l->path, "stopped", why));
        cli_note(l->progress, "          stopped %s", why);
    }
done:
    return status;
}

static inv_status make_net(cli_session *session)
{
    const inv_dataset *data = session->materials.data;
    gsl_rng *rng = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_net_build(session->file.config, "network.layers", data->shape, data->classes,
                          &session->materials.net));
    INV_TRY(inv_rng_alloc(session->file.seed, "network", &rng));
    inv_net_init(session->materials.net, rng);
    INV_TRY(inv_run_set_size(session->file.run, "/network", "height", data->shape.height));
    INV_TRY(inv_run_set_size(session->file.run, "/network", "width", data->shape.width));
    INV_TRY(inv_run_set_size(session->file.run, "/network", "channels", data->shape.channels));
done:
    inv_rng_free(rng);
    return status;
}

#define CONFUSION "/network/confusion"
#define MISTAKES  "/network/mistakes"
#define KEPT      100 /* mistakes */

/* Whether a layer has one of those names, which are then its own. */
static bool are_taken(const inv_net *net)
{
    char owner[INV_NAME_MAX];
    for (size_t i = 0; i < inv_net_depth(net); i++) {
        inv_layer_owner(inv_net_layer(net, i)->name, owner);
        if (strcmp(owner, "confusion") == 0 || strcmp(owner, "mistakes") == 0)
            return true;
    }
    return false;
}

static inv_status put_mistakes(cli_session *session, const inv_mistake *m, size_t count)
{
    const inv_part *test = &session->materials.data->test;
    inv_run *run = session->file.run;
    unsigned label[KEPT], predicted[KEPT], index[KEPT];
    float confidence[KEPT];
    gsl_matrix_float *images = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_run_remove(run, MISTAKES));
    if (count == 0)
        goto done;
    INV_TRY(inv_mat_alloc(count, test->pixels, "mistakes", &images));
    for (size_t i = 0; i < count; i++) {
        gsl_matrix_float row = inv_mat_over(images->data + i * images->tda, 1, test->pixels);
        inv_part_rows(test, m[i].index, 1, &row);
        label[i] = m[i].label;
        predicted[i] = m[i].predicted;
        index[i] = (unsigned)m[i].index;
        confidence[i] = m[i].confidence;
    }
    INV_TRY(cli_put_images(run, MISTAKES, "image", session->materials.data->shape, images));
    INV_TRY(cli_put_classes(run, MISTAKES, "label", label, count));
    INV_TRY(cli_put_classes(run, MISTAKES, "predicted", predicted, count));
    INV_TRY(cli_put_classes(run, MISTAKES, "index", index, count));
    INV_TRY(
        cli_put(run, MISTAKES, "confidence", INV_FLOAT32, 1, &count, confidence, INV_RUN_PLAIN));
done:
    inv_mat_free(images);
    return status;
}

/* What the net takes the test images for, and those that it is surest of and wrong about. */
static inv_status measure_test(cli_session *session, double *accuracy)
{
    const inv_net *net = session->materials.net;
    const inv_part *test = &session->materials.data->test;
    const size_t classes = inv_net_units(net, inv_net_depth(net)), dims[2] = {classes, classes};
    inv_mistake mistakes[KEPT];
    void *memory = NULL;
    size_t count = 0, right = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(classes * classes, sizeof(unsigned), "a confusion matrix", &memory));
    const unsigned *confusion = memory;
    INV_TRY(inv_measure_confusion(net, test, classes, memory, mistakes, KEPT, &count));
    for (size_t c = 0; c < classes; c++)
        right += confusion[c * classes + c];
    *accuracy = (double)right / (double)test->count;
    INV_TRY(inv_run_set_real(session->file.run, "/network", "accuracy", *accuracy));
    if (!are_taken(net)) {
        INV_TRY(inv_run_put(session->file.run, CONFUSION, INV_UINT32, 2, dims, confusion,
                            INV_RUN_PACKED));
        INV_TRY(put_mistakes(session, mistakes, count));
    }
done:
    free(memory);
    return status;
}

static inv_status measure_net(cli_session *session)
{
    double accuracy = 0.0, validation = 0.0;
    inv_status status = INV_OK;
    const inv_part *test = &session->materials.data->test;
    if (test->count > 0)
        INV_TRY(measure_test(session, &accuracy));
    if (session->materials.data->validation.count > 0) {
        INV_TRY(inv_measure_accuracy(session->materials.net, &session->materials.data->validation,
                                     &validation));
        INV_TRY(inv_run_set_real(session->file.run, "/network", "validation_accuracy", validation));
    }
    INV_TRY(cli_file_save(&session->file));
    if (test->count > 0)
        cli_note(&session->progress, "          accuracy %.4f on the test images", accuracy);
    else
        cli_note(&session->progress,
                 "          there are no test images, and so there is no figure");
done:
    return status;
}

/* Where training goes on after it was done once, its figures are no longer true. What was made from
 * the shorter one is marked at the next save (cause.h). */
static inv_status forget_figures(const cli_learning *l)
{
    inv_run *run = l->file->run;
    uint64_t done = 0;
    inv_status status = INV_OK;
    if (inv_learner_count(l->learner) > 0 && !inv_learner_done(l->learner))
        INV_TRY(inv_run_size(run, l->path, "done", &done));
    for (const inv_figure *f = inv_figures; done && f->attribute; f++)
        if (strcmp(f->group, "network") == 0)
            INV_TRY(inv_run_unset(run, "/network", f->attribute));
    if (done && !are_taken(l->net)) {
        INV_TRY(inv_run_remove(run, CONFUSION));
        INV_TRY(inv_run_remove(run, MISTAKES));
    }
done:
    return status;
}

static inv_status check_train(const cli_session *session, inv_net *untrained)
{
    inv_learner *trainer = NULL;
    inv_status status = inv_trainer_alloc(&session->file.experiment->training, untrained,
                                          session->materials.data, session->file.seed, &trainer);
    inv_learner_free(trainer);
    return status;
}

static inv_status train(cli_session *session)
{
    const inv_train_spec *spec = &session->file.experiment->training;
    cli_learning l = {.file = &session->file,
                      .progress = &session->progress,
                      .stage = "training",
                      .path = "/training",
                      .net_path = "/network",
                      .restored = forget_figures,
                      .describe = describe_training};
    inv_status status = INV_OK;
    INV_TRY(make_net(session));
    l.net = session->materials.net;
    INV_TRY(inv_trainer_alloc(spec, session->materials.net, session->materials.data,
                              session->file.seed, &l.learner));
    l.epoch = spec->epochs ? inv_trainer_epoch(l.learner) : 0;
    INV_TRY(cli_learn(&l));
    INV_TRY(measure_net(session));
done:
    inv_learner_free(l.learner);
    return status;
}

const cli_stage cli_stage_train = {
    .name = "training",
    .learns = true,
    .check = check_train,
    .run = train,
};
