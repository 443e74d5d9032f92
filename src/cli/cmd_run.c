/* run and train: from an experiment file. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "invproj/file.h"

/* What the stages will ask for, before hours go into the first: each is set up on an untrained net
 * and let go. */
static inv_status check_stages(const cli_session *session)
{
    const inv_experiment *experiment = session->experiment;
    const inv_dataset *data = session->data;
    inv_net *net = NULL, *inverse = NULL;
    inv_learner *trainer = NULL;
    inv_generator *generator = NULL;
    size_t point = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_net_build(session->config, "network.layers", data->shape, data->classes, &net));
    INV_TRY(inv_trainer_alloc(&experiment->training, net, data, session->seed, &trainer));
    if (experiment->has_inverse) {
        INV_TRY(inv_inverse_build(&experiment->inverse, net, &inverse));
        if (experiment->inverse.batch > data->train.count)
            INV_FAIL(INV_ECONFIG, "inverse.batch: %zu, but there are %zu images to train on",
                     experiment->inverse.batch, data->train.count);
    } else if (experiment->has_project ||
               (experiment->has_features && !*experiment->features.layer) ||
               (experiment->has_generate && strcmp(experiment->generate.at, "input") != 0)) {
        INV_FAIL(INV_ECONFIG, "inverse: missing, and project, features, and generate at any point "
                              "but the input need one");
    }
    if (experiment->has_generate && !inv_optimise_needs_gaussians(&experiment->generate.optimise))
        INV_TRY(inv_generator_alloc(&experiment->generate, net,
                                    &(inv_material){data, NULL, session->seed}, &generator));
    if (experiment->has_features)
        INV_TRY(inv_net_point(
            net, *experiment->features.layer ? experiment->features.layer : experiment->features.at,
            &point));
fail:
    inv_learner_free(trainer);
    inv_generator_free(generator);
    inv_net_free(inverse);
    inv_net_free(net);
    return status;
}

/* The stages that an experiment may name, in their order. */
static inv_status run_stages(cli_session *session)
{
    const inv_experiment *experiment = session->experiment;
    const struct {
        bool named;
        const char *name;
        inv_status (*run)(cli_session *session);
    } stages[] = {
        {true, "training", cli_stage_train},
        {experiment->has_inverse, "inverse", cli_stage_invert},
        {experiment->has_project, "project", cli_stage_project},
        {experiment->has_generate, "generate", cli_stage_generate},
        {experiment->has_features, "features", cli_stage_features},
        {experiment->has_exemplars, "exemplars", cli_stage_exemplars},
    };
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        inv_status status = stages[i].named ? stages[i].run(session) : INV_OK;
        if (status != INV_OK)
            return status;
        if (cli_signal())
            return cli_session_stop(session, stages[i].name);
    }
    return INV_OK;
}

inv_status cli_run(const cli_options *options)
{
    char *path = NULL;
    cli_session session = {.lock = -1};
    inv_status status = INV_OK;
    if (!options->out)
        return INV_ERROR(INV_EINVAL, "run: needs -o DIR, the folder to write");
    const bool made = access(options->out, F_OK) != 0;
    INV_TRY(inv_file_make_folder(options->out));
    if (asprintf(&path, "%s/run.h5", options->out) < 0)
        path = NULL;
    if (!path)
        INV_FAIL(INV_ENOMEM, "run: no memory");
    INV_TRY(cli_session_start(options, options->operands[0], path, &session));
    INV_TRY(check_stages(&session));
    INV_TRY(run_stages(&session));
    INV_TRY(cli_print_figures(&session));
    printf("%s\n", path);
fail:
    cli_session_close(&session);
    if (made && status != INV_OK)
        (void)rmdir(options->out); /* which it is only if nothing is in it */
    free(path);
    return status;
}

inv_status cli_train(const cli_options *options)
{
    cli_session session = {.lock = -1};
    inv_status status = INV_OK;
    if (!options->out)
        return INV_ERROR(INV_EINVAL, "train: needs -o RUN.h5, the file to write");
    INV_TRY(cli_session_start(options, options->operands[0], options->out, &session));
    INV_TRY(cli_stage_train(&session));
    INV_TRY(cli_print_figures(&session));
fail:
    cli_session_close(&session);
    return status;
}
