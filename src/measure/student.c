/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/student.h"

#include <stdlib.h>

#include "invproj/measure.h"
#include "invproj/rng.h"
#include "invproj/train.h"

#define BATCH ((size_t)100)

static const char layers[] =
    "layers = ({name = \"hidden\"; type = \"dense\"; units = 128; activation = \"relu\";"
    "  kernel = {type = \"he_normal\";};},"
    " {name = \"output\"; type = \"dense\"; activation = \"softmax\";"
    "  kernel = {type = \"glorot_uniform\";};});";

static const inv_train_spec how = {
    .epochs = 10,
    .loss = "cross_entropy",
    .reduction = "mean",
    .optimiser = {.type = "adam", .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
    .schedule = {.type = "constant", .every = 1.0, .factor = 1.0},
    .stop = {.by = "loss"},
};

/* ---- images ---- */

static const inv_pixels unit = {.black = 0.0, .white = 1.0};

/* A part of rows of floats; the matrix has no gaps. */
static inv_part part_of(const gsl_matrix_float *images, const uint16_t *labels)
{
    return (inv_part){.count = images->size1,
                      .pixels = images->size2,
                      .type = INV_IDX_FLOAT,
                      .images = images->data,
                      .labels = labels,
                      .scale = 1.0};
}

static inv_status check(const gsl_matrix_float *images, const uint16_t *labels,
                        const inv_dataset *data)
{
    size_t real[INV_CLASSES_MAX], count[INV_CLASSES_MAX] = {0}, wanted = 0, found = 0;
    if (data->test.count == 0)
        return INV_ERROR(INV_EDATA, "student: the data have no test images to test it on");
    if (images->size2 != data->train.pixels)
        return INV_ERROR(INV_EINVAL, "student: images of %zu values; the data's have %zu",
                         images->size2, data->train.pixels);
    for (size_t i = 0; i < images->size1; i++) {
        if (labels[i] >= data->classes)
            return INV_ERROR(INV_EDATA, "student: class %u does not exist (0 to %zu)", labels[i],
                             data->classes - 1);
        count[labels[i]]++;
    }
    inv_part_classes(&data->train, real);
    for (size_t c = 0; c < data->classes; c++) {
        wanted += real[c] > 0;
        found += real[c] > 0 && count[c] > 0;
    }
    return found == wanted ? INV_OK
                           : INV_ERROR(INV_EDATA,
                                       "student: there are images of %zu of %zu classes; it learns "
                                       "all of them, so make images of all",
                                       found, wanted);
}

void inv_student_real(const inv_dataset *data, gsl_matrix_float *images, uint16_t *labels,
                      size_t *n)
{
    const inv_part *train = &data->train;
    const size_t each = images->size1 / (data->classes - data->empty);
    size_t count[INV_CLASSES_MAX] = {0};
    *n = 0;
    for (size_t i = 0; i < train->count && *n < images->size1; i++) {
        gsl_matrix_float row = inv_mat_over(images->data + *n * images->tda, 1, train->pixels);
        if (count[train->labels[i]]++ >= each)
            continue;
        inv_part_rows(train, i, 1, &row);
        labels[(*n)++] = train->labels[i];
    }
}

/* ---- the student ---- */

static inv_status build(const inv_dataset *data, uint64_t seed, inv_net **out)
{
    inv_config *config = NULL;
    gsl_rng *rng = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_config_read_text("student", layers, &config));
    INV_TRY(inv_net_build(config, "layers", data->shape, data->classes, out));
    INV_TRY(inv_rng_alloc(seed, "student", &rng));
    inv_net_init(*out, rng);
done:
    inv_rng_free(rng);
    inv_config_free(config);
    return status;
}

static inv_status learn(inv_net *net, const inv_dataset *data, uint64_t seed)
{
    inv_train_spec spec = how;
    inv_train_report report;
    inv_learner *trainer = NULL;
    spec.batch = data->train.count < BATCH ? data->train.count : BATCH;
    inv_status status = inv_trainer_alloc(&spec, net, data, seed, &trainer);
    while (status == INV_OK && !inv_learner_done(trainer))
        status = inv_learner_step(trainer, &report);
    inv_learner_free(trainer);
    return status;
}

inv_status inv_student_measure(const gsl_matrix_float *images, const uint16_t *labels,
                               const inv_pixels *pixels, const inv_dataset *data, uint64_t seed,
                               double *accuracy)
{
    inv_dataset own = {.shape = data->shape, .classes = data->classes, .pixels = unit};
    gsl_matrix_float *x = NULL, *test = NULL;
    inv_net *net = NULL;
    inv_status status = INV_OK;
    INV_TRY(check(images, labels, data));
    INV_TRY(inv_mat_alloc(images->size1, images->size2, "images", &x));
    INV_TRY(inv_mat_alloc(data->test.count, images->size2, "test images", &test));
    inv_pixels_translate(pixels, &unit, images, x);
    inv_part_rows(&data->test, 0, data->test.count, test);
    inv_pixels_translate(&data->pixels, &unit, test, test);
    own.train = part_of(x, labels);
    own.test = part_of(test, data->test.labels);
    INV_TRY(build(data, seed, &net));
    INV_TRY(learn(net, &own, seed));
    INV_TRY(inv_measure_accuracy(net, &own.test, accuracy));
done:
    inv_net_free(net);
    inv_mat_free(test);
    inv_mat_free(x);
    return status;
}
