/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "phases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "invproj/encode.h"
#include "invproj/rng.h"
#include "invproj/run.h"

double bench_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double bench_processor(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void bench_open(bench *b, const char *experiment, const char *folder)
{
    *b = (bench){.folder = folder};
    MUST(inv_config_read_file(experiment, &b->config));
    MUST(inv_experiment_read(b->config, &b->experiment));
    MUST(inv_dataset_open(b->folder, b->experiment->data.scale, &b->data));
    MUST(inv_dataset_set_validation(b->data, b->experiment->data.validation));
    MUST(inv_net_build(b->config, "network.layers", b->data->shape, b->data->classes, &b->net));
}

void bench_close(bench *b)
{
    inv_net_free(b->inverse);
    inv_net_free(b->net);
    inv_dataset_free(b->data);
    inv_experiment_free(b->experiment);
    inv_config_free(b->config);
}

double bench_train(bench *b, size_t steps)
{
    inv_train_report step;
    inv_learner *trainer = NULL;
    gsl_rng *rng = NULL;
    MUST(inv_rng_alloc(1, "network", &rng));
    inv_net_init(b->net, rng);
    MUST(inv_trainer_alloc(&b->experiment->training, b->net, b->data, 1, &trainer));
    const double start = bench_seconds();
    for (size_t i = 0; i < steps; i++)
        MUST(inv_learner_step(trainer, &step));
    const double time = bench_seconds() - start;
    inv_learner_free(trainer);
    inv_rng_free(rng);
    return time;
}

double bench_invert(bench *b, size_t steps)
{
    inv_inverse_report step;
    inv_learner *inverter = NULL;
    if (!b->inverse)
        MUST(inv_inverse_build(&b->experiment->inverse, b->net, &b->inverse));
    const double start = bench_seconds(), used = bench_processor(); /* with what is done once */
    MUST(inv_inverter_alloc(&b->experiment->inverse, b->net, b->inverse, b->data, 1, &inverter));
    const double once = bench_seconds() - start, used_once = bench_processor() - used;
    for (size_t i = 0; i < steps; i++)
        MUST(inv_learner_step(inverter, &step));
    /* the whole training has more steps, but what is worked out once is not done more often */
    const double part = (double)steps / (double)b->experiment->inverse.steps;
    const double time = bench_seconds() - start - once + part * once;
    b->processor = bench_processor() - used - used_once + part * used_once;
    inv_learner_free(inverter);
    return time;
}

double bench_decode(bench *b, size_t steps)
{
    inv_experiment *e = b->experiment;
    for (size_t i = 0; i < e->inverse_count; i++)
        if (strcmp(e->inverses[i].kind, "decoder") == 0) {
            e->inverse = e->inverses[i];
            return bench_invert(b, steps);
        }
    fprintf(stderr, "bench: the experiment has no decoder\n");
    exit(1);
}

double bench_generate(bench *b, size_t steps)
{
    inv_optimise_report report;
    inv_generator *generator = NULL;
    const double start = bench_seconds();
    MUST(inv_generator_alloc(&b->experiment->generate, b->net, &(inv_material){.seed = 1},
                             &generator));
    for (size_t i = 0; i < steps; i++)
        MUST(inv_generator_step(generator, &report));
    inv_generator_free(generator);
    return bench_seconds() - start;
}

double bench_pixels(bench *b, size_t steps)
{
    inv_optimise_report report;
    inv_generator *generator = NULL;
    inv_generate_spec spec = inv_generate_defaults;
    gsl_rng *rng = NULL;
    snprintf(spec.at, sizeof spec.at, "input");
    snprintf(spec.objective, sizeof spec.objective, "cross_entropy");
    inv_optim_start("adam", &spec.optimise.optimiser);
    spec.optimise.optimiser.rate = 0.05;
    spec.optimise.bounds = (inv_range){0.0, 1.0};
    spec.optimise.start = 0.5;
    spec.optimise.steps = steps;
    MUST(inv_rng_alloc(1, "network", &rng));
    inv_net_init(b->net, rng);
    MUST(inv_generator_alloc(&spec, b->net, &(inv_material){.seed = 1}, &generator));
    const double start = bench_seconds();
    for (size_t i = 0; i < steps; i++)
        MUST(inv_generator_step(generator, &report));
    const double time = bench_seconds() - start;
    inv_generator_free(generator);
    inv_rng_free(rng);
    return time;
}

double bench_make(bench *b, size_t steps)
{
    const inv_maker_spec *spec = &b->experiment->generator;
    const inv_dataset *data = b->data;
    const inv_maker_material material = {data, b->net, data->shape, data->classes, data->pixels};
    union {
        inv_variational_report variational;
        inv_adversarial_report adversarial;
    } report;
    inv_net *decoder = NULL;
    inv_learner *learner = NULL;
    gsl_rng *rng = NULL;
    MUST(inv_rng_alloc(1, "network", &rng));
    inv_net_init(b->net, rng);
    MUST(inv_maker_build(spec, &material, &decoder));
    MUST(inv_maker_alloc(spec, decoder, &material, 1, &learner));
    const double start = bench_seconds();
    for (size_t i = 0; i < steps; i++)
        MUST(inv_learner_step(learner, &report));
    const double time = bench_seconds() - start;
    inv_learner_free(learner);
    inv_net_free(decoder);
    inv_rng_free(rng);
    return time;
}

double bench_infer(bench *b, size_t times)
{
    const size_t count = b->data->test.count, rows = inv_encode_rows(b->net, count);
    gsl_matrix_float *images = NULL;
    gsl_rng *rng = NULL;
    inv_pass *pass = NULL;
    MUST(inv_rng_alloc(1, "network", &rng));
    inv_net_init(b->net, rng);
    MUST(inv_mat_alloc(count, b->data->test.pixels, "images", &images));
    inv_part_rows(&b->data->test, 0, count, images);
    MUST(inv_pass_alloc(b->net, 0, inv_net_depth(b->net), rows, INV_PASS_FORWARD, &pass));
    const double start = bench_seconds();
    for (size_t i = 0; i < times; i++)
        for (size_t first = 0; first < count; first += rows) {
            const size_t n = count - first < rows ? count - first : rows;
            const gsl_matrix_float x =
                inv_mat_over(gsl_matrix_float_const_ptr(images, first, 0), n, images->size2);
            inv_net_forward(b->net, pass, &x);
        }
    const double time = bench_seconds() - start;
    inv_pass_free(pass);
    inv_mat_free(images);
    inv_rng_free(rng);
    return time;
}

double bench_features(bench *b)
{
    gsl_matrix_float *images = NULL;
    const double start = bench_seconds();
    MUST(inv_mat_alloc(inv_net_units(b->inverse, 0), b->data->train.pixels, "features", &images));
    MUST(inv_features_images(b->inverse, b->experiment->features.scale, images));
    inv_mat_free(images);
    return bench_seconds() - start;
}

double bench_project(bench *b)
{
    gsl_matrix_float *x = NULL, *y = NULL;
    size_t at = 0;
    MUST(inv_inverse_point(b->net, b->experiment->inverse.kind, b->experiment->inverse.at, &at));
    MUST(inv_mat_alloc(1000, b->data->test.pixels, "images", &x));
    MUST(inv_mat_alloc(1000, b->data->test.pixels, "projections", &y));
    const double start = bench_seconds();
    for (size_t first = 0; first + 1000 <= b->data->test.count; first += 1000) {
        inv_part_rows(&b->data->test, first, 1000, x);
        MUST(inv_inverse_project(b->net, b->inverse, at, x, y, NULL, NULL));
    }
    const double time = bench_seconds() - start;
    inv_mat_free(x);
    inv_mat_free(y);
    return time;
}

double bench_save(bench *b)
{
    inv_run *run = NULL;
    char path[] = "bench.h5.XXXXXX";
    const int file = mkstemp(path);
    MUST(inv_run_create(&run));
    const double start = bench_seconds();
    MUST(inv_run_put_net(run, "/network", b->net));
    MUST(inv_run_put_net(run, "/inverse/r2rt", b->inverse));
    MUST(inv_run_save(run, path));
    const double time = bench_seconds() - start;
    inv_run_free(run);
    unlink(path);
    close(file);
    return time;
}

double bench_read(bench *b)
{
    inv_dataset *data = NULL;
    const double start = bench_seconds();
    MUST(inv_dataset_open(b->folder, 255.0, &data));
    const double time = bench_seconds() - start;
    inv_dataset_free(data);
    return time;
}
